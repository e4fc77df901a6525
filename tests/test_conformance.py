"""The conformance suite: every scenario in a fresh process, with threads that call what changes throughout."""

from __future__ import annotations

import pytest

from tests.conformance.run import run, verdict
from tests.conformance.scenario import load

SCENARIOS = load()
# With threads wherever there is something for them to call: the checks are the same, and more can go wrong.
RUNS = [(name, "threaded" if scenario.calls else "quiet") for name, scenario in SCENARIOS.items()]


@pytest.mark.parametrize(("name", "mode"), RUNS, ids=[f"{name}-{mode}" for name, mode in RUNS])
def test_a_change_of_a_running_program(name: str, mode: str) -> None:
    wrong = verdict(SCENARIOS[name], run(SCENARIOS[name], "podus", mode))
    assert not wrong, wrong


def test_the_suite_is_as_large_as_it_says() -> None:
    """At least 120 scenarios of all kinds, most of them with threads."""
    assert len(SCENARIOS) >= 120
    assert {s.kind for s in SCENARIOS.values()} == {"function", "class", "object", "module", "commit"}
    assert sum(s.calls is not None for s in SCENARIOS.values()) > 0.8 * len(SCENARIOS)
