"""Generated schedules: threads call and return, one step at a time, while the program is updated and backed out, under each policy.

After every step the model (``tests/model.py``) says which procedures must be in the new version, and every call must have got the
version that the model has bound. Threads stand still between steps, so that a step is one call or one return and what follows is
determined. ``PODUS_STRESS=1000`` tries a thousand schedules for each policy.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests import model
from tests.sizes import size
from tests.test_properties import Quick, quick

EXAMPLES = size("PODUS_STRESS", 40)
LONG = "PODUS_STRESS" in os.environ
LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not LONG,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.explicit, Phase.generate] + ([Phase.shrink] if LONG else []),
)
# Seconds after which nothing more is expected to happen.
PATIENCE = 2.0
DEPTH = 4
NUMBERS = count()
THREADS = ("t0", "t1", "t2")

# In the program: threads that do one thing when they are told, and then stand still.
SETTING = """
    class Walker(threading.Thread):
        def __init__(self, name):
            super().__init__(name=name, daemon=True)
            self.go, self.stands = threading.Semaphore(0), threading.Semaphore(0)
            self.stack, self.error = [], None

        def told(self):
            self.stands.release()
            self.go.acquire()
            return self.what

        def run(self):
            while True:
                module, name = self.told()
                try:
                    getattr(sys.modules[module], name)(self.told, self.stack)
                except BaseException as error:
                    self.error = repr(error)

    def move(thread, what):
        walker = walkers[thread]
        walker.what = what
        walker.go.release()
        assert walker.stands.acquire(timeout=30), thread + " did not come to a stand"
        return [walker.stack, walker.error]

    walkers = {}
    for name in NAMES:
        walkers[name] = Walker(name)
        walkers[name].start()
        walkers[name].stands.acquire()
