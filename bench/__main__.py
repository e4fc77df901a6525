"""``python -m bench [PART ...] [--quick]``: measure, keep the numbers in bench/results.json, write docs/benchmarks.md and its plots.

A part that is not named keeps the numbers of its last run, and says so with its own date. ``--quick`` tries that all
works, in a minute or two, and keeps nothing. ``report`` as the only word draws what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from bench import (
    children,
    conformance,
    imports,
    objects,
    peers,
    realtime,
    report,
    stall,
    startup,
    steady,
    tasks,
)

PARTS = {
    "steady": steady.run,
    "startup": startup.run,
    "imports": imports.run,
    "stall": stall.run,
    "tasks": tasks.run,
    "realtime": realtime.run,
    "peers": peers.run,
    "objects": objects.run,
    "conformance": conformance.run,
}
RESULTS = Path(__file__).with_name("results.json")
DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what podus costs.")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} (all), or report (only draw)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, to see that it works; nothing is kept"
    )
    parser.add_argument(
        "--sets", type=int, default=steady.SETS, help="processes of each kind in steady (%(default)s)"
    )
    options = parser.parse_args()
    steady.SETS = options.sets
    if unknown := set(options.parts) - {*PARTS, "report"}:
        parser.error(f"no such part: {', '.join(sorted(unknown))} (there are {', '.join(PARTS)} and report)")
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    chosen = [part for part in PARTS if part in options.parts or not options.parts]
    if chosen and (why := children.available()):
        print(f"bench: the programs can't be run under podus: {why} (make setup)", file=sys.stderr)
        return 1
    failed = []
    for part in chosen:
        print(f"{part}:", flush=True)
        begun = time.time()
        try:
            found = PARTS[part](quick=options.quick)
        except RuntimeError as error:
            print(f"bench: {part} could not be measured: {error}", file=sys.stderr)
            failed.append(part)
            continue
        results[part] = rounded(found | {"on": machine(), "took_seconds": time.time() - begun})
        if not options.quick:
            RESULTS.write_text(
                json.dumps(results, separators=(",", ":")).replace('],"', '],\n"') + "\n", encoding="utf-8"
            )
    if not options.quick:
        report.write(results, DOCS)
        if "conformance" in results:
            conformance.write(results["conformance"], DOCS)
        print(f"the figures are in {os.path.relpath(DOCS / 'benchmarks.md')}")
    return 1 if failed else 0


def machine() -> dict[str, Any]:
    """What it was measured on."""
    model = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(
                (line.partition(":")[2].strip() for line in info if line.startswith("model name")), model
            )
    except OSError:
        pass
    return {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": model or "unknown",
        "cores": os.cpu_count(),
    }


def rounded(value: Any) -> Any:
    """The same with five significant digits: more than a clock gives, and a smaller file."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


if __name__ == "__main__":
    sys.exit(main())
