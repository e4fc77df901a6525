"""The fields that the objects of a class have, and what a field that is new would be for an object that is there already.

A class's fields are what its ``__init__`` assigns to ``self``, or what a dataclass, attrs or pydantic class declares, or its slots.
The way a new version sets a field is its *derived mapper* where that needs nothing but constants, the object's other fields and
defaults; whatever else (an argument that nobody kept, a clock, a file) can't be derived and is asked for. The idea of replacing a
type while its objects live is Fabry's ("How to Design a System in Which Modules Can Be Changed on the Fly", 1976).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from podus.program.body import PURE_CALLS, PURE_METHODS, Body, Statement

# Constructors of other modules that make a fresh object and do nothing else, by how they are written.
_FACTORIES = {
    "threading": "Lock RLock Condition Event Semaphore BoundedSemaphore local",
    "_thread": "allocate_lock",
    "asyncio": "Lock Event Condition Semaphore BoundedSemaphore Queue LifoQueue PriorityQueue",
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue",
    "collections": "deque defaultdict OrderedDict Counter ChainMap UserDict UserList",
    "weakref": "WeakSet WeakKeyDictionary WeakValueDictionary",
    "itertools": "count repeat cycle",
    "logging": "getLogger",
    "types": "SimpleNamespace MappingProxyType",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "datetime": "timedelta date time",
    "pathlib": "Path PurePath PurePosixPath",
    "re": "compile",
    "io": "StringIO BytesIO",
    "array": "array",
    "functools": "partial",
    "contextlib": "ExitStack AsyncExitStack",
    "random": "Random",
    "math": "sqrt floor ceil hypot inf",
}
# Methods of plain values that compute another one.
_METHODS = PURE_METHODS | frozenset(
    name
    for kind in (str, bytes, int, float, tuple, frozenset)
    for name in vars(kind)
    if not name.startswith("_")
)
FACTORIES = frozenset(f"{module}.{name}" for module, names in _FACTORIES.items() for name in names.split())
_FACTORY_NAMES = frozenset(name for names in _FACTORIES.values() for name in names.split())
_EMPTY = {"list": "list", "dict": "dict", "set": "set", "tuple": "tuple", "deque": "deque"}


@dataclass
class Field:
    """One field of a class's objects.

    ``declared`` is ``init``, ``dataclass``, ``attrs``, ``pydantic`` or ``slot``. ``value`` is what sets it (None: an argument alone, or
    nothing); ``certain`` whether every new object has it. ``default`` tells that the class itself knows the value of new objects.
    """

    name: str
    declared: str
    value: ast.expr | None = None
    certain: bool = True
    default: bool = False
    annotation: str = ""
    line: int = 0
    # The statements of __init__ before it, for what they do to the locals that the value needs.
    before: list[ast.stmt] = field(default_factory=list, repr=False)
    signature: ast.arguments | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The value on one line, for people."""
        return "" if self.value is None else ast.unparse(self.value)

    @property
    def kind(self) -> str:
        """The kind of value (``list``, ``dict``, ``int``…) where its text tells it; else ""."""
        return "" if self.value is None else _kind(self.value)


@dataclass
class ClassFields:
    """The fields of one class by name.

    ``bases`` are the base classes as written; ``methods`` and ``computed`` name what the class itself defines (properties are computed);
    ``cached`` the cached properties, whose values lie in the objects.
    """

    fields: dict[str, Field]
    bases: list[str]
    methods: set[str]
    computed: set[str]
    cached: set[str]
    declared: str


def fields_of(statement: Statement, pydantic: Callable[[list[str]], bool]) -> ClassFields:
    """The fields of the class that ``statement`` defines; ``pydantic`` says whether these bases make it a pydantic model."""
    node = statement.node
    assert isinstance(node, ast.ClassDef) and statement.body is not None
    bases = [ast.unparse(base) for base in node.bases]
    declared = _declared_by(node, bases, pydantic)
    found: dict[str, Field] = {}
    _slots(statement.body, found)
    if declared:
        _declared_fields(statement.body, declared, found)
    methods = {
        s.names[-1]: s.node
        for s in statement.body.statements
        if isinstance(s.node, ast.FunctionDef) and s.names
    }
    computed = {n for n, m in methods.items() if _decorated(m, "property", "setter", "getter")}
    cached = {n for n, m in methods.items() if _decorated(m, "cached_property")}
    for start in ("__init__", "__post_init__", "__attrs_post_init__"):
        if start in methods:
            _assigned(methods[start], methods, found, set())
    return ClassFields(found, bases, set(methods), computed, cached, declared)


