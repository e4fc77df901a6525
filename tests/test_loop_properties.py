"""Generated functions are moved in the middle of their loops, and do what they would have done.

Each is run plainly first, and then with exit stubs, moved at chosen arrivals at the heads of its loops to versions that differ in a number that
they note: only that number may differ, from the move on. ``PODUS_EXAMPLES=10000`` looks longer.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from itertools import pairwise
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from podus.frames.stubs import with_stubs
from podus.planning.frames import Frames as Planner
from podus.planning.model import Loop
from podus.program.code import walk
from podus.updating.frames import Frames
from podus.updating.leaving import Move
from tests.loopgrammar import Oops, TooLong, World, Writer
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
NAME = "m:make.<locals>.function"


def version(text: str, number: int, extra: str = "pass") -> str:
    """The text of one version; ``extra`` is a statement at its beginning."""
    return re.sub(r"\bNEW\b", extra, re.sub(r"\bVERSION\b", str(number), text))


def compiled(text: str) -> CodeType:
    return compile(text, "generated", "exec", dont_inherit=True)


def function_code(code: CodeType) -> CodeType:
    return next(c for c in walk(code) if c.co_qualname == NAME[2:])


class _Mapped:
    def frame_mappers(self) -> dict[str, Any]:
        return {}

    def mapper_rows(self) -> list[Any]:
        return []


def planned(old: str, new: str) -> tuple[list[Loop], list[str]]:
    """The loops at which the function moves between two texts, and why it can't at others."""
    versions = [
        SimpleNamespace(
            modules={
                "m": SimpleNamespace(
                    procedures={NAME[2:]: function_code(compiled(t))}, source=t.encode(), code=compiled(t)
                )
            }
        )
        for t in (old, new)
    ]
    plan = SimpleNamespace(policy="podus")
    nothing = SimpleNamespace(library=lambda *_: "")
    derived = SimpleNamespace(old=nothing, new=nothing)
    compiler: Any = SimpleNamespace(old=versions[0], new=versions[1], plan=plan, derived=derived)
    mapped: Any = _Mapped()
    there, _, reasons = Planner(compiler, mapped, {}).of(NAME)
    return there, reasons


class Moved:
    """A function that moves on to the next version at chosen arrivals at the heads of its loops, as far as there are versions."""

    def __init__(self, texts: list[str], arrivals: Iterable[int], world: World) -> None:
        self.world = world
        self.arrivals = set(arrivals)
        self.count = 0
        # Where in the trace each version began.
        self.begun: list[tuple[int, int]] = [(0, 0)]
        self.frames: list[Frames] = []
        self.code = with_stubs(compiled(texts[0]))
        codes = [function_code(self.code)]
        for number, (old, new) in enumerate(pairwise(texts), 1):
            there, _ = planned(old, new)
            code = function_code(with_stubs(compiled(new)))
            frames = self.make(number)
            frames.add(there, {NAME: codes}, {NAME: code}, lambda _: None)
            codes = [code, *frames.codes(NAME)]
            self.frames.append(frames)
        self._once = False

    def make(self, number: int) -> Frames:
        """What moves frames to the version ``number``, from now on."""
        return _Counting(self, number)

    def begin(self) -> None:
        """The function is about to run."""
        for frames in self.frames:
            frames.arm([NAME])

    def between(self) -> None:
        """It has suspended itself."""

    def watch(self) -> None:
        """Python 3.11 sees only the threads that are in watched code when somebody looks."""
        if not self._once:
            self._once = True
            looks = threading.Thread(target=lambda: [f.refresh() for f in self.frames])
            looks.start()
            looks.join()

    def end(self) -> None:
        for frames in self.frames:
            frames.disarm()


class _Noting(Frames):
    def __init__(self, run: Moved, number: int) -> None:
        self.run, self.number = run, number
        super().__init__(lambda _: True, lambda: None, run.world.tell)

    @property
    def moved(self) -> int:
        """How many frames have moved: set when one has left."""
        return self._moved

    @moved.setter
    def moved(self, value: int) -> None:
        self._moved = value
        if value:
            self.run.begun.append((len(self.run.world.trace), self.number))


class _Counting(_Noting):
    def arrive(self, frame: FrameType, move: Move) -> None:
        self.run.count += 1
        if self.run.count in self.run.arrivals:
            super().arrive(frame, move)


class Opened(Moved):
    """One that moves on to the next version whenever it comes to the head of a loop, once it has suspended itself so many times: the chosen ``arrivals``."""

    def make(self, number: int) -> Frames:
        return _Noting(self, number)

    def begin(self) -> None:
        pass

    def between(self) -> None:
        self.count += 1
        # The next one opens when the one before has been left.
        goal = self.begun[-1][1]
        if self.count in self.arrivals and goal < len(self.frames):
            frames = self.frames[goal]
            frames.arm([NAME])
            if not frames.open(NAME):
                # A variable that the new version reads is not bound yet, or not for good.
                frames.disarm()
                self.arrivals = set()

    def watch(self) -> None:
        pass


