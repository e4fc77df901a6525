"""What becomes of those who are active and do not come to an end by themselves: they are moved, or passed by.

Who is in a loop that never ends moves to the new version at the loop's head; who is in one that ends, after a while. A suspended generator or
coroutine that switches alone holds nothing up: those that begin do so in the new version.
"""

from __future__ import annotations

import sys
import time
from types import FunctionType, ModuleType

from podus.updating.asleep import COUNTED
from podus.updating.backward import called_otherwise
from podus.updating.closures import variants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType
    from typing import Any

    from podus.updating.binding import Op, Switch
    from podus.updating.evaluate import Evaluation
    from podus.updating.frames import Frames
    from podus.updating.staging import Stage
    from podus.updating.units import Unit

# Seconds in which what is active may come to an end by itself, before it is passed by.
_PATIENCE = 0.05
# Policies by which procedures switch one by one.
_EACH_BY_ITSELF = frozenset({"Podus", "Immediate"})


# What a variable and a module's name may share without meaning the same.
_ATOMS = (type(None), bool, int, float, complex, str, bytes, tuple, frozenset, type, FunctionType, ModuleType)


def _apart(unit: Unit) -> bool:
    """Whether one procedure switches by itself, and no data with it."""
    group = unit.group
    more = unit.mappers or unit.conversions or unit.users or unit.callers or group.data or group.mappers
    return len(unit.names) == 1 and not more and not unit.held


