"""What is said of an update that waits: who holds what, and the choices, which are commands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]
TEXT = """
def f():
    gate("in")
    return VERSION
def g():
    return VERSION
"""


def at(version: int) -> str:
    return TEXT.replace("VERSION", str(version))


def test_an_order_for_an_update_that_waits(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop=at(2)).begin()
    app.until_switched(update, "shop:g")
    assert "is not in this update" in app.podus("switch", "app", "shop:nix", check=1).stderr
    (row,) = json.loads(app.podus("status", "app", "--json").stdout)["update"]["pending"]
    commands = {choice["choice"]: choice["command"].split()[1:] for choice in row["choices"]}
    assert set(commands) == {"wait", "switch", "back-out", "policy"}
    assert "shop:f switched" in app.podus(*commands["switch"]).stdout
    app.until(update, "complete")
    app.open("in", times=2)
    # What ran ends as it began; what begins is new.
    assert [app.join("t"), app("shop.f()")] == [1, 2]
    assert "override" in [row["event"] for row in json.loads(app.podus("log", "--json").stdout)["events"]]


def test_what_switches_with_others_is_not_ordered_out_of_its_turn(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop=at(2)).begin(support="import podus\npodus.together('shop:f', 'shop:g')\n")
    app.until(update, "pending")
    assert "switches together with shop:g" in app.podus("switch", "app", "shop:f", check=1).stderr
    app.open("in")
    app.until(update, "complete")


TASKS = """
import asyncio
async def handler(n):
    async for item in items():
        return VERSION
async def items():
    await asyncio.sleep(n := 1000)
    yield VERSION
def rows():
    yield VERSION
def lines():
    yield VERSION
