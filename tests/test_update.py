"""The paper's algorithm on real programs: what switches, what waits, and for whom."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]


def test_a_changed_procedure_is_switched(program: Start) -> None:
    app = program(shop="def f(): return 1")
    app.edit(shop="def f(): return 2").update()
    assert app("shop.f()") == 2


def test_whoever_holds_the_procedure_calls_the_new_version(program: Start) -> None:
    app = program(shop="def f(): return 1\nclass C:\n    def m(self): return 1")
    app.run("held = [shop.f, shop.C().m]; identity = id(shop.f)")
    app.edit(shop="def f(): return 2\nclass C:\n    def m(self): return 2").update()
    assert app("[f() for f in held]") == [2, 2]
    assert app("identity == id(shop.f)")


def test_an_active_procedure_switches_when_its_stack_has_shrunk(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1")
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f():\n    return 2\ndef g(): return 2").begin()
    status = app.until_switched(update, "shop:g")
    assert [row["procedure"] for row in status["pending"]] == ["shop:f"]
    assert status["pending"][0]["holders"][0]["thread"] == "t"
    assert app("shop.g()") == 2
    app.open("in")
    assert app.join("t") == 1
    app.until(update, "complete")
    assert app("shop.f()") == 2


def test_what_can_reach_an_active_procedure_waits_for_it(program: Start) -> None:
    source = """
        def inner():
            gate('in')
            return 1
        def middle(): return inner()
        def outer(): return middle() * 10
        def other(): return 1
    """
    app = program(shop=source)
    app.start("t", "shop.inner()", at="in")
    app.edit(
        shop=source.replace("gate('in')", "pass")
        .replace("* 10", "* 100")
        .replace("other(): return 1", "other(): return 2")
    )
    update = app.begin()
    status = app.until_switched(update, "shop:other")
    # middle did not change: it blocks nothing, and what is reached through it is reached all the same.
    assert {row["procedure"] for row in status["pending"]} == {"shop:inner", "shop:outer"}
    app.open("in")
    app.until(update, "complete")
    assert app("shop.outer()") == 100


def test_main_blocks_only_itself(program: Start) -> None:
    app = program(
        shop="def main():\n    while True:\n        gate('loop')\n        step()\ndef step(): note.append(1)\nnote = []"
    )
    app.start("t", "shop.main()", at="loop")
    app.replace("shop", "gate('loop')", "gate('loop'); note.append(0)").replace(
        "shop", "note.append(1)", "note.append(2)"
    )
    update = app.begin()
    status = app.until_switched(update, "shop:step")
    assert [row["procedure"] for row in status["pending"]] == ["shop:main"]
    app.open("loop")
    app.reached("loop")
    assert app("shop.note") == [2]


def test_an_old_procedure_calls_the_newest_version_of_what_it_calls(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return g()\ndef g(): return 1")
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f():\n    gate('in')\n    return g() + 1\ndef g(): return 2").begin()
    app.until_switched(update, "shop:g")
    app.open("in")
    assert app.join("t") == 2
    app.until(update, "complete")


def test_recursion_is_left_only_when_the_outermost_call_has_returned(program: Start) -> None:
    app = program(shop="def f(n):\n    if n: f(n - 1)\n    gate('g%d' % n)\n    return 1")
    app.start("t", "shop.f(2)", at="g0")
    update = app.replace("shop", "return 1", "return 2").begin()
    app.until(update, "pending")
    for level in ("g0", "g1"):
        app.open(level)
        app.reached(f"g{int(level[1]) + 1}")
        assert app.status(update)["switched"] == []
    app.open("g2")
    app.until(update, "complete")


# What is suspended is waited for where it switches with others.
TOGETHER = "import podus\npodus.together('shop:f', 'shop:g')\n"


def test_a_suspended_generator_is_an_activation(program: Start) -> None:
    text = "def f():\n    yield 1\n    yield 1\ndef g(): return 1"
    app = program(shop=text)
    app.run("running = shop.f(); next(running)")
    update = app.edit(shop=text.replace("1", "2")).begin(support=TOGETHER)
    status = app.until(update, "pending")
    assert "suspended generator" in status["pending"][0]["why"]
    assert app("list(running)") == [1]
    app.until(update, "complete")
    assert app("list(shop.f())") == [2, 2]


def test_a_suspended_coroutine_is_an_activation(program: Start) -> None:
    source = (
        "import types\n@types.coroutine\ndef pause(): yield\nasync def f():\n    await pause()\n    return 1\n"
        "def g(): return 1"
    )
    app = program(shop=source)
    app.run("running = shop.f(); running.send(None)")
    update = app.replace("shop", "return 1", "return 2").begin(support=TOGETHER)
    app.until(update, "pending")
    app.run("try:\n    running.send(None)\nexcept StopIteration as end:\n    value = end.value")
    assert app("value") == 1
    app.until(update, "complete")


def test_a_comment_changes_no_procedure_but_lines_follow(program: Start) -> None:
    app = program(shop="def f():\n    raise ValueError\n")
    app.start("t", "shop.f()")
    app.edit(shop="# a remark\n\ndef f():\n    # another\n    raise ValueError\n")
    status = app.update()
    assert status["total"] == 0
    assert app("shop.f.__code__.co_firstlineno") == 3


def test_from_a_directory_lines_and_files_are_the_new_versions(program: Start, tmp_path: object) -> None:
    app = program(shop="def f(): return 1\n", other="def g(): return 1\n")
    new = app.root.parent / "v2"
    app.write(
        {
            "shop": "\ndef f(): return 2\n",
            "other": "def g(): return 1\n",
            "driver.py": app.root.joinpath("driver.py").read_text(),
        },
        new,
    )
    app.update(from_=new)
    assert app("shop.f()") == 2
    assert app("shop.f.__code__.co_filename") == str(new / "shop.py")


def test_closures_that_live_on_are_switched(program: Start) -> None:
    app = program(shop="def make(n):\n    def inner(): return n + 1\n    return inner")
    app.run("held = [shop.make(10), shop.make(20)]")
    app.edit(shop="def make(n):\n    def inner(): return n + 2\n    return inner").update()
    assert app("[f() for f in held]") == [12, 22]


def test_declared_dependents_switch_at_one_instant(program: Start) -> None:
    app = program(arm="def lift():\n    gate('lift')\n    return 1\ndef turn(): return 1")
    app.start("t", "arm.lift()", at="lift")
    app.edit(arm="def lift():\n    return 2\ndef turn(): return 2")
    update = app.begin(support="import podus\npodus.together('arm:lift', 'arm:turn')\n")
    app.until(update, "pending")
    assert app("arm.turn()") == 1
    app.open("lift")
    app.until(update, "complete")
    assert app("[arm.lift(), arm.turn()]") == [2, 2]


def test_dependencies_may_stand_in_the_projects_own_settings(program: Start) -> None:
    app = program(arm="def lift():\n    gate('lift')\n    return 1\ndef turn(): return 1")
    (app.root / "pyproject.toml").write_text('[tool.podus]\ntogether = [["arm:lift", "arm:turn"]]\n')
    app.start("t", "arm.lift()", at="lift")
    update = app.edit(arm="def lift():\n    return 2\ndef turn(): return 2").begin()
    app.until(update, "pending")
    assert app("arm.turn()") == 1
    app.open("lift")
    app.until(update, "complete")


def test_now_and_hold_override_the_order(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1")
    app.start("t", "shop.f()", at="in")
    app.edit(shop="def f():\n    return 2\ndef g(): return 2")
    status = app.update(now=["shop:f"], hold=["shop:g"])
    assert status["switched"] == ["shop:f"]
    assert app("[shop.f(), shop.g()]") == [2, 1]
    app.open("in")
    assert app.join("t") == 1


def test_a_changed_interface_switches_with_its_changed_callers(program: Start) -> None:
    app = program(shop="def total(a): return a\ndef report():\n    gate('in')\n    return total(1)")
    app.start("t", "shop.report()", at="in")
    app.edit(shop="def total(a, rate): return a * rate\ndef report():\n    return total(1, 5)")
    update = app.begin()
    app.until(update, "pending")
    assert app("shop.total(7)") == 7
    app.open("in")
    assert app.join("t") == 1
    app.until(update, "complete")
    assert app("shop.report()") == 5


def test_a_caller_that_never_returns_needs_an_interprocedure(program: Start) -> None:
    app = program(
        "--no-stubs",
        shop="def total(a): return a\ndef main():\n    while True:\n        gate('in')\n        seen.append(total(1))\nseen = []",
    )
    app.start("t", "shop.main()", at="in")
    app.edit(
        shop="def total(a, rate): return a * rate\ndef main():\n    while True:\n        gate('in')\n        seen.append(total(1, 5))\nseen = []"
    )
    plan = app.plan()
    assert not plan.safe
    assert "shop:main" in plan.refusals[0].text and "shop:total" in plan.refusals[0].text
    update = app.begin(
        support="import podus\n@podus.interprocedure('shop:total')\ndef total(new, a): return ['old', new(a, 10)]\n"
    )
    app.until_switched(update, "shop:total")
    app.open("in")
    app.reached("in")
    assert app("shop.seen") == [["old", 10]]
    assert app("shop.total(1, 3)") == 3


def test_gates_are_gone_when_no_old_code_is_left(program: Start) -> None:
    app = program(shop="def total(a): return a\ndef report():\n    gate('in')\n    return total(1)")
    app.start("t", "shop.report()", at="in")
    app.edit(shop="def total(a, rate): return a * rate\ndef report():\n    return total(1, 5)")
    update = app.begin(
        support="import podus\n@podus.interprocedure('shop:total')\ndef total(new, a): return new(a, 100)\n"
    )
    app.until_switched(update, "shop:total")
    app.open("in")
    assert app.join("t") == 100
    app.until(update, "complete")
    assert app("shop.total.__code__.co_varnames") == ["a", "rate"]


def test_an_interprocedure_converts_exceptions_too(program: Start) -> None:
    app = program(shop="def find(k): return None\ndef use():\n    gate('in')\n    return find(1)")
    app.start("t", "shop.use()", at="in")
    app.edit(shop="def find(k, *, strict): raise KeyError(k)\ndef use():\n    return 3")
    support = """
        import podus
        @podus.interprocedure('shop:find')
        def find(new, k):
            try:
                return new(k, strict=True)
            except KeyError:
                return 'converted'
    """
    update = app.begin(support=support)
    app.until_switched(update, "shop:find")
    app.open("in")
    assert app.join("t") == "converted"
    app.until(update, "complete")


def test_an_interprocedure_stands_also_where_the_head_changed(program: Start) -> None:
    app = program(
        shop="def total(a): return a\ndef main():\n    while True:\n        gate('in')\n        seen.append(total(1))\nseen = []"
    )
    app.start("t", "shop.main()", at="in")
    app.edit(
        shop="def total(a, *, rate=3): return a * rate\ndef main():\n    while True:\n        gate('in')\n        seen.append(total(1, rate=5))\nseen = []"
    )
    support = "import podus\n@podus.interprocedure('shop:total')\ndef total(new, a): return ['old', new(a)]\n"
    update = app.begin(support=support)
    app.until_switched(update, "shop:total")
    app.open("in")
    app.reached("in")
    assert app("[shop.seen, shop.total(2)]") == [[["old", 3]], 6]


def test_a_new_procedure_calls_only_new_ones_whatever_the_order(program: Start) -> None:
    source = """
        levels = []
        def add(x): levels.append(x)
        def lookup(x):
            return x in levels
        def forward(x): return lookup(x)
    """
    app = program(shop=source)
    app.run("shop.add(1)")
    app.edit(
        shop=source.replace("= []", "= {}")
        .replace("levels.append(x)", "levels[x] = x")
        .replace("return lookup(x)", "return [lookup(x)]")
        .replace("return x in levels", "return levels[x]")
    )
    app.update(
        support="import podus\n@podus.mapper('shop:levels')\ndef levels(old): return {x: x for x in old}\n"
    )
    assert app("shop.forward(1)") == [1]


def test_nobody_waits_for_a_procedure_that_never_returns(program: Start) -> None:
    app = program(
        "--no-stubs",
        shop="def main():\n    while True:\n        gate('loop')\n        step()\ndef step(): pass\n",
    )
    app.start("t", "shop.main()", at="loop")
    app.replace("shop", "gate('loop')", "gate('loop'); step()").replace("shop", "pass", "return 1")
    done = app.podus("update", "app", check=3)
    assert "shop:main" in done.stdout and "never returns" in done.stdout
    assert app("shop.step()") == 1
    update = app.status()["id"]
    app.back_out(update)
    app.until(update, "backed-out")
    assert app("shop.step()") is None


def test_what_was_held_back_switches_with_the_next_update(program: Start) -> None:
    app = program(shop="def f(): return 1\ndef g(): return 1\n")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n").update(hold=["shop:g"])
    assert app("[shop.f(), shop.g()]") == [2, 1]
    assert app.update()["switched"] == ["shop:g"]
    assert app("[shop.f(), shop.g()]") == [2, 2]
    assert app.plan().empty


def test_a_misspelt_override_is_refused(program: Start) -> None:
    app = program(shop="def total(): return 1\n")
    app.edit(shop="def total(): return 2\n")
    plan = app.plan(hold=["shop:totl"])
    assert "shop:totl" in plan.refusals[0].text and "shop:total" in plan.refusals[0].remedy


def test_an_endless_caller_that_is_past_the_call_asks_for_nothing(program: Start) -> None:
    source = """
        def setup(a): return a
        class Cache:
            def get(self, k): return k
        def main(table):
            setup(1)
            while True:
                gate('loop')
                table.get(1)
    """
    app = program("--no-stubs", shop=source)
    app.start("t", "shop.main({})", at="loop")
    app.edit(
        shop=source.replace("setup(a)", "setup(a, b)")
        .replace("setup(1)", "setup(1, 2)")
        .replace("get(self, k)", "get(self, k, *, default)")
        .replace("table.get(1)", "table.get(2)")
    )
    plan = app.plan()
    # What `table` is can't be told from the code, so `.get` may be the cache's.
    assert [n.where for n in plan.refusals] == ["shop:Cache.get"]
    assert app.plan(
        support="import podus\n@podus.interprocedure('shop:Cache.get')\ndef get(new, self, k): return k\n"
    ).safe


def test_callers_that_fit_by_position_switch_together_all_the_same(program: Start) -> None:
    app = program(
        shop="def greet(environ): return environ\ndef use():\n    gate('in')\n    return greet({})\n"
    )
    app.start("t", "shop.use()", at="in")
    app.edit(shop="def greet(name): return 'hello ' + name\ndef use():\n    return greet('a')\n")
    update = app.begin()
    app.until(update, "pending")
    app.open("in")
    assert app.join("t") == {}
    app.until(update, "complete")
    assert app("shop.use()") == "hello a"
