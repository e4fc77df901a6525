"""Keeping every stall under a bound: what would hold the program up for longer is split, put off, or refused before it is done.

A stall is a time in which no thread of the program can run because podus is in one call of C code; and the time that a caller waits at a door while
an update goes forward. How long a call will take is known beforehand: a switch by the number and kind of its operations, a look at the stacks by the number of
their frames, a look through the heap by the number of its objects. What an operation takes is measured when an update with a bound begins.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from itertools import starmap
from operator import call

from podus.errors import Refused
from podus.updating.binding import each_frame
from podus.updating.listing import KINDS, REFERRING, TARGETS, at_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Op, Stall
    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit

# Microseconds: of an assignment (or what it is measured to take, if that is more), of one in a class, of a frame, of an item of a cache that is
# cleared, and of what a switch takes besides.
OPERATION, IN_CLASS, FRAME, CACHED, BESIDES = 0.2, 1.0, 0.1, 0.1, 10.0
# What is measured is doubled: the caches are warm then.
_SPARE = 2.0
# A machine that is busy just now is not taken for one that is slower than that.
_SLOWEST = 2.0
# So often a large heap is walked, or a door shut, before it is given up.
_WALKS = 3
# With more objects than that the program has frozen some itself.
FROZEN = 1000


class NoCollections:
    """``with NoCollections(stall):`` garbage is not collected while an update with a bound is staged, for it makes much that lives on.

    All that is young then counts as old: to look through it at once would be a stall. What the program sets meanwhile stands.
    """

    def __init__(self, stall: Stall) -> None:
        self._wanted = bool(stall.bound_us)
        self._before: tuple[int, int, int] | None = None

    def __enter__(self) -> None:
        before = gc.get_threshold()
        if self._wanted and before[0]:
            self._before = before
            gc.set_threshold(0, *before[1:])

    def __exit__(self, *error: object) -> None:
        before = self._before
        if before is None:
            return
        if gc.isenabled() and gc.get_freeze_count() < FROZEN:
            at_once(starmap(call, [(gc.freeze,), (gc.unfreeze,)]))
        if gc.get_threshold() == (0, *before[1:]):
            gc.set_threshold(*before)


def calibrate(stall: Stall) -> None:
    """Measure what an operation takes on this machine, in some tens of microseconds."""

    def probe() -> None: ...

    shortest = min(_time([(setattr, probe, "__code__", probe.__code__)] * 100) for _ in range(5))
    stall.operation_us = min(max(OPERATION, _SPARE * shortest / 100), _SLOWEST)


def _time(ops: list[Op]) -> float:
    since = time.perf_counter()
    deque(starmap(call, ops), 0)
    return (time.perf_counter() - since) * 1e6


def expected(ops: Iterable[Op], stall: Stall) -> float:
    """The microseconds that it takes to carry out ``ops`` at one instant."""
    factor = stall.operation_us / OPERATION
    return BESIDES + factor * sum(map(_of_operation, ops))


def _of_operation(op: Op) -> float:
    if op[0] is setattr or (len(op) > 3 and isinstance(op[1], dict)):
        return OPERATION
    cache: Any = getattr(op[0], "__self__", None)
    if hasattr(cache, "cache_info"):
        return OPERATION + CACHED * int(cache.cache_info().currsize)
    return IN_CLASS


def frames() -> int:
    """How many frames are on all stacks, counted while other threads run."""
    return sum(1 for _ in each_frame())


def listing_us(targets: int = 1) -> float:
    """The microseconds that it takes to look through the heap for what refers to so many targets."""
    # Most objects take two blocks or more.
    return sys.getallocatedblocks() / 2 * (REFERRING if targets <= TARGETS else KINDS) * 1e6


def check_listing(stall: Stall, what: str, targets: int = 1) -> None:
    """Raise Refused if a look through the heap would take too long."""
    need = listing_us(targets)
    if stall.bound_us and need > stall.bound_us:
        raise too_long(
            stall, f"{what} only by a look through the heap", need, "leave it out with --hold, or "
        )


def too_long(stall: Stall, what: str, need: float, instead: str = "") -> Refused:
    """What is raised where a bound can't be kept; ``instead`` ends with "or"."""
    return Refused(
        f"{what}, which would hold the program up for about {need:,.0f} µs: more than the {stall.bound_us:,.0f} µs of --max-stall",
        f"{instead}allow more: --max-stall {round(need * 1.5):d}",
    )


