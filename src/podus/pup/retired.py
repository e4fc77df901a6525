"""Modules that updates took out of the program, each with what it was loaded from: who goes back to that version gets the very module again."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from podus.pup.recorder import Record


class Retired:
    """The modules, as long as a version that had them is kept."""

    def __init__(self) -> None:
        self._rows: list[tuple[ModuleType, Record]] = []

    def add(self, module: ModuleType, record: Record) -> None:
        """Keep a module that goes. Nothing is said of it if it has not gone after all (:meth:`keep` sorts that out)."""
        self._rows.append((module, record))

    def find(self, record: Record | None) -> ModuleType | None:
        """The module that ran just this version of it when it went: one that came later under its name is another."""
        return next((module for module, known in self._rows if known is record), None)

    def keep(self, versions: Iterable[dict[str, Record]], running: dict[str, Record]) -> None:
        """Forget those that are ``running`` (again), and those of which no version knows."""
        wanted = {id(record) for kept in versions for record in kept.values()}
        wanted -= {id(record) for record in running.values()}
        self._rows = [row for row in self._rows if id(row[1]) in wanted]
