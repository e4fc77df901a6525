"""Annotations after an update: those of the new version, worked out when they are asked for where Python does so (3.14)."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]

OLD = """
import typing
if typing.TYPE_CHECKING:
    from nowhere import Later
T = int
LIMIT: int = 1
rate: float = 0.5
class C:
    x: int
    y: str = "y"
    def f(self, a: T) -> "Later": ...
class Twice:
    def f(self): return super().__repr__
class Other: pass
def g(a: T, b: int) -> None: ...
"""
NEW = (
    OLD.replace("T = int", "T = str")
    .replace("LIMIT: int", "LIMIT: float")
    .replace("x: int", "x: bytes")
    .replace("b: int", "b: bool")
    .replace("class Other: pass", "class Other:\n    f = Twice.f")
)
SEEN = """[
    {k: getattr(v, "__name__", v) for k, v in here.items()}
    for here in (m.__annotations__, m.C.__annotations__, m.C.f.__annotations__, m.g.__annotations__)
]"""
NOW = [
    {"LIMIT": "int", "rate": "float"},
    {"x": "int", "y": "str"},
    {"a": "int", "return": "Later"},
    {"a": "int", "b": "int", "return": None},
]
THEN = [
    {"LIMIT": "float", "rate": "float"},
    {"x": "bytes", "y": "str"},
    {"a": "str", "return": "Later"},
    {"a": "str", "b": "bool", "return": None},
]


def test_all_annotations_are_the_new_ones_and_back(program: Start) -> None:
    app = program(m=OLD)
    app.run("t = m.Twice(); held = m.g")
    assert app(SEEN) == NOW
    app.edit(m=NEW).update()
    assert app(SEEN) == THEN
    assert app("[held is m.g, '__classdictcell__' in vars(m.C)]") == [True, False]
    # A method that another class has as well keeps the class that it stands in.
    assert app("t.f() is not None")
    app.update(back_out=True)
    assert app(SEEN) == NOW


def test_a_class_attribute_that_only_gets_an_annotation_keeps_what_it_holds(program: Start) -> None:
    old = "class P:\n    seen = {}\n    last: int = 0\n    twice = 1\n    twice = 2\ndef f(k): P.seen[k] = P.last = 1\n"
    app = program(m=old)
    app.run("m.f('a')")
    new = (
        old.replace("seen", "seen: dict[str, int]")
        .replace("last: int", "last")
        .replace("P.seen: dict[str, int]", "P.seen")
    )
    plan = app.edit(m=new).plan()
    assert not plan.asks and not plan.data, plan
    app.update()
    assert app("[m.P.seen, m.P.last, str(m.P.__annotations__['seen'])]") == [{"a": 1}, 1, "dict[str, int]"]
    # A value that is another one is asked about.
    assert app.edit(m=new.replace("{}", "{'b': 1}")).plan().asks


ANEW = """
from typing import Generic, List, Optional, TypeVar
T = TypeVar("T")
class Base: pass
class S(Base): pass
class L(list): pass
"""
NAMING = """
import collections.abc, typing
from kinds import L, S
class C: pass
def plain(x): return x
def many(x): return x
def several(x): return x
"""


def test_annotations_name_classes_that_are_made_again_with_them_as_they_are_kept(program: Start) -> None:
    app = program(kinds=ANEW, m=NAMING)
    app.run("import kinds; held = kinds.S")
    app.edit(
        kinds=ANEW.replace("S(Base)", "S(Base, Generic[T])").replace("L(list)", "L(List[T])"),
        m=NAMING.replace(
            "class C: pass", "class C:\n    x: S['int']\n    def f(self, s: S) -> S['str']: return s"
        )
        .replace("from kinds", "from typing import List, Optional\nfrom kinds")
        .replace("plain(x)", "plain(x: S) -> S['bytes']")
        .replace("many(x)", "many(x: collections.abc.Callable[[S, int], list[S]]) -> List[S['float']]")
        .replace("several(x)", "several(x: S | None) -> typing.Callable[[Optional[L['int']]], S]"),
    ).update()
    app.run("""
import inspect, typing
def kinds_in(hint):
    yield hint
    inside = hint if isinstance(hint, list) else (typing.get_origin(hint), *typing.get_args(hint))
    for part in inside:
        yield from kinds_in(part) if part is not None else ()
def seen(*owners):
    hints = [hint for owner in owners for hint in inspect.get_annotations(owner).values()]
    return {one for hint in hints for one in kinds_in(hint) if getattr(one, "__module__", "") == "kinds" and isinstance(one, type)}
