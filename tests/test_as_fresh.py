"""Edits that real packages get from release to release, each as a small program: after the update it is as a fresh process would be, after the way back as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.programs import Program

Start = Callable[..., Program]

BOX = "class E:\n    def __init__(self): self.n = 1\n"
TWO = "class One:\n    def f(self): return 1\nclass Two:\n    def f(self): return 2\n"
# How the base of a class is said, by the same text, to be something else.
BASES = {
    "an attribute of a class": "class K:\n    base = One\nclass C(K.base): pass\n",
    "a call": "def pick(): return One\nclass C(pick()): pass\n",
    "an item": "T = {'k': One}\nclass C(T['k']): pass\n",
    "a condition": "import sys\nif sys:\n    Base = One\nelse:\n    Base = object\nclass C(Base): pass\n",
    "a name of the class around it": "class Outer:\n    Base = One\n    class Inner(Base): pass\nC = Outer.Inner\n",
}
DATACLASS = "from dataclasses import dataclass\n"
UP = "    @staticmethod\n    def s(): return 1\n    @classmethod\n    def c(cls): return cls.__name__ + '1'\n"
TOKENS = "import re\nPATTERN = 'a'\nclass Token:\n    def __init__(self, p): self.p = re.compile(p)\n    def hit(self, s): return bool(self.p.match(s))\nclass Lexer:\n    tokens = (Token(PATTERN), Token('z'))\n"
AWAITED = (
    "import types\n@types.coroutine\ndef wait():\n    x = yield 1\n    return x\ndef other(): return 1\n"
)
AWAITING = """
async def drive(what): return await what
def run(what):
    started = drive(what)
    started.send(None)
    try: started.send(7)
    except StopIteration as ended: return ended.value
"""
CALLED = "class P:\n    def __init__(self, d=None): self.d = d\n    def __call__(self, d): return type(self)(d=d)\nclass E(P):\n    def __init__(self, e, d=None):\n        self.e = e\n        super().__init__(d)\n"
VERSION = """
INFO = (7, 1, 'final')
def make(major, minor, level):
    assert level in ['beta', 'final'], level
    made = f"{major}.{minor}"
    if level != 'final':
        made += f"{level[0]}"
        made += ".x"
    return made
__version__ = make(*INFO)
__url__ = f"at/{__version__}"
"""
LAZY = """
def relative(names):
    def __getattr__(name):
        if name in names: return names[name]
        raise AttributeError(name)
    return [*names], __getattr__
