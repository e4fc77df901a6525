"""What live objects keep, or can do no more, though nothing converts them: the plan says so.

They keep what they have in fields that new ones get otherwise. Where that has another form the new code may not know what to do with the old
one: that is asked about. Another value of the same form is what the object was given: a remark names it. They keep what they do if their class is
gone; and they are not hashed any more if it says when they are equal, but not how they are hashed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from podus.planning.model import Note
from podus.planning.outcome import names
from podus.program.acting import acts_of
from podus.program.annotation import is_within
from podus.program.body import Body
from podus.program.constructor import CONSTRUCTORS, attribute_of
from podus.program.field import ClassFields, Field
from podus.program.flow import imported_by_from
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.program.classes import Classes

# The longest text of a value that is shown whole.
_SHOWN = 40


class SetOtherwise:
    """Compares the fields of classes, and tells what live objects keep."""

    def __init__(self, compiler: Compiler, new: Classes) -> None:
        self.compiler = compiler
        self._new = new
        # Class -> what is said of the fields that have another value of the same form, each with its line.
        self._values: dict[str, list[tuple[str, int]]] = {}
        # Class -> what its constructor does in addition, each with its line.
        self._acts: dict[str, list[tuple[str, int]]] = {}
        # Classes that the new version does not have.
        self._gone: list[str] = []
        # Classes whose objects can't be hashed any more, each with the line of its `__eq__`.
        self._unhashable: dict[str, int] = {}

    def compare(self, name: str, before: ClassFields, after: ClassFields) -> None:
        """Look at one class, of which no mapper makes the objects."""
        for field, new in after.fields.items():
            old = before.fields.get(field)
            if old is None or old.declared == "slot" or new.declared == "slot":
                continue
            kinds = (old.kind, new.kind)
            other = all(kinds) and kinds[0] != kinds[1]
            # What has got an annotation says no more than that.
            said = new.declared != "init" and old.annotation
            annotated = said and not is_within(old.annotation, new.annotation)
            if other or annotated:
                words = f"{old.text} -> {new.text}" if other else f"{old.annotation} -> {new.annotation}"
                self.compiler.plan.asks.append(
                    Note(
                        "object-kept",
                        f"{name}.{field} has another form in new objects ({words}): live objects keep theirs",
                        f"give a mapper for {name} if they must not",
                        self._where(name, new),
                    )
                )
            elif old.plain and new.plain and old.declared == new.declared and old.text != new.text:
                said = f"{field} ({_short(old.text)} -> {_short(new.text)})"
                self._values.setdefault(name, []).append((said, new.line))

    def look_for_makers(self, old: Classes, new: Classes, mapped: set[str]) -> None:
        """Look for fields that are made as before, by procedures and from data that change; not of the classes ``mapped``, which have a mapper."""
        changed: set[str] = set()
        for module, change in self.compiler.changes.items():
            bound = change.body.run if change.body is not None else ()
            data = [n for s in bound if s.kind == "assign" for n in s.names]
            changed |= {f"{module}:{name}" for name in (*change.changed, *data)}
        words = {full.rpartition(":")[2].rpartition(".")[2] for full in changed}
        for there in self.compiler.new.modules.values() if words else ():
            for qualname, code in there.procedures.items() if there.source is not None else ():
                owner, _, last = qualname.rpartition(".")
                if (
                    last in CONSTRUCTORS
                    and not words.isdisjoint(code.co_names)
                    and f"{there.name}:{owner}" not in mapped
                ):
                    self._made_by(f"{there.name}:{owner}", old, new, changed)

    def _made_by(self, name: str, old: Classes, new: Classes, changed: set[str]) -> None:
        before, after = old.own(name), new.own(name)
        module = name.partition(":")[0]
        after_module = self.compiler.new.modules[module]
        if before is None or after is None:
            return
        line = (name, *new.lineage(name))
        imported = imported_by_from(after_module.code, module, after_module.package)
        for field, found in after.fields.items():
            was = before.fields.get(field)
            if was is None or found.value is None or found.signature is None or was.text != found.text:
                continue
            arguments = [a.arg for a in everything_in(found.signature) if isinstance(a, ast.arg)]
            within = {n.id for s in found.before for n in everything_in(s) if isinstance(n, ast.Name)}
            known = []
            for node in everything_in(found.value):
                if isinstance(node, ast.Call) and attribute_of(node.func, arguments[0]):
                    known += [f"{one}.{attribute_of(node.func, arguments[0])}" for one in line]
                elif isinstance(node, ast.Name) and node.id not in {*arguments, *within}:
                    known.append(":".join(imported.get(node.id, (module, node.id))))
                elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                    word = node.value.id
                    known.append(f"{'.'.join(imported.get(word, (word,)))}:{node.attr}")
            known = [one for one in known if one in changed]
            if known:
                said = f"{field} (made from {known[0]}, which changes)"
                self._values.setdefault(name, []).append((said, found.line))

    def compare_bodies(self, name: str, before: Body, after: Body) -> None:
        """Look at what making a class does by itself: one that says when its objects are equal, and not how they are hashed, has none that can be."""
        bodies = [body.binds() & {"__eq__", "__hash__"} for body in (before, after)]
        equal = after.last("__eq__")
        if bodies[1] == {"__eq__"} != bodies[0] and equal is not None:
            self._unhashable[name] = equal.line

    def compare_acts(self, name: str, before: Body, after: Body) -> None:
        """Look at what the constructors of a class do besides setting fields."""
        old, new = acts_of(before), acts_of(after)
        found = [(text, line) for text, line in new.items() if text not in old]
        if found:
            self._acts[name] = found

    def look_for_gone(self) -> None:
        """Look for classes that are in the old version alone, under whatever name."""
        moved = self.compiler.plan.moves.keys()
        for module, change in self.compiler.changes.items():
            body = change.body
            if body is None:
                continue
            for name in body.removed:
                before = body.previous.get(name)
                if before is not None and before.kind == "class" and f"{module}:{name}" not in moved:
                    self._gone.append(f"{module}:{name}")

    def tell(self) -> None:
        """Name what live objects keep or lose, of the classes that have any."""
        classes = [*dict.fromkeys([*self._values, *self._acts, *self._unhashable, *self._gone])]
        counts = self.compiler.pup.call("objects", classes=classes) if classes else {}
        for name in self._gone:
            live = counts[name]["live"]
            if live:
                # Below nothing: they were not counted.
                several = "objects of it live" if live < 0 else f"{live} of its objects live"
                how_many = "an object of it lives" if live == 1 else several
                text = f"{name} is not in the new version, and {how_many}: what they do stays as it is"
                self.compiler.plan.notes.append(Note("class-gone", text, "", self._file(name)))
        for name, line in self._unhashable.items():
            if counts[name]["live"]:
                text = f"objects of {name} can't be hashed any more, as it gets __eq__ without __hash__: sets and dictionaries don't find them"
                place = f"{self._file(name)}:{line}"
                self.compiler.plan.notes.append(Note("unhashable", text, f"give {name} a __hash__", place))
        for name, fields in self._values.items():
            if not counts[name]["live"]:
                continue
            listed = names([text for text, _ in fields])
            text = f"new objects of {name} get another {listed}: live objects keep what they have"
            self.compiler.plan.notes.append(
                Note(
                    "field-kept",
                    text,
                    f"give a mapper for {name} if they must not",
                    f"{self._file(name)}:{fields[0][1]}",
                )
            )

        for name, acts in self._acts.items():
            if counts[name]["live"]:
                self._tell_of_acts(name, acts)

    def _tell_of_acts(self, name: str, acts: list[tuple[str, int]]) -> None:
        """What new objects of a class go through, and live ones have not: asked about where the program's own data is such an object."""
        done = names([f"`{_short(text.partition(chr(10))[0])}`" for text, _ in acts])
        place = f"{self._file(name)}:{acts[0][1]}"
        data = [f"--reset {one}" for one in self._made_data(name)]
        text = f"making an object of {name} also does {done} now: live objects have not gone through that"
        note = Note("constructor-acts", text, f"give a mapper for {name} if they must", place)
        if data:
            note.remedy = f"give a mapper for {name}, or make the data again: {' '.join(data)}"
        (self.compiler.plan.asks if data else self.compiler.plan.notes).append(note)

    def _made_data(self, name: str) -> list[str]:
        """The data of modules that a statement makes as an object of a class, and that does not run."""
        found = []
        for module in self.compiler.new.modules.values():
            word = name.rpartition(":")[2].rpartition(".")[2].encode()
            if module.source is None or word not in module.source or module.body is None:
                continue
            change = self.compiler.changes.get(module.name)
            run = set(map(id, change.body.run)) if change is not None and change.body is not None else set()
            for statement in module.body.statements:
                value = getattr(statement.node, "value", None)
                if (
                    statement.kind == "assign"
                    and isinstance(value, ast.Call)
                    and id(statement) not in run
                    and self._new.resolve(module.name, ast.unparse(value.func)) == name
                ):
                    found += [f"{module.name}:{one}" for one in statement.names]
        return found

    def _where(self, name: str, field: Field) -> str:
        return f"{self._file(name)}:{field.line}"

    def _file(self, name: str) -> str:
        return self.compiler.new.modules[self._new.home(name)].file


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
