"""The symbolic pass over the bytecode of one code object, an instruction after the other.

Each instruction has either a method of :class:`Pass` or a plain effect on the stack (:mod:`podus.program.effects`);
one that has neither makes the whole stack unknown, so that a new Python's instructions lose precision and nothing else.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType

from podus.program import special
from podus.program.code import INLINE_NAMES, is_annotation_scope
from podus.program.control import CLOSED, JUMPS, NAMES, handlers, units
from podus.program.effects import AT_TARGET, EFFECTS, KEEPS, PROTOCOLS
from podus.program.symbols import (
    NULL,
    UNKNOWN,
    Attr,
    Call,
    Const,
    Display,
    Global,
    Import,
    Item,
    Local,
    Made,
    Super,
    Symbol,
)
from podus.program.variables import Variables

_ALWAYS_KEYWORDS = sys.version_info >= (3, 14)
_FLAGS_IN_MAKE = sys.version_info < (3, 13)
_IMPORT_STAR = 2
# The first operand of BINARY_OP that is no arithmetic (3.14: subscription).
_SUBSCRIPT = 26
_LOAD_CONST = dis.opmap["LOAD_CONST"]
_FAST = frozenset(
    dis.opmap[name] for name in ("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW") if name in dis.opmap
)


def merges(code: CodeType) -> bool:
    """Whether ``code`` belongs to the procedure around it."""
    return code.co_name in INLINE_NAMES or is_annotation_scope(code)


class Pass(Variables):
    """The evaluation of one code object into a flow."""

    __slots__ = ()

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
            for name in PROTOCOLS[op]:
                if name not in protocols:
                    protocols[name] = self.line
            handler = _HANDLERS[op]
            if handler is not None:
                handler(self, arg)
            else:
                effect = EFFECTS[op]
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
                there = stack[: len(stack) + AT_TARGET.get(NAMES[op], 0)]
                if NAMES[op] in KEEPS:
                    there.append(UNKNOWN)
                if target not in saved:
                    saved[target] = there
                elif target > offset:
                    _join(saved[target], there)
            is_open = not CLOSED[op]

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
        lower, upper = self.take(2)
        # The mark may be on either side; without one the callee is below its first argument.
        callee = upper if lower is NULL else lower
        if NULL not in (lower, upper):
            args.insert(0, upper)
        positional = len(args) - len(names)
        self.called(
            callee, tuple(args[:positional]), dict(zip(names, args[positional:], strict=False)), False, False
        )

    def call_unpacked(self, arg: int) -> None:
        keywords = self.pop() if arg & 1 or _ALWAYS_KEYWORDS else NULL
        args = self.pop()
        lower, upper = self.take(2)
        callee = upper if lower is NULL else lower
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
        result = Call(callee, args, keywords, self.line, star=star, kwstar=kwstar)
        flow = self.flow
        if made is not None and made.co_name in INLINE_NAMES and args:
            flow.driven.append((args[0], self.line))
        flow.calls.append(result)
        for index, value in enumerate(args):
            if value.tracked:
                value.sink = (result, index)
                if type(value) is Made and value.code.co_name != "<lambda>":
                    value.decorated = True
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
        Pass(self.flow, code, bound).run()
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
        if not merges(code):
            self.flow.makes.append(made)
        elif code.co_name in INLINE_NAMES or code.co_name == "__annotate__":
            if code.co_name == "__annotate__":
                self.flow.annotated.update(const for const in code.co_consts if isinstance(const, str))
            self.flow.merged.append(code)
            returns = len(self.flow.returns)
            Pass(self.flow, code).run()
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
        container = self.stack[-depth] if len(self.stack) >= depth else UNKNOWN
        if isinstance(container, Display):
            self.stack[-depth] = Display(container.kind)

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
        self.stack.append(Display("str", tuple(self.take(arg))))

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

    def intrinsic_two(self, arg: int) -> None:
        # Type parameters are given to the function that is returned.
        made = [value for value in self.take(2) if isinstance(value, Made)]
        self.stack.append(made[0] if made else UNKNOWN)

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
            # `import a.b.c as d` follows the path name by name.
            name = None if module.path else self.names[arg]
            symbol = Import(module.module, module.level, name, self.line, path=module.path)
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
        base, _ = self.take(2)
        if arg >= _SUBSCRIPT:
            base.held = False
            self.stack.append(Item(base))
        elif type(base) is Const and isinstance(base.value, str):
            # "visit_" + name, "visit_%s" % name
            self.stack.append(Display("str", (Const(base.value.partition("%")[0]),)))
        else:
            self.stack.append(UNKNOWN)

    def subscript(self, arg: int) -> None:
        base, _ = self.take(2)
        base.held = False
        self.stack.append(Item(base))

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


_METHODS: dict[str, Callable[[Pass, int], None]] = {
    "BEFORE_ASYNC_WITH": Pass.before_async_with,
    "BEFORE_WITH": Pass.before_with,
    "BINARY_OP": Pass.binary,
    "BINARY_SUBSCR": Pass.subscript,
    "BUILD_CONST_KEY_MAP": Pass.build_const_map,
    "BUILD_LIST": Pass.build_list,
    "BUILD_MAP": Pass.build_map,
    "BUILD_SET": Pass.build_set,
    "BUILD_STRING": Pass.build_string,
    "BUILD_TUPLE": Pass.build_tuple,
    "CALL": Pass.call,
    "CALL_FUNCTION_EX": Pass.call_unpacked,
    "CALL_INTRINSIC_1": Pass.intrinsic,
    "CALL_INTRINSIC_2": Pass.intrinsic_two,
    "CALL_KW": Pass.call_kw,
    "CHECK_EXC_MATCH": Pass.test,
    "COMPARE_OP": Pass.drop_both,
    "COPY": Pass.copy,
    "DELETE_ATTR": Pass.delete_attr,
    "DELETE_GLOBAL": Pass.unwrite,
    "DELETE_NAME": Pass.unwrite,
    "DICT_MERGE": Pass.extend,
    "DICT_UPDATE": Pass.extend,
    "FORMAT_SIMPLE": Pass.text,
    "FORMAT_VALUE": Pass.text,
    "FORMAT_WITH_SPEC": Pass.text_with_spec,
    "GET_AITER": Pass.iterate,
    "GET_AWAITABLE": Pass.iterate,
    "GET_ITER": Pass.iterate,
    "GET_YIELD_FROM_ITER": Pass.iterate,
    "IMPORT_FROM": Pass.import_from,
    "IMPORT_NAME": Pass.import_name,
    "IMPORT_STAR": Pass.import_star,
    "IS_OP": Pass.drop_both,
    "KW_NAMES": Pass.keyword_names,
    "LIST_APPEND": Pass.append,
    "LIST_EXTEND": Pass.extend,
    "LOAD_ATTR": Pass.load_attr,
    "LOAD_BUILD_CLASS": Pass.load_build_class,
    "LOAD_CLASSDEREF": Pass.free,
    "LOAD_CONST": Pass.const,
    "LOAD_DEREF": Pass.free,
    "LOAD_FAST": Pass.local,
    "LOAD_FAST_BORROW": Pass.local,
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": Pass.two_locals,
    "LOAD_FAST_CHECK": Pass.local,
    "LOAD_FAST_LOAD_FAST": Pass.two_locals,
    "LOAD_FROM_DICT_OR_DEREF": Pass.free_or_class_name,
    "LOAD_FROM_DICT_OR_GLOBALS": Pass.read_or_class_name,
    "LOAD_GLOBAL": Pass.load_global,
    "LOAD_METHOD": Pass.load_method,
    "LOAD_NAME": Pass.read,
    "LOAD_SMALL_INT": Pass.small_int,
    "LOAD_SPECIAL": Pass.load_special,
    "LOAD_SUPER_ATTR": Pass.load_super,
    "MAKE_FUNCTION": Pass.make_function,
    "MAP_ADD": Pass.append_pair,
    "POP_TOP": Pass.drop,
    "PUSH_NULL": Pass.push_null,
    "RAISE_VARARGS": Pass.raised,
    "RETURN_VALUE": Pass.returned,
    "SET_ADD": Pass.append,
    "SET_FUNCTION_ATTRIBUTE": Pass.function_attribute,
    "SET_UPDATE": Pass.extend,
    "STORE_ATTR": Pass.store_attr,
    "STORE_DEREF": Pass.store_local,
    "STORE_FAST": Pass.store_local,
    "STORE_FAST_LOAD_FAST": Pass.store_load,
    "STORE_FAST_STORE_FAST": Pass.store_two,
    "STORE_GLOBAL": Pass.write,
    "STORE_NAME": Pass.write,
    "STORE_SUBSCR": Pass.store_item,
    "SWAP": Pass.swap,
    "TO_BOOL": Pass.test,
    "UNARY_NOT": Pass.test,
    "UNPACK_SEQUENCE": Pass.unpack,
}
for _name in NAMES:
    if _name.startswith("POP_JUMP_"):
        _METHODS[_name] = Pass.drop
_HANDLERS = [_METHODS.get(name) for name in NAMES]
