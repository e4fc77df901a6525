"""The control socket: one thread that sleeps in ``poll`` until somebody asks. JSON-RPC 2.0, one message a line.

It uses the low-level modules that the interpreter itself is made of, so that a program which replaces ``socket`` or ``threading``
(gevent does) does not replace what we stand on.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import fcntl
import os
import select
import sys
import time

from podus.threads import allocate_lock, get_ident, get_native_id, poll, sleep, start_new_thread
from podus.updating.breath import Breath, quick_turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Handler = Callable[[str, dict[str, Any], dict[str, Any]], Any]

MAX_LINE = 16 * 1024 * 1024
# A peer that does not read its replies is dropped once this much waits for it.
MAX_PENDING = 64 * 1024 * 1024
# Descriptors are taken from here on, so that the program's own have the numbers that they have without us.
FIRST_DESCRIPTOR = 200


_signals: Any = _signal


class Later:
    """A reply that is given when ``ready()`` no longer gives None, or at ``deadline`` (``time.monotonic`` seconds)."""

    def __init__(self, ready: Callable[[bool], Any], deadline: float) -> None:
        self.ready = ready
        self.deadline = deadline


class UnknownMethod(Exception):
    """There is no such question."""


class _Connection:
    def __init__(self, sock: Any, peer: dict[str, Any]) -> None:
        self.sock = sock
        self.peer = peer
        self.received = b""
        self.unsent = b""
        self.waiting: list[tuple[Any, Later]] = []
        self.closing = False
        self.mark = _mark(sock.fileno())

    def is_ours(self) -> bool:
        """Whether the descriptor is still this connection's."""
        try:
            return _mark(self.mark[0]) == self.mark
        except OSError:
            return False


