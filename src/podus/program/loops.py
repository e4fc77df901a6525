"""The loops of a procedure: where a frame stands when the next iteration is about to begin, and what it needs to begin it.

A loop has a *head*, the offset its backward jumps lead to, which is where its exit stub belongs to (podus.frames.stubs). The next
iteration of a ``for`` begins at its head; that of a ``while`` at its test, of which the compiler makes two copies until Python 3.13.
"""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from types import CodeType

from podus.frames.stubs import depths
from podus.program.code import SUSPENDS
from podus.program.control import BACKWARD, CLOSED, JUMPS, NAMES, exception_entries, units
from podus.program.nodes import everything_in

# So many objects on a value stack can be followed.
_KNOWN = 21
# What puts something on the value stack for as long as a loop in it runs.
_Holds = ast.For | ast.AsyncFor | ast.withitem | ast.ExceptHandler
# A loop, what holds something around it, which loop of which it is, and why it can't be left.
_Found = tuple[ast.For | ast.AsyncFor | ast.While, tuple[_Holds, ...], tuple[int, ...], str]


@dataclass(frozen=True)
class Held:
    """Where a frame has got an iterator or an open block from: as it is written, and without the names of a ``for``'s targets."""

    text: str = field(compare=False)
    fits: str
    # The names that it is computed from.
    names: frozenset[str] = field(compare=False, default=frozenset())


@dataclass
class Loop:
    """One loop of a procedure.

    ``layout`` is what lies on the value stack at its head, from the bottom: ``iterator``, ``with``, or the ``exception`` that was
    handled before the one that is. ``jumps`` are the targets of
    backward jumps, ``leaves`` the offsets of first instructions of a line, at which a frame may leave; ``enter`` is where
    the new version is entered. ``why`` says why no frame can be moved there, "" if one can.
    """

    kind: str
    text: str
    line: int
    layout: tuple[str, ...] = ()
    path: tuple[int, ...] = ()
    head: int = -1
    enter: int = -1
    jumps: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    why: str = ""
    # An outermost `while`: as a thread's, its iterations are what the thread does one after the other.
    turns: bool = False
    # Its test is a constant.
    always: bool = False
    # The first line of its body.
    body_line: int = 0
    # What gave the frame what lies on its value stack, in the order of ``layout``.
    held: tuple[Held, ...] = ()
    stmt: ast.For | ast.AsyncFor | ast.While | None = field(default=None, repr=False, compare=False)


def loops_of(code: CodeType, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module) -> list[Loop]:
    """The loops of a procedure, or of a module's body, in the order of its source; ``code`` has no stubs."""
    return _Finder(code).find(node)


# What an open block has on the value stack: from Python 3.14 on what its exit is called with as well.
_BLOCK = ("with", "with") if sys.version_info >= (3, 14) else ("with",)


