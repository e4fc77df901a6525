"""What takes the place of a definition that can't be kept: registries, names and objects that hold the old one get it at the same instant.

A function that gets a decorator, or loses one, and what a decorator has made that is no function (``lru_cache``, an object of a class) and is made
again. What can't be found from the program's modules holds the old one on: a function leads to the new one, anything else stays what it was.
"""

from __future__ import annotations

import functools
from collections import deque
from gc import get_referents
from types import CellType, FunctionType

from podus.updating.breath import Breath
from podus.updating.find import cell_contents
from podus.updating.held import each_slot, is_a, module_of, own_names
from podus.updating.identity import AT_MOST, is_leaf, is_ours
from podus.updating.withdrawn import take_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Switch


class Successors:
    """The definitions of the modules ``program`` that others take the place of."""

    def __init__(self, program: set[str]) -> None:
        self.program = program
        # By the ids of the old ones: these, the new ones, and when.
        self._rows: dict[int, tuple[Any, Any, Switch]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, old: Any, new: Any, switch: Switch) -> None:
        """Have ``new`` take the place of ``old`` when ``switch`` is carried out."""
        self._rows[id(old)] = (old, new, switch)

    def of(self, old: Any) -> tuple[Any, Any, Switch] | None:
        """The old one itself, what takes its place, and when; None if nothing does."""
        return self._rows.get(id(old))

    def spread(self, roots: Iterable[Any]) -> None:
        """Plan it for all that holds one of them and can be come to from ``roots``."""
        breath = Breath()
        seen: dict[int, Any] = {}
        todo = list(roots)
        while todo and len(seen) < AT_MOST:
            value = todo.pop()
            if is_leaf(value) or id(value) in seen or id(value) in self._rows:
                continue
            if is_ours(value):
                continue
            seen[id(value)] = value
            if len(seen) % 64 == 0:
                breath()
            todo += self._inside(value)

    def _inside(self, value: Any) -> list[Any]:
        """Plan it for what ``value`` itself holds; returns what to look into next."""
        kind = type(value)
        if is_a(value, type):
            if module_of(value) not in self.program:
                return []
            names = type.__getattribute__(value, "__dict__")
            for name, item in list(names.items()):
                if row := self.of(item):
                    row[2].set_class_attribute(value, name, row[1])
            return list(names.values())
        if kind is FunctionType:
            return self._function(value)
        if is_a(value, dict):
            for key, item in list(dict.items(value)):
                if row := self.of(item):
                    row[2].set_item(value, key, row[1])
            return list(dict.values(value))
        held = get_referents(value)
        for row in (
            [row for item in held if (row := self.of(item))] if self._rows.keys() & set(map(id, held)) else ()
        ):
            self._held(value, kind, *row)
        return [item for item in held if not is_a(item, type)]

    def _function(self, value: FunctionType) -> list[Any]:
        if value.__module__ not in self.program:
            return []
        for row in [row for item in value.__defaults__ or () if (row := self.of(item))]:
            defaults = tuple(row[1] if item is row[0] else item for item in value.__defaults__ or ())
            row[2].set_attribute(value, "__defaults__", defaults)
        for cell in value.__closure__ or ():
            for item in cell_contents(cell):
                if row := self.of(item):
                    row[2].set_attribute(cell, "cell_contents", row[1])
        inner = [item for cell in value.__closure__ or () for item in cell_contents(cell)]
        return [*(value.__defaults__ or ()), value.__kwdefaults__, value.__dict__, *inner]

    def _held(self, value: Any, kind: type, old: Any, new: Any, switch: Switch) -> None:
        """One object of another kind that holds an old one."""
        if kind in (list, deque):
            entry = _Entry(value, old, new)
            switch.do.append((entry.succeed,))
            switch.undo.append((entry.come_back,))
        elif kind is set:
            switch.do += [(set.discard, value, old), (set.add, value, new)]
            switch.undo += [(set.discard, value, new), (set.add, value, old)]
        elif kind is functools.partial:
            rest = (value.args, value.keywords, vars(value) or None)
            if value.func is old:
                switch.do.append((value.__setstate__, (new, *rest)))
                switch.undo.append((value.__setstate__, (old, *rest)))
        elif kind is CellType:
            switch.set_attribute(value, "cell_contents", new)
        elif kind not in (tuple, frozenset):
            for name, item in list(own_names(value).items()):
                if item is old:
                    switch.set_item(own_names(value), name, new)
            for _, slot in each_slot(kind):
                try:
                    item = slot.__get__(value, kind)
                except AttributeError:
                    continue
                if item is old:
                    switch.do.append((slot.__set__, value, new))
                    switch.undo.append((slot.__set__, value, old))


class _Entry:
    """An entry of a list, and the ``new`` one that takes its place; where a decorator has put that in as well, it moves there."""

    def __init__(self, container: Any, old: Any, new: Any) -> None:
        self._container = container
        self._old = old
        self._new = new
        self._taken: list[int] = []

    def succeed(self) -> None:
        """Put the new one where the old one is."""
        twice = self._has(self._old) and self._has(self._new)
        if twice:
            take_out(self._container, self._new)
        places = [place for place, item in enumerate(self._container) if item is self._old]
        for place in places:
            self._container[place] = self._new
        self._taken = places if twice else []

    def come_back(self) -> None:
        """Put the old one where it was. A new one that a decorator has put in is taken out as all that it has registered is."""
        taken, self._taken = self._taken, []
        if self._has(self._old):
            # It has been put back as all that was taken out of registries is.
            return
        for place in taken:
            self._container.insert(place, self._old)
        for place, item in enumerate(self._container) if not taken else ():
            if item is self._new:
                self._container[place] = self._old

    def _has(self, wanted: Any) -> bool:
        return any(item is wanted for item in self._container)
