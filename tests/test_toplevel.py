"""Modules' top levels, data, mappers, and all or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podus.errors import PodusError
from tests.programs import Program

Start = Callable[..., Program]


def failed(app: Program, **request: object) -> str:
    """Update, which must fail; gives the reason."""
    return str(app.until(app.begin(**request), "failed")["reason"])


def test_new_statements_run_once_and_unchanged_ones_do_not_run_again(program: Start) -> None:
    app = program(shop="import threading\nlock = threading.Lock()\ncount = []\ncount.append('a')\n")
    app.run("lock = shop.lock")
    app.edit(
        shop="import threading, json\nlock = threading.Lock()\ncount = []\ncount.append('a')\ncount.append('b')\nNEW = len(count)\n"
    )
    app.update()
    assert app("[shop.count, shop.NEW, shop.lock is lock, shop.json.__name__]") == [
        ["a", "b"],
        2,
        True,
        "json",
    ]


def test_constants_take_their_new_value_and_those_computed_from_them_follow(program: Start) -> None:
    app = program(
        shop="A = 1\nB = A * 10\nNAMES = ['x']\n", other="from shop import A, B\ndef f(): return A + B\n"
    )
    app.replace("shop", "A = 1", "A = 2").replace("shop", "['x']", "['x', 'y']").update()
    assert app("[shop.A, shop.B, shop.NAMES, other.f()]") == [2, 20, ["x", "y"], 22]


def test_objects_of_c_code_take_their_new_value(program: Start) -> None:
    """As the tables of idna: arrays."""
    old = "from array import array\nimport hashlib\nA = array('I', [1, 2])\nB = array('I', [1])\nSALT = hashlib.sha1(b'old')\n"
    app = program(shop=old, other="from shop import A\ndef f(): return A[1]\n")
    app.run("shop.B.append(2)")
    app.edit(shop=old.replace("[1, 2]", "[1, 3, 4]").replace("[1]", "[5]").replace("b'old'", "b'new'"))
    assert {d.name: d.action for d in app.plan().data} == {
        "shop:A": "set",
        "shop:B": "keep",
        "shop:SALT": "keep",
    }
    app.update(reset=["shop:SALT"])
    assert app("[list(shop.A), list(shop.B), other.f()]") == [[1, 3, 4], [1, 2], 3]
    assert app("shop.SALT.digest() == shop.hashlib.sha1(b'new').digest()") is True
    app.update(back_out=True)
    assert app("[list(shop.A), list(shop.B), other.f()]") == [[1, 2], [1, 2], 2]


def test_tables_that_the_library_makes_take_their_new_value(program: Start) -> None:
    old = (
        "import base64, struct\nA = str.maketrans({'a': 'b'})\nB = dict.fromkeys(['x'], 1)\n"
        "C = base64.b64decode('b25l')\nD = struct.pack('<H', 1)\nE = bytes.fromhex('00')\nF = dict.fromkeys(['y'])\n"
    )
    app = program(shop=old)
    app.run("shop.F['z'] = 1")
    new = old.replace("'b'", "'c'").replace("1)", "2)").replace("b25l", "dHdv").replace("00", "ff")
    app.edit(shop=new.replace("['y']", "['y', 'w']")).update()
    seen = "['a'.translate(shop.A), shop.B, shop.C.decode(), shop.D[0], shop.E[0], shop.F]"
    assert app(seen) == ["c", {"x": 2}, "two", 2, 255, {"y": None, "z": 1}]
    app.update(back_out=True)
    assert app(seen) == ["b", {"x": 1}, "one", 1, 0, {"y": None, "z": 1}]


def test_data_that_the_program_has_modified_is_kept_and_asked_about(program: Start) -> None:
    app = program(shop="LEVELS = {'a': 1}\ndef f(): return LEVELS\n")
    app.run("shop.LEVELS['b'] = 2")
    app.replace("shop", "{'a': 1}", "{'a': 100}")
    plan = app.plan()
    assert plan.safe
    assert [(d.name, d.action) for d in plan.data] == [("shop:LEVELS", "keep")]
    assert "shop:LEVELS" in plan.asks[0].text and "--reset" in plan.asks[0].remedy
    app.update()
    assert app("shop.LEVELS") == {"a": 1, "b": 2}


def test_reset_takes_the_new_value_all_the_same(program: Start) -> None:
    app = program(shop="LEVELS = {'a': 1}\n")
    app.run("shop.LEVELS['b'] = 2")
    app.replace("shop", "{'a': 1}", "{'a': 100}").update(reset=["shop:LEVELS"])
    assert app("shop.LEVELS") == {"a": 100}


PARSER = """
import argparse
flags = ["x", ("y", "yes")]
parser = argparse.ArgumentParser(prog="p")
options = ["start"]
parser.add_argument("--out", default="a")
for flag in flags:
    if isinstance(flag, tuple):
        options.append(flag[1])
        parser.add_argument("--" + flag[1], default="1")
    else:
        options.append(flag)
        parser.add_argument("--" + flag, default="1")
def parse(): return sorted(vars(parser.parse_args([])).items())
"""


def test_data_is_made_again_with_all_that_goes_on_with_it(program: Start) -> None:
    app = program(shop=PARSER, other="from shop import parser\n")
    app.replace("shop", 'default="a"', 'default="b"')
    plan = app.plan()
    assert plan.safe and [note.code for note in plan.asks] == ["data-goes-on"]
    assert "--reset shop:options --reset shop:parser" in plan.asks[0].remedy
    # As the parser is, the option is there already: nothing can be added again.
    failed = app.until(app.begin(), "failed")
    assert "conflicting option" in failed["reason"]
    assert "--reset shop:options --reset shop:parser" in failed["remedy"]
    assert app("shop.parse()") == [["out", "a"], ["x", "1"], ["yes", "1"]]
    # The loop would fill the other data twice.
    alone = app.plan(reset=["shop:parser"])
    assert [note.code for note in alone.refusals] == ["reset-with"]
    assert "--reset shop:options --reset shop:parser" in alone.refusals[0].remedy
    app.update(reset=["shop:parser", "shop:options"])
    assert app("shop.parse()") == [["out", "b"], ["x", "1"], ["yes", "1"]]
    assert app("shop.options") == ["start", "x", "yes"]
    assert app("other.parser is shop.parser")
    app.update(back_out=True)
    assert app("shop.parse()") == [["out", "a"], ["x", "1"], ["yes", "1"]]
    assert app("other.parser is shop.parser")


MADE = """
TABLE = {}
TABLE["a"] = 1
child = TABLE.setdefault("child", [])
child.append(2)
TABLE["b"] = LAST = 3
def on(table):
    def register(f):
        table[f.__name__] = f
        return f
    return register
