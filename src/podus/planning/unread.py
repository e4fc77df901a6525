"""New fields of classes that the planner can't read: made in procedures, or defined in more than one way (`if …: class C … else: class C …`).

Their methods switch as all procedures do. Nothing can be derived for their objects, so these are asked about, by the codes alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podus.planning.model import Note
from podus.planning.outcome import names
from podus.program.classes import Classes
from podus.program.constructor import CONSTRUCTORS
from podus.program.operands import LOADS_ATTRIBUTE, STORES_ATTRIBUTE, named

if TYPE_CHECKING:
    from types import CodeType

    from podus.planning.compile import Compiler
    from podus.program.changes import ModuleChange


def tell_of_unread(compiler: Compiler, old: Classes, new: Classes) -> None:
    """Ask about live objects of such classes that lack what new ones get, where something reads it."""
    found: dict[str, tuple[list[str], int]] = {}
    for module, change in compiler.changes.items():
        for owner in _made_otherwise(change):
            full = f"{module}:{owner}"
            fields = [] if old.find(full) and new.find(full) else _gained(change, owner)
            if fields:
                found[full] = fields, _constructors(change.new.procedures, owner)[0].co_firstlineno
    counts = compiler.pup.call("objects", classes=[*found]) if found else {}
    for name, (fields, line) in found.items():
        live = counts[name]["live"]
        if not live:
            continue
        whose = (
            "its live objects go" if live < 0 else f"its {live} live object{'s go' if live > 1 else ' goes'}"
        )
        how = "is made in a procedure" if "<locals>" in name else "is defined in more than one way"
        text = f"{name} {how}, and its constructor sets {names(fields)} now, which can't be derived for that: {whose} without it"
        file = compiler.new.modules[name.partition(":")[0]].file
        remedy = "give the class a default for it, or make the objects again"
        compiler.plan.asks.append(Note("field-unread", text, remedy, f"{file}:{line}"))


def _made_otherwise(change: ModuleChange) -> list[str]:
    """The classes of a module whose constructors changed, or that have got one."""
    owners = [
        name.partition("#")[0].rpartition(".")
        for name in (*change.changed, *change.added)
        if name.partition("#")[0].rpartition(".")[2] in CONSTRUCTORS
    ]
    had = {name.partition("#")[0].rpartition(".")[0] for name in change.old.procedures}
    return [owner for owner in dict.fromkeys(owner for owner, _, _ in owners) if owner in had]


def _gained(change: ModuleChange, owner: str) -> list[str]:
    """What the constructors of a class set that nothing in its old version did, and something in it takes for granted."""
    had = {word for code in _methods(change.old.procedures, owner) for word in named(code, STORES_ATTRIBUTE)}
    sets = [
        word for code in _constructors(change.new.procedures, owner) for word in named(code, STORES_ATTRIBUTE)
    ]
    reads: set[str] = set()
    for code in _methods(change.new.procedures, owner):
        reads |= {*named(code, LOADS_ATTRIBUTE)} - {*named(code, STORES_ATTRIBUTE)}
    return [word for word in dict.fromkeys(sets) if word not in had and word in reads]


def _methods(procedures: dict[str, CodeType], owner: str) -> list[CodeType]:
    return [code for name, code in procedures.items() if name.rpartition(".")[0] == owner]


def _constructors(procedures: dict[str, CodeType], owner: str) -> list[CodeType]:
    return [code for code in _methods(procedures, owner) if code.co_name in CONSTRUCTORS]
