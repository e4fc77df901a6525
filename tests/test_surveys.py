"""What is made by a look at all the names that a module has, or at all that derives from a class, follows where names come or go."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]
BASE = """
class Base:
    code = None
class A(Base):
    code = 1
"""
MORE = """
class B(Base):
    code = 2
"""
END = """
def get(n):
    return table[n].__name__
"""
SURVEYS = {
    "a loop": """
        table = {}
        for _each in list(globals().values()):
            if isinstance(_each, type) and issubclass(_each, Base) and _each.code is not None:
                table[_each.code] = _each
    """,
    "a function that goes away": """
        table = {}
        def _find():
            for each in globals().values():
                try:
                    wanted = issubclass(each, Base)
                except TypeError:
                    wanted = False
                if not wanted or each.code is None:
                    continue
                old = table.get(each.code, None)
                if old is not None and issubclass(each, old):
                    continue
                table[each.code] = each
        _find()
        del _find
    """,
    "a function": """
        table = {}
        def find():
            for each in list(globals().values()):
                if isinstance(each, type) and issubclass(each, Base) and each.code is not None:
                    table[each.code] = each
        find()
    """,
    "what derives": """
        table = {}
        def find(cls):
            for each in cls.__subclasses__():
                table.setdefault(each.code, each)
                find(each)
        find(Base)
    """,
    "an update": """
        table = {}
        def find():
            return {c.code: c for c in globals().values() if isinstance(c, type) and issubclass(c, Base) and c.code}
        table.update(find())
    """,
    "a value": """
        def find():
            return {c.code: c for c in globals().values() if isinstance(c, type) and issubclass(c, Base) and c.code}
        table = find()
    """,
    "the module": """
        import sys
        table = {}
        def find(module):
            for name in dir(module):
                each = getattr(module, name)
                if isinstance(each, type) and issubclass(each, Base) and each.code is not None:
                    table[each.code] = each
        find(sys.modules[__name__])
    """,
}


@pytest.mark.parametrize("how", SURVEYS)
def test_a_class_that_comes_is_found(program: Start, how: str) -> None:
    survey = textwrap.dedent(SURVEYS[how])
    app = program(shop=BASE + survey + END)
    app.edit(shop=BASE + MORE + survey + END).update()
    assert [app("shop.get(1)"), app("shop.get(2)"), app("len(shop.table)")] == ["A", "B", 2]
    assert app("shop.table[2] is shop.B")
    app.podus("back-out", "app")
    assert app("sorted(shop.table)") == [1]


LEFT = {
    "a count": """
        table = {"n": 0}
        for _each in list(globals().values()):
            if isinstance(_each, type):
                table["n"] = table["n"] + 1
    """,
    "a list": """
        table = []
        def find():
            for each in list(globals().values()):
                if isinstance(each, type):
                    table.append(each)
        find()
    """,
    "another effect": """
        table, other = {}, []
        def note(cls):
            other.append(cls)
        def find(cls):
            for each in cls.__subclasses__():
                table[each.code] = each
                note(each)
        find(Base)
    """,
}


@pytest.mark.parametrize("how", LEFT)
def test_what_may_do_more_than_fill_a_table_is_told_and_left(program: Start, how: str) -> None:
    survey = textwrap.dedent(LEFT[how])
    app = program(shop=BASE + survey)
    before = app("len(shop.table), str(shop.table)")
    plan = app.edit(shop=BASE + MORE + survey).plan()
    (note,) = [note.text for note in plan.notes if note.code == "not-again"]
    assert "looks at what" in note and "is not run again" in note
    app.update()
    assert app("len(shop.table), str(shop.table)") == before


def test_a_class_of_a_module_that_comes_is_found(program: Start) -> None:
    find = """
        def find(cls):
            for each in cls.__subclasses__():
                table[each.code] = each
        table = {}
    """
    end = "    class A(Base): code = 1\n    find(Base)\n"
    head = "class Base: pass\n" + textwrap.dedent(find)
    app = program(base=head, shop=textwrap.dedent("    from base import *\n" + end))
    more = textwrap.dedent("    from base import *\n    import more\n" + end)
    app.edit(shop=more, more="from base import Base\nclass B(Base): code = 2\n").update()
    assert app("sorted(base.table)") == [1, 2]


@pytest.mark.parametrize("how", ["globals()['a'] = 1", "globals().update(a=1)", "x = globals().get('a')"])
def test_who_asks_for_one_name_surveys_nothing(program: Start, how: str) -> None:
    app = program(shop=how + "\n")
    plan = app.edit(shop=how + "\ndef f(): return 1\n").plan()
    assert not [note.text for note in plan.notes if "looks at" in note.text]


@pytest.mark.parametrize("how", SURVEYS)
def test_classes_that_are_made_again_are_found_as_what_they_were(program: Start, how: str) -> None:
    survey = textwrap.dedent(SURVEYS[how])
    meta = "class Meta(type):\n    def __new__(cls, *args, tag=0): return super().__new__(cls, *args)\n"
    meta += "    def __init__(cls, *args, tag=0): cls.tag = tag\n"
    head = meta + BASE.replace("class Base:", "class Base(metaclass=Meta):")
    app = program(shop=head + survey + END)
    app.run("first = shop.A")
    again = head.replace("class A(Base):", "class A(Base, tag=5):")
    app.edit(shop=again + MORE + survey + END).update()
    assert app(
        "[shop.A.tag, first is shop.A, shop.table[1] is first, shop.table[2] is shop.B, len(shop.table)]"
    ) == [
        5,
        True,
        True,
        True,
        2,
    ]


def test_an_object_that_was_made_of_such_a_table_is_told(program: Start) -> None:
    survey = textwrap.dedent(SURVEYS["a function that goes away"])
    holder = """
class Holder:
    def __init__(self, more=None):
        self.mine = dict(table)
        self.mine.update(more or {})
holder = Holder()
"""
    app = program(shop=BASE + survey + END + holder)
    plan = app.edit(shop=BASE + MORE + survey + END + holder).plan()
    assert [note.text for note in plan.notes if note.code == "not-again"] == [
        "`holder = Holder()` is not run again: what Holder made of data that changes stays"
    ]
