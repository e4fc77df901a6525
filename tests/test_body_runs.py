"""A module's own body that is being run while the program is updated: a script with a loop at its top level, an import that takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.programs import SOURCE, Program

Start = Callable[..., Program]

LOOP = """
import shop
count = 0
def told(): return "one"
for turn in range(4):
    gate("turn")
    count += 1
    shop.seen.append(["one", count, shop.step(), told()])
shop.seen.append("end of one")
"""


CALL = """
import shop
count = 0
def work(turn):
    global count
    gate("turn")
    count += 1
    shop.seen.append(["one", count, shop.step()])
for turn in range(4): work(turn)
shop.seen.append("end of one")
"""


def test_what_is_being_run_is_not_run_again(program: Start) -> None:
    app = program(shop="seen = []\ndef step(): return 1\n")
    app.write({"looper": CALL})
    app.start("t", "importlib.import_module('looper')", at="turn")
    # On the line of its head: nobody can leave there.
    new = CALL.replace("work(turn)\n", "work(turn + 0)\n").replace("end of one", "end of two")
    new = new.replace("def work(turn + 0)", "def work(turn)").replace("count = 0", "count = 0\nlimit = 7")
    app.edit(looper=new, shop="seen = []\ndef step(): return 2\n")
    asked = [n for n in app.plan().asks if n.code == "body-runs"]
    assert "`for turn in range(4):` (line 9) has changed, but is being run" in asked[0].text
    app.update()
    app.open("turn", times=4)
    app.join("t")
    assert app("[sys.modules['looper'].limit, sys.modules['looper'].count]") == [7, 4]
    assert app("shop.seen") == [*(["one", n, 2] for n in range(1, 5)), "end of one"]
    # Now that it has ended, an update may run what it likes.
    app.edit(looper=new + "shop.seen.append('more')\n").update()
    assert app("shop.seen[-1]") == "more"


def test_a_loop_at_the_top_level_goes_on_in_the_new_version(program: Start) -> None:
    app = program(shop="seen = []\ndef step(): return 1\n")
    app.write({"looper": LOOP})
    app.start("t", "importlib.import_module('looper')", at="turn")
    new = LOOP.replace("one", "two").replace("count = 0", "count = 0\nlimit = 7")
    app.edit(looper=new + "last = 8\n", shop="seen = []\ndef step(): return 2\n")
    assert next(p.running for p in app.plan().procedures if p.name == "looper:<module>") == "waited for"
    update = app.begin(move_after=0)
    app.until_watched(update, "looper:<module>")
    app.open("turn")
    app.until(update, "complete")
    app.open("turn")
    # And once more, from where it is now.
    for _ in range(2):
        app.reached("turn")
    app.edit(looper=new.replace("two", "three"))
    update = app.begin(move_after=0)
    app.until_watched(update, "looper:<module>")
    app.open("turn")
    app.until(update, "complete")
    app.open("turn")
    app.join("t")
    assert app("[sys.modules['looper'].limit, sys.modules['looper'].count]") == [7, 4]
    assert app("shop.seen") == [
        ["one", 1, 2, "two"],
        ["two", 2, 2, "two"],
        ["two", 3, 2, "three"],
        ["three", 4, 2, "three"],
        "end of three",
    ]


def test_an_update_after_that_knows_where_the_body_stands(program: Start) -> None:
    app = program(shop="seen = []\ndef step(): return 1\n")
    app.write({"looper": CALL})
    app.start("t", "importlib.import_module('looper')", at="turn")
    app.edit(looper="# a line\n# more\n" + CALL.replace("count = 0", "count = 0\nlimit = 7")).update()
    app.replace("looper", "end of one", "end of two")
    app.replace("looper", "limit = 7", "limit = 8")
    assert [n.code for n in app.plan().asks] == ["body-runs"]
    app.update()
    assert app("sys.modules['looper'].limit") == 8
    app.update(back_out=True)
    assert app("sys.modules['looper'].limit") == 7
    app.open("turn", times=4)
    app.join("t")
    assert app("[len(shop.seen), shop.seen[-1]]") == [5, "end of one"]


class Script:
    """``app.py`` under podus as "it": each line that it is told is answered by one."""

    def __init__(self, root: Path) -> None:
        self.podus = [sys.executable, "-m", "podus"]
        self.environment = {**os.environ, "PODUS_HOME": str(root / "home"), "PYTHONPATH": SOURCE}
        self.process = subprocess.Popen(
            [*self.podus, "run", "--name", "it", "app.py"],
            cwd=root,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn(self, said: str = "") -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(said + "\n")
        self.process.stdin.flush()
        return self.line().strip()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def command(self, *words: str, **how: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.podus, *words], env=self.environment, text=True, **how)


SCRIPT = """
import sys, work
n = 0
for line in sys.stdin:
    n += 1
    print("one", n, work.f(), flush=True)
