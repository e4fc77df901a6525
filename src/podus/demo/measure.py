"""What the run was like: from the times of sending and arrival to the figures of each phase."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any


@dataclass
class Phase:
    """A stretch of the run, in ns of CLOCK_MONOTONIC; phases follow each other without a hole.

    ``step`` is "" while nothing is updated (planning included), else what was done; ``answer`` what podus said.
    """

    name: str
    began: int
    ended: int = 0
    step: str = ""
    code: int = 0
    answer: dict[str, Any] = field(default_factory=dict)


@dataclass
class Result:
    """The figures of one phase.

    ``rate`` is packets a second that arrived, ``efficiency`` that rate in percent of the first phase's, ``gap`` the
    longest time in ms between two arrivals, ``sender_gap`` the same between two sendings, ``median`` and ``p99`` latency in us,
    ``marks`` how many packets each version routed, ``done`` the same of those that arrived before its end, ``stall`` in us the longest that podus says it held a thread.
    """

    name: str
    step: str
    seconds: float
    sent: int
    lost: int
    duplicated: int
    disordered: int
    wrong: int
    rate: float
    efficiency: float
    gap: float
    sender_gap: float
    median: float
    p99: float
    marks: list[int]
    done: list[int]
    code: int = 0
    stall: float | None = None


@dataclass
class Seen:
    """Everything that generator and sink recorded; times are ns, by sequence number, 0 for never."""

    sent: array[int]
    times: array[int]
    marks: bytes
    duplicated: list[list[int]]
    disordered: list[list[int]]
    wrong: list[list[Any]]

    @classmethod
    def read(cls, generator: Path, sink: Path) -> Seen:
        """Read what the two processes left."""
        sent = array("q", generator.read_bytes())
        times = array("q", Path(f"{sink}.times").read_bytes())
        marks = Path(f"{sink}.marks").read_bytes()
        events = json.loads(Path(f"{sink}.json").read_text(encoding="utf-8"))
        return cls(sent, times, marks, events["duplicated"], events["disordered"], events["wrong"])

    @property
    def arrived(self) -> int:
        """Packets that arrived, doubles included."""
        return sum(1 for time in self.times if time) + len(self.duplicated) + len(self.wrong)


def figures(phases: list[Phase], seen: Seen) -> list[Result]:
    """The figures of each phase; what is sent in a phase is lost, doubled or wrong in that phase."""
    arrivals = sorted(time for time in seen.times if time)
    spoiled = {event[0] for event in seen.wrong}
    results: list[Result] = []
    for number, phase in enumerate(phases):
        last = number == len(phases) - 1
        end = phase.ended if not last else max(phase.ended, arrivals[-1] + 1 if arrivals else 0)
        first, stop = bisect_left(seen.sent, phase.began), bisect_left(seen.sent, phase.ended)
        seconds = (phase.ended - phase.began) / 1e9
        came = bisect_left(arrivals, phase.ended) - bisect_left(arrivals, phase.began)
        # Who waits for longer than a phase goes on (the machine has no time) is routed by what is there by then.
        done = bytes(seen.marks[n] for n in range(first, stop) if seen.times[n] < end)
        delays = sorted(seen.times[n] - seen.sent[n] for n in range(first, stop) if seen.times[n])
        result = Result(
            name=phase.name,
            step=phase.step,
            seconds=seconds,
            sent=stop - first,
            lost=sum(1 for n in range(first, stop) if not seen.times[n] and n not in spoiled),
            duplicated=_within(seen.duplicated, phase.began, end),
            disordered=_within(seen.disordered, phase.began, end),
            wrong=_within(seen.wrong, phase.began, end),
            rate=came / seconds,
            efficiency=0.0,
            gap=longest_gap(arrivals, phase.began, phase.ended),
            sender_gap=longest_gap(seen.sent, phase.began, phase.ended),
            median=_quantile(delays, 0.5),
            p99=_quantile(delays, 0.99),
            marks=[seen.marks.count(bytes([mark]), first, stop) for mark in (1, 2)],
            done=[done.count(mark) for mark in (1, 2)],
            code=phase.code,
            stall=phase.answer.get("stall_us"),
        )
        results.append(result)
    for result in results:
        result.efficiency = 100 * result.rate / results[0].rate if results[0].rate else 0.0
    return results


def longest_gap(times: list[int] | array[int], began: int, ended: int) -> float:
    """The longest time in ms between two neighbours of ``times`` (ascending) that reaches into ``began`` … ``ended``.

    Where there is none before or after, the stretch itself begins or ends the gap: nothing at all is one long gap.
    """
    low, high = bisect_right(times, began), bisect_left(times, ended)
    first = times[low - 1] if low else began
    last = times[high] if high < len(times) else ended
    gap: int = max(b - a for a, b in pairwise([first, *times[low:high], last]))
    return gap / 1e6


def _within(events: list[list[Any]], began: int, ended: int) -> int:
    return sum(1 for event in events if began <= event[1] < ended)


def _quantile(ordered: list[int], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1e3 if ordered else 0.0
