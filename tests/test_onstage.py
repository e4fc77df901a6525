"""New statements find what the same update brings, before the program does."""

from __future__ import annotations

from collections.abc import Callable

from tests.programs import Program
from tests.test_toplevel import failed

Start = Callable[..., Program]

OLD = "LIMIT = 10\nclass Plain: pass\n"
NEW = """
LIMIT = 20
def helper(): return LIMIT * 2
class Plain:
    def limit(self): return LIMIT
class Other(Plain):
    def limits(self): return [LIMIT for _ in "ab"] + [(lambda: LIMIT)(), super().limit()]
def shadowed(LIMIT=1): return LIMIT
def several():
    def inner(): return LIMIT
    return inner
TABLE = helper()
ONE, TWO = Plain().limit(), Other().limits()
CALLBACKS = {"a": lambda: LIMIT, "b": several()}
THREE = [f() for f in CALLBACKS.values()] + [shadowed()]
"""


def test_new_functions_find_changed_data_while_statements_run(program: Start) -> None:
    app = program(shop=OLD)
    app.edit(shop=NEW).update()
    assert app("[shop.TABLE, shop.ONE, shop.TWO, shop.THREE]") == [40, 20, [20] * 4, [20, 20, 1]]


def test_and_are_ordinary_functions_afterwards(program: Start) -> None:
    app = program(shop=OLD)
    app.edit(shop=NEW).update()
    app.run("shop.LIMIT = 3")
    assert app("[shop.helper(), shop.Other().limits(), [f() for f in shop.CALLBACKS.values()]]") == [
        6,
        [3] * 4,
        [3, 3],
    ]
    functions = "[shop.helper, shop.Plain.limit, shop.Other.limits, shop.several, *shop.CALLBACKS.values()]"
    assert app(f"[n for f in {functions} for n in f.__code__.co_names if ':' in n]") == []
    assert app("[n for n in vars(shop) if ':' in n]") == []


def test_a_new_module_finds_what_it_imports_as_it_is_going_to_be(program: Start) -> None:
    app = program(shop="LIMIT = 10\nNAMES = ['x']\n", front="")
    tax = "from shop import LIMIT as most, NAMES\nimport shop\ndef f(): return shop.LIMIT\nX = [most, shop.LIMIT, f(), NAMES[-1]]\n"
    app.edit(shop="LIMIT = 20\nNAMES = ['x', 'y']\n", front="import tax\n", tax=tax).update()
    assert app("[front.tax.X, front.tax.most, front.tax.f()]") == [[20, 20, 20, "y"], 20, 20]
    assert app("front.tax.NAMES is shop.NAMES and not [n for n in vars(front.tax) if ':' in n]") is True


def test_and_by_a_star(program: Start) -> None:
    app = program(shop="LIMIT = 10\n", front="")
    app.edit(shop="LIMIT = 20\n", front="import tax\n", tax="from shop import *\nX = LIMIT\n").update()
    assert app("[front.tax.X, front.tax.LIMIT]") == [20, 20]


def test_a_star_brings_nothing_of_it(program: Start) -> None:
    app = program(shop=OLD, front="from shop import *\n")
    app.edit(shop=NEW + "class Third(Other): pass\n", front="from shop import *\nX = helper()\n").update()
    assert app("[n for n in [*vars(front), *vars(shop)] if ':' in n]") == []
    assert app("[front.X, front.LIMIT, front.Third().limit()]") == [40, 20, 20]


