"""Dynamic type replacement at work: a million live objects of a class that changes, and threads that use them meanwhile.

Three changes of the class, each at each pace (``--objects``): in ``field`` it gets one more field, a constant; in ``mapped`` a
mapper makes one field of another, of another type and unit, and changes a third one's meaning; in ``fields`` there are three more,
one of them a list of each object's own. The program
(``stage/objects_main.py``) notes how long its threads were held up, and whether anything was ever seen, or left, in a form that is
neither the old one nor the new. When the update is complete, it compares the class with one that has been so from the start.
"""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path
from typing import Any

from bench import stall
from bench.children import STAGE, Child, command, podus, workplace
from bench.figures import interval

OBJECTS = 1_000_000
WORKERS = 4
PACES = ("sweep", "eager", "lazy")
TITLES = {"field": "a new field", "mapped": "a mapper", "fields": "three new fields"}

COMMON = '''
def serve(mine, other, turn):
    """What a worker does at each turn; says how much of what it saw was of no form."""
    return mine.work(turn) + other.look()


def paid(account):
    """How often something was paid in."""
    return account.paid()


def whole(account):
    """Whether the object is all of this version's form."""
    return account.whole()
'''

OLD = (
    '''"""Accounts, in whole units."""

VERSION = 0


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.scale = 1
        self.check = 0

    def work(self, turn):
        self.balance += self.scale
        self.check = turn
        return self.look() + (self.check != turn)

    def look(self):
        balance = self.balance
        return not (type(balance) is float and balance % self.scale == 0.5)

    def paid(self):
        return int(self.balance - self.number - 0.5)

    def whole(self):
        return set(vars(self)) == {"number", "balance", "scale", "check"} and not self.look()


def shared(accounts):
    """How many objects share what each should have of its own."""
    return 0

'''
    + COMMON
)

# A turn of the new version is noted as a negative number: what the old one noted in ``check`` has no counterpart in ``last``.
FIELDS = (
    """'Accounts, in whole units, with a log.'

VERSION = 2


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.scale = 1
        self.check = 0
        self.log = []
        self.last = 0
        self.bonus = 7

    def work(self, turn):
        # Set without a look at it first: it must not be lost, whoever fills it in just now.
        self.last = -turn
        self.balance += self.scale
        self.check = -turn
        if len(self.log) < 2:
            self.log.append(turn)
        return self.look() + (self.last != self.check)

    def look(self):
        balance = self.balance
        right = type(balance) is float and balance % self.scale == 0.5 and self.bonus == 7 and len(self.log) < 3
        return not right

    def paid(self):
        return int(self.balance - self.number - 0.5)

    def whole(self):
        used = self.last == self.check and len(self.log) > 0
        unused = self.last == 0 and not self.log
        right = used if self.check < 0 else unused
        names = {"number", "balance", "scale", "check", "log", "last", "bonus"}
        return set(vars(self)) == names and right and not self.look()


def grow(account):
    account.log = []
    account.last = 0
    account.bonus = 7


def shared(accounts):
    'How many objects share what each should have of its own.'
    return len(accounts) - len({id(account.log) for account in accounts})

"""
    + COMMON
)

FIELD = (
    """'Accounts, in whole units, with the last turn.'

VERSION = 2


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.balance = balance
        self.scale = 1
        self.check = 0
        self.last = 0

    def work(self, turn):
        # Set without a look at it first: it must not be lost, whoever fills it in just now.
        self.last = -turn
        self.balance += self.scale
        self.check = -turn
        return self.look() + (self.last != self.check)

    def look(self):
        balance = self.balance
        return not (type(balance) is float and balance % self.scale == 0.5 and self.last <= 0)

    def paid(self):
        return int(self.balance - self.number - 0.5)

    def whole(self):
        right = self.last == (self.check if self.check < 0 else 0)
        return set(vars(self)) == {"number", "balance", "scale", "check", "last"} and right and not self.look()


def grow(account):
    account.last = 0


def shared(accounts):
    'How many objects share what each should have of its own.'
    return 0

"""
    + COMMON
)

# ``scale`` keeps its name and changes its meaning, and with it ``balance`` becomes ``cents``.
MAPPED = (
    """'Accounts, in cents.'

VERSION = 2


class Account:
    def __init__(self, number, balance):
        self.number = number
        self.cents = round(balance * 100)
        self.scale = 100
        self.check = 0

    def work(self, turn):
        self.cents += self.scale
        self.check = turn
        return self.look() + (self.check != turn) + (not turn & 15 and hasattr(self, "balance"))

    def look(self):
        cents = self.cents
        return not (type(cents) is int and cents % self.scale == 50)

    def paid(self):
        return self.cents // self.scale - self.number

    def whole(self):
        return set(vars(self)) == {"number", "cents", "scale", "check"} and not self.look()


def grow(account):
    account.cents = round(account.balance * 100)
    account.scale = 100
    del account.balance


def shared(accounts):
    'How many objects share what each should have of its own.'
    return 0

"""
    + COMMON
)

SUPPORT = '''"""The mapper of accounts."""

import podus


def back(account):
    """The way back."""
    account.balance = account.cents / 100
    account.scale = 1
    del account.cents


@podus.mapper("bank:Account", reverse=back)
def account(self):
    """From units to cents."""
    self.cents = round(self.balance * 100)
    self.scale = 100
    del self.balance
'''
# Objects whose use is compared with those of a class that was always so.
KINDS = ("control", "aged", "converted", "made", "late")
NEW = {"field": FIELD, "mapped": MAPPED, "fields": FIELDS}


