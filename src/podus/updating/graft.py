"""Making what a statement has just defined out of what was there before it: identities are kept.

A definition that runs again makes a new function or class. Whoever holds the old one (a registry, an import, a bound method) must see
the new behaviour, so the new one's parts go into the old one, as operations of a :class:`Switch`.
"""

from __future__ import annotations

import enum
import functools
import gc
from types import CellType, FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType

from podus.errors import Refused
from podus.program.code import docstring, same, walk
from podus.program.operands import STORES_ATTRIBUTE, named, rebound
from podus.updating import annotated
from podus.updating.bases import bases_into, layout
from podus.updating.binding import MADE_BY_TYPE, Switch, can_become
from podus.updating.closures import by_place
from podus.updating.find import LAYERS, cell_contents, leads_to, own_definition
from podus.updating.gates import bound_otherwise, forward
from podus.updating.metaclass import metaclass_into
from podus.updating.pydantic_models import compiled_for
from podus.updating.slots import Filled, Room, slots_into, slots_of
from podus.updating.withdrawn import take_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container
    from typing import Any

    from podus.planning.model import MadePart

# What the interpreter keeps in a class for itself.
_OWN = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__module__",
        "__qualname__",
        "__slots__",
        # What copyreg has noted of the slots goes with these.
        "__slotnames__",
        "__firstlineno__",
        "__static_attributes__",
        "__abstractmethods__",
        "_abc_impl",
        "__classcell__",
        "__classdictcell__",
        *annotated.OWN,
    }
)
_FUNCTION_PARTS = (
    "__defaults__",
    "__kwdefaults__",
    "__doc__",
    "__module__",
    "__type_params__",
)
_DESCRIPTORS = (staticmethod, classmethod)
# Bytes of an object that has a dictionary and weak references, and nothing else.
_LARGEST_PLAIN = object.__basicsize__ + 2 * tuple.__itemsize__
_METHODS = (FunctionType, *_DESCRIPTORS)


class Keeping:
    """What is kept when definitions go into those that are there.

    ``of`` gives for something that was made anew what goes on in its place, ``made`` the other way round; ``statement`` says what is known of the one that made
    a class in the old version; ``place`` gives the switch that a method belongs to, where it is not its class's; ``attributes``
    those of a function that stay although the new one does not have them: all (None) where no decorator can have given them; ``replaces`` whether a
    class takes the place of another one as it is; ``same`` whether two functions of one name are versions of one definition (a body may have two
    ``def _``); ``other`` whether a value is no version of what was there, but another definition; ``defaults`` the parameters of a function whose
    defaults go on; ``says_metaclass`` whether the statement of a class that is not made again names its metaclass.
    """

    def __init__(
        self,
        of: Callable[[Any], Any] = lambda value: value,
        statement: Callable[[type], MadePart | None] = lambda cls: None,
        place: Callable[[str], Switch | None] = lambda procedure: None,
        made: Callable[[Any], Any] = lambda value: value,
        attributes: Callable[[FunctionType], Collection[str] | None] = lambda function: (),
        replaces: Callable[[Any, Any], bool] = lambda old, new: False,
        same: Callable[[Any, Any], bool] = lambda old, new: True,
        other: Callable[[Any, Any], bool] = lambda old, new: False,
        defaults: Callable[[FunctionType], Collection[str]] = lambda function: (),
        says_metaclass: Callable[[type], bool] = lambda cls: False,
    ) -> None:
        self.of = of
        self.made = made
        self.statement = statement
        self.place = place
        self.attributes = attributes
        self.replaces = replaces
        self.same = same
        self.other = other
        self.defaults = defaults
        self.says_metaclass = says_metaclass


PLAINLY = Keeping()


def is_data(value: Any) -> bool:
    """Whether a class's attribute is neither a definition nor anything that acts on its access."""
    return not isinstance(value, type) and not any(
        hasattr(type(value), n) for n in ("__get__", "__set_name__")
    )


