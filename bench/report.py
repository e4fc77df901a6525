"""From the numbers to docs/benchmarks.md and its plots."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from bench import plots

TARGETS = {
    "mean": 1.01,
    "worst": 1.03,
    "ms": 60.0,
    "mib": 8.0,
    "warm": 1.1,
    "cold": 2.0,
    "stall": 5.0,
    "throughput": 0.99,
    "seconds": 2.0,
    "cost": 1.01,
}
CHANGES = {"field": "a new field", "mapped": "a mapper", "fields": "three new fields"}
NAMES = {
    "podus": "podus",
    "jurigged": "jurigged",
    "autoreload": "IPython autoreload",
    "reload": "importlib.reload",
}


def write(results: dict[str, Any], docs: Path) -> None:
    """Write the page and the plots of the parts that have been measured."""
    images = docs / "img"
    images.mkdir(parents=True, exist_ok=True)
    plots.draw(results, images)
    sections = [HEAD, targets(results)]
    written = {
        "steady": steady,
        "startup": startup,
        "imports": imports,
        "stall": stall,
        "tasks": tasks,
        "realtime": realtime,
        "objects": objects,
        "peers": peers,
    }
    for part, section in written.items():
        if part in results:
            sections.append(section(results[part]))
            sections.append(measured_on(results[part]))
    missing = [part for part in written if part not in results]
    if missing:
        sections.append(f'Not measured yet: {", ".join(missing)} (`make bench ARGS="{" ".join(missing)}"`).')
    (docs / "benchmarks.md").write_text("\n\n".join(sections) + "\n", encoding="utf-8")


HEAD = """# Benchmarks

<!-- Written by `make bench` from bench/results.json; don't edit it. -->

What podus costs, measured by `make bench`. All figures of a part are from one run and one machine, of processes that took turns, so that they say something about podus and not about the machine; the raw numbers are in
[bench/results.json](../bench/results.json)."""


def measured_on(part: dict[str, Any]) -> str:
    on = part["on"]
    return (
        f"*Measured {on['date']}, Python {on['python']}, {on['system']}, {on['cores']} cores ({on['processor']}), "
        f"in {part['took_seconds'] / 60:.0f} minutes.*"
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def verdict(value: float, target: float, *, least: bool = False) -> str:
    return "yes" if (value >= target if least else value <= target) else "**no**"


def targets(results: dict[str, Any]) -> str:
    """The first table: what was to be reached, and what was."""
    rows = []
    if "steady" in results and "podus" in results["steady"]["summary"]:
        found = results["steady"]["summary"]["podus"]
        for title, key, name in (
            ("geometric mean", "geometric_mean", "mean"),
            ("worst program", "worst", "worst"),
        ):
            value, goal = found[key], TARGETS[name]
            rows.append(
                [
                    f"Steady state, {title}: time against plain Python",
                    f"≤ {goal}",
                    f"{value:.3f}",
                    verdict(value, goal),
                ]
            )
    if "startup" in results:
        for unit, name in (("ms", "ms"), ("mib", "MB")):
            value, goal = results["startup"]["summary"][unit], TARGETS[unit]
            rows.append(
                [
                    f"Start-up: more than plain Python, {name}",
                    f"≤ {goal:.0f}",
                    f"{value:.1f}",
                    verdict(value, goal),
                ]
            )
    if "imports" in results:
        for kind, title in (("warm", "from podus's bytecode cache"), ("cold", "without it, and to compile")):
            for package, row in results["imports"]["rows"].items():
                value, goal = row[kind]["ratio"], TARGETS[kind]
                what = f"Importing {package} {title}: time against plain Python"
                rows.append([what, f"≤ {goal}", f"{value:.3f}", verdict(value, goal)])
    if "tasks" in results:
        for size, row in results["tasks"]["rows"].items():
            value = row["summary"]["update"]["stall_ms"]["longest"]
            what = f"Event loop with {int(size):,} live tasks: longest stall, ms"
            rows.append([what, f"< {TARGETS['stall']:.0f}", f"{value:.2f}", verdict(value, TARGETS["stall"])])
    if "stall" in results:
        for size, row in results["stall"]["rows"].items():
            found = row["summary"]
            what = f"Update of {int(size):,} procedures"
            value = found["update"]["stall_ms"]["longest"]
            rows.append(
                [
                    f"{what}: longest stall, ms",
                    f"< {TARGETS['stall']:.0f}",
                    f"{value:.2f}",
                    verdict(value, TARGETS["stall"]),
                ]
            )
            value = found["throughput"]
            rows.append(
                [
                    f"{what}: throughput during it",
                    f"≥ {TARGETS['throughput']:.0%}",
                    f"{value:.1%}",
                    verdict(value, TARGETS["throughput"], least=True),
                ]
            )
            value = found["seconds"]
            rows.append([f"{what}: command to completion, s", f"< {TARGETS['seconds']:.0f}", f"{value:.2f}"])
            rows[-1].append(verdict(value, TARGETS["seconds"]))
    rows += object_targets(results["objects"]) if "objects" in results else []
    return table(["what", "target", "measured", "met"], rows)


def object_targets(part: dict[str, Any]) -> list[list[str]]:
    """What was to be reached with live objects: at the pace that is the default."""
    rows = []
    for row in part["rows"].values():
        if row["pace"] == "sweep":
            what = f"{part['objects']:,} live objects, {CHANGES[row['change']]}"
            stalled, cost = row["stall_ms"]["update"]["longest"], row["cost"]["converted"]["ratio"]
            bad = row["wrong"] + len(row["failures"])
            goal = f"< {TARGETS['stall']:.0f}"
            rows += [
                [f"{what}: longest stall, ms", goal, f"{stalled:.2f}", verdict(stalled, TARGETS["stall"])],
                [f"{what}: seen in a mixed form, or lost", "0", f"{bad:,}", verdict(bad, 0)],
                [
                    f"{what}: time afterwards against a class that was always so",
                    "1.00",
                    f"{cost:.3f}",
                    verdict(cost, TARGETS["cost"]),
                ],
            ]
    return rows


def steady(part: dict[str, Any]) -> str:
    kinds = [kind for kind in ("podus", "updated", "control") if kind in part["summary"]]
    title = {"podus": "under podus", "updated": "updated and backed out", "control": "plain again"}
    rows = [
        [name]
        + [
            f"{row['ratio'][kind]:.3f} ({row['interval'][kind][0]:.3f}–{row['interval'][kind][1]:.3f})"
            for kind in kinds
        ]
        for name, row in sorted(part["rows"].items())
    ]
    for label, key in (("**geometric mean**", "geometric_mean"), ("**worst**", "worst")):
        rows.append([label, *(f"**{part['summary'][kind][key]:.3f}**" for kind in kinds)])
    return f"""## Steady state

