"""Which classes a class looks at, one after the other; and in what order several get other bases.

CPython works out the order of a class's ancestors, and of those of all that derive from it, whenever it is given other bases, and refuses what has none. Where
many change at once (a base moves up: ``class C(Mark, Hidden)`` -> ``class C(Hidden)`` and ``class Hidden(Mark)``) one must not come before the other. And
where two that some class derives from change alike (``class A(Generic, Base)`` -> ``class A(Base, Generic)``, ``B`` as well, ``class C(A, B)``) one of them
does without the base that moves until the other has moved it.
"""

from __future__ import annotations

from podus.errors import Refused
from podus.updating.binding import Switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from podus.updating.binding import Op

    # The operations that give a class its bases, and which of them: the first, the assignment itself, and what comes behind the last.
    Group = tuple[int, int, int]
    # A class, and bases that it is given.
    Step = tuple[type, tuple[type, ...]]


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
            line, _ = _merged([[*self.of(base)] for base in bases] + [[*bases]])
            self._known[cls] = (cls, *line)
        return self._known[cls]


def _merged(lines: list[list[type]]) -> tuple[list[type], bool]:
    """One line of all, and whether there is something left for which none of them gives a place."""
    found: list[type] = []
    while lines := [line for line in lines if line]:
        heads = (line[0] for line in lines if not any(line[0] in other[1:] for other in lines))
        head = next(heads, None)
        if head is None:
            break
        found.append(head)
        lines = [line[1:] if line[0] is head else line for line in lines]
    return found, bool(lines)


def in_order(switch: Switch) -> None:
    """Put the assignments of bases in ``switch`` into an order in which each can be carried out, on the way back as well.

    Raises Refused if there is none.
    """
    there, back = _groups(switch.do), _groups(switch.undo, back=True)
    if len(there) < 2:
        return
    told = {cls: _told(switch.do, group) for cls, group in there.items()}
    steps = _steps({cls: switch.do[place][3] for cls, (_, place, _) in there.items()}, told)
    if [cls for cls, _ in steps] == [*there]:
        return
    _put(switch.do, there, [*_pieces(switch.do, there, steps, back=False)])
    _put(switch.undo, back, [*_pieces(switch.undo, back, steps, back=True)])


def _pieces(ops: list[Op], groups: dict[type, Group], steps: list[Step], *, back: bool) -> Iterator[list[Op]]:
    """The operations of each step; of the way ``back`` those that take it back, to be carried out from the last to the first."""
    given: dict[type, tuple[type, ...]] = {}
    for cls, bases in steps:
        if cls not in groups:
            continue
        start, place, end = groups[cls]
        if cls in given:
            # CPython knows already what it is to take for the base.
            yield [(type.__setattr__, cls, "__bases__", given[cls] if back else bases)]
            continue
        given[cls] = bases
        piece = ops[start:end]
        if not back:
            piece[place - start] = (type.__setattr__, cls, "__bases__", bases)
        yield piece


def _put(ops: list[Op], groups: dict[type, Group], pieces: list[list[Op]]) -> None:
    """Have ``pieces`` where the groups stand, one in the place of each, and what is more in the place of the last."""
    found: list[Op] = []
    last = 0
    for number, (start, _, end) in enumerate(groups.values(), 1):
        found += ops[last:start]
        for piece in pieces[number - 1 :] if number == len(groups) else pieces[number - 1 : number]:
            found += piece
        last = end
    ops[:] = found + ops[last:]


def _groups(ops: list[Op], *, back: bool = False) -> dict[type, Group]:
    """Where classes get their bases. On the way ``back`` the operations are the other way round."""
    found: dict[type, Group] = {}
    for place, op in enumerate(ops):
        if op[0] is type.__setattr__ and op[2] == "__bases__":
            # Where CPython is told first what the base is, see podus.updating.bases.
            other = place + 1 if back else place - 1
            told = 0 <= other < len(ops) and ops[other][0] is setattr and ops[other][2] == "value"
            before, after = ((1, 3) if back else (2, 2)) if told else (0, 1)
            found[op[1]] = (place - before, place, place + after)
    return found


def _told(ops: list[Op], group: Group) -> int:
    """The id of what is to be taken for the base of a class that is given others."""
    start, place, _ = group
    found: int = ops[place - 1][3] if start < place else id(ops[place][1].__base__)
    return found


def _steps(bases: dict[type, tuple[type, ...]], told: dict[type, int]) -> list[Step]:
    """The classes with the ``bases`` that they get, in an order in which they can; some twice, without one of these at first."""
    now: dict[type, tuple[type, ...]] = {}
    steps: list[Step] = []
    hierarchy = _Hierarchy()
    while left := [each for each in bases if now.get(each) != bases[each]]:
        step = next(((one, bases[one]) for one in left if hierarchy.give(one, bases[one])), None)
        if step is None:
            detours = (
                (one, without)
                for one in left
                if one not in now
                for base in bases[one]
                if base in one.__bases__
                and id(base) != told[one]
                # What may be missing for a moment.
                and (without := tuple(each for each in bases[one] if each is not base))
            )
            step = next((detour for detour in detours if hierarchy.give(*detour)), None)
        if step is None:
            raise _impossible(left)
        now[step[0]] = step[1]
        steps.append(step)
    before = {cls: cls.__bases__ for cls in bases}
    back: list[Step] = []
    for cls, given in steps:
        back.append((cls, before[cls]))
        before[cls] = given
    if not all(hierarchy.give(*step) for step in back[::-1]):
        raise _impossible(bases)
    return steps


def _impossible(classes: Iterable[type]) -> Refused:
    words = ", ".join(sorted(f"{c.__module__}:{c.__qualname__}" for c in classes))
    return Refused(f"the bases of {words} can't be changed one after the other", "restart for this one")


class _Hierarchy:
    """What CPython finds when it is told to give classes other bases: the line of the class first, then of each that derives from it, one below the other.

    Of the other bases of these it takes the lines as they are at that moment, new or not.
    """

    def __init__(self) -> None:
        self._bases: dict[type, tuple[type, ...]] = {}
        self._lines: dict[type, tuple[type, ...]] = {}
        self._below: dict[type, list[type]] = {}

    def give(self, cls: type, bases: tuple[type, ...]) -> bool:
        """Whether ``cls`` can be given these bases now; if not, nothing has changed."""
        before, known = self._of(cls), dict(self._lines)
        self._bases[cls] = bases
        if not self._work_out(cls):
            self._bases[cls], self._lines = before, known
            return False
        for base in before:
            self._below[base] = [each for each in self._subclasses(base) if each is not cls]
        for base in bases:
            self._subclasses(base).append(cls)
        return True

    def _of(self, cls: type) -> tuple[type, ...]:
        found: tuple[type, ...] = self._bases.get(cls, cls.__bases__)
        return found

    def _subclasses(self, cls: type) -> list[type]:
        if cls not in self._below:
            self._below[cls] = type.__subclasses__(cls)
        return self._below[cls]

    def _work_out(self, cls: type) -> bool:
        bases = self._of(cls)
        line, left = _merged([[*self._lines.get(base, base.__mro__)] for base in bases] + [[*bases]])
        self._lines[cls] = (cls, *line)
        return not left and all(self._work_out(each) for each in self._subclasses(cls))
