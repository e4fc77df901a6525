"""Resume code: the new version of a procedure, entered at the head of one of its loops.

What stands before the code of the procedure puts the variables into their slots and the value stack in its place, and jumps. The function
that is made of it is called with one list: the slots in their order, then the value stack from its top. It is emptied: who calls holds it until the end.
"""

from __future__ import annotations

import dis
from types import CodeType

from podus.frames.assemble import Instructions, exception_table
from podus.frames.stubs import handing_over, names, own_length, slots, without_stubs
from podus.program.control import STEPS, exception_entries, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A variable that is not bound.
UNBOUND = object()
# Variables that lie on the value stack at once.
_AT_ONCE = 8
_SUSPENDS = 0x20 | 0x80
_VARIADIC = 0x04 | 0x08
_IF_FALSE = (
    "POP_JUMP_IF_FALSE" if dis.opmap.get("POP_JUMP_IF_FALSE", 256) < 256 else "POP_JUMP_FORWARD_IF_FALSE"
)
_SLOTS = frozenset(n for n in (*dis.haslocal, *dis.hasfree) if n < 256)


def resume_code(code: CodeType, head: int, depth: int, state: list[Any] | None = None) -> CodeType:
    """``code`` (its stubs are left out) to be entered at the loop's ``head``, an offset, with ``depth`` objects on the value stack.

    The body of a module has no variable that an argument could come in: its list is ``state``, a constant. Raises ValueError where that can't be written.
    """
    plain = without_stubs(code) if state is not None else _with_a_variable(without_stubs(code))
    shift = len(plain.co_varnames) - len(code.co_varnames)
    free = len(plain.co_freevars)
    own = len(names(plain)) - free
    count = own - shift
    none, unbound, listed, bounds = (len(plain.co_consts) + n for n in range(4))
    given = ("LOAD_FAST", 0) if state is None else ("LOAD_CONST", listed)
    # So few at once: who comes here again is sent on only if the interpreter can follow the stack from the entry (at most 21 objects).
    starts = list(range(0, count, _AT_ONCE))
    consts = (*plain.co_consts, None, UNBOUND, state, *starts, count)
    before = Instructions(plain.co_firstlineno)
    if free:
        before.emit("COPY_FREE_VARS", free)
    if plain.co_flags & _SUSPENDS:
        before.emit("RETURN_GENERATOR")
        before.emit("POP_TOP")
    before.emit("RESUME", 0)
    if depth:
        _part(before, given, bounds + len(starts), none, depth)
    for number, start in reversed(list(enumerate(starts))):
        end = min(start + _AT_ONCE, count)
        _part(before, given, bounds + number, bounds + number + 1, end - start)
        if not number:
            _empty(before, given, none)
        for slot in range(start + shift, end + shift):
            before.emit("STORE_FAST", slot)
    if not starts:
        _empty(before, given, none)
    for slot in slots(plain)[0]:
        if slot < shift:
            before.emit("DELETE_FAST", slot)
            continue
        before.emit("LOAD_FAST", slot)
        before.emit("LOAD_CONST", unbound)
        before.emit("IS_OP", 0)
        before.jump(_IF_FALSE, f"bound {slot}")
        before.emit("DELETE_FAST", slot)
        before.label(f"bound {slot}")
    before.jump("JUMP_FORWARD", "body")
    before.label("body")
    before.labels["body"] += head
    raw = before.finish()
    made = plain.replace(
        co_code=raw + plain.co_code,
        co_consts=consts,
        co_argcount=int(state is None),
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=plain.co_flags & ~_VARIADIC,
        co_stacksize=max(plain.co_stacksize, depth + _AT_ONCE + 4),
        # A line table counts from the first line, which is that of all that stands before.
        co_linetable=before.lines(plain.co_firstlineno) + plain.co_linetable,
        co_exceptiontable=exception_table(
            [(s + len(raw), e + len(raw), t + len(raw), d) for s, e, t, d in exception_entries(plain)]
        ),
    )
    return handing_over(made, plain)


def _part(before: Instructions, given: tuple[str, int], start: int, end: int, length: int) -> None:
    """Push a part of the list, its first object last; the bounds are indices of constants."""
    before.emit(*given)
    before.emit("LOAD_CONST", start)
    before.emit("LOAD_CONST", end)
    if "BINARY_SLICE" in dis.opmap:
        before.emit("BINARY_SLICE")
    else:
        before.emit("BUILD_SLICE", 2)
        before.emit("BINARY_SUBSCR")
    before.emit("UNPACK_SEQUENCE", length)


def _empty(before: Instructions, given: tuple[str, int], none: int) -> None:
    before.emit(*given)
    before.emit("LOAD_CONST", none)
    before.emit("LOAD_CONST", none)
    before.emit("BUILD_SLICE", 2)
    before.emit("DELETE_SUBSCR")


def prefix(code: CodeType, resumed: CodeType) -> int:
    """How many bytes stand before the code of the procedure in its resume code."""
    return own_length(resumed) - own_length(code)


def _with_a_variable(code: CodeType) -> CodeType:
    """``code`` with at least one variable of its own, for the argument to come in."""
    if code.co_varnames:
        return code
    if len(names(code)) > 200:
        raise ValueError(f"{code.co_qualname} has too many variables")
    raw = bytearray(code.co_code)
    if names(code):
        for _, op, _, following in units(code):
            if op in _SLOTS:
                # The operand stands behind the opcode, whatever caches follow.
                raw[following - STEPS[op] + 1] += 1
    return code.replace(co_code=bytes(raw), co_varnames=(".state",), co_nlocals=1)
