"""A module's own body that is being run while the program is updated: a script with a loop at its top level, an import that takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def test_what_is_being_run_is_not_run_again(program: Start) -> None:
    app = program(shop="seen = []\ndef step(): return 1\n")
    app.write({"looper": LOOP})
    app.start("t", "importlib.import_module('looper')", at="turn")
    new = LOOP.replace("one", "two").replace("count = 0", "count = 0\nlimit = 7")
    app.edit(looper=new, shop="seen = []\ndef step(): return 2\n")
    asked = [n for n in app.plan().asks if n.code == "body-runs"]
    assert "`for turn in range(4):` (line 5) has changed, but is being run" in asked[0].text
    app.update()
    app.open("turn", times=4)
    app.join("t")
    assert app("[sys.modules['looper'].limit, sys.modules['looper'].count]") == [7, 4]
    assert app("shop.seen") == [*(["one", n, 2, "two"] for n in range(1, 5)), "end of one"]
    # Now that it has ended, an update may run what it likes.
    app.edit(looper=new + "shop.seen.append('more')\n").update()
    assert app("shop.seen[-1]") == "more"


def test_an_update_after_that_knows_where_the_body_stands(program: Start) -> None:
    app = program(shop="seen = []\ndef step(): return 1\n")
    app.write({"looper": LOOP})
    app.start("t", "importlib.import_module('looper')", at="turn")
    app.edit(looper="# a line\n# more\n" + LOOP.replace("count = 0", "count = 0\nlimit = 7")).update()
    app.replace("looper", "end of one", "end of two")
    app.replace("looper", "limit = 7", "limit = 8")
    assert [n.code for n in app.plan().asks] == ["body-runs"]
    app.update()
    assert app("sys.modules['looper'].limit") == 8
    app.podus("back-out", "app")
    assert app("sys.modules['looper'].limit") == 7
    app.open("turn", times=4)
    app.join("t")
    assert app("[len(shop.seen), shop.seen[-1]]") == [5, "end of one"]


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
    environment = {**os.environ, "PODUS_HOME": str(tmp_path / "home"), "PYTHONPATH": SOURCE}
    podus = [sys.executable, "-m", "podus"]
    script = subprocess.Popen(
        [*podus, "run", "--name", "it", "app.py"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert script.stdin is not None and script.stdout is not None

    def turn() -> str:
        assert script.stdin is not None and script.stdout is not None
        script.stdin.write("\n")
        script.stdin.flush()
        return script.stdout.readline().strip()

    assert turn() == "one 1 1"
    (tmp_path / "app.py").write_text(SCRIPT.replace("one", "two"))
    (tmp_path / "work.py").write_text("def f(): return 2\n")
    done = subprocess.run(  # noqa: PLW1510
        [*podus, "update", "it", "--json"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["state"] == "complete"
    assert turn() == "one 2 2"
    rest, _ = script.communicate(timeout=30)
    assert rest.split() == ["end"]
