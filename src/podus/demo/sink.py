"""The traffic sink, a process of its own: what arrived, when, and whether it is what it should be.

``python -m podus.demo.sink ROUTES OUT PORTS FLOWS`` opens PORTS sockets and prints ``{"listen": [port, …]}``, then ten times a
second ``{"time", "packets", "mean", "worst", "marks"}``: packets since the last line, their latency in us, and how many
were routed by each version. When standard input closes it writes what it saw to OUT.json, OUT.times (64-bit ns by
sequence number, 0 for none) and OUT.marks (a byte by sequence number), and ends.

Order is judged by flow and port: one worker reads one flow, and one socket keeps the order; between sockets there is none.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

from podus.demo import packets

PERIOD = 100_000_000  # ns between two lines of figures
ROOM = 1_000_000  # packets to make room for at a time


def main(argv: list[str]) -> int:
    """Run the sink (see the module's text)."""
    routes_file, out, ports, flows = argv
    routes = packets.read_routes(routes_file)
    expected = packets.expectations(routes, packets.destinations(routes))
    sockets = []
    for _ in range(int(ports)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, packets.BUFFER)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sockets.append(sock)
    print(json.dumps({"listen": [sock.getsockname()[1] for sock in sockets]}), flush=True)
    sink = Sink(expected, int(flows))
    packets.hurry()
    gc.freeze()
    gc.disable()
    sink.run(sockets)
    sink.write(out)
    return 0


class Sink:
    """What arrived: ``times`` and ``marks`` by sequence number, and lists of what should not have happened."""

    def __init__(self, expected: list[packets.Expected], flows: int) -> None:
        self.expected = expected
        self.flows = flows
        self.times = array("q", bytes(8 * ROOM))
        self.marks = bytearray(ROOM)
        self.duplicated: list[tuple[int, int]] = []  # sequence number, time
        self.disordered: list[tuple[int, int]] = []
        self.wrong: list[tuple[int, int, str]] = []  # sequence number (-1: unreadable), time, what is wrong

    def run(self, sockets: list[socket.socket]) -> None:
        """Receive until standard input closes."""
        receivers = {sock.fileno(): (port, sock.recv) for port, sock in enumerate(sockets)}
        newest = [[-1] * self.flows for _ in sockets]
        poller = select.poll()
        poller.register(0, select.POLLIN | select.POLLHUP)
        for number in receivers:
            poller.register(number, select.POLLIN)
        figures = Figures()
        while True:
            for number, _ in poller.poll(20):
                if number == 0:
                    return
                port, receive = receivers[number]
                self._drain(receive, port, newest[port], figures)
            if time.monotonic_ns() >= figures.due:
                figures.report()

    def _drain(self, receive: Callable[[int], bytes], port: int, newest: list[int], figures: Figures) -> None:
        """Take what one socket holds, but not more than a handful: the others wait."""
        clock, unstamp, at = time.monotonic_ns, packets.STAMP.unpack_from, packets.HEADER.size
        times, marks, choices, flows = self.times, self.marks, len(self.expected), self.flows
        for _ in range(16):
            try:
                packet = receive(512)
            except BlockingIOError:
                return
            now = clock()
            if len(packet) != packets.SIZE:
                self.wrong.append((-1, now, f"{len(packet)} bytes"))
                continue
            number, sent = unstamp(packet, at)
            mark = packet[3]
            expected = self.expected[number % choices]
            if (
                mark not in packets.MARKS
                or port != expected.port
                or packet[: packets.HEADER.size] != expected.headers[mark - 1]
                or packet[packets.TAIL :] != expected.tail
            ):
                self.wrong.append((number, now, _what(packet, port, mark, expected)))
                continue
            while number >= len(times):
                times.frombytes(bytes(8 * ROOM))
                marks.extend(bytes(ROOM))
            if times[number]:
                self.duplicated.append((number, now))
                continue
            times[number] = now
            marks[number] = mark
            flow = number % flows
            if number < newest[flow]:
                self.disordered.append((number, now))
            else:
                newest[flow] = number
            figures.add(now - sent, mark)

    def write(self, out: str) -> None:
        """Leave what was seen in files."""
        with open(out + ".times", "wb") as file:
            self.times.tofile(file)
        with open(out + ".marks", "wb") as file:
            file.write(self.marks)
        found: dict[str, Any] = {
            "duplicated": self.duplicated,
            "disordered": self.disordered,
            "wrong": self.wrong,
        }
        with open(out + ".json", "w", encoding="utf-8") as file:
            json.dump(found, file)


class Figures:
    """The figures of the last tenth of a second."""

    def __init__(self) -> None:
        self.due = time.monotonic_ns() + PERIOD
        self._clear()

    def _clear(self) -> None:
        self.packets = self.sum = self.worst = 0
        self.marks = [0, 0, 0]

    def add(self, latency: int, mark: int) -> None:
        """Count one packet that took ``latency`` ns."""
        self.packets += 1
        self.sum += latency
        self.marks[mark] += 1
        self.worst = max(self.worst, latency)

    def report(self) -> None:
        """Print one line and begin anew."""
        now = time.monotonic_ns()
        line = {
            "time": now,
            "packets": self.packets,
            "mean": self.sum / max(1, self.packets) / 1e3,
            "worst": self.worst / 1e3,
            "marks": self.marks[1:],
        }
        print(json.dumps(line), flush=True)
        self.due = now + PERIOD
        self._clear()


def _what(packet: bytes, port: int, mark: int, expected: packets.Expected) -> str:
    if port != expected.port:
        return f"came out at port {port} instead of {expected.port}"
    if mark not in packets.MARKS:
        return f"was marked {mark}"
    if packet[packets.TAIL :] != expected.tail:
        return "was damaged"
    return f"has a wrong header: {packet[: packets.HEADER.size].hex()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
