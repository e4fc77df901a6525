"""The commands that make plans and do something with them: load, scaffold, update, back-out."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from podus.errors import NotFound, Refused
from podus.log import Log
from podus.planning.model import MAX_HOLD, MOVE_AFTER, POLICIES, Note, Plan, may_be_policy
from podus.planning.request import Planners, make_plan
from podus.portmap import lookup
from podus.portmap.lookup import Entry
from podus.ush import choices, client, moment, show
from podus.ush.command import (
    DONE,
    Command,
    Failed,
    Session,
    complete_label,
    print_json,
    program_argument,
    who,
)
from podus.ush.follow import finish, follow, under_way

F = TypeVar("F", bound=Callable[..., Any])

DIRECTORY = click.Path(exists=True, file_okay=False, resolve_path=True)
FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


def _all(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


SOURCE = _all(
    click.option(
        "--from", "source", type=DIRECTORY, metavar="DIR", help="The new version lies in this directory."
    ),
    click.option(
        "--git", metavar="REV", help="The new version is this revision of the program's git repository."
    ),
)
TO = click.option(
    "--to",
    metavar="LABEL",
    shell_complete=complete_label,
    help="The new version was loaded under this label.",
)
LABEL = click.option("--as", "label", metavar="LABEL", help="Call the new version this.")


class PolicyName(click.Choice[str]):
    """One of podus's own policies, or a class of the support file; whether that is there the planner says."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return (
            value if isinstance(value, str) and may_be_policy(value) else super().convert(value, param, ctx)
        )


ORDER = _all(
    click.option("--support", type=FILE, metavar="FILE", help="Interprocedures, mappers and dependencies."),
    click.option(
        "--now",
        multiple=True,
        metavar="MOD:F",
        help="Switch this procedure even while it is active; repeatable.",
    ),
    click.option("--hold", multiple=True, metavar="MOD:F", help="Do not switch this procedure; repeatable."),
    click.option(
        "--reset",
        multiple=True,
        metavar="MOD:NAME",
        help="Make this data again, with all top-level statements that go on with it, though the program has modified it; repeatable.",
    ),
    click.option(
        "--objects",
        type=click.Choice(["sweep", "lazy", "eager"]),
        default="sweep",
        show_default=True,
        help="Convert live objects of changed classes when they are used, and the rest in the background; only when they are used; or at once.",
    ),
)
POLICY = _all(
    click.option(
        "--policy",
        type=PolicyName(POLICIES),
        default="podus",
        show_default=True,
        help="Switch each procedure when it is inactive; all at one instant in which none is active; both versions side by side until the last old transaction has ended; all at once, whoever is in them; or as a class of the support file says.",
    ),
    click.option(
        "--max-hold",
        type=click.FloatRange(min=0),
        default=round(MAX_HOLD * 1000),
        show_default=True,
        metavar="MS",
        help="Let callers of what is never seen inactive wait for the instant so many milliseconds at the most (with --policy atomic all, else after a while and ever more rarely).",
    ),
    click.option(
        "--max-stall",
        type=click.FloatRange(min=1),
        metavar="MICROSECONDS",
        help="Hold the program up for no longer than that at a time, or refuse: what takes longer is split where it can be. It covers every time in which "
        "no thread can run because of podus, and on the way forward the time that callers wait at doors.",
    ),
)
MOVING = click.option(
    "--move-after",
    type=click.FloatRange(min=0),
    default=MOVE_AFTER,
    show_default=True,
    metavar="S",
    help="Wait so many seconds for who is in a loop that comes to an end; then move the frame to the new version between two iterations.",
)
WHEN = _all(
    click.option(
        "--when",
        metavar="CONDITION",
        help="Switch all at one instant at which these are idle: 'shop:refund, shop.tax:* idle'; with `and`, `or`.",
    ),
    click.argument("only", nargs=-1, metavar="[MOD:F]..."),
)
WAITING = _all(
    click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        metavar="S",
        help="Wait this many seconds; without it, for ever.",
    ),
    click.option(
        "--on-timeout",
        type=click.Choice(["back-out", "wait"]),
        default="back-out",
        show_default=True,
        help="When the time is over: back out, or leave the update under way (exit code 3).",
    ),
    click.option(
        "--deadline",
        callback=moment.deadline,
        metavar="WHEN",
        help="Be over by then, whatever --on-timeout says: seconds from now, 5m, 12:30 or a date and time. It counts from the command on, with planning; "
        "what is not complete shortly before (a tenth of the time, at most 1 s) goes back.",
    ),
    click.option(
        "--detach", is_flag=True, help="Do not wait; the exit code is 3 while the update is under way."
    ),
)


