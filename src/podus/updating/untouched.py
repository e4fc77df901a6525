"""What mappers are given, as it was: one that changes its data where it is can be taken back, if nothing comes of the switch, or on the way back."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from podus.updating.binding import Switch

_CONTAINERS = frozenset({dict, list, set, deque, OrderedDict, defaultdict})
# So many containers within each other are copied; a mapper takes longer than that.
_AT_MOST = 20_000


class Untouched:
    """Copies of data, and of the containers in it, made before a mapper gets it.

    ``others`` says whether the program may have come to the data meanwhile, though the doors are shut: what differs may be its own then, and stays.
    """

    def __init__(self, others: Callable[[], bool]) -> None:
        self._others = others
        self._copies: list[tuple[Any, Any]] = []

    def around(self, convert: Callable[[Any], Any], data: Any, switch: Switch) -> Any:
        """What a mapper gives; what it has changed of its data where that is, is taken back with ``switch``, or by :meth:`restore`."""
        copies = _copies_of(data)
        try:
            return convert(data)
        finally:
            changed = [] if self._others() else [row for row in copies if not _is_same(*row)]
            self._copies += changed
            for value, copy in changed:
                switch.do.append((len, ()))
                switch.undo.append((_refill, value, copy))

    def restore(self) -> None:
        """Put it back as it was."""
        for value, copy in self._copies:
            _refill(value, copy)
        self._copies.clear()


def _copies_of(data: Any) -> list[tuple[Any, Any]]:
    """``data``, if it is a container of a built-in kind, and those in it, each with a copy."""
    found: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    todo = [data]
    while todo and len(seen) < _AT_MOST:
        value = todo.pop()
        if type(value) not in _CONTAINERS or id(value) in seen:
            continue
        seen.add(id(value))
        found.append((value, value.copy()))
        items = value.values() if isinstance(value, dict) else value
        if not _CONTAINERS.isdisjoint(map(type, items)):
            todo += [item for item in items if type(item) in _CONTAINERS]
    return found


def _is_same(value: Any, copy: Any) -> bool:
    """Whether a container holds the very objects that its copy does, in that order; of what is equal nobody is asked."""
    if len(value) != len(copy):
        return False
    if isinstance(value, dict) and list(map(id, value)) != list(map(id, copy)):
        return False
    held = (map(id, one.values() if isinstance(one, dict) else one) for one in (value, copy))
    return set(next(held)) == set(next(held)) if type(value) is set else list(next(held)) == list(next(held))


def _refill(value: Any, copy: Any) -> None:
    if type(value) is list:
        value[:] = copy
        return
    value.clear()
    if type(value) is deque:
        value.extend(copy)
    else:
        value.update(copy)
