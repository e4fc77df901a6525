"""What new statements have made becomes switches: grafted into what is there, or put in its place."""

from __future__ import annotations

import enum
import sys
from functools import cached_property
from types import CodeType, FunctionType, ModuleType

from podus.planning.model import ClassPart, MadePart, ModulePart, Plan
from podus.program.code import procedures
from podus.updating import annotated
from podus.updating.attributes import attribute_of, is_plain, no_attribute_of, unhashable_into
from podus.updating.binding import Switch, can_become
from podus.updating.contents import Contents
from podus.updating.find import leads_to, made_in, own_definition, program_modules
from podus.updating.gates import forward
from podus.updating.going import Going
from podus.updating.graft import (
    Keeping,
    adopt_class_cell,
    attribute_into,
    can_be_marker,
    is_data,
    is_own_method,
    replaced_into,
    value_into,
)
from podus.updating.held import is_a, module_of
from podus.updating.identity import Identity
from podus.updating.lineage import Lineage
from podus.updating.naming import Naming
from podus.updating.replace import Replacement, copy_of, needs_replacing
from podus.updating.shadow import Shadow
from podus.updating.slots import Room, rooms_for, slots_into
from podus.updating.successors import Successors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from podus.pup.agent import Agent


class Collector:
    """What a stage has run, and the switches that come of it."""

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

    def succeed(self) -> None:
        """Registries and other names that hold a definition which could not be kept get what takes its place, at the same instant as its module."""
        if not self._successors:
            return
        modules = program_modules(self.agent.module_names())
        self._successors.program.update(module.__name__ for module in modules)
        for module in modules:
            shadow: dict[str, Any] = self.shadows.get(module.__name__) or {}
            for name, value in list(vars(module).items()):
                row = self._successors.of(value)
                if row is not None and not dict.__contains__(shadow, name):
                    row[2].set_item(vars(module), name, row[1])
        self._successors.spread([value for module in modules for value in list(vars(module).values())])

    def collect(self, part: ModulePart) -> None:
        """Plan what becomes of the names of a module, and of its classes, that its new statements have bound or no longer bind."""
        shadow = self.shadows[part.name]
        for cls, row, target in self.class_shadows.get(part.name, ()):
            self._collect_class(part, cls, row, target)
        self._collect_module(part, shadow)
        for name in part.removed:
            if name == "__doc__":
                self.removals.set_item(shadow.real, name, None)
            elif "." in name:
                owner, _, attribute = name.partition(".")
                if is_plain(shadow.real.get(owner)):
                    self.going.add(shadow.real[owner], attribute, self.removals)
                else:
                    no_attribute_of(shadow.real, name, self.removals)
            elif (module := self._submodule(part, name)) is not None:
                if shadow.real.get(name) is not module:
                    self.removals.set_item(shadow.real, name, module)
            else:
                self.removals.delete_item(shadow.real, name)

    def _submodule(self, part: ModulePart, name: str) -> ModuleType | None:
        """A package's own module of this name, which stays: who has imported it has bound the name, too."""
        full = f"{part.name}.{name}"
        if any(other.name == full and other.action == "delete" for other in self.plan.modules):
            return None
        return sys.modules.get(full)

    def _is_imported(self, part: ModulePart, before: Any, value: Any) -> bool:
        """Whether ``value`` was made again by another module's statement, which also sees to it that ``before`` becomes it."""
        if not isinstance(value, type | FunctionType) or self.identity.of(value) is not before:
            return False
        home, name = value.__module__, value.__name__
        shadow = None if home == part.name else self.shadows.get(home)
        return shadow is not None and dict.get(shadow, name) is value and shadow.real.get(name) is before

    def go_into_others(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Have these old and new definitions be done with."""
        self._gone_into |= {(id(before), id(value)): (before, value) for before, value in pairs}

    def _goes_into(self, before: Any, value: Any, switch: Switch) -> bool:
        """Whether a definition goes into the one that is there, once: a package passes on what has moved to a new module, too."""
        pair = (id(before), id(value))
        if pair in self._gone_into:
            return True
        into = value_into(before, value, switch, self.keeping)
        if into:
            self.go_into_others([(before, value)])
        return into

    def _collect_module(self, part: ModulePart, shadow: Shadow) -> None:
        real = shadow.real
        self._collect_annotations(part, shadow)
        for name, value in list(shadow.items()):
            if name in shadow.added or name == "__annotations__":
                continue
            if "." in name:
                attribute_of(real, name, value, self.switch_for(f"{part.name}:{name.partition('.')[0]}"))
                continue
            before = real.get(name)
            if self.replacement.has(before, value):
                continue
            if before is value or (part.stars and _is_submodule(part.name, name, before, value)):
                continue
            borrowed = name in part.borrowed
            if self._is_imported(part, before, value) or (borrowed and self.identity.of(value) is before):
                continue
            switch = self.switch_for(f"{part.name}:{name}")
            own = own_definition(real, name, part.removed) is before and not borrowed
            same, successor = self._relation(part, name, before, value) if own else (False, False)
            if name in real and same and self._goes_into(before, value, switch):
                continue
            switch.set_item(real, name, value)
            if name in real and f"{part.name}:{name}" in self.plan.made and not is_a(value, type):
                kind = type(value).__qualname__
                self.notes.append(
                    f"{part.name}:{name} is made anew, as its statement makes an object of {kind} and no class: who holds the old one goes on with that"
                )
            if self._is_succeeded(part, name, before, value, successor):
                if isinstance(before, FunctionType):
                    # Decorated, undecorated, or moved to another module: whoever holds the old object reaches the new one through it.
                    switch.set_attribute(before, "__code__", forward(before, value))
                self._successors.add(before, value, switch)
            for importer in part.importers.get(name, ()):
                other, _, local = importer.partition(":")
                namespace = vars(sys.modules[other]) if other in sys.modules else {}
                # An importer that has rebound the name since means another thing by it.
                staged = other in self.shadows and dict.__contains__(self.shadows[other], local)
                if local in namespace and namespace[local] is before and not staged:
                    switch.set_item(namespace, local, value)

    def _is_succeeded(self, part: ModulePart, name: str, before: Any, value: Any, successor: bool) -> bool:
        """Whether a new value of a name takes the place of the old definition wherever that is held."""
        # What is wrapped by an assignment (`f = cached(f)`) is what the new object itself calls.
        if not (successor and callable(before) and callable(value)) or leads_to(value, before):
            return False
        if is_a(before, FunctionType):
            return not self._stays(part, before)
        if is_a(before, type):
            return is_a(value, FunctionType)
        # What a decorator has made, and not any object that the module has under a name.
        return name in part.decorated

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

    def _collect_annotations(self, part: ModulePart, shadow: Shadow) -> None:
        """A module's annotations, without those that are gone; what works them out does so anew when they are asked for the next time."""
        real = shadow.real
        if shadow.annotate is not None:
            self.base.set_item(real, "__annotate__", shadow.annotate)
            for ops in (self.base.do, self.base.undo):
                ops.append((dict.pop, real, "__annotations__", None))
        said = dict.get(shadow, "__annotations__")
        # (Where they are worked out, and some are left, the plan has brought what does so.)
        gone = (
            part.unannotated and shadow.annotate is None and not real.keys().isdisjoint(annotated.OF_MODULE)
        )
        if said is not None or gone:
            if annotated.LAZY and real.get("__annotate__") is not None:
                self.base.set_item(real, "__annotate__", None)
            before = annotated.without(real.get("__annotations__", {}), part.unannotated)
            self.base.set_item(real, "__annotations__", {**before, **(said or {})})

    def _stays(self, part: ModulePart, function: FunctionType) -> bool:
        """Whether a function goes on under its own name in another module: the name that changes was only an import of it."""
        home = function.__module__
        if home == part.name or home not in sys.modules:
            return False
        row = next((other for other in self.plan.modules if other.name == home), None)
        name = function.__name__
        if row is not None and (row.action == "delete" or name in row.removed):
            return False
        if vars(sys.modules[home]).get(name) is not function:
            return False
        shadow = self.shadows.get(home)
        if shadow is None or not dict.__contains__(shadow, name):
            return True
        return self.identity.of(dict.__getitem__(shadow, name)) is function

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

    def _collect_class(self, part: ModulePart, cls: type, row: ClassPart, target: Shadow) -> None:
        annotations = dict.pop(target, "__annotations__", None)
        if target.annotate is not None:
            self.base.set_class_attribute(cls, "__annotate__", target.annotate)
        elif annotations and annotated.LAZY:
            self.base.set_class_attribute(cls, "__annotations__", annotations)
        elif annotations or row.unannotated:
            said = annotated.without(vars(cls).get("__annotations__", {}), row.unannotated)
            self.base.set_class_attribute(cls, "__annotations__", {**said, **(annotations or {})})
        removed = [name for name in row.removed if name != "__slots__"]
        slots = dict.pop(target, "__slots__", None)
        for name, value in target.items():
            switch = self.switch_for(f"{part.name}:{row.qualname}.{name}")
            adopt_class_cell(value, None, cls)
            attribute_into(cls, name, value, switch, self.keeping, row.removed)
            if isinstance(value, FunctionType) or not hasattr(type(value), "__set_name__"):
                continue
            with self.contents.around(cls):
                if not self.naming.name(value, cls, name):
                    self._as_it_will_be(type(value).__set_name__)(value, cls, name)
        if slots is not None or "__slots__" in row.removed:
            codes = self._codes_within(part, row)
            members = {**vars(cls), **target}
            slots_into(cls, slots, members, self.base, self.removals, codes, self.rooms.get(cls, {}))
        for name in removed:
            if name == "__doc__":
                self.removals.set_class_attribute(cls, name, None)
            else:
                full = f"{part.name}:{row.qualname}.{name}"
                grouped = any(full in group.data for group in self.plan.groups)
                self.going.add(cls, name, self.switch_for(full) if grouped else self.removals)
        if "__eq__" in target or "__eq__" in removed or "__hash__" in removed:
            unhashable_into(
                cls, target, removed, self.switch_for(f"{part.name}:{row.qualname}.__eq__"), self.removals
            )

    def _codes_within(self, part: ModulePart, row: ClassPart) -> list[CodeType]:
        """The new code of the procedures of a class."""
        prefix = f"{part.name}:{row.qualname}."
        return [code for name, code in self.codes.items() if name.startswith(prefix)]

    def make_room(self, part: ModulePart, cls: type, row: ClassPart, target: Shadow) -> Mapping[str, Room]:
        """The room for slots that a class gets, for statements that make objects before it has it."""
        slots = dict.get(target, "__slots__")
        if slots is None and "__slots__" not in row.removed:
            return {}
        rooms = rooms_for(cls, slots, {**vars(cls), **target}, self._codes_within(part, row))
        for room in rooms.values():
            room.early = []
        self.rooms[cls] = rooms
        return rooms

    def lead_up(self) -> None:
        """Whoever holds a method that has been pulled up into a base, which gets it by this update, reaches it there."""
        rows = [row for found in self.class_shadows.values() for row in found]
        come: dict[int, dict[str, Any]] = {id(cls): target for cls, _, target in rows}
        for cls, row, _ in rows:
            for name in row.removed:
                before = vars(cls).get(name)
                held = _function_in(before)
                if held is None or not is_own_method(held, cls, name):
                    continue
                base = next(
                    (b for b in cls.__mro__[1:] if name in vars(b) or name in come.get(id(b), ())), object
                )
                pulled = come.get(id(base), {}).get(name) if name not in vars(base) else None
                if type(pulled) is type(before) and (target := _function_in(pulled)) is not None:
                    self.removals.set_attribute(held, "__code__", forward(held, target))

    def _as_it_will_be(self, function: Any) -> Any:
        """A function that reads its module's names as the update leaves them: a table that it looks into may just have grown."""
        if not isinstance(function, FunctionType):
            return function
        shadow = self.shadows.get(function.__module__)
        if shadow is None or function.__globals__ is not shadow.real:
            return function
        made = FunctionType(
            function.__code__, shadow, function.__name__, function.__defaults__, function.__closure__
        )
        made.__kwdefaults__ = function.__kwdefaults__
        return made


def _function_in(method: Any) -> FunctionType | None:
    """The function of a method, also of a static or a class method; None if it is something else."""
    function = method.__func__ if is_a(method, staticmethod | classmethod) else method
    return function if isinstance(function, FunctionType) else None


def _is_within(inner: type, cls: type) -> bool:
    return inner.__module__ == cls.__module__ and inner.__qualname__ == f"{cls.__qualname__}.{inner.__name__}"


def _is_submodule(package: str, name: str, before: Any, value: Any) -> bool:
    """Whether a star import has brought another package's module of this name: that this package's own was imported came after it."""
    own = sys.modules.get(f"{package}.{name}")
    return own is not None and before is own and isinstance(value, ModuleType)


def _gone_of(part: ModulePart) -> set[str]:
    """The definitions that a module loses: all, if it goes itself."""
    module = sys.modules.get(part.name) if part.action == "delete" else None
    return {*part.gone, *part.removed, *(vars(module) if module is not None else ())}


def _place_of(code: CodeType) -> tuple[str, int]:
    """What tells a definition from others of its name."""
    return code.co_qualname, code.co_firstlineno
