"""The run itself: the router under load, updated, backed out and updated again."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from podus.demo import packets
from podus.demo.measure import Phase, Result, Seen, figures
from podus.demo.processes import Child, ask_router, kernel_drops, podus_command
from podus.errors import PodusError

HERE = Path(__file__).resolve().parent
FLOOD = 60_000.0  # packets a second, more than the router can take: what comes through is its capacity
WARM = 0.5  # seconds under load before the first phase
DRAIN = 20.0  # seconds that the queues may take to empty
TIMEOUT = 60  # seconds that podus may take for one step
TARGETS = {"efficiency": 99.0, "paper": 90.0, "gap": 2.0}


@dataclass
class Settings:
    """What to run: ``seconds`` of quiet between two steps, ``rate`` in packets a second (None: ``share`` of the capacity)."""

    seconds: float = 5.0
    rate: float | None = None
    share: float = 0.7
    calibration: float = 1.5
    workers: int = 4
    ports: int = 4
    routes: int = 1000
    update: bool = True
    name: str = "router"


class View(Protocol):
    """Where the run is shown."""

    def say(self, text: str) -> None:
        """One line of what is going on."""

    def phase(self, name: str, step: str) -> None:
        """A phase begins."""

    def figures(self, line: dict[str, Any]) -> None:
        """The sink's figures of the last tenth of a second."""


@dataclass
class Outcome:
    """All that the run showed."""

    capacity: float
    rate: float
    results: list[Result]
    problems: list[str]
    dropped: dict[str, int | None] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def quiet_gap(self) -> float:
        """The longest gap in ms between two packets while nothing was updated (planning included: it only takes processor time)."""
        return max((result.gap for result in self.results if not result.step), default=0.0)

    @property
    def steps(self) -> list[Result]:
        """The phases in which something was updated."""
        return [result for result in self.results if result.step]

    @property
    def exact(self) -> bool:
        """Whether every packet arrived once, in order and right."""
        return not any(r.lost or r.duplicated or r.disordered or r.wrong for r in self.results)

    @property
    def efficiency(self) -> float:
        """The lowest throughput during a step, in percent of that before."""
        return min((step.efficiency for step in self.steps), default=100.0)

    @property
    def gap(self) -> float:
        """The longest gap in ms between two packets during a step."""
        return max((step.gap for step in self.steps), default=0.0)

    def to_json(self) -> str:
        """Everything as one JSON object."""
        verdict = {
            "exact": self.exact,
            "efficiency": self.efficiency,
            "gap": self.gap,
            "quiet_gap": self.quiet_gap,
            "targets": TARGETS,
        }
        return json.dumps(asdict(self) | {"verdict": verdict}, indent=2)


