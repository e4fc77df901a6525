"""The call graph of small programs: what must be an edge, and what must not."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path
from types import CodeType, FrameType, ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podus.program.callgraph import CallGraph, _Builder, build
from podus.program.code import nested
from podus.program.version import Module


def graph_of(**sources: str) -> CallGraph:
    """The graph of modules by name; `__` in a name is a dot, and a module with others below it is a package."""
    names = {name.replace("__", "."): textwrap.dedent(source) for name, source in sources.items()}
    modules = {}
    for name, source in names.items():
        package = any(other.startswith(name + ".") for other in names)
        modules[name] = Module(name, f"{name}.py", compile(source, f"{name}.py", "exec"), package=package)
    return build(modules)


def edge(text: str) -> tuple[str, str]:
    caller, _, callee = text.partition(" -> ")
    return tuple(name if ":" in name else f"m:{name}" for name in (caller, callee))  # type: ignore[return-value]


# Source of module m; edges that must be there; edges that must not.
SINGLE = {
    "by name": (
        "def f(): g()\ndef g(): pass\ndef h(): pass",
        ["f -> g"],
        ["f -> h", "g -> f", "m:<module> -> f"],
    ),
    "from the module's body": ("def f(): pass\nf()", ["<module> -> f"], []),
    "alias": ("def f(): pass\ng = f\ndef h(): g()", ["h -> f"], []),
    "either definition": (
        "import os\nif os.name:\n  def f(): pass\nelse:\n  def f(): return 1\ndef h(): f()",
        ["h -> f", "h -> f#2"],
        [],
    ),
    "set by another procedure": (
        "def f(): pass\ndef g(): pass\nx = f\ndef use():\n  global x\n  x = g\ndef h(): x()",
        ["h -> f", "h -> g"],
        [],
    ),
    "class": (
        "class C:\n  def __init__(self): pass\n  def m(self): pass\ndef f(): C()",
        ["f -> C.__init__"],
        ["f -> C.m"],
    ),
    "inherited constructor": (
        "class B:\n  def __init__(self): pass\n  def __new__(cls): return object.__new__(cls)\n"
        "class C(B): pass\ndef f(): C()",
        ["f -> B.__init__", "f -> B.__new__"],
        [],
    ),
    "metaclass": (
        "class M(type):\n  def __call__(cls): return type.__call__(cls)\n  def __new__(m, n, b, d): return type.__new__(m, n, b, d)\n"
        "class C(metaclass=M): pass\ndef f(): C()\ndef g():\n  class D(metaclass=M): pass",
        ["f -> M.__call__", "g -> M.__new__", "<module> -> M.__new__"],
        ["g -> M.__call__"],
    ),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass C:\n  x: int\n  def __post_init__(self): pass\ndef f(): C(1)",
        ["f -> C.__post_init__"],
        [],
    ),
    "attribute of an unknown object": (
        "class C:\n  def m(self, x): pass\nclass D:\n  def m(self, x): pass\n  def n(self): pass\ndef f(c): c.m(1)",
        ["f -> C.m", "f -> D.m"],
        ["f -> D.n"],
    ),
    "attribute, by the number of arguments": (
        "class C:\n  def m(self): pass\nclass D:\n  def m(self, x, y, z): pass\ndef f(c): c.m()\ndef g(c, a): c.m(*a)",
        ["f -> C.m", "g -> C.m", "g -> D.m"],
        ["f -> D.m"],
    ),
    "self": (
        "class A:\n  def run(self): self.step()\n  def step(self): pass\n"
        "class B(A):\n  def step(self): pass\nclass Other:\n  def step(self): pass",
        ["A.run -> A.step", "A.run -> B.step"],
        ["A.run -> Other.step"],
    ),
    "self, from a mixin": (
        "class Mixin:\n  def run(self): self.step()\nclass Base:\n  def step(self): pass\n"
        "class Both(Mixin, Base): pass\nclass Other:\n  def step(self): pass",
        ["Mixin.run -> Base.step"],
        ["Mixin.run -> Other.step"],
    ),
    "self, of a class whose base is not known": (
        "class A:\n  def run(self): self.step()\n  def step(self): pass\ndef make(x): return x\n"
        "class B(make(A)):\n  def step(self): pass",
        ["A.run -> A.step", "A.run -> B.step"],
        [],
    ),
    "super": (
        "class A:\n  def m(self): pass\nclass B(A):\n  def m(self): super().m()\nclass Other:\n  def m(self): pass",
        ["B.m -> A.m"],
        ["B.m -> Other.m"],
    ),
    "classmethod and staticmethod": (
        "class A:\n  @classmethod\n  def make(cls): return cls.help()\n  @staticmethod\n  def help(): pass\n"
        "def f(): A.make()\ndef g(): pass",
        ["f -> A.make", "A.make -> A.help"],
        ["f -> g", "A.make -> A.make"],
    ),
    "an object held in a field": (
        "class Table:\n  def find(self): pass\nclass Other:\n  def find(self): pass\n"
        "class Router:\n  def __init__(self): self.table = Table()\n  def route(self): self.table.find()",
        ["Router.route -> Table.find"],
        ["Router.route -> Other.find"],
    ),
    "a procedure held in a field": (
        "class A:\n  def __init__(self, cb): self.cb = cb\n  def fire(self): self.cb()\n"
        "def hook(): pass\ndef f(): A(hook).fire()",
        ["A.fire -> hook", "f -> A.fire", "f -> A.__init__"],
        [],
    ),
    "property": (
        "class A:\n  @property\n  def size(self): return 1\n  @size.setter\n  def size(self, n): pass\n"
        "def f(a): return a.size\ndef g(a): a.size = 1\ndef h(a): a.other = a.more",
        ["f -> A.size", "g -> A.size#2"],
        ["h -> A.size"],
    ),
    "getattr": (
        "class A:\n  def m(self): pass\n  def n(self): pass\ndef f(a): getattr(a, 'm')()\ndef g(a): a()",
        ["f -> A.m"],
        ["f -> A.n"],
    ),
    "getattr of any name": (
        "class A:\n  def m(self): pass\ndef f(a, n): getattr(a, n)()",
        ["f -> A.m"],
        [],
    ),
    "value": (
        "def f(cb): cb(1)\ndef g(x): pass\ndef h(x, y): pass\ndef k(x): pass\ndef main(): f(g); return [h]",
        ["f -> g", "main -> f"],
        ["f -> h", "f -> k", "main -> g"],
    ),
    "value in a container": (
        "def a(x): pass\ndef b(x): pass\nHANDLERS = {'a': a, 'b': b}\ndef f(k): HANDLERS[k](1)\ndef g(k): pass",
        ["f -> a", "f -> b"],
        ["f -> g"],
    ),
    "partial gives arguments of its own": (
        "from functools import partial\ndef a(x, y): pass\ndef f(): return partial(a, 1)\ndef g(h): h(2)",
        ["g -> a"],
        [],
    ),
    "lambda": (
        "def g(): pass\ndef f(xs): return sorted(xs, key=lambda x: g())\nk = lambda: g()\ndef h(): k()",
        ["f -> f.<locals>.<lambda>", "f.<locals>.<lambda> -> g", "h -> <lambda>", "<lambda> -> g"],
        ["f -> g"],
    ),
    "key of an outside procedure": (
        "def key(x): pass\ndef f(xs): return sorted(xs, key=key)\ndef g(xs, k): return sorted(xs, key=k)\ndef h(xs): return sorted(xs)",
        ["f -> key"],
        ["h -> key"],
    ),
    "outside": (
        "import os.path, json\nfrom math import sqrt\nclass A:\n  def join(self): pass\n  def dumps(self): pass\n"
        "def sink(x): pass\nLIST = [sink]\ndef f(x): os.path.join(x, x); json.dumps(x); sqrt(x); len(x); x.append(1)",
        [],
        ["f -> A.join", "f -> A.dumps", "f -> sink"],
    ),
    "target of a thread": (
        "import threading\ndef work(): pass\ndef start(): threading.Thread(target=work).start()\ndef f(cb): cb()\ndef g(): pass\nL = [g]",
        ["start -> work", "f -> g"],
        ["f -> work"],
    ),
    "task": (
        "import asyncio\nasync def work(): pass\nasync def main():\n  t = asyncio.create_task(work())\n  await other()\n  await t\nasync def other(): pass",
        ["main -> work", "main -> other"],
        [],
    ),
    "decorator": (
        "def deco(f):\n  def wrapper(*a):\n    return f(*a)\n  return wrapper\n@deco\ndef g(x): pass\ndef h(): g(1)",
        ["<module> -> deco", "h -> g", "h -> deco.<locals>.wrapper", "deco.<locals>.wrapper -> g"],
        ["h -> deco"],
    ),
    "plain decorators are seen through": (
        "from functools import lru_cache, wraps\n@lru_cache(maxsize=3)\ndef g(x): pass\ndef h(): g(1)\ndef f(cb): cb(1)",
        ["h -> g"],
        ["f -> g"],
    ),
    "nested procedures": (
        "def f():\n  def inner(): g()\n  inner()\ndef g(): pass",
        ["f -> f.<locals>.inner", "f.<locals>.inner -> g"],
        ["f -> g"],
    ),
    "closure calls its neighbour": (
        "def f():\n  def a(): b()\n  def b(): pass\n  return a",
        ["f.<locals>.a -> f.<locals>.b"],
        ["f.<locals>.b -> f.<locals>.a"],
    ),
    "comprehensions belong to the procedure": (
        "def g(x): return x\ndef f(xs): return [g(x) for x in xs], {g(x) for x in xs}\ndef h(xs): return (g(x) for x in xs)",
        ["f -> g", "h -> g"],
        [],
    ),
    "operators": (
        "class V:\n  def __add__(self, o): pass\n  def __len__(self): return 0\n  def __eq__(self, o): return True\n"
        "def f(a, b): return a + b\ndef g(a): return len(a)\ndef h(a, b): return a == b\ndef k(a, b): return a - b",
        ["f -> V.__add__", "g -> V.__len__", "h -> V.__eq__"],
        ["f -> V.__len__", "k -> V.__add__", "g -> V.__eq__"],
    ),
    "with": (
        "class C:\n  def __enter__(self): pass\n  def __exit__(self, *a): pass\ndef f(c):\n  with c: pass\ndef g(c): pass",
        ["f -> C.__enter__", "f -> C.__exit__"],
        ["g -> C.__exit__"],
    ),
    "generator that is handed on": (
        "def gen(): yield 1\ndef use(it):\n  for x in it: pass\ndef main(): use(gen())\ndef own():\n  yield 2\ndef two():\n  for x in own(): pass",
        ["main -> gen", "use -> gen", "two -> own"],
        ["use -> own"],
    ),
    "generator expression that is handed on": (
        "def use(it):\n  for x in it: pass\ndef g(x): pass\ndef main(xs): use(g(x) for x in xs)",
        ["main -> g", "use -> main"],
        [],
    ),
    "instance that is called": (
        "class C:\n  def __call__(self, x): pass\nc = C()\ndef f(): c(1)\ndef g(v): v(1)\ndef h(v): v(1, 2, 3)",
        ["f -> C.__call__", "g -> C.__call__"],
        ["h -> C.__call__"],
    ),
    "override of an outside class": (
        "import http.server\nclass H(http.server.BaseHTTPRequestHandler):\n  def do_GET(self): pass\n"
        "def serve(): http.server.HTTPServer(('', 0), H).serve_forever()\ndef other(): return 1",
        ["serve -> H.do_GET"],
        ["other -> H.do_GET"],
    ),
    "raise": (
        "class E(Exception):\n  def __init__(self): pass\ndef f(): raise E\ndef g(): raise E()",
        ["f -> E.__init__", "g -> E.__init__"],
        [],
    ),
    "exec": ("def f(): exec('g()')\ndef g(): pass", ["f -> g"], []),
    "class body": (
        "def g(): pass\nclass C:\n  x = g()\ndef f():\n  class D:\n    y = g()",
        ["<module> -> g", "f -> g"],
        [],
    ),
    "method alias in a class": (
        "def f(self): pass\nclass C:\n  run = f\n  go = lambda self: None\ndef g(c): c.run(); c.go()",
        ["g -> f", "g -> C.<lambda>"],
        [],
    ),
    "recursion": ("def f(): f()", ["f -> f"], []),
    "a call under a condition, as an argument": (
        "def f(a): return g(h if a else k)\ndef g(x): x()\ndef h(): pass\ndef k(): pass",
        ["f -> g", "g -> h", "g -> k"],
        ["f -> h"],
    ),
}


@pytest.mark.parametrize("case", SINGLE)
def test_edges_of_a_module(case: str) -> None:
    source, there, absent = SINGLE[case]
    edges = graph_of(m=source).edges
    found = {(caller, callee) for caller, callees in edges.items() for callee in callees}
    assert {edge(text) for text in there} <= found
    assert not {edge(text) for text in absent} & found


def test_modules_of_a_package() -> None:
    found = graph_of(
        shop="from .cart import total as price\nfrom .tools import *",
        shop__cart="from . import tools\nfrom .tools import add as plus\ndef total(): tools.add(); plus()\ndef unused(): pass",
        shop__tools="def add(): pass\ndef sub(): pass",
        main="import shop\nimport shop.cart as c\nimport json\n"
        "def run(): shop.price(); c.total(); shop.add(); json.total()\ndef late():\n  import shop.tools\n  shop.tools.sub()",
    )
    assert set(found.callees("main:run")) == {"shop.cart:total", "shop.tools:add"}
    assert set(found.callees("shop.cart:total")) == {"shop.tools:add"}
    assert set(found.callees("main:late")) == {"shop.tools:sub", "shop:<module>", "shop.tools:<module>"}
    assert "shop.cart:<module>" in found.callees("shop:<module>")


def test_a_module_that_has_run_is_not_run_again() -> None:
    modules = {
        name: Module(name, f"{name}.py", compile(source, f"{name}.py", "exec"))
        for name, source in {"a": "def f(): import b", "b": ""}.items()
    }
    assert set(build(modules).callees("a:f")) == {"b:<module>"}
    assert build(modules, loaded=["b"]).callees("a:f") == {}


def test_a_module_whose_names_are_set_from_outside() -> None:
    found = graph_of(
        a="import b\ndef mine(): pass\nb.hook = mine", b="hook = None\ndef fire(): hook()\ndef other(): pass"
    )
    assert set(found.callees("b:fire")) == {"a:mine"}


def test_edges_say_why_and_where() -> None:
    found = graph_of(
        m="class C:\n  def total(self): pass\ndef f(c):\n  c.total()\ndef g(x): pass\nTABLE = [g]\ndef h(k):\n  TABLE[k](1)\n"
        "def k():\n  g(1)\n"
    )
    assert found.callees("m:f")["m:C.total"] == ("calls .total, which may be this one", 4, False)
    assert found.callees("m:h")["m:g"] == ("calls a value; this procedure is passed as one at m:6", 8, False)
    assert found.direct_callers("m:g")["m:k"] == ("calls it by name", 10, False)
    assert set(found.direct_callers("m:g")) == {"m:h", "m:k"}
    assert found.direct_callers("m:nothing") == {}


def test_a_thread_is_apart_from_its_starter() -> None:
    found = graph_of(
        m="import threading\ndef work(): pass\ndef start(): threading.Thread(target=work).start()"
    )
    assert found.callees("m:start")["m:work"].apart
    assert not found.callees("m:<module>")


def test_threads_over_values_are_apart_from_their_starter() -> None:
    found = graph_of(
        m="import threading\ndef work(q): pass\ndef other(q): pass\ndef start(q):\n  for t in (work, other):\n"
        "    threading.Thread(target=t, args=(q,)).start()\ndef idle(q): threading.Thread(name='x', args=(q,))"
    )
    assert {name: why.apart for name, why in found.callees("m:start").items()} == {
        "m:work": True,
        "m:other": True,
    }
    assert found.callees("m:idle") == {}


def test_paths_and_closures() -> None:
    found = graph_of(
        m="def a(): b()\ndef b(): c()\ndef c(x=None): x.d()\nclass D:\n  def d(self): e()\ndef e(): b()\ndef lone(): pass\ndef z(): a()"
    )
    path = found.reach("m:a", {"m:D.d", "m:lone"})
    assert [name for name, _ in path["m:D.d"]] == ["m:b", "m:c", "m:D.d"]
    assert path["m:D.d"][-1][1].why == "calls .d, which may be this one"
    assert set(path) == {"m:D.d"}
    assert [name for name, _ in found.reach("m:b", {"m:b"})["m:b"]] == ["m:c", "m:D.d", "m:e", "m:b"]
    assert found.reach("m:a", {"m:a"}) == {}
    assert found.reaching({"m:e"}) == dict.fromkeys(["m:a", "m:b", "m:c", "m:D.d", "m:e", "m:z"], "m:e")
    assert found.closure(["m:a", "m:e", "m:z", "m:lone"]) == {
        "m:a": {"m:e"},
        "m:e": {"m:e"},
        "m:z": {"m:a", "m:e"},
        "m:lone": set(),
    }


STATEMENTS = [
    "{f}(x)",
    "{f}({g})",
    "x(x)",
    "x({f})",
    "LIST.append({f})",
    "LIST[0](x)",
    "TABLE['k'] = {f}",
    "TABLE['k'](x)",
    "v = {f}; v(x)",
    "{c}().{m}(x)",
    "x.{m}(x)",
    "x = {c}()",
    "x = {c}({f})",
    "x.held = {f}",
    "x.held(x)",
    "x = x.{m}",
    "{c}.kept = {f}",
    "x.kept()",
    "x = {c}.{m}",
    "x + x",
    "x[0]",
    "len(x)",
    "[{f}(i) for i in [x]]",
    "x = (({f})(i) for i in [x])",
    "list(x)",
    "for i in x: {f}(i)",
    "x = gen_{n}(x)",
    "next(x)",
    "yielded = list(gen_{n}(x))",
    "sorted([1, 2], key={f})",
    "list(map({f}, [x]))",
    "list(map(x, [x]))",
    "functools.partial({f}, x)()",
    "x = functools.partial({f})",
    "getattr(x, '{m}')(x)",
    "getattr(x, 'm' + str(NUMBER))(x)",
    "x = lambda y: {f}(y)",
    "def inner(y=x):\n        return {f}(y)\n    x = inner",
    "wrapped_{n}(x)",
    "x.size",
    "with x: {f}(x)",
    "with manage_{n}(x): {f}(x)",
    "x = {f} if x else {g}",
    "(x or {f})(x)",
    "globals()['{f}'](x)",
    "setattr(x, 'held', {f})",
    "other.{f}(x)",
    "other.LIST.append({f})",
    "aliased(x)",
    "raise {c}Error(x)",
    "return {f}",
    "return {f}(x)",
    "x = {f}(x)",
]

FRAME = """
import contextlib, functools
import {other} as other
from {other} import f0 as aliased
NUMBER = 1
FUEL = [60]
LIST = [lambda x: None]
TABLE = {{'k': len}}
def deco(f):
    @functools.wraps(f)
    def wrapper(*args):
        return f(*args)
    return wrapper
