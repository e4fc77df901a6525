"""Asking for a plan: a process of the program's own interpreter makes it, so that planning costs the program nothing.

Most of what a small plan takes is starting that process. Whoever asks again and again (ush, updating on save) keeps :class:`Planners`, which
stand ready and make each plan in a child of their own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from podus.errors import KINDS, PodusError, Refused
from podus.planning.model import Plan
from podus.threads import allocate_lock

_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from podus.planning.planner import main; main()"


def make_plan(
    request: dict[str, Any],
    *,
    executable: str | None = None,
    progress: Callable[[str], None] | None = None,
    deadline: float | None = None,
    planners: Planners | None = None,
) -> Plan:
    """Have a plan made.

    ``request`` names the program's ``socket`` and the new version (``from``, ``git``, ``to``, or none of them for the files on disk),
    ``support`` (a path) or ``declarations``, ``now``, ``hold``, ``reset``, ``label``, ``back_out``,
    ``policy`` (``podus``, ``atomic`` or ``immediate``) and ``max_hold`` (seconds), ``max_stall`` (microseconds), ``move_after`` (seconds), or ``when`` (a condition), ``only`` (patterns of procedures), and
    ``thread``, the number of the program's own thread that asks and waits. ``progress`` gets a line for each step.
    By the ``deadline`` (seconds since 1970) the planner is ended. Of ``planners`` the one of this ``executable`` makes it, if there are some.
    Raises a :class:`podus.errors.PodusError` if no plan can be made; a plan with refusals is a plan.
    """
    executable = executable or sys.executable
    if planners is not None:
        return planners.of(executable).make(request, progress, deadline)
    with Planner(executable) as planner:
        return planner.make(request, progress, deadline)


class _Silent(PodusError):
    """A planner has ended, and said nothing."""


class Planner:
    """A planner process of the interpreter ``executable``; it is started for the first plan, and ended with the ``with`` statement."""

    def __init__(self, executable: str) -> None:
        self._executable = executable
        self._process: Any = None
        self._errors: Any = None
        self._lock = allocate_lock()

    def __enter__(self) -> Planner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def make(
        self, request: dict[str, Any], progress: Callable[[str], None] | None, deadline: float | None
    ) -> Plan:
        """One plan; one after the other, whichever threads ask. As :func:`make_plan` otherwise."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                # Somebody has ended it while it had nothing to do.
                self._kill()
            stood_ready = self._process is not None
            try:
                answer = self._asked(request, progress, deadline)
            except _Silent:
                if not stood_ready:
                    raise
                # It was ended just now; the next one has done nothing yet.
                answer = self._asked(request, progress, deadline)
        if "error" in answer:
            error = answer["error"]
            raise KINDS.get(error["kind"], PodusError)(error["message"], error["remedy"])
        with open(os.path.join(answer["plan"], "plan.json"), encoding="utf-8") as file:
            return Plan.from_json(file.read())

    def end(self) -> None:
        """End the process; it has nothing to do any more."""
        with self._lock:
            if self._process is not None:
                self._process.stdin.close()
                self._reap()

    def _asked(
        self, request: dict[str, Any], progress: Callable[[str], None] | None, deadline: float | None
    ) -> dict[str, Any]:
        if self._process is None:
            self._start()
        try:
            return self._answer(request, progress, deadline)
        except BaseException:
            # What it says from here on would be taken for the answer to another request.
            self._kill()
            raise

    def _start(self) -> None:
        import subprocess

        source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed when the process has ended)
        self._process = subprocess.Popen(
            # -I: a file of the program's directory must not stand in for a module of the standard library.
            [self._executable, "-I", "-c", _START, source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            close_fds=True,
            # Whoever ends it ends its children too.
            start_new_session=True,
        )

    def _answer(
        self, request: dict[str, Any], progress: Callable[[str], None] | None, deadline: float | None
    ) -> dict[str, Any]:
        """What it answers, ``{"plan": …}`` or ``{"error": …}``. Raises PodusError if it fails."""
        said = self._errors.seek(0, os.SEEK_END)
        wanted = {"request": request, "environment": _environment(), "directory": os.getcwd()}
        try:
            self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        for line in _lines(self._process, deadline):
            message: dict[str, Any] = json.loads(line)
            if "progress" not in message:
                if "failed" in message:
                    break
                return message
            if progress is not None:
                progress(message["progress"])
        self._errors.seek(said)
        trouble = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        remedy = "report it, with the program's old and new version if you can"
        if not trouble:
            raise _Silent("the planner failed: it ended without a word", remedy)
        raise PodusError(f"the planner failed: {trouble[-1]}", remedy)

    def _kill(self) -> None:
        import signal

        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._reap()

    def _reap(self) -> None:
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()
        self._process = None


class Planners:
    """The planners that one shell keeps: one for each interpreter that its programs run on."""

    def __init__(self) -> None:
        self._planners: dict[str, Planner] = {}

    def __enter__(self) -> Planners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for planner in self._planners.values():
            planner.end()

    def of(self, executable: str) -> Planner:
        return self._planners.setdefault(executable, Planner(executable))


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _lines(process: Any, deadline: float | None) -> Iterator[bytes]:
    """What the planner prints, line by line. Raises Refused at the deadline."""
    if deadline is None:
        # (`yield from process.stdout` would close it with the generator.)
        yield from iter(process.stdout.readline, b"")
        return
    import select

    received = b""
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    while True:
        left = deadline - time.time()
        if not poll.poll(max(0.0, min(left, 3600.0)) * 1000):
            if left > 3600.0:
                continue
            raise Refused("the deadline was over before the plan was made", "give it more time")
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *lines, received = (received + data).split(b"\n")
        yield from lines
