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
    app.podus("back-out", "app")
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
