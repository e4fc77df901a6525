"""Evaluating a plan: one update from staging to completion, or back.

The driver is a thread of its own; what it does to the program it does through :mod:`podus.updating.binding`. It looks at the stacks, switches what
is not active, and sleeps until a stack has shrunk.
"""

from __future__ import annotations

import os
import time

from podus.errors import PodusError, Refused
from podus.log import Log
from podus.planning.model import Plan
from podus.support.declare import Declaration
from podus.threads import Changes, Event
from podus.updating import bound, report, states
from podus.updating.activity import Activity
from podus.updating.backward import activity_of_new, one_way, switch_back
from podus.updating.binding import PARKED, Stall, settle
from podus.updating.breath import paced, quick_turns
from podus.updating.clock import Clock
from podus.updating.driver import Driver, Left
from podus.updating.ending import complete, let_go_of
from podus.updating.holders import Holders
from podus.updating.lingering import Departure
from podus.updating.listing import promote_young
from podus.updating.policy import policies
from podus.updating.raised import sentence, without_frames
from podus.updating.rehash import Rehash, hashed_by, hashed_by_procedures
from podus.updating.running import Running
from podus.updating.staging import Stage
from podus.updating.sweep import sweep
from podus.updating.texts import Texts
from podus.updating.units import Builder, Gates, Unit, take_along

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.pup.agent import Agent
    from podus.updating.mapping import Doors
    from podus.updating.policy import Policy

# Seconds between two looks at the stacks: short at first, for most procedures are active for microseconds.
_FIRST_WAIT = 0.0005
_LONGEST_WAIT = 0.02


