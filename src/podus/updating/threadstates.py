"""The interpreter's records of its threads on Python 3.11, by ctypes.

A record is freed when its thread ends, and any thread may end between two calls. So whatever looks at the records, or does something with one of
them, goes along all of them in a single call of C code, in which no other thread runs.
"""

from __future__ import annotations

import ctypes
from itertools import accumulate, chain, compress, repeat, takewhile, tee
from operator import truth

from podus.updating.listing import at_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

_api = ctypes.pythonapi
_Address = ctypes.c_void_p
# Prototypes of our own: those that hang on ``ctypes.pythonapi`` are the program's as well.
_interpreter = ctypes.PYFUNCTYPE(_Address)(("PyInterpreterState_Get", _api))
_mine = ctypes.PYFUNCTYPE(_Address)(("PyThreadState_Get", _api))
_head = ctypes.PYFUNCTYPE(_Address, _Address)(("PyInterpreterState_ThreadHead", _api))
# It is called with what ``accumulate`` hands over, and looks at the first alone.
_next = ctypes.PYFUNCTYPE(_Address, _Address, ctypes.c_size_t)(("PyThreadState_Next", _api))
_number = ctypes.PYFUNCTYPE(ctypes.c_uint64, _Address)(("PyThreadState_GetID", _api))
_frame = ctypes.PYFUNCTYPE(_Address, _Address)(("PyThreadState_GetFrame", _api))
_release = ctypes.PYFUNCTYPE(None, _Address)(("Py_DecRef", _api))
_trace = ctypes.PYFUNCTYPE(None, _Address, _Address, _Address)(("_PyEval_SetTrace", _api))


def innermost() -> list[tuple[int, FrameType]]:
    """The other threads that are in Python code: each thread's number, which no other one ever gets, and its innermost frame."""
    own = _number(_mine())
    numbers, frames = tee(_states())
    rows = at_once(zip(map(_number, numbers), map(_frame, frames), strict=False))
    found = []
    for number, address in rows:
        if address:
            frame: Any = ctypes.cast(address, ctypes.py_object).value
            # It was given to us.
            _release(address)
            if number != own:
                found.append((number, frame))
    return found


def trace(numbers: set[int], function: Any) -> None:
    """Have those of the threads that still run be traced by ``function``."""
    states, others = tee(_states())
    chosen = compress(states, map(numbers.__contains__, map(_number, others)))
    address = ctypes.cast(function, _Address).value
    at_once(map(_trace, chosen, repeat(address), repeat(None)))


def _states() -> Iterator[int]:
    """The addresses of the records, one after the other: to be gone through in one call, and kept by nobody."""
    return takewhile(truth, accumulate(chain(map(_head, (_interpreter(),)), repeat(0)), _next))
