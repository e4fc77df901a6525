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
        self._before: dict[str, str] = {}

    def expect(self, plan: Plan) -> None:
        """From now on import as ``plan``'s version would."""
        self._before = dict(self.roots)
        roots = dict(plan.program.get("roots") or {})
        self.roots = {old: new for old, new in roots.items() if old != new}
        self._expected = {
            m.name: (m.file, m.package)
            for m in plan.modules
            if m.action == "import" and os.path.isfile(m.file)
        }
        self._settle()

    def forget(self) -> None:
        """Import as before the last :meth:`expect`."""
        self.roots = self._before
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
