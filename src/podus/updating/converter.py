"""A function, made for one class, that converts an object whose mapper works apart: what the conversion itself does, in half of the time.

A thread of the program waits for that at the first use of each object. Where there are many, that is what all its threads do for a while, and then they
wait for each other as well.
"""

from __future__ import annotations

from collections import deque
from itertools import starmap
from keyword import iskeyword
from operator import call

from podus.updating.held import GONE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from podus.updating.apart import Apart
    from podus.updating.claims import Claim
    from podus.updating.kept import Kept
    from podus.updating.notes import Notes

    Row = tuple[str, Any, Any]
    Converter = Callable[[Any, Claim, set[int], bool], bool]


def converter(
    apart: Apart,
    marks: Collection[str],
    dropped: Kept,
    notes: Notes,
    converted: Iterator[int],
    touched: Callable[[Any, Any, dict[str, Any]], list[Row]],
) -> Converter | None:
    """A function ``(object, its claim, where its id is noted, whether to note for the way back)`` that says whether it has converted the object.

    It has not, and nothing is changed, where the object lacks what the mapper reads, or has none of ``marks``: then it may be one that is just being made.
    What the object had of the fields that go is kept in ``dropped``; ``notes`` get the object, the names that were set, what they were before and what they
    became, in one tuple; ``converted`` counts. ``touched(object, stand-in, had)`` says what is to be set where others have come to the object meanwhile.
    None if what the mapper uses does not tell whether an object is being made.
    """
    spelt = all(name.isidentifier() and not iskeyword(name) for name in apart.used)
    if not (spelt and apart.whole and {*apart.used} & {*marks}):
        return None
    old = {name: f"old{number}" for number, name in enumerate(apart.used)}
    new = {name: f"new{number}" for number, name in enumerate(apart.sets)}
    optional = [name for name in apart.used if name not in apart.needs]
    lines = ["def convert(obj, claim, register, remember):", " if not takes(type(obj)): return False"]
    if apart.needs:
        lines += [" try:", *(f"  {old[n]} = read(obj, {n!r})" for n in apart.needs)]
        lines += [" except AttributeError: return False"]
    for name in optional:
        lines += [f" try: {old[name]} = read(obj, {name!r})", f" except AttributeError: {old[name]} = GONE"]
    if not {*apart.needs} & {*marks}:
        lines += [f" if {' is '.join([*(old[n] for n in optional if n in marks), 'GONE'])}: return False"]
    lines += [" it = claim.stand_in = kind()", *(f" it.{n} = {old[n]}" for n in apart.needs)]
    lines += [f" if {old[n]} is not GONE: it.{n} = {old[n]}" for n in optional]
    lines += [" try: mapper(it)", " finally: claim.stand_in = None"]
    lines += [f" {new[n]} = get(it, {n!r}, GONE)" for n in apart.sets]
    rows = [f"({n!r}, {old[n]}, {new.get(n, 'GONE')})" for n in (*apart.sets, *apart.leaving)]
    had = ", ".join(f"{n!r}: {old[n]}" for n in apart.used)
    lines += [f" rows = [{', '.join(rows)}]", f" if claim.touched: rows = touched(obj, it, {{{had}}})"]
    lines += [" rows = [row for row in rows if row[1] is not row[2]]"]
    # At one instant: no other thread runs in the middle of this call.
    lines += [" ops = [(write, obj, n, b) if b is not GONE else (delete, obj, n) for n, _, b in rows]"]
    lines += [" if remember:", "  names, before, after = zip(*rows) if rows else ((), (), ())"]
    lines += ["  ops.append((note, notes(id(obj)), (obj, same(names, names), *before, *after)))"]
    lines += [" ops += (add, register, id(obj)), (next, converted)", " deque(starmap(call, ops), 0)"]
    if kept := {name for name in apart.leaving if name in dropped.names}:
        lines += [f" had = {{n: a for n, a, _ in rows if n in {kept!r} and a is not GONE}}"]
        lines += [" if had: keep(obj, had)"]
    lines += [" return True"]
    of_names: dict[Any, Any] = {}
    names: dict[str, Any] = {"GONE": GONE, "add": set.add, "call": call, "converted": converted}
    names |= {"delete": object.__delattr__, "deque": deque, "get": getattr, "same": of_names.setdefault}
    names |= {"keep": dropped.keep, "kind": apart.kind, "mapper": apart.mapper, "note": list.append}
    names |= {"read": object.__getattribute__, "starmap": starmap, "takes": apart.takes}
    names |= {"notes": notes.of, "touched": touched, "write": object.__setattr__}
    exec(compile("\n".join(lines), "<podus>", "exec"), names)
    made: Converter = names["convert"]
    return made
