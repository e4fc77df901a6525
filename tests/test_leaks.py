"""Updates back and forth leave nothing behind: no old class, function or code object, no memory, file, thread or directory.

Every update here is planned and carried out whole, so the tests make 40 of them; ``PODUS_LEAKS=1000`` makes a thousand.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program
from tests.sizes import size

# Counted after a half, three quarters and all of them.
UPDATES = -(-size("PODUS_LEAKS", 40) // 4) * 4
SOURCE = str(Path(__file__).parents[1] / "src")

OLD = """\
import dataclasses
import functools

def deco(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ["old", function(*args)]
    return wrapper

@deco
def decorated(): return 1

def make(n):
    def inner(): return ["old", n]
    return inner

class C:
    def __init__(self, x=1):
        self.x = x
    def m(self): return 1
    def only_old(self): return 1
    @property
    def p(self): return 1

@dataclasses.dataclass
class D:
    x: int = 1

def gone(): return 1
TABLE = {"f": lambda: 1}
LIMIT = 1
"""
NEW = (
    OLD.replace("old", "new")
    .replace("return 1", "return 2")
    .replace("= x\n", "= x\n        self.y = []\n")
    .replace("x: int = 1", "x: int = 1\n    z: str = ''")
    .replace("def gone", "def come")
    .replace("lambda: 1", "lambda: 2")
    .replace("LIMIT = 1", "LIMIT = 2")
)

# The program updates itself, and counts what is alive in it. How many versions are kept is settled long before the first count.
PROGRAM = """\
import collections, gc, json, os, sys, threading, types, weakref
import podus
podus.enable()
import changing

updates, way, texts = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
things = [changing.C(1), changing.C(2), changing.D(3)]
held = [things[0].m, changing.decorated, changing.make(3), changing.TABLE["f"]]
seen = []  # and no set: codes that are alike are equal

def counts():
    for thread in [o for o in gc.get_objects() if type(o).__module__ == "podus.threads"]:
        if hasattr(thread, "join"):
            thread.join(60)
    gc.collect()
    alive = [o for o in gc.get_objects() if isinstance(o, (types.FunctionType, type))]
    pages = int(open("/proc/self/statm").read().split()[1]) if os.path.exists("/proc/self/statm") else 0
    places = [p for p, _, _ in os.walk(os.environ["PODUS_HOME"])]
    named = collections.Counter(f"{o.__module__}.{o.__qualname__}" for o in alive)
    return {
        "named": named,
        "functions": sum(isinstance(o, types.FunctionType) for o in alive),
        "classes": sum(isinstance(o, type) for o in alive),
        "codes": len({id(code) for ref in seen if (code := ref()) is not None}),
        "threads": threading.active_count(),
        "files open": len(os.listdir("/dev/fd")),
        "directories": len(places),
        "objects": len(gc.get_objects()),
        "resident": pages * os.sysconf("SC_PAGE_SIZE"),
    }

def note():
    functions = [changing.decorated, changing.make, changing.make(1), changing.C.m, changing.D.__init__, changing.TABLE["f"]]
    seen[:] = [ref for ref in seen if ref() is not None]
    seen.extend(weakref.ref(f.__code__) for f in functions)

def write(text):
    with open("changing.py", "w") as file:
        file.write(text)

rows = []
for number in range(updates // 2):
    write(texts[1])
    update = podus.update()
    assert update.state == "complete", update.reason
    assert changing.C.m(things[0]) == held[0]() == 2 and things[1].y == [] and things[2].z == ""
    note()
    if way == "back-out":
        update.back_out()
        write(texts[0])
    else:
        write(texts[0])
        update = podus.update()
        assert update.state == "complete", update.reason
    assert changing.C.m(things[0]) == held[0]() == 1 and vars(things[1]) == {"x": 2}
    note()
    if 2 * (number + 1) in (updates // 2, updates // 4 * 3 // 2 * 2, updates):
        rows.append(counts())
print(json.dumps(rows))
"""


@pytest.mark.timeout(7200 if UPDATES > 100 else 120)
@pytest.mark.parametrize("way", ["forward", "back-out"])
def test_updates_back_and_forth_leave_nothing_behind(tmp_path: Path, home: Path, way: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "changing.py").write_text(OLD)
    done = subprocess.run(
        [sys.executable, "-B", "program.py", str(UPDATES), way, json.dumps([OLD, NEW])],
        cwd=tmp_path,
        env={**os.environ, "PODUS_HOME": str(home), "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    level(*json.loads(done.stdout))


WAITS = """
import weakref
class Big: pass
seen = []
def work():
    big = Big()
    seen.append(weakref.ref(big))
    gate("in")
    return 1
"""


@pytest.mark.parametrize("policy", ["podus", "atomic", "immediate"])
def test_what_a_procedure_had_goes_when_it_returns(program: Callable[..., Program], policy: str) -> None:
    # Not with the next collection: podus has looked at its frame, and must not keep it.
    app = program(shop=WAITS)
    app.run("import gc\ngc.collect()\ngc.disable()")
    app.start("w", "shop.work()", at="in")
    app.replace("shop", "return 1", "return 2")
    update = app.begin(policy=policy)
    app.podus("status", "app")
    app.open("in")
    assert app.join("w") == 1
    assert app.until(update, "complete")["state"] == "complete"
    assert app("[ref() for ref in shop.seen]") == [None]


def test_what_frames_have_left_is_forgotten(program: Callable[..., Program]) -> None:
    loop = "def tick(): return 1\ndef run():\n    while True:\n        gate('in')\n        tick()\n"
    app = program(shop=loop)
    app.start("w", "shop.run()", at="in")
    for number in range(4):
        update = app.edit(shop=loop.replace("tick()\n", f"tick() + {number}\n")).begin()
        app.until_watched(update, "shop:run")
        app.open("in")
        app.reached("in")
        app.until(update, "complete")
    app.run("import gc\nleaving = sys.modules['podus.updating.leaving']")
    assert app("[gc.collect(), [one for one in leaving._shells.values() if one() is None]][1]") == []


def level(*rows: dict[str, Any]) -> None:
    """Nothing grows from row to row; memory but for what the allocator keeps in pieces.

    What grows once is no leak: the standard library makes some things when a rare path is taken for the first time.
    """
    slack = {"objects": 50, "resident": 1 << 20}
    named = [Counter(row.pop("named")) for row in rows]
    more = {
        name: [row[name] for row in rows]
        for name in rows[0]
        if all(b[name] > a[name] + slack.get(name, 0) for a, b in pairwise(rows))
    }
    assert len(rows) == 3 and not more, named[-1] - named[0]
