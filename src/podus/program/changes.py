"""What differs between two versions of a program: by code, not by text. Pure data."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from types import CodeType
from typing import Any

from podus.program.body import Body, Statement
from podus.program.code import SUSPENDS, fingerprint, mangled, same
from podus.program.lambdas import address_of
from podus.program.nodes import everything_in
from podus.program.passing import add_passing, deleted
from podus.program.version import Module


@dataclass
class BodyChange:
    """What differs between two bodies of one namespace.

    ``run`` are the new and changed statements, in their order; ``previous`` gives for a name the old statement that bound it;
    ``removed`` are names that nothing binds any more; ``classes`` the classes whose bodies differ but whose heads don't (those that are
    ``empty`` in the order alone).
    """

    new: Body
    old: Body
    run: list[Statement] = field(default_factory=list)
    previous: dict[str, Statement] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    classes: list[BodyChange] = field(default_factory=list)
    # Whether what both bodies define besides procedures comes in another order.
    moved: bool = False
    kept: list[Statement] = field(default_factory=list)
    # The old statements that the new version doesn't have.
    gone: list[Statement] = field(default_factory=list)
    # Assignments of a module of which only the annotation differs.
    annotated: list[Statement] = field(default_factory=list)
    # The ids of those of a class, which run.
    same_value: set[int] = field(default_factory=set)

    @property
    def owners(self) -> tuple[str, ...]:
        """The classes around the body, outermost first."""
        return self.new.owners

    @property
    def empty(self) -> bool:
        """Whether nothing of the body has to run."""
        own = self.run or self.annotated or self.removed or self.unannotated
        return not (own or any(not c.empty for c in self.classes))

    @cached_property
    def unannotated(self) -> list[str]:
        """The names that have no annotation any more, as the class or module keeps them."""
        gone = _annotated(self.gone) - _annotated(self.new.statements) if self.gone else set()
        return sorted(mangled(name, self.owners) for name in gone)

    def run_too(self, statements: Iterable[Statement]) -> None:
        """Have these statements of the new body run as well, all in their order."""
        chosen = set(map(id, (*self.run, *statements)))
        self.run = [s for s in self.new.statements if id(s) in chosen]

    def classes_again(self) -> list[tuple[Statement, Statement]]:
        """What bound the names of classes whose statements run, and these, where something did."""
        classes = (s for s in self.run if s.kind == "class")
        return [(self.previous[s.names[-1]], s) for s in classes if s.names[-1] in self.previous]

    def all_classes(self) -> list[BodyChange]:
        """The changed classes below this body, the outer ones first, that have something to run or remove, annotations too."""
        found: list[BodyChange] = []
        for change in self.classes:
            if change.run or change.removed or change.unannotated:
                found.append(change)
            found += change.all_classes()
        return found


@dataclass
class ModuleChange:
    """What differs between two versions of one module.

    ``changed``, ``added`` and ``removed`` are qualified names of procedures; ``pairs`` maps every old procedure's name to
    its name in the new version (they differ where several share one qualified name).
    """

    old: Module
    new: Module
    changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    pairs: dict[str, str] = field(default_factory=dict)
    body: BodyChange | None = None

    @cached_property
    def old_names(self) -> dict[str, str]:
        """What procedures of the new version are called in the old one."""
        return {new: old for old, new in self.pairs.items()}

    @cached_property
    def same_around(self) -> bool:
        """Whether all is the same, and in the same order, but for what the procedures do."""
        return same(self.old.code, self.new.code, skip_procedures=True)

    @property
    def bodies(self) -> tuple[Body, Body] | None:
        """The statements of both versions; None where there is only bytecode. Raises SyntaxError if a source can't be parsed."""
        if self.old.source is None or self.new.source is None:
            return None
        assert self.old.body is not None and self.new.body is not None
        return self.old.body, self.new.body

    @property
    def lines_only(self) -> bool:
        """Whether the module behaves as before (its lines may have moved)."""
        if self.changed or self.added or self.removed:
            return False
        if self.body is None:
            return self.old.source is not None or same(self.old.code, self.new.code)
        # What assigns to an attribute binds no name that could be missed.
        return self.body.empty and not any(s.kind == "assign" and not s.names for s in self.body.gone)


