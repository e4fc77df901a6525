"""Constructors of plain classes, read as procedures that fill a container of their own: whether making an object has any other effect.

``self.name = value`` is read as ``self["name"] = value`` of a dictionary that the procedure has made.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Sequence

from podus.program.body import Body, Statement
from podus.program.field import last_word
from podus.program.nodes import everything_in

# What has the making of an object, or setting its fields, do something else; or the end of one that was made to be looked at.
_OWN_WAYS = frozenset(
    ["__new__", "__setattr__", "__getattribute__", "__getattr__", "__del__", "__set__", "__call__"]
)


def is_plain_class(statement: Statement) -> bool:
    """Whether nothing but its statements, and what it inherits, says how a class makes its objects."""
    node = statement.node
    return (
        isinstance(node, ast.ClassDef)
        and not node.decorator_list
        and not node.keywords
        and statement.body is not None
        and statement.body.binds().isdisjoint(_OWN_WAYS)
    )


def as_procedure(line: Sequence[Body], start: int) -> tuple[int, ast.FunctionDef] | None:
    """What making an object does, as a procedure of the other arguments, and the number of the class whose constructor it is.

    ``line`` are a class and those that it derives from, as they inherit, from the ``start`` of which the constructor is looked for. None if a
    constructor is not defined outright, does more with the object than to set and to read its fields, or one of
    these has the name of something in the classes that may be a descriptor.
    """
    for number, body in enumerate(line[start:], start):
        found = body.last("__init__")
        if found is None:
            continue
        node = copy.deepcopy(found.node)
        parameters = [] if not isinstance(node, ast.FunctionDef) else node.args.posonlyargs or node.args.args
        if not isinstance(node, ast.FunctionDef) or not parameters:
            return None
        me = parameters.pop(0).arg
        fields = _Fields(me)
        body_of = [fields.visit(statement) for statement in node.body]
        if fields.does_more or not all(_is_data(other.last(name)) for name in fields.names for other in line):
            return None
        node.body = [ast.Assign([ast.Name(me, ast.Store())], ast.Dict([], [])), *body_of]
        return number, ast.fix_missing_locations(node)
    nothing = ast.parse("def __init__(): pass").body[0]
    assert isinstance(nothing, ast.FunctionDef)
    return len(line), nothing


def is_tuple_class(statement: Statement) -> bool:
    """Whether it makes a class whose objects are named tuples, which nothing but their fields is in."""
    node = statement.node
    if not isinstance(node, ast.ClassDef):
        return statement.kind == "assign" and _makes_tuples(getattr(node, "value", None))
    return (
        not (node.decorator_list or node.keywords)
        and len(node.bases) == 1
        and (last_word(node.bases[0]) == "NamedTuple" or _makes_tuples(node.bases[0]))
        and statement.body is not None
        and statement.body.binds().isdisjoint(_OWN_WAYS | {"__init__"})
    )


def _makes_tuples(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and last_word(value) in ("namedtuple", "NamedTuple")


def of_class(node: ast.stmt, name: str) -> ast.FunctionDef | None:
    """A class or static method of the class ``name`` as a procedure of the other arguments, which names the class; None if it is none."""
    decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", ())]
    if not isinstance(node, ast.FunctionDef) or decorators not in (["classmethod"], ["staticmethod"]):
        return None
    node = copy.deepcopy(node)
    node.decorator_list = []
    if decorators == ["classmethod"]:
        parameters = node.args.posonlyargs or node.args.args
        if not parameters:
            return None
        me = parameters.pop(0).arg
        for part in everything_in(node):
            if isinstance(part, ast.Name) and part.id == me:
                part.id = name
    return node


def is_next(function: ast.expr) -> bool:
    """Whether it is ``super().__init__``."""
    return ast.unparse(function) == "super().__init__"


class _Fields(ast.NodeTransformer):
    def __init__(self, me: str) -> None:
        self._me = me
        self.names: set[str] = set()
        self.does_more = False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self.does_more |= node.id == self._me
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        self.does_more |= isinstance(function, ast.Attribute) and self._is_me(function.value)
        return self.generic_visit(node)

    def _is_me(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._me

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not self._is_me(node.value):
            return self.generic_visit(node)
        self.names.add(node.attr)
        if isinstance(node.ctx, ast.Store):
            field = ast.Subscript(node.value, ast.Constant(node.attr), node.ctx)
            return ast.copy_location(field, node)
        return node


def _is_data(statement: Statement | None) -> bool:
    """Whether a name of a class is a value's, or none's: no descriptor that acts when a field of its name is set."""
    if statement is None:
        return True
    value = getattr(statement.node, "value", None)
    calls: Iterable[ast.AST] = everything_in(value) if value is not None else ()
    return statement.kind == "assign" and not any(
        isinstance(n, ast.Call | ast.Name | ast.Attribute) for n in calls
    )
