"""Threads, locks and sleep as the interpreter has them, for the pup in a program that replaces them.

``gevent.monkey.patch_all()`` and its like exchange the functions of ``_thread``, ``time`` and ``select``, and the classes of ``threading`` are
made of these: a thread of ours would become one more greenlet, and its sleep would wait for an event loop.
So they are taken when the pup starts; and where the program was first (``podus.enable()``), from where it has put them.
"""

from __future__ import annotations

import _thread
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Lock = _thread.LockType


def _genuine(module: Any, name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module.__name__, name)
    patcher = sys.modules.get("eventlet.patcher")
    return getattr(patcher.original(module.__name__) if patcher is not None else module, name)


allocate_lock: Callable[[], Lock] = _genuine(_thread, "allocate_lock")
start_new_thread: Callable[..., int] = _genuine(_thread, "start_new_thread")
get_ident: Callable[[], int] = _genuine(_thread, "get_ident")
get_native_id = _thread.get_native_id
local: Callable[[], Any] = _genuine(_thread, "_local")
RLock: Callable[[], Any] = _genuine(_thread, "RLock")
sleep: Callable[[float], None] = _genuine(time, "sleep")
poll: Callable[[], Any] = _genuine(select, "poll")


class Event:
    """As ``threading.Event``, for one thread that waits."""

    __slots__ = ("_lock", "_set", "_shut")

    def __init__(self) -> None:
        self._set = False
        # Held while the event is not set.
        self._shut = allocate_lock()
        self._shut.acquire()
        self._lock = allocate_lock()

    def set(self) -> None:
        """Wake who waits, or will."""
        with self._lock:
            if not self._set:
                self._set = True
                self._shut.release()

    def clear(self) -> None:
        """Have the next one wait again."""
        with self._lock:
            if self._set:
                self._set = False
                self._shut.acquire()

    def wait(self, seconds: float) -> bool:
        """Whether it is set, within so many seconds."""
        if self._set:
            return True
        if not self._shut.acquire(timeout=seconds):
            return False
        self._shut.release()
        return True


class Changes:
    """Tells all who wait of each change, as ``threading.Condition`` does."""

    __slots__ = ("_lock", "_waiting", "count")

    def __init__(self) -> None:
        # How many there were.
        self.count = 0
        self._lock = allocate_lock()
        self._waiting: list[Lock] = []

    def tell(self) -> None:
        """Something has changed."""
        with self._lock:
            self.count += 1
            waiting, self._waiting = self._waiting, []
        for lock in waiting:
            lock.release()

    def wait_until(self, true: Callable[[], bool], seconds: float | None) -> bool:
        """Wait until ``true()``, which is asked again after each change, for at most so many seconds (None: as long as it takes)."""
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            lock = allocate_lock()
            lock.acquire()
            with self._lock:
                self._waiting.append(lock)
            # Asked once it is sure that the next change will be told.
            if true():
                break
            left = -1.0 if end is None else end - time.monotonic()
            if end is not None and (left <= 0 or not lock.acquire(timeout=left)):
                break
            if end is None:
                lock.acquire()
        with self._lock:
            if lock in self._waiting:
                self._waiting.remove(lock)
        return true()


class Thread:
    """A thread of the pup's own, which the program's list of threads does not show; it does not keep the process alive."""

    __slots__ = ("_body", "_ended", "ident", "native_id")

    def __init__(self, body: Callable[[], None]) -> None:
        self._body = body
        self._ended = allocate_lock()
        self.ident = self.native_id = 0

    def start(self) -> None:
        """Begin. Raises RuntimeError if the interpreter starts no more threads."""
        self._ended.acquire()
        try:
            self.ident = start_new_thread(self._run, ())
        except BaseException:
            self._ended.release()
            raise

    def _run(self) -> None:
        self.native_id = get_native_id()
        try:
            self._body()
        finally:
            _forget_dummy(self.ident)
            self._ended.release()

    def join(self, seconds: float) -> None:
        """Wait until it has ended, for at most so many seconds."""
        if self._ended.acquire(timeout=seconds):
            self._ended.release()

    @property
    def is_current(self) -> bool:
        """Whether this is the thread that asks."""
        return self.ident == get_ident()


def _forget_dummy(ident: int) -> None:
    """Code of the program (a mapper that logs) may have asked which thread it is in: to ``threading`` that is then one more, for ever."""
    threading: Any = sys.modules.get("threading")
    dummy = getattr(threading, "_active", {}).get(ident)
    if dummy is not None and isinstance(dummy, threading._DummyThread):
        with threading._active_limbo_lock:
            threading._active.pop(ident, None)
