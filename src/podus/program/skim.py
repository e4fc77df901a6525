"""A quick look at a procedure's code: what the rest of the program has to know of it before its calls are traced.

Most procedures make no function, import nothing, and store nothing where others find it. What such a one calls matters only when the
search for who reaches whom comes to it, so that its flow need not be made before. What it mentions is read here without
evaluating anything, in a tenth of the time.
"""

from __future__ import annotations

import dis
import re
import sys
from types import CodeType
from typing import NamedTuple

# Instructions that neither make nor store what others could come to hold, and that the symbolic pass has an effect for.
_PLAIN_NAMES = """
    NOP RESUME PRECALL CACHE EXTENDED_ARG PUSH_NULL POP_TOP COPY SWAP NOT_TAKEN
    LOAD_FAST LOAD_FAST_CHECK LOAD_FAST_BORROW LOAD_FAST_LOAD_FAST LOAD_FAST_BORROW_LOAD_FAST_BORROW
    STORE_FAST STORE_FAST_LOAD_FAST STORE_FAST_STORE_FAST DELETE_FAST
    LOAD_CONST LOAD_SMALL_INT LOAD_GLOBAL LOAD_ATTR LOAD_METHOD LOAD_ASSERTION_ERROR LOAD_COMMON_CONSTANT
    CALL CALL_KW KW_NAMES CALL_FUNCTION_EX CALL_INTRINSIC_1 RETURN_VALUE RETURN_CONST
    BINARY_OP BINARY_SUBSCR BINARY_SLICE STORE_SUBSCR STORE_SLICE DELETE_SUBSCR
    COMPARE_OP CONTAINS_OP IS_OP UNARY_NEGATIVE UNARY_INVERT UNARY_NOT UNARY_POSITIVE TO_BOOL
    BUILD_TUPLE BUILD_LIST BUILD_SET BUILD_MAP BUILD_CONST_KEY_MAP BUILD_SLICE BUILD_STRING
    LIST_EXTEND LIST_APPEND LIST_TO_TUPLE SET_ADD SET_UPDATE MAP_ADD DICT_MERGE DICT_UPDATE
    UNPACK_SEQUENCE UNPACK_EX FORMAT_VALUE FORMAT_SIMPLE FORMAT_WITH_SPEC CONVERT_VALUE
    GET_ITER FOR_ITER END_FOR POP_ITER GET_LEN
    JUMP_FORWARD JUMP_BACKWARD JUMP_BACKWARD_NO_INTERRUPT JUMP_IF_FALSE_OR_POP JUMP_IF_TRUE_OR_POP
    RAISE_VARARGS RERAISE PUSH_EXC_INFO POP_EXCEPT CHECK_EXC_MATCH BEFORE_WITH WITH_EXCEPT_START
"""
_PLAIN = bytes(
    number
    for name, number in dis.opmap.items()
    if number < 256 and (name in _PLAIN_NAMES.split() or name.startswith("POP_JUMP_"))
)
_EXTENDED = dis.EXTENDED_ARG
_CONST = dis.opmap["LOAD_CONST"]
# Where the names of keywords are: in the operand, or (from 3.13) in a constant loaded just before.
_KEYWORDS_BELOW = "KW_NAMES" not in dis.opmap
_KEYWORDS = dis.opmap["CALL_KW" if _KEYWORDS_BELOW else "KW_NAMES"]
# By opcode: the first of its two sets, how far the operand is shifted for the name, and the bit that says "called".
_KINDS = {dis.opmap["LOAD_GLOBAL"]: (0, 1, 1), dis.opmap["LOAD_ATTR"]: (2, 1, 1)}
if "LOAD_METHOD" in dis.opmap and sys.version_info < (3, 12):
    _KINDS |= {dis.opmap["LOAD_ATTR"]: (2, 0, 0), dis.opmap["LOAD_METHOD"]: (3, 0, 0)}
_INTERESTING = re.compile(b"[" + re.escape(bytes([*_KINDS, _KEYWORDS])) + b"]").finditer
# Calls of these are looked at wherever they stand: they give access to what has no name in the code.
REFLECTIVE = frozenset(
    {"globals", "locals", "vars", "exec", "eval", "getattr", "setattr", "delattr", "__setattr__", "__dict__"}
    | {"__annotations__", "namedtuple", "methodcaller", "attrgetter"}
)


class Skimmed(NamedTuple):
    """The names that a procedure mentions: globals and attributes that it calls there and then, those that it does not, and
    the keywords that it calls with."""

    called: frozenset[str]
    globals: frozenset[str]
    methods: frozenset[str]
    attributes: frozenset[str]
    keywords: frozenset[str]


def skim(code: CodeType) -> Skimmed | None:
    """What ``code`` mentions; None where it does more than mention, call and compute."""
    raw = code.co_code
    ops = raw[::2]
    if ops.translate(None, _PLAIN) or code.co_freevars or code.co_cellvars:
        return None
    names = code.co_names
    if not REFLECTIVE.isdisjoint(names):
        return None
    consts = code.co_consts
    for const in consts:
        if type(const) is CodeType:
            return None
    if not names and _KEYWORDS not in ops:
        return _NOTHING
    found: tuple[set[str], ...] = (set(), set(), set(), set())
    keywords: set[str] = set()
    for match in _INTERESTING(ops):
        at = match.start()
        op, arg = ops[at], raw[2 * at + 1]
        below = at - 1
        shift = 8
        while ops[below] == _EXTENDED and below >= 0:
            arg |= raw[2 * below + 1] << shift
            below, shift = below - 1, shift + 8
        if op == _KEYWORDS:
            if _KEYWORDS_BELOW:
                # A tuple of names that was just loaded.
                if ops[below] != _CONST or ops[below - 1] == _EXTENDED:
                    return None
                arg = raw[2 * below + 1]
            keywords.update(consts[arg])
        else:
            kind, shift, mask = _KINDS[op]
            found[kind + (arg & mask)].add(names[arg >> shift])
    others, called, attributes, methods = found
    return Skimmed(
        frozenset(called), frozenset(others), frozenset(methods), frozenset(attributes), frozenset(keywords)
    )


_NOTHING = Skimmed(frozenset(), frozenset(), frozenset(), frozenset(), frozenset())
