"""Which code the running program was loaded from: one record a module, made when the module is imported.

The planner must know what runs, not what lies on disk by now; so the source is kept as it was read. Nothing is added
to the program's code, and after an import nothing of this runs any more.
"""

from __future__ import annotations

import _frozen_importlib as _bootstrap_module
import _frozen_importlib_external as _external_module
import os
import sys

from podus.program.membership import in_program
from podus.pup import aside
from podus.pup.bytecode_cache import BytecodeCache, source_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType
    from typing import Any

    from podus.pup.bytecode_cache import Source

# The import system itself: typed as what it is, a part of the interpreter without an interface.
_bootstrap: Any = _bootstrap_module
_bootstrap_external: Any = _external_module


class Record:
    """One module as it runs: ``code`` is what was executed, ``source`` what that was compiled from (None: bytecode alone)."""

    __slots__ = (
        "_digest",
        "brought",
        "code",
        "file",
        "kind",
        "main",
        "mtime",
        "name",
        "size",
        "source",
        "source_path",
    )

    def __init__(self, name: str, file: str, code: CodeType | None, source: bytes | None, kind: str) -> None:
        self.name = name
        self.file = file
        self.code = code
        self.source = source
        # An updated module's source lies in the version's directory, not in memory.
        self.source_path = ""
        self.kind = kind
        self.main = False
        # Whether an update imported it, and not the program by itself.
        self.brought = False
        # Of the source when it was loaded: they tell whether the interpreter's cached bytecode is this version's.
        self.mtime = self.size = -1
        # The digest, and of what it is.
        self._digest: tuple[bytes | None, str, str] | None = None

    @property
    def digest(self) -> str:
        """What tells this version of the module from another: the hash of its source, else of its code."""
        known = self._digest
        if known is None or known[0] is not self.source or known[1] != self.source_path:
            from podus.program.code import fingerprint, hash_of

            source = self.read_source()
            digest = hash_of(source if source is not None else fingerprint(self.executed()))
            known = self._digest = (self.source, self.source_path, digest)
        return known[2]

    def read_source(self) -> bytes | None:
        """The running version's source, or None where there is only bytecode."""
        if self.source is None and self.source_path:
            with open(self.source_path, "rb") as file:
                return file.read()
        return self.source

    def executed(self) -> CodeType:
        """The module's code; compiled again where the interpreter kept none (a script, a module loaded before podus)."""
        if self.code is None:
            source = self.read_source() or b""
            self.code = compile(source, self.file, "exec", dont_inherit=True)
        return self.code


