"""Statements that look at definitions as a whole: the parameters, annotations and documentation of a function, what a class has, what derives from it.

They read no value that is another one now, and would give another result all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.planning.meanings import Name
from podus.planning.reading import evaluated
from podus.program.bindings import held_namespace, is_namespace
from podus.program.body import Body, Statement
from podus.program.changes import ModuleChange
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler

# What looks at what it is given, wherever it was imported from.
_CALLS = frozenset(
    {
        "signature",
        "getfullargspec",
        "get_type_hints",
        "get_annotations",
        "getdoc",
        "getmembers",
        "vars",
        "dir",
    }
)
_ATTRIBUTES = frozenset(
    {"__doc__", "__annotations__", "__defaults__", "__kwdefaults__", "__dict__", "__subclasses__"}
)


def lists_names(statement: Statement) -> bool:
    """Whether a statement of a module goes by the names that the module has."""
    held = held_namespace(statement.node)
    return any(is_namespace(part) for part in evaluated(statement.node) if part is not held)


def looking(compiler: Compiler) -> Iterator[tuple[Module, Statement, str]]:
    """The statements of modules that are not run again and look at a definition that shows another face now; and that one, as it is written."""
    faces: set[Name] = set()
    mentions = compiler.derived.mentions
    if not any(mentions.of(m) & (_CALLS | _ATTRIBUTES) for m in compiler.new.modules.values()):
        # To compare the faces takes all modules' text.
        return
    for change in compiler.changes.values():
        if change.bodies is not None:
            faces |= {(change.new.name, name) for name in _other_faces(*change.bodies)}
            faces |= _inherited_otherwise(compiler, change)
    words = {name for _, name in faces}
    for module, statement, _ in compiler.derived.lagging.not_run(words) if words else ():
        for part in _looked_at(statement.node):
            place = compiler.derived.new.path(module, part)
            if place is not None and (place[0], ".".join(place[1])) in faces:
                yield module, statement, ast.unparse(part)
                break


def _looked_at(node: ast.stmt) -> Iterator[ast.expr]:
    for part in evaluated(node):
        if isinstance(part, ast.Attribute) and part.attr in _ATTRIBUTES:
            yield part.value
        elif isinstance(part, ast.Call) and part.args:
            function = part.func
            word = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if word in _CALLS:
                yield part.args[0]


def _other_faces(old: Body, new: Body) -> Iterator[str]:
    for statement in new.statements:
        before = old.last(statement.names[-1]) if statement.kind in ("def", "class") else None
        if before is not None and before.kind == statement.kind and _face(before) != _face(statement):
            yield statement.names[-1]


def _face(statement: Statement) -> tuple[object, ...]:
    node = statement.node
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    text = ast.get_docstring(node, clean=False)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return text, ast.unparse(node.args), node.returns and ast.unparse(node.returns)
    assert statement.body is not None
    annotated = [inner.node for inner in statement.body.statements if isinstance(inner.node, ast.AnnAssign)]
    return text, statement.body.binds(), sorted(map(_annotation, annotated))


def _annotation(node: ast.AnnAssign) -> str:
    return f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"


def _inherited_otherwise(compiler: Compiler, change: ModuleChange) -> set[Name]:
    """The classes of which others derive now, or do no more."""
    found: list[set[tuple[str, Name]]] = []
    assert change.bodies is not None
    for body, module, meanings in zip(
        change.bodies, (change.old, change.new), (compiler.derived.old, compiler.derived.new), strict=True
    ):
        rows: set[tuple[str, Name]] = set()
        for statement in body.statements:
            for base in getattr(statement.node, "bases", ()):
                place = meanings.path(module, base)
                if place is not None:
                    rows.add((statement.names[-1], (place[0], ".".join(place[1]))))
        found.append(rows)
    return {name for _, name in found[0] ^ found[1]}
