"""Running new and changed top-level statements aside, piece by piece, and what they see meanwhile.

They run with the module's own namespace as their globals and a :class:`Shadow` as their locals; what they make finds the rest of the update by
:mod:`podus.updating.meanwhile` and :mod:`podus.updating.onstage`.
"""

from __future__ import annotations

import enum
import os
import sys
from contextlib import contextmanager
from itertools import pairwise
from types import ClassMethodDescriptorType, CodeType, FrameType, FunctionType, ModuleType

from podus.errors import Refused
from podus.planning.model import ClassPart, ModulePart, Plan
from podus.planning.pack import ASIDE
from podus.program.code import nested
from podus.updating.annotated import adopt_cell
from podus.updating.binding import Stall, Switch, commit, settle
from podus.updating.breath import paced
from podus.updating.collecting import Collector
from podus.updating.find import Finder, class_at, function_of, program_modules
from podus.updating.gates import stage_gate, twin
from podus.updating.graft import functions_of, stays
from podus.updating.held import is_a
from podus.updating.homing import Homing, makes_functions, said_in_classes
from podus.updating.kinship import Kinship
from podus.updating.meanwhile import Meanwhile
from podus.updating.onstage import OF_GENERIC, Showing
from podus.updating.readmit import entries_of, without
from podus.updating.shadow import ClassNames, Shadow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from podus.pup.agent import Agent


# Decorators above each other.
_LAYERS = 8
# What makes classes and refuses what is no class of theirs: so it would in a fresh process.
_MAKERS = frozenset({"dataclasses", "enum", "typing"})


