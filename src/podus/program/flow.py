"""What a procedure's code calls, reads, writes, imports and makes: one symbolic pass over its bytecode.

The bytecode is all that is used, so that a version that is only there as ``.pyc`` is read as well. The pass runs once over
the instructions in their order with a stack of symbols; where two ways meet, a value that differs becomes unknown.
Bodies that belong to the procedure around them (comprehensions, the hidden scopes of annotations and type parameters)
are merged into it.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Mapping
from types import CodeType

from podus.program import special
from podus.program.code import INLINE_NAMES, is_annotation_scope
from podus.program.control import CLOSED, JUMPS, NAMES, can_return_from, handlers, never_returns, units
from podus.program.symbols import (
    NULL,
    UNKNOWN,
    Attr,
    Call,
    Const,
    Display,
    Free,
    Global,
    Import,
    Local,
    Made,
    Null,
    Super,
    Symbol,
    Unknown,
    Written,
)

__all__ = [
    "NULL",
    "UNKNOWN",
    "Attr",
    "Call",
    "Const",
    "Display",
    "Flow",
    "Free",
    "Global",
    "Import",
    "Local",
    "Made",
    "Null",
    "Super",
    "Symbol",
    "Unknown",
    "Written",
    "can_return_from",
    "flow",
    "imported_by_from",
    "never_returns",
]


class Flow:
    """What one code object does.

    ``calls``, ``reads`` (of globals), ``attributes`` (loaded, stored, deleted), ``writes`` (of globals, and of names in
    module and class bodies), ``imports``, ``makes``: records in the order of the code, see :mod:`podus.program.symbols`.
    ``protocols``: special methods that operations may invoke, with the first line. ``locals``: what is stored in each
    local variable. ``loads``: loads of local variables that may hold a function made here, or that are shared with other
    procedures. ``driven``: what is iterated over or awaited. ``returns``: what is returned.
    """

    __slots__ = (
        "attributes",
        "calls",
        "code",
        "driven",
        "imports",
        "loads",
        "locals",
        "makes",
        "merged",
        "protocols",
        "reads",
        "returns",
        "writes",
    )

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.calls: list[Call] = []
        self.reads: list[Global] = []
        self.writes: list[Written] = []
        self.attributes: list[Attr] = []
        self.imports: list[Import] = []
        self.makes: list[Made] = []
        self.protocols: dict[str, int] = {}
        self.locals: dict[str, list[Symbol]] = {}
        self.loads: list[Local | Free] = []
        self.driven: list[tuple[Symbol, int]] = []
        self.returns: list[Symbol] = []
        self.merged: list[CodeType] = []

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters."""
        code = self.code
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
        return code.co_varnames[:count]


_known: dict[int, Flow] = {}


def flow(code: CodeType) -> Flow:
    """The :class:`Flow` of ``code``; computed once for each code object."""
    # By identity: hashing a code object hashes all of it.
    found = _known.get(id(code))
    if found is None or found.code is not code:
        found = _known[id(code)] = Flow(code)
        _Pass(found, code).run()
    return found


def _merges(code: CodeType) -> bool:
    return code.co_name in INLINE_NAMES or is_annotation_scope(code)


