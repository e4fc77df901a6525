"""A running frame moves where what it holds is what the new version needs; else it ends in the old one, and the plan says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

STOCK = """
    from contextlib import nullcontext
    from threading import Lock
    out = []
    stock = {"ab": 1, "cd": 2, "ef": 3}
    a, b = Lock(), Lock()
    def main():
        with a:
            for name in stock:
                for n in range(1):
                    gate("turn")
                    out.append([name, stock[name]])
        return out
"""
ALL = [["ab", 1], ["cd", 2], ["ef", 3]]
# What the new version iterates over, or holds, in another way.
OTHERS = {
    "items": ("for name in stock", "for name, count in stock.items()"),
    "enumerate": ("for name in stock", "for n, name in enumerate(stock)"),
    "elements": ("for n in range(1)", "for n in ['a']"),
    "more": ("for n in range(1)", "for n in range(2)"),
    "lock": ("with a", "with b"),
}


@pytest.mark.parametrize("change", OTHERS)
def test_an_iterator_or_a_block_that_is_another_is_not_taken_along(program: Start, change: str) -> None:
    app = program(shop=STOCK)
    app.start("t", "shop.main()", at="turn")
    old, new = OTHERS[change]
    plan = app.edit(shop=STOCK.replace(old, new).replace("out.append([", "out.append(['new', ")).plan()
    (main,) = plan.procedures
    # The loop around may still be one that can move.
    assert all(loop.text.split()[1] == "name" for loop in plan.loops) and len(plan.loops) < 2
    notes = [note for note in main.notes if f"what `{old}" in note]
    assert notes
    assert all(n.endswith("give a @podus.frame_mapper('shop:main') if it fits all the same") for n in notes)
    if plan.loops:
        return
    assert main.running == "waited for"
    update = app.begin(move_after=0)
    app.open("turn", times=3)
    assert app.join("t") == ALL
    app.until(update, "complete")


def test_a_frame_mapper_says_that_the_iterator_fits(program: Start) -> None:
    app = program(shop=STOCK)
    app.start("t", "shop.main()", at="turn")
    support = "import podus\n@podus.frame_mapper('shop:main')\ndef main(old): return old\n"
    new = STOCK.replace("for name in stock", "for name in sorted(stock)").replace("[name,", "['new', name,")
    update = app.edit(shop=new).begin(move_after=0, support=support)
    app.until_watched(update, "shop:main")
    app.open("turn", times=3)
    assert app.join("t") == [["ab", 1], ["new", "cd", 2], ["new", "ef", 3]]
    app.until(update, "complete")


def test_another_name_for_the_element_is_the_same_iterator(program: Start) -> None:
    text = """
        out = []
        def main():
            for name in ["a", "b"]:
                gate("turn")
                out.append(name)
            return out
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    update = app.edit(shop=text.replace("name", "item").replace("(item)", "(item * 2)")).begin(move_after=0)
    app.until_watched(update, "shop:main")
    app.open("turn", times=2)
    assert app.join("t") == ["a", "bb"]
    app.until(update, "complete")


def test_loops_that_change_places_are_not_taken_for_each_other(program: Start) -> None:
    text = """
        out = []
        def filling(): return len(out) < 2
        def emptying(): return bool(out)
        def main():
            while filling():
                gate("turn")
                out.append(1)
            while emptying():
                out.pop()
            return out
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    swapped = text.replace("emptying():", "E():").replace("while filling()", "while emptying()")
    plan = app.edit(shop=swapped.replace("while E()", "while filling()").replace("E()", "emptying()")).plan()
    assert not plan.loops


WORKER = """
    out = []
    class Worker:
        def main(self, rows):
            n = 0
            while True:
                gate("turn")
                n += 1
                out.append(n)
        def show(self): return 1
        def prepare(self): pass
    worker = Worker()
