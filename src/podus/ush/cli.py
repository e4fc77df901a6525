"""The command line: all commands, in the order in which a person meets them."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from podus.ush import change, look, planned
from podus.ush.command import Command, Group, Session, program_argument
from podus.ush.watch import watch as watch_command

COMPLETION_VARIABLE = "_PODUS_COMPLETE"
SETUP = {
    "bash": 'eval "$(podus completion bash)"  in ~/.bashrc',
    "zsh": 'eval "$(podus completion zsh)"  in ~/.zshrc',
    "fish": "podus completion fish | source  in ~/.config/fish/config.fish",
}


@click.group(cls=Group, context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100})
@click.version_option(package_name="podus", prog_name="podus")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Change a running Python program without stopping it.

    Start a program with `podus run`, change its source, see with `podus plan` what an update would do, and do it with
    `podus update`. `podus back-out` takes it back.

    Exit codes: 0 done; 1 refused or failed, and the program is as before; 2 the command is not used as it should be; 3 still pending.
    """
    ctx.ensure_object(Session)


@click.command(
    cls=Command,
    has_json=False,
    add_help_option=True,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Start a program that can be updated.",
    examples=[
        ("podus run shop.py --port 80", "python shop.py --port 80, under its program-update processor"),
        ("podus run --name shop -m shop.server", "python -m shop.server, called shop"),
        ("podus run --include requests shop.py", "the installed package requests can be updated too"),
        ("podus run --watch shop.py", "update it at once whenever one of its files is saved"),
    ],
    options_metavar="[--name NAME] [--include PACKAGE]... [--watch] [--no-stubs] [--]",
)
@click.option(
    "--name", metavar="NAME", help="Call the program this; without it, the script's or module's name."
)
@click.option(
    "--include",
    multiple=True,
    metavar="PACKAGE",
    help="This installed package belongs to the program; repeatable.",
)
@click.option("--watch", is_flag=True, help="Update it on every save; see `podus watch`.")
@click.option(
    "--stubs/--no-stubs",
    default=True,
    help="Whether running loops can go on in a new version; without, loaded code is just what python makes of it.",
)
@click.argument(
    "words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="SCRIPT|-m MODULE [ARGS]..."
)
def run(name: str | None, include: tuple[str, ...], watch: bool, stubs: bool, words: tuple[str, ...]) -> None:
    """Start a Python program under its program-update processor (pup).

    The program can't tell: its arguments, streams, signals, tracebacks and exit status are as under plain python. The program is every module
    outside the standard library and site-packages; --include adds an installed package.
    """
    from podus.pup.launch import main

    options = [*(["--name", name] if name else []), *(f"--include={package}" for package in include)]
    main([*options, *(["--watch"] if watch else []), *([] if stubs else ["--no-stubs"]), *words])


@click.command(
    cls=Command,
    has_json=False,
    short_help="The updating-system shell: the same commands, many programs.",
    examples=[
        ("podus ush shop", "a shell whose commands are about shop"),
        ("echo 'update shop' | podus ush", "run commands from a file or a pipe"),
    ],
)
@program_argument(required=False)
@click.pass_context
def ush(ctx: click.Context, name: str | None) -> None:
    """The updating-system shell (ush): the same commands without `podus`, for many programs, with completion, history and help.

    `use NAME` makes the commands be about NAME when they name none. If stdin is no terminal, commands are read from it, one a line, and the exit code is that of the
    last one that failed.
    """
    from podus.ush.shell import main

    ctx.exit(main(cli, name or ""))


@click.command(
    cls=Command,
    has_json=False,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Update a packet router under load, and take it back.",
    examples=[("podus demo", "the experiment of the PODUS paper, on this machine")],
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS]")
@click.pass_context
def demo(ctx: click.Context, words: tuple[str, ...]) -> None:
    """The experiment of the PODUS paper: a packet router is loaded near its capacity, updated, backed out and updated again."""
    from podus.demo.__main__ import main

    ctx.exit(main(list(words)) or 0)


@click.command(
    cls=Command,
    has_json=False,
    short_help="Print the completion script of a shell.",
    examples=[(line.partition("  ")[0], f"complete podus in {shell}") for shell, line in SETUP.items()],
)
@click.argument("shell", type=click.Choice(list(SETUP)))
def completion(shell: str) -> None:
    """Print a script that completes commands, options, program names and labels in SHELL."""
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "podus", COMPLETION_VARIABLE).source())


for command in (
    run,
    look.ps,
    change.load,
    planned.plan,
    change.scaffold,
    change.update,
    change.switch,
    look.status,
    look.versions,
    look.log,
    change.back_out,
    watch_command,
    ush,
    demo,
    completion,
):
    cli.add_command(command)
