"""Whether data is as the running version's statements set it: what an update may assign anew without asking.

Equality is only asked of plain data: an object's ``__eq__`` is the program's code.
"""

from __future__ import annotations

import abc
import binascii
import collections
import functools
import marshal
import operator
import sys
import time
from enum import Enum, EnumMeta
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)

from podus.program.operands import rebound
from podus.updating.aliases import FIXED
from podus.updating.bases import rebase, stand_in
from podus.updating.find import cell_contents
from podus.updating.held import HEAP, is_a, own_fields, own_names
from podus.updating.slots import takes_away_room

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
    property,
    staticmethod,
    classmethod,
)


def is_as_set(real: dict[str, Any], owner: dict[str, Any], name: str, row: dict[str, Any]) -> str:
    """``same``, ``modified`` or ``unknown``: how ``name`` in ``owner`` (a module's or class's namespace) stands to its old statement.

    ``row`` has the statement's ``code`` if running it again has no effect (else None), the names that it ``calls`` or calls something of,
    of these the ``makers`` that must be named tuples, whether its value is ``dependent`` on attributes, and whether some procedure may rebind the name.
    ``given`` alone: no statement has bound it, so the program has if it is there.
    """
    if name not in owner or isinstance(owner[name], MemberDescriptorType):
        # Whoever made the class has made a slot of what its body gave, or declared.
        return "same"
    if row.get("given"):
        return "modified"
    from podus.updating.graft import is_marker

    value = owner[name]
    if row.get("code") and _can_repeat(row, real):
        names = _Layered(owner)
        try:
            exec(marshal.loads(binascii.a2b_base64(row["code"])), real, names)
            # Held as often as the other one, which is the module's, the copy's and here.
            beside = {name: dict.__getitem__(names, name)}
            initial = beside[name]
            equal = _equal_in_time(initial, value)
            if type(initial) in (type, abc.ABCMeta) and initial is not value:
                _take_from_bases(initial)
        except Exception:
            return "unknown"
        if equal:
            return "same"
        if not row.get("dependent"):
            return "modified"
        # What it was computed from may give another value by now.
    if _keeps_state(value):
        return "unknown"
    # A descriptor is set by who defines the class, even where assigning to the name in an object is a daily matter.
    if isinstance(value, _DEFINITIONS) or hasattr(type(value), "__get__") or _is_type(value):
        return "same"
    if _immutable(value) or is_marker(value):
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
# Built-in types whose objects stay as they are made.
_UNCHANGEABLE: Any = (tuple, frozenset, str, bytes, int, float, complex)
_SEQUENCES = (list, tuple, collections.deque)
_MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter, MappingProxyType)
_CONTAINERS: Any = (dict, list, set, frozenset, tuple)
_VALUES = frozenset({"decimal", "datetime", "fractions", "pathlib", "pathlib._local", "uuid"})
# Sets of more objects are not compared.
_MATCHED = 200
# What a class has of the interpreter's.
_OF_CLASSES = frozenset({"__dict__", "__weakref__", "_abc_impl", "__static_attributes__"})
# So often a look at objects that somebody uses is taken again.
_TRIES = 5
_PLAIN_NEW: Any = object.__new__
_PLAIN_SET: Any = object.__setattr__
_LIBRARY = frozenset(name.lstrip("_") for name in sys.stdlib_module_names)


class _HeldElsewhere(Exception):
    """Somebody else holds an object, who would have another one then."""


