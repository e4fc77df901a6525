"""What an update did to names, classes and registries, kept so that a back-out can take back just that.

A back-out is an update like any other as far as procedures, data and objects go: they switch by the same rule of activity. What the new
version's statements made is not made again from the old version's text, though: the names and attributes get the very objects
back that they had, and what a decorator or ``__init_subclass__`` put into a registry is taken out of it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Set
from types import FunctionType, ModuleType

from podus.updating.binding import Switch
from podus.updating.held import HEAP, TABLES, is_a, own_names
from podus.updating.replace import Replacement
from podus.updating.withdrawn import holds, is_record, nested, registry_of, take_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.contents import Difference, FieldDifference

# A container that holds more than this is no registry of definitions.
_AT_MOST = 100_000
_MUTABLE = (*TABLES, list, set)
_DEFINITIONS = (type, FunctionType, staticmethod, classmethod, property, functools.partial)


class Footprint:
    """The undoing of one update's statements.

    ``base`` is what took effect first of all, ``redefined`` what went with a procedure (by its name in the version before), ``data`` with a
    datum, ``removals`` what happened at the end.
    """

    def __init__(self) -> None:
        self.base: list[Op] = []
        self.redefined: dict[str, list[Op]] = {}
        self.data: dict[str, list[Op]] = {}
        self.removals: list[Op] = []
        # The classes that others have taken the place of.
        self.replacement = Replacement()
        # Names of data that was there before, also where no statement of the old version bound it.
        self.there: set[str] = set()
        self.entries: list[Entry] = []
        # What statements did to data that goes on.
        self.contents: list[Difference | FieldDifference] = []
        # What single-dispatch functions remember of a registry that has changed.
        self.caches: list[dict[Any, Any]] = []
        # What tells those of changed registries who go by a count of their changes.
        self.told: list[Op] = []

    def take_back(
        self, skip: set[tuple[int, str]], grouped: set[str], kept: Iterable[Any] = ()
    ) -> tuple[Switch, dict[str, Switch], dict[str, Switch], Switch]:
        """The switches of a back-out: at once, with procedures, with data, and at its end.

        ``skip`` names what is kept as the program has it now, by the id of its namespace and the name; ``grouped`` the data that
        goes at the instant at which its users do, also where it goes away. Whoever else has what is ``kept`` goes on with it as well.
        """
        removals, going = Switch(), set[tuple[int, str]]()
        # (None and numbers may be had from elsewhere.)
        values = {id(value) for value in kept if type(value) in _MUTABLE or type(value).__flags__ & HEAP}

        def reverse(undo: list[Op], name: str = "") -> Switch:
            switch = Switch()
            ops = [op for op in undo if not _is_kept(op, values)] if values else undo
            _reverse(ops, skip, switch, switch if name in grouped else removals, going)
            return switch

        base = reverse(self.removals)
        base.extend(reverse(self.base))
        redefined = {name: reverse(ops) for name, ops in self.redefined.items()}
        data = {name: reverse(ops, name) for name, ops in self.data.items()}
        for entry in self.entries:
            entry.take_back(base)
        taken_out = {(id(entry.container), id(entry.value)) for entry in self.entries}
        for difference in self.contents:
            difference.take_back(base, taken_out)
        for cache in self.caches:
            base.do.append((dict.clear, cache))
        base.do += self.told
        removals.do += self.told
        return base, redefined, data, removals


def _is_kept(op: Op, values: set[int]) -> bool:
    """Whether an operation gives something else to who has one of the ``values`` now."""
    if op[0] is dict.__setitem__:
        return id(op[1].get(op[2])) in values
    if op[0] is type.__setattr__:
        return id(vars(op[1]).get(op[2])) in values
    if op[0] is setattr and op[2] in ("cell_contents", "__defaults__"):
        held = getattr(op[1], op[2], None)
        return id(held) in values or (type(held) is tuple and not values.isdisjoint(map(id, held)))
    return False


def _reverse(
    undo: list[Op], skip: set[tuple[int, str]], switch: Switch, removals: Switch, going: set[tuple[int, str]]
) -> None:
    """Plan the operations ``undo``, last first; what only takes names away goes to ``removals``, once each."""
    for op in reversed(undo):
        action = op[0]
        if action is dict.__setitem__:
            if (id(op[1]), op[2]) not in skip:
                switch.set_item(op[1], op[2], op[3])
        elif action is dict.pop:
            if (id(op[1]), op[2]) not in skip | going:
                going.add((id(op[1]), op[2]))
                removals.delete_item(op[1], op[2])
        elif action is type.__setattr__:
            switch.set_class_attribute(op[1], op[2], op[3])
        elif action is type.__delattr__:
            if (id(op[1]), op[2]) not in going:
                going.add((id(op[1]), op[2]))
                # What a class was given (a frozen dataclass's __setattr__) goes with the rest of it.
                given = isinstance(vars(op[1]).get(op[2]), FunctionType) and op[2].startswith("__")
                (switch if given else removals).delete_class_attribute(op[1], op[2])
        elif action is setattr and hasattr(op[1], op[2]):
            switch.set_attribute(op[1], op[2], op[3])
        else:
            switch.do.append(op)


class Entry:
    """A definition that statements put into a registry, and what was in its place."""

    def __init__(self, container: Any, key: Any, value: Any, before: tuple[Any, ...]) -> None:
        self.container = container
        self.key = key
        self.value = value
        self.before = before

    def take_back(self, switch: Switch) -> None:
        """Plan to take the definition out, if it is still there."""
        container = self.container
        if type(container) in TABLES:
            if container.get(self.key) is self.value:
                if self.before:
                    switch.set_item(container, self.key, self.before[0])
                else:
                    switch.delete_item(container, self.key)
        elif type(container) is set:
            if self.value in container:
                switch.do.append((set.discard, container, self.value))
                switch.undo.append((set.add, container, self.value))
        else:
            for place, item in enumerate(container):
                if item is self.value:
                    switch.do.append((take_out, container, item))
                    switch.undo.append((list.insert, container, place, item))
                    break


def overloads_of(module: Any) -> list[dict[Any, Any]]:
    """Where ``typing`` keeps the overloads of a module's procedures, by line."""
    known = getattr(sys.modules.get("typing"), "_overload_registry", {})
    return list(known[module].values()) if module in known else []


