"""Compiling a plan: two versions and the support code in, ordered and checked steps out. Nothing is evaluated here."""

from __future__ import annotations

import ast
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

from podus.errors import NotFound, Refused
from podus.plan.ask import Asker
from podus.plan.model import ModulePart, Note, Plan, Procedure
from podus.plan.safety import Safety
from podus.plan.supported import SupportCode
from podus.plan.toplevel import TopLevel
from podus.program.changes import ModuleChange, compare_modules
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
from podus.program.version import Module, Version


class Compiler:
    """Makes one plan for one program.

    ``request`` as for :func:`podus.plan.request.make_plan`; ``directory`` is where the new version's code and sources are written.
    """

    def __init__(
        self, request: dict[str, Any], pup: Asker, directory: str, progress: Callable[[str], None]
    ) -> None:
        self.request = request
        self.pup = pup
        self.directory = directory
        self.progress = progress
        self.rows: list[dict[str, Any]] = pup.call("modules")
        self.loaded = [
            Loaded(r["name"], r["file"], r["kind"], r["package"], r["main"], r.get("real_name", ""))
            for r in self.rows
        ]
        self.old = Version(label=pup.hello["version"]["label"])
        self.new = Version()
        self.changes: dict[str, ModuleChange] = {}
        self.imported: list[Module] = []
        self.removed: list[str] = []
        hello = pup.hello
        self.plan = Plan(
            id=uuid.uuid4().hex[:12],
            program={k: hello[k] for k in ("name", "pid")},
            python=sys.version.split()[0],
            from_version=dict(hello["version"]),
            to_version={},
            now=list(request.get("now") or ()),
            hold=list(request.get("hold") or ()),
            directory=directory,
        )

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
        self._finish_versions(place)
        support = SupportCode(self)
        toplevel = TopLevel(self, support)
        toplevel.compile()
        self._procedures()
        if plan.procedures or plan.data or support.declarations:
            self.progress("tracing calls")
            Safety(self, support, toplevel).compile()
        self.progress("writing the plan")
        toplevel.write()
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
            return from_git(self.loaded, request["git"], self.directory)
        if request.get("from"):
            return from_directory(self.loaded, request["from"])
        return in_place(self.loaded)

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
        return KeptPlace(self.pup, chosen)

    def _read(self, place: Place) -> None:
        self.old.modules = {}
        for module, row in zip(self.loaded, self.rows, strict=True):
            try:
                found = place.find(module)
            except BadModule as bad:
                self.refuse("bad-module", bad.text, bad.remedy, bad.where)
                continue
            if found is None:
                self._missing(place, module)
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

    def _missing(self, place: Place, module: Loaded) -> None:
        if module.root not in place.roots:
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
            code = compile(source, module.file, "exec", dont_inherit=True)
        return Module(module.name, module.file, code, source, module.package, module.main)

    @staticmethod
    def _unchanged(module: Loaded, found: Found) -> Module:
        """The interpreter has usually cached the bytecode of a module that runs: read that rather than compile it."""
        from importlib.machinery import SourceFileLoader

        assert found.source is not None
        code = None
        if not module.main and os.path.isfile(found.file):
            before = sys.dont_write_bytecode
            sys.dont_write_bytecode = True
            try:
                code = SourceFileLoader(module.name, found.file).get_code(module.name)
            except (OSError, ImportError, SyntaxError):
                code = None
            finally:
                sys.dont_write_bytecode = before
        if code is None:
            code = compile(found.source, found.file, "exec", dont_inherit=True)
        return Module(module.name, found.file, code, found.source, found.package, module.main)

    def _follow_imports(self, place: Place) -> None:
        """Compare, and read the modules that the new version imports at its top level for the first time."""
        for name in list(self.new.modules):
            old, new = self.old.modules[name], self.new.modules[name]
            if old is not new:
                self.changes[name] = compare_modules(old, new)
        todo = [change.new for change in self.changes.values()]
        known = {m.real_name or m.name for m in self.loaded}
        while todo:
            module = todo.pop()
            for wanted, line, certain in imports_of(module):
                if wanted in self.removed and certain:
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
                    if found is None:
                        continue
                    fresh = compile_found(found, False)
                except BadModule as bad:
                    self.refuse("bad-module", bad.text, bad.remedy, bad.where)
                    continue
                self.new.modules[wanted] = fresh
                self.imported.append(fresh)
                todo.append(fresh)

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

    def _procedure(self, change: ModuleChange, name: str, kind: str) -> None:
        code = change.new.procedures[name]
        self.plan.procedures.append(
            Procedure(
                f"{change.new.name}:{name}",
                kind,
                hidden="<locals>" in name or "<lambda>" in name,
                suspends=bool(code.co_flags & 0x2A0),
                line=code.co_firstlineno,
            )
        )

    @property
    def order(self) -> list[str]:
        """The changed modules, those that are imported by others first."""
        done: dict[str, None] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in done or name in path or name not in self.new.modules:
                return
            for wanted, _, _ in imports_of(self.new.modules[name]):
                if wanted in self.changes:
                    visit(wanted, (*path, name))
            done[name] = None

        for name in self.changes:
            visit(name, ())
        return list(done)

    def parts(self) -> list[ModulePart]:
        """The plan's modules."""
        return self.plan.modules


