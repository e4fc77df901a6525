"""What a class that is made again has from its own statement, and what the program has given it from elsewhere.

The statement runs again, and what it makes goes into the class that is there. What it did not make the last time stays: a plugin's table, a
patched method, an instance that the class keeps of itself. The old body says what it bound. Of what the class has besides, decorators
and hooks may have made a part: the sources are searched for who else gives it.
"""

from __future__ import annotations

import ast
import sys
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

from podus.planning.hooking import saying_metaclass
from podus.planning.model import Datum, MadePart, Note
from podus.planning.remade import PLAIN
from podus.program.body import Body, Statement, class_within
from podus.program.changes import BodyChange, ModuleChange, compare_bodies
from podus.program.code import is_function, mangled, walk
from podus.program.field import last_word
from podus.program.head import outside_procedures
from podus.program.nodes import everything_in
from podus.program.operands import STORES_ATTRIBUTE, STORES_NAME, named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podus.planning.compile import Compiler
    from podus.planning.toplevel import TopLevel
    from podus.program.version import Module, Version

# Procedures that give a class attributes while it is made.
_MAKERS = frozenset({"__init_subclass__", "__set_name__", "__new__", "__init__", "__prepare__"})


class Given:
    """Tells of the classes that are made again what the program's own is."""

    def __init__(self, toplevel: TopLevel) -> None:
        self.toplevel = toplevel
        self.compiler = toplevel.compiler
        # What made a class, by its name in the sources: its decorators, and its metaclass.
        self._makers: dict[str, set[str]] = {}
        # How the running classes were made.
        self._kinds: dict[str, str] = dict(toplevel.remade.kinds)
        # Names that a body declared without a value (``size: int``), and does no more.
        self._declared_no_more: dict[str, set[str]] = {}

    def compile(self, again: dict[tuple[str, str], tuple[Statement | None, Statement | None]]) -> None:
        """Write into the plan what is known of each class, and of those nested in it.

        ``again`` are their statements before and after, by the old and the new name (``module:qualname``).
        """
        plan, parts = self.compiler.plan, self.compiler.plan.made
        plan.metaclassed = saying_metaclass(self.compiler) if again else []
        bodies: dict[str, tuple[set[str], set[str]]] = {}
        unknown = [old for old, _ in again if old not in self._kinds]
        if unknown:
            self._kinds |= self.compiler.pup.call("classes", names=unknown)
        for (old, new), statements in again.items():
            self._compared(old, new, *statements)
            bodies |= self._bodies(old, new)
        there = self.compiler.pup.call("attributes", classes=list(bodies)) if bodies else {}
        for name, (before, after) in bodies.items():
            part = parts.setdefault(name, MadePart())
            more = sorted({*there[name]} - before - after)
            gone = (before - after) | self._declared_no_more.get(name, set())
            made = self._made_besides(name, part, more, gone)
            part.goes = sorted(before | after | made)
            stays = {n for n in more if n not in made and not _is_machinery(n)}
            if self._makers.get(name) or self._kind(name) not in PLAIN:
                # Whoever made the class may have given it them as well, and does so again.
                stays = self._given(name, stays)
            if stays:
                text = f"{name} has {', '.join(sorted(stays))} from elsewhere than its statement, which runs again: that stays"
                plan.notes.append(Note("given", text, "", ""))

    # ---- the statements

    def _compared(self, old: str, new: str, before: Statement | None, after: Statement | None) -> None:
        """Compare two statements of a class, and of the classes in its body."""
        if before is None or after is None or before.body is None or after.body is None:
            return
        part = self.compiler.plan.made[old] = MadePart()
        change = compare_bodies(before.body, after.body)
        module = self.compiler.changes.get(old.partition(":")[0])
        if module is not None and old == new:
            self.compiler.derived.extend(module, change)
            kept = self.toplevel.kept_in_class(module, change) if self._kind(old) in PLAIN else []
            part.kept = sorted(mangled(n, change.owners) for n in kept)
        same = [s for s in after.body.statements if s.kind == "assign" and s not in change.run]
        part.steady = sorted({mangled(n, change.owners) for s in same for n in s.names})
        if module is not None and old == new:
            self._steady(module, change, same)
        methods = _undecorated(before.body) & _undecorated(after.body)
        part.methods = sorted(mangled(n, change.owners) for n in methods)
        self._makers[old] = _makers(before)
        self._declared_no_more[old] = _declared(before.body) - _declared(after.body)
        part.alike = old not in self.toplevel.remade.rehooked and self._is_alike(old, before, after)
        inner = {s.names[-1]: s for s in before.body.statements if s.kind == "class"}
        for statement in after.body.statements:
            name = statement.names[-1] if statement.kind == "class" else ""
            if name in inner:
                self._compared(f"{old}.{name}", f"{new}.{name}", inner[name], statement)

    def _steady(self, module: ModuleChange, change: BodyChange, same: list[Statement]) -> None:
        """Ask about the data of a class that stays though it was made of what changes; what is made again on request is told."""
        hidden = change.new.binds()
        for statement in same:
            value = getattr(statement.node, "value", None)
            read = self.compiler.derived.lagging.read_of_moved(statement, module.new, hidden) if value else []
            if read:
                self.toplevel.not_again(module.new, statement, f"reads {' and '.join(read)}")
                continue
            called = self.compiler.derived.lagging.calls_of_changed(statement, module.new, hidden)
            if called:
                self.toplevel.not_again(module.new, statement, f"calls {' and '.join(called)}")
        for statement in change.run:
            for name in statement.names if statement.kind == "assign" else ():
                full = f"{module.new.name}:{'.'.join((*change.owners, name))}"
                if full in self.toplevel.reset:
                    self.compiler.plan.data.append(Datum(full, "set", "--reset asks for the new value"))

    def _is_alike(self, name: str, before: Statement, after: Statement) -> bool:
        """Whether who made the class makes it in the same way again."""
        if before.head == after.head:
            return True
        one, other = before.node, after.node
        assert isinstance(one, ast.ClassDef) and isinstance(other, ast.ClassDef)
        makers = [[ast.dump(part) for part in (*n.decorator_list, *n.keywords)] for n in (one, other)]
        return makers[0] == makers[1] and self._kind(name) in PLAIN

    def _kind(self, name: str) -> str:
        if name not in self._kinds:
            self._kinds |= self.compiler.pup.call("classes", names=[name])
        return self._kinds[name]

    # ---- what the classes have

    def _bodies(self, old: str, new: str) -> dict[str, tuple[set[str], set[str]]]:
        """The names that the bodies of a class and of those in it bind, by the old names, in the old and in the new version."""
        found = []
        for version, full in ((self.compiler.old, old), (self.compiler.new, new)):
            module, _, qualname = full.partition(":")
            there = version.modules.get(module)
            bound = _bound(there.code, qualname) if there is not None else {}
            for inner, stubs in _stubs(there, qualname).items():
                bound.get(inner, set()).difference_update(stubs)
            found.append(bound)
        return {old + inner: (names, found[1].get(inner, set())) for inner, names in found[0].items()}

    def _made_besides(self, name: str, part: MadePart, more: list[str], gone: set[str]) -> set[str]:
        """Which of the names ``more`` a decorator or a hook made, as far as one can tell; ``gone`` are names that the body binds no more."""
        doubtful = {n for n in more if _is_machinery(n)}
        if self._makers.get(name) or self._kind(name) not in PLAIN:
            doubtful |= {n for n in more if not part.alike or any(_is_of(n, one) for one in gone)}
        return doubtful - self._given(name, doubtful)

    def _given(self, cls: str, names: set[str]) -> set[str]:
        """Those of ``names`` that some code of the program gives to something, other than what looks at a class while it is made."""
        makers = self._makers.get(cls, set())
        found: set[str] = set()
        for name in names:
            found |= {name for code in self._mentioned.get(name, ()) if _gives(code, makers, name)}
        if names - found:
            family = self._family(cls)
            for code in self._mentioned.get("setattr", ()):
                if _makes(code, makers):
                    continue
                found |= {c for c in code.co_consts if isinstance(c, str) and c in names}
                if code.co_qualname.partition(".")[0] in family:
                    # A method of the class, for names that are data (`cls.register(name)`).
                    return set(names)
            if cls in self._given_in_loops:
                return set(names)
            if self._is_handed_out(cls):
                found |= {name for name in names if not _is_machinery(name)}
        return found

    def _is_handed_out(self, cls: str) -> bool:
        """Whether a statement or a decorator elsewhere hands the class to a library (``@compiles(Column)``), which may have given it anything.

        What the library's hooks made is made again, and takes the place of what stays.
        """
        meanings = self.compiler.derived.old
        home, _, qualname = cls.partition(":")
        words = qualname.split(".")
        for module in self.compiler.old.modules.values():
            if module.body is None or words[-1] not in module.code.co_names:
                continue
            for call in _calls_outside(module.body):
                handed = [a for a in call.args if isinstance(a, ast.Name | ast.Attribute)]
                if any(
                    last_word(a) == words[-1] and meanings.path(module, a) == (home, words) for a in handed
                ):
                    library = meanings.library(module, call.func).partition(".")[0]
                    if library and library not in sys.stdlib_module_names:
                        return True
        return False

    @cached_property
    def _given_in_loops(self) -> set[str]:
        """The classes that modules' statements give what they name by data: ``for name in names: setattr(C, name, …)``."""
        found = set()
        for module in self.compiler.old.modules.values():
            if "setattr" not in module.code.co_names or module.body is None:
                continue
            for statement in module.body.statements:
                for part in outside_procedures(statement.node) if statement.kind == "other" else ():
                    if isinstance(part, ast.Call) and last_word(part) == "setattr" and len(part.args) == 3:
                        place = self.compiler.derived.old.path(module, part.args[0])
                        if place is not None and not isinstance(part.args[1], ast.Constant):
                            found.add(f"{place[0]}:{'.'.join(place[1])}")
        return found

    def _family(self, cls: str) -> set[str]:
        """The name of a class of the running version and those of its bases, as far as its text tells."""
        derived, found = self.compiler.derived, dict[str, None]()
        todo = [cls]
        while todo:
            full = todo.pop()
            module = self.compiler.old.modules.get(full.partition(":")[0])
            statement = module.body.last(full.partition(":")[2]) if module and module.body else None
            if module is None or statement is None or full in found:
                continue
            found[full] = None
            for base in getattr(statement.node, "bases", ()):
                home, words = derived.old.path(module, base) or ("", [])
                todo.append(f"{home}:{'.'.join(words)}")
        return {full.partition(":")[2] for full in found}

    @cached_property
    def _mentioned(self) -> dict[str, list[CodeType]]:
        """The code of the running version that mentions each name."""
        found: dict[str, list[CodeType]] = {}
        for module in self.compiler.old.modules.values():
            for code in walk(module.code):
                for name in code.co_names:
                    found.setdefault(name, []).append(code)
        return found


