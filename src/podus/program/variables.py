"""Names and attributes in the symbolic pass: the half of :mod:`podus.program.evaluate` that loads and stores."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import CodeType

from podus.program.symbols import (
    NULL,
    UNKNOWN,
    Attr,
    Call,
    Const,
    Flow,
    Free,
    Global,
    Import,
    Local,
    Made,
    Super,
    Symbol,
    Written,
)

# Where the mark of a callee that is no bound method lies: below the callee up to 3.12, above it since.
NULL_AFTER = sys.version_info >= (3, 13)
# Whether LOAD_ATTR loads methods too, by the lowest bit of its operand.
METHOD_BIT = sys.version_info >= (3, 12)


class Variables:
    """The stack of symbols of one code object, and what is loaded and stored by name."""

    __slots__ = (
        "bound",
        "cells",
        "code",
        "consts",
        "flow",
        "kwnames",
        "line",
        "names",
        "stack",
        "tracks",
        "variables",
    )

    def __init__(self, into: Flow, code: CodeType, bound: Mapping[str, Symbol] | None = None) -> None:
        self.flow = into
        self.code = code
        self.bound = bound or {}
        self.names = code.co_names
        self.consts = code.co_consts
        self.cells = frozenset(code.co_cellvars)
        self.variables = (
            *code.co_varnames,
            *(name for name in code.co_cellvars if name not in code.co_varnames),
            *code.co_freevars,
        )
        self.stack: list[Symbol] = []
        self.kwnames: tuple[str, ...] = ()
        self.line = code.co_firstlineno
        self.tracks = any(isinstance(const, CodeType) for const in self.consts)

    # The stack

    def pop(self) -> Symbol:
        return self.stack.pop() if self.stack else UNKNOWN

    def take(self, count: int) -> list[Symbol]:
        """Pop ``count`` values, the deepest first."""
        if not count:
            return []
        taken = self.stack[-count:]
        del self.stack[-count:]
        return [UNKNOWN] * (count - len(taken)) + taken

    # Names

    def local(self, arg: int) -> None:
        name = self.variables[arg]
        if name in self.cells:
            self.stack.append(UNKNOWN)  # the cell itself, for a closure
            return
        if name in self.bound:
            self.stack.append(self.bound[name])
            return
        symbol = Local(name, self.line)
        self.flow.loads.append(symbol)
        self.stack.append(symbol)

    def two_locals(self, arg: int) -> None:
        self.local(arg >> 4)
        self.local(arg & 15)

    def store_local(self, arg: int) -> None:
        self.bind(self.variables[arg], self.pop())

    def store_load(self, arg: int) -> None:
        self.store_local(arg >> 4)
        self.local(arg & 15)

    def store_two(self, arg: int) -> None:
        self.store_local(arg >> 4)
        self.store_local(arg & 15)

    def bind(self, name: str, value: Symbol) -> None:
        if type(value) is Made and not value.pinned:
            value.bound = value.bound or name
            value.held = False
        elif type(value) is Import:
            value.local = name
        self.flow.locals.setdefault(name, []).append(value)

    def free(self, arg: int) -> None:
        symbol = Free(self.variables[arg], self.line)
        self.flow.loads.append(symbol)
        self.stack.append(symbol)

    def free_or_class_name(self, arg: int) -> None:
        self.pop()
        self.free(arg)

    def load_global(self, arg: int) -> None:
        null = arg & 1
        if null and not NULL_AFTER:
            self.stack.append(NULL)
        self.read(arg >> 1)
        if null and NULL_AFTER:
            self.stack.append(NULL)

    def read(self, arg: int) -> None:
        symbol = Global(self.names[arg], self.line)
        self.flow.reads.append(symbol)
        self.stack.append(symbol)

    def read_or_class_name(self, arg: int) -> None:
        self.pop()
        self.read(arg)

    def write(self, arg: int) -> None:
        name, value = self.names[arg], self.pop()
        if type(value) is Import:
            value.local = name
        value.held = False
        whole: Symbol = value
        while type(whole) is Call and len(whole.args) == 1:
            whole = whole.args[0]
        if type(whole) is Made:
            whole.bound = whole.bound or name
        self.flow.writes.append(Written(name, value, self.line))

    def unwrite(self, arg: int) -> None:
        self.flow.writes.append(Written(self.names[arg], None, self.line))

    # Attributes

    def attribute(self, name: str, method: bool) -> None:
        base = self.pop()
        base.held = False
        symbol = Attr(base, name, self.line)
        self.flow.attributes.append(symbol)
        if method and not NULL_AFTER:
            self.stack.append(NULL)
        self.stack.append(symbol)
        if method and NULL_AFTER:
            self.stack.append(NULL)

    def load_attr(self, arg: int) -> None:
        if METHOD_BIT:
            self.attribute(self.names[arg >> 1], bool(arg & 1))
        else:
            self.attribute(self.names[arg], False)

    def load_method(self, arg: int) -> None:
        self.attribute(self.names[arg], True)

    def load_super(self, arg: int) -> None:
        for value in self.take(3):
            value.held = False
        self.stack.append(Super())
        self.attribute(self.names[arg >> 2], bool(arg & 1))

    def load_special(self, arg: int) -> None:
        names = ("__enter__", "__exit__", "__aenter__", "__aexit__")
        self.attribute(names[arg] if arg < len(names) else "__exit__", True)

    def before_with(self, arg: int) -> None:
        self.exit_and_result("__exit__")

    def before_async_with(self, arg: int) -> None:
        self.exit_and_result("__aexit__")

    def exit_and_result(self, name: str) -> None:
        manager = self.pop()
        manager.held = False
        self.flow.driven.append((manager, self.line))
        self.stack += (Attr(manager, name, self.line), UNKNOWN)

    def store_attr(self, arg: int) -> None:
        value, base = self.take(2)
        base.held = False
        self.flow.attributes.append(Attr(base, self.names[arg], self.line, "store", value))

    def store_item(self, arg: int) -> None:
        _, container, key = self.take(3)
        if isinstance(container, Global) and container.name == "__annotations__" and isinstance(key, Const):
            self.flow.annotated.add(str(key.value))

    def delete_attr(self, arg: int) -> None:
        base = self.pop()
        base.held = False
        self.flow.attributes.append(Attr(base, self.names[arg], self.line, "delete"))
