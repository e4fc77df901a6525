"""What a person sees: throughput and latency while it runs, then the table and the verdict."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from podus.demo.experiment import TARGETS, Outcome

BARS = " ▁▂▃▄▅▆▇█"
COLOURS = {
    1: "cyan",
    2: "green",
    3: "magenta",
    0: "red",
}  # by version; 3: both in that tenth of a second, 0: none


class Plain:
    """One line a second, for where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._name = ""
        self._held: list[dict[str, Any]] = []

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        """One line of what is going on."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def phase(self, name: str, step: str) -> None:
        """A phase begins."""
        self._name = name

    def figures(self, line: dict[str, Any]) -> None:
        """Print the mean of ten of the sink's lines."""
        self._held.append(line)
        if len(self._held) < 10:
            return
        packets = sum(each["packets"] for each in self._held)
        mean = sum(each["mean"] * each["packets"] for each in self._held) / max(1, packets)
        first, second = (sum(each["marks"][n] for each in self._held) for n in (0, 1))
        self._held.clear()
        if packets:
            self.say(
                f"{self._name:>16}  {packets:7,} packets/s  latency {mean / 1e3:7.2f} ms  version 1: {first:6,}  version 2: {second:6,}"
            )


class Drawn:
    """Throughput and latency as they are, drawn five times a second; the colour is the version that routes."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lines: deque[dict[str, Any]] = deque(maxlen=max(20, min(100, console.width - 34)))
        self._name = self._step = ""
        self._began = time.monotonic()
        self._count = 0
        self._lock = threading.Lock()
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Drawn:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """One line of what is going on, above the drawing."""
        with self._lock:
            self.console.print(
                text, highlight=False, markup=False, style="bold" if text.startswith("$") else ""
            )

    def phase(self, name: str, step: str) -> None:
        """A phase begins."""
        with self._lock:
            if self._name == "calibrate":  # its long queues would make all that follows look flat
                self._lines.clear()
            self._name, self._step, self._began = name, step, time.monotonic()

    def figures(self, line: dict[str, Any]) -> None:
        """Draw, with every other of the sink's lines: drawing takes time from what is measured."""
        with self._lock:
            self._lines.append(line)
            self._count += 1
            if self._count % 2 == 0:
                self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Panel:
        lines = list(self._lines)
        recent = lines[-5:]
        rate = sum(line["packets"] for line in recent) / len(recent) * 10
        latency = sum(line["mean"] for line in recent) / len(recent) / 1e3
        width = self._lines.maxlen or len(lines)
        rows = Table.grid(padding=(0, 1))
        rows.add_row(
            "throughput", f"{rate:9,.0f} /s", _sparks(lines, [line["packets"] for line in lines], width)
        )
        rows.add_row("latency", f"{latency:9.2f} ms", _sparks(lines, [line["mean"] for line in lines], width))
        key = Text.assemble(
            ("█ version 1 routes  ", COLOURS[1]), ("█ version 2  ", COLOURS[2]), ("█ both", COLOURS[3])
        )
        title = f"{self._name}  {time.monotonic() - self._began:.1f} s"
        style = "bold yellow" if self._step else "none"
        return Panel(Group(rows, key), title=Text(title, style=style), title_align="left", expand=False)


def _sparks(lines: list[dict[str, Any]], values: list[float], width: int) -> Text:
    """One bar a value, the highest of them the whole line high."""
    top = max([*values, 1e-9])
    text = Text(" " * (width - len(lines)))
    for line, value in zip(lines, values, strict=True):
        version = (1 if line["marks"][0] else 0) + (2 if line["marks"][1] else 0)
        bar = BARS[max(1, round(value / top * 8))] if value else "·"
        text.append(bar, COLOURS[version])
    return text


