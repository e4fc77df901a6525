"""``podus demo``: the paper's own experiment, a packet router that is updated while packets go through it."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from podus.demo.experiment import Experiment, Outcome, Settings
from podus.demo.show import HOW, NOTE, Drawn, Plain, table, verdict
from podus.errors import PodusError


def parser() -> argparse.ArgumentParser:
    """The options of ``podus demo``."""
    found = argparse.ArgumentParser(
        prog="podus demo",
        description="Update a packet router while packets go through it, back it out and update it again, and count every packet.",
    )
    found.add_argument(
        "--seconds", type=_positive, default=5.0, help="quiet seconds between two steps (default 5)"
    )
    found.add_argument(
        "--rate", type=_positive, help="packets a second (default: a share of the measured capacity)"
    )
    found.add_argument(
        "--share",
        type=_positive,
        help="the load in percent of the measured capacity (default 70: generator, sink and planner need room beside the router on two cores)",
    )
    found.add_argument(
        "--quick",
        action="store_true",
        help="one quiet second between two steps, at half the capacity unless told otherwise",
    )
    found.add_argument(
        "--no-update",
        action="store_true",
        help="the same router under plain python, never updated: what the machine does by itself",
    )
    found.add_argument("--keep", metavar="DIR", help="leave the records of every packet in this directory")
    found.add_argument("--json", action="store_true", help="print all figures as JSON and nothing else")
    return found


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 if no packet was lost or wrong and every step took effect, else 1 (2 for wrong options)."""
    options = parser().parse_args(argv)
    settings = Settings(
        seconds=1.0 if options.quick else options.seconds,
        rate=options.rate,
        share=(options.share or (50.0 if options.quick else 70.0)) / 100,
        calibration=1.0 if options.quick else 1.5,
        update=not options.no_update,
    )
    console = Console(stderr=options.json)
    ended = signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # whichever way it ends, so do its processes
    try:
        with tempfile.TemporaryDirectory(prefix="podus-demo-") as temporary:
            directory = Path(options.keep or temporary).resolve()
            directory.mkdir(parents=True, exist_ok=True)
            outcome = run(settings, console, directory)
    except PodusError as error:
        console.print(Text(f"podus demo: {error}", style="red"))
        return 1
    except KeyboardInterrupt:
        console.print("podus demo: interrupted, all its processes have ended")
        return 130
    finally:
        signal.signal(signal.SIGTERM, ended)
    if options.json:
        print(outcome.to_json())
    else:
        console.print("\n[bold]Every packet, phase by phase")
        console.print(table(outcome))
        console.print(NOTE + "\n", style="dim", soft_wrap=True)
        for line in verdict(outcome):
            console.print(line, soft_wrap=True)
        console.print(f"\n{HOW}", highlight=False, markup=False)
    return 0 if outcome.exact and not outcome.problems else 1


def run(settings: Settings, console: Console, directory: Path) -> Outcome:
    """One run, shown on ``console``."""
    with Drawn(console) if console.is_terminal else Plain(console) as view:
        return Experiment(settings, view, directory).run()


if __name__ == "__main__":
    sys.exit(main())
