"""All changed procedures at one instant in which none of them is on any stack, as Ksplice does.

Arnold and Kaashoek, "Ksplice: Automatic Rebootless Kernel Updates", EuroSys 2009. Ksplice tries again and then gives up; a busy
program may have no such instant by itself. So after a while the doors are shut: whoever is inside goes on and may call what it likes, whoever
comes waits outside until the others have left, but no longer than ``max_hold``. Then they pass, whatever came of it, and it is
tried again later: doors are shut for no more than a tenth of the time.
"""

from __future__ import annotations

import time

from podus.updating.forward import switch_together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit

# Seconds in which the instant may come by itself before the doors are shut for the first time.
PATIENCE = 0.1
# Between two times that the doors are shut: so many times as long as they were.
_OPEN = 9


class Atomic:
    """``max_hold`` is in seconds; with 0 the doors are never shut."""

    def __init__(self, max_hold: float) -> None:
        self._max_hold = max_hold
        self._next = time.monotonic() + PATIENCE

    def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
        """Switch all units, or none."""
        units = [unit for unit in units if not unit.done and not unit.held]
        waited_for = active.intersection(name for unit in units if not unit.forced for name in unit.names)
        if not units or (not waited_for and switch_together(update, units)):
            return False
        # It is tried again though no stack has shrunk: what was inactive a moment ago need not be at the instant itself.
        if self._max_hold and time.monotonic() >= self._next:
            # Of the time that callers may wait, a part is for the switch itself.
            bound = update.stall.bound_us / 2e6
            hold = min(self._max_hold, bound) if bound else self._max_hold
            update.running.wait_together(hold)
            switch_together(update, units, hold)
            self._next = time.monotonic() + _OPEN * hold
        return True
