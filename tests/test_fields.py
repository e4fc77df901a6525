"""Which fields the objects of a class have, and what each of them is made from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

# Module -> the old text, the new one, what makes the object ``MODULE_o``, and what is true of it then: in both cases also after a back-out.
OWN = {
    "private": (
        "class A:\n    def __init__(self): self.__x = 1\n    def x(self): return [self.__x]\n"
        "class B(A):\n    def __init__(self):\n        super().__init__()\n        self.__x = 10\n    def y(self): return [self.__x]\n",
        "class A:\n    def __init__(self):\n        self.__x = 1\n        self.__z = self.__x + 1\n    def x(self): return [self.__x, self.__z]\n"
        "class B(A):\n    def __init__(self):\n        super().__init__()\n        self.__x = 10\n        self.__reset()\n"
        "    def __reset(self): self.__z = [20]\n    def y(self): return [self.__x, self.__z]\n",
        "B()",
        "o.x() + o.y()",
        [1, 10],
        [1, 2, 10, [20]],
    ),
    "privately": (
        "from dataclasses import dataclass\nclass S:\n    __slots__ = ('__a',)\n    def __init__(self): self.__a = 1\n    def x(self): return [self.__a]\n"
        "@dataclass\nclass D(S):\n    __c: int = 3\n    def __post_init__(self): S.__init__(self)\n    def y(self): return [self.__c]\n",
        "from dataclasses import dataclass\nclass S:\n    __slots__ = ('__a', '__b')\n    def __init__(self):\n        self.__a = 1\n        self.__b = 2\n"
        "    def x(self): return [self.__a, self.__b]\n"
        "@dataclass\nclass D(S):\n    __c: int = 3\n    __d: int = 4\n    def __post_init__(self): S.__init__(self)\n    def y(self): return [self.__c, self.__d]\n",
        "D(5)",
        "o.x() + o.y()",
        [1, 5],
        [1, 2, 5, 4],
    ),
    "methods": (
        "class C:\n    def __init__(self, n): self.n = n\n    def on(self): return self.n\n    def go(self): return self.on()\n",
        "class C:\n    def __init__(self, n):\n        self.n = n\n        self.cb = self.on\n        self.table = {'on': self.on, 'new': self.new}\n"
        "    def on(self): return self.n\n    def new(self): return -self.n\n    @staticmethod\n    def plain(): return 0\n"
        "    def go(self): return [self.cb(), self.table['new']()]\n",
        "C(4)",
        "o.go()",
        4,
        [4, -4],
    ),
    "new": (
        "class C:\n    def __new__(cls, a=1):\n        made = super().__new__(cls)\n        made.a = a\n        return made\n    def f(self): return self.a\n",
        "class C:\n    def __new__(cls, a=1):\n        made = super().__new__(cls)\n        made.a = a\n        made.twice = made.a * 2\n"
        "        made.kind = cls.__name__\n        return made\n    def f(self): return [self.twice, self.kind]\n",
        "C(3)",
        "o.f()",
        3,
        [6, "C"],
    ),
    "singleton": (
        "class S:\n    _only = None\n    def __new__(cls):\n        if cls._only is None:\n            cls._only = super().__new__(cls)\n"
        "            cls._only.count = 0\n        return cls._only\n    def hit(self): return [S() is self, self.count]\n",
        "class S:\n    _only = None\n    def __new__(cls):\n        if cls._only is None:\n            cls._only = super().__new__(cls)\n"
        "            cls._only.count = 0\n            cls._only.log = [cls._only.count]\n        return cls._only\n    def hit(self): return [S() is self, self.log]\n",
        "S()",
        "o.hit()",
        [True, 0],
        [True, [0]],
    ),
    "kinds": (
        "class C:\n    LIMIT = 4\n    def __init__(self): self.x = 1\n    def f(self): return self.x\nclass D(C):\n    LIMIT = 6\n",
        "class C:\n    LIMIT = 4\n    def __init__(self):\n        self.x = 1\n        self.kind = type(self).__name__\n        self.low = self.__class__.__name__.lower()\n"
        "        self.twice = self.LIMIT * 2\n        self.sub = isinstance(self, D)\n"
        "    def f(self): return [self.kind, self.low, self.twice, self.sub]\nclass D(C):\n    LIMIT = 6\n",
        "D()",
        "o.f()",
        1,
        ["D", "d", 12, True],
    ),
}


BASE = "class Base:\n    def __init__(self): self.b = 1\n"
# A class gets fields from a base that it did not have.
INHERITED = {
    "mixin": (
        BASE
        + "class C(Base):\n    def __init__(self):\n        super().__init__()\n        self.c = 2\n    def f(self): return self.c\n",
        BASE
        + "class Log:\n    def __init__(self, *a, **k):\n        super().__init__(*a, **k)\n        self.lines = []\n        self.__own = 3\n"
        "    def log(self, x): self.lines.append([x, self.__own])\n"
        "class C(Log, Base):\n    def __init__(self):\n        super().__init__()\n        self.c = 2\n"
        "    def f(self):\n        self.log(self.b)\n        return self.lines\n",
        "C()",
        "o.f()",
        2,
        [[1, 3]],
    ),
    "between": (
        BASE + "class C(Base):\n    def f(self): return self.b\nclass D(C): pass\n",
        BASE
        + "class Mid(Base):\n    def __init__(self, size=5):\n        Base.__init__(self)\n        self.size = size + self.b\nclass C(Mid):\n"
        "    def f(self): return self.size\nclass D(C): pass\n",
        "D()",
        "o.f()",
        1,
        6,
    ),
    "called": (
        BASE + "class C(Base):\n    def __init__(self): self.c = 2\n    def f(self): return [self.c, 0]\n",
        BASE
        + "class C(Base):\n    def __init__(self):\n        super().__init__()\n        self.c = 2\n    def f(self): return [self.c, self.b]\n",
        "C()",
        "o.f()",
        [2, 0],
        [2, 1],
    ),
    "uncalled": (
        BASE + "class C: pass\n",
        BASE + "class C(Base):\n    def __init__(self): self.rare = 2\n",
        "C()",
        "vars(o)",
        {},
        {"rare": 2},
    ),
    "attribute": (
        "class C:\n    retries = 3\n    def __init__(self): self.c = 1\n    def f(self): return self.retries\n",
        "class C:\n    def __init__(self):\n        self.c = 1\n        self.retries = 3\n    def f(self): return self.retries + 1\n",
        "C()",
        "o.f()",
        3,
        4,
    ),
    "taken": (
        "class Old:\n    def __init__(self): self.seldom = 1\nclass C(Old):\n    def f(self): return 1\n",
        "class C:\n    def f(self): return 2\n",
        "C()",
        "[o.f(), vars(o)]",
        [1, {"seldom": 1}],
        [2, {}],
    ),
}


def test_a_base_brings_its_fields(program: Start) -> None:
    # A name that a procedure sets elsewhere is left where it is.
    check_all(program, INHERITED, exactly=False)


def test_a_base_in_another_module_gives_fields_with_the_names_of_that_module(program: Start) -> None:
    root = "from collections import deque as many\nSIZE = 3\nclass Root:\n    def __init__(self): self.last = many([SIZE])\n"
    part = "class Part:\n    def __init__(self): self.p = 1\n"
    whole = "from part import Part\nclass Whole(Part):\n    def f(self): return self.p\n"
    app = program(root=root, part=part, whole=whole)
    app.run("o = whole.Whole()")
    app.edit(
        part="from root import Root\nclass Part(Root):\n    def __init__(self):\n        super().__init__()\n        self.p = 1\n"
    )
    app.replace("whole", "return self.p", "return [self.p, list(self.last)]").update()
    assert app("[o.f(), whole.Whole().f()]") == [[1, [3]], [1, [3]]]
    app.update(back_out=True)
    assert app("[o.f(), 'p' in vars(o)]") == [1, True]


def test_an_argument_that_a_subclass_passes_is_asked_for(program: Start) -> None:
    base = "class Base:\n    def __init__(self): self.b = 1\n"
    sub = "from m import Base\nclass Sub(Base):\n    def __init__(self): super().__init__()\n"
    app = program(m=base, n=sub)
    app.run("o = n.Sub()")
    app.edit(
        m="class Base:\n    def __init__(self, kind='any'):\n        self.b = 1\n        self.kind = kind\n"
    )
    app.replace("n", "super().__init__()", "super().__init__(kind='sub')")
    (refusal,) = app.plan().refusals
    assert "gets the field kind" in refusal.text and "n:Sub passes it" in refusal.text


HANDED_ON = {
    "by name": ("kind='any', **more", "kind=kind, **more", True),
    "by place": ("kind='any'", "kind", True),
    "among others": ("**more", "**more", True),
    "all of them": ("*rest, **more", "*rest, **more", True),
    "one before the rest": ("*rest", "'sub', *rest", False),
    "another rest": ("*rest", "*(rest or ('sub',))", False),
    "with another default": ("kind='sub'", "kind=kind", False),
    "bound anew": ("kind='any'", "kind=(kind := 'sub')", False),
    "put among others": ("**more", "**{'kind': 'sub', **more}", False),
}


@pytest.mark.parametrize("how", HANDED_ON)
def test_an_argument_that_a_subclass_only_hands_on_has_its_default(program: Start, how: str) -> None:
    parameters, passed, derived = HANDED_ON[how]
    app = program(
        m="class Base:\n    def __init__(self): self.b = 1\n",
        n="from m import Base\nclass Sub(Base):\n    def __init__(self): super().__init__()\n",
    )
    app.run("o = n.Sub()")
    app.edit(
        m="class Base:\n    def __init__(self, kind='any'):\n        self.b = 1\n        self.kind = kind\n",
        n=f"from m import Base\nclass Sub(Base):\n    def __init__(self, {parameters}): super().__init__({passed})\n",
    )
    if derived:
        app.update()
        assert app("o.kind") == app("n.Sub().kind") == "any"
    else:
        (refusal,) = app.plan().refusals
        assert "gets the field kind" in refusal.text and "n:Sub passes it" in refusal.text


PLAIN = "class C:\n    def __init__(self, age): self.age = age\n    def f(self): return self.age\n"
GETTER = "    @property\n    def age(self): return self.{0}\n"
SETTER = "    @age.setter\n    def age(self, v):\n        if v < 0: raise ValueError(v)\n        self.{0} = int(v)\n        self.set = True\n"
KEPT = "class C:\n    def __init__(self, age): self.{0} = age\n    def f(self): return self.age\n"
THROUGH = PLAIN + GETTER.format("__age") + SETTER.format("__age")
# A field becomes a property that keeps it under another name, or is one no more.
PROPERTIES = {
    "checked": (PLAIN, THROUGH, "C(4)", "o.f()", 4, 4),
    "read": (PLAIN, KEPT.format("_age") + GETTER.format("_age"), "C(4)", "o.f()", 4, 4),
    "plain": (THROUGH, PLAIN, "C(4)", "o.f()", 4, 4),
    "simple": (KEPT.format("_age") + GETTER.format("_age"), PLAIN, "C(4)", "o.f()", 4, 4),
    "given": (
        "class C:\n    def __init__(self): self.x = 1\n    def f(self): return 3\n",
        "class C:\n    def __init__(self):\n        self.x = 1\n        self.age = 3\n    def f(self): return self.age\n"
        + GETTER.format("_age")
        + SETTER.format("_age"),
        "C()",
        "o.f()",
        3,
        3,
    ),
}


def test_a_field_and_a_property_take_each_others_place(program: Start) -> None:
    check_all(program, PROPERTIES, exactly=False)


CHECKED = """
class Checked:
    def __set_name__(self, owner, name): self.name = '_' + name
    def __get__(self, obj, owner=None): return self if obj is None else getattr(obj, self.name)
    def __set__(self, obj, value): setattr(obj, self.name, int(value))
