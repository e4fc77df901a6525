"""The algorithm of PODUS in a few lines, to hold the real one against.

Segal and Frieder, "On-the-Fly Program Modification", IEEE Software, March 1993: a procedure is active if it is on a run-time stack, or if its
new version can, directly or not, invoke one that is active; what is not active is switched. Semantic dependents are active
together. What did not change is never switched, and hands on what it can reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# One activation: the procedure's name and the version that runs.
Activation = tuple[str, int]
Calls = Mapping[str, Iterable[str]]

OLD, NEW = 1, 2


def reachable(calls: Calls, start: str) -> set[str]:
    """What ``start`` can invoke, directly or not."""
    found: set[str] = set()
    todo = list(calls.get(start, ()))
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += calls.get(name, ())
    return found


def active(
    changed: set[str],
    stacks: Iterable[Iterable[Activation]],
    reach: Mapping[str, Iterable[str]],
    groups: Iterable[Iterable[str]] = (),
    leaving: int = OLD,
) -> set[str]:
    """The set S: those of ``changed`` that may not switch while ``stacks`` are as they are.

    ``reach`` says what the version that is coming can invoke, ``leaving`` is the version that is going.
    """
    found = {name for stack in stacks for name, version in stack if version == leaving} & changed
    size = -1
    while size != len(found):
        size = len(found)
        found |= {name for name in changed if set(reach.get(name, ())) & found}
        for group in groups:
            if set(group) & found:
                found |= set(group) & changed
    return found


def violations(stack: list[Activation], changed: set[str]) -> list[tuple[Activation, Activation]]:
    """New procedures below old ones on one stack: a new one must call nothing but new ones, whatever stands between."""
    found = []
    newest = None
    for name, version in stack:
        if name not in changed:
            continue
        if version == NEW:
            newest = newest or (name, version)
        elif newest is not None:
            found.append((newest, (name, version)))
    return found