def planned(
    pup: client.Pup,
    *,
    quiet: bool,
    deadline: float | None = None,
    planners: Planners | None = None,
    **request: Any,
) -> Plan:
    """Have the planner, a process of the program's own interpreter, make the plan; the shell's own, or of ``planners``, if some stand ready.

    Raises PodusError if none can be made, by the ``deadline`` (seconds since 1970) if there is one.
    """
    given = [
        name for name, value in (("--from", "from"), ("--git", "git"), ("--to", "to")) if request.get(value)
    ]
    if len(given) > 1:
        raise click.UsageError(
            f"{' and '.join(given)} exclude each other: each says where the new version is"
        )
    if request.get("label") and request.get("to"):
        raise click.UsageError(
            "--as and --to exclude each other: the version that --to names has its label already"
        )
    context = click.get_current_context(silent=True)
    session = context.find_object(Session) if context is not None else None
    if planners is None and session is not None:
        planners = session.planners
    executable = str(pup.call("hello").get("executable") or pup.entry.executable)
    with _progress(quiet) as say:
        wanted = {"socket": pup.entry.socket, **request}
        return make_plan(wanted, executable=executable, progress=say, deadline=deadline, planners=planners)


def record(event: str, command: str, entry: Entry, plan: Plan) -> None:
    """Log what was planned or refused here; what the pup does with a plan it logs itself."""
    Log.open().write(
        event,
        program=entry.name,
        pid=entry.pid,
        update=plan.id,
        who=who(),
        from_version=plan.from_version,
        to_version=plan.to_version,
        procedures=[procedure.name for procedure in plan.procedures],
        detail={"command": command, "reason": "; ".join(note.text for note in plan.refusals)},
    )


def discard(plan: Plan) -> None:
    """Remove the plan's code from the runtime directory: the pup has no use for it."""
    if plan.directory:
        shutil.rmtree(plan.directory, ignore_errors=True)


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """A line on the terminal that says what the planner is at."""
    screen = show.console(err=True)
    if quiet or not screen.is_terminal:
        yield None
        return
    with screen.status("planning") as status:
        yield status.update


def source_of(
    source: str | None, git: str | None, to: str | None, label: str | None = None
) -> dict[str, Any]:
    return {"from": source, "git": git, "to": to, "label": label}


def order(
    support: str | None,
    now: tuple[str, ...],
    hold: tuple[str, ...],
    reset: tuple[str, ...],
    objects: str = "sweep",
    policy: str = "podus",
    max_hold: float = MAX_HOLD * 1000,
    when: str | None = None,
    only: tuple[str, ...] = (),
    move_after: float = MOVE_AFTER,
    max_stall: float | None = None,
) -> dict[str, Any]:
    if when and policy != "podus":
        raise click.UsageError(f"--when and --policy {policy} exclude each other: each says when to switch")
    return {
        "support": support,
        "now": list(now),
        "hold": list(hold),
        "reset": list(reset),
        "objects": objects,
        "policy": policy,
        "max_hold": max_hold / 1000,
        "max_stall": max_stall,
        "when": when,
        "only": list(only),
        "move_after": move_after,
    }


def placed(note: Note) -> str:
    """A refusal's sentence, with its place before it if the sentence does not name it."""
    return f"{note.where}: {note.text}" if note.where and note.where not in note.text else note.text


def _refuse(command: str, entry: Entry, plan: Plan, refusals: Sequence[Note], *, as_json: bool) -> None:
    """Raise Failed if there are ``refusals``, after showing all but a single one, which is the error itself."""
    if not refusals:
        return
    record("refuse", command, entry, plan)
    discard(plan)
    data = {"plan": json.loads(plan.to_json())}
    if len(refusals) == 1:
        note = refusals[0]
        raise Failed(f"{entry.name} is not changed: {placed(note)}", note.remedy, "refused", **data)
    if not as_json:
        screen = show.console(err=True)
        for line in show.notes("", refusals, "!", "red")[1:]:
            screen.print(line)
    raise Failed(
        f"{entry.name} is not changed, for {show.plural(len(refusals), 'reason')}",
        "each reason names its remedy",
        "refused",
        **data,
    )


def _unsound(plan: Plan) -> list[Note]:
    """The refusals that support code can't answer: the new version itself is no good."""
    return [note for note in plan.refusals if note.code not in ("interprocedure-needed", "mapper-needed")]


