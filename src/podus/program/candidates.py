"""What a call may mean of which only a name or the number of arguments is known: the junctions of a call graph.

See :mod:`podus.program.graph` for why there are junctions, and :mod:`podus.program.callgraph` for who leads to them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

from podus.program import outside
from podus.program.graph import CallGraph
from podus.program.interface import Signature, accepts_call, signature
from podus.program.names import Names
from podus.program.scopes import Class, Scope, Target
from podus.program.symbols import Attr, Call, Const, Global, Local, Made
from podus.program.version import Module

SUSPENDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
# The label of a call of which the number of arguments is not known, and the number that is as good as many.
EVERY = "*"
HOLDABLE, STIRRING = 1, 2
# Outside procedures that find others by a name that is data.
REFLECTIVE = frozenset(
    {
        "builtins.getattr",
        "builtins.setattr",
        "builtins.delattr",
        "operator.methodcaller",
        "operator.attrgetter",
    }
)
MANY = 9


class Candidates:
    """The procedures of a program by the ways in which they may be meant, and the junctions that lead to them."""

    def __init__(self, modules: Mapping[str, Module], loaded: frozenset[str]) -> None:
        self.names = Names(modules)
        self.graph = CallGraph()
        self.loaded = loaded
        self.numbers: dict[str, int] = {}
        for module in self.names.modules.values():
            self.numbers[module.body.node] = self.graph.add(module.body.node)
            for node in module.procedures.values():
                self.numbers[node] = self.graph.add(node)
        self.signatures: dict[str, Signature] = {}
        self.wrapped: set[str] = set()
        self.bindable: set[str] = (
            set()
        )  # may be called with its object as a first argument that no call shows
        self.properties: set[str] = set()
        self.by_name: dict[str, dict[Target, None]] = {}
        # Procedures and classes held as values -> where; `pliable` ones may be called with other arguments than a call shows.
        self.held: dict[Target, str] = {}
        self.pliable: set[Target] = set()
        self.apart: set[str] = set()
        self.shapes: set[int | str] = {EVERY}
        self.resumed: dict[str, None] = {}
        self.suspending: dict[str, list[str]] = {}
        self.filled: set[int] = set()
        self.referenced: set[str] = set()
        self.holding: dict[str, bool] = {}
        # By pattern and class: what may be meant, which of it are properties, and of which it is noted that they may be held.
        self._matching: dict[tuple[str, str | None], list[Target]] = {}
        self._properties: dict[str, list[str]] = {}
        self._held: set[tuple[str, str | None]] = set()
        # Whether the junctions lead everywhere already: what is found later is led there at once.
        self.settled = False
        # What a global (with its module) or an attribute may be: see `bearing`.
        self.bearings: dict[tuple[str, str], int] = {}
        self.binders: dict[str, list[str]] = {}
        self.reflective: set[str] = set()
        self.overriding = {
            origin.partition(".")[0] for cls in self.names.classes if cls.overrides for origin in cls.outside
        }

    def index(self) -> None:
        for node, scope in self.names.procedures.items():
            self.signatures[node] = signature(scope.code, scope.made)
            for decorator in self.names.decorators(scope):
                if decorator.name in outside.PROPERTIES:
                    self.properties.add(node)
                elif decorator.name not in outside.PLAIN_DECORATORS:
                    self.wrapped.add(node)
            parent = scope.parent
            if parent is not None and parent.kind != "procedure":
                self.know(scope.code.co_name, Target("procedure", node))
        for cls in self.names.classes:
            self.know(cls.made.code.co_name, Target("class", cls.name, cls))
            for name, symbols in cls.attributes.items():
                for symbol in symbols:
                    if not isinstance(symbol, Const):
                        for target in self.names.resolve(cls.body, symbol):
                            self.know(name, target)
                            self.bindable.add(target.name)
                            if target.name in REFLECTIVE:
                                self.reflective.add(name)
        for stores in self.names.fields.values():
            for around, symbol in stores:
                if isinstance(symbol, Global | Local | Made):
                    self.bindable.update(target.name for target in self.names.resolve(around, symbol))
        for module in self.names.modules.values():
            for name, bindings in module.bindings.items():
                self.binders.setdefault(name, []).append(module.name)
                for around, symbol in bindings:
                    if isinstance(symbol, Global | Call | Attr | Made):
                        for target in self.names.resolve(around, symbol):
                            self.know(name, target)

        names: set[str] = set()
        for scope in self.names.scopes:
            seen = scope.skimmed
            if seen is not None:
                names.update(seen.called, seen.globals, seen.methods, seen.attributes)
            else:
                names.update(attr.name for attr in scope.flow.attributes if attr.kind == "load")
                names.update(read.name for read in scope.flow.reads)
        self.referenced = {target.name for name in names for target in self.by_name.get(name, ())}

    def know(self, name: str, target: Target) -> None:
        if target.kind in ("procedure", "class"):
            self.by_name.setdefault(name, {})[target] = None

    def protocol(self, owner: int, name: str, line: int) -> None:
        if name in self.by_name:
            self.graph.connect(owner, self.special(name), f"may use {name}", line)

    def special(self, name: str) -> int:
        return self.named(name, None)

    def matching(self, pattern: str, cls: Class | None) -> list[Target]:
        """The procedures and classes that an attribute of such a name may be (of an object of ``cls``)."""
        key = (pattern, None if cls is None else cls.name)
        found = self._matching.get(key)
        if found is None:
            found = self._matching[key] = self._match(pattern, cls)
        return found

    def read_properties(self, pattern: str) -> list[str]:
        """The names of properties among these."""
        known = self._properties.get(pattern)
        if known is None:
            read = [t for t in self.matching(pattern, None) if t.name in self.properties]
            known = [target.name.rpartition(".")[2].partition("#")[0] for target in read]
            self._properties[pattern] = known = [*dict.fromkeys(known)]
        return known

    def hold_matching(self, pattern: str, cls: Class | None, where: str) -> None:
        """Note that all of these may be held as values; the first place where that is so is what is told."""
        key = (pattern, None if cls is None else cls.name)
        if key in self._held:
            return
        self._held.add(key)
        for target in self.matching(pattern, cls):
            # What is called by its own name somewhere is not what a computed name is for.
            if pattern != "*" or target.name not in self.referenced:
                self.hold(target, where)

    def _match(self, pattern: str, cls: Class | None) -> list[Target]:
        names = (
            [pattern]
            if pattern[-1:] != "*"
            else [name for name in self.by_name if name.startswith(pattern[:-1])]
        )
        if cls is None:
            return [target for name in names for target in self.by_name.get(name, ())]
        known = Target("instance", "self", cls)
        found = [target for name in names for target in self.names.member(known, name)]
        return [target for target in found if target.kind in ("procedure", "class")]

    def hold(self, target: Target, where: str, *, pliable: bool = False) -> None:
        self.held.setdefault(target, where)
        if pliable:
            self.pliable.add(target)

    def holds(self, name: str) -> bool:
        """Whether an attribute of that name may hold a value that can be called."""
        known = self.holding.get(name)
        if known is None:
            known = name in self.names.free_fields or any(
                target.kind != "quiet" for target in self.names.stored(name)
            )
            if name not in self.by_name:
                known = known or self.names.dynamic_fields or name in self.names.keywords
            self.holding[name] = known
        return known

    def is_suspending(self, target: Target) -> bool:
        return target.kind == "procedure" and bool(
            self.names.procedures[target.name].code.co_flags & SUSPENDS
        )

    def resume(self, targets: Iterable[Target]) -> None:
        """Others may resume what these make, where it is a generator or coroutine."""
        for target in targets:
            if self.is_suspending(target):
                self.resumed[target.name] = None

    def junction(self, name: str) -> int:
        return self.graph.add(name, junction=True)

    def gets(self, name: str) -> int:
        """The junction of reading or setting attribute ``name``."""
        label = f".{name} get"
        is_new = label not in self.numbers
        number = self.numbers.setdefault(label, self.junction(label))
        for target in self.by_name.get(name, ()) if is_new else ():
            if target.kind == "procedure" and (target.name in self.properties or target.name in self.wrapped):
                self.graph.connect(number, self.numbers[target.name], "")
        return number

    def named(self, name: str, shape: tuple[int, tuple[str, ...]] | None) -> int:
        """The junction of calling attribute ``name`` with so many arguments and these keywords."""
        label = f".{name}/{EVERY}" if shape is None else f".{name}/{shape[0]}{','.join(('', *shape[1]))}"
        known = self.numbers.get(label)
        if known is not None:
            return known
        number = self.numbers[label] = self.junction(label)
        for target in self.by_name.get(name, ()):
            if target.kind == "class":
                self.graph.connect(number, self.construction(target), "")
            elif shape is None or self.fits(target.name, shape[0], shape[1]):
                self.graph.connect(number, self.numbers[target.name], "")
                if target.name in self.properties:
                    self.graph.connect(number, self.junction(f"<values/{EVERY}>"), "")
        return number

    def fits(self, node: str, count: int, keywords: tuple[str, ...]) -> bool:
        if node in self.wrapped or node in self.properties:
            return True
        known = self.signatures[node]
        return any(accepts_call(known, count, keywords, bound=bound) is not False for bound in (False, True))

    def fits_value(self, node: str, count: int) -> bool:
        """Whether the procedure takes so many arguments, by position or keyword, its object perhaps included."""
        known = self.signatures[node]
        parameters = len(known.names) + len(known.kwonly)
        least = len(known.required) + len(known.required_kwonly)
        most = MANY if known.star or known.kwstar else parameters
        return least - (node in self.bindable) <= count <= max(most, parameters)

    def construction(self, target: Target) -> int:
        """The junction of making an object of a class."""
        cls = target.cls
        assert cls is not None
        is_family = target.name == "self"
        label = f"<class {cls.name}{'+' if is_family else ''} {id(cls):x}>"
        known = self.numbers.get(label)
        if known is not None:
            return known
        number = self.numbers[label] = self.junction(label)
        for name in ("__init__", "__new__", "__post_init__"):
            if cls.wild and name in self.by_name:
                self.graph.connect(number, self.special(name), "")
            for _, symbol in self.names.members(cls, name, exact=not is_family):
                for inner in self.names.resolve(cls.body, symbol):
                    if inner.kind == "procedure":
                        self.graph.connect(number, self.numbers[inner.name], "")
        family = self.names.family(cls) if is_family else self.names.ancestors(cls)
        for ancestor in family:
            for meta in ancestor.metaclasses:
                for inner in self.names.member(Target("instance", "self", meta), "__call__"):
                    if inner.kind == "procedure":
                        self.graph.connect(number, self.numbers[inner.name], "")
            if ancestor.overrides:
                self.graph.connect(number, self.junction("<outside>"), "")
        return number

    def junctions(self) -> None:
        """Lead the junctions of values, outside code, generators and special methods to what may be meant."""
        graph = self.graph
        every = self.junction(f"<values/{EVERY}>")
        for node, scope in self.names.procedures.items():
            parent = scope.parent
            target = Target("procedure", node)
            if (
                parent is not None
                and parent.kind == "procedure"
                and (node not in self.apart or target in self.held)
            ):
                graph.connect(
                    self.numbers[parent.node], self.numbers[node], "makes it", scope.code.co_firstlineno
                )
        for target in self.by_name.get("__call__", ()):
            self.hold(target, "it makes objects of its class callable")
        self.resume(self.held)
        self.settled = True
        for shape in self.shapes:
            self.values(shape)
        outer = self.junction("<outside>")
        graph.connect(outer, every, "")
        specials = self.junction("<special>")
        graph.connect(outer, specials, "")
        for name in self.by_name:
            if (
                name.startswith("__")
                and name.endswith("__")
                and name not in ("__init__", "__new__", "__call__")
            ):
                graph.connect(specials, self.special(name), f"may use {name}")
                self.resume(self.by_name[name])
        seen: set[Class] = set()
        for cls in self.names.classes:
            if cls.overrides:
                for member in self.names.family(cls):
                    if member not in seen:
                        seen.add(member)
                        self.overrides(outer, member)
        resumes = self.junction("<resumes>")
        for node in self.resumed:
            graph.connect(resumes, self.numbers[node], "its generator or coroutine is passed on")
        graph.connect(outer, resumes, "")
        anything = self.junction("<anything>")
        for node in (*self.names.procedures, *(module.body.node for module in self.names.modules.values())):
            graph.connect(anything, self.numbers[node], "")

    def values(self, shape: int | str) -> None:
        """Lead the junction of calling a value with so many arguments to the values that take them."""
        number = self.junction(f"<values/{shape}>")
        for target, where in self.held.items():
            if target.kind == "class":
                self.graph.connect(number, self.construction(target), where)
            elif (
                not isinstance(shape, int)
                or target in self.pliable
                or target.name in self.wrapped
                or self.fits_value(target.name, shape)
            ):
                self.graph.connect(number, self.numbers[target.name], where)

    # Procedures that can wait

    def can_wait(self, scope: Scope) -> bool:
        """Whether what a procedure does concerns only those whose calls come to it: it hands on nothing that others may call."""
        seen = scope.skimmed
        if seen is None:
            return False
        module = scope.module.name
        if any(self.bearing(module, name) & HOLDABLE for name in seen.globals):
            return False
        if any(self.bearing(module, name) & STIRRING for name in seen.called):
            return False
        if any(self.bearing("", name) & HOLDABLE for name in seen.attributes):
            return False
        if any(self.bearing("", name) & STIRRING for name in seen.methods):
            return False
        # A method that is given its class may hand that on.
        is_usual = scope.made is not None and not scope.made.decorated
        if scope.method_of is None or (is_usual and not scope.code.co_name.startswith("__")):
            return True
        first = scope.code.co_varnames[: scope.code.co_argcount][:1]
        return not any(t.kind == "class" for name in first for t in self.names.parameter(scope, name))

    def bearing(self, module: str, name: str) -> int:
        """What is known of global ``name`` of ``module``, or (module "") of an attribute of that name of any object.

        ``HOLDABLE`` if it may be a procedure or class, ``STIRRING`` if a call of it may make a generator or look a name up.
        """
        key = (module, name)
        known = self.bearings.get(key)
        if known is None:
            if module:
                targets = list(self.names.lookup(module, name))
            else:
                targets = [*self.by_name.get(name, ()), *self.names.stored(name)]
                for binder in self.binders.get(name, ()):
                    targets += self.names.lookup(binder, name)
            known = STIRRING if not module and name in self.reflective else 0
            for target in targets:
                if target.kind in ("procedure", "class"):
                    known |= HOLDABLE
                if target.name in REFLECTIVE or self.is_suspending(target):
                    known |= STIRRING
            self.bearings[key] = known
        return known

    def overrides(self, outer: int, cls: Class) -> None:
        for name, symbols in cls.attributes.items():
            for symbol in symbols:
                for target in self.names.resolve(cls.body, symbol):
                    if target.kind == "procedure":
                        self.graph.connect(
                            outer, self.numbers[target.name], f"its class lets outside code call .{name}"
                        )
