"""What changed classes and modules are going to have, shown to the one thread that runs new statements; every other thread finds what was there.

A statement as ``DEFAULT = Account().opened()`` may need a method that the same update brings. The class must not have it before the switch,
so a descriptor stands in its place for as long as the statements run.
"""

from __future__ import annotations

from types import FunctionType, ModuleType

from podus.threads import get_ident
from podus.updating.binding import Stall, Switch, settle
from podus.updating.held import own_names
from podus.updating.withdrawn import registry_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

# The interpreter looks for the others by itself, and that one is there at all would tell.
_ASKED_FOR = {"__init__", "__init_subclass__", "__class_getitem__", "__enter__", "__exit__"}
_ASKED_FOR |= {"__aenter__", "__aexit__", "__post_init__", "__match_args__"}
# What is asked for every attribute, or when an object ends.
_OF_ATTRIBUTES = {"__getattr__", "__getattribute__", "__setattr__", "__delattr__", "__del__", "__new__"}
# What makes the classes of a metaclass.
_MAKING = {"__new__", "__call__", "__prepare__"}
# What typing.Generic keeps of a class, and asks for when that is subscripted.
OF_GENERIC = frozenset({"__parameters__", "__orig_bases__"})
_ABSENT: Any = object()
_NOTHING_TO_DO: Any = object.__init__
_PLAIN_NEW: Any = object.__new__


class OnStage:
    """An attribute of ``cls`` that is ``value`` for the thread that made this, and ``before`` (if there was one) for the others."""

    def __init__(self, cls: type, name: str, value: Any) -> None:
        self.cls = cls
        self.name = name
        self.value = value
        self.before = vars(cls).get(name, _ABSENT)
        self.owner = get_ident()
        self.over = False

    def seen(self, kind: type) -> Any:
        """What the running thread finds here in objects of ``kind``."""
        if self.over or get_ident() == self.owner:
            return self.value
        return self.inherited(kind) if self.before is _ABSENT else self.before

    def inherited(self, kind: type) -> Any:
        """What ``kind`` would have without this."""
        mro = kind.__mro__
        later = mro[mro.index(self.cls) + 1 :] if self.cls in mro else ()
        return next((vars(base)[self.name] for base in later if self.name in vars(base)), _ABSENT)

    def __get__(self, obj: Any, cls: type) -> Any:
        found = self.seen(cls)
        if found is _ABSENT:
            if obj is None:
                raise AttributeError(f"type object {cls.__name__!r} has no attribute {self.name!r}")
            raise AttributeError(f"{type(obj).__name__!r} object has no attribute {self.name!r}")
        if found is _NOTHING_TO_DO:
            return _Plain(obj, cls)
        get = getattr(type(found), "__get__", None)
        return found if get is None else get(found, obj, cls)


class OnStageData(OnStage):
    """The same where one of the two is a data descriptor, which goes before what the object itself holds under the name."""

    def __get__(self, obj: Any, cls: type) -> Any:
        own = own_names(obj)
        if self.name in own and not _is_data(self.seen(cls)):
            return own[self.name]
        try:
            return super().__get__(obj, cls)
        except AttributeError:
            # An object that has not been converted yet: what is a property now is a field of it.
            if self.name not in own:
                raise
            return own[self.name]

    def __set__(self, obj: Any, value: Any) -> None:
        found = self.seen(type(obj))
        if _is_data(found):
            type(found).__set__(found, obj, value)
        else:
            self._fields(obj)[self.name] = value

    def __delete__(self, obj: Any) -> None:
        found = self.seen(type(obj))
        if _is_data(found):
            type(found).__delete__(found, obj)
        elif self._fields(obj).pop(self.name, _ABSENT) is _ABSENT:
            raise AttributeError(self.name)

    def _fields(self, obj: Any) -> dict[str, Any]:
        if not type(obj).__dictoffset__:
            raise AttributeError(f"{type(obj).__name__!r} object has no attribute {self.name!r}")
        return own_names(obj)


class FieldOnStage(OnStage):
    """A new field of live objects: the thread that runs new statements finds it, and for it the object gets it then; ``given`` notes which did."""

    def __init__(
        self, cls: type, name: str, make: Callable[[Any], Any], given: list[tuple[Any, str]]
    ) -> None:
        super().__init__(cls, name, _ABSENT)
        self.make = make
        self.given = given

    def __get__(self, obj: Any, cls: type) -> Any:
        if obj is None or self.over or get_ident() != self.owner:
            return super().__get__(obj, cls)
        value = own_names(obj)[self.name] = self.make(obj)
        self.given.append((obj, self.name))
        return value

    def seen(self, kind: type) -> Any:
        return self.inherited(kind)


class _Plain:
    """``object.__init__`` of a class that is getting one of its own: it takes arguments only where ``__new__`` has taken them."""

    def __init__(self, obj: Any, cls: type) -> None:
        self.obj, self.cls = obj, cls

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and self.cls.__new__ is _PLAIN_NEW:
            raise TypeError(f"{self.cls.__name__}() takes no arguments")


