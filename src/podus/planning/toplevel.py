"""What of the modules' top levels and class bodies an update runs, and what happens to data that is assigned otherwise."""

from __future__ import annotations

import ast
import difflib
from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.filling import Fillings
from podus.planning.given import Given, classes_again
from podus.planning.looking import looking
from podus.planning.model import Datum, ModulePart, Note
from podus.planning.outcome import names
from podus.planning.pack import encoded
from podus.planning.reading import targets, tried_imports
from podus.planning.registered import registrars, withdrawn, withdrawn_by, withdrawn_with
from podus.planning.remade import Remade
from podus.planning.standing_for import as_it_stands
from podus.planning.steady import steady_defaults
from podus.planning.steps import Stepwise
from podus.program.bindings import bound_in
from podus.program.body import Body, Statement, compile_body, without_annotation, without_value
from podus.program.changes import BodyChange, ModuleChange
from podus.program.field import last_word, value_kind
from podus.program.flow import imported_by_from
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode

# Names that the compiler itself puts into a namespace.
OWN_NAMES = frozenset({"__annotations__", "__doc__", "__module__", "__qualname__"})


# What only type checkers look at.
_FOR_TYPES = frozenset({"TypeVar", "ParamSpec", "TypeVarTuple", "NewType"})
# So many of what one decorator has decorated are named.
_NAMED = 5


