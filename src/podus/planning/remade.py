"""Which classes an update makes again as a whole, and what of them it leaves alone.

Most classes take new methods and data one by one. Where somebody has looked at the whole body when the class was made (a decorator, a
metaclass, ``__init_subclass__``) its statement runs again, aside, and what it makes goes into the class that is there
(``updating/graft.py``). So do the statements of classes that were made from it, or by a hook that is another one now.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from podus.planning.heeding import Heeding
from podus.planning.hooking import newly_hooked, rebased, unsubscribed
from podus.planning.model import Note
from podus.planning.reading import is_enum
from podus.program.body import Body, Statement
from podus.program.changes import BodyChange, ModuleChange, compare_modules
from podus.program.code import OF_DICTIONARIES
from podus.program.field import last_word
from podus.program.head import ORDINARY
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.meanings import Meanings
    from podus.program.version import Module

# How classes are made (podus.pup.made) of which nobody has looked at the body.
PLAIN = frozenset({"plain", "local", "metaclass"})
# So many bases above each other are looked through.
_DEEP = 8
# The bases of Enums, and of what type they make the members.
_ENUM_DATA = {
    "Enum": "",
    "Flag": "",
    "str": "str",
    "StrEnum": "str",
    "int": "int",
    "IntEnum": "int",
    "IntFlag": "int",
}
_ENUM_DATA |= {word: word for word in ("float", "bytes", "complex", "tuple")}
# What says that an object has a dictionary.
_OF_DICTIONARIES = OF_DICTIONARIES | {"cached_property"}
# Procedures that run when a class is made.
_HOOKS = frozenset({"__init_subclass__", "__new__", "__init__", "__prepare__", "_generate_next_value_"})


class Remade:
    """Finds the classes to make again, and has their modules compared statement by statement."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        # Module -> the classes of its top level whose whole statement runs.
        self.whole: dict[str, dict[str, None]] = {}
        # How the running classes were made, as far as that was asked.
        self.kinds: dict[str, str] = {}
        # Those whose constructor does not take all that it took: whoever calls it in the new way switches with the class.
        self.reshaped: list[str] = []
        # Module -> its classes that are made again only because of others.
        self.below: dict[str, set[str]] = {}
        # Those of them that a hook concerns which is another one now.
        self.rehooked: list[str] = []

    def find(self) -> None:
        """Look at all changed modules; adds modules that have not changed, but whose classes have to be made again."""
        compiler = self.compiler
        hooks: list[str] = []
        for name, change in list(compiler.changes.items()):
            self._module(change)
            procedures = [*change.changed, *change.added, *change.removed]
            hooks += [f"{name}:{p}" for p in procedures if p.rpartition(".")[2] in _HOOKS and "." in p]
            hooks += newly_hooked(change, compiler.derived.old, compiler.derived.new, compiler.pup)
        for other, hooked in list(rebased(compiler)):
            module, _, qualname = other.partition(":")
            self._add(module, qualname.partition(".")[0])
            hooks += [f"{other}.__init_subclass__"] if hooked else []
            self.rehooked.append(other)
        heeding = Heeding(compiler)
        hooks += heeding.otherwise()
        heeded, above = heeding.below()
        for other in above:
            self._add(*other.split(":"))
        changed = [f"{module}:{top}" for module, names in self.whole.items() for top in names]
        for name, change in compiler.changes.items():
            if change.body is not None:
                changed += [f"{name}:{s.names[-1]}" for _, s in change.body.classes_again()]
        if not (hooks or changed or heeded):
            return
        if hooks:
            self.rehooked += compiler.pup.call("dependents", classes=[], hooks=hooks)
        self.rehooked += heeded
        others = compiler.pup.call("dependents", classes=[*changed, *heeded], hooks=hooks)
        for other in dict.fromkeys([*heeded, *others]):
            module, _, qualname = other.partition(":")
            self._add(module, qualname.partition(".")[0])
            self.below.setdefault(module, set()).add(qualname)
        for name, change in compiler.changes.items():
            if change.body is None:
                continue
            for statement in change.body.run:
                before = change.body.previous.get(statement.names[-1]) if statement.names else None
                self._data_type(change, before, statement)
                if before is not None and _called_tuple(before) != _called_tuple(statement):
                    self._tuples(
                        f"{name}:{statement.names[-1]}", change.new.file, statement.line, called=True
                    )
                if statement.kind != "class":
                    continue
                if before is not None and before.kind == "class":
                    self._enum_or_not(change, before, statement)
                if before is not None and before.body is not None and statement.body is not None:
                    inherits = statement.names[-1] in self.below.get(name, ()) and _declared(statement.body)
                    if inherits or _is_reshaped(before.body, statement.body):
                        self.reshaped.append(f"{name}:{statement.names[-1]}")
                    if _names(before.body) != _names(statement.body):
                        self._tuples(f"{name}:{statement.names[-1]}", change.new.file, statement.line)

    def owners(self, module: str) -> list[tuple[str, ...]]:
        """The classes of a module whose whole statement runs although their heads are the same."""
        return [(name,) for name in self.whole.get(module, ())]

    # ---- the classes themselves

    def _module(self, change: ModuleChange) -> None:
        if change.body is None:
            return
        bodies = _differing(change.body)
        if not bodies:
            return
        names = [f"{change.new.name}:{'.'.join(body.owners)}" for body in bodies]
        kinds: dict[str, str] = self.compiler.pup.call("classes", names=names)
        self.kinds |= kinds
        for body, name in zip(bodies, names, strict=True):
            if _accesses(body):
                # No room in the live objects: the class is replaced.
                self._add(change.new.name, body.owners[0])
            elif kinds[name] in PLAIN and (node := _without_slots(change, body)):
                text = f"objects of {name} get no __dict__ before a restart, though it has no __slots__ any more: they have room for what its methods set, and for nothing else"
                place = f"{change.new.file}:{node.lineno}"
                self.compiler.plan.notes.append(Note("no-dictionary", text, "", place))
            if kinds[name] == "enum of data":
                self._members(change, body, name)
            if self._looked_at(change, body, kinds[name]):
                self._add(change.new.name, body.owners[0])

    def _looked_at(self, change: ModuleChange, body: BodyChange, kind: str) -> bool:
        """Whether whoever made the class has looked at what is different in its body."""
        decorated = _decorated(change.body.new, body.owners) if change.body is not None else True
        if not decorated and kind in PLAIN:
            return False
        if body.moved or any(map(_is_data, body.run)) or set(body.removed) - {"__doc__", "__slots__"}:
            return True
        before = [body.previous.get(name) for statement in body.run for name in statement.names]
        if any(statement is not None and _is_data(statement) for statement in before):
            # What was data is a method or property now.
            return True
        methods = [s for s in body.run if s.kind == "def"]
        if kind in ("protocol", "hooked"):
            return bool(methods)
        return any(_is_special(method) for method in methods)

    def _members(self, change: ModuleChange, body: BodyChange, name: str) -> None:
        for statement in body.run:
            before = body.previous.get(statement.names[-1]) if statement.names else None
            if before is None or statement.kind != "assign" or statement.names[-1].startswith("_"):
                continue
            values = [_constant(s.node) for s in (before, statement)]
            if all(values) and values[0] != values[1]:
                self.compiler.refuse(
                    "enum-member",
                    f"{name}.{statement.names[-1]} gets another value, and those who hold an int or str can't be given another one",
                    "give the new value a name of its own, or restart the program for this version",
                    f"{change.new.file}:{statement.line}",
                )

    def _data_type(self, change: ModuleChange, before: Statement | None, statement: Statement) -> None:
        """Refuse an Enum whose members become data of another type: they are what they are, wherever they are held."""
        if before is None or not (is_enum(before) and is_enum(statement)):
            return
        types = [_enum_data(one) for one in (before, statement)]
        if None not in types and types[0] != types[1]:
            words = [word or "of no type" for word in types]
            self.compiler.refuse(
                "enum-data",
                f"the members of {change.new.name}:{statement.names[-1]} are data of another type ({words[0]} -> {words[1]}), and members that are held can't become others",
                "give the new form a name of its own, or restart the program for this version",
                f"{change.new.file}:{statement.line}",
            )

    def _enum_or_not(self, change: ModuleChange, before: Statement, statement: Statement) -> None:
        """Refuse a class that becomes an Enum, or is one no more: neither its members nor its objects could go on."""
        bases = [getattr(one.node, "bases", ()) for one in (before, statement)]
        derived = self.compiler.derived
        becomes = _makes_enum(derived.new, change.new, statement) and not _makes_enum(
            derived.old, change.old, before
        )
        if not (becomes or (bases[0] and not bases[1])):
            return
        name = f"{change.new.name}:{statement.names[-1]}"
        kind = self.compiler.pup.call("classes", names=[name])[name]
        if kind != "none" and kind.startswith("enum") != becomes:
            self.compiler.refuse(
                "enum-or-not",
                f"{name} {'becomes an Enum' if becomes else 'is no Enum any more'}, and what is made of it can't go on as that",
                "give the new form a name of its own, or restart the program for this version",
                f"{change.new.file}:{statement.line}",
            )

    def _tuples(self, name: str, file: str, line: int, *, called: bool = False) -> None:
        """Refuse other fields of a named tuple, which may be one that a call makes, while there are objects of it."""
        compiler = self.compiler
        if not called and compiler.pup.call("classes", names=[name])[name] != "namedtuple":
            return
        live = compiler.pup.call("objects", classes=[name])[name]["live"]
        if live:
            compiler.refuse(
                "tuple-fields",
                f"the fields of {name} change, and {'the tuples' if live < 0 else f'{live} tuples'} that live can't get another length or order",
                "give the new form a name of its own, or restart the program for this version",
                f"{file}:{line}",
            )

    def _add(self, module: str, top: str) -> None:
        """Have the statement of a class run, if it stands at the top level of its module in both versions."""
        compiler = self.compiler
        old, new = compiler.old.modules.get(module), compiler.new.modules.get(module)
        if old is None or new is None or old.source is None or new.source is None:
            return
        change = compiler.changes.get(module)
        if change is None or change.body is None:
            change = compare_modules(old, new, parse=True)
        assert change.body is not None
        statement = _class_statement(change.body.new, top)
        before = change.body.previous.get(top)
        if statement is None or before is None or before.kind != "class":
            return
        compiler.changes[module] = change
        if statement not in change.body.run:
            change.body.run_too([statement])
            self.whole.setdefault(module, {})[top] = None


