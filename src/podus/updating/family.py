"""A class with all that is derived from it, asked without running the program's code."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def with_subclasses(classes: Iterable[type], breath: Callable[[], object] | None = None) -> list[type]:
    """The classes and all that are derived from them, each once; ``breath`` is called in between, to let others run."""
    # By their ids: a metaclass may have a hash of its own.
    found: dict[int, type] = {}
    todo = list(classes)
    while todo:
        cls = todo.pop()
        if id(cls) not in found:
            found[id(cls)] = cls
            todo += type.__subclasses__(cls)
            if breath is not None:
                breath()
    return list(found.values())


def below(cls: type, breath: Callable[[], object] | None = None) -> list[type]:
    """All subclasses of ``cls``, and theirs."""
    return with_subclasses([cls], breath)[1:]
