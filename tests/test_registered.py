"""Definitions that are registered otherwise than before, or no more: what their old decorators had put into registries is taken out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

ROUTE = "R = {}\ndef route(p):\n    def d(f):\n        R[p] = f\n        return f\n    return d\n"
APP = "class App:\n    def __init__(self): self.routes = {}\n    def route(self, p):\n        def d(f):\n            self.routes[p] = f\n            return f\n        return d\napp = App()\n"
EVENTS = "H = {}\ndef on(ev):\n    def d(f):\n        H.setdefault(ev, []).append(f)\n        return f\n    return d\n"
JOBS = "import functools\nR = []\ndef job(n):\n    def d(f):\n        @functools.wraps(f)\n        def w(): return f()\n        R.append((n, w))\n        return w\n    return d\n"
NAMED = "REG = {}\ndef reg(name):\n    def d(c):\n        REG[name] = c\n        return c\n    return d\n"
NODES = "class Node:\n    kinds = {}\n    def __init_subclass__(cls, kind): Node.kinds[kind] = cls\n"
PLUG = "REG = {}\ndef keep(c): REG[c.__name__] = c\ndef plug(c):\n    keep(c)\n    return c\n"
# What registers, then a definition in two versions, and what shows the registry before and after.
CHANGES = {
    "a route of an object": (
        APP,
        "@app.route('/a')\ndef a(): return 1\n",
        "'/a'",
        "'/b'",
        "list(m.app.routes)",
        ["/a"],
        ["/b"],
    ),
    "a route by a name that means something else": (
        APP,
        "P = '/v1'\n@app.route(P + '/a')\ndef a(): return 1\n@app.route('/b')\ndef b(): return P\n",
        "'/v1'",
        "'/v2'",
        "sorted(m.app.routes)",
        ["/b", "/v1/a"],
        ["/b", "/v2/a"],
    ),
    "a handler for an event by a name": (
        EVENTS,
        "class K:\n    A = 'a'\n@on(ev=K.A)\ndef a(): return 1\n",
        "A = 'a'",
        "A = 'b'",
        "[k for k, v in m.H.items() if v]",
        ["a"],
        ["b"],
    ),
    "a handler for another event": (
        EVENTS,
        "@on('a')\ndef a(): return 1\n",
        "'a'",
        "'b'",
        "[k for k, v in m.H.items() if v]",
        ["a"],
        ["b"],
    ),
    "one of two": (
        ROUTE,
        "@route('/a')\n@route('/b')\ndef h(): return 1\n",
        "'/b'",
        "'/c'",
        "sorted(m.R)",
        ["/a", "/b"],
        ["/a", "/c"],
    ),
    "tuples with wrappers": (
        JOBS,
        "@job(1)\ndef a(): return 1\n",
        "job(1)",
        "job(5)",
        "[n for n, f in m.R]",
        [1],
        [5],
    ),
    "a class": (NAMED, "@reg('a')\nclass A: pass\n", "'a'", "'z'", "list(m.REG)", ["a"], ["z"]),
    "a class by a keyword": (
        NODES,
        "class T(Node, kind='t'): pass\n",
        "'t'",
        "'text'",
        "list(m.Node.kinds)",
        ["t"],
        ["text"],
    ),
    "a function without its decorator": (
        PLUG,
        "@plug\ndef a(): return 1\n",
        "@plug\n",
        "",
        "list(m.REG)",
        ["a"],
        [],
    ),
    "a class without its decorator": (
        PLUG,
        "@plug\nclass a: pass\n",
        "@plug\n",
        "",
        "list(m.REG)",
        ["a"],
        [],
    ),
    "a class without its base": (
        NODES,
        "class T(Node, kind='t'): pass\n",
        "(Node, kind='t')",
        "",
        "list(m.Node.kinds)",
        ["t"],
        [],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_registered_otherwise(program: Start, change: str) -> None:
    head, text, before, after, shown, old, new = CHANGES[change]
    app = program(m=f"{head}{text}", other="import m\nothers = []\n")
    # What the program itself has put somewhere stays.
    app.run(
        f"import other\nheld = list(vars(m).values())[-1]\nother.others.append(held)\nassert {shown} == {old}"
    )
    # The registry is the program's own as well.
    app.edit(m=f"{head}{text.replace(before, after)}").update()
    assert app(shown) == new
    app.update(back_out=True)
    assert app(shown) == old
    assert app("other.others == [held]")


def test_what_another_statement_registers_stays(program: Start) -> None:
    app = program(m=ROUTE + "@route('/a')\ndef a(): return 1\nR['/'] = a\n")
    app.run("m.R['/run'] = m.a")
    app.replace("m", "'/a'", "'/b'").update()
    assert app("sorted(m.R)") == ["/", "/a", "/b", "/run"]


def test_a_list_in_a_table_loses_what_is_gone(program: Start) -> None:
    app = program(m=EVENTS + "@on('a')\ndef a(): return 1\n@on('a')\ndef b(): return 2\n")
    app.run("m.H['mine'] = [1]")
    app.edit(m=EVENTS + "@on('a')\ndef b(): return 2\n").update()
    assert app("[f() for f in m.H['a']]") == [2]


BUS = "LIST, SETS = [], {}\ndef on(name, rank=0):\n    def d(f):\n        LIST.append(f)\n        SETS.setdefault(name, set()).add(f)\n        return f\n    return d\n"
HELD = "[[f() for f in bus.LIST], {k: sorted(f() for f in v) for k, v in bus.SETS.items() if v}]"


def test_what_is_registered_in_the_same_place_again_stays(program: Start) -> None:
    app = program(bus=BUS, m="from bus import on\n@on('a')\ndef f(): return 1\n@on('a')\ndef g(): return 2\n")
    app.run("import bus, m; f = m.f")
    app.edit(
        m="from bus import on\n@on('a', rank=1)\ndef f(): return 10\n@on('a', 2)\n@on('b')\ndef g(): return 20\n"
    ).update()
    assert app(HELD) == [[10, 20], {"a": [10, 20], "b": [20]}]
    assert app("f is m.f is bus.LIST[0]")
    app.update(back_out=True)
    assert app(HELD) == [[1, 2], {"a": [1, 2]}]


def test_what_a_deleted_module_or_a_call_that_is_gone_has_registered_goes(program: Start) -> None:
    app = program(
        bus=BUS,
        m="from bus import on\ndef f(): return 1\non('a')(f)\n",
        old="from bus import on\n@on('a')\ndef h(): return 3\ndef k(): return 4\non('k')(k)\n",
        top="import m, old\n",
    )
    app.run("import bus")
    app.files(**{"new.py": "from bus import on\n@on('n')\ndef n(): return 5\n"})
    app.edit(m="from bus import on\ndef g(): return 2\non('a')(g)\n", top="import m, new\n")
    (app.root / "old.py").unlink()
    app.update()
    assert app(HELD) == [[2, 5], {"a": [2], "n": [5]}]
    app.update(back_out=True)
    assert sorted(app(HELD)[0]) == [1, 3, 4] and app(HELD)[1] == {"a": [1, 3], "k": [4]}


def test_tables_in_tables_that_were_there_stay_as_they_are(program: Start) -> None:
    old = "def f(): return 1\nDEEP = {'a': [{'f': f, 'len': len}], 'b': {'c': {'d': [f]}}}\n" + ROUTE
    new = old + "@route('/x')\ndef x(): return 2\n"
    app = program(m=old)
    app.edit(m=new + "1 / 0\n")
    app.until(app.begin(), "failed")
    seen = (
        "[m.DEEP['a'][0]['f'](), m.DEEP['a'][0]['len']([1]), [g() for g in m.DEEP['b']['c']['d']], list(m.R)]"
    )
    assert app(seen) == [1, 1, [1], []]
    app.edit(m=new).update()
    assert app(seen) == [1, 1, [1], ["/x"]]
    app.update(back_out=True)
    assert app(seen) == [1, 1, [1], []]


def dispatching(kinds: str, *, method: bool, by: str) -> str:
    """A generic function with a nameless implementation for each of ``kinds``, which ``by`` call or annotation are registered."""
    rows = ["@functools.singledispatchmethod" if method else "@functools.singledispatch"]
    mine = "self, " if method else ""
    rows.append(f"def f({mine}x): return 'other'")
    for kind in kinds.split():
        rows.append(f"@f.register({kind})" if by == "call" else "@f.register")
        rows.append(f"def _({mine}x{'' if by == 'call' else ': ' + kind}): return '{kind}'")
    if not method:
        return "import functools\n" + "\n".join(rows) + "\n"
    return "import functools\nclass C:\n" + "".join(f"    {row}\n" for row in rows) + "f = C().f\n"


@pytest.mark.parametrize("by", ["call", "annotation"])
@pytest.mark.parametrize("method", [False, True], ids=["function", "method"])
@pytest.mark.parametrize(
    ("old", "new"),
    [("int list", "int list dict"), ("int list", "str list"), ("int list dict", "list str"), ("int", "str")],
    ids=["one more", "another", "fewer", "another one"],
)
def test_what_a_generic_function_chooses_among(
    program: Start, old: str, new: str, method: bool, by: str
) -> None:
    app = program(shop=dispatching(old, method=method, by=by))
    values = {"int": "1", "str": "'a'", "list": "[]", "dict": "{}"}
    asked = f"[shop.f(v) for v in ({', '.join(values.values())})]"

    def chosen(kinds: str) -> list[str]:
        return [kind if kind in kinds.split() else "other" for kind in values]

    assert app(asked) == chosen(old)
    app.edit(shop=dispatching(new, method=method, by=by)).update()
    assert app(asked) == chosen(new)
    app.update(back_out=True)
    assert app(asked) == chosen(old)


GENERIC = "from functools import singledispatch\n@singledispatch\ndef f({}): return 'other'\n@f.register(int)\ndef fi(x, **k): return 'int'\n"
GROUP = "class Group:\n    def __init__(self, f): self.f, self.commands = f, {}\n    def command(self, name):\n        def d(f):\n            self.commands[name] = f\n            return f\n        return d\n    def add(self, f): self.commands[f.__name__] = f\n"
CLI = "from tools import Group\n@Group\ndef cli({}): pass\n@cli.command('run')\ndef run(): return 1\ndef stop(): return 2\ncli.add(stop)\n"
FIELD = "class Field:\n    def __init__(self, f): self.f, self.checks = f, []\n    def check(self, f):\n        self.checks.append(f)\n        return f\nclass C:\n    @Field\n    def age(x{}): return x\n    @age.check\n    def positive(x): return x > 0\n"


def test_what_hangs_on_a_definition_that_runs_again_hangs_on_the_new_one(program: Start) -> None:
    app = program(
        tools=GROUP,
        generic=GENERIC.format("x"),
        more="from generic import f\nimport generic\n@f.register(str)\ndef fs(x, **k): return 'str'\n@generic.f.register(list)\ndef fl(x, **k): return 'list'\n",
        shop=CLI.format(""),
        plugin="import shop\nfrom shop import cli\n@cli.command('more')\ndef more(): return 3\n@shop.cli.command('last')\ndef last(): return 4\n",
        fields=FIELD.format(""),
    )
    app.run("held = generic.f")
    shown = (
        "[[held(v) for v in (1, 'a', [], 1.5)], sorted(shop.cli.commands), len(vars(fields.C)['age'].checks)]"
    )
    before = app(shown)
    assert before == [["int", "str", "list", "other"], ["last", "more", "run", "stop"], 1]
    app.edit(
        generic=GENERIC.format("x: object, *, n=1"), shop=CLI.format("v=1"), fields=FIELD.format("=1")
    ).update()
    assert app(shown) == before
    assert app("[held is generic.f, plugin.cli is shop.cli, shop.cli.f.__defaults__]") == [True, True, [1]]
    app.update(back_out=True)
    assert app(shown) == before


SEES = """
    import inspect
    routes = {}
    def get(path):
        def deco(f):
            routes[path] = (f, list(inspect.signature(f).parameters), inspect.iscoroutinefunction(f), inspect.isgeneratorfunction(f))
            return f
        return deco
