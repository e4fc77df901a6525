"""Registering a running program: the runtime directory is the port mapper, and there is no daemon.

A program is a file ``PID.json`` beside its socket ``PID.sock``. This module is imported when a program starts, so it imports
next to nothing; finding programs is in ``podus.portmap.lookup``.
"""

from __future__ import annotations

import os
import sys
import time

from podus import places
from podus.errors import Refused
from podus.portmap.process import birth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# sun_path holds 104 bytes on macOS and 108 on Linux, with the final zero.
SOCKET_BYTES = 100


def socket_path(pid: int) -> str:
    """Where the control socket of process ``pid`` lies.

    Raises Refused if the runtime directory's name is too long for a socket.
    """
    path = os.path.join(places.runtime_dir(), f"{pid}.sock")
    if len(os.fsencode(path)) >= SOCKET_BYTES:
        raise Refused(
            f"the path of the control socket is longer than the {SOCKET_BYTES} bytes that a socket's may have: {path}",
            "set PODUS_HOME to a shorter directory",
        )
    return path


def register(name: str, pid: int, path: str, info: Mapping[str, Any]) -> str:
    """Make process ``pid`` known as ``name``, whose control socket at ``path`` must be listening by now; return the entry's file.

    ``info`` is ``{"argv": [...], "python": "3.12.1"}``, and more if wanted; ``executable``, ``cwd`` and ``started`` (seconds since
    1970) are those of the moment unless given.
    Raises Refused if the entry can't be written.
    """
    entry = {"executable": sys.executable, "cwd": _cwd(), "started": time.time(), **info}
    entry |= {"name": name, "pid": pid, "socket": path, "born": birth(pid)}
    target = os.path.join(places.runtime_dir(), f"{pid}.json")
    draft = f"{target}.tmp"
    try:
        with open(draft, "w", encoding="ascii") as file:
            file.write(_json(entry))
        os.replace(draft, target)
    except OSError as error:
        raise Refused(
            f"the program can't be registered in {target}: {error.strerror or error}",
            "make that directory writable, or set PODUS_HOME to one that is",
        ) from error
    return target


def unregister(pid: int) -> None:
    """Forget process ``pid`` and its socket; it is no error if it isn't known."""
    base = places.runtime_dir()
    for name in (f"{pid}.json", f"{pid}.sock", f"{pid}.json.tmp"):
        try:
            os.unlink(os.path.join(base, name))
        except OSError:
            pass


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""  # it has been removed


def _json(value: object) -> str:
    """``value`` as JSON in ASCII. Importing ``json`` costs a starting program some milliseconds, and its C half does not."""
    try:
        from _json import encode_basestring_ascii as quote
    except ImportError:
        import json

        return json.dumps(value, default=str)
    return _encode(value, quote)


def _encode(value: object, quote: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quote(str(k))}: {_encode(v, quote)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_encode(item, quote) for item in value) + "]"
    return str(quote(str(value)))
