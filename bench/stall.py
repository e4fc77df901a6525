"""An update of a large program at work: the longest stall that any of its threads sees, and what it does to throughput.

The program (``bigprogram``, ``stage/big_main.py``) has 1,000 or 10,000 procedures in 100 modules and 1,000,000 live objects
that the collector tracks. 200 procedures change, there and back again, with podus' own command. Before each update come a time
in which nothing happens and one in which another process compiles the same sources: what the machine does to the program
when its other core is busy, which is no doing of podus. For the same reason the program asks for real-time priority, and gets it
where the user has the right: then it waits for itself and for podus, and hardly for others; and what the machine takes by itself is noted
(``machine``), and is no part of a stall.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import bigprogram
from bench.children import Child, command, podus, workplace
from bench.figures import quantile
from bench.machine import Machine, Taken

SIZES = (1_000, 10_000)
CHANGED = 200
OBJECTS = 1_000_000
WORKERS = 4
IDLE = 2.0
AFTERMATH = 0.25
BEFORE, SLICE = 1.0, 0.05
BUSY = """
import pathlib, sys, time
files = [p.read_text() for p in pathlib.Path(sys.argv[1]).rglob("*.py")]
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    for text in files:
        compile(text, "x", "exec")
        if time.monotonic() > end:
            break
"""


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns for each size the windows with what the threads saw in each, and their summary."""
    rows = {}
    for size in SIZES:
        with workplace() as place:
            versions = bigprogram.write(place, size, CHANGED)
            rows[str(size)] = row = under_podus(place, versions, cycles=2 if quick else 10)
        show(f"{size:,} procedures", row)
    return {"rows": rows, "changed": CHANGED, "objects": OBJECTS, "workers": WORKERS}


def show(title: str, row: dict[str, Any]) -> None:
    """One line on the terminal."""
    found = row["summary"]
    print(
        f"  {title:18} stall {found['update']['stall_ms']['longest']:.2f} ms (idle {found['idle']['stall_ms']['longest']:.2f}),"
        f" throughput {found['throughput']:.3f}, done in {found['seconds']:.2f} s",
        flush=True,
    )


def under_podus(place: Path, versions: tuple[Path, Path], cycles: int) -> dict[str, Any]:
    """The large program under podus, updated to the second version and to the first again, ``cycles`` times in all."""
    arguments = ("none", str(OBJECTS), str(WORKERS))
    with Child(place, "big", command("big", versions[0] / "main.py", *arguments)) as child:

        def update(number: int) -> dict[str, Any]:
            goal = versions[(number + 1) % 2]
            answer, took = podus(place, "update", "big", "--from", str(goal))
            return details(answer, took)

        return watch(child, versions, update, cycles)


def details(answer: dict[str, Any], took: float) -> dict[str, Any]:
    """What podus itself says of an update: its stall, and how long the process had to do with it; the rest was outside."""
    status = answer.get("status", answer)
    if status.get("state") != "complete":
        raise RuntimeError(f"the update did not complete: {status}")
    inside = status["ended"] - status["started"]
    return {
        "own_stall_ms": status["stall_us"] / 1000,
        "inside_seconds": inside,
        "planner_share": 1 - inside / took,
    }


def watch(
    child: Child,
    versions: tuple[Path, Path],
    update: Callable[[int], dict[str, Any]],
    cycles: int,
    idle: float = IDLE,
) -> dict[str, Any]:
    """Take the program through ``cycles`` of idle, busy and update; returns the windows and their summary."""
    child.hear()
    with Machine() as machine:
        windows, reached = _through(child, versions, update, cycles, idle)
    return summarise(windows, child.ask("dump"), reached, machine.taken) | {"priority": child.priority}


