"""What may be asked about the program: its modules and their sources, who is where, its data and its objects.

Nothing here changes anything: the planner asks it, and plans with the answers.
"""

from __future__ import annotations

import binascii
import marshal
import os
import sys
from types import CodeType, MemberDescriptorType

from podus.errors import NotFound
from podus.frames import HOOK, shift_of
from podus.program.code import mangled
from podus.pup.codes import is_recoded
from podus.pup.data import is_as_set
from podus.updating import greenlets
from podus.updating.binding import stacks
from podus.updating.breath import Breath
from podus.updating.closures import variants
from podus.updating.find import classes_at
from podus.updating.held import module_of
from podus.updating.holders import thread_names
from podus.updating.sweep import Counted, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from podus.planning.model import ModulePart
    from podus.pup.agent import Agent
    from podus.pup.recorder import Record


class Inquiry:
    """Answers those methods of the control protocol that are about the program, and not about its versions."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        # Module -> the code of its body that was being run when it was asked for, and the line in the running version where that is another one by now.
        self._ran: dict[str, tuple[CodeType, int]] = {}

    def moved(self, part: ModulePart) -> None:
        """An update is complete: a body that is still being run stands at another line of the running version."""
        if part.name in self._ran:
            self._ran[part.name] = (self._ran[part.name][0], part.stands)

    def ask_modules(self) -> list[dict[str, Any]]:
        """The program's modules."""
        self._agent.recorder.settle_main()
        rows = []
        bodies = self._bodies()
        breath = Breath()
        begun = {name: number for number, name in enumerate(list(self._agent.recorder.records))}
        for name, record in sorted(self._agent.recorder.records.items()):
            breath()
            module = self._agent.module(name)
            if module is None:
                continue
            spec = vars(module).get("__spec__")
            rows.append(
                {
                    **_row(name, record),
                    "begun": begun.get(name, len(begun)),
                    "package": "__path__" in vars(module),
                    "real_name": spec.name if record.main and spec is not None else "",
                    "brought": record.brought,
                    "stands": bodies.get(name, 0),
                }
            )
        return rows

    def ask_unreached(self) -> list[dict[str, Any]]:
        """The modules that were loaded, and are not found under their names: with what ``stands`` there, if anything does."""
        rows = []
        for name, record in sorted(self._agent.recorder.records.items()):
            if self._agent.module(name) is None:
                there = sys.modules.get(name)
                stands = "" if there is None else f"{module_of(type(there))}:{type(there).__qualname__}"
                package = os.path.basename(record.file).partition(".")[0] == "__init__"
                rows.append({**_row(name, record), "package": package, "real_name": "", "stands": stands})
        return rows

    def _bodies(self) -> dict[str, int]:
        """The modules whose own body is on some stack, each with the line that it stands at in the running version (0: not known)."""
        rows = [row for stack in stacks().values() for row in stack if row[0].co_name == "<module>"]
        running = {id(code): line for code, line, _ in rows}
        files = {os.path.basename(code.co_filename) for code, *_ in rows}
        found: dict[str, int] = {}
        for name, record in list(self._agent.recorder.records.items()):
            code = record.executed()
            seen = not files.isdisjoint(map(os.path.basename, (record.file, code.co_filename)))
            for one in (code, *variants(code)) if seen else ():
                if id(one) in running:
                    found[name] = running[id(one)]
                    self._ran[name] = (one, 0)
            known, line = self._ran.get(name, (None, 0))
            if name not in found and known is not None and id(known) in running:
                # It began in a version before.
                found[name] = line
        return found

    def ask_source(self, module: str, version: str | None = None) -> dict[str, Any]:
        """What a module of the running version, or of a kept one, was compiled from."""
        if version is None:
            record = self._agent.recorder.records.get(module)
            if record is None:
                raise NotFound(f"no module {module} is recorded", "see what the program has loaded")
            source, code = record.read_source(), record.code
        else:
            row = self._agent.version_row(version)["kept"].get(module)
            if row is None:
                raise NotFound(f"version {version} has no module {module}", "plan again")
            source, code = row.read_source(), row.code
        return {
            "source": None if source is None else _base64(source),
            "code": None if source is not None or code is None else _base64(marshal.dumps(code)),
        }

    def ask_sources(self, modules: list[str], version: str | None = None) -> list[dict[str, Any]]:
        """As ``source``, of several modules: a busy program lets us in only so often."""
        return [self.ask_source(module, version) for module in modules]

    def ask_activity(self, suspends: list[str] | None = None) -> dict[str, Any]:
        """Who is where: the program's procedures on every thread's stack, innermost first; and what is suspended of the procedures ``suspends``."""
        greenlets.look()
        names = thread_names()
        seen = stacks()
        # (By their last part: what has moved back says the lines of a copy that was made of the version's text.)
        files = {os.path.basename(code.co_filename) for stack in seen.values() for code, _, _ in stack}
        by_id: dict[int, str] = {}
        breath = Breath()
        for module, record in list(self._agent.recorder.records.items()):
            if not files.isdisjoint(map(os.path.basename, (record.file, record.executed().co_filename))):
                for qualname, codes in self._agent.live_codes(module).items():
                    by_id.update((id(code), f"{module}:{qualname}") for code in codes)
                breath()
        threads = []
        for ident, stack in seen.items():
            rows = [
                {
                    "procedure": by_id[id(code)],
                    "line": line,
                    "offset": offset - shift_of(code),
                    # Whether it can leave its loops.
                    "stubs": code.co_names[-1:] == (HOOK,),
                }
                for code, line, offset in stack
                if id(code) in by_id
            ]
            if rows:
                threads.append({"id": ident, "name": names.get(ident, str(ident)), "stack": rows})
        return {"threads": threads, "suspended": self._suspended(suspends) if suspends else {}}

    def _suspended(self, names: list[str]) -> dict[str, Any]:
        from podus.updating.asleep import asleep

        codes = []
        for name in names:
            module, _, qualname = name.partition(":")
            codes += [(code, name) for code in self._agent.live_codes(module).get(qualname, ())]
        return asleep(codes)

    def ask_data(self, module: str, names: dict[str, Any], owners: list[str] | None = None) -> dict[str, str]:
        """Whether module (or class) data is as the running version's statements set it: ``same``, ``modified`` or ``unknown``."""
        owner: Any = self._agent.module(module)
        for word in owners or ():
            owner = vars(owner).get(word, owner)
        answers = {}
        for name, row in names.items():
            known = mangled(name, owners or ())
            answers[name] = is_as_set(vars(self._agent.module(module)), dict(vars(owner)), known, row)
        return answers

    def ask_kinds(self, names: list[str]) -> dict[str, str]:
        """Of which built-in type the values of some names of modules are, each ``module:name``, if they are numbers, texts or containers: nothing that can be called."""
        from podus.pup.data import is_plain

        found = {}
        for name in names:
            module, _, word = name.partition(":")
            value = getattr(self._agent.module(module), "__dict__", {}).get(word)
            if value is not None and is_plain(value):
                found[name] = type(value).__name__
        return found

    def ask_recoded(self, names: list[str]) -> list[str]:
        """Those procedures, ``module:qualname``, whose functions have other code than their definitions: somebody has made it of that."""
        found = []
        codes: dict[str, dict[str, list[CodeType]]] = {}
        for name in names:
            module, _, qualname = name.partition(":")
            if module not in codes:
                codes[module] = self._agent.live_codes(module)
            if is_recoded(self._agent.module(module), qualname, codes[module].get(qualname, [])):
                found.append(name)
        return found

    def ask_classes(self, names: list[str]) -> dict[str, str]:
        """How classes were made, each ``module:qualname``: see :func:`podus.pup.made.kind_of`."""
        from podus.pup.made import kind_of, named

        return {name: kind_of(named(name), self._agent.is_program) for name in names}

    def ask_hooking(self, names: list[str]) -> dict[str, bool]:
        """Whether classes, each ``module:qualname``, have hooks for those below them: see :func:`podus.pup.made.is_hooking`."""
        from podus.pup.made import is_hooking, named

        return {name: is_hooking(named(name)) for name in names}

    def ask_one_class(self, names: list[str]) -> bool:
        """Whether classes, each ``module:qualname``, are all one and the same, and loaded."""
        from podus.pup.made import named

        classes = [named(name) for name in names]
        return classes[0] is not None and all(cls is classes[0] for cls in classes)

    def ask_attributes(self, classes: list[str]) -> dict[str, list[str]]:
        """The names of what classes have themselves but for their slots, each ``module:qualname``."""
        from podus.pup.made import named

        found = {name: vars(cls) if isinstance(cls := named(name), type) else {} for name in classes}
        return {
            name: [word for word, value in names.items() if type(value) is not MemberDescriptorType]
            for name, names in found.items()
        }

    def ask_dependents(self, classes: list[str], hooks: list[str]) -> list[str]:
        """The classes that have to be made again with others: see :func:`podus.pup.made.dependents`."""
        from podus.pup.made import dependents

        return dependents(classes, hooks, self._agent.is_program)

    def ask_below_by_hooks(self, names: list[str]) -> dict[str, dict[str, list[str]]]:
        """The classes below some that hooks have made: see :func:`podus.pup.made.below_by_hooks`."""
        from podus.pup.made import below_by_hooks

        return below_by_hooks(names, self._agent.is_program)

    def ask_metaclasses(self) -> list[str]:
        """The metaclasses of the program, each ``module:qualname``."""
        from podus.pup.made import metaclasses

        return metaclasses(self._agent.is_program)

    def ask_objects(
        self,
        classes: list[str],
        fields: dict[str, list[str]] | None = None,
        initial: dict[str, dict[str, list[str]]] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """How many objects of each class live, which of some ``fields`` all of them have, and which an update has kept aside for all of them.

        Also which fields are ``untouched``: all objects hold what is ``initial`` there; and whether some objects were not looked at for it.
        """
        counted: dict[str, list[Counted]] = {}
        for name in classes:
            module, _, qualname = name.partition(":")
            told = (fields or {}).get(name, ()), (initial or {}).get(name)
            counted[name] = [Counted(cls, *told) for cls in classes_at(self._agent.module(module), qualname)]
        count([one for some in counted.values() for one in some])
        found: dict[str, dict[str, Any]] = {}
        for name, some in counted.items():
            # Of several classes no more is asked than how many objects they have.
            one = some[0] if some else Counted(object)
            kept = self._agent.kept.get(name)
            whole = kept is not None and one.is_all and len(kept) >= one.number
            found[name] = {
                "live": sum(each.number for each in some) if all(each.is_all for each in some) else -1,
                "there": sorted(one.there) if one.number else [],
                "untouched": sorted(one.untouched),
                "unseen": one.unseen,
                "aside": sorted(kept.names) if kept is not None and whole else [],
            }
        return found


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def _row(name: str, record: Record) -> dict[str, Any]:
    """What is known of a module without looking at it."""
    keys = ("file", "kind", "main", "digest", "mtime", "size")
    return {"name": name, **{key: getattr(record, key) for key in keys}}
