"""Versions from everywhere: bytecode alone, zip archives, packages run with -m, namespace packages, another directory."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.programs import Program

Start = Callable[..., Program]


def compiled(text: str, path: Path) -> None:
    """Write ``text`` as bytecode alone."""
    source = path.with_suffix(".src")
    source.write_text(text)
    py_compile.compile(str(source), cfile=str(path), doraise=True)
    source.unlink()


def test_bytecode_alone(program: Start) -> None:
    app = program()
    compiled("def f(): return 1\nclass C:\n    def m(self): return 1\n", app.root / "low.pyc")
    app.run("import low; c = low.C()")
    compiled("\n\ndef f(): return 2\nclass C:\n    def m(self): return 2\n", app.root / "low.pyc")
    app.update()
    assert app("[low.f(), c.m()]") == [2, 2]
    app.update(back_out=True)
    assert app("[low.f(), c.m()]") == [1, 1]


def test_bytecode_alone_with_another_top_level_is_refused(program: Start) -> None:
    app = program()
    compiled("X = 1\ndef f(): return 1\n", app.root / "low.pyc")
    app.run("import low")
    compiled("X = 2\ndef f(): return 2\n", app.root / "low.pyc")
    assert "bytecode" in app.plan().refusals[0].text
    assert app("[low.f(), low.X]") == [1, 1]


def test_a_zip_archive(program: Start) -> None:
    app = program()
    archive = app.root / "lib.zip"

    def pack(text: str) -> None:
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("zipped/__init__.py", "")
            opened.writestr("zipped/mod.py", text)

    pack("def f(): return 1\nX = 1\n")
    app.run(f"sys.path.insert(0, {str(archive)!r}); import zipped.mod as mod")
    pack("def f(): return 2\nX = 2\n")
    app.update()
    assert app("[mod.f(), mod.X]") == [2, 2]


def test_a_namespace_package(program: Start) -> None:
    app = program(**{"space/mod.py": "def f(): return 1\n"})
    app.run("import space.mod as mod")
    app.files(
        **{
            "space/mod.py": "from space.new import g\ndef f(): return g()\n",
            "space/new.py": "def g(): return 2\n",
        }
    ).update()
    assert app("mod.f()") == 2


def test_a_new_version_beside_the_old_one(program: Start) -> None:
    """Later imports come from the new version's directory as well, also those of modules that nobody had imported before."""
    app = program(**{"pkg/__init__.py": "", "pkg/a.py": "def f(): return 1\n", "pkg/late.py": "X = 1\n"})
    app.run("import pkg.a as a")
    new = app.root.parent / "new"
    app.write(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from pkg.b import g\ndef f():\n    import pkg.late\n    return [g(), pkg.late.X]\n",
            "pkg/b.py": "def g(): return 2\n",
            "pkg/late.py": "X = 2\n",
            "driver.py": (app.root / "driver.py").read_text(),
        },
        new,
    )
    app.update(from_=new)
    assert app("a.f()") == [2, 2]
    app.update(back_out=True)
    assert app("a.f()") == 1
    assert (
        app("[type(finder).__module__ for finder in sys.meta_path if 'podus' in type(finder).__module__]")
        == []
    )


def test_a_package_that_is_run_with_m(tmp_path: Path, home: Path) -> None:
    package = tmp_path / "tool"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text("def f(): return 1\n")
    main = "import sys\nfrom . import work\ndef say(): print('main', 1, work.f(), flush=True)\nsay()\nfor line in sys.stdin: say()\n"
    (package / "__main__.py").write_text(main)
    environment = {
        **os.environ,
        "PODUS_HOME": str(home),
        "PYTHONPATH": str(Path(__file__).parents[1] / "src"),
    }
    podus = [sys.executable, "-m", "podus"]
    with subprocess.Popen(
        [*podus, "run", "-m", "tool"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "main 1 1\n"
        (package / "work.py").write_text("def f(): return 2\n")
        (package / "__main__.py").write_text(main.replace("'main', 1", "'main', 2"))
        subprocess.run([*podus, "update", "tool"], env=environment, check=True, capture_output=True)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "main 2 2\n"
        process.stdin.close()
        assert process.wait(10) == 0
