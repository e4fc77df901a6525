"""Who is active when a plan is made, and what becomes of them: moved, waited for, or left.

Only what is told beforehand: whether a procedure may switch is decided in the process, at the instant.
"""

from __future__ import annotations

from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.frames import BODY, NO_LOOP
from podus.planning.model import Loop, Note, Procedure
from podus.planning.outcome import told
from podus.program.control import can_come_to, can_return_from, never_returns

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.frames import Frames


class Active:
    """``switching`` are the procedures that switch, ``old_names`` what they are called in the old version."""

    def __init__(
        self, compiler: Compiler, switching: dict[str, Procedure], old_names: dict[str, str]
    ) -> None:
        self.compiler = compiler
        self.switching = switching
        self.old_names = old_names
        # Procedure of the old version -> its activations on stacks (thread, id, line, offset); what is suspended of those that change.
        self.stacks: dict[str, list[dict[str, Any]]] = {}
        self.asleep: dict[str, dict[str, Any]] = {}
        self._ask()
        # Procedures with an activation that can't come to an end from where it stands: on a stack, or suspended.
        self.endless = self._endless()
        self.asleep_for_ever = self._asleep_for_ever()

    @property
    def never_end(self) -> set[str]:
        """Those for whose end nobody can wait."""
        return self.endless | self.asleep_for_ever

    def code(self, name: str) -> CodeType | None:
        """The old version's code of a procedure."""
        module, _, qualname = self.old_names.get(name, name).partition(":")
        owner = self.compiler.old.modules.get(module)
        return owner.procedures.get(qualname) if owner is not None else None

    def where(self, name: str) -> str:
        """Where one that never ends is active, in words."""
        name = self.old_names.get(name, name)
        for row in self.stacks.get(name, ()):
            return f"thread {row['thread']}, line {row['line']}"
        return f"{told(self.asleep[name])}, line {self.asleep[name]['places'][0]['line']}"

    def tell_of_removed(self) -> None:
        """Say who is in a procedure that the new version does not have: nothing waits for it, and nothing moves it."""
        for procedure in self.compiler.plan.procedures:
            rows = self.stacks.get(procedure.name) if procedure.change == "removed" else None
            if rows:
                more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
                ends = "and never returns: it" if procedure.name in self.endless else "and"
                text = f"{procedure.name} is gone, is active ({self.where(procedure.name)}{more}) {ends} goes on in the old version"
                self.compiler.plan.notes.append(Note("active-and-gone", text, ""))

    def move(self, frames: Frames) -> None:
        """Find where who is in a changed procedure can go on in its new version; who can, does not stand in the way for ever."""
        for name, procedure in self.switching.items():
            rows = self.stacks.get(self.old_names.get(name, name), ())
            code = self.code(name)
            if code is None or not (rows or procedure.suspends):
                continue
            if name.endswith(f":{BODY}") or all(row["stubs"] for row in rows):
                there, back, reasons = frames.of(name)
            else:
                there, back = list[Loop](), list[Loop]()
                # What has no loop gets none.
                reasons = ["it was loaded without exit stubs for its loops"] if frames.loops(name) else []
            if procedure.suspends:
                # One that comes to an end does so in the version in which it began.
                there = there if never_returns(code, excepted=True) or frames.serves(name) else []
            elif there and name not in self.endless and self._surprises(name, frames):
                there, back = [], []
                reasons = [
                    f"its new version returns something of another shape, which its old caller {self._callers(name)[0]} does not expect"
                ]
            else:
                for loop in (*there, *back):
                    loop.waits = name not in self.endless
            plan = self.compiler.plan
            plan.loops += there
            plan.back_loops += back
            skipped = list(dict.fromkeys(text for loop in there for text in loop.skips))
            asked = [why for why in reasons if "frame_mapper" in why or "old caller" in why]
            if not rows:
                if procedure.suspended:
                    procedure.notes += asked + skipped
                continue
            places = [offset for loop in there for offset in (*loop.leaves, *loop.jumps)]
            if name not in self.endless:
                procedure.running = "waited for"
                # What the person can do for one that takes long; and why nothing but its end helps.
                procedure.notes += asked + skipped
                procedure.notes += [] if there else [why for why in reasons if why not in (*asked, NO_LOOP)]
            elif there and all(can_come_to(code, row["offset"], places) for row in rows):
                procedure.running = "moved"
                procedure.notes += [
                    f"its loop `{loop.text}` (line {loop.line}) goes on in line {loop.new_line} of the new version: {loop.how}"
                    for loop in there
                ]
                procedure.notes += asked + skipped
                self.endless.discard(name)
            else:
                procedure.running = "left"
                procedure.notes += reasons

    def _surprises(self, name: str, frames: Frames) -> bool:
        """Whether who has moved could return something of another shape to a caller that has changed with it, and is still old."""
        return name not in frames.mapped and bool(self._callers(name)) and frames.returns_otherwise(name)

    def _callers(self, name: str) -> list[str]:
        word = self.old_names.get(name, name).rpartition(":")[2].rpartition(".")[2].partition("#")[0]
        names = [caller for caller, _ in self.compiler.mentions_in_old.get(word, ())]
        return [caller for caller in names if caller in self.switching and caller != name]

    def _is_body(self, name: str) -> bool:
        """Whether it is the body of a module, which is none of the procedures that change."""
        return name.endswith(f":{BODY}") and name not in self.switching

    def _ask(self) -> None:
        suspends = [self.old_names.get(name, name) for name, p in self.switching.items() if p.suspends]
        answer = self.compiler.pup.call("activity", suspends=suspends)
        for thread in answer["threads"]:
            for frame in thread["stack"]:
                if frame["procedure"] and not self._is_body(frame["procedure"]):
                    row = {"thread": thread["name"], "id": thread["id"], **frame}
                    self.stacks.setdefault(frame["procedure"], []).append(row)
        self.asleep = answer["suspended"]
        for name, procedure in self.switching.items():
            procedure.suspended = self.asleep.get(self.old_names.get(name, name), {})

    def _endless(self) -> set[str]:
        new_names = {old: new for new, old in self.old_names.items()}
        found: set[str] = set()
        for old_name, activations in self.stacks.items():
            name = new_names.get(old_name, old_name)
            code = self.code(name)
            if code is not None and any(
                not can_return_from(code, a["offset"], excepted=True) for a in activations
            ):
                found.add(name)
        return found

    def _asleep_for_ever(self) -> set[str]:
        found = set()
        for name in self.switching:
            code = self.code(name)
            row = self.asleep.get(self.old_names.get(name, name))
            if code is not None and row is not None:
                places = [place["offset"] for place in row["places"]]
                if not all(can_return_from(code, offset, excepted=True) for offset in places):
                    found.add(name)
        return found
