"""Functions with loops, generated: source text whose version is the word VERSION, and what the text calls.

Everything that a function does goes into a trace; what it decides comes from a row of numbers, so that two runs of it do the same.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

LIMIT = 2000
# So many variables that operands need more than a byte.
MANY = 300


class Oops(Exception):
    """What generated code raises and catches."""


class TooLong(BaseException):
    """The end of a program that goes on and on."""


class World:
    """What generated code calls; ``trace`` has what it did, as ``(version, what)``."""

    def __init__(self, seed: int, fuel: int) -> None:
        self.trace: list[tuple[int, object]] = []
        self._random = random.Random(seed)
        self._fuel = fuel
        self.logged = lambda: None

    def log(self, version: int, *what: object) -> None:
        self.logged()
        self.trace.append((version, what))
        if len(self.trace) > LIMIT:
            raise TooLong

    def tell(self, *what: object) -> None:
        """As :meth:`log`, by what has no version."""
        self.trace.append((-1, what))

    def more(self) -> bool:
        self._fuel -= 1
        return self._fuel >= 0

    def maybe(self) -> bool:
        return self._random.random() < 0.4

    def number(self) -> int:
        return self._random.randrange(4)

    def token(self) -> Token:
        return Token(self, self._random.randrange(1000))

    def block(self, swallows: bool = False) -> Block:
        return Block(self, swallows)

    def count(self, to: int) -> Iterator[int]:
        try:
            for n in range(to):
                self.tell("count", n)
                yield n
        finally:
            self.tell("counted", to)

    async def acount(self, to: int) -> Any:
        for n in range(to):
            await Wait()
            self.tell("acount", n)
            yield n

    async def rest(self) -> int:
        await Wait()
        return self.number()


class Token:
    """Says when it is let go."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number

    def __repr__(self) -> str:
        return f"<{self.number}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and other.number == self.number

    __hash__ = None  # type: ignore[assignment]

    def __del__(self) -> None:
        self.world.tell("gone", self.number)


class Block:
    """A context manager of both kinds, that may swallow :class:`Oops`."""

    def __init__(self, world: World, swallows: bool) -> None:
        self.world, self.swallows = world, swallows

    def __enter__(self) -> int:
        self.world.tell("enter")
        return self.world.number()

    def __exit__(self, kind: Any, *_: object) -> bool:
        self.world.tell("exit", kind and kind.__name__)
        return self.swallows and kind is Oops

    async def __aenter__(self) -> int:
        await Wait()
        return self.__enter__()

    async def __aexit__(self, *error: Any) -> bool:
        await Wait()
        return self.__exit__(*error)


class Wait:
    """What coroutines await."""

    def __await__(self) -> Any:
        return (yield "waits")


