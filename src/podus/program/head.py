"""What a statement says apart from what the procedures in it do: two that have the same head need not run again for each other."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from podus.program.field import last_word
from podus.program.nodes import directly_in, everything_in

Definition = ast.FunctionDef | ast.AsyncFunctionDef


# What calls a function that it is given at once, or while somebody goes through what it gives; and keeps it no longer.
_CALLERS = frozenset({"sorted", "min", "max", "map", "filter", "reduce"})
_CALLERS |= {"accumulate", "groupby", "takewhile", "dropwhile", "filterfalse", "starmap"}


def consumed(call: ast.Call) -> list[ast.Lambda]:
    """The lambdas of a call that have shaped what it gives: ``sorted(names, key=lambda name: …)``, ``(lambda: …)()``. Others live on as procedures."""
    return [part for part in called_by(call) if isinstance(part, ast.Lambda)]


def called_by(call: ast.Call) -> list[ast.expr]:
    """What a call calls: a procedure, or with it what it may call that it is given (``sorted(names, key=rank)``)."""
    given = (*call.args, *(keyword.value for keyword in call.keywords)) if last_word(call) in _CALLERS else ()
    return [call.func, *given]


class _Heads(ast.NodeTransformer):
    """Leaves of every procedure only what its definition evaluates: decorators, defaults and annotations."""

    def __init__(self) -> None:
        self._whole: set[int] = set()

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self._whole.update(map(id, consumed(node)))
        return self.generic_visit(node)

    def _definition(self, node: Definition) -> ast.AST:
        return ast.Tuple(
            elts=[
                ast.Constant(f"def {node.name}"),
                *(self.visit(d) for d in node.decorator_list),
                *_signature_parts(node.args, self.visit),
                *([self.visit(node.returns)] if node.returns else []),
                *getattr(node, "type_params", []),
            ],
            ctx=ast.Load(),
        )

    visit_FunctionDef = visit_AsyncFunctionDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        if id(node) in self._whole:
            return self.generic_visit(node)
        return ast.Tuple(
            elts=[ast.Constant("lambda"), *_signature_parts(node.args, self.visit)], ctx=ast.Load()
        )


def _signature_parts(arguments: ast.arguments, visit: Callable[[ast.expr], Any]) -> list[ast.expr]:
    parts: list[ast.expr] = [visit(d) for d in arguments.defaults]
    parts.append(ast.Constant("*"))
    for arg, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            parts += [ast.Constant(arg.arg), visit(default)]
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    named += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    for arg in named:
        if arg.annotation is not None:
            parts += [ast.Constant(f"annotation {arg.arg}"), visit(arg.annotation)]
    return parts


def with_body(node: ast.ClassDef, body: list[ast.stmt]) -> ast.ClassDef:
    """A class statement with another body."""
    fields = {name: getattr(node, name) for name in node._fields}
    return ast.copy_location(ast.ClassDef(**(fields | {"body": body})), node)


def head_of(node: ast.stmt) -> str:
    """Equal for statements that do the same, whatever the procedures in them do."""
    if isinstance(node, ast.ClassDef):
        node = with_body(node, [])
        return ast.dump(node)
    if isinstance(node, Definition):
        dumped = "".join(map(ast.dump, _of_definition(node)))
        if "Lambda(" not in dumped:
            return f"def {node.name} {dumped}" + asked_kind(node)
    else:
        # The dump says what is in it: to walk through a long table once more would take as long again.
        dumped = ast.dump(node)
        if "FunctionDef(" not in dumped and "Lambda(" not in dumped:
            return dumped
    return ast.dump(_Heads().visit(_without_bodies(node))) + asked_kind(node)


def consumes_lambdas(node: ast.stmt) -> bool:
    """Whether a statement, apart from the procedures in it, is shaped by what lambdas in it do."""
    evaluated = _of_definition(node) if isinstance(node, Definition) else [node]
    return any(
        isinstance(part, ast.Call) and consumed(part)
        for one in evaluated
        for part in (outside_procedures(one) if not isinstance(one, ast.ClassDef) else everything_in(one))
    )


def _of_definition(node: Definition) -> Iterator[ast.AST]:
    """What a definition evaluates, each part behind what it is."""
    yield from node.decorator_list
    yield from _signature_parts(node.args, lambda part: part)
    if node.returns is not None:
        yield from (ast.Constant("returns"), node.returns)
    yield from getattr(node, "type_params", ())


# Decorators that leave nothing to be found by whoever makes the class, and do the same with a function, a generator and a coroutine.
ORDINARY = frozenset(
    [
        "staticmethod",
        "classmethod",
        "property",
        "setter",
        "getter",
        "deleter",
        "cached_property",
        "abstractmethod",
        "overload",
        "override",
        "final",
        "lru_cache",
        "cache",
        "wraps",
        "contextmanager",
        "asynccontextmanager",
    ]
)


def asked_kind(node: ast.stmt) -> str:
    """What a decorator may go by when it decorates, beside what the statement says: whether it is given a generator, a coroutine or neither."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    if ORDINARY.issuperset(map(last_word, node.decorator_list)):
        return ""
    own = (part for statement in node.body for part in outside_procedures(statement))
    yields = any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own)
    return ("async " if isinstance(node, ast.AsyncFunctionDef) else "") + ("generator" if yields else "")


def outside_procedures(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a statement, without what is in the procedures and classes that it defines."""
    todo = [node]
    while todo:
        part = todo.pop()
        yield part
        if not isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += directly_in(part)


def _without_bodies(node: ast.AST) -> ast.AST:
    """A copy of ``node`` without what the procedures in it do."""
    procedure = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return type(node)(
        **{n: [] if procedure and n == "body" else _copied(value) for n, value in ast.iter_fields(node)}
    )


def _copied(value: object) -> object:
    if isinstance(value, ast.AST):
        return _without_bodies(value)
    return list(map(_copied, value)) if isinstance(value, list) else value
