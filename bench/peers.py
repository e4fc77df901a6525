"""The same change of the same large program by podus and by three that reload code inside the process, where they can do it.

Each gets a program of its own, at the same load. jurigged, IPython's autoreload and importlib.reload are asked from a thread of
the program, as by a prompt (jurigged's own watcher refreshes every file in a thread of its own, and then loses changes when many
files change at once). A change has been carried through
when those who call a changed procedure by name get the new one; whether those who kept the function or the bound
method (a callback, a registry, a name imported from elsewhere) get it as well is told separately.
"""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from bench import bigprogram, stall
from bench.children import Child, command, workplace

PEERS = ("podus", "jurigged", "autoreload", "reload")


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns for each peer what ``stall`` returns, or why it could not do it."""
    rows: dict[str, Any] = {}
    for peer in PEERS:
        cycles = {"jurigged": 1}.get(peer, 2 if quick else 6)  # jurigged takes minutes
        with workplace() as place:
            versions = bigprogram.write(place, stall.SIZES[-1], stall.CHANGED)
            try:
                if peer == "podus":
                    rows[peer] = stall.under_podus(place, versions, cycles)
                else:
                    rows[peer] = reloaded(place, versions, peer, cycles)
            except (RuntimeError, TimeoutError) as error:
                rows[peer] = {"failed": str(error)[-500:]}
                print(f"  {peer:18} could not: {rows[peer]['failed']}", flush=True)
                continue
        stall.show(peer, rows[peer])
    return {"rows": rows, "versions": {name: metadata.version(name) for name in ("jurigged", "ipython")}}


def reloaded(place: Path, versions: tuple[Path, Path], peer: str, cycles: int) -> dict[str, Any]:
    """The large program with a reloader in it; its files are overwritten by those of the other version."""
    live = place / "live"
    shutil.copytree(versions[0], live)
    # A reload soon after an edit must not find the compiled file of the old source.
    argv = command(None, live / "main.py", peer, str(stall.OBJECTS), str(stall.WORKERS))
    with Child(place, peer, argv, PYTHONDONTWRITEBYTECODE="1") as child:

        def update(number: int) -> dict[str, Any]:
            overwrite(live / "big", versions[(number + 1) % 2] / "big")
            child.ask("update")
            return {}

        return stall.watch(child, versions, update, cycles)


def overwrite(live: Path, source: Path) -> None:
    """Save the files that differ, as an editor or a checkout would."""
    for path in sorted(source.glob("*.py")):
        text = path.read_bytes()
        if (live / path.name).read_bytes() != text:
            (live / path.name).write_bytes(text)
