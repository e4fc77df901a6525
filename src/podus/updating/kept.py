"""What live objects held in fields that an update dropped, kept aside for as long as it can be backed out."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

from podus.updating.breath import Breath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# One dictionary of a million would stall while it grows.
_LAST = (1 << 10) - 1


class Reference(weakref.ref["Any"]):
    """To an object of which something is kept."""

    __slots__ = ("ident", "values")
    ident: int
    values: dict[str, Any]


class Kept:
    """The dropped values by object; an object's end is theirs. ``names`` are the fields that are dropped."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._parts: dict[int, dict[int, Reference]] = {}

    def __len__(self) -> int:
        return sum(map(len, list(self._parts.values())))

    def keep(self, obj: Any, values: dict[str, Any]) -> None:
        """Keep what ``obj`` held. Nothing is kept of an object that can't be referred to weakly: nobody would say when it ends."""
        try:
            reference = Reference(obj, self._ended)
        except TypeError:
            return
        ident = reference.ident = id(obj)
        reference.values = values
        self._part(ident)[ident] = reference

    def take(self, obj: Any) -> dict[str, Any]:
        """What is kept of ``obj``."""
        reference = self._part(id(obj)).get(id(obj))
        return reference.values if reference is not None and reference() is obj else {}

    def let_go(self) -> None:
        """Let go of all, piece by piece: there may be as many as the program has objects."""
        breath = Breath(long=True)
        for part in list(self._parts.values()):
            # Some may end meanwhile.
            for ident in list(part):
                part.pop(ident, None)
            breath()

    def _part(self, ident: int) -> dict[int, Reference]:
        place = ident >> 12 & _LAST
        try:
            return self._parts[place]
        except KeyError:
            return self._parts.setdefault(place, {})

    def _ended(self, reference: Reference) -> None:
        self._part(reference.ident).pop(reference.ident, None)
