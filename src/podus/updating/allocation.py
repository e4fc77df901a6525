"""How CPython makes the objects of a class that has lost its ``__new__``: as those of its base, which it does not see by itself.

A class that has once had a ``__new__`` in Python goes on to look for one each time (its C slot ``tp_new`` is not set back), and ``object.__new__`` then
takes no arguments from it: ``A(1)`` would raise a TypeError. So the slot is given what the base has there, through ctypes.
"""

from __future__ import annotations

from functools import cache

from podus.updating.family import with_subclasses
from podus.updating.structure import place_of, word_at

_HEAP = 1 << 9


def make_as_bases_do(cls: type) -> None:
    """Have objects of ``cls``, and of the classes below it, be made as the class above does that has a ``__new__``, where that is built in."""
    offset = _offset()
    if offset is None:
        return
    for kind in with_subclasses([cls]):
        owner = next(c for c in type.__getattribute__(kind, "__mro__") if "__new__" in vars(c))
        if not owner.__flags__ & _HEAP:
            word_at(kind, offset).value = word_at(owner, offset).value


@cache
def _offset() -> int | None:
    """Where in a class CPython keeps what makes its objects."""
    own = {"__new__": lambda cls: None}
    plain, number = type("plain", (), {}), type("number", (int,), {})
    made, counted = type("made", (), own), type("counted", (int,), own)

    def is_there(offset: int) -> bool:
        pairs = ((plain, object), (number, int), (made, counted))
        words = [[word_at(cls, offset).value for cls in pair] for pair in pairs]
        return all(one == other for one, other in words) and len({one for one, _ in words}) == 3

    return place_of(is_there)