@click.command(
    cls=Command,
    short_help="Load a new version beside the running one.",
    examples=[
        ("podus load shop", "load what lies on disk now"),
        ("podus load shop --git v2.1 --as v2.1", "load a revision, and call it v2.1"),
    ],
)
@program_argument()
@SOURCE
@LABEL
def load(*, name: str, source: str | None, git: str | None, label: str | None, as_json: bool) -> None:
    """Load a new version of the program NAME beside the running one. Nothing is switched.

    Without --from or --git the new version is what lies on disk now, in the places that the program's modules were loaded from.
    `podus update NAME --to LABEL` switches to it later, even if the files have gone.
    """
    entry = lookup.find(name)
    with client.connect(entry) as pup:
        plan = planned(pup, quiet=as_json, **source_of(source, git, None, label))
        _refuse("load", entry, plan, _unsound(plan), as_json=as_json)
        loaded = pup.call("load", plan=plan.directory, who=who()) or {}
    version = plan.to_version | {key: loaded[key] for key in ("label", "hash") if loaded.get(key)}
    if as_json:
        print_json({"program": entry.name, "pid": entry.pid, "version": version})
    else:
        more = " --support FILE" if plan.refusals else ""
        click.echo(
            f"{entry.name} has {show.version(version)} beside {show.version(plan.from_version)}"
            f" (`podus update {entry.name} --to {version.get('label')}{more}` switches to it)"
        )


@click.command(
    cls=Command,
    short_help="Print skeletons of the support code that a plan says is missing.",
    examples=[
        ("podus scaffold shop > support.py", "write skeletons of what is missing"),
        ("podus update shop --support support.py", "use them, once they are filled in"),
    ],
)
@program_argument()
@SOURCE
@TO
@click.option("--support", type=FILE, metavar="FILE", help="Support code that is there already.")
def scaffold(
    *, name: str, source: str | None, git: str | None, to: str | None, support: str | None, as_json: bool
) -> None:
    """Print skeletons of the interprocedures and mappers that the plan says are missing, ready to be filled in."""
    from podus.support.scaffold import scaffold as skeletons

    entry = lookup.find(name)
    with client.connect(entry) as pup:
        made = planned(pup, quiet=as_json, **source_of(source, git, to), support=support)
    _refuse("scaffold", entry, made, _unsound(made), as_json=as_json)
    discard(made)
    text = skeletons(made)
    if as_json:
        print_json({"support": text, "refusals": json.loads(made.to_json())["refusals"]})
        return
    click.echo(text, nl=not text.endswith("\n"))


@click.command(
    cls=Command,
    short_help="Update a running program.",
    examples=[
        ("podus update shop", "switch shop to the files on disk now"),
        (
            "podus update shop --git v2.1 --timeout 30",
            "to a revision; back out if it takes more than half a minute",
        ),
        ("podus update shop --deadline 12:30", "be over by then, in the new version or back in the old one"),
        ("podus update shop --to v2.1 --support support.py", "to a version loaded before, with support code"),
        ("podus update shop --now shop.pay:charge", "switch one procedure out of its turn"),
        ("podus update shop --policy atomic", "switch all procedures at one instant"),
        (
            "podus update shop shop:total --when 'shop:refund, shop.tax:* idle'",
            "one procedure, when these are idle",
        ),
    ],
)
@program_argument()
@SOURCE
@TO
@LABEL
@ORDER
@POLICY
@MOVING
@WHEN
@WAITING
@click.pass_context
def update(
    ctx: click.Context,
    *,
    name: str,
    source: str | None,
    git: str | None,
    to: str | None,
    label: str | None,
    support: str | None,
    now: tuple[str, ...],
    hold: tuple[str, ...],
    reset: tuple[str, ...],
    objects: str,
    policy: str,
    max_hold: float,
    max_stall: float | None,
    when: str | None,
    only: tuple[str, ...],
    move_after: float,
    timeout: float | None,
    on_timeout: str,
    deadline: float | None,
    detach: bool,
    as_json: bool,
) -> None:
    """Update the program NAME while it runs, each procedure when it is inactive (or as --policy says).

    Without --from, --git or --to the new version is what lies on disk now; of it only the procedures MOD:F (with *), if some are named. A plan that is not safe is refused, and nothing is changed.
    Ctrl-C leaves the update under way and says how to follow it or take it back.
    """
    entry = lookup.find(name)
    with client.connect(entry) as pup:
        made = planned(
            pup,
            quiet=as_json,
            deadline=deadline,
            **source_of(source, git, to, label),
            **order(support, now, hold, reset, objects, policy, max_hold, when, only, move_after, max_stall),
        )
        code = _evaluate(
            "update",
            pup,
            made,
            timeout=timeout,
            on_timeout=on_timeout,
            deadline=deadline,
            detach=detach,
            as_json=as_json,
        )
    ctx.exit(code)