class Writer:
    """Writes one function. ``pick(n)`` gives a number below n; ``kind`` is "def", "generator" or "async"."""

    LOCALS = ("a", "b", "c", "d", "e")

    def __init__(self, pick: Any, kind: str, size: int) -> None:
        self.pick = pick
        self.kind = kind
        self.left = size

    def text(self) -> str:
        """The source of a module with ``make()``, which gives ``function``."""
        many = self.pick(6) == 0
        long = self.pick(6) == 0
        arguments = ("", "a", "a, b=2", "*c", "a, /, *, d=4, **e", "*, m, **e")[self.pick(6)]
        if arguments == "*, m, **e":
            arguments = "*, m=1, **e"
        head = "async def" if self.kind == "async" else "def"
        lines = [
            "def make(w):",
            "  shared = [0]",
            "  free = 0",
            "  def plain():",
            "    nonlocal free",
            "    free += 1",
        ]
        lines += [f"  {head} function({arguments}):", "    NEW"]
        if self.pick(2):
            lines += ["    nonlocal free"]
        captured = ("m", "n") if self.pick(3) else ()
        self.captured = captured
        if many:
            lines += [f"    v{n} = {n}" for n in range(MANY)]
        if captured:
            lines += ["    def bump():", "      nonlocal m", "      m = m + 1", "      return m, free"]
            if "m=1" not in arguments:
                lines += ["    m = 0"]
            lines += ["    def peek():", "      return n"]
        if self.kind == "generator":
            lines += ["    if 0: yield"]
        lines += self.block(4, (), 0)
        if many:
            lines += [f"    w.log(VERSION, v{MANY - 1}, v7)"]
        if self.pick(3) == 0:
            lines += ["    raise Oops('end')"]
        lines += ["    return VERSION, free", "  return function, plain", ""]
        if long:
            at = max(
                (n for n, line in enumerate(lines) if re.fullmatch(r" +w\.log\(VERSION, \d+\)", line)),
                default=len(lines) - 3,
            )
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            # Jumps over it, and back over it, need more than a byte.
            lines[at:at] = [f"{indent}if w is None:", *(f"{indent}  w.log(a, b, {n})" for n in range(60))]
        return "\n".join(lines)

    def block(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        lines = []
        for _ in range(1 + self.pick(3)):
            lines += self.statement(indent, inside, depth)
        return lines

    def statement(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        self.left -= 1
        pad = " " * indent
        simple = self.left <= 0 or depth > 4
        kinds = self.SIMPLE if simple else (*self.LOOPS, *self.SIMPLE, *self.COMPOUND, *self.LOOPS)
        lines: list[str] = getattr(self, "_" + kinds[self.pick(len(kinds))])(indent + 2, inside, depth + 1)
        return [pad + line if not line.startswith("|") else line[1:] for line in lines]

    SIMPLE = ("log", "assign", "look", "forget", "call", "leave", "suspend", "comprehend", "raise", "token")
    LOOPS = ("for", "for_pairs", "while", "while_true", "while_names", "while_line", "for_async")
    COMPOUND = ("if", "with", "try", "finally", "match", "with_two")

    def name(self) -> str:
        return self.LOCALS[self.pick(len(self.LOCALS))]

    def nested(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        return ["|" + line for line in self.block(indent, inside, depth)]

    def _log(self, *_: Any) -> list[str]:
        return [f"w.log(VERSION, {self.pick(100)})"]

    def _assign(self, *_: Any) -> list[str]:
        value = ("w.number()", "[w.number()]", "(VERSION * 0, w.number())", "None")[self.pick(4)]
        return [f"{self.name()} = {value}"]

    def _token(self, *_: Any) -> list[str]:
        return [f"{self.name()} = w.token()"]

    def _look(self, *_: Any) -> list[str]:
        name = self.name()
        return [f"try: w.log(VERSION, '{name}', {name})", f"except NameError: w.log(VERSION, 'no {name}')"]

    def _forget(self, *_: Any) -> list[str]:
        name = self.name()
        return [f"try: del {name}", "except NameError: w.log(VERSION, 'not there')"]

    def _call(self, *_: Any) -> list[str]:
        if not self.captured:
            return ["shared[0] += 1", "w.log(VERSION, shared[0], free)"]
        return [
            ("w.log(VERSION, bump(), m)", "n = w.number()", "m += 1", "w.log(VERSION, (lambda: m)())")[
                self.pick(4)
            ],
            "try: w.log(VERSION, peek())",
            "except NameError: w.log(VERSION, 'no n')",
        ]

    def _comprehend(self, *_: Any) -> list[str]:
        name = self.name()
        return [
            (
                f"{name} = [x for x in range(w.number())]",
                f"{name} = {{x: y for x in range(2) for y in [shared, x]}}",
                f"w.log(VERSION, sum({name} for {name} in range(3)))",
                f"w.log(VERSION, [{name} for {name} in range(3) if w.maybe()])",
            )[self.pick(4)]
        ]

    def _leave(self, _: int, inside: tuple[str, ...], __: int) -> list[str]:
        ways = ["return VERSION, 'early'"] if "final" not in inside else []
        if "loop" in inside and inside.index("loop") < (inside.index("final") if "final" in inside else 99):
            ways = ["break", "continue", "continue", "break", *ways]
        return [f"if w.maybe(): {ways[self.pick(len(ways))]}"] if ways else ["pass"]

    def _raise(self, *_: Any) -> list[str]:
        return ["if w.maybe(): raise Oops('here')"]

    def _suspend(self, *_: Any) -> list[str]:
        if self.kind == "generator":
            return [("yield VERSION", f"{self.name()} = yield 1", "yield from w.count(2)")[self.pick(3)]]
        if self.kind == "async":
            return [("await w.rest()", f"{self.name()} = await w.rest()")[self.pick(2)]]
        return ["w.log(VERSION)"]

    def _for(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        over = (
            "range(3)",
            "[1, 2]",
            "w.count(3)",
            "(x for x in 'ab')",
            "list(range(w.number()))",
            "iter('xyz')",
            "()",
        )
        return [
            f"for {self.name()} in {over[self.pick(len(over))]}:",
            *self.nested(indent, ("loop", *inside), depth),
            *self._else(indent, inside, depth),
        ]

    def _for_pairs(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        return [
            f"for {self.name()}, (f, *g) in enumerate(['ab', 'cde']):",
            *self.nested(indent, ("loop", *inside), depth),
        ]

    def _for_async(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        word = "async for" if self.kind == "async" else "for"
        over = "w.acount(2)" if self.kind == "async" else "zip('ab', w.count(5))"
        return [
            f"{word} {self.name()} in {over}:",
            *self.nested(indent, ("loop", *inside), depth),
            *self._else(indent, inside, depth),
        ]

    def _else(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        return ["else:", *self.nested(indent, inside, depth)] if self.pick(4) == 0 else []

    def _while(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        tests = (
            "w.more()",
            "w.more() and w.maybe()",
            "(w.maybe() or w.maybe()) and w.more()",
            "not not w.more()",
            "w.more() if w.maybe() else w.maybe() and w.more()",
            "(h := w.number()) and w.more()",
            "w.more() is not False and 0 <= w.number() < 3",
        )
        return [
            f"while {tests[self.pick(len(tests))]}:",
            *self.nested(indent, ("loop", *inside), depth),
            *self._else(indent, inside, depth),
        ]

    def _while_names(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        at = " " * indent
        return [
            "k = w.number()",
            "while (",
            "  k",
            "  and w.more()",
            "):",
            f"|{at}k -= 1",
            *self.nested(indent, ("loop", *inside), depth),
        ]

    def _while_line(self, *_: Any) -> list[str]:
        return [
            (
                "while w.more() and w.maybe(): w.log(VERSION)",
                "for a in range(2): w.log(VERSION, a)",
                "while w.more(): a = w.number(); w.log(VERSION, a)",
                "for b in w.count(2): pass",
            )[self.pick(4)]
        ]

    def _while_true(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        at = " " * indent
        first = ("if not w.more(): break", "w.log(VERSION, 'turn')")[self.pick(2)]
        test = ("True", "1")[self.pick(2)]
        return [
            f"while {test}:",
            f"|{at}{first}",
            *self.nested(indent, ("loop", *inside), depth),
            f"|{at}if not w.more(): break",
        ]

    def _if(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        lines = ["if w.maybe():", *self.nested(indent, inside, depth)]
        return [*lines, "else:", *self.nested(indent, inside, depth)] if self.pick(2) else lines

    def _with(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        word = "async with" if self.kind == "async" and self.pick(2) else "with"
        how = (f"w.block() as {self.name()}", "w.block(True)")[self.pick(2)]
        return [f"{word} {how}:", *self.nested(indent, inside, depth)]

    def _with_two(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        return [f"with w.block(True) as {self.name()}, w.block():", *self.nested(indent, inside, depth)]

    def _try(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        lines = [
            "try:",
            *self.nested(indent, inside, depth),
            ("except Oops as error:", "except (Oops, KeyError):", "except* Oops:")[self.pick(2)],
            *self.nested(indent, inside, depth),
        ]
        if self.pick(3) == 0:
            lines += ["else:", *self.nested(indent, inside, depth)]
        if self.pick(3) == 0:
            lines += ["finally:", *self.nested(indent, ("final", *inside), depth)]
        return lines

    def _finally(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        return [
            "try:",
            *self.nested(indent, inside, depth),
            "finally:",
            *self.nested(indent, ("final", *inside), depth),
        ]

    def _match(self, indent: int, inside: tuple[str, ...], depth: int) -> list[str]:
        at = " " * indent
        inner = " " * (indent + 2)
        return [
            "match w.number(), 'x':",
            f"|{at}case (0 | 1 as {self.name()}, _):",
            *("|" + line for line in self.block(indent + 2, inside, depth)),
            f"|{at}case (z, 'x') if z > 2:",
            f"|{inner}w.log(VERSION, z)",
            f"|{at}case _:",
            *("|" + line for line in self.block(indent + 2, inside, depth)),
        ]
