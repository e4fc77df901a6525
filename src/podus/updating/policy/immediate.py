"""What reloaders in development do: everything at once, whoever is in it. What is active ends in its old version; who is in a loop
that never ends leaves it when it comes round.

Old and new may call each other meanwhile. Data that a mapper converts still waits until nobody who uses it is active: nobody guesses
about data.
"""

from __future__ import annotations

from podus.updating.policy.podus import Podus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit


class Immediate(Podus):
    """As the paper's, but that nothing holds a unit back."""

    def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
        """Switch every unit."""
        for unit in units:
            unit.forced = not unit.held
            if not unit.done and not unit.held:
                update.running.outrun |= active.intersection(unit.names)
        return super().switch(update, units, active)
