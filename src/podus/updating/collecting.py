"""What new statements have made becomes switches: grafted into what is there, or put in its place."""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, ModuleType

from podus.planning.model import ClassPart, ModulePart
from podus.updating import annotated
from podus.updating.attributes import attribute_of, is_plain, no_attribute_of, unhashable_into
from podus.updating.binding import Switch
from podus.updating.find import function_of, leads_to, own_definition, program_modules
from podus.updating.gates import forward
from podus.updating.graft import (
    adopt_class_cell,
    attribute_into,
    is_own_method,
    value_into,
)
from podus.updating.held import is_a
from podus.updating.matching import Matching
from podus.updating.shadow import Shadow
from podus.updating.slots import Room, rooms_for, slots_into

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Collector(Matching):
    """The switches that come of what a stage has run."""

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
                held = function_of(before)
                if held is None or not is_own_method(held, cls, name):
                    continue
                base = next(
                    (b for b in cls.__mro__[1:] if name in vars(b) or name in come.get(id(b), ())), object
                )
                pulled = come.get(id(base), {}).get(name) if name not in vars(base) else None
                if type(pulled) is type(before) and (target := function_of(pulled)) is not None:
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


def _is_submodule(package: str, name: str, before: Any, value: Any) -> bool:
    """Whether a star import has brought another package's module of this name: that this package's own was imported came after it."""
    own = sys.modules.get(f"{package}.{name}")
    return own is not None and before is own and isinstance(value, ModuleType)
