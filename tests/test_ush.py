"""Asking a pup, whatever it answers; and the updating-system shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from podus.errors import NotFound, PodusError, Refused, Unreachable
from podus.portmap import lookup
from podus.ush import client
from podus.ush.client import Pup, connect

# A process that registers like a program and answers each request with the next bytes that it was told to answer with.
# ID stands for the request's own number.
SCRIPTED = """
    import json, os, socket, sys, threading
    from podus.portmap import registry
    path = registry.socket_path(os.getpid())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    registry.register("scripted", os.getpid(), path, {"argv": ["scripted.py"], "python": "3.11.0"})
    print("ready", flush=True)
    answers = json.loads(sys.stdin.readline())
    def serve(link):
        lines = link.makefile("rb")
        for line in lines:
            request = json.loads(line)
            print(json.dumps(request), flush=True)
            if not answers:
                continue
            answer = answers.pop(0)
            for _ in range(answer.get("times", 1)):
                try:
                    link.sendall(answer.get("send", "").replace("ID", str(request["id"])).encode("latin-1"))
                except OSError:
                    break
            if answer.get("then") == "exit":
                os._exit(3)
            if answer.get("then") == "close":
                break
        lines.close()
        link.close()
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
"""

Scripted = Callable[..., Pup]


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp") as path:
        monkeypatch.setenv("PODUS_HOME", path)
        yield path


@pytest.fixture
def programs() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for program in started:
        program.kill()
        program.communicate()


@pytest.fixture
def scripted(programs: list[subprocess.Popen[str]]) -> Iterator[Scripted]:
    """Start a process with its answers, and connect to it."""
    links: list[Pup] = []

    def run(*answers: dict[str, Any], patience: float = 30.0) -> Pup:
        program = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPTED)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        programs.append(program)
        assert program.stdout and program.stdin
        assert program.stdout.readline() == "ready\n"
        program.stdin.write(json.dumps(answers) + "\n")
        program.stdin.flush()
        links.append(connect(lookup.find(str(program.pid)), patience))
        return links[-1]

    yield run
    for link in links:
        link.close()


def result(value: Any) -> dict[str, Any]:
    return {"send": f'{{"jsonrpc": "2.0", "id": ID, "result": {json.dumps(value)}}}\n'}


def error(code: int, message: str, data: Any = None) -> dict[str, Any]:
    said = json.dumps({"code": code, "message": message, "data": data})
    return {"send": f'{{"jsonrpc": "2.0", "id": ID, "error": {said}}}\n'}


def test_a_call_is_one_line_and_so_is_its_reply(
    scripted: Scripted, programs: list[subprocess.Popen[str]]
) -> None:
    pup = scripted(result({"name": "scripted"}), result(None), result([1, "two\u2028"]))
    assert pup.call("hello") == {"name": "scripted"}
    assert pup.call("update", plan="/tmp/plan", timeout=None, who={"uid": 1}) is None
    assert pup.call("versions") == [1, "two\u2028"]
    assert programs[0].stdout
    asked = [json.loads(programs[0].stdout.readline()) for _ in range(3)]
    assert asked[0] == {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {}}
    assert asked[1]["params"] == {"plan": "/tmp/plan", "who": {"uid": 1}}
    assert [request["id"] for request in asked] == [1, 2, 3]


def test_a_reply_may_come_in_pieces_and_be_large(scripted: Scripted) -> None:
    long = "x" * (3 << 20)
    assert scripted(result(long)).call("source") == long


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("refused", Refused), ("not-found", NotFound), ("unreachable", Unreachable), ("failed", PodusError)],
)
def test_errors_come_back_as_what_they_were(
    scripted: Scripted, kind: str, expected: type[PodusError]
) -> None:
    pup = scripted(error(-32000, "it can't be done", {"kind": kind, "remedy": "leave it"}), result(1))
    with pytest.raises(PodusError) as caught:
        pup.call("update")
    assert type(caught.value) is expected
    assert str(caught.value) == "it can't be done (leave it)"
    assert pup.call("hello") == 1  # the connection is as good as before


def test_errors_that_say_little(scripted: Scripted) -> None:
    pup = scripted(
        error(-32603, "internal error"), error(-32000, "odd", {"kind": "new"}), error(-32000, "odd", 3)
    )
    for message in ("internal error", "odd", "odd"):
        with pytest.raises(PodusError, match=message) as caught:
            pup.call("hello")
        assert type(caught.value) is PodusError


def test_a_method_that_the_pup_does_not_know(scripted: Scripted) -> None:
    with pytest.raises(PodusError, match="another podus, which does not know rehearse"):
        scripted(error(-32601, "no such method")).call("rehearse")


@pytest.mark.parametrize(
    "raw",
    [
        "hello world\n",
        "\xff\xfe\x00\n",
        "[1, 2]\n",
        "{}\n",
        '{"jsonrpc": "2.0", "id": ID}\n',
        '{"jsonrpc": "2.0", "id": ID, "result": 1, "error": {}}\n',
        '{"jsonrpc": "2.0", "id": 77, "result": 1}\n',
        '{"jsonrpc": "2.0", "id": null, "result": 1}\n',
        '{"jsonrpc": "2.0", "id": ID, "error": "no"}\n',
        "\n",
    ],
)
def test_garbage_is_named_and_the_connection_ended(scripted: Scripted, raw: str) -> None:
    pup = scripted({"send": raw})
    with pytest.raises(Unreachable, match=r"scripted \(pid \d+\) answered with ") as caught:
        pup.call("hello")
    assert caught.value.remedy
    with pytest.raises(Unreachable):
        pup.call("hello")


def test_an_endless_reply_is_cut_off(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_LINE", 1 << 20)
    with pytest.raises(Unreachable, match="more than 1048576 bytes in one message"):
        scripted({"send": "x" * 65536, "times": 1000}).call("hello")


def test_a_request_that_is_too_long_is_not_sent(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    pup = scripted(result(1))
    monkeypatch.setattr(client, "MAX_LINE", 1000)
    with pytest.raises(Refused, match="longer than 1000 bytes"):
        pup.call("update", plan="x" * 2000)
    assert pup.call("hello") == 1


def test_a_connection_that_closes_in_the_middle_of_a_reply(scripted: Scripted) -> None:
    pup = scripted({"send": '{"jsonrpc": "2.0", "id": 1, "res', "then": "close"}, result(1))
    with pytest.raises(Unreachable, match="closed the connection in the middle of a message"):
        pup.call("hello")
    with connect(pup.entry) as again:
        assert again.call("hello") == 1


@pytest.mark.parametrize("send", ["", '{"jsonrpc": "2.0", "id": 1, "res'])
def test_a_program_that_exits_while_it_is_asked(scripted: Scripted, send: str) -> None:
    pup = scripted({"send": send, "then": "exit"})
    with pytest.raises(Unreachable) as caught:
        pup.call("hello")
    assert caught.value.message == f"the program scripted (pid {pup.entry.pid}) has exited"
    assert "podus log scripted" in caught.value.remedy


def test_a_program_that_has_exited_before_it_is_called(
    scripted: Scripted, programs: list[subprocess.Popen[str]]
) -> None:
    entry = scripted().entry
    programs[0].kill()
    programs[0].wait()
    with pytest.raises(Unreachable, match="has exited"):
        connect(entry)


def test_a_program_that_does_not_answer(scripted: Scripted) -> None:
    pup = scripted(patience=0.05)
    with pytest.raises(Unreachable, match=r"did not answer hello within 0.05 seconds") as caught:
        pup.call("hello")
    assert "try again" in caught.value.remedy


def test_a_late_reply_is_not_taken_for_another(scripted: Scripted) -> None:
    both = '{"jsonrpc": "2.0", "id": 1, "result": "late"}\n{"jsonrpc": "2.0", "id": ID, "result": "mine"}\n'
    pup = scripted({}, {"send": both}, patience=0.05)
    with pytest.raises(Unreachable):
        pup.call("hello")
    pup.patience = 30.0
    assert pup.call("status") == "mine"


def test_a_socket_that_was_removed(scripted: Scripted) -> None:
    entry = scripted().entry
    os.unlink(entry.socket)
    with pytest.raises(Unreachable, match=r"can't be reached: .*No such file") as caught:
        connect(entry)
    assert "restart" in caught.value.remedy


# ---- the shell


def ush(*words: str, lines: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "podus", "ush", *words],
        input=lines,
        capture_output=True,
        text=True,
        check=False,
    )


VERSION = {"label": "v1", "hash": "0123456789abcdef"}
HELLO = {"version": VERSION, "state": "running", "update": None}


def test_commands_are_read_from_a_pipe_and_the_last_failure_counts(scripted: Scripted) -> None:
    name = scripted(result(HELLO), result(None)).entry.full_name
    done = ush(lines=f"# a comment\n\nstatus nobody\nuse {name}\nstatus\n")
    assert done.returncode == 1
    assert f"{name} runs v1 [01234567]\nno update has been made since it started" in done.stdout
    assert done.stderr.startswith("podus: there is no running program nobody (")
    assert done.stderr.count("\n") == 1


def test_a_shell_at_a_program(scripted: Scripted) -> None:
    pup = scripted(result(HELLO), result(None))
    done = ush("scripted", lines="status\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert pup.entry.full_name in done.stdout
    missing = ush("nobody", lines="status\n")
    assert missing.returncode == 1
    assert "there is no running program nobody" in missing.stderr


def test_quit_ends_it_at_once() -> None:
    for word in ("quit", "exit"):
        done = ush(lines=f"ps\n{word}\nstatus nobody\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert "no program runs under podus here" in done.stdout


def test_help_lists_and_explains() -> None:
    done = ush(lines="help\nhelp update\nhelp nothing\n")
    assert done.returncode == 1
    assert "back-out" in done.stdout and "use " in done.stdout and "\n  run " not in done.stdout
    assert "podus update shop --git v2.1" in done.stdout
    assert done.stderr == "podus: there is no command nothing (`help` lists them)\n"


def test_wrong_use_in_the_shell_is_said_and_counts() -> None:
    done = ush(lines="status\n")
    assert done.returncode == 2
    assert "Missing argument 'NAME'" in done.stderr
    assert ush(lines="updat shop\n").returncode == 2
    assert ush(lines="nonsense\n").stderr == "Error: there is no command nonsense (`help` lists them)\n"
    unread = ush(lines="status 'shop\n")
    assert unread.returncode == 1
    assert "podus: the line can't be read: No closing quotation (close the quotes)" in unread.stderr


def test_a_person_at_a_terminal(scripted: Scripted, home: str) -> None:
    """The prompt, completion of a command and of a name, history and leaving, on a real pseudo-terminal."""
    import pty

    pid = scripted(result(HELLO), result(None)).entry.pid
    main, other = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", "ush"],
        stdin=other,
        stdout=other,
        stderr=other,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        start_new_session=True,
    )
    os.close(other)
    seen = b""

    def until(*texts: str) -> None:
        nonlocal seen
        pattern = b".*".join(re.escape(text.encode()) for text in texts)
        while not re.search(pattern, re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen), re.DOTALL):
            data = os.read(main, 65536)
            if b"\x1b[6n" in data:  # the prompt asks where the cursor is
                os.write(main, b"\x1b[1;1R")
            seen += data
        seen = b""

    until("ush>")
    os.write(main, b"us\t")
    # Only what is new is drawn: what has been typed may be there before the rest of it is.
    until("us", "e")
    os.write(main, b"scr\t")
    until("ipted")
    os.write(main, b"\r")
    until(f"scripted:{pid}>")
    os.write(main, b"status\r")
    until("no update has been made")
    os.write(main, b"quit\r")
    assert shell.wait() == 0
    os.close(main)
    with open(os.path.join(home, "state", "ush_history"), encoding="utf-8") as file:
        assert "+status\n" in file.read()
