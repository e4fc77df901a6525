"""How much the longest tests do: generated examples, updates, connections."""

from __future__ import annotations

import os

# CI does the whole once, and on the other Pythons a part of it.
SHARE = int(os.environ.get("PODUS_SHARE", "1"))


def size(variable: str, default: int) -> int:
    """What the environment says; else the default, or a part of it."""
    return int(os.environ.get(variable) or max(1, default // SHARE))
