"""What live objects held in fields that an update dropped, kept aside for as long as it can be backed out."""

from __future__ import annotations

import weakref
from collections.abc import Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Reference(weakref.ref["Any"]):
    __slots__ = ("ident",)
    ident: int


class Kept:
    """The dropped values by object; an object's end is theirs. ``names`` are the fields that are dropped."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._values: dict[int, tuple[_Reference, dict[str, Any]]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def keep(self, obj: Any, values: dict[str, Any]) -> None:
        """Keep what ``obj`` held. Nothing is kept of an object that can't be referred to weakly: nobody would say when it ends."""
        try:
            reference = _Reference(obj, self._ended)
        except TypeError:
            return
        reference.ident = id(obj)
        self._values[id(obj)] = (reference, values)

    def take(self, obj: Any) -> dict[str, Any]:
        """What is kept of ``obj``."""
        row = self._values.get(id(obj))
        return row[1] if row is not None and row[0]() is obj else {}

    def _ended(self, reference: _Reference) -> None:
        self._values.pop(reference.ident, None)
