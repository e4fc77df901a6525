"""Dictionaries and sets that hold objects of a class whose hash changes: they are filled again, as they would not find them any more.

No other thread runs between the switch and that, unless a ``__hash__`` or ``__eq__`` of the program's own waits for something. The program's code is called,
for there is no other way to know what the hashes are.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FunctionType

from podus.updating.breath import Breath, quick_turns
from podus.updating.family import with_subclasses
from podus.updating.find import class_at
from podus.updating.listing import instances, tracked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.planning.model import Plan
    from podus.updating.binding import Stall
    from podus.updating.staging import Stage

_NAMES = frozenset({"__hash__", "__eq__", "__bases__"})
# Seconds for which a thread waits before it asks for its turn: longer than it takes for some thousand keys.
_LONG = 0.1
_REMEMBER = sys.version_info >= (3, 14)


class Rehash:
    """What is to be looked at when ``classes``, or those below them, have been changed."""

    def __init__(self, classes: Iterable[type], stall: Stall) -> None:
        self._stall = stall
        self._known = {id(cls): (cls, _how(cls)) for cls in with_subclasses(classes, Breath())}
        # The tables that hold some of their objects, if any: others are to see none that is not filled yet.
        self._held = list(self._tables([cls for cls, _ in self._known.values()]))
        # These say nothing of their order any more when they don't find their keys.
        self._ordered = [table for table in self._held if isinstance(table, OrderedDict)]
        self._orders: dict[int, list[Any]] = {}
        self.notes: list[str] = []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the other threads wait for their turn, where hashes may change in between."""
        if not self._held:
            yield
            return
        with quick_turns.alone(_LONG):
            self._orders = {id(table): list(OrderedDict.__iter__(table)) for table in self._ordered}
            yield

    def switched(self) -> None:
        """Some procedures have switched: fill again what holds objects of the classes that hash otherwise than before."""
        changed = []
        for key, (cls, before) in self._known.items():
            now = _how(cls)
            if now != before:
                self._known[key] = cls, now
                changed.append(cls)
        since = time.perf_counter()
        # Those that are known at once: to look for others takes longer than a thread waits for its turn.
        known = list(_with_keys_of(self._held, frozenset(changed)))
        for table in known:
            self._fill(table)
        filled = set(map(id, known))
        for table in [table for table in self._tables(changed) if id(table) not in filled]:
            self._fill(table)
        self._stall.measure(since)

    def _tables(self, classes: list[type]) -> Iterator[Any]:
        if not classes or not instances(classes)[0]:
            return iter(())
        # Those of the program's own kinds, too.
        kinds = frozenset(map(id, with_subclasses((dict, set), Breath())))
        return _with_keys_of(tracked(kinds)[0], frozenset(classes))

    def _fill(self, table: Any) -> None:
        ordered = isinstance(table, OrderedDict)
        keys = self._orders.get(id(table)) or list(_keys(table))
        try:
            # Whatever raises does so before anything is taken out.
            for key in keys:
                hash(key)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            self.notes.append(
                f"a {type(table).__name__} with keys that have no hash any more stays as it is ({what})"
            )
            return
        if isinstance(table, set):
            set.clear(table)
            set.update(table, map(_forgetful, keys))
            return
        values = {id(key): value for key, value in dict.items(table)}
        kind = OrderedDict if ordered else dict
        kind.clear(table)
        for key in keys:
            kind.__setitem__(table, _forgetful(key), values[id(key)])


def hashed_by(stage: Stage) -> Iterator[type]:
    """The classes that get or lose a method for it, or other bases, or of which a generated one gets other code."""
    for switch in (stage.base, stage.removals, *stage.redefined.values(), *stage.data.values()):
        for op in switch.do:
            if op[0] in (type.__setattr__, type.__delattr__) and op[2] in _NAMES:
                yield op[1]
            elif op[0] is type.__setattr__ and op[2] == "_member_map_":
                # A member of an Enum is hashed by its name.
                if any(member._name_ not in op[3] for member in op[3].values()):
                    yield op[1]
            elif op[0] is setattr and op[2] == "__code__" and op[1].__name__ == "__hash__":
                yield from _class_of(op[1].__module__, op[1].__qualname__)


def hashed_by_procedures(plan: Plan) -> Iterator[type]:
    """The classes of which a method for it is a procedure that changes."""
    for procedure in plan.procedures:
        module, _, qualname = procedure.name.partition(":")
        if qualname.endswith(".__hash__"):
            yield from _class_of(module, qualname)


def _class_of(module: str, qualname: str) -> Iterator[type]:
    found = class_at(sys.modules.get(module), qualname.rpartition(".")[0])
    if isinstance(found, type):
        yield found


def _how(cls: type) -> Any:
    """How the objects of a class are hashed: equal as long as that is the same."""
    found = cls.__hash__
    how = found.__code__ if isinstance(found, FunctionType) else found
    members = vars(cls).get("_member_map_", {}).values()
    return how, [(id(member), member._name_) for member in members]


def _forgetful(key: Any) -> Any:
    """The key; of a tuple, which from Python 3.14 on remembers its hash, another one."""
    return tuple(list(map(_forgetful, key))) if type(key) is tuple and _REMEMBER else key


def _keys(table: Any) -> Iterable[Any]:
    # An ordered dictionary looks each of its own up.
    return set.__iter__(table) if isinstance(table, set) else dict.keys(table)


def _with_keys_of(tables: Iterable[Any], classes: frozenset[type]) -> Iterator[Any]:
    """Those of the tables that have objects of the classes as keys, or in them."""
    for table in tables:
        if not classes.isdisjoint(map(type, _keys(table))) or _in_tuples(_keys(table), classes):
            yield table


def _in_tuples(keys: Iterable[Any], classes: frozenset[type]) -> bool:
    """Whether a key is a tuple that holds such an object."""
    return any(type(key) is tuple and not classes.isdisjoint(map(type, key)) for key in keys)
