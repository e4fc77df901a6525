"""Hooks that would make something else now of a class that did not change: they read what changes, or find it in a base.

``__init_subclass__`` and metaclasses make something for each class of its own of what it inherits (``cls.path = cls.prefix + cls.__name__``, the
fields of all bases). So where a base's data, a constant or a procedure that such a hook reads is another one now, the statements of the classes
run again that it has made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from podus.planning.hooking import CONSTRUCTORS, Hooks, bases_of, heads
from podus.program.body import Statement
from podus.program.changes import BodyChange, compare_bodies
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.program.version import Module

# What leads to all that a class inherits.
_THROUGH_BASES = frozenset({"__mro__", "mro", "__bases__", "__base__", "dir", "getmembers", "getmro"})
# What leads to what a class has itself.
_INSIDE = frozenset({"__dict__", "vars"})
# So many bases are looked through.
_DEEP = 8
# A procedure of the program: its module, its class ("" for none) and its definition.
_Procedure = tuple["Module", str, ast.FunctionDef | ast.AsyncFunctionDef]


class Heeding:
    """Looks into the hooks of the new version."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.meanings = compiler.derived.new
        self._hooks = Hooks(self.meanings, compiler.pup)
        self._looks: dict[tuple[str, str, str], _Look] = {}

    def otherwise(self) -> list[str]:
        """The hooks, as ``module:Class.hook``, that read data or call procedures that change, though they did not change themselves."""
        changed = self.compiler.derived.procedures
        if not changed:
            return []
        hooks = [
            (module, name.removesuffix(".__init_subclass__"), "__init_subclass__")
            for module in self.compiler.new.modules.values()
            for name in module.procedures
            if name.endswith(".__init_subclass__")
        ]
        for metaclass in self.compiler.pup.call("metaclasses"):
            home, _, owner = metaclass.partition(":")
            found = self.compiler.new.modules.get(home)
            if found is not None:
                own = (name for name in sorted(CONSTRUCTORS) if f"{owner}.{name}" in found.procedures)
                hooks += [(found, owner, name) for name in own]
        looks = (
            (f"{module.name}:{owner}.{hook}", self._look(module, owner, hook))
            for module, owner, hook in hooks
        )
        return [name for name, look in looks if look is not None and not look.procedures.isdisjoint(changed)]

    def below(self) -> tuple[list[str], list[str]]:
        """The classes that hooks have made below others of which they look at what changes; and these others, where it is in themselves that they look.

        A class that changes in place shows its new data to who asks for it, but its ``__dict__`` holds the old.
        """
        touched = dict(self._touched())
        rows: dict[str, dict[str, list[str]]] = (
            self.compiler.pup.call("below_by_hooks", names=[*touched]) if touched else {}
        )
        found: dict[str, None] = {}
        above: dict[str, None] = {}
        for base, classes in rows.items():
            for name, between in classes.items():
                looks = [*self._looks_at(name, touched[base])]
                if looks:
                    found[name] = None
                if any(look is None or look.inside for look in looks):
                    above |= dict.fromkeys([base, *between])
        return [*found], [*above]

    # ---- what changes

    def _touched(self) -> Iterator[tuple[str, set[str]]]:
        """The classes that have something that a hook may look at otherwise, or not any more; and its names."""
        for home, change in self.compiler.changes.items():
            for before, statement in change.body.classes_again() if change.body is not None else ():
                if before.body is not None and statement.body is not None:
                    names = _touched_in(compare_bodies(before.body, statement.body))
                    names |= {"__bases__"} if heads(before.node) != heads(statement.node) else set()
                    if names:
                        yield f"{home}:{statement.names[-1]}", names
            for inner in change.body.all_classes() if change.body is not None else ():
                names = _touched_in(inner)
                if names:
                    yield f"{home}:{'.'.join(inner.owners)}", names

    # ---- what hooks look at

    def _looks_at(self, name: str, touched: set[str]) -> Iterator[_Look | None]:
        """How the hooks of a class look that may look at what is touched; None for those that aren't seen.

        These are others', who make classes for others: of what they inherit, as a rule (fields, columns, options).
        """
        home, _, qualname = name.partition(":")
        module = self.compiler.new.modules.get(home)
        statement = module.body.last(qualname) if module is not None and module.body is not None else None
        if module is None or statement is None:
            return
        for hook in self._hooks.of_class(module, statement):
            look = self._look(*hook) if hook is not None else None
            if look is None or look.through_bases or not look.words.isdisjoint(touched):
                yield look

    def _look(self, module: Module, owner: str, hook: str) -> _Look | None:
        key = (module.name, owner, hook)
        if key not in self._looks:
            first = self._method(module, owner, hook, 0)
            if first is None:
                return None
            self._looks[key] = _Look(self._called(first), hook)
        return self._looks[key]

    def _called(self, first: _Procedure) -> list[_Procedure]:
        """A procedure, and those that it may call of its own class, by ``cls``, or of the program by their names."""
        found = {id(first[2]): first}
        todo = [first]
        while todo:
            module, owner, node = todo.pop()
            for part in everything_in(node):
                called: _Procedure | None = None
                if isinstance(part, ast.Attribute) and owner:
                    called = self._method(module, owner, part.attr, 0)
                elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
                    called = self._function(module, part)
                if called is not None and id(called[2]) not in found:
                    found[id(called[2])] = called
                    todo.append(called)
        return [*found.values()]

    def _method(self, module: Module, owner: str, name: str, depth: int) -> _Procedure | None:
        around = module.body.last(owner) if module.body is not None else None
        if around is None or around.body is None:
            return None
        statement = around.body.last(name)
        if statement is not None:
            node = statement.node
            return (module, owner, node) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        for base in bases_of(around.node) if depth < _DEEP else ():
            place = self.meanings.top(module, base)
            found = None if place is None else self._method(place[0], place[1].names[-1], name, depth + 1)
            if found is not None:
                return found
        return None

    def _function(self, module: Module, node: ast.expr) -> _Procedure | None:
        place = self.meanings.top(module, node)
        if place is None or not isinstance(place[1].node, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        return place[0], "", place[1].node


class _Look:
    """What a hook, with all that it calls, looks at: the names of attributes and the texts that may be one; and which procedures these are."""

    def __init__(self, called: Iterable[_Procedure], hook: str) -> None:
        self.words: set[str] = set()
        self.procedures: set[str] = set()
        self.through_bases = False
        # Whether it looks into the dictionaries of classes.
        self.inside = False
        for number, (module, owner, node) in enumerate(called):
            self.procedures.add(f"{module.name}:{owner}{'.' if owner else ''}{node.name}")
            parts = [*everything_in(node)]
            self.words |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
            self.words |= {
                part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
            said = {part.id for part in parts if isinstance(part, ast.Name)} | self.words
            self.inside |= not said.isdisjoint(_INSIDE)
            computed = any(map(_asks_by_computed_name, parts))
            goes_on = number == 0 and hook in CONSTRUCTORS and _uses_bases(node)
            self.through_bases |= computed or goes_on or not said.isdisjoint(_THROUGH_BASES)


def _touched_in(body: BodyChange) -> set[str]:
    """The names of a class that come, go, or mean other data now."""
    before = body.old.binds()
    found = {*body.removed} | (body.new.binds() - before)
    for statement in body.run:
        if _is_data(statement) or any(_is_data(body.previous.get(name)) for name in statement.names):
            found |= {*statement.names}
    # What a class nested in it says (`class Meta:`) is said of it.
    return found | {inner.owners[-1] for inner in body.classes if _touched_in(inner)}


def _is_data(statement: Statement | None) -> bool:
    return statement is not None and statement.kind not in ("def", "docstring")


def _asks_by_computed_name(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"):
        return False
    return len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)


def _uses_bases(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a metaclass's constructor does more with the bases than to hand them on to that of its own base."""
    parameters = [*node.args.posonlyargs, *node.args.args]
    if len(parameters) < 3:
        return node.args.vararg is not None
    name = parameters[2].arg
    handed_on = {
        id(argument)
        for part in everything_in(node)
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Attribute)
        and part.func.attr in CONSTRUCTORS
        for argument in part.args
    }
    return any(
        isinstance(part, ast.Name) and part.id == name and id(part) not in handed_on
        for part in everything_in(node)
    )
