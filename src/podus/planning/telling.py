"""What a plan holds only for those who read it: interface changes, the statements that run, the old sources, and diffs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from podus.planning.diffs import diffs
from podus.planning.interfaces import interface_changes
from podus.planning.model import Note, Run
from podus.program.body import Statement

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.planning.toplevel import TopLevel


def tell(compiler: Compiler, support: SupportCode, toplevel: TopLevel) -> None:
    """Add it to a plan that is ready otherwise; the old sources and the diffs only where the request has ``explain``.

    Raises OSError if the plan's directory can't be written.
    """
    plan = compiler.plan
    _idle_dependencies(compiler, support)
    plan.interface = interface_changes(compiler.changes, compiler.imported, compiler.removed, plan.modules)
    for part in plan.modules:
        bodies: list[tuple[tuple[str, ...], list[Statement]]] = [((), toplevel.run.get(part.name, []))]
        bodies += [(owners, run) for (name, owners), run in toplevel.class_run.items() if name == part.name]
        part.runs = [
            Run(
                s.line,
                s.text,
                s.kind,
                list(s.names),
                ".".join(owners),
                _is_fresh(compiler, part.name, s),
            )
            for owners, statements in bodies
            for s in statements
        ]
    if not compiler.request.get("explain"):
        return
    for number, part in enumerate(plan.modules):
        old = compiler.old.modules.get(part.name)
        if old is not None and old.source is not None and part.action != "lines":
            part.before = f"{number:04d}.old"
            with open(os.path.join(compiler.directory, part.before), "wb") as file:
                file.write(old.source)
    gone = [compiler.old.modules[name] for name in compiler.removed]
    plan.diffs = diffs(compiler.changes, compiler.imported, gone, [p.name for p in plan.procedures])


def _is_fresh(compiler: Compiler, module: str, statement: Statement) -> bool:
    body = compiler.changes[module].body
    assert body is not None
    inner = next((b for b in [body, *body.all_classes()] if b.owners == statement.owners), body)
    return not any(name in inner.previous for name in statement.names)


def _idle_dependencies(compiler: Compiler, support: SupportCode) -> None:
    """Say which names of a declared dependency have no part in this update: they may have been meant to change."""
    plan = compiler.plan
    changing = {p.name for p in plan.procedures} | {d.name for d in plan.data}
    for row in support.declarations:
        idle = [name for name in row["targets"] if name not in changing]
        # What a project declares once and for all need not concern this update.
        if row["kind"] != "together" or not idle or not (row.get("line") or len(idle) < len(row["targets"])):
            continue
        words = "does not change" if len(idle) == 1 else "do not change"
        where = f"{support.path}:{row['line']}" if row.get("line") else ""
        text = f"together names {', '.join(idle)}, which {words}: the others switch without"
        plan.notes.append(Note("idle-together", text, "", where))
