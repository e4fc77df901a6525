"""What happens to one packet: parse, look up, count, rewrite."""

from routing import config, counters, header, table


def forward(packet: bytes) -> tuple[bytes, tuple[str, int]] | None:
    """The packet to send on and where to, or None if it is dropped."""
    try:
        ttl, destination = header.parse(packet)
    except header.Malformed:
        counters.count_drop("malformed")
        return None
    if ttl <= 1:
        counters.count_drop("expired")
        return None
    route = table.lookup(table.current(), destination, default=None)
    if route is None:
        counters.count_drop("no route")
        return None
    counters.count(route.prefix, len(packet))
    return header.rewrite(packet, ttl - 1, route.length), config.hops[route.port]
