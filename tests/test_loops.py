"""Running frames move to the new version of their procedure, between two iterations of a loop."""

from __future__ import annotations

from collections.abc import Callable

from programs import Program

Start = Callable[..., Program]

MAIN = """
    seen = []
    def step(total): return total + 1
    def main():
        total = 0
        while total < 6:
            gate("turn")
            total = step(total)
            seen.append(["one", total])
        return "one", total
"""


def test_a_loop_that_runs_goes_on_in_the_new_version(program: Start) -> None:
    app = program(shop=MAIN)
    app.start("t", "shop.main()", at="turn")
    update = app.edit(shop=MAIN.replace("one", "two").replace("< 6", "< 4")).begin()
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    for _ in range(3):
        app.open("turn")
    assert app.join("t") == ["two", 4]
    # The iteration in progress ended in the old version.
    assert app("shop.seen") == [["one", 1], ["two", 2], ["two", 3], ["two", 4]]
