"""The fields that the objects of a class have.

A class's fields are what its ``__init__`` assigns to ``self``, or what a dataclass, attrs or pydantic class declares, or its slots.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Set

from podus.program.body import Body, Statement
from podus.program.code import mangled
from podus.program.constructor import Constructor, with_mangled
from podus.program.field import ClassFields, Field, last_word
from podus.program.nodes import everything_in


def fields_of(
    statement: Statement, pydantic: Callable[[list[str]], bool], started: Set[str] = frozenset()
) -> ClassFields:
    """The fields of the class that ``statement`` defines; ``pydantic`` says whether these bases make it a pydantic model.

    ``started`` are the methods that the constructors of its bases call.
    """
    node = statement.node
    assert isinstance(node, ast.ClassDef) and statement.body is not None
    bases = [ast.unparse(base) for base in node.bases]
    declared = _declared_by(node, bases, pydantic)
    found: dict[str, Field] = {}
    within = (node.name,)
    _slots(statement.body, within, found)
    if declared:
        _declared_fields(statement.body, declared, within, found)
    if declared == "attrs":
        _default_methods(statement.body, within, found)
    methods = {
        mangled(s.names[-1], within): s.node
        for s in statement.body.statements
        if isinstance(s.node, ast.FunctionDef) and s.names
    }
    computed = {n for n, m in methods.items() if _decorated(m, "property", "setter", "getter")}
    cached = {n for n, m in methods.items() if _decorated(m, "cached_property")}
    setters = {n: m for n, m in methods.items() if _decorated(m, "setter")}
    getters = {
        mangled(s.names[-1], within): with_mangled(s.node, within)
        for s in statement.body.statements
        if isinstance(s.node, ast.FunctionDef) and s.names and _decorated(s.node, "property")
    }
    constructor = Constructor(methods, setters, found, within, statement.body.binds())
    if "__new__" in methods:
        constructor.read_new(methods["__new__"])
    for start in ("__init__", "__post_init__", "__attrs_post_init__", *sorted(started)):
        if start in methods:
            constructor.read(methods[start])
    calls = _calls(methods["__init__"]) if "__init__" in methods else None
    return ClassFields(
        found,
        bases,
        set(methods),
        computed,
        cached,
        declared,
        constructor.unnamed,
        calls,
        getters,
        constructor.started,
    )


def _calls(method: ast.FunctionDef) -> set[str]:
    """Whose ``__init__`` a constructor calls."""
    of = (n.value for n in everything_in(method) if isinstance(n, ast.Attribute) and n.attr == "__init__")
    return {ast.unparse(one.func if isinstance(one, ast.Call) else one) for one in of}


def _decorated(method: ast.FunctionDef, *words: str) -> bool:
    return any(last_word(decorator) in words for decorator in method.decorator_list)


def _declared_by(node: ast.ClassDef, bases: list[str], pydantic: Callable[[list[str]], bool]) -> str:
    for decorator in node.decorator_list:
        word = ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
        last = word.rpartition(".")[2]
        if last == "dataclass":
            return "dataclass"
        if last in ("define", "frozen", "mutable", "attrs") or word in (
            "attr.s",
            "attr.attributes",
            "attr.dataclass",
        ):
            return "attrs"
    if any(base.rpartition(".")[2] in ("BaseModel", "BaseSettings") for base in bases) or pydantic(bases):
        return "pydantic"
    return ""


def _slots(body: Body, within: tuple[str, ...], found: dict[str, Field]) -> None:
    statement = body.last("__slots__")
    value = getattr(statement.node, "value", None) if statement is not None else None
    names: list[ast.expr] = []
    if isinstance(value, ast.Constant):
        names = [value]
    elif isinstance(value, ast.Tuple | ast.List | ast.Set):
        names = value.elts
    elif isinstance(value, ast.Dict):
        names = [key for key in value.keys if key is not None]
    for name in names:
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            slot = mangled(name.value, within)
            if not slot.startswith("__"):
                found[slot] = Field(slot, "slot", certain=False, line=name.lineno)


def _default_methods(body: Body, within: tuple[str, ...], found: dict[str, Field]) -> None:
    """The fields whose defaults methods give: ``@size.default``."""
    for statement in body.statements:
        for decorator in getattr(statement.node, "decorator_list", ()):
            if isinstance(decorator, ast.Attribute) and decorator.attr == "default":
                field = found.get(mangled(ast.unparse(decorator.value), within))
                if field is not None:
                    field.default = True


def _declared_fields(body: Body, declared: str, within: tuple[str, ...], found: dict[str, Field]) -> None:
    for statement in body.statements:
        node = statement.node
        value: ast.expr | None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, value = node.target.id, node.value
            annotation = ast.unparse(node.annotation)
            head = annotation.partition("[")[0].rpartition(".")[2].strip("\"'")
            if head in ("ClassVar", "InitVar", "KW_ONLY") or (
                declared == "pydantic" and name.startswith("_")
            ):
                continue
        elif (
            declared == "attrs"
            and isinstance(node, ast.Assign)
            and len(node.targets) == 1
            and isinstance(node.targets[0], ast.Name)
            and last_word(node.value) in ("ib", "attrib", "field")
        ):
            name, value, annotation = node.targets[0].id, node.value, ""
        else:
            continue
        name = mangled(name, within)
        default = value is not None
        if isinstance(value, ast.Call) and last_word(value) in (
            "field",
            "ib",
            "attrib",
            "Field",
            "PrivateAttr",
        ):
            words = {k.arg for k in value.keywords}
            default = bool(words & {"default", "default_factory", "factory"}) or bool(value.args)
            if declared == "pydantic" and value.args:
                default = not (isinstance(value.args[0], ast.Constant) and value.args[0].value is ...)
        found[name] = Field(
            name, declared, value if default else None, True, default, annotation, statement.line
        )
