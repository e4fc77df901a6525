"""When procedures switch: at one instant (atomic), at once (immediate), and what neither may do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program, Raised

Start = Callable[..., Program]

# Each call of pair() says which versions it has met; somebody is always inside.
PAIR = """
import threading, time
def first():
    time.sleep(0.002)
    return 1
def second():
    time.sleep(0.002)
    return 1
def pair():
    return 1, first(), second()
met, stop = [], threading.Event()
def serve():
    while not stop.is_set():
        met.append(pair())
"""


def test_atomic_switches_nothing_while_one_is_active(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1")
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f(): return 2\ndef g(): return 2").begin(policy="atomic", max_hold=0.001)
    status = app.status(update)
    assert (status["policy"], status["switched"]) == ("atomic", [])
    assert {row["procedure"] for row in status["pending"]} <= {"shop:f", "shop:g"}
    assert app("shop.g()") == 1
    app.open("in")
    assert app.join("t") == 1
    app.until(update, "complete")
    assert app("(shop.f(), shop.g())") == [2, 2]


@pytest.mark.parametrize("back", [False, True])
def test_atomic_is_never_seen_mixed_where_somebody_is_always_inside(program: Start, back: bool) -> None:
    app = program(shop=PAIR)
    app.run("threads = [threading.Thread(target=shop.serve) for _ in range(8)]")
    app.run("for n, t in enumerate(threads): t.start()")
    app.edit(shop=PAIR.replace("return 1", "return 2")).update(policy="atomic", max_hold=0.5)
    if back:
        app.update(policy="atomic", max_hold=0.5, back_out=True)
    app.run("count = len(shop.met); wait = threading.Event()")
    app.run("while len(shop.met) < count + 20: wait.wait(0.001)")
    app.run("shop.stop.set(); [t.join() for t in threads]")
    assert app("len({len(set(row)) for row in shop.met})") == 1
    assert app("sorted(set(shop.met[-1]))") == ([1] if back else [2])
    assert app("sorted(set(shop.met))") == [[1, 1, 1], [2, 2, 2]]


def test_who_waits_at_a_door_goes_on_though_nothing_came_of_it(program: Start) -> None:
    # Each of two calls leaves only when the next has come: while the doors are shut nobody can leave.
    source = """
        import threading
        turn = [threading.Event() for _ in range(1000)]
        def step(n):
            turn[n].set()
            assert turn[n + 1].wait(20)
            return 1
        def walk(start):
            return [step(n) for n in range(start, 400, 2)]
    """
    app = program(shop=source)
    app.start("even", "shop.walk(0)")
    app.start("odd", "shop.walk(1)")
    app.edit(shop=source.replace("return 1", "return 2"))
    update = app.begin(policy="atomic", max_hold=0.005)
    app.run("shop.turn[400].set()")
    assert set(app.join("even") + app.join("odd")) <= {1, 2}
    app.until(update, "complete")
    assert app("(shop.turn[1].set(), shop.step(0))[1]") == 2


def test_atomic_converts_data_while_nobody_is_inside(program: Start) -> None:
    source = """
        import threading, time
        TOTAL = 100
        def read():
            time.sleep(0.001)
            return ('pence', TOTAL)
        seen, stop = [], threading.Event()
        def serve():
            while not stop.is_set():
                seen.append(read())
    """
    support = """
        import podus
        @podus.mapper("shop:TOTAL", reverse=lambda total: total * 100)
        def total(pence): return pence // 100
    """
    app = program(shop=source)
    app.run("threads = [threading.Thread(target=shop.serve) for _ in range(6)]\nfor t in threads: t.start()")
    new = source.replace("TOTAL = 100", "TOTAL = 1").replace("pence", "pounds")
    app.edit(shop=new).update(policy="atomic", max_hold=0.5, support=support)
    app.run("count = len(shop.seen); wait = threading.Event()")
    app.run("while len(shop.seen) < count + 20: wait.wait(0.001)")
    app.run("shop.stop.set(); [t.join() for t in threads]")
    assert app("sorted(set(shop.seen))") == [["pence", 100], ["pounds", 1]]


def test_the_doors_are_shut_while_a_loop_stands_at_its_head(program: Start) -> None:
    source = """
        import threading, time
        def x(): time.sleep(0.002); return 1
        def y(): time.sleep(0.002); return 1
        stop = threading.Event()
        def caller():
            while not stop.is_set(): x(), y()
        def forever():
            while True:
                if stop.is_set(): raise SystemExit
                x(), y(), "v1"
    """
    app = program(shop=source)
    app.run(
        "threads = [threading.Thread(target=f) for f in (shop.caller, shop.forever)]\nfor t in threads: t.start()"
    )
    app.edit(shop=source.replace("return 1", "return 2").replace("v1", "v2"))
    app.update(policy="atomic", max_hold=0.05)
    assert app("shop.x()") == 2
    app.run("shop.stop.set(); [t.join() for t in threads]")


def test_an_event_loop_does_not_wait_at_a_door(program: Start) -> None:
    source = """
        import asyncio
        def f(): return 1
        async def inside(go):
            await go.wait()
            return f()
        async def main(shut):
            go = asyncio.Event()
            task = asyncio.create_task(inside(go))
            await asyncio.sleep(0)
            # The doors are shut again and again while the task is suspended; f is called all the same.
            while not shut.is_set():
                assert f() in (1, 2)
                await asyncio.sleep(0.001)
            go.set()
            return await task
    """
    app = program(shop=source)
    app.run("enough = threading.Event()")
    app.start("loop", "shop.asyncio.run(shop.main(enough))")
    app.edit(shop=source.replace("return 1", "return 2").replace("return f()", "return f() * 10"))
    update = app.begin(policy="atomic", max_hold=0.02)
    app.run("threading.Event().wait(0.5); enough.set()")
    assert app.join("loop") == 1
    app.until(update, "complete")
    assert app("shop.f()") == 2


def test_atomic_is_refused_where_its_instant_never_comes(program: Start) -> None:
    source = """
        def work(): return 1
        def main():
            while True:
                gate('turn')
                work()
    """
    app = program("--no-stubs", shop=source)
    app.start("main", "shop.main()", at="turn")
    app.edit(shop=source.replace("return 1", "return 2").replace("gate('turn')", "gate('turn'); 0 or 1"))
    plan = app.plan(policy="atomic")
    assert [note.code for note in plan.refusals] == ["never-inactive"]
    assert "shop:main is active and never returns (thread main, line 5)" in plan.refusals[0].text
    app.update(policy="atomic", hold=["shop:main"])
    assert app("shop.work()") == 2


def test_immediate_waits_for_nobody(program: Start) -> None:
    source = """
        def f():
            gate('in')
            return [1, g()]
        def g(): return 1
    """
    app = program(shop=source)
    app.start("t", "shop.f()", at="in")
    app.edit(shop=source.replace("1", "2").replace("gate('in')", "pass")).update(policy="immediate")
    assert app("shop.f()") == [2, 2]
    app.open("in")
    # What was active ends in its old version, and calls the newest of what it calls.
    assert app.join("t") == [1, 2]


def test_immediate_still_converts_data_with_nobody_in_it(program: Start) -> None:
    source = """
        LIMIT = 100
        def f():
            before = LIMIT
            gate('in')
            return [before, LIMIT]
    """
    support = "import podus\n@podus.mapper('shop:LIMIT')\ndef limit(old): return old // 100\n"
    app = program(shop=source)
    app.start("t", "shop.f()", at="in")
    app.edit(shop=source.replace("100", "1").replace("gate('in')", "pass"))
    update = app.begin(policy="immediate", support=support)
    assert app.status(update)["state"] in ("staging", "pending")
    app.open("in")
    assert app.join("t") == [100, 100]
    app.until(update, "complete")
    assert app("shop.f()") == [1, 1]


def test_policies_in_the_shell_and_in_the_program(program: Start) -> None:
    app = program(shop="def f(): return 1")
    app.edit(shop="def f(): return 2").podus("update", "app", "--policy", "atomic", "--max-hold", "20")
    assert app("shop.f()") == 2
    app.edit(shop="def f(): return 3")
    app.run("import podus; done = podus.update(policy='immediate')")
    assert app("(done.state, done.status()['policy'], shop.f())") == ["complete", "immediate", 3]
    with pytest.raises(Raised) as raised:
        app.run("podus.update(policy='soon')")
    assert "there is no policy 'soon'" in str(raised.value)
    assert "never" not in app.podus("update", "app", "--policy", "soon", check=2).stdout


RATES = """
    def total(): return 1
    def refund():
        gate('refund')
        return 1
    class Tax:
        def add(self):
            gate('tax')
        def drop(self): pass
    def bill():
        yield 1
        yield total()
