"""What a person can do about an update that waits: each a command that can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from podus.portmap.lookup import Entry
from podus.ush.show import waits


def of(entry: Entry, state: Mapping[str, Any], pending: Mapping[str, Any]) -> list[dict[str, str]]:
    """The choices for one procedure that has not switched (or gone back): ``choice``, ``command``, and what it ``does``."""
    name, procedure = entry.full_name, str(pending.get("procedure"))
    back_out = f"podus back-out {name}"
    wait = _choice("wait", f"podus status {name} --follow", "wait until it is no longer held")
    if state.get("state") != "pending":
        return [wait]
    again = shlex.join(["podus", "update", name, *_asked(state)])
    found = [] if pending.get("held") else [wait]
    if pending.get("alone") and waits(pending) and not pending.get("moves"):
        switch = f"podus switch {name} {shlex.quote(procedure)}"
        found.append(_choice("switch", switch, "switch it now: what runs of it ends in the old version"))
    if pending.get("endless"):
        hold = f"{back_out} && {again} --hold {shlex.quote(procedure)}"
        found.append(_choice("hold", hold, "leave it old, as it never returns"))
    found.append(_choice("back-out", back_out, "take back what has switched"))
    if state.get("policy") != "immediate":
        policy = f"{back_out} && {again} --policy immediate"
        found.append(_choice("policy", policy, "all at once, whoever is in them"))
    return found


def _choice(choice: str, command: str, does: str) -> dict[str, str]:
    return {"choice": choice, "command": command, "does": does}


def _asked(state: Mapping[str, Any]) -> list[str]:
    """The options that name the same version once more."""
    return [
        word
        for key, value in (state.get("asked") or {}).items()
        for word in (f"--{key}", str(value))
        if key in ("from", "git", "to", "support")
    ]


def add(entry: Entry, state: dict[str, Any]) -> dict[str, Any]:
    """The status with the choices of each procedure in it."""
    for row in state.get("pending") or []:
        row["choices"] = of(entry, state, row)
    return state


def shown(entry: Entry, state: Mapping[str, Any]) -> list[tuple[str, str]]:
    """For people: each choice once, the command and what it does; of many procedures one stands for all."""
    found: dict[str, tuple[str, str]] = {}
    pending = [row for row in state.get("pending") or [] if waits(row)]
    alone = [row for row in pending if row.get("alone") and not row.get("held")]
    for row in pending:
        for choice in of(entry, state, row):
            kind, command, does = choice["choice"], choice["command"], choice["does"]
            if kind == "switch" and len(alone) > 1:
                command = f"podus switch {entry.full_name} MOD:F"
                does = "switch one of these now: what runs of it ends in the old version"
            found.setdefault(kind, (command, does))
    return list(found.values())
