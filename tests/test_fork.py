"""A process that forks becomes two programs, each updated by itself, also where an update is under way meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable

from podus.log import Log
from podus.portmap import lookup
from tests.programs import Program

Start = Callable[..., Program]

# The child answers by itself on two pipes, one expression a line.
FORKING = """
    import os, sys, shop, threading

    def fork():
        down, up = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            with os.fdopen(down[0]) as asked, os.fdopen(up[1], "w", buffering=1) as answers:
                os.close(down[1])
                for line in asked:
                    try:
                        print(repr(eval(line)), file=answers)
                    except BaseException as error:
                        print(repr(error), file=answers)
            os._exit(0)
        os.close(down[0]), os.close(up[1])
        children[pid] = os.fdopen(down[1], "w", buffering=1), os.fdopen(up[0])
        return pid

    def tell(pid, line):
        print(line, file=children[pid][0])
        return eval(children[pid][1].readline())

    def end(pid):
        for file in children.pop(pid):
            file.close()
        return os.waitpid(pid, 0)[1]

    children = {}
"""


class Child:
    """A forked child of ``app``, asked through it, and updated by itself."""

    def __init__(self, app: Program) -> None:
        self.app = app
        self.pid = app("forking.fork()")
        assert self("1") == 1

    def __call__(self, expression: str) -> object:
        return self.app(f"forking.tell({self.pid}, {expression!r})")

    def podus(self, *words: str) -> str:
        command, *rest = words
        return self.app.podus(command, str(self.pid), *rest).stdout

    def end(self) -> int:
        return int(self.app(f"forking.end({self.pid})"))


def test_a_child_is_a_program_of_its_own(program: Start) -> None:
    app = program(shop="def f(): return 1", forking=FORKING)
    child = Child(app)
    assert {entry.pid for entry in lookup.programs()} == {app.process.pid, child.pid}
    app.edit(shop="def f(): return 2")
    child.podus("update")
    assert (app("shop.f()"), child("shop.f()")) == (1, 2)
    app.update()
    assert (app("shop.f()"), child("shop.f()")) == (2, 2)
    child.podus("back-out")
    assert (app("shop.f()"), child("shop.f()")) == (2, 1)
    assert child.end() == 0


def test_a_child_inherits_the_version_and_the_way_back(program: Start) -> None:
    app = program(shop="def f(): return 1", forking=FORKING)
    app.edit(shop="def f(): return 2").update()
    child = Child(app)
    assert child("shop.f()") == 2
    child.podus("back-out")
    assert (app("shop.f()"), child("shop.f()")) == (2, 1)
    child.end()


def test_an_update_under_way_is_finished_in_both(program: Start) -> None:
    app = program(shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1", forking=FORKING)
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f(): return 2\ndef g(): return 2").begin()
    app.until_switched(update, "shop:g")
    child = Child(app)
    # The thread that was in f is not in the child: nothing is in its way there.
    child.podus("status", "--follow")
    assert (child("shop.f()"), child("shop.g()")) == (2, 2)
    assert [row["procedure"] for row in app.status(update)["pending"]] == ["shop:f"]
    app.open("in")
    assert app.join("t") == 1
    app.until(update, "complete")
    assert app("shop.f()") == 2
    rows = Log.open().entries(update=update)
    assert {row.pid for row in rows if row.event == "complete"} == {app.process.pid, child.pid}
    assert [row.detail for row in rows if row.event == "update"][1:] == [{"forked from": app.process.pid}]
    child.end()


def test_an_update_under_way_can_be_backed_out_in_the_child_alone(program: Start) -> None:
    """The child forks out of the very procedure that is to switch, so that it is active there too."""
    shop = "def f():\n    import forking\n    pid = forking.fork()\n    gate('after')\n    return pid\ndef g(): return 1\n"
    app = program(
        shop=shop.replace("    import forking\n", "    gate('in')\n    import forking\n"), forking=FORKING
    )
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f(): return 2\ndef g(): return 2\n").begin()
    app.until_switched(update, "shop:g")
    app.open("in")
    app.reached("after")
    (pid,) = app("[pid for pid in forking.children if forking.tell(pid, '1')]")
    status = app.podus("status", str(pid), "--json", check=None).stdout
    assert "shop:f is active" in status
    app.podus("back-out", str(pid))
    assert app(f"forking.tell({pid}, 'shop.g()')") == 1
    assert app("shop.g()") == 2
    app(f"forking.end({pid})")
    app.open("after")
    assert app.join("t") == pid
    app.until(update, "complete")


def test_a_fork_while_new_statements_run_leaves_the_child_as_it_was(program: Start) -> None:
    app = program(shop="def f(): return 1", forking=FORKING)
    update = app.edit(shop="def f(): return 2\nimport fresh\nnew = gate('in')", fresh="x = 1").begin()
    app.reached("in")
    child = Child(app)
    assert child("shop.f(), hasattr(shop, 'new'), 'fresh' in sys.modules") == [1, False, False]
    shown = app.podus("status", str(child.pid), "--json", check=None).stdout
    assert "forked while the update was being staged" in shown
    app.open("in")
    app.until(update, "complete")
    assert app("shop.f()") == 2
    # The child can be updated by itself all the same.
    app.edit(shop="def f(): return 3\nimport fresh")
    child.podus("update")
    assert (child("shop.f()"), app("shop.f()")) == (3, 2)
    child.end()


def test_what_was_shown_to_the_statements_alone_is_not_in_the_child(program: Start) -> None:
    app = program(conf="LIMIT = 1", shop="import conf\nclass C:\n    def m(self): return 1", forking=FORKING)
    new = "import conf\nclass C:\n    def m(self): return 2\n    def n(self): return 2\nnew = C().m() + gate('in')"
    update = app.edit(shop=new.replace("gate('in')", "[gate('in'), 0][1]"), conf="LIMIT = 2").begin()
    app.reached("in")
    child = Child(app)
    assert child(
        "type(shop.conf).__name__, sorted(n for n in vars(shop.C) if n in 'mn'), shop.conf.LIMIT"
    ) == (["module", ["m"], 1])
    app.open("in")
    app.until(update, "complete")
    assert app("[shop.C().m(), shop.conf.LIMIT, type(shop.conf).__name__]") == [2, 2, "module"]
    child.end()


def test_a_new_statement_may_fork(program: Start) -> None:
    app = program(shop="def f(): return 1")
    source = "def f(): return 2\nimport os\npid = os.fork()\nif not pid:\n    os._exit(f() + 5)\nstatus = os.waitpid(pid, 0)[1]"
    app.edit(shop=source).update()
    assert app("shop.f(), os.waitstatus_to_exitcode(shop.status)".replace("os.", "shop.os.")) == [2, 7]


def test_many_forks_during_an_update(program: Start) -> None:
    """Every child is consistently old or new, the parent goes on, and no fork warns."""
    app = program(
        shop="def f():\n    gate('in')\n    return 1\ndef g(): return 1\ndef h(): return g() == g()",
        forking=FORKING,
    )
    app.run("import warnings; warnings.simplefilter('error'); import forking, os")
    app.start("t", "shop.f()", at="in")
    update = app.edit(shop="def f(): return 2\ndef g(): return 2\ndef h(): return g() == g() == 2").begin()
    for _ in range(10):
        child = Child(app)
        assert child("shop.h()") is True
        assert child("shop.g()") in (1, 2)
        assert child.end() == 0
    app.open("in")
    app.join("t")
    app.until(update, "complete")
    assert app("shop.h()") is True


def test_multiprocessing_children_can_be_updated(program: Start) -> None:
    work = """
        import multiprocessing, shop
        def serve(pipe):
            while True:
                pipe.recv()
                pipe.send(shop.f())
        def start():
            global here, child
            context = multiprocessing.get_context("fork")
            here, there = context.Pipe()
            child = context.Process(target=serve, args=(there,), daemon=True)
            child.start()
            return child.pid
        def ask():
            here.send(1)
            return here.recv()
    """
    app = program(shop="def f(): return 1", work=work)
    pid = app("work.start()")
    assert app("work.ask()") == 1
    app.edit(shop="def f(): return 2").podus("update", str(pid))
    assert (app("work.ask()"), app("shop.f()")) == (2, 1)
    app.run("work.child.terminate(); work.child.join()")
    assert [entry.pid for entry in lookup.programs()] == [app.process.pid]


def test_a_child_that_becomes_another_program_is_forgotten(program: Start) -> None:
    app = program(
        shop="import subprocess, os, sys\ndef f():\n    return subprocess.run([sys.executable, '-c', 'pass'], preexec_fn=os.setsid).returncode"
    )
    assert app("shop.f()") == 0
    assert [entry.pid for entry in lookup.programs()] == [app.process.pid]
    files = sorted(os.listdir(app.home / "run"))
    assert [name for name in files if not name.startswith(str(app.process.pid))] == []
