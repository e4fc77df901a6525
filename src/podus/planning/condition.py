"""Conditions of Dymos: ``update A when X, Y, Z idle``. Read here, with the procedures that their patterns name; and refused if they can't come true.

R. P. Cook and I. Lee, "DYMOS: A Dynamic Modification System", 1983. There a condition that never comes true is waited for for ever.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from podus.errors import Refused

_HOW = "write it as 'shop:refund, shop.tax:* idle', with `and` and `or` between several"


def parse(text: str) -> list[list[str]]:
    """The alternatives of a condition, each the patterns (``module:qualname``, with ``*``) of what must be idle.

    Raises Refused where it can't be read.
    """
    alternatives = []
    for either in re.split(r"\bor\b", text):
        patterns: list[str] = []
        for clause in re.split(r"\band\b", either):
            named, idle = re.subn(r"\s(?:is\s+|are\s+)?idle\s*$", "", clause)
            words = [word.strip() for word in named.split(",")]
            if not idle or not all(words) or any(" " in word for word in words):
                raise Refused(
                    f"{text!r} is no condition: {clause.strip() or 'a part of it is empty'!r}", _HOW
                )
            patterns += words
        alternatives.append(patterns)
    return alternatives


def matching(patterns: Iterable[str], names: Iterable[str], what: str) -> list[str]:
    """Those of the procedures ``names`` that some pattern matches. Raises Refused for a pattern that matches none."""
    known = list(names)
    found: dict[str, None] = {}
    for pattern in patterns:
        matched = [name for name in known if fnmatchcase(name, pattern)]
        if not matched:
            near = difflib.get_close_matches(pattern, known, 1)
            raise Refused(
                f"{what} names {pattern}, which no procedure of the program is called",
                f"did you mean {near[0]}?" if near else "name it as 'module:name'",
            )
        found.update(dict.fromkeys(matched))
    return list(found)
