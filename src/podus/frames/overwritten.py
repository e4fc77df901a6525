"""The way out of a module's own body, written over its loop when the frame leaves it.

The interpreter compiles a script itself and runs the code at once: nobody can put exit stubs (podus.frames.stubs) into it before. But a body is
run by one frame only, and what stands in its loop is of no use once that frame has left: there the stub can be written, in the
code object itself. The frame is sent to the first line of the loop's body, with the same value stack, does the first instruction of that (which only loads
something), and goes on behind it with what was written.
"""

from __future__ import annotations

import dis
import operator
import sys
from functools import partial
from types import CodeType

from podus.frames.assemble import Instructions, exception_table
from podus.program.control import NAMES, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_OPTIMIZED = 0x01
# What the first instruction may be, with what it leaves on the value stack.
_LOADS = {"NOP": 0, "LOAD_NAME": 1, "LOAD_CONST": 1, "PUSH_NULL": 1, "LOAD_SMALL_INT": 1}


class NotHere(Exception):
    """This interpreter's code objects are not laid out as expected."""


def is_body(code: CodeType) -> bool:
    """Whether ``code`` is the body of a module as it was compiled."""
    return code.co_name == "<module>" and not code.co_flags & _OPTIMIZED and not code.co_varnames


def obstacle(code: CodeType, landing: int, depth: int, blocks: Sequence[int] = ()) -> str:
    """Why the frame of a body can't leave a loop whose first line begins at ``landing``, with ``depth`` objects on the value stack; "" if it can.

    ``blocks`` are the places on it where ``with`` blocks have what they call at their end, and behind that perhaps nothing (podus.frames.stubs.exits).
    """
    if not is_body(code) or code.co_cellvars:
        # From Python 3.12 a comprehension's variables, which are none of the module.
        return "a comprehension at the top level has variables there"
    if landing < 0:
        return "its body stands on the line of its head"
    op = _first(code, landing)
    if op not in _LOADS:
        return f"its body begins with {op}"
    if blocks and op == "PUSH_NULL":
        return f"its body begins with {op} in a `with` block"
    if len(_constants(code)) < 2 + bool(blocks):
        return "the module has too few constants"
    if len(_stub(code, landing, depth, blocks, handled=False)) > len(code.co_code) - _behind(code, landing):
        return "its body is too short"
    if code.co_stacksize < depth + 3:
        return "its value stack is too small"
    return ""


def check() -> None:
    """Raises NotHere where the interpreter's code objects are not laid out as expected."""
    import ctypes

    _fields(ctypes)


