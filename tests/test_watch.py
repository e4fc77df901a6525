"""Updating on save: `podus run --watch` and `podus watch`, with real files and a real program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import SOURCE

SCRIPT = """
import os, shop, sys
for line in sys.stdin:
    print(shop.f(), flush=True)
try:
    os.wait()
except ChildProcessError:
    print("no child", flush=True)
"""


class Watched:
    """A program under ``podus run --watch``; what is said on stderr is read line by line."""

    def __init__(self, root: Path, home: Path, *command: str) -> None:
        self.root = root
        (root / "shop.py").write_text("def f(): return 1\n")
        (root / "main.py").write_text(SCRIPT)
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "podus", "run", *command, "main.py"],
            cwd=root,
            env={**os.environ, "PODUS_HOME": str(home), "PYTHONPATH": SOURCE},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self) -> str:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def said(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline().strip()

    def save(self, text: str) -> str:
        """Save the module; gives the line that is said of it."""
        (self.root / "shop.py").write_text(text)
        return self.said()


@pytest.fixture
def watched(tmp_path: Path, home: Path) -> Iterator[Watched]:
    (tmp_path / "program").mkdir()
    found = Watched(tmp_path / "program", home, "--watch", "--name", "w")
    try:
        assert found.ask() == "1"
        assert found.said() == "podus: w is updated on every save"
        yield found
    finally:
        found.process.kill()
        found.process.communicate()


@pytest.mark.timeout(60)
def test_every_save_updates_and_is_told_in_one_line(watched: Watched) -> None:
    line = watched.save("def f(): return 2\n")
    assert re.fullmatch(r"podus: w has shop:f \([\d.]+ m?s\)", line)
    assert watched.ask() == "2"
    line = watched.save("LIMIT = 5\ndef f(): return LIMIT\ndef g(): return 1\n")
    assert line.startswith("podus: w has shop:f, +shop:g, shop:LIMIT = (")
    assert watched.ask() == "5"


def test_what_can_not_be_loaded_is_said_and_the_next_save_waited_for(watched: Watched) -> None:
    line = watched.save("def f(: return 2\n")
    assert line.startswith("podus: w is as before: ") and "shop.py:1" in line
    assert watched.ask() == "1"
    assert watched.save("def f(): return 1 / 0\nf()\n").startswith("podus: w is as before: ")
    assert watched.ask() == "1"
    watched.save("def f(): return 3\n")
    assert watched.ask() == "3"


def test_it_is_no_child_of_the_program_and_ends_with_it(watched: Watched) -> None:
    out, rest = watched.process.communicate()
    assert out.split("\n")[-2:] == ["no child", ""]
    # Both ends of the pipe are closed: who watched has ended as well, and had nothing more to say.
    assert (watched.process.returncode, rest) == (0, "")
