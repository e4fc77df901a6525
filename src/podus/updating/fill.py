"""Giving objects a field that they lack, many at a time, and without a moment for another thread between the look and the gift."""

from __future__ import annotations

import gc
from collections import deque
from itertools import compress, repeat, starmap
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


class Hooks:
    """The hooks of one class, for one object at a time: as :func:`lacking` and :func:`give`, in a fraction of their time.

    A thread of the program waits for that, and maybe for many objects in a row.
    """

    def __init__(self, hooks: list[Missing]) -> None:
        self.hooks = hooks
        self.names = [hook.name for hook in hooks]
        self._asleep: list[Op] = [(_write, hook, "__class__", Asleep) for hook in hooks]
        self._awake: list[Op] = [(_write, hook, "__class__", Missing) for hook in hooks]
        self._some: dict[tuple[bool, ...], Hooks] = {}

    def lacking(self, obj: Any) -> Hooks:
        """The hooks of the fields that an object, of which one has been met, lacks just now."""
        if len(self.hooks) == 1:
            return self
        flags: list[bool] = []
        _at_once([*self._asleep, self._look(obj, flags), *self._awake], self._awake)
        if all(flags):
            return self
        key = tuple(flags)
        found = self._some.get(key)
        if found is None:
            found = self._some[key] = Hooks(list(compress(self.hooks, flags)))
        return found

    def give(self, obj: Any, values: list[Any], given: list[deque[Any]]) -> None:
        """Set those of its fields that it still lacks to their ``values``, in the order of the hooks, and note it in ``given``."""
        flags: list[bool] = []
        gifts = compress(zip(repeat(obj), self.names, values, strict=False), flags)
        ops = [*self._asleep, self._look(obj, flags), (deque, starmap(_write, gifts), 0)]
        if given:
            ops.append((deque, map(deque.append, compress(given, flags), repeat(obj)), 0))
        ops += self._awake
        _at_once(ops, self._awake)

    def _look(self, obj: Any, flags: list[bool]) -> Op:
        return (flags.extend, map(is_, map(_read, repeat(obj), self.names), self.hooks))


def _with_hook_asleep(hook: Missing, ops: list[Op]) -> None:
    awake: Op = (_write, hook, "__class__", Missing)
    _at_once([(_write, hook, "__class__", Asleep), *ops, awake], [awake])


def _at_once(ops: list[Op], awake: list[Op]) -> None:
    """Carry out ``ops`` in one call of C code, in which no other thread runs that could meet the hooks; and see that they are awake."""
    collecting = gc.isenabled()
    # A collection in the middle could run a finalizer, and so let another thread in.
    gc.disable()
    try:
        deque(starmap(call, ops), 0)
    except BaseException:
        deque(starmap(call, awake), 0)
        raise
    finally:
        if collecting:
            gc.enable()
