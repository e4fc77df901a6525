"""The files of a scenario: the old ones laid out, the new ones put in their place."""

from __future__ import annotations

import os
import py_compile
import time
import zipfile
from typing import Any

Files = dict[str, "str | None"]


def lay(files: Files, *, root: str = ".", ahead: float = 0) -> None:
    """Write these files below ``root``; ``ahead`` dates them so many seconds into the future (reloaders look at it)."""
    archives: dict[str, dict[str, str]] = {}
    for short, text in files.items():
        name = os.path.join(root, short)
        archive, inside, member = name.partition(".zip/")
        if inside:
            if text is not None:
                archives.setdefault(archive + ".zip", {})[member] = text
            continue
        if text is None:
            os.remove(name)
            continue
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        if name.endswith(".pyc"):
            with open(name + ".txt", "w", encoding="utf-8") as file:
                file.write(text)
            py_compile.compile(name + ".txt", name, dfile=name[:-1], doraise=True)
            os.remove(name + ".txt")
        else:
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        _date(name, ahead)
    for archive, members in archives.items():
        with zipfile.ZipFile(archive + ".new", "w") as file:
            for member, text in members.items():
                file.writestr(member, text)
        os.replace(archive + ".new", archive)
        _date(archive, ahead)


def _date(name: str, ahead: float) -> None:
    if ahead:
        when = time.time() + ahead
        os.utime(name, (when, when))


def commit(scenario: dict[str, Any]) -> None:
    """Write the new files; an archive is written whole."""
    new = dict(scenario["new"])
    for name in list(new):
        archive, inside, _ = name.partition(".zip/")
        if inside:
            for old, text in scenario["old"].items():
                if old.startswith(archive + ".zip/"):
                    new.setdefault(old, text)
    lay(new, ahead=10)


def modules_of(files: Files, path: tuple[str, ...]) -> list[str]:
    """The names under which these files are imported, in their order."""
    names = []
    for name in files:
        for root in sorted(path, key=len, reverse=True):
            inside = name if root == "." else name[len(root) + 1 :] if name.startswith(root + "/") else ""
            if inside and inside.endswith((".py", ".pyc")):
                dotted = inside.rpartition(".")[0].replace("/", ".").removesuffix(".__init__")
                names.append(dotted)
                break
    return names
