"""podus changes a running Python program without stopping it.

In a program that is to update itself, before its modules are imported::

    import podus
    podus.enable()
    ...
    podus.update()          # to the files as they are on disk now

From outside, nothing in the program need know of it: ``podus run``, ``podus update`` and the other commands. In a support file:
:func:`interprocedure`, :func:`mapper`, :func:`frame_mapper`, :func:`together` and :func:`policy`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.api import Update, enable, plan, update
    from podus.errors import NotFound, PodusError, Refused, Unreachable
    from podus.support.declare import frame_mapper, interprocedure, mapper, policy, together
    from podus.transaction import transaction

__version__ = "0.1.0"

__all__ = [
    "NotFound",
    "PodusError",
    "Refused",
    "Unreachable",
    "Update",
    "enable",
    "frame_mapper",
    "interprocedure",
    "mapper",
    "plan",
    "policy",
    "together",
    "transaction",
    "update",
]

# A program that runs under podus imports this package at its start: nothing more is imported than is asked for.
_HOMES = {
    "podus.api": ("Update", "enable", "plan", "update"),
    "podus.errors": ("NotFound", "PodusError", "Refused", "Unreachable"),
    "podus.support.declare": ("frame_mapper", "interprocedure", "mapper", "policy", "together"),
    "podus.transaction": ("transaction",),
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            # plan is a room of the house as well as a function of it: the function is what users mean.
            value = globals()[name] = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
