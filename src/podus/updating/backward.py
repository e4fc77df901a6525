"""Going back in the middle of an update: those that switched return to their old version, by the same rule of activity."""

from __future__ import annotations

from podus.errors import Refused
from podus.program.code import SUSPENDS, walk
from podus.threads import sleep
from podus.updating.activity import Activity
from podus.updating.binding import Switch, commit_unless_active
from podus.updating.bound import split
from podus.updating.breath import PAUSE
from podus.updating.forward import Replaced, may_sleep
from podus.updating.gates import LETTING
from podus.updating.held import Missing
from podus.updating.mapping import Doors, convert
from podus.updating.sweep import restore
from podus.updating.units import MapperStep, Unit
from podus.updating.untouched import Untouched

# How often it is tried, behind shut doors, to replace classes back whose objects have their old form already.
_TRIES = 200

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.binding import Op
    from podus.updating.evaluate import Evaluation


def one_way(update: Evaluation) -> str:
    """Data that has been converted by a mapper without a reverse; "" if there is none."""
    steps = [step for unit in update.units if unit.done for step in unit.mappers if step.kind == "data"]
    mapped = [step.target for step in steps if step.reverse is None]
    conversions = [c for unit in update.units if unit.done for c in unit.conversions]
    mapped += [c.part.cls for c in conversions if c.convert is not None and c.reverse is None]
    return mapped[0] if mapped else ""


def activity_of_new(update: Evaluation) -> Activity:
    """Who is active in the new version."""
    codes = [row for unit in update.units for row in unit.new_of()]
    suspends = {name for code, name in codes if code.co_flags & SUSPENDS}
    return Activity(codes, suspends, update.plan)


def switch_back(update: Evaluation, active: set[str]) -> None:
    """Let go back what is not ``active`` and can reach nothing that still is new: together, or each with what it reaches."""
    forward = [unit for unit in update.units if unit.done]
    able = {id(unit) for unit in forward if not active.intersection(unit.names)}
    said = _said_by(forward, active)
    others = _called_otherwise(update) if said else set()
    able -= {id(unit) for unit in forward if any(_last(n) in said for n in others.intersection(unit.names))}
    while True:
        fit = {id(u) for u in forward if id(u) in able and all(id(n) in able for n in _needs(update, u))}
        if fit == able:
            break
        able = fit
    units = [unit for unit in forward if id(unit) in able]
    for step in split(update.stall, units, back=True) if units else ():
        here = set(map(id, step))
        if not all(id(n) in here for u in step for n in _needs(update, u)):
            continue
        if _back_together(update, step):
            continue
        for unit in sorted(step, key=lambda u: len(_needs(update, u))):
            if unit.done:
                _back_together(update, [unit, *_needs(update, unit)])


def _called_otherwise(update: Evaluation) -> set[str]:
    """The procedures that are called in another way in the new version: who is active in that would call the old ones so."""
    return {procedure.name for procedure in update.plan.procedures if procedure.interface}


def _last(name: str) -> str:
    return name.rpartition(":")[2].rpartition(".")[2]


def _said_by(units: list[Unit], active: set[str]) -> set[str]:
    """The names that the new code of active procedures says."""
    return {
        name
        for unit in units
        for code, owner in unit.new_of()
        if owner in active
        for part in walk(code)
        for name in part.co_names
    }


def called_otherwise(update: Evaluation) -> bool:
    """Whether any procedure that is to go back is called in another way in the new version."""
    others = _called_otherwise(update)
    return any(unit.done and not others.isdisjoint(unit.names) for unit in update.units)


def _needs(update: Evaluation, unit: Unit) -> list[Unit]:
    needs = update.units if unit.back_needs is None else unit.back_needs
    return [other for other in needs if other.done and other is not unit]


