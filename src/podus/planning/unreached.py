"""Modules that change, and that nobody finds under their names: what the program has put there is not theirs, and they are left as they are."""

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
