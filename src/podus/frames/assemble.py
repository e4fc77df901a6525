"""Appending to code objects: instructions, their lines, and what handles their exceptions.

Nothing that is there is moved, so every jump, offset and line of the compiled code stays true. That is also why it is done by hand here and
not by taking the code apart and putting it together again: that costs some fifty times as much, for each module that is imported.
"""

from __future__ import annotations

import dis
import sys
from types import CodeType

from podus.program.control import STEPS

_OPS = dis.opmap
_EXTENDED = dis.EXTENDED_ARG
# From 3.13 the callable stands below the NULL.
_NULL_LAST = sys.version_info >= (3, 13)


def _compiled(name: str) -> int:
    """The operand that the compiler gives ``name`` where a coroutine waits for another."""
    namespace: dict[str, CodeType] = {}
    exec("async def wait(): await None", namespace)
    ops = [i for i in dis.get_instructions(namespace["wait"].__code__) if i.opname == name]  # type: ignore[attr-defined]
    return ops[-1].arg or 0


_instructions: dict[tuple[str, int], bytes] = {}


def _instruction(name: str, operand: int) -> bytes:
    """One instruction with its inline caches."""
    op = _OPS[name]
    raw = b""
    for shift in (24, 16, 8):
        if operand >> shift:
            raw += bytes((_EXTENDED, operand >> shift & 255))
    raw += bytes((op, operand & 255)) + bytes(STEPS[op] - 2)
    _instructions[name, operand] = raw
    return raw


class Instructions:
    """Instructions with their lines, to be put at the end of some code."""

    def __init__(self, line: int) -> None:
        self.raw = bytearray()
        # The line that a new instruction has; None for none.
        self.line: int | None = line
        self._lines: list[tuple[int, int | None]] = []
        self._jumps: list[tuple[int, str]] = []
        self.labels: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.raw)

    def emit(self, name: str, operand: int = 0) -> None:
        """Append one instruction, with its inline caches."""
        raw = _instructions.get((name, operand)) or _instruction(name, operand)
        self.raw += raw
        self._lines.append((len(raw) // 2, self.line))

    def label(self, name: str) -> None:
        """Name the place of the next instruction."""
        self.labels[name] = len(self.raw)

    def jump(self, name: str, label: str) -> None:
        """Append a jump to ``label``, which may come later."""
        start = len(self.raw)
        op = _OPS[name]
        self.raw += bytes((_EXTENDED, 0, op, 0)) + bytes(STEPS[op] - 2)
        self._jumps.append((start, label))
        self._lines.append(((len(self.raw) - start) // 2, self.line))

    def call(self, count: int) -> None:
        """Call what stands below ``count`` arguments (and a NULL)."""
        if "PRECALL" in _OPS:
            self.emit("PRECALL", count)
        self.emit("CALL", count)

    def call_top(self) -> None:
        """Call the object on top of the stack without arguments."""
        self.emit("PUSH_NULL")
        if not _NULL_LAST:
            self.emit("SWAP", 2)
        self.call(0)

    def call_global(self, index: int, constant: int) -> None:
        """Replace the object on top of the stack by ``name(object, constant)``; ``index`` is that of the global name."""
        self.emit("LOAD_GLOBAL", index << 1 | 1)
        self.emit("SWAP", 2)
        self.emit("SWAP", 3)
        self.emit("LOAD_CONST", constant)
        self.call(2)

    def cell(self, slot: int) -> None:
        """Push the cell in a slot itself."""
        self.emit("LOAD_CLOSURE" if _OPS.get("LOAD_CLOSURE", 256) < 256 else "LOAD_FAST", slot)

    def wait(self, none: int) -> None:
        """Await, or ``yield from``, what is on top of the stack; leaves its result. ``none`` is the index of the constant None."""
        self.emit("LOAD_CONST", none)
        self.label("send")
        self.jump("SEND", "sent")
        self.label("yielding")
        self.emit("YIELD_VALUE", _YIELD)
        self.label("resumed")
        self.emit("RESUME", _RESUME)
        self.jump("JUMP_BACKWARD_NO_INTERRUPT", "send")
        if "CLEANUP_THROW" in _OPS:
            # What is thrown in and comes back as the end of the other is its result.
            self.label("thrown")
            self.emit("CLEANUP_THROW")
        self.label("sent")
        if "END_SEND" in _OPS:
            self.emit("END_SEND")

    def finish(self) -> bytes:
        """The bytes, with the jumps filled in. Operands of jumps are below 65,536."""
        for start, label in self._jumps:
            op = self.raw[start + 2]
            behind = start + 2 + STEPS[op]
            units = abs(self.labels[label] - behind) // 2
            self.raw[start + 1], self.raw[start + 3] = units >> 8, units & 255
        return bytes(self.raw)

    def lines(self, before: int) -> bytes:
        """The line table of the instructions; ``before`` is the last line of what they are put behind."""
        table = bytearray()
        count, current = 0, self._lines[0][1]
        for more, line in [*self._lines, (0, -1)]:
            if line == current:
                count += more
                continue
            for start in range(0, count, 8):
                step = min(count - start, 8)
                if current is None:
                    table.append(0x80 | 15 << 3 | step - 1)
                    continue
                table.append(0x80 | 13 << 3 | step - 1)
                delta = current - before
                before = current
                table += _variable(-delta << 1 | 1 if delta < 0 else delta << 1)
            count, current = more, line
        return bytes(table)


def _variable(value: int) -> bytes:
    """A number as line tables have it: six bits a byte, the least first."""
    out = bytearray()
    while value > 63:
        out.append(0x40 | value & 63)
        value >>= 6
    out.append(value)
    return bytes(out)


def exception_table(entries: list[tuple[int, int, int, int]]) -> bytes:
    """The exception table of ``(first offset, end offset, handler's offset, depth << 1 | whether the offset is pushed)``, in order."""
    out = bytearray()
    for start, end, target, depth in entries:
        first = len(out)
        for value in (start // 2, (end - start) // 2, target // 2, depth):
            out += _number(value)
        out[first] |= 0x80
    return bytes(out)


def _number(value: int) -> bytes:
    """A number as exception tables have it: six bits a byte, the most first."""
    parts = [value & 63]
    while value > 63:
        value >>= 6
        parts.append(value & 63 | 0x40)
    return bytes(reversed(parts))


def last_line(code: CodeType) -> int:
    """The line from which a line table that is appended to counts."""
    last = code.co_firstlineno
    for _, _, line in code.co_lines():
        if line is not None:
            last = line
    return last


_YIELD = _compiled("YIELD_VALUE")
_RESUME = _compiled("RESUME")