"""
PROCEDURE = """
def {name}(x=None):
    FUEL[0] -= 1
    if FUEL[0] < 0: return
    {first}
    {second}
    return x
"""
MORE = """
def gen_{n}(x=None):
    yield x
    yield f{n}(x)
@deco
def wrapped_{n}(x=None):
    return f{n}(x)
@contextlib.contextmanager
def manage_{n}(x):
    f{n}(x)
    yield x
class C{n}Error(Exception):
    def __init__(self, x): f{n}(x)
class C{n}({base}):
    kept = f{n}
    def __init__(self, held=None): self.held = held
    def m{n}(self, x=None): return self.m1(x)
    def m1(self, x=None): return f{n}(x)
    @property
    def size(self): return f{n}(self)
    def __add__(self, other): return f{n}(other)
    def __getitem__(self, key):
        if key: raise IndexError
        return f{n}(key)
    def __len__(self): return 1
    def __enter__(self): return f{n}(self)
    def __exit__(self, *a): return True
    def __call__(self, x=None): return self.m{n}(x)
"""


DRIVER = """
def drive():
    for step in (lambda: f0(None), lambda: f1(f1), lambda: f2(C1(f2)), lambda: f0(C0()), lambda: wrapped_0(gen_0())):
        FUEL[0] = other.FUEL[0] = 15
        try: step()
        except (Exception, RecursionError): pass
