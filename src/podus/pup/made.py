"""How the classes of the running program were made, and which others are built from them: what the planner asks about classes."""

from __future__ import annotations

import sys
from enum import EnumMeta

from podus.updating.breath import Breath
from podus.updating.family import below
from podus.updating.find import class_at
from podus.updating.held import module_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_PLAIN_METACLASSES = ("type", "ABCMeta")
# Where a class keeps what a dataclass decorator or attrs has made of the fields of its bases too.
_FIELDS = ("__dataclass_fields__", "__attrs_attrs__")
# Annotations are nested: list[dict[str, Model] | None].
_DEEP = 20


def named(name: str) -> Any:
    """The class ``module:qualname`` of the running program; None if there is no such class."""
    module, _, qualname = name.partition(":")
    return class_at(sys.modules.get(module), qualname)


def kind_of(cls: Any, in_program: Callable[[str], bool]) -> str:
    """How ``cls`` was made.

    ``plain``: by nothing but a ``class`` statement, so that attributes can be added one by one. Else somebody has looked at its body:
    ``enum``, ``enum of data`` (members that are an int, a str…), ``namedtuple``, ``pydantic``, ``protocol``, ``hooked`` (by a metaclass
    or ``__init_subclass__`` of the program), or ``made`` (by those of others). ``local`` is plain, but each thread has fields of its own; and
    so is ``metaclass``, whose objects are classes.
    ``none`` if it is no class: a decorator may have put something else in its place.
    """
    if not isinstance(cls, type):
        return "none"
    members, metaclass = vars(cls), type(cls)
    if isinstance(cls, EnumMeta):
        return "enum" if members.get("_member_type_") is object else "enum of data"
    if cls.__bases__ == (tuple,) and "_fields" in members and "_field_defaults" in members:
        return "namedtuple"
    if "__pydantic_core_schema__" in members:
        return "pydantic"
    if members.get("_is_protocol"):
        return "protocol"
    hooks = [base for base in cls.__mro__[1:-1] if "__init_subclass__" in vars(base)]
    makers = {hook.__module__ for hook in hooks if hook.__module__ != "typing"}
    if metaclass.__name__ not in _PLAIN_METACLASSES:
        makers |= {meta.__module__ for meta in type.mro(metaclass)}
        return "hooked" if any(map(in_program, makers)) else "made"
    if makers:
        return "hooked" if any(map(in_program, makers)) else "made"
    bases = {(base.__module__, base.__name__) for base in cls.__mro__}
    if issubclass(cls, type):
        return "metaclass"
    return "local" if ("_thread", "_local") in bases else "plain"


def is_hooking(cls: Any) -> bool:
    """Whether a class has hooks that run when a class is made below it: a metaclass, ``__init_subclass__``. What is no class may have some."""
    if not isinstance(cls, type) or type(cls).__name__ not in _PLAIN_METACLASSES:
        return True
    hooks = [base for base in cls.__mro__[:-1] if "__init_subclass__" in vars(base)]
    # That of Generic only notes type parameters.
    return any((hook.__module__, hook.__name__) != ("typing", "Generic") for hook in hooks)


def dependents(changed: Iterable[str], hooks: Iterable[str], in_program: Callable[[str], bool]) -> list[str]:
    """The classes of the program that have to be made again with the classes ``changed``, or because the ``hooks`` run otherwise.

    Of ``changed``: dataclasses and attrs classes below them, and pydantic models that name them. ``hooks`` are procedures: an
    ``__init_subclass__`` concerns the classes below its own, a metaclass's constructor its classes, an Enum's constructor its members.
    """
    found: dict[type, None] = {}
    todo = [cls for cls in map(named, changed) if cls is not None]
    for hook in hooks:
        cls, name = named(hook.rpartition(".")[0]), hook.rpartition(".")[2]
        if cls is None:
            continue
        if name == "__init_subclass__":
            todo += below(cls, Breath())
            found |= dict.fromkeys(below(cls, Breath()))
        elif issubclass(cls, type):
            classes = [made for made in below(object, Breath()) if issubclass(type(made), cls)]
            todo += classes
            found |= dict.fromkeys(classes)
        elif isinstance(cls, EnumMeta):
            found |= dict.fromkeys([cls, *below(cls, Breath())])
    seen = set(todo)
    models = (
        [cls for cls in below(object, Breath()) if "__pydantic_core_schema__" in vars(cls)] if todo else []
    )
    while todo:
        cls = todo.pop()
        others: list[type] = [c for c in below(cls, Breath()) if any(n in vars(c) for n in _FIELDS)]
        others += [model for model in models if cls in model.__mro__ or _names(model, cls)]
        for other in others:
            if other not in seen:
                seen.add(other)
                found[other] = None
                todo.append(other)
    names = {f"{module_of(cls)}:{cls.__qualname__}": cls for cls in found if in_program(module_of(cls))}
    return [name for name, cls in names.items() if named(name) is cls]


def metaclasses(in_program: Callable[[str], bool]) -> list[str]:
    """The metaclasses of the program."""
    found = (meta for meta in below(type, Breath()) if in_program(module_of(meta)))
    return [f"{module_of(meta)}:{meta.__qualname__}" for meta in found]


def below_by_hooks(
    names: Iterable[str], in_program: Callable[[str], bool]
) -> dict[str, dict[str, list[str]]]:
    """The classes of the program below each class of ``names`` that a hook, of the program or of others, has made; and those between the two."""
    found: dict[str, dict[str, list[str]]] = {}
    for name in names:
        cls = named(name)
        known: dict[type, str] = {}
        for made in below(cls, Breath()) if isinstance(cls, type) else ():
            full = f"{module_of(made)}:{made.__qualname__}"
            if in_program(module_of(made)) and named(full) is made:
                known[made] = full
        for made, full in known.items():
            if kind_of(made, in_program) in ("hooked", "made"):
                between = [known[base] for base in made.__mro__[1:] if base in known]
                found.setdefault(name, {})[full] = between
    return found


def _names(model: Any, cls: type) -> bool:
    fields = vars(model).get("__pydantic_fields__") or vars(model).get("model_fields")
    if type(fields) is not dict:
        return False
    return any(cls in _within(getattr(field, "annotation", None), _DEEP) for field in fields.values())


def _within(annotation: Any, depth: int) -> Iterator[Any]:
    yield annotation
    if depth:
        for part in getattr(annotation, "__args__", ()):
            yield from _within(part, depth - 1)
