"""Gates: code that stands in a procedure's binding for a while and decides, call by call, what is called.

A gate is a code object with the free variables of the code it stands for, so that any function can be given it. Three uses: an
interprocedure between old callers and a new interface; a door at which callers wait while a mapper converts the data
they would use; and the stage, where only the thread that runs new top-level statements gets the new procedures.
None is left when the update is complete.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Container
from functools import lru_cache
from types import CellType, CodeType, FunctionType

from podus.threads import allocate_lock, get_ident
from podus.updating.find import TWINS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Dispatch = Callable[[tuple[Any, ...], dict[str, Any]], Any]


_PLACE = "podus: the dispatcher"
_TEMPLATE = """
def outer():
    {cells}
    def gate(*args, **kwargs):
        if 0:
            {uses}
        return "{place}".call(args, kwargs)
"""


class _Callee:
    """What a gate's code holds as a constant."""

    __slots__ = ("call",)

    def __init__(self, call: Dispatch) -> None:
        self.call = call


@lru_cache(maxsize=64)
def _blank(free: int) -> CodeType:
    """A gate's code with ``free`` free variables and nobody to call yet."""
    # Stand-ins, in the order in which the compiler sorts them: a function outside a class can't name a method's __class__ cell.
    names = [f"free{number:04d}" for number in range(free)]
    cells = " = ".join([*names, "None"]) if names else "pass"
    namespace: dict[str, Any] = {}
    exec(_TEMPLATE.format(cells=cells, uses=", ".join(names) or "pass", place=_PLACE), namespace)
    consts = namespace["outer"].__code__.co_consts
    return next(c for c in consts if isinstance(c, CodeType) and c.co_name == "gate")


def gate_code(model: CodeType, dispatch: Dispatch) -> CodeType:
    """Code with the name and the free variables of ``model`` that calls ``dispatch(args, kwargs)``."""
    blank = _blank(len(model.co_freevars))
    callee = _Callee(dispatch)
    return blank.replace(
        co_consts=tuple(callee if const == _PLACE else const for const in blank.co_consts),
        co_name=model.co_name,
        co_qualname=model.co_qualname,
        co_filename=model.co_filename,
        co_firstlineno=model.co_firstlineno,
        co_freevars=model.co_freevars,
    )