class TopLevel:
    """Decides for every new or changed statement; :mod:`podus.planning.runners` writes the code that runs them."""

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
        for module, statement, read in self.compiler.derived.lagging.left(
            {(home, name) for home, _, name in kept}
        ):
            self.not_again(module, statement, f"reads {' and '.join(read)}")
        known = {d.name for d in self.plan.data}
        for module, statement, called in self.compiler.derived.lagging.called():
            if known.isdisjoint(_full(module, statement)):
                self.not_again(module, statement, f"calls {' and '.join(called)}")
        looked = {id(row[1]): row for row in self.compiler.derived.surveys.left()}
        looked |= {id(row[1]): row for row in looking(self.compiler)}
        for module, statement, what in looked.values():
            if known.isdisjoint(_full(module, statement)):
                self.not_again(module, statement, f"looks at {what}")
        for module, statement, maker in self.compiler.derived.lagging.made_from_moved():
            if known.isdisjoint(_full(module, statement)):
                text = f"`{statement.text}` is not run again: what {maker} made of data that changes stays"
                self._remark(text, module, statement)
        for key, (module, statement, name) in self.compiler.derived.not_hung.items():
            if key not in self.compiler.derived.run_of(module):
                text = (
                    f"`{statement.text}` is not run again, as it may do more: {name} is made anew without it"
                )
                self._remark(text, module, statement)
        for module, statement, table in self.compiler.derived.registries.left():
            listed = ", ".join(_full(module, statement))
            text = f"`{statement.text}` is made of {table}, from which definitions go, and is not run again: {listed} stays as it is"
            where = f"{module.file}:{statement.line}"
            remedy = f"give a mapper for {listed} if it must not"
            if not any(self.support.maps(name) for name in _full(module, statement)):
                self.plan.asks.append(Note("data-left", text, remedy, where))
        for module, statement in self.compiler.derived.lagging.called_by_decorators():
            name = f"{module.name}:{statement.names[-1]}"
            text = f"{name} holds what a decorator has made by calling it: that stays as it is, and is not made again"
            where = f"{module.file}:{statement.line}"
            remedy = f"give a mapper for {name}, or write it as an assignment"
            self.plan.asks.append(Note("data-left", text, remedy, where))
        dressed: dict[str, list[tuple[Module, Statement]]] = {}
        for module, statement, decorator in self.compiler.derived.decorators.not_decorated_again():
            dressed.setdefault(decorator, []).append((module, statement))
        for decorator, rows in dressed.items():
            listed = names([statement.names[-1] for _, statement in rows], _NAMED)
            text = f"`{decorator}` decorates otherwise now, and may do more than that: what it has decorated is not decorated again ({listed})"
            self._remark(text, *rows[0])

    def _remark(self, text: str, module: Module, statement: Statement) -> None:
        """Say in the plan what is not run again, where nothing is asked."""
        self.plan.notes.append(Note("not-again", text, "", f"{module.file}:{statement.line}"))

    def not_again(self, module: Module, statement: Statement, does: str) -> None:
        """Ask about a statement that is not run again, though what it ``does`` would come to something else now; or remark it, where it makes no data."""
        names = _full(module, statement)
        value = getattr(statement.node, "value", None)
        if any(self.support.maps(name) for name in names) or last_word(value or ast.Name("")) in _FOR_TYPES:
            return
        text = f"`{statement.text}` {does}, which changes, and is not run again"
        where = f"{module.file}:{statement.line}"
        grows = isinstance(statement.node, ast.AugAssign)
        if not grows and not (statement.kind == "assign" and names):
            self._remark(text, module, statement)
            return
        again = f"to make it again: {' '.join(f'--reset {name}' for name in names)}"
        remedy = "write it as an assignment to have it follow" if grows else again
        self.plan.asks.append(Note("data-left", f"{text}: {', '.join(names)} stays as it is", remedy, where))

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
        part.redirects = self.redirects(change.new)
        part.tried = sorted(tried_imports(change.new))
        part.stars = self.compiler.stars_of(change.new)
        part.from_stars = self.compiler.from_stars.get(part.name, [])
        self.parts[part.name] = part
        self.plan.modules.append(part)
        if change.body is None:
            if change.new.source is None or change.old.source is None:
                self._bytecode_only(change)
            return
        before, after = self.compiler.derived.old, self.compiler.derived.new
        part.stars_gone = sorted(before.stars(change.old) - after.stars(change.new))
        part.borrowed = sorted(n for n, s in change.body.previous.items() if s.kind == "import")
        # What has moved is registered by its new module.
        moved = {n.partition(":")[2] for n in self.plan.moves if n.startswith(f"{part.name}:")}
        part.withdrawn = [name for name in withdrawn(change) if name not in moved]
        part.registers_again = list(self.remade.whole.get(part.name, ()))
        there = {*change.old.procedures} - {*change.removed}
        part.withdrawn_by = withdrawn_by(change.old, part.withdrawn, there)
        part.registrars, part.standing, part.registers_alike = registrars(
            change,
            lambda statement: self.compiler.derived.decorators.registers_again(statement, change.new),
            part.registers_again,
        )
        part.alternatives = alternatives(change)
        part.decorated = _decorated(change)
        part.steady_defaults = steady_defaults(self.compiler, change, change.body)
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
        for statement in fillings.left_behind:
            text = f"`{statement.text}` is not in the new version: what it did stays"
            self.plan.notes.append(Note("effect-stays", text, "", f"{change.old.file}:{statement.line}"))
        for statement, other in fillings.reordered:
            side = "behind" if other.line < statement.line else "before"
            text = f"`{statement.text}` stands {side} `{other.text}` now, which changes what it reads, and is not run again"
            self.plan.notes.append(Note("reordered", text, "", f"{change.new.file}:{statement.line}"))
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

    def redirects(self, module: Module) -> dict[str, list[str]]:
        """Local names that are imported from other modules of the program."""
        imported = imported_by_from(module.code, module.name, module.package) | tried_imports(module)
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
                imported = imported_by_from(other.code, other.name, other.package)
                for local, source in (imported | tried_imports(other)).items():
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
        # Of a class that is changed where it is nobody has looked at the annotations, either.
        same_value = [s for s in body.run if id(s) in body.same_value]
        chosen = [
            Statement(without_value(s.node), s.kind, (), s.owners)
            for s in (*(s for s in body.annotated if s not in body.run), *same_value)
            if isinstance(s.node, ast.AnnAssign)
        ]
        for statement in body.run:
            if id(statement) in body.same_value:
                continue
            if self._runs(statement, body, prefix, answers, part):
                chosen.append(statement)
                if statement.kind == "class":
                    part.redefined.append(".".join((*body.owners, statement.names[-1])))
                part.statements.append(f"{statement.line}: {statement.text}")
            elif (more := _more_names(statement, body)) is not None:
                chosen.append(more)
                part.statements.append(f"{statement.line}: {more.text}")
            elif isinstance(statement.node, ast.AnnAssign) and statement.node.value is not None:
                # The data is kept, and said to be of another type.
                chosen.append(Statement(without_value(statement.node), statement.kind, (), statement.owners))
        chosen.sort(key=lambda s: s.line)
        if not body.owners:
            for name in {n for s in chosen for n in s.names if n in body.previous}:
                importers = self._importers(part.name, name)
                if importers:
                    part.importers[name] = importers
        self._tell_of_lost(change, body, prefix)
        for name in (n for n in body.removed if n != "__doc__"):
            self.plan.data.append(Datum(prefix + name, "remove", "nothing in the new version binds it"))
        if not body.owners:
            part.removed = [*body.removed, *_attributes_gone(change)]
            if part.name in self.fillings:
                part.anew = self.fillings[part.name].options(chosen)
        return chosen

    def _tell_of_lost(self, change: ModuleChange, body: BodyChange, prefix: str) -> None:
        """Ask about data that goes and that the program has put something into."""
        if self.plan.program.get("undo"):
            return
        questions: dict[str, Any] = {}
        for name in body.removed:
            before = body.previous.get(name)
            moved = prefix + name in self.plan.moved_data or prefix + name in self.compiler.made_anew
            if before is not None and before.kind == "assign" and not moved:
                questions[name] = self._initial(change, body, before, name)
        for name, answer in self.ask(change, body, questions).items():
            if answer == "modified":
                text = (
                    f"{prefix}{name} goes, and the program has modified it: what it holds does not go along"
                )
                remedy = "leave it in the new version if that must not be lost"
                self.plan.asks.append(
                    Note("data-lost", text, remedy, f"{change.old.file}:{body.previous[name].line}")
                )

    def _answers(self, change: ModuleChange, body: BodyChange) -> dict[str, str]:
        """How the data that the statements of a body assign otherwise stands to the old statements: ``same``, ``modified`` or ``unknown``."""
        questions: dict[str, Any] = {}
        for statement in body.run:
            for name in statement.names if statement.kind == "assign" else ():
                before = body.previous.get(name)
                if before is not None and before.kind == "assign":
                    questions[name] = self._initial(change, body, before, name)
                elif before is None and self.compiler.rebinds(name):
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
        given_to = self.compiler.derived.hung.get(id(statement))
        if given_to and any(d.name == prefix + given_to and d.action != "set" for d in self.plan.data):
            return False
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
            elif full_name in self.compiler.was_reset:
                self.plan.data.append(Datum(full_name, "set", "--reset had asked for the other one"))
            elif (
                # On the way back from the last update nothing runs.
                not self.plan.program.get("undo") and (step := _left_out(body, statement, name)) is not None
            ):
                # Without it the data would be half of what either version makes.
                self.plan.data.append(Datum(full_name, "keep", "a step that makes it is not run again"))
                text = f"{full_name} is assigned otherwise in the new version, and `{step.text}`, which binds it after that, may do more and is not run again"
                remedy = f"{self._option(full_name, part)} to make it again with that statement"
                where = f"{part.file}:{statement.line}"
                self.plan.asks.append(Note("data-kept", f"{text}: it is kept as it is", remedy, where))
                runs = False
            elif full_name in self.unmodified or answers.get(name, "same") == "same":
                self.plan.data.append(Datum(full_name, "set", "the program has not modified it"))
            else:
                known = answers[name] == "modified"
                why = "the program has modified it" if known else "the program may have modified it"
                self.plan.data.append(Datum(full_name, "keep", why))
                forms = self._forms(full_name, body.previous.get(name), statement)
                if forms and self.compiler.request.get("back_out"):
                    # Nobody reads the plan of a way back before it is gone.
                    self.compiler.refuse(
                        "no-way-back",
                        f"{full_name} is a {forms[0]}, and in the version to go back to a {forms[1]}; {why}",
                        "give a mapper for it with --support, or update forward to a mended version",
                        f"{part.file}:{statement.line}",
                    )
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

    def _forms(self, name: str, before: Statement | None, after: Statement) -> tuple[str, str] | None:
        """The kinds of value that two statements give a name, where these differ as far as their texts tell, and it holds one of the first kind."""
        values = [getattr(one.node, "value", None) for one in (before, after) if one is not None]
        kinds = [value_kind(value) for value in values if value is not None]
        if len(kinds) < 2 or not all(kinds) or kinds[0] == kinds[1]:
            return None
        held = self.compiler.pup.call("kinds", names=[name]).get(name, "")
        return (kinds[0], kinds[1]) if held == kinds[0] else None

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
            "rebound": self.compiler.rebinds(name),
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
        if module is not None:
            old = as_it_stands(old, module, change.old, self.compiler.old.modules, ())
        nodes = [without_annotation(s.node) for s in old]
        return encoded(compile_body(nodes, body.owners, change.old.file, body.old.flags, imported))


