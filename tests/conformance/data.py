"""Module data: kept, reset, mapped; constants; top-level statements with effects."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("module")

add(
    "a constant",
    "LIMIT = 1\ndef f(): return LIMIT\n",
    "LIMIT = 2\ndef f(): return LIMIT\n",
    check="m.f() == m.LIMIT == 2",
    back="m.f() == m.LIMIT == 1",
    calls=("m.f()", 1, 2),
)

add(
    "constants added and removed",
    "A = 1\ndef f(): return A\n",
    "B = 2\ndef f(): return B\n",
    check="m.f() == 2 and not hasattr(m, 'A')",
    back="m.f() == 1 and m.A == 1 and not hasattr(m, 'B')",
    calls=("m.f()", 1, 2),
)

add(
    "data that the program has modified is kept",
    "CACHE = {}\nCOUNT = 0\ndef f(): return 1\n",
    "CACHE = {}\nCOUNT = 0\ndef f(): return 2\n",
    setup="cache = m.CACHE; cache['k'] = 1; m.COUNT = 5",
    check="m.CACHE is cache and cache == {'k': 1} and m.COUNT == 5 and m.f() == 2",
    back="m.CACHE is cache and m.COUNT == 5 and m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "data that the program has modified and the commit, too, is kept",
    "CACHE = {}\ndef f(): return len(CACHE)\n",
    "CACHE = {'preset': 0}\ndef f(): return len(CACHE)\n",
    setup="cache = m.CACHE; cache['k'] = 1",
    check="m.CACHE is cache and cache == {'k': 1}",
    back="m.CACHE is cache and cache == {'k': 1}",
    calls=("m.f()", 1, 1),
)

add(
    "modified data is reset, when that is asked for",
    "CACHE = {}\ndef f(): return len(CACHE)\n",
    "CACHE = {'a': 0, 'b': 0}\ndef f(): return len(CACHE)\n",
    setup="m.CACHE['k'] = 1",
    reset=("m:CACHE",),
    check="m.f() == 2",
    back="m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a table that nobody has modified takes its new value, also where it was imported",
    {"conf.py": "TABLE = {'a': 1}\n", "m.py": "from conf import TABLE\ndef f(k): return TABLE.get(k)\n"},
    {"conf.py": "TABLE = {'a': 2, 'b': 3}\n"},
    check="m.f('a') == 2 and m.f('b') == 3 and m.TABLE is conf.TABLE",
    back="m.f('a') == 1 and m.f('b') is None and m.TABLE is conf.TABLE",
    calls=("m.f('a')", 1, 2),
)

add(
    "data is mapped to another form, with the procedures that use it",
    "LEVELS = [['tea', 5], ['cup', 2]]\ndef left(k): return [n for i, n in LEVELS if i == k][0]\ndef take(k):\n    for row in LEVELS:\n        if row[0] == k:\n            row[1] -= 1\n    return left(k)\n",
    "LEVELS = {'tea': 5, 'cup': 2}\ndef left(k): return LEVELS[k]\ndef take(k):\n    LEVELS[k] -= 1\n    return left(k)\n",
    setup="m.take('tea')",
    support="""
        import podus

        @podus.mapper("m:LEVELS", reverse=lambda new: [[k, n] for k, n in new.items()])
        def levels(old):
            return dict(old)
    """,
    check="m.left('tea') == 4 and m.LEVELS == {'tea': 4, 'cup': 2} and m.take('tea') == 3",
    back="m.LEVELS == [['tea', 3], ['cup', 2]] and m.left('tea') == 3",
    calls=("m.left('cup')", 2, 2),
)

add(
    "a variable gets an annotation, and one is only declared",
    "x = 1\n",
    "x: int = 1\ny: str\n",
    check="m.x == 1 and typing.get_type_hints(m) == {'x': int, 'y': str} and not hasattr(m, 'y')",
    back="m.x == 1 and typing.get_type_hints(m) == {}",
)

add(
    "objects made at the top level are made once",
    {"m.py": "import threading\nLOCK = threading.Lock()\nMADE = []\nMADE.append(1)\ndef f(): return 1\n"},
    {
        "m.py": "import threading\nLOCK = threading.Lock()\nMADE = []\nMADE.append(1)\ndef f(): return 2\ndef g(): return 3\n"
    },
    setup="lock, made = m.LOCK, m.MADE; lock.acquire()",
    check="m.LOCK is lock and m.LOCK.locked() and m.MADE is made and made == [1] and m.f() == 2 and m.g() == 3",
    back="m.LOCK is lock and made == [1] and m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "an instance at the top level, whose class changes",
    "class Service:\n    def f(self): return 1\nservice = Service()\ndef f(): return service.f()\n",
    "class Service:\n    def f(self): return 2\nservice = Service()\ndef f(): return service.f()\n",
    setup="held = m.service",
    check="m.service is held and m.f() == 2",
    back="m.service is held and m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "names swapped and unpacked at the top level",
    "a, b = 1, 2\n[c, *d] = [3, 4, 5]\ndef f(): return (a, b, c, d)\n",
    "b, a = 1, 2\n[c, *d] = [6, 7]\ndef f(): return (a, b, c, d)\n",
    check="m.f() == (2, 1, 6, [7])",
    back="m.f() == (1, 2, 3, [4, 5])",
    calls=("m.f()", (1, 2, 3, [4, 5]), (2, 1, 6, [7])),
)

add(
    "an exception in a new top-level statement leaves all as it was",
    {"a.py": "X = 1\ndef f(): return 1\n", "b.py": "Y = 1\ndef g(): return 1\n"},
    {"a.py": "X = 2\ndef f(): return 2\n", "b.py": "Y = 2\n1 / 0\ndef g(): return 2\n"},
    check="(a.X, a.f(), b.Y, b.g()) == (1, 1, 1, 1)",
    back="(a.X, a.f(), b.Y, b.g()) == (1, 1, 1, 1)",
    calls=("(a.f(), b.g())", (1, 1), (1, 1)),
    fails="ZeroDivisionError",
)

add(
    "only comments and blank lines",
    "def f(): return 1\nLIMIT = 1\n",
    "# why\n\n\ndef f():\n    # because\n    return 1\n\n\nLIMIT = 1  # and so on\n",
    setup="f = m.f; m.LIMIT = 7",
    check="m.f is f and f() == 1 and m.LIMIT == 7",
    back="m.f is f and f() == 1 and m.LIMIT == 7",
    calls=("m.f()", 1, 1),
)
