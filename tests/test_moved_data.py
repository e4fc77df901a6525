"""Module data that goes to another module with what uses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

STORE = "CACHE = {}\ndef put(k): CACHE[k] = 1\ndef get(k): return CACHE.get(k)\n"


@pytest.mark.parametrize("made", ["{}", "dict()", "collections.OrderedDict()", "Table()"])
def test_data_goes_on_in_the_module_that_it_moves_to(program: Start, made: str) -> None:
    text = "import collections\nclass Table(dict): pass\n" + STORE.replace("{}", made)
    app = program(m=text)
    app.run("held = m.CACHE; m.put('a')")
    (head, line) = text[: text.index("CACHE")], f"CACHE = {made}\n"
    app.edit(m=text.replace(head + line, "from store import CACHE\n"), store=head + line)
    assert [n.text for n in app.plan().notes if n.code == "data-moved"] == [
        "store:CACHE goes on with what m:CACHE holds"
    ]
    app.update()
    assert app("[m.get('a'), m.CACHE is held, __import__('store').CACHE is held]") == [1, True, True]
    app.run("m.put('b')")
    app.update(back_out=True)
    assert app("[m.get('a'), m.get('b'), m.CACHE is held]") == [1, 1, True]


def test_data_of_a_module_that_is_renamed(program: Start) -> None:
    user = "from store import STATE\ndef put(k): STATE[k] = 1\ndef has(k): return k in STATE\n"
    app = program(store="STATE = {}\n", n=user)
    app.run("n.put('a')")
    (app.root / "store.py").unlink()
    app.edit(depot="STATE = {}\n", n=user.replace("store", "depot")).update()
    assert app("[n.has('a'), __import__('depot').STATE]") == [True, {"a": 1}]


def test_functions_move_with_their_cache(program: Start) -> None:
    app = program(m=STORE, n="from m import put, get\n", util="x = 1\n")
    app.run("n.put('a')")
    app.edit(m="from util import put, get\n", util="x = 1\n" + STORE).update()
    assert app("[n.get('a'), m.get('a'), __import__('util').get('a')]") == [1, 1, 1]
    app.update(back_out=True)
    assert app("[n.get('a'), m.get('a')]") == [1, 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ids = 0\ndef make():\n    global ids\n    ids += 1\n    return ids\n", "ids = 0"),
        ("ids = []\ndef make():\n    ids.append(1)\n    return len(ids)\n", "ids = [7]"),
        ("ids = []\ndef make():\n    ids.append(1)\n    return len(ids)\n", "ids = []\nids.append(7)"),
    ],
)
def test_what_starts_anew_is_asked_about(program: Start, old: str, new: str) -> None:
    app = program(m=old, util="x = 1\n")
    app.run("m.make()")
    plan = app.edit(m="from util import make\n", util=f"{new}\n" + old[old.index("def") :]).plan()
    assert [n.text for n in plan.asks] == [
        "util:ids is made anew: what the program has made of m:ids does not go along"
    ]


@pytest.mark.parametrize("value", ["1", "('a', 'b')", "frozenset({1})", "1 > 0", "(1, [])"])
def test_constants_that_move_are_only_asked_about_if_something_may_be_put_into_them(
    program: Start, value: str
) -> None:
    use = "def read(): return LIMIT\n"
    app = program(m=f"LIMIT = {value}\n{use}", util="x = 1\n")
    plan = app.edit(m="from util import read\n", util=f"LIMIT = 7\n{use}").plan()
    assert bool(plan.asks) == ("[" in value)
    app.update()
    assert app("m.read()") == 7


def test_a_registry_that_is_filled_in_its_new_module_is_the_new_one(program: Start) -> None:
    reg = "R = {}\ndef add(f):\n    R[f.__name__] = f\n    return f\n@add\ndef a(): return 1\n"
    app = program(m=reg, user="from m import R\ndef call(n): return R[n]()\n")
    app.edit(user="from reg import R\ndef call(n): return R[n]()\n", reg=reg.replace("return 1", "return 2"))
    (app.root / "m.py").unlink()
    app.update()
    assert app("user.call('a')") == 2


@pytest.mark.parametrize(
    ("head", "back", "moves"),
    [
        ("UserWarning", "from n import W\n", True),
        ("Model", "from n import W\n", True),
        ("UserWarning", "", True),
        ("Model", "", False),
    ],
)
def test_a_class_that_moves_and_gets_a_constant(program: Start, head: str, back: str, moves: bool) -> None:
    """Where it may be a field, what the old module imports says whether it is the same class."""
    base = "class Model: pass\n"
    old = f"from base import Model\nclass W({head}):\n    def f(self): return 1\n"
    app = program(base=base, m=old, n="")
    app.run("w = m.W()")
    new = old.replace("    def", "    TEXT: str = 'text'\n    def").replace("1", "2")
    plan = app.edit(m=back, n=new).plan()
    assert any("other fields" in note.text for note in plan.notes) is not moves
    app.update()
    assert app("[n.W is type(w), isinstance(w, n.W), w.f()]") == [moves, moves, 2 if moves else 1]


def test_a_table_of_functions_that_a_factory_makes_follows(program: Callable[..., Program]) -> None:
    options = """
        def either(values, kind):
            def option(argument):
                return argument if argument in values else kind(argument)
            return option
    """
    text = """
        import options
        def plain(a): return a
        def other(a): return a + 1
        class Include:
            spec = {"a": plain, "b": options.either((None,), int), "c": plain}
    """
    app = program(options=options, shop=text)
    plan = app.replace("shop", '"c": plain', '"c": other').plan()
    assert [(row.name, row.action) for row in plan.data] == [("shop:Include.spec", "set")]
    app.update()
    assert app("[shop.Include.spec['c'](1), shop.Include.spec['b']('5')]") == [2, 5]


@pytest.mark.parametrize("where", ["m", "n"])
def test_a_new_statement_does_not_see_data_before_its_mapper(program: Start, where: str) -> None:
    app = program(m="stock = [('tea', 1)]\ndef n(): return len(stock)\n", n="import m\n")
    app.edit(m="stock = {'tea': 1}\ndef n(): return len(stock) + 0 * len(list())\n")
    statement = "NAMES = sorted(stock)\n" if where == "m" else "NAMES = sorted(m.stock)\n"
    app.files(**{f"{where}.py": (app.root / f"{where}.py").read_text() + statement})
    support = "import podus\n@podus.mapper('m:stock')\ndef stock(old): return dict(old)\n"
    (refusal,) = app.plan(support=support).refusals
    assert refusal.text.startswith(f"`{statement.strip()}` reads m:stock, which a mapper converts only when")
    assert refusal.remedy == "compute it in a procedure, when it is asked for"


def test_data_that_is_made_of_mapped_data_has_a_mapper_of_its_own(program: Start) -> None:
    old = "stock = [('tea', 1)]\nalias = {'s': stock}\nclass Shop:\n    rows = stock\ndef n(): return stock[0]\n"
    app = program(m=old).edit(m=old.replace("[('tea', 1)]", "{'tea': 1}").replace("stock[0]", "stock['tea']"))
    support = "import podus\n@podus.mapper('m:stock', reverse=lambda new: [*new.items()])\ndef stock(old): return dict(old)\n"
    refusals = app.plan(support=support).refusals
    assert [r.remedy[:35] for r in refusals] == [
        "give a mapper for m:alias too, or c",
        "give a mapper for m:Shop.rows too, ",
    ]
    support += (
        "@podus.mapper('m:alias', reverse=lambda new: {'s': [*new['s'].items()]})\n"
        "def alias(old): return {'s': dict(old['s'])}\n"
        "@podus.mapper('m:Shop.rows', reverse=lambda new: [*new.items()])\ndef rows(old): return dict(old)\n"
    )
    app.update(support=support)
    assert app("[m.stock, m.alias, m.Shop.rows, m.n()]") == [{"tea": 1}, {"s": {"tea": 1}}, {"tea": 1}, 1]
    app.update(back_out=True)
    rows = [["tea", 1]]
    assert app("[m.stock, m.alias, m.Shop.rows, m.n()]") == [rows, {"s": rows}, rows, ["tea", 1]]


def test_a_mapper_for_data_that_goes_is_refused(program: Start) -> None:
    app = program(m="gone = [5]\ndef g(): return gone[0]\n").edit(
        m="fresh = {5: 1}\ndef g(): return [*fresh][0]\n"
    )
    support = (
        "import podus\n@podus.mapper('m:gone', reverse=list)\ndef gone(old): return {o: 1 for o in old}\n"
    )
    (refusal,) = app.plan(support=support).refusals
    assert refusal.text == "the support code has a mapper for m:gone, which the new version does not have"
    app.run("m.gone.append(6)")
    app.update()
    app.update(back_out=True)
    assert app("[m.gone, m.g()]") == [[5, 6], 5]


# How a registry is made and filled, and the names of the handlers in it, in order.
REGISTRIES = {
    "a table": (
        "R = {}\ndef reg(f):\n    R[f.__name__] = f\n    return f\n",
        "[f.__name__ for f in R.values()]",
    ),
    "a list": ("R = []\ndef reg(f):\n    R.append(f)\n    return f\n", "[f.__name__ for f in R]"),
    "a set": ("R = set()\ndef reg(f):\n    R.add(f)\n    return f\n", "sorted(f.__name__ for f in R)"),
    "records": ("R = []\ndef reg(f):\n    R.append((1, f))\n    return f\n", "[f.__name__ for _, f in R]"),
    "lists in a table": (
        "R = {}\ndef reg(f):\n    R.setdefault(f.__name__[0], []).append(f)\n    return f\n",
        "[f.__name__ for fs in R.values() for f in fs]",
    ),
    "an object": (
        "class Registry:\n    def __init__(self): self.all = []\n    def add(self, f):\n        self.all.append(f)\n        return f\nR = Registry()\nreg = R.add\n",
        "[f.__name__ for f in R.all]",
    ),
    "objects": (
        "class Route:\n    def __init__(self, f): self.f = f\nR = []\ndef reg(f):\n    R.append(Route(f))\n    return f\n",
        "[r.f.__name__ for r in R]",
    ),
}
HANDLERS = "@reg\ndef a(): return 1\n@reg\ndef b(): return 1\n"


@pytest.mark.parametrize("kind", REGISTRIES)
def test_a_registry_that_moves_gets_what_new_modules_register(program: Start, kind: str) -> None:
    made, names = REGISTRIES[kind]
    names = names.replace("R", "m.R", 1) if "Route" not in names else names
    names = names.replace(" R", " m.R") if " m.R" not in names else names
    app = program(m=made + HANDLERS)
    app.run("held = m.R; g = {'x': 1}")
    new = "from base import reg\n" + HANDLERS.replace("return 1", "return 2") + "@reg\ndef c(): return 2\n"
    app.edit(m="from base import *\nimport texts\n", base=made, texts=new).update()
    assert app(names) == ["a", "b", "c"]
    assert app("m.R is held") is True
    app.update(back_out=True)
    assert app(names) == ["a", "b"]
    assert app("m.R is held and m.a() == 1") is True


def test_a_submodule_takes_the_name_of_a_function_of_its_package(program: Start) -> None:
    text = "ALL = {}\ndef reg(f):\n    ALL[f.__name__] = f\n    return f\n"
    app = program(m=text + HANDLERS)
    (app.root / "m.py").unlink()
    sub = "from . import reg\n" + HANDLERS.replace("1", "2")
    app.files(**{"m/__init__.py": text + "from . import a\n", "m/a.py": sub})
    app.update()
    assert app("type(m.a).__name__, [f() for f in m.ALL.values()]") == ["module", [2, 2]]
    app.update(back_out=True)
    assert app("[f() for f in m.ALL.values()], m.a(), 'm.a' in __import__('sys').modules") == [
        [1, 1],
        1,
        False,
    ]
