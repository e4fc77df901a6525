"""The processes of the demo, and how they are started, asked and ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from podus.errors import PodusError

PATIENCE = 30.0  # seconds for a process to start or to end
Figures = dict[str, Any]


def environment() -> dict[str, str]:
    """The environment of the child processes: they import the same podus as this one."""
    home = str(Path(__file__).resolve().parents[2])
    path = [home, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}


class Child:
    """A process that says in one line of JSON when it is ready, and maybe more later (``hear`` gets every later line)."""

    def __init__(
        self, name: str, command: Sequence[str], *, cwd: Path, hear: Callable[[Figures], None] | None = None
    ) -> None:
        self.name = name
        self.environment = environment()
        self._errors = (cwd / f"{name}.stderr").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo, which ends them in order
        )
        self._hear = hear
        self._reader = threading.Thread(target=self._read, name=f"{name}-reader", daemon=True)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    def answer(self) -> dict[str, Any]:
        """The next line that the process prints.

        Raises PodusError if it has ended or prints anything else.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        try:
            found = json.loads(line)
        except ValueError:
            raise PodusError(
                f"the demo's {self.name} did not start: {self.complaint() or repr(line)}"
            ) from None
        if not isinstance(found, dict):
            raise PodusError(f"the demo's {self.name} printed {line!r}")
        return found

    def listen(self) -> None:
        """From now on every line goes to ``hear``."""
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None and self._hear is not None
        for line in self.process.stdout:
            self._hear(json.loads(line))

    def order(self, text: str) -> None:
        """Send one line to the process."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def complaint(self) -> str:
        """The last line that the process wrote to its standard error."""
        self._errors.flush()
        text = Path(self._errors.name).read_text(encoding="utf-8", errors="replace").strip()
        return text.splitlines()[-1] if text else ""

    def finish(self, how: signal.Signals | None = None) -> int:
        """Let the process end: by closing its standard input, or by a signal; its exit status."""
        assert self.process.stdin is not None
        if how is not None:
            self.process.send_signal(how)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            return self.process.wait(PATIENCE)
        finally:
            if self._reader.is_alive():
                self._reader.join(PATIENCE)

    def kill(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._errors.close()


def ask_router(port: int) -> dict[str, Any]:
    """What the router reports of itself on its control port.

    Raises PodusError if it does not answer.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5.0)
        sock.sendto(b"report", ("127.0.0.1", port))
        try:
            found = json.loads(sock.recv(65536))
        except TimeoutError:
            raise PodusError("the demo's router does not answer on its control port") from None
    assert isinstance(found, dict)
    return found


def podus_command(*args: str) -> list[str]:
    """The command line that runs podus in a process of its own."""
    return [sys.executable, "-m", "podus", *args]


def kernel_drops(ports: Sequence[int]) -> int | None:
    """Packets that the kernel threw away because a socket of ``ports`` was full; None where it does not say (not Linux)."""
    try:
        lines = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    rows = [line.split() for line in lines]
    return sum(int(row[-1]) for row in rows if int(row[1].rpartition(":")[2], 16) in ports)
