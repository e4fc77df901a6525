"""What a plan tells a person: what happens to each change, what deserves a look, interface changes and diffs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podus.planning.model import Plan
from podus.planning.outcome import HAPPENS, KINDS
from tests.shellkit import failed, ok, podus

APP = """
    import lib

    def call():
        return lib.total(1, 2)

    def inside():
        print("inside", flush=True)
        input()

    def main():
        print("ready", flush=True)
        while True:
            word = input()
            if word == "inside":
                inside()
            elif word == "add":
                lib.seen.append(1)
                print(call(), flush=True)

    main()
"""
LIB = """
    import functools
    from dataclasses import dataclass

    RATE = 1
    seen = []

    class Base:
        pass

    class Shape(Base):
        def __init__(self, n):
            self.n = n
            self.sides = 4

        @property
        def name(self):
            return "shape"

        def _private(self, a, b=1):
            return a

    @dataclass
    class Point:
        x: int
        y: int = 0

    @functools.lru_cache
    def cached(x: int) -> int:
        return x

    def total(n, m):
        return (n + m) * RATE

    def plain(a=1):
        return a

    def numbers():
        return [1]

    def gone():
        return 1

    def helper():
        return "helper"

    def make(k):
        def inner(x):
            return x * k
        return inner
"""
NEW_LIB = """
    import functools
    from dataclasses import dataclass
    from other import helper

    RATE = 2
    seen = [0]
    FRESH = "fresh"

    class Base:
        pass

    class Shape:
        def __init__(self, n):
            self.n = n

        def name(self):
            return "shape"

        def _private(self, b=1, a=2):
            return a

    @dataclass
    class Point:
        y: int
        x: int = 0

    def cached(x: str) -> int:
        return x

    def total(n, *, m, k=0):
        return (n + m + k) * RATE

    def plain(a=2):
        return a

    async def numbers():
        return [1]

    def make(k):
        def inner(x):
            return x * k + 1
        return inner

    print("lib is new", flush=True)
"""
OTHER = """
    def helper():
        return "helper"
