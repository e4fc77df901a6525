"""Aliases of classes as type hints have them (``list[C]``, ``C[int]``, ``C | None``), and the same ones of other classes."""

from __future__ import annotations

import functools
import operator
from types import GenericAlias, UnionType

from podus.updating.held import is_a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Those that C code makes, and nobody can change: who holds one has to hold another one. Those of typing are objects of Python.
FIXED = (GenericAlias, UnionType)


def is_alias(value: Any) -> bool:
    """Whether it is an alias of something; ``typing.List`` alone names nothing."""
    if is_a(value, FIXED):
        return True
    return type(value).__module__ == "typing" and hasattr(value, "copy_with") and hasattr(value, "__args__")


def arguments(value: Any) -> tuple[Any, ...]:
    """What a fixed alias is of, ``()`` for anything else."""
    found: tuple[Any, ...] = value.__args__ if is_a(value, FIXED) else ()
    return found


def with_others(value: Any, of: Callable[[Any], Any]) -> Any:
    """The alias with what ``of`` gives for each of its parts; itself if those are the same."""
    inside = tuple(map(of, value.__args__))
    origin = None if is_a(value, UnionType) else of(value.__origin__)
    same = origin is None or origin is value.__origin__
    if same and all(a is b for a, b in zip(inside, value.__args__, strict=True)):
        return value
    if is_a(value, UnionType):
        return functools.reduce(operator.or_, inside)
    if is_a(value, GenericAlias):
        make: Any = type(value)
        # `collections.abc.Callable[[A, B], C]` keeps what it takes and what it gives in one row.
        return make(origin, inside if make is GenericAlias else (list(inside[:-1]), inside[-1]))
    made = value.copy_with(inside)
    if not same:
        made.__origin__ = origin
    return made
