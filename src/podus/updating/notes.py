"""What is noted of very many objects, by several threads at once, and looked through meanwhile.

One list would have to be moved when it grows; a deque need not, but who goes through it must begin anew whenever another thread has added to it.
"""

from __future__ import annotations

from itertools import chain

from podus.updating.breath import let_go

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_LAST = (1 << 6) - 1


class Notes:
    """Notes, in parts; each thread adds to the part of the object that it is at."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: tuple[list[Any], ...] = tuple([] for _ in range(_LAST + 1))

    def of(self, ident: int) -> list[Any]:
        """The part for an object with this id."""
        return self.parts[ident >> 12 & _LAST]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.parts)

    def take(self) -> Iterator[Any]:
        """The notes, each taken out, the last of a part first."""
        for part in self.parts:
            while part:
                yield part.pop()

    def let_go(self) -> None:
        """Let go of all, piece by piece."""
        for part in self.parts:
            let_go(part)