"""
# What is before the loop in the old version, or in the body; what takes its place; and what the plan says.
MISSING = {
    "another type": (("n = 0", "n = []"), ("n += 1", "n.append(1)"), "n gets its value in another way"),
    "no literal any more": (("n = 0", "n = len(rows)"), "n gets its value in another way"),
    "renamed": (
        ("n = 0", "count = 0"),
        ("n += 1", "count += 1"),
        ("append(n)", "append(count)"),
        "count is new in its loop `while True` (line 6), and n is gone: podus can't tell whether it is the same",
    ),
    "global": (("n = 0", "global n; n = 0"), "n is no variable of its own any more"),
    "global of the module": (
        ("out = []", "out = []\n    n = 0"),
        ("n = 0\n            while", "global n\n            while"),
        "n is no variable of its own any more",
    ),
    "attribute": (
        ("n = 0", "self.n = 0"),
        ("n += 1", "self.n += 1"),
        ("append(n)", "append(self.n)"),
        "n is no variable of its own any more",
    ),
    "attribute that is read": (
        ("while True", "self.running = True\n            while self.running"),
        "`self.running = True` (line 6) stands before its loop",
    ),
    "attribute that others read": (
        ("n = 0", "n = 0; self.started = 1"),
        ("return 1", "return self.started"),
        "`self.started = 1` (line 5) stands before its loop",
    ),
    "global that is read": (
        ("while True", "global running; running = True\n            while running"),
        "`running = True` (line 6) stands before its loop",
    ),
    "set by what is called": (
        ("while True", "self.prepare()\n            while n < self.limit"),
        ("pass", "self.limit = 5"),
        "`self.prepare()` (line 6) stands before its loop",
    ),
    "items": (
        ("while True", "rows['a'] = 1\n            while rows['a']"),
        "`rows['a'] = 1` (line 6) stands before its loop",
    ),
    "a list that is filled": (
        ("while True", "names = []; names.append(1)\n            while names"),
        "names is new in its loop",
    ),
    "a literal under a condition": (
        ("while True", "if rows: prefix = 1\n            while prefix"),
        "prefix is new in its loop",
    ),
}


def begun(program: Start, text: str, expression: str) -> Program:
    """A program whose thread ``t`` has gone round once."""
    app = program(shop=text)
    app.start("t", expression, at="turn")
    app.open("turn")
    app.reached("turn")
    return app


@pytest.mark.parametrize("change", MISSING)
def test_what_the_frame_lacks_is_asked_for(program: Start, change: str) -> None:
    app = begun(program, WORKER, "shop.worker.main({'a': 2})")
    *edits, why = MISSING[change]
    new = WORKER
    for old, other in edits:
        assert old in new
        new = new.replace(old, other)
    plan = app.edit(shop=new).plan()
    main = next(p for p in plan.procedures if p.name == "shop:Worker.main")
    assert main.running == "left" and not plan.loops
    note = main.notes[0]
    assert why in note and note.endswith(": give a @podus.frame_mapper('shop:Worker.main')")
    support = """
        import podus
        @podus.frame_mapper("shop:Worker.main")
        def main(old): return {**old, "n": 10, "count": 10, "prefix": 0, "names": []}
    """
    assert app.plan(support=support).loops


# What may look so, and is not.
FITTING = {
    "a constant": (("n = 0", "n = 7"), "`n = 7` (line 5) stands before its loop `while True`"),
    "a number of another type": (("n = 0", "n = 0.0"), "`n = 0.0` (line 5)"),
    "another new variable": (("n = 0", "n = 0; more = []"), ("append(n)", "append(n); more.append(n)"), ""),
    "a message": (("n = 0", "n = 0; print('begins', n)"), ""),
    "a call": (("n = 0", "n = 0; out.clear()"), "`out.clear()` (line 5) stands before its loop"),
    "an attribute that nobody reads": (("n = 0", "n = 0; self.begun = True"), ""),
    "what the old version did as well": (("out.append(n)", "out.append(n + 10)"), ""),
}


@pytest.mark.parametrize("change", FITTING)
def test_what_it_needs_not_is_no_obstacle(program: Start, change: str) -> None:
    app = begun(program, WORKER, "shop.worker.main({})")
    *edits, said = FITTING[change]
    new = WORKER.replace("out.append(n)", "out.append(n)  ; new = 1")
    for old, other in edits:
        assert old in new
        new = new.replace(old, other)
    plan = app.edit(shop=new).plan()
    (main,) = plan.procedures
    assert main.running == "moved"
    assert len(main.notes) == 1 + bool(said) and said in main.notes[-1]
    update = app.begin(move_after=0)
    app.until_watched(update, "shop:Worker.main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    assert app("shop.out[2] % 10") == 3


def test_what_the_loop_itself_binds_to_another_type_is_asked_for(program: Start) -> None:
    text = WORKER.replace("n = 0", "n = None").replace("n += 1", "m = n; n = 1, 2")
    app = begun(program, text, "shop.worker.main({})")
    (main,) = app.edit(shop=text.replace("n = 1, 2", "n = {1: 2}")).plan().procedures
    assert main.notes[0].startswith("n may be of the type tuple in its loop `while True` (line 6)")


def test_a_constant_that_is_gone_is_no_rename(program: Start) -> None:
    text = WORKER.replace("n = 0\n", "n = 0\n            step = 1\n").replace("n += 1", "n += step")
    new = text.replace("step = 1", "count = 0").replace("n += step", "n += 1; count += 1")
    app = begun(program, text, "shop.worker.main({})")
    assert app.edit(shop=new).plan().procedures[0].running == "moved"


def test_an_iterator_over_what_is_made_in_another_way_is_left(program: Start) -> None:
    text = """
        out = []
        def main():
            rows = [1, 2]
            for row in rows:
                gate("turn")
                out.append(row + 1)
            return out
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    plan = app.edit(shop=text.replace("[1, 2]", "['a', 'b']").replace("row + 1", "row.upper()")).plan()
    assert not plan.loops
    (note,) = plan.procedures[0].notes
    assert note.startswith("rows is made in another way before its loop `for row in rows` (line 5)")


