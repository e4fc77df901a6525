"""Exit stubs: where a running frame can leave its loop, put into code when a module is loaded.

For each loop the stub packs the value stack (iterators, the exits of ``with`` blocks) and all variables, and has what :data:`HOOK` gives it
go on in their place. No instruction leads there. CPython lets a debugger set a frame's next line only where the stack fits,
and finds out what stack an instruction has by following the code and its exception table (``mark_stacks`` in
Objects/frameobject.c): so there is an entry in the table, of the loop's head, that covers no instruction at all. Nothing is added
to what runs, and nothing that was compiled changes its place.
"""

from __future__ import annotations

import dis
import marshal
import sys
from types import CodeType

from podus.frames import HOOK
from podus.frames.assemble import Instructions, exception_table, last_line
from podus.program.control import BACKWARD, CLOSED, JUMPS, NAMES, exception_entries, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What the hook is called for; the last on Python 3.11 only, where nothing has sent the frame there (podus.frames.exchanged).
# EXIT and FLAT from Python 3.14 on only: there a ``with`` block has two things on the value stack, what its exit calls and what that is called with first,
# and in the place of the second there may be nothing at all, which can't be put into a tuple.
LEAVE, RETURNED, RAISED, ENTERED, EXIT, FLAT = 0, 1, 2, 3, 4, 5
_ENTERS = sys.version_info < (3, 12)
# Marks the last constant of code with stubs: bytes, because a tuple would be one more object for the garbage collector to count at each import.
_MARK = b"podus: stubs "

_OPTIMIZED, _GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x01, 0x20, 0x80, 0x200
_IF_NONE = "POP_JUMP_IF_NONE" if dis.opmap.get("POP_JUMP_IF_NONE", 256) < 256 else "POP_JUMP_FORWARD_IF_NONE"
# What goes back to the head of a loop; waiting for a coroutine goes back as well, but is no loop.
_BACK = frozenset(n for n in range(256) if JUMPS[n] == BACKWARD and NAMES[n] != "JUMP_BACKWARD_NO_INTERRUPT")
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_SWAP = dis.opmap["SWAP"]
# Looks a special method up, by its number; of these the two exits of ``with`` and ``async with``.
_SPECIAL, _EXITS = dis.opmap.get("LOAD_SPECIAL"), (1, 3)

_effects: dict[int, tuple[int, int]] = {}


def _effect(op: int, arg: int) -> tuple[int, int]:
    """What an instruction adds to the stack, when it falls through and when it jumps."""
    operand = None if op < dis.HAVE_ARGUMENT else arg
    known = (
        dis.stack_effect(op, operand, jump=False),
        dis.stack_effect(op, operand, jump=True) if JUMPS[op] else 0,
    )
    _effects[op << 32 | arg] = known
    return known


def depths(code: CodeType, table: list[tuple[int, int, int, int]]) -> dict[int, int]:
    """The heads of the code's loops, by offset, with the depth of the stack there."""
    at: dict[int, int] = {target: (depth >> 1) + (depth & 1) + 1 for _, _, target, depth in table}
    # The start of a generator leaves what is sent to it on the stack.
    depth = 1 if code.co_flags & (_GENERATOR | _COROUTINE | _ASYNC_GENERATOR) else 0
    if depth and dis.stack_effect(dis.opmap["RETURN_GENERATOR"]) > 0:
        depth = 0
    known = True
    heads: dict[int, int] = {}
    inlined: set[int] = set()
    before = -1
    raw = code.co_code
    # What comes behind the last way back belongs to no loop.
    last = max([raw.rfind(op) for op in _BACK])
    for start, op, arg, following in units(code):
        if start > last:
            break
        if start in at:
            depth, known = at[start], True
        elif known:
            at[start] = depth
        if NAMES[op] == "FOR_ITER" and before == _SWAP:
            # A comprehension that stands in the procedure's own code (PEP 709).
            inlined.add(start)
        if known:
            falls, jumps = _effects.get(op << 32 | arg) or _effect(op, arg)
            if JUMPS[op]:
                target = following + JUMPS[op] * 2 * arg
                if op in _BACK:
                    if target in at and target not in inlined:
                        heads[target] = at[target]
                else:
                    at.setdefault(target, depth + jumps)
            depth += falls
        if CLOSED[op]:
            known = False
        before = op
    return heads