"""


def test_tasks_and_generators_are_named(program: Start) -> None:
    main = """
        import asyncio, shop, threading
        up = threading.Event()
        kept = shop.rows()
        next(kept)
        def loop():
            asyncio.run(run())
        async def outer():
            await shop.handler(1)
        def consume(lines):
            next(lines)
            gate("consuming")
            return list(lines)
        async def run():
            task = asyncio.create_task(outer(), name="customer 7")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            up.set()
            await task
    """
    app = program(shop=TASKS.replace("VERSION", "1"), main=main)
    app.run("threading.Thread(target=main.loop, daemon=True).start(); main.up.wait()")
    app.start("reader", "main.consume(main.shop.lines())", at="consuming")
    # One that switches by itself would not be waited for.
    together = "import podus\npodus.together('shop:handler', 'shop:items', 'shop:rows', 'shop:lines')\n"
    update = app.edit(shop=TASKS.replace("VERSION", "2")).begin(support=together)
    app.until(update, "pending")
    pending = app.status(update)["pending"]
    rows = {holder["procedure"]: holder for row in pending for holder in row["holders"]}
    assert rows["shop:handler"]["task"] == "customer 7"
    assert rows["shop:rows"]["kept"] == "main.kept"
    assert rows["shop:lines"]["kept"] == "lines of main:consume in reader"
    shown = app.podus("status", "app").stdout
    assert "task customer 7, line" in shown
    assert "main.kept" in app.podus("status", "app", "--json").stdout
    app.back_out(update)
    app.until(update, "backed-out")
    app.open("consuming")
    app.join("reader")


def test_progress_is_a_line_for_each_event_where_there_is_no_terminal(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    app.edit(shop=at(2))
    command = [sys.executable, "-m", "podus", "update", "app", "--timeout", "60"]
    shell = subprocess.Popen(
        command, env=app.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert shell.stdout is not None and shell.stderr is not None
    said: list[str] = []
    while not {"  switched shop:g", "  pending shop:f: is active in t at line 3"} <= set(said):
        line = shell.stderr.readline()
        assert line, said
        said.append(line.rstrip("\n"))
    app.open("in")
    out, rest = shell.communicate(timeout=60)
    assert "  switched shop:f" in rest.splitlines() and "complete" in rest.splitlines()
    assert out.startswith("app is now 2 [") and shell.returncode == 0


def test_an_endless_one_may_be_left_old(program: Start) -> None:
    text = """
        turns = []
        def f():
            while True:
                gate("turn")
                turns.append(VERSION)
        def g(): return VERSION
    """
    app = program("--no-stubs", shop=text.replace("VERSION", "1"))
    app.start("t", "shop.f()", at="turn")
    app.edit(shop=text.replace("VERSION", "2"))
    app.podus("update", "app", "--detach", check=3)
    app.until_switched(app.status()["id"], "shop:g")
    (row,) = json.loads(app.podus("status", "app", "--json").stdout)["update"]["pending"]
    assert row["endless"]
    (command,) = [choice["command"] for choice in row["choices"] if choice["choice"] == "hold"]
    for each in command.split(" && "):
        app.podus(*each.split()[1:])
    assert app.status()["state"] == "complete"
    assert app("shop.g()") == 2


def test_a_choice_asks_for_the_same_version_once_more(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    app.write({"shop": at(2)}, app.root / "next")
    app.podus("update", "app", "--from", "next", "--detach", check=3)
    app.until_switched(app.status()["id"], "shop:g")
    (row,) = json.loads(app.podus("status", "app", "--json").stdout)["update"]["pending"]
    (command,) = [choice["command"] for choice in row["choices"] if choice["choice"] == "policy"]
    assert f"--from {app.root / 'next'} --policy immediate" in command
    for each in command.split(" && "):
        app.podus(*each.split()[1:])
    assert app("shop.g()") == 2
    app.open("in", times=2)
    assert [app.join("t"), app("shop.f()")] == [1, 2]


def test_a_loop_that_is_not_left_while_data_is_converted_is_said_to_be(program: Start) -> None:
    old = "levels = []\nopen = [1]\ndef work():\n    while open:\n        gate('in')\n        len(levels)\n    return 1\n"
    app = program(shop=old)
    app.run("shop.levels.append(1)")
    app.start("w", "shop.work()", at="in")
    app.edit(shop=old.replace("return 1", "return 2"))
    moves = "it switches when it returns, or after 2 s when its loop comes round"
    assert moves in " ".join(app.podus("plan", "app").stdout.split())
    app.edit(shop=old.replace("return 1", "return 2").replace("levels = []", "levels = {}"))
    (app.root / "support.py").write_text(
        "import podus\n@podus.mapper('shop:levels')\ndef convert(old): return dict.fromkeys(old)\n"
    )
    said = " ".join(app.podus("plan", "app", "--support", "support.py").stdout.split())
    assert "as data is converted, it does not move when its loop comes round" in said
    app.run("shop.open.clear()")
    app.open("in")
    assert app.join("w") == 1


def test_nobody_who_asks_has_the_heap_looked_through(program: Start) -> None:
    app = program(
        shop=TASKS.replace("VERSION", "1"),
        main="""
            import shop, sys, threading
            kept = shop.rows()
            next(kept)
            begun, updater, looks = threading.Event(), [], []
            def hook(event, arguments):
                if not begun.is_set():
                    return
                if event == "sys._current_frames":
                    # Whoever updates is the first who looks at the stacks, and looks through the heap only afterwards.
                    updater[:] = updater or [threading.get_ident()]
                    if updater == [threading.get_ident()]:
                        gate("looks")
                elif event.startswith("gc.get_") and updater:
                    looks.append(threading.get_ident() in updater)
            sys.addaudithook(hook)
        """,
    )
    together = "import podus\npodus.together('shop:rows', 'shop:lines')\n"
    plan = app.edit(shop=TASKS.replace("VERSION", "2")).plan(support=together)
    app.run("main.begun.set()")
    with app.pup() as pup:
        update = pup.call("update", plan=plan.directory, on_timeout="wait")["id"]
    app.reached("looks")
    while app.status(update)["state"] != "pending":
        app.open("looks")
        app.reached("looks")
    assert app.podus("status", "app", "--json").stdout
    assert app("main.looks") == []
    app.open("looks", times=1000)
    app.until(update, "complete", "pending")
    app("next(main.kept, None)")
    app.until(update, "complete")
