"""The thread that evaluates an update: when the process forks it leaves where nothing is half done, and another one goes on afterwards."""

from __future__ import annotations

from podus.threads import Thread, allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds that a fork waits for the driver to leave.
_FORK_PATIENCE = 1.0


class Left(BaseException):
    """The driver has left because the process forks; another goes on after it."""


class Driver:
    """The driver of one update. ``launch`` has a thread begun, with the signals that the program's threads have."""

    def __init__(self, launch: Callable[[Callable[[], None]], None]) -> None:
        self._launch = launch
        self._thread: Thread | None = None
        # A fork is at hand: the driver is to leave, and has left.
        self.parking = self._left = False
        self._leaving = allocate_lock()

    def start(self, body: Callable[[], None]) -> None:
        """Begin ``body`` in a thread of its own."""
        self._thread = Thread(body)
        self._launch(self._thread.start)

    @property
    def is_current(self) -> bool:
        """Whether this is its thread."""
        return self._thread is not None and self._thread.is_current

    def park(self, wake: Callable[[], None]) -> int:
        """Have it leave, if it does so soon, and give its thread's number; 0 if there is none, or this is it."""
        thread = self._thread
        if thread is None or thread.is_current:
            return 0
        self.parking = True
        wake()
        thread.join(_FORK_PATIENCE)
        return thread.native_id

    def resume(self, body: Callable[[], None]) -> None:
        """Go on with ``body`` if it has left."""
        with self._leaving:
            left, self.parking, self._left = self._left, False, False
        if left:
            self.start(body)

    def leave(self) -> None:
        """Where nothing is half done: raises Left if a fork is at hand."""
        with self._leaving:
            if self.parking:
                self._left = True
                raise Left

    def after_fork(self) -> None:
        """In a forked child: there is no driver here."""
        self._leaving = allocate_lock()
        self.parking = self._left = False
        self._thread = None
