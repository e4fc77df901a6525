"""Making code as the running program's interpreter made it: with its level of optimization, from its cache where that is there."""

from __future__ import annotations

import ast
import importlib.util
import marshal
from types import CodeType

# The program's ``sys.flags.optimize``; the planner itself always runs without -O.
_optimize = 0


def set_optimization(level: int) -> None:
    """Compile as an interpreter with ``level`` times -O does."""
    global _optimize
    _optimize = level


def compile_source(source: bytes | ast.Module, file: str, flags: int = 0) -> CodeType:
    """Compile a module. Raises SyntaxError, ValueError as ``compile`` does."""
    code: CodeType = compile(source, file, "exec", flags=flags, dont_inherit=True, optimize=_optimize)
    return code


def read_cached(file: str, mtime: int, size: int) -> CodeType | None:
    """The bytecode that the interpreter cached when source ``file`` had this mtime (seconds) and size; None if it is not there.

    It outlives an edit of the source until somebody imports that, so that the version that runs need not be compiled again.
    """
    try:
        path = importlib.util.cache_from_source(file, optimization=_optimize or "")
        with open(path, "rb") as opened:
            data = opened.read()
    except (OSError, NotImplementedError, ValueError):
        return None
    if data[:4] != importlib.util.MAGIC_NUMBER or data[4:8] != b"\0\0\0\0":
        return None
    if data[8:16] != (mtime & 0xFFFFFFFF).to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"):
        return None
    try:
        code = marshal.loads(memoryview(data)[16:])
    except (EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) and code.co_filename == file else None
