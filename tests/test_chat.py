"""A chat server that nobody here wrote the protocol of (websockets), with 2,000 open connections: its handlers move to the new version while messages flow.

Each message goes to all in its room. Everybody keeps what they heard, and nothing may be lost, doubled or in another order, nor a connection dropped.
``PODUS_CHAT=200`` has fewer connect.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from itertools import groupby

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.programs import Program
from tests.sizes import size

ROOM = 4
MEMBERS = size("PODUS_CHAT", 2000)
SERVER = """
    import asyncio
    from websockets.asyncio.server import serve
    from websockets.exceptions import ConnectionClosed

    rooms, dropped = {}, []

    def line(name, heard, text):
        return f"{name} {heard} {text} old"

    async def handler(connection):
        name, room = (await connection.recv()).split()
        members = rooms.setdefault(room, [])
        members.append(connection)
        await connection.send("welcome")
        heard = 0
        try:
            while True:
                text = await connection.recv()
                heard += 1
                said = line(name, heard, text) + " old"
                for member in members:
                    await member.send(said)
        except ConnectionClosed as closed:
            if closed.rcvd is None or closed.rcvd.code != 1000:
                dropped.append(name)

    async def main():
        global port, close
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        close = lambda: loop.call_soon_threadsafe(over.set)
        async with serve(handler, "127.0.0.1", 0, compression=None, backlog=1000) as server:
            port = server.sockets[0].getsockname()[1]
            gate("open")
            await over.wait()
    """


class Member:
    """One who is connected. ``rows`` are the messages heard: who, the number that the server gave it and the one that they did, two versions."""

    def __init__(self, number: int, connection: ClientConnection) -> None:
        self.number = number
        self.connection = connection
        self.rounds = 0
        self.rows: list[list[str]] = []


class Room:
    """Those who hear each other; they talk round by round."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.last = 0

    @property
    def rounds(self) -> int:
        return min(member.rounds for member in self.members)

    def end(self) -> None:
        self.last = max(member.rounds for member in self.members) + 1

    async def talk(self, member: Member) -> None:
        """Two messages at once a round, and then hear all that was said in it."""
        while not self.last or member.rounds < self.last:
            for number in (1, 2):
                await member.connection.send(str(2 * member.rounds + number))
            member.rounds += 1
            while len(member.rows) < 2 * member.rounds * len(self.members):
                member.rows.append(str(await member.connection.recv()).split())


async def enter(port: int, number: int, few: asyncio.Semaphore) -> Member:
    async with few:
        connection = await connect(f"ws://127.0.0.1:{port}", compression=None, ping_interval=None)
        await connection.send(f"{number} {number // ROOM}")
        assert await connection.recv() == "welcome"
    return Member(number, connection)


async def visit(
    port: int, count: int, update: Callable[[], None], back_out: Callable[[], None]
) -> list[Room]:
    few = asyncio.Semaphore(50)
    members = await asyncio.gather(*(enter(port, number, few) for number in range(count)))
    rooms = [Room(list(members[first : first + ROOM])) for first in range(0, count, ROOM)]
    talking = asyncio.gather(*(room.talk(member) for room in rooms for member in room.members))

    async def rounds(more: int) -> None:
        goal = [room.rounds + more for room in rooms]
        while any(room.rounds < wanted for room, wanted in zip(rooms, goal, strict=True)):
            assert not talking.done(), talking.result()
            await asyncio.sleep(0.01)

    await rounds(2)
    await asyncio.to_thread(update)
    await rounds(3)
    await asyncio.to_thread(back_out)
    await rounds(3)
    for room in rooms:
        room.end()
    await talking
    await asyncio.gather(*(member.connection.close() for member in members))
    return rooms


LOUD = (
    SERVER.replace("old", "new")
    .replace("def line(name, heard, text)", "def line(text, name, *, heard)")
    .replace("line(name, heard, text)", "line(text, name, heard=heard)")
)


def updated(program: Callable[..., Program], count: int, new: str, policy: str) -> list[Room]:
    """Have ``count`` members talk through an update and its back-out, by a policy; nobody may be dropped."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    app = program(server=SERVER)
    app.start("t", "server.asyncio.run(server.main())", at="open")
    app.open("open")

    def update() -> None:
        app.edit(server=new).update(policy=policy)

    def back_out() -> None:
        app.podus("back-out", "app", "--policy", policy)

    rooms = asyncio.run(visit(app("server.port"), count, update, back_out))
    app("server.close()")
    assert app.join("t") is None
    assert app("server.dropped") == []
    return rooms


def heard_of_each(rooms: list[Room]) -> Iterator[list[list[str]]]:
    """What each member heard of each: every message must be there, once and in its place, with the server's own count."""
    for room in rooms:
        for member in room.members:
            for other in room.members:
                heard = [row[1:] for row in member.rows if row[0] == str(other.number)]
                numbers = [str(number) for number in range(1, 2 * other.rounds + 1)]
                assert [row[0] for row in heard] == [row[1] for row in heard] == numbers
                yield heard


@pytest.mark.timeout(300)
def test_two_thousand_stay_connected(program: Callable[..., Program]) -> None:
    for heard in heard_of_each(updated(program, MEMBERS, SERVER.replace("old", "new"), "podus")):
        assert [version for version, _ in groupby(row[3] for row in heard)] == ["old", "new", "old"]
        assert [version for version, _ in groupby(row[2] for row in heard)] == ["old", "new", "old"]


@pytest.mark.timeout(300)
def test_each_message_is_answered_by_one_version(program: Callable[..., Program]) -> None:
    """The interface between the handler and what it calls changes as well."""
    for heard in heard_of_each(updated(program, min(MEMBERS, 200), LOUD, "consistent")):
        assert [version for version, _ in groupby(row[3] for row in heard)] == ["old", "new", "old"]
        assert all(row[2] == row[3] for row in heard)
