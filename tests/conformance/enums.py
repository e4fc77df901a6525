"""Enum and Flag."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")

add(
    "an Enum's members: one added, and its method",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    def f(self): return self.value\n",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n    def f(self): return self.value * 10\n",
    setup="a, E = m.E.A, m.E",
    check="a is m.E.A and a.f() == 10 and m.E is E and [e.name for e in E] == ['A', 'B'] and E(2) is E.B and E['B'] is E.B",
    back="a is m.E.A and a.f() == 1 and [e.name for e in E] == ['A'] and raises(ValueError, lambda: E(2))",
    calls=("m.E(1).f()", 1, 10),
)

add(
    "an Enum's member is removed",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n",
    "import enum\nclass E(enum.Enum):\n    A = 1\n",
    setup="b, E = m.E.B, m.E",
    check="[e.name for e in E] == ['A'] and not hasattr(E, 'B') and b.value == 2 and isinstance(b, E)",
    back="[e.name for e in E] == ['A', 'B'] and E.B is b and E(2) is b",
    calls=("m.E(1).name", "A", "A"),
)

add(
    "an Enum's member gets another value",
    "import enum\nclass E(enum.Enum):\n    A = 1\ndef f(e): return e.value\n",
    "import enum\nclass E(enum.Enum):\n    A = 'a'\ndef f(e): return e.value\n",
    setup="a, E = m.E.A, m.E",
    check="E('a') is E.A is a and a.value == 'a' and raises(ValueError, lambda: E(1))",
    back="E(1) is E.A is a and a.value == 1",
    calls=("m.f(a)", 1, "a"),
)

add(
    "auto() values, and a member put in between",
    "import enum\nclass E(enum.Enum):\n    A = enum.auto()\n    C = enum.auto()\n",
    "import enum\nclass E(enum.Enum):\n    A = enum.auto()\n    B = enum.auto()\n    C = enum.auto()\n",
    setup="c, E = m.E.C, m.E",
    check="c is E.C and c.value == 3 and E(2) is E.B and list(E) == [E.A, E.B, E.C]",
    back="c is E.C and c.value == 2 and E(2) is c",
    calls=("m.E['A'].value", 1, 1),
)

add(
    "an IntEnum",
    "import enum\nclass E(enum.IntEnum):\n    LOW = 1\ndef f(e): return e + 1\n",
    "import enum\nclass E(enum.IntEnum):\n    LOW = 1\n    HIGH = 9\ndef f(e): return e + E.HIGH\n",
    setup="low = m.E.LOW",
    check="m.f(low) == 10 and low is m.E.LOW and m.E.HIGH > low",
    back="m.f(low) == 2 and not hasattr(m.E, 'HIGH')",
    calls=("m.f(low)", 2, 10),
)

add(
    "an IntEnum's member gets another value, which an int can't",
    "import enum\nclass E(enum.IntEnum):\n    A = 1\n",
    "import enum\nclass E(enum.IntEnum):\n    A = 2\n",
    setup="E = m.E; box = [m.E.A]",
    # The number inside is part of the object: it is replaced everywhere, or the plan refuses.
    check="m.E.A == 2 and m.E is E and box[0] is m.E.A",
    back="m.E.A == 1 and box[0] is m.E.A",
    refused="E",
)

add(
    "a StrEnum's members",
    "import enum\nclass E(enum.StrEnum):\n    A = enum.auto()\ndef f(e): return e.upper()\n",
    "import enum\nclass E(enum.StrEnum):\n    A = enum.auto()\n    B = 'bee'\ndef f(e): return e.upper() + E.B\n",
    setup="a = m.E.A",
    check="m.f(a) == 'Abee' and m.E('bee') is m.E.B and a is m.E('a')",
    back="m.f(a) == 'A'",
    calls=("m.f(a)", "A", "Abee"),
)

add(
    "a Flag's members",
    "import enum\nclass P(enum.Flag):\n    R = 1\n    W = 2\ndef f(p): return P.R in p\n",
    "import enum\nclass P(enum.Flag):\n    R = 1\n    W = 2\n    X = 4\n    ALL = R | W | X\ndef f(p): return P.R in p\n",
    setup="rw, r = m.P.R | m.P.W, m.P.R",
    check="rw | m.P.X == m.P.ALL and r is m.P.R and m.P(1) is r and rw & r is r and m.f(rw) and ~r == m.P.W | m.P.X",
    back="rw & r is r and not hasattr(m.P, 'X') and ~r == m.P.W",
    calls=("m.f(rw)", True, True),
)

add(
    "members as keys of a dictionary, and in a match",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\ndef f(e):\n    match e:\n        case E.A: return 'a'\n        case E.B: return 'b'\n",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    B = 2\n    C = 3\ndef f(e):\n    match e:\n        case E.A: return 'A'\n        case E.B: return 'B'\n        case E.C: return 'C'\n",
    setup="names = {m.E.A: 'a', m.E.B: 'b'}; b = m.E.B",
    check="names[m.E.B] == 'b' and m.f(b) == 'B' and m.f(m.E.C) == 'C'",
    back="names[m.E.B] == 'b' and m.f(b) == 'b'",
    calls=("m.f(b)", "b", "B"),
)

add(
    "an Enum's alias, and a pickled member",
    "import enum\nclass E(enum.Enum):\n    A = 1\n",
    "import enum\nclass E(enum.Enum):\n    A = 1\n    FIRST = 1\n",
    setup="data, a = pickle.dumps(m.E.A), m.E.A",
    check="m.E.FIRST is a and pickle.loads(data) is a and list(m.E) == [a]",
    back="pickle.loads(data) is a and not hasattr(m.E, 'FIRST')",
    calls=("pickle.loads(data) is a", True, True),
)

add(
    "an Enum of tuples with an __init__",
    "import enum\nclass E(enum.Enum):\n    A = (1, 'x')\n    def __init__(self, n, s): self.n = n\n",
    "import enum\nclass E(enum.Enum):\n    A = (1, 'x')\n    def __init__(self, n, s): self.n, self.s = n, s\n",
    setup="a = m.E.A",
    check="a.s == 'x' and a is m.E.A",
    back="a.n == 1 and not hasattr(a, 's')",
    calls=("m.E.A.n", 1, 1),
)

add(
    "an Enum's member gets another name, and is a key",
    "import enum\nclass E(enum.Enum):\n    OPEN = 1\n    SHUT = 2\n    GONE = 3\ndef f(e): return e is E.SHUT\n",
    "import enum\nclass E(enum.Enum):\n    OPEN = 1\n    CLOSED = 2\n    NEW = 4\ndef f(e): return e is E.CLOSED\n",
    setup="e, gone = m.E.SHUT, m.E.GONE; names, some, data = {e: 'x'}, {e}, pickle.dumps(e)",
    check="""
        m.f(e) and e.name == 'CLOSED' and m.E(2) is m.E['CLOSED'] is e and not hasattr(m.E, 'SHUT')
        names[m.E.CLOSED] == 'x' and m.E.CLOSED in some and pickle.loads(data) is e
        m.E.NEW.value == 4 and m.E.NEW is not gone and gone.name == 'GONE'
    """,
    back="e.name == 'SHUT' and names[m.E.SHUT] == 'x' and e in some and m.E.GONE is gone and not hasattr(m.E, 'NEW')",
    calls=("m.f(e)", True, True),
)

add(
    "an Enum gets a base",
    "import enum\nclass E(enum.Enum):\n    A = 'a'\ndef f(e): return e.value\n",
    "import enum\nclass Up:\n    def up(self): return self.value.upper()\nclass E(Up, enum.Enum):\n    A = 'a'\ndef f(e): return e.up()\n",
    setup="a, E = m.E.A, m.E",
    check="m.f(a) == 'A' and m.E is E and isinstance(a, m.Up) and E('a') is a",
    back="m.f(a) == 'a' and E.__bases__ == (enum.Enum,)",
    calls=("m.f(a)", "a", "A"),
)
