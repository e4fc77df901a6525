"""Closures, lambdas and generators that live on: in containers, as callbacks, suspended."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("function")

add(
    "a closure that lives on in a container",
    "def make(n):\n    def g(x): return n + x\n    return g\n",
    "def make(n):\n    def g(x): return n * x\n    return g\n",
    setup="held = [m.make(3), m.make(4)]",
    check="[g(2) for g in held] == [6, 8] and m.make(5)(2) == 10",
    back="[g(2) for g in held] == [5, 6] and m.make(5)(2) == 7",
    calls=("held[0](2)", 5, 6),
)

add(
    "a closure that no longer needs one of its variables",
    "def make(a, b):\n    def g(): return a + b\n    return g\n",
    "def make(a, b):\n    def g(): return a * 10\n    return g\n",
    setup="held = m.make(1, 2)",
    check="held() == 10 and m.make(3, 4)() == 30",
    back="held() == 3 and m.make(3, 4)() == 7",
    calls=("held()", 3, 10),
)

add(
    "a closure over one variable more, which closures that exist can't have",
    "def make(a, b):\n    def g(): return a\n    return g\n",
    "def make(a, b):\n    def g(): return a + b\n    return g\n",
    setup="held = m.make(1, 2)",
    # CPython has thrown b away: what exists keeps its old version, what is made from now on is new.
    check="held() == 1 and m.make(1, 2)() == 3",
    back="held() == 1 and m.make(1, 2)() == 1",
    calls=("held()", 1, 1),
    refused="closes over",
)

add(
    "a counter's nonlocal state stays",
    "def make():\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    return g\n",
    "def make():\n    n = 0\n    def g():\n        nonlocal n\n        n += 10\n        return n\n    return g\n",
    setup="held = m.make(); held(); held()",
    check="held() == 12 and m.make()() == 10",
    back="held() == 13 and m.make()() == 1",
)

add(
    "two closures that share a variable",
    "def make():\n    n = [0]\n    def put(x): n[0] = x\n    def get(): return n[0]\n    return put, get\n",
    "def make():\n    n = [0]\n    def put(x): n[0] = x\n    def get(): return -n[0]\n    return put, get\n",
    setup="put, get = m.make(); put(5)",
    check="get() == -5",
    back="get() == 5",
    calls=("get()", 5, -5),
)

add(
    "a lambda in a module's table",
    "TABLE = {'a': lambda x: x + 1, 'b': lambda x: x + 2}\n",
    "TABLE = {'a': lambda x: x + 1, 'b': lambda x: x * 2}\n",
    setup="table = m.TABLE; held = table['b']",
    check="held(5) == 10 and m.TABLE['b'](5) == 10 and m.TABLE['a'](5) == 6",
    back="held(5) == 7 and m.TABLE['b'](5) == 7",
    calls=("held(5)", 7, 10),
)

add(
    "a lambda given as a callback",
    {
        "bus.py": "HANDLERS = []\ndef on(f): HANDLERS.append(f)\ndef fire(x): return [f(x) for f in HANDLERS]\n",
        "m.py": "import bus\ndef start(): bus.on(lambda x: x + 1)\n",
    },
    {"m.py": "import bus\ndef start(): bus.on(lambda x: x * 10)\n"},
    setup="m.start()",
    check="bus.fire(5) == [50]",
    back="bus.fire(5) == [6]",
    calls=("bus.fire(5)", [6], [50]),
)

add(
    "a function registered as a callback at the top level",
    {
        "bus.py": "HANDLERS = []\ndef on(f):\n    HANDLERS.append(f)\n    return f\ndef fire(x): return [f(x) for f in HANDLERS]\n",
        "m.py": "import bus\n@bus.on\ndef a(x): return x + 1\n",
    },
    {"m.py": "import bus\n@bus.on\ndef a(x): return x * 10\n"},
    check="bus.fire(5) == [50]",
    back="bus.fire(5) == [6]",
    calls=("bus.fire(5)", [6], [50]),
)

add(
    "one more function registered as a callback at the top level",
    {
        "bus.py": "HANDLERS = []\ndef on(f):\n    HANDLERS.append(f)\n    return f\ndef fire(x): return [f(x) for f in HANDLERS]\n",
        "m.py": "import bus\n@bus.on\ndef a(x): return x + 1\n",
    },
    {"m.py": "import bus\n@bus.on\ndef a(x): return x + 1\n@bus.on\ndef b(x): return -x\n"},
    check="bus.fire(5) == [6, -5]",
    back="m.a(5) == 6",
)

add(
    "a bound method held as a callback",
    "class C:\n    def __init__(self): self.n = 3\n    def f(self): return self.n\n",
    "class C:\n    def __init__(self): self.n = 3\n    def f(self): return self.n * 10\n",
    setup="held = m.C().f",
    check="held() == 30",
    back="held() == 3",
    calls=("held()", 3, 30),
)

add(
    "a partial, and a partial method",
    """
    import functools
    def f(a, b): return a + b
    class C:
        def g(self, a, b): return a + b
        h = functools.partialmethod(g, 1)
    """,
    """
    import functools
    def f(a, b): return a * b
    class C:
        def g(self, a, b): return a - b
        h = functools.partialmethod(g, 1)
    """,
    setup="part = functools.partial(m.f, 3); c = m.C(); held = c.h",
    check="part(5) == 15 and c.h(5) == -4 and held(5) == -4",
    back="part(5) == 8 and c.h(5) == 6 and held(5) == 6",
    calls=("part(5)", 8, 15),
)

add(
    "a sort key held by an object",
    "class Book:\n    def __init__(self): self.key = lambda x: x\ndef order(b, xs): return sorted(xs, key=b.key)\n",
    "class Book:\n    def __init__(self): self.key = lambda x: -x\ndef order(b, xs): return sorted(xs, key=b.key)\n",
    setup="b = m.Book()",
    check="m.order(b, [1, 3, 2]) == [3, 2, 1]",
    back="m.order(b, [1, 3, 2]) == [1, 2, 3]",
    calls=("m.order(b, [1, 3, 2])", [1, 2, 3], [3, 2, 1]),
)

add(
    "weak references to a function and to a method",
    "class C:\n    def f(self): return 1\ndef g(): return 1\n",
    "class C:\n    def f(self): return 2\ndef g(): return 2\n",
    setup="c = m.C(); w, v = weakref.WeakMethod(c.f), weakref.ref(m.g)",
    check="w()() == 2 and v()() == 2",
    back="w()() == 1 and v()() == 1",
    calls=("w()()", 1, 2),
)

add(
    "what a suspended generator calls",
    "def g(i): return i\ndef f():\n    i = 0\n    while True:\n        yield g(i)\n        i += 1\n",
    "def g(i): return -i\ndef f():\n    i = 0\n    while True:\n        yield g(i)\n        i += 1\n",
    setup="it = m.f(); next(it); next(it)",
    check="next(it) == -2 and next(it) == -3",
    back="next(it) == 4",
)

add(
    "a generator expression that lives on",
    "def g(i): return i\ndef f(): return (g(i) for i in range(5))\n",
    "def g(i): return i * 10\ndef f(): return (g(i) for i in range(5))\n",
    setup="it = m.f(); next(it)",
    check="next(it) == 10",
    back="next(it) == 2",
)

add(
    "a nested class made by a function",
    "def make():\n    class C:\n        def f(self): return 1\n    return C\n",
    "def make():\n    class C:\n        def f(self): return 2\n    return C\n",
    setup="C = m.make(); c = C()",
    check="c.f() == 2 and m.make()().f() == 2 and type(c) is C",
    back="c.f() == 1 and m.make()().f() == 1",
    calls=("c.f()", 1, 2),
)

add(
    "a function kept in a default argument",
    "def g(): return 1\ndef f(call=g): return call()\n",
    "def g(): return 2\ndef f(call=g): return call()\n",
    setup="held = m.f",
    check="held() == 2",
    back="held() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a thread pool's queued work",
    "def work(x): return x + 1\n",
    "def work(x): return x * 10\n",
    setup="""
        import concurrent.futures, threading
        pool, gate = concurrent.futures.ThreadPoolExecutor(1), threading.Event()
        pool.submit(gate.wait)
        queued = pool.submit(m.work, 5)
    """,
    check="gate.set() or queued.result() == 50",
    back="pool.submit(m.work, 5).result() == 6",
)

add(
    "handlers of an event loop that runs",
    "import asyncio\ndef step(x): return x + 1\nasync def ask(x):\n    await asyncio.sleep(0)\n    return step(x)\n",
    "import asyncio\ndef step(x): return x * 10\nasync def ask(x):\n    await asyncio.sleep(0)\n    return step(x)\n",
    setup="""
        import threading
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, daemon=True).start()
        def ask(x):
            return asyncio.run_coroutine_threadsafe(m.ask(x), loop).result(30)
    """,
    check="ask(5) == 50",
    back="ask(5) == 6",
    calls=("ask(5)", 6, 50),
)
