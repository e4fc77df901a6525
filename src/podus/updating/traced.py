"""Seeing frames at the heads of their loops on Python 3.11, which has no ``sys.monitoring``: by tracing the threads that they run in.

A thread's tracing is switched on from outside with ``_PyEval_SetTrace``, for the time of an update; each thread switches it off itself. A thread
that a debugger or coverage traces already is left alone. Coroutines are seen when their event loop resumes them; who is suspended when there is nothing
left to wait for leaves unseen (podus.frames.exchanged).
"""

from __future__ import annotations

import ctypes
import sys
from weakref import finalize

from podus.threads import get_ident
from podus.updating.threadstates import innermost, trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

    from podus.frames.exchanged import Exchange

_LINE = 2
_COROUTINE = 0x80
# What runs tasks; uvloop's own loop is C code, and is seen by who starts it.
_EVENT_LOOPS = frozenset({"asyncio.base_events", "asyncio.runners", "uvloop", "trio._core._run"})
_api = ctypes.pythonapi
_Trace = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.py_object, ctypes.c_int, ctypes.c_void_p)


class Watching:
    """The code that is watched; ``seen(frame, offset)`` is called in the thread of the frame."""

    def __init__(self, seen: Callable[[FrameType, int], None]) -> None:
        self._seen = seen
        self._codes: set[int] = set()
        # Those that an event loop may be about to resume.
        self._coroutines: set[int] = set()
        # Code whose frames leave without being looked at.
        self._open: dict[int, Exchange] = {}
        # Kept: the interpreter holds its address.
        self._function = _Trace(self._traced)

    def begin(self, code: CodeType) -> None:
        """Watch the loops of ``code`` in the threads that are in it now."""
        self._codes.add(id(code))
        if code.co_flags & _COROUTINE:
            self._coroutines.add(id(code))
        self.refresh()

    def end(self, code: CodeType) -> None:
        """Watch them no more."""
        self._codes.discard(id(code))
        self._coroutines.discard(id(code))
        exchange = self._open.pop(id(code), None)
        if exchange is not None:
            exchange.undo()

    def abandon(self, code: CodeType) -> None:
        """As :meth:`end`, in the thread of a frame that leaves ``code`` for good: what it does next must be read from the code and by no tracer."""
        self.end(code)
        sys.settrace(None)

    def open(self, code: CodeType, places: dict[int, int]) -> bool:
        """Have every frame of ``code`` leave at the next of ``places``, wherever it runs, unseen until then; says whether that can be."""
        from podus.frames.exchanged import Exchange, NotHere

        self.end(code)
        key = id(code)
        try:
            exchange = Exchange(code, places)
        except NotHere:
            return False
        # It goes with the code.
        finalize(code, self._open.pop, key, None).atexit = False
        self._open[key] = exchange
        return True

    def refresh(self) -> None:
        """See the threads that have come to watched code meanwhile."""
        found = {number for number, frame in innermost() if self._is_in(frame)}
        if found:
            trace(found, self._function)

    def _is_in(self, frame: Any) -> bool:
        """Whether watched code is on the stack, and nobody else traces it."""
        found = False
        while frame is not None:
            if frame.f_trace is not None:
                return False
            code = frame.f_code
            found = found or id(code) in self._codes
            found = found or (bool(self._coroutines) and frame.f_globals.get("__name__") in _EVENT_LOOPS)
            frame = frame.f_back
        return found

    def _traced(self, _: Any, frame: FrameType, what: int, argument: Any) -> int:
        if not self._codes:
            sys.settrace(None)
        elif what == _LINE and id(frame.f_code) in self._codes:
            try:
                self._seen(frame, frame.f_lasti)
            except BaseException as error:
                self._raise(error)
        return 0

    @staticmethod
    def _raise(error: BaseException) -> None:
        """What a signal handler has raised while the thread waited is raised in the program, a moment later: ctypes lets nothing through."""

        _api.PyThreadState_SetAsyncExc(ctypes.c_ulong(get_ident()), ctypes.py_object(type(error)))

    def bind(self, frame: FrameType, values: Any, unbound: list[str]) -> None:
        """Bind variables that are not bound: the exit stub reads them all."""
        from podus.updating.ctype import locals_to_fast

        for name in unbound:
            values[name] = None
        if unbound:
            locals_to_fast(frame)

    def send(self, frame: FrameType, line: int) -> None:
        """Have the frame go on at ``line``."""
        frame.f_trace = _nothing
        try:
            frame.f_lineno = line  # type: ignore[misc]
        finally:
            del frame.f_trace


def _nothing(*_: object) -> None:
    """Frames that are sent elsewhere must have a trace function."""
