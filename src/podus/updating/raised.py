"""What was raised: in words for a person, and without what it would hold."""

from __future__ import annotations

from podus.errors import PodusError


def sentence(error: BaseException) -> str:
    """What was raised, and where in the program."""
    if isinstance(error, PodusError):
        return error.message
    name = type(error).__name__
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith("<") and "podus" not in code.co_filename:
            place = f" ({code.co_filename}:{trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    return f"{name}: {error}{place}"


def without_frames(error: BaseException | None) -> None:
    """Take from an error, and from those that led to it, the frames that it was raised through."""
    while error is not None and error.__traceback__ is not None:
        error.__traceback__ = None
        # What is not named as the cause was being handled when it was raised.
        error = error.__cause__ or error.__context__
