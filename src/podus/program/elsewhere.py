"""The fields that methods set which are no constructors: ``connect()``, a handler's ``setup()``, a thread's ``run()``."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field

from podus.program.body import Body
from podus.program.code import mangled
from podus.program.constructor import attribute_of, direct, plainly
from podus.program.field import Field, last_word
from podus.program.nodes import everything_in

# What can last, end the method or leave it for a while: between a field set before and one set after it an object may be found.
_LASTS = (ast.For, ast.While, ast.AsyncFor, ast.AsyncWith, ast.Await, ast.Yield, ast.YieldFrom, ast.Return)


@dataclass
class Method:
    """What one method does with the fields of its object.

    ``fields`` are those that each call sets, with the stretch of the method in which it does (two of one stretch are both set, or neither is);
    ``puts`` says in how many places it sets or deletes what it does, ``gets`` what it reads and ``calls`` what it calls of the object's. ``asks`` are the
    names by which it asks whether there is such a field, ``others`` those of what it sets in other objects.
    """

    fields: dict[str, tuple[int, Field]] = field(default_factory=dict)
    puts: Counter[str] = field(default_factory=Counter)
    gets: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    asks: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)


def methods_of(body: Body) -> dict[str, Method]:
    """The methods of a class's ``body`` by the names that they have in its objects; of several of one name what all of them do."""
    found: dict[str, Method] = {}
    for statement in body.statements:
        node = statement.node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            method = found.setdefault(mangled(statement.names[-1], body.owners), Method())
            _read(node, body.owners, method)
    return found


def _read(node: ast.FunctionDef | ast.AsyncFunctionDef, within: tuple[str, ...], method: Method) -> None:
    arguments = [*node.args.posonlyargs, *node.args.args]
    if not arguments or any(ast.unparse(d) in ("staticmethod", "classmethod") for d in node.decorator_list):
        return
    me = arguments[0].arg
    body = plainly(node, me, within)
    stretch = 0
    for number, statement in enumerate(body):
        inside = list(everything_in(statement))
        if any(isinstance(part, _LASTS) for part in inside):
            stretch += 1
        for name, value in direct(statement, me) if not node.decorator_list else ():
            found = Field(name, "init", value, line=statement.lineno, body=body, places=[number])
            found.signature = node.args
            method.fields[name] = (stretch, found)
        goes_on = {id(part.target) for part in inside if isinstance(part, ast.AugAssign)}
        for part in inside:
            name = attribute_of(part, me)
            if isinstance(part, ast.Call):
                if attribute_of(part.func, me):
                    method.calls.add(attribute_of(part.func, me))
                if last_word(part.func) in ("getattr", "hasattr"):
                    method.asks |= {str(a.value) for a in part.args if isinstance(a, ast.Constant)}
            elif not isinstance(part, ast.Attribute):
                continue
            elif not name:
                if not isinstance(part.ctx, ast.Load):
                    method.others.add(part.attr)
            elif isinstance(part.ctx, ast.Load) or id(part) in goes_on:
                # Who adds to a field has it already.
                method.gets.add(name)
            else:
                method.puts[name] += 1
