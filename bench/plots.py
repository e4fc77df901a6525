"""The plots of docs/benchmarks.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

COLOURS = {
    "podus": "#1f6feb",
    "updated": "#8250df",
    "control": "#8c959f",
    "busy": "#bf8700",
    "update": "#1f6feb",
    "idle": "#8c959f",
}
PEERS = {"podus": "#1f6feb", "jurigged": "#bf8700", "autoreload": "#cf222e", "reload": "#1a7f37"}
TITLES = {
    "podus": "podus",
    "jurigged": "jurigged",
    "autoreload": "IPython autoreload",
    "reload": "importlib.reload",
}
STYLE = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8c959f",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "svg.hashsalt": "podus",
    "figure.facecolor": "white",
}


def draw(results: dict[str, Any], place: Path) -> None:
    """Draw what has been measured into ``place``."""
    with plt.rc_context(STYLE):
        for part, function in (
            ("steady", steady),
            ("imports", imports),
            ("stall", stall),
            ("realtime", realtime),
            ("objects", objects),
            ("peers", peers),
        ):
            if part in results:
                figure = function(results[part])
                figure.savefig(place / f"{part}.svg", metadata={"Date": None}, bbox_inches="tight")
                plt.close(figure)


def steady(part: dict[str, Any]) -> Any:
    """One line a program: the ratio under podus and after an update, with its interval, and the control behind it."""
    kinds = [kind for kind in ("control", "podus", "updated") if kind in part["summary"]]
    names = sorted(part["rows"], reverse=True)
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(names) + 1.2))
    labels = {"control": "plain again (control)", "podus": "under podus", "updated": "updated and backed out"}
    for kind, shift in zip(kinds, (0.25, 0.0, -0.25), strict=False):
        ratios = [part["rows"][name]["ratio"][kind] for name in names]
        lows = [
            max(0.0, r - part["rows"][n]["interval"][kind][0]) for r, n in zip(ratios, names, strict=True)
        ]
        highs = [
            max(0.0, part["rows"][n]["interval"][kind][1] - r) for r, n in zip(ratios, names, strict=True)
        ]
        mean = part["summary"][kind]["geometric_mean"]
        axes.errorbar(
            ratios,
            [i + shift for i in range(len(names))],
            xerr=[lows, highs],
            fmt="o",
            markersize=4,
            elinewidth=1,
            color=COLOURS[kind],
            label=f"{labels[kind]}: geometric mean {mean:.3f}",
        )
    axes.axvline(1.0, color="#57606a", linewidth=1)
    axes.axvline(1.03, color="#cf222e", linewidth=1, linestyle="--")
    low = min(0.97, *(row["ratio"][kind] - 0.01 for row in part["rows"].values() for kind in kinds))
    high = max(1.05, *(row["ratio"][kind] + 0.01 for row in part["rows"].values() for kind in kinds))
    axes.set_xlim(low, high)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("time against plain Python (1.00: as fast; dashed: the limit for any one program)")
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.45, 1.0),
        ncols=3,
        frameon=False,
        fontsize=9,
        columnspacing=1,
        handletextpad=0.2,
    )
    return figure


def imports(part: dict[str, Any]) -> Any:
    """The ratio of each package, warm and cold, with its interval."""
    names = list(reversed(part["rows"]))
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 1.2))
    for kind, shift, title, colour, limit in (
        ("warm", 0.13, "both caches filled", "podus", 1.1),
        ("cold", -0.13, "both caches empty", "busy", 2.0),
    ):
        rows = [part["rows"][name][kind] for name in names]
        axes.errorbar(
            [row["ratio"] for row in rows],
            [i + shift for i in range(len(names))],
            xerr=[
                [max(0.0, row["ratio"] - row["interval"][0]) for row in rows],
                [max(0.0, row["interval"][1] - row["ratio"]) for row in rows],
            ],
            fmt="o",
            markersize=4,
            elinewidth=1,
            color=COLOURS[colour],
            label=title,
        )
        axes.axvline(limit, color=COLOURS[colour], linewidth=1, linestyle="--")
    axes.axvline(1.0, color="#57606a", linewidth=1)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("time against plain Python (1.00: as fast; dashed: the limits)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
    return figure


def stall(part: dict[str, Any]) -> Any:
    """The longest stall of every window, and one update in time."""
    sizes = list(part["rows"])
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(1, 1.3))
    ticks = []
    for s, size in enumerate(sizes):
        for k, kind in enumerate(("idle", "busy", "update")):
            values = [w["stall_ms"] for w in part["rows"][size]["windows"] if w["kind"] == kind]
            x = s * 4 + k
            spread = [x + 0.5 * ((i + 0.5) / len(values) - 0.5) for i in range(len(values))]
            left.scatter(spread, values, s=16, color=COLOURS[kind], alpha=0.8, linewidths=0)
            ticks.append((x, {"idle": "idle", "busy": "other\nprocess", "update": "update"}[kind]))
        left.text(
            s * 4 + 1,
            0.98,
            f"{int(size):,} procedures",
            transform=left.get_xaxis_transform(),
            ha="center",
            va="top",
        )
    left.axhline(5, color="#cf222e", linewidth=1, linestyle="--")
    left.set_yscale("log")
    left.set_ylim(
        0.2, max(12.0, 2 * max(w["stall_ms"] for row in part["rows"].values() for w in row["windows"]))
    )
    plain_numbers(left.yaxis)
    left.set_xticks([x for x, _ in ticks], [label for _, label in ticks])
    left.grid(axis="x", visible=False)
    left.set_ylabel("longest stall in a window, ms")
    timeline(
        right,
        {"podus": part["rows"][sizes[-1]]},
        f"one update of the program of {int(sizes[-1]):,} procedures",
    )
    figure.tight_layout()
    return figure


def realtime(part: dict[str, Any]) -> Any:
    """What share of the periods began later than that."""
    figure, axes = plt.subplots(figsize=(8, 3.4))
    titles = {
        "idle": "nothing happens",
        "busy": "another process",
        "update": "updates",
        "bounded": "updates with a bound",
    }
    for kind, title in titles.items():
        row = part["rows"][kind]
        left, points = row["periods"], []
        for place, count in row["classes"]:
            points.append((10 ** (place / row["fine"]), left / row["periods"]))
            left -= count
        points.append((row["late_us"]["1"], 1 / row["periods"]))
        axes.plot(
            [p[0] for p in points],
            [p[1] for p in points],
            label=title,
            linewidth=1.3,
            drawstyle="steps-post",
            color=COLOURS["updated" if kind == "bounded" else kind],
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    plain_numbers(axes.xaxis)
    axes.set_xlabel("late by more than, µs")
    axes.set_ylabel("share of the periods")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=9)
    figure.tight_layout()
    return figure


def objects(part: dict[str, Any]) -> Any:
    """The longest stall of each change at each pace, and the throughput of each change with ``sweep`` in time."""
    titles = {"field": "a new field", "mapped": "a mapper", "fields": "three new fields"}
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(1.2, 1))
    names = list(part["rows"])
    for kind, shift in (("idle", 0.25), ("busy", 0.0), ("update", -0.25)):
        left.barh(
            [-i + shift for i in range(len(names))],
            [part["rows"][name]["stall_ms"][kind]["longest"] for name in names],
            height=0.24,
            color=COLOURS[kind],
            label={"idle": "nothing happens", "busy": "another process", "update": "update"}[kind],
        )
    rows = part["rows"].values()
    left.set_yticks(
        [-i for i in range(len(names))], [f"{titles[row['change']]}, {row['pace']}" for row in rows]
    )
    left.axvline(5, color="#cf222e", linewidth=1, linestyle="--")
    left.set_xscale("log")
    left.set_xlabel("longest stall, ms")
    left.grid(axis="y", visible=False)
    plain_numbers(left.xaxis)
    left.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, frameon=False, fontsize=9)
    for change, colour in zip(titles, ("podus", "updated", "busy"), strict=True):
        points = part["rows"][f"{change} sweep"]["trace"]
        right.step(
            [p[0] for p in points],
            [p[1] for p in points],
            where="post",
            color=COLOURS[colour],
            linewidth=1,
            label=titles[change],
        )
    right.set_ylim(0, None)
    right.set_xlabel("seconds since the command")
    right.set_ylabel("requests a second")
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=9)
    figure.tight_layout()
    return figure


def peers(part: dict[str, Any]) -> Any:
    """Longest stall and time to completion as bars, and the throughput in time."""
    rows = {peer: row for peer, row in part["rows"].items() if "failed" not in row}
    names = list(reversed(rows))
    figure, (first, second, third) = plt.subplots(1, 3, figsize=(11, 2.9), width_ratios=(1, 1, 1))
    values = {
        "longest stall, ms": [rows[peer]["summary"]["update"]["stall_ms"]["longest"] for peer in names],
        "seconds to completion": [rows[peer]["summary"]["seconds"] for peer in names],
        "throughput during the update, %": [100 * rows[peer]["summary"]["throughput"] for peer in names],
    }
    for axes, (title, numbers) in zip((first, second, third), values.items(), strict=True):
        bars = axes.barh(names, numbers, color=[PEERS[peer] for peer in names], height=0.6)
        axes.set_title(title, fontsize=10)
        axes.set_yticks(
            range(len(names)), [TITLES[peer] for peer in names] if axes is first else [""] * len(names)
        )
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        if axes is not third:
            axes.set_xscale("log")
            axes.set_xlim(min(numbers) / 3, max(numbers) * 8)
            plain_numbers(axes.xaxis)
        else:
            axes.set_xlim(0, 118)
        axes.bar_label(
            bars, [f"{number:,.3g}" if number < 1000 else f"{number:,.0f}" for number in numbers], padding=3
        )
    figure.tight_layout()
    return figure


def timeline(axes: Any, rows: dict[str, dict[str, Any]], title: str) -> None:
    """Requests a second before, during and after an update."""
    for peer, row in rows.items():
        points = row["trace"]
        axes.step(
            [p[0] for p in points],
            [p[1] for p in points],
            where="post",
            color=PEERS[peer],
            linewidth=1.2,
            label=TITLES[peer],
        )
        ended = row["traced_seconds"]
        axes.axvspan(0, ended, color=PEERS[peer], alpha=0.08, linewidth=0)
        axes.text(
            ended / 2,
            0.04,
            "command to completion",
            ha="center",
            transform=axes.get_xaxis_transform(),
            fontsize=9,
        )
        axes.set_xlim(points[0][0], points[-1][0])
    axes.set_ylim(0, None)
    axes.set_xlabel("seconds since the command")
    axes.set_ylabel("requests a second")
    axes.set_title(title, fontsize=10)


def plain_numbers(axis: Any) -> None:
    """1, 10 and 100 instead of powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
