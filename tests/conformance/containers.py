"""Objects where programs keep them: in containers, cycles, threads, queues, pickles, behind weak references."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("object")

OLD = "class C:\n    def __init__(self, x): self.x = x\ndef f(c): return c.x\n"
NEW = "class C:\n    def __init__(self, x):\n        self.x = x\n        self.y = 5\ndef f(c): return c.x + c.y\n"

add(
    "objects in lists, dictionaries, sets, tuples and deques",
    OLD,
    NEW,
    setup="""
        import collections
        kept = [m.C(1)], {'k': m.C(2)}, {m.C(3)}, (m.C(4),), collections.deque([m.C(5)]), [{'a': [m.C(6)]}]
        def every():
            a, b, c, d, e, f = kept
            return [m.f(o) for o in (a[0], b['k'], next(iter(c)), d[0], e[0], f[0]['a'][0])]
    """,
    check="every() == [6, 7, 8, 9, 10, 11]",
    back="every() == [1, 2, 3, 4, 5, 6]",
    calls=("m.f(kept[5][0]['a'][0])", 6, 11),
)

add(
    "an object that only a closure holds",
    OLD + "def hold(c): return lambda: f(c)\n",
    NEW + "def hold(c): return lambda: f(c)\n",
    setup="held = m.hold(m.C(1))",
    check="held() == 6",
    back="held() == 1",
    calls=("held()", 1, 6),
)

add(
    "objects in a cycle, and in each other",
    "class N:\n    def __init__(self): self.to = None\ndef f(n): return n.to.to is n\n",
    "class N:\n    def __init__(self):\n        self.to = None\n        self.mark = 'm'\ndef f(n): return n.to.to is n and n.to.mark\n",
    setup="a, b = m.N(), m.N(); a.to, b.to = b, a",
    check="m.f(a) == m.f(b) == 'm'",
    back="m.f(a) is m.f(b) is True and vars(a) == {'to': b}",
    calls=("m.f(a)", True, "m"),
)

add(
    "an object that a running thread has in a local variable",
    OLD,
    NEW,
    setup="""
        import queue, threading
        ask, answer = queue.Queue(), queue.Queue()
        def serve():
            c = m.C(1)
            while ask.get():
                answer.put(m.f(c))
        threading.Thread(target=serve, daemon=True).start()
        def asked():
            ask.put(True)
            return answer.get(timeout=30)
    """,
    check="asked() == 6",
    back="asked() == 1",
)

add(
    "objects behind weak references",
    OLD,
    NEW,
    setup="c = m.C(1); w = weakref.ref(c); d = weakref.WeakValueDictionary({'k': c}); s = weakref.WeakSet([c])",
    check="m.f(w()) == m.f(d['k']) == m.f(next(iter(s))) == 6 and w() is c",
    back="m.f(w()) == m.f(d['k']) == 1 and w() is c and c in s",
    calls=("m.f(w())", 1, 6),
)

add(
    "objects with an __eq__ and a __hash__, as keys",
    "class K:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __hash__(self): return hash(self.n)\ndef f(k): return k.n\n",
    "class K:\n    def __init__(self, n):\n        self.n = n\n        self.tag = 't'\n    def __eq__(self, o): return self.n == o.n\n    def __hash__(self): return hash(self.n)\ndef f(k): return (k.n, k.tag)\n",
    setup="d = {m.K(1): 'one', m.K(2): 'two'}",
    check="d[m.K(1)] == 'one' and [m.f(k) for k in d] == [(1, 't'), (2, 't')]",
    back="d[m.K(2)] == 'two' and [m.f(k) for k in d] == [1, 2]",
    calls=("d[m.K(1)]", "one", "one"),
)

add(
    "a pickle of an old object, loaded afterwards",
    OLD,
    NEW,
    setup="data = pickle.dumps(m.C(1)); c = m.C(2)",
    check="type(pickle.loads(data)) is m.C and pickle.loads(data).x == 1 and m.f(pickle.loads(pickle.dumps(c))) == 7",
    back="m.f(pickle.loads(data)) == 1 and m.f(pickle.loads(pickle.dumps(c))) == 2",
    calls=("m.f(c)", 2, 7),
)

add(
    "a copy of an object that has not been used since the update",
    OLD,
    NEW,
    setup="c = m.C(1)",
    check="m.f(copy.copy(c)) == 6 and m.f(copy.deepcopy([c])[0]) == 6",
    back="m.f(copy.copy(c)) == 1",
    calls=("m.f(copy.copy(c))", 1, 6),
)

add(
    "an object that shows all its fields: vars(), repr, json",
    "import json\nclass C:\n    def __init__(self): self.x = 1\n    def dump(self): return json.dumps(self.__dict__)\n",
    "import json\nclass C:\n    def __init__(self):\n        self.x = 1\n        self.y = 2\n    def dump(self): return json.dumps(vars(self))\n",
    setup="c, d = m.C(), m.C(); held = c.dump",
    check="""held() == '{"x": 1, "y": 2}' and vars(d) == {'x': 1, 'y': 2}""",
    back="""held() == '{"x": 1}' and vars(d) == {'x': 1}""",
    calls=("held()", '{"x": 1}', '{"x": 1, "y": 2}'),
)

add(
    "hasattr and getattr with a default on an object that has not been used since the update",
    OLD,
    NEW,
    setup="c, d, e = m.C(1), m.C(2), m.C(3)",
    check="hasattr(c, 'y') and getattr(d, 'y', None) == 5 and 'y' in dir(e)",
    back="not hasattr(c, 'y') and getattr(d, 'y', None) is None and 'y' not in dir(e)",
    calls=("m.f(c)", 1, 6),
)

add(
    "an object that was given fields of its own by the program",
    OLD,
    NEW,
    setup="c = m.C(1); c.note = 'mine'; d = m.C(2); d.y = 70",
    check="c.note == 'mine' and m.f(c) == 6 and m.f(d) == 72",
    back="c.note == 'mine' and vars(d) == {'x': 2, 'y': 70} and m.f(d) == 2",
    calls=("m.f(c)", 1, 6),
)

add(
    "ten thousand objects",
    OLD,
    NEW,
    setup="many = [m.C(i) for i in range(10_000)]",
    check="sum(map(m.f, many)) == sum(range(10_000)) + 50_000 and all(vars(o) == {'x': i, 'y': 5} for i, o in enumerate(many))",
    back="sum(map(m.f, many)) == sum(range(10_000)) and all(vars(o) == {'x': i} for i, o in enumerate(many))",
    calls=("m.f(many[7])", 7, 12),
)

add(
    "objects written to by threads while they are converted",
    "class N:\n    def __init__(self): self.n = 0\n    def bump(self):\n        self.n += 1\n        return 'ok'\n",
    "class N:\n    def __init__(self):\n        self.n = 0\n        self.last = None\n    def bump(self):\n        self.n += 1\n        self.last = 'b'\n        return 'ok'\n",
    setup="ns = [m.N() for _ in range(100)]; before = [n.bump() for n in ns]",
    check="all(n.n >= 1 and n.last in ('b', None) for n in ns)",
    back="all(n.n >= 1 and not hasattr(n, 'last') for n in ns)",
    calls=("ns[0].bump()", "ok", "ok"),
)

add(
    "objects of a subclass of a built-in type",
    "class L(list):\n    def total(self): return sum(self)\n",
    "class L(list):\n    bonus = 1\n    def total(self): return sum(self) + self.bonus\n",
    setup="l = m.L([1, 2]); held = l.total",
    check="l.total() == held() == 4 and l == [1, 2]",
    back="l.total() == held() == 3",
    calls=("held()", 3, 4),
)

add(
    "objects made while an update is under way",
    "class C:\n    def __init__(self): self.x = 1\ndef make():\n    c = C()\n    return f(c)\ndef f(c): return c.x\n",
    "class C:\n    def __init__(self):\n        self.x = 1\n        self.y = 5\ndef make():\n    c = C()\n    return f(c)\ndef f(c): return c.x + c.y\n",
    setup="kept = [m.C()]",
    check="m.make() == 6 and m.f(kept[0]) == 6",
    back="m.make() == 1 and m.f(kept[0]) == 1",
    calls=("m.make()", 1, 6),
)