class C:
    age = Checked()
    def __init__(self, age): self.age = age
    def f(self): return self.age
"""


def test_a_field_that_a_descriptor_keeps_is_asked_for(program: Start) -> None:
    app = program(m=PLAIN)
    app.run("o = m.C(4)")
    app.edit(m=CHECKED)
    (refusal,) = app.plan().refusals
    assert "m:C.age is set by Checked.__set__ now, and nothing says" in refusal.text
    support = "import podus\ndef back(o):\n    o.age = o._age\n    del o._age\n@podus.mapper('m:C', reverse=back)\ndef there(o): o._age = o.age\n"
    app.update(support=support)
    assert app("[o.f(), vars(o), m.C('5').f()]") == [4, {"_age": 4}, 5]
    app.update(back_out=True)
    assert app("[o.f(), vars(o)]") == [4, {"age": 4}]


def test_a_property_that_means_something_else_is_asked_for(program: Start) -> None:
    new = KEPT.format("_age").replace("= age", "= age * 12") + GETTER.format("_age")
    some = PLAIN.replace("self.age = age", "\n        if age: self.age = age\n        else: self.age = 1")
    app = program(m=PLAIN, n=some)
    app.run("o, p = m.C(4), n.C(4)")
    app.edit(m=new, n=some + GETTER.format("_age") + SETTER.format("_age"))
    assert [note.text.partition(", and")[0] for note in app.plan().refusals] == [
        "m:C gets the field _age",
        "n:C gets the field _age",
        "n:C gets the field set",
    ]


def test_what_a_field_is_made_from(program: Start) -> None:
    check_all(program, OWN)


def check_all(
    program: Start, cases: dict[str, tuple[str, str, str, str, object, object]], *, exactly: bool = True
) -> None:
    """One program has them all: update it, and take the update back."""
    app = program(**{name: case[0] for name, case in cases.items()})
    for name, case in cases.items():
        app.run(f"{name}_o = eval({case[2]!r}, vars({name})); {name}_was = dict(vars({name}_o))")
    seen = {name: f"eval({case[3]!r}, {{**vars({name}), 'o': {name}_o}})" for name, case in cases.items()}
    assert {name: app(text) for name, text in seen.items()} == {name: case[4] for name, case in cases.items()}
    app.edit(**{name: case[1] for name, case in cases.items()})
    plan = app.plan()
    assert plan.safe, [note.text for note in plan.refusals]
    app.update()
    assert {name: app(text) for name, text in seen.items()} == {name: case[5] for name, case in cases.items()}
    app.update(back_out=True)
    assert {name: app(text) for name, text in seen.items()} == {name: case[4] for name, case in cases.items()}
    if exactly:
        assert [name for name in cases if not app(f"vars({name}_o) == {name}_was")] == []


TUPLES = """
from collections import namedtuple
from typing import NamedTuple
A = namedtuple("A", "x y")
B = NamedTuple("B", [("x", int), ("y", int)])
class C(namedtuple("C", ["x", "y"])):
    __slots__ = ()
