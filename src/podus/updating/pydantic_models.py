"""Pydantic models that are made again: what pydantic has compiled for the class that is thrown away is compiled for the one that is kept.

A model's schema names its class and those of the models inside it, and its validator makes objects of them. So does what a ``TypeAdapter``, as
web frameworks make one for each argument, has compiled for a type that such a model is in (``list[Item]``).
"""

from __future__ import annotations

import sys
import warnings
from types import MethodType

from podus.updating.aliases import is_alias, with_others
from podus.updating.held import own_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from podus.updating.binding import Switch

_SCHEMA = "__pydantic_core_schema__"


def compiled_for(new: type, of: Callable[[Any], Any], made: Callable[[Any], Any]) -> dict[str, Any]:
    """The schema, validator and serializer of the model ``new`` for what ``of`` gives in place of classes; empty if it is no model.

    Models inside it that were made again as well count as they are now: ``made`` gives for a class the one made in its place.
    """
    schema = vars(new).get(_SCHEMA)
    core: Any = sys.modules.get("pydantic_core")
    if core is None or type(schema) is not dict or not vars(new).get("__pydantic_complete__"):
        return {}
    for field in (vars(new).get("__pydantic_fields__") or {}).values():
        kept = of(field.annotation)
        if kept is not field.annotation:
            field.annotation = kept
    kept = _put(schema, of, made, (new,))
    return {
        _SCHEMA: kept,
        "__pydantic_validator__": _compile(core.SchemaValidator, kept),
        "__pydantic_serializer__": _compile(core.SchemaSerializer, kept),
    }


def adapters_into(
    models: list[type],
    of: Callable[[Any], Any],
    made: Callable[[Any], Any],
    find: Callable[[type], Iterable[Any]],
    switch: Switch,
) -> list[str]:
    """Plan to have the program's adapters go by the ``models`` as they are made now; ``find`` finds the objects of a class. Gives what is to be noted."""
    core: Any = sys.modules.get("pydantic_core")
    kind = getattr(sys.modules.get("pydantic.type_adapter"), "TypeAdapter", None)
    wanted = {id(model) for model in models if _SCHEMA in vars(model)}
    if not wanted or core is None or not isinstance(kind, type):
        return []
    notes: list[str] = []
    for adapter in find(kind):
        own = own_names(adapter)
        schema = own.get("core_schema")
        if type(schema) is not dict or not _names_one(schema, wanted):
            continue
        try:
            # Of the classes that were just made, which are complete, and then for those that are kept.
            with warnings.catch_warnings():
                # Whoever made the adapter has heard them.
                warnings.simplefilter("ignore")
                fresh = kind(_as_made(own["_type"], made), config=own.get("_config"))
            compiled = _kept(fresh.core_schema, of)
            parts = {
                "core_schema": compiled,
                "validator": _compile(core.SchemaValidator, compiled),
                "serializer": _compile(core.SchemaSerializer, compiled),
            }
        except Exception as error:
            notes.append(
                f"a TypeAdapter of {own.get('_type')} goes on with the models as they were: {type(error).__name__}: {error}"
            )
            continue
        for name, part in parts.items():
            switch.set_item(own, name, part)
    return notes


def _as_made(value: Any, made: Callable[[Any], Any]) -> Any:
    """A type with the classes in it that were made in place of others."""
    if type(value) is tuple:
        return tuple(_as_made(part, made) for part in value)
    return with_others(value, lambda part: _as_made(part, made)) if is_alias(value) else made(value)


def _kept(value: Any, of: Callable[[Any], Any]) -> Any:
    """A schema with the classes that are kept."""
    kind = type(value)
    if kind is dict:
        return {name: _kept(item, of) for name, item in value.items()}
    if kind in (list, tuple):
        return kind([_kept(item, of) for item in value])
    if kind is MethodType:
        owner = of(value.__self__)
        return value if owner is value.__self__ else MethodType(value.__func__, owner)
    return of(value) if isinstance(value, type) else value


def _names_one(schema: Any, models: set[int]) -> bool:
    """Whether a schema has one of the models in it."""
    todo = [schema]
    while todo:
        value = todo.pop()
        if type(value) is dict:
            if id(value.get("cls")) in models:
                return True
            todo += value.values()
        elif type(value) in (list, tuple):
            todo += value
    return False


def _compile(make: Any, schema: Any) -> Any:
    try:
        # Not with what the classes that the schema names have been compiled to before.
        return make(schema, None, False)
    except TypeError:
        return make(schema)


def _put(value: Any, of: Callable[[Any], Any], made: Callable[[Any], Any], around: tuple[Any, ...]) -> Any:
    kind = type(value)
    if kind is dict:
        model = made(of(value.get("cls"))) if value.get("type") == "model" else None
        inside = vars(model).get(_SCHEMA) if isinstance(model, type) and model not in around else None
        if type(inside) is dict:
            value, around = inside, (*around, model)
        return {name: _put(item, of, made, around) for name, item in value.items()}
    if kind in (list, tuple):
        return kind([_put(item, of, made, around) for item in value])
    return _kept(value, of)