def function_into(
    old: FunctionType, new: FunctionType, switch: Switch, kept: Keeping = PLAINLY, depth: int = 0
) -> bool:
    """Plan to make ``old`` behave as ``new``. False, and nothing planned, if its closure has another shape, or other globals."""
    if not can_become(old, new):
        return False
    inner, counted = Switch(), _counted(old, new)
    cells = zip(new.__code__.co_freevars, old.__closure__ or (), new.__closure__ or (), strict=True)
    for name, before, after in cells:
        if name not in counted and not _cell_into(before, after, inner, kept, depth):
            return False
    switch.extend(inner)
    switch.set_attribute(old, "__code__", new.__code__)
    stay = kept.attributes(old)
    for name in _FUNCTION_PARTS:
        if (
            name == "__doc__"
            and (stay is None or name in stay)
            and is_given_its_doc(old)
            and not is_given_its_doc(new)
        ):
            # By a statement of its own, which does not run again.
            continue
        if hasattr(new, name) and getattr(old, name) is not getattr(new, name):
            switch.set_attribute(old, name, getattr(new, name))
    if steady := kept.defaults(old):
        _defaults_into(old, new, steady, switch)
    annotated.into(old, new, switch)
    for name in [*old.__dict__, *new.__dict__]:
        if name == "__wrapped__" and isinstance(new.__dict__.get(name), FunctionType):
            # What goes into the one that it had (see _cell_into) stays that.
            wraps, wrapped = old.__dict__.get(name), new.__dict__[name]
            if kept.of(wrapped) is wraps or _wraps_the_same(wraps, wrapped):
                continue
            switch.set_item(old.__dict__, name, kept.of(wrapped))
            continue
        if name in counted and name in old.__dict__:
            continue
        if name in new.__dict__ and old.__dict__.get(name) is not new.__dict__[name]:
            switch.set_item(old.__dict__, name, new.__dict__[name])
        elif name not in new.__dict__ and stay is not None and name not in stay:
            switch.delete_item(old.__dict__, name)
    return True


def _defaults_into(old: FunctionType, new: FunctionType, steady: Collection[str], switch: Switch) -> None:
    """Plan to have ``old`` keep the defaults of some parameters."""
    had = {**by_place(old), **(old.__kwdefaults__ or {})}
    goes_on = {name: had[name] for name in steady if name in had}
    if new.__defaults__:
        values = tuple(goes_on.get(name, value) for name, value in by_place(new).items())
        switch.set_attribute(old, "__defaults__", values)
    if new.__kwdefaults__:
        named = {name: goes_on.get(name, value) for name, value in new.__kwdefaults__.items()}
        switch.set_attribute(old, "__kwdefaults__", named)


def _counted(old: FunctionType, new: FunctionType) -> set[str]:
    """The variables and attributes in which a wrapper keeps count while it is called, where the same decorator has made it once more: that goes on.

    It would, too, if nothing but the body of what is wrapped were another one.
    """
    made = old.__code__.co_qualname
    if "<locals>" not in made or old.__qualname__ == made or not same(old.__code__, new.__code__):
        return set()
    found: set[str] = set()
    for code in walk(new.__code__):
        found |= {*rebound(code), *named(code, STORES_ATTRIBUTE)}
    return found


def is_given_its_doc(function: FunctionType) -> bool:
    """Whether its documentation is another one than it was made with."""
    return function.__doc__ != docstring(function.__code__)


def _cell_into(before: CellType, after: CellType, switch: Switch, kept: Keeping, depth: int) -> bool:
    if before is after:
        return True
    old, new = cell_contents(before), cell_contents(after)
    if old and new:
        if old[0] is new[0] or (isinstance(old[0], type) and isinstance(new[0], type)):
            return True
        goes_on = kept.of(new[0])
        # What a decorator wrapped is itself a procedure that others may hold.
        same = goes_on is new[0] and depth < 8 and _wraps_the_same(old[0], new[0])
        if goes_on is old[0] or (same and function_into(old[0], new[0], switch, kept, depth + 1)):
            return True
        switch.set_attribute(before, "cell_contents", goes_on)
        return True
    if new:
        switch.do.append((setattr, before, "cell_contents", new[0]))
        switch.undo.append((delattr, before, "cell_contents"))
    return True