"""
VIEW = "from lib import get\nclass V:\n    @get('/v')\n    def view(self): return 1\n@get('/x')\ndef view(a):\n    return a\n"


@pytest.mark.parametrize(
    "change",
    [
        ("view(a)", "view(a, b=1)"),
        ("def view(a)", "async def view(a)"),
        ("return a", "yield a"),
        ("def view(self)", "async def view(self)"),
        ("view(a)", "view(a: int)"),
    ],
)
def test_what_a_decorator_sees_of_a_definition_is_seen_again(program: Start, change: tuple[str, str]) -> None:
    app, fresh = program(lib=SEES, m=VIEW), program(lib=SEES, m=VIEW.replace(*change))
    app.run("held = m.view; method = m.V.view")
    app.edit(m=VIEW.replace(*change)).update()
    seen = "[[path, *row[1:]] for path, row in lib.routes.items()]"
    assert app(seen) == fresh(seen)
    assert app("[row[0] in (m.view, m.V.view) for row in lib.routes.values()]") == [True, True]
    app.update(back_out=True)
    assert app("[held is m.view, method is m.V.view, held(1)]") == [True, True, 1]


RECORDS = {
    "in a list": "JOBS = []\ndef job(n):\n    def d(f):\n        JOBS.append({'n': n, 'f': f})\n        return f\n    return d\n",
    "in a table": "JOBS = {}\ndef job(n):\n    def d(f):\n        JOBS[f.__name__] = {'n': n, 'f': f}\n        return f\n    return d\n",
    "as lists": "JOBS = []\ndef job(n):\n    def d(f):\n        JOBS.append([n, f])\n        return f\n    return d\n",
}


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_goes_as_a_whole(program: Start, kind: str) -> None:
    text = RECORDS[kind] + "@job(1)\ndef a(): return 'a'\n@job(2)\ndef b(): return 'b'\n"
    app = program(m=text)
    rows = "m.JOBS.values()" if kind == "in a table" else "m.JOBS"
    said = f"sorted([row[{0 if kind == 'as lists' else repr('n')}], row[{1 if kind == 'as lists' else repr('f')}]()] for row in {rows})"
    assert app(said) == [[1, "a"], [2, "b"]]
    app.edit(m=text.replace("@job(1)", "@job(5)")).update()
    assert app(said) == [[2, "b"], [5, "a"]]
    app.update(back_out=True)
    assert app(said) == [[1, "a"], [2, "b"]]
    app.edit(m=text.replace("@job(2)\ndef b(): return 'b'\n", "")).update()
    assert app(said) == [[1, "a"]]


COMMANDS = """
    from dataclasses import dataclass
    class Command:
        def __init__(self, f): self.callback = f
    @dataclass
    class Slim:
        __slots__ = ('f',)
        f: object
    ALL, JOBS = {}, []
    def command(kind):
        def dec(f):
            ALL[f.__name__] = made = kind(f)
            return made
        return dec