CLASS = """
import threading
class Account:
    rate = 1
    def __init__(self): self.size = 1
account = Account()
def look(): return [hasattr(Account, "name"), Account.rate, hasattr(account, "double"), account.size]
def elsewhere():
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(look()))
    thread.start()
    thread.join()
    return seen
"""
GROWN = """
import threading
class Account:
    rate = 2
    name = "new"
    def __init__(self): self.size = 1
    def opened(self): return self.double + self.rate
    @property
    def double(self): return 2 * self.size
    @classmethod
    def made(cls): return cls().opened()
account = Account()
def look(): return [hasattr(Account, "name"), Account.rate, hasattr(account, "double"), account.size]
def elsewhere():
    seen = []
    thread = threading.Thread(target=lambda: seen.extend(look()))
    thread.start()
    thread.join()
    return seen
HERE = [Account().opened(), Account.made(), account.double, Account.name]
THERE = elsewhere()
class Special(Account):
    higher = Account.rate + 1
BOUND = Account().opened
"""


def test_statements_use_what_a_class_is_getting_and_other_threads_do_not_see_it(program: Start) -> None:
    app = program(shop=CLASS)
    app.run("cls = shop.Account")
    app.edit(shop=GROWN).update()
    assert app("shop.HERE") == [4, 4, 2, "new"]
    assert app("shop.THERE") == [False, 1, False, 1]
    assert app("[shop.Special.higher, shop.BOUND(), shop.look()]") == [3, 4, [True, 2, True, 1]]
    assert app("shop.Account is cls and shop.BOUND.__func__ is cls.opened") is True


def test_a_field_that_becomes_a_property_is_a_field_still_in_objects_that_are_there(program: Start) -> None:
    old = "class Box:\n    def __init__(self): self.full = True\nbox = Box()\n"
    new = """
class Box:
    def __init__(self): self.full = True
    @property
    def full(self): return self._full
    @full.setter
    def full(self, value): self._full = value
box = Box()
def both(): return [box.full, Box().full]
SEEN = both()
"""
    app = program(shop=old)
    app.edit(shop=new)
    app.update(support="import podus\n@podus.mapper('shop:Box')\ndef m(old): old._full = old.full\n")
    assert app("[shop.SEEN, shop.box.full, shop.Box().full]") == [[True, True], True, True]


def test_a_first_constructor_is_found_by_statements_alone(program: Start) -> None:
    old = "class A: pass\ndef make(*a):\n    try: return vars(A(*a))\n    except TypeError as e: return str(e)\n"
    app = program(shop=old + "def run(f, *a): return f(*a)\n")
    new = old.replace("class A: pass", "class A:\n    def __init__(self, x=0): self.x = x")
    elsewhere = """
import threading
def run(f, *a):
    seen = []
    thread = threading.Thread(target=lambda: seen.append(f(*a)))
    thread.start()
    thread.join()
    return seen[0]
SEEN = [make(5), run(make, 5), run(make)]
"""
    app.edit(shop=new + elsewhere).update()
    assert app("shop.SEEN") == [{"x": 5}, "A() takes no arguments", {}]
    assert app("shop.make(6)") == {"x": 6}


def test_what_fails_leaves_nothing_of_it(program: Start) -> None:
    app = program(shop=CLASS)
    app.run("before = [dict(vars(shop.Account)), dict(vars(shop))]")
    app.edit(shop=GROWN + "raise ValueError('no')\n")
    assert "ValueError: no" in failed(app)
    assert app("[dict(vars(shop.Account)), dict(vars(shop))] == before") is True


REGISTRY = """
table, order = {}, []
def command(help=""):
    def note(f):
        if f.__name__ in table:
            raise KeyError(f"{f.__name__} is there already")
        table[f.__name__] = f
        order.append(f.__name__)
        f.help = help
        return f
    return note
"""
COMMANDS = """
from registry import command
@command("one")
def first(): return 1
@command("two")
def second(): return 2
@command("three")
def third(): return 3
"""


def test_a_registry_that_refuses_a_second_one_is_given_the_new_one_as_the_first(program: Start) -> None:
    app = program(registry=REGISTRY, shop=COMMANDS)
    app.run("second = shop.second")
    app.edit(shop=COMMANDS.replace('"two"', '"2"').replace("return 2", "return 22")).update()
    assert app("[shop.second.help, registry.table['second'](), [*registry.table]]") == [
        "2",
        22,
        ["first", "second", "third"],
    ]
    assert app("registry.table['second'] is shop.second is second") is True


