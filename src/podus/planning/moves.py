"""Functions and classes that go on in another module: a module that is renamed, split, or becomes a package.

A definition has moved when one version has it in one module, the other has one of the same name and kind in another, and neither has
a second of that name that came or went. Of classes the fields must be the same as well: else it is taken for another class.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from types import CodeType
from typing import TYPE_CHECKING

from podus.planning.model import Note
from podus.program.body import Statement
from podus.program.code import walk
from podus.program.operands import STORES_ATTRIBUTE, named
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler


def find_moves(compiler: Compiler) -> dict[str, str]:
    """Definition of the old version -> what it is called in the new one (``module:name`` both), where the modules differ."""
    gone: dict[tuple[str, str], list[tuple[Module, Statement]]] = defaultdict(list)
    come: dict[tuple[str, str], list[tuple[Module, Statement]]] = defaultdict(list)
    pairs: list[tuple[Module | None, Module | None]] = [
        # Where all is the same but for what the procedures do, nothing came or went.
        *((c.old, c.new) for c in compiler.changes.values() if not c.same_around),
        *((compiler.old.modules[name], None) for name in compiler.removed),
        *((None, module) for module in compiler.imported),
    ]
    for old, new in pairs:
        for one, other, rows in ((old, new, gone), (new, old, come)):
            known = _definitions(other)
            for name, statement in _definitions(one).items():
                if one is not None and name not in known:
                    rows[statement.kind, name].append((one, statement))
    found: dict[str, str] = {}
    for key, sources in gone.items():
        targets = come.get(key, [])
        if len(sources) != 1 or len(targets) != 1:
            continue
        (home, was), (place, now) = sources[0], targets[0]
        if home.name == place.name or home.main or place.main:
            continue
        names = f"{home.name}:{key[1]}", f"{place.name}:{key[1]}"
        if key[0] == "class" and _fields(was, home.code) != _fields(now, place.code):
            compiler.plan.notes.append(
                Note(
                    "not-moved",
                    f"{names[1]} has other fields than {names[0]} had: objects stay of the class that they are of",
                )
            )
            continue
        found[names[0]] = names[1]
    return found


def _definitions(module: Module | None) -> dict[str, Statement]:
    """The functions and classes that a module defines itself, each by the statement that counts."""
    found: dict[str, Statement] = {}
    body = module.body if module is not None else None
    for statement in body.statements if body is not None else ():
        for name in statement.names:
            found.pop(name, None)
            if statement.kind in ("def", "class") and name == statement.names[-1]:
                found[name] = statement
    return found


def _fields(statement: Statement, code: CodeType) -> set[str]:
    """What the objects of a class hold, as far as its own text says."""
    assert statement.body is not None
    found = {
        s.node.target.id
        for s in statement.body.statements
        if isinstance(s.node, ast.AnnAssign) and isinstance(s.node.target, ast.Name)
    }
    slots = statement.body.last("__slots__")
    found |= {ast.unparse(slots.node)} if slots is not None else set()
    prefix = f"{statement.names[-1]}."
    for inner in walk(code):
        if inner.co_qualname.startswith(prefix):
            found |= set(named(inner, STORES_ATTRIBUTE))
    return found
