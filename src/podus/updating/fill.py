"""Giving objects a field that they lack, many at a time, and without a moment for another thread between the look and the gift."""

from __future__ import annotations

import gc
from collections import deque
from itertools import chain, compress, repeat, starmap
from operator import call, is_

from podus.updating.held import Asleep, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Op

_read = object.__getattribute__
_write = object.__setattr__


def lacking(hook: Missing, objects: list[Any]) -> list[Any]:
    """Those of ``objects`` that lack the hook's field just now."""
    flags: list[bool] = []
    _with_hook_asleep(hook, [_look(hook, objects, flags)])
    return list(compress(objects, flags))


def give(hook: Missing, objects: list[Any], values: Iterable[Any], given: deque[Any] | None) -> int:
    """Set the hook's field of those ``objects`` that still lack it to their ``values``, and note them in ``given``; says how many.

    What a thread of the program has set meanwhile stands.
    """
    flags: list[bool] = []
    gifts = compress(zip(objects, repeat(hook.name), values, strict=False), flags)
    ops: list[Op] = [_look(hook, objects, flags), (deque, starmap(_write, gifts), 0)]
    if given is not None:
        ops.append((given.extend, compress(objects, flags)))
    _with_hook_asleep(hook, ops)
    return sum(flags)


def _look(hook: Missing, objects: list[Any], flags: list[bool]) -> Op:
    # While the hook is asleep, who has no value of his own gets the hook itself, and no code runs for it.
    return (flags.extend, map(is_, map(_read, objects, repeat(hook.name)), repeat(hook)))


def _with_hook_asleep(hook: Missing, ops: list[Op]) -> None:
    """Carry out ``ops`` in one call of C code, in which no other thread runs that could meet the hook."""
    asleep: Op = (_write, hook, "__class__", Asleep)
    awake: Op = (_write, hook, "__class__", Missing)
    collecting = gc.isenabled()
    # A collection in the middle could run a finalizer, and so let another thread in.
    gc.disable()
    try:
        deque(starmap(call, chain((asleep,), ops, (awake,))), 0)
    finally:
        _write(hook, "__class__", Missing)
        if collecting:
            gc.enable()
