"""Code objects: which procedures a module is made of, and when two of them are the same.

A procedure is named ``module:qualname``; several made under one qualified name (a property's getter and
setter, two lambdas of one line) are told apart as ``qualname#2``, ``qualname#3`` in the order of the code.
"""

from __future__ import annotations

import opcode
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType

try:  # not hashlib, here and in the process: it sets OpenSSL up, which would be a stall of 5 ms
    from _sha2 import sha256  # type: ignore[import-not-found]
except ImportError:
    from _sha256 import sha256  # type: ignore[import-not-found]

# Bodies that the compiler turns into code objects of their own, but that belong to the procedure around them.
INLINE_NAMES = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})

# Loads a number below 256 (from Python 3.14).
_SMALL: int | None = opcode.opmap.get("LOAD_SMALL_INT")

CO_OPTIMIZED = 0x1
CO_NEWLOCALS = 0x2
# Generators, coroutines, and both.
SUSPENDS = 0x20 | 0x80 | 0x200
# What code says that gets at its own variables, or its caller's, by another way than their names.
LOOKS_AT_ITSELF = frozenset({"locals", "vars", "eval", "exec", "dir", "_getframe", "currentframe"})
# What code says that counts on it that objects have a dictionary.
OF_DICTIONARIES = frozenset({"__dict__", "vars", "setattr"})


def is_function(code: CodeType) -> bool:
    """Whether ``code`` is the body of a def or lambda (a class body or a module is not)."""
    return bool(code.co_flags & CO_NEWLOCALS) and bool(code.co_flags & CO_OPTIMIZED)


def is_procedure(code: CodeType) -> bool:
    """Whether ``code`` is a procedure in the paper's sense: a def, async def, lambda or method."""
    return is_function(code) and code.co_name not in INLINE_NAMES and not is_annotation_scope(code)


def is_annotation_scope(code: CodeType) -> bool:
    """Whether ``code`` is one of the hidden scopes of PEP 649 and PEP 695 (annotations, type parameters)."""
    return code.co_name == "__annotate__" or code.co_name.startswith("<generic parameters of")


def nested(code: CodeType) -> Iterator[CodeType]:
    """The code objects among the constants of ``code``, in the order of the constants."""
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield const


def walk(code: CodeType) -> Iterator[CodeType]:
    """``code`` and every code object inside it, parents first."""
    yield code
    for child in nested(code):
        yield from walk(child)


def procedures(module_code: CodeType) -> dict[str, CodeType]:
    """Every procedure below ``module_code`` by qualified name (``Cart.total``, ``Cart.total#2``)."""
    found: dict[str, CodeType] = {}
    counts: dict[str, int] = {}
    # In the order of walk(), and faster: the program waits for it.
    todo = [module_code]
    while todo:
        code = todo.pop()
        todo += [const for const in reversed(code.co_consts) if type(const) is CodeType]
        if code is module_code or not is_procedure(code):
            continue
        name = code.co_qualname
        counts[name] = counts.get(name, 0) + 1
        found[name if counts[name] == 1 else f"{name}#{counts[name]}"] = code
    return found


def mangled(name: str, owners: Sequence[str]) -> str:
    """What a name in the body of a class is called in the class; ``owners`` are the classes around it, outermost first."""
    cls = owners[-1].lstrip("_") if owners else ""
    return f"_{cls}{name}" if cls and name.startswith("__") and not name.endswith("__") else name


def hash_of(content: bytes) -> str:
    """The SHA-256 of a module's source, or of its code's :func:`fingerprint`, in hex: it tells one version from another."""
    return str(sha256(content).hexdigest())


def fingerprint(code: CodeType, *, skip_procedures: bool = False) -> bytes:
    """A hash of what ``code`` does: equal for two codes that differ in nothing but lines and file names.

    ``skip_procedures`` leaves out the bodies of the procedures nested in it (their names stay in), which is how
    a change inside a def is told from a change of the statement around it.
    """
    digest = sha256()
    _feed(digest.update, code, skip_procedures)
    return bytes(digest.digest())


