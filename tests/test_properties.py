"""Generated programs: the algorithm against the model of the paper, and updated modules against freshly imported ones.

One program lives through all examples of a test; every example has modules of its own in it, and the planner runs in the test's process.
``PODUS_EXAMPLES=1000`` looks longer.
"""

from __future__ import annotations

import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from tests.sizes import size

EXAMPLES = size("PODUS_EXAMPLES", 40)
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


@contextmanager
def quick() -> Iterator[Quick]:
    """A program that examples are tried in, one after the other."""
    # In memory, where there is such a place: the log is written through to the disk.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    before = os.environ.get("PODUS_HOME")
    with tempfile.TemporaryDirectory(prefix="podus-", dir=place, ignore_cleanup_errors=True) as home:
        os.environ["PODUS_HOME"] = home
        root = Path(home, "app")
        root.mkdir()
        started = Quick(root, Path(home), {}, [])
        try:
            started.run(
                textwrap.dedent(SETTING)
                + textwrap.dedent(DESCRIBE)
                + "find_gate = sys.modules['__main__'].find_gate\n"
            )
            yield started
        finally:
            started.close()
            if before is None:
                del os.environ["PODUS_HOME"]
            else:
                os.environ["PODUS_HOME"] = before


@pytest.fixture(scope="module")
def app() -> Iterator[Quick]:
    with quick() as started:
        yield started


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
    """A program in two versions, what its threads do, which procedures depend on each other, and which gate opens when.

    ``back`` is the step after which the update is backed out, if it is.
    """

    procedures: dict[str, Procedure]
    threads: list[tuple[str, Script]]
    together: list[list[str]]
    order: list[int]
    back: int | None = None

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
    return Case(procedures, threads, together, order, draw(st.sampled_from([None, None, 0, 1, 2])))


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
        for step, choice in enumerate([*case.order, *[0] * 30]):
            if step == case.back and len(app.status(update)["switched"]) < len(case.changed):
                self.back_out(update, plan, groups, case.order[step:])
                return
            parked = [t for t in self.threads if t not in app("list(ended)")]
            if not parked:
                break
            thread = parked[choice % len(parked)]
            app.open(thread)
            app.reached(thread)
            self.compare(update, reach, groups)
        status = app.until(update, "complete")
        assert {self.short[n] for n in status["switched"]} == case.changed

    def back_out(self, update: str, plan: Plan, groups: list[set[str]], order: list[int]) -> None:
        """The way back is by the same rule: what switched goes back unless its new version, or what its old one reaches, is active."""
        app, changed = self.app, self.case.changed
        reach = {name: changed - {name} for name in changed}
        if plan.back_reaches is not None:
            reach = {
                self.short[name]: {self.short[r] for r in plan.back_sets[number]} - {self.short[name]}
                for name, number in plan.back_reaches.items()
            }
        switched = {self.short[n] for n in app.status(update)["switched"]}
        app.back_out(update)
        for choice in [*order, *[0] * 30]:
            stacks = app("list(stacks.values())")
            left = model.active(switched, stacks, reach, groups, leaving=model.NEW)
            self.settle(update, {self.full[n] for n in left}, stacks)
            parked = [t for t in self.threads if t not in app("list(ended)")]
            if not parked:
                break
            app.open(parked[choice % len(parked)])
            app.reached(parked[choice % len(parked)])
        app.until(update, "backed-out")

    def compare(self, update: str, reach: dict[str, set[str]], groups: list[set[str]]) -> None:
        app, changed = self.app, self.case.changed
        stacks, seen = app(f"[list(stacks.values()), seen[{self.seen}:]]")
        self.seen += len(seen)
        for stack in seen:
            assert not model.violations(stack, changed), stack
        expected = {self.full[n] for n in changed - model.active(changed, stacks, reach, groups)}
        self.settle(update, expected, stacks)

    def settle(self, update: str, expected: set[str], stacks: Any) -> None:
        """Wait until just these are in the new version."""
        with self.app.pup() as pup:
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


# ---- edits of a module

