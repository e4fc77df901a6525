"""A decorator that itself changes decorates again what it has decorated, if it does nothing else; else the plan says that it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

SHOP = """
    import marks
    @marks.dec
    def f(x):
        'doc'
        return x
    class C:
        @marks.dec
        def m(self):
            return 1
    held, bound = f, C().m
"""
PLAIN = "def dec(f):\n    return f\n"
WRAPS = "def dec(f):\n    def w(*a):\n        return f(*a)\n    return w\n"
# What the decorator was, what it is, and what is true then.
CHANGES = {
    "begins to wrap": (PLAIN, WRAPS.replace("f(*a)", "f(*a) * 10"), "f(3) == 30 and bound() == 10"),
    "wraps no more": (WRAPS.replace("f(*a)", "f(*a) * 10"), PLAIN, "f(3) == 3 and bound() == 1"),
    "names": (
        WRAPS,
        "from functools import wraps\n" + WRAPS.replace("    def w", "    @wraps(f)\n    def w"),
        "f.__name__ == 'f' and f.__doc__ == 'doc' and f.__wrapped__(4) == 4",
    ),
    "marks": (WRAPS, WRAPS.replace("    return w", "    w.tag = f.__name__\n    return w"), "f.tag == 'f'"),
    "marks what it is given": (
        PLAIN,
        PLAIN.replace("    return f", "    if callable(f):\n        f.tag = 7\n    return f"),
        "f.tag == 7",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_it_has_decorated_is_decorated_again(program: Start, change: str) -> None:
    old, new, true = CHANGES[change]
    app = program(marks=old, shop=SHOP)
    update = app.edit(marks=new).update()
    space = "{**vars(shop)}"
    assert app(f"eval({true!r}, {space})")
    assert app("shop.held is shop.f and shop.held(5) == shop.f(5)")
    assert app("shop.bound() == shop.C().m()")
    assert not update["notes"]
    app.update(back_out=True)
    assert app("shop.held is shop.f and not hasattr(shop.f, 'tag')")
    assert app("shop.f(3)") == (30 if "10" in old else 3)
    assert app("shop.bound() == shop.C().m()")


def test_a_factory_and_a_class(program: Start) -> None:
    old = "def dec(n):\n    def d(thing):\n        return thing\n    return d\n"
    app = program(
        marks=old, shop="from marks import dec\n@dec(3)\nclass C: pass\n@dec(n=4)\ndef f(): pass\nc = C()\n"
    )
    app.edit(marks=old.replace("        return thing", "        thing.n = n\n        return thing")).update()
    assert app("[shop.C.n, shop.c.n, shop.f.n]") == [3, 3, 4]


# What is remembered, counted or registered for each definition is not made again.
MORE = {
    "registers": "known = []\ndef dec(f):\n    known.append(f.__name__)\n    return f\n",
    "counts": "def dec(f):\n    n = 0\n    def w(*a):\n        nonlocal n\n        n += 1\n        return n\n    return w\n",
    "remembers": "def dec(f):\n    known = {}\n    def w(*a):\n        return known.setdefault(a, len(known))\n    return w\n",
    "marks calls": "def dec(f):\n    def w(*a):\n        w.calls += 1\n        return w.calls\n    w.calls = 0\n    return w\n",
}


@pytest.mark.parametrize("kind", MORE)
def test_what_does_more_is_left_and_told(program: Start, kind: str) -> None:
    old = MORE[kind]
    app = program(marks=old, shop="import marks\n@marks.dec\ndef f(x): return x\nf(1)\nf(2)\n")
    first, _, last = old.rstrip().rpartition("\n")
    plan = app.edit(marks=f"{first}\n    f.tag = 1\n{last}\n").plan()
    told = [note.text for note in plan.notes]
    assert told == [
        "`dec` decorates otherwise now, and may do more than that: what it has decorated is not decorated again (f)"
    ]
    before = app("getattr(marks, 'known', None)")
    app.update()
    assert app("getattr(marks, 'known', None)") == before
    assert app("shop.f(3)") == (2 if kind == "remembers" else 3)
