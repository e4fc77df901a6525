"""Whether a statement that did not change would give another result now, and whether running it again has another effect than that.

What it reads has another value: data, a procedure that it calls, a class of another shape, a name that an import brings from elsewhere.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from podus.planning.looking import lists_names
from podus.planning.meanings import Meanings, Name, Named
from podus.planning.reading import (
    defaults,
    evaluated,
    in_annotations,
    is_definition,
    listed,
    read_in_loops,
    reads,
    targets,
)
from podus.planning.shapes import shapes
from podus.program.bindings import root
from podus.program.body import Statement, asks_for_version, is_pure
from podus.program.changes import imports
from podus.program.constant import Computation
from podus.program.flow import absolute
from podus.program.nodes import asked_for, everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.decorators import Decorators
    from podus.planning.registries import Registries


class Following:
    """What has another value so far, and the questions whether a statement goes by it. See :class:`~podus.planning.derived.Derived`."""

    decorators: Decorators
    registries: Registries

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.old = Meanings(compiler.old)
        self.new = Meanings(compiler.new)
        # Data that takes another value, of classes as `Class.name`, and procedures that return one.
        self.moved: set[Name] = set()
        # Names that modules get: who asks whether there is one gets another answer.
        self.come: set[Name] = set()
        # Of the data those that assignments make: type aliases among them, which annotations name.
        self.assigned: set[Name] = set()
        # Names that imports bring another definition for, beside which the old one is still where it was.
        self.reimported: set[Name] = set()
        self.procedures: set[str] = set()
        # Classes whose members or fields are others now.
        self.reshaped: set[Name] = set()
        # Modules whose names, or what they stand for, are others now.
        self.regrown: set[str] = set()

    def _asks_for_installed(self, statement: Statement, module: Module) -> bool:
        """Whether a statement asks what release is installed: files of a package that have changed say that it is another."""
        return any(
            asks_for_version(part) and self.new.library(module, part.func) == "importlib.metadata.version"
            for part in evaluated(statement.node)
            if isinstance(part, ast.Call)
        )

    def computed(self, statement: Statement, module: Module, *, old: bool = False) -> Computation | None:
        """How the value of an assignment is worked out where that takes a closer look: calls of the program's procedures, comprehensions.

        None if it has another effect but that objects are made.
        """
        value = getattr(statement.node, "value", None)
        if statement.kind != "assign" or value is None or statement.pure:
            return None
        meanings = self.old if old else self.new
        found = Computation(Named(meanings, module), making=True).take(value)
        return found if found.only else None

    def is_pure(self, value: ast.expr, module: Module, *, old: bool = False) -> bool:
        """Whether an expression of a module can be computed again without an effect but that objects are made."""
        meanings = self.old if old else self.new
        return is_pure(value) or Computation(Named(meanings, module), making=True).take(value).only

    def is_looked_into(self, name: str, module: Module) -> bool:
        """Whether what is called by a name in an old module is the program's own, and has been seen to have no effect."""
        called = ast.Call(ast.Name(name, ast.Load()), [], [])
        found = Computation(Named(self.old, module), making=True).take(called)
        return found.only and bool(found.calls)

    def computes(self, function: ast.expr, module: Module) -> bool:
        """Whether what is called in a module is a procedure of the program, the same as before, that does nothing but compute a value."""
        found = Computation(Named(self.new, module)).take(ast.Call(function, [], []))
        return found.only and bool(found.calls) and self.procedures.isdisjoint(found.calls)

    def follows(self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]) -> bool:
        """Whether a statement reads something that has moved."""
        own = statement.reads.intersection(statement.names)
        if isinstance(statement.node, ast.For):
            # What it goes through is bound anew each time.
            own -= {n.id for n in everything_in(statement.node.target) if isinstance(n, ast.Name)}
        if any((module.name, n) not in self.moved for n in own):
            # It goes on from what it has bound itself, or from what is imported.
            source = self.new.source_of(module, statement)
            return source is not None and source[2] in self.moved
        if any((module.name, n) in self.moved and n not in hidden for n in statement.reads):
            return True
        if not hidden and self.registries.reads_grown(statement, module):
            return True
        if any(self.moves(node, module, hidden) for node in reads(statement.node)):
            return True
        if any(self.moves(node, module, hidden) for node in read_in_loops(statement.node, listed(module))):
            return True
        if not hidden and self._finds_another(statement.node, module):
            return True
        if self.reshaped and any(self._other_shape(n, module, hidden) for n in shapes(statement.node)):
            return True
        if self.decorators.dressed(statement, module, hidden):
            return True
        if not hidden and module.name in self.regrown and lists_names(statement):
            return True
        if statement.kind in ("assign", "other") and self._asks_for_installed(statement, module):
            return True
        if statement.kind == "def":
            said = statement.words[0] - hidden
            assigned = {
                n
                for n in said
                # (What assigns it here may only be what an import falls back to.)
                if self.new.of_word(module, n) in self.assigned
                or (module.name, n) in self.assigned
                or (module.name, n) in self.reimported
            }
            if assigned and not assigned.isdisjoint(in_annotations(statement.node)):
                return True
        computed = self.computed(statement, module)
        if computed is not None:
            # Objects last, and get what their constructor does otherwise as all others do.
            called = {name for name in computed.calls if not name.endswith(".__init__")}
            return not self.procedures.isdisjoint(called)
        return any(self.gives_another(default, module) for default in defaults(statement.node))

    def _finds_another(self, node: ast.stmt, module: Module) -> bool:
        """Whether a statement asks for a name that has come: ``getattr(settings, "LIMIT", 10)``, or in a ``try``, where it may have been missing."""
        asked: list[ast.expr] = [found for part in evaluated(node) if (found := asked_for(part)) is not None]
        if isinstance(node, ast.Try):
            asked += [part for piece in node.body for part in reads(piece)]
            imported = [part for part in node.body if isinstance(part, ast.ImportFrom)]
            for part in imported:
                home = absolute(module.name, module.package, part.level, part.module or "")
                if any((home, alias.name) in self.come | self.moved for alias in part.names):
                    return True
        places = (self.new.path(module, part) for part in asked)
        return any(place is not None and (place[0], place[1][0]) in self.come for place in places)

    def gives_another(self, default: ast.expr, module: Module) -> bool:
        """Whether a default is computed by a procedure that returns something else now, without another effect."""
        if not self.procedures or not any(isinstance(part, ast.Call) for part in everything_in(default)):
            return False
        found = Computation(Named(self.new, module)).take(default)
        return found.only and not self.procedures.isdisjoint(found.calls)

    def moves(self, node: ast.expr, module: Module, hidden: frozenset[str] | set[str]) -> bool:
        """Whether a name, or an attribute of one, has another value now; ``hidden`` are no names of the module."""
        if root(node) in hidden:
            return False
        trail: list[Name] = []
        origin = self.new.origin(module, node, trail)
        # A module on the way may import it from elsewhere now.
        if not self.moved.isdisjoint(trail):
            return True
        return origin is not None and origin[0] in self.compiler.new.modules and self._has_moved(origin)

    def _other_shape(self, node: ast.expr, module: Module, hidden: frozenset[str] | set[str]) -> bool:
        """Whether an expression names a class that has other members or fields now."""
        place = None if root(node) in hidden else self.new.path(module, node)
        return place is not None and (place[0], ".".join(place[1])) in self.reshaped

    def _has_moved(self, place: tuple[str, list[str]]) -> bool:
        """Whether a name of a module, or an attribute of one of its classes, has another value now."""
        home, words = place
        if (home, words[0]) in self.moved:
            return True
        return not self.moved.isdisjoint(self.new.attributes(home, words))

    def _fit(self, statement: Statement, module: Module) -> bool:
        """Whether running it again has no effect but on the names that it binds."""
        if statement.kind == "assign":
            if any(not isinstance(n, ast.Name) for n in targets(statement.node)):
                return False
            return statement.pure or self.computed(statement, module) is not None
        if isinstance(statement.node, ast.Try | ast.With):
            return self._only_tries(statement.node, module)
        # What is decorated otherwise now is defined again, as if its decorator were written otherwise.
        return statement.kind == "def" or is_definition(statement.node)

    def _only_tries(self, node: ast.Try | ast.With, module: Module) -> bool:
        """Whether a `try`, or a `with suppress(…)`, does no more than import names and compute values: `try: __version__ = version("shop")`, `except …: __version__ = ""`."""
        if isinstance(node, ast.Try):
            inner = [*node.body, *node.orelse, *node.finalbody]
            inner += [part for handler in node.handlers for part in handler.body]
        else:
            inner = node.body
            if not all(self._suppresses(item.context_expr, module) for item in node.items):
                return False
        for part in inner:
            if isinstance(part, ast.Pass) or imports(part) or is_definition(part):
                continue
            if not (isinstance(part, ast.Assign) and all(isinstance(t, ast.Name) for t in part.targets)):
                return False
            if not Computation(Named(self.new, module)).take(part.value).only:
                return False
        return True

    def _suppresses(self, node: ast.expr, module: Module) -> bool:
        return isinstance(node, ast.Call) and self.new.library(module, node.func) == "contextlib.suppress"
