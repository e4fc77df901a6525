"""Where a version of a program is read from: the places its modules were loaded from, another directory, or a git revision."""

from __future__ import annotations

import importlib.util
import marshal
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import CodeType

from podus.errors import Refused
from podus.program.bytecode import compile_source
from podus.program.version import Module


@dataclass
class Loaded:
    """A module as the running program has it (one row of the pup's ``modules``)."""

    name: str
    file: str
    kind: str
    package: bool
    main: bool
    real_name: str = ""
    # The source's time of change (seconds) and size when it was loaded; -1 where that is unknown.
    mtime: int = -1
    size: int = -1

    @property
    def parts(self) -> tuple[str, ...]:
        """The path below the root, without a suffix."""
        name = self.real_name or self.name
        if self.main and not self.real_name:
            return (os.path.basename(self.file).rpartition(".")[0] or os.path.basename(self.file),)
        return tuple(name.split("."))

    @property
    def root(self) -> str:
        """The directory (or archive) that an import of this module's top-level package searched."""
        path = os.path.dirname(self.file)
        depth = len(self.parts) - (0 if self.package else 1)
        for _ in range(depth):
            path = os.path.dirname(path)
        return path


@dataclass
class Found:
    """A module of the new version, as it was read: ``source`` or, where there is only bytecode, ``code``."""

    name: str
    file: str
    source: bytes | None
    code: CodeType | None
    package: bool


class BadModule(Exception):
    """A module of the new version that can't be read or compiled; ``text`` is one sentence."""

    def __init__(self, name: str, text: str, remedy: str, where: str = "") -> None:
        super().__init__(text)
        self.name = name
        self.text = text
        self.remedy = remedy
        self.where = where


class Place:
    """Finds modules of one version by name, below the roots that belong to it."""

    def __init__(self, roots: dict[str, str], origin: str) -> None:
        # Old root -> the directory that stands for it in the new version.
        self.roots = roots
        self.origin = origin

    def find(self, module: Loaded) -> Found | None:
        """The new version of a loaded module, or None if it is gone."""
        root = self.roots.get(module.root)
        if root is None:
            return None
        if module.main and not module.real_name:
            name = os.path.basename(module.file)
            for candidate in (
                os.path.join(root, name),
                os.path.join(root, os.path.splitext(name)[0] + ".pyc"),
            ):
                if os.path.isfile(candidate):
                    return self._read(module.name, candidate, False)
            return None
        return self.find_name(module.name, module.parts, [root])

    def find_name(self, name: str, parts: Iterable[str], roots: Iterable[str] | None = None) -> Found | None:
        """The module ``parts`` below any of ``roots`` (default: all), as the import system would find it."""
        relative = os.path.join(*parts)
        for root in roots if roots is not None else dict.fromkeys(self.roots.values()):
            if os.path.isfile(root):
                found = self._in_archive(name, root, relative)
                if found is not None:
                    return found
                continue
            base = os.path.join(root, relative)
            for path, package in (
                (os.path.join(base, "__init__.py"), True),
                (os.path.join(base, "__init__.pyc"), True),
                (base + ".py", False),
                (base + ".pyc", False),
            ):
                if os.path.isfile(path):
                    return self._read(name, path, package)
        return None

    @staticmethod
    def _read(name: str, path: str, package: bool) -> Found:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise BadModule(
                name, f"{path} can't be read: {error.strerror}", "make it readable", path
            ) from None
        if path.endswith(".pyc"):
            return Found(name, path, None, _bytecode(name, path, data), package)
        return Found(name, path, data, None, package)

    @staticmethod
    def _in_archive(name: str, archive: str, relative: str) -> Found | None:
        import zipfile

        try:
            with zipfile.ZipFile(archive) as opened:
                names = set(opened.namelist())
                posix = relative.replace(os.sep, "/")
                for member, package in (
                    (f"{posix}/__init__.py", True),
                    (f"{posix}/__init__.pyc", True),
                    (f"{posix}.py", False),
                    (f"{posix}.pyc", False),
                ):
                    if member in names:
                        path = os.path.join(archive, member)
                        data = opened.read(member)
                        if member.endswith(".pyc"):
                            return Found(name, path, None, _bytecode(name, path, data), package)
                        return Found(name, path, data, None, package)
        except (OSError, zipfile.BadZipFile) as error:
            raise BadModule(
                name, f"{archive} can't be read as a zip archive: {error}", "rebuild it", archive
            ) from None
        return None


