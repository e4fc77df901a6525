"""Who may invoke whom in a version: conservative, and with a reason for each edge.

What can be resolved is (:mod:`podus.program.names`). A call of an attribute of an unknown object may be of every
procedure of that name; a call of an unknown value may be of every procedure that somebody holds as a value and that takes
so many arguments. A procedure that is held only to be started at the bottom of a stack of its own (the target of a
thread) is called by nobody else. Code outside the program calls what it is given, and the methods that override its own.

Two things are taken on trust: that an unknown object whose attribute has the name of a procedure of the program is the
program's, and that finalizers (``__del__``, weak references) and signal handlers run to their end whenever they run.
"""

from __future__ import annotations

import gc
from collections.abc import Collection, Mapping
from functools import partial

from podus.program import outside, special
from podus.program.candidates import EVERY, MANY, SUSPENDS, Candidates
from podus.program.flow import absolute
from podus.program.graph import CallGraph, Edge
from podus.program.scopes import Scope, Target
from podus.program.symbols import NULL, UNKNOWN, Attr, Call, Display, Global, Made, Symbol
from podus.program.version import Module

__all__ = ["CallGraph", "Edge", "build"]

# They call what they are given before they return, and keep nothing.
_AT_ONCE = frozenset(
    {"builtins.sorted", "builtins.min", "builtins.max", "functools.reduce", "re.sub", "re.subn"}
)
# They exhaust an iterator before they return.
_EXHAUST = frozenset(
    {
        "list",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "sum",
        "any",
        "all",
        "sorted",
        "min",
        "max",
        "bytes",
        "print",
    }
)
_NO_OBJECTS = frozenset(
    {"os", "sys", "time", "math", "socket", "select", "struct", "signal", "threading", "builtins"}
)


def build(modules: Mapping[str, Module], *, loaded: Collection[str] = ()) -> CallGraph:
    """The call graph of the modules of one version.

    ``loaded`` names modules whose bodies have run and won't again: importing those invokes nothing.
    """
    # Some hundred thousand small objects are made and none is dropped: collecting garbage would take most of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _Builder(modules, frozenset(loaded)).run()
    finally:
        if was_enabled:
            gc.enable()


