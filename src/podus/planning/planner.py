"""The planner process: reads requests from standard input, and for each asks the pup, writes a plan, and prints where it is."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any, NoReturn

from podus.errors import PodusError
from podus.places import runtime_dir

# Each plan is made in a child, which has these from here.
from podus.planning.ask import Asker
from podus.planning.compile import Compiler


def main() -> NoReturn:
    """Make a plan for each line ``{"request": …, "environment": …, "directory": …}``, until there is no more.

    Prints JSON lines: ``{"progress": …}``, then ``{"plan": directory}``, ``{"error": …}``, or ``{"failed": exit status}``
    if neither could be said.
    """
    # A plan takes a second and makes many objects: collecting garbage would be most of its time.
    gc.disable()
    for line in sys.stdin.buffer:
        child = os.fork()
        if not child:
            # Freeing all that was made would take longer than making it.
            os._exit(_child(json.loads(line)))
        _, status = os.waitpid(child, 0)
        if status:
            _say(failed=os.waitstatus_to_exitcode(status))
    os._exit(0)


def _child(wanted: dict[str, Any]) -> int:
    """One plan, as whoever asks would have made it: where and in whose name is looked up in the environment."""
    try:
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["directory"])
        _say(**_made(wanted["request"]))
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        return 1
    return 0


def _made(request: dict[str, Any]) -> dict[str, Any]:
    try:
        with Asker(request["socket"], request.get("max_stall")) as pup:
            directory = os.path.join(_versions(), f"{pup.hello['pid']}-{os.urandom(6).hex()}")
            os.mkdir(directory, 0o700)
            plan = Compiler(request, pup, directory, lambda text: _say(progress=text)).compile()
            with open(os.path.join(directory, "plan.json"), "w", encoding="utf-8") as file:
                file.write(plan.to_json())
    except PodusError as error:
        return {"error": {"kind": error.kind, "message": error.message, "remedy": error.remedy}}
    except OSError as error:
        text = f"the plan can't be written: {error}"
        return {"error": {"kind": "failed", "message": text, "remedy": "make room or set PODUS_HOME"}}
    return {"plan": directory}


def _say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def _versions() -> str:
    path = os.path.join(runtime_dir(), "versions")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path
