"""Names that the new version does not have any more, and that code which is left over still says.

A procedure that was removed may be a thread's loop, a callback in somebody's list, or a method of an object that lives on: it goes on
as it is, and must find what it names. So such a name stays until nobody is left who says it; a name that nobody needs goes with the switch.
"""

from __future__ import annotations

import sys
import time
from itertools import repeat
from operator import is_
from types import (
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)

from podus.program.code import SUSPENDS, is_procedure, nested, walk
from podus.updating.binding import active_ids
from podus.updating.find import suspended
from podus.updating.gates import idle_forwards
from podus.updating.heap import SMALL
from podus.updating.listing import holding, referring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.evaluate import Evaluation
    from podus.updating.footprint import Footprint
    from podus.updating.staging import Stage

_FUNCTIONS = frozenset({id(FunctionType)})
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)
# Seconds for which an update waits for those to leave who say a name that goes.
_LEAVING = 0.25


class Leftover:
    """A procedure as it was in a version that is gone. ``qualname`` is of ``module``; ``gone``: the new version has none of that name."""

    def __init__(self, module: ModuleType, qualname: str, code: CodeType, *, gone: bool) -> None:
        self.name = f"{module.__name__}:{qualname}"
        self.code = code
        self.gone = gone
        self.says = {name for part in walk(code) for name in part.co_names}
        # Procedures inside it are left over by themselves.
        self.own = {id(code), *(id(part) for part in nested(code) if not is_procedure(part))}
        # Where its name is, or that of the class around it that is gone as well.
        self.place = ""
        self.namespace: Any = module.__dict__

    def find(self, module: ModuleType, removed: set[tuple[int, str]]) -> None:
        """Look where its name is, while it is; ``removed`` are the names that go, by the ids of their namespaces."""
        around: Any = module.__dict__
        for word in (
            () if "<locals>" in self.name else self.name.partition(":")[2].partition("#")[0].split(".")
        ):
            names = vars(around) if isinstance(around, type) else around
            if word not in names:
                return
            if (id(around), word) in removed:
                self.place, self.namespace = word, around
                return
            around = names[word]
            if not isinstance(around, type):
                return

    def needs(self, key: tuple[int, str], op: Op) -> bool:
        """Whether the name that ``op`` takes away may be what it says."""
        if key[1] not in self.says:
            return False
        owner = op[1]
        if not isinstance(owner, type):
            return True
        if self.name.rpartition(".")[0] != f"{owner.__module__}:{owner.__qualname__}":
            return True
        # What is asked of super() is never the class's own: who lets a method go means its base's from now on.
        from podus.program.operands import through_super

        parts = [part for part in walk(self.code) if key[1] in part.co_names]
        return not all(key[1] in through_super(part) for part in parts)

    def alive(self, active: set[int], ours: Ours) -> str:
        """How it may go on: ``running``, ``suspended``, ``held``, or "" if it can't."""
        if active & self.own:
            return "running"
        small = sys.getallocatedblocks() <= SMALL
        if self.code.co_flags & SUSPENDS and (not small or suspended([(self.code, self.name)])[0]):
            return "suspended"
        return "held" if self.gone and self._held(ours, small=small) else ""

    def _held(self, ours: Ours, *, small: bool) -> bool:
        names = vars(self.namespace) if isinstance(self.namespace, type) else self.namespace
        if self.place not in names:
            # A closure, or one whose name is gone already: every function that has the code.
            functions = referring([self.code], _FUNCTIONS)[0] if small else []
            made = [f for f in functions if f.__code__ is self.code]
            held = not small
            for function in made:
                held = held or ours.held_besides(function, (functions, made), self.namespace)
            return held
        owner = names[self.place]
        if type(owner) not in (staticmethod, classmethod, property):
            del owner
            return ours.are_not_all(names, self.place, self.namespace, small=small)
        held = not small
        parts = [getattr(owner, n, None) for n in ("__func__", "fget", "fset", "fdel")]
        for part in parts:
            held = held or (part is not None and ours.held_besides(part, (owner, parts), self.namespace))
        return held