# ---- what a class declares


def _last(node: ast.expr) -> str:
    """``dataclass`` of ``dataclasses.dataclass(frozen=True)``."""
    while isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _decorated(method: ast.FunctionDef, *words: str) -> bool:
    return any(_last(decorator) in words for decorator in method.decorator_list)


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


def _slots(body: Body, found: dict[str, Field]) -> None:
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
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("__"):
            found[name.value] = Field(name.value, "slot", certain=False, line=name.lineno)


def _declared_fields(body: Body, declared: str, found: dict[str, Field]) -> None:
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
            and _last(node.value) in ("ib", "attrib", "field")
        ):
            name, value, annotation = node.targets[0].id, node.value, ""
        else:
            continue
        default = value is not None
        if isinstance(value, ast.Call) and _last(value) in ("field", "ib", "attrib", "Field", "PrivateAttr"):
            words = {k.arg for k in value.keywords}
            default = bool(words & {"default", "default_factory", "factory"}) or bool(value.args)
            if declared == "pydantic" and value.args:
                default = not (isinstance(value.args[0], ast.Constant) and value.args[0].value is ...)
        found[name] = Field(
            name, declared, value if default else None, True, default, annotation, statement.line
        )


# ---- what __init__ assigns


def _assigned(
    method: ast.FunctionDef, methods: dict[str, ast.FunctionDef], found: dict[str, Field], seen: set[str]
) -> None:
    """Add what ``method`` assigns to its first parameter, and what the methods do that it calls on it."""
    parameters = [*method.args.posonlyargs, *method.args.args]
    if not parameters or method.name in seen:
        return
    seen.add(method.name)
    me = parameters[0].arg
    for number, statement in enumerate(method.body):
        for target, value, certain in _stores(statement, me, True):
            known = found.get(target)
            if (
                known is not None
                and known.certain
                and known.value is not None
                and (known.default or not certain)
            ):
                continue
            found[target] = Field(
                target,
                "init",
                value,
                certain,
                line=statement.lineno,
                before=method.body[:number],
                signature=method.args,
            )
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == me
                and node.func.attr in methods
            ):
                _assigned(methods[node.func.attr], methods, found, seen)


def _stores(statement: ast.stmt, me: str, certain: bool) -> Iterator[tuple[str, ast.expr | None, bool]]:
    """The fields of ``me`` that a statement sets: name, value (None if it is no plain assignment), whether on every path."""

    def field_name(target: ast.expr) -> str | None:
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == me:
            return target.attr
        return None

    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            name = field_name(target)
            if name is not None:
                yield name, statement.value, certain
            elif isinstance(target, ast.Tuple | ast.List):
                values: list[ast.expr | None] = [None] * len(target.elts)
                if isinstance(statement.value, ast.Tuple | ast.List) and len(statement.value.elts) == len(
                    values
                ):
                    values = list(statement.value.elts)
                for part, value in zip(target.elts, values, strict=True):
                    inner = field_name(part)
                    if inner is not None:
                        yield inner, value, certain
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        name = field_name(statement.target)
        if name is not None:
            yield name, statement.value, certain
    elif isinstance(statement, ast.With):
        for inner_statement in statement.body:
            yield from _stores(inner_statement, me, certain)
    elif isinstance(statement, ast.If):
        sides = [
            {n: v for part in side for n, v, c in _stores(part, me, True) if c}
            for side in (statement.body, statement.orelse)
        ]
        for name in sides[0].keys() & sides[1].keys():
            yield name, None, certain
        for inner_statement in [*statement.body, *statement.orelse]:
            for name, _, _ in _stores(inner_statement, me, False):
                yield name, None, False
    elif isinstance(statement, ast.For | ast.While | ast.Try):
        parts = [*statement.body, *statement.orelse, *getattr(statement, "finalbody", [])]
        parts += [s for handler in getattr(statement, "handlers", []) for s in handler.body]
        for inner_statement in parts:
            for name, _, _ in _stores(inner_statement, me, False):
                yield name, None, False