def _left_out(body: BodyChange, statement: Statement, name: str) -> Statement | None:
    """The statement that goes on to bind what another one has assigned (``if FAST: KINDS = ("fast", *KINDS)``), and does not run with it."""
    run = set(map(id, body.run))
    found = None
    for other in body.new.statements[body.new.statements.index(statement) + 1 :]:
        if name in other.names and not _is_passed(other.node, name, body.new):
            found = other if other.kind == "other" and name in other.reads and id(other) not in run else None
    return found


def _is_passed(node: ast.stmt, name: str, body: Body) -> bool:
    """Whether a statement is an ``if`` whose test is a constant of the module, and the name is bound only where it does not go (``if not RELEASED:``)."""
    if not isinstance(node, ast.If):
        return False
    test, wanted = node.test, True
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, wanted = test.operand, not wanted
    if isinstance(test, ast.Name):
        bound = [s.node for s in body.statements if test.id in s.names]
        test = bound[0].value if len(bound) == 1 and isinstance(bound[0], ast.Assign) else test
    if not isinstance(test, ast.Constant):
        return False
    goes = node.body if bool(test.value) == wanted else node.orelse
    return not any(name in bound_in(statement) for statement in goes)


def _full(module: Module, statement: Statement) -> list[str]:
    """The names that a statement binds, each as ``module:Class.name``."""
    return [f"{module.name}:{'.'.join((*statement.owners, name))}" for name in statement.names]


