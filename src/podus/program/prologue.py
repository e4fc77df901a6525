"""What a procedure does before it comes to one of its loops: a frame that moves to the loop of another version has not done it.

It has done what the old version says there. Where that is the same but for the values of constants, what the frame holds is of the kind that the new
version needs.
"""

from __future__ import annotations

import ast
import copy
import dis
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType

from podus.program.code import walk
from podus.program.control import CLOSED, JUMPS, exception_entries, units
from podus.program.nodes import directly_in, everything_in

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
_Loop = ast.For | ast.AsyncFor | ast.While
# Of so many nodes what was found is kept: a procedure is gone through for each of its loops and variables.
_KNOWN = 10_000
# What makes an empty one when it is called without arguments, and what else it makes one of.
_BUILT = frozenset({"list", "dict", "set", "tuple", "str", "bytes", "frozenset", "bytearray"})
# These do nothing to what they are called with.
_LOOK_ONLY = frozenset(
    {
        "print",
        "len",
        "repr",
        "str",
        "int",
        "float",
        "sum",
        "min",
        "max",
        "isinstance",
        "type",
        "range",
        "sorted",
    }
)
_NUMBERS = frozenset({"int", "float", "complex", "bool"})
_DISPLAYS = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Dict: "dict",
    ast.DictComp: "dict",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.Tuple: "tuple",
    ast.JoinedStr: "str",
}


@dataclass
class Binding:
    """One way in which a variable gets its value: ``form`` is what is written but for constants, ``kind`` the type of the value, "" where that is not known."""

    name: str
    form: str
    kind: str = ""
    # What gives the value, where that is all that is done with it.
    value: ast.expr | None = None
    # The names that it is computed from; and whether it is just what one of them is.
    of: frozenset[str] = frozenset()
    alias: bool = False


@dataclass
class Step:
    """A simple statement, or the head of another, before a loop; ``sure`` where everybody who comes to the loop has executed it, and once."""

    text: str
    form: str
    line: int
    sure: bool
    bindings: list[Binding] = field(default_factory=list)
    # The attributes and the globals that it sets, the variables whose items it sets, what it calls, and what that may get hold of.
    attributes: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    # It is there for what it does.
    acts: bool = False


