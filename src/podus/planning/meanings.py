"""What names mean in one version: which module's which name; what star imports bring, and what an assignment goes on with."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from podus.planning.reading import is_enum, is_star
from podus.program.body import Body, Statement
from podus.program.field import last_word
from podus.program.flow import absolute
from podus.program.head import Definition
from podus.program.making import as_procedure, is_next, is_plain_class, is_tuple_class, of_class
from podus.program.operands import STORES_NAME, any_named
from podus.program.swallowing import Swallowing
from podus.program.version import Module, Version

Name = tuple[str, str]
# A class: its module, its name and its statements.
Made = tuple[Module, str, Body]


def imported_by_call(node: ast.AST) -> str:
    """The module that ``import_module("name")`` gives; "" if it is something else."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        name = node.args[0]
        if last_word(node) == "import_module" and isinstance(name, ast.Constant):
            return name.value if isinstance(name.value, str) else ""
    return ""


# How many classes above one another, and objects of them, are looked through.
_DEEP = 8


class Meanings:
    """What the names of one version's modules mean: which module's which name, where they come from another one."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self._imports: dict[str, dict[str, tuple[str, str]]] = {}
        self._others: dict[str, dict[str, tuple[str, list[str]]]] = {}

    @cached_property
    def swallowing(self) -> Swallowing:
        """The version's context managers: to read them takes all modules' text."""
        return Swallowing(self.version.modules.values())

    def imports(self, module: Module) -> dict[str, tuple[str, str]]:
        """Local name -> ``(module, name)`` of the program that it was imported from; the name is "" for a module itself."""
        found = self._imports.get(module.name)
        if found is None:
            found = self._imports[module.name] = {}
            body = module.body
            for statement in body.statements if body is not None else ():
                self._note(module, statement.node, found)
        return found

    def _note(self, module: Module, node: ast.stmt, found: dict[str, tuple[str, str]]) -> None:
        modules = self.version.modules
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = (name, "")
        elif isinstance(node, ast.ImportFrom):
            base = absolute(module.name, module.package, node.level, node.module or "")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                # A package's own import of a submodule is what binds its name there.
                if inner in modules and (base == module.name or not _binds(modules.get(base), alias.name)):
                    found[alias.asname or alias.name] = (inner, "")
                elif alias.name != "*":
                    found[alias.asname or alias.name] = (base, alias.name)
        elif isinstance(node, ast.Try):
            # What it has where that succeeds.
            for part in node.body:
                self._note(module, part, found)

    def of_word(self, module: Module, word: str) -> Name:
        """What a name means in ``module``: where it is from, or its own; ``(module, "")`` for a module itself."""
        return self.imports(module).get(word, (module.name, word))

    def of(self, module: Module, node: ast.expr) -> Name | None:
        """The module and the name that ``NAME`` or ``module.NAME`` stands for in ``module``; None if that isn't seen."""
        words: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            words.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            return None
        imported = self.imports(module).get(inner.id)
        if imported is None:
            return (module.name, inner.id) if not words else None
        home, name = imported
        if name:
            return imported if not words else None
        while words and f"{home}.{words[-1]}" in self.version.modules:
            home = f"{home}.{words.pop()}"
        return (home, words[0]) if len(words) == 1 and home in self.version.modules else None

    def path(self, module: Module, node: ast.expr) -> tuple[str, list[str]] | None:
        """The module that defines what ``NAME.attribute…`` names in ``module``, past modules that only import it; and the names in there."""
        found = self.origin(module, node)
        return found if found is not None and found[0] in self.version.modules else None

    def defines(self, module: Module, node: ast.expr) -> bool:
        """Whether an expression names a function or class of the program."""
        home, words = self.path(module, node) or ("", [])
        return len(words) == 1 and self._is_definition(home, words)

    def library(self, module: Module, node: ast.expr) -> str:
        """What ``NAME.attribute…`` names in ``module`` outside of the program, as ``package.name``; "" if nothing is seen."""
        found = self.origin(module, node)
        return (
            ".".join([found[0], *found[1]])
            if found is not None and found[0] not in self.version.modules
            else ""
        )

    def origin(
        self, module: Module, node: ast.expr, trail: list[Name] | None = None
    ) -> tuple[str, list[str]] | None:
        """The same, and also of what modules outside the program define.

        Adds to ``trail`` the names that lead there: those of modules that only import it, the definition's last.
        """
        words: list[str] = []
        while isinstance(node, ast.Attribute):
            words.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            home, words = module.name, [node.id, *words]
        else:
            home = imported_by_call(node)
        for _ in range(8 if home else 0):
            around = self.version.modules.get(home)
            if not words:
                return None
            if trail is not None:
                trail.append((home, words[0]))
            onward = self.imports(around).get(words[0]) if around is not None else None
            if around is not None and onward is None and words[0] in self._other_names(around):
                home, names = self._other_names(around)[words[0]]
                words = [*names, *words[1:]]
                continue
            if onward is None:
                return home, words
            home, name = onward
            words = [name, *words[1:]] if name else words[1:]
            while not name and words and f"{home}.{words[0]}" in self.version.modules:
                home = f"{home}.{words.pop(0)}"
        return None

    def _other_names(self, module: Module) -> dict[str, tuple[str, list[str]]]:
        """The names that star imports bring a module, and those that it gives to definitions besides (`fetch = load`): where to look on."""
        found = self._others.get(module.name)
        if found is None:
            # Whoever comes here again meanwhile goes round in a circle.
            found = self._others[module.name] = {}
            body = module.body
            last = (
                {name: statement for statement in body.statements for name in statement.names}
                if body is not None
                else {}
            )
            for statement in body.statements if body is not None else ():
                if is_star(statement):
                    home = self.star_of(module, statement)
                    brought = self.brought(module, statement)
                    found.update({name: (home, [name]) for name in brought if name not in last})
            for name, statement in last.items():
                value = getattr(statement.node, "value", None)
                if (
                    statement.kind == "assign"
                    and len(statement.names) == 1
                    and isinstance(value, ast.Name | ast.Attribute)
                ):
                    home, names = self.path(module, value) or ("", [])
                    if home and (home, names) != (module.name, [name]) and self._is_definition(home, names):
                        found[name] = home, names
        return found

    def _is_definition(self, home: str, words: list[str]) -> bool:
        body = self.version.modules[home].body
        for word in words:
            statement = body.last(word) if body is not None else None
            if statement is None or statement.kind not in ("def", "class"):
                return False
            body = statement.body
        return True

    def top(self, module: Module, node: ast.expr) -> tuple[Module, Statement] | None:
        """The statement of a module's top level that binds last what an expression names, and that module; None if it names no such thing of the program."""
        home, words = self.path(module, node) or ("", [])
        around = self.version.modules.get(home)
        if around is None or around.body is None or len(words) != 1:
            return None
        statement = around.body.last(words[0])
        return None if statement is None else (around, statement)

    def line(self, module: Module, node: ast.expr, depth: int = 0) -> list[Made] | None:
        """The plain class of the program that an expression names, and those that it derives from, in the order in which they inherit.

        None if it is none, if there is a class among them that is none, or if one derives from several.
        """
        place = self.top(module, node)
        if place is None or depth > 8 or not is_plain_class(place[1]):
            return None
        around, found = place
        nodes: list[ast.expr] = found.node.bases  # type: ignore[attr-defined]
        bases = [b for b in nodes if ast.unparse(b) != "object" and self.library(around, b) != "abc.ABC"]
        rest = self.line(around, bases[0], depth + 1) if len(bases) == 1 else []
        assert found.body is not None
        return None if rest is None or len(bases) > 1 else [(around, found.names[-1], found.body), *rest]

    def attributes(self, home: str, words: list[str], depth: int = 0) -> Iterator[Name]:
        """The attributes of classes that ``Class.attribute…`` in the module ``home`` reads, each by the class whose body binds it."""
        module = self.version.modules.get(home)
        body = module.body if module is not None else None
        statement = body.last(words[0]) if body is not None else None
        made = (
            getattr(statement.node, "value", None)
            if statement is not None and statement.kind == "assign"
            else None
        )
        if module is not None and isinstance(made, ast.Call) and depth < _DEEP:
            # Of an object that the module makes the class's, if it has no such one itself.
            found = self.path(module, made.func)
            if found is not None:
                yield from self.attributes(found[0], [*found[1], *words[1:]], depth + 1)
            return
        for number, word in enumerate(words[1:], 1):
            if module is None or statement is None or statement.body is None:
                return
            inner = statement.body.last(word)
            if inner is None:
                for base in getattr(statement.node, "bases", ()) if depth < _DEEP else ():
                    found = self.path(module, base)
                    if found is not None:
                        yield from self.attributes(found[0], [*found[1], *words[number:]], depth + 1)
                return
            if number == len(words) - 1 and is_enum(statement):
                # A member stays the same object, whatever it holds now.
                return
            yield home, ".".join(words[: number + 1])
            statement = inner

    def exported(
        self, module: Module, *, at_most: bool = False, seen: frozenset[str] = frozenset()
    ) -> set[str]:
        """The names that ``from module import *`` brings: those that the text is sure of, or all that it may bring (``at_most``)."""
        body = module.body
        if body is None or module.name in seen:
            return set()
        told = any("__all__" in s.names or "__all__" in s.reads for s in body.statements)
        listed = self._listed(module, seen) if told else None
        if listed is not None:
            return set(listed)
        if told and not at_most:
            return set()
        names = {name for name in body.binds() if told or not name.startswith("_")}
        return names | self.starred(module, at_most=at_most, seen=seen)

    def _listed(self, module: Module, seen: frozenset[str]) -> list[str] | None:
        """What a module's ``__all__`` comes to; None if its text doesn't tell."""
        found: list[str] | None = None
        for statement in module.body.statements if module.body is not None else ():
            node, more = statement.node, None
            if "__all__" not in statement.names and "__all__" not in statement.reads:
                continue
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                found, more = [], self._words(node.value, module, seen, found)
            elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                more = self._words(node.value, module, seen, found)
            elif (
                isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and len(node.value.args) == 1
            ):
                called = ast.unparse(node.value.func)
                argument = node.value.args[0]
                if called in ("__all__.append", "__all__.extend"):
                    one = ast.List([argument]) if called == "__all__.append" else argument
                    more = self._words(one, module, seen, found)
            if found is None or more is None:
                return None
            found = found + more
        return found

    def _words(
        self, node: ast.expr, module: Module, seen: frozenset[str], own: list[str] | None
    ) -> list[str] | None:
        """The texts that an expression lists, other modules' ``__all__`` among them; ``own`` is the module's so far."""
        parts: list[list[str] | None]
        if isinstance(node, ast.List | ast.Tuple):
            parts = [self._words(part, module, seen, own) for part in node.elts]
        elif isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else None
        elif isinstance(node, ast.Starred):
            return self._words(node.value, module, seen, own)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [self._words(part, module, seen, own) for part in (node.left, node.right)]
        else:
            home, words = self.path(module, node) or ("", [])
            if (home, words) == (module.name, ["__all__"]):
                return own
            other = self.version.modules.get(home) if words == ["__all__"] and home not in seen else None
            return self._listed(other, seen | {module.name}) if other is not None else None
        return None if None in parts else [word for part in parts for word in part or ()]

    def starred(
        self, module: Module, *, at_most: bool = False, seen: frozenset[str] = frozenset()
    ) -> set[str]:
        """The names that the star imports of a module bring it."""
        found: set[str] = set()
        for statement in module.body.statements if module.body is not None else ():
            if is_star(statement):
                found |= self.brought(module, statement, at_most=at_most, seen=seen)
        return found

    def taken(self, module: Module, statement: Statement) -> dict[str, tuple[str, str]]:
        """The names that one import statement brings by ``from``, and where it has them from."""
        found: dict[str, tuple[str, str]] = {}
        if isinstance(statement.node, ast.ImportFrom) and not is_star(statement):
            self._note(module, statement.node, found)
        return found

    def source_of(
        self, module: Module, statement: Statement
    ) -> tuple[Statement, ast.ImportFrom, Name] | None:
        """The import that brings what an assignment reads before it binds the same name (``APPS = APPS + [...]``), cut down to that; and what it is.

        None if it goes on with something else.
        """
        own = statement.reads.intersection(statement.names)
        goes_on = statement.kind == "assign" or isinstance(statement.node, ast.AugAssign)
        if len(own) != 1 or not goes_on or module.body is None or statement.owners:
            return None
        name = next(iter(own))
        before = module.body.statements[: module.body.statements.index(statement)]
        for other in reversed(before):
            if is_star(other) and name in self.brought(module, other):
                place = (self.star_of(module, other), name)
            elif name not in other.names:
                continue
            else:
                place = self.taken(module, other).get(name, ("", ""))
            node = other.node
            if not place[1] or not isinstance(node, ast.ImportFrom):
                return None
            alias = ast.alias(place[1], None if place[1] == name else name)
            cut = ast.ImportFrom(node.module, [ast.copy_location(alias, node)], node.level)
            return other, ast.copy_location(cut, node), place
        return None

    def star_of(self, module: Module, star: Statement) -> str:
        """The module from which a statement imports all names."""
        assert isinstance(star.node, ast.ImportFrom)
        return absolute(module.name, module.package, star.node.level, star.node.module or "")

    def stars(self, module: Module) -> set[str]:
        """The modules from which a module imports all names."""
        statements = module.body.statements if module.body is not None else ()
        return {self.star_of(module, statement) for statement in statements if is_star(statement)}

    def brought(
        self,
        module: Module,
        star: Statement,
        *,
        at_most: bool = True,
        seen: frozenset[str] = frozenset(),
    ) -> set[str]:
        """The names that one star import of a module brings it."""
        other = self.version.modules.get(self.star_of(module, star))
        return (
            self.exported(other, at_most=at_most, seen=seen | {module.name}) if other is not None else set()
        )


