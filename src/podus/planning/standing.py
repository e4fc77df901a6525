"""Modules whose own body is being run: a script in a loop at its top level, an import that has not come to its end.

What that body has not come to yet is no business of an update, which would do it once more: the statement that is being run does not run again,
nor does what follows it. If it is a loop that can be left, the body is a procedure like any other: the frame goes on in the new version. Else
it goes on as it is.
"""

from __future__ import annotations

import ast
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from podus.planning.frames import BODY, Frames
from podus.planning.model import Note
from podus.program.body import Body, Statement
from podus.program.changes import ModuleChange
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode


class Standing:
    """Takes out of the changes what a body that is being run comes to by itself."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        # Module -> the line of the statement of the new version that its body stands at.
        self.lines: dict[str, int] = {}

    def compile(self, support: SupportCode) -> None:
        """Look at the modules of which the pup has seen the body on a stack."""
        self.frames = Frames(self.compiler, support, {})
        for row in self.compiler.rows:
            change = self.compiler.changes.get(row["name"])
            if row.get("stands") and change is not None and change.bodies is not None:
                self._module(change, row["stands"])

    def _module(self, change: ModuleChange, line: int) -> None:
        assert change.bodies is not None
        old, new = change.bodies
        at = max((n for n, s in enumerate(old.statements) if s.line <= line), default=-1)
        if at < 0:
            return
        first, current = _counterpart(old, new, at)
        self.lines[change.new.name] = current.line if current is not None else 0
        running = old.statements[at]
        self._wait_for_import(change, running)
        body = change.body
        if body is None:
            return
        reached = set(map(id, new.statements[:first]))
        left = [s for s in body.run if id(s) not in reached]
        behind = set(map(id, old.statements[at + 1 :]))
        gone = [s for s in body.gone if id(s) in behind]
        body.run = [s for s in body.run if id(s) in reached]
        names = {s.names[-1] for s in new.statements[:first] if s.kind == "class"}
        body.classes = [inner for inner in body.classes if inner.owners[0] in names]
        body.removed = [
            n for n in body.removed if n not in body.previous or id(body.previous[n]) not in behind
        ]
        if (left or gone) and self._moves(change, running, line):
            return
        if left or gone:
            what = f"`{running.text}` (line {running.line})"
            more = [f"`{s.text}`" for s in (*left, *gone) if s is not current]
            if current in left:
                what += " has changed, but"
            text = f"{change.new.name}: {what} is being run, and goes on as it is"
            if more:
                text += f"; what follows it is done by the old version: {', '.join(more[:3])}"
            self.compiler.plan.asks.append(
                Note(
                    "body-runs",
                    text,
                    "put it into a function, which can be updated as it runs, or restart the program for this part",
                    f"{change.old.file}:{running.line}",
                )
            )

    def _wait_for_import(self, change: ModuleChange, running: Statement) -> None:
        """Refuse to change a module whose import will make more procedures when it comes to them: in the old version, and nobody would know."""
        loops = any(isinstance(node, ast.While | ast.For) for node in everything_in(running.node))
        end = running.node.end_lineno or running.line
        later = [name for name, code in change.old.procedures.items() if code.co_firstlineno > end]
        if later and not (change.old.main or loops):
            self.compiler.refuse(
                "being-imported",
                f"{change.new.name} changes, and is being imported (line {running.line}): it has not come to {later[0]} yet",
                "update when the import has ended",
                f"{change.old.file}:{running.line}",
            )

    def _moves(self, change: ModuleChange, statement: Statement, line: int) -> bool:
        """Have the body be one of the procedures that change, if the frame that is in it can go on in the new version; says whether it can."""
        around = [
            node.lineno
            for node in everything_in(statement.node)
            if isinstance(node, ast.While | ast.For) and node.lineno <= line <= (node.end_lineno or 0)
        ]
        old, new, name = change.old, change.new, f"{change.new.name}:{BODY}"
        for module in (old, new):
            module.procedures[BODY] = module.code
        there, _, self.reasons = self.frames.of(name)
        if any(loop.line in around for loop in there):
            change.changed.append(BODY)
            change.pairs[BODY] = BODY
            return True
        for module in (old, new):
            del module.procedures[BODY]
        return False


def _counterpart(old: Body, new: Body, at: int) -> tuple[int, Statement | None]:
    """Where the new version has the statement number ``at`` of the old one: how many stand before it, and the statement, if there is one."""
    heads, others = ([s.head for s in body.statements] for body in (old, new))
    pairs: dict[int, int] = {}
    for block in SequenceMatcher(None, heads, others, autojunk=False).get_matching_blocks():
        pairs.update((block.a + n, block.b + n) for n in range(block.size))
    if at in pairs:
        return pairs[at], new.statements[pairs[at]]
    before = max((pairs[n] for n in pairs if n < at), default=-1)
    after = min((pairs[n] for n in pairs if n > at), default=len(new.statements))
    kind = type(old.statements[at].node)
    for number in range(before + 1, after):
        if type(new.statements[number].node) is kind:
            return number, new.statements[number]
    return before + 1, None
