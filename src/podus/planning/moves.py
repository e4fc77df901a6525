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
from podus.program.body import Body, Statement
from podus.program.code import walk
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler


def find_moves(compiler: Compiler) -> dict[str, str]:
    """Definition of the old version -> what it is called in the new one (``module:name`` both), where the modules differ."""
    old, new = compiler.derived.old, compiler.derived.new
    gone: dict[tuple[str, str], list[tuple[Module, Statement]]] = defaultdict(list)
    come: dict[tuple[str, str], list[tuple[Module, Statement]]] = defaultdict(list)
    before = [c.old for c in compiler.changes.values()] + [compiler.old.modules[n] for n in compiler.removed]
    after = [c.new for c in compiler.changes.values()] + list(compiler.imported)
    for one, other, modules, version, rows in (
        (old, new, before, compiler.new, gone),
        (new, old, after, compiler.old, come),
    ):
        for module in modules:
            body = one.body(module)
            there = version.modules.get(module.name)
            if version is compiler.new and module.name in compiler.removed:
                there = None
            known = _definitions(other.body(there)) if there is not None else {}
            for name, statement in _definitions(body).items():
                if name not in known:
                    rows[statement.kind, name].append((module, statement))
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


def _definitions(body: Body | None) -> dict[str, Statement]:
    """The functions and classes that a module defines itself, each by the statement that counts."""
    found: dict[str, Statement] = {}
    for statement in body.statements if body is not None else ():
        for name in statement.names:
            found.pop(name, None)
            if statement.kind in ("def", "class") and name == statement.names[-1]:
                found[name] = statement
    return found


def _fields(statement: Statement, code: CodeType) -> set[str]:
    """What the objects of a class hold, as far as its own text says."""
    import dis

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
            found |= {i.argval for i in dis.get_instructions(inner) if i.opname == "STORE_ATTR"}
    return found