class Prologue:
    """What stands before a loop in the procedure ``node``."""

    def __init__(self, node: _Function, loop: _Loop) -> None:
        self.node = node
        self.shared = {n for s in _own(node) if isinstance(s, ast.Global | ast.Nonlocal) for n in s.names}
        self.steps: list[Step] = []
        self._before(node.body, loop)
        self.bindings: dict[str, list[Binding]] = {}
        for step in self.steps:
            for binding in step.bindings:
                self.bindings.setdefault(binding.name, []).append(binding)
        if not isinstance(node, ast.Module):
            arguments = node.args
            several = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for argument in [*several, *filter(None, [arguments.vararg, arguments.kwarg])]:
                self.bindings.setdefault(argument.arg, []).append(Binding(argument.arg, "a parameter"))

    def forms(self, name: str) -> set[str]:
        """How a variable may have got its value."""
        return {binding.form for binding in self.bindings.get(name, ())}

    def literal(self, name: str) -> ast.expr | None:
        """The literal that a variable surely has at the loop, if nothing has changed it on the way there."""
        value = self.value(name)
        return value if value is not None and _is_literal(value) else None

    def value(self, name: str) -> ast.expr | None:
        """What has surely given a variable its value at the loop, if nothing has been done with that on the way there."""
        rows = [step for step in self.steps if any(b.name == name for b in step.bindings)]
        if len(rows) != 1 or not rows[0].sure or len(self.bindings[name]) != 1:
            return None
        value = self.bindings[name][0].value
        used = any(name in step.touched | step.filled for step in self.steps)
        return None if used and value is not None and changeable(value) else value

    def missing(self, other: Prologue) -> list[Step]:
        """The steps that ``other`` has nothing like."""
        known = {step.form for step in other.steps}
        return [step for step in self.steps if step.form not in known]

    def _before(self, body: list[ast.stmt], loop: _Loop) -> bool:
        """Go through what comes before the loop; says whether it is among these statements."""
        for stmt in body:
            if stmt is loop:
                return True
            if not _holds(stmt, loop):
                self._steps(stmt, (), True)
                continue
            self._head(stmt, (), True)
            parts = _parts(stmt)
            at = next(n for n, part in enumerate(parts) if any(_holds(inner, loop) for inner in part))
            for part in parts[:at] if not isinstance(stmt, ast.If | ast.Match) else ():
                for inner in part:
                    self._steps(inner, (), False)
            return self._before(parts[at], loop)
        return False

    def _steps(self, stmt: ast.stmt, within: tuple[str, ...], sure: bool) -> None:
        self._head(stmt, within, sure)
        here = (*within, f"{type(stmt).__name__} {' '.join(map(_form, _heads(stmt)))}")
        whole = sure and isinstance(stmt, ast.With | ast.AsyncWith)
        for number, part in enumerate(_parts(stmt)):
            for inner in part:
                self._steps(inner, (*here, str(number)), whole)

    def _head(self, stmt: ast.stmt, within: tuple[str, ...], sure: bool) -> None:
        """A simple statement as it is; of a compound one what comes before its blocks."""
        if _parts(stmt) and not isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            heads = _heads(stmt)
            text = " ".join(ast.unparse(head) for head in heads)
            form = " ".join(map(_form, heads))
            again = isinstance(stmt, _Loop)
            step = Step(
                text, "; ".join((*within, type(stmt).__name__, form)), stmt.lineno, sure and not again
            )
        else:
            heads = [stmt]
            defined = isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            text = f"def {stmt.name}" if defined else ast.unparse(stmt)  # type: ignore[attr-defined]
            step = Step(text, "; ".join((*within, text if defined else _form(stmt))), stmt.lineno, sure)
        step.bindings = [b for b in _bindings(stmt) if b.name not in self.shared]
        for inner in (inner for head in heads for inner in _own(head)):
            self._effect(step, inner)
        step.acts = isinstance(stmt, ast.Expr) and bool(step.called)
        self.steps.append(step)

    def _effect(self, step: Step, inner: ast.AST) -> None:
        changes = not isinstance(getattr(inner, "ctx", None), ast.Load)
        if isinstance(inner, ast.Name) and changes and inner.id in self.shared:
            step.shared.add(inner.id)
        elif isinstance(inner, ast.Attribute) and changes:
            step.attributes.add(inner.attr)
        elif isinstance(inner, ast.Subscript) and changes:
            if isinstance(inner.value, ast.Attribute):
                step.attributes.add(inner.value.attr)
            else:
                step.filled |= _roots(inner.value)
        elif isinstance(inner, ast.Call):
            callee = inner.func
            name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", "")
            if isinstance(callee, ast.Name) and name in _LOOK_ONLY:
                return
            step.called.add(name)
            given = [*inner.args, *(keyword.value for keyword in inner.keywords), callee]
            step.touched |= {root for each in given for root in _roots(each)}


def kinds(node: _Function, name: str) -> tuple[set[str], bool]:
    """The types of what a procedure binds a variable to, wherever it does, and whether there are others, of which nothing is known."""
    found = {
        b.kind for stmt in _own(node) if isinstance(stmt, ast.stmt) for b in _bindings(stmt) if b.name == name
    }
    if not isinstance(node, ast.Module):
        found |= {
            ""
            for argument in everything_in(node.args)
            if isinstance(argument, ast.arg) and argument.arg == name
        }
    return found - {"", "same"}, "" in found


def parts_of(node: _Function, names: set[str]) -> set[str]:
    """The variables of a procedure that may hold something computed from the globals or attributes ``names``, other than what they are themselves."""
    bindings = [b for stmt in _own(node) if isinstance(stmt, ast.stmt) for b in _bindings(stmt)]
    same, parts = set(names), set[str]()
    while True:
        more = {b.name for b in bindings if b.alias and b.of & same} - same
        others = {b.name for b in bindings if not b.alias and b.of & (same | parts)} - parts
        others |= {b.name for b in bindings if b.alias and b.of & parts} - parts
        if not (more or others):
            return parts
        same |= more
        parts |= others


def returned(node: _Function) -> set[str]:
    """The shapes of what a procedure returns where it says ``return``: nothing, a tuple of so many, another display, or a value."""
    values = [stmt.value for stmt in _own(node) if isinstance(stmt, ast.Return)]
    return {_shape(value) for value in values}


def _shape(value: ast.expr | None) -> str:
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return "nothing"
    if isinstance(value, ast.Tuple):
        return f"tuple of {len(value.elts)}"
    return next((name for display, name in _DISPLAYS.items() if isinstance(value, display)), "value")


