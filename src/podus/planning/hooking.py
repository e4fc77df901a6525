"""Classes that get or lose a base whose hooks look at what is below it: those below them would have been made otherwise, too.

``__init_subclass__`` and a metaclass act on every class below, not only on the one whose statement names them. So where one comes or goes, the
statements of the classes below run again, as where the hook itself is another one now (:mod:`podus.planning.remade`).

And what hooks and decorators ask of a class that is made again: it derives from bases that are, so it is these that they must ask for.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, TypeAlias

from podus.program.bindings import root
from podus.program.code import INLINE_NAMES, walk
from podus.program.field import last_word
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podus.planning.ask import Asker
    from podus.planning.compile import Compiler
    from podus.planning.meanings import Meanings
    from podus.program.body import Body, Statement
    from podus.program.changes import ModuleChange
    from podus.program.version import Module

# A procedure of the program that runs when a class is made: its module, its class and its name; None for one that isn't seen.
Hook: TypeAlias = "tuple[Module, str, str] | None"

_PLAIN_METACLASSES = ("type", "ABCMeta")
# What of a metaclass runs when a class is made.
CONSTRUCTORS = frozenset({"__new__", "__init__", "__prepare__"})
# What asks for the bases of a class, or the class of an object.
_ASKING = frozenset({"issubclass", "isinstance", "__mro__", "mro", "__bases__", "__base__"})


def newly_hooked(change: ModuleChange, old: Meanings, new: Meanings, pup: Asker) -> list[str]:
    """The hooks, as ``module:Class.__init_subclass__``, that classes of a module get or lose with their bases or metaclass."""
    found = []
    for before, statement in change.body.classes_again() if change.body is not None else ():
        if before.kind != "class":
            continue
        one, other = heads(before.node), heads(statement.node)
        gone = [node for text, node in one.items() if text not in other]
        come = [node for text, node in other.items() if text not in one]
        if any(Hooks(old, pup).has(change.old, node) for node in gone) or any(
            Hooks(new, pup).has(change.new, node) for node in come
        ):
            found.append(f"{change.new.name}:{statement.names[-1]}.__init_subclass__")
    return found


def rebased(compiler: Compiler) -> Iterator[tuple[str, bool]]:
    """The classes, ``module:Class``, of which a base is another one now though it is called as before; and whether hooks come or go with it.

    An import brings another definition under the name, or what the name is assigned is made anew.
    """
    old, new, pup = compiler.derived.old, compiler.derived.new, compiler.pup
    words = {name.rpartition(".")[2] for _, name in compiler.derived.moved}
    words |= {name.partition(":")[2].rpartition(".")[2] for name in compiler.derived.procedures}
    for module in list(compiler.new.modules.values()) if words else ():
        before = compiler.old.modules.get(module.name)
        if before is None or before.body is None or words.isdisjoint(compiler.derived.mentions.of(module)):
            continue
        run = compiler.derived.run_of(module)
        for around, statement in _class_statements(module.body):
            body: Body | None = before.body
            for owner in around.owners:
                outer = body.last(owner) if body is not None else None
                body = outer.body if outer is not None else None
            was = body.last(statement.names[-1]) if body is not None else None
            if was is None or was.kind != "class" or id(statement) in run:
                continue
            for base in bases_of(statement.node):
                if _is_another(compiler, before, module, base, around):
                    named = unsubscribed(base)
                    hooks = Hooks(old, pup).has(before, named) or Hooks(new, pup).has(module, named)
                    yield f"{module.name}:{'.'.join((*around.owners, statement.names[-1]))}", hooks


def saying_metaclass(compiler: Compiler) -> list[str]:
    """The classes of the new version, ``module:Class``, whose statements name their metaclass."""
    return [
        f"{module.name}:{'.'.join((*around.owners, statement.names[-1]))}"
        for module in compiler.new.modules.values()
        if module.source is not None and b"metaclass" in module.source
        for around, statement in _class_statements(module.body)
        if any(keyword.arg == "metaclass" for keyword in getattr(statement.node, "keywords", ()))
    ]


def _class_statements(body: Body | None) -> Iterator[tuple[Body, Statement]]:
    """The classes of a body, and those inside them, each with the body that it stands in."""
    for statement in body.statements if body is not None else ():
        if statement.kind == "class" and body is not None:
            yield body, statement
            yield from _class_statements(statement.body)


def _is_another(compiler: Compiler, before: Module, module: Module, base: ast.expr, around: Body) -> bool:
    """Whether a base, or what it is given in brackets, is something else now."""
    derived = compiler.derived
    if isinstance(base, ast.Call) and derived.gives_another(base, module):
        return True
    named = unsubscribed(base)
    parts = [part for part in everything_in(base) if isinstance(part, ast.Name)] if base is not named else []
    if isinstance(named, ast.Call):
        parts += [part for part in everything_in(named) if isinstance(part, ast.Name)]
    for part in (named, *parts):
        first = root(part)
        if around.owners and first in around.binds():
            # A name of the class around it.
            if (module.name, ".".join((*around.owners, first))) in derived.moved:
                return True
        elif (
            isinstance(part, ast.Name | ast.Attribute)
            and derived.moves(part, module, frozenset())
            and _means_another(compiler, before, module, part)
        ):
            return True
    return False


def _means_another(compiler: Compiler, before: Module, module: Module, base: ast.expr) -> bool:
    one, other = compiler.derived.old.origin(before, base), compiler.derived.new.origin(module, base)
    if one is None or other is None:
        return True
    names = [f"{home}:{'.'.join(words)}" for home, words in (one, other)]
    if compiler.plan.moves.get(names[0], names[0]) == names[1]:
        # What it is assigned may be another class.
        assigned = (other[0], other[1][0]) in compiler.derived.assigned
        return assigned or (len(other[1]) > 1 and (other[0], ".".join(other[1])) in compiler.derived.moved)
    if any(origin[0] in version.modules for origin, version in ((one, compiler.old), (other, compiler.new))):
        return True
    # Of libraries: one may have what another has.
    return not compiler.pup.call("one_class", names=names)


def unsubscribed(base: ast.expr) -> ast.expr:
    """``Base`` of ``Base[int]``."""
    return base.value if isinstance(base, ast.Subscript) else base


def asking(compiler: Compiler) -> set[str]:
    """The procedures that ask whether something is, or derives from, a class whose statement runs again.

    Without those that make functions, which would ask for the class as it was made anew for ever.
    """
    remade = {
        (home, statement.names[-1])
        for home, change in compiler.changes.items()
        for _, statement in (change.body.classes_again() if change.body is not None else ())
    }
    words = {name for _, name in remade}
    found = set()
    for module in compiler.new.modules.values() if words else ():
        for qualname, code in module.procedures.items():
            if "<locals>" in qualname:
                continue
            parts = list(walk(code))
            names = {name for part in parts for name in part.co_names}
            said = () if _ASKING.isdisjoint(names) else names & words
            meant = any(compiler.derived.new.of_word(module, name) in remade for name in said)
            if meant and all(part is code or part.co_name in INLINE_NAMES for part in parts):
                found.add(f"{module.name}:{qualname}")
    return found


def bases_of(node: ast.AST) -> list[ast.expr]:
    return list(getattr(node, "bases", ()))


def heads(node: ast.AST) -> dict[str, ast.expr | ast.keyword]:
    """The bases and the metaclass of a class, by how they are written."""
    bases = bases_of(node)
    keywords: list[ast.keyword] = [k for k in getattr(node, "keywords", []) if k.arg == "metaclass"]
    parts: list[ast.expr | ast.keyword] = [*bases, *keywords]
    return {ast.dump(part): part for part in parts}


class Hooks:
    """Looks for hooks in one version, and in the running program for what is not of it."""

    def __init__(self, meanings: Meanings, pup: Asker) -> None:
        self.meanings = meanings
        self.pup = pup
        self._seen: set[tuple[str, str]] = set()
        # Of classes outside the program: whether they have hooks.
        self._hooking: dict[str, bool] = {}

    def has(self, module: Module, node: ast.expr | ast.keyword) -> bool:
        """Whether a base or metaclass has hooks that run for what is below it. What isn't seen may have some."""
        return any(True for _ in self._of(module, node))

    def of_class(self, module: Module, statement: Statement) -> Iterator[Hook]:
        """The hooks that run when the statement of a class does."""
        self._seen.clear()
        for part in heads(statement.node).values():
            yield from self._of(module, part)

    def _of(self, module: Module, node: ast.expr | ast.keyword) -> Iterator[Hook]:
        if isinstance(node, ast.keyword):
            if last_word(node.value) not in _PLAIN_METACLASSES:
                yield from self._of_metaclass(module, node.value)
            return
        node = unsubscribed(node)
        home, words = self.meanings.origin(module, node) or ("", [])
        around = self.meanings.version.modules.get(home)
        if home and around is None:
            name = f"{home}:{'.'.join(words)}"
            if name not in self._hooking:
                self._hooking |= self.pup.call("hooking", names=[name])
            if self._hooking[name]:
                yield None
        elif around is None or len(words) != 1:
            yield None
        elif (home, words[0]) not in self._seen:
            self._seen.add((home, words[0]))
            yield from self._in_program(around, words[0])

    def _in_program(self, module: Module, name: str) -> Iterator[Hook]:
        statement = module.body.last(name) if module.body is not None else None
        if statement is None:
            if not isinstance(getattr(builtins, name, None), type):
                yield None
            return
        if statement.kind != "class" or statement.body is None:
            yield None
            return
        if any("__init_subclass__" in inner.names for inner in statement.body.statements):
            yield module, name, "__init_subclass__"
        for part in heads(statement.node).values():
            yield from self._of(module, part)

    def _of_metaclass(self, module: Module, node: ast.expr) -> Iterator[Hook]:
        place = self.meanings.top(module, node)
        if place is None or place[1].body is None:
            yield None
            return
        around, statement = place
        assert statement.body is not None
        for name in sorted(CONSTRUCTORS & statement.body.binds()):
            yield around, statement.names[-1], name
        for base in bases_of(statement.node):
            if last_word(base) not in _PLAIN_METACLASSES:
                yield from self._of_metaclass(around, base)