"""


def test_an_update_waits_until_what_it_names_is_idle(program: Start) -> None:
    app = program(shop=RATES)
    app.start("a", "shop.refund()", at="refund")
    app.start("b", "shop.Tax().add()", at="tax")
    app.run("bill = shop.bill(); next(bill)")
    app.edit(shop=RATES.replace("total(): return 1", "total(): return 2"))
    update = app.begin(when="shop:refund idle and shop:Tax.* are idle and shop:bill is idle")
    for gate, thread in (("refund", "a"), ("tax", "b")):
        assert app.status(update)["switched"] == []
        assert app("shop.total()") == 1
        app.open(gate)
        app.join(thread)
    assert app.status(update)["switched"] == []
    assert app("list(bill)") == [1]
    app.until(update, "complete")
    assert app("shop.total()") == 2


def test_of_several_conditions_one_is_enough(program: Start) -> None:
    app = program(shop=RATES)
    app.start("a", "shop.refund()", at="refund")
    app.edit(shop=RATES.replace("total(): return 1", "total(): return 2"))
    app.update(when="shop:refund idle or shop:Tax.add, shop:Tax.drop idle")
    assert app("shop.total()") == 2
    app.open("refund")


@pytest.mark.parametrize(
    "condition, says",
    [
        ("shop:forever idle", "shop:forever is active and never returns (thread main, line 4)"),
        ("shop:refund", "'shop:refund' is no condition"),
        ("shop:refund idle or", "is no condition"),
        ("shop:refunds idle", "shop:refunds, which no procedure of the program is called"),
    ],
)
def test_a_condition_that_can_not_come_true_is_refused(program: Start, condition: str, says: str) -> None:
    source = (
        "def total(): return 1\ndef forever():\n    while True:\n        gate('turn')\ndef refund(): pass\n"
    )
    app = program(shop=source)
    app.start("main", "shop.forever()", at="turn")
    app.edit(shop=source.replace("return 1", "return 2"))
    done = app.podus("update", "app", "--when", condition, check=1)
    assert says in " ".join(done.stderr.split())
    assert app("shop.total()") == 1
    app.update(when="shop:forever idle or shop:total idle")
    assert app("shop.total()") == 2


def test_nobody_waits_for_itself(program: Start) -> None:
    source = """
        import podus
        def total(): return 1
        def serve(**more): return podus.update(when="shop:serve idle", **more)
    """
    app = program(shop=source)
    app.edit(shop=source.replace("return 1", "return 2"))
    with pytest.raises(Raised) as raised:
        app("shop.serve()")
    assert "the condition can't come true: shop:serve itself asks for the update" in str(raised.value)
    app.run("update = shop.serve(wait=False)")
    assert app("update.wait()") == "complete"
    assert app("shop.total()") == 2


def test_only_what_is_named_is_updated(program: Start) -> None:
    source = "def f(): return 1\ndef g(): return 1\ndef h(a): return 1\ndef k(): return h(1)\n"
    app = program(shop=source)
    app.edit(shop=source.replace("return 1", "return 2").replace("h(a)", "h()").replace("h(1)", "h()"))
    for running in ("nothing of it", "shop:f"):
        plan = app.plan(only=["shop:k"])
        assert [note.code for note in plan.refusals] == ["not-alone"], running
        assert "shop:k can't be updated without shop:" in plan.refusals[0].text
        if running != "shop:f":
            app.update(only=["shop:f"])
        assert app("(shop.f(), shop.g(), shop.k())") == [2, 1, 1]
    app.podus("update", "app", "shop:[hk]", "shop:g")
    assert app("(shop.f(), shop.g(), shop.k())") == [2, 2, 2]


def test_data_that_follows_what_is_left_out_is_left_as_well(program: Start) -> None:
    old = "def f(): return 1\ndef make(): return 1\nmade = make()\n"
    app = program(shop=old)
    app.edit(shop=old.replace("return 1", "return 2")).update(only=["shop:f"])
    assert app("[shop.f(), shop.make(), shop.made]") == [2, 1, 1]
    app.update()
    assert app("[shop.f(), shop.make()]") == [2, 2]


def test_data_is_not_left_out(program: Start) -> None:
    app = program(shop="LIMIT = 1\ndef f(): return 1\ndef g(): return 1\n")
    app.edit(shop="LIMIT = 2\ndef f(): return 2\ndef g(): return 2\n")
    plan = app.plan(only=["shop:f"])
    assert [note.code for note in plan.refusals] == ["not-alone"]
    assert "shop:LIMIT changes as well" in plan.refusals[0].text


def test_the_sentence_of_dymos_in_the_shell(program: Start) -> None:
    app = program(shop=RATES)
    app.edit(shop=RATES.replace("total(): return 1", "total(): return 2"))
    done = app.podus("ush", "app", said="update shop:total when shop:refund, shop:Tax.* idle\n", check=None)
    assert (done.returncode, done.stdout.split(" [")[0]) == (0, "app is now 2"), done.stderr
    assert app("shop.total()") == 2


# f and g are called one by the other and are changed, as is h.
GROUPS = """
    def f():
        gate('f')
        return [1, g()]
    def g(): return 1
    def h():
        gate('h')
        return [1, k()]
    def k(): return 1
