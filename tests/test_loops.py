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
    update = app.edit(shop=MAIN.replace("one", "two").replace("< 6", "< 4")).begin(move_after=0)
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "complete")
    for _ in range(3):
        app.open("turn")
    assert app.join("t") == ["two", 4]
    # The iteration in progress ended in the old version.
    assert app("shop.seen") == [["one", 1], ["two", 2], ["two", 3], ["two", 4]]


def begin_moving(app: Program, new: str, procedure: str = "shop:main", **request: object) -> str:
    """Start an update to ``new`` and wait until who is in ``procedure`` will move."""
    update = app.edit(shop=new).begin(**{"move_after": 0, **request})
    app.until_watched(update, procedure)
    return update


def test_nested_loops_keep_their_iterators_and_open_blocks(program: Start) -> None:
    text = """
        import contextlib
        seen = []
        @contextlib.contextmanager
        def block():
            seen.append("enter")
            try:
                yield
            finally:
                seen.append("exit")
        def main():
            for outer in range(2):
                with block():
                    for inner in "abc":
                        try:
                            gate("turn")
                            seen.append(("one", outer, inner))
                        finally:
                            pass
            return "one"
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    update = begin_moving(app, text.replace('"one"', '"two"'))
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=5)
    assert app.join("t") == "two"
    assert app("shop.seen") == [
        "enter",
        ["one", 0, "a"],
        ["two", 0, "b"],
        ["two", 0, "c"],
        "exit",
        "enter",
        ["two", 1, "a"],
        ["two", 1, "b"],
        ["two", 1, "c"],
        "exit",
    ]


def test_a_caller_that_never_returns_switches_with_the_interface_that_it_calls(program: Start) -> None:
    text = """
        seen = []
        def total(n): return n
        def main():
            n = 0
            while True:
                gate("turn")
                n += 1
                seen.append(total(n))
                if n == 3:
                    return seen
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    new = text.replace("total(n): return n", "total(n, rate): return n * rate")
    update = begin_moving(app, new.replace("append(total(n))", "append(total(n, 10))"))
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=2)
    assert app.join("t") == [1, 20, 30]


def test_data_is_mapped_while_the_loop_that_uses_it_is_between_two_iterations(program: Start) -> None:
    text = """
        prices = {"a": 1}
        seen = []
        def main():
            while True:
                gate("turn")
                seen.append(prices["a"])
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    new = text.replace('{"a": 1}', '{"a": {"eur": 1}}').replace('prices["a"]', 'prices["a"]["eur"] + 100')
    support = """
        import podus
        @podus.mapper("shop:prices")
        def prices(old): return {key: {"eur": value} for key, value in old.items()}
    """
    update = begin_moving(app, new, support=support)
    app.open("turn")
    app.until(update, "complete")
    app.open("turn", times=2)
    for _ in range(3):
        app.reached("turn")
    assert app("shop.seen") == [1, 101, 101]


def test_threads_wait_for_each_other_between_two_iterations(program: Start) -> None:
    text = """
        import threading
        stop = threading.Event()
        errors = []
        def left(n): return ("one", n)
        def right(n): return ("one", n)
        def worker():
            turns = 0
            while not stop.is_set():
                turns += 1
                if left(turns)[0] != right(turns)[0]:
                    errors.append(turns)
            return "one"
    """
    app = program(shop=text)
    for number in range(4):
        app.start(f"t{number}", "shop.worker()")
    for version in ("two", "one", "two"):
        app.edit(shop=text.replace('"one"', f'"{version}"'))
        app.update(policy="atomic", move_after=0)
    app.run("shop.stop.set()")
    assert [app.join(f"t{number}") for number in range(4)] == ["two"] * 4
    assert app("shop.errors") == []


def test_new_variables_get_what_the_new_version_gives_them_before_the_loop(program: Start) -> None:
    app = program(shop=MAIN)
    app.start("t", "shop.main()", at="turn")
    new = MAIN.replace("total = 0\n", "total = 0\n        turns = 0\n").replace(
        "total = step(total)", "total = step(total); turns += 1"
    )
    update = begin_moving(app, new.replace('return "one", total', 'return "two", total, turns'))
    app.open("turn", times=6)
    app.until(update, "complete")
    assert app.join("t") == ["two", 6, 5]


GROWN = MAIN.replace("total = 0\n", "total = 0\n        first = total\n").replace(
    'return "one", total', 'return "two", total, first'
)


def test_a_variable_that_podus_cant_tell_is_asked_for(program: Start) -> None:
    new = GROWN.replace("= step(total)", "= step(total) + first * 0")
    app = program(shop=MAIN)
    app.start("t", "shop.main()", at="turn")
    app.edit(shop=new)
    plan = app.plan()
    assert [p.running for p in plan.procedures] == ["waited for"]
    support = """
        import podus
        @podus.frame_mapper("shop:main")
        def main(old): return {**old, "first": 70}
    """
    update = begin_moving(app, new, support=support)
    app.open("turn", times=6)
    app.until(update, "complete")
    assert app.join("t") == ["two", 6, 70]


def test_a_frame_mapper_that_raises_takes_the_update_back(program: Start) -> None:
    new = GROWN.replace("= step(total)", "= step(total) + first * 0")
    app = program(shop=MAIN)
    app.start("t", "shop.main()", at="turn")
    support = """
        import podus
        @podus.frame_mapper("shop:main")
        def main(old): raise ZeroDivisionError("no")
    """
    update = begin_moving(app, new, support=support)
    app.open("turn")
    status = app.until(update, "backed-out")
    assert "ZeroDivisionError: no" in status["reason"]
    app.open("turn", times=5)
    assert app.join("t") == ["one", 6]


def test_closures_and_cells_stay_shared(program: Start) -> None:
    text = """
        def main():
            count = 0
            def bump():
                nonlocal count
                count += 1
            bumps = [bump]
            while count < 4:
                gate("turn")
                bumps[0]()
            return "one", count
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    update = begin_moving(app, text.replace('"one"', '"two"'))
    app.open("turn", times=4)
    app.until(update, "complete")
    assert app.join("t") == ["two", 4]