def twin(function: FunctionType, code: CodeType, namespace: dict[str, Any] | None = None) -> FunctionType:
    """A function that is ``function`` but for its code (and, while staging, its globals)."""
    made = FunctionType(
        code,
        function.__globals__ if namespace is None else namespace,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__dict__.update(function.__dict__)
    TWINS.add(made)
    return made


def interprocedure_gate(
    function: FunctionType,
    new: FunctionType,
    convert: Callable[..., Any],
    is_old: Container[int],
    modules: Container[str],
) -> CodeType:
    """The gate of a procedure with an interprocedure.

    A call by old code (its id is in ``is_old``) goes to ``convert(new, *args, **kwargs)``, any other to ``new``.
    The caller is the nearest procedure of the program (its module is in ``modules``) that is no wrapper of this one.
    """

    def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        frame: Any = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            if id(code) in is_old:
                return convert(new, *args, **kwargs)
            if (
                frame.f_globals.get("__name__") in modules
                and not _is_gate(code)
                and not _wraps(frame, function)
            ):
                break
            frame = frame.f_back
        del frame
        return new(*args, **kwargs)

    return gate_code(function.__code__, dispatch)


def _is_gate(code: CodeType) -> bool:
    """Whether a frame is one of ours: whoever called it is the caller."""
    return any(type(const) is _Callee for const in code.co_consts)


def _wraps(frame: Any, function: FunctionType) -> bool:
    """Whether the frame is that of a wrapper: a closure over the very function that it calls."""
    names = frame.f_code.co_freevars
    if not names:
        return False
    values = frame.f_locals
    return any(values.get(name) is function for name in names)


class Door:
    """Callers wait here while a mapper runs, or others leave, then go on with the procedure as it is by then.

    The mapper's own thread passes: it gets the procedures as they were. So does a thread that is inside, in code of ``insiders`` (by id),
    for it could never leave otherwise; and with ``loops_pass`` one that runs an event loop.
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._owner = get_ident()
        self.insiders: set[int] = set()
        self.loops_pass = False
        # Somebody has come in who runs an event loop, and may have begun what is suspended by now.
        self.let_in = False
        # The procedures are what they were again, or what they are to be.
        self.opened = False
        # Seconds that a caller waits at the most; None: until it is opened.
        self.limit: float | None = None
        # Somebody has waited for so long and gone through; the switch has been made.
        self.passed = self.switched = False

    def code(self, function: FunctionType) -> CodeType:
        """The code to stand in ``function`` while the door is shut."""
        before = twin(function, function.__code__)

        def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if get_ident() == self._owner or self._is_inside():
                return before(*args, **kwargs)
            if self.loops_pass and _runs_a_loop():
                return let_through(self, before, function, args, kwargs)
            if self.limit is None:
                with self._lock:
                    pass
            elif self._lock.acquire(timeout=self.limit):
                self._lock.release()
            else:
                return go_through(self, before, function, args, kwargs)
            return function(*args, **kwargs)

        return gate_code(function.__code__, dispatch)

    def _is_inside(self) -> bool:
        frame: Any = sys._getframe(2) if self.insiders else None
        while frame is not None:
            if id(frame.f_code) in self.insiders:
                return True
            frame = frame.f_back
        return False

    def open(self) -> None:
        """Let everybody pass."""
        self._lock.release()


def let_through(
    door: Door, before: FunctionType, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The call of somebody who runs an event loop: as before, unless the door has been opened just now.

    What a coroutine function has made is on no stack, and may not be found any more: so nothing switches while this is on any (:data:`LETTING`),
    and what has begun meanwhile is noted before it leaves.
    """
    if door.opened:
        return function(*args, **kwargs)
    try:
        return before(*args, **kwargs)
    finally:
        door.let_in = True


LETTING = frozenset({id(let_through.__code__)})


def go_through(
    door: Door, before: FunctionType, function: FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The call of somebody who has waited long enough: as before, unless the switch has been made just now.

    It is not made while this is on any stack.
    """
    door.passed = True
    return (function if door.switched else before)(*args, **kwargs)


def _runs_a_loop() -> bool:
    """Whether this thread runs an event loop of asyncio; what is not loaded runs none."""
    events: Any = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def stage_gate(function: FunctionType, after: FunctionType) -> CodeType:
    """While new top-level statements run: their thread gets the new procedure ``after``, every other thread the old one."""
    owner = get_ident()
    before = twin(function, function.__code__)

    def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return (after if get_ident() == owner else before)(*args, **kwargs)

    return gate_code(function.__code__, dispatch)


# What leads from a function to another one; and for which function, and in which code.
_FORWARDS: weakref.WeakKeyDictionary[Any, tuple[weakref.ref[FunctionType], weakref.ref[CodeType]]] = (
    weakref.WeakKeyDictionary()
)


def forward(function: FunctionType, target: Callable[..., Any]) -> CodeType:
    """Code for a function object that can't be given the new code itself: it calls the one that has it."""

    def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return target(*args, **kwargs)

    code = gate_code(function.__code__, dispatch)
    _FORWARDS[dispatch] = weakref.ref(function), weakref.ref(code)
    return code


def idle_forwards() -> list[CellType]:
    """What holds the targets of forwards that no function has for its code at the moment: podus keeps them to go there again."""
    found: list[CellType] = []
    for dispatch, (function, code) in list(_FORWARDS.items()):
        there = function()
        if there is None or there.__code__ is not code():
            found += dispatch.__closure__ or ()
    return found


def bound_otherwise(function: FunctionType, kind: type, attribute: Any, cls: type) -> CodeType:
    """Code for the function of a method of ``cls`` that was of this ``kind`` and is ``attribute`` now: whoever holds it, as bound methods do, calls it as before."""

    def dispatch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kind is staticmethod or not args:
            return attribute.__get__(None, cls)(*args, **kwargs)
        owner, *rest = args
        whose = (None, owner) if kind is classmethod else (owner, type(owner))
        return attribute.__get__(*whose)(*rest, **kwargs)

    return gate_code(function.__code__, dispatch)
