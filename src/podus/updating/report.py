"""What others see of an update: its state, who is waited for, and whether waiting can change anything."""

from __future__ import annotations

from podus.updating import states
from podus.updating.activity import Activity
from podus.updating.units import Unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.evaluate import Evaluation


def status(update: Evaluation) -> dict[str, Any]:
    """The update's state for people and programs, as ARCHITECTURE.md lists it."""
    pending: list[dict[str, Any]] = []
    # The update may come to its end while it is looked at.
    activity, gates = update.activity, update.gates
    if activity is not None and update.state == states.PENDING:
        active = activity.glance()
        names = update.pending()
        for unit in update.units:
            if not unit.done:
                pending += [_pending(update, activity, unit, name, names, active) for name in unit.names]
    return {
        "id": update.plan.id,
        "state": update.state,
        "policy": update.plan.policy,
        "from": update.plan.from_version,
        "to": update.plan.to_version,
        "total": update.total,
        "switched": list(update.switched),
        "pending": pending,
        "events": update.events,
        "started": update.started,
        "ended": update.ended,
        "stall_us": round(update.stall.longest_us, 1),
        "reason": update.reason,
        "remedy": update.remedy,
        "timed_out": update.timed_out,
        "notes": list(update.notes),
        "stuck": _all(pending, lambda row: bool(row["endless"])),
        "gates": len(gates.closing.do) if gates is not None and update.state == states.PENDING else 0,
    }


def stuck_for(update: Evaluation, ident: int, *, asleep: bool) -> bool:
    """Whether every pending procedure waits for one that never returns, or for the stack of thread ``ident`` (which waits for us).

    With ``asleep`` also for suspended generators and coroutines: it may be this thread that would have resumed them.
    """
    idents = (ident, 0) if asleep else (ident,)
    if update.state == states.BACKING_OUT:
        return update.goes_back_after(idents)
    return _all(
        status(update)["pending"],
        lambda row: row["endless"] or any(holder["ident"] in idents for holder in row["holders"]),
    )


def _all(pending: list[dict[str, Any]], hopeless: Any) -> bool:
    rows = [row for row in pending if not row["held"]]
    return bool(rows) and all(map(hopeless, rows))


def _pending(
    update: Evaluation, activity: Activity, unit: Unit, name: str, names: set[str], active: set[str]
) -> dict[str, Any]:
    blockers: set[str] = set()
    for member in unit.names:
        blockers |= activity.blocked_by(member, names, active)
    holders = [row for blocker in sorted(blockers) for row in activity.holders(blocker)]
    if unit.held:
        why = f"{name} is held by --hold"
    elif name in blockers:
        place = f" in {holders[0]['thread']} at line {holders[0]['line']}" if holders else ""
        why = f"{name} is active{place}"
    elif blockers:
        first = sorted(blockers)[0]
        relation = "switches together with" if first in unit.names else "can reach"
        why = f"{name} {relation} {first}, which is active"
    else:
        why = f"{name} is about to switch"
    endless = bool(blockers) and blockers <= update.endless
    moves = update.frames is not None and any(map(update.frames.watches, blockers))
    if endless:
        why += "; it never returns"
    elif moves:
        why += "; it moves when its loop comes round"
    return {
        "procedure": name,
        "why": why,
        "holders": holders,
        "held": unit.held,
        "endless": endless,
        "moves": moves,
    }
