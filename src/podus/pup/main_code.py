"""Exit stubs for the main script, which the interpreter compiles itself: no import shows it.

The script's code is seen at its first instruction. What it makes its functions of are constants of it: those without stubs are exchanged for those
with stubs, in the tuple itself. Until then the interpreter tells of every call; from then on of nothing.
"""

from __future__ import annotations

import sys
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def at_start(of_program: Callable[[str], bool]) -> None:
    """Give the main module's functions exit stubs as it begins; ``of_program`` says whether a file is the program's."""

    def begins(frame: Any) -> bool:
        code = frame.f_code
        if code.co_name != "<module>" or frame.f_globals.get("__name__") != "__main__":
            return False
        if of_program(code.co_filename):
            exchange(code)
        return True

    if sys.version_info >= (3, 12):
        _by_monitoring(begins)
    else:
        _by_profiling(begins)


def _by_monitoring(begins: Callable[[Any], bool]) -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    free = [tool for tool in (4, 3) if monitoring.get_tool(tool) is None]
    if not free:
        return
    tool, event = free[0], monitoring.events.PY_START

    def started(code: CodeType, offset: int) -> None:
        if code.co_name == "<module>" and begins(sys._getframe(1)):
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)

    monitoring.use_tool_id(tool, "podus")
    monitoring.register_callback(tool, event, started)
    monitoring.set_events(tool, event)


def _by_profiling(begins: Callable[[Any], bool]) -> None:
    if sys.getprofile() is not None:
        return

    def called(frame: Any, event: str, argument: Any) -> None:
        if event == "call" and begins(frame):
            sys.setprofile(None)

    sys.setprofile(called)


def _plain(x: Any) -> None:
    y = x
    if y:
        y()


def _for(x: Any) -> None:
    for y in x:
        y()


def _while(x: Any) -> None:
    y = x
    while y:
        y()


# What only code with a loop has; found out so, because nothing need be imported for it.
_LOOPS = frozenset([*_for.__code__.co_code[::2], *_while.__code__.co_code[::2]]) - frozenset(
    _plain.__code__.co_code[::2]
)


def _loops(code: CodeType) -> bool:
    return not _LOOPS.isdisjoint(code.co_code[::2]) or any(
        type(const) is CodeType and _loops(const) for const in code.co_consts
    )


def exchange(code: CodeType) -> None:
    """Exchange the functions and classes among the constants of ``code`` for the same with exit stubs."""
    consts = code.co_consts
    places = [n for n, const in enumerate(consts) if type(const) is CodeType and _loops(const)]
    if not places:
        return
    from podus.frames.stubs import with_stubs

    donor = tuple([with_stubs(consts[n]) for n in places])
    if all(made is consts[n] for made, n in zip(donor, places, strict=True)):
        return
    import ctypes

    size = ctypes.sizeof(ctypes.c_void_p)
    for number, n in enumerate(places):
        mine = ctypes.c_void_p.from_address(id(consts) + tuple.__basicsize__ + n * size)
        other = ctypes.c_void_p.from_address(id(donor) + tuple.__basicsize__ + number * size)
        # Each reference changes places: none is made, and none is lost.
        mine.value, other.value = other.value, mine.value