class Statements(Collector):
    """The statements of one update."""

    def __init__(self, agent: Agent, plan: Plan) -> None:
        super().__init__(agent, plan)
        self.stall = Stall()
        # The pieces of code of each module, by their names in its pack.
        self.runners: dict[str, dict[str, CodeType]] = {}
        self.finder = Finder({})
        self.showing = Showing(self.stall)
        # What methods are in their new definitions, and what stands for them while statements run: by their ids.
        self._anew: dict[int, FunctionType] = {}
        self._afters: dict[int, FunctionType] = {}
        self.homing = Homing(set())
        self.meanwhile = Meanwhile(self.stall)
        self.kinship = Kinship()
        # Packages that become modules.
        self._no_packages: set[str] = set()
        # What modules that do not change, or not yet, have imported of those that do: what it is going to be.
        self._lent: dict[str, dict[str, Any]] = {}
        # What had to be done at once for the statements to run.
        self._prepared = Switch()

    def _run_in_order(self, parts: list[ModulePart]) -> None:
        """Run the statements of all modules, one module's in the middle of another's where that one imports it."""
        stops: dict[str, list[int]] = {}
        for name, count in self.plan.sequence:
            stops.setdefault(name, []).append(count)
        begun = {part.name: self._module(part, stops[part.name]) for part in parts}
        for name, _ in paced(self.plan.sequence):
            next(begun[name])

    def _module(self, part: ModulePart, stops: list[int]) -> Iterator[None]:
        """Run the statements of a module, up to one of ``stops`` each time: so many of its pieces have run then."""
        module = self.agent.module(part.name)
        if module is None:
            raise Refused(f"{part.name} is not loaded any more", "plan again")
        real = vars(module)
        shadow = self.shadows[part.name] = Shadow(real, True)
        shadow.first = _first_namespace(module)
        shadow.kinship = self.kinship
        shadow.bound = self._note_anew
        places = getattr(vars(module).get("__spec__"), "submodule_search_locations", None)
        if (part.package and "__path__" not in vars(module)) or (not part.package and places is not None):
            self._becomes_package(module, part)
        runners = [*part.runners, *(c.runner for c in part.classes if c.runner)]
        codes = (self.runners[part.name][runner] for runner in runners)
        self.contents.look(real, codes, self.agent.module_names())
        new = (other.name.rpartition(".") for other in self.plan.modules if other.action == "import")
        for row in part.classes:
            if (cls := class_at(module, row.qualname)) is not None:
                self.going.watch(cls, row.removed)
        self.showing.show_data(module, shadow, {name for package, _, name in new if package == part.name})
        pieces = [*enumerate([*part.runners, ""])]
        for start, stop in pairwise([0, *stops]):
            self._take_imports(part, shadow)
            gates = self._open_stage(part, shadow)
            self._show(part, shadow)
            try:
                for number, runner in pieces[start:stop]:
                    for row in part.classes:
                        if not row.instead_of and row.after == number:
                            self._run_class(module, part, row)
                    if runner:
                        self._run(module, part, runner)
            finally:
                if gates is not None:
                    settle(gates.undo[::-1], self.stall)
            self._lend(part, shadow)
            yield

    def _take_imports(self, part: ModulePart, shadow: Shadow) -> None:
        """Let a module's imports find what other modules are going to hold, as far as that is known."""
        for source in part.stars:
            # What stands in an `if` or a `try` is no piece of its own.
            if source not in part.starred.values():
                shadow.staged_imports.update(self._of_stage(source))
        for local, (source, name) in part.redirects.items():
            values = self._of_stage(source)
            if name in values and not (
                local in part.tried and self._has_another(shadow, local, source, name)
            ):
                value = values[name]
                shadow.staged_imports[local] = value
                if local in shadow.real and not dict.__contains__(shadow, local):
                    dict.__setitem__(shadow, local, value)

    def _has_another(self, shadow: Shadow, local: str, source: str, name: str) -> bool:
        """Whether a module has a value for a name that is not the one that it tries to import."""
        module = self.agent.module(source)
        return local in shadow.real and (
            module is None or shadow.real[local] is not vars(module).get(name, shadow)
        )

    def _lend(self, part: ModulePart, shadow: Shadow) -> None:
        """Show what a module has made anew in those, too, that have imported it and do not change."""
        for name, importers in part.importers.items():
            if not dict.__contains__(shadow, name) or name in shadow.added:
                continue
            for importer in importers:
                source, _, local = importer.partition(":")
                module = self.agent.module(source)
                before = shadow.real.get(name)
                if (
                    module is not None
                    and source not in self.shadows
                    and vars(module).get(local, shadow) is before
                ):
                    if source not in self._lent:
                        self._lent[source] = {}
                        self.showing.show_data(module, self._lent[source])
                    self._lent[source][local] = dict.__getitem__(shadow, name)

    def _of_stage(self, source: str) -> dict[str, Any]:
        """What a module is going to hold in place of what it has."""
        other = self.shadows.get(source)
        found = {} if other is None else {n: v for n, v in other.items() if n not in other.added}
        return {**self._lent.get(source, {}), **found}

    def _show(self, part: ModulePart, shadow: Shadow) -> None:
        """Let the statements find what they read as the update leaves it, where they look past their own names."""
        self.meanwhile.name(shadow.real, self._staged(part))
        for full in part.staged:
            source, _, name = full.partition(":")
            if source == part.name:
                shadow.shown[name] = ASIDE + full

    def _importing(self, module: ModuleType, code: CodeType) -> CodeType:
        """A module is about to be imported for the first time; gives the code to execute."""
        self.contents.look(vars(module), [code], self.agent.module_names())
        return self.meanwhile.importing(self.runners, self._show_imported)(module, code)

    def _show_imported(self, module: ModuleType) -> None:
        part = next(part for part in self.plan.modules if part.name == module.__name__)
        self.meanwhile.name(vars(module), self._staged(part))

    def _staged(self, part: ModulePart) -> list[tuple[str, Any]]:
        """What the names are going to mean that the code of ``part`` says meanwhile."""
        found: list[tuple[str, Any]] = []
        for full in part.staged:
            source, _, name = full.partition(":")
            other, module = self.shadows.get(source), sys.modules.get(source)
            if source == "builtins":
                found.append((ASIDE + full, self.kinship.functions[ASIDE + full]))
            elif other is not None and dict.__contains__(other, name):
                found.append((ASIDE + full, dict.__getitem__(other, name)))
            elif name in self._lent.get(source, {}):
                found.append((ASIDE + full, self._lent[source][name]))
            elif module is not None and name in vars(module):
                found.append((ASIDE + full, vars(module)[name]))
        return found

    def _run(self, module: ModuleType, part: ModulePart, runner: str) -> None:
        rows = [row for row in part.classes if row.instead_of == runner]
        code = self.meanwhile.code(self.runners[part.name], runner)
        shadow = self.shadows[part.name]
        shadow.starred = self._of_stage(part.starred.get(runner, ""))
        for local, (source, name) in part.brought.get(runner, {}).items():
            values = self._of_stage(source)
            if name in values:
                shadow.starred[local] = values[name]
        gone = [
            n for other in self.plan.modules if other.name == part.starred.get(runner) for n in other.removed
        ]
        own = _own_of(vars(module), self.module_codes.get(part.name), part, runner)
        shadow.closed = frozenset({*part.bound_later.get(runner, ()), *gone, *own})
        try:
            self._exec(code, vars(module), shadow, part)
            for name in sorted({made.co_name for made in nested(code)}):
                before, made = vars(module).get(name), dict.get(shadow, name)
                classes = is_a(before, type) and is_a(made, type) and before is not made
                if classes and not (is_a(before, enum.EnumMeta) or is_a(made, enum.EnumMeta)):
                    self.kinship.note(before, made)
                    self._give_what_stays(f"{part.name}:{name}", before, made)
                    self._show_made(before, made, code.co_filename)
        except Refused as error:
            if not rows:
                if not self._run_as_first(module, part, code):
                    raise
                return
            if _cant_be_made(error.__cause__):
                raise
            text = f"{part.name}:{rows[0].qualname} changes in place, as making it again was refused"
            self.notes.append(f"{text} ({error.message})")
            for row in rows:
                self._run_class(module, part, row)

    def _give_what_stays(self, full: str, before: Any, made: Any) -> None:
        """Give a class that was made again what others have hung on the old one and will find on it: `compiles(Add)` looks for a dispatcher."""
        known = self.plan.made.get(full)
        if known is None:
            return
        for attribute, value in list(type.__getattribute__(before, "__dict__").items()):
            if attribute not in vars(made) and stays(known, attribute, value):
                type.__setattr__(made, attribute, value)
                self.contents.look_into(value)

    def _show_made(self, before: Any, made: Any, file: str) -> None:
        """Show the methods of a class that was made again in the one that goes on: statements may need them of objects that are there."""
        # What calls super() only does so for objects of the class that was made.
        methods = {n: v for n, v in list(vars(made).items()) if _is_method(v, file)}
        self.showing.show(before, _of_new_bases(before, made) | methods)

    def _run_as_first(self, module: ModuleType, part: ModulePart, code: CodeType) -> bool:
        """Run a definition once more without the old one in registries that may have refused it; says whether there are any."""
        real = vars(module)
        defined = {made.co_name for made in nested(code)} & real.keys()
        if len(defined) != 1:
            return False
        entries = entries_of(program_modules(self.agent.module_names()), [real[name] for name in defined])
        if not entries:
            return False
        with without(entries, self.stall):
            self._exec(code, real, self.shadows[part.name], part)
        return True

    def _becomes_package(self, module: ModuleType, part: ModulePart) -> None:
        """A module that has become a package finds its submodules from now on; one that is a package no more does so until the end."""
        real = vars(module)
        spec = real.get("__spec__")
        changes = Switch() if part.package else self.removals
        if not part.package:
            self._no_packages.add(part.name)
        places = [os.path.dirname(part.file)] if part.package else None
        if places is not None:
            changes.set_item(real, "__path__", places)
        else:
            changes.delete_item(real, "__path__")
        changes.set_item(real, "__package__", part.name if part.package else part.name.rpartition(".")[0])
        if spec is not None:
            changes.set_attribute(spec, "submodule_search_locations", places)
        # Its new statements find the files beside it; the procedures do from the switch on.
        dict.__setitem__(self.shadows[part.name], "__file__", part.file)
        for owner, name in ((spec, "origin"), (getattr(spec, "loader", None), "path")):
            if hasattr(owner, name):
                self.base.set_attribute(owner, name, part.file)
        if part.package:
            commit(changes.do, self.stall)
            self._prepared.extend(changes)

    @contextmanager
    def _as_module(self, real: dict[str, Any], part: ModulePart) -> Iterator[None]:
        """Have relative imports of a package that becomes a module be those of a module, while its new statements run."""
        if part.name not in self._no_packages:
            yield
            return
        spec, package = real.get("__spec__"), real.get("__package__")
        places = getattr(spec, "submodule_search_locations", None)
        real["__package__"] = part.name.rpartition(".")[0]
        if spec is not None:
            spec.submodule_search_locations = None
        try:
            yield
        finally:
            real["__package__"] = package
            if spec is not None:
                spec.submodule_search_locations = places

    def _exec(self, code: CodeType, real: dict[str, Any], names: dict[str, Any], part: ModulePart) -> None:
        try:
            with self._as_module(real, part):
                exec(code, real, names)
        except (Exception, SystemExit) as error:
            place, remedy = part.file, "mend it and update again"
            kept: set[str] = set()
            trace = error.__traceback__
            while trace is not None:
                frame = trace.tb_frame
                if frame.f_code is code:
                    remedy += _anew(part, trace.tb_lineno)
                kept |= self._kept_data(frame)
                name, file = frame.f_globals.get("__name__", ""), frame.f_code.co_filename
                # The innermost line of the program's own: a new module's, where it is the import that failed.
                if frame.f_code is code or self.agent.recorder.in_program(name, file):
                    place = f"{file}:{trace.tb_lineno}"
                trace = trace.tb_next
            if kept and "--reset" not in remedy:
                options = " ".join(f"--reset {name}" for name in sorted(kept))
                remedy += f", or make the data again that is kept as it was: {options}"
            raise Refused(
                f"a new top-level statement raised {type(error).__name__}: {error} ({place})", remedy
            ) from error

    def _kept_data(self, frame: FrameType) -> set[str]:
        """The data that is kept though the new version assigns it otherwise, and that the code of a frame names."""
        namespace, names = frame.f_globals, {*frame.f_code.co_names}
        found = set()
        for datum in self.plan.data:
            module, _, name = datum.name.partition(":")
            home = vars(sys.modules[module]) if module in sys.modules else {}
            there = name in names and name in namespace and name in home
            if datum.action == "keep" and there and home[name] is namespace[name]:
                found.add(datum.name)
        return found

    def _open_stage(self, part: ModulePart, shadow: Shadow) -> Switch | None:
        """Give this thread, and only it, the new procedures that the statements may call."""
        gates = Switch()
        leading: dict[int, tuple[Shadow, set[str]]] = {}
        for name in part.calls:
            for function in self.finder.functions.get(name, ()):
                # (What has other defaults alone has no new code.)
                new = self.codes.get(name, function.__code__)
                if function.__code__.co_freevars == new.co_freevars:
                    other = self.shadows.get(function.__module__, shadow)
                    namespace: dict[str, Any] = (
                        other if function.__globals__ is other.real else function.__globals__
                    )
                    if namespace is other:
                        if makes_functions(new):
                            self.homing.expect(other)
                        new = self.kinship.knowing(new)
                    after = self._afters[id(function)] = twin(function, new, namespace)
                    take_defaults(after, self._anew.get(id(function)))
                    gates.set_attribute(function, "__code__", stage_gate(function, after))
                    leading.setdefault(id(other), (other, set()))[1].update(said_in_classes(new))
        for other, names in leading.values() if gates.do else ():
            other.lead(gates, names)
        if not gates.do:
            return None
        settle(gates.do, self.stall)
        return gates

    def _note_anew(self, before: Any, value: Any) -> None:
        """Note the new definition of a function, or those of a class: what is called meanwhile has its defaults."""
        if is_a(before, type) and is_a(value, type):
            for name, inner in list(vars(value).items()) if before is not value else ():
                if not is_a(inner, type):
                    self._note_anew(vars(before).get(name), inner)
            return
        old, new = function_of(before), function_of(value)
        for _ in range(_LAYERS):
            # What wraps a definition, and has its name, is called otherwise.
            if old is None or new is None or not _is_of(new, old.__code__):
                return
            self._anew[id(old)] = new
            take_defaults(self._afters.get(id(old)), new)
            old, new = (function_of(vars(each).get("__wrapped__")) for each in (old, new))

    # ---- classes

    def _run_class(self, module: ModuleType, part: ModulePart, row: ClassPart) -> None:
        cls = class_at(module, row.qualname)
        if cls is None:
            text = f"{part.name}:{row.qualname} is no class: its new attributes are left out"
            self.notes.append(text)
            return
        target = Shadow(ClassNames(cls, self.shadows[part.name], row.outer), False)
        if row.runner:
            self._exec(self.meanwhile.code(self.runners[part.name], row.runner), vars(module), target, part)
        cell = dict.pop(target, "__classcell__", None)
        if cell is not None:
            cell.cell_contents = cls
        adopt_cell(dict.pop(target, "__classdictcell__", None), cls)
        for name in ("__module__", "__qualname__", "__firstlineno__", "__static_attributes__"):
            dict.pop(target, name, None)
        for name, value in target.items():
            self._note_anew(vars(cls).get(name), value)
        if row.runner or "__slots__" in row.removed:
            self.showing.show(cls, {**target, **self.make_room(part, cls, row, target)})
        self.class_shadows.setdefault(part.name, []).append((cls, row, target))


