"""Running frames go on in the new version: each leaves its loop between two iterations, once its procedure has switched.

A thread that comes to the head of such a loop before that waits there for a moment: it is between two iterations, in no version, and
its procedure is not active by it. So a procedure that never returns switches by the rule of all others, and with those it must switch with.
These are the update points of Kitsune (Hayden et al., OOPSLA 2012), found instead of written.

What happens to each that leaves is in podus.updating.leaving.
"""

from __future__ import annotations

import sys
import time
from copy import copy
from types import CodeType, FrameType

from podus.frames import shift_of
from podus.frames.overwritten import is_body
from podus.frames.stubs import (
    stub_lines,
)
from podus.program.control import NAMES, units
from podus.threads import allocate_lock, get_ident
from podus.updating.binding import PARKED
from podus.updating.breath import Breath
from podus.updating.find import suspended
from podus.updating.leaving import (
    WATCHED,
    Move,
    forget,
    give_up,
    leave,
    mapped,
    note,
    unwatch,
    watch,
    watching,
)
from podus.updating.reach import frames as on_stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from podus.planning.model import Loop

_SUSPENDS = 0x20 | 0x80
# Seconds that a thread waits at the head of its loop, at most; and how many times as long it then runs before it waits again.
_HOLD = 0.05
_OPEN = 9
# Seconds between two looks at whether the driver has looked since, and for how long at most.
_GLANCE = 0.005
_LONGEST = 1.0


