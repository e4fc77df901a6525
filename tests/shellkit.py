"""A program to update, and the command line to do it with, for the tests of the commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

APP = """
    import threading
    import prices

    def main():
        print("ready", flush=True)
        while True:
            word = input()
            if word == "total":
                print(prices.total(3), flush=True)
            elif word == "wait":
                threading.Thread(target=prices.wait, name="waiter", daemon=True).start()
                prices.waiting.wait()
                print("waiting", flush=True)
            elif word == "release":
                prices.go.set()
                print("released", flush=True)

    if __name__ == "__main__":
        main()
"""
PRICES = """
    import threading

    go, waiting = threading.Event(), threading.Event()
    RATE = 2

    def total(count):
        return count * RATE

    def wait():
        waiting.set()
        go.wait()
        return "old"
"""


class Program:
    """A program under podus that does what it is told, a line at a time."""

    def __init__(self, directory: Path, name: str, options: tuple[str, ...] = ()) -> None:
        self.directory, self.name = directory, name
        self.process = subprocess.Popen(
            [sys.executable, "-m", "podus", "run", *options, "--name", name, str(directory / "app.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        assert self.answer() == "ready"

    def answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def tell(self, word: str) -> str:
        assert self.process.stdin
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return self.answer()

    def edit(self, old: str, new: str) -> None:
        edit(self.directory, old, new)


def edit(directory: Path, old: str, new: str) -> None:
    path = directory / "prices.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def podus(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podus", *words], capture_output=True, text=True, check=False, **more
    )


def ok(*words: str) -> str:
    done = podus(*words)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return done.stdout


def failed(*words: str, code: int = 1) -> str:
    """The one sentence that a command fails with."""
    done = podus(*words)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert done.stderr.startswith("podus: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("podus: ").rstrip()
