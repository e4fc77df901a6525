"""What tracebacks show of procedures of the version before, when the files have been edited in place."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

from tests.programs import Program

Start = Callable[..., Program]

TEXT = """
    import traceback
    def fail():
        gate("in")
        raise KeyError("old")  # as it was
    def lines(error):
        return [row.line for row in traceback.extract_tb(error.__traceback__)]
    def shown():
        try:
            fail()
        except KeyError as error:
            return lines(error)
"""
OLD = ["fail()", 'raise KeyError("old")  # as it was']
EDITED = TEXT.replace("import traceback", "import traceback\n    # a line\n    # and one more")


def test_a_procedure_whose_lines_have_moved(program: Start) -> None:
    app = program(shop=TEXT)
    app.start("t", "shop.shown()", at="in")
    app.edit(shop=EDITED).update()
    app.open("in", times=2)
    assert app.join("t") == OLD
    assert app("shop.shown()") == OLD


def test_a_procedure_that_has_not_switched_yet(program: Start) -> None:
    app = program(shop=TEXT)
    app.start("t", "shop.shown()", at="in")
    update = app.edit(shop=EDITED.replace('"old")', '"new")')).begin()
    app.until_waiting(update, "active")
    app.open("in", times=2)
    assert app.join("t") == OLD
    app.until(update, "complete")
    assert app("shop.shown()") == ["fail()", 'raise KeyError("new")  # as it was']


def test_one_of_two_versions_before(program: Start) -> None:
    app = program(shop=TEXT)
    app.start("t", "shop.shown()", at="in")
    app.edit(shop=EDITED).update()
    app.edit(shop=EDITED.replace("# a line", "# a line\n    # another")).update()
    app.open("in")
    assert app.join("t") == OLD


def test_the_interpreter_prints_them_as_well(program: Start) -> None:
    # Up to Python 3.12 it reads the file itself.
    printed = """
    def printed():
        import contextlib, io, sys
        try:
            fail()
        except KeyError:
            with contextlib.redirect_stderr(io.StringIO()) as found:
                sys.__excepthook__(*sys.exc_info())
            return found.getvalue()
"""
    app = program(shop=TEXT + printed)
    app.start("t", "shop.printed()", at="in")
    app.edit(shop=EDITED + printed).update()
    app.open("in")
    assert OLD[1] in app.join("t")


def test_a_back_out_gives_procedures_their_file_again(program: Start) -> None:
    app = program(shop=TEXT)
    files = "[shop.fail.__code__.co_filename, shop.lines.__code__.co_filename, shop.__file__]"
    before = app(files)
    app.start("t", "shop.shown()", at="in")
    update = app.edit(shop=EDITED.replace('"old")', '"new")')).begin()
    app.until_waiting(update, "active")
    app.back_out(update)
    app.until(update, "backed-out")
    assert app(files) == before == [before[0]] * 3
    app.open("in")


def test_versions_elsewhere_name_their_own_files(program: Start, tmp_path: Path) -> None:
    app = program(shop=TEXT)
    app.start("t", "shop.shown()", at="in")
    (tmp_path / "two").mkdir()
    app.write({"shop": EDITED}, tmp_path / "two")
    file = app("shop.__file__")
    app.update(**{"from": str(tmp_path / "two")})
    app.open("in", times=2)
    assert app.join("t") == OLD
    assert app("shop.shown()") == OLD
    assert app("shop.fail.__code__.co_filename") == str(tmp_path / "two" / "shop.py") != file


def test_lines_follow_in_what_descriptors_and_callable_objects_hold(program: Callable[..., Program]) -> None:
    text = """
        class Memo:
            __slots__ = ("fget",)
            def __init__(self, fget): self.fget = fget
            def __get__(self, obj, cls=None): return self.fget(obj)
        class Command:
            def __init__(self, function): self.parts = 1; self.function = function
            def __call__(self): return self.function()
        class T:
            @Memo
            def cache(self): raise ValueError
        @Command
        def run(): raise ValueError
    """
    app = program(m=text)
    lines = "[vars(m.T)['cache'].fget.__code__.co_firstlineno, m.run.function.__code__.co_firstlineno]"
    before = app(lines)
    app.edit(m="# one\n# two\n" + textwrap.dedent(text)).update()
    assert app(lines) == [line + 2 for line in before]


def test_lines_follow_in_what_new_statements_have_had_decorated(program: Start) -> None:
    tools = """
        import functools
        # A line.
        def traced(f):
            @functools.wraps(f)
            def inner(*args): return f(*args)
            return inner
    """
    text = "from tools import traced\n@traced\ndef one(): return 1\n"
    app = program(tools=tools, m=text)
    new = text + "@traced\ndef two(): return 2\n"
    app.edit(tools=tools.replace("# A line.", "# A line.\n        # Another."), m=new).update()
    assert app("[f.__code__.co_firstlineno for f in (tools.traced, m.one, m.two)] + [m.one(), m.two()]") == [
        *(5, 6, 6),
        *(1, 2),
    ]
