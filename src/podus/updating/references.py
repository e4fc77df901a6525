"""What refers to classes and objects that others take the place of, and what has each hold these instead.

The collector is asked, and what it names is counted: references that nothing explains (a variable of a running procedure, what a C extension
holds) are told by their number. Everything that refers is either changed by one operation of C code, or named as what is in the way.
"""

from __future__ import annotations

import functools
import gc
import sys
import time
import weakref
from collections import Counter, deque
from itertools import chain, compress, repeat
from operator import not_, setitem
from types import (
    CellType,
    FrameType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)

from podus.updating.aliases import FIXED, arguments, with_others
from podus.updating.become import StandIns
from podus.updating.family import below
from podus.updating.held import each_slot, is_a, own_names
from podus.updating.listing import around, holding_any, tracked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.replace import Replacement

# How many tuples and aliases within each other are looked through.
_DEEP = 8


class _NoAlias:
    """In place of typing's own, where the program doesn't use it."""


def _have_annotations(ids: set[int]) -> None:
    """Have functions keep the annotations with these ids in a dictionary: up to Python 3.13 it is a tuple, until somebody asks."""
    for function in tracked(frozenset({id(FunctionType)}))[0]:
        known = (function.__defaults__, function.__closure__)
        for part in gc.get_referents(function):
            if type(part) is tuple and id(part) in ids and not any(part is one for one in known):
                function.__annotations__  # noqa: B018  (makes it)


def _values(holder: Any) -> Iterable[Any]:
    """What a container holds, or an object by name, where that can be changed."""
    if is_a(holder, dict):
        return list(holder.values())
    if is_a(holder, list | deque):
        return list(holder)
    if is_a(holder, CellType):
        return [holder.cell_contents]
    if is_a(holder, type | FunctionType | GeneratorType | FrameType):
        return ()
    return [*own_names(holder).values(), *(held for _, held in _filled_slots(holder))]


def _filled_slots(holder: Any) -> Iterator[tuple[MemberDescriptorType, Any]]:
    """The slots in which an object holds something, each with that."""
    for _, slot in each_slot(type(holder)):
        if is_a(slot, MemberDescriptorType):
            try:
                yield slot, slot.__get__(holder)
            except AttributeError:
                continue


class _Probe:
    """What nobody else refers to: what looking itself adds is seen at it."""


class Accounts:
    """What refers to some classes and objects: the objects but for tuples, how often tuples do, and how many references nothing explains."""

    def __init__(self, targets: list[Any]) -> None:
        wanted = [*targets, _Probe()]
        since = time.perf_counter()
        found, tuples = holding_any(wanted)
        # Seconds for which no other thread could run.
        self.seconds = time.perf_counter() - since
        counts = list(map(sys.getrefcount, wanted))
        ids = list(map(id, wanted))
        # An object refers to its class, and is held by the list of those who do.
        holders = chain(chain.from_iterable(map(_referents, found)), map(id, found))
        held = Counter(filter(frozenset(ids).__contains__, holders))
        unexplained = [n - tuples[i] - held[i] for n, i in zip(counts, ids, strict=True)]
        own = unexplained.pop()
        asking = tuples[ids.pop()]
        self.hidden = [n - own for n in unexplained]
        self.from_tuples = [tuples[i] - asking for i in ids]
        self.holders = {id(holder): holder for holder in found}
        # The list of what is wanted is not to be looked at by those who come later.
        del self.holders[id(wanted)]

    @property
    def ids(self) -> set[int]:
        """The ids of the objects."""
        return set(self.holders)


