"""Signatures: what a procedure accepts, and whether a new one accepts every call that the old one did.

A signature is read from the code object; how many parameters have defaults is not in it but where the function is made
(:class:`podus.program.symbols.Made`), and unknown where that is not found or the code computes it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType

from podus.program.flow import Flow
from podus.program.symbols import Attr, Call, Free, Global, Local, Made, Symbol

_KIND = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_KINDS = {
    0: "an ordinary procedure",
    inspect.CO_GENERATOR: "a generator",
    inspect.CO_COROUTINE: "a coroutine",
    inspect.CO_ASYNC_GENERATOR: "an asynchronous generator",
}


@dataclass(frozen=True)
class Signature:
    """The parameters of a procedure.

    ``names`` are the positional ones in order, the first ``posonly`` of them positional-only; ``kwonly`` the keyword-only
    ones. ``defaults`` is how many of ``names`` (from the right) have a default, ``kwdefaults`` which of ``kwonly``; None where
    that is unknown. ``star`` and ``kwstar`` are the names of ``*args`` and ``**kwargs`` ("" if there are none).
    ``kind`` says in words what calling it gives: an ordinary procedure, a generator, …
    """

    names: tuple[str, ...]
    posonly: int = 0
    kwonly: tuple[str, ...] = ()
    star: str = ""
    kwstar: str = ""
    defaults: int | None = 0
    kwdefaults: frozenset[str] | None = frozenset()
    kind: str = _KINDS[0]

    @property
    def required(self) -> tuple[str, ...]:
        """The positional parameters that surely have no default; all of them may have one where ``defaults`` is unknown."""
        if self.defaults is None:
            return ()
        return self.names[: max(0, len(self.names) - self.defaults)]

    @property
    def required_kwonly(self) -> frozenset[str]:
        """The keyword-only parameters that surely have no default."""
        return frozenset() if self.kwdefaults is None else frozenset(self.kwonly) - self.kwdefaults


def signature(code: CodeType, made: Made | None = None) -> Signature:
    """The signature of ``code``; ``made`` is the record of its making (from the flow of the code around it), if there is one."""
    names = code.co_varnames
    positional, total = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    flags = code.co_flags
    star = names[total] if flags & inspect.CO_VARARGS else ""
    kwstar = names[total + bool(star)] if flags & inspect.CO_VARKEYWORDS else ""
    return Signature(
        names=names[:positional],
        posonly=code.co_posonlyargcount,
        kwonly=names[positional:total],
        star=star,
        kwstar=kwstar,
        defaults=made.defaults if made else None,
        kwdefaults=None if made is None or made.kwdefaults is None else frozenset(made.kwdefaults),
        kind=_KINDS.get(flags & _KIND, _KINDS[0]),
    )


def accepts_every_old_call(old: Signature, new: Signature) -> tuple[bool, str]:
    """Whether every call that ``old`` accepts is accepted by ``new`` with the same meaning, and in words what changed.

    The sentence is empty where nothing did. Where it is unknown whether a parameter has a default, the answer is no
    unless both signatures are unknown alike and have the same parameters.
    """
    broken: list[str] = []
    fine: list[str] = []
    if old.kind != new.kind:
        broken.append(f"is {new.kind} now, and was {old.kind}")
    _compare_positional(old, new, broken, fine)
    _compare_keywords(old, new, broken, fine)
    if old.star and not new.star:
        broken.append(f"no longer takes any number of arguments (*{old.star})")
    elif new.star and not old.star:
        fine.append(f"takes any number of further arguments (*{new.star})")
    if old.kwstar and not new.kwstar:
        broken.append(f"no longer takes any keyword (**{old.kwstar})")
    elif new.kwstar and not old.kwstar:
        fine.append(f"takes any further keyword (**{new.kwstar})")
    return not broken, "; ".join(broken or fine)


def _compare_positional(old: Signature, new: Signature, broken: list[str], fine: list[str]) -> None:
    common = min(len(old.names), len(new.names))
    gone = set(old.names) - set(new.names)
    for index in range(common):
        before, after = old.names[index], new.names[index]
        if before == after:
            if index < new.posonly and index >= old.posonly:
                broken.append(f"no longer takes {before!r} by keyword")
            elif old.kwstar and new.posonly <= index < old.posonly:
                broken.append(f"no longer leaves the keyword {before!r} to its **{old.kwstar}")
            continue
        if before in new.names:
            if after in old.names:
                broken.append(f"takes {before!r} in another place")
            else:
                broken.append(f"takes a new parameter {after!r} before {before!r}")
            break
        if after in old.names or after in old.kwonly:
            broken.append(f"takes {after!r} in another place")
            break
        if before in new.kwonly:
            broken.append(f"takes {before!r} by keyword only")
        elif index >= old.posonly:
            broken.append(f"calls its parameter {before!r} {after!r} now")
        elif old.kwstar and index >= new.posonly:
            broken.append(f"no longer leaves the keyword {after!r} to its **{old.kwstar}")
    for index in range(common, len(old.names)):
        name = old.names[index]
        if name in new.kwonly:
            broken.append(f"takes {name!r} by keyword only")
        elif not new.star:
            broken.append(f"no longer takes a parameter {name!r}")
        elif index >= old.posonly:
            broken.append(f"no longer takes {name!r} by keyword")
    if broken and gone:
        return
    _compare_defaults(old, new, common, broken, fine)


def _compare_defaults(
    old: Signature, new: Signature, common: int, broken: list[str], fine: list[str]
) -> None:
    if new.defaults is None or old.defaults is None:
        if (old.defaults, len(old.names)) != (new.defaults, len(new.names)):
            broken.append("has parameters of which it is unknown whether they have a default")
        return
    optional = set(old.names[len(old.names) - old.defaults :])
    for index, name in enumerate(new.names):
        is_required = index < len(new.names) - new.defaults
        if index >= common:
            if name in old.names:
                continue  # in another place: said already
            if name in old.kwonly:
                if is_required and name not in old.required_kwonly:
                    broken.append(f"requires its parameter {name!r} now")
                elif old.star:
                    broken.append(f"takes {name!r} in another place")
            elif is_required:
                broken.append(f"takes a new required parameter {name!r}")
            elif old.star:
                broken.append(f"takes a new parameter {name!r} before its *{old.star}")
            else:
                fine.append(f"takes a new optional parameter {name!r}")
        elif is_required and old.names[index] in optional:
            broken.append(f"requires its parameter {name!r} now")


def _compare_keywords(old: Signature, new: Signature, broken: list[str], fine: list[str]) -> None:
    by_keyword = {*new.names[new.posonly :], *new.kwonly}
    for name in old.kwonly:
        if name not in by_keyword and (not new.kwstar or name in new.names):
            broken.append(f"no longer takes a keyword {name!r}")
    for name in new.kwonly:
        known = name in old.kwonly or name in old.names[old.posonly :]
        if not known and old.kwdefaults is not None and name in new.required_kwonly:
            broken.append(f"takes a new required keyword {name!r}")
        elif not known and new.kwdefaults is not None:
            fine.append(f"takes a new optional keyword {name!r}")
        elif name in old.kwonly and name in new.required_kwonly and name in (old.kwdefaults or ()):
            broken.append(f"requires its keyword {name!r} now")
    unknown = (old.kwdefaults is None, new.kwdefaults is None)
    if any(unknown) and new.kwonly and (unknown != (True, True) or set(old.kwonly) != set(new.kwonly)):
        broken.append("has keywords of which it is unknown whether they have a default")


def accepts_call(
    new: Signature,
    nargs: int,
    kwnames: Iterable[str],
    star: bool = False,
    *,
    bound: bool = False,
    kwstar: bool = False,
) -> bool | None:
    """Whether ``new`` accepts a call with ``nargs`` positional arguments and the keywords ``kwnames``.

    ``star`` and ``kwstar``: more arguments or keywords are unpacked at the call; ``bound``: it is called as a bound method,
    so that its first parameter is given. None where it can't be told.
    """
    given = nargs + bound
    keywords = set(kwnames)
    if given > len(new.names) and not new.star:
        return False
    by_keyword = {*new.names[new.posonly :], *new.kwonly}
    if keywords - by_keyword and not new.kwstar:
        return False
    if keywords & set(new.names[new.posonly : given]):
        return False
    unfilled = [
        name
        for index, name in enumerate(new.names[: len(new.names) - (new.defaults or 0)])
        if index >= given and not (name in keywords and index >= new.posonly)
    ]
    missing = [name for name in new.kwonly if name not in keywords and name not in (new.kwdefaults or ())]
    if star or kwstar:
        return None
    if (new.defaults is None and unfilled) or (new.kwdefaults is None and missing):
        return None
    return not unfilled and not missing


def calls_of(caller: Flow, name: str) -> list[tuple[Call, bool]]:
    """The calls in ``caller`` of something of that (last) name, each with whether it may be bound (``x.name()``)."""
    found: list[tuple[Call, bool]] = []
    for call in caller.calls:
        callee: Symbol = call.callee
        if isinstance(callee, Attr) and callee.name == name:
            found.append((call, True))
        elif isinstance(callee, Global | Local | Free) and callee.name == name:
            found.append((call, False))
    return found


def compatible_for_callers(
    old: Signature, new: Signature, sites: Iterable[Call], *, method: bool | None = False
) -> tuple[bool, str]:
    """Whether these known calls of the old signature are all accepted by the new one with the same meaning.

    ``method`` is whether the procedure is called as a bound method (None: both ways are possible). A parameter that
    was renamed breaks nobody who passes it by position. The sentence says what breaks, "" if nothing does.
    """
    fits, why = accepts_every_old_call(old, new)
    if fits:
        return True, ""
    if old.kind != new.kind:
        return False, why
    for call in sites:
        for bound in (False, True) if method is None else (method,):
            if accepts_call(old, len(call.args), call.keywords, bound=bound) is False and not call.star:
                continue  # the old one would not have accepted it: it is a call of another procedure
            if call.star or call.kwstar or not _same_meaning(old, new, len(call.args), call.keywords, bound):
                return False, f"the call in line {call.line} does not fit: it {why}"
    return True, ""


def _same_meaning(old: Signature, new: Signature, nargs: int, kwnames: Iterable[str], bound: bool) -> bool:
    keywords = tuple(kwnames)
    if accepts_call(new, nargs, keywords, bound=bound) is not True:
        return False
    given = nargs + bound
    for index in range(min(given, len(old.names))):
        before = old.names[index]
        after = new.names[index] if index < len(new.names) else None
        if before != after and (before in new.names or before in new.kwonly or (after in old.names)):
            return False
    by_keyword = {*new.names[new.posonly :], *new.kwonly}
    return all(
        name in by_keyword or (bool(new.kwstar) and name not in (*old.names, *old.kwonly))
        for name in keywords
    )
