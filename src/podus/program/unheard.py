"""What a constructor finds among its other keyword arguments (``**options``) of one that is new: nothing, as nobody gave it.

``options.get("width", 80)`` is 80 for every object that is there, if nothing in the old version has so much as the word: whoever might have
given the argument, or passed it on, would have to say it.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from podus.program.bindings import bound_in
from podus.program.code import walk
from podus.program.field import Field
from podus.program.version import Version

_TAKES = ("get", "pop", "setdefault")


def words_of(version: Version) -> frozenset[str]:
    """Every word by which code of a version could give an argument, or take one: strings, and names of parameters."""
    found: set[str] = set()
    for module in version.modules.values():
        for code in walk(module.code):
            count = code.co_argcount + code.co_kwonlyargcount
            found.update(code.co_varnames[:count], _strings(code.co_consts))
    return frozenset(found)


def _strings(constants: Iterable[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(constant)


def as_nobody_gave_it(field: Field, heard: Callable[[str], bool]) -> Field:
    """The field as it is set where none of the arguments was given that nobody has ``heard`` of."""
    others = field.signature.kwarg if field.signature is not None else None
    if others is None or others.arg in bound_in(*field.body):
        return field
    nobody = _NotGiven(others.arg, heard)
    body = [nobody.visit(copy.deepcopy(statement)) for statement in field.body]
    value = nobody.visit(copy.deepcopy(field.value)) if field.value is not None else None
    return dataclasses.replace(field, body=body, value=value)


class _NotGiven(ast.NodeTransformer):
    def __init__(self, others: str, heard: Callable[[str], bool]) -> None:
        self._others = others
        self._heard = heard

    def _is_new(self, word: ast.expr) -> bool:
        return isinstance(word, ast.Constant) and isinstance(word.value, str) and not self._heard(word.value)

    def _is_others(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._others

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function, arguments = node.func, node.args
        takes = isinstance(function, ast.Attribute) and function.attr in _TAKES and not node.keywords
        if takes and self._is_others(function.value) and arguments and self._is_new(arguments[0]):  # type: ignore[attr-defined]
            if len(arguments) == 2:
                return self.visit(arguments[1])  # type: ignore[no-any-return]
            if function.attr != "pop":  # type: ignore[attr-defined]
                return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        asks = isinstance(node.ops[0], ast.In | ast.NotIn) and len(node.ops) == 1
        if asks and self._is_others(node.comparators[0]) and self._is_new(node.left):
            return ast.copy_location(ast.Constant(isinstance(node.ops[0], ast.NotIn)), node)
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        made: Any = self.generic_visit(node)
        test = made.test
        if isinstance(test, ast.Constant):
            return made.body if test.value else made.orelse  # type: ignore[no-any-return]
        return made  # type: ignore[no-any-return]

    def visit_If(self, node: ast.If) -> ast.AST:
        made: Any = self.generic_visit(node)
        test = made.test
        if isinstance(test, ast.Constant):
            # One statement, as before: they are counted.
            made.body = (made.body if test.value else made.orelse) or [ast.copy_location(ast.Pass(), made)]
            made.test, made.orelse = ast.copy_location(ast.Constant(value=True), test), []
        return made  # type: ignore[no-any-return]
