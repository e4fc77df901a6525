"""What an object holds itself, asked without making its ``__dict__`` and without running the program's code; and the hooks for what it lacks."""

from __future__ import annotations

import sys
from _weakref import ref
from collections import defaultdict
from functools import partial
from types import GetSetDescriptorType, MemberDescriptorType

from podus.updating.slots import Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from podus.updating.objects import Conversion

_read = object.__getattribute__
# Kinds of tables that are gone through, copied and changed as a dictionary is.
TABLES: tuple[type, ...] = (dict, defaultdict)
# In place of a value: there is none.
GONE = object()
# The flag of classes that a statement has made (Py_TPFLAGS_HEAPTYPE).
HEAP = 1 << 9


class ByKind(dict[int, "Any"]):
    """What is known of classes, by their ids: who searches the heap counts references to them. It ends with the class."""

    def __init__(self) -> None:
        self._references: list[ref[type]] = []

    def note(self, kind: type, known: Any) -> Any:
        """Note what is known of ``kind``; returns that."""
        ident = id(kind)
        self[ident] = known
        self._references.append(ref(kind, lambda _: self.pop(ident, None)))
        return known

    def clear(self) -> None:
        """Nothing is known any more."""
        super().clear()
        self._references.clear()


class Missing:
    """Stands on a class for a field that its older objects lack, and gives it to them when it is asked for."""

    __slots__ = ("_conversion", "_fillers", "name")

    def __init__(self, conversion: Conversion, name: str) -> None:
        self._conversion = conversion
        self._fillers = conversion.fillers
        # It becomes a key of the objects' dictionaries, where the interpreter's caches know a key by its identity.
        self.name = sys.intern(name)

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        fill = self._fillers.get(id(type(obj)))
        if fill is not None:
            fill(obj)
            return _read(obj, self.name)
        conversion = self._conversion
        if obj is None or conversion.looks(obj) or not conversion.fill(obj, self.name):
            kind = (
                f"type object {owner.__name__!r}"
                if obj is None and owner
                else f"{type(obj).__name__!r} object"
            )
            raise AttributeError(f"{kind} has no attribute {self.name!r}")
        return _read(obj, self.name)


class Asleep:
    """What the hook is made for a moment by :mod:`podus.updating.fill`: of the same layout, and a value like any other."""

    __slots__ = Missing.__slots__


class Unset:
    """As :class:`Missing`, where a slot of this name is there and nothing is in it."""

    __slots__ = ("_missing", "slot")

    def __init__(self, conversion: Conversion, name: str, slot: Any) -> None:
        self._missing = Missing(conversion, name)
        self.slot = slot

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is not None:
            try:
                return self.slot.__get__(obj, owner)
            except AttributeError:
                pass
        return self._missing.__get__(obj, owner)

    def __set__(self, obj: Any, value: Any) -> None:
        self.slot.__set__(obj, value)

    def __delete__(self, obj: Any) -> None:
        self.slot.__delete__(obj)


def class_default(cls: Any, name: str, obj: Any) -> Any:
    """What a dataclass, attrs or pydantic class gives a new object for a field that is not passed."""
    if name in getattr(cls, "__dataclass_fields__", ()):
        import dataclasses

        field = cls.__dataclass_fields__[name]
        return field.default if field.default is not dataclasses.MISSING else field.default_factory()
    for attribute in getattr(cls, "__attrs_attrs__", ()):
        if attribute.name == name:
            default = attribute.default
            if type(default).__name__ == "Factory" and hasattr(default, "takes_self"):
                return default.factory(obj) if default.takes_self else default.factory()
            return default
    fields = (
        getattr(cls, "__pydantic_fields__", None)
        or getattr(cls, "model_fields", None)
        or getattr(cls, "__fields__", {})
    )
    if name in fields:
        field = fields[name]
        try:
            return field.get_default(call_default_factory=True)
        except TypeError:
            return field.get_default()
    raise AttributeError(f"{cls.__name__} has no default for {name}")


def default_of(cls: Any, name: str) -> Callable[[Any], Any]:
    """:func:`class_default` of one field; it takes its object and does not look at it, but where the factory is to have it."""
    attributes = getattr(cls, "__attrs_attrs__", ())
    if any(a.name == name and getattr(a.default, "takes_self", False) for a in attributes):
        return partial(class_default, cls, name)
    return lambda _: class_default(cls, name, None)


def class_has(cls: type, name: str) -> bool:
    """Whether the class itself, or a base class, has an attribute of this name that is no slot."""
    for base in cls.__mro__:
        if name in base.__dict__:
            value = base.__dict__[name]
            return not isinstance(value, MemberDescriptorType | Missing | Unset | Room)
    return False


def class_sets(cls: type, name: str) -> bool:
    """Whether the class computes what happens when the attribute is set (a property)."""
    for base in cls.__mro__:
        if name in base.__dict__:
            value = base.__dict__[name]
            return hasattr(type(value), "__set__") and not isinstance(
                value, MemberDescriptorType | Unset | Room
            )
    return False


def has_own(obj: Any, name: str) -> bool:
    """Whether the object itself holds a value of this name."""
    return held_by(obj, name, False) is not GONE


def held_by(obj: Any, name: str, hidden: bool) -> Any:
    """The object's own value of this name."""
    if hidden or (class_has(type(obj), name) and class_has(type(obj), "__dict__")):
        return plain_names(obj).get(name, GONE)
    try:
        return _read(obj, name)
    except AttributeError:
        return GONE


def plain_names(obj: Any) -> dict[str, Any]:
    """What an object holds by name; nothing if it has slots only."""
    try:
        names: dict[str, Any] = _read(obj, "__dict__")
    except AttributeError:
        return {}
    return names


def module_of(cls: type) -> str:
    """The name of the module that a class says it is of; "" for one that was made where there is none."""
    return str(type.__getattribute__(cls, "__dict__").get("__module__", ""))


def is_a(value: Any, kinds: Any) -> bool:
    """What ``isinstance`` says, without asking the object for its ``__class__``: a proxy may have none at the moment, or make one."""
    return issubclass(type(value), kinds)


def own_names(obj: Any) -> dict[str, Any]:
    """What an object itself holds by name, past what its class may have put in the place of ``__dict__``: that would run the program's code."""
    for base in type.__getattribute__(type(obj), "__mro__"):
        slot = type.__getattribute__(base, "__dict__").get("__dict__")
        if isinstance(slot, GetSetDescriptorType | MemberDescriptorType):
            names = slot.__get__(obj)
            return names if isinstance(names, dict) else {}
    return {}


def own_fields(obj: Any) -> dict[str, Any]:
    """What an object itself holds: by name, and in slots."""
    found = dict(own_names(obj))
    for name, slot in each_slot(type(obj)):
        try:
            found[name] = slot.__get__(obj, type(obj))
        except AttributeError:
            pass
    return found


def each_slot(cls: type) -> Iterator[tuple[str, Any]]:
    """The slots of a class and of its bases, theirs first, each with its name; also what stands for one (:class:`~podus.updating.slots.Room`)."""
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items() if base.__flags__ & HEAP else ():
            if isinstance(value, MemberDescriptorType | Room | Unset):
                yield name, value.slot if isinstance(value, Unset) else value
