"""What carries the running router from version 1 to version 2 and back.

One interprocedure, two mappers, and one semantic dependency, each with its way back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import podus

# These look into the table that `current` hands out, so that they must change when it does: no analysis can tell.
podus.together("routing.table:current", "routing.table:lookup", "routing.audit:samples")


class Route(NamedTuple):
    """What version 2 calls a route, for code of version 2 that outlives it."""

    prefix: str
    length: int
    port: int


def lookup_back(new: Callable[..., Any], table: Any, address: int, *, default: Any) -> Any:
    """Version 2 hands over the table it holds and a default, and expects a route."""
    import routing.table  # type: ignore[import-not-found]

    try:
        prefix, port = new(table if isinstance(table, list) else routing.table.routes, address)
    except LookupError:
        return default
    return Route(prefix, int(prefix.partition("/")[2]), port)


@podus.interprocedure("routing.table:lookup", reverse=lookup_back)
def lookup(new: Callable[..., Any], table: Any, address: int) -> tuple[str, int]:
    """Version 1 hands over the table it holds and expects ``(prefix, port)``, or LookupError.

    An audit that began before the update still holds the old list: it is served from the table that replaced it.
    """
    import routing.table

    route = new(routing.table.routes if isinstance(table, list) else table, address, default=None)
    if route is None:
        raise LookupError(f"no route to {address:#010x}")
    return route.prefix, route.port


def routes_back(old: Any) -> list[tuple[int, int, str, int]]:
    """The trie as the list it was: longest prefix first."""
    found = [(network, _mask(route.length), route.prefix, route.port) for network, route in old.entries()]
    return sorted(found, key=lambda item: (item[1], item[0]), reverse=True)


@podus.mapper("routing.table:routes", reverse=routes_back)
def routes(old: list[tuple[int, int, str, int]]) -> Any:
    """The list of prefixes as a trie."""
    from routing.trie import Route, Trie  # type: ignore[import-not-found]

    trie = Trie()
    for network, mask, prefix, port in old:
        trie.place(network, Route(prefix, mask.bit_count(), port))
    return trie


def counters_back(old: dict[str, dict[str, int]]) -> dict[str, int]:
    """Packets alone: version 1 knows no bytes."""
    return {prefix: counter["packets"] for prefix, counter in old.items()}


@podus.mapper("routing.counters:counters", reverse=counters_back)
def counters(old: dict[str, int]) -> dict[str, dict[str, int]]:
    """Packets and bytes a route; the bytes are counted from now on."""
    return {prefix: {"packets": packets, "bytes": 0} for prefix, packets in old.items()}


def _mask(length: int) -> int:
    return (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
