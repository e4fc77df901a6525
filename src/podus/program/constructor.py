"""What ``__init__``, and the methods that it calls, set in a new object."""

from __future__ import annotations

import ast
import copy
from collections.abc import Container, Iterator, Mapping
from typing import Any, TypeVar

from podus.program.bindings import read_in
from podus.program.code import mangled
from podus.program.field import Field
from podus.program.nodes import everything_in

# The methods that set up a new object.
CONSTRUCTORS = ("__new__", "__init__", "__post_init__", "__attrs_post_init__")
_Node = TypeVar("_Node", bound=ast.AST)


class Constructor:
    """Reads the constructors of a class with the given ``methods``, and adds to ``found`` the fields that they set.

    Fields and methods are called as in the objects: a private one of the class ``within`` by its mangled name. Who assigns to a property
    does what its one of the ``setters`` does. ``binds`` are the names of the class's body: its defaults mean these.
    """

    def __init__(
        self,
        methods: dict[str, ast.FunctionDef],
        setters: dict[str, ast.FunctionDef],
        found: dict[str, Field],
        within: tuple[str, ...],
        binds: Container[str] = (),
    ) -> None:
        self._methods = methods
        self._binds = binds
        self._setters = setters
        self._found = found
        self._within = within
        self._seen: set[str] = set()
        # What sets fields whose names no text says.
        self.unnamed: set[str] = set()
        # The methods that are called on the object.
        self.started: set[str] = set()

    def read(self, method: ast.FunctionDef, through: str = "", assigned: ast.expr | None = None) -> None:
        """Add what ``method`` assigns to its first parameter, and what the methods do that it calls on it.

        It may be the setter of the property ``through``, to which the constructor assigns ``assigned``.
        """
        parameters = [*method.args.posonlyargs, *method.args.args]
        if not parameters or method.name in self._seen:
            return
        self._seen.add(method.name)
        me = parameters[0].arg
        signature = self._signature(method.args, me)
        plainly = _Plainly(me, self._within)
        body = plainly.statements(method.body)
        self.unnamed |= plainly.unnamed
        for number, statement in enumerate(body):
            for name, value in direct(statement, me):
                if name in self._setters and name != through:
                    self.read(self._setters[name], name, value)
                    continue
                known = self._found.get(name)
                if known is None or not (known.certain and known.value is not None and known.default):
                    self._found[name] = Field(
                        name,
                        "init",
                        value,
                        line=statement.lineno,
                        body=body,
                        places=[number],
                        signature=signature,
                        through=through,
                        assigned=assigned,
                    )
            for name in sorted(_sets(statement, me)):
                sure = surely(statement, name, me)
                if name not in self._setters:
                    self._further(name, signature, body, number, sure=sure)
                elif name != through:
                    self._perhaps(self._setters[name], statement.lineno, sure=sure)
            for node in everything_in(statement):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id == me
                ):
                    self.started.add(node.func.attr)
                    if node.func.attr in self._methods:
                        self.read(self._methods[node.func.attr])

    def _signature(self, arguments: ast.arguments, me: str) -> ast.arguments:
        """The parameters, with defaults as an object has them that the class's own names give."""
        own = {
            node.id: ast.Attribute(ast.Name(me, ast.Load()), mangled(node.id, self._within), ast.Load())
            for default in (*arguments.defaults, *arguments.kw_defaults)
            for node in everything_in(default or ast.Pass())
            if isinstance(node, ast.Name) and node.id in self._binds
        }
        if not own:
            return arguments
        made = copy.copy(arguments)
        named = _With(own)
        made.defaults = [named.visit(copy.deepcopy(d)) for d in arguments.defaults]
        made.kw_defaults = [d and named.visit(copy.deepcopy(d)) for d in arguments.kw_defaults]
        return made

    def read_new(self, method: ast.FunctionDef) -> None:
        """Add what a ``__new__`` assigns to the object that it makes, wherever it keeps that."""
        parameters = [*method.args.posonlyargs, *method.args.args]
        for node in everything_in(method):
            for part in (getattr(node, "body", None), getattr(node, "orelse", None)):
                block: list[ast.stmt] = part if isinstance(part, list) else []
                for number, statement in enumerate(block):
                    made = made_by_new(statement)
                    if made and parameters:
                        # What it has worked out before may be what fields are made from.
                        before = [] if block is method.body else _before(method.body, statement)
                        lines = [*before, *block[:number], *block[number + 1 :]]
                        rest = _Renamed(made, parameters[0].arg).statements(lines)
                        self.read(_with_body(method, rest))

    def _perhaps(self, setter: ast.FunctionDef, line: int, *, sure: bool) -> None:
        """A property's setter that is called on some way through the constructor, or with several values."""
        sets: dict[str, Field] = {}
        Constructor(self._methods, {}, sets, self._within, self._binds).read(setter)
        for name in sets:
            self._found.setdefault(name, Field(name, "init", None, sure, line=line))

    def _further(
        self, name: str, signature: ast.arguments, body: list[ast.stmt], number: int, *, sure: bool
    ) -> None:
        """A statement that sets a field on one of its ways, or goes on with what it has."""
        known = self._found.get(name)
        if known is not None and known.default:
            return
        line = body[number].lineno
        if known is not None and known.certain and not sure:
            # In another method nobody knows in what order.
            known.places = [*known.places, number] if known.body is body else []
            known.value = known.value if known.places else None
            return
        self._found[name] = Field(
            name, "init", None, sure, line=line, body=body, places=[number], signature=signature
        )