@on(TABLE)
def handler(): return 1
"""


def test_reset_runs_what_fills_data_and_what_is_made_from_it(program: Start) -> None:
    app = program(shop=MADE)
    app.run("global h\nshop.TABLE['own'] = 1\nh = shop.handler")
    app.edit(shop=MADE.replace("TABLE = {}", "TABLE = dict(z=0)").replace("return 1", "return 2"))
    (ask,) = app.plan().asks
    assert "--reset shop:TABLE --reset shop:child" in ask.remedy
    app.update(reset=["shop:TABLE", "shop:child"])
    assert app("sorted(shop.TABLE)") == ["a", "b", "child", "handler", "z"]
    assert app("[shop.TABLE['child'], shop.child is shop.TABLE['child']]") == [[2], True]
    assert app("[shop.TABLE['handler'] is h is shop.handler, h()]") == [True, 2]


def test_what_is_assigned_again_or_only_added_is_no_question(program: Start) -> None:
    old = "T = {}\nT['a'] = 1\nL = []\nL.append(1)\n"
    app = program(shop=old)
    app.edit(shop=old.replace("= 1", "= 2") + "L.append(2)\n")
    assert not app.plan().asks
    app.update()
    assert app("[shop.T, shop.L]") == [{"a": 2}, [1, 2]]
    app.edit(shop="T = {}\nT['b'] = 2\nL = []\nL.append(1)\nL.append(2)\n")
    assert not app.plan().asks
    app.run("shop.T['own'] = 3")
    (ask,) = app.plan().asks
    assert "shop:T" in ask.text and "--reset shop:T" in ask.remedy
    app.update(reset=["shop:T"])
    assert app("[shop.T, shop.L]") == [{"b": 2}, [1, 2]]


MAPPER = """
import podus
def back(new): return [(k, v) for k, v in new.items()]
@podus.mapper('shop:levels', reverse=back)
def levels(old): return dict(old)
"""


def test_a_mapper_converts_data_when_its_users_switch(program: Start) -> None:
    app = program(shop="levels = []\ndef add(k, v):\n    gate('in')\n    levels.append((k, v))\n")
    app.start("t", "shop.add('a', 1)", at="in")
    app.edit(shop="levels = {}\ndef add(k, v):\n    levels[k] = v\n")
    update = app.begin(support=MAPPER)
    app.until(update, "pending")
    assert app("shop.levels") == []
    app.open("in")
    app.join("t")
    app.until(update, "complete")
    app.run("shop.add('b', 2)")
    assert app("shop.levels") == {"a": 1, "b": 2}


def test_a_mapper_that_raises_leaves_everything_as_it_was(program: Start) -> None:
    app = program(shop="levels = [1]\ndef add(k): levels.append(k)\ndef other(): return 1")
    app.edit(shop="levels = {}\ndef add(k): levels[k] = k\ndef other(): return 2\nNEW = 1")
    update = app.begin(support="import podus\n@podus.mapper('shop:levels')\ndef levels(old): return 1 / 0\n")
    status = app.until(update, "backed-out")
    assert "shop:levels" in status["reason"] and "ZeroDivisionError" in status["reason"]
    app.run("shop.add(2)")
    assert app("[shop.levels, shop.other(), hasattr(shop, 'NEW')]") == [[1, 2], 1, False]


def test_static_data_of_a_procedure_is_mapped(program: Start) -> None:
    app = program(shop="def f(x, seen=[]):\n    seen.append(x)\n    return seen\n")
    app.run("shop.f(1)")
    app.replace("shop", "seen.append(x)", "seen.append((x, x))")
    support = """
        import podus
        @podus.mapper('shop:f')
        def f(old):
            old.defaults = ([(x, x) for x in old.defaults[0]],)
            return old
    """
    app.update(support=support)
    assert app("shop.f(2)") == [[1, 1], [2, 2]]


def test_a_module_that_raises_at_its_top_level_changes_nothing(program: Start) -> None:
    app = program(shop="def f(): return 1\nREG = []\n", other="X = 1\n")
    app.edit(
        shop="def f(): return 2\nREG = []\nREG.append(1)\nimport fresh\nNEW = 1\n",
        other="X = 2\nraise RuntimeError('broken')\n",
    )
    (app.root / "fresh.py").write_text("Y = 1\n")
    reason = failed(app)
    assert "RuntimeError: broken" in reason and "other.py:2" in reason
    assert app(
        "[shop.f(), shop.REG, hasattr(shop, 'NEW'), hasattr(shop, 'fresh'), 'fresh' in sys.modules, other.X]"
    ) == [
        1,
        [],
        False,
        False,
        False,
        1,
    ]


def test_a_syntax_error_is_refused_with_its_place(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f() return 2\n")
    plan = app.plan()
    assert "shop.py:1" in plan.refusals[0].text
    done = app.podus("update", "app", check=1)
    assert "shop.py:1" in done.stderr
    assert app("shop.f()") == 1


def test_new_modules_are_imported_and_deleted_ones_are_gone(program: Start) -> None:
    app = program(shop="import old\ndef f(): return old.g()\n", old="def g(): return 1\n")
    app.run("held = old.g")
    (app.root / "old.py").unlink()
    app.edit(shop="import new\ndef f(): return new.h()\n", new="def h(): return 2\n")
    update = app.begin()
    app.until(update, "complete")
    assert app("[shop.f(), held(), 'old' in sys.modules, hasattr(shop, 'old')]") == [2, 1, False, False]
    (app.root / "old.py").write_text("def g(): return 1\n")
    app.update(back_out=True)
    assert app("[shop.f(), 'old' in sys.modules, old is sys.modules['old']]") == [1, True, True]


def test_a_deleted_module_that_is_still_imported_is_refused(program: Start) -> None:
    app = program(shop="import old\ndef f(): return old.g()\n", old="def g(): return 1\n")
    (app.root / "old.py").unlink()
    app.edit(shop="import old\ndef f(): return 3\n")
    assert "old" in app.plan().refusals[0].text


def test_statements_see_the_new_procedures_and_nobody_else_does(program: Start) -> None:
    source = "SIZE = 1\ndef build(): return helper() * SIZE\ndef helper(): return 1\n"
    app = program(shop=source)
    app.edit(
        shop=source.replace("return 1", "return 7").replace("SIZE = 1", "SIZE = 3") + "TABLE = build()\n"
    ).update()
    assert app("[shop.TABLE, shop.build()]") == [21, 21]


def test_a_class_gains_loses_and_changes_attributes_in_place(program: Start) -> None:
    app = program(
        shop="class C:\n    x = 1\n    old = 1\n    def m(self): return 1\n    def gone(self): pass\n"
    )
    app.run("live = shop.C(); cls = shop.C")
    app.edit(
        shop="class C:\n    x = 2\n    def m(self): return self.__p() + self.n\n"
        "    def __p(self): return super().__sizeof__() * 0 + 10\n    @property\n    def n(self): return self.x\n"
    ).update()
    assert app(
        "[live.m(), cls is shop.C, hasattr(cls, 'gone'), hasattr(cls, 'old'), type(live) is shop.C]"
    ) == [12, True, False, False, True]


def test_a_decorated_class_is_made_again_and_keeps_its_identity(program: Start) -> None:
    app = program(shop="import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1\n")
    app.run("live = shop.P(5); cls = shop.P")
    app.edit(
        shop="import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int = 1\n    y: int = 2\n"
    ).update()
    assert app("[repr(shop.P(7)), isinstance(live, shop.P), cls is shop.P]") == ["P(x=7, y=2)", True, True]


def test_defaults_and_decorators_take_effect(program: Start) -> None:
    source = "import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a) + 1\n    return w\ndef f(a=1): return a\n@deco\ndef g(): return 1\n"
    app = program(shop=source)
    app.run("f, g = shop.f, shop.g")
    app.edit(
        shop=source.replace("a=1", "a=5")
        .replace("return f(*a) + 1", "return f(*a) + 100")
        .replace("def g(): return 1", "def g(): return 2")
    )
    app.update()
    assert app("[f(), shop.f(), f is shop.f, g(), shop.g()]") == [5, 5, True, 102, 102]


def test_caches_do_not_serve_what_the_old_version_computed(program: Start) -> None:
    app = program(
        shop="import functools\n@functools.lru_cache\ndef f(x): return x\n", other="from shop import f\n"
    )
    assert app("other.f(1)") == 1
    app.replace("shop", "return x", "return x + 1").update()
    assert app("[other.f(1), shop.f(1)]") == [2, 2]


def test_packages_relative_imports_and_new_submodules(program: Start) -> None:
    files = {
        "pkg/__init__.py": "from .a import f\n",
        "pkg/a.py": "from . import b\ndef f(): return b.g()\n",
        "pkg/b.py": "def g(): return 1\n",
    }
    app = program(**files)
    app.run("import pkg; f = pkg.f")
    app.files(
        **{
            "pkg/a.py": "from . import b\nfrom .c import h\ndef f(): return b.g() + h()\n",
            "pkg/c.py": "def h(): return 10\n",
            "pkg/b.py": "def g(): return 2\n",
        }
    )
    app.update()
    assert app("[f(), pkg.f(), pkg.c.h()]") == [12, 12, 10]


def test_unchanged_programs_have_nothing_to_update(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    plan = app.plan()
    assert plan.empty and plan.safe
    assert app.update()["total"] == 0


def test_the_main_guard_is_not_run_again(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    text = (app.root / "driver.py").read_text()
    (app.root / "driver.py").write_text(
        text.replace("    serve()\n    os._exit(0)", "    print('again')\n    serve()\n    os._exit(0)")
    )
    app.update()
    assert app("shop.f()") == 1


def test_a_second_update_while_one_is_under_way_is_refused(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\n")
    app.start("t", "shop.f()", at="in")
    app.replace("shop", "return 1", "return 2")
    update = app.begin()
    plan = app.plan()
    with pytest.raises(PodusError, match="under way"):
        with app.pup() as pup:
            pup.call("update", plan=plan.directory)
    app.open("in")
    app.until(update, "complete")


def test_what_a_class_computes_from_its_own_data_follows(program: Start) -> None:
    old = """
