"""What annotations say of a value: the same, in many ways (``Optional[List[int]]``, ``list[int] | None``)."""

from __future__ import annotations

import ast

# What typing calls some built-in types.
_BUILT_IN = {name.title(): name for name in ("list", "dict", "set", "tuple", "type")} | {
    "FrozenSet": "frozenset"
}


def is_within(one: str, other: str) -> bool:
    """Whether every value that has one annotation, as written, may have the other as well, as far as that can be read from them."""
    try:
        sides = [alternatives(ast.parse(text, mode="eval").body) for text in (one, other)]
    except SyntaxError:
        return one == other
    # A list of anything may be what a list of numbers is.
    return "Any" in sides[1] or all({one, one.partition("[")[0]} & sides[1] for one in sides[0])


def alternatives(node: ast.expr) -> frozenset[str]:
    """The types of which a value may be one, each written in one way."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return alternatives(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return alternatives(node.left) | alternatives(node.right)
    if isinstance(node, ast.Subscript):
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        word = _word(node.value)
        if word in ("Optional", "Union"):
            rest = {"None"} if word == "Optional" else set()
            return frozenset(rest).union(*map(alternatives, inside))
        if word in ("Annotated", "Final"):
            return alternatives(inside[0])
        if word != "Literal":
            kinds = [" | ".join(sorted(alternatives(part))) for part in inside]
            told = not {"Any", "..."}.issuperset(kinds)
            return frozenset({f"{word}[{', '.join(kinds)}]" if told else word})
    return frozenset({_word(node)})


def _word(node: ast.expr) -> str:
    name = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
    return _BUILT_IN.get(name, name)
