"""``--max-stall``: what would hold the program up for longer is split where it can be, put off, or refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from podus.errors import Refused
from podus.updating.binding import Stall, commit
from podus.updating.bound import expected
from tests.programs import Program

Start = Callable[..., Program]
MANY = "\n".join(f"def f{n}():\n    return VERSION" for n in range(400)) + "\n"
CHAINED = "\n".join(
    f"def f{n}(x=0):\n    return [VERSION] + (f{n + 1}() if {n} < 399 else [])" for n in range(400)
)


def at(text: str, version: int) -> str:
    return text.replace("VERSION", str(version))


def switches(app: Program) -> list[int]:
    """How many procedures each switch of the last update took."""
    events = json.loads(app.podus("log", "--json", "--limit", "10000").stdout)["events"]
    last = [row["update"] for row in events if row["event"] == "update"][-1]
    return [len(row["procedures"]) for row in events if row["event"] == "switch" and row["update"] == last]


@pytest.mark.parametrize("text", [MANY, CHAINED + "\ndef f400(): pass\n"], ids=["alone", "a chain of calls"])
def test_what_need_not_switch_at_one_instant_is_split(program: Start, text: str) -> None:
    app = program(shop=at(text, 1))
    app.edit(shop=at(text, 2)).update()
    assert max(switches(app)) == 400
    app.edit(shop=at(text, 3)).update(max_stall=40)
    assert len(switches(app)) > 2 and sum(switches(app)) == 400
    assert app("shop.f399()") in (3, [3])
    app.update(back_out=True, max_stall=40)
    assert len(switches(app)) > 2
    assert app("shop.f399()") in (2, [2])


def test_what_must_switch_at_one_instant_is_refused(program: Start) -> None:
    app = program(shop=at(MANY, 1))
    app.edit(shop=at(MANY, 2))
    done = app.podus("update", "app", "--policy", "atomic", "--max-stall", "60", check=1)
    assert "400 procedures (shop:f0" in done.stderr
    assert "more than the 60 µs of --max-stall" in done.stderr
    assert "the program is as before" in done.stderr
    assert app("[shop.f0(), shop.f399()]") == [1, 1]
    app.podus("update", "app", "--policy", "atomic", "--max-stall", "100000")
    assert app("[shop.f0(), shop.f399()]") == [2, 2]


def test_what_only_a_look_through_the_heap_can_find_is_refused(program: Start) -> None:
    text = """
        def make():
            def inner():
                return VERSION
            return inner
        kept = [make()]
        def rows():
            yield VERSION
        ballast = [[n] for n in range(300_000)]
    """
    app = program(shop=at(text, 1))
    app.edit(shop=at(text, 1).replace("yield 1", "yield 2"))
    done = app.podus("update", "app", "--max-stall", "1000", check=1)
    assert "shop:rows can be suspended" in done.stderr and "--hold" in done.stderr
    app.edit(shop=at(text, 1).replace("return 1", "return 2"))
    done = app.podus("update", "app", "--max-stall", "1000", check=1)
    assert "shop:make.<locals>.inner" in done.stderr and "look through the heap" in done.stderr
    assert app("[shop.kept[0](), list(shop.rows())]") == [1, [1]]
    app.podus("update", "app", "--max-stall", "1000000")
    assert app("shop.kept[0]()") == 2


def test_a_deep_stack_is_not_looked_at_before_it_is_shallow(program: Start) -> None:
    text = "def f(): return VERSION\n"
    deep = "def dive(n):\n    return dive(n - 1) if n else gate('down')\n"
    app = program(shop=at(text, 1), deep=deep)
    app.run("sys.setrecursionlimit(10_000); threading.stack_size(256 << 20)")
    app.start("diver", "deep.dive(5_000)", at="down")
    update = app.edit(shop=at(text, 2)).begin(max_stall=200)
    app.until(update, "pending")
    while not (status := app.status(update))["delayed"]:
        pass
    assert "frames deep" in status["delayed"]
    assert status["state"] == "pending" and app("shop.f()") == 1
    assert "put off: the stacks are" in app.podus("status", "app").stdout
    app.open("down")
    app.join("diver")
    app.until(update, "complete")
    assert app("shop.f()") == 2


MAPPED = """
items = []
def add(item): items.append(item)
def count(): return len(items)
"""
SUPPORT = """
import podus
@podus.mapper('shop:items')
def items(old):
    gate('mapping')
    return dict.fromkeys(old)
"""


def test_who_waits_at_a_door_for_too_long_goes_through(program: Start) -> None:
    app = program(shop=MAPPED)
    app.run("shop.add(1)")
    new = MAPPED.replace("= []", "= {}").replace("items.append(item)", "items.update({item: None})")
    update = app.edit(shop=new).begin(support=SUPPORT, max_stall=20_000)
    for number in range(3):
        app.do("reached", "mapping")
        # The mapper takes as long as it likes: this call waits at the door, and goes through in the end.
        app.run(f"shop.add({number + 2})")
        app.open("mapping")
    status = app.until(update, "backed-out")
    assert "callers would wait for longer than the 20,000 µs" in status["reason"]
    assert app("[shop.items, shop.count()]") == [[1, 2, 3, 4], 4]
    app.edit(shop=new)
    app.open("mapping")
    app.update(support=SUPPORT, max_stall=20_000)
    assert app("[sorted(shop.items), shop.count()]") == [[1, 2, 3, 4], 4]


def test_in_the_program(program: Start) -> None:
    app = program(shop=at(MANY, 1))
    app.edit(shop=at(MANY, 2))
    app.run(
        """
        import podus
        said = []
        for more in ({"policy": "atomic", "max_stall": 60}, {"max_stall": -1}):
            try:
                podus.update(**more)
            except podus.Refused as error:
                said.append(str(error))
        done = podus.update(max_stall=60)
        """
    )
    assert "--max-stall" in app("said[0]") and "can't be -1" in app("said[1]")
    assert app("[done.state, done.status()['max_stall_us']]") == ["complete", 60]


def test_a_switch_is_predicted_by_its_operations() -> None:
    def f() -> None: ...

    stall = Stall(50.0)
    ops = [(setattr, f, "__code__", f.__code__)] * 1000
    assert expected(ops, stall) > 200
    with pytest.raises(Refused, match="at one instant"):
        commit(ops, stall)
    commit(ops[:100], stall)
    stall.refuses = False
    commit(ops, stall)


def test_to_replace_objects_takes_a_look_through_the_heap(program: Start) -> None:
    text = "class C:\n    __slots__ = ('a',)\n"
    app = program(shop=text)
    app.run("c = shop.C()")
    app.edit(shop=text.replace("'a',", "'a', '__dict__'"))
    done = app.podus("update", "app", "--max-stall", "300", check=1)
    assert "shop:C can be replaced only by a look through the heap" in done.stderr
    assert app("hasattr(c, '__dict__')") is False
    app.podus("update", "app", "--max-stall", "1000000")
    assert app("c.__dict__") == {}