def overwrite(
    code: CodeType,
    landing: int,
    depth: int,
    call: Callable[[], Any],
    stack: list[Any],
    blocks: Sequence[int] = (),
) -> range:
    """Have the frame that comes to ``landing`` go on with ``call()``, after its value stack has been put into ``stack``, from the top.

    Gives the offsets that are not the program's any more.
    """
    import ctypes

    table, cached = _fields(ctypes)
    raw = code.co_code
    start = _behind(code, landing)
    handled = len(_stub(code, landing, depth, blocks, handled=True)) <= len(raw) - start
    handled = handled and len(_constants(code)) > 2 + bool(blocks) and code.co_stacksize >= max(depth + 3, 5)
    stub = _stub(code, landing, depth, blocks, handled=handled)
    new = stub.finish()
    bounds = [offset for offset, *_ in units(code)] + [len(raw)]
    end = min(bound for bound in bounds if bound >= start + len(new))
    new += bytes((dis.opmap["NOP"], 0)) * ((end - start - len(new)) // 2)

    def own(place: int, value: Any) -> None:
        # What was there before is not let go of: the interpreter may still be looking at it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
        ctypes.c_void_p.from_address(place).value = id(value)

    word = ctypes.sizeof(ctypes.c_void_p)
    block = (partial(_leave_block, stack),) if blocks else ()
    for number, value in zip(_constants(code), (call, stack, *block, _leave_out), strict=False):
        own(id(code.co_consts) + tuple.__basicsize__ + number * word, value)
    entries = []
    if handled:
        entries = [(start, start + stub.labels["called"], start + stub.labels["raised"], 0)]
    own(id(code) + table, exception_table(entries))
    if cached:
        own(id(code) + cached, raw[:start] + new + raw[end:])
    ctypes.memmove(id(code) + CodeType.__basicsize__ + start, new, len(new))
    return range(landing, len(raw), 2)


def _leave_block(stack: list[Any], *exit: Any) -> None:
    """Take over what a block has on the value stack: what its exit is called with first, if anything, and what it calls."""
    stack += exit if len(exit) == 2 else (exit[0], operator.call)


def _leave_out(error: BaseException) -> None:
    """The frame that was left is no part of what happened."""
    trace = error.__traceback__
    if trace is not None:
        error.__traceback__ = trace.tb_next


def _constants(code: CodeType) -> list[int]:
    """Constants that nobody looks for in the code: no procedures among them."""
    found = [n for n, const in enumerate(code.co_consts) if type(const) is not CodeType]
    return found[:4]


def _behind(code: CodeType, offset: int) -> int:
    return next(following for start, _, _, following in units(code) if start == offset)


def _first(code: CodeType, offset: int) -> str:
    return next(NAMES[op] for start, op, _, _ in units(code) if start == offset)


def _stub(code: CodeType, landing: int, depth: int, blocks: Sequence[int], *, handled: bool) -> Instructions:
    constants = _constants(code)
    stub = Instructions(1)
    first = _first(code, landing)
    if _LOADS[first] and first != "PUSH_NULL":
        stub.emit("POP_TOP")
    place = depth
    while place:
        place -= 1
        if place - 1 in blocks:
            # What was to be called becomes an argument, behind the one that may be missing.
            stub.emit("LOAD_CONST", constants[2])
            stub.emit("SWAP", 3)
            stub.call(1)
            stub.emit("POP_TOP")
            place -= 1
            continue
        if first == "PUSH_NULL":
            # It stays for the call: there is nothing to let go of.
            stub.emit("SWAP", 2)
        stub.emit("LOAD_CONST", constants[1])
        stub.emit("SWAP", 2)
        stub.emit("LIST_APPEND", 1)
        stub.emit("POP_TOP")
    stub.emit("LOAD_CONST", constants[0])
    if first == "PUSH_NULL":
        stub.call(0)
    else:
        stub.call_top()
    stub.label("called")
    stub.emit("RETURN_VALUE")
    if handled:
        stub.label("raised")
        stub.emit("COPY", 1)
        # From 3.13 the callable stands below the NULL.
        for name in (
            ("LOAD_CONST", "PUSH_NULL") if sys.version_info >= (3, 13) else ("PUSH_NULL", "LOAD_CONST")
        ):
            stub.emit(name, constants[2 + bool(blocks)] if name == "LOAD_CONST" else 0)
            stub.emit("SWAP", 2)
        stub.call(1)
        stub.emit("POP_TOP")
        stub.emit("RERAISE", 0)
    return stub


_found: tuple[int, int] | None = None


def _fields(ctypes: Any) -> tuple[int, int]:
    """Find the field of the exception table, and (on Python 3.11) that of the bytes which a tracer executes; 0 if there is none. Raises NotHere."""
    global _found
    if _found is not None:
        return _found
    namespace: dict[str, Any] = {}
    exec("def tried():\n    try:\n        return a\n    except b:\n        return c", namespace)
    code: CodeType = namespace["tried"].__code__
    size, word = CodeType.__basicsize__, ctypes.sizeof(ctypes.c_void_p)
    raw = code.co_code
    memory = ctypes.string_at(id(code) + size, len(raw))
    if any(memory[start] != op for start, op, *_ in units(code)):
        raise NotHere
    words = {at: ctypes.c_void_p.from_address(id(code) + at).value for at in range(0, size - word + 1, word)}
    tables = [at for at, value in words.items() if value == id(code.co_exceptiontable)]
    caches = [at for at, value in words.items() if value == id(raw)]
    if len(tables) != 1 or len(caches) > 1:
        raise NotHere
    _found = tables[0], caches[0] if caches else 0
    return _found
