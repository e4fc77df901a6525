"""What two versions offer differently to those who use them, as far as their code and statements tell.

The kinds are those of griffe's breaking changes where it has a name for one (:mod:`podus.planning.breakage` adds what griffe finds),
and more: what is asynchronous or a generator, annotations, decorators, slots, private names. What a procedure makes for itself
(``<locals>``) has no interface.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType

from podus.planning.model import InterfaceChange, ModulePart
from podus.program.body import Body, Statement
from podus.program.changes import ModuleChange
from podus.program.code import nested, same, walk
from podus.program.flow import flow
from podus.program.head import Definition
from podus.program.interface import Signature, accepts_every_old_call, signature
from podus.program.version import Module

# They change what the name is: a call becomes an attribute, a method a function.
_SHAPING = frozenset(
    {
        "property",
        "cached_property",
        "staticmethod",
        "classmethod",
        "contextmanager",
        "asynccontextmanager",
        "singledispatch",
        "singledispatchmethod",
    }
)
_BECAME = {
    "an ordinary procedure": "became ordinary",
    "a generator": "became generator",
    "a coroutine": "became async",
    "an asynchronous generator": "became async generator",
}


def interface_changes(
    changes: dict[str, ModuleChange], imported: list[Module], removed: list[str], parts: list[ModulePart]
) -> list[InterfaceChange]:
    """The interface changes of all modules, in their order.

    ``imported`` are the modules that only the new version has, ``removed`` the names of those that only the old one has, ``parts``
    the modules as the plan has them.
    """
    homes = _Homes(changes, imported, parts)
    found: list[InterfaceChange] = []
    for change in changes.values():
        found += _Comparison(change, homes).compare()
    found += [InterfaceChange(name, "module removed", True, f"{name} is no longer there") for name in removed]
    return found


class _Homes:
    """Where procedures of the new version are that the old one did not have: one that is gone may have moved there."""

    def __init__(
        self, changes: dict[str, ModuleChange], imported: list[Module], parts: list[ModulePart]
    ) -> None:
        self.fresh: dict[str, list[tuple[Module, CodeType]]] = {}
        for change in changes.values():
            for name in change.added:
                self.fresh.setdefault(name, []).append((change.new, change.new.procedures[name]))
        for module in imported:
            for name, code in module.procedures.items():
                self.fresh.setdefault(name, []).append((module, code))
        self.redirects = {part.name: part.redirects for part in parts}

    def moved(self, module: str, name: str, code: CodeType) -> tuple[str, bool] | None:
        """Where the procedure is now, and whether its module still offers it under the old name; None if it is gone."""
        base, source = self.redirects.get(module, {}).get(name, ["", ""])
        for other, new in self.fresh.get(source or name, ()):
            if other.name != module and (other.name == base or same(code, new)):
                return f"{other.name}:{source or name}", other.name == base
        return None


class _Comparison:
    """One module in two versions."""

    def __init__(self, change: ModuleChange, homes: _Homes) -> None:
        self.change = change
        self.homes = homes
        self.found: list[InterfaceChange] = []
        self._makers: dict[int, tuple[CodeType, CodeType]] = {}

    def compare(self) -> list[InterfaceChange]:
        for old_name, new_name in self.change.pairs.items():
            if new_name in self.change.changed or self.change.body is not None:
                self._procedure(old_name, new_name)
        for name in self.change.removed:
            self._gone(name)
        if self.change.body is not None and self.change.bodies is not None:
            self._bodies(*self.change.bodies)
        return self.found

    def _add(self, name: str, kind: str, breaking: bool, text: str, line: int, part: str = "") -> None:
        module = self.change.new
        row = InterfaceChange(
            f"{module.name}:{name}", kind, breaking, text, f"{module.file}:{line}" if line else "", part
        )
        if row not in self.found:
            self.found.append(row)

    # ---- procedures, from their code

    def _procedure(self, old_name: str, name: str) -> None:
        if "<locals>" in name or "<lambda>" in name:
            return
        old, new = self.change.old.procedures[old_name], self.change.new.procedures[name]
        if old.co_flags == new.co_flags and _shape(old) == _shape(new) and self.change.body is None:
            return
        before, after = self._signature(old, self.change.old), self._signature(new, self.change.new)
        line = new.co_firstlineno
        if before.kind != after.kind:
            self._add(name, _BECAME[after.kind], True, f"is {after.kind} now, and was {before.kind}", line)
        accepted = accepts_every_old_call(before, after)[0]
        for kind, breaking, text, part in parameter_changes(before, after):
            self._add(name, kind, breaking and not accepted, text, line, part)

    def _signature(self, code: CodeType, module: Module) -> Signature:
        if id(module.code) not in self._makers:
            self._makers[id(module.code)] = (module.code, module.code)
            for outer in walk(module.code):
                self._makers.update((id(inner), (inner, outer)) for inner in nested(outer))
        maker = self._makers[id(code)][1]
        return signature(code, next((m for m in flow(maker).makes if m.code is code), None))

    def _gone(self, name: str) -> None:
        if "<locals>" in name or "<lambda>" in name:
            return
        code = self.change.old.procedures[name]
        if self.change.bodies is not None and name in self._bound_by_new:
            return
        moved = self.homes.moved(self.change.new.name, name, code)
        if moved is None:
            self._add(name, "procedure removed", True, "is no longer there", 0)
            return
        place, offered = moved
        still = "and its old module imports it" if offered else "and its old module no longer offers it"
        self._add(name, "moved", not offered, f"is {place} now, {still}", 0, place)

    @property
    def _bound_by_new(self) -> dict[str, Statement]:
        """What the new version's statements bind otherwise than by a ``def`` or an import: an alias, a class of the same name."""
        assert self.change.bodies is not None
        return {
            name: s for name, s in _bindings(self.change.bodies[1]).items() if s.kind not in ("def", "import")
        }

    # ---- statements, from the source

    def _bodies(self, old: Body, new: Body) -> None:
        before, after = _bindings(old), _bindings(new)
        for name, statement in before.items():
            other = after.get(name)
            if other is None:
                self._unbound(name, statement, before, after)
            elif isinstance(statement.node, Definition) and isinstance(other.node, Definition):
                self._definition(name, statement.node, other.node, other.line)
            elif isinstance(statement.node, ast.ClassDef) and isinstance(other.node, ast.ClassDef):
                self._class(name, statement, other)
            elif statement.kind == "assign" and other.kind == "assign":
                self._annotation(
                    name,
                    "",
                    getattr(statement.node, "annotation", None),
                    getattr(other.node, "annotation", None),
                    other.line,
                )
            elif {statement.kind, other.kind} <= {"def", "class", "assign"}:
                words = f"is {_KIND_WORDS[other.kind]} now, and was {_KIND_WORDS[statement.kind]}"
                self._add(name, "object kind changed", True, words, other.line)

    def _unbound(
        self, name: str, statement: Statement, before: dict[str, Statement], after: dict[str, Statement]
    ) -> None:
        owner = name.rpartition(".")[0]
        if (owner and owner not in after) or name.rpartition(".")[2] in ("__slots__", "__doc__"):
            return
        if statement.kind == "class":
            self._add(name, "class removed", True, "is no longer there", 0)
        elif statement.kind == "assign":
            self._add(name, "attribute removed", True, "is no longer there", 0, name.rpartition(".")[2])

    def _definition(self, name: str, old: Definition, new: Definition, line: int) -> None:
        self._decorators(name, old.decorator_list, new.decorator_list, line)
        before, after = _arguments(old.args), _arguments(new.args)
        for word, (annotation, default) in before.items():
            if word not in after:
                continue
            self._annotation(name, word, annotation, after[word][0], line)
            other = after[word][1]
            if default is not None and other is not None and not _equal(default, other):
                text = f"has {_text(other)} as the default of {word!r}, and had {_text(default)}"
                self._add(name, "default changed", True, text, line, word)
        self._annotation(name, "return", old.returns, new.returns, line)

    def _annotation(
        self, name: str, part: str, old: ast.expr | None, new: ast.expr | None, line: int
    ) -> None:
        if _equal(old, new):
            return
        what = {"": "", "return": " what it returns"}.get(part, f" {part!r}")
        was = f", and was {_text(old)}" if old is not None else ""
        text = f"annotates{what} as {_text(new)}" if new is not None else f"no longer annotates{what}"
        self._add(name, "annotation changed", False, text + was, line, part)

    def _decorators(self, name: str, old: list[ast.expr], new: list[ast.expr], line: int) -> None:
        before, after = {_decorator(d): d for d in old}, {_decorator(d): d for d in new}
        for word in before.keys() - after.keys():
            self._add(name, "decorator removed", True, f"has lost its decorator @{word}", line, word)
        for word in after.keys() - before.keys():
            shaping = word.rpartition(".")[2] in _SHAPING
            self._add(name, "decorator added", shaping, f"has a new decorator @{word}", line, word)
        common = [word for word in before if word in after]
        for word in common:
            if not _equal(before[word], after[word]):
                text = f"is decorated with @{_text(after[word])}, and was with @{_text(before[word])}"
                self._add(name, "decorator changed", False, text, line, word)
        if common != [word for word in after if word in before]:
            order = ", ".join(f"@{word}" for word in after)
            self._add(name, "decorator changed", False, f"has its decorators in another order: {order}", line)

    def _class(self, name: str, old: Statement, new: Statement) -> None:
        assert isinstance(old.node, ast.ClassDef) and isinstance(new.node, ast.ClassDef)
        self._decorators(name, old.node.decorator_list, new.node.decorator_list, new.line)
        before, after = [_text(b) for b in old.node.bases], [_text(b) for b in new.node.bases]
        for base in before:
            if base not in after:
                self._add(name, "base removed", True, f"no longer derives from {base}", new.line, base)
        for base in after:
            if base not in before:
                self._add(name, "base added", False, f"derives from {base}", new.line, base)
        if before != after and sorted(before) == sorted(after):
            self._add(name, "base moved", True, "has its bases in another order", new.line)
        keywords = [{k.arg or "**": _text(k.value) for k in node.keywords} for node in (old.node, new.node)]
        for word in {**keywords[0], **keywords[1]}:
            was, now = keywords[0].get(word), keywords[1].get(word)
            if was != now:
                text = f"is made with {word}={now or 'nothing'}, and was with {was or 'nothing'}"
                self._add(name, "class keyword changed", word == "metaclass", text, new.line, word)
        self._slots(name, old, new)

    def _slots(self, name: str, old: Statement, new: Statement) -> None:
        assert old.body is not None and new.body is not None
        was, now = old.body.last("__slots__"), new.body.last("__slots__")
        values = [getattr(s.node, "value", None) if s is not None else None for s in (was, now)]
        if not _equal(*values):
            words = [_text(v) if v is not None else "none" for v in values]
            line = now.line if now is not None else new.line
            text = f"has the slots {words[1]}, and had {words[0]}"
            self._add(name, "slots changed", True, text, line, "__slots__")


