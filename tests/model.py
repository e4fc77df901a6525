"""The algorithm of PODUS in a few lines, to hold the real one against.

Segal and Frieder, "On-the-Fly Program Modification", IEEE Software, March 1993: a procedure is active if it is on a run-time stack, or if its
new version can, directly or not, invoke one that is active; what is not active is switched. Semantic dependents are active
together. What did not change is never switched, and hands on what it can reach. :class:`Model` is a whole update of it, and under the
other policies. The same is in ``model/podus.pml`` for a model checker, which tries every schedule of a small program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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


@dataclass
class Model:
    """One program under update: ``new`` is the binding table, the set of changed procedures that are bound to their new version.

    ``calls`` are the call graphs of the two versions; ``idle`` is the condition of the policy ``when``: all procedures of one of the lists
    must be off the stacks.
    """

    changed: set[str]
    calls: dict[int, Calls]
    groups: list[set[str]] = field(default_factory=list)
    policy: str = "podus"
    idle: list[set[str]] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    coming: int = OLD
    # In the middle of an update everything goes back as in the paper, whatever the policy was.
    midway: bool = False

    def version(self, name: str) -> int:
        """What a call of ``name`` gets now: the most recent version, whoever calls."""
        return NEW if name in self.new else OLD

    @property
    def settled(self) -> bool:
        """Whether all is bound to the version that is coming."""
        return self.new == (self.changed if self.coming == NEW else set())

    def begin(self) -> None:
        """Begin the update."""
        self.coming = NEW

    def back_out(self) -> None:
        """Begin the way back."""
        self.midway, self.coming = not self.settled, OLD
        if self.policy == "when":
            self.policy = "podus"  # the condition was for the way forward

    def settle(self, stacks: Sequence[Sequence[Activation]]) -> None:
        """Bind anew all that may be, the stacks being as they are."""
        leaving = OLD if self.coming == NEW else NEW
        going = {name for name in self.changed if self.version(name) == leaving}
        going -= self.staying(going, leaving, stacks)
        self.new = self.new | going if self.coming == NEW else self.new - going

    def staying(self, going: set[str], leaving: int, stacks: Sequence[Sequence[Activation]]) -> set[str]:
        """The policy: which of ``going`` may not switch while the stacks are as they are."""
        if self.policy == "podus" or self.midway:
            reach = {name: reachable(self.calls[self.coming], name) for name in going}
            return active(going, stacks, reach, self.groups, leaving)
        if self.policy == "atomic":
            return going if any((name, leaving) in stack for stack in stacks for name in going) else set()
        if self.policy == "when":
            running = {name for stack in stacks for name, _ in stack}
            return set() if any(running.isdisjoint(names) for names in self.idle) else going
        return set()

    def broken(self, stacks: Sequence[Sequence[Activation]]) -> list[object]:
        """What these stacks show that the policy says is never to be seen."""
        if self.policy == "atomic":
            versions = {version for stack in stacks for name, version in stack if name in self.changed}
            return [versions] if len(versions) > 1 else []
        if self.policy == "podus":
            # On the way back an old procedure may stand above a new one since before it.
            return [
                v for stack in stacks for v in violations(list(stack), self.changed) if self.coming == NEW
            ]
        return []
