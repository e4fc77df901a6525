"""The routing table: a list of prefixes, longest first, searched from its head."""

import ipaddress

Entry = tuple[int, int, str, int]  # network, mask, prefix as text, port number

routes: list[Entry] = []


def current() -> list[Entry]:
    """The table in use."""
    return routes


def entry(prefix: str, port: int) -> Entry:
    """The entry for ``prefix`` (``10.3.0.0/16``)."""
    network = ipaddress.IPv4Network(prefix)
    return int(network.network_address), int(network.netmask), str(network), port


def load(path: str) -> None:
    """Fill the table from a file of lines ``PREFIX PORT``."""
    with open(path, encoding="ascii") as file:
        fields = [line.split() for line in file if line.strip()]
    found = [entry(prefix, int(port)) for prefix, port in fields]
    found.sort(key=lambda item: (item[1], item[0]), reverse=True)
    routes[:] = found


def lookup(table: list[Entry], address: int) -> tuple[str, int]:
    """The longest prefix that covers ``address``, and its port.

    Raises LookupError if there is none.
    """
    for network, mask, prefix, port in table:
        if address & mask == network:
            return prefix, port
    raise LookupError(f"no route to {address:#010x}")
