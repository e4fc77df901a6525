"""The code objects that the running program's functions and frames have, by the names of their procedures."""

from __future__ import annotations

from types import CodeType, FunctionType, ModuleType

from podus.frames.stubs import without_stubs
from podus.program.code import walk
from podus.updating.find import class_at, function_of
from podus.updating.held import module_of
from podus.updating.listing import referring


def runs(found: dict[str, list[CodeType]], module: ModuleType | None) -> bool:
    """Whether the program's functions were made by the code objects ``found``, and not by equal ones."""
    if module is None:
        return True
    ids = {id(code) for codes in found.values() for code in codes}
    functions = [
        v for v in vars(module).values() if type(v) is FunctionType and v.__module__ == module.__name__
    ]
    return not functions or any(id(f.__code__) in ids for f in functions)


def gives_other_flags(code: CodeType) -> bool:
    """Whether a module may have ``types.coroutine`` give a function a copy of its code that says that it can be awaited."""
    return any("coroutine" in part.co_names for part in walk(code))


def adopt(found: dict[str, list[CodeType]], module: ModuleType | None) -> None:
    """Add the live code objects of a module that are not its own, as that was not kept or a decorator has made others: found through its names, matched by content."""
    if module is None:
        return
    by_key: dict[tuple[str, int], list[str]] = {}
    for qualname, codes in found.items():
        by_key.setdefault((codes[0].co_qualname, codes[0].co_firstlineno), []).append(qualname)

    def match(code: CodeType) -> None:
        for qualname in by_key.get((code.co_qualname, code.co_firstlineno), ()):
            recorded = found[qualname][0]
            # The script's own functions have got exit stubs since they were compiled.
            same = without_stubs(recorded).co_code == without_stubs(code).co_code
            if same and all(code is not known for known in found[qualname]):
                found[qualname].append(code)
        for const in code.co_consts:
            if isinstance(const, CodeType):
                match(const)

    functions, _ = referring([vars(module)], frozenset({id(FunctionType)}))
    for function in functions:
        match(function.__code__)


def is_recoded(module: ModuleType | None, qualname: str, codes: list[CodeType]) -> bool:
    """Whether the function that has the name of a procedure was made from none of ``codes``, but says that it is of this procedure."""
    owner, _, name = qualname.rpartition(".")
    place: object = class_at(module, owner) if owner else module
    function = function_of(getattr(place, "__dict__", {}).get(name))
    if not codes or function is None or any(function.__code__ is code for code in codes):
        return False
    code = function.__code__
    # Our own leads to another function.
    ours = any(module_of(type(const)).startswith("podus.") for const in code.co_consts)
    return not ours and (code.co_qualname, code.co_filename) == (qualname, codes[0].co_filename)
