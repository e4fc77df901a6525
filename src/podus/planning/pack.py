"""Code on its way from the planner to the pup, in pieces so small that loading one holds no other thread up.

``marshal.loads`` of a large module keeps the GIL for tens of milliseconds. A pack holds every code object by itself, with a hole for
each code object nested in it; the pup puts them together one at a time. Equal code objects are one piece, so that a procedure
that occurs in a module and in a runner of its statements is one object in both.
"""

from __future__ import annotations

import base64
import marshal
import struct
import sys
from collections.abc import Callable
from types import CodeType

MAGIC = b"podus pack 1\n"
# What follows the name of a piece of code where it is another while new statements run (podus.planning.staged).
ON_STAGE = "on stage"
# What such code puts before the names (``module:name``) that it reads, and the name by which it tells of a function that it has made.
ASIDE = "_:"
MADE = "_:made"
# What it asks through functions that know of classes that are made again (podus.updating.kinship).
ASKING = ("isinstance", "issubclass")


def encoded(code: CodeType) -> str:
    """Code as it is sent in a question."""
    return base64.b64encode(marshal.dumps(code)).decode()


class PackWriter:
    """Collects code objects and writes them to one file."""

    def __init__(self, *, stubs: bool = False) -> None:
        # Whether running frames are to be able to leave the code's loops.
        self._stubs = stubs
        # By identity while there is one code, as equal ones in it are one object already; hashing a code object takes long.
        self._by_id: dict[int, int] = {}
        self._numbers: dict[CodeType, int] = {}
        self._codes: list[CodeType] = []
        self._pieces: list[bytes] = []
        self._names: dict[str, int] = {}

    def add(self, name: str, code: CodeType) -> None:
        """Put ``code`` into the pack under ``name``."""
        if self._stubs:
            from podus.frames.stubs import with_stubs

            code = with_stubs(code)
        if len(self._names) == 1:
            for number, known in enumerate(self._codes):
                self._numbers.setdefault(known, number)
        self._names[name] = self._number(code)

    def _number(self, code: CodeType) -> int:
        known = self._by_id.get(id(code))
        if known is None and self._names:
            known = self._numbers.get(code)
        if known is not None:
            return known
        holes: list[tuple[int, int]] = []
        consts = list(code.co_consts)
        for index, const in enumerate(consts):
            if isinstance(const, CodeType):
                holes.append((index, self._number(const)))
                consts[index] = None
        shell = code.replace(co_consts=tuple(consts)) if holes else code
        self._pieces.append(marshal.dumps((shell, tuple(holes))))
        number = len(self._codes)
        self._codes.append(code)
        self._by_id[id(code)] = number
        if self._names:
            self._numbers[code] = number
        return number

    def write(self, path: str) -> None:
        """Write the pack. Raises OSError."""
        with open(path, "wb") as file:
            file.write(MAGIC)
            header = marshal.dumps(
                (sys.implementation.cache_tag, sys.hexversion >> 16, self._names, len(self._pieces))
            )
            file.write(struct.pack("<I", len(header)) + header)
            pack = struct.Struct("<I").pack
            file.write(b"".join([part for piece in self._pieces for part in (pack(len(piece)), piece)]))


def read_pack(path: str, breathe: Callable[[], None]) -> dict[str, CodeType]:
    """The code objects of a pack by name.

    ``breathe`` is called between pieces to let other threads run. Raises OSError, or ValueError for what is no pack of this Python.
    """
    with open(path, "rb") as file:
        data = memoryview(file.read())
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise ValueError(f"{path} is no pack of code")
    position = len(MAGIC)

    def block() -> memoryview:
        nonlocal position
        (size,) = struct.unpack_from("<I", data, position)
        position += 4 + size
        return data[position - size : position]

    tag, version, names, count = marshal.loads(block())
    if (tag, version) != (sys.implementation.cache_tag, sys.hexversion >> 16):
        raise ValueError(f"{path} holds code of another Python ({tag})")
    pieces: list[CodeType] = []
    for number in range(count):
        shell, holes = marshal.loads(block())
        if holes:
            consts = list(shell.co_consts)
            for index, piece in holes:
                consts[index] = pieces[piece]
            shell = shell.replace(co_consts=tuple(consts))
        pieces.append(shell)
        if number % 8 == 7:
            breathe()
    return {name: pieces[number] for name, number in names.items()}
