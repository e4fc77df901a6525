"""Starting the pup in a process: by ``podus run`` (``boot``), by ``podus.enable()``, and again in a forked child."""

from __future__ import annotations

import atexit
import os
import sys

# Whoever imports threading first is the main thread to it; that must not become the pup's thread.
import threading  # noqa: F401

from podus.pup import aside
from podus.pup.recorder import Recorder
from podus.pup.server import Server, until_gone
from podus.updating.breath import quick_turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Pup:
    """The program-update processor of this process: its records, its socket, and, once asked for, its agent."""

    def __init__(self, name: str, include: list[str], *, stubs: bool) -> None:
        self.name = name
        self.recorder = Recorder(include, stubs=stubs)
        self.server = Server(self._handle, self._socket_path)
        self._agent: Any = None
        self.error = ""

    def _socket_path(self) -> str:
        from podus.portmap.registry import socket_path

        return socket_path(os.getpid())

    @property
    def agent(self) -> Any:
        """What may be asked of the pup; made at the first question, so that a program that is never asked pays nothing."""
        if self._agent is None:
            # By now the program has put what it wants first on sys.path.
            aside.look()
            from podus.updating.listing import promote_young

            promote_young()
            from podus.pup.agent import Agent

            self._agent = Agent(self)
        return self._agent

    def _handle(self, method: str, params: dict[str, Any], peer: dict[str, Any]) -> Any:
        return self.agent.handle(method, params, peer)

    def serve(self) -> None:
        """Open the socket, register with the port mapper and let the pup's thread sleep on it."""
        from podus.portmap.registry import register

        path = self.server.open()
        register(
            self.name, os.getpid(), path, {"argv": list(sys.orig_argv), "python": sys.version.split()[0]}
        )
        self.server.start()

    def close(self) -> None:
        """Take the program off the port mapper."""
        from podus.portmap.registry import unregister

        self.server.close()
        unregister(os.getpid())

    def before_fork(self) -> None:
        """No thread of ours may hold a lock while the process is copied."""
        self.server.stop()
        if self._agent is not None:
            until_gone(self._agent.before_fork())

    def after_fork_in_parent(self) -> None:
        """Go on as before."""
        if sys.version_info >= (3, 13):
            _once_it_has_returned(self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        self.server.start()
        if self._agent is not None:
            self._agent.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """The child is a program of its own, with its own socket; an update that was under way goes on in it as well."""
        self.server.forget()
        quick_turns.forget()
        try:
            self.serve()
            if self._agent is not None:
                self._agent.after_fork_in_child()
        except Exception as error:
            self.error = str(error)


def _once_it_has_returned(call: Callable[[], None]) -> None:
    """Call ``call`` at the next instruction of the code that forked.

    CPython 3.13 counts the threads, in order to warn of them, only after the hooks have run: none may be started in one.
    """
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    free = [tool for tool in (4, 3) if monitoring.get_tool(tool) is None]
    try:
        code = sys._getframe(2).f_code
    except ValueError:
        code = None
    if not free or code is None:
        call()
        return
    tool, event = free[0], monitoring.events.INSTRUCTION

    def seen(*where: object) -> None:
        if monitoring.get_tool(tool) == "podus":
            monitoring.set_local_events(tool, code, 0)
            monitoring.register_callback(tool, event, None)
            monitoring.free_tool_id(tool)
            call()

    monitoring.use_tool_id(tool, "podus")
    monitoring.register_callback(tool, event, seen)
    monitoring.set_local_events(tool, code, event)


_pup: Pup | None = None


def current() -> Pup | None:
    """The pup of this process, if it has one."""
    return _pup


def start(name: str, include: list[str], *, stubs: bool = True) -> Pup:
    """Start this process's pup; with ``stubs``, what is loaded gets exit stubs for its loops. A program goes on without one if its socket can't be made (``Pup.error`` says why)."""
    global _pup
    if _pup is not None:
        _pup.recorder.include = tuple(dict.fromkeys((*_pup.recorder.include, *include)))
        return _pup
    _pup = Pup(name, include, stubs=stubs)
    _pup.recorder.install()
    try:
        _pup.serve()
    except Exception as error:
        _pup.error = str(error)
    os.register_at_fork(
        before=_pup.before_fork,
        after_in_parent=_pup.after_fork_in_parent,
        after_in_child=_pup.after_fork_in_child,
    )
    atexit.register(_pup.close)
    return _pup


def boot(settings: dict[str, Any]) -> None:
    """Called by ``pup/boot`` before the program's first line."""
    pup = start(settings["name"], settings["include"], stubs=settings["stubs"])
    pup.recorder.expect_main(settings.get("module"), settings.get("script"))
    if settings["stubs"]:
        from podus.pup.main_code import at_start

        at_start(lambda file: pup.recorder.in_program("__main__", file), pup.recorder.cache)
    if pup.error:
        print(f"podus: {pup.error}; the program runs, but can't be updated", file=sys.stderr)
