"""Which modules are the program: every one outside the standard library and site-packages, and what was included by name.

Imported when a program starts: it imports nothing but ``os``.
"""

from __future__ import annotations

import os

_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def in_program(name: str, file: str | None, include: tuple[str, ...]) -> bool:
    """Whether module ``name`` from ``file`` is part of the program; ``include`` are names of packages."""
    if name == "podus" or name.startswith("podus.") or not file:
        return False
    if any(name == package or name.startswith(package + ".") for package in include):
        return True
    if name == "sitecustomize" or any(part in file for part in _INSTALLED):
        return False
    return not file.startswith((_STDLIB, "<"))
