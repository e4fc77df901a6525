"""How each tool is told that the files of a package are other ones. Runs in the process that is updated.

A tool is made before the package is imported, made ``ready`` once all of it is, and then asked to ``update``: the files that were
loaded are overwritten with the new release's, as an installer does, and the tool is told.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import sys
from types import ModuleType
from typing import Any


class Tool:
    """What is done with the process; this one does nothing (a process of the new release)."""

    def __init__(self, live: str, modules: list[str], support: str = "") -> None:
        self.live = live
        self.modules = modules
        # The file of the mappers that the plan asks for.
        self.support = support

    def ready(self) -> None:
        """Called once the package is imported."""

    def update(self, new: str) -> dict[str, Any]:
        """Bring the process to the release in ``new``; returns what is to be told of it."""
        return {}


class Podus(Tool):
    """podus.update."""

    def __init__(self, live: str, modules: list[str], support: str = "") -> None:
        super().__init__(live, modules, support)
        import podus

        podus.enable(include=modules, name="replay")

    def update(self, new: str) -> dict[str, Any]:
        import podus

        support = self.support or None
        overwrite(self.live, new)
        importlib.invalidate_caches()
        plan = podus.plan(self.live, support=support)
        told: dict[str, Any] = {
            "modules": sum(m.action != "lines" for m in plan.modules),
            "procedures": len(plan.procedures),
            "refusals": [{"code": n.code, "text": n.text} for n in plan.refusals],
            "asks": [{"code": n.code, "text": n.text} for n in plan.asks],
            "mappers": len(plan.mappers),
        }
        if plan.refusals:
            return told | {"refused": "; ".join(dict.fromkeys(n.text for n in plan.refusals))}
        reset: list[str] = []
        while True:
            try:
                done = podus.update(self.live, support=support, timeout=60, reset=reset)
                reason, remedy = done.reason, getattr(done, "remedy", "")
            except podus.PodusError as error:
                reason, remedy = error.message, error.remedy
            else:
                if done.state == "complete":
                    return told | {"state": done.state, **({"reset": reset} if reset else {})}
            # What a person would do who reads the remedy.
            asked = re.findall(r"--reset (\S+)", remedy)
            if reset or not asked:
                return told | {"refused": f"{reason} ({remedy})" if remedy else reason}
            reset = asked


class Overwriting(Tool):
    """A tool that looks at the files that were loaded."""

    def update(self, new: str) -> dict[str, Any]:
        changed = overwrite(self.live, new)
        importlib.invalidate_caches()
        self.reload([module for module in self.loaded() if _file(module) in changed])
        return {"modules": len(changed)}

    def reload(self, changed: list[ModuleType]) -> None:
        raise NotImplementedError

    def loaded(self) -> list[ModuleType]:
        """The package's modules, what is imported before what imports it."""
        found = {
            name: module
            for name, module in list(sys.modules.items())
            if name.partition(".")[0] in self.modules
            and _file(module).startswith(self.live + os.sep)
            and os.path.exists(_file(module))
        }
        order: dict[str, ModuleType] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in order or name in path or name not in found:
                return
            for wanted in _imports(found[name]):
                visit(wanted, (*path, name))
            order[name] = found[name]

        for name in found:
            visit(name, ())
        return list(order.values())


class Reload(Overwriting):
    """importlib.reload of what changed, in the order of the imports."""

    def reload(self, changed: list[ModuleType]) -> None:
        for module in changed:
            importlib.reload(module)


class Autoreload(Overwriting):
    """IPython's %autoreload 2."""

    def ready(self) -> None:
        from IPython.extensions.autoreload import ModuleReloader

        self.reloader = ModuleReloader()
        self.reloader.check(check_all=True, do_reload=False)
        self.reloader.deduper_reloader.update_sources()

    def reload(self, changed: list[ModuleType]) -> None:
        self.reloader.check(check_all=True)


class Jurigged(Overwriting):
    """jurigged, asked for each file (its own watcher's timers refresh many at once from as many threads, and lose some)."""

    def __init__(self, live: str, modules: list[str], support: str = "") -> None:
        super().__init__(live, modules, support)
        import jurigged
        from jurigged.live import conservative_logger

        self.watcher = jurigged.watch(
            os.path.join(live, "**", "*.py"), logger=conservative_logger, autostart=False
        )

    def reload(self, changed: list[ModuleType]) -> None:
        for module in changed:
            self.watcher.refresh(_file(module))


class Pyflyby(Overwriting):
    """pyflyby's xreload."""

    def reload(self, changed: list[ModuleType]) -> None:
        from pyflyby._livepatch import xreload

        for module in changed:
            xreload(module)


class Hmr(Overwriting):
    """hmr: the package's modules are its reactive ones."""

    def __init__(self, live: str, modules: list[str], support: str = "") -> None:
        super().__init__(live, modules, support)
        from reactivity.hmr.core import BaseReloader

        self.reloader = BaseReloader(os.path.join(live, "main.py"), [live])

    def reload(self, changed: list[ModuleType]) -> None:
        from pathlib import Path

        self.reloader.on_changes({Path(_file(module)).resolve() for module in changed})
        for module in changed:
            # A module is run again when somebody asks for a name of it.
            vars(type(module))["_ReactiveModule__load"].__get__(module, type(module))()


TOOLS: dict[str, type[Tool]] = {
    "fresh": Tool,
    "podus": Podus,
    "jurigged": Jurigged,
    "autoreload": Autoreload,
    "reload": Reload,
    "hmr": Hmr,
    "pyflyby": Pyflyby,
}


def overwrite(live: str, new: str) -> set[str]:
    """Make ``live`` what ``new`` is, as an installer would; returns the source files that changed."""
    changed = set()
    for base, _, names in os.walk(new):
        for name in names:
            source = os.path.join(base, name)
            target = os.path.join(live, os.path.relpath(source, new))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target) or _bytes(target) != _bytes(source):
                # A file of its own: to shorten one that is mapped (an extension module) takes its pages from the process.
                shutil.copyfile(source, f"{target}.new")
                os.replace(f"{target}.new", target)
                if name.endswith(".py"):
                    changed.add(target)
    for base, _, names in os.walk(live, topdown=False):
        for name in names:
            path = os.path.join(base, name)
            if "__pycache__" not in path and not os.path.exists(
                os.path.join(new, os.path.relpath(path, live))
            ):
                os.remove(path)
        if not os.listdir(base):
            os.rmdir(base)
    return changed


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _imports(module: ModuleType) -> list[str]:
    """The modules that ``module`` names in its import statements at the top level."""
    found: list[str] = []
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for node in ast.parse(_bytes(_file(module))).body:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found += [f"{base}.{alias.name}" for alias in node.names]
            found.append(base)
    return found