print("end", flush=True)
"""


def test_a_script_with_a_loop_at_its_top_level(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SCRIPT)
    (tmp_path / "work.py").write_text("def f(): return 1\n")
    script = Script(tmp_path)
    assert script.turn() == "one 1 1"
    (tmp_path / "app.py").write_text(SCRIPT.replace("one", "two").replace('"end"', '"end of two"'))
    (tmp_path / "work.py").write_text("def f(): return 2\n")
    update = script.command("update", "it", "--json", "--move-after", "0", stdout=subprocess.PIPE)
    seen = [script.turn()]
    while not seen[-1].startswith("two"):
        seen.append(script.turn())
    answer, _ = update.communicate(timeout=60)
    assert json.loads(answer)["state"] == "complete"
    # Not one of them was lost.
    assert [line.split()[1] for line in seen] == [str(n + 2) for n in range(len(seen))]
    assert script.turn() == f"two {len(seen) + 2} 2"
    rest, _ = script.process.communicate(timeout=30)
    assert rest == "end of two\n"
    assert script.process.returncode == 0


ENDLESS = """
import contextlib, sys, work
n = 0
try:
    with contextlib.ExitStack() as stack:
        stack.callback(print, "closed", flush=True)
        while True:
            line = sys.stdin.readline()
            n += 1
            print("one", n, work.f(line), flush=True)
except ValueError as error:
    print("one", error, flush=True)
"""


def test_an_endless_loop_in_a_block_at_the_top_level_of_a_script(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(ENDLESS)
    (tmp_path / "work.py").write_text("def f(line): return int(line)\n")
    script = Script(tmp_path)
    assert script.turn("7") == "one 1 7"
    for old, new in (("one", "two"), ("two", "three")):
        text = (tmp_path / "app.py").read_text()
        (tmp_path / "app.py").write_text(text.replace(old, new))
        update = script.command("update", "it", stdout=subprocess.DEVNULL)
        while not script.turn("8").startswith(new):
            pass
        assert update.wait(timeout=60) == 0
    assert script.turn("x") == "closed"
    assert script.line().startswith("three invalid literal")
    assert script.process.wait(timeout=30) == 0


def test_a_script_goes_back_to_the_version_that_it_was_started_with(tmp_path: Path) -> None:
    """The way out of its first loop was written over that: it is found as it was."""
    text = "import sys\nn = 0\nwhile True:\n    sys.stdin.readline()\n    n += 1\n    print('one', n, flush=True)\n"
    (tmp_path / "app.py").write_text(text)
    script = Script(tmp_path)
    assert script.turn() == "one 1"
    for words, says in (("update", "two"), ("back-out", "one"), ("update", "three"), ("back-out", "one")):
        (tmp_path / "app.py").write_text(text.replace("one", says))
        command = script.command(words, "it", stdout=subprocess.DEVNULL)
        while not (line := script.turn()).startswith(says):
            assert command.poll() in (None, 0)
        assert command.wait(timeout=60) == 0
    assert int(line.split()[1]) > 4
    script.process.kill()
    script.process.communicate()


def test_what_an_import_has_not_come_to_is_waited_for(program: Start) -> None:
    text = "def before(): return 1\ngate('inside')\ndef after(): return 1\n"
    app = program(m="x = 1\n")
    app.files(**{"slow.py": text})
    app.start("t", "__import__('slow').after()", at="inside")
    app.edit(slow=text.replace("after(): return 1", "after(): return 2"))
    assert [note.text for note in app.plan().refusals] == [
        "slow changes, and is being imported (line 2): it has not come to after yet"
    ]
    app.open("inside")
    assert app.join("t") == 1
    app.update()
    assert app("[f() for f in (__import__('slow').before, __import__('slow').after)]") == [1, 2]
