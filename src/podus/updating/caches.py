"""Caches of procedures that did not change but call what did: what they hold may be what the old version computed.

A bounded cache may forget any time, so nobody relies on what it holds: it is cleared. One without bound, or of a procedure without
parameters, is often the place of an object that there must be one of (a connection, a lock): it is only cleared where it holds
plain values.
"""

from __future__ import annotations

import gc
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), range, re.Pattern)


def clear_stale(name: str, cache: Any) -> str:
    """Clear an ``lru_cache`` if that can't lose an object; gives a note for people where it is kept."""
    parameters = cache.cache_parameters() if hasattr(cache, "cache_parameters") else {"maxsize": None}
    code = getattr(getattr(cache, "__wrapped__", None), "__code__", None)
    if not cache.cache_info().currsize:
        return ""
    takes_none = code is not None and not (code.co_argcount + code.co_kwonlyargcount or code.co_flags & 0x0C)
    if takes_none:
        plain = _is_plain(cache())
    elif parameters["maxsize"] is None:
        plain = all(map(_is_plain, _values(cache)))
    else:
        plain = True
    if not plain:
        return f"the cache of {name} holds objects that code which has changed may have made: it is kept"
    cache.cache_clear()
    return ""


def _values(cache: Any) -> list[Any]:
    own = cache.__dict__
    return [v for d in gc.get_referents(cache) if type(d) is dict and d is not own for v in list(d.values())]


def _is_plain(value: Any) -> bool:
    if type(value) in (tuple, frozenset):
        return all(map(_is_plain, value))
    return type(value) in _PLAIN
