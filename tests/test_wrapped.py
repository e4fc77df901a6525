"""What an assignment wraps (``f = cached(f)``), and who holds what was decorated otherwise: calls come to the new wrapper once, and never round and round."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

WRAP = """
    import functools
    def ten(f):
        def w(*a): return f(*a) * 10
        return w
    def two(n):
        def d(f):
            def w(*a): return f(*a) * n
            return w
        return d
"""
PLAIN = """
    from wrap import *
    def m(x=1): return x
    raw = m
    class C:
        def m(self, x=1): return x
        raw = m
"""
ALL = "[shop.m(), shop.raw(), held(), user.m(), shop.C().m(), shop.C().raw(), bound()]"


def versions() -> dict[str, tuple[str, str, list[int]]]:
    wrapped = PLAIN.replace("    class", "    m = ten(m)\n    class") + "        m = ten(m)\n"
    return {
        # What held the plain one holds that in a fresh process, too.
        "added": (PLAIN, wrapped, [10, 1, 1, 10, 10, 1, 1]),
        "added to a changed one": (
            PLAIN,
            wrapped.replace("return x", "return x + 1"),
            [20, 2, 2, 20, 20, 2, 2],
        ),
        "taken out": (wrapped, PLAIN, [1, 1, 1, 1, 1, 1, 1]),
        "changed": (wrapped, wrapped.replace("ten(m)", "two(2)(m)"), [2, 1, 2, 2, 2, 1, 2]),
        "around another default": (wrapped, wrapped.replace("x=1", "x=3"), [30, 3, 30, 30, 30, 3, 30]),
        "of the library": (
            PLAIN,
            wrapped.replace("ten(m)", "functools.partial(m, 5)"),
            [5, 1, 1, 5, 5, 1, 1],
        ),
    }


@pytest.mark.parametrize("change", versions())
def test_a_definition_that_an_assignment_wraps(program: Start, change: str) -> None:
    old, new, values = versions()[change]
    app = program(wrap=WRAP, shop=old, user="from shop import m")
    app.run("import shop, user; held = shop.m; bound = shop.C().m")
    before = app(ALL)
    if change == "of the library":
        # A partial is not bound to the object.
        new = new.rpartition("\n        m = ")[0] + "\n"
        values = [*values[:4], 1, 1, 1]
    app.edit(shop=new).update()
    assert app(ALL) == values
    app.update(back_out=True)
    assert app(ALL) == before


DECORATED = """
    from wrap import *
    @ten
    def m(x=1): return x
    alias = m
    class C:
        @ten
        def m(self, x=1): return x
    bound, table, many = C().m, {"m": m}, [m]
"""


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        (DECORATED.replace("@ten", "# no"), DECORATED, 10),
        (DECORATED, DECORATED.replace("@ten", "# no"), 1),
        (DECORATED, DECORATED.replace("@ten", "@two(3)"), 3),
        (DECORATED, DECORATED.replace("@ten", "@two(3)\n@ten"), 30),
    ],
    ids=["added", "taken out", "another", "one more"],
)
def test_who_holds_what_is_decorated_otherwise(program: Start, old: str, new: str, value: int) -> None:
    new = new.replace("@two(3)\n@ten\n    def", "@two(3)\n    @ten\n    def").replace(
        "@two(3)\n@ten\n        def", "@two(3)\n        @ten\n        def"
    )
    app = program(wrap=WRAP, shop=old)
    before = app("shop.m()")
    holders = "[shop.m(), shop.alias(), shop.bound(), shop.C().m(), shop.table['m'](), shop.many[0]()]"
    app.edit(shop=new).update()
    assert app(holders) == [value] * 6
    assert app("shop.alias is shop.m is shop.table['m']")
    app.update(back_out=True)
    assert app(holders) == [before] * 6


NESTED = """
def deco(f):
    def w(*args): return [f.__name__, f(*args)]
    return w
@deco
def a(): return 'a'
@deco
@deco
def b(): return 'b'
combined = deco(a)
"""


def test_a_wrapper_that_gets_another_function_leaves_the_one_that_it_had(
    program: Callable[..., Program],
) -> None:
    app = program(m=NESTED)
    app.run("a, b, combined = m.a, m.b, m.combined")
    app.edit(m=NESTED.replace("deco(a)", "deco(b)").replace("'b'", "'c'")).update()
    assert app("[m.a(), m.b(), m.combined(), combined is m.combined, a is m.a, b is m.b]") == [
        *(["a", "a"], ["w", ["b", "c"]], ["w", ["w", ["b", "c"]]]),
        *(True, True, True),
    ]
    app.update(back_out=True)
    assert app("[m.a(), m.b(), m.combined()]") == [["a", "a"], ["w", ["b", "b"]], ["w", ["a", "a"]]]


HIERARCHY = """
def wrapped(f):
    def nf(self, *args): return [f.__qualname__, f(self, *args)]
    return nf
