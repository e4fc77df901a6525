"""What statements of the old version have registered, and those of the new one do not: by decorators, and by the hooks of base classes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Set

from podus.planning.hooking import unsubscribed
from podus.program.body import Body, Statement
from podus.program.changes import BodyChange, ModuleChange
from podus.program.nodes import everything_in
from podus.program.version import Module

# Decorators that put what they make nowhere.
_PLAIN = {"property", "staticmethod", "classmethod"}


def withdrawn(change: ModuleChange) -> list[str]:
    """Top-level definitions of the old version that the new one does not have, and that a decorator, a base or a call that is gone as well saw."""
    assert change.bodies is not None and change.body is not None
    shown = _shown(change.body.gone)
    return _seen(change.old, change.bodies[0], change.removed, frozenset(change.body.removed), shown)


def withdrawn_with(module: Module) -> list[str]:
    """The same for a module that the new version does not have."""
    body = module.body
    if body is None:
        return []
    return _seen(module, body, module.procedures, body.binds(), _shown(body.statements))


def _seen(
    old: Module, body: Body, removed: Iterable[str], unbound: Set[str], shown: frozenset[str]
) -> list[str]:
    gone = {old.procedures[name].co_firstlineno: name for name in removed}
    found = []
    for statement in body.statements:
        node = statement.node
        seen = bool(getattr(node, "decorator_list", ())) or not shown.isdisjoint(statement.names[-1:])
        if isinstance(node, ast.ClassDef):
            if node.name in unbound and (seen or node.bases or node.keywords):
                found.append(node.name)
            found += [gone[line] for line in _decorated_methods(node) if line in gone]
        elif statement.kind == "def" and statement.line in gone and seen:
            found.append(gone[statement.line])
    return found


def withdrawn_by(
    module: Module, names: Iterable[str], there: Set[str]
) -> dict[str, tuple[list[str], int, list[str]]]:
    """Of functions at the top level that are gone: by what their decorators may have registered them, and how often; and which of those that are ``there`` on have the same decorators."""
    body = module.body
    if body is None:
        return {}
    ways = {s.names[-1]: _paths(_registering(s)) for s in body.statements if s.kind == "def"}
    found = {}
    for name in names:
        if paths := ways.get(name):
            fellows = sorted(n for n, own in ways.items() if n in there and not {*own}.isdisjoint(paths))
            found[name] = sorted({*paths}), len(paths), fellows
    return found


def _shown(statements: list[Statement]) -> frozenset[str]:
    """The names that statements hand to what they call for its effect: ``subscribe(on_start)``."""
    calls = [s for s in statements if isinstance(s.node, ast.Expr) and isinstance(s.node.value, ast.Call)]
    return frozenset(name for statement in calls for name in statement.reads)


def _decorated_methods(node: ast.ClassDef) -> Iterator[int]:
    """The first lines of the methods that a decorator saw when they were made, other than Python's own."""
    for inner in node.body:
        if isinstance(inner, ast.ClassDef):
            yield from _decorated_methods(inner)
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            seen = [d for d in inner.decorator_list if not (isinstance(d, ast.Name) and d.id in _PLAIN)]
            if seen:
                yield inner.decorator_list[0].lineno


