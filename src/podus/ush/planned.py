"""Looking at a plan: ``podus plan``, and the diffs of what it changes."""

from __future__ import annotations

import difflib
import json

import click

from podus.errors import NotFound, PodusError
from podus.planning import outcome
from podus.planning.outcome import Outcome
from podus.portmap import lookup
from podus.ush import client, plan_view, show
from podus.ush.change import (
    MOVING,
    ORDER,
    POLICY,
    SOURCE,
    TO,
    WHEN,
    discard,
    order,
    planned,
    record,
    source_of,
)
from podus.ush.command import DONE, FAILED, Command, Session, print_json, program_argument


@click.command(
    cls=Command,
    short_help="Say what an update would do, and whether it is safe.",
    examples=[
        ("podus plan shop", "what would become of shop with the files on disk now"),
        ("podus plan shop --diff", "the same, change by change, with the old and the new source"),
        (
            "podus plan shop --diff shop.cart:Cart",
            "those of one class (or procedure, module, number in the plan)",
        ),
        ("podus plan shop --git main --support support.py", "the same for a revision, with support code"),
        ("podus plan shop --json | jq .refusals", "why it is refused, for a program to read"),
    ],
)
@program_argument()
@SOURCE
@TO
@ORDER
@POLICY
@MOVING
@WHEN
@click.option(
    "--diff",
    "wanted",
    is_flag=False,
    flag_value="",
    metavar="[MOD:F]",
    help="Print how the source of each change differs, or of this one; after NAME.",
)
@click.pass_context
def plan(
    ctx: click.Context,
    *,
    name: str,
    source: str | None,
    git: str | None,
    to: str | None,
    support: str | None,
    now: tuple[str, ...],
    hold: tuple[str, ...],
    reset: tuple[str, ...],
    objects: str,
    policy: str,
    max_hold: float,
    max_stall: float | None,
    when: str | None,
    only: tuple[str, ...],
    move_after: float,
    wanted: str | None,
    as_json: bool,
) -> None:
    """Say what an update of the program NAME would do, and whether it is safe. Nothing is changed.

    First comes what deserves a look, the riskiest first; then what happens to each change, why, and what is asked of you; then the
    groups, the statements that will run, and who would be waited for if the update were made now. The changes are numbered: in ush a
    number shows the diff of its change, and Enter that of the next. The exit code is 1 if the update would be refused.
    """
    from podus.planning.breakage import add_breakages

    entry = lookup.find(name)
    with client.connect(entry) as pup:
        made = planned(
            pup,
            quiet=as_json,
            explain=True,
            **source_of(source, git, to),
            **order(support, now, hold, reset, objects, policy, max_hold, when, only, move_after, max_stall),
        )
        add_breakages(made)
        record("plan", "plan", entry, made)
        discard(made)
        active = _active(pup)
    shown = plan_view.Shown(made)
    if wanted is not None:
        changes = _chosen(shown, wanted)
    session = ctx.find_object(Session)
    if session is not None:
        session.shown = shown
    if as_json:
        found = outcome.risks(made, active)
        more = {
            "outcomes": [vars(change) for change in shown.changes],
            "risks": [vars(risk) for risk in found],
            "counts": outcome.counts(shown.changes),
            "active": active,
        }
        print_json(json.loads(made.to_json()) | more)
    elif wanted is not None:
        plan_view.page(show.console(), plan_view.diffs(shown, changes))
    else:
        plan_view.page(show.console(), plan_view.plan(shown, active))
    ctx.exit(FAILED if made.refusals else DONE)


def _chosen(shown: plan_view.Shown, wanted: str) -> list[Outcome]:
    """The changes whose diffs are wanted. Raises NotFound if there are none of that name."""
    if not wanted:
        return [change for change in shown.changes if shown.diff_of(change) is not None]
    found = shown.chosen(wanted)
    if found:
        return found
    names = [change.name for change in shown.changes]
    near = difflib.get_close_matches(wanted, names, 1)
    raise NotFound(
        f"the plan changes nothing that is called {wanted}",
        f"did you mean {near[0]}?" if near else "see `podus plan` for the names and numbers",
    )


@click.command(
    "diff",
    cls=Command,
    has_json=False,
    short_help="Show the diff of a change of the plan that was shown last.",
    examples=[
        ("plan shop", "the changes, each with a number"),
        ("diff 2", "that of the second; `2` alone does it too"),
    ],
)
@click.argument("wanted", required=False, metavar="[NUMBER|NAME]")
@click.pass_obj
def diff(session: Session, wanted: str | None) -> None:
    """Show how the source of a change differs: by its NUMBER in the plan that was shown last, or by its NAME; without either, the next one.

    A number alone does the same, and so does Enter on an empty line for the next one.
    """
    shown = session.shown
    if shown is None:
        raise NotFound("no plan is shown", "`plan` shows one")
    if wanted:
        changes = _chosen(shown, wanted)
    else:
        following = shown.next()
        if following is None:
            shown.at = 0
            click.echo("that was the last change; Enter begins anew")
            return
        changes = [following]
    shown.at = changes[-1].number
    plan_view.page(show.console(), plan_view.diffs(shown, changes))


def _active(pup: client.Pup) -> dict[str, list[str]] | None:
    """The procedures that are on a stack at this moment, each with where; None if the program doesn't say."""
    try:
        found: dict[str, list[str]] = {}
        for thread in pup.call("activity")["threads"]:
            for frame in thread["stack"]:
                place = f"{thread['name']}, line {frame['line']}"
                found.setdefault(frame["procedure"], []).append(place)
    except (PodusError, KeyError, TypeError):
        return None
    return found
