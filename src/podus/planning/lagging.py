"""Statements that are not run again, as they may do more than compute a value, though they would come to something else now: the plan tells them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from podus.planning.answering import Objects
from podus.planning.filling import acted_on
from podus.planning.reading import defaults, evaluated, is_script, listed, read_in_loops, reads
from podus.program.bindings import root
from podus.program.body import Statement, without_annotation
from podus.program.changes import ModuleChange
from podus.program.head import called_by, consumed
from podus.program.nodes import everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.derived import Derived
    from podus.planning.meanings import Name


class Lagging:
    """Finds them, when all that runs is known."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived

    def left(self, kept: set[Name]) -> Iterator[tuple[Module, Statement, list[str]]]:
        """The statements of modules that read what has changed, and are not run again: they may do more than compute a value. And what they read.

        ``kept`` is data that stays as the program has it.
        """
        self._derived.moved -= kept
        words = {name.rpartition(".")[2] for _, name in self._derived.moved}
        for module, statement, hidden in self.not_run(words):
            read = self.read_of_moved(statement, module, hidden)
            if read:
                yield module, statement, read

    def read_of_moved(
        self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]
    ) -> list[str]:
        """What a statement reads that has moved, and so would give something else now; nothing if it would not."""
        # What an annotation names is no part of the value.
        node = without_annotation(statement.node)
        every = (*reads(node), *read_in_loops(node, listed(module)))
        read = [ast.unparse(n) for n in every if self._derived.moves(n, module, hidden)]
        if isinstance(statement.node, ast.Expr):
            # Another statement acts on it as well: it is the same as before, and is not acted on twice.
            same = {n for n in acted_on(statement.node) if (module.name, n) not in self._derived.assigned}
            read = [
                t
                for t in read
                if t.partition(".")[0] not in same or t.partition(".")[0] in self._derived.new.imports(module)
            ]
        if self._derived.new.source_of(module, statement) is not None:
            read += statement.reads.intersection(statement.names)
        # What the body of its class has given another value.
        own = sorted(statement.reads - {*statement.names}) if statement.owners else []
        own = [n for n in own if (module.name, ".".join((*statement.owners, n))) in self._derived.moved]
        if own and statement.kind in ("assign", "other"):
            return list(dict.fromkeys([*own, *read]))
        return list(dict.fromkeys(read)) if read and self._derived.follows(statement, module, hidden) else []

    def not_run(self, words: set[str]) -> Iterator[tuple[Module, Statement, frozenset[str]]]:
        """The statements that make data, or do something, and are not run again, of modules and classes that mention one of the words.

        And the names that are not the module's there.
        """
        words = self._derived.mentions.under(words)
        for module in self._derived.compiler.new.modules.values():
            before = self._derived.compiler.old.modules.get(module.name)
            if before is None or before.source is None or words.isdisjoint(self._derived.mentions.of(module)):
                continue
            if module.body is None:
                continue
            run = self._derived.run_of(module)
            todo = [module.body]
            while todo:
                inside = todo.pop()
                hidden = frozenset(inside.binds()) if inside.owners else frozenset[str]()
                for statement in inside.statements:
                    if id(statement) in run:
                        continue
                    if statement.kind == "class" and statement.body is not None and statement.says(words):
                        todo.append(statement.body)
                    empty = isinstance(statement.node, ast.AnnAssign) and statement.node.value is None
                    computes = statement.kind in ("assign", "other") and not empty
                    if computes or any(map(_calls, defaults(statement.node))):
                        yield module, statement, hidden

    def called(self) -> Iterator[tuple[Module, Statement, list[str]]]:
        """The statements of modules that call what has changed, and are not run again: what it gave them, or did for them, was the old version's. And what they call."""
        changed = self._changed | self._derived.procedures | self._holding
        words = {name.rpartition(":")[2].rpartition(".")[2] for name in changed}
        for module, statement, hidden in self.not_run(words | self._objects.words):
            called = [] if is_script(module) else self.calls_of_changed(statement, module, hidden)
            if called:
                yield module, statement, called

    def called_by_decorators(self) -> Iterator[tuple[Module, Statement]]:
        """The definitions of which a decorator has made data, by calling them (``@call def CONFIG(): …``), and which change."""
        found: dict[str, tuple[Module, Statement]] = {}
        for change in self._derived.compiler.changes.values():
            run = self._derived.run_of(change.new)
            changed = {name for name in change.changed if "." not in name}
            body = change.new.body
            for statement in body.statements if body is not None and changed else ():
                named = (
                    statement.kind == "def" and statement.names[-1] in changed and id(statement) not in run
                )
                if named and getattr(statement.node, "decorator_list", []):
                    found[f"{change.new.name}:{statement.names[-1]}"] = (change.new, statement)
        for name in self._derived.compiler.pup.call("kinds", names=[*found]) if found else ():
            yield found[name]

    def calls_of_changed(
        self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]
    ) -> list[str]:
        """What a statement calls that has changed, methods of objects that it makes among it."""
        parts = list(evaluated(statement.node))
        if statement.kind == "def":
            # What its decorators do is another question.
            parts = [part for default in defaults(statement.node) for part in everything_in(default)]
        for part in parts:
            # Lambdas that are called at once are a part of it.
            inner = consumed(part) if isinstance(part, ast.Call) else ()
            parts += [piece for made in inner for piece in everything_in(made.body)]
        calls = [part for part in parts if isinstance(part, ast.Call)]
        # What the value itself is made by is told otherwise: see made_from_moved().
        value = getattr(statement.node, "value", None)
        found = [
            ast.unparse(called)
            for call in calls
            for called in called_by(call)
            if root(called) not in hidden
            and (place := self._derived.new.path(module, _table(called)))
            and (name := f"{place[0]}:{'.'.join(place[1])}")
            and (
                name in self._changed
                or name in self._holding
                or (name in self._derived.procedures and call is not value)
            )
        ]
        return list(dict.fromkeys([*found, *self._objects.asked(parts, module, hidden)]))

    @cached_property
    def _changed(self) -> set[str]:
        changes = self._derived.compiler.changes.values()
        return {f"{change.new.name}:{name}" for change in changes for name in change.changed}

    @cached_property
    def _holding(self) -> set[str]:
        """What does otherwise when it is called, as it is made of a procedure that changes: decorated with it, a lambda or closure, a partial, another name."""
        # Whose closures change, and so what they have made.
        makers = {name.partition(".<locals>")[0] for name in self._changed if ".<locals>." in name}
        changes = list(self._derived.compiler.changes.values())
        found = {name for change in changes for name in (*_lambdas(change), *self._generic(change))}
        size = -1
        while len(found) > size and (makers or found or self._changed):
            size = len(found)
            changed = {name for name in self._changed if "<" not in name} | found
            words = {name.rpartition(":")[2].rpartition(".")[2] for name in changed | makers}
            words = self._derived.mentions.under(words)
            for module in self._derived.compiler.new.modules.values():
                if module.source is None or words.isdisjoint(self._derived.mentions.of(module)):
                    continue
                body, run = module.body, self._derived.run_of(module)
                for statement in body.statements if body is not None else ():
                    if id(statement) not in run and self._holds(statement, module, changed, makers):
                        names = (n for n in statement.names if body is not None and body.last(n) is statement)
                        found |= {f"{module.name}:{name}" for name in names}
        return found

    def _generic(self, change: ModuleChange) -> Iterator[str]:
        """The generic functions of which an implementation changes (`@show.register`)."""
        lines = {change.new.procedures[name].co_firstlineno for name in change.changed}
        body = change.new.body
        for statement in body.statements if body is not None else ():
            decorators: list[ast.expr] = getattr(statement.node, "decorator_list", [])
            if statement.kind != "def" or not decorators or decorators[0].lineno not in lines:
                continue
            for decorator in decorators:
                function = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(function, ast.Attribute) and function.attr == "register":
                    place = self._derived.new.path(change.new, function.value)
                    if place is not None:
                        yield f"{place[0]}:{'.'.join(place[1])}"

    def _holds(self, statement: Statement, module: Module, changed: set[str], makers: set[str]) -> bool:
        """Whether what a statement makes is made by one of the ``makers``, or holds something that has ``changed`` without calling it."""
        made: list[ast.expr] = []
        held: list[ast.expr] = []
        if statement.kind == "def":
            decorators: list[ast.expr] = getattr(statement.node, "decorator_list", [])
            made = [d.func if isinstance(d, ast.Call) else d for d in decorators]
        elif statement.kind == "assign":
            parts = [part for part in evaluated(statement.node) if isinstance(part, ast.expr)]
            made = [part.func for part in parts if isinstance(part, ast.Call)]
            called = set(map(id, made))
            held = [p for p in parts if isinstance(p, ast.Name | ast.Attribute) and id(p) not in called]

        def named(nodes: list[ast.expr]) -> set[str]:
            places = (self._derived.new.path(module, node) for node in nodes)
            return {f"{place[0]}:{'.'.join(place[1])}" for place in places if place is not None}

        return not (named(made).isdisjoint(makers) and named(held).isdisjoint(changed))

    @cached_property
    def _objects(self) -> Objects:
        return Objects(self._derived, self._changed | self._derived.procedures)

    def made_from_moved(self) -> Iterator[tuple[Module, Statement, str]]:
        """The statements of modules that have a procedure or class of the program make data, are not run again, and of which that one reads what has moved. And its name there."""
        readers = {name.removesuffix(".__init__") for name in self._derived.procedures - self._changed}
        words = {name.rpartition(":")[2].rpartition(".")[2] for name in readers}
        for module, statement, hidden in self.not_run(words) if readers else ():
            value = getattr(statement.node, "value", None)
            if statement.kind != "assign" or not isinstance(value, ast.Call) or root(value.func) in hidden:
                continue
            place = self._derived.new.path(module, value.func)
            if place is not None and f"{place[0]}:{'.'.join(place[1])}" in readers and not is_script(module):
                yield module, statement, ast.unparse(value.func)


def _lambdas(change: ModuleChange) -> Iterator[str]:
    """The names that hold a lambda of the module's own that changes: `f = lambda: 1`, a table of them, and `box.get` of `box = Box(get=lambda: 1)`."""
    lines = {change.new.procedures[n].co_firstlineno for n in change.changed if n.startswith("<lambda>")}
    body = change.new.body if lines else None
    for statement in body.statements if body is not None else ():
        node = statement.node
        value = getattr(node, "value", None)
        held = [("", value)] + [(f".{k.arg}", k.value) for k in getattr(value, "keywords", ()) if k.arg]
        if isinstance(value, ast.Dict | ast.List | ast.Tuple):
            held += [("", part) for part in everything_in(value)]
        for attribute, made in held if statement.kind == "assign" else ():
            if isinstance(made, ast.Lambda) and made.lineno in lines:
                yield from (f"{change.new.name}:{name}{attribute}" for name in statement.names)


def _table(node: ast.expr) -> ast.expr:
    """The table of which something calls an entry (``OPERATIONS["add"]``); else what it calls."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node


def _calls(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Call) for part in everything_in(node))
