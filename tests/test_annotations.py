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
