"""What the names in a program stand for: modules, classes with their hierarchy, procedures, values of which nothing is known.

Names are resolved without following the order of execution: whatever is bound to a name anywhere may be meant by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import CodeType

from podus.program import outside
from podus.program.flow import absolute
from podus.program.scopes import QUIET, UNKNOWN, Class, ModuleNames, Scope, Target, Targets
from podus.program.symbols import (
    Attr,
    Call,
    Const,
    Display,
    Free,
    Global,
    Import,
    Item,
    Local,
    Made,
    Super,
    Symbol,
)
from podus.program.version import Module

_UNKNOWN: Targets = (UNKNOWN,)


class Names:
    """All names of a program."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = {name: ModuleNames(module) for name, module in modules.items()}
        self.packages = {
            name[:at] for name in self.modules for at, letter in enumerate(name) if letter == "."
        }
        self.scopes: list[Scope] = []
        self.procedures: dict[str, Scope] = {}
        self.classes: list[Class] = []
        self.class_of: dict[int, Class] = {}
        self.fields: dict[str, list[tuple[Scope, Symbol]]] = {}
        # Attributes that may hold anything: by annotation or by a computed store; by a keyword; any at all.
        self.free_fields: set[str] = set()
        self.keywords: set[str] = set()
        self.dynamic_fields = False
        self._symbols: dict[int, Targets | None] = {}
        self._names: dict[tuple[str, str], Targets | None] = {}
        self._families: dict[Class, list[Class]] = {}
        self._stores: dict[str, Targets | None] = {}
        self._wild: list[Class] = []  # may be subclasses of any other
        self._everybodys: list[Class] | None = None
        self._wild_members: dict[str, list[tuple[Class, Symbol]]] | None = None
        for module in self.modules.values():
            self._walk(module.body)
            for key, node in module.procedures.items():
                if node not in self.procedures:
                    # Made in code that can't run, or in a way that is not understood.
                    code = next(code for code in modules[module.name].procedures.values() if id(code) == key)
                    self._walk(self._child(module.body, code, "procedure", node))
        self._bind()
        self._link_classes()

    # The scopes

    def _child(self, scope: Scope, code: CodeType, kind: str, node: str) -> Scope:
        child = Scope(scope.module, code, kind, node, scope)
        scope.children.append(child)
        if kind == "procedure":
            self.procedures[node] = child
        return child

    def _walk(self, scope: Scope) -> None:
        pending = [scope]
        while pending:
            scope = pending.pop()
            self.scopes.append(scope)
            if scope.skimmed is not None:
                continue
            for made in scope.flow.makes:
                if made.kind == "class":
                    body = self._child(scope, made.code, "class", scope.node)
                    body.cls = Class(made, body, scope)
                    self.classes.append(body.cls)
                    self.class_of[id(made)] = body.cls
                else:
                    node = scope.module.procedures.get(id(made.code))
                    if node is None or node in self.procedures:
                        continue
                    body = self._child(scope, made.code, "procedure", node)
                body.made = made
                pending.append(body)

    def _bind(self) -> None:
        """Collect what is bound to names of modules and to attributes."""
        read = [scope for scope in self.scopes if scope.skimmed is None]
        for scope in self.scopes:
            module = scope.module
            if scope.skimmed is not None:
                self.keywords |= scope.skimmed.keywords
                continue
            if scope.kind != "class":
                for written in scope.flow.writes:
                    if written.value is not None:
                        module.bindings.setdefault(written.name, []).append((scope, written.value))
            for imported in scope.flow.imports:
                if imported.local == "*":
                    module.stars.append(
                        absolute(module.name, module.package, imported.level, imported.module)
                    )
            self.free_fields |= scope.flow.annotated
            for call in scope.flow.calls:
                self._bind_call(scope, call)
        for scope in read:
            for attr in scope.flow.attributes:
                if attr.kind == "store" and attr.value is not None:
                    self.fields.setdefault(attr.name, []).append((scope, attr.value))
                elif attr.name == "__dict__":
                    self.dynamic_fields = True
        for scope in read:
            for attr in scope.flow.attributes:
                if (
                    attr.kind == "store"
                    and attr.value is not None
                    and not isinstance(attr.base, Local | Call)
                ):
                    for target in self.resolve(scope, attr.base):
                        found = self.modules.get(target.name) if target.kind == "module" else None
                        if found is not None:
                            found.bindings.setdefault(attr.name, []).append((scope, attr.value))
        self._symbols.clear()
        self._names.clear()
        self._stores.clear()

    def _bind_call(self, scope: Scope, call: Call) -> None:
        callee = call.callee
        self.keywords.update(call.keywords)
        if not isinstance(callee, Global):
            if isinstance(callee, Attr) and callee.name in ("__setattr__", "setattr"):
                self._set(scope, call.args[-2:])
        elif callee.name in ("globals", "exec", "eval", "vars", "locals"):
            scope.module.dynamic = True
            self.dynamic_fields = self.dynamic_fields or callee.name == "vars"
        elif callee.name == "setattr":
            self._set(scope, call.args[1:])
        elif callee.name == "namedtuple":
            for arg in call.args[1:]:
                for item in (arg.items or ()) if isinstance(arg, Display) else (arg,):
                    if isinstance(item, Const) and isinstance(item.value, str):
                        self.free_fields.update(item.value.replace(",", " ").split())
                    elif isinstance(item, Const) and isinstance(item.value, tuple):
                        self.free_fields.update(str(name) for name in item.value)

    def _set(self, scope: Scope, pair: tuple[Symbol, ...]) -> None:
        name = pair[0] if len(pair) == 2 else None
        if isinstance(name, Const) and isinstance(name.value, str):
            self.fields.setdefault(name.value, []).append((scope, pair[1]))
            self.free_fields.add(name.value)
        else:
            self.dynamic_fields = True

    # Classes

    def _link_classes(self) -> None:
        for cls in self.classes:
            for base in cls.made.bases:
                self._link(cls, base)
            meta = cls.made.keywords.get("metaclass")
            for target in self.resolve(cls.around, meta) if meta is not None else ():
                if target.kind == "class" and target.cls is not None:
                    cls.metaclasses.append(target.cls)
                elif target.kind != "outside":
                    cls.wild = True
        self._wild = [cls for cls in self.classes if cls.wild]
        self._symbols.clear()
        self._names.clear()
        self._stores.clear()
        self._families.clear()
        self._everybodys = self._wild_members = None

    def _link(self, cls: Class, base: Symbol) -> None:
        if isinstance(base, Item):
            base = base.base  # Base[T]
        if isinstance(base, Call):
            callee = self.resolve(cls.around, base.callee)
            if all(target.kind == "outside" for target in callee):
                cls.outside += [target.name for target in callee]
                return
        for target in self.resolve(cls.around, base):
            if target.kind == "class" and target.cls is not None:
                cls.bases.append(target.cls)
                target.cls.subclasses.append(cls)
            elif target.kind == "outside":
                cls.outside.append(target.name)
            else:
                cls.wild = True

    def ancestors(self, cls: Class) -> list[Class]:
        """``cls`` and all its base classes in the program."""
        found = [cls]
        for known in found:
            found += [base for base in known.bases if base not in found]
        return found

    def family(self, cls: Class) -> list[Class]:
        """The classes whose methods ``self`` may have in a method of ``cls``: it may be of any subclass."""
        return [*self._own_family(cls), *(other for other in self._wild_family() if other is not cls)]

    def _own_family(self, cls: Class) -> list[Class]:
        """Those of them that are not everybody's."""
        if cls not in self._families:
            everybodys = set(self._wild_family())
            found = [c for c in _related([cls]) if c not in everybodys or c is cls]
            self._families[cls] = found
        return self._families[cls]

    def _wild_family(self) -> list[Class]:
        """The classes that may be subclasses of any other, and what is below and above them."""
        if self._everybodys is None:
            self._everybodys = _related(self._wild)
        return self._everybodys

    def members(self, cls: Class, name: str, exact: bool) -> Iterator[tuple[Class, Symbol]]:
        """Every definition of attribute ``name`` that an object of ``cls`` (``exact``: of no subclass) may have."""
        alone = exact and not cls.wild
        for owner in self.ancestors(cls) if alone else self._own_family(cls):
            for symbol in owner.attributes.get(name, ()):
                yield owner, symbol
        if alone:
            return
        if self._wild_members is None:
            # Looked up once for all: there may be hundreds of them.
            self._wild_members = {}
            for owner in self._wild_family():
                for each, symbols in owner.attributes.items():
                    self._wild_members.setdefault(each, []).extend((owner, symbol) for symbol in symbols)
        for owner, symbol in self._wild_members.get(name, ()):
            if owner is not cls:
                yield owner, symbol

    # Symbols

    def resolve(self, scope: Scope, symbol: Symbol) -> Targets:
        """Everything that ``symbol``, evaluated in ``scope``, may stand for; never empty."""
        key = id(symbol)
        if key in self._symbols:
            return self._symbols[key] or _UNKNOWN  # unknown too where it depends on itself
        self._symbols[key] = None
        try:
            found = tuple(dict.fromkeys(self._resolve(scope, symbol))) or _UNKNOWN
        except RecursionError:
            found = _UNKNOWN
        self._symbols[key] = found
        return found

    def _resolve(self, scope: Scope, symbol: Symbol) -> Targets:
        if isinstance(symbol, Const | Display):
            return (QUIET,)
        if isinstance(symbol, Global):
            return self._global(scope, symbol.name)
        if isinstance(symbol, Local):
            return self._local(scope, symbol.name)
        if isinstance(symbol, Free):
            return self._free(scope, symbol.name)
        if isinstance(symbol, Attr):
            return self._attribute(scope, symbol)
        if isinstance(symbol, Call):
            return self._result(scope, symbol)
        if isinstance(symbol, Made):
            cls = self.class_of.get(id(symbol))
            if cls is not None:
                return (Target("class", cls.name, cls),)
            node = scope.module.procedures.get(id(symbol.code))
            return (Target("procedure", node),) if node else _UNKNOWN
        if isinstance(symbol, Import):
            return self._import(scope, symbol)
        if isinstance(symbol, Super):
            enclosing: Scope | None = scope
            while enclosing is not None and enclosing.method_of is None:
                enclosing = enclosing.parent
            if enclosing is not None and enclosing.method_of is not None:
                return (Target("instance", "self", enclosing.method_of),)
        return _UNKNOWN

    def _global(self, scope: Scope, name: str) -> Targets:
        found: Targets = ()
        if scope.cls is not None:
            for symbol in scope.cls.attributes.get(name, ()):
                found += self.resolve(scope, symbol)
        if found and UNKNOWN not in found:
            return found
        return found + self.lookup(scope.module.name, name)

    def lookup(self, module: str, name: str) -> Targets:
        """What ``name`` is in the namespace of a module of the program."""
        key = (module, name)
        if key in self._names:
            return self._names[key] or _UNKNOWN
        self._names[key] = None
        here = self.modules.get(module)
        found: list[Target] = []
        if here is not None:
            for scope, symbol in here.bindings.get(name, ()):
                found += self.resolve(scope, symbol)
            inner = f"{module}.{name}"
            if inner in self.modules or inner in self.packages:
                found.append(Target("module", inner))
            if not found or here.dynamic:
                for star in here.stars:
                    if star in self.modules:
                        found += [t for t in self.lookup(star, name) if t is not UNKNOWN]
                    elif not found and name not in outside.BUILTINS:
                        found.append(Target("outside", f"{star}.{name}"))
        elif f"{module}.{name}" in self.modules or f"{module}.{name}" in self.packages:
            found.append(Target("module", f"{module}.{name}"))
        if not found:
            if name in outside.BUILTINS:
                found.append(Target("outside", f"builtins.{name}"))
        elif here is not None and here.dynamic and name not in here.bindings:
            found.append(UNKNOWN)
        self._names[key] = tuple(dict.fromkeys(found)) or _UNKNOWN
        return self._names[key] or _UNKNOWN

    def _local(self, scope: Scope, name: str) -> Targets:
        if scope.kind == "procedure" and name in scope.parameters:
            return self.parameter(scope, name)
        return self._stored(scope, scope.flow.locals.get(name, ()))

    def parameter(self, scope: Scope, name: str) -> Targets:
        """What a parameter may be: the object or class that a method is of, and else anything."""
        cls = scope.method_of
        positional = scope.code.co_varnames[: scope.code.co_argcount]
        if cls is not None and positional[:1] == (name,) and name not in scope.flow.locals:
            decorators = list(self.decorators(scope))
            if not decorators:
                # A metaclass's `self` is a class, `__new__` is given one.
                kind = (
                    "class"
                    if scope.code.co_name in ("__new__", "__init_subclass__", "__class_getitem__")
                    else "instance"
                )
                return (Target(kind, "self", cls),)
            if all(t.name in outside.PLAIN_DECORATORS for t in decorators) and not any(
                t.name == "builtins.staticmethod" for t in decorators
            ):
                is_class = any(t.name == "builtins.classmethod" for t in decorators)
                return (Target("class" if is_class else "instance", "self", cls),)
        return _UNKNOWN

    def _stored(self, scope: Scope, symbols: list[Symbol] | tuple[()]) -> Targets:
        found: list[Target] = []
        for symbol in symbols:
            found += self.resolve(scope, symbol)
        return tuple(found)

    def _free(self, scope: Scope, name: str) -> Targets:
        owner: Scope | None = scope
        while owner is not None and not (
            owner.kind == "procedure"
            and (name in owner.code.co_cellvars or name in owner.flow.locals)
            and name not in owner.code.co_freevars
        ):
            owner = owner.parent
        if name == "__class__":
            return self._resolve(scope, Super())
        if owner is None:
            return _UNKNOWN
        if name in owner.parameters:
            return self.parameter(owner, name)
        found: list[Target] = []
        pending = [owner]
        for inner in pending:
            found += self._stored(inner, inner.flow.locals.get(name, ()))
            pending += [
                child for child in inner.children if name in child.code.co_freevars or child.kind == "class"
            ]
        return tuple(found)

    def _import(self, scope: Scope, symbol: Import) -> Targets:
        module = scope.module
        origin = absolute(module.name, module.package, symbol.level, symbol.module)
        if symbol.name is None:
            if symbol.top and not symbol.level:
                origin = origin.partition(".")[0]
            inside = origin in self.modules or origin in self.packages
            return (Target("module" if inside else "outside", origin),)
        if origin in self.modules or origin in self.packages:
            return self.lookup(origin, symbol.name)
        return (Target("outside", f"{origin}.{symbol.name}"),)

    def _attribute(self, scope: Scope, symbol: Attr) -> Targets:
        found: list[Target] = []
        for base in self.resolve(scope, symbol.base):
            if base.kind == "module":
                found += self.lookup(base.name, symbol.name)
            elif base.kind == "outside":
                found.append(Target("outside", f"{base.name}.{symbol.name}"))
            elif base.cls is not None:
                found += self.member(base, symbol.name)
            else:
                found.append(UNKNOWN)
        return tuple(found)

    def member(self, base: Target, name: str) -> Targets:
        """What attribute ``name`` of an object of a class of the program, or of the class itself, may be."""
        cls = base.cls
        assert cls is not None
        found: list[Target] = []
        for owner, symbol in self.members(cls, name, exact=base.name != "self"):
            found += self.resolve(owner.body, symbol)
        if base.kind == "class":
            for meta in cls.metaclasses:
                found += self.member(Target("instance", "self", meta), name)
        is_defined = bool(found)
        found += self.stored(name)
        if name in self.free_fields or (not is_defined and (self.dynamic_fields or name in self.keywords)):
            found.append(UNKNOWN)
        if not found:
            family = self.family(cls) if base.name == "self" else self.ancestors(cls)
            dotted = next(
                (origin for known in family for origin in known.outside if origin != "builtins.object"), ""
            )
            return (Target("outside", f"{dotted}.{name}"),) if dotted else _UNKNOWN
        return tuple(found)

    def stored(self, name: str) -> Targets:
        """What the program stores in attributes of that name, whatever the object."""
        if name not in self.fields:
            return ()
        if name not in self._stores:
            self._stores[name] = None
            found: dict[Target, None] = {}
            for scope, value in self.fields[name]:
                found.update(dict.fromkeys(self.resolve(scope, value)))
            self._stores[name] = tuple(found)
        known = self._stores[name]
        return _UNKNOWN if known is None else known

    def _looked_up(self, scope: Scope, call: Call) -> list[Target]:
        """The result of ``getattr``."""
        found: list[Target] = []
        for arg in call.args[2:]:
            found += self.resolve(scope, arg)
        for pattern in self.patterns(scope, call.args[1]) if len(call.args) > 1 else ("*",):
            for base in self.resolve(scope, call.args[0]) if call.args else _UNKNOWN:
                if base.kind == "outside":
                    found.append(Target("outside", f"{base.name}.{pattern}"))
                elif base.cls is not None and pattern[-1:] != "*":
                    found += self.member(base, pattern)
                else:
                    found.append(Target("looked-up", pattern, base.cls))
        return found

    def patterns(self, scope: Scope, symbol: Symbol) -> set[str]:
        """The strings that ``symbol`` may be; ``*`` stands for any end of one."""
        if isinstance(symbol, Const):
            return {symbol.value} if isinstance(symbol.value, str) else {"*"}
        if isinstance(symbol, Display) and symbol.items and symbol.kind == "str":
            first = symbol.items[0]
            return {f"{first.value}*"} if isinstance(first, Const) and isinstance(first.value, str) else {"*"}
        if isinstance(symbol, Local) and symbol.name not in scope.parameters:
            stores = scope.flow.locals.get(symbol.name, [])
            if stores and not any(isinstance(store, Local | Free) for store in stores):
                return {pattern for store in stores for pattern in self.patterns(scope, store)}
        return {"*"}

    def _result(self, scope: Scope, call: Call) -> Targets:
        found: list[Target] = []
        for callee in self.resolve(scope, call.callee):
            cls = callee.cls
            if callee.kind == "class" and cls is not None:
                plain = not cls.metaclasses and not any(
                    True for _ in self.members(cls, "__new__", exact=True)
                )
                found.append(
                    Target("instance", callee.name if callee.name == "self" else "", cls)
                    if plain
                    else UNKNOWN
                )
            elif callee.kind == "outside" and callee.name == "builtins.getattr":
                found += self._looked_up(scope, call)
            elif callee.kind == "outside" and callee.name in outside.QUIET_OBJECTS:
                found.append(QUIET)
            elif callee.kind == "outside" and callee.name in outside.PLAIN_DECORATORS:
                if len(call.args) == 1 or (call.args and callee.name == "functools.update_wrapper"):
                    found += self.resolve(scope, call.args[0])
                else:
                    found.append(callee)  # `lru_cache(maxsize=9)`: a decorator still
            elif (
                isinstance(call.callee, Attr)
                and call.callee.name in outside.PROPERTY_PARTS
                and len(call.args) == 1
            ):
                found += self.resolve(scope, call.args[0])
            else:
                if len(call.args) == 1 and isinstance(call.args[0], Made | Call):
                    # Decorated: the procedure itself, behind what wraps it.
                    found += [
                        t for t in self.resolve(scope, call.args[0]) if t.kind in ("procedure", "class")
                    ]
                found.append(UNKNOWN)
        return tuple(found)

    def decorators(self, scope: Scope) -> Iterator[Target]:
        """What the procedure or class of ``scope`` is decorated with, the innermost first."""
        made, around = scope.made, scope.parent
        value: Symbol | None = made
        while made is not None and around is not None and made.decorated and value is not None and value.sink:
            call = value.sink[0]
            if isinstance(call.callee, Attr) and call.callee.name in outside.PROPERTY_PARTS:
                yield Target("outside", "builtins.property")
            else:
                yield from self.resolve(around, call.callee)
            value = call
            if len(call.args) != 1:
                return


def _related(classes: Iterable[Class]) -> list[Class]:
    """Classes, all that are below them, and what is above all of these."""
    found = list(classes)
    seen = set(found)
    for below in (True, False):
        for known in found:
            for other in known.subclasses if below else known.bases:
                if other not in seen:
                    seen.add(other)
                    found.append(other)
    return found
