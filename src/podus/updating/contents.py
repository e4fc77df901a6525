"""What new statements do to containers that the program goes on with: taken back if the update is, also after it is complete.

Only what the statements themselves have done while they ran: what the program does to its data before or after stays.
"""

from __future__ import annotations

import sys
from operator import setitem
from types import CodeType, FunctionType, ModuleType

from podus.program.code import is_procedure, nested, walk
from podus.updating.held import own_fields
from podus.updating.withdrawn import take_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from podus.updating.binding import Switch

_MUTABLE = (dict, list, set, bytearray)
# A container that holds more is not copied: it would take too long.
_AT_MOST = 100_000
# How many calls away from a statement a procedure may change what it names.
_CALLS = 4
_ABSENT: Any = object()


class Difference:
    """What some statements have done to one container."""

    def __init__(self, container: Any, before: Any, after: Any) -> None:
        self.container = container
        # No more than differs: what is kept here can't go.
        self._items: list[tuple[Any, Any, Any]] = []
        self._lists: tuple[Any, Any] | None = None
        if type(container) is dict:
            for key in dict.fromkeys([*before, *after]):
                old, new = before.get(key, _ABSENT), after.get(key, _ABSENT)
                if old is not new:
                    self._items.append((key, old, new))
        elif type(container) is set:
            self._items += [(item, _ABSENT, item) for item in after - before]
            self._items += [(item, item, _ABSENT) for item in before - after]
        else:
            self._lists = before, after

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
            for item in added:
                if (id(container), id(item)) in entries:
                    continue
                if any(item is other for other in container):
                    switch.do.append((take_out, container, item))
                    switch.undo.append((container.append, item))
        elif _same(container, after):
            switch.do.append((setitem, container, slice(None), before))
            switch.undo.append((setitem, container, slice(None), after))


class Contents:
    """The containers that some statements may change, as they were, and what has become of them."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[Any, Any]] = {}
        self._done: list[tuple[Any, Any, Any]] = []

    def look(self, namespace: dict[str, Any], codes: Iterable[CodeType], program: set[str]) -> None:
        """Note the containers of ``namespace`` that ``codes`` name, or procedures that they call by their names; and those of other modules of
        the ``program`` that they name themselves (``settings.LIMITS["a"] = 1``): more would be what the program's threads are busy with.
        """
        codes = list(codes)
        self._note(namespace, _names(namespace, codes))
        said = {name for code in codes for part in _at_once(code) for name in part.co_names}
        package = str(namespace.get("__package__") or "")
        for name in said:
            value: Any = namespace.get(name)
            for full in (name, f"{package}.{name}"):
                value = value if isinstance(value, ModuleType) else sys.modules.get(full)
            if isinstance(value, ModuleType) and value.__name__ in program and vars(value) is not namespace:
                self._note(vars(value), said)

    def _note(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        for name in names:
            value: Any = namespace.get(name)
            if type(value) in _MUTABLE and value is not namespace and len(value) <= _AT_MOST:
                self._before.setdefault(id(value), (value, value.copy()))

    def look_into(self, value: Any) -> None:
        """Watch a container, or the containers that an object holds, which statements that run now may come to by other ways than a name."""
        for each in (value, *own_fields(value).values()):
            if type(each) in _MUTABLE and len(each) <= _AT_MOST:
                self._before.setdefault(id(each), (each, each.copy()))

    def settle(self) -> None:
        """The statements have run: what differs is their doing."""
        done = [(value, before, value.copy()) for value, before in self._before.values()]
        self._done = [row for row in done if not _same(list(row[1]), list(row[2])) or _differs(*row)]
        self._before = {}

    def differences(self) -> list[Difference]:
        """What the statements have done, for the way back from a complete update."""
        return [Difference(*row) for row in self._done]

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
            for place in range(len(value) - 1, -1, -1):
                if value[place] is item:
                    del value[place]
                    break


def _differs(value: Any, before: Any, after: Any) -> bool:
    """Whether a dictionary with the same keys has other values."""
    return type(value) is dict and any(before.get(key, _ABSENT) is not item for key, item in after.items())


def _same(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