"""


@dataclass
class Case:
    """A program in two versions and a schedule: each step names a thread, and a number that chooses among what it can do next.

    The update begins after ``begin`` steps, and is backed out after ``back`` steps in its middle (some procedures have switched, others not)
    or, where it has none, at its end; if at all.
    """

    calls: dict[int, dict[str, list[str]]]
    changed: set[str]
    groups: list[set[str]]
    idle: list[set[str]]
    schedule: list[tuple[str, int]]
    begin: int
    back: int | None
    max_hold: float

    def source(self, version: int) -> str:
        lines = []
        for name, targets in self.calls[version].items():
            number = version if name in self.changed else model.OLD
            lines += [f"def {name}(told, stack):", f"    stack.append(('{name}', {number}))"]
            lines += ["    while (what := told()) is not None:", "        pass"]
            lines += [f"        if what == '{target}': {target}(told, stack)" for target in targets]
            lines.append("    stack.pop()")
        return "\n".join(lines) + "\n"


@st.composite
def cases(draw: st.DrawFn, back: bool = False) -> Case:
    """``back``: it is backed out, if it can be in its middle."""
    names = [f"p{n}" for n in range(draw(st.integers(3, 6)))]
    # Where nothing is recursive, one procedure after the other comes to its turn; else most wait for most.
    recursive = draw(st.booleans())

    def targets(name: str) -> list[str]:
        able = names if recursive else names[names.index(name) + 1 :]
        return draw(st.lists(st.sampled_from(able), min_size=1, max_size=2, unique=True)) if able else []

    old = {name: targets(name) for name in names}
    changed = {name for name in names if draw(st.integers(0, 3))} or {names[-1]}
    new = {name: targets(name) if name in changed and draw(st.booleans()) else old[name] for name in names}
    if back:
        # The new version calls less: what may not go back yet can only be told by the old one.
        new.update((name, old[name][1:]) for name in changed)
    groups = []
    if len(changed) > 1 and not draw(st.integers(0, 3)):
        groups.append(draw(st.sets(st.sampled_from(sorted(changed)), min_size=2, max_size=3)))
    idle = draw(st.lists(st.sets(st.sampled_from(names), min_size=1, max_size=2), min_size=1, max_size=2))
    schedule = draw(
        st.lists(st.tuples(st.sampled_from(THREADS), st.integers(0, 11)), min_size=20, max_size=60)
    )
    steps = draw(st.sampled_from([2, 4, 6, 8] if back else [None, 0, 2, 4, 6]))
    max_hold = draw(st.sampled_from([0.0, 0.002]))
    return Case(
        {model.OLD: old, model.NEW: new},
        changed,
        groups,
        idle,
        schedule,
        draw(st.integers(2, 10)),
        steps,
        max_hold,
    )


class Play:
    """One schedule, carried out by the program and by the model."""

    def __init__(self, app: Quick, case: Case, policy: str) -> None:
        self.app, self.case = app, case
        self.module = f"s{next(NUMBERS)}"
        self.model = model.Model(case.changed, case.calls, case.groups, policy, case.idle)
        # As the program says that they are.
        self.stacks: dict[str, list[model.Activation]] = {thread: [] for thread in THREADS}
        self.update = ""
        self.backing = False
        self.over = False

    def run(self) -> None:
        app = self.app
        app.write({self.module: self.case.source(model.OLD)})
        app.run(f"import {self.module}")
        try:
            middle = 0
            for step, (thread, choice) in enumerate(self.case.schedule):
                if step == self.case.begin:
                    self.make("update")
                elif self.update and not self.backing and self.case.back is not None:
                    middle += bool(self.model.new and not self.model.settled)
                    if middle > self.case.back or (self.over and step > len(self.case.schedule) // 2):
                        self.make("back")
                moves = self.moves(thread)
                self.make(moves[choice % len(moves)], thread)
            # Whatever came of it: when all have returned, it is at its end.
            if not self.update:
                self.make("update")
            while any(self.stacks.values()):
                self.make("return", next(t for t in THREADS if self.stacks[t]))
            self.settle()
            assert self.over and self.model.settled
        finally:
            for thread in THREADS:
                while app(f"bool(walkers[{thread!r}].stack)"):
                    app(f"move({thread!r}, None)")
            app.forget(self.module)

    def moves(self, thread: str) -> list[str]:
        """What a thread can do next: call something, or return."""
        stack = self.stacks[thread]
        if not stack:
            return list(self.case.calls[model.OLD])
        name, version = stack[-1]
        return [*(self.case.calls[version][name] if len(stack) < DEPTH else ()), "return"]

    def make(self, what: str, thread: str = "") -> None:
        if what == "update":
            self.begin()
        elif what == "back":
            self.back_out()
        else:
            stack = self.stacks[thread]
            if what == "return":
                told, expected = None, stack[:-1]
            else:
                told = what if stack else (self.module, what)  # type: ignore[assignment]
                expected = [*stack, (what, self.model.version(what))]
            found, error = self.app(f"move({thread!r}, {told!r})")
            assert error is None
            self.stacks[thread] = [(name, version) for name, version in found]
            assert self.stacks[thread] == expected, "a call got another version than the one that was bound"
        self.settle()

    def begin(self) -> None:
        case, policy = self.case, self.model.policy
        self.app.write({self.module: case.source(model.NEW)})
        support = "import podus\n"
        for group in case.groups:
            support += f"podus.together({', '.join(repr(f'{self.module}:{n}') for n in sorted(group))})\n"
        how: dict[str, Any] = {"policy": policy, "max_hold": case.max_hold}
        if policy == "when":
            either = [", ".join(f"{self.module}:{n}" for n in sorted(names)) for names in case.idle]
            how = {"when": " or ".join(f"{names} idle" for names in either)}
        plan = self.app.plan(support=support, **how)
        assert plan.safe, plan.refusals
        self.model.begin()
        self.update = self.app.evaluate(plan)

    def back_out(self) -> None:
        """In its middle by the rule of activity; after its end by a whole update back, under the same policy."""
        self.backing, ended, self.over = True, self.over, False
        self.model.back_out()
        if not ended:
            self.app.back_out(self.update)
            return
        plan = self.app.plan(back_out=True, policy=self.model.policy, max_hold=self.case.max_hold)
        assert plan.safe, plan.refusals
        self.update = self.app.evaluate(plan)

    def settle(self) -> None:
        """Wait until just what the model says is in the new version."""
        if not self.update or self.over:
            return
        before = set(self.model.new)
        self.model.settle(list(self.stacks.values()))
        switched = before ^ self.model.new
        assert not self.model.broken(list(self.stacks.values())), self.stacks
        if self.model.policy in ("atomic", "when") and not self.model.midway:
            assert switched in (set(), self.model.changed)
        back = self.backing and not self.model.midway
        new = self.model.changed - self.model.new if back else self.model.new
        expected = {f"{self.module}:{name}" for name in new}
        with self.app.pup() as pup:
            status = pup.call("status", update=self.update)
            while set(status["switched"]) != expected or (
                self.model.settled and status["state"] not in ("complete", "backed-out")
            ):
                events = status["events"]
                status = pup.call("wait", update=self.update, seconds=PATIENCE, after=events)
                if status["events"] == events:
                    break
        assert set(status["switched"]) == expected, (self.stacks, status["pending"])
        assert len(status["switched"]) == len(expected), "something has switched twice"
        if self.model.settled:
            assert status["state"] == ("backed-out" if self.model.midway else "complete"), status
            self.over = True


@pytest.fixture
def app() -> Iterator[Quick]:
    with quick() as started:
        started.run(textwrap.dedent(SETTING).replace("NAMES", repr(THREADS)))
        yield started


@pytest.mark.timeout(120 + EXAMPLES)
@pytest.mark.parametrize("policy", ["podus", "atomic", "immediate", "when"])
@LIMITS
@given(case=cases())
def test_every_schedule_goes_as_in_the_model(app: Quick, policy: str, case: Case) -> None:
    Play(app, case, policy).run()


@pytest.mark.timeout(120 + EXAMPLES)
@LIMITS
@given(case=cases(back=True))
def test_the_way_back_from_the_middle_is_by_the_old_graph(app: Quick, case: Case) -> None:
    Play(app, case, "podus").run()
