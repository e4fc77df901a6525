"""What a field that is new would be for an object that is there already: its *derived mapper*.

The way a new version sets a field is its derived mapper where that needs nothing but constants, the object's other fields and
defaults; whatever else (an argument that nobody kept, a clock, a file) can't be derived and is asked for. The idea of replacing a
type while its objects live is Fabry's ("How to Design a System in Which Modules Can Be Changed on the Fly", 1976).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable

from podus.program.bindings import bound_in, read_in
from podus.program.body import PURE_CALLS, PURE_METHODS
from podus.program.constructor import attribute_of, direct
from podus.program.field import Field
from podus.program.inlined import (
    can_be_written_in,
    filled,
    fresh_in,
    gets_entry,
    is_static,
    with_entries,
    with_methods,
)
from podus.program.nodes import directly_in, everything_in
from podus.program.unheard import as_nobody_gave_it

# Constructors of other modules that make a fresh object and do nothing else, by how they are written.
_FACTORIES = {
    "threading": "Lock RLock Condition Event Semaphore BoundedSemaphore local",
    "_thread": "allocate_lock",
    "asyncio": "Lock Event Condition Semaphore BoundedSemaphore Queue LifoQueue PriorityQueue",
    "queue": "Queue LifoQueue PriorityQueue SimpleQueue",
    "collections": "deque defaultdict OrderedDict Counter ChainMap UserDict UserList",
    "weakref": "WeakSet WeakKeyDictionary WeakValueDictionary",
    "itertools": "count repeat cycle",
    "logging": "getLogger",
    "types": "SimpleNamespace MappingProxyType",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "datetime": "timedelta date time",
    "pathlib": "Path PurePath PurePosixPath",
    "re": "compile",
    "io": "StringIO BytesIO",
    "array": "array",
    "functools": "partial",
    "contextlib": "ExitStack AsyncExitStack",
    "random": "Random",
    "math": "sqrt floor ceil hypot inf",
}
# Methods of plain values that compute another one.
_METHODS = PURE_METHODS | frozenset(
    name
    for kind in (str, bytes, int, float, tuple, frozenset)
    for name in vars(kind)
    if not name.startswith("_")
)
FACTORIES = frozenset(f"{module}.{name}" for module, names in _FACTORIES.items() for name in names.split())
_FACTORY_NAMES = frozenset(name for names in _FACTORIES.values() for name in names.split())


# Kinds of dictionaries, and their methods that change nothing.
_TABLES = frozenset(["dict", "defaultdict", "OrderedDict", "Counter"])
_LOOKS_UP = frozenset(["get", "items", "values", "copy"])
# Calls of these give no descriptor.
_PLAIN = {"object", "dict", "list", "tuple", "set", "frozenset", "str", "bytes", "int", "float", "bool"}
# What the value of a field is called where it is made in more than one step.
_MADE = "made_"


class Deriver:
    """Derives the values of a class's new fields for objects of its old version.

    ``old`` and ``new`` are the two versions' fields, those of base classes included; ``known`` those that can be read from an old object: its
    own, and those derived before. ``is_class`` says whether a name is a class of
    the program, ``qualified`` gives a global name as ``module.name`` where it was imported so, ``gives`` whether the new class itself has an
    attribute that can be read without an effect, ``computes`` whether what is called is a procedure of the program that does nothing but
    compute a value, ``passing`` names a subclass whose constructor gives a parameter another value than its
    default, ``heard`` tells by which words an argument can have been given,
    ``method`` gives a method of the new class that every object of it has.
    """

    def __init__(
        self,
        old: dict[str, Field],
        new: dict[str, Field],
        known: set[str],
        is_class: Callable[[str], bool],
        qualified: Callable[[str], str],
        gives: Callable[[str], bool],
        computes: Callable[[ast.expr], bool],
        passing: Callable[[str], str],
        heard: Callable[[str], bool],
        method: Callable[[str], ast.FunctionDef | None],
    ) -> None:
        self.old = old
        self.new = new
        self.is_class = is_class
        self.qualified = qualified
        self.gives = gives
        self.computes = computes
        self.passing = passing
        self.heard = heard
        self.method = method
        # The new arguments whose defaults the last field is made from.
        self.defaults: dict[str, str] = {}
        # The name of the other arguments (``**options``), where the object has kept them.
        self._others = ""
        # The object's own methods that the field needs.
        self._methods: dict[str, ast.FunctionDef] = {}
        # Whether it asks something for an entry that is a dictionary as far as one can see.
        self._asked = False
        self.known = known

    def derive(self, name: str) -> tuple[ast.FunctionDef | None, str]:
        """A function of ``self`` that computes the field, or None and the reason why there is none."""
        wanted = self.new[name]
        others = wanted.signature.kwarg if wanted.signature is not None else None
        # What the object has kept of them is known; else it is known who can have given what.
        self._others = others.arg if others is not None and self._kept(others.arg, "") is not None else ""
        if not self._others:
            wanted = as_nobody_gave_it(wanted, self.heard)
        self._methods = {}
        self._asked = False
        self.defaults = {}
        if not wanted.places and wanted.value is None:
            return (
                None,
                "it is set in more than one way" if wanted.declared == "init" else "it has no default",
            )
        signature = wanted.signature or ast.arguments([], [ast.arg("self")], None, [], [], None, [])
        me = [*signature.posonlyargs, *signature.args][0].arg
        body, reason = self._slice(wanted, signature, me)
        if reason:
            return None, reason
        value = wanted.value if wanted.value is not None and wanted.plain else ast.Name(_MADE, ast.Load())
        own = {n for statement in wanted.body for n in bound_in(statement)} - {me}
        lost = own.intersection(*[set[str]().union(*map(read_in, [*body, value]))]) - set[str]().union(
            *map(bound_in, body)
        )
        if lost:
            return None, f"it is made from {min(lost)}, which is bound on some ways only"
        self.known.add(name)
        function = with_methods(_function(name, me, body, value, wanted.line), self._methods)
        return (with_entries(function) if self._asked else function), ""

    def _slice(self, wanted: Field, signature: ast.arguments, me: str) -> tuple[list[ast.stmt], str]:
        """The statements that give the locals that the value needs; and the value, as :data:`_MADE`, where it takes some."""
        parameters = _parameters(signature)
        local_names = set(parameters) | {_MADE} | {n for s in wanted.body for n in bound_in(s)}
        needed: set[str] = set()
        taken: list[ast.stmt] = []
        if wanted.value is not None and wanted.plain:
            reason = self._unfit(wanted.value, me, local_names)
            if reason:
                return [], reason
            needed = read_in(wanted.value) & local_names - {me}
            before = wanted.before
        else:
            before = wanted.body[: wanted.places[-1] + 1]
        for number in reversed(range(len(before))):
            statement = before[number]
            if number in wanted.places:
                try:
                    statement = part_of(before[number], wanted.name, me, needed)
                    # What it is made from may be bound in the same block.
                    while more := (read_in(statement) - needed) & bound_in(before[number]):
                        needed |= more
                        statement = part_of(before[number], wanted.name, me, needed)
                except NoPart as error:
                    return [], str(error)
            elif not bound_in(statement) & needed:
                continue
            reason = self._unfit_statement(statement, me, local_names)
            if reason:
                return [], reason
            taken.append(statement)
            bound = bound_in(statement)
            if not isinstance(statement, ast.Assign | ast.AnnAssign):
                # On some way it may not bind what an earlier one has bound.
                bound -= set(parameters).union(*map(bound_in, before[:number]))
                needed |= read_in(statement) & local_names - {me, _MADE}
                needed -= bound
                continue
            needed -= bound
            needed |= read_in(statement) & local_names - {me, _MADE}
        first: list[ast.stmt] = []
        for parameter in sorted(needed):
            if parameter not in parameters:
                return [], f"it is computed from {parameter}"
            if wanted.through:
                source = self._assigned(wanted, me)
            else:
                source = self._parameter(parameter, parameters[parameter], me)
            if (
                source is not None
                and source is parameters[parameter]
                and (subclass := self.passing(parameter))
            ):
                return [], f"it is set from the argument {parameter}, and {subclass} passes it"
            if source is None:
                return [], f"it is set from the argument {parameter}"
            if source is parameters[parameter]:
                self.defaults[parameter] = ast.unparse(source)
            target: ast.expr = ast.Name(parameter, ast.Store())
            first.append(ast.Assign(targets=[target], value=source))
        return [*first, *taken[::-1]], ""

    def _parameter(self, name: str, default: ast.expr | None, me: str) -> ast.expr | None:
        """What an argument was for an object that is there: a field that keeps it, or the default of a parameter that is new.

        Not a field that the new version does not have: that would be a renaming, which nobody has said.
        """
        kept = self._kept(name, me)
        if kept is not None:
            return kept
        known = any(
            name in _parameters(found.signature) for found in self.old.values() if found.signature is not None
        )
        if default is not None and not known and self._unfit(default, me, set()) == "":
            return default
        return None

    def _kept(self, name: str, me: str) -> ast.expr | None:
        """The field in which an object has kept an argument."""
        for field_name, found in self.old.items():
            if (
                found.declared == "init"
                and found.plain
                and isinstance(found.value, ast.Name)
                and found.value.id == name
                and found.certain
                and field_name in self.new
                and not any(name in bound_in(s) for s in found.before)
            ):
                return ast.Attribute(ast.Name(me, ast.Load()), field_name, ast.Load())
        return None

    def _assigned(self, wanted: Field, me: str) -> ast.expr | None:
        """What the setter of a property got: what an object holds by the property's name since that was a field, or what each one is given."""
        plainly = wanted.assigned is not None and not read_in(wanted.assigned)
        given = wanted.assigned if plainly else None
        held = self.old.get(wanted.through)
        if held is None or not held.certain or held.declared == "slot":
            return given
        names = f"{me}.__dict__"
        text = f"{names}[{wanted.through!r}] if {wanted.through!r} in {names} else None"
        value = ast.parse(text, mode="eval").body
        assert isinstance(value, ast.IfExp)
        value.orelse = given or value.orelse
        return value

    def held(self, name: str, field: str) -> ast.FunctionDef:
        """A function of ``self`` that gives what the object itself holds as ``field``, which its class has a property for."""
        self.known.add(name)
        value = ast.parse(f"self.__dict__[{field!r}]", mode="eval").body
        return _function(name, "self", [], value, self.new[name].line)

    def shown(self, name: str, getter: ast.FunctionDef) -> ast.FunctionDef | None:
        """A function of ``self`` that computes what was a property of the old version: None if that needs more than the object's fields."""
        (last,) = getter.body[-1:]
        parameters = getter.args.args
        rest = [s for s in getter.body[:-1] if not isinstance(s, ast.Expr | ast.Pass)]
        if rest or len(parameters) != 1 or not isinstance(last, ast.Return) or last.value is None:
            return None
        me = parameters[0].arg
        globals_ = read_in(last.value) - {me} - PURE_CALLS
        if globals_ or self._unfit(last.value, me, set()):
            return None
        self.known.add(name)
        return _function(name, me, [], last.value, self.new[name].line)

    def _unfit_statement(self, statement: ast.stmt, me: str, local_names: set[str]) -> str:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if all(isinstance(t, ast.Name) for t in targets):
                # Without a value it is an annotation, and nothing happens.
                return self._unfit(statement.value, me, local_names) if statement.value is not None else ""
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            return self._unfit(statement.value, me, local_names)
        if isinstance(statement, ast.Pass):
            return ""
        if isinstance(statement, ast.If | ast.Try):
            reasons = [self._unfit(statement.test, me, local_names)] if isinstance(statement, ast.If) else []
            parts = [*statement.body, *statement.orelse, *getattr(statement, "finalbody", ())]
            for handler in getattr(statement, "handlers", ()):
                parts += handler.body
                reasons += [self._unfit(handler.type, me, local_names)] if handler.type is not None else []
            reasons += [self._unfit_statement(part, me, local_names) for part in parts]
            return next((r for r in reasons if r), "")
        return f"it needs what line {statement.lineno} does"

    def _unfit(self, node: ast.expr, me: str, local_names: set[str]) -> str:
        """Why an expression can't be evaluated for an old object; "" if it can."""
        if isinstance(node, ast.Name):
            return f"it keeps {me} itself" if node.id == me else ""
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == me:
                there = node.attr in self.known or node.attr == "__class__"
                if there or (node.attr not in self.new and self.gives(node.attr)):
                    return ""
                return f"it needs {me}.{node.attr}"
            return self._unfit(node.value, me, local_names)
        if isinstance(node, ast.Call):
            arguments = [*node.args, *(k.value for k in node.keywords)]
            if ast.unparse(node.func) in ("type", "isinstance") and not local_names & {"type", "isinstance"}:
                # Of the object itself they ask for its class alone.
                arguments = [a for a in arguments if not (isinstance(a, ast.Name) and a.id == me)]
            reason = next((r for r in (self._unfit(a, me, local_names) for a in arguments) if r), "")
            if reason:
                return reason
            if self._makes(node.func, local_names):
                return ""
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == me:
                return self._unfit_method(node.func.attr)
            if isinstance(node.func, ast.Attribute) and self._looks_up(node.func, me):
                return self._unfit(node.func.value, me, local_names)
            if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
                return self._unfit(node.func.value, me, local_names)
            if gets_entry(node) and self._is_kept(node.func.value, me):  # type: ignore[attr-defined]
                self._asked = True
                return ""
            return f"it calls {ast.unparse(node.func)}"
        if isinstance(node, ast.Lambda):
            inner = read_in(node.body) - set(_parameters(node.args))
            return f"it keeps {me} itself" if me in inner else ""
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr):
            return "it does more than compute a value"
        if isinstance(node, ast.GeneratorExp):
            return "it is a generator"
        children = [c for c in everything_in(node) if isinstance(c, ast.expr) and c is not node]
        direct = [c for c in directly_in(node) if isinstance(c, ast.expr)]
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
            direct = [c for c in children if isinstance(c, ast.Call | ast.Attribute | ast.Await | ast.Yield)]
        return next((r for r in (self._unfit(c, me, local_names) for c in direct) if r), "")

    def _is_kept(self, node: ast.expr, me: str) -> bool:
        """Whether it is a field that an old object has, or an argument that it has kept in one."""
        if isinstance(node, ast.Name):
            return self._kept(node.id, me) is not None
        return attribute_of(node, me) in self.known

    def _looks_up(self, method: ast.Attribute, me: str) -> bool:
        """Whether it is a dictionary that an old object holds which is looked into: ``get`` of anything else may do more."""
        held = method.value
        if isinstance(held, ast.Name) and held.id == self._others:
            return method.attr in _LOOKS_UP
        if not (isinstance(held, ast.Attribute) and ast.unparse(held.value) == me):
            return False
        field = self.old.get(held.attr)
        return field is not None and field.kind in _TABLES and method.attr in _LOOKS_UP

    def _unfit_method(self, name: str) -> str:
        """Why a method of the object can't be carried out for an old one; "" if it can."""
        if name in self._methods:
            return ""
        method = self.method(name)
        if method is None or not can_be_written_in(method):
            return f"it calls self.{name}"
        self._methods[name] = method
        arguments = [*method.args.posonlyargs, *method.args.args]
        me = arguments[0].arg if arguments and not is_static(method) else ""
        names = {*_parameters(method.args)}.union(*map(bound_in, method.body))
        fresh = fresh_in(method)
        reasons = (self._unfit_step(statement, me, names, fresh) for statement in method.body)
        reason = next((r for r in reasons if r), "")
        return f"it calls self.{name}, and {reason}" if reason else ""

    def _unfit_step(self, statement: ast.stmt, me: str, names: set[str], fresh: set[str]) -> str:
        """The same of one statement of a method, which may return, loop and fill what it has made."""
        put = filled(statement, fresh)
        if isinstance(statement, ast.Return) or put is not None:
            values = put if put is not None else [statement.value]  # type: ignore[attr-defined]
            return next((r for v in values if v is not None and (r := self._unfit(v, me, names))), "")
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return ""
        if isinstance(statement, ast.If | ast.For):
            head = statement.test if isinstance(statement, ast.If) else statement.iter
            parts = [*statement.body, *statement.orelse]
            reasons = (self._unfit_step(part, me, names, fresh) for part in parts)
            return self._unfit(head, me, names) or next((r for r in reasons if r), "")
        return self._unfit_statement(statement, me, names)

    def _makes(self, function: ast.expr, local_names: set[str]) -> bool:
        """Whether calling it makes a fresh value and does nothing else."""
        word = ast.unparse(function)
        if word.partition(".")[0] in local_names:
            return False
        if word in PURE_CALLS or word in ("object", "type", "hash", "isinstance"):
            return True
        full = self.qualified(word)
        known = full in FACTORIES or (word in _FACTORY_NAMES and full == word)
        return known or self.is_class(word) or self.computes(function)


