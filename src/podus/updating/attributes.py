"""What a module's statements assign to attributes of its functions and classes (``f.step = 2``): part of the switch as any other data."""

from __future__ import annotations

from types import FunctionType

from podus.program.code import docstring
from podus.updating.binding import Switch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attribute_of(namespace: dict[str, Any], name: str, value: Any, switch: Switch) -> None:
    """Plan the assignment ``name = value``, where ``name`` is ``OWNER.ATTRIBUTE`` and the namespace has the owner."""
    word, _, attribute = name.partition(".")
    owner: Any = namespace.get(word)
    if isinstance(owner, FunctionType) and not (attribute.startswith("__") and attribute.endswith("__")):
        switch.set_item(vars(owner), attribute, value)
    elif is_plain(owner):
        switch.set_class_attribute(owner, attribute, value)
    elif hasattr(owner, attribute):
        switch.set_attribute(owner, attribute, value)
    else:
        switch.do.append((setattr, owner, attribute, value))
        switch.undo.append((delattr, owner, attribute))


def no_attribute_of(namespace: dict[str, Any], name: str, switch: Switch) -> None:
    """Plan that ``OWNER.ATTRIBUTE`` is there no more, where the owner is a function."""
    word, _, attribute = name.partition(".")
    owner: Any = namespace.get(word)
    if isinstance(owner, FunctionType) and attribute == "__doc__":
        switch.set_attribute(owner, attribute, docstring(owner.__code__))
    elif isinstance(owner, FunctionType):
        switch.delete_item(vars(owner), attribute)


def is_plain(owner: Any) -> bool:
    """Whether it is a class whose metaclass does nothing of its own when an attribute is set."""
    return isinstance(owner, type) and type(owner).__setattr__ is type.__setattr__


def unhashable_into(cls: type, given: Any, gone: list[str], equal: Switch, removals: Switch) -> None:
    """Plan for ``__hash__`` what making the class would do: objects that say whom they equal, and not how they are hashed, are not hashed.

    ``given`` and ``gone`` are what the class gets and loses; ``equal`` is the switch of its ``__eq__``, ``removals`` has what is gone already.
    """
    own = vars(cls)
    if "__hash__" in given:
        return
    has = "__hash__" in own and "__hash__" not in gone
    equals = "__eq__" in given or ("__eq__" in own and "__eq__" not in gone)
    if equals and not has:
        at_once = "__eq__" in given and "__hash__" not in gone
        (equal if at_once else removals).set_class_attribute(cls, "__hash__", None)
    elif not equals and has and own["__hash__"] is None:
        removals.delete_class_attribute(cls, "__hash__")