Programs of [pyperformance](https://pyperformance.readthedocs.io/) and the router of `podus demo` as they run under `podus run`:
CPU time of the whole process against plain Python, 1.00 being as fast. *Updated and backed out* had every procedure changed and changed
back, while it ran, before it was measured. *Plain again* is plain Python against itself: how far two equal processes are
apart on this machine, which no other figure can be better than. {part["sets"]} sets of processes, up to {part["rounds"]} rounds each in
turn; the median of the ratios of neighbouring rounds (and its 95 % interval, from drawing the sets anew).

![Steady state](img/steady.svg)

{table(["program", *(title[kind] for kind in kinds)], rows)}"""


def startup(part: dict[str, Any]) -> str:
    rows = []
    for name, row in part["rows"].items():
        for unit, label in (("ms", "time, ms"), ("mib", "memory, MiB")):
            found = row["difference"][unit]
            low, high = found["interval"]
            rows.append(
                [
                    f"{name}: {label}",
                    f"{found['plain']:.1f}",
                    f"{found['podus']:.1f}",
                    f"**{found['median']:+.1f}** ({low:+.1f} to {high:+.1f})",
                ]
            )
    return f"""## Start-up

From the command to the end of the process, and the most memory it had resident: a program that does nothing, and one that imports
200 modules of the standard library. {part["rounds"]} starts of each in turn; the difference is the median over the pairs.

{table(["program", "plain", "under podus", "difference"], rows)}"""


def imports(part: dict[str, Any]) -> str:
    rows = []
    for package, row in part["rows"].items():
        for kind, title in (("warm", "warm"), ("cold", "cold")):
            low, high = row[kind]["interval"]
            rows.append(
                [
                    f"{package} {row['version']} ({row['modules']} modules), {title}",
                    f"{statistics.median(row[kind]['plain']):.0f}",
                    f"{statistics.median(row[kind]['podus']):.0f}",
                    f"**{row[kind]['ratio']:.3f}** ({low:.3f}–{high:.3f})",
                ]
            )
    return f"""## Importing a large package

The processor's time for the import statements, of packages that are included in the program (`podus run --include`), so that every
loop of theirs can be left. *Warm*: Python's bytecode cache and podus's own are filled, as at every start but the first. *Cold*: both
are empty, and are written. {part["rounds"]["warm"]} starts of each warm and {part["rounds"]["cold"]} cold, in turn; the ratio is the median over the pairs.

![Imports](img/imports.svg)

{table(["package", "plain, ms", "under podus, ms", "ratio"], rows)}"""


MACHINE = """What the machine takes by itself, as a host does that gives the processor to another guest, is seen by a process on each processor that does
nothing but wake every half millisecond, before all others (as jHiccup does); it is no part of a stall, and is told beside."""
BESIDE = ("longest with the machine's own, ms", "the machine's own, ms")


def beside(found: dict[str, Any]) -> list[str]:
    """What the machine took in windows of one kind; nothing where it was not measured."""
    return [f"{found[name]:.2f}" if name in found else "" for name in ("seen_ms", "machine_ms")]


def stall(part: dict[str, Any]) -> str:
    rows = []
    for size, row in part["rows"].items():
        found = row["summary"]
        for kind, label in (
            ("idle", "nothing happens"),
            ("busy", "another process compiles"),
            ("update", "**update**"),
        ):
            stalls = found[kind]["stall_ms"]
            share = {"idle": 1.0, "busy": found["throughput_busy"], "update": found["throughput"]}[kind]
            rows.append(
                [
                    f"{int(size):,}: {label}",
                    f"{stalls['median']:.2f}",
                    f"{stalls['longest']:.2f}",
                    *beside(found[kind]),
                    f"{share:.1%}",
                ]
            )
    times = [
        [
            f"{int(size):,}",
            f"{row['summary']['seconds']:.2f} s",
            f"{row['summary']['inside_seconds'] * 1000:.0f} ms",
            f"{row['summary']['planner_share']:.0%}",
            f"{row['summary']['own_stall_ms']:.2f} ms",
            f"{row['summary']['own_stall_ms_longest']:.2f} ms",
        ]
        for size, row in part["rows"].items()
    ]
    priority = next(iter(part["rows"].values()))["priority"]
    return f"""## During an update

A program of 1,000 or 10,000 procedures in 100 modules, with {
        part["objects"]:,} live objects that the collector tracks, and
{part["workers"]} threads that serve requests through procedures that change; {
        part["changed"]
    } procedures change, to and fro. A *stall* is how
much later than usual a thread got on: a probe that asks to be woken every millisecond, or a request. For comparison: the
same while nothing happens, and while another process has the machine's other core, as the planner has during an update. The program
ran with {priority} priority, so that {
        "it waits for itself and for podus, and hardly for other processes"
        if priority == "real-time"
        else "it waits for the other processes of the machine, too"
    }.
{MACHINE}

![Stalls](img/stall.svg)

{
        table(
            [
                "procedures: while",
                "stall, median of the longest, ms",
                "longest of all, ms",
                *BESIDE,
                "throughput",
            ],
            rows,
        )
    }

Where the time goes; the stall that podus reports is the longest that it kept the interpreter to itself.

{
        table(
            [
                "procedures",
                "command to completion",
                "inside the program",
                "outside it",
                "stall reported",
                "longest reported",
            ],
            times,
        )
    }"""


WINDOWS = {
    "idle": "nothing happens",
    "busy": "another process is at work",
    "update": "updates",
    "bounded": "updates with a bound",
}


def tasks(part: dict[str, Any]) -> str:
    rows = []
    for size, row in part["rows"].items():
        found = row["summary"]
        labels = {"idle": "nothing happens", "busy": "another process compiles", "update": "**update**"}
        for kind, label in labels.items():
            stalls = found[kind]["stall_ms"]
            rows.append(
                [
                    f"{int(size):,}: {label}",
                    f"{stalls['median']:.2f}",
                    f"{stalls['longest']:.2f}",
                    *beside(found[kind]),
                ]
            )
    found = next(iter(part["rows"].values()))
    return f"""## An event loop with many tasks

{part["tasks"]:,} tasks, each suspended in a `while True` of its own and woken every {part["period"]:g} s; the body of that loop changes, and
what it calls, to and fro. The window of an update lasts until every one of them has moved to the new version. A *stall* is how much
later than usual a heartbeat of 1 ms in the same loop, or one of the tasks, got on, as above. With {found["priority"]} priority.

{table(["tasks: while", "stall, median of the longest, ms", "longest of all, ms", *BESIDE], rows)}

The longest stall that podus reports itself: {found["summary"]["own_stall_ms_longest"]:.2f} ms."""


def realtime(part: dict[str, Any]) -> str:
    rows = []
    for kind, title in WINDOWS.items():
        row = part["rows"][kind]
        late = [f"{row['late_us'][q]:,.0f}" for q in ("0.5", "0.99", "0.999", "1")]
        own = row.get("own_stall_us")
        stalls = [f"{own['median']:,.0f}", f"{own['longest']:,.0f}"] if own else ["", ""]
        seen = f"{row['seen_us']:,.0f}" if "seen_us" in row else ""
        rows.append([title, *late, seen, f"{row['missed'] / row['periods']:.3%}", *stalls])
    return f"""## Real time

A thread that is to run every millisecond, and calls what changes: how late it begins, through {
        part["updates"]:,} updates of {
        part["procedures"]
    } procedures made one right after the other, and as many with `--max-stall {
        part[
            "bound_us"
        ]:.0f}`. The other windows are as long; *another process* is one that compiles, as a planner does.
The program ran with {
        part["priority"]
    } priority; a second thread of it worked beside. An update had to do with the program for {
        part["seconds"] * 1000:.0f} ms in the median.

![Real time](img/realtime.svg)

{
        table(
            [
                "while",
                "late, p50, µs",
                "p99, µs",
                "p99.9, µs",
                "max, µs",
                "max with the machine's own, µs",
                "periods missed",
                "stall reported, median, µs",
                "longest, µs",
            ],
            rows,
        )
    }"""


def objects(part: dict[str, Any]) -> str:
    during, after = [], []
    for row in part["rows"].values():
        title = f"{CHANGES[row['change']]}, {row['pace']}"
        stalls = row["stall_ms"]
        during.append(
            [
                title,
                f"{stalls['idle']['longest']:.2f}",
                f"{stalls['busy']['longest']:.2f}",
                f"**{stalls['update']['longest']:.2f}**",
                f"{row['seen_ms']['update']:.2f}" if "seen_ms" in row else "",
                f"{row['own_stall_ms']:.2f}",
                f"{row['throughput']:.0%}",
                f"{row['inside_seconds']:.2f}",
                f"{row['wrong'] + len(row['failures'])} of {row['served']:,}",
            ]
        )
        costs = (row["cost"][kind] for kind in ("converted", "made", "aged", "late", "control"))
        after.append(
            [title]
            + [f"{c['ratio']:.3f} ({c['interval'][0]:.3f}–{c['interval'][1]:.3f})" for c in costs]
            + [", ".join(row["hooks"]) or "none"]
        )
    some = next(iter(part["rows"].values()))
    return f"""## Live objects of a class that changes

A program with {part["objects"]:,} live objects of one class, and {
        part["workers"]
    } threads that write to and read from objects drawn at
random; each object has one thread that writes to it. In *a new field* the class gets one more field; in *a mapper*, one field becomes another of
another type and unit and a second one changes its meaning; in *three new fields* one of them is a list of each object's own. Each at every
pace of `--objects`, in {some["processes"]} processes; the program ran with {some["priority"]} priority.

Each method checks what it sees of its object, and in the end every object is looked at by itself, and what was paid in is counted:
*wrong* are all values of another form than the running version's, assignments that were lost, and errors. Stalls are the longest of all, as above.

![Live objects](img/objects.svg)

{
        table(
            [
                "change, pace",
                "stall, nothing happens, ms",
                "other process, ms",
                "update, ms",
                "with the machine's own, ms",
                "stall reported, ms",
                "throughput",
                "inside the program, s",
                "wrong",
            ],
            during,
        )
    }

Afterwards, the time that a method takes against the same method of a class that has been so from the start, in the same process (1.00: as
fast): with objects that were *converted*, against objects of that other class as old as they are, used as much; with objects *made* after the update,
and, as a *control*, with other objects of that very class, against new ones. *Aged* are the old ones of that class against new ones: what has been
used for a while is less close together in the memory, updated or not. *Late* is for comparison what CPython itself makes of it where no update is: a class that has always had the new methods, and whose objects got
the new fields later, from the program. Up to Python 3.13 a class with more than 30 objects has room for one more field in what they share of their
dictionaries; with two more every object gets a dictionary of its own; and where a program sets some of them before it reads any, and others not, these have their
entries in different places, which costs again as much. With *lazy* the hooks stay until the next update.

{table(["change, pace", "converted", "made", "aged", "late", "control", "hooks left"], after)}"""


def peers(part: dict[str, Any]) -> str:
    rows = []
    for peer, row in part["rows"].items():
        if "failed" in row:
            rows.append([NAMES[peer], "could not do it", "", "", "", ""])
            continue
        found, last = row["summary"], row["summary"]["reached"]
        rows.append(
            [
                NAMES[peer],
                f"{found['update']['stall_ms']['longest']:.1f}",
                f"{found['throughput']:.0%}",
                f"{found['seconds']:.2f}",
                f"{last['named']} of {last['of']}",
                f"{last['kept']} of {last['of']}",
            ]
        )
    versions = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    head = ["", "longest stall, ms", "throughput during it", "seconds to completion"]
    head += ["new for who calls by name", "new for who kept the function"]
    return f"""## Beside others

The same change of the program of 10,000 procedures by others ({versions}). They are made for development, not for programs at
work, and do their work inside the process; jurigged is asked from one thread for one file after the other, because its
watcher, which refreshes every file in a thread of its own, loses changes when many files change at once. *Who kept the function* has it in a registry,
as a callback or as a bound method.

![Peers](img/peers.svg)

{table(head, rows)}"""
