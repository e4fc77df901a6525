"""One process of the comparison: fresh, of the new release; or of the old one, and updated to the new.

``child.py SPEC.json`` writes what podus said and what the process is made of to the file that SPEC names.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import pkgutil
import sys
import traceback
import warnings
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any

_LEFT = {"tests", "test", "testing", "conftest", "__main__", "setup"}


def import_all(tops: list[str], skip: list[str]) -> list[str]:
    """Import the packages and those of their modules that can be."""
    failed = []
    for top in tops:
        module = importlib.import_module(top)
        for found in pkgutil.walk_packages(
            getattr(module, "__path__", []), top + ".", onerror=lambda _: None
        ):
            if _LEFT & {*found.name.split(".")} or any(found.name.startswith(word) for word in skip):
                continue
            said = io.StringIO()
            try:
                with redirect_stderr(said), redirect_stdout(said):
                    importlib.import_module(found.name)
            except BaseException:
                failed.append(found.name)
    return failed


def update(spec: dict[str, Any]) -> dict[str, Any]:
    """Overwrite the files as an installer does, and update."""
    from tools import overwrite

    import podus

    overwrite(spec["live"], spec["new"])
    importlib.invalidate_caches()
    plan = podus.plan(spec["live"])
    told: dict[str, Any] = {"procedures": len(plan.procedures)}
    told["notes"] = [f"{note.code}: {note.text}" for note in (*plan.notes, *plan.asks)]
    told["notes"] += [
        f"{row.action} {row.name}: {row.why}" for row in plan.data if row.action in ("keep", "map")
    ]
    if plan.refusals:
        return told | {"refused": [note.text for note in plan.refusals]}
    try:
        done = podus.update(spec["live"], timeout=60)
    except podus.PodusError as error:
        return told | {"refused": [f"{error.message} ({error.remedy})"]}
    return told if done.state == "complete" else told | {"refused": [f"{done.state}: {done.reason}"]}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    warnings.simplefilter("ignore")
    sys.path[0] = spec["new"] if spec["fresh"] else spec["live"]
    sys.path.append(spec["dependencies"])
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "replay"))
    result: dict[str, Any] = {}
    try:
        for line in spec["before"]:
            exec(line, {})
        if not spec["fresh"]:
            import podus

            podus.enable(include=spec["modules"], name="compare")
        result["failed"] = import_all(spec["modules"], spec["skip"])
        if not spec["fresh"]:
            result["update"] = update(spec)
            # What has come with the new release.
            if "refused" not in result["update"]:
                result["failed"] = import_all(spec["modules"], spec["skip"])
        if "refused" not in result.get("update", {}):
            import structure

            result["structure"] = structure.of_modules(spec["modules"])
    except BaseException:
        result["error"] = traceback.format_exc()[-3000:]
    with open(spec["result"], "w", encoding="utf-8") as out:
        json.dump(result, out)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
