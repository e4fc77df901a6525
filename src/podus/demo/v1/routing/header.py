"""The packet's header of 12 bytes; what follows is carried as it is.

magic (2), time to live (1), mark of the router (1), unused (2), checksum (2), destination (4). As in IP, the six
16-bit words add up to 0 in ones' complement.
"""

import struct

MAGIC = 0x5044
LAYOUT = struct.Struct("!HBBHHI")
WORDS = struct.Struct("!6H")


class Malformed(ValueError):
    """The packet is none of ours."""


def checksum(words: tuple[int, ...]) -> int:
    """The 16 bits that make ``words`` add up to 0 in ones' complement."""
    return 0xFFFF - (sum(words) % 0xFFFF)


def parse(packet: bytes) -> tuple[int, int]:
    """The time to live and the destination of ``packet``.

    Raises Malformed if it is no packet or its checksum is wrong.
    """
    if len(packet) < LAYOUT.size:
        raise Malformed(f"a packet of {len(packet)} bytes")
    magic, ttl, _mark, _unused, _check, destination = LAYOUT.unpack_from(packet)
    if magic != MAGIC or sum(WORDS.unpack_from(packet)) % 0xFFFF:
        raise Malformed("wrong magic or checksum")
    return ttl, destination


def rewrite(packet: bytes, ttl: int) -> bytes:
    """``packet`` with a new time to live, marked as routed by this version."""
    destination = LAYOUT.unpack_from(packet)[5]
    bare = LAYOUT.pack(MAGIC, ttl, 1, 0, 0, destination)
    check = checksum(WORDS.unpack(bare))
    return LAYOUT.pack(MAGIC, ttl, 1, 0, check, destination) + packet[LAYOUT.size :]
