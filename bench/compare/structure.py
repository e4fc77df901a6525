"""What a process is made of, in words: every module of a package with all that its names hold, to be compared with another process.

What is of this very process (addresses, places of files) is left out, and of data only what is held up to some depth.
"""

from __future__ import annotations
import __future__

import dis
import functools
import hashlib
import pathlib
import re
import sys
import types
import typing
from collections import deque
from collections.abc import Iterator
from typing import Any

DEPTH = 4
# Of a container as many entries as that are told.
ENTRIES = 400
_OF_EACH = frozenset(
    (
        *(
            "__builtins__",
            "__cached__",
            "__loader__",
            "__spec__",
            "__file__",
            "__path__",
            "__dict__",
            "__weakref__",
        ),
        *("__static_attributes__", "__firstlineno__", "__classdictcell__", "__conditional_annotations__"),
        *("__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("_abc_impl", "_abc_registry", "_abc_cache", "__subclasshook__", "__warningregistry__"),
    )
)
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), range, slice)


def of_modules(tops: list[str]) -> dict[str, str]:
    """``module:name`` -> what it holds, with a line for each entry of a class."""
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in tops and isinstance(module, types.ModuleType):
            told = Told(tops)
            for key, value in sorted(vars(module).items()):
                if key not in _OF_EACH:
                    for path, text in told.lines(value, f"{name}:{key}", name):
                        found[path] = text
    return found


class Told:
    """Words for values; ``tops`` are the packages whose classes and objects are looked into."""

    def __init__(self, tops: list[str]) -> None:
        self.tops = tops
        self._inside: list[int] = []

    def lines(self, value: Any, path: str, module: str) -> Iterator[tuple[str, str]]:
        """A line for a value; a class that is defined here has one for each of its entries as well."""
        yield path, self.word(value, DEPTH)
        if _is(value, type) and value.__module__ == module and self.is_here(value, path):
            yield f"{path} class", self._class(value)
            for key, entry in sorted(vars(value).items()):
                if key not in _OF_EACH and not (key == "__abstractmethods__" and not entry):
                    yield from self.lines(entry, f"{path}.{key}", module)

    def is_here(self, cls: type, path: str) -> bool:
        """Whether ``path`` is the place where the class says that it is."""
        return path == f"{cls.__module__}:{cls.__qualname__}"

    def word(self, value: Any, depth: int) -> str:
        """What a value is."""
        if _is(value, _PLAIN) and type(value).__module__ == "builtins":
            return _without_places(repr(value))
        if id(value) in self._inside:
            return "(itself)"
        if depth == 0:
            return f"a {_of(type(value))}"
        self._inside.append(id(value))
        try:
            return self._word(value, depth - 1)
        except Exception as error:
            return f"a {_of(type(value))} ({type(error).__name__})"
        finally:
            self._inside.pop()

    def _word(self, value: Any, depth: int) -> str:
        if _is(value, types.ModuleType):
            return f"module {value.__name__}" + ("" if sys.modules.get(value.__name__) is value else " STALE")
        if _is(value, type):
            return f"class {_of(value)}{self._stale(value)}"
        if _is(value, types.FunctionType):
            return self._function(value, depth)
        if _is(value, types.CodeType):
            return _code(value)
        if _is(value, types.MethodType):
            return f"method {self.word(value.__func__, depth)} of {self.word(value.__self__, 1)}"
        if _is(value, staticmethod | classmethod):
            return f"{type(value).__name__} {self.word(value.__func__, depth + 1)}"
        if _is(value, property):
            parts = [self.word(each, depth + 1) for each in (value.fget, value.fset, value.fdel)]
            return f"{_of(type(value))} {parts} {value.__doc__!r}"
        if _is(value, pathlib.PurePath):
            return _without_places(repr(str(value)))
        if _is(value, functools.partial):
            return f"partial {self.word([value.func, value.args, value.keywords], depth)}"
        return self._data(value, depth)

    def _data(self, value: Any, depth: int) -> str:
        kind = type(value)
        if _is(value, dict | types.MappingProxyType):
            # In any order: what comes in an update comes last.
            entries = sorted(
                f"{self.word(k, depth)}: {self.word(v, depth)}" for k, v in list(value.items())[:ENTRIES]
            )
            return f"{_of(kind)} {{{', '.join(entries)}}}"
        if _is(value, set | frozenset):
            return f"{_of(kind)} {{{', '.join(sorted(self.word(v, depth) for v in list(value)[:ENTRIES]))}}}"
        if _is(value, list | tuple | deque):
            return f"{_of(kind)} [{', '.join(self.word(v, depth) for v in list(value)[:ENTRIES])}]"
        if kind.__module__ in (
            "re",
            "typing",
            "types",
            "_thread",
            "functools",
            "operator",
            "weakref",
            "collections.abc",
        ):
            if typing.get_origin(value) in (typing.Union, types.UnionType):
                # However it is written: `Optional[int]` equals `int | None`, in any order.
                return f"union {sorted(self.word(each, depth) for each in typing.get_args(value))}"
            if typing.get_origin(value) is not None and type(value).__module__ == "typing":
                return f"{_of(kind)} {_of(value.__origin__)}{self.word(value.__args__, depth)}"
            own = f" of {self.word(value.__wrapped__, depth)}" if hasattr(value, "__wrapped__") else ""
            args = getattr(value, "__args__", None) or getattr(value, "__constraints__", None)
            inner = f" {self.word(args, depth)}" if _is(args, tuple) else ""
            return f"{_of(kind)} {_without_places(repr(value))}{own}{inner}"
        # Without asking the object itself: its class may compute what it answers.
        try:
            held = object.__getattribute__(value, "__dict__")
        except AttributeError:
            held = {}
        slots = {}
        for base in kind.__mro__:
            for name, entry in vars(base).items():
                if _is(entry, types.MemberDescriptorType) and kind.__module__ != "builtins":
                    try:
                        slots[name] = entry.__get__(value, kind) if name != "__vectorcalloffset__" else 0
                    except AttributeError:
                        pass
        entries = [f"{k}={self.word(v, depth)}" for k, v in sorted({**held, **slots}.items())]
        stale = self._stale(kind)
        return f"a {_of(kind)}{stale}({', '.join(entries)})"

    def _class(self, cls: type) -> str:
        bases = ", ".join(_of(base) + self._stale(base) for base in cls.__bases__)
        return f"({bases}) of {_of(type(cls))}, mro {[_of(c) for c in cls.__mro__]}"

    def _function(self, function: types.FunctionType, depth: int) -> str:
        function = _behind(function)
        parts = [f"def {function.__module__}:{function.__qualname__} {_code(function.__code__)}"]
        if function.__defaults__:
            parts.append(f"defaults {self.word(function.__defaults__, depth)}")
        if function.__kwdefaults__:
            parts.append(f"keywords {self.word(function.__kwdefaults__, depth)}")
        try:
            annotations = function.__annotations__
        except Exception as error:
            annotations = {"": type(error).__name__}
        if function.__code__.co_flags & __future__.annotations.compiler_flag:
            # As text or worked out, which is the same to whoever asks for type hints.
            annotations = dict.fromkeys(annotations)
        if annotations:
            parts.append(f"annotations {self.word(annotations, max(depth, 3))}")
        if function.__doc__:
            parts.append(f"doc {_digest(function.__doc__)}")
        if vars(function):
            parts.append(f"attributes {self.word(dict(sorted(vars(function).items())), depth)}")
        cells = [self._cell(cell, depth) for cell in function.__closure__ or ()]
        if cells:
            parts.append(f"closure {dict(zip(function.__code__.co_freevars, cells, strict=False))}")
        return "; ".join(parts)

    def _cell(self, cell: types.CellType, depth: int) -> str:
        try:
            return self.word(cell.cell_contents, depth)
        except ValueError:
            return "empty"

    def _stale(self, cls: type) -> str:
        """STALE for a class that is not the one found under its name: made once more, and left behind."""
        if cls.__module__.partition(".")[0] not in self.tops or "<locals>" in cls.__qualname__:
            return ""
        found: Any = sys.modules.get(cls.__module__)
        for name in cls.__qualname__.split("."):
            found = vars(found).get(name) if hasattr(found, "__dict__") else None
        return "" if found is cls or not _is(found, type) else " STALE"


