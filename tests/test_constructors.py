"""Fields that constructors set in more than one step, or in other ways than by an assignment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]


FIELDS = {
    "both branches": ("if a > 0:\n            self.new = 1\n        else:\n            self.new = -1", 1),
    "changed under a condition": (
        "self.new = 'small'\n        if a > 10:\n            self.new = 'big'",
        "big",
    ),
    "annotated before": (
        "b: int\n        if a > 10: b = a\n        else: b = 1\n        self.new = b",
        40,
    ),
    "with a local": (
        "b = a + 1\n        self.new = 0\n        if b > 10:\n            c = b * 2\n            self.new = c",
        82,
    ),
    "try": (
        "try:\n            self.new = int(a)\n        except ValueError:\n            self.new = None",
        40,
    ),
    "one that raises": (
        "if a < 0:\n            raise ValueError(a)\n        else:\n            self.new = 3",
        3,
    ),
    "counted": ("self.new = 1\n        self.new += a", 41),
    "setattr": ("setattr(self, 'new', a + 1)", 41),
    "object": ("object.__setattr__(self, 'new', 3)", 3),
    "super": ("super().__setattr__('new', 3)", 3),
    "dictionary": ("self.__dict__['new'] = 3", 3),
    "update": ("self.__dict__.update(new=3, other=4)", 3),
    "vars": ("vars(self).update({'new': 3})", 3),
    "names in a loop": ("for n in ('new', 'more'):\n            setattr(self, n, 3)", 3),
    "names and values in a loop": (
        "for n, v in [('new', 3), ('more', 4)]: object.__setattr__(self, n, v)",
        3,
    ),
    "others beside": (
        "if a:\n            print(end='')\n            self.new = 3\n            self.other = clock()\n        else:\n            self.new = 4",
        3,
    ),
}
HOLDER = "from time import time as clock\nclass C:\n    def __init__(self, a):\n        self.a = a\n"


@pytest.mark.parametrize("how", FIELDS)
def test_a_field_that_is_set_in_more_than_one_step(program: Start, how: str) -> None:
    text, value = FIELDS[how]
    app = program(shop=HOLDER + "    def f(self): return self.a\n")
    app.run("c = shop.C(40)")
    new = f"{HOLDER}        {text}\n    def f(self): return self.new\n"
    plan = app.edit(shop=new).plan()
    assert plan.safe, plan.refusals
    app.update()
    assert app("c.f()") == app("shop.C(40).f()") == value
    app.update(back_out=True)
    assert app("[c.f(), vars(c)]") == [40, {"a": 40}]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "for n in sorted(['new']): setattr(self, n, 3)",
            "sets fields whose names podus can't tell (`setattr(self, n, 3)`)",
        ),
        ("self.__dict__.update(shared)", "can't tell (`self.__dict__.update(shared)`)"),
        ("for n in range(a): self.new = n", ""),
        (
            "self.new = 1\n        self.prepare()",
            "the field new, and nothing says what it is in the live object: it is set in more than one way",
        ),
        ("self.new = 1\n        while a: self.new = a; break", "it is set in a loop"),
        (
            "self.new = 1\n        if a:\n            self.new = 2\n            return",
            "it is set on one of the ways out",
        ),
        ("self.new = 1\n        if clock() > a: self.new = 2", "it calls clock"),
    ],
)
def test_a_field_that_can_not_be_derived_is_asked_for(program: Start, text: str, why: str) -> None:
    old = HOLDER + "    def prepare(self):\n        if self.a: pass\n"
    app = program(shop=old)
    app.run("c = shop.C(40)")
    new = f"{HOLDER}        {text}\n    def prepare(self):\n        if self.a: self.new = 2\n    def f(self): return self.new\n"
    plan = app.edit(shop=new).plan()
    if why:
        assert [n.text for n in plan.refusals if why in n.text], plan.refusals
    else:
        (note,) = (n for n in plan.asks if n.code == "field-unsure")
        assert (
            "shop:C.new is set on some ways through the constructor only: its 1 live object goes without"
            in note.text
        )


def test_a_field_that_a_procedure_of_the_program_computes(program: Start) -> None:
    flag = "import os\nSEEN = []\ndef flag(default):\n    value = os.environ.get('NO_FLAG')\n    if not value:\n        return default\n    return value.lower() in ('0', 'no')\ndef noted(x):\n    SEEN.append(x)\n    return x\n"
    old = "from tools import flag, noted\nclass C:\n    def __init__(self, a):\n        self.a = a\n    def f(self): return self.a\n"
    new = old.replace("a):\n", "a, loads=True):\n        self.loads = flag(loads)\n").replace(
        "f(self): return self.a", "f(self): return self.loads"
    )
    app = program(tools=flag, shop=old)
    app.run("c = shop.C(40)")
    # What it calls has an effect, or is another one now.
    assert "it calls noted" in app.edit(shop=new.replace("= flag", "= noted")).plan().refusals[0].text
    other = flag.replace("'no'", "'off'")
    assert "it calls flag" in app.edit(tools=other, shop=new).plan().refusals[0].text
    app.edit(tools=flag, shop=new).update()
    assert app("[c.f(), shop.C(1, loads=False).f(), tools.SEEN]") == [True, False, []]


OPTIONS = """
    class T:
        def __init__(self, **options):
            self.size = options.get('size', 1)
            {}
        def f(self): return self.size
    def make(**options): return T(**options)
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("self.new = options.get('new', 5)", 5),
        ("self.new = options.pop('new', None) or [self.size]", [2]),
        ("self.new = options['new'] if 'new' in options else 5", 5),
        ("self.new = options.get('new')", None),
        ("if 'new' not in options: self.new = 6\n            else: self.new = options['new']", 6),
    ],
)
def test_an_option_that_nobody_knew_was_not_given(program: Start, text: str, value: object) -> None:
    app = program(shop=OPTIONS.format("pass"))
    app.run("t = shop.make(size=2)")
    app.edit(shop=OPTIONS.format(text)).update()
    assert app("t.new") == value


