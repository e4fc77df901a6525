"""A small language for tests of updates: a real program under ``podus run``, told what to do and updated while it does it.

::

    app = program(shop="def f(): return 1")
    app.edit(shop="def f(): return 2").update()
    assert app("shop.f()") == 2
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from podus.planning.model import Plan
from podus.planning.request import Planners, make_plan
from podus.portmap import lookup
from podus.ush.client import Pup, connect

DRIVER = Path(__file__).with_name("driver.py")
SOURCE = str(Path(__file__).parents[1] / "src")
# As ush has them: most of a small plan is starting its planner. Commands (``app.podus``) start one each.
PLANNERS = Planners()


class Raised(Exception):
    """What the program raised when it was told to do something: type, message, traceback."""

    @property
    def kind(self) -> str:
        return str(self.args[0])


class Program:
    """A running program. ``app("expression")`` evaluates in it; its modules are imported under their names."""

    def __init__(
        self,
        root: Path,
        home: Path,
        modules: dict[str, str],
        options: list[str],
        environment: dict[str, str] | None = None,
    ) -> None:
        self.root = root
        self.environment = {
            **os.environ,
            "PODUS_HOME": str(home),
            "PYTHONPATH": SOURCE,
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environment or {}),
        }
        self.home = home
        self.write(modules)
        (root / "driver.py").write_text(DRIVER.read_text())
        command = [sys.executable, "-m", "podus", "run", "--name", "app", *options, "driver.py"]
        self.process = subprocess.Popen(
            command, cwd=root, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.entry: Any = None
        for name in modules:
            if "/" not in name:
                self.do("exec", f"import {name}")
        # Once it answers, it is registered.
        self.do("eval", "1")
        self.find()

    def find(self) -> None:
        os.environ["PODUS_HOME"] = str(self.home)
        self.entry = lookup.find(str(self.process.pid))

    # ---- files

    def write(self, modules: dict[str, str], root: Path | None = None) -> None:
        for name, text in modules.items():
            path = (root or self.root) / (name if "/" in name or name.endswith(".py") else f"{name}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))

    def edit(self, **modules: str) -> Program:
        """Replace whole modules (``shop=…``); packages' modules with ``files``."""
        self.write(modules)
        return self

    def files(self, **files: str) -> Program:
        """Replace files by path: ``files(**{"pkg/mod.py": …})``."""
        self.write(files)
        return self

    def replace(self, module: str, before: str, after: str) -> Program:
        """Edit a piece of one module's text."""
        path = self.root / (module if module.endswith(".py") else f"{module}.py")
        text = path.read_text()
        assert before in text, f"{before!r} is not in {path}"
        path.write_text(text.replace(before, after))
        return self

    # ---- telling the program

    def do(self, what: str, argument: Any = None, **more: Any) -> Any:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": what, "argument": argument, **more}) + "\n")
        self.process.stdin.flush()
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise EOFError(f"the program ended with {self.process.wait(10)}")
            if line.startswith(('{"value"', '{"error"')):
                answer = json.loads(line)
                break
        if "error" in answer:
            raise Raised(*answer["error"])
        return answer["value"]

    def __call__(self, expression: str) -> Any:
        return self.do("eval", expression)

    def run(self, statements: str) -> None:
        self.do("exec", textwrap.dedent(statements))

    def start(self, name: str, expression: str, at: str | None = None) -> None:
        """Evaluate in a thread of its own; with ``at``, wait until it has come to that gate."""
        self.do("start", expression, name=name)
        if at is not None:
            self.reached(at)

    def reached(self, gate: str) -> None:
        self.do("reached", gate)

    def open(self, gate: str, times: int = 1) -> None:
        self.do("open", gate, times=times)

    def join(self, name: str) -> Any:
        """The thread's value; raises what it raised."""
        kind, *rest = self.do("join", name)
        if kind == "error":
            raise Raised(*rest, "")
        return rest[0]

    # ---- podus

    def pup(self) -> Pup:
        return connect(self.entry)

    def request(self, **request: Any) -> dict[str, Any]:
        for key in ("from", "support"):
            if request.get(key) is not None:
                request[key] = str(request[key])
        return {"socket": str(self.entry.socket), **request}

    def plan(self, **request: Any) -> Plan:
        if "from_" in request:
            request["from"] = request.pop("from_")
        if isinstance(request.get("support"), str) and "\n" in request["support"]:
            path = self.home / f"support{time.monotonic_ns()}.py"
            path.write_text(textwrap.dedent(request["support"]))
            request["support"] = path
        return make_plan(self.request(**request), executable=sys.executable, planners=PLANNERS)

    def begin(self, *, timeout: float | None = None, on_timeout: str = "wait", **request: Any) -> str:
        """Start an update; gives its id. A plan with refusals is an AssertionError that shows them."""
        plan = self.plan(**request)
        assert plan.safe, [n.text for n in plan.refusals]
        with self.pup() as pup:
            return str(pup.call("update", plan=plan.directory, timeout=timeout, on_timeout=on_timeout)["id"])

    def status(self, update: str | None = None) -> dict[str, Any]:
        with self.pup() as pup:
            status: dict[str, Any] = pup.call("status", update=update)
            return status

    def until(self, update: str, *states: str) -> dict[str, Any]:
        """Wait until the update is in one of the states."""
        with self.pup() as pup:
            status = pup.call("status", update=update)
            end = time.monotonic() + 60
            while status["state"] not in states:
                assert time.monotonic() < end, status
                assert status["state"] in ("staging", "pending", "backing-out"), status
                status = pup.call("wait", update=update, seconds=5, after=status["events"])
            # Until it has looked at the stacks for the first time, nobody who asks can be told who is waited for.
            soon = time.monotonic() + 0.5
            while (
                any("is about to switch" in row["why"] for row in status["pending"])
                and time.monotonic() < soon
            ):
                status = pup.call("wait", update=update, seconds=0.05, after=status["events"])
            return dict(status)

    def until_switched(self, update: str, *procedures: str) -> dict[str, Any]:
        """Wait until just these procedures have switched, or more."""
        with self.pup() as pup:
            status = pup.call("status", update=update)
            end = time.monotonic() + 60
            while not set(procedures) <= set(status["switched"]):
                assert time.monotonic() < end, status
                status = pup.call("wait", update=update, seconds=5, after=status["events"])
            return dict(status)

    def until_waiting(self, update: str, why: str) -> None:
        """Wait until the update says that this is what it waits for."""
        end = time.monotonic() + 60
        while not any(why in row["why"] for row in self.status(update)["pending"]):
            assert time.monotonic() < end, self.status(update)

    def until_callers(self, update: str, task: str) -> None:
        """Wait until all has switched, and this task is named among those that could come to an interprocedure."""
        end = time.monotonic() + 60
        while not any(row.get("task") == task for row in self.status(update)["callers"]):
            assert time.monotonic() < end, self.status(update)

    def until_watched(self, update: str, *procedures: str) -> None:
        """Wait until who is in these procedures will move as soon as a loop comes round."""
        end = time.monotonic() + 60
        with self.pup() as pup:
            while True:
                status = pup.call("status", update=update)
                if set(procedures) <= {row["procedure"] for row in status["pending"] if row["moves"]}:
                    return
                assert time.monotonic() < end, status

    def update(self, **request: Any) -> dict[str, Any]:
        """Update and wait until it is complete."""
        return self.until(self.begin(**request), "complete")

    def back_out(self, update: str | None = None) -> None:
        with self.pup() as pup:
            pup.call("back-out", update=update)

    def podus(
        self, *words: str, check: int | None = 0, said: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The command line; ``said`` is what it reads on standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "podus", *words],
            input=said,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check is not None:
            assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
        return done

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