class Evaluation:
    """One update in this process. ``run`` is its thread's body; everything else may be called from any thread."""

    def __init__(
        self,
        agent: Agent,
        plan: Plan,
        *,
        timeout: float | None = None,
        on_timeout: str = "back-out",
        deadline: float | None = None,
        who: dict[str, Any] | None = None,
        declarations: list[Declaration] | None = None,
        backs_out: Evaluation | None = None,
    ) -> None:
        self.agent = agent
        self.plan = plan
        self.timeout = timeout
        self.on_timeout = on_timeout
        self.who = who or {}
        self.declarations = declarations
        self.backs_out = backs_out
        self.state = states.STAGING
        self.reason = ""
        self.remedy = ""
        self.error: BaseException | None = None
        self.started = time.time()
        self.ended: float | None = None
        self.stall = Stall(plan.max_stall)
        # Why the next look is put off, if it is.
        self.delayed = ""
        # What is in the way of what has to go back, if anything was at the last try.
        self.cannot_go_back = ""
        # How often the heap has been walked in vain; how often callers went through a door that was shut for too long.
        self.walks = self.passed = 0
        self.units: list[Unit] = []
        self.switched: list[str] = []
        self.stage: Stage | None = None
        self.activity: Activity | None = None
        self.builder: Builder | None = None
        self.departure = Departure()
        # When may a procedure switch: policies, each with what goes by it.
        self.policies: list[tuple[Policy, list[Unit]]] = []
        # Who is active in the new version, on the way back.
        self.activity_back: Activity | None = None
        self._changed = Changes()
        self._poke = Event()
        self._driver = Driver(agent.pup.server.with_program_signals)
        # Doors that stand shut while a mapper converts.
        self.doors: Doors | None = None
        self.total = 0
        self.notes: list[str] = []
        self.endless = {p.name for p in plan.procedures if p.endless}
        self._announced: set[str] = set()
        self._ordered: set[str] = set()
        self.back_out_wanted = ""
        # What a mapper of live objects raised.
        self._failure: BaseException | None = None
        # Whether the time that was given is over.
        self.timed_out = False
        # Whether to look again though no stack has shrunk: what was inactive a moment ago was not at the instant itself.
        self.missed = False
        # Closures: more of them are made while their makers have not switched.
        self._hidden = {p.name for p in plan.procedures if p.hidden and "<locals>" in p.name}
        self.running = Running()
        self.texts = Texts()
        self.rehash = Rehash((), self.stall)
        self.clock = Clock(timeout, deadline)

    # ---- the thread

    @property
    def events(self) -> int:
        """How often something has happened."""
        return self._changed.count

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._driver.start(self.run)

    def run(self) -> None:
        """Stage, switch, complete; or back out; or fail with the program as before."""
        try:
            promote_young()
            quick_turns.no_longer_than(self.stall.bound_us / 1e6)
            if self.stall.bound_us:
                bound.calibrate(self.stall)
            with quick_turns:
                self.log("update", [p.name for p in self.plan.procedures])
                if self.plan.hold:
                    self.log("override", self.plan.hold, {"order": "hold"})
                with bound.NoCollections(self.stall):
                    self._stage()
                self.clock.check_staged()
                self.texts.keep(self.stage)
        except BaseException as error:
            if self.stage is not None:
                self.stage.undo(switched=False)
            self._fail(error)
            let_go_of(self)
            return
        self.running.begin()
        self.go(states.PENDING)
        self._drive()

    def before_fork(self) -> int:
        """Have the driver leave where nothing is half done, and give its thread's number; 0 if it stays.

        While it runs code of the program (new statements, a mapper), which may wait for whoever forks, it is not waited for.
        """
        return 0 if self.state == states.STAGING else self._driver.park(self._poke.set)

    def after_fork_in_parent(self) -> None:
        """Go on if the driver has left."""
        self._driver.resume(self._drive)

    def after_fork_in_child(self) -> None:
        """Go on: there is no thread of the parent's here but the one that forked, and the locks that they held nobody will give back."""
        if self._driver.is_current:
            return  # a new statement or a mapper has forked, and goes on in both
        self._changed = Changes()
        self._poke = Event()
        self._driver.after_fork()
        # Those who waited at the heads of their loops are not here.
        PARKED.clear()
        if self.doors is not None:
            self.doors.open()
            self.doors = None
        if self.stage is not None:
            self.stage.after_fork()
        if self.state == states.STAGING:
            if self.stage is not None:
                self.stage.undo(switched=False)
            self.state = states.FAILED
            self.ended = time.time()
            self.reason = "the process was forked while the update was being staged"
            self.remedy = "update the child itself"
        elif self.state in states.UNDER_WAY:
            self._driver.start(self._drive_in_child)

    def _drive_in_child(self) -> None:
        try:
            self.log("update", sorted(self.pending()), {"forked from": os.getppid()})
        except PodusError as error:
            self.notes.append(error.message)
        self._drive()

    def _stage(self) -> None:
        if self.plan.refusals:
            note = self.plan.refusals[0]
            raise Refused(note.text, note.remedy)
        self._finish_lazy()
        stage = self.stage = Stage(self.agent, self.plan, self.declarations)
        stage.stall = self.stall
        stage.object_failed = self.mapper_failed
        stage.run()
        backwards = self.backs_out is not None or bool(self.plan.program.get("back_out"))
        self.builder = Builder(stage, self.plan, self.agent.module_names(), backwards)
        self.units = self.builder.build()
        self.policies = policies(self.plan, self.units, stage.declarations)
        self.total = sum(len(unit.names) for unit in self.units)
        self.notes = stage.notes
        codes = [
            (code, name)
            for unit in paced(self.units)
            for name in unit.names
            for code in stage.old_codes.get(name, ())
        ]
        suspends = {p.name for p in self.plan.procedures if p.suspends}
        self.activity = Activity(codes, suspends, self.plan)
        self.rehash = Rehash([*hashed_by(stage), *hashed_by_procedures(self.plan)], self.stall)
        self.running.prepare(self, stage)
        bound.check(self, self.units)
        self.log("stage", [], {"statements": sum(len(m.statements) for m in self.plan.modules)})

    def _drive(self) -> None:
        try:
            while self.state == states.PENDING:
                self._forward()
            while self.state == states.BACKING_OUT:
                self._backward()
        except Left:
            return
        except BaseException as error:
            # Nothing in the loop may raise but a mapper or the log; both leave what has switched as it is, and go back.
            self.reason = sentence(error)
            self.remedy = getattr(error, "remedy", "")
            self._keep_error(error)
            if any(unit.replacement for unit in self.units):
                # Its frames hold objects that have to be replaced back.
                error.__traceback__ = error.__cause__ = error.__context__ = None
            if self.state == states.PENDING:
                self.go(states.BACKING_OUT)
                self._drive()
            else:
                self._bump()

    def _forward(self) -> None:
        assert self.activity is not None
        assert self.builder is not None
        if not self.builder.gates.any:
            self.running.pass_alone(self)
        wait = _FIRST_WAIT
        while True:
            self._driver.leave()
            if self.back_out_wanted:
                self.reason = self.back_out_wanted
                self.go(states.BACKING_OUT)
                return
            self.delayed = bound.not_now(self)
            if self.delayed:
                wait = self._sleep(wait)
                continue
            with quick_turns:
                active = self.activity.look()
                self.stall.note(self.activity.heap_seconds, self.activity.look_seconds)
                self.running.pass_suspended(self)
                waited_for = active - self.activity.passed - self.running.rounding
                self.missed = any([p.switch(self, units, waited_for) for p, units in self.policies])
                self.running.move(self, active)
                if self._failure is not None:
                    raise self._failure
                done = all(unit.done or unit.held for unit in self.units)
                done = done and active.isdisjoint(self.running.rounding)
                busy = self.running.busy
                # Who has left already is on no stack whose shrinking would tell that it is over.
                self.missed = self.missed or busy
                if done and not busy and self._objects_converted():
                    complete(self)
                    return
            wait = self._sleep(wait)

    # ---- objects

    def poke(self) -> None:
        """Have the driver look again."""
        self._poke.set()

    def mapper_failed(self, error: BaseException) -> None:
        """A mapper raised, in a thread of the program or in ours."""
        self._failure = error
        self._poke.set()

    def _objects_converted(self) -> bool:
        """Convert what live objects there are of changed classes; says whether all are, or are left to be converted when they are used."""
        assert self.stage is not None
        if self.plan.pace == "lazy" or not self.stage.conversions:
            return True
        done = sweep(
            list(self.stage.conversions.values()),
            self.stall,
            hurry=self.plan.pace == "eager",
            between=self._undisturbed,
        )
        if not done and self.stall.bound_us and self._undisturbed():
            bound.swept(self)
        return done

    def _finish_lazy(self) -> None:
        """Convert what an earlier update left to be converted when it is used: this one's objects start from there."""
        standing = self.agent.standing
        if standing:
            for conversion in standing:
                conversion.failed = self.mapper_failed
            sweep(standing, self.stall, hurry=True, between=lambda: True)
            settle([op for conversion in standing for op in conversion.unhooking], self.stall)
            for conversion in standing:
                conversion.let_go()
            standing.clear()

    def _undisturbed(self) -> bool:
        """Whether the driver may go on with what it is at."""
        return not (self.back_out_wanted or self._driver.parking or self._failure or self.clock.late)

    def _sleep(self, wait: float) -> float:
        """Wait until a stack has shrunk, somebody wants something, or the time is up."""
        assert self.activity is not None
        while True:
            self._driver.leave()
            if self.time_is_over():
                return wait
            if self._poke.wait(wait):
                self._poke.clear()
                return _FIRST_WAIT
            if self.activity.shrunk():
                return _FIRST_WAIT
            wait = min(wait * 1.5, _LONGEST_WAIT)
            if self.running.lost_patience(self):
                return wait
            if self.missed or not self._mark_holds():
                return wait

    def time_is_over(self) -> bool:
        """Whether the update is to be given up now."""
        reason = ""
        if self.clock.late:
            reason = self.clock.look(self)
            self._bump()
            self.back_out_wanted = self.back_out_wanted or reason
        return bool(reason)

    def _mark_holds(self) -> bool:
        """Whether something that is on a stack explains the wait; if not, it is tried again."""
        assert self.activity is not None
        return bool(self.activity._mark or self.activity._asleep)

    # ---- forward

    def pending(self) -> set[str]:
        """The procedures that have not switched and are not held back by hand."""
        return {name for unit in self.units if not unit.done and not unit.held for name in unit.names}

    def announce(self, units: list[Unit]) -> None:
        """Written before it is acted on, once for each set of procedures."""
        forced = [n for u in units if u.forced for n in u.names if n not in self._ordered]
        if forced:
            self.log("override", forced, {"order": "now"})
            self._ordered.update(forced)
        fresh = [n for u in units for n in u.names if n not in self._announced]
        if fresh:
            self.log("switch", fresh)
            self._announced.update(fresh)

    def switched_now(self, units: list[Unit]) -> None:
        """Note that ``units`` have switched."""
        for unit in units:
            unit.done = True
            unit.taken = unit.taken or unit.switch
            self.switched += unit.names
        self.running.release()
        self._take_along(units, back=False)
        self._bump()

    def _take_along(self, units: list[Unit], *, back: bool) -> None:
        hidden = [n for u in units for n in u.names if n in self._hidden]
        if hidden and self.stage is not None:
            take_along(self.stage, hidden, self.stall, back=back)

    def gone_back(self, units: list[Unit]) -> None:
        """Note that ``units`` have gone back."""
        for unit in units:
            unit.done = False
            self.switched = [name for name in self.switched if name not in unit.names]
        self._take_along(units, back=True)
        self._bump()

    # ---- the end

    def backed_out_by(self) -> None:
        self.reason = "backed out by a whole update back"
        self.go(states.BACKED_OUT)

    def order(self, names: list[str]) -> None:
        """Switch these procedures at the next look though they are active. Raises Refused if that can't be done."""
        for unit in report.alone(self, names):
            unit.forced, unit.held = True, False
        self._poke.set()

    # ---- backward

    def back_out(self, reason: str) -> None:
        """Ask for the way back of an update that is under way. Raises Refused if it is not."""
        if self.state not in states.UNDER_WAY:
            raise Refused(f"update {self.plan.id} is {self.state}", "back out with a whole update back")
        mapped = one_way(self)
        if mapped:
            raise Refused(
                f"{mapped} has been converted by a mapper, and no way back was given",
                "let the update go on; what has happened to the data since would be lost",
            )
        self.log("back-out", self.switched)
        self.back_out_wanted = reason
        self._poke.set()

    def _backward(self) -> None:
        """Those that switched go back as they become inactive, by the same rule."""
        assert self.stage is not None
        wait = _FIRST_WAIT
        self.running.begin()
        self.running.leave()
        while True:
            self._driver.leave()
            with quick_turns:
                if self.activity_back is None:
                    self.activity_back = activity_of_new(self)
                    self.running.prepare_back(self, self.stage)
                self.delayed = bound.not_now(self)
                if not self.delayed:
                    active = self.activity_back.look()
                    switch_back(self, active)
                    self.running.lost_patience(self)
                    self.running.pass_back(self)
                    self.running.move(self, active, back=True)
                    self.stall.note(self.activity_back.heap_seconds, self.activity_back.look_seconds)
            # A policy may have something to take back that is no switch.
            withdrawn = [getattr(policy, "withdraw", _nothing)(self) for policy, _ in self.policies]
            if not any(unit.done for unit in self.units) and all(withdrawn):
                break
            self._poke.wait(wait)
            self._poke.clear()
            wait = min(wait * 1.5, _LONGEST_WAIT)
        self.running.leave(back=True)
        self.stage.take_away()
        self.stage.undo(switched=True)
        self.texts.give_back()
        self.notes += bound.broken(self.stall)
        self.log("backed-out", [], {"reason": self.reason}, ended=True)
        self.go(states.BACKED_OUT)
        let_go_of(self)

    # ---- what others see

    def waits_for(self) -> str:
        """Why the first that has not switched has not, or else who could still call what stands for the old interfaces."""
        status = self.status()
        # What was left out is not waited for.
        pending = [row for row in status["pending"] if not row["held"]] or status["pending"]
        if pending:
            return str(pending[0]["why"])
        if status["callers"]:
            row = status["callers"][0]
            who = row.get("task") or row.get("thread") or "something that is suspended"
            return f"{row['procedure']}, in its old version in {who}, may still call an interprocedure"
        return "what is left of the old version has not ended"

    def status(self) -> dict[str, Any]:
        """The update's state for people and programs, as ARCHITECTURE.md lists it."""
        return report.status(self)

    def stuck_for(self, ident: int, *, asleep: bool = False, endless: bool = True) -> bool:
        """See :func:`podus.updating.report.stuck_for`."""
        return report.stuck_for(self, ident, asleep=asleep, endless=endless)

    def goes_back_after(self, idents: tuple[int, ...]) -> bool:
        """Whether what has not gone back waits for an activation of its new version on one of these threads' stacks (0: suspended)."""
        activity = self.activity_back
        if activity is None:
            return False
        holders = Holders(activity)
        return any(holder["ident"] in idents for name in activity.glance() for holder in holders.of(name))

    @property
    def gates(self) -> Gates | None:
        """The interprocedures' gates, while there may be any."""
        builder = self.builder
        return None if builder is None else builder.gates

    def wait(self, seconds: float | None) -> None:
        """Wait until the update is over, or its time is up, or for ``seconds``."""
        was_up = self.timed_out
        self._changed.wait_until(
            lambda: self.state not in states.UNDER_WAY or self.timed_out > was_up, seconds
        )

    def _bump(self) -> None:
        self._changed.tell()
        self.agent.pup.server.wake()

    def go(self, state: str) -> None:
        self.state = states.check(self.state, state)
        if state == states.BACKING_OUT:
            # What went forward has to go back, whatever it takes.
            self.stall.refuses = False
        if state not in states.UNDER_WAY:
            self.ended = time.time()
        self._bump()

    def _fail(self, error: BaseException) -> None:
        self.reason = sentence(error)
        self.remedy = getattr(error, "remedy", "")
        self._keep_error(error)
        self.log("failed", [], {"reason": self.reason}, ended=True)
        self.go(states.FAILED)

    def _keep_error(self, error: BaseException) -> None:
        """Keep an error for who waits in the program. Where nobody does, its frames would hold what was made aside: classes that their bases go on to name."""
        if self.who.get("shell") == os.getpid():
            self.error = error
        else:
            without_frames(error)

    def log(
        self, event: str, procedures: list[str], detail: dict[str, Any] | None = None, *, ended: bool = False
    ) -> None:
        """Write to the log. Raises Refused if that can't be done, but not at an end: what has happened has happened."""
        try:
            with self.agent.writing:
                Log.open().write(
                    event,
                    program=self.agent.pup.name,
                    pid=self.agent.pid,
                    update=self.plan.id,
                    who=self.who,
                    from_version=self.plan.from_version,
                    to_version=self.plan.to_version,
                    procedures=procedures,
                    detail=detail,
                    seconds=time.time() - self.started if ended else None,
                    stall_us=self.stall.longest_us if ended else None,
                )
        except Exception as error:
            if not ended:
                raise
            self.notes.append(sentence(error))


def _nothing(update: Evaluation) -> bool:
    return True
