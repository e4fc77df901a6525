"""Dynamic type replacement: the live objects of a changed class get their new form, at their next use or before.

Two kinds of hook stand on a class meanwhile. A field that is new and a constant or a fresh container gets a :class:`Missing`: a
descriptor that an object's own value hides, so that only objects without the field come to it. Where an object must be converted
before anything of it is used (a mapper, a field computed from others, a cached value that is stale), every access to an attribute
goes through a hook that converts the object first. Objects are told apart by a register of those that have the new form: whatever
is made while the hooks stand has it. When all are converted the hooks go, and nothing is left in the class or its objects.

After Fabry's typed objects, which carry their version ("How to Design a System in Which Modules Can Be Changed on the Fly", 1976).
Nothing here asks for an object's ``__dict__``: up to Python 3.12 an object whose ``__dict__`` was made is slower ever after.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from itertools import count, repeat, starmap
from operator import call
from time import thread_time
from types import FunctionType

from podus.errors import Refused
from podus.planning.model import ObjectPart
from podus.threads import allocate_lock, get_ident
from podus.updating.apart import Apart, apart, done
from podus.updating.binding import Switch
from podus.updating.breath import let_go
from podus.updating.claims import Claim, Claims, Taken
from podus.updating.converter import converter
from podus.updating.fill import filler, give, is_plain, lacking
from podus.updating.heap import SMALL
from podus.updating.held import (
    GONE,
    ByKind,
    Missing,
    Unset,
    class_default,
    class_has,
    class_sets,
    default_of,
    has_own,
    held_by,
    plain_names,
)
from podus.updating.hooks import delete_hook, get_hook, part_of, register, set_hook
from podus.updating.kept import Kept
from podus.updating.midway import Midway
from podus.updating.notes import Notes
from podus.updating.slots import Room

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.converter import Converter

_read = object.__getattribute__
_write = object.__setattr__
_delete = object.__delattr__
# Objects that are filled at one go, at first and at most; seconds that it should take.
_TOGETHER, _MOST = 20, 200
_AT_ONE_GO = 0.0001


class MapperFailed(Refused):
    """A mapper raised when an object was converted: the update is backed out."""


class Conversion:
    """The conversion of the live objects of one class.

    ``derived`` are the derived mappers by field, ``convert`` the person's mapper (or None), ``reverse`` its way back. ``claims`` are those of all
    conversions of an update, for a mapper may look at other objects; ``failed`` is told of an error in some thread of the program.
    """

    def __init__(
        self,
        cls: type,
        part: ObjectPart,
        derived: dict[str, FunctionType],
        *,
        convert: Callable[[Any], Any] | None,
        reverse: Callable[[Any], Any] | None,
        claims: Claims,
        failed: Callable[[BaseException], None],
        kept: Kept | None,
    ) -> None:
        self.cls = cls
        self.part = part
        self.convert = convert
        self.reverse = reverse
        self.failed = failed
        # What an earlier update dropped of these objects, to be given back.
        self.kept = kept
        # What this one drops, for the way back.
        self.dropped = Kept([*part.gone, *part.hidden])
        self.midway = Midway(part, derived, self._value)
        self.left: Kept | None = None
        # How many objects were converted: by several threads.
        self._converted = count()
        self.done = 0
        # Whether an object must be converted before anything of it is used.
        self.converts = part.converts
        # What takes the hooks away.
        self.unhooking: list[Op] = []
        self._fields = {f.name: derived.get(f.name) for f in part.fields if f.how in ("derived", "default")}
        # New fields that only some objects get, with those that these hold.
        self._beside = {f.name: f.beside for f in part.fields if f.beside}
        # Fields that are worked out whatever is kept of them.
        self._anew = {f.name for f in part.fields if f.anew}
        if kept is not None:
            self._fields |= {
                f.name: None for f in part.fields if f.name in kept.names and f.name not in self._fields
            }
        # Ids of the objects that have the new form; those that are being given it.
        self._new: tuple[set[int], ...] = register() if part.converts else ()
        self._taken = Taken(claims)
        self._passing = False
        # Each converted object, the names that were set, what they were before and what they became: while the update can be backed out
        # from the middle.
        self._before = Notes()
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        # Fields -> the objects that were given them. No tuple for each object: so many would have the whole heap collected.
        self._filled: dict[str, Notes] = {}
        # The hooks that stand for plain fields, and for which kinds of object they are what is met.
        self._hooks: dict[str, Missing] = {}
        self._simple = False
        self._together = _TOGETHER
        self._kinds = ByKind()
        # How objects of a class are given what they lack: for the hooks, which then need nothing else.
        self.fillers = ByKind()
        self._made: Callable[[Any], None] | None = None
        self._making = allocate_lock()
        # The stand-ins that the mapper works on, if it can do with them.
        self._apart: Apart | None = None
        self._quick: Converter | None = None
        # What classes have and compute, by class and name, for as long as one batch takes. By id: who searches the heap counts references.
        self._facts: dict[tuple[int, str], bool] = {}
        self._covers: dict[tuple[int, str], bool] = {}
        self._remember = True
        self._going = (*part.gone, *part.hidden)
        self._leaving: tuple[str, ...] = ()
        # New fields that only an object itself can have, and those for which the class has a value as well.
        self._plain: list[str] = []
        self._covered: list[str] = []
        # Fields whose name the class computes: now (what the mapper reads is what the object holds), or until the update is complete.
        self._uncovered = {f.name for f in part.fields if class_sets(cls, f.name)}
        # A descriptor may not know how to delete what the object holds.
        self._raw = self._uncovered | set(part.hidden) | {n for n in part.gone if class_sets(cls, n)}
        # By which fields a fresh object is told from an old one: those that no class gives a value.
        self._marks = [n for n in part.before if n not in self._raw and not class_has(cls, n)]

    # ---- the hooks

    def hooks(self, planned: Callable[[type, str], Any]) -> Switch:
        """The hooks to put on the class. ``planned(cls, name)`` is the attribute that the update gives the class, or GONE."""
        switch = Switch()
        covered = [n for n in self._fields if planned(self.cls, n) is not GONE or class_has(self.cls, n)]
        # A value that is given back must not be hidden by the class's own meanwhile.
        self.converts = self.part.converts or (
            self.kept is not None and any(n in self.kept.names and n not in self._raw for n in covered)
        )
        if self.converts:
            self._leaving = (*self.part.gone, *self.part.stale)
            self._new = self._new or register()
            before: list[Any] = []
            for name, make in (
                ("__getattribute__", partial(get_hook, self.cls, self._new, self._prepare)),
                ("__setattr__", partial(set_hook, self.cls, self._new, self._store)),
                ("__delattr__", partial(delete_hook, self.cls, self._new, self._store)),
            ):
                own = planned(self.cls, name)
                own = self.cls.__dict__.get(name) if own is GONE else own
                before.append(own)
                hook = make(own)
                switch.do.append((type.__setattr__, self.cls, name, hook))
                if own is None:
                    switch.undo.append((type.__delattr__, self.cls, name))
                else:
                    switch.undo.append((type.__setattr__, self.cls, name, own))
            self._apart = apart(self.cls, self.convert, before, (*self._going, *self.part.stale))
            if self._apart is not None and not (self._fields or self._raw or self.kept is not None):
                self._quick = converter(
                    self._apart, self._marks, self.dropped, self._before, self._converted, self._touched
                )
            self.unhooking = switch.undo[::-1]
            return switch
        for name in self._fields:
            room = planned(self.cls, name)
            if room is GONE:
                # The slot that a base gets.
                above = (planned(base, name) for base in self.cls.__mro__[1:])
                room = next((found for found in above if isinstance(found, Room)), GONE)
            own = isinstance(room, Room) or (room is GONE and not class_has(self.cls, name))
            (self._plain if own else self._covered).append(name)
            if isinstance(room, Room):
                switch.set_attribute(room, "fill", self._fill_room)
            elif room is GONE and not class_has(self.cls, name):
                slot = self.cls.__dict__.get(name)
                if slot is None:
                    self._hooks[name] = Missing(self, name)
                hook = self._hooks[name] if slot is None else Unset(self, name, slot)
                switch.set_class_attribute(self.cls, name, hook)
        self._filled = {name: Notes() for name in self._hooks}
        plain = self._hooks.keys() == self._fields.keys() and not self._beside
        self._simple = self.kept is None and not self._going and plain
        self.unhooking = switch.undo[::-1]
        return switch

    def _prepare(self, obj: Any, name: str) -> tuple[Any] | None:
        """An object that may be old is about to be read: convert it; the value itself where its mapper asks."""
        if self._passing:
            return None
        claim = self._at_work(obj)
        if claim is None:
            return None
        overlay = claim.names()
        if name in overlay:
            if overlay[name] is GONE:
                raise AttributeError(f"{type(obj).__name__!r} object has no attribute {name!r}")
            return (overlay[name],)
        if self._stands_in(claim, name):
            raise AttributeError(f"{type(obj).__name__!r} object has no attribute {name!r}")
        if name in self.part.hidden:
            # The class has a property or method of this name now; the mapper means what the object holds.
            return (_read(obj, "__dict__")[name],)
        return None

    def _store(self, obj: Any, name: str, value: Any) -> bool:
        """An object that may be old is about to be written: convert it. True if this is its mapper, whose writes are kept back."""
        if self._passing:
            return False
        claim = self._at_work(obj)
        if claim is None:
            return False
        overlay = claim.names()
        if name not in overlay and name not in self._uncovered:
            kind = id(type(obj))
            sets = self._facts.get((kind, name))
            if sets is None:
                sets = self._facts[kind, name] = class_sets(type(obj), name)
            if sets:
                return False
        claim.touched = True
        if value is GONE and self._stands_in(claim, name):
            overlay.pop(name, None)
        else:
            overlay[name] = value
        return True

    def _at_work(self, obj: Any) -> Claim | None:
        """The work on ``obj`` in whose middle this is; if there is none, the object has its new form now."""
        claim = self._taken.by_me(obj)
        if claim is not None:
            return claim
        self._forget_classes()
        return self._convert(obj)

    def _stands_in(self, claim: Claim, name: str) -> bool:
        """Whether a stand-in at work has this attribute if its object has it."""
        return claim.stand_in is not None and self._apart is not None and name in self._apart.used

    # ---- converting one object

    def _convert(self, obj: Any) -> Claim | None:
        """Give ``obj`` its new form at one instant; nothing if it has it. Raises MapperFailed if its mapper raises.

        Returns another thread's work on it if that waits for this thread.
        """
        ident = id(obj)
        mine = Claim(get_ident())
        taken = self._taken
        opened = taken.open
        try:
            # What it does in the end; mostly nobody else is there.
            first = taken.all is None and opened.setdefault(ident, mine) is mine and taken.all is None
            claim = mine if first else taken.take(obj, mine)
            if claim is not mine:
                return claim if opened.get(ident) is claim else None
            self._convert_alone(obj, mine)
        finally:
            taken.release(obj, mine)
        return None

    def _convert_alone(self, obj: Any, claim: Claim) -> None:
        ident = id(obj)
        new = part_of(self._new, ident)
        if ident in new or self._passing:
            return
        overlay = claim.overlay
        try:
            if self._quick is not None and self._quick(obj, claim, new, self._remember):
                return
            if self._is_fresh(obj):
                new.add(ident)
                return
            had = self._map(obj, claim)
        except Exception as error:
            failure = MapperFailed(
                f"the mapper of {self.part.cls} raised {type(error).__name__}: {error}",
                "mend the mapper and update again",
            )
            self.failed(failure)
            raise failure from error
        ops, before_it = self._assignments(obj, overlay, had)
        self._note(obj, before_it, overlay)
        ops.append((new.add, ident))
        deque(starmap(call, ops), 0)
        next(self._converted)

    def _forget_classes(self) -> None:
        self._facts.clear()
        self._covers.clear()

    def _is_fresh(self, obj: Any) -> bool:
        """Whether nothing has been set on the object yet: then what is being made is one of the new form."""
        if not self._marks:
            empty = class_has(type(obj), "__dict__") and not _read(obj, "__dict__")
            # One that an earlier update has left without any is none.
            return empty and not (self.kept is not None and self.kept.take(obj))
        for name in self._marks:
            try:
                _read(obj, name)
            except AttributeError:
                continue
            return False
        return True

    def _held(self, obj: Any, name: str) -> Any:
        """The object's own value of this name, or GONE."""
        kind = type(obj)
        hidden = self._covers.get((id(kind), name))
        if hidden is None:
            hidden = name in self._raw or (class_has(kind, name) and class_has(kind, "__dict__"))
            self._covers[id(kind), name] = hidden
        if hidden:
            return plain_names(obj).get(name, GONE)
        try:
            return _read(obj, name)
        except AttributeError:
            return GONE

    def _map(self, obj: Any, claim: Claim) -> dict[str, Any]:
        """Find out what is to be set; returns what is known of what the object holds."""
        had: dict[str, Any] = {}
        overlay = claim.overlay
        if self.convert is not None:
            if self._apart is not None and self._apart.takes(type(obj)):
                given, had = self._apart.work(obj, claim)
                overlay.update(given)
            else:
                self.convert(obj)
        kept = self.kept.take(obj) if self.kept is not None else {}
        for name, function in self._fields.items():
            if name in overlay or not self._gets(obj, name):
                continue
            if name in kept and (name not in self._anew or self._goes_on_as(obj, kept[name])):
                overlay[name] = kept[name]
            elif held_by(obj, name, name in self._raw) is GONE:
                overlay[name] = self._value(obj, name, function)
        left = self.left.take(obj) if self.left is not None else ()
        for name in self._leaving:
            if name not in overlay and name not in left and self._held(obj, name) is not GONE:
                overlay[name] = GONE
        for name in self.part.hidden:
            if overlay.get(name, GONE) is GONE:
                overlay[name] = GONE
        return had

    def _goes_on_as(self, obj: Any, value: Any) -> bool:
        """Whether a field that goes still holds what another one gave it: nothing has been set since, whatever a property makes of that."""
        return any(self._held(obj, name) is value for name in self._going)

    def _gets(self, obj: Any, name: str) -> bool:
        """Whether the object gets a new field at all."""
        beside = self._beside.get(name)
        return beside is None or held_by(obj, beside, beside in self._raw) is not GONE

    def _touched(self, obj: Any, stand_in: Any, had: dict[str, Any]) -> list[tuple[str, Any, Any]]:
        """What is to be set on an object to which others have come in the middle of its mapper's work: names, what they are and what they become."""
        given = done(vars(stand_in), {name: value for name, value in had.items() if value is not GONE})
        given |= {name: GONE for name in self._leaving if had[name] is not GONE}
        return [(name, had[name] if name in had else self._held(obj, name), given[name]) for name in given]

    def _value(self, obj: Any, name: str, function: FunctionType | None) -> Any:
        return class_default(self.cls, name, obj) if function is None else function(obj)

    def _assignments(
        self, obj: Any, overlay: dict[str, Any], had: dict[str, Any] | None = None
    ) -> tuple[list[Op], dict[str, Any]]:
        """The operations that give ``obj`` what is in ``overlay``, and what it has now of these names: ``had``, as far as that is known."""
        ops: list[Op] = []
        before: dict[str, Any] = {}
        for name, value in overlay.items():
            before[name] = held = had[name] if had and name in had else self._held(obj, name)
            if name in self._raw:
                # Generic access would come to the class's property first. One with slots only has no such field.
                own = plain_names(obj)
                ops.append(
                    (dict.pop, own, name, None) if value is GONE else (dict.__setitem__, own, name, value)
                )
            elif value is not GONE:
                ops.append((_write, obj, name, value))
            elif held is not GONE:
                ops.append((_delete, obj, name))
        if self._going:
            dropped = {n: before[n] for n in self._going if n in before and before[n] is not GONE}
            if dropped:
                self.dropped.keep(obj, dropped)
        return ops, before

    def _note(self, obj: Any, before: dict[str, Any], given: dict[str, Any]) -> None:
        """Note for the way back what an object held and what it holds now: in one tuple, as there are so many."""
        if self._remember:
            names = self._names.setdefault(names := tuple(given), names)
            self._before.of(id(obj)).append((obj, names, *before.values(), *given.values()))

    # ---- filling what is missing

    def fill(self, obj: Any, wanted: str = "") -> bool:
        """Give ``obj`` the new fields that it lacks; drop those that are gone, when none is asked for.

        False: it does not get what is ``wanted``, or another thread is at that, and waits for this one.
        """
        kind = type(obj)
        if self._simple and self._meets_hooks(kind):
            with self._making:
                if self._simple:
                    self.fillers.note(kind, self._filler(kind))
            if fill := self.fillers.get(id(kind)):
                fill(obj)
                return True
        mine = Claim(get_ident())
        try:
            if self._taken.take(obj, mine) is not mine:
                return False
            lacking = [name for name in self._lacking(obj) if self._gets(obj, name)]
            if lacking:
                self._give(obj, lacking)
            if self._going and not wanted:
                self._drop(obj)
            return not wanted or self._gets(obj, wanted)
        finally:
            self._taken.release(obj, mine)

    def _meets_hooks(self, kind: type) -> bool:
        """Whether it is the hooks that an object of this class comes to, if it lacks the fields."""
        found = self._kinds.get(id(kind))
        if found is None:
            owners = [next((c for c in type.mro(kind) if name in c.__dict__), None) for name in self._hooks]
            found = self._kinds.note(kind, all(owner is self.cls for owner in owners))
        return bool(found)

    def _fill_all(self, objects: list[Any]) -> None:
        """Give the objects what they lack. Nobody has them meanwhile: whoever is first gives it."""
        for name, hook in self._hooks.items():
            needy = lacking(hook, objects)
            function = self._fields[name]
            try:
                if function is not None:
                    values = list(map(function, needy))
                else:
                    values = [class_default(self.cls, name, obj) for obj in needy]
            except Exception as error:
                raise self._not_given(error) from error
            give(hook, needy, values, self._filled[name] if self._remember else None)

    def _filler(self, kind: type) -> Callable[[Any], None]:
        """What gives an object of ``kind`` what it lacks. One is made as long as what is filled has to be remembered: that takes a thousand times as long as to use it."""
        if not is_plain(kind) or not all(map(str.isidentifier, self._hooks)):
            return lambda obj: self._fill_all([obj])
        if self._made is None:
            makers = [self._fields[name] or default_of(self.cls, name) for name in self._hooks]
            notes = [self._filled[name] for name in self._hooks] if self._remember else []
            self._made = filler(list(self._hooks.values()), makers, notes, self._not_given)
        return self._made

    def _not_given(self, error: Exception) -> MapperFailed:
        failure = MapperFailed(
            f"{self.part.cls} can't be given its new fields: {type(error).__name__}: {error}",
            f"give a mapper for {self.part.cls}",
        )
        self.failed(failure)
        return failure

    def _lacking(self, obj: Any) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for name in self._plain:
            try:
                _read(obj, name)
            except AttributeError:
                found += (name,)
        for name in self._covered:
            if held_by(obj, name, name in self._raw) is GONE:
                found += (name,)
        return found

    def _give(self, obj: Any, lacking: list[str]) -> None:
        try:
            kept = self.kept.take(obj) if self.kept is not None else {}
            for name in lacking:
                stays = name in kept and (name not in self._anew or self._goes_on_as(obj, kept[name]))
                value = kept[name] if stays else self._value(obj, name, self._fields[name])
                if name in self._raw:
                    _read(obj, "__dict__")[name] = value
                else:
                    _write(obj, name, value)
        except Exception as error:
            raise self._not_given(error) from error
        if self._remember:
            for name in lacking:
                self._filled.setdefault(name, Notes()).of(id(obj)).append(obj)

    def look_for_own(self, objects: Iterable[Any], early: Collection[tuple[int, str]] = ()) -> None:
        """Note which of the objects have a new field already: see :class:`~podus.updating.midway.Midway`."""
        self.midway.look(objects, self._raw, early)

    def _drop(self, obj: Any) -> None:
        left = self.left.take(obj) if self.left is not None else ()
        going = [n for n in self._going if n not in left]
        values = {n: GONE for n in going if held_by(obj, n, n in self._raw) is not GONE}
        if values:
            ops, before = self._assignments(obj, values)
            self._note(obj, before, values)
            deque(starmap(call, ops), 0)

    def _fill_room(self, obj: Any, name: str) -> None:
        if issubclass(type(obj), self.cls) and not self.looks(obj):
            self.fill(obj, name)

    def looks(self, obj: Any) -> bool:
        """Whether this very thread is looking at what ``obj`` has: then a missing field is missing."""
        everything = self._taken.all
        if everything is not None and everything.thread == get_ident():
            return True
        return self._taken.by_me(obj) is not None

    # ---- all of them

    def bring(self, objects: list[Any], breath: Callable[[], None]) -> None:
        """Convert these objects, all of one class, if they are not. Raises MapperFailed."""
        self._kinds.clear()
        self.fillers.clear()
        if self._apart is not None:
            self._apart.kinds.clear()
        start = 0
        while piece := objects[start : start + self._together]:
            start += len(piece)
            self._forget_classes()
            if self.converts:
                for obj in piece:
                    if id(obj) not in part_of(self._new, id(obj)):
                        self._convert(obj)
                        breath()
            elif self._simple and self._meets_hooks(type(piece[0])):
                since = thread_time()
                self._fill_all(piece)
                spent = thread_time() - since
                if spent > _AT_ONE_GO:
                    self._together = max(_TOGETHER, self._together // 2)
                elif len(piece) == self._together and spent < _AT_ONE_GO / 2:
                    self._together = min(_MOST, self._together + _TOGETHER)
            else:
                for obj in piece:
                    self.fill(obj)
                    breath()
            breath()

    def restore(self, objects: Iterable[Any]) -> None:
        """Give back their old form to all: ``objects`` are those that live. The hooks let everything pass afterwards.

        An object that is as its conversion left it gets just what it had; one that has changed since goes through the reverse mapper.
        """
        mine = self._taken.take_all()
        try:
            with self._making:
                self._remember = self._simple = False
                self.fillers.clear()
            self._forget_classes()
            self._restore(objects)
            self._passing = True
        finally:
            self._taken.release_all(mine)

    def _restore(self, objects: Iterable[Any]) -> None:
        for name, filled in self._filled.items():
            for obj in filled.take():
                if has_own(obj, name):
                    _delete(obj, name)
        for obj, names, *values in self._before.take():
            given = values[len(names) :]
            if self.reverse is None or all(map(self._holds, repeat(obj), names, given)):
                ops, _ = self._assignments(obj, dict(zip(names, values, strict=False)))
                deque(starmap(call, ops), 0)
                self._forget(obj)
        if self.midway.gives and sys.getallocatedblocks() <= SMALL:
            self.midway.give_back(objects)
        if self.reverse is not None:
            # What has been made, or has changed, since.
            for obj in objects:
                if self._new and id(obj) in part_of(self._new, id(obj)):
                    self._go_back(obj, self.reverse)

    @property
    def registers(self) -> tuple[set[int], ...]:
        """The ids of the objects that have the new form."""
        return self._new

    def notes(self) -> list[list[Any]]:
        """What grows with each object that is converted, and refers to them."""
        return [part for notes in (self._before, *self._filled.values()) for part in notes.parts]

    def remembered(self) -> Iterable[tuple[Any, ...]]:
        """What holds the class, and objects of which something is noted for the way back, in tuples."""
        return [*self.unhooking, *self._before]

    def _forget(self, obj: Any) -> None:
        """The object no longer has the new form."""
        if self._new:
            part_of(self._new, id(obj)).discard(id(obj))

    def _holds(self, obj: Any, name: str, value: Any) -> bool:
        """Whether the object still holds what its conversion gave it."""
        return held_by(obj, name, name in self._raw) is value

    def _go_back(self, obj: Any, reverse: Callable[[Any], Any]) -> None:
        claim = self._taken.open[id(obj)] = Claim(get_ident())
        self._forget(obj)
        try:
            reverse(obj)
        finally:
            self._taken.release(obj, claim)
        ops, _ = self._assignments(obj, claim.overlay)
        deque(starmap(call, ops), 0)

    def settle(self) -> None:
        """The update is complete: from now on the way back is an update of its own."""
        with self._making:
            self._remember = False
            self._made = None
            self.fillers.clear()
        # Who is at work on an object may still note it.
        self._taken.wait()
        self.done = next(self._converted) + max(map(len, self._filled.values()), default=0)
        for filled in self._filled.values():
            filled.let_go()
        self._before.let_go()

    def let_go(self) -> None:
        """All is over and the hooks are gone: let go of the register piece by piece. Left to whoever is the last to leave a hook, it would be a stall."""
        self._passing = True
        for part in self._new:
            let_go(part)

    def after_fork(self) -> None:
        """In a forked child: whoever was converting is not here, unless it has forked itself."""
        self._making = allocate_lock()
        self._taken.after_fork()
