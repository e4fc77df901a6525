"""What is suspended is named in the plan, and nobody waits for one that never returns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podus.planning.model import Plan
from podus.planning.outcome import risks
from tests.programs import Program

Start = Callable[..., Program]
SERVER = """
    import asyncio, threading
    heard, inbox, ready = [], {}, threading.Event()
    def line(name, text):
        return f"{name} {text} old"
    async def serve(name):
        inbox[name] = asyncio.Queue()
        while True:
            text = await inbox[name].get()
            heard.append(line(name, text) + " old")
            inbox[name].task_done()
    async def once(name):
        inbox[name] = asyncio.Queue()
        return line(name, await inbox[name].get()) + " old"
    def rows():
        yield "old"
    async def main(*jobs):
        global loop
        loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(job, name=f"customer {n}") for n, job in enumerate(jobs)]
        while len(inbox) < len(tasks):
            await asyncio.sleep(0)
        ready.set()
        await asyncio.wait(tasks)
    def start(*jobs):
        threading.Thread(target=asyncio.run, args=(main(*jobs),), daemon=True).start()
        ready.wait()
    async def put(name, text):
        inbox[name].put_nowait(text)
        await inbox[name].join()
    def say(name, text):
        asyncio.run_coroutine_threadsafe(put(name, text), loop).result()
        return heard[-1]
    """
NEW = SERVER.replace("old", "new")
# Another interface as well.
LOUD = NEW.replace("def line(name, text)", "def line(text, name, *, end)").replace(
    "line(name, text)", "line(text, name, end='!')"
)
# The last one says goodbye, and ends.
BYE = "server.loop.call_soon_threadsafe(server.inbox['e'].put_nowait, 'bye')"
START = "server.start(*(server.serve(n) for n in 'abcd'), server.once('e'))"


def said(plan: Plan) -> str:
    return "\n".join(risk.text for risk in risks(plan, {}))


@pytest.fixture
def app(program: Start) -> Program:
    app = program(server=SERVER)
    app.run(START)
    return app


def test_tasks_are_counted_and_named(app: Program) -> None:
    app.run("server.kept = server.rows(); next(server.kept)")
    text = said(app.edit(server=NEW).plan())
    assert "server:serve is active in 4 suspended coroutines (task customer " in text
    assert " and 1 more): those that have begun go on in the new version when their loop comes round" in text
    assert "server:once is active in 1 suspended coroutine (task customer 4)" in text
    assert "server:rows is active in 1 suspended generator (server.kept" in text
    shown = app.podus("plan", "app").stdout
    assert "customer 4" in shown


def test_there_is_no_instant_for_those_that_never_return(app: Program) -> None:
    (refusal,) = app.edit(server=NEW).plan(policy="atomic").refusals
    assert refusal.code == "never-inactive"
    assert "server:serve is active and never returns (4 suspended coroutines (task" in refusal.text
    assert "--hold server:serve" in refusal.remedy
    assert app("server.say('a', 'hi')") == "a hi old old"


def test_a_caller_that_never_returns_needs_an_interprocedure(app: Program) -> None:
    plan = app.edit(server=LOUD).plan()
    (refusal,) = plan.refusals
    assert refusal.code == "interprocedure-needed" and "its caller server:serve" in refusal.text
    assert "--policy consistent" in refusal.remedy
    support = """
        import podus
        @podus.interprocedure("server:line")
        def line(new, name, text):
            return new(text, name, end="?")
    """
    update = app.begin(support=support)
    app.until_switched(update, "server:serve", "server:line")
    # The gate stands until nobody is left who might come to it, and who that is, is said.
    app.until_callers(update, "customer 4")
    shown = app.podus("status", "app").stdout
    assert "interprocedures stand until those that are old have ended, or moved: task customer" in shown
    assert app("[server.say(n, 'hi') for n in 'abcda']") == [f"{n} hi new old" for n in "abcd"] + [
        "a hi new new"
    ]
    app.run(BYE)
    app.until(update, "complete")


def test_each_iteration_has_its_own_version(app: Program) -> None:
    update = app.edit(server=LOUD).begin(policy="consistent")
    app.until_watched(update, "server:serve")
    # Who has waited since before the update answers as before, and then moves.
    assert [app(f"server.say('{n}', 'hi')") for n in "aabcd"] == [
        "a hi old old",
        "a hi new new",
        "b hi old old",
        "c hi old old",
        "d hi old old",
    ]
    app.run(BYE)
    app.until(update, "complete")
    assert [app(f"server.say('{n}', 'hi')") for n in "bcd"] == [f"{n} hi new new" for n in "bcd"]
