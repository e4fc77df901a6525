"""Which thread is at work on which object: each object is converted by one thread, and who comes to it meanwhile waits for that one alone.

One lock for all objects would have the program's threads wait for each other although they use other objects; and who holds it is stopped by the
interpreter in the middle, so that with five busy threads everybody waited for some turns of everybody else.

A mapper may look at other objects, and so convert these in the middle. Where two threads come to wait for each other so, it is found out, and one
of them sees its object as it is, as a mapper does that comes back to its own object by way of others.
"""

from __future__ import annotations

from podus.threads import get_ident, sleep
from podus.updating.breath import PAUSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Seconds between two looks whether another thread is through with its object, at most.
_LONGEST_PAUSE = 0.0005


class Claim:
    """One thread at work on one object. ``overlay``: what it is going to set, as far as that is known; ``stand_in``: what its mapper works on meanwhile.

    ``touched``: somebody else has come to the object by another way in the middle, and done something to it.
    """

    __slots__ = ("over", "overlay", "stand_in", "thread", "touched")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.overlay: dict[str, Any] = {}
        self.stand_in: Any = None
        self.over = self.touched = False

    def names(self) -> dict[str, Any]:
        """What who comes to the object in the middle of the work finds: a value by name, or that there is none (GONE)."""
        return self.overlay if self.stand_in is None else vars(self.stand_in)


class Claims:
    """Who waits for whom, among all threads that come to the objects of an update."""

    def __init__(self) -> None:
        self._waiting: dict[int, Claim] = {}

    def wait(self, claim: Claim, *, insist: bool = False) -> bool:
        """Wait until ``claim`` is over. False if that would be never, as its thread waits for this one (``insist``: then it gives in, and not this one)."""
        me = get_ident()
        before = self._waiting.get(me)
        self._waiting[me] = claim
        found: list[Claim] = []
        pause = PAUSE
        try:
            while not claim.over:
                ring = [] if insist else self._ring(claim, me)
                # What was there twice was there all the time between: one look at all of them may see what never was at once.
                if ring and len(ring) == len(found) and all(a is b for a, b in zip(ring, found, strict=True)):
                    return False
                found = ring
                sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            return True
        finally:
            if before is None:
                self._waiting.pop(me, None)
            else:
                self._waiting[me] = before

    def _ring(self, claim: Claim, me: int) -> list[Claim]:
        """The claims by which the thread of ``claim`` waits for the thread ``me``; none if it does not."""
        ring, thread = [claim], claim.thread
        while thread != me:
            after = self._waiting.get(thread)
            if after is None or after.over or any(after is each for each in ring):
                return []
            ring.append(after)
            thread = after.thread
        return ring

    def after_fork(self) -> None:
        """In a forked child: whoever waited is not here."""
        self._waiting.clear()


class Taken:
    """Which objects of one class threads are at work on; by id, as the search for objects counts references."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.open: dict[int, Claim] = {}
        # All objects, while one thread gives everything back.
        self.all: Claim | None = None

    def by_me(self, obj: Any) -> Claim | None:
        """The claim of this thread, in the middle of whose work on ``obj`` this is."""
        claim = self.open.get(id(obj))
        return claim if claim is not None and claim.thread == get_ident() else None

    def take(self, obj: Any, mine: Claim) -> Claim:
        """Have ``obj`` for this thread: returns ``mine``, or the claim of who is at work on it and waits for this thread, so that there is no waiting for him."""
        ident = id(obj)
        while True:
            closed = self.all
            if closed is not None and closed.thread != mine.thread:
                if not self.claims.wait(closed):
                    return closed
                continue
            found = self.open.setdefault(ident, mine)
            if found is mine:
                if self.all is closed:
                    return mine
                self.release(obj, mine)
                mine.over = False
            elif found.thread == mine.thread or not self.claims.wait(found):
                return found

    def release(self, obj: Any, claim: Claim) -> None:
        """The work on ``obj`` is over, if it was begun."""
        if self.open.get(id(obj)) is claim:
            del self.open[id(obj)]
        claim.over = True

    def take_all(self) -> Claim:
        """Have all objects for this thread, as soon as nobody else is at work on any."""
        mine = self.all = Claim(get_ident())
        self.wait(insist=True)
        return mine

    def release_all(self, claim: Claim) -> None:
        """The others may go on."""
        self.all = None
        claim.over = True

    def wait(self, *, insist: bool = False) -> None:
        """Wait for all who are at work just now."""
        me = get_ident()
        for claim in [*self.open.values()]:
            if claim.thread != me:
                self.claims.wait(claim, insist=insist)

    def after_fork(self) -> None:
        """In a forked child: whoever was at work is not here, unless it has forked itself."""
        me = get_ident()
        self.open = {ident: claim for ident, claim in self.open.items() if claim.thread == me}
        if self.all is not None and self.all.thread != me:
            self.all = None
