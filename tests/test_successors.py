"""What a decorator made and can't be kept: the new one stands wherever the old one stood, and the old one does after a back-out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

TOOLS = """
class Memo:
    def __init__(self, n): self.n = n
    def __call__(self, f): return Bound(f, self.n)
class Bound:
    def __init__(self, f, n=0): self.f, self.n, self.seen = f, n, {}
    def __call__(self, x): return self.seen.setdefault(x, self.f(x))
"""
HELD = """
import functools
from collections import deque
from tools import Bound, Memo
%s
def rate(x):
    return x * 2
commands = {"rate": rate, "deep": [{"rate": rate}]}
class Slotted:
    __slots__ = ("rate",)
class Holder: kept = rate
holder, slotted = Holder(), Slotted()
holder.rate = slotted.rate = rate
part = functools.partial(rate, 3)
several = [rate, deque([rate]), {rate}]
def late(f=rate): return f
def closing(f): return lambda: f
close = closing(rate)
def all_of():
    return [commands["rate"], commands["deep"][0]["rate"], Holder.__dict__["kept"], holder.rate, slotted.rate, part.func,
            several[0], several[1][0], *several[2], late(), close()]
"""
# Decorators before and after.
CHANGES = {
    "other arguments": ("@functools.lru_cache(maxsize=2)", "@functools.lru_cache(maxsize=64)"),
    "another one of the library's": ("@functools.lru_cache", "@functools.cache"),
    "an object with other arguments": ("@Memo(2)", "@Memo(64)"),
    "an object of another class": ("@Bound", "@functools.cache"),
    "no longer decorated": ("@functools.cache", ""),
    "decorated": ("", "@functools.cache"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_stands_wherever_the_old_one_stood(program: Start, change: str) -> None:
    before, after = CHANGES[change]
    app = program(tools=TOOLS, m=HELD % before, n="from m import rate\ntable = [rate]\n")
    app.run("m.rate(1)")
    app.edit(m=HELD % after).update()
    assert app("{x is m.rate for x in [*m.all_of(), n.rate, n.table[0]]}") == app("{True}")
    assert app("[m.rate(4), m.part(), type(m.rate).__name__]")[:2] == [8, 6]
    app.update(back_out=True)
    assert app("{x is m.rate for x in [*m.all_of(), n.rate, n.table[0]]}") == app("{True}")
    assert app("m.rate(4)") == 8


def test_a_cache_is_cleared_by_whatever_name_it_is_called(program: Start) -> None:
    text = "import functools\nrates = {'eur': 1}\n@functools.lru_cache(maxsize=2)\ndef rate(x): return rates[x]\ncommands = {'rate': rate}\n"
    app = program(m=text)
    app.run("m.commands['rate']('eur')")
    app.replace("m", "maxsize=2", "maxsize=64").update()
    assert app(
        "[m.commands['rate']('eur'), m.rates.update(eur=2), m.rate.cache_clear(), m.commands['rate']('eur')]"
    ) == [1, None, None, 2]
    assert app("m.commands['rate'].cache_info().maxsize") == 64


def test_another_object_under_the_name_of_data_does_not_stand_where_the_old_one_stood(program: Start) -> None:
    app = program(tools=TOOLS, m="from tools import Bound\nhook = Bound(len, 1)\n")
    app.run("held = [m.hook]")
    app.replace("m", "len, 1", "len, 2").update(reset=["m:hook"])
    assert app("[m.hook.n, held[0].n]") == [2, 1]


def test_a_function_stands_where_a_class_of_its_name_stood(program: Start) -> None:
    old = "class Parser:\n    def __init__(self, text): self.text = text\nCALLS = {'p': Parser}\n"
    app = program(m=old, n="from m import Parser\nmade = Parser('x')\n")
    app.edit(
        m=old.replace("Parser:", "_Parser:") + "def Parser(text): return _Parser(text.upper())\n"
    ).update()
    assert app("[m.CALLS['p'] is m.Parser is n.Parser, m.CALLS['p']('a').text]") == [True, "A"]
    app.update(back_out=True)
    assert app("[m.CALLS['p'] is m.Parser is n.Parser is type(n.made), m.CALLS['p']('a').text]") == [
        True,
        "a",
    ]


WRAPPING = """
import functools
ALL, BUSY = [], []
def cached(f):
    @functools.wraps(f)
    def wrapper(x): return f(x)
    ALL.append(wrapper)
    return wrapper
"""
AS_A_CLASS = """
import functools
ALL, BUSY = [], []
class cached:
    def __init__(self, f):
        functools.update_wrapper(self, f)
        self.f = f
        ALL.append(self)
    def __call__(self, x): return self.f(x)
"""
ITEMS = "from deco import *\n@cached\ndef a(x): return x\n@cached\ndef b(x): return x\n"


def test_a_registering_decorator_that_becomes_a_class_registers_each_once(program: Start) -> None:
    app = program(deco=WRAPPING, items=ITEMS)
    app.run("deco.BUSY.append(items.a)")
    kept = app("[id(f) for f in deco.ALL]")
    items = ITEMS.replace("(x):", "(x: int):")
    app.edit(deco=AS_A_CLASS, items=items).update()
    assert app("[type(f).__name__ for f in deco.ALL]") == ["cached", "cached"]
    assert app("deco.ALL == [items.a, items.b] and deco.BUSY == [items.a]") is True
    app.update(back_out=True)
    assert app("[id(f) for f in deco.ALL]") == kept
    assert app("deco.ALL == [items.a, items.b] and deco.BUSY == [items.a]") is True
