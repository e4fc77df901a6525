"""The namespaces that new statements run in, so that nobody else sees what they bind before the switch."""

from __future__ import annotations

from podus.updating.annotated import MAKERS, OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from podus.updating.binding import Switch
    from podus.updating.kinship import Kinship


# What ``type()`` and imports look for in the globals of whoever calls.
_OF_A_MODULE = ("__name__", "__package__", "__spec__")


class Shadow(dict[str, "Any"]):
    """The locals of new top-level statements, and the globals of new procedures while they run.

    What is not in it is looked up in ``real``, the module's or class's own namespace.
    """

    def __init__(self, real: dict[str, Any], visible: bool) -> None:
        super().__init__()
        self.real = real
        # Of a module that has put another one in its own place: the namespace that its statements ran in.
        self.first: dict[str, Any] | None = None
        # What works out the annotations that the statements give (from Python 3.14).
        self.annotate: Any = None
        # Whether names that are new are shown in the real namespace at once.
        self.visible = visible
        self.added: list[str] = []
        # Values to store in place of what an import statement finds: other modules' staged values.
        self.staged_imports: dict[str, Any] = {}
        # The same for all that the star import brings that runs just now; and what it may not bind, as later statements have.
        self.starred: dict[str, Any] = {}
        self.closed: frozenset[str] = frozenset()
        # Of the statements of modules: the classes that are made again, and how they are asked for.
        self.kinship: Kinship | None = None
        # Told of each definition that takes the place of another one, at once: the next statement may need it.
        self.bound: Callable[[Any, Any], None] | None = None
        # Names whose value stands in the real namespace under another name while the statements run.
        self.shown: dict[str, str] = {}

    def __missing__(self, name: str) -> Any:
        if name == "__annotations__":
            # The statements begin their own: those that are there are others', and are not to change before the switch.
            raise KeyError(name)
        if name not in self.real and self.first is not None:
            return self.first[name]
        if self.kinship is None:
            return self.real[name]
        if name in self.kinship.functions:
            return self.kinship.functions[name]
        # Also where no text says that it is this class: a package may look its names up when it is asked for them.
        return self.kinship.newest(self.real[name])

    def __setitem__(self, name: str, value: Any) -> None:
        if name in MAKERS:
            self.annotate = value
            return
        if name in self.closed:
            return
        value = self.starred.get(name, self.staged_imports.get(name, value))
        super().__setitem__(name, value)
        if self.bound is not None and name in self.real:
            self.bound(self.real[name], value)
        if name in self.shown:
            self.real[self.shown[name]] = value
        if "." in name:
            return  # An attribute of something that the module names: the switch's business.
        if self.visible and name not in self.real and name not in OWN | {"__annotations__", "__doc__"}:
            self.real[name] = value
            self.added.append(name)
        elif self.visible and name in self.added:
            self.real[name] = value

    def show_no_more(self) -> None:
        """Take away what code was shown under other names while statements ran."""
        for name in self.shown.values():
            self.real.pop(name, None)
        self.shown.clear()

    def __delitem__(self, name: str) -> None:
        if name in self:
            super().__delitem__(name)
        elif name not in self.real:
            raise KeyError(name)
        if name in self.added:
            # It was there only for as long as the statements needed it; a name that goes for good does so at the switch.
            self.added.remove(name)
            self.real.pop(name, None)

    def lead(self, switch: Switch, names: Iterable[str]) -> None:
        """Plan that functions whose globals these are make and import what is the module's: C code asks no ``__missing__`` whose it is.

        ``names`` are those that the bodies of classes in these functions say, which (up to Python 3.12) don't ask it either.
        """
        for name in {*_OF_A_MODULE, *names} - OWN - {"__annotations__"}:
            if name in self.real and name not in self:
                value = self[name]
                switch.do.append((dict.__setitem__, self, name, value))
                switch.undo.append((self._lead_no_more, name, value))

    def _lead_no_more(self, name: str, value: Any) -> None:
        if dict.get(self, name) is value:
            dict.pop(self, name, None)


class ClassNames(dict[str, "Any"]):
    """A class's own namespace but for ``outer``, and then what its module is going to have: globals follow by themselves."""

    def __init__(self, cls: type, module: Shadow, outer: Iterable[str] = ()) -> None:
        super().__init__(vars(cls))
        self.module = module
        for name in outer:
            self.pop(name, None)

    def __missing__(self, name: str) -> Any:
        if dict.__contains__(self.module, name):
            return dict.__getitem__(self.module, name)
        raise KeyError(name)
