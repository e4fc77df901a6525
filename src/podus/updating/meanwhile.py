"""Functions that new statements make, and modules that they import, while the program goes on with the old values of its data.

What they read of data that the same update changes they must find as it is going to be, and other threads must not: so they run code
that asks for it under other names (:mod:`podus.planning.staged`), for as long as new statements run, and get their own code then.
"""

from __future__ import annotations

from types import CodeType, FunctionType, ModuleType

from podus.planning.pack import MADE, ON_STAGE
from podus.program.code import procedures
from podus.updating.binding import Stall, Switch, settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Meanwhile:
    """The functions that have other code, and the names that only this code says."""

    def __init__(self, stall: Stall) -> None:
        self.stall = stall
        # Such code by id, with what stands for it in the end; both are kept alive.
        self._codes: dict[int, tuple[CodeType, CodeType]] = {}
        self._made: list[FunctionType] = []
        self._names: list[tuple[dict[str, Any], str]] = []

    def code(self, pack: dict[str, CodeType], runner: str) -> CodeType:
        """What to run for a piece of code."""
        staged = pack.get(f"{runner} {ON_STAGE}")
        if staged is None:
            return pack[runner]
        self._expect(staged, pack[runner])
        return staged

    def importing(
        self, packs: dict[str, dict[str, CodeType]], show: Callable[[ModuleType], None]
    ) -> Callable[[ModuleType, CodeType], CodeType]:
        """What is asked for the code of a module that is imported; ``show`` puts the names there that it says."""

        def ask(module: ModuleType, code: CodeType) -> CodeType:
            staged = packs.get(module.__name__, {}).get(ON_STAGE)
            if staged is None or vars(module).get("__file__") != staged.co_filename:
                return code
            self._expect(staged, code)
            show(module)
            return staged

        return ask

    def _expect(self, staged: CodeType, plain: CodeType) -> None:
        own = procedures(plain)
        for name, code in procedures(staged).items():
            if name in own and own[name] is not code:
                self._codes[id(code)] = (code, own[name])

    def name(self, namespace: dict[str, Any], names: Iterable[tuple[str, Any]]) -> None:
        """Have such code find ``names`` in ``namespace``."""
        for name, value in (*names, (MADE, self._hear)):
            self._names.append((namespace, name))
            namespace[name] = value

    def _hear(self, function: FunctionType) -> FunctionType:
        self._made.append(function)
        return function

    def end(self) -> None:
        """Give every function its own code."""
        own = Switch()
        for function in self._made:
            pair = self._codes.get(id(function.__code__))
            if pair is not None:
                own.set_attribute(function, "__code__", pair[1])
        settle(own.do, self.stall)
        for namespace, name in self._names:
            namespace.pop(name, None)
        self._codes, self._made, self._names = {}, [], []
