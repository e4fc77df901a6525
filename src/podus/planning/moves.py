"""Functions and classes that go on in another module: a module that is renamed, split, or becomes a package.

A definition has moved when one version has it in one module, the other has one of the same name and kind in another, and neither has
a second of that name that came or went. A class with other fields is taken for another class, unless the old module imports it back,
or a module that had it from there has it from the new place.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import CodeType
from typing import TYPE_CHECKING

from podus.planning.model import Note
from podus.program.body import Statement
from podus.program.classes import Classes
from podus.program.code import walk
from podus.program.flow import absolute, flow
from podus.program.operands import STORES_ATTRIBUTE, named
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler

_BUILT_IN = frozenset(vars(builtins))


def find_moves(compiler: Compiler) -> tuple[dict[str, str], list[Note]]:
    """Definition of the old version -> what it is called in the new one (``module:name`` both), where the modules differ; and what is to be told."""
    found: dict[str, str] = {}
    notes: list[Note] = []
    for name, (home, was), (place, now) in _moved(compiler, _definitions):
        names = f"{home.name}:{name}", f"{place.name}:{name}"
        other = was.kind == "class" and _fields(was, home.code) != _fields(now, place.code)
        if other and not _is_passed_on(compiler, home.name, place.name, name):
            text = (
                f"{names[1]} has other fields than {names[0]} had: objects stay of the class that they are of"
            )
            notes.append(Note("not-moved", text))
        else:
            found[names[0]] = names[1]
    return found, notes


def find_renamed(compiler: Compiler) -> dict[str, str]:
    """Class of the old version -> what it is called in the new one (``module:qualname`` both), where its old name is kept beside that: ``Old = New``."""
    old, new = Classes(compiler.old), Classes(compiler.new)
    found: dict[str, str] = {}
    for change in compiler.changes.values():
        for before, after in _aliases(new, change.new):
            # One that was there as well is another class.
            if old.find(before) is not None and new.find(before) is None and old.find(after) is None:
                found[before] = after
        # On the way back the old version is the one with both names.
        for after, before in _aliases(old, change.old):
            if new.find(after) is not None and old.find(after) is None and new.find(before) is None:
                found[before] = after
    return found


def _aliases(classes: Classes, module: Module) -> Iterator[tuple[str, str]]:
    """The names that statements of a module, and of its classes, give to classes besides their own, each with that (``module:qualname`` both)."""
    inner = [owner.statement.body for owner in classes.of(module).values()]
    for body in filter(None, [module.body, *inner]):
        for statement in body.statements:
            value = _value(statement)
            named = (
                classes.resolve(module.name, ast.unparse(value))
                if isinstance(value, ast.Name | ast.Attribute)
                else ""
            )
            if named:
                yield f"{module.name}:{'.'.join((*body.owners, statement.names[0]))}", named


def _is_passed_on(compiler: Compiler, home: str, place: str, name: str) -> bool:
    """Whether the module that had a class imports it from the one that has it now (on the way back, this one did), or another one has it from there instead."""
    old, new = Classes(compiler.old), Classes(compiler.new)
    before, after = f"{home}:{name}", f"{place}:{name}"
    if _imports(new, home, after) or _imports(old, place, before):
        return True
    users = (c.new.name for c in compiler.changes.values() if c.new.name not in (home, place))
    return any(_imports(old, user, before) and _imports(new, user, after) for user in users)


def _imports(classes: Classes, user: str, wanted: str) -> bool:
    """Whether a module has a class of another one under its name."""
    owner, _, name = wanted.partition(":")
    module = classes.version.modules.get(user)
    if module is None:
        return False
    rows = flow(module.code).imports
    starred = {absolute(user, module.package, row.level, row.module) for row in rows if row.name == "*"}
    return owner in starred or classes.resolve(user, name) == wanted


def find_moved_data(compiler: Compiler) -> dict[str, str]:
    """Module data of the old version -> where the new one makes it by the same text; a question for that which starts anew there."""
    found: dict[str, str] = {}
    for name, (home, was), (place, now) in _moved(compiler, _data):
        names = f"{home.name}:{name}", f"{place.name}:{name}"
        if _is_made_alike(was, now) and not _is_filled(place, now):
            found[names[0]] = names[1]
            text = f"{names[1]} goes on with what {names[0]} holds"
            compiler.plan.notes.append(Note("data-moved", text))
        elif _is_worked_on(compiler, name, _value(was)):
            compiler.made_anew.add(names[0])
            text = f"{names[1]} is made anew: what the program has made of {names[0]} does not go along"
            where = f"{place.file}:{now.line}"
            compiler.plan.asks.append(
                Note("data-anew", text, "leave it where it is, and import it, if it must not be lost", where)
            )
    return found


_Place = tuple[Module, Statement]


def _moved(
    compiler: Compiler, of: Callable[[Module | None], dict[str, Statement]]
) -> Iterator[tuple[str, _Place, _Place]]:
    """What of this kind goes from one module, and comes to one other under its name."""
    before, after = Classes(compiler.old), Classes(compiler.new)
    gone: dict[tuple[str, str], list[_Place]] = defaultdict(list)
    come: dict[tuple[str, str], list[_Place]] = defaultdict(list)
    pairs: list[tuple[Module | None, Module | None]] = [
        # Where all is the same but for what the procedures do, nothing came or went.
        *((c.old, c.new) for c in compiler.changes.values() if not c.same_around),
        *((compiler.old.modules[name], None) for name in compiler.removed),
        *((None, module) for module in compiler.imported),
    ]
    for old, new in pairs:
        for one, other, rows in ((old, new, gone), (new, old, come)):
            known = of(other)
            for name, statement in of(one).items():
                if one is not None and name not in known:
                    rows[statement.kind, name].append((one, statement))
    for (kind, name), sources in gone.items():
        found = [(source, target) for source in sources for target in come.get((kind, name), [])]
        if kind == "class" and len(found) > 1:
            # Of several an import says which it is: that of the old module, or on the way back that of the new one.
            found = [
                (one, other)
                for one, other in found
                if _imports(after, one[0].name, f"{other[0].name}:{name}")
                or _imports(before, other[0].name, f"{one[0].name}:{name}")
            ]
        if len(found) == 1:
            home, place = (where for where, _ in found[0])
            if home.name != place.name and not (home.main or place.main):
                yield name, *found[0]


def _data(module: Module | None) -> dict[str, Statement]:
    """The names that a module gives a value once, by an assignment that says nothing of the module itself."""
    found: dict[str, Statement] = {}
    several: set[str] = set()
    body = module.body if module is not None else None
    for statement in body.statements if body is not None else ():
        several |= found.keys() & statement.names
        plain = statement.kind == "assign" and _value(statement) is not None
        if plain and not any(n.startswith("__") for n in statement.reads):
            found.update((name, statement) for name in statement.names if not name.startswith("__"))
    return {name: statement for name, statement in found.items() if name not in several}


def _value(statement: Statement) -> ast.expr | None:
    node = statement.node
    if isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
        return node.value
    return node.value if isinstance(node, ast.AnnAssign) else None


def _is_made_alike(was: Statement, now: Statement) -> bool:
    """Whether two statements give the same value, which something may be put into."""
    before, after = _value(was), _value(now)
    return (
        before is not None
        and after is not None
        and not isinstance(after, ast.Constant)
        and ast.unparse(before) == ast.unparse(after)
    )


def _is_filled(module: Module, made: Statement) -> bool:
    """Whether other statements of a module go on with the data: by themselves, or as decorators."""
    assert module.body is not None
    name = made.names[0]
    return any(
        name in statement.reads
        and not (isinstance(statement.node, ast.Assign) and _only_reads(statement.node))
        and (statement.kind not in ("def", "class") or bool(getattr(statement.node, "decorator_list", ())))
        for statement in module.body.statements
        if statement is not made
    )


def _only_reads(node: ast.Assign) -> bool:
    """Whether an assignment gives a name what is there under another one, or in an attribute: ``register = REGISTRY.add``."""
    return all(isinstance(target, ast.Name) for target in node.targets) and isinstance(
        node.value, ast.Name | ast.Attribute
    )


def _is_worked_on(compiler: Compiler, name: str, value: ast.expr | None) -> bool:
    """Whether procedures of the old version may have given it another value, or put something into it: they mention it."""
    return compiler.rebinds(name) if _can_not_change(value) else bool(compiler.mentions_in_old.get(name))


def _can_not_change(value: ast.expr | None) -> bool:
    """Whether nothing can be put into a value, as far as its text tells."""
    if isinstance(value, ast.Tuple):
        return all(map(_can_not_change, value.elts))
    if isinstance(value, ast.Call):
        return ast.unparse(value.func) in ("frozenset", "re.compile")
    return isinstance(value, ast.Constant | ast.JoinedStr | ast.Compare | ast.UnaryOp)


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
    assert statement.body is not None and isinstance(statement.node, ast.ClassDef)
    heads = [*statement.node.bases, *(k.value for k in statement.node.keywords)]
    nobody = not statement.node.decorator_list and all(ast.unparse(base) in _BUILT_IN for base in heads)
    found = {
        s.node.target.id
        for s in statement.body.statements
        # Where nobody makes fields of what is annotated, a value is the class's own.
        if isinstance(s.node, ast.AnnAssign)
        and isinstance(s.node.target, ast.Name)
        and not (nobody and s.node.value is not None)
    }
    slots = statement.body.last("__slots__")
    found |= {ast.unparse(slots.node)} if slots is not None else set()
    prefix = f"{statement.names[-1]}."
    for inner in walk(code):
        if inner.co_qualname.startswith(prefix):
            found |= set(named(inner, STORES_ATTRIBUTE))
    return found