def _is_of(function: FunctionType, code: CodeType) -> bool:
    return bool(function.__code__.co_qualname == code.co_qualname)


def take_defaults(function: FunctionType | None, new: FunctionType | None) -> None:
    """Give what stands for a procedure the defaults of its new definition, which has run by now."""
    if function is not None and new is not None:
        function.__defaults__, function.__kwdefaults__ = new.__defaults__, new.__kwdefaults__


def _of_new_bases(before: type, made: type) -> dict[str, Any]:
    """The methods that a class gets with bases that it did not have, and what a generic one (``C[int]``) needs for them."""
    had = {f"{base.__module__}:{base.__qualname__}" for base in type.mro(before)}
    new = [base for base in made.__mro__[1:] if f"{base.__module__}:{base.__qualname__}" not in had]
    found = {
        name: value
        for base in reversed(new)
        for name, value in list(vars(base).items())
        if is_a(value, FunctionType | classmethod | staticmethod | property | ClassMethodDescriptorType)
        and not any(name in vars(old) for old in type.mro(before))
    }
    if type(found.get("__class_getitem__")) is ClassMethodDescriptorType:
        # typing.Generic's own (from Python 3.12 on) takes classes that derive from it already.
        make = getattr(sys.modules.get("typing"), "_generic_class_getitem", None)
        found |= {} if make is None else {"__class_getitem__": classmethod(make)}
    return found | {name: vars(made)[name] for name in OF_GENERIC if new and name in vars(made)}


