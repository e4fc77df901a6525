"""Finding the function objects that were made from a procedure: by name where that is sure, in the heap where it is not."""

from __future__ import annotations

import builtins
import functools
import sys
import weakref
from collections.abc import Container, Iterable, Mapping
from gc import get_referents
from itertools import compress, count, repeat
from operator import attrgetter, is_, not_
from types import CellType, CodeType, FunctionType, MethodType, ModuleType

from podus.program.code import mangled
from podus.updating.binding import HANDED_OVER
from podus.updating.breath import Breath, let_go
from podus.updating.family import below
from podus.updating.held import HEAP, is_a, module_of
from podus.updating.listing import referring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.planning.model import MadePart

_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
_code_of, _closure_of = attrgetter("__code__"), attrgetter("__closure__")
_FUNCTIONS = frozenset({id(FunctionType)})
_PLAIN = frozenset({int, str, float, bool, bytes, type(None), ModuleType, CodeType, complex})
_PLAIN |= {
    type(len),
    type(object.__init__),
    type(str.join),
    type(CodeType.co_name),
    type(vars(ModuleType)["__dict__"]),
}
# By their ids: the metaclass of some type may have a hash of its own.
_LEAVES = frozenset(map(id, [FunctionType, *_PLAIN]))


# So many decorators are looked through.
LAYERS = 16
# So many objects are looked into for what one may call.
_WITHIN = 200

# Functions that podus itself made to stand in for one of the program's.
TWINS: weakref.WeakSet[FunctionType] = weakref.WeakSet()


class Finder:
    """Finds functions by the identity of their code.

    ``names`` maps the id of every wanted code to the name of its procedure.
    """

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names
        self.functions: dict[str, list[FunctionType]] = {}
        self.caches: dict[str, list[Any]] = {}
        # What was made around a wanted function, and may have its docstring: by the function's id.
        self.around: dict[int, list[Any]] = {}
        self._seen: set[int] = set()
        # Keeps what was seen alive, so that an id stands for one object.
        self._held: list[Any] = []

    def add(self, function: FunctionType) -> None:
        """Note ``function`` if it was made from a wanted procedure."""
        name = self.names.get(id(function.__code__))
        # Stand-ins of our own hold old code as well.
        if name is not None and not (TWINS and function in TWINS):
            found = self.functions.get(name)
            if found is None:
                self.functions[name] = [function]
            elif not any(f is function for f in found):
                found.append(function)

    def walk(self, modules: Iterable[ModuleType]) -> None:
        """Follow the namespaces of ``modules``: functions, classes, wrappers, closures, partials, descriptors."""
        program = {module.__name__ for module in modules}
        todo: list[tuple[Any, int]] = []
        breath = Breath()
        for module in modules:
            todo += [(value, 2) for value in self._sift(list(vars(module).values()))]
            breath()
        for number in count():
            if not todo:
                break
            if number % 16 == 0:
                breath()
            value, depth = todo.pop()
            if id(value) in self._seen:
                continue
            self._seen.add(id(value))
            self._held.append(value)
            todo += self._inside(value, depth, program)

    def _sift(self, values: list[Any]) -> list[Any]:
        """Note the wanted ones among functions that lead nowhere else, as nearly all do; returns what is to be looked into one by one."""
        kinds = list(map(type, values))
        functions = list(compress(values, map(is_, kinds, repeat(FunctionType))))
        for function in compress(functions, map(self.names.__contains__, map(id, map(_code_of, functions)))):
            self.add(function)
        wraps = map(getattr, functions, repeat("__wrapped__"), repeat(None))
        leading = [
            function
            for function, closure, wrapped in zip(functions, map(_closure_of, functions), wraps, strict=True)
            if closure is not None or wrapped is not None
        ]
        return [*compress(values, map(not_, map(_LEAVES.__contains__, map(id, kinds)))), *leading]

    def follow(self, values: Iterable[Any]) -> None:
        """Look for functions in ``values`` and what they wrap, as :meth:`walk` does in namespaces."""
        todo = [(value, 2) for value in values]
        while todo:
            value, depth = todo.pop()
            if id(value) not in self._seen:
                self._seen.add(id(value))
                self._held.append(value)
                todo += self._inside(value, depth, set())

    def _inside(self, value: Any, depth: int, program: set[str]) -> list[tuple[Any, int]]:
        """What to look into next. Nothing here may run the program's code, or make an object bigger by asking for its ``__dict__``."""
        kind = type(value)
        if kind is FunctionType:
            self.add(value)
            inner = [contents for cell in value.__closure__ or () for contents in cell_contents(cell)]
            return [(item, 2) for item in (*inner, *self._around(value, _wrapped(value)))]
        if kind is functools._lru_cache_wrapper:
            wrapped = value.__wrapped__
            if type(wrapped) is FunctionType:
                name = self.names.get(id(wrapped.__code__))
                if name is not None:
                    self.caches.setdefault(name, []).append(value)
            return [(item, depth) for item in self._around(value, (wrapped,))]
        if issubclass(kind, type):
            if module_of(value) in program:
                inside = list(type.__getattribute__(value, "__dict__").values())
                return [(item, 2) for item in self._sift(inside)]
            return []
        if kind in _CONTAINERS:
            if depth > 0 and len(value) <= 10_000:
                items = list(value.values()) if kind is dict else list(value)
                return [(item, depth - 1) for item in items]
            return []
        if kind in _PLAIN:
            return []
        if issubclass(kind, property):
            self._around(value, (value.fget,))
            return [(item, depth) for item in (value.fget, value.fset, value.fdel)]
        if issubclass(kind, staticmethod | classmethod | MethodType):
            return [(item, depth) for item in self._around(value, (value.__func__,))]
        if issubclass(kind, functools.partial | functools.cached_property | functools.partialmethod):
            return [(item, depth) for item in self._around(value, (value.func,))]
        held = self._around(value, _wrapped(value))
        if kind.__flags__ & HEAP and (callable(value) or _is_descriptor(kind)):
            # What a decorator has made: it holds the function under some name.
            held += _functions_in(value)
        return [(item, depth) for item in held]

    def _around(self, value: Any, inside: tuple[Any, ...]) -> tuple[Any, ...]:
        """Note what ``value`` was made around, through wrappers that lie in each other; returns ``inside``."""
        step = inside
        for _ in range(LAYERS):
            if not step:
                break
            if type(step[0]) is FunctionType and id(step[0].__code__) in self.names:
                self.around.setdefault(id(step[0]), []).append(value)
            step = _wrapped(step[0])
        return inside

    def scan(self) -> float:
        """Look at every function in the heap. Returns the seconds that no other thread could run: about 30 ms per million objects."""
        # Every function refers to the namespace that it finds the built-in ones in.
        functions, held = referring([vars(builtins)], _FUNCTIONS)
        breath = Breath()
        for number, function in enumerate(functions):
            self.add(function)
            if number % 100 == 0:
                breath()
        return held

    def rest(self) -> None:
        """Let go of what was only walked through."""
        let_go(self._seen)
        let_go(self._held)