"""


def test_a_group_has_a_policy_of_its_own(program: Start) -> None:
    app = program(shop=GROUPS)
    app.start("f", "shop.f()", at="f")
    app.start("h", "shop.h()", at="h")
    support = "import podus\npodus.together('shop:h', 'shop:k', policy='immediate')\n"
    update = app.edit(shop=GROUPS.replace("1", "2").replace("gate('h')", "pass")).begin(support=support)
    # h switches though it is active; f waits by the policy of the update, which does not concern g.
    status = app.until_switched(update, "shop:g", "shop:h", "shop:k")
    assert status["switched"].count("shop:f") == 0
    assert app("(shop.g(), shop.h())") == [2, [2, 2]]
    app.open("f")
    assert app.join("f") == [1, 2]
    app.until(update, "complete")
    app.open("h")
    assert app.join("h") == [1, 2]


def test_a_group_may_wait_for_its_instant_in_an_immediate_update(program: Start) -> None:
    app = program(shop=GROUPS)
    app.start("f", "shop.f()", at="f")
    app.start("h", "shop.h()", at="h")
    support = "import podus\npodus.together('shop:f', 'shop:g', policy='atomic')\n"
    update = app.edit(shop=GROUPS.replace("1", "2").replace("gate('h')", "pass")).begin(
        support=support, policy="immediate", max_hold=0.002
    )
    app.until_switched(update, "shop:h", "shop:k")
    assert app("(shop.h(), shop.g())") == [[2, 2], 1]
    app.open("f")
    assert app.join("f") == [1, 1]
    app.until(update, "complete")
    app.open("h")
    assert app.join("h") == [1, 2]
    assert app("shop.g()") == 2


def test_what_switches_at_one_instant_has_one_policy(program: Start) -> None:
    app = program(shop=GROUPS)
    app.edit(shop=GROUPS.replace("1", "2"))
    support = """
        import podus
        podus.together("shop:f", "shop:g", policy="atomic")
        podus.together("shop:g", "shop:h", policy="immediate")
    """
    plan = app.plan(support=support)
    assert [note.code for note in plan.refusals] == ["two-policies"]
    plan = app.plan(support="import podus\npodus.together('shop:f', 'shop:g', policy='atomc')\n")
    assert [(note.text, note.remedy) for note in plan.refusals] == [
        ("there is no policy 'atomc'", "did you mean atomic?")
    ]


def test_an_atomic_group_that_can_never_switch_is_refused(program: Start) -> None:
    source = """
        def work(): return 1
        def main():
            while True:
                gate('turn')
                work()
    """
    app = program("--no-stubs", shop=source)
    app.start("main", "shop.main()", at="turn")
    app.edit(shop=source.replace("return 1", "return 2").replace("gate('turn')", "gate('turn'); 0 or 1"))
    plan = app.plan(support="import podus\npodus.together('shop:main', 'shop:work', policy='atomic')\n")
    assert [note.code for note in plan.refusals] == ["never-inactive"]


# Switches nothing before the program says so.
PATIENT = """
    import podus, shop
    from podus.updating.policy import Podus

    @podus.policy
    class Patient(Podus):
        def switch(self, update, units, active):
            if not shop.ready:
                return True
            return super().switch(update, units, active)
