"""Start-up: what `podus run` adds to the time and the memory of a program that does nothing, and of one that imports much.

Plain and podus take turns. The time is from the start of the command to the end of the process. The memory is the most that the
process itself ever had resident (``VmHWM``, which begins anew at exec; ``ru_maxrss`` would count whoever started it).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.children import command, environment, hurry, workplace
from bench.figures import interval

MEMORY = """
def _memory():
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except OSError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
import time; time.sleep(0.3); print(_memory())
"""
MODULES = 200
IMPORTABLE = """
import sys, importlib, pkgutil, warnings, contextlib, io
warnings.simplefilter("error")  # no module that is on its way out
skip = {"antigravity", "this", "idlelib", "turtledemo", "turtle", "tkinter", "test", "lib2to3", "ensurepip", "venv", "site"}
names = sorted(n for n in sys.stdlib_module_names if not n.startswith("_") and n not in skip)
for name in ("asyncio", "email", "xml.etree", "concurrent.futures", "json", "logging", "multiprocessing", "unittest", "http", "urllib",
             "importlib", "wsgiref", "dbm", "curses", "ctypes", "sqlite3", "encodings"):
    with contextlib.suppress(ImportError):
        package = importlib.import_module(name)
        names += sorted(f"{name}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if m.name not in ("__main__", "macholib"))
for name in names:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            importlib.import_module(name)
    except BaseException:
        continue
    print(name)
"""


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns the raw milliseconds and MiB of every start, and the differences between podus and plain."""
    rounds = 8 if quick else 40
    rows: dict[str, Any] = {}
    with workplace() as place:
        listed = subprocess.run(
            [sys.executable, "-c", IMPORTABLE], capture_output=True, text=True, check=True, cwd=place
        )
        names = listed.stdout.split()[:MODULES]
        programs = {"nothing": "", f"{len(names)} modules": "".join(f"import {name}\n" for name in names)}
        for title, source in programs.items():
            script = place / f"{title.replace(' ', '_')}.py"
            weighed = place / f"{script.stem}_memory.py"
            script.write_text(source, encoding="utf-8")
            weighed.write_text(source + MEMORY, encoding="utf-8")
            row: dict[str, dict[str, list[float]]] = {
                "ms": {"plain": [], "podus": []},
                "mib": {"plain": [], "podus": []},
            }
            for turn in range(rounds + 2):
                for kind in ("plain", "podus") if turn % 2 else ("podus", "plain"):
                    took = start(place, script, kind)[0]
                    if turn >= 2:  # the first two fill the file cache
                        row["ms"][kind].append(took * 1000)
            for _ in range(3 if quick else 7):
                for kind in ("plain", "podus"):
                    row["mib"][kind].append(int(start(place, weighed, kind)[1]) / 1024)
            rows[title] = row | {"difference": {unit: difference(row[unit]) for unit in row}}
            found = rows[title]["difference"]
            print(
                f"  {title:14} {found['ms']['median']:+.1f} ms  {found['mib']['median']:+.2f} MiB", flush=True
            )
    worst = {unit: max(row["difference"][unit]["median"] for row in rows.values()) for unit in ("ms", "mib")}
    return {"rows": rows, "summary": worst, "rounds": rounds}


def start(place: Path, script: Path, kind: str) -> tuple[float, str]:
    """Run ``script`` once: the seconds that it took, and what it printed."""
    begun = time.perf_counter()
    done = subprocess.run(
        command(None if kind == "plain" else "startup", script),
        cwd=place,
        env=environment(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=hurry,
    )
    took = time.perf_counter() - begun
    if done.returncode or (kind == "podus" and done.stderr):
        raise RuntimeError(f"{script.name} ({kind}) ended with {done.returncode}: {done.stderr}")
    return took, done.stdout


def difference(taken: dict[str, list[float]]) -> dict[str, Any]:
    """Podus less plain, start by start, as they took turns."""
    pairs = [ours - base for ours, base in zip(taken["podus"], taken["plain"], strict=True)]
    return {
        "median": statistics.median(pairs),
        "interval": interval(pairs),
        "plain": statistics.median(taken["plain"]),
        "podus": statistics.median(taken["podus"]),
    }
