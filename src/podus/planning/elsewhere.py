"""New fields that no constructor sets, but a method that live objects may have gone through already: ``connect()``, a handler's ``setup()``.

Where an object holds another field that this method alone sets, in the same stretch, it has gone through it: it gets the new field as well. Of
the others nobody knows, and they are asked about if something else reads the field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.planning.model import Note, ObjectPart
from podus.program.classes import Classes
from podus.program.code import mangled
from podus.program.constructor import CONSTRUCTORS
from podus.program.elsewhere import Method, methods_of
from podus.program.field import Field
from podus.program.operands import LOADS_ATTRIBUTE, STORES_ATTRIBUTE, any_named

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.gained import Gained


class SetElsewhere:
    """Looks for such fields, derives what can be derived, and tells of the rest."""

    def __init__(self, compiler: Compiler, old: Classes, new: Classes, gained: Gained) -> None:
        self.compiler = compiler
        self.old = old
        self.new = new
        self.gained = gained
        self._methods: dict[tuple[int, str], dict[str, Method]] = {}
        # Class -> the fields that its live objects may lack, each with the method that sets it.
        self._lacking: dict[str, list[tuple[Field, str]]] = {}

    def look(self, part: ObjectPart) -> None:
        """Add the fields of one class that objects get so to its part."""
        name = part.cls
        before, after = self._of(self.old, name), self._of(self.new, name)
        owner = self.new.find(name)
        if not before or not after or owner is None or part.mapper:
            return
        held = {*self.old.all(name), *self.new.all(name)} | self._anywhere(self.old, name)
        starts = {*CONSTRUCTORS, *self._started(self.new, name)}
        passed = self._gone_through(name, before, after) - starts
        for method, does in after.items():
            for field, (stretch, found) in does.fields.items() if method in passed else ():
                if field in held or self.new.covers(name, field):
                    continue
                beside = self._beside(name, method, field, stretch)
                if beside and self.gained.beside(name, part, found, beside, self._with(name, method)):
                    continue
                if self._is_read(name, field):
                    self._lacking.setdefault(name, []).append((found, method))

    def tell(self) -> None:
        """Ask about the fields that live objects may lack."""
        counts = self.compiler.pup.call("objects", classes=[*self._lacking]) if self._lacking else {}
        for name, rows in self._lacking.items():
            live = counts[name]["live"]
            file = self.compiler.new.modules[self.new.home(name)].file
            whose = "its live objects" if live < 0 else f"its {live} live object{'s' if live > 1 else ''}"
            for field, method in rows if live else ():
                text = f"{name}.{field.name} is set by {method}(), which is no constructor: {whose} may have gone through that already, and go without it"
                remedy = f"give the class a default for it, or give a mapper for {name}"
                note = Note("field-elsewhere", text, remedy, f"{file}:{field.line}")
                self.compiler.plan.asks.append(note)

    def left_by(self, name: str) -> set[str]:
        """The fields that methods of the old version alone have set, no constructor."""
        return self._anywhere(self.old, name) - self._anywhere(self.new, name) - self.old.all(name).keys()

    def _of(self, classes: Classes, name: str) -> dict[str, Method]:
        key = (id(classes), name)
        if key not in self._methods:
            owner = classes.find(name)
            body = owner.statement.body if owner is not None else None
            self._methods[key] = methods_of(body) if body is not None else {}
        return self._methods[key]

    def _gone_through(self, name: str, before: dict[str, Method], after: dict[str, Method]) -> set[str]:
        """The methods of the new version that objects may have gone through in the old one, by themselves or as others called them."""
        own = self.new.own(name)
        outside = own is not None and len(self.new.bases(name)) < len(own.bases)
        inherited = {m for base in self.old.lineage(name) for m in self._of(self.old, base)}
        found = {m for m in after if m in before or m in inherited}
        if outside:
            # What a class of others calls its objects have gone through, wherever that was.
            found |= {m for m in after if not self._is_called(m)}
        grown = True
        while grown:
            more = {m for caller in found for m in after[caller].calls if m in after} - found
            found |= more
            grown = bool(more)
        return found

    def _is_called(self, method: str) -> bool:
        """Whether some procedure of the program calls a method by its name, and not only goes on with it in a base."""
        rows = self.compiler.mentions_in_new.get(method, ())
        return any(procedure.partition("#")[0].rpartition(".")[2] != method for procedure, _ in rows)

    def _started(self, classes: Classes, name: str) -> set[str]:
        """What the constructors of a class and of its bases call."""
        lines = (classes.own(one) for one in (name, *classes.lineage(name)))
        return {method for own in lines if own is not None for method in own.started}

    def _anywhere(self, classes: Classes, name: str) -> set[str]:
        """All fields that some method of a class, or of its bases, sets."""
        line = (name, *classes.lineage(name))
        return {field for one in line for does in self._of(classes, one).values() for field in does.puts}

    def _beside(self, name: str, method: str, field: str, stretch: int) -> str:
        """The field that tells whether an object has gone through a method to where it sets ``field``; "" if none does."""
        before, after = self._of(self.old, name).get(method), self._of(self.new, name)[method]
        if before is None or sum(does.puts[field] for does in self._of(self.new, name).values()) > 1:
            return ""
        for other, (its, _) in after.fields.items():
            there = other in before.fields and its == stretch
            if (
                there
                and self._only_here(self.old, name, method, other)
                and self._only_here(self.new, name, method, other)
            ):
                return other
        return ""

    def _with(self, name: str, method: str) -> dict[str, Field]:
        """The fields that an object which has gone through a method has besides: those that it alone sets."""
        before = self._of(self.old, name)[method]
        return {n: f for n, (_, f) in before.fields.items() if self._only_here(self.old, name, method, n)}

    def _only_here(self, classes: Classes, name: str, method: str, field: str) -> bool:
        """Whether one place in one method is all that sets a field, as far as anybody can see."""
        if field in classes.all(name) or self.new.covers(name, field):
            return False
        compiler = self.compiler
        mentions = compiler.mentions_in_old if classes is self.old else compiler.mentions_in_new
        for procedure, code in mentions.get(field, ()):
            if any_named(code, STORES_ATTRIBUTE, field) and not self._is_its_own(classes, procedure, field):
                return False
        places = [
            (one, m, does.puts[field])
            for one in self._family(classes, name)
            for m, does in self._of(classes, one).items()
            if field in does.puts
        ]
        return places == [(name, method, 1)]

    def _is_its_own(self, classes: Classes, procedure: str, field: str) -> bool:
        """Whether what a procedure sets by this name is a field of its own object."""
        found = self._method(classes, procedure)
        return found is not None and field not in found.others

    def _method(self, classes: Classes, procedure: str) -> Method | None:
        """The method that a procedure is; None if it is none of a class that can be read."""
        whole = procedure.partition("#")[0]
        owner, _, word = whole.rpartition(".")
        within = tuple(owner.partition(":")[2].split("."))
        return self._of(classes, owner).get(mangled(word, within)) if ":" in owner else None

    def _is_read(self, name: str, field: str) -> bool:
        """Whether something takes it for granted that objects of a class have a field: what sets it itself, or sees to that, does not."""
        sets = {m for m, does in self._of(self.new, name).items() if field in does.puts}
        for one in self._family(self.new, name):
            for does in self._of(self.new, one).values():
                sees_to_it = field in does.puts or field in does.asks or does.calls & sets
                if field in does.gets and not sees_to_it:
                    return True
        if field in self.compiler.mentions_in_old:
            # The word is known: others may mean fields of their own.
            return False
        users = (
            user
            for user, code in self.compiler.mentions_in_new.get(field, ())
            if any_named(code, LOADS_ATTRIBUTE, field)
        )
        return any(self._method(self.new, user) is None for user in users)

    def _family(self, classes: Classes, name: str) -> Iterator[str]:
        """A class, those that it derives from, and those that derive from it."""
        line = {name, *classes.lineage(name)}
        yield from line
        for module in classes.version.modules.values():
            for qualname in classes.of(module):
                other = f"{module.name}:{qualname}"
                if other not in line and name in classes.lineage(other):
                    yield other
