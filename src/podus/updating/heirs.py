"""What a transaction has others do is part of it: a task that it makes, a callback, a call in another thread that takes its context along.

They are known by their context, which is a copy of the one in which they were made.
"""

from __future__ import annotations

import gc
import sys
from contextvars import Context, ContextVar
from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Which instant's transaction this context is of, and the task that was that transaction then.
_OF: ContextVar[tuple[object, ref[Any]] | None] = ContextVar("podus.transaction.of", default=None)


class Heirs:
    """The heirs of the transactions that were under way at one instant."""

    def __init__(self) -> None:
        self._mark = object()
        self._any = False

    def leave(self, task: Any) -> None:
        """In a task that runs, and is such a transaction: what it makes from now on is part of it."""
        known = _OF.get()
        if known is None or known[0] is not self._mark:
            self._any = True
            _OF.set((self._mark, ref(task)))

    def leave_all(self, tasks: Iterable[Any]) -> None:
        """The same for tasks of which most do not run: who does can't be told from outside."""
        for task in tasks:
            context = _context(task)
            if context is None:
                continue
            self._any = True
            try:
                # No other thread gets a turn in between, which could not enter the context either.
                context.run(_OF.set, (self._mark, ref(task)))
            except RuntimeError:
                continue

    def is_one(self, task: Any) -> bool:
        """Whether who runs here, in ``task`` or in none, is an heir."""
        return self._is_heir(_OF.get(), task)

    def end(self) -> None:
        """Who runs here begins a transaction of its own."""
        if _OF.get() is not None:
            _OF.set(None)

    def has(self, task: Any) -> bool:
        """Whether a task is an heir."""
        context = _context(task)
        return context is not None and self._is_heir(context.get(_OF), task)

    def left(self, tasks: Iterable[Any]) -> list[Any]:
        """Those of the tasks that are heirs, and have not ended."""
        return [task for task in tasks if not task.done() and self.has(task)] if self._any else []

    def _is_heir(self, value: tuple[object, ref[Any]] | None, task: Any) -> bool:
        return value is not None and value[0] is self._mark and (task is None or value[1]() is not task)


def _context(task: Any) -> Context | None:
    if sys.version_info >= (3, 12) and hasattr(task, "get_context"):
        found = task.get_context()
    else:
        found = next((one for one in gc.get_referents(task) if type(one) is Context), None)
    return found if isinstance(found, Context) else None
