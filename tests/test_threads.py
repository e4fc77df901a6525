"""Updates under load: threads that call what changes without a pause, while it changes."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program
from tests.sizes import size

Start = Callable[..., Program]
# How many updates in a row, there and back; PODUS_EXAMPLES=50 for a long look.
UPDATES = size("PODUS_EXAMPLES", 12)

# Threads that take one step over and over, note what goes wrong, and count; most of their time they are outside what changes, for
# a group that never is inactive never switches.
LOAD = """
import sys, threading

# Let the threads take turns often: more comes between, and whoever asks the pup need not wait for all of them.
sys.setswitchinterval(0.0002)
stop = threading.Event()
errors, counts, threads = [], {}, []
# The updates that have begun: (version that goes, version that comes).
epochs = [(0, 1)]

def load(number, step):
    counts[number] = 0
    def body():
        try:
            while not stop.is_set():
                step(number, counts[number])
                counts[number] += 1
                for _ in range(2000):
                    pass
        except BaseException as error:
            errors.append(f"{type(error).__name__}: {error}")
    threads.append(threading.Thread(target=body, name=f"load{number}"))
    threads[-1].start()

def finish():
    stop.set()
    for thread in threads:
        thread.join(30)
    return [errors, sum(thread.is_alive() for thread in threads), min(counts.values()) > 0]
"""
FINE = [[], 0, True]

CHAIN = """
from load import epochs

def leaf(path):
    path.append(("leaf", VERSION))
    return path

def left(path):
    path.append(("left", VERSION))
    return leaf(path)

class Station:
    def right(self, path):
        path.append(("right", VERSION))
        return leaf(left(path))

station = Station()

def unchanged(path):
    return station.right(path)

def top(path):
    path.append(("top", VERSION))
    unchanged(path)
    return left(path)

# Name and depth of every call that one step makes.
ORDER = [("top", 0), ("right", 1), ("left", 2), ("leaf", 3), ("leaf", 2), ("left", 1), ("leaf", 2)]

def step(number, done):
    first = len(epochs)
    path = top([])
    legal = epochs[first - 1 :]
    assert [name for name, _ in path] == [name for name, _ in ORDER], path
    above = {}
    for (name, version), (_, depth) in zip(path, ORDER):
        above[depth] = version
        # The version that goes may call the one that comes; never the other way round.
        if depth:
            assert above[depth - 1] == version or (above[depth - 1], version) in legal, (path, legal)
"""
GROUP = """
def lift(path):
    path.append(VERSION)

def turn(path):
    path.append(VERSION)

def move(path):
    path.append(VERSION)
    lift(path)
    for _ in range(20):
        pass
    turn(path)

def step(number, done):
    path = []
    move(path)
    assert len(path) == 3 and len(set(path)) == 1, path