# ---- what a new field would be for an old object


class Deriver:
    """Derives the values of a class's new fields for objects of its old version.

    ``old`` and ``new`` are the two versions' fields, those of base classes included. ``is_class`` says whether a name is a class of
    the program, ``qualified`` gives a global name as ``module.name`` where it was imported so.
    """

    def __init__(
        self,
        old: dict[str, Field],
        new: dict[str, Field],
        is_class: Callable[[str], bool],
        qualified: Callable[[str], str],
    ) -> None:
        self.old = old
        self.new = new
        self.is_class = is_class
        self.qualified = qualified
        # What can be read from an old object: its own fields, and those derived before.
        self.known = {name for name, found in old.items() if found.certain or found.declared == "slot"}

    def derive(self, name: str) -> tuple[ast.FunctionDef | None, str]:
        """A function of ``self`` that computes the field, or None and the reason why there is none."""
        wanted = self.new[name]
        if wanted.value is None:
            return (
                None,
                "it is set in more than one way" if wanted.declared == "init" else "it has no default",
            )
        signature = wanted.signature or ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        me = [*signature.posonlyargs, *signature.args][0].arg
        body, reason = self._slice(wanted, signature, me)
        if reason:
            return None, reason
        self.known.add(name)
        made = ast.FunctionDef(
            name=f"derive_{name}",
            args=ast.arguments([], [ast.arg(me)], None, [], [], None, []),
            body=[*body, ast.Return(wanted.value)],
            decorator_list=[],
            returns=None,
            type_comment=None,
        )
        if "type_params" in ast.FunctionDef._fields:
            setattr(made, "type_params", [])  # noqa: B010  (from Python 3.12)
        made.lineno = made.end_lineno = wanted.line
        made.col_offset = made.end_col_offset = 0
        return ast.fix_missing_locations(made), ""

    def _slice(self, wanted: Field, signature: ast.arguments, me: str) -> tuple[list[ast.stmt], str]:
        """The statements that give the locals that the value needs."""
        assert wanted.value is not None
        parameters = _parameters(signature)
        local_names = set(parameters) | {n for s in wanted.before for n in _locals(s)}
        reason = self._unfit(wanted.value, me, local_names)
        if reason:
            return [], reason
        needed = _free(wanted.value) & local_names - {me}
        taken: list[ast.stmt] = []
        for statement in reversed(wanted.before):
            bound = _locals(statement)
            if not bound & needed:
                continue
            reason = self._unfit_statement(statement, me, local_names)
            if reason:
                return [], reason
            taken.append(statement)
            if isinstance(statement, ast.Assign | ast.AnnAssign):
                needed -= bound
            needed |= _free(statement) & local_names - {me}
        first: list[ast.stmt] = []
        for parameter in sorted(needed):
            if parameter not in parameters:
                return [], f"it is computed from {parameter}"
            source = self._parameter(parameter, parameters[parameter], me)
            if source is None:
                return [], f"it is set from the argument {parameter}"
            target: ast.expr = ast.Name(parameter, ast.Store())
            first.append(ast.Assign(targets=[target], value=source))
        return [*first, *taken[::-1]], ""

    def _parameter(self, name: str, default: ast.expr | None, me: str) -> ast.expr | None:
        """What an argument was for an object that is there: a field that keeps it, or the default of a parameter that is new.

        Not a field that the new version does not have: that would be a renaming, which nobody has said.
        """
        for field_name, found in self.old.items():
            if (
                found.declared == "init"
                and isinstance(found.value, ast.Name)
                and found.value.id == name
                and found.certain
                and field_name in self.new
                and not any(name in _locals(s) for s in found.before)
            ):
                return ast.Attribute(ast.Name(me, ast.Load()), field_name, ast.Load())
        known = any(
            name in _parameters(found.signature) for found in self.old.values() if found.signature is not None
        )
        if default is not None and not known and self._unfit(default, me, set()) == "":
            return default
        return None

    def _unfit_statement(self, statement: ast.stmt, me: str, local_names: set[str]) -> str:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if all(isinstance(t, ast.Name) for t in targets) and statement.value is not None:
                return self._unfit(statement.value, me, local_names)
        if isinstance(statement, ast.If):
            reasons = [self._unfit(statement.test, me, local_names)]
            reasons += [
                self._unfit_statement(s, me, local_names) for s in [*statement.body, *statement.orelse]
            ]
            return next((r for r in reasons if r), "")
        return f"it needs what line {statement.lineno} does"

    def _unfit(self, node: ast.expr, me: str, local_names: set[str]) -> str:
        """Why an expression can't be evaluated for an old object; "" if it can."""
        if isinstance(node, ast.Name):
            return f"it keeps {me} itself" if node.id == me else ""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == me:
                return "" if node.attr in self.known else f"it needs {me}.{node.attr}"
            return self._unfit(node.value, me, local_names)
        if isinstance(node, ast.Call):
            arguments = [*node.args, *(k.value for k in node.keywords)]
            reason = next((r for r in (self._unfit(a, me, local_names) for a in arguments) if r), "")
            if reason:
                return reason
            if self._makes(node.func, local_names):
                return ""
            if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
                return self._unfit(node.func.value, me, local_names)
            return f"it calls {ast.unparse(node.func)}"
        if isinstance(node, ast.Lambda):
            inner = _free(node.body) - set(_parameters(node.args))
            return f"it keeps {me} itself" if me in inner else ""
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return "it does more than compute a value"
        if isinstance(node, ast.GeneratorExp):
            return "it is a generator"
        children = [c for c in ast.walk(node) if isinstance(c, ast.expr) and c is not node]
        direct = [c for c in ast.iter_child_nodes(node) if isinstance(c, ast.expr)]
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
            direct = [c for c in children if isinstance(c, ast.Call | ast.Attribute | ast.Await | ast.Yield)]
        return next((r for r in (self._unfit(c, me, local_names) for c in direct) if r), "")

    def _makes(self, function: ast.expr, local_names: set[str]) -> bool:
        """Whether calling it makes a fresh value and does nothing else."""
        word = ast.unparse(function)
        if word.partition(".")[0] in local_names:
            return False
        if word in PURE_CALLS or word in ("object", "type", "hash", "isinstance"):
            return True
        full = self.qualified(word)
        return full in FACTORIES or (word in _FACTORY_NAMES and full == word) or self.is_class(word)