def _calls_outside(body: Body) -> Iterator[ast.Call]:
    """The calls that the statements of a module make themselves, and their decorators."""
    for statement in body.statements:
        for node in (statement.node, *getattr(statement.node, "decorator_list", ())):
            for part in outside_procedures(node):
                if isinstance(part, ast.Call):
                    yield part


def _makes(code: CodeType, makers: set[str]) -> bool:
    """Whether it looks at a class while it is made: a hook, or one of the ``makers``."""
    return code.co_name in _MAKERS or code.co_qualname.partition(".")[0] in makers


def _gives(code: CodeType, makers: set[str], name: str) -> bool:
    return not _makes(code, makers) and name in named(code, STORES_ATTRIBUTE)


def classes_again(compiler: Compiler) -> dict[tuple[str, str], tuple[Statement | None, Statement | None]]:
    """The classes at the top level of their modules that are made again, or in another module: see :class:`Given`."""
    found: dict[tuple[str, str], tuple[Statement | None, Statement | None]] = {}
    for module, change in compiler.changes.items():
        for statement in change.body.run if change.body is not None else ():
            for name in statement.names if statement.kind in ("class", "other") else ():
                before = change.body.previous.get(name) if change.body is not None else None
                if before is not None:
                    sides = class_within(before, name), class_within(statement, name)
                    found[(f"{module}:{name}",) * 2] = sides
    for old, new in compiler.plan.moves.items():
        before, after = _definition(compiler.old, old), _definition(compiler.new, new)
        if before is not None and after is not None and before.kind == after.kind == "class":
            found[old, new] = before, after
    return found