class P:
    sep = "|"
    words = ("a", "b")
    text = sep.join(words)
    size = len(text)
    def f(self, sep=sep): return sep
    last = 1
    first = last
    last = 2
    class Inner:
        n = 1
        m = n + 1
"""
    new = old.replace('"|"', '"+++"').replace("last = 2", "last = 3").replace("n = 1\n", "n = 5\n")
    app = program(shop=old)
    app.run("p = shop.P()")
    app.edit(shop=new).update()
    assert app("[p.text, p.size, p.f(), p.last, p.first, p.Inner.m]") == ["a+++b", 5, "+++", 3, 1, 6]


def test_what_the_program_has_changed_of_it_is_asked_about(program: Start) -> None:
    old = "class P:\n    base = (1, 2)\n    rows = list(base)\n"
    app = program(shop=old)
    app.run("shop.P.rows.append(9)")
    app.edit(shop=old.replace("(1, 2)", "(3, 4)"))
    assert any("shop:P.rows" in note.text for note in app.plan().asks)
    app.update()
    assert app("[shop.P.base, shop.P.rows]") == [[3, 4], [1, 2, 9]]


@pytest.mark.parametrize(
    ("old", "new", "asked", "values"),
    [
        (
            "def run(): return 'g'\nclass C:\n    def run(self): return 'm'\n",
            "def run(): return 'g'\nclass C:\n    run = staticmethod(run)\n",
            "m.C().run()",
            ["m", "g"],
        ),
        (
            "class C:\n    class Inner:\n        def v(self): return 1\n    def make(self): return self.Inner()\n",
            "class Inner:\n    def v(self): return 2\nclass C:\n    Inner = Inner\n    def make(self): return self.Inner()\n",
            "m.C().make().v()",
            [1, 2],
        ),
        ("class C:\n    x = 1\n", "x = 5\nclass C:\n    x = x\n", "m.C.x", [1, 5]),
        (
            "x = 5\nclass C:\n    x = 1\n",
            "x = 5\nclass C:\n    x = 1\n    y = x\n",
            "getattr(m.C, 'y', m.C.x)",
            [1, 1],
        ),
    ],
)
def test_a_class_body_reads_the_modules_name_before_it_binds_its_own(
    program: Start, old: str, new: str, asked: str, values: list[object]
) -> None:
    app = program(m=old)
    assert app(asked) == values[0]
    app.edit(m=new).update()
    assert app(asked) == values[1]
    app.update(back_out=True)
    assert app(asked) == values[0]


def test_a_global_that_the_program_has_set_before_there_was_a_statement_for_it(program: Start) -> None:
    old = "def init():\n    global CONN\n    CONN = ['c']\ndef use(): return CONN\n"
    app = program(m=old)
    app.edit(m="CONN = None\nN = 1\n" + old).update()
    assert app("m.use()") is None
    app.update(back_out=True)
    app.run("m.init()")
    assert [n.text.partition(" is ")[0] for n in app.plan().asks] == ["m:CONN"]
    app.update()
    assert app("[m.use(), m.N]") == [["c"], 1]
    app.update(back_out=True)
    assert app("m.use()") == ["c"]
    app.update(reset=["m:CONN"])
    assert app("m.use()") is None
    app.update(back_out=True)
    assert app("m.use()") == ["c"]


def test_data_that_several_statements_make_is_made_again(program: Start) -> None:
    old = "N = 1\nN += 1\nURLS = ['/a']\nURLS += ['/b']\nURLS.append('/z')\nTABLE = {}\nTABLE['a'] = 1\n__all__ = []\n__all__ += ['N']\n"
    new = "N = 1\nN += 2\nURLS = ['/a']\nURLS += ['/b', '/c']\nURLS.append('/z')\nTABLE = {}\nTABLE['b'] = 1\n__all__ = []\n__all__ += ['N', 'URLS']\n"
    app = program(m=old, n="from m import URLS\n")
    app.edit(m=new)
    assert not app.plan().asks
    app.update()
    assert app("[m.N, m.URLS, n.URLS, m.TABLE, m.__all__]") == [
        3,
        ["/a", "/b", "/c", "/z"],
        ["/a", "/b", "/c", "/z"],
        {"b": 1},
        ["N", "URLS"],
    ]
    app.update(back_out=True)
    assert app("[m.N, m.URLS, n.URLS, m.TABLE, m.__all__]") == [
        2,
        ["/a", "/b", "/z"],
        ["/a", "/b", "/z"],
        {"a": 1},
        ["N"],
    ]


def test_data_that_several_statements_make_and_the_program_has_modified_is_asked_about(
    program: Start,
) -> None:
    old = "URLS = ['/a']\nURLS += ['/b']\nN = 1\nN += 1\n"
    app = program(m=old)
    app.run("m.URLS.append('/own')\nm.N = 7")
    app.edit(m=old.replace("'/b'", "'/c'").replace("N += 1", "N += 2"))
    assert {n.code for n in app.plan().asks} == {"data-goes-on"}
    assert len(app.plan().asks) == 2


def test_what_could_not_be_imported_is_tried_again_when_it_is_there(program: Start) -> None:
    old = "try:\n    import fast\nexcept ImportError:\n    fast = None\ndef f(): return 'fast' if fast else 'slow'\n"
    app = program(m=old, n="from m import fast\n")
    app.edit(m=old.replace("'fast' if", "'FAST' if"), fast="x = 1\n").update()
    assert app("[m.f(), m.fast.x, m.fast is __import__('fast'), n.fast is m.fast]") == ["FAST", 1, True, True]
    app.update(back_out=True)
    assert app("[m.f(), m.fast, n.fast]") == ["slow", None, None]


FROZEN = "from dataclasses import dataclass, field\n@dataclass(frozen=True{})\nclass Conf:\n    port: int = 1\n    names: list = field(default_factory=list)\n"


@pytest.mark.parametrize("slots", ["", ", slots=True"])
def test_a_frozen_object_that_nobody_has_modified_takes_its_new_value(program: Start, slots: str) -> None:
    text = FROZEN.format(slots)
    app = program(m=text + "DEFAULT = Conf()\nOTHER = {'a': Conf(2)}\n")
    app.edit(m=text + "DEFAULT = Conf(port=8)\nOTHER = {'a': Conf(3)}\n").update()
    assert app("[m.DEFAULT.port, m.OTHER['a'].port]") == [8, 3]
    app.update(back_out=True)
    assert app("[m.DEFAULT.port, m.OTHER['a'].port]") == [1, 2]


def test_a_frozen_object_that_holds_something_else_now_is_kept(program: Start) -> None:
    text = FROZEN.format("")
    app = program(m=text + "DEFAULT = Conf()\n")
    app.run("m.DEFAULT.names.append('mine')")
    plan = app.edit(m=text + "DEFAULT = Conf(port=8)\n").plan()
    assert [(d.name, d.action) for d in plan.data] == [("m:DEFAULT", "keep")]


def test_a_frozen_object_that_does_more_when_it_is_made_is_not_made_to_compare(program: Start) -> None:
    text = FROZEN.format("") + "    def __post_init__(self): MADE.append(self.port)\nMADE = []\n"
    app = program(m=text + "DEFAULT = Conf()\n")
    plan = app.edit(m=text + "DEFAULT = Conf(port=8)\n").plan()
    assert [(d.name, d.action) for d in plan.data] == [("m:DEFAULT", "keep")]
    assert app("m.MADE") == [1]


def test_an_object_of_a_dataclass_takes_its_new_value_unless_the_program_has_changed_it(
    program: Start,
) -> None:
    text = "import dataclasses\n@dataclasses.dataclass\nclass Conf:\n    port: int = 1\n    names: list = dataclasses.field(default_factory=list)\n"
    app = program(m=f"{text}A = Conf()\nB = Conf()\nC = Conf()\n")
    app.run("m.B.names.append('mine'); m.C.extra = 1")
    plan = app.edit(m=f"{text}A = Conf(8)\nB = Conf(8)\nC = Conf(8)\n").plan()
    assert [d.action for d in plan.data] == ["set", "keep", "keep"]
    app.update()
    assert app("[m.A.port, m.B.port, m.C.port]") == [8, 1, 1]


def test_an_annotation_alone_leaves_the_value(program: Start) -> None:
    app = program(m="COUNT = 0\nSEEN = []\nLIMIT = 1\nTWICE: int = LIMIT * 2\n")
    app.run("import m; m.COUNT = 5; seen = m.SEEN; seen.append(1)")
    text = "COUNT: int = 0\nSEEN: list[int] = []\nLIMIT: int = 2\nTWICE: float = LIMIT * 2\n"
    plan = app.edit(m=text).plan()
    assert not plan.asks
    app.update()
    assert app("[m.COUNT, m.SEEN is seen, m.TWICE]") == [5, True, 4]
    assert app("{name: str(each) for name, each in m.__annotations__.items()}") == {
        "COUNT": "<class 'int'>",
        "SEEN": "list[int]",
        "LIMIT": "<class 'int'>",
        "TWICE": "<class 'float'>",
    }
    app.update(back_out=True)
    assert app("[m.COUNT, m.SEEN is seen, m.TWICE, list(m.__annotations__)]") == [5, True, 2, ["TWICE"]]


VERSION = """
    from collections import namedtuple
    class Version(namedtuple('Version', 'major minor level')):
        def __new__(cls, major, minor=0, level='final'):
            if level not in ('final', 'beta'): raise ValueError(level)
            return super().__new__(cls, major, minor, level)
        def text(self): return f'{self.major}.{self.minor}'
    class Name(str): pass
    info = Version(1, 2)
    name = Name('one')
    seen: dict
    seen = {}
