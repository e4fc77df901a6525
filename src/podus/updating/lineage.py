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
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

    from podus.updating.shadow import Shadow


class Lineage:
    """Tells new versions of a definition from other ones.

    ``shadows`` are the modules whose statements have run, ``imported`` those that are new, ``gone`` the definitions that modules lose.
    """

    def __init__(
        self, shadows: Mapping[str, Shadow], imported: Iterable[str], gone: Mapping[str, Collection[str]]
    ) -> None:
        self._shadows = shadows
        self._imported = frozenset(imported)
        self._gone = gone

    def is_other(self, before: Any, value: Any) -> bool:
        """Whether ``value`` is, or is a new version of, a definition that was there and is not ``before``; or one that is new beside it."""
        if not isinstance(value, type | FunctionType):
            return False
        home, words = value.__module__, value.__qualname__.split(".")
        if home in self._imported or words[0] in self._added(home):
            return self._goes_on(_plain(before))
        found = _found(value)
        return found is not None and found is not _plain(before)

    def has_come(self, module: str, qualname: str) -> bool:
        """Whether a definition is new."""
        return module in self._imported or qualname in self._added(module)

    def _goes_on(self, before: Any) -> bool:
        """Whether it is a definition that has its own name, and will have it: what is new beside it is another one."""
        if not isinstance(before, type | FunctionType) or _found(before) is not before:
            return False
        home, (word, _, inner) = before.__module__, before.__qualname__.partition(".")
        if inner and isinstance(before, type):
            # What its class has under its name is known when that is made.
            return False
        if not {before.__qualname__, word}.isdisjoint(self._gone.get(home, ())):
            return False
        shadow = self._shadows.get(home)
        # Its module may import it from where it has moved to, or have another one under its name.
        there = _plain(dict.get(shadow, word, before)) if shadow is not None else before
        names = getattr(there, "__module__", home), getattr(there, "__qualname__", word).partition(".")[0]
        return there is before or names == (home, word)

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


def _found(value: Any) -> Any:
    """What has the name of a definition, in the module that it says it is from."""
    found: Any = sys.modules.get(value.__module__)
    for word in value.__qualname__.split("."):
        found = _plain(vars(found).get(word)) if hasattr(found, "__dict__") else None
    return found


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value