D = namedtuple("D", ["x", "y"])
"""


def test_tuples_that_live_get_no_other_fields(program: Start) -> None:
    app = program(m=TUPLES)
    app.run("a, b, c, d = m.A(1, 2), m.B(1, 2), m.C(1, 2), m.D(1, 2)")
    new = TUPLES.replace('"x y"', '"x y z", defaults=[0]').replace('("y", int)', '("z", int)')
    # The last is written otherwise, and has the same fields.
    app.edit(m=new.replace('"C", ["x", "y"]', '"C", ["y", "x"]').replace('["x", "y"])', '"x, y")'))
    found = [note.text.partition(" change")[0] for note in app.plan().refusals]
    assert found == ["the fields of m:A", "the fields of m:B", "the fields of m:C"]
    app.run("del a, b, c")
    app.update()
    assert app("[m.A(1, 2), m.B(1, 2).z, m.C(1, 2).x, d.y]") == [[1, 2, 0], 2, 2, 2]


COUNTERS = """
from dataclasses import dataclass, field
class C:
    def __init__(self):
        self.hits = 0
        self.rows = []
    def hit(self):
        self.hits += 1
        self.rows.append(1)
@dataclass
class D:
    hits: int = 0
    rows: list = field(default_factory=list)
    def hit(self):
        self.hits += 1
        self.rows.append(1)
