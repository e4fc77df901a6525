"""Running frames go on in the new version: each leaves its loop between two iterations, once its procedure has switched.

A thread that comes to the head of such a loop before that waits there for a moment: it is between two iterations, in no version, and
its procedure is not active by it. So a procedure that never returns switches by the rule of all others, and with those it must switch with.
These are the update points of Kitsune (Hayden et al., OOPSLA 2012), found instead of written.

The frame itself stays on the stack, empty, and returns what the new one does; see podus.frames.
"""

from __future__ import annotations

import builtins
import operator
import sys
import time
from collections import deque
from copy import copy
from functools import partial
from types import CellType, CodeType, FrameType, FunctionType
from weakref import ref

from podus.frames import HOOK, RESUMED, shift_of
from podus.frames.fresh import made
from podus.frames.overwritten import check, is_body, overwrite
from podus.frames.resume import UNBOUND, prefix, resume_code
from podus.frames.stubs import (
    ENTERED,
    EXIT,
    FLAT,
    LEAVE,
    RETURNED,
    names,
    own_length,
    slots,
    stub_lines,
    without_stubs,
)
from podus.program.control import NAMES, units
from podus.threads import allocate_lock, get_ident
from podus.updating.binding import HANDED_OVER, PARKED
from podus.updating.closures import note_variant
from podus.updating.find import TWINS, suspended
from podus.updating.listing import promote_young
from podus.updating.reach import frames as on_stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from podus.planning.model import Loop

_SUSPENDS = 0x20 | 0x80
_OPTIMIZED = 0x01
# Seconds that a thread waits at the head of its loop, at most; and how many times as long it then runs before it waits again.
_HOLD = 0.05
_OPEN = 9
# Seconds between two looks at whether the driver has looked since, and for how long at most.
_GLANCE = 0.005
_LONGEST = 1.0


class Move:
    """One loop of one version, and the code that goes on with what has left it."""

    def __init__(self, loop: Loop, new: CodeType, owner: Frames, mapper: Any) -> None:
        self.loop = loop
        self.new = new
        self.owner = owner
        self.mapper = mapper
        self.needs = frozenset(loop.needs)
        # Of the body of a module there is one frame: what it gets is a constant of its code.
        self.state: list[Any] | None = [] if is_body(new) else None
        made = resume_code(new, loop.enter, loop.depth, self.state)
        # What is nested in it is what is nested in the procedure itself.
        count = len(without_stubs(new).co_consts)
        self.code = made.replace(co_consts=(*new.co_consts[:count], *made.co_consts[count:]))
        note_variant(new, self.code)
        key = id(self.code)
        RESUMED[key] = (ref(self.code, lambda _: RESUMED.pop(key, None) and None), prefix(new, self.code))
        every = names(self.code)
        own = len(every) - len(self.code.co_freevars)
        cells = set(slots(self.code)[1])
        self.slots = [(name, slot in cells) for slot, name in enumerate(every[:own]) if name != ".state"]

    def goes_on(self, frame: FrameType, stack: tuple[Any, ...], held: dict[str, Any], values: Any) -> Any:
        """What, called without arguments, goes on in the new version; ``held`` are the old frame's slots, ``values`` the mapper's variables."""
        new: list[Any] = []
        for name, is_cell in self.slots:
            value = _value(held, name) if values is None else values.get(name, UNBOUND)
            text = self.loop.given.get(name) if value is UNBOUND else None
            text = self.loop.replaced.get(name, text)
            if values is None and text is not None:
                value = made(text)
            elif id(value) in self.owner.exchanged:
                value = self.owner.exchanged[id(value)][1]
            if is_cell:
                cell = held.get(name)
                if type(cell) is not CellType:
                    cell = CellType()
                    if value is not UNBOUND:
                        cell.cell_contents = value
                elif values is not None and value is not UNBOUND:
                    cell.cell_contents = value
                new.append(cell)
            else:
                new.append(value)
        closure = tuple(held[name] for name in self.code.co_freevars)
        function = FunctionType(self.code, frame.f_globals, self.code.co_name, None, closure)
        TWINS.add(function)
        if self.state is not None:
            self.state[:] = reversed(stack)
            return function
        return partial(function, [*new, *reversed(stack)])


def _value(held: dict[str, Any], name: str) -> Any:
    value = held.get(name, UNBOUND)
    if type(value) is CellType:
        try:
            return value.cell_contents
        except ValueError:
            return UNBOUND
    return value


class Turn:
    """The head of a loop at which a frame is not moved, but tells that an iteration has ended; stands for a move and its update."""

    def __init__(self, turned: Callable[[FrameType], None]) -> None:
        self._turned = turned
        self.owner = self
        self.over = False

    def arrive(self, frame: FrameType, turn: Turn) -> None:
        """A frame is about to begin an iteration."""
        self._turned(frame)

    def _failed(self, error: BaseException) -> None:
        """Nothing of it can fail."""


