"""The paper's policy: a procedure switches when neither it nor anything that its new version can reach is active in the old one.

Segal and Frieder, "On-the-Fly Program Modification", IEEE Software, March 1993. They looked when a procedure returned. One that is called again at once
(``while True: step()``) is inactive for a microsecond then, and whoever looks from outside never sees it. So after a while its callers are kept at
its door for a moment, longer each time that nothing came of it, and ever more rarely: who is inside leaves meanwhile, if it is one of many short calls.
"""

from __future__ import annotations

import time

from podus.planning.model import MAX_HOLD
from podus.updating.bound import split
from podus.updating.breath import paced
from podus.updating.forward import switch_together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit


# Seconds in which an instant may come by itself; the first and the longest time at a door, and how much longer and rarer each one is.
_PATIENCE = 0.25
_FIRST, _LONGER, _RARER = 0.005, 2, 1.6


class Podus:
    """Each unit when nothing holds it back, with all that it reaches or after them. Callers are kept for ``max_hold`` seconds at the longest."""

    # (Who derives from this one need not call it.)
    _max_hold = MAX_HOLD
    _next, _pause, _hold, _turn = 0.0, _PATIENCE, _FIRST, 0

    def __init__(self, max_hold: float = MAX_HOLD) -> None:
        self._max_hold = max_hold

    def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
        """Switch every unit that nothing holds back."""
        assert update.activity is not None
        pending = update.pending()
        blocked = {
            id(unit)
            for unit in paced(units)
            if not unit.done
            and not unit.forced
            and any(update.activity.blocked_by(n, pending, active) for n in unit.names)
        }
        able = [u for u in units if not u.done and not u.held and id(u) not in blocked]
        # A new procedure calls only new ones: a unit goes with all that it can reach, or after them.
        done = {id(unit) for unit in update.units if unit.done}
        here = done.union(map(id, able))
        able = [u for u in paced(able) if u.forced or here.issuperset(map(id, u.needs))]
        for part in split(update.stall, able) if able else ():
            here = {id(unit) for unit in update.units if unit.done}.union(map(id, part))
            if not all(u.forced or here.issuperset(map(id, u.needs)) for u in paced(part)):
                # Those that were to go before could not after all.
                continue
            if switch_together(update, part):
                continue
            # Some procedure is always active at any instant of a busy program: each at an instant of its own, callees first.
            for unit in sorted(part, key=lambda u: len(u.needs)):
                if not unit.done:
                    needs = [] if unit.forced else [n for n in unit.needs if not n.done]
                    switch_together(update, [unit, *needs])
        waiting = [
            u
            for u in units
            if id(u) in blocked and not u.done and not u.held and self._comes_and_goes(update, u)
        ]
        if waiting:
            self._keep_callers(update, waiting)
        # What was inactive when it was looked at, and not when it was to switch, is above no mark: no stack has to shrink for it.
        return bool(waiting) or any(not unit.done for unit in able)

    def _comes_and_goes(self, update: Evaluation, unit: Unit) -> bool:
        """Whether those in a unit's procedures leave some time, and take no data's new form with them."""
        assert update.activity is not None
        never = update.endless | update.activity.suspends
        return bool(self._max_hold) and bool(unit.names) and never.isdisjoint(unit.names)

    def _keep_callers(self, update: Evaluation, waiting: list[Unit]) -> None:
        """When its time has come, keep who calls one of the units while those who are inside leave."""
        now = time.monotonic()
        self._next = self._next or now + self._pause
        if now < self._next:
            return
        unit = waiting[self._turn % len(waiting)]
        self._turn += 1
        # Of the time that callers may wait, a part is for the switch itself.
        bound = update.stall.bound_us / 2e6
        hold = min(self._hold, self._max_hold, bound or self._hold)
        needs = [] if unit.forced else [n for n in unit.needs if not n.done]
        if all(self._comes_and_goes(update, n) or not n.names for n in needs):
            update.running.wait_together(hold)
            if switch_together(update, [unit, *needs], hold):
                self._pause, self._hold = _PATIENCE / 2, _FIRST
        if self._turn % len(waiting) == 0:
            self._hold = min(self._hold * _LONGER, self._max_hold)
            self._pause *= _RARER
        self._next = time.monotonic() + self._pause
