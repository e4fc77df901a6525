"""Which version each transaction belongs to, while both serve side by side.

Whatever was under way at one instant belongs to the version before it, whatever began later to the other one.
"""

from __future__ import annotations

import sys
from itertools import chain, starmap, tee
from operator import itemgetter
from types import FrameType
from weakref import ReferenceType

from podus.program.control import can_come_to
from podus.threads import RLock, get_ident
from podus.updating.binding import HANDED_OVER, each_stack
from podus.updating.heirs import Heirs
from podus.updating.holders import chain as chain_of
from podus.updating.holders import running_loops, thread_names
from podus.updating.requests import entries, request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from podus.updating.binding import Op

_SUSPENDS = 0x20 | 0x80
# In place of the activation that is a task's transaction: it was running when it was looked for.
_RUNNING = object()
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")


class Sides:
    """``looping`` is code in whose loops each iteration is a transaction, by id, and the offsets at which one begins; ``changed`` are the ids of all that
    changes; ``of_program`` says whether a module of that name is the program's.
    """

    def __init__(
        self, looping: dict[int, set[int]], changed: set[int], of_program: Callable[[str], bool]
    ) -> None:
        self._looping = looping
        self._changed = changed
        self._of_program = of_program
        self._servers = entries()
        self._lock = RLock()
        # On the way forward those that were under way are old; on the way back, new.
        self._back = False
        # What was under way at the instant: whole stacks by thread, tasks, transactions of podus.transaction; sorted out a little later.
        self._taken: list[tuple[int, tuple[FrameType, ...]]] = []
        self._tasks_taken: list[Any] = []
        self._numbers: set[int] = set()
        self._sorted = True
        # Thread -> the activation that is its transaction; the same for tasks, by id. None: all of the task is one.
        self._threads: dict[int, FrameType] = {}
        self._tasks: dict[int, tuple[Any, Any]] = {}
        # What these have others do.
        self._heirs = Heirs()
        # The same of the way forward, on the way back.
        self._before: tuple[dict[int, FrameType], dict[int, Any], set[int], Heirs] = ({}, {}, set(), Heirs())

    def capture(self) -> list[Op]:
        """The operations that note what is under way, for the instant at which both versions begin to serve."""
        items, again = tee(chain.from_iterable(map(dict.items, starmap(sys._current_frames, [()]))))
        stacks = zip(
            map(itemgetter(0), items), map(tuple, each_stack(map(itemgetter(1), again))), strict=False
        )
        ops: list[Op] = [(list.extend, self._taken, stacks)]
        numbers: set[int] = set()
        for known in _known_tasks():
            ops.append((list.extend, self._tasks_taken, known))
        declared: Any = sys.modules.get("podus.transaction")
        if declared is not None:
            ops.append((set.update, numbers, declared.UNDER_WAY))
        # All of it at that instant: who looks a moment before must not take this for sorted out already.
        return [*ops, (setattr, self, "_numbers", numbers), (setattr, self, "_sorted", False)]

    def turn_round(self) -> list[Op]:
        """The same for the way back: what is in the new version by now ends in it, and what begins is old."""
        self._sort()
        return [
            (setattr, self, "_before", (self._threads, self._tasks, self._numbers, self._heirs)),
            (setattr, self, "_heirs", Heirs()),
            (setattr, self, "_threads", {}),
            (setattr, self, "_tasks", {}),
            *self.capture(),
            (setattr, self, "_back", True),
        ]

    # ---- in the program's threads

    def in_old(self) -> bool:
        """Whether the caller's transaction belongs to the old version."""
        return self._under_way() is not self._back

    def turned(self, frame: FrameType) -> None:
        """A transaction ends: the frame is about to begin the next iteration of its endless loop."""
        self._sort()
        if frame.f_code.co_flags & _SUSPENDS:
            task = _task()
            if task is not None:
                self._tasks.pop(id(task), None)
            self._heirs.end()
            return
        thread = get_ident()
        if self._threads.get(thread) is frame:
            self._threads.pop(thread, None)

    def _under_way(self) -> bool:
        self._sort()
        declared: Any = sys.modules.get("podus.transaction")
        if declared is not None:
            number = declared.CURRENT.get(0)
            if number in declared.UNDER_WAY:
                return number in self._numbers
        task = _task()
        if task is not None:
            if not self._in_task(task):
                return self._heirs.is_one(task)
            self._heirs.leave(task)
            return True
        thread = get_ident()
        outermost = self._threads.get(thread)
        if outermost is None:
            return self._heirs.is_one(None)
        if _is_on(outermost, sys._getframe(1)):
            return True
        self._threads.pop(thread, None)
        return False

    def _in_task(self, task: Any) -> bool:
        _, within = self._tasks.get(id(task), (None, self))
        if within is _RUNNING:
            with self._lock:
                # What is innermost has just been called: by whom, if not by what is under way?
                stack = [f for f in _stack(sys._getframe(1), task) if not _is_ours(f)][1:]
                within = next(filter(self._is_program, reversed(stack)), None)
                if within is None:
                    self._tasks.pop(id(task), None)
                    return False
                self._tasks[id(task)] = (task, within)
        if within is None or within is self:
            return within is None
        if _is_on(within, sys._getframe(1)):
            return True
        self._tasks.pop(id(task), None)
        return False

    def _is_program(self, frame: FrameType) -> bool:
        return self._of_program(str(frame.f_globals.get("__name__", "")))

    def _of_task(self, task: Any) -> tuple[Any, ...]:
        """The activation that is a task's transaction, in a tuple; none if it is not in the middle of any.

        A task of the program's own is one as a whole. One that a library runs (a server, for each connection) is one as long as it is in the program's code.
        """
        frames, whole = _awaited(task)
        if frames and self._is_program(frames[0]):
            # The task that a loop runs for the whole program's sake is one only where it does something of this itself.
            return (None,) if not _is_main(task) or any(map(self._counts, frames)) else ()
        own = next(filter(self._is_program, frames), None)
        return (own,) if own is not None else () if whole else (_RUNNING,)

    def _transaction(self, frames: tuple[FrameType, ...]) -> FrameType | None:
        """Of a stack, innermost first, the activation that is the thread's transaction."""
        # Who has handed over only returns what the one does that goes on in its place.
        frames = tuple(f for f in frames if (id(f.f_code), f.f_lasti) not in HANDED_OVER)
        for frame in reversed(frames):
            if id(frame.f_code) in self._looping:
                return frame
        served = request(frames, self._servers, self._is_program)
        return served or next((f for f in reversed(frames) if id(f.f_code) in self._changed), None)

    # ---- in the driver

    def _sort(self) -> None:
        if self._sorted:
            return
        with self._lock:
            if self._sorted:
                return
            declared: Any = sys.modules.get("podus.transaction")
            for thread, frames in self._taken:
                runs_tasks = any(f.f_code.co_name == "run_forever" for f in frames)
                if runs_tasks or (declared is not None and thread in declared.THREADS):
                    continue
                transaction = self._transaction(frames)
                if transaction is not None:
                    self._threads[thread] = transaction
            for held in self._tasks_taken:
                task = held() if isinstance(held, ReferenceType) else held
                if task is None or task.done():
                    continue
                for within in self._of_task(task):
                    self._tasks[id(task)] = (task, within)
            if self._back:
                # What had not come to the new version yet is as it was.
                threads, tasks, numbers, heirs = self._before
                for key in threads:
                    self._threads.pop(key, None)
                for key in [*tasks, *(key for key, (task, _) in self._tasks.items() if heirs.has(task))]:
                    self._tasks.pop(key, None)
                self._numbers -= numbers
            self._heirs.leave_all(task for task, _ in list(self._tasks.values()))
            self._taken.clear()
            self._tasks_taken.clear()
            self._sorted = True

    def _counts(self, frame: FrameType) -> bool:
        """Whether a coroutine of the main task is in a transaction."""
        code = frame.f_code
        if (id(code), frame.f_lasti) in HANDED_OVER:
            return False
        begins = self._looping.get(id(code))
        # Behind its loop it only waits for others.
        return id(code) in self._changed or (begins is not None and can_come_to(code, frame.f_lasti, begins))

    def over(self) -> bool:
        """Whether nothing is left of what was under way."""
        self._sort()
        declared: Any = sys.modules.get("podus.transaction")
        if declared is not None:
            self._numbers &= declared.UNDER_WAY
        for key, (task, within) in list(self._tasks.items()):
            if task.done() or (within is not None and self._has_ended(task)):
                self._tasks.pop(key, None)
        for thread, outermost in list(self._threads.items()):
            # Not kept in a variable: it has this very frame in it.
            if not _is_on(outermost, sys._current_frames().get(thread)):
                self._threads.pop(thread, None)
        return not (self._threads or self._tasks or self._numbers or self._left())

    def _left(self) -> list[Any]:
        """The tasks that were made since by what was under way, and have not ended."""
        found = [
            held() if isinstance(held, ReferenceType) else held for k in _known_tasks() for held in list(k)
        ]
        return self._heirs.left(task for task in found if task is not None)

    def _has_ended(self, task: Any) -> bool:
        """Whether a library's task has come out of the activation that was its transaction."""
        # With the lock: until it is found out, the task itself may do so.
        with self._lock:
            _, within = self._tasks.get(id(task), (None, None))
            frames, whole = _awaited(task)
            if within is _RUNNING and whole:
                within = next(filter(self._is_program, frames), None)
                if within is not None:
                    self._tasks[id(task)] = (task, within)
                else:
                    self._tasks.pop(id(task), None)
            return bool(whole and within is not _RUNNING and within not in frames)

    def why(self) -> str:
        """Who has not ended."""
        names = thread_names()
        threads = [names.get(thread, str(thread)) for thread in list(self._threads)]
        parts = [f"thread {name}" for name in sorted(threads)[:3]]
        tasks = [task for task, _ in list(self._tasks.values())] + self._left()
        parts += [f"task {task.get_name()}" for task in tasks[:3]]
        rest = len(self._threads) + len(tasks) - len(parts)
        parts += [f"{rest} more"] if rest > 0 else []
        parts += [f"{len(self._numbers)} declared transactions"] if self._numbers else []
        side = "new" if self._back else "old"
        return f"a transaction is under way in the {side} version: {', '.join(parts)}"


