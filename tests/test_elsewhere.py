"""Fields that no constructor sets, but a method that live objects have gone through: they get them, or the plan asks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

BASE = "class Base:\n    def __init__(self): self.open()\n    def open(self): self.ready = True\n"


@pytest.mark.parametrize("apart", [False, True], ids=["one module", "two modules"])
def test_what_a_constructor_calls_may_be_a_method_of_a_class_below(program: Start, apart: bool) -> None:
    head = "from base import Base\n" if apart else BASE
    old = f"{head}class C(Base):\n    def open(self):\n        super().open()\n        self.n = 1\n    def f(self):\n        return self.n\n"
    app = program(m=old, **({"base": BASE} if apart else {}))
    app.run("o = m.C()")
    app.replace("m", "self.n = 1", "self.n = 1\n        self.seen = []")
    plan = app.replace("m", "return self.n", "self.seen.append(2)\n        return self.seen").plan()
    assert not plan.asks
    app.update()
    assert app("[o.f(), m.C().f()]") == [[2], [2]]
    app.update(back_out=True)
    assert app("[o.f(), vars(o)]") == [1, {"ready": True, "n": 1}]


LINE = """class Line:
    def __init__(self): self.size = 3
    def connect(self, peer):
        self.peer = peer
        return self
    def send(self):
        return self.peer
