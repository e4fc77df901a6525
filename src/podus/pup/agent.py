"""What may be asked of the pup, and what it knows: the program's modules, its versions, and the update under way.

It takes no action on its own. Made at the first question, in the pup's thread.
"""

from __future__ import annotations

import os
import sys
import time
from types import CodeType, ModuleType

from podus.errors import NotFound, Refused
from podus.planning.model import Plan
from podus.program.code import procedures
from podus.pup.codes import adopt, gives_other_flags, runs
from podus.pup.finder import VersionFinder
from podus.pup.inquiry import Inquiry
from podus.pup.recorder import Record
from podus.pup.retired import Retired
from podus.pup.server import Later, UnknownMethod
from podus.support.declare import Declaration
from podus.threads import RLock
from podus.updating.breath import Breath, let_go, paced, quick_turns
from podus.updating.closures import variants
from podus.updating.evaluate import Evaluation
from podus.updating.kept import Kept
from podus.updating.lingering import Lingering
from podus.updating.listing import promote_young
from podus.updating.objects import Conversion
from podus.updating.states import UNDER_WAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.pup.start import Pup
    from podus.updating.footprint import Footprint

VERSION = "0.1.0"
# Versions that are kept for going back to; their sources lie on the disk.
_KEPT = 8
# And so many that were backed out.
_LEFT = 2
# Seconds that a bound on stalls holds while a plan is made.
_PLANNING = 60.0
# Seconds after a question before it is told what goes on in an update: to find who is waited for takes the program's time.
_CALM = 0.05
# Seconds without a question after which what is young may be much again.
_RESTED = 0.2