class _Next:
    """What a frame that was moved before hands back to the one that has started it."""

    __slots__ = ("call",)

    def __init__(self, call: Any) -> None:
        self.call = call


# Frames on their way: what they become, their unbound variables, and those that a mapper has given.
_leaving: dict[int, tuple[Move, list[str], dict[str, Any] | None]] = {}
# The code whose loops are watched, by id: where a frame may leave it.
_watched: dict[int, tuple[ref[CodeType], dict[int, Any]]] = {}


def watch(code: CodeType, table: dict[int, Any]) -> None:
    """Have frames of ``code`` be seen at the offsets in ``table``, each with its :class:`Move` or :class:`Turn`."""
    _note(code, table)
    watching.begin(code)


def _note(code: CodeType, table: dict[int, Any]) -> None:
    key = id(code)
    _watched[key] = (ref(code, lambda _: _watched.pop(key, None) and None), table)


def unwatch(code: CodeType) -> None:
    """Let them go on unseen."""
    _watched.pop(id(code), None)
    watching.end(code)


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
        self._failed = failed
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
        for loop in loops:
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
            self._armed.add(name)
            for code, table in self._moves[name]:
                watch(code, table)

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
            _note(code, table)
            _give_up(code)
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
        for name in self._armed - kept:
            for code, table in self._moves[name]:
                known = _watched.get(id(code))
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
            given = None if move.mapper is None else _mapped(move, values)
            lacks = sorted(move.needs.difference(values if given is None else given))
            if lacks:
                self._lacks[name, thread] = lacks[0]
                _forget(frame)
                return
            self._lacks.pop((name, thread), None)
            if not ready:
                self._park(frame)
                if not self._ready(name):
                    self._waited.add(id(frame))
                    _forget(frame)
                    return
            if self.turned is not None:
                self.turned(frame)
            _leave(frame, move, values, given)
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
    _forget(frame)
    # What has not begun may come to the loop by a way that binds less.
    return needs <= bound - deleted and NAMES[code.co_code[frame.f_lasti]] != "RETURN_GENERATOR"


def _release(lock: Any) -> None:
    try:
        lock.release()
    except RuntimeError:
        pass


def _seen(frame: FrameType, offset: int) -> None:
    """A frame of watched code stands at ``offset``, at the beginning of a line or behind a jump."""
    known = _watched.get(id(frame.f_code))
    move = None if known is None else known[1].get(offset)
    if move is None:
        return
    try:
        move.owner.arrive(frame, move)
    except Exception as error:
        move.owner._failed(error)


def _mapped(move: Move, values: Any) -> dict[str, Any]:
    given = move.mapper(dict(values))
    if not isinstance(given, dict):
        raise TypeError(f"the frame mapper of {move.loop.procedure} gave no dict of variables")
    return given


def _leave(frame: FrameType, move: Move, values: Any, given: dict[str, Any] | None) -> None:
    """Send a frame to its exit stub. ``values`` are its variables, ``given`` those that a mapper has made of them."""
    code = frame.f_code
    if is_body(code) and not shift_of(code):
        _leave_body(frame, move)
        return
    line = stub_lines(code)[move.loop.head + shift_of(code)]
    _prepare(frame, move, values, given)
    _give_up(code)
    try:
        watching.send(frame, line)
    except BaseException:
        del _leaving[id(frame)]
        raise


def _leave_body(frame: FrameType, move: Move) -> None:
    """Send the frame of a module's body out: what stands in its loop is no use any more, as nobody else is in it."""
    code, (landing, line) = frame.f_code, move.loop.landing
    assert move.state is not None
    # One after the other, as each leaves for the next; by C code, as the frame itself stays on the stack.
    todo: list[Any] = [move.goes_on(frame, (), {}, None)]
    call: Callable[[], Any] = partial(deque, map(operator.call, todo), 0)
    _bodies[id(move.code)] = todo
    check()
    # Nothing may be left that has to be put back: other instructions are written over it.
    watching.send(frame, line)
    _watched.pop(id(code), None)
    watching.abandon(code)
    offsets = overwrite(code, landing, move.loop.depth, call, move.state, move.loop.blocks)
    HANDED_OVER.update((id(code), offset) for offset in offsets)
    _overwritten.append(code)
    move.owner.moved += 1


def _prepare(frame: FrameType, move: Move, values: Any, given: dict[str, Any] | None) -> None:
    """Note what becomes of a frame when it comes to its exit stub, which reads all variables."""
    every = names(frame.f_code)
    unbound = [every[slot] for slot in slots(frame.f_code)[0] if every[slot] not in values]
    watching.bind(frame, values, unbound)
    _leaving[id(frame)] = (move, unbound, given)


