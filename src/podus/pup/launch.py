"""``podus run``: becomes ``python SCRIPT`` (or ``python -m MODULE``), with the pup started before the program.

The program is run by the interpreter itself, not by us: the process is replaced by a plain ``python`` whose first
import is our ``sitecustomize`` (``pup/boot``). So ``__main__``, ``sys.argv``, tracebacks, signals and the exit status are
plain python's own, because nothing of podus lies under the program's frames. Nothing but what the
interpreter itself is made of is imported here: it counts as start-up time.
"""

from __future__ import annotations

import marshal
import os
import sys

from podus.pup.recorder import is_archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = "usage: podus run [--name NAME] [--include PACKAGE]... [--watch] [--no-stubs] [--] SCRIPT|-m MODULE [ARGS]..."


def _usage(message: str) -> NoReturn:
    print(f"podus run: {message}\n{USAGE}", file=sys.stderr)
    raise SystemExit(2)


def parse(args: list[str]) -> tuple[dict[str, object], list[str]]:
    """Split the words after ``podus run`` into the pup's settings and the words that python gets."""
    name = ""
    include: list[str] = []
    rest = list(args)
    settings: dict[str, object] = {"watch": False, "stubs": True}
    while rest and rest[0].startswith("-"):
        word = rest[0]
        option, equals, value = word.partition("=")
        if word == "--":
            rest.pop(0)
            break
        if word == "-m" or word.startswith("-m"):
            break
        if option not in ("--name", "--include") and word not in ("--watch", "--no-stubs"):
            _usage(f"no such option: {word}")
        rest.pop(0)
        if word == "--watch":
            settings["watch"] = True
            continue
        if word == "--no-stubs":
            settings["stubs"] = False
            continue
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
    settings["include"] = include
    if rest[0] == "-m" or (rest[0].startswith("-m") and len(rest[0]) > 2):
        module = rest[1] if rest[0] == "-m" and len(rest) > 1 else rest[0][2:]
        if not module:
            _usage("-m needs a module")
        settings["module"] = module
        settings["first"] = None if sys.flags.safe_path else os.getcwd()
        default = module.rpartition(".")[2]
    else:
        script = settings["script"] = rest[0]
        # What python will put first on sys.path: the script's directory, or the directory or archive that is run.
        whole = os.path.isdir(script) or is_archive(script)
        if whole:
            settings["first"] = os.path.abspath(script)
        else:
            settings["first"] = None if sys.flags.safe_path else os.path.dirname(os.path.realpath(script))
        default = os.path.basename(os.path.abspath(rest[0]))
        default = default[:-3] if default.endswith(".py") else default
    settings["name"] = name or default
    return settings, rest


def _interpreter_flags() -> list[str]:
    """The options (``-X dev``, ``-O``, …) that this interpreter was started with, so that the program's has them too."""
    flags: list[str] = []
    words = iter(sys.orig_argv[1:])
    for word in words:
        if not word.startswith("-") or word.startswith("--"):
            break
        # Letters may stand together, as in -Im; those of X and W take the rest of the word, or the next one.
        for at, letter in enumerate(word[1:], start=1):
            if letter in "mc":
                return flags if at == 1 else [*flags, word[:at]]
            if letter in "XW":
                flags += [word] if word[at + 1 :] else [word, next(words, "")]
                break
        else:
            flags.append(word)
    return flags


def _check_interpreter() -> None:
    """Options that keep the interpreter from looking at its environment keep the pup from starting."""
    for flag, letter in (
        (sys.flags.isolated, "I"),
        (sys.flags.ignore_environment, "E"),
        (sys.flags.no_site, "S"),
    ):
        if flag:
            _usage(
                f"python -{letter} keeps the pup from starting with the program (leave -{letter} out, or call podus.enable() in it)"
            )


def _watch_beside() -> None:
    """Start ``podus watch`` for the program that this process becomes; not as a child, for it may wait for children of its own."""
    pid = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    # Ctrl-C in the terminal is for the program.
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.execv(sys.executable, [sys.executable, "-m", "podus", "watch", "--wait", str(pid)])


def main(args: list[str]) -> NoReturn:
    """Replace this process by the program under its pup. Does not return."""
    settings, words = parse(args)
    _check_interpreter()
    pythonpath = os.environ.get("PYTHONPATH")
    settings["pythonpath"] = pythonpath
    boot = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")
    environment = dict(os.environ)
    environment["PODUS_BOOT"] = marshal.dumps(settings).hex()
    environment["PYTHONPATH"] = boot + (os.pathsep + pythonpath if pythonpath else "")
    sys.stdout.flush()
    sys.stderr.flush()
    if settings["watch"]:
        _watch_beside()
    os.execve(sys.executable, [sys.executable, *_interpreter_flags(), *words], environment)