class Running:
    """The running frames of one update."""

    def __init__(self) -> None:
        self.frames: Frames | None = None
        self.frames_back: Frames | None = None
        # The procedures that have switched, as of the very instant: who is in them may go on in the new version.
        self.switched: set[str] = set()
        self._turned: Any = None
        # Procedures that have switched although some are in them who leave one by one, each when its loop comes round.
        self.rounding: set[str] = set()
        # Procedures that have switched whoever was in them.
        self.outrun: set[str] = set()
        # Those passed by that have been looked at, and whether they move.
        self._opened: dict[str, bool] = {}
        # The same on the way back: all of it.
        self._passed_back: set[str] = set()
        self._since = 0.0
        self._lost = 0

    def begin(self) -> None:
        """From now on it is waited."""
        self._since = time.monotonic()
        self._lost = 0

    def prepare(self, update: Evaluation, stage: Stage) -> None:
        """Make what the frames of the plan's loops need. Raises Refused where the support code has no mapper that it should."""
        loops = update.plan.loops
        if not loops:
            return
        from podus.updating.frames import Frames

        names = {loop.procedure for loop in loops}
        for unit in update.units:
            for name in names.intersection(unit.names):
                unit.switch.do.append((set.add, self.switched, name))
                unit.switch.undo.append((set.discard, self.switched, name))
        frames = Frames(self.switched.__contains__, update.poke, update.mapper_failed)
        frames.add(loops, stage.old_codes, stage.codes, stage.frame_mapper)
        for unit in update.units:
            for name in unit.names:
                for code in frames.codes(name):
                    unit.new_codes[id(code)] = code
                    unit.whose[id(code)] = name
        self.frames = frames

    def prepare_back(self, update: Evaluation, stage: Stage) -> None:
        """The same for the way back in the middle."""
        if not update.plan.back_loops:
            return
        from podus.updating.frames import Frames

        frames = Frames(lambda name: name not in self.switched, update.poke, update.mapper_failed)
        new = {name: [code, *variants(code)] for name, code in stage.codes.items()}
        old = {name: codes[0] for name, codes in stage.old_codes.items() if codes}
        frames.add(update.plan.back_loops, new, old, stage.frame_mapper)
        frames.turned = self._turned
        self.frames_back = frames

    def wait_together(self, seconds: float) -> None:
        """Keep who moves at the heads of the loops while the doors are shut: otherwise the two might never meet."""
        if self.frames is not None:
            self.frames.wait_together(seconds)

    def turned(self, told: Callable[[FrameType], None]) -> None:
        """Have ``told`` be called with each frame that moves, before it does."""
        self._turned = told
        for frames in (self.frames, self.frames_back):
            if frames is not None:
                frames.turned = told

    def exchange(self, switches: Iterable[Switch], back: Switch | None = None) -> list[Op]:
        """What is to be done at the instant of a switch so that variables of frames that move hold the data that then is, and not what it was.

        On the way back the ``switches`` are taken back, and ``back`` is done.
        """
        frames = self.frames if back is None else self.frames_back
        if frames is None:
            return []
        ways = [(s.do, s.undo) if back is None else (s.undo, s.do) for s in switches]
        ways += [] if back is None else [(back.do, back.undo)]
        found: dict[int, tuple[Any, Any]] = {}
        for after, before in ways:
            for new, old in zip(after, before, strict=False) if len(after) == len(before) else ():
                if new[0] is old[0] is dict.__setitem__ and type(old[3]) not in _ATOMS:
                    found[id(old[3])] = old[3], new[3]
        return [(dict.update, frames.exchanged, found)] if found else []

    def lost_patience(self, update: Evaluation) -> bool:
        """Whether one of the times is over, since the last look, that what is active has to come to an end by itself."""
        since = time.monotonic() - self._since
        lost = sum(since >= limit for limit in (_PATIENCE, update.plan.move_after))
        if lost > self._lost:
            self._lost = lost
            return True
        return False

    def pass_alone(self, update: Evaluation) -> None:
        """Do not even look for what is suspended of generators and coroutines that switch alone: it holds nothing up."""
        activity = update.activity
        assert activity is not None
        passed = set()
        for policy, units in update.policies:
            for unit in units:
                if (
                    type(policy).__name__ in _EACH_BY_ITSELF
                    and _apart(unit)
                    and unit.names[0] in activity.suspends
                ):
                    unit.passed = True
                    passed.add(unit.names[0])
        activity.pass_by(passed)

    def pass_suspended(self, update: Evaluation) -> None:
        """Wait no longer for suspended generators and coroutines that switch alone, and no data with them; nor for greenlets that never end."""
        activity = update.activity
        assert activity is not None
        if not self._lost or update.plan.policy == "consistent":
            return
        endless = set() if self.frames is None else self.frames.endless & activity.in_greenlets()
        suspends = activity.suspends | endless
        for policy, units in update.policies:
            several = sum(bool(unit.names or unit.switch.do) for unit in units) > 1
            for unit in units:
                # Where all switch at one instant, who is in one would meet the others.
                alone = type(policy).__name__ in _EACH_BY_ITSELF or not several
                if not alone or unit.passed or not _apart(unit):
                    continue
                name = unit.names[0]
                if name in suspends:
                    unit.passed = True
                    activity.passed.add(name)
                elif self.frames is not None and name in self.frames.endless and self.frames.never_meet(name):
                    unit.passed = True
                    self.rounding.add(name)

    def pass_back(self, update: Evaluation) -> None:
        """On the way back, too, wait no longer for suspended generators and coroutines that go back alone."""
        activity = update.activity_back
        assert activity is not None
        if not self._lost or update.plan.policy == "consistent" or called_otherwise(update):
            return
        done = [unit for unit in update.units if unit.done]
        for policy, units in update.policies:
            alone = type(policy).__name__ in _EACH_BY_ITSELF or sum(map(bool, done)) == 1
            for unit in units if alone else ():
                if unit.done and not unit.passed_back and _apart(unit) and unit.names[0] in activity.suspends:
                    unit.passed_back = True
                    activity.passed.add(unit.names[0])
                    self._passed_back.add(unit.names[0])

    def move(self, update: Evaluation, active: set[str], *, back: bool = False) -> None:
        """Look at the heads of their loops for those who never return; and after a while for those who take long to."""
        frames = self.frames_back if back else self.frames
        if frames is None or not frames.names:
            return
        passed = set() if back or update.activity is None else update.activity.passed
        frames.arm(frames.names if update.plan.policy == "consistent" else frames.endless - passed)
        # Where data takes a new form, a variable may hold some of the old: who comes to an end does so with that.
        if self._lost == 2 and not update.plan.converts:
            frames.arm(active & frames.names)
        if not back and update.activity is not None:
            for name in update.activity.passed & self.switched & frames.names:
                self._opens(frames, name)
        frames.refresh()

    def _opens(self, frames: Frames, name: str) -> bool:
        """Have who is in a procedure that was passed by leave when its loop comes round; says whether they do."""
        if name not in self._opened:
            self._opened[name] = frames.open(name)
        return self._opened[name]

    @property
    def watched(self) -> list[tuple[CodeType, list[int]]]:
        """The code of the old version whose frames can move, and the offsets at which they do."""
        return [] if self.frames is None else self.frames.places

    @property
    def busy(self) -> bool:
        """Whether some thread is just about to leave."""
        return self.frames is not None and bool(self.frames.busy)

    def watches(self, names: set[str]) -> bool:
        """Whether one of the procedures is looked for at the heads of its loops."""
        return any(f is not None and any(map(f.watches, names)) for f in (self.frames, self.frames_back))

    def lacking(self, holders: Iterable[dict[str, Any]]) -> tuple[str, bool]:
        """The variable for want of which one who holds something back does not move, "" if there is none; and whether it never returns, either."""
        frames = self.frames
        for row in holders if frames is not None else ():
            assert frames is not None
            name = row["procedure"]
            lack = frames.lack(name, row["ident"])
            if lack:
                return lack, name in frames.endless
        return "", False

    def release(self) -> None:
        """Let those who wait at the heads of their loops look again."""
        if self.frames is not None:
            self.frames.release()

    def leave(self, *, back: bool = False) -> None:
        """Let all go on as they are."""
        frames = self.frames_back if back else self.frames
        if frames is not None:
            # Those that were passed by leave when their loop comes round.
            passed = self._passed_back & frames.names if back else set()
            frames.disarm(keep={name for name in passed if frames.open(name)})

    def settle(self, update: Evaluation) -> None:
        """Say who goes on in the old version; those that come to the head of their loop later still move."""
        assert update.activity is not None
        activity, frames = update.activity, self.frames
        waiting = activity.in_greenlets() & activity.passed
        if sys.getallocatedblocks() <= COUNTED:
            activity.count_passed()
            left = activity.asleep_in(activity.passed) | dict.fromkeys(waiting, 0)
        else:
            left = dict.fromkeys(activity.passed, 0)
        moving = (
            set() if frames is None else {n for n in left if n in frames.names and self._opens(frames, n)}
        )
        if frames is not None:
            # Who never returns is not left behind for having been outrun; the others come to an end.
            for name in sorted(self.outrun & frames.names - left.keys()):
                if name in frames.endless and self._opens(frames, name):
                    moving.add(name)
                else:
                    update.notes.append(f"{name}: who is in it goes on in the old version")
        for name, count in sorted(left.items()):
            goes_on = name in moving
            how = (
                "goes on in the new version when its loop comes round"
                if goes_on
                else "ends in the old version"
            )
            who = (
                f"{count} suspended"
                if count
                else "in greenlets"
                if name in waiting
                else "some may be suspended"
            )
            update.notes.append(f"{name}: {who}; what has begun {how}")
        if "podus.updating.frames" in sys.modules:
            from podus.updating.frames import catch_up

            changed = {name for unit in update.units for name in unit.names}
            moving |= catch_up(changed, self.frames)
        if self.frames is not None:
            if self.frames.moved:
                what = "running frame" if self.frames.moved == 1 else "running frames"
                update.notes.append(f"{self.frames.moved} {what} moved to the new version")
            self.frames.disarm(keep=moving)
