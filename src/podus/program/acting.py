"""What a constructor does besides setting the fields of its object: what it calls for the effect, and what it puts into containers.

A live object has gone through the old constructor. What the new one sets can be derived; what it does can not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from podus.program.bindings import root
from podus.program.body import Body
from podus.program.constructor import CONSTRUCTORS, attribute_of, made_by_new, plainly
from podus.program.nodes import everything_in

# Whose calls tell people something, and do nothing.
_TELLING = frozenset({"logger", "log", "logging", "_logger", "_log", "LOGGER", "LOG", "warnings", "print"})


def acts_of(body: Body) -> dict[str, int]:
    """The statements of a class's constructors that act, as they are written, each with its line."""
    methods = {s.names[-1]: s.node for s in body.statements if isinstance(s.node, ast.FunctionDef)}
    found: dict[str, int] = {}
    for name in CONSTRUCTORS:
        method = methods.get(name)
        if method is not None and method.args.args:
            me = (method.args.posonlyargs or method.args.args)[0].arg
            own = {me, *_made_in(method)} if name == "__new__" else {me}
            for statement in _acting(plainly(method, me, body.owners), own, methods):
                found.setdefault(ast.unparse(statement), statement.lineno)
    return found


def _made_in(method: ast.FunctionDef) -> set[str]:
    """What a ``__new__`` calls the object that it makes."""
    return {
        made for node in everything_in(method) if isinstance(node, ast.stmt) and (made := made_by_new(node))
    }


def _acting(
    nodes: list[ast.stmt], own: set[str], methods: Mapping[str, ast.FunctionDef]
) -> Iterator[ast.stmt]:
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if _acts(node.value, own, methods):
                yield node
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Subscript | ast.Attribute) and not _is_field(t, own) for t in targets):
                yield node
        elif isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for part in ("body", "orelse", "finalbody"):
                yield from _acting(getattr(node, part, []), own, methods)


def _is_field(target: ast.expr, own: set[str]) -> bool:
    return any(attribute_of(target, name) for name in own)


def _acts(call: ast.Call, own: set[str], methods: Mapping[str, ast.FunctionDef]) -> bool:
    """Whether a call does more than to go on to another constructor, to set fields, or to tell somebody something."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in CONSTRUCTORS:
        return False
    if root(function) in _TELLING:
        return False
    called = next((methods[n] for me in own if (n := attribute_of(function, me)) in methods), None)
    if called is None or not called.args.args:
        return True
    its = (called.args.posonlyargs or called.args.args)[0].arg
    return any(True for _ in _acting(called.body, {its}, {}))
