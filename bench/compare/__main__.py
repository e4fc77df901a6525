"""``python -m bench.compare PACKAGE OLD NEW [NEW ...]``: is a process that was updated what a fresh one of the new release is?

The releases are fetched with pip, with what the newest of them needs. A process imports the old release with all of its modules and is updated; another one
imports the new release; and what all names of all modules hold in the one is compared with the other. What differs is data that the
program has kept, which the plan tells, or a mistake of podus's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

BUILD = Path(__file__).parents[2] / "build" / "compare"
PATIENCE = 600.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare", description="Compare updated processes with fresh ones."
    )
    parser.add_argument("package", help="as pip names it")
    parser.add_argument("versions", nargs="+", help="releases, each of which is updated to the next")
    parser.add_argument("--modules", default="", help="what it is imported as, with commas (found out)")
    parser.add_argument(
        "--skip", default="", help="modules that are not imported, with commas, by how they begin"
    )
    parser.add_argument("--with", dest="more", default="", help="what else is to be installed, with commas")
    parser.add_argument(
        "--before", action="append", default=[], help="a statement that runs before the imports"
    )
    parser.add_argument("--most", type=int, default=25, help="differences that are shown")
    parser.add_argument("--notes", action="store_true", help="show what the plan told as well")
    options = parser.parse_args()
    worst = 0
    for old, new in zip(options.versions, options.versions[1:], strict=False):
        found = compare(options, old, new)
        worst = max(worst, show(f"{options.package} {old} -> {new}", found, options))
    return worst


def compare(options: argparse.Namespace, old: str, new: str) -> dict[str, Any]:
    """Both processes' results; ``error`` where there is nothing to compare."""
    place = Path(tempfile.mkdtemp(prefix="pc", dir="/tmp"))
    try:
        before, after = release(options.package, old), release(options.package, new)
        needed = dependencies(options.package, options.versions[-1], options.more)
        modules = options.modules.split(",") if options.modules else modules_of(after)
        live = place / "site-packages"
        shutil.copytree(before, live, ignore=shutil.ignore_patterns("__pycache__"))
        spec = {
            "live": str(live),
            "new": str(after),
            "dependencies": str(needed),
            "modules": modules,
            "skip": [word for word in options.skip.split(",") if word],
            "before": options.before,
        }
        return {kind: run(place, spec, kind) for kind in ("fresh", "updated")}
    except RuntimeError as error:
        return {"error": str(error)}
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(place: Path, spec: dict[str, Any], kind: str) -> dict[str, Any]:
    """One process; what it wrote, or ``error``."""
    result = place / f"{kind}.json"
    (place / "spec.json").write_text(json.dumps({**spec, "fresh": kind == "fresh", "result": str(result)}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PODUS")}
    kept |= {"PODUS_HOME": str(place / "podus"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(Path(__file__).with_name("child.py")), str(place / "spec.json")]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {PATIENCE:.0f} s"}
    if not result.exists():
        return {"error": f"ended with {done.returncode}: {done.stderr[-1500:]}"}
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def show(title: str, found: dict[str, Any], options: argparse.Namespace) -> int:
    """Print what came of it; 0 if there is no difference, else 1."""
    error = found.get("error") or found["fresh"].get("error") or found["updated"].get("error")
    if error:
        print(f"{title}: {error.strip()}", flush=True)
        return 1
    told = found["updated"]["update"]
    if "refused" in told:
        print(f"{title}: refused: {'; '.join(dict.fromkeys(told['refused']))[:1000]}", flush=True)
        return 1
    fresh, updated = found["fresh"]["structure"], found["updated"]["structure"]
    # Names that are gone stay as long as somebody may go on who says them.
    stay = sorted(path for path in updated.keys() - fresh.keys() if " class" not in path)
    paths = sorted(
        path
        for path in fresh.keys() | updated.keys()
        if fresh.get(path) != updated.get(path) and path.removesuffix(" class") not in stay
    )
    lacking = sorted({*found["fresh"]["failed"]} ^ {*found["updated"]["failed"]})
    said = {path for path in paths if _is_told(path, told["notes"])}
    print(
        f"{title}: {told['procedures']} procedures, {len(paths)} of {len(fresh)} names differ, "
        f"{len(said)} of them as the plan says, {len(stay)} stay",
        flush=True,
    )
    for name in lacking:
        print(f"  {name} can be imported in one of them only")
    for path in sorted(paths, key=said.__contains__)[: options.most]:
        one, other = _difference(updated.get(path, "(nothing)"), fresh.get(path, "(nothing)"))
        print(f"  {path}{' (told)' if path in said else ''}\n    updated {one}\n    fresh   {other}")
    for note in told["notes"] if options.notes else ():
        print(f"  plan: {note}")
    return int(bool(paths or lacking))


def _is_told(path: str, notes: list[str]) -> bool:
    """Whether the plan has said something of a name, or of what it is in."""
    module, _, qualname = path.partition(":")
    parts = qualname.split(" ")[0].split(".")
    names = [f"{module}:{'.'.join(parts[:count])}" for count in range(1, len(parts) + 1)]
    return any(re.search(rf"{re.escape(name)}(?![\w.])", note) for name in names for note in notes)


def _difference(one: str, other: str) -> tuple[str, str]:
    """Both texts from a little before where they begin to differ."""
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    begin = max(0, same - 60)
    return one[begin : begin + 200], other[begin : begin + 200]


def release(package: str, version: str) -> Path:
    """A release on disk, installed by itself."""
    place = BUILD / f"{package}-{version}" / "site-packages"
    if not place.exists():
        install([f"{package}=={version}", "--no-deps"], place)
    return place


def dependencies(package: str, version: str, more: str) -> Path:
    """What a release needs, without itself."""
    place = BUILD / f"{package}-{version}-needs" / "site-packages"
    if not place.exists():
        install([f"{package}=={version}", *(word for word in more.split(",") if word)], place)
        for name in os.listdir(release(package, version)):
            shutil.rmtree(place / name, ignore_errors=True)
            (place / name).unlink(missing_ok=True)
    return place


def install(words: list[str], place: Path) -> None:
    """pip install into a directory. Raises RuntimeError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    done = subprocess.run(
        [*command, "--target", str(place), *words], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(place, ignore_errors=True)
        raise RuntimeError(f"{' '.join(words)} can't be fetched: {done.stderr.strip()[-400:]}")


def modules_of(place: Path) -> list[str]:
    """What an installed release is imported as."""
    found = []
    for path in sorted(place.iterdir()):
        if path.suffix == ".py":
            found.append(path.stem)
        elif (path / "__init__.py").exists():
            found.append(path.name)
    return [name for name in found if name not in ("tests", "test", "docs", "examples")]


if __name__ == "__main__":
    sys.exit(main())
