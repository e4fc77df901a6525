"""The statements of a module's or a class's body: what each binds, and when two of them are the same.

A module's top level is not a procedure: it ran once, when the module was loaded. An update runs only those statements that
are new or changed, so the unit of comparison is the statement. What lies inside a ``def`` is not part of the
statement around it (its *head*): a procedure is switched, not defined again.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType

from podus.program.bindings import is_for_type_checkers, is_namespace
from podus.program.bytecode import compile_source
from podus.program.code import fingerprint
from podus.program.field import last_word
from podus.program.head import Definition, asked_kind, consumes_lambdas, head_of, with_body
from podus.program.nodes import asked_for, directly_in, everything_in, first_line

# Builtins whose call has no effect but its value, as long as its arguments have none.
PURE_CALLS = frozenset(
    [
        "abs",
        "bool",
        "bytes",
        "bytearray",
        "chr",
        "classmethod",
        "complex",
        "dict",
        "divmod",
        "enumerate",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "issubclass",
        "len",
        "list",
        "max",
        "min",
        "ord",
        "pow",
        "property",
        "range",
        "repr",
        "reversed",
        "round",
        "set",
        "slice",
        "sorted",
        "staticmethod",
        "str",
        "sum",
        "tuple",
        "zip",
    ]
)
PURE_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "copy",
        "decode",
        "encode",
        "endswith",
        "format",
        "isalnum",
        "isalpha",
        "isdigit",
        "isidentifier",
        "islower",
        "isupper",
        "items",
        "join",
        "keys",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "replace",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "title",
        "upper",
        "values",
        "zfill",
        "__subclasses__",
    ]
)

# Calls of the standard library whose only effect is their value, by the names that they usually go by.
PURE_FUNCTIONS = frozenset(
    {
        *("re.compile", "re.escape", "re.Scanner", "struct.Struct", "struct.calcsize", "textwrap.dedent"),
        *("re.match", "re.fullmatch", "re.search", "re.findall", "re.split", "typing.cast"),
        *("decimal.Decimal", "fractions.Fraction", "math.log", "math.sqrt", "string.Template"),
        *("datetime.date", "datetime.time", "datetime.datetime", "datetime.timedelta", "datetime.timezone"),
        *("operator.itemgetter", "operator.attrgetter", "operator.methodcaller", "functools.partial"),
        *("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "collections.deque"),
        *(
            "dataclasses.fields",
            "typing.get_type_hints",
            "copy.copy",
            "copy.deepcopy",
            "inspect.get_annotations",
        ),
        *("types.MappingProxyType", "types.SimpleNamespace", "os.path.join", "os.path.dirname"),
        *("os.path.abspath", "os.path.basename", "os.path.realpath", "os.path.expanduser", "os.environ.get"),
        *("os.getenv", "pathlib.Path", "pathlib.PurePath", "json.loads", "fnmatch.translate", "uuid.UUID"),
        *("ipaddress.ip_address", "ipaddress.ip_network", "array.array", "ast.literal_eval", "json.dumps"),
        *(
            "str.maketrans",
            "bytes.maketrans",
            "bytes.fromhex",
            "dict.fromkeys",
            "struct.pack",
            "unicodedata.normalize",
        ),
        *(
            "base64.b64decode",
            "base64.b64encode",
            "binascii.unhexlify",
            "binascii.a2b_base64",
            "zlib.decompress",
        ),
        *(
            "urllib.parse.quote",
            "urllib.parse.urlparse",
            "urllib.parse.urlsplit",
            "urllib.parse.urljoin",
            "shlex.split",
        ),
        # The same object each time, which is made once at the most.
        *("logging.getLogger", "importlib.import_module"),
        # What is installed may be another release by the next time.
        *("importlib.metadata.version",),
    }
)
_IMPORTED = frozenset(name.rpartition(".")[2] for name in PURE_FUNCTIONS) - {
    *("compile", "time", "join", "log", "escape", "fields", "get", "copy"),
    *("match", "fullmatch", "search", "findall", "split", "cast", "version"),
    *("pack", "normalize", "quote", "dumps", "decompress", "maketrans", "fromhex", "fromkeys"),
}


@dataclass
class Statement:
    """One statement of a body.

    ``kind`` is ``def``, ``class``, ``import``, ``assign``, ``docstring``, ``main`` (an ``if __name__ == "__main__"``) or ``other``.
    ``names`` are the names that it binds in its namespace.
    """

    node: ast.stmt
    kind: str
    names: tuple[str, ...]
    owners: tuple[str, ...]
    body: Body | None = field(default=None, repr=False)

    @property
    def line(self) -> int:
        """The first line, decorators included."""
        return first_line(self.node)

    @cached_property
    def head(self) -> str:
        """Equal for statements that do the same, whatever the procedures in them do."""
        return head_of(self.node)

    @cached_property
    def compiled_head(self) -> bytes:
        """As :attr:`head`, from the code: also equal where the texts differ but the compiler makes the same of them."""
        node = self.node
        if type(node).__name__ == "TypeAlias":
            # What it stands for is computed once, by a procedure of its own: an alias that has been asked for it does not change any more.
            return self.head.encode()
        if isinstance(node, ast.ClassDef):
            node = with_body(node, [ast.Pass(lineno=node.lineno, col_offset=node.col_offset)])
        if consumes_lambdas(node):
            return self.head.encode()
        try:
            code = compile_body([node], self.owners, "", 0)
            return fingerprint(code, skip_procedures=True) + asked_kind(node).encode()
        except (SyntaxError, ValueError):
            return self.head.encode()

    @cached_property
    def pure(self) -> bool:
        """Whether this is an assignment whose value can be computed any number of times without an effect."""
        value = getattr(self.node, "value", None)
        return isinstance(self.node, ast.Assign | ast.AnnAssign) and value is not None and is_pure(value)

    @cached_property
    def repeatable(self) -> bool:
        """Whether it would be pure if the :attr:`makers` that it calls had no effect but its value."""
        value = getattr(self.node, "value", None)
        if not isinstance(self.node, ast.Assign | ast.AnnAssign) or value is None:
            return False
        return is_pure(_Arguments().visit(copy.deepcopy(value)))

    @cached_property
    def makers(self) -> frozenset[str]:
        """The names that are called in it and are none of those that are known."""
        called = {
            n.func.id
            for n in _called(self.node)
            if isinstance(n.func, ast.Name) and not (maps_purely(n) or asks_for_type(n) or is_namespace(n))
        }
        return frozenset(called - PURE_CALLS - _IMPORTED)

    @cached_property
    def calls(self) -> frozenset[str]:
        """The names that are called in it, or something of theirs."""
        found: set[str] = set()
        for node in _called(self.node):
            function = node.func
            while isinstance(function, ast.Attribute):
                function = function.value
            if isinstance(function, ast.Name):
                found.add(function.id)
        return frozenset(found)

    @cached_property
    def dependent(self) -> bool:
        """Whether it reads attributes, which may be others when it runs again."""
        called = {id(n.func) for n in everything_in(self.node) if isinstance(n, ast.Call)}
        if any(map(asks_for_version, everything_in(self.node))):
            return True
        return any(isinstance(n, ast.Attribute) and id(n) not in called for n in everything_in(self.node))

    @cached_property
    def words(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names in it, imported ones among them, and the attributes, each at whatever depth."""
        names: set[str] = set()
        attributes: set[str] = set()
        for node in everything_in(self.node):
            if isinstance(node, ast.Name):
                names.add(node.id)
            elif isinstance(node, ast.Attribute):
                attributes.add(node.attr)
            elif isinstance(node, ast.alias):
                names |= {node.name, node.asname or node.name}
            elif (asked := asked_for(node)) is not None:
                attributes.add(asked.attr)
        return frozenset(names), frozenset(attributes)

    def says(self, words: Set[str]) -> bool:
        """Whether one of the words is in it, as a name or as an attribute."""
        return not all(map(words.isdisjoint, self.words))

    @cached_property
    def reads(self) -> frozenset[str]:
        """The names that it loads when it runs (not those inside procedures)."""
        found: set[str] = set()
        todo: list[ast.AST] = [self.node]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                todo += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
            elif isinstance(node, ast.Lambda):
                todo += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
            else:
                todo += directly_in(node)
        return frozenset(found)

    @cached_property
    def text(self) -> str:
        """The statement on one short line, for people."""
        node = self.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}def {node.name}(…)"
        if isinstance(node, ast.ClassDef):
            return f"class {node.name}"
        line = ast.unparse(node).split("\n", 1)[0]
        return line if len(line) <= 72 else line[:71] + "…"