class _Finder:
    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.heads = depths(code, exception_entries(code))
        self.units = list(units(code))
        places = list(code.co_positions())
        self.places = {start: places[start // 2] for start, *_ in self.units}
        self.index = {start: number for number, (start, *_) in enumerate(self.units)}
        self.lost = _lost(code, self.units)
        # The backward jumps to each head.
        self.back: dict[int, list[int]] = {}
        for start, op, arg, following in self.units:
            if JUMPS[op] == BACKWARD and NAMES[op] != "JUMP_BACKWARD_NO_INTERRUPT":
                self.back.setdefault(following - 2 * arg, []).append(start)

    def find(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module) -> list[Loop]:
        found: list[tuple[Loop, ast.For | ast.AsyncFor | ast.While]] = []
        for stmt, held, path, why in _loops(node.body, (), (), ""):
            layout = tuple(word for one in held for word in _words(one))
            others = isinstance(node, ast.Module) or self.code.co_flags & SUSPENDS
            if isinstance(stmt, ast.While):
                loop = Loop("while", ast.unparse(stmt.test), stmt.lineno, layout, path, why=why)
                loop.turns = len(path) == 1
                loop.always = isinstance(stmt.test, ast.Constant)
            else:
                kind = "async for" if isinstance(stmt, ast.AsyncFor) else "for"
                text = f"{ast.unparse(stmt.target)} in {ast.unparse(stmt.iter)}"
                loop = Loop(kind, text, stmt.lineno, layout, path, why=why)
            if others and "exception" in layout:
                # What is handled belongs to the generator: another one would not take it over.
                loop.why = why or "it stands in an except block, whose exception can't be carried"
            loop.stmt = stmt
            loop.held = tuple(_held(one) for one in held)
            loop.body_line = stmt.body[0].lineno
            found.append((loop, stmt))
        whiles = [stmt for _, stmt in found if isinstance(stmt, ast.While)]
        belongs = {head: self._innermost(head, whiles) for head in self.heads if not self._iterates(head)}
        for loop, stmt in found:
            if isinstance(stmt, ast.While):
                self._while(loop, stmt, sorted(h for h, owner in belongs.items() if owner is stmt))
            else:
                self._for(loop, stmt)
            if not loop.why and self.heads[loop.head] != len(loop.layout):
                loop.why = "podus can't tell what lies on its value stack"
            if not loop.why and loop.head in self.lost:
                loop.why = "a call or an expression before it has so many operands that the interpreter does not know its value stack"
        return [loop for loop, _ in found]

    def _iterates(self, head: int) -> bool:
        return NAMES[self.units[self.index[head]][1]] in ("FOR_ITER", "GET_ANEXT")

    def _for(self, loop: Loop, stmt: ast.For | ast.AsyncFor) -> None:
        at = [
            head
            for head in self.heads
            if self._iterates(head)
            and (self.places[head][0], self.places[head][2])
            in ((stmt.lineno, stmt.col_offset), (stmt.iter.lineno, stmt.iter.col_offset))
        ]
        if len(at) != 1:
            loop.why = loop.why or ("it is there twice" if at else "the compiler has left it out")
            return
        loop.head = loop.enter = at[0]
        loop.jumps = [at[0]]

    def _while(self, loop: Loop, stmt: ast.While, heads: list[int]) -> None:
        # Where the body begins; what handles an exception may lie behind and jump back into the middle of it.
        first = min((start for start in self.places if self._in_span(start, *_span(stmt.body))), default=-1)
        tested = [head for head in heads if self._in_span(head, *_span([stmt.test]))]
        # `continue` in `while True` goes to the line of the `while`, where nothing is left to do.
        bodies = [head for head in heads if head == first or self._only_nothing(head, first)]
        if isinstance(stmt.test, ast.Constant):
            if not bodies:
                loop.why = loop.why or "it does not come round"
                return
            loop.head = loop.enter = bodies[0]
            loop.jumps = bodies
            return
        # The test at the entry, and the one at the end, lead to the body; `continue` goes to the first.
        if len(tested) > 1 or len(bodies) > 1 or not (tested or bodies):
            loop.why = loop.why or ("it is there twice" if heads else "it does not come round")
            return
        if not bodies:
            # One test alone, from Python 3.14; or the loop comes round by `continue` only.
            loop.head = loop.enter = tested[0]
            loop.jumps = [tested[0]]
            return
        body = loop.head = bodies[0]
        entry = self._run_before(body, stmt)
        ends = [self._run_before(jump, stmt) for jump in self.back[body]]
        if entry is None or None in ends or not all(self._begins_line(e) for e in ends if e is not None):
            # The test stands on the line of the body: the old one has been evaluated when the frame is seen.
            loop.enter = body
            loop.jumps = bodies
            return
        loop.enter = entry
        loop.leaves = sorted({entry, *(e for e in ends if e is not None)})

    def _in_span(self, offset: int, start: tuple[int, int], end: tuple[int, int]) -> bool:
        """Whether an instruction comes from the source between two places, each a line and a column."""
        line, end_line, col, end_col = self.places[offset]
        if line is None or col is None or end_line is None or end_col is None:
            return False
        return start <= (line, col) and (end_line, end_col) <= end

    def _only_nothing(self, offset: int, end: int) -> bool:
        between = [NAMES[op] for start, op, *_ in self.units if offset <= start < end]
        return bool(between) and set(between) == {"NOP"}

    def _run_before(self, offset: int, stmt: ast.While) -> int | None:
        """The first of the instructions of the test that stand right before ``offset``."""
        number = self.index[offset]
        first = None
        while number > 0:
            before, op, *_ = self.units[number - 1]
            # In Python 3.11 the jump behind a test has the place of the whole statement.
            place = self.places[before]
            jumps = JUMPS[op] and (place[0], place[2]) == (stmt.lineno, stmt.col_offset)
            if not (self._in_span(before, *_span([stmt.test])) or jumps):
                break
            number -= 1
            first = before
        return first

    def _begins_line(self, offset: int) -> bool:
        number = self.index[offset]
        return number == 0 or self.places[self.units[number - 1][0]][0] != self.places[offset][0]

    def _innermost(self, head: int, whiles: list[ast.While]) -> ast.While | None:
        last = max(self.back[head])
        lines = [self.places[start][0] for start, *_ in self.units if head <= start <= last]
        known = [line for line in lines if line is not None]
        around = [
            stmt
            for stmt in whiles
            if known and stmt.lineno <= min(known) and max(known) <= (stmt.end_lineno or stmt.lineno)
        ]
        return max(around, key=lambda stmt: (stmt.lineno, stmt.col_offset), default=None)


def _lost(code: CodeType, every: list[tuple[int, int, int, int]]) -> set[int]:
    """The offsets of which the interpreter does not know the value stack, as what it has followed to there was too deep (``mark_stacks`` in Objects/frameobject.c)."""
    lost: set[int] = set()
    # As far as they have been come to: by which way first is what counts.
    depth_at: dict[int, int] = {}
    handlers: dict[int, list[tuple[int, int]]] = {}
    for start, _, target, depth in exception_entries(code):
        handlers.setdefault(start, []).append((target, (depth >> 1) + (depth & 1) + 1))
    depth, known = int(bool(code.co_flags & SUSPENDS)), True
    for start, op, arg, following in every:
        if start in depth_at:
            depth, known = depth_at[start], True
        if known:
            depth_at.setdefault(start, depth)
            if depth > _KNOWN:
                lost.add(start)
            for target, level in handlers.get(start, ()):
                depth_at.setdefault(target, level if depth <= _KNOWN else depth)
            operand = None if op < dis.HAVE_ARGUMENT else arg
            if JUMPS[op] > 0:
                jumped = depth + dis.stack_effect(op, operand, jump=True)
                depth_at.setdefault(following + 2 * arg, jumped)
            depth += dis.stack_effect(op, operand, jump=False) if not CLOSED[op] else 0
            # Lost is lost.
            depth += 1_000_000 if _KNOWN < depth < 1_000_000 else 0
        if CLOSED[op]:
            known = False
    return lost


def _span(nodes: Sequence[ast.stmt | ast.expr]) -> tuple[tuple[int, int], tuple[int, int]]:
    first, last = nodes[0], nodes[-1]
    return (first.lineno, first.col_offset), (last.end_lineno or 0, last.end_col_offset or 0)


def _words(one: _Holds) -> tuple[str, ...]:
    if isinstance(one, ast.ExceptHandler):
        return ("exception",)
    return _BLOCK if isinstance(one, ast.withitem) else ("iterator",)


def _held(one: _Holds) -> Held:
    if isinstance(one, ast.ExceptHandler):
        # Which it is was asked when it was raised: it is being handled.
        return Held(f"except {ast.unparse(one.type)}" if one.type else "except", "except")
    source = one.context_expr if isinstance(one, ast.withitem) else one.iter
    names = frozenset(inner.id for inner in everything_in(source) if isinstance(inner, ast.Name))
    if isinstance(one, ast.withitem):
        return Held(f"with {ast.unparse(one)}", f"with {ast.unparse(source)}", names)
    word = "async for" if isinstance(one, ast.AsyncFor) else "for"
    over = ast.unparse(source)
    return Held(
        f"{word} {ast.unparse(one.target)} in {over}", f"{word} {_shape(one.target)} in {over}", names
    )


def _shape(target: ast.expr) -> str:
    """How a target takes apart what it is given, whatever its names."""
    if isinstance(target, ast.Name):
        return "_"
    if isinstance(target, ast.Tuple | ast.List):
        return f"({', '.join(map(_shape, target.elts))})"
    if isinstance(target, ast.Starred):
        return f"*{_shape(target.value)}"
    return ast.unparse(target)


def _loops(
    body: list[ast.stmt], layout: tuple[_Holds, ...], path: tuple[int, ...], why: str
) -> Iterator[_Found]:
    """Every loop among the statements, with what puts something on the value stack in it, which loop of which it is, and why it can't be left."""
    count = 0

    def inner(statements: list[ast.stmt], held: tuple[_Holds, ...], reason: str = "") -> Iterator[_Found]:
        nonlocal count
        for found in _loops(statements, held, (), why or reason):
            at = found[2]
            yield found[0], found[1], (*path, count + at[0], *at[1:]), found[3]
        count += sum(1 for _ in _direct(statements))

    for stmt in body:
        if isinstance(stmt, (ast.For, ast.AsyncFor, ast.While)):
            held = layout if isinstance(stmt, ast.While) else (*layout, stmt)
            here = (*path, count)
            yield stmt, held, here, why
            yield from _loops(stmt.body, held, here, why)
            count += 1
            yield from inner(stmt.orelse, layout)
        elif isinstance(stmt, (ast.With, ast.AsyncWith)):
            yield from inner(stmt.body, (*layout, *stmt.items))
        elif isinstance(stmt, (ast.Try, ast.TryStar)):
            yield from inner(stmt.body, layout)
            group = isinstance(stmt, ast.TryStar)
            for handler in stmt.handlers:
                reason = "it stands in an except* block, whose exceptions can't be carried" if group else ""
                yield from inner(handler.body, (*layout, handler), reason)
            yield from inner(stmt.orelse, layout)
            yield from inner(
                stmt.finalbody, layout, "it stands in a finally block, whose exception can't be carried"
            )
        elif isinstance(stmt, ast.If):
            yield from inner(stmt.body, layout)
            yield from inner(stmt.orelse, layout)
        elif isinstance(stmt, ast.Match):
            for case in stmt.cases:
                yield from inner(case.body, layout)


def _direct(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The outermost loops among the statements, in whatever blocks they stand."""
    for stmt, _, path, _ in _loops(statements, (), (), ""):
        if len(path) == 1:
            yield stmt


def match(old: list[Loop], new: list[Loop]) -> list[tuple[Loop, Loop, str]]:
    """Which loop of the new version goes on with which of the old one, and how that was seen; those that match none are left out."""
    if [(o.kind, o.layout, o.path) for o in old] == [(n.kind, n.layout, n.path) for n in new]:
        return [
            (
                o,
                n,
                "it stands in the same place" + ("" if o.text == n.text else f"; it was `{o.kind} {o.text}`"),
            )
            for o, n in zip(old, new, strict=True)
            # One that stands elsewhere now has not taken the place of the other.
            if o.text == n.text or not (_has(new, o) or _has(old, n))
        ]
    pairs = []
    for o in old:
        rows = [n for n in new if (n.kind, n.text, n.layout) == (o.kind, o.text, o.layout)]
        again = [
            other for other in old if (other.kind, other.text, other.layout) == (o.kind, o.text, o.layout)
        ]
        if len(rows) == 1 and len(again) == 1:
            pairs.append((o, rows[0], f"it alone is `{o.kind} {o.text}` in both versions"))
    return pairs


def _has(loops: list[Loop], loop: Loop) -> bool:
    return any((other.kind, other.text) == (loop.kind, loop.text) for other in loops)


def differing(old: Loop, new: Loop) -> tuple[Held, Held] | None:
    """What a frame holds in ``old`` that ``new`` would have got elsewhere, and where; None if there is no such thing."""
    return next((pair for pair in zip(old.held, new.held, strict=True) if pair[0] != pair[1]), None)


def bound_at(code: CodeType, offsets: list[int]) -> set[str]:
    """The variables that are bound whenever an activation of ``code`` comes to one of ``offsets``, by whatever way."""
    slots = [
        *code.co_varnames,
        *(n for n in code.co_cellvars if n not in code.co_varnames),
        *code.co_freevars,
    ]
    at = {start: (op, arg, following) for start, op, arg, following in units(code)}
    table = [(start, end, target) for start, end, target, _ in exception_entries(code)]
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    seen: dict[int, frozenset[str]] = {}
    todo = [(0, frozenset([*code.co_varnames[:count], *code.co_freevars]))]
    while todo:
        start, bound = todo.pop()
        known = seen.get(start)
        if known is not None and known <= bound:
            continue
        bound = bound if known is None else known & bound
        seen[start] = bound
        op, arg, following = at[start]
        if NAMES[op] in ("DELETE_FAST", "DELETE_DEREF"):
            bound -= {slots[arg]}
        todo += [(target, bound) for first, end, target in table if first <= start < end]
        bound |= _variables(NAMES[op], arg, slots)[1]
        if JUMPS[op]:
            todo.append((following + JUMPS[op] * 2 * arg, bound))
        if not CLOSED[op] and following in at:
            todo.append((following, bound))
    return (
        set(frozenset.intersection(*(seen.get(offset, frozenset()) for offset in offsets)))
        if offsets
        else set()
    )


def needed(code: CodeType, offset: int, never: Set[int] = frozenset()) -> set[str]:
    """The variables that ``code``, entered at ``offset``, may read before it has bound them; ``never`` are jumps that it does not take."""
    slots = [
        *code.co_varnames,
        *(n for n in code.co_cellvars if n not in code.co_varnames),
        *code.co_freevars,
    ]
    at = {start: (op, arg, following) for start, op, arg, following in units(code)}
    table = [(start, end, target) for start, end, target, _ in exception_entries(code)]
    found: set[str] = set()
    seen: dict[int, frozenset[str]] = {}
    todo: list[tuple[int, frozenset[str]]] = [(offset, frozenset())]
    while todo:
        start, bound = todo.pop()
        known = seen.get(start)
        if known is not None and known <= bound:
            continue
        bound = bound if known is None else known & bound
        seen[start] = bound
        op, arg, following = at[start]
        reads, writes = _variables(NAMES[op], arg, slots)
        found.update(name for name in reads if name not in bound)
        # What handles an exception of this instruction may find it done or not.
        todo += [(target, bound) for first, end, target in table if first <= start < end]
        bound |= writes
        if JUMPS[op] and start not in never:
            todo.append((following + JUMPS[op] * 2 * arg, bound))
        if not CLOSED[op] and following in at:
            todo.append((following, bound))
    return found


def _variables(name: str, arg: int, slots: list[str]) -> tuple[list[str], frozenset[str]]:
    """The variables that an instruction reads, and those that it binds."""
    if name in (
        "LOAD_FAST",
        "LOAD_FAST_CHECK",
        "LOAD_DEREF",
        "DELETE_FAST",
        "DELETE_DEREF",
        "LOAD_FAST_BORROW",
    ):
        return [slots[arg]], frozenset()
    if name in ("STORE_FAST", "STORE_DEREF"):
        return [], frozenset({slots[arg]})
    if name == "LOAD_FROM_DICT_OR_DEREF":
        return [slots[arg]], frozenset()
    # Pairs of Python 3.13 and later: four bits each.
    if name in ("LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"):
        return [slots[arg >> 4], slots[arg & 15]], frozenset()
    if name == "STORE_FAST_LOAD_FAST":
        pair = slots[arg >> 4], slots[arg & 15]
        return ([] if pair[0] == pair[1] else [pair[1]]), frozenset({pair[0]})
    if name == "STORE_FAST_STORE_FAST":
        return [], frozenset({slots[arg >> 4], slots[arg & 15]})
    return [], frozenset()
