"""Other slots for a class whose objects live: what was added has room beside the objects, what is gone is left empty.

CPython can't give an object another layout, so a slot that is new is a descriptor on the class that keeps the values in a table, by
object; when an object ends, its values go (Linux's livepatch calls these *shadow variables*). Reading such a field costs about a
microsecond until the program is started anew; everything else of the class is as fast as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType, MappingProxyType, MemberDescriptorType

from podus.errors import Refused
from podus.program.operands import STORES_ATTRIBUTE, named
from podus.updating.binding import Switch
from podus.updating.family import with_subclasses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_NOTHING: object = object()
_ACCESS = ("__dict__", "__weakref__")
# The bytes of a reference.
_WORD = tuple.__itemsize__


class Room:
    """A field that an object's layout has no slot for. ``fill`` gives it to an object made before there was one.

    ``default`` is what the class has under the name, for objects that don't have the field: nothing, or one item.
    """

    def __init__(self, name: str, default: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.default = default
        self.values: dict[int, Any] = {}
        self.fill: Callable[[Any, str], None] | None = None
        # The objects that were given one by statements that run before there is a ``__del__`` that would take it from them.
        self.early: list[Any] | None = None

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is None:
            return self._of_class(None, owner) if self.default else self
        try:
            return self.values[id(obj)]
        except KeyError:
            pass
        if self.fill is not None:
            self.fill(obj, self.name)
            if id(obj) in self.values:
                return self.values[id(obj)]
        if self.default:
            return self._of_class(obj, owner)
        raise AttributeError(f"{type(obj).__name__!r} object has no attribute {self.name!r}")

    def _of_class(self, obj: Any, owner: type | None) -> Any:
        bind = getattr(type(self.default[0]), "__get__", None)
        return self.default[0] if bind is None else bind(self.default[0], obj, owner)

    def __set__(self, obj: Any, value: Any) -> None:
        self.values[id(obj)] = value
        if self.early is not None:
            self.early.append(obj)

    def no_longer_early(self) -> None:
        """Let go of the objects that were made early: who of them is held by nobody else ends now."""
        self.early = None

    def __delete__(self, obj: Any) -> None:
        if self.values.pop(id(obj), self) is self:
            raise AttributeError(f"{type(obj).__name__!r} object has no attribute {self.name!r}")


class Filled(Room):
    """A slot of a class that declares it no more and has a ``value`` under its name now: for objects whose slot is empty."""

    def __init__(self, name: str, slot: MemberDescriptorType, value: Any) -> None:
        super().__init__(name, (value,))
        self.slot = slot

    def __get__(self, obj: Any, owner: type | None = None) -> Any:
        if obj is not None:
            try:
                return self.slot.__get__(obj, owner)
            except AttributeError:
                pass
        return self.default[0]

    def __set__(self, obj: Any, value: Any) -> None:
        self.slot.__set__(obj, value)

    def __delete__(self, obj: Any) -> None:
        self.slot.__delete__(obj)


def slots_of(cls: type) -> tuple[str, ...] | None:
    """The slots that a class declares itself; None if it declares none, and its objects have a dictionary."""
    slots = cls.__dict__.get("__slots__")
    if slots is None:
        return None
    return (slots,) if isinstance(slots, str) else tuple(slots)


def slots_into(
    cls: type,
    value: Any,
    members: Mapping[str, Any],
    switch: Switch,
    removals: Switch,
    codes: Iterable[CodeType] = (),
    early: Mapping[str, Room] = MappingProxyType({}),
) -> None:
    """Plan to give ``cls`` the slots ``value`` (None: it declares none any more), after its other attributes.

    ``members`` are what the new version's class holds, ``codes`` what functions among them are going to have: without slots, what these set is what
    there must be room for. ``early`` is the room, by name, that statements have used already.
    ``removals`` is what happens at the very end. Raises Refused where there is no way.
    """
    where = f"{cls.__module__}:{cls.__qualname__}"
    wanted = (value,) if isinstance(value, str) else tuple(value or ())
    has = [name for name in _ACCESS if any(name in base.__dict__ for base in cls.__mro__)]
    for name in set(wanted) & set(_ACCESS) - set(has):
        raise Refused(
            f"{where} gets the slot {name}, and its live objects can't be given one",
            "take it out of __slots__, or restart for this one",
        )
    if "__dict__" not in has:
        names = _names(cls, value, members, codes)
        for name, room in list(vars(cls).items()):
            if isinstance(room, Room) and name not in names:
                removals.delete_class_attribute(cls, name)
        _make_room(cls, rooms_for(cls, value, members, codes) | dict(early), members, switch)
    if value is None:
        switch.delete_class_attribute(cls, "__slots__")
    else:
        switch.set_class_attribute(cls, "__slots__", value)


def slot_names_into(switches: Iterable[Switch], base: Switch) -> None:
    """Plan what ``copyreg`` notes in classes, for whoever copies or pickles their objects, when ``switches`` give some of them other slots."""
    switches = list(switches)
    planned: dict[type, tuple[str, ...]] = {}
    for op in [op for switch in switches for op in switch.do]:
        if op[0] is type.__setattr__ and op[2] == "__slots__":
            planned[op[1]] = (op[3],) if isinstance(op[3], str) else tuple(op[3])
        elif op[0] is type.__delattr__ and op[2] == "__slots__" and not op[1].__dictoffset__:
            # What it declared, and what there is room for beside its objects.
            held = [name for name, value in vars(op[1]).items() if _is_slot(value) or isinstance(value, Room)]
            rooms = [
                other[2]
                for switch in switches
                for other in switch.do
                if other[0] is type.__setattr__ and other[1] is op[1] and isinstance(other[3], Room)
            ]
            planned[op[1]] = tuple(dict.fromkeys([*held, *rooms]))
        elif op[0] is type.__delattr__ and op[2] == "__slots__":
            planned[op[1]] = ()
    for kind in with_subclasses(planned):
        base.do.append((type.__setattr__, kind, "__slotnames__", _slot_names(kind, planned)))
        if "__slotnames__" in vars(kind):
            base.undo.append((type.__setattr__, kind, "__slotnames__", vars(kind)["__slotnames__"]))
        else:
            # Undone from the last to the first.
            base.undo.append((type.__delattr__, kind, "__slotnames__"))
            base.undo.append((type.__setattr__, kind, "__slotnames__", []))


def _slot_names(kind: type, planned: Mapping[type, tuple[str, ...]]) -> list[str]:
    """The names of the slots of ``kind`` when the classes ``planned`` have theirs; as many as there is room for in its objects.

    One with more room than names could not be copied, as nobody would know what is there. Here it is nothing any more, so that a name stands there
    twice: another one would be asked of the class's ``__getattr__``.
    """
    names = [
        _mangled(base, name)
        for base in kind.__mro__
        for name in planned.get(base, slots_of(base) or ())
        if name not in _ACCESS
    ]
    places = (kind.__basicsize__ - object.__basicsize__) // _WORD
    return names + [names[0] if names else "__empty__"] * (places - len(names))


def _is_there(cls: type, name: str) -> bool:
    return any(isinstance(base.__dict__.get(name), MemberDescriptorType | Room) for base in cls.__mro__)


def _is_slot(value: Any) -> bool:
    return isinstance(value, MemberDescriptorType)


def rooms_for(
    cls: type, value: Any, members: Mapping[str, Any], codes: Iterable[CodeType] = ()
) -> dict[str, Room]:
    """Room for what objects of ``cls`` are going to have and their layout has no place for, by name: see :func:`slots_into`."""
    rooms: dict[str, Room] = {}
    if any("__dict__" in base.__dict__ for base in cls.__mro__):
        return rooms
    for name in _names(cls, value, members, codes):
        default = tuple(v for v in (members.get(name, _NOTHING),) if not (v is _NOTHING or _is_slot(v)))
        if not (_is_there(cls, name) or any(hasattr(type(v), "__set__") for v in default)):
            rooms[name] = Room(name, default)
    return rooms


def _names(cls: type, value: Any, members: Mapping[str, Any], codes: Iterable[CodeType]) -> list[str]:
    """The names for which there must be a slot of ``cls``, or room."""
    if value is None:
        return _stored([*(f.__code__ for f in members.values() if isinstance(f, FunctionType)), *codes])
    wanted = (value,) if isinstance(value, str) else tuple(value)
    return [_mangled(cls, name) for name in wanted if name not in _ACCESS]


def _make_room(cls: type, rooms: Mapping[str, Room], members: Mapping[str, Any], switch: Switch) -> None:
    if not rooms:
        return
    for name, room in rooms.items():
        switch.set_class_attribute(cls, name, room)
    before = members.get("__del__") or cls.__dict__.get("__del__")
    end = _end_of(cls, [room.values for room in rooms.values()], before)
    switch.set_class_attribute(cls, "__del__", end)
    switch.do += [(room.no_longer_early,) for room in rooms.values() if room.early is not None]


def _end_of(cls: type, tables: list[dict[int, Any]], before: Any) -> Callable[[Any], None]:
    """What takes an object out of the ``tables`` when it ends, and does what ``before`` or the next class does then."""

    def __del__(self: Any) -> None:
        for table in tables:
            table.pop(id(self), None)
        if before is not None:
            before(self)
        else:
            last = getattr(super(cls, self), "__del__", None)
            if last is not None:
                last()

    return __del__


_END = next(made for made in _end_of.__code__.co_consts if isinstance(made, CodeType))


def takes_away_room(end: Any) -> bool:
    """Whether a ``__del__`` does nothing but what :class:`Room` needs."""
    if not (isinstance(end, FunctionType) and end.__code__ is _END and end.__closure__):
        return False
    return end.__closure__[_END.co_freevars.index("before")].cell_contents is None


def _mangled(cls: type, name: str) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{cls.__name__.lstrip('_')}{name}" if private else name


def _stored(codes: Iterable[CodeType]) -> list[str]:
    """The attributes that some procedures set, on whatever object."""
    return list(dict.fromkeys(name for code in codes for name in named(code, STORES_ATTRIBUTE)))
