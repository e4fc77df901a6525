"""What a person sees: programs, plans, updates, versions and the log, each on one screen."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from podus.log import Record
from podus.planning.model import Note, Plan

# Lines that are not for a terminal are not folded to 80 columns: other programs read them.
PLAIN_WIDTH = 200
ROWS = 40
BLOCKED_ROWS = 12


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


def plan(plan: Plan, active: frozenset[str] | None) -> RenderableType:
    """``podus plan``; ``active`` are the procedures on a stack at this moment, None if that isn't known."""
    parts: list[RenderableType] = [_headline(plan)]
    if plan.procedures:
        parts += [Text(), _procedures(plan)]
    if plan.data:
        parts += [
            Text(),
            table(["DATA", "ACTION", "WHY"], [[d.name, d.action, d.why] for d in plan.data[:ROWS]]),
        ]
        parts += _more(len(plan.data), ROWS)
    parts += _section(
        "modules", [f"{m.action} {m.name}" for m in plan.modules if m.action in ("import", "delete")]
    )
    parts += _section(
        "runs once, in this order", [f"{m.name}: {line}" for m in plan.modules for line in m.statements]
    )
    parts += _section(
        "interprocedures",
        [
            f"{g.function} for {g.procedure}" + (f", called by {_names(g.callers)}" if g.callers else "")
            for g in plan.gates
        ],
    )
    parts += _section(
        "mappers",
        [
            f"{m.function} for {m.target}" + (", and there is a way back" if m.reverse else "")
            for m in plan.mappers
        ],
    )
    parts += _section(
        "by hand", [f"now: {name}" for name in plan.now] + [f"hold: {name}" for name in plan.hold]
    )
    parts += _blocked(plan, active)
    parts += notes("", plan.notes, "-", "")
    parts += notes("questions (the safe answer is taken unless you say otherwise)", plan.asks, "?", "yellow")
    parts += notes("refused because", plan.refusals, "!", "red")
    return Group(*parts)


def _headline(plan: Plan) -> Text:
    name = str(plan.program.get("name", "the program"))
    step = f"{version(plan.from_version)} -> {version(plan.to_version)}"
    if plan.refusals:
        verdict = Text(f"refused: {plural(len(plan.refusals), 'reason')}", style="bold red")
    elif plan.empty:
        verdict = Text("nothing to do: both are the same program", style="bold")
    else:
        verdict = Text("safe", style="bold green")
    counts = [
        plural(len(items), noun)
        for items, noun in ((plan.procedures, "procedure"), (plan.groups, "group"), (plan.modules, "module"))
        if items
    ]
    head = Text.assemble((name, "bold"), f"  {step}  ", verdict)
    return head.append(f"  ({', '.join(counts)})" if counts else "")


def _procedures(plan: Plan) -> RenderableType:
    groups = {name: number for number, group in enumerate(plan.groups, 1) for name in group.procedures}
    rows: list[list[str]] = []
    for item in plan.procedures[:ROWS]:
        number = groups.get(item.name)
        group = plan.groups[number - 1] if number else None
        why = [] if group is None or group.why in ([], ["alone"]) else [f"({', '.join(group.why)})"]
        remarks = [item.interface] if item.interface else []
        remarks += ["suspends"] if item.suspends else []
        remarks += ["not all of its functions can be found by name"] if item.hidden else []
        rows.append(
            [item.name, item.change, " ".join([str(number or ""), *why]), "; ".join(remarks + item.notes)]
        )
    grid = table(["PROCEDURE", "CHANGE", "GROUP", "NOTES"], rows)
    return Group(grid, *_more(len(plan.procedures), ROWS))