DESCRIBE = '''
    import functools, inspect, re, types, warnings
    warnings.simplefilter('ignore')  # coroutines that nobody awaits

    def tried(function, *args):
        """What a call gives, in a form that can be compared: generators and coroutines are run to their end."""
        try:
            value = function(*args)
            if inspect.isgenerator(value):
                value = list(value)
            elif inspect.iscoroutine(value):
                try:
                    value.send(None)
                except StopIteration as end:
                    value = end.value
            if isinstance(value, types.FunctionType):
                return ["function", tried(value)]
            return plain(value)
        except Exception as error:
            return [type(error).__name__, str(error)]

    def plain(value):
        if isinstance(value, (list, tuple)) and any(map(callable, value)):
            return [tried(item) if callable(item) else plain(item) for item in value]
        return re.sub(" at 0x[0-9a-f]+", "", repr(value))

    def shape(value):
        if isinstance(value, (staticmethod, classmethod)):
            return [type(value).__name__, shape(value.__func__)]
        if isinstance(value, property):
            return ["property", *map(shape, (value.fget, value.fset)), value.__doc__]
        if isinstance(value, functools.cached_property):
            return ["cached_property", shape(value.func)]
        if isinstance(value, types.FunctionType) or hasattr(value, "cache_clear"):
            signature = inspect.signature(value)
            required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind < 2]
            inner = inspect.unwrap(value)
            row = [str(signature), value.__doc__, value.__name__, value.__qualname__, value.__module__]
            row += [sorted(inner.__dict__), inner.__code__.co_firstlineno]
            if not required or required[0].name not in ("self", "cls"):
                row += [tried(value, *range(len(required))), tried(value, *range(len(required) + 1))]
            return row
        if isinstance(value, type):
            own = {"__dict__", "__weakref__", "__firstlineno__", "__static_attributes__"}
            parts = {n: shape(v) for n, v in sorted(vars(value).items()) if n not in own and "annot" not in n}
            return [value.__qualname__, [b.__name__ for b in value.__mro__], parts, behaviour(value)]
        return plain(value)

    def behaviour(cls, thing=None):
        """What an object's parts give when they are used."""
        if thing is None:
            thing = cls()
        found = {}
        for name in sorted(dir(cls)):
            if not name.startswith("__"):
                member = getattr(thing, name)
                found[name] = tried(member, 5) if callable(member) else plain(member)
        return found

    def clear(module, names):
        """Empty the caches of procedures that did not change: what they hold was computed from what did."""
        for name in names:
            value = vars(module)[name]
            for part in [value, *(vars(value).values() if isinstance(value, type) else ())]:
                if hasattr(part, "cache_clear"):
                    part.cache_clear()

    def describe(module):
        # Annotations of names that are gone stay.
        skip = ("__builtins__", "__cached__", "__loader__", "__spec__", "__file__")
        return {n: shape(v) for n, v in sorted(vars(module).items()) if n not in skip and "annot" not in n}

    def fresh(name, text, file, state):
        module = types.ModuleType(name)
        module.__file__ = file
        module.__package__ = ""
        was = sys.modules.get(name)
        sys.modules[name] = module
        try:
            exec(compile(text, file, "exec", dont_inherit=True), module.__dict__)
        finally:
            sys.modules[name] = was
        vars(module).update(state)
        return module
'''

LITERALS = st.one_of(
    st.integers(-3, 300),
    st.sampled_from(["", "a", "b"]),
    st.tuples(st.integers(0, 2)),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 2), max_size=2),
    st.none(),
    st.booleans(),
    st.just(0.0),
)
DECORATORS = [
    "",
    "@mark",
    "@count(2)",
    "@count(3)",
    "@functools.lru_cache",
    "@functools.lru_cache(maxsize=4)",
]
CONSTANTS = ["A", "B", "C"]
HEAD = """\
import functools

LOG = []

def mark(function):
    function.marked = True
    return function

def count(times):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return [function(*args, **kwargs)] * times
        return wrapper
    return decorate
"""


