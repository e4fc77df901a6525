"""What a person adds to an update: interprocedures, mapper procedures, semantic dependencies and policies.

These decorators only record; the functions stay ordinary functions. From PODUS: Segal and Frieder, "On-the-Fly Program Modification",
IEEE Software, March 1993.
"""

from __future__ import annotations

from podus.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])
    C = TypeVar("C", bound=type)


class Declaration:
    """One piece of support code: ``kind`` is ``interprocedure``, ``mapper``, ``frame_mapper``, ``together`` or ``policy``; ``targets`` are ``module:name``.

    ``function`` is the class where it is a policy; ``policy`` is the one that is named for what is declared together.
    """

    __slots__ = ("function", "kind", "policy", "reverse", "targets")

    def __init__(
        self, kind: str, targets: tuple[str, ...], function: Any = None, reverse: Any = None, policy: str = ""
    ) -> None:
        self.kind = kind
        self.targets = targets
        self.function = function
        self.reverse = reverse
        self.policy = policy

    def as_dict(self) -> dict[str, Any]:
        """The declaration as JSON can carry it (without the functions themselves)."""
        name = getattr(self.function, "__name__", "")
        return {
            "kind": self.kind,
            "targets": list(self.targets),
            "function": name,
            "reverse": self.reverse is not None,
            "policy": self.policy,
            "fields": _names_in(self.function) if self.kind == "mapper" else [],
        }


def _names_in(function: Any) -> list[str]:
    """The attributes that a mapper's code sets on whatever object, or reads of the one that it is given: it may change them where they are."""
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    import dis

    found: set[str] = set()
    before: Any = None
    me = code.co_varnames[:1]
    for one in dis.get_instructions(code):
        own = (
            before is not None
            and before.opname.startswith(("LOAD_FAST", "LOAD_DEREF"))
            and before.argval in me
        )
        if one.opname in ("STORE_ATTR", "DELETE_ATTR") or (
            one.opname in ("LOAD_ATTR", "LOAD_METHOD") and own
        ):
            found.add(str(one.argval))
        before = one
    return sorted(found)


# The declarations of the support file that is being loaded; None when none is.
_collecting: list[Declaration] | None = None


def collect(run: Callable[[], Any]) -> list[Declaration]:
    """Run ``run`` (a support file's body) and give what it declared."""
    global _collecting
    before, _collecting = _collecting, []
    try:
        run()
        return _collecting
    finally:
        _collecting = before


def _note(declaration: Declaration) -> None:
    if _collecting is not None:
        _collecting.append(declaration)


def _check_target(target: object) -> str:
    if not isinstance(target, str) or target.count(":") != 1 or not all(target.split(":")):
        raise Refused(f"{target!r} names no procedure or data", "write it as 'module:name'")
    return target


def interprocedure(target: str, *, reverse: Callable[..., Any] | None = None) -> Callable[[F], F]:
    """Declare an interprocedure: called in place of the new procedure ``target`` when old code calls it.

    The function gets the new procedure first, then the old call's arguments: ``def sort(new, data): …``; what it returns or
    raises is what the old caller sees. ``reverse`` does the same for callers of the new interface when the update is backed out.
    """
    _check_target(target)

    def declare(function: F) -> F:
        _declare(function, Declaration("interprocedure", (target,), function, reverse))
        return function

    return declare


def mapper(target: str, *, reverse: Callable[[Any], Any] | None = None) -> Callable[[F], F]:
    """Declare a mapper procedure: ``def levels(old): return new`` converts the data ``target`` (``module:name``).

    It runs at the instant at which the procedures that use the data switch, while nobody else can be in them. For a procedure's own static
    data (``target`` is a procedure), ``old`` has ``defaults``, ``kwdefaults``, ``attributes`` and ``cells``, and so must what is returned.
    Where ``target`` is a class, the function gets each of its objects with the old fields and sets the new ones on it: ``def
    account(self): self.cents = round(self.balance * 100)``; what it returns is ignored. Objects are converted when they are next used.
    ``reverse`` converts back when the update is backed out.
    """
    _check_target(target)

    def declare(function: F) -> F:
        _declare(function, Declaration("mapper", (target,), function, reverse))
        return function

    return declare


def frame_mapper(
    target: str, *, reverse: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> Callable[[F], F]:
    """Declare a frame mapper: ``def main(old): return {**old, "total": 0}`` for who is in a loop of the procedure ``target``.

    When a running frame goes on in the new version, it gets the variables of the old one, by name, and gives those of the new one; what it
    leaves out is not bound. It runs in the frame's own thread, between two iterations. ``reverse`` does the same on the way back.
    From Kitsune's stack migration: Hayden et al., "Kitsune: Efficient, General-purpose Dynamic Software Updating for C", OOPSLA 2012.
    """
    _check_target(target)

    def declare(function: F) -> F:
        _declare(function, Declaration("frame_mapper", (target,), function, reverse))
        return function

    return declare


def _declare(function: Any, declaration: Declaration) -> None:
    try:
        function.podus_declarations = [*getattr(function, "podus_declarations", []), declaration]
    except (AttributeError, TypeError):
        raise Refused(
            f"the {declaration.kind.replace('_', ' ')} of {declaration.targets[0]} can't be {function!r}: that takes no attributes",
            "write a function that calls it",
        ) from None
    _note(declaration)


def together(*targets: str, policy: str = "") -> Declaration:
    """Declare a semantic dependency: the procedures ``targets`` switch at one instant, when all are inactive.

    ``policy`` (``"podus"``, ``"atomic"``, ``"immediate"``, or the name of a class that :func:`policy` declares) says when, for
    these alone; without it they go by the policy of the update.
    """
    for target in targets:
        _check_target(target)
    if len(targets) < 2:
        raise Refused("together() needs two procedures or more", "name those that must switch at one instant")
    declaration = Declaration("together", targets, policy=policy)
    _note(declaration)
    return declaration


def policy(cls: C) -> C:
    """Declare a policy: a class whose objects say when procedures switch, as :class:`podus.updating.policy.Podus` does.

    It is named by its class's name, which must begin with a capital letter: in ``together(..., policy="Nightly")``, or for the whole
    update in ``--policy Nightly``. It is made without arguments, once for each update.
    """
    if not cls.__name__[0].isupper():
        raise Refused(
            f"a policy can't be called {cls.__name__!r}", "begin its class's name with a capital letter"
        )
    declaration = Declaration("policy", (), cls)
    _note(declaration)
    cls.podus_declarations = [declaration]  # type: ignore[attr-defined]
    return cls