"""


def test_data_that_can_not_change_is_what_it_was(program: Start) -> None:
    app = program(m=VERSION)
    new = (
        VERSION.replace("1, 2", "1, 3")
        .replace("'one'", "'two'")
        .replace("seen: dict", "dict = dict\n    seen: dict")
    )
    plan = app.edit(m=new).plan()
    assert not plan.asks and not plan.notes, plan
    app.update()
    assert app("[m.info.text(), m.name]") == ["1.3", "two"]
    app.run("m.name.extra = 1; m.info.extra = 1")
    assert [
        n.text for n in app.edit(m=new.replace("1, 3", "1, 4").replace("'two'", "'three'")).plan().asks
    ] == [
        f"m:{name} is assigned otherwise in the new version, but the program may have modified it: it is kept as it is"
        for name in ("info", "name")
    ]


def test_a_statement_above_a_name_of_a_built_in_means_that(program: Start) -> None:
    old = """
        def twice(x): return x * 2
        {}
        def map(f, xs): return list({}(f, xs))
        sum = [sum, {}][0]
        def f(): return [map(twice, [1]), sum([1, 2])]
    """
    app = program(m=old.format("", "__builtins__['map']", "1"))
    assert app("m.f()") == [[2], 3]
    new = old.format("_map, _all = map, [sum(x) for x in [[1, 2]]] + [sum for sum in [7]]", "_map", "2")
    app.edit(m=new + "    n = map(twice, [3])\n").update()
    assert app("[m.f(), m._all, m.n, m._map is map]") == [[[2], 3], [3, 7], [6], True]


STATEFUL = """
    import weakref
    def counter(start):
        count = start
        def up():
            nonlocal count
            count += 1
            return count
        return up
    def named(name):
        return lambda: name
    class Bounded:
        def __init__(self, least): self.least, self.values = least, weakref.WeakKeyDictionary()
        def __get__(self, obj, cls=None): return self.values.get(obj, self.least)
        def __set__(self, obj, value): self.values[obj] = max(value, self.least)
    class C:
        size = Bounded(1)
        other = Bounded(1)
    up, name = counter(0), named('a')
    up2 = counter(0)
