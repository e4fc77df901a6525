"""Statements that did not change, but would give another result now: they are worked out again, if that has no other effect.

A constant computed from a changed one, in the same module or another; a default that it gives; a definition that stands under a
condition; a table that a changed procedure makes; what a star import brings. A fresh process would have all of these.
"""

from __future__ import annotations

import ast
from collections.abc import Set
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING

from podus.planning.decorators import Decorators
from podus.planning.filling import acted_on
from podus.planning.following import Following
from podus.planning.lagging import Lagging
from podus.planning.meanings import Name
from podus.planning.mentions import Mentions
from podus.planning.reading import (
    defaults,
    done_to,
    in_class_head,
    is_script,
    is_star,
    reads,
)
from podus.planning.registries import Registries
from podus.planning.shapes import is_reshaped
from podus.planning.surveying import Surveys, tables
from podus.program.bindings import NAMESPACE, bound_in, root
from podus.program.body import Statement
from podus.program.changes import (
    BodyChange,
    ModuleChange,
    compare_bodies,
    compare_modules,
    complete,
)
from podus.program.nodes import everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.compile import Compiler

_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod", "property", "overload"})


class Derived(Following):
    """Finds what has to be worked out again, and adds it to what runs."""

    def __init__(self, compiler: Compiler) -> None:
        super().__init__(compiler)
        self.mentions = Mentions(compiler.new)
        # The words of which one is in every statement that follows from something.
        self._words: set[str] = set()
        self.decorators = Decorators(self)
        self.surveys = Surveys(self)
        self.registries = Registries(self)
        self.lagging = Lagging(self)
        # Decorated definitions that run again: what others have hung on the object that they had made is hung on the new one.
        self.remade: set[Name] = set()
        # Statements that did something to these and are not run again, by their ids; and to which.
        self.not_hung: dict[int, tuple[Module, Statement, str]] = {}
        # Statements that give attributes to what a call makes again, by their ids; and to which data.
        self.hung: dict[int, str] = {}
        self._reset = frozenset(compiler.request.get("reset") or ())

    def follow(self) -> None:
        """Add to the changes what follows from them."""
        changes = self.compiler.changes
        for change in changes.values():
            home = change.new.name
            changed = {f"{home}:{name}" for name in change.changed if _is_outermost(name)}
            self.procedures |= {name for name in changed if self._is_asked_for(name)}
            self.decorators.mark(change)
            if change.old.package != change.new.package:
                # A module that becomes a package, or is one no more, has another place.
                self.moved.add((home, "__file__"))
            if change.body is not None:
                self._mark(home, [s for s in change.body.run if s.kind in ("assign", "import", "other")])
                self.moved |= {
                    (home, s.names[-1])
                    for s in change.body.run
                    if s.kind in ("class", "def") and _was_imported(change.body.previous.get(s.names[-1]))
                }
                self.come |= {
                    (home, n) for s in change.body.run for n in s.names if n not in change.body.previous
                }
                self._mark_classes(home, change.body)
                if change.body.run or change.body.removed:
                    self.regrown.add(home)
                self.remade |= {(home, name) for s in change.body.run for name in _remakes(s, change.body)}
                self.procedures |= {
                    f"{home}:{s.names[-1]}"
                    for s in change.body.run
                    if s.kind == "def" and _has_other_defaults(s, change.body.previous.get(s.names[-1]))
                }
        in_classes = {
            home
            for home, change in changes.items()
            if change.body is not None and any(c.run for c in change.body.all_classes())
        }
        self._compare_reset()
        self.registries.find()
        # Data of classes that is to be made again runs where it stands in its body.
        in_classes |= {n.partition(":")[0] for n in self._reset if "." in n.partition(":")[2]}
        lists = {m for m in self.regrown if self.mentions.lists_names(self.compiler.new.modules[m])}
        lists |= self.surveys.modules | self._of_installed
        grown = bool(self.moved or self.procedures or in_classes or self.reshaped or self.remade or lists)
        grown = grown or bool(self.registries.grown or self.come)
        while grown:
            grown = False
            self._mark_readers()
            self.decorators.mark_readers()
            words = self._words = self._concerned()
            for module in list(self.compiler.new.modules.values()):
                concerned = module.name in in_classes | lists or words & self.mentions.of(module)
                if module.source is not None and concerned:
                    grown = self._module(module) or grown
        self._words = self._concerned()
        for change in changes.values():
            if change.body is not None:
                self._from_the_start(change.new, change.body)

    def _is_asked_for(self, procedure: str) -> bool:
        """Whether a procedure is to be updated now: what follows from one that is left out is left as well."""
        only = self.compiler.request.get("only")
        return not only or any(fnmatchcase(procedure, pattern) for pattern in only)

    @cached_property
    def _of_installed(self) -> set[str]:
        """The modules, of packages that change, that may ask what release of something is installed."""
        tops = {name.partition(".")[0] for name in self.compiler.changes}
        return {
            module.name
            for module in self.compiler.new.modules.values()
            if module.name.partition(".")[0] in tops and "version" in self.mentions.of(module)
        }

    def _concerned(self) -> set[str]:
        words = {
            name.rpartition(".")[2]
            for _, name in self.moved | self.reshaped | self.remade | self.decorators.names()
        } | {p.partition(":")[2].rpartition(".")[2] for p in self.procedures}
        words |= self.registries.words() | {name for _, name in self.come}
        more = (NAMESPACE if self.regrown else set()) | ({"version"} if self._of_installed else set())
        return self.mentions.under(words) | more

    def _from_the_start(self, module: Module, body: BodyChange) -> None:
        """Add the imports that bring what statements go on with, so that these do not go on with what they have made of it before."""
        sources = [self.new.source_of(module, statement) for statement in body.run]
        body.run_too(source[0] for source in sources if source is not None)

    def run_of(self, module: Module) -> set[int]:
        """The ids of the statements of a module, and of the classes in it, that run."""
        change = self.compiler.changes.get(module.name)
        if change is None or change.body is None:
            return set()
        return {id(s) for body in (change.body, *change.body.all_classes()) for s in body.run}

    def lost(self, module: Module) -> list[str]:
        """The names that a module had from star imports and that the new version's don't bring any more."""
        before = self.compiler.old.modules.get(module.name)
        bodies = (before.body if before is not None else None, module.body)
        if before is None or bodies[0] is None or bodies[1] is None:
            return []
        had = self.old.starred(before) - bodies[0].binds()
        return sorted(had - self.new.starred(module, at_most=True) - bodies[1].binds())

    def _compare_reset(self) -> None:
        """Compare the bodies of modules of which data is to be made again though nothing of these differs."""
        for name in self._reset:
            home = name.partition(":")[0]
            before, module = (side.modules.get(home) for side in (self.compiler.old, self.compiler.new))
            change = self.compiler.changes.get(home)
            if change is not None and change.body is None and change.bodies is not None:
                # Procedures alone differ.
                change.body = compare_bodies(*change.bodies)
            if change is not None or before is None or module is None or before.source is None:
                continue
            if module.body is not None and name.partition(":")[2].partition(".")[0] in module.body.binds():
                self.compiler.changes[home] = compare_modules(before, module, parse=True)

    def extend(self, change: ModuleChange, body: BodyChange) -> None:
        """Add to the statements of a class's body that differ those that follow from what is found."""
        self._body(change, body, frozenset())

    def _mark(self, home: str, statements: list[Statement]) -> None:
        change = self.compiler.changes[home]
        assert change.body is not None
        before, after = self.old.imports(change.old), self.new.imports(change.new)
        for statement in statements:
            names = [name for name in statement.names if name in change.body.previous]
            if is_star(statement):
                # Brought by another star before, or by none.
                brought = self.new.brought(change.new, statement) & self.old.starred(change.old, at_most=True)
                self.moved |= {(home, n) for n in brought if self._means_another(change, n)}
            elif statement.kind == "import":
                # The others that it brings mean what they meant.
                names = [n for n in names if before.get(n) != after.get(n) and self._means_another(change, n)]
                self.reimported |= {(home, n) for n in names if self._stays_beside(change, n)}
            if statement.kind in ("assign", "other") and not names:
                # What it goes on with holds something else now, though its name is not bound anew.
                names = [
                    name for name in acted_on(statement.node) if _is_data(change.body.previous.get(name))
                ]
            self.moved |= {(home, name) for name in names}
            if statement.kind in ("assign", "other"):
                self.assigned |= {(home, name) for name in names}

    def _means_another(self, change: ModuleChange, name: str) -> bool:
        """Whether what an import brings under a name is another thing now, and not the same by another way."""
        node = ast.Name(name)
        one, other = self.old.origin(change.old, node), self.new.origin(change.new, node)
        return one is None or one != other

    def _stays_beside(self, change: ModuleChange, name: str) -> bool:
        """Whether what an import has brought has not moved: the new version has it where it was."""
        home, words = self.old.origin(change.old, ast.Name(name)) or ("", [])
        if home and home not in self.compiler.old.modules:
            # A library's.
            return True
        there = self.compiler.new.modules.get(home)
        return (
            there is not None
            and there.body is not None
            and bool(words)
            and there.body.last(words[0]) is not None
        )

    def _mark_classes(self, home: str, body: BodyChange) -> None:
        """Note the data of classes that their bodies, or new ones in the place of these, assign otherwise; and which get other members or fields."""
        inner = list(body.classes)
        for statement in body.run:
            before = body.previous.get(statement.names[-1]) if statement.kind == "class" else None
            if statement.body is not None and before is not None and before.body is not None:
                inner.append(compare_bodies(before.body, statement.body))
        for change in inner:
            made = body.new.last(change.owners[-1])
            if made is not None and is_reshaped(made, change):
                self.reshaped.add((home, ".".join(change.owners)))
            for statement in change.run:
                if statement.kind == "assign":
                    self._mark_attributes(home, change, statement)
            self._mark_classes(home, change)

    def _mark_attributes(self, home: str, body: BodyChange, statement: Statement) -> None:
        names = [name for name in statement.names if name in body.previous]
        self.moved |= {(home, ".".join((*body.owners, name))) for name in names}

    def _module(self, module: Module) -> bool:
        body = module.body
        if body is None or is_script(module):
            # What it has worked out is its state.
            return False
        change = self.compiler.changes.get(module.name)
        if change is None or change.body is None:
            before = self.compiler.old.modules.get(module.name)
            if before is None or before.source is None:
                return False
            fresh = compare_modules(before, module, parse=True)
            if fresh.body is None or not self._body(fresh, fresh.body, frozenset()):
                return False
            self.compiler.changes[module.name] = fresh
            self._mark(module.name, fresh.body.run)
            return True
        assert change.body is not None
        if not self._body(change, change.body, frozenset()):
            return False
        self._mark(module.name, [s for s in change.body.run if s.kind in ("assign", "other")])
        return True

    def _body(self, change: ModuleChange, body: BodyChange, own: frozenset[str]) -> bool:
        """Add the statements of one body that follow; says whether there were any. ``own`` are names that hide the module's."""
        chosen = set(map(id, body.run))
        count = len(chosen)
        hidden = own | body.new.binds() if body.owners else own
        # Of a class's own names: whether what has bound them last runs.
        bound: dict[str, bool] = {}
        # The decorated definitions of the body that run again, and what calls make again.
        again: set[str] = set()
        made: set[str] = set()
        for statement in body.new.statements:
            if statement.kind == "class":
                if id(statement) in chosen or statement.names[-1] not in body.previous:
                    continue
                if not (self._reset or self._says(statement, bound.keys())):
                    count -= self._class(change, body, statement)
                    continue
                moves = any(self.moves(node, change.new, hidden) for node in in_class_head(statement.node))
                hangs = self._hangs(statement, change.new, hidden, again)
                if moves or hangs or self.decorators.dressed(statement, change.new, hidden):
                    chosen.add(id(statement))
                else:
                    count -= self._class(change, body, statement)
            elif self._is_reset(statement, change.new):
                chosen.add(id(statement))
                if statement.kind == "assign":
                    self._mark_attributes(change.new.name, body, statement)
            elif id(statement) not in chosen and (name := self._given_to(statement, change.new, made)):
                chosen.add(id(statement))
                self.hung[id(statement)] = name
            elif id(statement) not in chosen and self._surveys_again(statement, change.new):
                chosen.add(id(statement))
                self.moved |= {*tables(self, statement, change.new)}
                self.moved |= {(change.new.name, n) for n in statement.names}
            elif (id(statement) not in chosen and self._says(statement, bound.keys() | again)) and (
                self._hangs(statement, change.new, hidden, again)
                or (
                    (self.follows(statement, change.new, hidden) or _goes_on(statement, body, bound))
                    and self._fit(statement, change.new)
                )
            ):
                chosen.add(id(statement))
                if not body.owners:
                    self.moved |= {(change.new.name, n) for n in statement.names if statement.kind != "def"}
                    if statement.kind == "def" and defaults(statement.node):
                        # What it is called with may be another default.
                        self.procedures.add(f"{change.new.name}:{statement.names[-1]}")
                    if statement.kind == "assign":
                        self.assigned |= {(change.new.name, n) for n in statement.names}
                elif statement.kind == "assign":
                    self._mark_attributes(change.new.name, body, statement)
            else:
                begun = self._begun(statement, change.new, body, hidden)
                if begun is not None and id(begun) not in chosen:
                    # All its steps are made again, from the first on.
                    chosen.add(id(begun))
                    if not body.owners:
                        self.moved |= {(change.new.name, n) for n in begun.names}
                        self.assigned |= {(change.new.name, n) for n in begun.names}
            if id(statement) in chosen:
                again |= _remakes(statement, body)
                made |= {*statement.names} if statement.kind == "assign" and statement.calls else set()
            if body.owners:
                runs = id(statement) in chosen and statement.kind in ("assign", "import", "other")
                bound |= {name: runs and name in body.previous for name in statement.names}
        body.run = [s for s in body.new.statements if id(s) in chosen]
        if not body.owners:
            self.remade |= {(change.new.name, name) for name in again}
        complete(body)
        return len(body.run) > count

    def _surveys_again(self, statement: Statement, module: Module) -> bool:
        """Whether a statement goes by names that come or go, and may run once more for that."""
        if not self.surveys.outdated(statement, module):
            return False
        return (
            self.surveys.only_fills(statement, module)
            if statement.kind == "other"
            else self._fit(statement, module)
        )

    def _says(self, statement: Statement, more: Set[str]) -> bool:
        """Whether a statement mentions something that has moved, or one of ``more``."""
        return statement.says(self._words) or (bool(more) and statement.says(more))

    def _begun(
        self, statement: Statement, module: Module, body: BodyChange, hidden: frozenset[str] | set[str]
    ) -> Statement | None:
        """The assignment that ``statement`` goes on with (``__all__ += other.__all__``), if what it adds has moved."""
        node = statement.node
        if not (isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name)):
            return None
        if not any(self.moves(part, module, hidden) for part in reads(node) if root(part) != node.target.id):
            return None
        before = body.new.statements[: body.new.statements.index(statement)]
        found = next((s for s in reversed(before) if s.kind == "assign" and node.target.id in s.names), None)
        return found if found is not None and node.target.id in body.previous else None

    def _is_reset(self, statement: Statement, module: Module) -> bool:
        """Whether a statement of a class's body makes data that is to be made again, or goes on with it."""
        if statement.kind not in ("assign", "other") or not statement.owners or not self._reset:
            return False
        made = {*statement.names} | acted_on(statement.node)
        names = (".".join((*statement.owners, name)) for name in made)
        return not self._reset.isdisjoint(f"{module.name}:{name}" for name in names)

    def _class(self, change: ModuleChange, body: BodyChange, statement: Statement) -> bool:
        assert statement.body is not None
        inner = next((c for c in body.classes if c.owners == statement.body.owners), None)
        if inner is None:
            old = body.previous[statement.names[-1]]
            if old.body is None:
                return False
            inner = BodyChange(statement.body, old.body)
            inner.previous = {name: s for s in old.body.statements for name in s.names}
            if not self._body(change, inner, frozenset()):
                return False
            body.classes.append(inner)
            return True
        return self._body(change, inner, frozenset())

    def _mark_readers(self) -> None:
        """Note the procedures that may return something else, as they read data that has moved."""
        words = self.mentions.aliases({name.rpartition(".")[2] for _, name in self.moved})
        for module in self.compiler.new.modules.values() if words else ():
            for name, code in module.procedures.items():
                full = f"{module.name}:{name}"
                if not _is_outermost(name) or full in self.procedures or words.isdisjoint(code.co_names):
                    continue
                if self._reads_moved(module, name):
                    self.procedures.add(full)

    def _reads_moved(self, module: Module, name: str) -> bool:
        owner, _, last = name.rpartition(".")
        body = module.body
        if body is not None and owner:
            around = body.last(owner)
            body = around.body if around is not None else None
        statement = body.last(last) if body is not None else None
        if statement is None or statement.kind != "def":
            return False
        parts = [
            part
            for part in everything_in(statement.node)
            if isinstance(part, ast.Name | ast.arg | ast.Attribute)
        ]
        own = {p.arg for p in parts if isinstance(p, ast.arg)}
        own |= bound_in(statement.node)
        return any(not isinstance(p, ast.arg) and self.moves(p, module, own) for p in parts)

    def _hangs(
        self, statement: Statement, module: Module, hidden: frozenset[str] | set[str], again: set[str]
    ) -> bool:
        """Whether a statement hangs something on what a decorated definition that runs again has made: `@cli.command()`, `cli.add(run)`, `run.help = ""`."""
        node = statement.node
        calls: list[ast.expr] = list(getattr(node, "decorator_list", ()))
        if not (self.remade or again):
            return False
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            given = (*node.value.args, *(k.value for k in node.value.keywords))
            # Other calls do something that need not be done once more.
            if any(self.new.defines(module, value) for value in given):
                calls.append(node.value)
        for call in calls:
            function = call.func if isinstance(call, ast.Call) else call
            if isinstance(function, ast.Attribute) and self._is_remade(function.value, module, hidden, again):
                return True
        for target, values in done_to(node):
            if self._is_remade(target, module, hidden, again, within=True):
                if all(self.is_pure(value, module) for value in values):
                    return True
                self.not_hung[id(statement)] = (module, statement, root(target))
        return False

    def _given_to(self, statement: Statement, module: Module, made: set[str]) -> str:
        """Which of what calls have ``made`` a statement gives an attribute, which the new object lacks (`once.__doc__ = ""`); "" if none."""
        node = statement.node
        if not (made and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)):
            return ""
        owner = node.targets[0].value
        given = len(node.targets) == 1 and isinstance(owner, ast.Name) and owner.id in made
        return ast.unparse(owner) if given and self.is_pure(node.value, module) else ""

    def _is_remade(
        self,
        node: ast.expr,
        module: Module,
        hidden: frozenset[str] | set[str],
        again: set[str],
        *,
        within: bool = False,
    ) -> bool:
        """Whether it is what a decorated definition has made that runs again; or (``within``) something that it holds."""
        if root(node) in again and (within or isinstance(node, ast.Name)):
            return True
        place = None if root(node) in hidden else self.new.path(module, node)
        if place is None:
            return False
        parts = range(1, len(place[1]) + 1) if within else (len(place[1]),)
        return any((place[0], ".".join(place[1][:count])) in self.remade for count in parts)