class Server:
    """Listens for the shell. ``handler(method, params, peer)`` gives a result, a :class:`Later`, or raises."""

    def __init__(self, handler: Handler, path: Callable[[], str]) -> None:
        self.handler = handler
        self._path = path
        self.path = ""
        self._listener: Any = None
        self._wake_read = self._wake_write = -1
        self._marks: list[tuple[int, int, int]] = []
        self._connections: dict[int, _Connection] = {}
        self._running = False
        self._stopped = allocate_lock()
        self._ident = self._native = 0
        self._mask: Any = ()

    def open(self) -> str:
        """Bind the socket; its directory is private and its mode 0600."""
        self.path = self._path()
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        listener = _high_socket(_socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM).detach())
        listener.bind(self.path)
        os.chmod(self.path, 0o600)
        listener.listen(128)
        listener.setblocking(False)
        self._listener = listener
        self._wake_read, self._wake_write = map(_high, os.pipe())
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._marks = [_mark(n) for n in (listener.fileno(), self._wake_read, self._wake_write)]
        return self.path

    def _is_ours(self) -> bool:
        """Whether our descriptors are still our own: a program that becomes a daemon closes all that it does not know, and opens others."""
        try:
            return all(_mark(mark[0]) == mark for mark in self._marks)
        except OSError:
            return False

    def _reopen(self) -> None:
        """Our descriptors have been closed for us; whatever has their numbers now is not ours to touch."""
        self._listener.detach()
        for connection in self._connections.values():
            if not connection.is_ours():
                connection.sock.detach()
        self._connections.clear()
        self.open()

    def start(self) -> None:
        """Start the thread, if the socket is open."""
        if self._listener is None or self._running:
            return
        self._running = True
        self._stopped.acquire()
        # Not threading.Thread: the program's own list of threads must stay as it is.
        # Signals are the program's: one that came to our thread would not wake the main thread from what it waits in.
        before = self._mask = _signals.pthread_sigmask(_signals.SIG_BLOCK, _signals.valid_signals())
        try:
            self._ident = start_new_thread(self._loop, ())
        finally:
            _signals.pthread_sigmask(_signals.SIG_SETMASK, before)

    def with_program_signals(self, call: Callable[[], None]) -> None:
        """Call ``call``, which starts a thread, so that the thread and what it starts get the program's signals also if we do it."""
        if get_ident() != self._ident:
            call()
            return
        before = _signals.pthread_sigmask(_signals.SIG_SETMASK, self._mask)
        try:
            call()
        finally:
            _signals.pthread_sigmask(_signals.SIG_SETMASK, before)

    def stop(self) -> None:
        """End the thread and wait for it; the socket stays open, so whoever connects meanwhile is answered after :meth:`start`."""
        if not self._running:
            return
        if get_ident() == self._ident:
            return
        self._running = False
        self.wake()
        self._stopped.acquire()
        self._stopped.release()
        until_gone(self._native)

    def close(self) -> None:
        """Remove the socket."""
        if self._listener is None:
            return
        self._running = False
        self.wake()
        try:
            os.unlink(self.path)
        except OSError:
            pass

    def forget(self) -> None:
        """In a forked child: these are the parent's connections, not ours."""
        for connection in self._connections.values():
            if connection.is_ours():
                connection.sock.close()
            else:
                connection.sock.detach()
        self._connections.clear()
        if self._listener is not None:
            if self._is_ours():
                self._listener.close()
                os.close(self._wake_read)
                os.close(self._wake_write)
            else:
                self._listener.detach()
        self._listener = None
        self._running = False
        self._stopped = allocate_lock()

    def wake(self) -> None:
        """Have replies that wait looked at again. Callable from any thread."""
        if not self._is_ours():
            return
        try:
            os.write(self._wake_write, b"\0")
        except OSError:
            pass

    def _loop(self) -> None:
        self._native = get_native_id()
        try:
            while self._running:
                try:
                    self._turn()
                except Exception:
                    if self._listener is None or sys is None:
                        return
                    sleep(0.05)
        finally:
            try:
                self._stopped.release()
            except (RuntimeError, AttributeError):
                pass

    def _turn(self) -> None:
        if not self._is_ours():
            self._reopen()
        asked = poll()
        asked.register(self._listener.fileno(), select.POLLIN)
        asked.register(self._wake_read, select.POLLIN)
        deadline: float | None = None
        for number, connection in self._connections.items():
            wanted = 0 if connection.closing else select.POLLIN
            asked.register(number, wanted | (select.POLLOUT if connection.unsent else 0))
            for _, later in connection.waiting:
                deadline = later.deadline if deadline is None else min(deadline, later.deadline)
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        events = asked.poll(timeout)
        if not self._is_ours():
            return
        with quick_turns:
            self._attend(events)

    def _attend(self, events: list[tuple[int, int]]) -> None:
        for number, event in events:
            if number == self._wake_read:
                try:
                    os.read(self._wake_read, 4096)
                except OSError:
                    pass
            elif number == self._listener.fileno():
                self._accept()
            elif number in self._connections:
                self._serve(self._connections[number], event)
        for connection in list(self._connections.values()):
            self._answer_waiting(connection)
            self._flush(connection)

    def _accept(self) -> None:
        sock = _high_socket(self._listener._accept()[0])
        peer = peer_of(sock)
        if peer.get("uid") not in (os.getuid(), 0):
            sock.close()
            return
        sock.setblocking(False)
        self._connections[sock.fileno()] = _Connection(sock, peer)

    def _drop(self, connection: _Connection) -> None:
        self._connections.pop(connection.sock.fileno(), None)
        connection.sock.close()

    def _serve(self, connection: _Connection, event: int) -> None:
        if event & (select.POLLERR | select.POLLNVAL):
            self._drop(connection)
            return
        if not event & (select.POLLIN | select.POLLHUP):
            return
        try:
            data = connection.sock.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        connection.received += data
        while b"\n" in connection.received and not connection.closing:
            line, _, connection.received = connection.received.partition(b"\n")
            self._line(connection, line)
        if len(connection.received) > MAX_LINE:
            self._reply(connection, None, error=(-32700, f"a message is longer than {MAX_LINE} bytes", {}))
            connection.closing = True

    def _line(self, connection: _Connection, line: bytes) -> None:
        import json

        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._reply(connection, None, error=(-32700, "the message is not JSON", {}))
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            self._reply(connection, None, error=(-32600, "the message is not a JSON-RPC 2.0 request", {}))
            return
        number = message.get("id")
        params = message.get("params", {})
        if not isinstance(params, dict):
            self._reply(connection, number, error=(-32602, "parameters go by name", {}))
            return
        self._call(connection, number, lambda: self.handler(message["method"], params, connection.peer))

    def _call(self, connection: _Connection, number: Any, call: Callable[[], Any]) -> None:
        from podus.errors import PodusError

        try:
            result = call()
        except UnknownMethod as error:
            self._reply(connection, number, error=(-32601, str(error), {}))
        except PodusError as error:
            details = {"kind": error.kind, "remedy": error.remedy}
            self._reply(connection, number, error=(-32000, error.message, details))
        except (TypeError, KeyError, ValueError) as error:
            self._reply(connection, number, error=(-32602, f"bad parameters: {error!r}", {}))
        except Exception as error:
            self._reply(connection, number, error=(-32603, f"internal error: {error!r}", {}))
        else:
            if isinstance(result, Later):
                connection.waiting.append((number, result))
            else:
                self._reply(connection, number, result)

    def _answer_waiting(self, connection: _Connection) -> None:
        still: list[tuple[Any, Later]] = []
        for number, later in connection.waiting:
            expired = time.monotonic() >= later.deadline
            result: Any = None
            try:
                result = later.ready(expired)
            except Exception as error:
                self._reply(connection, number, error=(-32603, f"internal error: {error!r}", {}))
                continue
            if result is None and not expired:
                still.append((number, later))
            else:
                self._reply(connection, number, result)
        connection.waiting = still

    def _reply(self, connection: _Connection, number: Any, result: Any = None, *, error: Any = None) -> None:
        from podus.pieces import encoded

        message: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        if error is None:
            message["result"] = result
        else:
            message["error"] = {"code": error[0], "message": error[1], "data": error[2]}
        connection.unsent += "".join(encoded(message, Breath())).encode() + b"\n"

    def _flush(self, connection: _Connection) -> None:
        if connection.unsent:
            try:
                sent = connection.sock.send(connection.unsent)
                connection.unsent = connection.unsent[sent:]
            except BlockingIOError:
                pass
            except OSError:
                self._drop(connection)
                return
        if len(connection.unsent) > MAX_PENDING or (connection.closing and not connection.unsent):
            self._drop(connection)


