"""The plan as data: what an update will do, in which order, and why. Written by the planner, evaluated by the pup.

Only the standard library, and nothing that runs: both the planner and the process import it. A plan travels as a directory:
``plan.json`` (this model) beside the packs of code that it names.
"""

from __future__ import annotations

import json

from podus.pieces import decoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import asdict, dataclass, field
    from typing import Any
else:
    from podus.planning.record import asdict, dataclass, field


# When procedures switch, as a person may choose it (``when`` comes with its condition); see updating/policy.
POLICIES = ("podus", "atomic", "consistent", "immediate")


def may_be_policy(name: str) -> bool:
    """Whether ``name`` is one of these, or can be that of a class in the support code: those begin with a capital letter."""
    return name in POLICIES or name[:1].isupper()


# Seconds that ``atomic`` lets callers wait.
MAX_HOLD = 0.05
# Seconds that who is in a loop that comes to an end is waited for, before the frame is moved.
MOVE_AFTER = 2.0


@dataclass
class Note:
    """One printed sentence: a refusal, a question or a remark, with its remedy."""

    code: str
    text: str
    remedy: str = ""
    where: str = ""


@dataclass
class Procedure:
    """A procedure that changed.

    ``change`` is ``body``, ``interface``, ``head`` (decorators, defaults, annotations), ``added`` or ``removed``;
    ``interface`` says in words what changed in the signature and whether every old call is still accepted.
    ``hidden`` is set where function objects made from it can't all be found by name (closures).
    ``running`` is ``moved``, ``waited for`` or ``left`` where it was active when the plan was made.
    ``suspends`` is set for what the old version has as generators and coroutines: they can be active without being on a stack. ``suspended`` tells of those that were
    when the plan was made: ``count``, ``kind``, ``who`` the first of them are, the ``places`` (line and offset) where some of them
    stand, and ``some``, which is set where there may be more than were counted.
    """

    name: str
    change: str
    interface: str = ""
    hidden: bool = False
    suspends: bool = False
    suspended: dict[str, Any] = field(default_factory=dict)
    # An activation of it, when the plan was made, could not come to an end from where it stood.
    endless: bool = False
    running: str = ""
    line: int = 0
    # The old and the new parameters, where they differ: "(a, b=...)".
    signatures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    # Of closures that exist: the defaults that they need with the new code, and with the old one on the way back, as text; "" is what they have.
    defaults: dict[str, str] | None = None
    defaults_back: dict[str, str] | None = None
    # They keep their old version.
    stays: bool = False


@dataclass
class InterfaceChange:
    """A difference between what two versions offer to those who use them.

    ``name`` is the procedure, class or datum (``module:qualname``) that has the interface, ``part`` what of it (a parameter, an
    attribute, a base). ``kind`` is one of ``parameter added``, ``… removed``, ``… moved``, ``… required``, ``… optional``, ``… kind changed``,
    ``default changed``, ``annotation changed``, ``became async``, ``became generator``, ``became async generator``,
    ``became ordinary``, ``decorator added``, ``… removed``, ``… changed``, ``base added``, ``… removed``, ``… moved``,
    ``class keyword changed``, ``slots changed``, ``attribute removed``, ``procedure removed``, ``class removed``, ``module removed``, ``moved`` or
    ``object kind changed``. ``breaking``: some use that the old version allowed the new one does not. ``where`` is ``file:line``.
    """

    name: str
    kind: str
    breaking: bool
    text: str
    where: str = ""
    part: str = ""


@dataclass
class Diff:
    """How the source of one change differs: a unified diff with the lines of the files.

    ``kind`` is ``procedure``, ``class``, ``statement``, ``data`` or ``module``.
    """

    name: str
    kind: str
    text: str


@dataclass
class Datum:
    """Module or class data that the new version assigns otherwise.

    ``action`` is ``set`` (take the new value), ``keep`` (the program has modified it), ``map`` (a mapper converts it),
    ``add`` or ``remove``.
    """

    name: str
    action: str
    why: str = ""


