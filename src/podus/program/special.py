"""Which special methods an operation or a builtin may invoke."""

from __future__ import annotations

_BINARY = {
    "+": "add",
    "&": "and",
    "//": "floordiv",
    "<<": "lshift",
    "@": "matmul",
    "*": "mul",
    "%": "mod",
    "|": "or",
    "**": "pow",
    ">>": "rshift",
    "-": "sub",
    "/": "truediv",
    "^": "xor",
}
_COMPARISONS = {"<": "lt", "<=": "le", "==": "eq", "!=": "ne", ">": "gt", ">=": "ge"}
# In the order of the operand of BINARY_OP: thirteen, then the same in place, then (3.14) subscription.
_ORDER = ["+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^"]

ITERATION = ("__iter__", "__next__", "__getitem__")
TRUTH = ("__bool__", "__len__")
TEXT = ("__format__", "__str__", "__repr__")
HASHING = ("__hash__", "__eq__")
SUBSCRIPT = ("__getitem__", "__class_getitem__", "__missing__", "__index__", *HASHING)
COMPARISON = (
    "__lt__",
    "__gt__",
    "__le__",
    "__ge__",
    "__eq__",
    "__ne__",
)


def binary(operand: int) -> tuple[str, ...]:
    """The special methods of BINARY_OP with this operand."""
    if operand >= 2 * len(_ORDER):
        return SUBSCRIPT
    name = _BINARY[_ORDER[operand % len(_ORDER)]]
    names: tuple[str, ...] = (f"__{name}__", f"__r{name}__")
    if name == "mod":
        names = (*names, *TEXT)
    return names if operand < len(_ORDER) else (f"__i{name}__", *names)


BINARY = [binary(operand) for operand in range(2 * len(_ORDER) + 1)]

# By opcode name; what its operand changes is left out: more methods than may be reached are named, never fewer.
OPERATIONS: dict[str, tuple[str, ...]] = {
    "BINARY_SUBSCR": SUBSCRIPT,
    "BINARY_SLICE": SUBSCRIPT,
    "STORE_SUBSCR": ("__setitem__", "__index__", *HASHING),
    "STORE_SLICE": ("__setitem__", "__index__"),
    "DELETE_SUBSCR": ("__delitem__", "__index__", *HASHING),
    "COMPARE_OP": (*COMPARISON, *TRUTH),
    "CONTAINS_OP": ("__contains__", *ITERATION, *HASHING),
    "UNARY_NEGATIVE": ("__neg__",),
    "UNARY_POSITIVE": ("__pos__",),
    "UNARY_INVERT": ("__invert__",),
    "UNARY_NOT": TRUTH,
    "TO_BOOL": TRUTH,
    "GET_ITER": ITERATION,
    "FOR_ITER": ITERATION,
    "UNPACK_SEQUENCE": ITERATION,
    "UNPACK_EX": ITERATION,
    "LIST_EXTEND": ITERATION,
    "SET_UPDATE": (*ITERATION, *HASHING),
    "SET_ADD": HASHING,
    "MAP_ADD": HASHING,
    "BUILD_MAP": HASHING,
    "BUILD_SET": HASHING,
    "DICT_MERGE": ("keys", *ITERATION, *HASHING),
    "DICT_UPDATE": ("keys", *ITERATION, *HASHING),
    "GET_YIELD_FROM_ITER": (*ITERATION, "send", "throw", "close"),
    "GET_LEN": ("__len__",),
    "MATCH_KEYS": ("get", "__getitem__"),
    "MATCH_CLASS": ("__instancecheck__", "__eq__"),
    "CHECK_EXC_MATCH": ("__subclasscheck__",),
    "FORMAT_VALUE": TEXT,
    "FORMAT_SIMPLE": TEXT,
    "FORMAT_WITH_SPEC": TEXT,
    "CONVERT_VALUE": TEXT,
    "GET_AITER": ("__aiter__",),
    "GET_ANEXT": ("__anext__",),
    "END_ASYNC_FOR": ("__anext__",),
    "GET_AWAITABLE": ("__await__", "__iter__", "__next__", "send", "throw", "close"),
    "BEFORE_WITH": ("__enter__", "__exit__"),
    "WITH_EXCEPT_START": ("__exit__", "__aexit__"),
    "BEFORE_ASYNC_WITH": ("__aenter__", "__aexit__"),
    "LOAD_SPECIAL": ("__enter__", "__exit__", "__aenter__", "__aexit__"),
    "CALL_INTRINSIC_1": ("__pos__",),
}
for _name in ("JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP"):
    OPERATIONS[_name] = TRUTH
