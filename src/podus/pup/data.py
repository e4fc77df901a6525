"""Whether data is as the running version's statements set it: what an update may assign anew without asking.

Equality is only asked of plain data: an object's ``__eq__`` is the program's code.
"""

from __future__ import annotations

import binascii
import functools
import marshal
from types import BuiltinFunctionType, FunctionType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What a program makes once and does not modify, even where a call made it.
_DEFINITIONS = (
    type,
    FunctionType,
    BuiltinFunctionType,
    functools.partial,
    functools._lru_cache_wrapper,
    ModuleType,
)


def is_as_set(real: dict[str, Any], owner: dict[str, Any], name: str, row: dict[str, Any]) -> str:
    """``same``, ``modified`` or ``unknown``: how ``name`` in ``owner`` (a module's or class's namespace) stands to its old statement.

    ``row`` has the statement's ``code`` if running it again has no effect (else None), and whether some procedure may rebind the name.
    """
    if name not in owner:
        return "same"
    value = owner[name]
    if row.get("code"):
        names = _Layered(owner)
        try:
            exec(marshal.loads(binascii.a2b_base64(row["code"])), real, names)
            initial = dict.__getitem__(names, name)
        except Exception:
            return "unknown"
        return "same" if _equal(initial, value) else "modified"
    if isinstance(value, _DEFINITIONS):
        return "same"
    if _immutable(value):
        return "unknown" if row.get("rebound") else "same"
    return "unknown"


class _Layered(dict[str, "Any"]):
    """A namespace that reads through to ``below``."""

    def __init__(self, below: dict[str, Any]) -> None:
        super().__init__()
        self.below = below

    def __missing__(self, name: str) -> Any:
        return self.below[name]


_SIMPLE = (int, float, complex, str, bytes, bool, type(None), type(...), range, frozenset)


def _equal(one: Any, other: Any) -> bool:
    """Equality of plain data; objects are only equal to themselves, for their ``__eq__`` is the program's code."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple) and type(one) in (list, tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if type(one) is dict:
        return (
            list(one) == list(other)
            if not all(type(k) in _SIMPLE for k in one)
            else (one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one))
        )
    if type(one) in (*_SIMPLE, set, bytearray):
        return bool(one == other)
    return False


def _immutable(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_immutable, value))
    return type(value) in _SIMPLE or type(value).__module__ in (
        "decimal",
        "datetime",
        "fractions",
        "pathlib",
        "uuid",
        "re",
    )
