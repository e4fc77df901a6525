"""Whether a procedure uses what it is given by its attributes alone: then anything with the same attributes can stand in for it."""

from __future__ import annotations

import dis
from types import CodeType

from podus.program.code import LOOKS_AT_ITSELF, SUSPENDS

_READS = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_USES = _READS | {"STORE_ATTR", "DELETE_ATTR"}
_LOADS = frozenset({"LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW"})
# Two in one: the second is what is on top of the stack.
_PAIRS = frozenset({"LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "STORE_FAST_LOAD_FAST"})
# What gets at the variables of whoever calls it.
_LOOKS = LOOKS_AT_ITSELF | {"super", "stack"}
_NOT_PLAIN = SUSPENDS | 0x04 | 0x08  # or with *args, **kwargs


def used_alone(code: CodeType) -> dict[str, bool] | None:
    """The attributes by which ``code`` uses its only argument, each with whether it is set or deleted; None if it may do anything else with it."""
    if code.co_argcount != 1 or code.co_kwonlyargcount or code.co_flags & _NOT_PLAIN:
        return None
    name = code.co_varnames[0]
    if name in code.co_cellvars or "__class__" in code.co_freevars or not _LOOKS.isdisjoint(code.co_names):
        return None
    found: dict[str, bool] = {}
    rows = [row for row in dis.get_instructions(code) if row.opname not in ("EXTENDED_ARG", "NOT_TAKEN")]
    for number, row in enumerate(rows):
        if "FAST" not in row.opname:
            continue
        touched = row.argval if isinstance(row.argval, tuple) else (row.argval,)
        if name not in touched:
            continue
        single = row.opname in _LOADS
        if not single and not (row.opname in _PAIRS and touched[-1] == name and touched[0] != name):
            return None
        use = rows[number + 1]
        if use.opname == "COPY" and use.arg == 1:
            # ``self.x += 1``: what was copied is there until it is set.
            use = rows[number + 2]
            if use.opname not in _READS:
                return None
            found[use.argval] = True
        elif use.opname not in _USES or (use.argval.startswith("__") and use.argval.endswith("__")):
            return None
        else:
            found[use.argval] = found.get(use.argval, False) or use.opname not in _READS
    return found
