"""Classes: bases, metaclasses, abstract base classes, exceptions, the hooks of class creation."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")

AB = "class A:\n    def f(self): return 'a'\nclass B:\n    def f(self): return 'b'\n"

add(
    "a base is changed for another",
    AB + "class C(A): pass\n",
    AB + "class C(B): pass\n",
    setup="c, C = m.C(), m.C",
    check="c.f() == 'b' and isinstance(c, m.B) and not isinstance(c, m.A) and C.__mro__[1] is m.B",
    back="c.f() == 'a' and isinstance(c, m.A) and not isinstance(c, m.B)",
    calls=("c.f()", "a", "b"),
)

add(
    "a base is added to a class that had none",
    "class M:\n    def g(self): return self.n\nclass C:\n    n = 3\n",
    "class M:\n    def g(self): return self.n\nclass C(M):\n    n = 3\n",
    setup="c, C = m.C(), m.C",
    check="c.g() == 3 and isinstance(c, m.M) and type(c) is m.C is C",
    back="not hasattr(c, 'g') and not isinstance(c, m.M) and type(c) is m.C is C",
    calls=("c.n", 3, 3),
)

add(
    "a base is taken away",
    "class M:\n    def g(self): return self.n\nclass C(M):\n    n = 3\n",
    "class M:\n    def g(self): return self.n\nclass C:\n    n = 3\n",
    setup="c, C = m.C(), m.C",
    check="not hasattr(c, 'g') and not isinstance(c, m.M) and type(c) is m.C is C",
    back="c.g() == 3 and isinstance(c, m.M)",
    calls=("c.n", 3, 3),
)

add(
    "bases change places",
    AB + "class C(A, B): pass\n",
    AB + "class C(B, A): pass\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == 'b'",
    back="c.f() == held() == 'a'",
    calls=("c.f()", "a", "b"),
)

add(
    "a class is put in between",
    "class A:\n    def f(self): return ['a']\nclass C(A):\n    def f(self): return ['c'] + super().f()\n",
    "class A:\n    def f(self): return ['a']\nclass B(A):\n    def f(self): return ['b'] + super().f()\n"
    "class C(B):\n    def f(self): return ['c'] + super().f()\n",
    setup="c = m.C(); held = c.f",
    check="c.f() == held() == ['c', 'b', 'a'] and isinstance(c, m.B)",
    back="c.f() == held() == ['c', 'a'] and not hasattr(m, 'B')",
    calls=("held()", ["c", "a"], ["c", "b", "a"]),
)

add(
    "a method moves up to the base",
    "class A: pass\nclass C(A):\n    def f(self): return 1\nclass D(A): pass\n",
    "class A:\n    def f(self): return 2\nclass C(A): pass\nclass D(A): pass\n",
    setup="c, d = m.C(), m.D(); held = c.f",
    check="c.f() == d.f() == 2",
    back="c.f() == held() == 1 and not hasattr(d, 'f')",
    calls=("c.f()", 1, 2),
)

add(
    "an override is removed, and the base's method shows",
    "class A:\n    def f(self): return 1\nclass C(A):\n    def f(self): return 5\n",
    "class A:\n    def f(self): return 1\nclass C(A): pass\n",
    setup="c = m.C()",
    check="c.f() == 1",
    back="c.f() == 5",
    calls=("c.f()", 5, 1),
)

add(
    "a base of a built-in type, which the object's layout depends on",
    "class C:\n    def f(self): return 1\n",
    "class C(dict):\n    def f(self): return 2\n",
    setup="c = m.C(); box = [c]",
    # CPython can't give an object that exists the layout of a dict. It may be replaced with all that refers to it, or refused.
    check="box[0].f() == 2 and isinstance(box[0], dict) and type(box[0]) is m.C",
    back="box[0].f() == 1",
    refused="C",
)

add(
    "a metaclass's method",
    "class Meta(type):\n    def f(cls): return cls.__name__\nclass C(metaclass=Meta): pass\n",
    "class Meta(type):\n    def f(cls): return cls.__name__ * 2\n    def g(cls): return 1\nclass C(metaclass=Meta): pass\n",
    setup="C = m.C",
    check="C.f() == 'CC' and C.g() == 1",
    back="C.f() == 'C' and not hasattr(C, 'g')",
    calls=("C.f()", "C", "CC"),
)

add(
    "a metaclass is added",
    "class C:\n    def f(self): return 1\n",
    "class Meta(type):\n    def g(cls): return cls.__name__\nclass C(metaclass=Meta):\n    def f(self): return 2\n",
    setup="c, C = m.C(), m.C",
    # CPython lets no class of the metaclass type have another one: it may be replaced with all that refers to it, or refused.
    check="c.f() == 2 and C.g() == 'C' and type(c) is m.C is C and type(C) is m.Meta",
    back="c.f() == 1 and type(C) is type and m.C is C",
    calls=("c.f()", 1, 2),
    refused="metaclass",
)

add(
    "a metaclass is changed for another",
    "class X(type):\n    def f(cls): return 'x'\nclass Y(type):\n    def f(cls): return 'y'\nclass C(metaclass=X): pass\n",
    "class X(type):\n    def f(cls): return 'x'\nclass Y(type):\n    def f(cls): return 'y'\nclass C(metaclass=Y): pass\n",
    setup="c, C = m.C(), m.C",
    check="C.f() == 'y' and type(c) is m.C is C",
    back="C.f() == 'x' and m.C is C",
    calls=("C.f()", "x", "y"),
)

add(
    "an abstract method is added, with its implementations",
    "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass C(A):\n    def f(self): return 1\n",
    "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n    @abc.abstractmethod\n    def g(self): ...\n"
    "class C(A):\n    def f(self): return 1\n    def g(self): return 2\nclass D(A):\n    def f(self): return 3\n",
    setup="c = m.C(); A = m.A",
    check="""
        c.g() == 2 and isinstance(c, A) and m.C().f() == 1
        raises(TypeError, lambda: m.D())
        A.__abstractmethods__ == {'f', 'g'}
    """,
    back="A.__abstractmethods__ == {'f'} and m.C().f() == 1 and not hasattr(c, 'g')",
    calls=("m.C().f()", 1, 1),
)

add(
    "an abstract method is no longer abstract",
    "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass C(A): pass\n",
    "import abc\nclass A(abc.ABC):\n    def f(self): return 1\nclass C(A): pass\n",
    check="m.C().f() == 1 and m.A().f() == 1",
    back="raises(TypeError, lambda: m.C()) and raises(TypeError, lambda: m.A())",
)

add(
    "classes registered with an abstract base class",
    "import abc\nclass A(abc.ABC):\n    def f(self): return 1\nclass V: pass\nA.register(V)\n",
    "import abc\nclass A(abc.ABC):\n    def f(self): return 2\nclass V:\n    x = 1\nA.register(V)\n",
    setup="v = m.V(); m.A.register(int)",
    check="isinstance(v, m.A) and isinstance(3, m.A) and v.x == 1",
    back="isinstance(v, m.A) and isinstance(3, m.A) and not hasattr(v, 'x')",
    calls=("isinstance(v, m.A)", True, True),
)

add(
    "an exception's message, and who catches it",
    {
        "errors.py": "class Lost(Exception):\n    def __str__(self): return 'lost'\n",
        "m.py": "from errors import Lost\ndef g(): raise Lost\ndef f():\n    try:\n        g()\n    except Lost as error:\n        return str(error)\n",
    },
    {
        "errors.py": "class Lost(Exception):\n    code = 5\n    def __str__(self): return f'lost {self.code}'\n"
    },
    setup="Lost, error = errors.Lost, errors.Lost()",
    check="m.f() == 'lost 5' and str(error) == 'lost 5' and m.Lost is Lost",
    back="m.f() == 'lost' and str(error) == 'lost'",
    calls=("m.f()", "lost", "lost 5"),
)

add(
    "an exception gets another base",
    "class Lost(Exception): pass\ndef f():\n    try:\n        raise Lost('x')\n    except Exception as error:\n        return isinstance(error, LookupError)\n",
    "class Lost(LookupError): pass\ndef f():\n    try:\n        raise Lost('x')\n    except Exception as error:\n        return isinstance(error, LookupError)\n",
    setup="error = m.Lost('y')",
    check="m.f() and isinstance(error, LookupError) and isinstance(error, m.Lost)",
    back="not m.f() and not isinstance(error, LookupError)",
    calls=("m.f()", False, True),
)

add(
    "an exception that is being handled while it changes",
    "class Lost(Exception):\n    def f(self): return 1\n",
    "class Lost(Exception):\n    def f(self): return 2\n",
    setup="""
        def trial():
            try:
                raise m.Lost('x')
            except m.Lost as error:
                yield error.f()
                yield error.f()
            try:
                raise m.Lost('y')
            except m.Lost as error:
                yield error.f()
        it = trial(); next(it)
    """,
    check="next(it) == 2",
    back="next(it) == 1",
)

add(
    "__init_subclass__ runs for what is new",
    "class A:\n    kinds = []\n    def __init_subclass__(cls, **k):\n        super().__init_subclass__(**k)\n        A.kinds.append(cls.__name__)\nclass B(A): pass\n",
    "class A:\n    kinds = []\n    def __init_subclass__(cls, **k):\n        super().__init_subclass__(**k)\n        A.kinds.append(cls.__name__)\n"
    "class B(A):\n    x = 1\nclass C(A): pass\n",
    check="m.A.kinds == ['B', 'C'] and m.B.x == 1",
    back="m.A.kinds == ['B'] and not hasattr(m.B, 'x')",
)

add(
    "an argument of __init_subclass__",
    "class A:\n    def __init_subclass__(cls, tag='', **k):\n        super().__init_subclass__(**k)\n        cls.tag = tag\nclass B(A, tag='old'): pass\n",
    "class A:\n    def __init_subclass__(cls, tag='', **k):\n        super().__init_subclass__(**k)\n        cls.tag = tag\nclass B(A, tag='new'): pass\n",
    setup="b, B = m.B(), m.B",
    check="b.tag == 'new' and m.B is B",
    back="b.tag == 'old'",
    calls=("b.tag", "old", "new"),
)

add(
    "__init_subclass__ itself: subclasses that exist are as it makes them",
    "class A:\n    def __init_subclass__(cls, **k): cls.tag = 'old'\nclass B(A): pass\n",
    "class A:\n    def __init_subclass__(cls, **k): cls.tag = 'new'\nclass B(A): pass\n",
    setup="b = m.B()",
    check="b.tag == 'new'",
    back="b.tag == 'old'",
)

DESCRIPTOR = """
class D:
    def __set_name__(self, owner, name): self.name = name
    def __get__(self, i, owner): return self.name
