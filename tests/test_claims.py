"""Several threads come to objects that are to be converted: each is converted by one of them, and nobody waits for more than its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.programs import Program

Start = Callable[..., Program]

ACCOUNT = """
calls, bad = [], ""

class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance

    def total(self):
        return self.balance
"""
SUPPORT = """
    import bank, podus

    def back(account):
        account.balance -= 100

    @podus.mapper("bank:Account", reverse=back)
    def account(self):
        bank.calls.append(self.owner)
        gate(self.owner)
        {more}
        self.balance += 100
    """


def begun(program: Start, more: str = "pass", **request: Any) -> tuple[Program, str]:
    """Two accounts, and an update that is to convert them; its mapper waits at a gate of the owner's name."""
    app = program(bank=ACCOUNT)
    app.run("ann, bob = bank.Account('ann', 5), bank.Account('bob', 6)")
    app.replace("bank", "return self.balance", "return ('cents', self.balance)")
    return app, app.begin(support=SUPPORT.format(more=more), **request)


def test_a_thread_at_work_on_its_object_keeps_nobody_from_another_one(program: Start) -> None:
    app, update = begun(program, objects="lazy")
    app.until(update, "complete")
    app.start("first", "ann.balance", at="ann")
    app.open("bob")
    assert app("bob.balance") == 106
    app.open("ann")
    assert app.join("first") == 105
    assert app("bank.calls") == ["ann", "bob"]


def test_who_comes_to_an_object_in_work_waits_for_it_and_finds_it_whole(program: Start) -> None:
    app, update = begun(program, objects="lazy")
    app.until(update, "complete")
    app.start("first", "ann.balance", at="ann")
    app.start("reader", "(gate('reader'), ann.balance)[1]", at="reader")
    app.start("writer", "(gate('writer'), setattr(ann, 'balance', 7), ann.total())[2]", at="writer")
    app.open("reader")
    app.open("writer")
    app.open("ann")
    assert app.join("first") in (7, 105)
    assert app.join("reader") in (7, 105)
    assert app.join("writer") == ["cents", 7]
    assert app("bank.calls") == ["ann"]


@pytest.mark.parametrize("pace", ["lazy", "sweep"])
def test_mappers_that_wait_for_each_others_objects_go_on(program: Start, pace: str) -> None:
    """One of them sees the other's object as it is, as a mapper does that comes back to its own."""
    more = "other = sys.modules['__main__'].names['bob' if self.owner == 'ann' else 'ann']; self.balance += other.balance"
    app, update = begun(program, f"import sys; {more}", objects=pace)
    if pace == "lazy":
        app.until(update, "complete")
        app.start("one", "ann.balance", at="ann")
        app.start("two", "bob.balance", at="bob")
    else:
        app.until_switched(update, "bank:Account.total")
        # Which of them it is that is swept first is not known.
        app.run("import time\nwhile not bank.calls: time.sleep(0.001)")
        swept = app("bank.calls[0]")
        app.reached(swept)
        app.start("one", "bob.balance" if swept == "ann" else "ann.balance")
        app.reached("bob" if swept == "ann" else "ann")
    app.open("ann", 2)
    app.open("bob", 2)
    app.join("one")
    if pace == "lazy":
        app.join("two")
    app.until(update, "complete")
    found = sorted(app("[ann.balance, bob.balance]"))
    assert found in ([111, 111], [111, 217], [111, 216])
    assert sorted(app("bank.calls")) == ["ann", "bob"]


@pytest.mark.parametrize("asked", [True, False])
def test_a_back_out_waits_for_who_is_at_work_on_an_object(program: Start, asked: bool) -> None:
    """Whether a person asks for it, or the mapper raises in another thread."""
    app, update = begun(program, "1 // (self.owner != bank.bad)")
    app.run("import time\nwhile not bank.calls: time.sleep(0.001)")
    swept = app("bank.calls[0]")
    other = "bob" if swept == "ann" else "ann"
    app.start("one", f"{other}.balance", at=other)
    if asked:
        app.back_out(update)
        app.open(swept)
    else:
        app.run(f"bank.bad = {swept!r}")
        app.open(swept)
        app.until(update, "backing-out")
    app.open(other)
    app.until(update, "backed-out")
    app.join("one")
    assert app("[ann.total(), bob.total()]") == [5, 6]
    assert app("'__getattribute__' in vars(bank.Account)") is False


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_mapper_that_forks_goes_on_in_both(program: Start) -> None:
    more = """import os, threading
        self.pid = os.fork()
        if self.pid:
            self.status = os.waitpid(self.pid, 0)[1]"""
    app, update = begun(program, more, objects="lazy")
    app.until(update, "complete")
    app.open("ann")
    app.start("one", "(ann.balance, ann.pid or __import__('os')._exit(ann.balance))", at="ann")
    balance, pid = app.join("one")
    assert (balance, pid > 0) == (105, True)
    assert app("__import__('os').waitstatus_to_exitcode(ann.status)") == 105