"""


@pytest.mark.parametrize("others", [0, 200_000])
def test_what_may_be_a_field_under_another_name_is_asked_for(program: Start, others: int) -> None:
    """However many other objects there are."""
    app = program(m=COUNTERS, n=COUNTERS)
    app.run(f"others = [[n] for n in range({others})]")
    app.run("a, b, c, d = m.C(), m.D(), n.C(), n.D()\na.hit()\nb.hit()")
    new = COUNTERS.replace("hits", "visits").replace("rows", "lines")
    app.edit(m=new, n=new)
    found = [note.text for note in app.plan().refusals]
    assert [text.partition(", and")[0] for text in found] == [
        f"m:{cls} gets the field {name}" for cls in "CD" for name in ("visits", "lines")
    ]
    assert all("holds something else by now; it may be" in text for text in found)
    support = app.podus("scaffold", "app").stdout
    assert "# self.visits = self.hits  # if it is that under another name" in support
    # What nobody has touched may be either.
    app.edit(m=COUNTERS).update()
    assert app("[c.visits, c.lines, d.visits, d.lines]") == [0, [], 0, []]
    # A mapper says that it is another thing.
    app.edit(m=new)
    app.update(
        support="import podus\n"
        + "".join(f"@podus.mapper('m:{c}', reverse=print)\ndef {c}(o): pass\n" for c in "CD")
    )
    assert app("[a.visits, a.lines, b.visits, b.lines]") == [0, [], 0, []]


USED = "class A:\n    def __init__(self): self.n, self.log = 0, []\n    def rows(self):\n        for n in range(3):\n            yield n\n            self.log.append(n)\n"
UNUSED = "class A:\n    def __init__(self): self.n = 0\n    def rows(self):\n        for n in range(3):\n            yield n * 10\n"


def test_a_field_that_goes_stays_for_who_is_suspended_and_uses_it(program: Start) -> None:
    app = program(m=USED)
    app.run("a, b = m.A(), m.A(); rows = a.rows(); next(rows)")
    plan = app.edit(m=UNUSED).plan()
    (note,) = [n.text for n in plan.notes]
    assert note == (
        "live objects of m:A keep log, which the new version does not have: m:A.rows is suspended, and uses it"
    )
    app.update()
    assert app("[list(rows), a.log, list(b.rows()), hasattr(m.A(), 'log')]") == [
        [1, 2],
        [0, 1, 2],
        [0, 10, 20],
        False,
    ]


def test_a_back_out_leaves_a_new_field_to_who_is_suspended_and_uses_it(program: Start) -> None:
    app = program(m=UNUSED)
    app.run("a = m.A()")
    app.edit(m=USED).update()
    app.run("rows = a.rows(); next(rows)")
    app.update(back_out=True)
    assert app("[list(rows), a.log, list(a.rows())]") == [[1, 2], [0, 1, 2], [0, 10, 20]]


EMPTY = "class P:\n    def __init__(self): self.{0} = False\n{1}class L(P):\n    def __init__(self):\n        super().__init__()\n        self.{0} = True\nclass R(P):\n    def __init__(self, v):\n        super().__init__()\n        self.{0} = hasattr(v, 'x')\n"
BEHIND = "    @property\n    def empty(self): return self._empty\n    @empty.setter\n    def empty(self, value): self._empty = value\n"


def test_a_property_of_a_base_takes_the_place_of_a_field_of_those_below(program: Start) -> None:
    app = program(m=EMPTY.format("empty", ""))
    app.run("objects = [m.P(), m.L(), m.R(3), m.L()]; objects[3].empty = 7")
    app.edit(m=EMPTY.format("_empty", BEHIND)).update()
    assert app("[vars(o) for o in objects]") == [{"_empty": v} for v in (False, True, False, 7)]
    app.update(back_out=True)
    assert app("[vars(o) for o in objects]") == [{"empty": v} for v in (False, True, False, 7)]


def test_the_plan_names_the_values_that_live_objects_keep(program: Start) -> None:
    old = "class A:\n    def __init__(self, n=1):\n        self.n, self.rate = n, 5\n        self.on, self.a, self.b = True, 1, 2\n"
    new = old.replace("5", "10").replace("= n, ", "= n * 2, ").replace("True, 1, 2", "True, 3, 4")
    app = program(m=old)
    plan = app.edit(m=new).plan()
    assert not plan.notes and not plan.objects
    app.run("a = m.A()")
    (note,) = app.plan().notes
    assert note.text == (
        "new objects of m:A get another n (n -> n * 2), rate (5 -> 10), a (1 -> 3) and 1 more: live objects keep what they have"
    )
    assert note.remedy == "give a mapper for m:A if they must not"
    app.update()
    assert app("[a.n, a.rate, m.A().n, m.A().rate]") == [1, 5, 2, 10]
    support = "import podus\n@podus.mapper('m:A', reverse=print)\ndef A(a): a.rate = 20\n"
    app.edit(m=new.replace("10", "20"))
    assert not app.plan(support=support).notes
    app.update(support=support)
    assert app("[a.n, a.rate, m.A().rate]") == [1, 20, 20]


LOCAL = """
    import threading
    class L(threading.local):
        def __init__(self): self.a = self.b = 1
    l = L()
    def get(): return l.a
