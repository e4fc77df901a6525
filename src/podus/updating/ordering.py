"""Registries that were in the order of their module's text stay so: handlers that are called one after the other.

What a statement registers anew comes behind all that was there. In a fresh process it would stand where its definition does.
"""

from __future__ import annotations

from itertools import pairwise
from types import CodeType, FunctionType

from podus.program.code import walk
from podus.updating.held import HEAP, is_a, own_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Switch

# A longer list is no registry of definitions.
_AT_MOST = 1000
_LAYERS = 8


def lines_of(code: CodeType) -> dict[str, int]:
    """In which lines the procedures and classes of a module begin, by qualified name, but for names that are defined more than once."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for part in walk(code):
        if part.co_qualname in found:
            twice.add(part.co_qualname)
        found[part.co_qualname] = part.co_firstlineno
    return {name: line for name, line in found.items() if name not in twice}


def keep_in_order(
    lists: Iterable[tuple[list[Any], list[Any]]],
    lines: dict[str, tuple[dict[str, int], dict[str, int]]],
    switch: Switch,
) -> None:
    """Plan to have ``lists`` that definitions have come into (each with what it held before) in the order of the new text.

    ``lines`` are those of the definitions of each module in the old and in the new version. Lists that were in another order, or hold anything
    else, are left as they are.
    """
    for container, before in lists:
        known = set(map(id, before))
        fresh = [entry for entry in container if id(entry) not in known]
        if not fresh or not before or len(container) > _AT_MOST:
            continue
        (home, *others) = {_name(entry)[0] for entry in (*before, *fresh)}
        if others or home not in lines:
            continue
        old, new = lines[home]
        places = [old.get(_name(entry)[1], 0) for entry in before]
        if not all(0 < one < other for one, other in pairwise([*places, 10**9])):
            continue
        if all(_name(entry)[1] in new for entry in fresh):
            switch.do.append((_arrange, container, home, new))
            switch.undo.append((_arrange, container, home, old))


def _arrange(container: list[Any], home: str, lines: dict[str, int]) -> None:
    """Put a list in the order of the lines; what is of no line comes behind, as it stands."""
    keys = []
    for entry in container:
        module, name = _name(entry)
        keys.append(lines.get(name, 10**9) if module == home else 10**9)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    if order != list(range(len(keys))):
        container[:] = [container[place] for place in order]


def _name(entry: Any) -> tuple[str, str]:
    """The module and the qualified name of a definition, of what a decorator has made of it, or of a record that tells of it alone; ("", "") of anything else."""
    if type(entry) in (tuple, dict) or (type(entry).__flags__ & HEAP and not is_a(entry, type)):
        parts = (
            entry if type(entry) is tuple else (entry if type(entry) is dict else own_fields(entry)).values()
        )
        told = [part for part in parts if is_a(part, type) or type(part) is FunctionType]
        if len(told) == 1:
            entry = told[0]
    for _ in range(_LAYERS):
        if type(entry) is FunctionType or is_a(entry, type):
            module = entry.__module__ if type(entry) is FunctionType else vars(entry).get("__module__")
            return str(module), entry.__qualname__
        try:
            entry = object.__getattribute__(entry, "__wrapped__")
        except AttributeError:
            break
    return "", ""
