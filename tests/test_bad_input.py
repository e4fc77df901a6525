"""What goes wrong is said in one sentence with its remedy, with the right exit code, and the program is as before."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podus.log import Log
from podus.portmap import lookup
from tests.programs import SOURCE, Program

Start = Callable[..., Program]

SHOP = """
    state = []
    def f(): return 1
    def g(a): return f() + a
"""


def shot(app: Program) -> Any:
    """What the program is: identities, code, data and modules."""
    return app(
        "shop.f(), shop.g(1), id(shop.f), id(shop.f.__code__), id(shop.state), sorted(vars(shop)), sorted(sys.modules)[:0],"
        " sorted(n for n in sys.modules if n.startswith(('shop', 'fresh'))), [str(f) for f in sys.meta_path]"
    )


def refused(app: Program, *words: str, code: int = 1) -> str:
    """Run a command that must fail with ``code`` and leave the program as it is; gives its one sentence."""
    before = shot(app)
    done = app.podus(*words, check=code)
    said = [line for line in done.stderr.splitlines() if line.startswith("podus:")]
    assert len(said) == 1 or code == 2, done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert "the planner failed" not in done.stderr
    assert shot(app) == before
    text = said[0] if said else done.stderr
    # The remedy stands in brackets.
    assert code == 2 or (text.endswith(")") and "(" in text), text
    return " ".join(done.stderr.split())


@pytest.fixture
def app(program: Start) -> Program:
    started = program(shop=SHOP)
    # What only the first question loads is not a difference.
    started.podus("status", "app", check=None)
    return started


# ---- the new version


def test_a_syntax_error(app: Program) -> None:
    app.edit(shop="def f(): return 2\ndef g(a: return 1\n")
    text = refused(app, "update", "app")
    assert f"{app.root}/shop.py:2" in text and "mend the syntax error" in text
    assert app.podus("plan", "app", check=1).returncode == 1


def test_a_null_byte(app: Program) -> None:
    (app.root / "shop.py").write_bytes(b"def f(): return 2\0\n")
    assert f"{app.root}/shop.py" in refused(app, "update", "app")


def test_an_unknown_encoding(app: Program) -> None:
    app.edit(shop="# coding: nonsense\ndef f(): return 2\n")
    assert "nonsense" in refused(app, "update", "app")


def test_a_new_module_that_raises(app: Program) -> None:
    app.edit(shop=SHOP.replace("return 1", "return fresh.x").replace("state", "import fresh\n    state", 1))
    app.edit(fresh="x = 1\nraise RuntimeError('not today')")
    text = refused(app, "update", "app")
    assert "RuntimeError: not today" in text and "fresh.py:2" in text and "the program is as before" in text


def test_a_new_module_that_exits(app: Program) -> None:
    app.edit(shop=SHOP.replace("return 1", "return fresh.x").replace("state", "import fresh\n    state", 1))
    app.edit(fresh="import sys\nsys.exit(3)")
    assert "SystemExit: 3" in refused(app, "update", "app")


def test_a_new_statement_that_raises(app: Program) -> None:
    app.edit(shop=SHOP.replace("return 1", "return 2") + "    new = []\n    state.append(1)\n    1 / 0\n")
    text = refused(app, "update", "app")
    assert "ZeroDivisionError" in text and "shop.py:7" in text and app("shop.state") == []


def test_an_import_of_what_is_not_there(app: Program) -> None:
    app.edit(shop="import nowhere_to_be_found\n" + "def f(): return 2\ndef g(a): return a\n")
    assert "nowhere_to_be_found" in refused(app, "update", "app")


def test_a_module_that_is_still_imported_is_gone(program: Start) -> None:
    app = program(shop=SHOP, shop_stock="x = 1", user="import shop_stock\ndef h(): return shop_stock.x")
    (app.root / "shop_stock.py").unlink()
    app.edit(user="import shop_stock\ndef h(): return shop_stock.x + 1")
    assert "user imports shop_stock" in refused(app, "update", "app")


def test_bytecode_of_another_python(app: Program) -> None:
    new = app.root.parent / "new"
    app.write({"driver.py": (app.root / "driver.py").read_text()}, new)
    magic = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
    (new / "shop.pyc").write_bytes((magic - 50).to_bytes(2, "little") + b"\r\n" + bytes(12) + b"rest")
    text = refused(app, "update", "app", "--from", str(new))
    assert "shop.pyc holds bytecode of another Python" in text and "own interpreter" in text


def test_damaged_bytecode(app: Program) -> None:
    new = app.root.parent / "new"
    app.write({"driver.py": (app.root / "driver.py").read_text()}, new)
    (new / "shop.pyc").write_bytes(importlib.util.MAGIC_NUMBER + bytes(12) + b"rubbish")
    assert "shop.pyc is damaged" in refused(app, "update", "app", "--from", str(new))


def test_from_an_empty_and_an_unrelated_directory(app: Program, tmp_path: Path) -> None:
    empty, other = tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    app.write({"another": "x = 1"}, other)
    for place in (empty, other):
        text = refused(app, "update", "app", "--from", str(place))
        assert f"{place} holds none of the program's modules" in text and "shop" in text
    assert "does not exist" in refused(app, "update", "app", "--from", str(tmp_path / "gone"), code=2)


def test_from_git_where_there_is_none(app: Program) -> None:
    assert "not loaded from a git repository" in refused(app, "update", "app", "--git", "HEAD")


def test_an_unknown_revision(app: Program) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(app.root), *words], check=True, capture_output=True)

    git("init")
    git("add", ".")
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-m", "m")
    text = refused(app, "update", "app", "--git", "nonsense")
    assert "nonsense" in text and "give a revision that git knows" in text


def test_an_unknown_label(app: Program) -> None:
    assert "no version is called nonsense" in refused(app, "update", "app", "--to", "nonsense")


# ---- support code


def support(app: Program, text: str) -> list[str]:
    app.edit(shop=SHOP.replace("return 1", "return 2").replace("[]", "{}"))
    path = app.home / "support.py"
    path.write_text("import podus\n" + text)
    return ["update", "app", "--support", str(path)]


def test_support_code_that_is_not_there(app: Program) -> None:
    assert "support.py" in refused(app, "update", "app", "--support", "support.py", code=2)


def test_support_code_that_can_not_be_compiled(app: Program) -> None:
    text = refused(app, *support(app, "def f(:\n"))
    assert "support.py" in text and "2" in text


def test_support_code_that_raises(app: Program) -> None:
    text = refused(app, *support(app, "1 / 0\n"))
    assert "support.py raised ZeroDivisionError: division by zero (line 2)" in text


@pytest.mark.parametrize(
    ("declared", "near"),
    [
        ("@podus.interprocedure('shop:ff')\ndef c(new, a): return new(a)", "shop:f"),
        ("@podus.interprocedure('shopp:f')\ndef c(new): return new()", "shop:f"),
        ("@podus.mapper('shop:stat')\ndef c(old): return {}", "shop:state"),
        ("podus.together('shop:f', 'shop:gg')", "shop:g"),
    ],
)
def test_a_misspelt_name_in_support_code(app: Program, declared: str, near: str) -> None:
    text = refused(app, *support(app, declared + "\n"))
    assert f"did you mean {near}?" in text, text


@pytest.mark.parametrize("option", ["--now", "--hold", "--reset"])
def test_a_misspelt_name_on_the_command_line(app: Program, option: str) -> None:
    app.edit(shop=SHOP.replace("return 1", "return 2").replace("[]", "{}"))
    near = "shop:state" if option == "--reset" else "shop:f"
    text = refused(app, "update", "app", option, "shop:stat" if option == "--reset" else "shop:ff")
    assert f"did you mean {near}?" in text, text


def test_data_that_is_to_change_in_two_ways(app: Program) -> None:
    one = "@podus.mapper('shop:state')\ndef one(old): return {}\n"
    both = one + one.replace("one", "other")
    for text in (
        refused(app, *support(app, both)),
        refused(app, *support(app, one), "--reset", "shop:state"),
    ):
        assert "shop:state is to get another form in two ways" in text and "leave one of them" in text


def test_data_can_not_be_held(app: Program) -> None:
    app.edit(shop=SHOP.replace("return 1", "return 2").replace("[]", "{}"))
    assert "--now or --hold names shop:state, which is no procedure" in refused(
        app, "update", "app", "--hold", "shop:state"
    )


def test_a_mapper_that_raises(app: Program) -> None:
    app.run("shop.state.append('kept')")
    words = support(app, "@podus.mapper('shop:state')\ndef c(old): return old[5]\n")
    text = refused(app, *words)
    assert "the mapper of shop:state raised IndexError" in text and "mend the mapper" in text
    assert app("shop.state") == ["kept"]


def test_a_mapper_with_the_wrong_parameters(app: Program) -> None:
    assert "shop:state" in refused(app, *support(app, "@podus.mapper('shop:state')\ndef c(): return {}\n"))


# ---- names


def test_a_name_that_matches_nothing(app: Program) -> None:
    for command in ("status", "update", "plan", "back-out", "versions", "load", "scaffold"):
        assert "did you mean app?" in refused(app, command, "ap")
    assert "not under podus" in refused(app, "update", str(os.getpid()))


def test_two_of_a_name(program: Start) -> None:
    one, two = program(shop=SHOP), program(shop=SHOP)
    text = refused(one, "update", "app")
    assert f"app:{one.process.pid}" in text and f"app:{two.process.pid}" in text


# ---- two at once, and those who go


def pending(app: Program) -> str:
    """An update that waits for a thread in shop:f."""
    app.start("t", "shop.f()", at="in")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n")
    update = app.begin()
    app.until_switched(update, "shop:g")
    return update


WAITING = "def f():\n    gate('in')\n    return 1\ndef g(): return 1\n"


def test_two_updates_at_once(program: Start) -> None:
    app = program(shop=WAITING)
    update = pending(app)
    for command in ("update", "load"):
        done = app.podus(command, "app", check=1)
        assert f"update {update} is under way" in done.stderr and "podus back-out" in done.stderr
    app.open("in")
    app.until(update, "complete")


def test_an_update_to_the_version_that_is_just_being_left(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.edit(shop="def f():\n    gate('in')\n    return 2\n").update()
    app.start("t", "shop.f()", at="in")
    app.podus("back-out", "app", "--detach", check=3)
    done = app.podus("update", "app", check=1)
    assert "is under way (" in done.stderr
    app.open("in")
    app.join("t")
    app.until(app.status()["id"], "complete")
    app.podus("update", "app")


def test_two_plans_made_before_either_was_evaluated(program: Start) -> None:
    app = program(shop="def f(): return 1")
    app.edit(shop="def f(): return 2")
    first, second = app.plan(), app.plan()
    with app.pup() as pup:
        app.until(pup.call("update", plan=first.directory)["id"], "complete")
        with pytest.raises(Exception, match="updated since the plan was made"):
            pup.call("update", plan=second.directory)
    assert app("shop.f()") == 2


def follow(app: Program, *words: str) -> subprocess.Popen[str]:
    """A shell that follows, and has seen that the update is pending."""
    shell = subprocess.Popen(
        [sys.executable, "-m", "podus", *words],
        cwd=app.root,
        env=app.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert shell.stderr is not None
    seen = ""
    for line in shell.stderr:
        seen += line
        if "pending shop:f" in seen and "switched shop:g" in seen:
            return shell
    raise AssertionError("the shell did not say what is pending")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_program_ends_in_the_middle(program: Start, how: signal.Signals | None) -> None:
    app = program(shop=WAITING)
    app.start("t", "shop.f()", at="in")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n")
    shell = follow(app, "update", "app")
    if how is None:
        with pytest.raises(EOFError):
            app("sys.stdout.flush() or __import__('os')._exit(0)")
    else:
        app.process.send_signal(how)
    _, err = shell.communicate(timeout=30)
    assert shell.returncode == 1 and f"the program app (pid {app.process.pid}) has exited" in err
    assert "podus log app" in err and "Traceback" not in err
    app.process.wait(10)
    (row,) = Log.open().unfinished()
    assert (row.pid, row.event) == (app.process.pid, "update")
    done = [r.procedures for r in Log.open().entries(update=row.update) if r.event == "switch"]
    assert ["shop:g"] in done
    assert lookup.programs() == []
    assert "app" in app.podus("log", "app").stdout


def test_the_shell_is_killed_in_the_middle(program: Start) -> None:
    app = program(shop=WAITING)
    app.start("t", "shop.f()", at="in")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n")
    shell = follow(app, "update", "app")
    shell.kill()
    shell.communicate(timeout=30)
    # The update goes on by itself; another shell sees it and takes it back.
    assert "shop:f is active" in app.podus("status", "app", "--json", check=None).stdout
    assert app("shop.g()") == 2
    app.podus("back-out", "app")
    assert app("shop.g()") == 1
    app.open("in")
    assert app.join("t") == 1
    assert Log.open().unfinished() == []


# ---- the socket


class Raw:
    """A connection that says what it likes."""

    def __init__(self, app: Program) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(app.entry.socket)
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *exception: object) -> None:
        self.file.close()
        self.socket.close()

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> Any:
        line = self.file.readline()
        return json.loads(line) if line else None


def answers(app: Program) -> bool:
    with app.pup() as pup:
        return bool(pup.call("hello")["pid"] == app.process.pid)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"garbage", -32700),
        (b"\xff\xfe\0", -32700),
        (b"", -32700),
        (b"[1, 2]", -32600),
        (b"17", -32600),
        (b'{"id": 1}', -32600),
        (b'{"id": 1, "method": 5}', -32600),
        (b'{"id": 1, "method": "hello", "params": [1]}', -32602),
        (b'{"id": 1, "method": "hello", "params": {"x": 1}}', -32602),
        (b'{"id": 1, "method": "status", "params": {"update": ["x"]}}', -32602),
        (b'{"id": 1, "method": "status", "params": {"update": 5}}', -32000),
        (b'{"id": 1, "method": "wait", "params": {"update": "x", "seconds": "soon"}}', -32000),
        (b'{"id": 1, "method": "update", "params": {"plan": 5}}', -32602),
        (b'{"id": 1, "method": "update", "params": {"plan": "/nowhere"}}', -32000),
        (b'{"id": 1, "method": "source", "params": {"module": {}}}', -32602),
        (b'{"id": 1, "method": "source", "params": {"module": "nowhere"}}', -32000),
        (b'{"id": 1, "method": "nonsense"}', -32601),
        (b'{"id": 1, "method": "__init__"}', -32601),
        (b'{"id": 1, "method": "begin"}', -32601),
        (b"[" * 100_000, -32700),
    ],
)
def test_nonsense_on_the_socket(app: Program, said: bytes, code: int) -> None:
    before = shot(app)
    with Raw(app) as raw:
        raw.say(said + b"\n")
        answer = raw.hear()
        assert answer["error"]["code"] == code, answer
        assert "Traceback" not in answer["error"]["message"]
        # The connection is still good.
        raw.say(b'{"jsonrpc": "2.0", "id": 2, "method": "hello"}\n')
        assert raw.hear()["result"]["pid"] == app.process.pid
    assert answers(app) and shot(app) == before


def test_a_huge_message(app: Program) -> None:
    with Raw(app) as raw:
        chunk = b"x" * (1 << 20)
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(64):
                raw.say(chunk)
    assert answers(app)


def test_half_a_message(app: Program) -> None:
    with Raw(app) as raw:
        raw.say(b'{"jsonrpc": "2.0", "id": 2, "meth')
        assert answers(app)
        raw.say(b'od": "hello"}\n{"id": 3, "method": "hello"}\n{"id"')
        assert [raw.hear()["id"], raw.hear()["id"]] == [2, 3]
    assert answers(app)


def test_a_peer_that_does_not_listen(app: Program) -> None:
    with Raw(app) as raw:
        for _ in range(2000):
            raw.say(b'{"id": 3, "method": "modules"}\n')
        assert answers(app)
    assert answers(app)


def test_many_connections(app: Program) -> None:
    many = [Raw(app) for _ in range(60)]
    assert answers(app)
    for each in many:
        each.__exit__()
    assert answers(app)


def test_a_broken_plan(app: Program, tmp_path: Path) -> None:
    before = shot(app)
    for text in ("", "{}", "[]", '{"id": 5}', "\0"):
        (tmp_path / "plan.json").write_text(text)
        with app.pup() as pup, pytest.raises(Exception, match="is no plan"):
            pup.call("update", plan=str(tmp_path))
    assert shot(app) == before


def test_a_socket_left_by_a_dead_process(app: Program) -> None:
    app.process.kill()
    app.process.wait(10)
    left = Path(app.entry.socket)
    assert left.exists()
    done = app.podus("update", "app", check=1)
    assert "there is no running program app" in done.stderr and "podus run" in done.stderr
    assert not left.exists()


def test_a_socket_that_has_been_removed(app: Program) -> None:
    os.unlink(app.entry.socket)
    done = app.podus("update", "app", check=1)
    assert "podus:" in done.stderr and "Traceback" not in done.stderr
    assert shot(app)[0] == 1


def test_the_runtime_directory_is_private(app: Program) -> None:
    info = os.stat(app.entry.socket)
    assert info.st_mode & 0o777 == 0o600 and info.st_uid == os.getuid()
    assert os.stat(os.path.dirname(app.entry.socket)).st_mode & 0o777 == 0o700


# ---- the disk


def test_a_log_that_can_not_be_written(app: Program) -> None:
    app.edit(shop=SHOP.replace("return 1", "return 2"))
    log = Path(Log.open().path)
    log.unlink(missing_ok=True)
    log.mkdir(parents=True)
    text = refused(app, "update", "app")
    assert str(log) in text
    log.rmdir()
    app.podus("update", "app")
    assert app("shop.f()") == 2


def test_a_full_disk_under_the_log(program: Start) -> None:
    """The program may write no file any further than it has: what a full disk does to it."""
    app = program(shop=SHOP)
    app.run("import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)")
    app.run("resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))")
    app.edit(shop=SHOP.replace("return 1", "return 2"))
    text = refused(app, "update", "app")
    assert "the log" in text and "the program is as before" in text
    app.run("resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))")
    app.podus("update", "app")
    assert app("shop.f()") == 2


def test_a_disk_that_gets_full_in_the_middle(program: Start) -> None:
    app = program(shop=WAITING)
    update = pending(app)
    app.run("import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)")
    app.run("resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))")
    app.open("in")
    assert app.join("t") == 1
    status = app.until(update, "backed-out")
    assert "the log" in status["reason"]
    app.start("t2", "shop.f()", at="in")
    assert app("shop.g()") == 1
    app.open("in")
    assert app.join("t2") == 1


def test_a_home_that_can_not_be_used(app: Program) -> None:
    file = app.home / "file"
    file.write_text("")
    for place in (file, Path("/proc/podus")):
        app.environment["PODUS_HOME"] = str(place)
        done = app.podus("update", "app", check=1)
        assert "PODUS_HOME" in done.stderr and "Traceback" not in done.stderr, done.stderr
    ran = app.podus("run", "driver.py", check=None)
    assert "the program runs, but can't be updated" in ran.stderr and ran.returncode == 0


# ---- other users


def as_nobody(app: Program, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(words),
        cwd="/",
        env={**app.environment, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **({"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}),
    )


def test_another_user_has_no_permission(app: Program) -> None:
    """Needs the rights to become another user; without them it shows that this user may."""
    knock = f"import socket; socket.socket(socket.AF_UNIX).connect({app.entry.socket!r})"
    done = as_nobody(app, "/usr/bin/env", "python3", "-c", knock)
    if os.getuid() == 0:
        assert "PermissionError" in done.stderr
        # Also where the directories would let it in, the pup does not answer it.
        for path in (app.home, app.home / "run", Path(app.entry.socket)):
            os.chmod(path, 0o777)
        ask = 'import socket; s = socket.socket(socket.AF_UNIX); s.connect({!r}); s.sendall(b\'{{"id": 1, "method": "hello"}}\\n\'); print(s.recv(100))'
        done = as_nobody(app, "/usr/bin/env", "python3", "-c", ask.format(app.entry.socket))
        assert done.stdout.strip() in ("", "b''"), done
    else:
        assert done.returncode == 0
    assert answers(app)


def test_wrong_usage(app: Program) -> None:
    for words in (
        ["updaet", "app"],
        ["update", "app", "--nonsense"],
        ["update"],
        ["run"],
        ["run", "--nonsense", "x.py"],
    ):
        text = refused(app, *words, code=2)
        assert "Traceback" not in text
    assert "did you mean update?" in refused(app, "updaet", "app", code=2)


def test_asking_at_the_same_time(app: Program) -> None:
    """Several shells want to update at once: one does, the others are refused, and the program is updated once."""
    app.edit(shop=SHOP.replace("return 1", "return 2"))
    plans = [app.plan() for _ in range(4)]
    results: list[str] = []

    def ask(directory: str) -> None:
        with app.pup() as pup:
            try:
                results.append(str(pup.call("update", plan=directory)["id"]))
            except Exception as error:
                results.append(str(error))

    threads = [threading.Thread(target=ask, args=(plan.directory,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (done,) = [text for text in results if " " not in text]
    app.until(done, "complete")
    assert app("shop.f()") == 2


def test_classes_of_what_failed_are_gone_from_their_bases(program: Start) -> None:
    old = "class Base: pass\nclass One(Base): pass\ndef names(): return [c.__name__ for c in Base.__subclasses__()]\n"
    app = program(m=old)
    app.run("import gc")
    app.edit(m=old + "import part\n", part="from m import Base\nclass Two(Base): pass\n1 / 0\n")
    app.until(app.begin(), "failed")
    assert app("[gc.collect(), m.names()][1]") == ["One"]
    app.edit(m=old.replace("One(Base): pass", "One(Base):\n    def f(self): pass") + "1 / 0\n")
    app.until(app.begin(), "failed")
    assert app("[gc.collect(), m.names()][1]") == ["One"]
