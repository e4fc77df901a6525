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

    from podus.updating.claims import Claim

_read = object.__getattribute__
_HOOKED = ("__getattribute__", "__setattr__", "__delattr__")


class Apart:
    """The stand-ins on which ``mapper`` works for the objects of ``cls``.

    ``used`` are the attributes that it uses, each with whether it sets or deletes it; ``leaving`` those that go from the object if no mapper sets them.
    """

    def __init__(
        self, cls: type, mapper: Callable[[Any], Any], used: dict[str, bool], leaving: list[str]
    ) -> None:
        self.cls = cls
        self.mapper = mapper
        self.sets = [name for name, sets in used.items() if sets]
        self.needs = [name for name, sets in used.items() if not sets]
        # Whether a stand-in has all of them; of a name that is the class's own as well there is more to know.
        self.leaving = [name for name in leaving if not class_has(cls, name)]
        self.whole = len(self.leaving) == len(leaving)
        # All that a stand-in has of its object.
        self.used = tuple(dict.fromkeys((*used, *self.leaving)))
        # For which classes it can.
        self.kinds = ByKind()
        # Errors tell of the class by its name.
        self.kind: Any = type(cls.__name__, (), {"__module__": cls.__module__})

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

    def work(self, obj: Any, claim: Claim) -> tuple[dict[str, Any], dict[str, Any]]:
        """Have the mapper work for ``obj``: what is to be set on it (GONE: deleted), and what it has of all that the mapper uses."""
        stand_in, has = self._stand_in(obj)
        claim.stand_in = stand_in
        try:
            self.mapper(stand_in)
        finally:
            claim.stand_in = None
        return done(vars(stand_in), has), dict.fromkeys(self.used, GONE) | has

    def _stand_in(self, obj: Any) -> tuple[Any, dict[str, Any]]:
        """Something that has what ``obj`` has of these names, and what that is."""
        found: Any = self.kind()
        has = {}
        for name in self.used:
            try:
                has[name] = _read(obj, name)
            except AttributeError:
                continue
        vars(found).update(has)
        return found, has


def apart(
    cls: type, mapper: Callable[[Any], Any] | None, own: Iterable[Any], leaving: Iterable[str]
) -> Apart | None:
    """The stand-ins for a mapper, if it can do with them; ``own`` are hooks of the program's own, ``leaving`` the fields that go if no mapper sets them."""
    used = used_alone(mapper.__code__) if isinstance(mapper, FunctionType) else None
    leaving = list(leaving)
    if used is None or any(used.get(name) for name in leaving) or any(hook is not None for hook in own):
        return None
    assert mapper is not None
    return Apart(cls, mapper, used, leaving)


def done(now: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What has become of a stand-in's names: the new values, GONE for those that are not there any more."""
    found = {n: value for n, value in now.items() if n not in before or before[n] is not value}
    return found | {name: GONE for name in before if name not in now}
