"""What changes and can't be reached: modules that nobody finds under their names, and procedures that have been given other code than theirs.

What the program has put there is not theirs: they are left as they are, and asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podus.planning.model import Note
from podus.program.code import hash_of
from podus.program.sources import BadModule, Loaded, Place

if TYPE_CHECKING:
    from podus.planning.compile import Compiler


def tell_of_unreached(compiler: Compiler, place: Place) -> None:
    """Ask about them in the plan."""
    for row in compiler.pup.call("unreached"):
        stands, digest = row.pop("stands"), row.pop("digest")
        try:
            found = place.find(Loaded(**row))
        except BadModule:
            continue
        if found is None or found.source is None or hash_of(found.source) == digest:
            continue
        name = row["name"]
        why = (
            f"an object of {stands} has taken its place in sys.modules"
            if stands
            else "it is not in sys.modules any more"
        )
        compiler.plan.asks.append(
            Note(
                "unreached",
                f"{name} changes, but {why}: what it has defined stays as it is",
                f"have {name} stay a module, or restart for this one",
                found.file,
            )
        )


def tell_of_recoded(compiler: Compiler, again: set[str]) -> None:
    """Ask about procedures whose functions have other code than their definitions, which do not run ``again``: a decorator has made that from the old one."""
    plan = compiler.plan
    again = again | {f"{part.name}:{name}" for part in plan.modules for name in part.redefined}
    names = [
        procedure.name
        for procedure in plan.procedures
        if procedure.change in ("body", "interface")
        and "<" not in procedure.name
        and again.isdisjoint(_around(procedure.name))
    ]
    for name in compiler.pup.call("recoded", names=names) if names else ():
        plan.asks.append(
            Note(
                "recoded",
                f"{name} changes, but its function has been given other code than its definition: it stays as it is",
                "restart for this one",
                compiler.new.modules[name.partition(":")[0]].file,
            )
        )


def _around(name: str) -> set[str]:
    """A procedure's name, and those of the classes around it."""
    module, _, qualname = name.partition(":")
    words = qualname.split(".")
    return {f"{module}:{'.'.join(words[:count])}" for count in range(1, len(words) + 1)}
