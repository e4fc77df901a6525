"""Imports after an update from another place: what the new version's directory holds is found there, not where the old one lay."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from types import ModuleType

from podus.planning.model import Plan


class VersionFinder:
    """A finder on ``sys.meta_path``, there only while the running version's place is not the one the program was loaded from."""

    def __init__(self) -> None:
        self.roots: dict[str, str] = {}
        self._expected: dict[str, tuple[str, bool]] = {}
        self.before: dict[str, str] = {}

    def expect(self, plan: Plan) -> None:
        """From now on import as ``plan``'s version would."""
        self.before = dict(self.roots)
        self.roots = self.after(plan)
        self._expected = {
            m.name: (m.file, m.package)
            for m in plan.modules
            if m.action == "import" and os.path.isfile(m.file)
        }
        self._settle()

    def after(self, plan: Plan) -> dict[str, str]:
        """Where ``plan``'s version lies: the root that the program was loaded from -> the one that stands for it, where they differ."""
        home = {now: first for first, now in self.roots.items()}
        moved = {home.get(now, now): new for now, new in (plan.program.get("roots") or {}).items()}
        return {first: new for first, new in {**self.roots, **moved}.items() if first != new}

    def forget(self) -> None:
        """Import as before the last :meth:`expect`."""
        self.roots = self.before
        self._expected = {}
        self._settle()

    def settle(self) -> None:
        """The update is complete: what it brought is imported."""
        self._expected = {}
        self._settle()

    def _settle(self) -> None:
        wanted = bool(self.roots or self._expected)
        if wanted and self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        elif not wanted and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The import system's question."""
        expected = self._expected.get(fullname)
        if expected is not None:
            file, package = expected
            return spec_from_file_location(
                fullname, file, submodule_search_locations=[os.path.dirname(file)] if package else None
            )
        places = []
        for entry in path if path is not None else sys.path:
            for old, new in self.roots.items():
                if entry == old or entry.startswith(old + os.sep):
                    places.append(new + entry[len(old) :])
                elif entry == "" and old == os.getcwd():
                    places.append(new)
        return PathFinder.find_spec(fullname, places) if places else None