class Ours:
    """What podus itself refers to: the operations that give names back, and copies of namespaces."""

    def __init__(
        self,
        ops: Iterable[Op],
        places: Iterable[tuple[Any, str]],
        footprints: Iterable[Footprint],
        copies: Iterable[dict[str, Any]] = (),
    ) -> None:
        footprints = list(footprints)
        ops = [*ops, *(op for footprint in footprints for op in footprint.replacement.tuples())]
        self._ops: dict[int, tuple[Any, ...]] = {id(op): op for op in (*ops, *_ops_of(footprints))}
        self._lists: list[Any] = []
        for difference in (one for footprint in footprints for one in footprint.contents):
            rows, lists = difference.holding()
            self._ops |= {id(row): row for row in rows}
            self._lists += lists
        # Where names go away: what was imported elsewhere goes there too.
        self._places = list(places)
        self._copies = list(copies)

    def are_not_all(self, names: Any, name: str, namespace: Any, *, small: bool) -> bool:
        """Whether others hold ``names[name]`` than podus, its ``namespace`` and itself; in a heap that is not ``small`` only what takes no time is found."""
        mine = self._in_ops(names[name]) + sum(
            map(is_, map(dict.get, self._copies, repeat(name)), repeat(names[name]))
        )
        if isinstance(names[name], type):
            mine += len(_inside(names[name]))
        mine += sum(map(is_, map(_at, self._places), repeat(names[name])))
        # And the argument of the call.
        if sys.getrefcount(names[name]) <= mine + 1:
            return False
        return not small or self.held_besides(names[name], (), namespace)

    def held_besides(self, value: Any, owners: tuple[Any, ...], namespace: Any) -> bool:
        """Whether others hold ``value`` than podus, its ``namespace``, its ``owners`` and itself: all objects are looked through for that."""
        found, tuples = holding(value)
        ident = id(value)
        # To ask takes a tuple as well, if it is of what the collector tracks.
        tuples -= self._in_ops(value) + holding([])[1]
        ids = set(map(id, (namespace, *owners, *self._copies, *self._lists, *idle_forwards())))
        for place in self._places:
            if id(_at(place)) == ident:
                ids.add(id(place[0]))
        if isinstance(value, type):
            tuples -= 1
            ids |= _inside(value)
        # No comprehension: in Python 3.11 it would hold them too.
        return tuples > 0 or not all(map(_is_our_own, found, repeat(ids), repeat(value), repeat(namespace)))

    def _in_ops(self, value: Any) -> int:
        count = 0
        # Neither a generator here: a cell would hold it as long as anybody looks at its frame.
        for op in self._ops.values():
            count += any(map(is_, op, repeat(value)))
        return count


def _at(place: tuple[Any, str]) -> Any:
    names, name = place
    return (vars(names) if isinstance(names, type) else names).get(name)


def _inside(cls: type) -> set[int]:
    """The ids of what belongs to a class and refers to it."""
    found = {id(cls.__mro__)}
    for value in vars(cls).values():
        if isinstance(value, _DESCRIPTORS) and value.__objclass__ is cls:
            found.add(id(value))
        for function in (value, getattr(value, "__func__", None), getattr(value, "fget", None)):
            for cell in getattr(function, "__closure__", None) or ():
                if any(map(is_, _contents(cell), repeat(cls))):
                    found.add(id(cell))
    return found


