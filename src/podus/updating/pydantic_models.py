"""Pydantic models that are made again: what pydantic has compiled for the class that is thrown away is compiled for the one that is kept.

A model's schema names its class and those of the models inside it, and its validator makes objects of them.
"""

from __future__ import annotations

import sys
from types import MethodType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

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
    if kind is MethodType:
        owner = of(value.__self__)
        return value if owner is value.__self__ else MethodType(value.__func__, owner)
    return of(value) if isinstance(value, type) else value
