"""What a running frame has for the variables that are new in its loop: what the new version makes of nothing before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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


MAYBE = """
    out = []
    def main(flag):
        if flag:
            prefix = "p"
        n = 0
        while True:
            gate("turn")
            n += 1
            out.append(n)
"""


def test_who_lacks_what_is_read_does_not_move_and_says_so(program: Start) -> None:
    app = program(shop=MAYBE)
    app.start("t", "shop.main(False)", at="turn")
    new = MAYBE.replace("append(n)", "append([prefix, n])")
    update = begin_moving(app, new)
    (main,) = app.plan().procedures
    assert "prefix may have no value in its loop `while True` (line 7): who has none" in main.notes[1]
    app.open("turn")
    app.reached("turn")
    status = app.status(update)
    assert status["pending"][0]["why"].endswith(
        "can't move, as its variable prefix has no value; it never returns"
    )
    assert status["stuck"]
    said = app.podus("status", "app").stdout
    assert "prefix has no value; never returns" in said
    assert "--hold shop:main" in said
    app.back_out()
    app.until(update, "backed-out")
    # A mapper gives it.
    support = """
        import podus
        @podus.frame_mapper("shop:main")
        def main(old): return {"prefix": "q", **old}
    """
    update = begin_moving(app, new, support=support)
    app.open("turn", times=2)
    app.until(update, "complete")
    app.reached("turn")
    app.reached("turn")
    assert app("shop.out") == [1, 2, ["q", 3]]


def test_what_is_read_under_a_condition_may_be_unbound_in_both(program: Start) -> None:
    text = MAYBE.replace("append(n)", "append([prefix, n] if flag else n)")
    app = program(shop=text)
    app.start("t", "shop.main(False)", at="turn")
    update = begin_moving(app, text.replace("else n", "else -n"))
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    # What the new version sets in any case it is given.
    new = text.replace("if flag:", "prefix = 'none'").replace('        prefix = "p"', "    pass")
    update = begin_moving(app, new.replace("if flag else n", ""))
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    assert app("shop.out") == [1, -2, ["none", 3]]


SERVICE = """
    out = []
    class Service:
        def __init__(self):
            self.running = True
            self.count = 0
        def run(self):
            while self.running:
                gate("turn")
                self.work()
        def work(self):
            self.count += 1
            out.append(["one", self.count])
    service = Service()
"""


def test_a_new_field_does_not_keep_a_loop_from_moving(program: Start) -> None:
    app = program(shop=SERVICE)
    app.start("t", "shop.service.run()", at="turn")
    new = SERVICE.replace("count = 0\n", "count = 0\n            self.errors = []\n")
    new = new.replace("self.work()", "self.work(self.errors)").replace("work(self)", "work(self, errors)")
    new = new.replace('["one", self.count]', '["two", self.count, errors]')
    update = begin_moving(app, new, "shop:Service.run")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    back = app.begin(back_out=True, move_after=0)
    app.until_watched(back, "shop:Service.run")
    app.open("turn")
    app.until(back, "complete")
    app.reached("turn")
    # Where objects are converted, nobody is told that who uses them moves.
    support = """
        import podus
        @podus.mapper("shop:Service")
        def service(old): old.count *= 100
    """
    (app.home / "support.py").write_text(support.replace("\n        ", "\n"))
    app.edit(shop=SERVICE.replace('"one"', '"three"').replace("self.work()", "self.work() or 0"))
    said = app.podus("plan", "app", "--support", str(app.home / "support.py")).stdout
    assert "shop:Service.run is active now" in said
    assert "it does not move when its loop comes round" in " ".join(said.split())
    app.run("shop.service.running = False")
    app.open("turn")
    app.join("t")
    assert app("shop.out") == [["one", 1], ["two", 2, []], ["two", 3, []], ["one", 4]]


HELD = """
    import contextlib, threading
    lock = threading.Lock()
    seen = []
    {more}
    def main():
        n = 0
        while n < 4:
            gate("turn")
            with {entered}:
                n += 1
            seen.append(n)
        return seen
"""
CATCHING = "@contextlib.contextmanager\n    def guard():\n        try: yield\n        except KeyError: pass\n"
PASSING = "@contextlib.contextmanager\n    def guard():\n        try: yield\n        finally: pass\n"
DENYING = "class Guard:\n        def __enter__(self): pass\n        def __exit__(self, *error): return True\n"


def _with_another(text: str) -> str:
    return text.replace("n += 1\n", "n += 1; twice = n * 2\n").replace("append(n)", "append((n, twice))")


def test_what_a_with_block_binds_is_no_variable_that_a_frame_lacks(program: Start) -> None:
    text = HELD.format(more=PASSING, entered="lock, guard(), open('/dev/null')")
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    update = begin_moving(app, _with_another(text))
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=3)
    assert app.join("t") == [1, [2, 4], [3, 6], [4, 8]]


@pytest.mark.parametrize(
    ("more", "entered"),
    [(CATCHING, "guard()"), (DENYING, "Guard()"), (DENYING, "lock"), ("", "contextlib.suppress(KeyError)")],
)
def test_what_a_with_block_that_swallows_exceptions_binds_is_asked_for(
    program: Start, more: str, entered: str
) -> None:
    text = HELD.format(more=more, entered=entered)
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    plan = app.edit(shop=_with_another(text)).plan(move_after=0)
    said = [note for row in plan.procedures for note in row.notes]
    assert any("twice is new in its loop" in note for note in said), said
