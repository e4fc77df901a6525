"""The atomic switch: look at every stack and, if nothing there forbids it, bind; with no other thread in between.

Under the GIL a thread can lose its turn between two bytecodes, but not inside one call of C code. So the look at the stacks and the
assignments are composed of iterators from ``itertools`` and ``operator``, and driven by one call. This is the binding table of
PODUS: a procedure's specification is its function object, its implementation the ``__code__`` in it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain, compress, repeat, starmap, takewhile, tee
from operator import attrgetter, call, itemgetter, length_hint, not_, or_
from types import CodeType, FrameType, FunctionType

from podus.threads import sleep
from podus.updating import annotated, greenlets
from podus.updating.allocation import make_as_bases_do

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # One assignment: a callable of C and its arguments, such as (setattr, function, "__code__", code).
    Op = tuple[Any, ...]


# Frames that are in no version for the moment, by id: their thread waits between two iterations of a loop (podus.updating.frames).
PARKED: dict[int, Any] = {}
# Places (id of the code, offset) at which a frame has handed over to another one and will only return what that returns.
HANDED_OVER: set[tuple[int, int]] = set()


def each_stack(tops: Iterator[FrameType]) -> Iterator[Iterator[FrameType]]:
    """For each innermost frame its stack; no bytecode runs while it is iterated."""
    # getattr(frame, "f_back"), again and again; takewhile stops at the None below the last one.
    back: Any = getattr
    stacks = map(accumulate, map(chain, zip(tops, strict=False), repeat(repeat("f_back"))), repeat(back))
    return map(takewhile, repeat(bool), stacks)  # type: ignore[arg-type]


def _ids(others: Iterator[FrameType]) -> Iterator[int]:
    """The ids of the code of every frame that is active, on the stack of a thread or below one of ``others``; no bytecode runs while it is iterated."""
    tops = chain(chain.from_iterable(map(dict.values, starmap(sys._current_frames, [()]))), others)
    every = chain.from_iterable(each_stack(tops))
    if not (PARKED or HANDED_OVER):
        return map(id, map(attrgetter("f_code"), every))
    frames, coded, placed, known = tee(every, 4)
    ids, again = tee(map(id, map(attrgetter("f_code"), coded)))
    handed_over = map(HANDED_OVER.__contains__, zip(again, map(attrgetter("f_lasti"), placed), strict=False))
    parked = map(PARKED.__contains__, map(id, known))
    active = map(not_, map(or_, handed_over, parked))
    return map(itemgetter(0), compress(zip(ids, frames, strict=False), active))


def stacks() -> dict[int, list[tuple[CodeType, int, int]]]:
    """For each thread its stack at one instant, innermost first, as (code, line, offset of the instruction); and for each greenlet that waits, as far as known.

    The lines are read a little later. No frame is held afterwards.
    """
    others = [(number, frame) for number, (_, frame) in greenlets.named().items()]
    # No variable may be left with what holds this very frame: it would be kept until the next collection, and with it all others, and
    # what the program's procedures had in their variables when they returned.
    return {
        thread: [
            (f.f_code, f.f_lineno or 0, f.f_lasti)
            for f in frames
            if (id(f.f_code), f.f_lasti) not in HANDED_OVER
        ]
        for thread, frames in list(_taken(others))
    }


def _taken(others: list[tuple[int, FrameType]]) -> Iterator[tuple[int, tuple[FrameType, ...]]]:
    """For each thread the frames of its stack, and for ``others``; no bytecode runs while it is iterated."""
    items, again = tee(
        chain(chain.from_iterable(map(dict.items, starmap(sys._current_frames, [()]))), others)
    )
    return zip(map(itemgetter(0), items), map(tuple, each_stack(map(itemgetter(1), again))), strict=False)


def each_frame() -> Iterator[tuple[int, FrameType]]:
    """All frames of all threads and of the greenlets found last, each with its thread or the greenlet's number, while other threads run.

    Whoever asks is not left with a frame of its own, but for its outermost.
    """
    waiting = {number: frame for number, (_, frame) in greenlets.named().items()}
    todo = list((sys._current_frames() | waiting).items())
    while todo:
        thread, frame = todo.pop()
        if frame.f_back is not None:
            todo.append((thread, frame.f_back))
        # To ask this one for its variables would make it refer to itself.
        if frame.f_globals is not globals():
            yield thread, frame


def active_ids(*, glance: bool = False) -> set[int]:
    """The ids of all code on any stack, at one instant; at a ``glance`` without greenlets that have begun since the last look."""
    if glance:
        return set(_ids(greenlets.known()))
    found: list[Any] = []
    ids = set(_ids(greenlets.waiting(found)))
    greenlets.remember(found)
    return ids


def waiting_ids() -> set[int]:
    """The ids of all code on the stacks of the greenlets found last."""
    return {id(frame.f_code) for stack in each_stack(greenlets.known()) for frame in stack}


# Attributes of a class that can't be deleted, and what says that there is nothing.
_NEVER_GONE: dict[str, Any] = {"__type_params__": ()}
# What a class has outside its namespace.
_NAMES = ("__name__", "__qualname__")
_OF_THE_TYPE = ("__bases__", *_NAMES)
# What a class statement makes of functions of these names, though nothing in it says so.
MADE_BY_TYPE: dict[str, Any] = {
    "__init_subclass__": classmethod,
    "__class_getitem__": classmethod,
    "__new__": staticmethod,
}


# An attribute that a class is given and loses again, so that what was found in it before is looked up once more.
_LOOK_ANEW = "__podus_look_anew__"
_GONE = object()


def _is_shadowed(cls: type, name: str, value: Any = None) -> bool:
    """Whether the metaclass has a property of this name, so that ``cls.name = value`` is its business."""
    if name in _NAMES and not isinstance(value, str) and (value is not None or name in cls.__dict__):
        # A property of the objects, and not what the class is called.
        return True
    own = takewhile(lambda meta: meta is not type, type.mro(type(cls)))
    return any(name in vars(meta) and hasattr(type(vars(meta)[name]), "__set__") for meta in own)


class Switch:
    """Assignments that take effect at one instant, and how to take them back.

    ``do`` and ``undo`` are lists of operations; each must be sure to succeed (checked beforehand by whoever adds it).
    """

    __slots__ = ("do", "undo")

    def __init__(self) -> None:
        self.do: list[Op] = []
        self.undo: list[Op] = []

    def set_attribute(self, target: Any, name: str, value: Any) -> None:
        """Plan ``target.name = value`` for a function, cell or property-like object."""
        lazy = annotated.LAZY and name in ("__annotate__", "__annotations__")
        before = annotated.of_function(target) if lazy else (name, getattr(target, name))
        self.undo.append((setattr, target, *before))
        self.do.append((setattr, target, name, value))

    def set_item(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        """Plan ``namespace[name] = value``."""
        # As compiled code has it: names are compared by identity first.
        name = sys.intern(name) if type(name) is str else name
        if name in namespace:
            self.undo.append((dict.__setitem__, namespace, name, namespace[name]))
        else:
            self.undo.append((dict.pop, namespace, name, None))
        self.do.append((dict.__setitem__, namespace, name, value))

    def delete_item(self, namespace: dict[str, Any], name: str) -> None:
        """Plan ``del namespace[name]`` if it is there."""
        if name in namespace:
            self.undo.append((dict.__setitem__, namespace, name, namespace[name]))
            self.do.append((dict.pop, namespace, name, None))

    def set_class_attribute(self, cls: type, name: str, value: Any) -> None:
        """Plan an assignment in the class's own namespace, past any ``__setattr__`` of its metaclass."""
        if type(value) is FunctionType and name in MADE_BY_TYPE:
            # As a class statement does.
            value = MADE_BY_TYPE[name](value)
        if _is_shadowed(cls, name, value):
            self._set_past_metaclass(cls, name, value)
            return
        if annotated.LAZY and name in ("__annotate__", "__annotations__"):
            self.undo.append((type.__setattr__, cls, *annotated.of_class(cls)))
            if name == "__annotate__" and "__annotations__" in cls.__dict__:
                self.do.append((type.__delattr__, cls, "__annotations__"))
        elif name in cls.__dict__:
            self.undo.append((type.__setattr__, cls, name, cls.__dict__[name]))
        elif name in _OF_THE_TYPE:
            self.undo.append((type.__setattr__, cls, name, getattr(cls, name)))
        elif name in _NEVER_GONE:
            self.undo.append((type.__setattr__, cls, name, _NEVER_GONE[name]))
        else:
            if name == "__new__":
                self.undo.append((make_as_bases_do, cls))
            self.undo.append((type.__delattr__, cls, name))
        self.do.append((type.__setattr__, cls, name, value))

    def delete_class_attribute(self, cls: type, name: str) -> None:
        """Plan the removal of an attribute from the class's own namespace."""
        if name not in cls.__dict__:
            return
        if _is_shadowed(cls, name):
            self._set_past_metaclass(cls, name, _GONE)
            return
        self.undo.append((type.__setattr__, cls, name, cls.__dict__[name]))
        gone = (type.__setattr__, cls, name, _NEVER_GONE.get(name))
        self.do.append(gone if name in _NEVER_GONE else (type.__delattr__, cls, name))
        if name == "__new__":
            self.do.append((make_as_bases_do, cls))

    def delete_past_metaclass(self, cls: type, name: str) -> None:
        """The same where the metaclass gets something of this name, which would be asked to delete it."""
        if name in cls.__dict__:
            self._set_past_metaclass(cls, name, _GONE)

    def _set_past_metaclass(self, cls: type, name: str, value: Any) -> None:
        """Plan to set what ``type.__setattr__`` would hand to a property of the metaclass; the two that follow have the class looked at anew."""
        (names,) = (found for found in gc.get_referents(cls.__dict__) if type(found) is dict)
        before = names.get(name, _GONE)
        anew: list[Op] = [(type.__setattr__, cls, _LOOK_ANEW, None), (type.__delattr__, cls, _LOOK_ANEW)]
        ways = [
            (dict.pop, names, name, None) if one is _GONE else (dict.__setitem__, names, name, one)
            for one in (value, before)
        ]
        self.do += [ways[0], *anew]
        # The other way round: it is carried out from its end.
        self.undo += [*anew[::-1], ways[1]]

    def extend(self, other: Switch) -> None:
        """Have ``other`` take effect at the same instant, after this one."""
        self.do += other.do
        self.undo += other.undo

    def reversed(self) -> Switch:
        """The switch back."""
        back = Switch()
        back.do = self.undo[::-1]
        back.undo = self.do[::-1]
        return back


