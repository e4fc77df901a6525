"""What all commands share: ``--json``, examples in the help, errors as one sentence, and the exit codes."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from podus.errors import PodusError
from podus.portmap import lookup
from podus.ush import client

if TYPE_CHECKING:
    from podus.planning.request import Planners
    from podus.ush.plan_view import Shown

F = TypeVar("F", bound=Callable[..., Any])

DONE, FAILED, USAGE, PENDING = 0, 1, 2, 3
# Completing a word must not keep the person waiting for a program that is stopped.
COMPLETION_SECONDS = 1.0


@dataclass
class Session:
    """One person's shell: ``current`` is the program that commands without a NAME are about ("" for none), ``shown`` the plan looked at,
    ``planners`` those that stand ready while the shell is open."""

    current: str = ""
    shown: Shown | None = None
    planners: Planners | None = None


def who() -> dict[str, Any]:
    """Who asks, for the log: the uid, the user's name and the shell's pid."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    return {"uid": os.getuid(), "user": user, "shell": os.getpid()}


class Failed(PodusError):
    """A failure that comes with data for ``--json``; ``show`` has already been said to a person."""

    def __init__(self, message: str, remedy: str = "", kind: str = "failed", **data: Any) -> None:
        super().__init__(message, remedy)
        self.kind = kind
        self.data = data


class Command(click.Command):
    """A command of podus. ``examples`` are pairs of a command line and what it does."""

    def __init__(
        self, *args: Any, examples: Sequence[tuple[str, str]] = (), has_json: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        if has_json:
            self.params.append(
                click.Option(
                    ["--json", "as_json"], is_flag=True, help="Print JSON, for other programs to read."
                )
            )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, each on a line that can be pasted."""
        if self.examples:
            with formatter.section("Examples"):
                for line, says in self.examples:
                    formatter.write(f"  {line}\n      {says}\n")
        super().format_epilog(ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error is said in one sentence on stderr (with ``--json`` an object on stdout), and the exit code is 1."""
        try:
            return super().invoke(ctx)
        except PodusError as error:
            report(error, as_json=bool(ctx.params.get("as_json")))
            ctx.exit(FAILED)
        except BrokenPipeError:
            raise
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            report(
                PodusError(
                    f"{place}{error.strerror or error}", "check that it exists and that this user may use it"
                ),
                as_json=bool(ctx.params.get("as_json")),
            )
            ctx.exit(FAILED)


def report(error: PodusError, *, as_json: bool) -> None:
    """Say what went wrong: ``podus: sentence (remedy)`` on stderr, or with ``as_json`` an object on stdout."""
    if as_json:
        said = {"kind": error.kind, "message": error.message, "remedy": error.remedy}
        print_json({"error": said} | getattr(error, "data", {}))
    else:
        click.echo(f"podus: {error}", err=True)


def print_json(data: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(data, indent=2 if sys.stdout.isatty() else None))


class Group(click.Group):
    """The commands, in the order in which a person meets them."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of definition."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name suggested for one that does not exist."""
        if (
            args
            and not ctx.resilient_parsing
            and not args[0].startswith("-")
            and self.get_command(ctx, args[0]) is None
        ):
            import difflib

            near = difflib.get_close_matches(args[0], self.commands, n=1)
            # In ush no program's name stands before the command.
            known = "`podus --help`" if ctx.info_name else "`help`"
            hint = f"did you mean {near[0]}?" if near else f"{known} lists them"
            raise click.UsageError(f"there is no command {args[0]} ({hint})", ctx if ctx.info_name else None)
        return super().resolve_command(ctx, args)


class ProgramArgument(click.Argument):
    """NAME: a running program by name, pid or ``name:pid``; in ush it may be left out after ``use``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("shell_complete", complete_program)
        super().__init__(*args, **kwargs)

    def get_default(self, ctx: click.Context, call: bool = True) -> Any:
        """The program that ush is at."""
        session = ctx.find_object(Session)
        return (session.current if session else "") or super().get_default(ctx, call)


def program_argument(*, required: bool = True) -> Callable[[F], F]:
    """The decorator that gives a command its NAME."""
    return click.argument(
        "name", cls=ProgramArgument, required=required, metavar="NAME" if required else "[NAME]"
    )


def complete_program(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the running programs; ``name:pid`` where two share one."""
    try:
        running = lookup.programs()
    except (PodusError, OSError):
        return []
    names = [entry.name for entry in running]
    items: list[CompletionItem] = []
    for entry in running:
        word = entry.full_name if names.count(entry.name) > 1 or ":" in incomplete else entry.name
        if word.startswith(incomplete):
            items.append(CompletionItem(word, help=f"pid {entry.pid}: {' '.join(entry.argv)}"))
    return items


def complete_label(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The labels of the versions that the program has loaded."""
    # Where the option's value is what is missing, click has not come to the arguments yet.
    session = ctx.find_object(Session)
    name = ctx.params.get("name") or next(iter(ctx.args), "") or (session.current if session else "")
    try:
        with client.connect(lookup.find(name), COMPLETION_SECONDS) as pup:
            versions = pup.call("versions")
        labels = [str(version["label"]) for version in versions]
    except (PodusError, OSError, KeyError, TypeError):
        return []
    return [CompletionItem(label) for label in dict.fromkeys(labels) if label.startswith(incomplete)]
