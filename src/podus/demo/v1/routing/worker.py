"""A worker thread: it owns one socket and never returns while the router runs."""

import socket

from routing.forward import forward


def forward_forever(sock: socket.socket) -> None:
    """Forward what arrives on ``sock``, until an empty packet comes."""
    while True:
        packet = sock.recv(2048)
        if not packet:
            return
        routed = forward(packet)
        if routed is not None:
            sock.sendto(*routed)
