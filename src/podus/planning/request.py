"""Starting the planner: a process of the program's own interpreter, so that planning costs the program nothing."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from podus.errors import KINDS, PodusError, Refused
from podus.planning.model import Plan

_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from podus.planning.planner import main; sys.exit(main(sys.argv[1:]))"


def make_plan(
    request: dict[str, Any],
    *,
    executable: str | None = None,
    progress: Callable[[str], None] | None = None,
    deadline: float | None = None,
) -> Plan:
    """Have a plan made.

    ``request`` names the program's ``socket`` and the new version (``from``, ``git``, ``to``, or none of them for the files on disk),
    ``support`` (a path) or ``declarations``, ``now``, ``hold``, ``reset``, ``label``, ``back_out``,
    ``policy`` (``podus``, ``atomic`` or ``immediate``) and ``max_hold`` (seconds), ``max_stall`` (microseconds), ``move_after`` (seconds), or ``when`` (a condition), ``only`` (patterns of procedures), and
    ``thread``, the number of the program's own thread that asks and waits. ``progress`` gets a line for each step.
    By the ``deadline`` (seconds since 1970) the planner is ended.
    Raises a :class:`podus.errors.PodusError` if no plan can be made; a plan with refusals is a plan.
    """
    import subprocess

    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # -I: a file of the program's directory must not stand in for a module of the standard library.
    command = [executable or sys.executable, "-I", "-c", _START, source]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            close_fds=True,
        )
        assert process.stdin is not None and process.stdout is not None
        answer: dict[str, Any] = {}
        with process:
            try:
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.close()
            except BrokenPipeError:
                pass
            for line in _lines(process, deadline):
                message = json.loads(line)
                if "progress" in message:
                    if progress is not None:
                        progress(message["progress"])
                else:
                    answer = message
        errors.seek(0)
        trouble = errors.read().decode("utf-8", "replace").strip()
    if "error" in answer:
        error = answer["error"]
        raise KINDS.get(error["kind"], PodusError)(error["message"], error["remedy"])
    if "plan" not in answer:
        last = trouble.splitlines()[-1] if trouble else f"exit status {process.returncode}"
        raise PodusError(
            f"the planner failed: {last}", "report it, with the program's old and new version if you can"
        )
    with open(os.path.join(answer["plan"], "plan.json"), encoding="utf-8") as file:
        return Plan.from_json(file.read())


def _lines(process: Any, deadline: float | None) -> Iterator[bytes]:
    """What the planner prints, line by line. Raises Refused at the deadline, when it has been ended."""
    if deadline is None:
        yield from process.stdout
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
            process.kill()
            raise Refused("the deadline was over before the plan was made", "give it more time")
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *lines, received = (received + data).split(b"\n")
        yield from lines
