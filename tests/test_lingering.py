"""Code of the old version that lives on finds what it names, though the new version does not have it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

LOOP = """
import threading
asked, answered, stop = threading.Event(), threading.Event(), []
STEP = 1
seen = []
def job(): seen.append(STEP)
class Worker:
    def run(self):
        while not stop:
            asked.wait()
            asked.clear()
            self.step()
            answered.set()
    def step(self): job()
def once():
    answered.clear()
    asked.set()
    answered.wait(10)
    return len(seen)
"""
RENAMED = (
    LOOP.replace("STEP", "SIZE").replace("job", "work").replace("run", "loop").replace("self.step", "self.go")
).replace("def step", "def go")


def test_a_thread_in_a_loop_that_was_removed_goes_on(program: Start) -> None:
    app = program(shop=LOOP)
    app.run("worker = shop.Worker()\nt = shop.threading.Thread(target=worker.run, daemon=True)\nt.start()")
    assert app("shop.once()") == 1
    app.edit(shop=RENAMED)
    status = app.update()
    assert app("[shop.once(), shop.once(), t.is_alive()]") == [2, 3, True]
    assert any("shop:Worker.run is left over and running" in note for note in status["notes"])
    app.run("shop.stop.append(1)\nshop.once()\nt.join(10)\ndel worker, t")
    app.replace("shop", "seen = []", "seen = []\nMORE = 1").update()
    assert app("[n for n in ('job', 'STEP') if hasattr(shop, n)]") == []
    assert app("[n for n in ('run', 'step') if hasattr(shop.Worker, n)]") == []


HELD = """
LIMIT = 10
def helper(): return LIMIT
def callback(): return helper() + 1
class Account:
    def __init__(self): self.rate = LIMIT
    def total(self): return helper() + self.rate
    @classmethod
    def made(cls): return Account()
class Special:
    def copy(self): return Special()
    def rate(self): return helper()
"""
BARE = "class Account:\n    def __init__(self): self.rate = 10\n"
NAMES = "[n for n in ('LIMIT', 'helper', 'callback', 'Special') if hasattr(shop, n)]"


def test_what_nobody_holds_is_gone_at_once(program: Start) -> None:
    app = program(shop=HELD)
    app.run("shop.callback(), shop.Account.made().total(), shop.Special().copy().rate()")
    assert app.edit(shop=BARE).update()["notes"] == []
    assert app(NAMES) == []
    assert app("hasattr(shop.Account, 'total') or hasattr(shop.Account, 'made')") is False


def test_a_callback_that_somebody_holds_finds_what_it_names(program: Start) -> None:
    app = program(shop=HELD)
    app.run("held = [shop.callback]")
    app.edit(shop=BARE).update()
    assert app("[held[0](), hasattr(shop, 'callback')]") == [11, False]
    assert app(NAMES) == ["LIMIT", "helper"]
    app.run("held.clear()")
    app.edit(shop=BARE + "X = 1\n").update()
    assert app(NAMES) == []


def test_bound_methods_and_objects_of_a_class_that_is_gone(program: Start) -> None:
    app = program(shop=HELD)
    app.run("total, made, special = shop.Account().total, shop.Account.made, shop.Special()")
    app.edit(shop=BARE).update()
    assert app("[total(), type(made()).__name__, special.rate(), special.copy().rate()]") == [
        20,
        "Account",
        10,
        10,
    ]


def test_closures_that_live_on(program: Start) -> None:
    app = program(shop="def helper(): return 1\ndef make():\n    return lambda: helper() + 1\n")
    app.run("f = shop.make()")
    app.edit(shop="X = 1\n").update()
    assert app("[f(), hasattr(shop, 'make')]") == [2, False]


def test_a_coroutine_that_ends_in_its_old_version(program: Start) -> None:
    old = """
import asyncio
def helper(): return "old"
async def serve(event):
    await event.wait()
    return helper()
