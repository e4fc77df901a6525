"""``python -m bench.replay [PACKAGE ...] [--tool TOOL ...]``: update running processes from release to release, and run the new release's tests in them.

``make replay ARGS="click podus"`` runs what is named; what isn't keeps the results of its last run, and ``--newest`` takes only one pair of each package. ``lock`` as the only word
fetches all releases and writes their hashes; ``report`` writes the page from what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.replay import fetch, report
from bench.replay.tools import TOOLS

SUPPORT = Path(__file__).with_name("support")
RESULTS = Path(__file__).with_name("results.json")
PATIENCE = {"fresh": 900.0, "podus": 900.0}
OTHERS = 120.0  # seconds for a peer


def main() -> int:
    names = {package.name: package for package in fetch.packages()}
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description="Replay real releases.")
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help=f"{', '.join(names)}; {', '.join(TOOLS)}; lock; report"
    )
    parser.add_argument(
        "--newest", action="store_true", help="of each package only the newest pair of releases"
    )
    options = parser.parse_args()
    words = set(options.words)
    if unknown := words - {*names, *TOOLS, "lock", "report"}:
        parser.error(f"no such package or tool: {', '.join(sorted(unknown))}")
    results: dict[str, Any] = (
        json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"pairs": {}}
    )
    if "lock" in words:
        fetch.lock()
        return 0
    if words != {"report"}:
        chosen = [package for name, package in names.items() if name in words or not words & {*names}]
        tools = [tool for tool in TOOLS if tool in words or not words & {*TOOLS}]
        replay(chosen, tools, results, newest=options.newest)
    report.write(results, RESULTS.parents[2] / "docs" / "replay.md", [*names.values()])
    return 0


def replay(chosen: list[fetch.Package], tools: list[str], results: dict[str, Any], *, newest: bool) -> None:
    """Every pair of releases with every tool, one process after the other."""
    console = Console()
    work = [
        (package, pair) for package in chosen for pair in (package.pairs[-1:] if newest else package.pairs)
    ]
    columns = (TextColumn("{task.description:48}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(work) * len(tools))
        for package, (old, new) in work:
            key = f"{package.name} {old} {new}"
            row = results["pairs"].setdefault(key, {})
            try:
                before, after = fetch.release(package, old), fetch.release(package, new)
            except RuntimeError as error:
                console.print(f"{key}: {error}")
                progress.advance(task, len(tools))
                continue
            # What the others are held against comes from this machine and this run's environment.
            for tool in dict.fromkeys(
                [*([] if last(before, after, "fresh").exists() else ["fresh"]), *tools]
            ):
                progress.update(task, description=f"{key}: {tool}")
                result = one(before, after, tool)
                row[tool] = summary(
                    result, json.loads(last(before, after, "fresh").read_text(encoding="utf-8"))
                )
                console.print(f"{key:36} {tool:11} {told(row[tool])}")
                progress.advance(task)
                keep(results)


def keep(results: dict[str, Any]) -> None:
    results["on"] = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version()}
    rows = ",\n".join(f"{json.dumps(key)}:{json.dumps(row)}" for key, row in sorted(results["pairs"].items()))
    RESULTS.write_text(f'{{"on":{json.dumps(results["on"])},"pairs":{{\n{rows}}}}}\n', encoding="utf-8")


def told(row: dict[str, Any]) -> str:
    """One line of a process's result."""
    if row.get("refused"):
        return f"refused: {row['refused'][:120]}"
    if row.get("error"):
        return f"failed: {row['error'].strip().splitlines()[-1][:120]}"
    return f"{row['passed']} of {row['of']} tests, {row['seconds']:.0f} s"


def one(before: fetch.Release, after: fetch.Release, tool: str) -> dict[str, Any]:
    """One process; returns what it wrote, with ``error`` where it did not get to its end."""
    place = Path(tempfile.mkdtemp(prefix="pr", dir="/tmp"))
    package = before.package
    try:
        live = after.lib if tool == "fresh" else place / "site-packages"
        if tool != "fresh":
            shutil.copytree(before.lib, live, ignore=shutil.ignore_patterns("__pycache__"))
        support = SUPPORT / f"{package.name}-{after.version}.py"
        spec = {
            "support": str(support) if support.exists() else "",
            "tool": tool,
            "live": str(live),
            "modules": package.modules,
            "skip": package.skip,
            "args": package.args,
            "tests": package.tests,
            "in_package": package.in_package,
            "old_root": str(after.root if tool == "fresh" else before.root),
            "new": "" if tool == "fresh" else str(after.lib),
            "new_root": str(after.root),
            "new_lib": str(live),
            "result": str(place / "result.json"),
        }
        (place / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        begun = time.monotonic()
        ended = run(place, tool)
        result: dict[str, Any] = {}
        if (place / "result.json").exists():
            result = json.loads((place / "result.json").read_text(encoding="utf-8"))
        if ended and "tests" not in result:
            result.setdefault("error", ended)
        result["seconds"] = time.monotonic() - begun
        kept = last(before, after, tool)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(result, indent=1), encoding="utf-8")
        return result
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(place: Path, tool: str) -> str:
    """Run the child; returns why it did not end well, or ""."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PODUS"))}
    kept |= {"PODUS_HOME": str(place / "podus"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    kept |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    patience = PATIENCE.get(tool, OTHERS)
    with open(place / "said", "w+b") as said:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("child.py")), str(place / "spec.json")],
            cwd=place,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            return f"not done after {patience:.0f} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        said.seek(0)
        return "" if code == 0 else f"ended with {code}: {said.read().decode(errors='replace')[-1000:]}"


def last(before: fetch.Release, after: fetch.Release, tool: str) -> Path:
    """Where a process's whole result lies: every test with its outcome, and the tracebacks."""
    name = f"{before.package.name}-{before.version}-{after.version}-{tool}.json"
    return fetch.BUILD / "last" / name


def summary(result: dict[str, Any], fresh: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a process: how many of the tests that pass in a fresh process (``of``) pass in it, and which don't."""
    update = result.get("update", {})
    row: dict[str, Any] = {"seconds": round(result["seconds"], 1)}
    for key in ("identity", "objects", "imported"):
        if key in result:
            row[key] = result[key]
    for key in ("modules", "procedures", "refused", "refusals", "asks", "mappers", "reset"):
        if update.get(key):
            row[key] = update[key]
    if "error" in result:
        row["error"] = result["error"][-600:]
    first = fresh.get("before", {})
    passing = {n for n, o in fresh.get("tests", {}).items() if o == "passed" and first.get(n) == "passed"}
    tests = result.get("tests", {})
    lost = sorted(name for name in passing if tests.get(name) != "passed")
    # The place of this run's files says nothing.
    row = json.loads(re.sub(r"/[^ \"']*/site-packages/", "", json.dumps(row)))
    row |= {"of": len(passing), "passed": len(passing) - len(lost)}
    if lost and not row.get("refused") and "error" not in row:
        row["lost"] = lost[:20]
    return row


if __name__ == "__main__":
    sys.exit(main())
