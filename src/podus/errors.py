"""The errors that a person sees: each is one sentence, with its remedy."""

from __future__ import annotations


class PodusError(Exception):
    """Anything podus refuses or fails to do; the program is as it was before.

    ``message`` is one sentence that names the thing and the place, ``remedy`` what the person can do about it.
    """

    kind = "failed"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class Refused(PodusError):
    """podus will not do it: nothing was changed."""

    kind = "refused"


class NotFound(PodusError):
    """No running program, version or procedure has that name."""

    kind = "not-found"


class Unreachable(PodusError):
    """The program did not answer on its control socket."""

    kind = "unreachable"


KINDS: dict[str, type[PodusError]] = {c.kind: c for c in (PodusError, Refused, NotFound, Unreachable)}
