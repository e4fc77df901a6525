"""The process that one scenario runs in: ``child TOOL MODE``, the scenario on stdin, what came of it as JSON on stdout.

MODE is ``quiet`` or ``threaded``. It imports nothing of the suite, so that it starts quickly and the program under test is alone with the tool.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import os
import sys
import threading
import time
import traceback
import types
from typing import Any

from files import commit, modules_of
from tools import TOOLS, Declined, Failed

PATIENCE = 30.0
THREADS = 3
# Seconds between a thread's calls, as a server waits for its next request: a procedure that is active without end never switches.
PAUSE = 0.0003


# ---- what can be said in a check


def raises(kind: type[BaseException], call: types.FunctionType) -> bool:
    """Whether ``call()`` raises that."""
    try:
        call()
    except kind:
        return True
    return False


WORDS = (
    "abc",
    "asyncio",
    "copy",
    "dataclasses",
    "enum",
    "functools",
    "gc",
    "inspect",
    "pickle",
    "sys",
    "types",
)
WORDS += ("typing", "weakref")


def words(scenario: dict[str, Any]) -> dict[str, object]:
    """The names that setups and checks may use beside the program's modules: those that this one uses."""
    texts = (
        f"{scenario['boot']} {scenario['setup']} {scenario['check']} {scenario['back']} {scenario['calls']}"
    )
    return {name: importlib.import_module(name) for name in WORDS if name in texts} | {"raises": raises}


def hold(expressions: str, space: dict[str, object], when: str) -> None:
    """Evaluate every line; Failed names the first that is not true, and what it was instead."""
    for line in expressions.strip().splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            true = eval(text, space)
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise Failed(
                f"{when}: {text} raised {_said(error)} ({os.path.basename(where.filename)}:{where.lineno})"
            ) from None
        if not true:
            part = _false_part(text, space)
            raise Failed(f"{when}: not {part}{_instead(part, space)}")


def _false_part(text: str, space: dict[str, object]) -> str:
    """The first condition of ``a and b and …`` that is not true."""
    tree = ast.parse(text, mode="eval").body
    parts = tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]
    for part in map(ast.unparse, parts[:-1]):
        try:
            if not eval(part, space):
                return part
        except BaseException:
            return part
    return ast.unparse(parts[-1])


def _instead(text: str, space: dict[str, object]) -> str:
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.Compare):
        try:
            return f" (it is {eval(ast.unparse(tree.left), space)!r:.200})"
        except BaseException as error:
            return f" (then {_said(error)})"
    return ""


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


class Faces:
    """The functions and classes of the program's modules, by name: what must stay the same objects."""

    def __init__(self, names: list[str]) -> None:
        self.names: dict[str, set[str]] = {}
        self.faces: dict[tuple[str, str], object] = {}
        for name in names:
            module = sys.modules.get(name)
            if module is not None:
                # importlib and reloaders leave marks of their own.
                self.names[name] = {n for n in vars(module) if not (n.startswith("__") and n.endswith("__"))}
                for key, value in list(vars(module).items()):
                    if isinstance(value, type | types.FunctionType) and value.__module__ == name:
                        self.faces[name, key] = value

    def kept(self, when: str) -> None:
        for (name, key), was in self.faces.items():
            now = vars(sys.modules[name]).get(key) if name in sys.modules else None
            if now is was or not isinstance(now, type | types.FunctionType) or now.__module__ != name:
                continue
            if isinstance(now, type) == isinstance(was, type):
                raise Failed(f"{when}: {name}.{key} is another object")

    def same(self, when: str) -> None:
        for name, names in self.names.items():
            module = sys.modules.get(name)
            if module is None:
                raise Failed(f"{when}: module {name} is missing")
            now = {n for n in vars(module) if not (n.startswith("__") and n.endswith("__"))}
            if now != names:
                raise Failed(
                    f"{when}: {name} has {sorted(now - names)} too many, and lacks {sorted(names - now)}"
                )
        self.kept(when)


# ---- threads that call throughout


