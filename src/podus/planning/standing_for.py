"""What a name means where a statement stands, if it means something else by the end of the module.

``_map = map`` above ``def map(…)`` finds the built-in when the module is imported. When it runs in an update the module's own is there. And
``import typing`` in a package that has a submodule of that name: the import system gives the package's name to the submodule when that is imported.
"""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
from collections.abc import Container, Iterable, Mapping
from typing import Any

from podus.planning.looking import lists_names
from podus.planning.reading import is_star
from podus.program.bindings import bound_in, is_namespace
from podus.program.body import Body, Statement
from podus.program.flow import absolute
from podus.program.nodes import everything_in
from podus.program.version import Module

_BUILT_IN = frozenset(vars(builtins))


def as_it_stands(
    statements: list[Statement],
    body: Body,
    module: Module,
    modules: Container[str],
    gone: Iterable[str] | None = None,
) -> list[Statement]:
    """Some statements of a module's ``body``, with such names as what they mean there. ``modules`` are the program's.

    ``gone`` are the names that the module has no more: a value that goes by the names that are there is made without them, and with the new ones.
    """
    if body.owners:
        return statements
    chosen = {id(s): s if gone is None else _without(s, gone) for s in statements}
    built_in = () if any(map(is_star, body.statements)) else body.binds() & _BUILT_IN
    means: dict[str, str] = dict.fromkeys(built_in, "builtins")
    taken = {
        name
        for statement in body.statements
        if module.package and isinstance(statement.node, ast.Import)
        for name in statement.names
        if f"{module.name}.{name}" in modules and any(a.name == name for a in statement.node.names)
    }
    for statement in body.statements if means or taken else ():
        if id(statement) in chosen and means:
            within = _bound_within(statement.node)
            here = {name: where for name, where in means.items() if name not in within}
            made = chosen[id(statement)]
            node = _Meaning(here).visit(copy.deepcopy(made.node))
            chosen[id(statement)] = dataclasses.replace(made, node=ast.fix_missing_locations(node))
        for name in statement.names:
            means.pop(name, None)
        if isinstance(statement.node, ast.Import):
            means |= dict.fromkeys(taken.intersection(statement.names), "")
        for name in _submodules(statement.node, module) & means.keys():
            del means[name]
    return [chosen[id(statement)] for statement in statements]


def _without(statement: Statement, gone: Iterable[str]) -> Statement:
    if statement.kind != "assign" or not lists_names(statement):
        return statement
    node = _Names([*gone]).visit(copy.deepcopy(statement.node))
    return dataclasses.replace(statement, node=ast.fix_missing_locations(node))


class _Names(ast.NodeTransformer):
    """Has ``globals()`` give what the module is going to have: what stands there while statements run are the old values, and names of ours."""

    def __init__(self, gone: list[str]) -> None:
        self._gone = gone

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not is_namespace(node):
            return self.generic_visit(node)
        names = "{k: v for k, v in {**globals(), **locals()}.items() if k.isidentifier() and k not in %r}"
        text = names % (self._gone,)
        listed = isinstance(node.func, ast.Name) and node.func.id == "dir"
        made: ast.expr = ast.parse(f"sorted({text})" if listed else text, mode="eval").body
        for part in everything_in(made):
            ast.copy_location(part, node)
        return made

    def _later(self, node: Any) -> Any:
        return node

    visit_Lambda = visit_FunctionDef = visit_AsyncFunctionDef = _later


def _submodules(node: ast.stmt, module: Module) -> set[str]:
    """The submodules of a package that an import in it brings: from then on its name is theirs."""
    found: list[str] = []
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        found = [absolute(module.name, module.package, node.level, node.module or "")]
    inside = (name.removeprefix(f"{module.name}.") for name in found if name.startswith(f"{module.name}."))
    return {name.partition(".")[0] for name in inside}


def _bound_within(node: ast.stmt) -> set[str]:
    """The names that a statement binds before it may read them: all but what a plain assignment does last."""
    inside = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else node
    return bound_in(inside or node)


class _Meaning(ast.NodeTransformer):
    """Has what is read at once from where it is: the name of a module that has it, or nothing where it is a module itself. Functions look for it when they are called."""

    def __init__(self, means: Mapping[str, str]) -> None:
        self._means = means

    def visit_Name(self, node: ast.Name) -> ast.AST:
        where = self._means.get(node.id)
        if where is None or not isinstance(node.ctx, ast.Load):
            return node
        found: ast.expr = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(where or node.id)], [])
        if where:
            found = ast.Attribute(found, node.id, ast.Load())
        return ast.copy_location(found, node)

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
