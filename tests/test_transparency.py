"""A program can't tell that it runs under podus: each script runs under plain python and under ``podus run``, and does the same."""

from __future__ import annotations

import difflib
import os
import re
import signal
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import SOURCE

STARTER = "from podus.__main__ import main\nmain()\n"


@dataclass
class Result:
    """What one run of a script shows of itself."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [str(self.status), *self.out.splitlines(), *self.err.splitlines()]


class Stage:
    """A directory with the files of one case."""

    def __init__(self, root: Path, home: Path, starter: Path) -> None:
        self.root = root
        self.environment = {**os.environ, "PODUS_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        self.environment.pop("PYTHONPATH", None)
        self.starter = starter

    def files(self, **files: str) -> Stage:
        for name, text in files.items():
            path = self.root / (name if "." in name else f"{name}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return self

    def run(self, *words: str, podus: bool, flags: tuple[str, ...] = (), **more: object) -> Result:
        command = [sys.executable, *flags]
        if podus:
            # As the installed command does it: a script of another directory.
            command += [str(self.starter), "run"] if not flags else ["-m", "podus", "run"]
        environment = {**self.environment, **more.pop("env", {})}  # type: ignore[dict-item]
        if podus and flags:
            command = [
                sys.executable,
                *flags,
                "-c",
                f"import sys; sys.path.insert(0, {SOURCE!r})\n{STARTER}",
                "run",
            ]
        process = subprocess.Popen(
            [*command, *words],
            cwd=self.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        begun = ""
        if "send" in more:
            # The script says when it is ready for the signal.
            begun = process.stdout.readline()
            process.send_signal(int(str(more["send"])))
        out, err = process.communicate(str(more.get("stdin", "")), timeout=60)
        # Where an object lies in memory is another thing in every run.
        out, err = (re.sub("0x[0-9a-f]+", "0x", text) for text in (begun + out, err))
        return Result(process.returncode, out, err)

    def same(self, *words: str, flags: tuple[str, ...] = (), **more: object) -> Result:
        """Run both ways, require the same, and give it."""
        words = words or ("main.py",)
        plain = self.run(*words, podus=False, flags=flags, **more)
        under = self.run(*words, podus=True, flags=flags, **more)
        difference = "\n".join(difflib.ndiff(plain.lines, under.lines)) if under != plain else ""
        assert under == plain, difference
        return plain


@pytest.fixture
def stage(tmp_path: Path, home: Path) -> Stage:
    starter = tmp_path / "bin" / "podus"
    starter.parent.mkdir()
    starter.write_text(f"import sys\nsys.path.insert(0, {SOURCE!r})\n{STARTER}")
    root = tmp_path / "app"
    root.mkdir()
    return Stage(root, home, starter)


FACTS = """
    import sys, os
    main = sys.modules["__main__"]
    print(sys.argv, __name__, __file__, __package__, __spec__ and __spec__.name, type(__loader__))
    print(sorted(vars(main)))
    print(sys.path)
    print(sys.flags, sys.warnoptions, sys._xoptions)
    print(sys.meta_path, sys.path_hooks)
    print(sys.executable, sys.prefix, sys.dont_write_bytecode, sys.getrecursionlimit(), sys.getswitchinterval())
    print(sys.gettrace(), sys.getprofile(), sys.excepthook, sys.unraisablehook, sys.displayhook, sys.stdin, sys.stdout)
    print(list(os.environ.items()))
    print(os.getcwd(), [os.get_inheritable(n) for n in range(3)])
    with open(__file__, "rb") as opened:
        print(opened.fileno())