def _through(
    child: Child,
    versions: tuple[Path, Path],
    update: Callable[[int], dict[str, Any]],
    cycles: int,
    idle: float,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    windows: list[dict[str, Any]] = []

    def window(kind: str, action: Callable[[], dict[str, Any] | None]) -> None:
        begun = time.monotonic()
        more = action() or {}
        ended = time.monotonic()
        if kind == "update":
            time.sleep(AFTERMATH)
        windows.append(
            {"kind": kind, "from": begun, "to": time.monotonic(), "seconds": ended - begun, **more}
        )

    time.sleep(1)
    reached = []
    for number in range(cycles):
        length = windows[-1]["seconds"] if windows else 1.0
        window("idle", lambda: time.sleep(idle))
        window("busy", lambda length=length: busy(versions[1], min(max(length, 0.5), 3.0)))  # type: ignore[misc]
        window("idle", lambda: time.sleep(idle))
        window("update", lambda number=number: update(number))  # type: ignore[misc]
        reached.append(child.ask("reached"))
        expected = reached[-1]["of"] if number % 2 == 0 else 0
        reached[-1]["expected"] = expected
    return windows, reached


def busy(sources: Path, seconds: float) -> None:
    """Another process, at work as a planner would be, that has nothing to do with the program."""
    subprocess.run([sys.executable, "-c", BUSY, str(sources), str(seconds)], check=True)


def summarise(
    windows: list[dict[str, Any]], seen: dict[str, Any], reached: list[dict[str, Any]], taken: Taken
) -> dict[str, Any]:
    """Cut what the threads saw into the windows. A stall is what remains without the time that the machine took meanwhile."""
    requests = sorted(tuple(item) for kept in seen["requests"] for item in kept)
    usual_request = statistics.median(took for _, took in requests)
    usual_wake = statistics.median(gap for _, gap in seen["probe"])
    for item in windows:
        late, slow = (
            [
                ((took - usual) * 1000, at + usual, at + took)
                for at, took in times
                if item["from"] <= at + took and at <= item["to"]
            ]
            for times, usual in ((seen["probe"], usual_wake), (requests, usual_request))
        )
        item["seen_ms"] = max(ms for ms, _, _ in late + slow)
        item["stall_ms"] = max(ms - taken.within(begun, ended) * 1000 for ms, begun, ended in late + slow)
        item["machine_ms"] = taken.longest(item["from"], item["to"]) * 1000
        item["late_ms"] = {
            str(q): quantile([ms for ms, _, _ in late], q) for q in (0.5, 0.9, 0.99, 0.999, 1.0)
        }
        served = sum(item["from"] <= at < item["from"] + item["seconds"] for at, _ in requests)
        item["rate"] = served / item["seconds"]
    by_time = sorted((item for item in windows if item["kind"] == "update"), key=lambda item: item["seconds"])
    shown = by_time[len(by_time) // 2]
    picture = trace(shown, requests, seen["probe"], usual_wake)
    origin = windows[0]["from"]
    for item in windows:
        item["from"], item["to"] = item["from"] - origin, item["to"] - origin
    summary: dict[str, Any] = {}
    for kind in ("idle", "busy", "update"):
        those = [item for item in windows if item["kind"] == kind]
        stalls = [item["stall_ms"] for item in those]
        summary[kind] = {
            "stall_ms": {"median": statistics.median(stalls), "longest": max(stalls)},
            "seen_ms": max(item["seen_ms"] for item in those),
            "machine_ms": max(item["machine_ms"] for item in those),
            "rate": statistics.median(item["rate"] for item in those),
        }
    pairs = [(windows[i]["rate"], windows[i - 1]["rate"]) for i in range(1, len(windows))]
    for kind, name in (("update", "throughput"), ("busy", "throughput_busy")):
        ratios = [
            now / before
            for (now, before), item in zip(pairs, windows[1:], strict=True)
            if item["kind"] == kind
        ]
        summary[name] = statistics.median(ratios)
    updates = [item for item in windows if item["kind"] == "update"]
    for name in ("seconds", "own_stall_ms", "inside_seconds", "planner_share"):
        if name in updates[0]:
            summary[name] = statistics.median(item[name] for item in updates)
    summary["own_stall_ms_longest"] = max((item.get("own_stall_ms", 0.0) for item in updates), default=0.0)
    summary["reached"] = reached[0]
    summary["right"] = all(item["named"] == item["kept"] == item["expected"] for item in reached)
    return {
        "windows": windows,
        "summary": summary,
        "reached": reached,
        "trace": picture,
        "traced_seconds": shown["seconds"],
        "machine_measured": taken.measured,
    }


def trace(
    window: dict[str, Any], requests: list[tuple[float, ...]], probe: list[list[float]], usual: float
) -> list[tuple[float, float, float]]:
    """One update second by second, for a picture: the time since the command, requests a second, the longest lateness in ms."""
    first, count = window["from"] - BEFORE, int((window["to"] + BEFORE - window["from"] + BEFORE) / SLICE)
    served, late = [0] * count, [0.0] * count
    for at, _ in requests:
        if 0 <= (place := int((at - first) // SLICE)) < count:
            served[place] += 1
    for at, gap in probe:
        if 0 <= (place := int((at + gap - first) // SLICE)) < count:
            late[place] = max(late[place], (gap - usual) * 1000)
    return [(i * SLICE - BEFORE, served[i] / SLICE, late[i]) for i in range(count)]
