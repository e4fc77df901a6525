"""What new statements do to containers and to attributes of objects that the program goes on with: taken back if the update is, also after it is complete.

Only what the statements themselves have done while they ran: what the program does to its data before or after stays.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from operator import setitem
from types import CodeType, FunctionType, ModuleType

from podus.program.code import is_procedure, nested, walk
from podus.program.operands import named, opcodes
from podus.updating.binding import Switch
from podus.updating.held import TABLES, is_a, own_fields, own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_MUTABLE = (*TABLES, list, set, bytearray)
# A container that holds more is not copied: it would take too long.
_AT_MOST = 100_000
# How many calls away from a statement a procedure may change what it names.
_CALLS = 4
_ABSENT: Any = object()
_SETS = opcodes("STORE_ATTR", "DELETE_ATTR")


class Difference:
    """What some statements have done to one container."""

    def __init__(self, container: Any, before: Any, after: Any) -> None:
        self.container = container
        # No more than differs: what is kept here can't go.
        self._items: list[tuple[Any, Any, Any]] = []
        self._lists: tuple[Any, Any] | None = None
        if type(container) in TABLES:
            for key in dict.fromkeys([*before, *after]):
                old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
                if old is not new:
                    self._items.append((key, old, new))
        elif type(container) is set:
            self._items += [(item, _ABSENT, item) for item in after - before]
            self._items += [(item, item, _ABSENT) for item in before - after]
        else:
            self._lists = before, after

    def holding(self) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        """The tuples and the lists in which what differs is kept: no reference of the program's."""
        return self._items, self._lists or ()

    def take_back(self, switch: Switch, entries: set[tuple[int, int]]) -> None:
        """Plan to take it back where the program has not gone on with it; ``entries`` (ids of containers and items) are taken out by others."""
        container = self.container
        if self._lists is not None:
            self._take_back_list(switch, entries, *self._lists)
        for key, old, new in self._items:
            if (id(container), id(new)) in entries:
                continue
            if type(container) is set:
                if (key in container) == (old is _ABSENT):
                    ops = (set.discard, set.add) if old is _ABSENT else (set.add, set.discard)
                    switch.do.append((ops[0], container, key))
                    switch.undo.append((ops[1], container, key))
            elif container.get(key, _ABSENT) is new:
                if old is _ABSENT:
                    switch.delete_item(container, key)
                else:
                    switch.set_item(container, key, old)

    def _take_back_list(self, switch: Switch, entries: set[tuple[int, int]], before: Any, after: Any) -> None:
        container = self.container
        added = after[len(before) :]
        if _same(after[: len(before)], before):
            for item in reversed(added):
                if (id(container), id(item)) in entries:
                    continue
                if any(item is other for other in container):
                    switch.do.append((_take_last_out, container, item))
                    switch.undo.append((container.append, item))
        elif _same(container, after):
            switch.do.append((setitem, container, slice(None), before))
            switch.undo.append((setitem, container, slice(None), after))


class FieldDifference:
    """What some statements have done to an attribute of an object, or of a class."""

    def __init__(self, obj: Any, name: str, before: Any, after: Any) -> None:
        self._obj, self._name = obj, name
        self._before, self._after = before, after

    def holding(self) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        """As of a :class:`Difference`: it holds all itself."""
        return [], ()

    def take_back(self, switch: Switch, entries: set[tuple[int, int]]) -> None:
        """Plan to take it back if the program has not set it since."""
        own = _own(self._obj)
        if own.get(self._name, _ABSENT) is not self._after:
            return
        if is_a(self._obj, type):
            if self._before is _ABSENT:
                switch.delete_class_attribute(self._obj, self._name)
            else:
                switch.set_class_attribute(self._obj, self._name, self._before)
        elif self._before is _ABSENT:
            switch.delete_item(own, self._name)
        else:
            switch.set_item(own, self._name, self._before)


