"""The traffic generator, a process of its own: numbered packets at a fixed rate.

``python -m podus.demo.generator ROUTES OUT PORT,PORT,…`` takes orders on standard input, one a line: ``rate N`` (packets a
second from now on; 0 is silence) and ``stop``. Each ``rate`` is answered with ``{"sent": n}``: the number of packets so far. At the
end it writes when each packet was sent to OUT (array of 64-bit ns) and ends.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sys
import time
from array import array
from collections.abc import Callable

from podus.demo import packets

TICK = 1  # ms between two looks at the clock
BURST = 64  # packets between two looks at the clock when behind


def main(argv: list[str]) -> int:
    """Run the generator (see the module's text)."""
    routes_file, out, ports = argv
    addresses = packets.destinations(packets.read_routes(routes_file))
    templates = packets.templates(addresses)
    senders: list[Callable[[bytearray], int]] = []
    for port in ports.split(","):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, packets.BUFFER)
        sock.connect(("127.0.0.1", int(port)))
        senders.append(sock.send)
    sent = array("q", bytes(8 * 1_000_000))  # in place before it matters: growing it takes time
    packets.hurry()
    gc.freeze()
    gc.disable()
    total = _generate(senders, templates, sent)
    with open(out, "wb") as file:
        sent[:total].tofile(file)
    return 0


def _generate(senders: list[Callable[[bytearray], int]], templates: list[bytearray], sent: array[int]) -> int:
    flows, choices = len(senders), len(templates)
    stamp, clock, at = packets.STAMP.pack_into, time.monotonic_ns, packets.HEADER.size
    orders = select.poll()
    orders.register(0, select.POLLIN | select.POLLHUP)
    number = first = due = 0
    rate = 0.0
    began = clock()
    while True:
        if orders.poll(0 if number < due else TICK):
            for line in os.read(0, 4096).decode().splitlines() or ["stop"]:
                if line == "stop":
                    return number
                rate, first, began = float(line.split()[1]), number, clock()
                print(json.dumps({"sent": number}), flush=True)
        if number + BURST > len(sent):
            sent.frombytes(bytes(8 * 1_000_000))
        due = first + int((clock() - began) * rate / 1e9)
        for n in range(number, min(due, number + BURST)):
            packet = templates[n % choices]
            now = clock()
            stamp(packet, at, n, now)
            try:
                senders[n % flows](packet)
            except ConnectionRefusedError:  # the router is gone: that packet is lost, and will be counted so
                pass
            sent[n] = now
            number = n + 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