@dataclass
class Group:
    """Procedures and data that switch at one instant; ``why`` names the reasons (``alone``, ``together``, ``interface``, ``data``).

    ``policy`` says when, if not that of the whole update does. ``callers`` are procedures that the new version does not have and that may call them in
    the old way: nobody must be in one; ``coming`` are those that it adds and that may call them in the new way, for the way back.
    """

    procedures: list[str]
    data: list[str] = field(default_factory=list)
    mappers: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    policy: str = ""
    callers: list[str] = field(default_factory=list)
    coming: list[str] = field(default_factory=list)


@dataclass
class Reach:
    """Why ``procedure`` can't switch while ``active`` is active: the path of calls in the new version, one reason an edge."""

    procedure: str
    active: str
    path: list[str]


@dataclass
class ClassPart:
    """A class whose body has new or changed statements: they run in a namespace of their own, then go into the class.

    ``runner`` names the code in the module's pack; ``removed`` the attributes that are gone. With ``instead_of`` it is what is done if that
    piece of the module's code, in which the whole class is made again, raises: a registry may refuse a second class of one name.
    ``after`` is how many pieces of the module's code run before it. ``outer`` are names that its statements read before the body binds them: the module's.
    ``unannotated`` are those that have no annotation any more.
    """

    qualname: str
    runner: str
    removed: list[str] = field(default_factory=list)
    instead_of: str = ""
    after: int = 0
    outer: list[str] = field(default_factory=list)
    unannotated: list[str] = field(default_factory=list)


@dataclass
class Run:
    """A top-level or class statement that runs.

    ``kind`` is ``def``, ``class``, ``import``, ``assign``, ``docstring`` or ``other``, ``names`` what it binds; ``owner`` the class whose
    body it stands in ("" for a module). ``fresh``: the old version bound none of the names.
    """

    line: int
    text: str
    kind: str
    names: list[str] = field(default_factory=list)
    owner: str = ""
    fresh: bool = False


