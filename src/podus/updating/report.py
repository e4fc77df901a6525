"""What others see of an update: its state, who is waited for, and whether waiting can change anything."""

from __future__ import annotations

from podus.errors import Refused
from podus.updating import states
from podus.updating.activity import Activity
from podus.updating.breath import paced
from podus.updating.holders import Holders
from podus.updating.units import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.evaluate import Evaluation


def status(update: Evaluation) -> dict[str, Any]:
    """The update's state for people and programs, as ARCHITECTURE.md lists it."""
    pending: list[dict[str, Any]] = []
    callers: list[dict[str, Any]] = []
    # The update may go on, or come to its end, while it is looked at: whoever asks for what comes after this is told of that.
    events = update.events
    activity, gates = update.activity, update.gates
    if activity is not None and update.state == states.PENDING:
        active = activity.glance()
        holders = Holders(activity)
        names = update.pending()
        for unit in paced(update.units):
            if not unit.done:
                pending += [
                    _pending(update, activity, holders, unit, name, names, active) for name in unit.names
                ]
        if not names and gates is not None and gates.any:
            # What stands for interprocedures goes when nobody is left who could come to one.
            left = active | activity.asleep_in(activity.passed).keys()
            callers = [row for name in sorted(left) for row in holders.of(name)]
    back = update.activity_back
    if back is not None and update.state == states.BACKING_OUT:
        pending += _going_back(update, back)
    state = update.state
    if state not in states.UNDER_WAY:
        pending, callers = [], []
    return {
        "id": update.plan.id,
        "state": state,
        "policy": update.plan.policy,
        "from": update.plan.from_version,
        "to": update.plan.to_version,
        "asked": update.plan.program.get("asked", {}),
        "total": update.total,
        "switched": list(update.switched),
        "pending": pending,
        "events": events,
        "started": update.started,
        "ended": update.ended,
        "deadline": update.clock.deadline,
        "stall_us": round(update.stall.longest_us, 1),
        "reason": update.reason,
        "remedy": update.remedy,
        "timed_out": update.timed_out,
        "notes": list(update.notes),
        "delayed": update.delayed or update.cannot_go_back,
        "max_stall_us": update.stall.bound_us or None,
        "stuck": _all(pending, lambda row: bool(row["endless"])),
        "gates": len(gates.closing.do) if gates is not None and update.state == states.PENDING else 0,
        "callers": callers,
    }


def stuck_for(update: Evaluation, ident: int, *, asleep: bool, endless: bool) -> bool:
    """Whether every pending procedure waits for the stack of thread ``ident`` (which waits for us), or with ``endless`` for one that never returns.

    With ``asleep`` also for suspended generators and coroutines: it may be this thread that would have resumed them.
    """
    idents = (ident, 0) if asleep else (ident,)
    if update.state == states.BACKING_OUT:
        return bool(update.cannot_go_back) or update.goes_back_after(idents)
    return _all(
        status(update)["pending"],
        lambda row: (
            (endless and row["endless"]) or any(holder["ident"] in idents for holder in row["holders"])
        ),
    )


def _all(pending: list[dict[str, Any]], hopeless: Any) -> bool:
    rows = [row for row in pending if not row["held"]]
    return bool(rows) and all(map(hopeless, rows))


