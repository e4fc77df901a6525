"""The defaults of functions that others make when they are called: closures that exist have those of the text that has made them.

With the code of a new version they need its defaults, too: what the new text gives a parameter that is new, or gives otherwise, where that is a literal.
"""

from __future__ import annotations

import ast
from types import CodeType

from podus.program.nodes import defaults_by_name, everything_in, first_line
from podus.program.version import Module

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def defaults_for(
    old: Module, new: Module, codes: tuple[CodeType, CodeType]
) -> tuple[dict[str, str] | None, str]:
    """Parameter of the new version -> the text of its default, "" for what closures of the old one have for it; and a parameter whose default can't be told.

    None where they need nothing, or the function is not found.
    """
    had, has = (_defaults(module, code) for module, code in zip((old, new), codes, strict=True))
    if had is None or has is None:
        return None, ""
    found: dict[str, str] = {}
    for name, default in has.items():
        if name in had and ast.dump(had[name]) == ast.dump(default):
            found[name] = ""
        elif _is_literal(default):
            found[name] = ast.unparse(default)
        else:
            return None, name
    return (found, "") if had or has else (None, "")


def _defaults(module: Module, code: CodeType) -> dict[str, ast.expr] | None:
    """Those of the one function that begins where ``code`` does; None if that isn't sure."""
    statements = module.body.statements if module.body is not None else ()
    around = [s.node for s in statements if s.line <= code.co_firstlineno <= (s.node.end_lineno or 0)]
    rows = [node for part in around for node in everything_in(part) if _is_of(node, code)]
    return defaults_by_name(rows[0].args) if len(rows) == 1 and isinstance(rows[0], _FUNCTIONS) else None


def _is_of(node: ast.AST, code: CodeType) -> bool:
    if not isinstance(node, _FUNCTIONS):
        return False
    return first_line(node) == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name


def _is_literal(node: ast.expr) -> bool:
    """Whether it is a value that nobody can change: a list would be another one for each closure."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    try:
        hash(value)
    except TypeError:
        return False
    return True
