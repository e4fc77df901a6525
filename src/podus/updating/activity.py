"""When may a procedure switch: when neither it nor anything that its new version can reach is active in its old version.

The active set S of PODUS: what is on the run-time stack of a thread, or suspended in a generator or coroutine, and whatever can invoke
that. Two refinements for Python stay sound: a procedure that did not change is the same in both versions and so
neither switches nor blocks; and one on a stack blocks only itself and those that can reach it.
"""

from __future__ import annotations

import time

from podus.planning.model import Plan
from podus.updating.binding import active_ids, waiting_ids
from podus.updating.find import is_finished, suspended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any


class Activity:
    """Looks at who is active. ``codes`` are the old code objects with their procedures' names; ``suspends`` names those that can be suspended."""

    def __init__(self, codes: list[tuple[CodeType, str]], suspends: set[str], plan: Plan) -> None:
        self.codes = {id(code): name for code, name in codes}
        self._watched = [(code, name) for code, name in codes if name in suspends]
        self._passed_codes: list[tuple[CodeType, str]] = []
        sets = [frozenset(found) for found in plan.reach_sets]
        self.reaches = {name: sets[number] for name, number in plan.reaches.items()}
        self.suspends = suspends
        self._asleep: list[tuple[str, str, int, Any]] = []
        self._since: dict[str, float] = {}
        self.first_look = 0.0
        self._scanned = 0.0
        # The low-water mark: which old code was on a stack when S was computed last.
        self._mark: frozenset[int] = frozenset()
        # The longest that nobody else could run: for a look through the heap, and at the stacks.
        self.heap_seconds = self.look_seconds = 0.0
        # Generators and coroutines that need not end first: who is in them goes on as it is.
        self.passed: set[str] = set()

    def look(self) -> set[str]:
        """The procedures that are active now, in their old version; the stacks as they are become the low-water mark.

        For the thread that switches alone: what somebody else looked at has not been acted on.
        """
        since = time.perf_counter()
        seen = active_ids()
        self.look_seconds = max(self.look_seconds, time.perf_counter() - since)
        ids = seen & self.codes.keys()
        self._mark = frozenset(ids)
        active = {self.codes[i] for i in ids}
        if self.suspends:
            self._look_at_suspended()
            active |= {name for _, name, _, _ in self._asleep}
        now = time.time()
        self.first_look = self.first_look or now
        self._since = {name: self._since.get(name, now) for name in active}
        return active - self.passed

    def lives(self) -> bool:
        """Whether there is any activation of the old version left."""
        return bool(self.look() or self.passed.intersection(self._since))

    def glance(self) -> set[str]:
        """As :meth:`look`, for whoever only wants to know: the mark stays where it is, and of the suspended those are told that were found then.

        To look for them is a stall, which whoever asks must not make: most updates pass by all that are suspended, and never do.
        """
        active = {self.codes[i] for i in active_ids(glance=True) & self.codes.keys()}
        asleep = {name for _, name, _, reference in self._asleep if not is_finished(reference)}
        return (active | asleep) - self.passed

    def asleep_in(self, names: set[str]) -> dict[str, int]:
        """How many suspended activations were found of those of the procedures ``names`` that have any."""
        found: dict[str, int] = {}
        for _, name, _, reference in self._asleep:
            if name in names and not is_finished(reference):
                found[name] = found.get(name, 0) + 1
        return found

    def pass_by(self, names: set[str]) -> None:
        """Wait for none of these procedures, of which some activations may be suspended: so they are not looked for either."""
        self.passed |= names
        self.suspends = self.suspends - names
        self._passed_codes = [row for row in self._watched if row[1] in names]
        self._watched = [row for row in self._watched if row[1] not in names]

    def count_passed(self) -> None:
        """Find what is suspended of the procedures that were passed by unseen, for whoever wants to tell."""
        found, held = suspended(self._passed_codes)
        self.heap_seconds = max(self.heap_seconds, held)
        names = {name for _, name in self._passed_codes}
        self._asleep = [row for row in self._asleep if row[1] not in names] + found

    def in_greenlets(self) -> set[str]:
        """The procedures that are on the stacks of greenlets that wait, as far as known."""
        return {self.codes[i] for i in waiting_ids() & self.codes.keys()}

    def begun(self) -> set[str]:
        """The procedures of which a generator or coroutine has not ended: looked for in the whole heap, for whoever has seen to it that none is made meanwhile.

        One that runs right now counts as well: it may be suspended in a moment.
        """
        found, held = suspended(self._watched, running_too=True)
        self.heap_seconds = max(self.heap_seconds, held)
        return {name for _, name, _, _ in found}

    def _look_at_suspended(self) -> None:
        alive = [row for row in self._asleep if not is_finished(row[3])]
        # The heap is looked through again only when all that was found of some procedure has ended, for others may have
        # begun meanwhile; and not too often, for no other thread runs while the heap is listed.
        if self._scanned and alive and {row[1] for row in alive} == {row[1] for row in self._asleep}:
            self._asleep = alive
            return
        if self._scanned and time.monotonic() - self._scanned < min(1.0, 20 * self.heap_seconds):
            return
        self._asleep, held = suspended(self._watched)
        self.heap_seconds = max(self.heap_seconds, held)
        self._scanned = time.monotonic()

    def shrunk(self) -> bool:
        """Whether some stack has shrunk below its low-water mark (or a suspended activation has ended) since :meth:`look`."""
        if self.suspends and any(is_finished(row[3]) for row in self._asleep):
            return True
        return not self._mark <= active_ids(glance=True)

    def blocked_by(self, name: str, pending: set[str], active: set[str]) -> set[str]:
        """The active procedures that keep ``name`` from switching: itself, or what its new version can reach."""
        found = {name} & active
        return found | (active & pending & self.reaches.get(name, frozenset()))

    @property
    def targets(self) -> int:
        """How many things are looked for in the heap."""
        return len(self._watched)

    def asleep_rows(self) -> list[tuple[str, str, int, Any]]:
        """What was suspended when it was looked for last: kind, procedure, line, weak reference."""
        return list(self._asleep)

    def since(self, name: str) -> float | None:
        """When ``name`` was found active, without a break since (``time.time`` seconds)."""
        return self._since.get(name)
