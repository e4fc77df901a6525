"""How the fields that the objects of a class gain are filled: by their derived mappers, where these can be made.

Dynamic type replacement, after Fabry ("How to Design a System in Which Modules Can Be Changed on the Fly", 1976): the type
changes, its objects are converted when they are used next.
"""

from __future__ import annotations

import ast
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

from podus.planning.defaulted import Defaulted, PassedInCalls, defaulted
from podus.planning.model import FieldPart, ObjectPart
from podus.program.body import compile_body
from podus.program.classes import Classes, Owner
from podus.program.code import is_function, mangled, walk
from podus.program.deriver import Deriver
from podus.program.field import Field
from podus.program.flow import imported_by_from
from podus.program.unheard import words_of
from podus.program.version import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from podus.planning.compile import Compiler
    from podus.planning.toplevel import TopLevel

# What is said of a field that goes, where all objects were looked at and where they were not.
HOLDS, MAY_HOLD = "holds something else by now", "may hold something else by now"


class Gained:
    """Fills in how each new field is filled, and makes the code of derived mappers."""

    def __init__(self, compiler: Compiler, old: Classes, new: Classes, toplevel: TopLevel) -> None:
        self.compiler = compiler
        self.old = old
        self.new = new
        self.toplevel = toplevel
        self.passed = PassedInCalls(compiler, new)
        # Class -> a new field, and one that goes and was set in the same way, with what that was at first: perhaps the same under another name.
        self.perhaps: dict[str, dict[str, tuple[str, list[str]]]] = {}

    def fill(
        self, name: str, part: ObjectPart, fresh: list[Field], missing: list[tuple[str, str, str]]
    ) -> None:
        """How each new field is filled."""
        owner = self.new.find(name)
        if owner is None or not fresh:
            return
        olds, news = self.old.all(name), self.new.all(name)
        getters = self._getters(name)
        known = {n for n, found in olds.items() if found.certain or found.declared == "slot"}
        left = fresh
        while True:
            # One new field may be computed from another one.
            again: list[tuple[Field, str]] = []
            for found in left:
                if found.default:
                    self.passed.add(Defaulted(name, found.name, found.name, found.text, None))
                    part.fields.append(FieldPart(found.name, "default", found.text))
                    known.add(found.name)
                    continue
                made_by = self.new.find(self.new.origin(name, found.name)) or owner
                deriver = self.deriver(name, made_by, olds, news, known)
                function, reason = deriver.derive(found.name)
                lines = self._line(name)
                shown = next(filter(None, (_shown_as(one, found.name, olds) for one in lines)), "")
                kept = next(filter(None, (_set_through(one, found.name, olds) for one in lines)), "")
                if function is not None and shown and (found.through or not _held_before(function, shown)):
                    shown = ""
                anew = False
                if found.name in getters and (read := deriver.shown(found.name, getters[found.name])):
                    function = read
                    # What it has been set to since.
                    anew = self._is_settable(name, found.name)
                elif (
                    function is None and shown and found.value is not None and found.text == olds[shown].text
                ):
                    function = deriver.held(found.name, shown)
                elif function is None and kept:
                    function, shown = deriver.held(found.name, kept), kept
                code = None if function is None else compiled(function, made_by)
                if code is None:
                    again.append((found, reason or "it uses super()"))
                    continue
                if made_by is owner and found.signature is not None:
                    for row in defaulted(name, found, deriver.defaults):
                        self.passed.add(row)
                runner = f"field {'.'.join(owner.owners)}.{found.name}"
                self.toplevel.derived[owner.module.name, runner] = code
                text = f"self.{shown}" if shown else found.text
                elsewhere = made_by.module.name if made_by.module is not owner.module else ""
                # What an object holds by the name of what is a property now is newer, too.
                anew = anew or bool(shown) or found.through in olds
                part.fields.append(FieldPart(found.name, "derived", text, runner, elsewhere, anew=anew))
            if len(again) == len(left) or not again:
                break
            left = [found for found, _ in again]
        for found in fresh if not part.mapper else ():
            # What was a property is what that gave.
            source = "" if found.name in getters else self._renamed_from(name, found)
            spec = olds[source].initial if source else []
            # What is a property now goes on under that name.
            follows = any(
                source in own.computed for own in map(self.new.own, (name, *self.new.lineage(name))) if own
            )
            if spec and not follows and all(found is not row[0] for row in again):
                self.perhaps.setdefault(name, {})[found.name] = (source, spec)
                reason = f"{source} goes, which is set in the same way and {HOLDS}"
                missing.append((found.name, reason, source))
        for found, reason in again:
            if part.mapper:
                part.fields.append(FieldPart(found.name, "mapper"))
                continue
            source = self._renamed_from(name, found)
            part.fields.append(FieldPart(found.name, "missing", source))
            missing.append((found.name, reason, source))

    def beside(self, name: str, part: ObjectPart, found: Field, other: str, having: dict[str, Field]) -> bool:
        """Have the objects of a class that hold the field ``other`` get a new one, if it can be derived; ``having`` are the fields that these have besides."""
        owner = self.new.find(name)
        if owner is None or not found.certain:
            return False
        olds = self.old.all(name) | having
        news = self.new.all(name) | having | {found.name: found}
        known = {n for n, field in olds.items() if field.certain or field.declared == "slot"}
        function, _ = self.deriver(name, owner, olds, news, known).derive(found.name)
        code = None if function is None else compiled(function, owner)
        if code is None:
            return False
        runner = f"field {'.'.join(owner.owners)}.{found.name}"
        self.toplevel.derived[owner.module.name, runner] = code
        part.fields.append(FieldPart(found.name, "derived", found.text, runner, "", other))
        return True

    def _getters(self, name: str) -> dict[str, ast.FunctionDef]:
        """The properties of the old version's class, and of those that it derives from."""
        found: dict[str, ast.FunctionDef] = {}
        for one in (name, *self.old.lineage(name)):
            own = self.old.own(one)
            found = {**(own.getters if own is not None else {}), **found}
        return found

    def _is_settable(self, name: str, word: str) -> bool:
        """Whether a property of the old version's class has a setter."""
        for one in (name, *self.old.lineage(name)):
            owner = self.old.find(one)
            body = owner.statement.body if owner is not None else None
            for statement in body.statements if body is not None else ():
                decorators = getattr(statement.node, "decorator_list", ())
                if any(ast.unparse(decorator) == f"{word}.setter" for decorator in decorators):
                    return True
        return False

    def _line(self, name: str) -> list[Owner]:
        """The new version's class and those of the program that it derives from."""
        names = (name, *self.new.lineage(name))
        return [owner for one in names if (owner := self.new.find(one)) is not None]

    def deriver(
        self, name: str, made_by: Owner, olds: dict[str, Field], news: dict[str, Field], known: set[str]
    ) -> Deriver:
        """What derives those fields of the class ``name`` that the constructor of ``made_by`` sets."""
        module = made_by.module
        before = self.old.find(f"{module.name}:{'.'.join(made_by.owners)}")
        return Deriver(
            olds,
            news,
            known,
            lambda word: bool(self.new.resolve(module.name, word)),
            lambda word: _qualified(module, word),
            lambda word: self.new.gives(name, word),
            lambda function: self.compiler.derived.computes(function, module),
            lambda parameter: self.new.passing(made_by, parameter, before),
            lambda word: word in self._heard,
            lambda word: self._method(name, word, made_by),
        )

    def _method(self, name: str, word: str, made_by: Owner) -> ast.FunctionDef | None:
        """A method of the objects of a class, if its code can stand where the constructor of ``made_by`` does."""
        found = self.new.method(name, word)
        return found[1] if found is not None and found[0].module is made_by.module else None

    @cached_property
    def _heard(self) -> frozenset[str]:
        """The words by which an argument can have been given in the old version."""
        return words_of(self.compiler.old)

    def _renamed_from(self, name: str, wanted: Field) -> str:
        """The field that is gone and was set in the same way: perhaps the same field under another name."""
        news = self.new.all(name)
        for old_name, old in self.old.all(name).items():
            if old_name not in news and old.text and old.text == wanted.text:
                return old_name
        return ""


