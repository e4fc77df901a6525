"""Replacing a class that can't be changed in place: the new class stands wherever the old one stood, from one instant on.

CPython can't give a class another layout (it becomes a metaclass, derives from another built-in type, or its objects get a dictionary). So
the class that its new statement has made takes its place, and so do copies of its subclasses; what takes the place of its objects is the business
of :mod:`~podus.updating.become`. What refers to the old ones is found by asking the collector, and counted: at the instant of the switch each
has as many references as were found, and every one is one that can be changed; else nothing is done. So nothing is ever half
replaced. Methods go on as the same function objects.
"""

from __future__ import annotations

import enum
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

from podus.errors import Refused
from podus.threads import get_ident
from podus.updating.bases import layout
from podus.updating.become import StandIns
from podus.updating.binding import each_frame
from podus.updating.held import own_names
from podus.updating.kept import Kept
from podus.updating.listing import around, holding_any, tracked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from podus.updating.binding import Op

# How often it is tried at an instant at which somebody holds a reference that can't be seen: a thread that is just using the class.
_TRIES = 400
# Seconds after which it is not tried again: where much runs, each try takes long.
_PATIENCE = 10.0
# For so many tries counts one at which all threads stand where they stood: the next would see the same.
_STANDING = 4
_HEAP = 1 << 9
# How many tuples within tuples are looked through.
_DEEP = 4
_FRESH = ("__dict__", "__weakref__", "_abc_impl")


class _NoAlias:
    """In place of typing's own, where the program doesn't use it."""


def needs_replacing(old: type, new: type) -> bool:
    """Whether ``old`` can't be made what ``new`` is where it is, because its layout is another and not for its slots alone."""
    if isinstance(old, enum.EnumMeta) or isinstance(new, enum.EnumMeta):
        return False
    if layout(type(old)) != layout(type(new)):
        return True
    if layout(old) == layout(new):
        return False
    names = [[(base.__module__, base.__qualname__) for base in cls.__bases__] for cls in (old, new)]
    if names[0] != names[1]:
        return True
    slots = [vars(cls).get("__slots__", ()) for cls in (old, new)]
    words = [{one} if isinstance(one, str) else set(one) for one in slots]
    return bool((words[1] - words[0]) & {"__dict__", "__weakref__"})


def copy_of(cls: type, bases: tuple[type, ...]) -> type:
    """A class with the parts of ``cls``, the same objects, and other bases. Raises Refused where making it would run code of the program."""
    where = f"{cls.__module__}:{cls.__qualname__}"
    meta: type = max((type(base) for base in bases), key=lambda kind: len(type.mro(kind)), default=type)
    hooked = any("__init_subclass__" in vars(base) for one in bases for base in one.__mro__[:-1])
    if hooked or meta not in (type, type(bases[0])) or meta.__name__ not in ("type", "ABCMeta"):
        raise Refused(
            f"{where} has to be made again with its base, which runs hooks of others", "restart for this one"
        )
    slots = {name for name, value in vars(cls).items() if isinstance(value, MemberDescriptorType)}
    names = {name: value for name, value in vars(cls).items() if name not in _FRESH and name not in slots}
    made: type = type.__new__(meta, cls.__name__, bases, names)
    made.__qualname__ = cls.__qualname__
    if meta is not type:
        from _abc import _abc_init  # type: ignore[import-not-found]

        _abc_init(made)
    return made


