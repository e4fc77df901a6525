"""JSON in pieces: what ``json`` does in one call of C code, in many, so that the program's threads may run in between."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# What is in an answer, and what is in its result, is taken apart; of lists so many items at once.
_DEPTH = 2
_ITEMS = 8
_BETWEEN = " \t\r\n,:"


def encoded(value: Any, breathe: Callable[[], object], depth: int = _DEPTH) -> Iterator[str]:
    """What ``json.dumps`` gives, in parts; ``breathe`` is called between them. Keys have to be strings."""
    if depth and isinstance(value, dict) and value:
        start = "{"
        for key, item in value.items():
            yield f"{start}{json.dumps(key)}: "
            yield from encoded(item, breathe, depth - 1)
            start = ", "
        yield "}"
    elif isinstance(value, list) and len(value) > _ITEMS:
        start = "["
        for first in range(0, len(value), _ITEMS):
            yield start + json.dumps(value[first : first + _ITEMS])[1:-1]
            start = ", "
            breathe()
        yield "]"
    else:
        yield json.dumps(value)
        breathe()


def decoded(text: str, breathe: Callable[[], object]) -> Any:
    """What ``json.loads`` gives; ``breathe`` is called after each value of an object, and after each item of its lists.

    Raises ValueError.
    """
    decode = json.JSONDecoder().raw_decode
    start = _after(text, 0)
    if text[start : start + 1] != "{":
        return json.loads(text)
    found: dict[str, Any] = {}
    place = _after(text, start + 1)
    while text[place : place + 1] != "}":
        key, place = decode(text, place)
        place = _after(text, place)
        if text[place : place + 1] == "[":
            items: list[Any] = []
            place = _after(text, place + 1)
            while text[place : place + 1] != "]":
                item, place = decode(text, place)
                items.append(item)
                breathe()
                place = _after(text, place)
            found[key] = items
            place += 1
        else:
            found[key], place = decode(text, place)
            breathe()
        place = _after(text, place)
    if text[place + 1 :].strip():
        raise ValueError("there is something behind the object")
    return found


def _after(text: str, place: int) -> int:
    while text[place : place + 1] and text[place] in _BETWEEN:
        place += 1
    return place
