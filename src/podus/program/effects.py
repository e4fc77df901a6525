"""How many values each instruction takes from the stack and puts there, where its symbols do not matter."""

from __future__ import annotations

import sys
from collections.abc import Callable

from podus.program import special
from podus.program.control import NAMES

Effect = tuple[int, int] | Callable[[int], tuple[int, int]]

_PLAIN: dict[tuple[int, int], str] = {
    (
        0,
        0,
    ): "NOP RESUME PRECALL CACHE EXTENDED_ARG MAKE_CELL COPY_FREE_VARS SETUP_ANNOTATIONS NOT_TAKEN JUMP_FORWARD "
    "JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT DELETE_FAST DELETE_DEREF",
    (
        0,
        1,
    ): "GET_LEN MATCH_MAPPING MATCH_SEQUENCE MATCH_KEYS WITH_EXCEPT_START GET_ANEXT LOAD_ASSERTION_ERROR "
    "RETURN_GENERATOR LOAD_LOCALS LOAD_CLOSURE LOAD_FAST_AND_CLEAR LOAD_COMMON_CONSTANT FOR_ITER RETURN_CONST",
    (
        1,
        0,
    ): "PRINT_EXPR POP_EXCEPT RERAISE JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP POP_ITER INTERPRETER_EXIT",
    (
        1,
        1,
    ): "LIST_TO_TUPLE YIELD_VALUE ASYNC_GEN_WRAP CONVERT_VALUE SEND UNARY_NEGATIVE UNARY_INVERT "
    "UNARY_POSITIVE",
    (1, 2): "PUSH_EXC_INFO",
    (2, 0): "END_ASYNC_FOR DELETE_SUBSCR",
    (2, 1): "CONTAINS_OP BINARY_SUBSCR PREP_RERAISE_STAR END_SEND BUILD_TEMPLATE",
    (2, 2): "CHECK_EG_MATCH",
    (3, 1): "BINARY_SLICE MATCH_CLASS",
    (3, 2): "CLEANUP_THROW",
    (4, 0): "STORE_SLICE",
}

EFFECTS: list[Effect | None] = [None] * 256
_BY_NAME: dict[str, Effect] = {name: effect for effect, names in _PLAIN.items() for name in names.split()}
_BY_NAME["RETURN_CONST"] = (0, 0)
_BY_NAME["END_FOR"] = (2, 0) if sys.version_info < (3, 13) else (1, 0)
_BY_NAME["BUILD_SLICE"] = lambda arg: (arg, 1)
_BY_NAME["UNPACK_EX"] = lambda arg: (1, (arg & 0xFF) + (arg >> 8) + 1)
_BY_NAME["BUILD_INTERPOLATION"] = lambda arg: (2 + (arg & 1), 1)
for _number, _name in enumerate(NAMES):
    EFFECTS[_number] = _BY_NAME.get(_name)

PROTOCOLS: list[tuple[str, ...]] = [special.OPERATIONS.get(name, ()) for name in NAMES]

# How much lower the stack is where a jump leads than after the instruction, before what it keeps there (KEEPS).
AT_TARGET: dict[str, int] = {"FOR_ITER": -2, "SEND": -2} if sys.version_info < (3, 12) else {}
KEEPS = frozenset(
    {"JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP", *(["SEND"] if sys.version_info < (3, 12) else [])}
)
