"""What a statement reads of a class as a whole, from its text: the members of an Enum, the fields of a dataclass or of a tuple."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.planning.reading import evaluated, is_enum

if TYPE_CHECKING:
    from podus.program.body import Statement
    from podus.program.changes import BodyChange

# Builtins that go through what they are given.
_ITERATING = frozenset(
    [
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "sorted",
        "reversed",
        "enumerate",
        "len",
        "zip",
        "map",
        "filter",
        "max",
        "min",
        "iter",
    ]
)
# Procedures of the standard library that look at the fields of a class, wherever they were imported from.
_LOOKING = frozenset({"fields", "get_type_hints", "get_annotations"})
_ATTRIBUTES = frozenset(
    [
        "__members__",
        "_member_names_",
        "_member_map_",
        "_value2member_map_",
        "_fields",
        "_field_defaults",
        "__annotations__",
        "__dataclass_fields__",
        "__match_args__",
        "__required_keys__",
        "__optional_keys__",
    ]
)


def shapes(node: ast.stmt) -> Iterator[ast.Name | ast.Attribute]:
    """The names, and names of names, whose members or fields a statement reads, if they are classes."""
    for part in evaluated(node):
        for value in _read(part):
            if isinstance(value, ast.Name | ast.Attribute):
                yield value


def _read(part: ast.AST) -> Iterator[ast.AST]:
    if isinstance(part, ast.comprehension | ast.For):
        yield part.iter
    elif isinstance(part, ast.Starred | ast.Subscript):
        yield part.value
    elif isinstance(part, ast.Compare):
        yield from part.comparators
    elif isinstance(part, ast.Attribute) and part.attr in _ATTRIBUTES:
        yield part.value
    elif isinstance(part, ast.Call):
        function = part.func
        word = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if word in _LOOKING or (word in _ITERATING and isinstance(function, ast.Name)):
            yield from part.args
        elif isinstance(function, ast.Name):
            # An Enum's member of a value.
            yield function


def is_reshaped(statement: Statement, change: BodyChange) -> bool:
    """Whether a class gets other members or fields: ``change`` is that of its body."""
    if is_enum(statement):
        kinds = ("assign", "other")
        return any(s.kind in kinds for s in change.run) or _gone(change, kinds)
    return any(isinstance(s.node, ast.AnnAssign) for s in change.run) or _gone(change, ("assign",))


def _gone(change: BodyChange, kinds: tuple[str, ...]) -> bool:
    return any(change.previous[name].kind in kinds for name in change.removed if name in change.previous)
