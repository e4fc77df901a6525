"""Registering and finding programs: those that died vanish, two of a name are told apart."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podus.errors import NotFound, Refused
from podus.portmap import lookup, process, registry

PROGRAM = """
    import os, socket, sys
    from podus.portmap import registry
    path = registry.socket_path(os.getpid())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    registry.register(sys.argv[1], os.getpid(), path, {"argv": sys.argv, "python": "3.99.1"})
    print("ready", flush=True)
    command = sys.stdin.readline().strip()
    if command == "unregister":
        registry.unregister(os.getpid())
    elif command == "exec":
        os.execv(sys.executable, [sys.executable, "-c", "print('other', flush=True); input()"])
    elif command == "deafen":
        os.unlink(path)
    print("done", flush=True)
    sys.stdin.readline()
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp") as path:
        monkeypatch.setenv("PODUS_HOME", path)
        yield Path(path)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process that registers under a name, and wait until it has."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(program)
        assert program.stdout and program.stdout.readline() == "ready\n"
        return program

    yield run
    for program in started:
        program.kill()
        program.communicate()


def tell(program: subprocess.Popen[str], command: str) -> str:
    assert program.stdin and program.stdout
    program.stdin.write(command + "\n")
    program.stdin.flush()
    return program.stdout.readline().strip()


def left_behind(home: Path) -> list[str]:
    return sorted(os.listdir(home / "run"))


def test_a_registered_program_is_found_by_name_by_pid_and_by_both(start: Start) -> None:
    program = start("shop")
    (entry,) = lookup.programs()
    assert (entry.name, entry.pid, entry.alive) == ("shop", program.pid, True)
    assert (entry.argv[1:], entry.python) == (["shop"], "3.99.1")
    assert (entry.executable, entry.cwd) == (sys.executable, os.getcwd())
    assert entry.started > 0
    for text in ("shop", str(program.pid), f"shop:{program.pid}"):
        assert lookup.find(text) == entry
    json.dumps(entry.as_dict())


def test_names_and_arguments_of_any_kind_come_back(start: Start) -> None:
    name = 'a "shop"\\\n\x7f naïve 🛒 caf\udce9: 3'
    start(name)
    (entry,) = lookup.programs()
    assert (entry.name, entry.argv[1]) == (name, name)
    assert lookup.find(name) == entry


def test_a_program_that_ends_in_order_leaves_nothing(start: Start, home: Path) -> None:
    program = start("shop")
    assert tell(program, "unregister") == "done"
    assert left_behind(home) == []
    assert lookup.programs() == []
    registry.unregister(program.pid)  # once more does no harm


def test_those_that_died_vanish_with_their_sockets(start: Start, home: Path) -> None:
    dead, living = start("dead"), start("living")
    dead.kill()
    dead.wait()
    assert len(left_behind(home)) == 4
    assert [entry.name for entry in lookup.programs()] == ["living"]
    assert left_behind(home) == [f"{living.pid}.json", f"{living.pid}.sock"]


def test_a_killed_program_whose_parent_has_not_waited_is_dead(start: Start) -> None:
    program = start("dead")
    program.kill()
    os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
    assert lookup.programs() == []


def test_a_process_that_became_another_program_is_gone(start: Start, home: Path) -> None:
    program = start("shop")
    assert tell(program, "exec") == "other"
    assert lookup.programs() == []
    assert left_behind(home) == []
    with pytest.raises(NotFound, match=f"process {program.pid} runs, but not under podus"):
        lookup.find(str(program.pid))


def test_a_pid_that_is_used_again_is_another_process(start: Start, home: Path) -> None:
    program = start("shop")
    file = home / "run" / f"{program.pid}.json"
    entry = json.loads(file.read_text())
    file.write_text(json.dumps(entry | {"born": "another:1"}))
    os.utime(file, (1, 1))
    assert lookup.programs() == []


def test_a_program_whose_socket_was_removed_is_shown_as_such(start: Start) -> None:
    program = start("shop")
    assert tell(program, "deafen") == "done"
    (entry,) = lookup.programs()
    assert not entry.alive


