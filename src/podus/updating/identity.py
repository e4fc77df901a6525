"""Where a definition that was made again has got to: everywhere there, the one that is kept takes its place.

A class or function statement that runs again makes an object that is thrown away once its parts are in the one that was there before
(:mod:`podus.updating.graft`). But a decorator or ``__init_subclass__`` may have put it into a registry, a table that was assigned anew may
hold it, a new class may derive from it. They all get the kept one, so that there is one object of each name as before.
"""

from __future__ import annotations

import enum
import functools
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from gc import get_referents
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType

from podus.updating.aliases import is_alias, with_others
from podus.updating.annotated import OWN
from podus.updating.bases import rebase, stand_in
from podus.updating.become import stand_in_for
from podus.updating.binding import can_become
from podus.updating.breath import Breath, let_go
from podus.updating.find import cell_contents, own_definition
from podus.updating.graft import renamed_member, renumbered
from podus.updating.held import each_slot, is_a, module_of, own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from podus.updating.slots import Room

# So many objects are looked at; a program's registries lie near its modules.
AT_MOST = 200_000
_NEVER = (ModuleType, CodeType, FrameType, type(None))
# Objects of the program's own kinds of these may hold something.
_PLAIN = frozenset({str, bytes, int, float, bool})


def is_ours(value: Any) -> bool:
    """Whether it is an object of podus: a program that updates itself holds its updates, and they what was staged."""
    return module_of(type(value)).startswith("podus.")


def is_leaf(value: Any) -> bool:
    """Whether nothing that matters is in it: it is not looked into."""
    return type(value) in _PLAIN or is_a(value, _NEVER)