def compare_modules(old: Module, new: Module, *, parse: bool = False) -> ModuleChange:
    """Compare two versions of a module; with ``parse``, its statements even where none differs.

    Raises SyntaxError if a source can't be parsed.
    """
    change = ModuleChange(old, new)
    _compare_procedures(change)
    if old.source is not None and new.source is not None and (parse or not _same_top_level(change)):
        assert change.bodies is not None
        change.body = compare_bodies(*change.bodies)
    return change


_ALIAS = re.compile(rb"^[ \t]*type\s+\w", re.MULTILINE)


def _same_top_level(change: ModuleChange) -> bool:
    """Whether no statement outside procedures differs: the common case, seen from the code without parsing anything.

    A lambda may have shaped what a statement computed, so a changed one is looked at in its statement; and a decorator may have asked whether
    it was given a generator or a coroutine.
    """
    if any("<lambda>" in name for name in change.changed) or change.added or change.removed:
        return False
    changed = set(change.changed)
    old, new = change.old.procedures, change.new.procedures
    kinds = ((old[o].co_flags, new[n].co_flags) for o, n in change.pairs.items() if n in changed)
    if any((before ^ after) & SUSPENDS for before, after in kinds):
        return False
    # What a type alias stands for is a procedure to the compiler alone.
    if change.changed and _ALIAS.search(change.new.source or b""):
        return False
    return change.same_around


def _compare_procedures(change: ModuleChange) -> None:
    # A procedure has changed when one nested in it has: it is what makes the nested one.
    groups: dict[str, tuple[list[str], list[str]]] = {}
    for side, module in enumerate((change.old, change.new)):
        for name, code in module.procedures.items():
            groups.setdefault(code.co_qualname, ([], []))[side].append(name)
    for before, after in groups.values():
        pairs = _pair(before, after, change)
        for old_name, new_name in pairs:
            change.pairs[old_name] = new_name
            if not same(change.old.procedures[old_name], change.new.procedures[new_name]):
                change.changed.append(new_name)
        paired_old = {o for o, _ in pairs}
        paired_new = {n for _, n in pairs}
        change.removed += [name for name in before if name not in paired_old]
        change.added += [name for name in after if name not in paired_new]


def _pair(before: list[str], after: list[str], change: ModuleChange) -> list[tuple[str, str]]:
    """Pair procedures of one qualified name: first those that stand in the same statement, as that is not run again for them."""
    if (
        _is_lambda(before)
        and change.bodies is not None
        and not any("<locals>" in n for n in (*before, *after))
    ):
        return _pair_lambdas(before, after, change, change.bodies)
    return _pair_others(before, after, change)


def _pair_lambdas(
    before: list[str], after: list[str], change: ModuleChange, bodies: tuple[Body, Body]
) -> list[tuple[str, str]]:
    """Pair those that stand under the same key; one that stands under another one is another lambda, unless it does the same."""
    had = {name: address_of(bodies[0], change.old.procedures[name]) for name in before}
    has = {name: address_of(bodies[1], change.new.procedures[name]) for name in after}
    places = {place: name for name, place in has.items() if place}
    pairs = [(name, places[place]) for name, place in had.items() if place in places]
    rest = _unpaired(before, after, pairs)
    same = _identical(*rest, change)
    pairs += same
    left = _unpaired(*rest, same)
    unnamed = [n for n in left[0] if not had[n]], [n for n in left[1] if not has[n]]
    return pairs + (_pair_others(*unnamed, change) if all(unnamed) else [])


def _pair_others(before: list[str], after: list[str], change: ModuleChange) -> list[tuple[str, str]]:
    old, new = change.old.procedures, change.new.procedures
    if len(before) == 1 and len(after) == 1:
        return [(before[0], after[0])]
    nested = any("<locals>" in name for name in [*before, *after])
    if change.same_around and not nested:
        return list(zip(before, after, strict=True))
    pairs: list[tuple[str, str]] = []
    bodies = None if nested else change.bodies
    if bodies is not None:
        for here, there in _together((before, after), change, bodies).values():
            pairs += zip(here, there, strict=True) if len(here) == len(there) else _alike(here, there, change)
        if _is_lambda(before):
            # What binds the same names, whatever else is different in it.
            there_too = _together(_unpaired(before, after, pairs), change, bodies, by_names=True)
            pairs += [pair for place, names in there_too.items() if place for pair in _alike(*names, change)]
    pairs += _identical(*_unpaired(before, after, pairs), change)
    if bodies is not None and not _is_lambda(before):
        pairs += _decorated_alike(_unpaired(before, after, pairs), old, new, bodies)
    return pairs + _in_order(*_unpaired(before, after, pairs))


