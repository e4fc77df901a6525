"""The paper's policy: a procedure switches when neither it nor anything that its new version can reach is active in the old one.

Segal and Frieder, "On-the-Fly Program Modification", IEEE Software, March 1993.
"""

from __future__ import annotations

from podus.updating.bound import split
from podus.updating.breath import paced
from podus.updating.forward import switch_together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit


class Podus:
    """Each unit when nothing holds it back, with all that it reaches or after them."""

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
        # What was inactive when it was looked at, and not when it was to switch, is above no mark: no stack has to shrink for it.
        return any(not unit.done for unit in able)