def _function(name: str, me: str, body: list[ast.stmt], value: ast.expr, line: int) -> ast.FunctionDef:
    """The derived mapper of a field: it carries out ``body`` and gives ``value``."""
    made = ast.FunctionDef(
        name=f"derive_{name}",
        args=ast.arguments([], [ast.arg(me)], None, [], [], None, []),
        body=[*body, ast.Return(value)],
        decorator_list=[],
        returns=None,
        type_comment=None,
    )
    if "type_params" in ast.FunctionDef._fields:
        setattr(made, "type_params", [])  # noqa: B010  (from Python 3.12)
    made.lineno = made.end_lineno = line
    made.col_offset = made.end_col_offset = 0
    return ast.fix_missing_locations(made)


def is_readable(node: ast.stmt) -> bool:
    """Whether what this statement of a class gives it can be read from an object without running code: a method, or plain data."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return all(
            isinstance(d, ast.Name) and d.id in ("staticmethod", "classmethod") for d in node.decorator_list
        )
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
    # What a call gives may be a descriptor, and a function is one.
    return value is not None and not any(
        isinstance(n, ast.Lambda) or (isinstance(n, ast.Call) and ast.unparse(n.func) not in _PLAIN)
        for n in everything_in(value)
    )


class NoPart(Exception):
    """A statement can't be taken apart; the message says why."""


