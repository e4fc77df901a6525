"""Mappers that use their object by its attributes alone work on a stand-in; nobody can tell, and the others get the object itself."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest

from podus.program.alone import used_alone
from tests.programs import Program

Start = Callable[..., Program]

ALONE = {
    "self.cents = round(self.units * 100)\ndel self.units": {"cents": True, "units": True},
    "x = 3\nself.a += x\nself.call(self.b)": {"a": True, "call": False, "b": False},
    "self.a, self.b = self.b, self.a": {"a": True, "b": True},
    "t = self.a if self.b else 1\nself.c = t": {"a": False, "b": False, "c": True},
    "self.items[0] = 1\nself.seen |= {1}": {"items": False, "seen": True},
}
NOT_ALONE = [
    "registry.add(self)",
    "x = 1\nf(x, self)",
    "f(self, x)",
    "return self",
    "(lambda: self.x)()",
    "for each in self.all: each.parent = self",
    "self.__dict__['x'] = 1",
    "self = 3",
    "other = self\nother.x = 1",
    "self.x = locals()",
    "yield self.x",
    "print(f'{self}')",
]


def code_of(body: str) -> CodeType:
    names: dict[str, Any] = {}
    exec(f"def mapper(self):\n{textwrap.indent(body, ' ')}", names)
    code: CodeType = names["mapper"].__code__
    return code


@pytest.mark.parametrize("body", ALONE)
def test_a_mapper_that_uses_attributes_alone(body: str) -> None:
    assert used_alone(code_of(body)) == ALONE[body]


@pytest.mark.parametrize("body", NOT_ALONE)
def test_a_mapper_that_may_do_more_with_its_object(body: str) -> None:
    assert used_alone(code_of(body)) is None


SHOP = """
class Item:
    def __init__(self, name, price):
        self.name = name
        self.price = price
        self.note = "old"

    def show(self):
        return [self.name, self.price, self.note]
"""
CENTS = SHOP.replace("self.price = price", "self.cents = price * 100").replace("self.price,", "self.cents,")
WAY = """
import podus

def back(self):
    self.price = self.cents // 100
    del self.cents

@podus.mapper("shop:Item", reverse=back)
def item(self):
"""
# What a mapper does -> what is there then of an item for 3, and what was seen meanwhile.
MAPPERS = {
    "plain": ("self.cents = self.price * 100; del self.price", ["a", 300, "old"], []),
    # Whoever comes to the object another way sees what the mapper has done so far, and what he does to it is there.
    "another way": (
        "self.cents = self.price * 100\n    del self.price\n    import hall\n    hall.look(self.name)\n    self.note += '!'",
        ["a", 300, "seen!"],
        [["cents", "name", "note"]],
    ),
    "the object itself": (
        "self.cents = self.price * 100; del self.price\n    import hall\n    hall.seen.append(self is hall.items[0])",
        ["a", 300, "old"],
        [True],
    ),
    "set and dropped": (
        "self.extra = 1; self.cents = self.price * 100; del self.extra, self.price",
        ["a", 300, "old"],
        [],
    ),
}
LOOK = """
items, seen = [], []

def look(name):
    item = items[0]
    seen.append(sorted(n for n in ("cents", "name", "note", "price") if hasattr(item, n)))
    item.note = "seen"