__all__, __getattr__ = relative({%s})
"""
MAKING = "class B: pass\ndef make(n):\n    def f(self): return n\n"
# What is kept is made of the old version first; then the two versions of the modules, and what shows them.
CASES: dict[str, tuple[str, dict[str, str], dict[str, str], str, Any, Any]] = {
    "an attribute leaves the body of its class": (
        "e = m.E()",
        {"m": BOX + "    A = {'x': 1}\n    def get(self): return self.A['x']\n"},
        {"m": BOX + "    def get(self): return self.A['x']\nE.A = {'x': 10}\n"},
        "e.get()",
        1,
        10,
    ),
    "a method is made by a loop": (
        "e = m.E(); held = e.up",
        {"m": BOX + "    def up(self): return self.n + 1\n    def down(self): return self.n - 1\n"},
        {
            "m": BOX
            + "def _make(k):\n    def op(self): return self.n + k\n    return op\nfor _n, _k in (('up', 100), ('down', -100)):\n    setattr(E, _n, _make(_k))\n"
        },
        "[e.up(), e.down(), held()]",
        [2, 0, 2],
        [101, -99, 101],
    ),
    "a procedure sets attributes of a class": (
        "e = m.E()",
        {"m": BOX + "    A = 1\n    def m(self): return 'm1'\n"},
        {"m": BOX + "def setup(cls):\n    cls.A = 10\n    cls.m = lambda self: 'm2'\nsetup(E)\n"},
        "[e.A, e.m()]",
        [1, "m1"],
        [10, "m2"],
    ),
    "a class sets its attributes": (
        "e = m.E()",
        {"m": BOX + "    A = 1\n"},
        {"m": BOX + "    A: int\n    @classmethod\n    def fill(cls): cls.A = 10\nE.fill()\n"},
        "e.A",
        1,
        10,
    ),
    "a statement's attribute goes into the body": (
        "e = m.E()",
        {"m": BOX + "E.A = 1\n"},
        {"m": BOX + "    A = 10\n"},
        "[e.A, m.E.A]",
        [1, 1],
        [10, 10],
    ),
    "a metaclass gives what the body gave": (
        "e = m.E()",
        {"m": "class Meta(type): pass\nclass E(metaclass=Meta):\n    A = 1\n    def m(self): return 'm1'\n"},
        {
            "m": "class Meta(type):\n    def __new__(meta, name, bases, names):\n        names |= {'A': 2, 'm': lambda self: 'm2'}\n        return super().__new__(meta, name, bases, names)\nclass E(metaclass=Meta):\n    pass\n"
        },
        "[e.A, e.m()]",
        [1, "m1"],
        [2, "m2"],
    ),
    "an object is made anew of a dataclass that gets slots": (
        "o = m.C(1)",
        {"m": DATACLASS + "@dataclass\nclass C:\n    x: int = 1\nONE = C(1)\n"},
        {"m": DATACLASS + "@dataclass(slots=True)\nclass C:\n    x: int = 1\nONE = C(5)\n"},
        "[type(m.ONE) is m.C, m.ONE.x, isinstance(o, m.C), m.ONE == m.C(m.ONE.x)]",
        [True, 1, True, True],
        [True, 5, True, True],
    ),
    "objects are made anew of a class that becomes abstract": (
        "o = m.C()",
        {"m": "class C:\n    def f(self): return 1\nALL = [C()]\n"},
        {
            "m": "from abc import ABC\nclass C(ABC):\n    def f(self): return 2\nALL = [C(), C()]\n",
        },
        "[type(m.ALL[-1]) is m.C, len(m.ALL), m.ALL[-1].f(), o.f()]",
        [True, 1, 1, 1],
        [True, 2, 2, 2],
    ),
    "objects of a class that gets slots are keys and in sets": (
        "o = m.C(1)",
        {"m": DATACLASS + "@dataclass(frozen=True)\nclass C:\n    x: int = 1\nT = {C(1): 'one'}\n"},
        {
            "m": DATACLASS
            + "@dataclass(frozen=True, slots=True)\nclass C:\n    x: int = 1\nT = {C(1): 'one', C(2): 'two'}\nF = frozenset([C(3)])\n"
        },
        "[m.T[o], [type(x) is m.C for n in ('T', 'F') for x in getattr(m, n, ())], m.C(3) in getattr(m, 'F', ())]",
        ["one", [True], False],
        ["one", [True, True, True], True],
    ),
    "a set of objects": (
        "",
        {"m": DATACLASS + "@dataclass(frozen=True)\nclass C:\n    x: int = 1\nS = {C(1), C(2)}\n"},
        {"m": DATACLASS + "@dataclass(frozen=True)\nclass C:\n    x: int = 1\nS = {C(1), C(3)}\n"},
        "sorted(c.x for c in m.S)",
        [1, 2],
        [1, 3],
    ),
    "data made of abstract classes": (
        "",
        {
            "m": "from abc import ABC\nclass C(ABC):\n    def __init__(self, x): self.x = x\nALL = [C(1)]\n",
        },
        {
            "m": "from abc import ABC\nclass C(ABC):\n    def __init__(self, x): self.x = x\nALL = [C(2), C(3)]\n",
        },
        "[c.x for c in m.ALL]",
        [1],
        [2, 3],
    ),
    "a procedure makes classes by calling type": (
        "a = m.A()",
        {"m": MAKING + "    names = {'f': f}\n    return type('X', (B,), names)\nA = make(1)\n"},
        {
            "m": MAKING.replace("return n", "return n * 10")
            + "    names = {'f': f}\n    names['g'] = lambda self: n\n    return type('X', (B,), names)\nA = make(1)\n"
        },
        "[a.f(), getattr(a, 'g', int)(), type(a) is m.A, [c.__name__ for c in m.B.__subclasses__()]]",
        [1, 0, True, ["X"]],
        [10, 1, True, ["X"]],
    ),
    "a procedure makes classes by a class statement": (
        "import u; b = u.B()",
        {
            "m": "def make(n):\n    class X:\n        def f(self): return n\n    return X\nA = make(1)\n",
            "u": "from m import A\nclass B(A): pass\n",
        },
        {
            "m": "def make(n):\n    class X:\n        K = n\n        def f(self): return n * 10\n    return X\nA = make(1)\n",
            "u": "from m import A\nclass B(A): pass\n",
        },
        "[b.f(), getattr(b, 'K', 0), u.A is m.A, isinstance(b, m.A)]",
        [1, 0, True, True],
        [10, 1, True, True],
    ),
    "static and class methods are pulled up": (
        "static = m.C.s; of_class = m.C.c",
        {"m": f"class B: pass\nclass C(B):\n{UP}"},
        {"m": f"class B:\n{UP}class C(B): pass\n".replace("1", "2")},
        "[static(), of_class(), m.C.s(), m.C.c()]",
        [1, "C1", 1, "C1"],
        [2, "C2", 2, "C2"],
    ),
    "a base that was imported is defined": (
        "",
        {"w": "class U(Exception): pass\n", "m": "from w import U\nclass O(U):\n    pass\n"},
        {"m": "class P(Exception): pass\nclass U(P): pass\nclass O(U):\n    pass\n"},
        "[c.__module__ + '.' + c.__name__ for c in m.O.__mro__[:3]]",
        ["m.O", "w.U", "builtins.Exception"],
        ["m.O", "m.U", "m.P"],
    ),
    "a class attribute names a class that moves": (
        "import f",
        {
            "d": "class S: pass\n",
            "f": "from d import S\nclass G(S): pass\nclass L:\n    t = G\n    def x(self): return 1\n",
        },
        {
            "d": "class S: pass\nclass G(S):\n    'elsewhere now'\n",
            "f": "from d import S, G\nclass L:\n    t = G\n    def x(self): return 2\n",
        },
        "[f.L.t is f.G, f.L.t is getattr(d, 'G', f.G), f.L().x()]",
        [True, True, 1],
        [True, True, 2],
    ),
    "a base loses its metaclass": (
        "import u; c = u.C()",
        {
            "m": "class Meta(type):\n    def hi(cls): return 1\nclass B(metaclass=Meta): pass\n",
            "u": "import m\nclass C(m.B): pass\nclass D(C): pass\nclass E(C, metaclass=m.Meta): pass\n",
        },
        {"m": "class Meta(type):\n    def hi(cls): return 1\nclass B: pass\n"},
        "[type(c).__name__ for c in (m.B, u.C, u.D, u.E)] + [hasattr(u.C, 'hi'), isinstance(c, m.B)]",
        ["Meta", "Meta", "Meta", "Meta", True, True],
        ["type", "type", "type", "Meta", False, True],
    ),
    "a base is abstract no more": (
        "c = m.D()",
        {
            "m": "from abc import ABC\nclass I(ABC): pass\nclass J(ABC): pass\nclass B(I): pass\nclass C(B): pass\nclass D(C): pass\nclass E(C, J): pass\n"
        },
        {
            "m": "from abc import ABC\nclass I(ABC): pass\nclass J(ABC): pass\nclass B: pass\nclass C(B): pass\nclass D(C): pass\nclass E(C, J): pass\n"
        },
        "[type(c).__name__ for c in (m.B, m.C, m.D, m.E)] + [isinstance(c, m.I)]",
        ["ABCMeta", "ABCMeta", "ABCMeta", "ABCMeta", True],
        ["type", "type", "type", "ABCMeta", False],
    ),
    "an annotation names what is imported, or else assigned, now": (
        "",
        {"kinds": "", "m": "Number = int\nclass C:\n    def f(self, x: Number): return 1\n"},
        {
            "kinds": "Number = float\n",
            "m": "try:\n    from kinds import Number\nexcept ImportError:\n    Number = int\nclass C:\n    def f(self, x: Number): return 1\n",
        },
        "[m.C.f.__annotations__['x'].__name__, m.Number.__name__]",
        ["int", "int"],
        ["float", "float"],
    ),
    "an annotation names what a library had": (
        "",
        {"m": "from fractions import Fraction\ndef f(x: Fraction): return 1\n"},
        {"m": "from own import Fraction\ndef f(x: Fraction): return 1\n", "own": "class Fraction: pass\n"},
        "[m.f.__annotations__['x'] is m.Fraction, m.Fraction.__module__]",
        [True, "fractions"],
        [True, "own"],
    ),
    "objects are made of a constant": (
        "",
        {"m": TOKENS},
        {"m": TOKENS.replace("PATTERN = 'a'", "PATTERN = 'b'")},
        "[t.hit(c) for t in m.Lexer.tokens for c in 'abz']",
        [True, False, False, False, False, True],
        [False, True, False, False, False, True],
    ),
    "types.coroutine has made a generator one that can be awaited": (
        AWAITING,
        {"m": AWAITED + "class K:\n    @types.coroutine\n    def f(self): yield 1\n"},
        {
            "m": AWAITED.replace("return x", "return x + 1")
            + "\nclass K:\n    @types.coroutine\n    def f(self): yield 1\n"
        },
        "[run(m.wait()), run(m.K().f()), m.other(), m.K.f.__code__.co_firstlineno]",
        [7, None, 1, 8],
        [8, None, 1, 9],
    ),
    "a protocol moves to another module": (
        "class X(__import__('typing').Protocol):\n    def f(self): ...\nclass Y(X): pass",
        {
            "b": "from typing import Protocol\nclass P(Protocol):\n    def f(self, a): ...\ndef free(self): return 1\n",
            "m": "from b import P, free\nclass D:\n    g = free\n    def f(self, a): return self.g()\n",
        },
        {
            "b": "from c import P\ndef free(self): return 1\n",
            "c": "from typing import Protocol\nclass P(Protocol):\n    def f(self, a, b): ...\n",
            "m": "from b import P, free\nclass D:\n    g = free\n    def f(self, a): return self.g() + 1\n",
        },
        "[vars(__import__('typing')._no_init_or_replace_init), type(Y()).__name__, m.D().f(1), m.P.__name__, b.free(0)]",
        [{}, "Y", 1, "P", 1],
        [{}, "Y", 2, "P", 1],
    ),
    "a class that is made again reads a special name": (
        "",
        {
            "v": "__version__ = '1'\n",
            "m": "from v import __version__\nclass Meta(type): pass\nclass App(metaclass=Meta):\n    version = __version__\n",
        },
        {"v": "__version__ = '2'\n"},
        "[m.App.version, m.__version__]",
        ["1", "1"],
        ["2", "2"],
    ),
    "a new statement calls an object whose class gets its own call": (
        "",
        {"m": CALLED + "A = E(1)\n"},
        {"m": CALLED + "    def __call__(self, d): return type(self)(self.e, d=d)\nA = E(1)\nB = A(5)\n"},
        "[getattr(m, 'B', m.A).d, m.A.e]",
        [None, 1],
        [5, 1],
    ),
    "a version is made of a constant by a procedure that checks it": (
        "",
        {"v": VERSION, "m": "from v import __url__\n"},
        {"v": VERSION.replace("(7, 1, 'final')", "(7, 2, 'beta')"), "m": "from v import __url__\n"},
        "[v.__version__, m.__url__]",
        ["7.1", "at/7.1"],
        ["7.2b.x", "at/7.2b.x"],
    ),
    "a new statement asks a module for what its new function for that gives": (
        "",
        {"lazy": LAZY % "'A': 1", "m": "import lazy\nX = [lazy.A]\n"},
        {"lazy": LAZY % "'A': 1, 'B': 2", "m": "import lazy\nX = [lazy.A, lazy.B]\n"},
        "[m.X, m.lazy.A]",
        [[1], 1],
        [[1, 2], 1],
    ),
    "another module calls what gets a parameter": (
        "",
        {"lib": "def make(a=None, b=0): return [a, b]\n", "m": "import lib\nX = lib.make(1)\n"},
        {"lib": "def make(a=None, b=0, c=5): return [a, b, c]\n", "m": "import lib\nX = lib.make(2)\n"},
        "m.X",
        [1, 0],
        [2, 0, 5],
    ),
    "another module makes an object with a new parameter": (
        "",
        {
            "lib": "class Box:\n    def __init__(self, a=None, b=None): self.a, self.b = a, b\n",
            "m": "import lib\nB = lib.Box(1)\n",
        },
        {
            "lib": "class Box:\n    def __init__(self, a=None, b=None, c=7): self.a, self.b, self.c = a, b, c\n",
            "m": "import lib\nB = lib.Box(2)\n",
        },
        "vars(m.B)",
        {"a": 1, "b": None},
        {"a": 2, "b": None, "c": 7},
    ),
    "a new module calls what has another default": (
        "",
        {"lib": "def make(a, b=0): return [a, b]\nX = 0\n"},
        {
            "lib": "def make(a, b=7): return [a, b]\nX = make(3)\nimport more\n",
            "more": "import lib\nY = lib.make(4)\n",
        },
        "[lib.X, getattr(__import__('sys').modules.get('more'), 'Y', 0)]",
        [0, 0],
        [[3, 7], [4, 7]],
    ),
    "a member gets another name beside its old one": (
        "b = m.Mode.B",
        {"m": "import enum\nclass Mode(enum.Enum):\n    A = 1\n    B = 2\n"},
        {"m": "import enum\nclass Mode(enum.Enum):\n    A = 1\n    BB = 2\n    B = 2\n"},
        "[b.name, m.Mode(2) is b is m.Mode.B, getattr(m.Mode, 'BB', 0) is b, [str(x) for x in m.Mode]]",
        ["B", True, False, ["Mode.A", "Mode.B"]],
        ["BB", True, True, ["Mode.A", "Mode.BB"]],
    ),
    "a name is imported from another module": (
        "",
        {
            "a": BOX + "    def f(self): return 'a'\n",
            "m": "import a\nfrom a import E\nclass C(E): pass\nc = E\n",
        },
        {
            "b": BOX + "    def f(self): return 'b'\n",
            "m": "import a\nfrom b import E\nclass C(E): pass\nc = E\n",
        },
        "[m.C().f(), m.E.__module__, m.c().f(), __import__('a').E().f()]",
        ["a", "a", "a", "a"],
        ["b", "b", "b", "a"],
    ),
    "a statement uses a field that comes": (
        "app = m.app",
        {
            "m": "class App:\n    def __init__(self): self.before = []\n    def on(self, f):\n        self.before.append(f)\n        return f\napp = App()\n",
            "h": "from m import app\n@app.on\ndef a(): return 'a'\n",
        },
        {
            "m": "class App:\n    def __init__(self): self.before = []; self.after = []\n    def on(self, f):\n        self.before.append(f)\n        return f\n    def late(self, f):\n        self.after.append(f)\n        return f\napp = App()\n",
            "h": "from m import app\n@app.on\ndef a(): return 'a'\n@app.late\ndef b(): return 'b'\n",
        },
        "[__import__('h').a(), [[f() for f in v] for v in vars(app).values()], m.app is app]",
        ["a", [["a"]], True],
        ["a", [["a"], ["b"]], True],
    ),
    "a class loses its way to make objects": (
        "a = m.A(1)",
        {
            "m": "class A:\n    def __new__(cls, *a): return super().__new__(cls)\n    def __init__(self, v): self.v = v\nclass B(A): pass\n"
        },
        {"m": "class A:\n    def __init__(self, v): self.v = v\nclass B(A): pass\n"},
        "[a.v, m.A(2).v, m.B(3).v, m.A.__new__ is object.__new__]",
        [1, 2, 3, False],
        [1, 2, 3, True],
    ),
    "a class gets a way to make objects": (
        "a = m.A(1)",
        {"m": "class A:\n    def __init__(self, v): self.v = v\nclass B(A): pass\n"},
        {
            "m": "class A:\n    def __new__(cls, *a): return super().__new__(cls)\n    def __init__(self, v): self.v = v\nclass B(A): pass\n"
        },
        "[a.v, m.A(2).v, m.B(3).v, m.A.__new__ is object.__new__]",
        [1, 2, 3, True],
        [1, 2, 3, False],
    ),
    "a class attribute becomes a field that a class below sets otherwise": (
        "b, s = m.Base(), m.Sub()",
        {"m": "class Base:\n    level = 1\nclass Sub(Base):\n    level = 5\n"},
        {
            "m": "class Base:\n    def __init__(self): self.level = 1\nclass Sub(Base):\n    def __init__(self):\n        super().__init__()\n        self.level = 5\n"
        },
        "[b.level, s.level]",
        [1, 5],
        [1, 5],
    ),
    "a class with a list of lambdas gets a base": (
        "a = m.A()",
        {"m": "class A:\n    rules = [lambda x: x + 1, lambda x: x * 2]\n"},
        {"m": "class Mixin: pass\nclass A(Mixin):\n    rules = [lambda x: x + 1, lambda x: x * 2]\n"},
        "[[f(3) for f in a.rules], m.A.__bases__[0].__name__]",
        [[4, 6], "object"],
        [[4, 6], "Mixin"],
    ),
    "a class gets a base and one more of a name": (
        "show = m.Show()",
        {
            "m": "import functools\nclass Show:\n    @functools.singledispatchmethod\n    def on(self, x): return 'any'\n    @on.register\n    def _(self, x: int): return 'int'\n"
        },
        {
            "m": "import functools\nclass Mixin: pass\nclass Show(Mixin):\n    @functools.singledispatchmethod\n    def on(self, x): return 'any'\n    @on.register\n    def _(self, x: int): return 'int2'\n    @on.register\n    def _(self, x: str): return 'str'\n"
        },
        "[show.on(x) for x in (1, 's', 1.5)]",
        ["int", "any", "any"],
        ["int2", "str", "any"],
    ),
    "annotations say another class that an import brings": (
        "",
        {
            "a": "class T: pass\nclass U: pass\n",
            "m": "import functools\nfrom a import T\ndef f(x: T): pass\n@functools.singledispatch\ndef show(x): return 'any'\n@show.register\ndef _(x: T): return 'T'\n",
        },
        {
            "a": "class T: pass\nclass U: pass\n",
            "m": "import functools\nfrom a import U as T\ndef f(x: T): pass\n@functools.singledispatch\ndef show(x): return 'any'\n@show.register\ndef _(x: T): return 'T'\n",
        },
        "[m.f.__annotations__['x'].__name__, *(m.show(vars(__import__('a'))[n]()) for n in 'TU')]",
        ["T", "T", "any"],
        ["U", "any", "T"],
    ),
    "a default changes that data is made with": (
        "",
        {"m": "PORT = 80\ndef f(n=PORT): return n\ndef h(n=5): return n\nX = f()\nZ = [h(), h(1)]\n"},
        {"m": "PORT = 82\ndef f(n=PORT): return n\ndef h(n=6): return n\nX = f()\nZ = [h(), h(1)]\n"},
        "[m.X, m.Z]",
        [80, [5, 1]],
        [82, [6, 1]],
    ),
    "records of handlers": (
        "",
        {
            "app": "class Reg:\n    def __init__(self): self.items = []\n    def add(self, p, **kw):\n        def d(f):\n            self.items.append({'p': p, 'f': f, **kw})\n            return f\n        return d\nR = Reg()\n",
            "m": "from app import R\n@R.add('a')\ndef a(): pass\n@R.add('b')\ndef b(): pass\n",
        },
        {"m": "from app import R\n@R.add('a', z=2)\ndef a(): pass\n@R.add('b')\ndef b(): pass\n"},
        "sorted((i['p'], i.get('z')) for i in m.R.items)",
        [["a", None], ["b", None]],
        [["a", 2], ["b", None]],
    ),
    "descriptors that enter themselves in a list": (
        "",
        {
            "m": "class F:\n    def __set_name__(self, o, n):\n        self.n = n\n        if 'all' not in vars(o): o.all = []\n        o.all.append(n)\n        o.names = getattr(o, 'names', ()) + (n,)\nclass A:\n    x = F(); y = F()\n"
        },
        {
            "m": "class F:\n    def __set_name__(self, o, n):\n        self.n = self.also = n\n        if 'all' not in vars(o): o.all = []\n        o.all.append(n)\n        o.names = getattr(o, 'names', ()) + (n,)\nclass A:\n    x = F(); y = F(); z = F()\n"
        },
        "[m.A.all, m.A.names, getattr(m.A.x, 'also', 0)]",
        [["x", "y"], ["x", "y"], 0],
        [["x", "y", "z"], ["x", "y", "z"], "x"],
    ),
    "the key of a registered class is data": (
        "",
        {
            "m": "SEEN = {}\nclass Model:\n    table = 'old'\ndef register(name):\n    def d(c):\n        SEEN[name] = c\n        return c\n    return d\n@register(Model.table)\nclass C: pass\n@register(Model.table + 'f')\ndef f(): pass\n"
        },
        {
            "m": "SEEN = {}\nclass Model:\n    table = 'new'\ndef register(name):\n    def d(c):\n        SEEN[name] = c\n        return c\n    return d\n@register(Model.table)\nclass C: pass\n@register(Model.table + 'f')\ndef f(): pass\n"
        },
        "[sorted(m.SEEN), m.C in m.SEEN.values()]",
        [["old", "oldf"], True],
        [["new", "newf"], True],
    ),
    "a metaclass gets a property in the place of an attribute": (
        "e = m.E()",
        {
            "m": "class Meta(type): pass\nclass E(metaclass=Meta):\n    TABLE = 1\n    def get(self): return type(self).TABLE\n"
        },
        {
            "m": "class Meta(type):\n    @property\n    def TABLE(cls): return 10\nclass E(metaclass=Meta):\n    def get(self): return type(self).TABLE\n"
        },
        "[e.get(), m.E.TABLE, 'TABLE' in vars(m.E)]",
        [1, 1, True],
        [10, 10, False],
    ),
    "what is decorated goes beside a table that holds itself": (
        "",
        {
            "lib": "SEEN = []\ndef reg(f):\n    SEEN.append(f)\n    return f\n@reg\ndef gone(): return 2\n@reg\ndef f(): return 1\nB = {'x': f, 'y': 1}\nB['me'] = B\nBOX = [B]\nHERE = globals()\n"
        },
        {
            "lib": "SEEN = []\ndef reg(f):\n    SEEN.append(f)\n    return f\n@reg\ndef f(): return 10\nB = {'x': f, 'y': 1}\nB['me'] = B\nBOX = [B]\nHERE = globals()\n"
        },
        "[lib.f(), len(lib.SEEN), 'gone' in lib.HERE, lib.HERE is vars(lib)]",
        [1, 2, True, True],
        [10, 1, False, True],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_as_in_a_fresh_process(program: Start, case: str) -> None:
    first, old, new, probe, before, after = CASES[case]
    fresh = program(**{**old, **new})
    fresh.run(first or "pass")
    assert fresh(probe) == after
    app = program(**old)
    app.run(first or "pass")
    assert app(probe) == before
    app.edit(**new).update()
    assert app(probe) == after
    app.update(back_out=True)
    assert app(probe) == before


@pytest.mark.parametrize("kind", BASES)
def test_a_base_that_is_another_one_by_the_same_text(program: Start, kind: str) -> None:
    text = TWO + BASES[kind]
    app = program(m=text)
    app.run("c = m.C()")
    app.edit(
        m=text.replace("= One", "= Two").replace("return One", "return Two").replace("k': One", "k': Two")
    )
    app.update()
    assert app("[c.f(), m.C().f(), isinstance(c, m.One)]") == [2, 2, False]
    app.update(back_out=True)
    assert app("[c.f(), m.C().f(), isinstance(c, m.One)]") == [1, 1, True]


def test_what_a_generic_base_is_given_is_another_one(program: Start) -> None:
    text = "from typing import Generic, TypeVar\nP = TypeVar('P')\nclass C(Generic[P]): pass\n"
    app = program(m=text)
    app.edit(
        m=text.replace("TypeVar('P')", "ParamSpec('P')").replace("TypeVar", "TypeVar, ParamSpec")
    ).update()
    assert app("m.C.__parameters__[0] is m.P, type(m.P).__name__") == [True, "ParamSpec"]
    app.update(back_out=True)
    assert app("m.C.__parameters__[0] is m.P, type(m.P).__name__") == [True, "TypeVar"]


# What registers, the handlers of a module, and the names of those that are registered.
REGISTERING = {
    "tuples": (
        "L = []\ndef on(p):\n    def d(f):\n        L.append((p, f))\n        return f\n    return d\n",
        "[f.__name__ for _, f in reg.L]",
    ),
    "functions": (
        "L = []\ndef on(p):\n    def d(f):\n        L.append(f)\n        return f\n    return d\n",
        "[f.__name__ for f in reg.L]",
    ),
    "objects": (
        "class Route:\n    def __init__(self, p, f): self.p, self.f = p, f\nL = []\ndef on(p):\n    def d(f):\n        L.append(Route(p, f))\n        return f\n    return d\n",
        "[r.f.__name__ for r in reg.L]",
    ),
    "lists in a table": (
        "L = {}\ndef on(p):\n    def d(f):\n        L.setdefault(p, []).append(f)\n        return f\n    return d\n",
        "[f.__name__ for fs in reg.L.values() for f in fs]",
    ),
}
VIEWS = "from reg import on\n@on('a')\ndef a(): return 1\n@on('b')\ndef b(): return 1\n"


@pytest.mark.parametrize("kind", REGISTERING)
@pytest.mark.parametrize("back", ["from more import b\n", "import more\n"])
def test_a_handler_that_moves_is_registered_once(program: Start, kind: str, back: str) -> None:
    registering, names = REGISTERING[kind]
    app = program(reg=registering, views=VIEWS)
    moved = VIEWS.replace("return 1", "return 2")
    start = moved.index("@on('b')")
    app.edit(views=back + moved[:start], more="from reg import on\n" + moved[start:]).update()
    assert app(f"sorted({names})") == ["a", "b"]
    assert app("__import__('more').b(), views.a()") == [2, 2]
    app.update(back_out=True)
    assert app(f"{names}, views.b()") == [["a", "b"], 1]


KINDS = "class E: pass\nclass F(E): pass\n"
BY_KIND = {
    "a table": (
        "H = {}\ndef on(t):\n    def d(f):\n        H[t] = f\n        return f\n    return d\n",
        "H[F](1)",
    ),
    "lists": (
        "H = {}\ndef on(t):\n    def d(f):\n        H.setdefault(t, []).append(f)\n        return f\n    return d\n",
        "[f(1) for f in H[F]]",
    ),
    "single dispatch": (
        "import functools\n@functools.singledispatch\ndef H(x): return 0\non = H.register\n",
        "H(F())",
    ),
}


@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.parametrize("given", ["F", "F, E"])
def test_a_handler_for_a_class_that_moves_stays(program: Start, kind: str, given: str) -> None:
    registering, result = BY_KIND[kind]
    if given == "F, E" and kind != "lists":
        given = "F"
    rest = registering + "@on(F)\ndef f(x): return 1\ndef all(): return " + result + "\n"
    new = (
        rest.replace("on(t)", "on(*ts)").replace("H.setdefault(t", "for t in ts: H.setdefault(t")
        if ", " in given
        else rest
    )
    app = program(m=KINDS + rest)
    before = app("m.all()")
    app.edit(m="from kinds import E, F\n" + new.replace("@on(F)", f"@on({given})"), kinds=KINDS).update()
    assert app("m.all()") == before
    app.update(back_out=True)
    assert app("m.all()") == before


def test_a_function_that_moves_to_who_had_it_is_the_same(program: Start) -> None:
    user = "from starts import start\nT = {start: 'x'}\ndef name(): return T[start]\n"
    app = program(starts="def start(): return 1\n", m=user)
    app.run("held = m.start")
    (app.root / "starts.py").unlink()
    app.edit(m=user.replace("from starts import start\n", "def start(): return 2\n")).update()
    assert app("[m.name(), held is m.start, held(), m.start()]") == ["x", True, 2, 2]
    app.update(back_out=True)
    assert app("[m.name(), held is m.start, held()]") == ["x", True, 1]


FILLED = "CMDS = {}\ndef cmd(f):\n    CMDS[f.__name__] = f\n    return f\n@cmd\ndef a(): pass\n"
MADE_OF_IT = "NAMES = sorted(CMDS)\nHELP = ', '.join(CMDS)\nCOUNT = len(CMDS)\nSAME = CMDS\n"


@pytest.mark.parametrize("apart", [True, False])
def test_what_is_made_of_a_registry_follows_where_it_grows(program: Start, apart: bool) -> None:
    user = "from m import CMDS\nimport m\n" + MADE_OF_IT
    app = program(m=FILLED + ("" if apart else MADE_OF_IT), user=user)
    app.run("import user")
    at = "user" if apart else "m"
    seen = f"[{at}.NAMES, {at}.HELP, {at}.COUNT, {at}.SAME is m.CMDS]"
    new = FILLED + "@cmd\ndef b(): pass\n" + ("" if apart else MADE_OF_IT)
    app.edit(m=new).update()
    assert app(seen) == [["a", "b"], "a, b", 2, True]
    app.update(back_out=True)
    assert app(seen) == [["a"], "a", 1, True]


def test_what_is_made_of_a_registry_from_which_some_go_is_told(program: Start) -> None:
    two = FILLED + "@cmd\ndef b(): pass\n"
    app = program(m=two + "NAMES = sorted(CMDS)\n")
    plan = app.edit(m=FILLED + "NAMES = sorted(CMDS)\n").plan()
    assert [note.text for note in plan.asks] == [
        "`NAMES = sorted(CMDS)` is made of CMDS, from which definitions go, and is not run again: m:NAMES stays as it is"
    ]


ASKING = """
import settings
TIMEOUT = getattr(settings, "TIMEOUT", 10)
SIZE = getattr(settings, "SIZE", 10)
HAS = hasattr(settings, "DEBUG")
try:
    from settings import DEBUG