def _give_up(code: CodeType) -> None:
    """From now on frames leave ``code``: who is in its exit stubs is not active in it."""
    setattr(builtins, HOOK, _hook)
    length = own_length(code)
    key = id(code)
    if (key, length) not in HANDED_OVER:
        places = [(key, offset) for offset in range(length, len(code.co_code), 2)]
        HANDED_OVER.update(places)

        def gone(_: object) -> None:
            HANDED_OVER.difference_update(places)
            _shells.pop(key, None)

        _shells[key] = ref(code, gone)


def catch_up(changed: set[str], frames: Frames | None) -> set[str]:
    """What earlier updates left to move when it comes round goes to the version of this one, or no further if it can't.

    Gives the procedures of which frames may still be in such an earlier version.
    """
    standing: set[str] = set()
    for key, (code, table) in list(_watched.items()):
        moves = {id(move): move for move in table.values() if type(move) is Move and move.owner.over}
        names = {move.loop.procedure for move in moves.values()}
        if not names & changed:
            continue
        further = {} if frames is None else {number: frames.after(move) for number, move in moves.items()}
        if not all(further.get(number) for number in moves):
            # Between the two versions there is no way for all of them: they end where they are.
            del _watched[key]
            held = code()
            if held is not None:
                watching.end(held)
            continue
        standing |= names
        for offset, move in list(table.items()):
            table[offset] = further[id(move)] or move
    return standing


# After so many moved frames what was made for them is made old: that many coroutines live long, and to find that out by collections of
# the whole heap would be stalls of many milliseconds.
_MANY = 50
# Code of modules' bodies that has been written over: it stays, so that no other has its id.
_overwritten: list[CodeType] = []
# What goes on in the place of such a body, by the id of the code that does so now.
_bodies: dict[int, list[Any]] = {}
# Code of which some frame has handed over.
_shells: dict[int, ref[CodeType]] = {}
# Names by which a procedure may have got hold of its own variables as a dict.
_LOOKS_AT_ITSELF = frozenset({"locals", "vars", "eval", "exec", "dir", "_getframe", "currentframe"})


def _forget(frame: FrameType) -> None:
    """Let go of the dict that was made to look at a frame's variables: until Python 3.12 it would keep them alive."""
    if not frame.f_code.co_flags & _OPTIMIZED:
        # Its variables are the module's own.
        return
    if sys.version_info < (3, 13) and _LOOKS_AT_ITSELF.isdisjoint(frame.f_code.co_names):
        frame.f_locals.clear()


def _hook(*arguments: Any) -> Any:
    """What exit stubs call: the frame that has left gets what goes on in its place, and what that returned or raised."""
    kind = arguments[-1]
    if kind == EXIT:
        *first, below, call = arguments[:-1]
        # Called with nothing first: the same called with itself.
        return (call, (*first, below)) if first else (operator.call, (call, below))
    thing = arguments[0]
    if kind == FLAT:
        return tuple(_flat(thing))
    if kind == RETURNED:
        return thing.call if type(thing) is _Next else None
    if kind == ENTERED:
        return _enter(sys._getframe(1), thing)
    if kind != LEAVE:
        # The frame that was left is no part of what happened.
        thing.__traceback__ = thing.__traceback__.tb_next
        return None
    frame = sys._getframe(1)
    move, unbound, given = _leaving.pop(id(frame))
    stack, held = thing
    known = dict(zip(names(frame.f_code), held, strict=True))
    for name in unbound:
        del known[name]
    _forget(frame)
    goes_on = move.goes_on(frame, stack, known, given)
    move.owner.moved += 1
    if move.owner.moved % _MANY == 0:
        promote_young()
    todo = _bodies.pop(id(frame.f_code), None)
    if todo is not None:
        todo.append(goes_on)
        _bodies[id(move.code)] = todo
        return None
    return _Next(goes_on) if shift_of(frame.f_code) else goes_on


def _flat(gathered: Any) -> Iterator[Any]:
    while gathered:
        value, gathered = gathered
        yield value


def _enter(frame: FrameType, head: int) -> None:
    """A frame has come to its exit stub by itself, from the loop with that head."""
    code = frame.f_code
    shift = shift_of(code)
    move: Move = next(m for m in _watched[id(code)][1].values() if m.loop.head + shift == head)
    if move.owner.turned is not None:
        move.owner.turned(frame)
    _prepare(frame, move, frame.f_locals, None)


if sys.version_info >= (3, 12):
    from podus.updating.monitored import Watching
else:
    from podus.updating.traced import Watching

watching = Watching(_seen)
