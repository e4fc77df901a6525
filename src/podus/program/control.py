"""Control flow of one code object: its units, its exception handlers, and whether it can ever return.

The bytecode is read here and not with ``dis.get_instructions``, which is some twenty times slower: a program of
10,000 procedures is read in about a second.
"""

from __future__ import annotations

import dis
import opcode
import sys
from collections.abc import Iterable, Iterator
from types import CodeType

from podus.program.code import walk

EXTENDED_ARG = dis.EXTENDED_ARG


def _steps() -> list[int]:
    """Bytes from one instruction to the next, inline caches included, by opcode."""
    caches = (
        getattr(opcode, "_inline_cache_entries", None) or getattr(dis, "_inline_cache_entries", None) or {}
    )
    steps = [2] * 256
    if isinstance(caches, dict):
        for name, count in caches.items():
            number = dis.opmap.get(name, 256)
            if number < 256:
                steps[number] = 2 + 2 * count
    else:
        for number, count in enumerate(caches[:256]):
            steps[number] = 2 + 2 * count
    return steps


STEPS = _steps()
NAMES = [dis.opname[number] if number < len(dis.opname) else "" for number in range(256)]

FORWARD, BACKWARD = 1, -1
# END_ASYNC_FOR has an operand that only monitoring uses (3.14).
JUMPS = [
    0
    if number not in dis.hasjrel or NAMES[number] == "END_ASYNC_FOR"
    else BACKWARD
    if "BACKWARD" in NAMES[number]
    else FORWARD
    for number in range(256)
]
_ALWAYS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
_ENDS = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"})
# Nothing falls through these.
CLOSED = [name in _ALWAYS or name in _ENDS for name in NAMES]
_LEAVES = [name in ("RETURN_VALUE", "RETURN_CONST", "RERAISE", "INTERPRETER_EXIT") for name in NAMES]
_RAISE = dis.opmap["RAISE_VARARGS"]


def units(code: CodeType) -> Iterator[tuple[int, int, int, int]]:
    """``(offset, opcode, operand, offset of the next)`` of every instruction; EXTENDED_ARG is folded in.

    The offset is that of the first EXTENDED_ARG where there is one, because that is where jumps go to.
    """
    raw = code.co_code
    steps = STEPS
    offset = start = extended = 0
    end = len(raw)
    while offset < end:
        op = raw[offset]
        arg = raw[offset + 1] | extended
        if op == EXTENDED_ARG:
            extended = arg << 8
            offset += 2
            continue
        extended = 0
        offset += steps[op]
        yield start, op, arg, offset
        start = offset


def exception_entries(code: CodeType) -> list[tuple[int, int, int, int]]:
    """The exception table: ``(first offset, end offset, handler's offset, stack depth << 1 | whether the offset is pushed)``."""
    entries: list[tuple[int, int, int, int]] = []
    table = iter(code.co_exceptiontable)

    def number() -> int:
        byte = next(table)
        value = byte & 63
        while byte & 64:
            byte = next(table)
            value = value << 6 | byte & 63
        return value

    while True:
        try:
            start = number() * 2
        except StopIteration:
            return entries
        end = start + number() * 2
        target = number() * 2
        entries.append((start, end, target, number()))


def handlers(code: CodeType) -> list[tuple[int, int, int, int]]:
    """``(first offset, end offset, handler's offset, stack depth at the handler)``, from the exception table.

    The depth counts the pushed instruction offset but not the exception itself.
    """
    return [
        (start, end, target, (depth >> 1) + (depth & 1))
        for start, end, target, depth in exception_entries(code)
    ]


_loops: dict[tuple[int, bool], tuple[CodeType, list[int], frozenset[int]]] = {}


def _leaving(code: CodeType, excepted: bool) -> tuple[list[int], frozenset[int]]:
    """The offsets of all instructions, and those from which one that leaves the procedure can be reached."""
    key = (id(code), excepted)
    known = _loops.get(key)
    if known is not None and known[0] is code:
        return known[1], known[2]
    table = handlers(code)
    raw = code.co_code
    # An `async for` ends by an exception.
    ending = [entry for entry in table if NAMES[raw[entry[2]]] == "END_ASYNC_FOR"]
    before: dict[int, list[int]] = {}
    leaving: list[int] = []
    offsets: list[int] = []
    for start, op, arg, following in units(code):
        offsets.append(start)
        if JUMPS[op]:
            before.setdefault(following + JUMPS[op] * 2 * arg, []).append(start)
        if not CLOSED[op]:
            before.setdefault(following, []).append(start)
        if _LEAVES[op]:
            leaving.append(start)
        elif op == _RAISE or excepted or ending:
            entries = table if op == _RAISE or excepted else ending
            caught = [target for first, end, target, _ in entries if first <= start < end]
            for target in caught:
                before.setdefault(target, []).append(start)
            if op == _RAISE and not caught:
                leaving.append(start)
    if excepted:
        leaving = [offset for offset in leaving if NAMES[raw[offset]] != "RERAISE"]
    seen = set(leaving)
    while leaving:
        for offset in before.get(leaving.pop(), ()):
            if offset not in seen:
                seen.add(offset)
                leaving.append(offset)
    _loops[key] = (code, offsets, frozenset(seen))
    return offsets, _loops[key][2]


