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
    "typing's own names among what is imported": (
        "class A:\n    def f(self): return 1\nclass C: pass",
        "C = m.C",
        "from typing import Dict, List, Tuple\nKNOWN = {'a': List, 'b': Dict}\nclass A:\n    def f(self): return 1\n"
        "class C(A):\n    x: Tuple[A, ...] = ()",
        "m.C is C and C().f() == 1 and str(m.KNOWN['a']) == 'typing.List'",
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
    "a registry refuses a second class of one name": (
        "R = {}\nclass B:\n    def __init_subclass__(cls):\n        if cls.__name__ in R: raise LookupError(cls.__name__)\n"
        "        R[cls.__name__] = cls\nclass C(B):\n    x = 1",
        "c = m.C()",
        "R = {}\nclass B:\n    def __init_subclass__(cls):\n        if cls.__name__ in R: raise LookupError(cls.__name__)\n"
        "        R[cls.__name__] = cls\nclass C(B):\n    x = 2\nclass D(B):\n    x = 3",
        "[c.x, m.R['C'] is m.C, m.R['D'] is m.D, list(m.R)] == [2, True, True, ['C', 'D']]",
    ),
    "a registry of classes by a hook": (
        "R = []\nclass B:\n    def __init_subclass__(cls): R.append(cls)\nclass C(B):\n    x = 1",
        "c = m.C()",
        "R = []\nclass B:\n    def __init_subclass__(cls): R.append(cls)\nclass C(B):\n    x = 2\n    y = 3",
        "[c.y, m.R == [m.C], m.B.__subclasses__() == [m.C]] == [3, True, True]",
    ),
    "a registry of classes by a decorator": (
        "R = {}\ndef reg(c):\n    R[c.__name__] = c\n    return c\n@reg\nclass C:\n    x = 1",
        "c = m.C()",
        "R = {}\ndef reg(c):\n    R[c.__name__] = c\n    return c\n@reg\nclass C:\n    x = 2\n    y = 3",
        "[c.y, m.R['C'] is m.C is type(c)] == [3, True]",
    ),
    "a registry of functions by a decorator": (
        "R = {}\ndef reg(n):\n    def d(f):\n        R[n] = f\n        return f\n    return d\n@reg('f')\ndef f(a=1): return a",
        "f = m.f",
        "R = {}\ndef reg(n):\n    def d(f):\n        R[n] = f\n        return f\n    return d\n@reg('f')\n@reg('g')\ndef f(a=2): return a",
        "[f(), m.R['f'] is f, m.R['g'] is f, m.f is f] == [2, True, True, True]",
    ),
    "what is new refers to what is kept": (
        "def reg(c): return c\n@reg\nclass A:\n    x = 1\nT = (A,)\nH = {A: 1}",
        "a = m.A(); A = m.A",
        "def reg(c): return c\n@reg\nclass A:\n    x = 2\n    y = 3\nclass D(A): pass\nT = (A, D)\nH = {A: 1, 'd': D}\n"
        "def f(a=A): return a\nI = A()\nN = A\nclass E:\n    of = [A]",
        "m.A is A and m.T == (A, m.D) and m.D.__bases__ == (A,) and A in m.H and m.f() is m.N is type(m.I) is A and isinstance(m.D(), A)"
        " and m.E.of == [A] and A.__subclasses__() == [m.D]",
    ),
    "two classes made again, one of the other": (
        "def reg(c): return c\n@reg\nclass A:\n    x = 1\n@reg\nclass B(A):\n    y = 1",
        "a, b, A, B = m.A(), m.B(), m.A, m.B",
        "def reg(c): return c\n@reg\nclass A:\n    x = 2\n@reg\nclass B(A):\n    y = 2",
        "[m.A is A, m.B is B, B.__bases__ == (A,), b.x, b.y, A.__subclasses__() == [B]] == [True, True, True, 2, 2, True]",
    ),
    "overloads are added": (
        "class C:\n    def __init__(self, x): self.x = x\ndef f(x): return x",
        "c = m.C(1); f = m.f",
        "import typing as t\nclass C:\n    @t.overload\n    def __init__(self, x: int): ...\n    @t.overload\n    def __init__(self, x: str): ...\n"
        "    def __init__(self, x: t.Any): self.x = (x,)\n@t.overload\ndef f(x: int): ...\n@t.overload\ndef f(x: str): ...\n"
        "def f(x: t.Any): return (x,)",
        "[m.C(1).x, m.f(2), f(2), f is m.f] == [(1,), (2,), (2,), True]",
    ),
    "overloads are taken away": (
        "import typing as t\n@t.overload\ndef f(x: int): ...\n@t.overload\ndef f(x: str): ...\ndef f(x: t.Any): return (x,)",
        "f = m.f",
        "def f(x): return [x]",
        "[m.f(2), f(2), f is m.f] == [[2], [2], True]",
    ),
    "a property gets a setter": (
        "class C:\n    def x(self): return 1\n    y = 1",
        "c = m.C()",
        "class C:\n    @property\n    def x(self): return 2\n    @x.setter\n    def x(self, v): self.y = v\n    y = 1",
        "c.x == 2 and setattr(c, 'x', 5) is None and c.y == 5",
    ),
    "a static method that is assigned": (
        "def one(): return 1\ndef two(): return 2\nclass C:\n    f = staticmethod(one)\n    def __init__(self, f=None):\n        if f: self.f = f",
        "c = m.C()",
        "def one(): return 1\ndef two(): return 2\nclass C:\n    f = staticmethod(two)\n    def __init__(self, f=None):\n        if f: self.f = f",
        "c.f() == 2",
    ),
    "super is taken out": (
        "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return super().f() + 10\n    @property\n    def g(self): return super().f()",
        "c = m.C(); b = c.f; h = m.C.f",
        "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return 5\n    @property\n    def g(self): return 6",
        "[c.f(), b(), h(c), c.g, m.C.f.__code__.co_freevars] == [5, 5, 5, 6, ()]",
    ),
    "super is introduced in a property and a class method": (
        "class B:\n    @property\n    def f(self): return 1\n    @classmethod\n    def g(cls): return 2\n"
        "class C(B):\n    @property\n    def f(self): return 5\n    @classmethod\n    def g(cls): return 6",
        "c = m.C(); b = c.g",
        "class B:\n    @property\n    def f(self): return 1\n    @classmethod\n    def g(cls): return 2\n"
        "class C(B):\n    @property\n    def f(self): return super().f + 10\n    @classmethod\n    def g(cls): return super().g() + 10",
        "[c.f, c.g(), b()] == [11, 12, 12]",
    ),
    "super is taken out with the base": (
        "class B:\n    def __init__(self, x): self.x = x\nclass C(B):\n    def __init__(self, x): super().__init__(x)",
        "c = m.C(1)",
        "class C:\n    def __init__(self, x): self.x = [x]",
        "[c.x, m.C(2).x, type(c) is m.C] == [1, [2], True]",
    ),
    "a function in a table becomes a decorated one": (
        "def f(x): return x\nT = {'f': f}\nclass C:\n    f = f",
        "f = m.f",
        "import functools\ndef deco(normal):\n    def d(g):\n        @functools.wraps(normal)\n        def w(x): return [normal(x), g(x)]\n"
        "        return w\n    return d\ndef h(x): return x\n@deco(h)\ndef f(x): return -x\nT = {'f': f}\nclass C:\n    f = f",
        "m.T['f'] is m.f and m.f(1) == f(1) == [1, -1] and m.C.f is m.f",
    ),
    "a name is no longer deleted": (
        "class C:\n    a = 1\n    b = 2\nx = 3\ny = 4\ndel C.a, x\ndel (y,)\ndef f(): return 1",
        "C = m.C",
        "class C:\n    a = 1\n    b = 2\nx = 3\ny = 4\ndef f(): return 2",
        "[C.a, C.b, m.x, m.y, m.f()] == [1, 2, 3, 4, 2]",
    ),
    "slots that were deleted stay": (
        "class C:\n    __slots__ = ('a',)\n    b = 2\ndel C.__slots__",
        "import copy; c = m.C(); c.a = 1",
        "class C:\n    __slots__ = ('a',)\n    b = 2",
        "copy.copy(c).a == 1",
    ),
    "a marker gets a class": (
        "missing = type('Missing', (), {'__repr__': lambda s: 'missing'})()\ndef f(x=missing): return x is missing\nT = [missing]",
        "missing = m.missing",
        "class Missing:\n    def __repr__(self): return 'missing!'\n    def __reduce__(self): return 'missing'\nmissing = Missing()\n"
        "def f(x=missing): return x is missing\nT = [missing]",
        "[m.missing is missing, repr(missing), type(missing) is m.Missing, m.f(), m.f(missing), m.T[0] is missing]"
        " == [True, 'missing!', True, True, True, True]",
    ),
    "a property's getter gets an annotation": (
        "class C:\n    y = 1\n    @property\n    def x(self): return self.y\n    @x.setter\n    def x(self, v): self.y = v",
        "c = m.C()",
        "class C:\n    y = 1\n    @property\n    def x(self) -> int: return self.y * 2\n    @x.setter\n    def x(self, v): self.y = v",
        "setattr(c, 'x', 5) is None and c.x == 10",
    ),
    "a property loses its setter": (
        "class C:\n    y = 1\n    @property\n    def x(self): return self.y\n    @x.setter\n    def x(self, v): self.y = v",
        "c = m.C()",
        "class C:\n    y = 1\n    @property\n    def x(self): return self.y",
        "c.x == 1 and m.C.x.fset is None",
    ),
    "an overload is added to others": (
        "import typing as t\n@t.overload\ndef f(x: int): ...\ndef f(x): return (x,)",
        "f = m.f",
        "import typing as t\n@t.overload\ndef f(x: int): ...\n@t.overload\ndef f(x: str): ...\ndef f(x): return (x,)",
        "f is m.f and f(2) == (2,)",
    ),
    "a docstring is covered by a property": (
        "class C:\n    'one'\n    @property\n    def __doc__(self): return 'property'",
        "c = m.C()",
        "class C:\n    'two'\n    @property\n    def __doc__(self): return 'property'",
        "c.__doc__ == m.C().__doc__ == 'property'",
    ),
    "a table of named tuples": (
        "import collections\nfrom functools import partial\nP = collections.namedtuple('P', 'x y')\ndef g(a): return a\n"
        "T = {'a': P(1, y=P(2, None)), 'b': P(g, partial(g, 1))}\ndef f(): return list(T)",
        "f = m.f",
        "import collections\nfrom functools import partial\nP = collections.namedtuple('P', 'x y')\ndef g(a): return a\n"
        "T = {'a': P(1, y=P(2, None)), 'b': P(g, partial(g, 1)), 'c': P(5, 6)}\ndef f(): return list(T)",
        "f() == ['a', 'b', 'c']",
    ),
    "a function that class bodies call gets another parameter": (
        "def field(key): return property(lambda self: key)\nclass C:\n    x = field('x')",
        "c = m.C()",
        "def field(key, *, doc=None): return property(lambda self: (key, doc))\nclass C:\n    x = field('x', doc='d')\n    y = field('y')",
        "[c.x, c.y] == [('x', 'd'), ('y', None)]",
    ),
    "a new class between two that go on": (
        "class B: pass\nclass F(B):\n    def f(self): return 1\nclass D(F): pass",
        "d = m.D(); F = m.F",
        "import typing as t\nT = t.TypeVar('T')\nclass F(t.Generic[T]):\n    def f(self): return 2\nclass N(F[T]): pass\nclass D(N[int]): pass",
        "m.F is F and isinstance(d, m.N) and issubclass(m.N, F) and issubclass(m.D, F) and d.f() == 2",
    ),
    "a compiled pattern": (
        "import re\nclass C:\n    RE = re.compile('a')\n    def __init__(self, r=None): self.RE = r or self.RE\n    def f(self, t): return bool(self.RE.match(t))",
        "c = m.C",
        "import re\nclass C:\n    RE = re.compile('b')\n    def __init__(self, r=None): self.RE = r or self.RE\n    def f(self, t): return bool(self.RE.match(t))",
        "c().f('b')",
    ),
    "a scanner with its callbacks": (
        "import re\ndef w(s, t): return t\nS = re.Scanner([('a', w), ('b', lambda s, t: None)])",
        "m.S.scan('ab')",
        "import re\ndef w(s, t): return t\nS = re.Scanner([('c', w), ('b', lambda s, t: None)])",
        "m.S.scan('cb')[0] == ['c']",
    ),
    "constants of other modules": (
        "import string\nfrom collections import OrderedDict, abc\nO = OrderedDict([(1, string.digits)])\nT = (abc.Mapping, frozenset('a'))\n"
        "def f(o):\n    global O\n    O = o",
        "x = m.T",
        "import string\nfrom collections import OrderedDict, abc\nO = OrderedDict([(2, string.digits)])\nT = (abc.Mapping, frozenset('b'))\n"
        "def f(o):\n    global O\n    O = o",
        "list(m.O) == [2] and m.T[1] == {'b'}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_release(program: Start, case: str) -> None:
    old, held, new, true = CASES[case]
    app = program(m=old + "\n")
    app.run(held)
    app.edit(m=textwrap.dedent(new) + "\n").update()
    assert app(true), case


def test_a_class_and_a_marker_move_to_a_new_module(program: Start) -> None:
    app = program(
        m="def one(): return 1\nclass C:\n    def f(self): return one()\nclass Missing: pass\nmissing = Missing()\ndef g(x=missing): return x is missing\n"
    )
    app.run("c, C, missing, g = m.C(), m.C, m.missing, m.g")
    app.edit(
        m="from n import C, missing\ndef g(x=missing): return x is missing\n",
        n="def two(): return 2\nclass C:\n    def f(self): return two()\nclass Missing:\n    def __repr__(self): return 'missing'\n"
        "missing = Missing()\ndef h(x=missing): return x is missing\n",
    ).update()
    app.run("import n")
    assert app("[c.f(), m.C is C, n.C is C, C.__module__, type(c) is n.C]") == [2, True, True, "n", True]
    assert (
        app("[m.missing is missing, n.missing is missing, g(), m.g(missing), n.h(), n.h(m.missing)]")
        == [True] * 6
    )
    assert app("repr(missing)") == "missing"


@pytest.mark.parametrize("brings", ["from .tz import *", "from .tz import File, kind"])
def test_a_class_moves_to_a_new_module_of_a_package_that_passes_it_on(program: Start, brings: str) -> None:
    """As tzfile in dateutil 3.0: two modules bring it."""
    head = "class Base:\n    def b(self): return 0\n"
    moved = "class File(Base):\n    def f(self): return 1\n    def _set(self): return 2\ndef kind(x=1): return x\n"
    package = f"{brings}\nclass Warned(Warning): pass\n"
    app = program(
        **{"p/__init__.py": package, "p/common.py": head, "p/tz.py": "from .common import Base\n" + moved}
    )
    app.run("import p; held, f, kind = p.File, p.File(), p.kind")
    moved = (
        moved.replace("    def _set(self): return 2\n", "")
        .replace("return 1", "return 3")
        .replace("x=1", "x=4")
    )
    app.files(
        **{
            "p/__init__.py": f"import sys\n{brings}\nclass Warned(Warning): pass\n",
            "p/tz.py": "from .common import Base\nfrom ._file import File, kind\n",
            "p/_file.py": "from .common import Base\n" + moved,
        }
    )
    app.update()
    assert app("[p.File is held is p.tz.File is p._file.File, f.f(), hasattr(f, '_set'), p.kind()]") == [
        True,
        3,
        False,
        4,
    ]
    app.update(back_out=True)
    assert app("[p.File is held is p.tz.File, f.f(), f._set(), p.kind is kind, kind()]") == [
        True,
        1,
        2,
        True,
        1,
    ]


def test_a_star_import_does_not_cover_a_submodule(program: Start) -> None:
    app = program(
        **{
            "p/__init__.py": "from p.q import *\nfrom p.r import R\n",
            "p/r.py": "R = 1\n",
            "p/q/__init__.py": "from p.q.r import X\n",
            "p/q/r.py": "X = 1\n",
            "m": "import p\nold = p.r\n",
        }
    )
    app.files(**{"p/q/__init__.py": "from p.q.r import X\nY = 2\n"}).update()
    assert app("[m.p.r is m.old, m.p.r.R, m.p.Y]") == [True, 1, 2]
