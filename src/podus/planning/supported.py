"""The support code as the planner sees it: what it names must be there, and what it is asked for must be given."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from podus.planning.model import POLICIES, Gate, Mapper
from podus.program.code import is_function, walk
from podus.program.operands import STORES_NAME, named
from podus.program.version import Version
from podus.support.load import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from podus.planning.compile import Compiler


class SupportCode:
    """Interprocedures, mappers and dependencies of one update, by what they name.

    When an update is backed out, ``backwards`` is set and the ``reverse`` of each is meant.
    """

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        request = compiler.request
        self.backwards = bool(request.get("back_out"))
        self.path = ""
        previous = self._previous() if self.backwards else {}
        self.declarations: list[dict[str, Any]]
        if request.get("support"):
            self.path = os.path.abspath(request["support"])
            self.declarations = inspect(self.path)
            self._in_place_of(previous.get("declarations") or ())
        elif self.backwards and request.get("declarations"):
            self.declarations = list(request["declarations"])
            self._in_place_of(previous.get("declarations") or ())
        elif self.backwards:
            self.path = previous.get("support") or ""
            self.declarations = list(previous.get("declarations") or ())
        else:
            self.declarations = list(request.get("declarations") or ())
        self.declarations = [dict(d) for d in self.declarations]
        compiler.plan.support = self.path
        if not self.backwards:
            self.declarations += self._project_dependencies()
        self._check()
        self._check_policies()

    def _in_place_of(self, before: Iterable[dict[str, Any]]) -> None:
        """Refuse support code for the way back that lacks a mapper which the update had."""
        there = {target for row in self.declarations if row["kind"] == "mapper" for target in row["targets"]}
        for row in before:
            for target in row["targets"] if row["kind"] == "mapper" else ():
                if target not in there:
                    self.compiler.refuse(
                        "no-way-back",
                        f"{target} was converted by a mapper, and {self.path or 'what is given'} has none for it",
                        "give all mappers of the update in it, each with a reverse=",
                    )

    def _previous(self) -> dict[str, Any]:
        rows = [v for v in self.compiler.pup.call("versions") if v.get("previous")]
        wanted = self.compiler.request.get("to")
        if wanted:
            rows = [v for v in rows if wanted in (v["label"], v["hash"])]
        return dict(rows[-1].get("back") or {}) if rows else {}

    def _project_dependencies(self) -> list[dict[str, Any]]:
        """``[tool.podus] together = [["mod:f", "mod:g"]]`` in the pyproject.toml beside (or above) the program."""
        found: list[dict[str, Any]] = []
        for root in (self.compiler.plan.program.get("roots") or {}).values():
            folder = root
            for _ in range(3):
                path = os.path.join(folder, "pyproject.toml")
                if os.path.isfile(path):
                    import tomllib

                    try:
                        with open(path, "rb") as file:
                            table = tomllib.load(file).get("tool", {}).get("podus", {})
                    except (OSError, tomllib.TOMLDecodeError) as error:
                        self.compiler.refuse("bad-project", f"{path} can't be read: {error}", "mend it", path)
                        return found
                    for names in table.get("together", []):
                        found.append(
                            {"kind": "together", "targets": list(names), "function": "", "reverse": False}
                        )
                    break
                folder = os.path.dirname(folder)
        return found

    # ---- what is there

    def _check(self) -> None:
        plan = self.compiler.plan
        if not (self.declarations or plan.now or plan.hold):
            return
        old, new = _names_of(self.compiler.old), _names_of(self.compiler.new)
        names = old | new
        procedures = _procedures(self.compiler.old)
        gone = old - new - procedures
        for row in self.declarations:
            for target in row["targets"]:
                if target in names:
                    continue
                near = difflib.get_close_matches(target, names, 1)
                hint = f"did you mean {near[0]}?" if near else "name it as 'module:name'"
                where = f"{self.path}:{row['line']}" if row.get("line") else self.path
                self.compiler.refuse(
                    "unknown-target", f"the support code names {target}, which is not there", hint, where
                )
            if row["kind"] == "mapper" and not self.backwards:
                self._refuse_without_data(row, gone)
            if self.backwards and row["kind"] == "mapper" and not row["reverse"]:
                self.compiler.refuse(
                    "no-way-back",
                    f"{row['targets'][0]} was converted by a mapper, and no way back was given",
                    "give the mapper a reverse=, or update forward to a mended version",
                )
        for target in [*plan.now, *plan.hold]:
            if target not in names:
                near = difflib.get_close_matches(target, names, 1)
                hint = f"did you mean {near[0]}?" if near else "see `podus plan` for the names"
                self.compiler.refuse(
                    "unknown-procedure", f"--now or --hold names {target}, which is not there", hint
                )
            elif target not in procedures | _procedures(self.compiler.new):
                self.compiler.refuse(
                    "unknown-procedure",
                    f"--now or --hold names {target}, which is no procedure",
                    "leave it out: data stays unless --reset or a mapper names it",
                )
        self._refuse_two_ways()

    def _refuse_two_ways(self) -> None:
        """Refuse what two mappers are to convert, or one, and ``--reset`` is to give its new value."""
        seen = set(self.compiler.request.get("reset") or ())
        twice: list[str] = []
        for row in self._usable("mapper"):
            twice += seen.intersection(row["targets"])
            seen.update(row["targets"])
        for target in sorted({*twice}):
            self.compiler.refuse(
                "two-ways",
                f"{target} is to get another form in two ways, by mappers or --reset",
                "leave one of them",
                self.path,
            )

    def _refuse_without_data(self, row: dict[str, Any], gone: set[str]) -> None:
        """Refuse a mapper for data that is ``gone``: there is nothing to convert it to, and nothing to come back from."""
        for target in row["targets"]:
            there = target.partition(":")[0] in self.compiler.new.modules
            if there and target in gone and not self._class(target):
                self.compiler.refuse(
                    "unknown-target",
                    f"the support code has a mapper for {target}, which the new version does not have",
                    "leave it out: what goes is there again as it was after a back-out",
                    f"{self.path}:{row['line']}" if row.get("line") else self.path,
                )

    def _usable(self, kind: str) -> list[dict[str, Any]]:
        rows = [row for row in self.declarations if row["kind"] == kind]
        return [row for row in rows if row["reverse"]] if self.backwards else rows

    def maps(self, name: str) -> bool:
        """Whether a mapper converts the data ``name``."""
        rows = [row for row in self._usable("mapper") if name in row["targets"]]
        # One of a class's objects says nothing of the other name that an assignment gives it.
        return any(not self._class(row["targets"][0]) for row in rows)

    def mapper_rows(self) -> list[Mapper]:
        """The mappers, as the plan has them."""
        procedures = _procedures(self.compiler.new)
        return [
            Mapper(
                target,
                row["function"],
                "static" if target in procedures else "objects" if self._class(target) else "data",
                row["reverse"],
            )
            for row in self._usable("mapper")
            for target in row["targets"][:1]
        ]

    def mapped_classes(self) -> list[str]:
        """The classes whose objects a mapper converts, as ``module:qualname`` in the old version."""
        return [name for row in self._usable("mapper") if (name := self._class(row["targets"][0]))]

    def object_mapper(self, name: str) -> dict[str, Any] | None:
        """What is declared as the mapper of a class's objects."""
        return next((row for row in self._usable("mapper") if self._class(row["targets"][0]) == name), None)

    def _class(self, target: str) -> str:
        """What the old version calls a class that both versions define, and that a mapper names as one of them does; "" for anything else."""
        moves = self.compiler.class_moves
        names = [target, *(old for old, new in moves.items() if new == target)]
        return next(
            (
                name
                for name in names
                if _defines(self.compiler.old, name) and _defines(self.compiler.new, moves.get(name, name))
            ),
            "",
        )

    def gate_rows(self) -> list[Gate]:
        """The interprocedures, as the plan has them."""
        return [Gate(row["targets"][0], row["function"]) for row in self._usable("interprocedure")]

    def frame_mappers(self) -> set[str]:
        """The procedures whose running frames' variables are given by a frame mapper."""
        return {row["targets"][0] for row in self._usable("frame_mapper")}

    def together(self) -> list[tuple[list[str], str]]:
        """The declared semantic dependencies, each with its policy ("" for that of the update)."""
        rows = [row for row in self.declarations if row["kind"] == "together"]
        return [(row["targets"], row.get("policy") or "") for row in rows]

    def _check_policies(self) -> None:
        """Every policy that is named must be one of podus's own, or declared."""
        declared = [row["function"] for row in self.declarations if row["kind"] == "policy"]
        for name in dict.fromkeys([self.compiler.plan.policy, *(policy for _, policy in self.together())]):
            if name and name not in (*POLICIES, *declared) and name != "when":
                near = difflib.get_close_matches(name, [*POLICIES, *declared], 1)
                hint = (
                    f"did you mean {near[0]}?" if near else "declare it in the support file with podus.policy"
                )
                self.compiler.refuse("unknown-policy", f"there is no policy {name!r}", hint, self.path)


def _defines(version: Version, name: str) -> bool:
    """Whether a version defines the class ``module:qualname``."""
    module, _, qualname = name.partition(":")
    found = version.modules.get(module)
    return found is not None and any(
        c.co_qualname == qualname and not is_function(c) for c in walk(found.code)
    )


def _procedures(version: Version) -> set[str]:
    return {f"{module.name}:{name}" for module in version.modules.values() for name in module.procedures}


def _names_of(version: Version) -> set[str]:
    """All procedures and top-level and class names of a version, as ``module:name``."""
    found: set[str] = set()
    for module in version.modules.values():
        found |= {f"{module.name}:{name}" for name in module.procedures}
        found |= {f"{module.name}:{name}" for name in module.code.co_names}
        bodies = [code for code in walk(module.code) if not is_function(code) and code is not module.code]
        found |= {f"{module.name}:{code.co_qualname}" for code in bodies}
        found |= {f"{module.name}:{c.co_qualname}.{n}" for c in bodies for n in named(c, STORES_NAME)}
    return found
