"""A name that means another definition than before, one that was there already: it takes it, and neither becomes the other."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]

IMPL = """
class A:
    def f(self): return "a"
class B:
    def f(self): return "b"
class Mark: pass
SLOW, FAST = Mark(), Mark()
def one(x=None): return 1
def two(x=None): return 2
def getter(self): return "got"
def other(self): return "other"
"""
OLD = """
import collections, json, impl
from impl import one as held, SLOW as mode
from impl import A as Base
T = int
D = collections.OrderedDict
Current = impl.A
dump = json.dumps
pick = impl.one
speed = impl.SLOW
class C:
    kind = int
    made = impl.A
    dump = json.dumps
    pick = staticmethod(impl.one)
    p = property(impl.getter)
"""
NEW = (
    OLD.replace("T = int", "T = str").replace("kind = int", "kind = str")
    .replace("OrderedDict", "Counter")
    .replace("impl.A", "impl.B").replace("import A", "import B")
    .replace("json.dumps", "json.loads")
    .replace("one", "two").replace("SLOW", "FAST").replace("impl.getter", "impl.other")
)  # fmt: skip
MEANS = """[m.T.__name__, m.D.__name__, m.Current().f(), m.Base().f(), m.dump.__name__, m.pick(), m.held(), m.speed is impl.FAST,
    m.mode is impl.FAST, m.C.kind.__name__, m.C.made().f(), m.C.dump.__name__, m.C.pick(), m.C().p]"""
BEFORE = ["int", "OrderedDict", "a", "a", "dumps", 1, 1, False, False, "int", "a", "dumps", 1, "got"]
AFTER = ["str", "Counter", "b", "b", "loads", 2, 2, True, True, "str", "b", "loads", 2, "other"]
# What was there is what it was.
THERE = """[int("1"), json.dumps([1]), json.loads("2"), impl.A().f(), impl.B().f(), a.f(), impl.one(), impl.two(), first(),
    impl.getter(0), impl.other(0), impl.SLOW is not impl.FAST]"""
STAYS = [1, "[1]", 2, "a", "b", "a", 1, 2, 1, "got", "other", True]


def test_another_definition_does_not_go_into_the_one_before(program: Start) -> None:
    app = program(impl=IMPL, m=OLD)
    app.run("import json; a, first = m.Current(), m.pick")
    assert app(MEANS) == BEFORE
    app.edit(m=NEW).update()
    assert (app(MEANS), app(THERE)) == (AFTER, STAYS)
    app.update(back_out=True)
    assert (app(MEANS), app(THERE)) == (BEFORE, STAYS)


def test_nor_does_the_new_version_of_another_one(program: Start) -> None:
    app = program(impl=IMPL, m=OLD)
    app.run("import json; a, first, b, second = m.Current(), m.pick, impl.B(), impl.two")
    edited = IMPL.replace('"b"', '"B"').replace("def two(x=None): return 2", "def two(x=3): return 20 + x")
    app.edit(impl=edited.replace("class B:", "class B:\n    n = 1"), m=NEW).update()
    assert app("[m.Current().f(), m.C.made().f(), m.pick(), m.C.pick(), b.f(), second(), b.n]") == [
        "B",
        "B",
        23,
        23,
        "B",
        23,
        1,
    ]
    assert app("[a.f(), first(), impl.A().f(), impl.one(), hasattr(impl.A, 'n')]") == ["a", 1, "a", 1, False]
