"""Data that a body makes step by step is made again with all its steps, or kept as a whole."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

STEPS = """
WORD = "a"
WORD += "|b"
NAMES = [1]
NAMES += [2]
NAMES = NAMES + [3]
COUNT = 1
FIRST = COUNT + 1
COUNT = 10
COUNT = COUNT * 2
TABLE = {}
TABLE["a"] = 1
TABLE.update(b=2)
for key in "xy":
    TABLE[key] = 0
del key
PATTERN = "s"
HEAD = PATTERN + "!"
PATTERN = "(%s)" % PATTERN
TWICE = ["v"]
TWICE.append("w")
TWICE = "".join(TWICE)
"""
NEW = [
    # The first, a middle or the last step differs, or one is gone.
    {'"a"\n': '"aa"\n', "[1]": "[11]", "COUNT = 1\n": "COUNT = 2\n", "{}": '{"o": 0}', '"s"': '"ss"', '["v"]': '["V"]'},
    {'"|b"': '"|bb"', "[2]": "[22]", "COUNT = 10": "COUNT = 20", '["a"] = 1': '["a"] = 11', '("w")': '("W")'},
    {"[3]": "[33]", "* 2": "* 3", '"xy"': '"x"', '"(%s)"': '"[%s]"', '"".join(TWICE)': '"-".join(TWICE)'},
    {'WORD += "|b"\n': "", "NAMES = NAMES + [3]\n": "", "COUNT = COUNT * 2\n": "", "TABLE.update(b=2)\n": "", 'TWICE.append("w")\n': ""},
]  # fmt: skip
ALL = ["WORD", "NAMES", "COUNT", "FIRST", "TABLE", "PATTERN", "HEAD", "TWICE"]


def _both(body: str) -> str:
    return f"{body}class C:{textwrap.indent(body, '    ')}"


def _seen(app: Program) -> list[object]:
    found = app(f"[[getattr(o, n) for n in {ALL}] + [hasattr(o, 'key')] for o in (m, m.C)]")
    assert isinstance(found, list)
    return found


def _fresh(text: str) -> list[object]:
    names: dict[str, object] = {}
    exec(text, names)
    return [[*(names[name] for name in ALL), False]] * 2


@pytest.mark.parametrize("edits", NEW, ids=["first", "middle", "last", "gone"])
def test_data_made_in_steps_is_made_again_with_all_of_them(program: Start, edits: dict[str, str]) -> None:
    new = STEPS
    for old_text, text in edits.items():
        assert old_text in new
        new = new.replace(old_text, text)
    app = program(m=_both(STEPS), n="from m import WORD\nLONG = WORD + '.'\n")
    app.edit(m=_both(new))
    assert not app.plan().asks
    app.update()
    assert _seen(app) == _fresh(new)
    assert app("n.LONG == n.WORD + '.' == m.WORD + '.'")
    app.update(back_out=True)
    assert _seen(app) == _fresh(STEPS)


def test_data_made_in_steps_that_the_program_has_modified_is_kept(program: Start) -> None:
    app = program(m=_both(STEPS))
    app.run("m.C.PATTERN = m.PATTERN = 'own'; m.FIRST = 7")
    app.edit(m=_both(STEPS).replace('"(%s)"', '"[%s]"').replace("COUNT = 10", "COUNT = 20"))
    plan = app.plan()
    assert [note.text.partition(" ")[0] for note in plan.asks] == [*("m:FIRST", "m:PATTERN", "m:C.PATTERN")]
    app.update()
    assert app("[m.PATTERN, m.C.PATTERN, m.FIRST, m.COUNT, m.C.FIRST, m.C.COUNT]") == [
        *("own", "own", 7, 40),
        *(2, 40),
    ]


def test_steps_do_not_touch_what_others_hold(program: Start) -> None:
    # To look at what the old steps give must not go on with another's list.
    old = "import n\nMINE = n.SHARED\nMINE += ['a']\nLIST = sorted(MINE)\n"
    app = program(n="SHARED = []\n", m=old)
    app.edit(m=old.replace("'a'", "'b'"))
    app.plan()
    assert app("n.SHARED") == ["a"]


LIKE = """
from __future__ import annotations
import enum, os
from datetime import timedelta
from typing import TYPE_CHECKING
from n import Fixed, Noted
if TYPE_CHECKING:
    from collections.abc import Callable
class Key(enum.Enum):
    A = 1
def one(): return 1
TABLE: dict[str, Callable[[], int]] = {"a": lambda: one()}
class C:
    TABLE: dict[Key, Callable[[], int]] = {Key.A: lambda: len(os.sep)}
    CONF = Fixed({"life": timedelta(days=1)})
    NOTED = Noted({"a": 1})
