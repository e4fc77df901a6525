"""Modules: added, deleted, renamed, split, merged, turned into packages."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("module")

add(
    "a module is added and used",
    {"m.py": "def f(): return 1\n"},
    {"m.py": "import extra\ndef f(): return extra.g() + 1\n", "extra.py": "def g(): return 1\n"},
    setup="held = m.f",
    check="m.f() == held() == 2 and sys.modules['extra'].g() == 1",
    back="m.f() == held() == 1 and 'extra' not in sys.modules",
    calls=("m.f()", 1, 2),
)

add(
    "a module is deleted, and its users no longer import it",
    {"m.py": "import extra\ndef f(): return extra.g()\n", "extra.py": "def g(): return 1\n"},
    {"m.py": "def f(): return 2\n", "extra.py": None},
    setup="held, g = m.f, extra.g; was = extra",
    check="m.f() == held() == 2 and 'extra' not in sys.modules and g() == 1",
    back="m.f() == held() == 1 and sys.modules['extra'] is was and was.g is g",
    calls=("m.f()", 1, 2),
)

add(
    "a module is deleted that another still imports",
    {"m.py": "import extra\ndef f(): return extra.g()\n", "extra.py": "def g(): return 1\n"},
    {"extra.py": None, "m.py": "import extra\ndef f(): return extra.g() + 1\n"},
    # A fresh start on the new version would fail: that is for the plan to say.
    check="False",
    back="m.f() == 1 and sys.modules['extra'] is extra",
    calls=("m.f()", 1, 1),
    refused="extra",
)

add(
    "a module is renamed, and its users with it",
    {"m.py": "import old\ndef f(): return old.g()\n", "old.py": "def g(): return 1\n"},
    {"m.py": "import new\ndef f(): return new.g()\n", "old.py": None, "new.py": "def g(): return 2\n"},
    setup="g = old.g",
    check="m.f() == 2 and 'old' not in sys.modules and sys.modules['new'].g() == 2",
    back="m.f() == 1 and sys.modules['old'].g is g and 'new' not in sys.modules",
    calls=("m.f()", 1, 2),
)

add(
    "a module is renamed, with a class that has live objects",
    {"m.py": "import old\ndef f(): return old.C().g()\n", "old.py": "class C:\n    def g(self): return 1\n"},
    {
        "m.py": "import new\ndef f(): return new.C().g()\n",
        "old.py": None,
        "new.py": "class C:\n    def g(self): return 2\n",
    },
    setup="c = old.C()",
    # A class moves with its module: objects of it are objects of the class as it is called now.
    check="""
        m.f() == 2
        isinstance(c, sys.modules['new'].C) and c.g() == 2
    """,
    back="m.f() == 1 and c.g() == 1 and isinstance(c, sys.modules['old'].C)",
    calls=("m.f()", 1, 2),
)

add(
    "a module is split in two, and the first imports the second's names",
    {"m.py": "def f(): return g() + 1\ndef g(): return 1\nclass C:\n    def h(self): return 1\n"},
    {
        "m.py": "from parts import C, g\ndef f(): return g() + 1\n",
        "parts.py": "def g(): return 2\nclass C:\n    def h(self): return 2\n",
    },
    setup="g, c, C = m.g, m.C(), m.C",
    check="""
        m.f() == 3
        g() == 2 and m.g is g
        c.h() == 2 and m.C is C and isinstance(c, sys.modules['parts'].C)
    """,
    back="m.f() == 2 and g() == 1 and m.g is g and c.h() == 1 and m.C is C",
    calls=("m.f()", 2, 3),
)

add(
    "two modules are merged",
    {
        "m.py": "import a, b\ndef f(): return a.g() + b.h()\n",
        "a.py": "def g(): return 1\n",
        "b.py": "def h(): return 2\n",
    },
    {
        "m.py": "import a\ndef f(): return a.g() + a.h()\n",
        "a.py": "def g(): return 10\ndef h(): return 20\n",
        "b.py": None,
    },
    setup="held = m.f",
    check="held() == 30 and a.h() == 20 and 'b' not in sys.modules",
    back="held() == 3 and not hasattr(a, 'h') and sys.modules['b'].h() == 2",
)

add(
    "a module becomes a package",
    {"m.py": "import lib\ndef f(): return lib.g()\n", "lib.py": "def g(): return 1\ndef h(): return 1\n"},
    {
        "lib.py": None,
        "lib/__init__.py": "from lib.core import g\ndef h(): return 2\n",
        "lib/core.py": "def g(): return 2\n",
    },
    setup="was, g = lib, lib.g",
    check="m.f() == g() == lib.h() == 2 and sys.modules['lib'] is was and hasattr(was, '__path__') and sys.modules['lib.core'].g is g",
    back="m.f() == g() == lib.h() == 1 and sys.modules['lib'] is was and 'lib.core' not in sys.modules",
    calls=("m.f()", 1, 2),
)

add(
    "a package becomes a module",
    {
        "m.py": "import lib\ndef f(): return lib.g()\n",
        "lib/__init__.py": "from lib.core import g\n",
        "lib/core.py": "def g(): return 1\n",
    },
    {"lib/__init__.py": None, "lib/core.py": None, "lib.py": "def g(): return 2\n"},
    setup="was, held = lib, lib.g",
    check="m.f() == 2 and held() == 2 and sys.modules['lib'] is was and not hasattr(was, '__path__')",
    back="m.f() == held() == 1 and sys.modules['lib'] is was and sys.modules['lib.core'].g is held",
    calls=("m.f()", 1, 2),
)

add(
    "a submodule is added to a package, and imported relatively",
    {"pkg/__init__.py": "from .a import f\n", "pkg/a.py": "def f(): return 1\n"},
    {"pkg/a.py": "from .b import g\ndef f(): return g()\n", "pkg/b.py": "def g(): return 2\n"},
    setup="held = pkg.f",
    check="held() == 2 and pkg.b.g() == 2",
    back="held() == 1 and not hasattr(pkg, 'b')",
    calls=("pkg.f()", 1, 2),
)

add(
    "a submodule is removed from a package",
    {
        "pkg/__init__.py": "from .a import f\n",
        "pkg/a.py": "from .b import g\ndef f(): return g()\n",
        "pkg/b.py": "def g(): return 1\n",
    },
    {"pkg/a.py": "def f(): return 2\n", "pkg/b.py": None},
    setup="held, b = pkg.f, pkg.b",
    check="held() == 2 and 'pkg.b' not in sys.modules and not hasattr(pkg, 'b')",
    back="held() == 1 and sys.modules['pkg.b'] is b and pkg.b is b",
    calls=("pkg.f()", 1, 2),
)

add(
    "a module inside a function's import",
    {"m.py": "def f():\n    import late\n    return late.g()\n", "late.py": "def g(): return 1\n"},
    {"late.py": "def g(): return 2\n"},
    setup="m.f()",
    check="m.f() == 2",
    back="m.f() == 1",
    calls=("m.f()", 1, 2),
)

add(
    "a module that has not been imported yet",
    {
        "m.py": "def f():\n    import late\n    return late.g()\ndef h(): return 1\n",
        "late.py": "def g(): return 1\n",
    },
    {
        "m.py": "def f():\n    import late\n    return late.g() * 10\ndef h(): return 2\n",
        "late.py": "def g(): return 2\n",
    },
    imports=("m",),
    check="m.h() == 2 and m.f() == 20",
    back="m.h() == 1",
    calls=("m.h()", 1, 2),
)

add(
    "the script itself: __main__",
    {
        "app.py": "import lib\ndef f(): return lib.g() + 1\nclass C:\n    def h(self): return 1\n"
        "if __name__ == '__main__':\n    import child\n    child.main()\n",
        "lib.py": "def g(): return 1\n",
    },
    {
        "app.py": "import lib\ndef f(): return lib.g() * 10\nclass C:\n    def h(self): return 2\n"
        "if __name__ == '__main__':\n    import child\n    child.main()\n",
    },
    main="app.py",
    imports=("lib",),
    setup="c, held = main.C(), main.f",
    check="main.f() == held() == 10 and c.h() == 2",
    back="main.f() == held() == 2 and c.h() == 1",
    calls=("main.f()", 2, 10),
)

add(
    "a namespace package",
    {"ns/a.py": "def f(): return 1\n", "other/ns/b.py": "from ns.a import f\ndef g(): return f()\n"},
    {"ns/a.py": "def f(): return 2\n", "other/ns/b.py": "from ns.a import f\ndef g(): return f() * 10\n"},
    path=(".", "other"),
    imports=("ns.a", "ns.b"),
    setup="held = ns.b.g",
    check="held() == 20 and ns.a.f() == 2",
    back="held() == 1 and ns.a.f() == 1",
)

add(
    "an editable install: the sources lie elsewhere, and a finder leads to them",
    {
        "src/lib/__init__.py": "from .core import f\n",
        "src/lib/core.py": "def f(): return 1\n",
        "m.py": "import lib\ndef g(): return lib.f()\n",
    },
    {
        "src/lib/core.py": "from .more import h\ndef f(): return h()\n",
        "src/lib/more.py": "def h(): return 2\n",
    },
    boot="""
        import importlib.util, importlib.machinery, os
        class Finder:
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name == "lib":
                    return importlib.util.spec_from_file_location(name, os.path.abspath("src/lib/__init__.py"))
        sys.meta_path.append(Finder)
    """,
    imports=("lib", "lib.core", "m"),
    setup="held = lib.f",
    check="held() == m.g() == 2",
    back="held() == m.g() == 1",
    calls=("m.g()", 1, 2),
)

add(
    "a src layout on sys.path",
    {"src/lib/__init__.py": "from .core import f\n", "src/lib/core.py": "def f(): return 1\n"},
    {"src/lib/core.py": "def f(): return 2\n"},
    path=("src",),
    setup="held = lib.f",
    check="held() == 2",
    back="held() == 1",
    calls=("lib.f()", 1, 2),
)

add(
    "modules in a zip archive",
    {
        "lib.zip/words.py": "def f(): return 1\n",
        "lib.zip/pkg/__init__.py": "from words import f\ndef g(): return f()\n",
    },
    {"lib.zip/words.py": "def f(): return 2\n"},
    path=("lib.zip",),
    boot="import zipimport",
    imports=("words", "pkg"),
    setup="held = words.f",
    check="held() == pkg.g() == 2",
    back="held() == pkg.g() == 1",
    calls=("pkg.g()", 1, 2),
)

add(
    "a module of which there is only bytecode",
    {"words.pyc": "def f(): return 1\ndef g(): return f()\n"},
    {"words.pyc": "def f(): return 2\ndef g(): return f()\n"},
    setup="held = words.f",
    check="held() == words.g() == 2",
    back="held() == words.g() == 1",
    calls=("words.g()", 1, 2),
)

add(
    "a module's docstring, __all__ and dunder data",
    '"""Old."""\n__version__ = "1"\n__all__ = ["f"]\ndef f(): return 1\n',
    '"""New."""\n__version__ = "2"\n__all__ = ["f", "g"]\ndef f(): return 1\ndef g(): return 2\n',
    check="m.__doc__ == 'New.' and m.__version__ == '2' and m.__all__ == ['f', 'g']",
    back="m.__doc__ == 'Old.' and m.__version__ == '1' and m.__all__ == ['f']",
    calls=("m.f()", 1, 1),
)

add(
    "a module's __getattr__ and __dir__",
    "def __getattr__(name):\n    if name == 'x':\n        return 1\n    raise AttributeError(name)\n",
    "def __getattr__(name):\n    if name in 'xy':\n        return 2\n    raise AttributeError(name)\ndef __dir__(): return ['x', 'y']\n",
    setup="m.x",
    check="m.x == m.y == 2 and dir(m) == ['x', 'y']",
    back="m.x == 1 and not hasattr(m, 'y') and 'x' not in dir(m)",
    calls=("m.x", 1, 2),
)

add(
    "a module's __getattr__ gives way to the name itself",
    "def __getattr__(name):\n    if name == 'x':\n        return 1\n    raise AttributeError(name)\n",
    "x = 2\n",
    setup="m.x",
    check="m.x == 2 and not hasattr(m, 'zzz') and '__getattr__' not in vars(m)",
    back="m.x == 1 and 'x' not in vars(m)",
    calls=("m.x", 1, 2),
)

add(
    "a syntax error in one of the new files",
    {"m.py": "import n\ndef f(): return n.g()\n", "n.py": "def g(): return 1\n"},
    {"m.py": "import n\ndef f(): return n.g() + 1\n", "n.py": "def g(: return 2\n"},
    check="False",
    back="m.f() == 1 and n.g() == 1",
    calls=("m.f()", 1, 1),
    refused="n.py",
)

add(
    "a new module takes a changed constant by from, and another imports it",
    {"conf.py": "LIMIT = 10\n", "a.py": "import conf\ndef f(): return conf.LIMIT\n", "b.py": "X = 1\n"},
    {
        "conf.py": "LIMIT = 20\n",
        "a.py": "import conf\ndef f(): return conf.LIMIT\n",
        "b.py": "from extra import twice, TABLE\nX = twice()\n",
        "extra.py": "import conf\nfrom conf import LIMIT as most\nTABLE = [most, conf.LIMIT]\ndef twice(): return 2 * most\n",
    },
    check="a.f() == 20 and b.X == 40 and b.TABLE == [20, 20] and __import__('extra').most == 20",
    back="a.f() == 10 and b.X == 1",
    calls=("a.f()", 10, 20),
)
