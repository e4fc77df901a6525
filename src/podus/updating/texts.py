"""The lines that a traceback shows of procedures that are still in the version before, when its files have been edited in place.

Code names the file that it was compiled from, and a traceback reads that file when it is printed. So code that is on its way out names a copy
of what the file held, under the same file name, until it has gone or is the program's again.
"""

from __future__ import annotations

import _imp
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from podus.updating.staging import Stage


class Texts:
    """The copies that one update makes, in its plan's directory."""

    def __init__(self) -> None:
        self._renamed: list[tuple[CodeType, str]] = []

    def keep(self, stage: Stage | None) -> None:
        """Have what is replaced name a copy of its source, where the file has another text now. Raises nothing: without a copy all goes on as it is."""
        assert stage is not None
        for part in stage.plan.modules:
            record = stage.agent.recorder.records.get(part.name)
            if record is None or part.action == "import":
                continue
            text = record.read_source()
            if text is None or _on_disk(record.file) == text:
                continue
            copy = os.path.join(
                stage.plan.directory, "before", *part.name.split("."), os.path.basename(record.file)
            )
            if not _written(copy, text):
                stage.notes.append(f"{part.name}: tracebacks of its old procedures show the new file's lines")
                continue
            known = [code for codes in stage.agent.live_codes(part.name).values() for code in codes]
            for code in (record.executed(), *known):
                self._rename(code, record.file, copy)

    def _rename(self, code: CodeType, file: str, copy: str) -> None:
        # All within it is renamed along; what is left of a version before that names a copy already.
        if code.co_filename == file:
            _imp._fix_co_filename(code, copy)  # type: ignore[attr-defined]
            self._renamed.append((code, file))

    def give_back(self) -> None:
        """The version before is the program's again."""
        for code, file in self._renamed:
            _imp._fix_co_filename(code, file)  # type: ignore[attr-defined]
        self.rest()

    def rest(self) -> None:
        """The new version is the program's for good."""
        self._renamed.clear()


def _on_disk(file: str) -> bytes | None:
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError:
        return None


def _written(path: str, text: Any) -> bool:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb") as file:
            file.write(text)
    except OSError:
        return False
    return True
