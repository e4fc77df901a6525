"""The program with very many objects of one class: threads at work on them, and a probe that notices every stall.

Every object has one worker that writes to it, and all of them read it. What the workers do is in ``bank``, which is updated;
each of its methods says whether what it saw of the object was all of one form. ``twin`` has the class as the update
leaves it, from the start and for good.
"""

import gc
import json
import os
import random
import socket
import statistics
import sys
import threading
import time

import bank
import late
import twin

OBJECTS, WORKERS = int(sys.argv[1]), int(sys.argv[2])
REQUEST = 20
# Few enough to stay in the processor's nearest cache, wherever in the memory they are: of many, that would be what is measured.
SAMPLE, TURNS = 50, 800
# Of the first 30 objects of a class, CPython makes other dictionaries.
MADE = 2000

stop = threading.Event()
accounts = []
# Of the class that is never updated, made together with the first accounts and used when they are: what is as old is as far apart in the memory.
twins = []
wrong = [0] * WORKERS
paid = [0] * WORKERS
failures = []


def worker(number, kept):
    clock, rest = time.monotonic, time.sleep
    turn = number + 1
    try:
        while not stop.is_set():
            begun = clock()
            for _ in range(REQUEST):
                turn = (turn * 1103515245 + 12345) & 0x3FFFFFFF
                place = (turn >> 4) % OBJECTS
                mine = place - place % WORKERS + number
                wrong[number] += bank.serve(accounts[mine], accounts[place], turn)
                if mine < MADE:
                    twins[mine].work(turn)
                paid[number] += 1
            kept.append((begun, clock() - begun))
            rest(0.001)
    except BaseException as error:
        failures.append(f"{type(error).__name__}: {error}")
        raise


def probe(kept):
    clock, rest = time.monotonic, time.sleep
    last = clock()
    while not stop.is_set():
        rest(0.001)
        now = clock()
        kept.append((last, now - last))
        last = now


def audit():
    """What came of it, when nobody works any more: each object on its own, and all that was paid in."""
    stop.set()
    for thread in threads:
        thread.join()
    return {
        "wrong": sum(wrong),
        "failures": failures,
        "served": sum(paid),
        "lost": sum(paid) - sum(map(bank.paid, accounts)),
        "mixed": sum(not bank.whole(account) for account in accounts),
        "shared": bank.shared(accounts),
        "hooks": sorted(
            name
            for name in ("__getattribute__", "__setattr__", "__delattr__", "bonus", "cents", "last", "log")
            if name in vars(bank.Account)
        ),
    }


LOOP = """
def loop(objects, turns):
    begun = clock()
    for turn in turns:
        for one in objects:
            one.work(turn)
            one.look()
    return clock() - begun
"""


def timer():
    """A loop with code of its own, which CPython specializes for what it is used with."""
    names = {"clock": time.process_time}
    exec(LOOP, names)
    return names["loop"]


def early(number):
    """An object of the old form."""
    one = object.__new__(late.Account)
    for name, value in (("number", number), ("balance", number + 0.5), ("scale", 1), ("check", 0)):
        setattr(one, name, value)
    return one


def cost(rounds):
    """Time with objects that were converted against time with objects as old of a class that never changed, round by round.

    The others are against new ones of that class: ``made`` are objects made after the update; ``control`` is the class that never changed against itself; the objects of ``late`` have
    got their new fields from the program itself, as objects of a class that has always been so.
    """
    gc.collect()
    gc.disable()
    kinds = {
        "plain": [twin.Account(n, n + 0.5) for n in range(MADE)],
        "control": [twin.Account(n, n + 0.5) for n in range(MADE)],
        "aged": twins,
        "converted": accounts[:MADE],
        "late": [early(n) for n in range(MADE)],
        "made": [bank.Account(n, n + 0.5) for n in range(MADE)],
    }
    for one in kinds["late"]:
        late.grow(one)
    kinds = {kind: objects[-SAMPLE:] for kind, objects in kinds.items()}
    loops = {kind: timer() for kind in kinds}
    times = {kind: [] for kind in kinds}
    order = list(kinds)
    draw = random.Random(1)
    for number in range(rounds + 1):
        draw.shuffle(order)
        for kind in order:
            took = loops[kind](kinds[kind], range(TURNS))
            if kind == "converted":
                paid[0] += SAMPLE * TURNS
            if number:
                times[kind].append(took)
    gc.enable()
    found = {"ns": statistics.median(times["plain"]) * 1e9 / SAMPLE / TURNS}
    for kind in ("control", "aged", "converted", "made", "late"):
        against = times["aged" if kind == "converted" else "plain"]
        found[kind] = [a / b for a, b in zip(times[kind], against, strict=True)]
    return found


threads = []


def main():
    for n in range(MADE):
        accounts.append(bank.Account(n, n + 0.5))
        twins.append(twin.Account(n, n + 0.5))
    accounts.extend(bank.Account(n, n + 0.5) for n in range(MADE, OBJECTS))
    gc.collect()  # as in a program that has run for a while: the next full collection is not due by chance
    kept = [[] for _ in range(WORKERS)]
    seen = []
    threads.extend(threading.Thread(target=worker, args=(i, kept[i])) for i in range(WORKERS))
    threads.append(threading.Thread(target=probe, args=(seen,)))
    for thread in threads:
        thread.start()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["BENCH_SOCKET"])
    stream = connection.makefile("rwb")
    answer = {"objects": len(accounts)}
    while True:
        stream.write(json.dumps(answer).encode() + b"\n")
        stream.flush()
        line = stream.readline()
        asked = json.loads(line) if line else "end"
        if asked == "reached":
            answer = {"named": bank.VERSION, "kept": bank.VERSION, "of": 2}
        elif asked == "dump":
            stop.set()
            for thread in threads:
                thread.join()
            answer = {"requests": kept, "probe": seen}
        elif asked == "audit":
            answer = audit()
        elif isinstance(asked, int):
            answer = cost(asked)
        else:
            break
    stop.set()


if __name__ == "__main__":
    main()