"""


def test_closures_and_descriptors_that_hold_something_are_asked_about(program: Start) -> None:
    app = program(m=STATEFUL)
    app.run("c = m.C(); c.size = 5; m.up()")
    new = (
        STATEFUL.replace("(1)", "(2)")
        .replace("counter(0)\n", "counter(9)\n")
        .replace("up, name = counter(0), named('a')", "up = counter(0)\n    name = named('b')")
    )
    plan = app.edit(m=new).plan()
    # Nobody has called `up2`: it holds what it was made with.
    assert sorted(n.text.partition(" is assigned")[0] for n in plan.asks) == ["m:C.size", "m:up"]
    app.update()
    assert app("[c.size, c.other, m.up(), m.up2(), m.name()]") == [5, 2, 2, 10, "b"]


def test_a_bound_method_is_what_it_was(program: Start) -> None:
    old = """
        class J:
            def __init__(self): self.o = 1
            def enc(self): return self.o
        j, seen = J(), []
        enc = j.enc
        add = seen.append
    """
    app = program(m=old)
    app.edit(m=old.replace("enc = j", "j.k = 2\n        enc = j").replace("add =", "add: object ="))
    assert not app.plan().asks
    app.update()
    assert app("[m.enc(), m.enc == m.j.enc, m.j.k, m.add.__self__ is m.seen]") == [1, True, 2, True]


RULES = """
    import re
    class Named:
        def __init__(self, name): self.name = name
    class Rule(Named):
        kind = 'rule'
        def __init__(self, name, pattern, *others, weight=1):
            super().__init__(name)
            self.pattern = re.compile(pattern)
            self.others = [o for o in others]
            if weight > 1:
                self.kind = 'heavy'
            self.weight = weight * 2
    class Slim:
        __slots__ = ('a', 'rule')
        def __init__(self, a=None): self.a = a or []
    RULES = [Rule('a', 'x+', 1, 2), Rule('b', 'y', weight=3)]
    BY_NAME = {'a': Rule('a', 'x'), 'slim': Slim()}
    DEFAULT = Rule('d', '')
    seen = []
"""
MORE = RULES.replace("weight=3)]", "weight=3), Rule('c', 'z')]").replace("Slim()}", "Slim(), 'n': 1}")
MORE = MORE.replace("Rule('d', '')", "Rule('e', '')")


@pytest.mark.parametrize(
    ("done", "kept"),
    [
        ("pass", ""),
        ("m.RULES[0].weight = 7; m.DEFAULT.name = 'f'", "RULES DEFAULT"),
        ("m.RULES[1].extra = 1; m.BY_NAME['slim'].rule = 1", "RULES BY_NAME"),
        ("m.seen.append(m.RULES[0]); m.seen.append(m.DEFAULT)", "RULES DEFAULT"),
        ("m.RULES.pop(); m.BY_NAME['slim'].a.append(1)", "RULES BY_NAME"),
        ("m.BY_NAME['a'].others.append(m.BY_NAME['a'])", "BY_NAME"),
    ],
)
def test_tables_of_objects_are_made_anew_if_nobody_has_changed_or_kept_any(
    program: Start, done: str, kept: str
) -> None:
    app = program(m=RULES)
    app.run(done)
    plan = app.edit(m=MORE).plan()
    assert {n.text.partition(" ")[0] for n in plan.asks if n.code == "data-kept"} == {
        f"m:{name}" for name in kept.split()
    }
    app.update()
    made = app("[[r.name for r in m.RULES], sorted(m.BY_NAME), m.DEFAULT.name]")
    assert made[2] in ("e", "d", "f") and (made[2] == "e") == ("DEFAULT" not in kept)
    assert (len(made[0]) == 3) == ("RULES" not in kept) and (len(made[1]) == 3) == ("BY_NAME" not in kept)
    app.update(back_out=True)
    assert app("m.RULES[0].name") == "a"


@pytest.mark.parametrize(
    "constructor",
    [
        "ALL.append(self)",
        "self.lock = threading.Lock(); self.rows = load()",
        "self.name = name",
        "self.add()",
        "super().__init__()",
    ],
)
def test_an_object_whose_making_may_do_more_is_not_made_to_compare(program: Start, constructor: str) -> None:
    text = f"""
        import threading
        ALL = []
        def load():
            ALL.append(1)
            return 1
        class Base:
            def __init__(self): ALL.append(0)
        class Rule(Base):
            @property
            def name(self): return 1
            @name.setter
            def name(self, value): ALL.append(value)
            def add(self): ALL.append(self)
            def __init__(self, name): {constructor}
        RULES = [Rule('a')]
    """
    app = program(m=text)
    made = app("len(m.ALL)")
    plan = app.edit(m=text.replace("[Rule('a')", "[Rule('a'), Rule('b')")).plan()
    assert [n.code for n in plan.asks] == ["data-kept"] and app("len(m.ALL)") == made


@pytest.mark.parametrize(
    "value", ["{str, type(None)}", "({}, copy.deepcopy(D))", "[copy.copy(D), type(D)]", "(dict(D), tuple(D))"]
)
def test_a_value_that_types_and_copies_are_in_is_made_anew(program: Start, value: str) -> None:
    text = "import copy\nD = {{'a': 1}}\nV = {}\n"
    app = program(m=text.format(value))
    plan = app.edit(m=text.format(value[:-1] + ", 2" + value[-1])).plan()
    assert plan.asks == []
    app.update()
    assert app("[len(m.V), 2 in m.V]") == [3, True]


@pytest.mark.parametrize(
    "line",
    [
        "x = typing.TYPE_CHECKING, {}\n",
        "if typing.TYPE_CHECKING: x = (False, 0)\nelse: x = (False, {})\n",
        "from .typing import y\nx = False, typing.y, {}\n",
        "import p.typing\nx = False, typing.y, {}\n",
        "import typing as t\nx = False, t.TYPE_CHECKING, {}\n",
    ],
)
def test_an_import_whose_name_a_submodule_has_taken(program: Start, line: str) -> None:
    old = "import typing\n" + line
    app = program(**{"p/__init__.py": old.format(1), "p/typing.py": "y = 5\n", "m": "import p\n"})
    app.run("import p, p.typing")
    app.files(**{"p/__init__.py": old.format(2)})
    assert app.plan().asks == []
    app.update()
    assert app("[p.x[-1], p.typing.__name__]") == [2, "p.typing"]


def test_what_goes_by_the_names_of_its_module_is_made_anew(program: Start) -> None:
    old = """
        LIMIT = 1
        GONE = 2
        def cmd_a(): return 1
        def cmd_b(): return 2
        COMMANDS = {n[4:]: f for n, f in globals().items() if n.startswith('cmd_')}
        SETTINGS = {k: v for k, v in vars().items() if k.isupper() and isinstance(v, int)}
        NAMES = [n for n in dir() if n.startswith('cmd_')]
        own = dict(a=1)
    """
    app = program(m=old)
    app.run("kept = m.cmd_a")
    new = old.replace("LIMIT = 1", "LIMIT = 5").replace("        GONE = 2\n", "").replace("cmd_b", "cmd_c")
    app.edit(m=new.replace("return 1", "return 3"))
    assert app.plan().asks == []
    app.update()
    assert app("[{n: f() for n, f in m.COMMANDS.items()}, m.SETTINGS, m.NAMES]") == [
        {"a": 3, "c": 2},
        {"LIMIT": 5},
        ["cmd_a", "cmd_c"],
    ]
    assert app("m.COMMANDS['a'] is m.cmd_a is kept")
    app.update(back_out=True)
    assert app("[{n: f() for n, f in m.COMMANDS.items()}, m.SETTINGS, m.NAMES]") == [
        {"a": 1, "b": 2},
        {"LIMIT": 1, "GONE": 2},
        ["cmd_a", "cmd_b"],
    ]


LOOKS = """
    import inspect
    def f(a):
        'one'
        return a
    class A:
        x = 1
    class B(A): pass
    SIGNATURE = str(inspect.signature(f))
    HELP = f.__doc__
    MEMBERS = [n for n in vars(A) if n == 'x' or n == 'y']
    BELOW = [c.__name__ for c in A.__subclasses__()]
    other = str(inspect.signature(A))
