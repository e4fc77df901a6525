"""A periodic task of 1 kHz, as a controller has it, that calls what is updated, beside a thread that does other work.

Each period has its absolute time; how late the task is when it begins is kept, and summarised when the window ends, with the task at rest. A
period that has gone by meanwhile is not made up for: it is counted as missed.
"""

import json
import math
import os
import socket
import threading
import time

import control

PERIOD = 0.001
# Classes of the histogram for each power of ten; the first begins at one microsecond.
FINE = 20

kept = {}
running = threading.Event()
resting = threading.Event()
stop = False


def task(window):
    late, missed, step = [], 0, control.step
    clock, rest = time.monotonic, time.sleep
    due = clock() + PERIOD
    while running.is_set():
        delay = due - clock()
        if delay > 0:
            rest(delay)
        begun = clock()
        late.append(begun - due)
        step(len(late))
        due += PERIOD
        while due <= begun:
            due += PERIOD
            missed += 1
    times, before = kept.setdefault(window, ([], [0]))
    times += late
    before[0] += missed


def other():
    turn = 0
    while not stop:
        control.work(turn)
        turn += 1
        time.sleep(0.002)


def summary(late, missed):
    late.sort()
    classes = {}
    for each in late:
        place = int(FINE * math.log10(max(each * 1e6, 1.0)))
        classes[place] = classes.get(place, 0) + 1
    quantiles = {
        q: late[min(len(late) - 1, math.ceil(float(q) * len(late)) - 1)] * 1e6
        for q in ("0.5", "0.99", "0.999", "1")
    }
    return {
        "periods": len(late),
        "missed": missed,
        "late_us": quantiles,
        "classes": sorted(classes.items()),
        "fine": FINE,
    }


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
            answer = {window: summary(late, missed[0]) for window, (late, missed) in kept.items()}
        else:
            break
    stop = True


if __name__ == "__main__":
    main()
