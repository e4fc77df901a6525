"""ush, the updating-system shell of the paper: the commands of podus, for many programs at once, without leaving it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import ShellComplete
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory

from podus import places
from podus.errors import NotFound, PodusError
from podus.planning.request import Planners
from podus.portmap import lookup
from podus.ush import planned
from podus.ush.command import DONE, FAILED, Command, Group, Session, complete_program, report

# They take the terminal or the process over, or are of use only outside.
NOT_HERE = ("run", "ush", "completion")
# After any other command, Enter shows no diffs any more.
KEEP_THE_PLAN = ("plan", "diff", "help")


@click.command(
    cls=Command,
    has_json=False,
    short_help="Let commands be about a program when they name none.",
    examples=[("use shop", "from now on `status` means `status shop`"), ("use", "about none in particular")],
)
@click.argument("program", required=False, metavar="[NAME]", shell_complete=complete_program)
@click.pass_obj
def use(session: Session, program: str | None) -> None:
    """Let the commands that follow be about the program NAME when they name none."""
    session.current = lookup.find(program).full_name if program else ""


@click.command("help", cls=Command, has_json=False, short_help="Explain a command, or list them all.")
@click.argument("name", required=False, metavar="[COMMAND]")
@click.pass_context
def help_(ctx: click.Context, name: str | None) -> None:
    """Explain COMMAND, or list all commands."""
    parent = ctx.parent
    assert parent is not None and isinstance(parent.command, Group)
    if not name:
        click.echo(parent.get_help())
        return
    command = parent.command.get_command(parent, name)
    if command is None:
        raise NotFound(f"there is no command {name}", "`help` lists them")
    with click.Context(command, info_name=name, parent=parent) as inner:
        click.echo(command.get_help(inner))


@click.command("quit", cls=Command, has_json=False, short_help="Leave the shell; updates under way go on.")
def quit_() -> None:
    """Leave the shell. Updates that are under way go on by themselves."""


def inner(cli: click.Group) -> Group:
    """The commands of the command line, and those that only make sense inside."""
    found = {name: command for name, command in cli.commands.items() if name not in NOT_HERE}
    group = Group("ush", help="The updating-system shell: commands about running programs.", commands=found)
    for command in (planned.diff, use, help_, quit_):
        group.add_command(command)
    return group


class _Completer(Completer):
    """What click would complete in the shell outside."""

    def __init__(self, group: click.Group, session: Session) -> None:
        self._shell = ShellComplete(group, {"obj": session}, "", "")

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        try:
            words = shlex.split(text)
        except ValueError:
            return  # inside quotes
        incomplete = "" if not words or text[-1:].isspace() else words.pop()
        for item in self._shell.get_completions(words, incomplete):
            if item.type == "plain":
                yield Completion(f"{item.value} ", -len(incomplete), item.value, item.help or "")


def execute(group: click.Group, session: Session, line: str) -> int:
    """Do what one line says and return its exit code. Raises EOFError on ``quit``."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        report(PodusError(f"the line can't be read: {error}", "close the quotes"), as_json=False)
        return FAILED
    if not words:
        return DONE
    if words in (["quit"], ["exit"]):
        raise EOFError
    words = sentence(words, session.current)
    if len(words) == 1 and words[0].isdecimal():
        words = ["diff", *words]
    if words[0] not in KEEP_THE_PLAN:
        session.shown = None
    try:
        return int(group.main(words, prog_name="", standalone_mode=False, obj=session) or DONE)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return FAILED
    finally:
        sys.stdout.flush()


def sentence(words: list[str], current: str) -> list[str]:
    """Dymos' own sentence as a command: ``update A, B when X, Y idle`` is about the program that the shell is at."""
    if words[0] != "update" or "when" not in words[2:]:
        return words
    at = words.index("when")
    wanted = [word.strip(",") for word in words[1:at]]
    name = wanted.pop(0) if not current and ":" not in wanted[0] else current
    return ["update", name, *wanted, "--when", " ".join(words[at + 1 :])]


def main(cli: click.Group, name: str) -> int:
    """Run the shell at the program ``name`` ("" for none), and return its exit code: that of the last command that failed, if it is no terminal.

    Raises NotFound if there is no such program.
    """
    session = Session(lookup.find(name).full_name if name else "")
    group = inner(cli)
    with Planners() as session.planners:
        if sys.stdin.isatty():
            return _interact(group, session)
        code = DONE
        for line in sys.stdin:
            try:
                code = execute(group, session, line) or code
            except EOFError:
                break
        return code


def _interact(group: click.Group, session: Session) -> int:
    prompt: PromptSession[Any] = PromptSession(
        history=FileHistory(os.path.join(places.state_dir(), "ush_history")),
        completer=_Completer(group, session),
        complete_while_typing=False,
        enable_history_search=True,
    )
    click.echo(
        "podus ush: `help` lists the commands, Tab completes, `use NAME` chooses a program, `quit` leaves"
    )
    while True:
        try:
            line = prompt.prompt(
                f"ush {session.current}> " if session.current else "ush> ",
                bottom_toolbar=_hint(session),
            )
            if not line.strip() and session.shown is not None:
                line = "diff"
            execute(group, session, line)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return DONE


def _hint(session: Session) -> str | None:
    """What a key does while a plan is shown."""
    shown = session.shown
    if shown is None or not shown.plan.diffs:
        return None
    following = shown.next()
    enter = f"diff of {following.number}, {following.name}" if following is not None else "that was the last"
    return f" Enter: {enter} · number: its diff · plan: all again"
