"""What a scenario is, and the list of them all."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

KINDS = ("function", "class", "object", "module", "commit")
FILES = (
    "functions",
    "closures",
    "decorators",
    "classes",
    "hierarchy",
    "protocols",
    "dataclasses_",
    "enums",
    "models",
    "objects",
    "containers",
    "modules",
    "imports",
    "data",
    "commits",
)

Files = dict[str, str | None]


@dataclass(frozen=True)
class Scenario:
    """One change of a running program, and what its user may expect of it.

    ``old`` are the files that the program starts with, ``new`` those that the commit changes (None: deleted). Text alone is ``m.py``. A
    name may lead into an archive (``lib.zip/m.py``), and ``m.pyc`` is given as source and compiled. ``setup`` runs in the program before the
    update; it finds every module of ``old`` imported. ``check`` and ``back`` are expressions, one a line, that are true after the update
    and after it was taken back. ``calls`` is ``(expression, value before, value after)``: in the threaded run, threads evaluate it
    throughout. ``asks`` is a piece of the refusal that the plan must give when ``support`` is left out. ``refused`` is a piece of the
    refusal that is right because CPython can't do it; ``check`` then says what would be true if it could. ``path`` are the
    directories to import from, ``boot`` runs before the imports, ``main`` names the file that is the script, ``imports`` the modules (all
    of ``old``, if None), ``reset`` the data that takes its new value. ``fails`` is a piece of the reason for which the update must fail, and leave all
    as before (``check`` says that too). ``identity`` is whether functions and classes that keep their names must stay the same objects.
    """

    name: str
    kind: str
    old: Files
    new: Files
    check: str
    back: str
    setup: str = ""
    support: str = ""
    asks: str = ""
    calls: tuple[str, object, object] | None = None
    refused: str = ""
    path: tuple[str, ...] = (".",)
    boot: str = ""
    main: str = ""
    imports: tuple[str, ...] | None = None
    identity: bool = True
    reset: tuple[str, ...] = ()
    fails: str = ""


def _files(given: str | Files) -> Files:
    files: Files = {"m.py": given} if isinstance(given, str) else given
    return {
        name: None if text is None else textwrap.dedent(text).lstrip("\n") for name, text in files.items()
    }


ALL: dict[str, Scenario] = {}


def group(kind: str) -> Callable[..., None]:
    """The function that adds a scenario of this kind: ``add(name, old, new, check=…, back=…, …)``."""
    assert kind in KINDS

    def add(name: str, old: str | Files, new: str | Files, check: str, back: str, **more: object) -> None:
        assert name not in ALL, name
        texts = {
            key: textwrap.dedent(value).strip("\n")
            for key, value in more.items()
            if isinstance(value, str) and key in ("setup", "support", "boot")
        }
        ALL[name] = Scenario(
            name,
            kind,
            _files(old),
            _files(new),
            textwrap.dedent(check),
            textwrap.dedent(back),
            **{**more, **texts},
        )  # type: ignore[arg-type]

    return add


def load() -> dict[str, Scenario]:
    """All scenarios by name, in the order of the files."""
    for name in FILES:
        import_module(f"tests.conformance.{name}")
    return ALL
