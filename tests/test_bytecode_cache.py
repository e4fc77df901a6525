"""Podus's own bytecode cache: a start from it is a start as ever, with the exit stubs there and not made again."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from podus.pup.bytecode_cache import tidy
from tests.programs import SOURCE, Program

LOOP = """
def total(n):
    sum = 0
    for k in range(n):
        sum += k
    return {0}
"""
# Says what the module gives, whether it has stubs, and whether they were made now.
MAIN = """
import sys, mod
print(mod.total(4), "__podus_moving__" in mod.total.__code__.co_names, "podus.frames.stubs" in sys.modules)
"""
MADE, CACHED = "6 True True", "6 True False"


class Stage:
    """A directory with a program of two files, started anew for each run."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root = root
        self.home = home
        self.cache = home / "cache"
        (root / "mod.py").write_text(LOOP.format("sum"))
        (root / "main.py").write_text(MAIN)

    def run(self, *flags: str, **environment: str) -> str:
        """What the program prints; it must end well, and nothing must be said beside."""
        kept = {
            k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "SOURCE_DATE_EPOCH")
        }
        done = subprocess.run(
            [sys.executable, *flags, "-m", "podus", "run", "main.py"],
            cwd=self.root,
            env={**kept, "PODUS_HOME": str(self.home), "PYTHONPATH": SOURCE, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    def entries(self, name: str = "mod") -> list[Path]:
        return sorted(self.cache.rglob(f"{name}.py.stubs"))

    @property
    def entry(self) -> Path:
        (found,) = self.entries()
        return found


@pytest.fixture
def stage(tmp_path: Path, home: Path) -> Stage:
    return Stage(tmp_path, home)


def test_the_second_start_makes_no_stubs(stage: Stage) -> None:
    assert stage.run() == MADE
    before = stage.entry.stat()
    assert stage.run() == CACHED
    assert stage.entry.stat().st_ino == before.st_ino
    assert before.st_mode & 0o777 == 0o600
    for directory in stage.entry.relative_to(stage.home).parents:
        assert (stage.home / directory).stat().st_mode & 0o777 == 0o700


def test_an_edited_module_is_loaded_anew(stage: Stage) -> None:
    stage.run()
    (stage.root / "mod.py").write_text(LOOP.format("-sum"))
    assert stage.run() == "-6 True True"
    assert stage.run() == "-6 True False"
    # Of the same size, and as much older as one likes.
    (stage.root / "mod.py").write_text(LOOP.format("+sum"))
    os.utime(stage.root / "mod.py", (0, 0))
    assert stage.run() == MADE


def other(entry: Path) -> None:
    """Another module's entry."""
    entry.write_bytes(next(entry.parent.glob("else.py.stubs")).read_bytes())


def directory(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


def flipped(entry: Path) -> None:
    data = bytearray(entry.read_bytes())
    data[len(data) // 2] ^= 1
    entry.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda entry: entry.write_bytes(b""),
    "cut off": lambda entry: entry.write_bytes(entry.read_bytes()[:-1]),
    "longer": lambda entry: entry.write_bytes(entry.read_bytes() + b"\0"),
    "head alone": lambda entry: entry.write_bytes(entry.read_bytes()[:20]),
    "zeros": lambda entry: entry.write_bytes(bytes(entry.stat().st_size)),
    "a bit": flipped,
    "another's": other,
    "a link to nothing": lambda entry: (entry.unlink(), entry.symlink_to("nothing")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_made_again(stage: Stage, damage: str) -> None:
    (stage.root / "else.py").write_text("x = 1\n")
    (stage.root / "main.py").write_text("import else_\n" + MAIN)
    (stage.root / "else.py").rename(stage.root / "else_.py")
    stage.run()
    if damage == "another's":
        stage.entries("else_")[0].rename(stage.entry.with_name("else.py.stubs"))
    DAMAGES[damage](stage.entry)
    assert stage.run() == MADE
    assert stage.run() == CACHED


def test_what_can_not_be_written_is_done_without(stage: Stage) -> None:
    stage.run()
    directory(stage.entry)
    assert [stage.run(), stage.run()] == [MADE, MADE]
    assert [path.name for path in stage.entry.parent.iterdir() if path.name.startswith("mod")] == [
        "mod.py.stubs"
    ]


def test_no_cache_can_be_made(stage: Stage) -> None:
    stage.cache.write_text("in the way")
    assert [stage.run(), stage.run()] == [MADE, MADE]


def test_a_cache_that_others_could_have_written_to_is_left_alone(stage: Stage) -> None:
    stage.run()
    stage.cache.chmod(0o777)
    before = stage.entry.stat()
    assert stage.run() == MADE
    assert stage.entry.stat() == before


def test_nothing_is_written_where_python_writes_no_bytecode(stage: Stage) -> None:
    assert stage.run(PYTHONDONTWRITEBYTECODE="1") == MADE
    assert not stage.cache.exists()
    stage.run()
    # What is there is read all the same, as Python reads a .pyc.
    assert stage.run(PYTHONDONTWRITEBYTECODE="1") == CACHED


def test_only_what_python_keeps_is_kept(stage: Stage) -> None:
    (stage.root / "__pycache__").write_text("in the way")
    assert [stage.run(), stage.run()] == [MADE, MADE]
    assert not stage.entries()


def test_bytecode_that_goes_by_a_hash_is_python_s_business(stage: Stage) -> None:
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(stage.root / "mod.py"), doraise=True, invalidation_mode=unchecked)
    (stage.root / "mod.py").write_text(LOOP.format("0"))
    assert [stage.run(), stage.run()] == [MADE, MADE]
    assert not stage.entries()


def test_a_build_with_a_fixed_date_has_no_cache(stage: Stage) -> None:
    assert stage.run(SOURCE_DATE_EPOCH="1") == MADE
    assert not stage.cache.exists()


def test_optimization_levels_have_entries_of_their_own(stage: Stage) -> None:
    (stage.root / "mod.py").write_text(LOOP.format("sum if __debug__ else -sum"))
    assert [stage.run(), stage.run("-O")] == ["6 True True", "-6 True True"]
    assert [stage.run(), stage.run("-O")] == ["6 True False", "-6 True False"]
    assert len(stage.entries()) == 2


def test_without_stubs_there_is_no_cache(stage: Stage) -> None:
    stage.run()
    done = subprocess.run(
        [sys.executable, "-m", "podus", "run", "--no-stubs", "main.py"],
        cwd=stage.root,
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "6 False False"


def test_a_module_by_another_path_says_so(stage: Stage) -> None:
    """Tracebacks show the path that a module was found by."""
    (stage.root / "sub").mkdir()
    text = (
        "import sys; sys.path[:0] = sys.argv[1:] or ['{0}']\nimport far; print(far.f.__code__.co_filename)\n"
    )
    (stage.root / "sub" / "far.py").write_text("def f():\n    while True: pass\n")
    for way in ("sub", "sub/../sub", "./sub", "/sub"):
        (stage.root / "main.py").write_text(text.format(f"{stage.root}/{way}"))
        expected = f"{stage.root}/{way}/far.py"
        assert [stage.run(), stage.run()] == [expected, expected]
    assert all(stage.cache in path.resolve().parents for path in stage.entries("far"))


def test_a_module_from_the_cache_has_what_every_module_has(stage: Stage) -> None:
    (stage.root / "main.py").write_text(
        "import mod, inspect, linecache\nprint(mod.__file__, mod.__cached__, mod.__spec__.name, mod.__spec__.origin, mod.__spec__.cached, mod.__loader__.name, inspect.getsource(mod.total))\n"
    )
    assert stage.run() == stage.run()
    (stage.root / "mod.py").write_text("def f():\n    for _ in 'a': 1/0\n")
    (stage.root / "main.py").write_text(
        "import traceback, mod\ntry: mod.f()\nexcept ZeroDivisionError: print(traceback.format_exc())\n"
    )
    assert stage.run() == stage.run()


def test_the_main_script_s_functions_come_from_it(stage: Stage) -> None:
    script = (
        LOOP
        + "import sys\nprint(total(4), '__podus_moving__' in total.__code__.co_names, 'podus.frames.stubs' in sys.modules)\n"
    )
    (stage.root / "main.py").write_text(script.format("sum"))
    assert [stage.run(), stage.run()] == [MADE, CACHED]
    before = (stage.root / "main.py").stat()
    (stage.root / "main.py").write_text(script.format("k+0"))
    os.utime(stage.root / "main.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    # Of the same size and time, but not what was compiled.
    assert [stage.run(), stage.run()] == ["3 True True", "3 True False"]


@pytest.mark.parametrize("test", ["x", "not x", "x is None", "x is not None"])
def test_the_main_script_s_only_loop_gets_stubs(stage: Stage, test: str) -> None:
    text = f"""
def wait(x):
    while {test}:
        x = step(x)
print("__podus_moving__" in wait.__code__.co_names)
"""
    (stage.root / "main.py").write_text(text)
    assert stage.run() == "True"


def test_a_script_without_loops_needs_no_stubs(stage: Stage) -> None:
    (stage.root / "main.py").write_text("import sys\nprint('podus.frames' in sys.modules)\n")
    assert stage.run() == "False"


def test_a_loop_from_the_cache_moves(tmp_path: Path, home: Path) -> None:
    text = """
        seen = []
        def main():
            while len(seen) < 3:
                gate("turn")
                seen.append("one")
    """
    writing = {"PYTHONDONTWRITEBYTECODE": ""}
    Program(tmp_path, home, {"shop": text}, [], writing).close()
    (entry,) = home.rglob("shop.py.stubs")
    written = entry.stat().st_mtime_ns
    app = Program(tmp_path, home, {}, [], writing)
    try:
        app.run("import shop")
        assert entry.stat().st_mtime_ns == written
        app.start("t", "shop.main()", at="turn")
        update = app.edit(shop=text.replace('"one"', '"two"')).begin(move_after=0)
        app.until_watched(update, "shop:main")
        app.open("turn")
        app.until(update, "complete")
        app.open("turn", times=2)
        app.join("t")
        assert app("shop.seen") == ["one", "two", "two"]
    finally:
        app.close()


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    base = tmp_path / "cache"
    for number in range(6):
        path = base / "kind" / str(number) / "x.stubs"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    tidy(str(base), limit=250, interval=1000)
    assert sorted(path.parent.name for path in base.rglob("x.stubs")) == ["4", "5"]
    assert sorted(path.name for path in (base / "kind").iterdir()) == ["4", "5"]
    # It has just been seen to.
    tidy(str(base), limit=0, interval=1000)
    assert len(list(base.rglob("x.stubs"))) == 2
    tidy(str(base), limit=0, interval=0)
    assert [path.name for path in base.iterdir()] == ["tidied"]
