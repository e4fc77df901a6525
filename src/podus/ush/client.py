"""Asking a pup: JSON-RPC 2.0 over its control socket, one message a line. Standard library only."""

from __future__ import annotations

import json
import socket
import time
from types import TracebackType
from typing import Any

from podus.errors import KINDS, PodusError, Refused, Unreachable
from podus.portmap.lookup import Entry
from podus.portmap.process import is_alive

MAX_LINE = 16 * 1024 * 1024
REPLY_SECONDS = 30.0
ENDING_SECONDS = 1.0

METHOD_NOT_FOUND = -32601


class Pup:
    """A connection to the pup of the program ``entry``. Not to be shared between threads.

    ``patience`` is how many seconds a reply may take beyond those that the call itself asks for.
    """

    def __init__(self, entry: Entry, link: socket.socket, patience: float = REPLY_SECONDS) -> None:
        self.entry = entry
        self.patience = patience
        self._link = link
        self._received = bytearray()
        self._last_id = 0

    def __enter__(self) -> Pup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up. What the pup is doing goes on."""
        self._link.close()

    def call(self, method: str, /, **params: Any) -> Any:
        """The result of ``method``; parameters that are None are left out. A parameter ``seconds`` is waited for on top of ``patience``.

        Raises what the pup answers with (Refused, NotFound, PodusError), and Unreachable if it gives no usable answer.
        """
        self._last_id += 1
        given = {name: value for name, value in params.items() if value is not None}
        request = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": given}
        line = json.dumps(request).encode("ascii") + b"\n"
        if len(line) > MAX_LINE:
            raise Refused(f"the request {method} is longer than {MAX_LINE} bytes", "give it less at once")
        seconds = self.patience + float(given.get("seconds", 0))
        deadline = time.monotonic() + seconds
        try:
            self._link.settimeout(self.patience)
            self._link.sendall(line)
            reply = self._reply(deadline)
        except TimeoutError as error:
            raise Unreachable(
                f"{self._who} did not answer {method} within {seconds:g} seconds",
                "it may be stopped, or busy in code that keeps the interpreter to itself; try again",
            ) from error
        except OSError as error:
            raise self._gone(f"the connection to {self._who} broke: {error.strerror or error}") from error
        return self._result(method, reply)

    @property
    def _who(self) -> str:
        return f"{self.entry.name} (pid {self.entry.pid})"

    def _reply(self, deadline: float) -> dict[str, Any]:
        """The reply to the last request; late replies to earlier ones are passed over."""
        while True:
            line = self._line(deadline)
            try:
                reply = json.loads(line)
            except ValueError as error:
                raise self._nonsense("something that is not JSON") from error
            if not isinstance(reply, dict) or ("result" in reply) == ("error" in reply):
                raise self._nonsense("something that is not a JSON-RPC reply")
            number = reply.get("id")
            if number == self._last_id or (number is None and "error" in reply):
                return reply
            if not isinstance(number, int) or not 0 < number < self._last_id:
                raise self._nonsense("a reply to another request")

    def _line(self, deadline: float) -> bytes:
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > MAX_LINE:
                raise self._nonsense(f"more than {MAX_LINE} bytes in one message")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._link.settimeout(left)
            data = self._link.recv(1 << 18)
            if not data:
                within = " in the middle of a message" if self._received else ""
                raise self._gone(f"{self._who} closed the connection{within}")
            self._received += data
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _result(self, method: str, reply: dict[str, Any]) -> Any:
        if "error" not in reply:
            return reply["result"]
        error = reply["error"]
        if not isinstance(error, dict) or not isinstance(error.get("message"), str):
            raise self._nonsense("an error that says nothing")
        if error.get("code") == METHOD_NOT_FOUND:
            raise PodusError(
                f"{self._who} runs under another podus, which does not know {method}",
                "use the podus that it was started with",
            )
        raw = error.get("data")
        data = raw if isinstance(raw, dict) else {}
        raise KINDS.get(str(data.get("kind")), PodusError)(error["message"], str(data.get("remedy") or ""))

    def _nonsense(self, what: str) -> Unreachable:
        self.close()
        return Unreachable(
            f"{self._who} answered with {what}",
            "it may run under another podus: use the one it was started with",
        )

    def _gone(self, message: str) -> Unreachable:
        self.close()
        # A process that ends closes its sockets a moment before it is gone.
        give_up = time.monotonic() + ENDING_SECONDS
        while is_alive(self.entry.pid, self.entry.born, self.entry.started):
            if time.monotonic() > give_up:
                break
            time.sleep(0.02)
        else:
            return exited(self.entry)
        return Unreachable(message, "try again; `podus ps` shows what runs")


def exited(entry: Entry) -> Unreachable:
    """The error that says that the program is no more."""
    return Unreachable(
        f"the program {entry.name} (pid {entry.pid}) has exited",
        f"`podus log {entry.name}` says what had been done; start it again with `podus run`",
    )


def connect(entry: Entry, patience: float = REPLY_SECONDS) -> Pup:
    """Call the pup of the program ``entry``; ``patience`` is in seconds.

    Raises Unreachable if the program has exited or its socket does not answer.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.settimeout(patience)
    try:
        link.connect(entry.socket)
    except OSError as error:
        link.close()
        if not is_alive(entry.pid, entry.born, entry.started):
            raise exited(entry) from error
        reason = (
            "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        )
        raise Unreachable(
            f"the control socket of {entry.name} (pid {entry.pid}) can't be reached: {entry.socket}: {reason}",
            "the program runs on, but can be updated only after a restart if its socket has been removed",
        ) from error
    return Pup(entry, link, patience)
