"""Names that a body binds for a while and takes away again (``import sys`` … ``del sys``): who needs them runs together with them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from podus.program.body import Body, Statement

if TYPE_CHECKING:
    from podus.program.changes import BodyChange


def deleted(body: Body) -> set[str]:
    """The names that a body takes away again (``del name``) and does not bind after that."""
    found: set[str] = set()
    for statement in body.statements:
        found -= {*statement.names}
        found |= _targets(statement)
    return found


def add_passing(change: BodyChange) -> None:
    """Add to what runs the imports, plain values and functions that it reads and that are not there any more, and what takes them away."""
    body = change.new
    gone = deleted(body)
    if not gone:
        return
    kept = {n for s in body.statements if not (s.kind == "import" or s.pure or _is_plain(s)) for n in s.names}
    wanted = gone & {name for statement in change.run for name in (*statement.reads, *statement.names)}
    wanted -= kept
    taking = [targets for s in body.statements if (targets := _targets(s)) & wanted]
    if not wanted or any(targets & kept or targets - gone for targets in taking):
        # Somebody else's names go with them.
        return
    wanted |= set().union(*taking)
    change.run_too(s for s in body.statements if not wanted.isdisjoint((*s.names, *_targets(s))))


def _is_plain(statement: Statement) -> bool:
    return statement.kind == "def" and not getattr(statement.node, "decorator_list", ())


def _targets(statement: Statement) -> set[str]:
    targets = statement.node.targets if isinstance(statement.node, ast.Delete) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
