"""Functions that new procedures made while new statements ran: they get the globals of their module.

A procedure that is called then runs with the names that the update is going to give its module (:class:`~podus.updating.shadow.Shadow`),
and so do the functions and classes that it makes: those that a factory gives, the listener of an object. Globals can't be changed: such a
function is made once more, and takes the place of the first one wherever that has got to.
"""

from __future__ import annotations

from types import FunctionType, MethodType

from podus.program.code import INLINE_NAMES, is_function, walk
from podus.updating import annotated
from podus.updating.held import is_a
from podus.updating.identity import Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from podus.updating.shadow import Shadow

# From Python 3.12 on.
_PARAMETERS = "__type_params__"


def makes_functions(code: CodeType) -> bool:
    """Whether what runs a procedure may have functions that outlive that."""
    return any(part is not code and part.co_name not in INLINE_NAMES for part in walk(code))


def said_in_classes(code: CodeType) -> set[str]:
    """The names that the bodies of classes say which a procedure makes."""
    bodies = (part for part in walk(code) if part is not code and not is_function(part))
    return {name for part in bodies for name in part.co_names}


class Homing(Identity):
    """What takes the place of functions whose globals are one of the shadows of procedures that have made functions."""

    def __init__(self, program: set[str]) -> None:
        super().__init__(program)
        self._shadows: dict[int, Shadow] = {}
        # By id: the functions, and what takes their place.
        self._at_home: dict[int, tuple[FunctionType, FunctionType]] = {}

    def __bool__(self) -> bool:
        return bool(self._shadows)

    def expect(self, shadow: Shadow) -> None:
        """Note that procedures run with a shadow for their globals."""
        self._shadows[id(shadow)] = shadow

    def of(self, value: Any) -> Any:
        """What stands for ``value`` from now on."""
        kind = type(value)
        if kind is FunctionType:
            return self._function_of(value)
        if kind is MethodType:
            function = self.of(value.__func__)
            return value if function is value.__func__ else MethodType(function, value.__self__)
        if is_a(value, staticmethod | classmethod):
            function = self.of(value.__func__)
            return value if function is value.__func__ else kind(function)
        if kind is property:
            get, put, delete = map(self.of, (value.fget, value.fset, value.fdel))
            same = (get, put, delete) == (value.fget, value.fset, value.fdel)
            return value if same else property(get, put, delete, value.__doc__)
        return super().of(value)

    def _function_of(self, function: FunctionType) -> FunctionType:
        shadow = self._shadows.get(id(function.__globals__))
        if shadow is None:
            return function
        if id(function) not in self._at_home:
            made = at_home(function, shadow.real)
            self._at_home[id(function)] = (function, made)
            if is_a(annotate := getattr(function, "__annotate__", None), FunctionType):
                # From Python 3.14 on another function gives the annotations.
                made.__annotate__ = self.of(annotate)  # type: ignore[attr-defined]
        return self._at_home[id(function)][1]

    def end(self) -> None:
        """Have who still runs with a shadow find what its module has."""
        for shadow in self._shadows.values():
            dict.clear(shadow)
            shadow.kinship = None
        self._shadows.clear()
        self._at_home.clear()


def at_home(function: FunctionType, namespace: dict[str, Any]) -> FunctionType:
    """A function that is ``function`` but for its globals."""
    made = FunctionType(
        function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__doc__ = function.__doc__
    setattr(made, *annotated.of_function(function))
    if hasattr(function, _PARAMETERS):
        setattr(made, _PARAMETERS, getattr(function, _PARAMETERS))
    made.__dict__.update(function.__dict__)
    return made
