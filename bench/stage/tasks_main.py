"""An event loop with very many live tasks, each suspended in a ``while True`` that changes, and a heartbeat that notices when the loop is held up.

Each task wakes at times of its own, and keeps how late it was. What was seen is handed over at the end, with its times on the monotonic clock.
"""

import asyncio
import gc
import json
import os
import socket
import sys
import threading
import time
from array import array

import sessions

TASKS, PERIOD = int(sys.argv[1]), float(sys.argv[2])
# Pairs of numbers that the collector has nothing to do with.
requests, beats = array("d"), array("d")


async def heartbeat():
    clock = time.monotonic
    last = clock()
    while True:
        await asyncio.sleep(0.001)
        now = clock()
        beats.extend((last, now - last))
        last = now


async def main():
    turns = [0] * TASKS
    loop = asyncio.get_running_loop()
    tasks = [
        asyncio.create_task(sessions.session(n, PERIOD * n / TASKS, PERIOD, turns, requests))
        for n in range(TASKS)
    ]
    tasks.append(asyncio.create_task(heartbeat()))
    await asyncio.sleep(2 * PERIOD)
    gc.collect()  # as in a program that has run for a while: the next full collection is not due by chance
    over = asyncio.Event()
    threading.Thread(
        target=answer, args=(turns, lambda: loop.call_soon_threadsafe(over.set)), daemon=True
    ).start()
    await over.wait()
    os._exit(0)


def pairs(numbers):
    kept = numbers[:]
    return list(zip(kept[::2], kept[1::2], strict=True))


def answer(turns, end):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["BENCH_SOCKET"])
    stream = connection.makefile("rwb")
    value = {"tasks": len(turns)}
    while True:
        stream.write(json.dumps(value).encode() + b"\n")
        stream.flush()
        line = stream.readline()
        asked = json.loads(line) if line else "end"
        if asked == "reached":
            value = {"kept": turns.count(2), "named": TASKS * (sessions.serve(0) == 2), "of": TASKS}
        elif asked == "dump":
            value = {"requests": [pairs(requests)], "probe": pairs(beats)}
        else:
            end()
            return


if __name__ == "__main__":
    asyncio.run(main())