def peer_of(sock: Any) -> dict[str, Any]:
    """The uid (and on Linux the pid) of the process at the other end of a Unix socket, as the kernel has it."""
    import struct

    if sys.platform == "linux":
        raw = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", raw)
        return {"pid": pid, "uid": uid}
    # struct xucred: version, uid, ... at SOL_LOCAL (0), LOCAL_PEERCRED (1)
    raw = sock.getsockopt(0, 1, 76)
    return {"pid": 0, "uid": struct.unpack("2I", raw[:8])[1]}


def _high(number: int) -> int:
    """The same open file under a number that the program will hardly get to."""
    try:
        moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    except OSError:  # the limit is lower than that
        os.set_inheritable(number, False)
        return number
    os.close(number)
    return moved


def _high_socket(number: int) -> Any:
    return _socket.socket(fileno=_high(number))


def _mark(number: int) -> tuple[int, int, int]:
    """What tells the open file under this number from any other."""
    info = os.fstat(number)
    return number, info.st_dev, info.st_ino


def until_gone(native: int) -> None:
    """Let the thread's last instructions run: CPython warns at a fork when the system counts more than one thread."""
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        try:
            os.stat(f"/proc/self/task/{native}")
        except OSError:
            return  # it has ended, or this system does not say
        sleep(0.00005)