@st.composite
def parameters(draw: st.DrawFn, first: str = "") -> str:
    words = [first] if first else []
    words += draw(
        st.sampled_from([[], ["x"], ["x", "y=1"], ["x=[1]"], ["*", "k=2"], ["x: int = 3"], ["*rest"]])
    )
    return ", ".join(words)


@st.composite
def functions(draw: st.DrawFn, name: str, first: str = "", bare: bool = False) -> str:
    decorator = "" if bare else draw(st.sampled_from(DECORATORS))
    literal = repr(draw(LITERALS))
    body = draw(
        st.sampled_from(
            [
                f"return {literal}",
                f"return ({literal}, A)",
                "return helper(1)",
                f"yield {literal}\n    yield B",
                f"'''A docstring'''\n    return [C, {literal}]",
                f"def inner(): return ({literal}, A)\n    return inner",
                f"return (lambda: {literal})",
                f"return [n for n in range(3) if n != {literal}]",
                f"try:\n        return A[0]\n    except TypeError as error:\n        return str(error) + repr({literal})",
            ]
        )
    )
    word = (
        "async def"
        if draw(st.integers(0, 5)) == 0 and "yield" not in body and "cache" not in decorator
        else "def"
    )
    comment = draw(st.sampled_from(["", "    # why\n", "\n"]))
    result = draw(st.sampled_from(["", " -> int"]))
    head = f"{decorator}\n" if decorator else ""
    return f"{head}{word} {name}({draw(parameters(first))}){result}:\n{comment}    {body}"


@st.composite
def members(draw: st.DrawFn, name: str) -> str:
    kind = draw(
        st.sampled_from(["data", "data", "method", "method", "property", "static", "class", "cached"])
    )
    if kind == "data":
        note = draw(st.sampled_from(["", ": object"]))
        return f"{name}{note} = {draw(LITERALS)!r}"
    if kind == "method":
        return draw(functions(name, "self"))
    if kind == "property":
        return "@property\n" + f"def {name}(self):\n    return {draw(LITERALS)!r}"
    if kind == "cached":
        return "@functools.cached_property\n" + f"def {name}(self):\n    return {draw(LITERALS)!r}"
    first = "cls" if kind == "class" else ""
    return f"@{kind}method\n" + draw(functions(name, first, bare=True))


@st.composite
def classes(draw: st.DrawFn, name: str) -> str:
    decorator = draw(st.sampled_from(["", "", "", "@functools.total_ordering\n"]))
    lines = [f"{decorator}class {name}{draw(st.sampled_from(['', '', '(Base)']))}:"]
    if draw(st.booleans()):
        lines.append(f"    '''{draw(st.sampled_from(['One', 'Two']))}'''")
    if decorator:
        lines.append("    def __lt__(self, other): return False")
    lines.append(f"    def __init__(self): self.field = {draw(LITERALS)!r}")
    for attribute in draw(st.lists(st.sampled_from("mnop"), max_size=3, unique=True)):
        lines.append(textwrap.indent(draw(members(attribute)), "    "))
    if draw(st.integers(0, 3)) == 0:
        lines.append("    def super_(self): return super().__hash__ is not None")
    return "\n".join(lines)


@st.composite
def items(draw: st.DrawFn, name: str) -> str:
    kind = draw(st.sampled_from(["def", "def", "class", "class", "data", "lambda"]))
    if kind == "def":
        return draw(functions(name))
    if kind == "class":
        return draw(classes(name))
    if kind == "lambda":
        return f"{name} = lambda x={draw(LITERALS)!r}: (x, {draw(LITERALS)!r})"
    note = draw(st.sampled_from(["", "", ": object"]))
    return f"{name}{note} = {draw(st.one_of(LITERALS.map(repr), st.sampled_from(['(A, 1)', '[B, C]', 'helper(2)'])))}"


