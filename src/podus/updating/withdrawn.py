"""Definitions that the new version does not have any more: what their decorators had put into registries is taken out of them.

A fresh process would not have it there. Only what a statement of the old version registered when it ran is meant: a callback that the
program has put into a list while it ran stays there.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from functools import singledispatchmethod
from itertools import islice
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, ModuleType

from podus.program.code import walk
from podus.updating.binding import Switch
from podus.updating.find import cell_contents
from podus.updating.held import HEAP, TABLES, is_a, module_of, own_fields, own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MUTABLE = (*TABLES, list, set)
# From a decorator to what it calls, to a table.
_STEPS = 3
# A container that holds more than this is no registry of definitions; and what holds more than this others, no table of registries.
_AT_MOST = 100_000
_TABLE = 1000
# The most that is said of one definition, and the most in a table in a table.
_RECORD = 50
# Events, priorities, lists: so deep tables are looked into, and for so many in each.
_DEPTH = 3
_INSIDE = 5000


def withdraw(
    modules: Iterable[ModuleType], codes: set[int], objects: list[Any], removals: Switch
) -> list[Any]:
    """Plan to take out of every registry the functions made from ``codes`` (their ids) and the ``objects``; returns these registries."""
    found: list[Any] = []
    is_gone = _Made(codes, set(map(id, objects)))
    for container in nested(containers(modules)):
        before = len(removals.do)
        _take_out_of(container, is_gone, removals)
        if len(removals.do) > before:
            found.append(container)
    return found


def reregistered(
    paths: Iterable[str],
    namespace: dict[str, Any],
    codes: set[int],
    value: Any,
    *,
    name: str = "",
    again: bool = False,
    alike: bool = False,
) -> list[tuple[list[Any], Switch]]:
    """How a definition that has run again is taken out of where its old decorators or bases had put it: what they could reach by the ``paths``.

    For each container what it holds now (of a table the keys), and the switch. ``codes`` are the ids of its old code, ``value`` what its name has stood for. What has run
    again has been put in already, as another object. If a class registers ``again`` in the same ways, only where that has been put in as often; an
    object that holds a function of this ``name`` only if there is a new one of its kind. If a function registers ``alike``, in the same words, what is
    in its place already is the new one; what tells of it, a tuple or such an object, is taken out where as many tell of the new one.
    """
    is_old = _Made(codes, {id(value)})
    taken: list[tuple[list[Any], Switch]] = []
    for container in _reachable(paths, namespace):
        if not (again and _more_often(container, value)):
            switch = Switch()
            if not alike or _is_told_again(container, is_old, codes, name):
                _take_out_of(container, is_old, switch)
            if not switch.do:
                _Holders(container, codes, name).renew(switch)
            if switch.do:
                taken.append((list(container), switch))
    return taken


def _is_told_again(container: Any, is_old: Callable[[Any], bool], codes: set[int], name: str) -> bool:
    """Whether tuples and records in a container tell of a function's new form as often as of its old one, which is not in there by itself."""
    old = [entry for entry in held_in(container) if is_old(entry)]
    if not old or not all(type(entry) is tuple or is_record(entry) for entry in old):
        return False
    new = [
        entry
        for entry in held_in(container)
        if (type(entry) is tuple or is_record(entry))
        and any(
            type(f) is FunctionType and f.__qualname__ == name and id(f.__code__) not in codes
            for f in held_in(entry)
        )
    ]
    return len(old) == len(new)


def forsaken(
    paths: Iterable[str],
    namespace: dict[str, Any],
    codes: set[int],
    times: int,
    fellows: list[set[int]],
    removals: Switch,
) -> list[Any]:
    """Plan to take out the objects that hold a function that is gone, made from ``codes`` (``Route("/", view)``); returns the containers.

    Only out of what its decorators could reach by the ``paths``, and where they have put in no more: there are as many as the ``times`` that they
    decorate it, and an entry for each of the ``fellows`` that they decorate as well, by the ids of their code. A queue is no registry.
    """
    changed = []
    for container in _reachable(paths, namespace):
        if len(container) > _TABLE:
            continue
        gone = {id(entry) for entry in held_in(container) if holds(entry, codes)}
        if 0 < len(gone) <= times and all(
            any(holds(e, each) for e in held_in(container)) for each in fellows
        ):
            _take_out_of(container, _Made(set(), gone), removals)
            changed.append(container)
    return changed


def holds(value: Any, codes: set[int]) -> bool:
    """Whether an object of a class that some module defines holds a function made from ``codes`` (their ids): what a decorator has made of that."""
    kind = type(value)
    if not kind.__flags__ & HEAP or is_a(value, type):
        return False
    return any(map(_Made(codes, set()), own_fields(value).values()))


