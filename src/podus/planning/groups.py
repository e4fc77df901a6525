"""Which procedures and data must switch at one instant."""

from __future__ import annotations

from collections.abc import Iterable

from podus.planning.model import Group


class Groups:
    """Disjoint sets of procedures and data; joining two keeps why."""

    def __init__(self, members: Iterable[str]) -> None:
        self._parent = {member: member for member in members}
        self._why: dict[str, list[str]] = {member: [] for member in self._parent}

    def __contains__(self, member: str) -> bool:
        return member in self._parent

    def members(self) -> list[str]:
        """All that is in some set."""
        return list(self._parent)

    def add(self, member: str) -> None:
        """Add a set of one."""
        if member not in self._parent:
            self._parent[member] = member
            self._why[member] = []

    def root(self, member: str) -> str:
        """The set of ``member``."""
        top = member
        while self._parent[top] != top:
            top = self._parent[top]
        while self._parent[member] != top:
            self._parent[member], member = top, self._parent[member]
        return top

    def join(self, members: Iterable[str], why: str) -> None:
        """Have all of ``members`` that are known switch at one instant."""
        known = [m for m in members if m in self._parent]
        if len(known) < 2:
            return
        first = self.root(known[0])
        joined = False
        for member in known[1:]:
            other = self.root(member)
            if other != first:
                self._parent[other] = first
                self._why[first] += self._why.pop(other)
                joined = True
        if joined and why not in self._why[first]:
            self._why[first].append(why)

    def result(self, procedures: Iterable[str], mapped: Iterable[str]) -> list[Group]:
        """The groups, in the order of ``procedures``; other members are data, ``mapped`` those that a mapper converts."""
        order = list(procedures)
        names = set(order)
        converted = set(mapped)
        found: dict[str, Group] = {}
        for member in [*order, *self._parent]:
            top = self.root(member)
            group = found.setdefault(top, Group([], why=list(self._why[top])))
            if member in names:
                if member not in group.procedures:
                    group.procedures.append(member)
            elif member in converted:
                if member not in group.mappers:
                    group.mappers.append(member)
            elif member not in group.data:
                group.data.append(member)
        return list(found.values())
