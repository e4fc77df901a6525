"""Python 3.11 has no ``sys.monitoring``, and to trace a thread costs all that runs in it: no way to wait for a coroutine that sleeps for hours.

So where the frames of some code have nothing left to do but to leave, the instruction at the head of the loop is exchanged, in the code object itself, for one
that raises, and the exception table for one in which the handler of just that instruction is the loop's exit stub.
A thread can't be between the two: it comes to the instruction or has passed it, and all is exchanged while we have the GIL. The code that ``co_code`` gives
(and that a tracer executes) stays what it was. Who runs other code pays nothing.
"""

from __future__ import annotations

import ctypes
import dis
import sys
from types import CodeType
from weakref import ref

from podus.frames.assemble import exception_table
from podus.program.control import NAMES, exception_entries, units

# Raises whatever there is, or that there is nothing: it looks at no variable and nothing on the stack.
_RAISE = dis.opmap["RAISE_VARARGS"]
# The interpreter may have joined these with the instruction behind them.
_JOINED = frozenset({"LOAD_FAST", "STORE_FAST", "LOAD_CONST"})
_UNIT = 2
_WORD = ctypes.sizeof(ctypes.c_void_p)


class NotHere(Exception):
    """This interpreter's code objects are not laid out as expected."""


class Exchange:
    """The loops of one code object, open to the exit: whoever comes to one of ``places`` (an offset: the offset of the loop's head) leaves. Raises NotHere."""

    def __init__(self, code: CodeType, places: dict[int, int]) -> None:
        _check_layout()
        raw = code.co_code
        entries = exception_entries(code)
        stubs = {start: (target, depth) for start, end, target, depth in entries if start == end}
        for place, head in places.items():
            entries = _cut(entries, place)
            target, depth = stubs[head]
            entries.append((place, place + _UNIT, target, depth))
        # Of code that nobody is in any more nothing must be left.
        self._code = ref(code)
        self._table = exception_table(sorted(entries, key=lambda entry: entry[:2]))
        self._raw = raw
        self._places = list(places)
        before = {place - _UNIT for place in places}
        self._joined = [start for start, op, *_ in units(code) if start in before and NAMES[op] in _JOINED]
        _swap(code, self)
        for offset in self._joined:
            _write(code, offset, raw[offset], raw[offset + 1])
        for offset in self._places:
            _write(code, offset, _RAISE, 0)

    def undo(self) -> None:
        """Let those who come go on in their loop."""
        code = self._code()
        if code is not None:
            for offset in self._places:
                _write(code, offset, self._raw[offset], self._raw[offset + 1])
            _swap(code, self)


def _cut(entries: list[tuple[int, int, int, int]], place: int) -> list[tuple[int, int, int, int]]:
    """The entries without the instruction at ``place``."""
    found: list[tuple[int, int, int, int]] = []
    for start, end, target, depth in entries:
        if start <= place < end:
            found += [
                (first, last, target, depth)
                for first, last in ((start, place), (place + _UNIT, end))
                if first < last
            ]
        else:
            found.append((start, end, target, depth))
    return found


def _write(code: CodeType, offset: int, op: int, operand: int) -> None:
    where = id(code) + CodeType.__basicsize__ + offset
    ctypes.c_uint16.from_address(where).value = int.from_bytes(bytes((op, operand)), sys.byteorder)


_field = -1


def _check_layout() -> None:
    """Find the field of the exception table, in code that has just been compiled. Raises NotHere."""
    global _field
    if _field >= 0:
        return
    namespace: dict[str, CodeType] = {}
    exec("def tried():\n    try:\n        return a\n    except b:\n        return c", namespace)
    code: CodeType = namespace["tried"].__code__  # type: ignore[attr-defined]
    size = CodeType.__basicsize__
    if ctypes.string_at(id(code) + size, len(code.co_code)) != code.co_code:
        raise NotHere
    table = id(code.co_exceptiontable)
    fields = [
        at
        for at in range(0, size - _WORD + 1, _WORD)
        if ctypes.c_void_p.from_address(id(code) + at).value == table
    ]
    if len(fields) != 1:
        raise NotHere
    _field = fields[0]


def _swap(code: CodeType, owner: Exchange) -> None:
    """The table of the code object and that of ``owner`` change places."""
    before, after = code.co_exceptiontable, owner._table
    owner._table = before
    # The code object owns what it refers to.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(after))
    ctypes.c_void_p.from_address(id(code) + _field).value = id(after)
    ctypes.pythonapi.Py_DecRef(ctypes.py_object(before))
