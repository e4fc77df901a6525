"""One frame leaves its loop and goes on in the new version.

The frame itself stays on the stack, empty, and returns what the new one does; see podus.frames. Which frames leave, and when, is decided
in podus.updating.frames.
"""

from __future__ import annotations

import builtins
import operator
import sys
from collections import deque
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
from podus.program.code import LOOKS_AT_ITSELF
from podus.updating.binding import HANDED_OVER
from podus.updating.closures import note_variant
from podus.updating.find import TWINS
from podus.updating.listing import promote_young

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from podus.planning.model import Loop
    from podus.updating.frames import Frames

_OPTIMIZED = 0x01


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
        whole = _overwritten[id(new)][1] if id(new) in _overwritten else new
        made = resume_code(whole, loop.enter, loop.depth, self.state)
        # What is nested in it is what is nested in the procedure itself.
        count = len(without_stubs(whole).co_consts)
        self.code = made.replace(co_consts=(*whole.co_consts[:count], *made.co_consts[count:]))
        note_variant(new, self.code)
        key = id(self.code)
        RESUMED[key] = (ref(self.code, lambda _: RESUMED.pop(key, None) and None), prefix(whole, self.code))
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

    def failed(self, error: BaseException) -> None:
        """Nothing of it can fail."""


class _Next:
    """What a frame that was moved before hands back to the one that has started it."""

    __slots__ = ("call",)

    def __init__(self, call: Any) -> None:
        self.call = call


# Frames on their way: what they become, their unbound variables, and those that a mapper has given.
_leaving: dict[int, tuple[Move, list[str], dict[str, Any] | None]] = {}
# The code whose loops are watched, by id: where a frame may leave it.
WATCHED: dict[int, tuple[ref[CodeType], dict[int, Any]]] = {}


def watch(code: CodeType, table: dict[int, Any]) -> None:
    """Have frames of ``code`` be seen at the offsets in ``table``, each with its :class:`Move` or :class:`Turn`."""
    note(code, table)
    watching.begin(code)


def note(code: CodeType, table: dict[int, Any]) -> None:
    """Know the places at which frames of ``code`` leave, without having them be seen there."""
    key = id(code)
    WATCHED[key] = (ref(code, lambda _: WATCHED.pop(key, None) and None), table)


def unwatch(code: CodeType) -> None:
    """Let them go on unseen."""
    WATCHED.pop(id(code), None)
    watching.end(code)


def _seen(frame: FrameType, offset: int) -> None:
    """A frame of watched code stands at ``offset``, at the beginning of a line or behind a jump."""
    known = WATCHED.get(id(frame.f_code))
    move = None if known is None else known[1].get(offset)
    if move is None:
        return
    try:
        move.owner.arrive(frame, move)
    except Exception as error:
        move.owner.failed(error)


def mapped(move: Move, values: Any) -> dict[str, Any]:
    """What the mapper of a move makes of a frame's variables. Raises TypeError if that is no dict, and what the mapper raises."""
    given = move.mapper(dict(values))
    if not isinstance(given, dict):
        raise TypeError(f"the frame mapper of {move.loop.procedure} gave no dict of variables")
    return given


def leave(frame: FrameType, move: Move, values: Any, given: dict[str, Any] | None) -> None:
    """Send a frame to its exit stub. ``values`` are its variables, ``given`` those that a mapper has made of them."""
    code = frame.f_code
    if is_body(code) and not shift_of(code):
        _leave_body(frame, move)
        return
    line = stub_lines(code)[move.loop.head + shift_of(code)]
    _prepare(frame, move, values, given)
    give_up(code)
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
    WATCHED.pop(id(code), None)
    watching.abandon(code)
    # What is written over are its constants as well, in the very tuple.
    _overwritten[id(code)] = code, code.replace(co_consts=(*code.co_consts,))
    offsets = overwrite(code, landing, move.loop.depth, call, move.state, move.loop.blocks)
    HANDED_OVER.update((id(code), offset) for offset in offsets)
    move.owner.moved += 1


def _prepare(frame: FrameType, move: Move, values: Any, given: dict[str, Any] | None) -> None:
    """Note what becomes of a frame when it comes to its exit stub, which reads all variables."""
    every = names(frame.f_code)
    unbound = [every[slot] for slot in slots(frame.f_code)[0] if every[slot] not in values]
    watching.bind(frame, values, unbound)
    _leaving[id(frame)] = (move, unbound, given)


def give_up(code: CodeType) -> None:
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


# After so many moved frames what was made for them is made old: that many coroutines live long, and to find that out by collections of
# the whole heap would be stalls of many milliseconds.
_MANY = 50
# Code of modules' bodies that has been written over, and as it was before, by its id: it stays, so that no other has that.
_overwritten: dict[int, tuple[CodeType, CodeType]] = {}
# What goes on in the place of such a body, by the id of the code that does so now.
_bodies: dict[int, list[Any]] = {}
# Code of which some frame has handed over.
_shells: dict[int, ref[CodeType]] = {}
# Names by which a procedure may have got hold of its own variables as a dict.


def forget(frame: FrameType) -> None:
    """Let go of the dict that was made to look at a frame's variables: until Python 3.12 it would keep them alive."""
    if not frame.f_code.co_flags & _OPTIMIZED:
        # Its variables are the module's own.
        return
    if sys.version_info < (3, 13) and LOOKS_AT_ITSELF.isdisjoint(frame.f_code.co_names):
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
    forget(frame)
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
    move: Move = next(m for m in WATCHED[id(code)][1].values() if m.loop.head + shift == head)
    if move.owner.turned is not None:
        move.owner.turned(frame)
    _prepare(frame, move, frame.f_locals, None)


if sys.version_info >= (3, 12):
    from podus.updating.monitored import Watching
else:
    from podus.updating.traced import Watching

watching = Watching(_seen)
