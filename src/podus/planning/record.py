"""Plain records, for what is read in the program's process: what :mod:`dataclasses` would make of them.

``dataclasses`` brings ``inspect``, ``ast``, ``dis`` and ``tokenize`` along and compiles methods for each class: half of all the work, and
most of the memory, of podus's first answer in a process. To a type checker these are dataclasses.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Fresh:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """A field whose default is made anew for each record."""
    return _Fresh(default_factory)


def dataclass(cls: type) -> type:
    """Give ``cls`` an ``__init__`` by its annotations, equality and a representation."""
    names = tuple(cls.__annotations__)
    known = frozenset(names)
    defaults = {name: vars(cls)[name] for name in names if name in vars(cls)}
    makers = {name: value.make for name, value in defaults.items() if isinstance(value, _Fresh)}
    for name in makers:
        delattr(cls, name)
        del defaults[name]

    def __init__(self: Any, *values: Any, **given: Any) -> None:
        row = self.__dict__
        row.update(zip(names, values, strict=False))
        if len(values) > len(names) or not row.keys().isdisjoint(given):
            raise TypeError(f"{cls.__name__} takes {', '.join(names)} once each")
        row.update(given)
        for name, make in makers.items():
            if name not in row:
                row[name] = make()
        for name, value in defaults.items():
            row.setdefault(name, value)
        if row.keys() != known:
            raise TypeError(f"{cls.__name__} takes {', '.join(names)}, and was given {', '.join(row)}")

    def __eq__(self: Any, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __repr__(self: Any) -> str:
        return f"{cls.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    made: Any = cls
    made.__init__, made.__eq__, made.__repr__, made.__hash__ = __init__, __eq__, __repr__, None
    made.record_fields = names
    return cls


def asdict(value: Any) -> Any:
    """``value`` with every record in it as a dict, in the order of the fields."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is list or kind is tuple:
        return kind([asdict(item) for item in value])
    if kind is dict:
        return {name: asdict(item) for name, item in value.items()}
    names = getattr(kind, "record_fields", None)
    return value if names is None else {name: asdict(getattr(value, name)) for name in names}