@dataclass
class Edit:
    """A module in two versions: the text of each top-level item by its name, and what the program does to the data of the old one."""

    old: dict[str, str]
    new: dict[str, str]
    statements: list[list[int]]
    modified: list[str]

    @staticmethod
    def text(parts: dict[str, str], statements: list[int]) -> str:
        lines = [HEAD, "class Base:\n    b = 1\n    def base(self, x=1): return ('base', x)\n"]
        lines += [parts[name] for name in CONSTANTS]
        lines.append(parts["helper"])
        lines += [text for name, text in parts.items() if name not in CONSTANTS and name != "helper"]
        lines += [f"LOG.append({n})" for n in statements]
        return "\n\n".join(lines) + "\n"


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    names = ["f", "g", "K", "L", "data"]
    old = {name: f"{name} = {draw(LITERALS)!r}" for name in CONSTANTS}
    old["helper"] = f"def helper(x):\n    return ({draw(LITERALS)!r}, x)"
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True)):
        old[name] = draw(items(name))
    new = dict(old)
    for name in draw(st.lists(st.sampled_from([*old, *names]), min_size=1, max_size=4, unique=True)):
        if name in CONSTANTS:
            new[name] = f"{name} = {draw(LITERALS)!r}"
        elif name == "helper":
            new[name] = f"def helper(x):\n    return ({draw(LITERALS)!r}, x, 1)"
        elif name in new and draw(st.integers(0, 4)) == 0:
            del new[name]
        else:
            new[name] = draw(items(name))
    if draw(st.booleans()):
        new = dict(draw(st.permutations(list(new.items()))))
    first = draw(st.lists(st.integers(0, 9), max_size=2, unique=True))
    second = [*first, *draw(st.lists(st.integers(10, 19), max_size=2, unique=True))]
    second = [n for n in second if n > 9 or draw(st.integers(0, 3))]
    # What others are computed from stays as the module set it.
    text = Edit.text(old, []) + Edit.text(new, [])
    free = [
        n for n in CONSTANTS if f"({n}, 1)" not in text and f"[{n}, " not in text and f", {n}]" not in text
    ]
    modified = draw(st.lists(st.sampled_from(free), max_size=1)) if free else []
    return Edit(old, new, [first, second], modified)