"""


def test_thread_local_objects_get_no_field_and_the_plan_says_so(program: Start) -> None:
    app = program(m=LOCAL)
    app.run("m.get()")
    (refusal,) = app.edit(m=LOCAL.replace("self.b", "self.c")).plan().refusals
    assert refusal.text == (
        "objects of m:L get the field c, and are thread-local: nobody but each thread itself gets at what they hold"
    )
    # What is gone stays where it is, and what nobody holds needs nothing.
    app.edit(m=LOCAL.replace(" = self.b", "").replace("l.a", "-l.a")).update()
    assert app("[m.get(), m.l.b]") == [-1, 1]
    app.run("del m.l; import gc; gc.collect()")
    app.edit(m=LOCAL.replace("self.b", "self.c").replace("    l = L()\n", "")).update()
    assert app("m.L().c") == 1


def test_fields_that_are_made_as_before_by_what_changes_are_named(program: Start) -> None:
    old = """
        import n
        from n import LIMIT, load
        def table(): return {'a': 1}
        class B:
            def early(self): return 1
        class J(B):
            def __init__(self, o=None, table=table):
                self.o = {**self.defaults(), **(o or {})}
                self.early_on, self.limit = self.early(), [LIMIT]
                self.rows, self.more = load(), n.more()
                self.table, self.steady = table(), self.same()
            @staticmethod
            def defaults(): return {'a': 1}
            def same(self): return 2
        class K:
            def __init__(self): self.t = table()
    """
    other = "LIMIT = 1\ndef load(): return 1\ndef more(): return 1\n"
    app = program(n=other, m=old)
    new = old.replace("'a': 1}", "'a': 1, 'b': 2}").replace("early(self): return 1", "early(self): return 2")
    app.edit(m=new, n=other.replace("1", "2"))
    assert app.plan().notes == []
    app.run("j, k = m.J(), m.K()")
    assert [(n.code, n.text) for n in app.plan().notes] == [
        (
            "field-kept",
            "new objects of m:J get another o (made from m:J.defaults, which changes), early_on (made from m:B.early, which changes), limit (made from n:LIMIT, which changes) and 2 more: live objects keep what they have",
        ),
        (
            "field-kept",
            "new objects of m:K get another t (made from m:table, which changes): live objects keep what they have",
        ),
    ]
    support = "import podus\n@podus.mapper('m:K', reverse=print)\ndef K(k): k.t = 0\n"
    assert len(app.plan(support=support).notes) == 1
    app.update()
    assert app("[j.o, m.J().o]") == [{"a": 1}, {"a": 1, "b": 2}]


def test_a_field_is_derived_from_a_mark_that_the_class_has(program: Start) -> None:
    old = "class C:\n    SAME = object()\n    NAMES = dict(a=1)\n    def __init__(self): self.a = 1\n"
    app = program(m=old)
    app.run("c = m.C()")
    new = "    def __init__(self, x=SAME):\n        self.a = 1\n        self.x = self.NAMES if x is self.SAME else x\n"
    app.edit(m=old[: old.index("    def")] + new).update()
    assert app("[c.x, m.C(2).x]") == [{"a": 1}, 2]


@pytest.mark.parametrize(
    ("old", "new", "asked"),
    [
        ("List[str]", "list[str]", False),
        ("Optional[int]", "int | None", False),
        ("int", "'Union[str, int]'", False),
        ("Dict[str, Optional[int]]", "dict[str, None | int]", False),
        ("bytes", "Any", False),
        ("bytes", "bytearray", True),
        ("list[str]", "list[int]", True),
        ("int | None", "int", True),
    ],
)
def test_an_annotation_is_asked_about_if_it_says_something_else(
    program: Start, old: str, new: str, asked: bool
) -> None:
    text = "from dataclasses import dataclass\nfrom typing import *\n@dataclass\nclass C:\n    x: {} = None\n"
    app = program(m=text.format(old))
    app.run("c = m.C()")
    assert [n.code for n in app.edit(m=text.format(new)).plan().asks] == ["object-kept"] * asked


@pytest.mark.parametrize("around", ["if True:", "try:"])
def test_objects_of_a_class_that_is_defined_under_a_condition(program: Start, around: str) -> None:
    end = "except ImportError:\n        pass\n" if around == "try:" else ""
    old = "class C:\n        def __init__(self, a):\n            self.a = a\n            {}\n        def f(self): return {}\n"
    text = f"{around}\n    import math\n    {old}{end}"
    text = text.replace("\n        pass", "\n    pass")
    app = program(m=text.format("pass", "1"))
    app.run("c = m.C(1)")
    app.edit(m=text.format("self.b = [a]", "self.b")).update()
    assert app("[c.f(), m.C(2).f()]") == [[1], [2]]
    refused = app.edit(m=text.format("self.b = self.c = open(a)", "self.b")).plan().refusals
    assert "m:C gets the field c, and nothing says" in refused[0].text


def test_the_plan_says_where_new_objects_are_given_what_live_ones_have_a_default_of(program: Start) -> None:
    old = """
        from dataclasses import dataclass
        class A:
            def __init__(self, a): self.a = a
            def copy(self): return self.__class__(self.a)
        @dataclass
        class B:
            b: int = 1
        class C:
            def __init__(self): self.c = 1
        def make(): return [A(1), B(2), C()]
    """
    new = """
        from dataclasses import dataclass
        class A:
            def __init__(self, a, rate=None, *, size=1, on=True):
                self.a, self.curve, self.size, self.on = a, rate, size, on
            def copy(self): return self.__class__(self.a, size=self.size)
        @dataclass
        class B:
            b: int = 1
            d: int = 0
        class C:
            def __init__(self, e=0):
                self.c = 1
                self.e = e
        def make(): return [A(1, 'P-256', on=True), B(2, d=3), C(), C(0)]
    """
    app = program(m=old).edit(m=new)
    assert app.plan().notes == []
    app.run("made = m.make()")
    assert [(n.code, n.text, n.where.rpartition(":")[2]) for n in app.plan().notes] == [
        (
            "default-passed",
            f"live objects of m:{name} get {said} from the default of a new argument, and the new version passes another",
            line,
        )
        for name, said, line in (("A", "curve (rate)", "15"), ("B", "d", "15"))
    ]
    assert "mapper for m:A" in app.plan().notes[0].remedy
    app.update()
    assert app("[vars(o) for o in made]") == [
        {"a": 1, "curve": None, "size": 1, "on": True},
        {"b": 2, "d": 0},
        {"c": 1, "e": 0},
    ]


ACTS = """
    import logging
    ALL = []
    class B:
        def __init__(self, n=0):
            self.d = {}
            self.load('a')
            self._reset()
        def load(self, n): self.d[n] = 1
        def _reset(self): self.x = 1
    class C:
        def __init__(self): self.c = 1
    j = B()
    made = [C()]