"""

Talk = Callable[[str], str]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp", ignore_cleanup_errors=True) as path:
        monkeypatch.setenv("PODUS_HOME", path)
        yield Path(path)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, Talk]]:
    """A running program, where its files lie, and a way to talk to it."""
    write(tmp_path, app=APP, lib=LIB)
    process = subprocess.Popen(
        [sys.executable, "-m", "podus", "run", "--no-stubs", "--name", "shop", str(tmp_path / "app.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout
    stdin, stdout = process.stdin, process.stdout

    def tell(word: str) -> str:
        stdin.write(word + "\n")
        stdin.flush()
        return stdout.readline().strip()

    assert stdout.readline() == "ready\n"
    yield tmp_path, tell
    process.kill()
    process.communicate()


def write(directory: Path, **modules: str) -> None:
    for name, source in modules.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(source))


def plan(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(podus("plan", "shop", "--json", *words).stdout)
    return found


def everything(directory: Path) -> None:
    write(directory, app=APP.replace("lib.total(1, 2)", "lib.total(1, m=2)"), lib=NEW_LIB, other=OTHER)


# ---- what happens to each change


def test_each_change_is_told_once_with_what_happens_to_it(shop: tuple[Path, Talk]) -> None:
    directory, tell = shop
    assert tell("add") == "3"
    everything(directory)
    told = plan()
    rows = {(row["name"], row["kind"]): row for row in told["outcomes"]}
    assert len(rows) == len(told["outcomes"])
    assert [row["number"] for row in told["outcomes"]] == list(range(1, len(rows) + 1))
    assert {row["happens"] for row in rows.values()} <= set(HAPPENS)
    assert {row["kind"] for row in rows.values()} <= set(KINDS)
    happens = {key: row["happens"] for key, row in rows.items()}
    assert happens["__main__:call", "procedure"] == "switched"
    assert happens["lib:total", "procedure"] == "switched"
    assert happens["lib:gone", "procedure"] == "removed"
    assert happens["lib:helper", "procedure"] == "moved"
    assert happens["lib:RATE", "data"] == "switched"
    assert happens["lib:FRESH", "data"] == "added"
    assert happens["other", "module"] == "added"
    line = textwrap.dedent(NEW_LIB).splitlines().index('print("lib is new", flush=True)') + 1
    assert happens[f"lib:{line}", "statement"] == "run"
    assert happens["lib:seen", "data"] == "kept"
    assert "--reset lib:seen" in rows["lib:seen", "data"]["asks"]
    assert rows["lib:total", "procedure"]["group"] == rows["__main__:call", "procedure"]["group"] > 0
    assert sum(told["counts"].values()) == len(rows)


def test_data_follows_the_program_and_the_support_code(shop: tuple[Path, Talk]) -> None:
    directory, tell = shop
    assert tell("add") == "3"
    write(directory, lib=LIB.replace("seen = []", "seen = [0]"))

    def happens(*words: str) -> str:
        (row,) = plan(*words)["outcomes"]
        return str(row["happens"])

    assert happens() == "kept"
    assert happens("--reset", "lib:seen") == "switched"
    support = directory / "support.py"
    support.write_text("import podus\n\n@podus.mapper('lib:seen')\ndef seen(old):\n    return old\n")
    assert happens("--support", str(support)) == "converted"
    told = plan("--support", str(support))
    assert ("risk", ["lib:seen"]) in [(r["level"], r["about"]) for r in told["risks"]]


def test_what_is_held_is_kept(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, lib=LIB.replace("return [1]", "return [2]"))
    (row,) = plan("--hold", "lib:numbers")["outcomes"]
    assert (row["name"], row["happens"]) == ("lib:numbers", "kept")


def test_a_deleted_module_is_removed(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    everything(directory)
    ok("update", "shop", "--reset", "lib:seen")
    write(directory, lib=NEW_LIB.replace("from other import helper", "helper = None"))
    (directory / "other.py").unlink()
    told = plan()
    assert {row["name"]: row["happens"] for row in told["outcomes"] if row["kind"] == "module"} == {
        "other": "removed"
    }
    assert "other is taken out" in [risk["text"] for risk in told["risks"]]
    assert any(d["name"] == "other" and "-def helper" in d["text"] for d in told["diffs"])


# ---- what deserves a look


def test_the_riskiest_comes_first(shop: tuple[Path, Talk]) -> None:
    directory, tell = shop
    assert tell("add") == "3"
    assert tell("inside") == "inside"
    everything(directory)
    app = directory / "app.py"
    app.write_text(app.read_text().replace('print("inside", flush=True)', 'print("within", flush=True)'))
    told = plan()
    risks = [(risk["level"], risk["text"]) for risk in told["risks"]]
    levels = [level for level, _ in risks]
    assert levels == sorted(levels, key=["refused", "asked", "risk", "remark"].index)
    texts = [text for _, text in risks]
    assert any("switches at one instant with __main__:call" in t for t in texts)
    assert any(t.startswith("__main__:inside is active now (MainThread, line ") for t in texts)
    assert "other is imported for the first time" in texts
    assert any("`print('lib is new', flush=True)`" in t for t in texts)
    assert any(t.startswith("lib:make.<locals>.inner is made inside") for t in texts)
    assert set(told["active"]) == {"__main__:inside", "__main__:main", "__main__:<module>"}


def test_a_procedure_that_never_returns_is_named_with_what_it_means(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, app=APP.replace('print("ready"', 'print("begun"'))
    (risk,) = plan()["risks"]
    assert risk["text"].startswith("__main__:main is active now (MainThread, line ")
    assert "never returns: it stays old until it ends" in risk["text"]


def test_a_refusal_is_at_the_top_and_names_its_change(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, app=APP.replace("call(), flush", "call(1), flush").replace("def call()", "def call(x)"))
    told = plan()
    assert not told["safe"]
    assert told["risks"][0]["level"] == "refused"
    refused = [row for row in told["outcomes"] if row["happens"] == "refused"]
    assert [row["name"] for row in refused] == ["__main__:call"]
    assert "podus scaffold" in refused[0]["asks"]
    shown = podus("plan", "shop")
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[3].startswith("! __main__:call takes a new required parameter 'x'")


def test_an_interface_that_nobody_in_the_program_uses_is_a_risk_too(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, lib=LIB.replace("def numbers", "async def numbers"))
    assert [risk["text"] for risk in plan()["risks"]] == [
        "lib:numbers is a coroutine now, and was an ordinary procedure",
    ]


def test_a_dependency_on_what_does_not_change_is_remarked(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, lib=LIB.replace("return [1]", "return [2]"))
    support = directory / "support.py"
    support.write_text("import podus\n\npodus.together('lib:numbers', 'lib:plain')\n")
    (note,) = plan("--support", str(support))["notes"]
    assert note["text"] == "together names lib:plain, which does not change: the others switch without"
    assert note["where"] == f"{support}:3"
    support.unlink()
    (directory / "pyproject.toml").write_text('[tool.podus]\ntogether = [["lib:plain", "lib:gone"]]\n')
    assert plan()["notes"] == []
    (directory / "pyproject.toml").write_text('[tool.podus]\ntogether = [["lib:plain", "lib:numbers"]]\n')
    assert [note["code"] for note in plan()["notes"]] == ["idle-together"]


# ---- interfaces


def test_interfaces_from_the_code_and_from_griffe(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    everything(directory)
    rows = {(r["name"], r["kind"], r["part"]): r for r in plan()["interface"]}
    breaking = {key for key, row in rows.items() if row["breaking"]}
    assert {
        ("lib:total", "parameter kind changed", "m"),
        ("lib:plain", "default changed", "a"),
        ("lib:numbers", "became async", ""),
        ("lib:cached", "decorator removed", "functools.lru_cache"),
        ("lib:Shape.name", "decorator removed", "property"),
        ("lib:Shape", "base removed", "Base"),
        ("lib:Shape._private", "parameter moved", "a"),
        ("lib:gone", "procedure removed", ""),
        # Only griffe knows what a dataclass makes of its fields, and the attributes of instances.
        ("lib:Point.__init__", "parameter moved", "x"),
        ("lib:Point.__init__", "parameter required", "y"),
        ("lib:Shape.sides", "attribute removed", "sides"),
    } <= breaking
    assert ("lib:cached", "annotation changed", "x") in rows.keys() - breaking
    assert ("lib:total", "parameter added", "k") in rows.keys() - breaking
    assert ("lib:helper", "moved", "other:helper") in rows.keys() - breaking
    assert not any(name == "lib:helper" and "removed" in kind for name, kind, _ in rows)
    where = rows["lib:plain", "default changed", "a"]["where"]
    line = textwrap.dedent(NEW_LIB).splitlines().index("def plain(a=2):") + 1
    assert where == f"{directory / 'lib.py'}:{line}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("def f(a): pass", "def f(a, b): pass", [("parameter added", "b", True)]),
        ("def f(a): pass", "def f(a, b=1): pass", [("parameter added", "b", False)]),
        ("def f(a, b): pass", "def f(a): pass", [("parameter removed", "b", True)]),
        ("def f(a, /): pass", "def f(b, /): pass", []),
        ("def f(a, /): pass", "def f(a): pass", [("parameter kind changed", "a", False)]),
        ("def f(a, b=1): pass", "def f(a, b): pass", [("parameter required", "b", True)]),
        ("def f(a, b): pass", "def f(a, b=1): pass", [("parameter optional", "b", False)]),
        ("def f(*a): pass", "def f(): pass", [("parameter removed", "*a", True)]),
        ("def f(): pass", "def f(**a): pass", [("parameter added", "**a", False)]),
        ("def f(): return 1", "def f(): yield 1", [("became generator", "", True)]),
        ("def f(): yield 1", "async def f(): yield 1", [("became async generator", "", True)]),
        ("async def f(): pass", "def f(): pass", [("became ordinary", "", True)]),
        ("def f(a: int): pass", "def f(a): pass", [("annotation changed", "a", False)]),
        ("def f() -> int: pass", "def f() -> str: pass", [("annotation changed", "return", False)]),
        ("x: int = 1", "x: str = 1", [("annotation changed", "", False)]),
        (
            "class f:\n @staticmethod\n def g(): pass",
            "class f:\n def g(): pass",
            [("decorator removed", "staticmethod", True)],
        ),
        (
            "def f(): pass",
            "import functools\n@functools.wraps(print)\ndef f(): pass",
            [("decorator added", "functools.wraps", False)],
        ),
        ("class f: __slots__ = 'a'", "class f: __slots__ = 'ab'", [("slots changed", "__slots__", True)]),
        ("class f: a = 1", "class f: pass", [("attribute removed", "a", True)]),
        ("class f(int): pass", "class f(int, str.__base__): pass", [("base added", "str.__base__", False)]),
        (
            "class f: pass",
            "import abc\nclass f(metaclass=abc.ABCMeta): pass",
            [("class keyword changed", "metaclass", True)],
        ),
        ("class f: pass", "", [("class removed", "", True)]),
        ("def f(): pass", "f = print", [("object kind changed", "", True)]),
        ("def f(): return 1", "def f(): return 2", []),
    ],
)
def test_one_interface_change(old: str, new: str, expected: list[tuple[str, str, bool]]) -> None:
    from podus.planning.interfaces import interface_changes
    from podus.program.changes import compare_modules
    from podus.program.version import Module

    before, after = (Module("m", "m.py", compile(text, "m.py", "exec"), text.encode()) for text in (old, new))
    rows = interface_changes({"m": compare_modules(before, after)}, [], [], [])
    assert [(row.kind, row.part, row.breaking) for row in rows] == expected


# ---- diffs


def test_the_diff_of_each_change_has_the_lines_of_the_files(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    old = (directory / "lib.py").read_text()
    everything(directory)
    new = (directory / "lib.py").read_text()
    told = plan()
    with_source = {row["name"] for row in told["outcomes"]}
    assert with_source - {diff["name"] for diff in told["diffs"]} <= {"lib:Shape.name"}
    for diff in told["diffs"]:
        if not diff["name"].startswith("lib:"):
            continue
        assert diff["text"].startswith(("--- ", "+++ "))
        for start, _, at, lines in hunks(diff["text"]):
            for number, line in enumerate((line for line in lines if line[0] != "+"), start):
                assert line[1:] == old.splitlines()[number - 1]
            for number, line in enumerate((line for line in lines if line[0] != "-"), at):
                assert line[1:] == new.splitlines()[number - 1]
    shown = ok("plan", "shop", "--diff", "lib:plain")
    assert "-def plain(a=1):\n+def plain(a=2):\n" in shown
    assert "total" not in shown


def hunks(text: str) -> Iterator[tuple[int, int, int, list[str]]]:
    for part in re.split(r"^@@ ", text, flags=re.MULTILINE)[1:]:
        head, *lines = part.split("\n")
        match = re.match(r"-(\d+),(\d+) \+(\d+),(\d+) @@", head)
        assert match is not None
        yield int(match[1]), int(match[2]), int(match[3]), [line for line in lines if line]


def test_a_diff_is_chosen_by_number_name_class_or_module(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    everything(directory)
    rows = plan()["outcomes"]
    number = next(row["number"] for row in rows if row["name"] == "lib:plain")
    assert ok("plan", "shop", "--diff", str(number)) == ok("plan", "shop", "--diff", "lib:plain")
    of_class = ok("plan", "shop", "--diff", "lib:Shape._private")
    assert "+    def _private(self, b=1, a=2):" in of_class
    whole = ok("plan", "shop", "--diff", "lib")
    assert "+def plain(a=2):" in whole and "lib.total" not in whole
    assert "+    return lib.total(1, m=2)" in ok("plan", "shop", "--diff")
    assert failed("plan", "shop", "--diff", "lib:plian") == (
        "the plan changes nothing that is called lib:plian (did you mean lib:plain?)"
    )


# ---- the screen


def width_of(shown: str) -> int:
    return max(map(len, shown.splitlines()))


@pytest.mark.parametrize("columns", [80, 120])
def test_a_screen_of_any_width_shows_all_names_whole(shop: tuple[Path, Talk], columns: int) -> None:
    directory, tell = shop
    assert tell("add") == "3"
    everything(directory)
    names = [row["name"] for row in plan()["outcomes"]]
    shown = on_a_terminal(columns, "plan", "shop")
    assert width_of(shown) <= columns
    for name in names:
        assert name in shown
    summary = shown.split("PROCEDURE")[0].splitlines()
    assert len(summary) < 24
    subprocess.run([sys.executable, "-m", "podus", "update", "shop"], capture_output=True, check=False)
    shown = on_a_terminal(columns, "log", "shop")
    assert width_of(shown) <= columns
    events = json.loads(on_a_terminal(columns, "log", "shop", "--json"))["events"]
    assert events
    for event in events:
        assert f"  {event['event']}  shop:" in shown


def on_a_terminal(columns: int, *words: str) -> str:
    """What a command shows on a terminal that can't do anything but show."""
    main, other = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", *words],
        stdin=subprocess.DEVNULL,
        stdout=other,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TERM": "dumb", "COLUMNS": str(columns)},
    )
    os.close(other)
    said = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    shell.wait()
    os.close(main)
    return said.decode().replace("\r", "")


