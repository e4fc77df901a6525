"""Finding running programs: who is registered, who has died, and which one a person means."""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import asdict, dataclass, field
from typing import Any

from podus import places
from podus.errors import NotFound
from podus.portmap.process import is_alive

CONNECT_SECONDS = 2.0


@dataclass(frozen=True)
class Entry:
    """A running program. ``started`` is in seconds since 1970; ``alive`` is false where it runs but its socket is gone."""

    name: str
    pid: int
    socket: str
    started: float = 0.0
    argv: list[str] = field(default_factory=list)
    python: str = ""
    executable: str = ""
    cwd: str = ""
    born: str = ""
    alive: bool = True

    @property
    def full_name(self) -> str:
        """``name:pid``, which no other running program has."""
        return f"{self.name}:{self.pid}"

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain data, for ``--json``."""
        return asdict(self)


def programs() -> list[Entry]:
    """Every program of this user that runs under podus, oldest first. What the dead have left behind is removed."""
    base = places.runtime_dir()
    found: list[Entry] = []
    files = os.listdir(base)
    for file in files:
        stem, _, kind = file.partition(".")
        if not stem.isdecimal():
            continue
        if kind == "json":
            entry = _entry(os.path.join(base, file), int(stem))
            if entry is not None:
                found.append(entry)
        elif kind in ("sock", "json.tmp") and f"{stem}.json" not in files and not is_alive(int(stem)):
            _remove(os.path.join(base, file))
    _remove_versions(os.path.join(base, "versions"))
    return sorted(found, key=lambda entry: (entry.started, entry.pid))


def find(text: str) -> Entry:
    """The program that ``text`` means: its name, its pid, or ``name:pid``.

    Raises NotFound if there is none, or more than one of that name.
    """
    running = programs()
    name, _, pid = text.rpartition(":")
    exact = [e for e in running if e.full_name == text] if name and pid.isdecimal() else []
    named = exact or [e for e in running if e.name == text] or [e for e in running if str(e.pid) == text]
    if len(named) == 1:
        return named[0]
    if named:
        full = ", ".join(entry.full_name for entry in named)
        raise NotFound(
            f"{len(named)} running programs are named {text}: {full}",
            f"say which by name and pid, as in {named[0].full_name}, or by the pid alone",
        )
    raise _not_found(text, running)


def _not_found(text: str, running: list[Entry]) -> NotFound:
    if text.isdecimal() and is_alive(int(text)):
        return NotFound(f"process {text} runs, but not under podus", "start it with `podus run`")
    if not running:
        return NotFound(
            f"there is no running program {text}: none runs under podus here",
            "start one with `podus run --name NAME SCRIPT`",
        )
    import difflib

    names = {e.name: e.name for e in running} | {str(e.pid): e.name for e in running}
    names |= {e.full_name: e.full_name for e in running} | {e.name.casefold(): e.name for e in running}
    near = difflib.get_close_matches(text, names, n=1) or difflib.get_close_matches(
        text.casefold(), names, n=1
    )
    remedy = f"did you mean {names[near[0]]}? " if near else ""
    return NotFound(f"there is no running program {text}", f"{remedy}`podus ps` shows those that run")


def _entry(path: str, pid: int) -> Entry | None:
    """The entry in the file ``path``, or None (and the file is removed) if its process is gone."""
    try:
        with open(path, encoding="utf-8") as file:
            raw = json.load(file)
            written = os.fstat(file.fileno()).st_mtime
        name, address = str(raw["name"]), str(raw["socket"])
        if raw["pid"] != pid:
            raise ValueError("another process's entry")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        # Entries appear whole, by a rename: this one was never podus's, or a crash of the machine has cut it.
        if not is_alive(pid):
            _forget(path, pid)
        return None
    if not is_alive(pid, str(raw.get("born", "")), written):
        _forget(path, pid)
        return None
    answer = _knock(address)
    if answer is None:
        # The process has put another program in its place (exec), or its agent has ended.
        _forget(path, pid)
        return None
    return Entry(
        name=name,
        pid=pid,
        socket=address,
        started=float(raw.get("started") or written),
        argv=[str(item) for item in raw.get("argv") or []],
        python=str(raw.get("python", "")),
        executable=str(raw.get("executable", "")),
        cwd=str(raw.get("cwd", "")),
        born=str(raw.get("born", "")),
        alive=answer,
    )


def _knock(address: str) -> bool | None:
    """Whether somebody listens at ``address``: None if surely nobody does, False if it can't be said."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return None
        except BlockingIOError:
            return True  # its queue is full: it is busy, not gone
        except OSError:
            return False
    return True


def _remove_versions(base: str) -> None:
    """Remove the versions (``PID-…``) of processes that have died."""
    try:
        names = os.listdir(base)
    except OSError:
        return
    dead = {
        pid
        for pid in {name.partition("-")[0] for name in names}
        if pid.isdecimal() and not is_alive(int(pid))
    }
    for name in names:
        if name.partition("-")[0] in dead:
            shutil.rmtree(os.path.join(base, name), ignore_errors=True)


def _forget(path: str, pid: int) -> None:
    _remove(path)
    _remove(os.path.join(os.path.dirname(path), f"{pid}.sock"))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
