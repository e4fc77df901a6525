"""Never stuck: whatever way a procedure came to be active, an update waits for it, says for whom, and completes or goes back.

The program's thread waits in ``meet(name)``, in C code, on a named pipe: so it may be its main thread, a child process, or one that exits.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podus.portmap import lookup
from tests.programs import Program

Start = Callable[..., Program]

MEET = """
    import os
    HERE = os.path.dirname(os.path.abspath(__file__))

    def meet(name="met"):
        with open(f"{HERE}/{name}.at", "w") as file:
            file.write("here")
        with open(f"{HERE}/{name}.go") as file:
            file.read()
"""


class Meeting:
    """The test's side of ``meet(name)``."""

    def __init__(self, root: Path, name: str = "met") -> None:
        self._at, self._go = root / f"{name}.at", root / f"{name}.go"
        os.mkfifo(self._at)
        os.mkfifo(self._go)

    def reached(self) -> None:
        assert self._at.read_text() == "here"

    def go(self) -> None:
        self._go.write_text("go")


class Call:
    """An expression that the program's main thread is busy with."""

    def __init__(self, app: Program, expression: str) -> None:
        self._result: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._result.append(app(expression)))
        self._thread.start()

    def result(self) -> Any:
        self._thread.join(60)
        return self._result[0]


# How a procedure comes to be active: the program's text, what it is told, what that gives while the update waits, and what afterwards. ``meet``
# is in the first call of the procedure f, which the update is to wait for.
ONCE = """
    import meet
    met = []
    def once():
        if not met:
            met.append(1)
            meet.meet()
"""
CASES: dict[str, tuple[str, str, Any, Any]] = {
    "recursion": (
        """
        def f(n):
            if n == 2:
                once()
            return [VERSION] + (f(n - 1) if n else [])
        """,
        "shop.f(4)",
        [1] * 5,
        [2] * 5,
    ),
    "mutual recursion": (
        """
        def f(n):
            once() if n == 2 else None
            return [VERSION] + (h(n - 1) if n else [])
        def h(n):
            return [-VERSION] + (f(n - 1) if n else [])
        """,
        "shop.f(4)",
        [1, -1, 1, -1, 1],
        [2, -2, 2, -2, 2],
    ),
    "the key of sorted": (
        """
        keys = []
        def f(item):
            version = VERSION
            once()
            keys.append(version)
            return -item
        def order():
            keys.clear()
            return [sorted([2, 3, 1], key=f), keys[0]]
        """,
        "shop.order()",
        [[3, 2, 1], 1],
        [[3, 2, 1], 2],
    ),
    "a comparison within sorted": (
        """
        class Item:
            def __lt__(self, other):
                return f()
        def f():
            version = VERSION
            once()
            return version > 1
        def order():
            a, b = Item(), Item()
            return sorted([a, b])[0] is b
        """,
        "shop.order()",
        False,
        True,
    ),
    "__del__": (
        """
        seen = []
        class Thing:
            def __del__(self):
                f()
        def f():
            version = VERSION
            once()
            seen.append(version)
        def drop():
            Thing()
            return seen[-1]
        """,
        "shop.drop()",
        1,
        2,
    ),
    "a weakref callback": (
        """
        import weakref
        seen = []
        class Thing:
            pass
        def f(reference):
            version = VERSION
            once()
            seen.append(version)
        def drop():
            thing = Thing()
            reference = weakref.ref(thing, f)
            del thing
            return seen[-1]
        """,
        "shop.drop()",
        1,
        2,
    ),
    "a signal handler": (
        """
        import os, signal
        seen = []
        def f(number, frame):
            version = VERSION
            once()
            seen.append(version)
        def send():
            signal.signal(signal.SIGUSR1, f)
            os.kill(os.getpid(), signal.SIGUSR1)
            return seen[-1]
        """,
        "shop.send()",
        1,
        2,
    ),
    "a daemon thread": (
        """
        import threading
        seen = []
        def f():
            version = VERSION
            once()
            seen.append(version)
        def run():
            thread = threading.Thread(target=f, daemon=True)
            thread.start()
            thread.join()
            return seen[-1]
        """,
        "shop.run()",
        1,
        2,
    ),
    "a thread pool": (
        """
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2, "pool")
        def f(n):
            version = VERSION
            once()
            return version
        def run():
            return [future.result() for future in [pool.submit(f, n) for n in range(1)]]
        """,
        "shop.run()",
        [1],
        [2],
    ),
    "a callback of a pool's future": (
        """
        from concurrent.futures import ThreadPoolExecutor
        import threading
        pool = ThreadPoolExecutor(1, "pool")
        seen = []
        def f(future):
            version = VERSION
            once()
            seen.append(version)
        def run():
            pool.submit(int).add_done_callback(f)
            # One worker: this comes after the callback.
            pool.submit(int).result()
            return seen[-1]
        """,
        "shop.run()",
        1,
        2,
    ),
}


