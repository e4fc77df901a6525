"""An event loop with 10,000 live tasks through updates: how long it is held up while they all move to the new version.

Each task (``stage/tasks_main.py``) is suspended in a ``while True`` whose body changes, there and back again, and with it what it calls. The window of an
update lasts until every task has woken, and so moved. Windows of the same length in which nothing happens, and in which
another process is busy, come before each, as in ``stall``.
"""

from __future__ import annotations

import shutil
import time
from typing import Any

from bench.children import STAGE, Child, command, podus, workplace
from bench.stall import details, show, watch

TASKS = 10_000
# Seconds from one turn of a task to its next.
PERIOD = 2.0
SESSIONS = '''"""What every task does, turn by turn."""

import asyncio
import time


def serve(number):
    total = 0
    for part in range(20):
        total += part * {version}
    return {version}


async def session(number, first, period, turns, requests):
    loop = asyncio.get_running_loop()
    due = loop.time() + first
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        woken = time.monotonic()
        version = {version}
        turns[number] = serve(number) if version == {version} else 0
        requests.extend((due, woken - due))
        due += period
'''


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns the windows with what the loop saw in each, and their summary."""
    with workplace() as place:
        versions = (place / "v1", place / "v2")
        for number, root in enumerate(versions, 1):
            root.mkdir()
            (root / "sessions.py").write_text(SESSIONS.format(version=number), encoding="utf-8")
            shutil.copy(STAGE / "tasks_main.py", root / "main.py")
        script = versions[0] / "main.py"
        with Child(place, "tasks", command("tasks", script, str(TASKS), str(PERIOD))) as child:

            def update(number: int) -> dict[str, Any]:
                answer, took = podus(place, "update", "tasks", "--from", str(versions[(number + 1) % 2]))
                time.sleep(1.25 * PERIOD)
                return details(answer, took)

            row = watch(child, versions, update, 2 if quick else 10)
    show(f"{TASKS:,} tasks", row)
    return {"rows": {str(TASKS): row}, "tasks": TASKS, "period": PERIOD}