"""


@pytest.mark.parametrize(
    ("before", "after", "asked"),
    [
        ("f(a)", "f(a, b=1)", ["SIGNATURE", "HELP"]),
        ("'one'", "'two'", ["SIGNATURE", "HELP"]),
        ("x = 1", "x = 1; y = 2", ["MEMBERS", "BELOW", "other"]),
        ("x = 1", "x = 1; y: int", ["MEMBERS", "BELOW", "other"]),
        # What derives from A is worked out again.
        ("class B(A): pass", "class B(A): pass\n    class C(A): pass", ["MEMBERS", "other"]),
        ("return a", "return a + 1", []),
    ],
)
def test_what_looks_at_a_definition_that_changes_is_asked_about(
    program: Start, before: str, after: str, asked: list[str]
) -> None:
    app = program(m=LOOKS)
    plan = app.edit(m=LOOKS.replace(before, after)).plan()
    assert [n.text.partition("m:")[2].partition(" ")[0] for n in plan.asks] == asked
    assert all("looks at" in n.text and "--reset m:" in n.remedy for n in plan.asks)


def test_the_plan_names_what_was_done_by_statements_that_are_gone(program: Start) -> None:
    old = """
        import os, logging
        SEEN = []
        def seen(name, f): SEEN.append(name)
        def a(): pass
        def b(): pass
        class C: pass
        C.x, C.y = 1, 2
        TABLE = {}
        TABLE.update(a=1)
        seen('a', a)
        seen('b', b)
        os.environ['PODUS_TEST_LEFT'] = '1'
        os.environ['PODUS_TEST_SET'] = '1'
        logging.basicConfig(level=1)
        print('hello')
    """
    new = old.replace("        def b(): pass\n", "").replace("        seen('b', b)\n", "")
    new = new.replace("seen('a'", "seen('c'").replace("C.x, C.y = 1, 2", "C.x = 1").replace("a=1", "a=2")
    new = new.replace("        os.environ['PODUS_TEST_LEFT'] = '1'\n", "").replace(
        "SET'] = '1'", "SET'] = '2'"
    )
    new = new.replace("level=1", "level=2").replace("print('hello')", "print('bye')")
    app = program(m=old)
    plan = app.edit(m=new).plan()
    assert [n.text for n in plan.notes] == [
        "`seen('a', a)` is not in the new version: what it did stays",
        "`os.environ['PODUS_TEST_LEFT'] = '1'` is not in the new version: what it did stays",
    ]
    app.update()
    assert app("[m.SEEN, hasattr(m.C, 'y'), m.TABLE]") == [["a", "b", "c"], False, {"a": 2}]


def test_a_procedure_that_may_raise_still_only_computes(program: Start) -> None:
    old = """
        N = 1
        def row(n):
            if n < 0:
                raise ValueError(f'{n} is too little')
            try:
                found = {'a': n}['a']
            except KeyError as error:
                raise LookupError(str(error)) from error
            return found * 10
        T = [row(N)]
    """
    app = program(m=old)
    app.edit(m=old.replace("N = 1", "N = 2"))
    assert app.plan().asks == []
    app.update()
    assert app("m.T") == [20]
    # What it raises is what an import would have raised.
    app.edit(m=old.replace("N = 1", "N = -1"))
    assert "-1 is too little" in app.until(app.begin(), "failed")["reason"]
    assert app("[m.N, m.T]") == [2, [20]]


def test_what_type_checkers_import_is_not_imported_and_orders_nothing(program: Start) -> None:
    e = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p import c\n    import heavy\nA = [1]\n"
    app = program(e=e.replace("    import heavy\n", ""), p="import e\nc = 0\n", m="import p\n")
    app.run("import p, e")
    p = "from e import A, B\nc = A[-1] + B\n"
    app.edit(e=e.replace("[1]", "[1, 2]\nB = 10"), p=p, heavy="raise SystemExit('imported')\n").update()
    assert app("[p.c, 'heavy' in __import__('sys').modules]") == [12, False]


@pytest.mark.parametrize(
    "held",
    ["p = weakref.proxy(A())", "class H: p = weakref.proxy(A())", "p = P()", "h = [P(), weakref.proxy(A())]"],
)
def test_proxies_of_what_is_not_there_are_passed_by(program: Start, held: str) -> None:
    old = f"""
        import weakref
        class A: pass
        class P:
            @property
            def __class__(self): raise RuntimeError('not bound')
            def __getattr__(self, name): raise RuntimeError('not bound')
        class B:
            def __init__(self): self.x = 1
        class L(list): pass
        {held}
        T = [A]
        def f(): return 1
    """
    app = program(m=old)
    app.run("b = m.B()")
    new = old.replace("T = [A]", "T = [A, B]").replace("self.x = 1", "self.x = self.y = 2")
    app.edit(m=new.replace("class L(list)", "class L(dict)").replace("return 1", "return 2")).update()
    assert app("[m.f(), b.y, len(m.T), m.L.__base__ is dict]") == [2, 2, 2, True]


def test_annotations_that_a_class_gets_together_with_its_module_are_each_ones_own(program: Start) -> None:
    old = "class A:\n    def f(self): return 1\n"
    new = "from __future__ import annotations\nX: int = 1\n" + old.replace("A:\n", "A:\n    y: str\n")
    app = program(m=old)
    app.edit(m=new).update()
    assert app("[m.__annotations__, m.A.__annotations__]") == [{"X": "int"}, {"y": "str"}]
    app.edit(m=new + "Z: int = 1 / 0\n")
    with pytest.raises(AssertionError, match="ZeroDivision"):
        app.update()
    assert app("[m.__annotations__, m.A.__annotations__]") == [{"X": "int"}, {"y": "str"}]
    app.edit(m=new).update(back_out=True)
    assert app("[getattr(m, '__annotations__', {}), m.A.__annotations__]") == [{}, {}]


SELF_MADE = """
import os
import re
import sys
import types
VERSION = "1.2"
_found = re.match("(.)[.](.)", VERSION).groups()
info = (int(_found[0]), int(_found[1]))
def f(): return os.sep
class Lazy(types.ModuleType): pass
lazy = Lazy(__name__)
lazy.__dict__.update(f=f, info=info, VERSION=VERSION, _before=sys.modules[__name__], __file__=__file__, __spec__=__spec__)
sys.modules[__name__] = lazy
del _found
del re
"""


def test_a_module_that_has_put_another_in_its_place_finds_what_it_has_imported(program: Start) -> None:
    app = program(m=SELF_MADE)
    app.edit(m=SELF_MADE.replace("1.2", "1.3").replace("del re\n", "del re\nSEP = os.sep\n")).update()
    assert app("[m.info, m.VERSION, m.SEP == m.f()]") == [[1, 3], "1.3", True]
    app.update(back_out=True)
    assert app("[m.info, m.VERSION, hasattr(m, 'SEP')]") == [[1, 2], "1.2", False]


STUBS = """
from typing import TYPE_CHECKING
class C:
    if TYPE_CHECKING:
        def a(self) -> int: ...
        def b(self) -> int: ...
