"""Classes: methods and attributes, with live objects."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")

add(
    "a method's body",
    "class C:\n    def f(self): return 1\n",
    "class C:\n    def f(self): return 2\n",
    setup="c = m.C(); held = c.f; raw = m.C.f",
    check="[c.f(), held(), raw(c), m.C().f()] == [2] * 4 and type(c) is m.C",
    back="[c.f(), held(), raw(c), m.C().f()] == [1] * 4",
    calls=("c.f()", 1, 2),
)

add(
    "a method is added",
    "class C:\n    def f(self): return 1\n",
    "class C:\n    def f(self): return self.g() + 1\n    def g(self): return 1\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == 2 and c.g() == 1",
    back="c.f() == held() == 1 and not hasattr(c, 'g')",
    calls=("c.f()", 1, 2),
)

add(
    "a method is removed",
    "class C:\n    def f(self): return self.g()\n    def g(self): return 1\n",
    "class C:\n    def f(self): return 2\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == 2 and not hasattr(c, 'g')",
    back="c.f() == held() == 1 and c.g() == 1",
    calls=("c.f()", 1, 2),
)

add(
    "a method is renamed, and its callers with it",
    "class C:\n    def f(self): return self.g()\n    def g(self): return 1\n",
    "class C:\n    def f(self): return self.h()\n    def h(self): return 2\n",
    setup="c = m.C(); held = c.f",
    check="held() == 2 and not hasattr(c, 'g')",
    back="held() == 1 and not hasattr(c, 'h')",
    calls=("held()", 1, 2),
)

add(
    "a method's interface, and its callers with it",
    "class C:\n    def f(self): return self.g(1)\n    def g(self, x): return x\n",
    "class C:\n    def f(self): return self.g(1, 2)\n    def g(self, x, y): return x + y\n",
    setup="c = m.C(); held = c.f",
    check="held() == c.f() == 3",
    back="held() == c.f() == 1",
    calls=("c.f()", 1, 3),
)

add(
    "a method becomes a property, and its users with it",
    "class C:\n    def x(self): return 1\ndef f(c): return c.x()\n",
    "class C:\n    @property\n    def x(self): return 2\ndef f(c): return c.x\n",
    setup="c = m.C()",
    check="c.x == 2 and m.f(c) == 2",
    back="c.x() == 1 and m.f(c) == 1",
    calls=("m.f(c)", 1, 2),
)

add(
    "a property becomes a method, and its users with it",
    "class C:\n    @property\n    def x(self): return 1\ndef f(c): return c.x\n",
    "class C:\n    def x(self): return 2\ndef f(c): return c.x()\n",
    setup="c = m.C()",
    check="c.x() == 2 and m.f(c) == 2",
    back="c.x == 1 and m.f(c) == 1",
    calls=("m.f(c)", 1, 2),
)

add(
    "a method becomes a staticmethod",
    "class C:\n    def f(self, x): return x\n",
    "class C:\n    @staticmethod\n    def f(x): return x * 10\n",
    setup="c = m.C()",
    check="c.f(1) == m.C.f(1) == 10",
    back="c.f(1) == 1",
    calls=("c.f(1)", 1, 10),
)

add(
    "a staticmethod becomes a method",
    "class C:\n    n = 5\n    @staticmethod\n    def f(x): return x\n",
    "class C:\n    n = 5\n    def f(self, x): return x * self.n\n",
    setup="c = m.C()",
    check="c.f(1) == 5",
    back="c.f(1) == m.C.f(1) == 1",
    calls=("c.f(1)", 1, 5),
)

add(
    "a method becomes a classmethod",
    "class C:\n    def f(self): return type(self).__name__\nclass D(C): pass\n",
    "class C:\n    @classmethod\n    def f(cls): return cls.__name__ + '!'\nclass D(C): pass\n",
    setup="d = m.D(); held = d.f",
    check="d.f() == m.D.f() == 'D!'",
    back="d.f() == held() == 'D'",
    calls=("d.f()", "D", "D!"),
)

add(
    "a classmethod's body, held",
    "class C:\n    @classmethod\n    def f(cls): return (cls.__name__, 1)\nclass D(C): pass\n",
    "class C:\n    @classmethod\n    def f(cls): return (cls.__name__, 2)\nclass D(C): pass\n",
    setup="held = m.D.f",
    check="held() == m.D.f() == ('D', 2)",
    back="held() == m.D.f() == ('D', 1)",
    calls=("held()", ("D", 1), ("D", 2)),
)

add(
    "a property gets a setter",
    "class C:\n    _x = 1\n    @property\n    def x(self): return self._x\n",
    "class C:\n    _x = 1\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, to): self._x = to * 10\n",
    setup="c = m.C()",
    check="setattr(c, 'x', 2) or c.x == 20",
    back="raises(AttributeError, lambda: setattr(c, 'x', 2)) and m.C().x == 1",
    calls=("m.C().x", 1, 1),
)

add(
    "a property's getter and setter",
    "class C:\n    _x = 1\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, to): self._x = to\n",
    "class C:\n    _x = 1\n    @property\n    def x(self): return -self._x\n    @x.setter\n    def x(self, to): self._x = -to\n",
    setup="c = m.C()",
    check="c.x == -1 and (setattr(c, 'x', 2) or c.x == 2 and c._x == -2)",
    back="c.x == -2",
    calls=("m.C().x", 1, -1),
)

add(
    "a class attribute",
    "class C:\n    limit = 1\n    def f(self): return self.limit\n",
    "class C:\n    limit = 2\n    def f(self): return self.limit\n",
    setup="c = m.C()",
    check="c.f() == m.C.limit == 2",
    back="c.f() == m.C.limit == 1",
    calls=("c.f()", 1, 2),
)

add(
    "a class attribute that the program has modified is kept",
    "class C:\n    seen = {}\n    def f(self): return len(self.seen)\n",
    "class C:\n    seen = {'start': 0}\n    def f(self): return len(self.seen)\n",
    setup="m.C.seen['a'] = 1; seen = m.C.seen",
    check="m.C.seen is seen and m.C().f() == 1",
    back="m.C.seen is seen and m.C().f() == 1",
    calls=("m.C().f()", 1, 1),
)

add(
    "class attributes added and removed",
    "class C:\n    a = 1\n    b = 2\n",
    "class C:\n    a = 1\n    c = 3\n",
    setup="c = m.C()",
    check="c.c == 3 and not hasattr(c, 'b')",
    back="c.b == 2 and not hasattr(c, 'c')",
    calls=("c.a", 1, 1),
)

add(
    "super() where there was none",
    "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return 5\n",
    "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return super().f() + 10\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == 11",
    back="c.f() == held() == 5",
    calls=("held()", 5, 11),
)

add(
    "super() is taken out",
    "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return super().f() + 10\n",
    "class B:\n    def f(self): return 1\nclass C(B):\n    def f(self): return 5\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == 5",
    back="c.f() == held() == 11",
    calls=("held()", 11, 5),
)

add(
    "private names",
    "class C:\n    def __init__(self): self.__n = 1\n    def f(self): return self.__n\n",
    "class C:\n    def __init__(self): self.__n = 1\n    def __g(self): return self.__n * 10\n    def f(self): return self.__g()\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == 10",
    back="c.f() == held() == 1",
    calls=("held()", 1, 10),
)

add(
    "__init__, for objects made from now on",
    "class C:\n    def __init__(self, x): self.x = x\n    def f(self): return self.x\n",
    "class C:\n    def __init__(self, x): self.x = x * 10\n    def f(self): return self.x\n",
    setup="c = m.C(1)",
    check="m.C(1).f() == 10 and c.x == 1",
    back="m.C(1).f() == 1 and c.x == 1",
    calls=("m.C(1).f()", 1, 10),
)

add(
    "a class is added, with its users",
    "def f(): return 1\n",
    "class C:\n    def g(self): return 2\ndef f(): return C().g()\n",
    check="m.f() == 2",
    back="m.f() == 1 and not hasattr(m, 'C')",
    calls=("m.f()", 1, 2),
)

add(
    "a class is removed, and an object of it lives on",
    "class C:\n    def g(self): return 1\ndef f(): return C().g()\n",
    "def f(): return 2\n",
    setup="c, C = m.C(), m.C",
    check="m.f() == 2 and not hasattr(m, 'C') and c.g() == 1",
    back="m.f() == 1 and m.C is C",
    calls=("m.f()", 1, 2),
)

add(
    "a class is renamed, and the old name kept as an alias",
    "class Old:\n    def f(self): return 1\n",
    "class New:\n    def f(self): return 2\nOld = New\n",
    setup="c, C = m.Old(), m.Old",
    check="isinstance(c, m.New) and m.Old is m.New and c.f() == 2",
    back="m.Old is C and c.f() == 1 and not hasattr(m, 'New')",
    calls=("m.Old().f()", 1, 2),
    identity=False,
)

add(
    "a nested class",
    "class C:\n    class D:\n        def f(self): return 1\n    def g(self): return self.D().f()\n",
    "class C:\n    class D:\n        x = 5\n        def f(self): return self.x\n    def g(self): return self.D().f()\n",
    setup="d, D = m.C.D(), m.C.D",
    check="d.f() == m.C().g() == 5 and m.C.D is D",
    back="d.f() == m.C().g() == 1 and m.C.D is D",
    calls=("d.f()", 1, 5),
)

add(
    "operators that live objects had not",
    "class V:\n    def __init__(self, x): self.x = x\n",
    "class V:\n    def __init__(self, x): self.x = x\n    def __add__(self, o): return self.x + o.x\n"
    "    def __eq__(self, o): return self.x == o.x\n    def __hash__(self): return hash(self.x)\n    def __len__(self): return 3\n",
    setup="v, w = m.V(1), m.V(1)",
    check="v + w == 2 and v == w and hash(v) == hash(w) and len(v) == 3",
    back="v != w and raises(TypeError, lambda: v + w) and raises(TypeError, lambda: len(v))",
    calls=("m.V(1).x", 1, 1),
)

add(
    "__call__, __getitem__, __iter__ and __contains__",
    "class C:\n    def __call__(self): return 1\n    def __getitem__(self, i): return 1\n    def __iter__(self): return iter([1])\n",
    "class C:\n    def __call__(self): return 2\n    def __getitem__(self, i): return 2\n    def __iter__(self): return iter([2])\n"
    "    def __contains__(self, x): return x == 7\n",
    setup="c = m.C()",
    check="[c(), c[0], list(c), 7 in c] == [2, 2, [2], True]",
    back="[c(), c[0], list(c), 7 in c] == [1, 1, [1], False]",
    calls=("c()", 1, 2),
)

add(
    "a class's docstring and annotations",
    "class C:\n    'Old.'\n    x: int\n",
    "class C:\n    'New.'\n    x: str\n    y: float\n",
    setup="C = m.C",
    check="C.__doc__ == 'New.' and typing.get_type_hints(C) == {'x': str, 'y': float}",
    back="C.__doc__ == 'Old.' and typing.get_type_hints(C) == {'x': int}",
)

add(
    "pickles of old objects",
    "class C:\n    def __init__(self): self.x = 1\n    def f(self): return self.x\n",
    "class C:\n    def __init__(self): self.x = 1\n    def f(self): return self.x * 10\n",
    setup="data = pickle.dumps(m.C()); c = m.C()",
    check="pickle.loads(data).f() == 10 and pickle.loads(pickle.dumps(c)).f() == 10",
    back="pickle.loads(data).f() == 1 and pickle.loads(pickle.dumps(c)).f() == 1",
    calls=("pickle.loads(data).f()", 1, 10),
)

add(
    "weak references and a WeakKeyDictionary",
    "class C:\n    def f(self): return 1\n",
    "class C:\n    y = 3\n    def f(self): return 2\n",
    setup="c = m.C(); w = weakref.ref(c); d = weakref.WeakKeyDictionary({c: 'c'}); k = weakref.ref(m.C)",
    check="w() is c and w().f() == 2 and d[c] == 'c' and k() is m.C",
    back="w() is c and w().f() == 1 and d[c] == 'c'",
    calls=("w().f()", 1, 2),
)

add(
    "a new statement calls a new method of an object that is there",
    "class A:\n    def f(self): return 1\na = A()\n",
    "class A:\n    rate = 3\n    def f(self): return 2\n    def g(self): return self.f() * self.rate\na = A()\nTABLE = [a.g(), A().g(), A.rate]\n",
    setup="a, A = m.a, m.A",
    check="m.a is a and m.A is A and m.TABLE == [6, 6, 3] and a.g() == 6",
    back="a.f() == 1 and not hasattr(A, 'g') and not hasattr(A, 'rate')",
    calls=("m.a.f()", 1, 2),
)

add(
    "a class is removed, and a method of an object that lives on names it",
    "class A:\n    def copy(self): return A()\n    def f(self): return helper()\ndef helper(): return 1\ndef g(): return 1\n",
    "def g(): return 2\n",
    setup="a = m.A()",
    check="m.g() == 2 and a.copy().f() == 1",
    back="m.g() == 1 and m.A is type(a) and a.copy().f() == 1",
    calls=("m.g()", 1, 2),
)

ANOTHERS = """
def f(s=None): return "f"
def g(s=None): return "g"
class A:
    tag = "a"
    def who(self): return "a"