def _equal_in_time(one: Any, other: Any) -> bool:
    """:func:`_equal`, of objects that threads may use for a moment. Raises _HeldElsewhere if that goes on."""
    for _ in range(_TRIES):
        try:
            return _equal(one, other)
        except _HeldElsewhere:
            time.sleep(0.002)
    return _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    """Equality of plain data: what no code of the program is asked for. Objects with fields are equal by these, where nobody else holds them.

    Raises _HeldElsewhere, RecursionError (an object that holds itself).
    """
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    kind = type(one)
    if kind in (MethodType, BuiltinFunctionType):
        # Looked up anew they are other objects.
        return one.__self__ is other.__self__ and one.__name__ == other.__name__
    if kind in _SEQUENCES or _is_record(kind):
        return len(one) == len(other) and all(map(_equal, one, other))
    if _is_container(kind):
        return _equal(_inside(one), _inside(other)) and _equal(
            *(getattr(each, "__dict__", None) for each in (one, other))
        )
    if _is_made_of_fields(kind):
        return _held(one) == _held(other) == set(_fields(kind)) and all(
            _equal(*(object.__getattribute__(each, name) for each in (one, other))) for name in _fields(kind)
        )
    if kind in _MAPPINGS:
        if not all(map(_is_plain_key, one)):
            # By the keys themselves: their own equality and hash are the program's code.
            mine, theirs = ({id(key): item for key, item in each.items()} for each in (one, other))
            if mine.keys() == theirs.keys():
                return all(_equal(mine[k], theirs[k]) for k in mine)
            # Keys that the statement itself makes are in its order.
            return len(mine) == len(theirs) and all(
                all(map(_equal, *each)) for each in ((one, other), (one.values(), other.values()))
            )
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if kind in (set, frozenset) and not all(map(_is_plain_key, one)):
        return _are_equal_sets(list(one), list(other))
    if kind in (*_SIMPLE, set, bytearray) or _is_value(kind):
        return bool(one == other)
    if (kind.__module__, kind.__qualname__) == ("array", "array"):
        return bool((one.typecode, one.tobytes()) == (other.typecode, other.tobytes()))
    if kind is FunctionType:
        # Made by one place in the program: a lambda in a table, or what a factory makes, with all that it holds.
        return one.__code__ == other.__code__ and _equal(_closed_over(one), _closed_over(other))
    if kind in (type, abc.ABCMeta):
        # What a procedure has made by a class statement, or by calling type.
        return one.__qualname__ == other.__qualname__ and _equal(_made_of(one), _made_of(other))
    if kind in (staticmethod, classmethod):
        return _equal(one.__func__, other.__func__)
    if kind is property:
        return all(map(_equal, (one.fget, one.fset, one.fdel), (other.fget, other.fset, other.fdel)))
    if kind in (operator.attrgetter, operator.itemgetter, operator.methodcaller):
        return _equal(one.__reduce__()[1:], other.__reduce__()[1:])
    if kind is functools.partial:
        return _equal((one.func, one.args, one.keywords), (other.func, other.args, other.keywords))
    if _is_type(one):
        return bool(one == other) or (
            kind.__name__ == "NewType"
            and (one.__name__, one.__supertype__) == (other.__name__, other.__supertype__)
        )
    if kind is SimpleNamespace:
        return _equal(vars(one), vars(other))
    if (kind.__module__, kind.__qualname__) == ("re", "Scanner"):
        # What it keeps besides is where it came to when it was used last.
        return _equal(one.lexicon, other.lexicon)
    if _has_plain_fields(kind):
        if not _equal(own_fields(one), own_fields(other)):
            return False
        if sys.getrefcount(one) != sys.getrefcount(other):
            raise _HeldElsewhere
        return True
    return False


def _take_from_bases(cls: type) -> None:
    """Have the bases of a class that is thrown away not name it: they do until the collector comes by."""
    nothing = stand_in(cls) if cls.__bases__ != (object,) else None
    if nothing is not None:
        rebase(cls, (nothing,))


def _closed_over(function: FunctionType) -> tuple[Any, ...]:
    """What a function holds in its cells, without the class that it belongs to."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return tuple(cell_contents(cell) for name, cell in cells if name not in ("__class__", "__classdict__"))


def _made_of(cls: type) -> tuple[Any, ...]:
    """The bases of a class, and what its statement gave it."""
    names = {name: value for name, value in vars(cls).items() if name not in _OF_CLASSES}
    return (cls.__bases__, names)


def _are_equal_sets(items: list[Any], others: list[Any]) -> bool:
    """Whether each of the items, in whatever order, is equal to one of the others: without the hashes that the program gives them."""
    if len(items) != len(others) or len(items) > _MATCHED:
        return False
    for item in items:
        for index, other in enumerate(others):
            if _equal(item, other):
                del others[index]
                break
        else:
            return False
    return True


def _immutable(value: Any) -> bool:
    kind = type(value)
    plain = next((base for base in _UNCHANGEABLE if base in kind.__mro__), None)
    own = plain is not None and kind is not plain
    # Of a class of the program: a version number, an address.
    if own and (own_names(value) or any(vars(cls).get("__slots__") for cls in kind.__mro__)):
        return False
    if plain in (tuple, frozenset):
        return all(map(_immutable, plain.__iter__(value)))
    if plain is not None:
        return True
    return type(value) in _SIMPLE or isinstance(value, _DEFINITIONS) or _is_value(type(value))


def _keeps_state(value: Any) -> bool:
    """Whether a closure or a descriptor has come to hold something: a variable that it counts up, what it has been given for each object."""
    if type(value) is FunctionType:
        return bool(rebound(value.__code__))
    if not hasattr(type(value), "__get__") or type(value).__module__ in ("builtins", "functools"):
        return False
    for held in own_names(value).values():
        if type(held).__module__ == "weakref" and type(held).__name__.startswith("Weak") and len(held):
            return True
        if type(held) is dict and not all(type(key) in _SIMPLE or isinstance(key, type) for key in held):
            return True
    return False


def _is_type(value: Any) -> bool:
    """Whether it is a type as annotations use it (``list[int]``, a NewType), and no class: it doesn't change once it is made."""
    return is_a(value, FIXED) or type(value).__module__ == "typing"


