"""What is computed from the members or the fields of a class, when the class gets others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

COLOR = "from enum import Enum\nclass Color(Enum):\n    RED = 1\n"
POINT = "from dataclasses import dataclass, fields, field\n@dataclass\nclass Point:\n    x: int = 0\n"
PAIR = "from typing import NamedTuple, TypedDict, get_type_hints\nclass Pair(NamedTuple):\n    x: int = 0\n"
# The module `m`, what it gets, what the module `n` computes from it, the value before and after.
TABLES = {
    "the members of an Enum": (
        COLOR,
        "    BLUE = 2\n",
        "[(c.name, c.value) for c in m.Color]",
        [["RED", 1]],
        [["RED", 1], ["BLUE", 2]],
    ),
    "a list of an Enum's members": (
        COLOR,
        "    BLUE = 2\n",
        "[len(list(m.Color)), len(m.Color)]",
        [1, 1],
        [2, 2],
    ),
    "the names of an Enum's members": (
        COLOR,
        "    BLUE = 2\n",
        "sorted(m.Color.__members__)",
        ["RED"],
        ["BLUE", "RED"],
    ),
    "the values in a list": (
        COLOR,
        "    BLUE = 2\n",
        "{c.name: c.value for c in list(m.Color)}",
        {"RED": 1},
        {"RED": 1, "BLUE": 2},
    ),
    "the fields of a dataclass": (
        POINT,
        "    y: int = 0\n",
        "[f.name for f in m.fields(m.Point)]",
        ["x"],
        ["x", "y"],
    ),
    "the fields of a named tuple": (PAIR, "    y: int = 0\n", "list(m.Pair._fields)", ["x"], ["x", "y"]),
    "the annotations of a class": (
        PAIR,
        "    y: int = 0\n",
        "list(m.Pair.__annotations__)",
        ["x"],
        ["x", "y"],
    ),
    "the type hints of a class": (
        PAIR,
        "    y: int = 0\n",
        "sorted(m.get_type_hints(m.Pair))",
        ["x"],
        ["x", "y"],
    ),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("module", ["n", "m"])
def test_a_table_of_a_class(program: Start, table: str, module: str) -> None:
    text, more, value, before, after = TABLES[table]
    own = f"TABLE = {value.replace('m.', '')}\n" if module == "m" else ""
    app = program(m=text + own, n=f"import m\nTABLE = {value}\n")
    assert app(f"{module}.TABLE") == before
    app.edit(m=text + more + own).update()
    assert app(f"{module}.TABLE") == after
    app.update(back_out=True)
    assert app(f"{module}.TABLE") == before


def test_members_as_keys_stay_the_same_objects(program: Start) -> None:
    app = program(
        m=COLOR,
        n="from m import Color\nBY = {c.value: c for c in Color}\nNAMES = {c: c.name for c in Color}\n",
    )
    app.run("red = m.Color.RED")
    app.edit(m=COLOR + "    BLUE = 2\n").update()
    assert app(
        "[n.BY[1] is red is m.Color.RED, n.BY[2] is m.Color.BLUE, n.NAMES[red], n.NAMES[m.Color.BLUE]]"
    ) == [True, True, "RED", "BLUE"]
    app.update(back_out=True)
    assert app("[n.BY[1] is red, len(n.BY), len(n.NAMES)]") == [True, 1, 1]


def test_a_table_that_the_program_has_changed_is_asked_about(program: Start) -> None:
    app = program(m=COLOR, n="from m import Color\nBY = {c.value: c.name for c in Color}\n")
    app.run("n.BY[7] = 'mine'")
    plan = app.edit(m=COLOR + "    BLUE = 2\n").plan()
    assert [(row.name, row.action) for row in plan.data] == [("n:BY", "keep")]
    app.update()
    assert app("sorted(n.BY)") == [1, 7]


def test_a_class_with_another_method_alone_leaves_them_alone(program: Start) -> None:
    app = program(m=COLOR, n="from m import Color\nTABLE = [c.name for c in Color]\n")
    app.run("n.TABLE.append('mine')")
    plan = app.edit(m=COLOR + "    def shown(self): return self.name.lower()\n").plan()
    assert not any("TABLE" in note.text for note in plan.notes)
    assert not any(row.name == "n:TABLE" for row in plan.data)


def test_a_class_that_is_made_again_is_read_from_its_module(program: Start) -> None:
    parent = "class P:\n    def __init_subclass__(cls): cls.k = 1\nclass Q(P): a = 1\n"
    app = program(m=COLOR + parent, n="import m\nX = 1\n")
    app.run("red, q = m.Color.RED, m.Q()")
    app.edit(
        m=COLOR + "    BLUE = 2\n" + parent.replace("k = 1", "k = 2").replace("a = 1", "a = 2"),
        n="""
            import m
            X = {m.Color.BLUE: m.Color, m.Color.RED: m.Q}
            class Z(m.Q): pass
            made = m.Q()
            def f(x: m.Q, y=m.Color.BLUE): return m.Q
            L = lambda: m.Q
            D = [m.Q for _ in range(1)]
        """,
    ).update()
    assert (
        app("[n.X[m.Color.BLUE] is m.Color, n.X[red] is m.Q, type(n.made) is type(q) is m.Q]") == [True] * 3
    )
    assert (
        app("[n.Z.__mro__[1] is m.Q, n.f.__annotations__['x'] is m.Q, n.f.__defaults__[0] is m.Color.BLUE]")
        == [True] * 3
    )
    assert app("[f is m.Q for f in (n.f(1), n.L(), n.D[0])]") == [True] * 3
    assert app("[n.Z.k, n.Z.a, q.k, q.a]") == [2] * 4


def test_the_value_of_a_member(program: Start) -> None:
    app = program(
        m=COLOR,
        n="from m import Color\nVALUE = Color.RED.value\nRED = Color.RED\ndef f(n=Color.RED.value): return n\n",
    )
    app.replace("m", "RED = 1", "RED = 7").update()
    assert app("[n.VALUE, n.f(), n.RED is m.Color.RED, n.RED.value]") == [7, 7, True, 7]


def test_a_function_over_a_constant(program: Start) -> None:
    app = program(
        m="NAMES = ['a']\nWIDTH = max(map(len, NAMES))\nLONG = list(filter(None, map(str.upper, NAMES)))\nLAST = sorted(NAMES, key=len)[-1]\n"
    )
    app.replace("m", "['a']", "['a', 'bbb']").update()
    assert app("[m.WIDTH, m.LONG, m.LAST]") == [3, ["A", "BBB"], "bbb"]


def test_members_of_an_enum_that_a_call_has_made_stay_the_same_objects(program: Start) -> None:
    app = program(
        m="from enum import Enum\nColor = Enum('Color', 'RED GREEN')\n",
        n="from m import Color\nfav = Color.RED\nBY = {Color.RED: [Color.GREEN]}\n",
    )
    app.run("red, kind = m.Color.RED, m.Color")
    same = (
        "[kind is m.Color, red is m.Color.RED, n.fav is red, list(n.BY) == [red], n.BY[red] == [kind.GREEN]]"
    )
    assert app(same) == [True] * 5
    app.replace("m", "RED GREEN", "RED GREEN BLUE").update()
    assert app(same) == [True] * 5
    assert app("m.Color.BLUE.name") == "BLUE"
    app.update(back_out=True)
    assert app(same) == [True] * 5


TUPLES = {
    "by a call": ("P = namedtuple('P', 'x y')\n", "P = namedtuple('P', 'x y', defaults=(5,))\n"),
    "by a statement": (
        "class P(NamedTuple):\n    x: int\n    y: int\n    def far(self): return self.x\n",
        "class P(NamedTuple):\n    x: int\n    y: int = 5\n    def far(self): return self.x + self.y\n",
    ),
}


@pytest.mark.parametrize("how", TUPLES)
def test_named_tuples_that_statements_make_are_of_the_class_that_is_kept(program: Start, how: str) -> None:
    old, new = TUPLES[how]
    head, data = (
        "from collections import namedtuple\nfrom typing import NamedTuple\n",
        "table = {'a': [P(1, 2)], 'b': P(3, 4)}\n",
    )
    app = program(shop=head + old + data)
    app.run("held, P = shop.table, shop.P")
    app.edit(shop=head + new + data.replace("3, 4", "3, 4), 'c': P(5, 6")).update()
    assert app("[type(shop.table['a'][0]) is shop.P is P, type(shop.table['c']) is P, shop.P(1).y]") == [
        True,
        True,
        5,
    ]
    app.update(back_out=True)
    assert app("[shop.table is held, type(held['b']) is shop.P is P]") == [True, True]


ENUMS = {
    "a member is renamed": (
        "from enum import Enum\nclass C(Enum):\n    OLD = 3\n    NEW = 4\ntable = {C.OLD: 'o'}\ndef look(k): return table.get(k)\n",
        "from enum import Enum\nclass C(Enum):\n    ANCIENT = 3\n    NEW = 4\ntable = {C.ANCIENT: 'o', C.NEW: 'n'}\ndef look(k): return table.get(k)\n",
        "[look(C.ANCIENT), look(held), [k is C(k.value) for k in table]] == ['o', 'o', [True, True]]",
        "[look(C.OLD), look(held)] == ['o', 'o']",
        "C.OLD",
    ),
    "a flag gets a member": (
        "from enum import Flag\nclass C(Flag):\n    R = 2\n    W = 4\ntable = [C.R | C.W]\ndef look(k): return bool(table[0] & k)\n",
        "from enum import Flag\nclass C(Flag):\n    R = 2\n    W = 4\n    X = 1\ntable = [C.R | C.W, C.X]\ndef look(k): return bool(table[0] & k)\n",
        "[look(C.R), table[0] is held, C.R | C.W is held, type(table[0]) is C, type(C.R | C.X) is C] == [True] * 5",
        "[look(C.R), table[0] is held] == [True, True]",
        "C.R | C.W",
    ),
}


@pytest.mark.parametrize("what", ENUMS)
def test_data_that_is_made_again_holds_the_members_that_are_kept(program: Start, what: str) -> None:
    old, new, true, back, held = ENUMS[what]
    app = program(shop=old)
    app.run(f"shop.held = eval({held!r}, vars(shop))")
    app.edit(shop=new).update()
    assert app(f"eval({true!r}, vars(shop))")
    app.update(back_out=True)
    assert app(f"eval({back!r}, vars(shop))")
