"""Bringing all live objects of changed classes into their new form in the background, and all of them back."""

from __future__ import annotations

import gc

from podus.updating.breath import Breath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from podus.updating.binding import Stall
    from podus.updating.objects import Conversion


def live(classes: Iterable[type]) -> Iterator[Any]:
    """Every live object of these classes and their subclasses."""
    wanted: set[type] = set()
    todo = list(classes)
    while todo:
        cls = todo.pop()
        wanted.add(cls)
        subclasses: list[type] = type.__subclasses__(cls)
        todo += [sub for sub in subclasses if sub not in wanted]
    objects = gc.get_objects()
    breath = Breath()
    while objects:
        piece = objects[-1000:]
        del objects[-1000:]
        for thing in piece:
            if type(thing) in wanted:
                yield thing
        breath()


def sweep(conversions: list[Conversion], stall: Stall, *, hurry: bool, between: Callable[[], bool]) -> bool:
    """Convert every live object in slices; with ``hurry`` without a pause. Whether it was finished: ``between`` may say no.

    Raises MapperFailed.
    """
    breath = Breath()
    for conversion in conversions:
        for number, obj in enumerate(live([conversion.cls])):
            conversion.bring((obj,))
            if not hurry and number % 16 == 0:
                breath()
            if number % 1000 == 0 and not between():
                return False
    return True


def restore(conversions: list[Conversion]) -> None:
    """Give the objects their old form back."""
    for conversion in conversions:
        conversion.restore(live([conversion.cls]))