class _Pass:
    """The evaluation of one code object into a flow."""

    __slots__ = ("bound", "cells", "code", "consts", "flow", "kwnames", "line", "names", "stack", "tracks", "variables")

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

    def run(self) -> None:
        saved: dict[int, list[Symbol]] = {}
        if self.code.co_exceptiontable:
            for _, _, target, depth in handlers(self.code):
                saved[target] = [UNKNOWN] * (depth + 1)
        ranges = self.code.co_lines()
        _, until, line = next(ranges, (0, 1 << 60, None))
        self.line = line or self.code.co_firstlineno
        stack = self.stack
        tracks = self.tracks
        consts, variables = self.consts, self.variables
        protocols = self.flow.protocols
        fast: dict[int, Local] = {}
        const_symbols: dict[int, Const] = {}
        is_open = True
        for offset, op, arg, following in units(self.code):
            while offset >= until:
                _, until, line = next(ranges, (0, 1 << 60, None))
                self.line = line or self.line
            if saved and offset in saved:
                before = saved[offset]
                if is_open:
                    _join(stack, before)
                else:
                    stack[:] = before
            elif not is_open:
                stack.clear()
            is_open = True
            if op in _FAST and not tracks:
                symbol = fast.get(arg)
                if symbol is None:
                    symbol = fast[arg] = Local(variables[arg], self.line)
                stack.append(symbol)
                continue
            if op == _LOAD_CONST:
                const = const_symbols.get(arg)
                if const is None:
                    const = const_symbols[arg] = Const(consts[arg])
                stack.append(const)
                continue
            for name in _PROTOCOLS[op]:
                if name not in protocols:
                    protocols[name] = self.line
            handler = _HANDLERS[op]
            if handler is not None:
                handler(self, arg)
            else:
                effect = _EFFECTS[op]
                if effect is None:
                    stack.clear()
                else:
                    pops, pushes = effect if isinstance(effect, tuple) else effect(arg)
                    if pops:
                        del stack[-pops:]
                    if pushes:
                        stack.extend([UNKNOWN] * pushes)
            if JUMPS[op]:
                target = following + JUMPS[op] * 2 * arg
                there = stack[: len(stack) + _AT_TARGET.get(NAMES[op], 0)]
                if NAMES[op] in _KEEPS:
                    there.append(UNKNOWN)
                if target not in saved:
                    saved[target] = there
                elif target > offset:
                    _join(saved[target], there)
            is_open = not CLOSED[op]

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
        if null and not _NULL_AFTER:
            self.stack.append(NULL)
        self.read(arg >> 1)
        if null and _NULL_AFTER:
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
        if type(value) is Made:
            value.bound = value.bound or name
        elif type(value) is Import:
            value.local = name
        value.held = False
        self.flow.writes.append(Written(name, value, self.line))

    def unwrite(self, arg: int) -> None:
        self.flow.writes.append(Written(self.names[arg], None, self.line))

    # Attributes

    def attribute(self, name: str, method: bool) -> None:
        base = self.pop()
        base.held = False
        symbol = Attr(base, name, self.line)
        self.flow.attributes.append(symbol)
        if method and not _NULL_AFTER:
            self.stack.append(NULL)
        self.stack.append(symbol)
        if method and _NULL_AFTER:
            self.stack.append(NULL)

    def load_attr(self, arg: int) -> None:
        if _METHOD_BIT:
            self.attribute(self.names[arg >> 1], bool(arg & 1))
        else:
            self.attribute(self.names[arg], False)

    def load_method(self, arg: int) -> None:
        self.attribute(self.names[arg], True)

    def load_super(self, arg: int) -> None:
        self.take(3)
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
        value, base = self.take(2)[::-1]
        value, base = base, value
        base.held = False
        self.flow.attributes.append(Attr(base, self.names[arg], self.line, "store", value))

    def delete_attr(self, arg: int) -> None:
        base = self.pop()
        base.held = False
        self.flow.attributes.append(Attr(base, self.names[arg], self.line, "delete"))

    # Calls

    def call(self, arg: int) -> None:
        names, self.kwnames = self.kwnames, ()
        self.invoke(arg, names)

    def call_kw(self, arg: int) -> None:
        names = self.pop()
        self.invoke(arg, _strings(names) or ())

    def keyword_names(self, arg: int) -> None:
        self.kwnames = self.consts[arg]

    def invoke(self, count: int, names: tuple[str, ...]) -> None:
        args = self.take(count)
        other, callee = self.take(2)[::-1]
        # Of the two below the arguments, the mark may be on either side; without a mark the upper one is the first argument.
        if callee is NULL:
            callee = other
        elif other is not NULL:
            args.insert(0, other)
        positional = len(args) - len(names)
        self.called(
            callee, tuple(args[:positional]), dict(zip(names, args[positional:], strict=False)), False, False
        )

    def call_unpacked(self, arg: int) -> None:
        keywords = self.pop() if arg & 1 or _ALWAYS_KEYWORDS else NULL
        args = self.pop()
        other, callee = self.take(2)[::-1]
        if callee is NULL or (_NULL_FIRST and other is not NULL and callee is not NULL):
            callee = other
        items: tuple[Symbol, ...] = ()
        star = True
        if isinstance(args, Const) and isinstance(args.value, tuple):
            items, star = tuple(Const(value) for value in args.value), False
        elif isinstance(args, Display) and args.items is not None:
            items, star = args.items, False
        self.called(callee, items, {}, star, keywords is not NULL)

    def called(
        self, callee: Symbol, args: tuple[Symbol, ...], keywords: dict[str, Symbol], star: bool, kwstar: bool
    ) -> None:
        if type(callee) is Global and callee.name == "__build_class__":
            self.make_class(args, keywords)
            return
        callee.called = True
        callee.held = False
        made = callee.code if type(callee) is Made else None
        if made is not None and is_annotation_scope(made):
            self.stack.append(self.enter_scope(made, args))
            return
        result = Call(callee, args, keywords, self.line, star, kwstar)
        flow = self.flow
        if made is not None and made.co_name in INLINE_NAMES and args:
            flow.driven.append((args[0], self.line))
        flow.calls.append(result)
        for index, value in enumerate(args):
            if value.tracked:
                value.sink = (result, index)
        for name, value in keywords.items():
            if value.tracked:
                value.sink = (result, name)
        if type(callee) is Global:
            for name in special.BUILTINS.get(callee.name, ()):
                flow.protocols.setdefault(name, self.line)
            if callee.name == "super":
                self.stack.append(Super() if not args and not star else UNKNOWN)
                return
        self.stack.append(result)

    def enter_scope(self, code: CodeType, args: tuple[Symbol, ...]) -> Symbol:
        """Evaluate the hidden scope of type parameters: its result is the function or class made in it."""
        start = len(self.flow.returns)
        bound = {name: args[index] for index, name in enumerate(code.co_varnames[: len(args)])}
        self.flow.merged.append(code)
        _Pass(self.flow, code, bound).run()
        results = self.flow.returns[start:]
        del self.flow.returns[start:]
        return results[0] if len(results) == 1 else UNKNOWN

    # Making functions and classes

    def make_function(self, arg: int) -> None:
        body = self.pop()
        if not isinstance(body, Const) or not isinstance(body.value, CodeType):
            self.stack.append(UNKNOWN)
            return
        made = Made(body.value, self.line)
        if _FLAGS_IN_MAKE:
            for flag in (8, 4, 2, 1):
                if arg & flag:
                    self.give(made, flag, self.pop())
        self.stack.append(made)
        code = made.code
        if not _merges(code):
            self.flow.makes.append(made)
        elif code.co_name in INLINE_NAMES or code.co_name == "__annotate__":
            self.flow.merged.append(code)
            returns = len(self.flow.returns)
            _Pass(self.flow, code).run()
            del self.flow.returns[returns:]

    def function_attribute(self, arg: int) -> None:
        made, value = self.pop(), self.pop()
        if isinstance(made, Made):
            self.give(made, arg, value)
        self.stack.append(made)

    def give(self, made: Made, flag: int, value: Symbol) -> None:
        if flag == 1:
            made.defaults = _length(value)
        elif flag == 2:
            made.kwdefaults = _strings(value)

    def make_class(self, args: tuple[Symbol, ...], keywords: dict[str, Symbol]) -> None:
        body = args[0] if args else UNKNOWN
        if not isinstance(body, Made):
            self.stack.append(UNKNOWN)
            return
        body.kind = "class"
        body.bases = args[2:]
        body.keywords = keywords
        for base in (*body.bases, *keywords.values()):
            base.held = False
        self.stack.append(body)

    # The rest

    def load_build_class(self, arg: int) -> None:
        self.stack.append(Global("__build_class__", self.line))

    def push_null(self, arg: int) -> None:
        self.stack.append(NULL)

    def const(self, arg: int) -> None:
        self.stack.append(Const(self.consts[arg]))

    def small_int(self, arg: int) -> None:
        self.stack.append(Const(arg))

    def drop(self, arg: int) -> None:
        self.pop().held = False

    def drop_both(self, arg: int) -> None:
        for value in self.take(2):
            value.held = False
        self.stack.append(UNKNOWN)

    def test(self, arg: int) -> None:
        self.pop().held = False
        self.stack.append(UNKNOWN)

    def copy(self, arg: int) -> None:
        value = self.stack[-arg] if len(self.stack) >= arg else UNKNOWN
        if value.tracked:
            value.pinned = True
        self.stack.append(value)

    def swap(self, arg: int) -> None:
        stack = self.stack
        if len(stack) < arg:
            stack[:0] = [UNKNOWN] * (arg - len(stack))
        stack[-1], stack[-arg] = stack[-arg], stack[-1]

    def iterate(self, arg: int) -> None:
        value = self.pop()
        value.held = False
        if isinstance(value, Call):
            value.driven = True
        self.flow.driven.append((value, self.line))
        self.stack.append(value if isinstance(value, Call | Display | Local) else UNKNOWN)

    def unpack(self, arg: int) -> None:
        value = self.pop()
        value.held = False
        self.flow.driven.append((value, self.line))
        self.stack.extend([UNKNOWN] * arg)

    def extend(self, arg: int) -> None:
        value = self.pop()
        if not isinstance(value, Display):
            self.flow.driven.append((value, self.line))
        self.spoil(arg)

    def append(self, arg: int) -> None:
        self.pop()
        self.spoil(arg)

    def append_pair(self, arg: int) -> None:
        self.take(2)
        self.spoil(arg)

    def spoil(self, depth: int) -> None:
        """What the container ``depth`` below the top holds is known no more."""
        if len(self.stack) >= depth and isinstance(self.stack[-depth], Display):
            self.stack[-depth] = Display(self.stack[-depth].kind)  # type: ignore[attr-defined]

    def build_tuple(self, arg: int) -> None:
        self.stack.append(Display("tuple", tuple(self.take(arg))))

    def build_list(self, arg: int) -> None:
        self.stack.append(Display("list", tuple(self.take(arg))))

    def build_set(self, arg: int) -> None:
        self.take(arg)
        self.stack.append(Display("set"))

    def build_map(self, arg: int) -> None:
        keys = self.take(2 * arg)[::2]
        self.stack.append(Display("dict", tuple(keys)))

    def build_const_map(self, arg: int) -> None:
        keys = self.pop()
        self.take(arg)
        names = _strings(keys)
        self.stack.append(Display("dict", None if names is None else tuple(Const(name) for name in names)))

    def build_string(self, arg: int) -> None:
        self.take(arg)
        self.stack.append(Display("str"))

    def text(self, arg: int) -> None:
        self.take(2 if arg & 4 else 1)
        self.stack.append(Display("str"))

    def text_with_spec(self, arg: int) -> None:
        self.take(2)
        self.stack.append(Display("str"))

    def intrinsic(self, arg: int) -> None:
        value = self.pop()
        if arg == _IMPORT_STAR:
            self.star_import(value)
        self.stack.append(Display("tuple") if isinstance(value, Display) else UNKNOWN)

    def import_star(self, arg: int) -> None:
        self.star_import(self.pop())

    def star_import(self, module: Symbol) -> None:
        if isinstance(module, Import):
            star = Import(module.module, module.level, "*", self.line)
            star.local = "*"
            self.flow.imports.append(star)

    def import_name(self, arg: int) -> None:
        level, names = self.take(2)
        depth = level.value if isinstance(level, Const) and isinstance(level.value, int) else 0
        wanted = _strings(names)
        symbol = Import(self.names[arg], depth, None, self.line, top=wanted is None)
        self.flow.imports.append(symbol)
        self.stack.append(symbol)

    def import_from(self, arg: int) -> None:
        module = self.stack[-1] if self.stack else UNKNOWN
        if isinstance(module, Import):
            symbol: Symbol = Import(module.module, module.level, self.names[arg], self.line)
            if module.top or module.name is not None:
                # `import a.b.c as d`: the path is followed name by name.
                symbol = Import(module.module, module.level, None, self.line)
                symbol.local = None
            assert isinstance(symbol, Import)
            self.flow.imports.append(symbol)
            self.stack.append(symbol)
        else:
            self.stack.append(UNKNOWN)

    def returned(self, arg: int) -> None:
        self.flow.returns.append(self.pop())

    def binary(self, arg: int) -> None:
        protocols = self.flow.protocols
        for name in special.BINARY[min(arg, len(special.BINARY) - 1)]:
            if name not in protocols:
                protocols[name] = self.line
        self.take(2)
        self.stack.append(UNKNOWN)

    def raised(self, arg: int) -> None:
        for value in self.take(arg):
            if isinstance(value, Global | Attr | Local):
                # `raise Problem` calls the class, if it is one.
                value.held = False
                self.flow.calls.append(Call(value, (), {}, self.line))


def _join(stack: list[Symbol], other: list[Symbol]) -> None:
    """Keep in ``stack`` only what both agree on."""
    if len(stack) > len(other):
        del stack[: len(stack) - len(other)]
    for index in range(-len(stack), 0):
        if stack[index] is not other[index]:
            stack[index] = UNKNOWN


def _strings(symbol: Symbol) -> tuple[str, ...] | None:
    """The strings of a constant tuple or of the keys of a dict; None where they are not known."""
    if isinstance(symbol, Const) and isinstance(symbol.value, tuple):
        return tuple(item for item in symbol.value if isinstance(item, str))
    if isinstance(symbol, Display) and symbol.items is not None:
        values = [item.value for item in symbol.items if isinstance(item, Const)]
        if len(values) == len(symbol.items):
            return tuple(value for value in values if isinstance(value, str))
    return None


def _length(symbol: Symbol) -> int | None:
    if isinstance(symbol, Const) and isinstance(symbol.value, tuple):
        return len(symbol.value)
    if isinstance(symbol, Display) and symbol.items is not None:
        return len(symbol.items)
    return None