def _is_lambda(names: list[str]) -> bool:
    return bool(names) and names[0].partition("#")[0].endswith("<lambda>")


def _together(
    names: tuple[list[str], list[str]],
    change: ModuleChange,
    bodies: tuple[Body, Body],
    *,
    by_names: bool = False,
) -> dict[tuple[str, ...], tuple[list[str], list[str]]]:
    """Procedures of both versions by the statement that they stand in; see :func:`_place`."""
    found: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for side, module in enumerate((change.old, change.new)):
        for name in names[side]:
            place = _place(bodies[side], module.procedures[name].co_firstlineno, by_names=by_names)
            found.setdefault(place, ([], []))[side].append(name)
    return found


def _unpaired(
    before: list[str], after: list[str], pairs: list[tuple[str, str]]
) -> tuple[list[str], list[str]]:
    gone, come = {one for one, _ in pairs}, {other for _, other in pairs}
    return [name for name in before if name not in gone], [name for name in after if name not in come]


def _decorated_alike(
    names: tuple[list[str], list[str]],
    old: dict[str, CodeType],
    new: dict[str, CodeType],
    bodies: tuple[Body, Body],
) -> list[tuple[str, str]]:
    """Pair those with the same decorators, the last ones first: of several definitions (overloads) it is the last that counts."""
    kinds: dict[tuple[str, ...], tuple[list[str], list[str]]] = {}
    for side, procedures in enumerate((old, new)):
        for name in names[side]:
            kind = _decorators(bodies[side], procedures[name].co_firstlineno)
            kinds.setdefault(kind, ([], []))[side].append(name)
    return [
        pair for here, there in kinds.values() for pair in zip(reversed(here), reversed(there), strict=False)
    ]


def _decorators(body: Body, line: int) -> tuple[str, ...]:
    for statement in body.statements:
        if statement.line <= line <= (statement.node.end_lineno or 0):
            if statement.body is not None:
                return _decorators(statement.body, line)
            return tuple(map(ast.dump, getattr(statement.node, "decorator_list", ())))
    return ()


def _place(body: Body, line: int, *, by_names: bool = False) -> tuple[str, ...]:
    """The statement of a module or of its classes that ``line`` is in: what it says, or (``by_names``) what it binds, if anything."""
    for statement in body.statements:
        if statement.line <= line <= (statement.node.end_lineno or 0):
            if statement.body is not None:
                inner = _place(statement.body, line, by_names=by_names)
                return (statement.names[-1], *inner) if inner else ()
            return statement.names if by_names else (statement.head,)
    return ()


def _identical(before: list[str], after: list[str], change: ModuleChange) -> list[tuple[str, str]]:
    """Pair those that do the same."""
    left = {name: fingerprint(change.old.procedures[name]) for name in before}
    right = {name: fingerprint(change.new.procedures[name]) for name in after}
    pairs: list[tuple[str, str]] = []
    free = list(after)
    for name in before:
        found = next((other for other in free if right[other] == left[name]), None)
        if found is not None:
            pairs.append((name, found))
            free.remove(found)
    return pairs


def _in_order(before: list[str], after: list[str]) -> list[tuple[str, str]]:
    """Pair what is left in order; lambdas only if there are as many, as nothing else tells which is which."""
    if _is_lambda(before) and len(before) != len(after):
        return []
    return list(zip(before, after, strict=False))


def _alike(before: list[str], after: list[str], change: ModuleChange) -> list[tuple[str, str]]:
    """Pair those that do the same first, then the rest."""
    pairs = _identical(before, after, change)
    return pairs + _in_order(*_unpaired(before, after, pairs))


def _annotated(statements: Iterable[Statement]) -> set[str]:
    """The names that statements annotate in their own namespace."""
    return {
        part.target.id
        for statement in statements
        if statement.kind not in ("def", "class")
        for part in everything_in(statement.node)
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
    }