def test_what_a_suspended_one_lacks_is_said(program: Start) -> None:
    text = """
        def numbers():
            n = 0
            while True:
                yield n
                n += 1
        held = numbers()
        first = next(held)
    """
    app = program(shop=text)
    app.edit(shop=text.replace("n = 0", "n = ''").replace("n += 1", "n += 'a'"))
    (numbers,) = app.plan().procedures
    assert "n gets its value in another way before its loop `while True` (line 4)" in numbers.notes[0]
    app.update()
    assert app("[next(shop.held), next(shop.held)]") == [1, 2]


def test_a_constant_before_the_loop_takes_its_new_value(program: Start) -> None:
    text = """
        out = []
        def main():
            rate, limit = 5, None
            n = 0
            while True:
                gate("turn")
                n += rate
                out.append([n, limit])
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")

    def turn() -> None:
        app.open("turn")
        app.reached("turn")

    for rate in ("100", "1_000"):
        before, _, after = text.partition("= 5, None\n            n = 0")
        update = app.edit(shop=f"{before}= {rate}, 3\n            n = 9{after}").begin(move_after=0)
        app.until_watched(update, "shop:main")
        app.open("turn")
        app.until(update, "complete")
        app.reached("turn")
        turn()
    assert app("shop.out") == [[5, None], [105, 3], [205, 3], [1205, 3]]
    update = app.begin(back_out=True, move_after=0)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    turn()
    assert app("shop.out[4:]") == [[2205, 3], [2305, 3]]


CENTS = """
    cents = {"a": 1, "b": {"c": 1}}
    def main():
        mine = cents
        while True:
            gate("turn")
            mine["a"] += 1
    def total(): return cents["a"]
