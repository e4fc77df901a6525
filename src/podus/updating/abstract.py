"""Which methods of an abstract class, and of the classes below it, are still abstract when an update has taken place.

And what the abstract classes have noted of who is an instance of them: that may be another answer now.
"""

from __future__ import annotations

from _abc import _abc_init, _abc_register, _get_dump, _reset_caches  # type: ignore[import-not-found]
from collections.abc import Iterable
from types import FunctionType

from podus.updating.ancestry import Lines
from podus.updating.binding import Switch
from podus.updating.breath import Breath
from podus.updating.family import below, with_subclasses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_GONE = object()


def abstract_into(
    switches: Iterable[Switch], removals: Switch, base: Switch, changed: Iterable[type] = ()
) -> None:
    """Plan to bring ``__abstractmethods__`` into line with what ``switches`` and ``removals`` do to classes' attributes.

    What ``abc.update_abstractmethods`` would do afterwards, worked out beforehand, and for the subclasses too. ``changed`` are classes of
    which methods may have been changed as well, in the functions that they hold.
    """
    switches = [*switches]
    planned: dict[type, dict[str, Any]] = {}
    # A function that keeps its identity gets or loses the mark in its own dictionary.
    marks: dict[int, bool] = {}
    for switch in (*switches, removals):
        for op in switch.do:
            if op[0] is type.__setattr__:
                planned.setdefault(op[1], {})[op[2]] = op[3]
            elif op[0] is type.__delattr__:
                planned.setdefault(op[1], {})[op[2]] = _GONE
            elif op[0] in (dict.pop, dict.__setitem__) and op[2] == "__isabstractmethod__":
                marks[id(op[1])] = op[0] is dict.__setitem__ and bool(op[3])
    based = [
        op[1] for switch in switches for op in switch.do if op[0] is type.__setattr__ and op[2] == "__bases__"
    ]
    _forget_instances(planned, based, base)
    todo = [
        cls
        for cls in dict.fromkeys([*planned, *changed])
        if hasattr(cls, "__abstractmethods__") or "_abc_impl" in planned.get(cls, ())
    ]
    touched: dict[type, None] = {}
    while todo:
        cls = todo.pop()
        if cls not in touched:
            touched[cls] = None
            todo += type.__subclasses__(cls)

    abstract: dict[type, frozenset[str]] = {}
    lines = Lines({cls: names["__bases__"] for cls, names in planned.items() if "__bases__" in names})
    for cls in sorted(touched, key=lambda c: len(lines.of(c))):
        own = dict(vars(cls)) | planned.get(cls, {})
        names = {n for n, value in own.items() if _is_abstract(value, marks)}
        for parent in lines.bases(cls):
            for name in abstract.get(parent, getattr(parent, "__abstractmethods__", frozenset())):
                if _is_abstract(_found(lines.of(cls), name, planned), marks):
                    names.add(name)
        now = abstract[cls] = frozenset(names)
        before: frozenset[str] = getattr(cls, "__abstractmethods__", frozenset())
        if now != before:
            base.do.append((type.__setattr__, cls, "__abstractmethods__", now))
            base.undo.append((type.__setattr__, cls, "__abstractmethods__", before))


def blank() -> Any:
    """What an abstract class notes of who is an instance of it, with nothing noted."""
    holder = type("_Holder", (), {})
    _abc_init(holder)
    return vars(holder)["_abc_impl"]


class _Anything:
    """An abstract class of our own: when it gets a subclass, no other one trusts what it has noted."""


def asked_anew(cls: type) -> Switch:
    """What goes with a ``__subclasshook__`` of ``cls`` that has changed: what was noted of its answers is forgotten, also where it was asked for others."""
    switch = Switch()
    for one in dict.fromkeys([*cls.__mro__, *with_subclasses([cls])]):
        if "_abc_impl" in vars(one):
            switch.do.append((_reset_caches, one))
            switch.undo.append((_reset_caches, one))
    return switch


def _forget_instances(planned: dict[type, dict[str, Any]], based: list[type], base: Switch) -> None:
    """Plan to have abstract classes look again at who has the methods that they ask for (``__subclasshook__``, protocols), and who derives from whom."""
    other = [
        cls
        for cls, names in planned.items()
        if any((n in vars(cls)) != (value is not _GONE) for n, value in names.items())
    ]
    other += based
    if not other:
        return
    if "_abc_impl" not in vars(_Anything):
        _abc_init(_Anything)
    breath = Breath()
    concerned = set(map(id, with_subclasses(other, breath)))
    noted = [cls for cls in below(object, breath) if "_abc_impl" in vars(cls)]
    noted = [
        cls
        for cls in noted
        if id(cls) in concerned or any(id(ref()) in concerned for ref in _get_dump(cls)[1])
    ]
    # Answers of "no" all over the interpreter are dropped; of "yes" those of who has noted one of the classes that change.
    for ops in (base.do, base.undo):
        ops.append((_abc_register, _Anything, type("_Something", (), {})))
        ops.extend((_reset_caches, cls) for cls in noted)


def _is_abstract(value: Any, marks: dict[int, bool]) -> bool:
    if isinstance(value, FunctionType):
        return marks.get(id(value.__dict__), bool(getattr(value, "__isabstractmethod__", False)))
    if isinstance(value, staticmethod | classmethod):
        return _is_abstract(value.__func__, marks)
    if isinstance(value, property):
        return any(_is_abstract(part, marks) for part in (value.fget, value.fset, value.fdel))
    return bool(getattr(value, "__isabstractmethod__", False))


def _found(line: tuple[type, ...], name: str, planned: dict[type, dict[str, Any]]) -> Any:
    for base in line:
        own = planned.get(base, {})
        if name in own:
            if own[name] is not _GONE:
                return own[name]
        elif name in vars(base):
            return vars(base)[name]
    return None