def compare_bodies(old: Body, new: Body) -> BodyChange:
    """Which statements of ``new`` have to run in a namespace in which those of ``old`` have run."""
    change = BodyChange(new, old)
    for statement in old.statements:
        for name in statement.names:
            change.previous[name] = statement
    if old is new:
        return change
    unmatched_old, unmatched_new = _unmatched(old.statements, new.statements)
    change.gone = unmatched_old
    # Classes are matched by name: their bodies are compared statement by statement.
    old_classes = {s.names[-1]: s for s in old.statements if s.kind == "class"}
    for statement in new.statements:
        if statement.kind == "class":
            before = old_classes.get(statement.names[-1])
            if before is not None and statement not in unmatched_new:
                assert before.body is not None and statement.body is not None
                inner = compare_bodies(before.body, statement.body)
                if not inner.empty or inner.moved or inner.gone:
                    change.classes.append(inner)
    same_value = _same_values(old, new, unmatched_old, unmatched_new)
    if old.owners:
        # Who makes a class may look at the annotation alone.
        change.same_value, same_value = same_value, set()
    for statement in unmatched_new:
        if statement.kind == "main":
            change.kept.append(statement)
        elif id(statement) in same_value:
            change.annotated.append(statement)
        else:
            change.run.append(statement)
    _bring_back(change, unmatched_old)
    chained = _chained(old, new) | _wrapped(old)
    _run_chains(change, chained & {n for s in [*unmatched_old, *unmatched_new] for n in s.names})
    gone = {name for s in unmatched_old for name in s.names}
    change.removed = sorted((gone - new.binds()) | (deleted(new) - deleted(old)) & old.binds())
    was, now = _order(old, unmatched_old), _order(new, unmatched_new)
    change.moved = was != now and sorted(was) == sorted(now)
    _add_derived(change, new)
    _add_later(change, new)
    add_passing(change)
    return change


def _same_values(old: Body, new: Body, gone: list[Statement], come: list[Statement]) -> set[int]:
    """Those of the statements ``come`` that give a name the value that one of ``gone`` gave it, and differ in its annotation alone."""
    values = [{s.names: _value(s) for s in side if _value(s)} for side in (gone, come)]
    several = {name for body in (old, new) for name, n in _bindings(body).items() if n > 1}
    return {
        id(s)
        for s in come
        if values[1].get(s.names)
        and values[1][s.names] == values[0].get(s.names)
        and s.names[0] not in several
    }


def _bindings(body: Body) -> Counter[str]:
    return Counter(name for statement in body.statements for name in statement.names)


def _value(statement: Statement) -> str:
    """The value that a statement gives one name, as :attr:`Statement.head` has it; "" if it does something else."""
    node = statement.node
    targets: list[Any] = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if statement.kind != "assign" or len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return ""
    value = getattr(node, "value", None)
    return (
        Statement(ast.Assign(targets, value), "assign", statement.names, ()).head if value is not None else ""
    )


def complete(change: BodyChange) -> None:
    """Add to what runs the other definitions of the same names, where statements have been added: a name must have what its last statement gives."""
    _run_chains(change, _chained(change.new) & {n for s in change.run for n in s.names})
    _add_later(change, change.new)
    add_passing(change)


def follow_on(change: BodyChange) -> None:
    """Add to what runs what follows from statements that have been added, in the same body."""
    _add_derived(change, change.new)
    complete(change)


def _run_chains(change: BodyChange, names: set[str]) -> None:
    for name in names:
        _run_again(change, name)