def not_now(update: Evaluation) -> str:
    """Why the stacks or the heap can't be looked at now without a stall that is too long; "" if they can."""
    stall, activity = update.stall, update.activity_back or update.activity
    if not stall.bound_us:
        return ""
    count = frames()
    if BESIDES + count * FRAME > stall.bound_us:
        return f"the stacks are {count:,} frames deep in all: to look at them would be a stall of {count * FRAME:,.0f} µs"
    if activity is not None and activity.suspends:
        need = listing_us(activity.targets)
        if need > stall.bound_us:
            return f"the heap has grown: to look through it would be a stall of {need:,.0f} µs"
    return ""


def broken(stall: Stall) -> list[str]:
    """What is to be said if a stall was longer than it was expected to be."""
    if not 0 < stall.bound_us < stall.longest_us:
        return []
    return [
        f"a stall of {stall.longest_us:.0f} µs was longer than expected, and than --max-stall: something else kept the processor busy"
    ]


def check(update: Evaluation, units: list[Unit]) -> None:
    """Raise Refused for a plan of which some step can't be kept under the bound, there or back."""
    stall, plan = update.stall, update.plan
    if not stall.bound_us:
        return
    if plan.objects and plan.pace == "eager":
        raise Refused(
            "objects are converted without a pause with --objects eager, and --max-stall forbids that",
            "use --objects sweep or lazy",
        )
    if update.activity is not None and update.activity.suspends:
        what = f"{min(update.activity.suspends)} can be suspended, which is found out"
        check_listing(stall, what, update.activity.targets)
    todo = [unit for unit in units if not unit.held]
    steps = [todo] if plan.policy in ("atomic", "when") else steps_of(todo)
    worst = max(steps, key=lambda step: _of_units(step, stall), default=[])
    _check_step(worst, stall, "at one instant")
    if any(unit.back_needs is None for unit in todo):
        _check_step(todo, stall, "at one instant on the way back")


def swept(update: Evaluation) -> None:
    """The heap has been walked, and it is not sure that all objects were found. Raises Refused after some times."""
    update.walks += 1
    if update.walks >= _WALKS:
        some = min((part.cls for part in update.plan.objects), default="")
        raise too_long(
            update.stall,
            f"the objects of {some} can be found for certain only by a look through the heap",
            listing_us(),
            "update with --objects lazy, or ",
        )


def passed(update: Evaluation, units: list[Unit]) -> None:
    """Callers have waited at a door for as long as they may. Raises Refused after some times."""
    update.passed += 1
    if update.passed >= _WALKS:
        some = next((step.target for unit in units for step in unit.mappers), units[0].title)
        raise Refused(
            f"callers would wait for longer than the {update.stall.bound_us:,.0f} µs of --max-stall while {some} is converted",
            "make the mapper quicker, or allow more with --max-stall",
        )


def _check_step(step: list[Unit], stall: Stall, how: str) -> None:
    need = _of_units(step, stall)
    if need > stall.bound_us:
        count = sum(len(unit.names) for unit in step)
        some = next((unit.names[0] for unit in step if unit.names), "top-level statements")
        what = f"{count} procedures ({some} and others) switch {how}"
        raise too_long(stall, what, need, "update fewer at a time, naming them, or ")


def _of_units(units: list[Unit], stall: Stall) -> float:
    return expected((op for unit in units for op in unit.switch.do), stall)


def steps_of(units: list[Unit], *, back: bool = False) -> list[list[Unit]]:
    """The smallest sets that may switch one after the other: each with what it can reach and has not gone before."""
    steps: list[list[Unit]] = []
    gone: set[int] = set()
    for unit in sorted(units, key=lambda u: len(_needs(u, units, back))):
        if id(unit) in gone:
            continue
        step = [unit, *(n for n in _needs(unit, units, back) if id(n) not in gone and not n.held)]
        gone.update(map(id, step))
        steps.append(step)
    return steps


def _needs(unit: Unit, units: list[Unit], back: bool) -> list[Unit]:
    if not back:
        return [n for n in unit.needs if not n.done and n is not unit]
    return [n for n in (units if unit.back_needs is None else unit.back_needs) if n.done and n is not unit]


def split(stall: Stall, units: list[Unit], *, back: bool = False) -> list[list[Unit]]:
    """``units``, which may all switch now, in as few instants as the bound allows; each only calls what went before or goes with it."""
    if not stall.bound_us or _of_units(units, stall) <= stall.bound_us:
        return [units]
    found: list[list[Unit]] = []
    spent = 0.0
    here = set(map(id, units))
    for step in steps_of(units, back=back):
        if not here.issuperset(map(id, step)):
            continue
        need = _of_units(step, stall) - BESIDES
        if not found or spent + need > stall.bound_us:
            found.append([])
            spent = BESIDES
        found[-1] += step
        spent += need
    return found
