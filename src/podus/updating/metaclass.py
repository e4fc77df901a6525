"""Giving a class another metaclass where it is.

``C.__class__ = M`` is CPython's own way, but it refuses it for a class whose metaclass is ``type``, because built-in types are not to be
changed by accident. A class made in Python can be: where both metaclasses give their classes the same layout, its type is set through
ctypes, as CPython would have set it.
"""

from __future__ import annotations

from podus.errors import Refused
from podus.updating.abstract import blank
from podus.updating.bases import layout
from podus.updating.binding import Switch
from podus.updating.family import below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HEAP = 1 << 9


def metaclass_into(
    old: type, new: type, switch: Switch, made: Callable[[type], type], says: Callable[[type], bool]
) -> None:
    """Plan to give ``old`` the metaclass of ``new``, and those derived from it theirs.

    ``made`` gives for a class what its statement has made, if that runs again, ``says`` whether a class names its metaclass itself.
    Raises Refused where their classes have different layouts, or CPython can't be told.
    """
    before, after = type(old), type(new)
    notes = vars(new).get("_abc_impl")
    _retype(old, after, notes, switch)
    handed_down = {old: after}
    for derived in sorted(below(old), key=lambda cls: len(cls.__mro__)):
        if type(derived) is not before or made(derived) is not derived or says(derived):
            continue
        # It may have the one that it has by another base as well.
        kinds = [handed_down.get(base) or type(made(base)) for base in derived.__bases__]
        kind = next((one for one in kinds if all(issubclass(one, other) for other in kinds)), before)
        if kind is not before:
            handed_down[derived] = kind
            _retype(derived, kind, notes and blank(), switch)


def _retype(old: type, after: type, notes: Any, switch: Switch) -> None:
    """Plan to give one class its metaclass; ``notes`` is what an abstract one keeps of who is an instance of it, if it is one."""
    if notes is not None and "_abc_impl" not in vars(old):
        switch.set_class_attribute(old, "_abc_impl", notes)
    before = type(old)
    where = f"{old.__module__}:{old.__qualname__}"
    if layout(before) != layout(after) or not old.__flags__ & _HEAP:
        raise Refused(
            f"the metaclass of {where} changes from {before.__name__} to {after.__name__}, which lays its classes out otherwise",
            "restart for this one",
        )
    slot = _type_slot(old)
    if slot is None:
        raise Refused(
            f"the metaclass of {where} changes from {before.__name__} to {after.__name__}, and this Python can't be told",
            "restart for this one",
        )
    import ctypes

    take, drop = ctypes.pythonapi.Py_IncRef, ctypes.pythonapi.Py_DecRef

    def to(one: type, other: type) -> list[Any]:
        return [
            (take, ctypes.py_object(other)),
            (setattr, slot, "value", id(other)),
            (drop, ctypes.py_object(one)),
            # Whatever the interpreter has noted about the class is not to be used any more.
            (type.__setattr__, old, "__module__", old.__module__),
        ]

    switch.do += to(before, after)
    # Undone from the last to the first.
    switch.undo += to(after, before)[::-1]


def _type_slot(cls: type) -> Any:
    """Where ``cls`` keeps its own type; None where that isn't sure, or there is no ctypes."""
    try:
        import ctypes
    except ImportError:
        return None
    word = ctypes.sizeof(ctypes.c_void_p)
    slot = ctypes.c_void_p.from_address(id(cls) + word)
    return slot if slot.value == id(type(cls)) else None