_SELF = "self"


def _before(body: list[ast.stmt], inner: ast.stmt) -> list[ast.stmt]:
    """The statements of a body before the one that ``inner`` is in."""
    place = next(n for n, one in enumerate(body) if any(part is inner for part in everything_in(one)))
    return body[:place]


def made_by_new(statement: ast.stmt) -> str:
    """What a statement calls the object that it makes by a base's ``__new__``; "" if it makes none."""
    if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
        return ""
    function = statement.value.func if isinstance(statement.value, ast.Call) else None
    if not (isinstance(function, ast.Attribute) and function.attr == "__new__"):
        return ""
    return ast.unparse(statement.targets[0])


def _with_body(method: ast.FunctionDef, body: list[ast.stmt]) -> ast.FunctionDef:
    """A ``__new__`` as if it were an ``__init__`` with this body."""
    made = copy.copy(method)
    made.args = copy.deepcopy(method.args)
    (made.args.posonlyargs or made.args.args)[0].arg = _SELF
    made.body = body
    return made


class _Renamed(ast.NodeTransformer):
    """Has the object that a ``__new__`` makes called by one name, and the class as what it is an object of."""

    def __init__(self, made: str, cls: str) -> None:
        self._made, self._cls = made, cls

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        return [self.visit(copy.deepcopy(statement)) for statement in body]

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) == self._made:
            return ast.copy_location(ast.Name(_SELF, node.ctx), node)
        if isinstance(node, ast.Name) and node.id == self._cls and isinstance(node.ctx, ast.Load):
            call = ast.Call(ast.Name("type", ast.Load()), [ast.Name(_SELF, ast.Load())], [])
            return ast.fix_missing_locations(ast.copy_location(call, node))
        return super().generic_visit(node)


def attribute_of(target: ast.AST, me: str) -> str:
    """The field of ``me`` that is meant; "" if it is none."""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == me:
        return target.attr
    return ""


def direct(statement: ast.stmt, me: str) -> Iterator[tuple[str, ast.expr | None]]:
    """The fields of ``me`` that a statement sets whenever it is executed, each with its value (None if that is a part of another one)."""
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            name = attribute_of(target, me)
            if name:
                yield name, statement.value
            elif isinstance(target, ast.Tuple | ast.List):
                values: list[ast.expr | None] = [None] * len(target.elts)
                value = statement.value
                if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(values):
                    values = list(value.elts)
                for part, its in zip(target.elts, values, strict=True):
                    inner = attribute_of(part, me)
                    if inner:
                        yield inner, its
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        name = attribute_of(statement.target, me)
        if name:
            yield name, statement.value
    elif isinstance(statement, ast.With):
        for inner_statement in statement.body:
            yield from direct(inner_statement, me)