def _parameters(signature: ast.arguments) -> dict[str, ast.expr | None]:
    """Every parameter with its default."""
    plain = [*signature.posonlyargs, *signature.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(signature.defaults))
    found = dict(zip([a.arg for a in plain], [*missing, *signature.defaults], strict=True))
    found |= {a.arg: d for a, d in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)}
    for rest in (signature.vararg, signature.kwarg):
        if rest is not None:
            found[rest.arg] = None
    return found


def _locals(statement: ast.stmt) -> set[str]:
    """The plain names that a statement binds."""
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _free(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _kind(node: ast.expr) -> str:
    if isinstance(node, ast.List | ast.ListComp):
        return "list"
    if isinstance(node, ast.Dict | ast.DictComp):
        return "dict"
    if isinstance(node, ast.Set | ast.SetComp):
        return "set"
    if isinstance(node, ast.Tuple):
        return "tuple"
    if isinstance(node, ast.JoinedStr):
        return "str"
    if isinstance(node, ast.Constant):
        return "" if node.value is None or node.value is ... else type(node.value).__name__
    if isinstance(node, ast.Call):
        word = _last(node)
        if word in ("field", "Field", "ib", "attrib"):
            factory = next(
                (k.value for k in node.keywords if k.arg in ("default_factory", "factory", "default")), None
            )
            if isinstance(factory, ast.Name | ast.Attribute):
                return _EMPTY.get(_last(factory), "")
            return _kind(factory) if factory is not None else ""
        return (
            word
            if word
            in (
                "list",
                "dict",
                "set",
                "tuple",
                "deque",
                "OrderedDict",
                "defaultdict",
                "Counter",
                "int",
                "float",
                "str",
                "bytes",
                "Decimal",
                "frozenset",
            )
            else ""
        )
    return ""
