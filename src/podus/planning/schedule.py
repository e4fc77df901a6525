"""In what order the statements of an update run: as when the new version is imported, module in module.

A package binds its ``__version__`` and then imports the submodule that reads it. So a module's statements run up to the one that imports another
changed module, then that one's, and then the rest. Which module is imported first is what the running program has done.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from podus.planning.meanings import imported_by_call
from podus.planning.reading import evaluated
from podus.program.changes import ModuleChange
from podus.program.importing import imports_of
from podus.program.version import Module

# Behind the last line of any module.
END = sys.maxsize


def schedule(
    modules: Mapping[str, Module], roots: Iterable[str], changed: Mapping[str, ModuleChange]
) -> list[tuple[str, int]]:
    """Rows of a changed module and the line before which its statements run then; the last row of each says ``END``.

    ``roots`` are the modules in the order in which the program has begun to import them; ``modules`` are those of the new version.
    """
    found: list[tuple[str, int]] = []
    begun: set[str] = set()

    def visit(name: str) -> None:
        begun.add(name)
        rows = [*imports_of(modules[name]), *_by_calls(modules[name])]
        for wanted, line, _ in sorted(rows, key=_line):
            if wanted in modules and wanted not in begun:
                # (Of a module of which only procedures change no statement runs.)
                if name in changed and changed[name].body is not None:
                    found.append((name, _beginning(modules[name], line)))
                visit(wanted)
        if name in changed:
            found.append((name, END))

    for name in roots:
        if name in modules and name not in begun:
            visit(name)
    # Where nothing has run in between a module just goes on.
    return [row for row, after in pairwise([*found, ("", 0)]) if row[0] != after[0]]


def _by_calls(module: Module) -> Iterator[tuple[str, int, bool]]:
    """The modules that statements import by ``import_module("name")``, in rows as :func:`imports_of` gives them."""
    # (To parse a module takes long, and most of a large program's say no such word.)
    if module.source is None or "import_module" not in module.code.co_names or module.body is None:
        return
    for statement in module.body.statements:
        for part in evaluated(statement.node):
            wanted = imported_by_call(part)
            if wanted:
                yield wanted, statement.line, False


def _beginning(module: Module, line: int) -> int:
    """Where the statement of a module's own begins that has ``line`` in it: an import may stand in a ``try``."""
    lines = [statement.line for statement in module.body.statements] if module.body is not None else []
    return max((found for found in lines if found <= line), default=line)


def _line(row: tuple[str, int, bool]) -> int:
    return row[1]