class Identity:
    """Which objects are thrown away, and what is kept in place of each."""

    def __init__(self, program: set[str]) -> None:
        self.program = program
        self._pairs: dict[int, tuple[Any, Any]] = {}
        self._made: dict[int, Any] = {}
        # Which of these are data: nothing of them goes into what is kept.
        self.data: set[int] = set()
        self._seen: dict[int, Any] = {}
        # Lists, and what has come into them out of others under the same key, by their ids.
        self.joined: set[tuple[int, int]] = set()
        self.notes: list[str] = []
        # Whether a value is no version of what was there, but another definition.
        self.is_other: Callable[[Any, Any], bool] = lambda before, value: False
        # By kept class: room for slots that its objects are going to have and their layout has no place for.
        self.rooms: Mapping[type, Mapping[str, Room]] = {}
        # Objects that can't be given the class that is kept: they stay of the one that is thrown away.
        self._left: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._pairs)

    def keep(self, old: Any, new: Any) -> None:
        """Note that ``old`` goes on in place of ``new``; of two classes, what they have under one name as well."""
        if old is new or id(new) in self._pairs:
            return
        self._pairs[id(new)] = (new, old)
        self._made[id(old)] = new
        made: Any = new
        if is_a(old, enum.EnumMeta) and is_a(new, enum.EnumMeta):
            for name, member in made._member_map_.items():
                before = old._member_map_.get(name)
                if before is None and member._name_ == name:
                    before = renamed_member(old, made, member)
                if before is not None and (made._member_type_ is object or before._value_ == member._value_):
                    self._pairs[id(member)] = (member, before)
            if issubclass(made, enum.Flag) and not renumbered(old, made):
                # Combinations of members exist once, too.
                for value, combined in made._value2member_map_.items():
                    before = old._value2member_map_.get(value)
                    if before is not None and combined._name_ not in made._member_map_:
                        self._pairs[id(combined)] = (combined, before)
        elif is_a(old, type) and is_a(new, type):
            going = vars(old).keys() - vars(new).keys()
            for name, value in list(vars(new).items()):
                if name in OWN:
                    continue
                self.keep_part(own_definition(vars(old), name, going), value)

    def keep_data(self, old: Any, new: Any) -> None:
        """Note that ``old`` goes on in place of ``new``, as it is."""
        self._pairs[id(new)] = (new, old)
        self.data.add(id(new))

    def keep_part(self, before: Any, value: Any) -> None:
        """Note what a class has had under one name, if it goes on in place of what its new statement has made."""
        if self.is_other(before, value):
            return
        if type(before) is type(value) and is_a(before, staticmethod | classmethod):
            # (`static = staticmethod(f)` may name another definition now.)
            if getattr(before, "__qualname__", before) == getattr(value, "__qualname__", value):
                self.keep_part(before.__func__, value.__func__)
            return
        functions = is_a(before, FunctionType) and is_a(value, FunctionType)
        if (is_a(before, type) and is_a(value, type)) or (functions and can_become(before, value)):
            self.keep(before, value)

    def classes(self) -> list[type]:
        """The classes that are kept."""
        return [old for _, old in self._pairs.values() if is_a(old, type)]

    def namespaces(self) -> list[dict[str, Any]]:
        """What the classes have under their names that are thrown away: their own dictionaries."""
        classes = [new for new, _ in self._pairs.values() if is_a(new, type)]
        return [names for cls in classes for names in get_referents(vars(cls)) if type(names) is dict]

    def of(self, value: Any) -> Any:
        """What stands for ``value`` from now on: itself, what is kept in its place, or a tuple, frozenset or bound method in which that is done."""
        pair = self._pairs.get(id(value))
        if pair is not None:
            return pair[1]
        if type(value) in (tuple, frozenset):
            items = list(value)
            kept = list(map(self.of, items))
            return value if all(a is b for a, b in zip(kept, items, strict=True)) else type(value)(kept)
        cls = self._pairs.get(id(type(value)))
        if cls is not None and not is_a(value, enum.Enum):
            return self._of_kept_class(value, cls[1])
        if is_alias(value):
            return with_others(value, self.of)
        if type(value) is MethodType and id(value.__self__) in self._pairs:
            return MethodType(self.of(value.__func__), self.of(value.__self__))
        return value

    def _of_kept_class(self, value: Any, cls: type) -> Any:
        """An object of a class that is thrown away, as one of the class that is kept: the same one if it can be given that."""
        if id(value) in self._left:
            return value
        if is_a(value, tuple):
            # A named tuple can't be given another class.
            made: Any = tuple.__new__(cls, map(self.of, tuple.__iter__(value)))
        else:
            try:
                object.__setattr__(value, "__class__", cls)
            except TypeError:
                # Another layout, or another metaclass.
                made = stand_in_for(value, cls, self.rooms)
            else:
                return value
        if made is None:
            self._left.add(id(value))
            self.notes.append(f"an object of {cls.__qualname__} is of the class as it was made anew")
            return value
        self._pairs[id(value)] = (value, made)
        self.data.add(id(value))
        return made

    def made(self, old: Any) -> Any:
        """What was made in place of ``old``; itself if nothing was."""
        return self._made.get(id(old), old)

    def forget(self) -> None:
        """Take what is thrown away out of its bases' lists of subclasses, and let go of what was only looked at."""
        let_go(self._seen)
        classes = [new for new, _ in self._pairs.values() if is_a(new, type) and not is_a(new, enum.EnumMeta)]
        # Those below first: they are put in order again whenever a base of theirs gets other bases.
        for new in sorted(classes, key=lambda cls: -len(cls.__mro__)):
            if new.__bases__ != (object,):
                nothing = stand_in(new)
                if nothing is not None:
                    rebase(new, (nothing,))

    def spread(self, roots: Iterable[Any]) -> None:
        """Follow ``roots``, and put what is kept wherever something that is thrown away is found."""
        breath = Breath()
        todo = list(roots)
        while todo and len(self._seen) < AT_MOST:
            value = todo.pop()
            if is_leaf(value) or id(value) in self._seen or is_ours(value):
                continue
            self._seen[id(value)] = value
            if len(self._seen) % 64 == 0:
                breath()
            todo += self._inside(value)

    def _inside(self, value: Any) -> Iterable[Any]:
        """Put right what ``value`` holds; returns what to look into next."""
        if is_a(value, dict):
            return self._dictionary(value)
        if is_a(value, list | deque):
            return self._sequence(value)
        if is_a(value, set):
            for item in [item for item in set.__iter__(value) if self.of(item) is not item]:
                set.discard(value, item)
                set.add(value, self.of(item))
            return list(set.__iter__(value))
        if is_a(value, tuple):
            return list(tuple.__iter__(value))
        if is_a(value, frozenset):
            return list(frozenset.__iter__(value))
        if is_a(value, FunctionType):
            return self._function(value)
        if is_a(value, type):
            return self._class(value)
        if is_a(value, staticmethod | classmethod | MethodType):
            return (value.__func__,)
        if is_a(value, property):
            return (value.fget, value.fset, value.fdel)
        if type(value) is functools.partial:
            return self._partial(value)
        return self._object(value)

    def _dictionary(self, value: dict[Any, Any]) -> Iterable[Any]:
        # What the program's own kinds do when they are read is not asked for.
        thrown_away = any(self.of(key) is not key for key in list(dict.keys(value)))
        there = {id(old) for _, old in self._pairs.values()} if thrown_away else set[int]()
        if thrown_away and there.isdisjoint(map(id, list(dict.keys(value)))):
            # A table that was just made: nobody else has it yet, and it keeps its order.
            items = [(self.of(key), self.of(item)) for key, item in value.items()]
            value.clear()
            value.update(items)
            return list(dict.values(value))
        for key, item in list(dict.items(value)):
            kept = self.of(item)
            if kept is not item:
                dict.__setitem__(value, key, kept)
            if self.of(key) is not key:
                self._put(value, self.of(key), kept)
                value.pop(key, None)
        return list(dict.values(value))

    def _put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Put into a table what statements have put there under a key that goes on as this one; into a list that is there already (``handlers[event]``) what theirs has."""
        there = dict.get(table, key)
        if type(there) is list and type(value) is list:
            there += [item for item in value if not any(item is other for other in there)]
            self.joined |= {(id(there), id(self.of(item))) for item in value}
        elif (type(there) is set and type(value) is set) or (type(there) is dict and type(value) is dict):
            there.update(value)
        else:
            dict.__setitem__(table, key, value)

    def _sequence(self, value: list[Any] | deque[Any]) -> Iterable[Any]:
        again = []
        kind: Any = list if is_a(value, list) else deque
        for index, item in enumerate(list(kind.__iter__(value))):
            kept = self.of(item)
            if kept is not item:
                value[index] = kept
                # A hook has appended what was there already.
                if id(item) in self._pairs and any(
                    other is kept for other in list(kind.__iter__(value))[:index]
                ):
                    again.append(index)
        for index in reversed(again):
            del value[index]
        return list(kind.__iter__(value))

    def _function(self, value: FunctionType) -> Iterable[Any]:
        defaults = self.of(value.__defaults__)
        if defaults is not value.__defaults__:
            value.__defaults__ = defaults
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        # A class's own dictionary is the class's business.
        followed = [cell for name, cell in cells if name != "__classdict__"]
        for cell in followed:
            for held in cell_contents(cell):
                if self.of(held) is not held:
                    cell.cell_contents = self.of(held)
        inner = [held for cell in followed for held in cell_contents(cell)]
        return [value.__defaults__, value.__kwdefaults__, value.__dict__, *self._annotations(value), *inner]

    def _annotations(self, value: FunctionType) -> Iterable[Any]:
        """The annotations that a function has (up to Python 3.13, or as somebody has asked for them); it is not made to have any."""
        function: Any = value
        known = (value.__globals__, function.__builtins__, value.__defaults__, value.__closure__)
        others = set(map(id, known))
        held = [one for one in get_referents(value) if type(one) in (dict, tuple) and id(one) not in others]
        # Until they are asked for they are (name, annotation, name, …).
        if any(type(one) is tuple and self.of(one) is not one for one in held):
            return (value.__annotations__,)
        return held

    def _partial(self, value: Any) -> Iterable[Any]:
        function, arguments = self.of(value.func), self.of(value.args)
        if function is not value.func or arguments is not value.args:
            # With a dictionary, though it be empty, another partial of it would not be made of its parts any more.
            value.__setstate__((function, arguments, value.keywords, vars(value) or None))
        return (value.func, value.args, value.keywords)

    def _class(self, value: type) -> Iterable[Any]:
        if module_of(value) not in self.program:
            return ()
        thrown_away = self._pairs.get(id(value))
        if thrown_away and is_a(value, enum.EnumMeta):
            return ()
        names = dict(type.__getattribute__(value, "__dict__"))
        for name, item in names.items():
            kept = self.of(item)
            # Its own parts go into those of the class that is kept.
            if kept is item or (thrown_away and vars(thrown_away[1]).get(name) is kept):
                continue
            type.__setattr__(value, name, kept)
        bases = tuple(map(self.of, value.__bases__))
        if thrown_away is None and bases != value.__bases__ and not rebase(value, bases):
            self.notes.append(
                f"{value.__module__}:{value.__qualname__} derives from a class as it was made anew"
            )
        # What a call has made of such a class to derive from (`class C(variant_of(Base))`).
        made = [base for base in value.__bases__ if any(id(c) in self._pairs for c in base.__mro__[1:])]
        return [*vars(value).values(), *made]

    def _slots(self, value: Any) -> None:
        for _, slot in each_slot(type(value)):
            try:
                item = slot.__get__(value, type(value))
            except AttributeError:
                continue
            if self.of(item) is not item:
                slot.__set__(value, self.of(item))

    def _object(self, value: Any) -> Iterable[Any]:
        cls = self._pairs.get(id(type(value)))
        if cls is not None and not is_a(value, enum.Enum):
            if id(value) in self._pairs:
                # Data that another object goes on in place of is looked into as well.
                with suppress(TypeError):
                    object.__setattr__(value, "__class__", cls[1])
            else:
                value = self._of_kept_class(value, cls[1])
        held = get_referents(value)
        if any(self.of(item) is not item for item in held):
            self._dictionary(own_names(value))
            self._slots(value)
        return [item for item in held if not is_a(item, type)]
