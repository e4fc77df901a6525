"""What one code object calls, reads, writes, imports and makes, on every Python the same."""

from __future__ import annotations

import dis
import pathlib
import textwrap
from types import CodeType

import pytest

from podus.program import evaluate
from podus.program.code import procedures, walk
from podus.program.flow import (
    Attr,
    Call,
    Const,
    Flow,
    Free,
    Global,
    Local,
    Made,
    absolute,
    can_return_from,
    flow,
    imported_by_from,
    never_returns,
)


def body(source: str) -> Flow:
    return flow(compile(textwrap.dedent(source), "m.py", "exec"))


def code_of(source: str, name: str = "f") -> CodeType:
    return procedures(compile(textwrap.dedent(source), "m.py", "exec"))[name]


def of(source: str, name: str = "f") -> Flow:
    return flow(code_of(source, name))


def show(call: Call) -> str:
    parts = [repr(arg) for arg in call.args] + [f"{name}={value!r}" for name, value in call.keywords.items()]
    return f"{call.callee!r}({', '.join(parts + ['*'] * call.star + ['**'] * call.kwstar)})"


CALLS = {
    "g(1, x, k=y)": "Global(g)(Const(1), Local(x), k=Local(y))",
    "x(g)": "Local(x)(Global(g))",
    "x.y.m(g.h)": "Local(x).y.m(Global(g).h)",
    "g(*x)": "Global(g)(*)",
    "g(1, *x, k=2)": "Global(g)(*, **)",
    "g(**x)": "Global(g)(**)",
    "x.m(*y, **z)": "Local(x).m(*, **)",
    "g(*(1, 2))": "Global(g)(Const(1), Const(2))",
    "g(h if x else y)": "Global(g)(?)",
    "g(x and y or z)": "Global(g)(?)",
    "HANDLERS[x](y)": "Global(HANDLERS)[](Local(y))",
    "(x or g)(y)": "?(Local(y))",
    "g(f'{x}')": "Global(g)(Display(str))",
    "g([1], {2: x})": "Global(g)(Display(list), Display(dict))",
    "super().m(1)": "super().m(Const(1))",
    "(lambda: 1)()": "Made(f.<locals>.<lambda>)()",
}


@pytest.mark.parametrize("text", CALLS)
def test_calls_with_their_arguments(text: str) -> None:
    found = of(f"def f(x, y, z):\n  {text}\n  __class__")
    assert CALLS[text] in [show(call) for call in found.calls]


def test_a_call_names_its_line() -> None:
    found = of("def f(x):\n  pass\n\n  return g(\n    x)")
    assert [call.line for call in found.calls] == [4]


def test_reads_tell_calls_from_values() -> None:
    found = of("def f(x):\n  g(h)\n  k = m\n  n.o(1)\n  return g")
    seen = [(read.name, read.called, read.escapes) for read in found.reads]
    assert seen == [
        ("g", True, False),
        ("h", False, True),
        ("m", False, True),
        ("n", False, False),
        ("g", False, True),
    ]
    call, place = found.reads[1].sink or (None, None)
    assert call is found.calls[0]
    assert place == 0


def test_a_value_that_is_only_tested_or_compared_does_not_escape() -> None:
    found = of("def f(x):\n  if g: pass\n  if h is None: pass\n  try: pass\n  except E: pass\n  k")
    assert [read.name for read in found.reads if read.escapes] == []


def test_a_value_used_twice_escapes() -> None:
    found = of("def f():\n  (x := g)()")
    assert [read.escapes for read in found.reads] == [True]


def test_writes_of_a_module_and_of_globals() -> None:
    found = body("a = 1\nb = a\ndel a\nclass C:\n  x = 2\n")
    assert [(w.name, w.value is None) for w in found.writes] == [
        ("a", False),
        ("b", False),
        ("a", True),
        ("C", False),
    ]
    inner = of("def f():\n  global g\n  g = 1\n  del g")
    assert [(w.name, w.value is None) for w in inner.writes] == [("g", False), ("g", True)]


def test_attributes_by_kind() -> None:
    found = of("def f(x):\n  x.a = x.b\n  del x.c\n  x.d()\n  x.e += 1")
    assert sorted((attr.name, attr.kind, attr.called) for attr in found.attributes) == [
        ("a", "store", False),
        ("b", "load", False),
        ("c", "delete", False),
        ("d", "load", True),
        ("e", "load", False),
        ("e", "store", False),
    ]
    stored = next(attr for attr in found.attributes if attr.name == "a")
    assert isinstance(stored.value, Attr)
    assert stored.value.name == "b"


