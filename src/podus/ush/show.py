"""What a person sees: programs, plans, updates, versions and the log, each on one screen."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from podus.log import Record
from podus.planning.model import Note

# Lines that are not for a terminal are not folded to 80 columns: other programs read them.
PLAIN_WIDTH = 200
ROWS = 40


def console(*, err: bool = False) -> Console:
    """The screen: stdout, or stderr. Names may hold brackets, so there is no markup."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def table(columns: Iterable[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """A plain table; long cells are folded, never cut."""
    grid = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid


def version(value: Mapping[str, Any] | None) -> str:
    """A version as its label and the beginning of its hash."""
    if not value:
        return "?"
    label, digest = str(value.get("label") or ""), str(value.get("hash") or "")[:8]
    return f"{label} [{digest}]" if label and digest else label or digest or "?"


def duration(seconds: float | None) -> str:
    """A length of time in the unit that suits it."""
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ago(moment: float | None) -> str:
    """How long ago ``moment`` (seconds since 1970) was."""
    return duration(max(0.0, round(time.time() - moment))).replace("0 µs", "0 s") if moment else ""


def plural(count: int, noun: str) -> str:
    """``1 procedure``, ``2 procedures``."""
    many = noun[:-1] + "ies" if noun.endswith("ry") else noun + "s"
    return f"{count} {noun if count == 1 else many}"


def programs(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``podus ps``."""
    if not rows:
        return Text("no program runs under podus here (start one with `podus run SCRIPT`)")
    return table(
        ["NAME", "PID", "PYTHON", "VERSION", "STATE", "STARTED", "COMMAND"],
        [
            [
                row["name"],
                str(row["pid"]),
                row["python"],
                version(row["version"]),
                row["state"],
                f"{ago(row['started'])} ago",
                shlex.join(row["argv"]),
            ]
            for row in rows
        ],
    )


