"""Statements that run when an update begins, and read data that a mapper converts only later: they would see it in its old form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podus.planning.reading import reads

if TYPE_CHECKING:
    from podus.planning.compile import Compiler
    from podus.planning.supported import SupportCode
    from podus.program.body import Statement
    from podus.program.changes import BodyChange


def refuse_unmapped(compiler: Compiler, support: SupportCode) -> None:
    """Refuse them, each with the data that it reads."""
    mapped = {row.target for row in support.mapper_rows() if row.kind == "data"}
    if not mapped or compiler.plan.program.get("undo"):
        return
    meanings = compiler.derived.new
    for name in compiler.order:
        change = compiler.changes[name]
        bodies = [] if change.body is None else [change.body, *change.body.all_classes()]
        for body in bodies:
            for statement in body.run:
                own = {f"{name}:{'.'.join((*body.owners, word))}" for word in statement.names}
                if own and own <= mapped:
                    # It stays what it is until its own mapper converts it.
                    continue
                places = (meanings.origin(change.new, node) for node in reads(statement.node))
                read = {f"{place[0]}:{word}" for place in places if place for word in _prefixes(place[1])}
                for datum in sorted((read & mapped) - own):
                    compiler.refuse(
                        "reads-unmapped",
                        f"`{statement.text}` reads {datum}, which a mapper converts only when the procedures switch: it would see it in its old form",
                        f"{_remedy(statement, body, own - mapped)} in a procedure, when it is asked for",
                        f"{change.new.file}:{statement.line}",
                    )


def _remedy(statement: Statement, body: BodyChange, names: set[str]) -> str:
    there = statement.kind == "assign" and body.previous.keys() >= {*statement.names}
    return f"give a mapper for {' and '.join(sorted(names))} too, or compute it" if there else "compute it"


def _prefixes(words: list[str]) -> list[str]:
    return [".".join(words[:count]) for count in range(1, len(words) + 1)]
