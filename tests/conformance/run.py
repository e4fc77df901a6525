"""Start the process that a scenario runs in, and hear what came of it."""

from __future__ import annotations

import atexit
import functools
import json
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.conformance import files
from tests.conformance.scenario import Scenario

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "src"
LIMIT = 110.0


@functools.cache
def stage() -> str:
    """Where the child's own modules lie, compiled: as installed ones, so that they are no part of the program that is updated."""
    place = tempfile.mkdtemp(prefix="pc", dir="/tmp")
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    installed = os.path.join(place, "site-packages")
    os.mkdir(installed)
    for name in ("child", "files", "tools"):
        shutil.copy(HERE / f"{name}.py", installed)
        py_compile.compile(os.path.join(installed, f"{name}.py"), doraise=True)
    return installed


def run(scenario: Scenario, tool: str = "podus", mode: str = "quiet") -> dict[str, str]:
    """``{"update": …, "back": …, "why": …, "said": …}``; the first two are ``pass``, ``fail``, ``refused`` or "" (not reached)."""
    with tempfile.TemporaryDirectory(prefix="pc", dir="/tmp", ignore_cleanup_errors=True) as place:
        root = os.path.join(place, "app")
        os.mkdir(root)
        lay(scenario, root)
        script = [scenario.main] if scenario.main else ["-c", "import child; child.main()"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PODUS"))}
        kept |= {
            "PODUS_HOME": os.path.join(place, "p"),
            "PYTHONPATH": f"{SOURCE}{os.pathsep}{stage()}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }
        try:
            done = subprocess.run(
                [sys.executable, *script, tool, mode],
                cwd=root,
                env=kept,
                input=repr(asdict(scenario)),
                capture_output=True,
                text=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"update": "fail", "back": "", "why": f"it took more than {LIMIT:.0f} s", "said": ""}
    try:
        return {**json.loads(done.stdout), "said": done.stderr[-4000:]}
    except ValueError:
        why = f"the process ended with exit code {done.returncode}"
        return {"update": "fail", "back": "", "why": why, "said": done.stderr[-4000:]}


def lay(scenario: Scenario, root: str) -> None:
    """The old files, as the program finds them at its start."""
    files.lay(scenario.old, root=root)


def verdict(scenario: Scenario, found: dict[str, str]) -> str:
    """What is wrong with podus's run of it; the empty string if nothing is."""
    if found["update"] == "refused":
        if scenario.refused and scenario.refused in found["why"]:
            return ""
        return f"refused: {found['why']}"
    if found["update"] == found["back"] == "pass":
        return ""
    return found["why"] + (f"\n{found['said']}" if found["said"] else "")
