"""A call graph as data, and the questions it answers.

Calls of which only a name or the number of arguments is known lead through *junctions* (``.total/1``, ``<values/2>``): without
them the edges of a program of 10,000 procedures would be millions. Nobody outside sees them: an answer names procedures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple


class Edge(NamedTuple):
    """Why one procedure may invoke another: a short phrase, and the line in the caller.

    ``apart``: the callee is started at the bottom of a stack of its own (a thread's target, a task), not on the caller's.
    """

    why: str
    line: int
    apart: bool = False


class CallGraph:
    """The procedures of a version (``module:qualname``; ``module:<module>`` for a module's body) and who may invoke whom."""

    def __init__(self) -> None:
        self._index: dict[str, int] = {}
        self._nodes: list[str] = []
        self._is_junction: list[bool] = []
        self._out: list[dict[int, Edge]] = []
        # Nodes whose edges are not there yet, and what adds them.
        self._expected: dict[int, Callable[[], None]] = {}

    # Building

    def add(self, name: str, *, junction: bool = False) -> int:
        """The number of a node, which is made if it is not there."""
        number = self._index.get(name)
        if number is None:
            number = self._index[name] = len(self._nodes)
            self._nodes.append(name)
            self._is_junction.append(junction)
            self._out.append({})
        return number

    def connect(self, caller: int, callee: int, why: str, line: int = 0, apart: bool = False) -> None:
        """Add an edge; the first reason stays, but one on the caller's own stack goes before one on another."""
        known = self._out[caller].get(callee)
        if known is None or (known.apart and not apart):
            self._out[caller][callee] = Edge(why, line, apart)

    def expect(self, node: int, complete: Callable[[], None]) -> None:
        """``complete`` adds the edges that start at ``node``; it is called before anybody asks for them."""
        self._expected[node] = complete

    def _from(self, node: int) -> dict[int, Edge]:
        """The edges that start at ``node``."""
        if node in self._expected:
            self._expected.pop(node)()
        return self._out[node]

    # Asking

    def __contains__(self, name: str) -> bool:
        return name in self._index and not self._is_junction[self._index[name]]

    @property
    def procedures(self) -> list[str]:
        """All nodes."""
        return [name for name, junction in zip(self._nodes, self._is_junction, strict=True) if not junction]

    @cached_property
    def edges(self) -> dict[str, dict[str, Edge]]:
        """Caller -> callee -> why, for all procedures: for small programs, as it is as large as the graph can be."""
        return {name: self.callees(name) for name in self.procedures}

    @cached_property
    def _in(self) -> list[list[int]]:
        for node in list(self._expected):
            self._from(node)
        before: list[list[int]] = [[] for _ in self._nodes]
        for caller, callees in enumerate(self._out):
            for callee in callees:
                before[callee].append(caller)
        return before

    def callees(self, name: str) -> dict[str, Edge]:
        """The procedures that ``name`` may invoke directly. Empty for a name that isn't there."""
        if name not in self._index:
            return {}
        found: dict[str, Edge] = {}
        start = self._index[name]
        seen: set[int] = set()
        pending: deque[tuple[int, Edge | None]] = deque([(start, None)])
        while pending:
            node, first = pending.popleft()
            for callee, edge in self._from(node).items():
                whole = edge if first is None else _joined(first, edge)
                if not self._is_junction[callee]:
                    known = found.get(self._nodes[callee])
                    if known is None or (known.apart and not whole.apart):
                        found[self._nodes[callee]] = whole
                elif callee not in seen:
                    seen.add(callee)
                    pending.append((callee, whole))
        return found

    def direct_callers(self, name: str) -> dict[str, Edge]:
        """The procedures that may invoke ``name`` directly, each with the line and the reason. Empty for an unknown name."""
        if name not in self._index:
            return {}
        found: dict[str, Edge] = {}
        seen: set[int] = set()
        pending: deque[tuple[int, Edge | None]] = deque([(self._index[name], None)])
        while pending:
            node, last = pending.popleft()
            for caller in self._in[node]:
                edge = self._out[caller][node]
                whole = edge if last is None else _joined(edge, last)
                if not self._is_junction[caller]:
                    known = found.get(self._nodes[caller])
                    if known is None or (known.apart and not whole.apart):
                        found[self._nodes[caller]] = whole
                elif caller not in seen:
                    seen.add(caller)
                    pending.append((caller, whole))
        return found

    callers = direct_callers

    def reach(self, start: str, targets: Iterable[str]) -> dict[str, list[tuple[str, Edge]]]:
        """For each of ``targets`` that ``start`` can reach by one call or more, a shortest path.

        A path is a list of ``(callee, why the one before it may invoke it)``; the first caller is ``start``, the last callee
        the target.
        """
        if start not in self._index:
            return {}
        wanted = {self._index[name] for name in targets if name in self._index}
        first = self._index[start]
        came: dict[int, tuple[int, Edge]] = {}
        level: deque[int] = deque([first])
        paths: dict[str, list[tuple[str, Edge]]] = {}
        # Junctions are no steps: what they lead to is as far away as they are.
        while level and wanted:
            node = level.popleft()
            for callee, edge in self._from(node).items():
                if callee in came:
                    continue
                came[callee] = (node, edge)
                if self._is_junction[callee]:
                    level.appendleft(callee)
                else:
                    level.append(callee)
                if callee in wanted:
                    wanted.discard(callee)
                    paths[self._nodes[callee]] = self._path(first, callee, came)
        return paths

    def _path(self, first: int, last: int, came: dict[int, tuple[int, Edge]]) -> list[tuple[str, Edge]]:
        path: list[tuple[str, Edge]] = []
        node = last
        while True:
            name = self._nodes[node]
            caller, edge = came[node]
            while self._is_junction[caller]:
                caller, before = came[caller]
                edge = _joined(before, edge)
            path.append((name, edge))
            node = caller
            if node == first:
                return path[::-1]

    def reaching(self, targets: Iterable[str]) -> dict[str, str]:
        """Every procedure that can reach one of ``targets`` by one call or more, with a nearest one of them."""
        nearest: dict[int, int] = {}
        pending: deque[int] = deque()
        sources = [self._index[name] for name in targets if name in self._index]
        origin = {source: source for source in sources}
        pending.extend(sources)
        while pending:
            node = pending.popleft()
            target = nearest.get(node, origin.get(node, node))
            for caller in self._in[node]:
                if caller in nearest:
                    continue
                nearest[caller] = target
                if caller in origin:
                    continue  # it is in the queue, or was
                if self._is_junction[caller]:
                    pending.appendleft(caller)
                else:
                    pending.append(caller)
        return {
            self._nodes[node]: self._nodes[target]
            for node, target in nearest.items()
            if not self._is_junction[node]
        }

    def closure(self, names: Iterable[str]) -> dict[str, set[str]]:
        """For each of ``names``, which of ``names`` it can reach by one call or more (itself only by recursion)."""
        asked = [name for name in dict.fromkeys(names) if name in self._index]
        bits = {self._index[name]: 1 << place for place, name in enumerate(asked)}
        component, order = self._components(bits)
        reached = [0] * len(order)
        # Components come callees first, so that one pass over them is enough.
        for number, members in enumerate(order):
            mask = 0
            is_cycle = len(members) > 1
            for node in members:
                for callee in self._out[node]:
                    other = component[callee]
                    if other != number:
                        mask |= reached[other]
                    elif callee == node:
                        is_cycle = True
                    mask |= bits.get(callee, 0) if other != number or is_cycle else 0
            if is_cycle:
                for node in members:
                    mask |= bits.get(node, 0)
            reached[number] = mask
        found: dict[str, set[str]] = {}
        for name in asked:
            mask = reached[component[self._index[name]]]
            found[name] = {other for place, other in enumerate(asked) if mask >> place & 1}
        return found

    def _components(self, roots: Iterable[int]) -> tuple[dict[int, int], list[list[int]]]:
        """Strongly connected components of what ``roots`` reach (Tarjan, without recursion): the number of each node's,
        and their members, callees first.
        """
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        component: dict[int, int] = {}
        order: list[list[int]] = []
        stack: list[int] = []
        counter = 0
        for root in roots:
            if root in index:
                continue
            work = [(root, iter(self._from(root)))]
            index[root] = low[root] = counter
            counter += 1
            stack.append(root)
            while work:
                node, callees = work[-1]
                for callee in callees:
                    if callee not in index:
                        index[callee] = low[callee] = counter
                        counter += 1
                        stack.append(callee)
                        work.append((callee, iter(self._from(callee))))
                        break
                    if callee not in component:
                        low[node] = min(low[node], index[callee])
                else:
                    work.pop()
                    if work:
                        low[work[-1][0]] = min(low[work[-1][0]], low[node])
                    if low[node] == index[node]:
                        members = []
                        while True:
                            member = stack.pop()
                            component[member] = len(order)
                            members.append(member)
                            if member == node:
                                break
                        order.append(members)
        return component, order


def _joined(first: Edge, last: Edge) -> Edge:
    """One reason out of that of the call and that of the junction it leads through."""
    why = f"{first.why}; {last.why}" if last.why and last.why not in first.why else first.why
    return Edge(why, first.line, first.apart or last.apart)
