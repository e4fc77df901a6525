"""Staging: new modules are imported and new top-level statements run aside, so that nobody sees them before the switch.

The statements run with the module's own namespace as their globals and a :class:`Shadow` as their locals. A name that the module did not have
is put into the module at once (nobody asks for it yet); a name that it had keeps its value until the switch. Whatever fails here is
taken back, and the program is as before.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FunctionType, ModuleType

from podus.errors import Refused
from podus.planning.model import ObjectPart, Plan
from podus.planning.pack import read_pack
from podus.program.code import procedures, walk
from podus.program.operands import STORES_ATTRIBUTE, any_named
from podus.support.declare import Declaration
from podus.support.load import execute
from podus.updating.abstract import abstract_into, asked_anew
from podus.updating.ancestry import in_order
from podus.updating.binding import Switch, settle
from podus.updating.bound import check_listing
from podus.updating.breath import Breath, paced
from podus.updating.claims import Claims
from podus.updating.find import Finder, class_at, program_modules
from podus.updating.footprint import Footprint, Registries, drop_overloads
from podus.updating.heap import SMALL, Search
from podus.updating.held import GONE, own_names
from podus.updating.joined import once_each
from podus.updating.listing import TARGETS
from podus.updating.moves import Moves
from podus.updating.objects import Conversion
from podus.updating.ordering import keep_in_order, lines_of
from podus.updating.pydantic_models import adapters_into
from podus.updating.routers import to_be_told
from podus.updating.slots import slot_names_into
from podus.updating.statements import Statements
from podus.updating.sweep import take_away
from podus.updating.withdrawn import dispatch_caches, forsaken, holds, reregistered, still_there, withdraw

_STORES = (dict.__setitem__, type.__setattr__)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from podus.pup.agent import Agent
    from podus.updating.binding import Op


class Stage(Statements):
    """One update's staging. ``run`` prepares every switch; ``undo`` takes back what preparing did."""

    def __init__(self, agent: Agent, plan: Plan, declarations: list[Declaration] | None) -> None:
        super().__init__(agent, plan)
        self.given = declarations
        self.declarations: list[Declaration] = []
        # The procedures of each, by qualified name.
        self.defined: dict[str, dict[str, CodeType]] = {}
        self.old_codes: dict[str, list[CodeType]] = {}
        # Unchanged procedures of changed modules: they get their new line numbers at the end.
        self.relabel: dict[str, CodeType] = {}
        self._registries, self._elsewhere = Registries(agent.module_names()), Registries(agent.module_names())
        self._registered = False
        # What takes attributes of classes away again, on the way back.
        self.deferred: list[Op] = []
        self._modules_before = dict.fromkeys(sys.modules)
        # Modules that an update deleted and that are there again.
        self.returned: set[str] = set()
        # The live objects of changed classes, and who is told when a mapper raises in a thread of the program.
        self.conversions: dict[str, Conversion] = {}
        # The objects that have been given a new field for statements that needed it, each with its name.
        self.given_early: list[tuple[Any, str]] = []
        self.claims = Claims()
        self.object_failed: Callable[[BaseException], None] = lambda error: None
        self.footprint = Footprint()

    def run(self) -> None:
        """Prepare everything. Raises PodusError, or whatever a new module or statement raises."""
        self._read_code()
        if self.agent.lingering:
            settle(
                self.agent.lingering.settle(self.agent.footprints(), self.module_codes.values()), self.stall
            )
        self._find()
        self.agent.finder.expect(self.plan)
        for part in self.plan.modules:
            if part.action == "import":
                self._bring_back(part.name)
        earlier = self._earlier()
        if earlier is not None:
            self._take_back(earlier)
        else:
            self._define()
        for part in self.plan.modules:
            if part.action == "delete":
                self._delete(part.name)
        if self.plan.support:
            self.declarations = execute(self.plan.support, f"podus_support_{self.plan.id}")
        elif self.given is not None:
            self.declarations = self.given
        switches = (self.base, *self.redefined.values(), *self.data.values())
        changed = [cls for rows in self.class_shadows.values() for cls, _, _ in rows]
        slot_names_into((*switches, self.removals), self.base)
        abstract_into(switches, self.removals, self.base, [*changed, *self.identity.classes()])
        for name in (p.name for p in self.plan.procedures if p.name.endswith(".__subclasshook__")):
            module, _, owner = name.rpartition(".")[0].partition(":")
            if (cls := class_at(self.agent.module(module), owner)) is not None:
                self.switch_for(name).extend(asked_anew(cls))
        in_order(self.base)
        self._leave_footprint()
        self._objects()
        if self.replacement:
            cls = self.replacement.old[0]
            # Any number of objects may have to be looked for.
            check_listing(self.stall, f"{cls.__module__}:{cls.__qualname__} can be replaced", TARGETS + 1)
            self._account_for_own()
            self.replacement.check()

    def _account_for_own(self) -> None:
        """Tell the replacement what of ours refers to the classes."""
        ours: list[Any] = [self.identity._made, self.identity._pairs, *self.identity._pairs.values()]
        ours += [row for rows in self.class_shadows.values() for row in rows]
        switches = [self.base, self.removals, self._prepared, *self.redefined.values(), *self.data.values()]
        ours += [op for switch in switches for op in (*switch.do, *switch.undo)]
        self.replacement.ours = {id(value): value for value in ours}
        # (Assignment, module's dictionary or class, name, value)
        stores = [op for switch in switches for op in switch.do if op[0] in _STORES]
        self.replacement.overwritten = {(id(op[1]), op[2]) for op in stores}
        for datum in self.plan.data:
            module, _, qualname = datum.name.partition(":")
            owner, _, name = qualname.rpartition(".")
            place = class_at(self.agent.module(module), owner) if owner else vars(sys.modules[module])
            if datum.action == "keep" and place is not None:
                self.replacement.kept[id(place), name] = datum.name

    def _define(self) -> None:
        """Run what is new aside, and plan how it takes effect."""
        parts = [part for part in self.plan.modules if part.action == "update"]
        registries = self._registries
        for part in parts:
            module = self.agent.module(part.name)
            if module is not None and (part.runners or part.classes):
                pieces = self.runners.get(part.name, {})
                said = {n for r in part.runners if r in pieces for n in pieces[r].co_names}
                registries.look(vars(module), said)
        if any(part.registers or part.action == "import" for part in self.plan.modules):
            for module in program_modules(self.agent.module_names()):
                self._elsewhere.look(vars(module))
        recorder = self.agent.recorder
        recorder.on_stage = self._importing
        self._show_fields()
        try:
            self._run_in_order(parts)
        finally:
            recorder.on_stage = None
            for shadow in self.shadows.values():
                shadow.show_no_more()
            self.meanwhile.end()
            self.showing.end()
            self._take_home()
            self.contents.settle()
        made = [(self.shadows[part.name], name) for part in parts for name in part.redefined]
        registries.once((name for _, name in made), (n for shadow, n in made if n not in shadow.added))
        packed = (one for pack in self.runners.values() for one in pack.values())
        codes = {id(code) for one in packed for code in paced(walk(one))}
        for found in (registries, self._elsewhere):
            found.find_holders(codes)
        again = self._register_again()
        self._name_again()
        moves = Moves(self.plan.moves, self.plan.moved_data, self.plan.made)
        returning = {f"{p.name}:{n}" for p in parts for n, (_, name) in p.redirects.items() if n == name}
        moves.keep(self.shadows, self.identity, returning)
        self.keep_identities()
        for inside, switch in again:
            still_there(inside, switch, self.identity.of, self.identity.joined)
            self.removals.extend(switch)
        self.fill_replaced()
        self.go_into_others(moves.collect(self.base, self.identity))
        moves.join(self.lineage.has_come, self.base, self.identity)
        for part in parts:
            self.collect(part)
        giving = (self.base, self.removals, *self.redefined.values(), *self.data.values())
        self.going.settle(giving, self.base)
        self.lead_up()
        self.succeed()
        self._adapt()
        self.identity.forget()
        lists = [*self._registries.lists(), *self._elsewhere.lists()]
        if moves.planned:
            once_each(lists, moves.kept(self.identity))
        self._note_registered()
        drop_overloads(self.footprint.entries, (part.name for part in parts), self.removals)
        changed = self._withdraw()
        keep_in_order(lists, self._lines(), self.removals)
        told = to_be_told([*changed, *(op[1] for _, switch in again for op in switch.do)], self._objects_of)
        self.footprint.told = told
        for place in (self.base, self.removals):
            place.do += told
            place.undo += told

    def _take_home(self) -> None:
        """Give what new procedures have made meanwhile the globals of its module."""
        if not self.homing:
            return
        modules = program_modules(self.agent.module_names())
        self.homing.program.update(module.__name__ for module in modules)
        targets = [target for rows in self.class_shadows.values() for _, _, target in rows]
        for names in (*self.shadows.values(), *targets):
            for name, value in list(dict.items(names)):
                if (there := self.homing.of(value)) is not value:
                    dict.__setitem__(names, name, there)
        staged = [value for names in (*self.shadows.values(), *targets) for value in names.values()]
        self.homing.spread([*staged, *map(vars, modules)])

    def _show_fields(self) -> None:
        """Let new statements find the fields that live objects get."""
        for part in self.plan.objects:
            module, _, qualname = part.cls.partition(":")
            cls = class_at(self.agent.module(module), qualname)
            # (The constructor may come with a new module.)
            homes = {part.after.partition(":")[0], *(field.module for field in part.fields if field.module)}
            if cls is not None and not part.mapper and homes <= sys.modules.keys():
                for name, function in self._derived(part, module).items():
                    if any(name == field.name and not field.beside for field in part.fields):
                        self.showing.show_field(cls, name, function, self.given_early)

    def _adapt(self) -> None:
        """What pydantic has compiled of models elsewhere follows them."""
        kept = self.identity
        self.notes += adapters_into(kept.classes(), kept.of, kept.made, self._objects_of, self.base)

    def _objects_of(self, cls: type) -> Iterator[Any]:
        """The live objects of a class."""
        bound = self.stall.bound_us / 1e6 or None
        return (obj for batch in Search([cls], None, bound) for obj in batch)

    def _note_registered(self) -> None:
        if not self._registered:
            self._registered = True
            known = {(id(e.container), e.key, id(e.value)) for e in self._registries.entries()}
            self.footprint.entries += self._registries.entries()
            self.footprint.entries += [
                e for e in self._elsewhere.entries() if (id(e.container), e.key, id(e.value)) not in known
            ]
            self._registries.forget()
            self._elsewhere.forget()

    def _lines(self) -> dict[str, tuple[dict[str, int], dict[str, int]]]:
        """Where the definitions of the modules begin, in the old and in the new version."""
        found = {}
        for name, new in self.module_codes.items():
            record = self.agent.recorder.records.get(name)
            if record is not None and record.code is not None:
                found[name] = lines_of(record.code), lines_of(new)
        return found

    def _register_again(self) -> list[tuple[list[Any], Switch]]:
        """Find how to take what has run again with other decorators, bases or keywords out of where the old ones had put it."""
        found: list[tuple[list[Any], Switch]] = []
        for part in self.plan.modules:
            live = self.agent.live_codes(part.name) if part.registrars else {}
            for name, paths in part.registrars.items():
                module = sys.modules.get(part.name)
                owner = name.rpartition(".")[0]
                cls = class_at(module, owner) if owner else None
                if module is None or (owner and cls is None):
                    continue
                names = vars(module) if cls is None else {**vars(module), **vars(cls)}
                # Nothing else is this object: it only takes a place.
                standing = (
                    names.get(part.standing[name].rpartition(".")[2]) if name in part.standing else object()
                )
                again = name in part.registers_again
                codes = set(map(id, live.get(name, ())))
                alike = name in part.registers_alike
                found += reregistered(paths, names, codes, standing, name=name, again=again, alike=alike)
        return found

    def _name_again(self) -> None:
        """Find what changed ``__set_name__`` procedures set on the descriptors that are there."""
        for procedure in self.plan.procedures:
            name = procedure.name
            if not name.endswith(".__set_name__"):
                continue
            for function in self.finder.functions.get(name, ()):
                if name in self.codes:
                    self.naming.codes[id(function)] = (self.codes[name], self.switch_for(name))
            if procedure.change == "added":
                self._names_from_now_on(name)
        for value, copy in self.naming.again(self.agent.module_names()):
            self.identity.keep(value, copy)

    def _names_from_now_on(self, name: str) -> None:
        """Note that a class gets a ``__set_name__`` that it did not have."""
        module, _, qualname = name.partition(":")
        owner, _, method = qualname.rpartition(".")
        cls = class_at(self.agent.module(module), owner)
        found = [target for held, _, target in self.class_shadows.get(module, ()) if held is cls]
        made = dict.get(self.shadows[module], owner) if module in self.shadows else None
        for names in (*found, vars(made) if isinstance(made, type) else {}):
            if cls is not None and isinstance(names.get(method), FunctionType):
                self.naming.added[cls] = (names[method], self.switch_for(name))

    def _withdraw(self) -> list[Any]:
        """Plan to take out of registries what is not there any more; returns those that change, by what comes into them as well."""
        modules = program_modules(self.agent.module_names())
        codes: set[int] = set()
        objects: list[Any] = []
        for part in self.plan.modules:
            live = self.agent.live_codes(part.name) if part.withdrawn else {}
            for name in part.withdrawn:
                own = set(map(id, live.get(name, ())))
                codes |= own
                found = vars(sys.modules[part.name]).get(name)
                if isinstance(found, type) or holds(found, own):
                    objects.append(found)
        changed = [entry.container for entry in self.footprint.entries]
        for part in self.plan.modules:
            live = self.agent.live_codes(part.name) if part.withdrawn_by else {}
            for name, (paths, times, fellows) in part.withdrawn_by.items():
                own = set(map(id, live.get(name, ())))
                others = [set(map(id, live.get(fellow, ()))) for fellow in fellows]
                names = vars(sys.modules[part.name])
                changed += forsaken(paths, names, own, times, others, self.removals)
        if codes or objects:
            changed += withdraw(modules, codes, objects, self.removals)
        switches = (self.base, *self.redefined.values(), *self.data.values())
        based = any(op[2:3] == ("__bases__",) for switch in switches for op in switch.do)
        if based or any(type(container) is dict for container in changed):
            self.footprint.caches = dispatch_caches(map(vars, modules))
            self.removals.do += [(dict.clear, cache) for cache in self.footprint.caches]
        return changed

    def _earlier(self) -> Footprint | None:
        """What the update did that this one backs out; None if this is none, or goes back further than one."""
        if not self.plan.program.get("undo"):
            return None
        row = self.agent.kept_version(self.plan.program["undo"])
        if row is None:
            raise Refused("what is to be backed out is not kept any more", "plan again")
        footprint: Footprint = row["footprint"]
        return footprint

    def _take_back(self, footprint: Footprint) -> None:
        """Plan to give names and attributes back what they had."""
        kept = {datum.name for datum in self.plan.data if datum.action in ("keep", "map")}
        skip: set[tuple[int, str]] = set()
        values: list[Any] = []
        for name in kept:
            module, _, simple = name.partition(":")
            if module in sys.modules:
                there = vars(sys.modules[module])
                skip.add((id(there), simple))
                values += [there[simple]] if simple in there else []
        grouped = {name for group in self.plan.groups for name in (*group.data, *group.mappers)}
        base, redefined, data, removals = footprint.take_back(skip, grouped, values)
        if footprint.replacement:
            self.replacement = footprint.replacement.reversed()
        names = self.procedure_names
        for name, switch in redefined.items():
            (self.redefined.setdefault(name, Switch()) if name in names else base).extend(switch)
        for name, switch in data.items():
            (self.data.setdefault(name, Switch()) if name in grouped else base).extend(switch)
        # What comes back was in no namespace, and has been switched with the rest: its code goes back as well.
        switches = [base, removals, *self.redefined.values(), *self.data.values()]
        self.finder.follow(value for switch in switches for op in switch.do for value in op[1:])
        self.finder.rest()
        self.base.extend(base)
        self.removals.extend(removals)
        for part in self.plan.modules:
            if part.action == "update" and part.name in sys.modules:
                for name in part.removed:
                    submodule = self._submodule(part, name) is not None
                    stays = submodule or f"{part.name}:{name}" in footprint.there
                    if name != "__doc__" and not stays:
                        self.removals.delete_item(vars(sys.modules[part.name]), name)

    def _leave_footprint(self) -> None:
        """Note what has been planned, for the way back."""
        old_names = {
            f"{p.name}:{new}": f"{p.name}:{old}" for p in self.plan.modules for old, new in p.pairs.items()
        }
        self.footprint.base += [*self._prepared.undo, *self.base.undo]
        # Also what no text names: a star import has brought it. The rest goes when nobody says it any more.
        for module, shadow in self.shadows.items():
            code = self.module_codes.get(module)
            for name in set(shadow.added).difference(code.co_names) if code is not None else ():
                if name in shadow.real and f"{module}.{name}" not in sys.modules:
                    self.footprint.base.append((dict.pop, shadow.real, name, None))
        self.footprint.removals += self.removals.undo
        self.footprint.replacement = self.replacement
        self.footprint.contents = self.contents.differences()
        self.footprint.there = {d.name for d in self.plan.data if d.action in ("keep", "set", "map")}
        for name, switch in self.redefined.items():
            self.footprint.redefined[old_names.get(name, name)] = list(switch.undo)
        for name, switch in self.data.items():
            self.footprint.data[name] = list(switch.undo)

    def _objects(self) -> None:
        """Prepare the conversion of live objects."""
        backwards = bool(self.plan.program.get("back_out"))
        for part in self.plan.objects:
            module, _, qualname = part.cls.partition(":")
            cls = self.replacement.of(class_at(self.agent.module(module), qualname))
            if cls is None:
                raise Refused(f"{part.cls} is no class of the running program", "plan again")
            there = back = None
            if part.mapper:
                found = declared(self.declarations, "mapper", {part.cls, part.after}, backwards)
                there, back = found.function, found.reverse
                if backwards:
                    there, back = back, there
            self.conversions[part.cls] = Conversion(
                cls,
                part,
                self._derived(part, module),
                convert=there,
                reverse=back,
                claims=self.claims,
                failed=self.object_failed,
                kept=self.agent.kept.get(part.cls) if backwards else None,
            )
            conversion = self.conversions[part.cls]
            if backwards:
                conversion.left = self.agent.own_fields.get(part.cls)
            elif part.fields and sys.getallocatedblocks() <= SMALL:
                bound = self.stall.bound_us / 1e6 or None
                early = {(id(obj), name) for obj, name in self.given_early}
                conversion.look_for_own((obj for batch in Search([cls], None, bound) for obj in batch), early)

    def take_away(self) -> None:
        """When all has gone back: objects keep no field that only new procedures have set."""
        take_away(list(self.conversions.values()), self._is_set)

    def _is_set(self, name: str) -> bool:
        """Whether a procedure of the version that runs sets an attribute of this name, of whatever object."""
        live = (self.agent.live_codes(module) for module in self.agent.module_names())
        codes = (code for found in live for codes in found.values() for code in codes)
        return any(any_named(part, STORES_ATTRIBUTE, name) for code in codes for part in walk(code))

    def _derived(self, part: ObjectPart, module: str) -> dict[str, FunctionType]:
        """The derived mappers of a class's new fields, each with the names of the constructor that it was made from."""
        home = part.after.partition(":")[0]
        codes = self.runners.get(home, {})
        return {
            f.name: FunctionType(codes[f.runner], vars(sys.modules[f.module or home]))
            for f in (*part.fields, *part.returning)
            if f.runner in codes
        }

    def complete(self) -> None:
        """The update is complete: the way back is that of its footprint."""
        self.contents.forget()
        self.homing.end()

    def frame_mapper(self, name: str) -> Any:
        """What gives the variables of who is in the procedure ``name``. Raises Refused if the support code does not have it."""
        backwards = bool(self.plan.program.get("back_out"))
        declaration = declared(self.declarations, "frame_mapper", {name}, backwards)
        return declaration.reverse if backwards else declaration.function

    def after_fork(self) -> None:
        """In a forked child: whoever was converting an object is not here."""
        self.claims.after_fork()
        for conversion in self.conversions.values():
            conversion.after_fork()

    def planned(self, cls: type, name: str) -> Any:
        """The attribute that the update gives a class of itself; GONE if it leaves it as it is."""
        value: Any = GONE
        for switch in (self.base, *self.redefined.values(), *self.data.values()):
            for op in switch.do:
                if op[0] is type.__setattr__ and op[1] is cls and op[2] == name:
                    value = op[3]
        return value

    # ---- code and functions

    def _read_code(self) -> None:
        for part in self.plan.modules:
            if not part.pack:
                continue
            packed = read_pack(os.path.join(self.plan.directory, part.pack), Breath())
            # On the way back the code that ran before, itself: functions that are given back have it.
            code = self.agent.kept_code(self.plan.program.get("undo", ""), part.name) or packed["module"]
            self.module_codes[part.name] = code
            self.runners[part.name] = packed
            self.defined[part.name] = procedures(code)
            for qualname, procedure in paced(self.defined[part.name].items()):
                self.codes[f"{part.name}:{qualname}"] = procedure
            if part.stands:
                # The body itself goes on in the new version.
                self.codes[f"{part.name}:<module>"] = code

    def _find(self) -> None:
        """Find the function objects of everything that switches."""
        switching = {p.name for p in self.plan.procedures if p.change not in ("added", "removed")}
        names: dict[int, str] = {}
        hidden = any(p.hidden for p in self.plan.procedures)
        # Closures made before are hidden or gone: that no name leads to one says nothing.
        closures = {name for name in switching if "<locals>" in name or name.endswith(":<module>")}
        for part in self.plan.modules:
            if part.action not in ("update", "lines"):
                continue
            for qualname, codes in paced(self.agent.live_codes(part.name).items()):
                new_name = part.pairs.get(qualname, qualname)
                full = f"{part.name}:{new_name}"
                if qualname in part.gone or full not in self.codes:
                    continue
                names.update((id(code), full) for code in codes)
                if full in switching:
                    self.old_codes[full] = codes
                else:
                    self.relabel[full] = self.codes[full]
        wanted = {called for part in self.plan.modules for called in part.calls} | set(self.plan.caches)
        for name in wanted - switching:
            module, _, qualname = name.partition(":")
            for code in self.agent.live_codes(module).get(qualname, ()):
                names[id(code)] = name
                self.codes.setdefault(name, code)
        self.finder = Finder(names)
        if not names:
            return
        self.finder.walk(program_modules(self.agent.module_names()))
        missing = switching - closures - set(self.finder.functions)
        if hidden or missing:
            # Closures, and what the names don't lead to: one look at the whole heap.
            some = min(missing, default="") or min(p.name for p in self.plan.procedures if p.hidden)
            check_listing(self.stall, f"the functions of {some} are found")
            held = self.finder.scan()
            self.stall.longest_us = max(self.stall.longest_us, held * 1e6)
            self.notes.append(
                f"looked through the heap once ({held * 1e3:.1f} ms) for closures and hidden functions"
            )
        self.finder.rest()

    def ran_in(self) -> list[ModuleType]:
        """The modules of which statements have run."""
        imported = (part.name for part in self.plan.modules if part.action == "import")
        return program_modules([*self.shadows, *imported])

    # ---- modules

    def _bring_back(self, name: str) -> None:
        """A module that an update deleted is the same module again when that is backed out."""
        found = self.agent.retired_module(name, self.plan)
        if found is None:
            return
        sys.modules[name], self.agent.recorder.records[name] = found
        self.returned.add(name)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules:
            setattr(sys.modules[parent], child, found[0])

    def _delete(self, name: str) -> None:
        module = self.agent.module(name)
        if module is None:
            return
        self.agent.retired.add(module, self.agent.recorder.records[name])
        self.removals.delete_item(sys.modules, name)
        parent, _, child = name.rpartition(".")
        if parent in sys.modules and vars(sys.modules[parent]).get(child) is module:
            names = vars(sys.modules[parent])
            shadow = self.shadows.get(parent)
            switches = (self.base, *self.redefined.values(), *self.data.values())
            comes_back = any(
                op[0] is dict.__setitem__ and op[1] is names and op[2] == child
                for switch in switches
                for op in switch.do
            )
            # The package may have something else under that name now.
            if not comes_back and (shadow is None or dict.get(shadow, child, module) is module):
                self.removals.delete_item(names, child)

    # ---- taking it back

    def undo(self, *, switched: bool) -> None:
        """Leave the program as it was before :meth:`run`; ``switched``: something may have gone forward and back since."""
        # In a child that was forked meanwhile nobody has come to the end of the statements.
        self.showing.end()
        for obj, name in self.given_early if not switched else ():
            own_names(obj).pop(name, None)
        going: list[Op] = [
            (dict.pop, shadow.real, name, None)
            for shadow in self.shadows.values()
            for name in shadow.added
            if name in shadow.real
        ]
        going, notes = self.agent.lingering.taken_back(
            self, [*going, *self.deferred], self.agent.footprints(), switched=switched
        )
        self.notes += notes
        settle(going, self.stall)
        settle(self._prepared.undo[::-1], self.stall)
        back = Switch()
        self._note_registered()
        for entry in self.footprint.entries:
            entry.take_back(back)
        settle([*back.do, *self.footprint.told], self.stall)
        self.contents.undo()
        self.homing.end()
        for name in list(sys.modules):
            if name in self._modules_before or not self.agent.is_program(name):
                continue
            module = sys.modules.pop(name)
            self.agent.recorder.records.pop(name, None)
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and vars(sys.modules[parent]).get(child) is module:
                delattr(sys.modules[parent], child)
        self.agent.finder.forget()


def declared(declarations: list[Declaration], kind: str, names: set[str], backwards: bool) -> Declaration:
    """The support code of this kind for what goes by one of ``names``. Raises Refused if it is not there when it is run."""
    for declaration in declarations:
        fits = declaration.kind == kind and not names.isdisjoint(declaration.targets)
        if fits and (not backwards or declaration.reverse is not None):
            return declaration
    raise Refused(
        f"the support code has no {kind} for {min(names)} when it is run",
        "declare it at the top level of the file",
    )
