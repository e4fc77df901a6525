"""Moving running frames to the new version of their procedure: exit stubs, resume code, and which loop goes on where."""

from __future__ import annotations

from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from weakref import ref

# The built-in name under which stubs find what goes on: called with an object and one of three numbers.
HOOK = "__podus_moving__"

# Resume code that is in use, by id, and how many bytes stand before the procedure's own.
RESUMED: dict[int, tuple[ref[CodeType], int]] = {}


def shift_of(code: CodeType) -> int:
    """How far the instructions of a procedure are moved in ``code``: resume code has some in front."""
    known = RESUMED.get(id(code))
    return 0 if known is None or known[0]() is not code else known[1]