def test_and_is_as_it_was_if_that_fails_too(program: Start) -> None:
    app = program(registry=REGISTRY, shop=COMMANDS)
    app.run("before = dict(registry.table)")
    app.edit(shop=COMMANDS.replace('"two"', '"2"') + "1 / 0\n")
    assert "ZeroDivisionError" in failed(app)
    assert app("registry.table == before and [*registry.table] == [*before]") is True
    app.edit(
        shop=COMMANDS.replace(
            "def first", '@command("none")\ndef second(): return 0\n@command("1")\ndef first'
        )
    )
    assert "second is there already" in failed(app)
    assert app("registry.table == before and shop.second()") == 2


def test_a_refusal_names_the_data_that_is_kept_and_that_a_called_procedure_uses(program: Start) -> None:
    app = program(shop="config = ['x']\n", front="from shop import config\n")
    app.run("shop.config.append('y')")
    front = "from shop import config\ndef look(): return config['x']\nX = look()\n"
    app.edit(shop="config = {'x': 1}\n", front=front)
    status = app.until(app.begin(), "failed")
    assert "TypeError" in status["reason"] and "--reset shop:config" in status["remedy"]
    app.update(reset=["shop:config"])
    assert app("[front.X, front.config is shop.config]") == [1, True]


def test_classes_and_imports_of_changed_procedures_belong_to_their_module(program: Start) -> None:
    """What C code looks for in the globals: whose class ``type()`` makes, and what an import is relative to."""
    old = """
        from collections import namedtuple
        def model(name, size):
            from . import base
            made = type(name, (), {'tag': lambda self: size})
            return made, base.ONE, namedtuple('Row', 'a')
        MADE = model('User', 1)
    """
    app = program(**{"shop/__init__.py": "", "shop/base.py": "ONE = 1", "shop/m.py": old})
    app.run("import shop.m")
    app.files(**{"shop/m.py": old.replace("tag'", "label'").replace("1)", "2)")}).update()
    assert app("[shop.m.MADE[0]().label(), shop.m.MADE[1]]") == [2, 1]
    assert app("[shop.m.MADE[0].__module__, shop.m.MADE[2].__module__, '__name__' in vars(shop.m)]") == [
        *("shop.m", "shop.m", True)
    ]


def test_statements_find_new_methods_of_objects_whose_class_is_made_again(program: Start) -> None:
    base = "class Base(object):\n    def one(self): return 1\n"
    text = "from base import Base\nclass C(Base): pass\nheld = C()\none = held.one\n"
    app = program(base=base, m=text)
    base = (
        base.replace("(object)", "")
        + "    def two(self): return self.one() + 1\n    @property\n    def three(self): return 3\n"
    )
    app.edit(
        base=base,
        m=text + "two = held.two\nthree = held.three\ntry: held.four\nexcept AttributeError: four = 4\n",
    ).update()
    assert app(
        "[m.two(), m.three, m.four, m.two.__self__ is m.held, type(vars(base.Base)['two']).__name__]"
    ) == [
        *(2, 3, 4, True),
        "function",
    ]


def test_nothing_of_what_statements_were_shown_stays_in_the_module(program) -> None:
    a = "DEBUG = False\nif DEBUG:\n    def log(x): return 'one'\nelse:\n    def log(x): return 'other'\n"
    app = program(a=a, b="import a\nclass B: pass\ndef mk(): return B()\n")
    app.run("before = set(vars(b))")
    new = "import a\nfrom a import log\nclass B: pass\nclass C(B):\n    def show(self): return log(1)\ndef mk(): return C()\n"
    app.edit(a=a.replace("'one'", "'two'").replace("False", "True"), b=new).update()
    assert app("[sorted(set(vars(b)) - before), b.mk().show()]") == [["C", "log"], "two"]
    app.update(back_out=True)
    assert app("set(vars(b)) == before")
