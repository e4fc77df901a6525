"""Objects whose class is replaced: for each a new one, of the new class's layout, that takes its place wherever it is held.

Smalltalk's ``become:``, by way of the collector. The new object is made empty beforehand and filled at the instant of the switch, by operations
of C code alone, so that nothing that other threads do in between is lost. No constructor runs: what the new class has more is the business
of the mappers, as for objects that are changed in place.
"""

from __future__ import annotations

import weakref
from collections import deque
from functools import partial
from itertools import chain, repeat, tee
from operator import is_not, itemgetter
from types import GetSetDescriptorType, MemberDescriptorType, MethodType

from podus.updating.bases import layout
from podus.updating.held import each_slot, own_fields, own_names
from podus.updating.kept import Reference
from podus.updating.listing import instances, referring
from podus.updating.slots import Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.kept import Kept

_EMPTY: object = object()
_METHODS = frozenset({id(MethodType)})
# More are not replaced: whatever refers to them is counted, at each try.
MOST = 20_000


class StandIns:
    """The live objects of the classes ``old``, and what takes their place: ``old`` and ``new``, by position.

    ``why`` says by id what can't be carried over, and why. What objects hold that there is no room for goes to ``aside``, and comes from there;
    on the way back (``back``) what can't be kept so is dropped.
    """

    def __init__(self, old: list[type], new: list[type], aside: Kept, *, back: bool) -> None:
        self.old: list[Any] = []
        self.new: list[Any] = []
        self.why: dict[int, tuple[Any, str]] = {}
        # The dictionaries that belong to the objects: what is in them is carried over with these.
        self.own: set[int] = set()
        self._aside = aside
        classes = dict(zip(map(id, old), new, strict=True))
        live = [obj for obj in instances(old)[0] if id(type(obj)) in classes]
        for obj in live:
            cls = classes[id(type(obj))]
            why = f"one of more than {MOST}" if len(live) > MOST else _obstacle(obj, cls, back=back)
            made = None if why else _empty(cls)
            if made is None:
                self.why[id(obj)] = (obj, why or "an object of an abstract class")
                continue
            self.old.append(obj)
            self.new.append(made)
            if _has_names(type(obj)):
                self.own.add(id(own_names(obj)))
        if self.old:
            self._methods()

    def _methods(self) -> None:
        # A bound method can't be told another object: it is replaced as well.
        table = dict(zip(map(id, self.old), self.new, strict=True))
        for method in referring(self.old, _METHODS)[0]:
            if type(method) is MethodType and id(method.__self__) in table:
                self.old.append(method)
                self.new.append(MethodType(method.__func__, table[id(method.__self__)]))

    def fill(self, table: dict[int, Any]) -> list[Op]:
        """What fills the new objects at the instant; ``table`` says by id what stands in for what."""
        pairs = [pair for pair in zip(self.old, self.new, strict=True) if type(pair[0]) is not MethodType]
        return [op for obj, made in pairs for op in _Filling(obj, made, table, self._aside.take(obj)).ops]

    def keep_aside(self) -> None:
        """After the instant: what the new objects have no room for is kept for the way back."""
        for obj, made in zip(self.old, self.new, strict=True):
            lost = {} if type(obj) is MethodType else _lost(obj, type(made))
            if lost:
                self._aside.keep(made, lost)


def stand_in_for(obj: Any, cls: type, rooms: Mapping[type, Mapping[str, Room]]) -> Any:
    """An object of ``cls`` that holds what ``obj`` does, which nobody else uses yet; None if that can't be carried over.

    ``rooms`` is by class what its objects have place for beside themselves before the class shows it.
    """
    coming = {name: room for kind in cls.__mro__ for name, room in rooms.get(kind, {}).items()}
    if _obstacle(obj, cls, back=True) or _lost(obj, cls).keys() - coming.keys():
        return None
    made = _empty(cls)
    if made is not None:
        for operation, *arguments in _Filling(obj, made, {}, {}).ops:
            operation(*arguments)
        for name, value in _lost(obj, cls).items():
            coming[name].__set__(made, value)
    return made