def _is_main(task: Any) -> bool:
    """Whether ``asyncio.run`` waits for the task."""
    callbacks = getattr(task, "_callbacks", None) or ()
    return any(getattr(row[0], "__name__", "") == "_run_until_complete_cb" for row in callbacks)


def _awaited(task: Any) -> tuple[list[FrameType], bool]:
    """The activations that a task stands in, from the outermost; and whether these are all: while it runs, nothing says what it awaits."""
    frames: list[FrameType] = []
    for thing, _ in chain_of(task):
        frame = next((getattr(thing, name) for name in _FRAMES if hasattr(thing, name)), None)
        if frame is None:
            # A future, or the like.
            return frames, True
        frames.append(frame)
    return frames, task.done()


def _stack(frame: FrameType | None, task: Any) -> list[FrameType]:
    """The frames of a task that runs, from ``frame`` to its outermost."""
    outermost = next(
        (getattr(task.get_coro(), n, None) for n in _FRAMES if hasattr(task.get_coro(), n)), None
    )
    found = []
    while frame is not None:
        found.append(frame)
        if frame is outermost:
            break
        frame = frame.f_back
    return found


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith("podus.")


def _is_on(wanted: FrameType, frame: FrameType | None) -> bool:
    """Whether a frame is on the stack above (and with) ``frame``."""
    while frame is not None:
        if frame is wanted:
            return True
        frame = frame.f_back
    return False


def _known_tasks() -> list[Any]:
    """Where asyncio lists the tasks there are, or references to them."""
    tasks: Any = sys.modules.get("asyncio.tasks")
    names = ("_all_tasks", "_scheduled_tasks", "_eager_tasks")
    known = [getattr(tasks, name) for name in names if hasattr(tasks, name)]
    found = [getattr(each, "data", each) for each in known]
    if sys.version_info >= (3, 14) and tasks is not None:
        # They are kept in C now, and asked for by their loop; that is done when they are gone through.
        found += [chain.from_iterable(starmap(tasks.all_tasks, [(loop,)])) for loop in running_loops()]
    return found


def _task() -> Any:
    tasks: Any = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return None
    try:
        return tasks.current_task()
    except RuntimeError:
        return None
