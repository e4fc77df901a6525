"""What statements ask of objects that they make (``LIMIT = Settings().limit()``), where the class answers otherwise now."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Set
from typing import TYPE_CHECKING

from podus.planning.hooking import bases_of
from podus.program.bindings import root
from podus.program.body import Statement
from podus.program.field import last_word
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.derived import Derived
    from podus.program.version import Module

# So many bases are looked through.
_DEEP = 8


class Objects:
    """Looks for them, when all that changes is known."""

    def __init__(self, derived: Derived, procedures: Iterable[str]) -> None:
        """``procedures`` are those that change, or return something else."""
        self._derived = derived
        # (Module, class) -> what of it is another thing now: methods, and data.
        self._touched: dict[tuple[str, str], set[str]] = {}
        for home, name in (*derived.moved, *((n.partition(":")[0], n.partition(":")[2]) for n in procedures)):
            owner, _, member = name.partition(".")
            if member and "." not in member:
                self._touched.setdefault((home, owner), set()).add(member)
        self._known: dict[tuple[str, str], set[str]] = {}
        # The words that a module has to say to make an object of such a class, or of one that derives from it.
        self.words = self._with_heirs()

    def asked(self, parts: Iterable[ast.AST], module: Module, hidden: Set[str]) -> Iterator[str]:
        """What ``parts`` of a statement ask of an object that it makes, or that its module has made, and are told otherwise."""
        parts = list(parts) if self._touched else []
        called = {id(part.func) for part in parts if isinstance(part, ast.Call)}
        for part in parts:
            if not isinstance(part, ast.Attribute) or not isinstance(part.ctx, ast.Load):
                continue
            made = self._made(part.value, module, hidden)
            if made is None or part.attr not in self._answers(*made, 0):
                continue
            # A method that is only named is bound, and follows by itself.
            if id(part) in called or not _is_method(made[1], part.attr):
                yield ast.unparse(part)

    def _with_heirs(self) -> set[str]:
        words = {name for _, name in self._touched}
        grown = bool(words)
        while grown:
            size = len(words)
            for module in self._derived.compiler.new.modules.values():
                if words.isdisjoint(self._derived.mentions.of(module)) or module.body is None:
                    continue
                for statement in module.body.statements:
                    said = {
                        last_word(part)
                        for base in bases_of(statement.node)
                        for part in everything_in(base)
                        if isinstance(part, ast.expr)
                    }
                    if not words.isdisjoint(said):
                        words.add(statement.names[-1])
            grown = len(words) > size
        return words

    def _made(self, value: ast.expr, module: Module, hidden: Set[str]) -> tuple[Module, Statement] | None:
        """The class of an object that an expression makes, or names; and its module."""
        if isinstance(value, ast.Name | ast.Attribute) and root(value) not in hidden:
            # It may be imported from where it is made.
            home, words = self._derived.new.path(module, value) or ("", [])
            around = self._derived.new.version.modules.get(home)
            found = (
                around.body.last(words[0]) if around is not None and around.body and len(words) == 1 else None
            )
            if around is not None and found is not None and found.kind == "assign":
                value, module, hidden = getattr(found.node, "value", value), around, frozenset()
        if not isinstance(value, ast.Call) or root(value.func) in hidden:
            return None
        place = self._derived.new.top(module, value.func)
        return place if place is not None and place[1].kind == "class" else None

    def _answers(self, module: Module, statement: Statement, depth: int) -> set[str]:
        """The members of a class, inherited ones too, that are others now, or look at such."""
        key = module.name, statement.names[-1]
        if key in self._known:
            return self._known[key]
        found = self._known[key] = set(self._touched.get(key, ()))
        if statement.kind != "class" or statement.body is None:
            return found
        own = statement.body.binds()
        for base in bases_of(statement.node) if depth < _DEEP else ():
            place = self._derived.new.top(module, base)
            if place is not None:
                found |= self._answers(*place, depth + 1) - own
        said = {
            inner.names[-1]: {p.attr for p in everything_in(inner.node) if isinstance(p, ast.Attribute)}
            for inner in statement.body.statements
            if inner.kind == "def"
        }
        grown = True
        while grown:
            more = {method for method, words in said.items() if not words.isdisjoint(found)} - found
            found |= more
            grown = bool(more)
        return found


def _is_method(statement: Statement, name: str) -> bool:
    """Whether a class has a plain method of this name."""
    found = statement.body.last(name) if statement.body is not None else None
    return found is not None and found.kind == "def" and not getattr(found.node, "decorator_list", ())
