"""The few statistics that the benchmarks use; all are made for a noisy machine, where a disturbance only ever adds time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence


def geomean(values: Iterable[float]) -> float:
    """The geometric mean: what ratios are averaged with."""
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def quantile(values: Sequence[float], q: float) -> float:
    """The value that a share ``q`` of ``values`` does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(q * len(ordered)) - 1))]


def best(rounds: Sequence[float]) -> float:
    """The time of a process: its fastest round."""
    return min(rounds)


def ratio(ours: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> float:
    """How much slower ``ours`` is than ``base``, each one list of rounds per process, the processes being pairs.

    The median over the pairs of the ratio of their fastest rounds: the rounds of a pair took turns, so that both
    saw the same machine, and the median over pairs takes out what the layout of one process's memory does.
    """
    return statistics.median(best(a) / best(b) for a, b in zip(ours, base, strict=True))


def interval(ratios: Sequence[float], seed: int = 1, rounds: int = 1000) -> tuple[float, float]:
    """A 95 % bootstrap interval of the median of ``ratios``."""
    import random

    draw = random.Random(seed)
    medians = [statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(rounds)]
    return quantile(medians, 0.025), quantile(medians, 0.975)
