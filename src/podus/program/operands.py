"""The names that instructions of chosen kinds have as their operands.

Read from the bytecode itself: ``dis.get_instructions`` takes some twenty times as long, which a program of many thousand procedures feels.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import CodeType

_EXTENDED = dis.EXTENDED_ARG
# Low bits of the operand that say something else (that what is loaded is called).
_SHIFT = {"LOAD_GLOBAL": 1, "LOAD_ATTR": 1 if sys.version_info >= (3, 12) else 0, "LOAD_SUPER_ATTR": 2}
_SHIFTS = {dis.opmap[name]: bits for name, bits in _SHIFT.items() if name in dis.opmap}

_NAMED = frozenset(dis.hasname)
_STORE_DEREF = dis.opmap["STORE_DEREF"]
_SUPER = dis.opmap.get("LOAD_SUPER_ATTR")
_SUPERS = ("LOAD_GLOBAL", "PRECALL", "CALL")


def opcodes(*starts: str) -> frozenset[int]:
    """The opcodes that have a name as their operand and whose own name starts with one of ``starts``."""
    return frozenset(op for op in dis.hasname if op < 256 and dis.opname[op].startswith(starts))


def named(code: CodeType, wanted: frozenset[int]) -> Iterator[str]:
    """The names in the instructions of ``code`` with the opcodes ``wanted``, in their order."""
    return (name for _, name in _operands(code, wanted))


def passed_on(code: CodeType) -> Iterator[tuple[str, str]]:
    """The names that code loads or imports just before it binds another one, and that other one."""
    rows = list(_operands(code, _IMPORTS | LOADS | STORES_NAME))
    for (op, name), (after, other) in pairwise(rows):
        if op not in STORES_NAME and after in STORES_NAME and name != other:
            yield name, other


def _operands(code: CodeType, wanted: frozenset[int]) -> Iterator[tuple[int, str]]:
    raw, names = code.co_code, code.co_names
    extended = 0
    for op, arg in zip(raw[::2], raw[1::2], strict=True):
        if op == _EXTENDED:
            extended = (extended | arg) << 8
            continue
        if op in wanted:
            yield op, names[(extended | arg) >> _SHIFTS.get(op, 0)]
        extended = 0


def any_named(code: CodeType, wanted: frozenset[int], name: str) -> bool:
    """Whether an instruction with one of the opcodes ``wanted`` has ``name``."""
    return name in code.co_names and name in named(code, wanted)


def rebound(code: CodeType) -> set[str]:
    """The variables of the functions around it that code itself binds (``nonlocal``)."""
    # The places of all variables are numbered, those of the functions around last.
    inside = len({*code.co_varnames, *code.co_cellvars}) if code.co_freevars else 0
    pairs = zip(code.co_code[::2], code.co_code[1::2], strict=True) if code.co_freevars else ()
    return {code.co_freevars[arg - inside] for op, arg in pairs if op == _STORE_DEREF and arg >= inside}


def through_super(code: CodeType) -> frozenset[str]:
    """The names that code says only as ``super().NAME``: those of other classes than its own."""
    found: set[str] = set()
    others: set[str] = set()
    extended = came = 0
    for op, arg in zip(code.co_code[::2], code.co_code[1::2], strict=True):
        if op == _EXTENDED:
            extended = (extended | arg) << 8
            continue
        operand, extended = extended | arg, 0
        if op in _NAMED:
            name = code.co_names[operand >> _SHIFTS.get(op, 0)]
            (found if op == _SUPER or came == len(_SUPERS) else others).add(name)
            came = int(name == "super")
        elif op:
            # Up to Python 3.11 it is called as any other name.
            goes_on = 0 < came < len(_SUPERS) and dis.opname[op] == _SUPERS[came] and not operand
            came = came + 1 if goes_on else 0
    return frozenset(found - others)


STORES_NAME = opcodes("STORE_NAME")
STORES_ATTRIBUTE = opcodes("STORE_ATTR")
LOADS_ATTRIBUTE = opcodes("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
# Loads and stores of attributes; and what may bind a global, or an attribute of a module, anew.
ATTRIBUTES = opcodes("LOAD_ATTR", "STORE_ATTR", "DELETE_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")
REBINDS = opcodes("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR")
LOADS_GLOBAL = opcodes("LOAD_GLOBAL")
LOADS = opcodes("LOAD_NAME", "LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "LOAD_FROM_DICT")
_IMPORTS = opcodes("IMPORT_FROM")