def test_imports_and_their_names() -> None:
    found = body(
        "import a.b\nimport a.b.c as d\nfrom .x import y as z\nfrom q import *\nfrom . import w\nimport e"
    )
    bound = {i.local: (i.module, i.level, i.name, i.top) for i in found.imports if i.local}
    assert bound == {
        "a": ("a.b", 0, None, True),
        "d": ("a.b.c", 0, None, False),
        "z": ("x", 1, "y", False),
        "*": ("q", 0, "*", False),
        "w": ("", 1, "w", False),
        "e": ("e", 0, None, True),
    }
    inner = of("def f():\n  from m import n as k")
    assert [(i.module, i.name, i.local) for i in inner.imports if i.name] == [("m", "n", "k")]


def test_from_imports_are_made_absolute() -> None:
    code = compile(
        "from a import b as c\nfrom .x import y\nfrom .. import u\nfrom . import v\nimport os\nfrom a import gone\ngone = 1",
        "m.py",
        "exec",
    )
    assert imported_by_from(code, "p.q.r", False) == {
        "c": ("a", "b"),
        "y": ("p.q.x", "y"),
        "u": ("p", "u"),
        "v": ("p.q", "v"),
    }
    assert imported_by_from(code, "p.q", True)["y"] == ("p.q.x", "y")
    assert absolute("p", False, 1, "x") == ""
    assert absolute("p", True, 1, "x") == "p.x"


def test_what_is_made() -> None:
    found = body(
        """
        @deco
        @other(1)
        def f(a, b=1, c=x, *, k, l=2): pass
        class C(Base, metaclass=M): pass
        h = lambda x=1: x
        run(lambda: 0)
        @deco
        class D: pass
        """
    )
    seen = [(m.code.co_name, m.kind, m.defaults, m.kwdefaults, m.decorated, m.bound) for m in found.makes]
    assert seen == [
        ("f", "function", 2, ("l",), True, "f"),
        ("C", "class", 0, (), False, "C"),
        ("<lambda>", "function", 1, (), False, "h"),
        ("<lambda>", "function", 0, (), False, None),
        ("D", "class", 0, (), True, "D"),
    ]
    cls = found.makes[1]
    assert repr(cls.bases) == "(Global(Base),)"
    assert repr(cls.keywords) == "{'metaclass': Global(M)}"


def test_operations_name_the_special_methods_they_may_use() -> None:
    cases = {
        "x + y": "__add__ __radd__",
        "x @ y": "__matmul__",
        "x[y]": "__getitem__",
        "x == y": "__eq__",
        "x in y": "__contains__",
        "-x": "__neg__",
        "not x": "__bool__",
        "f'{x}'": "__format__ __str__",
        "[z for z in x]": "__iter__ __next__",
        "len(x)": "__len__",
        "sorted(x)": "__lt__",
        "{**x}": "keys",
    }
    for text, names in cases.items():
        assert set(names.split()) <= of(f"def f(x, y):\n  return {text}").protocols.keys(), text
    assert {"__enter__", "__exit__"} <= of("def f(x):\n  with x: pass").protocols.keys()
    assert {"__aenter__", "__aexit__"} <= of("async def f(x):\n  async with x: pass").protocols.keys()
    assert "__await__" in of("async def f(x):\n  await x").protocols
    assert "__anext__" in of("async def f(x):\n  async for y in x: pass").protocols
    assert "__isub__" in of("def f(x, y):\n  x -= y").protocols
    assert not of("def f(x):\n  return x.y").protocols


@pytest.mark.parametrize(
    "text", ["[g(i) for i in x]", "{g(i) for i in x}", "{g(i): 1 for i in x}", "list(g(i) for i in x)"]
)
def test_comprehensions_are_merged(text: str) -> None:
    found = of(f"def f(x):\n  return {text}")
    assert "Global(g)" in [repr(call.callee) for call in found.calls]
    assert found.makes == []


def test_locals_and_shared_variables() -> None:
    source = "def f(a):\n  b = []\n  def inner():\n    return a, b\n  inner()\n  return inner"
    outer, inner = of(source), of(source, "f.<locals>.inner")
    assert [repr(value) for value in outer.locals["b"]] == ["Display(list)"]
    assert [(load.name, load.called, load.escapes) for load in outer.loads if load.name == "inner"] == [
        ("inner", True, False),
        ("inner", False, True),
    ]
    assert {load.name for load in inner.loads if isinstance(load, Free)} == {"a", "b"}


def test_a_flow_is_computed_once() -> None:
    code = code_of("def f(): pass")
    assert flow(code) is flow(code)


def test_type_parameters_are_seen_through() -> None:
    source = "def f[T](x: T, y=1) -> T:\n  return g(x)\nclass C[T](Base): pass"
    try:
        found = body(source)
    except SyntaxError:
        return  # before 3.12
    assert [(m.code.co_name, m.kind, m.bound) for m in found.makes] == [
        ("f", "function", "f"),
        ("C", "class", "C"),
    ]
    assert found.makes[0].defaults == 1


