"""Who holds a procedure, in words that a person can act on: the thread, the task, or where a suspended generator is kept.

Only for whoever wants to know: nothing here decides about a switch. It looks where that costs the program nothing (asyncio's own list of tasks, the
names of modules and of running frames) and never lists the heap.
"""

from __future__ import annotations

import gc
import sys
import time
from types import AsyncGeneratorType, CoroutineType, GeneratorType, ModuleType

from podus.updating import greenlets
from podus.updating.binding import each_frame, stacks
from podus.updating.find import is_finished
from podus.updating.reach import frames, locals_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import FunctionType
    from typing import Any

    from podus.updating.activity import Activity

# The chain from a task to what it awaits is no longer than that.
_DEEP = 200
# What a suspended thing waits for.
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")
_SUSPENDED = (GeneratorType, CoroutineType, AsyncGeneratorType)
_STEPS = ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable")


class Holders:
    """The holders of all procedures as they are now: one look at the stacks, one at the tasks."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._names = thread_names()
        self._on_stacks: dict[str, list[dict[str, Any]]] = {}
        self._stacks = stacks()
        for ident, stack in self._stacks.items():
            self._read(ident, stack)
        self._asleep: dict[str, list[tuple[str, int, Any]]] = {}
        for kind, name, line, reference in activity.asleep_rows():
            if not is_finished(reference):
                self._asleep.setdefault(name, []).append((kind, line, reference))
        self._within: dict[int, Any] | None = None
        self._places: dict[int, str] | None = None

    def _read(self, ident: int, stack: list[tuple[Any, int, int]]) -> None:
        found: dict[str, dict[str, Any]] = {}
        for code, line, _ in stack:
            name = self._activity.codes.get(id(code))
            if name in found:
                found[name]["depth"] += 1
            elif name is not None:
                thread = self._names.get(ident, str(ident))
                found[name] = {
                    "kind": "thread",
                    "thread": thread,
                    "ident": ident,
                    "procedure": name,
                    "line": line,
                    "depth": 1,
                }
        for name, row in found.items():
            self._on_stacks.setdefault(name, []).append(row)

    def of(self, name: str) -> list[dict[str, Any]]:
        """Who is in ``name``: kind, thread, procedure, line, and since when at the latest (``at_least``: podus did not see it begin)."""
        rows = [dict(row) for row in self._on_stacks.get(name, ())]
        for kind, line, reference in self._asleep.get(name, ()):
            row = {"kind": kind, "thread": f"a suspended {kind}", "ident": 0, "procedure": name, "line": line}
            thing = reference()
            if thing is not None:
                row |= self._kept_by(thing)
            del thing
            rows.append(row)
        since = self._activity.since(name)
        for row in rows:
            row["since"], row["at_least"] = since or time.time(), since == self._activity.first_look
        return rows

    def using(self, functions: Iterable[FunctionType]) -> list[dict[str, Any]]:
        """Who is in functions that need not change: they use what is converted."""
        codes = {id(f.__code__): f"{f.__module__}:{f.__qualname__}" for f in functions}
        return [
            {
                "kind": "thread",
                "thread": self._names.get(ident, str(ident)),
                "ident": ident,
                "procedure": codes[id(code)],
                "line": line,
                "depth": 1,
                "since": time.time(),
                "at_least": False,
            }
            for ident, stack in self._stacks.items()
            for code, line, _ in stack
            if id(code) in codes
        ]

    def _kept_by(self, thing: Any) -> dict[str, Any]:
        """The task that a suspended activation belongs to; or the name under which it is kept."""
        task = self._tasks().get(id(thing))
        if task is not None:
            return {"task": task.get_name(), "thread": f"the task {task.get_name()}"}
        if self._places is None:
            wanted = {id(r()) for rows in self._asleep.values() for _, _, r in rows}
            self._places = named_places(wanted.difference(self._tasks()))
        place = self._places.get(id(thing))
        return {"kept": place} if place else {}

    def _tasks(self) -> dict[int, Any]:
        """What each of asyncio's tasks is in the middle of, by id."""
        if self._within is None:
            self._within = {id(thing): task for thing, task in tasks_within()}
        return self._within


def tasks_within() -> Iterator[tuple[Any, Any]]:
    """What each of asyncio's tasks is in the middle of, with the task: the chain of what it awaits, and what that goes through in a loop."""
    for task in _all_tasks():
        for thing, inside in chain(task):
            yield thing, task
            for each in inside:
                yield each, task


def chain(task: Any) -> Iterator[tuple[Any, list[Any]]]:
    """What a task is in the middle of, from the outermost: each thing awaits the next. With each what it goes through in a loop."""
    thing: Any = None if task.done() else task.get_coro()
    for _ in range(_DEEP):
        if thing is None:
            break
        # What it goes through in a loop lies on its value stack.
        inside = [r for r in gc.get_referents(thing) if type(r) in _SUSPENDED]
        yield thing, inside
        known = [name for name in _AWAITED if hasattr(thing, name)]
        if known:
            thing = getattr(thing, known[0])
        else:
            # A step of an async generator does not say whose it is, but refers to it.
            thing = inside[0] if inside and type(thing).__name__ in _STEPS else None


def _all_tasks() -> list[Any]:
    tasks: Any = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return []
    found: dict[int, Any] = {}
    for name in ("_all_tasks", "_scheduled_tasks"):
        # The set behind the WeakSet, copied in one call: tasks are made meanwhile.
        references = list(getattr(getattr(tasks, name, None), "data", ()))
        found |= {id(task): task for task in (reference() for reference in references) if task is not None}
    found |= {id(task): task for task in list(getattr(tasks, "_eager_tasks", ()))}
    if sys.version_info >= (3, 14):
        # They are kept in C now, and asked for by their loop.
        for loop in running_loops():
            found |= {id(task): task for task in tasks.all_tasks(loop)}
    return [task for task in found.values() if hasattr(task, "get_coro") and hasattr(task, "get_name")]


def running_loops() -> list[Any]:
    """The event loops that threads run just now."""
    running = [frame for frame in frames(globals()) if frame.f_code.co_name == "run_forever"]
    found = [locals_of(frame).get("self") for frame in running]
    return [loop for loop in found if loop is not None]


def named_places(wanted: set[int]) -> dict[int, str]:
    """Names that lead to suspended generators, given by their ids: in a module, or in a procedure that runs."""
    found: dict[int, str] = {}
    if not wanted:
        return found
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()) if isinstance(module, ModuleType) else ():
            if id(value) in wanted:
                found.setdefault(id(value), f"{module.__name__}.{name}")
    names = thread_names()
    for ident, frame in each_frame():
        if frame.f_globals is not globals():
            for name, value in locals_of(frame).items():
                if id(value) in wanted:
                    code = f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"
                    found.setdefault(id(value), f"{name} of {code} in {names.get(ident, ident)}")
    return found


def thread_names() -> dict[int, str]:
    """Names of the program's threads, and of its greenlets; the modules that name them are not imported for it."""
    # The program may have a threading.py of its own.
    active: dict[int, Any] = getattr(sys.modules.get("threading"), "_active", {})
    names = {ident: thread.name for ident, thread in list(active.items())}
    return names | {number: name for number, (name, _) in greenlets.named().items()}
