"""Whether a frame that leaves a loop of one version has what the other version's loop goes on with, or only seems to."""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from types import CodeType
from typing import TYPE_CHECKING

from podus.frames.fresh import BUILT
from podus.planning.fresh import fresh
from podus.program.code import walk
from podus.program.loops import Loop, bound_at, needed
from podus.program.operands import STORES_NAME, any_named
from podus.program.prologue import Prologue, Step, bound_once, changeable, kinds, parts_of, reads

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.program.version import Module

# So many procedures are followed from a statement that calls some.
_MANY = 300


@dataclass
class Side:
    """One version of a procedure, and one of its loops."""

    code: CodeType
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    loop: Loop

    @cached_property
    def before(self) -> Prologue:
        """What stands before the loop."""
        assert self.loop.stmt is not None
        return Prologue(self.node, self.loop.stmt)

    @cached_property
    def reads(self) -> set[str]:
        """The globals and attributes that are read from the loop on."""
        return reads(self.code, self.loop.enter)

    @cached_property
    def wants(self) -> set[str]:
        """The variables that are read from the loop on."""
        return needed(self.code, self.loop.enter)

    @property
    def variables(self) -> set[str]:
        """All variables of the procedure."""
        return {*self.code.co_varnames, *self.code.co_cellvars, *self.code.co_freevars}


