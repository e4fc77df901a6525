"""Objects that new code has made or touched, where an update goes back in the middle: they lose its fields, and get those of the old version.

After completion the way back has a plan of its own that says so.
"""

from __future__ import annotations

from contextlib import suppress

from podus.updating.held import GONE, held_by, plain_names
from podus.updating.kept import Kept

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from types import FunctionType
    from typing import Any

    from podus.planning.model import ObjectPart

_write = object.__setattr__


class Midway:
    """The fields of the objects of one class: ``derived`` are the functions that make them, by name, ``value`` gives what one (or the class, without one) makes for an object."""

    def __init__(
        self,
        part: ObjectPart,
        derived: dict[str, FunctionType],
        value: Callable[[Any, str, FunctionType | None], Any],
    ) -> None:
        # No reference of ours to the class itself, which may be replaced.
        self._value = value
        # Which objects had a field of a new one's name before, given to them by the program: a back-out leaves it to them.
        self.own = Kept(f.name for f in part.fields)
        self._known = False
        self._mapped = bool(part.mapper)
        self._computed = {*part.hidden, *part.shown}
        self._new = [f.name for f in part.fields if f.how in ("derived", "default")]
        # Old fields that objects lack which new procedures have made, where the old version's text says what they are.
        self._old = {f.name: derived.get(f.name) for f in part.returning}

    def look(self, objects: Iterable[Any], raw: Collection[str], early: Collection[tuple[int, str]]) -> None:
        """Note which of the objects have a new field already, other than those (``early``, by id and name) that new statements have needed.

        ``raw`` are the fields whose names the class computes.
        """
        for obj in objects:
            own = {
                n: None
                for n in self._new
                if held_by(obj, n, n in raw) is not GONE and (id(obj), n) not in early
            }
            if own:
                self.own.keep(obj, own)
        self._known = True

    @property
    def gives(self) -> bool:
        """Whether objects may need old fields."""
        return bool(self._old)

    def surplus(self) -> list[str]:
        """The new fields that objects may still have when all has gone back: new procedures have set them."""
        sure = self._known and not self._mapped
        return [name for name in self._new if name not in self._computed] if sure else []

    def take_away(self, names: list[str], objects: Iterable[Any]) -> None:
        """Take fields from objects that did not have them before the update."""
        for obj in objects:
            for name in names:
                if name in plain_names(obj) and name not in self.own.take(obj):
                    plain_names(obj).pop(name, None)

    def give_back(self, objects: Iterable[Any]) -> None:
        """Give the fields that the old version's procedures need to objects that do not have them."""
        for obj in objects:
            for name, function in self._old.items():
                if held_by(obj, name, False) is GONE:
                    # What it is made from the program may have taken away: the object stays as it is.
                    with suppress(Exception):
                        _write(obj, name, self._value(obj, name, function))
