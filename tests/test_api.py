"""podus inside a program: scripts that plain python runs and that update themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = str(Path(__file__).parents[1] / "src")
Script = Callable[..., Any]

# What every script may use: files beside it, gates for its threads, and one line of JSON as its result.
TOOLS = """
import json, pathlib, threading

here = pathlib.Path(__file__).parent

def write(name, text):
    path = here / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

def show(*values):
    print(json.dumps(values))

class Gate:
    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.opened.wait(30)
"""
PARKED = "import tools\ngate = tools.Gate()\ndef f():\n    gate()\n    return 1\ndef g(): return 1\n"
BEGIN = """
import podus, threading
podus.enable()
from tools import *
import shop

def park():
    answers = []
    thread = threading.Thread(target=lambda: answers.append(shop.f()), name="parked")
    thread.start()
    assert shop.gate.reached.wait(30)

    def leave():
        shop.gate.opened.set()
        thread.join(30)
        return answers[0]

    return leave
"""


@pytest.fixture
def script(tmp_path: Path, home: Path) -> Script:
    """``script(text, **modules)``: run it under plain python beside the modules; gives what it showed."""

    def run(text: str, *, files: dict[str, str] | None = None, **modules: str) -> Any:
        for name, content in {**{f"{n}.py": t for n, t in modules.items()}, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(content))
        (tmp_path / "tools.py").write_text(TOOLS)
        (tmp_path / "main.py").write_text(textwrap.dedent(text))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(
            [sys.executable, "main.py"],
            cwd=tmp_path,
            env={**environment, "PODUS_HOME": str(home), "PYTHONPATH": SOURCE},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def begin(text: str) -> str:
    return BEGIN + textwrap.dedent(text)


# ---- where the new version is


def test_without_a_source_the_files_on_disk_are_the_new_version(script: Script) -> None:
    text = """
        held = shop.f
        write("shop.py", "def f(): return 2\\n")
        update = podus.update()
        show(held(), held is shop.f, update.state, update.pending, update.switched)
    """
    assert script(begin(text), shop="def f(): return 1\n") == [2, True, "complete", [], ["shop:f"]]


def test_a_directory_may_hold_the_new_version(script: Script) -> None:
    text = """
        write("next/shop.py", "def f(): return 2\\n")
        write("next/main.py", (here / "main.py").read_text())
        write("next/tools.py", (here / "tools.py").read_text())
        podus.update(here / "next")
        show(shop.f(), shop.f.__code__.co_filename == str(here / "next" / "shop.py"))
    """
    assert script(begin(text), shop="def f(): return 1\n") == [2, True]


def test_a_revision_may_be_the_new_version(script: Script) -> None:
    text = """
        import os, subprocess
        def git(*words):
            identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
            subprocess.run(["git", *identity, *words], cwd=here, check=True, capture_output=True)
        git("init")
        write("shop.py", "def f(): return 2\\n")
        git("add", ".")
        git("commit", "-m", "second")
        write("shop.py", "def f(): return 3\\n")
        podus.update("git:HEAD")
        first = shop.f()
        podus.update(here)
        show(first, shop.f())
    """
    assert script(begin(text), shop="def f(): return 1\n") == [2, 3]


def test_a_plan_changes_nothing(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\nNEW = 1\\n")
        plan = podus.plan()
        show(plan.safe, plan.empty, [p.name for p in plan.procedures], shop.f(), hasattr(shop, "NEW"))
    """
    assert script(begin(text), shop="def f(): return 1\n") == [True, False, ["shop:f"], 1, False]


def test_an_update_to_the_same_version_does_nothing(script: Script) -> None:
    text = """
        update = podus.update()
        show(update.state, update.plan.empty, shop.f())
    """
    assert script(begin(text), shop="def f(): return 1\n") == ["complete", True, 1]


# ---- support code

MAPPED = "levels = {'a': 1}\ndef read(name): return levels[name]\n"
MAPPED_NEW = "levels = [('a', 1)]\ndef read(name): return dict(levels)[name] * 10\n"


def test_support_code_may_be_functions(script: Script) -> None:
    text = f"""
        shop.levels["b"] = 2
        @podus.mapper("shop:levels", reverse=dict)
        def levels(old):
            return list(old.items())
        write("shop.py", {MAPPED_NEW!r})
        update = podus.update(support=[levels])
        new = [list(shop.levels), shop.read("b")]
        shop.levels.append(("c", 3))
        show(new, update.back_out(), update.state, shop.levels, shop.read("c"))
    """
    assert script(begin(text), shop=MAPPED) == [
        [[["a", 1], ["b", 2]], 20],
        "backed-out",
        "backed-out",
        {"a": 1, "b": 2, "c": 3},
        3,
    ]


