"""How new statements, run aside while the program goes on, read data that the same update changes.

Until the switch a module's namespace holds the old values, and only the statements' own locals hold the new ones. Class bodies,
comprehensions and ``module.NAME`` look past these locals. So the names that they read are written otherwise in the code that is run
(``_:conf:LIMIT``, which no program can say and no star brings), and stand in the namespace under that name while it runs.

So do the functions that the statements make, and the modules that are imported for the first time: they have such code for as long as
statements run, tell of themselves when they are made (``_:made``), and are given their own code at the end.
"""

from __future__ import annotations
import __future__

import ast
import copy
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from podus.planning.pack import ASIDE, ASKING, MADE
from podus.program.body import Body, Statement
from podus.program.flow import absolute
from podus.program.nodes import everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.meanings import Name
    from podus.planning.toplevel import TopLevel


class Staged:
    """Rewrites what runs while staging. ``names`` are the data that keep their old value until the switch."""

    def __init__(self, toplevel: TopLevel) -> None:
        self.compiler = toplevel.compiler
        self.run = toplevel.run
        self.parts = toplevel.parts
        self.names: set[Name] = set()
        # With the functions and classes that are made again, of which the old one goes on.
        self.definitions: set[Name] = set()
        # The classes among them, that others read as ``module.Class``.
        self.classes: set[Name] = set()
        for module, statements in toplevel.run.items():
            body = self.compiler.changes[module].body
            assert body is not None
            for statement in statements:
                found = {(module, n) for n in statement.names if n in body.previous}
                self.definitions |= found
                if statement.kind in ("assign", "import", "other"):
                    self.names |= found
                elif statement.kind == "class":
                    self.classes |= found
        # Attributes of functions and classes that go on: what statements so far have assigned to them, as ``f.step``.
        self.attributes: dict[str, set[str]] = {}
        self._follow_imports(self.names)
        self._follow_imports(self.definitions)
        # Module -> the names that it has of all this: no statement that says none of them reads any of it, but as `module.NAME`.
        self._words: dict[str, set[str]] = {}
        for home, name in self.names | self.definitions:
            self._words.setdefault(home, {"*"}).add(name)
        self._attributes = {name for _, name in self.names | self.classes}

    def _follow_imports(self, names: set[Name]) -> None:
        grown = bool(names)
        while grown:
            size = len(names)
            for part in self.parts.values():
                for local, (source, name) in part.redirects.items():
                    if (source, name) in names:
                        names.add((part.name, local))
                # Modules that do not change have imported it as well.
                for name, importers in part.importers.items():
                    if (part.name, name) in names:
                        names |= {
                            (module, local) for module, _, local in (i.partition(":") for i in importers)
                        }
            grown = len(names) > size

    def imported(self, module: Module, used: list[str]) -> list[ast.stmt] | None:
        """The nodes of a module that is imported for the first time, as they run before the switch; None if that makes no difference."""
        if module.body is None or not self.names:
            return None
        reader = _Reader(self, module, inside=True)
        reader.imported = True
        found: list[ast.stmt] = []
        for statement in module.body.statements:
            node = reader.visit(copy.deepcopy(statement.node))
            found += node if isinstance(node, list) else [node]
        used += dict.fromkeys(reader.used)
        return found if reader.used else None

    def rewrite(
        self, statements: list[Statement], module: Module, body: Body, used: list[str]
    ) -> tuple[list[ast.stmt], list[ast.stmt] | None]:
        """The nodes of some statements of ``body`` to run, and the same with other functions while they run (None: these are as they will be).

        Adds to ``used`` the names that must stand in the namespace meanwhile.
        """
        attributes = self.attributes.setdefault(module.name, set())
        before = set(attributes)
        inside = _Reader(self, module, inside=True)
        staged = self._read(inside, statements, body)
        attributes &= before
        reader = _Reader(self, module, inside=False)
        plain = self._read(reader, statements, body)
        used += [name for name in dict.fromkeys([*reader.used, *inside.used]) if name not in used]
        return plain, staged if inside.makes else None

    def _read(self, reader: _Reader, statements: list[Statement], body: Body) -> list[ast.stmt]:
        if not body.owners:
            run = set(map(id, self.run.get(reader.module.name, ())))
            reader.owners = {
                s.names[-1] for s in body.statements if s.kind in ("def", "class") and id(s) not in run
            }
        found: list[ast.stmt] = []
        for statement in statements:
            if not self._concerns(statement, reader, {*body.binds()} if body.owners else set()):
                found.append(statement.node)
                continue
            reader.hidden = [body.binds()] if body.owners else []
            reader.classes = len(body.owners)
            before, reader.rewritten = len(reader.used), False
            node = reader.visit(copy.deepcopy(statement.node))
            changed = len(reader.used) > before or reader.rewritten
            found += (node if isinstance(node, list) else [node]) if changed else [statement.node]
        return found

    def _concerns(self, statement: Statement, reader: _Reader, own: set[str]) -> bool:
        """Whether a statement may have to be written otherwise; ``own`` are names that its class has itself."""
        names, attributes = statement.words
        there = self._words.get(reader.module.name, {"*"}) - own | reader.owners
        return not (names.isdisjoint(there) and attributes.isdisjoint(self._attributes))