"""


def test_a_policy_of_ones_own(program: Start) -> None:
    app = program(shop="ready = False\ndef f(): return 1\ndef g(): return 1\n")
    app.edit(shop="ready = False\ndef f(): return 2\ndef g(): return 2\n")
    update = app.begin(support=PATIENT, policy="Patient")
    assert app.status(update)["policy"] == "Patient"
    app.until(update, "pending")
    assert app("(shop.f(), shop.g())") == [1, 1]
    app.run("shop.ready = True")
    app.until(update, "complete")
    assert app("(shop.f(), shop.g())") == [2, 2]
    # The way back has the same support code.
    app.run("shop.ready = False")
    update = app.begin(policy="Patient", back_out=True)
    app.until(update, "pending")
    assert app("shop.f()") == 2
    app.run("shop.ready = True")
    app.until(update, "complete")
    assert app("shop.f()") == 1


def test_a_policy_of_ones_own_for_a_group(program: Start) -> None:
    source = "ready = False\ndef f(): return 1\ndef g(): return 1\ndef h(): return 1\n"
    app = program(shop=source)
    app.edit(shop=source.replace("return 1", "return 2"))
    update = app.begin(support=PATIENT + '\n    podus.together("shop:f", "shop:g", policy="Patient")\n')
    app.until_switched(update, "shop:h")
    assert app("(shop.f(), shop.g(), shop.h())") == [1, 1, 2]
    app.run("shop.ready = True")
    app.until(update, "complete")
    assert app("(shop.f(), shop.g(), shop.h())") == [2, 2, 2]


def test_a_policy_that_raises_leaves_the_program_as_it_was(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f(): return 2\n")
    support = """
        import podus
        @podus.policy
        class Broken:
            def switch(self, update, units, active):
                raise ValueError("no idea")
    """
    status = app.until(app.begin(support=support, policy="Broken"), "backed-out")
    assert "ValueError: no idea" in status["reason"]
    assert app("shop.f()") == 1


def test_a_policy_is_handed_over_in_python(program: Start) -> None:
    app = program(shop="ready = True\ndef f(): return 1\ndef g(): return 1\n")
    app.edit(shop="ready = True\ndef f(): return 2\ndef g(): return 3\n")
    app.run(PATIENT)
    app.run("done = podus.update(policy='Patient', support=[Patient])")
    assert app("(done.state, done.status()['policy'], shop.f())") == ["complete", "Patient", 2]
    with pytest.raises(Raised) as raised:
        app.run("podus.update(policy='Patience')")
    assert "there is no policy 'Patience'" in str(raised.value)
    with pytest.raises(Raised) as raised:
        app.run("podus.policy(type('patient', (), {}))")
    assert "can't be called 'patient'" in str(raised.value)


PASSING = """
    import asyncio
    import asyncio.events
    real, armed = asyncio.events._get_running_loop, []
    def asked():
        if armed and armed.pop():
            gate("passing")
        return real()
    def inside():
        gate("in")
        return second(1)
    def second(number): return [1, number]
    async def task(number):
        await asyncio.sleep(0)
        return second(number)
    async def main():
        gate("loop")
        asyncio.events._get_running_loop = asked
        armed.append(True)
        try:
            return await task(7)
        finally:
            asyncio.events._get_running_loop = real
