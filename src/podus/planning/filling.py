"""Data that several top-level statements make: the one that assigns it, and those that go on with it.

``parser = ArgumentParser()`` is followed by ``parser.add_argument(…)``, ``TABLE = {}`` by ``TABLE["a"] = f`` and loops that fill it. A
statement that differs runs on what the data has become, so what its old version did to it stays. To make the data again is to run
its assignment *and* all that goes on with it, in order; where such a statement acts on other data as well, that has to be made again too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from podus.program.body import Body, Statement
from podus.program.changes import BodyChange
from podus.program.head import outside_procedures
from podus.program.nodes import everything_in

_DEFINITIONS = ("def", "class")
_COMPOUND = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Match)
# Functions that leave nothing behind.
_SAYING = ("print", "warnings.warn", "warn")
# How functions are called that replace what they have set before.
_SETTING = ("set", "basicconfig", "dictconfig", "seed", "configure", "init")


class Fillings:
    """What goes on with the data of one module, in its new version."""

    def __init__(self, change: BodyChange, module: str) -> None:
        self.change = change
        self.module = module
        body = change.new
        self.assigned = _assigned(body)
        self.statements = [s for s in body.statements if s.kind not in ("import", "docstring", "main")]

    def with_all(self, names: Iterable[str]) -> set[str]:
        """The data that has to be made again with the data ``names``, these included."""
        wanted = {name for name in names if name in self.assigned}
        while True:
            found = set(wanted)
            for statement in self.again(wanted):
                if statement.kind in _DEFINITIONS:
                    continue
                found |= acted_on(statement.node) & self._made
                if statement.names and not statement.pure:
                    found |= {*statement.names} & self.assigned
            if found == wanted:
                return wanted
            wanted = found

    def option(self, names: Iterable[str]) -> str:
        """How a person says that the data ``names`` is to be made again."""
        wanted = sorted({*names, *self.with_all(names)})
        return " ".join(f"--reset {self.module}:{name}" for name in wanted)

    def options(self, statements: list[Statement]) -> dict[str, str]:
        """For statements that go on with data that is there: how it would be made again, by their first and last line (``8-12``)."""
        anew = {name for s in statements if s.kind == "assign" for name in s.names}
        found: dict[str, str] = {}
        for statement in statements:
            kept = acted_on(statement.node) & self.assigned & {*self.change.previous} - anew
            if kept and statement.kind not in _DEFINITIONS:
                found[f"{statement.line}-{statement.node.end_lineno}"] = self.option(kept)
        return found

    def again(self, names: Iterable[str]) -> list[Statement]:
        """The statements that run when the data ``names`` is made again, in order."""
        made = set(names)
        return [s for s in self.statements if made & {*s.names} or made & _read(s)]

    @cached_property
    def names(self) -> set[str]:
        """The data (``module:name``) that a statement that runs goes on with, or one that is gone did."""
        acting = [s.node for s in (*self.change.run, *self.change.gone) if s.kind not in _DEFINITIONS]
        found = {name for node in acting for name in acted_on(node)} & self.assigned
        return {f"{self.module}:{name}" for name in self.with_all(found)}

    @cached_property
    def _made(self) -> set[str]:
        """The data whose value a statement could change in place."""
        found: set[str] = set()
        for statement in self.change.new.statements:
            if statement.kind == "assign" and not _is_fixed(getattr(statement.node, "value", None)):
                found |= {*statement.names}
        return found

    @cached_property
    def outdated(self) -> dict[str, Statement]:
        """The data that is kept, though a statement that went on with it differs or is gone; and that old statement."""
        body = self.change.new
        anew = {name for s in self.change.run if s.kind == "assign" for name in s.names}
        written = {target for s in body.statements for target in _targets(s.node)}
        found: dict[str, Statement] = {}
        for statement in self.change.gone:
            targets = _targets(statement.node)
            # Assigned to again by the new version: nothing of the old value is left.
            replaced = isinstance(statement.node, ast.Assign) and bool(targets) and targets <= written
            goes_on = isinstance(statement.node, ast.AugAssign)
            bound = statement.kind == "assign" and statement.names
            if bound or statement.kind not in ("other", "assign") or replaced:
                continue
            # What can't be changed in place is bound anew by `+=`.
            names = self.assigned & (set(statement.names) if goes_on else self._made)
            for name in sorted(acted_on(statement.node) & names - anew):
                before = self.change.previous.get(name)
                if before is not None and (before.kind == "assign" or goes_on):
                    found.setdefault(name, statement)
        return found

    @cached_property
    def left_behind(self) -> list[Statement]:
        """The old statements that called something for its effect, or assigned to what is not the module's, and have nothing in their place."""
        body = self.change.new
        calls = {ast.unparse(c.func) for s in self.change.run if (c := _call(s.node)) is not None}
        written = {target for s in body.statements for target in _targets(s.node)}
        own = self.assigned | {n for s in body.statements if s.kind in _DEFINITIONS for n in s.names}
        asked = set(map(id, self.outdated.values()))
        before = self.change.previous
        shown = {n for n in self.change.removed if n in before and before[n].kind != "import"}
        found = []
        for statement in self.change.gone:
            if (
                statement.kind == "main"
                or id(statement) in asked
                or not (statement.reads - {*statement.names}).isdisjoint(shown)
            ):
                # What it showed somebody is gone, and goes from there.
                continue
            if acted_on(statement.node) & self.assigned:
                # The data is made again.
                continue
            if _acts_elsewhere(statement.node, own, calls, written) or any(
                _acts_elsewhere(part, own, set(), set())
                for part in (
                    outside_procedures(statement.node) if isinstance(statement.node, _COMPOUND) else ()
                )
            ):
                found.append(statement)
        return found

    @cached_property
    def reordered(self) -> list[tuple[Statement, Statement]]:
        """Assignments that don't run again although they stand on the other side now of a statement that changes what they read; each with that one."""
        change = self.change
        again = set(map(id, change.run))
        was = {s.head: n for n, s in enumerate(change.old.statements)}
        kept = [s for s in change.new.statements if s.kind in ("assign", "other") and s.head in was]
        places = [was[s.head] for s in kept]
        if places == sorted(places):
            return []
        found = []
        for reader in (s for s in kept if s.kind == "assign" and id(s) not in again):
            for other in kept:
                swapped = (other.line < reader.line) != (was[other.head] < was[reader.head])
                if swapped and other is not reader and acted_on(other.node) & reader.reads:
                    found.append((reader, other))
                    break
        return found

    def run_again(self, names: Iterable[str]) -> None:
        """Have the update make the data ``names`` again with all that goes on with it."""
        change = self.change
        change.run_too(self.again(names))
        # A class whose whole statement runs is not changed piece by piece.
        whole = {s.names[-1] for s in change.run if s.kind == "class"}
        change.classes = [c for c in change.classes if c.owners[-1] not in whole]