"""


@st.composite
def programs(draw: st.DrawFn) -> dict[str, str]:
    """Two modules of little procedures that call, hold and pass on one another."""
    sources = {}
    for name, other in (("one", "two"), ("two", "one")):
        text = FRAME.format(other=other)
        for n in range(3):

            def statement() -> str:
                return draw(st.sampled_from(STATEMENTS)).format(
                    f=f"f{draw(st.integers(0, 2))}",
                    g=f"f{draw(st.integers(0, 2))}",
                    c=f"C{draw(st.integers(0, 2))}",
                    m=f"m{draw(st.integers(0, 2))}",
                    n=draw(st.integers(0, 2)),
                )

            text += PROCEDURE.format(name=f"f{n}", first=statement(), second=statement())
        for n in range(3):
            text += MORE.format(n=n, base=draw(st.sampled_from(["", "C0" if n else ""])))
        sources[name] = text + DRIVER
    return sources


def observed(modules: dict[str, Module]) -> set[tuple[str, str]]:
    """Run every procedure without arguments and with some; who was seen to call whom."""
    owners: dict[int, str] = {}

    def own(code: CodeType, owner: str, names: dict[int, str]) -> None:
        owner = names.get(id(code), owner)
        owners[id(code)] = owner
        for child in nested(code):
            own(child, owner, names)

    for name, module in modules.items():
        names = {id(code): f"{name}:{qualname}" for qualname, code in module.procedures.items()}
        own(module.code, f"{name}:<module>", names)
    seen: set[tuple[str, str]] = set()

    def watch(frame: FrameType, event: str, arg: object) -> None:
        callee = owners.get(id(frame.f_code))
        if event != "call" or callee is None:
            return
        caller = frame.f_back
        while caller is not None:
            if id(caller.f_code) in owners:
                seen.add((owners[id(caller.f_code)], callee))
                return
            caller = caller.f_back

    loaded = {name: ModuleType(name) for name in modules}
    try:
        sys.modules.update(loaded)
        for space in loaded.values():
            space.__dict__["f0"] = None  # they import one another
        for name, module in modules.items():
            exec(module.code, loaded[name].__dict__)
        loaded["one"].__dict__["aliased"] = loaded["two"].__dict__["f0"]
        for here in loaded.values():
            sys.setprofile(watch)
            try:
                here.__dict__["drive"]()
            finally:
                sys.setprofile(None)
    finally:
        for name in modules:
            del sys.modules[name]
    return {(caller, callee) for caller, callee in seen if caller != callee}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_no_call_that_happens_is_missing(sources: dict[str, str]) -> None:
    modules = {
        name: Module(name, f"{name}.py", compile(text, f"{name}.py", "exec"))
        for name, text in sources.items()
    }
    found = build(modules)
    seen = observed(modules)
    reached = found.closure(found.procedures)
    assert [(caller, callee) for caller, callee in sorted(seen) if callee not in reached[caller]] == []


@pytest.mark.parametrize("package", ["asyncio", "email", "json", "logging", "xml"])
def test_what_can_wait_is_traced_as_if_it_had_not(package: str) -> None:
    # The standard library's own packages: what no search has come to yet must hold nothing that others may call.
    root = Path(importlib.import_module(package).__file__ or "").parent
    modules = {}
    for path in sorted(root.rglob("*.py")):
        name = ".".join([package, *path.relative_to(root).with_suffix("").parts]).removesuffix(".__init__")
        source = path.read_bytes()
        is_package = path.stem == "__init__"
        modules[name] = Module(name, str(path), compile(source, path, "exec"), source, is_package)

    class Eager(_Builder):
        patient = False

    eager = Eager(modules, frozenset(modules)).run()
    for start in sorted(eager.procedures)[:: len(eager.procedures) // 5]:
        # A fresh one each time, so that each search finds a graph of which nothing else has been asked.
        patient = build(modules, loaded=modules)
        asked = [start, *sorted(eager.procedures)[::11]]
        assert patient.closure(asked) == eager.closure(asked)
        assert patient.reach(start, asked) == eager.reach(start, asked)
    assert build(modules, loaded=modules).edges == eager.edges
