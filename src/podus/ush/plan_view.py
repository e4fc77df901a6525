"""A plan on the screen: the summary first, then what happens to each change, then the details."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from podus.planning.model import Diff, Plan
from podus.planning.outcome import KINDS, Outcome, Risk, counts, names, outcomes, risks, why_together
from podus.ush import show

# Who is where at this moment: procedure -> "thread, line". None if that isn't known.
Active = Mapping[str, Sequence[str]] | None

# Interface changes that are changes of the plan themselves.
GONE = ("moved", "procedure removed", "class removed", "attribute removed")
# The summary fits a terminal of 24 lines; what does not fit is said below it.
SUMMARY_ROWS = 8
DETAIL_ROWS = 12
_MARKS = {"refused": ("!", "red"), "asked": ("?", "yellow"), "risk": ("*", "bold"), "remark": ("-", "")}
_STYLES = {"refused": "red", "kept": "yellow", "converted": "cyan", "removed": "magenta", "moved": "magenta"}
_TITLES = {"procedure": "PROCEDURE", "class": "CLASS", "objects": "OBJECTS OF", "data": "DATA"}


@dataclass
class Shown:
    """A plan that a person is looking at: its changes, their diffs, and which of them was shown last (0: none)."""

    plan: Plan
    changes: list[Outcome] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        self.changes = outcomes(self.plan)
        self._diffs: dict[str, Diff] = {}
        for diff in self.plan.diffs:
            self._diffs.setdefault(diff.name, diff)

    def diff_of(self, change: Outcome) -> Diff | None:
        """How the source of ``change`` differs; None where there is no source, or nothing of it differs."""
        return self._diffs.get(change.name)

    def chosen(self, word: str) -> list[Outcome]:
        """The changes that ``word`` means: a number, a name, or all of a module or class."""
        if word.isdecimal():
            return [change for change in self.changes if change.number == int(word)]
        exact = [change for change in self.changes if change.name == word]
        return exact or [c for c in self.changes if c.name.startswith((f"{word}:", f"{word}."))]

    def next(self) -> Outcome | None:
        """The change after the one that was shown last, of those that have a diff; None after the last."""
        return next((c for c in self.changes if c.number > self.at and self.diff_of(c) is not None), None)


def plan(shown: Shown, active: Active) -> RenderableType:
    """``podus plan``."""
    plan, changes = shown.plan, shown.changes
    found = risks(plan, active)
    parts: list[RenderableType] = [_headline(plan), *_summary(changes, found), *_changes(changes)]
    for section in (_interfaces, _groups, _statements, _support, _by_hand):
        parts += section(plan)
    parts += _blocked(plan, active)
    if len(found) > SUMMARY_ROWS:
        parts += show.notes(
            "questions (the safe answer is taken unless you say otherwise)", plan.asks, "?", "yellow"
        )
        parts += show.notes("refused because", plan.refusals, "!", "red")
    parts += show.notes("remarks", [note for note in plan.notes if note.code != "main-guard"], "-", "")
    return Group(*parts)


def _headline(plan: Plan) -> Text:
    name = str(plan.program.get("name", "the program"))
    step = f"{show.version(plan.from_version)} -> {show.version(plan.to_version)}"
    if plan.refusals:
        verdict = Text(f"refused: {show.plural(len(plan.refusals), 'reason')}", style="bold red")
    elif plan.empty:
        verdict = Text("nothing to do: both are the same program", style="bold")
    else:
        verdict = Text("safe", style="bold green")
    return Text.assemble((name, "bold"), f"  {step}  ", verdict)


def _summary(changes: Sequence[Outcome], found: Sequence[Risk]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if changes:
        counted = [f"{count} {happens}" for happens, count in counts(changes).items()]
        total = show.plural(len(changes), "change")
        parts.append(Text(f"{total}: {', '.join(counted)}"))
    if found:
        grid = _grid()
        for risk in found[:SUMMARY_ROWS]:
            mark, style = _MARKS[risk.level]
            grid.add_row(Text(mark, style=style), Text(risk.text, style="" if style == "bold" else style))
        parts += [Text(), grid, *_more(len(found), SUMMARY_ROWS, "below, or in --json")]
    return parts


def _changes(changes: Sequence[Outcome]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for kind in KINDS:
        rows = [change for change in changes if change.kind == kind]
        if not rows:
            continue
        grouped = any(change.group for change in rows)
        columns = ["#", _TITLES.get(kind, kind.upper()), "HAPPENS", *(["GROUP"] if grouped else []), "WHY"]
        cells: list[list[str | Text]] = []
        for change in rows[: show.ROWS]:
            why = change.why + (f" ({change.asks})" if change.asks else "")
            if change.happens == "refused":
                why = "the reason is marked !"
            group = [str(change.group or "")] if grouped else []
            happens = Text(change.happens, style=_STYLES.get(change.happens, ""))
            cells.append([str(change.number), change.name, happens, *group, why])
        table = show.table(columns, cells)
        table.columns[0].justify = "right"
        for column in table.columns:
            # Only names and reasons are folded.
            column.no_wrap = column.header not in (columns[1], "WHY")
        parts += [Text(), table, *_more(len(rows), show.ROWS)]
    return parts


def _interfaces(plan: Plan) -> list[RenderableType]:
    """What the tables above do not say already."""
    said = {p.name for p in plan.procedures if p.interface}
    listed = {p.name for p in plan.procedures} | {d.name for d in plan.data}
    rows = [
        row
        for row in plan.interface
        if not (row.name in said and row.kind.startswith(("parameter", "became")))
        and not (row.name in listed and row.kind in GONE)
    ]
    lines = [f"{'breaks' if row.breaking else 'fits'}: {row.name} {row.text}" for row in rows]
    return _section("interfaces", lines, DETAIL_ROWS)


def _groups(plan: Plan) -> list[RenderableType]:
    lines = []
    for number, group in enumerate(plan.groups, 1):
        members = list(dict.fromkeys([*group.procedures, *group.data, *group.mappers]))
        if len(members) > 1:
            why = why_together(group)
            lines.append(f"{number}: {names(members, 6)}" + (f": {why}" if why else ""))
    return _section("groups that switch at one instant", lines, DETAIL_ROWS)


def _statements(plan: Plan) -> list[RenderableType]:
    lines = [f"{part.name}:{line}" for part in plan.modules for line in part.statements]
    return _section("runs once, in this order", lines, DETAIL_ROWS)


def _support(plan: Plan) -> list[RenderableType]:
    gates = [
        f"{g.function} for {g.procedure}" + (f", called by {names(g.callers)}" if g.callers else "")
        for g in plan.gates
    ]
    mappers = [
        f"{m.function} for {m.target}" + (", and there is a way back" if m.reverse else "")
        for m in plan.mappers
    ]
    return _section("interprocedures", gates) + _section("mappers", mappers)


def _by_hand(plan: Plan) -> list[RenderableType]:
    return _section("by hand", [f"now: {n}" for n in plan.now] + [f"hold: {n}" for n in plan.hold])


def _blocked(plan: Plan, active: Active) -> list[RenderableType]:
    lines: list[str] = []
    paths = {(reach.procedure, reach.active): reach.path for reach in plan.reach}
    if active is None:
        lines = [_reach(procedure, other, path) for (procedure, other), path in paths.items()]
    else:
        for item in plan.procedures:
            if item.name in active:
                lines.append(f"{item.name}: it is on a stack")
            others = plan.reached(item.name) | {other for name, other in paths if name == item.name}
            for other in sorted((others & active.keys()) - {item.name}):
                lines.append(_reach(item.name, other, paths.get((item.name, other), [])))
    title = "blocked now, because" if active is not None else "blocked while another is active, because"
    return _section(title, lines, DETAIL_ROWS, "yellow")


def _reach(procedure: str, active: str, path: Sequence[str]) -> str:
    return f"{procedure}: it can reach {active}" + (f": {' -> '.join(path)}" if path else "")


def _section(
    title: str, lines: Sequence[str], rows: int = show.ROWS, style: str = ""
) -> list[RenderableType]:
    return show.section(title, lines, rows, style)


def _grid() -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def _more(count: int, rows: int, where: str = "--json shows all") -> list[RenderableType]:
    return [Text(f"… and {count - rows} more ({where})")] if count > rows else []


# ---- diffs


def diffs(shown: Shown, changes: Sequence[Outcome]) -> RenderableType:
    """How the sources of these changes differ, each under a line that says what happens to it."""
    parts: list[RenderableType] = []
    for change in changes:
        if parts:
            parts.append(Text())
        parts.append(_title(change))
        difference = shown.diff_of(change)
        if difference is None:
            parts.append(Text("  nothing in its own source differs, or there is no source"))
        else:
            parts.append(_coloured(difference.text))
    return Group(*parts)


def _title(change: Outcome) -> Text:
    style = _STYLES.get(change.happens, "green")
    head = Text.assemble((f"{change.number}  ", "dim"), (change.name, "bold"), "  ", (change.happens, style))
    return head.append(f"  {change.why}" if change.why else "")


def _coloured(text: str) -> Text:
    """The diff: what is the same coloured as Python, what went red, what came green."""
    lines = text.split("\n")
    body = "\n".join(line[1:] if line[:1] in " +-" else "" for line in lines[2:])
    # Only here: it brings a library of its own, which would be a tenth of every command's start.
    from rich.syntax import Syntax

    code = Syntax("", "python", theme="ansi_dark", background_color="default").highlight(body).split("\n")
    said: list[Text] = []
    for number, line in enumerate(lines):
        if number < 2:
            said.append(Text(line, style="bold"))
        elif line.startswith("@@"):
            said.append(Text(line, style="cyan"))
        elif line.startswith(("-", "+")):
            said.append(Text(line, style="red" if line[0] == "-" else "green"))
        else:
            same = code[number - 2] if number - 2 < len(code) else Text(line[1:])
            said.append(Text(" ").append_text(same))
    return Text("\n", no_wrap=True, overflow="ignore").join(said)


def page(screen: Console, shown: RenderableType) -> None:
    """Print, through the person's pager if it is longer than the screen, as git does. Long lines of source are left to the terminal."""
    with screen.capture() as captured:
        screen.print(shown)
    text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
    paged = screen.is_terminal and not screen.is_dumb_terminal and sys.stdin.isatty()
    if paged and text.count("\n") >= screen.height:
        # As git has it: colours are shown, and what was read stays on the screen.
        os.environ.setdefault("LESS", "-FRX")
        click.echo_via_pager(text, color=True)
    else:
        click.echo(text, nl=False, color=screen.is_terminal)
