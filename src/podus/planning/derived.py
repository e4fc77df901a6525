"""Statements that did not change, but would give another result now: they are worked out again, if that has no other effect.

A constant computed from a changed one, in the same module or another; a default that it gives; a definition that stands under a
condition; a table that a changed procedure makes; what a star import brings. A fresh process would have all of these.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.program.body import Definition, Statement
from podus.program.changes import BodyChange, ModuleChange, compare_modules
from podus.program.code import INLINE_NAMES, is_function, nested, walk
from podus.program.constant import Computation, Resolve
from podus.program.flow import absolute
from podus.program.operands import LOADS, STORES_NAME, any_named, imported, named
from podus.program.version import Module, Version

if TYPE_CHECKING:
    from types import CodeType

    from podus.planning.compile import Compiler

Name = tuple[str, str]
_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod"})


class Meanings:
    """What the names of one version's modules mean: which module's which name, where they come from another one."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._imports: dict[str, dict[str, tuple[str, str]]] = {}

    def imports(self, module: Module) -> dict[str, tuple[str, str]]:
        """Local name -> ``(module, name)`` of the program that it was imported from; the name is "" for a module itself."""
        found = self._imports.get(module.name)
        if found is None:
            found = self._imports[module.name] = {}
            body = module.body
            for statement in body.statements if body is not None else ():
                self._note(module, statement.node, found)
        return found

    def _note(self, module: Module, node: ast.stmt, found: dict[str, tuple[str, str]]) -> None:
        modules = self.version.modules
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = (name, "")
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module.name, module.package, node.level, node.module or "")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in modules and not _binds(modules.get(base), alias.name):
                    found[alias.asname or alias.name] = (inner, "")
                elif alias.name != "*":
                    found[alias.asname or alias.name] = (base, alias.name)

    def of(self, module: Module, node: ast.expr) -> Name | None:
        """The module and the name that ``NAME`` or ``module.NAME`` stands for in ``module``; None if that isn't seen."""
        words: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            words.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return None
        imported = self.imports(module).get(inner.id)
        if imported is None:
            return (module.name, inner.id) if not words else None
        home, name = imported
        if name:
            return imported if not words else None
        while words and f"{home}.{words[-1]}" in self.version.modules:
            home = f"{home}.{words.pop()}"
        return (home, words[0]) if len(words) == 1 and home in self.version.modules else None

    def exported(
        self, module: Module, *, at_most: bool = False, seen: frozenset[str] = frozenset()
    ) -> set[str]:
        """The names that ``from module import *`` brings: those that the text is sure of, or all that it may bring (``at_most``)."""
        body = module.body
        if body is None or module.name in seen:
            return set()
        told = [s for s in body.statements if "__all__" in s.names or "__all__" in s.reads]
        value = getattr(told[0].node, "value", None) if told else None
        if len(told) == 1 and told[0].kind == "assign" and isinstance(value, ast.List | ast.Tuple):
            words = [e.value if isinstance(e, ast.Constant) else None for e in value.elts]
            if all(isinstance(word, str) for word in words):
                return {str(word) for word in words}
        if told and not at_most:
            return set()
        names = {name for name in body.binds() if told or not name.startswith("_")}
        return names | self.starred(module, at_most=at_most, seen=seen)

    def starred(
        self, module: Module, *, at_most: bool = False, seen: frozenset[str] = frozenset()
    ) -> set[str]:
        """The names that the star imports of a module bring it."""
        body = module.body
        found: set[str] = set()
        for statement in body.statements if body is not None else ():
            node = statement.node
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                base = absolute(module.name, module.package, node.level, node.module or "")
                if base in self.version.modules:
                    other = self.version.modules[base]
                    found |= self.exported(other, at_most=at_most, seen=seen | {module.name})
        return found

    def definition(self, module: Module) -> Resolve:
        """Finds the top-level procedure of the program that an expression of ``module`` names."""

        def resolve(node: ast.expr) -> tuple[str, Definition, Resolve] | None:
            for _ in range(4):
                name = self.of(module if not isinstance(node, _Found) else node.module, node)
                home = self.version.modules.get(name[0]) if name is not None else None
                body = home.body if home is not None else None
                if name is None or home is None or body is None:
                    return None
                last = body.last(name[1])
                if last is None:
                    return None
                if isinstance(last.node, ast.FunctionDef | ast.AsyncFunctionDef):
                    return f"{name[0]}:{name[1]}", last.node, self.definition(home)
                if last.kind != "import":
                    return None
                node = _Found(id=name[1], ctx=ast.Load())
                node.module = home
            return None

        return resolve