"""


def at(text: str, version: int) -> str:
    return text.replace("VERSION", str(version))


def begin(program: Start, text: str, threads: int = 8) -> Program:
    """A program in which that many threads take the steps of ``shop``."""
    app = program(load=LOAD, shop=text)
    app.run(f"for n in range({threads}): load.load(n, shop.step)")
    return app


def advance(app: Program, threads: int = 8) -> None:
    """Wait until every thread has taken a step more."""
    app.run(
        f"seen = dict(load.counts)\n"
        f"while not load.errors and any(load.counts[n] <= seen[n] for n in range({threads})): threading.Event().wait(0.001)"
    )


def test_many_updates_under_load_lose_no_call_and_mix_no_versions(program: Start) -> None:
    app = begin(program, at(CHAIN, 1))
    for version in range(2, UPDATES // 2 + 2):
        app.run(f"load.epochs.append(({version - 1}, {version}))")
        app.edit(shop=at(CHAIN, version)).update()
        advance(app)
        if version % 2:
            app.run(f"load.epochs.append(({version}, {version - 1}))")
            app.update(back_out=True)
            advance(app)
            app.run(f"load.epochs.append(({version - 1}, {version}))")
            app.update()
    assert app("load.finish()") == FINE


def test_dependents_are_never_seen_mixed(program: Start) -> None:
    app = begin(program, at(GROUP, 1))
    support = "import podus\npodus.together('shop:lift', 'shop:turn', 'shop:move')\n"
    for version in range(2, UPDATES // 2 + 2):
        app.edit(shop=at(GROUP, version)).update(support=support)
        advance(app)
    assert app("load.finish()") == FINE


def test_backing_out_in_the_middle_under_load_mixes_no_versions(program: Start) -> None:
    text = CHAIN + "\ndef parked():\n    gate('parked')\n    return VERSION\n"
    app = begin(program, at(text, 1))
    app.start("t", "shop.parked()", at="parked")
    for _ in range(UPDATES // 2):
        app.run("load.epochs.append((1, 2))")
        update = app.edit(shop=at(text, 2)).begin()
        app.until_switched(update, "shop:top")
        advance(app)
        app.run("load.epochs.append((2, 1))")
        app.back_out(update)
        app.until(update, "backed-out")
        advance(app)
    app.open("parked")
    assert app.join("t") == 1
    assert app("load.finish()") == FINE


def test_on_the_way_back_the_version_before_calls_nothing_but_itself(program: Start) -> None:
    text = """
        def parked():
            gate('parked')
            return VERSION
        def g(wait=False):
            if wait:
                gate('g')
            return VERSION
        def f(): return VERSION, g()
    """
    app = program(shop=at(text, 1))
    app.start("t", "shop.parked()", at="parked")
    update = app.edit(shop=at(text, 2)).begin()
    app.until_switched(update, "shop:f", "shop:g")
    app.start("u", "shop.g(True)", at="g")
    app.back_out(update)
    app.until(update, "backing-out")
    try:
        # Wherever it stands by now: never the version before calling the one that goes.
        assert all(app("shop.f()") != [1, 2] for _ in range(500))
    finally:
        app.open("g")
        app.open("parked")


def test_interprocedures_under_load_for_callers_that_never_return(program: Start) -> None:
    text = """
        from load import stop
        def total(a):
            return ("total", a, a)
        def report(n):
            return total(n)
        def main(seen):
            last = 0
            while not stop.is_set():
                name, a, value = total(7)
                stage = {7: 0, 70: 1}[value]
                assert stage >= last, (stage, last)
                last = stage
                seen[last] = True
        def step(number, done):
            # The old version with the old one, or with the new one through the interprocedure; the new one with the new.
            assert report(done) in (("total", done, done), ("total", done, done * 10), ("total", done, done * 5)), done
    """
    new = (
        text.replace("total(a):", "total(a, rate):")
        .replace("a, a)", "a, a * rate)")
        .replace("total(n)", "total(n, 5)")
        .replace("total(7)", "total(7, 10)")
        .replace("last = 0", "last = -1")
    )
    app = begin(program, text)
    app.run("seen = {}\nfor n in range(8, 10): load.load(n, lambda number, done: shop.main(seen))")
    app.run("while 0 not in seen: threading.Event().wait(0.001)")
    support = "import podus\n@podus.interprocedure('shop:total')\ndef total(new, a): return new(a, 10)\n"
    update = app.edit(shop=new).begin(support=support)
    app.until_switched(update, "shop:total", "shop:report")
    app.run("while 1 not in seen and not load.errors: threading.Event().wait(0.001)")
    advance(app)
    assert app("load.finish()")[:2] == FINE[:2]
    app.until(update, "complete")
    assert app("shop.report(3)") == ["total", 3, 15]
    assert app("shop.total.__code__.co_varnames") == ["a", "rate"]


def test_nothing_is_lost_from_data_that_is_mapped_under_load(program: Start) -> None:
    text = """
        items = []
        def add(key):
            items.append(key)
        def holds(key):
            return key in items
        def step(number, done):
            add((number, done))
            if not done % 100:
                assert holds((number, done)), done
    """
    new = text.replace("items.append(key)", "items[key] = True").replace(
        "key in items", "items.get(key, False)"
    )
    app = begin(program, text)
    support = """
        import podus
        @podus.mapper('shop:items', reverse=lambda new: list(new))
        def items(old):
            assert len(set(old)) == len(old)
            return dict.fromkeys(old, True)
    """
    for _ in range(UPDATES // 4):
        advance(app)
        app.edit(shop=new).update(support=support)
        assert app("type(shop.items).__name__") == "dict"
        advance(app)
        app.update(back_out=True)
        assert app("type(shop.items).__name__") == "list"
    assert app("load.finish()") == FINE
    app.run("found = set(shop.items)")
    assert app("[(n, k) for n in load.counts for k in range(load.counts[n]) if (n, k) not in found]") == []
    assert app("len(shop.items) == len(set(shop.items)) == sum(load.counts.values())")


def test_a_switch_that_was_missed_is_tried_again_while_another_never_returns(program: Start) -> None:
    text = """
        def busy(n):
            for _ in range(3000):
                pass
            return VERSION
        def step(number, done):
            assert busy(done) in (1, 2)
        def main():
            gate('main')
            return VERSION
    """
    app = begin(program, at(text, 1), threads=2)
    app.start("t", "shop.main()", at="main")
    update = app.edit(shop=at(text, 2)).begin()
    app.until_switched(update, "shop:busy")
    app.open("main")
    app.until(update, "complete")
    assert app("load.finish()") == FINE


def test_closures_made_while_the_update_is_pending_are_switched_too(program: Start) -> None:
    text = """
        def make(wait=False):
            def inner(): return VERSION
            if wait:
                gate('make')
            return inner
    """
    app = program(shop=at(text, 1))
    app.start("t", "shop.make(True)() and None", at="make")
    update = app.edit(shop=at(text, 2)).begin()
    app.until(update, "pending")
    app.run("held = shop.make()")
    assert app("held()") == 1
    app.open("make")
    app.join("t")
    app.until(update, "complete")
    assert app("[held(), shop.make()()]") == [2, 2]


def test_closures_made_while_the_update_is_pending_go_back_with_it(program: Start) -> None:
    text = """
        def parked():
            gate('parked')
            return VERSION
        def make():
            def inner(): return VERSION
            return inner
    """
    app = program(shop=at(text, 1))
    app.start("t", "shop.parked()", at="parked")
    update = app.edit(shop=at(text, 2)).begin()
    app.until_switched(update, "shop:make")
    app.run("held = shop.make()")
    assert app("held()") == 2
    app.back_out(update)
    app.until(update, "backed-out")
    assert app("[held(), shop.make()()]") == [1, 1]
    app.open("parked")
