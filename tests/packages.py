"""Small packages whose modules make something of each other's names, and edits of them: what a fresh process would have of each must be so, or be told.

A package is its modules' statements, by module; later modules import from earlier ones.
"""

from __future__ import annotations

import re
from random import Random

Package = dict[str, list[str]]
MODULES = ("base", "util", "mid", "top")
# What names of a kind begin with.
_KINDS = {
    "int": "K",
    "func": "f",
    "cls": "C",
    "list": "L",
    "dict": "D",
    "deco": "d",
    "str": "S",
    "enum": "E",
    "object": "O",
    "hint": "A",
}
_MADE = (*("int", "func", "cls") * 2, "list", "dict", "deco", "str", "enum", "object", "hint", "more", "more")
_NAMES = re.compile(r"\b[KfCLDdSEOA]\d+x?\b")


class Writer:
    """Writes the statements of one module after the other."""

    def __init__(self, random: Random, first: int = 0) -> None:
        self._random = random
        self._count = first
        self._scope: list[tuple[str, str]] = []

    def module(self, there: list[tuple[str, str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
        """Its statements, and the names that it has, with their kinds; ``there`` are modules before it, with theirs."""
        random, text = self._random, list[str]()
        self._scope = []
        for module, name, kind in random.sample(there, min(len(there), random.randint(2, 6))):
            how = random.choice(["from", "from", "module", "as"])
            if how == "module":
                text.append(f"from . import {module}")
                self._scope.append((f"{module}.{name}", kind))
            else:
                bound = name if how == "from" else f"{name}x"
                text.append(f"from .{module} import {name}" + (f" as {bound}" if how == "as" else ""))
                self._scope.append((bound, kind))
        for _ in range(random.randint(4, 8)):
            kind = random.choice(_MADE)
            self._count += 1
            if kind == "more":
                if statement := self._more():
                    text.append(statement)
                continue
            name = f"{_KINDS[kind]}{self._count}"
            text.append(getattr(self, f"_{kind}")(name))
            self._scope.append((name, kind))
        return text, [(name, kind) for name, kind in self._scope if "." not in name]

    def _pick(self, kind: str) -> str | None:
        found = [name for name, other in self._scope if other == kind]
        return self._random.choice(found) if found else None

    def _number(self) -> str:
        forms = [str(self._random.randint(1, 9))]
        if name := self._pick("int"):
            forms += [name, f"{name} + {self._random.randint(1, 9)}", f"{name} * 2"]
        if name := self._pick("func"):
            forms += [f"{name}({self._random.randint(1, 3)})"]
        if name := self._pick("cls"):
            forms += [f"{name}.size", f"{name}().get()"]
        if name := self._pick("dict"):
            forms += [f"len({name})", f"{name}.get('a', 0)"]
        if name := self._pick("list"):
            forms += [f"sum({name})", f"max({name})"]
        if name := self._pick("enum"):
            forms += [f"{name}.ONE.value", f"len({name})"]
        if name := self._pick("object"):
            forms += [f"{name}.get()", f"{name}.size"]
        return self._random.choice(forms)

    def _int(self, name: str) -> str:
        return f"{name} = {self._number()}"

    def _str(self, name: str) -> str:
        number, cls = self._pick("int"), self._pick("cls")
        forms = [f"{name} = 'v{self._random.randint(1, 9)}'"]
        forms += [f"{name} = f'{{{number}}}!'"] if number else []
        return self._random.choice([*forms, f"{name} = {cls}.__name__"] if cls else forms)

    def _list(self, name: str) -> str:
        other = self._pick("list")
        forms = [
            f"{name} = [{self._number()}, {self._number()}]",
            f"{name} = [n * {self._number()} for n in (1, 2)]",
            f"{name} = [{self._number()}]\n{name}.append({self._number()})",
            f"{name} = [{self._number()}]\n{name} += [{self._number()}]",
        ]
        return self._random.choice([*forms, f"{name} = {other} + [{self._number()}]"] if other else forms)

    def _dict(self, name: str) -> str:
        return self._random.choice(
            [
                f"{name} = {{'a': {self._number()}, 'b': {self._number()}}}",
                f"{name} = {{'f': {self._pick('func') or 'len'}}}",
                f"{name} = {{'c': {self._pick('cls') or 'int'}}}",
                f"{name} = dict(a={self._number()})",
                f"{name} = {{}}\n{name}['x'] = {self._number()}",
                f"{name} = {{n: n * {self._number()} for n in (1, 2)}}",
            ]
        )

    def _enum(self, name: str) -> str:
        kind = self._random.choice(["Enum", "IntEnum", "Enum"])
        extra = self._random.choice(
            ["", "", f"\n    TWO = {self._number()} + 10", "\n    def twice(self): return self.value * 2"]
        )
        return f"import enum\nclass {name}(enum.{kind}):\n    ONE = {self._number()}{extra}"

    def _object(self, name: str) -> str:
        cls = self._pick("cls")
        if cls is None:
            return f"import types\n{name} = types.SimpleNamespace(size={self._number()}, get=lambda: {self._number()})"
        return self._random.choice(
            [f"{name} = {cls}()", f"{name} = {cls}()", f"{name} = {cls}()\n{name}.extra = {self._number()}"]
        )

    def _hint(self, name: str) -> str:
        cls, function = self._pick("cls") or "int", self._pick("func") or "len"
        return self._random.choice(
            [
                f"{name} = list[{cls}]",
                f"import typing\n{name} = typing.Optional[{cls}]",
                f"{name} = {cls} | None",
                f"{name} = ({cls}, {function})",
                f"import functools\n{name} = functools.partial({function}, {self._number()})",
                f"{name} = [{cls}().get, {function}]",
                f"{name} = lambda n=1: ({cls}, {function}, n)",
            ]
        )

    def _more(self) -> str | None:
        """A statement that does something to what is there."""
        cls, found, table, function = (self._pick(kind) for kind in ("cls", "list", "dict", "func"))
        forms = [
            f"if {self._number()} > 3:\n    K{self._count} = {self._number()}\nelse:\n    K{self._count} = {self._number()}"
        ]
        forms += [f"try:\n    K{self._count} = {self._number()}\nexcept ValueError:\n    K{self._count} = 0"]
        forms += [f"for _n in (1, 2):\n    {found}.append(_n + {self._number()})"] if found else []
        forms += [f"{found}.extend([{self._number()}, {self._number()}])"] if found else []
        forms += [f"{table}['y'] = {self._number()}", f"{table}.update(z={self._number()})"] if table else []
        forms += [f"{table}['{function}'] = {function}"] if table and function else []
        forms += [f"{cls}.extra = {self._number()}"] if cls else []
        forms += [f"{cls}.also = {function}"] if cls and function and "." not in function else []
        forms += [f"{function}.note = {self._number()}"] if function else []
        return self._random.choice(forms)

    def _deco(self, name: str) -> str:
        number = self._pick("int") or "1"
        return self._random.choice(
            [
                f"def {name}(f):\n    f.mark = {number}\n    return f",
                f"import functools\ndef {name}(f):\n    @functools.wraps(f)\n    def inner(*args): return f(*args) + {number}\n    return inner",
                f"def {name}(f):\n    def inner(*args): return f(*args)\n    inner.extra = {number}\n    return inner",
            ]
        )

    def _func(self, name: str) -> str:
        decorator, other, number = self._pick("deco"), self._pick("func"), self._pick("int")
        bodies = [f"return n + {self._random.randint(1, 9)}", "return n - 1"]
        bodies += [f"return n * {number}"] if number else []
        bodies += [f"return {other}(n) + 1"] if other else []
        default = self._random.choice(["1", number or "2", self._number()])
        head = f"@{decorator}\n" if decorator and self._random.random() < 0.6 else ""
        plain = f"{head}def {name}(n={default}): {self._random.choice(bodies)}"
        if self._random.random() < 0.7:
            return plain
        cls = self._pick("cls") or "int"
        return self._random.choice(
            [
                f"def make_{name}(k={number or 1}):\n    def inner(n=1): return n + k\n    return inner\n{name} = make_{name}({self._number()})",
                f"{name} = lambda n=1: n + {number or 2}",
                f"import functools\n@functools.lru_cache\ndef {name}(n={default}): {self._random.choice(bodies)}",
                f"{head}def {name}(n: {cls} = {default}) -> '{cls}': {self._random.choice(bodies)}",
                f"{head}def {name}(n={default}, *, also={self._number()}): return n + also",
                f"{name} = {other}" if other else plain,
            ]
        )

    def _cls(self, name: str) -> str:
        random, base, function = self._random, self._pick("cls"), self._pick("func")
        lines = [
            f"    size = {self._number()}",
            f"    def get(self): return self.size + {random.randint(1, 9)}",
        ]
        more = [
            f"    items = [{self._number()}]",
            "    def __init_subclass__(cls, **kw):\n        super().__init_subclass__(**kw)\n        cls.full = cls.size * 2",
            f"    @classmethod\n    def make(cls, n={self._pick('int') or 1}): return n",
            f"    @property\n    def prop(self): return {self._pick('int') or 3}",
            f"    x: int = {random.randint(1, 9)}",
            *([f"    call = staticmethod({function})"] if function else []),
            f"    class Inner:\n        deep = {self._number()}",
            f"    def __init__(self, n={self._number()}): self.n = n",
            f"    def later(self): return super().__repr__() and {self._number()}",
            f"    table = {{'k': {self._number()}}}",
            f"    key = lambda self: {self._number()}",
            "    import functools\n    @functools.cached_property\n    def once(self): return 1",
            *([f"    kind = {self._pick('cls')}"] if base else []),
        ]
        lines += [line for line in more if random.random() < 0.2]
        head = "import dataclasses\n@dataclasses.dataclass\n" if random.random() < 0.15 else ""
        bases = f"({base})" if base and random.random() < 0.6 else ""
        return f"{head}class {name}{bases}:\n" + "\n".join(lines)


def package(random: Random) -> Package:
    """Some package."""
    writer, there, found = Writer(random), list[tuple[str, str, str]](), Package()
    for module in MODULES:
        found[module], names = writer.module(there)
        there += [(module, name, kind) for name, kind in names]
    return found


def edited(random: Random, before: Package) -> Package:
    """The package after an edit or two; it may not run any more, and it may be the same."""
    found = {module: list(text) for module, text in before.items()}
    for _ in range(random.choice([1, 1, 2])):
        _edit(random, found, random.choice(MODULES))
    return found


def texts(found: Package) -> dict[str, str]:
    return {module: "\n".join(statements) + "\n" for module, statements in found.items()}


def _edit(random: Random, found: Package, module: str) -> None:
    text = found[module]
    place = random.randrange(len(text))
    statement = text[place]
    how = random.choice(
        ["number", "number", "name", "name", "import", "import", "swap", "drop", "more", "bare", "base"]
    )
    if how == "number" and (numbers := list(re.finditer(r"(?<![\w.])\d+(?!\w)", statement))):
        number = random.choice(numbers)
        text[place] = f"{statement[: number.start()]}1{number.group()}{statement[number.end() :]}"
    elif how == "name" and (names := list(_NAMES.finditer(statement))[1:]):
        name = random.choice(names)
        others = [n for n in _NAMES.findall("\n".join(text[:place])) if n[0] == name.group()[0]]
        if others:
            text[place] = statement[: name.start()] + random.choice(others) + statement[name.end() :]
    elif how == "import" and (there := re.match(r"from \.\w+ import (\w+)(?: as (\w+))?$", statement)):
        before = MODULES[: MODULES.index(module)]
        bound = [(m, n) for m in before for n in _bound(found[m]) if n[0] == there[1][0]]
        if bound:
            source, name = random.choice(bound)
            text[place] = f"from .{source} import {name} as {there[2] or there[1]}"
    elif how == "swap" and place + 1 < len(text):
        text[place], text[place + 1] = text[place + 1], text[place]
    elif how == "drop":
        del text[place]
    elif how == "more":
        text.insert(place + 1, random.choice(Writer(random, random.randint(100, 199)).module([])[0]))
    elif how == "bare" and statement.startswith("@"):
        text[place] = statement.partition("\n")[2]
    elif how == "base" and (head := re.search(r"class (\w+)(\(.*?\))?:", statement)):
        classes = [n for n in _NAMES.findall("\n".join(text[:place])) if n[0] == "C"]
        base = f"({random.choice(classes)})" if classes and not head[2] else ""
        text[place] = f"{statement[: head.start()]}class {head[1]}{base}:{statement[head.end() :]}"


def _bound(text: list[str]) -> list[str]:
    """The names that a module's definitions and assignments bind."""
    return [
        name for s in text for name in re.findall(r"^(?:class |def )?([KfCLDdSEOA]\d+)\b", s, re.MULTILINE)
    ]
