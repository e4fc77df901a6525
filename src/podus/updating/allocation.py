"""How CPython makes the objects of a class that has lost its ``__new__``: as those of its base, which it does not see by itself.

A class that has once had a ``__new__`` in Python goes on to look for one each time (its C slot ``tp_new`` is not set back), and ``object.__new__`` then
takes no arguments from it: ``A(1)`` would raise a TypeError. So the slot is given what the base has there, through ctypes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_HEAP = 1 << 9
_found: list[int | None] = []


def make_as_bases_do(cls: type) -> None:
    """Have objects of ``cls``, and of the classes below it, be made as the class above does that has a ``__new__``, where that is built in."""
    offset = _offset()
    if offset is None:
        return
    for kind in _below(cls):
        owner = next(c for c in type.__getattribute__(kind, "__mro__") if "__new__" in vars(c))
        if not owner.__flags__ & _HEAP:
            _slot(kind, offset).value = _slot(owner, offset).value


def _below(cls: type) -> Iterator[type]:
    seen: set[int] = set()
    todo = [cls]
    while todo:
        kind = todo.pop()
        if id(kind) not in seen:
            seen.add(id(kind))
            yield kind
            todo += type.__subclasses__(kind)


def _slot(cls: type, offset: int) -> Any:
    import ctypes

    return ctypes.c_void_p.from_address(id(cls) + offset)


def _offset() -> int | None:
    """Where in a class CPython keeps what makes its objects, found by looking at some; None where that isn't sure, or there is no ctypes."""
    if not _found:
        _found.append(_look())
    return _found[0]


def _look() -> int | None:
    try:
        import ctypes
    except ImportError:
        return None
    own = {"__new__": lambda cls: None}
    plain, number = type("plain", (), {}), type("number", (int,), {})
    made, counted = type("made", (), own), type("counted", (int,), own)
    word = ctypes.sizeof(ctypes.c_void_p)
    metaclass: type = type
    places = [
        offset
        for offset in range(2 * word, metaclass.__basicsize__, word)
        if _slot(plain, offset).value == _slot(object, offset).value
        and _slot(number, offset).value == _slot(int, offset).value
        and _slot(made, offset).value == _slot(counted, offset).value
        and len({_slot(cls, offset).value for cls in (object, int, made)}) == 3
    ]
    return places[0] if len(places) == 1 else None
