"""Every example of README.md and docs/ is run, page by page, and must say what the page says it says.

- a fence with ``file=NAME`` is written to the page's own directory when its turn comes;
- of a ``console`` fence the lines that begin with ``$ `` (and ``> `` for their continuations) are given to one shell per page, and the
  lines below are what the terminal shows: ``...`` stands for any text, and
  where lines are folded does not matter;
- a ``text`` fence is not run. Any other fence is an error.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
# These are written by programs, and are tested where they are made.
GENERATED = ("docs/reference.md", "docs/benchmarks.md")
PAGES = sorted(
    name
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if (name := path.relative_to(ROOT).as_posix()) not in GENERATED
)
# A command that is stuck must not hold up the whole page until the test's own time is over.
COMMAND_SECONDS = 60


@dataclass
class Step:
    """A file to be written, or a command to be given to the shell with what it must say."""

    line: int
    file: str = ""
    text: str = ""
    command: str = ""
    expected: list[str] = field(default_factory=list)


def steps(page: str) -> Iterator[Step]:
    """The examples of a page, in their order. Raises ValueError for a fence that is of no known kind."""
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "code_block":
            raise ValueError(f"{page}:{token.map[0] + 1 if token.map else 0}: code that is only indented")
        if token.type != "fence":
            continue
        line = token.map[0] + 2 if token.map else 0
        language, *words = token.info.split() or [""]
        named = [word.removeprefix("file=") for word in words if word.startswith("file=")]
        if named:
            yield Step(line, file=named[0], text=token.content)
        elif language == "console":
            yield from _commands(token.content, line)
        elif language != "text":
            raise ValueError(
                f"{page}:{line - 1}: the fence {token.info!r} is neither a file, console nor text"
            )


def _commands(content: str, line: int) -> Iterator[Step]:
    step: Step | None = None
    for number, text in enumerate(content.splitlines(), line):
        if text.startswith("$ "):
            if step is not None:
                yield step
            step = Step(number, command=text[2:])
        elif step is None:
            raise ValueError(f"line {number}: output before the first command")
        elif text.startswith("> ") and not step.expected:
            step.command += f"\n{text[2:]}"
        else:
            step.expected.append(text)
    if step is not None:
        yield step


def matches(expected: list[str], output: str) -> bool:
    """Whether ``output`` is what was expected; ``...`` stands for any text, and where lines are folded and how wide columns are plays no part."""

    def plain(text: str) -> str:
        return " ".join(re.sub(r"─+", "─", text).split())

    parts = re.split(r" ?\.\.\. ?", plain("\n".join(expected)))
    pattern = ".*?".join(map(re.escape, parts))
    return re.fullmatch(pattern, plain(output), re.DOTALL) is not None


class Shell:
    """One bash whose output is a terminal, with commands ``podus`` and ``python`` of the interpreter under test."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self.home = home
        programs = home / "bin"
        programs.mkdir()
        for name, words in (("podus", ["-m", "podus"]), ("python", [])):
            script = programs / name
            script.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, *words])} "$@"\n')
            script.chmod(0o755)
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PODUS", "PYTEST", "GIT_"))},
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PODUS_HOME": str(home / "podus"),
            # A terminal on which nothing is drawn in place or coloured.
            "TERM": "dumb",
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.terminal, end = pty.openpty()
        modes = termios.tcgetattr(end)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(end, termios.TCSANOW, modes)
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=end,
            stderr=end,
            start_new_session=True,
        )
        os.close(end)
        self._count = 0

    def run(self, command: str) -> str:
        """Run one command and give what the terminal shows."""
        assert self.process.stdin is not None
        self._count += 1
        script = self.home / "command"
        script.write_text(command + "\n")
        done = f"<done {self._count}>"
        # The command itself may read its standard input, which must not be the commands to come.
        line = f"(exit ${{status:-0}}); . {shlex.quote(str(script))} </dev/null; status=$?; printf '{done}'\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        return self._until(done)

    def _until(self, mark: str) -> str:
        said = b""
        end = time.monotonic() + COMMAND_SECONDS
        while not said.endswith(mark.encode()):
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no end after {COMMAND_SECONDS} s; so far: {said.decode(errors='replace')}"
            try:
                piece = os.read(self.terminal, 65536)
            except OSError:
                piece = b""
            assert piece, f"the shell has ended; it said: {said.decode(errors='replace')}"
            said += piece
        return said.decode(errors="replace").removesuffix(mark)

    def close(self) -> None:
        """Kill the shell and everything that it has started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        os.close(self.terminal)


@pytest.fixture
def shell() -> Iterator[Shell]:
    # The path of a socket must be short, and so must those that messages name, for a terminal folds them.
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp", ignore_cleanup_errors=True) as home:
        directory = Path(home) / "shop"
        directory.mkdir()
        opened = Shell(directory, Path(home))
        try:
            yield opened
        finally:
            opened.close()


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, shell: Shell) -> None:
    for step in steps(page):
        if step.file:
            path = shell.directory / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
        else:
            output = shell.run(step.command)
            shown = "\n".join(step.expected)
            assert matches(step.expected, output), (
                f"{page}:{step.line}: $ {step.command}\n--- the page says\n{shown}\n--- the terminal says\n{output}"
            )


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        for part in token.children or []:
            target = str(part.attrGet("href") or part.attrGet("src") or "")
            if target and "://" not in target:
                path, _, anchor = target.partition("#")
                found = ((ROOT / page).parent / path).resolve() if path else ROOT / page
                if found.relative_to(ROOT).as_posix() in GENERATED:
                    continue
                assert found.exists(), f"{page} links to {target}"
                if anchor:
                    assert anchor in _anchors(found), f"{page} links to {target}"


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
