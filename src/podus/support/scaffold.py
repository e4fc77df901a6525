"""Skeletons of the support code that a plan asks for: what to fill in, with what is known filled in already."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podus.planning.model import ObjectPart, Plan, Procedure

_HEAD = '''"""Support code for the update {before} -> {after}.

Fill in what is marked, then: podus update {name} --support THIS_FILE
"""

import podus
'''

_INTERPROCEDURE = """

# {name}{words}.
#   old: {old}
#   new: {new}
@podus.interprocedure("{name}")
def {function}(new, {parameters}):
    # Called in place of the new procedure when old code calls it: convert the arguments, and the result back.
    raise NotImplementedError("convert an old call of {name}")
"""

_MAPPER = """

def {function}_back(new):
    # The way back, for `podus back-out`; take out reverse= below if there is none.
    raise NotImplementedError("convert {name} back")


# {why}.
@podus.mapper("{name}", reverse={function}_back)
def {function}(old):
    # Runs while nobody uses the data: give its new form.
    raise NotImplementedError("convert {name}")
"""


_OBJECTS = """

def {function}_back(self):
    # The way back, for `podus back-out`; take out reverse= below if there is none.
    raise NotImplementedError("convert an object of {name} back")


# The objects of {name} that live ({live}) get {fields}.
@podus.mapper("{name}", reverse={function}_back)
def {function}(self):
    # Gets each object with its old fields ({before}): set the new ones.
{lines}
    raise NotImplementedError("convert an object of {name}")
"""


def scaffold(plan: Plan) -> str:
    """A support file with a skeleton for each interprocedure and mapper that ``plan`` says is missing.

    Every skeleton raises NotImplementedError until it is filled in, so that one that was forgotten stops the update.
    """
    parts = [
        _HEAD.format(
            before=plan.from_version.get("label") or plan.from_version.get("hash", ""),
            after=plan.to_version.get("label") or plan.to_version.get("hash", ""),
            name=plan.program.get("name", "NAME"),
        )
    ]
    by_name = {procedure.name: procedure for procedure in plan.procedures}
    wanted = dict.fromkeys(note.where for note in plan.refusals if note.code == "interprocedure-needed")
    for name in wanted:
        if name in by_name:
            parts.append(_interprocedure(by_name[name]))
    for part in plan.objects:
        missing = [field for field in part.fields if field.how == "missing"]
        if not part.mapper and missing and part.live:
            parts.append(_objects(part))
    for datum in plan.data:
        if datum.action == "keep":
            parts.append(
                _MAPPER.format(
                    name=datum.name, function=_identifier(datum.name), why=f"{datum.name}: {datum.why}"
                )
            )
    if len(parts) == 1:
        parts.append("\n# Nothing is missing: this update needs no support code.\n")
    return "".join(parts)


def _interprocedure(procedure: Procedure) -> str:
    old, new = [*procedure.signatures, "(...)", "(...)"][:2]
    return _INTERPROCEDURE.format(
        name=procedure.name,
        words=f" {procedure.interface}" if procedure.interface else "",
        old=old,
        new=new,
        function=_identifier(procedure.name),
        parameters=old.removeprefix("(").removesuffix(")") or "*args, **kwargs",
    )


def _objects(part: ObjectPart) -> str:
    missing = [field for field in part.fields if field.how == "missing"]
    lines = [
        f"    # self.{f.name} = " + (f"self.{f.text}  # if it is that under another name" if f.text else "…")
        for f in missing
    ]
    return _OBJECTS.format(
        name=part.cls,
        function=_identifier(part.cls),
        live=part.live,
        fields=", ".join(f.name for f in missing),
        before=", ".join(part.before),
        lines="\n".join(lines),
    )


def _identifier(name: str) -> str:
    return re.sub(r"\W+", "_", name.partition(":")[2]).strip("_") or "convert"
