"""Whether a value can be worked out again without an effect, though procedures of the program are called for it.

A statement as ``TABLE = make_table()`` ran once; where ``make_table`` has changed, the new version's table is another. It can be made anew if
the procedures that make it only compute: they bind their own variables, fill containers that they have made themselves, and return.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Protocol, TypeGuard

from podus.program.bindings import bound_in, is_namespace, root
from podus.program.body import PURE_CALLS, PURE_FUNCTIONS, PURE_METHODS, asks_for_type, maps_purely
from podus.program.head import Definition, consumed
from podus.program.nodes import asked_for, directly_in, everything_in

# Methods that change a container, and nothing else.
_FILLING = frozenset({"append", "extend", "add", "update", "setdefault", "insert", "sort", "reverse"})
_FRESH = frozenset({"list", "dict", "set", "sorted", "bytearray"})
# Methods of a compiled pattern that look for it, and those of what they find.
_LOOKING = frozenset({"match", "fullmatch", "search", "findall", "split"})
_OF_MATCHES = frozenset({"group", "groups", "groupdict", "start", "end", "span"})
_DEPTH = 8
_ERRORS = frozenset(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


class Names(Protocol):
    """What the names of one module mean."""

    def procedure(self, node: ast.expr) -> tuple[str, Definition, Names] | None:
        """The procedure of the program that an expression names, and what the names in it mean; None if it is none."""

    def maker(self, node: ast.expr) -> tuple[str, Definition, Names] | None:
        """What making an object does, where an expression names a plain class of the program, as :mod:`podus.program.making` reads it; None if it names none."""

    def is_plain_base(self, node: ast.expr) -> bool:
        """Whether it names a class that does nothing when another one derives from it."""

    def is_tuple(self, node: ast.expr) -> bool:
        """Whether it names a class of the program of which an object is a named tuple, and nothing else."""

    def value(self, node: ast.expr) -> tuple[ast.expr, Names] | None:
        """What the one assignment to a name of a module gives it, and what the names in it mean; None if there is no such one."""

    def is_module(self, node: ast.expr) -> bool:
        """Whether it names a module of the program, and no object that may act when it is asked for something."""

    def library(self, node: ast.expr) -> str:
        """What an expression names outside of the program, with its module; "" if nothing is seen."""


class Computation:
    """What working out an expression takes. ``calls`` are the program's procedures in it; ``only`` is whether it has no effect but its value.

    ``making``: whether to make objects of classes of the program may be none, either.
    """

    def __init__(self, names: Names, *, making: bool = False) -> None:
        self._making = making
        self._makes_classes = False
        self.calls: list[str] = []
        self.only = True
        self._names = names
        self._open: list[str] = []
        # The procedures that are open, to look for what their variables hold.
        self._bodies: list[Definition] = []

    def take(self, expression: ast.expr) -> Computation:
        """Look at an expression; returns itself."""
        self.only = self._pure(expression, self._names, frozenset()) and (
            # One in a table would be another class than the objects there are have.
            not self._makes_classes or self._gives_class(expression, self._names, 0)
        )
        return self

    def _pure(self, node: ast.AST, names: Names, own: frozenset[str]) -> bool:
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(node, ast.Lambda):
            return True
        if isinstance(node, ast.Call):
            parts: list[ast.expr] = [*node.args, *(k.value for k in node.keywords)]
            # What is given to be called at once is looked into.
            bodies = [part.body for part in consumed(node)]
            arguments = [a for part in consumed(node) for a in everything_in(part.args)]
            taken = own | bound_in(*bodies) | {a.arg for a in arguments if isinstance(a, ast.arg)}
            if not all(self._pure(part, names, own) for part in parts):
                return False
            if not all(self._pure(body, names, taken) for body in bodies):
                return False
            return (
                maps_purely(node)
                or self._maps(node, names, own)
                or asks_for_type(node)
                or self._makes_class(node, names, own)
                or is_namespace(node)
                or ((asked := asked_for(node)) is not None and names.is_module(asked.value))
                or (self._call(node.func, names, own) and self._sorts(node, names, own))
            )
        return all(self._pure(child, names, own) for child in directly_in(node))

    def _maps(self, node: ast.Call, names: Names, own: frozenset[str]) -> bool:
        """Whether it calls a procedure of the program for each of some things: ``map(number, parts)``."""
        maps = (
            isinstance(node.func, ast.Name) and node.func.id in ("map", "filter") and node.func.id not in own
        )
        return maps and bool(node.args) and self._call(node.args[0], names, own)

    def _sorts(self, node: ast.Call, names: Names, own: frozenset[str]) -> bool:
        """Whether what it is given as a key, if that is a procedure of the program, only computes: ``sorted(items, key=rank)``."""
        keys = [k.value for k in node.keywords if k.arg == "key" and root(k.value) not in own]
        found = [row for key in keys if (row := names.procedure(key)) is not None]
        return all(self._procedure(*row) for row in found)

    def _call(self, function: ast.expr, names: Names, own: frozenset[str]) -> bool:
        if isinstance(function, ast.Lambda):
            # It has been looked into.
            return True
        inner = self._inner(function)
        if inner is not None:
            return self._procedure(f"{self._open[-1]}.<locals>.{inner.name}", inner, names, own)
        if root(function) not in own:
            found = names.procedure(function) or (names.maker(function) if self._making else None)
            if found is not None:
                return self._procedure(*found)
            maker = (
                function.value
                if isinstance(function, ast.Attribute) and function.attr == "_make"
                else function
            )
            if names.is_tuple(maker):
                return True
            if self._looks_for_pattern(function, names):
                return True
            library = names.library(function)
            if (library or ast.unparse(function)) in PURE_FUNCTIONS:
                return True
            if library.count(".") == 1:
                # A function of a module, which may be called as a method without an effect is: `shutil.copy`.
                return False
            if isinstance(function, ast.Name):
                return function.id in PURE_CALLS
        if not isinstance(function, ast.Attribute):
            return False
        known = function.attr in PURE_METHODS or (
            function.attr in _OF_MATCHES and self._is_match(function.value, names)
        )
        return known and self._pure(function.value, names, own)

    def _inner(self, function: ast.expr) -> Definition | None:
        """The one definition, in the procedure that is open, of what is called; None if it is something else."""
        if not (isinstance(function, ast.Name) and self._bodies):
            return None
        name = function.id
        parts = list(everything_in(self._bodies[-1]))
        found = [part for part in parts if getattr(part, "name", None) == name]
        if len(found) != 1 or any(_is_stored(part) and part.id == name for part in parts):
            return None
        made = found[0]
        return made if isinstance(made, ast.FunctionDef) and made in self._bodies[-1].body else None

    def _makes_class(self, node: ast.Call, names: Names, own: frozenset[str]) -> bool:
        """Whether it is ``type(name, bases, namespace)``, and nothing acts when a class derives from these bases."""
        if not (isinstance(node.func, ast.Name) and node.func.id == "type" and "type" not in own):
            return False
        bases = node.args[1] if len(node.args) == 3 and not node.keywords else None
        self._makes_classes = True
        return isinstance(bases, ast.Tuple) and all(self._is_plain_base(b, names, own) for b in bases.elts)

    def _is_plain_base(self, node: ast.expr, names: Names, own: frozenset[str]) -> bool:
        return root(node) not in own and (ast.unparse(node) == "object" or names.is_plain_base(node))

    def _class(self, node: ast.ClassDef, names: Names, own: frozenset[str]) -> bool:
        """Whether a class statement in a procedure makes a class, and does nothing else."""
        making, self._making, self._makes_classes = self._making, False, True
        inside = own | bound_in(*node.body)
        done = (
            not (node.decorator_list or node.keywords)
            and all(self._is_plain_base(base, names, own) for base in node.bases)
            and all(self._statement(s, names, inside, set()) for s in node.body)
        )
        self._making = making
        return done

    def _gives_class(self, node: ast.expr | None, names: Names, depth: int) -> bool:
        """Whether what a call gives is a class that it makes, and nothing else."""
        if not isinstance(node, ast.Call) or depth > _DEPTH:
            return False
        if isinstance(node.func, ast.Name) and node.func.id == "type":
            return len(node.args) == 3
        found = names.procedure(node.func)
        if found is None:
            return False
        definition, around = found[1:]
        returned = [part.value for part in _own_parts(definition) if isinstance(part, ast.Return)]
        made = {part.name for part in _own_parts(definition) if isinstance(part, ast.ClassDef)}
        made -= {part.id for part in everything_in(definition) if _is_stored(part)}
        return bool(returned) and all(
            (isinstance(value, ast.Name) and value.id in made) or self._gives_class(value, around, depth + 1)
            for value in returned
        )

    def _looks_for_pattern(self, function: ast.expr, names: Names) -> bool:
        """Whether it is a method of a pattern that the module has compiled: ``_VERSION.match``."""
        if not (isinstance(function, ast.Attribute) and function.attr in _LOOKING):
            return False
        made, around = names.value(function.value) or (None, names)
        return isinstance(made, ast.Call) and around.library(made.func) == "re.compile"

    def _is_match(self, node: ast.expr, names: Names) -> bool:
        """Whether it is what a pattern has found, or a variable of the procedure that holds nothing else."""
        if isinstance(node, ast.Call) and names.library(node.func) == "typing.cast" and len(node.args) == 2:
            return self._is_match(node.args[1], names)
        if isinstance(node, ast.Call):
            found = self._looks_for_pattern(node.func, names) or names.library(node.func).startswith("re.")
            return found and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOKING
        values = (
            list(_values(self._bodies[-1], node.id)) if isinstance(node, ast.Name) and self._bodies else []
        )
        return bool(values) and all(
            isinstance(value, ast.Call) and self._is_match(value, names) for value in values
        )

    def _procedure(
        self, name: str, node: Definition, names: Names, around: frozenset[str] = frozenset()
    ) -> bool:
        if name in self.calls or name in self._open:
            return True
        if isinstance(node, ast.AsyncFunctionDef) or node.decorator_list or len(self._open) > _DEPTH:
            return False
        self.calls.append(name)
        self._open.append(name)
        self._bodies.append(node)
        arguments = node.args
        given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        given += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        stored = bound_in(node)
        own = around | {*(a.arg for a in given), *stored}
        fresh = {n for n in stored if all(map(_is_fresh, _values(node, n)))} - {a.arg for a in given}
        done = all(self._statement(s, names, own, fresh) for s in node.body)
        self._open.pop()
        self._bodies.pop()
        return done

    def _statement(self, node: ast.stmt, names: Names, own: frozenset[str], fresh: set[str]) -> bool:
        if isinstance(node, ast.Pass | ast.Break | ast.Continue):
            return True
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if not all(_is_own(target, own, fresh) for target in targets):
                return False
            # In place, a list that somebody else has made would change.
            if isinstance(node, ast.AugAssign) and not _is_own(node.target, frozenset(), fresh):
                plain = isinstance(node.value, ast.Constant) or self._is_text(node.target)
                return plain and self._pure(node.value, names, own)
            return node.value is None or self._pure(node.value, names, own)
        if isinstance(node, ast.Assert):
            return self._pure(node.test, names, own) and (
                node.msg is None or self._pure(node.msg, names, own)
            )
        if isinstance(node, ast.Return):
            return node.value is None or self._pure(node.value, names, own)
        if isinstance(node, ast.Expr):
            value = node.value
            if (
                isinstance(value, ast.Call)
                and isinstance(value.func, ast.Attribute)
                and isinstance(value.func.value, ast.Name)
                and value.func.value.id in fresh
                and value.func.attr in _FILLING
            ):
                return all(self._pure(a, names, own) for a in [*value.args, *value.keywords])
            return self._pure(value, names, own)
        if isinstance(node, ast.ClassDef):
            return self._class(node, names, own)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # It is made, and not called here: what is the procedure's own is not looked into.
            defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            return not node.decorator_list and all(self._pure(d, names, own) for d in defaults)
        if isinstance(node, ast.Raise):
            return self._raises(node, names, own)
        if isinstance(node, ast.Try):
            inner = [*node.body, *node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)]
            caught = {h.name for h in node.handlers if h.name}
            return all(self._statement(s, names, own | caught, fresh) for s in inner)
        if isinstance(node, ast.If | ast.For):
            head = node.test if isinstance(node, ast.If) else node.iter
            named = isinstance(node, ast.If) or _is_own(node.target, own, fresh)
            inner = [*node.body, *node.orelse]
            return (
                named
                and self._pure(head, names, own)
                and all(self._statement(s, names, own, fresh) for s in inner)
            )
        return False

    def _is_text(self, target: ast.expr) -> bool:
        """Whether a variable of the procedure that is open is bound to nothing but texts and numbers that it writes down."""
        if not (isinstance(target, ast.Name) and self._bodies):
            return False
        arguments = {a.arg for a in everything_in(self._bodies[-1].args) if isinstance(a, ast.arg)}
        values = list(_values(self._bodies[-1], target.id))
        return (
            bool(values)
            and target.id not in arguments
            and all(isinstance(value, ast.JoinedStr | ast.Constant) for value in values)
        )

    def _raises(self, node: ast.Raise, names: Names, own: frozenset[str]) -> bool:
        """Whether raising does no more: whoever asks for the value gets the exception."""
        error = node.exc
        if isinstance(error, ast.Call) and isinstance(error.func, ast.Name) and error.func.id in _ERRORS:
            return all(self._pure(part, names, own) for part in (*error.args, *error.keywords))
        return error is None or isinstance(error, ast.Name)


def _own_parts(node: Definition) -> Iterator[ast.stmt]:
    """The statements of a procedure, without those of what is defined in it."""
    todo: list[ast.AST] = list(node.body)
    while todo:
        part = todo.pop()
        if isinstance(part, ast.stmt):
            yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            todo += directly_in(part)


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _is_own(target: ast.expr, own: frozenset[str], fresh: set[str]) -> bool:
    """Whether assigning to it binds a variable of the procedure, or fills a container that it has made."""
    if isinstance(target, ast.Name):
        return target.id in own or target.id in fresh
    if isinstance(target, ast.Tuple | ast.List):
        return all(_is_own(part, own, fresh) for part in target.elts)
    if isinstance(target, ast.Subscript | ast.Attribute):
        return isinstance(target.value, ast.Name) and target.value.id in fresh
    return False


def _is_fresh(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _FRESH


def _values(node: Definition, name: str) -> Iterator[ast.expr | None]:
    """What is bound to a variable of a procedure; None where that is not an expression of its own."""
    for part in everything_in(node):
        if isinstance(part, ast.Assign | ast.AnnAssign):
            for target in part.targets if isinstance(part, ast.Assign) else [part.target]:
                for inner in everything_in(target):
                    if isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Store):
                        yield part.value if inner is target else None
        elif isinstance(part, ast.For | ast.comprehension | ast.NamedExpr) and any(
            isinstance(n, ast.Name) and n.id == name for n in everything_in(part.target)
        ):
            yield None
