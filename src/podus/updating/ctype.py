"""What of the interpreter's C interface moving frames takes, by ctypes: imported where a frame is moved on Python 3.11 and 3.12, and nowhere else."""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def locals_to_fast(frame: FrameType) -> None:
    """Give a frame's variables the values in its ``f_locals``."""
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
