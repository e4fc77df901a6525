"""Where podus keeps things: the runtime directory (sockets, versions), the state directory (the log), and the bytecode cache."""

from __future__ import annotations

import os
import stat
import sys

from podus.errors import Refused


def _private(path: str) -> str:
    """Make ``path`` (mode 0700) if it is missing; refuse it if somebody else could have put it there."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise Refused(
            f"{path} is not a directory of this user's own",
            "remove it, or set PODUS_HOME to a private directory",
        )
    if stat.S_IMODE(info.st_mode) & 0o077:
        os.chmod(path, 0o700)
    return path


def runtime_dir() -> str:
    """The directory of the control sockets and of the versions in use.

    ``$PODUS_HOME/run``, else ``$XDG_RUNTIME_DIR/podus``, else ``/tmp/podus-UID`` (short: a socket's path is limited to about 100 bytes).

    Raises Refused if it can't be made.
    """
    try:
        return _runtime_dir()
    except OSError as error:
        raise Refused(
            f"the directory {error.filename} can't be used: {error.strerror}",
            "set PODUS_HOME to a private, writable directory",
        ) from error


def _runtime_dir() -> str:
    home = os.environ.get("PODUS_HOME")
    if home:
        _private(home)
        return _private(os.path.join(home, "run"))
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.path.isdir(base) and os.access(base, os.W_OK):
        return _private(os.path.join(base, "podus"))
    return _private(f"/tmp/podus-{os.getuid()}")


def state_dir() -> str:
    """The directory of the log: ``$PODUS_HOME/state``, else ``$XDG_STATE_HOME/podus``, else the platform's usual place."""
    home = os.environ.get("PODUS_HOME")
    if home:
        _private(home)
        return _private(os.path.join(home, "state"))
    base = os.environ.get("XDG_STATE_HOME")
    if not base:
        base = os.path.expanduser(
            "~/Library/Application Support" if sys.platform == "darwin" else "~/.local/state"
        )
    return _private(os.path.join(base, "podus"))


def cache_path() -> str | None:
    """Where the bytecode cache is or would be: ``$PODUS_HOME/cache``, else ``$XDG_CACHE_HOME/podus``, else the platform's usual place.

    None if the user has no home directory.
    """
    home = os.environ.get("PODUS_HOME")
    if home:
        return os.path.abspath(os.path.join(home, "cache"))
    base = os.environ.get("XDG_CACHE_HOME")
    if not base or not os.path.isabs(base):
        base = os.path.expanduser("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return os.path.join(base, "podus") if os.path.isabs(base) else None


def cache_dir() -> str:
    """The directory of the bytecode cache, made if it is missing. Raises Refused or OSError if it can't be used."""
    path = cache_path()
    if path is None:
        raise Refused("this user has no home directory", "set PODUS_HOME to a private, writable directory")
    home = os.environ.get("PODUS_HOME")
    if home:
        _private(home)
    return _private(path)
