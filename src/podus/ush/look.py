"""The commands that only look: ps, status, versions, log."""

from __future__ import annotations

import difflib
from typing import Any

import click

from podus.errors import NotFound, PodusError
from podus.log import Log, Record
from podus.portmap import lookup
from podus.ush import choices, client, moment, show
from podus.ush.command import Command, complete_program, print_json, program_argument
from podus.ush.follow import finish, follow, under_way

# `ps` asks every program, and one that is stopped must not hold up the others for long.
PS_SECONDS = 2.0


@click.command(
    cls=Command,
    short_help="Show what runs under podus here.",
    examples=[
        ("podus ps", "every program, its version and its state"),
        ("podus ps --json", "the same for a program"),
    ],
)
def ps(as_json: bool) -> None:
    """Show the programs that run under podus here, each with its version and state."""
    rows = [_row(entry) for entry in lookup.programs()]
    if as_json:
        print_json(rows)
    else:
        show.console().print(show.programs(rows))


def _row(entry: lookup.Entry) -> dict[str, Any]:
    row = entry.as_dict() | {"version": None, "state": "unreachable", "update": None}
    try:
        with client.connect(entry, PS_SECONDS) as pup:
            hello = pup.call("hello")
        row |= {key: hello.get(key) for key in ("version", "state", "update")}
    except PodusError:
        row["alive"] = False
    return row


@click.command(
    cls=Command,
    short_help="Show how an update stands.",
    examples=[
        ("podus status shop", "what has switched, what waits, and for whom"),
        ("podus status shop --follow", "stay until it has ended"),
    ],
)
@program_argument()
@click.option("--update", "wanted", metavar="ID", help="This update, and not the latest.")
@click.option(
    "--follow", "stay", is_flag=True, help="Follow the update to its end; the exit codes are those of update."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="S", help="Follow for this many seconds at most."
)
@click.pass_context
def status(
    ctx: click.Context, *, name: str, wanted: str | None, stay: bool, timeout: float | None, as_json: bool
) -> None:
    """Show how the latest update of the program NAME stands: what has switched, what has not, and who holds it."""
    entry = lookup.find(name)
    with client.connect(entry) as pup:
        hello = pup.call("hello")
        try:
            state = pup.call("status", update=wanted)
        except NotFound:
            if wanted:
                raise
            state = None
        if state and stay:
            end = "backed-out" if state.get("state") in ("backing-out", "backed-out") else "complete"
            if under_way(state):
                state = follow(pup, state["id"], timeout=timeout, quiet=as_json)
            ctx.exit(finish(entry, state, wanted=end, as_json=as_json))
    if as_json:
        print_json({"program": hello, "update": choices.add(entry, state) if state else None})
        return
    click.echo(f"{entry.full_name} runs {show.version(hello.get('version'))}")
    if state:
        show.console().print(
            show.status(
                state, rows=show.ROWS, choices=choices.shown(entry, state) if under_way(state) else ()
            )
        )
    else:
        click.echo("no update has been made since it started")


@click.command(
    cls=Command,
    short_help="Show the versions that a program has loaded.",
    examples=[("podus versions shop", "the running version (*) and those beside it")],
)
@program_argument()
def versions(name: str, as_json: bool) -> None:
    """Show the versions that the program NAME has loaded; the running one has a star."""
    with client.connect(lookup.find(name)) as pup:
        rows = pup.call("versions")
    if as_json:
        print_json(rows)
    else:
        show.console().print(show.versions(rows))


@click.command(
    cls=Command,
    short_help="Show what was done, by whom, and when.",
    examples=[
        ("podus log", "the last events of all programs"),
        ("podus log shop --since 2h", "those of shop in the last two hours"),
        ("podus log --update 1f0c", "those of one update"),
    ],
)
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_program)
@click.option(
    "--since", callback=moment.since, metavar="WHEN", help="Only what came later: 30m, 2h, 1d, or a date."
)
@click.option("--update", "wanted", metavar="ID", help="Only this update.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="The last N events.",
)
def log(name: str | None, since: float | None, wanted: str | None, limit: int, as_json: bool) -> None:
    """Show the log: every load, plan, update, switch, refusal and back-out of this user's programs, or of NAME alone.

    NAME is a program's name, its pid or name:pid, and need not run any more. Updates that were under way when their program died are named at the end.
    """
    book = Log.open()
    program, pid = _program(book, name) if name else (None, None)
    found = book.entries(program, pid, limit=limit, since=since, update=wanted)
    lost = [
        r for r in book.unfinished() if (not program or r.program == program) and (not pid or r.pid == pid)
    ]
    if as_json:
        print_json({"events": [r.as_dict() for r in found], "unfinished": [r.as_dict() for r in lost]})
        return
    if found:
        screen = show.console()
        screen.print(show.records(found, screen))
    else:
        click.echo(
            "the log has nothing about this"
            if book.programs()
            else "the log is empty: nothing has been done yet"
        )
    for record in lost:
        click.echo(_lost(book, record), err=True)


def _program(book: Log, text: str) -> tuple[str | None, int | None]:
    """The program, the pid or both that ``text`` means in the log."""
    known = set(book.programs())
    name, _, pid = text.rpartition(":")
    if text in known:
        return text, None
    if name in known and pid.isdecimal():
        return name, int(pid)
    if text.isdecimal():
        return None, int(text)
    known |= {entry.name for entry in lookup.programs()}
    if text in known:
        return text, None
    near = difflib.get_close_matches(text, known, n=1)
    raise NotFound(
        f"the log has nothing about {text}",
        f"did you mean {near[0]}?" if near else "`podus log` shows everything",
    )


def _lost(book: Log, begun: Record) -> str:
    switched = [
        name for r in book.entries(update=begun.update) if r.event == "switch" for name in r.procedures
    ]
    return (
        f"{begun.program} (pid {begun.pid}) died while its update {begun.update} from {show.version(begun.from_version)}"
        f" to {show.version(begun.to_version)} was under way: {show.plural(len(switched), 'procedure')} had switched"
        f" (nothing remains of it: a new process runs what it is started with)"
    )
