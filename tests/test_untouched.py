"""A mapper may change data where it is: where nothing comes of the switch, and on the way back, that is as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

OLD = """
from collections import deque
levels = {"tea": [1], "all": deque([1, 2]), "rows": [{"n": 1}]}
other = [1]
def use(): return levels
def more():
    gate("in")
    return other
"""
NEW = (
    OLD.replace('{"tea"', '{"cup": 0, "tea"')
    .replace("[1]\ndef", "{1}\ndef")
    .replace("return ", "return list() or ")
)
IN_PLACE = """
import podus
@podus.mapper("m:levels")
def levels(old):
    old["tea"].append(2)
    old["all"].popleft()
    old["rows"][0]["n"] = 5
    old["new"] = 1
    return old
"""
AS_IT_WAS = "[m.levels['tea'], list(m.levels['all']), m.levels['rows'], sorted(m.levels), m.levels is held]"
WAS = [[1], [1, 2], [{"n": 1}], ["all", "rows", "tea"], True]


def test_it_is_as_it_was_where_another_mapper_raises(program: Start) -> None:
    app = program(m=OLD)
    app.run("held = m.levels")
    update = app.edit(m=NEW).begin(
        support=IN_PLACE + "@podus.mapper('m:other')\ndef other(old): raise KeyError('other')\n"
    )
    assert "raised KeyError" in app.until(update, "backed-out")["reason"]
    assert app(AS_IT_WAS) == WAS


def test_it_is_as_it_was_where_a_mapper_raises_later(program: Start) -> None:
    app = program(m=OLD)
    app.run("held = m.levels")
    app.start("t", "m.more()", at="in")
    update = app.edit(m=NEW).begin(
        support=IN_PLACE + "@podus.mapper('m:other')\ndef other(old): raise KeyError('other')\n"
    )
    app.until_switched(update, "m:use")
    assert app("m.use()['tea']") == [1, 2]
    app.open("in")
    app.join("t")
    app.until(update, "backed-out")
    assert app(AS_IT_WAS) == WAS


@pytest.mark.parametrize("kind", ["[1, 2]", "{1: 2}", "{1, 2}", "deque([1, 2])"])
def test_every_kind_of_container_is_as_it_was(program: Start, kind: str) -> None:
    app = program(
        m=f"from collections import deque\nlevels = {kind}\nother = 1\ndef use(): return levels, other\n"
    )
    app.run("held, copy = m.levels, m.levels.copy()")
    app.replace("m", "levels, other", "levels, other, 1")
    support = "import podus\n@podus.mapper('m:levels')\ndef levels(old):\n    old.clear()\n    return old\n@podus.mapper('m:other')\ndef other(old): raise KeyError\n"
    app.until(app.begin(support=support), "backed-out")
    assert app("m.levels is held and m.levels == copy")


@pytest.mark.parametrize("in_file", [True, False])
def test_who_uses_a_field_that_a_mapper_changes_where_it_is_is_waited_for(
    program: Start, in_file: bool
) -> None:
    old = "class P:\n    def __init__(self): self.pos = [1, 2]\n    def move(self):\n        gate('in')\n        return self.pos\nclass Q:\n    def __init__(self): self.append = 3\n"
    app = program(m=old)
    app.run("p = m.P()")
    app.start("t", "list(p.move())", at="in")
    app.edit(m=old.replace("[1, 2]", "[100, 200]").replace("return self.pos", "return self.pos[:]"))
    there = "def there(p): p.pos[:] = [n * 100 for n in p.pos]\n"
    back = "def back(p): p.pos[:] = [n // 100 for n in p.pos]\n"
    if in_file:
        update = app.begin(support=f"import podus\n{back}@podus.mapper('m:P', reverse=back)\n{there}")
        app.until_waiting(update, "m:P.move")
    else:
        app.run(
            f"import podus, podus.api\n{there}{back}update = podus.api.update(support=[podus.mapper('m:P', reverse=back)(there)], wait=False)"
        )
        while app("update.pending") != ["m:P.__init__", "m:P.move"]:
            assert app("update.state") in ("planned", "staging", "pending")
    app.open("in")
    assert app.join("t") == [1, 2]
    app.run("import time\nwhile p.pos[0] == 1: time.sleep(0.001)")
    assert app("p.pos") == [100, 200]
