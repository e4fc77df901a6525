"""A second name of a definition (``g = f``) that becomes a definition of its own, and the other way round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

F = "def f(): return 1\n"
C = "class C:\n    def get(self): return 1\n"
A = "class A:\n    def f(self): return 'a'\n"
# The old version, the new one, what is asked, and what it gives before and after.
CHANGES = {
    "function": (F + "g = f\n", F + "def g(): return 2\n", "[m.f(), m.g()]", [1, 1], [1, 2]),
    "function in a condition": (
        F + "if True: g = f\nelse:\n    def g(): return 2\n",
        F + "if False: g = f\nelse:\n    def g(): return 2\n",
        "[m.f(), m.g()]",
        [1, 1],
        [1, 2],
    ),
    "method": (
        C + "    fetch = get\n",
        C + "    def fetch(self): return self.get() + 1\n",
        "[c.get(), c.fetch()]",
        [1, 1],
        [1, 2],
    ),
    "special method": (
        C + "    def __repr__(self): return 'r'\n    __str__ = __repr__\n",
        C + "    def __repr__(self): return 'r'\n    def __str__(self): return 's'\n",
        "[repr(c), str(c)]",
        ["r", "r"],
        ["r", "s"],
    ),
    "property": (
        C + "    @property\n    def x(self): return 1\n    y = x\n",
        C + "    @property\n    def x(self): return 1\n    @property\n    def y(self): return 2\n",
        "[c.x, c.y]",
        [1, 1],
        [1, 2],
    ),
    "method of a class that is made again": (
        C + "    fetch = get\n",
        "import abc\n" + C.replace("class C", "class C(abc.ABC)") + "    def fetch(self): return 2\n",
        "[c.get(), c.fetch()]",
        [1, 1],
        [1, 2],
    ),
    "class": (
        A + "B = A\n",
        A + "class B:\n    def f(self): return 'b'\n",
        "[a.f(), m.A().f(), m.B().f(), m.A is m.B]",
        ["a", "a", "a", True],
        ["a", "a", "b", False],
    ),
    "subclass": (
        A + "B = A\n",
        A + "class B(A):\n    def f(self): return 'b'\n",
        "[a.f(), m.B().f(), issubclass(m.B, m.A), m.B is m.A]",
        ["a", "a", True, True],
        ["a", "b", True, False],
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_second_name_becomes_a_definition_of_its_own(program: Start, kind: str) -> None:
    old, new, asked, before, after = CHANGES[kind]
    app = program(m=old)
    app.run("if hasattr(m, 'C'): c = m.C()\nif hasattr(m, 'A'): a = m.A()\nif hasattr(m, 'f'): f = m.f")
    assert app(asked) == before
    app.edit(m=new).update()
    assert app(asked) == after
    app.update(back_out=True)
    assert app(asked) == before
    app.update()
    assert app(asked) == after
    app.edit(m=old).update()
    assert app(asked) == before


def test_the_first_name_goes_and_who_holds_the_function_goes_along(program: Start) -> None:
    app = program(m="def old(): return 1\nnew = old\n", n="from m import new\nHANDLERS = [new]\n")
    app.edit(m="def new(): return 2\n").update()
    assert app("[m.new(), n.new(), n.HANDLERS[0](), hasattr(m, 'old')]") == [2, 2, 2, False]
