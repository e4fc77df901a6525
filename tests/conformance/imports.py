"""Imports: by name, under another name, by star, in circles, under a condition."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("module")

add(
    "a function imported by name, under another name, and inside a function",
    {
        "lib.py": "def f(): return 1\n",
        "m.py": "from lib import f\nfrom lib import f as g\ndef h():\n    from lib import f\n    return f()\n",
    },
    {"lib.py": "def f(): return 2\n"},
    check="m.f() == m.g() == m.h() == 2 and m.f is lib.f",
    back="m.f() == m.g() == m.h() == 1",
    calls=("(m.f(), m.h())[0]", 1, 2),
)

add(
    "a constant imported by name",
    {"conf.py": "LIMIT = 1\n", "m.py": "from conf import LIMIT\ndef f(): return LIMIT\n"},
    {"conf.py": "LIMIT = 2\n"},
    check="conf.LIMIT == m.LIMIT == m.f() == 2",
    back="conf.LIMIT == m.LIMIT == m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a constant imported by name through a package's __init__",
    {
        "pkg/__init__.py": "from .conf import LIMIT\n",
        "pkg/conf.py": "LIMIT = 1\n",
        "m.py": "from pkg import LIMIT as TOP\ndef f(): return TOP\n",
    },
    {"pkg/conf.py": "LIMIT = 2\n"},
    check="pkg.LIMIT == m.TOP == m.f() == 2",
    back="pkg.LIMIT == m.TOP == m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a constant that another module's constant is computed from",
    {"conf.py": "BASE = 1\n", "m.py": "import conf\nLIMIT = conf.BASE * 10\ndef f(): return LIMIT\n"},
    {"conf.py": "BASE = 2\n"},
    check="conf.BASE == 2 and m.LIMIT == m.f() == 20",
    back="conf.BASE == 1 and m.LIMIT == m.f() == 10",
    calls=("m.f()", 10, 20),
)

add(
    "a constant that a function of the module computes",
    "def table(): return [1, 2]\nTABLE = table()\ndef f(): return TABLE\n",
    "def table(): return [1, 2, 3]\nTABLE = table()\ndef f(): return TABLE\n",
    # A fresh start on the new version would have the new table.
    check="m.TABLE == m.f() == [1, 2, 3]",
    back="m.TABLE == m.f() == [1, 2]",
    calls=("m.f()", [1, 2], [1, 2, 3]),
)

add(
    "a star import brings a new name, and loses one",
    {
        "lib.py": "def f(): return 1\ndef gone(): return 1\n",
        "m.py": "from lib import *\ndef g(): return f()\n",
    },
    {"lib.py": "def f(): return 2\ndef more(): return 3\n"},
    check="m.g() == 2 and m.more() == 3 and not hasattr(m, 'gone')",
    back="m.g() == 1 and not hasattr(m, 'more') and m.gone() == 1",
    calls=("m.g()", 1, 2),
)

add(
    "__all__ changes what a star import brings",
    {"lib.py": "__all__ = ['f']\ndef f(): return 1\ndef g(): return 1\n", "m.py": "from lib import *\n"},
    {"lib.py": "__all__ = ['f', 'g']\ndef f(): return 1\ndef g(): return 1\n"},
    check="m.g() == 1 and m.g is lib.g",
    back="not hasattr(m, 'g') and m.f() == 1",
    calls=("m.f()", 1, 1),
)

add(
    "modules that import each other",
    {
        "a.py": "import b\nX = 1\ndef f(): return b.g() + X\ndef h(): return 1\n",
        "b.py": "import a\ndef g(): return a.h()\n",
    },
    {
        "a.py": "import b\nX = 10\ndef f(): return b.g() + X\ndef h(): return 2\n",
        "b.py": "import a\ndef g(): return a.h() * 100\n",
    },
    check="a.f() == 210",
    back="a.f() == 2",
)

add(
    "a circle of imports is introduced",
    {"a.py": "def f(): return 1\n", "b.py": "import a\ndef g(): return a.f()\n"},
    {"a.py": "import b\ndef f(): return 2\ndef h(): return b.g()\n"},
    check="a.h() == b.g() == 2",
    back="b.g() == 1 and not hasattr(a, 'h')",
    calls=("b.g()", 1, 2),
)

add(
    "an import changes from one module to another",
    {
        "x.py": "def g(): return 'x'\n",
        "y.py": "def g(): return 'y'\n",
        "m.py": "from x import g\ndef f(): return g()\n",
    },
    {"m.py": "from y import g\ndef f(): return g()\n"},
    check="m.f() == 'y' and m.g is y.g and x.g() == 'x'",
    back="m.f() == 'x' and m.g is x.g",
    calls=("m.f()", "x", "y"),
)

add(
    "import m becomes from m import name",
    {"lib.py": "def g(): return 1\n", "m.py": "import lib\ndef f(): return lib.g()\n"},
    {"m.py": "from lib import g\ndef f(): return g() + 1\n"},
    check="m.f() == 2 and not hasattr(m, 'lib')",
    back="m.f() == 1 and m.lib is lib",
    calls=("m.f()", 1, 2),
)

add(
    "a definition under a condition: the other branch",
    "FAST = True\nif FAST:\n    def f(): return 'fast'\nelse:\n    def f(): return 'slow'\n",
    "FAST = False\nif FAST:\n    def f(): return 'fast'\nelse:\n    def f(): return 'slow'\n",
    setup="held = m.f",
    check="m.f() == held() == 'slow'",
    back="m.f() == held() == 'fast'",
    calls=("m.f()", "fast", "slow"),
)

add(
    "a definition under a condition: its body",
    "import sys\nif sys.version_info >= (3, 8):\n    def f(): return 1\nelse:\n    def f(): return 0\n",
    "import sys\nif sys.version_info >= (3, 8):\n    def f(): return 2\nelse:\n    def f(): return 0\n",
    setup="held = m.f",
    check="m.f() == held() == 2 and held is m.f",
    back="m.f() == held() == 1",
    calls=("held()", 1, 2),
)

add(
    "try: import … except ImportError, and the module is there now",
    {
        "m.py": "try:\n    from fast import g\nexcept ImportError:\n    def g(): return 'slow'\ndef f(): return g()\n"
    },
    {
        "m.py": "try:\n    from quick import g\nexcept ImportError:\n    def g(): return 'slow'\ndef f(): return g()\n",
        "quick.py": "def g(): return 'quick'\n",
    },
    check="m.f() == 'quick'",
    back="m.f() == 'slow'",
    calls=("m.f()", "slow", "quick"),
)

add(
    "if TYPE_CHECKING, and annotations that name what is only there",
    {"lib.py": "class C: pass\n", "m.py": "def f(c): return 1\n"},
    {
        "m.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib import C\ndef f(c: C) -> C: return 2\n"
    },
    setup="held = m.f",
    check="held(0) == 2 and held.__annotations__ == {'c': 'C', 'return': 'C'}",
    back="held(0) == 1 and held.__annotations__ == {}",
    calls=("held(0)", 1, 2),
)

add(
    "functions made in a loop",
    "OPS = {}\nfor name in ['a', 'b']:\n    def op(x, name=name): return name + x\n    OPS[name] = op\n",
    "OPS = {}\nfor name in ['a', 'b']:\n    def op(x, name=name): return x + name\n    OPS[name] = op\n",
    setup="held = m.OPS['a']",
    check="held('1') == '1a' and m.OPS['b']('1') == '1b'",
    back="held('1') == 'a1' and m.OPS['b']('1') == 'b1'",
    calls=("held('1')", "a1", "1a"),
)

add(
    "functions made by exec",
    "exec('def f(): return 1')\ndef g(): return f()\n",
    "exec('def f(): return 2')\ndef g(): return f()\n",
    check="m.f() == m.g() == 2",
    back="m.f() == m.g() == 1",
    calls=("m.g()", 1, 2),
    identity=False,
)
