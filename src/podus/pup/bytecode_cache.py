"""Podus's own bytecode cache: the code of the program's modules with their exit stubs, so that these are made once and not at every start.

It stands beside Python's ``__pycache__``, and keeps to it: a module's code is kept only if Python itself has kept it, by the source's time and size,
so that a start from here does what a start from the ``.pyc`` would. Whatever is not as expected is a miss, and whatever fails is silent:
the program is then loaded as Python loads it.

Imported when a program starts: it imports nothing that the interpreter has not loaded by then.
"""

from __future__ import annotations

import _frozen_importlib_external as _external_module
import _imp as _imp_module
import _thread
import marshal
import os
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any

_external: Any = _external_module
_imp: Any = _imp_module

# To be raised when an entry is laid out in another way.
_FORMAT = 1
_MAGIC: bytes = b"podus" + bytes([_FORMAT]) + _external.MAGIC_NUMBER
# Then come the time (ns) and the size of the source, and the hash of the code as it is written down.
_STAMPED = len(_MAGIC) + 16
_HEADER = _STAMPED + 8
_SUFFIX = ".stubs"
# What the stubs depend on, beside the interpreter: if one of these files is another, so are they.
_MAKERS = ("frames/stubs.py", "frames/assemble.py", "program/control.py")

# Beyond this many bytes the oldest entries go; seen to when something is written, but not more often than once a week.
_LIMIT = 256 << 20
_INTERVAL = 7 * 24 * 3600
_TIDIED = "tidied"

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_CODE = type((lambda: None).__code__)

# A program may put its own in the place of these: then what they give is not ours to keep.
_LOADER = _external.SourceFileLoader
_PLAIN = [(name, getattr(_LOADER, name)) for name in ("get_code", "get_data", "path_stats", "source_to_code")]