def _acts_elsewhere(node: ast.AST, own: set[str], calls: set[str], written: set[str]) -> bool:
    """Whether a statement by itself acts on what is not the module's ``own``, and none of the ``calls`` and ``written`` targets does so in its place."""
    call = _call(node)
    if call is not None:
        function = ast.unparse(call.func)
        in_place = function in calls and function.rpartition(".")[2].lower().startswith(_SETTING)
        return not in_place and function not in _SAYING
    if isinstance(node, ast.AugAssign) and not isinstance(node.target, ast.Name):
        targets = {ast.unparse(node.target)}
    else:
        targets = _targets(node) - written
    return bool({target.partition("[")[0].partition(".")[0] for target in targets} - own)


def _call(node: ast.AST) -> ast.Call | None:
    return node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None


def acted_on(node: ast.stmt) -> set[str]:
    """The names of the data that a statement may change in place: what it calls a method of, assigns into or hands to a function."""
    found: set[str] = set()
    for part in outside_procedures(node):
        if isinstance(part, ast.Expr) and isinstance(part.value, ast.Call):
            function = part.value.func
            if isinstance(function, ast.Name):
                given = [*part.value.args, *(keyword.value for keyword in part.value.keywords)]
                found |= {value.id for value in given if isinstance(value, ast.Name)}
            found |= {_root(function)} if not isinstance(function, ast.Name) else set()
        elif isinstance(part, ast.AugAssign):
            found.add(_root(part.target))
        elif isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store | ast.Del):
            found.add(_root(part))
    return found - {""}


def _assigned(body: Body) -> set[str]:
    """The names that assignments bind, and nothing else but loops that go on with them."""
    others = {name for s in body.statements if s.kind in (*_DEFINITIONS, "import") for name in s.names}
    return {name for s in body.statements if s.kind == "assign" for name in s.names} - others


def _read(statement: Statement) -> set[str]:
    """The names of which a statement holds something when it has run, or that it goes on with."""
    if statement.kind not in _DEFINITIONS:
        return {*statement.reads}
    decorators: list[ast.expr] = getattr(statement.node, "decorator_list", [])
    return {part.id for d in decorators for part in everything_in(d) if isinstance(part, ast.Name)}


def _targets(node: ast.AST) -> set[str]:
    """What an assignment into something assigns to, as it is written."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {ast.unparse(t) for t in targets if isinstance(t, ast.Subscript | ast.Attribute)}


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_fixed(value: ast.expr | None) -> bool:
    """Whether a value can't be changed in place, as far as its text tells."""
    return isinstance(
        value, ast.Constant | ast.JoinedStr | ast.Compare | ast.UnaryOp | ast.Lambda | ast.Tuple
    )
