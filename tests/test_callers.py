"""Whoever calls a procedure in the old way never meets its new interface, by whatever way it comes to it; nor does new code on the way back meet the old one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

# What stands before `feed`, and how that calls `fmt(1, 2)`: in the new version with one pair.
WAYS = {
    "by its name": ("", "fmt(1, 2)"),
    "by another name": ("other = fmt\n", "other(1, 2)"),
    "by a partial": ("from functools import partial\nhalf = partial(fmt, 1)\n", "half(2)"),
    "by a table": ("TABLE = {'f': [fmt]}\n", "TABLE['f'][0](1, 2)"),
    "by a text": ("import sys\n", "getattr(sys.modules[__name__], 'fmt')(1, 2)"),
    "by what hands everything on": ("def submit(*args): return fmt(*args)\n", "submit(1, 2)"),
}
FEED = "def feed():\n    gate('in')\n    return {call}\n"


def text(way: str, new: bool) -> str:
    before, call = WAYS[way]
    fmt = "def fmt(pair): return ['new', *pair]\n" if new else "def fmt(a, b): return ['old', a, b]\n"
    if new:
        before = before.replace("partial(fmt, 1)", "partial(fmt)")
        call = (
            call.replace("half(2)", "half((1, 2))")
            .replace("(1, 2)", "((1, 2))")
            .replace("(((1, 2)))", "((1, 2))")
        )
    return fmt + before + FEED.format(call=call)


@pytest.mark.parametrize("way", WAYS)
def test_an_active_caller_ends_with_the_old_interface(program: Start, way: str) -> None:
    app = program(m=text(way, False))
    app.start("t", "m.feed()", at="in")
    update = app.edit(m=text(way, True)).begin()
    app.until_waiting(update, "m:feed")
    app.open("in")
    assert app.join("t") == ["old", 1, 2]
    app.until(update, "complete")
    app.start("t", "m.feed()", at="in")
    app.run("import podus.api")
    back = app.begin(back_out=True)
    app.until_waiting(back, "m:feed")
    app.open("in")
    assert app.join("t") == ["new", 1, 2]
    app.until(back, "complete")


# Old and new modules in which `feed` comes to `fmt` by the way of something that only one version has.
BETWEEN = {
    "a function": ("def put(): return fmt(1, 2)\n", "put()", "def store(): return fmt((1, 2))\n", "store()"),
    "a class": (
        "class Put:\n    def go(self): return fmt(1, 2)\n",
        "Put().go()",
        "class Store:\n    def go(self): return fmt((1, 2))\n",
        "Store().go()",
    ),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_what_goes_and_what_comes_stands_between(program: Start, what: str) -> None:
    goes, calls, comes, says = BETWEEN[what]
    old = "def fmt(a, b): return ['old', a, b]\n" + goes + FEED.format(call=calls)
    new = "def fmt(pair): return ['new', *pair]\n" + comes + FEED.format(call=says)
    app = program(m=old)
    app.start("t", "m.feed()", at="in")
    update = app.edit(m=new).begin()
    app.until_waiting(update, "m:feed")
    app.open("in")
    assert app.join("t") == ["old", 1, 2]
    app.until(update, "complete")
    app.start("t", "m.feed()", at="in")
    back = app.begin(back_out=True)
    app.until_waiting(back, "m:feed")
    app.open("in")
    assert app.join("t") == ["new", 1, 2]
    app.until(back, "complete")


def test_who_is_in_something_that_goes_is_waited_for(program: Start) -> None:
    old = "def fmt(a, b): return ['old', a, b]\ndef job():\n    gate('in')\n    return fmt(1, 2)\n"
    app = program(m=old)
    app.start("t", "m.job()", at="in")
    new = "def fmt(pair): return ['new', *pair]\ndef task():\n    gate('in')\n    return fmt((1, 2))\n"
    update = app.edit(m=new).begin()
    app.until_waiting(update, "which goes and may call it in the old way")
    app.open("in")
    assert app.join("t") == ["old", 1, 2]
    app.until(update, "complete")


def test_who_is_in_something_that_goes_for_ever_is_not_broken(program: Start) -> None:
    old = (
        "def fmt(a, b): return [a, b]\ndef work():\n    while True:\n        gate('in')\n        fmt(1, 2)\n"
    )
    app = program(m=old)
    app.start("t", "m.work()", at="in")
    new = (
        old.replace("(a, b)", "(pair)")
        .replace("[a, b]", "pair")
        .replace("def work", "def run")
        .replace("1, 2", "(1, 2)")
    )
    (refusal,) = app.edit(m=new).plan().refusals
    assert (
        "its caller m:work, which the new version does not have, is active and never returns" in refusal.text
    )


# Data and fields: how `feed` comes to what changes its form, in the old and in the new version, and what it gives.
FORMS = {
    "data of another form": (
        "PRICES = {'a': 1}\ndef look(k): return PRICES[k] + 1\ndef feed():\n    gate('in')\n    return look('a')\n",
        "PRICES = {'a': (1, 2)}\ndef price(k): return PRICES[k][0] + 1\ndef feed():\n    gate('in')\n    return price('a')\n",
    ),
    "a field that goes": (
        "class S:\n    def __init__(self): self.step = 2\n    def handle(self): return self.step\ndef feed():\n    gate('in')\n    return S().handle()\n",
        "class S:\n    def __init__(self): pass\n    def handle(self): return 2\ndef feed():\n    gate('in')\n    return S().handle() * 1\n",
    ),
    "a field that only new objects have": (
        "class C:\n    def __init__(self, a): self.a = a\n    def val(self): return self.a\ndef feed():\n    gate('in')\n    return C(2).val()\n",
        "class C:\n    def __init__(self, a, b):\n        self.a = a\n        self.b = b\n    def val(self): return self.b\ndef feed():\n    gate('in')\n    return C(1, 2).val()\n",
    ),
}


@pytest.mark.parametrize("what", FORMS)
def test_an_active_user_ends_with_the_old_form(program: Start, what: str) -> None:
    old, new = FORMS[what]
    app = program(m=old)
    app.start("t", "m.feed()", at="in")
    update = app.edit(m=new).begin()
    app.until_waiting(update, "m:feed")
    app.open("in")
    assert app.join("t") == 2
    app.until(update, "complete")
    app.start("t", "m.feed()", at="in")
    back = app.begin(back_out=True)
    app.until_waiting(back, "m:feed")
    app.open("in")
    assert app.join("t") == 2
    app.until(back, "complete")


def test_new_code_that_comes_to_mapped_data_by_something_added_waits_for_the_mapper(program: Start) -> None:
    old = "TABLE = {}\ndef feed(k): TABLE[k] = 1\ndef slow():\n    gate('in')\n    return len(TABLE)\n"
    new = "TABLE = []\ndef store(k): TABLE.append(k)\ndef feed(k): store(k)\ndef slow():\n    gate('in')\n    return len(TABLE) + 0 * len(list())\n"
    app = program(m=old)
    app.start("t", "m.slow()", at="in")
    support = "import podus\n@podus.mapper('m:TABLE', reverse=lambda new: dict.fromkeys(new, 1))\ndef table(old): return list(old)\n"
    update = app.edit(m=new).begin(support=support)
    app.until_waiting(update, "m:slow")
    app.run("m.feed('a')")
    app.open("in")
    assert app.join("t") == 1
    app.until(update, "complete")
    app.run("m.feed('b')")
    assert app("m.TABLE") == ["a", "b"]
