"""Statements that go by all the names that a module has, or by all classes that derive from one: a table of handlers, of errors, of plugins.

Where names come or go such a statement would come to something else, though it is the same and reads nothing that has moved. One that does nothing but
put what it finds into tables, by keys that it works out from what it finds, may run once more: it puts the same there, and what has come.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from podus.planning.reading import evaluated
from podus.program.bindings import NAMESPACE, held_namespace, is_namespace, root
from podus.program.body import Statement
from podus.program.code import walk
from podus.program.nodes import everything_in
from podus.program.version import Module

if TYPE_CHECKING:
    from podus.planning.derived import Derived
    from podus.planning.meanings import Meanings

_SUBCLASSES = "__subclasses__"
# What a procedure says that looks at all names of its module, or at what derives from a class.
_SURVEYED = frozenset({"globals", _SUBCLASSES})
# What a survey may call without an effect.
_CALLS = frozenset(
    (
        *(
            "isinstance",
            "issubclass",
            "hasattr",
            "getattr",
            "callable",
            "type",
            "id",
            "len",
            "repr",
            "str",
            "int",
        ),
        *(
            "list",
            "dict",
            "tuple",
            "set",
            "frozenset",
            "sorted",
            "reversed",
            "enumerate",
            "zip",
            "filter",
            "map",
        ),
        *("min", "max", "any", "all", "iter", "next", "vars", "dir", "globals", "locals"),
    )
)
_METHODS = frozenset(
    (
        *("items", "values", "keys", "get", "copy", "mro", _SUBCLASSES, "index", "count", "format", "join"),
        *("startswith", "endswith", "lower", "upper", "title", "capitalize", "replace", "removeprefix"),
        *(
            "removesuffix",
            "split",
            "rsplit",
            "partition",
            "rpartition",
            "strip",
            "lstrip",
            "rstrip",
            "isupper",
        ),
        *("isidentifier", "islower", "__contains__"),
    )
)
_LIBRARY = frozenset(
    f"inspect.{name}"
    for name in ("isclass", "isfunction", "ismodule", "isabstract", "getmembers", "ismethod")
)
# Methods that put something under a key, or where it is at most once.
_PUTS = frozenset({"setdefault", "add", "update"})
# What is asked for one name, or given some.
_OF_ONE = frozenset({"get", "pop", "setdefault", "update", "__getitem__", "__setitem__"})


class Surveys:
    """The surveys of the new version's modules, and whether what they look at has changed."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        self._of_procedures: dict[tuple[str, str], frozenset[str]] = {}

    @cached_property
    def modules(self) -> set[str]:
        """The modules of which a statement may be a survey that comes to something else now."""
        if not (self._grown or self._derives):
            return set()
        version = self._derived.compiler.new
        procedures = {
            name.rpartition(".")[2]
            for module in version.modules.values()
            for name, code in module.procedures.items()
            if "." not in name and any(not _SURVEYED.isdisjoint(part.co_names) for part in walk(code))
        }
        words = {*NAMESPACE, _SUBCLASSES, "modules", *self._derived.mentions.under(procedures)}
        return {m.name for m in version.modules.values() if words & self._derived.mentions.of(m)}

    @cached_property
    def _grown(self) -> set[str]:
        """The modules of which names come or go."""
        changes = self._derived.compiler.changes.values()
        rows = [c for c in changes if not c.same_around and c.bodies is not None]
        return {
            c.new.name for c in rows if c.bodies is not None and c.bodies[0].binds() ^ c.bodies[1].binds()
        }

    @cached_property
    def _derives(self) -> bool:
        """Whether classes come or go, or derive from others."""
        compiler = self._derived.compiler
        if any(
            m.body is not None and any(s.kind == "class" for s in m.body.statements)
            for m in compiler.imported
        ):
            return True
        for change in compiler.changes.values():
            before, after = (None, None) if change.same_around else change.bodies or (None, None)
            if (
                before is not None
                and after is not None
                and _bases(before.statements) != _bases(after.statements)
            ):
                return True
        return False

    def outdated(self, statement: Statement, module: Module) -> str:
        """What a statement looks at that is not what it was; "" if there is no such thing."""
        if module.name not in self.modules or statement.owners or statement.kind not in ("assign", "other"):
            return ""
        found = self._looks_at(evaluated(statement.node), module, NAMESPACE)
        if grown := sorted(found & self._grown):
            return f"what {' and '.join(grown)} has"
        return "what derives from a class" if _SUBCLASSES in found and self._derives else ""

    def left(self) -> Iterator[tuple[Module, Statement, str]]:
        """The surveys that would come to something else and are not run again, and what they look at."""
        version = self._derived.compiler.new
        for module in map(version.modules.__getitem__, sorted(self.modules)):
            before = self._derived.compiler.old.modules.get(module.name)
            if module.body is None or before is None or before.source is None or module.main:
                continue
            run = self._derived.run_of(module)
            for statement in module.body.statements:
                what = self.outdated(statement, module) if id(statement) not in run else ""
                if what:
                    yield module, statement, what

    def only_fills(self, statement: Statement, module: Module) -> bool:
        """Whether running a survey once more can do no more than put what it finds into tables, again."""
        return _Filling(self._derived.new, module).again(statement.node)

    def _looks_at(
        self, parts: Iterable[ast.AST], module: Module, namespace: frozenset[str]
    ) -> frozenset[str]:
        """The modules whose names are looked at, and ``__subclasses__``."""
        found: set[str] = set()
        parts = list(parts)
        single = set(map(id, filter(None, map(_of_one_name, parts))))
        for part in parts:
            if id(part) in single:
                continue
            if (isinstance(part, ast.Call) and is_namespace(part) and root(part.func) in namespace) or (
                isinstance(part, ast.Subscript) and ast.unparse(part) == "sys.modules[__name__]"
            ):
                found.add(module.name)
            elif isinstance(part, ast.Attribute) and part.attr == _SUBCLASSES:
                found.add(_SUBCLASSES)
            elif isinstance(part, ast.Call):
                found |= self._procedure(module, part.func)
        return frozenset(found)

    def _procedure(self, module: Module, function: ast.expr) -> frozenset[str]:
        home, node = _defined(self._derived.new, module, function)
        if home is None or node is None:
            return frozenset()
        key = (home.name, node.name)
        if key not in self._of_procedures:
            self._of_procedures[key] = frozenset()
            inside = [part for statement in node.body for part in everything_in(statement)]
            self._of_procedures[key] = self._looks_at(inside, home, frozenset({"globals"}))
        return self._of_procedures[key]


