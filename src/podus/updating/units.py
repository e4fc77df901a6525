"""The units of a switch: each group of the plan with the assignments that it takes, ready to be carried out at one instant."""

from __future__ import annotations

from types import CodeType, FunctionType

from podus.errors import Refused
from podus.planning.model import Group, Plan
from podus.program.code import docstring
from podus.support.declare import Declaration
from podus.updating import annotated
from podus.updating.binding import Stall, Switch, can_take_code, settle
from podus.updating.bound import check_listing
from podus.updating.breath import paced
from podus.updating.closures import as_awaited, defaults_into, fitted, variants
from podus.updating.find import Finder, class_at, program_modules
from podus.updating.gates import forward, interprocedure_gate, twin
from podus.updating.graft import is_given_its_doc
from podus.updating.listing import referring
from podus.updating.objects import Conversion
from podus.updating.replace import Replacement
from podus.updating.staging import Stage, declared

_FUNCTIONS = frozenset({id(FunctionType)})
_DEFAULTS = ("__defaults__", "__kwdefaults__")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Unit:
    """What switches at one instant.

    ``old_codes`` are the old code objects of its procedures by id: none of them may be on a stack. ``mappers`` run while the doors of ``users`` are shut.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.names = list(group.procedures)
        self.old_codes: dict[int, CodeType] = {}
        self.new_codes: dict[int, CodeType] = {}
        # Whose code that is, by its id; a gate's is not told.
        self.whose: dict[int, str] = {}
        self.switch = Switch()
        self.mappers: list[MapperStep] = []
        self.users: list[FunctionType] = []
        # Functions that go and may call it in the old way: nobody must be in one either.
        self.callers: list[FunctionType] = []
        # The conversions of live objects that begin when it switches; none of ``users`` may be active then either.
        self.conversions: list[Conversion] = []
        # The units that must have switched before this one, or switch with it: what its new version can reach.
        self.needs: list[Unit] = []
        # The same for the way back; None: all others.
        self.back_needs: list[Unit] | None = None
        # The classes that are replaced when it switches.
        self.replacement: Replacement | None = None
        self.done = False
        self.held = False
        self.forced = False
        # A generator or coroutine by itself: who is in it ends in its old version, or moves when its loop comes round.
        self.passed = self.passed_back = False
        # What took it forward, mapped data included; reversed to go back.
        self.taken: Switch | None = None

    def new_of(self) -> list[tuple[CodeType, str]]:
        """The code of the new version, each with its procedure."""
        return [(code, self.whose.get(number, self.names[0])) for number, code in self.new_codes.items()]

    @property
    def title(self) -> str:
        """A name for people."""
        return ", ".join(self.names or self.group.data or self.group.mappers) or "top-level statements"


class MapperStep:
    """A mapper and what it converts."""

    def __init__(self, target: str, convert: Any, kind: str, reverse: Any) -> None:
        self.target = target
        self.convert = convert
        self.kind = kind
        self.reverse = reverse


class StaticData:
    """A procedure's own data, as its mapper gets it: ``defaults``, ``kwdefaults``, ``attributes``, ``cells`` (by variable name)."""

    def __init__(self, function: FunctionType) -> None:
        self.defaults = function.__defaults__
        self.kwdefaults = dict(function.__kwdefaults__ or {})
        self.attributes = dict(function.__dict__)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        self.cells = {name: cell.cell_contents for name, cell in cells if _is_set(cell)}

    def into(self, function: FunctionType, switch: Switch) -> None:
        """Plan to give the function this data."""
        switch.set_attribute(function, "__defaults__", self.defaults)
        switch.set_attribute(function, "__kwdefaults__", self.kwdefaults or None)
        for name in [*function.__dict__, *self.attributes]:
            if name in self.attributes:
                switch.set_item(function.__dict__, name, self.attributes[name])
            else:
                switch.delete_item(function.__dict__, name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name in self.cells and _is_set(cell):
                switch.set_attribute(cell, "cell_contents", self.cells[name])


def _is_set(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


class Gates:
    """The interprocedures that stand while old code lives."""

    def __init__(self) -> None:
        self.closing = Switch()

    @property
    def any(self) -> bool:
        """Whether there are gates to remove."""
        return bool(self.closing.do)


class Builder:
    """Makes the units of one update from its plan and what was staged."""

    def __init__(self, stage: Stage, plan: Plan, program: set[str], backwards: bool) -> None:
        self.stage = stage
        self.plan = plan
        self.program = program
        self.backwards = backwards
        self.gates = Gates()
        # The ids of old code that may still call: everything that had to switch.
        self.old_ids: set[int] = set()
        # The ids of functions that a definition gives their code, whatever procedure they have been so far.
        self.planned: set[int] = set()
        self._listed = {p.name: p for p in plan.procedures}
        # Functions that something else than a function wraps, whose definitions have run again.
        self._wrapped: list[tuple[Unit, str, FunctionType, CodeType]] = []

    def build(self) -> list[Unit]:
        """The units, those without procedures first."""
        for codes in paced(self.stage.old_codes.values()):
            self.old_ids |= set(map(id, codes))
        stage = self.stage
        self.planned = {
            id(op[1])
            for switch in (stage.base, *stage.redefined.values(), *stage.data.values())
            for op in paced(switch.do)
            if op[0] is setattr and op[2] == "__code__"
        }
        mappers = {m.target: m for m in self.plan.mappers}
        for mapper in self.plan.mappers:
            self._declared("mapper", mapper.target)
        gates = {gate.procedure: gate for gate in self.plan.gates}
        units: list[Unit] = []
        first = Unit(Group([]))
        first.switch = self.stage.base
        first.replacement = self.stage.replacement or None
        units.append(first)
        for group in self.plan.groups:
            unit = Unit(group)
            for name in paced(group.procedures):
                self._procedure(unit, name, name in gates)
                if name in mappers and mappers[name].kind == "static":
                    unit.mappers.append(self._step(mappers[name]))
            for name in group.data:
                switch = self.stage.data.get(name)
                if switch is not None:
                    unit.switch.extend(switch)
            for name in group.mappers:
                conversion = self.stage.conversions.get(name)
                if conversion is not None:
                    if name in self.stage.data:
                        unit.switch.extend(self.stage.data[name])
                    unit.conversions.append(conversion)
                    unit.switch.extend(conversion.hooks(self.stage.planned))
                    unit.users += self._functions_of(conversion.part.users)
                    continue
                unit.mappers.append(self._step(mappers[name]))
                unit.users += self._functions_of(mappers[name].users)
            unit.callers += self._functions_of(group.callers)
            for name in group.coming:
                module, _, qualname = name.partition(":")
                code = self.stage.defined.get(module, {}).get(qualname)
                if code is not None:
                    unit.new_codes[id(code)] = code
                    unit.whose[id(code)] = unit.names[0]
            unit.forced = bool(set(unit.names) & set(self.plan.now))
            unit.held = bool(set(unit.names) & set(self.plan.hold))
            units.append(unit)
        self._complete()
        grouped = {name for group in self.plan.groups for name in (*group.data, *group.mappers)}
        for name, switch in self.stage.data.items():
            if name not in grouped:
                first.switch.extend(switch)
        for conversion in self.stage.conversions.values():
            if not conversion.part.converts:
                first.conversions.append(conversion)
                first.switch.extend(conversion.hooks(self.stage.planned))
        for unit in paced(units):
            # A method that a class was given (a dataclass's __init__) is no procedure of the program, but may be at work as well.
            codes = [op[1].__code__ for op in unit.switch.do if op[0] is setattr and op[2] == "__code__"]
            for op in unit.switch.undo:
                if op[0] is type.__setattr__ and isinstance(op[3], FunctionType):
                    codes.append(op[3].__code__)
            unit.old_codes |= {id(code): code for code in codes if code.co_filename.startswith("<")}
        self._order(units)
        return units

    def _order(self, units: list[Unit]) -> None:
        """Say for each unit which others its version can reach: a new procedure must call only new ones, and on the way back an old one old ones."""
        plan = self.plan
        for unit, reached in paced(zip(units, _reached(units, plan.reaches, plan.reach_sets), strict=True)):
            # What is held by hand is left to that hand.
            unit.needs = [units[n] for n in sorted(reached) if not units[n].held]
        if plan.back_reaches is not None:
            for unit, reached in paced(
                zip(units, _reached(units, plan.back_reaches, plan.back_sets), strict=True)
            ):
                unit.back_needs = [units[n] for n in sorted(reached)]

    def _declared(self, kind: str, target: str) -> Declaration:
        return declared(self.stage.declarations, kind, {target}, self.backwards)

    def _step(self, mapper: Any) -> MapperStep:
        declaration = self._declared("mapper", mapper.target)
        there, back = declaration.function, declaration.reverse
        if self.backwards:
            there, back = back, there
        return MapperStep(mapper.target, there, mapper.kind, back)

    def _functions_of(self, names: list[str]) -> list[FunctionType]:
        """The function objects of procedures, changed or not, that a door must be put before."""
        found: list[FunctionType] = []
        missing: dict[int, str] = {}
        for name in names:
            known = self.stage.finder.functions.get(name)
            if known is not None:
                found += known
                continue
            module, _, qualname = name.partition(":")
            for code in self.stage.agent.live_codes(module).get(qualname, ()):
                missing[id(code)] = name
        if missing:
            finder = Finder(missing)
            finder.walk(program_modules(self.stage.agent.module_names()))
            for functions in finder.functions.values():
                found += functions
        return found

    def _procedure(self, unit: Unit, name: str, gated: bool) -> None:
        new = self.stage.codes[name]
        unit.old_codes |= {id(code): code for code in self.stage.old_codes.get(name, ())}
        unit.new_codes[id(new)] = new
        unit.whose[id(new)] = name
        redefined = self.stage.redefined.get(name)
        if redefined is not None:
            unit.switch.extend(redefined)
        set_already = {id(op[1]) for op in unit.switch.do if op[0] is setattr and op[2] == "__code__"}
        for function in self.stage.finder.functions.get(name, ()):
            if gated and can_take_code(function, new):
                self._gate(unit, function, new, name)
            elif id(function) in set_already | self.planned or self._stays(function, name):
                continue
            elif not can_take_code(function, new):
                self._replace(unit, function, new, name)
            else:
                self._give_closure(unit, function, new, name)
                unit.switch.set_attribute(function, "__code__", as_awaited(new, function.__code__))
                if self._was_defined_again(name):
                    self._wrapped.append((unit, name, function, new))
            told = id(function) not in set_already and not is_given_its_doc(function)
            if told and function.__doc__ != docstring(new):
                switch = Switch()
                switch.set_attribute(function, "__doc__", docstring(new))
                unit.switch.extend(switch)
                if not can_take_code(function, new):
                    # For the way back, where it takes its place again.
                    self.stage.footprint.redefined.setdefault(name, []).extend(switch.undo)
                for other in self.stage.finder.around.get(id(function), ()):
                    _document(other, function, docstring(new), unit.switch)
        for cache in self.stage.finder.caches.get(name, ()):
            # What was computed by the old version must not be served for the new one.
            unit.switch.do.append((cache.cache_clear,))
            unit.switch.undo.append((cache.cache_clear,))

    def _stays(self, function: FunctionType, name: str) -> bool:
        """Whether a closure keeps its old version: nobody can tell what it would need with the new one."""
        return self._listed[name].stays and "<locals>" in function.__qualname__

    def _give_closure(self, unit: Unit, function: FunctionType, code: CodeType, name: str) -> None:
        if self._listed[name].hidden:
            defaults_into(function, code, self._listed[name].defaults, unit.switch)

    def _was_defined_again(self, name: str) -> bool:
        module, _, qualname = name.partition(":")
        qualname = qualname.partition("#")[0]
        owner, _, last = qualname.rpartition(".")
        shadow = self.stage.shadows.get(module)
        if shadow is not None and dict.__contains__(shadow, qualname.partition(".")[0]):
            return True
        rows = self.stage.class_shadows.get(module, ())
        return any(row.qualname == owner and dict.__contains__(target, last) for _, row, target in rows)

    def _complete(self) -> None:
        """Give what a callable object wraps the defaults that its definition has given the function that the new object wraps."""
        codes = {id(new): new for *_, new in self._wrapped}
        made = {id(f.__code__): f for f in referring(codes.values(), _FUNCTIONS)[0]} if codes else {}
        for unit, name, function, new in self._wrapped:
            switch = Switch()
            for part in _DEFAULTS if id(new) in made else ():
                value = getattr(made[id(new)], part)
                if value is not getattr(function, part):
                    switch.set_attribute(function, part, value)
            if id(new) in made:
                annotated.into(function, made[id(new)], switch)
            unit.switch.extend(switch)
            # For the way back.
            self.stage.footprint.redefined.setdefault(name, []).extend(switch.undo)

    def _gate(self, unit: Unit, function: FunctionType, new: CodeType, name: str) -> None:
        declaration = self._declared("interprocedure", name)
        convert = declaration.reverse if self.backwards else declaration.function
        # Its definition may have run again: what that planned for the code is the gate's business now.
        planned = {op[2]: op[3] for op in unit.switch.do if op[0] is setattr and op[1] is function}
        for ops in (unit.switch.do, unit.switch.undo):
            ops[:] = [
                op for op in ops if not (op[0] is setattr and op[1] is function and op[2] == "__code__")
            ]
        target = twin(function, new)
        target.__defaults__ = planned.get("__defaults__", function.__defaults__)
        target.__kwdefaults__ = planned.get("__kwdefaults__", function.__kwdefaults__)
        gate = interprocedure_gate(function, target, convert, self.old_ids, self.program)
        unit.switch.set_attribute(function, "__code__", gate)
        unit.new_codes[id(gate)] = gate
        self.gates.closing.do.append((setattr, function, "__code__", new))
        self.gates.closing.undo.append((setattr, function, "__code__", gate))

    def _replace(self, unit: Unit, function: FunctionType, new: CodeType, name: str) -> None:
        """A method that uses ``super()`` for the first time needs a cell that its function object does not have; or it needs it no more."""
        module, _, qualname = name.partition(":")
        owner, _, attribute = qualname.partition("#")[0].rpartition(".")
        different = set(new.co_freevars) ^ set(function.__code__.co_freevars)
        if different == {"__class__"} and owner and "<locals>" not in owner:
            cls = class_at(self.stage.agent.module(module), owner)
            made = _given(unit, cls, attribute, new) or _with_class_cell(function, new, cls)
            attribute_made = _put_in(vars(cls).get(attribute), function, made)
            switch = Switch()
            if attribute_made is not None and not _gives(unit, cls, attribute):
                switch.set_class_attribute(cls, attribute, attribute_made)
            # Whoever holds the old function object (a wrapper, a bound method) reaches the new one through it.
            switch.set_attribute(function, "__code__", forward(function, made))
            unit.switch.extend(switch)
            # For the way back: the class gets its own function again.
            self.stage.footprint.redefined.setdefault(name, []).extend(switch.undo)
            return
        if "<locals>" in qualname:
            code = fitted(new, function.__code__.co_freevars)
            if code is not None:
                self._give_closure(unit, function, code, name)
                unit.new_codes[id(code)] = code
                unit.whose[id(code)] = name
                unit.switch.set_attribute(function, "__code__", code)
                return
            self.stage.notes.append(
                f"{name} closes over other variables now: closures made before keep their old version"
            )
            return
        raise Refused(
            f"{name} now closes over ({', '.join(new.co_freevars)}), which its live function does not have",
            "restart for this one",
        )


def _reached(units: list[Unit], reaches: dict[str, int], reach_sets: list[list[str]]) -> list[set[int]]:
    """For each unit the numbers of the others that it can reach."""
    unit_of = {name: number for number, unit in enumerate(units) for name in unit.names}
    sets = [frozenset(unit_of[n] for n in found if n in unit_of) for found in paced(reach_sets)]
    reached = [
        {n for name in unit.names if name in reaches for n in sets[reaches[name]]} for unit in paced(units)
    ]
    # A group reaches what any of its members does, so reaching is no longer transitive by itself.
    grown = True
    while grown:
        grown = False
        for found in paced(reached):
            size = len(found)
            for other in list(found):
                if len(units[other].names) > 1:
                    found.update(reached[other])
            grown = grown or len(found) != size
    for number, found in enumerate(reached):
        found.discard(number)
    return reached


def _document(value: Any, function: FunctionType, text: str | None, switch: Switch) -> None:
    """Give what was made around a function its new docstring, if it has had the old one from it."""
    kind = type(value)
    if kind in (FunctionType, property):
        named = kind is property or value.__name__ == function.__name__
        if named and value.__doc__ is function.__doc__:
            switch.set_attribute(value, "__doc__", text)
        return
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return
    if type(own) is dict and "__doc__" in own and own["__doc__"] is function.__doc__:
        switch.set_item(own, "__doc__", text)


def take_along(stage: Stage, names: list[str], stall: Stall, *, back: bool) -> None:
    """Switch the closures that were made between staging and the switch of ``names``; from now on none is made in that version.

    ``back``: those of the new version go back to the old.
    """
    listed = {p.name: p for p in stage.plan.procedures}
    targets: dict[str, CodeType] = {}
    made_from: dict[int, str] = {}
    for name in names:
        old, new = stage.old_codes.get(name, []), stage.codes[name]
        if old:
            targets[name] = old[0] if back else new
            made_from.update((id(code), name) for code in ([new, *variants(new)] if back else old))
    if not back:
        check_listing(stall, "closures that were made meanwhile are found")
    finder = Finder(made_from)
    stall.longest_us = max(stall.longest_us, finder.scan() * 1e6)
    done = Switch()
    for name, functions in finder.functions.items():
        for function in functions:
            code = fitted(targets[name], function.__code__.co_freevars)
            row = listed[name]
            if code is not None and not row.stays:
                defaults_into(function, code, row.defaults_back if back else row.defaults, done)
                done.set_attribute(function, "__code__", as_awaited(code, function.__code__))
    settle(done.do, stall)


def _put_in(attribute: Any, function: FunctionType, made: FunctionType) -> Any:
    """``attribute`` of a class with ``made`` in place of ``function``; None if that isn't to be seen in it."""
    if attribute is function:
        return made
    if isinstance(attribute, staticmethod | classmethod) and attribute.__func__ is function:
        return type(attribute)(made)
    if type(attribute) is property:
        parts: list[Any] = [attribute.fget, attribute.fset, attribute.fdel]
        if any(part is function for part in parts):
            fget, fset, fdel = (made if part is function else part for part in parts)
            return property(fget, fset, fdel, attribute.__doc__)
    return None


def _gives(unit: Unit, cls: type, attribute: str) -> list[Any]:
    """What the unit gives the class under this name: the definition may have run again, as another kind of method."""
    return [op[3] for op in unit.switch.do if op[:3] == (type.__setattr__, cls, attribute)]


def _given(unit: Unit, cls: type, attribute: str, new: CodeType) -> FunctionType | None:
    """The function of ``new`` in what the unit gives the class."""
    for value in _gives(unit, cls, attribute):
        for part in (value, getattr(value, "__func__", None), getattr(value, "fget", None)):
            if isinstance(part, FunctionType) and part.__code__ == new:
                return part
    return None


def _with_class_cell(function: FunctionType, new: CodeType, cls: type) -> FunctionType:
    from types import CellType

    old = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells = tuple(old[name] if name in old else CellType(cls) for name in new.co_freevars)
    made = FunctionType(new, function.__globals__, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    setattr(made, *annotated.of_function(function))
    made.__doc__ = function.__doc__ if is_given_its_doc(function) else docstring(new)
    made.__dict__.update(function.__dict__)
    return made