def _back_together(update: Evaluation, units: list[Unit]) -> bool:
    assert update.stage is not None
    units = sorted(units, key=update.units.index, reverse=True)
    inside = {i for unit in units if not unit.passed_back for i in unit.new_codes} | LETTING
    taken = [unit.taken for unit in units if unit.taken is not None]
    undo = [op for switch in taken for op in switch.undo[::-1]]
    later = [op for op in undo if _may_stay(op)]
    if later:
        undo = [op for op in undo if not _may_stay(op)]
    steps = [step for unit in units for step in unit.mappers if step.kind == "data"]
    for step in steps:
        if step.reverse is None:
            # Nobody has said how to carry back what happened since; the data is as it was when the mapper ran.
            update.reason += (
                f" ({step.target} goes back to what it was when it was mapped: its mapper has no reverse)"
            )
    steps = [step for step in steps if step.reverse is not None]
    conversions = [conversion for unit in units for conversion in unit.conversions]
    sleepers = may_sleep(units, update.activity_back)
    replaced = Replaced(units, update.stall, back=True)
    if not steps and not conversions and not sleepers:
        if not _may_go_back(update, replaced):
            return False
        ops = [*undo, *update.running.exchange(taken, Switch()), *replaced.ops]
        with update.rehash.alone():
            if not commit_unless_active(inside, ops, update.stall, replaced.held):
                return False
            update.rehash.switched()
        replaced.settle()
        update.stage.deferred += later
        update.gone_back(units)
        return True
    doors = Doors(update.stage, units, update.stall)
    if not doors.shut(inside):
        return False
    if sleepers and update.activity_back is not None and sleepers & update.activity_back.begun():
        doors.open()
        return False
    update.doors = doors
    back = Switch()
    untouched = Untouched(lambda: doors.passed)
    try:
        for step in steps:
            reverse = MapperStep(step.target, step.reverse, step.kind, step.convert)
            convert(update.agent, update.stage, reverse, back, untouched)
        # By themselves: what is converted back could not wait for another instant.
        if not _replace_back(update, replaced, units):
            untouched.restore()
            doors.open()
            update.doors = None
            return False
    except BaseException:
        untouched.restore()
        doors.open()
        update.doors = None
        raise
    ops = [*undo, *back.do, *update.running.exchange(taken, back)]
    with update.rehash.alone():
        forbidden = inside if sleepers and not conversions else None
        done = doors.open(ops, forbidden, undone=untouched.restore)
        if done:
            update.rehash.switched()
    update.doors = None
    if done:
        update.stage.deferred += later
        update.gone_back(units)
    return done


def _replace_back(update: Evaluation, replaced: Replaced, units: list[Unit]) -> bool:
    """Give the objects of replaced classes their old form, and then their old classes; whether that was done.

    Nothing is begun unless it could be done at that moment. What somebody has just taken hold of then is waited for, with the doors shut.
    """
    conversions = [conversion for unit in units for conversion in unit.conversions]
    if not replaced:
        restore(conversions)
        return True
    switches = [switch for unit in update.units for switch in (unit.switch, unit.taken) if switch is not None]
    replaced.know(op for switch in switches for op in (*switch.do, *switch.undo))
    every = [conversion for unit in update.units for conversion in unit.conversions]
    replaced.know(one for conversion in every for one in conversion.remembered())
    if not _may_go_back(update, replaced):
        return False
    replaced.forget()
    restore(conversions)
    for _ in range(_TRIES):
        if _may_go_back(update, replaced) and commit_unless_active(
            (), replaced.ops, update.stall, replaced.held
        ):
            replaced.settle()
            return True
        sleep(PAUSE)
    return False


def _may_go_back(update: Evaluation, replaced: Replaced) -> bool:
    """Whether what was replaced can be replaced back now. What is in the way is said; as it went forward, it is tried again until it can."""
    try:
        ready = replaced.ready()
    except Refused as error:
        update.cannot_go_back = error.message
        return False
    if ready:
        update.cannot_go_back = ""
    return ready


def _may_stay(op: Op) -> bool:
    """Whether an operation takes away what nobody else would miss: a method that only those know who have begun in the new version."""
    if op[0] is not type.__delattr__:
        return False
    cls, name = op[1], op[2]
    # A hook of ours would give objects fields that they are not to have any more.
    if isinstance(vars(cls).get(name), Missing):
        return False
    return not (name.startswith("__") or any(name in vars(base) for base in cls.__mro__[1:]))
