"""Data that a body makes step by step: ``WORD = "a"``, ``WORD += "|b"``, ``WORD = f"({WORD})"``, or ``TABLE = {}``, ``TABLE["a"] = 1``.

No statement alone says what such data is, so none is looked at alone: whether the program has modified the data is told by what all the
old steps give, and the new ones run together, in their order. So does what was read between two steps (``HEAD = WORD`` before the last one).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from podus.planning.filling import acted_on
from podus.program.body import Body, Statement
from podus.program.changes import BodyChange, ModuleChange, follow_on

if TYPE_CHECKING:
    from podus.planning.toplevel import TopLevel

# Methods that put something into a container, or take it out.
FILLING = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "remove", "discard", "pop", "sort"}
)
# Builtins that make something new of what they are given, whatever it is.
_MAKING = frozenset({"list", "dict", "set", "bytearray", "sorted"})
_KINDS = ("def", "class", "import", "docstring", "main")

Pure = Callable[[ast.expr], bool]


class Stepwise:
    """Has the data of changed bodies made again with all its steps, where the program has not modified it."""

    def __init__(self, toplevel: TopLevel) -> None:
        self._toplevel = toplevel
        self._compiler = toplevel.compiler

    def add(self, change: ModuleChange) -> set[str]:
        """Add to what runs the other steps of what differs; returns the data (``module:name``) that is made again so."""
        found: set[str] = set()
        todo = [change.body] if change.body is not None else []
        while todo:
            body = todo.pop()
            todo += body.classes
            if body.run or body.gone:
                found |= self._body(change, body)
        return found

    def _body(self, change: ModuleChange, body: BodyChange) -> set[str]:
        steps = self._steps(change, body)
        prefix = f"{change.new.name}:" + "".join(f"{owner}." for owner in body.owners)
        differing = [s for s in (*body.run, *body.gone) if s.kind in ("assign", "other")]
        again: set[str] = set()
        chosen: list[Statement] = []
        for name in sorted({n for s in differing for n in made_by(s)}):
            found = steps.of(name) if name not in again else None
            if found is None or any(self._toplevel.support.maps(prefix + n) for n in found[0]):
                continue
            names, old, new = found
            if len(new) > len(old) and all(a.head == b.head for a, b in zip(old, new, strict=False)):
                # They only go on: with the very object that is there, whatever has become of it.
                continue
            asked = [n for n in names if prefix + n not in self._toplevel.reset]
            row = self._row(change, body, names, old)
            rows = {n: row | {"rebound": self._compiler.rebinds(n)} for n in asked}
            if set(self._toplevel.ask(change, body, rows).values()) <= {"same"}:
                again |= names
                chosen += new
        body.run_too(chosen)
        if chosen:
            follow_on(body)
        return {prefix + name for name in again}

    def row(
        self, change: ModuleChange, body: BodyChange, name: str, last: Statement
    ) -> dict[str, Any] | None:
        """What the pup is asked to run to tell whether data is as its old steps made it; empty if they can't run again.

        None where ``last``, the old statement that bound it last, says by itself what it was then.
        """
        steps = self._steps(change, body)
        found = steps.of(name)
        if found is not None:
            return self._row(change, body, found[0], found[1])
        return None if steps.is_alone(last) else {}

    def _row(
        self, change: ModuleChange, body: BodyChange, names: set[str], old: list[Statement]
    ) -> dict[str, Any]:
        calls = {call for s in old for call in s.calls} - names
        calls -= {c for c in calls if self._compiler.derived.is_looked_into(c, change.old)}
        code = self._toplevel.code_of(change, body, old)
        return {"code": code, "calls": sorted(calls), "dependent": any(s.dependent for s in old)}

    def _steps(self, change: ModuleChange, body: BodyChange) -> Steps:
        derived = self._compiler.derived
        return Steps(
            body.old,
            body.new,
            (lambda e: derived.is_pure(e, change.old, old=True), lambda e: derived.is_pure(e, change.new)),
        )


class Steps:
    """The steps that make the data of one namespace in the old and in the new version.

    ``pure`` says of an expression of either version whether it can be computed again without an effect.
    """

    def __init__(self, old: Body, new: Body, pure: tuple[Pure, Pure]) -> None:
        self._sides = (_Side(old, pure[0]), _Side(new, pure[1]))

    def of(self, name: str) -> tuple[set[str], list[Statement], list[Statement]] | None:
        """The data that is made together with ``name``, this included, and the steps that make it in the old and in the new version.

        None if one statement alone makes it, or only one version has it, or if a step may have another effect.
        """
        names = {name}
        while True:
            found = [side.steps(names) for side in self._sides]
            more = {n for side, steps in zip(self._sides, found, strict=True) for n in side.with_all(steps)}
            if more <= names:
                break
            names |= more
        if all(len(steps) < 2 for steps in found) or not all(found):
            return None
        if any(side.defined & names for side in self._sides):
            return None
        plain = all(side.are_plain(steps, names) for side, steps in zip(self._sides, found, strict=True))
        return (names, found[0], found[1]) if plain else None

    def is_alone(self, statement: Statement) -> bool:
        """Whether a statement of the old version reads nothing that it or a later one makes anew."""
        side = self._sides[0]
        return not statement.reads & {*statement.names} and side.with_all([statement]) <= made_by(statement)


class _Side:
    """The steps of one version."""

    def __init__(self, body: Body, pure: Pure) -> None:
        self._pure = pure
        taken_away = {n for s in body.statements for n in _deleted(s.node)}
        passing = [s for s in body.statements if s.kind == "import" and taken_away.issuperset(s.names)]
        others = {id(s) for s in body.statements if s.kind in _KINDS} - set(map(id, passing))
        self._statements = [s for s in body.statements if id(s) not in others]
        self.defined = {n for s in body.statements if id(s) in others for n in s.names}
        self._makes = {id(s): made_by(s) for s in self._statements}
        # Where each name is made for the last time, and how often.
        self._last: dict[str, int] = {}
        self._count: dict[str, int] = {}
        for number, statement in enumerate(self._statements):
            for name in self._makes[id(statement)]:
                self._last[name] = number
                self._count[name] = self._count.get(name, 0) + 1
        self._number = {id(s): n for n, s in enumerate(self._statements)}

    def steps(self, names: set[str]) -> list[Statement]:
        return [s for s in self._statements if names & self._makes[id(s)]]

    def with_all(self, steps: Iterable[Statement]) -> set[str]:
        """The data that some steps make, and what they read that is not yet, or no more, what it is in the end."""
        found: set[str] = set()
        for step in steps:
            number = self._number[id(step)]
            found |= self._makes[id(step)]
            found |= {n for n in step.reads if self._last.get(n, -1) > number}
        return found

    def are_plain(self, steps: Iterable[Statement], names: set[str]) -> bool:
        """Whether the steps do nothing but make the data ``names``, and change in place only what they have made themselves."""
        fresh: set[str] = set()
        return all(self._is_plain(step.node, names, fresh) for step in steps)

    def _is_plain(self, node: ast.stmt, names: set[str], fresh: set[str]) -> bool:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            if node.value is None:
                return True
            if not self._pure(node.value):
                return False
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return all(self._takes(target, node.value, fresh) for target in targets)
        if isinstance(node, ast.AugAssign):
            own = isinstance(node.target, ast.Name) and node.target.id in fresh
            return own and self._pure(node.value)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call, function = node.value, node.value.func
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            return (
                isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Name)
                and function.value.id in fresh
                and function.attr in FILLING
                and all(map(self._pure, given))
            )
        if isinstance(node, ast.For | ast.If):
            head = node.iter if isinstance(node, ast.For) else node.test
            if not self._pure(head):
                return False
            if isinstance(node, ast.For):
                fresh -= set(_names(node.target))
                if not all(isinstance(n, ast.Name | ast.Tuple | ast.List) for n in _targets(node.target)):
                    return False
            known = set(fresh)
            ways = []
            for nodes in (node.body, node.orelse):
                way = set(known)
                if not all(self._is_plain(inner, names, way) for inner in nodes):
                    return False
                ways.append(way)
            fresh &= ways[0] & ways[1]
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # In a loop, or under a condition.
            fresh.discard(node.name)
            values = (*node.args.defaults, *filter(None, node.args.kw_defaults))
            return not node.decorator_list and all(map(self._pure, values))
        if isinstance(node, ast.Delete):
            return all(isinstance(target, ast.Name) for target in node.targets)
        if isinstance(node, ast.Import):
            # What it has been imported for is taken away again: `import re`, …, `del re`.
            return all(alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names)
        return isinstance(node, ast.Pass)

    def _takes(self, target: ast.expr, value: ast.expr, fresh: set[str]) -> bool:
        if isinstance(target, ast.Subscript):
            inside = isinstance(target.value, ast.Name) and target.value.id in fresh
            return inside and self._pure(target.slice)
        for name in _names(target):
            fresh.discard(name)
        if isinstance(target, ast.Name):
            if _is_new(value):
                fresh.add(target.id)
            return True
        return all(isinstance(part, ast.Name | ast.Tuple | ast.List) for part in _targets(target))


def _is_new(value: ast.expr) -> bool:
    """Whether nobody else can hold what an expression gives, or it can't be changed in place."""
    if isinstance(value, ast.Call):
        function = value.func
        return (isinstance(function, ast.Name) and function.id in _MAKING) or (
            # "…".join(names)
            isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant)
        )
    return isinstance(
        value,
        ast.Constant
        | ast.JoinedStr
        | ast.List
        | ast.Dict
        | ast.Set
        | ast.Tuple
        | ast.ListComp
        | ast.DictComp
        | ast.SetComp
        | ast.BinOp
        | ast.Compare,
    )


def _targets(node: ast.expr) -> Iterator[ast.expr]:
    yield node
    for part in node.elts if isinstance(node, ast.Tuple | ast.List) else ():
        yield from _targets(part)


def _names(node: ast.expr) -> Iterator[str]:
    for part in _targets(node):
        if isinstance(part, ast.Name):
            yield part.id


def made_by(statement: Statement) -> set[str]:
    """The data that a statement binds, changes in place or takes away."""
    return {*statement.names} | acted_on(statement.node) | _deleted(statement.node)


def _deleted(node: ast.stmt) -> set[str]:
    """The names that a ``del`` statement takes away."""
    return {n for t in node.targets for n in _names(t)} if isinstance(node, ast.Delete) else set()