class Search:
    """One look at all that refers to the classes, and to their objects."""

    def __init__(self, replacement: Replacement, *, back: bool, stand_ins: StandIns | None = None) -> None:
        classes = replacement.new if back else replacement.old
        others = replacement.old if back else replacement.new
        self.stand_ins = known = stand_ins or StandIns(
            classes, others, replacement.aside, back=back or replacement.is_way_back
        )
        self.targets: list[Any] = [*classes, *known.old]
        self.table = dict(zip(map(id, self.targets), [*others, *known.new], strict=True))
        self.ops: list[Op] = []
        self.blocked: list[str] = []
        # Whether tuples that were not looked for are in the way.
        self.in_tuples = False
        # The names of kept data that is in the way.
        self.resets: list[str] = []
        self._overwritten = replacement.overwritten
        self._kept = replacement.kept
        self.ours: dict[int, Any] = dict(replacement.ours)
        self._family = [c for t in classes for c in (t, *below(t))]
        if replacement.through_tuples:
            self._in_tuples()
        own = (replacement.old, replacement.new, self.table, self._family, self.targets, known.old, known.new)
        self.ours |= {id(v): 0 for v in own}
        # What they hold goes over to those that take their place.
        self.ours |= dict.fromkeys(known.own, 0)
        self.ours |= {id(one): 0 for one in known.old}
        self.accounts = Accounts(self.targets)
        self.ours[id(self.accounts.holders)] = 0
        self._classes = _namespaces()
        for holder in list(self.accounts.holders.values()):
            self._holder(holder)
        self._tuples()
        for target in classes:
            self.blocked += _weakly(target)
        for ident in known.why:
            self._left(ident, known.why[ident][1])
        self._classes.clear()

    def _in_tuples(self) -> None:
        """Tuples and aliases (``list[C]``) that hold them can't be changed, but be replaced where they are held by something that can.

        A tuple is taken only from what holds it: by then it has been made.
        """
        ids, todo = set(self.table), set(self.table)
        for _ in range(_DEEP):
            if todo:
                holders, tuples = around(frozenset(todo))
                todo = (tuples | {id(holder) for holder in holders if is_a(holder, FIXED)}) - ids
                todo -= self.ours.keys()
                ids |= todo
                del holders
        _have_annotations(ids)
        ids -= self.table.keys()
        ids -= {id(part) for cls in self._family for part in (cls.__mro__, cls.__bases__)}
        for holder in around(frozenset(ids))[0] if ids else ():
            for value in _values(holder):
                if id(value) in ids:
                    self._stand_in(value, ids)

    def _stand_in(self, value: Any, ids: set[int]) -> Any:
        new = self.table.get(id(value), value)
        if new is not value or id(value) not in ids:
            return new
        if type(value) is tuple:
            new = tuple(self._stand_in(item, ids) for item in value)
        elif is_a(value, FIXED):
            new = with_others(value, lambda part: self._stand_in(part, ids))
            # From Python 3.14 on ``C | None`` compares a set of its parts that nobody else sees.
            self.ours |= {id(part): 0 for part in gc.get_referents(value) if type(part) is frozenset}
        else:
            return value
        self.table[id(value)] = new
        self.targets.append(value)
        return new

    # ---- what holds them

    def _holder(self, holder: Any) -> None:
        kind = type(holder)
        if id(holder) in self.ours or kind.__module__.startswith("podus."):
            return
        if is_a(holder, FrameType) and str(holder.f_globals.get("__name__")).startswith("podus."):
            # Somebody has asked for all stacks: what our own frames hold is an object of the collector's from then on.
            return
        if id(holder) in self.stand_ins.why or (is_a(holder, FIXED) and id(holder) in self.table):
            return
        if is_a(holder, type):
            if not any(holder is cls for cls in self._family):
                self.blocked.append(f"the class {holder.__qualname__}")
        elif is_a(holder, dict):
            self._dictionary(holder)
        elif is_a(holder, list):
            self._list(holder)
        elif kind is deque:
            items: list[Any] = []
            self.ours[id(items)] = 0
            swapped = map(dict.get, repeat(self.table), map(id, holder), holder)
            self.ops += [(list.extend, items, swapped), (deque.clear, holder), (deque.extend, holder, items)]
        elif kind is set and all(_is_plain_key(item) for item in holder if id(item) in self.table):
            for item in [item for item in holder if id(item) in self.table]:
                self.ops += [(set.discard, holder, item), (set.add, holder, self.table[id(item)])]
        elif kind is CellType:
            self.ops.append((setattr, holder, "cell_contents", self.table[id(holder.cell_contents)]))
        elif is_a(holder, GetSetDescriptorType | MemberDescriptorType):
            if id(holder.__objclass__) not in self.table:
                self.blocked.append(f"the descriptor {holder.__name__}")
        elif is_a(holder, FunctionType) and id(holder.__defaults__) in self.table:
            self.ops.append((setattr, holder, "__defaults__", self.table[id(holder.__defaults__)]))
        elif kind is functools.partial and id(holder.func) in self.table:
            state = (self.table[id(holder.func)], holder.args, holder.keywords, vars(holder))
            self.ops.append((functools.partial.__setstate__, holder, state))  # type: ignore[attr-defined]
        else:
            self._object(holder)

    def _dictionary(self, names: dict[Any, Any]) -> None:
        owner = self._classes.get(id(names))
        if owner is not None and id(owner) in self.table:
            return
        keys = [key for key in names if id(key) in self.table]
        if keys and (type(names) is not dict or not all(map(_is_plain_key, keys))):
            self.blocked.append(f"a dictionary, as a key ({type(names).__qualname__})")
            return
        for key, value in list(names.items()):
            new = self.table.get(id(value), value)
            if id(key) in self.table:
                self.ops += [
                    (dict.pop, names, key, None),
                    (dict.__setitem__, names, self.table[id(key)], new),
                ]
            elif new is not value:
                if owner is not None:
                    self.ops.append((type.__setattr__, owner, key, new))
                else:
                    self.ops.append((dict.__setitem__, names, key, new))

    def _list(self, items: list[Any]) -> None:
        there = set(map(id, items))
        if any(id(self.table[i]) in there for i in there & self.table.keys()):
            # A hook has put the new class in when it was made.
            kept = compress(items, map(not_, map(self.table.__contains__, map(id, items))))
            self.ops.append((setitem, items, slice(None), kept))
        else:
            # At the instant itself: the places may be others by then.
            swapped = map(dict.get, repeat(self.table), map(id, items), items)
            self.ops.append((setitem, items, slice(None), swapped))

    def _object(self, holder: Any) -> None:
        left = set(_referents(holder)) & self.table.keys()
        for slot, held in _filled_slots(holder):
            if id(held) in left:
                self.ops.append((slot.__set__, holder, self.table[id(held)]))
                left.discard(id(held))
        names = own_names(holder)
        for name, value in list(names.items()):
            if id(value) in self.table:
                self.ops.append((dict.__setitem__, names, name, self.table[id(value)]))
                left.discard(id(value))
        if left:
            self.blocked.append(_told(holder))

    def _left(self, ident: int, why: str) -> None:
        """An object that can't be carried over: it is left alone if all that holds it are names that the same switch gives another value."""
        places = self._names_of(ident)
        if places is not None and places <= self._overwritten:
            return
        self.blocked.append(f"a live object of {type(self.stand_ins.why[ident][0]).__qualname__}, {why}")
        if places is not None:
            self.resets += [self._kept[place] for place in places if place in self._kept]

    def _names_of(self, ident: int) -> set[tuple[int, str]] | None:
        """The names of modules and classes that hold an object; None if anything else does."""
        # In no variable of ours meanwhile: that would count.
        asked = [self.stand_ins.why[ident][0]]
        look = Accounts(asked)
        of_ours = (value for value in self.ours.values() if type(value) is tuple)
        tuples = 1 + sum(list(map(id, value)).count(ident) for value in of_ours)
        if look.hidden != [0] or look.from_tuples[0] > tuples:
            return None
        found = set()
        for holder in look.holders.values():
            if id(holder) in self.ours or holder is asked or type(holder).__module__.startswith("podus."):
                continue
            names = holder if is_a(holder, dict) else {}
            held = [name for name, value in list(names.items()) if id(value) == ident]
            if not held:
                return None
            found |= {(id(self._classes.get(id(holder), holder)), name) for name in held}
        return found

    # ---- tuples

    def _tuples(self) -> None:
        """Replace tuples in namespaces and defaults: a tuple is never asked for by itself, as it may not be made yet."""
        counted = dict(zip(map(id, self.targets), self.accounts.from_tuples, strict=True))
        left = dict(counted)
        # Those that are replaced themselves, or with the alias that they belong to.
        gone = [value if type(value) is tuple else arguments(value) for value in self.targets]
        for value in {id(value): value for value in gone}.values():
            for item in value:
                if id(item) in left:
                    left[id(item)] -= 1
        own = [part for cls in dict.fromkeys(self._family) for part in (cls.__mro__, cls.__bases__)]
        own += [value for value in self.ours.values() if type(value) is tuple]
        for held in {id(value): value for value in own}.values():
            for item in held:
                if id(item) in left:
                    left[id(item)] -= 1
        if not any(n > 0 for n in left.values()):
            return
        # Typing remembers what it was asked for.
        for clean in getattr(sys.modules.get("typing"), "_cleanups", ()):
            clean()
        own_since = Counter(filter(left.__contains__, map(id, chain.from_iterable(self.ops))))
        now = Accounts(self.targets)
        for ident, tuples in zip(left, now.from_tuples, strict=True):
            left[ident] += tuples - counted[ident] - own_since[ident]
        for names in [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]:
            self._tuples_in(names, None, left)
        for cls in list(self._classes.values()):
            if id(cls) not in self.table:
                self._tuples_in(dict(vars(cls)), cls, left)
        alias = getattr(sys.modules.get("typing"), "_GenericAlias", _NoAlias)
        found, _ = tracked(frozenset(map(id, (FunctionType, alias, *below(alias)))))
        for holder in found:
            if is_a(holder, FunctionType):
                new = self._swapped(holder.__defaults__, left)
                if new is not None:
                    self.ops.append((setattr, holder, "__defaults__", new))
            else:
                # type[C] as typing has it: whoever holds it sees the new class.
                names = own_names(holder)
                new = self._swapped(names.get("__args__"), left)
                if new is not None:
                    self.ops.append((dict.__setitem__, names, "__args__", new))
        if any(n > 0 for n in left.values()):
            self.in_tuples = True
            self.blocked.append("a tuple")

    def _tuples_in(self, names: dict[str, Any], owner: type | None, left: dict[int, int]) -> None:
        if id(names) in self.ours:
            return
        for name, value in list(names.items()):
            new = self._swapped(value, left)
            if new is not None and owner is not None:
                self.ops.append((type.__setattr__, owner, name, new))
            elif new is not None:
                self.ops.append((dict.__setitem__, names, name, new))

    def _swapped(self, value: Any, left: dict[int, int]) -> tuple[Any, ...] | None:
        if (
            type(value) is not tuple
            or id(value) in self.table
            or not any(id(item) in self.table for item in value)
        ):
            return None
        if id(value) not in self.ours:
            self.ours[id(value)] = value
            for item in value:
                if id(item) in left:
                    left[id(item)] -= 1
        return tuple(self.table.get(id(item), item) for item in value)


