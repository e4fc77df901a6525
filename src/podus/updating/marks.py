"""Remembering very many objects by their addresses, at little cost and without a stall."""

from __future__ import annotations

from collections import deque
from itertools import compress, repeat
from operator import and_, not_, rshift

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Marks:
    """A mark for each of many objects, by address: one byte for 16, in parts of 512 KiB. A set of ids would stall while it grows."""

    _PART = 23

    def __init__(self) -> None:
        self._parts: dict[int, bytearray] = {}

    def fresh(self, things: dict[int, Any]) -> list[Any]:
        """Mark the objects of ``things`` (by their ids) and return those that had no mark."""
        ids = sorted(things)
        found: list[Any] = []
        start = 0
        while start < len(ids):
            part = ids[start] >> self._PART
            end = len(ids)
            if ids[-1] >> self._PART != part:
                end = position(ids, (part + 1) << self._PART, start)
            chunk = ids[start:end]
            start = end
            marks = self._parts.get(part)
            if marks is None:
                marks = self._parts[part] = bytearray(1 << (self._PART - 4))
            places = list(map(rshift, map(and_, chunk, repeat((1 << self._PART) - 1)), repeat(4)))
            new = list(map(not_, map(marks.__getitem__, places)))
            deque(map(marks.__setitem__, compress(places, new), repeat(1)), 0)
            found += map(things.__getitem__, compress(chunk, new))
        return found


def position(ordered: list[int], value: int, low: int = 0) -> int:
    """Where ``value`` belongs in ``ordered``, from ``low`` on (as ``bisect_left``, which the program need not have loaded)."""
    high = len(ordered)
    while low < high:
        middle = (low + high) // 2
        if ordered[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low