def _was_imported(before: Statement | None) -> bool:
    """Whether a definition has the name of something that an import brought: that is another thing."""
    return before is not None and before.kind == "import"


def _has_other_defaults(statement: Statement, before: Statement | None) -> bool:
    """Whether what a function's parameters are if nothing is given for them is said otherwise."""
    if before is None or before.kind != "def":
        return False
    sides = ([ast.dump(default) for default in defaults(one.node)] for one in (before, statement))
    return next(sides) != next(sides)


def _remakes(statement: Statement, body: BodyChange) -> set[str]:
    """The name of a definition that was there before, and of which a decorator makes, or made, something else than the function itself."""
    before = body.previous.get(statement.names[-1]) if statement.kind == "def" else None
    if before is None or before.kind != "def":
        return set()
    decorators = [d for one in (before, statement) for d in getattr(one.node, "decorator_list", ())]
    plain = all(isinstance(d, ast.Name) and d.id in _PLAIN_DECORATORS for d in decorators)
    return set() if plain else {statement.names[-1]}


def _is_outermost(name: str) -> bool:
    """Whether it is a procedure of a module's top level, or of a class there."""
    return name.count(".") <= 1


def _is_data(before: Statement | None) -> bool:
    return before is not None and before.kind == "assign"


def _goes_on(statement: Statement, body: BodyChange, bound: dict[str, bool]) -> bool:
    """Whether a statement of a class's body reads a name that the body has just given another value."""
    read = [name for name in statement.reads if name in bound]
    if any(name in statement.names for name in read) or not any(bound[name] for name in read):
        return False
    # What is bound once more by a later statement has the class's last value by now, not the one that it had at this place.
    later = [name for other in body.new.statements for name in other.names]
    return all(bound[name] or later.count(name) == 1 for name in read)
