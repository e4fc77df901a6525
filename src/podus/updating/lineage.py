"""Which definition a function or class is a version of: the one that has its own name, in the module that it says it is from.

``Number = int`` that becomes ``Number = str``, ``dump = json.dumps`` that becomes ``dump = json.loads``, ``Handler = a.Plain`` that becomes
``Handler = a.Fast``: the name means something else, and nothing of the one goes into the other.
"""

from __future__ import annotations

import sys
from types import FunctionType

from podus.updating.find import program_modules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from podus.updating.shadow import Shadow


class Lineage:
    """Tells new versions of a definition from other ones. ``shadows`` are the modules whose statements have run, ``imported`` those that are new."""

    def __init__(self, shadows: Mapping[str, Shadow], imported: Iterable[str]) -> None:
        self._shadows = shadows
        self._imported = frozenset(imported)

    def is_other(self, before: Any, value: Any) -> bool:
        """Whether ``value`` is, or is a new version of, a definition that was there and is not ``before``."""
        if not isinstance(value, type | FunctionType):
            return False
        home, words = value.__module__, value.__qualname__.split(".")
        if home in self._imported or words[0] in self._added(home):
            return False
        found: Any = sys.modules.get(home)
        for word in words:
            found = _plain(vars(found).get(word)) if hasattr(found, "__dict__") else None
        return found is not None and found is not _plain(before)

    def is_other_marker(self, value: Any, modules: Iterable[str]) -> bool:
        """Whether an object that is told from others by nothing but what it is has a name already."""
        homes = program_modules({*modules, type(value).__module__})
        return any(
            value is there and name not in self._added(module.__name__)
            for module in homes
            for name, there in list(vars(module).items())
        )

    def _added(self, module: str) -> Iterable[str]:
        shadow = self._shadows.get(module)
        return shadow.added if shadow is not None else ()


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value