class Callers:
    """Threads that evaluate one expression over and over, and hold every value against those that the stage allows."""

    def __init__(self, calls: tuple[str, object, object], space: dict[str, object]) -> None:
        text, was, now = calls
        self.code = compile(text, "<calls>", "eval")
        self.space, self.text = space, text
        self.allowed = {"before": (was,), "during": (was, now), "after": (now,), "back": (was,)}
        self.stage = "before"
        self.wrong: list[str] = []
        self.reached = {stage: [threading.Event() for _ in range(THREADS)] for stage in self.allowed}
        self.over = False
        self.threads = [threading.Thread(target=self.call, args=(i,), daemon=True) for i in range(THREADS)]

    def call(self, number: int) -> None:
        code, space = self.code, self.space
        while not self.over:
            stage = self.stage
            try:
                value = eval(code, space)
                wrong = "" if value in self.allowed[stage] else f"gave {value!r}"
            except BaseException as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong = f"raised {_said(error)} ({os.path.basename(where.filename)}:{where.lineno})"
            if wrong and not any(stage in text for text in self.wrong):
                self.wrong.append(f"{stage} the update a thread's {self.text} {wrong}")
            self.reached[stage][number].set()
            time.sleep(PAUSE)

    def enter(self, stage: str) -> None:
        """From now on only what this stage allows is right; where it is no passage, every thread makes a call."""
        self.stage = stage
        if stage != "during":
            for event in self.reached[stage]:
                if not event.wait(PATIENCE):
                    raise Failed(f"{stage} the update a thread's {self.text} did not return")
        self.verdict()

    def verdict(self) -> None:
        if self.wrong:
            raise Failed(self.wrong[0].replace("back the update", "after the back-out"))

    def __enter__(self) -> Callers:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        for thread in self.threads:
            thread.join(PATIENCE)


class Nobody:
    """The quiet run's callers."""

    def enter(self, stage: str) -> None:
        pass

    def __enter__(self) -> Nobody:
        return self

    def __exit__(self, *_: object) -> None:
        pass


# ---- the run


def play(scenario: dict[str, Any], tool_name: str, mode: str) -> dict[str, str]:
    """Run it: ``{"update": …, "back": …, "why": …}``, each of the first two ``pass``, ``fail``, ``refused`` or "" (not reached).

    ``remade`` as the update's result: the checks hold, but functions or classes are other objects than before.
    """
    sys.path[:0] = [os.path.abspath(p) for p in scenario["path"]]
    tool = TOOLS[tool_name](scenario)
    names = modules_of(scenario["old"], scenario["path"])
    wanted = names if scenario["imports"] is None else list(scenario["imports"])
    space: dict[str, object] = {"__builtins__": builtins} | words(scenario)
    exec(compile(scenario["boot"], "<boot>", "exec"), space)
    tool.load([n for n in wanted if n != scenario["main"].removesuffix(".py")])
    for name in wanted:
        space[name.partition(".")[0]] = sys.modules.get(name.partition(".")[0])
    if scenario["main"]:
        space["main"] = sys.modules["__main__"]
    exec(compile(scenario["setup"], "<setup>", "exec"), space)
    faces = Faces(names)
    threaded = mode == "threaded" and scenario["calls"] is not None
    if threaded:
        sys.setswitchinterval(0.001)
    found = {"update": "fail", "back": "", "why": ""}
    try:
        with Callers(scenario["calls"], space) if threaded else Nobody() as callers:
            callers.enter("before")
            commit(scenario)
            callers.enter("during")
            try:
                tool.update()
            except Declined as refusal:
                found["why"] = str(refusal)
                callers.enter("back")
                faces.same("after the refusal")
                hold(scenario["back"], space, "after the refusal")
                found["update"] = "refused"
                return found
            callers.enter("back" if scenario["fails"] and tool_name == "podus" else "after")
            renew(space, names, scenario)
            hold(scenario["check"], space, "after the update")
            if scenario["identity"]:
                found["update"] = "remade"
                faces.kept("after the update")
            found["update"] = "pass"
            if not tool.goes_back:
                found["back"] = "pass" if scenario["fails"] else ""
                return found
            found["back"] = "fail"
            callers.enter("during")
            tool.back()
            callers.enter("back")
            faces.same("after the back-out")
            hold(scenario["back"], space, "after the back-out")
            callers.enter("back")
            found["back"] = "pass"
    except Failed as failure:
        found["why"] = str(failure)
    return found


def renew(space: dict[str, object], names: list[str], scenario: dict[str, Any]) -> None:
    """The checks see modules that the new version has and the old had not."""
    for name in modules_of(scenario["new"], scenario["path"]):
        top = name.partition(".")[0]
        if name not in names and top not in space and scenario["new"].get(name) is None:
            try:
                space[top] = importlib.import_module(top)
            except ImportError:
                pass


def main() -> None:
    scenario = ast.literal_eval(sys.stdin.read())
    out = os.dup(1)
    os.dup2(2, 1)  # what the tools say is no part of the result
    try:
        found = play(scenario, sys.argv[1], sys.argv[2])
    except BaseException as error:
        traceback.print_exc()
        found = {"update": "fail", "back": "", "why": _said(error)}
    os.write(out, json.dumps(found).encode())
    sys.stdout.flush()
    os._exit(0)  # threads that a failed update has left behind must not hold it up