"""
IN_CENTS = """
    import podus
    def back(new): return {"a": new["a"] // 100, "b": {"c": 1}}
    @podus.mapper("shop:cents", reverse=back)
    def cents(old): return {"a": old["a"] * 100, "b": {"c": 100}}
"""


def test_a_variable_that_is_the_data_is_the_converted_data(program: Start) -> None:
    app = program(shop=CENTS)
    app.start("t", "shop.main()", at="turn")
    app.edit(shop=CENTS.replace('"a": 1', '"a": 100').replace("+= 1", "+= 100"))
    update = app.begin(move_after=0, support=IN_CENTS)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    for total in (300, 400):
        app.open("turn")
        app.reached("turn")
        assert app("shop.total()") == total
    update = app.begin(back_out=True, move_after=0, support=IN_CENTS)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    assert app("shop.total()") == 6


@pytest.mark.parametrize("mine", ['cents["b"]', "list(cents.values())", "dict(cents)"])
def test_a_variable_that_is_a_part_of_the_data_is_asked_for(program: Start, mine: str) -> None:
    text = CENTS.replace("mine = cents", f"mine = {mine}").replace('mine["a"] += 1', "mine")
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    plan = app.edit(shop=text.replace('"a": 1', '"a": 100').replace('"turn")', '"turn"); new = 1')).plan(
        support=IN_CENTS
    )
    (main,) = (p for p in plan.procedures if p.name == "shop:main")
    assert main.notes[0].startswith("mine holds something of what a mapper converts in its loop")
    assert not plan.loops


def test_a_variable_that_is_data_which_is_made_again_is_the_new_data(program: Start) -> None:
    text = """
        rates = {"a": 1}
        out = []
        def main():
            mine = rates
            while True:
                gate("turn")
                out.append(mine["a"])
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    update = app.edit(shop=text.replace('"a": 1', '"a": 2').replace("append(", "append(10 * ")).begin(
        move_after=0
    )
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    assert app("shop.out") == [1, 20]


def test_a_function_on_a_stack_that_becomes_a_generator_is_waited_for(program: Start) -> None:
    app = program(shop='def items():\n    gate("in")\n    return ["one"]\n')
    app.start("t", "shop.items()", at="in")
    update = app.edit(shop='def items():\n    yield "two"\n').begin()
    app.until_waiting(update, "items is active in")
    app.open("in")
    assert app.join("t") == ["one"]
    app.until(update, "complete")


def test_what_returns_something_else_to_its_old_caller_is_not_moved(program: Start) -> None:
    text = """
        def worker():
            n = 0
            while n < 3:
                gate("turn")
                n += 1
            return n
        def caller():
            n = worker()
            return n + 1
    """
    app = program(shop=text)
    app.start("t", "shop.caller()", at="turn")
    app.edit(shop=text.replace("return n\n", "return n, True\n").replace("n = worker", "n, ok = worker"))
    (_, worker) = sorted(app.plan().procedures, key=lambda p: p.name)
    assert worker.running == "waited for"
    assert worker.notes == [
        "its new version returns something of another shape, which its old caller shop:caller does not expect"
    ]
    update = app.begin(move_after=0)
    app.open("turn", times=3)
    assert app.join("t") == 4
    app.until(update, "complete")


@pytest.mark.parametrize("policy", ["podus", "atomic"])
def test_two_who_never_come_round_at_one_time_move_one_by_one(program: Start, policy: str) -> None:
    text = """
        import threading
        condition, items, seen = threading.Condition(), [], set()
        def consume():
            while True:
                with condition:
                    while not items:
                        condition.wait()
                    items.pop()
                seen.add(("one", threading.get_ident()))
        def produce():
            while True:
                with condition:
                    items.append(1)
                    condition.notify()
                threading.Event().wait(0.001)
        threads = [threading.Thread(target=each, daemon=True) for each in (consume, consume, produce)]
        for each in threads:
            each.start()
    """
    app = program(shop=text)
    app.edit(shop=text.replace('"one"', '"two"'))
    app.update(policy=policy)
    app.run("import time\nshop.seen.clear()\nwhile len(shop.seen) < 2: time.sleep(0.001)")
    assert app("{version for version, _ in shop.seen} == {'two'}")


BLOCKS = """
    class Odd:
        __slots__ = ()
        __enter__ = staticmethod(lambda: None)
        __exit__ = staticmethod(lambda *a: seen.append("exit"))
    class Plain:
        def __enter__(self): return self
        def __exit__(self, *a): seen.append("plain")
    seen = []
    def main():
        with Odd(), Plain() as p:
            for a in range(2):
                with Odd():
                    pass
                for x in [1, 2]:
                    with Odd():
                        while True:
                            gate("turn")
                            seen.append(("one", a, x))
                            break
        return "one"
"""


def test_open_blocks_go_along_whatever_their_exits_are(program: Start) -> None:
    app = program(shop=BLOCKS)
    app.start("t", "shop.main()", at="turn")
    update = app.edit(shop=BLOCKS.replace('"one"', '"two"')).begin(move_after=0)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=3)
    assert app.join("t") == "two"
    turns = [["one", 0, 1], ["two", 0, 2], ["two", 1, 1], ["two", 1, 2]]
    said = [
        "exit",
        turns[0],
        "exit",
        turns[1],
        "exit",
        "exit",
        turns[2],
        "exit",
        turns[3],
        "exit",
        "plain",
        "exit",
    ]
    assert app("shop.seen") == said