def _is_plain_key(key: Any) -> bool:
    """Whether a key is found by what it is, without the program's code: also a tuple of such, as state machines have them."""
    kind = type(key)
    if kind is tuple:
        return all(map(_is_plain_key, key))
    if issubclass(type(kind), EnumMeta):
        own = [base for base in kind.__mro__[: kind.__mro__.index(Enum)] if base not in _SIMPLE]
        return not any(word in vars(base) for base in own for word in ("__eq__", "__hash__"))
    return kind in _SIMPLE or kind is type


def is_plain(value: Any) -> bool:
    """Whether it is a number, a text or a container."""
    return type(value) in (*_SIMPLE, list, dict, set, tuple, bytearray)


def _is_value(kind: type) -> bool:
    """Whether objects of ``kind`` can't change, and their equality is the library's."""
    return kind.__module__ in _VALUES or (kind.__module__, kind.__qualname__) == ("re", "Pattern")


def _can_repeat(row: dict[str, Any], real: dict[str, Any]) -> bool:
    """Whether what a statement calls is what it seems to be by its names."""
    makers = row.get("makers", ())
    library = (name for name in row.get("calls", ()) if name not in makers)
    kinds = (_is_record, _is_made_of_fields, _is_container)
    return all(any(kind(real.get(name)) for kind in kinds) for name in makers) and all(
        _of_the_library(real.get(name, len)) for name in library
    )


def _is_record(value: Any) -> bool:
    """Whether a class is a named tuple as the library makes it: to make one of its objects has no other effect."""
    made = getattr(value, "__new__", None)
    return (
        isinstance(value, type)
        and issubclass(value, tuple)
        and "__init__" not in vars(value)
        and str(getattr(made, "__module__", "")).startswith("namedtuple_")
    )


def _is_made_of_fields(value: Any) -> bool:
    """Whether a class is a dataclass as the library makes it: making one of its objects has no other effect."""
    if type(value) is not type or value.__new__ is not _PLAIN_NEW:
        return False
    params = vars(value).get("__dataclass_params__")
    if params is None or not params.init or hasattr(value, "__post_init__"):
        return False
    made = vars(value).get("__init__")
    if type(made) is not FunctionType or made.__code__.co_filename != "<string>":
        return False
    library = sys.modules["dataclasses"]
    factories = (library.MISSING, list, dict, set, tuple)
    return all(
        any(field.default_factory is known for known in factories) and not _computes(value, name)
        for name, field in _fields(value).items()
    )


def _has_plain_fields(kind: Any) -> bool:
    """Whether the objects of a class are nothing but their fields, and made and changed as any object."""
    line = kind.__mro__[:-1]
    return (
        type(kind) in (type, abc.ABCMeta)
        and kind.__new__ is _PLAIN_NEW
        and kind.__setattr__ is _PLAIN_SET
        and all(cls.__flags__ & HEAP for cls in line)
        and all("__del__" not in vars(cls) or takes_away_room(vars(cls)["__del__"]) for cls in line)
    )


def _is_container(value: Any) -> bool:
    """Whether a class is a built-in container to which a ``class`` statement has given other methods, but not another way to be made."""
    base = next((b for b in _CONTAINERS if isinstance(value, type) and issubclass(value, b)), None)
    return (
        base not in (None, value)
        and type(value).__call__ is type.__call__
        and value.__new__ is base.__new__
        and value.__init__ is base.__init__
        and not any(isinstance(v, MemberDescriptorType) for c in value.__mro__ for v in vars(c).values())
    )


def _inside(value: Any) -> Any:
    """What an object of a subclass of a built-in container holds, without its methods."""
    base = next(b for b in _CONTAINERS if isinstance(value, b))
    return dict(dict.items(value)) if base is dict else base(base.__iter__(value))


def _held(value: Any) -> set[str]:
    """The fields that an object holds, and what it was given besides."""
    kind = type(value)
    slots = {name for name in _fields(kind) if isinstance(getattr(kind, name, None), MemberDescriptorType)}
    own: dict[str, Any] = object.__getattribute__(value, "__dict__") if kind.__dictoffset__ else {}
    return {name for name in slots if hasattr(value, name)} | own.keys()


def _computes(cls: type, name: str) -> bool:
    """Whether an attribute is a descriptor, other than a slot, which may keep its value elsewhere."""
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    return hasattr(type(found), "__set__") and not isinstance(found, MemberDescriptorType)


def _fields(kind: type) -> dict[str, Any]:
    found: dict[str, Any] = vars(kind)["__dataclass_fields__"]
    return {
        name: field for name, field in found.items() if field._field_type is sys.modules["dataclasses"]._FIELD
    }


def _of_the_library(value: Any) -> bool:
    """Whether what a statement calls is the standard library's, and not one of the program's own by the same name."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(name).partition(".")[0].lstrip("_") in _LIBRARY