class Experiment:
    """One run in ``directory``, which holds the copies of the router's two versions and all records."""

    def __init__(self, settings: Settings, view: View, directory: Path) -> None:
        self.settings = settings
        self.view = view
        self.directory = directory
        self.phases: list[Phase] = []
        self.problems: list[str] = []
        self._lines: list[dict[str, Any]] = []
        self._children = contextlib.ExitStack()

    def run(self) -> Outcome:
        """Everything, from the start of the processes to the figures.

        Raises PodusError if one of the processes can't be started.
        """
        with self._children:
            self._start()
            capacity = 0.0
            if self.settings.rate is None:
                capacity = self._calibrate()
            rate = self.settings.rate or capacity * self.settings.share
            self._measure(rate)
            dropped = self._drops()
            self._stop()
        return self._judge(capacity, rate, dropped)

    def _start(self) -> None:
        for part in ("v1", "v2"):
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(HERE / part, self.directory / part, ignore=ignore, dirs_exist_ok=True)
        shutil.copy(HERE / "support.py", self.directory)
        routes = packets.make_routes(self.settings.routes, self.settings.ports)
        routes_file = str(self.directory / "routes.txt")
        packets.write_routes(routes_file, routes)
        flows, ports = str(self.settings.workers), str(self.settings.ports)

        sink = [
            sys.executable,
            "-m",
            "podus.demo.sink",
            routes_file,
            str(self.directory / "sink"),
            ports,
            flows,
        ]
        self.sink = self._child(Child("sink", sink, cwd=self.directory, hear=self._hear))
        self.hops: list[int] = self.sink.answer()["listen"]
        self.sink.listen()

        script = [str(self.directory / "v1" / "router.py"), "--routes", routes_file, "--workers", flows]
        script += ["--hops", ",".join(map(str, self.hops))]
        under = (
            podus_command("run", "--name", self.settings.name, "--")
            if self.settings.update
            else [sys.executable]
        )
        self.router = self._child(Child("router", [*under, *script], cwd=self.directory))
        ready = self.router.answer()
        self.listen: list[int] = ready["listen"]
        self.control: int = ready["control"]

        generator = [sys.executable, "-m", "podus.demo.generator", routes_file, str(self.directory / "sent")]
        generator.append(",".join(map(str, self.listen)))
        self.generator = self._child(Child("generator", generator, cwd=self.directory))
        self.view.say(
            f"router: process {self.router.pid}, {flows} worker threads, {len(routes)} prefixes; "
            "generator and sink: processes of their own"
        )

    def _child(self, child: Child) -> Child:
        self._children.callback(child.kill)
        return child

    def _hear(self, line: dict[str, Any]) -> None:
        self._lines.append(line)
        self.view.figures(line)

    def _load(self, rate: float) -> None:
        self.generator.order(f"rate {rate}")
        self.generator.answer()

    def _calibrate(self) -> float:
        """What the router can take, in packets a second: what comes through when far more is sent."""
        self.view.phase("calibrate", "")
        self._load(FLOOD)
        began = time.monotonic_ns()
        time.sleep(self.settings.calibration)
        ended = time.monotonic_ns()
        self._load(0)
        self._drain()
        lines = [line for line in self._lines if began + 4e8 <= line["time"] <= ended]
        if len(lines) < 2:
            raise PodusError("the demo's router let nothing through", "give a rate with --rate")
        seconds = (lines[-1]["time"] - lines[0]["time"]) / 1e9
        capacity = sum(line["packets"] for line in lines[1:]) / seconds
        self.view.say(f"capacity: {capacity:,.0f} packets/s come through when {FLOOD:,.0f} are sent")
        return float(capacity)

    def _measure(self, rate: float) -> None:
        """The phases, one after the other."""
        self.view.say(f"load from here on: {rate:,.0f} packets/s, without a break")
        self._before = ask_router(self.control)
        self._first = self._seen_so_far()
        self.view.phase("warm up", "")
        self._load(rate)
        time.sleep(WARM)
        self._quiet("before")
        if self.settings.update:
            update = ["--from", str(self.directory / "v2"), "--support", str(self.directory / "support.py")]
            pid = str(self.router.pid)
            steps = [
                ("plan", ["plan", pid, *update], "list", ""),
                ("update", ["update", pid, *update], "trie", "version 2"),
                ("back out", ["back-out", pid], "list", "version 1 again"),
                ("update again", ["update", pid, *update], "trie", "version 2 again"),
            ]
            for name, arguments, wanted, after in steps:
                if not self._step(name, arguments, wanted):
                    break
                if after:
                    self._quiet(after)
        self.phases[-1].ended = time.monotonic_ns()
        self._load(0)
        self._drain()
        self._check_counters(ask_router(self.control))

    @contextlib.contextmanager
    def _phase(self, name: str, step: str = "") -> Iterator[Phase]:
        began = time.monotonic_ns()
        if (
            self.phases
        ):  # without a hole: a step ends with its command, and what follows belongs to the next phase
            began = self.phases[-1].ended = self.phases[-1].ended or began
        self.view.phase(name, step)
        self.phases.append(Phase(name, began, step=step))
        yield self.phases[-1]

    def _quiet(self, name: str) -> None:
        with self._phase(name):
            time.sleep(self.settings.seconds)

    def _step(self, name: str, arguments: list[str], table: str) -> bool:
        """One command of podus, as a person would type it; its phase is from the command to its end. Whether it did it."""
        self.view.say("$ podus " + " ".join(arguments))
        changes = arguments[0] != "plan"
        with self._phase(name, name if changes else "") as phase:
            wait = ["--timeout", str(TIMEOUT)] if changes else []
            done = subprocess.run(
                podus_command(*arguments, *wait, "--json"),
                cwd=self.directory,
                env=self.router.environment,
                capture_output=True,
                text=True,
                check=False,
            )
            phase.ended = time.monotonic_ns()
        phase.code = done.returncode
        with contextlib.suppress(ValueError):
            phase.answer = json.loads(done.stdout)
        took = f"in {(phase.ended - phase.began) / 1e9:.2f} s"
        if done.returncode:
            said = (
                _complaint(phase.answer)
                or (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
            )
            self.problems.append(f"{name}: podus ended with {done.returncode} and said: {said}")
        elif ask_router(self.control)["table"] != table:
            self.problems.append(f"{name}: podus says it is done, and the router's table is no {table}")
        else:
            what = f"{len(phase.answer.get('switched') or [])} procedures switched"
            if not changes:
                what = f"{len(phase.answer.get('procedures') or [])} procedures differ"
            self.view.say(f"  done {took}: {what}")
            return True
        self.view.say(f"  failed {took}")
        return False

    def _drain(self) -> None:
        """Wait until nothing comes any more: the queues before the router and before the sink are empty."""
        deadline = time.monotonic() + DRAIN
        mark = len(self._lines)
        while time.monotonic() < deadline:
            time.sleep(0.1)
            if len(self._lines) >= mark + 3 and not any(line["packets"] for line in self._lines[-2:]):
                return
        self.problems.append(f"packets still come {DRAIN:.0f} s after the last was sent")

    def _seen_so_far(self) -> int:
        return sum(line["packets"] for line in self._lines)

    def _check_counters(self, after: dict[str, Any]) -> None:
        """Whether the router counted every packet that came out, through all changes of its counters' format."""
        counted = after["packets"] - self._before["packets"]
        came = self._seen_so_far() - self._first
        if counted != came:
            self.problems.append(f"the router counted {counted:,} packets, {came:,} arrived")
        if after["mistakes"]:
            self.problems.append(f"the router's audit found {after['mistakes']} wrong routes")
        if self.settings.update and not self.problems and "bytes" not in after:
            self.problems.append("the router's counters are still in the old format")

    def _drops(self) -> dict[str, int | None]:
        return {"before the router": kernel_drops(self.listen), "before the sink": kernel_drops(self.hops)}

    def _stop(self) -> None:
        self.generator.order("stop")
        for child, how in ((self.generator, None), (self.router, signal.SIGTERM), (self.sink, None)):
            status = child.finish(how)
            if status:
                self.problems.append(f"the {child.name} ended with {status}: {child.complaint()}")

        said = self.router.complaint()
        if said:
            self.problems.append(f"the router wrote to its standard error: {said}")

    def _judge(self, capacity: float, rate: float, dropped: dict[str, int | None]) -> Outcome:
        seen = Seen.read(self.directory / "sent", self.directory / "sink")
        results = figures(self.phases, seen)
        for result in results:
            other = 0 if "2" in result.name else 1
            if not result.step and result.done[other]:
                self.problems.append(
                    f"{result.name}: version {other + 1} routed {result.done[other]:,} packets"
                )
        examples = [f"packet {number} {what}" for number, _, what in seen.wrong[:5]]
        return Outcome(capacity, rate, results, self.problems, dropped, examples)


def _complaint(answer: dict[str, Any]) -> str:
    """What podus said in place of doing it: its error, or why it refuses the plan."""
    refusals = [str(note.get("text")) for note in answer.get("refusals") or []]
    return "; ".join(refusals) or str((answer.get("error") or {}).get("message") or "")