def test_support_code_for_the_way_back_may_be_given_then(script: Script) -> None:
    text = f"""
        shop.levels["b"] = 2
        write("shop.py", {MAPPED_NEW!r})
        update = podus.update(support=[podus.mapper("shop:levels")(lambda old: list(old.items()))])
        shop.levels.append(("c", 3))
        show(update.back_out(support=[podus.mapper("shop:levels", reverse=dict)(lambda old: 0)]), shop.levels, shop.read("c"))
    """
    assert script(begin(text), shop=MAPPED) == ["backed-out", {"a": 1, "b": 2, "c": 3}, 3]


def test_support_code_that_can_not_be_declared_is_said_to_be_so(script: Script) -> None:
    text = """
        try:
            podus.mapper("shop:levels")(list)
        except podus.Refused as error:
            show(str(error), error.remedy)
    """
    (said, remedy) = script(begin(text), shop=MAPPED)
    assert (
        "the mapper of shop:levels can't be <class 'list'>" in said
        and remedy == "write a function that calls it"
    )


def test_support_code_may_be_a_file(script: Script) -> None:
    text = f"""
        write("shop.py", {MAPPED_NEW!r})
        write("support.py", "import podus\\n@podus.mapper('shop:levels')\\ndef levels(old): return list(old.items())\\n")
        update = podus.update(support="support.py")
        try:
            update.back_out()
        except podus.Refused as error:
            show(shop.read("a"), update.state, "shop:levels" in str(error))
    """
    assert script(begin(text), shop=MAPPED) == [10, "complete", True]


def test_an_interprocedure_and_dependents_may_be_given_as_functions(script: Script) -> None:
    text = """
        @podus.interprocedure("shop:total")
        def total(new, a):
            return new(a, 100)
        leave = park()
        write("shop.py", (here / "shop.py").read_text()
            .replace("def total(a): return a", "def total(a, rate): return a * rate")
            .replace("return total(1)", "return total(1, 5)").replace("g(): return 1", "g(): return 2"))
        update = podus.update(support=[total, podus.together("shop:f", "shop:g")], wait=False)
        while "shop:total" not in update.switched:
            update.wait(0.01)
        show(sorted(update.pending), shop.g(), leave(), update.wait(30), shop.g(), shop.total(2, 3))
    """
    shop = PARKED.replace("return 1\ndef g", "return total(1)\ndef g") + "def total(a): return a\n"
    assert script(begin(text), shop=shop) == [["shop:f", "shop:g"], 1, 100, "complete", 2, 6]


# ---- waiting, time, and the way back


def test_an_update_goes_on_in_a_thread_of_its_own(script: Script) -> None:
    text = """
        leave = park()
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\n")
        update = podus.update(wait=False)
        while "shop:g" not in update.switched:
            update.wait(0.01)
        show(update.wait(0.01), update.pending, shop.g(), leave(), update.wait(30), update.pending, shop.f())
    """
    assert script(begin(text), shop=PARKED) == ["pending", ["shop:f"], 2, 1, "complete", [], 2]


def test_back_out_in_the_middle(script: Script) -> None:
    text = """
        leave = park()
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\nNEW = 1\\n")
        update = podus.update(wait=False)
        while "shop:g" not in update.switched:
            update.wait(0.01)
        show(update.back_out(30), update.state, update.pending, update.switched, shop.g(), hasattr(shop, "NEW"), leave())
    """
    assert script(begin(text), shop=PARKED) == ["backed-out", "backed-out", [], [], 1, False, 1]


