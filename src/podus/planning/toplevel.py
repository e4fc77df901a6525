"""What of the modules' top levels and class bodies an update runs, and what happens to data that is assigned otherwise."""

from __future__ import annotations

import ast
import difflib
import os
import sys
from bisect import bisect
from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.filling import Fillings
from podus.planning.given import Given, classes_again
from podus.planning.model import ClassPart, Datum, ModulePart, Note
from podus.planning.pack import ON_STAGE, PackWriter, encoded
from podus.planning.reading import is_star
from podus.planning.registered import registrars, withdrawn, withdrawn_with
from podus.planning.remade import Remade
from podus.planning.staged import Staged
from podus.planning.steps import Stepwise
from podus.program.body import Body, Statement, compile_body, without_annotation
from podus.program.bytecode import compile_source
from podus.program.changes import BodyChange, ModuleChange
from podus.program.flow import imported_by_from
from podus.program.operands import REBINDS, any_named
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode

# Names that the compiler itself puts into a namespace.
OWN_NAMES = frozenset({"__annotations__", "__doc__", "__module__", "__qualname__"})


class TopLevel:
    """Decides for every new or changed statement, and writes the code that runs them."""

    def __init__(self, compiler: Compiler, support: SupportCode) -> None:
        self.compiler = compiler
        self.plan = compiler.plan
        self.support = support
        self.parts: dict[str, ModulePart] = {}
        self.remade = Remade(compiler)
        self.run: dict[str, list[Statement]] = {}
        self.class_run: dict[tuple[str, tuple[str, ...]], list[Statement]] = {}
        self.reset = set(compiler.request.get("reset") or ())
        # Data that several statements make, and that the program has not modified since.
        self.unmodified: set[str] = set()
        # Module -> the data that several of its statements make.
        self.fillings: dict[str, Fillings] = {}
        # Module and name -> the code that computes a new field of live objects.
        self.derived: dict[tuple[str, str], CodeType] = {}

    def compile(self) -> None:
        """Fill the plan's modules and data."""
        self.stepwise = Stepwise(self)
        if not self.plan.program.get("undo"):
            for change in self.compiler.changes.values():
                self.unmodified |= self.stepwise.add(change)
            if self.unmodified:
                self.compiler.derived.follow()
        for change in self.compiler.changes.values():
            self._fillings(change)
        self.remade.find()
        for module in self.compiler.imported:
            part = ModulePart(module.name, "import", module.file, package=module.package)
            self.plan.modules.append(part)
            self.parts[module.name] = part
        for name in self.compiler.order:
            self._module(self.compiler.changes[name])
        for name in self.compiler.removed:
            part = ModulePart(name, "delete")
            part.withdrawn = [
                n
                for n in withdrawn_with(self.compiler.old.modules[name])
                if f"{name}:{n}" not in self.plan.moves
            ]
            self.plan.modules.append(part)
        if self.plan.program.get("undo"):
            self._take_back()
        else:
            Given(self).compile(classes_again(self.compiler))
            self._left()
        known = {d.name for d in self.plan.data}
        for name in sorted(self.reset - known - {n for f in self.fillings.values() for n in f.names}):
            near = difflib.get_close_matches(name, known, 1)
            self.compiler.refuse(
                "unknown-reset",
                f"--reset {name} names no data that the new version assigns otherwise",
                f"did you mean {near[0]}?" if near else "see `podus plan`",
            )

    def _left(self) -> None:
        """Ask about what is made from data that changes by statements that may do more than that, and so are not run again."""
        kept = {d.name.partition(":") for d in self.plan.data if d.action in ("keep", "map")}
        for module, statement, read in self.compiler.derived.left({(home, name) for home, _, name in kept}):
            names = [f"{module.name}:{name}" for name in statement.names]
            if any(self.support.maps(name) for name in names):
                continue
            text = f"`{statement.text}` reads {' and '.join(read)}, which changes, and is not run again"
            where = f"{module.file}:{statement.line}"
            if isinstance(statement.node, ast.AugAssign):
                text += f": {', '.join(names)} stays as it is"
                self.plan.asks.append(
                    Note("data-left", text, "write it as an assignment to have it follow", where)
                )
            elif statement.kind == "assign" and names:
                text += f": {', '.join(names)} stays as it is"
                remedy = f"to make it again: {' '.join(f'--reset {name}' for name in names)}"
                self.plan.asks.append(Note("data-left", text, remedy, where))
            else:
                self.plan.notes.append(Note("not-again", text, "", where))

    def _take_back(self) -> None:
        """Nothing runs on the way back from the last update: names get back what they had."""
        self.run.clear()
        self.class_run.clear()
        for part in self.plan.modules:
            part.statements.clear()
            part.redefined.clear()

    def _module(self, change: ModuleChange) -> None:
        part = ModulePart(change.new.name, "lines" if change.lines_only else "update", change.new.file)
        part.package = change.new.package
        part.pairs = {old: new for old, new in change.pairs.items() if old != new}
        part.stands = self.compiler.standing.lines.get(part.name, 0)
        part.gone, part.fresh = list(change.removed), list(change.added)
        part.redirects = self._redirects(change.new)
        part.stars = self.compiler.stars_of(change.new)
        self.parts[part.name] = part
        self.plan.modules.append(part)
        if change.body is None:
            if change.new.source is None or change.old.source is None:
                self._bytecode_only(change)
            return
        # What has moved is registered by its new module.
        moved = {n.partition(":")[2] for n in self.plan.moves if n.startswith(f"{part.name}:")}
        part.withdrawn = [name for name in withdrawn(change) if name not in moved]
        part.registrars = registrars(change)
        part.alternatives = alternatives(change)
        part.decorated = _decorated(change)
        full = self.remade.owners(part.name)
        self.run[part.name] = self._decide(change, change.body, part, full)
        for body in change.body.all_classes():
            if any(body.owners[: len(owners)] == owners for owners in full):
                continue
            self.class_run[(part.name, body.owners)] = self._decide(change, body, part, full)
        for statement in change.body.kept:
            self.plan.notes.append(
                Note(
                    "main-guard",
                    f"{part.name}: `{statement.text}` changed, but is not run again",
                    "",
                    f"{part.file}:{statement.line}",
                )
            )

    def _fillings(self, change: ModuleChange) -> None:
        """Find the data that several statements make; what is to be made again is, with all of these."""
        if change.body is None or self.plan.program.get("undo"):
            return
        fillings = self.fillings[change.new.name] = Fillings(change.body, change.new.name)
        wanted = {n.partition(":")[2] for n in self.reset if n.partition(":")[0] == change.new.name}
        for name in sorted(fillings.outdated):
            before = fillings.outdated[name]
            if name not in wanted and not self.support.maps(f"{change.new.name}:{name}"):
                text = f"`{before.text}` went on with {change.new.name}:{name} and is not in the new version"
                self.plan.asks.append(
                    Note(
                        "data-goes-on",
                        f"{text}: what it did to the data stays",
                        f"to make the data again with all statements that go on with it: {fillings.option([name])}",
                        f"{change.old.file}:{before.line}",
                    )
                )
        missing = sorted(fillings.with_all(wanted) - wanted)
        if missing:
            names = ", ".join(f"{change.new.name}:{name}" for name in sorted(wanted & fillings.assigned))
            self.compiler.refuse(
                "reset-with",
                f"what makes {names} again acts on {', '.join(missing)} as well, and would do so twice",
                f"make all of it again: {fillings.option(wanted)}",
                change.new.file,
            )
        fillings.run_again(wanted)

    def _bytecode_only(self, change: ModuleChange) -> None:
        """Without source the bodies can't be told apart statement by statement: only procedures can be switched."""
        from podus.program.code import fingerprint

        before = fingerprint(change.old.code, skip_procedures=True)
        if before != fingerprint(change.new.code, skip_procedures=True):
            self.compiler.refuse(
                "bytecode-top-level",
                f"the top level of {change.new.name} changed, and there is only bytecode of it",
                "give the new version, and run the old one, with source",
                change.new.file,
            )

    def _redirects(self, module: Module) -> dict[str, list[str]]:
        """Local names that are imported from other modules of the program."""
        imported = imported_by_from(module.code, module.name, module.package)
        return {
            local: [base, name]
            for local, (base, name) in imported.items()
            if base in self.compiler.new.modules
        }

    def _importers(self, module: str, name: str) -> list[str]:
        """Where else a module's name has been imported to by ``from … import``, directly or through other modules."""
        found: dict[str, None] = {}
        todo = [(module, name)]
        while todo:
            owner, wanted = todo.pop()
            for other in self.compiler.old.modules.values():
                if other.name == owner or wanted not in other.code.co_names:
                    continue
                for local, source in imported_by_from(other.code, other.name, other.package).items():
                    if source == (owner, wanted) and f"{other.name}:{local}" not in found:
                        found[f"{other.name}:{local}"] = None
                        todo.append((other.name, local))
        return list(found)

    # ---- data

    def _decide(
        self, change: ModuleChange, body: BodyChange, part: ModulePart, full: list[tuple[str, ...]]
    ) -> list[Statement]:
        """The statements of one body that run; the others are kept, or left to a mapper."""
        prefix = f"{part.name}:" + "".join(f"{owner}." for owner in body.owners)
        answers = self._answers(change, body)
        chosen: list[Statement] = [_annotation(s) for s in body.annotated if s not in body.run]
        chosen = [s for s in chosen if isinstance(s.node, ast.AnnAssign)]
        for statement in body.run:
            if self._runs(statement, body, prefix, answers, part):
                chosen.append(statement)
                if statement.kind == "class":
                    part.redefined.append(".".join((*body.owners, statement.names[-1])))
                part.statements.append(f"{statement.line}: {statement.text}")
        chosen.sort(key=lambda s: s.line)
        if not body.owners:
            for name in {n for s in chosen for n in s.names if n in body.previous}:
                importers = self._importers(part.name, name)
                if importers:
                    part.importers[name] = importers
        for name in (n for n in body.removed if n != "__doc__"):
            self.plan.data.append(Datum(prefix + name, "remove", "nothing in the new version binds it"))
        if not body.owners:
            part.removed = [*body.removed, *_attributes_gone(change)]
            if part.name in self.fillings:
                part.anew = self.fillings[part.name].options(chosen)
        return chosen

    def _answers(self, change: ModuleChange, body: BodyChange) -> dict[str, str]:
        """How the data that the statements of a body assign otherwise stands to the old statements: ``same``, ``modified`` or ``unknown``."""
        questions: dict[str, Any] = {}
        for statement in body.run:
            for name in statement.names if statement.kind == "assign" else ():
                before = body.previous.get(name)
                if before is not None and before.kind == "assign":
                    questions[name] = self._initial(change, body, before, name)
                elif before is None and self.rebound(name):
                    questions[name] = {"given": True}
        return self.ask(change, body, questions)

    def ask(self, change: ModuleChange, body: BodyChange, questions: dict[str, Any]) -> dict[str, str]:
        """How data of a body stands to its old statements, by its name."""
        found: dict[str, str] = {}
        if questions:
            found = self.compiler.pup.call(
                "data", module=change.new.name, owners=list(body.owners), names=questions
            )
        return found

    def kept_in_class(self, change: ModuleChange, body: BodyChange) -> list[str]:
        """The data of a class that is made again which the program has modified: it stays, and it is asked about."""
        part = self.parts[change.new.name]
        prefix = f"{part.name}:" + "".join(f"{owner}." for owner in body.owners)
        modified = {
            name: answer for name, answer in self._answers(change, body).items() if answer == "modified"
        }
        return [
            name
            for statement in body.run
            if modified.keys() & statement.names and not self._runs(statement, body, prefix, modified, part)
            for name in statement.names
        ]

    def _runs(
        self, statement: Statement, body: BodyChange, prefix: str, answers: dict[str, str], part: ModulePart
    ) -> bool:
        if statement.kind != "assign":
            for name in statement.names:
                if name not in body.previous and statement.kind == "other":
                    self.plan.data.append(Datum(prefix + name, "add", "new"))
            return True
        runs = True
        for name in statement.names:
            full_name = prefix + name
            if self.support.maps(full_name):
                self.plan.data.append(Datum(full_name, "map", "a mapper converts it"))
                runs = False
            elif name not in body.previous and answers.get(name, "same") == "same":
                self.plan.data.append(Datum(full_name, "add", "new"))
            elif full_name in self.reset:
                self.plan.data.append(Datum(full_name, "set", "--reset asks for the new value"))
            elif full_name in self.unmodified or answers.get(name, "same") == "same":
                self.plan.data.append(Datum(full_name, "set", "the program has not modified it"))
            else:
                known = answers[name] == "modified"
                why = "the program has modified it" if known else "the program may have modified it"
                self.plan.data.append(Datum(full_name, "keep", why))
                self.plan.asks.append(
                    Note(
                        "data-kept",
                        f"{full_name} is assigned otherwise in the new version, but {why}: it is kept as it is",
                        f"give a mapper for it, or {self._option(full_name, part)} to take the new value",
                        f"{part.file}:{statement.line}",
                    )
                )
                runs = False
        return runs

    def _option(self, name: str, part: ModulePart) -> str:
        fillings = self.fillings.get(part.name)
        simple = name.partition(":")[2]
        return f"--reset {name}" if fillings is None or "." in simple else fillings.option([simple])

    def _initial(
        self, change: ModuleChange, body: BodyChange, before: Statement, name: str
    ) -> dict[str, Any]:
        """What the pup needs to tell whether data is still as the old statement set it, or all of them if several did."""
        row: dict[str, Any] = {
            "code": None,
            "rebound": self.rebound(name),
            "calls": sorted(before.calls),
            "makers": sorted(before.makers),
            "dependent": before.dependent,
        }
        source = None if body.owners else self.compiler.derived.old.source_of(change.old, before)
        several = self.stepwise.row(change, body, name, before) if source is None else None
        if several is not None:
            return row | {"makers": []} | several
        computed = self.compiler.derived.computed(before, change.old, old=True)
        if computed is not None:
            # What it calls has been looked at.
            row["calls"] = row["makers"] = []
        if before.repeatable or computed is not None:
            steps = [before]
            if source is not None:
                # It goes on with what an import brings, and not with what it has made of that itself.
                steps.insert(0, Statement(source[1], "import", before.names, ()))
            row["code"] = self.code_of(change, body, steps)
        return row

    def code_of(self, change: ModuleChange, body: BodyChange, old: list[Statement]) -> str:
        """Old statements as the pup is asked to run them again, compiled as they were."""
        module = change.old.body
        imported = module.imported if module is not None else ()
        nodes = [without_annotation(s.node) for s in old]
        return encoded(compile_body(nodes, body.owners, change.old.file, body.old.flags, imported))

    def rebound(self, name: str) -> bool:
        """Whether some procedure of the program may rebind module data ``name``."""
        mentioned = self.compiler.mentions_in_old.get(name, ())
        return any(any_named(code, REBINDS, name) for _, code in mentioned)

    # ---- writing

    def write(self) -> None:
        """Write the packs of code and the sources that the plan names."""
        directory = self.plan.directory
        self.staged = Staged(self)
        for number, part in enumerate(self.plan.modules):
            if part.action == "delete":
                continue
            module = self.compiler.new.modules[part.name]
            stem = f"{number:04d}"
            writer = PackWriter(stubs=bool(self.compiler.pup.hello.get("stubs")))
            code = module.code
            if code.co_filename != module.file and module.source is not None:
                # Unchanged, and read from where it was loaded: what goes to the pup names the file where it is now.
                code = compile_source(module.source, module.file)
            writer.add("module", code)
            if part.action == "update":
                self._runners(part, module, writer)
            elif part.action == "import":
                self._imported(part, module, writer)
            for (name, runner), code in self.derived.items():
                if name == part.name:
                    writer.add(runner, code)
            part.pack = f"{stem}.pack"
            writer.write(os.path.join(directory, part.pack))
            if module.source is not None:
                part.source = f"{stem}.src"
                with open(os.path.join(directory, part.source), "wb") as file:
                    file.write(module.source)

    def _runners(self, part: ModulePart, module: Module, writer: PackWriter) -> None:
        change = self.compiler.changes[part.name]
        if change.body is None:
            return
        flags = change.body.new.flags

        def add(runner: str, statements: list[Statement], body: BodyChange) -> None:
            plain, staged = self.staged.rewrite(statements, module, body.new, part.staged)
            declared = _declarations(statements, body.new)
            writer.add(runner, compile_body([*plain, *declared], body.owners, module.file, flags))
            if staged is not None:
                nodes = [*staged, *declared]
                writer.add(f"{runner} {ON_STAGE}", compile_body(nodes, body.owners, module.file, flags))

        lines: list[int] = []
        for piece in self._pieces(part, change):
            runner = f"run {len(part.runners)}"
            lines.append(piece[0].line)
            part.registers = part.registers or any(map(_registers, piece))
            part.runners.append(runner)
            if is_star(piece[0]):
                part.starred[runner] = self.compiler.derived.new.star_of(module, piece[0])
                part.bound_later[runner] = sorted(self._bound_later(change, piece[0]))
            elif self._is_alone(part, piece[0]) and piece[0].kind == "import":
                brought = self.compiler.derived.new.taken(module, piece[0])
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
                    add(inner, body.run, body)
                row = ClassPart(".".join(body.owners), inner, list(body.removed), runner)
                row.outer = _outer(body.new, body.run)
                part.classes.append(row)
        for (name, owners), chosen in self.class_run.items():
            if name != part.name:
                continue
            body = next(b for b in change.body.all_classes() if b.owners == owners)
            runner = ""
            if chosen:
                runner = "run " + ".".join(owners)
                add(runner, chosen, body)
            after = bisect(lines, _line_of(change, owners))
            row = ClassPart(".".join(owners), runner, list(body.removed), after=after)
            row.outer = _outer(body.new, chosen)
            part.classes.append(row)

    def _bound_later(self, change: ModuleChange, start: Statement, *, again: bool = False) -> set[str]:
        """The names that statements behind an import have given the module, and do not give it again (``again``: or do)."""
        assert change.body is not None
        statements, found = change.body.new.statements, set[str]()
        run = set() if again else set(map(id, self.run[change.new.name]))
        for statement in statements[statements.index(start) + 1 :]:
            if is_star(statement):
                found |= self.compiler.derived.new.brought(change.new, statement)
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
        return statement.kind == "class" and (statement.names[-1],) in self.remade.owners(part.name)

    def _is_alone(self, part: ModulePart, statement: Statement) -> bool:
        """Whether a statement makes again what there is, and tells others of it."""
        decorated = statement.kind == "def" and bool(getattr(statement.node, "decorator_list", None))
        return decorated or self._is_rebound(part, statement) or self._is_whole(part, statement)

    def _is_rebound(self, part: ModulePart, statement: Statement) -> bool:
        """Whether an import brings names that later statements bind."""
        if statement.kind != "import" or is_star(statement):
            return is_star(statement)
        later = self._bound_later(self.compiler.changes[part.name], statement, again=True)
        return not later.isdisjoint(statement.names)

    def _pieces(self, part: ModulePart, change: ModuleChange) -> list[list[Statement]]:
        """The statements that run, in pieces: what a registry may refuse by itself, and a new piece after each class that gets some in place."""
        found: list[list[Statement]] = []
        places = sorted(
            _line_of(change, owners)
            for (name, owners), chosen in self.class_run.items()
            if name == part.name and chosen
        )
        before = -1
        for statement in self.run.get(part.name) or []:
            after = bisect(places, statement.line)
            if after != before or self._is_alone(part, statement) or self._is_alone(part, found[-1][0]):
                found.append([])
            found[-1].append(statement)
            before = after
        return found


