"""What updates from one release of a real package to the next have shown, each as the smallest program that shows it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

# name: (old source, what is done with it, new source, what is true afterwards)
CASES: dict[str, tuple[str, str, str, str]] = {
    "a class gets its first base": (
        "class A:\n    def f(self): return 1\nclass C:\n    pass",
        "c = m.C(); c.x = 1; C = m.C",
        "class A:\n    def f(self): return 1\nclass C(A):\n    pass",
        "c.f() == 1 and c.__dict__ == {'x': 1} and m.C is C and C.__bases__ == (m.A,) and C in m.A.__subclasses__()",
    ),
    "a class becomes generic": (
        "import typing as t\nT = t.TypeVar('T')\nclass C:\n    def f(self): return 1",
        "c = m.C(); c.x = 1",
        "import typing as t\nT = t.TypeVar('T')\nclass C(t.Generic[T]):\n    def f(self): return 2",
        "c.f() == 2 and m.C[int]().f() == 2 and c.x == 1 and m.C.__parameters__ == (m.T,)",
    ),
    "a class loses its base": (
        "class A:\n    def f(self): return 1\nclass C(A):\n    pass",
        "import weakref; c = m.C(); c.x = 1",
        "class C:\n    def g(self): return 2",
        "c.g() == 2 and not hasattr(c, 'f') and c.__dict__ == {'x': 1} and weakref.ref(c)() is c and type(c).__bases__ == (object,)",
    ),
    "an exception becomes another": (
        "class E(Exception):\n    pass",
        "E = m.E; e = E('x')",
        "class E(ValueError):\n    pass",
        "m.E is E and isinstance(e, ValueError) and e.args == ('x',)",
    ),
    "a class with slots is made again": (
        "class M(type): pass\nclass C(metaclass=M):\n    __slots__ = ('a',)\n    x = 1",
        "c = m.C(); c.a = 5",
        "class M(type): pass\nclass C(metaclass=M):\n    __slots__ = ('a',)\n    x = 2",
        "[c.a, c.x, type(c) is m.C] == [5, 2, True] and setattr(m.C(), 'a', 1) is None",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_release(program: Start, case: str) -> None:
    old, held, new, true = CASES[case]
    app = program(m=old + "\n")
    app.run(held)
    app.edit(m=textwrap.dedent(new) + "\n").update()
    assert app(true), case
