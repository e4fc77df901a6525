"""Signatures against the interpreter's own binding of arguments."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podus.program.flow import flow
from podus.program.interface import (
    Signature,
    accepts_call,
    accepts_every_old_call,
    calls_of,
    compatible_for_callers,
    signature,
)


def signature_of(head: str, prefix: str = "def") -> Signature:
    code = compile(f"{prefix} f({head}): pass", "m.py", "exec")
    made = flow(code).makes[0]
    return signature(made.code, made)


def function_of(head: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(f"def f({head}): return locals()", namespace)
    return namespace["f"]


@st.composite
def heads(draw: st.DrawFn) -> str:
    """The parameter list of a def, over the names a to e."""
    names = draw(st.permutations("abcde"))[: draw(st.integers(0, 4))]
    split = draw(st.integers(0, len(names)))
    positional, kwonly = names[:split], names[split:]
    defaults = draw(st.integers(0, len(positional)))
    parts = [
        f"{name}=0" if len(positional) - place <= defaults else name for place, name in enumerate(positional)
    ]
    posonly = draw(st.integers(0, len(positional)))
    if posonly:
        parts.insert(posonly, "/")
    star = draw(st.booleans())
    if star:
        parts.append("*args")
    elif kwonly:
        parts.append("*")
    parts += [f"{name}=0" if draw(st.booleans()) else name for name in kwonly]
    if draw(st.booleans()):
        parts.append("**kw")
    return ", ".join(parts)


def calls() -> list[tuple[int, tuple[str, ...]]]:
    return [
        (count, keywords)
        for count in range(6)
        for size in range(4)
        for keywords in itertools.combinations("abcdez", size)
    ]


def bound(function: Any, count: int, keywords: tuple[str, ...]) -> dict[str, Any] | None:
    """What the parameters are in such a call; a default is 0. None if it is not accepted."""
    try:
        return function(*range(1, count + 1), **{name: name for name in keywords})  # type: ignore[no-any-return]
    except TypeError:
        return None


@settings(max_examples=60, deadline=None)
@given(heads())
def test_accepts_call_as_the_interpreter_does(head: str) -> None:
    function, known = function_of(head), signature_of(head)
    for count, keywords in calls():
        assert accepts_call(known, count, keywords) is (bound(function, count, keywords) is not None)
        if count:
            assert accepts_call(known, count - 1, keywords, bound=True) is accepts_call(
                known, count, keywords
            )


@settings(max_examples=300, deadline=None)
@given(heads(), heads())
def test_no_old_call_is_lost(old: str, new: str) -> None:
    before, after = function_of(old), function_of(new)
    fits, why = accepts_every_old_call(signature_of(old), signature_of(new))
    assert fits or why
    for count, keywords in calls():
        was = bound(before, count, keywords)
        if was is not None and fits:
            now = bound(after, count, keywords)
            assert now is not None
            for name, value in was.items():
                if value != 0 and name in now and name not in ("args", "kw"):
                    assert now[name] == value


@settings(max_examples=60, deadline=None)
@given(heads())
def test_the_same_interface_is_no_change(head: str) -> None:
    assert accepts_every_old_call(signature_of(head), signature_of(head)) == (True, "")


CHANGES = [
    ("a, b", "a, b, c=1", True, "takes a new optional parameter 'c'"),
    ("a, b", "a, b, rate", False, "takes a new required parameter 'rate'"),
    ("a, b", "a", False, "no longer takes a parameter 'b'"),
    ("a, b", "b, a", False, "takes 'a' in another place"),
    ("a, b", "a, c", False, "calls its parameter 'b' 'c' now"),
    ("a, b, /", "a, c, /", True, ""),
    ("a", "a, /", False, "no longer takes 'a' by keyword"),
    ("a, b", "a, *rest", False, "no longer takes 'b' by keyword"),
    ("a, b, /", "a, /, *rest", True, "takes any number of further arguments (*rest)"),
    ("a, b", "a, *, b", False, "takes 'b' by keyword only"),
    ("a, *args", "a", False, "no longer takes any number of arguments (*args)"),
    ("a, **kw", "a", False, "no longer takes any keyword (**kw)"),
    ("a, b=1", "a, b", False, "requires its parameter 'b' now"),
    ("a", "x, a", False, "takes a new parameter 'x' before 'a'"),
    ("a, *, b", "a, *, b, c", False, "takes a new required keyword 'c'"),
    ("a, *, b", "a, *, b, c=1", True, "takes a new optional keyword 'c'"),
    ("a, *, b", "a, b", True, ""),
    ("a, *, b", "a", False, "no longer takes a keyword 'b'"),
    ("a, *, b=1", "a, *, b", False, "requires its keyword 'b' now"),
    ("a, *args", "a, b=1, *args", False, "takes a new parameter 'b' before its *args"),
]


@pytest.mark.parametrize(("old", "new", "fits", "why"), CHANGES)
def test_changes_in_words(old: str, new: str, fits: bool, why: str) -> None:
    assert accepts_every_old_call(signature_of(old), signature_of(new)) == (fits, why)


def test_another_kind_of_procedure_breaks_every_caller() -> None:
    fits, why = accepts_every_old_call(signature_of("a"), signature_of("a", "async def"))
    assert not fits
    assert why == "is a coroutine now, and was an ordinary procedure"


def test_computed_defaults_are_unknown() -> None:
    code = compile("def f(a, b=make()): pass\ng = lambda x=1, *, y, z=2: x", "m.py", "exec")
    f, g = flow(code).makes
    assert signature(f.code, f).defaults == 1
    assert signature(g.code, g).kwdefaults == frozenset({"z"})
    assert signature(f.code).defaults is None
    assert accepts_call(signature(f.code), 1, ()) is None
    assert not accepts_every_old_call(signature(f.code), signature(g.code, g))[0]


@pytest.mark.parametrize(
    ("call", "fits"),
    [
        ("f(1, 2)", True),
        ("f(1, b=2)", False),
        ("f(*x)", False),
        ("f(1)", True),
        ("obj.f(1, 2)", True),
    ],
)
def test_a_rename_breaks_only_who_passes_it_by_keyword(call: str, fits: bool) -> None:
    caller = flow(compile(call, "c.py", "exec"))
    sites = [site for site, _ in calls_of(caller, "f")]
    assert sites
    ok, why = compatible_for_callers(signature_of("a, b=1"), signature_of("a, c=1"), sites)
    assert ok is fits
    assert bool(why) is not fits
    if not fits:
        assert "line 1" in why
