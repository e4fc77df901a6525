"""The conformance suite (tests/conformance) by podus and by the tools that people update a running program with, scenario by scenario.

Each scenario runs in a process of its own, once with nobody else about and once with threads that call what changes. The others
have no way back, so only podus is asked for it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.report import measured_on, table

TOOLS = {
    "podus": ("podus", "podus"),
    "jurigged": ("jurigged", "jurigged"),
    "autoreload": ("IPython autoreload", "ipython"),
    "reload": ("importlib.reload", ""),
    "hmr": ("hmr", "hmr"),
    "pyflyby": ("pyflyby", "pyflyby"),
}
IMPORTED = {"autoreload": "IPython", "hmr": "reactivity.hmr", "reload": "importlib"}


def run(*, quick: bool) -> dict[str, Any]:
    """Run all scenarios by all tools that are installed; quick: every tenth scenario."""
    root = str(Path(__file__).resolve().parents[1])
    if root not in sys.path:
        sys.path.insert(0, root)
    from tests.conformance.run import run as play
    from tests.conformance.scenario import load

    scenarios = list(load().values())[:: 10 if quick else 1]
    rows: dict[str, Any] = {s.name: {"kind": s.kind, "tools": {}} for s in scenarios}
    versions = {}
    for tool, (title, package) in TOOLS.items():
        if not installed(tool):
            print(
                f"  {title:20} is not installed for Python {sys.version_info[0]}.{sys.version_info[1]}",
                flush=True,
            )
            continue
        versions[tool] = metadata.version(package) if package else ""
        jobs = [(s, mode) for s in scenarios for mode in ("quiet", "threaded") if s.calls or mode == "quiet"]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            played = pool.map(lambda job: play(job[0], tool, job[1]), jobs)  # noqa: B023 (done within the turn)
            for (scenario, _), found in zip(jobs, played, strict=True):
                row = rows[scenario.name]["tools"].setdefault(tool, {})
                for what in ("update", "back") if tool == "podus" else ("update",):
                    # Quiet, then threaded, as "pass fail" (- is not reached): a short line in the results.
                    row[what] = f"{row.get(what, '')} {found[what] or '-'}".strip()
        passed = sum(cell(row["tools"][tool]) == "pass" for row in rows.values())
        print(f"  {title:20} {passed:4} of {len(rows)}", flush=True)
    return {"rows": rows, "versions": versions, "threads": 3}


def installed(tool: str) -> bool:
    """Whether the tool can be imported here."""
    try:
        return importlib.util.find_spec(IMPORTED.get(tool, tool)) is not None
    except ImportError:
        return False


def cell(runs: dict[str, str] | None, what: str = "update") -> str:
    """A cell of the table: what came of the update, or of the way back."""
    told = (runs or {}).get(what, "").split()
    if set(told) <= {"-"}:
        return ""
    if "refused" in told:
        return "refused"
    if set(told) == {"pass"}:
        return "pass"
    if set(told) <= {"pass", "remade"}:
        return "remade"
    return "not threaded" if told[0] == "pass" else "**fail**"


HEAD = """# Conformance

<!-- Written by `make bench ARGS=conformance` from bench/results.json; don't edit it. -->

What becomes of a running program when a commit is applied to it: {count} scenarios, one change each, in [tests/conformance](../tests/conformance). Every
scenario starts a program, makes live objects and references that are held (callbacks, bound methods, registries, imports by name), changes
the files, and says what must then be true for new code, for live objects and for held references. Functions and classes that keep their names must stay
the same objects. It runs in a fresh process twice: quiet, and with {threads} threads that call what changes throughout and must see the old result or the
new one, and never an exception.

*pass*: right in both runs. *not threaded*: right only if nobody else was about. *refused*: the plan said beforehand that it can't be done and why, and
the program went on as before (see [Limits](limits.md)). *remade*: what was looked at is right, but functions and classes are other objects than before,
so that who holds the old ones keeps the old version. *fail*: anything else. podus must also take each update back; the others have
no such thing, and no mapper procedures either, so that what only a person can decide fails with them.
The others are made for development and are asked in the way that suits them best: importlib.reload gets all modules that are
concerned, in the right order."""


def write(part: dict[str, Any], docs: Path) -> None:
    """Write docs/conformance.md."""
    rows, tools = part["rows"], [tool for tool in TOOLS if tool in part["versions"]]
    kinds = list(dict.fromkeys(row["kind"] for row in rows.values()))
    titles = [
        f"{TOOLS[tool][0]} {part['versions'][tool] if tool != 'podus' else ''}".strip() for tool in tools
    ]

    def total(kind: str | None) -> list[str]:
        of = [row["tools"] for row in rows.values() if kind in (None, row["kind"])]
        cells = []
        for tool in tools:
            told = Counter(cell(each.get(tool)) for each in of)
            more = [f"{told[what]} {what}" for what in ("refused", "remade", "not threaded") if told[what]]
            cells.append(" + ".join([str(told["pass"]), *more]))
        back = sum(cell(each.get("podus"), "back") == "pass" for each in of)
        return [str(len(of)), *cells, str(back)]

    totals = [[PLURALS[kind], *total(kind)] for kind in kinds] + [["**all**", *total(None)]]
    sections = [
        HEAD.format(count=len(rows), threads=part["threads"]),
        measured_on(part),
        "## Passed, by kind",
        table(["", "scenarios", *titles, "podus, the way back"], totals),
    ]
    for kind in kinds:
        lines = []
        for name, row in rows.items():
            if row["kind"] == kind:
                found = row["tools"]
                cells = [cell(found.get(tool)) for tool in tools]
                lines.append([name.replace("|", "\\|"), *cells, cell(found.get("podus"), "back")])
        sections += [f"## {PLURALS[kind].capitalize()}", table(["", *titles, "podus, the way back"], lines)]
    (docs / "conformance.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


PLURALS = {
    "function": "functions",
    "class": "classes",
    "object": "live objects",
    "module": "modules",
    "commit": "whole commits",
}
