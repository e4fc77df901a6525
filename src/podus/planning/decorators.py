"""Decorators that do otherwise now when they decorate, because they changed or what they read did, and the definitions that they are applied to again.

What one of them does, and whether it can be done once more, is read in :mod:`podus.planning.dressing`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.planning.dressing import differs, how_it_dresses, read_to_dress
from podus.planning.meanings import Name
from podus.program.bindings import root
from podus.program.body import Statement
from podus.program.changes import ModuleChange
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.derived import Derived


class Decorators:
    """Finds them, for :class:`~podus.planning.derived.Derived`, whose changes they follow."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        # Those that do other things when they decorate, and whether they are called to: those that can do so again, and the others.
        self._dressing: set[tuple[Name, bool]] = set()
        self._undressed: set[tuple[Name, bool]] = set()
        # Methods that do other things when they decorate (`@app.route("/")`), by their names alone, and whether they are called to.
        self._methods: set[tuple[str, bool]] = set()
        # Of the first those that put what they decorate into tables.
        self._registering: set[tuple[Name, bool]] = set()

    def names(self) -> set[Name]:
        """Those that decorate again."""
        return {name for name, _ in self._dressing}

    def mark(self, change: ModuleChange) -> None:
        """Note those of a module."""
        for statement in change.body.run if change.body is not None else ():
            before = (
                change.body.previous.get(statement.names[-1]) if statement.names and change.body else None
            )
            if before is not None and {before.kind, statement.kind} == {"def", "class"}:
                # What it makes of a definition is another kind of thing.
                kind = change.new.name, statement.names[-1]
                self._undressed |= {(kind, False), (kind, True)}
        for name in change.changed:
            last = name.rpartition(".")[2]
            if name.count(".") > 1 or not self._derived.mentions.anywhere(last):
                continue
            for called in (False, True):
                if not differs(name, change.old, change.new, called=called):
                    continue
                if last == name:
                    self._mark(name, change.old, change.new, called=called)
                elif not last.startswith("__"):
                    self._methods.add((last, called))

    def _mark(self, name: str, old: Module, new: Module, *, called: bool) -> None:
        """Note a decorator that does other things when it decorates."""
        row = (new.name, name), called
        sides = (old, self._derived.old), (new, self._derived.new)
        ways = {how_it_dresses(name, *side, called=called) for side in sides}
        (self._undressed if "" in ways else self._dressing).add(row)
        if "registers" in ways and "" not in ways:
            self._registering.add(row)

    def mark_readers(self) -> None:
        """Note the decorators that read, when they decorate, data that has moved, or call what may return something else now."""
        words = self._derived.mentions.aliases(
            {name.rpartition(".")[2] for _, name in self._derived.moved}
            | {name.partition(":")[2].rpartition(".")[2] for name in self._derived.procedures}
        )
        for module in self._derived.compiler.new.modules.values() if words else ():
            before = self._derived.compiler.old.modules.get(module.name)
            readers = {
                name.partition(".<locals>.")[0]: None
                for name, code in module.procedures.items()
                if not words.isdisjoint(code.co_names)
            }
            for name in readers if before is not None and before.source is not None else ():
                assert before is not None
                if "." in name or not self._derived.mentions.anywhere(name):
                    continue
                for called in (False, True):
                    row = (module.name, name), called
                    if row not in self._dressing | self._undressed and any(
                        self._derived.moves(part, module, frozenset()) or self._calls_changed(part, module)
                        for part in read_to_dress(name, module, called=called)
                    ):
                        self._mark(name, before, module, called=called)

    def _calls_changed(self, function: ast.expr, module: Module) -> bool:
        home, words = self._derived.new.path(module, function) or ("", [])
        return f"{home}:{'.'.join(words)}" in self._derived.procedures

    def registers_again(self, statement: Statement, module: Module) -> bool:
        """Whether a decorator of a definition puts it into a table, and does so otherwise now."""
        return bool(self._registering) and not self._registering.isdisjoint(
            self._of(statement, module, frozenset())
        )

    def dressed(self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]) -> bool:
        """Whether a decorator of a definition dresses it otherwise now, and can do so again."""
        return bool(self._dressing) and not self._dressing.isdisjoint(self._of(statement, module, hidden))

    def _of(
        self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]
    ) -> Iterator[tuple[Name, bool]]:
        """The decorators of a definition, and whether they are called to decorate."""
        for decorator in getattr(statement.node, "decorator_list", ()):
            called = isinstance(decorator, ast.Call)
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            place = None if root(function) in hidden else self._derived.new.path(module, function)
            if place is not None:
                yield (place[0], ".".join(place[1])), called

    def _by_methods(self, statement: Statement, module: Module) -> Iterator[str]:
        """The decorators of a definition that are methods of the program's objects, and do otherwise now."""
        for decorator in getattr(statement.node, "decorator_list", ()):
            called = isinstance(decorator, ast.Call)
            function = decorator.func if isinstance(decorator, ast.Call) else decorator
            if isinstance(function, ast.Attribute) and (function.attr, called) in self._methods:
                home, words = self._derived.new.path(module, function.value) or ("", [])
                if words and not self._derived.new.library(module, function.value) and home:
                    yield ast.unparse(function)

    def not_decorated_again(self) -> Iterator[tuple[Module, Statement, str]]:
        """The definitions that are not run again though their decorator, which may do more than dress them, would do otherwise now; and its name."""
        words = self._derived.mentions.under({name for (_, name), _ in self._undressed})
        words |= {name for name, _ in self._methods}
        compiler = self._derived.compiler
        for module in compiler.new.modules.values():
            if module.name not in compiler.old.modules or not words & self._derived.mentions.of(module):
                continue
            run = self._derived.run_of(module)
            todo = [] if module.body is None else [module.body]
            while todo:
                body = todo.pop()
                for statement in body.statements:
                    if id(statement) in run:
                        continue
                    hidden = body.binds() if body.owners else frozenset[str]()
                    found = self._undressed.intersection(self._of(statement, module, hidden))
                    for (_, decorator), _ in sorted(found):
                        yield module, statement, decorator
                    for decorator in self._by_methods(statement, module):
                        yield module, statement, decorator
                    todo += [] if statement.body is None else [statement.body]
