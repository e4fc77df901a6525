"""Writing what a plan runs: the statements of each module in pieces, those of its classes' bodies, and the new modules, as packs of code."""

from __future__ import annotations

import ast
import os
import sys
from bisect import bisect, bisect_left
from typing import TYPE_CHECKING

from podus.planning.filling import acted_on
from podus.planning.model import ClassPart, ModulePart
from podus.planning.pack import ON_STAGE, PackWriter
from podus.planning.reading import in_annotations, is_star
from podus.planning.schedule import END
from podus.planning.staged import Staged
from podus.planning.standing_for import as_it_stands
from podus.program.body import Body, Statement, compile_body, without_value
from podus.program.bytecode import compile_source
from podus.program.changes import BodyChange, ModuleChange
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.toplevel import TopLevel


# Annotations are worked out together, when they are asked for.
LAZY = sys.version_info >= (3, 14)


class Runners:
    """Writes the code of what has been decided of the top levels."""

    def __init__(self, toplevel: TopLevel) -> None:
        self.toplevel = toplevel
        self.staged = Staged(toplevel)
        # Module -> the lines at which it is interrupted, and those of its pieces.
        self._schedule = toplevel.compiler.schedule
        self._breaks: dict[str, list[int]] = {}
        for name, line in self._schedule:
            self._breaks.setdefault(name, []).append(line)
        self._lines: dict[str, list[int]] = {}

    def write(self) -> None:
        """Write the packs of code and the sources that the plan names."""
        directory = self.toplevel.plan.directory
        for number, part in enumerate(self.toplevel.plan.modules):
            if part.action == "delete":
                continue
            module = self.toplevel.compiler.new.modules[part.name]
            stem = f"{number:04d}"
            writer = PackWriter(stubs=bool(self.toplevel.compiler.pup.hello.get("stubs")))
            code = module.code
            if code.co_filename != module.file and module.source is not None:
                # Unchanged, and read from where it was loaded: what goes to the pup names the file where it is now.
                code = compile_source(module.source, module.file)
            writer.add("module", code)
            if part.action == "update":
                self._runners(part, module, writer)
            elif part.action == "import":
                self._imported(part, module, writer)
            for (name, runner), code in self.toplevel.derived.items():
                if name == part.name:
                    writer.add(runner, code)
            part.pack = f"{stem}.pack"
            writer.write(os.path.join(directory, part.pack))
            if module.source is not None:
                part.source = f"{stem}.src"
                with open(os.path.join(directory, part.source), "wb") as file:
                    file.write(module.source)
        self._sequence()

    def _sequence(self) -> None:
        plan = self.toplevel.plan
        parts = {part.name: part for part in plan.modules if part.action == "update"}
        before: dict[str, int] = {}
        for name, line in (row for row in self._schedule if row[0] in parts):
            lines = self._lines.get(name, [])
            done = len(lines) + 1 if line == END else bisect_left(lines, line)
            if done > before.get(name, 0):
                before[name] = done
                plan.sequence.append((name, done))

    def _runners(self, part: ModulePart, module: Module, writer: PackWriter) -> None:
        change = self.toplevel.compiler.changes[part.name]
        if change.body is None:
            return
        flags = change.body.new.flags

        def add(runner: str, statements: list[Statement], body: BodyChange) -> None:
            declared = _declarations(statements, body)
            modules = self.toplevel.compiler.new.modules
            statements = as_it_stands(statements, body.new, module, modules, body.removed)
            plain, staged = self.staged.rewrite(statements, module, body.new, part.staged)
            # (What is left of the annotations may be nothing.)
            nodes = [*plain, *declared] or [ast.Pass(lineno=1, col_offset=0)]
            writer.add(runner, compile_body(nodes, body.owners, module.file, flags))
            if staged is not None:
                writer.add(
                    f"{runner} {ON_STAGE}",
                    compile_body([*staged, *declared], body.owners, module.file, flags),
                )

        part.unannotated = change.body.unannotated
        lines = self._lines[part.name] = []
        pieces = self._pieces(part, change)
        if change.body.unannotated and LAZY and not any(_is_declared(s) for piece in pieces for s in piece):
            # What works out the annotations that are left.
            lines.append(0)
            part.runners.append("run 0")
            add("run 0", [], change.body)
        for piece in pieces:
            runner = f"run {len(part.runners)}"
            lines.append(piece[0].line)
            part.registers = part.registers or any(map(_registers, piece))
            part.runners.append(runner)
            if is_star(piece[0]):
                part.starred[runner] = self.toplevel.compiler.derived.new.star_of(module, piece[0])
                part.bound_later[runner] = sorted(self._bound_later(change, piece[0]))
            elif self._is_alone(part, piece[0]) and piece[0].kind == "import":
                brought = self.toplevel.compiler.derived.new.taken(module, piece[0])
                part.brought[runner] = {n: list(place) for n, place in brought.items()}
                later = self._bound_later(change, piece[0])
                part.bound_later[runner] = sorted(later.intersection(piece[0].names))
            add(runner, piece, change.body)
            again = _again(change.body, piece[0])
            if not again and self._is_whole(part, piece[0]):
                # Nothing of it differs: if it can't be made again it stays as it is.
                part.classes.append(ClassPart(piece[0].names[-1], "", [], runner))
            for body in again:
                inner = ""
                if body.run:
                    inner = f"{runner} {'.'.join(body.owners)}"
                    add(inner, _with_steps(body), body)
                row = ClassPart(".".join(body.owners), inner, list(body.removed), runner)
                row.outer, row.unannotated = _outer(body.new, body.run), body.unannotated
                part.classes.append(row)
        for (name, owners), chosen in self.toplevel.class_run.items():
            if name != part.name:
                continue
            body = next(b for b in change.body.all_classes() if b.owners == owners)
            runner = ""
            unannotated = body.unannotated
            if chosen or (unannotated and LAZY):
                runner = "run " + ".".join(owners)
                add(runner, chosen, body)
            after = bisect(lines, _line_of(change, owners))
            row = ClassPart(".".join(owners), runner, list(body.removed), after=after)
            row.outer, row.unannotated = _outer(body.new, chosen), unannotated
            part.classes.append(row)

    def _bound_later(self, change: ModuleChange, start: Statement, *, again: bool = False) -> set[str]:
        """The names that statements behind an import have given the module, and do not give it again (``again``: or do)."""
        assert change.body is not None
        statements, found = change.body.new.statements, set[str]()
        run = set() if again else set(map(id, self.toplevel.run[change.new.name]))
        for statement in statements[statements.index(start) + 1 :]:
            if is_star(statement):
                found |= self.toplevel.compiler.derived.new.brought(change.new, statement)
            elif id(statement) not in run:
                found |= set(statement.names)
        return found

    def _imported(self, part: ModulePart, module: Module, writer: PackWriter) -> None:
        """The code of a new module that reads what the update changes."""
        nodes = self.staged.imported(module, part.staged)
        if nodes is not None and module.body is not None:
            writer.add(ON_STAGE, compile_body(nodes, (), module.file, module.body.flags))

    def _is_whole(self, part: ModulePart, statement: Statement) -> bool:
        """Whether a class is made again although its head is the same."""
        return statement.kind == "class" and (statement.names[-1],) in self.toplevel.remade.owners(part.name)

    def _is_alone(self, part: ModulePart, statement: Statement) -> bool:
        """Whether a statement makes again what there is, and tells others of it."""
        decorated = statement.kind == "def" and bool(getattr(statement.node, "decorator_list", None))
        return decorated or self._is_rebound(part, statement) or self._is_whole(part, statement)

    def _is_rebound(self, part: ModulePart, statement: Statement) -> bool:
        """Whether an import brings names that later statements bind."""
        if statement.kind != "import" or is_star(statement):
            return is_star(statement)
        later = self._bound_later(self.toplevel.compiler.changes[part.name], statement, again=True)
        return not later.isdisjoint(statement.names)

    def _pieces(self, part: ModulePart, change: ModuleChange) -> list[list[Statement]]:
        """The statements that run, in pieces: what a registry may refuse by itself, and a new piece after each class that gets some in place."""
        found: list[list[Statement]] = []
        places = sorted(
            _line_of(change, owners)
            for (name, owners), chosen in self.toplevel.class_run.items()
            if name == part.name and chosen
        )
        breaks = self._breaks.get(part.name, [])
        before = (-1, -1)
        for statement in self.toplevel.run.get(part.name) or []:
            after = (bisect(places, statement.line), bisect(breaks, statement.line))
            if after != before or self._is_alone(part, statement) or self._is_alone(part, found[-1][0]):
                found.append([])
            found[-1].append(statement)
            before = after
        return found


