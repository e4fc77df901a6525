"""Where in a class CPython keeps what no attribute shows: found by looking at some classes, through ctypes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def word_at(cls: type, offset: int) -> Any:
    """The word of the class's own structure there, to be read and set (``.value``)."""
    import ctypes

    return ctypes.c_void_p.from_address(id(cls) + offset)


def place_of(is_there: Callable[[int], bool]) -> int | None:
    """The one offset of which ``is_there`` says so; None where that isn't sure, or there is no ctypes."""
    try:
        import ctypes
    except ImportError:
        return None
    word = ctypes.sizeof(ctypes.c_void_p)
    metaclass: type = type
    places = [offset for offset in range(2 * word, metaclass.__basicsize__, word) if is_there(offset)]
    return places[0] if len(places) == 1 else None