class _Found(ast.Name):
    """A name in another module than the one where the search began."""

    module: Module


def _binds(module: Module | None, name: str) -> bool:
    return module is not None and any_named(module.code, STORES_NAME, name)


class Derived:
    """Finds what has to be worked out again, and adds it to what runs."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.old = Meanings(compiler.old)
        self.new = Meanings(compiler.new)
        # Data that takes another value, and procedures that return one.
        self.moved: set[Name] = set()
        # Of the data those that assignments make: type aliases among them, which annotations name.
        self.assigned: set[Name] = set()
        self.procedures: set[str] = set()

    def follow(self) -> None:
        """Add to the changes what follows from them."""
        changes = self.compiler.changes
        for change in changes.values():
            home = change.new.name
            self.procedures |= {f"{home}:{name}" for name in change.changed if "." not in name}
            if change.body is not None:
                self._mark(home, [s for s in change.body.run if s.kind in ("assign", "import", "other")])
        in_classes = {
            home
            for home, change in changes.items()
            if change.body is not None and any(c.run for c in change.body.all_classes())
        }
        grown = bool(self.moved or self.procedures or in_classes)
        while grown:
            grown = False
            words = {name for _, name in self.moved} | {p.partition(":")[2] for p in self.procedures}
            for module in list(self.compiler.new.modules.values()):
                concerned = module.name in in_classes or words & _reachable_names(module.code)
                if module.source is not None and concerned:
                    grown = self._module(module) or grown

    def lost(self, module: Module) -> list[str]:
        """The names that a module had from star imports and that the new version's don't bring any more."""
        before = self.compiler.old.modules.get(module.name)
        bodies = (before.body if before is not None else None, module.body)
        if before is None or bodies[0] is None or bodies[1] is None:
            return []
        had = self.old.starred(before) - bodies[0].binds()
        return sorted(had - self.new.starred(module, at_most=True) - bodies[1].binds())

    def extend(self, change: ModuleChange, body: BodyChange) -> None:
        """Add to the statements of a class's body that differ those that follow from what is found."""
        self._body(change, body, frozenset())

    def _mark(self, home: str, statements: list[Statement]) -> None:
        change = self.compiler.changes[home]
        assert change.body is not None
        for statement in statements:
            names = [name for name in statement.names if name in change.body.previous]
            self.moved |= {(home, name) for name in names}
            if statement.kind == "assign":
                self.assigned |= {(home, name) for name in names}

    def computed(self, statement: Statement, module: Module, *, old: bool = False) -> Computation | None:
        """How the value of an assignment is worked out where that takes a closer look: calls of the program's procedures, comprehensions.

        None if it has another effect.
        """
        value = getattr(statement.node, "value", None)
        if statement.kind != "assign" or value is None or statement.pure:
            return None
        found = Computation((self.old if old else self.new).definition(module)).take(value)
        return found if found.only else None

    def _module(self, module: Module) -> bool:
        body = module.body
        if body is None or (module.main and not any(s.kind == "main" for s in body.statements)):
            # A script whose top level is the program itself: what it has worked out is its state.
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
        for statement in body.new.statements:
            if statement.kind == "class":
                if id(statement) not in chosen and statement.names[-1] in body.previous:
                    count -= self._class(change, body, statement)
            elif (
                id(statement) not in chosen
                and (self._follows(statement, change.new, hidden) or _goes_on(statement, body, bound))
                and self._fit(statement, change.new)
            ):
                chosen.add(id(statement))
                if not body.owners:
                    self.moved |= {(change.new.name, n) for n in statement.names if statement.kind != "def"}
                    if statement.kind == "assign":
                        self.assigned |= {(change.new.name, n) for n in statement.names}
            if body.owners:
                runs = id(statement) in chosen and statement.kind in ("assign", "import", "other")
                bound |= {name: runs and name in body.previous for name in statement.names}
        body.run = [s for s in body.new.statements if id(s) in chosen]
        return len(chosen) > count

    def _class(self, change: ModuleChange, body: BodyChange, statement: Statement) -> bool:
        assert statement.body is not None
        inner = next((c for c in body.classes if c.owners == statement.body.owners), None)
        if inner is None:
            old = body.previous[statement.names[-1]]
            if old.body is None:
                return False
            inner = BodyChange(statement.body)
            inner.previous = {name: s for s in old.body.statements for name in s.names}
            if not self._body(change, inner, frozenset()):
                return False
            body.classes.append(inner)
            return True
        return self._body(change, inner, frozenset())

    def _follows(self, statement: Statement, module: Module, hidden: frozenset[str] | set[str]) -> bool:
        """Whether a statement reads something that has moved."""
        if any((module.name, n) not in self.moved for n in statement.reads.intersection(statement.names)):
            # It goes on from what it has bound itself.
            return False
        if any((module.name, n) in self.moved and n not in hidden for n in statement.reads):
            return True
        for node in _reads(statement.node):
            if _root(node) in hidden:
                continue
            imported = isinstance(node, ast.Attribute) or node.id in self.new.imports(module)
            if imported and self.new.of(module, node) in self.moved:
                return True
        if statement.kind == "def" and any(
            (module.name, name) in self.assigned and name not in hidden
            for name in _annotations(statement.node)
        ):
            return True
        computed = self.computed(statement, module)
        return computed is not None and bool(self.procedures & set(computed.calls))

    def _fit(self, statement: Statement, module: Module) -> bool:
        """Whether running it again has no effect but on the names that it binds."""
        if statement.kind == "assign":
            if any(not isinstance(n, ast.Name) for n in _targets(statement.node)):
                return False
            return statement.pure or self.computed(statement, module) is not None
        return _is_definition(statement.node)


