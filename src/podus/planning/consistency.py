"""What the policy ``consistent`` asks for: nothing that can only be there in one form, and to know where transactions end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podus.planning.model import Turn
from podus.program.control import can_come_to

if TYPE_CHECKING:
    from podus.planning.frames import Frames
    from podus.planning.safety import Safety

_COROUTINE = 0x80


def keep_consistent(safety: Safety, frames: Frames) -> None:
    """Refuse what can't be there in two forms, have all switch together, and note the loops that do not change."""
    plan, compiler = safety.plan, safety.compiler
    # A definition that goes is there until the last who says it has ended.
    gone = {p.name for p in plan.procedures if p.change == "removed"}
    gone |= {name.rpartition(".")[0] for name in gone}
    single = [
        f"{d.name} (data)"
        for d in plan.data
        if d.action in ("set", "map") or (d.action == "remove" and d.name not in gone)
    ]
    single += [f"{m.target} (mapped)" for m in plan.mappers]
    single += [f"the objects of {part.cls}" for part in plan.objects]
    single += [f"{m.name}:{name} (its class)" for m in plan.modules for name in m.redefined]
    single += [f"{p.name} (a closure)" for p in plan.procedures if p.hidden]
    if single:
        compiler.refuse(
            "one-form",
            f"{single[0]}{f' and {len(single) - 1} more' if len(single) > 1 else ''} can be there in one form only: "
            "both versions can't serve side by side",
            "update with another policy, or this part of it first",
        )
    plan.gates = []
    safety.groups.join([m for m in safety.groups.members() if m not in plan.hold], "the policy is consistent")
    done: set[str] = set()
    for thread in compiler.pup.call("activity")["threads"]:
        for row in reversed(thread["stack"]):
            name = row["procedure"]
            code = safety.active.code(name)
            turns = _turns(name, frames)
            places = [offset for turn in turns for offset in (*turn.leaves, *turn.jumps)]
            if code is None or not can_come_to(code, row["offset"], places):
                continue
            if name not in done and name not in safety.switching:
                done.add(name)
                plan.turns += turns
            break
    for module in compiler.old.modules.values():
        for qualname, code in module.procedures.items():
            name = f"{module.name}:{qualname}"
            if code.co_flags & _COROUTINE and name not in done and name not in safety.switching:
                plan.turns += _turns(name, frames)


def _turns(name: str, frames: Frames) -> list[Turn]:
    return [Turn(name, loop.leaves, loop.jumps) for loop in frames.loops(name) if loop.turns and not loop.why]
