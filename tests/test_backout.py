"""Backing out: in the middle, at a timeout, and after completion."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]
TWO = "def f():\n    gate('in')\n    return 1\ndef g(): return 1\nX = 1\n"


def test_in_the_middle_what_has_switched_goes_back(program: Start) -> None:
    app = program(shop=TWO)
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f():\n    return 2\ndef g(): return 2\nX = 2\nNEW = 1\n").begin()
    app.until_switched(update, "shop:g")
    assert app("[shop.g(), shop.X]") == [2, 2]
    app.back_out(update)
    app.until(update, "backed-out")
    assert app("[shop.g(), shop.X, hasattr(shop, 'NEW')]") == [1, 1, False]
    app.open("in")
    assert app.join("t") == 1
    app.open("in")
    assert app("shop.f()") == 1


def test_in_the_middle_a_new_version_that_is_active_is_waited_for(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1\n")
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f():\n    return 2\ndef g():\n    gate('new')\n    return 2\n").begin()
    app.until_switched(update, "shop:g")
    app.start("u", "shop.g()", at="new")
    app.back_out(update)
    assert app.until(update, "backing-out")["switched"] == ["shop:g"]
    app.open("new")
    assert app.join("u") == 2
    app.until(update, "backed-out")
    assert app("shop.g()") == 1


def test_a_timeout_backs_out_or_waits_as_one_likes(program: Start) -> None:
    app = program(shop=TWO)
    app.start("t", "shop.f()", at="in")
    app.edit(shop="def f():\n    return 2\ndef g(): return 2\nX = 2\n")
    done = app.podus("update", "app", "--timeout", "0.3", check=1)
    assert "shop:f" in done.stdout + done.stderr
    assert app("[shop.g(), shop.X]") == [1, 1]
    app.podus("update", "app", "--timeout", "0.3", "--on-timeout", "wait", check=3)
    assert app("shop.g()") == 2
    app.open("in")
    assert app.join("t") == 1
    app.until(app.status()["id"], "complete")


def test_after_completion_by_a_whole_update_back(program: Start) -> None:
    app = program(shop=TWO)
    app.edit(shop="def f():\n    return 2\ndef g(): return 2\nX = 2\nNEW = 1\n").update()
    app.podus("back-out", "app")
    assert app("[shop.g(), shop.X, hasattr(shop, 'NEW')]") == [1, 1, False]
    app.update()
    assert app("[shop.g(), shop.X, shop.NEW]") == [2, 2, 1]


def test_mapped_data_goes_back_through_the_reverse(program: Start) -> None:
    app = program(shop="levels = []\ndef add(k, v): levels.append((k, v))\n")
    app.run("shop.add('a', 1)")
    app.edit(shop="levels = {}\ndef add(k, v): levels[k] = v\n")
    support = """
        import podus
        def back(new): return sorted(new.items())
        @podus.mapper('shop:levels', reverse=back)
        def levels(old): return dict(old)
    """
    app.update(support=support)
    app.run("shop.add('b', 2)")
    app.podus("back-out", "app")
    app.run("shop.add('c', 3)")
    assert app("shop.levels") == [["a", 1], ["b", 2], ["c", 3]]


def test_without_a_way_back_for_mapped_data_it_is_refused(program: Start) -> None:
    app = program(shop="levels = []\ndef add(k, v): levels.append((k, v))\n")
    app.edit(shop="levels = {}\ndef add(k, v): levels[k] = v\n")
    app.update(support="import podus\n@podus.mapper('shop:levels')\ndef levels(old): return dict(old)\n")
    done = app.podus("back-out", "app", check=1)
    assert "shop:levels" in done.stderr and "reverse" in done.stderr
    assert app("shop.levels") == {}


def test_to_a_version_that_was_loaded_beside(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f(): return 2\n")
    app.podus("load", "app", "--as", "two")
    app.edit(shop="def f(): return 3\n")
    assert app("shop.f()") == 1
    app.podus("update", "app", "--to", "two")
    assert app("shop.f()") == 2
    app.podus("update", "app")
    assert app("shop.f()") == 3
    app.podus("back-out", "app", "--to", "1")
    assert app("shop.f()") == 1


def test_from_a_git_revision(program: Start) -> None:
    import subprocess

    app = program(shop="def f(): return 1\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(app.root)]
    subprocess.run([*git, "init", "-q"], check=True)
    app.edit(shop="def f(): return 2\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "two"], check=True)
    app.edit(shop="def f(): return 3\n")
    app.podus("update", "app", "--git", "HEAD")
    assert app("shop.f()") == 2
    done = app.podus("update", "app", "--git", "nonsense", check=1)
    assert "nonsense" in done.stderr


def test_in_the_middle_a_suspended_new_version_is_waited_for(program: Start) -> None:
    app = program(shop="def parked():\n    gate('in')\ndef f():\n    yield 1\n    yield 1\n")
    app.start("t", "shop.parked()", at="in")
    update = app.edit(shop="def parked():\n    return 2\ndef f():\n    yield 2\n    yield 2\n").begin()
    app.until_switched(update, "shop:f")
    app.run("held = shop.f(); next(held)")
    app.back_out(update)
    assert app.until(update, "backing-out")["switched"] == ["shop:f"]
    assert app("list(held)") == [2]
    app.until(update, "backed-out")
    assert app("list(shop.f())") == [1, 1]
    app.open("in")


def test_after_an_update_from_elsewhere_the_files_on_disk_are_still_the_programs_own(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    for number in (2, 3):
        new = app.root.parent / f"v{number}"
        app.write({"shop": f"def f(): return {number}\n", "late": f"X = {number}\n"}, new)
        app.update(from_=new)
        assert app("shop.f()") == number
    assert app("importlib.import_module('late').X") == 3
    app.edit(shop="def f(): return 4\n", late="X = 4\n").update()
    assert app("[shop.f(), sys.modules['late'].X]") == [4, 4]
    app.podus("back-out", "app", "--to", "2")
    assert app("shop.f()") == 2


def test_what_the_program_did_to_its_data_meanwhile_stays(program: Start) -> None:
    old = "SESSIONS, order = {}, ['a']\ndef f():\n    gate('in')\n    return 1\ndef g(): return 1\n"
    app = program(shop=old)
    app.start("t", "shop.f()", at="in")
    new = old.replace("return 1", "return 2") + "order.append('b')\ndef note(n): SESSIONS[n] = n\nnote('n')\n"
    update = app.edit(shop=new).begin()
    app.until_switched(update, "shop:g")
    app.run("shop.SESSIONS['x'] = 1\nshop.order.append('c')")
    assert app("[shop.SESSIONS, shop.order]") == [{"n": "n", "x": 1}, ["a", "b", "c"]]
    app.back_out(update)
    app.open("in")
    app.until(update, "backed-out")
    assert app("[shop.SESSIONS, shop.order]") == [{"x": 1}, ["a", "c"]]


def test_registries_of_other_modules_are_as_before(program: Start) -> None:
    registry = "table, callbacks = {}, []\ndef command(f):\n    table[f.__name__] = f\n    return f\n"
    shop = "from registry import command\n@command\ndef first(n=1): return n\n"
    app = program(registry=registry, shop=shop)
    app.run("first = shop.first")
    new = shop.replace("n=1", "n=2") + "@command\ndef second(): return 2\n"
    app.edit(shop=new + "1 / 0\n")
    app.until(app.begin(), "failed")
    assert app("[*registry.table], registry.table['first'] is first and first() == 1") == [["first"], True]
    app.edit(shop=new).update()
    assert app("[*registry.table], registry.table['first'] is first and first() == 2") == [
        ["first", "second"],
        True,
    ]
    app.run("registry.callbacks.append(first)")
    app.podus("back-out", "app")
    assert app("[*registry.table], registry.table['first'] is first and first() == 1") == [["first"], True]
    assert app("registry.callbacks == [first]") is True


def test_what_statements_put_into_data_is_taken_back(program: Start) -> None:
    old = "CFG = {}\nCFG['a'] = 1\nNAMES = ['x']\nSEEN = {1}\n"
    app = program(m=old)
    app.run("m.CFG['own'] = 5\nCFG = m.CFG")
    new = old.replace("= 1\n", "= 10\n") + "CFG['b'] = 2\nNAMES.append('y')\nSEEN.add(2)\nSEEN.discard(1)\n"
    app.edit(m=new).update()
    assert app("[m.CFG, m.NAMES, list(m.SEEN)]") == [{"a": 10, "own": 5, "b": 2}, ["x", "y"], [2]]
    app.run("m.CFG['late'] = 6\nm.NAMES.append('z')")
    app.podus("back-out", "app")
    assert app("[m.CFG, m.NAMES, list(m.SEEN), CFG is m.CFG]") == [
        {"a": 1, "own": 5, "late": 6},
        ["x", "z"],
        [1],
        True,
    ]


def test_what_the_program_has_gone_on_with_stays(program: Start) -> None:
    app = program(m="CFG = {'a': 1}\n")
    app.edit(m="CFG = {'a': 1}\nCFG['a'] = 10\nCFG['b'] = 20\n").update()
    app.run("m.CFG['a'] += 1")
    app.podus("back-out", "app")
    assert app("m.CFG") == {"a": 11}


def test_what_is_registered_in_an_object_is_taken_out(program: Start) -> None:
    old = (
        "class App:\n    def __init__(self): self.routes = {}\n    def route(self, path):\n"
        "        def note(f):\n            self.routes[path] = f\n            return f\n        return note\n"
        "app = App()\n@app.route('/a')\ndef a(): return 'a'\n"
    )
    app = program(m=old)
    app.edit(m=old + "@app.route('/b')\ndef b(): return 'b'\n").update()
    assert app("sorted(m.app.routes)") == ["/a", "/b"]
    app.podus("back-out", "app")
    assert app("[sorted(m.app.routes), m.app.routes['/a']()]") == [["/a"], "a"]


def test_a_table_by_enum_members_is_as_it_was(program: Start) -> None:
    old = "from enum import Enum\nclass Op(Enum):\n    ADD = '+'\n    SUB = '-'\nT = {Op.ADD: lambda a, b: a + b, Op.SUB: lambda a, b: a - b}\n"
    app = program(m=old)
    app.run("T = m.T")
    new = old.replace("    SUB = '-'\n", "    SUB = '-'\n    MUL = '*'\n").replace(
        "}", ", Op.MUL: lambda a, b: a * b}"
    )
    for _ in range(2):
        app.edit(m=new).update()
        assert app("[[k.name, m.T[k](3, 4)] for k in m.T]") == [["ADD", 7], ["SUB", -1], ["MUL", 12]]
        app.podus("back-out", "app")
        assert app("[m.T[k](3, 4) for k in m.Op]") == [7, -1]
        assert app("[len(T), len(m.T)]") == [2, 2]


def test_a_module_that_was_taken_back_comes_anew_with_the_next_update(program: Start) -> None:
    new = "import part\ndef f(): return part.g()\n"
    app = program(m="def f(): return 1\n")
    app.edit(m=new, part="def g(): return 2\n").update()
    app.podus("back-out", "app")
    assert app("[m.f(), 'part' in sys.modules]") == [1, False]
    app.edit(part="def g(): return 3\n").update()
    assert app("m.f()") == 3
    app.edit(part="def g(): return 4\n").update()
    assert app("m.f()") == 4
    app.podus("back-out", "app", "--to", "1")
    assert app("[m.f(), 'part' in sys.modules]") == [1, False]


def test_a_module_that_comes_back_is_updated_as_before(program: Start) -> None:
    app = program(part="seen = []\ndef g(): return 1\n", m="import part\ndef f(): return part.g()\n")
    app.run("part.seen.append(1)\npart = sys.modules['part']")
    app.edit(m="def f(): return 2\n")
    (app.root / "part.py").unlink()
    app.update()
    assert app("[m.f(), 'part' in sys.modules]") == [2, False]
    for _ in range(2):
        app.podus("back-out", "app")
        assert app("[m.f(), sys.modules['part'] is part is m.part, part.seen]") == [1, True, [1]]
        # The files still hold the version that was backed out.
        app.update()
        assert app("[m.f(), 'part' in sys.modules]") == [2, False]
    app.podus("back-out", "app")
    app.edit(m="import part\ndef f(): return part.g()\n", part="seen = []\ndef g(): return 5\n").update()
    assert app("[m.f(), part.g(), part.seen]") == [5, 5, [1]]


def test_hooks_for_new_fields_go_though_a_method_says_their_names(program: Start) -> None:
    old = "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n"
    new = (
        old
        + "    tags: list = field(default_factory=list)\n    NO = 0\n    def n(self): return len(self.tags) + self.NO\n"
    )
    app = program(shop=TWO, m=old)
    app.start("t", "shop.f()", at="in")
    # (What Python keeps of annotations that were asked for is its own, from 3.14 on.)
    app.run("p = m.P(1)\nnames = lambda: vars(m.P).keys() - {'__annotations_cache__'}\nbefore = names()")
    update = app.edit(shop=TWO.replace("return 1", "return 2"), m=new).begin()
    app.until_switched(update, "shop:g")
    assert app("p.n()") == 0
    app.back_out(update)
    status = app.until(update, "backed-out")
    assert app("names() == before and vars(p) == {'x': 1}") is True, status["notes"]
    app.open("in")
    app.join("t")
    app.update()
    assert app("p.n()") == 0


def test_a_method_that_has_called_super_meanwhile_is_the_very_same_again(program: Start) -> None:
    old = "class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return 2\n    p = property(f)\n"
    app = program(m=old)
    app.run("F, b = vars(m.B)['f'], m.B()\nheld, code = b.f, F.__code__.co_code")
    for _ in range(2):
        app.edit(m=old.replace("return 2", "return super().f() + 5")).update()
        app.run("late = b.f")
        assert app("[b.f(), held(), late(), b.p]") == [6, 6, 6, 6]
        app.podus("back-out", "app")
        assert app("[b.f(), held(), late(), b.p]") == [2, 2, 2, 2]
        assert app("[vars(m.B)['f'] is F, F.__code__.co_code == code]") == [True, True]


def test_what_is_put_into_other_modules_data_is_taken_back(program: Start) -> None:
    settings = "LIMITS = {'a': 1}\nNAMES = ['x']\nfrom_elsewhere = {}\n"
    app = program(settings=settings, m="import settings\n")
    new = "import settings, part\nsettings.LIMITS['b'] = 2\nclass C:\n    settings.NAMES.append('y')\n"
    part = "from settings import LIMITS\nLIMITS['c'] = 3\n"
    state = "[settings.LIMITS, settings.NAMES]"
    app.edit(m=new + "1 / 0\n", part=part)
    app.until(app.begin(), "failed")
    assert app(state) == [{"a": 1}, ["x"]]
    app.edit(m=new).update()
    assert app(state) == [{"a": 1, "b": 2, "c": 3}, ["x", "y"]]
    app.run("settings.LIMITS['late'] = 4")
    app.podus("back-out", "app")
    assert app(state) == [{"a": 1, "late": 4}, ["x"]]


def test_a_module_that_changed_before_it_was_deleted_comes_back_step_by_step(program: Start) -> None:
    app = program(part="seen = []\ndef g(): return 1\n", m="import part\ndef f(): return part.g()\n")
    app.run("part.seen.append(1)")
    app.edit(part="seen = []\ndef g(): return 2\n").update()
    app.edit(m="def f(): return 3\n")
    (app.root / "part.py").unlink()
    app.update()
    done = app.podus("back-out", "app", "--to", "1", check=1)
    assert "part has changed and was deleted since version 1 (go back one version at a time" in done.stderr
    assert app("m.f()") == 3
    app.podus("back-out", "app")
    assert app("m.f()") == 2
    app.podus("back-out", "app")
    assert app("[m.f(), m.part.seen]") == [1, [1]]


SETS = """
    import types
    import base
    from base import settings, work
    def first(): return 1
    settings.level = {level}
    work.mark = {level}
    base.Thing.size = {level}
    box = types.SimpleNamespace()
    box.size = {level}