class Agent:
    """Answers the control protocol (ARCHITECTURE.md lists the methods)."""

    def __init__(self, pup: Pup) -> None:
        self.pup = pup
        self.recorder = pup.recorder
        self.recorder.settle_main()
        self.finder = VersionFinder()
        self.started = time.time()
        # When the running version became it.
        self._since = self.started
        self.update: Evaluation | None = None
        self.updates: dict[str, Evaluation] = {}
        # Modules that an update deleted, in case it is backed out.
        self.retired = Retired()
        # Class -> what the last update dropped of its objects.
        self.kept: dict[str, Kept] = {}
        # Class -> which of its objects had a field before the last update brought one of that name.
        self.own_fields: dict[str, Kept] = {}
        # Conversions that an update has left to go on by themselves.
        self.standing: list[Conversion] = []
        self.inquiry = Inquiry(self)
        # Names of versions that are gone.
        self.lingering = Lingering()
        self.versions: list[dict[str, Any]] = []
        self.version: dict[str, str] = {"label": "1", "hash": "", "origin": "as started"}
        self._count = 1
        self._back: dict[str, Any] = {}
        self._codes: dict[str, tuple[CodeType, dict[str, list[CodeType]]]] = {}
        # Old code that lives on in function objects: held back by hand.
        self._held: dict[str, list[CodeType]] = {}
        # Where the plans of updates lie.
        self._directories: set[str] = set()
        # When a question was answered last.
        self._answered = 0.0
        self._lock = RLock()
        # Held while the log is written, so that no fork copies SQLite's locks while another thread holds them.
        self.writing = RLock()
        self._wrote = False

    @property
    def pid(self) -> int:
        """This process."""
        return os.getpid()

    # ---- asked by the shell and the planner

    def handle(self, method: str, params: dict[str, Any], peer: dict[str, Any]) -> Any:
        """Answer one question; raises PodusError, or TypeError for wrong parameters."""
        word = "ask_" + method.replace("-", "_")
        asked = getattr(self, word, None) or getattr(self.inquiry, word, None)
        if asked is None:
            raise UnknownMethod(f"the pup has no method {method}")
        if method in ("update", "back-out", "switch"):
            params = {"who": {"uid": peer.get("uid"), "shell": peer.get("pid")}, **params}
        if time.monotonic() - self._answered > _RESTED:
            promote_young()
        self._answered = time.monotonic()
        return asked(**params)

    def ask_hello(self, max_stall: float = 0.0) -> dict[str, Any]:
        """Who this is. With ``max_stall`` (microseconds) a plan is about to be made for an update with that bound."""
        if max_stall:
            quick_turns.no_longer_than(max_stall / 1e6, _PLANNING)
        under_way = self.update is not None and self.update.state in UNDER_WAY
        return {
            "name": self.pup.name,
            "pid": self.pid,
            "python": sys.version.split()[0],
            "executable": sys.executable,
            "optimize": sys.flags.optimize,
            "include": list(self.recorder.include),
            "held": sorted(self._held),
            "stubs": self.recorder.stubs,
            "roots": self.finder.roots,
            "podus": VERSION,
            "argv": list(sys.orig_argv),
            "cwd": os.getcwd(),
            "started": self.started,
            "version": self.version,
            "state": "updating" if under_way else "running",
            "update": self.update.plan.id if under_way and self.update else None,
        }

    def ask_versions(self) -> list[dict[str, Any]]:
        """The versions that are kept: those before, the running one, and those loaded beside it."""
        rows = []
        for row in self.versions:
            kept: dict[str, Record] = row["kept"]
            public = {k: v for k, v in row.items() if k not in ("kept", "declarations_given", "footprint")}
            public["modules"] = {
                n: {
                    "file": r.file,
                    "package": os.path.basename(r.file).startswith("__init__."),
                    "retired": self.retired.find(r) is not None,
                }
                for n, r in kept.items()
            }
            rows.append(public)
        rows.append(
            {
                **self.version,
                "id": "",
                "current": True,
                "previous": False,
                "loaded": self._since,
                "modules": {},
            }
        )
        return rows

    def ask_load(self, plan: str, who: dict[str, Any] | None = None) -> dict[str, Any]:
        """Keep the version that a plan describes beside the running one; nothing is switched."""
        from podus.log import Log

        read = _read_plan(plan)
        self._check_plan(read)
        label = read.to_version.get("label") or self._next_label()
        if any(v["label"] == label for v in self.ask_versions()):
            raise Refused(f"a version is called {label} already", "give another label with --as")
        kept = dict(self.recorder.records)
        for part in read.modules:
            if part.action == "delete":
                kept.pop(part.name, None)
                continue
            kept[part.name] = self._record_of(read, part.name, None)
        row = {
            "id": read.id,
            "label": label,
            "hash": read.to_version["hash"],
            "origin": read.to_version["origin"],
            "roots": self.finder.after(read),
            "loaded": time.time(),
            "current": False,
            "previous": False,
            "kept": kept,
        }
        Log.open().write(
            "load",
            program=self.pup.name,
            pid=self.pid,
            update=read.id,
            who=who,
            from_version=self.version,
            to_version={"label": label, "hash": read.to_version["hash"]},
            procedures=[p.name for p in read.procedures],
        )
        self.versions.append(row)
        return {"label": label, "hash": row["hash"]}

    def ask_update(
        self,
        plan: str,
        timeout: float | None = None,
        on_timeout: str = "back-out",
        deadline: float | None = None,
        who: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Begin to evaluate a plan; refused if an update is under way or the plan was made for another version."""
        begun = self.begin(
            _read_plan(plan), timeout=timeout, on_timeout=on_timeout, deadline=deadline, who=who
        )
        return {"id": begun.plan.id}

    def ask_refused(self, plan: str) -> dict[str, Any]:
        """Write down that a plan was refused."""
        self.refused(_read_plan(plan))
        return {}

    def ask_status(self, update: str | None = None) -> dict[str, Any]:
        """The state of an update; of the last one if none is named."""
        return self._evaluation(update).status()

    def ask_wait(self, update: str, seconds: float = 10.0, after: int | None = None) -> Later:
        """As ``status``, once there is something new; that it is over at once, else after a while, for most updates are over by then."""
        evaluation = self._evaluation(update)
        seen = evaluation.events if after is None else after
        now = time.monotonic()

        def ready(expired: bool) -> Any:
            if expired or evaluation.state not in UNDER_WAY:
                return evaluation.status()
            if evaluation.events != seen:
                later.deadline = min(later.deadline, now + _CALM)
            return None

        later = Later(ready, now + min(float(seconds), 60.0))
        return later

    def ask_back_out(self, update: str | None = None, who: dict[str, Any] | None = None) -> dict[str, Any]:
        """Back out the update under way."""
        evaluation = self._evaluation(update)
        evaluation.who = who or evaluation.who
        evaluation.back_out("asked to")
        return {"id": evaluation.plan.id}

    def ask_switch(
        self, procedures: list[str], update: str | None = None, who: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Switch procedures of the update under way though they are active."""
        evaluation = self._evaluation(update)
        evaluation.who = who or evaluation.who
        evaluation.order(procedures)
        return {"id": evaluation.plan.id}

    # ---- updates

    def begin(
        self,
        plan: Plan,
        *,
        timeout: float | None = None,
        on_timeout: str = "back-out",
        deadline: float | None = None,
        who: dict[str, Any] | None = None,
        declarations: list[Declaration] | None = None,
        backs_out: Evaluation | None = None,
    ) -> Evaluation:
        """Start the thread of one update."""
        with self._lock:
            self._check_plan(plan)
            if on_timeout not in ("back-out", "wait"):
                raise Refused(f"on_timeout can't be {on_timeout!r}", "give 'back-out' or 'wait'")
            if plan.program.get("back_out"):
                declarations = declarations or self._kept_declarations(plan)
                if backs_out is None:
                    # Asked for by another shell: the update that is undone is told so all the same.
                    backs_out = self._back.get("evaluation")
            evaluation = Evaluation(
                self,
                plan,
                timeout=timeout,
                on_timeout=on_timeout,
                deadline=deadline,
                who=who,
                declarations=declarations,
                backs_out=backs_out,
            )
            before = self.update
            self.update = self.updates[plan.id] = evaluation
            for old in list(self.updates)[:-_KEPT]:
                del self.updates[old]
            self._directories.add(plan.directory)
            try:
                evaluation.start()
            except RuntimeError as error:
                del self.updates[plan.id]
                self.update = before
                raise Refused(
                    f"the program is ending, and Python starts no thread for an update any more ({error})",
                    "start it again with the new version",
                ) from None
            return evaluation

    def _check_plan(self, plan: Plan) -> None:
        if self.update is not None and self.update.state in UNDER_WAY:
            raise Refused(
                f"update {self.update.plan.id} is under way ({self.update.state})",
                "wait for it, or back it out with `podus back-out`",
            )
        if plan.program["pid"] != self.pid:
            raise Refused("the plan was made for another process", "plan again")
        # Not the hash of what the planner compared: the program may have imported more modules since it was updated.
        if plan.program.get("running", "") != self.version["hash"]:
            raise Refused("the program has been updated since the plan was made", "plan again")

    def last_update(self) -> str | None:
        """The id of the update that made the running version out of the one before."""
        rows = [v["id"] for v in self.versions if v.get("previous")]
        return str(rows[-1]) if rows else None

    def refused(self, plan: Plan) -> None:
        """Write down that a plan was refused."""
        from podus.log import Log

        Log.open().write(
            "refuse",
            program=self.pup.name,
            pid=self.pid,
            update=plan.id,
            from_version=plan.from_version,
            to_version=plan.to_version,
            detail={"refusals": [note.text for note in plan.refusals]},
        )

    def _kept_declarations(self, plan: Plan) -> list[Declaration] | None:
        rows = [v for v in self.versions if v.get("previous")]
        return rows[-1].get("declarations_given") if rows else None

    def _evaluation(self, update: str | None) -> Evaluation:
        found = self.update if update is None else self.updates.get(update)
        if found is None:
            raise NotFound(
                "there has been no update" if update is None else f"there is no update {update}",
                "see `podus log`",
            )
        return found

    def _next_label(self) -> str:
        taken = {v["label"] for v in self.versions} | {self.version["label"]}
        while str(self._count) in taken:
            self._count += 1
        return str(self._count)

    def version_row(self, wanted: str) -> dict[str, Any]:
        """A kept version, by the id of its update. Raises NotFound if there is none."""
        for row in self.versions:
            if row["id"] == wanted:
                return row
        raise NotFound(f"version {wanted} is not kept", "see `podus versions`")

    def _record_of(self, plan: Plan, name: str, code: CodeType | None) -> Record:
        part = next(m for m in plan.modules if m.name == name)
        before = self.recorder.records.get(name)
        kind = before.kind if before is not None else "source"
        record = Record(name, part.file, code, None, kind)
        record.main = before.main if before is not None else False
        record.brought = before.brought if before is not None else False
        if part.source:
            record.source_path = os.path.join(plan.directory, part.source)
        return record

    def installed(self, evaluation: Evaluation) -> None:
        """An update is complete: its version is the running one, and the one before is kept to go back to."""
        plan, stage = evaluation.plan, evaluation.stage
        assert stage is not None
        imported = {part.name for part in plan.modules if part.action == "import"}
        before = {n: r for n, r in self.recorder.records.items() if n not in imported}
        old_version = {**plan.from_version}
        for part in plan.modules:
            self.inquiry.moved(part)
            if part.action == "delete":
                self.recorder.records.pop(part.name, None)
            elif part.action == "import":
                record = self.recorder.records.get(part.name)
                if record is not None and part.name not in stage.returned:
                    record.brought = True
            else:
                undone = self.kept_version(plan.program.get("undo", ""))
                again = undone["kept"].get(part.name) if undone is not None else None
                self.recorder.records[part.name] = again or self._record_of(
                    plan, part.name, stage.module_codes[part.name]
                )
                code = self.recorder.records[part.name].code
                if code is not None and code is stage.module_codes.get(part.name):
                    known = {q: [c] for q, c in stage.defined[part.name].items()}
                    self._codes[part.name] = (code, known | {"<module>": [code]})
                else:
                    self._codes.pop(part.name, None)
        # What an earlier update had held back, and this one has brought.
        brought = [name for name in evaluation.switched if self._held.pop(name, None) is not None]
        for name in plan.hold:
            self._held[name] = stage.old_codes.get(name, [])
        backwards = bool(plan.program.get("back_out"))
        mapped = [{**d.as_dict()} for d in stage.declarations]
        if backwards:
            # By label and not by content: the program may have imported more since, or have been there twice.
            back = [v.get("previous") and v["label"] == plan.to_version["label"] for v in self.versions]
            left = back.index(True) if True in back else len(back)
            self.versions = [v for n, v in enumerate(self.versions) if n < left or not v.get("previous")]
            self._keep_left(plan.id, old_version, before)
        elif not plan.empty:
            # (Where nothing differs there is nothing to go back from.)
            self.versions.append(
                {
                    "id": plan.id,
                    **old_version,
                    "roots": self.finder.before,
                    "loaded": self._since,
                    "current": False,
                    "previous": True,
                    "brought": brought,
                    "reset": plan.program.get("reset") or [],
                    "kept": before,
                    "footprint": stage.footprint,
                    "back": {"support": plan.support, "declarations": mapped},
                    "declarations_given": None if plan.support else stage.declarations,
                }
            )
            dropped, self.versions = self.versions[:-_KEPT], self.versions[-_KEPT:]
            for row in dropped:
                let_go(row["kept"])
        if plan.pace != "lazy":
            for values in (*self.kept.values(), *self.own_fields.values()):
                values.let_go()
        conversions = {} if backwards else stage.conversions
        self.own_fields = {c.part.after: c.midway.own for c in conversions.values() if len(c.midway.own)}
        self.kept = {c.part.after: c.dropped for c in conversions.values() if len(c.dropped)}
        again = [v["label"] for v in self.versions if v.get("left") and v["hash"] == plan.to_version["hash"]]
        label = plan.to_version.get("label") or (again[-1] if again else "")
        label = label or (str(self.version["label"]) if plan.empty else self._next_label())
        self.versions = [v for v in self.versions if not (v["label"] == label and not v.get("previous"))]
        self.version = {"label": label, "hash": plan.to_version["hash"], "origin": plan.to_version["origin"]}
        plan.to_version["label"] = label
        self._since = time.time()
        if not plan.empty:
            self._back = {} if backwards else {"evaluation": evaluation}
        self.retired.keep((v["kept"] for v in self.versions), self.recorder.records)
        self.finder.settle()
        self._sweep()

    def _keep_left(self, ident: str, version: dict[str, Any], records: dict[str, Record]) -> None:
        """Keep the version that was backed out as one that was loaded: it can be updated to again. Of many the last few."""
        self.versions.append(
            {
                "id": ident,
                **version,
                "roots": self.finder.before,
                "loaded": self._since,
                "current": False,
                "previous": False,
                "left": True,
                "kept": records,
            }
        )
        for row in [v for v in self.versions if v.get("left")][:-_LEFT]:
            self.versions.remove(row)
            let_go(row["kept"])

    def footprints(self) -> list[Footprint]:
        """What the updates did that can be backed out."""
        return [v["footprint"] for v in self.versions if v.get("previous")]

    def kept_version(self, ident: str) -> dict[str, Any] | None:
        """The version that an update replaced, by the update's id."""
        return next((v for v in self.versions if v.get("previous") and v["id"] == ident), None)

    def retired_module(self, name: str, plan: Plan) -> tuple[ModuleType, Record] | None:
        """The module that an update took out and that ``plan`` goes back to, with its record."""
        rows = [v for v in self.versions if v.get("previous") and v["label"] == plan.to_version["label"]]
        record = rows[-1]["kept"].get(name) if rows and plan.program.get("back_out") else None
        module = self.retired.find(record)
        return None if module is None or record is None else (module, record)

    def kept_code(self, ident: str, module: str) -> CodeType | None:
        """The code of a module in the version that an update replaced."""
        row = self.kept_version(ident) if ident else None
        record = row["kept"].get(module) if row is not None else None
        return None if record is None else record.executed()

    def _sweep(self) -> None:
        """Remove the plans' directories that no version has its sources in any more."""
        records = [
            r for kept in (self.recorder.records, *(v["kept"] for v in self.versions)) for r in kept.values()
        ]
        places = [*(r.file for r in records), *(r.source_path for r in records)]
        used = {os.path.join(e.plan.directory, "") for e in self.updates.values()}
        for directory in paced(list(self._directories)):
            inside = os.path.join(directory, "")
            if inside not in used and not any(place.startswith(inside) for place in places):
                self._directories.discard(directory)
                for folder, folders, files in os.walk(directory, topdown=False):
                    for name in files:
                        os.unlink(os.path.join(folder, name))
                    for name in folders:
                        os.rmdir(os.path.join(folder, name))
                os.rmdir(directory)

    def before_fork(self) -> int:
        """Bring an update under way to a rest; gives the number of the thread that ends for it, or 0."""
        self._wrote = self.writing.acquire(timeout=1)
        if self.update is not None and self.update.state in UNDER_WAY:
            return self.update.before_fork()
        return 0

    def after_fork_in_parent(self) -> None:
        """Go on with it."""
        if self._wrote:
            self._wrote = False
            self.writing.release()
        if self.update is not None:
            self.update.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Finish, in the child, what was under way."""
        self._lock = RLock()
        self.writing = RLock()
        self._wrote = False
        if self.update is not None and self.update.state in UNDER_WAY:
            self.update.after_fork_in_child()

    # ---- the program

    def module(self, name: str) -> ModuleType | None:
        """A loaded module of the program."""
        found = sys.modules.get(name)
        return found if isinstance(found, ModuleType) else None

    def module_names(self) -> set[str]:
        """The names of the program's modules."""
        return set(self.recorder.records)

    def is_program(self, name: str) -> bool:
        """Whether a loaded module belongs to the program."""
        module = self.module(name)
        return module is not None and self.recorder.in_program(name, vars(module).get("__file__"))

    def importers(self, module: str, name: str) -> list[ModuleType]:
        """The program's other modules: any may have imported ``name`` from ``module``."""
        return [m for m in map(self.module, self.recorder.records) if m is not None and m.__name__ != module]

    def live_codes(self, name: str) -> dict[str, list[CodeType]]:
        """Qualified name -> the code objects that the running program's functions and frames have for it."""
        record = self.recorder.records.get(name)
        if record is None:
            return {}
        executed = record.executed()
        known = self._codes.get(name)
        if known is None or known[0] is not executed:
            found = {qualname: [code] for qualname, code in procedures(executed).items()}
            found["<module>"] = [executed]
            if not runs(found, self.module(name)) or gives_other_flags(executed):
                adopt(found, self.module(name))
            known = self._codes[name] = (executed, found)
        codes = {
            qualname: [v for c in all_ for v in (c, *variants(c))] for qualname, all_ in known[1].items()
        }
        for full, held in self._held.items():
            module, _, qualname = full.partition(":")
            if module == name:
                codes[qualname] = [*codes.get(qualname, []), *held]
        return codes


def _read_plan(directory: str) -> Plan:
    path = os.path.join(directory, "plan.json")
    try:
        with open(path, encoding="utf-8") as file:
            plan = Plan.from_json(file.read(), Breath())
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"{path} is no plan: {error}", "make one with `podus plan`") from None
    plan.directory = directory
    return plan