class Recorder:
    """The records of the program's modules: every module outside the standard library and site-packages, and ``include``."""

    def __init__(self, include: list[str], *, stubs: bool = True) -> None:
        # Whether what is loaded gets exit stubs for its loops.
        self.stubs = stubs
        self.cache = BytecodeCache()
        self.include = tuple(include)
        self.records: dict[str, Record] = {}
        # Gives the code to execute in place of a module's own, while an update runs new statements.
        self.on_stage: Callable[[ModuleType, CodeType], CodeType] | None = None
        # What `podus run` starts; its module is called __main__ when it is recorded.
        self.main: Record | None = None

    def in_program(self, name: str, file: str | None) -> bool:
        """Whether module ``name`` from ``file`` is part of the program."""
        return in_program(name, file, self.include)

    def kept(self, loader: Any, module: ModuleType) -> tuple[CodeType | None, Source | None]:
        """Called before a module is loaded: its code from podus's cache, else what the cache is to be told. Never raises."""
        source = None
        try:
            name = module.__name__
            if not self.stubs or not self.in_program(name, getattr(module, "__file__", None)):
                return None, None
            source = source_of(loader, module)
            code = None if source is None else self.cache.find(source)
            text = None if source is None or code is None else source.read()
            if source is None or code is None or text is None:
                return None, source
            record = Record(name, source.path, code, text, "source")
            record.mtime, record.size = int(source.info.st_mtime), source.info.st_size
            aside.enter(module)
            self.records[name] = record
            return self._staged(module, code), source
        except Exception:
            return None, source

    def loaded(
        self, loader: Any, module: ModuleType, code: CodeType, source: Source | None = None
    ) -> CodeType:
        """Called between compiling and executing a module; gives the code to execute. Never raises: a program must not fail for our sake."""
        name = module.__name__
        aside.enter(module)
        try:
            file = getattr(module, "__file__", None)
            if self.in_program(name, file):
                code = self._with_stubs(code)
                self.records[name] = self._record(loader, name, str(file), code)
                if source is not None:
                    self.cache.keep(source, code, module.__spec__.cached if module.__spec__ else "")
                code = self._staged(module, code)
        except Exception:
            self.records.pop(name, None)
        return code

    def _staged(self, module: ModuleType, code: CodeType) -> CodeType:
        return code if self.on_stage is None else self.on_stage(module, code)

    def _with_stubs(self, code: CodeType) -> CodeType:
        if not self.stubs:
            return code
        from podus.frames.stubs import with_stubs

        try:
            return with_stubs(code)
        except Exception:
            # Without them its loops can't be left; the module is of the program all the same.
            return code

    def _record(self, loader: Any, name: str, file: str, code: CodeType | None) -> Record:
        kind = "source"
        source: bytes | None = None
        if isinstance(loader, _bootstrap_external.SourcelessFileLoader) or file.endswith((".pyc", ".pyo")):
            kind = "pyc"
        elif isinstance(loader, _bootstrap_external.FileLoader):
            source = loader.get_data(file)
        else:
            kind = "zip"
            text = loader.get_source(name)
            source = None if text is None else text.encode("utf-8")
        record = Record(name, file, code, source, kind)
        if kind == "source":
            info = os.stat(file)
            record.mtime, record.size = int(info.st_mtime), info.st_size
        return record

    def adopt(self, module: ModuleType, code: CodeType | None = None) -> None:
        """Record a module that was loaded before podus: its code is what the loader would load now.

        Right as long as the file has not changed since; ``podus.enable()`` is called before the program's modules
        are imported so that this is the rare case.
        """
        spec = getattr(module, "__spec__", None)
        file = getattr(module, "__file__", None)
        name = module.__name__
        if name in self.records or not self.in_program(name, file):
            return
        try:
            loader = getattr(module, "__loader__", None)
            if name == "__main__" and spec is None:
                with open(str(file), "rb") as opened:
                    self.records[name] = Record(name, str(file), code, opened.read(), "source")
            elif loader is not None:
                real = spec.name if spec is not None else name
                record = self._record(loader, real, str(file), code)
                if record.source is None and record.code is None:
                    record.code = loader.get_code(real)
                record.name = name
                self.records[name] = record
        except Exception:
            return
        if name == "__main__" and name in self.records:
            self.records[name].main = True

    def adopt_loaded(self) -> None:
        """Record what is loaded already, the modules being executed right now with the very code that runs."""
        running: dict[int, CodeType] = {}
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code.co_name == "<module>":
                running[id(frame.f_globals)] = frame.f_code
            frame = frame.f_back  # type: ignore[assignment]
        for module in list(sys.modules.values()):
            if isinstance(module, type(sys)):
                self.adopt(module, running.get(id(module.__dict__)))

    def settle_main(self) -> None:
        """Record ``__main__`` once the interpreter has made it: its source was read when the program started."""
        module = sys.modules.get("__main__")
        if module is None or "__main__" in self.records:
            return
        if self.main is None:
            self.adopt(module)
            return
        file = getattr(module, "__file__", None) or self.main.file
        record = self.main
        record.name, record.file, record.main = "__main__", str(file), True
        if record.code is None:
            record.code = _module_code_on_stack(module.__dict__)
        self.records["__main__"] = record

    def install(self) -> None:
        """Have every import recorded from now on."""
        original = _bootstrap_external._LoaderBasics.exec_module
        if getattr(original, "podus", None) is not None:
            original.podus[0] = self
            return
        # The pair stands in a cell that a second enable() can refill.
        holder: list[Recorder] = [self]
        call = _bootstrap._call_with_frames_removed

        def exec_module(loader: Any, module: ModuleType) -> None:
            # From get_code on, as many lines to the end as in importlib: they are shown.
            code, source = holder[0].kept(loader, module)
            if code is None:
                code = loader.get_code(module.__name__)
                if code is None:
                    raise ImportError(f"cannot load module {module.__name__!r} when get_code() returns None")
                code = holder[0].loaded(loader, module, code, source)
            call(exec, code, module.__dict__)

        exec_module.__code__ = _in_place_of(original.__code__, exec_module.__code__)
        exec_module.podus = holder  # type: ignore[attr-defined]
        _bootstrap_external._LoaderBasics.exec_module = exec_module

    def expect_main(self, module: str | None, script: str | None) -> None:
        """Keep the source of the main module, which no import shows."""
        if script is not None and os.path.isfile(script) and not is_archive(script):
            with open(script, "rb") as file:
                self.main = Record("__main__", os.path.abspath(script), None, file.read(), "source")
            return
        names = ("__main__",) if module is None else (module, f"{module}.__main__")
        import zipimport

        archives: Any = zipimport.zipimporter
        for owner in (_bootstrap_external.SourceLoader, _bootstrap_external.SourcelessFileLoader, archives):
            owner.get_code = _Asked(owner, names, self._main_asked)

    def _main_asked(self, loader: Any, names: tuple[str, ...]) -> None:
        for name in names:
            try:
                self.main = self._record(loader, name, loader.get_filename(name), None)
                if self.main.source is None:
                    self.main.code = loader.get_code(name)
                return
            except Exception:
                self.main = None