class _Filling:
    """The operations that give ``made`` what ``obj`` holds by then; ``aside`` is what it had no room for."""

    def __init__(self, obj: Any, made: Any, table: dict[int, Any], aside: dict[str, Any]) -> None:
        self.ops: list[Op] = []
        self._table = table
        self._built_in(obj, made)
        there = dict(each_slot(type(made)))
        names = own_names(made) if _has_names(type(made)) else None
        if _has_names(type(obj)):
            self._names(own_names(obj), names, made, there)
        now = {
            name: values
            for name, slot in dict(each_slot(type(obj))).items()
            if (values := _value(obj, name, slot))
        }
        now |= {name: iter([value]) for name, value in aside.items()}
        for name, values in now.items():
            if name in there:
                self._each(partial(there[name].__set__, made), values)
            elif names is not None:
                self._each(partial(dict.__setitem__, names, name), values)

    def _names(
        self, own: dict[str, Any], names: dict[str, Any] | None, made: Any, there: dict[str, Any]
    ) -> None:
        if names is None:
            for name in there.keys() & own.keys():
                self._each(partial(there[name].__set__, made), map(own.get, [name], [_EMPTY]))
            return
        # Asked for its items at the instant, not before.
        one, other = tee(chain.from_iterable(map(dict.items, [own])))
        values = _through(self._table, map(itemgetter(1), other))
        self.ops.append((deque, map(partial(dict.__setitem__, names), map(itemgetter(0), one), values), 0))
        for name in there.keys() & own.keys():
            self._each(partial(there[name].__set__, made), map(own.get, [name], [_EMPTY]))

    def _each(self, store: Callable[[Any], Any], values: Iterator[Any]) -> None:
        there = filter(partial(is_not, _EMPTY), values)
        self.ops.append((deque, map(store, _through(self._table, there)), 0))

    def _built_in(self, obj: Any, made: Any) -> None:
        kind = layout(type(obj))[-1]
        if kind is dict:
            # Past the hashes of the keys, which are the program's code: they are copied.
            self.ops.append((dict.update, made, obj))
        elif kind is list:
            items = chain.from_iterable(map(list.__iter__, [obj]))
            self.ops.append((list.extend, made, _through(self._table, items)))
        elif kind is set:
            self.ops.append((set.update, made, obj))


def _through(table: dict[int, Any], values: Iterator[Any]) -> Iterator[Any]:
    """The values, or what stands in for them."""
    one, other = tee(values)
    return map(dict.get, repeat(table), map(id, one), other)


def _value(obj: Any, name: str, slot: Any) -> Iterator[Any] | None:
    """The value of a slot, asked for when it is iterated; None for one that is empty and can't be asked for without the program's code."""
    if isinstance(slot, Room):
        return map(slot.values.get, [id(obj)], [_EMPTY])
    if not any(
        n in vars(base) for base in type(obj).__mro__[:-1] for n in ("__getattr__", "__getattribute__")
    ):
        return map(getattr, [obj], [name], [_EMPTY])
    try:
        slot.__get__(obj)
    except AttributeError:
        return None
    return map(slot.__get__, [obj])


def _lost(obj: Any, cls: type) -> dict[str, Any]:
    """What an object holds that one of ``cls`` has no room for."""
    if _has_names(cls):
        return {}
    room = dict(each_slot(cls))
    return {name: value for name, value in own_fields(obj).items() if name not in room}


def _obstacle(obj: Any, cls: type, *, back: bool) -> str:
    """Why an object can't be carried over into one of ``cls``; "" if it can."""
    before, after = layout(type(obj))[-1], layout(cls)[-1]
    if before is not after or before not in (object, dict, list, set):
        return f"one that holds what a {before.__name__} does"
    if any("__del__" in vars(base) for one in (type(obj), cls) for base in one.__mro__):
        return "one with a finalizer"
    if any(not isinstance(ref, Reference) for ref in weakref.getweakrefs(obj)):
        return "one that is referred to weakly"
    if before is not object and type(obj).__iter__ is not before.__iter__:
        return "one that is iterated in a way of its own"
    lost = {} if back else _lost(obj, cls)
    if lost and not cls.__weakrefoffset__:
        return f"one whose {next(iter(lost))} there is no room for"
    return ""


def _empty(cls: type) -> Any:
    try:
        return layout(cls)[-1].__new__(cls)
    except TypeError:
        return None


def _has_names(cls: type) -> bool:
    """Whether objects of a class have a dictionary of their own."""
    return cls.__dictoffset__ != 0 and any(
        isinstance(vars(base).get("__dict__"), GetSetDescriptorType | MemberDescriptorType)
        for base in cls.__mro__
    )