if TYPE_CHECKING:
    def c() -> int: ...
    def d() -> int: ...
def set_up():
    C.a, C.b = (lambda self: 1), (lambda self: 2)
    globals().update(c=lambda: 3, d=lambda: 4)
set_up()
"""


def test_what_only_type_checkers_read_binds_and_takes_away_nothing(program: Start) -> None:
    app = program(m=STUBS)
    new = STUBS.replace("        def b(self) -> int: ...\n", "").replace("    def d() -> int: ...\n", "")
    app.edit(m=new).update()
    assert app("[m.C().a(), m.C().b(), m.c(), m.d()]") == [1, 2, 3, 4]
    app.edit(m=STUBS.replace("b(self) -> int", "e(self) -> int")).update()
    assert app("[m.C().a(), m.C().b(), m.c(), m.d(), hasattr(m.C, 'e')]") == [1, 2, 3, 4, False]


def test_texts_that_describe_data_are_nobodys_documentation(program: Start) -> None:
    old = '"""A module."""\nA = 1\n"""What A is."""\nclass C:\n    """A class."""\n    x = 1\n    """What x is."""\n'
    app = program(m=old)
    app.edit(m=old.replace("What ", "What now ") + "    y = 3\n").update()
    assert app("[m.__doc__, m.C.__doc__, m.C.y]") == ["A module.", "A class.", 3]
    app.edit(m=old.replace("What ", "Now what ").replace("= 1", "= 2")).update()
    assert app("[m.__doc__, m.C.__doc__, m.A, m.C.x]") == ["A module.", "A class.", 2, 2]


def test_a_package_s_own_module_stays_where_a_variable_of_its_name_goes(program: Start) -> None:
    package = "from .exc import E\nfrom .wide import wide\ntry: E\nexcept AttributeError as exc: pass\nimport pkg.exc\n"
    app = program(
        **{
            "pkg/__init__.py": package,
            "pkg/exc.py": "class E: pass\n",
            "pkg/wide.py": "def wide(): return 1\n",
        }
    )
    app.run("import pkg, pkg.wide, sys; own = [sys.modules['pkg.exc'], sys.modules['pkg.wide']]")
    new = (
        package.replace("as exc", "as _exc")
        .replace("from .wide import wide", "import pkg.wide")
        .replace("import pkg.exc\n", "")
    )
    app.files(**{"pkg/__init__.py": new}).update()
    assert app("[pkg.exc is own[0], pkg.wide is own[1], pkg.wide.wide()]") == [True, True, 1]
    app.update(back_out=True)
    assert app("[pkg.exc is own[0], pkg.wide()]") == [True, 1]


PACKAGE = """
__version__ = "1"
from .sub import AGENT, agent
from . import plain
WHOLE = AGENT + "!"
"""
SUB = """
import pkg
from pkg import __version__
AGENT = "lib/" + __version__
OTHER = f"lib/{pkg.__version__}"
class Agent(dict):
    name = "lib " + __version__