def _goes_on(statement: Statement, body: BodyChange, bound: dict[str, bool]) -> bool:
    """Whether a statement of a class's body reads a name that the body has just given another value."""
    read = [name for name in statement.reads if name in bound]
    if any(name in statement.names for name in read) or not any(bound[name] for name in read):
        return False
    # What is bound once more by a later statement has the class's last value by now, not the one that it had at this place.
    later = [name for other in body.new.statements for name in other.names]
    return all(bound[name] or later.count(name) == 1 for name in read)


def _targets(node: ast.stmt) -> Iterator[ast.expr]:
    """What an assignment assigns to, each by itself."""
    todo: list[ast.expr] = (
        node.targets
        if isinstance(node, ast.Assign)
        else [getattr(node, "target", None) or ast.Constant(None)]
    )
    for target in todo:
        if isinstance(target, ast.Tuple | ast.List):
            yield from (t.value if isinstance(t, ast.Starred) else t for t in target.elts)
        else:
            yield target


def _is_definition(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return all(isinstance(d, ast.Name) and d.id in _PLAIN_DECORATORS for d in node.decorator_list)
    if isinstance(node, ast.If):
        inner = [*node.body, *node.orelse]
        return _pure(node.test) and all(
            isinstance(s, ast.Pass)
            or _is_definition(s)
            or (
                isinstance(s, ast.Assign)
                and _pure(s.value)
                and all(isinstance(t, ast.Name) for t in s.targets)
            )
            for s in inner
        )
    return False


def _pure(node: ast.expr) -> bool:
    return Statement(ast.copy_location(ast.Assign([], node), node), "assign", (), ()).pure


def _reads(node: ast.stmt) -> Iterator[ast.Name | ast.Attribute]:
    """The names, and names of names, that a statement loads when it runs."""
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Load):
            yield part
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += [*part.args.defaults, *(d for d in part.args.kw_defaults if d)]
            todo += getattr(part, "decorator_list", [])
        else:
            todo += ast.iter_child_nodes(part)


def _annotations(node: ast.stmt) -> Iterator[str]:
    """The names in the annotations of a procedure."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts = [part.annotation for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        for part in (*parts, node.returns):
            for name in ast.walk(part) if part is not None else ():
                if isinstance(name, ast.Name):
                    yield name.id


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _outer_names(code: CodeType) -> tuple[set[str], list[tuple[str, str]]]:
    """The names that a module's own code and the bodies of its classes load, without its procedures; and what they import as what."""
    # A class body has names of the function around it among its free variables.
    found, brought = {*named(code, LOADS), *code.co_freevars}, list(imported(code))
    for inner in nested(code):
        if not is_function(inner) or inner.co_name in INLINE_NAMES:
            names, more = _outer_names(inner)
            found |= names
            brought += more
    return found, brought


def _reachable_names(code: CodeType) -> set[str]:
    """Those names, what the module's own procedures among them mention, directly or not, and what was imported under one of them."""
    found, brought = _outer_names(code)
    procedures = {inner.co_name: inner for inner in nested(code) if is_function(inner)}
    todo = list(found & procedures.keys())
    while todo:
        for inner in walk(procedures.pop(todo.pop())):
            found |= set(inner.co_names)
        todo = list(found & procedures.keys())
    return found | {name for name, alias in brought if alias in found}
