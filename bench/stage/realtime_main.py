"""A periodic task of 1 kHz, as a controller has it, that calls what is updated, beside a thread that does other work.

Each period has its absolute time; this and how late the task is when it begins are kept, and handed over at the end. A
period that has gone by meanwhile is not made up for: it is counted as missed.
"""

import json
import os
import socket
import threading
import time
from array import array

import control

PERIOD = 0.001

kept = {}
running = threading.Event()
resting = threading.Event()
stop = False


def task(window):
    seen, missed, step = array("d"), 0, control.step
    clock, rest = time.monotonic, time.sleep
    due = clock() + PERIOD
    while running.is_set():
        delay = due - clock()
        if delay > 0:
            rest(delay)
        begun = clock()
        seen.extend((due, begun - due))
        step(len(seen))
        due += PERIOD
        while due <= begun:
            due += PERIOD
            missed += 1
    times, before = kept.setdefault(window, (array("d"), [0]))
    times += seen
    before[0] += missed


def other():
    turn = 0
    while not stop:
        control.work(turn)
        turn += 1
        time.sleep(0.002)


def main():
    global stop
    threading.Thread(target=other).start()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["BENCH_SOCKET"])
    stream = connection.makefile("rwb")
    answer, thread = {"version": control.version()}, None
    while True:
        stream.write(json.dumps(answer).encode() + b"\n")
        stream.flush()
        line = stream.readline()
        asked = json.loads(line) if line else {"do": "end"}
        answer = {}
        if asked["do"] == "begin":
            running.set()
            thread = threading.Thread(target=task, args=[asked["window"]])
            thread.start()
        elif asked["do"] == "rest":
            running.clear()
            thread.join()
            answer = {"version": control.version()}
        elif asked["do"] == "dump":
            answer = {
                window: {"seen": list(zip(seen[::2], seen[1::2], strict=True)), "missed": missed[0]}
                for window, (seen, missed) in kept.items()
            }
        else:
            break
    stop = True


if __name__ == "__main__":
    main()