class Replacement:
    """The classes that an update replaces. ``old`` and ``new`` go by position; ``back`` swaps them."""

    def __init__(self) -> None:
        self.old: list[type] = []
        self.new: list[type] = []
        self.notes: list[str] = []
        # The ids of tuples, lists and dictionaries that are the update's own.
        self.ours: dict[int, Any] = {}
        # Names that the same switch gives another value, by the ids of their modules or classes.
        self.overwritten: set[tuple[int, str]] = set()
        # Names of data that is kept, and what a person calls it.
        self.kept: dict[tuple[int, str], str] = {}
        # What objects held that there was no room for.
        self.aside = Kept(())
        self.is_way_back = False
        # Whether tuples have to be replaced, too: these are looked for only then.
        self.through_tuples = False
        self._stand_ins: StandIns | None = None
        self._tries = 0
        self._since = 0.0
        self._stood: set[tuple[int, int]] = set()

    def __bool__(self) -> bool:
        return bool(self.old)

    def add(self, old: type, new: type) -> None:
        """Have ``new`` take the place of ``old``."""
        self.old.append(old)
        self.new.append(new)

    def has(self, old: Any, new: Any) -> bool:
        """Whether ``new`` takes the place of ``old``."""
        return any(a is old and b is new for a, b in zip(self.old, self.new, strict=True))

    def of(self, cls: Any) -> Any:
        """What takes the place of a class; itself if nothing does."""
        return next((b for a, b in zip(self.old, self.new, strict=True) if a is cls), cls)

    def reversed(self) -> Replacement:
        """The way back."""
        back = Replacement()
        back.old, back.new = list(self.new), list(self.old)
        back.aside = self.aside
        back.is_way_back = True
        back.through_tuples = self.through_tuples
        return back

    def check(self) -> None:
        """Raises Refused, naming it, if something holds one of the classes that can't be made to hold another."""
        if _Search(self, back=False).blocked:
            # It may be garbage that nobody has looked at yet.
            gc.collect()
            self.through_tuples = True
            found = _Search(self, back=False)
            blocked, resets = found.blocked, found.resets
            # Who looks into the error later must not hold what was found.
            del found
            if blocked:
                raise self._refusal(blocked, resets)

    def ready(self, *, back: bool) -> Ready | None:
        """What replaces every reference there is now. None if there are some at the moment that can't be seen.

        Raises Refused where that doesn't pass, or something that holds a class can't be changed.
        """
        if not self._tries:
            self._since = time.monotonic()
        found = _Search(self, back=back)
        if not found.blocked:
            again = _Accounts(found.targets)
            if again.ids - set(found.ours) <= found.accounts.ids and not any(again.hidden):
                self._tries = 0
                seconds = max(found.accounts.seconds, again.seconds)
                self._stand_ins = found.stand_ins
                found.ops[:0] = found.stand_ins.fill(found.table)
                return Ready((found, again), found.ops, found.targets, seconds)
        blocked, targets = found.blocked, found.targets
        self.through_tuples = self.through_tuples or found.in_tuples
        del found
        stand, before = _stand(), self._stood
        self._stood = stand
        self._tries += _TRIES // 10 if blocked else _STANDING if stand == before else 1
        if self._tries > _TRIES or time.monotonic() > self._since + _PATIENCE:
            self._tries = 0
            # Who can be told by a procedure comes first: of a thread's objects the collector may show what is there for an instant.
            raise self._refusal([*_in_frames(targets), *blocked] or ["something that can't be seen"])
        if blocked:
            # It may be garbage that nobody has looked at yet.
            gc.collect()
        return None

    def forget(self) -> None:
        """What was ready is not carried out."""
        self._stand_ins = None

    def settle(self, *, back: bool) -> list[Op]:
        """What has been missed: nothing, or a reference that moved at the last moment."""
        stand_ins, self._stand_ins = self._stand_ins, None
        if stand_ins is not None:
            stand_ins.keep_aside()
        return _Search(self, back=back, stand_ins=stand_ins).ops

    def _refusal(self, blocked: list[str], resets: Iterable[str] = ()) -> Refused:
        names = ", ".join(f"{cls.__module__}:{cls.__qualname__}" for cls in self.old[:3])
        return Refused(
            f"{names} can't be changed in place (its objects need another layout), nor replaced: "
            f"it is held by {', '.join(dict.fromkeys(blocked))}",
            " ".join(f"--reset {name}" for name in dict.fromkeys(resets)) or "restart for this one",
        )


class Ready:
    """The operations of a replacement, and at how many references to each of ``targets`` they are complete.

    ``seconds`` is how long the program was held up, at the longest, to find them.
    """

    def __init__(self, searches: Any, ops: list[Op], targets: list[Any], seconds: float) -> None:
        # Kept, as what they hold is counted.
        self._searches = searches
        self.ops = ops
        self.targets = targets
        self.seconds = seconds
        self.counts = list(map(sys.getrefcount, targets))


def _values(holder: Any) -> Iterable[Any]:
    """What a container holds, or an object by name, where that can be changed."""
    if isinstance(holder, dict):
        return list(holder.values())
    if isinstance(holder, list | deque):
        return list(holder)
    if isinstance(holder, CellType):
        return [holder.cell_contents]
    if isinstance(holder, type | FunctionType | GeneratorType | FrameType):
        return ()
    return [*own_names(holder).values(), *(held for _, held in _filled_slots(holder))]


def _filled_slots(holder: Any) -> Iterator[tuple[MemberDescriptorType, Any]]:
    """The slots in which an object holds something, each with that."""
    for base in (base for base in type(holder).__mro__ if base.__flags__ & _HEAP):
        for slot in vars(base).values():
            if isinstance(slot, MemberDescriptorType):
                try:
                    yield slot, slot.__get__(holder)
                except AttributeError:
                    continue


class _Probe:
    """What nobody else refers to: what looking itself adds is seen at it."""


class _Accounts:
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


