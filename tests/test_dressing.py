"""A decorator that itself changes decorates again what it has decorated, if it does nothing else; else the plan says that it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

SHOP = """
    import marks
    @marks.dec
    def f(x):
        'doc'
        return x
    class C:
        @marks.dec
        def m(self):
            return 1
    held, bound = f, C().m
"""
PLAIN = "def dec(f):\n    return f\n"
WRAPS = "def dec(f):\n    def w(*a):\n        return f(*a)\n    return w\n"
# What the decorator was, what it is, and what is true then.
CHANGES = {
    "begins to wrap": (PLAIN, WRAPS.replace("f(*a)", "f(*a) * 10"), "f(3) == 30 and bound() == 10"),
    "wraps no more": (WRAPS.replace("f(*a)", "f(*a) * 10"), PLAIN, "f(3) == 3 and bound() == 1"),
    "names": (
        WRAPS,
        "from functools import wraps\n" + WRAPS.replace("    def w", "    @wraps(f)\n    def w"),
        "f.__name__ == 'f' and f.__doc__ == 'doc' and f.__wrapped__(4) == 4",
    ),
    "marks": (WRAPS, WRAPS.replace("    return w", "    w.tag = f.__name__\n    return w"), "f.tag == 'f'"),
    "marks what it is given": (
        PLAIN,
        PLAIN.replace("    return f", "    if callable(f):\n        f.tag = 7\n    return f"),
        "f.tag == 7",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_it_has_decorated_is_decorated_again(program: Start, change: str) -> None:
    old, new, true = CHANGES[change]
    app = program(marks=old, shop=SHOP)
    update = app.edit(marks=new).update()
    space = "{**vars(shop)}"
    assert app(f"eval({true!r}, {space})")
    assert app("shop.held is shop.f and shop.held(5) == shop.f(5)")
    assert app("shop.bound() == shop.C().m()")
    assert not update["notes"]
    app.update(back_out=True)
    assert app("shop.held is shop.f and not hasattr(shop.f, 'tag')")
    assert app("shop.f(3)") == (30 if "10" in old else 3)
    assert app("shop.bound() == shop.C().m()")


def test_a_factory_and_a_class(program: Start) -> None:
    old = "def dec(n):\n    def d(thing):\n        return thing\n    return d\n"
    app = program(
        marks=old, shop="from marks import dec\n@dec(3)\nclass C: pass\n@dec(n=4)\ndef f(): pass\nc = C()\n"
    )
    app.edit(marks=old.replace("        return thing", "        thing.n = n\n        return thing")).update()
    assert app("[shop.C.n, shop.c.n, shop.f.n]") == [3, 3, 4]


# What is remembered, counted or registered for each definition is not made again.
MORE = {
    "registers": "known = []\ndef dec(f):\n    known.append(f.__name__)\n    return f\n",
    "counts": "def dec(f):\n    n = 0\n    def w(*a):\n        nonlocal n\n        n += 1\n        return n\n    return w\n",
    "remembers": "def dec(f):\n    known = {}\n    def w(*a):\n        return known.setdefault(a, len(known))\n    return w\n",
    "marks calls": "def dec(f):\n    def w(*a):\n        w.calls += 1\n        return w.calls\n    w.calls = 0\n    return w\n",
}


@pytest.mark.parametrize("kind", MORE)
def test_what_does_more_is_left_and_told(program: Start, kind: str) -> None:
    old = MORE[kind]
    app = program(marks=old, shop="import marks\n@marks.dec\ndef f(x): return x\nf(1)\nf(2)\n")
    first, _, last = old.rstrip().rpartition("\n")
    plan = app.edit(marks=f"{first}\n    f.tag = 1\n{last}\n").plan()
    told = [note.text for note in plan.notes]
    assert told == [
        "`dec` decorates otherwise now, and may do more than that: what it has decorated is not decorated again (f)"
    ]
    before = app("getattr(marks, 'known', None)")
    app.update()
    assert app("getattr(marks, 'known', None)") == before
    assert app("shop.f(3)") == (2 if kind == "remembers" else 3)


READS = """
    import texts
    from texts import HOW, label
    def plain(f):
        f.tag = HOW
        return f
    def helped(n=1):
        def dec(f):
            def w(*a):
                return f(*a) + texts.LATER
            w.tag = label(f) if n == 2 else ''
            return w
        return dec
    TABLE, SEEN = {}, []
    def route(path):
        def dec(f):
            TABLE[f'{HOW}/{path}'] = f
            SEEN.append((HOW, f))
            return f
        return dec
    def counts(f):
        SEEN.append(label(f))
        f.tag = len(SEEN)
        return f
    @plain
    def a(): return 1
    @helped(n=2)
    def b(): return 2
    @route('c')
    def c(): return 3
    @counts
    def d(): return 4
    held = a, b, c, d