def _is_declared(statement: Statement) -> bool:
    return isinstance(statement.node, ast.AnnAssign)


def _declarations(chosen: list[Statement], change: BodyChange) -> list[ast.stmt]:
    """The other annotations of a body of which some change, where they are worked out together."""
    changes = any(map(_is_declared, chosen)) or bool(change.unannotated and (change.owners or not chosen))
    if not (LAZY and changes):
        return []
    found: list[ast.stmt] = []
    for statement in change.new.statements:
        node = statement.node
        if isinstance(node, ast.AnnAssign) and node.simple and not any(node is s.node for s in chosen):
            found.append(without_value(node))
    return found


def _outer(body: Body, chosen: list[Statement]) -> list[str]:
    """The names that some statements of a class's body read before the body has bound them (``run = staticmethod(run)``): not the class's."""
    wanted, bound, found, own = set(map(id, chosen)), set[str](), set[str](), set[str]()
    # What a statement that runs has bound is found there.
    again: set[str] = set()
    for statement in body.statements:
        if id(statement) in wanted:
            read = statement.reads | set(in_annotations(statement.node))
            found |= read - bound
            own |= (read & bound) - again
            again |= set(statement.names)
        bound |= set(statement.names)
    return sorted((found & bound) - own)


def _line_of(change: ModuleChange, owners: tuple[str, ...]) -> int:
    """Where the new version defines the outermost class of ``owners``."""
    assert change.bodies is not None
    statement = change.bodies[1].last(owners[0])
    return statement.line if statement is not None else sys.maxsize


def _registers(statement: Statement) -> bool:
    """Whether others may be told of what a statement defines."""
    parts = ("decorator_list", "bases", "keywords")
    return statement.kind == "other" or any(getattr(statement.node, part, None) for part in parts)


def _with_steps(body: BodyChange) -> list[Statement]:
    """The statements of a class's body that run, and those that go on with the data that these make (``TABLE["day"] = …``)."""
    run = set(map(id, body.run))
    made: set[str] = set()
    found: list[Statement] = []
    for statement in body.new.statements:
        if id(statement) in run:
            made |= {*statement.names} if statement.kind == "assign" else set()
        elif statement.kind not in ("assign", "other") or made.isdisjoint(acted_on(statement.node)):
            continue
        found.append(statement)
    return found


def _again(body: BodyChange, statement: Statement) -> list[BodyChange]:
    """What differs inside a class of which the whole statement runs although its head is the same."""
    if statement.kind != "class":
        return []
    return [inner for inner in body.all_classes() if inner.owners[0] == statement.names[-1]]
