"""Which running frames can go on in the new version: loops matched, and the variables that the new version needs there.

The paper leaves ``main`` out: it is always active. A frame in a loop is moved between two iterations, as Kitsune does at its update points (Hayden
et al., OOPSLA 2012), but wherever there is a loop and with nothing written for it.
"""

from __future__ import annotations

import ast
import sys
from inspect import CO_COROUTINE
from types import CodeType
from typing import TYPE_CHECKING

from podus.frames import overwritten
from podus.planning.carried import Carried, Side
from podus.planning.model import Loop
from podus.program.code import SUSPENDS
from podus.program.loops import Loop as Found
from podus.program.loops import differing, loops_of, match
from podus.program.nodes import everything_in, first_line
from podus.program.prologue import returned

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.program.version import Module

_Function = ast.FunctionDef | ast.AsyncFunctionDef
# What the body of a module is called, where it is a procedure.
BODY = "<module>"
NO_LOOP = "it stands in no loop"


class Frames:
    """Finds for changed procedures the loops at which who is in them can move."""

    def __init__(self, compiler: Compiler, support: SupportCode, old_names: dict[str, str]) -> None:
        self.compiler = compiler
        self.mapped = support.frame_mappers()
        # The last words of the data that a mapper converts.
        data = [row.target for row in support.mapper_rows() if row.kind == "data"]
        self._data = {target.partition(":")[2].rpartition(".")[2] for target in data}
        self.old_names = old_names
        # Where an iteration is a transaction, nobody moves in the middle of one.
        self._turns_only = compiler.plan.policy == "consistent"
        self._nodes: dict[int, tuple[Module, dict[tuple[str, int], _Function]]] = {}

    def of(self, name: str) -> tuple[list[Loop], list[Loop], list[str]]:
        """The loops of the procedure ``name`` at which a frame can move forward, and back; and why it can't at others."""
        old, new = self._found(self.old_names.get(name, name), True), self._found(name, False)
        if old is None or new is None:
            return [], [], ["there is no source to tell its loops from"]
        (old_code, old_node, old_loops), (new_code, new_node, new_loops) = old, new
        if (old_code.co_flags ^ new_code.co_flags) & SUSPENDS:
            return [], [], ["it becomes another kind of function"]
        if old_code.co_flags & 0x200:
            return [], [], ["it is an asynchronous generator: these can't hand over to another"]
        if not old_loops:
            return [], [], [NO_LOOP]
        there, back, reasons = [], [], []
        pairs = match(old_loops, new_loops)
        for one in old_loops:
            if self._turns_only and not one.turns:
                continue
            pair = next((p for p in pairs if p[0] is one), None)
            if pair is None:
                reasons.append(
                    f"its loop `{one.kind} {one.text}` (line {one.line}) has no equal in the new version"
                )
                continue
            why = one.why or pair[1].why
            if why:
                reasons.append(f"its loop `{one.kind} {one.text}` (line {one.line}) can't be left: {why}")
                continue
            landing = _landing(old_code, one) if name.endswith(f":{BODY}") else []
            blocks = _blocks(one)
            why = overwritten.obstacle(old_code, landing[0], len(one.layout), blocks) if landing else ""
            if why or (landing and not overwritten.is_body(new_code)):
                reasons.append(
                    f"its loop `{one.kind} {one.text}` (line {one.line}) can't be left: {why or 'the new version has variables there'}"
                )
                continue
            made = self._loop(name, pair, old_code, new_code, (old_node, new_node), True)
            if isinstance(made, str):
                reasons.append(made)
                continue
            made.landing, made.blocks = landing, blocks
            there.append(made)
            returning = self._loop(
                name, (pair[1], one, pair[2]), new_code, old_code, (new_node, old_node), False
            )
            if not isinstance(returning, str):
                back.append(returning)
        return there, back, reasons

    def loops(self, name: str) -> list[Found]:
        """The loops of a procedure of the old version."""
        found = self._found(name, True)
        return [] if found is None else found[2]

    def returns_otherwise(self, name: str) -> bool:
        """Whether the new version of a procedure returns something of another shape than the old one."""
        old, new = self._found(self.old_names.get(name, name), True), self._found(name, False)
        return old is not None and new is not None and returned(old[1]) != returned(new[1])

    def serves(self, name: str) -> bool:
        """Whether a procedure of the old version is a coroutine in a ``while True``: one that serves for as long as its peer wants it to."""
        found = self._found(name, True)
        if found is None or not found[0].co_flags & CO_COROUTINE:
            return False
        return any(loop.turns and loop.always for loop in found[2])

    def _loop(
        self,
        name: str,
        pair: tuple[Found, Found, str],
        old: CodeType,
        new: CodeType,
        nodes: tuple[_Function | ast.Module, _Function | ast.Module],
        forward: bool,
    ) -> Loop | str:
        before, after, how = pair
        old_node, node = nodes
        body = name.endswith(f":{BODY}")
        mapper = forward and not body and name in self.mapped
        sides = Side(old, old_node, before), Side(new, node, after)
        version = self.compiler.new if forward else self.compiler.old
        module = version.modules[(name if forward else self.old_names.get(name, name)).partition(":")[0]]
        carried = Carried(self.compiler, module, *sides, forward, self._data)
        other = None if mapper else differing(before, after)
        if other is not None:
            return (
                f"its loop `{after.kind} {after.text}` (line {after.line}) would go on with what `{other[0].text}` gave it, and not with that of "
                f"`{other[1].text}`{_unless(name, ' if it fits all the same')}"
            )
        why = "" if mapper else carried.held()
        if why:
            return f"{why}{_unless(name, ' if it fits all the same')}"
        known = {*old.co_varnames, *old.co_cellvars, *old.co_freevars}
        strange = set(new.co_freevars) - known - {"__class__"}
        if strange or ("__class__" in new.co_freevars and "__class__" not in old.co_freevars):
            return f"its new version closes over {', '.join(sorted(strange)) or '__class__'}, which the old one does not have"
        given, unknown = carried.given()
        if unknown and not mapper:
            return (
                f"{unknown} is new in its loop `{after.kind} {after.text}` (line {after.line}), and podus can't tell what it is "
                f"for one that runs{_unless(name)}"
            )
        # The statements of a module's body that differ are run.
        why = "" if mapper or body else carried.obstacle(given)
        if why:
            return f"{why}{_unless(name)}"
        needs, unsure, made = carried.needs()
        skips = [] if mapper or body else carried.skipped()
        if unsure and not mapper:
            skips.append(
                f"{', '.join(sorted(unsure))} may have no value in {carried.loop}: who has none there stays in the old version{_unless(name)}"
            )
        return Loop(
            name,
            f"{before.kind} {before.text}",
            before.line,
            after.line,
            how,
            before.head,
            after.enter,
            len(after.layout),
            after.head,
            before.leaves,
            before.jumps,
            sorted(needs),
            {**given, **made},
            mapper,
            sure=not unsure,
            skips=skips,
            replaced={} if mapper or body else carried.replaced,
        )

    def _found(self, name: str, old: bool) -> tuple[CodeType, _Function | ast.Module, list[Found]] | None:
        version = self.compiler.old if old else self.compiler.new
        module, _, qualname = name.partition(":")
        owner = version.modules.get(module)
        code = owner.procedures.get(qualname) if owner is not None else None
        if owner is None or code is None or owner.source is None:
            return None
        if qualname == BODY:
            tree = ast.parse(owner.source)
            return code, tree, loops_of(code, tree)
        node = self._functions(owner).get((code.co_name, code.co_firstlineno))
        return None if node is None else (code, node, loops_of(code, node))

    def _functions(self, module: Module) -> dict[tuple[str, int], _Function]:
        known = self._nodes.get(id(module))
        if known is None:
            tree = ast.parse(module.source or b"")
            found: dict[tuple[str, int], _Function] = {}
            for node in everything_in(tree):
                if isinstance(node, _Function):
                    found[node.name, first_line(node)] = node
            known = self._nodes[id(module)] = (module, found)
        return known[1]


def _unless(name: str, more: str = "") -> str:
    """What the person can do about a frame that is not moved."""
    if name.endswith(f":{BODY}"):
        # Its variables are the module's own, and no mapper is asked for them.
        return ": it ends in the old version"
    return f": give a @podus.frame_mapper({name!r}){more}"


def _blocks(loop: Found) -> list[int]:
    """Where on the value stack ``with`` blocks have what they call at their end, if that is called with what stands behind it (from Python 3.14)."""
    if sys.version_info < (3, 14):
        return []
    return [place for place, word in enumerate(loop.layout) if word == "with"][::2]


def _landing(code: CodeType, loop: Found) -> list[int]:
    """Where the first line of a loop's body begins, and that line."""
    starts = [2 * n for n, place in enumerate(code.co_positions()) if place[0] == loop.body_line]
    return [min(starts, default=-1) if loop.body_line != loop.line else -1, loop.body_line]
