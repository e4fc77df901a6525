"""Converting data while nobody can be using it: shut the doors, run the mappers, switch, open the doors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import starmap

from podus.errors import Refused
from podus.threads import sleep
from podus.updating.binding import Stall, Switch, active_ids, commit, commit_unless_active, settle
from podus.updating.gates import Door, go_through
from podus.updating.staging import Stage
from podus.updating.units import MapperStep, StaticData, Unit
from podus.updating.untouched import Untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.pup.agent import Agent


# Seconds between two looks at who is inside while the doors are held.
_GLANCE = 0.0005


class Doors:
    """Doors before all who use the data of some units, and before all that switches with it."""

    def __init__(self, stage: Stage, units: Iterable[Unit], stall: Stall) -> None:
        self._stage = stage
        self._stall = stall
        self._door = Door()
        if stall.refuses:
            self._door.limit = stall.bound_us / 1e6
        self._shut = Switch()
        self.inside: set[int] = set()
        functions: dict[int, Any] = {}
        for unit in units:
            users = [*unit.users, *unit.callers]
            functions |= {id(f): f for f in users}
            self.inside |= {id(f.__code__) for f in users}
            for name in unit.names:
                functions |= {id(f): f for f in stage.finder.functions.get(name, ())}
        for function in functions.values():
            self._shut.set_attribute(function, "__code__", self._door.code(function))

    def shut(self, forbidden: set[int]) -> bool:
        """Shut the doors at an instant in which nobody is inside; says whether that was done."""
        if commit_unless_active(forbidden | self.inside, self._shut.do, self._stall):
            return True
        self._door.open()
        return False

    def hold(self, forbidden: set[int], seconds: float, *, strict: bool) -> bool:
        """Shut the doors behind those who are inside, and wait for them to leave; says whether they did, within ``seconds``.

        Threads that run an event loop pass: those inside may be its tasks. But not where it is ``strict``, as nobody may see what is converted.
        """
        inside = forbidden | self.inside
        self._door.insiders = inside
        self._door.loops_pass = not strict
        commit(self._shut.do, self._stall)
        until = time.monotonic() + seconds
        while not inside.isdisjoint(active_ids(glance=True)):
            if time.monotonic() >= until:
                self.open()
                return False
            sleep(_GLANCE)
        return True

    def open(
        self,
        switch: list[Any] | None = None,
        forbidden: set[int] | None = None,
        held: tuple[list[Any], list[int]] = ([], []),
        undo: Callable[[int], None] | None = None,
        undone: Callable[[], None] | None = None,
    ) -> bool:
        """Carry out ``switch`` (or put back what was, and call ``undone``) and let all who wait pass; says whether that was done.

        A coroutine that was made before the doors were shut may have begun since: it is not done if code of ``forbidden`` is on a stack.
        """
        back_again = [*self._shut.undo, (setattr, self._door, "opened", True)]
        ops = [*back_again, *(switch or ())]
        told: list[str] = []
        if switch and self._door.loops_pass:
            told.append("let_in")
        if switch and self._door.limit is not None:
            # Who has waited long enough has gone through, and may have changed what was converted meanwhile.
            forbidden = {*(forbidden or ()), *self.inside, id(go_through.__code__)}
            told.append("passed")
            ops.append((setattr, self._door, "switched", True))
        # Asked at the instant itself.
        also = starmap(getattr, [(self._door, name) for name in told]) if told else None
        if told:
            forbidden = {*(forbidden or ()), True}
        own = len(back_again)
        try:
            back = None if undo is None else lambda count: undo(count - own)
            done = commit_unless_active(forbidden or (), ops, self._stall, held, also, back)
        except BaseException:
            if undone is not None:
                undone()
            settle(back_again, self._stall)
            self._door.open()
            raise
        if not done and undone is not None:
            undone()
        if not done:
            commit(back_again, self._stall)
        self._door.open()
        return done

    def nobody_came_in(self) -> None:
        """From now on it counts who does: then nothing switches when the doors are opened."""
        self._door.let_in = False

    @property
    def passed(self) -> bool:
        """Whether a caller has waited as long as it may, and gone through."""
        return self._door.passed


def convert(agent: Agent, stage: Stage, step: MapperStep, switch: Switch, untouched: Untouched) -> None:
    """Run one mapper and plan to store what it gives; what it was given is noted in ``untouched``. Raises Refused if it raises."""
    try:
        _convert(agent, stage, step, switch, untouched)
    except Exception as error:
        raise Refused(
            f"the mapper of {step.target} raised {type(error).__name__}: {error}",
            "mend the mapper and update again",
        ) from error


def _convert(agent: Agent, stage: Stage, step: MapperStep, switch: Switch, untouched: Untouched) -> None:
    module, _, name = step.target.partition(":")
    if step.kind == "static":
        for function in stage.finder.functions.get(step.target, ()):
            step.convert(StaticData(function)).into(function, switch)
        return
    owner: Any = agent.module(module)
    *path, last = name.split(".")
    for word in path:
        owner = vars(owner)[word]
    old = vars(owner)[last]
    new = untouched.around(step.convert, old, switch)
    if isinstance(owner, type):
        switch.set_class_attribute(owner, last, new)
        return
    switch.set_item(vars(owner), last, new)
    # Whoever has imported the data by name means this very object.
    for other in agent.importers(module, last):
        for local, value in list(vars(other).items()):
            if value is old:
                switch.set_item(vars(other), local, new)
