"""Writes the large program that the stall is measured on, and its second version.

``procedures`` functions and methods in 100 modules; in 20 of the modules, and in ten procedures of each at most, the second version
has another constant and another line. The functions call each other in chains of ten, and the next module's through a
name imported from it; the methods are called as attributes, and every module's classes use the same method names.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.children import STAGE

MODULES = 100
CHANGED_MODULES = 20
CHAIN = 10
METHODS = 5


def write(place: Path, procedures: int, changed: int = 200) -> tuple[Path, Path]:
    """Write both versions below ``place``; returns the directories of the first and of the second."""
    versions = (place / "v1", place / "v2")
    each, changed_each = procedures // MODULES, changed // CHANGED_MODULES
    for number, root in enumerate(versions):
        (root / "big").mkdir(parents=True)
        (root / "big" / "__init__.py").write_text('"""A large program."""\n')
        for index in range(MODULES):
            new = number == 1 and index < CHANGED_MODULES
            (root / "big" / f"m{index:03}.py").write_text(module(index, each, changed_each, new=new))
        shutil.copy(STAGE / "big_main.py", root / "main.py")
        (root / "big" / "index.py").write_text(
            f"MODULES = {MODULES}\nCHANGED = {CHANGED_MODULES}\nNAMES = {names(each, changed_each)!r}\n"
        )
    return versions


def split(each: int) -> tuple[int, int]:
    """How many of a module's ``each`` procedures are functions and how many classes there are."""
    classes = max(1, each * 3 // 10 // METHODS)
    return each - classes * METHODS, classes


def names(each: int, changed: int) -> list[str]:
    """The procedures of a module that the second version changes: the first functions, and methods of the first classes."""
    functions, classes = split(each)
    first = min(functions, changed * 7 // 10)
    methods = min(changed - first, classes * METHODS)
    found = [f"f{i:02}" for i in range(first)]
    return found + [f"C{i // METHODS}.step{i % METHODS}" for i in range(methods)]


def module(index: int, each: int, changed: int, *, new: bool) -> str:
    """The source of one module; ``new`` for the second version of one that changes."""
    functions, classes = split(each)
    other = set(names(each, changed)) if new else set()
    lines = [f'"""Module {index}."""\n']
    if index + 1 < MODULES:
        lines.append(f"from big.m{index + 1:03} import f00 as following\n")
    else:
        lines.append("def following(x, last=None):\n    return x\n")
    lines.append(f"LIMIT = {1000 + index}\n")
    for i in range(functions):
        name = f"f{i:02}"
        inner = f"f{i + 1:02}(x + 1)" if (i + 1) % CHAIN and i + 1 < functions else "x"
        lines += procedure(name, "x, last=None", inner, 1000 + i, changed=name in other)
    for c in range(classes):
        lines.append(f"class C{c}:\n    def __init__(self):\n        self.total = 0\n")
        for m in range(METHODS):
            name = f"step{m}"
            inner = f"self.step{m + 1}(x + 1)" if m + 1 < METHODS else "x"
            body = procedure(name, "self, x, last=None", inner, m, changed=f"C{c}.{name}" in other)
            lines += ["    " + line.replace("\n", "\n    ").rstrip() + "\n" for line in body]
    lines.append("def work(x):\n    return f00(x) + C0().step0(x) + (following(x) if x % 2 else 0)\n")
    return "\n".join(lines)


def procedure(name: str, parameters: str, inner: str, constant: int, *, changed: bool) -> list[str]:
    """A procedure that says which version it is when it is called with ``last``, and else works a little and calls ``inner``."""
    version = 2 if changed else 1
    more = f"    total ^= {constant}\n" if changed else ""
    return [
        f"def {name}({parameters}):\n"
        f"    if last is not None:\n        return {version}\n"
        f"    total = {constant}\n"
        f"    for part in (x, x >> 1, x >> 2):\n        total += part * {version}\n"
        f"{more}    if total > LIMIT:\n        total -= LIMIT\n"
        f"    return total + {inner}\n"
    ]
