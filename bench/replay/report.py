"""From bench/replay/results.json to docs/replay.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.replay.fetch import Package

NAMES = {
    "podus": "podus",
    "jurigged": "jurigged",
    "autoreload": "IPython autoreload",
    "reload": "importlib.reload",
    "hmr": "hmr",
    "pyflyby": "pyflyby",
}

# What a look at a refusal or at lost tests has shown.
EXPLAINED = {
    "werkzeug 3.1.1 3.1.2": "The test counts the rules that are alive, in this and the release before: those that the old tests made are held here.",
    "werkzeug 3.0.6 3.1.0": "The table of all exceptions, which a procedure fills that goes through `globals()`, gets the new exception. The object behind `abort` has copied the table when it "
    "was made: it lasts, with its copy.",
    "pyparsing 3.2.1 3.2.2": "What the new release notes of a regular expression when it compiles that is not known of those that the old release has compiled: `Regex.re` is a cached property, "
    "and stays as it is in live objects. Nothing says that compiling one anew would have set a field of it.",
    "bottle 0.12.25 0.13.0": "A regular expression of the template parser is kept, as the program may have modified it (the plan asks about it), and a procedure that a table of `functools.wraps` "
    "made at import keeps the old documentation: neither the statement nor its maker has changed.",
    "networkx 3.3 3.4": "The settings were asked to be made again, but keep an object of a class that has become a derived one.",
    "mistune 3.0.2 3.1.0": "`mistune.html` is an object that the old release made, and the rules in it go by the old release's names (`axt_heading`); the new release's code asks for "
    "`atx_heading`. Both are keys in a dictionary: no text says that one has become the other, and the plan can't ask. To rename them wherever the object holds them would be a mapper's business.",
}

HEAD = """# Real releases, replayed

<!-- Written by `make replay` from bench/replay/results.json; don't edit it. -->

`make replay` takes consecutive releases of pure-Python packages from PyPI. For each pair a process imports all of the
**old** release and runs the old release's own tests; the objects that those worked with are kept (but for those that hold a
suspended generator: an update waits for it). Then the
files are overwritten with those of the **new** release, as an installer does, the process is updated, and the *new release's own tests run in that process*.

They are held against a process of the new release that was never updated. The tests run twice in that one, and only those count that pass both times:
a test that fails because something ran before it says nothing about an update. The rest of the table: changed modules and procedures, the classes and
functions of the package that are still the same objects (of those that the new release still has), and the old objects that are of the
new release's classes.

