"""What Python has noted of classes (slots for copying, instances of abstract classes, choices of single dispatch) when these change."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from podus.updating.binding import Stall, Switch, commit_unless_active
from podus.updating.forward import _undo
from tests.programs import Program

Start = Callable[..., Program]


@pytest.mark.parametrize("use", ["copy.copy(d)", "pickle.dumps(d)"])
def test_a_class_with_slots_that_was_copied_gets_a_field(program: Start, use: str) -> None:
    old = "from dataclasses import dataclass\n@dataclass(slots=True)\nclass D:\n    x: int\n"
    app = program(m=old)
    app.run(f"import copy, pickle\nd = m.D(1)\n{use}")
    app.edit(m=old + "    z: int = 5\n").update()
    assert app("[repr(d), repr(copy.copy(d)), repr(pickle.loads(pickle.dumps(d)))]") == ["D(x=1, z=5)"] * 3
    app.update(back_out=True)
    assert app("[repr(d), repr(copy.copy(d))]") == ["D(x=1)"] * 2


def test_a_class_that_was_pickled_moves_into_a_package(program: Start) -> None:
    cart = "class Cart:\n    def __init__(self): self.n = 1\n    def show(self): return self.n\n"
    app = program(shop=cart, n="from shop import Cart\nimport shop\n")
    app.run("import pickle; c = n.Cart(); p = pickle.dumps(c)")
    (app.root / "shop.py").unlink()
    moved = cart.replace("self.n\n", "self.n * 10\n")
    app.files(**{"shop/__init__.py": "from .cart import Cart\n", "shop/cart.py": moved}).update()
    assert app("[c.show(), type(c) is n.shop.Cart, pickle.loads(p).show()]") == [10, True, 10]


def test_a_switch_that_raises_in_the_middle_is_taken_back() -> None:
    class Cart:
        size = 1

    names = {"a": 1}
    switches = [Switch(), Switch()]
    switches[0].set_class_attribute(Cart, "size", 2)
    switches[0].set_item(names, "a", 2)
    switches[1].delete_class_attribute(Cart, "size")
    switches[1].delete_class_attribute(Cart, "size")
    switches[1].set_item(names, "b", 3)
    ops = [op for switch in switches for op in switch.do]
    with pytest.raises(AttributeError):
        commit_unless_active((), ops, Stall(), undo=lambda done: _undo(switches, 0, done))
    assert Cart.size == 1
    assert names == {"a": 1}


SIZED = "from collections.abc import Sized\nclass C:\n    x = 1\n"
LENGTH = "    def __len__(self): return 1\n"


@pytest.mark.parametrize(("old", "new"), [(SIZED + LENGTH, SIZED), (SIZED, SIZED + LENGTH)])
def test_who_is_an_instance_of_an_abstract_class(program: Start, old: str, new: str) -> None:
    app = program(m=old)
    app.run("c = m.C()\nclass Below(m.C): pass\nb = Below()")
    asked = "[isinstance(c, m.Sized), isinstance(b, m.Sized)]"
    assert app(asked) == [LENGTH in old] * 2
    app.edit(m=new).update()
    assert app(asked) == [LENGTH in new] * 2
    app.update(back_out=True)
    assert app(asked) == [LENGTH in old] * 2


def test_single_dispatch_by_another_base(program: Start) -> None:
    old = "import functools\nclass A: pass\nclass B: pass\nclass C(A): pass\n@functools.singledispatch\ndef f(x): return 'o'\n@f.register\ndef _(x: A): return 'a'\n@f.register\ndef _(x: B): return 'b'\n"
    app = program(m=old)
    app.run("c = m.C()")
    assert app("m.f(c)") == "a"
    app.replace("m", "class C(A)", "class C(B)").update()
    assert app("m.f(c)") == "b"
    app.update(back_out=True)
    assert app("m.f(c)") == "a"


METHOD = "import functools\nclass C:\n    @functools.singledispatchmethod\n    def show(self, x): return 'any'\n    @show.register\n    def _(self, x: int): return 'int'\n"
TEXT = "    @show.register\n    def _(self, x: str): return 'str'\n"


def test_a_method_that_dispatches_gets_and_loses_an_implementation(program: Start) -> None:
    app = program(m=METHOD)
    app.run("c = m.C()")
    asked = "[c.show(None), c.show(1), c.show('')]"
    assert app(asked) == ["any", "int", "any"]
    app.edit(m=METHOD + TEXT).update()
    assert app(asked) == ["any", "int", "str"]
    app.update(back_out=True)
    assert app(asked) == ["any", "int", "any"]
    app.update()
    app.edit(m=METHOD[: METHOD.index("    @show")] + TEXT).update()
    assert app(asked) == ["any", "any", "str"]
