"""What generator, sink and test agree on: the routes, the destinations and every byte of every packet.

A packet is the router's header of 12 bytes, then sequence number (4), time of sending (8, ns of CLOCK_MONOTONIC, the
same clock for all processes of a machine), then 40 bytes that tell the destination again. Packet ``n`` goes to
worker ``n % workers`` (a *flow*) and to destination ``n % len(destinations)``, so that nothing else need be exchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import random
import struct
from dataclasses import dataclass

HEADER = struct.Struct("!HBBHHI")
STAMP = struct.Struct("!IQ")
WORDS = struct.Struct("!6H")
MAGIC = 0x5044
TTL = 64
SIZE = 64
TAIL = HEADER.size + STAMP.size
BUFFER = 4 * 1024 * 1024
MARKS = (1, 2)  # what version 1 and version 2 write into the header


@dataclass(frozen=True)
class Prefix:
    """One line of the routes file."""

    network: int
    length: int
    port: int

    @property
    def text(self) -> str:
        """``10.3.0.0/16``."""
        return f"{ipaddress.IPv4Address(self.network)}/{self.length}"


def make_routes(number: int, ports: int, seed: int = 1993) -> list[Prefix]:
    """``number`` distinct prefixes of 8 to 28 bits, a third of them inside another one, in no order."""
    chance = random.Random(seed)
    found: dict[tuple[int, int], Prefix] = {}
    while len(found) < number:
        length = chance.randint(8, 28)
        network = chance.getrandbits(32)
        if found and chance.random() < 1 / 3:
            outer = chance.choice(list(found.values()))
            length = chance.randint(outer.length, 28)
            network = outer.network | (network & ~_mask(outer.length) & 0xFFFFFFFF)
        network &= _mask(length)
        found.setdefault((network, length), Prefix(network, length, chance.randrange(ports)))
    routes = list(found.values())
    chance.shuffle(routes)
    return routes


def write_routes(path: str, routes: list[Prefix]) -> None:
    """Write the file that the router reads."""
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{route.text} {route.port}\n" for route in routes)


def read_routes(path: str) -> list[Prefix]:
    """Read what :func:`write_routes` wrote."""
    with open(path, encoding="ascii") as file:
        fields = [line.split() for line in file]
    networks = [(ipaddress.IPv4Network(prefix), int(port)) for prefix, port in fields]
    return [Prefix(int(network.network_address), network.prefixlen, port) for network, port in networks]


def reference(routes: list[Prefix], address: int) -> Prefix | None:
    """The longest prefix that covers ``address``: every one is tried, and nothing is clever."""
    covering = [route for route in routes if address & _mask(route.length) == route.network]
    return max(covering, key=lambda route: route.length, default=None)


def destinations(routes: list[Prefix], number: int = 2039, seed: int = 7) -> list[int]:
    """``number`` addresses, each covered by some prefix (a prime number, so that every flow sends to each of them)."""
    chance = random.Random(seed)
    found = []
    for _ in range(number):
        route = chance.choice(routes)
        found.append(route.network | (chance.getrandbits(32) & ~_mask(route.length) & 0xFFFFFFFF))
    return found


def header(ttl: int, mark: int, length: int, address: int) -> bytes:
    """A header with the right checksum."""
    bare = HEADER.pack(MAGIC, ttl, mark, length, 0, address)
    return HEADER.pack(MAGIC, ttl, mark, length, 0xFFFF - sum(WORDS.unpack(bare)) % 0xFFFF, address)


def tail(address: int) -> bytes:
    """The last 40 bytes of a packet to ``address``."""
    return hashlib.shake_128(address.to_bytes(4, "big")).digest(SIZE - TAIL)


def templates(addresses: list[int]) -> list[bytearray]:
    """One packet a destination, to be stamped and sent."""
    return [bytearray(header(TTL, 0, 0, a) + bytes(STAMP.size) + tail(a)) for a in addresses]


@dataclass(frozen=True)
class Expected:
    """What must come out for one destination: where, with which header from each version, and the rest."""

    port: int
    headers: tuple[bytes, ...]
    tail: bytes


def expectations(routes: list[Prefix], addresses: list[int]) -> list[Expected]:
    """What must come out for each destination, by the plain reference.

    Raises ValueError if one of them has no route.
    """
    found = []
    for address in addresses:
        route = reference(routes, address)
        if route is None:
            raise ValueError(f"no route to {ipaddress.IPv4Address(address)}")
        first = header(TTL - 1, 1, 0, address)
        second = header(TTL - 1, 2, route.length, address)
        found.append(Expected(route.port, (first, second), tail(address)))
    return found


def hurry() -> None:
    """Ask to be run at once when there is something to do: generator and sink stand for other machines.

    On a machine with few processors a pause of theirs would be taken for one of the router's. Without the privilege, which most
    users lack, all goes on as it is, and the generator's own pauses are shown beside the router's.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, OSError):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -15)


def _mask(length: int) -> int:
    return (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