def agent(): return AGENT
"""


def test_statements_run_in_the_order_of_an_import_a_package_s_own_ones_around_those_of_its_modules(
    program: Start,
) -> None:
    plain = "import pkg.deep\n"
    deep = "from pkg import __version__ as version\nDEEP = 'deep/' + version\n"
    app = program(
        **{"pkg/__init__.py": PACKAGE, "pkg/sub.py": SUB, "pkg/plain.py": plain, "pkg/deep.py": deep}
    )
    app.run("import pkg")
    new = PACKAGE.replace('"1"', '"2"\nDEBUG = "debug"').replace('"!"', '"?"')
    sub = SUB.replace("import __version__", "import DEBUG, __version__").replace('"lib "', 'DEBUG + " "')
    app.files(**{"pkg/__init__.py": new, "pkg/sub.py": sub}).update()
    seen = "[pkg.AGENT, pkg.sub.OTHER, pkg.sub.Agent.name, pkg.WHOLE, pkg.agent(), pkg.deep.DEEP]"
    assert app(seen) == ["lib/2", "lib/2", "debug 2", "lib/2?", "lib/2", "deep/2"]
    app.update(back_out=True)
    assert app(seen) == ["lib/1", "lib/1", "lib 1", "lib/1!", "lib/1", "deep/1"]


def test_a_module_that_the_program_has_begun_first_runs_around_the_other_one(program: Start) -> None:
    first, second = (
        "LIMIT = 1\nimport apart\nBOTH = [LIMIT, apart.TWICE]\n",
        "import zone\nTWICE = zone.LIMIT * 2\n",
    )
    app = program(zone=first, apart=second)
    app.run("import zone, apart")
    app.edit(zone=first.replace("1", "4")).update()
    assert app("[zone.BOTH, apart.TWICE]") == [[4, 8], 8]
    # Where one of them fails nobody has seen the other.
    broken = app.edit(zone=first.replace("1", "5").replace("[LIMIT", "[LIMIT / 0")).begin()
    assert "ZeroDivisionError" in app.until(broken, "failed")["reason"]
    assert app("[zone.LIMIT, apart.TWICE]") == [4, 8]


def test_a_module_that_is_imported_within_a_statement_runs_before_it(program: Start) -> None:
    first = "import shown\ntry:\n    VALUE = 1\n    from shown import LIMIT\n    VALUE = LIMIT\nexcept ImportError: VALUE = 0\n"
    app = program(first=first, shown="LIMIT = 1\n")
    app.edit(
        first=first.replace("import LIMIT", "import LIMIT, MORE")
        .replace("= LIMIT", "= LIMIT + MORE")
        .replace("import shown\n", "")
    )
    app.edit(shown="LIMIT = 2\nMORE = LIMIT * 10\n").update()
    assert app("first.VALUE") == 22


def test_imports_that_are_taken_away_again_are_there_for_who_needs_them(program: Start) -> None:
    old = "import sys, os\nimport json as _json\nLIMIT = 1\nif sys.platform: KIND = 1\nTEXT = _json.dumps(LIMIT)\ndel sys, os, _json\n"
    app = program(m=old)
    new = old.replace("KIND = 1", "KIND = [sys.platform == 'x', os.sep]").replace("(LIMIT)", "([LIMIT])")
    app.edit(m=new).update()
    assert app("[m.KIND, m.TEXT, [n for n in ('sys', 'os', '_json') if hasattr(m, n)]]") == [
        [False, "/"],
        "[1]",
        [],
    ]
    app.update(back_out=True)
    assert app("[m.KIND, m.TEXT, hasattr(m, 'sys')]") == [1, "1", False]


def test_aliases_of_types_follow_what_they_name(program: Start) -> None:
    old = "from collections.abc import Callable\nimport typing as t\nclass A: pass\nclass B: pass\nEither = A | int\nSend = Callable[[Either, str], Either]\nApp = t.Callable[[Send], None]\n"
    app = program(m=old, n="from m import Send\ndef send(by: Send): return by\n")
    app.run("held = n.send")
    plan = app.edit(m=old.replace("A | int", "A | B | int")).plan()
    assert not plan.asks, plan.asks
    app.update()
    assert app("[len(m.Send.__args__[0].__args__), n.Send is m.Send, m.App.__args__[0] == m.Send]") == [
        3,
        True,
        True,
    ]


def test_slots_that_a_decorator_made_and_attribute_getters_are_as_their_class_was_made(
    program: Start,
) -> None:
    old = "from dataclasses import dataclass\nimport operator\n@dataclass(slots=True)\nclass T:\n    size: int\n    name: str\nclass F:\n    width = property(operator.attrgetter('w'))\n"
    app = program(m=old)
    app.run("t = m.T(1, 'a'); f = m.F(); f.w, f.v = 1, 2")
    new = old.replace("name: str", "name: str = 'n'").replace("'w'", "'v'")
    plan = app.edit(m=new).plan()
    assert not plan.asks, plan.asks
    app.update()
    assert app("[m.T(2).name, t.name, f.width]") == ["n", "a", 2]


def test_a_new_name_of_data_that_is_kept_names_what_is_kept(program: Callable[..., Program]) -> None:
    old = "class Stack(list): pass\napp = default = Stack()\n"
    app = program(m=old)
    app.run("m.app.append(1); was = m.app")
    app.edit(m=old.replace("app = default = Stack()", "apps = app = default = Stack([2])")).update()
    assert app("[m.apps is was, m.app is was, m.default is was]") == [True, True, True]
    app.update(back_out=True)
    assert app("[hasattr(m, 'apps'), m.app is was]") == [False, True]


def test_an_import_behind_a_new_definition_counts_last(program: Callable[..., Program]) -> None:
    old = """
        def work(n): return n
        try:
            from fast import work
        except ImportError:
            pass
        import json
        def f(): return [work(1), json.dumps(1)]
    """
    new = old.replace(
        "def work(n): return n", "def _work(n): return -n\n        work = _work\n        json = None"
    )
    app = program(fast="def work(n): return 'fast'\n", m=old)
    app.run("work = m.work")
    app.edit(m=new).update()
    assert app("[*m.f(), m.work is work, m.work is fast.work, m._work(1)]") == ["fast", "1", True, True, -1]


def test_a_loop_that_acts_on_what_others_have_is_told_of(program: Start) -> None:
    base = "L = []\nclass Box: n = 0\n"
    old = "from base import L, Box\nimport base\nfor n in (1, 2):\n    L.append(n)\nbase.Box.n += 1\nif L:\n    print(len(L))\n"
    app = program(base=base, m=old)
    new = old.replace("(1, 2)", "(3, 2)").replace("n += 1", "n += 2").replace("print(len(L))", "print(0)")
    plan = app.edit(m=new).plan()
    assert [n.text for n in plan.notes] == [
        "`for n in (1, 2):` is not in the new version: what it did stays",
        "`base.Box.n += 1` is not in the new version: what it did stays",
    ]
    plan = app.edit(m="import base\n").plan()
    assert [n.text for n in plan.notes][:1] == [
        "`for n in (1, 2):` is not in the new version: what it did stays"
    ]


def test_an_assignment_on_the_other_side_of_what_changes_its_data_is_told_of(program: Start) -> None:
    old = "L = [1]\nTOTAL = sum(L)\nOTHER = 5\nL.append(2)\n"
    app = program(m=old)
    plan = app.edit(m="L = [1]\nL.append(2)\nTOTAL = sum(L)\nOTHER = 5\n").plan()
    assert [n.text for n in plan.notes] == [
        "`TOTAL = sum(L)` stands behind `L.append(2)` now, which changes what it reads, and is not run again"
    ]
    assert not app.edit(m="OTHER = 5\nL = [1]\nTOTAL = sum(L)\nL.append(2)\n").plan().notes


def test_a_table_with_tuples_for_keys_that_nobody_has_touched_takes_its_new_value(program: Start) -> None:
    old = "from enum import Enum\nclass S(Enum):\n    OPEN = 1\n    SHUT = 2\nnext = {('open', 0): 1}\nmoves = {(S.OPEN, 'x'): S.SHUT}\nmore = {('a', 1): []}\n"
    app = program(m=old)
    app.run("m.more['a', 1].append(3)")
    new = (
        old.replace("1}", "1, ('close', 1): 0}")
        .replace("S.SHUT}", "S.SHUT, (S.SHUT, 'y'): S.OPEN}")
        .replace("[]}", "[], ('b', 2): []}")
    )
    (ask,) = app.edit(m=new).plan().asks
    assert ask.text.startswith("m:more is assigned otherwise")
    app.update()
    assert app("[len(m.next), len(m.moves), m.moves[m.S.SHUT, 'y'] is m.S.OPEN, list(m.more.values())]") == [
        2,
        2,
        True,
        [[3]],
    ]


def test_what_defaults_hold_goes_on_where_they_are_made_as_before(program: Start) -> None:
    old = "SIZE = 1\ndef f(x, seen=[], *, cache={}):\n    seen.append(x)\n    cache[x] = 1\n    return list(seen), sorted(cache)\ndef g(x, sized=[SIZE]): return sized\nclass C:\n    def m(self, x, all=[]):\n        all.append(x)\n        return list(all)\n"
    app = program(m=old)
    app.run("m.f(1); m.C().m(1); m.g(1).append(9)")
    new = (
        old.replace("x, seen", "x, more=0, seen")
        .replace("x, sized", "x, more=0, sized")
        .replace("x, all", "x, more=0, all")
        .replace("SIZE = 1", "SIZE = 2")
    )
    app.edit(m=new).update()
    assert app("[m.f(2), m.C().m(2), m.g(1)]") == [[[1, 2], [1, 2]], [1, 2], [2]]
    app.update(back_out=True)
    assert app("[m.f(3), m.C().m(3), m.g(1)]") == [[[1, 2, 3], [1, 2, 3]], [1, 2, 3], [1, 9]]