# Modules whose new data one thread sees: by the module's id that thread, the data, and the new submodules, which are not imported where there is
# something else of that name already.
_MODULES: dict[int, tuple[int, dict[str, Any], Collection[str]]] = {}


class ModuleOnStage(ModuleType):
    """What a module is while statements run that may come to it by another way than its name (``for plugin in plugins: plugin.NAME``)."""

    def __getattribute__(self, name: str) -> Any:
        owner, data, coming = _MODULES.get(id(self), (0, {}, ()))
        try:
            found = ModuleType.__getattribute__(self, name)
        except AttributeError:
            asked = dict.get(data, "__getattr__") if owner == get_ident() else None
            if asked is None or name in data:
                raise
            # What the module's own function for it gives from now on.
            return asked(name)
        if owner != get_ident():
            return found
        if not dict.__contains__(data, name):
            if name in coming and not isinstance(found, ModuleType):
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
            return found
        value = dict.__getitem__(data, name)
        # Definitions go on as the objects that they are; but it is the new one that implementations are to be registered with.
        goes_on = isinstance(value, (FunctionType, type)) and registry_of(value) is None
        # (A name may be imported from elsewhere now.)
        of_one = getattr(value, "__module__", name) == getattr(found, "__module__", name)
        return found if goes_on and of_one else value

    def __setattr__(self, name: str, value: Any) -> None:
        owner, data, _ = _MODULES.get(id(self), (0, {}, ()))
        before = vars(self).get(name, _ABSENT)
        taken = before is not _ABSENT and not isinstance(before, ModuleType)
        if owner == get_ident() and taken and isinstance(value, ModuleType):
            # The import of a submodule binds it in its package, where other threads still find a function of that name.
            dict.__setitem__(data, name, value)
        else:
            super().__setattr__(name, value)


class Showing:
    """The classes and modules whose new attributes one thread sees."""

    def __init__(self, stall: Stall) -> None:
        self.stall = stall
        self.shown = Switch()
        self._modules: list[ModuleType] = []

    def show_data(self, module: ModuleType, data: dict[str, Any], coming: Collection[str] = ()) -> None:
        """Show what ``module`` is going to hold in place of what it has; ``coming`` are its new submodules."""
        if type(module) is ModuleType:
            _MODULES[id(module)] = get_ident(), data, coming
            self._modules.append(module)
            module.__class__ = ModuleOnStage
        elif type(module) is ModuleOnStage:
            _MODULES[id(module)] = get_ident(), data, coming

    def show(self, cls: type, names: dict[str, Any]) -> None:
        """Show ``names``, which ``cls`` is going to have."""
        added = Switch()
        asked = _ASKED_FOR | OF_GENERIC | (_MAKING if issubclass(cls, type) else set())
        for name, value in names.items():
            special = name.startswith("__") and name.endswith("__") and name not in asked
            if special and not _overrides(cls, name, value):
                continue
            if vars(cls).get(name, _ABSENT) is value:
                continue
            of_class = name in ("__init_subclass__", "__class_getitem__") and isinstance(value, FunctionType)
            shown = OnStage(cls, name, classmethod(value) if of_class else value)
            if any(map(_is_data, (value, shown.before, shown.inherited(cls)))):
                shown = OnStageData(cls, name, value)
            added.set_class_attribute(cls, name, shown)
        settle(added.do, self.stall)
        self.shown.extend(added)

    def show_field(
        self, cls: type, name: str, make: Callable[[Any], Any], given: list[tuple[Any, str]]
    ) -> None:
        """Show a new field of the objects of ``cls``, which ``make`` makes."""
        if cls.__dictoffset__ and not hasattr(cls, name):
            added = Switch()
            added.set_class_attribute(cls, name, FieldOnStage(cls, name, make, given))
            settle(added.do, self.stall)
            self.shown.extend(added)

    def end(self) -> None:
        """Have the classes and modules as they were."""
        for module in self._modules:
            module.__class__ = ModuleType
            del _MODULES[id(module)]
        self._modules.clear()
        settle(self.shown.undo[::-1], self.stall)
        for op in self.shown.do:
            if isinstance(op[-1], OnStage):
                # Who has copied the class's namespace meanwhile has this.
                op[-1].over = True
        self.shown = Switch()


def _overrides(cls: type, name: str, value: Any) -> bool:
    """Whether a special method takes the place of one that a base has: that it is there tells nobody anything."""
    bases = [vars(base).get(name) for base in cls.__mro__[1:]]
    return (
        name not in _OF_ATTRIBUTES
        and name not in vars(cls)
        and isinstance(value, FunctionType)
        and any(isinstance(held, FunctionType) for held in bases)
    )


def _is_data(value: Any) -> bool:
    return hasattr(type(value), "__set__") or hasattr(type(value), "__delete__")
