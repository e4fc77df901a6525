"""What the command line says, and how sockets are made."""

import socket

RELEASE = "2.0"
HOST = "127.0.0.1"
BUFFER = 4 * 1024 * 1024  # bytes; the kernel may grant less

hops: list[tuple[str, int]] = []


def set_hops(text: str) -> None:
    """Take the UDP ports behind the port numbers 0, 1, 2, … from ``9001,9002,9003``."""
    hops[:] = [(HOST, int(part)) for part in text.split(",")]


def udp_socket() -> socket.socket:
    """A UDP socket on a free port with a receive buffer that carries it over a pause."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    sock.bind((HOST, 0))
    return sock
