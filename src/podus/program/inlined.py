"""Methods of an object that a derived mapper needs, written into it: the class's own may be another one when the mapper runs."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

from podus.program.nodes import everything_in

# Methods of containers that change nothing but these.
_FILLS = frozenset(["append", "add", "extend", "insert", "setdefault", "update"])
_ENTRY = """
def entry_of(table, name, default=None):
    if not isinstance(table, dict):
        raise TypeError(f"{type(table).__name__!r} object is no dictionary to take {name!r} from: give a mapper")
    return table.get(name, default)
"""
_FRESH = frozenset(["dict", "list", "set"])


def can_be_written_in(method: ast.FunctionDef) -> bool:
    """Whether a method is called as any function is, and its defaults mean the same wherever they stand."""
    static = [ast.unparse(d) for d in method.decorator_list]
    defaults = [*method.args.defaults, *(d for d in method.args.kw_defaults if d is not None)]
    inside = [node for statement in method.body for node in everything_in(statement)]
    return (
        static in ([], ["staticmethod"])
        and all(isinstance(d, ast.Constant) for d in defaults)
        and not any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal) for n in inside)
    )


def is_static(method: ast.FunctionDef) -> bool:
    """Whether it does not get the object."""
    return bool(method.decorator_list)


def fresh_in(method: ast.FunctionDef) -> set[str]:
    """The variables of a method that are nothing but containers that it has made."""
    values: dict[str, list[ast.expr | None]] = {}
    bindings: Counter[str] = Counter()
    for node in everything_in(method):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                values.setdefault(ast.unparse(target), []).append(node.value)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bindings[node.id] += 1
        elif isinstance(node, ast.arg):
            values.setdefault(node.arg, []).append(None)
    return {
        name for name, given in values.items() if len(given) == bindings[name] and all(map(_is_made, given))
    }


def _is_made(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _FRESH
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def filled(statement: ast.stmt, fresh: set[str]) -> list[ast.expr] | None:
    """What a statement puts into a container that is ``fresh``; None if it does something else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) in fresh:
            return [target.slice, statement.value]
    call = statement.value if isinstance(statement, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    fills = isinstance(function, ast.Attribute) and function.attr in _FILLS
    if isinstance(call, ast.Call) and fills and ast.unparse(function.value) in fresh:  # type: ignore[union-attr]
        return [*call.args, *(k.value for k in call.keywords)]
    return None


def with_methods(function: ast.FunctionDef, methods: Mapping[str, ast.FunctionDef]) -> ast.FunctionDef:
    """The function with these methods of its first argument inside it, and calls of them in place of the class's."""
    if not methods:
        return function
    me = function.args.args[0].arg
    body = [_Calls(me, methods).visit(statement) for statement in function.body]
    inner: list[ast.stmt] = []
    for name, method in methods.items():
        made = copy.deepcopy(method)
        made.name, made.decorator_list, made.returns = _called(name), [], None
        parameters = [*made.args.posonlyargs, *made.args.args]
        if parameters and not is_static(method):
            made.body = [_Calls(parameters[0].arg, methods).visit(statement) for statement in made.body]
        for argument in everything_in(made.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        inner.append(made)
    function.body = [*inner, *body]
    return ast.fix_missing_locations(function)


def gets_entry(call: ast.Call) -> bool:
    """Whether it is ``options.get("name")``, perhaps with a default, as dictionaries are asked."""
    word = call.args[0] if call.args else None
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "get"
        and len(call.args) in (1, 2)
        and not call.keywords
        and isinstance(word, ast.Constant)
        and isinstance(word.value, str)
    )


def with_entries(function: ast.FunctionDef) -> ast.FunctionDef:
    """The function with what asks for entries asking dictionaries alone: ``get`` of anything else may be a request to a server."""
    (entry,) = ast.parse(_ENTRY).body
    function.body = [entry, *(_Entries().visit(statement) for statement in function.body)]
    return ast.fix_missing_locations(function)


class _Entries(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if gets_entry(node) and isinstance(node.func, ast.Attribute):
            node.args.insert(0, node.func.value)
            node.func = ast.copy_location(ast.Name("entry_of", ast.Load()), node)
        return node


def _called(name: str) -> str:
    return f"method_{name}"


class _Calls(ast.NodeTransformer):
    """``self.name(x)`` as ``method_name(self, x)``."""

    def __init__(self, me: str, methods: Mapping[str, ast.FunctionDef]) -> None:
        self._me = me
        self._methods = methods

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        function = node.func
        if (
            isinstance(function, ast.Attribute)
            and isinstance(function.value, ast.Name)
            and function.value.id == self._me
            and function.attr in self._methods
        ):
            if not is_static(self._methods[function.attr]):
                node.args.insert(0, function.value)
            node.func = ast.copy_location(ast.Name(_called(function.attr), ast.Load()), function)
        return node