def test_back_out_after_completion_and_again_forward(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\nNEW = 1\\n")
        update = podus.update()
        back = update.back_out()
        there = [shop.f(), hasattr(shop, "NEW")]
        again = podus.update()
        show(back, update.state, there, again.state, shop.f(), shop.NEW)
    """
    assert script(begin(text), shop="def f(): return 1\n") == [
        "backed-out",
        "backed-out",
        [1, False],
        "complete",
        2,
        1,
    ]


def test_what_is_backed_out_can_not_be_backed_out_again(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\n")
        update = podus.update()
        show(update.back_out(), update.back_out(), shop.f())
    """
    assert script(begin(text), shop="def f(): return 1\n") == ["backed-out", "backed-out", 1]


def test_only_the_last_update_is_taken_back(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\n")
        first = podus.update()
        write("shop.py", "def f(): return 3\\n")
        second = podus.update()
        try:
            first.back_out()
            said = ""
        except podus.Refused as error:
            said = str(error)
        show(bool(said), first.state, shop.f(), second.back_out(), shop.f(), first.back_out(), shop.f())
    """
    assert script(begin(text), shop="def f(): return 1\n") == [
        True,
        "complete",
        3,
        "backed-out",
        2,
        "backed-out",
        1,
    ]


def test_a_timeout_backs_the_update_out(script: Script) -> None:
    text = """
        leave = park()
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\n")
        update = podus.update(timeout=0.2)
        show(update.state, "shop:f" in update.reason, shop.g(), leave())
    """
    assert script(begin(text), shop=PARKED) == ["backed-out", True, 1, 1]


def test_after_a_timeout_an_update_may_go_on(script: Script) -> None:
    text = """
        leave = park()
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\n")
        update = podus.update(timeout=0.2, on_timeout="wait")
        state, pending = update.state, update.pending
        still = update.wait(0.05)
        threading.Timer(0.3, leave).start()
        show(state, pending, still, update.wait(30), shop.f())
    """
    assert script(begin(text), shop=PARKED) == ["pending", ["shop:f"], "pending", "complete", 2]


def test_an_update_from_inside_what_changes_does_not_wait_for_itself(script: Script) -> None:
    text = """
        update = shop.upgrade()
        show(update.state, update.wait(30), shop.upgrade(), shop.g())
    """
    shop = """
        import podus, tools
        def g(): return 1
        def upgrade():
            tools.write("shop.py", "def g(): return 2\\ndef upgrade(): return 'new'\\n")
            update = podus.update()
            assert update.state == "pending", update.state
            assert update.pending == ["shop:upgrade"], update.pending
            assert g() == 2
            return update
    """
    found = script(begin(text), shop=shop)
    assert found[0] in ("pending", "complete")
    assert found[1:] == ["complete", "new", 2]


def test_an_asyncio_program_updates_itself_in_a_thread(script: Script) -> None:
    text = """
        import asyncio
        async def main():
            ticks = []
            async def tick():
                while True:
                    ticks.append(shop.f())
                    await asyncio.sleep(0)
            task = asyncio.create_task(tick())
            while len(ticks) < 10:
                await asyncio.sleep(0)
            write("shop.py", "def f(): return 2\\nasync def slow(): return 2\\n")
            update = await asyncio.to_thread(podus.update)
            before = len(ticks)
            while len(ticks) < before + 10:
                await asyncio.sleep(0)
            task.cancel()
            show(update.state, ticks[0], ticks[-1], ticks == sorted(ticks), await shop.slow())
        asyncio.run(main())
    """
    shop = "def f(): return 1\nasync def slow(): return 1\n"
    assert script(begin(text), shop=shop) == ["complete", 1, 2, True, 2]


# ---- all or nothing


def refused(text: str, kind: str = "Refused") -> str:
    return begin(
        f"""
        names, identity = sorted(vars(shop)), id(shop.f)
        write("shop.py", {text!r})
        try:
            podus.update()
            said = ["nothing"]
        except podus.{kind} as error:
            said = [type(error).__name__, str(error)]
        as_before = [shop.f(), sorted(vars(shop)) == names, id(shop.f) == identity]
        write("shop.py", "def f(): return 3\\n")
        show(said, as_before, podus.update().state, shop.f())
        """
    )


def test_a_syntax_error_is_refused_and_the_program_is_as_before(script: Script) -> None:
    said, *rest = script(refused("def f(: return 2\n"), shop="def f(): return 1\n")
    assert said[0] == "Refused" and "shop.py" in said[1]
    assert rest == [[1, True, True], "complete", 3]


def test_a_statement_that_raises_leaves_the_program_as_before(script: Script) -> None:
    said, *rest = script(
        refused("def f(): return 2\nA = 1\nB = 1 / 0\n", "PodusError"), shop="def f(): return 1\n"
    )
    assert "ZeroDivisionError" in said[1] and "shop.py" in said[1]
    assert rest == [[1, True, True], "complete", 3]


def test_a_second_update_is_refused_while_one_is_under_way(script: Script) -> None:
    text = """
        leave = park()
        write("shop.py", "def f(): return 2\\ndef g(): return 2\\n")
        update = podus.update(wait=False)
        try:
            podus.update()
            said = ""
        except podus.Refused as error:
            said = str(error)
        show(update.id in said, leave(), update.wait(30))
    """
    assert script(begin(text), shop=PARKED) == [True, 1, "complete"]


def test_without_enable_there_is_nothing_to_ask(script: Script) -> None:
    text = """
        import json, podus
        try:
            podus.update()
        except podus.Refused as error:
            print(json.dumps(str(error)))
    """
    assert "podus.enable()" in script(text)


def test_a_policy_that_is_none_is_refused(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\n")
        try:
            podus.update(on_timeout="panic")
        except podus.Refused as error:
            show(str(error), shop.f())
    """
    said, value = script(begin(text), shop="def f(): return 1\n")
    assert "'panic'" in said and value == 1


# ---- what the program is


def test_an_installed_package_is_updated_when_it_is_included(script: Script) -> None:
    text = """
        import sys, pathlib
        place = pathlib.Path(__file__).parent / "lib" / "site-packages"
        sys.path.insert(0, str(place))
        import podus
        podus.enable(include=["pkg"])
        import other, pkg, pkg.inner
        from tools import *
        for name in ("pkg/__init__.py", "pkg/inner.py", "other.py"):
            path = place / name
            path.write_text(path.read_text().replace("1", "2"))
        update = podus.update()
        show(update.state, pkg.f(), pkg.inner.g(), other.h())
    """
    files = {
        "lib/site-packages/pkg/__init__.py": "def f(): return 1\n",
        "lib/site-packages/pkg/inner.py": "def g(): return 1\n",
        "lib/site-packages/other.py": "def h(): return 1\n",
    }
    assert script(text, files=files) == ["complete", 2, 2, 1]


def test_modules_that_were_imported_before_enable_are_updated_too(script: Script) -> None:
    text = """
        import shop
        held = [shop.f, shop.C().m, shop.make(10)]
        import podus
        podus.enable()
        from tools import *
        write("shop.py", (here / "shop.py").read_text().replace("1 #", "2 #"))
        update = podus.update()
        show(update.state, [f() for f in held], shop.A)
    """
    shop = """
        A = 1 #
        def f(): return 1 #
        class C:
            def m(self): return 1 #
        def make(n):
            def inner(): return n + 1 #
            return inner
    """
    assert script(text, shop=shop) == ["complete", [2, 2, 12], 2]


def test_the_script_itself_is_updated(script: Script) -> None:
    text = """
        import podus, sys
        podus.enable()
        from tools import *
        A = 1 #
        def f(): return A, 1 #
        class C:
            def m(self): return 1 #
        if __name__ == "__main__":
            held = C()
            identity = f
            write("main.py", (here / "main.py").read_text().replace("1 #", "2 #"))
            update = podus.update()
            show(update.state, f(), held.m(), identity is f, sys.modules["__main__"].A)
    """
    assert script(text) == ["complete", [2, 2], 2, True, 2]


# ---- many of them


def test_thirty_updates_leave_identities_and_nothing_else(script: Script) -> None:
    text = """
        import gc, os, sys, types
        from podus.pup import start
        def texts(n):
            return f'''
        import functools
        A = {n}
        def deco(f):
            @functools.wraps(f)
            def inner(): return f()
            return inner
        @deco
        def f(): return {n}
        class C:
            a = {n}
            def m(self): return {n}
            @property
            def p(self): return {n}
        def make():
            def inner(): return {n}
            return inner
        '''.replace("\\n        ", "\\n")
        def counts():
            gc.collect()
            objects = gc.get_objects()
            agent = start.current().agent
            versions = os.path.join(os.environ["PODUS_HOME"], "run", "versions")
            return [
                sum(type(o) is types.FunctionType for o in objects),
                sum(type(o) is types.ModuleType for o in objects),
                sum(isinstance(o, type) for o in objects),
                len(agent.versions), len(agent.updates), len(os.listdir(versions)),
            ]
        held = [shop.f, shop.C, shop.make(), shop.C()]
        seen, after = [], []
        for number in range(2, 32):
            write("shop.py", texts(number))
            update = podus.update()
            assert update.state == "complete"
            values = {shop.f(), held[0](), shop.A, shop.C.a, held[3].m(), held[3].p, held[2]()}
            assert values == {number}, values
            if number % 5 == 0:
                assert update.back_out() == "backed-out"
                assert {shop.f(), shop.A, held[3].m(), held[2]()} == {number - 1}
            if number in (20, 30):
                after.append(counts())
        show(held[0] is shop.f, held[1] is shop.C, after)
    """
    shop = """
        import functools
        A = 1
        def deco(f):
            @functools.wraps(f)
            def inner(): return f()
            return inner
        @deco
        def f(): return 1
        class C:
            a = 1
            def m(self): return 1
            @property
            def p(self): return 1
        def make():
            def inner(): return 1
            return inner
    """
    same_f, same_class, (early, late) = script(begin(text), shop=shop)
    assert same_f and same_class
    functions, modules, classes, versions, updates, directories = late
    assert functions <= early[0] + 5 and modules <= early[1] and classes <= early[2], (early, late)
    assert versions <= 8 and updates <= 20 and directories <= 20, (early, late)


def test_what_was_imported_since_an_update_stays_when_it_is_backed_out(script: Script) -> None:
    text = """
        import sys
        write("shop.py", "import fresh\\ndef f(): return fresh.X\\n")
        write("fresh.py", "X = 2\\n")
        update = podus.update()
        write("late.py", "def g(): return 1\\n")
        import late
        there = shop.f()
        first = update.back_out()
        names = ["late" in sys.modules, "fresh" in sys.modules]
        again = podus.update()
        show(there, first, names, again.back_out(), late.g(), shop.f(), sys.modules["late"] is late)
    """
    found = script(begin(text), shop="def f(): return 1\n")
    assert found == [2, "backed-out", [True, False], "backed-out", 1, 1, True]


def test_nobody_waits_for_a_generator_that_only_the_waiter_could_resume(script: Script) -> None:
    text = """
        held = shop.g()
        next(held)
        write("shop.py", "def g():\\n    yield 2\\n    yield 2\\ndef f(): return 2\\n")
        update = podus.update()
        before = [update.state, update.pending, shop.f()]
        show(before, list(held), update.wait(), list(shop.g()))
    """
    source = "def g():\n    yield 1\n    yield 1\ndef f(): return 1\n"
    assert script(begin(text), shop=source) == [["complete", [], 2], [1], "complete", [2, 2]]


def test_nobody_waits_to_go_back_for_what_is_on_its_own_stack(script: Script) -> None:
    text = """
        leave = park()
        old = (here / "shop.py").read_text()
        write("shop.py", old.replace("return 1", "return 2").replace("def g(): return 2", "def g(then): return [2, then()]"))
        update = podus.update(wait=False)
        while "shop:g" not in update.switched:
            update.wait(0.05)
        inside = shop.g(lambda: update.back_out())
        show(inside, leave(), update.wait(), shop.g())
    """
    assert script(begin(text), shop=PARKED) == [[2, "backing-out"], 1, "backed-out", 1]


def test_an_update_with_a_timeout_does_not_wait_for_who_asked_for_it(script: Script) -> None:
    old = "import podus\ndef reload():\n    update = podus.update(timeout=30)\n    return update, update.state, 1\n"
    text = f"""
        import time
        write("shop.py", {old.replace(", 1", ", 2")!r})
        since = time.monotonic()
        update, state, _ = shop.reload()
        show(state, time.monotonic() - since < 20, update.wait(), shop.reload()[2])
    """
    assert script(begin(text), shop=old) == ["pending", True, "complete", 2]


def test_an_update_with_nothing_to_do_is_not_the_last_one(script: Script) -> None:
    text = """
        write("shop.py", "def f(): return 2\\n")
        update = podus.update()
        empty = podus.update()
        show(empty.state, empty.back_out(), shop.f(), update.back_out(), shop.f())
    """
    assert script(begin(text), shop="def f(): return 1\n") == ["complete", "complete", 2, "backed-out", 1]


def test_a_way_back_that_is_given_up_says_why(script: Script) -> None:
    text = f"""
        def fails(new): raise KeyError("no")
        write("shop.py", {MAPPED_NEW!r})
        update = podus.update(support=[podus.mapper("shop:levels", reverse=fails)(lambda old: list(old.items()))])
        show(update.back_out(30), update.reason, shop.read("a"))
    """
    state, reason, value = script(begin(text), shop=MAPPED)
    assert (state, value) == ("complete", 10)
    assert reason == "the way back was given up: the mapper of shop:levels raised KeyError: 'no'"
