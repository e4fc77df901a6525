"""What happens to the live objects of changed classes: the derived mappers, and what has to be asked for.

Dynamic type replacement, after Fabry ("How to Design a System in Which Modules Can Be Changed on the Fly", 1976): the type
changes, its objects are converted when they are used next. The conversion itself is in ``updating/objects.py``.
"""

from __future__ import annotations

import ast
from functools import cached_property, lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

from podus.planning.elsewhere import SetElsewhere
from podus.planning.gained import HOLDS, MAY_HOLD, Gained
from podus.planning.model import Note, ObjectPart
from podus.planning.otherwise import SetOtherwise
from podus.planning.unread import tell_of_unread
from podus.program.changes import ModuleChange
from podus.program.classes import Classes
from podus.program.code import SUSPENDS, walk
from podus.program.constructor import CONSTRUCTORS
from podus.program.field import ClassFields, Field
from podus.program.operands import ATTRIBUTES, STORES_ATTRIBUTE, any_named, named

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.planning.toplevel import TopLevel


def _matters(part: ObjectPart) -> bool:
    return bool(part.fields or part.gone or part.stale or part.hidden or part.mapper)


class ObjectChanges:
    """Adds to a plan what happens to the live objects of the classes whose fields change."""

    def __init__(self, compiler: Compiler, support: SupportCode, toplevel: TopLevel) -> None:
        self.compiler = compiler
        self.plan = compiler.plan
        self.support = support
        self.toplevel = toplevel
        self.old = Classes(compiler.old)
        self.new = Classes(compiler.new, compiler.class_moves)
        # Classes whose objects are made by a method that is itself made from the fields: who makes them switches with the class.
        self.remade: list[str] = []
        self._otherwise = SetOtherwise(compiler, self.new)
        self._gained = Gained(compiler, self.old, self.new, toplevel)
        self._elsewhere = SetElsewhere(compiler, self.old, self.new, self._gained)
        self.plan.pace = compiler.request.get("objects") or "sweep"

    def compile(self) -> None:
        """Fill ``plan.objects``; refuse where a field can't be derived and there are objects that need it."""
        parts: list[tuple[ObjectPart, list[tuple[str, str, str]]]] = []
        self._unsure()
        for name in self._classes:
            made = self._part(name)
            if made is not None:
                parts.append(made)
        self._tuples()
        self._otherwise.look_for_gone()
        self._otherwise.look_for_makers(self.old, self.new, {*self.support.mapped_classes()})
        self._otherwise.tell()
        self._elsewhere.tell()
        tell_of_unread(self.compiler, self.old, self.new)
        if not parts:
            return
        # The members of an Enum are what its statement makes of them, and that runs again.
        kinds: dict[str, str] = self.compiler.pup.call("classes", names=[part.cls for part, _ in parts])
        parts = [row for row in parts if row[0].mapper or not kinds[row[0].cls].startswith("enum")]
        # The objects of a metaclass are classes: what it gives them they get when they are made again.
        parts = [row for row in parts if kinds[row[0].cls] != "metaclass"]
        parts = self._without_hidden(self._without_locals(parts, kinds), kinds)
        # Objects are only counted where it matters whether there are any.
        asked = {part.cls: [row[0] for row in missing] for part, missing in parts if missing}
        initial = {
            name: {old: spec for old, spec in rows.values()} for name, rows in self._gained.perhaps.items()
        }
        counts = (
            self.compiler.pup.call("objects", classes=[*asked], fields=asked, initial=initial)
            if asked
            else {}
        )
        for part, lacking in parts:
            if lacking:
                row = counts[part.cls]
                held = MAY_HOLD if row["unseen"] else HOLDS
                missing = [(name, reason.replace(HOLDS, held), source) for name, reason, source in lacking]
                part.live = row["live"]
                # Something that no text shows (`vars(self).update(…)`) has given the objects the field already.
                part.fields = [field for field in part.fields if field.name not in row["there"]]
                known = {*row["aside"], *row["there"]}
                perhaps = self._gained.perhaps.get(part.cls, {})
                known |= {new for new, (old, _) in perhaps.items() if old in row["untouched"]}
                for field in part.fields:
                    if field.name in perhaps and field.name not in known:
                        field.how, field.text, field.runner = "missing", perhaps[field.name][0], ""
                self._missing(part, [one for one in missing if one[0] not in known])
            if _matters(part):
                self.plan.objects.append(part)
        self._gained.passed.tell({part.cls for part, _ in parts if not part.mapper})

    @cached_property
    def _classes(self) -> list[str]:
        """The classes whose objects may be concerned: ``module:qualname``, base classes first as far as the order of modules goes."""
        # Of a module that goes, too.
        found = {
            name: None for name in self.compiler.class_moves if self.old.find(name) and self.new.find(name)
        }
        for module in self.compiler.order:
            change = self.compiler.changes[module]
            if change.old.source is None or change.new.source is None:
                continue
            for qualname in _suspects(change):
                if self.old.find(f"{module}:{qualname}") and self.new.find(f"{module}:{qualname}"):
                    found[f"{module}:{qualname}"] = None
        for name in self.support.mapped_classes():
            found.setdefault(name)
        return list(found)

    def _without_hidden(self, parts: list[Any], kinds: dict[str, str]) -> list[Any]:
        """The parts but those of classes in whose place a decorator has put something else: nothing leads to their objects."""
        for part in (part for part, _ in parts if kinds[part.cls] == "none"):
            text = f"{part.cls} is no class in the running program (a decorator has put something else in its place): live objects of it keep the fields that they have"
            self.plan.notes.append(Note("no-class", text, "", ""))
        return [row for row in parts if kinds[row[0].cls] != "none"]

    def _without_locals(self, parts: list[Any], kinds: dict[str, str]) -> list[Any]:
        """The parts but those of thread-local objects: refuse new fields for these, as each thread has its own, and nobody else gets at them."""
        local = [part for part, _ in parts if kinds[part.cls] == "local"]
        counts = self.compiler.pup.call("objects", classes=[p.cls for p in local]) if local else {}
        for part in local:
            if counts[part.cls]["live"] and (part.fields or part.mapper):
                what = f"get the field {part.fields[0].name}" if part.fields else "have a mapper"
                self.compiler.refuse(
                    "thread-local",
                    f"objects of {part.cls} {what}, and are thread-local: nobody but each thread itself gets at what they hold",
                    "set the field where it is used first, or restart for this one",
                    part.cls,
                )
        return [row for row in parts if row[0] not in local]

    def _unsure(self) -> None:
        """Ask about fields that new objects have on some ways only; refuse where no text says which fields they have."""
        maybe: dict[str, list[Field]] = {}
        unclear: dict[str, str] = {}
        for name in self._classes:
            before, after = self.old.own(name), self.new.own(name)
            if before is None or after is None or self.support.object_mapper(name) is not None:
                continue
            olds = self.old.all(name)
            found = [f for n, f in after.fields.items() if n not in olds and not f.certain]
            maybe[name] = [f for f in found if f.declared == "init" and not self.new.covers(name, f.name)]
            for text in sorted(after.unnamed - before.unnamed)[:1]:
                unclear[name] = (
                    f"{name} sets fields whose names podus can't tell (`{text}`), and nothing says what they are in its live objects"
                )
            for word, setter in self._described(name, before).items():
                unclear[name] = (
                    f"{name}.{word} is set by {setter}.__set__ now, and nothing says what that makes of it in its live objects"
                )
        names = [name for name, found in maybe.items() if found or name in unclear]
        counts = self.compiler.pup.call("objects", classes=names) if names else {}
        for name in names:
            live = counts[name]["live"]
            if not live:
                continue
            file = self.compiler.new.modules[self.new.home(name)].file
            whose = (
                "its live objects go"
                if live < 0
                else f"its {live} live object{'s go' if live > 1 else ' goes'}"
            )
            for field in maybe[name]:
                text = f"{name}.{field.name} is set on some ways through the constructor only: {whose} without it"
                remedy = f"give a mapper for {name} if they must not"
                self.plan.asks.append(Note("field-unsure", text, remedy, f"{file}:{field.line}"))
            if name in unclear:
                self.compiler.refuse(
                    "mapper-needed",
                    unclear[name],
                    f"give a mapper for {name}; `podus scaffold` writes its skeleton",
                    name,
                )

    def _tuples(self) -> None:
        """Refuse other fields for named tuples that are there: a tuple can't grow."""
        changed = [
            name
            for name in self._classes
            if self._tuple_fields(self.old, name) != self._tuple_fields(self.new, name)
        ]
        counts = self.compiler.pup.call("objects", classes=changed) if changed else {}
        for name in changed:
            if counts[name]["live"]:
                self.compiler.refuse(
                    "tuple-fields",
                    f"the fields of the named tuple {name} change, and tuples that live can't be given others",
                    "give the new fields to another class, or restart for this version",
                    name,
                )

    @staticmethod
    def _tuple_fields(classes: Classes, name: str) -> list[str]:
        owner = classes.find(name)
        node = None if owner is None else owner.statement.node
        if not isinstance(node, ast.ClassDef) or not any(
            ast.unparse(b).endswith("NamedTuple") for b in node.bases
        ):
            return []
        return [
            s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]

    # ---- one class

    def _part(self, name: str) -> tuple[ObjectPart, list[tuple[str, str, str]]] | None:
        """The part of one class, and what of it can't be derived: (field, reason, the field it may be renamed from)."""
        before, after = self.old.own(name), self.new.own(name)
        mapper = self.support.object_mapper(name)
        if before is not None and after is not None and _made_from(before) != _made_from(after):
            self.remade.append(name)
        if before is None or after is None:
            if mapper is None:
                return None
            before = after = ClassFields({}, [], set(), set(), set(), "")
        olds, news = self.old.all(name), self.new.all(name)
        part = ObjectPart(name, self.new.place(name), before=sorted(olds))
        if mapper is not None:
            part.mapper, part.reverse = mapper["function"], mapper["reverse"]
        # A slot that nothing sets is no field that an object could lack.
        gained = [n for n in news if n not in olds and self._comes_with(name, n, self.old, self.new)]
        fresh = [news[n] for n in gained if news[n].certain and n not in after.computed]
        known = (
            [*olds, *sorted(self._elsewhere.left_by(name))]
            if self.compiler.request.get("back_out")
            else [*olds]
        )
        lost = [n for n in known if n not in news and self._comes_with(name, n, self.new, self.old)]
        part.gone = [
            n
            for n in lost
            if n not in after.computed and not self._still_used(n) and not self._needed(name, n)
        ]
        # What a cached property has computed is no state that anybody could miss.
        uncached = before.cached - after.cached - after.methods - set(news)
        part.gone += sorted(n for n in uncached - set(part.gone) if not self.new.binds(name, n))
        defined = after.computed | after.methods | after.cached
        part.hidden = [
            n for n in before.fields if n in defined - before.computed - before.methods - before.cached
        ]
        part.hidden += self._described(name, before)
        part.hidden += sorted((before.cached - after.cached) & after.methods - set(part.hidden))
        part.shown = [n for n in after.fields if n in before.computed]
        part.stale = self._stale(name, before, after)
        self._slots_computed(name, [*(n for n in part.hidden if n in after.computed), *part.shown])
        missing: list[tuple[str, str, str]] = []
        self._gained.fill(name, part, fresh, missing)
        self._returning(name, part, olds)
        self._elsewhere.look(part)
        if not part.mapper:
            self._otherwise.compare(name, before, after)
        owners = self.old.find(name), self.new.find(name)
        bodies = [
            owner.statement.body for owner in owners if owner is not None and owner.statement.body is not None
        ]
        if len(bodies) == 2:
            self._otherwise.compare_bodies(name, *bodies)
            if not part.mapper:
                self._otherwise.compare_acts(name, *bodies)
        if not _matters(part):
            return None
        # A property computes whatever the object holds; a method or a cached value would be hidden by it.
        part.converts = bool(part.mapper or part.stale or part.shown or set(part.hidden) - after.computed)
        if part.converts or part.hidden or part.shown:
            self._users(part, mapper)
        return part, missing

    def _slots_computed(self, name: str, fields: list[str]) -> None:
        """Refuse a property in the place of a slot, and the other way round, where live objects have nothing but slots: what leads to their values is the slot."""
        if not fields or self.support.object_mapper(name) is not None:
            return
        for one in (name, *self.old.lineage(name)):
            owner = self.old.find(one)
            slots = None
            if owner is not None and owner.statement.body is not None:
                slots = owner.statement.body.last("__slots__")
            if slots is None or "__dict__" in ast.unparse(slots.node):
                return
        if self.compiler.pup.call("objects", classes=[name])[name]["live"]:
            self.compiler.refuse(
                "slot-computed",
                f"{name}.{fields[0]} is a property in one version and a slot in the other, and live objects have nothing but slots",
                "give the property another name, or restart for this one",
                name,
            )

    def _returning(self, name: str, part: ObjectPart, olds: dict[str, Field]) -> None:
        """What the old version would give objects that new procedures have made: for the way back in the middle, which has no plan of its own."""
        going = [olds[n] for n in part.gone if n in olds and olds[n].certain]
        if not going or part.mapper or part.after != name or self.compiler.request.get("back_out"):
            return
        like = ObjectPart(name, name)
        Gained(self.compiler, self.new, self.old, self.toplevel).fill(name, like, going, [])
        part.returning = [field for field in like.fields if field.how in ("derived", "default")]

    @staticmethod
    def _comes_with(name: str, field: str, without: Classes, having: Classes) -> bool:
        """Whether it is this class that brings a field that one of two versions does not have, and no base that it has in both."""
        own = having.own(name)
        if own is None or without.own(name) is None:
            return False
        if field in own.fields:
            return True
        bases = set(without.lineage(name)).intersection(having.lineage(name))
        return not any(field in having.all(base) and field not in without.all(base) for base in bases)

    def _missing(self, part: ObjectPart, missing: list[tuple[str, str, str]]) -> None:
        """Ask for what can't be derived: refuse, if there is an object that needs it."""
        owner = self.new.find(part.cls)
        for field, reason, source in missing:
            where = "" if owner is None else f"{owner.module.file}:{owner.statement.line}"
            looks = f"; it may be {source} under another name" if source else ""
            if part.live == 0:
                self.plan.notes.append(
                    Note(
                        "no-objects",
                        f"{part.cls}.{field} can't be derived ({reason}), and no object needs it",
                    )
                )
                continue
            live = (
                f"the {part.live} live objects"
                if part.live > 1
                else "the live object"
                if part.live == 1
                else "its live objects"
            )
            self.compiler.refuse(
                "mapper-needed",
                f"{part.cls} gets the field {field}, and nothing says what it is in {live}: {reason}{looks}",
                f"give a mapper for {part.cls}; `podus scaffold` writes its skeleton",
                where or part.cls,
            )

    def _still_used(self, field: str) -> bool:
        """Whether the version to be has a use for what objects hold by this name."""
        mentions = self.compiler.mentions_in_new.get(field, ())
        if self.compiler.request.get("back_out"):
            # Where it is but read, that is of the class, and what the objects hold is the work of the update.
            return any(any_named(code, STORES_ATTRIBUTE, field) for _, code in mentions)
        return bool(mentions)

    def _needed(self, name: str, field: str) -> bool:
        """Whether a generator or coroutine that is suspended in the version before uses a field: it ends there, or at the end of its iteration."""
        rows = self.compiler.mentions_in_old.get(field, ())
        suspends = [procedure for procedure, code in rows if code.co_flags & SUSPENDS]
        if not suspends:
            return False
        found = self.compiler.pup.call("activity", suspends=suspends)["suspended"]
        users = sorted(procedure for procedure, row in found.items() if row["count"])
        if users:
            text = f"live objects of {name} keep {field}, which the new version does not have: {users[0]} is suspended, and uses it"
            self.plan.notes.append(Note("field-stays", text, ""))
        return bool(users)

    def _stale(self, name: str, before: ClassFields, after: ClassFields) -> list[str]:
        """Cached properties that compute something else now, or are plain class attributes, which a cached value would hide."""
        module, _, qualname = name.partition(":")
        change = self.compiler.changes.get(module)
        changed = set(change.changed) if change is not None else set()
        found = {n for n in before.cached & after.cached if f"{qualname}.{n}" in changed}
        return sorted(
            found | {n for n in before.cached - after.cached - after.methods if self.new.binds(name, n)}
        )

    def _described(self, name: str, before: ClassFields) -> dict[str, str]:
        """The fields that a descriptor of the program keeps now, each with the descriptor's class."""
        found = {n: self.new.descriptor(name, n) for n in before.fields}
        return {n: by for n, by in found.items() if by}

    def _users(self, part: ObjectPart, mapper: dict[str, object] | None) -> None:
        """The procedures that touch what is converted: those that change switch with the conversion, the others stand still for it."""
        names = {f.name for f in part.fields} | set(part.gone) | set(part.hidden) | set(part.shown)
        stored = mapper.get("fields") if mapper else None
        if isinstance(stored, list):
            names |= set(stored)
        module, _, qualname = part.cls.partition(":")
        users: dict[str, None] = {}
        for mentions in (self.compiler.mentions_in_new, self.compiler.mentions_in_old):
            for field in sorted(names):
                users.update(
                    (user, None)
                    for user, code in mentions.get(field, ())
                    if any_named(code, ATTRIBUTES, field)
                )
        users.update((f"{module}:{qualname}.{n}", None) for n in part.stale)
        part.users = list(users)


