"""Planners that stand ready: what one leaves behind, or is ended, is of no concern to the next plan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from podus.errors import Refused
from podus.planning.request import Planners, make_plan
from tests.programs import Program

Start = Callable[..., Program]


@pytest.fixture
def planners() -> Iterator[Planners]:
    with Planners() as found:
        yield found


def _children(pid: int) -> list[int]:
    if not Path("/proc/self/stat").exists():
        asked = ["pgrep", "-P", str(pid), "-f", "podus.planning.planner"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        return [int(word) for word in said.stdout.split()]
    found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is_planner_of(entry, pid)]
    return sorted(found)


def _is_planner_of(entry: Path, pid: int) -> bool:
    """Linux's own account of a process: not every machine has pgrep."""
    try:
        parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        return int(parent) == pid and b"podus.planning.planner" in (entry / "cmdline").read_bytes()
    except OSError:
        return False  # It is gone.


def _plan(app: Program, planners: Planners, **request: Any) -> Any:
    deadline = request.pop("deadline", None)
    wanted = app.request(**request)
    return make_plan(wanted, executable=sys.executable, planners=planners, deadline=deadline)


def test_each_plan_is_made_from_the_start(program: Start, planners: Planners) -> None:
    app = program(m="def f(): return 1\n")
    assert _plan(app, planners).empty
    app.edit(m="def f(): return 2\n")
    assert [p.name for p in _plan(app, planners).procedures] == ["m:f"]
    app.edit(m="def f(: return 2\n")
    assert _plan(app, planners).refusals
    app.edit(m="def f(): return 3\n")
    assert [p.name for p in _plan(app, planners).procedures] == ["m:f"]


def test_one_that_was_ended_is_replaced(program: Start, planners: Planners) -> None:
    app = program(m="def f(): return 1\n")
    before = set(_children(os.getpid()))
    assert _plan(app, planners).empty
    (planner,) = set(_children(os.getpid())) - before
    os.kill(planner, signal.SIGKILL)
    while planner in _children(os.getpid()):
        time.sleep(0.001)
    app.edit(m="def f(): return 2\n")
    assert [p.name for p in _plan(app, planners).procedures] == ["m:f"]


def test_a_deadline_ends_the_plan_and_not_the_next(program: Start, planners: Planners) -> None:
    app = program(m="def f(): return 1\n")
    assert _plan(app, planners).empty
    with pytest.raises(Refused, match="deadline"):
        _plan(app, planners, deadline=time.time() - 1)
    app.edit(m="def f(): return 2\n")
    assert [p.name for p in _plan(app, planners, deadline=time.time() + 60).procedures] == ["m:f"]


def test_a_plan_is_made_where_and_in_whose_name_it_is_asked_for(
    program: Start, planners: Planners, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = program(m="def f(): return 1\n")
    assert _plan(app, planners).empty
    new = tmp_path / "elsewhere" / "new"
    new.mkdir(parents=True)
    for each in app.root.glob("*.py"):
        (new / each.name).write_text(each.read_text().replace("return 1", "return 2"))
    monkeypatch.chdir(new.parent)
    plan = _plan(app, planners, **{"from": "new"})
    assert [p.name for p in plan.procedures] == ["m:f"]
    assert plan.directory.startswith(os.environ["PODUS_HOME"])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PODUS_HOME", str(tmp_path / "file"))
    with pytest.raises(Refused, match="file can't be used"):
        _plan(app, planners)