for _way in ("", "FORWARD_", "BACKWARD_"):
    for _sense in ("TRUE", "FALSE"):
        OPERATIONS[f"POP_JUMP_{_way}IF_{_sense}"] = TRUTH

# The special methods that a builtin invokes on its arguments.
BUILTINS: dict[str, tuple[str, ...]] = {
    "abs": ("__abs__",),
    "aiter": ("__aiter__",),
    "all": (*ITERATION, *TRUTH),
    "anext": ("__anext__",),
    "any": (*ITERATION, *TRUTH),
    "ascii": ("__repr__",),
    "bin": ("__index__",),
    "bool": TRUTH,
    "bytearray": (*ITERATION, "__index__", "__bytes__", "__buffer__"),
    "bytes": (*ITERATION, "__index__", "__bytes__", "__buffer__"),
    "chr": ("__index__",),
    "complex": ("__complex__", "__float__", "__index__"),
    "delattr": ("__delattr__",),
    "dict": (*ITERATION, *HASHING, "keys"),
    "dir": ("__dir__",),
    "divmod": ("__divmod__", "__rdivmod__"),
    "enumerate": ITERATION,
    "filter": (*ITERATION, *TRUTH),
    "float": ("__float__", "__index__"),
    "format": TEXT,
    "frozenset": (*ITERATION, *HASHING),
    "getattr": ("__getattr__", "__getattribute__"),
    "hasattr": ("__getattr__", "__getattribute__"),
    "hash": ("__hash__",),
    "hex": ("__index__",),
    "int": ("__int__", "__index__", "__trunc__"),
    "isinstance": ("__instancecheck__",),
    "issubclass": ("__subclasscheck__",),
    "iter": ITERATION,
    "len": ("__len__",),
    "list": (*ITERATION, "__len__", "__length_hint__"),
    "map": ITERATION,
    "max": (*ITERATION, *COMPARISON),
    "memoryview": ("__buffer__",),
    "min": (*ITERATION, *COMPARISON),
    "next": ("__next__",),
    "oct": ("__index__",),
    "open": ("__fspath__",),
    "pow": ("__pow__", "__rpow__"),
    "print": (*TEXT, "write", "flush"),
    "range": ("__index__",),
    "repr": ("__repr__",),
    "reversed": ("__reversed__", "__len__", "__getitem__"),
    "round": ("__round__",),
    "set": (*ITERATION, *HASHING),
    "setattr": ("__setattr__",),
    "slice": ("__index__",),
    "sorted": (*ITERATION, *COMPARISON),
    "str": TEXT,
    "sum": (*ITERATION, "__add__", "__radd__"),
    "tuple": (*ITERATION, "__len__", "__length_hint__"),
    "vars": (),
    "zip": ITERATION,
}

# The same of methods of builtin types and of the standard library's objects.
METHODS: dict[str, tuple[str, ...]] = {
    "add": HASHING,
    "count": ("__eq__",),
    "discard": HASHING,
    "extend": ITERATION,
    "extendleft": ITERATION,
    "format": TEXT,
    "format_map": ("__getitem__", "__missing__", *TEXT),
    "fromkeys": (*ITERATION, *HASHING),
    "get": (*HASHING, "__lt__"),
    "index": ("__eq__", "__index__"),
    "join": ITERATION,
    "pop": (*HASHING, "__index__"),
    "put": ("__lt__",),
    "put_nowait": ("__lt__",),
    "get_nowait": ("__lt__",),
    "remove": HASHING,
    "setdefault": HASHING,
    "sort": COMPARISON,
    "update": (*ITERATION, *HASHING, "keys"),
    "union": (*ITERATION, *HASHING),
    "intersection": (*ITERATION, *HASHING),
    "difference": (*ITERATION, *HASHING),
    "symmetric_difference": (*ITERATION, *HASHING),
    "issubset": (*ITERATION, *HASHING),
    "issuperset": (*ITERATION, *HASHING),
    "isdisjoint": (*ITERATION, *HASHING),
    "writelines": ITERATION,
    **dict.fromkeys(("debug", "info", "warning", "error", "critical", "exception", "log"), TEXT),
}

# Methods that resume a generator or coroutine, or that iterate over an argument.
RESUMING = frozenset(
    {
        "send",
        "throw",
        "close",
        "asend",
        "athrow",
        "aclose",
        "__next__",
        "__anext__",
        "__aenter__",
        "__enter__",
        "__exit__",
    }
    | {name for name, reached in METHODS.items() if "__next__" in reached}
)