class C:
    a = D()
"""

add(
    "a descriptor's methods, and one more of it",
    DESCRIPTOR,
    DESCRIPTOR.replace("return self.name", "return self.name + '!'") + "    b = D()\n",
    setup="c = m.C()",
    check="[c.a, c.b] == ['a!', 'b!']",
    back="c.a == 'a' and not hasattr(c, 'b')",
    calls=("c.a", "a", "a!"),
)

add(
    "a plain attribute becomes a data descriptor",
    """
    class C:
        x = 1
    def f(c): return c.x
    """,
    """
    class Ten:
        def __get__(self, i, owner): return self if i is None else i.__dict__.get('x', 1) * 10
        def __set__(self, i, to): i.__dict__['x'] = to
    class C:
        x = Ten()
    def f(c): return c.x
    """,
    setup="c, d = m.C(), m.C(); d.x = 2",
    check="[m.f(c), m.f(d)] == [10, 20]",
    back="[m.f(c), m.f(d)] == [1, 2]",
    calls=("m.f(d)", 2, 20),
)

add(
    "__set_name__ has changed: what it has set on the descriptors",
    "class D:\n    def __set_name__(self, owner, name): self.key = '_' + name\n    def __get__(self, i, owner): return i.__dict__[self.key]\n"
    "class C:\n    x = D()\n    def __init__(self): self._x = 1; self.__dict__['x_'] = 2\n",
    "class D:\n    def __set_name__(self, owner, name): self.key = name + '_'\n    def __get__(self, i, owner): return i.__dict__[self.key]\n"
    "class C:\n    x = D()\n    def __init__(self): self._x = 1; self.__dict__['x_'] = 2\n",
    setup="c = m.C()",
    check="c.x == 2",
    back="c.x == 1",
)

add(
    "__class_getitem__",
    "class C:\n    def __class_getitem__(cls, item): return (cls.__name__, item)\n",
    "class C:\n    def __class_getitem__(cls, item): return [cls.__name__, item]\n",
    setup="C = m.C",
    check="C[int] == ['C', int]",
    back="C[int] == ('C', int)",
    calls=("C[1]", ("C", 1), ["C", 1]),
)

add(
    "__getattr__ and __setattr__ are added",
    "class C:\n    def __init__(self): self.x = 1\n",
    "class C:\n    def __init__(self): self.x = 1\n    def __getattr__(self, n): return n\n    def __setattr__(self, n, to): object.__setattr__(self, n, [to])\n",
    setup="c = m.C()",
    check="c.zzz == 'zzz' and (setattr(c, 'y', 1) or c.y == [1]) and c.x == 1",
    back="not hasattr(c, 'zzz') and (setattr(c, 'w', 1) or c.w == 1)",
)

add(
    "__new__ and a singleton that exists",
    "class C:\n    _one = None\n    def __new__(cls):\n        if cls._one is None: cls._one = super().__new__(cls)\n        return cls._one\n    def f(self): return 1\n",
    "class C:\n    _one = None\n    def __new__(cls):\n        if cls._one is None:\n            cls._one = super().__new__(cls)\n        return cls._one\n    def f(self): return 2\n",
    setup="c = m.C()",
    check="m.C() is c and c.f() == 2",
    back="m.C() is c and c.f() == 1",
    calls=("m.C().f()", 1, 2),
)

add(
    "a base in another module",
    {
        "base.py": "class A:\n    def f(self): return 'a'\n    def g(self): return self.f()\n",
        "m.py": "from base import A\nclass C(A):\n    def f(self): return 'c' + super().f()\n",
    },
    {
        "base.py": "class A:\n    tag = '!'\n    def f(self): return 'A' + self.tag\n    def g(self): return self.f()\n"
    },
    setup="c = m.C(); held = c.g",
    check="c.f() == held() == 'cA!' and isinstance(c, base.A) and m.A is base.A",
    back="c.f() == held() == 'ca' and not hasattr(c, 'tag')",
    calls=("held()", "ca", "cA!"),
)
