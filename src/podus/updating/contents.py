"""What new statements do to containers that the program goes on with: taken back if the update is.

Only what the statements themselves have done while they ran: what the program does to its data before or after stays.
"""

from __future__ import annotations

from types import CodeType, FunctionType

from podus.program.code import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_MUTABLE = (dict, list, set, bytearray)
# A container that holds more is not copied: it would take too long.
_AT_MOST = 100_000
# How many calls away from a statement a procedure may change what it names.
_CALLS = 4
_ABSENT: Any = object()


class Contents:
    """The containers that some statements may change, as they were, and what has become of them."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}
        self._done: list[tuple[Any, Any, Any]] = []

    def look(self, namespace: dict[str, Any], codes: Iterable[CodeType]) -> None:
        """Note the containers of ``namespace`` that ``codes`` name, or procedures that they call by their names."""
        for name in _names(namespace, codes):
            value: Any = namespace.get(name)
            if type(value) in _MUTABLE and value is not namespace and len(value) <= _AT_MOST:
                self._before.setdefault(id(value), (value, value.copy()))

    def settle(self) -> None:
        """The statements have run: what differs is their doing."""
        self._done = [(value, before, value.copy()) for value, before in self._before.values()]
        self._before = {}

    def undo(self) -> None:
        """Take it back, where the program has not gone on with it since."""
        if self._before:
            self.settle()
        for value, before, after in self._done:
            if type(value) is dict:
                _undo_dict(value, before, after)
            elif type(value) is set:
                value.difference_update(after - before)
                value.update(before - after)
            else:
                _undo_list(value, before, after)
        self._done = []


def _names(namespace: dict[str, Any], codes: Iterable[CodeType]) -> set[str]:
    found: set[str] = set()
    todo = list(codes)
    for _ in range(_CALLS):
        fresh = {name for code in todo for part in walk(code) for name in part.co_names} - found
        found |= fresh
        called = [namespace.get(name) for name in fresh]
        todo = [f.__code__ for f in called if isinstance(f, FunctionType)]
    return found


def _undo_dict(value: dict[Any, Any], before: dict[Any, Any], after: dict[Any, Any]) -> None:
    for key, item in after.items():
        old = before.get(key, _ABSENT)
        if old is item or value.get(key, _ABSENT) is not item:
            continue
        if old is _ABSENT:
            del value[key]
        else:
            value[key] = old
    for key, item in before.items():
        if key not in after and key not in value:
            value[key] = item


def _undo_list(value: Any, before: Any, after: Any) -> None:
    if _same(value, after):
        value[:] = before
    elif _same(after[: len(before)], before):
        # The statements have put something behind what there was.
        for item in reversed(after[len(before) :]):
            for place in range(len(value) - 1, -1, -1):
                if value[place] is item:
                    del value[place]
                    break


def _same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
