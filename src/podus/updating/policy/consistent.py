"""Version consistency: every transaction runs wholly in one version, and both serve side by side until the last old one has ended.

A transaction is what the program says (``podus.transaction``); else one iteration of the `while` of a thread's outermost procedure, or of a task's;
else a task; else an activation of the outermost procedure that changes. Kramer and Magee, "The Evolving Philosophers Problem", IEEE TSE 1990.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from weakref import ref

from podus.errors import Refused
from podus.frames import shift_of
from podus.updating.binding import Switch, can_take_code, commit, stacks
from podus.updating.forward import switch_together
from podus.updating.gates import gate_code, twin
from podus.updating.sides import Sides

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.updating.evaluate import Evaluation
    from podus.updating.units import Unit

# The function in which trio runs its tasks.
_TRIO = "unrolled_run"


class Consistent:
    """All at one instant, for those who begin something after it; for the others when they have ended that."""

    def __init__(self) -> None:
        self._sides: Sides | None = None
        self._gates = Switch()
        self._watched: list[ref[CodeType]] = []
        self._withdrawn = False

    def switch(self, update: Evaluation, units: list[Unit], active: set[str]) -> bool:
        """Let both versions serve; when no transaction is left in the old one, switch."""
        units = [unit for unit in units if not unit.done and not unit.held]
        if self._sides is None:
            new = [unit for unit in units if not unit.names]
            if new:
                switch_together(update, new)
            units = [unit for unit in units if unit.names]
            self._begin(update, units)
        if not units:
            return False
        assert self._sides is not None
        self._refresh()
        if self._sides.over() and switch_together(update, units):
            self._unwatch()
            return False
        return True

    def why(self) -> str:
        """Who is waited for."""
        return "" if self._sides is None else self._sides.why()

    def withdraw(self, update: Evaluation) -> bool:
        """Take it back in the middle: what has begun in the new version ends in it, all else is old. Says whether that is done."""
        if self._sides is None or not self._gates.do:
            return True
        if not self._withdrawn:
            self._withdrawn = True
            names = {name for unit in update.units for name in unit.names}
            back = (set.difference_update, update.running.switched, names)
            commit([*self._sides.turn_round(), back], update.stall)
        update.running.turned(self._sides.turned)
        self._refresh()
        if not self._sides.over():
            return False
        commit(self._gates.undo[::-1], update.stall)
        self._gates = Switch()
        self._unwatch()
        return True

    def _begin(self, update: Evaluation, units: list[Unit]) -> None:
        stage = update.stage
        assert stage is not None
        _check_schedulers()
        turns = self._turns(update)
        looping = {id(code): set(offsets) for code, offsets in (*turns, *update.running.watched)}
        changed = {number for unit in units for number in (*unit.old_codes, *unit.new_codes)}
        sides = self._sides = Sides(looping, changed, update.agent.is_program)
        for unit in units:
            for name in unit.names:
                for function in stage.finder.functions.get(name, ()):
                    self._gate(unit, function, name, stage.codes[name], sides)
        self._watch(turns, sides)
        names = {name for unit in units for name in unit.names}
        update.announce(units)
        update.running.turned(sides.turned)
        moving = (set.update, update.running.switched, names)
        commit([*self._gates.do, *sides.capture(), moving], update.stall)

    def _gate(self, unit: Unit, function: FunctionType, name: str, new: CodeType, sides: Sides) -> None:
        if not can_take_code(function, new):
            raise Refused(
                f"{name} closes over other variables now: its two versions can't serve side by side",
                "update with another policy",
            )
        planned = {op[2]: op[3] for op in unit.switch.do if op[0] is setattr and op[1] is function}
        before, after = twin(function, function.__code__), twin(function, new)
        after.__defaults__ = planned.get("__defaults__", function.__defaults__)
        after.__kwdefaults__ = planned.get("__kwdefaults__", function.__kwdefaults__)

        def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return (before if sides.in_old() else after)(*args, **kwargs)

        self._gates.set_attribute(function, "__code__", gate_code(function.__code__, dispatch))

    # ---- loops that are not moved, but end a transaction each time

    @staticmethod
    def _turns(update: Evaluation) -> list[tuple[CodeType, list[int]]]:
        found = []
        for turn in update.plan.turns:
            module, _, qualname = turn.procedure.partition(":")
            for code in update.agent.live_codes(module).get(qualname, ()):
                shift = shift_of(code)
                found.append((code, [offset + shift for offset in (*turn.leaves, *turn.jumps)]))
        return found

    def _watch(self, turns: list[tuple[CodeType, list[int]]], sides: Sides) -> None:
        for code, offsets in turns:
            from podus.updating.leaving import Turn, watch

            watch(code, {offset: Turn(sides.turned) for offset in offsets})
            self._watched.append(ref(code))

    def _refresh(self) -> None:
        if self._watched:
            from podus.updating.leaving import watching

            watching.refresh()

    def _unwatch(self) -> None:
        for held in self._watched:
            code = held()
            if code is not None:
                from podus.updating.leaving import unwatch

                unwatch(code)
        self._watched = []


def _check_schedulers() -> None:
    """Whose tasks can't be told apart can't have transactions. Raises Refused."""
    stacks_now = stacks()
    kinds = []
    if any(number < 0 for number in stacks_now):
        kinds.append("greenlets")
    if any(code.co_name == _TRIO for stack in stacks_now.values() for code, _, _ in stack):
        kinds.append("trio's tasks")
    if kinds:
        raise Refused(
            f"the program runs {' and '.join(kinds)}, whose transactions podus can't tell apart",
            "update with --policy atomic",
        )
