"""When an update is given up: after its timeout, or in time to be back by its deadline."""

from __future__ import annotations

import time

from podus.errors import Refused
from podus.updating.backward import one_way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.evaluate import Evaluation

# Of the time up to a deadline, what is kept for the way back: this share, but no more than so many seconds.
_SHARE, _WAY_BACK = 0.1, 1.0


class Clock:
    """The limits of one update, which begins now: ``timeout`` in seconds, ``deadline`` in seconds since 1970."""

    def __init__(self, timeout: float | None, deadline: float | None) -> None:
        self.timeout = timeout
        self.deadline = deadline
        self.given = 0.0 if deadline is None else deadline - time.time()
        now = self._begun = time.monotonic()
        self._up = None if timeout is None else now + timeout
        forward = self.given - min(self.given * _SHARE, _WAY_BACK)
        self._last = None if deadline is None else now + forward

    @property
    def late(self) -> bool:
        """Whether a time is over of which nothing has been said yet."""
        now = time.monotonic()
        return any(end is not None and now >= end for end in (self._up, self._last))

    def check_staged(self) -> None:
        """Raise Refused if no time is left to switch anything."""
        if self._last is not None and time.monotonic() >= self._last:
            raise Refused(
                f"the deadline left {self.given:.3g} s, and to stage the update took longer",
                "give it more time",
            )

    def look(self, update: Evaluation) -> str:
        """Why the update is to be given up now; "" if it is not. Each limit is spoken of once."""
        now, reason = time.monotonic(), ""
        if self._up is not None and now >= self._up:
            self._up = None
            update.timed_out = True
            if update.on_timeout == "back-out":
                reason = _given_up(update, f"after {self.timeout:g} s")
        if self._last is not None and now >= self._last:
            self._last = None
            reason = reason or _given_up(update, f"in time for the deadline, after {now - self._begun:.3g} s")
        return reason


def _given_up(update: Evaluation, late: str) -> str:
    mapped = one_way(update)
    if mapped:
        update.notes.append(
            f"not backed out when its time was over: {mapped} has been mapped, and there is no way back"
        )
        return ""
    return f"not complete {late}: {update.waits_for()}"