def _made_from(fields: ClassFields) -> list[tuple[str, str]]:
    """What a generated ``__init__`` is made from."""
    if not fields.declared:
        return []
    return [(f.name, f.text) for f in fields.fields.values() if f.declared not in ("init", "slot")]


def _suspects(change: ModuleChange) -> list[str]:
    """The classes of a module that may have changed in what their objects hold, by the codes alone."""
    found: dict[str, None] = {}
    new, old = change.new.procedures, change.old.procedures
    names = {after: before for before, after in change.pairs.items()}
    cached = any("cached_property" in code.co_names for code in walk(change.new.code))
    for name in [*change.changed, *change.added, *change.removed]:
        owner, _, method = name.partition("#")[0].rpartition(".")
        if not owner or "<locals>" in owner:
            continue
        codes = [c for c in (old.get(names.get(name, name)), new.get(name)) if c is not None]
        stores = {frozenset(_stored(code)) for code in codes}
        if method in CONSTRUCTORS or len(codes) == 1 or len(stores) > 1 or cached:
            found[owner] = None
    if change.body is not None:
        for body in change.body.all_classes():
            found[".".join(body.owners)] = None
        for statement in change.body.run:
            if statement.kind == "class":
                found[statement.names[-1]] = None
    return list(found)


@lru_cache(4096)
def _stored(code: CodeType) -> tuple[str, ...]:
    return tuple(named(code, STORES_ATTRIBUTE))