"""
TEXTS = "HOW = 'v1'\nLATER = 1\ndef label(f): return HOW + f.__name__\n"


def test_a_decorator_that_reads_what_changes_decorates_again(program: Start) -> None:
    app = program(texts=TEXTS, m=READS)
    told = "[m.a.tag, m.b.tag, sorted(m.TABLE), [s[0] for s in m.SEEN if s[1] is m.c]]"
    assert app(told) == ["v1", "v1b", ["v1/c"], ["v1"]]
    # What is read by the wrapper alone is read when it is called.
    app.edit(texts=TEXTS.replace("LATER = 1", "LATER = 2"))
    assert app.plan().notes == []
    app.update()
    assert app("m.b()") == 4
    update = app.edit(texts=TEXTS.replace("v1", "v2")).update()
    assert app(told) == ["v2", "v2b", ["v2/c"], ["v2"]]
    assert app("[m.held[n] is getattr(m, 'abcd'[n]) for n in range(4)]") == [True] * 4
    assert app("[m.d.tag, len(m.SEEN)]") == [2, 2]
    assert update["state"] == "complete"
    app.update(back_out=True)
    assert app(told) == ["v1", "v1b", ["v1/c"], ["v1"]]


def test_the_plan_tells_of_a_decorator_that_reads_what_changes_and_does_more(program: Start) -> None:
    app = program(texts=TEXTS, m=READS)
    plan = app.edit(texts=TEXTS.replace("v1", "v2")).plan()
    assert len(plan.notes) == 1, plan.notes
    (note,) = plan.notes
    assert "`counts` decorates otherwise now" in note.text and note.text.endswith("(d)")


def test_a_decorator_that_registers_otherwise_registers_again(program: Start) -> None:
    old = """
        TABLE = {}
        def route(path):
            def dec(f):
                TABLE[path] = f
                return f
            return dec
        @route('A')
        def a(): return 1
        @route('B')
        def b(): return 2
        held = a
    """
    app = program(m=old)
    app.edit(m=old.replace("TABLE[path]", "TABLE[path.lower()]").replace("return 1", "return 3")).update()
    assert app("[{k: f() for k, f in m.TABLE.items()}, m.held is m.a is m.TABLE['a']]") == [
        {"a": 3, "b": 2},
        True,
    ]
    app.update(back_out=True)
    assert app("[{k: f() for k, f in m.TABLE.items()}, m.held is m.TABLE['A']]") == [{"A": 1, "B": 2}, True]


@pytest.mark.parametrize(
    "hung",
    [
        "run.params.insert(0, debug)",
        "run.params += [debug]",
        "run.params[0] = debug",
        "run.first = debug",
        "run.settings['a'] = debug",
        "run.set(debug)",
        "run.sub.set(debug)",
    ],
)
def test_what_is_done_to_what_a_decorator_makes_anew_is_done_again(program: Start, hung: str) -> None:
    text = f"""
        debug = "debug"
        class Part:
            def set(self, value): self.given = value
        class Command(Part):
            def __init__(self, function):
                self.function, self.params, self.settings = function, [1], {{}}
                self.sub = Part()
            def __call__(self): return self.function()
        def command(function): return Command(function)
        @command
        def run(a=1): return 1
        {hung}
        def told(): return [run(), run.params, run.settings, getattr(run, "first", 0), vars(run).get("given"), vars(run.sub)]
    """
    app = program(m=text)
    before = app("m.told()")
    app.edit(m=text.replace("def run(a=1): return 1", "def run(a=1, b=2): return 1")).update()
    assert app("m.told()") == before


def test_the_plan_tells_what_is_not_done_again_to_what_is_made_anew(program: Start) -> None:
    text = """
        class Command:
            def __init__(self, function): self.function, self.params = function, [1]
        def command(function): return Command(function)
        def note():
            print("noted")
            return 5
        @command
        def run(a=1): return 1
        run.params.append(note())
    """
    app = program(m=text)
    plan = app.edit(m=text.replace("def run(a=1): return 1", "def run(a=1, b=2): return 1")).plan()
    assert [note.text for note in plan.notes if note.code == "not-again"] == [
        "`run.params.append(note())` is not run again, as it may do more: run is made anew without it"
    ]