class KeptPlace(Place):
    """A version that the pup keeps, as a place to read from."""

    def __init__(self, pup: Asker, version: dict[str, Any]) -> None:
        super().__init__(dict(version.get("roots") or {}), version["origin"])
        self.pup = pup
        self.version = version
        self.label = version["label"]

    def find(self, module: Loaded) -> Found | None:
        return self._kept(module.name)

    def find_name(self, name: str, parts: Any, roots: Any = None) -> Found | None:
        return self._kept(name)

    def _kept(self, name: str) -> Found | None:
        row = self.version["modules"].get(name)
        if row is None:
            return None
        source, code = self.pup.source(name, self.version["id"])
        return Found(name, row["file"], source, code, row["package"])


def _digest(source: bytes) -> str:
    import hashlib

    return hashlib.sha256(source).hexdigest()


def _defined_by(change: ModuleChange) -> set[str]:
    """The procedures whose own ``def`` statements have to run again (their heads changed)."""
    if change.body is None:
        return set()
    found: set[str] = set()
    for body in [change.body, *change.body.all_classes()]:
        for statement in body.run:
            if statement.kind == "def":
                found.add(".".join((*body.owners, statement.names[-1])))
    return found


def imports_of(module: Module) -> list[tuple[str, int, bool]]:
    """The modules that ``module`` imports at its top level: absolute name, line, and whether it surely does (not in an ``if`` or ``try``)."""
    found: list[tuple[str, int, bool]] = []
    if module.source is None:
        return found
    package = module.name if module.package else module.name.rpartition(".")[0]
    tree = ast.parse(module.source)

    def look(nodes: list[ast.stmt], certain: bool) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    parts = alias.name.split(".")
                    found.extend((".".join(parts[: n + 1]), node.lineno, certain) for n in range(len(parts)))
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    owner = package.split(".")
                    owner = owner[: len(owner) - (node.level - 1)]
                    base = ".".join([*owner, *([base] if base else [])])
                parts = base.split(".")
                found.extend((".".join(parts[: n + 1]), node.lineno, certain) for n in range(len(parts)))
                found.extend((f"{base}.{alias.name}", node.lineno, False) for alias in node.names)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                for inner in ast.iter_child_nodes(node):
                    if isinstance(inner, ast.stmt):
                        look([inner], False)
                    elif isinstance(inner, ast.ExceptHandler | ast.match_case):
                        look(inner.body, False)

    look(tree.body, True)
    return found