def _contents(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _is_our_own(holder: Any, ids: set[int], value: Any, namespace: Any) -> bool:
    if id(holder) in ids or type(holder).__module__.startswith("podus."):
        return True
    if isinstance(holder, FrameType):
        # One of ours, or one that somebody has looked at and that has ended: what runs has been asked for.
        return True
    # The dictionary behind a class's namespace.
    return (
        isinstance(holder, dict)
        and isinstance(namespace, type)
        and any(map(is_, holder.values(), repeat(value)))
        and vars(namespace).keys() == holder.keys()
    )


class Going:
    """The names that an update takes away, and the left-over procedures that say one.

    ``passed`` are the procedures of which activations go on in their old version.
    """

    def __init__(self, stage: Stage, passed: set[str]) -> None:
        self.stage = stage
        self.ops = {
            (id(op[1]), op[2]): op
            for op in stage.removals.do
            if op[0] in _TAKES_AWAY and op[1] is not sys.modules and type(op[2]) is str
        }
        words = {name for _, name in self.ops}
        self.leftovers = [one for one in _left_over(stage, passed) if one.says & words] if words else []
        for one in self.leftovers:
            one.find(sys.modules[one.name.partition(":")[0]], set(self.ops))

    def busy(self) -> bool:
        """Whether one is on a stack: it may be gone in a moment."""
        active = active_ids() if self.leftovers else set()
        return any(active & one.own for one in self.leftovers)

    def ours(self, footprints: Iterable[Footprint]) -> Ours:
        """What podus holds of the program while the update is under way."""
        stage = self.stage
        switches = [stage.base, stage.removals, *stage.redefined.values(), *stage.data.values()]
        ops = [op for switch in switches for op in (*switch.do, *switch.undo)]
        ops += stage.replacement.tuples()
        copies = [row[2].real for rows in stage.class_shadows.values() for row in rows]
        return Ours(ops, _places_of(self.ops), footprints, copies)


class Lingering:
    """The names that stay for now, each with the operation that takes it away, and those who say it."""

    def __init__(self) -> None:
        self._ops: dict[tuple[int, str], Op] = {}
        self._leftovers: list[Leftover] = []

    def __bool__(self) -> bool:
        return bool(self._ops)

    def split(self, going: Going, footprints: Iterable[Footprint]) -> tuple[list[Op], list[str]]:
        """The operations of an update's removals that may be carried out now, and what is to be said of the others."""
        removals = going.stage.removals.do
        if not going.leftovers:
            return removals, []
        kept, notes = self._keep(going.ops, going.leftovers, going.ours(footprints))
        return [op for op in removals if id(op) not in kept], notes

    def taken_back(
        self, stage: Stage, ops: list[Op], footprints: Iterable[Footprint], *, switched: bool
    ) -> tuple[list[Op], list[str]]:
        """The same of ``ops``, which take away what an update has brought that was backed out in the middle.

        If it has not ``switched`` anything, it counts only who is running: nobody else but what has failed can hold what is new.
        """
        named = {(id(op[1]), op[2]): op for op in ops}
        words = {name for _, name in named}
        leftovers = []
        for part in stage.plan.modules:
            module, defined = sys.modules.get(part.name), stage.defined.get(part.name, {})
            if module is not None and part.action == "update" and words:
                found = [Leftover(module, n, defined[n], gone=switched) for n in part.fresh if n in defined]
                leftovers += [one for one in found if one.says & words]
                for one in leftovers:
                    one.find(module, set(named))
        if not leftovers:
            return ops, []
        switches = [stage.base, stage.removals, *stage.redefined.values(), *stage.data.values()]
        mine = [op for switch in switches for op in (*switch.do, *switch.undo)]
        mine += stage.replacement.tuples()
        copies = [*stage.shadows.values(), *stage.identity.namespaces()]
        ours = Ours(mine, _places_of(named), footprints, copies)
        kept, notes = self._keep(named, leftovers, ours)
        return [op for op in ops if id(op) not in kept], notes

    def _keep(
        self, ops: dict[tuple[int, str], Op], leftovers: list[Leftover], ours: Ours
    ) -> tuple[set[int], list[str]]:
        stay, living, notes = _needed(ops, leftovers, ours)
        self._ops.update({key: ops[key] for key in stay})
        self._leftovers += living
        return {id(ops[key]) for key in stay}, notes

    def settle(self, footprints: Iterable[Footprint], codes: Iterable[CodeType]) -> list[Op]:
        """The operations for names that nobody says any more. Those that the next version (the modules' ``codes``) may bind are forgotten."""
        parts = [part for code in codes for part in walk(code)]
        self._ops = {key: op for key, op in self._ops.items() if not _may_bind(parts, *op[1:3])}
        stay, self._leftovers, _ = _needed(
            self._ops, self._leftovers, Ours((), _places_of(self._ops), footprints)
        )
        going = [op for key, op in self._ops.items() if key not in stay]
        self._ops = {key: op for key, op in self._ops.items() if key in stay}
        return going


class Departure:
    """The end of an update as far as names go."""

    def __init__(self) -> None:
        self._going: Going | None = None
        self._patience = 0.0

    def removals(self, update: Evaluation) -> list[Op] | None:
        """What takes away the names that nobody says any more; None if it is to be asked again in a moment."""
        assert update.stage is not None
        if self._going is None:
            passed = {n for u in update.units if u.passed or not u.done for n in u.names}
            self._going = Going(update.stage, passed)
            self._patience = time.monotonic() + _LEAVING
        if self._going.busy() and time.monotonic() < self._patience:
            return None
        removals, notes = update.agent.lingering.split(self._going, update.agent.footprints())
        self._going = None
        update.notes += notes
        return removals


_TAKES_AWAY = (dict.pop, type.__delattr__)


def _left_over(stage: Stage, passed: set[str]) -> list[Leftover]:
    found: list[Leftover] = []
    for part in stage.plan.modules:
        module = sys.modules.get(part.name)
        if module is None or part.action != "update":
            continue
        live = stage.agent.live_codes(part.name)
        for name in part.gone:
            found += [Leftover(module, name, code, gone=True) for code in live.get(name, ())]
    for full, codes in stage.old_codes.items():
        name, _, qualname = full.partition(":")
        if name in sys.modules:
            found += [Leftover(sys.modules[name], qualname, code, gone=full in passed) for code in codes]
    return found


def _needed(
    ops: dict[tuple[int, str], Op], leftovers: list[Leftover], ours: Ours
) -> tuple[set[tuple[int, str]], list[Leftover], list[str]]:
    """The names that must stay, those who go on and say them, and what is to be said of it."""
    if not leftovers:
        return set(), [], []
    active = active_ids()
    stay: set[tuple[int, str]] = set()
    notes: list[str] = []
    todo: list[tuple[Leftover, str]] = []
    rest: list[tuple[Leftover, str]] = []
    for one in leftovers:
        why = one.alive(active, ours)
        (todo if why else rest).append((one, why))
    living: list[Leftover] = []
    while todo:
        one, why = todo.pop()
        living.append(one)
        fresh = [key for key in ops if key not in stay and one.needs(key, ops[key])]
        stay.update(fresh)
        if fresh and why:
            names = ", ".join(sorted({name for _, name in fresh}))
            notes.append(f"{names} stays for now: {one.name} is left over and {why}")
        todo += [row for row in rest if (id(row[0].namespace), row[0].place) in stay]
        rest = [row for row in rest if (id(row[0].namespace), row[0].place) not in stay]
    return stay, living, notes


def _may_bind(parts: list[CodeType], namespace: Any, name: str) -> bool:
    """Whether code may give a module or class the name: what another class's body binds is not its."""
    if not isinstance(namespace, type):
        return any(name in part.co_names for part in parts)
    from podus.program.operands import STORES_ATTRIBUTE, any_named

    return any(
        (name in part.co_names and part.co_qualname == namespace.__qualname__)
        or name in part.co_consts
        or any_named(part, STORES_ATTRIBUTE, name)
        for part in parts
    )


def _places_of(ops: dict[tuple[int, str], Op]) -> list[tuple[Any, str]]:
    return [(op[1], op[2]) for op in ops.values()]


def _ops_of(footprints: Iterable[Footprint]) -> list[Op]:
    return [
        op
        for f in footprints
        for ops in (f.base, f.removals, *f.redefined.values(), *f.data.values())
        for op in ops
    ]
