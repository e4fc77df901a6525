"""Points in time as a person gives them: how long ago or from now, a time of the day, or a date."""

from __future__ import annotations

import datetime
import time

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def since(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """``2h`` ago, or a date and time as ISO 8601 writes it, in seconds since 1970."""
    if value is None:
        return None
    try:
        if value[-1:] in UNITS:
            return time.time() - _length(value)
        return datetime.datetime.fromisoformat(value).timestamp()
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no moment: say 30m, 2h, 1d, 2025-01-31 or 2025-01-31T12:30", ctx, param
        ) from None


def deadline(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """``30`` or ``5m`` from now, the next ``12:30``, or a date and time, in seconds since 1970; usage error if it is past."""
    if value is None:
        return None
    try:
        moment = _ahead(value)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is no deadline: say 30 (seconds), 5m, 2h, 12:30 or 2025-01-31T12:30", ctx, param
        ) from None
    if moment <= time.time():
        raise click.BadParameter(f"{value} is over already", ctx, param)
    return moment


def _length(value: str) -> float:
    if value[-1:] in UNITS:
        return float(value[:-1]) * UNITS[value[-1]]
    return float(value)


def _ahead(value: str) -> float:
    if value[:1].isdigit() and ":" not in value and "-" not in value:
        return time.time() + _length(value)
    if "-" in value:
        return datetime.datetime.fromisoformat(value).timestamp()
    now = datetime.datetime.now()
    moment = datetime.datetime.combine(now.date(), datetime.time.fromisoformat(value))
    return (moment if moment > now else moment + datetime.timedelta(days=1)).timestamp()