def _sets(statement: ast.stmt, me: str) -> set[str]:
    """The fields that a statement sets in another way than :func:`direct` tells."""
    found = {
        attribute_of(node, me)
        for node in everything_in(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    return found - {name for name, _ in direct(statement, me)} - {""}


def surely(statement: ast.stmt, name: str, me: str) -> bool:
    """Whether a field is set whichever way a statement is executed to its end."""

    def one_of(statements: list[ast.stmt]) -> bool:
        return any(surely(inner, name, me) or isinstance(inner, ast.Raise) for inner in statements)

    if isinstance(statement, ast.If):
        return one_of(statement.body) and one_of(statement.orelse)
    if isinstance(statement, ast.Try):
        whole = one_of([*statement.body, *statement.orelse])
        handled = all(one_of(handler.body) for handler in statement.handlers)
        return one_of(statement.finalbody) or (whole and handled)
    if isinstance(statement, ast.With):
        return one_of(statement.body)
    return any(found == name for found, _ in direct(statement, me))


def with_mangled(node: _Node, within: tuple[str, ...]) -> _Node:
    """A copy that has attributes by the names that they have in the objects."""
    made = copy.deepcopy(node)
    for part in everything_in(made):
        if isinstance(part, ast.Attribute):
            part.attr = mangled(part.attr, within)
    return made


def plainly(
    method: ast.FunctionDef | ast.AsyncFunctionDef, me: str, within: tuple[str, ...]
) -> list[ast.stmt]:
    """The statements of a method of the class ``within``, with every way of setting a field of ``me`` written as an assignment."""
    return _Plainly(me, within).statements(method.body)


class _Plainly(ast.NodeTransformer):
    """Writes every way of setting a field as an assignment: ``setattr(self, "a", 1)``, ``vars(self).update(a=1)``."""

    def __init__(self, me: str, within: tuple[str, ...]) -> None:
        self._me = me
        self._within = within
        self.unnamed: set[str] = set()

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The statements of a method, so written."""
        found: list[ast.stmt] = []
        for statement in body:
            made = self.visit(with_mangled(statement, self._within))
            found += made if isinstance(made, list) else [made]
        return found

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    visit_Lambda = visit_FunctionDef  # type: ignore[assignment]

    def visit_Expr(self, node: ast.Expr) -> ast.AST | list[ast.stmt]:
        call = node.value
        if not isinstance(call, ast.Call):
            return node
        word = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        arguments = call.args
        if word in ("setattr", "__setattr__") and self._is_me(arguments[:1]) and len(arguments) == 3:
            arguments = arguments[1:]
        elif not (word == "__setattr__" and _is_super(call.func) and len(arguments) == 2):
            return self._update(node, call)
        name, value = arguments
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            return self._assign(node, name.value, value)
        self.unnamed.add(ast.unparse(node))
        return node

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.stmt]:
        """A loop over names that are written there sets these fields."""
        found: list[ast.stmt] = []
        for values in _rounds(node):
            for statement in node.body:
                made = self.visit(_With(values).visit(copy.deepcopy(statement)))
                found += made if isinstance(made, list) else [made]
        return found or self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        target = node.targets[0]
        if isinstance(target, ast.Subscript) and self._is_dictionary(target.value):
            if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
                return self._assign(node, target.slice.value, node.value)
            self.unnamed.add(ast.unparse(node))
        elif self._is_dictionary(target):
            self.unnamed.add(ast.unparse(node))
        return node

    def _update(self, node: ast.Expr, call: ast.Call) -> ast.AST | list[ast.stmt]:
        function = call.func
        if not (
            isinstance(function, ast.Attribute)
            and function.attr == "update"
            and self._is_dictionary(function.value)
        ):
            return node
        given = [(keyword.arg, keyword.value) for keyword in call.keywords]
        for one in call.args:
            if not isinstance(one, ast.Dict):
                given.append((None, one))
                continue
            for key, value in zip(one.keys, one.values, strict=True):
                named = isinstance(key, ast.Constant) and isinstance(key.value, str)
                given.append((str(key.value) if named else None, value))  # type: ignore[union-attr]
        if any(name is None for name, _ in given):
            self.unnamed.add(ast.unparse(node))
        return [self._assign(node, name, value) for name, value in given if name is not None] or node

    def _assign(self, node: ast.stmt, name: str, value: ast.expr) -> ast.stmt:
        target = ast.Attribute(ast.Name(self._me, ast.Load()), name, ast.Store())
        made = ast.copy_location(ast.Assign(targets=[target], value=value), node)
        return ast.fix_missing_locations(made)

    def _is_me(self, nodes: list[ast.expr]) -> bool:
        return bool(nodes) and isinstance(nodes[0], ast.Name) and nodes[0].id == self._me

    def _is_dictionary(self, node: ast.expr) -> bool:
        """Whether it is the object's own dictionary."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "vars":
            return self._is_me(node.args)
        return attribute_of(node, self._me) == "__dict__"


def _rounds(loop: ast.For) -> list[dict[str, ast.expr]]:
    """What the variables of a loop that sets fields by name are in each round, where that is written there; empty if it is not."""
    inside = [node for statement in loop.body for node in everything_in(statement)]
    words = read_in(*loop.body)
    leaves = any(isinstance(n, ast.Break | ast.Continue | ast.Return) for n in inside)
    if leaves or loop.orelse or not words & {"setattr", "vars", "super", "object"}:
        return []
    several = isinstance(loop.target, ast.Tuple)
    targets = loop.target.elts if isinstance(loop.target, ast.Tuple) else [loop.target]
    rows = loop.iter.elts if isinstance(loop.iter, ast.Tuple | ast.List) else []
    rounds: list[dict[str, ast.expr]] = []
    for row in rows:
        values = row.elts if several and isinstance(row, ast.Tuple | ast.List) else [row]
        plain = all(isinstance(v, ast.Constant) for v in values) and all(
            isinstance(t, ast.Name) for t in targets
        )
        if not plain or len(values) != len(targets):
            return []
        rounds.append({ast.unparse(t): v for t, v in zip(targets, values, strict=True)})
    return rounds


class _With(ast.NodeTransformer):
    """Puts values in place of variables."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(copy.deepcopy(self._values.get(node.id, node)), node)


def _is_super(function: ast.expr) -> bool:
    of = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(of, ast.Call) and isinstance(of.func, ast.Name) and of.func.id == "super"