class Stall:
    """How long podus held all other threads up, at the longest, in microseconds; and how long it may (``bound_us``, 0: as long as it takes)."""

    def __init__(self, bound_us: float = 0.0) -> None:
        self.longest_us = 0.0
        self.bound_us = bound_us
        # What one operation of a switch takes here.
        self.operation_us = 0.2
        # Whether what would take too long is refused; on the way back it is not.
        self.refuses = bool(bound_us)

    @property
    def room(self) -> int:
        """How many operations may be carried out at once where the instant does not matter."""
        return max(1, int(self.bound_us / 2 / self.operation_us)) if self.bound_us else 1_000_000

    def measure(self, since: float) -> None:
        """Note a hold that began at ``since`` (``time.perf_counter`` seconds)."""
        self.note(time.perf_counter() - since)

    def note(self, *seconds: float) -> None:
        """Note holds of that length."""
        self.longest_us = max(self.longest_us, *(each * 1e6 for each in seconds))


def commit_unless_active(
    forbidden: Iterable[int],
    ops: list[Op],
    stall: Stall,
    held: tuple[list[Any], list[int]] = ([], []),
    also: Iterator[int] | None = None,
    undo: Callable[[int], None] | None = None,
) -> bool:
    """Carry out ``ops`` at one instant in which none of the codes with the ids ``forbidden`` is on any stack, nor among what ``also`` gives then.

    ``held``: only if these objects have just so many references. Returns whether it was done; if not, nothing was. If an operation raises, ``undo`` is called
    with the number of those before it. Takes about 0.2 us an operation and 0.1 us a frame.
    """
    if stall.refuses:
        _check(ops, stall)
    codes = _ids(greenlets.waiting([]))
    if also is not None:
        codes = chain(codes, also)
    free = takewhile(frozenset(forbidden).isdisjoint, [codes])
    counted = takewhile(held[1].__eq__, map(list, [map(sys.getrefcount, held[0])]))
    left = iter(ops)
    act: Iterator[Any] = starmap(deque, [(starmap(call, left), 0)])
    collecting = gc.isenabled()
    # A collection in the middle could run a finalizer, and so let another thread in.
    gc.disable()
    try:
        since = time.perf_counter()
        done: list[Any] = list(zip(free, counted, act, strict=False))
        stall.measure(since)
    except BaseException:
        done_so_far = len(ops) - length_hint(left) - 1
        if undo is not None and done_so_far >= 0:
            undo(done_so_far)
        raise
    finally:
        if collecting:
            gc.enable()
    return len(done) > 0