def registrars(
    change: ModuleChange, otherwise: Callable[[Statement], bool], whole: Iterable[str]
) -> tuple[dict[str, list[str]], dict[str, str], list[str]]:
    """Definitions whose statement is another one now, with other decorators, bases or keywords, and by what the old ones may have registered them: names, with their attributes.

    Each by its name in the old version; the second result gives the names that stand for them, if any does, the third the functions that are registered
    in the same words. Not where another statement may
    have registered them as well, which does not run again. ``otherwise`` tells whether a definition has a decorator that registers otherwise now,
    ``whole`` are classes that are made again because of what is in them: a hook of a base may go by anything that they say.
    """
    assert change.body is not None and change.bodies is not None
    found: dict[str, list[str]] = {}
    standing: dict[str, str] = {}
    alike: list[str] = []
    lines = {code.co_firstlineno: name for name, code in change.old.procedures.items()}
    for body in (change.body, *change.body.all_classes()):
        run = set(map(id, body.run))
        gone = set(map(id, body.gone))
        # What has no statement of its name any more is withdrawn.
        names = {s.names[-1] for s in body.run if s.kind in ("def", "class")}
        for statement in (*body.gone, *_registers_otherwise(body, gone, otherwise, whole)):
            name = statement.names[-1] if statement.names else ""
            if statement.kind not in ("def", "class") or name not in names:
                continue
            rows = [s for s in body.run if s.kind == statement.kind and s.names[-1:] == (name,)]
            same = {text for row in rows for text in _registering(row)}
            made = _registering(statement)
            # By the same text, if what it says is something else.
            other = made - same if id(statement) in gone else made
            in_the_same_words = not other and statement.kind == "def"
            other = made if in_the_same_words else other
            others = [s for s in body.new.statements if id(s) not in run and name in s.reads]
            paths = sorted({*_paths(other)})
            if not paths or any(s.kind in ("assign", "other") for s in others):
                continue
            full = ".".join((*body.owners, name))
            procedure = full if statement.kind == "class" else lines.get(statement.line, full)
            found[procedure] = paths
            alike += [procedure] if in_the_same_words else []
            if body.previous.get(name) is statement:
                standing[procedure] = full
    return found, standing, alike


def _registers_otherwise(
    body: BodyChange, gone: set[int], otherwise: Callable[[Statement], bool], whole: Iterable[str]
) -> list[Statement]:
    """The functions and classes whose definitions run again as they are, and whose decorators are given what has a name, as ``PREFIX + "/users"``: that may be another key.

    Or that are ``otherwise`` themselves; and the classes that run again as a ``whole``.
    """
    found = [] if body.owners else [body.previous[name] for name in whole]
    for statement in body.run:
        before = body.previous.get(statement.names[-1]) if statement.kind in ("def", "class") else None
        if before is None or before.kind != statement.kind or before.head != statement.head:
            continue
        if id(before) in gone or before in found:
            continue
        given = (
            part
            for decorator in getattr(before.node, "decorator_list", ())
            for call in everything_in(decorator)
            if isinstance(call, ast.Call)
            for argument in (*call.args, *(k.value for k in call.keywords))
            for part in everything_in(argument)
        )
        by_annotation = any(" -> " in text for text in _registering(before))
        if any(isinstance(part, ast.Name) for part in given) or by_annotation or otherwise(statement):
            found.append(before)
    return found


def _registering(statement: Statement) -> set[str]:
    """The decorators of a definition; of a class also what its bases are given: each as it is written."""
    node = statement.node
    found = {_decorator(d, node) for d in getattr(node, "decorator_list", ())}
    if isinstance(node, ast.ClassDef):
        given = ", ".join(ast.unparse(keyword) for keyword in node.keywords)
        # What a generic base is given is no word to its hook.
        bases = map(unsubscribed, node.bases)
        found |= {f"{ast.unparse(base)}({given})" for base in bases}
    return found - _PLAIN


def _decorator(decorator: ast.expr, node: ast.AST) -> str:
    text = ast.unparse(decorator)
    if (
        isinstance(decorator, ast.Attribute)
        and decorator.attr == "register"
        and not isinstance(node, ast.ClassDef)
    ):
        # A single-dispatch function looks at the annotations.
        given = [
            ast.unparse(part.annotation)
            for part in everything_in(node)
            if isinstance(part, ast.arg) and part.annotation
        ]
        return f"{text} -> {', '.join(given)}"
    return text


def _paths(registering: Iterable[str]) -> list[str]:
    return [path for text in registering if (path := _path(text.partition(" -> ")[0]))]


def _path(text: str) -> str:
    """``app.route`` of ``app.route("/")``; "" if it is nothing that could be looked up."""
    node = ast.parse(text, mode="eval").body
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
        while isinstance(node, ast.Call):
            node = node.func
    return ".".join([node.id, *reversed(words)]) if isinstance(node, ast.Name) else ""
