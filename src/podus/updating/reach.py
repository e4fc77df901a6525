"""What the heap is reached from and through: the locals of running frames, and containers too large to be looked at in one slice."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from types import FrameType

from podus.program.code import LOOKS_AT_ITSELF
from podus.updating.binding import each_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# References that are looked at in one slice: of a container that is too large for one, whose items are mostly new ones, and of several small ones;
# and items that are taken at once from a container that changes.
MANY = 200
TOGETHER = 600
PIECE = 20_000
# The same of a deque.
PIECE_OF_DEQUE = 4000
# A container that was changed is taken up again so many items before the place.
OVERLAP = 1000
# The flag of a code object with fast locals, as in a function (inspect.CO_OPTIMIZED).
OPTIMIZED = 1
# Before 3.13, to ask a frame for its locals is to make it keep a dictionary of them.
SNAPSHOTS = sys.version_info < (3, 13)
# A profiler is given a frame, an event and what that is about; or takes what it is given (inspect.CO_VARARGS).
_TOLD = 3
_ANY_ARGUMENTS = 4
_ASKS_LOCALS = LOOKS_AT_ITSELF | {"f_locals"}


def frames(apart: dict[str, Any]) -> list[FrameType]:
    """The frames of all threads, but those of the module with the globals ``apart``, and of this one, and those that a profiler has in its hands."""
    found = []
    inner, held = None, False
    for _, frame in each_frame():
        # What is held itself can't be asked.
        held = inner is not None and inner.f_back is frame and _is_told_of_frames(inner, asked=not held)
        inner = frame
        if not held and frame.f_globals is not apart and frame.f_globals is not globals():
            found.append(frame)
    return found


def _is_told_of_frames(frame: FrameType, *, asked: bool) -> bool:
    """Whether this may be a profiler's or a tracer's procedure at work: then the snapshot of the frame that it stands on is written back when it returns."""
    code = frame.f_code
    if not SNAPSHOTS or not (code.co_argcount >= _TOLD or code.co_flags & _ANY_ARGUMENTS):
        return False
    if not asked or _has_just_begun(frame):
        return True
    values = list(locals_of(frame).values())
    values += [item for value in values if type(value) is tuple for item in value]
    return not values or any(type(value) is FrameType for value in values)


def locals_of(frame: FrameType) -> dict[str, Any]:
    """The locals of a running frame, or what stands for them; nothing if they can't be had without the program's noticing."""
    code = frame.f_code
    if not code.co_flags & OPTIMIZED:
        return {"": frame.f_locals}
    if not SNAPSHOTS:
        return dict(frame.f_locals.items())
    # With a tracer, or after locals(), the program may have the snapshot in its hands.
    if frame.f_trace is not None or not _ASKS_LOCALS.isdisjoint(code.co_names):
        return {}
    # And when it has just been entered a tracer may be looking at it: the snapshot will be written back.
    if _has_just_begun(frame):
        return {}
    found = dict(frame.f_locals)
    forget_snapshot(frame)
    return found


def _has_just_begun(frame: FrameType) -> bool:
    return frame.f_lasti <= 2 * (len(frame.f_code.co_cellvars) + 4)


def forget_snapshot(frame: FrameType) -> None:
    """Take out of a frame's snapshot what it would keep alive. What the frame itself asks for is put in anew."""
    if SNAPSHOTS:
        snapshot = frame.f_locals
        for name in (*frame.f_code.co_varnames, *frame.f_code.co_cellvars, *frame.f_code.co_freevars):
            snapshot.pop(name, None)


def parts_of(container: Any) -> Iterator[list[Any]]:
    """The items of a large container, in pieces, while the program may change it."""
    kind = type(container)
    for base in (list, tuple):
        if issubclass(kind, base):
            # From the end: what is taken away at the front moves items towards what is still to come.
            for start in range(base.__len__(container) // MANY * MANY, -1, -MANY):
                yield list(base.__getitem__(container, slice(start, start + MANY + 10)))
            return
    for other in (set, frozenset, deque):
        if issubclass(kind, other):
            back: Any = deque.__reversed__ if issubclass(kind, deque) else other.__iter__
            length = partial(other.__len__, container)
            most = PIECE_OF_DEQUE if issubclass(kind, deque) else PIECE
            yield from _changing(partial(other.__iter__, container), partial(back, container), length, most)
            return
    length = partial(dict.__len__, container)
    for view in (dict.values(container), dict.keys(container)):
        yield from _changing(partial(iter, view), partial(reversed, view), length, PIECE)


def _changing(
    forward: Callable[[], Iterable[Any]],
    backward: Callable[[], Iterable[Any]],
    length: Callable[[], int],
    most: int,
) -> Iterator[list[Any]]:
    """The items of a container whose iterator fails when its size has changed: then it is taken up again, from the nearer end."""
    changed = 0
    for begin in (forward, backward):
        items: Iterator[Any] = iter(begin())
        done = 0
        while not (changed and done > length() // 2 + OVERLAP):
            try:
                taken = list(islice(items, most))
            except RuntimeError:
                changed += 1
                if changed > 10_000:
                    return
                done = max(0, done - OVERLAP)
                items = islice(begin(), done, None)
                continue
            if not taken:
                return
            done += len(taken)
            for start in range(0, len(taken), MANY):
                yield taken[start : start + MANY]
