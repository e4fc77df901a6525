"""What a statement reads when it runs, and whether running it once more has another effect: from its text alone."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from podus.program.bindings import root
from podus.program.body import Statement
from podus.program.flow import absolute
from podus.program.nodes import asked_for, directly_in, everything_in
from podus.program.version import Module

_PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod"})


def targets(node: ast.stmt) -> Iterator[ast.expr]:
    """What an assignment assigns to, each by itself."""
    todo: list[ast.expr] = (
        node.targets
        if isinstance(node, ast.Assign)
        else [getattr(node, "target", None) or ast.Constant(None)]
    )
    for target in todo:
        if isinstance(target, ast.Tuple | ast.List):
            yield from (t.value if isinstance(t, ast.Starred) else t for t in target.elts)
        else:
            yield target


def is_definition(node: ast.stmt) -> bool:
    """Whether a statement does no more than make functions: by itself, or under a condition."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return all(isinstance(d, ast.Name) and d.id in _PLAIN_DECORATORS for d in node.decorator_list)
    if isinstance(node, ast.If):
        inner = [*node.body, *node.orelse]
        return _pure(node.test) and all(
            isinstance(s, ast.Pass)
            or is_definition(s)
            or (
                isinstance(s, ast.Assign)
                and _pure(s.value)
                and all(isinstance(t, ast.Name) for t in s.targets)
            )
            for s in inner
        )
    return False


def _pure(node: ast.expr) -> bool:
    return Statement(ast.copy_location(ast.Assign([], node), node), "assign", (), ()).pure


def evaluated(node: ast.stmt) -> Iterator[ast.AST]:
    """The parts of a statement that are evaluated when it runs: not the insides of procedures that it makes."""
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        yield part
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += defaults(part)
            todo += getattr(part, "decorator_list", [])
        else:
            todo += directly_in(part)


def reads(node: ast.stmt) -> Iterator[ast.Name | ast.Attribute]:
    """The names, and names of names, that a statement loads when it runs; also those that it asks for as a text: ``getattr(settings, "LIMIT", 10)``."""
    for part in evaluated(node):
        if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Load):
            yield part
        elif (asked := asked_for(part)) is not None:
            yield asked


def tried_imports(module: Module) -> dict[str, tuple[str, str]]:
    """Local name -> ``(module, name)`` of what a ``try`` imports: its handlers may bind the name to something else."""
    found: dict[str, tuple[str, str]] = {}
    # Without a handler there is no ``try``, and no need to parse the module.
    body = module.body if module.code.co_exceptiontable else None
    for statement in body.statements if body is not None else ():
        parts = statement.node.body if isinstance(statement.node, ast.Try) else ()
        for part in parts:
            if not isinstance(part, ast.ImportFrom):
                continue
            home = absolute(module.name, module.package, part.level, part.module or "")
            for alias in part.names:
                local = alias.asname or alias.name
                if home and body is not None and body.last(local) is statement:
                    found[local] = (home, alias.name)
    return found


def defaults(node: ast.AST) -> list[ast.expr]:
    """What the parameters of a procedure are if nothing is given for them, as its definition says."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return []
    return [*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None)]


def done_to(node: ast.stmt) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """What a statement changes inside, ``OBJECT.part`` or an entry of it, and the expressions that it does so with."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        function = node.value.func
        if isinstance(function, ast.Attribute):
            yield function.value, [*node.value.args, *(k.value for k in node.value.keywords)]
    elif isinstance(node, ast.Assign | ast.AugAssign):
        for assigned in node.targets if isinstance(node, ast.Assign) else [node.target]:
            target, inner = assigned, list[ast.expr]()
            while isinstance(target, ast.Subscript):
                inner.append(target.slice)
                target = target.value
            if inner or isinstance(target, ast.Attribute):
                yield target, [*inner, node.value]


def read_in_loops(node: ast.stmt, listed: Callable[[str], ast.expr | None]) -> Iterator[ast.Attribute]:
    """The attributes that a statement reads of what it goes through: `a.NAME` and `b.NAME` for `m.NAME for m in (a, b)`.

    ``listed`` gives the value that the module assigns to a name.
    """
    parts = list(evaluated(node))
    for loop in parts:
        if not isinstance(loop, ast.comprehension | ast.For) or not isinstance(loop.target, ast.Name):
            continue
        through = listed(loop.iter.id) if isinstance(loop.iter, ast.Name) else loop.iter
        if not isinstance(through, ast.Tuple | ast.List | ast.Set):
            continue
        words = {p.attr for p in parts if isinstance(p, ast.Attribute) and root(p.value) == loop.target.id}
        for item in through.elts:
            if isinstance(item, ast.Name | ast.Attribute):
                yield from (ast.Attribute(item, word, ast.Load()) for word in sorted(words))


def in_annotations(node: ast.stmt) -> Iterator[str]:
    """The names in the annotations of a procedure."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parts = [part.annotation for part in everything_in(node.args) if isinstance(part, ast.arg)]
        for part in (*parts, node.returns):
            for name in everything_in(part) if part is not None else ():
                if isinstance(name, ast.Name):
                    yield name.id


def is_star(statement: Statement) -> bool:
    """Whether it is ``from module import *``."""
    return isinstance(statement.node, ast.ImportFrom) and statement.node.names[0].name == "*"


def is_enum(statement: Statement) -> bool:
    """Whether a statement defines an Enum, as far as the names of its bases tell."""
    return any(
        ast.unparse(base).rpartition(".")[2].endswith(("Enum", "Flag"))
        for base in getattr(statement.node, "bases", ())
    )


def in_class_head(node: ast.stmt) -> Iterator[ast.Name | ast.Attribute]:
    """What the decorators and keywords of a class read."""
    if isinstance(node, ast.ClassDef):
        for part in (*node.decorator_list, *(keyword.value for keyword in node.keywords)):
            yield from reads(ast.copy_location(ast.Expr(part), part))


def is_script(module: Module) -> bool:
    """Whether it is a script whose top level is the program itself."""
    statements = module.body.statements if module.body is not None else ()
    return module.main and not any(s.kind == "main" for s in statements)


def listed(module: Module) -> Callable[[str], ast.expr | None]:
    """Gives for a name the value that the one assignment to it in a module has; None if there is no such one."""

    def value(name: str) -> ast.expr | None:
        found = [s for s in module.body.statements if name in s.names] if module.body is not None else []
        node = found[0].node if len(found) == 1 else None
        return node.value if isinstance(node, ast.Assign) and len(node.targets) == 1 else None

    return value
