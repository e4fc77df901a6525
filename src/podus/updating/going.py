"""Attributes of classes that the text of the new version does not give where the old one did: they go, unless something else gives them.

What was in the body of a class may be set by a statement behind it (``E.area = area``, ``setup(E)``) or by its metaclass now, and the other way round.
"""

from __future__ import annotations

from types import FunctionType

from podus.updating.gates import forward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Switch
    from podus.updating.contents import Contents

_ABSENT: Any = object()


class Going:
    """Those of one update. ``contents`` notes what statements do to them while they run."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._before: dict[tuple[int, str], Any] = {}
        self._rows: list[tuple[type, str, Switch]] = []

    def watch(self, cls: type, names: Iterable[str]) -> None:
        """Note what a class has under names that it may lose, before any statement runs."""
        for name in names:
            self._before.setdefault((id(cls), name), vars(cls).get(name, _ABSENT))
            self._contents.watch(cls, name)

    def add(self, cls: type, name: str, switch: Switch) -> None:
        """Have the attribute go with ``switch``, if nothing gives it."""
        self._rows.append((cls, name, switch))

    def settle(self, switches: Iterable[Switch], base: Switch) -> None:
        """Plan it; ``switches`` are all that give anything. Who holds a function that a statement has put another one in place of reaches that."""
        given = {
            (id(op[1]), op[2]): op[3] for switch in switches for op in switch.do if op[0] is type.__setattr__
        }
        for cls, name, switch in self._rows:
            there = vars(cls).get(name, _ABSENT)
            before = self._before.get((id(cls), name), there)
            value = given.get((id(cls), name), there)
            if value is before and any((id(meta), name) in given for meta in type.mro(type(cls))):
                switch.delete_past_metaclass(cls, name)
            elif value is before:
                switch.delete_class_attribute(cls, name)
            elif isinstance(before, FunctionType) and isinstance(value, FunctionType):
                base.set_attribute(before, "__code__", forward(before, value))
        # Who holds what goes is asked for soon.
        self._before.clear()
        self._rows.clear()
