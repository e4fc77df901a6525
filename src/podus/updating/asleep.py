"""What is suspended of some procedures, in numbers and by name, for whoever makes a plan: nothing here decides about a switch.

asyncio knows its tasks; everything else (generators, coroutines of other event loops) only the heap does, which is listed where it is small:
that holds up all threads.
"""

from __future__ import annotations

import sys
from types import CodeType

from podus.frames import shift_of
from podus.updating.breath import Breath
from podus.updating.find import suspended
from podus.updating.holders import named_places, tasks_within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# With more allocated blocks than that the heap is not listed for the sake of telling: that would be a stall of milliseconds.
COUNTED = 120_000
# So many of each procedure are looked at: where they stand; and so many are named.
_LOOKED_AT = 100
_NAMED = 3
_KINDS = {"cr": "coroutine", "gi": "generator", "ag": "async generator"}


def asleep(codes: list[tuple[CodeType, str]]) -> dict[str, dict[str, Any]]:
    """Procedure -> how many activations of it are suspended, of what ``kind``, where (``line``, ``offset``) and ``who`` the first of them are.

    ``some`` is set where there may be more than were counted.
    """
    names = {id(code): name for code, name in codes}
    found: dict[str, dict[str, Any]] = {}
    known: set[int] = set()
    breath = Breath()
    for number, (thing, task) in enumerate(tasks_within()):
        if number % 20 == 0:
            breath()
        kind = next((k for k in _KINDS if hasattr(thing, f"{k}_code")), "")
        name = names.get(id(getattr(thing, f"{kind}_code", None)))
        # What runs is on a stack.
        if name is not None and id(thing) not in known and not getattr(thing, f"{kind}_running"):
            known.add(id(thing))
            _add(found, name, kind, thing, f"task {task.get_name()}")
    if sys.getallocatedblocks() > COUNTED:
        for row in found.values():
            row["some"] = True
        return found
    rows = [row for row in suspended(codes)[0] if id(row[3]()) not in known]
    things = [(name, kind, reference()) for kind, name, _, reference in rows]
    places = named_places({id(thing) for *_, thing in things}) if len(things) <= _LOOKED_AT else {}
    for name, word, thing in things:
        kind = next(k for k, v in _KINDS.items() if v == word)
        if thing is not None:
            _add(found, name, kind, thing, places.get(id(thing), ""))
    return found


def _add(found: dict[str, dict[str, Any]], name: str, kind: str, thing: Any, who: str) -> None:
    row = found.setdefault(name, {"kind": _KINDS[kind], "count": 0, "who": [], "places": [], "some": False})
    row["count"] += 1
    if who and len(row["who"]) < _NAMED:
        row["who"].append(who)
    if row["count"] <= _LOOKED_AT:
        frame = getattr(thing, f"{kind}_frame")
        if frame is not None:
            place = {"line": frame.f_lineno or 0, "offset": frame.f_lasti - shift_of(frame.f_code)}
            if place not in row["places"]:
                row["places"].append(place)
