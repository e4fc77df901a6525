"""Decorators that themselves changed: whether what they have decorated can be decorated again.

The new code of a wrapper goes into the wrappers that are there. What a decorator does besides, once for each definition (it gives the
wrapper a name or a mark, or it begins to wrap at all), would be done for new definitions alone. It is done again where it comes to
nothing else: the decorator only makes functions, names and marks them, and returns one. What counts, registers or remembers is not
repeated.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator

from podus.planning.meanings import Meanings, Named
from podus.program.bindings import bound_in, root
from podus.program.constant import Computation
from podus.program.head import Definition
from podus.program.nodes import everything_in
from podus.program.version import Module

# What marks a function and does nothing else, as a statement or a decorator of a wrapper.
_MARKING = frozenset({"functools.wraps", "functools.update_wrapper", "contextlib.contextmanager"})
_READING = frozenset({"getattr", "callable", "isinstance", "hasattr", "len", "repr", "str", "type"})
_READING_TOO = frozenset(
    {"inspect.signature", "inspect.iscoroutinefunction", "inspect.isgeneratorfunction", "inspect.getdoc"}
)
_ENTERING = frozenset({"append", "add", "setdefault"})
# Each time another object, with a state of its own.
_STATE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)


def differs(name: str, old: Module, new: Module, *, called: bool) -> bool:
    """Whether a procedure of a module does other things when it decorates, beside what its wrappers do when they are called.

    ``called``: it is used as ``@name(…)``, so that it is what it returns that decorates.
    """
    before, after = _definition(old, name), _definition(new, name)
    levels = 2 if called else 1
    return before is not None and after is not None and _outside(before, levels) != _outside(after, levels)


def read_to_dress(name: str, module: Module, *, called: bool) -> list[ast.expr]:
    """What a decorator reads of its module when it decorates, beside what its wrappers read when they are called."""
    node = _definition(module, name)
    if node is None:
        return []
    hollow = _hollow(node, 2 if called else 1)
    parts = list(everything_in(hollow))
    own = {p.arg for p in parts if isinstance(p, ast.arg)} | bound_in(hollow)
    read = (p for p in parts if isinstance(p, ast.Name | ast.Attribute) and isinstance(p.ctx, ast.Load))
    return [p for p in read if root(p) not in own]


def how_it_dresses(name: str, module: Module, meanings: Meanings, *, called: bool) -> str:
    """What a decorator does that can be done again: ``dresses`` (it makes functions, names and marks them, and returns one) or ``registers`` (it puts them into tables as well).

    Empty if it does more than that.
    """
    node = _definition(module, name)
    if node is None or node.decorator_list or any(map(_keeps_state, everything_in(node))):
        return ""
    dressing = _Dressing(Named(meanings, module))
    if not dressing.does(node, set(), 2 if called else 1):
        return ""
    return "registers" if dressing.registers else "dresses"


def _definition(module: Module, name: str) -> ast.FunctionDef | None:
    body = module.body
    owner, _, last = name.rpartition(".")
    if owner and body is not None:
        around = body.last(owner)
        body = around.body if around is not None else None
    statement = body.last(last) if body is not None else None
    node = statement.node if statement is not None else None
    return node if isinstance(node, ast.FunctionDef) else None


def _outside(node: Definition, levels: int) -> str:
    """The text of a decorator without what its wrappers do; ``levels`` of functions decorate."""
    return ast.unparse(_hollow(node, levels))


def _hollow(node: Definition, levels: int) -> ast.Module:
    """A decorator without the bodies of what it makes."""
    made = _Hollow(levels).visit(ast.parse(ast.unparse(node)))
    assert isinstance(made, ast.Module)
    return made


class _Hollow(ast.NodeTransformer):
    """Takes the bodies of the functions out that lie deeper, and the docstrings of the others."""

    def __init__(self, levels: int) -> None:
        self._levels = levels

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._visit(node)

    def _visit(self, node: Definition) -> ast.AST:
        if not self._levels:
            node.body = [ast.Pass()]
            return node
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        self._levels -= 1
        self.generic_visit(node)
        self._levels += 1
        return node


def _given(node: Definition) -> Iterator[str]:
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield argument.arg
    for more in (arguments.vararg, arguments.kwarg):
        if more is not None:
            yield more.arg


def _keeps_state(node: ast.AST) -> bool:
    """Whether a wrapper remembers something from call to call: in a variable of the decorator, or as an attribute."""
    if isinstance(node, ast.AugAssign):
        return isinstance(node.target, ast.Attribute | ast.Subscript)
    return isinstance(node, ast.Nonlocal | ast.Global)


class _Dressing:
    """Whether what stands in a decorator has no effect but on the functions that it makes or is given."""

    def __init__(self, names: Named) -> None:
        self._names = names
        # What it is given to decorate, and the functions that it makes of that.
        self._decorated: set[str] = set()
        self.registers = False

    def does(self, node: Definition, around: set[str], levels: int) -> bool:
        """The body of one function, ``around`` which those variables are; ``levels`` of functions decorate, what lies deeper is called later."""
        parts = [part for statement in node.body for part in everything_in(statement)]
        made = {p.name for p in parts if isinstance(p, ast.FunctionDef | ast.AsyncFunctionDef)}
        own = {*around, *_given(node), *bound_in(*node.body), *made}
        if levels == 1:
            self._decorated = {*itertools.islice(_given(node), 1), *made}
        return all(self._statement(statement, own, levels - 1) for statement in node.body)

    def _statement(self, node: ast.stmt, own: set[str], levels: int) -> bool:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            values = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            plain = all(map(self._marks, node.decorator_list)) and all(map(self._is_value, values))
            return plain and (not levels or self.does(node, own, levels))
        if isinstance(node, ast.Assign):
            targets = (_is_own(t, own) or self._is_entry(t, node.value, own) for t in node.targets)
            return all(targets) and self._is_value(node.value)
        if isinstance(node, ast.Return):
            return node.value is None or self._is_value(node.value)
        if isinstance(node, ast.Expr):
            return (
                isinstance(node.value, ast.Constant)
                or self._marks(node.value)
                or self._enters(node.value, own)
            )
        if isinstance(node, ast.If):
            inner = (*node.body, *node.orelse)
            return self._is_value(node.test) and all(self._statement(part, own, levels) for part in inner)
        return isinstance(node, ast.Pass | ast.Raise)

    def _is_entry(self, target: ast.expr, value: ast.expr, own: set[str]) -> bool:
        """Whether assigning to it puts what is decorated into a table that is there: ``TABLE[path] = f``."""
        entry = isinstance(target, ast.Subscript) and root(target.value) not in own and self._holds(value)
        self.registers |= entry
        return entry and self._is_value(target)

    def _holds(self, value: ast.expr) -> bool:
        """Whether it is what is decorated, or a record of it: that can be found, and taken out."""
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        return any(isinstance(part, ast.Name) and part.id in self._decorated for part in parts)

    def _enters(self, node: ast.expr, own: set[str]) -> bool:
        """Whether a call puts what is decorated into a table that is there: ``TABLE.append(f)``."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            return False
        values = [*node.args, *(k.value for k in node.keywords)]
        entry = node.func.attr in _ENTERING and root(node.func) not in own and self._holds(node.args[-1])
        self.registers |= entry
        return entry and all(map(self._is_value, values))

    def _marks(self, node: ast.expr) -> bool:
        function = node.func if isinstance(node, ast.Call) else node
        given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
        return self._names.library(function) in _MARKING and all(map(self._is_value, given))

    def _is_value(self, node: ast.expr) -> bool:
        """Whether an expression is worked out without an effect, and comes to nothing with a state of its own."""
        parts = list(everything_in(node))
        return not any(isinstance(p, _STATE) for p in parts) and all(
            self._reads(p) for p in parts if isinstance(p, ast.Call)
        )

    def _reads(self, call: ast.Call) -> bool:
        plain = isinstance(call.func, ast.Name) and call.func.id in _READING
        library = self._names.library(call.func) in _READING_TOO
        return plain or library or self._marks(call) or Computation(self._names).take(call).only


def _is_own(target: ast.expr, own: set[str]) -> bool:
    """Whether assigning to it binds a variable, or gives a function an attribute."""
    if isinstance(target, ast.Attribute):
        return isinstance(target.value, ast.Name) and target.value.id in own
    return isinstance(target, ast.Name)
