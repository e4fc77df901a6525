"""Fixtures: programs that are started under podus in a directory and a state of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A private PODUS_HOME with a short path: a socket's is limited."""
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp", ignore_cleanup_errors=True) as path:
        monkeypatch.setenv("PODUS_HOME", path)
        yield Path(path)


@pytest.fixture
def program(tmp_path: Path, home: Path) -> Iterator[Callable[..., Program]]:
    """``program(name="source", …)`` starts a program with these modules."""
    started: list[Program] = []

    def start(*options: str, **modules: str) -> Program:
        root = tmp_path / f"app{len(started)}"
        root.mkdir()
        started.append(Program(root, home, modules, list(options)))
        return started[-1]

    yield start
    for each in started:
        each.close()


def pytest_configure(config: Any) -> None:
    """Tests import each other's fixture language as ``tests.programs``."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
