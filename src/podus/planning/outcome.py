"""What an update does to each thing that changed, and what of it deserves a look: drawn from the plan alone.

The same sentences are shown by ``podus plan`` and given by its ``--json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podus.planning.model import Datum, Group, ModulePart, Note, ObjectPart, Plan, Procedure, Run

# In the order in which they are counted and explained.
HAPPENS = ("refused", "switched", "converted", "run", "kept", "moved", "added", "removed")
KINDS = ("procedure", "class", "objects", "data", "statement", "module")
LEVELS = ("refused", "asked", "risk", "remark")


@dataclass
class Outcome:
    """What happens to one change.

    ``name`` is ``module:qualname`` (for ``objects`` that of their class), for a statement ``module:line``, for a module its name. ``kind`` is one of :data:`KINDS`, ``happens`` one
    of :data:`HAPPENS`; ``why`` says why, ``asks`` what the person is asked for ("" if nothing). ``group`` is the number of
    the group that it switches with, from 1 in the order of the plan (0: none).
    """

    number: int
    name: str
    kind: str
    happens: str
    why: str
    asks: str = ""
    group: int = 0


@dataclass
class Risk:
    """One sentence that a person should read before the update; ``level`` is one of :data:`LEVELS`, ``about`` the names it is about."""

    level: str
    text: str
    about: list[str]


def outcomes(plan: Plan) -> list[Outcome]:
    """What happens to each change, numbered from 1: procedures, classes, data, statements and modules, in the order of the plan."""
    return _Outcomes(plan).all()


class _Outcomes:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.groups = {
            name: number
            for number, group in enumerate(plan.groups, 1)
            for name in (*group.procedures, *group.data, *group.mappers)
        }
        self.moved = {row.name: row for row in plan.interface if row.kind == "moved"}
        self.procedures = {p.name for p in plan.procedures}
        self.classes = {
            f"{part.name}:{_qualified(run, run.names[-1])}"
            for part in plan.modules
            for run in part.runs
            if run.kind == "class"
        }
        self.found: list[Outcome] = []

    def all(self) -> list[Outcome]:
        plan = self.plan
        for procedure in plan.procedures:
            self._procedure(procedure)
        for part in plan.modules:
            for run in part.runs:
                if run.kind == "class":
                    self._class(part, run)
        said = self.procedures | self.classes
        for objects in plan.objects:
            self._objects(objects)
        data = [d for d in plan.data if d.name not in said]
        for datum in data:
            self._datum(datum)
        said |= {d.name for d in data}
        for part in plan.modules:
            for run in part.runs:
                if run.kind != "class" and not self._is_said(part, run, said):
                    self._add(f"{part.name}:{run.line}", "statement", "run", _statement_words(run))
        for note in plan.notes:
            if note.code == "main-guard":
                name = f"{note.text.partition(':')[0]}:{note.where.rpartition(':')[2]}"
                self._add(name, "statement", "kept", "`if __name__ == '__main__':` is not run again")
        for part in plan.modules:
            if part.action == "import":
                self._add(part.name, "module", "added", "it is imported before anything switches")
            elif part.action == "delete":
                self._add(part.name, "module", "removed", "the new version has no such module")
        return self.found

    def _add(self, name: str, kind: str, happens: str, why: str) -> None:
        refused = about(name, self.plan.refusals)
        asked = about(name, self.plan.asks)
        if refused is not None:
            happens, why = "refused", refused.text.removeprefix(f"{name} ")
        note = refused or asked
        asks = note.remedy if note is not None else ""
        group = self.groups.get(name, 0)
        self.found.append(Outcome(len(self.found) + 1, name, kind, happens, why, asks, group))

    def _procedure(self, item: Procedure) -> None:
        moved = self.moved.get(item.name)
        if moved is not None:
            self._add(item.name, "procedure", "moved", moved.text)
        elif item.change == "removed":
            why = "new code can't find it; who holds it may still call it"
            self._add(item.name, "procedure", "removed", why)
        elif item.change == "added":
            self._add(item.name, "procedure", "added", "; ".join(["it is new", *item.notes]))
        elif item.name in self.plan.hold:
            self._add(item.name, "procedure", "kept", "--hold keeps it in its old version")
        else:
            self._add(item.name, "procedure", "switched", "; ".join(self._reasons(item)))

    def _reasons(self, item: Procedure) -> list[str]:
        words = {
            "body": "its body changed",
            "head": "its decorators, defaults or annotations changed: its `def` runs again",
            "interface": f"it {item.interface}",
        }
        said = [words.get(item.change, item.change)]
        if item.interface and item.change != "interface":
            said.append(f"it {item.interface}")
        if item.name in self.plan.now:
            said.append("--now switches it even while it is active")
        if item.suspends:
            now = f" ({item.suspended['count']:,} suspended now)" if item.suspended else ""
            said.append(_begun(self.plan, item) + now)
        if item.hidden:
            said.append("its functions are looked for on the heap")
        return said + item.notes

    def _class(self, part: ModulePart, run: Run) -> None:
        name = f"{part.name}:{_qualified(run, run.names[-1])}"
        if run.fresh:
            self._add(name, "class", "added", "it is new")
        else:
            why = "its statement runs again, and what it makes goes into the class that is there"
            self._add(name, "class", "run", why)

    def _objects(self, item: ObjectPart) -> None:
        live = f"{item.live} live: " if item.live >= 0 else ""
        self._add(item.cls, "objects", "converted", live + "; ".join(field_changes(item)))

    def _datum(self, item: Datum) -> None:
        happens, why = {
            "set": ("switched", "it takes its new value"),
            "map": ("converted", ""),
            "keep": ("kept", ""),
            "add": ("added", ""),
            "remove": ("removed", ""),
        }.get(item.action, (item.action, ""))
        reason = "it is new" if item.action == "add" else item.why
        self._add(item.name, "data", happens, ": ".join(part for part in (why, reason) if part))

    def _is_said(self, part: ModulePart, run: Run, said: set[str]) -> bool:
        """Whether a row tells of the statement already: as a procedure, or as the data that it binds."""
        names = {f"{part.name}:{_qualified(run, name)}" for name in run.names}
        return bool(names) and names <= said


def field_changes(item: ObjectPart) -> list[str]:
    """What happens to the fields of the live objects of a class, a sentence each."""
    said = [f"{item.mapper} converts them"] if item.mapper else []
    for new in item.fields:
        how = {
            "derived": f"is set to {new.text}" if new.text else "is derived",
            "default": "comes from the class",
            "mapper": "is set by the mapper",
            "missing": "is not known",
        }.get(new.how, new.how)
        said.append(f"{new.name} {how}")
    for fields, words in (
        (item.gone, "dropped, and kept aside for a back-out"),
        (item.stale, "computed again"),
        (item.hidden, "hidden by what the class has under that name"),
    ):
        if fields:
            said.append(f"{names(fields)} {_are(fields)} {words}")
    return said or ["their fields stay as they are"]


def _statement_words(run: Run) -> str:
    words = "its docstring" if run.kind == "docstring" else f"`{run.text}`"
    return f"{words} runs once, before anything switches"


def _qualified(run: Run, name: str) -> str:
    return f"{run.owner}.{name}" if run.owner else name


def about(name: str, notes: Iterable[Note]) -> Note | None:
    """The first note that is about ``name``."""
    for note in notes:
        if note.where == name or note.text.startswith((f"{name} ", f"{name}:")):
            return note
    return None


def counts(found: Iterable[Outcome]) -> dict[str, int]:
    """How many changes each thing happens to, in the order of :data:`HAPPENS`."""
    counted = Counter(item.happens for item in found)
    return {name: counted[name] for name in HAPPENS if counted[name]}


def why_together(group: Group) -> str:
    """Why what is in the group switches at one instant, in words; "" if it is alone."""
    return "; ".join(why for why in group.why if why != "alone")


# ---- what deserves a look


def risks(plan: Plan, active: Mapping[str, Sequence[str]] | None) -> list[Risk]:
    """What deserves a look before the update, the riskiest first.

    ``active`` are the procedures on a stack at this moment, each with where (``thread, line``); None if that isn't known.
    """
    found = [_noted("refused", note) for note in plan.refusals]
    found += [_noted("asked", note) for note in plan.asks]
    forced = _forced(plan)
    found += forced + _broken(plan, {risk.about[0] for risk in forced})
    found += _active(plan, active or {})
    found += _support(plan)
    found += _staged(plan)
    found += _hidden(plan)
    found += _modules(plan)
    return found


def _noted(level: str, note: Note) -> Risk:
    where = f"{note.where}: " if note.where and note.where not in note.text and "/" not in note.where else ""
    text = f"{where}{note.text}" + (f" ({note.remedy})" if note.remedy else "")
    return Risk(level, text, [note.where] if note.where else [])


def _forced(plan: Plan) -> list[Risk]:
    """Interface changes that make others switch at the same instant, for there is no interprocedure."""
    gated = {gate.procedure for gate in plan.gates}
    found = []
    for group in plan.groups:
        for item in plan.procedures:
            if item.change != "interface" or item.name in gated or item.name not in group.procedures:
                continue
            others = [name for name in group.procedures if name != item.name]
            if others:
                text = f"{item.name} {item.interface}: without an interprocedure it switches at one instant with {names(others)}"
                found.append(Risk("risk", text, [item.name, *others]))
    return found


def _broken(plan: Plan, said: set[str]) -> list[Risk]:
    """Interface changes that may break who uses them from where podus does not see it; all but those of ``said``."""
    said = said | {gate.procedure for gate in plan.gates} | {note.where for note in plan.refusals}
    rows = [row for row in plan.interface if row.breaking and row.name not in said]
    by_name: dict[str, list[str]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row.text)
    if len(by_name) <= 3:
        return [Risk("risk", f"{name} {'; '.join(texts)}", [name]) for name, texts in by_name.items()]
    text = f"{len(by_name)} more interfaces break old uses: {names(list(by_name))}"
    return [Risk("risk", text, list(by_name))]


def _active(plan: Plan, active: Mapping[str, Sequence[str]]) -> list[Risk]:
    mates = {name: group.procedures for group in plan.groups for name in group.procedures}
    switching = [p for p in plan.procedures if p.change in ("body", "interface", "head")]
    found = []
    for item in switching:
        places = active.get(item.name, ())
        if not places and not item.endless:
            continue
        held = [
            p.name
            for p in switching
            if p.name != item.name
            and not p.endless
            and (item.name in mates.get(p.name, ()) or item.name in plan.reached(p.name))
        ]
        where = f" ({names(places)})" if places else ""
        text = f"{item.name} is active now{where}"
        if item.name in plan.hold:
            continue
        if item.name in plan.now:
            text += ", and --now switches it all the same"
        elif item.endless:
            text += " and never returns: it stays old until it ends, and the update is under way until then"
        elif item.running == "moved":
            text += ": it goes on in the new version when its loop comes round"
        elif item.suspends:
            text += f": {_begun(plan, item)}"
        else:
            text += ": it switches when it returns"
            loops = any(loop.procedure == item.name for loop in plan.loops)
            if loops and plan.converts:
                # Its variables may hold what is converted.
                text += "; as data is converted, it does not move when its loop comes round"
            elif loops:
                text += f", or after {plan.move_after:g} s when its loop comes round"
        if held:
            text += f"; until then it holds back {names(held)}"
        found.append(Risk("risk", text, [item.name, *held]))
    return sorted(found, key=lambda risk: -len(risk.about))


def _support(plan: Plan) -> list[Risk]:
    found = []
    one_way = [m.target for m in plan.mappers if not m.reverse]
    one_way += [o.cls for o in plan.objects if o.mapper and not o.reverse and o.cls not in one_way]
    if one_way:
        text = (
            f"{names(one_way)} {_are(one_way)} converted with no way back: `podus back-out` will be refused"
        )
        found.append(Risk("risk", text, one_way))
    idle = [name for name in plan.now if about(name, plan.refusals) is None]
    if idle:
        found.append(Risk("risk", f"--now lets {names(idle)} switch out of turn", idle))
    if plan.hold:
        found.append(Risk("risk", f"--hold keeps {names(plan.hold)} old", list(plan.hold)))
    return found


def _staged(plan: Plan) -> list[Risk]:
    """Statements that run; definitions do nothing but define."""
    rows = [
        (part, run)
        for part in plan.modules
        for run in part.runs
        if run.kind in ("other", "import") or (run.kind == "class" and not run.fresh)
    ]
    if not rows:
        return []
    # What may do anything is named first.
    rows.sort(key=lambda row: ("other", "import", "class").index(row[1].kind))
    texts = [f"`{run.text}`" for _, run in rows]
    count = "1 statement runs" if len(rows) == 1 else f"{len(rows)} statements run"
    text = f"{count} before anything switches: {names(texts)}"
    return [Risk("remark", text, [f"{part.name}:{run.line}" for part, run in rows])]


def _hidden(plan: Plan) -> list[Risk]:
    found = []
    hidden = [p.name for p in plan.procedures if p.hidden]
    if hidden:
        text = f"{names(hidden)} {_are(hidden)} made inside other procedures: the heap is looked through once for them"
        found.append(Risk("remark", text, hidden))
    suspends: dict[str, list[Procedure]] = {}
    for item in plan.procedures:
        if item.suspends and item.change in ("body", "interface", "head") and item.name not in plan.hold:
            suspends.setdefault(_begun(plan, item), []).append(item)
    for text, items in suspends.items():
        now = [item for item in items if item.suspended]
        if now:
            who = names([f"{item.name} is active in {told(item.suspended)}" for item in now])
            found.append(Risk("remark", f"{who}: {text}", [item.name for item in now]))
        these = [item.name for item in items if not item.suspended]
        if these:
            found.append(Risk("remark", f"{names(these)} can be suspended: {text}", these))
    return found


def _begun(plan: Plan, item: Procedure) -> str:
    """What becomes of the activations of a generator or coroutine that have begun."""
    group = next((g for g in plan.groups if item.name in g.procedures), None)
    moves = any(loop.procedure == item.name for loop in plan.loops)
    if group is not None and (len(group.procedures) > 1 or group.data or group.mappers):
        if plan.policy == "consistent":
            where = ", or go on in the new one when their loop comes round" if moves else ""
            return f"those that have begun end in the old version{where}"
        hint = " (with --policy consistent until their loop comes round)" if moves else ""
        return f"those that have begun end in the old version, and are waited for{hint}"
    if moves:
        return "those that have begun go on in the new version when their loop comes round"
    return "those that have begun end in the old version"


def _modules(plan: Plan) -> list[Risk]:
    found = []
    for action, words in (("import", "imported for the first time"), ("delete", "taken out")):
        these = [part.name for part in plan.modules if part.action == action]
        if these:
            found.append(Risk("remark", f"{names(these)} {_are(these)} {words}", these))
    return found


def _are(items: Sequence[str]) -> str:
    return "is" if len(items) == 1 else "are"


def told(row: Mapping[str, Any]) -> str:
    """How many activations of a procedure are suspended, and who the first of them are."""
    count, who = row["count"], row["who"]
    number = (
        f"{'at least ' if row['some'] else ''}{count:,} suspended {row['kind']}{'s' if count > 1 else ''}"
    )
    if len(who) < count and who:
        return f"{number} ({', '.join(who)} and {count - len(who):,} more)"
    return f"{number} ({', '.join(who)})" if who else number


def names(items: Sequence[str], most: int = 3) -> str:
    """Some of the names, and how many more there are."""
    items = list(dict.fromkeys(items))
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most} more"
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1] if items else ""]))