NEVER = {
    "while True: work()": True,
    "while True:\n    work()\n    if x: break": False,
    "while x: work()": False,
    "while True: yield 1": True,
    "for i in x: work()": False,
    "while True:\n    try: work()\n    except E: log()": True,
    "while True:\n    with x: work()": True,
    "raise E": False,
    "while True:\n    if x: raise E": False,
    "while True:\n    for i in x: work()": True,
    "while 1:\n    while x: work()": True,
    "pass": False,
}


@pytest.mark.parametrize("text", NEVER)
def test_what_never_returns(text: str) -> None:
    code = code_of(f"def f(x):\n  {textwrap.indent(text, '  ').strip()}")
    assert never_returns(code) is NEVER[text]


def test_loops_of_coroutines() -> None:
    assert never_returns(code_of("async def f(q):\n  while True:\n    await q.get()"))
    assert never_returns(code_of("async def f(q):\n  while True:\n    async with q: await q.get()"))
    assert not never_returns(code_of("async def f(q):\n  async for x in q: await x"))


def test_handlers_are_followed_when_asked() -> None:
    code = code_of("def f():\n  try:\n    while True: work()\n  except Stop:\n    return 1")
    assert never_returns(code)
    assert not never_returns(code, excepted=True)
    assert never_returns(code_of("def f():\n  try:\n    while True: work()\n  finally: end()"), excepted=True)


def test_whether_an_activation_can_return_from_where_it_stands() -> None:
    code = code_of("def f(x):\n  if x:\n    g()\n    return\n  while True:\n    work()\n")
    at = {ins.argval: ins.offset for ins in dis.get_instructions(code) if ins.opname == "LOAD_GLOBAL"}
    assert not never_returns(code)
    assert can_return_from(code, at["g"])
    assert not can_return_from(code, at["work"])
    assert not can_return_from(code, at["work"] + 2)  # in the caches behind it


def test_long_jumps() -> None:
    filler = "\n".join(f"    a{i} = x.b{i}(a{i - 1} if x else {i})" for i in range(1, 400))
    code = code_of(f"def f(x):\n  a0 = 0\n  while True:\n{filler}\n  return a0")
    assert never_returns(code)
    found = flow(code)
    assert len(found.calls) == 399
    assert all(repr(call.callee) == f"Local(x).b{i}" for i, call in enumerate(found.calls, 1))


def test_every_instruction_of_the_standard_library_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack of symbols is as high as the interpreter's after each instruction, so that no argument is taken for another."""
    wrong: set[tuple[str, int, int, int]] = set()

    def checked(name: str, handler: object) -> object:
        number = dis.opmap[name]

        def run(self: evaluate.Pass, arg: int) -> None:
            before = len(self.stack)
            handler(self, arg)  # type: ignore[operator]
            change = len(self.stack) - before
            effect = dis.stack_effect(number, arg if number >= dis.HAVE_ARGUMENT else None, jump=False)
            if name == "CALL" and "PRECALL" in dis.opmap:
                effect += dis.stack_effect(dis.opmap["PRECALL"], arg)
            if change != effect and before >= abs(effect) and name != "RETURN_VALUE":
                wrong.add((name, arg, change, effect))

        return run

    table = [
        None if handler is None else checked(name, handler)
        for name, handler in zip(evaluate.NAMES, evaluate._HANDLERS, strict=True)
    ]
    monkeypatch.setattr(evaluate, "_HANDLERS", table)
    for name in (
        "dataclasses",
        "typing",
        "contextlib",
        "inspect",
        "tarfile",
        "asyncio/base_events",
        "asyncio/streams",
    ):
        path = pathlib.Path(dis.__file__).parent / f"{name}.py"
        for code in walk(compile(path.read_bytes(), str(path), "exec")):
            evaluate.Pass(Flow(code), code).run()
            used = {evaluate.NAMES[op] for _, op, _, _ in evaluate.units(code)}
            assert not {name for name in used if evaluate.NAMES.index(name) in _UNTREATED}
    assert not wrong


_UNTREATED = {
    number
    for number, name in enumerate(evaluate.NAMES)
    if evaluate._HANDLERS[number] is None and evaluate.EFFECTS[number] is None and name
}


def test_symbols_print_themselves() -> None:
    found = of("def f(x):\n  g(x, 1)")
    (call,) = found.calls
    assert isinstance(call.callee, Global)
    assert isinstance(call.args[0], Local)
    assert isinstance(call.args[1], Const)
    assert repr(call) == "Call(Global(g), 2)"
    assert not [made for made in found.makes if isinstance(made, Made)]
