"""Lists of handlers that were in the order of their module's text are so after an update, and after the way back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

HEAD = """
import functools
CHAIN = []
def handler(f):
    CHAIN.append(f)
    return f
def wrapped(f):
    @functools.wraps(f)
    def w(): return f()
    CHAIN.append(w)
    return w
class Plugin:
    known = []
    def __init_subclass__(cls): cls.known.append(cls)
def names(): return [f.__name__ for f in CHAIN], [c.__name__ for c in Plugin.known]
"""


def text(how: str, names: str, plugins: str = "PQ") -> str:
    handlers = "".join(f"@{how}\ndef {name}(): return '{name}'\n" for name in names)
    return HEAD + handlers + "".join(f"class {name}(Plugin): pass\n" for name in plugins)


@pytest.mark.parametrize("how", ["handler", "wrapped"])
def test_what_comes_between_others_stands_between_them(program: Start, how: str) -> None:
    app = program(m=text(how, "abd"))
    app.edit(m=text(how, "zacd", "OPQ")).update()
    assert app("m.names()") == [list("zacd"), list("OPQ")]
    app.update(back_out=True)
    assert app("m.names()") == [list("abd"), list("PQ")]
    app.edit(m=text(how, "dcba", "PQ")).update()
    assert app("m.names()[0]") == list("dcba")
    app.update(back_out=True)
    assert app("m.names()[0]") == list("abd")


def test_what_the_program_has_ordered_otherwise_is_left_so(program: Start) -> None:
    app = program(m=text("handler", "abd"))
    app.run("m.CHAIN.reverse()")
    app.edit(m=text("handler", "acbd")).update()
    assert app("m.names()[0]") == list("dbac")


def test_what_it_has_put_in_itself_comes_behind(program: Start) -> None:
    app = program(m=text("handler", "ad"), n="def own(): return 1\n")
    app.edit(m=text("handler", "acd")).update()
    app.run("m.CHAIN.append(n.own)")
    app.edit(m=text("handler", "abcd")).update()
    # A list with something else in it is none of the text's order.
    assert app("m.names()[0]") == ["a", "c", "d", "own", "b"]
