"""When may a procedure switch: one small file a policy.

A policy is a class with the methods of :class:`Policy`. It decides which units switch now and asks ``updating/forward.py`` to do it; how that is
done (at one instant, behind doors, with data converted) is the same for all of them. To add one: write the file, and name it here.
"""

from __future__ import annotations

from podus.updating.policy.atomic import Atomic
from podus.updating.policy.immediate import Immediate
from podus.updating.policy.podus import Podus
from podus.updating.policy.when import When

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from podus.planning.model import Plan
    from podus.updating.evaluate import Evaluation

    class Policy(Protocol):
        """``switch`` is called again and again until all have switched: ``active`` are the procedures that a look has just found active."""

        def switch(self, update: Evaluation, active: set[str]) -> None:
            """Switch what may switch now."""


def policy_of(plan: Plan) -> Policy:
    """The policy that a plan was made for."""
    if plan.policy == "atomic":
        return Atomic(plan.max_hold)
    if plan.policy == "when":
        return When(plan.when)
    return Immediate() if plan.policy == "immediate" else Podus()