def begin(program: Start, case: str) -> tuple[Program, Meeting, Call, str]:
    """The program with f active in its first version, and an update that waits for it and has switched g."""
    text, expression, _, _ = CASES[case]
    whole = "\n".join(
        [
            "def g():\n    return VERSION",
            *(_dedent(part) for part in (ONCE, text)),
        ]
    )
    app = program(meet=MEET, shop=whole.replace("VERSION", "1"))
    meeting = Meeting(app.root)
    call = Call(app, expression)
    meeting.reached()
    update = app.edit(shop=whole.replace("VERSION", "2")).begin()
    status = app.until_switched(update, "shop:g")
    (row,) = [row for row in status["pending"] if row["procedure"] == "shop:f"]
    assert row["because"] == "active"
    assert row["holders"], row
    assert all(holder["kind"] == "thread" and holder["line"] > 0 for holder in row["holders"])
    return app, meeting, call, update


def _dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


@pytest.mark.parametrize("case", CASES)
def test_an_update_waits_and_completes(program: Start, case: str) -> None:
    app, meeting, call, update = begin(program, case)
    _, expression, before, after = CASES[case]
    meeting.go()
    assert call.result() == before
    app.until(update, "complete")
    assert app(expression) == after
    assert app("shop.g()") == 2


@pytest.mark.parametrize("case", CASES)
def test_an_update_that_waits_is_backed_out(program: Start, case: str) -> None:
    app, meeting, call, update = begin(program, case)
    _, expression, before, _ = CASES[case]
    app.back_out(update)
    # Nobody has to move for it: what is active has not switched.
    app.until(update, "backed-out")
    meeting.go()
    assert call.result() == before
    assert app(expression) == before
    assert app("shop.g()") == 1


def test_how_deep_a_recursion_is(program: Start) -> None:
    app, meeting, call, update = begin(program, "recursion")
    (row,) = app.status(update)["pending"]
    assert [(holder["thread"], holder["depth"]) for holder in row["holders"]] == [("MainThread", 3)]
    meeting.go()
    call.result()
    app.until(update, "complete")


CHILDREN = """
    import meet, multiprocessing
    def g(): return VERSION
    def f(name):
        version = VERSION
        meet.meet(name)
        return version
    def child(queue, enable):
        if enable:
            import podus
            podus.enable(name="child")
        queue.put([f("one"), meet.meet("between"), f("two"), g()])
    def begin(method):
        global process, queue
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        process = context.Process(target=child, args=[queue, method != "fork"])
        process.start()
        return process.pid
    def end():
        found = queue.get()
        process.join()
        return found
"""