def _wrapped(value: Any) -> tuple[Any, ...]:
    """What ``functools.wraps`` noted on a wrapper."""
    try:
        return (object.__getattribute__(value, "__wrapped__"),)
    except AttributeError:
        return ()


def _is_descriptor(kind: type) -> bool:
    return any("__get__" in type.__getattribute__(base, "__dict__") for base in type.mro(kind))


def _functions_in(value: Any) -> tuple[Any, ...]:
    """The functions that an object's fields hold. (To ask for its ``__dict__`` would make it bigger.)"""
    found = get_referents(value)
    found += [item for each in found if type(each) is dict for item in list(each.values())]
    return tuple(item for item in found if type(item) is FunctionType)


def cell_contents(cell: CellType) -> tuple[Any, ...]:
    """What a closure cell holds; nothing if it is still empty."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def leads_to(value: Any, function: FunctionType) -> bool:
    """Whether a wrapper, or another object that is called, holds a function, which it may call."""
    seen: dict[int, Any] = {}
    todo = [value]
    while todo and len(seen) < _WITHIN:
        item = todo.pop(0)
        if id(item) in seen or is_a(item, (type, ModuleType)):
            continue
        seen[id(item)] = item
        if type(item) is FunctionType:
            # Its namespace holds the whole module.
            inner = [contents for cell in item.__closure__ or () for contents in cell_contents(cell)]
            inner += [*(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values(), *vars(item).values()]
        else:
            inner = get_referents(item)
        if any(part is function for part in inner):
            return True
        todo += inner
    return False


def suspended(
    codes: list[tuple[CodeType, str]], *, running_too: bool = False
) -> tuple[list[tuple[str, str, int, Any]], float]:
    """The suspended generators and coroutines that have one of ``codes``, each with its procedure's name.

    Gives rows of (kind, procedure, line, weak reference), and the seconds that no other thread could run. What runs right now
    is on a stack and not listed, unless ``running_too``.
    """
    from types import AsyncGeneratorType, CoroutineType, GeneratorType

    found: list[tuple[str, str, int, Any]] = []
    attributes = {
        GeneratorType: ("generator", "gi_code", "gi_frame", "gi_running"),
        CoroutineType: ("coroutine", "cr_code", "cr_frame", "cr_running"),
        AsyncGeneratorType: ("async generator", "ag_code", "ag_frame", "ag_running"),
    }
    kinds = frozenset(map(id, attributes))
    names = {id(code): name for code, name in codes}
    # Each refers to its code.
    things, held = referring([code for code, _ in codes], kinds)
    breath = Breath()
    for number, thing in enumerate(things):
        if number % 100 == 0:
            breath()
        row = attributes[type(thing)]
        kind, code, frame, running = row
        name = names.get(id(getattr(thing, code)))
        if name is not None and (running_too or not getattr(thing, running)):
            alive = getattr(thing, frame)
            # One that has handed over waits for another, which is listed.
            if alive is not None and (id(alive.f_code), alive.f_lasti) not in HANDED_OVER:
                found.append((kind, name, alive.f_lineno or 0, weakref.ref(thing)))
                del alive
    return found, held


def is_finished(reference: Any) -> bool:
    """Whether a suspended activation found by :func:`suspended` has ended, or handed over to one of another version."""
    thing = reference()
    if thing is None:
        return True
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        if hasattr(thing, name):
            frame = getattr(thing, name)
            return frame is None or (id(frame.f_code), frame.f_lasti) in HANDED_OVER
    return True


def program_modules(names: Iterable[str]) -> list[ModuleType]:
    """Those of the modules ``names`` that are loaded."""
    found = (sys.modules.get(name) for name in names)
    return [module for module in found if isinstance(module, ModuleType)]


def function_of(method: Any) -> FunctionType | None:
    """The function of a method, also of a static or a class method; None if it is something else."""
    made = method.__func__ if is_a(method, staticmethod | classmethod) else method
    return made if is_a(made, FunctionType) else None


def class_at(module: Any, qualname: str) -> Any:
    """The class of a module by its qualified name; None if there is none."""
    found, words = module, qualname.split(".")
    for place, word in enumerate(words):
        inside = vars(found) if hasattr(found, "__dict__") else {}
        # One in a class may be private.
        found = inside.get(word, inside.get(mangled(word, words[:place])))
    return found if isinstance(found, type) else None


def classes_at(module: Any, qualname: str) -> list[Any]:
    """The classes that a qualified name stands for: of one that a procedure makes all that it has made."""
    if "<locals>" not in qualname:
        found = class_at(module, qualname)
        return [] if found is None else [found]
    name = getattr(module, "__name__", "")
    return [cls for cls in below(object) if cls.__qualname__ == qualname and module_of(cls) == name]


def made_in(made: Mapping[str, MadePart], cls: type) -> MadePart | None:
    """What is said of a class by its ``module:qualname``, whichever module it says that it is from: the program may have set that."""
    found = made.get(f"{cls.__module__}:{cls.__qualname__}")
    if found is None:
        for name, other in made.items():
            module, _, qualname = name.partition(":")
            if qualname == cls.__qualname__ and class_at(sys.modules.get(module), qualname) is cls:
                return other
    return found


def own_definition(names: Mapping[str, Any], name: str, going: Container[str] = ()) -> Any:
    """What a namespace has under ``name``; None where that is another name's definition (``g = f``), unless that name is ``going``."""
    value = names.get(name)
    defined = _defined_as(value)
    if defined in (None, name) or defined in going or names.get(defined) is not value:
        return value
    return None


def _defined_as(value: Any) -> str | None:
    """The name that a definition gave a function, a class or a descriptor; None for anything else."""
    if is_a(value, staticmethod | classmethod):
        value = value.__func__
    elif is_a(value, property):
        value = value.fget
    elif is_a(value, functools.cached_property):
        value = value.func
    if is_a(value, FunctionType):
        return str(value.__name__)
    return str(type.__dict__["__name__"].__get__(value)) if is_a(value, type) else None
