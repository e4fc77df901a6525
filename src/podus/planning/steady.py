"""Defaults that a definition has as before, though it runs again for something else: what they hold (``cache={}``) goes on."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from podus.program.body import Statement
from podus.program.changes import BodyChange, ModuleChange
from podus.program.nodes import defaults_by_name, everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler

_Definition = ast.FunctionDef | ast.AsyncFunctionDef
# What makes an object that can change.
_MAKING = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Call)


def steady_defaults(compiler: Compiler, change: ModuleChange, body: BodyChange) -> dict[str, list[str]]:
    """Qualified name of a definition that runs again -> the parameters whose defaults stay as they are."""
    found: dict[str, list[str]] = {}
    for one in (body, *body.all_classes()):
        for statement in one.run:
            before = one.previous.get(statement.names[-1]) if statement.kind == "def" else None
            names = _same(compiler, change, before, statement) if before is not None else []
            if names:
                found[".".join((*one.owners, statement.names[-1]))] = names
    return found


def _same(compiler: Compiler, change: ModuleChange, before: Statement, after: Statement) -> list[str]:
    if not (isinstance(before.node, _Definition) and isinstance(after.node, _Definition)):
        return []
    old, new = defaults_by_name(before.node.args), defaults_by_name(after.node.args)
    return [
        name
        for name, default in new.items()
        if isinstance(default, _MAKING)
        and name in old
        and ast.dump(old[name]) == ast.dump(default)
        and not _gives_another(compiler, change, default)
    ]


def _gives_another(compiler: Compiler, change: ModuleChange, default: ast.expr) -> bool:
    """Whether what a default says is something else now, or may give something else."""
    derived = compiler.derived
    if derived.gives_another(default, change.new):
        return True
    changed = {name.rpartition(":")[2].rpartition(".")[2] for name in derived.procedures}
    for node in everything_in(default):
        if isinstance(node, ast.Name | ast.Attribute):
            word = node.id if isinstance(node, ast.Name) else node.attr
            if word in changed or derived.moves(node, change.new, frozenset()):
                return True
    return False