def _chained(*bodies: Body) -> set[str]:
    """Names that several definitions make together: a property's getter and its setter (``@x.setter``), overloads."""
    return {
        statement.names[-1]
        for body in bodies
        for statement in body.statements
        if isinstance(statement.node, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in statement.node.decorator_list
        if _goes_on(decorator, statement.node.name)
    }


def _wrapped(body: Body) -> set[str]:
    """The names of definitions that an assignment then wraps (``f = cached(f)``): what the name has is not what the definition made."""
    defined: set[str] = set()
    found: set[str] = set()
    for statement in body.statements:
        if statement.kind in ("def", "class"):
            defined |= {*statement.names}
        elif _wraps(statement):
            found |= defined & {*statement.names} & statement.reads
    return found


def _wraps(statement: Statement) -> bool:
    return statement.kind == "assign" and not statement.reads.isdisjoint(statement.names)


def _goes_on(decorator: ast.expr, name: str) -> bool:
    if isinstance(decorator, ast.Attribute):
        own = isinstance(decorator.value, ast.Name) and decorator.value.id == name
        return own or decorator.attr == "overload"
    return isinstance(decorator, ast.Name) and decorator.id == "overload"


def _bring_back(change: BodyChange, gone: list[Statement]) -> None:
    """A ``del`` that is gone has taken away what other statements made: those run again, though they are the same."""
    for statement in gone:
        if not isinstance(statement.node, ast.Delete):
            continue
        targets = list(statement.node.targets)
        for target in targets:
            if isinstance(target, ast.Tuple | ast.List):
                targets += target.elts
            elif isinstance(target, ast.Name):
                _run_again(change, target.id)
            elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                _run_again(_inner(change, target.value.id), target.attr)


def _inner(change: BodyChange, name: str) -> BodyChange | None:
    """The change of a class that goes on, made if nothing else of it differs."""
    for known in change.classes:
        if known.owners[-1] == name:
            return known
    found = change.new.last(name)
    if found is None or found.body is None or found in change.run:
        return None
    change.classes.append(BodyChange(found.body, found.body))
    return change.classes[-1]


def _run_again(change: BodyChange | None, name: str) -> None:
    if change is not None:
        change.run_too(s for s in change.new.statements if name in s.names)


def _order(body: Body, unmatched: list[Statement]) -> list[str]:
    """What both bodies define besides procedures, in the order of this one."""
    left_out = set(map(id, unmatched))
    return [s.head for s in body.statements if s.kind in ("assign", "other") and id(s) not in left_out]


def _unmatched(old: list[Statement], new: list[Statement]) -> tuple[list[Statement], list[Statement]]:
    """The statements that only one side has; order plays no part, so that a statement that moved doesn't run again."""
    several = {head for side in (old, new) for head, n in Counter(s.head for s in side).items() if n > 1}
    keys: list[Callable[[Statement], object]] = [
        # Of several with one head (`register(lambda: …)`) those that are the same inside as well belong together.
        lambda s: ast.dump(s.node) if s.head in several else id(s),
        lambda s: s.head,
        lambda s: s.compiled_head,
    ]
    for key in keys:
        if old and new:
            both = Counter(map(key, old)) & Counter(map(key, new))
            old, new = _without(old, both, key), _without(new, both, key)
    return old, new


def _without(
    statements: list[Statement], matched: Counter[object], key: Callable[[Statement], object]
) -> list[Statement]:
    left = matched.copy()
    found = []
    for statement in statements:
        if left[key(statement)] > 0:
            left[key(statement)] -= 1
        else:
            found.append(statement)
    return found


def _add_derived(change: BodyChange, new: Body) -> None:
    """Constants that are computed from changed constants follow them, if computing them has no other effect."""
    moved = {name for s in change.run if s.kind == "assign" and s.pure for name in s.names}
    chosen = set(map(id, change.run))
    for statement in new.statements:
        if (
            id(statement) not in chosen
            and statement.kind == "assign"
            and statement.pure
            and statement.reads & moved
        ):
            chosen.add(id(statement))
            moved |= set(statement.names)
    change.run = [s for s in new.statements if id(s) in chosen]


def imports(node: ast.stmt) -> bool:
    """Whether a statement does no more than import names, or try to."""
    if isinstance(node, ast.ImportFrom):
        return node.names[0].name != "*"
    if not isinstance(node, ast.Try):
        return isinstance(node, ast.Import)
    inner = [
        *node.body,
        *node.orelse,
        *node.finalbody,
        *(s for handler in node.handlers for s in handler.body),
    ]
    return all(isinstance(part, ast.Pass) or imports(part) for part in inner)


def _add_later(change: BodyChange, new: Body) -> None:
    """Of several definitions of one name (overloads, a docstring and a property of its name, a wrapped one) the last one counts: it runs after the others."""
    chosen = set(map(id, change.run))
    bound: set[str] = set()
    for statement in new.statements:
        if id(statement) not in chosen:
            repeats = statement.kind in ("def", "docstring") or statement.pure or _wraps(statement)
            repeats = repeats or imports(statement.node)
            if not repeats or not bound & set(statement.names):
                continue
            chosen.add(id(statement))
        bound |= {*statement.names} - {"_"}
    change.run = [s for s in new.statements if id(s) in chosen]