def ush(lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podus", "ush", "shop"],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )


def test_in_ush_a_number_shows_the_diff_of_the_plan(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, lib=LIB.replace("return [1]", "return [2]").replace("a=1", "a=3"))
    done = ush("plan\ndiff\n2\ndiff lib:numbers\n")
    assert (done.returncode, done.stderr) == (0, "")
    after = done.stdout.split("+++ ")[1:]
    assert ["a=3" in text for text in after].count(True) >= 1
    assert after[-1].count("+    return [2]") == 1
    assert ush("plan\n9\n").stderr.startswith("podus: the plan changes nothing that is called 9 (")
    assert ush("1\n").stderr == "podus: no plan is shown (`plan` shows one)\n"
    assert ush("plan\nversions\n1\n").stderr == "podus: no plan is shown (`plan` shows one)\n"


def test_at_a_terminal_enter_shows_one_diff_after_the_other(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    write(directory, lib=LIB.replace("return [1]", "return [2]").replace('"helper"', '"other"'))
    main, other = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", "ush", "shop"],
        stdin=other,
        stdout=other,
        stderr=other,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "60"},
        start_new_session=True,
    )
    os.close(other)
    seen = b""

    def until(text: str) -> None:
        nonlocal seen
        while text.encode() not in seen:
            data = os.read(main, 65536)
            if b"\x1b[6n" in data:  # the prompt asks where the cursor is
                os.write(main, b"\x1b[1;1R")
            seen += data
        seen = b""

    until(">")
    os.write(main, b"plan\r")
    until("Enter: diff of 1, lib:numbers")
    os.write(main, b"\r")
    until("+    return [2]")
    until("Enter: diff of 2, lib:helper")
    os.write(main, b"\r")
    until('+    return "other"')
    until("that was the last")
    os.write(main, b"quit\r")
    assert shell.wait() == 0
    os.close(main)


