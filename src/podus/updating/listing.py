"""Asking the garbage collector for objects without harm to a tuple that another thread is just making.

``tuple(generator)`` in C makes its tuple first, fills it item by item (the generator may run for long, and in between other threads do)
and at last cuts it to size, which fails with a SystemError if anybody else refers to the tuple: up to CPython 3.13 ``gc.get_objects()``
and ``gc.get_referrers()`` do so. (https://github.com/python/cpython/issues/59313, mended in 3.14.) And to look at an item that is not there
yet would end the process. So what the collector lists is sorted out in one call of C code, in which no other thread can run: what comes
back has no tuple in it, but at most what tuples refer to.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from itertools import chain, compress, repeat, starmap
from operator import and_, call, is_, is_not, not_

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# With more targets than that, gc.get_referrers() takes longer than to list everything and to sort it out.
TARGETS = 16
# Seconds for each object of any kind that are taken to look for what refers to a few targets, to list what is of some kinds, and everything.
REFERRING, KINDS, EVERYTHING = 30e-9, 100e-9, 150e-9
# The young are looked at in an instant, of at most 2 ms, unless collection is off and they are very many.
YOUNG = 20_000
# CPython 3.12 itself has a few hundred objects frozen when it has started; gc.freeze() adds thousands.
FROZEN = 1000
_GENERATIONS = (0, 1) if sys.version_info < (3, 14) else (0,)
# A collection, and with it the program's code, can begin in the middle of a call.
_COLLECTS_ANYWHERE = sys.version_info < (3, 12)


def tracked(kinds: frozenset[int]) -> tuple[list[Any], float]:
    """All objects of just the types with the ids ``kinds`` that the collector tracks; and the seconds that no other thread could run.

    That is about 100 ms per million objects of any kind.
    """
    since = time.perf_counter()
    found = at_once(of_kinds(map(gc.get_objects, (None,)), kinds))
    return found, time.perf_counter() - since


def referring(targets: Iterable[Any], kinds: frozenset[int]) -> tuple[list[Any], float]:
    """The objects of the types with the ids ``kinds`` that refer to one of ``targets``, or more of these types; and the seconds that no other
    thread could run.

    That is about 30 ms per million objects of any kind. For many targets all of these types are given, as that takes less time.
    """
    targets = tuple(targets)
    if len(targets) > TARGETS:
        return tracked(kinds)
    since = time.perf_counter()
    found = at_once(of_kinds(starmap(gc.get_referrers, [targets]), kinds))
    return found, time.perf_counter() - since


def instances(classes: list[type]) -> tuple[list[Any], float]:
    """All tracked objects of just these classes; and the seconds that no other thread could run. An object refers to its class."""
    return referring(classes, frozenset(map(id, classes)))


def seconds_each(targets: int) -> float:
    """What :func:`instances` takes of the program for each object in the heap, of any kind."""
    return REFERRING if targets <= TARGETS else KINDS


def everything() -> tuple[list[Any], float]:
    """All objects that the collector tracks, and what tuples refer to in place of the tuples; and the seconds that no other thread could run.

    That is about 150 ms per million objects.
    """
    since = time.perf_counter()
    found = at_once(without_tuples(map(gc.get_objects, (None,))))
    return found, time.perf_counter() - since


def holding(target: Any) -> tuple[list[Any], int]:
    """What refers to ``target``, tuples left out; and how many references tuples hold."""
    asked = [target]
    found, tuples = holding_any(asked)
    return list(compress(found, map(is_not, found, repeat(asked)))), tuples[id(target)]


def holding_any(targets: list[Any]) -> tuple[list[Any], Counter[int]]:
    """What refers to one of ``targets``, tuples left out; and how many references tuples hold, by the id of what they hold.

    That takes about 30 ms per million objects of any kind for a few targets, and a second for many.
    """
    box: list[Any] = []
    wanted = frozenset(map(id, targets))
    not_tuples = map(is_not, map(type, box), repeat(tuple))
    listings: Iterator[list[Any]]
    if len(targets) <= TARGETS:
        listings = starmap(gc.get_referrers, [tuple(targets)])
        others = compress(box, not_tuples)
    else:
        listings = map(gc.get_objects, (None,))
        unconcerned = map(wanted.isdisjoint, map(map, repeat(id), _referents(box)))
        others = compress(box, map(and_, not_tuples, map(not_, unconcerned)))
    tuples = compress(box, map(is_, map(type, box), repeat(tuple)))
    ids = filter(wanted.__contains__, map(id, chain.from_iterable(map(gc.get_referents, tuples))))
    # The collector tracks no numbers: what is one is an id.
    found = at_once(chain(_each(box.extend, listings), others, ids, _each(list.clear, [box])))
    counts = Counter(value for value in found if type(value) is int)
    return [value for value in found if type(value) is not int and value is not box], counts


def asyncio_module() -> Any:
    """The module of which the collector must not be asked what it refers to, if it is loaded; else None.

    Up to CPython 3.12.5 it tells of iterators that are freed and kept to be used again: who is given one frees it once more (gh-122695).
    """
    return sys.modules.get("_asyncio") if (3, 12) <= sys.version_info < (3, 12, 6) else None


def _referents(box: list[Any]) -> Iterator[Iterable[Any]]:
    """What each of some objects refers to, without executing bytecode."""
    module = asyncio_module()
    if module is None:
        return map(gc.get_referents, box)
    return map(call, map({id(module): vars}.get, map(id, box), repeat(gc.get_referents)), box)


def around(ids: frozenset[int]) -> tuple[list[Any], set[int]]:
    """What refers to one of the objects with these ids: what is no tuple, and the ids of tuples. Two seconds per million objects."""
    box: list[Any] = []

    def concerned(test: Any) -> Iterator[bool]:
        unconcerned = map(ids.isdisjoint, map(map, repeat(id), _referents(box)))
        return map(and_, map(test, map(type, box), repeat(tuple)), map(not_, unconcerned))

    others = compress(box, concerned(is_not))
    tuples = map(id, compress(box, concerned(is_)))
    found = at_once(
        chain(_each(box.extend, map(gc.get_objects, (None,))), others, tuples, _each(list.clear, [box]))
    )
    values = [value for value in found if type(value) is not int and value is not box]
    return values, {value for value in found if type(value) is int}


def promote_young() -> None:
    """Have all that the collector tracks count as old, in no time: up to CPython 3.13, and unless the program has frozen something itself.

    In a program that makes and drops objects in equal numbers, as an event loop does, hardly any collection takes place, and all that is alive may be
    young. What we make, for an update or for frames that move, would set off a collection of all that: a stall of many milliseconds.
    """
    if sys.version_info < (3, 14) and gc.isenabled() and gc.get_freeze_count() < FROZEN:
        gc.freeze()
        gc.unfreeze()


def young() -> Iterator[list[Any]]:
    """Lists of the young generations, if they are small enough: for :func:`of_kinds` and :func:`without_tuples` alone."""
    return map(gc.get_objects, _GENERATIONS if gc.get_count()[0] <= YOUNG else ())


def of_kinds(listings: Iterator[list[Any]], kinds: frozenset[int]) -> Iterator[Any]:
    """What is of the types with the ids ``kinds`` in lists of the collector's. To be run through in one call: see :func:`at_once`."""
    box: list[Any] = []
    picked = compress(box, map(kinds.__contains__, map(id, map(type, box))))
    return chain(_each(box.extend, listings), picked, _each(list.clear, [box]))


def without_tuples(listings: Iterator[list[Any]]) -> Iterator[Any]:
    """What is in lists of the collector's, with what tuples refer to in their place. To be run through in one call."""
    box: list[Any] = []
    others = compress(box, map(is_not, map(type, box), repeat(tuple)))
    tuples = compress(box, map(is_, map(type, box), repeat(tuple)))
    # Never an item of a tuple by its place: it may not be there yet.
    items = chain.from_iterable(map(gc.get_referents, tuples))
    return chain(_each(box.extend, listings), others, items, _each(list.clear, [box]))


def at_once(values: Iterator[Any]) -> list[Any]:
    """The list of ``values``, which C code alone makes: no other thread runs meanwhile, nor a finalizer."""
    collecting = _COLLECTS_ANYWHERE and gc.isenabled()
    if collecting:
        gc.disable()
    try:
        return list(values)
    finally:
        if collecting:
            gc.enable()


def _each(function: Any, arguments: Iterable[Any]) -> Iterator[Any]:
    """An iterator that calls ``function``, which returns None, with each of the arguments, and gives nothing."""
    return filter(None, map(function, arguments))