def run(*, quick: bool) -> dict[str, Any]:
    """Measure; returns for each change and pace what the threads saw, what was left, and what using the class costs afterwards."""
    rows: dict[str, Any] = {}
    objects = OBJECTS // 20 if quick else OBJECTS
    for change in NEW:
        for pace in PACES:
            found = [once(change, pace, objects, quick=quick) for _ in range(1 if quick else 3)]
            rows[f"{change} {pace}"] = row = {"change": change, "pace": pace} | together(found)
            show(f"{change} {pace}", row)
    return {"rows": rows, "objects": objects, "workers": WORKERS}


def write(place: Path, change: str) -> tuple[Path, Path]:
    """Write both versions of the program below ``place``; returns their directories."""
    versions = (place / "v1", place / "v2")
    for root, source in zip(versions, (OLD, NEW[change]), strict=True):
        root.mkdir()
        (root / "bank.py").write_text(source)
        for other in ("twin.py", "late.py"):
            (root / other).write_text(NEW[change])
        shutil.copy(STAGE / "objects_main.py", root / "main.py")
    (place / "mappers.py").write_text(SUPPORT)
    return versions


def once(change: str, pace: str, objects: int, *, quick: bool) -> dict[str, Any]:
    """One process, and one update of it."""
    with workplace() as place:
        versions = write(place, change)
        support = ("--support", str(place / "mappers.py")) if change == "mapped" else ()
        argv = command("objects", versions[0] / "main.py", str(objects), str(WORKERS))
        with Child(place, "objects", argv) as child:

            def update(_: int) -> dict[str, Any]:
                answer, took = podus(
                    place, "update", "objects", "--from", str(versions[1]), "--objects", pace, *support
                )
                return stall.details(answer, took)

            found = stall.watch(child, versions, update, cycles=1, idle=0.5 if quick else 2.0)
            # What is asked for here comes to every object, and so converts what was left to its next use.
            cost = child.ask(5 if quick else 40)
            audit = child.ask("audit")
    return {
        "summary": found["summary"],
        "trace": found["trace"],
        "traced_seconds": found["traced_seconds"],
        "windows": found["windows"],
        "audit": audit,
        "cost": cost,
        "priority": found["priority"],
    }


def together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Several processes that did the same: the longest stalls of all, what went wrong anywhere, the medians of the rest."""
    summaries = [item["summary"] for item in found]
    updates = [item for one in found for item in one["windows"] if item["kind"] == "update"]
    audits = [one["audit"] for one in found]
    cost = {}
    for kind in KINDS:
        ratios = [ratio for one in found for ratio in one["cost"][kind]]
        cost[kind] = {"ratio": statistics.median(ratios), "interval": interval(ratios)}
    by_time = sorted(found, key=lambda one: one["traced_seconds"])
    shown = by_time[len(by_time) // 2]
    return {
        "stall_ms": {
            kind: {
                "median": statistics.median(s[kind]["stall_ms"]["median"] for s in summaries),
                "longest": max(s[kind]["stall_ms"]["longest"] for s in summaries),
            }
            for kind in ("idle", "busy", "update")
        },
        **{
            name: {kind: max(s[kind][name] for s in summaries) for kind in ("idle", "busy", "update")}
            for name in ("seen_ms", "machine_ms")
        },
        "own_stall_ms": max(item["own_stall_ms"] for item in updates),
        "throughput": statistics.median(s["throughput"] for s in summaries),
        "throughput_busy": statistics.median(s["throughput_busy"] for s in summaries),
        "seconds": statistics.median(item["seconds"] for item in updates),
        "inside_seconds": statistics.median(item["inside_seconds"] for item in updates),
        "served": sum(a["served"] for a in audits),
        "wrong": sum(a["wrong"] + a["mixed"] + abs(a["lost"]) + a["shared"] for a in audits),
        "failures": [failure for a in audits for failure in a["failures"]],
        "audits": audits,
        "hooks": sorted({hook for a in audits for hook in a["hooks"]}),
        "right": all(s["right"] for s in summaries),
        "ns": statistics.median(one["cost"]["ns"] for one in found),
        "cost": cost,
        "processes": len(found),
        "priority": found[0]["priority"],
        "trace": shown["trace"],
        "traced_seconds": shown["traced_seconds"],
    }


def show(title: str, row: dict[str, Any]) -> None:
    """One line on the terminal."""
    print(
        f"  {title:13} stall {row['stall_ms']['update']['longest']:.2f} ms (idle {row['stall_ms']['idle']['longest']:.2f},"
        f" busy {row['stall_ms']['busy']['longest']:.2f}, own {row['own_stall_ms']:.2f}),"
        f" throughput {row['throughput']:.2f}, done in {row['inside_seconds']:.2f} s, wrong {row['wrong']} of {row['served']:,},"
        f" failures {len(row['failures'])}, cost {row['cost']['converted']['ratio']:.3f}"
        f" made {row['cost']['made']['ratio']:.3f} late {row['cost']['late']['ratio']:.3f}"
        f" (aged {row['cost']['aged']['ratio']:.3f}, control {row['cost']['control']['ratio']:.3f})",
        flush=True,
    )
