"""Imports: how much longer a large package takes to import under podus, from warm caches and from none.

Plain and podus take turns, and the package is included in the program, so that every function of it gets its exit stubs. *Warm*: Python's and
podus's own bytecode cache are filled. *Cold*: there is nothing of the package in either, but the standard library is compiled; both write
their caches. The time is the processor's, the system's part included, for the import statements alone: start-up is measured elsewhere.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from bench.children import environment, hurry, workplace
from bench.figures import interval

# What a program of them imports at least.
PACKAGES = {
    "django": (
        "django",
        "django.db.models",
        "django.http",
        "django.urls",
        "django.forms",
        "django.template",
        "django.views.generic",
        "django.core.management",
        "django.test",
    ),
    "sqlalchemy": ("sqlalchemy", "sqlalchemy.orm", "sqlalchemy.dialects.sqlite"),
    "sympy": ("sympy",),
}
SCRIPT = """
import sys, time
begun = time.process_time()
{imports}
took = time.process_time() - begun
print(took, sum(name.partition(".")[0] == "{package}" for name in sys.modules))
"""


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns the milliseconds of every import, and the ratios of podus and plain, pair by pair."""
    rounds = {"warm": 5 if quick else 40, "cold": 2 if quick else 12}
    rows: dict[str, Any] = {}
    with workplace() as place:
        for package, names in PACKAGES.items():
            script = place / f"import_{package}.py"
            imports = "\n".join(f"import {name}" for name in names)
            script.write_text(SCRIPT.format(imports=imports, package=package), encoding="utf-8")
            row: dict[str, Any] = {"version": importlib.metadata.version(package)}
            for kind in ("cold", "warm"):
                taken: dict[str, list[float]] = {"plain": [], "podus": []}
                # The first two turns fill the caches, the file system's as well.
                for turn in range(rounds[kind] + 2):
                    for way in ("plain", "podus") if turn % 2 else ("podus", "plain"):
                        if kind == "cold":
                            forget(place)
                        took, row["modules"] = start(place, script, package if way == "podus" else None)
                        if turn >= 2:
                            taken[way].append(took * 1000)
                row[kind] = taken | compared(taken)
            rows[package] = row
            print(
                f"  {package:11} {row['modules']} modules, warm {row['warm']['ratio']:.3f}, cold {row['cold']['ratio']:.3f}",
                flush=True,
            )
    worst = {kind: max(row[kind]["ratio"] for row in rows.values()) for kind in rounds}
    return {"rows": rows, "summary": worst, "rounds": rounds}


def start(place: Path, script: Path, included: str | None) -> tuple[float, int]:
    """Run ``script`` once, under podus if a package is to be ``included``: the seconds of its imports, and how many modules of the package there are then."""
    command = [sys.executable]
    if included is not None:
        command += ["-m", "podus", "run", "--name", "imports", "--include", included, "--"]
    done = subprocess.run(
        [*command, str(script)],
        cwd=place,
        env=environment(place, PYTHONPYCACHEPREFIX=str(place / "python")),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=hurry,
    )
    if done.returncode or done.stderr:
        raise RuntimeError(f"{script.name} ended with {done.returncode}: {done.stderr}")
    took, modules = done.stdout.split()
    return float(took), int(modules)


def forget(place: Path) -> None:
    """Empty podus's cache, and Python's of what is installed."""
    shutil.rmtree(place / "podus" / "cache", ignore_errors=True)
    for kind in ("purelib", "platlib"):
        installed = Path(sysconfig.get_path(kind))
        shutil.rmtree(place / "python" / installed.relative_to(installed.anchor), ignore_errors=True)


def compared(taken: dict[str, list[float]]) -> dict[str, Any]:
    """How much longer podus took, start by start, as they took turns."""
    ratios = [ours / base for ours, base in zip(taken["podus"], taken["plain"], strict=True)]
    return {"ratio": statistics.median(ratios), "interval": interval(ratios)}