def _pending(
    update: Evaluation,
    activity: Activity,
    all_holders: Holders,
    unit: Unit,
    name: str,
    names: set[str],
    active: set[str],
) -> dict[str, Any]:
    blockers: set[str] = set()
    for member in unit.names:
        blockers |= activity.blocked_by(member, names, active)
    holders = [row for blocker in sorted(blockers) for row in all_holders.of(blocker)]
    because, first = "", ""
    own = (getattr(policy, "why", str)() for policy, units in update.policies if unit in units)
    of_policy = next(filter(None, own), "")
    if unit.held:
        because, why = "held", f"{name} is held by --hold"
    elif of_policy:
        because, why = "policy", f"{name}: {of_policy}"
    elif name in blockers:
        because, first = "active", name
        place = f" in {holders[0]['thread']} at line {holders[0]['line']}" if holders else ""
        why = f"{name} is active{place}"
    elif blockers:
        first = sorted(blockers)[0]
        because = "together" if first in unit.names else "reaches"
        relation = "switches together with" if because == "together" else "can reach"
        why = f"{name} {relation} {first}, which is active"
    elif calling := all_holders.using(unit.callers):
        holders = calling
        because, first = "uses", calling[0]["procedure"]
        why = f"{name} waits for {first}, which goes and may call it in the old way, in {calling[0]['thread']} at line {calling[0]['line']}"
    elif using := all_holders.using(unit.users):
        holders = using
        because, first = "uses", using[0]["procedure"]
        why = (
            f"{name} waits for {first}, which uses what is converted with it, in {using[0]['thread']} at line "
            f"{using[0]['line']}"
        )
    else:
        why = f"{name} is about to switch"
    lacks, for_ever = update.running.lacking(holders) if blockers else ("", False)
    endless = for_ever or (bool(blockers) and blockers <= update.endless)
    moves = not lacks and update.running.watches(blockers)
    if lacks:
        why += f"; it can't move, as its variable {lacks} has no value"
    if endless:
        why += "; it never returns"
    elif moves:
        why += "; it moves when its loop comes round"
    return {
        "procedure": name,
        "why": why,
        "because": because,
        "blocker": first,
        "alone": len(unit.names) == 1 and not (unit.mappers or unit.conversions),
        "holders": holders,
        "held": unit.held,
        "endless": endless,
        "moves": moves,
        "lacks": lacks,
    }


def _going_back(update: Evaluation, back: Activity) -> list[dict[str, Any]]:
    """What has not gone back, and who is active in its new version."""
    active = back.glance()
    holders = Holders(back)
    rows = []
    for unit in update.units:
        for name in unit.names if unit.done else ():
            blockers = active.intersection(unit.names)
            held_by = [row for blocker in sorted(blockers) for row in holders.of(blocker)]
            if name in blockers:
                place = f" in {held_by[0]['thread']} at line {held_by[0]['line']}" if held_by else ""
                because, why = "active", f"the new {name} is active{place}"
            elif blockers:
                because, why = (
                    "together",
                    f"{name} goes back together with {sorted(blockers)[0]}, which is active",
                )
            else:
                because, why = "reaches", f"{name} goes back after what it can reach"
            rows.append(
                {
                    "procedure": name,
                    "why": why,
                    "because": because,
                    "blocker": min(blockers, default=""),
                    "alone": len(unit.names) == 1,
                    "holders": held_by,
                    "held": False,
                    "endless": False,
                    "moves": update.running.watches({name}),
                    "lacks": "",
                }
            )
    return rows


def alone(update: Evaluation, names: list[str]) -> list[Unit]:
    """The units of procedures that are to be switched though they are active. Raises Refused for one that can't be."""
    if update.state != states.PENDING:
        raise Refused(
            f"update {update.plan.id} is {update.state}: nothing waits to be switched",
            f"see `podus status {update.agent.pup.name}`",
        )
    units = {name: unit for unit in update.units for name in unit.names}
    for name in names:
        unit = units.get(name)
        if unit is None or unit.done:
            near = ", ".join(sorted(update.pending())[:3]) or "nothing"
            raise Refused(
                f"{name} {'has switched already' if unit else 'is not in this update'}",
                f"what waits is {near}",
            )
        others = [other for other in unit.names if other != name]
        if others or unit.mappers or unit.conversions:
            why = (
                f"it switches together with {', '.join(others[:3])}"
                if others
                else "data is converted with it"
            )
            raise Refused(
                f"{name} can't be switched while it is active: {why}",
                "wait, or back out and update with --now or another --policy",
            )
    return [units[name] for name in names]