@pytest.mark.parametrize("back", [False, True], ids=["completed", "backed out"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_process_is_waited_for(program: Start, method: str, back: bool) -> None:
    app = program(meet=MEET, shop=CHILDREN.replace("VERSION", "1"))
    one, between, two = (Meeting(app.root, name) for name in ("one", "between", "two"))
    pid = app(f"shop.begin({method!r})")
    one.reached()
    app.edit(shop=CHILDREN.replace("VERSION", "2"))
    parent, app.entry = app.entry, lookup.find(str(pid))
    update = app.begin()
    status = app.until_switched(update, "shop:g")
    assert [row["procedure"] for row in status["pending"]] == ["shop:f"]
    if back:
        app.back_out(update)
        app.until(update, "backed-out")
    one.go()
    between.reached()
    if not back:
        app.until(update, "complete")
    between.go()
    two.reached()
    two.go()
    assert app("shop.end()") == ([1, None, 1, 1] if back else [1, None, 2, 2])
    app.entry = parent
    # The parent is a program of its own.
    assert app("shop.g()") == 1


ATEXIT = """
    import atexit, meet, os, sys
    def g(): return VERSION
    def f():
        version = VERSION
        meet.meet()
        with open(os.path.join(meet.HERE, "left"), "w") as file:
            file.write(f"{version} {g()}")
    def leave():
        atexit.register(f)
        # The driver ends with os._exit; here it is to end as programs do.
        os._exit = sys.exit
"""


@pytest.mark.parametrize("back", [False, True], ids=["goes on", "backed out"])
def test_a_program_that_exits_in_the_middle(program: Start, back: bool) -> None:
    text = ATEXIT + "    def held():\n        meet.meet('held')\n        return VERSION\n"
    app = program(meet=MEET, shop=text.replace("VERSION", "1"))
    meeting, held = Meeting(app.root), Meeting(app.root, "held")
    app.run("threading.Thread(target=shop.held, daemon=True).start()")
    held.reached()
    app.run("shop.leave()")
    update = app.edit(shop=text.replace("VERSION", "2")).begin()
    app.until_switched(update, "shop:f", "shop:g")
    assert app.process.stdin is not None
    app.process.stdin.close()
    meeting.reached()
    # It is in its last procedure, of the new version, and the update still waits for the thread.
    (row,) = app.status(update)["pending"]
    assert row["procedure"] == "shop:held"
    if back:
        app.back_out(update)
        app.until(update, "backing-out")
        # The first look at the stacks comes a moment later.
        rows: list[Any] = []
        while not rows:
            rows = [row for row in app.status(update)["pending"] if row["because"] == "active"]
        (row,) = rows
        assert (row["procedure"], row["holders"][0]["thread"]) == ("shop:f", "MainThread")
    meeting.go()
    assert app.process.wait(30) == 0
    assert (app.root / "left").read_text() in ("2 2", "2 1" if back else "2 2")


def test_an_update_that_begins_while_the_program_exits(program: Start) -> None:
    app = program(meet=MEET, shop=ATEXIT.replace("VERSION", "1"))
    meeting = Meeting(app.root)
    app.run("shop.leave()")
    assert app.process.stdin is not None
    app.process.stdin.close()
    meeting.reached()
    app.edit(shop=ATEXIT.replace("VERSION", "2"))
    done = app.podus("update", "app", "--timeout", "5", "--json", check=None)
    meeting.go()
    assert app.process.wait(30) == 0
    # Whether it switched something or was refused because no thread can be started any more: what ran ended in its version.
    assert done.returncode == 1, (done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    if "status" in answer:
        assert "shop:f is active in MainThread" in answer["status"]["reason"]
    else:
        assert answer["error"]["message"].startswith("the program is ending")
    assert (app.root / "left").read_text() in ("1 1", "1 2")


CONVERTED = """
import podus
class Order:
    def __init__(self, rows): self.rows = rows
    def count(self): return len(self.rows)
def boss(order):
    order.total = 0
    return podus.update().state
"""


def test_who_asks_for_an_update_in_the_middle_of_what_is_converted_is_told(
    program: Callable[..., Program],
) -> None:
    app = program(shop=CONVERTED)
    app.run("order = shop.Order([1, 2])")
    app.edit(shop=CONVERTED.replace("self.rows = rows", "self.rows = rows; self.total = len(rows)"))
    app.run(
        "support = 'import podus\\n@podus.mapper(\"shop:Order\")\\ndef order(old): old.total = len(old.rows)\\n'"
    )
    app.run("open('support.py', 'w').write(support)")
    app.run("boss = shop.podus.update\nshop.podus.update = lambda: boss(support='support.py')")
    app.start("b", "shop.boss(order)")
    assert app.join("b") == "pending"
    assert app.until(app.status()["id"], "complete")["state"] == "complete"
    assert app("order.total") == 2


def test_a_procedure_that_is_called_again_at_once_switches(program: Start) -> None:
    """It is inactive for a microsecond between two calls: its caller is kept at its door for a moment."""
    old = "import time\nstop = []\ndef step():\n    time.sleep(0.005)\n    return inner()\ndef inner():\n    time.sleep(0.005)\n    return 1\ndef loop():\n    while not stop: step()\n"
    app = program(shop=old)
    app.run("threads = [threading.Thread(target=shop.loop) for _ in range(2)]\nfor t in threads: t.start()")
    app.edit(
        shop=old.replace("return 1", "return 2").replace("return inner()", "return inner() * 2")
    ).update()
    app.run("shop.stop.append(1)\nfor t in threads: t.join()")
    assert app("shop.step()") == 4


def test_a_way_back_that_is_asked_for_at_the_last_moment_is_gone(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f(): return 2\n")
    app.run("import podus.api")
    for _ in range(3):
        assert app("podus.api.update(wait=False).back_out()") == "backed-out"
        assert app("shop.f()") == 1