def exits(code: CodeType, table: list[tuple[int, int, int, int]]) -> dict[int, tuple[int, ...]]:
    """Where on the value stack ``with`` blocks have what they call at their end (from Python 3.14), counted from its bottom, for each head of a loop."""
    found: dict[int, tuple[int, ...]] = {}
    if _SPECIAL is None or _SPECIAL not in code.co_code[::2]:
        return found
    covered: dict[int, list[tuple[int, int]]] = {}
    for start, _, target, held in table:
        covered.setdefault(start, []).append((target, (held >> 1) + (held & 1) + 1))
    at: dict[int, tuple[int, tuple[int, ...]]] = {}
    depth, blocks, known = 0, tuple[int, ...](), True
    for start, op, arg, following in units(code):
        if start in at:
            depth, blocks = at[start]
            known = True
        elif known:
            at[start] = depth, blocks
        for target, held in covered.get(start, ()) if known else ():
            at.setdefault(target, (held, _below(blocks, held)))
        if known:
            falls, jumps = _effects.get(op << 32 | arg) or _effect(op, arg)
            if op == _SPECIAL and arg in _EXITS:
                blocks = (*blocks, depth - 2)
            if op in _BACK:
                target = following - 2 * arg
                if target in at:
                    found[target] = at[target][1]
            elif JUMPS[op]:
                at.setdefault(following + JUMPS[op] * 2 * arg, (depth + jumps, _below(blocks, depth + jumps)))
            depth += falls
            blocks = _below(blocks, depth)
        if CLOSED[op]:
            known = False
    return {head: places for head, places in found.items() if places}


def _below(blocks: tuple[int, ...], depth: int) -> tuple[int, ...]:
    return blocks if not blocks or blocks[-1] + 2 <= depth else tuple(p for p in blocks if p + 2 <= depth)


def may_loop(code: CodeType) -> bool:
    """Whether there may be a loop in ``code`` itself that a frame can leave."""
    return (
        code.co_name not in _COMPREHENSIONS
        and code.co_flags & (_OPTIMIZED | _ASYNC_GENERATOR) == _OPTIMIZED
        and not _BACK.isdisjoint(code.co_code[::2])
    )


def with_stubs(code: CodeType) -> CodeType:
    """``code`` with exit stubs for its loops, and for those of all that is nested in it; itself where there is none."""
    consts: tuple[Any, ...] = code.co_consts
    changed = False
    for const in consts:
        if type(const) is CodeType:
            made = tuple(with_stubs(c) if type(c) is CodeType else c for c in consts)
            changed = any(one is not other for one, other in zip(made, consts, strict=True))
            consts = made
            break
    if not may_loop(code):
        return code.replace(co_consts=consts) if changed else code
    table = exception_entries(code)
    heads = sorted(depths(code, table).items())
    if not heads:
        return code.replace(co_consts=consts) if changed else code
    return _append(code, consts, table, heads, exits(code, table))


def stub_lines(code: CodeType) -> dict[int, int]:
    """For code with stubs: the offset of each loop's head, with the line that a frame there is sent to."""
    stubs = _noted(code)
    return {} if stubs is None else {head: stubs[1] + number for number, head in enumerate(stubs[4])}


def own_length(code: CodeType) -> int:
    """The bytes of ``code`` before its stubs."""
    stubs = _noted(code)
    return len(code.co_code) if stubs is None else stubs[0]


def without_stubs(code: CodeType) -> CodeType:
    """The code as it was compiled, what is nested in it as well."""
    consts = tuple(without_stubs(c) if type(c) is CodeType else c for c in code.co_consts)
    stubs = _noted(code)
    if stubs is None:
        return code if all(map(_is, consts, code.co_consts)) else code.replace(co_consts=consts)
    length, _, own_consts, own_names, _, stack, lines, table = stubs
    return code.replace(
        co_code=code.co_code[:length],
        co_consts=consts[:own_consts],
        co_names=code.co_names[:own_names],
        co_stacksize=stack,
        co_linetable=code.co_linetable[:lines],
        co_exceptiontable=table,
    )


