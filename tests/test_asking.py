"""What hooks and decorators hear that ask, while an update is made, whether a class derives from one that is made again.

Some of the classes below it are made again, too, and derive from the new one; the others are the old ones until the switch.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

ASKED = """
class Hook:
    def __init_subclass__(cls):
        if cls.__bases__ == (Hook,): return
        cls.kind = next((one.__name__ for one in cls.__mro__[1:] if issubclass(one, Base)), None)
class Base(Hook): pass
class Number(Base): pass
TABLE = {}
def register(cls):
    if not issubclass(cls, Base): raise TypeError(cls)
    TABLE[cls.__name__] = cls
    return cls
"""
ASKING = """
from base import Base, Number, TABLE, register
@register
class Small(Number):
    def f(self): return 1
"""


def test_hooks_and_decorators_ask_for_the_bases_that_are_made_again(program: Start) -> None:
    app = program(base=ASKED, m=ASKING)
    app.run("s = m.Small(); classes = [base.Base, base.Number, m.Small]")
    new = ASKED.replace("class Base(Hook): pass", "class Base(Hook):\n    level = 1")
    new = new.replace("class Number(Base): pass", "class Number(Base):\n    unit = 1")
    app.edit(base=new, m=ASKING.replace("    def f", "    size = 3\n    def f")).update()
    assert app("[m.Small.kind, base.Number.kind, s.f(), s.size, m.TABLE['Small'] is m.Small]") == [
        *("Number", "Base", 1, 3, True)
    ]
    assert app("[classes == [base.Base, base.Number, m.Small], m.register.__globals__ is vars(base)]") == [
        True,
        True,
    ]
    app.update(back_out=True)
    assert app(
        "[m.Small.kind, base.Number.kind, s.f(), hasattr(s, 'size'), m.TABLE == {'Small': m.Small}]"
    ) == [*("Number", "Base", 1, False, True)]


NODES = """
class Meta(type):
    def __new__(mcs, name, bases, members, **kwargs):
        return super().__new__(mcs, name, bases, members, **kwargs)
class Mark: pass
class Node(metaclass=Meta):
    mark = Mark()
    def __init_subclass__(cls, inherit=True):
        super().__init_subclass__()
        cls.inherit = inherit
        cls.names = [one.__name__ for one in cls._line(cls)]
        cls.merged = cls._merge()
    @classmethod
    def _line(cls, one):
        found = [one]
        while True:
            for base in one.__bases__:
                if issubclass(base, Node):
                    one = base
                    break
            else:
                return found
            found.append(one)
    @classmethod
    def _merge(cls):
        return sorted({n for c in cls.__mro__ if issubclass(c, (int, Node)) for n, v in vars(c).items() if isinstance(v, Mark)})
"""
WIDGETS = """
from nodes import Mark, Node
class Widget(Node):
    own = Mark()
    def f(self): return 1
class Scrolling(Widget):
    bar = Mark()
class List(Scrolling, inherit=False):
    item = Mark()
    def g(self): return 1
"""


def test_what_is_not_made_again_counts_as_derived_from_what_is(program: Start) -> None:
    app = program(nodes=NODES, w=WIDGETS)
    app.run("one = w.List(); node = nodes.Node")
    assert app("[w.List.names, w.List.merged]") == [
        *(["List", "Scrolling", "Widget", "Node"], ["bar", "item", "mark", "own"])
    ]
    new = NODES.replace("class Mark: pass", "class Mark(metaclass=Meta):\n    level = 1")
    new = new.replace("    mark = Mark()", "    mark = Mark()\n    level = 1")
    widgets = WIDGETS.replace("    item = Mark()", "    item = Mark()\n    more = Mark()")
    app.edit(nodes=new, w=widgets).update()
    assert app(
        "[w.List.names, w.List.merged, one.g(), isinstance(one, node), issubclass(w.Scrolling, node)]"
    ) == [
        *(["List", "Scrolling", "Widget", "Node"], ["bar", "item", "mark", "more", "own"]),
        *(1, True, True),
    ]
    assert app(
        "[w.List.more.level, nodes.Node._line.__func__.__globals__ is vars(nodes), nodes.Node.level]"
    ) == [1, True, 1]
    app.update(back_out=True)
    assert app("[w.List.merged, hasattr(nodes.Node, 'level')]") == [["bar", "item", "mark", "own"], False]


def test_a_decorator_of_a_module_that_does_not_change_asks_for_what_it_has_imported(program: Start) -> None:
    registry = """
        from nodes import Node
        TABLE = {}
        def register(cls):
            if not issubclass(cls, Node) or any(isinstance(c, Node) for c in (1, 2)): raise TypeError(cls)
            TABLE[cls.__name__] = cls
            return cls
    """
    widgets = (
        "from registry import register, Node\n@register\nclass Widget(Node):\n    def f(self): return 1\n"
    )
    app = program(nodes=NODES, registry=registry, w=widgets)
    new = NODES.replace("    mark = Mark()", "    mark = Mark()\n    level = 1")
    app.edit(nodes=new, w=widgets.replace("    def f", "    size = 3\n    def f")).update()
    assert app(
        "[w.Widget.size, w.Widget.names, registry.TABLE == {'Widget': w.Widget}, registry.Node is nodes.Node]"
    ) == [*(3, ["Widget", "Node"], True, True)]


def test_a_base_that_no_text_says_where_it_is_from_is_the_new_one(program: Start) -> None:
    lazy = "import importlib\ndef __getattr__(name): return getattr(importlib.import_module('w'), name)\n"
    app = program(
        nodes=NODES, w=WIDGETS, lazy=lazy, m="from lazy import List\nclass Own(List, inherit=True): pass\n"
    )
    app.run("one = m.Own()")
    app.edit(w=WIDGETS.replace("    item = Mark()", "    item = Mark()\n    more = Mark()")).update()
    assert app("[m.Own.merged, m.Own.__bases__ == (w.List,), one.g(), m.List is w.List]") == [
        *(["bar", "item", "mark", "more", "own"], True, 1, True)
    ]


def test_a_mapper_of_a_classs_data(program: Start) -> None:
    old = "class C:\n    tab = {'k': 1}\n    def get(self): return self.tab['k']\n"
    support = """
        import podus
        @podus.mapper("m:C.tab", reverse=lambda new: {k: v[0] for k, v in new.items()})
        def tab(old): return {k: [v] for k, v in old.items()}
        """
    app = program(m=old)
    app.run("m.C.tab['z'] = 2; c = m.C()")
    app.edit(m=old.replace("1}", "[1]}").replace("['k']", "['k'][0]")).update(support=support)
    assert app("[m.C.tab, c.get()]") == [{"k": [1], "z": [2]}, 1]
    app.run("m.C.tab['y'] = [3]")
    app.update(back_out=True)
    assert app("[m.C.tab, c.get()]") == [{"k": 1, "z": 2, "y": 3}, 1]


@pytest.mark.parametrize("filled", [True, False])
def test_data_that_goes_with_what_the_program_has_put_into_it(program: Start, filled: bool) -> None:
    app = program(m="LIMIT = 1\nitems = []\ndef add(x): items.append(x)\n")
    app.run("m.add(1)" if filled else "pass")
    plan = app.edit(
        m="class Store:\n    def __init__(self): self.items = []\nstore = Store()\ndef add(x): store.items.append(x)\n"
    ).plan()
    assert [note.text for note in plan.asks] == [
        "m:items goes, and the program has modified it: what it holds does not go along"
    ] * filled
