"""Annotations, as what gives them: from Python 3.14 on a procedure or class has something that works them out when they are asked for (PEP 649).

That is what goes from a new definition into the one that is there. To ask for the annotations themselves would run it, while names that they
say don't have their new values yet, or don't exist at all (``if TYPE_CHECKING:``).
"""

from __future__ import annotations

import sys
from types import FunctionType, MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.binding import Switch

LAZY = sys.version_info >= (3, 14)
# What a class keeps of its annotations, and what bodies bind for them.
OWN = frozenset(
    {"__annotate_func__", "__annotations__", "__annotations_cache__", "__conditional_annotations__"}
    if LAZY
    else ()
)
OF_MODULE = frozenset({"__annotations__", "__annotate__"} if LAZY else {"__annotations__"})
MAKERS = frozenset({"__annotate__", "__annotate_func__"} if LAZY else ())


def of_function(function: FunctionType) -> tuple[str, Any]:
    """The attribute of a function that gives its annotations, and its value."""
    make = getattr(function, "__annotate__", None)
    return ("__annotations__", function.__annotations__) if make is None else ("__annotate__", make)


def of_class(cls: type) -> tuple[str, Any]:
    """The attribute of a class that gives its own annotations (from Python 3.14 on), and its value."""
    names = vars(cls)
    make = names.get("__annotate_func__")
    if make is not None:
        return "__annotate__", make
    return "__annotations__", names.get("__annotations__", names.get("__annotations_cache__", {}))


def same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    """Whether two ways of giving annotations are one: ``Optional[int]`` equals ``int | None``, and is written otherwise."""
    if one[1] is other[1]:
        return True
    if not (one[0] == other[0] == "__annotations__" and one[1] == other[1]):
        return False
    return list(map(type, one[1].values())) == list(map(type, other[1].values()))


def without(annotations: dict[str, Any], gone: list[str]) -> dict[str, Any]:
    """What is left of a class's or module's annotations without those of some names."""
    return {name: value for name, value in annotations.items() if name not in gone}


def into(old: FunctionType, new: FunctionType, switch: Switch) -> None:
    """Plan to give ``old`` the annotations of ``new``."""
    given = of_function(new)
    if not same(of_function(old), given):
        switch.set_attribute(old, *given)


def adopt(make: Any, made: type, cls: type) -> None:
    """Have what gives annotations look names up in ``cls``, which is kept, and not in ``made``, which its statement has just made."""
    if isinstance(make, FunctionType):
        for name, cell in zip(make.__code__.co_freevars, make.__closure__ or (), strict=True):
            if name == "__classdict__" and _is_namespace(cell.cell_contents, made):
                adopt_cell(cell, cls)
            elif name == "__class__" and cell.cell_contents is made:
                # A dataclass's methods have those of all its bases' fields.
                cell.cell_contents = cls


def adopt_cell(cell: Any, cls: type) -> None:
    """The same for the variable itself, as the body of a class leaves it."""
    if cell is not None:
        cell.cell_contents = MappingProxyType(vars(cls))


def _is_namespace(names: Any, cls: type) -> bool:
    return type(names) is dict and all(names.get(name) is value for name, value in vars(cls).items())