@pytest.mark.parametrize("known", ["def g(new): pass", "def g(): make(new=1)", "D = {'new': 1}"])
def test_an_option_that_somebody_may_have_given_is_asked_for(program: Start, known: str) -> None:
    app = program(shop=OPTIONS.format("pass") + "    " + known)
    app.run("t = shop.make(size=2)")
    new = OPTIONS.format("self.new = options.get('new', 5)") + "    " + known
    (refusal,) = app.edit(shop=new).plan().refusals
    assert "shop:T gets the field new" in refusal.text


METHODS = """
    class S:
        def __init__(self, options=None): self.options = options or dict()
    class C:
        def __init__(self, a):
            self.a = a
            {}
        def _names(self, *more, start=1):
            \"\"\"Names.\"\"\"
            found = []
            for name in ('x', 'y', *more):
                if name != 'y' or self.a > 10:
                    found.append(self.__name(name) + str(start))
            return found
        def __name(self, name): return name + self.suffix(self.a)
        @staticmethod
        def suffix(a):
            table = {{}}
            table['big'] = '!'
            return table['big'] if a > 10 else '?'
        def changing(self):
            self.a += 1
            return self.a
        def noted(self):
            SEEN.append(1)
            return 1
        def f(self): return self.new
    SEEN = []
    {}
"""
BELOW = "class D(C):\n        def suffix(self, a): return '-'"


@pytest.mark.parametrize(
    ("text", "below", "value"),
    [
        ("self.new = self._names('z', start=2)", "", ["x!2", "y!2", "z!2"]),
        ("self.new = S(options={'n': self.suffix(a)}).options", "", {"n": "!"}),
        ("self.new = self.changing()", "", "it calls self.changing, and it needs what line"),
        ("self.new = self.noted()", "", "it calls self.noted, and it needs what line"),
        ("self.new = self.suffix(a)", BELOW, "it calls self.suffix"),
        (
            "self.new = self._names()",
            BELOW,
            "it calls self._names, and it calls self._C__name, and it calls self.suffix",
        ),
    ],
)
def test_a_field_that_a_method_of_the_object_computes(
    program: Start, text: str, below: str, value: object
) -> None:
    app = program(shop=METHODS.format("pass", below))
    app.run("c = shop.C(40)")
    app.edit(shop=METHODS.format(text, below))
    if isinstance(value, str):
        (refusal,) = app.plan().refusals
        assert value in refusal.text
        return
    app.update()
    assert app("[c.f(), shop.C(40).f()]") == [value, value]
    app.update(back_out=True)
    assert app("vars(c)") == {"a": 40}


def test_a_field_that_is_looked_up_in_a_dictionary_of_the_object(program: Start) -> None:
    old = "class C:\n    def __init__(self, a):\n        self.table, self.other = {**a}, a\n"
    app = program(shop=old)
    app.run("c = shop.C({'n': 2})")
    new = old + "        self.n, self.k = self.table.get('n'), self.WHAT.get('k', 5)\n"
    app.edit(shop=new.replace("WHAT", "other") + "        self.m = self.other.get(self.n)\n")
    assert "it calls self.other.get" in app.plan().refusals[0].text
    app.edit(shop=new.replace("WHAT", "table")).update()
    assert app("[c.n, c.k]") == [2, 5]


def test_a_default_that_a_method_gives(program: Start) -> None:
    old = "import attrs\n@attrs.define\nclass A:\n    x: int\n    def f(self): return self.x\n"
    app = program(shop=old)
    app.run("a = shop.A(3)")
    new = old.replace(
        "    def f",
        "    w: int = attrs.field()\n    @w.default\n    def _w(self): return self.x * 2\n    def f",
    )
    app.edit(shop=new.replace("return self.x\n", "return self.w\n")).update()
    assert app("[a.f(), shop.A(4).f()]") == [6, 8]
    app.update(back_out=True)
    assert app("a.f()") == 3


# Constructors that set a field in another way than `self.c = 0`.
WAYS = {
    "past a __setattr__": (
        "__init__(self)",
        "object.__setattr__(self, 'a', 1)",
        "; object.__setattr__(self, 'c', 0)",
    ),
    "in the dictionary": ("__init__(self)", "self.__dict__['a'] = 1", "; self.__dict__['c'] = 0"),
    "in a new object": ("__new__(cls)", "made = object.__new__(cls); made.a = 1", "; made.c = 0"),
}


@pytest.mark.parametrize("way", WAYS)
def test_setting_a_field_is_no_other_act(program: Start, way: str) -> None:
    head, body, more = WAYS[way]
    end = "; return made" if "new" in head else ""
    app = program(shop=f"class C:\n    def {head}: {body}{end}\n")
    app.run("c = shop.C()")
    plan = app.edit(shop=f"class C:\n    def {head}: {body}{more}{end}\n").plan()
    assert not [n.text for n in (*plan.asks, *plan.notes)]
    app.update()
    assert app("c.c") == 0