@dataclass
class Body:
    """The statements of one namespace; ``owners`` are the classes around them, outermost first (none for a module)."""

    statements: list[Statement]
    owners: tuple[str, ...] = ()
    flags: int = 0

    def stubs(self) -> set[str]:
        """The names that are only bound under ``if TYPE_CHECKING``, which code binds as well, as far as it can be seen in it."""
        nodes = [s.node for s in self.statements if is_for_type_checkers(s.node)]
        found = {n for node in nodes for part in getattr(node, "body", ()) for n in _bound(part)}
        return found - self.binds()

    def binds(self) -> set[str]:
        """Every name that some statement binds."""
        return {name for statement in self.statements for name in statement.names}

    @cached_property
    def imported(self) -> set[str]:
        """The names that import statements bind in it, some of them under a condition."""
        found: set[str] = set()
        todo: list[ast.AST] = [s.node for s in self.statements]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Import | ast.ImportFrom):
                found |= {*_bound(node)}
            elif not isinstance(node, Definition | ast.ClassDef):
                todo += [n for n in directly_in(node) if isinstance(n, ast.stmt | ast.ExceptHandler)]
        return found

    def last(self, name: str) -> Statement | None:
        """The statement that binds ``name`` last."""
        for statement in reversed(self.statements):
            if name in statement.names:
                return statement
        return None