"""


def test_attributes_that_statements_set_are_taken_back(program: Start) -> None:
    base = "import types\nsettings = types.SimpleNamespace(other=0)\ndef work(): pass\nclass Thing: pass\n"
    app = program(base=base, shop=SETS.format(level=1))
    held = "[vars(shop.settings), vars(shop.work), vars(shop.box), base.Thing.size]"
    before = app(held)
    app.edit(shop=SETS.format(level=2)).update()
    assert app(held) == [{"other": 0, "level": 2}, {"mark": 2}, {"size": 2}, 2]
    app.podus("back-out", "app")
    assert app(held) == before
    app.update()
    app.run("shop.settings.level = 7")
    app.podus("back-out", "app")
    assert app("[shop.settings.level, shop.work.mark]") == [7, 1]


def test_attributes_that_statements_set_are_taken_back_where_they_fail(program: Start) -> None:
    base = "import types\nsettings = types.SimpleNamespace(other=0)\ndef work(): pass\nclass Thing: pass\n"
    app = program(base=base, shop=SETS.format(level=1))
    held = "[vars(shop.settings), vars(shop.work), vars(shop.box), base.Thing.size]"
    before = app(held)
    app.edit(shop=SETS.format(level=2) + "    1 / 0\n")
    status = app.until(app.begin(), "failed")
    assert "division" in status["reason"]
    assert app(held) == before


def test_what_is_put_behind_the_same_is_taken_from_the_end(program: Start) -> None:
    app = program(base="L = [12, 11]\n", m="from base import L\nX = 1\n")
    app.edit(m="from base import L\nX = 1\nL.extend([22, 12])\n").update()
    assert app("base.L") == [12, 11, 22, 12]
    app.run("base.L.append(5)")
    app.podus("back-out", "app")
    assert app("base.L") == [12, 11, 5]


def test_the_way_back_in_the_middle_does_not_wait_for_what_is_suspended(program: Start) -> None:
    """As the way forward does not: an endless generator goes back when its loop comes round, one that ends does so in the version in which it began."""
    text = """
        def ticks():
            n = 0
            while True:
                n += 1
                yield "one", n
        def some():
            yield "one"
            yield "one"
        def blocked():
            gate("in")
    """
    app = program(m=text)
    app.run("ticks = m.ticks(); next(ticks)")
    app.start("t", "m.blocked()", at="in")
    update = app.edit(m=text.replace('"one"', '"two"').replace('"in"', '"inside"')).begin(move_after=0)
    app.until_switched(update, "m:ticks", "m:some")
    app.run("some = m.some()")
    assert app("[next(some), next(ticks)]") == ["two", ["two", 2]]
    app.back_out(update)
    app.until(update, "backed-out")
    assert app("[next(some), next(ticks), next(m.some())]") == ["two", ["one", 3], "one"]
    app.open("in")
    app.join("t")


def test_a_loop_beside_an_inner_function_goes_back_in_the_middle(program: Start) -> None:
    """They go back together; which of them is active is told by the code of each."""
    text = """
        seen = []
        def worker():
            n = 0
            def bump():
                nonlocal n
                n += 1
                return n
            while True:
                gate("turn")
                seen.append(["one", bump()])
                if len(seen) > 3: break
        def blocked():
            gate("in")
    """
    app = program(m=text)
    app.start("t", "m.worker()", at="turn")
    app.start("b", "m.blocked()", at="in")
    new = text.replace('"one"', '"two"').replace("n += 1", "n += 2").replace('"in"', '"inside"')
    update = app.edit(m=new).begin(move_after=0)
    app.until_watched(update, "m:worker")
    app.open("turn")
    app.until_switched(update, "m:worker")
    app.reached("turn")
    app.open("turn")
    app.reached("turn")
    app.back_out(update)
    app.until(update, "backing-out")
    app.until_watched(update, "m:worker")
    app.open("turn")
    app.until(update, "backed-out")
    app.reached("turn")
    app.open("turn")
    app.join("t")
    assert app("m.seen") == [["one", 1], ["two", 3], ["two", 5], ["one", 6]]
    app.open("in")
    app.join("b")


def test_nobody_in_the_new_version_calls_an_old_interface_on_the_way_back(program: Start) -> None:
    """A suspended coroutine is waited for: there is no interprocedure for that way."""
    text = """
        import asyncio
        calls, tasks, loops = [], [], []
        async def worker():
            while True:
                await turn()
                await step()
        async def turn(): await asyncio.get_running_loop().run_in_executor(None, gate, "turn")
        async def step(): calls.append("old")
        async def silent(): await asyncio.Event().wait()
        async def visit(f): return await f()
        async def main():
            loops.append(asyncio.get_running_loop())
            tasks.append(asyncio.create_task(worker()))
            tasks.append(asyncio.create_task(visit(silent)))
            await asyncio.wait(tasks, return_when="FIRST_COMPLETED")
            tasks[1].cancel()
    """
    support = (
        "import podus\n@podus.interprocedure('m:step')\nasync def step(new): return await new('between')\n"
    )
    app = program(m=text)
    app.start("loop", "m.asyncio.run(m.main())", at="turn")
    new = text.replace("await step()", "await step('new')").replace("def step()", "def step(x)")
    new = new.replace('append("old")', "append(x)").replace("return await f()", "return 1, await f()")
    update = app.edit(m=new).begin(support=support)
    app.until_switched(update, "m:worker", "m:step", "m:visit")
    for _ in range(2):
        app.open("turn")
        app.reached("turn")
    assert app("m.calls")[-1] == "new"
    app.back_out(update)
    app.until(update, "backing-out")
    app.open("turn")
    app.reached("turn")
    assert app("[m.calls[-1], m.tasks[0].done()]") == ["new", False]
    app.run("m.loops[0].call_soon_threadsafe(m.tasks[0].cancel)")
    app.open("turn")
    app.until(update, "backed-out")
    app.join("loop")
    app.run("m.asyncio.run(m.step())")
    assert app("m.calls[-1]") == "old"


def test_a_version_that_was_backed_out_can_be_updated_to_again(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f(): return 2\n")
    app.podus("load", "app", "--as", "two")
    app.podus("update", "app", "--to", "two")
    app.podus("back-out", "app")
    app.edit(shop="def f(): return 3\n")
    app.podus("update", "app", "--to", "two")
    assert app("shop.f()") == 2
    app.podus("back-out", "app")
    # Of many that were backed out the last ones are kept, and no label is given twice.
    for n in range(4, 8):
        app.edit(shop=f"def f(): return {n}\n")
        app.podus("update", "app")
        app.podus("back-out", "app")
    rows = json.loads(app.podus("versions", "app", "--json").stdout)
    assert [row["label"] for row in rows] == ["4", "5", "1"]
    app.podus("update", "app", "--to", "4")
    assert app("shop.f()") == 6


def test_an_update_that_brings_what_was_held_is_not_backed_out_by_itself(program: Start) -> None:
    app = program(shop="def f(): return 1\ndef g(): return 1\n")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n").update(hold=["shop:g"])
    app.update()
    assert app("[shop.f(), shop.g()]") == [2, 2]
    done = app.podus("back-out", "app", check=1)
    assert "brought what had been held back (shop:g)" in done.stderr and "--to 1" in done.stderr
    app.podus("back-out", "app", "--to", "1")
    assert app("[shop.f(), shop.g()]") == [1, 1]


def test_data_of_a_form_that_the_version_before_does_not_know_is_not_left_to_it(program: Start) -> None:
    old = "levels = []\ndef add(k): levels.append(k)\n"
    app = program(shop=old)
    app.edit(shop="levels = {}\ndef add(k): levels[k] = 1\n").update()
    app.run("shop.add('a')")
    done = app.podus("back-out", "app", check=1)
    assert "shop:levels is a dict, and in the version to go back to a list" in done.stderr
    assert app("[shop.add('b'), shop.levels]") == [None, {"a": 1, "b": 1}]
    support = app.home / "back.py"
    support.write_text(
        "import podus\n@podus.mapper('shop:levels', reverse=lambda new: sorted(new))\ndef levels(old): return dict(old)\n"
    )
    app.podus("back-out", "app", "--support", str(support))
    assert app("[shop.add('c'), shop.levels]") == [None, ["a", "b", "c"]]
    # What was kept in its form on the way there is as it was.
    app.edit(shop="levels = {}\ndef add(k): levels.append((k, 2))\n").update()
    app.run("shop.add('d')")
    app.podus("back-out", "app")
    assert app("shop.levels") == ["a", "b", "c", ["d", 2]]


def test_support_code_for_the_way_back_that_the_update_did_not_have(program: Start) -> None:
    app = program(shop="levels = []\nother = 1\ndef add(k, v): levels.append((k, v))\n")
    app.edit(shop="levels = {}\nother = 1\ndef add(k, v): levels[k] = v\n")
    mapper = "@podus.mapper('shop:levels'{back})\ndef levels(old): return dict(old)\n"
    app.update(support="import podus\n" + mapper.format(back=""))
    app.run("shop.add('a', 1)")
    support = app.home / "back.py"
    support.write_text("import podus\n@podus.mapper('shop:other', reverse=abs)\ndef other(old): return old\n")
    done = app.podus("back-out", "app", "--support", str(support), check=1)
    assert f"shop:levels was converted by a mapper, and {support} has none for it" in done.stderr
    support.write_text("import podus\n" + mapper.format(back=", reverse=lambda new: sorted(new.items())"))
    app.podus("back-out", "app", "--support", str(support))
    assert app("[shop.add('b', 2), shop.levels]") == [None, [["a", 1], ["b", 2]]]


def test_data_that_the_program_had_made_something_else_of_before_is_left_to_it(program: Start) -> None:
    app = program(shop="rate = 0.5\ndef f(): return rate\n")
    app.run("shop.rate = 'none'")
    app.edit(shop="rate = (1, 2)\ndef f(): return rate\nx = 1\n").update()
    app.podus("back-out", "app")
    assert app("[shop.f(), hasattr(shop, 'x')]") == ["none", False]


def test_everybody_goes_on_with_data_that_is_kept(program: Start) -> None:
    app = program(shop="A = [1]\ndef f(a=A): return a\nclass C: a = A\n", other="from shop import A\n")
    app.edit(shop="A = [1, 2]\ndef f(a=A): return a\nclass C: a = A\n").update()
    app.run("shop.A.append(3)")
    app.podus("back-out", "app")
    assert app("[shop.A, other.A is shop.A, shop.f() is shop.A, shop.C.a is shop.A]") == [
        [1, 2, 3],
        True,
        True,
        True,
    ]


def test_what_was_made_again_on_request_gives_way_to_what_it_was(program: Start) -> None:
    old = "class Server:\n    def __init__(self, n): self.n = n\nsrv = Server(1)\n"
    app = program(shop=old)
    app.run("held = shop.srv")
    app.edit(shop=old.replace("Server(1)", "Server(2)")).update(reset=["shop:srv"])
    assert app("shop.srv.n") == 2
    app.update(back_out=True)
    assert app("shop.srv is held") is True


def test_a_submodule_that_was_bound_before_stays_so(program: Start) -> None:
    app = program(m="import q\n", **{"q/__init__.py": "from .a import X\n", "q/a.py": "X = 1\n"})
    app.files(**{"q/__init__.py": "from .a import X\nfrom . import a\n"}).update()
    app.update(back_out=True)
    assert app("m.q.a.X") == 1


def test_several_updates_with_mappers_are_not_backed_out_at_once(program: Start) -> None:
    app = program(shop="price = 3\ndef f(): return price\n")
    app.edit(shop="price = 3\ndef f(): return price\nx = 1\n").update()
    app.edit(shop="price = 300\ndef f(): return price * 1\nx = 1\n")
    app.update(
        support="import podus\n@podus.mapper('shop:price', reverse=lambda new: new // 100)\ndef price(old): return old * 100\n"
    )
    done = app.podus("back-out", "app", "--to", "1", check=1)
    assert "shop:price was converted by a mapper" in done.stderr and "back out 2 times" in done.stderr
    app.podus("back-out", "app")
    app.podus("back-out", "app")
    assert app("[shop.f(), hasattr(shop, 'x')]") == [3, False]


def test_in_the_middle_objects_keep_no_field_that_new_code_has_set(program: Start) -> None:
    text = """
        def block(): gate("held"); return 1
        class A:
            def __init__(self): self.n = 0
            def step(self): self.n += 1
        def other(a): a.later = 1
    """
    app = program(m=text)
    app.run("a, b, own = m.A(), m.A(), m.A(); own.last = 7")
    app.start("t", "m.block()", at="held")
    new = text.replace("self.n = 0", "self.n = 0; self.last = self.later = None").replace(
        "return 1", "return 2"
    )
    update = app.edit(m=new.replace("self.n += 1", "self.n += 1; self.last = self.later = self.n")).begin()
    app.until_switched(update, "m:A.step")
    app.run("made = m.A(); a.step(); made.step()")
    app.back_out()
    app.until(update, "backed-out")
    # What the old version sets as well may be its own.
    assert app("[vars(o) for o in (a, b, own)]") == [{"n": 1, "later": 1}, {"n": 0}, {"n": 0, "last": 7}]
    assert app("vars(made)") == {"n": 1, "later": 1}
    app.open("held")


def test_in_the_middle_objects_that_new_code_has_made_get_the_old_fields(program: Start) -> None:
    text = """
        def block(): gate("held"); return 1
        class Job:
            def __init__(self, n):
                self.n = n
                self.tries = 0
                self.log = [n]
            def fail(self):
                self.tries += 1
                return [self.tries, self.log]
    """
    app = program(m=text)
    app.run("jobs = [m.Job(1)]; jobs[0].fail()")
    app.start("t", "m.block()", at="held")
    new = text.replace("                self.tries = 0\n                self.log = [n]\n", "")
    new = new.replace("self.tries += 1\n                return [self.tries, self.log]", "return 0")
    update = app.edit(m=new.replace("return 1", "return 2")).begin()
    app.until_switched(update, "m:Job.fail", "m:Job.__init__")
    app.run("jobs.append(m.Job(2))")
    app.back_out()
    app.until(update, "backed-out")
    assert app("[j.fail() for j in jobs]") == [[2, [1]], [1, [2]]]
    app.open("held")
