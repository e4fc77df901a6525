"""``podus run``: becomes ``python SCRIPT`` (or ``python -m MODULE``), with the pup started before the program.

The program is run by the interpreter itself, not by us: the process is replaced by a plain ``python`` whose first
import is our ``sitecustomize`` (``pup/boot``). So ``__main__``, ``sys.argv``, tracebacks, signals and the exit status are
plain python's own, because nothing of podus lies under the program's frames. Nothing but ``os``, ``sys`` and ``json`` is imported here: it counts
as start-up time.
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

USAGE = "usage: podus run [--name NAME] [--include PACKAGE]... [--] SCRIPT|-m MODULE [ARGS]..."


def _usage(message: str) -> NoReturn:
    print(f"podus run: {message}\n{USAGE}", file=sys.stderr)
    raise SystemExit(2)


def parse(args: list[str]) -> tuple[dict[str, object], list[str]]:
    """Split the words after ``podus run`` into the pup's settings and the words that python gets."""
    name = ""
    include: list[str] = []
    rest = list(args)
    while rest and rest[0].startswith("-"):
        word = rest[0]
        option, equals, value = word.partition("=")
        if word == "--":
            rest.pop(0)
            break
        if word == "-m" or word.startswith("-m"):
            break
        if option not in ("--name", "--include"):
            _usage(f"no such option: {word}")
        rest.pop(0)
        if not equals:
            if not rest:
                _usage(f"{option} needs a value")
            value = rest.pop(0)
        if option == "--name":
            name = value
        else:
            include += [part for part in value.split(",") if part]
    if not rest:
        _usage("give a SCRIPT or -m MODULE to run")
    settings: dict[str, object] = {"include": include}
    if rest[0] == "-m" or (rest[0].startswith("-m") and len(rest[0]) > 2):
        module = rest[1] if rest[0] == "-m" and len(rest) > 1 else rest[0][2:]
        if not module:
            _usage("-m needs a module")
        settings["module"] = module
        default = module.rpartition(".")[2]
    else:
        settings["script"] = rest[0]
        default = os.path.basename(os.path.abspath(rest[0]))
        default = default[:-3] if default.endswith(".py") else default
    settings["name"] = name or default
    return settings, rest


def _interpreter_flags() -> list[str]:
    """The options (``-X dev``, ``-O``, …) that this interpreter was started with, so that the program's has them too."""
    words = sys.orig_argv[1:]
    for index, word in enumerate(words):
        if word == "-m" or not word.startswith("-"):
            # `-X dev` and `-W error` take a word of their own
            if index and words[index - 1] in ("-X", "-W"):
                continue
            return words[:index]
    return []


def main(args: list[str]) -> NoReturn:
    """Replace this process by the program under its pup. Does not return."""
    settings, words = parse(args)
    settings["pythonpath"] = os.environ.get("PYTHONPATH")
    boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")
    environment = dict(os.environ)
    environment["PODUS_BOOT"] = json.dumps(settings)
    environment["PYTHONPATH"] = boot + (os.pathsep + settings["pythonpath"] if settings["pythonpath"] else "")  # type: ignore[operator]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *_interpreter_flags(), *words], environment)
