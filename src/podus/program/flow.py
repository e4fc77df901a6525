"""What a procedure's code calls, reads, writes, imports and makes: one symbolic pass over its bytecode.

The bytecode is all that is used, so that a version that is only there as ``.pyc`` is read as well. The pass runs once over
the instructions in their order with a stack of symbols; where two ways meet, a value that differs becomes unknown.
Bodies that belong to the procedure around them (comprehensions, the hidden scopes of annotations and type parameters)
are merged into it.
"""

from __future__ import annotations

from types import CodeType

from podus.program.control import can_return_from, never_returns
from podus.program.evaluate import Pass
from podus.program.symbols import (
    NULL,
    UNKNOWN,
    Attr,
    Call,
    Const,
    Display,
    Flow,
    Free,
    Global,
    Import,
    Item,
    Local,
    Made,
    Null,
    Super,
    Symbol,
    Unknown,
    Written,
)

__all__ = [
    "NULL",
    "UNKNOWN",
    "Attr",
    "Call",
    "Const",
    "Display",
    "Flow",
    "Free",
    "Global",
    "Import",
    "Item",
    "Local",
    "Made",
    "Null",
    "Super",
    "Symbol",
    "Unknown",
    "Written",
    "absolute",
    "can_return_from",
    "flow",
    "imported_by_from",
    "never_returns",
]

_known: dict[int, Flow] = {}
# The same with what a module's code imports: the code by its id, the module's name, and the result.
_imports: dict[int, tuple[CodeType, str, dict[str, tuple[str, str]]]] = {}


def flow(code: CodeType) -> Flow:
    """The :class:`Flow` of ``code``; computed once for each code object."""
    # By identity: hashing a code object hashes all of it.
    found = _known.get(id(code))
    if found is None or found.code is not code:
        found = _known[id(code)] = Flow(code)
        Pass(found, code).run()
    return found


def absolute(module: str, package: bool, level: int, name: str) -> str:
    """The absolute name of ``level`` dots and ``name``, as module ``module`` imports it ("" above the top package)."""
    if not level:
        return name
    parts = module.split(".")
    up = level - package
    if up >= len(parts):
        return ""
    base = parts[: len(parts) - up]
    return ".".join([*base, name] if name else base)


def imported_by_from(code: CodeType, module: str, package: bool) -> dict[str, tuple[str, str]]:
    """Local name -> ``(absolute module, name)`` of every from-import at the top level of a module body.

    ``module`` is the module's own name and ``package`` whether it is one: relative imports start there. A star import is no name.
    The result is everybody's: it is not to be changed.
    """
    known = _imports.get(id(code))
    if known is not None and known[0] is code and known[1] == module:
        return known[2]
    names: dict[str, tuple[str, str]] = {}
    for written in flow(code).writes:
        value = written.value
        if isinstance(value, Import) and value.name is not None:
            origin = absolute(module, package, value.level, value.module)
            if origin:
                names[written.name] = (origin, value.name)
        else:
            names.pop(written.name, None)
    _imports[id(code)] = code, module, names
    return names
