"""Threads and tasks call what changes without pause, through updates and back-outs under each policy; the program itself keeps the books.

Never may a call be made from new code to old, reach an interface that it was not made for, be lost or made twice, or raise what the program did
not; and under ``atomic`` and ``consistent`` no call may meet two versions. ``PODUS_STRESS=1000 PODUS_TASKS=1000`` makes a thousand updates of each kind,
with a thousand tasks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.programs import SOURCE
from tests.sizes import size

UPDATES = size("PODUS_STRESS", 6)
TASKS = size("PODUS_TASKS", 50)
# Version N: every procedure says N; the inner ones have another interface in every second version.
CHAIN = """
import asyncio, books

def first(number):
    books.linger()
    return [{n}, *second({call})]

def second({parameters}):
    return [{n}, *third(number)]

def third(number):
    books.note()
    return [{n}]

async def task_first(number):
    await asyncio.sleep(0)
    return [{n}, *second({call})]

def numbers(number):
    yield {n}
    yield from second({call})
"""
BOOKS = """
import threading, time
lock, calls = threading.Lock(), 0
# So long that somebody is inside at nearly any instant; the threads rest in between, or a procedure might never be inactive.
def linger(): time.sleep(0.0003)
def note():
    global calls
    with lock:
        calls += 1
    if threading.current_thread().name != "loop":
        linger()
"""
PROGRAM = """
import asyncio, collections, gc, json, sys, threading, time
import podus
podus.enable()
import books, chain

updates, policy, texts, workers, tasks = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), 8, int(sys.argv[4])
stop = threading.Event()
# What was seen: (phase, versions) -> how often; only calls that began and ended in one phase are judged by it.
seen, errors, made = collections.Counter(), [], [0] * (workers + 1)
lock = threading.Lock()
phase = 0

def note(before, versions):
    with lock:
        seen[before if before == phase else -1, tuple(versions)] += 1

def work(number):
    mine = collections.Counter()
    while not stop.is_set():
        before = phase
        made[number] += 1
        try:
            versions = chain.first(made[number] * workers + number) if made[number] % 3 else list(chain.numbers(made[number]))
        except BaseException as error:
            errors.append(repr(error))
            return
        note(before, versions)
        time.sleep(0.003)

async def task(number):
    while not stop.is_set():
        before = phase
        made[workers] += 1
        try:
            versions = await chain.task_first(number)
        except BaseException as error:
            errors.append(repr(error))
            return
        note(before, versions)
        await asyncio.sleep(0.02)

async def loop():
    await asyncio.gather(*(task(n) for n in range(tasks)))

threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
threads.append(threading.Thread(target=asyncio.run, args=(loop(),), name="loop"))
for thread in threads: thread.start()
states = collections.Counter()
for number in range(updates):
    # Forward to N + 1, and back; then forward to stay.
    for step in ("forward", "back", "forward"):
        with lock:
            phase += 1
        if step == "forward":
            with open("chain.py", "w") as file:
                file.write(texts[(number + 1) % len(texts)].replace("VERSION", str(number + 1)))
            update = podus.update(policy=policy, max_hold=0.2, timeout=60)
        else:
            update.back_out(60, policy=policy, max_hold=0.2)
        states[step, update.state] += 1
        time.sleep(0.02)
stop.set()
for thread in threads: thread.join(60)
print(json.dumps({
    "seen": [[*key, count] for key, count in seen.items()], "errors": errors, "made": sum(made), "third": books.calls,
    "states": [[*key, count] for key, count in states.items()], "alive": sum(t.is_alive() for t in threads),
}))
"""


def texts(*, same_interface: bool) -> list[str]:
    plain = {"call": "number", "parameters": "number"}
    other = plain if same_interface else {"call": "'more', number", "parameters": "more, number"}
    return [CHAIN.format(n="VERSION", **words) for words in (plain, other)]


@pytest.mark.timeout(120 + 10 * UPDATES)
@pytest.mark.parametrize("policy", ["podus", "atomic", "consistent", "immediate"])
def test_nothing_is_mixed_lost_or_doubled(tmp_path: Path, home: Path, policy: str) -> None:
    versions = texts(same_interface=policy == "immediate")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "books.py").write_text(BOOKS)
    (tmp_path / "chain.py").write_text(versions[0].replace("VERSION", "0"))
    done = subprocess.run(
        [sys.executable, "-B", "program.py", str(UPDATES), policy, json.dumps(versions), str(TASKS)],
        cwd=tmp_path,
        env={**os.environ, "PODUS_HOME": str(home), "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    books = json.loads(done.stdout)
    assert (books["errors"], books["alive"]) == ([], 0)
    assert sorted(books["states"]) == [["back", "backed-out", UPDATES], ["forward", "complete", 2 * UPDATES]]
    assert sum(count for *_, count in books["seen"]) == books["made"] == books["third"]
    wrong = [row for row in books["seen"] if not allowed(policy, *row)]
    assert not wrong


def allowed(policy: str, phase: int, versions: list[int], count: int) -> bool:
    """Whether the versions that one call has met, from the outermost procedure to the innermost, may be met together."""
    if policy == "immediate":
        return True
    if policy in ("atomic", "consistent") and len(set(versions)) > 1:
        return False
    if phase < 0:
        return True
    number, back = (phase - 1) // 3, (phase - 1) % 3 == 1
    new = number if back else number + 1
    # New code calls only new code.
    return all(caller != new or callee == new for caller, callee in pairwise(versions))


def test_the_books_would_show_it() -> None:
    rows: list[tuple[Any, ...]] = [
        ("podus", 1, [1, 0, 0]),
        ("podus", 2, [0, 1, 1]),
        ("atomic", -1, [1, 0, 0]),
        ("consistent", -1, [1, 0, 0]),
    ]
    assert not any(allowed(policy, phase, versions, 1) for policy, phase, versions in rows)
    assert (
        allowed("podus", 1, [0, 1, 1], 1)
        and allowed("podus", 2, [1, 0, 0], 1)
        and allowed("podus", 3, [0, 1, 1], 1)
    )