"""


@pytest.mark.parametrize("kind", ["Command", "Slim"])
def test_an_object_that_a_decorator_has_made_goes_with_its_definition(program: Start, kind: str) -> None:
    one, two = (f"    @command({kind})\n    def {n}(): return 1\n" for n in "ab")
    app = program(m=COMMANDS + one + two)
    # What the program itself has made of the function stays.
    app.run("f = list(m.b.__dict__.values() if hasattr(m.b, '__dict__') else [m.b.f])[0]")
    app.run("m.JOBS.append(m.Command(f)); m.ALL['mine'] = m.Command(f)")
    app.edit(m=COMMANDS + one).update()
    assert app("[sorted(m.ALL), len(m.JOBS), hasattr(m, 'b')]") == [["a", "mine"], 1, False]
    app.update(back_out=True)
    assert app("[sorted(m.ALL), m.ALL['b'] is m.b]") == [["a", "b", "mine"], True]


PLUGINS = """
    BY_NAME, ALL, PLAIN, JOBS, ALIASES = {}, [], [], [], {}
    class Plugin:
        name = kind = None
        def __init_subclass__(cls):
            BY_NAME[cls.name] = cls
            ALL.append((cls.name, cls))
            PLAIN.append(cls)
            assert cls not in JOBS and ALIASES is not None
