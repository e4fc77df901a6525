"""How the source of each change differs, for a person who reads a plan: unified diffs with the lines of the files."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from types import CodeType

from podus.planning.model import Diff
from podus.program.body import Body, Statement
from podus.program.changes import ModuleChange
from podus.program.nodes import everything_in, first_line
from podus.program.version import Module

_CONTEXT = 3


def diffs(
    changes: dict[str, ModuleChange], imported: list[Module], removed: list[Module], wanted: list[str]
) -> list[Diff]:
    """The differences of all changes: of the procedures ``wanted`` (``module:qualname``), statements, classes, data and modules.

    Where there is only bytecode of one version there is none.
    """
    found = [diff for change in changes.values() for diff in _Module(change, set(wanted)).differences()]
    found += [_whole(module, None, module) for module in imported]
    found += [_whole(module, module, None) for module in removed]
    return [diff for diff in found if diff.text]


def _whole(module: Module, old: Module | None, new: Module | None) -> Diff:
    sides = [_lines(side.source) if side is not None else [] for side in (old, new)]
    starts = [int(side is not None) for side in (old, new)]
    return Diff(module.name, "module", unified(sides[0], sides[1], starts[0], starts[1], module.file))


class _Module:
    """The differences of one module."""

    def __init__(self, change: ModuleChange, wanted: set[str]) -> None:
        self.change = change
        self.wanted = wanted
        self.name = change.new.name
        self.old, self.new = _lines(change.old.source), _lines(change.new.source)

    def differences(self) -> Iterator[Diff]:
        change = self.change
        try:
            bodies = change.bodies
        except SyntaxError:
            bodies = None
        if bodies is None:
            return
        trees = [_Nodes(body) for body in bodies]
        old_names = {new: old for old, new in change.pairs.items()}
        for name in dict.fromkeys([*change.pairs.values(), *change.added, *change.removed]):
            if f"{self.name}:{name}" in self.wanted:
                old = change.old.procedures.get(name if name in change.removed else old_names.get(name, ""))
                new = None if name in change.removed else change.new.procedures.get(name)
                yield self._diff(name, "procedure", trees[0].of_code(old), trees[1].of_code(new))
        if change.body is None:
            return
        for body in [change.body, *change.body.all_classes()]:
            prefix = "".join(f"{owner}." for owner in body.owners)
            gone = [s for name in body.removed if (s := body.previous.get(name)) is not None]
            for statement in [*body.run, *body.kept]:
                first = next(iter(statement.names), "")
                if statement.kind == "def" and f"{self.name}:{prefix}{first}" in self.wanted:
                    continue
                before = body.previous.get(first) or (trees[0].main if statement.kind == "main" else None)
                kind = {"class": "class", "assign": "data"}.get(statement.kind, "statement")
                # What binds names is shown under them, and what does not, or may do more than that, under its line.
                named = [
                    prefix + n for n in statement.names if statement.kind in ("class", "assign", "other")
                ]
                if statement.kind not in ("class", "assign"):
                    named.append(str(statement.line))
                for name in named:
                    yield self._diff(name, kind, _span(before), _span(statement))
            for statement in gone:
                kind = {"class": "class", "assign": "data"}.get(statement.kind, "statement")
                for name in (n for n in statement.names if n in body.removed):
                    if f"{self.name}:{prefix}{name}" not in self.wanted:
                        yield self._diff(prefix + name, kind, _span(statement), None)

    def _diff(self, name: str, kind: str, old: tuple[int, int] | None, new: tuple[int, int] | None) -> Diff:
        sides = [
            lines[span[0] - 1 : span[1]] if span is not None else []
            for lines, span in ((self.old, old), (self.new, new))
        ]
        starts = [span[0] if span is not None else 0 for span in (old, new)]
        text = unified(sides[0], sides[1], starts[0], starts[1], self.change.new.file)
        return Diff(f"{self.name}:{name}", kind, text)


class _Nodes:
    """Where the definitions of one version's module stand."""

    def __init__(self, body: Body) -> None:
        self.main = next((s for s in body.statements if s.kind == "main"), None)
        self._definitions: dict[tuple[int, str], tuple[int, int]] = {}
        self._statements: list[tuple[int, int]] = []
        for statement in body.statements:
            for node in everything_in(statement.node):
                if not isinstance(node, ast.stmt):
                    continue
                span = _lines_of(node)
                self._statements.append(span)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._definitions[span[0], node.name] = span

    def of_code(self, code: CodeType | None) -> tuple[int, int] | None:
        """The lines of the definition of ``code``; of a lambda, those of the statement that it is in."""
        if code is None:
            return None
        line = code.co_firstlineno
        found = self._definitions.get((line, code.co_name))
        if found is None:
            around = [span for span in self._statements if span[0] <= line <= span[1]]
            found = min(around, key=lambda span: span[1] - span[0], default=None)
        return found


def _span(statement: Statement | None) -> tuple[int, int] | None:
    return None if statement is None else _lines_of(statement.node)


def _lines_of(node: ast.stmt) -> tuple[int, int]:
    """The first and last line, decorators included."""
    return first_line(node), node.end_lineno or node.lineno


def _lines(source: bytes | None) -> list[str]:
    """The lines as the compiler counts them."""
    if source is None:
        return []
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding, "replace")
    except (SyntaxError, LookupError):
        text = source.decode("utf-8", "replace")
    return [line.rstrip("\r\n") for line in io.StringIO(text, newline=None)]


def unified(old: list[str], new: list[str], old_start: int, new_start: int, file: str) -> str:
    """A unified diff of two pieces of a file that begin at these lines (0: there is none)."""
    hunks: list[str] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        _, i1, _, j1, _ = group[0]
        _, _, i2, _, j2 = group[-1]
        hunks.append(f"@@ -{_range(i1, i2, old_start)} +{_range(j1, j2, new_start)} @@")
        for tag, a1, a2, b1, b2 in group:
            if tag == "equal":
                hunks += [f" {line}" for line in old[a1:a2]]
                continue
            hunks += [f"-{line}" for line in old[a1:a2]]
            hunks += [f"+{line}" for line in new[b1:b2]]
    if not hunks:
        return ""
    sides = [file if start else "/dev/null" for start in (old_start, new_start)]
    return "\n".join([f"--- {sides[0]}", f"+++ {sides[1]}", *hunks])


def _range(first: int, end: int, start: int) -> str:
    """Lines ``first`` to ``end`` of a piece, as a unified diff counts them."""
    if first == end:
        return f"{max(0, start + first - 1)},0"
    return f"{start + first},{end - first}"
