"""Compiling a plan: two versions and the support code in, ordered and checked steps out. Nothing is evaluated here."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable
from functools import cached_property
from types import CodeType
from typing import Any

from podus.errors import NotFound, Refused
from podus.planning.ask import Asker
from podus.planning.closed import defaults_for
from podus.planning.derived import Derived
from podus.planning.hooking import asking
from podus.planning.model import MAX_HOLD, MOVE_AFTER, ModulePart, Note, Plan, Procedure
from podus.planning.moves import find_moved_data, find_moves, find_renamed
from podus.planning.objects import ObjectChanges
from podus.planning.reading import is_star
from podus.planning.runners import Runners
from podus.planning.safety import Safety
from podus.planning.schedule import END, schedule
from podus.planning.standing import Standing
from podus.planning.supported import SupportCode
from podus.planning.telling import tell
from podus.planning.toplevel import TopLevel, alternatives
from podus.planning.unmapped import refuse_unmapped
from podus.planning.unreached import tell_of_recoded, tell_of_unreached
from podus.program.bytecode import compile_source, read_cached, set_optimization
from podus.program.changes import ModuleChange, compare_bodies, compare_modules
from podus.program.code import SUSPENDS
from podus.program.flow import absolute, flow
from podus.program.importing import imports_of, is_certain
from podus.program.membership import in_program
from podus.program.operands import REBINDS, any_named
from podus.program.sources import (
    BadModule,
    Found,
    Loaded,
    Place,
    compile_found,
    from_directory,
    from_git,
    in_place,
)
from podus.program.symbols import Attr, Global
from podus.program.version import Module, Version


class Compiler:
    """Makes one plan for one program.

    ``request`` as for :func:`podus.planning.request.make_plan`; ``directory`` is where the new version's code and sources are written.
    """

    def __init__(
        self, request: dict[str, Any], pup: Asker, directory: str, progress: Callable[[str], None]
    ) -> None:
        self.request = request
        self.pup = pup
        self.directory = directory
        self.progress = progress
        set_optimization(pup.hello["optimize"])
        self.rows: list[dict[str, Any]] = pup.call("modules")
        self.loaded = [
            Loaded(
                **{k: r[k] for k in ("name", "file", "kind", "package", "main", "real_name", "mtime", "size")}
            )
            for r in self.rows
        ]
        self.old = Version(label=pup.hello["version"]["label"])
        self.new = Version()
        self.changes: dict[str, ModuleChange] = {}
        self.imported: list[Module] = []
        self.removed: list[str] = []
        # Data that goes, and that another module makes anew: the person is asked about it there.
        self.made_anew: set[str] = set()
        self.derived = Derived(self)
        self.standing = Standing(self)
        # Module -> the names that it defined itself, and that a star import brings now.
        self.from_stars: dict[str, list[str]] = {}
        hello = pup.hello
        self.plan = Plan(
            id=os.urandom(6).hex(),
            program={
                **{k: hello[k] for k in ("name", "pid")},
                "running": hello["version"]["hash"],
                # What has to be said again to ask for the same version once more.
                "asked": {k: request[k] for k in ("from", "git", "to", "support") if request.get(k)},
                "reset": list(request.get("reset") or ()),
            },
            python=sys.version.split()[0],
            from_version=dict(hello["version"]),
            to_version={},
            now=list(request.get("now") or ()),
            hold=list(request.get("hold") or ()),
            policy="when" if request.get("when") else request.get("policy") or "podus",
            max_hold=float(request.get("max_hold", MAX_HOLD)),
            move_after=float(request.get("move_after", MOVE_AFTER)),
            max_stall=float(request.get("max_stall") or 0.0),
            directory=directory,
        )

        # Of the update that is backed out: the data that was made again on request.
        self.was_reset: set[str] = set()

    def compile(self) -> Plan:
        """The plan; with refusals in it where the update can't be done safely."""
        plan = self.plan
        self.progress("reading the new version")
        place = self._place()
        self._read(place)
        if plan.refusals:
            self._finish_versions(place)
            return plan
        self.progress("comparing")
        self._follow_imports(place)
        if plan.refusals:
            self._finish_versions(place)
            return plan
        tell_of_unreached(self, place)
        self._finish_versions(place)
        support = SupportCode(self)
        self.standing.compile(support)
        toplevel = TopLevel(self, support)
        toplevel.compile()
        refuse_unmapped(self, support)
        self._procedures()
        again = {f"{n}:{name}" for n, change in self.changes.items() for name in _defined_by(change)}
        tell_of_recoded(self, again)
        objects = ObjectChanges(self, support, toplevel)
        objects.compile()
        asked = asking(self)
        if plan.procedures or plan.data or support.declarations or asked or self.derived.moved:
            self.progress("tracing calls")
            Safety(self, support, toplevel, objects.remade, asked).compile()
        self.progress("writing the plan")
        Runners(toplevel).write()
        tell(self, support, toplevel)
        return plan

    def refuse(self, code: str, text: str, remedy: str, where: str = "") -> None:
        """Add a reason why this update can't be done."""
        if not any(n.text == text for n in self.plan.refusals):
            self.plan.refusals.append(Note(code, text, remedy, where))

    # ---- the two versions

    def _place(self) -> Place:
        request = self.request
        if not self.loaded:
            raise Refused("the program has loaded no module of its own yet", "wait until it has started")
        wanted = request.get("to")
        if wanted or request.get("back_out"):
            return self._known_version(wanted)
        if request.get("git"):
            return from_git(self.loaded, request["git"], self.directory, self.homes)
        if request.get("from"):
            return from_directory(self.loaded, request["from"], self.homes)
        return in_place(self.loaded, self.homes)

    @cached_property
    def homes(self) -> dict[str, str]:
        """Where the program was loaded from in the beginning, for each root that it has now and did not have then."""
        return {now: first for first, now in self.pup.hello["roots"].items()}

    def _known_version(self, label: str | None) -> Place:
        """A version that the pup keeps: one that was loaded beside the running one, or ran before."""
        versions = self.pup.call("versions")
        if label is None:
            earlier = [v for v in versions if v.get("previous")]
            if not earlier:
                raise Refused(
                    "there is no earlier version to go back to", "update with --from or --git instead"
                )
            chosen = earlier[-1]
        else:
            named = [v for v in versions if v["label"] == label or v["hash"] == label]
            if not named:
                known = ", ".join(v["label"] for v in versions)
                raise NotFound(f"no version is called {label}", f"those that are kept: {known}")
            chosen = named[-1]
            self._refuse_leap(versions, chosen)
        if self.request.get("back_out") and chosen is [v for v in versions if v.get("previous")][-1]:
            if brought := chosen.get("brought"):
                before = [v["label"] for v in versions if v.get("previous")][:-1]
                raise Refused(
                    f"the last update brought what had been held back ({', '.join(brought)}): that alone can't be taken back",
                    f"go back to the version before both: podus back-out --to {before[-1]}"
                    if before
                    else "update forward to a mended version",
                )
            # What the last update's statements did is taken back as it was done, and not made again from the old text.
            self.plan.program["undo"] = chosen["id"]
            # What was made again because somebody asked for it gives way to what it was.
            self.was_reset = set(chosen.get("reset") or ())
        kept = dict(chosen.get("roots") or {})
        first = {m.root: self.homes.get(m.root, m.root) for m in self.loaded}
        return KeptPlace(self.pup, chosen, {now: kept.get(home, home) for now, home in first.items()})

    def _refuse_leap(self, versions: list[dict[str, Any]], chosen: dict[str, Any]) -> None:
        """Refuse to go back over several updates at once where one of them had a mapper: each has a way back of its own."""
        earlier = [v for v in versions if v.get("previous")]
        if not self.request.get("back_out") or chosen not in earlier:
            return
        taken = earlier[earlier.index(chosen) :]
        mapped = [
            target
            for row in taken
            for declaration in (row.get("back") or {}).get("declarations") or ()
            if declaration["kind"] == "mapper"
            for target in declaration["targets"]
        ]
        if len(taken) > 1 and mapped:
            raise Refused(
                f"{', '.join(dict.fromkeys(mapped))} was converted by a mapper on the way from {chosen['label']}, and not by the last update alone",
                f"back out {len(taken)} times, one update after the other",
            )

    def _read(self, place: Place) -> None:
        self.old.modules = {}
        read: list[tuple[Loaded, dict[str, Any], Found | None]] = []
        if isinstance(place, KeptPlace):
            kept = place.version["modules"]
            self.pup.prefetch([m.name for m in self.loaded if m.name in kept], place.version["id"])
        for module, row in zip(self.loaded, self.rows, strict=True):
            try:
                read.append((module, row, place.find(module)))
            except BadModule as bad:
                self.refuse("bad-module", bad.text, bad.remedy, bad.where)
        differing = [
            m.name
            for m, row, f in read
            if f is None or f.source is None or row["digest"] != _digest(f.source)
        ]
        self.pup.prefetch(differing, None)
        for module, row, found in read:
            if found is None:
                self._missing(place, module, row)
                continue
            if found.source is not None and row["digest"] == _digest(found.source):
                known = self._unchanged(module, found)
                self.old.modules[module.name] = self.new.modules[module.name] = known
                continue
            try:
                new = compile_found(found, module.main)
            except BadModule as bad:
                self.refuse("bad-module", bad.text, bad.remedy, bad.where)
                continue
            if found.source is None and new.digest == row["digest"]:
                self.old.modules[module.name] = self.new.modules[module.name] = new
                continue
            self.old.modules[module.name] = self._running(module)
            self.new.modules[module.name] = new

    def _missing(self, place: Place, module: Loaded, row: dict[str, Any]) -> None:
        # What the program has imported by itself since a kept version ran is no part of what is taken back.
        if module.root not in place.roots or (isinstance(place, KeptPlace) and not row.get("brought")):
            known = self._running(module)
            self.old.modules[module.name] = self.new.modules[module.name] = known
        elif module.main:
            known = self._running(module)
            self.old.modules[module.name] = self.new.modules[module.name] = known
            name = os.path.basename(module.file)
            self.plan.notes.append(
                Note("no-main", f"the new version has no {name}: the main script stays as it is")
            )
        else:
            self.old.modules[module.name] = self._running(module)
            self.removed.append(module.name)

    def _running(self, module: Loaded) -> Module:
        source, code = self.pup.source(module.name, None)
        if code is None:
            assert source is not None
            code = read_cached(module.file, module.mtime, module.size) or compile_source(source, module.file)
        return Module(module.name, module.file, code, source, module.package, module.main)

    @staticmethod
    def _unchanged(module: Loaded, found: Found) -> Module:
        """The interpreter has usually cached the bytecode of a module that runs: read that rather than compile it."""
        assert found.source is not None
        # It may lie elsewhere now (--from): what is only looked at need not name the new file.
        code = read_cached(module.file, module.mtime, module.size)
        if code is None:
            code = compile_source(found.source, found.file)
        return Module(module.name, found.file, code, found.source, found.package, module.main)

    def _follow_imports(self, place: Place) -> None:
        """Compare, and read the modules that the new version imports at its top level for the first time."""
        for name in list(self.new.modules):
            old, new = self.old.modules[name], self.new.modules[name]
            if old is not new:
                self.changes[name] = compare_modules(old, new)
        self._follow_stars()
        todo = [(change.new, True) for change in self.changes.values()]
        known = {m.real_name or m.name for m in self.loaded}
        include = tuple(self.pup.hello["include"])
        while todo:
            module, surely = todo.pop()
            for wanted, line, named in imports_of(module):
                if wanted in self.removed and named and is_certain(module, line):
                    self.refuse(
                        "import-of-deleted",
                        f"{module.name} imports {wanted}, which the new version does not have",
                        "add the module, or take the import out",
                        f"{module.file}:{line}",
                    )
                if wanted in known or wanted in self.new.modules:
                    continue
                try:
                    found = place.find_name(wanted, wanted.split("."))
                    if found is None or not in_program(wanted, found.file, include):
                        continue
                    fresh = compile_found(found, False)
                except BadModule as bad:
                    # What is imported in an `if` or `try` may be meant for another Python.
                    if surely and is_certain(module, line):
                        self.refuse("bad-module", bad.text, bad.remedy, bad.where)
                    continue
                if isinstance(place, KeptPlace) and self.request.get("back_out") and not place.has(wanted):
                    self.refuse(
                        "changed-and-deleted",
                        f"{wanted} has changed and was deleted since version {place.label}",
                        "go back one version at a time with `podus back-out`",
                        f"{module.file}:{line}",
                    )
                self.new.modules[wanted] = fresh
                self.imported.append(fresh)
                todo.append((fresh, surely and is_certain(module, line)))
        self._try_again()
        self._take_from_stars()
        self.derived.follow()
        self.moves, notes = find_moves(self)
        if not self.plan.program.get("undo"):
            self.plan.moves = self.moves
            self.plan.notes += notes
            self.plan.moved_data = find_moved_data(self)

    def stars_of(self, module: Module) -> list[str]:
        """The program's modules from which ``module`` imports all names."""
        found = []
        for row in flow(module.code).imports:
            if row.name == "*":
                base = absolute(module.name, module.package, row.level, row.module)
                if base in self.new.modules:
                    found.append(base)
        return found

    def _try_again(self) -> None:
        """Where the import of a module that is there now has been tried in vain (``except ImportError``), it is tried again."""
        fresh = {module.name for module in self.imported}
        for change in self.changes.values() if fresh else ():
            lines = [line for wanted, line, _ in imports_of(change.new) if wanted in fresh]
            if not lines or change.new.source is None or change.old.source is None:
                continue
            if change.body is None:
                assert change.bodies is not None
                change.body = compare_bodies(*change.bodies)
            chosen = []
            for statement in change.body.new.statements:
                node = statement.node
                span = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                tries = isinstance(node, ast.Try) and all(isinstance(part, _IMPORTS) for part in node.body)
                if tries and any(line in span for line in lines):
                    chosen.append(statement)
            change.body.run_too(chosen)

    def _follow_stars(self) -> None:
        """``from m import *`` runs again where ``m`` has changed: it may bring other names now."""
        again = True
        while again:
            again = False
            for name, module in self.new.modules.items():
                if module.source is None or b"import *" not in module.source:
                    continue
                changed = [star for star in self.stars_of(module) if star in self.changes]
                if not changed:
                    continue
                before = self.changes.get(name)
                if before is None or before.body is None:
                    again = again or before is None
                    before = self.changes[name] = compare_modules(self.old.modules[name], module, parse=True)
                assert before.body is not None
                before.body.removed = sorted({*before.body.removed, *self.derived.lost(module)})
                before.body.run_too(filter(is_star, before.body.new.statements))
        for change in self.changes.values():
            # A star that is there no more, or of another module.
            if change.body is not None and b"import *" in (change.old.source or b""):
                change.body.removed = sorted({*change.body.removed, *self.derived.lost(change.new)})

    def _take_from_stars(self) -> None:
        """What a module defined itself, and a star import brings now, is not gone."""
        for change in self.changes.values():
            body = change.body
            if body is None or not body.removed:
                continue
            brought = self.derived.new.starred(change.new, at_most=True)
            if not brought.isdisjoint(body.removed):
                self.from_stars[change.new.name] = sorted(brought.intersection(body.removed))
                body.removed = [name for name in body.removed if name not in brought]
                body.run_too(filter(is_star, body.new.statements))

    def _finish_versions(self, place: Place) -> None:
        plan = self.plan
        plan.from_version["hash"] = self.old.hash
        label = self.request.get("label") or getattr(place, "label", "") or ""
        plan.to_version = {"label": label, "hash": self.new.hash, "origin": place.origin}
        plan.program["roots"] = place.roots
        plan.program["back_out"] = bool(self.request.get("back_out"))

    # ---- the procedures

    def _procedures(self) -> None:
        """List what changed in procedures; what that means for callers is added by ``safety``."""
        for change in self.changes.values():
            rerun = _defined_by(change)
            for name in change.changed:
                self._procedure(change, name, "body")
            for name in change.pairs.values():
                if name in rerun and name not in change.changed:
                    self._procedure(change, name, "head")
            for name in change.added:
                self._procedure(change, name, "added")
            for name in change.removed:
                self.plan.procedures.append(Procedure(f"{change.old.name}:{name}", "removed"))

        self._held()

    def _held(self) -> None:
        """What an earlier update held back is still to be switched."""
        listed = {p.name for p in self.plan.procedures}
        parts = {part.name for part in self.plan.modules}
        for name in self.pup.hello["held"]:
            module, _, qualname = name.partition(":")
            new = self.new.modules.get(module)
            if name in listed or new is None or qualname not in new.procedures:
                continue
            if module not in parts:
                parts.add(module)
                self.changes.setdefault(module, ModuleChange(self.old.modules[module], new))
                self.plan.modules.append(ModulePart(module, "update", new.file, package=new.package))
            self._procedure(self.changes[module], qualname, "body")
            self.plan.procedures[-1].notes.append("was held back by an earlier update")

    def _procedure(self, change: ModuleChange, name: str, kind: str) -> None:
        code = change.new.procedures[name]
        # It is activations of the old version that hold a switch up.
        before = change.old.procedures.get(change.old_names.get(name, name), code)
        self.plan.procedures.append(
            Procedure(
                f"{change.new.name}:{name}",
                kind,
                hidden="<locals>" in name and kind != "added" and not _is_transient(change.old, name),
                suspends=bool(before.co_flags & SUSPENDS),
                line=code.co_firstlineno,
            )
        )
        procedure = self.plan.procedures[-1]
        lacking = sorted({*code.co_freevars} - {*before.co_freevars})
        if procedure.hidden and kind == "body":
            procedure.defaults, unknown = defaults_for(change.old, change.new, (before, code))
            procedure.defaults_back, _ = defaults_for(change.new, change.old, (code, before))
            procedure.stays = bool(unknown)
            if unknown and not lacking:
                procedure.notes.append(
                    f"podus can't tell the default of {unknown} for closures made before: they keep their old version"
                )
        if procedure.hidden and lacking:
            procedure.notes.append(
                f"closes over {', '.join(lacking)} now, which closures made before don't have: they keep their old version"
            )

    @property
    def order(self) -> list[str]:
        """The changed modules, those that are imported by others first: by new modules too."""
        return [name for name, line in self.schedule if line == END]

    @property
    def schedule(self) -> list[tuple[str, int]]:
        """In what order statements run: see :mod:`podus.planning.schedule`."""
        begun = {row["name"]: row["begun"] for row in self.rows}
        roots = sorted(self.new.modules, key=lambda name: begun.get(name, len(begun)))
        return schedule(self.new.modules, roots, self.changes)

    @cached_property
    def class_moves(self) -> dict[str, str]:
        """Class of the old version -> what it is called in the new one, where that is another name."""
        return self.moves | find_renamed(self)

    @cached_property
    def mentions_in_old(self) -> dict[str, list[tuple[str, CodeType]]]:
        """Name -> the procedures of the old version whose code mentions it."""
        return _mentions(self.old)

    def rebinds(self, name: str) -> bool:
        """Whether some procedure of the running program may rebind module data ``name``."""
        return any(any_named(code, REBINDS, name) for _, code in self.mentions_in_old.get(name, ()))

    @cached_property
    def mentions_in_new(self) -> dict[str, list[tuple[str, CodeType]]]:
        """Name -> the procedures of the new version whose code mentions it."""
        return _mentions(self.new)


