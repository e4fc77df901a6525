"""What a running frame has for the variables that are new in its loop: what the new version makes of nothing before it."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program
from tests.test_loops import begin_moving

Start = Callable[..., Program]
FRESH = """
    import collections, threading as t
    from queue import Queue
    seen = []
    def main():
        n = 0
        while n < 4:
            gate("turn")
            n += 1
            seen.append(["one", n])
        return "one"
"""
# What is new before the loop, and what the loop makes of it.
MADE = """
        known, jobs, lock, waiting = set(), dict(), t.Lock(), Queue(2)
        recent = collections.deque([0], maxlen=2)
        by_kind = collections.defaultdict(list)
        limit = 60 * 5
        while n < 4:
            with lock:
                known.add(n); recent.append(n); by_kind[n % 2].append(n); jobs[n] = waiting.qsize()
"""
RESULT = "[sorted(known), list(recent), dict(by_kind), jobs, limit]"


def test_new_variables_that_are_made_of_nothing(program: Start) -> None:
    new = FRESH.replace("        while n < 4:\n", MADE[1:]).replace('return "one"', f"return {RESULT}")
    app = program(shop=FRESH)
    app.start("t", "shop.main()", at="turn")
    update = begin_moving(app, new)
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    # On the way back what is gone from there is made again.
    back = app.edit(shop=FRESH).begin(move_after=0)
    app.until_watched(back, "shop:main")
    app.open("turn")
    app.until(back, "complete")
    app.reached("turn")
    update = begin_moving(app, new)
    app.open("turn", times=2)
    app.until(update, "complete")
    assert app.join("t") == [[3], [0, 3], {"1": [3]}, {"3": 0}, 300]


def test_what_is_more_than_made_is_asked_for(program: Start) -> None:
    app = program(shop=FRESH)
    app.start("t", "shop.main()", at="turn")
    for value in ("len(seen)", "collections.deque(seen)", "t.get_ident()", "[seen]", "2 ** 9", "int('a')"):
        new = FRESH.replace("n = 0\n", f"n = 0\n        more = {value}\n").replace(
            "+= 1", "+= 1 if more else 1"
        )
        (main,) = app.edit(shop=new).plan().procedures
        assert "more is new in its loop" in main.notes[0], value
    # Nor if the name means something of the program's own.
    new = FRESH.replace("n = 0\n", "n = 0\n        more = set()\n").replace("+= 1", "+= 1 if more else 1")
    plan = app.edit(shop=new.replace("    seen = []", "    def set(): return 1\n    seen = []")).plan()
    main = next(p for p in plan.procedures if p.name == "shop:main")
    assert "more is new in its loop" in main.notes[0]


def test_a_set_that_was_filled_is_no_constant(program: Start) -> None:
    text = FRESH.replace("n = 0\n", "n = 0\n        had = set()\n").replace("n += 1", "n += 1; had.add(n)")
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    (main,) = app.edit(shop=text.replace("had", "known")).plan().procedures
    assert "known is new in its loop `while n < 4` (line 8), and had is gone" in main.notes[0]