"""


@pytest.mark.parametrize("pace", ["sweep", "lazy", "eager"])
@pytest.mark.parametrize("kind", MAPPERS)
def test_what_a_mapper_does_to_its_object(program: Start, kind: str, pace: str) -> None:
    body, right, seen = MAPPERS[kind]
    app = program(shop=SHOP, hall=LOOK)
    app.run("import shop; from hall import items, seen; items.append(shop.Item('a', 3))")
    app.edit(shop=CENTS)
    app.update(support=WAY + "    " + body + "\n", objects=pace)
    assert app("items[0].show()") == right
    assert app("seen") == seen
    assert app("sorted(vars(items[0]))") == ["cents", "name", "note"]
    app.update(back_out=True)
    assert app("items[0].show()[:2]") == ["a", 3]
    assert app("sorted(vars(items[0]))") == ["name", "note", "price"]


def test_what_is_done_to_an_object_while_its_mapper_works_is_done(program: Start) -> None:
    """Also to what the mapper itself does not use."""
    drop = "items = []\ndef drop():\n    item = items[0]\n    del item.note, item.price\n    item.new = 5\n    return hasattr(item, 'note')\n"
    app = program(shop=SHOP, hall=drop)
    app.run("import shop; from hall import items; items.append(shop.Item('a', 3))")
    app.edit(shop=CENTS)
    app.update(
        support=WAY + "    self.cents = self.price * 100\n    import hall\n    self.there = hall.drop()\n"
    )
    assert app("vars(items[0])") == {"name": "a", "cents": 300, "new": 5, "there": False}


def test_an_attribute_that_is_not_there_is_missed_by_the_name_of_the_class(program: Start) -> None:
    app = program(shop=SHOP)
    app.run("import shop; items = [shop.Item('a', 3)]")
    app.edit(shop=CENTS)
    update = app.begin(support=WAY + "    self.cents = self.prize * 100; del self.price\n")
    status = app.until(update, "backed-out")
    assert "'Item' object has no attribute 'prize'" in status["reason"]
    assert app("items[0].show()") == ["a", 3, "old"]


def test_what_a_class_computes_is_computed_for_the_object(program: Start) -> None:
    text = SHOP + "\n    @property\n    def twice(self):\n        return 2 * self.__dict__['price']\n"
    app = program(shop=text)
    app.run("import shop; items = [shop.Item('a', 3)]")
    app.edit(
        shop=CENTS + "\n    @property\n    def twice(self):\n        return 2 * self.__dict__['price']\n"
    )
    app.update(support=WAY + "    self.cents = self.twice * 50; del self.price\n")
    assert app("items[0].show()") == ["a", 300, "old"]


FIELDS = """
class Item:
    def __init__(self):
        self.name = "a"
        self.tags = []
        self.last = 0
        self.size = len(self.name) + 1

    def touch(self, turn):
        self.last = turn
        return self.show()

    def show(self):
        return [self.name, self.tags, self.last, self.size]
"""


@pytest.mark.parametrize("pace", ["sweep", "lazy", "eager"])
def test_who_has_some_of_the_new_fields_keeps_them(program: Start, pace: str) -> None:
    """The one that code sets before it looks at any, and the one that the program gave an object itself."""
    old = 'class Item:\n    def __init__(self):\n        self.name = "a"\n\n    def touch(self, turn): return turn\n'
    app = program(shop=old)
    app.run("import shop; items = [shop.Item() for _ in range(3)]; items[1].size = 7")
    app.edit(shop=FIELDS)
    app.update(objects=pace)
    assert app("items[0].touch(5)") == ["a", [], 5, 2]
    assert app("items[1].show()") == ["a", [], 0, 7]
    assert app("items[2].show()") == ["a", [], 0, 2]
    assert app("items[0].tags is not items[2].tags")
    app.update(back_out=True)
    assert app("[sorted(vars(i)) for i in items[1:]]") == [["name", "size"], ["name"]]


def test_a_field_that_goes_while_another_one_is_made_is_not_set_to_nothing(program: Start) -> None:
    old = "from dataclasses import dataclass\nitems = []\n@dataclass\nclass C:\n    x: int = 1\n"
    new = (
        "from dataclasses import dataclass, field\nitems = []\n"
        "def make():\n    if items and 'last' in vars(items[0]): del items[0].last\n    return ['made']\n"
        "@dataclass\nclass C:\n    x: int = 1\n    tags: list = field(default_factory=make)\n    last: list = field(default_factory=list)\n"
    )
    app = program(shop=old)
    app.run("import shop; shop.items.append(shop.C())")
    app.edit(shop=new)
    app.update(objects="lazy")
    app.run("shop.items[0].last = [7]")
    assert app("[shop.items[0].tags, shop.items[0].last]") == [["made"], [7]]
