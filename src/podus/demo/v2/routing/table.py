"""The routing table: a trie of prefixes."""

import ipaddress

from routing.trie import Route, Trie

routes = Trie()


def current() -> Trie:
    """The table in use."""
    return routes


def load(path: str) -> None:
    """Fill the table from a file of lines ``PREFIX PORT``."""
    with open(path, encoding="ascii") as file:
        fields = [line.split() for line in file if line.strip()]
    for prefix, port in fields:
        network = ipaddress.IPv4Network(prefix)
        routes.place(int(network.network_address), Route(str(network), network.prefixlen, int(port)))


def lookup(table: Trie, address: int, *, default: Route | None) -> Route | None:
    """The route of the longest prefix that covers ``address``, or ``default`` if there is none."""
    return table.longest(address) or default
