"""The main script of the programs that the tests update: does what it is told on standard input, one JSON message a line.

It gives the program one builtin, ``gate(name)``: a thread that calls it says that it has come there, and waits until the test opens it.
"""

import builtins
import importlib
import json
import os
import sys
import threading
import traceback

# The program may print what it likes; the answers go where nobody else writes.
answers = os.fdopen(os.dup(1), "w", buffering=1)
gates = {}
lock = threading.Lock()
threads = {}
results = {}


class Gate:
    def __init__(self):
        self.reached = threading.Semaphore(0)
        self.opened = threading.Semaphore(0)


def find_gate(name):
    with lock:
        return gates.setdefault(name, Gate())


def gate(name):
    found = find_gate(name)
    found.reached.release()
    found.opened.acquire()


builtins.gate = gate
names = {"sys": sys, "threading": threading, "importlib": importlib}


def start(name, source):
    def body():
        try:
            results[name] = ["value", eval(source, names)]
        except BaseException as error:
            results[name] = ["error", type(error).__name__, str(error)]

    threads[name] = threading.Thread(target=body, name=name)
    threads[name].start()


def do(message):
    what, argument = message["do"], message.get("argument")
    if what == "eval":
        return eval(argument, names)
    if what == "exec":
        exec(argument, names)
        return None
    if what == "start":
        return start(message["name"], argument)
    if what == "reached":
        if not find_gate(argument).reached.acquire(timeout=30):
            raise TimeoutError(f"no thread came to the gate {argument}")
        return None
    if what == "open":
        return find_gate(argument).opened.release(message.get("times", 1))
    if what == "join":
        threads[argument].join(30)
        if threads[argument].is_alive():
            raise TimeoutError(f"thread {argument} did not end")
        return results[argument]
    raise ValueError(what)


def serve():
    for line in sys.stdin:
        try:
            answer = {"value": do(json.loads(line))}
            text = json.dumps(answer, default=repr)
        except BaseException as error:
            text = json.dumps({"error": [type(error).__name__, str(error), traceback.format_exc()]})
        print(text, file=answers, flush=True)


if __name__ == "__main__":
    serve()
    os._exit(0)