_KIND_WORDS = {"def": "a procedure", "class": "a class", "assign": "data"}


def parameter_changes(old: Signature, new: Signature) -> Iterator[tuple[str, bool, str, str]]:
    """How the parameters of two signatures differ, one at a time: kind, whether some call may break, the words, the parameter."""
    before, after = _parameters(old), _parameters(new)
    for word, (way, place, optional) in before.items():
        if word not in after:
            # A positional-only parameter has no name to those who call.
            if way != "positional" or len(new.names) <= place:
                yield "parameter removed", True, f"no longer takes a parameter {word!r}", word
            continue
        new_way, new_place, new_optional = after[word]
        if way != new_way:
            words = f"takes {word!r} {_WAYS[new_way]}, and took it {_WAYS[way]}"
            yield "parameter kind changed", new_way != "either", words, word
        elif place != new_place and way != "keyword":
            yield "parameter moved", True, f"takes {word!r} in another place", word
        if optional is True and new_optional is False:
            yield "parameter required", True, f"requires its parameter {word!r} now", word
        elif optional is False and new_optional is True:
            yield "parameter optional", False, f"no longer requires its parameter {word!r}", word
    for word, (way, place, optional) in after.items():
        if word not in before and (way != "positional" or place >= len(old.names)):
            words = (
                {False: "required ", True: "optional "}.get(bool(optional), "")
                if optional is not None
                else ""
            )
            yield "parameter added", not optional, f"takes a new {words}parameter {word!r}", word
    for was, now, mark in ((old.star, new.star, "*"), (old.kwstar, new.kwstar, "**")):
        if was and not now:
            yield "parameter removed", True, f"no longer takes {mark}{was}", mark + was
        elif now and not was:
            yield "parameter added", False, f"takes {mark}{now}", mark + now


