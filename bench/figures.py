"""The few statistics that the benchmarks use, made for a machine that does other things as well."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def geomean(values: Iterable[float]) -> float:
    """The geometric mean: what ratios are averaged with."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def quantile(values: Sequence[float], q: float) -> float:
    """The value that a share ``q`` of ``values`` does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


def turns(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> list[list[float]]:
    """For each pair of processes, how much longer each round of ``ours`` took than the round of ``base`` beside it."""
    return [[a / b for a, b in zip(x, y, strict=True)] for x, y in zip(ours, base, strict=True)]


def ratio(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> float:
    """How much slower ``ours`` is than ``base``, each one list of rounds per process, the processes being pairs.

    The median over all rounds of all pairs. The two rounds of a turn saw the same machine, whatever else it was doing. Of eight
    estimators tried on plain Python against itself, once, on a busy machine and 14 programs, this one was off the least (0.8 %
    root mean square); those from the fastest rounds were off by 1.5 to 3.8 %.
    """
    return statistics.median(one for pair in turns(ours, base) for one in pair)


def spread(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> tuple[float, float]:
    """A 95 % bootstrap interval of :func:`ratio`, the pairs of processes being drawn anew."""
    pairs = turns(ours, base)
    return bootstrap(pairs, lambda drawn: statistics.median(one for pair in drawn for one in pair))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """A 95 % bootstrap interval of the median of ``values``."""
    return bootstrap(values, statistics.median)


def bootstrap(
    values: Sequence[T], estimate: Callable[[list[T]], float], times: int = 1000
) -> tuple[float, float]:
    """Where the middle 95 % of ``estimate`` lie when ``values`` are drawn from themselves."""
    draw = random.Random(1)
    found = [estimate(draw.choices(values, k=len(values))) for _ in range(times)]
    return quantile(found, 0.025), quantile(found, 0.975)