def _is(one: object, other: object) -> bool:
    return one is other


def _noted(code: CodeType) -> tuple[Any, ...] | None:
    """What :func:`_append` noted of the code that it was given."""
    last = code.co_consts[-1] if code.co_consts else None
    if type(last) is not bytes or not last.startswith(_MARK):
        return None
    noted: tuple[Any, ...] = marshal.loads(last[len(_MARK) :])
    return noted


def handing_over(code: CodeType, plain: CodeType) -> CodeType:
    """As :func:`with_stubs` for resume code: its stubs give what goes on to the stub that has started it, so that stacks do not grow.

    ``plain`` is the procedure's code, which stands at its end.
    """
    table = exception_entries(code)
    shift = len(code.co_code) - len(plain.co_code)
    blocks = {head + shift: places for head, places in exits(plain, exception_entries(plain)).items()}
    return _append(code, code.co_consts, table, sorted(depths(code, table).items()), blocks, True)


def _append(
    code: CodeType,
    consts: tuple[Any, ...],
    table: list[tuple[int, int, int, int]],
    heads: list[tuple[int, int]],
    blocks: dict[int, tuple[int, ...]],
    handed_over: bool = False,
) -> CodeType:
    length = len(code.co_code)
    before = last_line(code)
    # Lines of their own: a frame is sent to a line, and to nothing more exact.
    first = max([line for *_, line in code.co_lines() if line is not None] or [code.co_firstlineno]) + 1
    note = (
        length,
        first,
        len(code.co_consts),
        len(code.co_names),
        tuple(head for head, _ in heads),
        code.co_stacksize,
        len(code.co_linetable),
        code.co_exceptiontable,
    )
    number = len(consts)
    consts = (*consts, LEAVE, RETURNED, RAISED, None)
    if _ENTERS:
        consts = (*consts, ENTERED, *(head for head, _ in heads))
    if blocks:
        consts = (*consts, EXIT, FLAT)
    consts = (*consts, _MARK + marshal.dumps(note))
    stub = Instructions(code.co_firstlineno)
    for loop, (head, depth) in enumerate(heads):
        stub.line = None
        stub.label(f"marked {loop}")
        stub.emit("POP_TOP")
        if _ENTERS:
            stub.emit("LOAD_CONST", number + 5 + loop)
            stub.call_global(len(code.co_names), number + 4)
            stub.emit("POP_TOP")
        stub.line = first + loop
        if head in blocks:
            _gather(stub, depth, blocks[head], len(code.co_names), number + 4)
        else:
            stub.emit("BUILD_TUPLE", depth)
        stub.line = code.co_firstlineno
        stub.jump("JUMP_FORWARD", "pack")
    covered = _pack(stub, code, len(code.co_names), number, handed_over)
    entries = _split(
        table, [(head, length + stub.labels[f"marked {k}"], d) for k, (head, d) in enumerate(heads)]
    )
    entries += [(length + s, length + e, length + t, d) for s, e, t, d in covered]
    return code.replace(
        co_code=code.co_code + stub.finish(),
        co_consts=consts,
        co_names=(*code.co_names, HOOK),
        co_stacksize=max(code.co_stacksize, max(depth for _, depth in heads) + 7),
        co_linetable=code.co_linetable + stub.lines(before),
        co_exceptiontable=exception_table(entries),
    )


def _gather(stub: Instructions, depth: int, blocks: tuple[int, ...], name: int, kinds: int) -> None:
    """Put the value stack into a tuple, from its top to its bottom; what a call does not ask for may be missing in a block's second place."""
    stub.emit("BUILD_TUPLE", 0)
    place = depth - 1
    while place >= 0:
        if place - 1 in blocks:
            # What was to be called becomes an argument, behind the one that may be missing.
            stub.emit("LOAD_GLOBAL", name << 1)
            stub.emit("SWAP", 4)
            stub.emit("LOAD_CONST", kinds)
            stub.call(3)
            place -= 1
        else:
            stub.emit("BUILD_TUPLE", 2)
        place -= 1
    stub.call_global(name, kinds + 1)