def table(outcome: Outcome) -> Table:
    """One column a phase."""
    results = outcome.results
    found = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    found.add_column("", no_wrap=True)
    for result in results:  # eight columns of seven characters, so that 80 are enough
        style = "bold yellow" if result.step else "bold"
        found.add_column(
            result.name, justify="right", width=7, header_style=style, style="bold" if result.step else ""
        )
    rows: list[tuple[str, list[str | Text]]] = [
        ("time, s", [f"{r.seconds:.2f}" for r in results]),
        ("sent", [f"{r.sent:,}" for r in results]),
        ("lost", [_count(r.lost) for r in results]),
        ("duplicated", [_count(r.duplicated) for r in results]),
        ("out of order", [_count(r.disordered) for r in results]),
        ("wrong", [_count(r.wrong) for r in results]),
        ("by version 1", [f"{r.marks[0]:,}" for r in results]),
        ("by version 2", [f"{r.marks[1]:,}" for r in results]),
        ("packets/s", [f"{r.rate:,.0f}" for r in results]),
        ("of before, %", [f"{r.efficiency:.1f}" for r in results]),
        ("longest gap", [f"{r.gap:.1f}" for r in results]),
        (" at sender", [f"{r.sender_gap:.1f}" for r in results]),
        ("latency 50 %", [f"{r.median / 1e3:.2f}" for r in results]),
        (" 99 %, ms", [f"{r.p99 / 1e3:.2f}" for r in results]),
    ]
    if any(r.stall is not None for r in results):
        rows.append(("stall by podus", ["" if r.stall is None else f"{r.stall / 1e3:.1f}" for r in results]))
    for name, cells in rows:
        found.add_row(name, *cells)
    return found


def _count(number: int) -> Text:
    return Text(f"{number:,}", style="red" if number else "")


def verdict(outcome: Outcome) -> list[Text]:
    """The sentences at the end: what was reached, against the paper and against our own targets."""
    sent = sum(result.sent for result in outcome.results)
    found = [_line(outcome.exact, f"{sent:,} packets sent: " + _losses(outcome))]
    if outcome.steps:
        longest = max(step.seconds for step in outcome.steps)
        found += [
            _line(
                outcome.efficiency >= TARGETS["efficiency"],
                f"throughput during a step at least {outcome.efficiency:.1f} % of before "
                f"(target {TARGETS['efficiency']:.0f} %, the paper kept {TARGETS['paper']:.0f} %)",
            ),
            _line(
                outcome.gap <= TARGETS["gap"] * outcome.quiet_gap,
                f"longest gap between two packets {outcome.gap:.1f} ms during a step, {outcome.quiet_gap:.1f} ms without "
                f"(target: at most {TARGETS['gap']:.0f} times as long)",
            ),
            *_excuse(outcome),
            _line(True, f"from command to completion at most {longest:.2f} s"),
        ]
    found += [_line(False, problem) for problem in outcome.problems]
    if not outcome.exact:
        where = ", ".join(f"{n} {place}" for place, n in outcome.dropped.items() if n)
        if where:
            found.append(Text(f"  the kernel dropped, the flood of the calibration included: {where}"))
        found += [Text(f"  {example}") for example in outcome.examples]
    return found


def _excuse(outcome: Outcome) -> list[Text]:
    """What to know about a gap that is not the router's: the generator was not given the processor either."""
    worst = max(outcome.steps, key=lambda step: step.gap)
    if worst.gap <= TARGETS["gap"] * outcome.quiet_gap or worst.sender_gap < worst.gap / 2:
        return []
    return [
        Text(
            f"  at that time the generator itself sent nothing for {worst.sender_gap:.1f} ms: "
            "the machine had no processor free (try --share 50)"
        )
    ]


def _losses(outcome: Outcome) -> str:
    if outcome.exact:
        return "none lost, none twice, none out of order, none wrong"
    total = {
        "lost": sum(r.lost for r in outcome.results),
        "twice": sum(r.duplicated for r in outcome.results),
        "out of order": sum(r.disordered for r in outcome.results),
        "wrong": sum(r.wrong for r in outcome.results),
    }
    return ", ".join(f"{n:,} {what}" for what, n in total.items())


def _line(good: bool, text: str) -> Text:
    return Text.assemble(("✓ " if good else "✗ ", "green" if good else "red"), text)


NOTE = (
    "Gaps, stalls and latency in ms. A gap at the sender is the generator's own, which no router can close."
)
HOW = """\
Try it on a program of your own:
  podus run --name mine program.py    start it under podus, as it is
  …edit its source…
  podus plan mine                     what an update would do, and is it safe
  podus scaffold mine > support.py    what must be written by hand, if anything
  podus update mine                   update it while it runs
  podus back-out mine                 and take it back"""
