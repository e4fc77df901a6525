"""Where a lambda stands in its statement: under which key of a table, for which keyword. That says which of the new version's is its next form."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import CodeType

from podus.program.body import Body

Address = tuple[str, ...]


def address_of(body: Body, code: CodeType) -> Address:
    """The names that a statement binds to what holds the lambda, and the keys that lead to it; () where anything else than its order tells it."""
    places: set[tuple[int | None, ...]] = {*code.co_positions()}
    for statement in body.statements:
        if not statement.line <= code.co_firstlineno <= (statement.node.end_lineno or 0):
            continue
        if statement.body is not None:
            inner = address_of(statement.body, code)
            return (statement.names[-1], *inner) if inner else ()
        if not isinstance(statement.node, ast.Assign | ast.AnnAssign) or statement.node.value is None:
            return ()
        found = [row for row in _lambdas(statement.node.value, ()) if _is_at(row[1], places)]
        if not found:
            # Of what only returns a constant some versions of Python note no place.
            found = [
                (path, node)
                for path, node in _lambdas(statement.node.value, ())
                if node.lineno == code.co_firstlineno and isinstance(node.body, ast.Constant)
            ]
        path = found[0][0] if len(found) == 1 else None
        return () if path is None else (*statement.names, *path)
    return ()


def _is_at(node: ast.Lambda, places: set[tuple[int | None, ...]]) -> bool:
    made = node.body
    return (made.lineno, made.end_lineno, made.col_offset, made.end_col_offset) in places


def _lambdas(node: ast.expr, path: Address | None) -> Iterator[tuple[Address | None, ast.Lambda]]:
    """The lambdas of an expression, each with the keys that lead to it; None where one on the way is no name."""
    if isinstance(node, ast.Lambda):
        yield path, node
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            named = None if path is None or key is None else (*path, ast.dump(key))
            yield from _lambdas(value, named)
    elif isinstance(node, ast.Call):
        for argument in node.args:
            yield from _lambdas(argument, None)
        for keyword in node.keywords:
            named = None if path is None or keyword.arg is None else (*path, keyword.arg)
            yield from _lambdas(keyword.value, named)
    else:
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                yield from _lambdas(part, None)
