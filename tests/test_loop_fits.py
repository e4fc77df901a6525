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
