"""Deadlines: by then an update is complete, or the program is back in the version before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]
TEXT = """
def f():
    gate("in")
    return VERSION
def g(new=False):
    gate("new") if new else None
    return VERSION
"""


def at(version: int) -> str:
    return TEXT.replace("VERSION", str(version))


def test_what_is_not_complete_by_its_deadline_goes_back(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    app.edit(shop=at(2))
    done = app.podus("update", "app", "--deadline", "3", "--on-timeout", "wait", "--json", check=1)
    answer = json.loads(done.stdout)
    status = answer["status"]
    assert status["state"] == "backed-out"
    assert "not complete in time for the deadline" in status["reason"]
    assert "shop:f is active in t" in status["reason"]
    # A part of the time was kept for the way back.
    assert status["ended"] < status["deadline"]
    assert app("shop.g()") == 1
    app.open("in")
    assert app.join("t") == 1


def test_a_deadline_does_not_disturb_what_is_quick(program: Start) -> None:
    app = program(shop=at(1))
    app.edit(shop=at(2)).podus("update", "app", "--deadline", "2h")
    assert app("shop.g()") == 2
    app.podus("back-out", "app", "--deadline", "2999-01-01T00:00")
    assert app("shop.g()") == 1


def test_planning_counts(program: Start) -> None:
    app = program(shop=at(1))
    app.edit(shop=at(2))
    done = app.podus("update", "app", "--deadline", "0.01", check=1)
    assert "the deadline was over before the plan was made" in done.stderr
    assert app("shop.g()") == 1
    app.podus("update", "app")


def test_staging_counts(program: Start) -> None:
    app = program(shop=at(1))
    app.edit(shop=at(2) + "import time\nready = time.sleep(0.2)\n")
    plan = app.plan()
    with app.pup() as pup:
        update = pup.call("update", plan=plan.directory, deadline=time.time() + 0.1)["id"]
    status = app.until(update, "failed")
    assert "to stage the update took longer" in status["reason"]
    assert app("[shop.g(), hasattr(shop, 'ready')]") == [1, False]


def test_a_way_back_that_is_held_up_is_spoken_of(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    app.edit(shop=at(2))
    update = app.begin(on_timeout="wait")
    app.until_switched(update, "shop:g")
    app.start("u", "shop.g(True)", at="new")
    done = app.podus("back-out", "app", "--deadline", "0.2", check=3)
    assert "backing-out" in done.stdout
    assert "STILL NEW" in done.stdout and "thread u" in done.stdout
    (row,) = app.status(update)["pending"]
    assert row["why"].startswith("the new shop:g is active in u at line")
    app.open("new")
    app.until(update, "backed-out")
    app.open("in")
    assert [app.join("u"), app.join("t")] == [2, 1]


def test_what_is_past_or_no_moment_is_wrong_use(program: Start) -> None:
    app = program(shop=at(1))
    for moment, says in (("2001-01-01T00:00", "is over already"), ("soon", "is no deadline"), ("-1", "")):
        assert says in app.podus("update", "app", "--deadline", moment, check=2).stderr


def test_a_deadline_in_the_program(program: Start) -> None:
    app = program(shop=at(1))
    app.start("t", "shop.f()", at="in")
    app.edit(shop=at(2))
    app.run(
        """
        import datetime, podus
        first = podus.update(deadline=2.0)
        later = datetime.datetime.now() + datetime.timedelta(seconds=2)
        second = podus.update(deadline=later, on_timeout="wait")
        try:
            podus.update(deadline=datetime.datetime(2001, 1, 1))
        except podus.Refused as error:
            past = str(error)
        """
    )
    assert app("[first.state, second.state]") == ["backed-out"] * 2
    assert "is over already" in app("past")
    app.open("in")
    assert app.join("t") == 1


def test_the_time_is_kept_while_only_an_interprocedure_stands(program: Start) -> None:
    text = "def step(): return 1\ndef held():\n    yield 1\n    yield step()\n"
    support = "import podus\n@podus.interprocedure('m:step')\ndef step(new): return new(0)\n"
    app = program(m=text)
    app.run("begun = m.held(); next(begun)")
    app.edit(m=text.replace("def step()", "def step(k)").replace("yield step()", "yield step(5)"))
    update = app.begin(support=support, timeout=0.5, on_timeout="back-out")
    status = app.until(update, "backed-out")
    assert "not complete after 0.5 s: m:held" in status["reason"]
    assert app("[next(begun), m.step()]") == [1, 1]
