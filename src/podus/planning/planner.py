"""The planner process: reads a request from standard input, asks the pup, writes a plan, and prints where it is."""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import Any

from podus.errors import PodusError
from podus.places import runtime_dir


def main(arguments: list[str]) -> int:
    """Make one plan. Prints JSON lines: ``{"progress": …}``, then ``{"plan": directory}`` or ``{"error": …}``."""
    # A planner lives for a second and makes many objects: collecting garbage would be most of its time.
    gc.disable()
    request: dict[str, Any] = json.loads(sys.stdin.readline())

    def progress(text: str) -> None:
        print(json.dumps({"progress": text}), flush=True)

    try:
        from podus.planning.ask import Asker
        from podus.planning.compile import Compiler

        with Asker(request["socket"], request.get("max_stall")) as pup:
            directory = os.path.join(_versions(), f"{pup.hello['pid']}-{os.urandom(6).hex()}")
            os.mkdir(directory, 0o700)
            plan = Compiler(request, pup, directory, progress).compile()
            with open(os.path.join(directory, "plan.json"), "w", encoding="utf-8") as file:
                file.write(plan.to_json())
    except PodusError as error:
        print(json.dumps({"error": {"kind": error.kind, "message": error.message, "remedy": error.remedy}}))
        return 1
    except OSError as error:
        text = f"the plan can't be written: {error}"
        print(
            json.dumps(
                {"error": {"kind": "failed", "message": text, "remedy": "make room or set PODUS_HOME"}}
            )
        )
        return 1
    print(json.dumps({"plan": directory}), flush=True)
    sys.stdout.flush()
    # Freeing all that was made would take longer than making it.
    os._exit(0)


def _versions() -> str:
    path = os.path.join(runtime_dir(), "versions")
    os.makedirs(path, mode=0o700, exist_ok=True)
    return path
