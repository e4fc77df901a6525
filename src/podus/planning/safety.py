"""What may switch alone, what must switch together, and what can't: interfaces, data, support code and activity."""

from __future__ import annotations

import ast
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.active import Active
from podus.planning.callers import Callers, simple
from podus.planning.condition import matching, parse
from podus.planning.consistency import keep_consistent
from podus.planning.frames import Frames
from podus.planning.groups import Groups
from podus.planning.model import Note, ObjectPart, Procedure, Reach
from podus.planning.outcome import told
from podus.program.code import is_function, nested, walk
from podus.program.control import can_return_from, still_mentions
from podus.program.flow import flow
from podus.program.interface import (
    Signature,
    accepts_every_old_call,
    calls_of,
    compatible_for_callers,
    signature,
)
from podus.program.operands import ATTRIBUTES, any_named
from podus.program.symbols import parameters

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.planning.toplevel import TopLevel
    from podus.program.callgraph import CallGraph

# Of a code object: *args, **kwargs, and what kind of procedure it is.
_HEAD_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200
# What a procedure's results are cached by.
_CACHES = frozenset({"lru_cache", "cache"})
# Procedures of a program up to which the old version's call graph is made as well: some tenths of a second.
_WORTH_A_SECOND_GRAPH = 3000


class Safety:
    """Adds groups, gates, mappers, reach and refusals to a plan that lists what changed."""

    def __init__(
        self,
        compiler: Compiler,
        support: SupportCode,
        toplevel: TopLevel,
        remade: list[str],
        asked: set[str],
    ) -> None:
        self.compiler = compiler
        self.plan = compiler.plan
        self.support = support
        self.toplevel = toplevel
        self.remade = remade
        # What has to switch: procedures that both versions have.
        self.switching = {p.name: p for p in self.plan.procedures if p.change in ("body", "head")}
        self.old_names = {
            f"{c.new.name}:{new}": f"{c.old.name}:{old}"
            for c in compiler.changes.values()
            for old, new in c.pairs.items()
        }
        self.groups = Groups(self.switching)
        self.active = Active(compiler, self.switching, self.old_names)
        self.active.tell_of_removed()
        self.data_users: set[str] = set()
        # Procedures that ask for a class whose statement runs again.
        self.asked = asked
        # What goes by a policy of its own, and which.
        self.own: dict[str, str] = {}
        self._old_graph: CallGraph | None = None
        # Of procedures with another interface: those that call them and go, and those that come and call them.
        self.called_by: dict[str, list[str]] = {}
        self.coming: dict[str, list[str]] = {}
        self._made: dict[tuple[bool, str], dict[int, CodeType]] = {}
        self.frames = Frames(compiler, support, self.old_names)
        self.active.move(self.frames)

    def compile(self) -> None:
        """Do it all."""
        gates = {gate.procedure: gate for gate in self.support.gate_rows()}
        self.plan.gates = list(gates.values())
        self.plan.mappers = self.support.mapper_rows()
        self._group_makers()
        self._declared()
        self._interfaces(gates)
        self._data()
        self._objects()
        if self.plan.policy == "consistent":
            keep_consistent(self, self.frames)
        self._policies()
        converted = [m.target for m in self.plan.mappers if m.kind == "data"]
        converted += [part.cls for part in self.plan.objects if part.converts]
        self.plan.groups = self.groups.result(self.switching, converted)
        for group in self.plan.groups:
            group.policy = next((self.own[n] for n in group.procedures if n in self.own), "")
            members = (*group.procedures, *group.data)
            group.callers = sorted({c for n in members for c in self.called_by.get(n, ())})
            group.coming = sorted({c for n in group.procedures for c in self.coming.get(n, ())})
            if group.policy:
                group.why.append(f"by the policy {group.policy}")
        self._only()
        self._when()
        if self.switching or self.data_users or self.asked:
            self._reach()
        for name in sorted(self.active.endless & set(self.switching)):
            self.switching[name].endless = True
            self.switching[name].notes.append(
                "is active and never returns: it stays in its old version until it ends"
            )
        for group in self.plan.groups:
            for name in self.active.asleep_for_ever.intersection(group.procedures):
                if len(group.procedures) > 1:
                    who = told(self.switching[name].suspended)
                    self.switching[name].notes.append(f"never returns ({who}): the others wait until it does")

    def _policies(self) -> None:
        """Groups with a policy of their own; with the policy ``atomic`` all others are one."""
        for targets, policy in self.support.together():
            here = [t for t in targets if t in self.switching]
            if not (policy and here):
                continue
            # Whoever switches with them for another reason goes by it as well.
            members = [m for m in self.groups.members() if self.groups.root(m) == self.groups.root(here[0])]
            other = {self.own[m] for m in members if m in self.own} - {policy}
            if other:
                self.compiler.refuse(
                    "two-policies",
                    f"{', '.join(here)} must switch at one instant, by two policies: {policy} and {other.pop()}",
                    "name the same one for both",
                )
            self.own.update(dict.fromkeys(members, policy))
        apart = {*self.plan.now, *self.plan.hold}
        self._atomic({m for m, policy in self.own.items() if policy == "atomic"} - apart)
        if self.plan.policy == "atomic":
            rest = [m for m in self.groups.members() if m not in apart and m not in self.own]
            self.groups.join(rest, "the policy is atomic")
            self._atomic(set(rest))

    def _atomic(self, members: set[str]) -> None:
        """They switch at an instant in which nobody is in them: it never comes if one of them never returns."""
        for name in sorted(self.active.never_end & members):
            if name in self.active.endless or len(members) > 1:
                self.compiler.refuse(
                    "never-inactive",
                    f"{name} is active and never returns ({self.active.where(name)}): there is no instant for an atomic update",
                    f"leave it out with --hold {name}, or update with another policy",
                    name,
                )

    def _only(self) -> None:
        """Hold what changes and was not asked for."""
        patterns = self.compiler.request.get("only")
        if not patterns:
            return
        chosen = set(matching(patterns, self.switching, "the update"))
        left = [name for name in self.switching if name not in chosen]
        self.plan.hold += [name for name in left if name not in self.plan.hold]
        for group in self.plan.groups:
            apart = [name for name in group.procedures if name not in chosen]
            if apart and len(apart) < len(group.procedures):
                self.compiler.refuse(
                    "not-alone",
                    f"{', '.join(n for n in group.procedures if n in chosen)} can't be updated without {', '.join(apart)}: {'; '.join(group.why)}",
                    "name these as well",
                )
        statements = [p.name for p in self.plan.modules if p.action == "update" and p.statements]
        if left and (statements or self.plan.data):
            where = self.plan.data[0].name if self.plan.data else f"the top level of {statements[0]}"
            self.compiler.refuse(
                "not-alone",
                f"{where} changes as well, and only procedures can be left out",
                "update all of it",
            )

    def _when(self) -> None:
        """Read the condition, and refuse what can't come true."""
        text = self.compiler.request.get("when")
        if not text:
            return
        names = [f"{m.name}:{name}" for m in self.compiler.old.modules.values() for name in m.procedures]
        self.plan.when = [matching(patterns, names, "the condition") for patterns in parse(text)]
        never = [next((why for n in either if (why := self._never_idle(n))), "") for either in self.plan.when]
        if all(never):
            self.compiler.refuse(
                "never-idle", f"the condition can't come true: {never[0]}", "name procedures that return"
            )

    def _never_idle(self, name: str) -> str:
        """Why a procedure can't become idle while the update is waited for; "" if it can."""
        rows = self.active.stacks.get(name, ())
        if any(row["id"] == self.compiler.request.get("thread") for row in rows):
            return f"{name} itself asks for the update, and waits for it"
        code = self.active.code(name)
        for row in rows:
            if code is not None and not can_return_from(code, row["offset"], excepted=True):
                return f"{name} is active and never returns (thread {row['thread']}, line {row['line']})"
        return ""

    # ---- groups

    def _group_makers(self) -> None:
        """A closure's old code can be made again as long as the procedure around it is old: they switch together."""
        for name in self.switching:
            module, _, qualname = name.partition(":")
            parent = qualname.rpartition(".<locals>.")[0]
            while parent:
                maker = f"{module}:{parent}"
                if maker in self.switching:
                    self.groups.join([maker, name], f"{qualname} is made by {parent}")
                    break
                parent = parent.rpartition(".<locals>.")[0]

    def _declared(self) -> None:
        for targets, _ in self.support.together():
            self.groups.join([t for t in targets if t in self.switching], "declared with together")
        # What they are to each other is not known any more: their old version is not among the versions that are compared.
        held = [
            n for n in self.compiler.pup.hello["held"] if n in self.switching and n not in self.active.endless
        ]
        self.groups.join(held, "held back by an earlier update")

    def _interfaces(self, gates: dict[str, Any]) -> None:
        """What each change means for old callers; without an interprocedure they must switch with it."""
        for name, procedure in self.switching.items():
            old, new = self.active.code(name), self._new_code(name)
            if old is None or new is None or self._has_same_head(name, old, new):
                continue
            before, after = self._signature(old, True, name), self._signature(new, False, name)
            accepted, words = accepts_every_old_call(before, after)
            kinds = self._binding(name, old=True), self._binding(name, old=False)
            if kinds[0] != kinds[1] and "property" in kinds:
                # Who called it reads it now, or the other way round.
                accepted, words = False, f"is a {kinds[1] or 'method'} now, and was a {kinds[0] or 'method'}"
            if accepted:
                procedure.interface = f"{words}; every old call is still accepted" if words else ""
                continue
            procedure.change = "interface"
            procedure.signatures = [_parameters(before), _parameters(after)]
            procedure.interface = words
            if name in gates:
                procedure.notes.append("old callers go through the interprocedure " + gates[name].function)
                continue
            self._derive(name, procedure, words, before, after)
        for name, gate in gates.items():
            if name not in self.switching:
                self.compiler.refuse(
                    "idle-interprocedure",
                    f"there is an interprocedure for {name}, which does not change",
                    "take it out of the support code",
                )
                continue
            gate.callers = [c for c in self._callers.of(name) if c != name]

    def _has_same_head(self, name: str, old: CodeType, new: CodeType) -> bool:
        """Whether a procedure takes what it took: the parameters are the same, and so are all statements that define some."""
        change = self.compiler.changes[name.partition(":")[0]]
        return (
            "<locals>" not in name
            and change.same_around
            and old.co_argcount == new.co_argcount
            and old.co_posonlyargcount == new.co_posonlyargcount
            and old.co_kwonlyargcount == new.co_kwonlyargcount
            and (old.co_flags ^ new.co_flags) & _HEAD_FLAGS == 0
            and parameters(old) == parameters(new)
        )

    def _derive(
        self,
        name: str,
        procedure: Procedure,
        words: str,
        before: Signature,
        after: Signature,
    ) -> None:
        callers = [caller for caller in self._callers.of(name) if caller != name]
        if self.plan.policy == "consistent":
            # Each caller meets its own version.
            return
        stuck = [c for c in callers if c in self.active.never_end]
        for caller in stuck:
            if not self._can_call(caller, name):
                continue
            if self._still_accepted(caller, name, before, after):
                procedure.notes.append(f"{caller} never returns; its old calls still fit by position")
                continue
            self.compiler.refuse(
                "interprocedure-needed",
                f"{name} {words}, and its caller {caller} is active and never returns ({self.active.where(caller)})",
                f"give an interprocedure for {name}; `podus scaffold` writes its skeleton"
                + (", or update with --policy consistent" if caller in self.active.asleep_for_ever else ""),
                name,
            )
        waited = [c for c in callers if c not in stuck]
        self._removed_callers(name, words)
        self.groups.join([name, *waited], f"{simple(name)}'s interface: {words}")
        if waited:
            procedure.notes.append("switches with its callers " + ", ".join(waited))

    def _removed_callers(self, name: str, words: str) -> None:
        """Wait for those who call it and are not in the new version; who is in such a one for ever must not be broken."""
        gone = self._callers.through(name)
        said = self._callers.words(name).union(map(simple, gone))
        for caller in gone:
            code = self._callers.removed[caller]
            rows = self.active.stacks.get(caller, ()) if caller in self.active.endless else ()
            if any(still_mentions(code, row["offset"], word) for row in rows for word in said):
                self.compiler.refuse(
                    "interprocedure-needed",
                    f"{name} {words}, and its caller {caller}, which the new version does not have, is active and never returns ({self.active.where(caller)})",
                    f"give an interprocedure for {name}; `podus scaffold` writes its skeleton",
                    name,
                )
        self.called_by[name] = [c for c in gone if c not in self.active.endless]
        self.coming[name] = self._callers.coming(name)

    def _can_call(self, caller: str, name: str) -> bool:
        """Whether an activation of an endless ``caller`` can still come to a call of ``name``."""
        code = self.active.code(caller)
        if code is None or not self._may_call(caller, name):
            return False
        # Of those that are suspended not each was looked at.
        rows = self.active.stacks.get(self.old_names.get(caller, caller), ())
        return caller in self.active.asleep_for_ever or any(
            still_mentions(code, row["offset"], word)
            for row in rows
            for word in self._callers.words(name).union(map(simple, self._callers.through(name)))
        )

    def _may_call(self, caller: str, name: str) -> bool:
        """Whether in the old version ``caller`` can call ``name`` itself, and not only something of the same name."""
        code = self.active.code(caller)
        if code is not None and not calls_of(flow(code), simple(name)):
            # It hands it on as a value: it will be called with what it is given there.
            return True
        callee = self.old_names.get(name, name)
        return self.old_names.get(caller, caller) in self._old().direct_callers(callee)

    def _old(self) -> CallGraph:
        if self._old_graph is None:
            from podus.program.callgraph import build

            self._old_graph = build(self.compiler.old.modules, loaded=self.compiler.old.modules)
        return self._old_graph

    def _still_accepted(self, caller: str, name: str, before: Signature, after: Signature) -> bool:
        """Whether all that the old ``caller`` does with ``name`` are calls that the new interface accepts as well."""
        code = self.active.code(caller)
        kinds = self._binding(name, old=True), self._binding(name, old=False)
        if code is None or before.kind != after.kind or (kinds[0] != kinds[1] and "property" in kinds):
            return False
        seen = flow(code)
        sites = [call for call, _ in calls_of(seen, simple(name))]
        if not sites:
            # It hands the procedure on as a value: whoever gets it may call it in any way.
            return False
        method = "." in name.partition(":")[2].replace("<locals>.", "")
        bound = True if method and self._binding(name, old=True) != "staticmethod" else None
        return compatible_for_callers(before, after, sites, method=bound)[0]

    def _binding(self, name: str, *, old: bool) -> str:
        """What a method is made of a version's function: ``property``, ``staticmethod``, ``classmethod``; "" for a plain one."""
        version = self.compiler.old if old else self.compiler.new
        module, _, qualname = (
            (self.old_names.get(name, name) if old else name).partition("#")[0].partition(":")
        )
        home = version.modules.get(module)
        body = home.body if home is not None and "<" not in qualname else None
        *owners, last = qualname.split(".")
        for owner in owners:
            statement = body.last(owner) if body is not None else None
            body = statement.body if statement is not None else None
        found = body.last(last) if body is not None and owners else None
        decorators = getattr(found.node, "decorator_list", ()) if found is not None else ()
        said = {ast.unparse(decorator).rpartition(".")[2] for decorator in decorators}
        return next((kind for kind in ("property", "staticmethod", "classmethod") if kind in said), "")

    @cached_property
    def _callers(self) -> Callers:
        return Callers(self.compiler, self.switching, self.active)

    def _signature(self, code: CodeType, old: bool, name: str) -> Signature:
        version = self.compiler.old if old else self.compiler.new
        module = (self.old_names.get(name, name) if old else name).partition(":")[0]
        made = self._made.get((old, module))
        if made is None:
            # Who makes whom; the flow of a maker is only asked for when it is needed.
            made = self._made[old, module] = {
                id(inner): outer for outer in walk(version.modules[module].code) for inner in nested(outer)
            }
        maker = made.get(id(code))
        row = None if maker is None else next((m for m in flow(maker).makes if m.code is code), None)
        return signature(code, row)

    def _new_code(self, name: str) -> CodeType | None:
        module, _, qualname = name.partition(":")
        owner = self.compiler.new.modules.get(module)
        return owner.procedures.get(qualname) if owner is not None else None

    def _data(self) -> None:
        """Data that changes does so at the same instant as the changed procedures that use it."""
        mappers = {m.target: m for m in self.plan.mappers if m.kind == "data"}
        targets = [d.name for d in self.plan.data if d.action in ("set", "map")]
        targets += self.toplevel.remade.reshaped
        targets += self._other_kinds()
        never = self.active.never_end
        # What is imported from elsewhere now is not found otherwise by statements that run before the switch.
        known = {*targets, *mappers}
        for home, word in self.compiler.derived.moved:
            if "." not in word and f"{home}:{word}" not in known:
                self.data_users |= set(self._users(f"{home}:{word}"))
        for name in dict.fromkeys([*targets, *mappers]):
            users = [*self._users(name), *self._old_users(name)]
            self.data_users |= set(users)
            changed = [u for u in (*users, *self._callers.by_the_way(users)) if u in self.switching]
            self.called_by[name] = [
                u for u in users if u in self._callers.removed and u not in self.active.endless
            ]
            waited = [u for u in changed if u not in never]
            self.groups.add(name)
            self.groups.join([name, *waited], f"they use {name}")
            if name in mappers:
                mappers[name].users = [u for u in users if u not in never]
                for user in (u for u in users if u in never):
                    self.plan.asks.append(
                        Note(
                            "mapped-under-endless",
                            f"{user} uses {name} and never returns: it will find the new form at its next look",
                            "make sure that it can, or move the use into a procedure that returns",
                            user,
                        )
                    )
        for mapper in self.plan.mappers:
            if mapper.kind == "static":
                self.groups.add(mapper.target)

    def _other_kinds(self) -> list[str]:
        """The names that stand for another kind of thing: a function that was a class."""
        kinds = ("def", "class", "assign")
        found = []
        for module, change in self.compiler.changes.items():
            for statement in change.body.run if change.body is not None else ():
                for name in statement.names:
                    before = change.body.previous.get(name) if change.body is not None else None
                    if (
                        before is not None
                        and before.kind != statement.kind
                        and {before.kind, statement.kind} <= {*kinds}
                    ):
                        found.append(f"{module}:{name}")
        return found

    def _old_users(self, datum: str) -> list[str]:
        """The procedures that the new version does not have and that say the name of data."""
        word = datum.rpartition(":")[2].rpartition(".")[2]
        return [name for name, code in self._callers.removed.items() if word in _names_of(code)]

    def _objects(self) -> None:
        """Objects begin to be converted at the instant at which the changed procedures that touch what is converted switch."""
        never = self.active.never_end
        for name in self.remade:
            waited = [u for u in self._users(name) if u in self.switching and u not in never]
            self.groups.add(name)
            self.groups.join([name, *waited], f"they make objects of {name}")
        for part in self.plan.objects:
            computed = [f"{part.cls}.{n}" for n in (*part.hidden, *part.shown)]
            self._unfilled(part)
            if not (part.converts or computed):
                continue
            waited = [u for u in part.users if u not in never]
            for user in (u for u in part.users if u in never):
                self.plan.asks.append(
                    Note(
                        "mapped-under-endless",
                        f"{user} uses fields of {part.cls} that change and never returns: it will find them in their new form",
                        "make sure that it can, or move the use into a procedure that returns",
                        user,
                    )
                )
            part.switches = [u for u in waited if u in self.switching]
            part.users = waited
            for name in [part.cls, *computed]:
                self.groups.add(name)
            more = [u for u in self._callers.by_the_way(part.users) if u not in never]
            self.groups.join([part.cls, *computed, *part.switches, *more], f"they use fields of {part.cls}")

    def _unfilled(self, part: ObjectPart) -> None:
        """Who makes objects without a field that goes, or with one that nobody can give to others, switches with those who use it."""
        for name in (*part.gone, *(f.name for f in part.fields if f.how == "missing")):
            users: dict[str, None] = {}
            for mentions in (self.compiler.mentions_in_old, self.compiler.mentions_in_new):
                rows = mentions.get(name, ())
                users.update((user, None) for user, code in rows if any_named(code, ATTRIBUTES, name))
            joined = [*users, *self._callers.by_the_way(users)]
            waited = [u for u in joined if u in self.switching and u not in self.active.never_end]
            # (A dataclass's own constructor is no procedure: it goes with the class.)
            self.groups.join([part.cls, *waited], f"they use {part.cls}.{name}")

    @cached_property
    def _redirects(self) -> dict[str, dict[str, list[str]]]:
        """Module -> local name -> the module and name that it is imported from, of the new version."""
        parts = self.toplevel.parts
        return {
            name: parts[name].redirects if name in parts else self.toplevel.redirects(module)
            for name, module in self.compiler.new.modules.items()
        }

    @cached_property
    def _imported(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """Module and name -> the modules that import it from there, each with its name for it."""
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for other, redirects in self._redirects.items():
            for local, (source, what) in redirects.items():
                found.setdefault((source, what), []).append((other, local))
        return found

    def _users(self, datum: str) -> list[str]:
        """The procedures of the new version that mention a datum by name, in its module or where it was imported from there, directly or not."""
        module, _, name = datum.partition(":")
        places = [(module, name.rpartition(".")[2])]
        for place in places:
            places += [found for found in self._imported.get(place, ()) if found not in places]
        users: list[str] = []
        for other in self.compiler.new.modules.values():
            words = {word for home, word in places if home == other.name}
            words |= {
                word
                for home, word in places
                if home.rpartition(".")[2] in other.code.co_names or home in self._redirects[other.name]
            }
            for word in sorted(words):
                for user, _ in self.compiler.mentions_in_new.get(word, ()):
                    if user.startswith(f"{other.name}:") and user not in users:
                        users.append(user)
        return users

    # ---- reach

    def _reach(self) -> None:
        from podus.program.callgraph import build

        graph = build(self.compiler.new.modules, loaded=self.compiler.old.modules)
        names = list(self.switching)
        closure = graph.closure(names)
        self.plan.reaches, self.plan.reach_sets = _numbered(closure)
        self.plan.caches = self._caches(graph, names)
        self._reach_back(names)
        new_names = {old: new for new, old in self.old_names.items()}
        active = {new_names.get(n, n) for n in self.active.stacks} & set(names)
        for name in names:
            if name in active:
                continue
            blocking = closure.get(name, set()) & active
            if blocking:
                for target, path in graph.reach(name, blocking).items():
                    words = [f"{node} ({edge.why}, line {edge.line})" for node, edge in path]
                    self.plan.reach.append(Reach(name, target, words))
        order = {name: position for position, name in enumerate(_callees_first(names, closure))}
        self.plan.groups.sort(key=lambda g: min((order.get(p, 0) for p in g.procedures), default=-1))
        bodies = {f"{p.name}:<module>": p for p in self.plan.modules if p.action == "update" and p.statements}
        # A function that is made when it is called reads what the one around it finds.
        wanted = dict.fromkeys(
            [
                *names,
                *self.data_users,
                *(n.partition(".<locals>")[0] for n in self.data_users),
                *self.asked,
            ]
        )
        called = graph.closure([*bodies, *wanted]) if bodies else {}
        for body, part in bodies.items():
            part.calls = sorted(called.get(body, set()) & wanted.keys())

    def _caches(self, graph: CallGraph, names: list[str]) -> list[str]:
        """The procedures that did not change, may have their results cached, and use what did change."""
        candidates = [
            f"{module.name}:{qualname}"
            for module in self.compiler.new.modules.values()
            if any(not is_function(c) and _CACHES.intersection(c.co_names) for c in walk(module.code))
            for qualname in module.procedures
        ]
        candidates = [c for c in candidates if c not in self.switching]
        if not candidates:
            return []
        wanted = set(names)
        closure = graph.closure([*names, *candidates])
        return [c for c in candidates if c in self.data_users or closure.get(c, set()) & wanted]

    def _reach_back(self, names: list[str]) -> None:
        """Who reaches whom in the old version: for the way back from the middle. Left out where it would double the time."""
        if sum(len(m.procedures) for m in self.compiler.old.modules.values()) > _WORTH_A_SECOND_GRAPH:
            return
        olds = {self.old_names.get(name, name): name for name in names}
        closure = self._old().closure(olds)
        renamed = {
            olds[o]: {olds[f] for f in found if f in olds} for o, found in closure.items() if o in olds
        }
        self.plan.back_reaches, self.plan.back_sets = _numbered(renamed)


def _numbered(closure: dict[str, set[str]]) -> tuple[dict[str, int], list[list[str]]]:
    """Procedures that call each other in circles share one set: large programs have few different ones."""
    numbers: dict[frozenset[str], int] = {}
    reaches = {
        name: numbers.setdefault(frozenset(found), len(numbers)) for name, found in closure.items() if found
    }
    return reaches, [sorted(found) for found in numbers]


def _parameters(found: Signature) -> str:
    """A signature in words a person knows; defaults are there, but their values are not in the code."""
    required = len(found.names) - (found.defaults or 0)
    words = [n if i < required else f"{n}=..." for i, n in enumerate(found.names)]
    if found.posonly:
        words.insert(found.posonly, "/")
    if found.star or found.kwonly:
        words.append(f"*{found.star}")
    words += [f"{n}=..." if n in (found.kwdefaults or ()) else n for n in found.kwonly]
    if found.kwstar:
        words.append(f"**{found.kwstar}")
    return f"({', '.join(words)})"


def _names_of(code: CodeType) -> set[str]:
    return {name for part in walk(code) for name in part.co_names}


def _callees_first(names: list[str], closure: dict[str, set[str]]) -> list[str]:
    return sorted(names, key=lambda name: len(closure.get(name, ())))
