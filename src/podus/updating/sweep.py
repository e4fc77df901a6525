"""Bringing all live objects of changed classes into their new form in the background, and all of them back."""

from __future__ import annotations

import sys

from podus.updating.breath import Breath, quick_turns
from podus.updating.heap import SMALL, Search
from podus.updating.held import own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    from podus.updating.binding import Stall
    from podus.updating.objects import Conversion

    _Wanted = TypeVar("_Wanted", Conversion, "Counted")


def sweep(conversions: list[Conversion], stall: Stall, *, hurry: bool, between: Callable[[], bool]) -> bool:
    """Convert every live object in slices; with ``hurry`` without a pause. Whether it was finished: ``between`` may say no.

    Raises MapperFailed.
    """
    breath = _none if hurry else Breath(long=True)
    mapped = any(conversion.converts for conversion in conversions)
    bound = stall.bound_us / 1e6 if stall.refuses else None
    own = [part for conversion in conversions for part in conversion.registers]
    notes = [note for conversion in conversions for note in conversion.notes()]
    search = Search([conversion.cls for conversion in conversions], breath, bound, own=own, last=notes)
    concerned: dict[int, list[Conversion]] = {}
    for batch in search:
        for conversion, objects in _by_class(batch, conversions, concerned):
            conversion.bring(objects, breath)
        if mapped and isinstance(breath, Breath):
            quick_turns.relax(breath.late)
        search.promote()
        if not between():
            return False
    stall.longest_us = max(stall.longest_us, search.held_seconds * 1e6)
    return search.complete


def _by_class(
    batch: list[Any], wanted: list[_Wanted], concerned: dict[int, list[_Wanted]]
) -> Iterator[tuple[_Wanted, list[Any]]]:
    """Those of ``wanted`` whose class, or one below it, some objects are of, each with these; ``concerned`` remembers which.

    By the ids of classes: the search that gave the objects counts references to them.
    """
    kinds: dict[int, list[Any]] = {}
    for obj in batch:
        kinds.setdefault(id(type(obj)), []).append(obj)
    for kind, objects in kinds.items():
        if kind not in concerned:
            line = type.mro(type(objects[0]))
            # What a class gives a field goes before what those above it give it.
            concerned[kind] = sorted(
                (one for one in wanted if one.cls in line), key=lambda one: _rank(one, line)
            )
        for one in concerned[kind]:
            yield one, objects


def _rank(one: Conversion | Counted, line: list[type]) -> int:
    """What does more than to give fields comes first, in the order of the plan."""
    more = not isinstance(one, Counted) and (one.converts or one.part.gone or one.part.hidden)
    return -1 if more else line.index(one.cls)


def restore(conversions: list[Conversion]) -> None:
    """Give the objects their old form back."""
    for conversion in conversions:
        conversion.restore(obj for batch in Search([conversion.cls], _none) for obj in batch)


def take_away(conversions: list[Conversion], known: Callable[[str], bool]) -> None:
    """Take new fields from the objects that new procedures have given them; not those whose names are ``known`` to the old ones as well."""
    names = {id(c): [name for name in c.midway.surplus() if not known(name)] for c in conversions}
    left = [conversion for conversion in conversions if names[id(conversion)] or conversion.midway.gives]
    if not left:
        return
    breath = Breath(long=True)
    concerned: dict[int, list[Conversion]] = {}
    for batch in Search([conversion.cls for conversion in left], breath):
        for conversion, objects in _by_class(batch, left, concerned):
            conversion.midway.take_away(names[id(conversion)], objects)
            conversion.midway.give_back(objects)
            breath()


# So many allocated blocks take some five seconds to walk through beside a busy program.
_HUGE = 2_000_000


class Counted:
    """The objects of one class: how many there are, and whether that is all; in a large heap one look says only whether there are any.

    Also which of ``fields`` every one of them has, whoever gave them to it (``there``), and in which fields all of them hold what is ``initial``
    there: the name of a built-in type, and how that is written (``untouched``).
    """

    def __init__(
        self, cls: type, fields: Iterable[str] = (), initial: dict[str, list[str]] | None = None
    ) -> None:
        self.cls = cls
        self.number = 0
        self.is_all = True
        # Whether some were not looked at who may be as untouched as the others.
        self.unseen = False
        self.initial = initial or {}
        self.there, self.untouched = set(fields), set(self.initial)

    def add(self, objects: list[Any]) -> None:
        """Count these as well."""
        self.number += len(objects)
        for obj in objects if self.there or self.untouched else ():
            names = own_names(obj)
            self.there &= names.keys()
            self.untouched = {
                n for n in self.untouched if n not in names or _is_written(names[n], *self.initial[n])
            }

    def stop(self) -> None:
        """There are some; how many is not looked for, nor what the others have."""
        self.is_all = False
        self.unseen = bool(self.untouched)
        self.there, self.untouched = set(), set()


def count(wanted: list[Counted]) -> None:
    """Count the objects of several classes in one look.

    In a large heap only as long as something is to be learned of each object, and in one that takes many seconds not even that.
    """
    blocks = sys.getallocatedblocks()
    large, huge = blocks > SMALL, blocks > _HUGE
    concerned: dict[int, list[Counted]] = {}
    for batch in Search([one.cls for one in wanted]) if wanted else ():
        for one, objects in _by_class(batch, wanted, concerned):
            if one.is_all:
                one.add(objects)
            if one.is_all and (huge or (large and not (one.there or one.untouched))):
                one.stop()
        if not any(one.is_all for one in wanted):
            return


def _is_written(value: Any, kind: str, text: str) -> bool:
    """Whether a value is of a built-in type and written so; a container that it is empty."""
    if type(value).__module__ not in ("builtins", "collections") or type(value).__name__ != kind:
        return False
    return repr(value) == text if text else not value


def _none() -> None:
    """No breath at all."""
