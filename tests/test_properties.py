"""Generated programs: the algorithm against the model of the paper, and updated modules against freshly imported ones.

One program lives through all examples of a test; every example has modules of its own in it, and the planner runs in the test's process.
``PODUS_EXAMPLES=1000`` looks longer.
"""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from podus.planning.ask import Asker
from podus.planning.compile import Compiler
from podus.planning.model import Plan
from tests import model
from tests.programs import Program

EXAMPLES = int(os.environ.get("PODUS_EXAMPLES", "40"))
LIMITS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PODUS_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.explicit, Phase.generate] + ([Phase.shrink] if "PODUS_EXAMPLES" in os.environ else []),
)
# Seconds after which nothing more is expected to happen; short, for a failing example is tried many times while it is made smaller.
PATIENCE = 1.0
NUMBERS = count()
Start = Callable[..., Program]


class Quick(Program):
    """A program whose plans are made in this process: a planner's start would be most of an example's time."""

    def plan(self, **request: Any) -> Plan:
        support = request.pop("support", None)
        directory = tempfile.mkdtemp(dir=self.home)
        if support:
            request["support"] = os.path.join(directory, "support.py")
            Path(request["support"]).write_text(support)
        with Asker(str(self.entry.socket)) as pup:
            plan = Compiler(self.request(**request), pup, directory, lambda _: None).compile()
        Path(directory, "plan.json").write_text(plan.to_json())
        return plan

    def evaluate(self, plan: Plan) -> str:
        with self.pup() as pup:
            return str(pup.call("update", plan=plan.directory, timeout=None, on_timeout="wait")["id"])

    def forget(self, *modules: str) -> None:
        self.run(f"for name in {modules!r}: sys.modules.pop(name, None)")


SETTING = """
    stacks, seen, ended = {}, [], set()

    class Stack(list):
        def append(self, item):
            list.append(self, item)
            seen.append(list(self))

    def go(thread, procedure, script, find_gate):
        stack = stacks[thread] = Stack()
        try:
            procedure(script, stack)
        finally:
            stack.clear()
            ended.add(thread)
            find_gate(thread).reached.release()
"""


@pytest.fixture(scope="module")
def app() -> Iterator[Quick]:
    # In memory, where there is such a place: the log is written through to the disk.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    before = os.environ.get("PODUS_HOME")
    with tempfile.TemporaryDirectory(prefix="podus-", dir=place, ignore_cleanup_errors=True) as home:
        os.environ["PODUS_HOME"] = home
        root = Path(home, "app")
        root.mkdir()
        started = Quick(root, Path(home), {}, [])
        try:
            started.run(textwrap.dedent(SETTING) + "find_gate = sys.modules['__main__'].find_gate\n")
            yield started
        finally:
            started.close()
            if before is None:
                del os.environ["PODUS_HOME"]
            else:
                os.environ["PODUS_HOME"] = before


# ---- the algorithm

Script = list[tuple[str, Any]]


@dataclass(frozen=True)
class Call:
    """One place in a procedure that calls another; ``how`` is the form it is written in."""

    target: str
    how: str


@dataclass(frozen=True)
class Procedure:
    """A procedure that does what the script it is given says, as far as its version has the calls for it."""

    name: str
    home: str
    owner: str
    changes: bool
    old: tuple[Call, ...]
    new: tuple[Call, ...]

    def text(self, version: int, everybody: dict[str, Procedure], modules: dict[str, str]) -> str:
        calls = self.old if version == model.OLD else self.new
        number = version if self.changes else model.OLD
        arguments = "self, script, stack" if self.owner else "script, stack"
        lines = [
            f"def {self.name}({arguments}):",
            f"    stack.append(('{self.name}', {number}))",
            "    for what, rest in script:",
            "        if what == 'gate': gate(rest)",
        ]
        for call in calls:
            lines.append(f"        elif what == '{call.target}': {self._call(call, everybody, modules)}")
        lines.append("    stack.pop()")
        return "\n".join(lines)

    def _call(self, call: Call, everybody: dict[str, Procedure], modules: dict[str, str]) -> str:
        target = everybody[call.target]
        there = "" if target.home == self.home else f"{modules[target.home]}."
        if target.owner:
            bound = f"{there}{target.owner.lower()}.{target.name}"
            if call.how == "getattr":
                bound = f"getattr({there}{target.owner.lower()}, '{target.name}')"
            return f"apply({bound}, rest, stack)" if call.how == "value" else f"{bound}(rest, stack)"
        if call.how == "value":
            return f"apply({there}{target.name}, rest, stack)"
        if call.how == "table":
            return f"{there}TABLE['{target.name}'](rest, stack)"
        if call.how == "getattr" and there:
            return f"getattr({there[:-1]}, '{target.name}')(rest, stack)"
        return f"{there}{target.name}(rest, stack)"


