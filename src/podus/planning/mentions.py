"""Which modules' own code may have to do with something, by its name alone: only these are read closely.

A name is passed on where it is imported under another, assigned to another, or mentioned by a procedure that others call. All of it is
read from the code, which takes a fraction of the time that parsing the modules would.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from types import CodeType

from podus.program.bindings import NAMESPACE
from podus.program.code import INLINE_NAMES, is_function, nested, walk
from podus.program.operands import LOADS, named, passed_on
from podus.program.version import Module, Version

_ASKS = frozenset({"getattr", "hasattr"})


class Mentions:
    """The names in the modules of one version."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._of: dict[str, frozenset[str]] = {}

    def of(self, module: Module) -> frozenset[str]:
        """The names that a module's own code and the bodies of its classes load, without its procedures."""
        found = self._of.get(module.name)
        if found is None:
            found = frozenset(name for code in _own(module.code) for name in _loads(code))
            self._of[module.name] = found
        return found

    def lists_names(self, module: Module) -> bool:
        """Whether a module's own code may go by the names that it has."""
        return not NAMESPACE.isdisjoint(self.of(module))

    def anywhere(self, name: str) -> bool:
        """Whether any module's own code loads something that may have this name."""
        return not self._loaded.isdisjoint(_closure({name}, self._renamed))

    def aliases(self, names: set[str]) -> set[str]:
        """Names, and those that imports and assignments give to something that may have one of them."""
        return _closure(names, self._renamed) if names else set()

    def under(self, names: set[str]) -> set[str]:
        """The names by which a module may come to something that has one of these: other names of it, and of procedures that mention it."""
        # Most plans ask for nothing, and need not trace the whole program for it.
        return _closure(names, self._renamed, self._mentioned) if names else set()

    @cached_property
    def _loaded(self) -> frozenset[str]:
        return frozenset().union(*map(self.of, self._version.modules.values()))

    @cached_property
    def _renamed(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for module in self._version.modules.values():
            for code in _own(module.code):
                for name, other in passed_on(code):
                    found[name].add(other)
        return found

    @cached_property
    def _mentioned(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for module in self._version.modules.values():
            for procedure, code in module.procedures.items():
                if "." not in procedure:
                    for inner in walk(code):
                        for name in inner.co_names:
                            found[name].add(procedure)
        return found


def _closure(names: set[str], *graphs: dict[str, set[str]]) -> set[str]:
    found, todo = set(names), list(names)
    while todo:
        name = todo.pop()
        for graph in graphs:
            more = graph.get(name, set()) - found
            found |= more
            todo += more
    return found


def _own(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in nested(code):
        # A lambda may be called at once.
        if not is_function(inner) or inner.co_name in (*INLINE_NAMES, "<lambda>"):
            yield from _own(inner)


def _loads(code: CodeType) -> Iterator[str]:
    yield from named(code, LOADS)
    # A class body has names of the function around it among its free variables.
    yield from code.co_freevars
    if not _ASKS.isdisjoint(code.co_names):
        # They are asked for as texts.
        yield from (text for text in code.co_consts if isinstance(text, str))
