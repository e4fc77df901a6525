"""The commands, on real programs that were started with ``podus run``."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from podus.ush.reference import reference
from tests.shellkit import APP, PRICES, Program, edit, failed, ok, podus

ROOT = Path(__file__).parent.parent

Start = Callable[..., Program]
WAITS = frozenset({"switched prices:total", "pending prices:wait: is active"})


def begin(*words: str, awaited: frozenset[str] = WAITS) -> subprocess.Popen[str]:
    """A shell that follows an update, once it has said all that is ``awaited``."""
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has had Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    assert shell.stderr
    missing = set(awaited)
    while missing:
        line = shell.stderr.readline()
        assert line, "the shell has ended"
        missing = {words for words in missing if words not in line}
    return shell


def watch(*awaited: str) -> None:
    """Look at the update under way until it has come as far as ``awaited`` says."""
    shell = begin("status", "shop", "--follow", awaited=frozenset(awaited) or WAITS)
    shell.kill()
    shell.communicate()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="podus-", dir="/tmp") as path:
        monkeypatch.setenv("PODUS_HOME", path)
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        yield Path(path)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    directory = tmp_path / "shop"
    directory.mkdir()
    (directory / "app.py").write_text(textwrap.dedent(APP))
    (directory / "prices.py").write_text(textwrap.dedent(PRICES))
    return directory


@pytest.fixture
def start(sources: Path) -> Iterator[Start]:
    started: list[Program] = []

    def run(name: str = "shop", *options: str) -> Program:
        started.append(Program(sources, name, options=options))
        return started[-1]

    yield run
    for program in started:
        program.process.kill()
        program.process.communicate()


# ---- looking


def test_ps_shows_what_runs(start: Start) -> None:
    assert "no program runs under podus here" in ok("ps")
    assert json.loads(ok("ps", "--json")) == []
    one, two = start("shop"), start("other")
    lines = ok("ps").splitlines()
    assert lines[0].split() == ["NAME", "PID", "PYTHON", "VERSION", "STATE", "STARTED", "COMMAND"]
    assert [line.split()[:2] for line in lines[2:]] == [["shop", str(one.pid)], ["other", str(two.pid)]]
    rows = json.loads(ok("ps", "--json"))
    assert [(row["name"], row["state"], row["version"]["label"]) for row in rows] == [
        ("shop", "running", "1"),
        ("other", "running", "1"),
    ]
    assert rows[0]["argv"][-1].endswith("app.py")


def test_a_stopped_program_is_shown_and_does_not_hold_up_the_others(start: Start) -> None:
    one, _ = start("stopped"), start("shop")
    os.kill(one.pid, signal.SIGSTOP)
    try:
        rows = json.loads(ok("ps", "--json"))
    finally:
        os.kill(one.pid, signal.SIGCONT)
    assert [(row["name"], row["state"]) for row in rows] == [("stopped", "unreachable"), ("shop", "running")]


def test_names_that_match_nothing_or_two(start: Start) -> None:
    assert failed("status", "shop") == (
        "there is no running program shop: none runs under podus here (start one with `podus run --name NAME SCRIPT`)"
    )
    one, two = start(), start()
    assert failed("plan", "shpo") == (
        "there is no running program shpo (did you mean shop? `podus ps` shows those that run)"
    )
    said = failed("update", "shop")
    assert f"2 running programs are named shop: shop:{one.pid}, shop:{two.pid}" in said
    assert f"shop:{two.pid} runs" in ok("status", f"shop:{two.pid}")
    error = json.loads(podus("update", "shop", "--json").stdout)["error"]
    assert error["kind"] == "not-found"
    assert error["remedy"]


# ---- updating


def test_a_program_is_updated_and_taken_back(start: Start) -> None:
    program = start()
    assert program.tell("total") == "6"
    assert "nothing to do" in ok("plan", "shop")
    assert "there is nothing to update" in ok("update", "shop")
    program.edit("count * RATE", "count * RATE + 1")
    plan = ok("plan", "shop")
    assert "prices:total" in plan
    assert "safe" in plan
    assert program.tell("total") == "6"
    done = podus("update", "shop")
    assert done.returncode == 0
    assert done.stdout.startswith("shop is now 2 [")
    assert "switched prices:total" in done.stderr
    assert program.tell("total") == "7"
    status = json.loads(ok("status", "shop", "--json"))
    assert (status["update"]["state"], status["update"]["switched"]) == ("complete", ["prices:total"])
    assert status["program"]["version"]["label"] == "2"
    assert "complete" in ok("status", "shop")
    assert ok("back-out", "shop").startswith("shop is now 1 [")
    assert program.tell("total") == "6"


def test_the_plan_as_json_is_the_plan(start: Start) -> None:
    program = start()
    program.edit("count * RATE", "count * RATE + 1")
    plan = json.loads(ok("plan", "shop", "--json"))
    assert plan["safe"] and not plan["empty"]
    assert [p["name"] for p in plan["procedures"]] == ["prices:total"]
    status = json.loads(ok("update", "shop", "--json"))
    assert (status["state"], status["switched"]) == ("complete", ["prices:total"])


def test_a_version_in_another_directory(start: Start, tmp_path: Path) -> None:
    program = start()
    other = tmp_path / "new"
    shutil.copytree(program.directory, other)
    edit(other, "RATE = 2", "RATE = 5")
    ok("update", "shop", "--from", str(other))
    assert program.tell("total") == "15"


def test_a_revision(start: Start, sources: Path) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *words], cwd=sources, check=True, capture_output=True)

    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    program = start()
    program.edit("RATE = 2", "RATE = 7")
    git("commit", "-qam", "two")
    git("tag", "v2")
    program.edit("RATE = 7", "RATE = 100")
    assert failed("update", "shop", "--git", "nonsense")
    assert program.tell("total") == "6"
    ok("update", "shop", "--git", "v2", "--as", "two")
    assert program.tell("total") == "21"


def test_a_version_is_loaded_and_later_switched_to(start: Start) -> None:
    program = start()
    program.edit("RATE = 2", "RATE = 9")
    assert ok("load", "shop", "--as", "nine").startswith("shop has nine [")
    program.edit("RATE = 9", "RATE = 2")
    assert program.tell("total") == "6"
    rows = json.loads(ok("versions", "shop", "--json"))
    assert {row["label"]: row["current"] for row in rows} == {"1": True, "nine": False}
    assert "nine" in ok("versions", "shop")
    assert failed("update", "shop", "--to", "nien")
    ok("update", "shop", "--to", "nine")
    assert program.tell("total") == "27"


# ---- refusals


def test_a_syntax_error_is_refused_and_nothing_is_changed(start: Start, home: Path) -> None:
    program = start()
    program.edit("def wait():", "def wait(:")
    for command in ("update", "load", "scaffold"):
        said = failed(command, "shop")
        assert said.startswith("shop is not changed: ")
        assert "prices.py" in said
        assert said.endswith(")")
    plan = podus("plan", "shop")
    assert plan.returncode == 1
    assert "refused: 1 reason" in plan.stdout
    answer = podus("update", "shop", "--json")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert json.loads(answer.stdout)["error"]["kind"] == "refused"
    assert json.loads(answer.stdout)["plan"]["refusals"]
    assert program.tell("total") == "6"
    events = json.loads(ok("log", "shop", "--json"))["events"]
    assert [(e["event"], e["detail"]["command"]) for e in events] == [
        ("refuse", "update"),
        ("refuse", "load"),
        ("refuse", "scaffold"),
        ("plan", "plan"),
        ("refuse", "update"),
    ]
    assert "prices.py" in events[0]["detail"]["reason"]
    assert os.listdir(home / "run" / "versions") == []


def test_a_program_whose_log_cannot_be_written_is_not_updated(start: Start, home: Path) -> None:
    program = start()
    (home / "state" / "log.sqlite").mkdir(parents=True, mode=0o700)
    program.edit("RATE = 2", "RATE = 3")
    said = failed("plan", "shop")
    assert said.startswith(f"the log {home}/state/log.sqlite can't be written: unable to open")
    done = podus("update", "shop")
    assert done.returncode == 1
    assert "can't be written" in done.stderr
    assert program.tell("total") == "6"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["update", "shop", "--from", ".", "--git", "HEAD"], "--from and --git exclude each other"),
        (["load", "shop", "--from", "/no/such/place"], "'/no/such/place' does not exist"),
        (["plan", "shop", "--support", "/no/such/file"], "'/no/such/file' does not exist"),
        (["update", "shop", "--to", "v1", "--as", "v2"], "--as and --to exclude each other"),
        (["update", "shop", "--timeout", "soon"], "'soon' is not a valid float"),
        (["update", "shop", "--on-timeout", "panic"], "'panic' is not one of 'back-out', 'wait'"),
        (["log", "--since", "breakfast"], "'breakfast' is no moment: say 30m"),
        (["updaet", "shop"], "there is no command updaet (did you mean update?)"),
        (["status"], "Missing argument 'NAME'"),
        (["run"], "give a SCRIPT or -m MODULE to run"),
    ],
)
def test_wrong_use_is_said_and_the_exit_code_is_2(start: Start, words: list[str], said: str) -> None:
    start()
    done = podus(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_what_is_missing_is_scaffolded_and_filled_in(start: Start, tmp_path: Path) -> None:
    program = start("shop", "--no-stubs")
    program.edit("def total(count)", "def total(count, fee)")
    program.edit("count * RATE", "count * RATE + fee")
    app = program.directory / "app.py"
    app.write_text(app.read_text().replace("total(3)", "total(3, 1)"))
    said = failed("update", "shop")
    assert "prices:total" in said
    assert "podus scaffold" in said
    support = tmp_path / "support.py"
    support.write_text(ok("scaffold", "shop"))
    assert "interprocedure" in json.loads(ok("scaffold", "shop", "--json"))["support"]
    text = support.read_text()
    assert "raise NotImplementedError" in text
    lines = [line for line in text.splitlines() if "raise NotImplementedError" not in line]
    support.write_text("\n".join(lines) + "\n    return new(count, 10)\n")
    assert "--support FILE" in ok(
        "load", "shop", "--as", "fees"
    )  # the version is sound; only the way to it is not
    assert program.tell("total") == "6"
    # main never returns, so the update waits for it, and its old calls go through the interprocedure.
    done = podus("update", "shop", "--support", str(support), "--detach")
    assert done.returncode == 3, done.stderr
    watch("switched prices:total")
    assert program.tell("total") == "16"


# ---- updates that wait


@pytest.fixture
def waiting(start: Start) -> Program:
    """A program of which one procedure is active until it is told to release it, and a new version that changes it."""
    program = start()
    assert program.tell("wait") == "waiting"
    program.edit('return "old"', 'return "new"')
    program.edit("count * RATE", "count * RATE + 1")
    return program


def test_a_plan_says_who_would_be_waited_for(waiting: Program) -> None:
    plan = ok("plan", "shop")
    assert "blocked now, because:\n  prices:wait: it is on a stack" in plan


def test_detached_then_followed_by_another_shell(waiting: Program) -> None:
    done = podus("update", "shop", "--detach")
    assert done.returncode == 3
    assert f"podus status shop:{waiting.pid} --follow" in done.stderr
    watch()
    status = podus("status", "shop", "--follow", "--timeout", "0")
    assert status.returncode == 3
    assert "prices:wait" in status.stdout
    assert "waiter" in status.stdout
    assert json.loads(ok("ps", "--json"))[0]["state"] == "updating"
    assert "is under way" in failed("update", "shop")
    assert failed("back-out", "shop", "--to", "1").startswith("an update of shop is under way")
    assert waiting.tell("release") == "released"
    assert ok("status", "shop", "--follow").startswith("shop is now 2 [")
    assert waiting.tell("total") == "7"


def test_backed_out_in_the_middle(waiting: Program) -> None:
    assert podus("update", "shop", "--detach").returncode == 3
    watch()
    assert waiting.tell("total") == "7"
    assert ok("back-out", "shop").startswith("shop is back at 1 [")
    assert waiting.tell("total") == "6"
    assert "backed-out" in ok("status", "shop")


def test_when_the_time_is_over(waiting: Program) -> None:
    said = failed_last("update", "shop", "--timeout", "0.2")
    assert "was backed out: " in said
    assert "the program is as before" in said
    assert waiting.tell("total") == "6"
    answer = podus("update", "shop", "--timeout", "0.2", "--on-timeout", "wait", "--json")
    assert (answer.returncode, answer.stderr) == (3, "")
    watch()
    (row,) = json.loads(ok("status", "shop", "--json"))["update"]["pending"]
    assert (row["procedure"], row["holders"][0]["thread"]) == ("prices:wait", "waiter")
    assert waiting.tell("release") == "released"
    ok("status", "shop", "--follow")
    assert waiting.tell("total") == "7"


def failed_last(*words: str) -> str:
    """The sentence that a command fails with, after the lines of its progress."""
    done = podus(*words)
    assert done.returncode == 1, (done.stdout, done.stderr)
    return done.stderr.splitlines()[-1]


def test_ctrl_c_leaves_the_update_under_way(waiting: Program) -> None:
    shell = begin("update", "shop")
    shell.send_signal(signal.SIGINT)
    _, errors = shell.communicate()
    assert shell.returncode == 3
    assert f"podus back-out shop:{waiting.pid}" in errors
    assert "Traceback" not in errors
    assert waiting.tell("release") == "released"
    ok("status", "shop", "--follow")
    assert waiting.tell("total") == "7"


def test_a_shell_that_is_killed_is_followed_by_another(waiting: Program) -> None:
    shell = begin("update", "shop")
    shell.kill()
    shell.communicate()
    assert podus("status", "shop", "--follow", "--timeout", "0").returncode == 3
    assert ok("back-out", "shop").startswith("shop is back at 1")
    assert waiting.tell("total") == "6"


def test_a_program_that_is_killed_in_the_middle(waiting: Program) -> None:
    shell = begin("update", "shop")
    waiting.process.kill()
    waiting.process.wait()
    _, errors = shell.communicate()
    assert shell.returncode == 1
    assert errors.splitlines()[-1].startswith(f"podus: the program shop (pid {waiting.pid}) has exited (")
    log = podus("log", "shop")
    assert log.returncode == 0
    assert f"shop (pid {waiting.pid}) died while its update" in log.stderr
    assert "1 procedure had switched" in log.stderr
    (lost,) = json.loads(ok("log", "--json"))["unfinished"]
    assert (lost["program"], lost["event"]) == ("shop", "update")
    assert ok("ps").startswith("no program runs")


def test_progress_is_drawn_on_a_terminal(waiting: Program) -> None:
    main, other = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", "update", "shop"],
        stdin=other,
        stdout=other,
        stderr=other,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        start_new_session=True,
    )
    seen = b""
    while b"thread waiter" not in seen:
        seen += os.read(main, 65536)
    assert b"1 of 2 procedures" in seen or b"0 of 2 procedures" in seen
    assert waiting.tell("release") == "released"
    while b"shop is now 2 [" not in seen:
        seen += os.read(main, 65536)
    assert shell.wait() == 0
    os.close(other)
    os.close(main)


def test_a_procedure_is_switched_out_of_its_turn(waiting: Program) -> None:
    assert "by hand:\n  now: prices:wait" in ok("plan", "shop", "--now", "prices:wait")
    assert ok("update", "shop", "--now", "prices:wait").startswith("shop is now 2 [")
    assert waiting.tell("total") == "7"
    events = json.loads(ok("log", "shop", "--json"))["events"]
    assert [event["procedures"] for event in events if event["event"] == "override"] == [["prices:wait"]]


def test_a_procedure_is_held_back(waiting: Program) -> None:
    assert ok("update", "shop", "--hold", "prices:wait").startswith("shop is now 2 [")
    assert waiting.tell("total") == "7"
    assert json.loads(ok("status", "shop", "--json"))["update"]["switched"] == ["prices:total"]


# ---- the log


def test_the_log_says_what_was_done(start: Start) -> None:
    assert "the log is empty" in ok("log")
    program = start()
    program.edit("count * RATE", "count * RATE + 1")
    ok("update", "shop")
    events = json.loads(ok("log", "shop", "--json"))["events"]
    assert [event["event"] for event in events if event["event"] != "override"] == [
        "update",
        "stage",
        "switch",
        "complete",
    ]
    assert {event["who"]["uid"] for event in events} == {os.getuid()}
    assert events[-1]["seconds"] > 0
    assert "complete" in ok("log", str(program.pid))
    assert "complete" in ok("log", f"shop:{program.pid}", "--since", "1h")
    assert "the log has nothing about this" in ok("log", "shop", "--since", "2999-01-01")
    (last,) = json.loads(ok("log", "--limit", "1", "--json"))["events"]
    assert last["event"] == "complete"
    assert failed("log", "shpo") == "the log has nothing about shpo (did you mean shop?)"


def test_directories_that_cannot_be_used(home: Path) -> None:
    (home / "file").touch()
    done = podus("ps", env=os.environ | {"PODUS_HOME": str(home / "file" / "home")})
    assert done.returncode == 1
    assert done.stderr.startswith(f"podus: the directory {home}/file/home can't be used: ")
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "log.sqlite").write_text("this is no database" * 1000)
    assert failed("log").startswith(f"the log {home}/state/log.sqlite is damaged: ")


# ---- help, completion, reference


def test_every_command_has_help_with_an_example() -> None:
    names = [line.split()[0] for line in ok("--help").partition("Commands:\n")[2].splitlines()]
    assert {
        "run",
        "ps",
        "load",
        "plan",
        "scaffold",
        "update",
        "status",
        "versions",
        "log",
        "back-out",
        "ush",
    } < set(names)
    for name in names:
        if name != "demo":  # its own program's help
            assert f"podus {name}" in ok(name, "--help").partition("Examples:")[2]


def test_run_goes_past_what_the_shell_imports() -> None:
    code = """
        import sys
        sys.argv = ["podus", "run", "--nonsense"]
        from podus.__main__ import main
        try:
            main()
        except SystemExit as end:
            print(end.code, sorted({"click", "rich", "prompt_toolkit", "sqlite3"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "2 []\n"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    assert "_PODUS_COMPLETE" in ok("completion", shell)


def complete(*words: str) -> set[str]:
    asked = {
        "_PODUS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["podus", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = podus(env=os.environ | asked)
    return {line.partition(",")[2] for line in done.stdout.splitlines() if line}


def test_commands_names_and_labels_are_completed(start: Start) -> None:
    assert complete("back") == {"back-out"}
    assert complete("status", "") == set()
    program = start()
    assert complete("status", "sh") == {"shop"}
    program.edit("RATE = 2", "RATE = 3")
    ok("load", "shop", "--as", "three")
    assert complete("update", "shop", "--to", "th") == {"three"}
    assert complete("update", "--to", "th") == set()
    start()
    assert {word.partition(":")[0] for word in complete("plan", "s")} == {"shop"}
    assert len(complete("plan", "s")) == 2


def test_the_reference_is_up_to_date() -> None:
    page = ROOT / "docs" / "reference.md"
    assert page.read_text(encoding="utf-8") == reference(), "write it anew with `make reference`"
