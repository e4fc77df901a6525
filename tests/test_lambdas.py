"""Lambdas have no names: which of the new version is which is told by what stands around them, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

OPS = "OPS = {'add': lambda a, b: a + b, 'mul': lambda a, b: a * b}\n"
CASES = {
    "one edited, one more": (
        "class T:\n    a = property(lambda self: 'a')\n",
        ("(lambda self: 'a')\n", "(lambda self: 'A')\n    c = property(lambda self: 'C')\n"),
        "[m.T().a]",
        ["A"],
    ),
    "one inserted": (OPS, ("'mul'", "'sub': lambda a, b: a - b, 'mul'"), "[f(2, 3) for f in held]", [5, 6]),
    "one inserted, one edited": (
        OPS,
        ("a + b", "b + a, 'sub': lambda a, b: a - b"),
        "[f(2, 3) for f in held]",
        [5, 6],
    ),
    "one gone": (OPS, ("'add': lambda a, b: a + b, ", ""), "held[1](2, 3)", 6),
    "all edited": (OPS.replace("+", "-"), ("a", "10 * a"), "held[1](2, 3)", 60),
}


@pytest.mark.parametrize("case", CASES)
def test_a_lambda_is_not_taken_for_another(program: Start, case: str) -> None:
    old, change, what, expected = CASES[case]
    new = old.replace("a * b", "10 * a * b") if case == "all edited" else old.replace(*change)
    app = program(m=old)
    app.run("held = list(getattr(m, 'OPS', {}).values()); before = [f(2, 3) for f in held]")
    app.edit(m=new).update()
    assert app(what) == expected
    app.update(back_out=True)
    assert app("[f(2, 3) for f in held] == before")


def test_lambdas_of_live_objects_are_not_taken_for_others(program: Start) -> None:
    old = "class C:\n    def __init__(self):\n        self.on = {}\n        self.on['open'] = lambda: self.do('open')\n        self.on['quit'] = lambda: self.do('quit')\n    def do(self, what): return what\n"
    app = program(m=old)
    app.run("c = m.C()")
    lines = "        self.on['delete'] = lambda: self.do('delete', 1)\n        self.on['quit']"
    new = old.replace("        self.on['quit']", lines).replace("'open')", "'open', 1)")
    app.edit(m=new.replace("'quit')", "'quit', 1)").replace("what)", "what, n=0)")).update()
    assert app("[f() for f in c.on.values()]") == ["open", "quit"]
    assert app("[f() for f in m.C().on.values()]") == ["open", "delete", "quit"]


def test_what_a_lambda_has_shaped_is_made_again(program: Start) -> None:
    """Where it is called at once; one that is handed on lives on, and changes where it is."""
    old = """
        import functools
        ITEMS = [("tea", 3), ("cup", 5)]
        ORDER = sorted(ITEMS, key=lambda i: i[0])
        TOTAL = functools.reduce(lambda a, b: a + b[1], ITEMS, 0)
        NOW = (lambda: 1)()
        class Button:
            def __init__(self, pressed): self.pressed = pressed
        button = Button(lambda: "old")
        def first(order=min(ITEMS, key=lambda i: i[0])): return order
    """
    new = old.replace("key=lambda i: i[0]", "key=lambda i: i[1]").replace("a + b[1]", "a + 2 * b[1]")
    new = new.replace("lambda: 1", "lambda: 2").replace('"old"', '"new"')
    app = program(m=old)
    app.run("import m; button = m.button")
    seen = "[m.ORDER, m.TOTAL, m.NOW, m.button is button, button.pressed(), m.first()]"
    before = app(seen)
    app.edit(m=new).update()
    assert app(seen) == [[["tea", 3], ["cup", 5]], 16, 2, True, "new", ["tea", 3]]
    app.update(back_out=True)
    assert app(seen) == before


def test_a_lambda_becomes_a_function_where_its_importer_changes_too(program: Start) -> None:
    app = program(m="handler = lambda x: x + 1\n", u="from m import handler\n")
    app.edit(m="K = 1\ndef handler(x): return x + 2\n", u="from m import handler, K\n").update()
    assert app("[m.handler(1), u.handler(1), u.K]") == [3, 3, 1]
    app.update(back_out=True)
    assert app("[m.handler(1), u.handler(1), hasattr(u, 'K')]") == [2, 2, False]


@pytest.mark.parametrize("body", ["a + b", "3"])
def test_a_lambda_under_another_key_is_another_one(program: Start, body: str) -> None:
    text = f"OPS = {{'+': lambda a, b: {body}}}\n"
    app = program(m=text)
    app.run("held = m.OPS['+']")
    app.edit(m="def add(a, b): return a + b\nOPS = {'+': add, '*': lambda a, b: a * b}\n").update()
    assert app("[held(1, 2), m.OPS['+'](1, 2), m.OPS['*'](1, 2)]") == [3, 3, 2]
    app.edit(m=text.replace(body, "a - b")).update()
    app.run("held = m.OPS['+']")
    app.edit(m=text.replace(body, "a * 5")).update()
    assert app("held(1, 2)") == 5