def _wraps_the_same(old: Any, new: Any) -> bool:
    """Whether ``new`` is what ``old`` is for a new version of the definition that that one is, or wraps; not where it is another one's, or wraps something that is there already."""
    for _ in range(LAYERS):
        functions = isinstance(old, FunctionType) and isinstance(new, FunctionType)
        if not functions or old is new or old.__module__ != new.__module__:
            break
        if old.__code__.co_qualname != new.__code__.co_qualname:
            break
        if "<locals>" not in old.__code__.co_qualname:
            return True
        cells = zip(old.__closure__ or (), new.__closure__ or (), strict=False)
        inside = ((*cell_contents(one), *cell_contents(other)) for one, other in cells)
        pairs = (pair for pair in inside if len(pair) == 2 and pair[0] is not pair[1])
        old, new = next((pair for pair in pairs if isinstance(pair[0], FunctionType)), (None, None))
    return False


def value_into(old: Any, new: Any, switch: Switch, kept: Keeping = PLAINLY) -> bool:
    """Plan to make the definition ``old`` behave as ``new`` without giving up its identity. False if that can't be."""
    if kept.other(old, new):
        return False
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        return function_into(old, new, switch, kept)
    if isinstance(old, type) and isinstance(new, type):
        class_into(old, new, switch, kept)
        return True
    if can_be_marker(old, new):
        if kept.of(type(new)) is not type(old):
            switch.undo.append((object.__setattr__, old, "__class__", type(old)))
            switch.do.append((object.__setattr__, old, "__class__", kept.of(type(new))))
        return True
    return False


def can_be_marker(old: Any, new: Any) -> bool:
    """Whether two objects are only told by what they are: of the same look, and nothing in them (``MISSING = Missing()``)."""
    return old is not new and is_marker(old) and is_marker(new) and layout(type(old)) == layout(type(new))


def is_marker(value: Any) -> bool:
    """Whether an object of a class made in Python holds nothing."""
    kind = type(value)
    if (
        isinstance(value, type)
        or layout(kind)[-1] is not object
        # C code's own objects: an array, a lock, a hash.
        or (kind is not object and (not kind.__dictoffset__ or kind.__basicsize__ > _LARGEST_PLAIN))
        or any("__slots__" in vars(c) for c in kind.__mro__[:-1])
    ):
        return False
    # An object of an empty class refers to its class alone, or to an empty dictionary besides.
    return not any(item is not kind and item != {} for item in gc.get_referents(value))


def adopt_class_cell(function: Any, made: type | None, cls: type) -> None:
    """Have the ``__class__`` cells of a new method name the class that is kept, for ``super()``; and its annotations that class's names."""
    for part in functions_of(function):
        if made is not None:
            annotated.adopt(getattr(part, "__annotate__", None), made, cls)
        for name, cell in zip(part.__code__.co_freevars, part.__closure__ or (), strict=True):
            held = cell_contents(cell)
            # A decorator of the class may have made methods that know it, too.
            if (held == () and name == "__class__") or (held and made is not None and held[0] is made):
                cell.cell_contents = cls


def functions_of(value: Any) -> list[FunctionType]:
    """The functions that something in a class is made of: itself, what it closes over, those of a property, a wrapped one."""
    if isinstance(value, FunctionType):
        found = [value]
        for cell in value.__closure__ or ():
            found += [f for c in cell_contents(cell) if isinstance(c, FunctionType) for f in [c]]
        return found
    if isinstance(value, _DESCRIPTORS):
        return functions_of(value.__func__)
    if isinstance(value, property):
        return [f for part in (value.fget, value.fset, value.fdel) for f in functions_of(part)]
    if isinstance(value, functools.cached_property | functools.partialmethod):
        return functions_of(value.func)
    wrapped = getattr(value, "__wrapped__", None)
    return functions_of(wrapped) if wrapped is not None else []


