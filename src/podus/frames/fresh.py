"""Making what a new version gives its new variables before a loop, for a frame that has not come past there.

Nothing of the program is needed for it, and nothing of it is seen: builtin types, and constructors of the standard library by their full names.
"""

from __future__ import annotations

import builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = "bool bytearray bytes complex dict float frozenset int list object set str tuple"
BUILT = {name: getattr(builtins, name) for name in _NAMES.split()}


class _Library(dict[str, "Any"]):
    """Modules by their names."""

    def __missing__(self, name: str) -> Any:
        if name in BUILT:
            raise KeyError(name)
        return __import__(name)


def made(text: str) -> Any:
    """What ``text`` makes: a fresh object each time."""
    return eval(text, {"__builtins__": BUILT}, _Library())