class Contents:
    """The containers and attributes that some statements may change, as they were, and what has become of them."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}
        self._done: list[tuple[Any, Any, Any]] = []
        # By object's id and attribute.
        self._fields: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        self._fields_done: list[tuple[Any, str, Any, Any]] = []

    def look(self, namespace: dict[str, Any], codes: Iterable[CodeType], program: set[str]) -> None:
        """Note the containers of ``namespace`` that ``codes`` name, or procedures that they call by their names; and those of other modules of
        the ``program`` that they name themselves (``settings.LIMITS["a"] = 1``): more would be what the program's threads are busy with.
        """
        codes = list(codes)
        self._note(namespace, _names(namespace, codes))
        at_once = [part for code in codes for part in _at_once(code)]
        said = {name for part in at_once for name in part.co_names}
        attributes = {name for part in at_once for name in named(part, _SETS)}
        self._note_fields(namespace, said, attributes)
        package = str(namespace.get("__package__") or "")
        for name in said:
            value: Any = namespace.get(name)
            for full in (name, f"{package}.{name}"):
                value = value if isinstance(value, ModuleType) else sys.modules.get(full)
            if isinstance(value, ModuleType) and value.__name__ in program and vars(value) is not namespace:
                self._note(vars(value), said)
                self._note_fields(vars(value), said, attributes)

    def _note(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        for name in names:
            value: Any = namespace.get(name)
            if type(value) in _MUTABLE and value is not namespace and len(value) <= _AT_MOST:
                self._before.setdefault(id(value), (value, value.copy()))

    def _note_fields(self, namespace: dict[str, Any], names: Iterable[str], attributes: set[str]) -> None:
        for name in names if attributes else ():
            value: Any = namespace.get(name)
            own = {} if is_a(value, ModuleType) else _own(value)
            for attribute in attributes:
                known = (value, attribute, own.get(attribute, _ABSENT))
                self._fields.setdefault((id(value), attribute), known)

    def look_into(self, value: Any) -> None:
        """Watch a container, or the containers that an object holds, which statements that run now may come to by other ways than a name."""
        for each in (value, *own_fields(value).values()):
            if type(each) in _MUTABLE and len(each) <= _AT_MOST:
                self._before.setdefault(id(each), (each, each.copy()))

    def watch(self, obj: Any, name: str) -> None:
        """Watch an attribute of an object, or of a class."""
        self._fields.setdefault((id(obj), name), (obj, name, _own(obj).get(name, _ABSENT)))

    @contextmanager
    def around(self, cls: type) -> Iterator[None]:
        """What is done to a class meanwhile, and to containers that it has, is the statements' doing."""
        before = dict(vars(cls))
        inside = [
            (value, value.copy())
            for value in before.values()
            if type(value) in _MUTABLE and len(value) <= _AT_MOST
        ]
        yield
        for name in dict.fromkeys([*before, *vars(cls)]):
            one, other = before.get(name, _ABSENT), vars(cls).get(name, _ABSENT)
            if one is not other:
                self._fields_done.append((cls, name, one, other))
        self._done += _changed(inside)

    def settle(self) -> None:
        """The statements have run: what differs is their doing."""
        self._done += _changed(self._before.values())
        self._before = {}
        for obj, name, before in self._fields.values():
            after = _own(obj).get(name, _ABSENT)
            if after is not before:
                self._fields_done.append((obj, name, before, after))
        self._fields = {}

    def differences(self) -> list[Difference | FieldDifference]:
        """What the statements have done, for the way back from a complete update."""
        fields = [FieldDifference(*row) for row in self._fields_done]
        return [*(Difference(*row) for row in self._done), *fields]

    def forget(self) -> None:
        """The update is complete: the way back is that of its footprint."""
        self._done, self._fields_done = [], []

    def undo(self) -> None:
        """Take it back, where the program has not gone on with it since."""
        if self._before or self._fields:
            self.settle()
        switch = Switch()
        for row in self._fields_done:
            FieldDifference(*row).take_back(switch, set())
        for op in switch.do:
            op[0](*op[1:])
        self._fields_done = []
        for value, before, after in self._done:
            if type(value) in TABLES:
                _undo_dict(value, before, after)
            elif type(value) is set:
                value.difference_update(after - before)
                value.update(before - after)
            else:
                _undo_list(value, before, after)
        self._done = []


def _take_last_out(container: Any, wanted: Any) -> None:
    """Take the last that is ``wanted`` itself out: the statements have put theirs behind what there was, which may be the same number."""
    for place in range(len(container) - 1, -1, -1):
        if container[place] is wanted:
            del container[place]
            return


def _own(value: Any) -> Any:
    return type.__getattribute__(value, "__dict__") if is_a(value, type) else own_names(value)


def _at_once(code: CodeType) -> Iterator[CodeType]:
    """Code, and what of the code in it runs with it: the bodies of classes."""
    yield code
    for part in nested(code):
        if not is_procedure(part):
            yield from _at_once(part)


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
            _take_last_out(value, item)


def _differs(value: Any, before: Any, after: Any) -> bool:
    """Whether a dictionary with the same keys has other values."""
    return type(value) in TABLES and any(before.get(key, _ABSENT) is not item for key, item in after.items())


def _changed(rows: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Any, Any]]:
    """Of containers, each with what it held before, those that hold something else; and what that is."""
    done = [(value, before, value.copy()) for value, before in rows]
    return [row for row in done if not _same(list(row[1]), list(row[2])) or _differs(*row)]


def _same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