def attribute_into(
    cls: type,
    name: str,
    value: Any,
    switch: Switch,
    kept: Keeping = PLAINLY,
    going: Container[str] = (),
) -> None:
    """Plan ``cls.name = value``; a method that is there already keeps its function object. ``going`` are names that the class loses."""
    before: Any = own_definition(cls.__dict__, name, going)
    if type(value) is MethodType or before is not cls.__dict__.get(name):
        # `cls.create = cls._make`, `cls.tokenizer = cls.Tokenizer`
        value = kept.of(value)
    if kept.other(before, value):
        # It may have moved, and go on.
        value = kept.of(value)
    elif isinstance(before, FunctionType) and isinstance(value, FunctionType):
        if before is value:
            return
        if kept.same(before, value):
            if function_into(before, value, switch, kept):
                return
            # Decorated otherwise: whoever holds the old object, as a bound method does, reaches the new one through it.
            if not leads_to(value, before):
                switch.set_attribute(before, "__code__", forward(before, value))
    elif type(before) is type(value) and isinstance(before, _DESCRIPTORS):
        inner, new = before.__func__, value.__func__
        if (
            isinstance(inner, FunctionType)
            and isinstance(new, FunctionType)
            and not kept.other(inner, new)
            and function_into(inner, new, switch, kept)
        ):
            return
    elif type(before) in _METHODS and type(value) in _METHODS and name not in MADE_BY_TYPE:
        held = getattr(before, "__func__", before)
        # A function that the class only names is called as before by all others.
        own = isinstance(held, FunctionType) and is_own_method(held, cls, name)
        if own and getattr(value, "__func__", value) is not held:
            switch.set_attribute(held, "__code__", bound_otherwise(held, type(before), value, cls))
    elif type(before) is property and type(value) is property:
        for part in ("fget", "fset", "fdel"):
            one, other = getattr(before, part), getattr(value, part)
            functions = isinstance(one, FunctionType) and isinstance(other, FunctionType)
            if functions and one is not other and not kept.other(one, other):
                function_into(one, other, switch, kept)
    elif isinstance(before, type) and isinstance(value, type) and before is not value:
        if not kept.replaces(before, value):
            class_into(before, value, switch, kept)
        return
    elif isinstance(before, MemberDescriptorType) and not cls.__dictoffset__ and is_data(value):
        # Its objects have no other place for what they hold under the name.
        value = Filled(name, before, value)
    if cls.__dict__.get(name) is not value or name not in cls.__dict__:
        switch.set_class_attribute(cls, name, value)


def _stays(part: MadePart | None, name: str) -> bool:
    """Whether the class keeps what its new statement does not make: the old one has not made it either."""
    return part is not None and name not in part.goes


def stays(part: MadePart, name: str, value: Any) -> bool:
    """Whether ``value``, which a class has under a name that its new statement does not make, is what it keeps there."""
    return not _is_machinery(name, value) and _stays(part, name)


def _is_machinery(name: str, value: Any) -> bool:
    """Whether a class has it for itself: what the interpreter keeps there, and slots, which only know its own objects."""
    return name in _OWN or isinstance(value, MemberDescriptorType | GetSetDescriptorType | Room)


def goes_on(part: MadePart | None, old: type, name: str, value: Any) -> bool:
    """Whether the class keeps what it has in the place of ``value``, which its statement makes as before: data, or what a method was patched with."""
    before = vars(old)[name]
    if part is None:
        return False
    if name in part.kept:
        return True
    if name in part.steady and is_data(value):
        return type(before) is type(value) or part.alike
    return name in part.methods and is_own_method(value, old, name) and not is_own_method(before, old, name)


