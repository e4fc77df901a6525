"""The demo's router, traffic and support code, each by itself, and the whole of it."""

from __future__ import annotations

import contextlib
import importlib
import json
import signal
import socket
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from podus.demo import packets
from podus.demo.experiment import HERE, Experiment, Settings
from podus.demo.measure import Phase, Seen, figures, longest_gap
from podus.demo.processes import Child, ask_router, environment

VERSIONS = {"v1": 1, "v2": 2}
COUNT = 300


def udp() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(30)
    return sock


@contextlib.contextmanager
def routing(version: str) -> Iterator[None]:
    """The ``routing`` package of ``version`` is importable, and forgotten afterwards."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "routing"]:
            del sys.modules[name]

    forget()
    sys.path.insert(0, str(HERE / version))
    try:
        yield
    finally:
        sys.path.remove(str(HERE / version))
        forget()


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture
def routes_file(tmp_path: Path) -> str:
    path = str(tmp_path / "routes.txt")
    packets.write_routes(path, packets.make_routes(COUNT, 3))
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_the_router_does_what_the_reference_says(version: str, routes_file: str, tmp_path: Path) -> None:
    routes = packets.read_routes(routes_file)
    addresses = packets.destinations(routes, 200)
    nowhere = next(a for a in range(1 << 24, 1 << 32, 1 << 20) if packets.reference(routes, a) is None)
    with contextlib.ExitStack() as stack:
        hops = [stack.enter_context(udp()) for _ in range(3)]
        ports = ",".join(str(hop.getsockname()[1]) for hop in hops)
        script = [sys.executable, str(HERE / version / "router.py"), "--routes", routes_file, "--hops", ports]
        router = Child("router", [*script, "--workers", "2"], cwd=tmp_path)
        stack.callback(router.kill)
        ready = router.answer()
        for number, (address, expected) in enumerate(
            zip(addresses, packets.expectations(routes, addresses), strict=True)
        ):
            packet = (
                packets.header(packets.TTL, 0, 0, address) + bytes(packets.STAMP.size) + packets.tail(address)
            )
            hops[0].sendto(packet, ("127.0.0.1", ready["listen"][number % 2]))
            arrived = hops[expected.port].recv(512)
            assert arrived == expected.headers[VERSIONS[version] - 1] + packet[packets.HEADER.size :]
        bad = [
            packets.header(packets.TTL, 0, 0, nowhere),
            packets.header(1, 0, 0, addresses[0]),
            b"short",
            b"\0" * packets.SIZE,
            packets.header(packets.TTL, 0, 0, addresses[0])[:-1] + b"\xff",
        ]
        for packet in bad:
            hops[0].sendto(packet, ("127.0.0.1", ready["listen"][0]))
        good = packets.header(packets.TTL, 0, 0, addresses[0])
        hops[0].sendto(
            good, ("127.0.0.1", ready["listen"][0])
        )  # when this one is through, so are those before it
        hops[packets.expectations(routes, addresses[:1])[0].port].recv(512)
        report = ask_router(ready["control"])
        assert report["packets"] == len(addresses) + 1
        assert report["drops"] == {"no route": 1, "expired": 1, "malformed": 3}
        assert ("bytes" in report) == (version == "v2")
        assert router.finish(signal.SIGTERM) == 0


def test_both_versions_agree_with_the_reference_on_any_address(routes_file: str) -> None:
    routes = packets.read_routes(routes_file)
    addresses = packets.destinations(routes, 500, seed=1) + [n * 7919 * 1021 & 0xFFFFFFFF for n in range(500)]
    expected = [packets.reference(routes, address) for address in addresses]
    assert None in expected

    def first(table: ModuleType, address: int) -> tuple[str, int] | None:
        try:
            found: tuple[str, int] = table.lookup(table.current(), address)
        except LookupError:
            return None
        return found

    with routing("v1"):
        table = module("routing.table")
        table.load(routes_file)
        assert [first(table, a) for a in addresses] == [e and (e.text, e.port) for e in expected]
    with routing("v2"):
        table = module("routing.table")
        table.load(routes_file)
        found = [table.lookup(table.current(), a, default=None) for a in addresses]
        assert found == [e and (e.text, e.length, e.port) for e in expected]


def test_the_mappers_lead_there_and_back(routes_file: str) -> None:
    support = module("podus.demo.support")
    with routing("v1"):
        table = module("routing.table")
        table.load(routes_file)
        old = list(table.current())
    with routing("v2"):
        table = module("routing.table")
        table.load(routes_file)
        mapped = support.routes(old)
        assert sorted(mapped.entries()) == sorted(table.current().entries())
        assert support.routes_back(mapped) == old
    counted = {"10.0.0.0/8": 7, "10.1.0.0/16": 0}
    assert support.counters(counted)["10.0.0.0/8"] == {"packets": 7, "bytes": 0}
    assert support.counters_back(support.counters(counted)) == counted


def test_the_interprocedure_answers_old_callers_in_the_old_way(routes_file: str) -> None:
    support = module("podus.demo.support")
    routes = packets.read_routes(routes_file)
    with routing("v1"):
        table = module("routing.table")
        table.load(routes_file)
        old = list(table.current())
    with routing("v2"):
        table = module("routing.table")
        table.load(routes_file)
        for address in packets.destinations(routes, 50):
            expected = packets.reference(routes, address)
            assert expected is not None
            for held in (old, table.current()):  # an old caller may hold the table from before the update
                assert support.lookup(table.lookup, held, address) == (expected.text, expected.port)
        nowhere = next(a for a in range(1 << 24, 1 << 32, 1 << 20) if packets.reference(routes, a) is None)
        with pytest.raises(LookupError):
            support.lookup(table.lookup, old, nowhere)
        trie = table.current()
    with routing("v1"):
        table = module("routing.table")
        table.load(routes_file)
        for address in packets.destinations(routes, 50):
            expected = packets.reference(routes, address)
            assert expected is not None
            for held in (trie, table.current()):
                found = support.lookup_back(table.lookup, held, address, default=None)
                assert found == (expected.text, expected.length, expected.port)
        assert support.lookup_back(table.lookup, trie, nowhere, default="none") == "none"


def test_the_sink_tells_what_is_wrong_with_what_arrives(routes_file: str, tmp_path: Path) -> None:
    routes = packets.read_routes(routes_file)
    addresses = packets.destinations(routes)
    expected = packets.expectations(routes, addresses)
    came: list[int] = []
    all_came = threading.Event()

    def hear(line: dict[str, Any]) -> None:
        came.append(line["packets"])
        if sum(came) == 6:
            all_came.set()

    def packet(number: int, mark: int = 1, tail: bytes | None = None) -> bytes:
        each = expected[number % len(expected)]
        stamp = packets.STAMP.pack(number, 1)
        return each.headers[mark - 1] + stamp + (each.tail if tail is None else tail)

    arguments = [sys.executable, "-m", "podus.demo.sink", routes_file, str(tmp_path / "out"), "3", "1"]
    sink = Child("sink", arguments, cwd=tmp_path, hear=hear)
    right = expected[0].port
    other = (right - 1) % 3
    a, b, c, d, e, f = [n for n, each in enumerate(expected) if each.port == right][:6]
    g = next(n for n, each in enumerate(expected) if each.port == other)
    try:
        ports = sink.answer()["listen"]
        sink.listen()
        with udp() as sender:
            for number in (a, c, b, c, d):  # b late, c twice
                sender.sendto(packet(number, mark=2 if number == d else 1), ("127.0.0.1", ports[right]))
            sender.sendto(packet(e, tail=bytes(40)), ("127.0.0.1", ports[right]))
            sender.sendto(b"rubbish", ("127.0.0.1", ports[right]))
            sender.sendto(packet(e), ("127.0.0.1", ports[other]))
            sender.sendto(
                packet(f), ("127.0.0.1", ports[right])
            )  # when these two are through, so is all before them
            sender.sendto(packet(g), ("127.0.0.1", ports[other]))
        assert all_came.wait(60)
        assert sink.finish() == 0
    finally:
        sink.kill()
    (tmp_path / "sent").write_bytes(array("q", [1] * 100).tobytes())
    seen = Seen.read(tmp_path / "sent", tmp_path / "out")
    assert [n for n, time in enumerate(seen.times) if time] == sorted([a, b, c, d, f, g])
    assert [seen.marks[n] for n in (a, b, c, d, e)] == [1, 1, 1, 2, 0]
    assert [n for n, _ in seen.disordered] == [b]
    assert [n for n, _ in seen.duplicated] == [c]
    assert sorted(what for _, _, what in seen.wrong) == [
        "7 bytes",
        f"came out at port {other} instead of {right}",
        "was damaged",
    ]


def test_figures_put_every_packet_into_its_phase() -> None:
    ms = 1_000_000
    sent = array("q", [n * ms for n in range(1, 101)])
    times = array("q", [at + ms // 2 for at in sent])
    times[10] = times[60] = 0
    marks = bytes(1 if n < 50 else 2 for n in range(100))
    seen = Seen(sent, times, marks, [[5, 6 * ms]], [[70, 71 * ms]], [[60, 61 * ms, "was damaged"]])
    phases = [Phase("before", ms, 51 * ms), Phase("update", 51 * ms, 101 * ms, step="update")]
    before, update = figures(phases, seen)
    assert (before.sent, before.lost, before.duplicated, before.disordered, before.wrong) == (50, 1, 1, 0, 0)
    assert (update.sent, update.lost, update.duplicated, update.disordered, update.wrong) == (50, 0, 0, 1, 1)
    assert (before.marks, update.marks) == ([50, 0], [0, 50])
    assert (before.gap, before.sender_gap, before.median) == (2.0, 1.0, 500.0)
    assert before.efficiency == update.efficiency == 100.0
    assert longest_gap([0, 10 * ms, 11 * ms], 5 * ms, 6 * ms) == 10.0  # it began before and ended after


def test_who_waits_for_longer_than_a_phase_is_of_none() -> None:
    """On a machine that has no time: what was sent just before an update is routed by the new version."""
    ms = 1_000_000
    sent = array("q", [n * ms for n in range(1, 101)])
    times = array("q", [at + 5 * ms for at in sent])
    marks = bytes(1 if n < 47 else 2 for n in range(100))
    phases = [Phase("before", ms, 51 * ms), Phase("after", 51 * ms, 101 * ms)]
    before, after = figures(phases, Seen(sent, times, marks, [], [], []))
    assert (before.marks, before.done, after.done) == ([47, 3], [45, 0], [0, 50])


class Quiet:
    """A view that shows nothing."""

    def say(self, text: str) -> None: ...

    def phase(self, name: str, step: str) -> None: ...

    def figures(self, line: dict[str, object]) -> None: ...


def test_a_run_without_an_update_counts_every_packet(tmp_path: Path) -> None:
    outcome = Experiment(Settings(seconds=1.0, rate=1000.0, update=False), Quiet(), tmp_path).run()
    assert outcome.problems == []
    assert outcome.exact
    (before,) = outcome.results
    assert before.sent == before.marks[0] > 0
    seen = Seen.read(tmp_path / "sent", tmp_path / "sink")
    assert seen.arrived == len(seen.sent)


def test_the_demo_updates_backs_out_and_updates_again(home: Path) -> None:
    command = [sys.executable, "-m", "podus.demo", "--quick", "--rate", "1000", "--json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    steps = ["", "", "update", "", "back out", "", "update again", ""]
    assert [result["step"] for result in found["results"]] == steps
    before, plan, _, second, _, first, _, again = found["results"]
    assert [r["marks"][1] for r in (before, plan, first)] == [0, 0, 0]
    assert [r["marks"][0] for r in (second, again)] == [0, 0]
    for result in found["results"]:
        assert result["lost"] == result["duplicated"] == result["disordered"] == result["wrong"] == 0
        assert sum(result["marks"]) == result["sent"] > 0