def _more_often(container: Any, value: Any) -> bool:
    """Whether a class is in a container more often than its new form: what the program itself has put there is not put there again."""
    if not is_a(value, type):
        # A class statement can make something else, by what its bases are (an interface of zope).
        return False
    is_old = _Made(set(), {id(value)})
    names = value.__module__, value.__qualname__
    new = {
        id(item)
        for entry in held_in(container)
        for item in (entry if type(entry) is tuple else (entry,))
        if item is not value and is_a(item, type) and (item.__module__, item.__qualname__) == names
    }
    is_new = _Made(set(), new)
    return sum(map(is_old, held_in(container))) > sum(map(is_new, held_in(container)))


def still_there(
    inside: list[Any], switch: Switch, kept: Callable[[Any], Any], joined: Container[tuple[int, int]] = ()
) -> None:
    """Leave in a container that held ``inside`` (a table: these keys) what has been put in again: it is one object with what had been there, if that is ``kept``.

    ``joined`` are lists, and what has come into them out of others, by their ids.
    """
    again = {id(kept(item)) for item in inside if kept(item) is not item}
    left = [
        n for n, op in enumerate(switch.do) if not (id(op[2]) in again or (id(op[1]), id(op[2])) in joined)
    ]
    switch.do, switch.undo = [switch.do[n] for n in left], [switch.undo[n] for n in left]


class _Made:
    """Whether something is what a definition has made, or holds it: by the ids of its code, and of the objects themselves."""

    def __init__(self, codes: set[int], objects: set[int]) -> None:
        self._codes = codes
        self._objects = objects

    def __call__(self, value: Any, depth: int = _DEPTH) -> bool:
        if type(value) is tuple or is_record(value):
            # (It may hold itself.)
            return depth > 0 and any(self(held, depth - 1) for held in held_in(value))
        for _ in range(8):
            if id(value) in self._objects or (
                type(value) is FunctionType and id(value.__code__) in self._codes
            ):
                return True
            try:
                value = object.__getattribute__(value, "__wrapped__")
            except AttributeError:
                return False
        return False


class _Holders:
    """The entries of a container that are objects which hold a definition's old function, where as many of their kind hold the new one: ``Route("/", view)``."""

    def __init__(self, container: Any, codes: set[int], name: str) -> None:
        self._container = container
        self._pairs: list[tuple[Any, Any]] = []
        if not name or len(container) > _TABLE:
            return
        entries = [
            entry for entry in held_in(container) if type(entry).__flags__ & HEAP and not is_a(entry, type)
        ]
        functions = [(e, f) for e in entries for f in own_fields(e).values() if type(f) is FunctionType]
        old = [entry for entry, f in functions if id(f.__code__) in codes]
        new = [entry for entry, f in functions if f.__qualname__ == name and id(f.__code__) not in codes]
        if old and list(map(type, old)) == list(map(type, new)):
            self._pairs = list(zip(old, new, strict=True))

    def renew(self, switch: Switch) -> None:
        """Plan to give each old one in a list all that the new one has, in its place: others may hold it, and go by its order. Or to take it out."""
        old = {id(one) for one, _ in self._pairs}
        renewed = type(self._container) is list and all(_has_names_alone(one) for one, _ in self._pairs)
        if not renewed or len(old) < len(self._pairs):
            _take_out_of(self._container, _Made(set(), old), switch)
            return
        for one, other in self._pairs:
            switch.do += [(_share, one, own_names(other)), (take_out, self._container, other)]
            # That the new one is not there was so before.
            switch.undo += [(_share, one, own_names(one)), (len, ())]


def _has_names_alone(value: Any) -> bool:
    """Whether all that an object holds is in its dictionary."""
    return bool(own_names(value)) and own_names(value).keys() == own_fields(value).keys()


def _share(value: Any, names: dict[str, Any]) -> None:
    object.__setattr__(value, "__dict__", names)


def _take_out_of(container: Any, is_gone: Callable[[Any], bool], removals: Switch) -> None:
    if type(container) in TABLES:
        for key, item in list(container.items()):
            if is_gone(item):
                removals.delete_item(container, key)
    elif type(container) is set:
        for item in filter(is_gone, list(container)):
            removals.do.append((set.discard, container, item))
            removals.undo.append((set.add, container, item))
    else:
        # From the last to the first, so that each is still where it is when its turn comes.
        for place, item in reversed(list(enumerate(container))):
            if is_gone(item):
                removals.do.append((take_out, container, item))
                removals.undo.append((list.insert, container, place, item))


def take_out(container: list[Any], wanted: Any) -> None:
    """Take ``wanted`` itself out, not what is equal to it."""
    for place, item in enumerate(container):
        if item is wanted:
            del container[place]
            return


def dispatch_caches(namespaces: Iterable[dict[str, Any]]) -> list[dict[Any, Any]]:
    """What the single-dispatch functions of some namespaces remember of their choices: to be cleared where a registry has changed."""
    found = []
    for namespace in namespaces:
        for value in list(namespace.values()):
            inside = list(vars(value).values()) if is_a(value, type) else [value]
            for each in inside:
                # A method chooses among functions, too.
                one = each.dispatcher if is_a(each, singledispatchmethod) else each
                clear = vars(one).get("_clear_cache") if is_a(one, FunctionType) else None
                data = getattr(getattr(clear, "__self__", None), "data", None)
                if type(data) is dict:
                    found.append(data)
    return found