@dataclass
class Case:
    """A program in two versions, what its threads do, which procedures depend on each other, and which gate opens when."""

    procedures: dict[str, Procedure]
    threads: list[tuple[str, Script]]
    together: list[list[str]]
    order: list[int]

    @property
    def changed(self) -> set[str]:
        return {p.name for p in self.procedures.values() if p.changes}

    def calls(self, version: int) -> dict[str, list[str]]:
        return {
            p.name: [c.target for c in (p.old if version == model.OLD else p.new)]
            for p in self.procedures.values()
        }

    @property
    def plain(self) -> bool:
        """Whether every call names what it calls: then the call graph is exact."""
        return all(
            c.how == "direct" and not self.procedures[c.target].owner
            for p in self.procedures.values()
            for c in p.new
        )

    def sources(self, version: int, modules: dict[str, str]) -> dict[str, str]:
        texts = {}
        for home, module in modules.items():
            mine = [p for p in self.procedures.values() if p.home == home]
            parts = [f"import {other}" for other in modules.values() if other != module]
            parts.append("def apply(function, rest, stack): function(rest, stack)")
            parts += [p.text(version, self.procedures, modules) for p in mine if not p.owner]
            for owner in sorted({p.owner for p in mine} - {""}):
                parts.append(f"class {owner}:")
                parts += [
                    textwrap.indent(p.text(version, self.procedures, modules), "    ")
                    for p in mine
                    if p.owner == owner
                ]
                parts.append(f"{owner.lower()} = {owner}()")
            if any(c.how == "table" for p in self.procedures.values() for c in (*p.old, *p.new)):
                names = ", ".join(f"'{p.name}': {p.name}" for p in mine if not p.owner)
                parts.append(f"TABLE = {{{names}}}")
            texts[module] = "\n".join(parts) + "\n"
        return texts


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.integers(2, 6))
    names = [f"p{n}" for n in range(size)]
    hows = draw(st.sampled_from([["direct"], ["direct", "value", "table", "getattr"]]))
    owners = [""] if len(hows) == 1 else ["", "", "K", "L"]

    def calls() -> tuple[Call, ...]:
        targets = draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
        return tuple(Call(t, draw(st.sampled_from(hows))) for t in targets)

    procedures = {}
    for name in names:
        changes = draw(st.booleans())
        old = calls()
        new = calls() if changes and draw(st.booleans()) else old
        procedures[name] = Procedure(
            name, draw(st.sampled_from("ab")), draw(st.sampled_from(owners)), changes, old, new
        )

    def script(name: str, depth: int, thread: str) -> Script:
        steps: Script = []
        both = [c.target for c in (*procedures[name].old, *procedures[name].new)]
        for _ in range(draw(st.integers(1, 2))):
            if depth and both and draw(st.integers(0, 3)):
                target = draw(st.sampled_from(both))
                steps.append((target, script(target, depth - 1, thread)))
            else:
                steps.append(("gate", thread))
        return steps

    threads = []
    for number in range(draw(st.integers(1, 3))):
        root = draw(st.sampled_from(names))
        threads.append((root, script(root, 3, f"t{number}")))
    changed = [n for n in names if procedures[n].changes]
    together = []
    if len(changed) > 2 and draw(st.booleans()):
        together.append(draw(st.lists(st.sampled_from(changed), min_size=2, max_size=3, unique=True)))
    order = draw(st.lists(st.integers(0, 2), max_size=8))
    return Case(procedures, threads, together, order)