def bound_once(node: _Function, name: str) -> bool:
    """Whether a procedure binds a variable in one place only."""
    found = [
        b for stmt in _own(node) if isinstance(stmt, ast.stmt) for b in _bindings(stmt) if b.name == name
    ]
    return len(found) == 1


def reads(code: CodeType, offset: int) -> set[str]:
    """The globals and attributes that ``code``, entered at ``offset``, can come to read, and all that what is nested in it mentions."""
    found = {
        name
        for const in code.co_consts
        if isinstance(const, CodeType)
        for c in walk(const)
        for name in c.co_names
    }
    after = {start: (op, arg, following) for start, op, arg, following in units(code)}
    table = exception_entries(code)
    seen, todo = {offset}, [offset]
    while todo:
        start = todo.pop()
        op, arg, following = after[start]
        ways = [target for first, end, target, _ in table if first <= start < end]
        if JUMPS[op]:
            ways.append(following + JUMPS[op] * 2 * arg)
        if not CLOSED[op] and following in after:
            ways.append(following)
        todo += [way for way in ways if way not in seen]
        seen.update(ways)
    for row in dis.get_instructions(code):
        if row.offset in seen and row.opname.startswith("LOAD_") and row.opcode in dis.hasname:
            found.add(str(row.argval))
    return found


@lru_cache(_KNOWN)
def _own(node: ast.AST) -> list[ast.AST]:
    """A node and what is in it, but not what is nested in another scope."""
    todo: list[ast.AST] = [node]
    found: list[ast.AST] = []
    while todo:
        one = todo.pop()
        found.append(one)
        nested = isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
        if not nested or one is node:
            targets = isinstance(one, ast.comprehension)
            todo += [c for c in directly_in(one) if not (targets and c is one.target)]  # type: ignore[attr-defined]
    return found


def _holds(stmt: ast.stmt, loop: _Loop) -> bool:
    return any(inner is loop for inner in everything_in(stmt))