def _annotation(statement: Statement) -> Statement:
    """An assignment without its value."""
    node = statement.node
    if isinstance(node, ast.AnnAssign):
        node = ast.copy_location(ast.AnnAssign(node.target, node.annotation, None, node.simple), node)
    return Statement(node, statement.kind, (), statement.owners)


def _declarations(chosen: list[Statement], body: Body) -> list[ast.stmt]:
    """The other annotations of a body of which some statements with annotations run: from Python 3.14 on they are worked out together, when they are asked for."""
    if sys.version_info < (3, 14) or not any(isinstance(s.node, ast.AnnAssign) for s in chosen):
        return []
    found: list[ast.stmt] = []
    for statement in body.statements:
        node = statement.node
        if isinstance(node, ast.AnnAssign) and node.simple and not any(node is s.node for s in chosen):
            bare = ast.AnnAssign(target=node.target, annotation=node.annotation, value=None, simple=1)
            found.append(ast.copy_location(bare, node))
    return found


def _outer(body: Body, chosen: list[Statement]) -> list[str]:
    """The names that some statements of a class's body read before the body has bound them (``run = staticmethod(run)``): not the class's."""
    wanted, bound, found, own = set(map(id, chosen)), set[str](), set[str](), set[str]()
    for statement in body.statements:
        if id(statement) in wanted:
            found |= statement.reads - bound
            own |= statement.reads & bound
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


