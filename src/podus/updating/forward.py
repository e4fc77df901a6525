"""Going forward: how units that may switch (a policy says which) do so at one instant, their data with them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from podus.updating.binding import Stall, Switch, commit, commit_unless_active
from podus.updating.bound import passed
from podus.updating.gates import LETTING
from podus.updating.mapping import Doors, convert
from podus.updating.units import Unit
from podus.updating.untouched import Untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.activity import Activity
    from podus.updating.binding import Op
    from podus.updating.evaluate import Evaluation
    from podus.updating.replace import Ready


def may_sleep(units: list[Unit], activity: Activity | None) -> set[str]:
    """The procedures that switch with others and can be suspended: these must not be in their other version then."""
    if activity is None:
        return set()
    return {n for u in units if len(u.names) > 1 and not u.forced for n in u.names if n in activity.suspends}


class Replaced:
    """The classes that are replaced when some units switch, or go back."""

    def __init__(self, units: list[Unit], stall: Stall, *, back: bool) -> None:
        self._all = [unit.replacement for unit in units if unit.replacement is not None]
        self._stall = stall
        self._back = back
        self.ops: list[Op] = []
        # At how many references to which classes the operations are complete.
        self.held: tuple[list[Any], list[int]] = ([], [])
        self._ready: list[Ready] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def know(self, tuples: Iterable[tuple[Any, ...]]) -> None:
        """What holds objects is the update's own."""
        known = {id(one): one for one in tuples}
        for replacement in self._all:
            replacement.ours |= known

    def forget(self) -> None:
        """What was ready is not carried out."""
        self._ready.clear()
        self.ops.clear()
        for replacement in self._all:
            replacement.forget()

    def ready(self) -> bool:
        """Find what refers to the classes now; says whether all of it was found. Raises Refused if something can't be changed."""
        self._ready.clear()
        self.ops.clear()
        for replacement in self._all:
            found = replacement.ready(back=self._back)
            if found is None:
                return False
            self._ready.append(found)
            self._stall.longest_us = max(self._stall.longest_us, found.seconds * 1e6)
            self.ops += found.ops
            self.held = (found.targets, found.counts)
        return True

    def settle(self) -> None:
        """Look once more, after the instant."""
        self._ready.clear()
        self.ops.clear()
        for replacement in self._all:
            commit(replacement.settle(back=self._back), self._stall)


def switch_together(
    update: Evaluation, units: list[Unit], max_hold: float = 0.0, also: Iterable[int] = ()
) -> bool:
    """Switch ``units`` at one instant in which none of them is active; says whether that was done.

    Where there are mappers: shut the doors of all who use the data, and of all that switches, then convert it. The doors are also shut
    where coroutines or generators switch with others: one that was made a moment ago is on no stack yet. With ``max_hold`` (seconds) the
    doors are shut behind those inside, and whoever comes waits that long for them to leave. ``also`` are the ids of other code
    that must not be on a stack then.
    """
    assert update.stage is not None
    update.announce(units)
    forbidden = {i for u in units if not (u.forced or u.passed) for i in u.old_codes}.union(also, LETTING)
    sleepers = may_sleep(units, update.activity)
    mapped = any(u.mappers for u in units)
    replaced = Replaced(units, update.stall, back=False)
    if not (sleepers or mapped or max_hold):
        forbidden |= {
            id(f.__code__) for u in units if not (u.forced or u.passed) for f in (*u.users, *u.callers)
        }
        if not replaced.ready():
            return False
        ops = [*replaced.ops, *(op for u in units for op in u.switch.do)]
        ops += update.running.exchange(u.switch for u in units)
        undo = partial(_undo, [u.switch for u in units], len(replaced.ops))
        with update.rehash.alone():
            if not commit_unless_active(forbidden, ops, update.stall, replaced.held, None, undo):
                return False
            update.rehash.switched()
        ops.clear()
        replaced.settle()
        update.switched_now(units)
        return True
    doors = Doors(update.stage, units, update.stall)
    update.doors = doors
    if not (doors.hold(forbidden, max_hold, strict=mapped) if max_hold else doors.shut(forbidden)):
        update.doors = None
        return False
    doors.nobody_came_in()
    if sleepers and update.activity is not None and sleepers & update.activity.begun():
        doors.open()
        update.doors = None
        return False
    ops = []
    untouched = Untouched(lambda: doors.passed)
    try:
        for unit in units:
            converted = Switch()
            for step in unit.mappers:
                convert(update.agent, update.stage, step, converted, untouched)
            taken = unit.taken = Switch()
            taken.extend(unit.switch)
            taken.extend(converted)
            ops += taken.do
        counted = replaced.ready()
    except BaseException:
        untouched.restore()
        doors.open()
        update.doors = None
        raise
    ops = [*replaced.ops, *ops, *update.running.exchange(u.taken for u in units if u.taken is not None)]
    undo = partial(_undo, [u.taken for u in units if u.taken is not None], len(replaced.ops))
    inside = forbidden if sleepers or max_hold or also else None
    with update.rehash.alone():
        # Mappers are going to be run once more.
        done = counted and doors.open(ops, inside, replaced.held, undo, untouched.restore)
        if done:
            update.rehash.switched()
    if not counted:
        untouched.restore()
        doors.open()
    update.doors = None
    ops.clear()
    if done:
        replaced.settle()
        update.switched_now(units)
    elif doors.passed:
        passed(update, units)
    return done


def _undo(switches: list[Switch], before: int, done: int) -> None:
    """Take back the first ``done`` operations, of which ``before`` are none of the switches', after one that should have been sure has raised."""
    left = done - before
    parts: list[Op] = []
    for switch in switches:
        if left <= 0:
            break
        # Each assignment has its way back in the same place, but for those that add to one of the lists alone.
        exact = len(switch.do) == len(switch.undo)
        parts += switch.undo[:left] if exact else switch.undo
        left -= len(switch.do)
    for op in reversed(parts):
        try:
            op[0](*op[1:])
        except (AttributeError, KeyError):
            # It had not been done.
            continue
