"""Decorators and caches."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("function")

TAGS = """
import functools
def a(f):
    @functools.wraps(f)
    def wrapper(*args): return ('a', f(*args))
    return wrapper
def b(f):
    def wrapper(*args): return ('b', f(*args))
    return wrapper
"""

add(
    "a decorator is added, and the function is held elsewhere",
    TAGS + "def f(x): return x\n",
    TAGS + "@a\ndef f(x): return x\n",
    setup="held = m.f",
    # What the decorator makes is another function: who holds the one that was there must get it all the same.
    check="m.f(1) == held(1) == ('a', 1)",
    back="m.f(1) == held(1) == 1 and held is m.f",
    calls=("held(1)", 1, ("a", 1)),
    identity=False,
)

add(
    "a decorator is removed, and the function is held elsewhere",
    TAGS + "@a\ndef f(x): return x\n",
    TAGS + "def f(x): return -x\n",
    setup="held = m.f",
    check="m.f(1) == held(1) == -1",
    back="m.f(1) == held(1) == ('a', 1) and held is m.f",
    calls=("held(1)", ("a", 1), -1),
    identity=False,
)

add(
    "a decorator is changed for another",
    TAGS + "@a\ndef f(x): return x\n",
    TAGS + "@b\ndef f(x): return x\n",
    setup="held = m.f",
    check="m.f(1) == held(1) == ('b', 1)",
    back="m.f(1) == held(1) == ('a', 1)",
    calls=("held(1)", ("a", 1), ("b", 1)),
)

add(
    "decorators change places",
    TAGS + "@a\n@b\ndef f(x): return x\n",
    TAGS + "@b\n@a\ndef f(x): return x\n",
    setup="held = m.f",
    check="m.f(1) == held(1) == ('b', ('a', 1))",
    back="m.f(1) == held(1) == ('a', ('b', 1))",
    calls=("held(1)", ("a", ("b", 1)), ("b", ("a", 1))),
)

add(
    "the body of a decorated function",
    TAGS + "@a\n@b\ndef f(x): return x\n",
    TAGS + "@a\n@b\ndef f(x): return x * 10\n",
    setup="held = m.f; inner = held.__wrapped__",
    check="held(1) == ('a', ('b', 10)) and held is m.f and inner(1) == ('b', 10)",
    back="held(1) == ('a', ('b', 1))",
    calls=("held(1)", ("a", ("b", 1)), ("a", ("b", 10))),
)

add(
    "the decorator's own wrapper",
    TAGS + "@a\ndef f(x): return x\n",
    TAGS.replace("return ('a', f(*args))", "return ['a', f(*args)]") + "@a\ndef f(x): return x\n",
    setup="held = m.f",
    check="m.f(1) == held(1) == ['a', 1]",
    back="m.f(1) == held(1) == ('a', 1)",
    calls=("held(1)", ("a", 1), ["a", 1]),
)

add(
    "an argument of a decorator",
    "def by(n):\n    def deco(f):\n        def w(x): return n * f(x)\n        return w\n    return deco\n@by(2)\ndef f(x): return x\n",
    "def by(n):\n    def deco(f):\n        def w(x): return n * f(x)\n        return w\n    return deco\n@by(5)\ndef f(x): return x\n",
    setup="held = m.f",
    check="m.f(1) == held(1) == 5",
    back="m.f(1) == held(1) == 2",
    calls=("held(1)", 2, 5),
)

add(
    "a class as a decorator",
    """
    class Counted:
        def __init__(self, f): self.f, self.n = f, 0
        def __call__(self, *a):
            self.n += 1
            return self.f(*a)
    @Counted
    def f(x): return x
    """,
    """
    class Counted:
        def __init__(self, f): self.f, self.n = f, 0
        def __call__(self, *a):
            self.n += 1
            return self.f(*a)
    @Counted
    def f(x): return x * 10
    """,
    setup="held = m.f; held(1)",
    check="held(1) == 10 and held is m.f and held.n == 2",
    back="held(1) == 1 and held.n == 3",
)

add(
    "lru_cache doesn't serve what the old version has worked out",
    "import functools\n@functools.lru_cache\ndef f(x): return x + 1\n",
    "import functools\n@functools.lru_cache\ndef f(x): return x * 10\n",
    setup="held = m.f; held(5)",
    check="m.f(5) == held(5) == 50 and held is m.f",
    back="m.f(5) == held(5) == 6",
    calls=("held(5)", 6, 50),
)

add(
    "lru_cache of a procedure that calls one that has changed",
    "import functools\ndef g(x): return x + 1\n@functools.lru_cache\ndef f(x): return g(x)\n",
    "import functools\ndef g(x): return x * 10\n@functools.lru_cache\ndef f(x): return g(x)\n",
    setup="held = m.f; held(5)",
    check="held(5) == 50 and held is m.f",
    back="held(5) == 6",
    calls=("held(5)", 6, 50),
)

add(
    "lru_cache imported from elsewhere",
    {
        "m.py": "import functools\n@functools.lru_cache(maxsize=None)\ndef f(x): return x + 1\n",
        "n.py": "from m import f\ndef g(x): return f(x)\n",
    },
    {"m.py": "import functools\n@functools.lru_cache(maxsize=None)\ndef f(x): return x * 10\n"},
    setup="n.g(5)",
    check="n.g(5) == 50 and n.f is m.f",
    back="n.g(5) == 6",
    calls=("n.g(5)", 6, 50),
)

add(
    "lru_cache is added",
    "def f(x): return [x]\n",
    "import functools\n@functools.lru_cache\ndef f(x): return [x]\n",
    setup="held = m.f",
    check="m.f(1) is m.f(1) and held(1) == [1]",
    back="m.f(1) is not m.f(1) and held(1) == [1]",
    calls=("m.f(1)", [1], [1]),
)

add(
    "lru_cache is removed",
    "import functools\n@functools.lru_cache\ndef f(x): return [x]\n",
    "def f(x): return [x]\n",
    setup="held = m.f; held(1)",
    check="m.f(1) is not m.f(1) and held(1) == [1]",
    back="m.f(1) is m.f(1)",
    calls=("m.f(1)", [1], [1]),
)

add(
    "lru_cache of a method",
    "import functools\nclass C:\n    @functools.lru_cache\n    def f(self, x): return x + 1\n",
    "import functools\nclass C:\n    @functools.lru_cache\n    def f(self, x): return x * 10\n",
    setup="c = m.C(); held = c.f; held(5)",
    check="c.f(5) == held(5) == 50",
    back="c.f(5) == held(5) == 6",
    calls=("c.f(5)", 6, 50),
)

add(
    "cached_property doesn't serve what the old version has worked out",
    "import functools\nclass C:\n    @functools.cached_property\n    def x(self): return 1\n",
    "import functools\nclass C:\n    @functools.cached_property\n    def x(self): return 2\n",
    setup="c, d = m.C(), m.C(); c.x",
    check="c.x == 2 and d.x == 2",
    back="c.x == 1 and d.x == 1",
    calls=("c.x", 1, 2),
)

add(
    "cached_property becomes a property",
    "import functools\nclass C:\n    n = 1\n    @functools.cached_property\n    def x(self): return self.n\n",
    "import functools\nclass C:\n    n = 1\n    @property\n    def x(self): return self.n * 10\n",
    setup="c = m.C(); c.x; c.n = 5",
    check="c.x == 50",
    back="m.C().x == 1",
)

add(
    "property becomes cached_property",
    "import functools\nclass C:\n    n = 1\n    @property\n    def x(self): return [self.n]\n",
    "import functools\nclass C:\n    n = 1\n    @functools.cached_property\n    def x(self): return [self.n]\n",
    setup="c = m.C(); c.x",
    check="c.x is c.x and c.x == [1]",
    back="c.x is not c.x and c.x == [1]",
    calls=("c.x", [1], [1]),
)

SINGLE = """
import functools
@functools.singledispatch
def show(x): return 'any'
@show.register
def _(x: int): return 'int'
"""

add(
    "singledispatch: an implementation's body, and one more",
    SINGLE,
    SINGLE.replace("'int'", "'whole'") + "@show.register\ndef _(x: str): return 'text'\n",
    setup="held = m.show",
    check="[held(1), held('a'), held(None)] == ['whole', 'text', 'any'] and held is m.show",
    back="[held(1), held('a'), held(None)] == ['int', 'any', 'any']",
    calls=("held(1)", "int", "whole"),
    identity=False,  # _ is another implementation's name then
)

add(
    "singledispatch: an implementation is removed",
    SINGLE + "@show.register(str)\ndef text(x): return 'text'\n",
    SINGLE,
    setup="held = m.show",
    check="[held(1), held('a')] == ['int', 'any']",
    back="[held(1), held('a')] == ['int', 'text']",
    calls=("held(1)", "int", "int"),
)

add(
    "singledispatch: registered from another module",
    {"m.py": SINGLE, "n.py": "import m\n@m.show.register(list)\ndef many(x): return 'list'\n"},
    {"n.py": "import m\n@m.show.register(list)\ndef many(x): return 'many'\n"},
    setup="held = m.show",
    check="[held([]), held(1)] == ['many', 'int']",
    back="[held([]), held(1)] == ['list', 'int']",
    calls=("held([])", "list", "many"),
)

add(
    "a registry of routes, filled by a decorator",
    """
    ROUTES = {}
    def route(path):
        def deco(f):
            ROUTES[path] = f
            return f
        return deco
    @route('/')
    def index(): return 'index'
    """,
    """
    ROUTES = {}
    def route(path):
        def deco(f):
            ROUTES[path] = f
            return f
        return deco
    @route('/')
    def index(): return 'home'
    @route('/about')
    def about(): return 'about'
    """,
    setup="routes = m.ROUTES",
    check="{p: f() for p, f in routes.items()} == {'/': 'home', '/about': 'about'} and routes is m.ROUTES",
    back="{p: f() for p, f in routes.items()} == {'/': 'index'} and routes is m.ROUTES",
    calls=("routes['/']()", "index", "home"),
)

add(
    "a route is renamed",
    """
    ROUTES = {}
    def route(path):
        def deco(f):
            ROUTES[path] = f
            return f
        return deco
    @route('/')
    def index(): return 'index'
    """,
    """
    ROUTES = {}
    def route(path):
        def deco(f):
            ROUTES[path] = f
            return f
        return deco
    @route('/home')
    def index(): return 'index'
    """,
    setup="routes = m.ROUTES",
    check="routes['/home']() == 'index'",
    back="list(routes) == ['/']",
)

add(
    "a context manager class instead of a generator",
    """
    import contextlib
    @contextlib.contextmanager
    def opened(x): yield x
    def f():
        with opened(1) as x: return x
    """,
    """
    class opened:
        def __init__(self, x): self.x = x
        def __enter__(self): return self.x + 1
        def __exit__(self, *a): return None
    def f():
        with opened(1) as x: return x
    """,
    check="m.f() == 2",
    back="m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a registry refuses a second function of one name, and the decorator's argument changes",
    """
    R = {}
    def register(n):
        def d(f):
            if f.__name__ in R: raise ValueError(f.__name__)
            R[f.__name__] = f
            f.n = n
            return f
        return d
    @register(1)
    def f(): return 1
    """,
    """
    R = {}
    def register(n):
        def d(f):
            if f.__name__ in R: raise ValueError(f.__name__)
            R[f.__name__] = f
            f.n = n
            return f
        return d
    @register(2)
    def f(): return 2
    """,
    setup="f = m.f",
    check="m.R['f'] is m.f is f and f.n == 2 and f() == 2",
    back="m.R['f'] is m.f is f and f.n == 1 and f() == 1",
    calls=("m.f()", 1, 2),
)