def never_returns(code: CodeType, *, excepted: bool = False) -> bool:
    """Whether ``code``, once entered, runs for ever: no return and no ``raise`` of its own can be reached from its entry.

    Exceptions that its callees raise are not followed: ``while True: work()`` never returns, and neither does an
    infinite generator. With ``excepted`` the handlers of the procedure's own ``try`` statements are, so that
    ``try: while True: work()`` with ``except KeyboardInterrupt: return`` may return.
    """
    return 0 not in _leaving(code, excepted)[1]


def can_return_from(code: CodeType, lasti: int, *, excepted: bool = False) -> bool:
    """Whether an activation of ``code`` that stands at byte offset ``lasti`` (a frame's ``f_lasti``) can ever return."""
    offsets, leaving = _leaving(code, excepted)
    here = 0
    for offset in offsets:
        # A frame that waits for a callee may point into the caches of its call.
        if offset > lasti:
            break
        here = offset
    return here in leaving


def can_come_to(code: CodeType, lasti: int, offsets: Iterable[int]) -> bool:
    """Whether an activation of ``code`` that stands at byte offset ``lasti`` can come to one of the instructions at ``offsets``."""
    here, after = _ways(code, lasti)
    return _comes_to(here, after, set(offsets))


def _comes_to(here: int, after: dict[int, list[int]], wanted: set[int]) -> bool:
    seen = {here}
    todo = [here]
    while todo:
        for offset in after.get(todo.pop(), ()):
            if offset in wanted:
                return True
            if offset not in seen:
                seen.add(offset)
                todo.append(offset)
    return False


def _ways(code: CodeType, lasti: int) -> tuple[int, dict[int, list[int]]]:
    """The instruction at which ``lasti`` is, and where each instruction leads to, exceptions included."""
    table = handlers(code)
    after: dict[int, list[int]] = {}
    here = 0
    for start, op, arg, following in units(code):
        if start <= lasti:
            here = start
        ways = after.setdefault(start, [])
        if JUMPS[op]:
            ways.append(following + JUMPS[op] * 2 * arg)
        if not CLOSED[op]:
            ways.append(following)
        ways += [target for first, end, target, _ in table if first <= start < end]
    return here, after


def still_mentions(code: CodeType, lasti: int, name: str) -> bool:
    """Whether an activation of ``code`` that stands at byte offset ``lasti`` can come to an instruction that loads ``name``.

    ``name`` is that of a global, an attribute or a free variable. What is nested in ``code`` counts where it is made.
    """
    here, after = _ways(code, lasti)
    loads = [
        start
        for start, op, arg, _ in units(code)
        if NAMES[op].startswith(("LOAD_", "IMPORT_")) and _mentions(code, NAMES[op], arg, name)
    ]
    # The instruction at which it stands is a call under way, and behind it.
    return _comes_to(here, after, set(loads))


_SHIFTS = {"LOAD_GLOBAL": 1, "LOAD_ATTR": 1 if sys.version_info >= (3, 12) else 0, "LOAD_SUPER_ATTR": 2}
_BY_NAME = frozenset({"LOAD_NAME", "LOAD_METHOD", "IMPORT_NAME", "IMPORT_FROM", *_SHIFTS})


def _mentions(code: CodeType, op: str, arg: int, name: str) -> bool:
    if op in _BY_NAME:
        index = arg >> _SHIFTS.get(op, 0)
        return index < len(code.co_names) and code.co_names[index] == name
    if op == "LOAD_CONST" and arg < len(code.co_consts):
        const = code.co_consts[arg]
        return isinstance(const, CodeType) and any(name in (*c.co_names, *c.co_freevars) for c in walk(const))
    if op in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
        return name in code.co_freevars
    return False
