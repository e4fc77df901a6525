"""Which definitions of the two versions are one: what new statements have made again goes into the one that is there, wherever it has got to.

Two definitions may have one name (``def _``), one may have moved, or be imported from elsewhere now; a class that can't be changed where it is
is replaced.
"""

from __future__ import annotations

import enum
import sys
from functools import cached_property
from types import CodeType, FunctionType

from podus.planning.model import ClassPart, MadePart, ModulePart, Plan
from podus.program.code import procedures
from podus.updating.binding import Switch, can_become
from podus.updating.contents import Contents
from podus.updating.find import made_in, own_definition, program_modules
from podus.updating.going import Going
from podus.updating.graft import (
    Keeping,
    can_be_marker,
    is_data,
    replaced_into,
)
from podus.updating.held import is_a, module_of
from podus.updating.identity import Identity
from podus.updating.lineage import Lineage
from podus.updating.naming import Naming
from podus.updating.replace import Replacement, copy_of, needs_replacing
from podus.updating.shadow import Shadow
from podus.updating.slots import Room
from podus.updating.successors import Successors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from podus.pup.agent import Agent


class Matching:
    """What a stage has run, and which of it goes on as what there was."""

    def __init__(self, agent: Agent, plan: Plan) -> None:
        self.agent = agent
        self.plan = plan
        self.base = Switch()
        self.data: dict[str, Switch] = {}
        self.redefined: dict[str, Switch] = {}
        self.removals = Switch()
        self.codes: dict[str, CodeType] = {}
        # By module: the code of the new version.
        self.module_codes: dict[str, CodeType] = {}
        self.shadows: dict[str, Shadow] = {}
        self.class_shadows: dict[str, list[tuple[type, ClassPart, Shadow]]] = {}
        self.lineage = Lineage(
            self.shadows,
            [part.name for part in plan.modules if part.action == "import"],
            {part.name: _gone_of(part) for part in plan.modules},
        )
        self.identity = Identity(set())
        # A class that takes the place of another one goes on itself, wherever a name leads to it.
        self.identity.is_other = lambda before, value: (
            self._is_other(before, value)
            or self.replacement.has(before, value)
            or not self._same(before, value)
        )
        self.contents = Contents()
        self.going = Going(self.contents)
        self.naming = Naming({})
        # Of classes that get other slots: room that new statements may fill already.
        self.rooms: dict[type, Mapping[str, Room]] = {}
        self.identity.rooms = self.rooms
        self.replacement = Replacement()
        # What goes into what, by their ids.
        self._gone_into: dict[tuple[int, int], tuple[Any, Any]] = {}
        self.keeping = Keeping(
            self.identity.of,
            self._made,
            self._place,
            self.identity.made,
            self._attributes,
            self.replacement.has,
            self._same,
            self._is_other,
            self._steady_defaults,
            lambda cls: f"{cls.__module__}:{cls.__qualname__}" in plan.metaclassed,
        )
        # By module: how the definitions of the two versions are told apart.
        self._names: dict[str, tuple[dict[int, str], dict[int, str]]] = {}
        self._places: dict[str, dict[tuple[str, int], str]] = {}
        self._successors = Successors(set())
        self.notes: list[str] = []

    def switch_for(self, name: str) -> Switch:
        """The switch that ``name`` belongs to: its procedure's, its datum's, or the first one of all."""
        if name in self.procedure_names:
            return self.redefined.setdefault(name, Switch())
        if any(name in group.data or name in group.mappers for group in self.plan.groups):
            return self.data.setdefault(name, Switch())
        return self.base

    def _place(self, procedure: str) -> Switch | None:
        """The switch of a method of a class that is made again."""
        return self.redefined.setdefault(procedure, Switch()) if procedure in self.procedure_names else None

    def _is_other(self, before: Any, value: Any) -> bool:
        """Whether a value is no version of what was there, but something else that was there as well."""
        if can_be_marker(before, value):
            return self.lineage.is_other_marker(value, self.agent.module_names())
        return self.lineage.is_other(before, value)

    def _attributes(self, function: FunctionType) -> Collection[str] | None:
        part = next((part for part in self.plan.modules if part.name == function.__module__), None)
        if part is None or "<locals>" in function.__qualname__:
            return ()
        return part.decorated.get(function.__qualname__)

    def _steady_defaults(self, function: FunctionType) -> Collection[str]:
        part = next((part for part in self.plan.modules if part.name == function.__module__), None)
        return () if part is None else part.steady_defaults.get(function.__qualname__, ())

    def _made(self, cls: type) -> MadePart | None:
        """What is known of the statement that made a class."""
        return made_in(self.plan.made, cls)

    @cached_property
    def procedure_names(self) -> set[str]:
        """The procedures that switch in groups."""
        return {name for group in self.plan.groups for name in group.procedures}

    def keep_identities(self) -> None:
        """Put what is kept wherever a definition that was made again has got to."""
        staged: list[tuple[Shadow, list[tuple[str, Any, Any]]]] = []
        for part in self.plan.modules:
            shadow = self.shadows.get(part.name)
            if shadow is not None:
                rows = [
                    (n, own_definition(shadow.real, n, part.removed), v)
                    for n, v in shadow.items()
                    if n not in shadow.added
                ]
                for _, before, value in rows:
                    self._keep_its_module(part, shadow.real, before, value)
                rows = [row for row in rows if self._relation(part, *row)[0]]
                staged.append((shadow, rows))
            for cls, row, target in self.class_shadows.get(part.name, ()):
                self._keep_module_of_methods(part, cls, target)
                rows = [(n, own_definition(vars(cls), n, row.removed), v) for n, v in target.items()]
                rows = [row for row in rows if self._same(*row[1:]) and not self._is_other(*row[1:])]
                staged.append((target, rows))
        self._replace(staged)
        modules_own = {id(shadow) for shadow in self.shadows.values()}
        for shadow, rows in staged:
            for _, before, value in rows:
                if self.replacement.has(before, value):
                    continue
                functions = isinstance(before, FunctionType) and isinstance(value, FunctionType)
                classes = isinstance(before, type) and isinstance(value, type)
                # A marker that a class names by an attribute is the module's that makes it, if it is any's.
                marks = id(shadow) in modules_own and can_be_marker(before, value)
                if classes or (functions and can_become(before, value)) or marks:
                    self.identity.keep(before, value)
        modules = program_modules(self.agent.module_names())
        self.identity.program.update(module.__name__ for module in modules)
        if not self.identity:
            return
        self._keep_descriptors()
        self.identity.spread([value for shadow, _ in staged for value in shadow.values()])
        self.identity.spread([value for module in modules for value in list(vars(module).values())])
        for part in self.plan.modules:
            if part.action == "import" and part.name in sys.modules:
                # What has moved to a new module is there what it was where it came from.
                names = vars(sys.modules[part.name])
                names.update(
                    {n: self.identity.of(v) for n, v in names.items() if self.identity.of(v) is not v}
                )
        for shadow, rows in staged:
            in_module = id(shadow) in modules_own
            own = {
                name
                for name, before, value in rows
                if self.identity.of(value) is before and (in_module or isinstance(value, FunctionType | type))
                # A member of an Enum goes with its class.
                if id(value) not in self.identity.data and not isinstance(value, enum.Enum)
            }
            for name, value in list(shadow.items()):
                kept = self.identity.of(value)
                if name not in own and kept is not value:
                    dict.__setitem__(shadow, name, kept)
                    if name in shadow.added:
                        shadow.real[name] = kept
        self.notes += self.identity.notes

    def _keep_descriptors(self) -> None:
        """Descriptors that the body of a class makes as before go on, with what they hold for its objects; also in what a hook has collected."""
        for cls in self.identity.classes():
            part, new = self._made(cls), self.identity.made(cls)
            for name in part.steady if part is not None else ():
                before, value = vars(cls).get(name), vars(new).get(name)
                own = type(before) is type(value) and module_of(type(value)) in self.identity.program
                if (
                    own
                    and before is not value
                    and not is_data(value)
                    and not is_a(value, type | FunctionType)
                ):
                    self.identity.keep_data(before, value)

    def _replace(self, staged: list[tuple[Shadow, list[tuple[str, Any, Any]]]]) -> None:
        """Have the classes that can't be changed in place replaced, with those below them."""
        pairs = [
            (b, v) for _, rows in staged for _, b, v in rows if isinstance(b, type) and isinstance(v, type)
        ]
        pairs = [(before, value) for before, value in pairs if before is not value]
        for before, value in pairs:
            # A class made again has made those in its body again.
            inner = [
                (vars(before).get(name), part) for name, part in vars(value).items() if isinstance(part, type)
            ]
            pairs += [(b, v) for b, v in inner if isinstance(b, type) and b is not v and _is_within(v, value)]
        todo = [(before, value) for before, value in pairs if needs_replacing(before, value)]
        made = {id(before): value for before, value in pairs}
        while todo:
            before, value = todo.pop(0)
            if self.replacement.of(before) is not before:
                continue
            self.replacement.add(before, value)
            for below in type.__subclasses__(before):
                if any(self._is_to_be_replaced(base, made) for base in below.__bases__):
                    # It comes once more with the last of its bases: with one of them as it was, its layout may be none.
                    continue
                anew = made.get(id(below))
                if anew is None:
                    anew = copy_of(below, tuple(map(self.replacement.of, below.__bases__)))
                if value in anew.__mro__:
                    todo.append((below, anew))
        for before, value in zip(self.replacement.old, self.replacement.new, strict=True):
            for name, part in list(vars(value).items()):
                self.identity.keep_part(vars(before).get(name), part)
        for rows_of_module in self.class_shadows.values():
            rows_of_module[:] = [(self.replacement.of(c), row, target) for c, row, target in rows_of_module]

    def _is_to_be_replaced(self, cls: type, made: dict[int, type]) -> bool:
        """Whether a class, which has not been replaced yet, will be, as one above it has."""
        if self.replacement.of(cls) is not cls:
            return False
        anew = made.get(id(cls))
        if anew is not None:
            return any(new in anew.__mro__ for new in self.replacement.new)
        return any(old in cls.__mro__ for old in self.replacement.old)

    def fill_replaced(self) -> None:
        """Give the classes that take the place of others what these have, and plan what becomes of it."""
        for old, new in zip(self.replacement.old, self.replacement.new, strict=True):
            replaced_into(old, new, self.base, self.keeping)
            self.replacement.filled.append(dict(vars(new)))
            self.notes.append(
                f"{old.__module__}:{old.__qualname__} could not be changed in place: a new class takes its place everywhere, and new objects that of its objects"
            )

    def _keep_its_module(self, part: ModulePart, real: dict[str, Any], before: Any, value: Any) -> None:
        """Have the new version of a definition be from where the program says that the old one is (``f.__module__ = "package"``)."""
        if not (is_a(before, type | FunctionType) and is_a(value, type | FunctionType)):
            return
        if value.__module__ != part.name or before.__module__ == part.name:
            return
        if is_a(before, type):
            ours = f"{part.name}:{before.__qualname__}" in self.plan.made
        else:
            ours = before.__globals__ is real
        if ours and isinstance(before.__module__, str):
            value.__module__ = before.__module__
            if is_a(before, type):
                self._keep_module_of_methods(part, before, vars(value))

    def _keep_module_of_methods(self, part: ModulePart, cls: type, names: Mapping[str, Any]) -> None:
        """The same for new versions of methods of a class, where the program has said so of them as well as of the class."""
        for name, method in list(names.items()):
            old = vars(cls).get(name)
            # What has made them may have used another namespace.
            known = is_a(old, FunctionType) and old.__module__ == cls.__module__ != part.name
            if known and is_a(method, FunctionType) and method.__module__ == part.name:
                method.__module__ = cls.__module__

    def _relation(self, part: ModulePart, name: str, before: Any, value: Any) -> tuple[bool, bool]:
        """What a new value of ``name`` is to the old one: a new version of the same object, and does it take its place.

        Two functions defined under one name (``def _``) are neither.
        """
        if self._is_other(before, value):
            return False, not isinstance(value, type)
        if isinstance(before, type) and isinstance(value, type):
            shadow = self.shadows[part.name]
            names = {**shadow.real, **shadow}
            # Another name for a class that was there; a new class may be the old one under a new name.
            if value.__name__ not in shadow.added and own_definition(names, name, part.removed) is not value:
                return False, False
        if getattr(before, "__module__", None) != getattr(value, "__module__", None):
            return can_be_marker(before, value) or self._has_moved(before, value), True
        if not (isinstance(before, FunctionType) and isinstance(value, FunctionType)):
            return True, True
        # Of what is imported the module says it that has it.
        home = next((other for other in self.plan.modules if other.name == value.__module__), part)
        old, new = self._definitions(home.name, before, value)
        if old is None or new is None or home.pairs.get(old, old) == new:
            return True, True
        either = home.alternatives.get(name)
        if either is not None and old in either[0] and new in either[1]:
            return True, True
        both_direct = old.partition("#")[0] == name == new.partition("#")[0]
        return False, not both_direct

    def _has_moved(self, before: Any, value: Any) -> bool:
        """Whether a class is now defined in a module that is new, and imported from there."""
        return (
            isinstance(before, type)
            and isinstance(value, type)
            and before.__qualname__ == value.__qualname__
            and any(part.action == "import" and part.name == value.__module__ for part in self.plan.modules)
        )

    def _same(self, before: Any, value: Any) -> bool:
        """Whether two methods of one name are not two definitions, of which one has another version."""
        if not (isinstance(before, FunctionType) and isinstance(value, FunctionType)):
            return True
        part = next((part for part in self.plan.modules if part.name == before.__module__), None)
        if part is None or value.__module__ != part.name:
            return True
        old, new = self._definitions(part.name, before, value)
        new = new or self._is_called(part.name, value.__code__)
        if old is None or new is None or part.pairs.get(old, old) == new:
            return True
        if old.partition("#")[0] != new.partition("#")[0]:
            # What a decorator has made of it is another one's.
            return True
        if new in part.pairs.values():
            return False
        return f"{part.name}:{part.pairs.get(old, old)}" not in self.codes

    def _definitions(
        self, module: str, before: FunctionType, value: FunctionType
    ) -> tuple[str | None, str | None]:
        """What a function of the old version and one of the new version are called where definitions of one name are told apart."""
        if module not in self._names:
            prefix = f"{module}:"
            live = self.agent.live_codes(module)
            self._names[module] = (
                {id(code): qualname for qualname, codes in live.items() for code in codes},
                {id(c): n.removeprefix(prefix) for n, c in self.codes.items() if n.startswith(prefix)},
            )
        old, new = self._names[module]
        return old.get(id(before.__code__)), new.get(id(value.__code__))

    def _is_called(self, module: str, code: CodeType) -> str | None:
        """What a function of the new version's module is called, also one of a class that is made again: its statement has been compiled by itself."""
        if module not in self._places:
            found = self.module_codes.get(module)
            made = {} if found is None else {_place_of(c): n for n, c in procedures(found).items()}
            self._places[module] = made
        return self._places[module].get(_place_of(code))


def _is_within(inner: type, cls: type) -> bool:
    return inner.__module__ == cls.__module__ and inner.__qualname__ == f"{cls.__qualname__}.{inner.__name__}"


def _gone_of(part: ModulePart) -> set[str]:
    """The definitions that a module loses: all, if it goes itself."""
    module = sys.modules.get(part.name) if part.action == "delete" else None
    return {*part.gone, *part.removed, *(vars(module) if module is not None else ())}


def _place_of(code: CodeType) -> tuple[str, int]:
    """What tells a definition from others of its name."""
    return code.co_qualname, code.co_firstlineno
