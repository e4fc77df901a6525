"""Code for closures that live on and hold more variables than their new version closes over.

A function's cells can't be changed, and its code finds them by position. So a closure made over ``a`` and ``b`` can only be given code over
``a`` alone once that code says that there is a ``b`` too: its free variables become those of the closure, and the positions in its
instructions move accordingly. What the code does is the same.
"""

from __future__ import annotations

import ast
import opcode
from types import CodeType, FunctionType
from weakref import ref

from podus.frames import HOOK

# As in inspect, which takes long to import.
CO_GENERATOR = 0x20
CO_ITERABLE_COROUTINE = 0x100

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from podus.updating.binding import Switch

_EXTENDED = opcode.opmap["EXTENDED_ARG"]
_COPY = opcode.opmap["COPY_FREE_VARS"]
# Instructions whose operand is a place among the locals, cells and free variables; and those with two of them, of 4 bits each.
_ONE = frozenset({*opcode.hasfree, *opcode.haslocal})
_TWO = frozenset(
    number
    for name, number in opcode.opmap.items()
    if number in _ONE and name.count("_FAST") + name.count("_BORROW_LOAD") > 1
)
# A line table's entry of one instruction that no line is known for; the mark of an exception table's first byte of an entry.
_NO_LINE = b"\xf8"
_BEGINS = 0x80

# The id of a code object -> itself, and what has been made from it.
_made: dict[int, tuple[ref[CodeType], list[ref[CodeType]]]] = {}


def fitted(code: CodeType, free: tuple[str, ...]) -> CodeType | None:
    """``code`` for a function with the free variables ``free``; ``code`` itself if these are its own, None if there is no way."""
    if code.co_freevars == free:
        return code
    if not set(code.co_freevars) <= set(free):
        return None
    for made in variants(code):
        if made.co_freevars == free:
            return made
    found = _fit(_without_stubs(code), free)
    if found is not None:
        note_variant(code, found)
    return found


def as_awaited(code: CodeType, before: CodeType) -> CodeType:
    """``code`` for a function that has ``before``: what ``types.coroutine`` has made one that can be awaited stays that."""
    flag = before.co_flags & CO_ITERABLE_COROUTINE
    if not flag or not code.co_flags & CO_GENERATOR or code.co_flags & flag:
        return code
    for made in variants(code):
        if made.co_flags == code.co_flags | flag:
            return made
    awaited = code.replace(co_flags=code.co_flags | flag)
    note_variant(code, awaited)
    return awaited


def _without_stubs(code: CodeType) -> CodeType:
    if not (code.co_names and code.co_names[-1] == HOOK):
        return code
    from podus.frames.stubs import without_stubs

    return without_stubs(code)


def by_place(function: FunctionType) -> dict[str, Any]:
    """The defaults of the parameters that can be given by place."""
    values = function.__defaults__ or ()
    code = function.__code__
    return dict(zip(code.co_varnames[code.co_argcount - len(values) : code.co_argcount], values, strict=True))


def defaults_into(
    function: FunctionType, code: CodeType, defaults: dict[str, str] | None, switch: Switch
) -> None:
    """Plan to give a closure the ``defaults`` that it needs with ``code``, by parameter: literals as text, "" for what it has. None: it needs nothing."""
    if defaults is None:
        return
    had = {**by_place(function), **(function.__kwdefaults__ or {})}
    given = {
        name: ast.literal_eval(text) if text else had.get(name)
        for name, text in defaults.items()
        if text or name in had
    }
    count = code.co_argcount
    plain = tuple(given[name] for name in code.co_varnames[:count] if name in given) or None
    named = {
        n: given[n] for n in code.co_varnames[count : count + code.co_kwonlyargcount] if n in given
    } or None
    for word, value in (("__defaults__", plain), ("__kwdefaults__", named)):
        if getattr(function, word) != value:
            switch.set_attribute(function, word, value)


def note_variant(code: CodeType, made: CodeType) -> None:
    """Note that ``made`` does what ``code`` does, and is its procedure's as well."""
    row = _made.get(id(code))
    if row is None:
        number = id(code)
        row = _made[number] = (ref(code, lambda _: _made.pop(number, None) and None), [])
    row[1][:] = [r for r in row[1] if r() is not None] + [ref(made)]


def variants(code: CodeType) -> list[CodeType]:
    """What has been made from ``code`` and is still in use."""
    row = _made.get(id(code))
    if row is None or row[0]() is not code:
        return []
    return [made for r in row[1] if (made := r()) is not None]


def _fit(code: CodeType, free: tuple[str, ...]) -> CodeType | None:
    first = _places(code) - len(code.co_freevars)
    moved = {first + n: first + free.index(name) for n, name in enumerate(code.co_freevars)}
    body = bytearray(code.co_code)
    copies = False
    for start, number, operand in _instructions(body):
        if number == _COPY:
            copies = True
            wanted = len(free)
        elif number in _TWO:
            high, low = moved.get(operand >> 4, operand >> 4), moved.get(operand & 15, operand & 15)
            if max(high, low) > 15:
                return None
            wanted = high << 4 | low
        elif number in _ONE:
            wanted = moved.get(operand, operand)
        else:
            continue
        if not _write(body, start, wanted):
            return None
    lines, exceptions = code.co_linetable, code.co_exceptiontable
    if not copies:
        if len(free) > 255:
            return None
        # Nothing reads the cells, but whoever asks a frame for its variables expects them there.
        body[:0] = bytes([_COPY, len(free)])
        lines, exceptions = _NO_LINE + lines, _shifted(exceptions)
    return code.replace(
        co_code=bytes(body), co_freevars=free, co_linetable=lines, co_exceptiontable=exceptions
    )


def _places(code: CodeType) -> int:
    """How many places a frame has for variables; a parameter that is a cell, too, has one."""
    return code.co_nlocals + len(set(code.co_cellvars) - set(code.co_varnames)) + len(code.co_freevars)


def _instructions(body: bytearray) -> Iterator[tuple[int, int, int]]:
    """For each instruction where it begins (its prefixes included), its number and its operand."""
    start = wide = 0
    for place in range(0, len(body), 2):
        number, operand = body[place], wide << 8 | body[place + 1]
        if number == _EXTENDED:
            wide = operand
            continue
        yield start, number, operand
        start, wide = place + 2, 0


def _write(body: bytearray, start: int, operand: int) -> bool:
    """Put an operand into the instruction at ``start``; False if it takes more prefixes than there are."""
    end = start
    while body[end] == _EXTENDED:
        end += 2
    for place in range(end, start - 2, -2):
        body[place + 1] = operand & 0xFF
        operand >>= 8
    return operand == 0


def _shifted(table: bytes) -> bytes:
    """An exception table for code that has one instruction more in front."""
    numbers: list[Any] = []
    place = 0
    while place < len(table):
        value = table[place] & 0x3F
        while table[place] & 0x40:
            place += 1
            value = value << 6 | table[place] & 0x3F
        place += 1
        numbers.append(value)
    found = bytearray()
    for index, number in enumerate(numbers):
        # Each entry: where it begins, how long it is, where it leads, the depth of the stack there.
        rest = number + (index % 4 in (0, 2))
        digits = [rest & 0x3F]
        while rest := rest >> 6:
            digits.append(rest & 0x3F)
        digits.reverse()
        begins = len(found)
        found += bytes([*(d | 0x40 for d in digits[:-1]), digits[-1]])
        if index % 4 == 0:
            found[begins] |= _BEGINS
    return bytes(found)
