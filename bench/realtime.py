"""Real time: how late a periodic task of 1 kHz begins its periods through 1,000 updates, against the same without.

The program (``stage/realtime_main.py``) has a thread that is to run every millisecond and another one that works; both call what changes: 40 procedures,
there and back again. Updates are made one right after the other, with and without ``--max-stall``; between them come windows of the same length in which nothing
happens, and in which another process is as busy as a planner is. As in ``stall`` the program runs with real-time priority where the user has that right.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.children import STAGE, Child, command, workplace
from bench.machine import Machine, Taken
from bench.stall import BUSY

UPDATES, QUICK = 1000, 50
# Updates in one window.
BATCH = 25
PROCEDURES = 40
BOUND_US = 300.0
QUANTILES = ("0.5", "0.99", "0.999", "1")
# Classes of the histogram for each power of ten; the first begins at one microsecond.
FINE = 20
WINDOWS = ("idle", "busy", "update", "bounded")


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns for each kind of window how late the task was, and podus's own longest stall."""
    updates = QUICK if quick else UPDATES
    own: dict[str, list[float]] = {"update": [], "bounded": []}
    seconds: list[float] = []
    with workplace() as place:
        versions = write(place)
        argv = command("control", place / "run" / "main.py")
        with Child(place, "control", argv) as child, home(place), Machine() as machine:
            child.hear()
            window = Windows(child)
            length = 2.0
            number = 0
            for _ in range(updates // BATCH):
                for kind in WINDOWS:
                    with window(kind):
                        if kind == "idle":
                            time.sleep(length)
                        elif kind == "busy":
                            busy(place / "run", length)
                        else:
                            begun = time.monotonic()
                            for _ in range(BATCH):
                                number += 1
                                status = update(versions[number % 2], BOUND_US if kind == "bounded" else 0.0)
                                own[kind].append(status["stall_us"])
                                seconds.append(status["ended"] - status["started"])
                            length = time.monotonic() - begun
                            expected = 1 + number % 2
                if window.version != expected:
                    raise RuntimeError(f"the program runs version {window.version}, not {expected}")
                print(f"  {number:,} updates", flush=True)
            seen = child.ask({"do": "dump"})
            priority = child.priority
    rows = {kind: summary(each["seen"], each["missed"], machine.taken) for kind, each in seen.items()}
    for kind, stalls in own.items():
        rows[kind]["own_stall_us"] = {"median": sorted(stalls)[len(stalls) // 2], "longest": max(stalls)}
    for kind in WINDOWS:
        show(kind, rows[kind])
    return {
        "rows": rows,
        "updates": updates,
        "procedures": PROCEDURES,
        "bound_us": BOUND_US,
        "seconds": sorted(seconds)[len(seconds) // 2],
        "priority": priority,
        "machine_measured": machine.taken.measured,
    }


def summary(seen: list[tuple[float, float]], missed: int, taken: Taken) -> dict[str, Any]:
    """How late the periods began, without the time that the machine took meanwhile: quantiles and a histogram; ``seen_us`` with it."""
    late = sorted(each - taken.within(due, due + each) for due, each in seen)
    classes: dict[int, int] = {}
    for each in late:
        place = int(FINE * math.log10(max(each * 1e6, 1.0)))
        classes[place] = classes.get(place, 0) + 1
    return {
        "periods": len(seen),
        "missed": missed,
        "late_us": {
            q: late[min(len(late) - 1, math.ceil(float(q) * len(late)) - 1)] * 1e6 for q in QUANTILES
        },
        "seen_us": max(each for _, each in seen) * 1e6,
        "classes": sorted(classes.items()),
        "fine": FINE,
    }


def show(kind: str, row: dict[str, Any]) -> None:
    """One line on the terminal."""
    late = row["late_us"]
    own = f", podus's own stall {row['own_stall_us']['longest']:.0f}" if "own_stall_us" in row else ""
    print(
        f"  {kind:8} late by p50 {late['0.5']:.0f}, p99 {late['0.99']:.0f}, p99.9 {late['0.999']:.0f}, max {late['1']:.0f} µs"
        f" in {row['periods']:,} periods{own}",
        flush=True,
    )


class Windows:
    """``with window(kind):`` the task runs, and what it sees counts for that kind."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self.version = 0

    @contextmanager
    def __call__(self, kind: str) -> Iterator[None]:
        self._child.ask({"do": "begin", "window": kind})
        yield
        self.version = self._child.ask({"do": "rest"})["version"]


@contextmanager
def home(place: Path) -> Iterator[None]:
    """Have podus look for programs where this run's are."""
    before = os.environ.get("PODUS_HOME")
    os.environ["PODUS_HOME"] = str(place / "podus")
    try:
        yield
    finally:
        if before is None:
            del os.environ["PODUS_HOME"]
        else:
            os.environ["PODUS_HOME"] = before


def update(goal: Path, max_stall: float) -> dict[str, Any]:
    """One update to the version in ``goal``, as the command makes it; its last status. RuntimeError if it does not complete."""
    from podus.planning.request import make_plan
    from podus.portmap import lookup
    from podus.ush import client

    entry = lookup.find("control")
    with client.connect(entry) as pup:
        plan = make_plan(
            {"socket": entry.socket, "from": str(goal), "max_stall": max_stall}, executable=entry.executable
        )
        if plan.refusals:
            raise RuntimeError(plan.refusals[0].text)
        ident = pup.call("update", plan=plan.directory)["id"]
        status: dict[str, Any] = pup.call("status", update=ident)
        while status["state"] in ("staging", "pending"):
            status = pup.call("wait", update=ident, seconds=5, after=status["events"])
    if status["state"] != "complete":
        raise RuntimeError(f"the update did not complete: {status}")
    return status


def busy(sources: Path, seconds: float) -> None:
    """Another process, at work as a planner would be, that has nothing to do with the program."""
    subprocess.run([sys.executable, "-c", BUSY, str(sources), str(seconds)], check=True)


def write(place: Path) -> tuple[Path, Path]:
    """The program, and its two versions."""
    versions = (place / "v1", place / "v2")
    for number, root in enumerate((place / "run", *versions)):
        root.mkdir()
        shutil.copy(STAGE / "realtime_main.py", root / "main.py")
        (root / "control.py").write_text(module(2 if number == 2 else 1))
    return versions


def module(version: int) -> str:
    """The module that changes: chains of calls, and a number in each procedure that differs between the versions."""
    lines = [f"def version():\n    return {version}\n"]
    for n in range(PROCEDURES - 1):
        inner = f"p{n + 1}(x + 1)" if n % 10 < 9 and n < PROCEDURES - 2 else "x"
        lines.append(f"def p{n}(x):\n    total = x * {version}\n    return total % 1000 + {inner}\n")
    lines.append("def step(turn):\n    return p0(turn)\n")
    lines.append("def work(turn):\n    return sum(p10(turn + n) + p20(n) for n in range(10))\n")
    return "\n\n".join(lines)
