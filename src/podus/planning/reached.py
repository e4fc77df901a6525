"""What the new version of a procedure can reach, by the call graph: it waits until that is inactive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podus.planning.model import Reach
from podus.program.code import is_function, walk

if TYPE_CHECKING:
    from podus.planning.safety import Safety
    from podus.program.callgraph import CallGraph

# What a procedure's results are cached by.
_CACHES = frozenset({"lru_cache", "cache"})
# Procedures of a program up to which the old version's call graph is made as well: some tenths of a second.
_WORTH_A_SECOND_GRAPH = 3000


class Reached:
    """Writes it into the plan, with why where it blocks something."""

    def __init__(self, safety: Safety) -> None:
        self._safety = safety
        self.compiler, self.plan = safety.compiler, safety.plan
        self.switching, self.old_names = safety.switching, safety.old_names
        self.active = safety.active

    def compile(self) -> None:
        from podus.program.callgraph import build

        graph = build(self.compiler.new.modules, loaded=self.compiler.old.modules)
        names = list(self.switching)
        closure = graph.closure(names)
        self.plan.reaches, self.plan.reach_sets = _numbered(closure)
        self.plan.caches = self._caches(graph, names)
        self._reach_back(names)
        new_names = {old: new for new, old in self.old_names.items()}
        active = {new_names.get(n, n) for n in self.active.stacks} & set(names)
        for name in names:
            if name in active:
                continue
            blocking = closure.get(name, set()) & active
            if blocking:
                for target, path in graph.reach(name, blocking).items():
                    words = [f"{node} ({edge.why}, line {edge.line})" for node, edge in path]
                    self.plan.reach.append(Reach(name, target, words))
        order = {name: position for position, name in enumerate(_callees_first(names, closure))}
        self.plan.groups.sort(key=lambda g: min((order.get(p, 0) for p in g.procedures), default=-1))
        bodies = {f"{p.name}:<module>": p for p in self.plan.modules if p.action == "update" and p.statements}
        # A function that is made when it is called reads what the one around it finds.
        wanted = dict.fromkeys(
            [
                *names,
                *self._safety.data_users,
                *(n.partition(".<locals>")[0] for n in self._safety.data_users),
                *self._safety.asked,
            ]
        )
        called = graph.closure([*bodies, *wanted]) if bodies else {}
        for body, part in bodies.items():
            part.calls = sorted(called.get(body, set()) & wanted.keys())

    def _caches(self, graph: CallGraph, names: list[str]) -> list[str]:
        """The procedures that did not change, may have their results cached, and use what did change."""
        candidates = [
            f"{module.name}:{qualname}"
            for module in self.compiler.new.modules.values()
            if any(not is_function(c) and _CACHES.intersection(c.co_names) for c in walk(module.code))
            for qualname in module.procedures
        ]
        candidates = [c for c in candidates if c not in self.switching]
        if not candidates:
            return []
        wanted = set(names)
        closure = graph.closure([*names, *candidates])
        return [c for c in candidates if c in self._safety.data_users or closure.get(c, set()) & wanted]

    def _reach_back(self, names: list[str]) -> None:
        """Who reaches whom in the old version: for the way back from the middle. Left out where it would double the time."""
        if sum(len(m.procedures) for m in self.compiler.old.modules.values()) > _WORTH_A_SECOND_GRAPH:
            return
        olds = {self.old_names.get(name, name): name for name in names}
        closure = self._safety.old_graph.closure(olds)
        renamed = {
            olds[o]: {olds[f] for f in found if f in olds} for o, found in closure.items() if o in olds
        }
        self.plan.back_reaches, self.plan.back_sets = _numbered(renamed)


def _numbered(closure: dict[str, set[str]]) -> tuple[dict[str, int], list[list[str]]]:
    """Procedures that call each other in circles share one set: large programs have few different ones."""
    numbers: dict[frozenset[str], int] = {}
    reaches = {
        name: numbers.setdefault(frozenset(found), len(numbers)) for name, found in closure.items() if found
    }
    return reaches, [sorted(found) for found in numbers]


def _callees_first(names: list[str], closure: dict[str, set[str]]) -> list[str]:
    return sorted(names, key=lambda name: len(closure.get(name, ())))
