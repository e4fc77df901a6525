"""What a module imports when its own body runs, read from its code."""

from __future__ import annotations

import ast

from podus.program.bindings import is_for_type_checkers
from podus.program.flow import absolute, flow
from podus.program.version import Module

# Of each module once: by its id, and with it, as long as it is that one.
_imports: dict[int, tuple[Module, list[tuple[str, int, bool]]]] = {}


def imports_of(module: Module) -> list[tuple[str, int, bool]]:
    """The modules that ``module`` imports at its top level: absolute name, line, and whether the module itself is named (or may only be an attribute)."""
    known = _imports.get(id(module))
    if known is not None and known[0] is module:
        return known[1]
    found: list[tuple[str, int, bool]] = []
    never = _for_type_checkers(module)
    for row in flow(module.code).imports:
        if row.line in never:
            continue
        base = absolute(module.name, module.package, row.level, row.module)
        parts = base.split(".")
        found.extend((".".join(parts[: n + 1]), row.line, True) for n in range(len(parts)))
        if row.name and row.name != "*":
            found.append((f"{base}.{row.name}", row.line, False))
    found = list(dict.fromkeys(found))
    _imports[id(module)] = (module, found)
    return found


def _for_type_checkers(module: Module) -> set[int]:
    """The lines of a module that only type checkers read: below ``if TYPE_CHECKING``."""
    found: set[int] = set()
    told = module.source is not None and b"TYPE_CHECKING" in module.source
    for statement in module.body.statements if told and module.body is not None else ():
        node = statement.node
        if isinstance(node, ast.If) and is_for_type_checkers(node):
            last = node.body[-1].end_lineno or node.body[-1].lineno
            found.update(range(node.body[0].lineno, last + 1))
    return found


def is_certain(module: Module, line: int) -> bool:
    """Whether the statement at ``line`` runs whenever the module is imported: it stands in no ``if`` or ``try``."""
    if module.body is None:
        return True
    return any(statement.node.lineno == line for statement in module.body.statements)