class _Search:
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
        self._family = [c for t in classes for c in (t, *_below(t))]
        if replacement.through_tuples:
            self._in_tuples()
        own = (replacement.old, replacement.new, self.table, self._family, self.targets, known.old, known.new)
        self.ours |= {id(v): 0 for v in own}
        # What they hold goes over to those that take their place.
        self.ours |= dict.fromkeys(known.own, 0)
        self.ours |= {id(one): 0 for one in known.old}
        self.accounts = _Accounts(self.targets)
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
        """Tuples that hold them can't be changed, but be replaced where they are held by something that can.

        A tuple is taken only from what holds it: by then it has been made.
        """
        ids, todo = set(self.table), set(self.table)
        for _ in range(_DEEP):
            todo = around(frozenset(todo))[1] - ids
            ids |= todo
        ids -= self.table.keys()
        ids -= {id(part) for cls in self._family for part in (cls.__mro__, cls.__bases__)}
        for holder in around(frozenset(ids))[0] if ids else ():
            for value in _values(holder):
                if type(value) is tuple and id(value) in ids:
                    self._stand_in(value, ids)

    def _stand_in(self, value: Any, ids: set[int]) -> Any:
        new = self.table.get(id(value), value)
        if new is value and type(value) is tuple and id(value) in ids:
            new = self.table[id(value)] = tuple(self._stand_in(item, ids) for item in value)
            self.targets.append(value)
        return new

    # ---- what holds them

    def _holder(self, holder: Any) -> None:
        kind = type(holder)
        if id(holder) in self.ours or kind.__module__.startswith("podus."):
            return
        if isinstance(holder, FrameType) and str(holder.f_globals.get("__name__")).startswith("podus."):
            # Somebody has asked for all stacks: what our own frames hold is an object of the collector's from then on.
            return
        if id(holder) in self.stand_ins.why:
            return
        if isinstance(holder, type):
            if not any(holder is cls for cls in self._family):
                self.blocked.append(f"the class {holder.__qualname__}")
        elif isinstance(holder, dict):
            self._dictionary(holder)
        elif isinstance(holder, list):
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
        elif isinstance(holder, GetSetDescriptorType | MemberDescriptorType):
            if id(holder.__objclass__) not in self.table:
                self.blocked.append(f"the descriptor {holder.__name__}")
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
        look = _Accounts(asked)
        of_ours = (value for value in self.ours.values() if type(value) is tuple)
        tuples = 1 + sum(list(map(id, value)).count(ident) for value in of_ours)
        if look.hidden != [0] or look.from_tuples[0] > tuples:
            return None
        found = set()
        for holder in look.holders.values():
            if id(holder) in self.ours or holder is asked or type(holder).__module__.startswith("podus."):
                continue
            names = holder if isinstance(holder, dict) else {}
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
        for value in self.targets:
            # Those that are replaced themselves.
            for item in value if type(value) is tuple else ():
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
        now = _Accounts(self.targets)
        for ident, tuples in zip(left, now.from_tuples, strict=True):
            left[ident] += tuples - counted[ident] - own_since[ident]
        for names in [vars(module) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]:
            self._tuples_in(names, None, left)
        for cls in list(self._classes.values()):
            if id(cls) not in self.table:
                self._tuples_in(dict(vars(cls)), cls, left)
        alias = getattr(sys.modules.get("typing"), "_GenericAlias", _NoAlias)
        found, _ = tracked(frozenset(map(id, (FunctionType, alias, *_below(alias)))))
        for holder in found:
            if isinstance(holder, FunctionType):
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
    return isinstance(key, type | MethodType) or type(key).__hash__ is plain


def _namespaces() -> dict[int, type]:
    """The dictionaries behind all classes: these are changed through their class, which remembers what it has looked up."""
    found: dict[int, type] = {}
    for cls in (object, *_below(object)):
        for inner in gc.get_referents(type.__dict__["__dict__"].__get__(cls)):
            found[id(inner)] = cls
    return found


def _below(cls: type) -> Iterable[type]:
    found: dict[int, type] = {}
    todo = [cls]
    while todo:
        below: list[type] = type.__subclasses__(todo.pop())
        for other in below:
            if id(other) not in found:
                found[id(other)] = other
                todo.append(other)
    return found.values()


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
    if not isinstance(ref.__callback__, type(len)):
        return False
    from _abc import _get_dump

    abstract = [c for c in _below(object) if "_abc_impl" in vars(c)]
    return not any(ref in _get_dump(cls)[0] for cls in abstract)


def _told(holder: Any) -> str:
    kind = type(holder)
    if isinstance(holder, MethodType):
        return f"the bound method {holder.__func__.__qualname__}"
    if isinstance(holder, GeneratorType) or hasattr(kind, "cr_frame"):
        return f"{holder.__qualname__}, which is suspended"
    if isinstance(holder, FrameType):
        return f"a frame of {holder.f_code.co_qualname}"
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"an object of {name}"


def _stand() -> set[tuple[int, int]]:
    """Where all threads but this one stand."""
    here = get_ident()
    return {(id(top), top.f_lasti) for ident, top in sys._current_frames().items() if ident != here}


def _in_frames(targets: list[Any]) -> list[str]:
    """The procedures on the stacks with a local variable that holds one of the classes or objects."""
    found: list[str] = []
    ids = set(map(id, targets))
    for _, frame in each_frame():
        if not frame.f_globals.get("__name__", "").startswith("podus."):
            names = [name for name, value in list(frame.f_locals.items()) if id(value) in ids]
            if names and frame.f_code.co_name != "<module>":
                found.append(f"{names[0]} in {frame.f_code.co_qualname}, which is active")
    return found
