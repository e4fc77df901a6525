"""The hooks through which all access to a class's objects goes while they are converted: an old object is converted first.

``new`` are the ids of the objects that have the new form, in parts by address: one set of a million would stall while it grows.

While objects are searched for, the references to their class are counted: ``super(cls, self)`` is one of them as long as it lasts, so that in a busy
program the count may never be right. Where there is nothing but ``object`` to come to, it is called itself.
"""

from __future__ import annotations

from podus.updating.held import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LAST = (1 << 10) - 1
# Of a class: its attributes can be set.
_CAN_CHANGE = 1 << 9


def register() -> tuple[set[int], ...]:
    """An empty register of the objects that have the new form."""
    return tuple(set() for _ in range(_LAST + 1))


def part_of(register: tuple[set[int], ...], ident: int) -> set[int]:
    """The part of the register where the id of an object is, if it is there."""
    return register[ident >> 12 & _LAST]


def get_hook(
    cls: Any, new: tuple[set[int], ...], prepare: Callable[[Any, str], tuple[Any] | None], own: Any
) -> Any:
    """A ``__getattribute__`` for ``cls``, before its own one if it has any."""
    plain, get = _is_plain(cls, "__getattribute__"), object.__getattribute__

    def __getattribute__(self: Any, name: str) -> Any:
        ident = id(self)
        if ident not in new[ident >> 12 & _LAST] and name != "__class__":
            found = prepare(self, name)
            if found is not None:
                return found[0]
        if own is not None:
            return own(self, name)
        if plain and type(self) is cls:
            return get(self, name)
        return super(cls, self).__getattribute__(name)

    return __getattribute__


def set_hook(cls: Any, new: tuple[set[int], ...], store: Callable[[Any, str, Any], bool], own: Any) -> Any:
    """A ``__setattr__``."""
    plain, put = _is_plain(cls, "__setattr__"), object.__setattr__

    def __setattr__(self: Any, name: str, value: Any) -> None:
        ident = id(self)
        if ident not in new[ident >> 12 & _LAST] and store(self, name, value):
            return
        if own is not None:
            own(self, name, value)
        elif plain and type(self) is cls:
            put(self, name, value)
        else:
            super(cls, self).__setattr__(name, value)

    return __setattr__


def delete_hook(cls: Any, new: tuple[set[int], ...], store: Callable[[Any, str, Any], bool], own: Any) -> Any:
    """A ``__delattr__``."""
    plain, delete = _is_plain(cls, "__delattr__"), object.__delattr__

    def __delattr__(self: Any, name: str) -> None:
        ident = id(self)
        if ident not in new[ident >> 12 & _LAST] and store(self, name, GONE):
            return
        if own is not None:
            own(self, name)
        elif plain and type(self) is cls:
            delete(self, name)
        else:
            super(cls, self).__delattr__(name)

    return __delattr__


def _is_plain(cls: type, name: str) -> bool:
    """Whether the bases of ``cls``, none of which can be changed, have no other method ``name`` than ``object``'s."""
    return all(name not in vars(base) for base in cls.__mro__[1:-1]) and not any(
        base.__flags__ & _CAN_CHANGE for base in cls.__mro__[1:]
    )