def part_of(statement: ast.stmt, name: str, me: str, needed: set[str]) -> ast.stmt:
    """What a statement does to the field ``name``, which is called :data:`_MADE` there, and to the locals that are ``needed``. Raises NoPart."""
    made = _pruned(copy.deepcopy(statement), name, me, needed)
    return ast.fix_missing_locations(_Made(name, me).visit(made)) if made is not None else ast.Pass()


def _pruned(statement: ast.stmt, name: str, me: str, needed: set[str]) -> ast.stmt | None:
    inside = list(everything_in(statement))
    if not any(attribute_of(node, me) == name and isinstance(node.ctx, ast.Store) for node in inside):  # type: ignore[attr-defined]
        return statement if bound_in(statement) & needed else None
    if any(isinstance(node, ast.Return) for node in inside):
        raise NoPart("it is set on one of the ways out of the constructor")
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        value = dict(direct(statement, me)).get(name)
        if value is None:
            raise NoPart("it is a part of another value")
        target: ast.expr = ast.Attribute(ast.Name(me, ast.Load()), name, ast.Store())
        return ast.copy_location(ast.Assign(targets=[target], value=value), statement)
    if isinstance(statement, ast.AugAssign):
        return statement
    if not isinstance(statement, ast.If | ast.Try):
        raise NoPart("it is set in a loop, or in another block")
    # Where an exception was raised no object came about.
    parts: list[list[ast.stmt]] = [statement.body, statement.orelse]
    if isinstance(statement, ast.Try):
        parts += [statement.finalbody, *(handler.body for handler in statement.handlers)]
    for part in parts:
        part[:] = [made for inner in part if (made := _pruned(inner, name, me, needed)) is not None]
        if not part and part is not statement.orelse and part is not getattr(statement, "finalbody", None):
            part.append(ast.Pass())
    return statement


class _Made(ast.NodeTransformer):
    def __init__(self, name: str, me: str) -> None:
        self._name, self._me = name, me

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if attribute_of(node, self._me) == self._name:
            return ast.copy_location(ast.Name(_MADE, node.ctx), node)
        return self.generic_visit(node)


def _parameters(signature: ast.arguments) -> dict[str, ast.expr | None]:
    """Every parameter with its default."""
    plain = [*signature.posonlyargs, *signature.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(signature.defaults))
    found = dict(zip([a.arg for a in plain], [*missing, *signature.defaults], strict=True))
    found |= {a.arg: d for a, d in zip(signature.kwonlyargs, signature.kw_defaults, strict=True)}
    for rest in (signature.vararg, signature.kwarg):
        if rest is not None:
            found[rest.arg] = None
    return found
