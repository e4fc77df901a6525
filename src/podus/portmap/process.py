"""Which process is which: a pid alone says nothing once it has been used again.

Standard library only, and cheap: a program that starts under podus asks for its own birth.
"""

from __future__ import annotations

import os
import sys

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


def birth(pid: int) -> str:
    """What tells process ``pid`` from every other that ever had this pid, or "" where the system doesn't say it cheaply.

    On Linux the boot and the start time since then, in clock ticks.
    """
    fields = _stat(pid)
    if not fields:
        return ""
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            boot = file.read(8)
    except OSError:
        boot = ""
    return f"{boot}:{fields[19]}"


def is_alive(pid: int, born: str = "", seen: float = 0.0) -> bool:
    """Whether the process that had ``pid`` and the :func:`birth` ``born`` at the time ``seen`` (seconds since 1970) still runs.

    Where there is no birth to compare, a process that started after ``seen`` is another one.
    A zombie has ended.
    """
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    fields = _stat(pid)
    if fields:
        return fields[0] not in ("Z", "X") and (not born or birth(pid) == born)
    return _alive_by_ps(pid, seen)


def _stat(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat`` from the state on, [] where there is none."""
    if not sys.platform.startswith("linux"):
        return []
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _alive_by_ps(pid: int, seen: float) -> bool:
    """:func:`is_alive` by ``ps``, for the shell only: it starts a process."""
    import subprocess
    import time

    try:
        out = subprocess.run(
            ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            timeout=10,
            env=os.environ | {"LC_ALL": "C"},
            check=False,
        ).stdout.split(None, 1)
    except (OSError, subprocess.SubprocessError):
        return True
    if len(out) < 2 or out[0].startswith("Z"):
        return False
    try:
        started = time.mktime(time.strptime(out[1].strip(), "%a %b %d %H:%M:%S %Y"))
    except ValueError:
        return True
    # lstart is in whole seconds, and clocks are set: two seconds of grace.
    return not seen or started <= seen + 2
