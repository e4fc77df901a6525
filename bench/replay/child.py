"""One process under one tool: the old release is imported, its tests run, the process is updated, and the new release's tests run in it.

Without a tool it is a process of the new release, in which its tests run twice: what does not pass the second time is no test of an update.

``child.py SPEC.json`` writes what it saw to the file that SPEC names. The objects that the old tests worked with are held.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import re
import sys
import traceback
import types
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any

import pytest

HELD_AT_MOST = 20_000
_TOOL = 4


def _code_of(activation: Any) -> types.CodeType:
    code: types.CodeType = next(
        getattr(activation, name) for name in ("gi_code", "cr_code", "ag_code") if hasattr(activation, name)
    )
    return code


def _keeps(value: Any) -> bool:
    return not isinstance(value, types.FrameType | types.ModuleType | type | types.FunctionType)


class Outcomes:
    """What became of each test."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.why: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = re.sub(r"0x[0-9a-f]+", "0x", report.nodeid)
        if report.when == "call" or report.outcome != "passed":
            if self.found.get(name) != "failed":
                self.found[name] = report.outcome
            if report.failed:
                self.why[name] = str(report.longrepr)[-3000:]

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.found[report.nodeid] = "failed"
            self.why[report.nodeid] = str(report.longrepr)[-3000:]


class Holder:
    """Keeps what the old release's tests made: the objects of its classes that a test has in its variables when it returns."""

    def __init__(self, modules: list[str]) -> None:
        self.modules = modules
        self.held: list[Any] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Any:
        code = getattr(pyfuncitem.function, "__code__", None)
        if code is None or sys.version_info < (3, 12):
            return (yield)
        watch = sys.monitoring
        if watch.get_tool(_TOOL) is None:
            watch.use_tool_id(_TOOL, "replay")
            watch.register_callback(_TOOL, watch.events.PY_RETURN, self.returned)
        watch.set_local_events(_TOOL, code, watch.events.PY_RETURN)
        try:
            return (yield)
        finally:
            watch.set_local_events(_TOOL, code, 0)

    def returned(self, *_: Any) -> None:
        self.take(sys._getframe(1).f_locals.values())

    def take(self, values: Any) -> None:
        for value in list(values):
            if len(self.held) < HELD_AT_MOST and self.ours(type(value)):
                self.held.append(value)

    def let_go_of_activations(self, live: str) -> None:
        """Don't hold what holds a generator of the package in the middle: an update waits for those, and nobody goes on with them."""
        kinds = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
        todo = [o for o in gc.get_objects() if isinstance(o, kinds) and live in _code_of(o).co_filename]
        held = {id(value): value for value in self.held}
        seen: set[int] = set()
        for _ in range(8):
            found = [o for o in gc.get_referrers(*todo) if id(o) not in seen and _keeps(o)] if todo else []
            seen.update(map(id, found))
            for value in found:
                held.pop(id(value), None)
            todo = [o for o in found if o is not held]
        self.held = list(held.values())

    def ours(self, cls: type) -> bool:
        return str(getattr(cls, "__module__", "")).partition(".")[0] in self.modules


def run_tests(spec: dict[str, Any], root: str, lib: str, plugin: Any = None) -> Outcomes:
    """pytest in this process, with the configuration of the sdist that the tests come from."""
    outcomes = Outcomes()
    base = lib if spec["in_package"] else root
    here, path = os.getcwd(), list(sys.path)
    os.chdir(root)
    sys.path.insert(0, root)
    arguments = [
        "-q",
        "-x" if spec.get("stop") else "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        base,
        "-o",
        "addopts=",
    ]
    # What is loaded already is not rewritten; some projects make an error of every warning.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += ["--timeout", "60", "--continue-on-collection-errors", *spec["args"]]
    arguments += [os.path.join(base, test) for test in spec["tests"]]
    if spec["in_package"]:
        arguments += ["-c", os.devnull]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            pytest.main(arguments, plugins=[outcomes, *([plugin] if plugin else [])])
    finally:
        os.chdir(here)
        sys.path[:] = path
    if not outcomes.found:
        outcomes.why["pytest"] = said.getvalue()[-3000:]
    return outcomes


def forget_tests(root: str, spec: dict[str, Any]) -> None:
    """The old tests' own modules are not there any more: those of the new release are imported anew."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        words = name.split(".")
        if file.startswith(root + os.sep) or (
            spec["in_package"] and words[0] in spec["modules"] and {*words} & {"tests", "test", "conftest"}
        ):
            del sys.modules[name]
            parent = sys.modules.get(name.rpartition(".")[0])
            if parent is not None:
                vars(parent).pop(words[-1], None)
        elif words[0] in ("tests", "test", "conftest") and (not file or "site-packages" in file):
            del sys.modules[name]
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()


def import_all(spec: dict[str, Any]) -> list[str]:
    """Import the package and all of its modules that can be imported."""
    done = []
    for top in spec["modules"]:
        module = importlib.import_module(top)
        done.append(top)
        if not hasattr(module, "__path__"):
            continue
        for found in pkgutil.walk_packages(module.__path__, top + ".", onerror=lambda _: None):
            words = found.name.split(".")
            unwanted = {"tests", "test", "conftest"} if spec["in_package"] else set()
            if found.name in spec["skip"] or {*words} & {*unwanted, "__main__"}:
                continue
            with suppress(BaseException), redirect_stderr(io.StringIO()):
                importlib.import_module(found.name)
                done.append(found.name)
    return done


def definitions(spec: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Every class and function at the top of the package's modules."""
    found = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in spec["modules"]:
            for key, value in list(vars(module).items()):
                if callable(value) and getattr(value, "__module__", None) == name:
                    found[name, key] = value
    return found


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    result: dict[str, Any] = {}

    def tell() -> None:
        with open(spec["result"], "w", encoding="utf-8") as out:
            json.dump(result, out)

    sys.path[0] = spec["live"]
    from tools import TOOLS

    try:
        tool = TOOLS[spec["tool"]](spec["live"], spec["modules"], spec["support"])
        result["imported"] = len(import_all(spec))
        tool.ready()
        holder = Holder(spec["modules"])
        if spec["old_root"]:
            old = run_tests(spec, spec["old_root"], spec["live"], holder if spec["new"] else None)
            result["before"] = old.found
            forget_tests(spec["old_root"], spec)
            holder.let_go_of_activations(spec["live"])
            gc.collect()
        before = definitions(spec)
        tell()
        if spec["new"]:
            result["update"] = tool.update(spec["new"])
            tell()
            after = definitions(spec)
            still = [key for key in before if key in after]
            result["identity"] = [sum(before[key] is after[key] for key in still), len(still)]
            known = {id(value) for value in after.values()}
            of = [o for o in holder.held if (type(o).__module__, type(o).__qualname__) in after]
            result["objects"] = [sum(id(type(o)) in known for o in of), len(of)]
        if not result.get("update", {}).get("refused"):
            found = run_tests(spec, spec["new_root"], spec["new_lib"])
            result["tests"], result["why"] = found.found, found.why
    except BaseException:
        result["error"] = traceback.format_exc()[-3000:]
    tell()
    # Without the threads and exit handlers of what was tested.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.path.insert(1, os.path.dirname(os.path.abspath(__file__)))
    main()