class Named:
    """What the names of one module of a version mean."""

    def __init__(self, meanings: Meanings, module: Module) -> None:
        self._meanings = meanings
        self._module = module

    def procedure(self, node: ast.expr) -> tuple[str, Definition, Named] | None:
        home, statements = self._statements(node)
        if home is None or len(statements) > 2 or {s.kind for s in statements[:-1]} - {"class"}:
            return None
        definition = statements[-1].node
        if len(statements) == 2:
            found = of_class(definition, statements[0].names[-1])
            definition = definition if found is None else found
        if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            return None
        name = ".".join(s.names[-1] for s in statements)
        return f"{home.name}:{name}", definition, Named(self._meanings, home)

    def maker(self, node: ast.expr) -> tuple[str, Definition, Named] | None:
        line = self._meanings.line(self._module, node)
        return _Inside(self._meanings, self._module, line, -1).next() if line else None

    def is_plain_base(self, node: ast.expr) -> bool:
        line = self._meanings.line(self._module, node)
        return line is not None and not any("__init_subclass__" in body.binds() for _, _, body in line)

    def is_tuple(self, node: ast.expr) -> bool:
        _, statements = self._statements(node)
        return len(statements) == 1 and is_tuple_class(statements[0])

    def value(self, node: ast.expr) -> tuple[ast.expr, Named] | None:
        home, statements = self._statements(node)
        if home is None or len(statements) != 1 or home.body is None:
            return None
        name = statements[0].names[-1]
        value = getattr(statements[0].node, "value", None)
        once = sum(name in s.names for s in home.body.statements) == 1
        if statements[0].kind != "assign" or len(statements[0].names) > 1 or value is None or not once:
            return None
        return value, Named(self._meanings, home)

    def is_module(self, node: ast.expr) -> bool:
        # Where a name of it would be looked for.
        home, words = self._meanings.path(self._module, ast.Attribute(node, "")) or ("", [])
        module = self._meanings.version.modules.get(home)
        return module is not None and words == [""] and "__getattr__" not in module.procedures

    def library(self, node: ast.expr) -> str:
        return self._meanings.library(self._module, node)

    def _statements(self, node: ast.expr) -> tuple[Module | None, list[Statement]]:
        """The module that defines what ``NAME.attribute…`` names, and the statements that bind these, one in the other; nothing if one isn't found."""
        home, words = self._meanings.path(self._module, node) or ("", [])
        module = self._meanings.version.modules.get(home)
        found: list[Statement] = []
        body = module.body if module is not None else None
        for word in words:
            statement = body.last(word) if body is not None else None
            if statement is None:
                return None, []
            found.append(statement)
            body = statement.body
        return (module, found) if found else (None, [])


class _Inside(Named):
    """What names mean in the constructor of one of a ``line`` of classes."""

    def __init__(self, meanings: Meanings, module: Module, line: list[Made], place: int) -> None:
        super().__init__(meanings, module)
        self._line = line
        self._place = place

    def maker(self, node: ast.expr) -> tuple[str, Definition, Named] | None:
        return self.next() if is_next(node) else super().maker(node)

    def next(self) -> tuple[str, Definition, Named] | None:
        """What making an object does in the classes that come after this one."""
        found = as_procedure([body for _, _, body in self._line], self._place + 1)
        if found is None:
            return None
        place, node = found
        module, name, _ = self._line[min(place, len(self._line) - 1)]
        label = f"{module.name}:{name}.{node.name}" if place < len(self._line) else "object.__init__"
        return label, node, _Inside(self._meanings, module, self._line, place)


def _binds(module: Module | None, name: str) -> bool:
    return module is not None and any_named(module.code, STORES_NAME, name)
