"""Event loops that nobody here wrote: uvloop, trio, anyio and gevent. What waits in them is active, and what never returns moves on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

# Each module has `run()`: three endless sessions, that say with which version they took each of their turns, and one job that returns.
# `turn()`, called from another thread, lets each session and the job take a turn, and returns when the sessions have.
COMMON = """
    import threading
    said, turns, ready = {}, 0, threading.Semaphore(0)
    def note(name, version):
        said.setdefault(name, []).append(version)
        ready.release()
    def helper():
        return "one"
"""
ASYNCIO = """
    import asyncio
    async def session(name, box):
        taken = 0
        while True:
            await box.get()
            taken += 1
            note(name, ["one", helper(), taken])
    async def job(box):
        await box.get()
        note("job", ["one", helper()])
    async def main():
        global turn, boxes, loop
        loop, boxes = asyncio.get_running_loop(), {n: asyncio.Queue() for n in ("a", "b", "c", "job")}
        tasks = [asyncio.create_task(job(b) if n == "job" else session(n, b)) for n, b in boxes.items()]
        await asyncio.sleep(0)
        gate("running")
        await tasks[-1]
        await asyncio.get_running_loop().create_future()
    def give(name):
        loop.call_soon_threadsafe(boxes[name].put_nowait, None)
        ready.acquire()
    def run(): asyncio.run(main())
"""
UVLOOP = ASYNCIO.replace("import asyncio\n", "import asyncio, uvloop\n").replace(
    "asyncio.run(", "uvloop.run("
)
TRIO = """
    import trio
    async def session(name, box):
        taken = 0
        while True:
            await box.receive()
            taken += 1
            note(name, ["one", helper(), taken])
    async def job(box):
        await box.receive()
        note("job", ["one", helper()])
    async def main():
        global boxes, token
        token, boxes = trio.lowlevel.current_trio_token(), {}
        async with trio.open_nursery() as nursery:
            for name in ("a", "b", "c", "job"):
                boxes[name], box = trio.open_memory_channel(10)
                nursery.start_soon(*((job, box) if name == "job" else (session, name, box)))
            await trio.testing.wait_all_tasks_blocked()
            gate("running")
            await trio.sleep_forever()
    def give(name):
        token.run_sync_soon(boxes[name].send_nowait, None)
        ready.acquire()
    def run(): trio.run(main)
    import trio.testing
"""
ANYIO = """
    import anyio, anyio.lowlevel, anyio.from_thread, anyio.to_thread
    async def session(name, box):
        taken = 0
        while True:
            await box.receive()
            taken += 1
            note(name, ["one", helper(), taken])
    async def job(box):
        await box.receive()
        note("job", ["one", helper()])
    async def main():
        global boxes, token
        boxes, token = {}, anyio.lowlevel.current_token()
        async with anyio.create_task_group() as group:
            for name in ("a", "b", "c", "job"):
                boxes[name], box = anyio.create_memory_object_stream(10)
                group.start_soon(*((job, box) if name == "job" else (session, name, box)))
            await anyio.wait_all_tasks_blocked()
            gate("running")
            await anyio.sleep_forever()
    def give(name):
        anyio.from_thread.run_sync(boxes[name].send_nowait, None, token=token)
        ready.acquire()
    def run(): anyio.run(main, backend="BACKEND")
"""
GEVENT = """
    import gevent, gevent.queue
    def session(name, box):
        taken = 0
        while True:
            box.get()
            taken += 1
            note(name, ["one", helper(), taken])
    def job(box):
        box.get()
        note("job", ["one", helper()])
    def main():
        global boxes, hub
        hub, boxes = gevent.get_hub(), {n: gevent.queue.Queue() for n in ("a", "b", "c", "job")}
        some = [gevent.spawn(*((job, b) if n == "job" else (session, n, b))) for n, b in boxes.items()]
        gevent.sleep(0)
        gate("running")
        while True:
            gevent.sleep(1000)
    def give(name):
        hub.loop.run_callback_threadsafe(boxes[name].put, None)
        ready.acquire()
    def run(): main()
"""
LOOPS = {
    "asyncio": ASYNCIO,
    "uvloop": UVLOOP,
    "trio": TRIO,
    "anyio-asyncio": ANYIO.replace("BACKEND", "asyncio"),
    "anyio-trio": ANYIO.replace("BACKEND", "trio"),
    "gevent": GEVENT,
    "gevent-patched": "    from gevent import monkey; monkey.patch_all()\n" + GEVENT,
}


@pytest.mark.parametrize("kind", LOOPS)
def test_endless_ones_move_and_others_end_as_they_began(program: Callable[..., Program], kind: str) -> None:
    text = COMMON + LOOPS[kind]
    app = program(work=text)
    app.start("t", "work.run()", at="running")
    app.open("running")
    for name in ("a", "b", "c"):
        app(f"work.give({name!r})")
    update = app.edit(work=text.replace('"one"', '"two"')).begin()
    app.until_switched(update, "work:session", "work:helper")
    app("work.give('job')")
    app.until(update, "complete")
    for name in ("a", "b", "c"):
        app(f"work.give({name!r})")
        app(f"work.give({name!r})")
    # The turn that had begun ends as it began, calling what is new; so did the job.
    turns = [["one", "one", 1], ["one", "two", 2], ["two", "two", 3]]
    assert app("work.said") == {"a": turns, "b": turns, "c": turns, "job": [["one", "two"]]}