# ---- the plan as data


def test_what_json_gives_is_still_a_plan(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    everything(directory)
    text = podus("plan", "shop", "--json").stdout
    read = Plan.from_json(text)
    told = json.loads(text)
    assert json.loads(read.to_json()) == {
        name: value for name, value in told.items() if name not in ("outcomes", "risks", "counts", "active")
    }


def test_griffe_is_imported_only_to_look_at_a_plan() -> None:
    code = """
        import sys
        import podus, podus.api, podus.ush.cli, podus.planning.compile
        print("griffe" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_a_version_is_said_to_run_since_it_became_the_running_one(shop: tuple[Path, Talk]) -> None:
    directory, _ = shop
    (first,) = json.loads(ok("versions", "shop", "--json"))
    write(directory, lib=LIB.replace("return [1]", "return [2]"))
    ok("update", "shop")
    before, now = json.loads(ok("versions", "shop", "--json"))
    assert (before["label"], before["loaded"]) == (first["label"], first["loaded"])
    assert now["current"] and now["loaded"] > first["loaded"]


def test_detached_an_update_does_not_count_before_it_knows(shop: tuple[Path, Talk]) -> None:
    directory, tell = shop
    assert tell("inside") == "inside"
    write(directory, app=APP.replace("input()\n\n    def main", "input()\n        input()\n\n    def main"))
    done = podus("update", "shop", "--detach")
    assert done.returncode == 3
    assert "0 of 0" not in done.stdout
