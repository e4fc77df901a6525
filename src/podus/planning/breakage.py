"""Breaking changes of the public interface as griffe finds them, merged with what the planner knows from the code.

griffe (https://mkdocstrings.github.io/griffe/) compares sources without importing them, and knows dataclasses and instance attributes. It runs where
the plan is looked at and not in the planner, whose interpreter is the program's own and need not have it; and only there,
because importing it takes longer than planning a small change.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from podus.planning.model import InterfaceChange, ModulePart, Plan

if TYPE_CHECKING:
    from griffe import Breakage

# What griffe calls them -> kind, and the words.
_KINDS = {
    "PARAMETER_MOVED": ("parameter moved", "takes {part!r} in another place"),
    "PARAMETER_REMOVED": ("parameter removed", "no longer takes a parameter {part!r}"),
    "PARAMETER_CHANGED_KIND": ("parameter kind changed", "takes {part!r} in another way"),
    "PARAMETER_CHANGED_DEFAULT": ("default changed", "has another default of {part!r}"),
    "PARAMETER_CHANGED_REQUIRED": ("parameter required", "requires its parameter {part!r} now"),
    "PARAMETER_ADDED_REQUIRED": ("parameter added", "takes a new required parameter {part!r}"),
    "RETURN_CHANGED_TYPE": ("annotation changed", "annotates what it returns otherwise"),
    "OBJECT_CHANGED_KIND": ("object kind changed", "is of another kind now"),
    "ATTRIBUTE_CHANGED_TYPE": ("annotation changed", "is annotated otherwise"),
    "CLASS_REMOVED_BASE": ("base removed", "no longer derives from all its bases"),
}


def add_breakages(plan: Plan) -> None:
    """Add to ``plan.interface`` what griffe finds in the modules that change; nothing where a source is missing or can't be read.

    The plan's directory must still be there, with the old sources in it (``explain`` in the plan's request).
    """
    parts = [part for part in plan.modules if part.action == "update" and part.source and part.before]
    if not parts:
        return
    # griffe warns of names it can't follow: to those who read a plan this means nothing.
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    for part in parts:
        try:
            sources = [_read(plan, name) for name in (part.before, part.source)]
            found = _breakages(part, *sources)
        except (SyntaxError, ValueError, OSError, RecursionError):
            # Sources for another Python than this one: the planner has read them with the right one.
            continue
        _merge(plan, found)


def _read(plan: Plan, name: str) -> str:
    import tokenize

    with tokenize.open(os.path.join(plan.directory, name)) as file:
        return file.read()


def _breakages(part: ModulePart, old: str, new: str) -> list[InterfaceChange]:
    import griffe

    extensions = griffe.load_extensions()

    def visit(source: str) -> Any:
        modules = griffe.ModulesCollection()
        # The name may have dots, which griffe would take for packages that it has to find.
        module = griffe.visit(
            part.name.replace(".", "_"),
            filepath=Path(part.file),
            code=source,
            extensions=extensions,
            modules_collection=modules,
            lines_collection=griffe.LinesCollection(),
        )
        modules[module.name] = module
        extensions.call("on_package", pkg=module, loader=None)
        return module

    rows = [_row(part, b) for b in griffe.find_breaking_changes(visit(old), visit(new))]
    return [row for row in rows if row is not None]


def _row(part: ModulePart, breakage: Breakage) -> InterfaceChange | None:
    kind = breakage.kind.name
    qualname = breakage.obj.path.partition(".")[2]
    line = f"{part.file}:{breakage.obj.lineno}" if breakage.obj.lineno else ""
    if kind == "OBJECT_REMOVED":
        what = {"function": "procedure", "class": "class"}.get(breakage.obj.kind.value, "attribute")
        inner = qualname.rpartition(".")[2] if what == "attribute" else ""
        return InterfaceChange(
            f"{part.name}:{qualname}", f"{what} removed", True, "is no longer there", "", inner
        )
    if kind not in _KINDS:
        return None  # another value of data: the plan says what becomes of it
    value = breakage.old_value if breakage.old_value is not None else breakage.new_value
    word = str(getattr(value, "name", "")) if kind.startswith("PARAMETER") else ""
    if kind == "RETURN_CHANGED_TYPE":
        word = "return"
    name, words = _KINDS[kind]
    if name == "base removed":
        # The planner names each base that is gone, with the line.
        word = ""
    return InterfaceChange(f"{part.name}:{qualname}", name, True, words.format(part=word), line, word)


def _merge(plan: Plan, found: list[InterfaceChange]) -> None:
    """Add what is not known yet: the planner's own rows say more, and know from all calls whether one breaks."""
    known = {(row.name, row.kind, row.part) for row in plan.interface}
    whole = {(row.name, row.kind) for row in plan.interface}
    # What has moved, what a module imports now, and what went with its class is no loss of its own.
    excused = {row.name for row in plan.interface if row.kind == "moved"}
    excused |= {f"{part.name}:{local}" for part in plan.modules for local in part.redirects}
    gone = {row.name for row in plan.interface if row.kind == "class removed"}
    shaped = {row.name for row in plan.interface if row.kind in ("decorator added", "decorator removed")}
    for row in found:
        if row.kind == "object kind changed" and row.name in shaped:
            continue
        if (row.name, row.kind, row.part) in known or (not row.part and (row.name, row.kind) in whole):
            continue
        lost = row.kind in ("procedure removed", "class removed", "attribute removed")
        if not lost or not (row.name in excused or row.name.rpartition(".")[0] in gone):
            plan.interface.append(row)