def run(
    code: CodeType, kind: str, world: World, between: Callable[[], None] = lambda: None
) -> tuple[Any, ...]:
    """What a function gives or raises, and yields, when it is run to its end; ``between`` is called when it has suspended itself."""
    names: dict[str, Any] = {"Oops": Oops}
    exec(code, names)
    function, plain = names["make"](world)
    calls: dict[str, Any] = {}
    parameters = function.__code__.co_posonlyargcount + function.__code__.co_argcount
    result: tuple[Any, ...]
    steps: list[Any] = []
    try:
        if kind == "def":
            value = function(*[world.token()] if parameters else [], **calls)
        else:
            made = function(*[world.token()] if parameters else [])
            send = None
            while True:
                try:
                    steps.append(made.send(send))
                    plain()
                    between()
                except StopIteration as stop:
                    value = stop.value
                    break
                send = world.number()
                if send == 3 and world.maybe():
                    # A generator is ended, or made to raise, in the middle.
                    if world.maybe():
                        steps.append(made.throw(Oops("thrown")))
                    else:
                        value = ["closed"]
                        while True:
                            try:
                                made.close()
                                break
                            except RuntimeError:
                                # It has caught that, and waits on.
                                value.append("not yet")
                        break
        result = ("value", value)
    except StopIteration as stop:
        result = ("value", stop.value)
    except (Oops, TooLong) as error:
        rows = traceback.extract_tb(error.__traceback__)
        # An exception that is raised again where a block ends has one row more for it.
        result = ("raised", type(error).__name__, str(error), [(row.name, row.lineno) for row in rows])
        error.__traceback__ = None
    return (*result, steps)


def check(
    text: str, kind: str, seed: int, arrivals: list[int], extras: list[str], way: type[Moved] = Moved
) -> Moved:
    texts = [version(text, 0), *(version(text, n, e) for n, e in enumerate(extras, 1))]
    plainly = World(seed, 25)
    expected = run(compiled(texts[0]), kind, plainly)
    world = World(seed, 25)
    moved = way(texts, arrivals, world)
    world.logged = moved.watch
    moved.begin()
    try:
        got = run(moved.code, kind, world, moved.between)
    finally:
        moved.end()
    for n, t in enumerate(texts):
        note(f"--- {n}\n{t}")
    note(f"begun {moved.begun}, {moved.count} arrivals, chosen {arrivals}, seed {seed}")
    assert seen(world, way) == seen(plainly, way)
    for position, (number, _) in enumerate(world.trace):
        wanted = max(n for at, n in moved.begun if at <= position)
        assert number in (-1, wanted), (position, world.trace[position])
    last = moved.begun[-1][1]
    assert unversioned(got, last) == unversioned(expected, 0)
    return moved


def seen(world: World, way: type[Moved]) -> list[Any]:
    """What was noted; but on Python 3.11, where the thread is traced, not when an object went: tracing holds a frame a little longer."""
    everything = [what for _, what in world.trace]
    return (
        everything
        if sys.version_info >= (3, 12) or way is Opened
        else [w for w in everything if w[:1] != ("gone",)]
    )


def unversioned(result: tuple[Any, ...], number: int) -> Any:
    kind, *rest = result
    if kind == "value" and isinstance(rest[0], tuple):
        assert rest[0][0] == number
        return kind, rest[0][1:]
    if kind == "raised":
        return kind, rest[0], rest[1], rest[2]
    return kind, rest[0]


@LIMITS
@given(data=st.data(), kind=st.sampled_from(["def", "generator", "async"]), seed=st.integers(0, 2**32))
def test_a_moved_function_does_what_it_would_have_done(data: st.DataObject, kind: str, seed: int) -> None:
    pick = lambda n: data.draw(st.integers(0, n - 1))  # noqa: E731
    text = Writer(pick, kind, 14).text()
    arrivals = sorted(data.draw(st.sets(st.integers(1, 25), min_size=1, max_size=4)))
    extras = [data.draw(st.sampled_from(["pass", "new = 5", "before = []; new = 6"])) for _ in arrivals]
    MOVES.append(len(check(text, kind, seed, arrivals, extras).begun) - 1)


@settings(LIMITS, max_examples=max(1, EXAMPLES // 2))
@given(data=st.data(), kind=st.sampled_from(["generator", "async"]), seed=st.integers(0, 2**32))
def test_one_that_is_suspended_moves_when_it_comes_round(data: st.DataObject, kind: str, seed: int) -> None:
    pick = lambda n: data.draw(st.integers(0, n - 1))  # noqa: E731
    text = Writer(pick, kind, 14).text()
    first = data.draw(st.integers(1, 2))
    chosen = list(range(first, first + data.draw(st.integers(1, 4))))
    extras = [data.draw(st.sampled_from(["pass", "new = 5", "before = []; new = 6"])) for _ in chosen]
    OPENED.append(len(check(text, kind, seed, chosen, extras, Opened).begun) - 1)


MOVES: list[int] = []
OPENED: list[int] = []