def _registered_too(held: Any, value: Any, switch: Switch, kept: Keeping) -> None:
    """Plan to put definitions into a table that a class keeps, where new statements have put them into the one that is thrown away."""
    if type(held) is dict and type(value) is dict:
        for key, item in value.items():
            if key not in held and isinstance(item, (FunctionType, type)):
                switch.set_item(held, key, kept.of(item))
    elif type(held) is list and type(value) is list:
        made = sum(map(_is_lambda, held)) >= sum(map(_is_lambda, value))
        for item in value:
            # Those that the list was made with are there.
            one = held[0] if made and held and _is_lambda(item) else kept.of(item)
            if isinstance(item, (FunctionType, type)) and not any(one is other for other in held):
                switch.do.append((list.append, held, one))
                switch.undo.append((take_out, held, one))


def _is_lambda(value: Any) -> bool:
    return isinstance(value, FunctionType) and value.__name__ == "<lambda>"


def is_own_method(value: Any, cls: type, name: str) -> bool:
    """Whether it is the function that a ``def`` in the body of the class makes."""
    return (
        isinstance(value, FunctionType)
        and value.__qualname__ == f"{cls.__qualname__}.{name}"
        and "__wrapped__" not in vars(value)
    )


def class_into(old: type, new: type, switch: Switch, kept: Keeping = PLAINLY) -> None:
    """Plan to make the class ``old`` what the class ``new`` is; ``new`` itself is thrown away.

    ``kept`` says what of it goes on as it is.

    Raises Refused where CPython can't change a class in place.
    """
    where = f"{old.__module__}:{old.__qualname__}"
    if type(old) is not type(new):
        if issubclass(type(old), enum.EnumMeta) or issubclass(type(new), enum.EnumMeta):
            raise Refused(f"{where} becomes an Enum, or is one no more", "restart for this one")
        metaclass_into(old, new, switch, kept.made, kept.says_metaclass)
    if old.__module__ != new.__module__:
        switch.set_class_attribute(old, "__module__", new.__module__)
    if old.__name__ != new.__name__:
        for word in ("__name__", "__qualname__"):
            switch.set_class_attribute(old, word, getattr(new, word))
    if issubclass(type(old), enum.EnumMeta):
        enum_into(old, new, switch, kept)
        return
    part = kept.statement(old)
    going = vars(old).keys() - vars(new).keys()
    for name, value in (dict(vars(new)) | compiled_for(new, kept.of, kept.made)).items():
        # Slots stay as they are: the new class's descriptors only know its own objects.
        if name in _OWN or isinstance(value, MemberDescriptorType | GetSetDescriptorType):
            continue
        if name in vars(old) and goes_on(part, old, name, value):
            _registered_too(vars(old)[name], value, switch, kept)
            continue
        definition = isinstance(value, (FunctionType, property, type, *_DESCRIPTORS))
        if name in vars(old) and not definition and kept.of(value) is vars(old)[name] is not value:
            # A descriptor that is made as before.
            continue
        adopt_class_cell(value, new, old)
        attribute_into(old, name, value, kept.place(f"{where}.{name}") or switch, kept, going)
    _annotations_into(old, new, switch)
    for name in list(vars(old)):
        if name not in vars(new) and not _is_machinery(name, vars(old)[name]) and not _stays(part, name):
            if _metaclass_gets(name, old, new, switch):
                switch.delete_past_metaclass(old, name)
            else:
                switch.delete_class_attribute(old, name)
    if slots_of(old) != slots_of(new):
        slots_into(old, vars(new).get("__slots__"), vars(new), switch, switch)
    bases_into(old, new, tuple(map(kept.of, new.__bases__)), switch)


