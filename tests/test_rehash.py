"""Objects that are keys of dictionaries and members of sets, when they are hashed otherwise than before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.programs import Program

Start = Callable[..., Program]

FROZEN = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass K:\n    n: str\n"
NAMED = "class K:\n    def __init__(self, n): self.n = n\n"
HASHED = (
    NAMED + "    def __eq__(self, o): return self.n == o.n\n    def __hash__(self): return hash(self.n)\n"
)
CHANGES = {
    "a field of a frozen dataclass": (FROZEN, FROZEN + "    v: int = 0\n"),
    "a hash": (
        HASHED,
        HASHED.replace("hash(self.n)", "hash(self.n.lower())").replace("== o.n", ".lower() == o.n.lower()"),
    ),
    "a hash that is added": (NAMED, HASHED),
    "a hash that goes": (HASHED, NAMED),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_holds_them_finds_them(program: Start, change: str) -> None:
    old, new = CHANGES[change]
    kinds = "class Below(K): pass\nclass Table(dict): pass\nclass Order(collections.OrderedDict):\n    def __iter__(self): raise TypeError\nclass Group(set):\n    def __iter__(self): raise TypeError\n"
    app = program(m=f"import collections\n{old}{kinds}")
    app.run("""
        k, b, others = m.K("a"), m.Below("b"), [m.K(str(n)) for n in range(100)]
        tables = [{k: 1, b: 2, 3: 4}, m.collections.OrderedDict({3: 4, b: 2, k: 1}), m.collections.Counter([k, b, 3]), {(k, 1): 1, (b, 1): 2}]
        own = [m.Table({k: 1, b: 2}), m.Order({k: 1, b: 2})]
        members, group = {k, b, 3, *others}, m.Group({k, b})
        of = lambda key: id(key[0] if type(key) is tuple else key)
        orders = [[of(key) for key in table] for table in tables]
    """)
    check = """[
        [table[k if k in table else (k, 1)] for table in tables],
        k in members and b in members and all(o in members for o in others),
        [[of(key) for key in table] for table in tables] == orders,
        len(members),
        [[table[k], table[b], len(table)] for table in own] + [k in group and b in group and len(group)],
    ]"""
    right = [[1, 1, 1, 1], True, True, 103, [[1, 2, 2], [1, 2, 2], 2]]
    assert app(check) == right
    app.edit(m=f"import collections\n{new}{kinds}").update()
    assert app(check) == right
    assert app("tables[0].get(m.K('a'))") == (None if "goes" in change else 1)
    app.update(back_out=True)
    assert app(check) == right


def test_nobody_sees_a_table_that_is_not_filled_yet(program: Start) -> None:
    app = program(m=FROZEN + "table = {K(str(n)): n for n in range(1000)}\nkeys = list(table)\nmissed = []\n")
    app.run("""
        import threading
        stop = threading.Event()
        def look():
            while not stop.is_set():
                for key in m.keys[::300]:
                    if key not in m.table:
                        m.missed.append(key)
                stop.wait(0.0005)
        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads: thread.start()
    """)
    fields = "    v: int = 0\n"
    for _ in range(3):
        app.replace("m", "    n: str\n", f"    n: str\n{fields}").update()
        app.replace("m", fields, "").update()
    app.run("stop.set()\nfor thread in threads: thread.join()")
    assert app("[len(m.missed), len(m.table)]") == [0, 1000]


def test_an_object_that_can_not_be_hashed_any_more_stays_where_it_is(program: Start) -> None:
    app = program(m=NAMED)
    app.run("k = m.K('a'); table = {k: 1}")
    app.edit(m=NAMED + "    __hash__ = None\n").update()
    assert app("list(table) == [k]")
