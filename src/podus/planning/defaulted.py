"""New fields that live objects get from the default of a new argument, where the new version's own code passes another one: the plan says so.

No caller of the old version could pass the argument, so its default is all that is known of an object that is there. Had the new version made
that object, it might hold something else.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from podus.planning.model import Note
from podus.planning.outcome import names
from podus.program.field import Field, last_word
from podus.program.nodes import everything_in

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.program.body import Body
    from podus.program.classes import Classes
    from podus.program.version import Module


class Defaulted(NamedTuple):
    """One field of a class, the argument that it is made from, and that argument's ``default`` as it is written.

    ``place`` is its number among the arguments by place, without the object itself; None if it has none.
    """

    cls: str
    field: str
    argument: str
    default: str
    place: int | None


def defaulted(cls: str, field: Field, defaults: dict[str, str]) -> list[Defaulted]:
    """What a field is that a constructor makes from the ``defaults`` of these arguments."""
    if field.signature is None:
        return []
    by_place = [a.arg for a in (*field.signature.posonlyargs, *field.signature.args)][1:]
    return [
        Defaulted(
            cls, field.name, argument, default, by_place.index(argument) if argument in by_place else None
        )
        for argument, default in defaults.items()
    ]


class PassedInCalls:
    """Looks for the calls that make objects."""

    def __init__(self, compiler: Compiler, classes: Classes) -> None:
        self._compiler = compiler
        self._classes = classes
        # Class -> its fields, in the order in which they were derived.
        self._rows: dict[str, list[Defaulted]] = {}
        # Module -> the calls in it.
        self._known: dict[str, list[ast.Call]] = {}

    def add(self, row: Defaulted) -> None:
        """Note that the live objects of a class get a field so."""
        self._rows.setdefault(row.cls, []).append(row)

    def tell(self, classes: set[str]) -> None:
        """Name what is passed to those of the ``classes`` of which objects live."""
        found: dict[str, dict[str, str]] = {}
        for name in (name for name in self._rows if name in classes):
            for module, call in self._calls(name):
                for row in self._rows[name]:
                    value = _passed(call, row)
                    # Another object's own field: the call makes a copy.
                    copied = isinstance(value, ast.Attribute) and value.attr == row.field
                    if value is not None and not copied and ast.unparse(value) != row.default:
                        said = row.field if row.field == row.argument else f"{row.field} ({row.argument})"
                        found.setdefault(name, {}).setdefault(said, f"{module.file}:{call.lineno}")
        counts = self._compiler.pup.call("objects", classes=[*found]) if found else {}
        for name, fields in found.items():
            if counts[name]["live"]:
                self._compiler.plan.notes.append(
                    Note(
                        "default-passed",
                        f"live objects of {name} get {names([*fields])} from the default of a new argument, and the new version passes another",
                        f"give a mapper for {name} if they must have that",
                        next(iter(fields.values())),
                    )
                )

    def _calls(self, name: str) -> list[tuple[Module, ast.Call]]:
        """The calls of a class in the new version, each with its module."""
        name = self._classes.place(name)
        home, _, qualname = name.partition(":")
        word = qualname.rpartition(".")[2]
        found = []
        for module in self._compiler.new.modules.values():
            if module.source is None or module.body is None or word.encode() not in module.source:
                continue
            own = self._classes.of(module).get(qualname) if module.name == home else None
            inside = {id(part) for part in everything_in(own.statement.node)} if own is not None else set()
            for call in self._calls_in(module, module.body):
                function = ast.unparse(call.func) if last_word(call) in (word, "cls", "__class__") else ""
                its_own = function in ("cls", "self.__class__") and id(call) in inside
                if its_own or self._classes.resolve(module.name, function) == name:
                    found.append((module, call))
        return found

    def _calls_in(self, module: Module, body: Body) -> list[ast.Call]:
        if module.name not in self._known:
            nodes = (part for statement in body.statements for part in everything_in(statement.node))
            self._known[module.name] = [node for node in nodes if isinstance(node, ast.Call)]
        return self._known[module.name]


def _passed(call: ast.Call, row: Defaulted) -> ast.expr | None:
    """What a call passes as the argument; None if nothing, or if nobody can tell."""
    for keyword in call.keywords:
        if keyword.arg == row.argument:
            return keyword.value
    if row.place is None or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    return call.args[row.place] if row.place < len(call.args) else None