def _attributes_gone(change: ModuleChange) -> list[str]:
    """What only the old version's statements assign to attributes of functions that both versions define (``f.step``)."""
    found: list[set[str]] = []
    assert change.bodies is not None
    for body in change.bodies:
        last = {name: s.kind for s in body.statements for name in s.names}
        targets = [t for s in body.statements if isinstance(s.node, ast.Assign) for t in s.node.targets]
        found.append(
            {
                f"{t.value.id}.{t.attr}"
                for t in targets
                if isinstance(t, ast.Attribute)
                and isinstance(t.value, ast.Name)
                and last.get(t.value.id) == "def"
            }
        )
    kept = change.bodies[1].binds()
    return sorted(name for name in found[0] - found[1] if name.partition(".")[0] in kept)


def _decorated(change: ModuleChange) -> dict[str, list[str]]:
    """The functions that have decorators in the old version, with the attributes that the new version's statements assign to them."""
    assert change.bodies is not None
    found: dict[str, list[str]] = {}
    assigned: dict[str, list[str]] = {}
    for statement in change.bodies[1].statements:
        for target in getattr(statement.node, "targets", ()):
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                assigned.setdefault(target.value.id, []).append(target.attr)
    todo = [change.bodies[0]]
    while todo:
        body = todo.pop()
        for statement in body.statements:
            if statement.body is not None:
                todo.append(statement.body)
            if statement.kind == "def" and getattr(statement.node, "decorator_list", None):
                name = statement.names[-1]
                found[".".join((*body.owners, name))] = [] if body.owners else assigned.get(name, [])
            elif statement.kind == "other":
                # In an `if` or a `try`: not looked into.
                found.update(
                    (".".join((*body.owners, name)), assigned.get(name, [])) for name in statement.names
                )
    return found


def alternatives(change: ModuleChange) -> dict[str, list[list[str]]]:
    """The functions that a statement that runs (``if DEBUG:``) may define under one name: their names in the old and the new version."""
    assert change.body is not None
    found: dict[str, list[list[str]]] = {}
    for statement in change.body.run:
        for name in statement.names if statement.kind == "other" else ():
            before = change.body.previous.get(name)
            if before is not None:
                sides = [_defined_in(s, name, m) for s, m in ((before, change.old), (statement, change.new))]
                if all(sides):
                    found[name] = sides
    return found


def _defined_in(statement: Statement, name: str, module: Module) -> list[str]:
    lines = range(statement.line, (statement.node.end_lineno or statement.line) + 1)
    return [
        full
        for full, code in module.procedures.items()
        if code.co_qualname == name and code.co_firstlineno in lines
    ]


def _again(body: BodyChange, statement: Statement) -> list[BodyChange]:
    """What differs inside a class of which the whole statement runs although its head is the same."""
    if statement.kind != "class":
        return []
    return [inner for inner in body.all_classes() if inner.owners[0] == statement.names[-1]]
