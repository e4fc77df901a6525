"""Whether who called a procedure in its old version can meet it in the new one: what becomes of those that call what changes its interface.

An interprocedure carries their calls; without one they switch with it, at one instant, or are waited for, or the plan refuses.
"""

from __future__ import annotations

import ast
from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.callers import simple
from podus.planning.model import Procedure
from podus.program.code import nested, walk
from podus.program.control import still_mentions
from podus.program.flow import flow
from podus.program.interface import (
    Signature,
    accepts_every_old_call,
    calls_of,
    compatible_for_callers,
    signature,
)
from podus.program.symbols import parameters

if TYPE_CHECKING:
    from podus.planning.safety import Safety

# Of a code object: *args, **kwargs, and what kind of procedure it is.
_HEAD_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200


class Compatible:
    """Compares the two interfaces of each procedure that switches."""

    def __init__(self, safety: Safety) -> None:
        self._safety = safety
        self.compiler, self.plan = safety.compiler, safety.plan
        self.switching, self.old_names = safety.switching, safety.old_names
        self.groups, self.active = safety.groups, safety.active
        self._made: dict[tuple[bool, str], dict[int, CodeType]] = {}

    def compile(self, gates: dict[str, Any]) -> None:
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
            gate.callers = [c for c in self._safety.callers.of(name) if c != name]

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
        callers = [caller for caller in self._safety.callers.of(name) if caller != name]
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
        gone = self._safety.callers.through(name)
        said = self._safety.callers.words(name).union(map(simple, gone))
        for caller in gone:
            code = self._safety.callers.removed[caller]
            rows = self.active.stacks.get(caller, ()) if caller in self.active.endless else ()
            if any(still_mentions(code, row["offset"], word) for row in rows for word in said):
                self.compiler.refuse(
                    "interprocedure-needed",
                    f"{name} {words}, and its caller {caller}, which the new version does not have, is active and never returns ({self.active.where(caller)})",
                    f"give an interprocedure for {name}; `podus scaffold` writes its skeleton",
                    name,
                )
        self._safety.called_by[name] = [c for c in gone if c not in self.active.endless]
        self._safety.coming[name] = self._safety.callers.coming(name)

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
            for word in self._safety.callers.words(name).union(
                map(simple, self._safety.callers.through(name))
            )
        )

    def _may_call(self, caller: str, name: str) -> bool:
        """Whether in the old version ``caller`` can call ``name`` itself, and not only something of the same name."""
        code = self.active.code(caller)
        if code is not None and not calls_of(flow(code), simple(name)):
            # It hands it on as a value: it will be called with what it is given there.
            return True
        callee = self.old_names.get(name, name)
        return self.old_names.get(caller, caller) in self._safety.old_graph.direct_callers(callee)

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
