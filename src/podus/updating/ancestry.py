"""Which classes a class looks at, one after the other; and in what order several get other bases.

CPython works out the order of a class's ancestors, and of those of all that derive from it, whenever it is given other bases, and refuses what has none. Where
many change at once (a base moves up: ``class C(Mark, Hidden)`` -> ``class C(Hidden)`` and ``class Hidden(Mark)``) one must not come before the other.
"""

from __future__ import annotations

from podus.errors import Refused
from podus.updating.binding import Switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podus.updating.binding import Op


class Lines:
    """In what order classes are going to look at which others (C3), where some get other ``bases``."""

    def __init__(self, bases: dict[type, tuple[type, ...]]) -> None:
        self._bases = bases
        self._known: dict[type, tuple[type, ...]] = {}

    def bases(self, cls: type) -> tuple[type, ...]:
        """The bases that a class is going to have."""
        found: tuple[type, ...] = self._bases.get(cls, cls.__bases__)
        return found

    def of(self, cls: type) -> tuple[type, ...]:
        """Itself, and the others from the nearest to ``object``."""
        if not any(base in self._bases for base in cls.__mro__):
            return cls.__mro__
        if cls not in self._known:
            bases = self.bases(cls)
            self._known[cls] = (cls, *_merged([[*self.of(base)] for base in bases] + [[*bases]]))
        return self._known[cls]

    def consistent(self, classes: Iterable[type]) -> bool:
        """Whether there is such an order for each of some classes."""
        return all({*self.of(cls)}.issuperset(self.bases(cls)) for cls in classes)


def _merged(lines: list[list[type]]) -> list[type]:
    found: list[type] = []
    while lines := [line for line in lines if line]:
        heads = (line[0] for line in lines if not any(line[0] in other[1:] for other in lines))
        head = next(heads, None)
        if head is None:
            # CPython will refuse these bases as well.
            break
        found.append(head)
        lines = [line[1:] if line[0] is head else line for line in lines]
    return found


def in_order(switch: Switch) -> None:
    """Put the assignments of bases in ``switch`` into an order in which each can be carried out, on the way back as well.

    Raises Refused if there is none that takes them one after the other.
    """
    there, back = _groups(switch.do), _groups(switch.undo, back=True)
    pieces: Iterator[list[Op]]
    if len(there) < 2:
        return
    order = _order({cls: switch.do[place][3] for cls, (_, place, _) in there.items()})
    if order == [*there]:
        return
    for ops, groups in ((switch.do, there), (switch.undo, back)):
        pieces = iter([ops[groups[cls][0] : groups[cls][2]] for cls in order if cls in groups])
        found: list[Op] = []
        last = 0
        for start, _, end in groups.values():
            found += ops[last:start] + next(pieces)
            last = end
        ops[:] = found + ops[last:]


def _groups(ops: list[Op], *, back: bool = False) -> dict[type, tuple[int, int, int]]:
    """Where classes get their bases: the first operation that belongs to it, the assignment itself, and what comes behind the last.

    On the way ``back`` they are the other way round.
    """
    found: dict[type, tuple[int, int, int]] = {}
    for place, op in enumerate(ops):
        if op[0] is type.__setattr__ and op[2] == "__bases__":
            # Where CPython is told first what the base is, see podus.updating.bases.
            other = place + 1 if back else place - 1
            told = 0 <= other < len(ops) and ops[other][0] is setattr and ops[other][2] == "value"
            before, after = ((1, 3) if back else (2, 2)) if told else (0, 1)
            found[op[1]] = (place - before, place, place + after)
    return found


def _order(bases: dict[type, tuple[type, ...]]) -> list[type]:
    """The classes that get other ``bases``, in an order in which they can."""
    concerned = dict.fromkeys(bases)
    todo = [*bases]
    while todo:
        below: list[type] = type.__subclasses__(todo.pop())
        more = [each for each in below if each not in concerned]
        concerned |= dict.fromkeys(more)
        todo += more
    now: dict[type, tuple[type, ...]] = {}
    while len(now) < len(bases):
        for one in [each for each in bases if each not in now]:
            lines = Lines({**now, one: bases[one]})
            if lines.consistent(each for each in concerned if one in each.__mro__ or one in lines.of(each)):
                now[one] = bases[one]
                break
        else:
            left = ", ".join(sorted(f"{c.__module__}:{c.__qualname__}" for c in bases if c not in now))
            raise Refused(f"the bases of {left} can't be changed one after the other", "restart for this one")
    return [*now]