class Carried:
    """What is to be said of a frame that leaves ``old`` for ``new``; ``forward`` says which of them is the plan's new version."""

    def __init__(
        self, compiler: Compiler, module: Module, old: Side, new: Side, forward: bool, mapped: set[str]
    ) -> None:
        self.compiler = compiler
        # Of the version of ``new``.
        self.module = module
        # The names of data that a mapper converts.
        self.mapped = mapped - old.variables
        self.old = old
        self.new = new
        self.forward = forward
        self.loop = f"its loop `{new.loop.kind} {new.loop.text}` (line {new.loop.line})"

    def given(self) -> tuple[dict[str, str], str]:
        """What the new version gives new variables before the loop, as text; and the first of them of which that can't be told."""
        found: dict[str, str] = {}
        for name in sorted(self.new.wants - self.old.variables):
            text = self._made(name)
            if text is not None:
                found[name] = text
            elif name in self._bound_before or name in self._surely_wanted:
                return found, name
        return found, ""

    @cached_property
    def _bound_before(self) -> set[str]:
        return bound_at(self.new.code, [self.new.loop.enter])

    @cached_property
    def _surely_wanted(self) -> set[str]:
        """The variables that are read from the loop on otherwise than behind a ``with`` that would have to swallow an exception before it has bound them.

        A new process has none either in its first iteration: it raises an UnboundLocalError there.
        """
        derived = self.compiler.derived
        swallowing = (derived.new if self.forward else derived.old).swallowing
        never = swallowing.passed_on(self.new.code, self.new.node)
        return needed(self.new.code, self.new.loop.enter, never)

    def needs(self) -> tuple[set[str], set[str], dict[str, str]]:
        """The variables that must be bound; those of them that may not be; and what the new version gives others that may not be, as text.

        One that the new version may not have bound either, and that the old one might read all the same, is as it should be.
        """
        mine = self.new.wants & self.old.variables - set(self.new.code.co_freevars)
        maybe = mine - bound_at(self.old.code, [*self.old.loop.leaves, *self.old.loop.jumps])
        if not maybe:
            return mine, set(), {}
        lacked = maybe - (self.old.wants - self._bound_before)
        made = {name: text for name in sorted(lacked) if (text := self._made(name)) is not None}
        unsure = lacked - made.keys()
        return mine - maybe | unsure, unsure, made

    def _made(self, name: str) -> str | None:
        """The text that makes what the new version gives a variable before the loop, if that is made of nothing."""
        value = self.new.before.value(name)
        own = self.new.variables | {word for word in BUILT if any_named(self.module.code, STORES_NAME, word)}
        return None if value is None else fresh(value, self._library, own)

    def _library(self, node: ast.expr) -> str:
        derived = self.compiler.derived
        return (derived.new if self.forward else derived.old).library(self.module, node)

    @cached_property
    def replaced(self) -> dict[str, str]:
        """The literals that the new version has for variables that are constants of the old one: nothing but its text says what they are."""
        found: dict[str, str] = {}
        for name in sorted(self.new.wants & self.old.variables - set(self.new.code.co_freevars)):
            literal, before = self.new.before.literal(name), self.old.before.literal(name)
            if literal is None or before is None or not self._is_constant(name):
                continue
            if ast.dump(literal) != ast.dump(before):
                found[name] = ast.unparse(literal)
        return found

    def held(self) -> str:
        """Why what lies on the frame's value stack is not what the new version would have put there."""
        parts = parts_of(self.old.node, self.mapped) | self.mapped if self.mapped else set[str]()
        for one in self.new.loop.held:
            for name in sorted(one.names):
                if name in parts:
                    return f"`{one.text}` has begun {self.loop} with what a mapper converts"
                if self.old.before.forms(name) != self.new.before.forms(name):
                    return f"{name} is made in another way before {self.loop}, which goes on with what `{one.text}` gave it"
        return ""

    def obstacle(self, given: Iterable[str]) -> str:
        """Why the frame's variables, and what it has done, are not what the new version goes on with; "" if they may well be."""
        return self._changed() or self._lost(given) or self._undone()

    def _changed(self) -> str:
        old, new = self.old, self.new
        parts = parts_of(old.node, self.mapped) if self.mapped else set[str]()
        for name in sorted(new.wants & parts):
            return f"{name} holds something of what a mapper converts in {self.loop}"
        for name in sorted(new.wants & old.variables - set(new.code.co_freevars) - self.replaced.keys()):
            if old.before.forms(name) != new.before.forms(name):
                return f"{name} gets its value in another way before {self.loop}"
            had, _ = kinds(old.node, name)
            has, more = kinds(new.node, name)
            if had - has and not more:
                return f"{name} may be of the type {min(had - has)} in {self.loop}, which the new version never makes it"
        return ""

    def _lost(self, given: Iterable[str]) -> str:
        """Whether a variable that is gone may live on as something else: then what it holds must not be lost."""
        old, new = self.old, self.new
        for name in sorted(old.wants - new.variables):
            if self._is_constant(name):
                continue
            if name in new.reads - old.reads:
                return f"{name} is no variable of its own any more in {self.loop}, and podus can't tell what becomes of what it holds"
            had, unknown = kinds(old.node, name)
            for other in given:
                if unknown or not had or had & kinds(new.node, other)[0]:
                    return f"{other} is new in {self.loop}, and {name} is gone: podus can't tell whether it is the same"
        return ""

    def _is_constant(self, name: str) -> bool:
        """Whether a variable of the old version is a literal that nothing changes."""
        literal = self.old.before.literal(name)
        if literal is None or name in self.old.code.co_cellvars or not bound_once(self.old.node, name):
            return False
        return not changeable(literal)

    def _undone(self) -> str:
        """Whether the new version has done something before the loop that it goes on with."""
        for step in self._not_done:
            if not (step.attributes and step.attributes <= self._brought) and self._is_missed(step):
                return f"`{step.text}` (line {step.line}) stands before {self.loop}, and who is in it has not done that"
        return ""

    @cached_property
    def _brought(self) -> set[str]:
        """The fields that live objects of the procedure's class get because they have gone through it."""
        cls = f"{self.module.name}:{self.new.code.co_qualname.rpartition('.')[0]}"
        parts = (part for part in self.compiler.plan.objects if self.forward and part.after == cls)
        return {field.name for part in parts for field in part.fields if field.beside}

    @cached_property
    def _not_done(self) -> list[Step]:
        return self.new.before.missing(self.old.before)

    def _is_missed(self, step: Step) -> bool:
        new = self.new
        if step.filled & (new.wants | new.reads) or (step.attributes | step.shared) & new.reads:
            return True
        if step.shared & {*new.code.co_freevars, *new.wants}:
            return True
        # Others read it, and nobody else has ever made it.
        if any(self._is_unknown(name) and self._is_read(name) for name in step.attributes | step.shared):
            return True
        return any(self._is_unknown(name) for name in self._made_by(step.called) & new.reads)

    def _is_unknown(self, name: str) -> bool:
        return name not in self._mentioned(not self.forward)

    def _is_read(self, name: str) -> bool:
        return any(code is not self.new.code for _, code in self._mentioned(self.forward).get(name, ()))

    def _mentioned(self, new: bool) -> dict[str, list[tuple[str, CodeType]]]:
        return self.compiler.mentions_in_new if new else self.compiler.mentions_in_old

    def _made_by(self, called: set[str]) -> set[str]:
        """The attributes and globals that procedures of these names may set, or those that they call."""
        if not called:
            return set()
        version = self.compiler.new if self.forward else self.compiler.old
        named: dict[str, list[CodeType]] = {}
        for module in version.modules.values():
            for qualname, code in module.procedures.items():
                parts = qualname.split(".")
                named.setdefault(
                    parts[-2] if parts[-1] == "__init__" and parts[1:] else parts[-1], []
                ).append(code)
        found: set[str] = set()
        seen, todo = set(called), list(called)
        while todo and len(seen) < _MANY:
            for code in named.get(todo.pop(), ()):
                for inner in walk(code):
                    found |= _stored(inner)
                    more = [name for name in inner.co_names if name in named and name not in seen]
                    seen.update(more)
                    todo += more
        return found

    def skipped(self) -> list[str]:
        """What the new version does before the loop, in words, that a frame does not do which moves."""
        known = {step.text for step in self.old.before.steps}
        carried = self.new.wants & self.old.variables - self.replaced.keys()
        found = []
        for step in self.new.before.steps:
            if step.text in known:
                continue
            # Of what is the same but for a constant only what is read later matters.
            sets = {binding.name for binding in step.bindings} & carried or step.attributes & self.new.reads
            if sets or (step in self._not_done and step.acts):
                found.append(
                    f"`{step.text}` (line {step.line}) stands before {self.loop}, and is not run for who is in it"
                )
        return found


def _stored(code: CodeType) -> set[str]:
    names = ("STORE_ATTR", "STORE_GLOBAL")
    return {str(row.argval) for row in dis.get_instructions(code) if row.opname in names}
