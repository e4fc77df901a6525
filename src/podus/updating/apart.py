"""A mapper that uses its object by its attributes alone works on something else that has them, and what it has done is given to the object at one instant.

So nothing that the mapper does goes through the hooks of the class, each of which is a procedure. A thread of the program waits for its object meanwhile.
"""

from __future__ import annotations

from types import FunctionType

from podus.program.alone import used_alone
from podus.updating.held import GONE, ByKind, class_has

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_read = object.__getattribute__
_HOOKED = ("__getattribute__", "__setattr__", "__delattr__")


class Apart:
    """The stand-ins on which ``mapper`` works for the objects of ``cls``: ``used`` are the attributes that it uses."""

    def __init__(self, cls: type, mapper: Callable[[Any], Any], used: Iterable[str]) -> None:
        self.cls = cls
        self.mapper = mapper
        self.used = tuple(used)
        # For which classes it can, and the ids of the objects for which it is at work.
        self.kinds = ByKind()
        self.working: set[int] = set()
        # Errors tell of the class by its name.
        self._kind: Any = type(cls.__name__, (), {"__module__": cls.__module__})

    def takes(self, kind: type) -> bool:
        """Whether objects of this class hold themselves whatever they have under the names, and no code of the program's runs when they are used."""
        known = self.kinds.get(id(kind))
        if known is None:
            owners = type.mro(kind)[:-1]
            hooked = all(owner is self.cls for owner in owners for name in _HOOKED if name in owner.__dict__)
            other = any("__getattr__" in owner.__dict__ for owner in owners)
            plain = hooked and not other and not any(class_has(kind, name) for name in self.used)
            known = self.kinds.note(kind, plain)
        return bool(known)

    def stands_in_for(self, obj: Any, name: str) -> bool:
        """Whether a stand-in at work has this attribute if ``obj`` has it."""
        return id(obj) in self.working and name in self.used

    def work(self, obj: Any, opened: dict[int, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Have the mapper work for ``obj``: what is to be set on it (GONE: deleted), and what it has of all that the mapper uses.

        In ``opened``, by the ids of objects, whoever comes to the object itself meanwhile finds what the mapper has done so far.
        """
        ident = id(obj)
        stand_in, has = self._stand_in(obj)
        before = opened[ident]
        names = opened[ident] = vars(stand_in)
        self.working.add(ident)
        try:
            self.mapper(stand_in)
        finally:
            self.working.discard(ident)
            opened[ident] = before
        return _done(names, has), dict.fromkeys(self.used, GONE) | has

    def _stand_in(self, obj: Any) -> tuple[Any, dict[str, Any]]:
        """Something that has what ``obj`` has of these names, and what that is."""
        found: Any = self._kind()
        has = {}
        for name in self.used:
            try:
                has[name] = _read(obj, name)
            except AttributeError:
                continue
        vars(found).update(has)
        return found, has


def apart(
    cls: type, mapper: Callable[[Any], Any] | None, own: Iterable[Any], going: Iterable[str]
) -> Apart | None:
    """The stand-ins for a mapper, if it can do with them; ``own`` are hooks of the program's own, ``going`` the fields that go if no mapper sets them."""
    used = used_alone(mapper.__code__) if isinstance(mapper, FunctionType) else None
    if used is None or any(used.get(name) for name in going) or any(hook is not None for hook in own):
        return None
    assert mapper is not None
    return Apart(cls, mapper, used)


def _done(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What has become of a stand-in's names: the new values, GONE for those that are not there any more."""
    found = {n: value for n, value in now.items() if n not in before or before[n] is not value}
    return found | {name: GONE for name in before if name not in now}
