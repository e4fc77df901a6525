"""Reading support code: executed in the process, only looked at in the planner."""

from __future__ import annotations

from types import CodeType, ModuleType

from podus.errors import Refused
from podus.support.declare import Declaration, collect

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from typing import Any


def execute(path: str, name: str) -> list[Declaration]:
    """Execute a support file as a module of its own; in the program's process, after new modules were imported.

    Raises Refused with the place if it can't be executed.
    """
    code: CodeType = _compiled(path, 0)
    module = ModuleType(name)
    module.__file__ = path
    try:
        return collect(lambda: exec(code, module.__dict__))
    except Refused:
        raise
    except Exception as error:
        raise Refused(
            f"the support file {path} raised {type(error).__name__}: {error}{_place(error, path)}", "mend it"
        ) from error


def _compiled(path: str, flags: int) -> Any:
    """The code (or with ``PyCF_ONLY_AST`` the tree) of a support file. Raises Refused if it can't be read or compiled."""
    try:
        with open(path, "rb") as file:
            return compile(file.read(), path, "exec", flags=flags, dont_inherit=True)
    except OSError as error:
        raise Refused(
            f"the support file {path} can't be read: {error.strerror}", "give the path of a support file"
        ) from None
    except (SyntaxError, ValueError) as error:
        where = f"{path}:{getattr(error, 'lineno', 0)}"
        raise Refused(
            f"the support file has a syntax error at {where}: {getattr(error, 'msg', error)}", "mend it"
        ) from None


def _place(error: BaseException, path: str) -> str:
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def given(support: Any) -> list[Declaration]:
    """The declarations of functions that were handed over in Python: one, or a list or dict of them."""
    items = list(support.values()) if isinstance(support, dict) else support
    if not isinstance(items, list | tuple | set):
        items = [items]
    found: list[Declaration] = []
    for item in items:
        if isinstance(item, Declaration):
            found.append(item)
        elif getattr(item, "podus_declarations", None):
            found += item.podus_declarations
        elif isinstance(item, ModuleType):
            for value in vars(item).values():
                found += [d for d in getattr(value, "podus_declarations", []) if d not in found]
        else:
            raise Refused(
                f"{item!r} is no support code",
                "decorate it with podus.interprocedure, podus.mapper or podus.policy, or use podus.together",
            )
    return found


def inspect(path: str) -> list[dict[str, Any]]:
    """What a support file declares, found in its text without running it.

    Gives rows as :meth:`Declaration.as_dict`, with ``line``. Raises Refused if it can't be read, or where a target is not written out.
    """
    import ast

    tree: ast.Module = _compiled(path, ast.PyCF_ONLY_AST)
    rows: list[dict[str, Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                kind = _declared(decorator, path)
                if kind in ("interprocedure", "mapper", "frame_mapper"):
                    assert isinstance(decorator, ast.Call)
                    reverse = any(k.arg == "reverse" for k in decorator.keywords)
                    row = {
                        "kind": kind,
                        "targets": _targets(decorator, path),
                        "function": node.name,
                        "reverse": reverse,
                    }
                    if kind == "mapper":
                        row["fields"] = _stored(node)
                    rows.append(row | {"line": node.lineno})
        elif isinstance(node, ast.ClassDef):
            if any(_is_policy(decorator) for decorator in node.decorator_list):
                rows.append(
                    {
                        "kind": "policy",
                        "targets": [],
                        "function": node.name,
                        "reverse": False,
                        "line": node.lineno,
                    }
                )
        elif isinstance(node, ast.Call) and _declared(node, path) == "together":
            rows.append(
                {
                    "kind": "together",
                    "targets": _targets(node, path),
                    "function": "",
                    "reverse": False,
                    "policy": _policy(node, path),
                    "line": node.lineno,
                }
            )
    return rows


def _stored(node: ast.AST) -> list[str]:
    """The attributes that a mapper sets, deletes, or changes where they are (``self.rows[0] = 1``, ``self.rows.append(1)``), on whatever object."""
    import ast

    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and not isinstance(part.ctx, ast.Load):
            found.add(part.attr)
        elif isinstance(part, ast.Subscript) and not isinstance(part.ctx, ast.Load):
            held = part.value
            while isinstance(held, ast.Subscript):
                held = held.value
            found |= {held.attr} if isinstance(held, ast.Attribute) else set()
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            found |= {part.func.value.attr} if isinstance(part.func.value, ast.Attribute) else set()
    return sorted(found)


def _is_policy(decorator: ast.expr) -> bool:
    import ast

    if isinstance(decorator, ast.Attribute):
        return decorator.attr == "policy" and isinstance(decorator.value, ast.Name)
    return isinstance(decorator, ast.Name) and decorator.id == "policy"


def _policy(node: ast.Call, path: str) -> str:
    import ast

    for keyword in node.keywords:
        if keyword.arg == "policy":
            if isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
                return keyword.value.value
            raise Refused(
                f"{path}:{node.lineno}: a policy must be written out by its name", "write it as a string"
            )
    return ""


def _declared(node: ast.expr, path: str) -> str:
    import ast

    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    name = (
        function.attr
        if isinstance(function, ast.Attribute)
        else function.id
        if isinstance(function, ast.Name)
        else ""
    )
    owner = function.value if isinstance(function, ast.Attribute) else None
    if name not in ("interprocedure", "mapper", "frame_mapper", "together") or (
        owner is not None and not isinstance(owner, ast.Name)
    ):
        return ""
    return name


def _targets(node: ast.Call, path: str) -> list[str]:
    import ast

    words = []
    for argument in node.args:
        if not (
            isinstance(argument, ast.Constant)
            and isinstance(argument.value, str)
            and argument.value.count(":") == 1
        ):
            raise Refused(
                f"{path}:{argument.lineno}: a target of support code must be written out as 'module:name'",
                "write it as a string",
            )
        words.append(argument.value)
    if not words:
        raise Refused(f"{path}:{node.lineno}: support code without a target", "name it as 'module:name'")
    return words
