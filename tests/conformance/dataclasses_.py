"""Dataclasses: fields and options, with live objects."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")
add_object = group("object")

POINT = "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n"

add_object(
    "a dataclass field with a default is added",
    POINT + "def f(p): return p.x\n",
    POINT + "    y: int = 5\ndef f(p): return p.x + p.y\n",
    setup="p, P = m.P(1), m.P",
    check="""
        m.f(p) == 6 and p.y == 5 and 'y' in vars(p)
        p == m.P(1) and m.P(1, 2).y == 2 and m.P is P
        repr(p) == 'P(x=1, y=5)' and dataclasses.replace(p, x=3) == m.P(3, 5)
        [f.name for f in dataclasses.fields(p)] == ['x', 'y']
    """,
    back="m.f(p) == 1 and vars(p) == {'x': 1} and repr(p) == 'P(x=1)' and raises(TypeError, lambda: m.P(1, 2))",
    calls=("m.f(p)", 1, 6),
)

add_object(
    "a dataclass field with a default factory is added: each object gets its own",
    POINT + "def f(p): return p.x\n",
    POINT + "    ys: list = field(default_factory=list)\ndef f(p): return [p.x, *p.ys]\n",
    setup="p, q = m.P(1), m.P(2)",
    check="p.ys == [] and p.ys is not q.ys and p.ys is p.ys and (p.ys.append(7) or m.f(p) == [1, 7]) and m.f(q) == [2]",
    back="m.f(p) == 1 and vars(p) == {'x': 1}",
    calls=("m.f(q)", 2, [2]),
)

add_object(
    "a dataclass field is dropped",
    POINT + "    y: int = 5\ndef f(p): return p.x + p.y\n",
    POINT + "def f(p): return p.x\n",
    setup="p = m.P(1, 2)",
    check="m.f(p) == 1 and not hasattr(p, 'y') and vars(p) == {'x': 1} and p == m.P(1)",
    back="m.f(p) == 3 and p.y == 2 and p == m.P(1, 2)",
    calls=("m.f(p)", 3, 1),
)

add_object(
    "a dataclass field is renamed",
    POINT + "def f(p): return p.x\n",
    "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    left: int\ndef f(p): return p.left\n",
    setup="p = m.P(1)",
    asks="left",
    support="""
        import podus

        def back(p):
            p.x = p.left

        @podus.mapper("m:P", reverse=back)
        def point(p):
            p.left = p.x
    """,
    check="m.f(p) == 1 and vars(p) == {'left': 1} and p == m.P(1)",
    back="m.f(p) == 1 and vars(p) == {'x': 1} and p == m.P(1)",
    calls=("m.f(p)", 1, 1),
)

add_object(
    "a dataclass field without a default is added, which only a mapper can fill",
    POINT + "def f(p): return p.x\n",
    "from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n    name: str\ndef f(p): return p.name\n",
    setup="p = m.P(1)",
    asks="name",
    support="""
        import podus

        @podus.mapper("m:P", reverse=lambda p: None)
        def point(p):
            p.name = f"p{p.x}"
    """,
    check="m.f(p) == 'p1' and p == m.P(1, 'p1')",
    back="m.f(p) == 1 and vars(p) == {'x': 1}",
    calls=("m.f(p)", 1, "p1"),
)

add_object(
    "a dataclass field that __post_init__ derives from others",
    POINT + "def f(p): return p.x * p.x\n",
    POINT
    + "    square: int = field(init=False)\n    def __post_init__(self): self.square = self.x * self.x\ndef f(p): return p.square\n",
    setup="p = m.P(3)",
    check="m.f(p) == 9 and p == m.P(3)",
    back="m.f(p) == 9 and vars(p) == {'x': 3}",
    calls=("m.f(p)", 9, 9),
)

add_object(
    "a dataclass field's default changes: objects keep what they have",
    POINT + "    y: int = 5\n",
    POINT + "    y: int = 6\n",
    setup="p = m.P(1)",
    check="p.y == 5 and m.P(1).y == 6 and m.P.y == 6",
    back="p.y == 5 and m.P(1).y == 5",
    calls=("p.y", 5, 5),
)

add(
    "a dataclass's fields change places",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: int\ndef f(): return P(1, 2).x\n",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    y: int\n    x: int\ndef f(): return P(2, 1).x\n",
    setup="p = m.P(1, 2)",
    check="m.f() == 1 and p == m.P(2, 1) and repr(p) == 'P(y=2, x=1)'",
    back="m.f() == 1 and p == m.P(1, 2)",
    calls=("m.f()", 1, 1),
)

add(
    "a dataclass becomes ordered",
    POINT,
    POINT.replace("@dataclass\n", "@dataclass(order=True)\n"),
    setup="p = m.P(1)",
    check="p < m.P(2) and sorted([m.P(2), p])[0] is p",
    back="raises(TypeError, lambda: p < m.P(2))",
    calls=("p.x", 1, 1),
)

add(
    "a dataclass becomes frozen",
    POINT,
    POINT.replace("@dataclass\n", "@dataclass(frozen=True)\n"),
    setup="p = m.P(1)",
    check="raises(dataclasses.FrozenInstanceError, lambda: setattr(p, 'x', 2)) and hash(p) == hash(m.P(1)) and p.x == 1",
    back="(setattr(p, 'x', 2) or p.x == 2) and raises(TypeError, lambda: hash(p))",
    calls=("m.P(1).x", 1, 1),
)

add(
    "a dataclass is no longer frozen",
    POINT.replace("@dataclass\n", "@dataclass(frozen=True)\n"),
    POINT,
    setup="p = m.P(1)",
    check="(setattr(p, 'x', 2) or p.x == 2) and m.P(1).x == 1",
    back="raises(dataclasses.FrozenInstanceError, lambda: setattr(p, 'x', 3)) and hash(p) == hash(m.P(2))",
    calls=("m.P(1).x", 1, 1),
)

add_object(
    "a frozen dataclass gets a field",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\ndef f(p): return p.x\n",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass P:\n    x: int\n    y: int = 5\ndef f(p): return p.x + p.y\n",
    setup="p = m.P(1)",
    check="m.f(p) == 6 and p == m.P(1, 5) and vars(p) == {'x': 1, 'y': 5}",
    back="m.f(p) == 1 and p == m.P(1) and vars(p) == {'x': 1}",
    calls=("m.f(p)", 1, 6),
)

add_object(
    "a dataclass gets slots",
    POINT + "def f(p): return p.x\n",
    POINT.replace("@dataclass\n", "@dataclass(slots=True)\n") + "def f(p): return p.x\n",
    setup="p = m.P(1); box = [p]",
    # The layout stays, with its dictionary, which is room enough; the class says what its slots are.
    check="m.f(box[0]) == 1 and type(box[0]) is m.P and m.P.__slots__ == ('x',) and m.f(m.P(2)) == 2",
    back="m.f(box[0]) == 1 and not hasattr(m.P, '__slots__')",
)

add_object(
    "a dataclass with slots gets a field",
    "from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int\ndef f(p): return p.x\n",
    "from dataclasses import dataclass\n@dataclass(slots=True)\nclass P:\n    x: int\n    y: int = 5\ndef f(p): return p.x + p.y\n",
    setup="p = m.P(1); box = [p]",
    check="m.f(box[0]) == 6 and m.P(1) == box[0] and type(box[0]) is m.P",
    back="m.f(box[0]) == 1",
    refused="P",
)

add(
    "a plain class becomes a dataclass",
    "class P:\n    def __init__(self, x): self.x = x\n",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n",
    setup="p, P = m.P(1), m.P",
    check="p == m.P(1) and repr(p) == 'P(x=1)' and m.P is P and dataclasses.is_dataclass(p)",
    back="p != m.P(1) and not dataclasses.is_dataclass(p)",
    calls=("m.P(1).x", 1, 1),
)

add(
    "a method of a dataclass",
    POINT + "    def f(self): return self.x\n",
    POINT + "    def f(self): return self.x * 10\n",
    setup="p, held = m.P(1), m.P(1).f",
    check="p.f() == held() == 10 and p == m.P(1)",
    back="p.f() == held() == 1",
    calls=("p.f()", 1, 10),
)

add_object(
    "a subclass of a dataclass that gets a field",
    POINT + "@dataclass\nclass Q(P):\n    z: int = 0\ndef f(q): return (q.x, q.z)\n",
    POINT + "    y: int = 5\n@dataclass\nclass Q(P):\n    z: int = 0\ndef f(q): return (q.x, q.y, q.z)\n",
    setup="q, Q = m.Q(1, 2), m.Q",
    check="m.f(q) == (1, 5, 2) and m.Q(1, 5, 2) == q and m.Q is Q and isinstance(q, m.P)",
    back="m.f(q) == (1, 2) and m.Q(1, 2) == q and vars(q) == {'x': 1, 'z': 2}",
    calls=("m.f(q)", (1, 2), (1, 5, 2)),
)

add_object(
    "InitVar and ClassVar",
    "from dataclasses import dataclass, InitVar\nfrom typing import ClassVar\n@dataclass\nclass P:\n    x: int\n    made: ClassVar[int] = 0\n",
    "from dataclasses import dataclass, InitVar\nfrom typing import ClassVar\n@dataclass\nclass P:\n    x: int\n    by: InitVar[int] = 1\n"
    "    made: ClassVar[int] = 0\n    scale: ClassVar[int] = 10\n    def __post_init__(self, by): self.x *= by\n",
    setup="p = m.P(3); m.P.made = 4",
    check="p.x == 3 and vars(p) == {'x': 3} and p.scale == 10 and m.P.made == 4 and m.P(3, 2).x == 6",
    back="p.x == 3 and not hasattr(p, 'scale') and m.P.made == 4",
    calls=("p.x", 3, 3),
)

add(
    "a field of a dataclass becomes a property",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    w: int\n    area: int = 0\ndef f(p): return p.area\n",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    w: int\n    @property\n    def area(self): return self.w ** 2\ndef f(p): return p.area\n",
    setup="p = m.P(3, 5)",
    check="m.f(p) == 9 and repr(p) == 'P(w=3)' and p == m.P(3) and raises(TypeError, lambda: m.P(1, 2))",
    back="m.f(p) == 5 and repr(p) == 'P(w=3, area=5)'",
    calls=("m.f(p)", 5, 9),
)
