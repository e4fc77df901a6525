"""Finding all live instances of some classes without stopping the program for it.

To list the heap (:mod:`~podus.updating.listing`) is complete, but nothing else runs meanwhile: some 30 ms per million objects. In a large
heap we walk instead, from the roots and in short slices, as an incremental garbage collector marks. Such a walk can miss what moves behind its back, or what only C
code or a value stack refers to. So it proves that it has missed nothing: an instance holds a reference to its class, and at one instant
the class has exactly as many references as the instances and the other objects found account for. All that is counted is
owned by what it is counted for, so the account can never be too high, and if it is level, it is complete. If it is not level after two walks,
the heap is listed after all, and :attr:`Search.held_seconds` says what that cost.

Nothing here runs the program's code: it compares by identity, and asks types, never objects.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain, compress, starmap
from operator import and_, attrgetter, call, getitem, gt, not_, or_
from types import FrameType

from podus.threads import sleep
from podus.updating import listing
from podus.updating.breath import Breath
from podus.updating.family import with_subclasses
from podus.updating.listing import FROZEN, at_once
from podus.updating.marks import Marks, position
from podus.updating.reach import (
    MANY,
    OPTIMIZED,
    SNAPSHOTS,
    TOGETHER,
    forget_snapshot,
    frames,
    locals_of,
    parts_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# So many allocated blocks are at most that many objects: to list them then takes about 3 ms at the worst, mostly 1 ms.
SMALL = 150_000
# Seconds of this thread's work that a slice aims at.
SLICE = 0.0003
PASSES = 2
SAMPLES = 300
# Young objects are few, unless collection is off.
YOUNG = 60_000
# Collections of the youngest (700 objects each) between two promotions.
_AGED = 2
# From 3.14 on collections of the old are short slices.
_PROMOTES = sys.version_info < (3, 14)
_HAVE_GC = 1 << 14
# Containers that can be large. Their sizes are asked of these types: a subclass may have a __len__ of its own.
_SIZED: tuple[tuple[type, Callable[[Any], int]], ...] = tuple(
    (kind, kind.__len__) for kind in (list, tuple, dict, set, frozenset, deque)
)
_locals_of = attrgetter("f_locals")


def _refcounts(things: list[Any]) -> Iterator[int]:
    """The reference counts, each with the one of ``things`` and that of the call."""
    return map(sys.getrefcount, things)


# What the call itself adds to a reference count.
_OF_CALL = next(_refcounts([object()])) - 1


class Search:
    """One search for the live instances of ``classes`` and of their subclasses, as they are now.

    Iterate it: it yields lists of instances, none twice, and holds all of them until the end of the iteration. ``breath`` is called after
    each slice and lets others run (:class:`~podus.updating.breath.Breath`). ``bound_seconds`` forbids to list the heap where that is
    expected to hold up the program for longer. ``own`` is what refers to no instances, ``last`` what grows with every one that is yielded, and so
    is looked into when there are hardly any more. While iterating, do not assign ``__class__`` to what was found: the account would not be level.

    Instances that are made while it works may be found or not; those that were alive before are.
    """

    def __init__(
        self,
        classes: Iterable[type],
        breath: Callable[[], None] | None = None,
        bound_seconds: float | None = None,
        *,
        own: Iterable[Any] = (),
        last: Iterable[list[Any]] = (),
    ) -> None:
        # Whether no instance can be missing; known at the end.
        self.complete = False
        # Whether the heap was walked, and the account was level.
        self.walked = False
        self.proved = False
        # Seconds that listing the heap held up all other threads; 0.0 if it was not needed.
        self.held_seconds = 0.0
        # Seconds of the longest slice, in this thread's own time.
        self.longest_seconds = 0.0
        # References to the classes that were not accounted for, at the last count.
        self.missing = 0
        self.count = 0
        self._bound = bound_seconds
        self._own, self._last = list(own), list(last)
        self._breath = breath or Breath(long=True)
        self._wanted = with_subclasses(classes)
        self._ids = frozenset(map(id, self._wanted))
        # Some instances are none of the collector's concern: empty __slots__, or of a subclass of int with such.
        self._hidden = any(not _flags(cls) & _HAVE_GC for cls in self._wanted)
        loose = [tuple, dict, *self._wanted] if self._hidden else []
        self._loose = frozenset(map(id, loose))
        self._found = Marks()
        self._batches: list[list[Any]] = []
        self._new: list[Any] = []
        self._caught: deque[list[Any]] = deque()
        self._catches = 0
        self._watching = False
        # Whether much is made for the instances, and is to be old soon.
        self._promoting = False
        # Objects that refer to a class otherwise than by being its instance, by id.
        self._holders: dict[int, Any] = {}
        # The kinds of objects met, kept alive so that their ids stay theirs; the length function of those that can be large.
        self._kinds: list[type] = []
        self._known: dict[int, Any] = {}
        self._sized: set[int] = set()
        self._visited = Marks()
        self._visits = self._limit = 0
        # What is to be looked into: instances, which are handed over afterwards; what is small; what may be large.
        self._mine: list[Any] = []
        self._plain: list[Any] = []
        self._large: list[Any] = []
        self._pieces: list[tuple[Any, Iterator[list[Any]]]] = []
        self._size = 200

    def __iter__(self) -> Iterator[list[Any]]:
        try:
            if sys.getallocatedblocks() > SMALL or not self._may_hold():
                yield from self._walk_and_prove()
            if not self.complete and self._may_hold():
                yield from self._look_at_all()
        finally:
            self._let_go()

    def promote(self) -> None:
        """Have what was just made for the instances count as old, as it lives as long as they do.

        Left to grow old by itself, so much would make for collections of the whole heap, which are stalls of many milliseconds.
        From then on that is done whenever more has been made than a collection looks through in a millisecond.
        """
        self._promoting = True
        if self._watching and gc.isenabled() and self._catches < YOUNG and gc.get_freeze_count() < FROZEN:
            # What is garbage already would stay, and the account could not be level for the references that it has.
            gc.collect(0)
            # At one instant: what is young is noted, or it would be old and passed by.
            *young, _, _ = at_once(chain(self._young(), starmap(call, [(gc.freeze,), (gc.unfreeze,)])))
            self._catch(young)

    # The two ways

    def _walk_and_prove(self) -> Iterator[list[Any]]:
        callback = self._before_collection
        gc.callbacks.append(callback)
        self._watching = _PROMOTES
        try:
            for _ in range(PASSES):
                self._begin()
                self._add_roots()
                yield from self._walk()
                yield from self._look_into_notes()
                self.walked = True
                yield from self._prove()
                if self.complete:
                    return
        finally:
            self._watching = False
            for place, each in enumerate(gc.callbacks):
                if each is callback:
                    del gc.callbacks[place]
                    break

    def _look_into_notes(self) -> Iterator[list[Any]]:
        """Past the tuples in them, of which there are as many as objects."""
        for notes in self._last:
            for start in range(0, len(notes), TOGETHER):
                inner = piece = notes[start : start + TOGETHER]
                if {*map(type, piece)} == {tuple}:
                    inner = list(chain.from_iterable(piece))
                    # A tuple that refers to a class itself is counted with what it refers to.
                    inner = piece if any(map(self._ids.__contains__, map(id, inner))) else inner
                self._take(inner, [])
                self._breath()
                if self._mine or self._plain or self._large or self._pieces or self._new:
                    yield from self._walk()

    def _prove(self) -> Iterator[list[Any]]:
        """Count often: a thread that is making an instance just now has the class on its stack."""
        seen: set[int] = set()
        for sample in range(SAMPLES):
            level = self._is_level()
            yield from self._hand_over()
            if level:
                self.proved = self.complete = True
                return
            seen.add(self.missing)
            if sample % 30 == 0:
                # What was moved to a stack or made meanwhile.
                self._add_young()
                self._add_stacks()
                yield from self._walk()
            elif sample % 30 == 29:
                if len(seen) == 1:
                    # What is missing stays missing.
                    return
                seen.clear()
            sleep(0.001)

    def _look_at_all(self) -> Iterator[list[Any]]:
        if not self._hidden and gc.get_freeze_count() < FROZEN:
            objects, held = listing.instances(self._wanted)
            self.held_seconds += held
            while objects:
                piece = objects[-2000:]
                del objects[-2000:]
                self._note({id(thing): thing for thing in piece})
                yield from self._hand_over()
                self._breath()
            self.complete = True
            return
        # What is frozen, or never tracked, is not listed; but what refers to it is.
        objects, held = listing.everything()
        self.held_seconds += held
        self._begin()
        self._add_roots()
        while objects:
            piece = objects[-MANY:]
            del objects[-MANY:]
            self._take(piece, [])
            yield from self._walk()
        yield from self._prove()

    def _may_hold(self) -> bool:
        objects = self._visits if self.walked else sys.getallocatedblocks() // 2
        each = listing.EVERYTHING if self._hidden else listing.seconds_each(len(self._wanted))
        return self._bound is None or objects * each <= self._bound

    # Walking

    def _begin(self) -> None:
        self._visited = Marks()
        self._visits = 0
        # A program that makes new objects faster than they are looked at could be followed for ever.
        self._limit = sys.getallocatedblocks() + YOUNG
        own = [self, self._found, self._batches, self._holders, self._kinds, self._known, self._wanted]
        own += [self._mine, self._plain, self._large, self._pieces, self._caught]
        own += [self._own, *self._own, self._last, *self._last]
        own += [module for module in (listing.asyncio_module(),) if module is not None]
        for start in range(0, len(own), TOGETHER):
            self._visited.fresh({id(thing): thing for thing in own[start : start + TOGETHER]})

    def _add_roots(self) -> None:
        modules = sys.modules
        self._take([modules, *list(modules.values()), *self._wanted], [])
        if listing.asyncio_module() is not None:
            self._take([vars(listing.asyncio_module())], [])
        signals = modules.get("_signal")
        if signals is not None:
            self._take([signals.getsignal(number) for number in signals.valid_signals()], [])
        self._add_young()
        self._add_stacks()

    def _add_young(self) -> None:
        young = at_once(listing.without_tuples(listing.young()))
        while young:
            piece = young[-MANY:]
            del young[-MANY:]
            self._take(piece, [])
            self._breath()

    def _add_stacks(self) -> None:
        raised: list[Any] = []
        for error in sys._current_exceptions().values():
            raised += error if type(error) is tuple else (error,)
        self._take(raised, [])
        for frame in frames(globals()):
            self._take(list(locals_of(frame).values()), [])
            self._breath()

    def _walk(self) -> Iterator[list[Any]]:
        while True:
            since = time.thread_time()
            if self._visits > self._limit:
                self._note({id(thing): thing for thing in self._mine})
                for waiting in (self._mine, self._plain, self._large, self._pieces):
                    waiting.clear()
            if not self._step():
                break
            spent = time.thread_time() - since
            self.longest_seconds = max(self.longest_seconds, spent)
            if spent > SLICE:
                self._size = max(32, self._size // 2)
            elif spent < SLICE / 2:
                self._size = min(500, self._size + 50)
            self._breath()
            yield from self._hand_over()
            self._breath()
            if self._promoting and gc.get_count()[1] > _AGED:
                self.promote()
                self._breath()

    def _step(self) -> bool:
        """Look at what some objects refer to, the last found first: so little is kept waiting, and alive.

        Instances first, as they are handed over then: what is made for them afterwards need not be looked into.
        """
        if self._mine:
            batch = self._mine[-self._size :]
            del self._mine[-self._size :]
            self._take(gc.get_referents(*batch), batch)
            self._note({id(thing): thing for thing in batch})
        elif self._plain:
            batch = self._plain[-self._size :]
            del self._plain[-self._size :]
            self._take(gc.get_referents(*batch), batch)
        elif self._large:
            batch = self._large[-self._size :]
            lengths: list[int] = list(
                map(call, map(self._known.__getitem__, map(id, map(type, batch))), batch)
            )
            fit = max(1, position(list(accumulate(reversed(lengths))), TOGETHER))
            batch = batch[-fit:]
            del self._large[-fit:]
            if lengths[-1] > TOGETHER:
                self._pieces.append((batch[0], parts_of(batch[0])))
            else:
                self._take(gc.get_referents(*batch), batch)
        elif self._pieces:
            container, pieces = self._pieces[-1]
            piece = next(pieces, None)
            if piece is None:
                self._pieces.pop()
            else:
                self._take(piece, [container], items=True)
        else:
            return False
        return True

    def _take(self, refs: list[Any], owners: list[Any], *, items: bool = False) -> None:
        """Note the instances in ``refs``, which ``owners`` refer to, and put what is new on the list of what to look into."""
        keep: Iterable[bool] = map(gc.is_tracked, refs)
        if self._loose:
            keep = map(or_, keep, map(self._loose.__contains__, map(id, map(type, refs))))
        things = list(compress(refs, keep))
        ids = list(map(id, things))
        hits = sum(map(self._ids.__contains__, ids))
        if hits and owners:
            if items:
                self._holders[id(owners[0])] = owners[0]
            elif hits > sum(map(self._ids.__contains__, map(id, map(type, owners)))):
                self._note_holders(owners)
        fresh = self._visited.fresh(dict(zip(ids, things, strict=True)))
        self._visits += len(fresh)
        kinds = list(map(id, map(type, fresh)))
        if not self._known.keys() >= set(kinds):
            self._learn(fresh)
        if not self._ids.isdisjoint(kinds):
            mine = list(map(self._ids.__contains__, kinds))
            large = list(map(and_, mine, map(self._sized.__contains__, kinds)))
            self._note({id(thing): thing for thing in compress(fresh, large)})
            self._large += compress(fresh, large)
            self._mine += compress(fresh, map(gt, mine, large))
            others = list(map(not_, mine))
            fresh, kinds = list(compress(fresh, others)), list(compress(kinds, others))
        large = list(map(self._sized.__contains__, kinds))
        self._large += compress(fresh, large)
        self._plain += compress(fresh, map(not_, large))

    def _learn(self, things: list[Any]) -> None:
        """Note which of the kinds of ``things`` can be large."""
        for kind in map(type, things):
            if id(kind) not in self._known:
                length = next((length for base, length in _SIZED if issubclass(kind, base)), None)
                self._kinds.append(kind)
                self._known[id(kind)] = length
                if length is not None:
                    self._sized.add(id(kind))

    def _note_holders(self, owners: list[Any]) -> None:
        for owner in owners:
            hits = sum(map(self._ids.__contains__, map(id, gc.get_referents(owner))))
            if hits > (id(type(owner)) in self._ids):
                self._holders[id(owner)] = owner

    def _note(self, mine: dict[int, Any]) -> None:
        self._new += self._found.fresh(mine)

    def _note_caught(self) -> None:
        # Only as many as there are now: more may be caught faster than they are noted.
        lists = [self._caught.popleft() for _ in range(len(self._caught))]
        if lists:
            self._note({id(thing): thing for thing in chain.from_iterable(lists)})

    def _hand_over(self) -> Iterator[list[Any]]:
        self._note_caught()
        if self._new:
            batch, self._new = self._new, []
            self._batches.append(batch)
            self.count += len(batch)
            yield list(batch)

    def _before_collection(self, phase: str, info: dict[str, int]) -> None:
        """Keep young instances before they are old ones that the walk has passed by. Runs in whatever thread collects."""
        # What is held for the account makes for more collections in turn, so there is an end to it.
        if phase == "start" and info["generation"] > 0 and self._catches < YOUNG:
            self._catch(at_once(self._young()))

    def _young(self) -> Iterator[Any]:
        """The young instances, to be run through in one call."""
        return listing.of_kinds(listing.young(), self._ids)

    def _catch(self, young: list[Any]) -> None:
        self._catches += len(young)
        self._caught.append(young)

    # The proof

    def _is_level(self) -> bool:
        """Whether every reference to the classes is accounted for."""
        # What is caught from here on may be younger than the count.
        self._note_caught()
        mine = self._ids.__contains__
        pairs, snapshots = self._in_frames()
        holders = self._holders | {id(each): each for each in snapshots}
        for each in (self._wanted, self._holders, self._kinds):
            holders.pop(id(each), None)
        frames = [frame for frame, _ in pairs]
        names = [name for _, name in pairs]
        referring = tuple(holders.values())
        lengths = [length(each) for each in referring if (length := self._known.get(id(type(each))))]
        if sum(lengths) + len(lengths) > YOUNG:
            # That much can't be looked at in an instant.
            return False
        values: Iterator[Any] = map(getitem, map(_locals_of, frames), names)
        referents = starmap(gc.get_referents, [referring])
        try:
            seen = at_once(chain(values, _refcounts(self._wanted), referents, self._young()))
        except KeyError:
            # A local is no longer bound.
            return False
        finally:
            for frame in dict.fromkeys(frames):
                forget_snapshot(frame)
        locals_, rest = seen[: len(names)], seen[len(names) :]
        counts = sum(rest[: len(self._wanted)]) - len(self._wanted) * _OF_CALL
        referents_, *young = rest[len(self._wanted) :]
        self._note({id(thing): thing for thing in young})
        own = gc.get_referents(self._wanted, self._holders, self._kinds, holders, referring)
        # The values of locals were in the list already when the references were counted.
        accounted = sum(map(mine, map(id, chain(locals_, locals_, referents_, own))))
        # Instances, one each; but a holder's reference to its class has been counted with its others.
        accounted += self.count + len(self._new)
        accounted -= sum(map(mine, map(id, map(type, referring))))
        self.missing = counts - accounted
        return self.missing == 0

    def _in_frames(self) -> tuple[list[tuple[FrameType, str]], list[Any]]:
        """Where a class is a local of a running frame; and the frames' snapshots, which refer to it too."""
        pairs: list[tuple[FrameType, str]] = []
        snapshots: list[Any] = []
        for frame in frames(globals()):
            if not frame.f_code.co_flags & OPTIMIZED or id(frame) in self._holders:
                continue
            plain = set(frame.f_code.co_varnames).difference(frame.f_code.co_cellvars)
            names = [
                name for name, value in locals_of(frame).items() if id(value) in self._ids and name in plain
            ]
            pairs += [(frame, name) for name in names]
            if names and SNAPSHOTS:
                snapshots.append(frame.f_locals)
        return pairs, snapshots

    def _let_go(self) -> None:
        """Let go of what was held, piece by piece."""
        for each in (self._batches, self._mine, self._plain, self._large, self._pieces):
            while each:
                del each[-100:]
                self._breath()
        self._holders.clear()
        self._kinds.clear()
        self._visited = self._found = Marks()


def _flags(cls: type) -> int:
    return int(type.__dict__["__flags__"].__get__(cls))
