"""Typing: NamedTuple, TypedDict, Protocol, generics."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")

add(
    "a NamedTuple's method and property",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n    def f(self): return self.x\n",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n    def f(self): return self.x * 10\n    @property\n    def z(self): return self.y\n",
    setup="p, P = m.P(1, 2), m.P",
    check="p.f() == 10 and p.z == 2 and m.P is P and p == (1, 2)",
    back="p.f() == 1 and not hasattr(p, 'z')",
    calls=("p.f()", 1, 10),
)

add(
    "a NamedTuple's default",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 5\n",
    setup="p, P = m.P(1), m.P",
    check="m.P(1).y == 5 and m.P is P and p.y == 0",
    back="m.P(1).y == 0",
    calls=("P(1).y", 0, 5),
)

add(
    "a NamedTuple gets a field, and tuples that exist are shorter",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\ndef f(p): return p.x\n",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 5\ndef f(p): return p.x + p.y\n",
    setup="p, P = m.P(1), m.P; box = [p]",
    # A tuple's length can't change: it is replaced everywhere, or the plan refuses.
    check="m.P(1).y == 5 and m.f(box[0]) == 6",
    back="m.f(box[0]) == 1 and m.P is P",
    refused="P",
)

add(
    "a collections.namedtuple that nobody has made one of",
    "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(): return P(1, 2)\n",
    "import collections\nP = collections.namedtuple('P', 'x y z')\ndef f(): return P(1, 2, 3)\n",
    check="m.f() == (1, 2, 3) and m.f().z == 3",
    back="m.f() == (1, 2)",
    calls=("tuple(m.f())", (1, 2), (1, 2, 3)),
    identity=False,
)

add(
    "a TypedDict",
    "from typing import TypedDict\nclass T(TypedDict):\n    x: int\ndef f(t: T): return t['x']\n",
    "from typing import TypedDict\nclass T(TypedDict, total=False):\n    x: int\n    y: str\ndef f(t: T): return t.get('y', t['x'])\n",
    setup="T = m.T; t = m.T(x=1)",
    check="m.f(t) == 1 and m.T is T and T.__optional_keys__ == {'x', 'y'} and set(typing.get_type_hints(T)) == {'x', 'y'}",
    back="m.T is T and T.__required_keys__ == {'x'} and set(typing.get_type_hints(T)) == {'x'}",
    calls=("m.f(t)", 1, 1),
)

add(
    "a runtime-checkable Protocol",
    "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def f(self): ...\nclass C:\n    def f(self): return 1\n",
    "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def f(self): ...\n    def g(self): ...\n"
    "class C:\n    def f(self): return 1\n    def g(self): return 2\nclass D:\n    def f(self): return 3\n",
    setup="c, P = m.C(), m.P; isinstance(c, P)",
    check="isinstance(c, P) and not isinstance(m.D(), P) and m.P is P",
    back="isinstance(c, P) and m.P is P",
    calls=("isinstance(c, P)", True, True),
)

add(
    "a class that follows a Protocol explicitly",
    "from typing import Protocol\nclass P(Protocol):\n    def f(self): return 1\nclass C(P):\n    def g(self): return self.f()\n",
    "from typing import Protocol\nclass P(Protocol):\n    def f(self): return 2\nclass C(P):\n    def g(self): return self.f() * 10\n",
    setup="c = m.C(); held = c.g",
    check="c.f() == 2 and held() == 20",
    back="c.f() == 1 and held() == 1",
    calls=("c.f()", 1, 2),
)

add(
    "a generic class",
    "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, x: T): self.x = x\n    def f(self): return self.x\n",
    "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, x: T): self.x = x\n    def f(self): return [self.x]\n",
    setup="b, B = m.Box[int](1), m.Box[int]",
    check="b.f() == [1] and B(2).f() == [2] and B.__origin__ is m.Box",
    back="b.f() == 1 and B(2).f() == 2",
    calls=("b.f()", 1, [1]),
)

add(
    "a class becomes generic",
    "class Box:\n    def f(self): return 1\n",
    "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def f(self): return 2\n",
    setup="b, B = m.Box(), m.Box",
    check="b.f() == 2 and m.Box is B and m.Box[int]().f() == 2",
    back="b.f() == 1 and raises(TypeError, lambda: m.Box[int])",
    calls=("b.f()", 1, 2),
)

add(
    "typing references to a class: Optional, list, Annotated",
    "class C:\n    def f(self): return 1\ndef g(x: 'C | None') -> list['C']: return [x]\n",
    "class C:\n    n = 2\n    def f(self): return self.n\ndef g(x: 'C | None') -> list['C']: return [x, x]\n",
    setup="hints = typing.get_type_hints(m.g); alias = typing.Optional[m.C]; c = m.C()",
    check="typing.get_args(alias)[0] is m.C and isinstance(c, typing.get_args(alias)[0]) and len(m.g(c)) == 2 and c.f() == 2",
    back="len(m.g(c)) == 1 and c.f() == 1",
    calls=("c.f()", 1, 2),
)

add(
    "a type alias and a NewType",
    "from typing import NewType\nId = NewType('Id', int)\nIds = list[Id]\ndef f(x: Ids): return x\n",
    "from typing import NewType\nId = NewType('Id', str)\nIds = set[Id]\ndef f(x: Ids): return x\n",
    check="m.Id.__supertype__ is str and m.Ids == set[m.Id] and typing.get_type_hints(m.f)['x'] == m.Ids",
    back="m.Id.__supertype__ is int and m.Ids == list[m.Id] and typing.get_type_hints(m.f)['x'] == m.Ids",
)

add(
    "overloads",
    "from typing import overload\n@overload\ndef f(x: int) -> int: ...\n@overload\ndef f(x: str) -> str: ...\ndef f(x): return x\n",
    "from typing import overload\n@overload\ndef f(x: int) -> int: ...\n@overload\ndef f(x: bytes) -> bytes: ...\ndef f(x): return x * 2\n",
    setup="held = m.f",
    check="held(2) == 4 and [typing.get_type_hints(o)['x'] for o in typing.get_overloads(held)] == [int, bytes]",
    back="held(2) == 2 and [typing.get_type_hints(o)['x'] for o in typing.get_overloads(held)] == [int, str]",
    calls=("held(2)", 2, 4),
)
