"""Greenlets (gevent, eventlet, SQLAlchemy under asyncio): stacks that no thread is on while they wait.

What such a stack holds is active like what a thread's does. Nothing lists greenlets but the garbage collector; a class that C code defines, as ``greenlet.greenlet``
itself, is not referred to by its instances, so where there are any but the threads' own the whole heap is listed.
"""

from __future__ import annotations

import gc
import sys
from itertools import starmap, tee
from operator import itemgetter
from types import FrameType
from weakref import ref

from podus.updating.listing import TARGETS, at_once, of_kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Py_TPFLAGS_HEAPTYPE: instances refer to their class.
_HEAP_TYPE = 1 << 9

# Those that were found last; None until the whole heap has been listed once.
_known: list[ref[Any]] | None = None


def _base() -> Any:
    """The class of all greenlets; None where the program has none."""
    return getattr(sys.modules.get("greenlet"), "greenlet", None)


def _classes(base: type) -> list[type]:
    found: list[type] = [base]
    for cls in found:
        subclasses: list[type] = type.__subclasses__(cls)
        found += [sub for sub in subclasses if not any(sub is other for other in found)]
    return found


def waiting(found: list[Any]) -> Iterator[FrameType]:
    """The innermost frame of each greenlet that waits, with no bytecode run while it is iterated; the greenlets are added to ``found``."""
    base = _base()
    if base is None:
        return iter(())
    classes = _classes(base)
    targets: list[Any] = [cls for cls in classes if cls.__flags__ & _HEAP_TYPE]
    targets += [greenlet for reference in _known or () if (greenlet := reference()) is not None]
    listings: Iterator[list[Any]] = map(gc.get_objects, (None,))
    if _known is not None and len(targets) <= TARGETS:
        # Few have been used so far: a new one is of a class of its own, or one of those is its parent.
        listings = starmap(gc.get_referrers, [tuple(targets)])
    things, again = tee(of_kinds(listings, frozenset(map(id, classes))))
    frames = map(vars(base)["gr_frame"].__get__, things)
    return filter(None, map(itemgetter(0), zip(frames, map(found.append, again), strict=False)))


def known() -> Iterator[FrameType]:
    """The innermost frames of those found last: for whoever looks often, and decides nothing by it."""
    for reference in _known or ():
        greenlet = reference()
        frame = None if greenlet is None else _base().gr_frame.__get__(greenlet)
        del greenlet
        if frame is not None:
            yield frame


def remember(found: list[Any]) -> None:
    """Note those that were found."""
    global _known
    _known = list(map(ref, found))


def look() -> None:
    """Find those there are now."""
    found: list[Any] = []
    if _base() is not None:
        at_once(waiting(found))
        remember(found)


def named() -> dict[int, tuple[str, FrameType]]:
    """Those that wait now, by numbers that no thread has: what they are in words, and the innermost frame."""
    rows: dict[int, tuple[str, FrameType]] = {}
    for reference in _known or ():
        greenlet = reference()
        frame = None if greenlet is None else _base().gr_frame.__get__(greenlet)
        if frame is not None:
            rows[-id(greenlet)] = (f"a waiting greenlet ({type(greenlet).__qualname__})", frame)
        del greenlet, frame
    return rows
