"""Letting the program's threads in while podus works in its process.

A thread that computes keeps the GIL for CPython's switch interval (5 ms) whenever another one wants it; that would be a stall of 5 ms
for every thread of the program. So whatever loops over many things takes a breath every half millisecond.
"""

from __future__ import annotations

import time

# Seconds of work between two breaths, and the length of one: long enough for a waiting thread to wake up and take the GIL.
WORK = 0.0005
PAUSE = 0.00005


class Breath:
    """Call it often: it sleeps a moment when this thread has worked for half a millisecond."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def __call__(self) -> None:
        """Let others run if it is time."""
        if time.perf_counter() - self._since > WORK:
            time.sleep(PAUSE)
            self._since = time.perf_counter()
