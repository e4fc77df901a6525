"""Objects of libraries that go by a count of their own changes, and have to be told when what they hold changes behind their back.

FastAPI's routers: whoever includes one works out its routes again when that count has risen.
"""

from __future__ import annotations

import sys

from podus.updating.held import own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from podus.updating.binding import Op

# Module, class, and the method that counts.
_COUNTING = (("fastapi.routing", "APIRouter", "_mark_routes_changed"),)


def to_be_told(containers: Iterable[Any], find: Callable[[type], Iterable[Any]]) -> list[Op]:
    """What tells those that hold one of the ``containers``, which change; ``find`` finds the objects of a class."""
    changed = set(map(id, containers))
    found: list[Op] = []
    for module, name, method in _COUNTING if changed else ():
        kind = getattr(sys.modules.get(module), name, None)
        count = getattr(kind, method, None)
        if isinstance(kind, type) and callable(count):
            found += [
                (count, each)
                for each in find(kind)
                if any(id(v) in changed for v in own_names(each).values())
            ]
    return found