def _differing(change: BodyChange) -> list[BodyChange]:
    found: list[BodyChange] = []
    for inner in change.classes:
        if inner.run or inner.removed or inner.moved:
            found.append(inner)
        found += _differing(inner)
    return found


def _class_statement(body: Body, name: str) -> Statement | None:
    return next((s for s in body.statements if s.kind == "class" and s.names[-1] == name), None)


def _decorated(body: Body | None, owners: tuple[str, ...]) -> bool:
    """Whether one of these classes has decorators or keywords: then its statement does more than plainly make it."""
    return any(node is None or node.decorator_list or node.keywords for node in _statements(body, owners))


def _statements(body: Body | None, owners: tuple[str, ...]) -> Iterator[ast.ClassDef | None]:
    """The statements of some classes, each in the body of the one before; None for what isn't seen."""
    for owner in owners:
        statement = _class_statement(body, owner) if body is not None else None
        node = statement.node if statement is not None else None
        yield node if isinstance(node, ast.ClassDef) else None
        body = statement.body if statement is not None else None


def _is_data(statement: Statement) -> bool:
    """Whether a statement of a class's body makes what only the class as a whole can take in."""
    return statement.kind not in ("def", "docstring") and "__slots__" not in statement.names


def _is_reshaped(old: Body, new: Body) -> bool:
    """Whether the fields that a body declares come in another order, or more of them have to be given."""
    before, after = _declared(old), _declared(new)
    if len(after) < len(before):
        return True
    kept = zip(before, after, strict=False)
    return any(a[0] != b[0] or (a[1] and not b[1]) for a, b in kept) or not all(
        default for _, default in after[len(before) :]
    )


