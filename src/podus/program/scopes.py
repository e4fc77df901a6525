"""The parts of a program that names are looked up in: modules, procedures and class bodies; and what a name may stand for."""

from __future__ import annotations

from functools import cached_property
from types import CodeType
from typing import NamedTuple

from podus.program import outside
from podus.program.flow import Flow, flow
from podus.program.skim import Skimmed, skim
from podus.program.symbols import Made, Symbol, parameters
from podus.program.version import Module


class Target(NamedTuple):
    """One thing that a symbol may stand for.

    ``kind`` is ``procedure`` (``name``: its node), ``class`` or ``instance`` (``cls``; ``name`` is "self" if it may be of
    a subclass), ``module``, ``outside`` (``name``: dotted), ``quiet`` (an object that calls nothing of the program),
    ``looked-up`` (an attribute found by ``getattr``: ``name`` is its name or, with ``*`` at its end, how that begins), or
    ``unknown``.
    """

    kind: str
    name: str = ""
    cls: Class | None = None


UNKNOWN = Target("unknown")
QUIET = Target("quiet")
Targets = tuple[Target, ...]


class Scope:
    """A module, procedure or class body: a code object with its flow, what is around it, and the node its calls count for."""

    def __init__(
        self, module: ModuleNames, code: CodeType, kind: str, node: str, parent: Scope | None
    ) -> None:
        self.module = module
        self.code = code
        self.kind = kind
        self.node = node
        self.parent = parent
        # What a procedure mentions whose flow need not be known before a search comes to it; None for all others.
        self.skimmed: Skimmed | None = skim(code) if kind == "procedure" else None
        self.children: list[Scope] = []
        self.cls: Class | None = None  # of a class body, its class
        self.made: Made | None = None

    @cached_property
    def flow(self) -> Flow:
        """What the code does."""
        return flow(self.code)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of a procedure's parameters."""
        return frozenset(parameters(self.code)) if self.kind == "procedure" else frozenset()

    @property
    def method_of(self) -> Class | None:
        """The class that this procedure is a method of."""
        parent = self.parent
        return (
            parent.cls if self.kind == "procedure" and parent is not None and parent.kind == "class" else None
        )


class Class:
    """A class of the program."""

    def __init__(self, made: Made, body: Scope, around: Scope) -> None:
        self.made = made
        self.body = body
        self.around = around
        self.name = f"{body.module.name}:{made.code.co_qualname}"
        self.attributes: dict[str, list[Symbol]] = {}
        for written in body.flow.writes:
            if written.value is not None:
                self.attributes.setdefault(written.name, []).append(written.value)
        self.bases: list[Class] = []
        self.subclasses: list[Class] = []
        self.outside: list[str] = []
        self.wild = False
        self.metaclasses: list[Class] = []

    @property
    def overrides(self) -> bool:
        """Whether code outside the program may call its methods, because a base class there does."""
        return any(base not in outside.QUIET_BASES and not _is_exception(base) for base in self.outside)


def _is_exception(dotted: str) -> bool:
    package, _, name = dotted.rpartition(".")
    return package == "builtins" and name.endswith(
        ("Error", "Exception", "Warning", "Exit", "Interrupt", "Iteration")
    )


class ModuleNames:
    """One module with its scopes and the names bound in it."""

    def __init__(self, module: Module) -> None:
        self.name = module.name
        self.package = module.package
        self.bindings: dict[str, list[tuple[Scope, Symbol]]] = {}
        self.stars: list[str] = []
        self.dynamic = False
        self.procedures = {id(code): f"{module.name}:{name}" for name, code in module.procedures.items()}
        self.body = Scope(self, module.code, "module", f"{module.name}:<module>", None)
