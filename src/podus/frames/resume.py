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

# A variable that is not bound.
UNBOUND = object()
_SUSPENDS = 0x20 | 0x80
_VARIADIC = 0x04 | 0x08
_IF_FALSE = (
    "POP_JUMP_IF_FALSE" if dis.opmap.get("POP_JUMP_IF_FALSE", 256) < 256 else "POP_JUMP_FORWARD_IF_FALSE"
)
_SLOTS = frozenset(n for n in (*dis.haslocal, *dis.hasfree) if n < 256)


def resume_code(code: CodeType, head: int, depth: int) -> CodeType:
    """``code`` (its stubs are left out) to be entered at the loop's ``head``, an offset, with ``depth`` objects on the value stack.

    Raises ValueError where that can't be written.
    """
    plain = _with_a_variable(without_stubs(code))
    shift = len(plain.co_varnames) - len(code.co_varnames)
    free = len(plain.co_freevars)
    own = len(names(plain)) - free
    consts = (*plain.co_consts, None, UNBOUND)
    before = Instructions(plain.co_firstlineno)
    if free:
        before.emit("COPY_FREE_VARS", free)
    if plain.co_flags & _SUSPENDS:
        before.emit("RETURN_GENERATOR")
        before.emit("POP_TOP")
    before.emit("RESUME", 0)
    before.emit("LOAD_FAST", 0)
    before.emit("UNPACK_SEQUENCE", own - shift + depth)
    before.emit("LOAD_FAST", 0)
    before.emit("LOAD_CONST", len(consts) - 2)
    before.emit("LOAD_CONST", len(consts) - 2)
    before.emit("BUILD_SLICE", 2)
    before.emit("DELETE_SUBSCR")
    for slot in range(shift, own):
        before.emit("STORE_FAST", slot)
    for slot in slots(plain)[0]:
        if slot < shift:
            before.emit("DELETE_FAST", slot)
            continue
        before.emit("LOAD_FAST", slot)
        before.emit("LOAD_CONST", len(consts) - 1)
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
        co_argcount=1,
        co_posonlyargcount=0,
        co_kwonlyargcount=0,
        co_flags=plain.co_flags & ~_VARIADIC,
        co_stacksize=max(plain.co_stacksize, own + depth + 3),
        # A line table counts from the first line, which is that of all that stands before.
        co_linetable=before.lines(plain.co_firstlineno) + plain.co_linetable,
        co_exceptiontable=exception_table(
            [(s + len(raw), e + len(raw), t + len(raw), d) for s, e, t, d in exception_entries(plain)]
        ),
    )
    return handing_over(made)


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