def _evaluate(
    command: str,
    pup: client.Pup,
    plan: Plan,
    *,
    timeout: float | None,
    on_timeout: str,
    deadline: float | None,
    detach: bool,
    as_json: bool,
) -> int:
    """Have the pup evaluate a plan, follow it, and return the exit code."""
    entry = pup.entry
    _refuse(command, entry, plan, plan.refusals, as_json=as_json)
    if plan.empty:
        discard(plan)
        under_way_now = pup.call("hello")["update"]
        if under_way_now:
            # On its way back, perhaps, from this very version.
            state = pup.call("status", update=under_way_now)["state"]
            raise Refused(
                f"update {under_way_now} is under way ({state})",
                "wait for it, or back it out with `podus back-out`",
            )
        if as_json:
            print_json({"state": "complete", "from": plan.from_version, "to": plan.to_version, "total": 0})
        else:
            click.echo(
                f"there is nothing to update: {entry.name} runs {show.version(plan.to_version)} already"
            )
        return DONE
    if not as_json:
        screen = show.console(err=True)
        for line in show.notes("", plan.asks, "?", "yellow")[1:]:
            screen.print(line)
    begun = pup.call(
        "update", plan=plan.directory, timeout=timeout, on_timeout=on_timeout, deadline=deadline, who=who()
    )
    if detach:
        status = pup.call("status", update=begun["id"])
    else:
        # The pup itself backs out when the time is over; a shell that waits no longer goes away.
        patience = timeout if on_timeout == "wait" else None
        if deadline is not None:
            left = max(0.0, deadline - time.time())
            patience = left if patience is None else min(left, patience)
        # With a time to back out at, that is what is waited for.
        patient = deadline is not None or (timeout is not None and on_timeout == "back-out")
        status = follow(pup, begun["id"], timeout=patience, quiet=as_json, patient=patient)
    return finish(entry, status, wanted="complete", as_json=as_json)


@click.command(
    "back-out",
    cls=Command,
    short_help="Take an update back.",
    examples=[
        ("podus back-out shop", "take back the update under way, or else the last one"),
        ("podus back-out shop --to v1", "return to a version that is still loaded"),
    ],
)
@program_argument()
@TO
@click.option(
    "--support",
    type=FILE,
    metavar="FILE",
    help="Support code for the way back, if the update's own has none.",
)
@POLICY
@WAITING
@click.pass_context
def back_out(
    ctx: click.Context,
    *,
    name: str,
    to: str | None,
    support: str | None,
    policy: str,
    max_hold: float,
    max_stall: float | None,
    timeout: float | None,
    on_timeout: str,
    deadline: float | None,
    detach: bool,
    as_json: bool,
) -> None:
    """Take an update of the program NAME back, by the same rule of activity (or as --policy says).

    While an update is under way, what has switched goes back. After it the way back is an update like any other, with the reverse support
    code; it is refused where data was mapped and no way back was given.
    """
    entry = lookup.find(name)
    with client.connect(entry) as pup:
        try:
            status = pup.call("status")
        except NotFound:
            status = None
        if not under_way(status):
            made = planned(
                pup,
                quiet=as_json,
                deadline=deadline,
                back_out=True,
                to=to,
                support=support,
                policy=policy,
                max_hold=max_hold / 1000,
                max_stall=max_stall,
            )
            ctx.exit(
                _evaluate(
                    "back-out",
                    pup,
                    made,
                    timeout=timeout,
                    on_timeout=on_timeout,
                    deadline=deadline,
                    detach=detach,
                    as_json=as_json,
                )
            )
        if to:
            raise Refused(
                f"an update of {entry.name} is under way, so that --to can't be followed now",
                f"`podus back-out {entry.full_name}` takes it back first",
            )
        begun = pup.call("back-out", update=status["id"], who=who())
        if deadline is not None:
            left = max(0.0, deadline - time.time())
            timeout = left if timeout is None else min(left, timeout)
        status = follow(pup, begun["id"], timeout=0 if detach else timeout, quiet=as_json)
        ctx.exit(finish(entry, status, wanted="backed-out", as_json=as_json))


@click.command(
    cls=Command,
    short_help="Switch a procedure of the update under way though it is active.",
    examples=[("podus switch shop shop.pay:charge", "what runs of it ends in the old version")],
)
@program_argument()
@click.argument("procedures", nargs=-1, required=True, metavar="MOD:F...")
def switch(*, name: str, procedures: tuple[str, ...], as_json: bool) -> None:
    """Switch procedures of the update of NAME that is under way now, though they are active: as --now, for an update that waits already.

    What runs of them ends in the old version. It is refused for what switches together with others or converts data.
    """
    entry = lookup.find(name)
    with client.connect(entry) as pup:
        begun = pup.call("switch", procedures=list(procedures), who=who())
        status = pup.call("status", update=begun["id"])
        while under_way(status) and not set(procedures) <= set(status["switched"]):
            status = pup.call("wait", update=begun["id"], seconds=1.0, after=status["events"])
    if as_json:
        print_json(choices.add(entry, status))
        return
    left = len([row for row in status["pending"] if not row["held"]])
    rest = (
        f"{show.plural(left, 'procedure')} left" if under_way(status) else f"the update is {status['state']}"
    )
    click.echo(f"{', '.join(procedures)} switched: {rest}")
