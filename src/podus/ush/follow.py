"""Following an update to its end. The update goes on by itself: whoever follows only looks."""

from __future__ import annotations

import time
from typing import Any

import click
from rich.live import Live

from podus.portmap.lookup import Entry
from podus.ush import choices, show
from podus.ush.client import Pup
from podus.ush.command import DONE, PENDING, Failed, print_json

ENDED = frozenset({"complete", "backed-out", "failed"})
# One look is never longer than this, so that a pup that has gone silent is noticed.
LOOK_SECONDS = 10.0


def under_way(status: dict[str, Any] | None) -> bool:
    """Whether ``status`` is of an update that has not ended."""
    return bool(status) and status is not None and status.get("state") not in ENDED


def follow(
    pup: Pup, update: str, *, timeout: float | None, quiet: bool, patient: bool = True
) -> dict[str, Any]:
    """Show the update until it has ended, ``timeout`` seconds have gone, or Ctrl-C; return its last status.

    Unless ``patient``, also until all that is left waits for procedures that never return.

    On a terminal the progress is drawn in place, elsewhere it is a line per event, and nothing if ``quiet``: all on stderr.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    status: dict[str, Any] = pup.call("status", update=update)
    screen = show.console(err=True)
    live = (
        Live(console=screen, transient=True, auto_refresh=False) if screen.is_terminal and not quiet else None
    )
    lines = _Lines(status) if live is None and not quiet else None
    try:
        if live is not None:
            live.start()
        while under_way(status):
            if live is not None:
                live.update(show.status(status, choices=choices.shown(pup.entry, status)), refresh=True)
            left = LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, deadline - time.monotonic())
            if left <= 0 or (not patient and status.get("stuck")):
                break
            # A terminal is drawn anew each second for its clock.
            seconds = min(1.0, left) if live is not None else left
            status = pup.call("wait", update=update, seconds=seconds, after=status.get("events"))
            if lines is not None:
                lines.say(status)
    except KeyboardInterrupt:
        pass
    finally:
        if live is not None:
            live.stop()
    return status


class _Lines:
    """Progress for a stream that is no terminal: what has switched and what waits, once each."""

    def __init__(self, status: dict[str, Any]) -> None:
        self._switched: set[str] = set()
        self._waits: dict[str, str] = {}
        self._state = ""
        self.say(status)

    def say(self, status: dict[str, Any]) -> None:
        if status.get("state") != self._state:
            self._state = str(status.get("state"))
            click.echo(self._state, err=True)
        for name in status.get("switched") or []:
            if name not in self._switched:
                self._switched.add(name)
                click.echo(f"  switched {name}", err=True)
        for item in filter(show.waits, status.get("pending") or []):
            name, why = str(item.get("procedure")), show.why(item)
            if self._waits.get(name) != why:
                self._waits[name] = why
                click.echo(f"  pending {name}: {why}", err=True)
        if status.get("callers") and not self._waits.get(""):
            self._waits[""] = show.callers(status)
            click.echo(f"  {self._waits['']}", err=True)


def finish(entry: Entry, status: dict[str, Any], *, wanted: str, as_json: bool) -> int:
    """Say how the update stands and return the exit code; ``wanted`` is the state that means success.

    Raises Failed if it has ended otherwise: the program is as before.
    """
    state = status.get("state")
    if state == wanted:
        if as_json:
            print_json(status)
        else:
            click.echo(_success(entry, status))
            for note in status.get("notes") or []:
                click.echo(f"  - {note}", err=True)
        return DONE
    if under_way(status):
        if as_json:
            print_json(choices.add(entry, status))
        else:
            show.console().print(show.status(status, choices=choices.shown(entry, status)))
            click.echo(
                f"podus: the update of {entry.name} is still {state}, and goes on by itself"
                f" (`podus status {entry.full_name} --follow` follows it, `podus back-out {entry.full_name}` takes it back)",
                err=True,
            )
        return PENDING
    if state == "complete":
        raise Failed(
            f"the update of {entry.name} was complete before it could be backed out",
            f"`podus back-out {entry.full_name}` once more makes the way back an update of its own",
            status=status,
        )
    reason = str(status.get("reason") or "it says no reason").rstrip(".")
    done = "was backed out" if state == "backed-out" else "failed"
    message = f"the update of {entry.name} to {show.version(status.get('to'))} {done}: {reason}"
    as_before = f"the program is as before, {show.version(status.get('from'))}"
    remedy = "; ".join(part for part in (str(status.get("remedy") or ""), as_before) if part)
    raise Failed(message, remedy, status=status)


def _success(entry: Entry, status: dict[str, Any]) -> str:
    backed_out = status.get("state") == "backed-out"
    now = show.version(status.get("from" if backed_out else "to"))
    count = show.plural(len(status.get("switched") or []), "procedure")
    said = [f"{entry.name} is back at {now}" if backed_out else f"{entry.name} is now {now}: {count}"]
    if status.get("ended") and status.get("started"):
        said.append(f"in {show.duration(status['ended'] - status['started'])}")
    if status.get("stall_us") is not None:
        said.append(f"(longest stall {show.duration(status['stall_us'] / 1e6)})")
    return " ".join(said)
