"""Descriptors of classes that go on, when ``__set_name__`` of theirs does another thing: what it would have set on them.

A fresh process would have called the new one. It is called on a copy of the descriptor, and what it has set there becomes part of the
switch: the descriptor itself stays, with whatever else it holds (the values of all objects, it may be).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

from podus.updating.binding import Switch, can_take_code
from podus.updating.breath import Breath
from podus.updating.held import module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Naming:
    """The new ``__set_name__`` procedures: ``codes`` by the ids of the functions that get them, with the switch that each belongs to."""

    def __init__(self, codes: dict[int, tuple[CodeType, Switch]]) -> None:
        self.codes = codes
        # The same of classes that had none of their own.
        self.added: dict[type, tuple[FunctionType, Switch]] = {}

    def name(self, value: Any, cls: type, name: str) -> bool:
        """Give ``value`` its name as the new version does; False, and nothing done, if its ``__set_name__`` is the old one."""
        function, code, _ = self._new(value)
        if code is None:
            return False
        FunctionType(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)(
            value, cls, name
        )
        return True

    def again(self, modules: set[str]) -> Iterator[tuple[Any, Any]]:
        """Plan what descriptors of the classes of ``modules`` get; yields each and the copy that was given its name."""
        breath = Breath()
        for cls in _classes(modules) if self.codes or self.added else ():
            breath()
            entered = _Entered(cls)
            for name, value in list(vars(cls).items()):
                _, code, switch = self._new(value)
                if code is None:
                    continue
                entered.watch()
                try:
                    own = object.__getattribute__(value, "__dict__")
                except AttributeError:
                    continue
                copy = object.__new__(type(value))
                vars(copy).update(own)
                self.name(copy, cls, name)
                for key in dict.fromkeys([*own, *vars(copy)]):
                    if key not in vars(copy):
                        switch.delete_item(own, key)
                    elif key not in own:
                        switch.do.append((dict.__setitem__, own, key, vars(copy)[key]))
                        # No name of a module, which would stay for as long as somebody says it.
                        switch.undo.append((own.pop, key, None))
                    elif own[key] is not vars(copy)[key]:
                        switch.set_item(own, key, vars(copy)[key])
                yield value, copy
            entered.take_back()

    def _new(self, value: Any) -> tuple[Any, CodeType | None, Switch]:
        """The ``__set_name__`` that a descriptor has or gets, the code that it is going to have if that is another one, and when."""
        for cls in type.__getattribute__(type(value), "__mro__"):
            if cls in self.added:
                function, switch = self.added[cls]
                return function, function.__code__, switch
            if "__set_name__" in vars(cls):
                function = vars(cls)["__set_name__"]
                code, switch = self.codes.get(id(function), (None, Switch()))
                return function, code if code is not None and can_take_code(function, code) else None, switch
        return None, None, Switch()


class _Entered:
    """What ``__set_name__`` procedures do to the class itself: it has been done when the class was made (a list of its fields), and is not done twice."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._before: dict[str, Any] | None = None
        self._inside: dict[str, Any] = {}

    def watch(self) -> None:
        """Note what the class has, before the first is called."""
        if self._before is None:
            self._before = dict(vars(self._cls))
            held = {n: v for n, v in self._before.items() if type(v) in (list, dict, set)}
            self._inside = {name: value.copy() for name, value in held.items()}

    def take_back(self) -> None:
        """Have what was there before be as it was."""
        for name, value in (self._before or {}).items():
            if vars(self._cls).get(name, self) is not value:
                type.__setattr__(self._cls, name, value)
        for name, inside in self._inside.items():
            value = (self._before or {})[name]
            if type(value) is list:
                value[:] = inside
            elif value != inside:
                value.clear()
                value.update(inside)


def _classes(modules: set[str]) -> Iterable[type]:
    found: dict[type, None] = {}
    todo: list[type] = [object]
    while todo:
        subclasses: list[type] = type.__subclasses__(todo.pop())
        for cls in subclasses:
            if cls not in found:
                found[cls] = None
                todo.append(cls)
    return [cls for cls in found if module_of(cls) in modules]