"""


def test_a_hook_registers_a_class_by_what_it_says_now(program: Start) -> None:
    one = "    class One(Plugin):\n        name = 'one'\n        def run(self): return 1\n"
    two = one.replace("One", "Two").replace("'one'", "'two'")
    app = program(m=PLUGINS + one + two)
    # What the program itself has put somewhere stays.
    app.run("kept = m.One; m.JOBS.append((1, kept)); m.ALIASES['x'] = kept")
    assert app("[len(m.JOBS), list(m.ALIASES)]") == [1, ["x"]]
    told = "[sorted(m.BY_NAME), sorted(n for n, _ in m.ALL), [c.__name__ for c in m.PLAIN].count('One')]"
    app.edit(m=PLUGINS + one.replace("'one'", "'first'") + two).update()
    assert app(told) == [["first", "two"], ["first", "two"], 1]
    assert app("[m.BY_NAME['first'] is m.One is kept, len(m.JOBS), list(m.ALIASES)]") == [True, 1, ["x"]]
    # What does not tell it another name registers it in the same place.
    app.edit(m=PLUGINS + one.replace("'one'", "'first'").replace("return 1", "return 2") + two).update()
    assert app(told) == [["first", "two"], ["first", "two"], 1]
    app.update(back_out=True)
    app.update(back_out=True)
    assert app(told) == [["one", "two"], ["one", "two"], 1]


ROUTES = """
    class Route:
        def __init__(self, path, view): self.path, self.view = path, view
    class App:
        def __init__(self): self.routes, self.by_path, self.jobs = [], {}, []
        def route(self, path):
            def dec(f):
                self.routes.append(Route(path, f))
                self.by_path[path] = Route(path, f)
                return f
            return dec
    app = App()
    @app.route('/a')
    def a(): return 1
    @app.route('/b')
    def b(): return 2