"""


def test_a_script_sees_the_same_of_itself(stage: Stage) -> None:
    assert "PODUS_BOOT" not in stage.files(main=FACTS).same("main.py", "--name", "x", "-m").out


def test_a_module_sees_the_same_of_itself(stage: Stage) -> None:
    stage.files(**{"pkg/__init__.py": "", "pkg/mod.py": FACTS})
    assert "pkg.mod" in stage.same("-m", "pkg.mod", "word").out


def test_a_package_sees_the_same_of_itself(stage: Stage) -> None:
    stage.files(**{"pkg/__init__.py": "print('init', __name__)", "pkg/__main__.py": FACTS})
    assert "pkg.__main__" in stage.same("-m", "pkg").out


def test_a_directory_runs(stage: Stage) -> None:
    stage.files(**{"app/__main__.py": FACTS + "    import beside; print(beside.x)", "app/beside.py": "x = 1"})
    stage.same("app", "word")


def test_an_archive_runs(stage: Stage) -> None:
    source = (
        textwrap.dedent(FACTS).partition("with open")[0] + "import beside; print(beside.x, beside.__file__)"
    )
    with open(stage.root / "app.pyz", "wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("__main__.py", source)
            archive.writestr("beside.py", "x = 1")
    assert "beside.py" in stage.same("app.pyz", "word").out


def test_pythonpath_is_as_it_was_given(stage: Stage, tmp_path: Path) -> None:
    stage.files(main=FACTS, **{"lib/extra.py": ""})
    for given in ("", str(stage.root / "lib"), "lib:other"):
        # (The sources of podus itself may lie on the path: where it is installed to be worked on.)
        assert "boot" not in stage.same("main.py", env={"PYTHONPATH": given}).out.splitlines()[2]


def test_what_it_starts_gets_the_plain_environment(stage: Stage) -> None:
    child = "import os, sys; print(list(os.environ.items()), sys.path, sorted(sys.modules))"
    stage.files(
        main=f"import subprocess, sys, os\nsubprocess.run([sys.executable, '-c', {child!r}], check=True)\nos.execv(sys.executable, ['python', '-c', {child!r}])"
    )
    stage.same("main.py", env={"PYTHONPATH": "lib"})


@pytest.mark.parametrize("where", ["lib", "nowhere"])
def test_the_users_own_sitecustomize_runs(stage: Stage, where: str) -> None:
    stage.files(
        main="import sys\nprint('main', 'sitecustomize' in sys.modules)",
        **{
            "lib/sitecustomize.py": "import sys\nif 'run' not in sys.orig_argv: print('mine', __name__, __file__)"
        },
    )
    assert ("mine" in stage.same("main.py", env={"PYTHONPATH": where}).out) == (where == "lib")


def test_interpreter_flags_are_passed_on(stage: Stage) -> None:
    stage.files(main=FACTS + "    assert False, 'seen'\n")
    for flags in (("-O",), ("-Wdefault", "-Xutf8=0"), ("-X", "dev", "-W", "error"), ("-BOu",), ("-P",)):
        stage.same("main.py", flags=flags)


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_flags_that_keep_the_pup_out_are_refused(stage: Stage, flag: str) -> None:
    result = stage.files(main="print(1)").run("main.py", podus=True, flags=(flag,))
    assert result.status == 2 and f"leave {flag} out" in result.err and result.out == ""


def test_streams_are_piped_through(stage: Stage) -> None:
    stage.files(
        main="import sys\nfor line in sys.stdin: print(line.upper(), end='')\nprint('end', file=sys.stderr)"
    )
    assert stage.same("main.py", stdin="one\ntwo\n").out == "ONE\nTWO\n"


TRACEBACKS = {
    "raised in the script": {"main": "def f():\n    1/0\nf()"},
    "raised in a module's function": {"main": "import mod\nmod.f()", "mod": "def f():\n    raise KeyError('x')"},
    "raised while a module is imported": {"main": "import mod", "mod": "import other", "other": "{}['x']"},
    "syntax error in the script": {"main": "x = 1\nif x\n    pass"},
    "syntax error in a module": {"main": "import mod", "mod": "def f(:\n    pass"},
    "no such module": {"main": "import nowhere"},
    "no such name": {"main": "from mod import nothing", "mod": ""},
    "relative import in a script": {"main": "from . import mod", "mod": ""},
    "chained": {"main": "try:\n    import mod\nexcept ValueError as e:\n    raise TypeError('t') from e", "mod": "int('x')"},
    "printed stack": {"main": "import mod", "mod": "import traceback, warnings\ntraceback.print_stack()\nwarnings.warn('w', stacklevel=2)"},
    "formatted": {"main": "import traceback\ntry:\n    import mod\nexcept Exception: traceback.print_exc()", "mod": "int('x')"},
    "not utf-8": {"main": "import mod", "mod.py": "# coding: nonsense\n"},
    "in a thread": {"main": "import threading, mod\nt = threading.Thread(target=mod.f)\nt.start(); t.join()", "mod": "def f(): 1/0"},
    "at exit": {"main": "import atexit\natexit.register(lambda: 1/0)"},
    "recursion": {"main": "import sys\nsys.setrecursionlimit(100)\ndef f(n): return f(n + 1)\ntry: f(0)\nexcept RecursionError as e: print(e)"},
}  # fmt: skip


@pytest.mark.parametrize("case", TRACEBACKS)
def test_tracebacks_are_the_same(stage: Stage, case: str) -> None:
    stage.files(**TRACEBACKS[case]).same()


@pytest.mark.parametrize("case", TRACEBACKS)
def test_tracebacks_of_a_module_are_the_same(stage: Stage, case: str) -> None:
    stage.files(**TRACEBACKS[case]).same("-m", "main")


def test_what_does_not_exist_is_said_by_python(stage: Stage) -> None:
    assert stage.same("nowhere.py").status == 2
    assert stage.same("-m", "nowhere").status == 1
    stage.files(**{"empty/readme.txt": "", "pkg/__init__.py": ""})
    assert stage.same("empty").status == 1
    assert stage.same("-m", "pkg").status == 1


EXITS = {
    "number": "import sys; sys.exit(3)",
    "text": "import sys; sys.exit('text')",
    "none": "raise SystemExit",
    "large": "import sys; sys.exit(257)",
    "at once": "import os, sys; print('said', flush=True); os._exit(7)",
    "abort": "import os; os.abort()",
    "own signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "in a thread": "import sys, threading\nt = threading.Thread(target=sys.exit, args=(4,)); t.start(); t.join()",
    "order of atexit": "import atexit\nfor n in range(3): atexit.register(print, n)",
    "thread at exit": "import threading, atexit, sys\natexit.register(print, 'atexit')\n"
    "e = threading.Event()\nthreading.Thread(target=lambda: (e.wait(), print('thread'))).start()\n"
    "threading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()\ne.set()",
    "stdout closed": "import sys; sys.stdout.close()",
}


@pytest.mark.parametrize("case", EXITS)
def test_exits_are_the_same(stage: Stage, case: str) -> None:
    stage.files(main=EXITS[case]).same()


# The signal comes while it is blocked, and is let in at a line of the script's choice: the same in every run.
WAIT = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [{0}])\nprint('ready', flush=True)\ninput()\n"
LET_IN = "signal.pthread_sigmask(signal.SIG_UNBLOCK, [{0}])"
SIGNALS = {
    "terminated": (signal.SIGTERM, WAIT + LET_IN),
    "interrupted": (signal.SIGINT, WAIT + "def f():\n    " + LET_IN + "\nf()"),
    "interrupted and caught": (signal.SIGINT, WAIT + "try:\n    " + LET_IN + "\nexcept KeyboardInterrupt: print('caught')"),
    "handled": (
        signal.SIGUSR1,
        "import threading\n" + WAIT + "def h(n, f): print(n, f.f_code.co_name, threading.current_thread().name)\nsignal.signal({0}, h)\n" + LET_IN,
    ),
    "waited for": (signal.SIGUSR1, WAIT + "print(signal.sigpending(), signal.sigwait([{0}]))"),
    "hung up": (signal.SIGHUP, WAIT + LET_IN),
    "interrupts a wait": (
        signal.SIGUSR1,
        # (A signal that comes just before a wait begins does not end it, under plain Python either: each wait has an end.)
        "import os, select, signal\nr, w = os.pipe()\nsignal.signal({0}, lambda n, f: os.write(w, b'x'))\nprint('ready', flush=True)\n"
        "while not select.select([r], [], [], 1)[0]: pass\nprint(os.read(r, 1))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNALS)
def test_signals_do_the_same(stage: Stage, case: str) -> None:
    number, source = SIGNALS[case]
    stage.files(main=source.replace("{0}", str(int(number)))).same(send=int(number), stdin="\n")


PROGRAMS = {
    "signal handlers and masks": "import signal\nfor s in sorted(signal.valid_signals()): print(s, signal.getsignal(s))\nprint(signal.pthread_sigmask(signal.SIG_BLOCK, ()), signal.set_wakeup_fd(-1))",
    "threads": "import threading\nprint(threading.active_count(), threading.enumerate()[0].name, threading.current_thread() is threading.main_thread())",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return await asyncio.to_thread(lambda: 5)\nprint(asyncio.run(f()))",
    "fork": "import os, sys\npid = os.fork()\nif not pid:\n    print('child', flush=True); sys.exit(5)\nprint(os.waitpid(pid, 0)[1])",
    "fork with threads of its own": "import os, threading, warnings\nwarnings.simplefilter('ignore')\ne = threading.Event(); t = threading.Thread(target=e.wait); t.start()\npid = os.fork()\nif not pid:\n    print(threading.active_count(), flush=True); os._exit(0)\nos.waitpid(pid, 0); e.set()",
    "many forks": "import os\nfor n in range(20):\n    pid = os.fork()\n    if not pid: os._exit(n)\n    print(os.waitpid(pid, 0)[1])",
    "popen with preexec": "import subprocess, sys, os\nprint(subprocess.run([sys.executable, '-c', 'print(1)'], preexec_fn=os.setsid, capture_output=True))",
    "preloaded modules": "import importlib.util, json, typing, sys\nprint(json.__file__, typing.__file__)",
    "reload": "import mod, importlib\nprint(importlib.reload(mod) is mod)",
    "inspect": "import inspect, mod\nprint(inspect.getsource(mod), mod.__spec__, mod.__cached__)",
    "pickling": "import pickle, mod\nclass C: pass\nprint(pickle.loads(pickle.dumps(C())).__class__, pickle.dumps(C))",
    "closing every file": "import os, sys, time\nos.closerange(3, 10000)\nfds = [os.open('main.py', os.O_RDONLY) for _ in range(8)]\nprint(fds, [os.read(f, 6) for f in fds])",
    "daemonizing": "import os\nr, w = os.pipe()\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        os.closerange(w + 1, 5000)\n        os.write(w, b'daemon'); os._exit(0)\n    os._exit(0)\nos.wait(); os.close(w); print(os.read(r, 10))",
    "builtins": "import builtins\nprint(len(vars(builtins)), builtins.__import__, __builtins__ is builtins, open, print)",
    "garbage": "import gc\nprint(gc.isenabled(), gc.get_threshold(), gc.callbacks, gc.garbage, gc.get_freeze_count())",
    "locale and encodings": "import sys, locale\nprint(locale.getlocale(), sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdout.errors)",
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_programs_do_the_same(stage: Stage, case: str) -> None:
    result = stage.files(main=PROGRAMS[case], mod="def f():\n    return 1\n").same()
    assert result.status == 0, result.err


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_multiprocessing_does_the_same(stage: Stage, method: str) -> None:
    source = f"""
        import multiprocessing, os, sys, threading
        def work(n):
            return n * n, __name__, threading.active_count(), multiprocessing.current_process().name, "PODUS_BOOT" in os.environ
        if __name__ == "__main__":
            multiprocessing.set_start_method({method!r})
            with multiprocessing.Pool(2) as pool:
                print(sorted(row[:3] + row[4:] for row in pool.map(work, range(4))))
            queue = multiprocessing.Queue()
            child = multiprocessing.Process(target=queue.put, args=(sys.path[0],))
            child.start(); print(queue.get()); child.join(); print(child.exitcode)
        else:
            assert __name__ in ("__mp_main__", "__main__")
    """
    result = stage.files(main=source).same()
    assert result.status == 0, result.err
    assert stage.same("-m", "main").out == result.out.replace(str(stage.root), str(stage.root))


def test_a_fork_is_not_warned_of(stage: Stage) -> None:
    """Python 3.12 and later warn when a process with several threads forks: the pup's does not count."""
    stage.files(main="import os\npid = os.fork()\nif not pid: os._exit(0)\nprint(os.waitpid(pid, 0)[1])")
    for _ in range(3):
        assert stage.same("main.py", flags=("-W", "error")).status == 0


