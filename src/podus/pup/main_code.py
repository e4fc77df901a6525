"""Exit stubs for the main script, which the interpreter compiles itself: no import shows it.

The script's code is seen at its first instruction. What it makes its functions of are constants of it: those without stubs are exchanged for those
with stubs, in the tuple itself. Until then the interpreter tells of every call; from then on of nothing.
"""

from __future__ import annotations

import os
import sys
from types import CodeType

from podus.pup.bytecode_cache import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from podus.pup.bytecode_cache import BytecodeCache


def at_start(of_program: Callable[[str], bool], cache: BytecodeCache) -> None:
    """Give the main module's functions exit stubs as it begins, from the cache if they are there; ``of_program`` says whether a file is the program's."""

    def begins(frame: Any) -> bool:
        code = frame.f_code
        if code.co_name != "<module>" or frame.f_globals.get("__name__") != "__main__":
            return False
        if of_program(code.co_filename):
            try:
                exchange(code, cache)
            except Exception:
                pass  # a program must not fail for our sake
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
    if not y:
        y()
    if y is None:
        x()
    if y is not None:
        x()


def _for(x: Any) -> None:
    for y in x:
        y()


def _whiles(x: Any) -> None:
    y = x
    while y:
        y()
    while not y:
        y()
    while y is None:
        x()
    while y is not None:
        x()


# What only code with a loop has (in Python 3.11 each kind of test goes back by an instruction of its own); found out so, because nothing need be
# imported for it.
_LOOPS = frozenset([*_for.__code__.co_code[::2], *_whiles.__code__.co_code[::2]]) - frozenset(
    _plain.__code__.co_code[::2]
)


def _loops(code: CodeType) -> bool:
    return not _LOOPS.isdisjoint(code.co_code[::2]) or any(
        type(const) is CodeType and _loops(const) for const in code.co_consts
    )


def exchange(code: CodeType, cache: BytecodeCache) -> None:
    """Exchange the functions and classes among the constants of ``code`` for the same with exit stubs."""
    consts = code.co_consts
    places = [n for n, const in enumerate(consts) if type(const) is CodeType and _loops(const)]
    if not places:
        return
    stubbed = _with_stubs(code, cache).co_consts
    # What has no loop is as it was.
    places = [n for n in places if stubbed[n] is not consts[n] and stubbed[n] != consts[n]]
    if not places:
        return
    donor = tuple([stubbed[n] for n in places])
    del stubbed
    # Not all of ctypes: that would be twice the time.
    from _ctypes import _SimpleCData, sizeof

    class Reference(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "P"

    size = sizeof(Reference)
    for number, n in enumerate(places):
        mine = Reference.from_address(id(consts) + tuple.__basicsize__ + n * size)
        other = Reference.from_address(id(donor) + tuple.__basicsize__ + number * size)
        # Each reference changes places: none is made, and none is lost.
        mine.value, other.value = other.value, mine.value


def _with_stubs(code: CodeType, cache: BytecodeCache) -> CodeType:
    source = None
    if os.path.isfile(code.co_filename):
        source = Source(os.path.abspath(code.co_filename))
        found = cache.find(source)
        if found is not None and _fits(found, code):
            return found
    from podus.frames.stubs import with_stubs

    made = with_stubs(code)
    if source is not None:
        cache.keep(source, made)
    return made


def _fits(found: CodeType, code: CodeType) -> bool:
    """Whether ``found`` is ``code`` with stubs: the interpreter may have compiled the script before it was changed, and it was looked up afterwards."""
    if (
        not found.co_code.startswith(code.co_code)
        or found.co_names[: len(code.co_names)] != code.co_names
        or found.co_filename != code.co_filename
        or found.co_qualname != code.co_qualname
        or found.co_flags != code.co_flags
        or found.co_varnames != code.co_varnames
        or not found.co_linetable.startswith(code.co_linetable)
        or found.co_firstlineno != code.co_firstlineno
        or len(found.co_consts) < len(code.co_consts)
    ):
        return False
    for one, other in zip(found.co_consts, code.co_consts, strict=False):
        if type(one) is CodeType and type(other) is CodeType:
            if not _fits(one, other):
                return False
        elif type(one) is not type(other) or one != other:
            return False
    return True
