"""Who uses the data and the objects that change their form: what of it changes switches at the same instant."""

from __future__ import annotations

from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

from podus.planning.model import Note, ObjectPart
from podus.program.code import walk
from podus.program.operands import ATTRIBUTES, any_named

if TYPE_CHECKING:
    from podus.planning.safety import Safety


class Users:
    """Joins them to what they use."""

    def __init__(self, safety: Safety) -> None:
        self._safety = safety
        self.compiler, self.plan = safety.compiler, safety.plan
        self.switching = safety.switching
        self.groups, self.active = safety.groups, safety.active

    def compile_data(self) -> None:
        """Data that changes does so at the same instant as the changed procedures that use it."""
        mappers = {m.target: m for m in self.plan.mappers if m.kind == "data"}
        targets = [d.name for d in self.plan.data if d.action in ("set", "map")]
        targets += self._safety.toplevel.remade.reshaped
        targets += self._other_kinds()
        never = self.active.never_end
        # What is imported from elsewhere now is not found otherwise by statements that run before the switch.
        known = {*targets, *mappers}
        for home, word in self.compiler.derived.moved:
            if "." not in word and f"{home}:{word}" not in known:
                self._safety.data_users |= set(self._users(f"{home}:{word}"))
        for name in dict.fromkeys([*targets, *mappers]):
            users = [*self._users(name), *self._old_users(name)]
            self._safety.data_users |= set(users)
            changed = [u for u in (*users, *self._safety.callers.by_the_way(users)) if u in self.switching]
            self._safety.called_by[name] = [
                u for u in users if u in self._safety.callers.removed and u not in self.active.endless
            ]
            waited = [u for u in changed if u not in never]
            self.groups.add(name)
            self.groups.join([name, *waited], f"they use {name}")
            if name in mappers:
                mappers[name].users = [u for u in users if u not in never]
                for user in (u for u in users if u in never):
                    self.plan.asks.append(
                        Note(
                            "mapped-under-endless",
                            f"{user} uses {name} and never returns: it will find the new form at its next look",
                            "make sure that it can, or move the use into a procedure that returns",
                            user,
                        )
                    )
        for mapper in self.plan.mappers:
            if mapper.kind == "static":
                self.groups.add(mapper.target)

    def _other_kinds(self) -> list[str]:
        """The names that stand for another kind of thing: a function that was a class."""
        kinds = ("def", "class", "assign")
        found = []
        for module, change in self.compiler.changes.items():
            for statement in change.body.run if change.body is not None else ():
                for name in statement.names:
                    before = change.body.previous.get(name) if change.body is not None else None
                    if (
                        before is not None
                        and before.kind != statement.kind
                        and {before.kind, statement.kind} <= {*kinds}
                    ):
                        found.append(f"{module}:{name}")
        return found

    def _old_users(self, datum: str) -> list[str]:
        """The procedures that the new version does not have and that say the name of data."""
        word = datum.rpartition(":")[2].rpartition(".")[2]
        return [name for name, code in self._safety.callers.removed.items() if word in _names_of(code)]

    def compile_objects(self) -> None:
        """Objects begin to be converted at the instant at which the changed procedures that touch what is converted switch."""
        never = self.active.never_end
        for name in self._safety.remade:
            waited = [u for u in self._users(name) if u in self.switching and u not in never]
            self.groups.add(name)
            self.groups.join([name, *waited], f"they make objects of {name}")
        for part in self.plan.objects:
            computed = [f"{part.cls}.{n}" for n in (*part.hidden, *part.shown)]
            self._unfilled(part)
            if not (part.converts or computed):
                continue
            waited = [u for u in part.users if u not in never]
            for user in (u for u in part.users if u in never):
                self.plan.asks.append(
                    Note(
                        "mapped-under-endless",
                        f"{user} uses fields of {part.cls} that change and never returns: it will find them in their new form",
                        "make sure that it can, or move the use into a procedure that returns",
                        user,
                    )
                )
            part.switches = [u for u in waited if u in self.switching]
            part.users = waited
            for name in [part.cls, *computed]:
                self.groups.add(name)
            more = [u for u in self._safety.callers.by_the_way(part.users) if u not in never]
            self.groups.join([part.cls, *computed, *part.switches, *more], f"they use fields of {part.cls}")

    def _unfilled(self, part: ObjectPart) -> None:
        """Who makes objects without a field that goes, or with one that nobody can give to others, switches with those who use it."""
        for name in (*part.gone, *(f.name for f in part.fields if f.how == "missing")):
            users: dict[str, None] = {}
            for mentions in (self.compiler.mentions_in_old, self.compiler.mentions_in_new):
                rows = mentions.get(name, ())
                users.update((user, None) for user, code in rows if any_named(code, ATTRIBUTES, name))
            joined = [*users, *self._safety.callers.by_the_way(users)]
            waited = [u for u in joined if u in self.switching and u not in self.active.never_end]
            # (A dataclass's own constructor is no procedure: it goes with the class.)
            self.groups.join([part.cls, *waited], f"they use {part.cls}.{name}")

    @cached_property
    def _redirects(self) -> dict[str, dict[str, list[str]]]:
        """Module -> local name -> the module and name that it is imported from, of the new version."""
        parts = self._safety.toplevel.parts
        return {
            name: parts[name].redirects if name in parts else self._safety.toplevel.redirects(module)
            for name, module in self.compiler.new.modules.items()
        }

    @cached_property
    def _imported(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """Module and name -> the modules that import it from there, each with its name for it."""
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for other, redirects in self._redirects.items():
            for local, (source, what) in redirects.items():
                found.setdefault((source, what), []).append((other, local))
        return found

    def _users(self, datum: str) -> list[str]:
        """The procedures of the new version that mention a datum by name, in its module or where it was imported from there, directly or not."""
        module, _, name = datum.partition(":")
        places = [(module, name.rpartition(".")[2])]
        for place in places:
            places += [found for found in self._imported.get(place, ()) if found not in places]
        users: list[str] = []
        for other in self.compiler.new.modules.values():
            words = {word for home, word in places if home == other.name}
            words |= {
                word
                for home, word in places
                if home.rpartition(".")[2] in other.code.co_names or home in self._redirects[other.name]
            }
            for word in sorted(words):
                for user, _ in self.compiler.mentions_in_new.get(word, ()):
                    if user.startswith(f"{other.name}:") and user not in users:
                        users.append(user)
        return users


def _names_of(code: CodeType) -> set[str]:
    return {name for part in walk(code) for name in part.co_names}