def drop_overloads(entries: Iterable[Entry], modules: Iterable[str], removals: Switch) -> None:
    """Plan to drop the overloads of procedures that have been overloaded anew: all of one name run again, perhaps in other lines."""
    made: dict[int, set[int]] = {}
    for entry in entries:
        made.setdefault(id(entry.container), set()).add(id(entry.value))
    for overloads in (found for module in modules for found in overloads_of(module)):
        new = made.get(id(overloads))
        for line, function in list(overloads.items()):
            if new is not None and id(function) not in new:
                removals.delete_item(overloads, line)


class Registries:
    """The containers that a module's statements may put definitions into, as they were before."""

    def __init__(self, program: set[str]) -> None:
        self._program = program
        self._before: dict[int, tuple[Any, Any]] = {}
        self._words: set[str] = set()
        # Objects that hold a function which new statements have made, by their ids: others' are the program's own.
        self._holders: dict[int, Any] = {}

    def look(self, namespace: dict[str, Any], said: Set[str] = frozenset()) -> None:
        """Note the containers that the names of a module lead to, and those of its classes and single-dispatch functions.

        Of objects of a library's classes where the name is ``said`` by a statement: ``@router.get("/")``.
        """
        for name, value in list(namespace.items()):
            self._note(value, namespace)
            library = name in said and type(value).__flags__ & HEAP and not is_a(value, ModuleType)
            if not is_a(value, type) and (library or type(value).__module__ in self._program):
                for inner in list(own_names(value).values()):
                    self._note(inner, namespace)
            if is_a(value, type) and value.__module__ == namespace.get("__name__"):
                # A base in another module may keep a list of those below it.
                for base in type.__getattribute__(value, "__mro__")[:-1]:
                    for inner in list(vars(base).values()):
                        self._note(inner, namespace)
                        self._note(registry_of(inner), namespace)
            self._note(registry_of(value), namespace)
        for overloads in overloads_of(namespace.get("__name__")):
            self._note(overloads, namespace)

    def _note(self, value: Any, namespace: dict[str, Any]) -> None:
        if type(value) in _MUTABLE and value is not namespace and len(value) <= _AT_MOST:
            for container in nested([value]):
                self._before.setdefault(id(container), (container, container.copy()))

    def find_holders(self, codes: set[int]) -> None:
        """Find the objects in the containers that hold a function made from ``codes`` (their ids): ``Route("/", view)``."""
        for value, before in self._before.values():
            known = set(map(id, before.values() if type(before) in TABLES else before))
            for item in list(value.values() if type(value) in TABLES else value):
                if id(item) not in known and holds(item, codes):
                    self._holders[id(item)] = item

    def once(self, made: Iterable[str], there: Iterable[str]) -> None:
        """Take the classes ``made`` by name: lists of names are registries, too. Of those that were ``there`` one entry each is left.

        A class that is made again runs through its hooks again. What doesn't name it is the program's own: other threads use lists, too.
        """
        self._words = {name.rpartition(".")[2] for name in made}
        again = {name.rpartition(".")[2] for name in there}
        for value, before in self._before.values() if again else ():
            if type(value) is list:
                for place in range(len(value) - 1, len(before) - 1, -1):
                    if _is_named(value[place], again) and value[place] in before:
                        del value[place]

    def entries(self) -> Iterable[Entry]:
        """What has been put in since: definitions only, for the program's other threads go on using the containers."""
        for value, before in [*self._before.values(), *self._come()]:
            if type(value) in TABLES:
                for key, item in list(value.items()):
                    old = (before[key],) if key in before else ()
                    if not (old and old[0] is item) and (_is_definition(item) or id(item) in self._holders):
                        yield Entry(value, key, item, old)
            elif type(value) is set:
                for item in list(value):
                    if item not in before and self._is_registered(item):
                        yield Entry(value, None, item, ())
            else:
                known = set(map(id, before))
                for place, item in enumerate(list(value)):
                    new = place >= len(before) if type(item) is str else id(item) not in known
                    if new and self._is_registered(item):
                        yield Entry(value, None, item, ())

    def _come(self) -> list[tuple[Any, Any]]:
        """The containers that have been put into others since: ``handlers.setdefault(event, [])``."""
        found: dict[int, Any] = {}
        for value, before in self._before.values():
            # What was in there already was there, however deep nobody has looked.
            there = set(map(id, before.values() if type(before) in TABLES else before))
            for inner in nested([value], 1):
                if inner is not value and id(inner) not in there and id(inner) not in self._before:
                    found.update((id(each), each) for each in nested([inner]) if id(each) not in self._before)
        return [(inner, {} if type(inner) in TABLES else type(inner)()) for inner in found.values()]

    def lists(self) -> list[tuple[list[Any], list[Any]]]:
        """The lists, each with what it held before."""
        return [(value, before) for value, before in self._before.values() if type(value) is list]

    def forget(self) -> None:
        """Let go of the copies."""
        self._before.clear()
        self._holders.clear()

    def _is_registered(self, item: Any) -> bool:
        if is_record(item):
            return any(map(_is_definition, item.values() if type(item) in TABLES else item))
        return _is_definition(item) or _is_named(item, self._words) or id(item) in self._holders


def _is_named(item: Any, words: set[str]) -> bool:
    """Whether a text, or one in a tuple, has one of the words in it."""
    texts = item if type(item) is tuple else (item,)
    return any(word in text for text in texts if type(text) is str for word in words)


def _is_definition(value: Any) -> bool:
    if type(value) is tuple:
        return any(map(_is_definition, value))
    if is_a(value, _DEFINITIONS):
        return True
    try:
        return is_a(object.__getattribute__(value, "__wrapped__"), FunctionType)
    except AttributeError:
        return False
