"""The classes of a version, what their objects hold, and what they inherit of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Set
from dataclasses import dataclass

from podus.program.bindings import bound_in
from podus.program.body import Body, Statement, class_within
from podus.program.code import mangled
from podus.program.constructor import with_mangled
from podus.program.deriver import is_readable
from podus.program.field import ClassFields, Field
from podus.program.fields import fields_of
from podus.program.flow import imported_by_from
from podus.program.nodes import defaults_by_name, everything_in
from podus.program.version import Module, Version


@dataclass
class Owner:
    """A class of one version: its module and its statement."""

    module: Module
    statement: Statement
    owners: tuple[str, ...]


class Classes:
    """The classes of one version and their fields, read when they are asked for.

    ``moved`` are those that go by the name of the other version: old name -> new name.
    """

    def __init__(self, version: Version, moved: Mapping[str, str] | None = None) -> None:
        self.version = version
        self._moved = moved or {}
        self._bodies: dict[str, dict[str, Owner]] = {}
        self._own: dict[str, ClassFields] = {}
        self._open: set[str] = set()

    def of(self, module: Module) -> dict[str, Owner]:
        """The classes of a module by qualified name (those that its statements define outright)."""
        known = self._bodies.get(module.name)
        if known is None:
            known = self._bodies[module.name] = {}
            if module.body is not None:
                _collect(module, module.body, known)
        return known

    def place(self, name: str) -> str:
        """What a class is called in this version."""
        if not self._moved:
            return name
        if name in self._moved:
            return self._moved[name]
        module, _, first = name.partition(":")
        first, dot, rest = first.partition(".")
        return f"{self._moved.get(f'{module}:{first}', f'{module}:{first}')}{dot}{rest}"

    def home(self, name: str) -> str:
        """The module of a class in this version."""
        return self.place(name).partition(":")[0]

    def find(self, name: str) -> Owner | None:
        """The class ``module:qualname``."""
        module, _, qualname = self.place(name).partition(":")
        owner = self.version.modules.get(module)
        return None if owner is None else self.of(owner).get(qualname)

    def own(self, name: str) -> ClassFields | None:
        """What a class itself gives its objects."""
        if name not in self._own:
            owner = self.find(name)
            if owner is None or name in self._open:
                # Or it has the name of its own base: `class Warning(Warning)`.
                return None
            self._open.add(name)
            self._own[name] = self._read(name, owner, frozenset())
            self._open.discard(name)
            if started := self._own[name].methods & self._started(name):
                self._own[name] = self._read(name, owner, started)
        return self._own[name]

    def _read(self, name: str, owner: Owner, started: Set[str]) -> ClassFields:
        found = fields_of(owner.statement, lambda bases: self._is_pydantic(owner.module, bases), started)
        for described in [n for n in found.fields if self.descriptor(name, n)]:
            del found.fields[described]
        return found

    def _started(self, name: str) -> set[str]:
        """The methods of an object that the constructors of its class's bases call: what they do in this class, it does itself."""
        own, module = self.own(name), self.home(name)
        assert own is not None
        words = own.calls if own.calls is not None else {"super"}
        named = {self.resolve(module, word) for word in words}
        found: set[str] = set()
        for base in self.bases(name):
            its = self.own(base)
            if its is not None and ("super" in words or base in named):
                found |= its.started | self._started(base)
        return found

    def bases(self, name: str) -> list[str]:
        """The bases of a class that are the program's."""
        own, module = self.own(name), self.home(name)
        found = (
            [self.resolve(module, base.partition("[")[0]) for base in own.bases] if own is not None else []
        )
        return [base for base in found if base and base != name]

    def lineage(self, name: str) -> list[str]:
        """All classes of the program that a class derives from."""
        found: dict[str, None] = {}
        left = self.bases(name)
        while left:
            base = left.pop()
            if base not in found:
                found[base] = None
                left += self.bases(base)
        return list(found)

    def all(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, Field]:
        """The fields of a class, and those that it has from its bases: what a constructor sets only if it is called."""
        own = self.own(name)
        if own is None or name in seen:
            return {}
        found: dict[str, Field] = {}
        module = self.home(name)
        goes_on = own.calls is None or "super" in own.calls
        named = {self.resolve(module, word) for word in own.calls or ()}
        for base in self.bases(name):
            called = goes_on or base in named
            fields = self.all(base, (*seen, name))
            found |= {n: f for n, f in fields.items() if called or f.declared != "init"}
            goes_on = goes_on and self._goes_on(base)
        return found | own.fields

    def origin(self, name: str, field: str) -> str:
        """The class that gives the objects of a class this field: itself, or a base."""
        own = self.own(name)
        if own is None or field in own.fields:
            return name
        return next((self.origin(base, field) for base in self.bases(name) if field in self.all(base)), name)

    def _goes_on(self, name: str) -> bool:
        """Whether the constructor of a base leads to the one that comes after it."""
        own = self.own(name)
        if own is not None and own.calls is not None:
            return "super" in own.calls
        return all(map(self._goes_on, self.bases(name)))

    def gives(self, name: str, attribute: str) -> bool:
        """Whether a class, or a base of it, has an attribute that can be read from its objects without an effect: a method or plain data."""
        own, owner = self.own(name), self.find(name)
        if own is None or owner is None or owner.statement.body is None:
            return False
        within = owner.owners
        for statement in owner.statement.body.statements:
            if attribute in [mangled(word, within) for word in statement.names]:
                return is_readable(statement.node)
        return any(self.gives(base, attribute) for base in self.bases(name))

    def binds(self, name: str, attribute: str) -> bool:
        """Whether a class statement itself binds ``attribute``."""
        owner = self.find(name)
        body = None if owner is None else owner.statement.body
        return body is not None and any(
            attribute == mangled(word, body.owners)
            for statement in body.statements
            for word in statement.names
        )

    def covers(self, name: str, attribute: str) -> bool:
        """Whether a class has an attribute itself, as its objects have it then."""
        own = self.own(name)
        if own is None:
            return False
        if self.binds(name, attribute) or "__getattr__" in own.methods:
            return True
        return any(self.covers(base, attribute) for base in self.bases(name))

    def method(self, name: str, word: str) -> tuple[Owner, ast.FunctionDef] | None:
        """The method that objects of a class have by this name, with its class; None if those of a class below it may have another."""
        found = next((one for one in (name, *self.lineage(name)) if self._has(one, word)), "")
        owner = self.find(found)
        if owner is None or owner.statement.body is None:
            return None
        for module in self.version.modules.values():
            if module.source is None or word.lstrip("_").encode() not in module.source:
                continue
            for qualname in self.of(module):
                other = f"{module.name}:{qualname}"
                if other != name and self._has(other, word) and name in self.lineage(other):
                    return None
        nodes = [
            s.node
            for s in owner.statement.body.statements
            if word in [mangled(n, owner.owners) for n in s.names]
        ]
        (*_, node) = nodes
        return (owner, with_mangled(node, owner.owners)) if isinstance(node, ast.FunctionDef) else None

    def _has(self, name: str, word: str) -> bool:
        own = self.own(name)
        return own is not None and word in own.methods

    def descriptor(self, name: str, attribute: str) -> str:
        """The class whose ``__set__`` is called when this attribute of an object is set, and which may keep it under another name; "" if none is known."""
        owner = self.find(name)
        body = owner.statement.body if owner is not None else None
        statement = body.last(attribute) if body is not None else None
        value = getattr(statement.node, "value", None) if statement is not None else None
        if not isinstance(value, ast.Call):
            return ""
        found = self.find(self.resolve(self.home(name), ast.unparse(value.func)))
        setter = found.statement.body.last("__set__") if found is not None and found.statement.body else None
        # In the object's own dictionary it goes on as the field that it was.
        if setter is None or found is None or "__dict__" in ast.unparse(setter.node):
            return ""
        return ".".join(found.owners)

    def passing(self, owner: Owner, parameter: str, before: Owner | None = None) -> str:
        """A class that derives from ``owner``, perhaps, and whose constructor gives this argument, which is new, to its base's; "" if there is none.

        ``before`` is the same class in the version before: by place it got no more arguments than that had.
        """
        constructor = _constructor(owner)
        if constructor is None:
            return ""
        positional = [a.arg for a in (*constructor.args.posonlyargs, *constructor.args.args)][1:]
        place = positional.index(parameter) if parameter in positional else None
        default = _defaults(constructor).get(parameter, "")
        was = _constructor(before) if before is not None else None
        handed_on = was is not None and was.args.vararg is None and place is not None
        if was is not None and place is not None and place < len([*was.args.posonlyargs, *was.args.args]) - 1:
            handed_on = False
        words = {owner.owners[-1]}
        while True:
            count = len(words)
            for module in self.version.modules.values():
                if module.source is None or not any(word.encode() in module.source for word in words):
                    continue
                for qualname, found in self.of(module).items():
                    own = self.own(f"{module.name}:{qualname}")
                    bases = (
                        {base.partition("[")[0].rpartition(".")[2] for base in own.bases} if own else set()
                    )
                    if not bases & words:
                        continue
                    words.add(found.owners[-1])
                    its = _constructor(found)
                    if its is not None and _passes(its, parameter, place, default, handed_on=handed_on):
                        return f"{module.name}:{qualname}"
            if len(words) == count:
                return ""

    def resolve(self, module: str, word: str) -> str:
        """``module:qualname`` of the class that ``word`` means in a module; "" if it is none of the program's."""
        owner = self.version.modules.get(module)
        if owner is None:
            return ""
        if word in self.of(owner):
            return f"{module}:{word}"
        first, _, rest = word.partition(".")
        source = imported_by_from(owner.code, owner.name, owner.package).get(first)
        if source is not None:
            whole, base = f"{source[0]}.{source[1]}", source[0]
            if rest and whole in self.version.modules:
                return self.resolve(whole, rest)
            if not rest and base in self.version.modules:
                return self.resolve(base, source[1]) if (base, source[1]) != (module, word) else ""
        if rest and word.rpartition(".")[0] in self.version.modules:
            return self.resolve(word.rpartition(".")[0], word.rpartition(".")[2])
        return ""

    def _is_pydantic(self, module: Module, bases: list[str]) -> bool:
        for base in bases:
            name = self.resolve(module.name, base.partition("[")[0])
            own = self.own(name) if name else None
            if own is not None and own.declared == "pydantic":
                return True
        return False


