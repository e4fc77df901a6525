"""The policy of Dymos: all that is to be updated switches at one instant, when the procedures that the person names are idle.

R. P. Cook and I. Lee, "DYMOS: A Dynamic Modification System", 1983. Whether what is updated is active itself plays no part, unless it is named: an
activation ends in its old version.
"""

from __future__ import annotations

import time

from podus.program.code import SUSPENDS
from podus.updating.binding import active_ids
from podus.updating.find import suspended
from podus.updating.forward import switch_together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit


class When:
    """``alternatives`` are lists of procedures: those of one of them must be idle."""

    def __init__(self, alternatives: list[list[str]]) -> None:
        self._alternatives = alternatives
        self._codes: list[list[tuple[CodeType, str]]] | None = None
        # When the heap may be looked through again for suspended ones.
        self._next = 0.0

    def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
        """Switch all units, or none."""
        units = [unit for unit in units if not unit.done and not unit.held]
        for unit in units:
            unit.forced = True
        for codes in self._read(update):
            ids = {id(code) for code, _ in codes}
            if (
                ids.isdisjoint(active_ids(glance=True))
                and self._awake(codes)
                and switch_together(update, units, also=ids)
            ):
                return False
        return True

    def why(self) -> str:
        """Which of the procedures that are to be idle is not."""
        active = active_ids(glance=True)
        for codes in self._codes or ():
            busy = next((name for code, name in codes if id(code) in active), "")
            if busy:
                return f"the condition does not hold: {busy} is active"
        return "the condition has not held at an instant" if self._codes else ""

    def _read(self, update: Evaluation) -> list[list[tuple[CodeType, str]]]:
        if self._codes is None:
            self._codes = [
                [
                    (code, name)
                    for name in names
                    for code in update.agent.live_codes(name.partition(":")[0]).get(
                        name.partition(":")[2], ()
                    )
                ]
                for names in self._alternatives
            ]
        return self._codes

    def _awake(self, codes: list[tuple[CodeType, str]]) -> bool:
        """Whether none of them is suspended."""
        watched = [(code, name) for code, name in codes if code.co_flags & SUSPENDS]
        if not watched:
            return True
        if time.monotonic() < self._next:
            return False
        found, held = suspended(watched)
        self._next = time.monotonic() + min(1.0, 20 * held)
        return not found