def versions(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``podus versions``."""
    return table(
        ["", "LABEL", "HASH", "LOADED", "FROM"],
        [
            [
                "*" if row.get("current") else "",
                str(row.get("label") or ""),
                str(row.get("hash") or "")[:12],
                _moment(row.get("loaded")),
                str(row.get("origin") or ""),
            ]
            for row in rows
        ],
    )


def notes(title: str, found: Sequence[Note], mark: str, style: str) -> list[RenderableType]:
    """Notes of a plan, each with its place and remedy."""
    lines = []
    for note in found:
        where = f"{note.where}: " if note.where and note.where not in note.text else ""
        lines.append(f"{mark} {where}{note.text}" + (f" ({note.remedy})" if note.remedy else ""))
    return section(title, lines, style=style)


def section(title: str, lines: Sequence[str], rows: int = ROWS, style: str = "") -> list[RenderableType]:
    """Lines under a title, with a free line above; nothing if there are none. What is folded stays below its own line."""
    if not lines:
        return []
    head = [Text(f"{title}:", style="bold")] if title else []
    body = [Padding(Text(line, style=style), (0, 0, 0, 2), expand=False) for line in lines[:rows]]
    return [Text(), *head, *body, *_more(len(lines), rows)]


def _more(count: int, rows: int) -> list[RenderableType]:
    return [Text(f"  … and {count - rows} more (--json shows all)")] if count > rows else []


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def status(
    state: Mapping[str, Any], rows: int = 10, choices: Sequence[tuple[str, str]] = ()
) -> RenderableType:
    """One update: how far it is, who holds what has not switched, and what can be done about it."""
    total, switched = int(state.get("total") or 0), len(state.get("switched") or [])
    # What nobody holds switches at the next look: there is nothing to be read about it.
    pending = [item for item in state.get("pending") or [] if waits(item)]
    ended = state.get("ended")
    took = (ended or time.time()) - state["started"] if state.get("started") else None
    head = Text.assemble(
        (f"{version(state.get('from'))} -> {version(state.get('to'))}  ", ""),
        (str(state.get("state")), "bold"),
        # How many there are is not known before they are staged.
        f"  {switched} of {plural(total, 'procedure')} {'new' if not ended else 'switched'}" if total else "",
        f"  {duration(took)}",
    )
    if state.get("deadline") and not ended:
        head.append(f"  {duration(max(0.0, state['deadline'] - time.time()))} left")
    if state.get("stall_us") is not None and ended:
        head.append(f"  longest stall {duration(state['stall_us'] / 1e6)}")
    parts: list[RenderableType] = [head]
    if state.get("reason"):
        parts.append(Text(f"  {state['reason']}"))
    if state.get("delayed") and not ended:
        parts.append(Text(f"  put off: {state['delayed']}"))
    new = [str(name) for name in state.get("switched") or []]
    if new and not ended:
        parts.append(Text(f"  new: {_names(new[::-1])}", style="green"))
    if pending:
        title = "STILL NEW" if state.get("state") == "backing-out" else "STILL OLD"
        parts.append(
            table(
                [title, "WHY", "HELD BY", "FOR"],
                [[str(p.get("procedure")), reason(p), held_by(p), held_for(p)] for p in pending[:rows]],
            )
        )
        parts += _more(len(pending), rows)
    if choices and pending:
        parts.append(Text("choices:", style="bold"))
        for command, does in choices:
            parts.append(Padding(Text(f"{command}"), (0, 0, 0, 2), expand=False))
            parts.append(Padding(Text(does, style="dim"), (0, 0, 0, 6), expand=False))
    if state.get("callers"):
        parts.append(Text(f"  {callers(state)}"))
    return Group(*parts)


def callers(state: Mapping[str, Any]) -> str:
    """Who is still old when all has switched, and could come to an interprocedure."""
    return f"interprocedures stand until those that are old have ended, or moved: {held_by({'holders': state['callers']})}"


def reason(pending: Mapping[str, Any]) -> str:
    """Why a procedure has not switched, in two or three words beside who holds it."""
    lacks = pending.get("lacks")
    active = "it moves when its loop comes round" if pending.get("moves") else "it is active"
    said = {
        "active": f"it can't move: its variable {lacks} has no value" if lacks else active,
        "reaches": f"it can reach {pending.get('blocker')}",
        "together": f"together with {pending.get('blocker')}",
        "held": "--hold",
    }.get(str(pending.get("because")), why(pending))
    if pending.get("because") == "reaches" and not pending.get("blocker"):
        said = why(pending)
    return said + ("; never returns" if pending.get("endless") else "")


def waits(pending: Mapping[str, Any]) -> bool:
    """Whether a pending procedure waits for somebody, and does not just switch at the next look."""
    return bool(pending.get("holders") or pending.get("held")) or why(pending) != "is about to switch"


def why(pending: Mapping[str, Any]) -> str:
    """Why a procedure has not switched, without its own name in front."""
    return str(pending.get("why") or "it waits").removeprefix(f"{pending.get('procedure')} ")


def held_by(pending: Mapping[str, Any]) -> str:
    """Who holds a procedure: the threads, the tasks, and where they are."""
    said = []
    for holder in pending.get("holders") or []:
        kind = str(holder.get("kind") or "thread")
        if holder.get("task"):
            who = f"task {holder['task']}"
        elif kind == "thread":
            who = f"thread {holder.get('thread') or '?'}"
        else:
            who = f"a suspended {kind}" + (f" ({holder['kept']})" if holder.get("kept") else "")
        line = f", line {holder['line']}" if holder.get("line") else ""
        calls = f", {holder['depth']} calls deep" if int(holder.get("depth") or 1) > 1 else ""
        other = holder.get("procedure") if holder.get("procedure") != pending.get("blocker") else None
        said.append(f"{who}{f' in {other}' if other else ''}{line}{calls}")
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def held_for(pending: Mapping[str, Any]) -> str:
    """For how long it has been held; ``>`` where that began before the update."""
    rows = [row for row in pending.get("holders") or [] if row.get("since")]
    if not rows:
        return ""
    first = min(rows, key=lambda row: float(row["since"]))
    seconds = max(0, int(time.time() - float(first["since"])))
    return f"{'> ' if first.get('at_least') else ''}{duration(seconds) if seconds else '0 s'}"


def records(found: Sequence[Record], screen: Console) -> RenderableType:
    """``podus log``: a line for each event; where these are too long, what it was about stands below."""
    rows = [
        [
            _moment(r.time),
            f"{r.program}:{r.pid}",
            r.event,
            " -> ".join(version(v) for v in (r.from_version, r.to_version) if v),
            _what(r),
            duration(r.seconds),
            duration(r.stall_us / 1e6 if r.stall_us is not None else None),
            str(r.who.get("user") or r.who.get("uid") or ""),
        ]
        for r in found
    ]
    whole = table(["TIME", "PROGRAM", "EVENT", "VERSIONS", "WHAT", "TOOK", "STALL", "WHO"], rows)
    if (
        not screen.is_terminal
        or screen.measure(whole, options=screen.options.update(width=10_000)).maximum <= screen.width
    ):
        return whole
    lines: list[RenderableType] = []
    for moment, program, event, versions, what, took, stall, who in rows:
        ended = ", ".join(filter(None, [took, stall and f"longest stall {stall}", who and f"by {who}"]))
        lines.append(Text("  ".join(filter(None, [moment, event, program])), style="bold"))
        lines += [
            Padding(Text(text, overflow="fold"), (0, 0, 0, 4)) for text in (versions, what, ended) if text
        ]
    return Group(*lines)


def _what(record: Record) -> str:
    names = _names(record.procedures)
    reason = str(record.detail.get("reason") or record.detail.get("text") or "")
    return ": ".join(part for part in (names, reason) if part)


def _moment(value: object) -> str:
    if isinstance(value, int | float) and value:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    return str(value or "")
