"""The large program: threads that serve requests through procedures that change, and a probe that notices every stall.

Each worker serves a request of about 0.2 ms and then waits 1 ms, as a server waits for its next request. The probe asks to
be woken every millisecond and keeps how late it was. What they saw is kept with its time on the monotonic clock, which all
processes share, and is handed over at the end: nothing is asked of the program while it is measured.
"""

import gc
import importlib
import json
import os
import socket
import sys
import threading
import time

from big import index

PEER, OBJECTS, WORKERS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

if PEER == "jurigged":
    import jurigged
    from jurigged.live import conservative_logger

    # Not started: its timers, one a file, refresh many files at once from as many threads, and lose some of the changes.
    pattern = os.path.join(os.path.dirname(os.path.abspath(__file__)), "big", "*.py")
    watcher = jurigged.watch(pattern, logger=conservative_logger, autostart=False)

modules = [importlib.import_module(f"big.m{i:03}") for i in range(index.MODULES)]
changing = modules[: index.CHANGED]
stop = threading.Event()


def worker(number, kept):
    clock, rest = time.monotonic, time.sleep
    turn = number
    while not stop.is_set():
        begun = clock()
        for step in range(20):
            changing[(turn + step) % len(changing)].work(turn + step)
        kept.append((begun, clock() - begun))
        turn += 1
        rest(0.001)


def probe(kept):
    clock, rest = time.monotonic, time.sleep
    last = clock()
    while not stop.is_set():
        rest(0.001)
        now = clock()
        kept.append((last, now - last))
        last = now


def lookup(module, name):
    found = module
    for part in name.split("."):
        found = getattr(found, part)
    return found


# References that a real program has: function objects in a registry, bound methods as callbacks, names imported from a module.
registry = [(m, name, lookup(m, name)) for m in changing for name in index.NAMES if "." not in name]
callbacks = [
    (m, name, lookup(m, name.partition(".")[0])()) for m in changing for name in index.NAMES if "." in name
]
callbacks = [(m, name, getattr(owner, name.partition(".")[2])) for m, name, owner in callbacks]


def reached():
    """How many of the changed procedures are new: for those who call them by name, and for those who kept them."""
    by_name = [lookup(m, name) for m, name, _ in registry]
    by_class = [lookup(m, name) for m, name, _ in callbacks]
    named = sum(f(0, last=1) == 2 for f in by_name) + sum(f(None, 0, last=1) == 2 for f in by_class)
    kept = sum(f(0, last=1) == 2 for _, _, f in registry) + sum(f(0, last=1) == 2 for _, _, f in callbacks)
    return {"named": named, "kept": kept, "of": len(registry) + len(callbacks)}


def reload_modules():
    """importlib.reload of what changed, callees first, as its user would have to know."""
    for module in reversed(changing):
        importlib.reload(module)


def main():
    objects = [[i] for i in range(OBJECTS)]
    gc.collect()  # as in a program that has run for a while: the next full collection is not due by chance
    check = None
    if PEER == "autoreload":
        from IPython.extensions.autoreload import ModuleReloader

        reloader = ModuleReloader()
        reloader.check(check_all=True, do_reload=False)
        reloader.deduper_reloader.update_sources()
        check = lambda: reloader.check(check_all=True)  # noqa: E731
    elif PEER == "jurigged":
        check = lambda: [watcher.refresh(module.__file__) for module in changing]  # noqa: E731
    elif PEER == "reload":
        check = reload_modules
    kept = [[] for _ in range(WORKERS)]
    seen = []
    threads = [threading.Thread(target=worker, args=(i, kept[i])) for i in range(WORKERS)]
    threads.append(threading.Thread(target=probe, args=(seen,)))
    for thread in threads:
        thread.start()
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["BENCH_SOCKET"])
    stream = connection.makefile("rwb")
    answer = {"objects": len(objects)}
    while True:
        stream.write(json.dumps(answer).encode() + b"\n")
        stream.flush()
        line = stream.readline()
        asked = json.loads(line) if line else "end"
        if asked == "update":
            check()
            answer = {"done": time.monotonic()}
        elif asked == "reached":
            answer = reached()
        elif asked == "dump":
            stop.set()
            for thread in threads:
                thread.join()
            answer = {"requests": kept, "probe": seen}
        else:
            break
    stop.set()


if __name__ == "__main__":
    main()
