"""How an update ends: what only it needed goes, and what it made of the program stays.

Everything has switched; names that go wait for who still says them, gates for old code that could call them.
"""

from __future__ import annotations

from podus.threads import sleep
from podus.updating import bound, states
from podus.updating.binding import in_slices, settle
from podus.updating.breath import PAUSE, Breath, let_go, paced, quick_turns
from podus.updating.caches import clear_stale
from podus.updating.closures import as_awaited, fitted
from podus.updating.lingering import Departure
from podus.updating.rehash import Rehash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from podus.updating.binding import Op
    from podus.updating.evaluate import Evaluation

# Seconds between two looks at who is left.
_WAIT = 0.02
# Seconds for which a bound on stalls holds when the update is over.
_AFTERWARDS = 5.0


def complete(update: Evaluation) -> None:
    """End an update of which everything has switched; leave it as it is while somebody still needs what goes."""
    assert update.stage is not None and update.builder is not None and update.activity is not None
    if update.back_out_wanted:
        return
    for unit in update.units:
        # What says names that go must not be held by us.
        unit.callers.clear()
    # An old activation may be left that could call through a gate.
    waits = bool(update.builder.gates.any) and update.activity.lives()
    removals = None if waits else update.departure.removals(update)
    if removals is None:
        if not update.time_is_over():
            sleep(_WAIT)
        return
    with update.rehash.alone():
        settle([*update.builder.gates.closing.do, *_unhook(update), *removals], update.stall)
        update.rehash.switched()
    update.running.settle(update)
    update.stage.complete()
    for name in update.plan.caches:
        for cache in update.stage.finder.caches.get(name, ()):
            update.notes += filter(None, [clear_stale(name, cache)])
    sleep(PAUSE)
    update.agent.installed(update)
    sleep(PAUSE)
    _relabel(update)
    sleep(PAUSE)
    update.notes += bound.broken(update.stall) + update.rehash.notes
    update.log("complete", update.switched, {"notes": update.notes}, ended=True)
    if update.backs_out is not None:
        # First: whoever waits for this update asks the other one for its state next.
        update.backs_out.backed_out_by()
        update.backs_out = None
    update.go(states.COMPLETE)
    let_go_of(update)


def _unhook(update: Evaluation) -> list[Op]:
    """The hooks on classes go when all objects have their new form."""
    assert update.stage is not None
    conversions = update.stage.conversions.values()
    for conversion in conversions:
        conversion.settle()
    update.notes += [f"{c.part.cls}: {c.done} objects converted" for c in conversions if c.done]
    if update.plan.pace == "lazy":
        update.agent.standing += conversions
        return []
    return [op for c in conversions for op in c.unhooking]


def _relabel(update: Evaluation) -> None:
    """Give unchanged procedures of changed modules their new line numbers; behaviour is the same, so the instant does not matter."""
    assert update.stage is not None
    finder = update.stage.finder
    if any("<locals>" in name for name in update.stage.relabel):
        # New statements have called some of them (decorators), and what these have made says the old lines.
        finder.walk(update.stage.ran_in())
        finder.rest()
    ops = [
        (setattr, function, "__code__", as_awaited(moved, function.__code__))
        for name, code in paced(update.stage.relabel.items())
        for function in finder.functions.get(name, ())
        # A wrapper may have been made to lead elsewhere meanwhile.
        if finder.names.get(id(function.__code__)) == name
        and (moved := fitted(code, function.__code__.co_freevars)) is not None
        and function.__code__ is not moved
    ]
    in_slices(ops, update.stall)


def let_go_of(update: Evaluation) -> None:
    """Let go of the old version's functions and of what was staged: whoever goes back from here does so by a plan."""
    if update.stall.bound_us:
        # Whoever waits for it asks how it ended, and may plan the next one.
        quick_turns.no_longer_than(update.stall.bound_us / 1e6, _AFTERWARDS)
    stage, units = update.stage, update.units
    update.units, update.policies = [], []
    update.stage = update.activity = update.builder = update.activity_back = None
    update.rehash = Rehash((), update.stall)
    update.departure = Departure()
    update.texts.rest()
    if stage is not None:
        switches = [stage.base, stage.removals, *stage.redefined.values(), *stage.data.values()]
        switches += [
            switch for unit in paced(units) for switch in (unit.switch, unit.taken) if switch is not None
        ]
        breath = Breath(long=True)
        with quick_turns:
            for container in (
                stage.deferred,
                *(ops for switch in switches for ops in (switch.do, switch.undo)),
                stage.finder.names,
                stage.finder.functions,
                stage.codes,
                stage.relabel,
                stage.runners,
                stage.old_codes,
            ):
                let_go(container, breath)
            for conversion in stage.conversions.values():
                if conversion not in update.agent.standing:
                    conversion.let_go()
        # What it holds refers to it: data that the update has made would be held twice until the collector comes by.
        vars(stage).clear()