"""


def test_an_object_that_has_gone_through_a_method_gets_what_that_sets_besides(program: Start) -> None:
    app = program(m=LINE)
    app.run("a, b = m.Line().connect('x'), m.Line()")
    app.replace("m", "self.peer = peer", "self.peer = peer\n        self.sent = [self.size, peer]")
    plan = app.replace("m", "return self.peer", "return [*self.sent, self.peer]").plan()
    assert not plan.asks
    (field,) = plan.objects[0].fields
    assert (field.name, field.how, field.beside) == ("sent", "derived", "peer")
    app.update()
    assert app("[a.send(), 'sent' in vars(b), b.connect('y').send()]") == [
        [3, "x", "x"],
        False,
        [3, "y", "y"],
    ]
    app.update(back_out=True)
    assert app("[a.send(), sorted(vars(a)), sorted(vars(b))]") == ["x", ["peer", "size"], ["peer", "size"]]


def test_who_lacks_it_is_told_so_while_the_update_is_under_way(program: Start) -> None:
    app = program(m=LINE + "def hold(): gate('in')\n")
    app.run("a, b = m.Line().connect('x'), m.Line()")
    app.start("t", "m.hold()", at="in")
    app.replace("m", "self.peer = peer", "self.peer = peer\n        self.sent = [peer]")
    app.replace("m", "return self.peer", "return self.sent").replace("m", "gate('in')", "gate('in') or 1")
    update = app.begin()
    app.until_switched(update, "m:Line.send")
    app.run("try: b.send()\nexcept AttributeError as error: said = str(error)")
    assert app("[a.send(), said]") == [["x"], "'Line' object has no attribute 'sent'"]
    app.back_out(update)
    app.until(update, "backed-out")
    assert app("[a.send(), vars(a)]") == ["x", {"size": 3, "peer": "x"}]
    app.open("in")
    app.join("t")


# What keeps an object from being known to have gone through the method, and so has the field asked about.
UNKNOWN = {
    "a constructor sets the other": ("self.size = 3", "self.size = 3; self.peer = None"),
    "another method sets the other": ("    def send", "    def close(self): self.peer = None\n    def send"),
    "the program sets the other": ("class Line", "def force(line): line.peer = 0\nclass Line"),
    "it comes after a loop": ("= peer\n", "= peer\n        for _ in (): pass\n"),
}


@pytest.mark.parametrize("why", UNKNOWN)
def test_where_nobody_knows_it_is_asked_about(program: Start, why: str) -> None:
    app = program(m=LINE.replace(*UNKNOWN[why]))
    app.run("a = m.Line().connect('x')")
    app.replace("m", "        return self\n", "        self.sent = []\n        return self\n")
    app.replace("m", "return self.peer", "self.sent.append(1)\n        return self.sent")
    (ask,) = (n for n in app.plan().asks if n.code == "field-elsewhere")
    assert ask.text == (
        "m:Line.sent is set by connect(), which is no constructor: its 1 live object may have gone through that already, and go without it"
    )


# New methods and fields that nobody lacks.
NEEDLESS = {
    "only the method itself reads it": (
        "self.peer = peer",
        "self.peer = peer\n        self.sent = clock()\n        print(self.sent)",
    ),
    "who reads it asks whether it is there": (
        "return self.peer",
        "return self.peer if hasattr(self, 'sent') and self.sent else 1\n    def connect2(self): self.begin()\n    def begin(self): self.sent = clock()",
    ),
    "the class has a default": (
        "return self.peer",
        "return self.sent\n    sent = 0\n    def begin(self): self.sent = clock()",
    ),
    "the method is new": (
        "return self.peer",
        "self.begin()\n        return self.sent\n    def begin(self): self.sent = clock()",
    ),
}


@pytest.mark.parametrize("why", NEEDLESS)
def test_nobody_is_asked_about_what_nobody_lacks(program: Start, why: str) -> None:
    app = program(m=LINE + "def clock(): return 1\n")
    app.run("a = m.Line().connect('x')")
    plan = app.replace("m", *NEEDLESS[why]).plan()
    assert plan.safe and not plan.asks


def test_a_method_that_a_library_calls_may_have_been_gone_through_wherever_it_was(program: Start) -> None:
    old = "from threading import Thread\nclass T(Thread):\n    def look(self): return 1\n"
    app = program(m=old)
    app.run("t = m.T()\nt.start()\nt.join()")
    new = old.replace("return 1", "return self.began").replace(
        "    def", "    def run(self): self.began = 1\n    def"
    )
    (ask,) = app.edit(m=new).plan().asks
    assert "m:T.began is set by run()" in ask.text


def test_a_running_loop_moves_past_a_field_that_its_object_gets(program: Start) -> None:
    old = "class W:\n    def run(self):\n        self.n = 0\n        while self.n < 3:\n            gate('w')\n            self.n += 1\n        return self.n\n"
    app = program(m=old)
    app.start("t", "m.W().run()", at="w")
    app.replace("m", "self.n = 0", "self.n = 0\n        self.seen = []")
    app.replace("m", "self.n += 1", "self.n += 1\n            self.seen.append(self.n)").replace(
        "m", "return self.n", "return self.seen"
    )
    assert not app.plan(move_after=0).asks
    update = app.begin(move_after=0)
    app.until_watched(update, "m:W.run")
    app.open("w")
    app.until(update, "complete")
    app.open("w", 2)
    assert app.join("t") == [2, 3]


def test_objects_of_a_private_class_in_another_get_their_fields(program: Start) -> None:
    old = "class H:\n    class __Part:\n        def f(self): return 1\n    def make(self): return self.__Part()\n"
    app = program(m=old)
    app.run("o = m.H().make()")
    app.edit(
        m=old.replace(
            "def f(self): return 1", "def __init__(self): self.n = 2\n        def f(self): return self.n"
        )
    ).update()
    assert app("o.f()") == 2
    app.update(back_out=True)
    assert app("[o.f(), vars(o)]") == [1, {}]


UNREAD = {
    "m:make.<locals>.C": (
        "def make():\n    class C:\n        def f(self): return 1\n    return C()\n",
        "is made in a procedure",
    ),
    "m:C": (
        "import sys\nif sys.platform == 'none':\n    class C: pass\nelse:\n    class C:\n        def f(self): return 1\ndef make(): return C()\n",
        "is defined in more than one way",
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_new_fields_of_a_class_that_can_not_be_read_are_asked_about(program: Start, name: str) -> None:
    old, how = UNREAD[name]
    app = program(m=old)
    app.run("o, p = m.make(), m.make()")
    new = old.replace(
        "def f(self): return 1", "def __init__(self): self.n = 2\n        def f(self): return self.n"
    )
    (ask,) = (n for n in app.edit(m=new).plan().asks if n.code == "field-unread")
    assert (
        ask.text
        == f"{name} {how}, and its constructor sets n now, which can't be derived for that: its 2 live objects go without it"
    )
    app.run("del o, p")
    assert not app.plan().asks