def test_many_updates_of_a_loop_leave_its_stack_as_it_is(program: Start) -> None:
    text = """
        import sys
        depths = []
        def main():
            n = 0
            while True:
                n += 1
                depth, frame = 0, sys._getframe()
                while frame is not None:
                    depth, frame = depth + 1, frame.f_back
                depths.append(depth)
                gate("turn")
                if n == 13:
                    return n, 1
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    for version in range(2, 12):
        update = begin_moving(app, text.replace("n, 1", f"n, {version}"))
        app.open("turn")
        app.until(update, "complete")
        app.reached("turn")
    app.open("turn", times=3)
    assert app.join("t") == [13, 11]
    # The frame that was left stays below the one that goes on, and no more of them.
    first, *rest = app("shop.depths")
    assert set(rest) == {first + 1}


def test_what_is_raised_after_a_move_shows_the_new_version_alone(program: Start) -> None:
    text = """
        import traceback
        def main():
            turns = 0
            while True:
                gate("turn")
                turns += 1
                if turns > 9: raise KeyError("old")
        def outer():
            try:
                main()
            except KeyError as error:
                return [[row.name, row.line] for row in traceback.extract_tb(error.__traceback__)]
    """
    app = program(shop=text)
    app.start("t", "shop.outer()", at="turn")
    update = begin_moving(app, text.replace('9: raise KeyError("old")', '1: raise KeyError("new")'))
    app.open("turn", times=2)
    app.until(update, "complete")
    assert app.join("t") == [["outer", "main()"], ["main", 'if turns > 1: raise KeyError("new")']]


def test_backing_out_in_the_middle_takes_the_loop_back(program: Start) -> None:
    text = MAIN + (
        """
    def parked():
        gate("parked")
        return "one"
"""
    )
    app = program(shop=text)
    app.start("p", "shop.parked()", at="parked")
    app.start("t", "shop.main()", at="turn")
    update = begin_moving(app, text.replace('"one"', '"two"'))
    app.open("turn")
    app.until_switched(update, "shop:main")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    app.back_out(update)
    app.until(update, "backing-out")
    app.until_watched(update, "shop:main")
    app.open("turn")
    app.until(update, "backed-out")
    app.open("turn", times=5)
    assert app.join("t") == ["one", 6]
    assert [version for version, _ in app("shop.seen")][:2] == ["one", "two"]
    app.open("parked")
    assert app.join("p") == "one"


def test_a_generator_in_a_loop_goes_on_in_the_new_version(program: Start) -> None:
    text = """
        def numbers():
            n = 0
            while True:
                yield "one", n
                n += 1
        held = numbers()
        first = next(held)
    """
    app = program(shop=text)
    app.edit(shop=text.replace('"one"', '"two"')).update()
    assert app("[next(shop.numbers())[0], shop.first]") == ["two", ["one", 0]]
    assert app("[next(shop.held) for _ in range(2)]") == [["two", 1], ["two", 2]]


def test_one_with_many_variables_moves_again_and_again(program: Start) -> None:
    names = [f"v{n}" for n in range(40)]
    text = f"""
        def main():
            {" = ".join(names)} = "one"
            turns = 0
            while turns < 9:
                turns += 1
                gate("turn")
                v0 = "one"
            return v0, len([{", ".join(names)}]), turns
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    for version in ("two", "three", "four"):
        update = app.edit(shop=text.replace('v0 = "one"', f'v0 = "{version}"')).begin(move_after=0)
        app.until_watched(update, "shop:main")
        app.open("turn")
        app.reached("turn")
        app.until(update, "complete")
    app.open("turn", times=9)
    assert app.join("t") == ["four", 40, 9]