class Frames:
    """The frames of one update, in one direction.

    ``ready`` says whether who is in a procedure may leave for its other version; ``poke`` wakes the driver, ``failed`` takes what a mapper raised.
    """

    def __init__(
        self,
        ready: Callable[[str], bool],
        poke: Callable[[], object],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._ready = ready
        self._poke = poke
        self.failed = failed
        self._moves: dict[str, list[tuple[CodeType, dict[int, Move]]]] = {}
        self._armed: set[str] = set()
        # The ids of frames that have waited in vain at the head of their loop.
        self._waited: set[int] = set()
        # Who has come round and can't go on, by procedure and thread, and the variable that is not bound.
        self._lacks: dict[tuple[str, int], str] = {}
        # Data that has switched, by its id: what it was, and what is in its place.
        self.exchanged: dict[int, tuple[Any, Any]] = {}
        # Until when threads wait, and when each may be asked to wait again.
        self._until = 0.0
        self._next: dict[int, float] = {}
        self.moved = 0
        # How often the driver has looked, and switched what it could.
        self.rounds = 0
        self.longest = 0.0
        self.over = False
        # Told of each frame that leaves, before it does.
        self.turned: Callable[[FrameType], None] | None = None
        # The threads that wait, or are about to leave.
        self.busy: set[int] = set()

    def add(
        self, loops: Iterable[Loop], old: dict[str, list[CodeType]], new: dict[str, CodeType], mappers: Any
    ) -> None:
        """Make what the ``loops`` need, from the ``old`` code of each procedure to its ``new`` one. Raises ValueError where that can't be written."""
        breath = Breath()
        for loop in loops:
            breath()
            code = new.get(loop.procedure)
            if code is None:
                continue
            for base in old.get(loop.procedure, ()):
                shift = shift_of(base)
                if loop.head + shift not in stub_lines(base) and not (is_body(base) and not shift):
                    continue
                move = Move(loop, code, self, mappers(loop.procedure) if loop.mapper else None)
                rows = self._moves.setdefault(loop.procedure, [])
                table = next((t for c, t in rows if c is base), None)
                if table is None:
                    table = {}
                    rows.append((base, table))
                for offset in (*loop.leaves, *loop.jumps):
                    table[offset + shift] = move

    @property
    def names(self) -> set[str]:
        """The procedures whose frames can move."""
        return set(self._moves)

    @property
    def places(self) -> list[tuple[CodeType, list[int]]]:
        """The code that is left, and the offsets at which it is."""
        return [(code, list(table)) for rows in self._moves.values() for code, table in rows]

    @property
    def endless(self) -> set[str]:
        """Those of them that never come to an end by themselves."""
        return {
            name
            for name, rows in self._moves.items()
            if any(not move.loop.waits for _, table in rows for move in table.values())
        }

    def after(self, earlier: Move) -> Move | None:
        """The move of a frame that another update was to move: past the version of that one, to that of this."""
        for _, table in self._moves.get(earlier.loop.procedure, ()):
            for move in table.values():
                if move.loop.head != earlier.loop.new_head or move.mapper or earlier.mapper:
                    continue
                loop, known = move.loop, earlier.loop
                needs = [name for name in loop.needs if name not in known.given]
                if sys.version_info < (3, 12) and not set(needs) <= set(known.needs):
                    # Nobody asks whether they are bound when it comes round.
                    continue
                whole = copy(loop)
                whole.head, whole.leaves, whole.jumps = known.head, known.leaves, known.jumps
                whole.needs, whole.given = needs, {**known.given, **loop.given}
                whole.replaced = {**known.replaced, **loop.replaced}
                return Move(whole, move.new, self, None)
        return None

    def codes(self, name: str) -> list[CodeType]:
        """The code in which the procedure's frames go on."""
        return [move.code for _, table in self._moves.get(name, ()) for move in table.values()]

    def watches(self, name: str) -> bool:
        """Whether frames of a procedure are seen when they come to the head of a loop."""
        return name in self._armed

    def lack(self, name: str, thread: int) -> str:
        """The variable for want of which a thread can't leave a procedure at the head of its loop, "" if there is none."""
        return self._lacks.get((name, thread), "")

    def arm(self, wanted: Iterable[str]) -> None:
        """Have frames of these procedures be seen at the heads of their loops."""
        for name in wanted:
            if name in self._armed or name not in self._moves:
                continue
            for code, table in self._moves[name]:
                watch(code, table)
            # Not before: whoever asks is told that they are seen.
            self._armed.add(name)

    def open(self, name: str) -> bool:
        """Have frames of a procedure that has switched leave whenever they come round; says whether all of them will, or must be left.

        On Python 3.11 nothing is asked any more when they do, so all must be known before.
        """
        rows = self._moves.get(name, [])
        if sys.version_info < (3, 12):
            if any(move.mapper for _, table in rows for move in table.values()):
                return False
            sure = all(move.loop.sure for _, table in rows for move in table.values())
            begun, _ = ([], 0.0) if sure else suspended([(code, name) for code, _ in rows], running_too=True)
            frames = [_frame_of(reference()) for *_, reference in begun]
            codes = {id(code) for code, _ in rows}
            if not sure:
                frames += [frame for frame in on_stacks(globals()) if id(frame.f_code) in codes]
            if not all(frame is None or _has_what_is_needed(frame, rows) for frame in frames):
                return False
        for code, table in rows:
            note(code, table)
            give_up(code)
            places = {offset: move.loop.head + shift_of(code) for offset, move in table.items()}
            if not watching.open(code, places):
                return False
        self._armed.add(name)
        return True

    def never_meet(self, name: str) -> bool:
        """Whether all who are in a procedure have come round, and not at one time: one may hold the lock that the other waits for."""
        codes = {id(code) for code, _ in self._moves.get(name, ())}
        every = [frame for frame in on_stacks(globals()) if id(frame.f_code) in codes]
        return len(every) > 1 and all(id(frame) in self._waited for frame in every)

    def disarm(self, *, keep: Iterable[str] = ()) -> None:
        """Let all go on as they are, but for the frames of ``keep``, which move whenever they come round."""
        self.over = True
        kept = set(keep)
        for name in self._moves.keys() - kept:
            for code, table in self._moves[name]:
                known = WATCHED.get(id(code))
                if known is not None and known[1] is table:
                    unwatch(code)
        self._armed &= kept
        for lock in list(PARKED.values()):
            _release(lock)
        self._moves = {}

    def refresh(self) -> None:
        """The driver has looked; see threads that have come to the procedures meanwhile."""
        self.rounds += 1
        if self._armed:
            watching.refresh()

    def wait_together(self, seconds: float) -> None:
        """Keep whoever comes to the head of a loop there for so long: those who call what switches are being kept as well."""
        self._until = max(self._until, time.monotonic() + seconds)

    def release(self) -> None:
        """Let who waits look again."""
        for lock in list(PARKED.values()):
            _release(lock)

    # ---- in the program's threads

    def arrive(self, frame: FrameType, move: Move) -> None:
        """A frame is about to begin an iteration."""
        name = move.loop.procedure
        ready = self._ready(name)
        if not ready and (self.over or frame.f_code.co_flags & _SUSPENDS or not self._may_wait()):
            return
        thread = get_ident()
        self.busy.add(thread)
        try:
            # Whatever can fail does so before anything switches on its account.
            values = frame.f_locals
            given = None if move.mapper is None else mapped(move, values)
            lacks = sorted(move.needs.difference(values if given is None else given))
            if lacks:
                self._lacks[name, thread] = lacks[0]
                forget(frame)
                return
            self._lacks.pop((name, thread), None)
            if not ready:
                self._park(frame)
                if not self._ready(name):
                    self._waited.add(id(frame))
                    forget(frame)
                    return
            if self.turned is not None:
                self.turned(frame)
            leave(frame, move, values, given)
        finally:
            self.busy.discard(thread)

    def _may_wait(self) -> bool:
        """Whether this thread may be kept at the head of its loop: together with others, or when it has run for long enough."""
        now = time.monotonic()
        return now < self._until or now >= self._next.get(get_ident(), 0.0)

    def _park(self, frame: FrameType) -> None:
        """Wait until the procedure has switched, or the time is up."""
        key = id(frame)
        now = time.monotonic()
        round = self.rounds
        if now >= self._until:
            self._until = now + _HOLD
        lock = allocate_lock()
        lock.acquire()
        PARKED[key] = lock
        try:
            self._poke()
            lock.acquire(timeout=max(0.0, self._until - now))
            # A busy machine may not have let the driver look in that time.
            while self.rounds < round + 2 and not self.over and time.monotonic() - now < _LONGEST:
                self._poke()
                lock.acquire(timeout=_GLANCE)
        finally:
            # From here on it is active again: whether its procedure has switched is looked at after this.
            del PARKED[key]
        waited = time.monotonic() - now
        self.longest = max(self.longest, waited)
        self._next[get_ident()] = now + waited + _OPEN * max(waited, _HOLD)


def _frame_of(thing: Any) -> FrameType | None:
    """The frame of a generator or coroutine that has not ended."""
    return getattr(thing, "cr_frame", None) or getattr(thing, "gi_frame", None)


def _has_what_is_needed(frame: FrameType, rows: list[tuple[CodeType, dict[int, Move]]]) -> bool:
    """Whether a frame has, and will keep, the variables with which it would go on."""
    code = frame.f_code
    needs = {n for other, table in rows if other is code for move in table.values() for n in move.needs}
    deleted = {code.co_varnames[arg] for _, op, arg, _ in units(code) if NAMES[op] == "DELETE_FAST"}
    bound = set(frame.f_locals)
    forget(frame)
    # What has not begun may come to the loop by a way that binds less.
    return needs <= bound - deleted and NAMES[code.co_code[frame.f_lasti]] != "RETURN_GENERATOR"


def _release(lock: Any) -> None:
    try:
        lock.release()
    except RuntimeError:
        pass


def catch_up(changed: set[str], frames: Frames | None) -> set[str]:
    """What earlier updates left to move when it comes round goes to the version of this one, or no further if it can't.

    Gives the procedures of which frames may still be in such an earlier version.
    """
    standing: set[str] = set()
    breath = Breath()
    for key, (code, table) in list(WATCHED.items()):
        moves = {id(move): move for move in table.values() if type(move) is Move and move.owner.over}
        names = {move.loop.procedure for move in moves.values()}
        if not names & changed:
            continue
        further: dict[int, Move | None] = {}
        for number, move in moves.items():
            breath()
            further[number] = None if frames is None else frames.after(move)
        if not all(further.get(number) for number in moves):
            # Between the two versions there is no way for all of them: they end where they are.
            del WATCHED[key]
            held = code()
            if held is not None:
                watching.end(held)
            continue
        standing |= names
        for offset, move in list(table.items()):
            table[offset] = further[id(move)] or move
    return standing
