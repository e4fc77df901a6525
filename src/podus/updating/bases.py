"""Giving a class other bases where it is: what CPython allows, and where it is too strict, past its check.

CPython compares the layouts of the old and the new base, and for a class that derives from ``object`` directly (or is to) it refuses
every change, because ``object`` frees its memory in another way than classes made in Python do. That is about the base, not about the class:
the layouts of the *class* before and after say whether live objects stay what they are. Where those are equal the class is
first told, through ctypes, that the new base is its base already; CPython then does the rest itself (the order of its ancestors, their lists of subclasses,
its slots).
"""

from __future__ import annotations

import gc
from functools import cache
from types import GetSetDescriptorType

from podus.errors import Refused
from podus.updating.binding import Switch
from podus.updating.structure import place_of, word_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of a class's flags, those that say what its objects look like: managed dictionary and weak references, inline
# values, garbage collection, and the built-in types whose layout they share.
_LAYOUT = 1 << 2 | 1 << 3 | 1 << 4 | 1 << 14 | sum(1 << n for n in range(24, 32))
_OWN_ACCESS = ("__dict__", "__weakref__")


def bases_into(old: type, new: type, bases: tuple[type, ...], switch: Switch) -> None:
    """Plan to give ``old`` the ``bases``: those of ``new``, which has been made from its new definition, or what is kept in their place.

    Raises Refused where live objects would need another layout, or CPython can't be told.
    """
    if list(map(id, old.__bases__)) == list(map(id, bases)):
        # (Classes may equal others: their metaclass says.)
        return
    where = f"{old.__module__}:{old.__qualname__}"
    if layout(old) != layout(new):
        raise Refused(
            f"the bases of {where} can't be changed in place: its objects would need another layout",
            "restart for this one",
        )
    if not old.__flags__ & 1 << 9:
        raise Refused(f"{where} is no class that was made in Python", "restart for this one")
    base = bases[new.__bases__.index(new.__base__)] if new.__base__ in new.__bases__ else None
    if old.__base__ is base:
        switch.set_class_attribute(old, "__bases__", bases)
        return
    there, back = _past_the_check(old, base, bases, where)
    # What leads to the objects' own dictionary may have come from the old base. Assigning the bases makes it seen.
    (names,) = (found for found in gc.get_referents(vars(old)) if type(found) is dict)
    access = Switch()
    for name in _OWN_ACCESS:
        if name in vars(new) and name not in names:
            access.set_item(names, name, _own_access(old, vars(new)[name]))
    switch.do += access.do + there
    switch.undo += back[::-1] + access.undo


def rebase(cls: type, bases: tuple[type, ...]) -> bool:
    """Give ``cls`` these bases at once, in place of others of the same layout; returns whether it could be done."""
    try:
        type.__setattr__(cls, "__bases__", bases)
    except TypeError:
        place = cls.__bases__.index(cls.__base__) if cls.__base__ in cls.__bases__ else len(bases)
        base = bases[place] if place < len(bases) else None
        if cls.__base__ is None or base is None or layout(cls.__base__) != layout(base):
            return False
        try:
            there, back = _past_the_check(cls, base, bases, cls.__qualname__)
        except Refused:
            return False
        take, point, assign, drop = there
        for function, *arguments in (take, point):
            function(*arguments)
        try:
            assign[0](*assign[1:])
        except TypeError:
            # A class below can't be put in order with them.
            for function, *arguments in (back[1], back[3]):
                function(*arguments)
            return False
        drop[0](*drop[1:])
    return True


_nothings: dict[tuple[Any, ...], type] = {}


def stand_in(cls: type) -> type | None:
    """A class of ours that a class which is thrown away can derive from in place of its base; None if there is none of that layout."""
    if cls.__base__ is None:
        return None
    wanted = layout(cls.__base__)
    if wanted not in _nothings:
        built_in = _built_in(cls)
        words = (cls.__base__.__basicsize__ - built_in.__basicsize__) // tuple.__itemsize__
        fields = tuple(f"_{n}" for n in range(words))
        access = [(), ("__weakref__",), ("__dict__",), _OWN_ACCESS]
        for slots in [None, *(fields[n:] + own for own in access for n in range(len(own) + 1))]:
            try:
                made = type("_Nothing", (built_in,), {} if slots is None else {"__slots__": slots})
            except TypeError:
                continue
            if layout(made) == wanted:
                _nothings[wanted] = made
                break
    return _nothings.get(wanted)


def _built_in(cls: type) -> type:
    """The built-in class whose objects those of ``cls`` extend."""
    return next(c for c in cls.__mro__ if not c.__flags__ & 1 << 9 and _adds(c))


def layout(cls: type) -> tuple[Any, ...]:
    """Equal for two classes whose objects look the same in memory."""
    built_in = _built_in(cls)
    return (
        cls.__basicsize__,
        cls.__itemsize__,
        cls.__dictoffset__,
        cls.__weakrefoffset__,
        cls.__flags__ & _LAYOUT,
        built_in,
    )


def _adds(cls: type) -> bool:
    """Whether a built-in class's objects hold more than those of its base."""
    base = cls.__base__
    return base is None or (cls.__basicsize__, cls.__itemsize__) != (base.__basicsize__, base.__itemsize__)


def _past_the_check(
    old: type, after: type | None, bases: tuple[type, ...], where: str
) -> tuple[list[Any], list[Any]]:
    """The operations there and back: each sure to succeed, and none runs bytecode."""
    offset = _base_offset()
    before = old.__base__
    if offset is None or before is None or after is None:
        raise Refused(
            f"the bases of {where} can't be changed in place by this Python", "restart for this one"
        )
    import ctypes

    slot = word_at(old, offset)
    take, drop = ctypes.pythonapi.Py_IncRef, ctypes.pythonapi.Py_DecRef

    def to(one: type, other: type, bases: tuple[type, ...]) -> list[Any]:
        # The slot owns a reference. CPython itself gives up that of what it finds there when the bases are assigned.
        return [
            (take, ctypes.py_object(other)),
            (setattr, slot, "value", id(other)),
            # Past the metaclass: an Enum's acts in Python, and other threads would be let in.
            (type.__setattr__, old, "__bases__", bases),
            (drop, ctypes.py_object(one)),
        ]

    # Kept in the operations' own order on the way back, too.
    return to(before, after, bases), to(after, before, old.__bases__)


def _own_access(cls: type, like: Any) -> Any:
    """A descriptor as ``like`` (another class's ``__dict__`` or ``__weakref__``) for the objects of ``cls``."""
    if type(like) is not GetSetDescriptorType:
        return like
    import ctypes

    make = ctypes.pythonapi.PyDescr_NewGetSet
    make.restype = ctypes.py_object
    # What it is made from stands behind its five words as a descriptor: count, type, class, name, qualified name.
    word = ctypes.sizeof(ctypes.c_void_p)
    definition = ctypes.c_void_p.from_address(id(like) + 5 * word)
    return make(ctypes.py_object(cls), definition)


@cache
def _base_offset() -> int | None:
    """Where in a class CPython keeps its base."""
    one = type("one", (), {})
    pairs = ((one, object), (type("two", (one,), {}), one), (type("three", (Exception,), {}), Exception))
    return place_of(lambda offset: all(word_at(cls, offset).value == id(base) for cls, base in pairs))
