"""The classes of a version, what their objects hold, and what they inherit of it."""

from __future__ import annotations

from dataclasses import dataclass

from podus.program.body import Body, Statement
from podus.program.code import mangled
from podus.program.deriver import is_readable
from podus.program.field import ClassFields, Field
from podus.program.fields import fields_of
from podus.program.flow import imported_by_from
from podus.program.version import Module, Version


@dataclass
class Owner:
    """A class of one version: its module and its statement."""

    module: Module
    statement: Statement
    owners: tuple[str, ...]


class Classes:
    """The classes of one version and their fields, read when they are asked for."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._bodies: dict[str, dict[str, Owner]] = {}
        self._own: dict[str, ClassFields] = {}

    def of(self, module: Module) -> dict[str, Owner]:
        """The classes of a module by qualified name (those that its statements define outright)."""
        known = self._bodies.get(module.name)
        if known is None:
            known = self._bodies[module.name] = {}
            if module.body is not None:
                _collect(module, module.body, known)
        return known

    def find(self, name: str) -> Owner | None:
        """The class ``module:qualname``."""
        module, _, qualname = name.partition(":")
        owner = self.version.modules.get(module)
        return None if owner is None else self.of(owner).get(qualname)

    def own(self, name: str) -> ClassFields | None:
        """What a class itself gives its objects."""
        if name not in self._own:
            owner = self.find(name)
            if owner is None:
                return None
            module = owner.module
            self._own[name] = fields_of(owner.statement, lambda bases: self._is_pydantic(module, bases))
        return self._own[name]

    def all(self, name: str, seen: tuple[str, ...] = ()) -> dict[str, Field]:
        """The fields of a class, those of its bases included."""
        own = self.own(name)
        if own is None or name in seen:
            return {}
        found: dict[str, Field] = {}
        for base in own.bases:
            found |= self.all(self.resolve(name.partition(":")[0], base), (*seen, name))
        return found | own.fields

    def gives(self, name: str, attribute: str) -> bool:
        """Whether a class, or a base of it, has an attribute that can be read from its objects without an effect: a method or plain data."""
        own, owner = self.own(name), self.find(name)
        if own is None or owner is None or owner.statement.body is None:
            return False
        within = owner.owners
        for statement in owner.statement.body.statements:
            if attribute in [mangled(word, within) for word in statement.names]:
                return is_readable(statement.node)
        module = name.partition(":")[0]
        bases = (self.resolve(module, base.partition("[")[0]) for base in own.bases)
        return any(self.gives(base, attribute) for base in bases if base)

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
        if statement.kind == "class" and statement.body is not None:
            owners = (*body.owners, statement.names[-1])
            found[".".join(owners)] = Owner(module, statement, owners)
            _collect(module, statement.body, found)