_WAYS = {"positional": "by position only", "keyword": "by keyword only", "either": "by position or keyword"}


def _parameters(found: Signature) -> dict[str, tuple[str, int, bool | None]]:
    """Name -> how it is given, its place, and whether it has a default (None: unknown)."""
    rows: dict[str, tuple[str, int, bool | None]] = {}
    for place, word in enumerate(found.names):
        optional = None if found.defaults is None else place >= len(found.names) - found.defaults
        rows[word] = ("positional" if place < found.posonly else "either", place, optional)
    for place, word in enumerate(found.kwonly):
        rows[word] = ("keyword", place, None if found.kwdefaults is None else word in found.kwdefaults)
    return rows


def _shape(code: CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount + 2
    return code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_varnames[:count]


def _bindings(body: Body) -> dict[str, Statement]:
    """Qualified name -> the statement that binds it last, of a body and of the classes in it."""
    found: dict[str, Statement] = {}
    prefix = "".join(f"{owner}." for owner in body.owners)
    for statement in body.statements:
        for name in statement.names:
            found[prefix + name] = statement
        if isinstance(statement.node, ast.AnnAssign) and isinstance(statement.node.target, ast.Name):
            found[prefix + statement.node.target.id] = statement
        if statement.body is not None:
            found.update(_bindings(statement.body))
    return found


def _arguments(args: ast.arguments) -> dict[str, tuple[ast.expr | None, ast.expr | None]]:
    """Name -> annotation and default."""
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
    defaults += args.defaults
    rows = {a.arg: (a.annotation, d) for a, d in zip(positional, defaults, strict=True)}
    rows |= {a.arg: (a.annotation, d) for a, d in zip(args.kwonlyargs, args.kw_defaults, strict=True)}
    rows |= {a.arg: (a.annotation, None) for a in (args.vararg, args.kwarg) if a is not None}
    return rows


def _decorator(node: ast.expr) -> str:
    """The name of a decorator, without its arguments."""
    return _text(node.func if isinstance(node, ast.Call) else node)


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


def _equal(one: ast.expr | None, other: ast.expr | None) -> bool:
    if one is None or other is None:
        return one is other
    return ast.dump(one) == ast.dump(other)