except ImportError:
    DEBUG = False
try:
    NAME = settings.NAME
except AttributeError:
    NAME = "none"
def all(): return TIMEOUT, SIZE, HAS, DEBUG, NAME
"""


def test_names_that_come_are_found_by_who_asks_whether_they_are_there(program: Start) -> None:
    app = program(settings="SIZE = 1\n", app=ASKING)
    assert app("app.all()") == [10, 1, False, False, "none"]
    app.edit(settings="SIZE = 2\nTIMEOUT = 30\nDEBUG = True\nNAME = 'n'\n").update()
    assert app("app.all()") == [30, 2, True, True, "n"]
    app.update(back_out=True)
    assert app("app.all()") == [10, 1, False, False, "none"]


def test_a_method_that_decorates_otherwise_is_told(program: Start) -> None:
    app = "class App:\n    def __init__(self): self.all = {}\n    def on(self, key):\n        def d(f):\n            self.all[key] = f\n            return f\n        return d\napp = App()\n"
    started = program(lib=app, m="from lib import app\n@app.on('a')\ndef a(): pass\n")
    plan = started.edit(lib=app.replace("= f\n", "= (f, 1)\n")).plan()
    assert [note.text for note in plan.notes] == [
        "`app.on` decorates otherwise now, and may do more than that: what it has decorated is not decorated again (a)"
    ]


@pytest.mark.parametrize("kind", ["tuples", "objects"])
def test_routes_that_change_stay_in_the_order_of_the_text(program: Start, kind: str) -> None:
    registering, _ = REGISTERING[kind]
    paths = "[p for p, _ in reg.L]" if kind == "tuples" else "[r.p for r in reg.L]"
    app = program(reg=registering, views=VIEWS)
    app.edit(views=VIEWS.replace("on('a')", "on('other')")).update()
    assert app(paths) == ["other", "b"]
    app.update(back_out=True)
    assert app(paths) == ["a", "b"]


@pytest.mark.parametrize("called", ["from reg import r\nr.fill()\n", "import reg\nreg.r.fill()\n"])
def test_a_call_of_a_method_of_another_modules_object_that_changes_is_told(
    program: Start, called: str
) -> None:
    text = (
        "class R:\n    def __init__(self): self.all = []\n    def fill(self): self.all.append(1)\nr = R()\n"
    )
    app = program(reg=text, m=called)
    (note,) = app.edit(reg=text.replace("append(1)", "append(2)")).plan().notes
    assert note.text.endswith("r.fill, which changes, and is not run again")


def test_a_decorator_that_becomes_a_class_is_told(program: Start) -> None:
    app = program(deco="def traced(f): return f\n", m="from deco import traced\n@traced\ndef a(): pass\n")
    app.edit(
        deco="class traced:\n    def __init__(self, f): self.f = f\n    def __call__(self): return self.f()\n"
    )
    assert [note.text for note in app.plan().notes if note.code == "not-again"] == [
        "`traced` decorates otherwise now, and may do more than that: what it has decorated is not decorated again (a)"
    ]


def test_a_bound_method_that_is_only_named_follows_and_is_not_asked_about(program: Start) -> None:
    text = "class Hub:\n    def emit(self, x): return x\nhub = Hub()\nemit = hub.emit\nonce = hub.emit(1)\n"
    app = program(m=text)
    plan = app.edit(m=text.replace("return x", "return -x")).plan()
    assert ["once = hub" in note.text for note in plan.asks] == [True]
    app.update()
    assert app("m.emit(1)") == -1


def test_classes_in_a_table_that_a_procedure_makes_are_asked_about(program: Start) -> None:
    text = "def make(n):\n    class X:\n        def f(self): return n\n    return X\nT = {1: make(1)}\n"
    app = program(m=text)
    app.run("kind = m.T[1]; x = kind()")
    app.edit(m=text.replace("return n", "return -n"))
    assert [(note.code, note.remedy) for note in app.plan().asks] == [
        ("data-left", "to make it again: --reset m:T")
    ]
    app.update()
    assert app("x.f(), m.T[1] is kind") == [-1, True]


@pytest.mark.parametrize(
    ("last", "why"),
    [
        ("sys.modules[__name__] = Api()", "an object of m:Api has taken its place in sys.modules"),
        ("del sys.modules[__name__]", "it is not in sys.modules any more"),
    ],
)
def test_a_module_that_is_not_found_under_its_name_is_asked_about(
    program: Start, last: str, why: str
) -> None:
    text = f"import sys\nclass Api:\n    def f(self): return 1\n{last}\n"
    app = program(api="")
    (app.root / "m.py").write_text(text)
    app.run("try: import m\nexcept KeyError: pass")
    assert app.plan().asks == []
    app.edit(m=text.replace("return 1", "return 2"))
    assert [note.text for note in app.plan().asks] == [
        f"m changes, but {why}: what it has defined stays as it is"
    ]


FACTORY = """
import functools
NAME: int = 1
def make(n):
    def f(*a): return NAME, n, 1
    return f
