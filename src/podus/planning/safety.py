"""What may switch alone, what must switch together, and what can't: interfaces, data, support code and activity."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from podus.planning.active import Active
from podus.planning.callers import Callers
from podus.planning.compatible import Compatible
from podus.planning.condition import matching, parse
from podus.planning.consistency import keep_consistent
from podus.planning.frames import Frames
from podus.planning.groups import Groups
from podus.planning.outcome import told
from podus.planning.reached import Reached
from podus.planning.users import Users
from podus.program.control import can_return_from

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.planning.toplevel import TopLevel
    from podus.program.callgraph import CallGraph


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
        # Of procedures with another interface: those that call them and go, and those that come and call them.
        self.called_by: dict[str, list[str]] = {}
        self.coming: dict[str, list[str]] = {}
        self.frames = Frames(compiler, support, self.old_names)
        self.active.move(self.frames)

    def compile(self) -> None:
        """Do it all."""
        gates = {gate.procedure: gate for gate in self.support.gate_rows()}
        self.plan.gates = list(gates.values())
        self.plan.mappers = self.support.mapper_rows()
        self._group_makers()
        self._declared()
        Compatible(self).compile(gates)
        users = Users(self)
        users.compile_data()
        users.compile_objects()
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
            Reached(self).compile()
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

    @cached_property
    def old_graph(self) -> CallGraph:
        """Who calls whom in the old version."""
        from podus.program.callgraph import build

        return build(self.compiler.old.modules, loaded=self.compiler.old.modules)

    @cached_property
    def callers(self) -> Callers:
        """Who calls what changes its interface."""
        return Callers(self.compiler, self.switching, self.active)
