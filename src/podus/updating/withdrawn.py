"""Definitions that the new version does not have any more: what their decorators had put into registries is taken out of them.

A fresh process would not have it there. Only what a statement of the old version registered when it ran is meant: a callback that the
program has put into a list while it ran stays there.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from functools import singledispatchmethod
from types import FunctionType, MappingProxyType, ModuleType

from podus.updating.binding import Switch
from podus.updating.held import own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MUTABLE = (dict, list, set)
# A container that holds more than this is no registry of definitions.
_AT_MOST = 100_000


def withdraw(
    modules: Iterable[ModuleType], codes: set[int], classes: list[type], removals: Switch
) -> list[Any]:
    """Plan to take out of every registry the functions made from ``codes`` (their ids) and the ``classes``; returns these registries."""
    found: list[Any] = []
    gone = set(map(id, classes))

    def is_gone(value: Any) -> bool:
        if id(value) in gone:
            return True
        for _ in range(8):
            if type(value) is FunctionType and id(value.__code__) in codes:
                return True
            try:
                value = object.__getattribute__(value, "__wrapped__")
            except AttributeError:
                return False
        return False

    for container in containers(modules):
        before = len(removals.do)
        if type(container) is dict:
            for key, item in list(container.items()):
                if is_gone(item):
                    removals.delete_item(container, key)
        elif type(container) is set:
            for item in filter(is_gone, list(container)):
                removals.do.append((set.discard, container, item))
                removals.undo.append((set.add, container, item))
        else:
            # From the last to the first, so that each is still where it is when its turn comes.
            for place, item in reversed(list(enumerate(container))):
                if is_gone(item):
                    removals.do.append((take_out, container, item))
                    removals.undo.append((list.insert, container, place, item))
        if len(removals.do) > before:
            found.append(container)
    return found


def take_out(container: list[Any], wanted: Any) -> None:
    """Take ``wanted`` itself out, not what is equal to it."""
    for place, item in enumerate(container):
        if item is wanted:
            del container[place]
            return


def dispatch_caches(namespaces: Iterable[dict[str, Any]]) -> list[dict[Any, Any]]:
    """What the single-dispatch functions of some namespaces remember of their choices: to be cleared where a registry has changed."""
    found = []
    for namespace in namespaces:
        for value in list(namespace.values()):
            inside = list(vars(value).values()) if isinstance(value, type) else [value]
            for each in inside:
                # A method chooses among functions, too.
                one = each.dispatcher if isinstance(each, singledispatchmethod) else each
                clear = vars(one).get("_clear_cache") if isinstance(one, FunctionType) else None
                data = getattr(getattr(clear, "__self__", None), "data", None)
                if type(data) is dict:
                    found.append(data)
    return found


def registry_of(value: Any) -> Any:
    """The table of a single-dispatch function; None if it is none."""
    value = value.dispatcher if isinstance(value, singledispatchmethod) else value
    registry = vars(value).get("registry") if isinstance(value, FunctionType) else None
    if type(registry) is MappingProxyType:
        return next(iter(gc.get_referents(registry)), None)
    return None


def _attributes(value: Any) -> list[Any]:
    # Past what the program may have to say to it.
    own = vars(value) if isinstance(value, type) else own_names(value)
    return list(own.values())


def containers(modules: Iterable[ModuleType]) -> Iterator[Any]:
    """The containers that modules' names lead to: by themselves, in classes, in objects of the program's classes."""
    modules = list(modules)
    names = {module.__name__ for module in modules}
    seen: set[int] = set()
    for module in modules:
        for value in list(vars(module).values()):
            inside = [value, registry_of(value)]
            kind = value if isinstance(value, type) else type(value)
            if type.__getattribute__(kind, "__module__") in names:
                inside += [found for inner in _attributes(value) for found in (inner, registry_of(inner))]
            for container in inside:
                small = type(container) in _MUTABLE and len(container) <= _AT_MOST
                if small and id(container) not in seen:
                    seen.add(id(container))
                    yield container
