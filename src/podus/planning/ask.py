"""The planner's questions to the pup, over the control socket."""

from __future__ import annotations

import base64
import json
import marshal
import socket
from functools import cached_property
from types import CodeType
from typing import Any

from podus.errors import KINDS, PodusError, Unreachable

# Modules whose sources are asked for at once: so few that the answer is soon put together.
_AT_ONCE = 16


class Asker:
    """A connection to one pup. Raises what the pup answers as an error."""

    def __init__(self, path: str, max_stall: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError as error:
            raise Unreachable(
                f"nothing answers at {path}: {error.strerror}", "see what runs with `podus ps`"
            ) from None
        self._file = self._socket.makefile("rb")
        self._count = 0
        self._max_stall = max_stall
        self._known: dict[tuple[str, str | None], dict[str, Any]] = {}

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
        self._socket.close()

    def call(self, method: str, **params: Any) -> Any:
        """Ask one question and wait for its answer."""
        self._count += 1
        message = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            line = self._file.readline()
        except OSError:
            line = b""
        if not line:
            raise Unreachable("the program ended while the plan was made", "see what runs with `podus ps`")
        answer = json.loads(line)
        if "error" in answer:
            error = answer["error"]
            data = error.get("data") or {}
            raise KINDS.get(data.get("kind", ""), PodusError)(error["message"], data.get("remedy", ""))
        return answer["result"]

    @cached_property
    def hello(self) -> dict[str, Any]:
        """Who the pup is."""
        result: dict[str, Any] = self.call(
            "hello", **({"max_stall": self._max_stall} if self._max_stall else {})
        )
        return result

    def prefetch(self, modules: list[str], version: str | None) -> None:
        """Ask for the sources of many modules a few at a time: each question costs a busy program's pup a turn."""
        for start in range(0, len(modules), _AT_ONCE):
            names = modules[start : start + _AT_ONCE]
            answers = self.call("sources", modules=names, version=version)
            self._known.update({(n, version): answer for n, answer in zip(names, answers, strict=True)})

    def source(self, module: str, version: str | None) -> tuple[bytes | None, CodeType | None]:
        """What a version's module was compiled from: its source, or its code where there is none."""
        answer = self._known.pop((module, version), None) or self.call(
            "source", module=module, version=version
        )
        if answer["source"] is not None:
            return base64.b64decode(answer["source"]), None
        return None, marshal.loads(base64.b64decode(answer["code"]))
