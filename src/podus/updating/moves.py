"""Definitions and data that have moved to another module: whoever holds them, or objects of theirs, goes along.

A class is given the parts of the new one, and takes its place in the new module. A function can't be given the globals of another
module: where the old module imports it back, the one that is there stands in both modules and calls the new one; elsewhere only the old one
calls the new one.
"""

from __future__ import annotations

import sys
from types import FunctionType

from podus.updating import annotated
from podus.updating.binding import Switch
from podus.updating.find import made_in
from podus.updating.gates import forward
from podus.updating.graft import Keeping, class_into, goes_on
from podus.updating.identity import Identity
from podus.updating.joined import Joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from podus.planning.model import MadePart
    from podus.updating.shadow import Shadow


# What is the same wherever it is made.
_ATOMS = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset)


class Moves:
    """The moves of one update: ``planned`` and ``data`` map old to new names (``module:name``) of definitions and of data, ``made`` tells of the old classes' statements."""

    def __init__(self, planned: dict[str, str], data: dict[str, str], made: dict[str, MadePart]) -> None:
        self.planned = planned | data
        self._data = data
        self.made = made
        self._pairs: list[tuple[Any, Any, str]] = []
        # Of data: what goes on, and what the new module has made.
        self._made_again: list[tuple[Any, Any]] = []

    def keep(self, shadows: dict[str, Shadow], identity: Identity, returning: set[str]) -> None:
        """Have what is kept take its place in the new modules, which nobody uses yet. ``returning``: old names that are imported back."""
        for source, target in self.planned.items():
            (home, name), (place, _) = source.split(":"), target.split(":")
            if home not in sys.modules or place not in sys.modules:
                continue
            before = vars(sys.modules[home]).get(name)
            shadow = shadows.get(place)
            staged = shadow is not None and dict.__contains__(shadow, name)
            value = (
                dict.__getitem__(shadow, name)
                if shadow is not None and staged
                else vars(sys.modules[place]).get(name)
            )
            classes = isinstance(before, type) and isinstance(value, type)
            functions = isinstance(before, FunctionType) and isinstance(value, FunctionType)
            if source in self._data:
                same = identity.of(type(value)) is type(before) and type(value) not in _ATOMS
                if before is value or not same:
                    continue
                identity.data.add(id(value))
                self._made_again.append((before, value))
            elif before is value or not (classes or functions) or getattr(value, "__module__", "") != place:
                continue
            else:
                self._pairs.append((before, value, place))
                # (The new module may have imported it before.)
                had = shadow is not None and shadow.real.get(name) is before
                if not (classes or had or source in returning):
                    continue
            identity.keep(before, value)
            if not staged:
                vars(sys.modules[place])[name] = before
            elif shadow is not None and name in shadow.added:
                dict.__setitem__(shadow, name, before)
                shadow.real[name] = before

    def join(self, come: Callable[[str, str], bool], switch: Switch, identity: Identity) -> None:
        """Plan that registries that go on get the definitions that have come, and that statements have put into the new ones."""
        joined = Joined(come, self.kept(identity), switch)
        for before, value in self._made_again:
            joined.join(before, value)

    def kept(self, identity: Identity) -> Callable[[Any], Any]:
        """What gives the old one of a definition that has moved, or goes on."""
        moved = {id(value): before for before, value, _ in self._pairs}
        return lambda value: moved.get(id(value)) or identity.of(value)

    def _made(self, cls: type) -> MadePart | None:
        return made_in(self.made, cls)

    def collect(self, switch: Switch, identity: Identity) -> Iterator[tuple[type, type]]:
        """Plan what the kept ones become; gives the classes that go into others."""
        for before, value, place in self._pairs:
            if isinstance(before, type):
                part = self._made(before)
                for name, old in list(vars(before).items()):
                    new = vars(value).get(name)
                    if not (isinstance(old, FunctionType) and isinstance(new, FunctionType)) or old is new:
                        continue
                    # What it only names is others' as well: what a library gives all protocols for their constructor.
                    own = old.__qualname__ == f"{before.__qualname__}.{name}"
                    if own and not goes_on(part, before, name, new):
                        # Bound methods hold the old function.
                        _lead(old, new, switch)
                class_into(before, value, switch, Keeping(identity.of, self._made))
                switch.set_class_attribute(before, "__module__", place)
                yield before, value
            else:
                _lead(before, value, switch)


def _lead(old: FunctionType, new: FunctionType, switch: Switch) -> None:
    """Plan that ``old`` calls ``new``, and looks like it."""
    switch.set_attribute(old, "__code__", forward(old, new))
    for name in ("__module__", "__doc__"):
        switch.set_attribute(old, name, getattr(new, name))
    annotated.into(old, new, switch)
    switch.set_item(vars(old), "__wrapped__", new)
