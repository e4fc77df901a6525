"""The pup's own standard library, for a program whose modules hide some of it.

A program may have a ``json.py`` or a ``types.py`` beside its script. To it that is ``json``; the pup, in the same process, must
neither take it for the standard library's nor put the standard library's in its place. So where the program hides anything of the
standard library, podus's modules get builtins of their own, whose ``__import__`` gives them the standard library's modules
from a table aside of ``sys.modules``. Where it hides nothing, which is nearly always, nothing of this is in force.

Imports nothing but what the interpreter itself has loaded before the first line of Python code.
"""

from __future__ import annotations

import _frozen_importlib
import _frozen_importlib_external
import _imp
import _thread
import builtins
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

_bootstrap: Any = _frozen_importlib
_external: Any = _frozen_importlib_external

_STDLIB = os.path.dirname(os.path.abspath(os.__file__))
# Packages of tests are named so everywhere; the pup has no use for the standard library's.
_UNUSED = frozenset({"test", "tests", "this", "antigravity", "idlelib", "turtle", "turtledemo", "__main__"})

_table: dict[str, ModuleType] = {}
_lock = _thread.RLock()
# What podus's modules and those of the table are executed with; None while nothing is hidden.
_builtins: dict[str, Any] | None = None
_early = False
_hidden_names: set[str] = set()


def look(first: str | None = None, *, at_start: bool = False) -> None:
    """Find out whether the program hides any of the standard library; ``first`` is what will be first on ``sys.path``, once the program has started.

    Modules of podus that are imported from now on are safe from what it hides.
    """
    global _builtins
    if _builtins is None:
        _hidden_names.update(_hidden(first))
        if _hidden_names:
            _builtins = {**vars(builtins), "__import__": _import}
            if at_start:
                _load_early()


def enter(module: ModuleType) -> None:
    """Called before a module is executed."""
    if _builtins is not None and (_early or module.__name__.startswith("podus.")):
        vars(module)["__builtins__"] = _builtins


def _load_early() -> None:
    """Load what could not be led aside later, while nothing hides it yet, and take it out of the program's sight.

    These have parts in C, which import modules of Python in their own way.
    """
    global _early
    before, path = set(sys.modules), list(sys.path)
    sys.path[:] = _paths()
    _early = True
    try:
        for name in ("typing", "sqlite3"):
            try:
                builtins.__import__(name)
            except ImportError:
                pass
    finally:
        _early = False
        sys.path[:] = path
        for name in set(sys.modules) - before:
            loader = getattr(getattr(sys.modules[name], "__spec__", None), "loader", None)
            compiled = isinstance(loader, _external.ExtensionFileLoader) or _imp.is_builtin(name)
            # What is of C is loaded once for all, unless the program has another thing of that name.
            if not compiled or name in _hidden_names:
                _table[name] = sys.modules.pop(name)


def _hidden(first: str | None) -> set[str]:
    """The names of the standard library that mean something else to the program."""
    places = [] if first is None else [first]
    for entry in sys.path:
        if entry == _STDLIB:
            break
        places.append(entry)
    names = sys.stdlib_module_names - _UNUSED
    found = {name for name in names if name in sys.modules and not _is_genuine(sys.modules[name])}
    for place in places:
        found |= _hidden_by(place)
    return found


def _hidden_by(place: str) -> set[str]:
    """The names of the standard library that are those of modules in a directory or an archive."""
    path = place or os.curdir
    try:
        stems = {name.partition(".")[0] for name in os.listdir(path)}
    except NotADirectoryError:
        stems = set(sys.stdlib_module_names)
    except OSError:
        return set()
    found = set()
    for name in (stems & sys.stdlib_module_names) - _UNUSED:
        if not _is_fixed(name):
            spec = _external.PathFinder.find_spec(name, [place])
            # A directory without an __init__.py hides nothing.
            if spec is not None and spec.loader is not None and spec.has_location:
                found.add(name)
    return found


def _is_fixed(name: str) -> bool:
    """Whether the interpreter finds ``name`` in itself, whatever lies on ``sys.path``."""
    return bool(_imp.is_builtin(name) or _imp.is_frozen(name))


def _is_genuine(module: object) -> bool:
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None) or getattr(module, "__file__", None)
    if origin is None:
        return spec is None or spec.loader is not None
    return origin in ("built-in", "frozen") or str(origin).startswith(_STDLIB + os.sep)


def _import(
    name: str,
    globals: dict[str, Any] | None = None,
    locals: Any = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> Any:
    """``__import__`` for podus and for the modules of the table."""
    asking = (globals or {}).get("__name__", "")
    inside = asking in _table
    if level and inside:
        package = (globals or {})["__package__"]
        name = _bootstrap._resolve_name(name, package, level)
        level = 0
    top = name.partition(".")[0]
    if inside and name == "sys":
        return _own_sys()
    if level or not _goes_aside(name, top):
        return builtins.__import__(name, globals, locals, fromlist or (), level)
    with _lock:
        module = _load(name)
        if not fromlist:
            return _table[top]
        for item in fromlist:
            if item != "*" and not hasattr(module, item) and hasattr(module, "__path__"):
                try:
                    _load(f"{name}.{item}")
                except ModuleNotFoundError:
                    pass
        return module


def _goes_aside(name: str, top: str) -> bool:
    if _early or top not in sys.stdlib_module_names or _imp.is_builtin(top):
        return False
    loaded = sys.modules.get(name)
    if loaded is not None and _is_genuine(loaded):
        return False
    if top in _table:
        return True
    if top in _hidden_names:
        return True
    spec = _external.PathFinder.find_spec(top, _paths())
    return spec is not None and not isinstance(spec.loader, _external.ExtensionFileLoader)


def _paths() -> list[str]:
    return [_STDLIB, os.path.join(_STDLIB, "lib-dynload"), *_PLATFORM]


_PLATFORM = [entry for entry in sys.path if entry.endswith("lib-dynload")]


def _load(name: str) -> ModuleType:
    found = _table.get(name)
    if found is not None:
        return found
    parent, _, child = name.rpartition(".")
    paths = list(_load(parent).__path__) if parent else _paths()
    if name in _table:  # its package has imported it
        return _table[name]
    spec = _external.PathFinder.find_spec(name, paths)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    module: ModuleType = _bootstrap.module_from_spec(spec)
    vars(module)["__builtins__"] = _builtins
    _table[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _table.pop(name, None)
        raise
    if parent:
        setattr(_table[parent], child, module)
    return module


class _Modules(dict[str, "ModuleType"]):
    """``sys.modules`` as the modules of the table see it: themselves first."""

    def __missing__(self, name: str) -> ModuleType:
        return _table[name] if name in _table else sys.modules[name]

    def __contains__(self, name: object) -> bool:
        return name in _table or name in sys.modules

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default


def _own_sys() -> ModuleType:
    """``sys`` for the modules of the table: some of them (enum for one) look themselves up in ``sys.modules``."""
    own = _table.get("sys")
    if own is None:
        own = _table["sys"] = type(sys)("sys")
        vars(own).update(vars(sys))
        vars(own)["modules"] = _Modules()
    return own
