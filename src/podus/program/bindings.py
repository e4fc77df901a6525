"""The variables that a piece of syntax binds and reads, in whatever scope within it."""

from __future__ import annotations

import ast


def bound_in(*nodes: ast.AST) -> set[str]:
    """The plain names that are assigned to or deleted; definitions, imports and parameters are none."""
    return {name.id for name in _names(nodes) if not isinstance(name.ctx, ast.Load)}


def read_in(*nodes: ast.AST) -> set[str]:
    """The plain names that are read."""
    return {name.id for name in _names(nodes) if isinstance(name.ctx, ast.Load)}


def _names(nodes: tuple[ast.AST, ...]) -> list[ast.Name]:
    return [part for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)]
