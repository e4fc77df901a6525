"""Registries that refuse a second definition of one name, which a definition that runs again is.

In a fresh process the new definition would be the first. So the old one is taken out of the dictionaries and sets that hold it while the
new one is made, and no other thread of the program runs meanwhile, unless the decorator waits for something.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from podus.updating.breath import quick_turns
from podus.updating.held import HEAP, is_a, own_fields
from podus.updating.withdrawn import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType
    from typing import Any

    from podus.updating.binding import Stall

# Longer than any definition takes: seconds for which a thread waits before it asks for its turn.
_LONG = 0.1


def entries_of(modules: Iterable[ModuleType], values: Iterable[Any]) -> list[tuple[Any, list[Any]]]:
    """The dictionaries and sets of ``modules`` that hold one of ``values`` or what wraps it, each with the keys under which it does."""
    wanted: set[int] = set()
    for value in values:
        step = value
        for _ in range(8):
            wanted.add(id(step))
            step = getattr(step, "__wrapped__", None)
            if step is None:
                break
    found = []
    namespaces = {id(vars(module)) for module in modules}
    for container in containers(modules):
        if type(container) is dict and id(container) not in namespaces:
            keys = [
                key for key, item in list(container.items()) if _tells_of(item, wanted) or id(key) in wanted
            ]
        elif type(container) is set:
            keys = [item for item in list(container) if _tells_of(item, wanted)]
        else:
            continue
        if keys:
            found.append((container, keys))
    return found


def _tells_of(item: Any, wanted: set[int]) -> bool:
    """Whether an entry is one of the objects with the ids ``wanted``, or a tuple or a record that holds one: ``Entry(name, function)``."""
    if id(item) in wanted:
        return True
    if type(item) is tuple:
        return any(id(part) in wanted for part in item)
    record = type(item).__flags__ & HEAP and not is_a(item, type)
    return bool(record) and any(id(part) in wanted for part in own_fields(item).values())


@contextmanager
def without(entries: list[tuple[Any, list[Any]]], stall: Stall) -> Iterator[None]:
    """Have the containers without these entries for a moment; those for which nothing new has come are as before then, in their old order."""
    with quick_turns.alone(_LONG):
        since = time.perf_counter()
        before = [(container, container.copy()) for container, _ in entries]
        for container, keys in entries:
            for key in keys:
                container.pop(key) if type(container) is dict else container.discard(key)
        try:
            yield
        finally:
            for container, old in before:
                if type(container) is dict:
                    # What is new has the place of what it is the new version of.
                    old.update(container)
                    container.clear()
                container.update(old)
            stall.measure(since)
