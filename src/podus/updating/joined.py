"""A registry that has moved to another module: it goes on, and what the statements of the new modules have put into the new one comes to it.

A module that is split, or becomes a package, has its handlers registered in a table that is made once more; whoever holds the old one keeps it.
"""

from __future__ import annotations

from types import FunctionType

from podus.updating.held import HEAP, TABLES, is_a, module_of, own_fields, own_names
from podus.updating.withdrawn import held_in, take_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from podus.updating.binding import Switch

# Registries in fields of objects, events, lists: so deep they are looked into.
_DEPTH = 4
# A container that holds more than this is no registry of definitions.
_AT_MOST = 100_000
_PLAIN_KEYS = (str, bytes, int, float, type, FunctionType, tuple)


class Joined:
    """``come`` tells of the name of a module and that of a definition whether that is new; ``kept`` gives what goes on in place of a definition."""

    def __init__(self, come: Callable[[str, str], bool], kept: Callable[[Any], Any], switch: Switch) -> None:
        self._come = come
        self._kept = kept
        self._switch = switch

    def join(self, before: Any, value: Any, depth: int = _DEPTH) -> None:
        """Plan that ``before``, which goes on, gets the definitions that ``value``, which does not, has and it lacks."""
        kind = type(before)
        if before is value or type(value) is not kind or depth == 0:
            return
        if kind in (*TABLES, list, set) and max(len(before), len(value)) > _AT_MOST:
            return
        if kind in TABLES:
            for key, item in list(dict.items(value)):
                self._item(before, key, item, depth)
        elif kind is list:
            for item in map(self._as_kept, filter(self._is_new, list(value))):
                self._switch.do.append((list.append, before, item))
                self._switch.undo.append((take_out, before, item))
        elif kind is set:
            for item in filter(self._is_new, list(value)):
                self._switch.do.append((set.add, before, item))
                self._switch.undo.append((set.discard, before, item))
        elif kind.__flags__ & HEAP and not is_a(before, type):
            names = own_names(value)
            for name, held in list(own_names(before).items()):
                if name in names:
                    self.join(held, names[name], depth - 1)

    def _item(self, before: dict[Any, Any], made: Any, item: Any, depth: int) -> None:
        key = self._kept(made)
        if not is_a(key, _PLAIN_KEYS):
            # What it is equal to is the program's code.
            return
        there = key in before
        if self._is_new(item) and (not there or self._is_definition(before[key])):
            self._switch.set_item(before, key, self._as_kept(item))
        elif there:
            self.join(before[key], item, depth - 1)
        elif type(item) in (*TABLES, list) and any(map(self._is_new, held_in(item))):
            self._switch.set_item(before, key, self._as_kept(item))

    @staticmethod
    def _is_definition(value: Any) -> bool:
        return is_a(value, type) or type(value) is FunctionType

    def _is_new(self, item: Any) -> bool:
        """Whether it is a definition that the new modules bring, or a record or an object that tells of one."""
        if self._is_definition(item):
            module = item.__module__ if type(item) is FunctionType else module_of(item)
            return self._kept(item) is item and self._come(module, item.__qualname__)
        if type(item) is tuple:
            return any(map(self._is_new, item))
        if type(item).__flags__ & HEAP:
            return any(self._is_definition(part) and self._is_new(part) for part in own_fields(item).values())
        return False

    def _as_kept(self, item: Any) -> Any:
        """The same with what goes on in place of what does not."""
        if type(item) is tuple:
            return tuple(map(self._as_kept, item))
        if type(item) is list:
            return list(map(self._as_kept, item))
        if type(item) is dict:
            return {key: self._as_kept(held) for key, held in item.items()}
        return self._kept(item)


def once_each(lists: Iterable[tuple[list[Any], list[Any]]], kept: Callable[[Any], Any]) -> None:
    """Take out of lists (each with what it held before) what statements have put in once more: a definition that has moved is there already."""
    for container, before in lists:
        there = {key for item in before if (key := _key(item, kept)) is not None}
        known = set(map(id, before))
        for place in range(len(container) - 1, -1, -1):
            if id(container[place]) not in known and _key(container[place], kept) in there:
                del container[place]


def _key(item: Any, kept: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """Equal for two entries that tell the same of one definition; None for what tells of none, or holds anything else that could differ."""
    if is_a(item, type) or type(item) is FunctionType:
        return (id(kept(item)),)
    record = type(item).__flags__ & HEAP
    parts = tuple(item) if type(item) is tuple else tuple(own_fields(item).values()) if record else ()
    if not any(is_a(part, type) or type(part) is FunctionType for part in parts):
        return None
    keys: list[Any] = [type(item)]
    for part in parts:
        if type(part) in (str, bytes, int, float, bool, type(None)):
            keys.append((type(part), part))
        elif is_a(part, type) or type(part) is FunctionType:
            keys.append(id(kept(part)))
        else:
            return None
    return tuple(keys)
