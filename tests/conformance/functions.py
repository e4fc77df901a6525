"""Functions: bodies, defaults, signatures, annotations, kinds; removed, renamed, moved."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("function")

add(
    "a body",
    "def f(x): return x + 1",
    "def f(x): return x * 10",
    setup="held = m.f; table = {'f': m.f}; part = functools.partial(m.f, 3)",
    check="""
        m.f(3) == 30
        held is m.f and table['f'] is m.f
        part() == 30
    """,
    back="[m.f(3), held(3), part()] == [4, 4, 4]",
    calls=("m.f(3)", 4, 30),
)

add(
    "a default",
    "def f(x=1): return x",
    "def f(x=2): return x",
    setup="held = m.f",
    check="held() == m.f() == 2",
    back="held() == m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a keyword default",
    "def f(*, x=1): return x",
    "def f(*, x=2): return x",
    setup="held = m.f",
    check="held() == m.f() == 2",
    back="held() == m.f() == 1",
    calls=("held()", 1, 2),
)

add(
    "a default that another module's constant gives",
    {"conf.py": "LIMIT = 1\n", "m.py": "import conf\ndef f(x=conf.LIMIT): return x\n"},
    {"conf.py": "LIMIT = 2\n"},
    setup="held = m.f",
    # A fresh start on the new version would have the new default: it is worked out from what has changed.
    check="""
        conf.LIMIT == 2
        held() == 2
    """,
    back="held() == conf.LIMIT == 1",
)

add(
    "a parameter with a default is added",
    "def f(x): return x",
    "def f(x, y=5): return x + y",
    setup="held = m.f",
    check="""
        held(1) == 6
        held(1, 1) == 2
        str(inspect.signature(held)) == '(x, y=5)'
    """,
    back="held(1) == 1 and raises(TypeError, lambda: held(1, 1))",
    calls=("m.f(1)", 1, 6),
)

add(
    "a required parameter is added, and its caller with it",
    "def g(x): return x\ndef f(): return g(1)\n",
    "def g(x, y): return x + y\ndef f(): return g(1, 1)\n",
    setup="held = m.f",
    check="held() == m.f() == 2",
    back="held() == m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "parameters change places, and their caller with them",
    "def g(a, b): return (a, b)\ndef f(): return g(1, 2)\n",
    "def g(b, a): return (a, b)\ndef f(): return g(2, 1)\n",
    setup="held = m.g",
    check="m.f() == (1, 2) and held(2, 1) == (1, 2)",
    back="m.f() == (1, 2) and held(1, 2) == (1, 2)",
    calls=("m.f()", (1, 2), (1, 2)),
)

add(
    "a parameter becomes keyword only, and its caller with it",
    "def g(x, y): return x + y\ndef f(): return g(1, 2)\n",
    "def g(x, *, y): return x - y\ndef f(): return g(1, y=2)\n",
    setup="held = m.g",
    check="m.f() == -1 and raises(TypeError, lambda: held(1, 2))",
    back="m.f() == 3 and held(1, 2) == 3",
    calls=("m.f()", 3, -1),
)

add(
    "arguments are packed, and their caller with them",
    "def g(a, b): return (a, b)\ndef f(): return g(1, 2)\n",
    "def g(pair): return pair\ndef f(): return g((1, 2)) + (3,)\n",
    check="m.f() == (1, 2, 3)",
    back="m.f() == (1, 2)",
    calls=("m.f()", (1, 2), (1, 2, 3)),
)

add(
    "the result takes another form, with an interprocedure for who calls it from outside",
    "def g(): return 1\ndef f(): return g() + 1\n",
    "def g(): return (1, 'ok')\ndef f(): return g()[0] + 1\n",
    support="""
        import podus

        podus.together("m:f", "m:g")
    """,
    check="m.f() == 2 and m.g() == (1, 'ok')",
    back="m.f() == 2 and m.g() == 1",
    calls=("m.f()", 2, 2),
)

add(
    "annotations",
    "def f(x: int) -> int: return x",
    "def f(x: str) -> list[str]: return [x]",
    setup="held = m.f",
    check="typing.get_type_hints(held) == {'x': str, 'return': list[str]} and held('a') == ['a']",
    back="typing.get_type_hints(held) == {'x': int, 'return': int} and held('a') == 'a'",
    calls=("m.f('a')", "a", ["a"]),
)

add(
    "a docstring",
    "def f():\n    'Old.'\n    return 1",
    "def f():\n    'New.'\n    return 1",
    setup="held = m.f",
    check="held.__doc__ == 'New.'",
    back="held.__doc__ == 'Old.'",
    calls=("m.f()", 1, 1),
)

add(
    "a docstring is taken away",
    "def f():\n    'Old.'\n    return 1",
    "def f():\n    return 1",
    setup="held = m.f",
    check="held.__doc__ is None",
    back="held.__doc__ == 'Old.'",
)

add(
    "a plain function becomes async, and its caller with it",
    "import asyncio\ndef g(): return 1\ndef f(): return asyncio.run(h())\nasync def h(): return g()\n",
    "import asyncio\nasync def g(): return 2\ndef f(): return asyncio.run(h())\nasync def h(): return await g()\n",
    setup="held = m.g",
    check="m.f() == 2 and inspect.iscoroutinefunction(held)",
    back="m.f() == 1 and not inspect.iscoroutinefunction(held)",
    calls=("m.f()", 1, 2),
)

add(
    "an async function becomes plain",
    "import asyncio\nasync def g(): return 1\ndef f(): return asyncio.run(g())\n",
    "import asyncio\ndef g(): return 2\ndef f(): return g()\n",
    setup="held = m.g",
    check="m.f() == held() == 2",
    back="m.f() == 1 and inspect.iscoroutinefunction(held)",
    calls=("m.f()", 1, 2),
)

add(
    "a function becomes a generator",
    "def f(n): return list(range(n))",
    "def f(n):\n    for i in range(n):\n        yield i * i\n",
    setup="held = m.f",
    check="list(held(3)) == [0, 1, 4] and inspect.isgeneratorfunction(held)",
    back="held(3) == [0, 1, 2]",
    calls=("list(m.f(3))", [0, 1, 2], [0, 1, 4]),
)

add(
    "a generator becomes a function",
    "def f(n):\n    for i in range(n):\n        yield i\n",
    "def f(n): return [i * i for i in range(n)]",
    setup="held = m.f",
    check="held(3) == [0, 1, 4]",
    back="list(held(3)) == [0, 1, 2] and inspect.isgeneratorfunction(held)",
    calls=("list(m.f(3))", [0, 1, 2], [0, 1, 4]),
)

add(
    "a generator's body, while nobody iterates",
    "def f(n):\n    for i in range(n):\n        yield i\n",
    "def f(n):\n    for i in range(n):\n        yield -i\n",
    setup="held = m.f",
    check="list(held(3)) == [0, -1, -2]",
    back="list(held(3)) == [0, 1, 2]",
    calls=("list(m.f(3))", [0, 1, 2], [0, -1, -2]),
)

add(
    "an async generator's body",
    "async def f():\n    yield 1\nasync def g(): return [x async for x in f()]\n",
    "async def f():\n    yield 1\n    yield 2\nasync def g(): return [x async for x in f()]\n",
    setup="held = m.f",
    check="asyncio.run(m.g()) == [1, 2] and held is m.f",
    back="asyncio.run(m.g()) == [1]",
    calls=("asyncio.run(m.g())", [1], [1, 2]),
)

add(
    "a context manager's body",
    """
    import contextlib
    LOG = []
    @contextlib.contextmanager
    def f(x):
        yield x
    def g():
        with f(1) as x:
            return x
    """,
    """
    import contextlib
    LOG = []
    @contextlib.contextmanager
    def f(x):
        yield x + 1
    def g():
        with f(1) as x:
            return x
    """,
    setup="held = m.f; log = m.LOG",
    check="m.g() == 2 and held is m.f and m.LOG is log",
    back="m.g() == 1",
    calls=("m.g()", 1, 2),
)

add(
    "a nested function's body",
    "def f(x):\n    def g(y): return x + y\n    return g(1)\n",
    "def f(x):\n    def g(y): return x * 10 + y\n    return g(1)\n",
    check="m.f(2) == 21",
    back="m.f(2) == 3",
    calls=("m.f(2)", 3, 21),
)

add(
    "a comprehension becomes a call of a new function",
    "def f(n): return [i for i in range(n)]",
    "def f(n): return [twice(i) for i in range(n)]\ndef twice(i): return 2 * i\n",
    setup="held = m.f",
    check="held(3) == [0, 2, 4]",
    back="held(3) == [0, 1, 2] and not hasattr(m, 'twice')",
    calls=("m.f(3)", [0, 1, 2], [0, 2, 4]),
)

add(
    "a function is added",
    "def f(): return 1",
    "def f(): return 1\ndef g(): return f() + 1\n",
    check="m.g() == 2",
    back="not hasattr(m, 'g')",
    calls=("m.f()", 1, 1),
)

add(
    "a function is removed",
    "def f(): return 1\ndef g(): return 1\n",
    "def f(): return 2\n",
    setup="held = m.g",
    check="m.f() == 2 and not hasattr(m, 'g') and held() == 1",
    back="m.f() == 1 and m.g is held",
    calls=("m.f()", 1, 2),
)

add(
    "a function is renamed, and its callers with it",
    "def old(): return 1\ndef f(): return old()\n",
    "def new(): return 2\ndef f(): return new()\n",
    check="m.f() == m.new() == 2 and not hasattr(m, 'old')",
    back="m.f() == m.old() == 1 and not hasattr(m, 'new')",
    calls=("m.f()", 1, 2),
)

add(
    "a function is renamed, and the old name kept as an alias",
    "def f(): return 1\n",
    "def g(): return 2\nf = g\n",
    setup="held = m.f",
    check="""
        m.f() == m.g() == 2
        held() == 2
    """,
    back="m.f() == held() == 1 and m.f is held and not hasattr(m, 'g')",
    calls=("m.f()", 1, 2),
    identity=False,
)

add(
    "two functions change names with each other",
    "def a(): return 'a'\ndef b(): return 'b'\n",
    "def b(): return 'a'\ndef a(): return 'b'\n",
    setup="a, b = m.a, m.b",
    check="[m.a(), m.b(), a(), b()] == ['b', 'a', 'b', 'a']",
    back="[m.a(), m.b(), a(), b()] == ['a', 'b', 'a', 'b']",
)

add(
    "a function moves to another module and is imported back",
    {"m.py": "def f(): return 1\ndef g(): return f()\n", "n.py": "X = 1\n"},
    {"m.py": "from n import f\ndef g(): return f()\n", "n.py": "X = 1\ndef f(): return 2\n"},
    setup="held = m.f",
    check="""
        m.f() == m.g() == n.f() == 2
        held() == 2
        m.f is n.f
    """,
    back="m.f() == m.g() == held() == 1 and held is m.f and not hasattr(n, 'f')",
    calls=("m.g()", 1, 2),
)

add(
    "function attributes",
    "def f(): return f.step\nf.step = 1\n",
    "def f(): return f.step\nf.step = 2\nf.extra = True\n",
    setup="held = m.f",
    check="held() == 2 and held.extra",
    back="held() == 1 and not hasattr(held, 'extra')",
    calls=("m.f()", 1, 2),
)

add(
    "a function attribute that the program has set stays",
    "def f():\n    f.calls = getattr(f, 'calls', 0) + 1\n    return 'a'\n",
    "def f():\n    f.calls = getattr(f, 'calls', 0) + 1\n    return 'b'\n",
    setup="m.f(); m.f()",
    check="m.f() == 'b' and m.f.calls == 3",
    back="m.f() == 'a' and m.f.calls == 4",
)

add(
    "a recursive function, and the stack it uses",
    "def f(n): return 0 if n == 0 else 1 + f(n - 1)\n",
    "def f(n): return 0 if n == 0 else 2 + f(n - 1)\n",
    setup="held = m.f",
    check="held(10) == 20",
    back="held(10) == 10",
    calls=("m.f(10)", 10, 20),
)

add(
    "global statements and module data in a body",
    "COUNT = 0\ndef f():\n    global COUNT\n    COUNT += 1\n    return 'a'\n",
    "COUNT = 0\nLAST = None\ndef f():\n    global COUNT, LAST\n    COUNT += 1\n    LAST = 'seen'\n    return 'b'\n",
    setup="m.f(); m.f()",
    check="m.f() == 'b' and m.COUNT == 3 and m.LAST == 'seen'",
    back="m.f() == 'a' and m.COUNT == 4",
)

add(
    "what a traceback shows",
    "def f():\n    return 1 / 0\n",
    "# moved\n\n\ndef f():\n    x = 0\n    return 1 / x\n",
    setup="""
        import traceback
        def trace(f):
            try:
                f()
            except ZeroDivisionError as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                return last.lineno, last.line
    """,
    check="trace(m.f) == (6, 'return 1 / x')",
    back="trace(m.f)[0] == 2",
)

add(
    "a function is removed that a callback calls, which is removed as well and held",
    "LIMIT = 1\ndef g(): return LIMIT\ndef f(): return g()\ndef h(): return 1\n",
    "def h(): return 2\n",
    setup="held = [m.f]",
    check="m.h() == 2 and held[0]() == 1 and not hasattr(m, 'f')",
    back="m.h() == 1 and m.f is held[0] and m.f() == 1",
    calls=("m.h()", 1, 2),
)

add(
    "a new function that a new statement calls reads a changed constant",
    "LIMIT = 10\ndef f(): return LIMIT\n",
    "LIMIT = 20\ndef f(): return LIMIT\ndef twice(): return 2 * LIMIT\nTABLE = {n: twice() for n in 'ab'}\n",
    check="m.f() == 20 and m.TABLE == {'a': 40, 'b': 40}",
    back="m.f() == 10 and not hasattr(m, 'TABLE')",
    calls=("m.f()", 10, 20),
)