OTHER = Fixed(a=1)
"""


def test_data_is_taken_for_unmodified_whatever_it_is_made_of(program: Start) -> None:
    # An annotation for type checkers alone, lambdas that call a module's functions, a library's kind of dictionary.
    kinds = "MADE = []\nclass Fixed(dict):\n    def __setitem__(self, *_): raise TypeError\nclass Noted(dict):\n    def __init__(self, *a):\n        super().__init__(*a)\n        MADE.append(self)\n"
    app = program(n=kinds, m=LIKE)
    app.run("dict.update(m.OTHER, b=2)")
    new = (
        LIKE.replace(": 1}", ": 1, 'b': 2}")
        .replace("lambda: one()", "(lambda: 2)")
        .replace("lambda: len", "lambda: 1 + len")
    )
    app.edit(m=new.replace("1)})", "2)})").replace("(a=1)", "(a=3)"))
    assert [note.text.partition(" is ")[0] for note in app.plan().asks] == ["m:OTHER", "m:C.NOTED"]
    app.update()
    assert app(
        "[m.TABLE['a'](), m.C.TABLE[m.Key.A](), m.C.CONF['life'].days, m.C.NOTED, m.OTHER, len(n.MADE)]"
    ) == [
        *(2, 2, 2),
        *({"a": 1}, {"a": 1, "b": 2}, 1),
    ]


def test_a_name_that_new_statements_bind_and_delete_is_not_left_behind(program: Start) -> None:
    old = "TABLE = {}\nhelper = 1\nother = helper\n"
    app = program(m=old)
    new = "TABLE = {}\nfor key in 'ab':\n    TABLE[key] = key\ndel key\nhelper = 1\nother = helper\ndel helper\nimport os\nMORE = {}\nMORE.update(a=os.sep)\n"
    app.edit(m=new).update()
    assert app("[m.TABLE, hasattr(m, 'key'), hasattr(m, 'helper'), m.other, m.MORE]") == [
        {"a": "a", "b": "b"},
        False,
        False,
        1,
        {"a": "/"},
    ]


def test_a_name_that_is_deleted_from_now_on_goes_though_nothing_else_differs(program: Start) -> None:
    old = "def make(): return 1\nVALUE = make()\nclass C:\n    a = 1\n    b = a\n"
    app = program(m=old)
    app.edit(m=old.replace("class", "del make\nclass") + "    del a\n").update()
    assert app("[hasattr(m, 'make'), m.VALUE, hasattr(m.C, 'a'), m.C.b]") == [False, 1, False, 1]
    app.update(back_out=True)
    assert app("[m.make(), m.VALUE, m.C.a, m.C.b]") == [1, 1, 1, 1]


LOOP = "handlers = []\nfor name in ('a', 'b'):\n    def h(n=name): return n\n    handlers.append(h)\n"
LOOPS = {
    "one more": (LOOP, ("'b'", "'b', 'c'"), "[h() for h in m.handlers]"),
    "another default": (LOOP, ("n=name", "n=name * 2"), "[h() for h in m.handlers]"),
    "another body": (LOOP, ("return n", "return n * 2"), "[h() for h in m.handlers]"),
    "a table": (
        LOOP.replace("[]", "{}").replace(".append(h)", "[name] = h"),
        ("n=name", "n=name * 2"),
        "{n: h() for n, h in m.handlers.items()}",
    ),
}


@pytest.mark.parametrize("loop", LOOPS)
def test_procedures_that_a_loop_makes_are_made_again(program: Start, loop: str) -> None:
    text, change, what = LOOPS[loop]
    app, fresh = program(m=text), program(m=text.replace(*change))
    before = app(what)
    app.edit(m=text.replace(*change)).update()
    assert app(what) == fresh(what)
    app.update(back_out=True)
    assert app(what) == before


def test_a_loop_that_makes_what_may_be_more_is_asked_about(program: Start) -> None:
    text = "kinds = []\nfor name in ('a', 'b'):\n    class K: n = name\n    kinds.append(K)\n"
    app = program(m=text)
    plan = app.edit(m=text.replace("'b'", "'b', 'c'")).plan()
    (ask,) = plan.asks
    assert "`for name in ('a', 'b'):` went on with m:kinds" in ask.text and "--reset m:kinds" in ask.remedy


OBJECTS = """
class K:
    def __init__(self, n): self.n = n
    def __hash__(self): return hash(self.n)
    def __eq__(self, other): return self.n == other.n
class E:
    k = K(1)
    def __init__(self, n=0): self.n = n
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("T = {E.k: E()}\n", "T = {E.k: E(), 2: E(5)}\n"),
        ("T = {}\nT[1] = E(1)\nT[2] = E(2)\n", "T = {}\nT[1] = E(5)\nT[2] = E(2)\n"),
        ("T = {}\nT.update({1: E(1)})\nT[2] = E(2)\n", "T = {}\nT.update({1: E(5)})\nT[2] = E(2)\n"),
    ],
)
def test_tables_of_plain_objects_are_made_again(program: Start, old: str, new: str) -> None:
    app = program(m=OBJECTS + old)
    app.edit(m=OBJECTS + new)
    assert not app.plan().asks
    app.update()
    assert app("[5 in [e.n for e in m.T.values()], len(m.T)]") == [True, 2]
    app.update(back_out=True)
    assert app("[5 in [e.n for e in m.T.values()]]") == [False]


def test_a_table_of_objects_of_which_one_was_changed_is_asked_about(program: Start) -> None:
    app = program(m=OBJECTS + "T = {E.k: E()}\n")
    app.run("import m; next(iter(m.T.values())).n = 7")
    assert app.edit(m=OBJECTS + "T = {E.k: E(), 2: E(5)}\n").plan().asks


@pytest.mark.parametrize("where", ["m", "m.T"])
def test_data_is_not_half_made_where_a_step_may_do_more(program: Start, where: str) -> None:
    lines = ["X = (1,)", "if usable():", "    X = (0,) + X"]
    inside = lines if where == "m" else ["class T:", *("    " + line for line in lines)]
    old = "import os\ndef usable(): os.getpid(); return True\n" + "\n".join(inside) + "\n"
    name = "m:X" if where == "m" else "m:T.X"
    app = program(m=old)
    plan = app.edit(m=old.replace("(1,)", "(2,)")).plan()
    (ask,) = plan.asks
    assert ask.text.startswith(f"{name} is assigned otherwise in the new version, and `if usable():`, ")
    assert ask.remedy == f"--reset {name} to make it again with that statement"
    app.update()
    assert app(f"{where}.X") == [0, 1]
    app.update(reset=[name])
    assert app(f"{where}.X") == [0, 2]
    app.update(back_out=True)
    assert app(f"{where}.X") == [0, 1]
