"""Replacing a class that can't be changed in place: the new class stands wherever the old one stood, from one instant on.

CPython can't give a class another layout (it becomes a metaclass, derives from another built-in type, or its objects get a dictionary). So
the class that its new statement has made takes its place, and so do copies of its subclasses; what takes the place of its objects is the business
of :mod:`~podus.updating.become`. What refers to the old ones is found by asking the collector, and counted: at the instant of the switch each
has as many references as were found, and every one is one that can be changed; else nothing is done. So nothing is ever half
replaced. Methods go on as the same function objects.
"""

from __future__ import annotations

import enum
import gc
import sys
import time
from functools import cached_property
from types import FunctionType, MemberDescriptorType

from podus.errors import Refused
from podus.program.code import OF_DICTIONARIES, walk
from podus.threads import get_ident
from podus.updating.bases import layout
from podus.updating.become import StandIns
from podus.updating.binding import each_frame
from podus.updating.graft import functions_of, is_data
from podus.updating.held import module_of
from podus.updating.kept import Kept
from podus.updating.references import Accounts, Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Op

# How often it is tried at an instant at which somebody holds a reference that can't be seen: a thread that is just using the class.
_TRIES = 400
# Seconds after which it is not tried again: where much runs, each try takes long.
_PATIENCE = 10.0
# For so many tries counts one at which all threads stand where they stood: the next would see the same.
_STANDING = 4
_FRESH = ("__dict__", "__weakref__", "_abc_impl")


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
    if (words[1] - words[0]) & {"__dict__", "__weakref__"}:
        return True
    return not old.__dictoffset__ and bool(new.__dictoffset__) and _looks_into_dictionary(new)


def _looks_into_dictionary(cls: type) -> bool:
    """Whether what a class defines does something that objects without a dictionary don't do: other fields that come find room beside them."""
    values = list(vars(cls).values())
    if any(isinstance(value, cached_property) for value in values):
        return True
    codes = (function.__code__ for value in values for function in functions_of(value))
    return any(not OF_DICTIONARIES.isdisjoint(part.co_names) for code in codes for part in walk(code))


def _is_hook(value: Any) -> bool:
    """Whether it stands in a class for as long as its objects are converted."""
    home = value.__globals__.get("__name__") if isinstance(value, FunctionType) else module_of(type(value))
    return str(home).startswith("podus.updating.")


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
        # What the new classes were given when they were made.
        self.filled: list[dict[str, Any]] = []
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

    def tuples(self) -> list[tuple[Any, ...]]:
        """The tuples that are the update's own."""
        return [value for value in self.ours.values() if type(value) is tuple]

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
        back.filled = self.filled
        back.is_way_back = True
        back.through_tuples = self.through_tuples
        return back

    def check(self) -> None:
        """Raises Refused, naming it, if something holds one of the classes that can't be made to hold another."""
        if Search(self, back=False).blocked:
            # It may be garbage that nobody has looked at yet.
            gc.collect()
            self.through_tuples = True
            found = Search(self, back=False)
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
        found = Search(self, back=back)
        if not found.blocked:
            again = Accounts(found.targets)
            if again.ids - set(found.ours) <= found.accounts.ids and not any(again.hidden):
                self._tries = 0
                seconds = max(found.accounts.seconds, again.seconds)
                self._stand_ins = found.stand_ins
                found.ops[:0] = [*self._given_since(back=back), *found.stand_ins.fill(found.table)]
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

    def _given_since(self, *, back: bool) -> list[Op]:
        """On the way back: what the program has given the new classes since, or put in the place of what they had from the old ones."""
        if not (back or self.is_way_back):
            return []
        ops: list[Op] = []
        pairs = zip(self.new, self.old, strict=True) if back else zip(self.old, self.new, strict=True)
        for (now, then), filled in zip(pairs, self.filled, strict=True):
            for name, value in list(vars(now).items()):
                if _is_hook(value):
                    continue
                same = name in filled and name in vars(then) and filled[name] is vars(then)[name]
                if name not in filled or (same and value is not filled[name] and is_data(value)):
                    ops.append((type.__setattr__, then, name, value))
        return ops

    def forget(self) -> None:
        """What was ready is not carried out."""
        self._stand_ins = None

    def settle(self, *, back: bool) -> list[Op]:
        """What has been missed: nothing, or a reference that moved at the last moment."""
        stand_ins, self._stand_ins = self._stand_ins, None
        if stand_ins is not None:
            stand_ins.keep_aside()
        return Search(self, back=back, stand_ins=stand_ins).ops

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
