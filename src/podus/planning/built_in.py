"""What a name means where a statement stands: a built-in, if it is only further down that the module has something of its own.

``_map = map`` above ``def map(…)`` finds the built-in when the module is imported. When it runs in an update the module's own is there.
"""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
from typing import Any

from podus.planning.reading import is_star
from podus.program.bindings import bound_in
from podus.program.body import Body, Statement

_BUILT_IN = frozenset(vars(builtins))


def with_built_ins(statements: list[Statement], body: Body) -> list[Statement]:
    """The statements of a module's ``body`` that run, with such names as those of the built-ins."""
    shadows = body.binds() & _BUILT_IN
    if body.owners or not shadows or any(map(is_star, body.statements)):
        return statements
    chosen = {id(statement): statement for statement in statements}
    for statement in body.statements:
        if id(statement) in chosen and shadows:
            node = _BuiltIn(shadows - _bound_within(statement.node)).visit(copy.deepcopy(statement.node))
            chosen[id(statement)] = dataclasses.replace(statement, node=ast.fix_missing_locations(node))
        shadows = shadows.difference(statement.names)
    return [chosen[id(statement)] for statement in statements]


def _bound_within(node: ast.stmt) -> set[str]:
    """The names that a statement binds before it may read them: all but what a plain assignment does last."""
    inside = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node
    return bound_in(inside or node)


class _BuiltIn(ast.NodeTransformer):
    """Has what is read at once from the built-ins; functions look for it when they are called."""

    def __init__(self, names: frozenset[str] | set[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._names or not isinstance(node.ctx, ast.Load):
            return node
        module = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant("builtins")], [])
        return ast.copy_location(ast.Attribute(module, node.id, ast.Load()), node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.args.defaults = [self.visit(d) for d in node.args.defaults]
        node.args.kw_defaults = [d and self.visit(d) for d in node.args.kw_defaults]
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # A class's own names go before.
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        return node

    def _later(self, node: Any) -> Any:
        return node

    visit_Lambda = visit_GeneratorExp = _later