def _blocked(plan: Plan, active: frozenset[str] | None) -> list[RenderableType]:
    lines: list[str] = []
    paths = {(reach.procedure, reach.active): reach.path for reach in plan.reach}
    if active is None:
        lines = [_reach(procedure, other, path) for (procedure, other), path in paths.items()]
    else:
        for item in plan.procedures:
            if item.name in active:
                lines.append(f"{item.name}: it is on a stack")
            others = plan.reached(item.name) | {other for name, other in paths if name == item.name}
            for other in sorted((others & active) - {item.name}):
                lines.append(_reach(item.name, other, paths.get((item.name, other), [])))
    title = "blocked now, because" if active is not None else "blocked while another is active, because"
    return _section(title, lines, BLOCKED_ROWS, "yellow")


def _reach(procedure: str, active: str, path: Sequence[str]) -> str:
    return f"{procedure}: it can reach {active}" + (f": {' -> '.join(path)}" if path else "")


def notes(title: str, found: Sequence[Note], mark: str, style: str) -> list[RenderableType]:
    """Notes of a plan, each with its place and remedy."""
    lines = []
    for note in found:
        where = f"{note.where}: " if note.where and note.where not in note.text else ""
        lines.append(f"{mark} {where}{note.text}" + (f" ({note.remedy})" if note.remedy else ""))
    return _section(title, lines, style=style)


def _section(title: str, lines: Sequence[str], rows: int = ROWS, style: str = "") -> list[RenderableType]:
    if not lines:
        return []
    head = [Text(f"{title}:", style="bold")] if title else []
    return [
        Text(),
        *head,
        *(Text(f"  {line}", style=style) for line in lines[:rows]),
        *_more(len(lines), rows),
    ]


def _more(count: int, rows: int) -> list[RenderableType]:
    return [Text(f"  … and {count - rows} more (--json shows all)")] if count > rows else []


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def status(state: Mapping[str, Any], rows: int = 10) -> RenderableType:
    """One update: how far it is, and who holds what has not switched."""
    total, switched = int(state.get("total") or 0), len(state.get("switched") or [])
    pending = state.get("pending") or []
    ended = state.get("ended")
    took = (ended or time.time()) - state["started"] if state.get("started") else None
    head = Text.assemble(
        (f"{version(state.get('from'))} -> {version(state.get('to'))}  ", ""),
        (str(state.get("state")), "bold"),
        f"  {switched} of {plural(total, 'procedure')}  {duration(took)}",
    )
    if state.get("stall_us") is not None and ended:
        head.append(f"  longest stall {duration(state['stall_us'] / 1e6)}")
    parts: list[RenderableType] = [head]
    if state.get("reason"):
        parts.append(Text(f"  {state['reason']}"))
    if pending:
        parts.append(
            table(
                ["PENDING", "WHY", "HELD BY"],
                [[str(p.get("procedure")), why(p), held_by(p)] for p in pending[:rows]],
            )
        )
        parts += _more(len(pending), rows)
    return Group(*parts)


def why(pending: Mapping[str, Any]) -> str:
    """Why a procedure has not switched, without its own name in front."""
    return str(pending.get("why") or "it waits").removeprefix(f"{pending.get('procedure')} ")


def held_by(pending: Mapping[str, Any]) -> str:
    """Who holds a procedure: the threads, and where they are."""
    said = []
    for holder in pending.get("holders") or []:
        line = f" line {holder['line']}" if holder.get("line") else ""
        thread = f" in {holder['thread']}" if holder.get("thread") else ""
        since = f" for {ago(holder['since'])}" if holder.get("since") else ""
        said.append(f"{holder.get('procedure') or '?'}{line}{thread}{since}")
    return "; ".join(said[:3]) + (f" and {len(said) - 3} more" if len(said) > 3 else "")


def records(found: Sequence[Record]) -> RenderableType:
    """``podus log``."""
    return table(
        ["TIME", "PROGRAM", "EVENT", "VERSIONS", "WHAT", "TOOK", "STALL", "WHO"],
        [
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
        ],
    )


def _what(record: Record) -> str:
    names = _names(record.procedures)
    reason = str(record.detail.get("reason") or record.detail.get("text") or "")
    return ": ".join(part for part in (names, reason) if part)


def _moment(value: object) -> str:
    if isinstance(value, int | float) and value:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    return str(value or "")