def _names(body: Body) -> list[str]:
    return [name for name, _ in _declared(body)]


def _declared(body: Body) -> list[tuple[str, bool]]:
    """The annotated names of a class's body, and whether they have a default."""
    found: list[tuple[str, bool]] = []
    for statement in body.statements:
        node = statement.node
        if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
            continue
        if isinstance(node.target, ast.Name):
            found.append((node.target.id, node.value is not None))
    return found


def _called_tuple(statement: Statement) -> list[str] | None:
    """The fields of a named tuple that a call makes: what a name is bound to, or a class's base; None if there is none."""
    node = statement.node
    if isinstance(node, ast.ClassDef) and any(
        last_word(base) == "NamedTuple" for base in node.bases if not isinstance(base, ast.Call)
    ):
        return [ast.unparse(part.target) for part in node.body if isinstance(part, ast.AnnAssign)]
    values = node.bases if isinstance(node, ast.ClassDef) else [getattr(node, "value", None)]
    for call in values:
        if not (isinstance(call, ast.Call) and last_word(call) in ("namedtuple", "NamedTuple")):
            continue
        named = [k.value for k in call.keywords if k.arg in ("field_names", "fields")]
        given = [*call.args[1:2], *named]
        try:
            fields = ast.literal_eval(given[0]) if given else ()
        except ValueError:
            # The types of a NamedTuple's fields are no literals, and no matter.
            pairs = [one.elts[0] for one in getattr(given[0], "elts", ()) if isinstance(one, ast.Tuple)]
            return [ast.unparse(one) for one in pairs] or [ast.unparse(given[0])]
        return fields.replace(",", " ").split() if isinstance(fields, str) else [*map(str, fields)]
    return None