@dataclass
class ModulePart:
    """What happens to one module.

    ``action`` is ``update``, ``import``, ``delete`` or ``lines`` (only line numbers or the file's place changed).
    ``pack`` and ``source`` are file names in the plan's directory. ``runners`` name the code of the new and changed
    top-level statements, piece by piece. ``redirects`` maps a local name to the ``[module, name]`` it is imported from; of
    ``tried`` ones only the running program can tell.
    ``statements`` are the first lines of what will run, for people; ``runs`` says more of each. ``before`` is the file of the old
    source in the plan's directory, if it was asked for. ``redefined`` are classes whose whole statement runs again:
    what it makes goes into the class that is there (:class:`MadePart` says what of that one stays).
    """

    name: str
    action: str
    file: str = ""
    pack: str = ""
    source: str = ""
    runners: list[str] = field(default_factory=list)
    classes: list[ClassPart] = field(default_factory=list)
    redirects: dict[str, list[str]] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)
    # Modules of which all names are imported (``from … import *``).
    stars: list[str] = field(default_factory=list)
    # By the runner of such a statement the module; by that of any import of names that later statements bind, where it has them from; and which of
    # these it may not bind, as those statements don't run again.
    starred: dict[str, str] = field(default_factory=dict)
    brought: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    bound_later: dict[str, list[str]] = field(default_factory=dict)
    # Names that an import bound in the old version: what they hold is another module's, and goes on there.
    borrowed: list[str] = field(default_factory=list)
    # Modules of which the old version took all names, and the new one does not.
    stars_gone: list[str] = field(default_factory=list)
    # Names that star imports bring now, and that old statements bound.
    from_stars: list[str] = field(default_factory=list)
    # Name that is bound anew -> where other modules have imported it to (``module:name``).
    importers: dict[str, list[str]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    # Names that have no annotation any more.
    unannotated: list[str] = field(default_factory=list)
    redefined: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    before: str = ""
    package: bool = False
    # Old procedure -> new procedure where the names differ; old ones without a new one; new ones without an old one.
    pairs: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    # Definitions of the old version that are gone, and that others were told of when they were made (a decorator, a base).
    withdrawn: list[str] = field(default_factory=list)
    # Functions among them -> by what their decorators may have registered them, how often, and the functions that are there on and have the same decorators.
    withdrawn_by: dict[str, tuple[list[str], int, list[str]]] = field(default_factory=dict)
    # Those with a statement that is another one now -> by what the old one may have registered them; and the name that stands for them, if one does.
    registrars: dict[str, list[str]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    # The classes among them that the new statement registers as well.
    registers_again: list[str] = field(default_factory=list)
    # The functions among them that are registered in the same words.
    registers_alike: list[str] = field(default_factory=list)
    # Data of this module or others that the statements read as the update leaves it, by the name that they have for it (module:name).
    staged: list[str] = field(default_factory=list)
    # Name -> the functions that one statement defines under it, in the old and in the new version: of `if` and `else` the one counts.
    alternatives: dict[str, list[list[str]]] = field(default_factory=dict)
    # Lines of statements that go on with data that is there ("8-12") -> the options that make it again.
    anew: dict[str, str] = field(default_factory=dict)
    # Functions that had decorators -> the attributes that statements give them (``f.step = 2``); those of others stay, whoever gave them.
    decorated: dict[str, list[str]] = field(default_factory=dict)
    # Definitions that run again -> the parameters with a default that is made as before: what it holds goes on.
    steady_defaults: dict[str, list[str]] = field(default_factory=dict)
    # Whether a definition among the statements may be put into a registry of another module: it has a decorator, a base or a keyword.
    registers: bool = False
    # What the statements that run while staging may call and must find new: changed procedures, and users of changed data.
    calls: list[str] = field(default_factory=list)
    # The line of the statement of the new version that the module's own body stands at, while that is being run; else 0.
    stands: int = 0


@dataclass
class MadePart:
    """A class that is made again: what of it its statement made in the old version.

    ``steady`` is data that assignments in its body give it as before, ``kept`` what they give otherwise, but the program has modified; ``methods`` those that a plain ``def`` makes in both versions: what the program has put in their
    place stays. ``goes`` are names that the new class need not have: the old one had them from its statement. ``alike``: the class is made by the
    same decorators and hooks as before.
    """

    steady: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    goes: list[str] = field(default_factory=list)
    alike: bool = False


@dataclass
class Gate:
    """An interprocedure: ``function`` in the support file stands between old callers and ``procedure``."""

    procedure: str
    function: str
    callers: list[str] = field(default_factory=list)


@dataclass
class Mapper:
    """A mapper procedure of the support file: ``kind`` is ``data`` (module data) or ``static`` (of a procedure)."""

    target: str
    function: str
    kind: str
    reverse: bool = False
    users: list[str] = field(default_factory=list)


@dataclass
class FieldPart:
    """A field that the objects of a changed class did not have before.

    ``how`` is ``derived`` (``runner`` names the code in the module's pack, ``text`` says what it computes), ``default`` (the class itself
    gives it to new objects), ``mapper``, or ``missing`` (nobody could say what it would be; ``text`` is the field that it may be renamed from).
    ``module`` is where the constructor is that sets it, if that is another module than the class's. Only objects that hold ``beside`` get it, if
    that is given: a method that is no constructor sets both. With ``anew`` it is worked out though an earlier update has kept what it was: it was a property of
    other fields since, which the program may have set.
    """

    name: str
    how: str
    text: str = ""
    runner: str = ""
    module: str = ""
    beside: str = ""
    anew: bool = False


@dataclass
class ObjectPart:
    """The live objects of one class whose fields change; ``after`` is what the class is called in the new version (module:qualname).

    ``before`` are all the fields of the old version, ``gone`` those that are dropped (and kept aside for a back-out), ``stale`` cached
    values that are computed again, ``hidden`` fields whose name is a method or property now, ``shown``
    those whose name was one before. ``switches`` names the procedures that
    switch at the instant at which the objects begin to be converted, ``users`` all procedures that touch the converted fields.
    ``live`` is how many objects there were when the plan was made (-1: not counted). ``converts`` is set where an object must be
    converted before anything of it is used, and not only given what it lacks.
    """

    cls: str
    after: str
    fields: list[FieldPart] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    mapper: str = ""
    reverse: bool = False
    switches: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    live: int = -1
    converts: bool = False
    # Of those that are gone: what objects that new procedures have made need of them when the update is backed out in the middle.
    returning: list[FieldPart] = field(default_factory=list)


@dataclass
class Loop:
    """A loop at whose head a running frame of ``procedure`` goes on in the new version.

    The offsets are those of bytecode as it is compiled: ``head`` names the exit stub of the old version's loop; a frame leaves before the
    instructions at ``leaves``, which begin a line, and where a jump goes back to one of ``jumps``; ``enter`` is where the new version goes on, with
    ``depth`` objects on the value stack, and ``new_head`` names the stub of that loop. The variables ``needs`` must be bound by then; ``given`` are new ones with the text that
    makes what the new version gives them before the loop. ``mapper``: a frame mapper gives them. ``waits`` is set where
    who is in it would come to an end, and is waited for at first, ``sure`` where the old version has bound ``needs`` whichever way it came there. The
    body of a module leaves by way of the first line of the loop's own body: ``landing`` is where that begins, and its line; ``blocks`` are the places
    on the value stack where open blocks have what they call at their end (from Python 3.14).
    ``skips`` tells of what the new version does before the loop and nobody does who moves.
    """

    procedure: str
    text: str
    line: int
    new_line: int
    how: str
    head: int
    enter: int
    depth: int
    new_head: int
    leaves: list[int] = field(default_factory=list)
    jumps: list[int] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    mapper: bool = False
    waits: bool = False
    sure: bool = False
    landing: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    replaced: dict[str, str] = field(default_factory=dict)


@dataclass
class Turn:
    """An endless loop of ``procedure``, at whose head an iteration begins: the offsets are those of :class:`Loop`."""

    procedure: str
    leaves: list[int] = field(default_factory=list)
    jumps: list[int] = field(default_factory=list)


@dataclass
class Plan:
    """One update, ready to be evaluated (``refusals`` empty) or refused.

    ``from_version`` and ``to_version`` are ``{"label", "hash", "origin"}``; ``groups`` is in the order of the
    callees first; ``asks`` are questions that have a safe default. ``diffs`` are there only if they were asked for.
    """

    id: str
    program: dict[str, Any]
    python: str
    from_version: dict[str, str]
    to_version: dict[str, str]
    modules: list[ModulePart] = field(default_factory=list)
    # In what order the new statements run: a module, and how many of its ``runners`` have run when another one is taken up; one more when it has come to its end.
    sequence: list[tuple[str, int]] = field(default_factory=list)
    procedures: list[Procedure] = field(default_factory=list)
    data: list[Datum] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    reach: list[Reach] = field(default_factory=list)
    # Changed procedure -> which of ``reach_sets`` are the changed procedures that its new version can invoke, directly or not.
    reaches: dict[str, int] = field(default_factory=dict)
    reach_sets: list[list[str]] = field(default_factory=list)
    # The same for the old versions, for the way back; None where that was not worked out (a large program): all go back at one instant.
    back_reaches: dict[str, int] | None = None
    back_sets: list[list[str]] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    mappers: list[Mapper] = field(default_factory=list)
    objects: list[ObjectPart] = field(default_factory=list)
    # Functions and classes that go on in another module: old name -> new name.
    moves: dict[str, str] = field(default_factory=dict)
    moved_data: dict[str, str] = field(default_factory=dict)
    # The classes that are made again, by their old names (module:qualname).
    made: dict[str, MadePart] = field(default_factory=dict)
    # Where some are: the classes whose statements name their metaclass.
    metaclassed: list[str] = field(default_factory=list)
    # Procedures that did not change, but whose cached results may be what changed ones gave.
    caches: list[str] = field(default_factory=list)
    # Where running frames go on in the new version; and in the old one, on the way back.
    loops: list[Loop] = field(default_factory=list)
    back_loops: list[Loop] = field(default_factory=list)
    # With the policy ``consistent``: endless loops that do not change, each iteration of which is a transaction.
    turns: list[Turn] = field(default_factory=list)
    # When live objects are converted: ``lazy``, ``eager`` or ``sweep``.
    pace: str = "sweep"
    # When procedures switch: ``podus``, ``atomic``, ``immediate``, a class of the support code, or ``when``; ``when`` the procedures of one of these lists are idle;
    # and for how many seconds at most ``atomic`` lets callers wait.
    policy: str = "podus"
    when: list[list[str]] = field(default_factory=list)
    max_hold: float = MAX_HOLD
    # How many seconds who is in a loop that comes to an end is waited for, before the frame is moved.
    move_after: float = MOVE_AFTER
    # Microseconds that the program may be held up at the most; 0: as long as it takes.
    max_stall: float = 0.0
    now: list[str] = field(default_factory=list)
    hold: list[str] = field(default_factory=list)
    refusals: list[Note] = field(default_factory=list)
    asks: list[Note] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    interface: list[InterfaceChange] = field(default_factory=list)
    diffs: list[Diff] = field(default_factory=list)
    support: str = ""
    directory: str = ""

    @property
    def converts(self) -> bool:
        """Whether data takes a new form: what a variable holds may be some of the old."""
        return any(m.kind == "data" for m in self.mappers) or any(part.converts for part in self.objects)

    @property
    def safe(self) -> bool:
        """Whether the plan can be evaluated."""
        return not self.refusals

    @property
    def empty(self) -> bool:
        """Whether the two versions are the same program."""
        return not (self.modules or self.procedures or self.data)

    def reached(self, procedure: str) -> frozenset[str]:
        """The changed procedures that the new version of ``procedure`` can invoke, directly or not."""
        number = self.reaches.get(procedure)
        return frozenset() if number is None else frozenset(self.reach_sets[number])

    def to_json(self) -> str:
        """The plan as one JSON object, with ``safe`` and ``empty`` added for readers."""
        return json.dumps(asdict(self) | {"safe": self.safe, "empty": self.empty})

    @classmethod
    def from_json(cls, text: str, breathe: Callable[[], object] = int) -> Plan:
        """Read what :meth:`to_json` wrote.

        ``breathe`` is called between pieces to let other threads run. Raises ValueError if it is no plan.
        """
        raw = decoded(text, breathe)
        if not isinstance(raw, dict) or "to_version" not in raw:
            raise ValueError("not a plan")
        # What is added for readers is no part of the plan.
        raw = {name: value for name, value in raw.items() if name in cls.__annotations__}
        lists: dict[str, type[Any]] = {
            "modules": ModulePart,
            "procedures": Procedure,
            "data": Datum,
            "groups": Group,
            "reach": Reach,
            "gates": Gate,
            "mappers": Mapper,
            "objects": ObjectPart,
            "loops": Loop,
            "back_loops": Loop,
            "turns": Turn,
            "refusals": Note,
            "asks": Note,
            "notes": Note,
            "interface": InterfaceChange,
            "diffs": Diff,
        }
        for name, kind in lists.items():
            made = []
            for item in raw.get(name, []):
                made.append(kind(**item))
                breathe()
            raw[name] = made
        raw["made"] = {name: MadePart(**item) for name, item in raw.get("made", {}).items()}
        for module in raw["modules"]:
            breathe()
            module.classes = [ClassPart(**item) for item in module.classes]
            module.runs = [Run(**item) for item in module.runs]
        for part in raw["objects"]:
            part.fields = [FieldPart(**item) for item in part.fields]
            part.returning = [FieldPart(**item) for item in part.returning]
        return cls(**raw)
