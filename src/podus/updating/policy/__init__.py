"""When may a procedure switch: one small file a policy.

A policy is a class with the method of :class:`Policy`. It decides which units switch now and asks ``updating/forward.py`` to do it; how that is
done (at one instant, behind doors, with data converted) is the same for all of them. To add one: write the file, and name it here; or
declare it in a support file, with ``podus.policy``. Groups may have policies of their own beside that of the update.
"""

from __future__ import annotations

from podus.errors import Refused
from podus.updating.forward import switch_together
from podus.updating.policy.atomic import Atomic
from podus.updating.policy.consistent import Consistent
from podus.updating.policy.immediate import Immediate
from podus.updating.policy.podus import Podus
from podus.updating.policy.when import When

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from podus.planning.model import Plan
    from podus.support.declare import Declaration
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit

    class Policy(Protocol):
        """``switch`` is called again and again until all have switched: ``active`` are the procedures that a look has just found active."""

        def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
            """Switch those of ``units``, which are the ones that go by this policy, that may switch now.

            Says whether it is to be tried again soon, though no stack has shrunk.
            """


__all__ = ["Atomic", "Consistent", "Immediate", "Podus", "When", "policies", "switch_together"]


def policies(
    plan: Plan, units: list[Unit], declarations: list[Declaration]
) -> list[tuple[Policy, list[Unit]]]:
    """The policies of an update, each with the units that go by it. Raises Refused where the support code has not got one that it should."""
    parts: dict[str, list[Unit]] = {}
    for unit in units:
        parts.setdefault(unit.group.policy or plan.policy, []).append(unit)
    return [(_named(name, plan, declarations), part) for name, part in parts.items()]


def _named(name: str, plan: Plan, declarations: list[Declaration]) -> Policy:
    if name == "atomic":
        return Atomic(plan.max_hold)
    if name == "consistent":
        return Consistent()
    if name == "when":
        return When(plan.when)
    if name in ("podus", "immediate"):
        return (Immediate if name == "immediate" else Podus)(plan.max_hold)
    for declaration in declarations:
        if declaration.kind == "policy" and declaration.function.__name__ == name:
            made: Policy = declaration.function()
            return made
    raise Refused(
        f"the support code has no policy {name} when it is run", "declare it at the top level of the file"
    )