class B:
    tag = "b"
    def who(self): return "b"
def made(cls): return cls
class Hook:
    def __init_subclass__(cls): cls.got = cls.model
"""
NAMING = """
class P:
    model, go = {0}, {1}
    static = staticmethod({1})
@made
class D:
    model, go = {0}, {1}
    static = staticmethod({1})
class H(Hook):
    model, go = {0}, {1}
    static = staticmethod({1})
"""

add(
    "class attributes that name another class or function than before",
    ANOTHERS + NAMING.format("A", "f"),
    ANOTHERS + NAMING.format("B", "g"),
    setup="a, A, B, f, g = m.A(), m.A, m.B, m.f, m.g",
    check="""
        m.A is A and m.B is B and A.tag == a.who() == 'a' and B.tag == B().who() == 'b'
        [m.P.model, m.D.model, m.H.model, m.H.got] == [B] * 4
        m.f is f and m.g is g and f() == 'f' and g() == 'g'
        [(c().go(), c().static()) for c in (m.P, m.D, m.H)] == [('g', 'g')] * 3
    """,
    back="""
        [m.P.model, m.D.model, m.H.model, m.H.got] == [A] * 4 and A.tag == 'a' and B.tag == 'b'
        [(c().go(), c().static()) for c in (m.P, m.D, m.H)] == [('f', 'f')] * 3
    """,
    calls=("m.H.model.tag", "a", "b"),
)

USER = "class User:\n    v = {0}\n    def go(self): return {0}\n"
SERIAL = "from {0} import User\ndef made(cls): return cls\n@made\nclass S:\n    model = User\n"

add(
    "a class attribute names the class of its name in another module",
    {"one.py": USER.format(1), "two.py": USER.format(2), "m.py": SERIAL.format("one")},
    {"m.py": SERIAL.format("two")},
    setup="first, second, o = one.User, two.User, one.User()",
    check="m.S.model is m.User is two.User is second and one.User is first and o.go() == first.v == 1",
    back="m.S.model is m.User is first and second.v == 2",
    calls=("m.S.model.v", 1, 2),
)

add(
    "a generic base gets another argument, which __init_subclass__ reads",
    "from typing import Generic, TypeVar, get_args\nT = TypeVar('T')\nclass U: pass\nclass V: pass\nclass Repo(Generic[T]):\n"
    "    def __init_subclass__(cls): cls.model = get_args(cls.__orig_bases__[0])[0]\n    def get(self): return self.model.__name__\nclass R(Repo[U]): pass\n",
    "from typing import Generic, TypeVar, get_args\nT = TypeVar('T')\nclass U: pass\nclass V: pass\nclass Repo(Generic[T]):\n"
    "    def __init_subclass__(cls): cls.model = get_args(cls.__orig_bases__[0])[0]\n    def get(self): return self.model.__name__\nclass R(Repo[V]): pass\n",
    setup="r, R = m.R(), m.R",
    check="r.get() == 'V' and R is m.R and typing.get_args(R.__orig_bases__[0]) == (m.V,)",
    back="r.get() == 'U' and typing.get_args(R.__orig_bases__[0]) == (m.U,)",
    calls=("r.get()", "U", "V"),
)
