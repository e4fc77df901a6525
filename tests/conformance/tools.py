"""What updates the program: podus, or one of the tools that it is compared with. Imported by the child process alone.

``load`` imports the program's modules, ``update`` carries the files' change into it, ``back`` takes that back (podus alone can).
"""

from __future__ import annotations

import ast
import importlib
import os
import sys
import types
from typing import Any


class Failed(Exception):
    """The scenario has not come out as it should; the text says what was seen."""


class Declined(Exception):
    """The tool refused the update."""


class Tool:
    """One tool; made before the program's modules are imported."""

    goes_back = False

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.scenario = scenario

    def load(self, names: list[str]) -> None:
        for name in names:
            importlib.import_module(name)

    def update(self) -> None:
        raise NotImplementedError

    def back(self) -> None:
        raise NotImplementedError

    def changed(self) -> list[types.ModuleType]:
        """The loaded modules whose files the commit has changed."""
        places = {os.path.abspath(name) for name, text in self.scenario["new"].items() if text is not None}
        return [
            module
            for module in list(sys.modules.values())
            if (file := getattr(module, "__file__", None)) and os.path.abspath(file) in places
        ]


class Podus(Tool):
    goes_back = True

    def __init__(self, scenario: dict[str, Any]) -> None:
        import podus

        super().__init__(scenario)
        self.podus = podus
        podus.enable(name="conformance")

    def update(self) -> None:
        podus, options = self.podus, {}
        if self.scenario["support"]:
            with open("support_code.py", "w", encoding="utf-8") as file:
                file.write(self.scenario["support"])
            options["support"] = "support_code.py"
        if asks := self.scenario["asks"]:
            refusals = podus.plan().refusals
            if not any(asks in f"{note.code} {note.text} {note.remedy}" for note in refusals):
                raise Failed(f"without support code: the plan does not ask about {asks!r}")
        try:
            self.done = podus.update(timeout=20, reset=self.scenario["reset"], **options)
        except podus.Refused as error:
            if not self.scenario["fails"]:
                raise Declined(str(error)) from None
            self.ended(f"the update failed: {error}")
            return
        except podus.PodusError as error:
            self.ended(f"the update failed: {error}")
            return
        if self.done.state != "complete":
            self.ended(f"the update is {self.done.state}: {self.done.reason or self.done.pending}")
        elif self.scenario["fails"]:
            raise Failed("the update is complete, and should not be")

    def ended(self, how: str) -> None:
        """It has not been completed: that is right if the scenario says so, and then there is nothing to take back."""
        if not self.scenario["fails"] or self.scenario["fails"] not in how:
            raise Failed(how)
        self.goes_back = False

    def back(self) -> None:
        try:
            state = self.done.back_out(timeout=20)
        except self.podus.PodusError as error:
            raise Failed(f"the back-out failed: {error}") from None
        if state != "backed-out":
            raise Failed(f"after back_out() the update is {state}")


class Jurigged(Tool):
    def __init__(self, scenario: dict[str, Any]) -> None:
        import jurigged
        from jurigged.live import conservative_logger

        super().__init__(scenario)
        self.watcher = jurigged.watch(
            os.path.join(os.getcwd(), "*.py"), logger=conservative_logger, autostart=False
        )

    def update(self) -> None:
        for module in self.changed():
            self.watcher.refresh(module.__file__)


class Autoreload(Tool):
    """IPython's ``%autoreload 2``, in its mode "complete"."""

    def load(self, names: list[str]) -> None:
        from IPython.extensions.autoreload import ModuleReloader

        super().load(names)
        self.reloader = ModuleReloader()
        self.reloader.check(check_all=True, do_reload=False)
        self.reloader.deduper_reloader.update_sources()

    def update(self) -> None:
        self.reloader.check(check_all=True)
        if self.reloader.failed:
            raise Failed(
                f"autoreload failed at {', '.join(os.path.basename(name) for name in self.reloader.failed)}"
            )


class Reload(Tool):
    """importlib.reload of what changed and of all that imports it, the imported first: what a careful user would type."""

    def update(self) -> None:
        places = tuple(os.path.abspath(p) + os.sep for p in self.scenario["path"])
        program = {
            name: module
            for name, module in sys.modules.items()
            if os.path.abspath(getattr(module, "__file__", None) or "/").startswith(places)
            and name != "__main__"
        }
        stale = {module.__name__ for module in self.changed()}
        imports = {name: self.imported(module, program) for name, module in program.items()}
        while more := {name for name in program if name not in stale and imports[name] & stale}:
            stale |= more
        done: set[str] = set()
        importlib.invalidate_caches()

        def reload(name: str) -> None:
            if name in done:
                return
            done.add(name)
            imports[name] = self.imported(program[name], program)
            for other in sorted(imports[name] & stale):
                reload(other)
            importlib.reload(program[name])

        for name in list(program):
            if name in stale:
                reload(name)

    def imported(self, module: types.ModuleType, program: dict[str, types.ModuleType]) -> set[str]:
        """The modules of the program that this one's source imports."""
        found: set[str] = set()
        try:
            with open(module.__file__ or "", encoding="utf-8") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, UnicodeDecodeError):
            return found
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    package = (module.__spec__.parent if module.__spec__ else "") or ""
                    base = importlib.util.resolve_name("." * node.level + base, package)
                found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        return (found & set(program)) - {module.__name__}


class Hmr(Tool):
    """hmr: reactive modules, made anew when what they have read has changed."""

    def load(self, names: list[str]) -> None:
        from pathlib import Path

        from reactivity.hmr.core import HMR_CONTEXT, BaseReloader

        self.path = Path
        self.reloader = BaseReloader("entry.py", [os.path.abspath(p) for p in self.scenario["path"]])
        self.effect = HMR_CONTEXT.effect(lambda: [importlib.import_module(name) for name in names])
        self.names = names

    def update(self) -> None:
        told: list[BaseException] = []
        sys.excepthook = lambda kind, error, trace: told.append(error)
        self.reloader.on_changes({self.path(name).resolve() for name in self.scenario["new"]})
        for name in self.names:  # it loads lazily, at the next look
            for key in list(dir(sys.modules.get(name))):
                getattr(sys.modules[name], key, None)
        if told:
            raise told[0]


class Pyflyby(Tool):
    """pyflyby's xreload."""

    def update(self) -> None:
        from pyflyby._livepatch import xreload

        xreload(self.changed())


TOOLS: dict[str, type[Tool]] = {
    "podus": Podus,
    "jurigged": Jurigged,
    "autoreload": Autoreload,
    "reload": Reload,
    "hmr": Hmr,
    "pyflyby": Pyflyby,
}