A person reads what a refusal proposes. So does the replay in one respect: where a refusal's own remedy names `--reset` for data that is made by several
statements at the top of a module, the update is asked for a second time with just these options. The page names every such case."""


def write(results: dict[str, Any], page: Path, packages: list[Package]) -> None:
    """Write the page from what was measured last."""
    pairs: dict[str, dict[str, Any]] = {k: v for k, v in results["pairs"].items() if "podus" in v}
    known = {package.name for package in packages}
    pairs = {k: v for k, v in sorted(pairs.items()) if k.split()[0] in known}
    sections = [HEAD]
    if pairs:
        on = results["on"]
        sections += [
            podus(pairs),
            f"*Python {on['python']}, {on['date']}.*",
            made_again(pairs),
            peers(pairs),
            refused(pairs),
            lost(pairs),
        ]
    page.write_text("\n\n".join(section for section in sections if section) + "\n", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def share(passed: int, of: int) -> str:
    """A percentage that says 100 only of all."""
    if not of:
        return ""
    return "100 %" if passed == of else f"{min(99.99, 100 * passed / of):.2f} %"


def podus(pairs: dict[str, dict[str, Any]]) -> str:
    """Every pair under podus."""
    rows = []
    passed = of = carried = 0
    for key, row in pairs.items():
        name, old, new = key.split()
        found = row["podus"]
        passed += found["passed"]
        of += found["of"]
        carried += not (found.get("refused") or found.get("error"))
        kept, still = found.get("identity", (0, 0))
        right, held = found.get("objects", (0, 0))
        result = share(found["passed"], found["of"])
        if found.get("refused"):
            result = "refused"
        elif found.get("error"):
            result = "failed"
        rows.append(
            [
                f"{name} {old} → {new}",
                str(found.get("modules", "")),
                str(found.get("procedures", "")),
                f"{kept} of {still}",
                f"{right} of {held}",
                f"{found['passed']} of {found['of']}",
                result,
                str(found.get("mappers", "") or ""),
            ]
        )
    head = ["update", "modules", "procedures", "same objects", "objects", "tests", "", "mappers"]
    total = (
        f"**{passed:,} of {of:,} tests pass in the updated processes ({share(passed, of)})**; {carried} of {len(pairs)} updates of "
        f"{len({key.split()[0] for key in pairs})} packages were carried out. *Mappers* are what the plan asked of a person: they lie in bench/replay/support."
    )
    return f"{total}\n\n{table(head, rows)}"


def peers(pairs: dict[str, dict[str, Any]]) -> str:
    """Each tool's share per package, over the pairs that all of them were given."""
    tools = [tool for tool in NAMES if any(tool in row for row in pairs.values())]
    if tools == ["podus"]:
        return ""
    rows = []
    sums = {tool: [0, 0, 0, 0] for tool in tools}
    for name in dict.fromkeys(key.split()[0] for key in pairs):
        mine = [row for key, row in pairs.items() if key.split()[0] == name and all(t in row for t in tools)]
        if not mine:
            continue
        cells = []
        for tool in tools:
            of = sum(row["podus"]["of"] for row in mine)
            passed = sum(row[tool]["passed"] for row in mine)
            kept, still = (sum(row[tool].get("identity", (0, 0))[i] for row in mine) for i in (0, 1))
            for index, number in enumerate((passed, of, kept, still)):
                sums[tool][index] += number
            cells.append(share(passed, of))
        rows.append([name, *cells])
    rows.append(["**all tests**", *(f"**{share(*sums[tool][:2])}**" for tool in tools)])
    rows.append(["same classes and functions", *(share(*sums[tool][2:]) for tool in tools)])
    return f"""## The same with others

The share of the tests that pass after the update (of most packages the newest one; of all tools the same); 0 where the tool raised, ended the process or did not come to an end. `importlib.reload` gets the changed modules in the order of their imports.

{table(["package", *(NAMES[tool] for tool in tools)], rows)}"""


def made_again(pairs: dict[str, dict[str, Any]]) -> str:
    """Where the second update, with the options of the first one's remedy, was the one that was carried out."""
    rows = []
    for key, row in pairs.items():
        names = row["podus"].get("reset")
        if names:
            name, old, new = key.split()
            rows.append([f"{name} {old} → {new}", " ".join(f"`--reset {word}`" for word in names)])
    head = ["update", "carried out with"]
    return f"## Made again\n\n{table(head, rows)}".replace("---:", "---") if rows else ""


def refused(pairs: dict[str, dict[str, Any]]) -> str:
    """What podus would not do, and why."""
    rows = []
    for key, row in pairs.items():
        found = row["podus"]
        for text in dict.fromkeys(
            [n["text"] for n in found.get("refusals", [])]
            or [found.get("refused") or str(found.get("error", "")).strip().rpartition("\n")[2]]
        ):
            if text:
                rows.append(
                    [" ".join(key.split()[:1]) + " " + " → ".join(key.split()[1:]), text.replace("|", "\\|")]
                )
    if not rows:
        return ""
    page = f"## Refused\n\n{table(['update', 'why'], rows)}".replace("---:", "---")
    return "\n\n".join([page, *explained(k for k, row in pairs.items() if row["podus"].get("refused"))])


def explained(keys: Iterable[str]) -> list[str]:
    """The paragraphs that say more of some pairs."""
    found = []
    for key in keys:
        if key in EXPLAINED:
            name, old, new = key.split()
            found.append(f"**{name} {old} → {new}.** {EXPLAINED[key]}")
    return found


def lost(pairs: dict[str, dict[str, Any]]) -> str:
    """The tests that an update lost."""
    rows = []
    for key, row in pairs.items():
        names = row["podus"].get("lost", [])
        if names:
            more = row["podus"]["of"] - row["podus"]["passed"] - len(names)
            listed = ", ".join(f"`{name.rpartition('/')[2]}`".replace("|", "\\|") for name in names[:6])
            rest = more + max(0, len(names) - 6)
            name, old, new = key.split()
            rows.append([f"{name} {old} → {new}", listed + (f" and {rest} more" if rest else "")])
    if not rows:
        return ""
    page = f"## Lost\n\n{table(['update', 'tests that pass in a new process only'], rows)}".replace(
        "---:", "---"
    )
    return "\n\n".join([page, *explained(k for k, row in pairs.items() if row["podus"].get("lost"))])