class _Asked:
    """Stands for a loader's ``get_code`` until runpy, and no other, looks it up: that is for the main module.

    Not a function in its place: that would be seen in the traceback of a main module that can't be compiled.
    """

    def __init__(
        self, owner: Any, names: tuple[str, ...], asked: Callable[[Any, tuple[str, ...]], None]
    ) -> None:
        self.owner = owner
        self.names = names
        self.original = owner.get_code
        self.asked = asked

    def __get__(self, loader: Any, owner: Any = None) -> Any:
        if loader is None:
            return self.original
        # -m pkg imports pkg first: only runpy itself asks for the code of the main module.
        mine = [name for name in self.names if getattr(loader, "name", name) == name]
        if mine and sys._getframe(1).f_globals.get("__name__") == "runpy":
            self.owner.get_code = self.original
            self.asked(loader, tuple(mine[::-1]))
        return self.original.__get__(loader, owner)


def _in_place_of(original: CodeType, code: CodeType) -> CodeType:
    """``code`` with the file and the line of the importlib function that it stands for.

    Tracebacks leave out importlib's own frames by their file name, and a stack that is printed shows the line of the last call.
    """
    last = max(line for *_, line in original.co_lines() if line)
    ours = max(line for *_, line in code.co_lines() if line)
    return code.replace(
        co_filename=original.co_filename,
        co_qualname=original.co_qualname,
        co_firstlineno=code.co_firstlineno + last - ours,
    )


def is_archive(path: str) -> bool:
    """Whether python would take the file for a zip archive (whose directory stands at its end, whatever it begins with)."""
    import zipimport

    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


def _module_code_on_stack(namespace: dict[str, Any]) -> CodeType | None:
    """The module body that is being executed in ``namespace`` by some thread, if one is."""
    for frame in list(sys._current_frames().values()):
        step: Any = frame
        while step is not None:
            if step.f_globals is namespace and step.f_code.co_name == "<module>":
                code: CodeType = step.f_code
                return code
            step = step.f_back
    # It may be this very frame.
    del frame
    return None
