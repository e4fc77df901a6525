"""Going forward: which units switch now, together or each at an instant of its own."""

from __future__ import annotations

from podus.updating.binding import Switch, commit_unless_active
from podus.updating.mapping import Doors, convert
from podus.updating.units import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.activity import Activity
    from podus.updating.binding import Op
    from podus.updating.evaluate import Evaluation


def switch_inactive(update: Evaluation, active: set[str]) -> None:
    """Switch every unit that nothing holds back; ``active`` are the procedures that a look has just found active."""
    assert update.activity is not None
    pending = update.pending()
    blocked = {
        id(unit)
        for unit in update.units
        if not unit.done
        and not unit.forced
        and any(update.activity.blocked_by(n, pending, active) for n in unit.names)
    }
    able = [u for u in update.units if not u.done and not u.held and id(u) not in blocked]
    # A new procedure calls only new ones: a unit goes with all that it can reach, or after them.
    here = set(map(id, able))
    able = [u for u in able if u.forced or all(n.done or id(n) in here for n in u.needs)]
    if able and not _switch_together(update, able):
        # Some procedure is always active at any instant of a busy program: each at an instant of its own, callees first.
        for unit in sorted(able, key=lambda u: len(u.needs)):
            if not unit.done:
                needs = [] if unit.forced else [n for n in unit.needs if not n.done]
                _switch_together(update, [unit, *needs])
    # What was inactive when it was looked at, and not when it was to switch, is above no mark: no stack has to shrink for it.
    update.missed = any(not unit.done for unit in able)


def may_sleep(units: list[Unit], activity: Activity | None) -> set[str]:
    """The procedures that switch with others and can be suspended: these must not be in their other version then."""
    if activity is None:
        return set()
    return {n for u in units if len(u.names) > 1 and not u.forced for n in u.names if n in activity.suspends}


def _switch_together(update: Evaluation, units: list[Unit]) -> bool:
    """Switch ``units`` at one instant in which none of them is active; says whether that was done.

    Where there are mappers: shut the doors of all who use the data, and of all that switches, then convert it. The doors are also shut
    where coroutines or generators switch with others: one that was made a moment ago is on no stack yet.
    """
    assert update.stage is not None
    update.announce(units)
    forbidden = {i for u in units if not u.forced for i in u.old_codes}
    sleepers = may_sleep(units, update.activity)
    if not sleepers and not any(u.mappers for u in units):
        forbidden |= {id(f.__code__) for u in units if not u.forced for f in u.users}
        if not commit_unless_active(forbidden, [op for u in units for op in u.switch.do], update.stall):
            return False
        update.switched_now(units)
        return True
    doors = Doors(update.stage, units, update.stall)
    if not doors.shut(forbidden):
        return False
    if sleepers and update.activity is not None and sleepers & update.activity.asleep():
        doors.open()
        return False
    update.doors = doors
    ops: list[Op] = []
    try:
        for unit in units:
            converted = Switch()
            for step in unit.mappers:
                convert(update.agent, update.stage, step, converted)
            taken = unit.taken = Switch()
            taken.extend(unit.switch)
            taken.extend(converted)
            ops += taken.do
    except BaseException:
        doors.open()
        update.doors = None
        raise
    done = doors.open(ops, forbidden if sleepers else None)
    update.doors = None
    if done:
        update.switched_now(units)
    return done