def _more_names(statement: Statement, body: BodyChange) -> Statement | None:
    """What gives data that is kept the names that are new in the statement that makes it (``apps = app = Stack()``, where ``app`` was there); None if there are none."""
    node = statement.node
    if not isinstance(node, ast.Assign) or not all(isinstance(target, ast.Name) for target in node.targets):
        return None
    kept = [name for name in statement.names if name in body.previous]
    new = [name for name in statement.names if name not in body.previous]
    if not (kept and new):
        return None
    targets: list[ast.expr] = [ast.Name(name, ast.Store()) for name in new]
    made = ast.fix_missing_locations(
        ast.copy_location(ast.Assign(targets, ast.Name(kept[0], ast.Load())), node)
    )
    return Statement(made, "assign", tuple(new), statement.owners)


def _attributes_gone(change: ModuleChange) -> list[str]:
    """What only the old version's statements assign to attributes of functions and classes that both versions define (``f.step``)."""
    found: list[set[str]] = []
    assert change.bodies is not None
    for body in change.bodies:
        last = {name: s.kind for s in body.statements for name in s.names}
        assigned = [t for s in body.statements if s.kind == "assign" for t in targets(s.node)]
        found.append(
            {
                f"{t.value.id}.{t.attr}"
                for t in assigned
                if isinstance(t, ast.Attribute)
                and isinstance(t.value, ast.Name)
                and last.get(t.value.id) in ("def", "class")
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
        for target in targets(statement.node) if statement.kind == "assign" else ():
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
