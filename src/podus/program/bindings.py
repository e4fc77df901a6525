"""The variables that a piece of syntax binds and reads, in whatever scope within it."""

from __future__ import annotations

import ast

from podus.program.nodes import everything_in

# What gives a module's names, called with nothing.
NAMESPACE = frozenset({"globals", "locals", "vars", "dir"})


def bound_in(*nodes: ast.AST) -> set[str]:
    """The plain names that are assigned to or deleted; definitions, imports and parameters are none."""
    return {name.id for name in _names(nodes) if not isinstance(name.ctx, ast.Load)}


def read_in(*nodes: ast.AST) -> set[str]:
    """The plain names that are read."""
    return {name.id for name in _names(nodes) if isinstance(name.ctx, ast.Load)}


def root(node: ast.expr) -> str:
    """``a`` of ``a.b.c``; "" if it begins with something else than a name."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _names(nodes: tuple[ast.AST, ...]) -> list[ast.Name]:
    return [part for node in nodes for part in everything_in(node) if isinstance(part, ast.Name)]


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether it is ``if TYPE_CHECKING:``, of which a program only runs what stands under ``else``."""
    if not isinstance(node, ast.If):
        return False
    test = node.test
    word = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return word == "TYPE_CHECKING"


def held_namespace(node: ast.AST) -> ast.expr | None:
    """The ``globals()`` that an assignment gives a name to, as it is: it goes on with whatever the module gets, and is no list of names."""
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    return value if value is not None and ast.unparse(value) in ("globals()", "vars()", "locals()") else None


def is_namespace(node: ast.AST) -> bool:
    """Whether it is ``globals()``, or another one of these."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in NAMESPACE
        and not (node.args or node.keywords)
    )