"""
    app = program(shop=old)
    app.run(
        "import asyncio, threading\nloop = asyncio.new_event_loop()\nevent = asyncio.Event()\n"
        "threading.Thread(target=loop.run_forever, daemon=True).start()\n"
        "future = asyncio.run_coroutine_threadsafe(shop.serve(event), loop)\n"
        "begun = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result()"
    )
    app.edit(shop=old.replace("helper", "other").replace('"old"', '"new"')).update()
    app.run("loop.call_soon_threadsafe(event.set)")
    assert app("future.result(10)") == "old"
    assert app("asyncio.run_coroutine_threadsafe(shop.serve(event), loop).result(10)") == "new"


def test_back_out_with_a_thread_in_what_only_the_new_version_has(program: Start) -> None:
    app = program(shop=LOOP)
    app.edit(shop=RENAMED).update()
    app.run("t = shop.threading.Thread(target=shop.Worker().loop, daemon=True)\nt.start()")
    assert app("shop.once()") == 1
    app.update(back_out=True)
    assert app("[shop.once(), shop.once(), t.is_alive(), hasattr(shop, 'job')]") == [2, 3, True, True]
    app.edit(shop=RENAMED).update()
    assert app("[shop.once(), hasattr(shop, 'work'), hasattr(shop.Worker, 'loop')]") == [4, True, True]


def test_back_out_in_the_middle_with_a_thread_in_what_only_the_new_version_has(program: Start) -> None:
    old = LOOP + "def f():\n    gate('in')\n    return 1\ndef start(): return None\n"
    new = RENAMED + (
        "def f():\n    gate('in')\n    return 2\n"
        "def start():\n    t = threading.Thread(target=Worker().loop, daemon=True)\n    t.start()\n    return t\n"
    )
    app = program(shop=old)
    app.start("f", "shop.f()", at="in")
    update = app.edit(shop=new).begin()
    app.until_switched(update, "shop:start")
    app.run("t = shop.start()")
    assert app("shop.once()") == 1
    app.back_out(update)
    app.open("in")
    app.until(update, "backed-out")
    assert app("[shop.once(), shop.once(), t.is_alive(), shop.start()]") == [2, 3, True, None]
    app.run("shop.stop.append(1)\nshop.once()\nt.join(10)\ndel t")
    app.edit(shop=old + "X = 1\n").update()
    assert app("[n for n in ('work', 'SIZE') if hasattr(shop, n)]") == []
    assert app("[n for n in ('loop', 'go') if hasattr(shop.Worker, n)]") == []


def test_nothing_stays_of_an_update_that_failed(program: Start) -> None:
    app = program(shop="X = 1\n")
    new = "import copyreg\nclass Price:\n    def copy(self): return Price()\ncopyreg.pickle(Price, Price.copy)\nX = NOTHING\n"
    app.edit(shop=new)
    assert "NOTHING" in app.until(app.begin(), "failed")["reason"]
    assert app("[hasattr(shop, 'Price'), shop.X]") == [False, 1]
    app.edit(shop=new.replace("NOTHING", "Price().copy().__class__ is Price")).update()
    assert app("shop.X") is True


def test_an_override_that_goes_is_not_kept_for_asking_its_base(program: Start) -> None:
    old = """
        class Base:
            def close(self): return ['base']
            def flush(self): return ['flushed']
        class File(Base):
            def flush(self): return ['file']
            def close(self): return self.flush() + super().close() + super(File, self).flush()
    """
    app = program(m=old)
    app.run("f = m.File(); held = f.close")
    new = old[: old.index("            def flush(self): return ['file']")] + "            pass\n"
    status = app.edit(m=new).update()
    assert app("[f.close(), held(), f.flush()]") == [["base"], ["file", "base", "flushed"], ["file"]]
    assert [n for n in status["notes"] if "stays" in n] == [
        "flush stays for now: m:File.close is left over and held"
    ]
    app.run("held = None")
    app.edit(m=new + "        x = 1\n").update()
    assert app("f.flush()") == ["flushed"]
    app.edit(m=old).update()
    assert app("f.close()") == ["file", "base", "flushed"]


# What an update brought that is held by nothing but podus itself: old modules, new ones, and what to look at.
OURS_ALONE = {
    "a handler in a registry": (
        {
            "m": "routes = {}\ndef route(p):\n    def deco(f):\n        routes[p] = f\n        return f\n    return deco\n@route('a')\ndef a(): return 1\n",
            "n": "def text(): return 2\n",
        },
        {
            "m": "from n import text\nroutes = {}\ndef route(p):\n    def deco(f):\n        routes[p] = f\n        return f\n    return deco\n@route('a')\ndef a(): return 1\n@route('b')\ndef b(): return text()\n"
        },
        "m",
    ),
    "a function that others lead to": (
        {"a": "class X: pass\ndef f(): return X()\n", "m": "K = 1\n", "c": "from a import X, f\n"},
        {"a": "K = 1\n", "m": "class X: pass\ndef f(): return (X(),)\n", "c": "from m import X, f\n"},
        "m",
    ),
    "a method of a class whose subclass is replaced": (
        {"m": "class E(Exception): pass\nclass T(E): pass\n"},
        {
            "m": "class E(Exception):\n    code = 5\n    def f(self): return self.code\nclass T(E, TimeoutError): pass\n"
        },
        "m.E",
    ),
}


@pytest.mark.parametrize("what", OURS_ALONE)
def test_what_podus_alone_holds_goes_with_the_way_back(program: Start, what: str) -> None:
    old, new, place = OURS_ALONE[what]
    app = program(**old)
    before = app(f"sorted(vars({place}))")
    app.edit(**new).update()
    assert app(f"sorted(vars({place}))") != before
    app.update(back_out=True)
    assert app(f"[n for n in vars({place}) if n != '__annotations__' and n not in {before!r}]") == []


def test_what_a_forward_leads_to_stays_as_long_as_somebody_holds_that(program: Start) -> None:
    app = program(a="def f(): return 1\n", m="K = 1\n")
    app.run("held = a.f")
    app.edit(a="from m import f\n", m="SIZE = 7\ndef f(): return SIZE\n").update()
    assert app("held()") == 7
    app.edit(a="K = 2\n", m="K = 1\n").update()
    assert app("held()") == 7