def test_a_fatal_error_is_reported(stage: Stage) -> None:
    stage.files(
        main="import faulthandler, os, signal\nfaulthandler.enable(all_threads=False)\ndef f(): os.kill(os.getpid(), signal.SIGSEGV)\nf()"
    )
    assert stage.same().status == -signal.SIGSEGV


def test_nothing_is_preloaded_but_what_threading_needs(stage: Stage) -> None:
    stage.files(main="import sys\nprint(sorted(sys.modules))")
    plain, under = stage.run("main.py", podus=False), stage.run("main.py", podus=True)
    extra = set(eval(under.out)) - set(eval(plain.out))
    needed = stage.files(
        main="import threading, atexit, select, fcntl, _socket, warnings, importlib, __future__, _json, sys\nprint(sorted(sys.modules))"
    ).run("main.py", podus=False)
    assert {name for name in extra if name.partition(".")[0] != "podus"} <= set(eval(needed.out)) | {
        "encodings.ascii"
    }


HIDDEN = [
    "json",
    "types",
    "socket",
    "queue",
    # Python 3.14 itself needs it in the end.
    *(["threading"] if sys.version_info < (3, 14) else []),
    "re",
    "enum",
    "functools",
    "typing",
    "select",
    "struct",
    "collections",
]


# Some builds of Python have them built in, and nothing hides them.
HIDDEN = [name for name in HIDDEN if name not in sys.builtin_module_names]