def differ(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Compare two descriptions; an AssertionError shows what differs, and no more."""
    names = [n for n in {**found, **wanted} if found.get(n) != wanted.get(n)]
    assert not names, {n: (found.get(n), wanted.get(n)) for n in names}


class Check:
    """One edit carried out: the updated module against a fresh one, and backed out against what it was."""

    def __init__(self, app: Quick, edit: Edit) -> None:
        self.app, self.edit = app, edit
        number = next(NUMBERS)
        self.name, self.user = f"m{number}", f"u{number}"

    def run(self) -> None:
        app, edit, name = self.app, self.edit, self.name
        old, new = edit.text(edit.old, edit.statements[0]), edit.text(edit.new, edit.statements[1])
        imported = ", ".join(edit.old)
        app.write({name: old, self.user: f"from {name} import {imported}\n"})
        app.run(f"import {name}, {self.user}")
        try:
            for datum in edit.modified:
                app.run(f"{name}.{datum} = 'modified'")
            kinds = "(types.FunctionType, type)"
            app.run(
                f"before = {{n: v for n, v in vars({name}).items() if isinstance(v, {kinds}) and not hasattr(v, '__wrapped__')}}"
            )
            app.run("objects = {n: v() for n, v in before.items() if isinstance(v, type)}")
            was = app(f"describe({name})")
            app.write({name: new})
            plan = app.plan()
            # (An update with nothing to do is none that could be backed out.)
            if not plan.safe or plan.empty:
                return
            status = app.until(app.evaluate(plan), "complete", "failed")
            if status["state"] == "failed":
                # All or nothing; and nothing but what the interpreter can't do.
                assert "can't be changed in place" in status["reason"], status
                differ(app(f"describe({name})"), was)
                return
            told = [d.name.partition(":")[2] for d in plan.data if d.action == "keep"]
            kept = [
                n
                for n in edit.modified
                if n in edit.new and not edit.new[n].startswith(("def", "class", "@"))
            ]
            assert {n for n in kept if edit.old[n] != edit.new[n]} <= set(told)
            kept = list(dict.fromkeys([*kept, *(n for n in told if "." not in n)]))
            # Data that the program has not modified is as a fresh module's, whichever of its statements are gone.
            log = edit.statements[1]
            if "LOG" in told:
                kept.remove("LOG")
                log = edit.statements[0] + [n for n in log if n not in edit.statements[0]]
            state = ", ".join([f"'LOG': {log!r}", *(f"{n!r}: {name}.{n}" for n in kept)])
            file = str(app.root / f"{name}.py")
            app.run(f"there = fresh({name!r}, {new!r}, {file!r}, {{{state}}})")
            unchanged = [
                n for n, text in edit.new.items() if edit.old.get(n) == text or text.startswith("class")
            ]
            app.run(f"clear({name}, {unchanged!r})")
            differ(app(f"describe({name})"), app("describe(there)"))
            self.identities()
            plan = app.plan(back_out=True)
            assert plan.safe, plan.refusals
            app.until(app.evaluate(plan), "complete")
            app.run(f"clear({name}, {[n for n in unchanged if n in edit.old]!r})")
            # What new statements did stays done: the log of what was run is no part of the code.
            again = app(f"describe({name})")
            again.pop("LOG"), was.pop("LOG")
            differ(again, was)
        finally:
            app.run("before = objects = there = None")
            app.forget(name, self.user)

    def identities(self) -> None:
        """Functions, classes and objects that were held before are the new version's; so is what was imported by name."""
        app, name = self.app, self.name
        same = [n for n in self.edit.old if n in self.edit.new and n not in self.edit.modified]
        rows = app(
            f"[[n, shape(vars({name})[n]), shape(vars({self.user})[n])] for n in {same!r}]",
        )
        assert [r[:2] for r in rows] == [[r[0], r[2]] for r in rows]
        # An object that was made before has the new class's behaviour, but for what its own fields say.
        rows = app(
            f"[[n, behaviour(vars({name})[n], objects[n]), behaviour(there.__dict__[n])] for n in objects"
            f" if isinstance(vars({name}).get(n), type) and type(objects[n]) is vars({name})[n]]"
        )
        assert [r[:2] for r in rows] == [[r[0], r[2]] for r in rows]
        plain = [n for n, text in self.edit.old.items() if text.startswith(("def", "class"))]
        plain = [
            n
            for n in plain
            if self.edit.new.get(n, "").partition(" ")[0] == self.edit.old[n].partition(" ")[0]
        ]
        assert app(f"[n for n in {plain!r} if vars({name})[n] is not before[n]]") == []


@LIMITS
@given(edit=edits())
def test_an_updated_module_is_as_one_that_was_imported_anew(app: Quick, edit: Edit) -> None:
    Check(app, edit).run()


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


def test_lambdas_are_told_apart_by_the_statements_they_stand_in(program: Start) -> None:
    app = program(shop="first = lambda: 1\nsecond = lambda: 2\nthird = lambda: 3\n")
    app.edit(shop="second = lambda: 1\nthird = lambda: 4\n").update()
    assert app("[shop.second(), shop.third(), hasattr(shop, 'first')]") == [1, 4, False]


def test_of_statements_that_differ_only_in_their_lambdas_the_new_one_runs(program: Start) -> None:
    app = program(shop="calls = []\ncalls.append(lambda: 1)\ncalls.append(lambda: 2)\n")
    app.run("shop.calls.append(lambda: 9)")
    app.replace(
        "shop", "calls.append(lambda: 1)", "calls.append(lambda: 0)\ncalls.append(lambda: 1)"
    ).update()
    assert app("[f() for f in shop.calls]") == [1, 2, 9, 0]


def test_a_docstring_that_is_gone_is_gone(program: Start) -> None:
    app = program(shop="'Module'\nclass C:\n    'Class'\n    A = 1\n")
    app.edit(shop="class C:\n    A = 1\n").update()
    assert app("[shop.__doc__, shop.C.__doc__, shop.C.A]") == [None, None, 1]
