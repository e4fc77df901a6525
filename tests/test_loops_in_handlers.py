"""A running frame moves also in an ``except`` block: the exception that it handles goes on to be handled."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program
from tests.test_loops import begin_moving

Start = Callable[..., Program]

RETRY = """
    import sys
    out = []
    def now(): return type(sys.exc_info()[1]).__name__
    def main(rows):
        try:
            raise LookupError("outer")
        except LookupError:
            for row in rows:
                try:
                    [][row]
                except IndexError as error:
                    tries = 0
                    while True:
                        gate("turn")
                        tries += 1
                        out.append(["one", row, tries, now(), repr(error)])
                        if tries % 4 == 0:
                            break
                    out.append(["one", "error" in locals(), now()])
                out.append(["one", "error" in locals(), now()])
            out.append(["one", now()])
            try:
                raise ValueError("after")
            except ValueError as last:
                out.append([repr(last.__context__), now()])
            if rows == [7]:
                raise
        return "one", now()
"""
ERROR = "IndexError('list index out of range')"


def test_it_goes_on_there_and_back(program: Start) -> None:
    app = program(shop=RETRY)
    app.start("t", "shop.main([1, 2])", at="turn")
    update = begin_moving(app, RETRY.replace('"one"', '"two"'))
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    # What has moved moves again.
    update = begin_moving(
        app, RETRY.replace('"one"', '"three"').replace("except IndexError", "except (IndexError, OSError)")
    )
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    update = app.begin(back_out=True, move_after=0)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    app.reached("turn")
    app.open("turn", times=5)
    assert app.join("t") == ["two", "NoneType"]
    turns = [["one", 1, 1], ["two", 1, 2], ["three", 1, 3], ["two", 1, 4]]
    left = [["two", True, "IndexError"], ["two", False, "LookupError"]]
    more = [[*turn, "IndexError", ERROR] for turn in (["two", 2, n] for n in (1, 2, 3, 4))]
    end = [["two", "LookupError"], ["LookupError('outer')", "ValueError"]]
    assert app("shop.out") == [*([*t, "IndexError", ERROR] for t in turns), *left, *more, *left, *end]
    assert app("sys.exc_info()[1]") is None


def test_what_is_raised_again_is_what_was_handled(program: Start) -> None:
    app = program(shop=RETRY)
    app.start("t", "shop.main([7])", at="turn")
    update = begin_moving(app, RETRY.replace('"one"', '"two"'))
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=3)
    app.reached("turn")
    try:
        app.join("t")
    except Exception as raised:
        assert raised.args[:2] == ("LookupError", "outer")
    else:
        raise AssertionError("nothing was raised")


KINDS = """
    import contextlib
    out = []
    def again():
        try:
            raise OSError("down")
        except OSError as error:
            with contextlib.suppress(KeyError):
                for n in range(4):
                    gate("again")
                    out.append(["one", n, str(error)])
        return "one"
    def every():
        try:
            raise ExceptionGroup("all", [ValueError(1)])
        except* ValueError as group:
            for n in range(3):
                gate("every")
                out.append(["one", n, len(group.exceptions)])
        return "one"
    def numbers():
        try:
            raise KeyError("k")
        except KeyError as error:
            while True:
                yield "one", str(error)
    def at_last():
        try:
            return "one"
        finally:
            for n in range(3):
                gate("at_last")
    held = numbers()
    first = next(held)
"""


def test_what_cant_be_carried_is_left(program: Start) -> None:
    app = program(shop=KINDS)
    for name in ("again", "every", "at_last"):
        app.start(name, f"shop.{name}()", at=name)
    app.edit(shop=KINDS.replace('"one"', '"two"'))
    plan = app.plan()
    assert {loop.procedure for loop in plan.loops} == {"shop:again"}
    # The plan says why nothing but their end helps.
    why = {p.name: p.notes[-1] for p in plan.procedures if p.name in ("shop:every", "shop:at_last")}
    assert why["shop:every"].endswith(
        "can't be left: it stands in an except* block, whose exceptions can't be carried"
    )
    assert "can't be left: it stands in a finally block" in why["shop:at_last"]
    update = app.begin(move_after=0)
    app.until_watched(update, "shop:again")
    for name in ("again", "every", "at_last"):
        app.open(name, times=4)
    app.until(update, "complete")
    assert [app.join(name) for name in ("again", "every", "at_last")] == ["two", "one", "one"]
    assert app("[*map(list, [next(shop.held), next(shop.held)])]") == [["one", "'k'"]] * 2
    assert app("[row[:2] for row in shop.out if row[2] == 'down']") == [
        ["one", 0],
        *(["two", n] for n in (1, 2, 3)),
    ]