"""


def test_an_object_that_tells_of_a_definition_goes_where_there_is_a_new_one(program: Start) -> None:
    app = program(m=ROUTES)
    # Nobody has put the program's own jobs there again.
    app.run("m.app.jobs.append(m.Route('job', m.b)); kept = m.b")
    told = (
        "[[(r.path, r.view()) for r in m.app.routes], sorted(m.app.by_path), [j.view() for j in m.app.jobs]]"
    )
    app.edit(m=ROUTES.replace("'/b'", "'/c'").replace("return 2", "return 3")).update()
    assert app(told) == [[["/a", 1], ["/c", 3]], ["/a", "/c"], [3]]
    assert app("m.app.routes[1].view is m.b is kept is m.app.jobs[0].view")
    app.update(back_out=True)
    assert app(told) == [[["/a", 1], ["/b", 2]], ["/a", "/b"], [2]]


def test_a_class_statement_that_makes_another_object_says_that_it_is_another(
    program: Callable[..., Program],
) -> None:
    text = """
        KNOWN = []
        class Interface:
            def __init__(self, name, bases=(), names=None):
                self.name, self.names = name, dict(names or {})
                KNOWN.append(self)
        Base = Interface("Base")
        class IThing(Base):
            def told(): return 1
    """
    app = program(m=text)
    done = app.edit(m=text.replace("def told()", "size = 5\n            def told()")).update()
    assert app("m.IThing.names['size']") == 5
    assert [note for note in done["notes"] if "m:IThing is made anew" in note]


OBJECT = "class Route:\n    def __init__(self, key, f): self.key, self.f = key, f\n"
DECORATES = "    def decorate(f):\n        {put}\n        return f\n    return decorate\n"
# How a registry may keep what is decorated: what comes first, what the decorator does, and what there is.
REGISTRIES = {
    "list": ("handlers = []\n", "handlers.append(f)", "handlers"),
    "table": ("handlers = {}\n", "handlers[key] = f", "handlers.values()"),
    "lists": (
        "handlers = {}\n",
        "handlers.setdefault(key, []).append(f)",
        "[f for fs in handlers.values() for f in fs]",
    ),
    "defaultdict": (
        "from collections import defaultdict\nhandlers = defaultdict(list)\n",
        "handlers[key].append((1, f))",
        "[f for fs in handlers.values() for _, f in fs]",
    ),
    "deep": (
        "handlers = {}\n",
        "handlers.setdefault(key, {}).setdefault(1, []).append(f)",
        "[f for table in handlers.values() for fs in table.values() for f in fs]",
    ),
    "tuples": ("handlers = []\n", "handlers.append((key, f))", "[f for _, f in handlers]"),
    "objects": (f"{OBJECT}handlers = []\n", "handlers.append(Route(key, f))", "[r.f for r in handlers]"),
}
OBJECT_ROUTER = f"{OBJECT}class Router:\n    def __init__(self): self.handlers = []\n    def on(self, key):\n        def decorate(f):\n            self.handlers.append(Route(key, f))\n            return f\n        return decorate\n"
VIEWS = "@on('a')\ndef a(): return 'a'\n@on('b')\ndef b(): return 'b'\n"
# What is done to them, and what is registered afterwards.
EDITS = {
    "body": (lambda text: text.replace("return 'a'", "return 'A'"), ["A", "b"]),
    "parameter": (lambda text: text.replace("a(): return 'a'", "a(k='a2'): return k"), ["a2", "b"]),
    "key": (lambda text: text.replace("on('a')", "on('c')"), ["a", "b"]),
    "gone": (lambda text: text[text.index("@on('b')") :], ["b"]),
    "added": (lambda text: text + "@on('d')\ndef d(): return 'd'\n", ["a", "b", "d"]),
    "both": (lambda text: text[text.index("@on('b')") :].replace("'b'", "'e'"), ["e"]),
}


@pytest.mark.parametrize("kind", [*REGISTRIES, "router", "installed"])
def test_each_definition_is_registered_once(program: Start, kind: str) -> None:
    """However the registry keeps it, and whatever is done to the definition; and as before when that is taken back."""
    modules = {"bus": "", "at": "import sys\nsys.path.append('lib/site-packages')\n"}
    prefix, at, there = "from bus import on\n", "@on", ""
    if kind in REGISTRIES:
        first, put, there = REGISTRIES[kind]
        modules["bus"] = first + "def on(key):\n" + DECORATES.format(put=put)
        there = f"eval({there!r}, vars(bus))"
    else:
        modules["lib/site-packages/fw.py" if kind == "installed" else "fw"] = OBJECT_ROUTER
        prefix, at = "import fw\nrouter = fw.Router()\n", "@router.on"
        there = "[route.f for route in views.router.handlers]"
    app = program(**modules, views=prefix + VIEWS.replace("@on", at))
    for edit, right in EDITS.values():
        app.edit(views=prefix + edit(VIEWS).replace("@on", at)).update()
        found = app(f"[f() for f in {there}]")
        # An object that tells of it stays in its place.
        assert (found if at == "@router.on" else sorted(found, key=str.lower)) == right
        app.update(back_out=True)
        found = app(f"[f() for f in {there}]")
        # What comes back into a table comes to its end.
        assert (sorted(found) if kind in ("table", "lists", "defaultdict", "deep") else found) == ["a", "b"]


# As FastAPI has it: who includes a router goes by its routes as they were at its last count.
ROUTING = """
class Route:
    def __init__(self, path, view):
        self.path, self.view, self.words = path, view, view.__code__.co_varnames[:view.__code__.co_argcount]