def _shown_as(owner: Owner, field: str, olds: Mapping[str, Field]) -> str:
    """The old field that the new version has as a property which is nothing but ``field``: what it was is what ``field`` is now."""
    body = owner.statement.body
    for statement in body.statements if body is not None else ():
        node = statement.node
        if not isinstance(node, ast.FunctionDef) or node.name not in olds or node.name.startswith("__"):
            continue
        if not any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list):
            continue
        last = node.body[-1]
        rest = [
            s for s in node.body[:-1] if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        ]
        value = last.value if isinstance(last, ast.Return) and not rest else None
        if (
            isinstance(value, ast.Attribute)
            and mangled(value.attr, owner.owners) == field
            and isinstance(value.value, ast.Name)
        ):
            known = olds[node.name]
            if value.value.id == node.args.args[0].arg and known.certain and known.declared != "slot":
                return node.name
    return ""


def _set_through(owner: Owner, field: str, olds: Mapping[str, Field]) -> str:
    """The old field that the new version has as a property whose setter does nothing but set ``field``."""
    body = owner.statement.body
    for statement in body.statements if body is not None else ():
        node = statement.node
        if not isinstance(node, ast.FunctionDef) or node.name not in olds or len(node.args.args) != 2:
            continue
        me, value = (argument.arg for argument in node.args.args)
        known = olds[node.name]
        if (
            [ast.unparse(d) for d in node.decorator_list] == [f"{node.name}.setter"]
            and [ast.unparse(s) for s in node.body] == [f"{me}.{field} = {value}"]
            and known.certain
            and known.declared != "slot"
        ):
            return node.name
    return ""


def _held_before(function: ast.FunctionDef, field: str) -> bool:
    """Have a derived mapper give what an object itself holds as ``field``, which its class has a property for, if it does; says whether that is done."""
    (last,) = function.body if len(function.body) == 1 else (None,)
    if not isinstance(last, ast.Return) or last.value is None or len(function.args.args) != 1:
        return False
    held = f"{function.args.args[0].arg}.__dict__"
    text = f"{held}[{field!r}] if {field!r} in {held} else None"
    value = ast.parse(text, mode="eval").body
    assert isinstance(value, ast.IfExp)
    value.orelse = last.value
    last.value = ast.fix_missing_locations(ast.copy_location(value, last))
    return True


def _qualified(module: Module, word: str) -> str:
    first, _, rest = word.partition(".")
    source = imported_by_from(module.code, module.name, module.package).get(first)
    if source is not None:
        first = f"{source[0]}.{source[1]}"
    return f"{first}.{rest}" if rest else first


def compiled(function: ast.FunctionDef, owner: Owner) -> CodeType | None:
    """The code of a derived mapper, compiled inside its class; None if it needs what only a method of the class has."""
    body = compile_body([function], owner.owners, owner.module.file, 0)
    code = next((c for c in walk(body) if is_function(c) and c.co_name == function.name), None)
    return None if code is None or code.co_freevars else code