def _referents(holder: Any) -> list[int]:
    return list(map(id, gc.get_referents(holder)))


def _is_plain_key(key: Any) -> bool:
    """Whether a key is found by what it is, without a look at the program's code."""
    plain: Any = object.__hash__
    return is_a(key, type | MethodType) or type(key).__hash__ is plain


def _namespaces() -> dict[int, type]:
    """The dictionaries behind all classes: these are changed through their class, which remembers what it has looked up."""
    found: dict[int, type] = {}
    for cls in (object, *below(object)):
        for inner in gc.get_referents(type.__dict__["__dict__"].__get__(cls)):
            found[id(inner)] = cls
    return found


def _weakly(target: type) -> list[str]:
    """Who holds a class weakly, but for the interpreter itself."""
    found = []
    for ref in weakref.getweakrefs(target):
        for holder in [h for h in gc.get_referrers(ref) if type(h) in (dict, set)]:
            if type(holder) is dict and holder.get(id(target)) is ref:
                continue  # A base's list of its subclasses.
            if type(holder) is set and type(ref) is weakref.ref and _is_cache(ref):
                continue  # What an abstract class has noted about it.
            found.append(f"a weak reference in a {type(holder).__qualname__}")
    return found


def _is_cache(ref: Any) -> bool:
    """Whether it was made by the ``abc`` module, and stands in no registry."""
    if not is_a(ref.__callback__, type(len)):
        return False
    from _abc import _get_dump  # type: ignore[import-not-found]

    abstract = [c for c in below(object) if "_abc_impl" in vars(c)]
    return not any(ref in _get_dump(cls)[0] for cls in abstract)


def _told(holder: Any) -> str:
    kind = type(holder)
    if is_a(holder, MethodType):
        return f"the bound method {holder.__func__.__qualname__}"
    if is_a(holder, GeneratorType) or hasattr(kind, "cr_frame"):
        return f"{holder.__qualname__}, which is suspended"
    if is_a(holder, FrameType):
        return f"a frame of {holder.f_code.co_qualname}"
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"an object of {name}"