def _parts(stmt: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of a compound statement, in their order."""
    if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return []
    parts = [getattr(stmt, "body", [])]
    parts += [handler.body for handler in getattr(stmt, "handlers", ())]
    parts += [case.body for case in getattr(stmt, "cases", ())]
    return [part for part in (*parts, getattr(stmt, "orelse", []), getattr(stmt, "finalbody", [])) if part]


def _heads(stmt: ast.stmt) -> list[ast.AST]:
    """What of a compound statement is no block."""
    if isinstance(stmt, ast.For | ast.AsyncFor):
        return [stmt.target, stmt.iter]
    if isinstance(stmt, ast.If | ast.While):
        return [stmt.test]
    if isinstance(stmt, ast.With | ast.AsyncWith):
        return list(stmt.items)
    if isinstance(stmt, ast.Match):
        return [stmt.subject]
    return []


def _roots(node: ast.expr) -> set[str]:
    """The names in an expression whose objects it may hand on."""
    return {inner.id for inner in _own(node) if isinstance(inner, ast.Name)}


def _names(node: ast.expr) -> frozenset[str]:
    """The names and attributes that an expression mentions."""
    found = (getattr(inner, "attr", "") or getattr(inner, "id", "") for inner in _own(node))
    return frozenset(found) - {""}


@lru_cache(_KNOWN)
def _bindings(stmt: ast.stmt) -> list[Binding]:
    """What a statement binds by itself: not the statements in its blocks."""
    found: list[Binding] = []
    if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [Binding(stmt.name, "def", "def")]
    if isinstance(stmt, ast.Import | ast.ImportFrom):
        names = [(alias.asname or alias.name).partition(".")[0] for alias in stmt.names]
        return [Binding(name, f"import {ast.unparse(stmt)}") for name in names]
    if isinstance(stmt, ast.Assign):
        for target in stmt.targets:
            found += _bound(target, stmt.value)
    elif isinstance(stmt, ast.AnnAssign) and stmt.value is not None:
        found += _bound(stmt.target, stmt.value)
    elif isinstance(stmt, ast.AugAssign) and isinstance(stmt.target, ast.Name):
        # A number stays one.
        form = f"{type(stmt.op).__name__} {_form(stmt.value)}"
        found.append(Binding(stmt.target.id, form, "same"))
    elif isinstance(stmt, ast.For | ast.AsyncFor):
        of = _names(stmt.iter)
        found += [
            Binding(name, f"each of {_form(stmt.iter)} as {at}", of=of) for name, at in _places(stmt.target)
        ]
    elif isinstance(stmt, ast.With | ast.AsyncWith):
        for item in stmt.items:
            if item.optional_vars is not None:
                within, of = _form(item.context_expr), _names(item.context_expr)
                found += [
                    Binding(name, f"with {within} as {at}", of=of) for name, at in _places(item.optional_vars)
                ]
    elif isinstance(stmt, ast.Delete):
        found += [Binding(t.id, "del", "same") for t in stmt.targets if isinstance(t, ast.Name)]
    elif isinstance(stmt, ast.Try | ast.TryStar):
        found += [Binding(handler.name, "except") for handler in stmt.handlers if handler.name]
    elif isinstance(stmt, ast.Match):
        captured = [c for case in stmt.cases for c in everything_in(case.pattern)]
        for capture in captured:
            name = getattr(capture, "name", None) or getattr(capture, "rest", None)
            if isinstance(name, str):
                found.append(Binding(name, f"case {_form(stmt.subject)}"))
    heads = _heads(stmt) if _parts(stmt) else [stmt]
    for inner in (inner for head in heads for inner in _own(head)):
        if isinstance(inner, ast.NamedExpr):
            found += _bound(inner.target, inner.value)
    return found


def _bound(target: ast.expr, value: ast.expr) -> list[Binding]:
    if isinstance(target, ast.Name):
        alias = isinstance(value, ast.Name | ast.Attribute)
        of = frozenset([getattr(value, "attr", "") or getattr(value, "id", "")]) if alias else _names(value)
        return [Binding(target.id, _form(value), _kind(value), value, of, alias)]
    if isinstance(target, ast.Tuple | ast.List):
        parts = target.elts
        starred = any(isinstance(part, ast.Starred) for part in parts)
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(parts) and not starred:
            return [b for part, its in zip(parts, value.elts, strict=True) for b in _bound(part, its)]
    of = _names(value)
    return [Binding(name, f"{_form(value)} as {at}", of=of) for name, at in _places(target)]


def _places(target: ast.expr) -> Iterator[tuple[str, str]]:
    """The names in a target, each with its place there."""
    if isinstance(target, ast.Name):
        yield target.id, "it"
    elif isinstance(target, ast.Starred):
        for name, at in _places(target.value):
            yield name, f"*{at}"
    elif isinstance(target, ast.Tuple | ast.List):
        for number, part in enumerate(target.elts):
            for name, at in _places(part):
                yield name, f"{number} of {len(target.elts)}, {at}"


def changeable(value: ast.expr) -> bool:
    """Whether what an expression makes can be changed where it is."""
    return any(isinstance(inner, ast.List | ast.Dict | ast.Set | ast.Call) for inner in everything_in(value))


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError):
        return False
    return True


def _kind(value: ast.expr) -> str:
    """The type of what an expression gives, "" where it can't be told."""
    if isinstance(value, ast.Constant):
        name = type(value.value).__name__
        return "number" if name in _NUMBERS else name
    if isinstance(value, ast.UnaryOp) and _is_literal(value):
        return "number"
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _BUILT:
        return value.func.id
    return next((name for display, name in _DISPLAYS.items() if isinstance(value, display)), "")


class _Plainer(ast.NodeTransformer):
    """Puts its type in the place of every constant, and of every literal."""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Constant | ast.UnaryOp | ast.JoinedStr) and _kind(node):
            return ast.Name(_kind(node), ast.Load())
        if isinstance(node, ast.List | ast.Dict | ast.Set) and _is_literal(node):
            parts = [*getattr(node, "elts", ()), *getattr(node, "keys", ()), *getattr(node, "values", ())]
            of = sorted({_form(part) for part in parts})
            return ast.Name(
                f"{_kind(node)} of {', '.join(of)}" if of else f"{_kind(node)} of nothing", ast.Load()
            )
        if (
            isinstance(node, ast.Call)
            and not node.args
            and not node.keywords
            and _kind(node) in ("list", "dict", "set")
        ):
            return ast.Name(f"{_kind(node)} of nothing", ast.Load())
        if isinstance(node, ast.AnnAssign) and node.value is not None and node.simple:
            return self.visit(ast.Assign([node.target], node.value, lineno=node.lineno))
        plain: ast.AST = super().visit(node)
        return plain


@lru_cache(_KNOWN)
def _form(node: ast.AST) -> str:
    """What is written, but for the values of its constants."""
    return ast.dump(_Plainer().visit(copy.deepcopy(node)))
