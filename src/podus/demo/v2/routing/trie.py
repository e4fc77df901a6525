"""A longest-prefix trie: one step a bit of the address, whatever the number of routes."""

from collections.abc import Iterator
from typing import NamedTuple


class Route(NamedTuple):
    """Where packets for ``prefix`` go."""

    prefix: str
    length: int
    port: int


class Node:
    """One bit string: its two continuations, and the route if a prefix ends here."""

    __slots__ = ("one", "route", "zero")

    def __init__(self) -> None:
        self.zero: Node | None = None
        self.one: Node | None = None
        self.route: Route | None = None


class Trie:
    """Routes by prefix."""

    def __init__(self) -> None:
        self.root = Node()

    def place(self, network: int, route: Route) -> None:
        """Add ``route`` for the first ``route.length`` bits of ``network``."""
        node = self.root
        for shift in range(31, 31 - route.length, -1):
            if network >> shift & 1:
                node.one = child = node.one or Node()
            else:
                node.zero = child = node.zero or Node()
            node = child
        node.route = route

    def longest(self, address: int) -> Route | None:
        """The route of the longest prefix that covers ``address``, if any."""
        node: Node | None = self.root
        best = None
        bit = 1 << 31
        while node is not None:
            if node.route is not None:
                best = node.route
            node = node.one if address & bit else node.zero
            bit >>= 1
        return best

    def entries(self) -> Iterator[tuple[int, Route]]:
        """Every network and its route."""
        todo = [(self.root, 0, 1 << 31)]
        while todo:
            node, network, bit = todo.pop()
            if node.route is not None:
                yield network, node.route
            if node.zero is not None:
                todo.append((node.zero, network, bit >> 1))
            if node.one is not None:
                todo.append((node.one, network | bit, bit >> 1))
