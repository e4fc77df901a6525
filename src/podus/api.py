"""podus inside a program: what ``podus run`` and ``podus update`` do, for tests, notebooks and services that update themselves."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from podus.errors import PodusError, Refused
from podus.planning.model import MAX_HOLD, MOVE_AFTER, Plan, may_be_policy
from podus.planning.request import make_plan
from podus.pup import start
from podus.support.load import given
from podus.updating import states
from podus.updating.evaluate import Evaluation

# Seconds without an event after which suspended generators and coroutines are taken for the waiting thread's own.
_ASLEEP = 1.0

Support = str | os.PathLike[str] | Callable[..., Any] | Iterable[Any] | None


def enable(*, include: Iterable[str] = (), name: str | None = None) -> None:
    """Make this process updatable; call it before the program's modules are imported.

    The program is every module outside the standard library and site-packages; ``include`` adds installed packages by name.
    ``name`` is what the port mapper knows the program by (default: the script's name). Calling it again adds to ``include``.
    """
    script = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else "python"
    pup = start.start(name or os.path.splitext(script)[0] or "python", list(include))
    if pup.error:
        raise Refused(
            f"the control socket can't be made: {pup.error}",
            "set PODUS_HOME to a private, writable directory",
        )
    pup.recorder.adopt_loaded()


class Update:
    """One update of this process, under way or over."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def __repr__(self) -> str:
        return f"<Update {self.id}: {self.state}>"

    @property
    def id(self) -> str:
        """What the log knows it by."""
        return self._evaluation.plan.id

    @property
    def plan(self) -> Plan:
        """What it set out to do."""
        return self._evaluation.plan

    @property
    def state(self) -> str:
        """``staging``, ``pending``, ``complete``, ``backing-out``, ``backed-out`` or ``failed``."""
        return self._evaluation.state

    @property
    def reason(self) -> str:
        """Why it failed or was backed out, in one sentence; "" otherwise."""
        return self._evaluation.reason

    @property
    def pending(self) -> list[str]:
        """The procedures that have not switched (or not gone back) yet, as ``module:qualname``."""
        return [row["procedure"] for row in self._evaluation.status()["pending"]]

    @property
    def switched(self) -> list[str]:
        """The procedures that have."""
        return list(self._evaluation.switched)

    def status(self) -> dict[str, Any]:
        """All that ``podus status`` shows: who holds which procedure, since when, the longest stall."""
        return self._evaluation.status()

    def wait(self, timeout: float | None = None) -> str:
        """Wait until the update is over, for ``timeout`` seconds at the most; gives the state.

        It returns early, with the update under way, where waiting can change nothing: when all that has not switched (or not gone back) is on
        the stack of the very thread that waits, or never returns; and, when nothing has happened for a second, where it is suspended in generators or
        coroutines, for it may be this thread that would resume them. Raises what made the update fail.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        evaluation = self._evaluation
        pause = 0.01
        was_up = evaluation.timed_out
        events, happened = evaluation.events, time.monotonic()
        while evaluation.state in states.UNDER_WAY:
            if evaluation.timed_out > was_up and evaluation.on_timeout == "wait":
                break
            ends = [] if deadline is None else [deadline - time.monotonic()]
            if evaluation.clock.deadline is not None:
                ends.append(evaluation.clock.deadline - time.time())
            left = min(ends, default=None)
            if left is not None and left <= 0:
                break
            evaluation.wait(pause if left is None else min(pause, left))
            pause = min(pause * 2, 0.25)
            if evaluation.events != events:
                events, happened = evaluation.events, time.monotonic()
            given_up = (
                evaluation.timeout is not None and not was_up
            ) or evaluation.clock.deadline is not None
            # Who is suspended may go on before the time is over, and then all is taken back; this thread's own stack can't.
            waits = evaluation.state == states.PENDING and given_up
            asleep = time.monotonic() - happened > _ASLEEP and not waits
            if evaluation.stuck_for(threading.get_ident(), asleep=asleep, endless=not waits):
                break
        if evaluation.state == states.FAILED:
            _raise(evaluation)
        return evaluation.state

    def back_out(
        self,
        timeout: float | None = None,
        *,
        support: Support = None,
        policy: str = "podus",
        max_hold: float = MAX_HOLD,
        max_stall: float = 0.0,
    ) -> str:
        """Take it back: what has switched returns as it becomes inactive; after completion, by a whole update back, under ``policy``.

        ``support`` (a path or functions) is support code for the way back after completion, in place of the update's own.
        Raises Refused where data was mapped and no way back was given. Gives the state.
        """
        evaluation = self._evaluation
        if evaluation.state in states.UNDER_WAY:
            evaluation.back_out("backed out in the program")
            self.wait(timeout)
        # (It may have been complete before anybody looked.)
        if evaluation.state == states.COMPLETE:
            agent = evaluation.agent
            if evaluation.plan.empty:
                return self.state
            last = agent.last_update()
            if last != self.id:
                raise Refused(
                    f"update {self.id} is not the last one",
                    f"back out {last} first" if last else "update again",
                )
            request = _request(
                None, support, [], [], [], policy=policy, max_hold=max_hold, max_stall=max_stall
            )
            request.update(back_out=True)
            own = support is None or isinstance(support, str | os.PathLike)
            declarations = evaluation.declarations if own else given(support)
            back = _begin(agent, request, declarations, timeout, "back-out", evaluation)
            back.wait(timeout)
            if back.state == states.BACKED_OUT:
                # The way back itself has been given up: the program runs on in the new version.
                evaluation.reason = f"the way back was given up: {back.reason}"
        return self.state


def plan(
    source: str | os.PathLike[str] | None = None,
    *,
    support: Support = None,
    now: Iterable[str] = (),
    hold: Iterable[str] = (),
    reset: Iterable[str] = (),
    objects: str = "sweep",
    policy: str = "podus",
    max_hold: float = MAX_HOLD,
    max_stall: float = 0.0,
    when: str = "",
    only: Iterable[str] = (),
    move_after: float = MOVE_AFTER,
) -> Plan:
    """What an update would do, and whether it is safe; nothing is changed. Parameters as for :func:`update`."""
    agent = _agent()
    request = _request(source, support, now, hold, reset, objects, policy, max_hold, max_stall)
    request |= {"when": when, "only": list(only), "move_after": move_after}
    del agent
    return make_plan(request)


def update(
    source: str | os.PathLike[str] | None = None,
    *,
    support: Support = None,
    wait: bool = True,
    timeout: float | None = None,
    on_timeout: str = "back-out",
    deadline: Any = None,
    now: Iterable[str] = (),
    hold: Iterable[str] = (),
    reset: Iterable[str] = (),
    objects: str = "sweep",
    policy: str = "podus",
    max_hold: float = MAX_HOLD,
    max_stall: float = 0.0,
    when: str = "",
    only: Iterable[str] = (),
    move_after: float = MOVE_AFTER,
) -> Update:
    """Update this process.

    ``source`` is a directory that holds the new version, ``"git:REV"``, or None for the files that lie on disk where the program's modules
    were loaded from. ``support`` is the path of a support file, or support functions themselves. ``timeout`` is in seconds; after it the update is
    backed out, or with ``on_timeout="wait"`` goes on. With ``wait=False`` the update goes on in a thread of its own. ``deadline`` is when
    all must be over, the way back too: seconds from now, or a ``datetime``; what is not complete shortly before (a tenth of the time, at most 1 s) is backed
    out, whatever ``on_timeout`` says. ``now`` and ``hold`` override
    the order for the named procedures, ``reset`` names data that takes its new value although the program has modified it. ``objects`` says
    when live objects of changed classes are converted: ``"sweep"`` (when they are used, and the rest in the background), ``"lazy"`` (only when
    they are used) or ``"eager"`` (at once). ``policy`` says when procedures switch: ``"podus"`` (each when it is inactive), ``"atomic"`` (all at one
    instant in which none is active; if none comes, those who call one wait for ``max_hold`` seconds at the most while others leave),
    ``"consistent"`` (both serve side by side until the last transaction of the old version has ended) or
    ``"immediate"`` (all at once, whoever is in them). ``max_stall`` (microseconds) keeps every
    stall under it, or the update is refused: what would take longer is split where it can be. With a condition, ``when="shop:refund, shop.tax:* idle"``, all switch at one instant at which
    those are idle, and ``only`` names (with ``*``) what is to be updated; the rest is left for another update. Who is in a loop that never ends
    goes on in the new version between two iterations; who is in one that ends is waited for, for ``move_after`` seconds, and then moved as well.

    Raises :class:`podus.Refused` if the plan is not safe and :class:`podus.PodusError` if the update fails; the program is then as before.
    """
    agent = _agent()
    declarations = None if support is None or isinstance(support, str | os.PathLike) else given(support)
    request = _request(source, support, now, hold, reset, objects, policy, max_hold, max_stall)
    request |= {
        "when": when,
        "only": list(only),
        "move_after": move_after,
        "thread": threading.get_ident() if wait else None,
    }
    found = _begin(agent, request, declarations, timeout, on_timeout, None, _moment(deadline))
    if wait:
        found.wait()
    return found


def _agent() -> Any:
    pup = start.current()
    if pup is None:
        raise Refused(
            "podus is not enabled in this process",
            "call podus.enable() before the program's modules are imported",
        )
    return pup.agent


def _request(
    source: str | os.PathLike[str] | None,
    support: Support,
    now: Iterable[str],
    hold: Iterable[str],
    reset: Iterable[str],
    objects: str = "sweep",
    policy: str = "podus",
    max_hold: float = MAX_HOLD,
    max_stall: float = 0.0,
) -> dict[str, Any]:
    if objects not in ("sweep", "lazy", "eager"):
        raise Refused(f"objects can't be {objects!r}", "give 'sweep', 'lazy' or 'eager'")
    if not may_be_policy(policy):
        raise Refused(
            f"there is no policy {policy!r}",
            "give 'podus', 'atomic' or 'immediate', or the name of a class of the support code",
        )
    if max_hold < 0:
        raise Refused(f"callers can't wait for {max_hold:g} s", "give max_hold in seconds, 0 for never")
    if max_stall < 0:
        raise Refused(f"a stall can't be {max_stall:g} µs", "give max_stall in microseconds, 0 for no bound")
    pup = start.current()
    assert pup is not None
    request: dict[str, Any] = {
        "socket": pup.server.path,
        "now": list(now),
        "hold": list(hold),
        "reset": list(reset),
        "objects": objects,
        "policy": policy,
        "max_hold": max_hold,
        "max_stall": max_stall,
    }
    if source is not None:
        text = os.fspath(source)
        if text.startswith("git:"):
            request["git"] = text[4:]
        else:
            request["from"] = os.path.abspath(text)
    if isinstance(support, str | os.PathLike):
        request["support"] = os.path.abspath(os.fspath(support))
    elif support is not None:
        request["declarations"] = [d.as_dict() for d in given(support)]
    return request


def _begin(
    agent: Any,
    request: dict[str, Any],
    declarations: Any,
    timeout: float | None,
    on_timeout: str,
    backs_out: Evaluation | None,
    deadline: float | None = None,
) -> Update:
    made = make_plan(request, deadline=deadline)
    if made.refusals:
        note = made.refusals[0]
        more = f" (and {len(made.refusals) - 1} more)" if len(made.refusals) > 1 else ""
        agent.refused(made)
        raise Refused(note.text + more, note.remedy)
    who = {"uid": os.getuid(), "shell": os.getpid()}
    evaluation = agent.begin(
        made,
        timeout=timeout,
        on_timeout=on_timeout,
        deadline=deadline,
        who=who,
        declarations=declarations,
        backs_out=backs_out,
    )
    return Update(evaluation)


def _moment(deadline: Any) -> float | None:
    """A deadline in seconds since 1970. Raises Refused if it is over."""
    if deadline is None:
        return None
    moment = float(deadline.timestamp()) if hasattr(deadline, "timestamp") else time.time() + deadline
    if moment <= time.time():
        raise Refused(f"the deadline {deadline} is over already", "give seconds from now, or a later moment")
    return moment


def _raise(evaluation: Evaluation) -> None:
    # Kept without its frames: they hold what was made aside.
    error, evaluation.error = evaluation.error, None
    if isinstance(error, PodusError):
        evaluation.error = type(error)(error.message, error.remedy)
        raise error
    raise PodusError(evaluation.reason, evaluation.remedy) from error
