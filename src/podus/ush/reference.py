"""Writes ``docs/reference.md`` from the commands themselves: ``python -m podus.ush.reference [FILE]``."""

from __future__ import annotations

import inspect
import sys

import click

from podus.ush.cli import SETUP, cli
from podus.ush.command import Command
from podus.ush.shell import NOT_HERE, inner

HEAD = """# Command reference

<!-- Made from the commands themselves by `make reference`: change it there. -->
"""

NAMES = """NAME is a running program: its name, its pid, or `name:pid` where two share a name. `podus ps` shows them all.

`--json` prints one JSON document on stdout. An error is one sentence on stderr with what can be done about it; with `--json` it is
`{"error": {"kind", "message", "remedy"}}` on stdout. The kinds are `refused`, `failed`, `not-found` and `unreachable`.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, _text(cli), NAMES, "| command | |\n|---|---|"]
    parts[-1] += "".join(
        f"\n| [`{name}`](#podus-{name}) | {command.get_short_help_str(200)} |"
        for name, command in cli.commands.items()
    )
    parts += [_section(cli, name) for name in cli.commands]
    shell = inner(cli)
    own = [name for name in shell.commands if name not in cli.commands]
    parts.append("## Inside ush")
    parts.append(
        f"All of the above but {', '.join(f'`{name}`' for name in NOT_HERE)}, without the word `podus`, and:\n\n"
        + "\n".join(f"- `{name}`: {_text(shell.commands[name])}" for name in own)
    )
    setup = "\n".join(
        f"- {shell}: `{line.partition('  ')[0]}`{line.partition('  ')[2].join([' ', ''])}"
        for shell, line in SETUP.items()
    )
    parts.append("## Completion\n\nCommands, options, program names and labels are completed by\n\n" + setup)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _text(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n")


def _section(group: click.Group, name: str) -> str:
    command = group.commands[name]
    with (
        click.Context(group, info_name="podus") as outer,
        click.Context(command, info_name=name, parent=outer) as ctx,
    ):
        usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        records = [
            record
            for param in command.get_params(ctx)
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx))
        ]
    parts = [f"## podus {name}", f"```\n{usage}\n```", _text(command)]
    options = [
        f"| `{left.replace('|', chr(92) + '|')}` | {right} |"
        for left, right in records
        if "--help" not in left
    ]
    if options:
        parts.append("\n".join(["| option | |", "|---|---|", *options]))
    if isinstance(command, Command) and command.examples:
        width = max(len(line) for line, _ in command.examples)
        parts.append(
            "```\n" + "\n".join(f"{line:{width}}  # {says}" for line, says in command.examples) + "\n```"
        )
    return "\n\n".join(parts)


def main(words: list[str]) -> None:
    """Write the page to the file that the only word names, or to stdout."""
    if words:
        with open(words[0], "w", encoding="utf-8") as file:
            file.write(reference())
    else:
        sys.stdout.write(reference())


if __name__ == "__main__":
    main(sys.argv[1:])
