"""What the machine takes by itself, without any doing of the program or of podus.

On each processor one process does nothing but sleep half a millisecond, before all others, and note when it woke late: then the machine (a host
that gives the processor to another guest, the firmware, the kernel) had it, and whatever ran there stood still as well. It is what Gil Tene's jHiccup
measures of a platform. A thread that was late by 6 ms while the machine was gone for 5 of them was held up for one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from bisect import bisect_left
from contextlib import suppress
from types import TracebackType

_METER = """
import json, os, sys, threading, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
clock, rest, end = time.monotonic, time.sleep, over.is_set
found, due = [], clock() + 0.0005
while not end():
    rest(max(0.0, due - clock()))
    now = clock()
    if now - due > 0.0003:
        found.append((due, now))
    due = max(due + 0.0005, now)
print(json.dumps(found))
"""

Interval = tuple[float, float]


class Taken:
    """The times, on the monotonic clock, that the machine took; ``measured`` says whether it could be seen."""

    def __init__(self, intervals: list[Interval], *, measured: bool) -> None:
        self.measured = measured
        self.intervals: list[Interval] = []
        for begun, ended in sorted(intervals):
            if self.intervals and begun <= self.intervals[-1][1]:
                self.intervals[-1] = (self.intervals[-1][0], max(ended, self.intervals[-1][1]))
            else:
                self.intervals.append((begun, ended))
        self._ends = [ended for _, ended in self.intervals]

    def within(self, begun: float, ended: float) -> float:
        """Seconds of this time."""
        total = 0.0
        for i in range(bisect_left(self._ends, begun), len(self.intervals)):
            first, last = self.intervals[i]
            if first >= ended:
                break
            total += min(last, ended) - max(first, begun)
        return total

    def longest(self, begun: float, ended: float) -> float:
        """Seconds of the longest one that touches this time."""
        return max((b - a for a, b in self.intervals if a < ended and b > begun), default=0.0)


class Machine:
    """``with Machine() as machine:``, and afterwards ``machine.taken``; nothing is seen where the user may not have real-time priority."""

    def __init__(self) -> None:
        self.taken = Taken([], measured=False)
        self._meters: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Machine:
        for cpu in sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ():
            self._meters.append(
                subprocess.Popen(
                    [sys.executable, "-c", _METER, str(cpu)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        found: list[Interval] = []
        measured = bool(self._meters)
        for meter in self._meters:
            with suppress(BrokenPipeError):
                said, _ = meter.communicate()
                measured = measured and meter.returncode == 0
                found += [(a, b) for a, b in json.loads(said)] if meter.returncode == 0 else []
        self.taken = Taken(found if measured else [], measured=measured)
