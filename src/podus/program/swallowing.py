"""Which ``with`` statements may swallow an exception, so that what their bodies bind may not be bound behind them.

Most context managers (locks, files, transactions) pass exceptions on. One that does not says so: its ``__exit__`` returns something, it is a
generator that catches what is thrown into it, or one of the library's that are there for this.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property
from types import CodeType

from podus.program.control import NAMES, units
from podus.program.field import last_word
from podus.program.nodes import everything_in
from podus.program.version import Module

_LIBRARY = frozenset(
    [
        "suppress",
        "ExitStack",
        "AsyncExitStack",
        "raises",
        "warns",
        "assertRaises",
        "assertRaisesRegex",
        "assertWarns",
    ]
)
_EXITS = ("__exit__", "__aexit__")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Swallowing:
    """The context managers of a version's modules, by their names."""

    def __init__(self, modules: Iterable[Module]) -> None:
        self._modules = modules

    def passed_on(self, code: CodeType, node: ast.AST) -> frozenset[int]:
        """Where ``code`` would go on behind a ``with`` that has swallowed an exception, and none does: offsets of jumps. ``node`` is its text."""
        found = set[int]()
        headers = [
            (statement.lineno, statement.items[-1].context_expr.end_lineno or 0, self._may_swallow(statement))
            for statement in everything_in(node)
            if isinstance(statement, ast.With | ast.AsyncWith)
        ]
        lines = [position[0] for position in code.co_positions()]
        surely = False
        for offset, op, _, _ in units(code):
            if NAMES[op] == "WITH_EXCEPT_START":
                line = lines[offset // 2] or 0
                here = [swallows for first, last, swallows in headers if first <= line <= last]
                surely = bool(here) and not any(here)
            elif surely and "JUMP" in NAMES[op] and NAMES[op].endswith("IF_TRUE"):
                found.add(offset)
                surely = False
        return frozenset(found)

    def _may_swallow(self, statement: ast.With | ast.AsyncWith) -> bool:
        """Whether one of what a statement enters may: an object that is no more than a name may be of any class."""
        guarded, classes = self._declared
        made = [item.context_expr for item in statement.items]
        named = any(last_word(expression) in guarded | classes | _LIBRARY for expression in made)
        return named or (bool(classes) and not all(_is_library(expression) for expression in made))

    @cached_property
    def _declared(self) -> tuple[set[str], set[str]]:
        """The functions that catch what is thrown into them, and the classes whose exit may return something."""
        guarded, classes = set[str](), set[str]()
        for module in self._modules:
            for statement in module.body.statements if module.body is not None else ():
                for part in everything_in(statement.node):
                    if isinstance(part, _FUNCTIONS) and _catches(part):
                        guarded.add(part.name)
                    elif isinstance(part, ast.ClassDef) and any(map(_returns, _exits_of(part))):
                        classes.add(part.name)
        return guarded, classes


def _is_library(expression: ast.expr) -> bool:
    return (
        isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Name)
        and expression.func.id == "open"
    )


def _exits_of(owner: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [part for part in owner.body if isinstance(part, _FUNCTIONS) and part.name in _EXITS]


def _returns(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function may return something that is true."""
    values = [part.value for part in everything_in(function) if isinstance(part, ast.Return)]
    return any(
        not (value is None or (isinstance(value, ast.Constant) and not value.value)) for value in values
    )


def _catches(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a generator is suspended where it catches exceptions."""
    return any(
        isinstance(part, ast.Yield)
        for statement in everything_in(function)
        if isinstance(statement, ast.Try | ast.TryStar) and statement.handlers
        for inner in statement.body
        for part in everything_in(inner)
    )
