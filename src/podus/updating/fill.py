"""Giving objects a field that they lack, many at a time, and without a moment for another thread between the look and the gift."""

from __future__ import annotations

import gc
import opcode
import sys
from collections import deque
from itertools import compress, repeat, starmap
from operator import call, is_

from podus.updating.held import Asleep, Missing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from podus.updating.binding import Op
    from podus.updating.notes import Notes

_read = object.__getattribute__
_write = object.__setattr__
_ACCESS = ("__getattribute__", "__setattr__", "__getattr__")
_LOADS = frozenset(number for name, number in opcode.opmap.items() if "LOAD_FAST" in name)
# Up to Python 3.11 a collection begins in the middle of what needs memory, later only where another thread may be let in as well.
_COLLECTS_AT_ONCE = sys.version_info < (3, 12)


def lacking(hook: Missing, objects: list[Any]) -> list[Any]:
    """Those of ``objects`` that lack the hook's field just now."""
    flags: list[bool] = []
    _with_hook_asleep(hook, [_look(hook, objects, flags)])
    return list(compress(objects, flags))


def give(hook: Missing, objects: list[Any], values: Iterable[Any], given: Notes | None) -> int:
    """Set the hook's field of those ``objects`` that still lack it to their ``values``, and note them in ``given``; says how many.

    What a thread of the program has set meanwhile stands.
    """
    flags: list[bool] = []
    gifts = compress(zip(objects, repeat(hook.name), values, strict=False), flags)
    ops: list[Op] = [_look(hook, objects, flags), (deque, starmap(_write, gifts), 0)]
    if given is not None and objects:
        ops.append((given.of(id(objects[0])).extend, compress(objects, flags)))
    _with_hook_asleep(hook, ops)
    return sum(flags)


def _look(hook: Missing, objects: list[Any], flags: list[bool]) -> Op:
    # While the hook is asleep, who has no value of his own gets the hook itself, and no code runs for it.
    return (flags.extend, map(is_, map(_read, objects, repeat(hook.name)), repeat(hook)))


def is_plain(kind: type) -> bool:
    """Whether to read and to set attributes of objects of this class runs no code of the program's, but for the attributes' own."""
    return not any(name in base.__dict__ for base in type.mro(kind)[:-1] for name in _ACCESS)


def filler(
    hooks: list[Missing],
    makers: Sequence[Callable[[Any], Any]],
    notes: list[Notes],
    failed: Callable[[Exception], Exception],
) -> Callable[[Any], None]:
    """A function that gives one object what it lacks, as :func:`lacking` and :func:`give` do, in a tenth of their time.

    A thread of the program waits for that, and maybe for many objects in a row. ``makers`` make the values, ``notes`` (none: nothing is noted) are
    where an object is noted that got one; ``failed`` is told why a value can't be made, and says what is raised. The class must be :func:`is_plain`.

    What must be one instant is one line without calls and loops: only there CPython lets another thread in, and debuggers are told of lines.
    Attributes are written out in it, and so it is made for the class. A value that is made of others (``looks_at_it``) is made when those before it are there.
    """
    names: dict[str, Any] = {"Asleep": Asleep, "Missing": Missing, "on": gc.isenabled}
    names |= {"enable": gc.enable, "disable": gc.disable, "failed": failed}
    stages: list[list[int]] = [[]]
    for n, make in enumerate(makers):
        names |= {f"hook{n}": hooks[n], f"make{n}": make} | ({f"notes{n}": notes[n].of} if notes else {})
        if stages[-1] and looks_at_it(make):
            stages.append([])
        stages[-1].append(n)
    noted = [f" note{n} = notes{n}(id(obj))" for n in range(len(hooks))] if notes else []
    lines = ["def fill(obj):", " one, none = (obj,), ()", *noted]
    for numbers in stages:
        # One that was met is lacking; of several each may be there.
        lines += _stage(numbers, [hook.name for hook in hooks], bool(notes), known=len(hooks) == 1)
    exec(compile("\n".join(lines), "<podus>", "exec"), names)
    made: Callable[[Any], None] = names["fill"]
    return made


def _stage(numbers: list[int], fields: list[str], notes: bool, *, known: bool) -> list[str]:
    """The lines that give some of the fields at one instant."""
    asleep = "; ".join(f"hook{n}.__class__ = Asleep" for n in numbers)
    awake = "; ".join(f"hook{n}.__class__ = Missing" for n in numbers)
    look = "; ".join(f"is{n} = obj.{fields[n]}" for n in numbers)
    # Who had the field keeps what he has. No tuple is made here: that could begin a collection, which may run the program's code.
    put = "; ".join(f"obj.{fields[n]} = is{n} if is{n} is not hook{n} else new{n}" for n in numbers)
    note = "; ".join(f"note{n} += one if is{n} is hook{n} else none" for n in numbers) if notes else "pass"
    first = [f" try: {asleep}; {look}; {awake}", f" except BaseException: {awake}; raise"]
    lines = [f" is{numbers[0]} = hook{numbers[0]}"] if known else first
    lines += [" try:", *(f"  new{n} = make{n}(obj) if is{n} is hook{n} else is{n}" for n in numbers)]
    lines += [" except Exception as error: raise failed(error) from error"]
    lines += [" was = on()", " disable()"] if _COLLECTS_AT_ONCE else []
    lines += [f" try: {asleep}; {look}; {put}; {note}; {awake}", f" except BaseException: {awake}; raise"]
    lines += [" finally:", "  if was: enable()"] if _COLLECTS_AT_ONCE else []
    return lines


def looks_at_it(make: Callable[[Any], Any]) -> bool:
    """Whether what makes a value may look at its object: a function that loads what it was given."""
    code = getattr(make, "__code__", None)
    if code is None or code.co_cellvars or code.co_argcount != 1:
        return True
    return any(op in _LOADS for op in code.co_code[::2])


def _with_hook_asleep(hook: Missing, ops: list[Op]) -> None:
    awake: Op = (_write, hook, "__class__", Missing)
    _at_once([(_write, hook, "__class__", Asleep), *ops, awake], [awake])


def _at_once(ops: list[Op], awake: list[Op]) -> None:
    """Carry out ``ops`` in one call of C code, in which no other thread runs that could meet the hooks; and see that they are awake."""
    collecting = gc.isenabled()
    # A collection in the middle could run a finalizer, and so let another thread in.
    gc.disable()
    try:
        deque(starmap(call, ops), 0)
    except BaseException:
        deque(starmap(call, awake), 0)
        raise
    finally:
        if collecting:
            gc.enable()
