"""Fixtures: programs that are started under podus in a directory and a state of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

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


# What depends on how an interpreter works inside is tested whole on each.
INSIDE = frozenset(
    f"test_{name}.py"
    for name in (
        *(
            "body_runs",
            "bytecode_cache",
            "callgraph",
            "event_loops",
            "flow",
            "fork",
            "heap",
            "layout",
            "leaks",
            "loop_fits",
        ),
        *(
            "loop_properties",
            "loops",
            "loops_in_handlers",
            "new_variables",
            "properties",
            "properties_objects",
            "replace",
        ),
        *("schedules", "stress", "suspended_plan", "threads", "tracebacks", "type_parameters"),
    )
)


def pytest_collection_modifyitems(config: Any, items: list[pytest.Item]) -> None:
    """``PODUS_PART=1/6`` runs one of six of the other tests, ``2/6`` to ``6/6`` the rest."""
    part, parts = map(int, os.environ.get("PODUS_PART", "1/1").split("/"))
    others = [
        item
        for item in items
        if item.path.name not in INSIDE and crc32(item.nodeid.encode()) % parts != part - 1
    ]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]


def pytest_configure(config: Any) -> None:
    """Tests import each other's fixture language as ``tests.programs``."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
