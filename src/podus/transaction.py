"""Transactions: what must be done wholly by one version of a program.

Version consistency is from Kramer and Magee, "The Evolving Philosophers Problem", IEEE TSE 1990, and Ma et al., "Version-consistent
Dynamic Reconfiguration of Component-based Distributed Systems", ESEC/FSE 2011.
"""

from __future__ import annotations

import _thread
from contextvars import ContextVar
from functools import wraps
from itertools import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

# The transaction that the thread or task is in, by number; and those that are under way anywhere.
CURRENT: ContextVar[int] = ContextVar("podus transaction")
UNDER_WAY: set[int] = set()
# The threads that have begun one: between two of them they are in none.
THREADS: set[int] = set()
_numbers = count(1)
_COROUTINE = 0x80


def transaction(function: F) -> F:
    """Declare that each call of ``function`` is a transaction: with ``--policy consistent`` it meets one version of the program alone.

    For ordinary functions and coroutines. A transaction in another one is a part of that.
    """
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & _COROUTINE:

        @wraps(function)
        async def waited(*args: Any, **kwargs: Any) -> Any:
            begun = _begin()
            try:
                return await function(*args, **kwargs)
            finally:
                _end(begun)

        return waited  # type: ignore[return-value]

    @wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        begun = _begin()
        try:
            return function(*args, **kwargs)
        finally:
            _end(begun)

    return called  # type: ignore[return-value]


def _begin() -> Any:
    if CURRENT.get(0) in UNDER_WAY:
        return None
    number = next(_numbers)
    THREADS.add(_thread.get_ident())
    UNDER_WAY.add(number)
    return number, CURRENT.set(number)


def _end(begun: Any) -> None:
    if begun is not None:
        UNDER_WAY.discard(begun[0])
        CURRENT.reset(begun[1])