class KeptPlace(Place):
    """A version that the pup keeps, as a place to read from."""

    def __init__(self, pup: Asker, version: dict[str, Any], roots: dict[str, str]) -> None:
        super().__init__(roots, version["origin"])
        self.pup = pup
        self.version = version
        self.label = version["label"]

    def find(self, module: Loaded) -> Found | None:
        return self._kept(module.name)

    def find_name(self, name: str, parts: Any, roots: Any = None) -> Found | None:
        return self._kept(name)

    def has(self, name: str) -> bool:
        """Whether a module that an update took out is still there as it ran in this version."""
        return bool(self.version["modules"][name]["retired"])

    def _kept(self, name: str) -> Found | None:
        row = self.version["modules"].get(name)
        if row is None:
            return None
        source, code = self.pup.source(name, self.version["id"])
        return Found(name, row["file"], source, code, row["package"])


def _mentions(version: Version) -> dict[str, list[tuple[str, CodeType]]]:
    found: dict[str, list[tuple[str, CodeType]]] = {}
    for module in version.modules.values():
        for qualname, code in module.procedures.items():
            row = (f"{module.name}:{qualname}", code)
            for name in code.co_names:
                found.setdefault(name, []).append(row)
    return found


def _digest(source: bytes) -> str:
    import hashlib

    return hashlib.sha256(source).hexdigest()


# What does no more than to try whether a module is there.
_IMPORTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.Pass)
# They call what they are given, and keep it no longer than that.
_TRANSIENT = frozenset({"sorted", "min", "max", "sort"})


def _is_transient(module: Module, name: str) -> bool:
    """Whether a procedure made in another one lives no longer than the call that it is handed to, as a sort key does."""
    code = module.procedures.get(name)
    maker = module.procedures.get(name.rpartition(".<locals>.")[0])
    if code is None or maker is None:
        return False
    made = next((m for m in flow(maker).makes if m.code is code), None)
    if made is None or made.sink is None or made.bound is not None:
        return False
    callee = made.sink[0].callee
    return isinstance(callee, Global | Attr) and callee.name in _TRANSIENT


def _defined_by(change: ModuleChange) -> set[str]:
    """The procedures whose own ``def`` statements have to run again (their heads changed)."""
    if change.body is None:
        return set()
    found: set[str] = set()
    for body in [change.body, *change.body.all_classes()]:
        for statement in body.run:
            if statement.kind == "def":
                found.add(".".join((*body.owners, statement.names[-1])))
    for _, names in alternatives(change).values():
        found.update(names)
    return found
