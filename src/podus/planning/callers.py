"""Who calls a procedure whose interface changes: by its name, by another one that the module has for it, or by the way of what is removed.

A superset, by names: ``g = f``, a table or a partial that holds it, what hands all its arguments on to it (``def submit(*args): return f(*args)``), a
name that is asked for as a text. Whoever calls it in the old way must not meet the new one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import TYPE_CHECKING

from podus.program.body import Body
from podus.program.code import walk
from podus.program.field import last_word
from podus.program.flow import flow
from podus.program.interface import calls_of
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.active import Active
    from podus.planning.compile import Compiler
    from podus.planning.model import Procedure
    from podus.program.version import Module

# What makes something that calls what it was given.
_HOLDING = frozenset({"partial", "partialmethod", "staticmethod", "classmethod"})
# Of a code object: *args, **kwargs.
_TAKES_ALL = 0x4 | 0x8
_CONSTRUCTORS = ("__init__", "__new__", "__call__")


def simple(name: str) -> str:
    """What a call of the procedure mentions: the last part of its name, for a constructor that of its class."""
    parts = name.partition(":")[2].partition("#")[0].split(".")
    if parts[-1] in _CONSTRUCTORS and len(parts) > 1:
        return parts[-2]
    return parts[-1]


class Callers:
    """Finds them among the procedures of the old version that change or go, and among those that the new one adds."""

    def __init__(self, compiler: Compiler, switching: dict[str, Procedure], active: Active) -> None:
        self.compiler = compiler
        old, new = compiler.old.modules, compiler.new.modules
        gone, come = (
            [p.name for p in compiler.plan.procedures if p.change == change]
            for change in ("removed", "added")
        )
        self.removed = {name: code for name in gone if (code := _code_of(old, name)) is not None}
        self.added = {name: code for name in come if (code := _code_of(new, name)) is not None}
        codes = {name: code for name in switching if (code := active.code(name)) is not None}
        self._said = {name: _words_of(code) for name, code in (codes | self.removed).items()}
        self._switching = switching
        self._known: dict[str, set[str]] = {}

    def words(self, name: str) -> set[str]:
        """All the words by which a procedure of the old version may be called."""
        if name not in self._known:
            makers = self._makers(name)
            words = {simple(name)} | self._of_lambda(name) | makers
            size = -1
            while len(words) > size:
                size = len(words)
                words |= {
                    word for body in self._bodies(words | makers) for word in _others(body, words, makers)
                }
                words |= self._handing_on(words)
            self._known[name] = words
        return self._known[name]

    def of(self, name: str) -> list[str]:
        """The procedures that switch and whose old code may call it, by itself or through some that the new version does not have."""
        words = self.words(name) | {simple(one) for one in self.through(name)}
        return [caller for caller in self._switching if not words.isdisjoint(self._said.get(caller, ()))]

    def through(self, name: str) -> list[str]:
        """The procedures that the new version does not have and whose code may call it, through others of them as well."""
        words = set(self.words(name))
        found: dict[str, None] = {}
        grown = True
        while grown:
            fresh = [
                one for one in self.removed if one not in found and not words.isdisjoint(self._said[one])
            ]
            found.update(dict.fromkeys(fresh))
            words |= {simple(one) for one in fresh}
            grown = bool(fresh)
        return list(found)

    def coming(self, name: str) -> list[str]:
        """The procedures that the new version adds and that may call it: on the way back they must not meet the old one."""
        words = set(self.words(name))
        return [one for one, code in self.added.items() if not words.isdisjoint(_words_of(code))]

    def by_the_way(self, users: Iterable[str]) -> list[str]:
        """The procedures that switch and come to some of the ``users`` that go, in their old version, or to such as come, in their new one."""
        users = set(users)
        gone = self._leading(users & self.removed.keys(), self.removed)
        come = self._leading(users & self.added.keys(), self.added)
        found = [c for c in self._switching if gone and not gone.isdisjoint(self._said.get(c, ()))]
        for caller in self._switching if come else ():
            code = _code_of(self.compiler.new.modules, caller)
            if code is not None and not come.isdisjoint(_words_of(code)):
                found.append(caller)
        return list(dict.fromkeys(found))

    def _leading(self, names: set[str], codes: dict[str, CodeType]) -> set[str]:
        """The words of procedures that only one version has, and of others of them that call these."""
        words = {simple(name) for name in names}
        size = -1
        while words and len(words) > size:
            size = len(words)
            words |= {simple(name) for name, code in codes.items() if not words.isdisjoint(_words_of(code))}
        return words

    # ---- the words

    def _of_lambda(self, name: str) -> set[str]:
        """The names that are given a lambda of the module (``f = lambda: 1``)."""
        code = _code_of(self.compiler.old.modules, name)
        if code is None or code.co_name != "<lambda>":
            return set()
        module = self.compiler.old.modules[name.partition(":")[0]]
        found: set[str] = set()
        for body in _within(module.body):
            for statement in body.statements:
                value = getattr(statement.node, "value", None)
                if isinstance(value, ast.Lambda) and value.lineno == code.co_firstlineno:
                    found |= {*statement.names}
        return found

    def _makers(self, name: str) -> set[str]:
        """The words whose call gives something that calls it: the procedure around a nested one, the class of a ``__call__``."""
        qualname = name.partition(":")[2]
        if qualname.endswith(".__call__"):
            return {simple(name)}
        around = qualname.partition(".<locals>")[0]
        return {around.rpartition(".")[2]} if around != qualname else set()

    def _bodies(self, words: set[str]) -> Iterator[Body]:
        for module in self.compiler.old.modules.values():
            source = module.source
            if source is not None and any(word.encode() in source for word in words):
                yield from _within(module.body)

    def _handing_on(self, words: set[str]) -> set[str]:
        """The procedures that stay as they are and call it with whatever they are called with."""
        found: set[str] = set()
        for word in words:
            for name, code in self.compiler.mentions_in_old.get(word, ()):
                stays = name not in self._said and code.co_flags & _TAKES_ALL and simple(name) not in words
                if stays and any(call.star or call.kwstar for call, _ in calls_of(flow(code), word)):
                    found.add(simple(name))
        return found


def _code_of(modules: dict[str, Module], name: str) -> CodeType | None:
    module, _, qualname = name.partition(":")
    home = modules.get(module)
    return home.procedures.get(qualname) if home is not None else None


def _words_of(code: CodeType) -> set[str]:
    """The names that code says, with those inside it, and the texts that may be names."""
    # What is nested is a procedure of its own, but its calls are made while this one's stack frame stands or after.
    found: set[str] = set()
    for part in walk(code):
        found |= {*part.co_names, *part.co_freevars}
        found |= {text for text in part.co_consts if type(text) is str and text.isidentifier()}
    return found


def _within(body: Body | None) -> Iterator[Body]:
    """A body, and those of the classes in it."""
    if body is not None:
        yield body
        for statement in body.statements:
            yield from _within(statement.body)


def _others(body: Body, words: set[str], makers: set[str]) -> Iterator[str]:
    """The names that assignments of a body give to what has one of the ``words``, or to what a call of one of the ``makers`` gives."""
    for statement in body.statements:
        value = getattr(statement.node, "value", None) if statement.kind == "assign" else None
        if value is not None and _stands_for(value, words, makers):
            yield from statement.names
        elif statement.kind == "def" and statement.names[-1] in words:
            yield from _tables_of(body, getattr(statement.node, "decorator_list", []))


def _tables_of(body: Body, decorators: list[ast.expr]) -> Iterator[str]:
    """The containers of the same module in which its decorators may register what they get."""
    for decorator in decorators:
        made_by = body.last(last_word(decorator)) if isinstance(decorator, ast.Name | ast.Call) else None
        if made_by is None or made_by.kind != "def":
            continue
        for part in everything_in(made_by.node):
            table = body.last(part.id) if isinstance(part, ast.Name) else None
            value = (
                getattr(table.node, "value", None) if table is not None and table.kind == "assign" else None
            )
            if isinstance(value, ast.Dict | ast.List | ast.Set | ast.Call):
                yield from table.names if table is not None else ()


def _stands_for(value: ast.expr, words: set[str], makers: set[str]) -> bool:
    if isinstance(value, ast.Name):
        return value.id in words
    if isinstance(value, ast.Attribute):
        return value.attr in words
    if isinstance(value, ast.Dict):
        return any(_stands_for(item, words, makers) for item in value.values)
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return any(_stands_for(item, words, makers) for item in value.elts)
    if isinstance(value, ast.Call):
        given = [*value.args, *(keyword.value for keyword in value.keywords)]
        held = last_word(value) in _HOLDING and any(_stands_for(item, words, makers) for item in given)
        return held or last_word(value.func) in makers
    return False