class K:
    def __init__(self): self.f = make(1)
def kind(n):
    class X:
        name: str = ""
        def f(self): return NAME, n, 1
        static = staticmethod(make(n))
    return X
ALL = {
    "table": make(1), "object": [K()], "partial": functools.partial(make(1), 0), "tuple": (make(1),),
    "bound": kind(1)().f, "class": kind(1), "lambda": (lambda n: lambda: (NAME, n, 1))(1),
}
def ask():
    return [
        ALL["table"](), ALL["object"][0].f(), ALL["partial"](), ALL["tuple"][0](), ALL["bound"](),
        ALL["class"]().f(), ALL["class"].static(), ALL["lambda"](),
    ]
"""


def test_what_new_procedures_make_while_statements_run_finds_its_modules_data(program: Start) -> None:
    new = FACTORY.replace("n, 1", "n, 2").replace("(1)", "(2)").replace('"tuple": ', '"more": 1, "tuple": ')
    app = program(m=FACTORY)
    assert app("m.ask()") == [[1, 1, 1]] * 8
    app.edit(m=new.replace("int = 1", "int = 2")).update(reset=["m:ALL"])
    assert app("m.ask()") == [[2, 2, 2]] * 8
    app.run("m.NAME = 3")
    assert app("m.ask()") == [[3, 2, 2]] * 8
    app.edit(m=new.replace("int = 1", "int = 4").replace("n, 2", "n, 5")).update(reset=["m:NAME"])
    assert app("m.ask()") == [[4, 2, 5]] * 8


EVENTS = """
class Event(str):
    def __init__(self, name): self.listener = self.listening(name)
    def copy(self): return Event(str(self))
    @staticmethod
    def listening(name):
        def trigger(box, fn=None): return trigger.__name__, name, box.v
        return trigger
