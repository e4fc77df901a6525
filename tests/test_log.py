"""The durable log: written before what it says is acted on, whoever else writes, and whatever becomes of the disk."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from podus.errors import Refused
from podus.log import EVENTS, Log

V1 = {"label": "v1", "hash": "aa"}
V2 = {"label": "v2", "hash": "bb"}


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.open(str(tmp_path / "log.sqlite"))


def child(code: str, *args: str) -> subprocess.Popen[str]:
    """Another process that may write to the log; it says when it is ready by a line."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_was_written_is_read_back(log: Log) -> None:
    number = log.write(
        "switch",
        program="shop",
        pid=os.getpid(),
        update="u1",
        who={"uid": 7, "user": "ada", "shell": 12},
        from_version=V1,
        to_version=V2,
        procedures=["shop.cart:Cart.total", "shop.cart:<lambda>#2"],
        detail={"group": 3},
        seconds=0.25,
        stall_us=41.5,
    )
    (record,) = log.entries()
    assert record.as_dict() == {
        "id": number,
        "time": record.time,
        "born": record.born,
        "event": "switch",
        "program": "shop",
        "pid": os.getpid(),
        "update": "u1",
        "who": {"uid": 7, "user": "ada", "shell": 12},
        "from_version": V1,
        "to_version": V2,
        "procedures": ["shop.cart:Cart.total", "shop.cart:<lambda>#2"],
        "detail": {"group": 3},
        "seconds": 0.25,
        "stall_us": 41.5,
    }
    json.dumps(record.as_dict())


def test_what_was_not_said_is_none(log: Log) -> None:
    log.write("load", program="shop", pid=1)
    (record,) = log.entries()
    assert (record.update, record.from_version, record.to_version, record.seconds) == (None, None, None, None)
    assert (record.who, record.procedures, record.detail) == ({}, [], {})


def test_every_event_can_be_written_and_no_other(log: Log) -> None:
    for event in EVENTS:
        log.write(event, program="p", pid=1)
    assert {record.event for record in log.entries()} == EVENTS
    with pytest.raises(ValueError, match="swich"):
        log.write("swich", program="p", pid=1)


def test_entries_are_chosen_by_program_process_time_and_number(log: Log) -> None:
    for pid, program in enumerate(["a", "b", "a", "a"], 1):
        log.write("load", program=program, pid=pid, update=f"u{pid}")
    assert [r.pid for r in log.entries("a")] == [1, 3, 4]
    assert [r.pid for r in log.entries(pid=2)] == [2]
    assert [r.pid for r in log.entries(update="u3")] == [3]
    assert [r.pid for r in log.entries("a", limit=2)] == [3, 4]
    third = log.entries(pid=3)[0]
    assert [r.pid for r in log.entries(since=third.time)] == [3, 4]
    assert log.entries(since=third.time + 3600) == []


def test_names_that_are_no_utf8_are_kept_readable(log: Log) -> None:
    log.write("load", program="caf\udce9", pid=1, detail={"file": "x\udce9.py"}, procedures=["naïve:ß"])
    (record,) = log.entries()
    assert record.program == "caf\\udce9"
    assert record.detail == {"file": "x\udce9.py"}
    assert record.procedures == ["naïve:ß"]


def test_there_is_none_yet(log: Log) -> None:
    assert log.entries() == []
    assert log.unfinished() == []
    assert not os.path.exists(log.path)


def test_a_file_that_its_first_writer_has_only_just_made(log: Log) -> None:
    Path(log.path).touch()
    assert log.entries() == []
    log.write("load", program="p", pid=1)
    assert len(log.entries()) == 1


def test_the_default_is_in_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODUS_HOME", str(tmp_path / "home"))
    assert Log.open().path == str(tmp_path / "home" / "state" / "log.sqlite")


def test_many_processes_write_at_once(log: Log) -> None:
    code = """
        import sys
        from podus.log import Log
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(15):
            Log.open(sys.argv[1]).write("switch", program=sys.argv[2], pid=1, detail={"number": number})
    """
    writers = [child(code, log.path, f"p{n}") for n in range(6)]
    for writer in writers:
        assert writer.stdout and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate()
        assert (writer.returncode, errors) == (0, "")
    for n in range(6):
        assert [r.detail["number"] for r in log.entries(f"p{n}")] == list(range(15))