def parse_module(source: bytes, file: str) -> Body:
    """The body of a module. Raises SyntaxError, ValueError (null bytes) as the compiler does."""
    tree = ast.parse(source, file)
    return _body(tree.body, (), _future_flags(tree.body))


def compile_body(
    nodes: list[ast.stmt],
    owners: tuple[str, ...],
    file: str,
    flags: int,
    imported: Iterable[str] = (),
) -> CodeType:
    """The code of a body made of ``nodes`` alone, as it would be compiled inside the classes ``owners``.

    ``imported`` are the names that the module imports: the compiler calls ``name.f()`` otherwise if it sees that ``name`` is a module.
    """
    wrapped = nodes
    for owner in reversed(owners):
        line = wrapped[0]
        shell = ast.ClassDef(name=owner, bases=[], keywords=[], body=wrapped, decorator_list=[])
        if "type_params" in ast.ClassDef._fields:
            setattr(shell, "type_params", [])  # noqa: B010  (from Python 3.12)
        wrapped = [ast.copy_location(shell, line)]
    if imported:
        seen = [ast.Import([ast.alias(name) for name in sorted(imported)])]
        wrapped = [ast.copy_location(ast.If(ast.Constant(False), [*seen], []), wrapped[0]), *wrapped]
    tree = ast.fix_missing_locations(ast.Module(body=wrapped, type_ignores=[]))
    code = compile_source(tree, file, flags)
    for owner in owners:
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == owner)
    return code


def without_annotation(node: ast.stmt) -> ast.stmt:
    """An assignment by itself: an annotation may name what is there for a type checker only."""
    if not (isinstance(node, ast.AnnAssign) and node.value is not None):
        return node
    return ast.copy_location(ast.Assign([node.target], node.value), node)


def without_value(node: ast.AnnAssign) -> ast.AnnAssign:
    """The annotation of an assignment by itself."""
    return ast.copy_location(ast.AnnAssign(node.target, node.annotation, None, node.simple), node)


def class_within(statement: Statement, name: str) -> Statement | None:
    """The class ``name`` that a statement (an ``if``, a ``try``) defines; None where there is none, or more than one."""
    if statement.kind == "class":
        return statement if statement.names[-1] == name else None
    found: list[ast.ClassDef] = []
    todo: list[ast.AST] = [statement.node]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ClassDef):
            found.append(node)
        elif not isinstance(node, Definition | ast.Lambda):
            todo += directly_in(node)
    there = [node for node in found if node.name == name]
    return _statement(there[0], statement.owners, 0, False) if len(there) == 1 else None


def _body(nodes: list[ast.stmt], owners: tuple[str, ...], flags: int) -> Body:
    statements = [
        _statement(node, owners, flags, index == 0)
        for index, node in enumerate(nodes)
        # A text that describes what stands before it does nothing; standing first among statements that run, it would become `__doc__`.
        if index == 0 or not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    return Body(statements, owners, flags)


def _statement(node: ast.stmt, owners: tuple[str, ...], flags: int, first: bool) -> Statement:
    kind = "other"
    body: Body | None = None
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        kind = "def"
    elif isinstance(node, ast.ClassDef):
        kind = "class"
        body = _body(node.body, (*owners, node.name), flags)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        kind = "import"
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        kind = "assign"
    elif (
        first
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ):
        kind = "docstring"
    elif not owners and _is_main_guard(node):
        kind = "main"
    names = ("__doc__",) if kind == "docstring" else tuple(dict.fromkeys(_bound(node)))
    return Statement(node, kind, names, owners, body)


def asks_for_version(node: ast.AST) -> bool:
    """Whether it is a call as ``metadata.version("package")``: of what is installed, which an update replaces."""
    if not (isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords):
        return False
    return last_word(node) == "version"


def _future_flags(nodes: list[ast.stmt]) -> int:
    import __future__

    flags: int = 0
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                feature = getattr(__future__, alias.name)
                # What goes without saying by now leaves no mark in the code.
                if (since := feature.getMandatoryRelease()) is None or since > sys.version_info:
                    flags |= int(feature.compiler_flag)
    return flags


def _is_main_guard(node: ast.stmt) -> bool:
    if not isinstance(node, ast.If):
        return False
    return any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in everything_in(node.test)
    ) and any(
        isinstance(part, ast.Constant) and part.value == "__main__" for part in everything_in(node.test)
    )