def _is(value: Any, kinds: Any) -> bool:
    """``isinstance`` without a question to the object itself, which may be a proxy."""
    return issubclass(type(value), kinds)


def _of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:10]


def _without_places(text: str) -> str:
    return re.sub(r"/[^ '\"]*/site-packages\b", "", re.sub(r"0x[0-9a-f]{6,}|(?<=:)\d{12,}", "0x", text))


def _behind(function: types.FunctionType) -> types.FunctionType:
    """What is called in place of a function that has got free variables, and so can't have its new code itself."""
    calls = [c.call for c in function.__code__.co_consts if type(c).__name__ == "_Callee"]
    cells = dict(zip(calls[0].__code__.co_freevars, calls[0].__closure__ or (), strict=True)) if calls else {}
    target = cells["target"].cell_contents if "target" in cells else function
    return target if isinstance(target, types.FunctionType) else function


def _code(code: types.CodeType) -> str:
    """A code object as it was compiled: what it does, and at which line it begins."""
    from podus.frames.stubs import without_stubs

    code = without_stubs(code)
    consts = [_code(c) if isinstance(c, types.CodeType) else _constant(c) for c in code.co_consts]
    parts = (
        _steps(code),
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        consts,
        code.co_flags & ~0x700000,
        code.co_qualname,
    )
    return f"{_digest(repr(parts))}@{code.co_firstlineno}"


def _steps(code: types.CodeType) -> list[Any]:
    """What code does, apart from how the compiler calls what it takes from a module: that depends on where the import stands."""
    found = []
    for each in dis.get_instructions(code):
        if each.opname in ("PUSH_NULL", "NOP", "EXTENDED_ARG"):
            continue
        jumps = each.opcode in dis.hasjrel or each.opcode in dis.hasjabs
        named = each.opname in ("LOAD_GLOBAL", "LOAD_ATTR", "LOAD_METHOD")
        found.append(
            each.opname
            if jumps or each.opcode in dis.hasconst
            else (each.opname.replace("METHOD", "ATTR"), each.argval if named else each.arg)
        )
    return found


def _constant(value: Any) -> str:
    return (
        f"frozenset {sorted(map(repr, value))}"
        if isinstance(value, frozenset)
        else f"{type(value)} {value!r}"
    )
