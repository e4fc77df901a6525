"""Tables of a module that decorators fill: what a statement makes of one (``NAMES = sorted(COMMANDS)``) follows where definitions come into it.

Where some go, they are in the table until all has switched: such a statement is not run again, and the plan says so.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.program.bindings import bound_in
from podus.program.body import Statement
from podus.program.nodes import everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.derived import Derived
    from podus.planning.meanings import Meanings, Name

_PUTS = frozenset({"append", "add", "insert", "appendleft", "setdefault", "update"})


class Registries:
    """Those into which definitions come by an update, and those from which some go."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        self.grown: set[Name] = set()
        self.shrunk: set[Name] = set()

    def find(self) -> None:
        """Look at the decorated definitions that run, and at those that are gone or are registered otherwise."""
        for change in self._derived.compiler.changes.values():
            if change.body is None:
                continue
            for statement in change.body.run:
                before = change.body.previous.get(statement.names[-1]) if statement.names else None
                if before is None:
                    self.grown |= set(_filled(self._derived.new, change.new, statement))
                elif _decorators(before) != _decorators(statement):
                    self.shrunk |= set(_filled(self._derived.old, change.old, before))
            names = {s.names[-1] for s in change.body.run if s.names}
            for statement in change.body.gone:
                if statement.names and statement.names[-1] not in names:
                    self.shrunk |= set(_filled(self._derived.old, change.old, statement))
        self.grown -= self.shrunk

    def words(self) -> set[str]:
        """The names of those that have grown."""
        return {name for _, name in self.grown}

    def reads_grown(self, statement: Statement, module: Module) -> bool:
        """Whether an assignment reads one that has grown."""
        return statement.kind == "assign" and bool(self._read(statement, module) & self.grown)

    def left(self) -> Iterator[tuple[Module, Statement, str]]:
        """The assignments that read one from which definitions go, and its name; they are not run again."""
        words = {name for _, name in self.shrunk}
        for module in self._derived.compiler.new.modules.values() if words else ():
            if words.isdisjoint(self._derived.mentions.of(module)) or module.body is None:
                continue
            run = self._derived.run_of(module)
            for statement in module.body.statements:
                if statement.kind == "assign" and id(statement) not in run:
                    for _, name in sorted(self._read(statement, module) & self.shrunk):
                        yield module, statement, name

    def _read(self, statement: Statement, module: Module) -> set[Name]:
        value = getattr(statement.node, "value", None)
        if value is None or isinstance(value, ast.Name):
            # Another name for it.
            return set()
        found: set[Name] = set()
        for part in everything_in(value):
            if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Load):
                place = self._derived.new.path(module, part)
                if place is not None and len(place[1]) == 1:
                    found.add((place[0], place[1][0]))
        return found


def _decorators(statement: Statement) -> list[str]:
    return [ast.dump(decorator) for decorator in getattr(statement.node, "decorator_list", ())]


def _filled(meanings: Meanings, module: Module, statement: Statement) -> Iterator[Name]:
    """The tables that the decorators of a definition put it into, as far as they are procedures of the program that name them."""
    for decorator in getattr(statement.node, "decorator_list", ()):
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        place = meanings.top(module, function)
        if place is None or not isinstance(place[1].node, ast.FunctionDef):
            continue
        home, node = place[0], place[1].node
        own = bound_in(node) | {part.arg for part in everything_in(node) if isinstance(part, ast.arg)}
        for word in {word for part in everything_in(node) if (word := _put_into(part))} - own:
            yield home.name, word


def _put_into(node: ast.AST) -> str:
    """The name of a table that is put into: ``TABLE[key] = …``, ``TABLE.append(…)``, ``TABLE.setdefault(key, []).append(…)``."""
    target: ast.AST | None = None
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        target = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PUTS:
        target = node.func.value
    return target.id if isinstance(target, ast.Name) else ""