def registry_of(value: Any) -> Any:
    """The table of a single-dispatch function; None if it is none."""
    value = value.dispatcher if is_a(value, singledispatchmethod) else value
    registry = vars(value).get("registry") if is_a(value, FunctionType) else None
    if type(registry) is MappingProxyType:
        return next(iter(gc.get_referents(registry)), None)
    return None


def _attributes(value: Any) -> list[Any]:
    # Past what the program may have to say to it.
    own = vars(value) if is_a(value, type) else own_names(value)
    return list(own.values())


def nested(found: Iterable[Any], depth: int = _DEPTH) -> Iterator[Any]:
    """Some containers, and those in them: a table of lists. Records are no containers, but entries of one."""
    for container in found:
        yield container
        yield from islice(_inside(container, _TABLE, depth), _INSIDE)


def _inside(container: Any, most: int, depth: int) -> Iterator[Any]:
    if type(container) not in (*TABLES, list) or len(container) > most or depth == 0:
        return
    for value in held_in(container):
        if type(value) in _MUTABLE and len(value) <= _AT_MOST and not is_record(value):
            yield value
            yield from _inside(value, _RECORD, depth - 1)


def is_record(value: Any) -> bool:
    """Whether a list or dictionary tells of one definition (``{"path": "/", "view": view}``), and is no table of them: it holds other things as well."""
    if type(value) not in (*TABLES, list) or len(value) > _RECORD:
        return False
    definitions = list(map(callable, held_in(value)))
    return any(definitions) and not all(definitions)


def held_in(container: Any) -> list[Any]:
    """What is in a container; of a table its values."""
    return list(container.values() if type(container) in TABLES else container)


def _reachable(paths: Iterable[str], namespace: dict[str, Any]) -> list[Any]:
    """The containers that can be reached by some of the ``paths``, and those in them, each once; without the namespace itself."""
    reached = (container for path in paths for container in nested(_reached(path, namespace)))
    found = {id(container): container for container in reached}
    found.pop(id(namespace), None)
    return list(found.values())


def _reached(path: str, namespace: dict[str, Any]) -> Iterator[Any]:
    """The containers that a decorator, or a base class, can put things into: those of the object that it belongs to, those that its code names or closes over."""
    first, *rest = path.split(".")
    values = [namespace.get(first)]
    for word in rest:
        values.append(getattr(values[-1], word, None))
    todo = [value for value in values if value is not None and not is_a(value, ModuleType)]
    seen: set[int] = set()
    for _ in range(_STEPS):
        more: list[Any] = []
        for value in todo:
            if id(value) in seen:
                continue
            seen.add(id(value))
            if type(value) in _MUTABLE:
                if len(value) <= _AT_MOST:
                    yield value
            else:
                more += _within(value)
        todo = more


def _within(value: Any) -> list[Any]:
    """What a callable, an object or a class has to put things into."""
    if is_a(value, MethodType):
        return [value.__self__, value.__func__]
    if is_a(value, FunctionType):
        found = [c for cell in value.__closure__ or () for c in cell_contents(cell)]
        names = {name for code in walk(value.__code__) for name in code.co_names}
        return found + [value.__globals__[n] for n in names if _may_hold(value.__globals__.get(n))]
    if is_a(value, type):
        hooks = [vars(base).get("__init_subclass__") for base in value.__mro__]
        hooks += [getattr(type(value), "__new__", None), getattr(type(value), "__init__", None)]
        own = [held for base in value.__mro__[:-1] for held in vars(base).values() if type(held) in _MUTABLE]
        return own + [getattr(hook, "__func__", hook) for hook in hooks if hook is not None]
    own = [held for held in own_names(value).values() if type(held) in _MUTABLE]
    return own if registry_of(value) is None else [*own, registry_of(value)]


def _may_hold(value: Any) -> bool:
    return not is_a(value, (ModuleType, BuiltinFunctionType)) and value is not None


def is_namespace(value: Any) -> bool:
    """Whether it is what a module holds its names in (``globals()``), and no table of the program's."""
    if type(value) is not dict:
        return False
    module = sys.modules.get(value["__name__"]) if type(value.get("__name__")) is str else None
    return module is not None and getattr(module, "__dict__", None) is value


def containers(modules: Iterable[ModuleType]) -> Iterator[Any]:
    """The containers that modules' names lead to: by themselves, in classes, in objects of the program's classes."""
    modules = list(modules)
    names = {module.__name__ for module in modules}
    seen: set[int] = set()
    for module in modules:
        for value in list(vars(module).values()):
            inside = [value, registry_of(value)]
            kind = value if is_a(value, type) else type(value)
            if module_of(kind) in names:
                inside += [found for inner in _attributes(value) for found in (inner, registry_of(inner))]
            for container in inside:
                small = type(container) in _MUTABLE and len(container) <= _AT_MOST
                if small and id(container) not in seen and not is_namespace(container):
                    seen.add(id(container))
                    yield container