def _first_namespace(module: ModuleType) -> dict[str, Any] | None:
    """Where the statements of a module ran that has put another one in its place (``sys.modules[__name__] = …``): functions of these know."""
    real = vars(module)
    kinds = [vars(cls) for cls in type.mro(type(module)) if cls.__module__ == module.__name__]
    for value in (value for names in (real, *kinds) for value in list(names.values())):
        if is_a(value, FunctionType) and value.__globals__ is not real:
            found: dict[str, Any] = value.__globals__
            if found.get("__name__") == module.__name__:
                return found
    return None


def _is_method(value: Any, file: str) -> bool:
    """Whether something in a class is made of functions of a file that can do without the class they were made with."""
    codes = [function.__code__ for function in functions_of(value)]
    return bool(codes) and all(c.co_filename == file and "__class__" not in c.co_freevars for c in codes)


def _cant_be_made(error: BaseException | None) -> bool:
    """Whether it is Python's own maker of a class that refused it, and not a registry in which the class is already."""
    trace = error.__traceback__ if error is not None else None
    inner = ""
    while trace is not None:
        inner = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return inner in _MAKERS


def _own_of(names: dict[str, Any], code: CodeType | None, part: ModulePart, runner: str) -> list[str]:
    """The names that the star import which runs would bind, and that the module has bound to something else since, as no statement of its own says."""
    sources = (*part.starred.values(), *part.stars_gone)
    brought = [vars(sys.modules[source]) for source in sources if source in sys.modules]
    source = sys.modules.get(part.starred.get(runner, ""))
    found = [
        name
        for name in (vars(source) if source is not None else ())
        if name in names and not any(name in other and other[name] is names[name] for other in brought)
    ]
    if not found or code is None:
        return found
    from podus.program.operands import STORES_NAME, named

    said = {*named(code, STORES_NAME), *part.from_stars}
    return [name for name in found if name not in said]


def _anew(part: ModulePart, line: int) -> str:
    """The remedy where what a statement goes on with was made by the old version's statements."""
    for lines, options in part.anew.items():
        first, _, last = lines.partition("-")
        if int(first) <= line <= int(last):
            return f", or make the data that it goes on with again: {options}"
    return ""
