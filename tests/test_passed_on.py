"""What has changed is followed to where it has another name, or is behind another procedure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

LOADS = "def load(): return [{}]\n"
LIMIT = "LIMIT = {}\n"
# What changes, what lies between, and who comes to it by another name.
WAYS = {
    "a procedure imported under another name": (
        LOADS,
        "from impl import load as fetch",
        "from api import fetch\nTABLE = fetch()",
    ),
    "a procedure in a package": (
        LOADS,
        "from impl import load as _load\nfetch = _load",
        "import api\nTABLE = api.fetch()",
    ),
    "a procedure assigned to another name": (
        LOADS + "fetch = load\n",
        "",
        "from impl import fetch\nTABLE = fetch()",
    ),
    "a procedure behind another": (
        LOADS,
        "import impl\ndef fetch(): return impl.load()",
        "from api import fetch\nTABLE = fetch()",
    ),
    "a procedure of a star import": (LOADS, "from impl import *", "from api import *\nTABLE = load()"),
    "data imported under another name": (
        LIMIT,
        "from impl import LIMIT as MOST",
        "import api\nTABLE = [api.MOST]",
    ),
    "data assigned to another name": (
        LIMIT,
        "import impl\nMOST = impl.LIMIT",
        "from api import MOST\nTABLE = [MOST]",
    ),
    "data behind a procedure": (
        LIMIT,
        "import impl\ndef most(): return impl.LIMIT",
        "import api\nTABLE = [api.most()]",
    ),
    "data of a star import": (LIMIT, "from impl import *", "from api import *\nTABLE = [LIMIT]"),
    "data of a class": (
        "class Conf:\n    LIMIT = {}\n",
        "from impl import Conf as Settings",
        "import api\nTABLE = [api.Settings.LIMIT]",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_has_another_name_is_followed(program: Start, way: str) -> None:
    impl, api, user = WAYS[way]
    app = program(impl=impl.format(1), api=api, user=user)
    app.edit(impl=impl.format(2)).update()
    assert app("user.TABLE") == [2]
    app.edit(impl=impl.format(1)).update()
    assert app("user.TABLE") == [1]


def test_a_decorator_under_another_name_decorates_again(program: Start) -> None:
    impl = "def mark(f):\n    f.mark = {}\n    return f\n"
    app = program(
        impl=impl.format(1),
        api="from impl import mark as tag",
        user="from api import tag\n@tag\ndef run(): pass",
    )
    app.edit(impl=impl.format(2)).update()
    assert app("user.run.mark") == 2


def test_what_a_method_of_another_name_gave_follows_if_that_is_all_it_does(program: Start) -> None:
    impl = "class Store:\n    @staticmethod\n    def load(): return [{}]\n"
    app = program(
        impl=impl.format(1),
        api="from impl import Store\nfetch = Store.load",
        user="from api import fetch\nTABLE = fetch()",
    )
    assert not app.edit(impl=impl.format(2)).plan().asks
    app.update()
    assert app("user.TABLE") == [2]


def test_what_a_method_of_another_name_gave_is_asked_about(program: Start) -> None:
    impl = "class Store:\n    @staticmethod\n    def load(): print(end=''); return [{}]\n"
    app = program(
        impl=impl.format(1),
        api="from impl import Store\nfetch = Store.load",
        user="from api import fetch\nTABLE = fetch()",
    )
    plan = app.edit(impl=impl.format(2)).plan()
    assert ["fetch()" in ask.text for ask in plan.asks] == [True]
    app.update(reset=["user:TABLE"])
    assert app("user.TABLE") == [2]


def test_a_name_that_is_bound_anew_is_another_thing(program: Start) -> None:
    impl = "def load(): return [{}]\n"
    app = program(
        impl=impl.format(1),
        api="from impl import load\nfetch = load\ndef fetch(): return [0]",
        user="from api import *\nTABLE = fetch()\ndef load(): return [3]\nOTHER = load()",
    )
    plan = app.edit(impl=impl.format(2)).plan()
    assert not plan.asks and [d.name for d in plan.data] == []
    app.update()
    assert app("[user.TABLE, user.OTHER]") == [[0], [3]]


def test_a_circle_of_stars_ends(program: Start) -> None:
    impl = "from api import *\nLIMIT = {}\n"
    app = program(
        impl=impl.format(1),
        api="from impl import *\nfirst = None\nlast = first",
        user="import impl\nTABLE = [impl.LIMIT]",
    )
    app.edit(impl=impl.format(2)).update()
    assert app("[user.TABLE, impl.LIMIT]") == [[2], 2]


@pytest.mark.parametrize(
    "how", ["globals()[n] = wrapped(globals()[n])", "setattr(sys.modules[__name__], n, 2)"]
)
def test_what_a_module_has_made_of_a_star_import_itself_stays(program: Start, how: str) -> None:
    old = "def f(): return 1\ndef g(): return 1\n"
    loop = f"import sys\nfrom a import *\ndef wrapped(f): return lambda: [f()]\nfor n in ('f',): {how}\n"
    app = program(a=old, b=loop)
    before = app("b.f if type(b.f) is int else b.f()")
    app.edit(a="# A remark.\n" + old.replace("g(): return 1", "g(): return 2")).update()
    assert app("[b.f if type(b.f) is int else b.f(), b.g()]") == [before, 2]
    # What another star import has brought is none of its own.
    app = program(a=old, c="def f(): return 3\n", b="from a import *\nfrom c import *\n")
    assert app("b.f()") == 3
    app.edit(c="X = 1\n").update()
    assert app("[b.f(), b.X]") == [1, 1]