"""


def test_what_a_constructor_does_more_is_asked_about_or_told(program: Start) -> None:
    app = program(m=ACTS)
    more = ACTS.replace(
        "self.load('a')", "self.load('a')\n            for n in 'bc': self.load(n)\n            self._reset()"
    )
    plan = app.edit(m=more).plan()
    assert plan.notes == [] and [(n.text, n.remedy) for n in plan.asks] == [
        (
            "making an object of m:B also does `self.load(n)` now: live objects have not gone through that",
            "give a mapper for m:B, or make the data again: --reset m:j",
        )
    ]
    app.update()
    assert app("[list(m.j.d), list(m.B().d)]") == [["a"], ["a", "b", "c"]]
    more = more.replace("self.c = 1", "self.c = 1; ALL.append(self); logging.info(self)")
    app.edit(m=more)
    assert [n.code for n in app.plan().notes] == ["constructor-acts"] and app.plan().asks == []
    app.run("m.made.clear()")
    assert app.plan().notes == []
    app.update(reset=["m:j"])
    assert app("list(m.j.d)") == ["a", "b", "c"]
    # What sets fields is no act: they are derived.
    app.edit(
        m=ACTS.replace("self.x = 1", "self.x = self.y = 1").replace(
            "            self._reset()\n", "            self._reset()\n            self._reset()\n"
        )
    )
    assert app.plan().asks == []


@pytest.mark.parametrize("value", ["options.get('b', 2)", "abs(options['b'] if 'b' in options else 2)"])
def test_an_option_is_looked_up_where_the_object_has_kept_them(program: Start, value: str) -> None:
    old = """
        class F:
            def __init__(self, **options): self.options = options
        class R(F):
            def __init__(self, **options):
                F.__init__(self, **options)
                self.a = options.get('a', 1)
    """
    app = program(m=old)
    app.run("r, s = m.R(a=3), m.R(b=4)")
    app.edit(m=old.rstrip() + f"\n                self.b = {value}\n").update()
    assert app("[r.a, r.b, s.a, s.b]") == [3, 2, 1, 4]


@pytest.mark.parametrize("value", ["opts.get('i')", "self.opts.get('i', 0) or opts.get('j', 1)"])
def test_a_field_is_an_entry_of_what_the_object_has_kept(program: Start, value: str) -> None:
    old = (
        "class H:\n    def __init__(self, opts):\n        self.opts = opts\n        self.w = opts.get('w')\n"
    )
    app = program(m=old)
    app.run("h = m.H({'w': 1, 'i': 3})")
    app.edit(m=old + f"        self.i = {value}\n").update()
    assert app("[h.i, m.H({'i': 4}).i]") == [3, 4]
    app.run(
        "class Session:\n    asked = []\n    def get(self, *a):\n        self.asked.append(a)\n        return 1\nh = m.H(Session())"
    )
    app.edit(m=old + f"        self.i = self.k = {value}\n")
    # What is no dictionary is not asked: the update is taken back.
    assert (
        "no dictionary to take 'i' from"
        in app.until(app.begin(objects="eager"), "backed-out", "failed")["reason"]
    )
    assert app("[len(Session.asked), hasattr(h, 'k')]") == [2, False]


def test_a_class_may_have_the_name_of_its_base(program: Start) -> None:
    old = "class Warning(Warning):\n    code: int = 1\n    def f(self): return 1\nw = Warning()\n"
    app = program(m=old)
    app.edit(m=old.replace("code: int = 1", "code: int = 2").replace("return 1", "return 2")).update()
    assert app("[m.w.f(), m.w.code]") == [2, 2]


def test_a_class_that_a_decorator_has_made_a_function_is_left_alone(program: Start) -> None:
    old = "def hide(cls):\n    def make(): return cls()\n    return make\n@hide\nclass C:\n    def __init__(self): self.x = 1\n    def f(self): return self.x\n"
    app = program(m=old)
    app.run("c = m.C()")
    app.edit(m=old.replace("self.x = 1", "self.x = 1; self.y = 2").replace("return self.x", "return -self.x"))
    assert (
        "m:C is no class in the running program"
        in next(n for n in app.plan().notes if n.code == "no-class").text
    )
    app.update()
    assert app("[c.f(), hasattr(c, 'y'), m.C().y]") == [-1, False, 2]


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [
        ("Callable", "Callable[..., Any]", 0),
        ("list[int]", "List", 0),
        ("List", "list[int]", 1),
        ("bool", "set[str]", 1),
    ],
)
def test_an_annotation_that_says_more_of_the_same_is_no_question(
    program: Start, before: str, after: str, asked: int
) -> None:
    old = f"from dataclasses import dataclass\nfrom typing import Any, Callable, List\n@dataclass\nclass T:\n    x: {before}\n    y: int\n"
    app = program(m=old)
    app.run("t = m.T([], 1)")
    assert len(app.edit(m=old.replace(f"x: {before}", f"x: {after}")).plan().asks) == asked


# A field that becomes something else and back, what the program does in the new version, and what the object has after the way back.
AND_BACK = {
    "a class attribute": ("class C:\n    lim = 1\n", "pass", 55),
    "a property of nothing": ("class C:\n    @property\n    def lim(self): return 1\n", "pass", 55),
    "a property of another field": (
        "class C:\n    def __init__(self): self.lim = 1\n    @property\n    def lim(self): return self._lim\n    @lim.setter\n    def lim(self, value): self._lim = value\n",
        "c.lim = 7",
        7,
    ),
}


@pytest.mark.parametrize("what", AND_BACK)
def test_a_field_that_was_something_else_meanwhile_is_what_it_was_or_became(
    program: Start, what: str
) -> None:
    new, done, value = AND_BACK[what]
    app = program(shop="class C:\n    def __init__(self): self.lim = 1\n")
    app.run("c = shop.C()\nc.lim = 55")
    app.edit(shop=new).update()
    app.run(done)
    app.update(back_out=True)
    assert app("vars(c)") == {"lim": value}


def test_a_property_that_was_a_field_meanwhile_has_what_that_was_given(program: Start) -> None:
    old = AND_BACK["a property of another field"][0]
    app = program(shop=old)
    app.run("c = shop.C()")
    app.edit(shop="class C:\n    def __init__(self): self.lim = 1\n").update()
    app.run("c.lim = 9")
    app.update(back_out=True)
    assert app("c.lim") == 9


def test_a_property_that_computes_gives_back_what_the_field_was(program: Start) -> None:
    old = "class A:\n    def __init__(self): self.price = 100\n"
    new = (
        old
        + "    @property\n    def price(self): return self._price * 2\n    @price.setter\n    def price(self, v): self._price = v\n"
    )
    app = program(m=old)
    app.run("a, b = m.A(), m.A()")
    for _ in range(2):
        app.edit(m=new).update()
        assert app("[a.price, vars(a)]") == [200, {"_price": 100}]
        app.run("b.price = 7")
        app.update(back_out=True)
        # What has been set since goes along as the property shows it.
        assert app("[vars(a), vars(b)]") == [{"price": 100}, {"price": 14}]


def test_a_field_behind_a_descriptor_that_deletes_nothing_goes_with_the_way_back(program: Start) -> None:
    field = "class F:\n    def __set_name__(self, o, n): self.n = n\n    def __get__(self, o, c=None): return self if o is None else o.__dict__.get(self.n)\n    def __set__(self, o, v): o.__dict__[self.n] = v\n"
    old = field + "class P:\n    x = F()\n    def __init__(self, x): self.x = x\n"
    app = program(m=old)
    app.run("p = m.P(3)")
    app.edit(
        m=old.replace("x = F()", "x, log = F(), F()").replace("self.x = x", "self.x, self.log = x, []")
    ).update()
    assert app("p.log") == []
    app.update(back_out=True)
    assert app("vars(p)") == {"x": 3}


@pytest.mark.parametrize("back", [True, False])
def test_slots_and_properties_do_not_change_places_under_live_objects(program: Start, back: bool) -> None:
    slot = "class T:\n    __slots__ = ('a',)\n    def __init__(self, a): self.a = a\n"
    behind = "class T:\n    __slots__ = ('_a',)\n    def __init__(self, a): self._a = a\n    @property\n    def a(self): return self._a\n"
    old, new = (behind, slot) if back else (slot, behind)
    app = program(m=old)
    assert app.edit(m=new).plan().safe
    app.edit(m=old).run("t = m.T(7)")
    assert [note.code for note in app.edit(m=new).plan().refusals] == ["slot-computed"]
