"""The policy ``consistent``: each transaction meets one version alone, while both serve."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

PAIR = """
    seen = []
    def left(n): return ["one", n]
    def right(n): return ["one", n]
    def serve(n):
        first = left(n)
        gate(f"between {n}")
        seen.append([first, right(n)])
        return seen[-1]
    def worker(n):
        while True:
            serve(n)
"""
# Another interface as well, and nobody between the versions.
NEW = (
    PAIR.replace('"one", n', '"two", n, m')
    .replace("left(n)", "left(n, m)")
    .replace("right(n)", "right(n, m)")
).replace("first = left(n, m)", "m = 2; first = left(n, m)")


def test_an_iteration_of_an_endless_loop_meets_one_version(program: Start) -> None:
    app = program(shop=PAIR)
    for n in (1, 2):
        app.start(f"t{n}", f"shop.worker({n})", at=f"between {n}")
    update = app.edit(shop=NEW).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: thread t1, thread t2")
    # The first has ended, and goes on in the new version while the second is still in the old one.
    app.open("between 1")
    app.reached("between 1")
    app.open("between 1")
    app.reached("between 1")
    assert app("shop.seen") == [[["one", 1], ["one", 1]], [["two", 1, 2], ["two", 1, 2]]]
    assert app.status(update)["state"] == "pending"
    app.open("between 2")
    app.until(update, "complete")
    app.reached("between 2")
    app.open("between 2")
    app.reached("between 2")
    assert app("shop.seen[-2:]") == [[["one", 2], ["one", 2]], [["two", 2, 2], ["two", 2, 2]]]
    assert app("shop.left.__code__.co_varnames") == ["n", "m"]


def test_a_loop_that_has_been_in_a_version_before_meets_one_version(program: Start) -> None:
    one = """
        seen = []
        def unit(n): return n
        def worker(n):
            while True:
                gate(f"in {n}")
                seen.append(unit(n))
    """
    two = (
        one.replace("unit(n)", "unit(n, m)")
        .replace("gate", "m = 2\n                gate")
        .replace("return n", "return n, m")
    )
    app = program(shop=one)
    for n in (1, 2):
        app.start(f"t{n}", f"shop.worker({n})", at=f"in {n}")
    for version, expected in ((two, [1, 2]), (one, 1), (two, [1, 2])):
        back = version == one
        update = app.edit(shop=version).begin(policy="consistent", **({"back_out": True} if back else {}))
        app.until_waiting(update, "in the old version: thread t1, thread t2")
        for _ in range(2):
            app.open("in 1")
            app.reached("in 1")
        # The second is still in the old one.
        assert app("shop.seen[-1]") == expected
        app.open("in 2")
        app.reached("in 2")
        app.until(update, "complete")


def test_a_call_from_a_thread_without_a_loop_meets_one_version(program: Start) -> None:
    app = program(shop=PAIR)
    app.start("old", "shop.serve(1)", at="between 1")
    update = app.edit(shop=NEW).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: thread old")
    app.start("new", "shop.serve(2)", at="between 2")
    app.open("between 2")
    assert app.join("new") == [["two", 2, 2], ["two", 2, 2]]
    app.open("between 1")
    assert app.join("old") == [["one", 1], ["one", 1]]
    app.until(update, "complete")


SERVER = """
    import http.server, threading, urllib.request
    def left(): return b"one"
    def right(): return b"one"
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            body = left()
            gate(self.path)
            body += b" " + right()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *args): pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    def ask(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
            return answer.read().decode()
    def ask_again(path):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        for number in (1, 2):
            connection.request("GET", f"{path}{number}")
            yield connection.getresponse().read().decode()
"""


def test_a_request_is_a_transaction(program: Start) -> None:
    app = program(shop=SERVER)
    app.run("global again\nagain = shop.ask_again('/kept')")
    app.open("/kept1")
    assert app("next(again)") == "one one"
    # Nothing that changes is on the stack: it stands between two calls. And a connection that is only kept open is in no request.
    app.start("old", "shop.ask('/old')", at="/old")
    update = app.edit(shop=SERVER.replace('b"one"', 'b"two"')).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: thread Thread-")
    app.start("new", "shop.ask('/new')", at="/new")
    app.open("/new")
    assert app.join("new") == "two two"
    app.open("/kept2")
    assert app("next(again)") == "two two"
    app.open("/old")
    assert app.join("old") == "one one"
    app.until(update, "complete")


def test_what_is_declared_is_a_transaction(program: Start) -> None:
    text = """
        import podus
        def part(): return "one"
        @podus.transaction
        def job(name):
            first = part()
            gate(name)
            return [first, part()]
        def jobs(names):
            done = []
            for name in names:
                done.append(job(name))
                gate("rest")
            return done
    """
    app = program(shop=text)
    app.start("t", "shop.jobs(['a', 'b'])", at="a")
    update = app.edit(shop=text.replace('"one"', '"two"')).begin(policy="consistent")
    app.until_waiting(update, "1 declared transactions")
    app.open("a")
    app.reached("rest")
    app.until(update, "complete")
    app.open("rest", times=2)
    app.open("b")
    assert app.join("t") == [["one", "one"], ["two", "two"]]


def test_a_task_is_a_transaction(program: Start) -> None:
    text = """
        import asyncio
        events = {}
        def part(): return "one"
        async def job(name):
            first = part()
            await events[name].wait()
            return [first, part()]
        async def main():
            events.update(a=asyncio.Event(), b=asyncio.Event())
            one = asyncio.create_task(job("a"))
            await asyncio.sleep(0)
            await asyncio.to_thread(gate, "begun")
            two = asyncio.create_task(job("b"))
            await asyncio.sleep(0)
            for event in events.values(): event.set()
            return [await one, await two]
        def run(): return asyncio.run(main())
    """
    app = program(shop=text)
    app.start("t", "shop.run()", at="begun")
    update = app.edit(shop=text.replace('"one"', '"two"')).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: task")
    app.open("begun")
    assert app.join("t") == [["one", "one"], ["two", "two"]]
    app.until(update, "complete")


def test_taken_back_in_the_middle_what_is_new_ends_in_the_new_version(program: Start) -> None:
    app = program(shop=PAIR)
    app.start("old", "shop.serve(1)", at="between 1")
    update = app.edit(shop=NEW).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: thread old")
    app.start("new", "shop.serve(2)", at="between 2")
    app.back_out(update)
    app.until(update, "backing-out")
    app.start("later", "shop.serve(3)", at="between 3")
    for n in (3, 2, 1):
        app.open(f"between {n}")
    # It began before or after the instant at which all that begins is old again: it is of one version either way.
    assert app.join("later") in ([["one", 3], ["one", 3]], [["two", 3, 2], ["two", 3, 2]])
    assert app.join("new") == [["two", 2, 2], ["two", 2, 2]]
    assert app.join("old") == [["one", 1], ["one", 1]]
    app.until(update, "backed-out")
    assert app("shop.left.__code__.co_varnames") == ["n"]


def test_data_that_can_be_there_once_only_is_refused(program: Start) -> None:
    app = program(shop="rate = 1\ndef total(n): return n * rate\n")
    app.edit(shop="rate = 2\ndef total(n): return n * rate + 0\n")
    plan = app.plan(policy="consistent")
    assert [note.code for note in plan.refusals] == ["one-form"]
    assert "shop:rate (data) can be there in one form only" in plan.refusals[0].text


HANDED_ON = """
    import asyncio, threading
    def fee(x): return "one", x
    async def tax(): return fee(1)
    async def plain(): return [await tax(), await asyncio.to_thread(fee_of, 1)]
    def fee_of(x): return fee(x)
    def late(found): found.append(fee(1))
    async def again(event):
        await event.wait()
        return fee(1)
    async def handle(event, how):
        await event.wait()
        if how == "gather":
            return (await asyncio.gather(tax(), tax()))[0]
        if how == "task":
            return await asyncio.create_task(tax())
        if how == "plain":
            return (await asyncio.create_task(plain()))[1]
        if how == "callback":
            asyncio.get_running_loop().call_soon(late, found := [])
            await asyncio.sleep(0.01)
            return found[0]
        return asyncio.create_task(again(second))
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    def spawn(coroutine): return asyncio.run_coroutine_threadsafe(coroutine, loop)
    async def new_event(): return asyncio.Event()
    first, second = spawn(new_event()).result(), spawn(new_event()).result()
    async def result(task): return await task
"""
OF_TWO = HANDED_ON.replace('fee(x): return "one", x', 'fee(x, y): return "two", x, y')
OF_TWO = OF_TWO.replace("fee(1)", "fee(1, 2)").replace("return fee(x)", "return fee(x, 2)")


@pytest.mark.parametrize("how", ["gather", "task", "plain", "callback"])
def test_what_a_task_has_others_do_is_part_of_its_transaction(program: Start, how: str) -> None:
    app = program(shop=HANDED_ON)
    app.run(f"old = shop.spawn(shop.handle(shop.first, {how!r}))\nwhile not shop.first._waiters: pass")
    update = app.edit(shop=OF_TWO).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: task")
    app.run(f"new = shop.spawn(shop.handle(shop.first, {how!r}))\nwhile len(shop.first._waiters) < 2: pass")
    app.run("shop.loop.call_soon_threadsafe(shop.first.set)")
    assert app("[old.result(10), new.result(10)]") == [["one", 1], ["two", 1, 2]]
    app.until(update, "complete")


def test_a_task_that_outlives_the_one_that_made_it_is_waited_for(program: Start) -> None:
    app = program(shop=HANDED_ON)
    app.run("old = shop.spawn(shop.handle(shop.first, ''))\nwhile not shop.first._waiters: pass")
    update = app.edit(shop=OF_TWO).begin(policy="consistent")
    app.until_waiting(update, "a transaction is under way in the old version: task")
    app.run("shop.loop.call_soon_threadsafe(shop.first.set)\nmade = old.result(10)\nname = made.get_name()")
    app.until_waiting(update, f"a transaction is under way in the old version: task {app('name')}")
    app.run("shop.loop.call_soon_threadsafe(shop.second.set)")
    assert app("shop.spawn(shop.result(made)).result(10)") == ["one", 1]
    app.until(update, "complete")
    app.run("new = shop.spawn(shop.handle(shop.first, 'gather')).result(10)")
    assert app("new") == ["two", 1, 2]


def test_a_procedure_that_goes_is_there_until_the_last_transaction_has_ended(program: Start) -> None:
    old = "def tag(x): return ['old', x]\ndef work():\n    gate('in')\n    return tag(1)\n"
    new = "def more(): return 'new'\ndef work():\n    gate('in')\n    return more()\n"
    app = program(shop=old)
    app.start("t", "shop.work()", at="in")
    update = app.edit(shop=new).begin(policy="consistent")
    app.until(update, "pending")
    app.open("in")
    assert app.join("t") == ["old", 1]
    app.until(update, "complete")
    assert app("hasattr(shop, 'tag')") is False
    app.update(back_out=True, policy="consistent")
    assert app("[hasattr(shop, 'tag'), hasattr(shop, 'more')]") == [True, False]
