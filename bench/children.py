"""Programs under measurement: started plain or under podus, and asked over a socket, one JSON value a line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

STAGE = Path(__file__).parent / "stage"
PATIENCE = 600.0


@contextmanager
def workplace() -> Iterator[Path]:
    """A temporary directory with a short name (sockets go there), removed afterwards."""
    place = Path(tempfile.mkdtemp(prefix="pb", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def environment(place: Path, **more: str) -> dict[str, str]:
    """What every program of a run gets: podus' own directories in ``place``, and a fixed hash seed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PODUS"))}
    if "PYTHONPATH" in os.environ:
        kept["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return kept | {"PODUS_HOME": str(place / "podus"), "PYTHONHASHSEED": "0", **more}


def command(name: str | None, script: Path, *arguments: str) -> list[str]:
    """The command line of ``script``: plain, or under podus as the program ``name``."""
    if name is None:
        return [sys.executable, str(script), *arguments]
    return [sys.executable, "-m", "podus", "run", "--name", name, "--", str(script), *arguments]


def hurry() -> None:
    """Be run at once when there is something to do, if the user has that right: else all that the machine does is measured, too.

    Called in the new process; what it becomes, and every thread of it, keeps the priority.
    """
    with suppress(AttributeError, OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def priority(pid: int) -> str:
    """The priority that a process runs with, in words."""
    with suppress(AttributeError, OSError):
        if os.sched_getscheduler(pid) == os.SCHED_FIFO:
            return "real-time"
    return "normal"


class Child:
    """One running program.

    ``ask`` sends a value and waits for the answer; ``close`` ends it. Raises RuntimeError, with what the program wrote, where it died.
    """

    def __init__(self, place: Path, name: str, argv: Sequence[str], **more: str) -> None:
        self.name = name
        address = place / f"{name}.sock"
        self._errors = open(place / f"{name}.err", "w+b")  # noqa: SIM115 (closed in close)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(address))
            listener.listen(1)
            listener.settimeout(0.2)
            self._process = subprocess.Popen(
                argv,
                cwd=place,
                env=environment(place, BENCH_SOCKET=str(address), **more),
                stdin=subprocess.DEVNULL,
                stdout=self._errors,
                stderr=self._errors,
                preexec_fn=hurry,  # noqa: PLW1509 (one thread only)
            )
            self.priority = priority(self._process.pid)
            self._connection = self._accept(listener)
        self._stream = self._connection.makefile("rwb")

    def _accept(self, listener: socket.socket) -> socket.socket:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE)
                return connection
            if self._process.poll() is not None:
                raise self._died()
        self.close()
        raise RuntimeError(f"{self.name} did not start within {PATIENCE:.0f} s")

    def _died(self) -> RuntimeError:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace")[-3000:]
        return RuntimeError(f"{self.name} ended early (exit code {self._process.poll()}): {said}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self) -> Any:
        """The next value from the program; None when it has closed its end."""
        line = self._stream.readline()
        return json.loads(line) if line else None

    def say(self, message: Any) -> None:
        """Send a value to the program."""
        try:
            self._stream.write(json.dumps(message).encode() + b"\n")
            self._stream.flush()
        except BrokenPipeError:
            raise self._died() from None

    def ask(self, message: Any) -> Any:
        """Send a value and wait for the answer."""
        self.say(message)
        answer = self.hear()
        if answer is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            raise self._died()
        return answer

    def close(self) -> None:
        """End the program."""
        if hasattr(self, "_stream"):
            with suppress(OSError, ValueError):
                self._stream.close()
            self._connection.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def podus(place: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """Run a podus command with ``--json``: its answer, and the seconds that it took; RuntimeError if it fails."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "podus", *arguments, "--json"],
        cwd=place,
        env=environment(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - begun
    if done.returncode:
        raise RuntimeError(
            f"podus {' '.join(arguments)}: exit code {done.returncode}: {done.stdout}{done.stderr}"
        )
    return json.loads(done.stdout or "{}"), took


def available() -> str:
    """Why the program cannot be run under podus here, or the empty string."""
    done = subprocess.run(
        [sys.executable, "-m", "podus", "run", "--help"], capture_output=True, text=True, check=False
    )
    return (
        "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["podus run does not work"])[-1]
    )