def _metaclass_gets(name: str, old: type, new: type, switch: Switch) -> bool:
    """Whether the metaclass is going to have a property of this name."""
    metas = {id(meta) for kind in (old, new) for meta in type.mro(type(kind)) if meta is not type}
    planned = [
        op[3] for op in switch.do if op[0] is type.__setattr__ and op[2] == name and id(op[1]) in metas
    ]
    there = [vars(meta)[name] for meta in type.mro(type(new)) if meta is not type and name in vars(meta)]
    return any(hasattr(type(value), "__set__") for value in (*planned, *there))


def _annotations_into(old: type, new: type, switch: Switch) -> None:
    given = annotated.of_class(new)
    if annotated.LAZY and not annotated.same(annotated.of_class(old), given):
        annotated.adopt(given[1], new, old)
        switch.set_class_attribute(old, *given)


def replaced_into(old: type, new: type, switch: Switch, kept: Keeping = PLAINLY) -> None:
    """Plan what becomes of the parts of ``new``, which takes the place of ``old``: the functions that are there go on."""
    where = f"{old.__module__}:{old.__qualname__}"
    part = kept.statement(old)
    for name, value in list(vars(old).items()):
        slot = isinstance(value, MemberDescriptorType | GetSetDescriptorType | Room)
        if name not in vars(new) and name not in _OWN and not slot and _stays(part, name):
            # Nobody sees the new class yet.
            type.__setattr__(new, name, value)
    going = vars(old).keys() - vars(new).keys()
    for name, there in list(vars(new).items()):
        before = own_definition(vars(old), name, going)
        # Where it is known elsewhere too, what is kept has been put there already.
        value = kept.made(before) if before is there else there
        if name in _OWN or before is value or name not in vars(old) or before is not vars(old)[name]:
            continue
        if goes_on(part, old, name, value):
            type.__setattr__(new, name, before)
        elif type(before) is type(value) and isinstance(value, (FunctionType, property, type, *_DESCRIPTORS)):
            type.__setattr__(new, name, before)
            attribute_into(new, name, value, kept.place(f"{where}.{name}") or switch, kept)


# What the enum module keeps in a class by member; brought over with the members' identity kept.
_ENUM_MAPS = frozenset(
    {"_member_map_", "_member_names_", "_value2member_map_", "_unhashable_values_", "_hashable_values_"}
)


def renumbered(old: Any, new: Any) -> dict[int, int]:
    """The bits that the members of a Flag have had, each with what it is now; empty if they are the same for all that are still there."""
    both = [(m, new._member_map_[n]) for n, m in old._member_map_.items() if n in new._member_map_]
    bits = {m._value_: made._value_ for m, made in both if m._value_.bit_count() == 1}
    return bits if any(was != now for was, now in bits.items()) else {}