def _pack(
    stub: Instructions, code: CodeType, name: int, number: int, handed_over: bool
) -> list[tuple[int, int, int, int]]:
    """Pack the variables with the value stack, and go on with what the hook gives for them, or hand it over; gives the exception table."""
    stub.label("pack")
    stub.emit("BUILD_LIST", 0)
    plain, cells = slots(code)
    for slot in range(len(plain) + len(cells)):
        if slot in cells:
            stub.cell(slot)
        else:
            stub.emit("LOAD_FAST", slot)
        stub.emit("LIST_APPEND", 1)
    stub.emit("BUILD_TUPLE", 2)
    for slot in plain:
        # What the frame has held lives on in another one, and no longer than there.
        stub.emit("LOAD_CONST", number + 3)
        stub.emit("STORE_FAST", slot)
    stub.call_global(name, number + LEAVE)
    if handed_over:
        stub.emit("RETURN_VALUE")
        return []
    stub.label("again")
    stub.call_top()
    waits = code.co_flags & (_GENERATOR | _COROUTINE)
    if waits:
        if code.co_flags & _COROUTINE:
            stub.emit("GET_AWAITABLE", 0)
        stub.wait(number + 3)
    stub.label("returned")
    stub.emit("COPY", 1)
    stub.call_global(name, number + RETURNED)
    stub.emit("COPY", 1)
    stub.jump(_IF_NONE, "done")
    stub.emit("SWAP", 2)
    stub.emit("POP_TOP")
    stub.jump("JUMP_BACKWARD", "again")
    stub.label("done")
    stub.emit("POP_TOP")
    stub.emit("RETURN_VALUE")
    # Leaves the frame out of the traceback: what it has become is in it already.
    stub.label("raised")
    stub.emit("COPY", 1)
    stub.call_global(name, number + RAISED)
    stub.emit("POP_TOP")
    stub.emit("RERAISE", 0)
    at = stub.labels
    if "thrown" not in at:
        return [(at["again"], at["returned"], at["raised"], 0)]
    return [
        (at["again"], at["yielding"], at["raised"], 0),
        (at["yielding"], at["resumed"], at["thrown"], 2 << 1),
        (at["resumed"], at["returned"], at["raised"], 0),
    ]


def slots(code: CodeType) -> tuple[list[int], list[int]]:
    """The slots of a frame that hold a variable's value, and those that hold a cell, in the order of the interpreter's ``localsplus``."""
    if not code.co_flags & _OPTIMIZED:
        return [], []
    inner = set(code.co_cellvars)
    plain = [slot for slot, name in enumerate(code.co_varnames) if name not in inner]
    count = len(names(code))
    return plain, [slot for slot in range(count) if slot not in set(plain)]


def names(code: CodeType) -> list[str]:
    """The names of the variables in a frame's slots; the body of a module has none there."""
    if not code.co_flags & _OPTIMIZED:
        return []
    known = set(code.co_varnames)
    return [*code.co_varnames, *(n for n in code.co_cellvars if n not in known), *code.co_freevars]


def _split(
    table: list[tuple[int, int, int, int]], marks: list[tuple[int, int, int]]
) -> list[tuple[int, int, int, int]]:
    """The exception table with an entry without extent for each of ``marks``: (offset, target, depth). It must stay in order, and nothing may overlap."""
    entries = list(table)
    for offset, *_ in marks:
        entries = [
            part
            for start, end, handler, held in entries
            for part in (
                ((start, offset, handler, held), (offset, end, handler, held))
                if start < offset < end
                else ((start, end, handler, held),)
            )
        ]
    marked = [(offset, offset, target, depth << 1) for offset, target, depth in marks]
    return sorted([*entries, *marked], key=lambda entry: entry[:2])
