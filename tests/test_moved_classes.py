"""Classes that go on in another module, with other fields: their objects go along."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import Program

Start = Callable[..., Program]
OLD = "LIMIT = 1\nclass C:\n    def __init__(self, v): self.a = v\n    def f(self): return self.a\nclass D(C): pass\n"
NEW = (
    "LIMIT = 5\nclass C:\n    def __init__(self, v):\n        self.a = v\n        self.b = [v, LIMIT]\n"
    "    def f(self): return self.b\nclass D(C): pass\n"
)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("brings", ["from n import C, D", "from n import *"])
def test_they_get_their_new_fields(program: Start, there: bool, brings: str) -> None:
    app = program(m=OLD, **({"n": "X = 1\n"} if there else {}))
    app.run("import m; c, d, C = m.C(3), m.D(4), m.C" + ("; import n" if there else ""))
    app.edit(m=f"{brings}\nLIMIT = 1\n", n=NEW).update()
    assert app("[m.C is C, type(c) is C, c.f(), d.f(), m.C(6).f()]") == [True, True, [3, 5], [4, 5], [6, 5]]
    app.update(back_out=True)
    assert app("[m.C is C, c.f(), vars(c), vars(d)]") == [True, 3, {"a": 3}, {"a": 4}]
    app.edit(m=f"{brings}\nLIMIT = 1\n", n=NEW).update()
    assert app("[c.f(), d.f()]") == [[3, 5], [4, 5]]
    # By an edit, too.
    app.edit(m=OLD, n="X = 1\n").update()
    assert app("[m.C is C, c.f(), vars(c)]") == [True, 3, {"a": 3}]


def test_what_nothing_says_is_asked_for(program: Start) -> None:
    app = program(m=OLD)
    app.run("c = m.C(3)")
    app.edit(m="from n import C, D\n", n=NEW.replace("self, v", "self, v, w").replace("[v, LIMIT]", "w"))
    (refused,) = app.plan().refusals
    assert refused.text.startswith("m:C gets the field b, and nothing says what it is in the live object")
    support = "import podus\ndef back(c): del c.b\n@podus.mapper('m:C', reverse=back)\ndef convert(c): c.b = [c.a]\n"
    app.update(support=support)
    assert app("c.f()") == [3]
    app.update(back_out=True)
    assert app("[c.f(), vars(c)]") == [3, {"a": 3}]


def test_what_comes_of_them_is_dropped_and_given_back(program: Start) -> None:
    app = program(m=OLD)
    app.run("c = m.C(3)")
    new = (
        "class C:\n    def __init__(self, v): self.x = 1\n    def f(self): return self.x\nclass D(C): pass\n"
    )
    app.edit(m="from n import C, D\n", n=new).update()
    assert app("[c.f(), vars(c)]") == [1, {"x": 1}]
    app.update(back_out=True)
    assert app("[c.f(), vars(c)]") == [3, {"a": 3}]


def test_another_class_of_the_same_name_is_another_class(program: Start) -> None:
    app = program(m=OLD + "E = 1\n", n="X = 1\n")
    app.run("import n; c = m.C(3)")
    app.edit(m="E = 2\n", n=NEW)
    assert [note.code for note in app.plan().notes if note.code == "not-moved"] == ["not-moved"] * 1
    app.update()
    assert app("[c.f(), isinstance(c, n.C), n.C(1).f()]") == [3, False, [1, 5]]


def test_who_had_it_from_the_old_place_has_it_from_the_new_one(program: Start) -> None:
    """As BaseGraph in transitions 0.9."""
    use = "class E(C):\n    def g(self): return self.f()\n"
    app = program(m=OLD, n="X = 1\n", user="from m import C\n" + use)
    app.run("import user; C, c, e = m.C, m.C(1), user.E(3)")
    app.edit(m="LIMIT = 1\n", n=NEW, user="from n import C\n" + use).update()
    assert app("[user.C is C, c.f(), e.g(), user.E(4).g()]") == [True, [1, 5], [3, 5], [4, 5]]
    app.update(back_out=True)
    assert app("[m.C is C is user.C, c.f(), e.g(), vars(e)]") == [True, 1, 3, {"a": 3}]


def test_of_two_of_a_name_that_go_the_import_says_which_it_is(program: Start) -> None:
    """As tzfile in dateutil 3.0: a class below it had its name."""
    other = "import m\nclass C(m.C):\n    def g(self): return 1\n"
    app = program(m=OLD, other=other)
    app.run("import other; c, C = m.C(3), m.C")
    app.edit(m="from n import C, D\n", n=NEW, other="import m\n").update()
    assert app("[m.C is C, c.f()]") == [True, [3, 5]]
    app.update(back_out=True)
    assert app("[m.C is C, c.f(), vars(c)]") == [True, 3, {"a": 3}]


RENAMED = {
    "with its old name beside it": (
        "class Old:\n    def __init__(self): self.a = 1\n    def f(self): return self.a\ndef make(): return Old()\n",
        "class New:\n    def __init__(self):\n        self.a = 1\n        self.b = [self.a]\n    def f(self): return self.b\nOld = New\ndef make(): return New()\n",
        "m.New",
    ),
    "out of another class": (
        "class Outer:\n    class Old:\n        def __init__(self): self.a = 1\n        def f(self): return self.a\ndef make(): return Outer.Old()\n",
        "class New:\n    def __init__(self):\n        self.a = 1\n        self.b = [self.a]\n    def f(self): return self.b\n"
        "class Outer:\n    Old = New\ndef make(): return New()\n",
        "m.Outer.Old",
    ),
}


@pytest.mark.parametrize("how", RENAMED)
def test_objects_of_a_class_that_is_renamed_get_its_new_fields(program: Start, how: str) -> None:
    old, new, named = RENAMED[how]
    app = program(m=old)
    app.run("o, before = m.make(), type(m.make())")
    app.edit(m=new).update()
    assert app(f"[o.f(), type(o) is before is m.New is {named}, m.make().f()]") == [[1], True, [1]]
    app.update(back_out=True)
    assert app("[o.f(), vars(o), type(o) is before is type(m.make()), hasattr(m, 'New')]") == [
        1,
        {"a": 1},
        True,
        False,
    ]


@pytest.mark.parametrize("said", ["m:Old", "m:New"])
def test_a_mapper_for_a_renamed_class_goes_by_either_name(program: Start, tmp_path: Path, said: str) -> None:
    old, new, _ = RENAMED["with its old name beside it"]
    app = program(m=old)
    app.run("o = m.make()")
    app.edit(m=new)
    support = tmp_path / "support.py"
    support.write_text(
        f"import podus\n@podus.mapper({said!r}, reverse=lambda o: None)\ndef m(o): o.b = ['mapped']\n"
    )
    app.update(support=str(support))
    assert app("o.f()") == ["mapped"]