def test_a_program_may_hide_the_standard_library(stage: Stage) -> None:
    """What lies beside the script is what the program imports, and the pup gets the standard library's all the same."""
    # Only what the interpreter itself does not need in order to run a script.
    mine = {name: f"mine = {name!r}" for name in HIDDEN}
    mine["main"] = (
        f"import {', '.join(HIDDEN)}, sys\nprint([sys.modules[n].mine for n in {HIDDEN!r}])\nprint(input())"
    )
    result = stage.files(**mine).same("main.py", stdin="end\n")
    assert result.out.endswith("end\n"), result


def test_a_program_that_hides_the_standard_library_is_updated(stage: Stage) -> None:
    hidden = [*HIDDEN, "base64", "hashlib", "sqlite3", "marshal_", "importlib_"]
    mine = {name: f"mine = {name!r}" for name in hidden}
    stage.files(**mine, shop="def f():\n    return 1\n")
    stage.files(
        main=f"import {', '.join(hidden)}, shop\nwhile True:\n    input()\n    print(shop.f(), flush=True)"
    )
    command = [sys.executable, str(stage.starter)]
    process = subprocess.Popen(
        [*command, "run", "main.py"],
        cwd=stage.root,
        env=stage.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask() -> str:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        return process.stdout.readline()

    with process:
        try:
            assert ask() == "1\n"
            stage.files(shop="def f():\n    return 2\n")
            words = [*command, "update", str(process.pid)]
            done = subprocess.run(
                words, env=stage.environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            assert ask() == "2\n"
        finally:
            process.kill()
