"""Every state of an update, and every transition between them."""

from __future__ import annotations

STAGING = "staging"  # new modules are imported and new statements run aside; nobody sees anything yet
PENDING = "pending"  # procedures switch as they become inactive
COMPLETE = "complete"  # all have switched
BACKING_OUT = "backing-out"  # those that switched go back as they become inactive
BACKED_OUT = "backed-out"  # the program runs as before the update
FAILED = "failed"  # an error while staging; the program runs as before the update

TRANSITIONS: dict[str, tuple[str, ...]] = {
    STAGING: (PENDING, FAILED),
    PENDING: (COMPLETE, BACKING_OUT),
    BACKING_OUT: (BACKED_OUT, PENDING),
    COMPLETE: (BACKED_OUT,),  # by a whole update back
    BACKED_OUT: (),
    FAILED: (),
}
UNDER_WAY = frozenset({STAGING, PENDING, BACKING_OUT})


def check(before: str, after: str) -> str:
    """``after``, if an update may go there from ``before``; else RuntimeError."""
    if after not in TRANSITIONS[before]:
        raise RuntimeError(f"an update can't go from {before} to {after}")
    return after