class _Builder(Candidates):
    """The graph while it is being built; what ``can_wait`` is built when a search comes to it, unless not ``patient``."""

    patient = True

    def run(self) -> CallGraph:
        self.index()
        for scope in self.names.scopes:
            if self.patient and self.can_wait(scope):
                self.graph.expect(self.numbers[scope.node], partial(self.scope, scope))
            else:
                self.scope(scope)
        self.junctions()
        return self.graph

    # One scope

    def scope(self, scope: Scope) -> None:
        owner = self.numbers[scope.node]
        flow = scope.flow
        for call in flow.calls:
            self.call(scope, owner, call)
        for read in flow.reads:
            if read.escapes:
                self.escapes(scope, owner, read, self.names.resolve(scope, read))
        for load in flow.loads:
            if load.escapes:
                self.escapes(scope, owner, load, self.names.resolve(scope, load))
        for made in flow.makes:
            if made.kind == "class":
                self.creates(scope, owner, made)
            if made.escapes:
                self.escapes(scope, owner, made, self.names.resolve(scope, made))
        for attr in flow.attributes:
            self.attribute(scope, owner, attr)
        for name, line in flow.protocols.items():
            self.protocol(owner, name, line)
        for symbol, line in flow.driven:
            self.drives(scope, owner, symbol, line)
        self.imports(scope, owner)

    def imports(self, scope: Scope, owner: int) -> None:
        module = scope.module
        for imported in scope.flow.imports:
            origin = absolute(module.name, module.package, imported.level, imported.module)
            parts = origin.split(".")
            wanted = [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
            if imported.name:
                wanted.append(f"{origin}.{imported.name}")
            for name in wanted:
                body = self.numbers.get(f"{name}:<module>")
                if body is not None and name not in self.loaded and body != owner:
                    self.graph.connect(owner, body, "imports it", imported.line)

    def creates(self, scope: Scope, owner: int, made: Made) -> None:
        self.protocol(owner, "__init_subclass__", made.line)
        self.protocol(owner, "__set_name__", made.line)
        cls = self.names.class_of.get(id(made))
        for known in self.names.ancestors(cls) if cls else ():
            for meta in known.metaclasses:
                for name in ("__new__", "__init__", "__prepare__"):
                    for target in self.names.member(Target("class", "", meta), name):
                        if target.kind == "procedure":
                            self.graph.connect(
                                owner, self.numbers[target.name], "makes a class of this metaclass", made.line
                            )

    # Calls

    def call(self, scope: Scope, owner: int, call: Call) -> None:
        callee = call.callee
        targets = self.names.resolve(scope, callee)
        for target in targets:
            if target.kind == "procedure":
                self.calls_procedure(scope, owner, call, target)
            elif target.kind == "class":
                self.graph.connect(
                    owner, self.construction(target), "makes an object of its class", call.line
                )
            elif target.kind == "instance":
                for inner in self.names.member(target, "__call__"):
                    if inner.kind == "procedure":
                        self.graph.connect(
                            owner, self.numbers[inner.name], "calls an object of its class", call.line
                        )
            elif target.kind == "outside":
                self.calls_outside(scope, owner, call, target.name)
            elif target.kind == "unknown":
                self.calls_unknown(scope, owner, call)
            elif target.kind == "looked-up":
                self.calls_looked_up(owner, call, target)
        self.loosens(scope, call, targets)

    def calls_procedure(self, scope: Scope, owner: int, call: Call, target: Target) -> None:
        callee = call.callee
        why = f"calls .{callee.name}" if isinstance(callee, Attr) else "calls it by name"
        code = self.names.procedures[target.name].code
        is_apart = bool(code.co_flags & SUSPENDS) and self.own_stack(scope, call)
        if is_apart:
            why = "starts it as a task of its own"
        self.graph.connect(owner, self.numbers[target.name], why, call.line, is_apart)
        if target.name in self.properties:
            self.calls_value(owner, call, "calls what a property gives")

    def own_stack(self, scope: Scope, symbol: Symbol) -> bool:
        """Whether ``symbol`` is passed to something that will start it at the bottom of a stack of its own."""
        if symbol.sink is None or symbol.pinned:
            return False
        call, place = symbol.sink
        targets = self.names.resolve(scope, call.callee)
        return all(self.starts(call, place, target) for target in targets)

    def starts(self, call: Call, place: int | str, target: Target) -> bool:
        callee = call.callee
        if target.kind == "outside" and target.name in outside.OWN_STACK:
            return place in outside.OWN_STACK[target.name]
        if (
            target.kind in ("outside", "unknown")
            and isinstance(callee, Attr)
            and callee.name not in self.by_name
        ):
            return place in outside.OWN_STACK_METHODS.get(callee.name, ())
        return False

    def calls_unknown(self, scope: Scope, owner: int, call: Call) -> None:
        callee = call.callee
        if not isinstance(callee, Attr):
            self.calls_value(owner, call, "calls a value")
            return
        name = callee.name
        bases = self.names.resolve(scope, callee.base)
        if all(base.kind == "quiet" for base in bases):
            self.calls_quiet(scope, owner, call, name)
            return
        if any(base.kind in ("unknown", "looked-up", "procedure", "quiet") for base in bases) or (
            name not in self.names.fields and name not in self.names.free_fields
        ):
            self.calls_named(scope, owner, call, name)
        else:
            self.calls_value(owner, call, f"calls what it finds as .{name}")

    def calls_named(self, scope: Scope, owner: int, call: Call, name: str) -> None:
        """A call of an attribute of an unknown object."""
        shape = None if call.star or call.kwstar else (len(call.args), tuple(sorted(call.keywords)))
        if name in self.by_name:
            why = f"calls .{name}, which may be this one"
            self.graph.connect(owner, self.named(name, shape), why, call.line)
        if self.holds(name):
            self.calls_value(owner, call, f"calls .{name}, which may hold a value")
        if name in self.by_name and name not in outside.QUIET_METHODS:
            return
        self.calls_quiet(scope, owner, call, name)
        if name in self.by_name or name in outside.QUIET_METHODS:
            return
        if "__getattr__" in self.by_name or "__getattribute__" in self.by_name:
            self.calls_value(owner, call, f"calls .{name}, which may be made up")
        self.graph.connect(
            owner, self.junction("<outside>"), f"calls .{name}, which may call back", call.line
        )
        self.gives_unknown(scope, owner, call, f".{name}")
        if name == "start" and "run" in self.by_name:
            self.graph.connect(owner, self.special("run"), "starts a thread that may run it", call.line, True)

    def calls_quiet(self, scope: Scope, owner: int, call: Call, name: str) -> None:
        """A method of an object that calls nothing by itself."""
        for protocol in special.METHODS.get(name, ()):
            self.protocol(owner, protocol, call.line)
        if name in special.RESUMING:
            for arg in call.args or (UNKNOWN,):
                self.drives(scope, owner, arg, call.line)
        if name == "sort" and call.keywords:
            self.gives_unknown(scope, owner, call, ".sort")

    def calls_value(self, owner: int, call: Call, why: str) -> None:
        count: int | str = len(call.args) + len(call.keywords)
        if call.star or call.kwstar or (isinstance(count, int) and count > MANY):
            count = EVERY
        if count not in self.shapes:
            self.shapes.add(count)
            if self.settled:
                self.values(count)
        self.graph.connect(owner, self.junction(f"<values/{count}>"), why, call.line)

    def calls_outside(self, scope: Scope, owner: int, call: Call, dotted: str) -> None:
        package, _, name = dotted.rpartition(".")
        top = dotted.partition(".")[0]
        if dotted in ("builtins.exec", "builtins.eval"):
            self.graph.connect(owner, self.junction("<anything>"), f"runs code by {name}", call.line)
        elif package == "builtins" and name in ("getattr", "delattr", "setattr"):
            self.by_getattr(scope, owner, call, 1)
        elif package == "operator" and name in ("methodcaller", "attrgetter"):
            self.by_getattr(scope, owner, call, 0)
        is_quiet = outside.quiet(dotted)
        if not is_quiet or (top in self.overriding and top != "builtins"):
            if isinstance(call.callee, Attr) and name in self.by_name and not is_quiet:
                self.graph.connect(
                    owner, self.named(name, None), f"calls .{name}, which may be this one", call.line
                )
            self.graph.connect(
                owner, self.junction("<outside>"), f"calls {dotted}, which may call back", call.line
            )
        if package == "builtins" and name in outside.LOOKS:
            return
        if not is_quiet or dotted in outside.HIGHER or outside.HIGHER_KEYWORDS & call.keywords.keys():
            self.gives_unknown(scope, owner, call, dotted)
        if top not in _NO_OBJECTS:
            self.graph.connect(owner, self.junction("<special>"), f"gives objects to {dotted}", call.line)
        if "__next__" in special.BUILTINS.get(name, ()) or top in (
            "itertools",
            "collections",
            "functools",
            "asyncio",
        ):
            for arg in call.args:
                self.drives(scope, owner, arg, call.line)
        if isinstance(call.callee, Attr) and name in special.METHODS:
            self.calls_quiet(scope, owner, call, name)

    def gives_unknown(self, scope: Scope, owner: int, call: Call, to: str) -> None:
        """An outside procedure may call arguments of which nothing is known."""
        start = outside.OWN_STACK.get(to) or outside.OWN_STACK_METHODS.get(to.removeprefix("."))
        if start is not None:
            # What it starts gets the other arguments; it is started on a stack of its own.
            place, keyword = start
            missing = UNKNOWN if call.star or call.kwstar else NULL
            first = call.args[place] if len(call.args) > place else call.keywords.get(keyword, missing)
            if first is not NULL and any(
                target.kind in ("unknown", "looked-up") for target in self.names.resolve(scope, first)
            ):
                why = f"gives a value to {to}, which starts it on a stack of its own"
                self.graph.connect(owner, self.junction(f"<values/{EVERY}>"), why, call.line, True)
            return
        for arg in (*call.args, *call.keywords.values()):
            kinds = {target.kind for target in self.names.resolve(scope, arg)}
            is_container = isinstance(arg, Display) and arg.kind != "str" and arg.items != ()
            if "unknown" in kinds or "looked-up" in kinds or is_container:
                self.graph.connect(
                    owner,
                    self.junction(f"<values/{EVERY}>"),
                    f"passes a value to {to}, which may call it",
                    call.line,
                )
                return
        if call.star or call.kwstar:
            why = f"passes values to {to}, which may call them"
            self.graph.connect(owner, self.junction(f"<values/{EVERY}>"), why, call.line)

    def by_getattr(self, scope: Scope, owner: int, call: Call, place: int) -> None:
        """An attribute is looked up by a name that is data; what is found may be passed on."""
        symbol = call.args[place] if len(call.args) > place else UNKNOWN
        where = f"its name is looked up at {scope.module.name}:{call.line}"
        for pattern in self.names.patterns(scope, symbol):
            for name in self.read_properties(pattern):
                self.graph.connect(owner, self.gets(name), f"reads .{name}, which may be this one", call.line)
            if not place or call.escapes:
                for base in (
                    self.names.resolve(scope, call.args[0]) if place and call.args else (Target("unknown"),)
                ):
                    self.hold_matching(pattern, base.cls, where)

    def calls_looked_up(self, owner: int, call: Call, target: Target) -> None:
        """A call of what ``getattr`` found."""
        pattern, cls = target.name, target.cls
        if pattern[-1:] != "*" and cls is None:
            self.graph.connect(
                owner, self.named(pattern, None), f"calls .{pattern}, which may be this one", call.line
            )
        else:
            number = self.junction(f"<getattr {pattern} {id(cls) if cls else ''}>")
            self.graph.connect(owner, number, f"calls what it looks up as .{pattern}", call.line)
            if number not in self.filled:
                self.filled.add(number)
                for found in self.matching(pattern, cls):
                    to = self.numbers[found.name] if found.kind == "procedure" else self.construction(found)
                    self.graph.connect(number, to, "")
        if self.names.dynamic_fields or any(
            self.holds(name) for name in self.names.fields if pattern in (name, "*")
        ):
            self.calls_value(owner, call, "calls what it looks up")

    # Values

    def attribute(self, scope: Scope, owner: int, attr: Attr) -> None:
        """A property, a method that is passed as a value."""
        if attr.name in self.by_name and (attr.kind != "load" or not attr.called):
            bases = self.names.resolve(scope, attr.base)
            is_known = all(base.kind in ("class", "instance", "module", "outside") for base in bases)
            targets = self.names.resolve(scope, attr) if is_known else tuple(self.by_name[attr.name])
            for target in targets:
                if target.kind == "procedure" and (
                    target.name in self.properties or target.name in self.wrapped
                ):
                    why = f"{'reads' if attr.kind == 'load' else 'sets'} .{attr.name}, which may be this one"
                    if is_known and attr.kind == "load":
                        self.graph.connect(owner, self.numbers[target.name], why, attr.line)
                    else:
                        self.graph.connect(owner, self.gets(attr.name), why, attr.line)
            if attr.kind == "load" and attr.escapes:
                plain = tuple(target for target in targets if target.name not in self.properties)
                self.escapes(scope, owner, attr, plain)
        elif attr.kind == "load" and attr.escapes and attr.name not in self.by_name and not attr.called:
            self.escapes(scope, owner, attr, self.names.resolve(scope, attr))
        if attr.kind == "load":
            hooks = ("__getattr__", "__getattribute__", "__get__")
        else:
            hooks = (
                ("__setattr__", "__set__", "__delattr__")
                if attr.kind == "store"
                else ("__delattr__", "__delete__", "__set__")
            )
        for hook in hooks:
            if hook in self.by_name:
                self.protocol(owner, hook, attr.line)

    def escapes(self, scope: Scope, owner: int, symbol: Symbol, targets: tuple[Target, ...]) -> None:
        for target in targets:
            if target.kind in ("procedure", "class"):
                self.escape(scope, owner, symbol, target)

    def escape(self, scope: Scope, owner: int, symbol: Symbol, target: Target) -> None:
        """``target`` is passed on as a value by ``scope``."""
        where = f"this procedure is passed as one at {scope.module.name}:{symbol.line}"
        if symbol.pinned or symbol.sink is None:
            self.hold(target, where)
            return
        call, place = symbol.sink
        number = self.numbers[target.name] if target.kind == "procedure" else self.construction(target)
        for callee in self.names.resolve(scope, call.callee):
            if self.starts(call, place, callee):
                self.graph.connect(owner, number, "starts it on a stack of its own", call.line, True)
                self.apart.add(target.name)
            elif callee.kind == "outside":
                short = callee.name.removeprefix("builtins.")
                if callee.name in outside.PLAIN_DECORATORS:
                    if call.escapes:
                        self.escape(scope, owner, call, target)
                    continue
                if short in outside.LOOKS:
                    continue
                self.graph.connect(owner, number, f"passes it to {short}, which may call it", call.line)
                if callee.name not in _AT_ONCE:
                    self.hold(target, where, pliable=True)
            elif callee.kind in ("unknown", "looked-up"):
                name = call.callee.name if isinstance(call.callee, Attr) else ""
                if name and (name in self.by_name or (name in outside.QUIET_METHODS and place != "key")):
                    self.hold(target, where)
                    continue
                to = f".{name}" if name else "a value"
                self.graph.connect(owner, number, f"passes it to {to}, which may call it", call.line)
                self.hold(target, where, pliable=name != "sort")
            elif name_of_property(call.callee) and target.name in self.properties:
                continue
            else:
                self.hold(target, where)

    # Generators and coroutines

    def drives(self, scope: Scope, owner: int, symbol: Symbol, line: int) -> None:
        """``symbol`` is iterated over, awaited or entered: if it is a generator, it runs here."""
        if isinstance(symbol, Call):
            callee = symbol.callee
            if isinstance(callee, Made) or (isinstance(callee, Global) and callee.name == "range"):
                return
            targets = self.names.resolve(scope, callee)
            if all(self.is_suspending(target) or target.name in outside.QUIET_OBJECTS for target in targets):
                return
            if (
                isinstance(callee, Attr)
                and callee.name not in self.by_name
                and callee.name in outside.QUIET_METHODS
            ):
                return
            if all(t.kind == "outside" and t.name not in outside.LOUD and not symbol.args for t in targets):
                return
        elif all(
            target.kind in ("quiet", "module", "class", "procedure")
            for target in self.names.resolve(scope, symbol)
        ):
            return
        self.graph.connect(
            owner, self.junction("<resumes>"), "resumes a generator or coroutine it was given", line
        )

    def loosens(self, scope: Scope, call: Call, targets: tuple[Target, ...]) -> None:
        """The result of a call goes elsewhere: a generator among the callees may be resumed by others."""
        if not call.escapes or call.driven:
            return
        if call.sink is not None and not call.pinned:
            consumer = call.sink[0].callee
            if isinstance(consumer, Global) and consumer.name in _EXHAUST:
                return
            if (
                isinstance(consumer, Attr)
                and consumer.name in ("join", "extend")
                and consumer.name not in self.by_name
            ):
                return
            if self.own_stack(scope, call):
                return
        callee = call.callee
        if isinstance(callee, Made):
            self.resumed[scope.node] = None
        for target in targets:
            if target.kind == "unknown" and isinstance(callee, Attr):
                if callee.name not in self.suspending:
                    named = self.by_name.get(callee.name, ())
                    self.suspending[callee.name] = [
                        inner.name for inner in named if self.is_suspending(inner)
                    ]
                self.resumed.update(dict.fromkeys(self.suspending[callee.name]))
            else:
                self.resume((target,))


def name_of_property(callee: Symbol) -> bool:
    """Whether ``callee`` is ``x.setter`` or the like."""
    return isinstance(callee, Attr) and callee.name in outside.PROPERTY_PARTS
