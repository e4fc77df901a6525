"""Generated packages: after an update each name of each module holds what it holds in a fresh process of the new version, or the plan has told;
and after the way back what it held before.

``PODUS_PACKAGES=1000`` looks longer; ``PODUS_SEED`` begins elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.packages import MODULES, edited, package, texts
from tests.programs import SOURCE, Program
from tests.sizes import size

PACKAGES = size("PODUS_PACKAGES", 30)
FIRST = int(os.environ.get("PODUS_SEED", "0")) * 100_000
STRUCTURE = str(Path(__file__).parents[1] / "bench" / "compare")
FRESH = f"""
import importlib, json, sys
sys.path.append({STRUCTURE!r})
import structure
found = {{}}
for name in json.loads(sys.argv[1]):
    try:
        for module in {MODULES!r}:
            importlib.import_module(f"{{name}}.{{module}}")
        found[name] = structure.of_modules([name])
    except Exception:
        pass  # the edit has broken it
print(json.dumps(found))
"""


def test_what_is_not_as_in_a_fresh_process_is_told_and_goes_back(
    program: Callable[..., Program], tmp_path: Path
) -> None:
    cases = {}
    for number in range(PACKAGES):
        random = Random(FIRST + number)
        before = package(random)
        cases[f"p{number}"] = texts(before), texts(edited(random, before))
    fresh = _fresh(tmp_path / "fresh", {name: new for name, (_, new) in cases.items()})
    assert fresh
    app = program()
    app.run(f"import importlib; sys.path.append({STRUCTURE!r}); import structure")
    for name in fresh:
        old, new = cases[name]
        app.files(**{f"{name}/__init__.py": "", **_files(name, old)})
        app.run(f"for m in {MODULES!r}: importlib.import_module(f'{name}.{{m}}')")
        before = app(f"structure.of_modules([{name!r}])")
        plan = app.files(**_files(name, new)).plan()
        if plan.refusals:
            app.files(**_files(name, old))
            continue
        app.update()
        told = [*plan.notes, *plan.asks, *(row for row in plan.data if row.action == "keep")]
        found: dict[str, Any] = app(f"structure.of_modules([{name!r}])")
        wrong = {
            path: (found.get(path), text) for path, text in fresh[name].items() if found.get(path) != text
        }
        assert told or not wrong, (name, _edit(old, new), wrong)
        if plan.empty:
            continue
        back = app.plan(back_out=True)
        if not (back.empty or back.refusals):
            app.update(back_out=True)
            found = app(f"structure.of_modules([{name!r}])")
            wrong = {
                path: (found.get(path), text) for path, text in before.items() if found.get(path) != text
            }
            assert back.notes or back.asks or not wrong, (name, _edit(old, new), wrong)
            app.files(**_files(name, old))


def _files(name: str, modules: dict[str, str]) -> dict[str, str]:
    return {f"{name}/{module}.py": text for module, text in modules.items()}


def _edit(old: dict[str, str], new: dict[str, str]) -> list[tuple[str, str]]:
    return [(old[module], new[module]) for module in MODULES if old[module] != new[module]]


def _fresh(root: Path, packages: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What a process that imports them is made of; those that can't be imported are left out."""
    for name, modules in packages.items():
        for path, text in {f"{name}/__init__.py": "", **_files(name, modules)}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
    said = subprocess.run(
        [sys.executable, "-c", FRESH, json.dumps([*packages])],
        cwd=root,
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, str]] = json.loads(said.stdout)
    return found