"""


def test_who_was_passing_an_atomic_door_when_it_was_opened_gets_what_has_switched(program: Start) -> None:
    app = program(shop=PASSING)
    app.start("inside", "shop.inside()", at="in")
    app.start("loop", "shop.asyncio.run(shop.main())", at="loop")
    new = PASSING.replace("second(number): return [1,", "second(more, number): return [2, more,")
    new = new.replace("return second(1)", "return second('m', 1)").replace(
        "return second(number)", "return second('m', number)"
    )
    update = app.edit(shop=new).begin(policy="atomic", max_hold=60, timeout=120)
    while not app("any(type(c).__name__ == '_Callee' for c in shop.task.__code__.co_consts)"):
        pass  # the doors are not shut yet
    app.open("loop")
    app.reached("passing")
    app.open("in")
    assert app.join("inside") == [1, 1]
    app.until(update, "complete")
    app.open("passing")
    assert app.join("loop") == [2, "m", 7]


def test_immediate_leaves_nobody_in_an_endless_loop_behind(program: Start) -> None:
    text = "seen = []\ndef run():\n    while True:\n        gate('turn')\n        seen.append('one')\n"
    app = program(shop=text)
    app.start("t", "shop.run()", at="turn")
    app.edit(shop=text.replace("'one'", "'two'")).update(policy="immediate")
    for _ in range(3):
        app.open("turn")
        app.reached("turn")
    assert app("shop.seen") == ["one", "two", "two"]
    app.update(back_out=True, policy="immediate")
    for _ in range(2):
        app.open("turn")
        app.reached("turn")
    assert app("shop.seen") == ["one", "two", "two", "two", "one"]


def test_immediate_says_who_goes_on_in_the_old_version(program: Start) -> None:
    text = (
        "seen = []\ndef run():\n    while len(seen) < 2:\n        gate('turn')\n        seen.append('one')\n"
    )
    app = program(shop=text)
    app.start("t", "shop.run()", at="turn")
    status = app.edit(shop=text.replace("'one'", "'two'")).update(policy="immediate")
    assert status["notes"] == ["shop:run: who is in it goes on in the old version"]
    app.open("turn", 2)
    app.join("t")
    assert app("shop.seen") == ["one", "one"]