def test_no_connection_is_left_open_for_a_fork_to_inherit(log: Log) -> None:
    log.write("load", program="parent", pid=1)
    if os.path.isdir("/proc/self/fd"):
        links = [os.path.join("/proc/self/fd", fd) for fd in os.listdir("/proc/self/fd")]
        assert not [link for link in links if os.path.islink(link) and log.path in os.readlink(link)]
    code = """
        import os, sys
        from podus.log import Log
        log = Log.open(sys.argv[1])
        log.write("load", program="parent", pid=1)
        if os.fork() == 0:
            log.write("load", program="child", pid=2)
            os._exit(0)
        assert os.wait()[1] == 0
        log.write("load", program="parent", pid=1)
    """
    process = child(code, log.path)
    assert process.communicate() == ("", "")
    assert [r.program for r in log.entries()] == ["parent", "parent", "child", "parent"]


def test_after_a_kill_it_says_what_was_under_way(log: Log) -> None:
    code = """
        import os, sys
        from podus.log import Log
        log = Log.open(sys.argv[1])
        def write(event, update, **more):
            log.write(event, program="shop", pid=os.getpid(), update=update, **more)
        write("update", "done"); write("complete", "done")
        write("update", "gone-back"); write("back-out", "gone-back"); write("backed-out", "gone-back")
        write("update", "broken"); write("failed", "broken")
        write("update", "half", from_version={"label": "v1", "hash": "a"}, to_version={"label": "v2", "hash": "b"})
        write("stage", "half"); write("switch", "half", procedures=["m:f"])
        print("ready", flush=True)
        sys.stdin.readline()
    """
    process = child(code, log.path)
    assert process.stdout and process.stdout.readline() == "ready\n"
    assert log.unfinished() == []  # under way, and its process lives
    process.kill()
    process.wait()
    (begun,) = log.unfinished()
    assert (begun.program, begun.pid, begun.update) == ("shop", process.pid, "half")
    assert (begun.from_version, begun.to_version) == (
        {"label": "v1", "hash": "a"},
        {"label": "v2", "hash": "b"},
    )
    assert [(r.event, r.procedures) for r in log.entries(update="half")] == [
        ("update", []),
        ("stage", []),
        ("switch", ["m:f"]),
    ]
    process.communicate()


def test_a_pid_that_is_used_again_is_not_the_process_that_died(log: Log) -> None:
    log.write("update", program="shop", pid=os.getpid(), update="u1")
    assert log.unfinished() == []
    with sqlite3.connect(log.path) as connection:
        connection.execute("UPDATE event SET born = 'another:1', time = 1")
    connection.close()
    assert [r.update for r in log.unfinished()] == ["u1"]


def test_a_full_disk_refuses_and_leaves_the_log_as_it_was(log: Log) -> None:
    log.write("load", program="before", pid=1)

    def no_more_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

    code = """
        import sys
        from podus.errors import Refused
        from podus.log import Log
        try:
            Log.open(sys.argv[1]).write("update", program="p", pid=1, detail={"long": "x" * 100000})
        except Refused as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), log.path],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=no_more_space,
    )
    assert done.stdout.startswith(f"the log {log.path} can't be written: ")
    assert "free some space" in done.stdout
    assert done.stdout.count("\n") == 1
    assert [r.program for r in log.entries()] == ["before"]
    log.write("load", program="after", pid=1)
    assert [r.program for r in log.entries()] == ["before", "after"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = Log.open(str(tmp_path / "file" / "log.sqlite"))
    with pytest.raises(Refused, match=r"the log .* can't be written: unable to open") as caught:
        log.write("load", program="p", pid=1)
    assert "PODUS_HOME" in caught.value.remedy


def test_a_state_directory_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PODUS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(Refused, match="the log's directory can't be made") as caught:
        Log.open()
    assert "PODUS_HOME" in caught.value.remedy


@pytest.mark.parametrize(
    "content", [b"this is no database, and never was one" * 100, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_damaged_log_is_named_and_never_replaced(log: Log, content: bytes) -> None:
    Path(log.path).write_bytes(content)
    for use in (lambda: log.write("load", program="p", pid=1), log.entries, log.unfinished):
        with pytest.raises(Refused, match=f"the log {log.path} is damaged") as caught:
            use()
        assert "move it away" in caught.value.remedy
    assert Path(log.path).read_bytes() == content


def test_a_log_of_a_newer_podus_is_left_alone(log: Log) -> None:
    log.write("load", program="p", pid=1)
    connection = sqlite3.connect(log.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for use in (lambda: log.write("load", program="p", pid=1), log.entries):
        with pytest.raises(Refused, match="newer podus") as caught:
            use()
        assert "update podus" in caught.value.remedy


def test_somebody_reads_while_another_writes(log: Log) -> None:
    log.write("load", program="p", pid=1)
    writer = sqlite3.connect(log.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert len(log.entries()) == 1
    finally:
        writer.close()