def immutable(cls):
    if hasattr(cls, 'done'):
        cls.load = wrapped(cls.load)
        return cls
    class made(cls):
        done = True
        @wrapped
        def load(self, state): return super().load(state)
    made.__name__, made.__qualname__, made.__module__ = cls.__name__, cls.__qualname__, cls.__module__
    return made
@immutable
class Data:
    level = 1
    def load(self, state): return state
@immutable
class Text(Data):
    level = 1
@immutable
class Name(Data):
    level = 1
"""


def test_wrappers_of_inherited_methods_stay_those_of_their_classes(program: Callable[..., Program]) -> None:
    app = program(m=HIERARCHY)
    app.run("d, t, n = m.Data(), m.Text(), m.Name()")
    seen = "[d.load(1), t.load(2), n.load(3), m.Data().load(1), m.Name().load(3), n.level, isinstance(n, m.Data)]"
    first = ["immutable.<locals>.made.load", 1]
    before = app(seen)
    assert before[0] == first
    # One of them goes through another one now.
    new = HIERARCHY.replace("level = 1", "level = 2").replace("class Name(Data)", "class Name(Text)")
    app.edit(m=new).update()
    nf = "wrapped.<locals>.nf"
    assert app(seen) == [
        *(first, [nf, [first[0], 2]], [nf, [nf, [first[0], 3]]]),
        *(first, [nf, [nf, [first[0], 3]]], 2, True),
    ]
    app.update(back_out=True)
    assert app(seen) == before


COUNTING = """
import functools
def counted(f):
    @functools.wraps(f)
    def w(*a):
        w.calls += 1
        return f(*a)
    w.calls = 0
    return w
def limited(most):
    def d(f):
        used = 0
        @functools.wraps(f)
        def w(*a):
            nonlocal used
            used += 1
            return f(*a) if used <= most else "limit"
        return w
    return d
"""


def test_what_a_wrapper_counts_goes_on_when_its_definition_is_decorated_again(program: Start) -> None:
    text = "from wrap import *\n@counted\n@limited(3)\ndef f(x, y=1): return x + y\n"
    app = program(wrap=COUNTING, shop=text)
    app.run("[shop.f(1) for _ in range(4)]")
    app.replace("shop", "y=1", "y=2").update()
    assert app("[shop.f(1), shop.f.calls]") == ["limit", 5]
    # The decorator's own argument is none of that.
    app.replace("shop", "limited(3)", "limited(9)").update()
    assert app("[shop.f(1), shop.f.calls]") == [3, 6]
    app.update(back_out=True)
    assert app("[shop.f(1), shop.f.calls]") == ["limit", 7]


def test_a_decorator_that_counts_otherwise_begins_anew(program: Start) -> None:
    app = program(wrap=COUNTING, shop="from wrap import *\n@counted\ndef f(x): return x\n")
    app.run("shop.f(1)")
    app.replace("wrap", "w.calls = 0", "w.calls = 10").replace("wrap", "calls += 1", "calls -= 1")
    app.replace("shop", "(x)", "(x, y=1)").update()
    assert app("[shop.f(1), shop.f.calls]") == [1, 9]


CLOSED = "def maker(n):\n    def run(x): return [n, x]\n    return run\n"


@pytest.mark.parametrize(
    ("parameters", "result", "expected"),
    [
        ("x, y=5", "[n, x, y]", [1, 2, 5]),
        ("x, *, y='a'", "[n, x, y]", [1, 2, "a"]),
        ("x=0, y=(1, 2)", "[n, x, y]", [1, 2, [1, 2]]),
        ("x, y=[]", "[n, x, y]", [1, 2]),
    ],
)
def test_closures_get_the_defaults_of_their_new_version(
    program: Start, parameters: str, result: str, expected: object
) -> None:
    app = program(m=CLOSED)
    app.run("held = m.maker(1)")
    new = CLOSED.replace("run(x): return [n, x]", f"run({parameters}): return {result}")
    plan = app.edit(m=new).plan()
    said = [note for row in plan.procedures for note in row.notes if "default of y" in note]
    # A list would be another one for each.
    assert bool(said) == ("[]" in parameters)
    app.update()
    assert app("held(2)") == expected
    app.update(back_out=True)
    assert app("held(2), held.__defaults__, held.__kwdefaults__") == [[1, 2], None, None]