class APIRouter:
    def __init__(self):
        self.routes = []
        self.count = 0
    def _mark_routes_changed(self):
        self.count += 1
    def get(self, path):
        def add(view):
            self.routes.append(Route(path, view))
            self._mark_routes_changed()
            return view
        return add
class Including:
    def __init__(self, router): self.router, self.seen, self.known = router, -1, []
    def all(self):
        if self.seen != self.router.count:
            self.known, self.seen = [(r.path, r.words) for r in self.router.routes], self.router.count
        return self.known
"""


def test_who_goes_by_a_count_of_changes_is_told_of_them(program: Start) -> None:
    old = "from fastapi.routing import APIRouter, Including\nrouter = APIRouter()\n@router.get('a')\ndef a(): return 1\napp = Including(router)\n"
    app = program(m="", **{"fastapi/__init__.py": "", "fastapi/routing.py": ROUTING})
    app.edit(m=old).update()
    assert app("m.app.all()") == [["a", []]]
    app.edit(
        m=old.replace("a():", "a(k=1):").replace("app =", "@router.get('b')\ndef b(): return 2\napp =")
    ).update()
    assert app("m.app.all()") == [["a", ["k"]], ["b", []]]
    app.update(back_out=True)
    assert app("m.app.all()") == [["a", []]]


HOOKED = "class Base:\n    known = {}\n    def __init_subclass__(cls): Base.known[cls.__name__] = cls\nclass A(Base): pass\nclass B(Base): pass\n"


@pytest.mark.parametrize(
    ("edits", "names"),
    [
        (
            [
                ("class Base:", "import typing\nT = typing.TypeVar('T')\nclass Base(typing.Generic[T]):"),
                ("(Base)", "(Base[T])"),
            ],
            ["A", "B"],
        ),
        (
            [
                ("class Base:", "import abc\nclass Base(abc.ABC):"),
                ("known = {}", "known: dict = {}"),
                ("class B(Base)", "class C(Base): pass\nclass B(Base)"),
            ],
            ["A", "B", "C"],
        ),
    ],
    ids=["a generic base", "an abstract base with an annotation and a class more"],
)
def test_a_table_of_classes_that_a_hook_fills_is_filled(
    program: Start, edits: list[tuple[str, str]], names: list[str]
) -> None:
    new = HOOKED
    for before, after in edits:
        new = new.replace(before, after)
    app = program(m=HOOKED)
    app.run("held, A = m.Base.known, m.A")
    app.edit(m=new).update()
    assert app("[sorted(m.Base.known), m.Base.known is held, held['A'] is m.A is A]") == [names, True, True]
    app.update(back_out=True)
    assert app("[sorted(held), held['A'] is A]") == [["A", "B"], True]


@pytest.mark.parametrize("entry", ["Entry(f)", "(f.__name__, f)"])
def test_a_registry_that_refuses_a_second_one_and_holds_a_record_of_it(program: Start, entry: str) -> None:
    held = "TASKS[f.__name__].f" if "Entry" in entry else "TASKS[f.__name__][1]"
    reg = f"class Entry:\n    def __init__(self, f): self.f = f\nTASKS = {{}}\ndef task(f):\n    if f.__name__ in TASKS and {held} is not f: raise KeyError(f.__name__)\n    TASKS[f.__name__] = {entry}\n    return f\n"
    deco = "import functools\ndef traced(f):\n    @functools.wraps(f)\n    def w(*a): return ['traced', f(*a)]\n    return w\n"
    app = program(reg=reg, deco=deco, m="from reg import task\n@task\ndef add(a): return a\n")
    app.edit(
        m="from reg import task\nfrom deco import traced\n@task\n@traced\ndef add(a): return a\n"
    ).update()
    got = held.replace("f.__name__", "'add'")
    assert app(f"[reg.{got}(1), m.add(1)]") == [["traced", 1], ["traced", 1]]


def test_a_class_that_is_refused_again_gets_all_steps_of_its_data(program: Start) -> None:
    """As the locales of arrow 1.4, of which another import changes what they are annotated with."""
    base = "NAMES = {}\nclass Base:\n    def __init_subclass__(cls):\n        if cls.name in NAMES: raise LookupError(cls.name)\n        NAMES[cls.name] = cls.__name__\n"
    text = "from typing import Dict\nT = int\n" + base
    text += "class L(Base):\n    name = 'l'\n    times: Dict[T, str] = {1: 'a', 2: 'b'}\n    only = times.copy()\n    only[1] = 'x'\n    only.update({3: 'c'})\n"
    app = program(m=text)
    app.edit(m=text.replace("T = int", "T = float")).update()
    assert app("[m.L.only[n] for n in (1, 2, 3)]") == ["x", "b", "c"]
    app.update(back_out=True)
    assert app("[m.L.only[n] for n in (1, 2, 3)]") == ["x", "b", "c"]