def _collect(module: Module, body: Body, found: dict[str, Owner]) -> None:
    for statement in body.statements:
        # In an `if` or a `try` too, if it is the only one there.
        inside = statement.names if statement.kind == "other" and not body.owners else statement.names[-1:]
        for name in inside:
            made = class_within(statement, name)
            if made is not None and made.body is not None:
                owners = (*body.owners, name)
                found[".".join(owners)] = Owner(module, made, owners)
                _collect(module, made.body, found)


def _constructor(owner: Owner) -> ast.FunctionDef | None:
    body = owner.statement.body
    found = body.last("__init__") if body is not None else None
    return found.node if found is not None and isinstance(found.node, ast.FunctionDef) else None


def _passes(
    constructor: ast.FunctionDef, parameter: str, place: int | None, default: str, *, handed_on: bool
) -> bool:
    """Whether a constructor gives an argument of another one a value of its own, by its name, its place, or among others.

    What it only hands on from its own caller, with the same ``default``, is none: no caller of the old version gave an argument that is new.
    ``handed_on``: nor do those reach so far that it has got by place.
    """
    own = _defaults(constructor)
    bound = bound_in(constructor)
    # It may put the argument among the others itself.
    texts = {n.value for n in everything_in(constructor) if isinstance(n, ast.Constant)}
    others = constructor.args.kwarg.arg if constructor.args.kwarg is not None else ""

    def hands_on(value: ast.expr) -> bool:
        named = isinstance(value, ast.Name) and value.id == parameter and parameter not in bound
        return named and own.get(parameter) == default

    for call in everything_in(constructor):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        if call.func.attr != "__init__":
            continue
        # Of `Base.__init__(self, …)` the first is the object.
        through_super = isinstance(call.func.value, ast.Call)
        given = call.args if through_super else call.args[1:]
        for keyword in call.keywords:
            if keyword.arg == parameter and not hands_on(keyword.value):
                return True
            if keyword.arg is None:
                plain = isinstance(keyword.value, ast.Name) and keyword.value.id == others
                if not plain or parameter in texts or others in bound:
                    return True
        if place is not None:
            own_rest = constructor.args.vararg
            rest = own_rest.arg if own_rest is not None and own_rest.arg not in bound else ""
            if handed_on and len(given) == 1 and ast.unparse(given[0]) == f"*{rest}":
                continue
            if any(isinstance(a, ast.Starred) for a in given):
                return True
            if len(given) > place and not hands_on(given[place]):
                return True
    return False


def _defaults(constructor: ast.FunctionDef) -> dict[str, str]:
    """The defaults of its parameters, as they are written."""
    return {name: ast.unparse(value) for name, value in defaults_by_name(constructor.args).items()}