class Source:
    """A source file that was looked up: where it lies, and what it was before it was loaded."""

    __slots__ = ("info", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.info = os.stat(path)

    def read(self) -> bytes | None:
        """What is in it, if it is still the same."""
        data = _read(self.path)
        return data if data is not None and len(data) == self.info.st_size else None


def source_of(loader: Any, module: ModuleType) -> Source | None:
    """What is to be looked up for a module that is about to be loaded; None if it is not loaded from a source file in the plain way."""
    if type(loader) is not _LOADER or sys.flags.verbose:
        return None
    path = loader.path
    if module.__file__ != path or module.__name__ != loader.name or not path.startswith("/"):
        return None
    for name, plain in _PLAIN:
        if getattr(getattr(loader, name), "__func__", None) is not plain:
            return None
    return Source(path)


class BytecodeCache:
    """The entries of one user, for one interpreter, one optimization level and one kind of stubs."""

    def __init__(self) -> None:
        # Where the entries are; None until one is asked for, "" if there are none.
        self._place: str | None = None
        self._base = ""
        self._writable = True
        self._wrote = False
        self._uid = os.getuid()

    def find(self, source: Source) -> CodeType | None:
        """The code, with stubs, of a source file as it is now."""
        place = self._place
        if place is None:
            place = self._settle()
        if not place:
            return None
        data = _read(place + _flat(source.path), self._uid)
        if data is None or data[:_STAMPED] != _stamp(source.info):
            return None
        body = memoryview(data)[_HEADER:]
        if data[_STAMPED:_HEADER] != _imp.source_hash(_FORMAT, body):
            return None
        try:
            code = marshal.loads(body)
        except Exception:
            return None
        if type(code) is not _CODE:
            return None
        _imp._fix_co_filename(code, source.path)
        return code

    def keep(self, source: Source, code: CodeType, cached: str | None = None) -> None:
        """Keep code with stubs; ``cached``: only if Python has kept it as well, under this path."""
        if not (self._place and self._writable) or sys.dont_write_bytecode:
            return
        if cached is not None and not _kept_by_python(cached, source.info):
            return
        try:
            self._write(source, code)
        except Exception:
            # No room, or no right to: that will not be different for the next module.
            self._writable = False

    def _settle(self) -> str:
        """Find out where the entries are, and whether nobody else can have put them there."""
        from podus.places import cache_path

        base, tag = cache_path(), sys.implementation.cache_tag
        self._place = ""
        # With this set, Python itself does not go by the time of a source.
        if base is None or tag is None or "SOURCE_DATE_EPOCH" in os.environ:
            return ""
        try:
            info = os.lstat(base)
        except FileNotFoundError:
            pass
        else:
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != self._uid or info.st_mode & 0o022:
                return ""
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        made = [os.stat(os.path.join(here, name)) for name in _MAKERS]
        kind = hash(tuple([(one.st_mtime_ns, one.st_size) for one in made])) & 0xFFFFFFFFFFFF
        self._base = base
        self._place = f"{base}/{tag}-{sys.flags.optimize}-{kind:012x}"
        return self._place

    def _write(self, source: Source, code: CodeType) -> None:
        if not self._wrote:
            from podus.places import cache_dir

            cache_dir()
        body = marshal.dumps(code)
        path = f"{self._place}{_flat(source.path)}"
        mine = f"{path}.{os.getpid()}-{_thread.get_ident()}"
        try:
            file = os.open(mine, _NEW, 0o600)
        except FileNotFoundError:
            _make_directories(os.path.dirname(path))
            file = os.open(mine, _NEW, 0o600)
        try:
            try:
                left = memoryview(_stamp(source.info) + _imp.source_hash(_FORMAT, body) + body)
                while left:
                    left = left[os.write(file, left) :]
            finally:
                os.close(file)
            os.replace(mine, path)
        except BaseException:
            os.unlink(mine)
            raise
        if not self._wrote:
            self._wrote = True
            tidy(self._base)


def tidy(base: str, limit: int = _LIMIT, interval: float = _INTERVAL) -> None:
    """Delete the oldest entries below ``base`` until there are no more than ``limit`` bytes, unless that was seen to less than ``interval`` seconds ago."""
    mark = os.path.join(base, _TIDIED)
    now = time.time()
    try:
        if now - os.stat(mark).st_mtime < interval:
            return
    except FileNotFoundError:
        pass
    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    os.utime(mark)
    entries = []
    for directory, _, names in os.walk(base, topdown=False):
        for name in names:
            path = os.path.join(directory, name)
            if path != mark:
                info = os.lstat(path)
                entries.append((info.st_mtime, info.st_size, path))
    size = sum(size for _, size, _ in entries)
    for _, freed, path in sorted(entries):
        if size <= limit:
            break
        os.unlink(path)
        size -= freed
        try:
            os.removedirs(os.path.dirname(path))
        except OSError:
            pass  # there is more in it


def _read(path: str, owner: int | None = None) -> bytes | None:
    """What is in a file; None if it can't be read, or if it is not ``owner``'s."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        info = os.fstat(file)
        if not stat.S_ISREG(info.st_mode) or (owner is not None and info.st_uid != owner):
            return None
        data = os.read(file, info.st_size + 1)
        while len(data) < info.st_size:
            more = os.read(file, info.st_size - len(data))
            if not more:
                return None
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(file)


def _flat(path: str) -> str:
    """The name of an entry below its place: the whole path of the source, without a way up."""
    return path.replace("%", "%%").replace("/.", "/%.") + _SUFFIX


def _stamp(info: os.stat_result) -> bytes:
    size, changed = info.st_size, info.st_mtime_ns & 0xFFFFFFFFFFFFFFFF
    return _MAGIC + changed.to_bytes(8, "little") + size.to_bytes(8, "little")


def _kept_by_python(cached: str, info: os.stat_result) -> bool:
    """Whether there is a ``.pyc`` for the source, and one that goes by its time and size, not by its hash."""
    try:
        file = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found = os.read(file, 16)
    finally:
        os.close(file)
    words = [0, int(info.st_mtime), info.st_size]
    fields = b"".join([(word & 0xFFFFFFFF).to_bytes(4, "little") for word in words])
    return bytes(_external.MAGIC_NUMBER) + fields == found


def _make_directories(path: str) -> None:
    """As ``os.makedirs``, all of them for this user alone."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_directories(os.path.dirname(path))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            pass