class Meta(type):
    def __new__(meta, name, bases, names):
        cls = super().__new__(meta, name, bases, names)
        cls.EVENTS = [e.copy() for e in getattr(cls, "EVENTS", [])]
        for e in cls.EVENTS: setattr(cls, e, e.listener)
        return cls
class Component(metaclass=Meta): v = 0
"""
BOXES = "from lib import *\nclass Box(Component):\n    EVENTS = [Event('change')]\n    v = 1\n"


def test_a_method_that_a_metaclass_takes_from_a_text_of_the_programs_own(program: Start) -> None:
    app = program(lib=EVENTS, m=BOXES)
    app.run("b = m.Box(); change = b.change")
    probe = "[change(), b.change(), m.Box.change is m.Box.EVENTS[0].listener]"
    assert app(probe) == [["trigger", "change", 1]] * 2 + [True]
    app.edit(lib=EVENTS.replace("fn=None", "fn=None, more=1"), m=BOXES.replace("v = 1", "v = 2")).update()
    assert app(probe) == [["trigger", "change", 2]] * 2 + [True]
    app.update(back_out=True)
    assert app(probe) == [["trigger", "change", 1]] * 2 + [True]


@pytest.mark.parametrize("done", ["m.box.items.append(1)", "held = m.box"])
def test_an_object_of_a_constant_that_somebody_has_used_is_kept(program: Start, done: str) -> None:
    text = "SIZE = 1\nclass Box:\n    def __init__(self, size): self.size = size; self.items = []\nbox = Box(SIZE)\n"
    app = program(m=text)
    app.run(done)
    app.edit(m=text.replace("SIZE = 1", "SIZE = 2"))
    assert [note.code for note in app.plan().asks] == ["data-kept"]
    app.update()
    assert app("[m.SIZE, m.box.size]") == [2, 1]


def test_a_function_that_was_given_other_code_is_asked_about(program: Start) -> None:
    lib = "import types\ndef plain(f): return f\ndef other(f):\n    code = f.__code__.replace(co_consts=tuple(c + 100 if type(c) is int else c for c in f.__code__.co_consts))\n    return types.FunctionType(code, f.__globals__, f.__name__)\n"
    text = "from lib import *\n@other\ndef a(): return 1\n@plain\ndef b(): return 1\nclass K:\n    @other\n    def m(self): return 1\n"
    app = program(lib=lib, m=text)
    app.edit(m=text.replace("return 1", "return 2"))
    said = "changes, but its function has been given other code than its definition: it stays as it is"
    assert [note.text for note in app.plan().asks] == [f"m:{name} {said}" for name in ("a", "K.m")]
    app.update()
    assert app("[m.a(), m.K().m(), m.b()]") == [101, 101, 2]
    app.edit(m=text.replace("return 1", "return 3").replace("@other\n", "@other\n@plain\n", 1))
    assert [note.text for note in app.plan().asks] == [f"m:K.m {said}"]
    app.update()
    assert app("[m.a(), m.K().m(), m.b()]") == [103, 101, 3]
