"""A field of a class's objects, and what is known of it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

_EMPTY = {"list": "list", "dict": "dict", "set": "set", "tuple": "tuple", "deque": "deque"}

_CONTAINERS = frozenset(["list", "dict", "set", "deque", "OrderedDict", "defaultdict", "Counter"])


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
    # The statements of the method that sets it, and which of them do.
    body: list[ast.stmt] = field(default_factory=list, repr=False)
    places: list[int] = field(default_factory=list, repr=False)
    signature: ast.arguments | None = field(default=None, repr=False)
    # The property by whose setter it is set, and what the constructor assigns to that.
    through: str = ""
    assigned: ast.expr | None = field(default=None, repr=False)

    @property
    def plain(self) -> bool:
        """Whether one assignment is all that sets it."""
        return self.value is not None and len(self.places) < 2

    @property
    def before(self) -> list[ast.stmt]:
        """The statements of ``__init__`` before it, for what they do to the locals that the value needs."""
        return self.body[: self.places[0]] if self.places else []

    @property
    def text(self) -> str:
        """The value on one line, for people."""
        if self.value is not None and self.plain:
            return ast.unparse(self.value)
        return f"as from line {self.body[self.places[0]].lineno}" if self.places else ""

    @property
    def initial(self) -> list[str]:
        """What a new object holds if that is a constant or an empty container: the type's name, and how it is written ("" of a container); else empty."""
        value = self.value if self.plain else None
        if isinstance(value, ast.Call) and last_word(value) in ("field", "Field", "ib", "attrib"):
            value = next((k.value for k in value.keywords if k.arg == "default"), value)
        try:
            constant = ast.literal_eval(value) if value is not None else ...
        except (ValueError, TypeError):
            constant = ...
        if constant is ... or isinstance(constant, list | dict | set | tuple):
            empty = isinstance(value, ast.Call) and (not value.args or self.kind == "defaultdict")
            empty = empty or (constant is not ... and not constant)
            return [self.kind, ""] if empty and self.kind in _CONTAINERS else []
        return [type(constant).__name__, repr(constant)]

    @property
    def kind(self) -> str:
        """The kind of value (``list``, ``dict``, ``int``…) where its text tells it; else ""."""
        return value_kind(self.value) if self.value is not None and self.plain else ""


@dataclass
class ClassFields:
    """The fields of one class by name.

    ``bases`` are the base classes as written; ``methods`` and ``computed`` name what the class itself defines (properties are computed);
    ``cached`` the cached properties, whose values lie in the objects; ``calls`` those whose ``__init__`` its own one calls, as written (``super``
    for who comes next), None if it has none.
    """

    fields: dict[str, Field]
    bases: list[str]
    methods: set[str]
    computed: set[str]
    cached: set[str]
    declared: str
    # What the constructors do to set fields whose names are computed.
    unnamed: set[str] = field(default_factory=set)
    calls: set[str] | None = None
    # The functions of its properties that say what they are.
    getters: dict[str, ast.FunctionDef] = field(default_factory=dict)
    # The methods of an object that its constructors call, whichever class has them.
    started: set[str] = field(default_factory=set)


def last_word(node: ast.expr) -> str:
    """``dataclass`` of ``dataclasses.dataclass(frozen=True)``."""
    while isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def value_kind(node: ast.expr) -> str:
    """The kind of value (``list``, ``dict``, ``int``…) that an expression gives, where its text tells it; else ""."""
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
        word = last_word(node)
        if word in ("field", "Field", "ib", "attrib"):
            factory = next(
                (k.value for k in node.keywords if k.arg in ("default_factory", "factory", "default")), None
            )
            if isinstance(factory, ast.Name | ast.Attribute):
                return _EMPTY.get(last_word(factory), "")
            return value_kind(factory) if factory is not None else ""
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
