"""How new statements, run aside while the program goes on, read data that the same update changes.

Until the switch a module's namespace holds the old values, and only the statements' own locals hold the new ones. Class bodies,
comprehensions and ``module.NAME`` look past these locals. So the names that they read are written otherwise in the code that is run
(``conf:LIMIT``, which no program can say), and stand in the namespace under that name while it runs.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING

from podus.program.body import Body, Statement
from podus.program.flow import absolute
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.derived import Name
    from podus.planning.toplevel import TopLevel


class Staged:
    """Rewrites what runs while staging. ``names`` are the data that keep their old value until the switch."""

    def __init__(self, toplevel: TopLevel) -> None:
        self.compiler = toplevel.compiler
        self.run = toplevel.run
        self.names: set[Name] = set()
        for module, statements in toplevel.run.items():
            body = self.compiler.changes[module].body
            assert body is not None
            for statement in statements:
                if statement.kind in ("assign", "import", "other"):
                    self.names |= {(module, n) for n in statement.names if n in body.previous}
        # Attributes of functions and classes that go on: what statements so far have assigned to them, as ``f.step``.
        self.attributes: dict[str, set[str]] = {}
        grown = bool(self.names)
        while grown:
            size = len(self.names)
            for part in toplevel.parts.values():
                for local, (source, name) in part.redirects.items():
                    if (source, name) in self.names:
                        self.names.add((part.name, local))
            grown = len(self.names) > size

    def rewrite(
        self, statements: list[Statement], module: Module, body: Body, used: list[str]
    ) -> list[ast.stmt]:
        """The nodes of some statements of ``body`` to run; adds to ``used`` the names that must stand in the namespace meanwhile."""
        reader = _Reader(self, module)
        if not body.owners:
            run = set(map(id, self.run.get(module.name, ())))
            reader.owners = {
                s.names[-1] for s in body.statements if s.kind in ("def", "class") and id(s) not in run
            }
        found: list[ast.stmt] = []
        for statement in statements:
            reader.hidden = [body.binds()] if body.owners else []
            before, reader.rewritten = len(reader.used), False
            node = reader.visit(copy.deepcopy(statement.node))
            found.append(node if len(reader.used) > before or reader.rewritten else statement.node)
        used += [name for name in dict.fromkeys(reader.used) if name not in used]
        return found


class _Reader(ast.NodeTransformer):
    """Writes the names otherwise that would be looked up past the statement's own locals."""

    def __init__(self, staged: Staged, module: Module) -> None:
        self.staged = staged
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
        if isinstance(node, ast.Name):
            name = (self.module.name, node.id) if self.hidden else None
        else:
            name = self.meanings.of(self.module, node)
        if name is None or name not in self.staged.names:
            return node
        found = ":".join(name)
        self.used.append(found)
        return ast.copy_location(ast.Name(found, ast.Load()), node)

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

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        # In the order in which they run.
        node.value = self.visit(node.value)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        node.value = self.visit(node.value)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        # What a star brings is read from the other module's __all__ as it still is.
        base = absolute(self.module.name, self.module.package, node.level, node.module or "")
        if node.names[0].name == "*" and (base, "__all__") in self.staged.names:
            names = sorted(self.meanings.exported(self.meanings.version.modules[base]))
            if names:
                self.rewritten = True
                node.names = [ast.alias(name) for name in names]
                for alias in node.names:
                    ast.copy_location(alias, node)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self._defaults(node.args)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        # An annotation may be kept as it is written.
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        node.bases = [self.visit(b) for b in node.bases]
        for keyword in node.keywords:
            self.visit(keyword)
        self.hidden.append(_stored(node.body))
        node.body = [self.visit(s) for s in node.body]
        self.hidden.pop()
        return node

    def _comprehension(self, node: ast.AST) -> ast.AST:
        self.hidden.append(_stored([node]))
        self.generic_visit(node)
        self.hidden.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _defaults(self, arguments: ast.arguments) -> None:
        arguments.defaults = [self.visit(d) for d in arguments.defaults]
        arguments.kw_defaults = [d and self.visit(d) for d in arguments.kw_defaults]


def _stored(nodes: list[ast.stmt] | list[ast.AST]) -> set[str]:
    """The names that are bound in some nodes, in an inner scope or not: those are left as they are."""
    found: set[str] = set()
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                found.add(part.id)
            elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(part.name)
            elif isinstance(part, ast.alias):
                found.add(part.asname or part.name.partition(".")[0])
    return found