def _bound(node: ast.AST) -> list[str]:
    """The names that ``node`` binds in its own namespace, in order."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inner = [name for decorator in node.decorator_list for name in _bound(decorator)]
        return [*inner, node.name]
    if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        return []
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names if alias.name != "*"]
    if isinstance(node, ast.Name):
        return [node.id] if isinstance(node.ctx, ast.Store) else []
    if isinstance(node, ast.AnnAssign) and node.value is None:
        return []
    if isinstance(node, ast.If) and is_for_type_checkers(node):
        return [name for child in node.orelse for name in _bound(child)]
    names: list[str] = []
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        names.append(node.name)
    for child in directly_in(node):
        names += _bound(child)
    return names


class _Arguments(ast.NodeTransformer):
    """Leaves of a call of a name what it is given."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name):
            return node
        return ast.Tuple([*node.args, *(keyword.value for keyword in node.keywords)], ast.Load())


def _called(node: ast.AST) -> Iterator[ast.Call]:
    """The calls that are carried out when a statement runs: not those in a lambda, unless it is handed to a call."""
    if isinstance(node, ast.Call):
        yield from (part for part in everything_in(node) if isinstance(part, ast.Call))
    else:
        for child in directly_in(node.args if isinstance(node, ast.Lambda) else node):
            yield from _called(child)


def maps_purely(node: ast.Call) -> bool:
    """Whether it calls a builtin without an effect for each of some things: ``map(len, names)``."""
    if not (isinstance(node.func, ast.Name) and node.func.id in ("map", "filter") and node.args):
        return False
    called = node.args[0]
    if isinstance(called, ast.Attribute):
        return isinstance(called.value, ast.Name) and called.value.id == "str" and called.attr in PURE_METHODS
    return isinstance(called, ast.Constant) or (isinstance(called, ast.Name) and called.id in PURE_CALLS)


def sorts_purely(node: ast.Call) -> bool:
    """Whether what it calls for each of some things (``sorted(names, key=str.lower)``), if anything, is a builtin without an effect, or a lambda that calls no others."""
    (key,) = [k.value for k in node.keywords if k.arg == "key"] or [ast.Constant(None)]
    if isinstance(key, ast.Name):
        return key.id in PURE_CALLS
    return is_pure(key.body) if isinstance(key, ast.Lambda) else True


def asks_for_type(node: ast.Call) -> bool:
    """Whether it is ``type(x)``, which makes no class."""
    return (
        isinstance(node.func, ast.Name)
        and node.func.id == "type"
        and len(node.args) == 1
        and not node.keywords
    )


def is_pure(node: ast.expr) -> bool:
    """Whether an expression can be computed any number of times without an effect."""
    if isinstance(node, ast.Constant | ast.Name):
        return True
    if isinstance(node, ast.Call):
        function = node.func
        arguments = [*node.args, *(k.value for k in node.keywords)]
        plain = isinstance(function, ast.Name) and function.id in PURE_CALLS and sorts_purely(node)
        if maps_purely(node) or asks_for_type(node) or is_namespace(node) or plain:
            return all(map(is_pure, arguments))
        if isinstance(function, ast.Attribute):
            method = function.attr in PURE_METHODS and isinstance(function.value, ast.Constant)
            return (method or ast.unparse(function) in PURE_FUNCTIONS) and all(map(is_pure, arguments))
        if isinstance(function, ast.Name) and function.id in _IMPORTED:
            return all(map(is_pure, arguments))
        return False
    if isinstance(node, ast.Starred | ast.UnaryOp):
        return is_pure(node.value if isinstance(node, ast.Starred) else node.operand)
    if isinstance(node, ast.BinOp):
        return is_pure(node.left) and is_pure(node.right)
    if isinstance(node, ast.BoolOp):
        return all(map(is_pure, node.values))
    if isinstance(node, ast.Compare):
        return all(map(is_pure, [node.left, *node.comparators]))
    if isinstance(node, ast.IfExp):
        return all(map(is_pure, [node.test, node.body, node.orelse]))
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return all(map(is_pure, node.elts))
    if isinstance(node, ast.Dict):
        return all(k is None or is_pure(k) for k in node.keys) and all(map(is_pure, node.values))
    if isinstance(node, ast.Subscript):
        return is_pure(node.value) and is_pure(node.slice)
    if isinstance(node, ast.NamedExpr):
        return is_pure(node.value)
    if isinstance(node, ast.JoinedStr):
        return all(is_pure(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return is_pure(node.value)
    if isinstance(node, ast.Attribute):
        return is_pure(node.value)
    # A function that is made is not called.
    return isinstance(node, ast.Lambda)