class Play:
    """One example in the program: the threads go from gate to gate, and after every step what has switched is compared."""

    def __init__(self, app: Quick, case: Case) -> None:
        self.app, self.case = app, case
        number = next(NUMBERS)
        self.modules = {"a": f"a{number}", "b": f"b{number}"}
        self.full = {
            p.name: f"{self.modules[p.home]}:" + (f"{p.owner}." if p.owner else "") + p.name
            for p in case.procedures.values()
        }
        self.short = {full: name for name, full in self.full.items()}
        self.threads: dict[str, bool] = {}
        self.seen = 0

    def run(self) -> None:
        app, case = self.app, self.case
        app.write(case.sources(model.OLD, self.modules))
        app.run(f"import {', '.join(self.modules.values())}\nstacks.clear(); seen.clear(); ended.clear()")
        try:
            for number, (root, script) in enumerate(case.threads):
                self.start(f"t{number}", root, script)
            app.write(case.sources(model.NEW, self.modules))
            self.update()
        finally:
            for thread in self.threads:
                app.open(thread, 50)
            for thread in self.threads:
                app.join(thread)
            app.run("sys.modules['__main__'].gates.clear()")
            app.forget(*self.modules.values())

    def start(self, thread: str, root: str, script: Script) -> None:
        procedure = case_procedure = self.case.procedures[root]
        path = f"{self.modules[case_procedure.home]}."
        path += f"{procedure.owner.lower()}." if procedure.owner else ""
        self.app.start(thread, f"go({thread!r}, {path}{root}, {script!r}, find_gate)", at=thread)
        self.threads[thread] = True

    def update(self) -> None:
        app, case = self.app, self.case
        support = "import podus\n"
        for group in case.together:
            support += f"podus.together({', '.join(repr(self.full[n]) for n in group)})\n"
        plan = app.plan(support=support if case.together else None)
        assert plan.safe, plan.refusals
        assert {self.short[p.name] for p in plan.procedures} == case.changed
        reach = {
            self.short[name]: {self.short[r] for r in plan.reach_sets[number]} - {self.short[name]}
            for name, number in plan.reaches.items()
        }
        truth = {
            name: (model.reachable(case.calls(model.NEW), name) & case.changed) - {name}
            for name in case.changed
        }
        for name, reached in truth.items():
            assert reached <= reach.get(name, set()), f"the call graph misses what {name} reaches"
            if case.plain:
                assert reached == reach.get(name, set())
        groups = [{self.short[n] for n in group.procedures} for group in plan.groups]
        update = app.evaluate(plan)
        self.compare(update, reach, groups)
        for choice in [*case.order, *[0] * 30]:
            parked = [t for t in self.threads if t not in app("list(ended)")]
            if not parked:
                break
            thread = parked[choice % len(parked)]
            app.open(thread)
            app.reached(thread)
            self.compare(update, reach, groups)
        status = app.until(update, "complete")
        assert {self.short[n] for n in status["switched"]} == case.changed

    def compare(self, update: str, reach: dict[str, set[str]], groups: list[set[str]]) -> None:
        app, changed = self.app, self.case.changed
        stacks, seen = app(f"[list(stacks.values()), seen[{self.seen}:]]")
        self.seen += len(seen)
        for stack in seen:
            assert not model.violations(stack, changed), stack
        expected = {self.full[n] for n in changed - model.active(changed, stacks, reach, groups)}
        with app.pup() as pup:
            status = pup.call("status", update=update)
            while set(status["switched"]) != expected:
                events = status["events"]
                status = pup.call("wait", update=update, seconds=PATIENCE, after=events)
                if status["events"] == events:
                    break
        assert set(status["switched"]) == expected, (stacks, status["pending"])


@LIMITS
@given(case=cases())
def test_what_switches_when_is_what_the_paper_says(app: Quick, case: Case) -> None:
    Play(app, case).run()


# ---- found by the above, smallest first


def test_a_module_imported_after_an_update_does_not_stand_in_the_way_of_the_next(program: Start) -> None:
    app = program(shop="def f(): return 1\n")
    app.replace("shop", "1", "2").update()
    app.write({"late": "X = 1\n"})
    app.run("import late")
    app.replace("shop", "2", "3").update()
    assert app("[shop.f(), late.X]") == [3, 1]


def test_asking_for_the_status_does_not_keep_a_switch_from_happening(program: Start) -> None:
    app = program(shop="def f():\n    gate('f')\n    return 1\ndef g():\n    gate('g')\n    return 1\n")
    app.start("t", "shop.f()", at="f")
    app.start("u", "shop.g()", at="g")
    app.edit(shop="def f(): return 2\ndef g(): return 2\n")
    update = app.begin()
    app.until(update, "pending")
    app.open("f")
    assert app.join("t") == 1
    for _ in range(50):
        status = app.status(update)
    app.until_switched(update, "shop:f")
    assert status["state"] == "pending"
    app.open("g")
    app.until(update, "complete")
