"""What an expression makes of nothing that a program holds: literals, containers, and what constructors of the standard library make of them.

A frame that moves gets its new variables from it, wherever and whenever that is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Set
from copy import deepcopy

from podus.frames.fresh import BUILT, made
from podus.program.deriver import FACTORIES

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult)


def fresh(value: ast.expr, library: Callable[[ast.expr], str], own: Set[str]) -> str | None:
    """The text that makes what ``value`` makes, with the full names of what it calls; None where that is more than a fresh object.

    ``library`` says what an expression names outside of the program, ``own`` are names that mean something else than they do elsewhere.
    """
    try:
        text = ast.unparse(_Named(library, own).visit(deepcopy(value)))
        made(text)
    except Exception:
        # Not to be told, or it would raise: a new process would have to show it.
        return None
    return text


class _Named(ast.NodeTransformer):
    """Gives every name in full, and raises ValueError for what is more than to make something."""

    def __init__(self, library: Callable[[ast.expr], str], own: Set[str]) -> None:
        self._library = library
        self._own = own

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name | ast.Attribute):
            return self._name(node)
        if isinstance(node, ast.BinOp) and not isinstance(node.op, _ARITHMETIC):
            raise ValueError(node)
        allowed = ast.Constant | ast.UnaryOp | ast.unaryop | ast.BinOp | ast.operator | ast.expr_context
        if not isinstance(node, allowed | ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Call | ast.keyword):
            raise ValueError(node)
        return self.generic_visit(node)

    def _name(self, node: ast.Name | ast.Attribute) -> ast.expr:
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or root.id in self._own:
            raise ValueError(node)
        if root is node and root.id in BUILT:
            return node
        full = self._library(node)
        if full not in FACTORIES:
            raise ValueError(node)
        return ast.parse(full, mode="eval").body