def _makes_enum(meanings: Meanings, module: Module, statement: Statement, depth: int = 0) -> bool:
    """Whether a statement defines an Enum: a base is called so, and is none of the program's own that is something else."""
    if not is_enum(statement) or depth > _DEEP:
        return False
    for base in getattr(statement.node, "bases", ()):
        named = unsubscribed(base)
        if last_word(named).endswith(("Enum", "Flag")):
            place = meanings.top(module, named)
            if place is None or _makes_enum(meanings, *place, depth + 1):
                return True
    return False


def _enum_data(statement: Statement) -> str | None:
    """The type of which the members of an Enum are data, as its bases say: "" if they are of none; None if that is not seen."""
    found = [_ENUM_DATA.get(last_word(base)) for base in getattr(statement.node, "bases", ())]
    return None if None in found else "".join(filter(None, found))


def _is_special(statement: Statement) -> bool:
    """Whether a method is one that whoever makes the class looks for: by its name, or by a mark that a decorator leaves."""
    node = statement.node
    name = statement.names[-1]
    if name.startswith("__") and name.endswith("__"):
        return True
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return not all(last_word(decorator) in ORDINARY for decorator in decorators)


def _constant(node: ast.AST) -> tuple[object, ...]:
    """The value of an assignment of a constant, in a tuple; empty if it is another statement."""
    value = getattr(node, "value", None)
    try:
        return (ast.literal_eval(value),) if isinstance(value, ast.expr) else ()
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ()


def _accesses(body: BodyChange) -> set[str]:
    """``__dict__`` and ``__weakref__``, where a class's slots name them for the first time."""
    statement, before = body.new.last("__slots__"), body.previous.get("__slots__")
    if before is not None and statement is None and _looks_into_dictionary(body.new):
        return {"__dict__"}
    if before is None or statement is None or statement not in body.run:
        return set()
    words = [
        {n.value for n in everything_in(s.node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        for s in (before, statement)
    ]
    return (words[1] - words[0]) & {"__dict__", "__weakref__"}


def _looks_into_dictionary(body: Body) -> bool:
    """Whether a class's body says something that objects without a dictionary don't do."""
    words = (
        last_word(node)
        for s in body.statements
        for node in everything_in(s.node)
        if isinstance(node, ast.Name | ast.Attribute)
    )
    return not _OF_DICTIONARIES.isdisjoint(words)


def _without_slots(change: ModuleChange, body: BodyChange) -> ast.ClassDef | None:
    """The statement of a class that declares no slots any more, and has no base that could give its objects a dictionary; None if it is another one."""
    if "__slots__" not in body.removed or change.body is None:
        return None
    *_, node = _statements(change.body.new, body.owners)
    plain = node is not None and all(last_word(base) in ("object", "ABC") for base in node.bases)
    return node if plain else None
