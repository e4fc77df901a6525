"""What a code object's values are, as far as its bytecode tells: the symbols that :mod:`podus.program.flow` computes with.

A symbol is also the record of the one instruction that made it, so that what later happens to the value is noted on it.
"""

from __future__ import annotations

from types import CodeType


class Symbol:
    """A value. ``held`` is whether it goes anywhere but into being called, read from, bound to a name, tested or dropped.

    ``called``: it stands in call position somewhere. ``sink``: the call that it is an argument of, with its position or keyword.
    """

    tracked = False
    line = 0
    called = False
    held = True
    sink: tuple[Call, int | str] | None = None
    pinned = False

    @property
    def escapes(self) -> bool:
        """Whether others may come to hold the value."""
        return self.held or self.pinned


class Unknown(Symbol):
    """A value of which nothing is known."""

    def __repr__(self) -> str:
        return "?"


class Null(Symbol):
    """The mark on the stack beside a callee that is no bound method."""


class Const(Symbol):
    """A constant."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Const({self.value!r})"


class Display(Symbol):
    """A list, tuple, set, dict, slice or string that the code builds; ``items`` where they are known."""

    def __init__(self, kind: str, items: tuple[Symbol, ...] | None = None) -> None:
        self.kind = kind
        self.items = items

    def __repr__(self) -> str:
        return f"Display({self.kind})"


class Named(Symbol):
    """Something loaded by its name."""

    tracked = True

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"


class Global(Named):
    """A global or builtin name."""


class Local(Named):
    """A local variable or parameter."""


class Free(Named):
    """A variable shared with a procedure around or inside."""


class Attr(Symbol):
    """``base.name``; ``kind`` is ``load``, ``store`` or ``delete``; ``value`` is what is stored."""

    tracked = True

    def __init__(
        self, base: Symbol, name: str, line: int, kind: str = "load", value: Symbol | None = None
    ) -> None:
        self.base = base
        self.name = name
        self.line = line
        self.kind = kind
        self.value = value

    def __repr__(self) -> str:
        return f"{self.base!r}.{self.name}"


class Item(Symbol):
    """``base[…]``."""

    def __init__(self, base: Symbol) -> None:
        self.base = base

    def __repr__(self) -> str:
        return f"{self.base!r}[]"


class Super(Symbol):
    """``super()`` in a method."""

    def __repr__(self) -> str:
        return "super()"


class Import(Symbol):
    """What an import statement binds: ``name`` of module ``level`` x '.' + ``module``, or the module itself (``name`` None).

    ``top`` is set for ``import a.b``, which binds ``a``; ``path`` for that and for ``import a.b as c``. ``local`` is the name
    it is bound to, None where it is to none.
    """

    tracked = True

    def __init__(
        self, module: str, level: int, name: str | None, line: int, *, top: bool = False, path: bool = False
    ) -> None:
        self.module = module
        self.level = level
        self.name = name
        self.line = line
        self.top = top
        self.path = path or top
        self.local: str | None = None

    def __repr__(self) -> str:
        return f"Import({'.' * self.level}{self.module}, {self.name})"


class Made(Symbol):
    """A function or class that the code makes.

    ``defaults`` is the number of positional defaults (None: unknown), ``kwdefaults`` the keyword-only parameters with a
    default (None: unknown); ``bound`` the name it is bound to directly; ``bases`` and ``keywords`` are those of a class.
    """

    tracked = True

    def __init__(self, code: CodeType, line: int) -> None:
        self.code = code
        self.line = line
        self.kind = "function"
        self.defaults: int | None = 0
        self.kwdefaults: tuple[str, ...] | None = ()
        self.decorated = False
        self.bound: str | None = None
        self.bases: tuple[Symbol, ...] = ()
        self.keywords: dict[str, Symbol] = {}

    def __repr__(self) -> str:
        return f"Made({self.code.co_qualname})"


class Call(Symbol):
    """A call and its result. ``star`` is set where positional arguments are unpacked, ``kwstar`` where keywords are.

    ``driven``: the result is iterated over or awaited there and then.
    """

    tracked = True
    driven = False

    def __init__(
        self,
        callee: Symbol,
        args: tuple[Symbol, ...],
        keywords: dict[str, Symbol],
        line: int,
        *,
        star: bool = False,
        kwstar: bool = False,
    ) -> None:
        self.callee = callee
        self.args = args
        self.keywords = keywords
        self.line = line
        self.star = star
        self.kwstar = kwstar

    def __repr__(self) -> str:
        return f"Call({self.callee!r}, {len(self.args)})"


class Written:
    """A name that is bound (``value``) or deleted (``value`` None) in a module body, a class body or as a global."""

    def __init__(self, name: str, value: Symbol | None, line: int) -> None:
        self.name = name
        self.value = value
        self.line = line

    def __repr__(self) -> str:
        return f"Written({self.name}, {self.value!r})"


class Flow:
    """What one code object does.

    ``calls``, ``reads`` (of globals), ``attributes`` (loaded, stored, deleted), ``writes`` (of globals, and of names in
    module and class bodies), ``imports``, ``makes``: records in the order of the code, see :mod:`podus.program.symbols`.
    ``protocols``: special methods that operations may invoke, with the first line. ``locals``: what is stored in each
    local variable. ``loads``: loads of local variables that may hold a function made here, or that are shared with other
    procedures. ``driven``: what is iterated over or awaited. ``returns``: what is returned. ``annotated``: names that a
    class body annotates (the fields of a dataclass).
    """

    __slots__ = (
        "annotated",
        "attributes",
        "calls",
        "code",
        "driven",
        "imports",
        "loads",
        "locals",
        "makes",
        "merged",
        "protocols",
        "reads",
        "returns",
        "writes",
    )

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.calls: list[Call] = []
        self.reads: list[Global] = []
        self.writes: list[Written] = []
        self.attributes: list[Attr] = []
        self.imports: list[Import] = []
        self.makes: list[Made] = []
        self.protocols: dict[str, int] = {}
        self.locals: dict[str, list[Symbol]] = {}
        self.loads: list[Local | Free] = []
        self.driven: list[tuple[Symbol, int]] = []
        self.returns: list[Symbol] = []
        self.merged: list[CodeType] = []
        self.annotated: set[str] = set()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters."""
        return parameters(self.code)


def parameters(code: CodeType) -> tuple[str, ...]:
    """The names of all parameters of ``code``."""
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return code.co_varnames[:count]


UNKNOWN = Unknown()
NULL = Null()
