"""Seeing frames at the heads of their loops, with ``sys.monitoring`` (PEP 669): events of one code object, that cost nothing anywhere else."""

from __future__ import annotations

import sys
from weakref import ref

from podus.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

# Tools of the interpreter that somebody else is likely to be: debugger, coverage, profiler, optimizer.
_TAKEN = (0, 1, 2, 5)


class Watching:
    """The events of the code that is watched; ``seen(frame, offset)`` is called in the thread of the frame."""

    def __init__(self, seen: Callable[[FrameType, int], None]) -> None:
        self._seen = seen
        self._tool: int | None = None
        # By their ids: code objects that are alike are equal.
        self._codes: dict[int, ref[CodeType]] = {}

    def begin(self, code: CodeType) -> None:
        """Watch the loops of ``code``. Raises Refused if the interpreter has no room for one more tool."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        if self._tool is None:
            order = sorted(range(6), key=lambda number: number in _TAKEN)
            free = [number for number in order if monitoring.get_tool(number) is None]
            if not free:
                raise Refused(
                    "all places for tools of sys.monitoring are taken: running frames can't be moved",
                    "end a debugger, coverage or a profiler",
                )
            self._tool = free[0]
            monitoring.use_tool_id(self._tool, "podus")
            monitoring.register_callback(self._tool, monitoring.events.LINE, self._line)
            monitoring.register_callback(self._tool, monitoring.events.JUMP, self._jump)
        monitoring.set_local_events(self._tool, code, monitoring.events.LINE | monitoring.events.JUMP)
        key = id(code)
        self._codes[key] = ref(code, lambda _: self._codes.pop(key, None) and None)

    def end(self, code: CodeType) -> None:
        """Watch them no more."""
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        if self._tool is not None and id(code) in self._codes:
            monitoring.set_local_events(self._tool, code, 0)
            del self._codes[id(code)]
        if self._tool is not None and not self._codes:
            monitoring.free_tool_id(self._tool)
            self._tool = None

    def abandon(self, code: CodeType) -> None:
        """As :meth:`end`, in the thread of a frame that leaves ``code`` for good."""
        self.end(code)

    def open(self, code: CodeType, places: dict[int, int]) -> bool:
        """They are seen wherever they run."""
        if id(code) not in self._codes:
            self.begin(code)
        return True

    def refresh(self) -> None:
        """Events belong to code, in whatever thread it runs."""

    def _line(self, code: CodeType, line: int) -> Any:
        frame = sys._getframe(1)
        self._seen(frame, frame.f_lasti)

    def _jump(self, code: CodeType, source: int, target: int) -> Any:
        self._seen(sys._getframe(1), target)

    def bind(self, frame: FrameType, values: Any, unbound: list[str]) -> None:
        """Bind variables that are not bound to None, which the interpreter would do with a warning."""
        if not unbound:
            return
        for name in unbound:
            values[name] = None
        if sys.version_info < (3, 13):
            from podus.updating.ctype import locals_to_fast

            locals_to_fast(frame)

    def send(self, frame: FrameType, line: int) -> None:
        """Have the frame go on at ``line``."""
        frame.f_lineno = line  # type: ignore[misc]