def _bytecode(name: str, path: str, data: bytes) -> CodeType:
    if data[:4] != importlib.util.MAGIC_NUMBER:
        raise BadModule(
            name,
            f"{path} holds bytecode of another Python than the program's {sys.version.split()[0]}",
            "compile it with the program's own interpreter",
            path,
        )
    try:
        code = marshal.loads(data[16:])
    except (EOFError, ValueError, TypeError):
        code = None
    if not isinstance(code, CodeType):
        raise BadModule(name, f"{path} is damaged", "compile it again", path)
    return code


def compile_found(found: Found, main: bool) -> Module:
    """Compile what was read. Raises BadModule with the place of a syntax error."""
    code = found.code
    if code is None:
        assert found.source is not None
        try:
            code = compile_source(found.source, found.file)
        except SyntaxError as error:
            where = f"{found.file}:{error.lineno}"
            raise BadModule(found.name, f"{where}: {error.msg}", "mend the syntax error", where) from None
        except ValueError as error:
            raise BadModule(found.name, f"{found.file}: {error}", "mend the file", found.file) from None
    return Module(found.name, found.file, code, found.source, found.package, main)


def in_place(modules: list[Loaded], homes: dict[str, str]) -> Place:
    """The version that lies on disk now where the program was loaded from.

    ``homes`` gives for a root from which the program was updated since the one that it was started from.
    """
    return Place({m.root: homes.get(m.root, m.root) for m in modules}, "the files on disk")


def from_directory(modules: list[Loaded], directory: str, homes: dict[str, str]) -> Place:
    """The version in ``directory``, laid out as the program's own root is (a checkout that holds it deeper will do).

    Raises Refused if nothing of the program is there.
    """
    directory = os.path.abspath(directory)
    if not os.path.isdir(directory):
        raise Refused(f"{directory} is not a directory", "give the directory that holds the new version")
    roots: dict[str, str] = {}
    for root in dict.fromkeys(m.root for m in modules):
        members = [m for m in modules if m.root == root]
        for candidate in _candidates(directory, homes.get(root, root)):
            place = Place({root: candidate}, directory)
            if any(_exists(place, m) for m in members):
                roots[root] = candidate
                break
    if not roots:
        names = ", ".join(sorted(m.real_name or m.name for m in modules)[:4])
        raise Refused(
            f"{directory} holds none of the program's modules ({names}, …)",
            "give the directory that holds the new version, laid out as the running one",
        )
    return Place(roots, directory)


def _exists(place: Place, module: Loaded) -> bool:
    try:
        return place.find(module) is not None
    except BadModule:
        return True


def _candidates(directory: str, root: str) -> list[str]:
    found = [directory, os.path.join(directory, "src"), os.path.join(directory, os.path.basename(root))]
    top = _git_top(root)
    if top is not None:
        found.insert(0, os.path.normpath(os.path.join(directory, os.path.relpath(root, top))))
    # A root may be a zip archive; its new version has the same name.
    return [path for path in dict.fromkeys(found) if os.path.isdir(path) or os.path.isfile(root)]


def _git_top(path: str) -> str | None:
    while True:
        if os.path.exists(os.path.join(path, ".git")):
            return path
        parent = os.path.dirname(path)
        if parent == path:
            return None
        path = parent


def from_git(modules: list[Loaded], revision: str, into: str, homes: dict[str, str]) -> Place:
    """The version of a git revision of the repository that the program was loaded from, written below ``into``.

    Raises Refused if there is no repository or no such revision.
    """
    # Few plans need them, and to load them takes a tenth of the time of most.
    import io
    import subprocess
    import tarfile

    roots: dict[str, str] = {}
    for number, root in enumerate(dict.fromkeys(m.root for m in modules)):
        home = homes.get(root, root)
        top = _git_top(home)
        if top is None:
            continue
        target = os.path.join(into, f"git{number}")
        relative = os.path.relpath(home, top)
        command = ["git", "-C", top, "archive", "--format=tar", revision, "--", relative]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError as error:
            raise Refused(f"git can't be run: {error.strerror}", "install git, or use --from DIR") from None
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["git archive failed"]
            raise Refused(
                f"git has no {relative} at {revision} in {top}: {words[0]}", "give a revision that git knows"
            )
        os.makedirs(target, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(target, filter="data")
        roots[root] = os.path.normpath(os.path.join(target, relative))
    if not roots:
        raise Refused("the program was not loaded from a git repository", "use --from DIR")
    return Place(roots, f"git {revision}")
