"""What Python 3.12 brought: classes with type parameters, and type statements."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.programs import Program

Start = Callable[..., Program]

if sys.version_info >= (3, 12):

    def test_a_class_with_type_parameters_is_backed_out(program: Start) -> None:
        app = program(m="class Box:\n    def get(self): return 1\n")
        app.run("b = m.Box()")
        app.edit(m="class Box[T]:\n    def get(self): return 2\n").update()
        assert app("b.get()") == 2
        app.podus("back-out", "app")
        assert app("b.get()") == 1

    def test_generic_to_parameters(program: Start) -> None:
        old = "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def get(self): return 1\n"
        app = program(m=old)
        app.run("b = m.Box()")
        app.edit(m="class Box[T]:\n    def get(self): return 2\n").update()
        assert app("[b.get(), len(m.Box.__type_params__), len(m.Box[int].__args__)]") == [2, 1, 1]
        app.podus("back-out", "app")
        assert app("[b.get(), len(m.Box.__type_params__), len(m.Box[int].__args__)]") == [1, 0, 1]
        app.edit(m="class Box[T]:\n    def get(self): return 2\n").update()
        app.edit(m=old).update()
        assert app("[b.get(), m.Box.__type_params__ == ()]") == [1, True]

    def test_a_type_statement_changes(program: Start) -> None:
        app = program(m="type A = list[int]\n", n="from m import A\n")
        app.run("m.A.__value__")
        app.edit(m="type A = list[str]\n").update()
        assert app("[m.A.__value__ == list[str], n.A is m.A]") == [True, True]
        app.podus("back-out", "app")
        assert app("[m.A.__value__ == list[int], n.A is m.A]") == [True, True]