""")
    assert app("seen(m.plain, m.many, m.several, m.C, m.C.f) == {held, kinds.L}")
    assert app("held is kinds.S")


def test_fields_name_the_kept_classes_too(program: Start) -> None:
    old = "from dataclasses import dataclass\nfrom kinds import S\n@dataclass\nclass D:\n    x: S\nclass Held:\n    __slots__ = ('kind', 'all')\n"
    app = program(kinds=ANEW, m=old)
    app.run("import kinds; held = kinds.S; d = m.D(1)")
    new = (
        old.replace("x: S", "x: S\n    y: list[S] = ()")
        + "TABLE = Held()\nTABLE.kind = S\nTABLE.all = [S, list[S]]\n"
    )
    app.edit(kinds=ANEW.replace("S(Base)", "S(Base, Generic[T])"), m=new).update()
    assert app("[f.type for f in m.D.__dataclass_fields__.values()] == [held, list[held]]")
    assert app("[m.TABLE.kind, *m.TABLE.all] == [held, held, list[held]]")
    assert app("m.D.__annotations__ == {'x': held, 'y': list[held]} and d.y == ()")


def test_annotations_in_a_class_that_is_made_again_find_what_is_new(program: Start) -> None:
    kinds = "class S: pass\nclass T: pass\nLIMIT = 1\n"
    old = "from kinds import LIMIT, S\nclass Base: pass\nclass C(Base):\n    def f(self, x): return x\n"
    app = program(kinds=kinds, m=old)
    app.run("import kinds; held = kinds.S, m.C")
    new = "from typing import Literal\n" + old.replace("C(Base)", "C(S, Base)")
    new = new.replace("    def f(self, x)", "    y: S['y']\n    def f(self, x: Literal[LIMIT]) -> S['f']")
    kinds = "from typing import Generic, TypeVar\nV = TypeVar('V')\n" + kinds.replace("S:", "S(Generic[V]):")
    app.edit(kinds=kinds.replace("LIMIT = 1", "LIMIT = 2"), m=new).update()
    assert app("[m.C.f.__annotations__['x'].__args__, m.C().f(3), m.C.__mro__[1] is kinds.S]") == [
        [2],
        3,
        True,
    ]
    assert app("[m.C.__annotations__['y'], m.C.f.__annotations__['return']] == [kinds.S['y'], kinds.S['f']]")
    assert app("held == (kinds.S, m.C) and [n for n in vars(m) if ':' in n]") == []


def test_an_annotation_that_is_written_otherwise_and_equal(program: Start) -> None:
    old = "from typing import Optional\ndef f(x: Optional[int]) -> Optional[str]: ...\n"
    app = program(m=old)
    app.edit(m="def f(x: int | None) -> str | None: ...\n").update()
    assert app("[str(each) for each in m.f.__annotations__.values()]") == ["int | None", "str | None"]


def test_an_annotation_that_is_gone_goes(program: Start) -> None:
    old = (
        "class C:\n    a: int = 1\n    b: str\n    __c: int\n    def f(self): return 1\nx: int = 1\ny: int\n"
    )
    app = program(m=old)
    app.run("c = m.C(); m.C.more = 1; m.x = 2")
    seen = "[sorted(m.C.__annotations__), sorted(m.__annotations__), m.C.a, m.C.more, m.x, c.f()]"
    before = app(seen)
    new = old.replace("    b: str\n    __c: int\n", "").replace("y: int\n", "")
    assert not app.edit(m=new).plan().empty
    app.update()
    assert app(seen) == [["a"], ["x"], 1, 1, 2, 1]
    app.edit(m=new.replace("a: int", "a").replace("x: int", "x")).update()
    assert app(seen) == [[], [], 1, 1, 2, 1]
    app.update(back_out=True)
    assert app(seen) == [["a"], ["x"], 1, 1, 2, 1]
    app.edit(m=old).update()
    assert app(seen) == before


def test_the_methods_of_a_dataclass_are_annotated_by_its_fields(program: Start) -> None:
    old = (
        "from dataclasses import dataclass\n@dataclass\nclass B:\n    x: int = 0\n    y: int = 1\n"
        "@dataclass\nclass C(B):\n    z: str = ''\n"
    )
    app = program(m=old)
    app.run("import inspect; seen = lambda: [str(inspect.signature(c)) for c in (m.B, m.C, m.C.__init__)]")
    before = app("seen()")
    app.edit(m=old.replace("    x: int = 0\n", "")).update()
    assert app("seen()") == [
        "(y: int = 1) -> None",
        "(y: int = 1, z: str = '') -> None",
        "(self, y: int = 1, z: str = '') -> None",
    ]
    app.update(back_out=True)
    assert app("seen()") == before


def test_data_that_is_kept_is_annotated(program: Start) -> None:
    app = program(m="R = []\ndef add(x): R.append(x)\n")
    app.run("m.add(1)")
    app.edit(m="from typing import List\nR: List[int] = [5]\ndef add(x): R.append(x)\n").update()
    assert app("[str(m.__annotations__['R']), m.R]") == ["typing.List[int]", [1]]


def test_steps_of_data_that_gets_an_annotation_go_on(program: Start) -> None:
    app = program(m="R = dict()\nR[int] = 'int'\n")
    app.edit(m="from typing import Dict\nR: Dict[type, str] = dict()\nR[int] = 'int'\n").update()
    assert app("[sorted(m.__annotations__), list(m.R.values())]") == [["R"], ["int"]]
