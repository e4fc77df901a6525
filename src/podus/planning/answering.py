"""What statements ask of objects that they make (``LIMIT = Settings().limit()``), where the class answers otherwise now."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING

from podus.program.bindings import root
from podus.program.body import Body
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.derived import Derived
    from podus.program.version import Module

# So many bases are looked through.
_DEEP = 8


class Objects:
    """Looks for them, when all that changes is known."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        # (Module, class) -> what of it is another thing now: methods, and data.
        self._touched: dict[tuple[str, str], set[str]] = {}
        changed = {f"{c.new.name}:{name}" for c in derived.compiler.changes.values() for name in c.changed}
        for full in changed | derived.procedures:
            home, _, name = full.partition(":")
            self._note(home, name)
        for home, name in derived.moved:
            self._note(home, name)
        self._known: dict[tuple[str, str], set[str]] = {}
        # The words that a module has to say to make an object of such a class, or of one that derives from it.
        self.words = self._with_heirs()

    def asked(self, parts: Iterable[ast.AST], module: Module, hidden: Set[str]) -> Iterator[str]:
        """What ``parts`` of a statement ask of an object that it makes, or that its module has made, and are told otherwise."""
        for part in parts if self._touched else ():
            if not isinstance(part, ast.Attribute) or not isinstance(part.ctx, ast.Load):
                continue
            made = self._made(part.value, module, hidden)
            if made is not None and part.attr in self._answers(*made, 0):
                yield ast.unparse(part)

    def _note(self, home: str, name: str) -> None:
        owner, _, member = name.partition(".")
        if member and "." not in member:
            self._touched.setdefault((home, owner), set()).add(member)

    def _with_heirs(self) -> set[str]:
        words = {name for _, name in self._touched}
        grown = bool(words)
        while grown:
            size = len(words)
            for module in self._derived.compiler.new.modules.values():
                if words.isdisjoint(self._derived.mentions.of(module)) or module.body is None:
                    continue
                for statement in module.body.statements:
                    bases = getattr(statement.node, "bases", ()) if statement.kind == "class" else ()
                    said = {
                        part.id
                        for base in bases
                        for part in everything_in(base)
                        if isinstance(part, ast.Name)
                    }
                    said |= {
                        part.attr
                        for base in bases
                        for part in everything_in(base)
                        if isinstance(part, ast.Attribute)
                    }
                    if not words.isdisjoint(said):
                        words.add(statement.names[-1])
            grown = len(words) > size
        return words

    def _made(self, value: ast.expr, module: Module, hidden: Set[str]) -> tuple[str, str] | None:
        """The class of an object that an expression makes, or names."""
        if isinstance(value, ast.Name) and value.id not in hidden and module.body is not None:
            found = module.body.last(value.id)
            value = (
                getattr(found.node, "value", value) if found is not None and found.kind == "assign" else value
            )
        if not isinstance(value, ast.Call) or root(value.func) in hidden:
            return None
        home, words = self._derived.new.path(module, value.func) or ("", [])
        return (home, words[0]) if len(words) == 1 and self._body(home, words[0]) is not None else None

    def _body(self, home: str, name: str) -> Body | None:
        module = self._derived.new.version.modules.get(home)
        statement = module.body.last(name) if module is not None and module.body is not None else None
        return statement.body if statement is not None and statement.kind == "class" else None

    def _answers(self, home: str, name: str, depth: int) -> set[str]:
        """The members of a class, inherited ones too, that are others now, or look at such."""
        if (home, name) in self._known:
            return self._known[home, name]
        body = self._body(home, name)
        found = self._known[home, name] = set(self._touched.get((home, name), ()))
        if body is None:
            return found
        module = self._derived.new.version.modules[home]
        statement = module.body.last(name) if module.body is not None else None
        own = body.binds()
        for base in getattr(statement.node, "bases", ()) if statement is not None and depth < _DEEP else ():
            place, words = self._derived.new.path(module, base) or ("", [])
            if len(words) == 1:
                found |= self._answers(place, words[0], depth + 1) - own
        said = {
            inner.names[-1]: {p.attr for p in everything_in(inner.node) if isinstance(p, ast.Attribute)}
            for inner in body.statements
            if inner.kind == "def"
        }
        grown = True
        while grown:
            more = {method for method, words in said.items() if not words.isdisjoint(found)} - found
            found |= more
            grown = bool(more)
        return found