def test_a_socket_left_by_a_dead_process_is_removed(home: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    pid = int(ended.stdout)
    path = registry.socket_path(pid)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    Path(f"{path[: -len('.sock')]}.json.tmp").write_text("{")
    mine = registry.socket_path(os.getpid())
    Path(mine).touch()  # about to be listened on: not in anybody's way
    assert lookup.programs() == []
    assert left_behind(home) == [os.path.basename(mine)]


def test_versions_of_the_dead_are_removed(start: Start, home: Path) -> None:
    dead, living = start("dead"), start("living")
    for name in (f"{dead.pid}-a", f"{dead.pid}-b", f"{living.pid}-a", "other"):
        (home / "run" / "versions" / name / "inner").mkdir(parents=True)
    dead.kill()
    dead.wait()
    lookup.programs()
    assert sorted(os.listdir(home / "run" / "versions")) == sorted([f"{living.pid}-a", "other"])


def test_an_entry_that_is_damaged_is_no_program(start: Start, home: Path) -> None:
    program = start("shop")
    (home / "run" / f"{os.getpid()}.json").write_text('{"name": "half')
    (home / "run" / "1.json").write_text("[]")
    (home / "run" / "notes.json").write_text("{}")
    (home / "run" / "999999999.json").write_text("{}")
    assert [entry.pid for entry in lookup.programs()] == [program.pid]
    assert not (home / "run" / "999999999.json").exists()


def test_two_of_a_name_are_told_apart(start: Start) -> None:
    one, two = start("shop"), start("shop")
    with pytest.raises(NotFound, match="2 running programs are named shop") as caught:
        lookup.find("shop")
    assert f"shop:{one.pid}, shop:{two.pid}" in caught.value.message
    assert f"shop:{one.pid}" in caught.value.remedy
    assert lookup.find(f"shop:{two.pid}").pid == two.pid
    assert lookup.find(str(one.pid)).pid == one.pid


def test_a_name_that_is_a_number_means_the_program_of_that_name(start: Start) -> None:
    first = start("shop")
    second = start(str(first.pid))
    assert lookup.find(str(first.pid)).pid == second.pid
    assert lookup.find(f"shop:{first.pid}").pid == first.pid


def test_a_name_that_matches_nothing_suggests_the_nearest(start: Start) -> None:
    start("router")
    start("shop")
    for wrong, near in (("ruoter", "router"), ("SHOP", "shop"), ("shopp", "shop")):
        with pytest.raises(NotFound, match=f"there is no running program {wrong}") as caught:
            lookup.find(wrong)
        assert caught.value.remedy == f"did you mean {near}? `podus ps` shows those that run"
    with pytest.raises(NotFound) as caught:
        lookup.find("something else")
    assert caught.value.remedy == "`podus ps` shows those that run"


def test_where_nothing_runs_it_says_how_to_start() -> None:
    with pytest.raises(NotFound, match="none runs under podus here") as caught:
        lookup.find("shop")
    assert "podus run" in caught.value.remedy


def test_a_runtime_directory_too_long_for_a_socket_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODUS_HOME", str(home / ("x" * 100)))
    with pytest.raises(Refused, match="longer than the 100 bytes") as caught:
        registry.socket_path(4194304)
    assert "PODUS_HOME" in caught.value.remedy


def test_a_registration_that_cannot_be_written_is_refused(home: Path) -> None:
    (home / "run").mkdir(mode=0o700)
    (home / "run" / f"{os.getpid()}.json.tmp").mkdir()
    with pytest.raises(Refused, match="can't be registered"):
        registry.register("shop", os.getpid(), "nowhere", {})


def test_registering_imports_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import podus.portmap.registry; print(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-E", "-c", f"import sys; sys.path.append({SRC!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name for name in eval(done.stdout) if not name.startswith("podus")}
    slow = {
        "collections",
        "dataclasses",
        "enum",
        "inspect",
        "json",
        "re",
        "socket",
        "sqlite3",
        "subprocess",
        "typing",
    }
    assert not loaded & slow


SRC = str(Path(registry.__file__).parents[2])


def test_births_tell_processes_apart(start: Start) -> None:
    program = start("shop")
    born = process.birth(program.pid)
    if sys.platform.startswith("linux"):
        assert born and born != process.birth(os.getpid()) and born == process.birth(program.pid)
    assert process.is_alive(program.pid, born, 0.0)
    program.kill()
    program.wait()
    assert not process.is_alive(program.pid, born)
    assert not process.is_alive(0) and not process.is_alive(-1)


def test_births_by_ps_where_the_system_has_no_proc(start: Start) -> None:
    program = start("shop")
    assert process._alive_by_ps(program.pid, time.time())
    if shutil.which("ps"):
        assert not process._alive_by_ps(program.pid, time.time() - 3600)  # it has started since: another one
        program.kill()
        os.waitid(os.P_PID, program.pid, os.WEXITED | os.WNOWAIT)
        assert not process._alive_by_ps(program.pid, time.time())
        program.wait()
        assert not process._alive_by_ps(program.pid, time.time())