def commit(ops: list[Op], stall: Stall) -> None:
    """Carry out ``ops`` at one instant, whatever is on the stacks."""
    commit_unless_active((), ops, stall)


def in_slices(ops: list[Op], stall: Stall, size: int = 500) -> None:
    """Carry out ``ops`` where the instant does not matter, letting other threads in every ``size`` of them."""
    size = min(size, stall.room)
    for start in range(0, len(ops), size):
        commit(ops[start : start + size], stall)
        sleep(0)


def settle(ops: list[Op], stall: Stall) -> None:
    """Carry out ``ops`` at one instant if the bound allows it, and in slices if not: where all that matters is over already."""
    if len(ops) > stall.room:
        in_slices(ops, stall)
    else:
        commit(ops, stall)


def _check(ops: list[Op], stall: Stall) -> None:
    """Raise Refused if it would take too long to carry out ``ops``."""
    from podus.updating.bound import expected, too_long

    need = expected(ops, stall)
    if need > stall.bound_us:
        raise too_long(stall, f"{len(ops)} assignments take effect at one instant", need)


def can_take_code(function: Any, code: CodeType) -> bool:
    """Whether ``function`` can be given ``code``: its cells go by position, so the free variables must be the same ones."""
    return bool(function.__code__.co_freevars == code.co_freevars)


def can_become(old: Any, new: Any) -> bool:
    """Whether the function ``old`` can be made to do what ``new`` does: generated code may have global names of its own."""
    return old.__globals__ is new.__globals__ and can_take_code(old, new.__code__)