class _Reader(ast.NodeTransformer):
    """Writes the names otherwise that would be looked up past the statement's own locals."""

    def __init__(self, staged: Staged, module: Module, *, inside: bool) -> None:
        self.staged = staged
        self.inside = inside
        self.imported = False
        # The scopes of functions around, which what is defined in a class sees past the class.
        self.functions: list[set[str]] = []
        self.classes = 0
        # Whether a function has been rewritten.
        self.makes = False
        # Whether annotations are worked out by the statements that have them, and not kept as they are written, or until they are asked for.
        flags = module.body.flags if module.body is not None else 0
        self.annotates = sys.version_info < (3, 14) and not flags & __future__.annotations.compiler_flag
        self.meanings = staged.compiler.derived.new
        self.module = module
        self.used: list[str] = []
        self.rewritten = False
        # The functions and classes whose attributes are the switch's business.
        self.owners: set[str] = set()
        self.attributes = staged.attributes.setdefault(module.name, set())
        # What the scopes inside the module's own bind, innermost last; none: the statement's locals are looked into.
        self.hidden: list[set[str]] = []

    def _named(self, node: ast.Name | ast.Attribute) -> ast.expr:
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or any(root.id in names for names in self.hidden):
            return node
        if self.classes and root.id.startswith("__") and not root.id.endswith("__"):
            return node  # Inside a class the compiler may make another name of it.
        if isinstance(node, ast.Name):
            name = (self.module.name, node.id) if self.hidden else None
        else:
            name = self.meanings.of(self.module, node)
        if name is None or not self._is_staged(name, isinstance(node, ast.Attribute)):
            return node
        found = ":".join(name)
        self.used.append(found)
        return ast.copy_location(ast.Name(ASIDE + found, ast.Load()), node)

    def _is_staged(self, name: Name, attribute: bool) -> bool:
        if attribute and name in self.staged.classes:
            return True
        own = self.hidden and name[0] == self.module.name
        return name in ((self.staged.definitions if own else set()) or self.staged.names)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._named(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            made = self._named(node)
            if made is not node:
                return made
        owner = node.value.id if isinstance(node.value, ast.Name) and not self.hidden else ""
        name = f"{owner}.{node.attr}"
        stored = isinstance(node.ctx, ast.Store)
        if owner in self.owners and (stored or name in self.attributes):
            self.rewritten = True
            if stored:
                self.attributes.add(name)
            return ast.copy_location(ast.Name(name, node.ctx), node)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        before = len(self.used)
        self.generic_visit(node)
        asks = node.func.id if isinstance(node.func, ast.Name) and self.hidden else ""
        if asks in ASKING and len(self.used) > before and not self._binds(asks):
            # What derives from the class that goes on derives from the new one, too.
            self.used.append(f"builtins:{asks}")
            node.func = ast.copy_location(ast.Name(ASIDE + self.used[-1], ast.Load()), node.func)
        return node

    def _binds(self, name: str) -> bool:
        own = self.module.body.binds() if self.module.body is not None else set()
        return any(name in names for names in (own, *self.hidden))

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        # In the order in which they run.
        node.value = self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        base = absolute(self.module.name, self.module.package, node.level, node.module or "")
        if node.names[0].name == "*" and (base, "__all__") in self.staged.names:
            # What a star brings is read from the other module's __all__ as it still is.
            names = sorted(self.meanings.exported(self.meanings.version.modules[base]))
            if names:
                self.rewritten = True
                node.names = [ast.alias(name) for name in names]
                for alias in node.names:
                    ast.copy_location(alias, node)
        if not (self.imported or self.functions):
            return node
        pairs = [(alias.asname or alias.name, alias.name) for alias in node.names]
        if node.names[0].name == "*":
            pairs = [(name, name) for source, name in sorted(self.staged.names) if source == base]
        found: list[ast.stmt] = [node]
        for local, name in pairs:
            if (base, name) in self.staged.names:
                self.used.append(f"{base}:{name}")
                value = ast.Name(ASIDE + self.used[-1], ast.Load())
                found.append(ast.Assign([ast.Name(local, ast.Store())], value))
                ast.fix_missing_locations(ast.copy_location(found[-1], node))
        return found

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        before = len(self.used)
        if self.inside:
            self._enter(_locals(node.args, [node.body]), node)
        if len(self.used) == before:
            return node
        self.makes = True
        return ast.copy_location(ast.Call(_made(node), [node], []), node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        if self.annotates:
            with self._parameters(node):
                self._annotations(node)
        before = len(self.used)
        if self.inside:
            self._enter(_locals(node.args, node.body), node)
        if len(self.used) > before:
            self.makes = True
            node.decorator_list.append(_made(node))
        return node

    def _enter(self, names: set[str], node: ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outside = self.hidden, self.functions
        self.functions = [*self.functions, names]
        self.hidden = list(self.functions)
        if isinstance(node, ast.Lambda):
            node.body = self.visit(node.body)
        else:
            node.body = self._visited(node.body)
        self.hidden, self.functions = outside

    def _visited(self, nodes: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for node in nodes:
            made: Any = self.visit(node)
            found += made if isinstance(made, list) else [made]
        return found

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self.annotates and not self.functions:
            node.annotation = self.visit(node.annotation)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        with self._parameters(node):
            node.bases = [self.visit(b) for b in node.bases]
            for keyword in node.keywords:
                self.visit(keyword)
        self.hidden.append(_stored(node.body))
        self.classes += 1
        node.body = self._visited(node.body)
        self.classes -= 1
        self.hidden.pop()
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        return node

    def _comprehension(self, node: ast.AST) -> ast.AST:
        self.hidden.append(_stored([node]))
        self.generic_visit(node)
        self.hidden.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _annotations(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in everything_in(node.args):
            if isinstance(part, ast.arg) and part.annotation is not None:
                part.annotation = self.visit(part.annotation)
        node.returns = node.returns and self.visit(node.returns)

    @contextmanager
    def _parameters(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[None]:
        """With its type parameters a definition has a scope of its own around it."""
        names = {parameter.name for parameter in getattr(node, "type_params", ())}
        if names:
            self.hidden.append(names)
        yield
        if names:
            self.hidden.pop()

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(d) for d in arguments.defaults]
        arguments.kw_defaults = [d and self.visit(d) for d in arguments.kw_defaults]


def _made(node: ast.expr | ast.stmt) -> ast.expr:
    """What is told of a function that is made; on the function's own line."""
    return ast.copy_location(ast.Name(MADE, ast.Load()), node)


def _locals(arguments: ast.arguments, nodes: list[ast.stmt] | list[ast.expr]) -> set[str]:
    """What is no name of the module in a function: its parameters, what it binds, and what it may bind in the module itself."""
    found = _stored([*nodes])
    for part in everything_in(arguments):
        if isinstance(part, ast.arg):
            found.add(part.arg)
    for node in nodes:
        for part in everything_in(node):
            if isinstance(part, ast.Global | ast.Nonlocal):
                found.update(part.names)
            elif isinstance(part, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and part.name:
                found.add(part.name)
            elif isinstance(part, ast.MatchMapping) and part.rest:
                found.add(part.rest)
            elif isinstance(part, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
                found.update(a.arg for a in everything_in(part.args) if isinstance(a, ast.arg))
    return found


def _stored(nodes: Sequence[ast.AST]) -> set[str]:
    """The names that are bound in some nodes, in an inner scope or not: those are left as they are."""
    found: set[str] = set()
    for node in nodes:
        for part in everything_in(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found.add(part.id)
            elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(part.name)
            elif isinstance(part, ast.alias):
                found.add(part.asname or part.name.partition(".")[0])
    return found
