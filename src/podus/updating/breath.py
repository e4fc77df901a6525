"""Letting the program's threads in while podus works in its process.

A thread that computes keeps the GIL for CPython's switch interval (5 ms) whenever another one wants it; that would be a stall of 5 ms
for every thread of the program, and a program of many busy threads would keep us waiting as long for each of them. So while podus
works the interval is shorter, and whatever loops over many things takes a breath every tenth of a millisecond, longer than the work
before it. So hardly any thread of the program becomes ready in one slice of ours, and those that do don't wait in line for the rest:
with slices of half a millisecond and short breaths, threads that were at work two thirds of the time saw stalls of 10 ms.
"""

from __future__ import annotations

import sys
import time

from podus.threads import allocate_lock, local, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeVar

    Item = TypeVar("Item")

# Seconds of work between two breaths, and the length of one.
WORK = 0.0001
PAUSE = 0.0003
# The same for work that is long in all, with a million objects.
LONG_WORK = 0.0003
LONG_PAUSE = 0.0005
# Where we wait long for our turn, as threads compute without a rest, long work goes on for longer in each: at most for so many seconds more,
# a share of what we wait. They have turns of a millisecond themselves.
MORE = 0.0007
SHARE = 0.25
# The switch interval, in seconds, while podus works: a shorter one would take threads out of the middle of short work.
QUICK = 0.001
# Seconds by which a pause is too long where the program's threads do not wait for anything.
CROWDED = 0.003
# Who waits may have to wait for so many turns of others; and no turn is shorter than that, for there would be nothing but turns.
TURNS = 5
QUICKEST = 0.00005


# When the thread began to work: since its last breath, wherever in our work it took that.
_here = local()


class Breath:
    """Call it often: it sleeps for a moment when this thread has worked for a moment. ``long``: the work is long in all."""

    __slots__ = ("_long", "_pause", "_since", "_work", "late")

    def __init__(self, *, long: bool = False) -> None:
        self._long = long
        self._work, self._pause = (LONG_WORK, LONG_PAUSE) if long else (WORK, PAUSE)
        self._since: float = getattr(_here, "since", 0.0) or time.perf_counter()
        # Seconds that the last pauses were too long, on average.
        self.late = 0.0

    def __call__(self) -> None:
        """Let others run if it is time."""
        ended = time.perf_counter()
        if ended - self._since > self._work:
            sleep(self._pause)
            self._since = _here.since = time.perf_counter()
            self.late += (self._since - ended - self._pause - self.late) / 16
            if self._long:
                self._work = LONG_WORK + min(max(self.late, 0.0) * SHARE, MORE)


def paced(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with a breath between two of them whenever it is time."""
    breath = Breath()
    for item in items:
        yield item
        breath()


def let_go(container: Any, breath: Breath | None = None) -> None:
    """Empty a large dictionary, list or set piece by piece: to free all that is in it at once would be a stall."""
    take = container.popitem if isinstance(container, dict) else container.pop
    breath = breath or Breath(long=True)
    while container:
        for _ in range(min(100, len(container))):
            take()
        breath()


class _Alone:
    """One time alone: no generator, as :mod:`contextlib` would be loaded into every program."""

    __slots__ = ("_before", "_seconds", "_turns")

    def __init__(self, turns: _QuickTurns, seconds: float) -> None:
        self._turns = turns
        self._seconds = seconds
        self._before = 0.0

    def __enter__(self) -> None:
        with self._turns._lock:
            self._turns._alone += 1
            self._before = sys.getswitchinterval()
            sys.setswitchinterval(self._seconds)
        # Each thread that waits for its turn goes on by the time that was set when it began to: after that time none does so by the old one.
        try:
            sleep(max(self._before, self._turns._before))
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        turns = self._turns
        with turns._lock:
            turns._alone -= 1
            if abs(sys.getswitchinterval() - self._seconds) < 2e-6:
                ended = turns._inside == 0 and abs(self._before - turns._set) < 2e-6
                sys.setswitchinterval(turns._before if ended else self._before)


class _QuickTurns:
    """``with quick_turns:`` around work of ours. What the program itself sets meanwhile stands."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._inside = 0
        self._before = 0.0
        self._quick = self._set = QUICK
        self._until = 0.0
        self._alone = 0

    def no_longer_than(self, stall: float, last: float = float("inf")) -> None:
        """Let nobody wait for longer than ``stall`` seconds for threads of ours, from the next time on and for the ``last`` seconds; 0: as usual."""
        self._quick = min(QUICK, max(stall / TURNS, QUICKEST)) if stall else QUICK
        self._until = time.monotonic() + last

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before = sys.getswitchinterval()
            if self._quick < QUICK and time.monotonic() > self._until:
                self._quick = QUICK
            if sys.getswitchinterval() > self._quick + 2e-6 and not self._alone:
                self._set = self._quick
                sys.setswitchinterval(self._set)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and abs(sys.getswitchinterval() - self._set) < 2e-6:
                sys.setswitchinterval(self._before)

    def relax(self, late: float) -> None:
        """Let the program have its own switch interval meanwhile, unless we come back from our pauses so ``late`` that its threads must be computing.

        For work of ours that takes breaths, and with a lock that the program's threads want: who is stopped in the middle of it keeps all others waiting.
        """
        with self._lock:
            wanted = self._set if late > CROWDED else self._before
            known = (self._set, self._before)
            if self._inside and any(abs(sys.getswitchinterval() - each) < 2e-6 for each in known):
                sys.setswitchinterval(wanted)

    def alone(self, seconds: float) -> _Alone:
        """``with quick_turns.alone(s):`` no other thread runs for up to ``s`` seconds, unless this one waits itself; to get there may take some times that, where others compute."""
        return _Alone(self, seconds)

    def forget(self) -> None:
        """In a forked child: whoever was inside is not here."""
        self._lock = allocate_lock()
        if self._inside and abs(sys.getswitchinterval() - self._set) < 2e-6:
            sys.setswitchinterval(self._before)
        self._inside = self._alone = 0


quick_turns = _QuickTurns()
