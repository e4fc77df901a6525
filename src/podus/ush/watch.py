"""Updating on save: whenever a file of the program is written, the program is updated to what lies on disk.

What reloaders in development do, by the ``immediate`` policy: everything switches at once. It runs in a process of its own, so that the program
knows nothing of it; a version that can't be loaded is said to be so, and the next save is waited for.
"""

from __future__ import annotations

import os
import time
from typing import Any

import click

from podus.errors import NotFound, PodusError, Unreachable
from podus.planning.model import POLICIES, Plan
from podus.planning.request import Planners
from podus.portmap import lookup
from podus.portmap.lookup import Entry
from podus.portmap.process import is_alive
from podus.ush import client, show
from podus.ush.change import discard, placed, planned, record
from podus.ush.command import Command, program_argument, who
from podus.ush.follow import follow

# Milliseconds in which the saves of one moment are gathered, and after which it is looked whether the program still runs.
GATHER, LOOK = 50, 500
# After so many looks it is asked for modules that it has imported meanwhile.
ASK = 10
# Seconds that a program has to come up, and that an update may take before it is said who is waited for.
START, PATIENCE = 60.0, 5.0
# So many procedures are named in the one line that an update gets.
NAMED = 4


@click.command(
    cls=Command,
    has_json=False,
    short_help="Update a running program whenever one of its files is saved.",
    examples=[
        ("podus watch shop", "update shop at once on every save, until Ctrl-C"),
        ("podus watch shop --policy podus", "the same, but each procedure when it is inactive"),
    ],
)
@program_argument()
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="immediate",
    show_default=True,
    help="When procedures switch; see `podus update`.",
)
@click.option("--wait", is_flag=True, hidden=True, help="The program is just being started.")
def watch(*, name: str, policy: str, wait: bool) -> None:
    """Update the program NAME whenever one of its files is saved, and say in one line what changed.

    A syntax error, or a change that would be refused, is said to be so, and the next save is waited for. `podus run --watch` starts this beside
    the program. It ends when the program does.
    """
    entry = _once_up(name) if wait else lookup.find(name)
    click.echo(f"podus: {entry.name} is updated on every save", err=True)
    try:
        with Planners() as planners:
            _watch(entry, policy, planners)
    except KeyboardInterrupt:
        pass


def _once_up(text: str) -> Entry:
    """The program of this name or pid, as soon as it is there."""
    until = time.monotonic() + START
    while True:
        try:
            return lookup.find(text)
        except NotFound:
            if time.monotonic() > until or not (text.isdecimal() and is_alive(int(text))):
                raise
        time.sleep(0.05)


def _watch(entry: Entry, policy: str, planners: Planners) -> None:
    from watchfiles import watch as saves

    # What was saved while the program came up, or the directories were not watched, is seen by its times.
    seen: dict[str, tuple[int, int]] = {}
    while is_alive(entry.pid, entry.born):
        files = _files(entry)
        if not files:
            time.sleep(LOOK / 1000)
            continue
        looks = saves(
            *sorted({os.path.dirname(file) for file in files}),
            # Whatever changes there makes us look: a program that writes files beside its own must not hide a save.
            watch_filter=None,
            recursive=False,
            debounce=GATHER,
            step=GATHER,
            rust_timeout=LOOK,
            yield_on_timeout=True,
        )
        for number, _ in enumerate(looks, start=1):
            times = _times(files)
            if times != seen:
                seen = times
                _update(entry, policy, planners)
                # It may have imported modules from elsewhere meanwhile.
                break
            if not is_alive(entry.pid, entry.born):
                return
            # To ask the program costs it a little: not at every look.
            if number % ASK == 0 and _files(entry) != files:
                break


def _files(entry: Entry) -> list[str]:
    """The files that the program's modules were loaded from; none once it has ended."""
    try:
        with client.connect(entry) as pup:
            rows: list[dict[str, Any]] = pup.call("modules")
    except Unreachable:
        return []
    files = {os.path.abspath(row["file"]) for row in rows if row["file"]}
    return sorted(file for file in files if os.path.isdir(os.path.dirname(file)))


def _times(files: list[str]) -> dict[str, tuple[int, int]]:
    found = {}
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            continue
        found[file] = (status.st_mtime_ns, status.st_size)
    return found


def _update(entry: Entry, policy: str, planners: Planners) -> None:
    """One update, and one line of what came of it."""
    begun = time.monotonic()
    try:
        with client.connect(entry) as pup:
            plan = planned(pup, quiet=True, planners=planners, policy=policy)
            if plan.refusals:
                record("refuse", "watch", entry, plan)
                discard(plan)
                note = plan.refusals[0]
                _say(entry, f"is as before: {placed(note)}", note.remedy)
                return
            if plan.empty:
                discard(plan)
                return
            update = pup.call("update", plan=plan.directory, who=who())["id"]
            status = follow(pup, update, timeout=PATIENCE, quiet=True, patient=False)
    except Unreachable:
        # It has ended; whoever called sees that as well.
        return
    except PodusError as error:
        _say(entry, f"is as before: {error.message}", error.remedy)
        return
    _say(entry, _what(plan, status, time.monotonic() - begun), status.get("remedy", ""))


def _what(plan: Plan, status: dict[str, Any], seconds: float) -> str:
    if status["state"] == "complete":
        return f"{_changes(plan)} ({seconds * 1000:.0f} ms)"
    if status["pending"]:
        left = len(status["pending"])
        return f"{_changes(plan)}: {show.plural(left, 'procedure')} left, {status['pending'][0]['why']}"
    return f"is as before: {status['reason']}"


def _changes(plan: Plan) -> str:
    words = {"added": "+", "removed": "-"}
    names = [words.get(row.change, "") + row.name for row in plan.procedures]
    names += [f"{row.name} =" for row in plan.data if row.action in ("set", "map", "add")]
    if not names:
        names = [part.name for part in plan.modules]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"has {', '.join(names[:NAMED])}{more}"


def _say(entry: Entry, text: str, remedy: str = "") -> None:
    click.echo(f"podus: {entry.name} {text}" + (f" ({remedy})" if remedy else ""), err=True)
