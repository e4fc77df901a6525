"""What a constructor does besides setting the fields of its object: what it calls for the effect, and what it puts into containers.

A live object has gone through the old constructor. What the new one sets can be derived; what it does can not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from podus.program.bindings import root
from podus.program.body import Body
from podus.program.constructor import CONSTRUCTORS, attribute_of

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
            for statement in _acting(method.body, me, methods):
                found.setdefault(ast.unparse(statement), statement.lineno)
    return found


def _acting(nodes: list[ast.stmt], me: str, methods: Mapping[str, ast.FunctionDef]) -> Iterator[ast.stmt]:
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            if _acts(node.value, me, methods):
                yield node
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Subscript | ast.Attribute) and not attribute_of(t, me) for t in targets):
                yield node
        elif isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for part in ("body", "orelse", "finalbody"):
                yield from _acting(getattr(node, part, []), me, methods)


def _acts(call: ast.Call, me: str, methods: Mapping[str, ast.FunctionDef]) -> bool:
    """Whether a call does more than to go on to another constructor, to set fields, or to tell somebody something."""
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr in CONSTRUCTORS:
        return False
    if root(function) in _TELLING:
        return False
    own = methods.get(attribute_of(function, me))
    if own is None or not own.args.args:
        return True
    its = (own.args.posonlyargs or own.args.args)[0].arg
    return any(True for _ in _acting(own.body, its, {}))