def enum_into(old: Any, new: Any, switch: Switch, kept: Keeping = PLAINLY) -> None:
    """Plan to give the Enum ``old`` the members and methods of ``new``; members that stay are the same objects.

    Raises Refused where the members' data type changes.
    """
    where = f"{old.__module__}:{old.__qualname__}"
    part = kept.statement(old)
    going = vars(old).keys() - vars(new).keys()
    if old._member_type_ is not new._member_type_:
        raise Refused(f"the members of {where} get another data type", "restart for this one")
    members: dict[str, Any] = {}
    for name, made in new._member_map_.items():
        before = old._member_map_.get(name)
        # An alias is the member that it stands for.
        canonical = old._member_map_.get(made._name_)
        if canonical is not None and before in (None, canonical):
            before = canonical
        if before is not None and new._member_type_ is not object and before._value_ != made._value_:
            raise Refused(
                f"{where}.{name} gets another value, and a member that is of {new._member_type_.__name__} can't change in place",
                "give it another name, or restart for this one",
            )
        if before is None and made._name_ == name and issubclass(new, enum.Flag):
            # A combination that was made when it was asked for, and has a name now.
            before = old._value2member_map_.get(made._value_)
            if before is not None and before._name_ not in old._member_map_:
                switch.set_item(vars(before), "_name_", name)
            else:
                before = None
        if before is None and made._name_ == name:
            before = renamed_member(old, new, made)
        if before is None:
            switch.do.append((object.__setattr__, made, "__class__", old))
            switch.undo.append((object.__setattr__, made, "__class__", new))
            switch.do.append((object.__setattr__, made, "__objclass__", old))
            switch.undo.append((object.__setattr__, made, "__objclass__", new))
            members[name] = made
        else:
            _member_into(before, made, switch)
            members[name] = before
    values = {}
    for made_value, made in new._value2member_map_.items():
        values[made_value] = members.get(made._name_, made)
        if made._name_ not in new._member_map_:
            # A combination that a statement has asked for: the one that is there, or of the class that is kept.
            known = kept.of(made)
            values[made_value] = known
            if known is made:
                switch.do.append((object.__setattr__, made, "__class__", old))
                switch.undo.append((object.__setattr__, made, "__class__", new))
    if issubclass(new, enum.Flag):
        bits = renumbered(old, new)
        for value, combined in old._value2member_map_.items():
            # Combinations of members exist once, and remember what is not in them.
            if combined._name_ not in old._member_map_:
                after = sum(now for was, now in bits.items() if was & value) if bits else value
                if after != value:
                    switch.set_item(vars(combined), "_value_", after)
                values.setdefault(after, combined)
            for ops in (switch.do, switch.undo):
                ops.append((dict.pop, vars(combined), "_inverted_", None))
    switch.set_class_attribute(old, "_member_names_", list(new._member_names_))
    switch.set_class_attribute(old, "_member_map_", members)
    switch.set_class_attribute(old, "_value2member_map_", values)
    for name in ("_unhashable_values_", "_hashable_values_"):
        if name in vars(new):
            switch.set_class_attribute(old, name, vars(new)[name])
    for name, value in list(vars(new).items()):
        if name in _OWN or name in _ENUM_MAPS:
            continue
        if name in members:
            if name not in old._member_map_ or members[name] is not old._member_map_[name]:
                # Up to Python 3.11 a descriptor leads to the member, later the class holds it itself.
                held = members[name] if isinstance(value, new) else value
                switch.set_class_attribute(old, name, held)
            continue
        if name in vars(old) and goes_on(part, old, name, value):
            _registered_too(vars(old)[name], value, switch, kept)
            continue
        definition = isinstance(value, (FunctionType, property, type, *_DESCRIPTORS))
        if name in vars(old) and not definition and kept.of(value) is vars(old)[name] is not value:
            # A descriptor that is made as before.
            continue
        adopt_class_cell(value, new, old)
        attribute_into(old, name, value, kept.place(f"{where}.{name}") or switch, kept, going)
    _annotations_into(old, new, switch)
    for name in list(vars(old)):
        own = name in _OWN or name in _ENUM_MAPS
        if name not in vars(new) and not own and not _stays(part, name):
            switch.delete_class_attribute(old, name)
    bases_into(old, new, tuple(map(kept.of, new.__bases__)), switch)


def renamed_member(old: Any, new: Any, made: Any) -> Any:
    """The member of ``old`` that has another name in ``new``, ``made``, or None: a member is known by its value, as its pickles are.

    Its old name may stay beside the new one.
    """
    before = old._value2member_map_.get(made._value_) if _hashable(made._value_) else None
    if before is None or before._name_ not in old._member_map_:
        return None
    if new._member_map_.get(before._name_, made) is not made:
        return None
    return before if type(before._value_) is type(made._value_) else None


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _member_into(kept: Any, made: Any, switch: Switch) -> None:
    """Plan to give the member ``kept`` what the class's statement has given ``made``."""
    before, after = vars(kept), vars(made)
    for name in dict.fromkeys([*before, *after]):
        if name in ("__objclass__", "_inverted_"):
            continue
        if name not in after:
            switch.delete_item(before, name)
        elif name not in before or not (
            before[name] is after[name]
            or (type(before[name]) is type(after[name]) and before[name] == after[name])
        ):
            switch.set_item(before, name, after[name])