def _of_one_name(node: ast.AST) -> ast.expr | None:
    """What is looked into for one name alone, or given some: ``globals()[name]``, ``globals().update(…)``. Or what gets a name itself, and goes on."""
    if (held := held_namespace(node)) is not None:
        return held
    if isinstance(node, ast.Subscript):
        return node.value
    return node.value if isinstance(node, ast.Attribute) and node.attr in _OF_ONE else None


def _bases(statements: list[Statement]) -> list[str]:
    return sorted(
        f"{s.node.name} {' '.join(map(ast.dump, s.node.bases))}"
        for s in statements
        if isinstance(s.node, ast.ClassDef)
    )


def _defined(
    meanings: Meanings, module: Module, function: ast.expr
) -> tuple[Module | None, ast.FunctionDef | None]:
    """The procedure of a module's top level that an expression names, and that module."""
    home, words = meanings.path(module, function) or ("", [])
    found = meanings.version.modules.get(home)
    if found is None or found.body is None or len(words) != 1:
        return None, None
    statement = next(
        (s for s in reversed(found.body.statements) if s.kind == "def" and words[0] in s.names), None
    )
    node = statement.node if statement is not None else None
    return (found, node) if isinstance(node, ast.FunctionDef) else (None, None)


class _Filling:
    """Looks whether code does nothing but put what it works out into tables of the program."""

    def __init__(self, meanings: Meanings, module: Module, seen: set[tuple[str, str]] | None = None) -> None:
        self._meanings = meanings
        self._module = module
        self._seen = seen if seen is not None else set()
        # Names of its own, and those of them that hold what a table has held before.
        self._own: set[str] = set()
        self._from_tables: set[str] = set()

    def again(self, node: ast.AST) -> bool:
        """Whether a statement only fills tables."""
        if isinstance(node, ast.Expr):
            return (
                isinstance(node.value, ast.Constant) or self._puts(node.value) or self._computes(node.value)
            )
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            return (
                node.value is not None
                and self._computes(node.value)
                and all(self._assigns(target, node.value) for target in targets)
            )
        if isinstance(node, ast.For):
            return (
                self._computes(node.iter)
                and self._assigns(node.target, node.iter)
                and self._all(node.body, node.orelse)
            )
        if isinstance(node, ast.If):
            return self._computes(node.test) and self._all(node.body, node.orelse)
        if isinstance(node, ast.Try):
            return self._all(node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers))
        if isinstance(node, ast.Return):
            return node.value is None or self._computes(node.value)
        if isinstance(node, ast.Delete):
            return all(isinstance(t, ast.Name) and t.id in self._own for t in node.targets)
        return isinstance(node, ast.Pass | ast.Continue | ast.Break)

    def _all(self, *blocks: list[ast.stmt]) -> bool:
        return all(self.again(statement) for block in blocks for statement in block)

    def _assigns(self, target: ast.expr, value: ast.expr) -> bool:
        if isinstance(target, ast.Tuple | ast.List):
            return all(self._assigns(each, value) for each in target.elts)
        if isinstance(target, ast.Name):
            self._own.add(target.id)
            if self._is_from_table(value):
                self._from_tables.add(target.id)
            return True
        return (
            isinstance(target, ast.Subscript)
            and self._is_table(target.value)
            and self._computes(target.slice)
            and not self._is_from_table(value)
            and not self._is_from_table(target.slice)
        )

    def _puts(self, node: ast.expr) -> bool:
        """Whether it is ``TABLE.setdefault(key, value)``, or the like."""
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PUTS
        ):
            return False
        given = [*node.args, *(k.value for k in node.keywords)]
        return self._is_table(node.func.value) and all(
            self._computes(value) and not self._is_from_table(value) for value in given
        )

    def _computes(self, node: ast.expr) -> bool:
        """Whether an expression has no effect, beside that tables are filled."""
        for part in everything_in(node):
            if isinstance(part, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
                return False
            if isinstance(part, ast.Call) and not self._is_harmless(part):
                return False
        return True

    def _is_harmless(self, call: ast.Call) -> bool:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in _METHODS:
            return True
        if isinstance(function, ast.Name) and function.id in self._own:
            return False
        home, node = _defined(self._meanings, self._module, function)
        if home is None or node is None:
            name = function.id if isinstance(function, ast.Name) else ""
            bound = self._module.body.binds() if self._module.body is not None else ()
            known = name in _CALLS and name not in bound
            return known or self._meanings.library(self._module, function) in _LIBRARY
        if (home.name, node.name) in self._seen:
            return True
        self._seen.add((home.name, node.name))
        if node.decorator_list:
            return False
        inside = _Filling(self._meanings, home, self._seen)
        inside._own |= {arg.arg for arg in everything_in(node.args) if isinstance(arg, ast.arg)}
        return inside._all(node.body)

    def _is_table(self, node: ast.expr) -> bool:
        """Whether it is data of a module."""
        if root(node) in self._own:
            return False
        home, words = self._meanings.path(self._module, node) or ("", [])
        module = self._meanings.version.modules.get(home)
        found = (
            module.body.last(words[0])
            if module is not None and module.body is not None and len(words) == 1
            else None
        )
        return found is not None and found.kind == "assign"

    def _is_from_table(self, node: ast.expr) -> bool:
        return any(
            (isinstance(part, ast.Name) and part.id in self._from_tables)
            or (isinstance(part, ast.Name | ast.Attribute) and self._is_table(part))
            for part in everything_in(node)
        )


def tables(derived: Derived, statement: Statement, module: Module) -> Iterator[tuple[str, str]]:
    """The data that a survey fills: module and name."""
    todo: list[tuple[Module, Iterable[ast.AST]]] = [(module, everything_in(statement.node))]
    seen: set[tuple[str, str]] = set()
    while todo:
        home, parts = todo.pop()
        for part in parts:
            put: ast.expr | None = None
            if isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store):
                put = part.value
            elif isinstance(part, ast.Call):
                if isinstance(part.func, ast.Attribute) and part.func.attr in _PUTS:
                    put = part.func.value
                other, node = _defined(derived.new, home, part.func)
                if other is not None and node is not None and (other.name, node.name) not in seen:
                    seen.add((other.name, node.name))
                    todo.append((other, everything_in(node)))
            place = derived.new.path(home, put) if put is not None else None
            if place is not None and len(place[1]) == 1:
                yield place[0], place[1][0]