def same(one: CodeType, other: CodeType, *, skip_procedures: bool = False) -> bool:
    """Whether two codes do the same: equal fingerprints, found out without making them."""
    if one is other:
        return True
    if (
        _instructions(one) != _instructions(other)
        or one.co_names != other.co_names
        or one.co_varnames != other.co_varnames
        or len(one.co_consts) != len(other.co_consts)
        or one.co_name != other.co_name
        or one.co_qualname != other.co_qualname
        or one.co_flags != other.co_flags
        or one.co_argcount != other.co_argcount
        or one.co_posonlyargcount != other.co_posonlyargcount
        or one.co_kwonlyargcount != other.co_kwonlyargcount
        or one.co_cellvars != other.co_cellvars
        or one.co_freevars != other.co_freevars
        or one.co_exceptiontable != other.co_exceptiontable
    ):
        return False
    lined = "__firstlineno__" in one.co_names
    for left, right in zip(one.co_consts, other.co_consts, strict=True):
        if left is right:
            continue
        if isinstance(left, CodeType) and isinstance(right, CodeType):
            if skip_procedures and is_procedure(left) and is_procedure(right):
                if left.co_qualname != right.co_qualname:
                    return False
            elif not same(left, right, skip_procedures=skip_procedures):
                return False
        elif lined and left == one.co_firstlineno and right == other.co_firstlineno:
            continue
        elif type(left) is not type(right) or constant_key(left) != constant_key(right):
            return False
    return True


def _instructions(code: CodeType) -> bytes:
    """The instructions; of a class's body without its own first line, which Python 3.14 has in them."""
    instructions = code.co_code
    if _SMALL is None or "__firstlineno__" not in code.co_names:
        return instructions
    line = bytes(
        (
            _SMALL,
            code.co_firstlineno & 255,
            opcode.opmap["STORE_NAME"],
            code.co_names.index("__firstlineno__"),
        )
    )
    return instructions.replace(line, bytes((line[0], 0, *line[2:])), 1)


def _feed(update: Callable[[bytes], object], code: CodeType, skip: bool) -> None:
    head = (
        code.co_name,
        code.co_qualname,
        code.co_flags,
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_varnames,
        code.co_cellvars,
        code.co_freevars,
        code.co_names,
        code.co_exceptiontable,
    )
    update(repr(head).encode("utf-8", "surrogatepass"))
    update(_instructions(code))
    # From Python 3.13 a class body stores its own first line, which is no part of what it does.
    own_line = code.co_firstlineno if "__firstlineno__" in code.co_names else None
    for const in code.co_consts:
        if type(const) is int and const == own_line:
            continue
        if isinstance(const, CodeType):
            if skip and is_procedure(const):
                update(b"procedure " + const.co_qualname.encode("utf-8", "surrogatepass"))
            else:
                _feed(update, const, skip)
        else:
            update(repr(constant_key(const)).encode("utf-8", "surrogatepass"))


def constant_key(const: object) -> object:
    """A value whose repr tells constants apart by type as well as by value (``1``, ``1.0`` and ``True`` differ)."""
    if isinstance(const, tuple):
        return ("tuple", [constant_key(item) for item in const])
    if isinstance(const, frozenset):
        return ("frozenset", sorted(repr(constant_key(item)) for item in const))
    return (type(const).__name__, repr(const))


def docstring(code: CodeType) -> str | None:
    """What ``def`` takes from ``code`` for ``__doc__``."""
    # inspect.CO_HAS_DOCSTRING, which a process need not import all of inspect for.
    flag = 0x4000000 if sys.version_info >= (3, 14) else 0
    if flag and not code.co_flags & flag:
        return None
    first = code.co_consts[0] if code.co_consts else None
    return first if isinstance(first, str) and code.co_name != "<lambda>" else None
