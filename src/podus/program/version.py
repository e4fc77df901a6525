"""A version of a program: its modules, their sources and their code. Pure data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from podus.program.body import Body, parse_module
from podus.program.code import fingerprint, hash_of, procedures


@dataclass
class Module:
    """One module of one version.

    ``source`` is None where only bytecode is there; ``file`` is the file it was compiled from, which its code's
    ``co_filename`` names.
    """

    name: str
    file: str
    code: CodeType
    source: bytes | None = None
    package: bool = False
    main: bool = False

    @cached_property
    def procedures(self) -> dict[str, CodeType]:
        """Qualified name -> code, see :func:`podus.program.code.procedures`."""
        return procedures(self.code)

    @cached_property
    def body(self) -> Body | None:
        """The statements; None where there is only bytecode. Raises SyntaxError if the source can't be parsed."""
        return None if self.source is None else parse_module(self.source, self.file)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the source, or of what the code does where there is no source."""
        return hash_of(self.source if self.source is not None else fingerprint(self.code))


@dataclass
class Version:
    """All modules of a program at one time."""

    modules: dict[str, Module] = field(default_factory=dict)
    label: str = ""
    origin: str = ""

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits of the content of all modules."""
        digest = hashlib.sha256()
        for name in sorted(self.modules):
            digest.update(name.encode())
            digest.update(self.modules[name].digest.encode())
        return digest.hexdigest()[:12]
