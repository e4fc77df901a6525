"""What code that runs before the switch hears when it asks whether a class derives from one that is made again.

There are two of such a class: the one that goes on, from which all derive that are not made again, and the new one, from which those do that
are. Until the switch has made one of them, what derives from either derives from the other.
"""

from __future__ import annotations

import builtins
import operator
from types import CodeType, UnionType

from podus.planning.pack import ASIDE, ASKING
from podus.program.code import INLINE_NAMES
from podus.program.operands import ATTRIBUTES, LOADS_GLOBAL, named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Tuples of classes may be nested, but nobody nests them deeper.
_DEEP = 20


class Kinship:
    """The classes that are made again; ``functions`` are what ``isinstance`` and ``issubclass`` are called in code that knows."""

    def __init__(self) -> None:
        # By the id of one class the other one. Both are kept alive.
        self._other: dict[int, tuple[type, type]] = {}
        self.functions: dict[str, Any] = {
            f"{ASIDE}builtins:{name}": self._asker(getattr(builtins, name)) for name in ASKING
        }

    def note(self, before: Any, made: Any) -> None:
        """``before`` goes on, and ``made`` is what it is going to be."""
        self._other[id(before)] = self._other[id(made)] = (before, made)

    def newest(self, value: Any) -> Any:
        """What is going to be there in place of ``value``, as far as it has been made."""
        return self._other[id(value)][1] if id(value) in self._other else value

    def knowing(self, code: CodeType) -> CodeType:
        """Code of a procedure that asks, with what is nested in it and is gone when it ends, as it has to be before the switch."""
        names = {*ASKING}.intersection(named(code, LOADS_GLOBAL)).difference(named(code, ATTRIBUTES))
        spelled = tuple(f"{ASIDE}builtins:{name}" if name in names else name for name in code.co_names)
        parts = tuple(
            self.knowing(part) if isinstance(part, CodeType) and part.co_name in INLINE_NAMES else part
            for part in code.co_consts
        )
        if not names and all(map(operator.is_, parts, code.co_consts)):
            return code
        return code.replace(co_names=spelled, co_consts=parts)

    def _asker(self, ask: Any) -> Any:
        def asker(what: Any, kinds: Any, /) -> Any:
            return ask(what, kinds) or any(ask(what, kind) for kind in self._others(kinds, _DEEP))

        return asker

    def _others(self, kinds: Any, depth: int) -> Iterator[type]:
        if isinstance(kinds, tuple | UnionType) and depth:
            for kind in kinds if isinstance(kinds, tuple) else kinds.__args__:
                yield from self._others(kind, depth - 1)
        for cls in self._other.get(id(kinds), ()):
            if cls is not kinds:
                yield cls