def _definition(version: Version, full: str) -> Statement | None:
    module, _, name = full.partition(":")
    body = version.modules[module].body
    return body.last(name) if body is not None else None


def _makers(statement: Statement) -> set[str]:
    node = statement.node
    assert isinstance(node, ast.ClassDef)
    words = [
        word
        for part in (*node.decorator_list, *(k.value for k in node.keywords))
        for word in everything_in(part)
    ]
    return {
        w.attr if isinstance(w, ast.Attribute) else w.id
        for w in words
        if isinstance(w, ast.Attribute | ast.Name)
    }


def _undecorated(body: Body) -> set[str]:
    """The names that a body binds last by a ``def`` without decorators."""
    last = {name: statement for statement in body.statements for name in statement.names}
    return {n for n, s in last.items() if s.kind == "def" and not getattr(s.node, "decorator_list", None)}


def _declared(body: Body) -> set[str]:
    nodes = [s.node for s in body.statements if isinstance(s.node, ast.AnnAssign)]
    return {n.target.id for n in nodes if isinstance(n.target, ast.Name)}


def _bound(code: CodeType, qualname: str) -> dict[str, set[str]]:
    """What the class body ``qualname`` binds (""), and those in it (``.Inner``)."""
    found: dict[str, set[str]] = {}
    for inner in walk(code):
        name = inner.co_qualname
        rest = name[len(qualname) :]
        if (
            name.startswith(qualname)
            and (not rest or rest[0] == ".")
            and "<" not in rest
            and not is_function(inner)
        ):
            found.setdefault(rest, set()).update(named(inner, STORES_NAME))
    return found


def _stubs(module: Module | None, qualname: str) -> dict[str, set[str]]:
    """What only type checkers read of the class body ``qualname`` (""), and of those in it."""
    body = module.body if module is not None else None
    for word in qualname.split("."):
        statement = body.last(word) if body is not None else None
        body = statement.body if statement is not None else None
    found: dict[str, set[str]] = {}
    todo = [] if body is None else [("", body)]
    while todo:
        inner, around = todo.pop()
        found[inner] = around.stubs()
        todo += [(f"{inner}.{s.names[-1]}", s.body) for s in around.statements if s.body is not None]
    return found


# What abstract classes and protocols note of themselves.
_NOTED = frozenset({"_abc_impl", "_is_protocol", "_is_runtime_protocol"})


def _is_machinery(name: str) -> bool:
    """Whether it is a name that Python, or who makes a class, has reserved (``__eq__``, ``_member_map_``)."""
    return (name.startswith("_") and name.endswith("_")) or name in _NOTED


def _is_of(name: str, field: str) -> bool:
    """Whether an attribute seems to be made of a field (``get_size`` of ``size``)."""
    field = field.strip("_")
    return bool(field) and (f"_{field}_" in f"_{name}_" or (len(field) > 3 and field.lower() in name.lower()))