def test_a_suspended_one_moves_with_every_update_and_leaves_nothing_behind(program: Start) -> None:
    text = """
        import gc, types
        def numbers():
            n = 0
            while True:
                n += 1
                yield "one", n
        held = [numbers() for _ in range(3)]
        def turn(): return [next(one) for one in held]
        turn()
        def alive():
            gc.collect()
            found = {id(c): c for g in gc.get_objects() if type(g) is types.GeneratorType for c in [g.gi_code] if c.co_name == "numbers"}
            return list(found.values())
    """
    app = program(shop=text)
    counts = []
    for number in range(2, 8):
        app.edit(shop=text.replace('"one", n', f'"{number}", n')).update()
        app("shop.turn()")
        assert app("shop.turn()") == [[str(number), 2 * number - 1]] * 3
        counts.append(app("len(shop.alive())"))
    assert counts[-1] == counts[1]


def test_a_loop_behind_a_call_with_very_many_operands_is_left(program: Start) -> None:
    text = f"""
        def count(*those): return len(those)
        def main():
            n = count({", ".join(f"str({n})" for n in range(25))})
            while True:
                gate("turn")
                n += 1
    """
    app = program(shop=text)
    app.start("t", "shop.main()", at="turn")
    plan = app.edit(shop=text.replace("n += 1", "n += 2")).plan()
    assert [p.running for p in plan.procedures] == ["left"]
    assert "so many operands" in plan.procedures[0].notes[0]


def test_without_stubs_a_loop_is_left_as_it_is(program: Start) -> None:
    app = program("--no-stubs", shop=MAIN)
    app.start("t", "shop.main()", at="turn")
    assert app("shop.main.__code__.co_names[-1]") != "__podus_moving__"
    plan = app.edit(shop=MAIN.replace("one", "two")).plan()
    assert [p.running for p in plan.procedures] == ["waited for"]
    app.open("turn", times=6)
    assert app.join("t") == ["one", 6]


def test_the_main_script_moves_as_well(program: Start) -> None:
    app = program(shop="x = 1")
    assert app("sys.modules['__main__'].start.__code__.co_names[-1]") != "__podus_moving__"
    assert app("sys.modules['__main__'].serve.__code__.co_names[-1]") == "__podus_moving__"


def test_what_sleeps_through_two_updates_wakes_in_the_last_one(program: Start) -> None:
    text = """
        def numbers():
            n = 0
            while True:
                n += 1
                yield "one", n
        held = numbers()
        first = next(held)
    """
    app = program(shop=text)
    for version in ("two", "three"):
        app.edit(shop=text.replace('"one"', f'"{version}"')).update()
    assert app("[next(shop.held) for _ in range(2)]") == [["three", 2], ["three", 3]]


def test_threads_that_end_while_a_loop_is_watched(program: Start) -> None:
    """On Python 3.11 podus goes along the interpreter's records of the threads, which are freed when they end."""
    text = """
        import threading, time
        seen = []
        def tick(): pass
        def loop():
            while not ended:
                tick(); seen.append(0)
                time.sleep(0.01)
        ended = []
        def request(): time.sleep(0.0005)
        def serve():
            while not ended:
                threading.Thread(target=request).start()
                time.sleep(0.001)
        def start():
            for body in (loop, serve, serve): threading.Thread(target=body).start()
    """
    app = program(shop=text)
    app.run("shop.start()")
    for number in range(1, 4):
        app.edit(shop=text.replace("append(0)", f"append({number})")).update()
    app.run(f"import time\nwhile {number} not in shop.seen: time.sleep(0.001)\nshop.ended.append(1)")


def test_a_loop_that_has_moved_back_moves_once_more(program: Start) -> None:
    text = """
        import time
        seen, stop = [], []
        def block():
            gate("block")
            return "v"
        def loop():
            while True:
                seen.append("v")
                time.sleep(0.002)
                if stop: return
    """
    app = program(shop=text)
    app.start("b", "shop.block()", at="block")
    app.start("t", "shop.loop()")
    update = app.edit(shop=text.replace('"v"', '"w"')).begin()
    app.run("while 'w' not in shop.seen: pass")
    app.back_out(update)
    app.open("block")
    app.join("b")
    app.until(update, "backed-out")
    (loop,) = (p for p in app.plan().procedures if p.name == "shop:loop")
    assert loop.running == "waited for"
    app.update(move_after=0)
    app.run("shop.seen.clear()\nwhile len(shop.seen) < 3: pass\nshop.stop.append(1)")
    app.join("t")
    assert app("set(shop.seen) == {'w'}")
