"""Steady state: the same programs, plain and under podus, taking turns.

For each program of pyperformance several sets of processes are started, one of each kind. The processes of a set are
asked in turn for one round of about ``ROUND`` seconds each (short, so that those of a turn see the same machine), so that whatever the machine does meanwhile hits all kinds
alike. The kinds are plain Python, plain Python once more (how far two
equal processes are apart here: what no figure can be better than), a program under podus, and one
whose every procedure was updated and backed out before it was measured.
"""

from __future__ import annotations

import ast
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from bench.children import STAGE, Child, command, podus, workplace
from bench.figures import geomean, ratio, spread

PROGRAMS = (
    "chaos", "comprehensions", "coroutines", "deepcopy", "deltablue", "fannkuch", "float", "generators", "go",
    "hexiom", "json_dumps", "logging", "nbody", "nqueens", "pyflate", "raytrace", "richards", "router",
    "scimark", "spectral_norm", "telco", "unpack_sequence",
)  # fmt: skip
ARGUMENTS = {"logging": ("simple",)}
KINDS = ("plain", "control", "podus", "updated")
ROUND = 0.012
# Processes of each kind a program; more make the figures steadier.
SETS = 8
LONGEST = 1.5  # seconds that the rounds of one process may take together


def stage(program: str, place: Path) -> tuple[Path, Path]:
    """Copy ``program`` beside our stand-in of pyperf; returns its script, and the directory of a version with every procedure changed."""
    old, new = place / program, place / f"{program}-2"
    for target in (old, new):
        if program == "router":
            demo = Path(str(resources.files("podus.demo")))
            shutil.copytree(demo / "v1" / "routing", target / "routing")
            shutil.copy(demo / "packets.py", target)
            shutil.copy(STAGE / "router_bench.py", target / "run_benchmark.py")
        else:
            source = (
                Path(str(resources.files("pyperformance"))) / "data-files" / "benchmarks" / f"bm_{program}"
            )
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(STAGE / "pyperf.py", target)
    for path in new.rglob("*.py"):
        if path.name != "pyperf.py":
            path.write_text(change_every_procedure(path.read_text(encoding="utf-8")), encoding="utf-8")
    return old / "run_benchmark.py", new


def change_every_procedure(source: str) -> str:
    """The same program with other code in every procedure: each gets another docstring, which costs nothing to run.

    The procedure that starts the benchmark is active as long as it is measured, and stays as it is.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not stays(node):
            if ast.get_docstring(node, clean=False) is not None:
                node.body.pop(0)
            node.body.insert(0, ast.Expr(ast.Constant(f"Changed: {node.name}.")))
    return ast.unparse(ast.fix_missing_locations(tree))


def stays(procedure: ast.AST) -> bool:
    """Whether ``procedure`` calls the runner of the benchmark."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr.startswith("bench_")
        and "runner" in ast.unparse(node.value)
        for node in ast.walk(procedure)
    )


def run(*, quick: bool, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    """Measure; returns the raw seconds a round of every process, and the ratios to plain Python."""
    rows: dict[str, Any] = {}
    sets, rounds = (3, 12) if quick else (SETS, 24)
    for program in PROGRAMS[:4] if quick else PROGRAMS:
        for _ in range(sets):
            with workplace() as place:
                for name, loops, taken in measure(program, place, rounds, kinds):
                    row = rows.setdefault(name, {"program": program, "loops": loops, "seconds": {}})
                    for kind, seconds in taken.items():
                        row["seconds"].setdefault(kind, []).append(seconds)
        for row in rows.values():
            if row["program"] != program:
                continue
            base = row["seconds"]["plain"]
            row["ratio"] = {kind: ratio(row["seconds"][kind], base) for kind in kinds if kind != "plain"}
            row["interval"] = {kind: spread(row["seconds"][kind], base) for kind in kinds if kind != "plain"}
        for name, row in rows.items():
            if row["program"] == program:
                print(
                    f"  {name:32}" + "".join(f" {kind} {value:.3f}" for kind, value in row["ratio"].items()),
                    flush=True,
                )
    summary = {
        kind: {
            "geometric_mean": geomean(row["ratio"][kind] for row in rows.values()),
            "worst": max(row["ratio"][kind] for row in rows.values()),
        }
        for kind in kinds
        if kind != "plain"
    }
    return {"rows": rows, "summary": summary, "sets": sets, "rounds": rounds}


def measure(
    program: str, place: Path, rounds: int, kinds: tuple[str, ...]
) -> list[tuple[str, int, dict[str, list[float]]]]:
    """One set: for each benchmark of ``program``, its name, the loops a round, and the seconds a loop of each kind's rounds."""
    script, changed = stage(program, place)
    children: dict[str, Child] = {}
    found = []
    try:
        for kind in kinds:
            under = None if kind in ("plain", "control") else f"{program}-{kind}"
            children[kind] = Child(place, kind, command(under, script, *ARGUMENTS.get(program, ())))
        names = {kind: child.hear() for kind, child in children.items()}
        if "updated" in children:
            children["updated"].ask(1)  # so that old code has run, and been specialised, before it is changed
            podus(place, "update", f"{program}-updated", "--from", str(changed))
            podus(place, "back-out", f"{program}-updated")
        while names["plain"]:
            (name,) = set(names.values())
            loops, took = calibrate(children["plain"])
            for child in children.values():
                child.ask(loops)
            taken: dict[str, list[float]] = {kind: [] for kind in kinds}
            for turn in range(max(4, min(rounds, round(LONGEST / took)))):
                # Each round starts with another kind, so that none always follows the same neighbour.
                for kind in kinds[turn % len(kinds) :] + kinds[: turn % len(kinds)]:
                    taken[kind].append(children[kind].ask(loops) / loops)
            found.append((name, loops, taken))
            for child in children.values():
                child.say(0)
            names = {kind: child.hear() for kind, child in children.items()}
    finally:
        for child in children.values():
            child.close()
    return found


def calibrate(child: Child) -> tuple[int, float]:
    """How many loops take about one round, and how many seconds they do take."""
    loops = 1
    while (took := min(child.ask(loops), child.ask(loops))) < ROUND / 2:
        loops = max(loops + 1, min(loops * 10, int(loops * ROUND / max(took, 1e-7))))
    return loops, took
