"""Whole commits: many modules at once, as projects have them."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("commit")

SHOP = {
    "shop/__init__.py": "from shop.cart import Cart\nfrom shop.prices import price\n",
    "shop/errors.py": "class ShopError(Exception): pass\n",
    "shop/prices.py": """
        from shop.errors import ShopError
        PRICES = {'tea': 3, 'cup': 5}
        def price(item):
            try:
                return PRICES[item]
            except KeyError:
                raise ShopError(item) from None
        """,
    "shop/cart.py": """
        from shop.prices import price
        class Cart:
            def __init__(self): self.items = []
            def add(self, item):
                self.items.append(item)
                return self
            def total(self): return sum(price(item) for item in self.items)
        """,
}

add(
    "a feature: quantities in a shop's cart, a new module, a new exception, a changed interface",
    SHOP,
    {
        "shop/errors.py": "class ShopError(Exception): pass\nclass UnknownItem(ShopError, KeyError): pass\n",
        "shop/prices.py": """
            from shop.errors import UnknownItem
            from shop.rebates import rebate
            PRICES = {'tea': 3, 'cup': 5, 'pot': 9}
            def price(item, number=1):
                try:
                    return rebate(PRICES[item] * number, number)
                except KeyError:
                    raise UnknownItem(item) from None
            """,
        "shop/rebates.py": "def rebate(amount, number): return amount - 1 if number > 2 else amount\n",
        "shop/cart.py": """
            import collections
            from shop.prices import price
            class Cart:
                def __init__(self): self.items = []
                def add(self, item, number=1):
                    self.items.extend([item] * number)
                    return self
                def total(self): return sum(price(item, n) for item, n in collections.Counter(self.items).items())
            """,
    },
    setup="cart = shop.Cart().add('tea').add('tea').add('tea'); held = cart.total; Lost = shop.errors.ShopError",
    check="""
        held() == 8 and cart.add('pot').total() == 17 and cart.items.pop() == 'pot'
        raises(Lost, lambda: shop.price('none')) and raises(KeyError, lambda: shop.price('none'))
    """,
    back="held() == 9 and not hasattr(shop.errors, 'UnknownItem') and raises(Lost, lambda: shop.price('pot'))",
    calls=("held()", 9, 8),
)

add(
    "a signature changes through three modules",
    {
        "a.py": "import b\ndef f(x): return b.g(x)\n",
        "b.py": "import c\ndef g(x): return c.h(x, 1)\n",
        "c.py": "def h(x, y): return x + y\n",
    },
    {
        "a.py": "import b\ndef f(x): return b.g(x, scale=10)\n",
        "b.py": "import c\ndef g(x, *, scale): return c.h((x, 1), scale)\n",
        "c.py": "def h(pair, scale): return sum(pair) * scale\n",
    },
    setup="held = a.f",
    check="held(1) == 20",
    back="held(1) == 2",
    calls=("held(1)", 2, 20),
)

add(
    "all or nothing: a broken module among many",
    {f"m{i}.py": f"def f(): return {i}\n" for i in range(8)},
    {f"m{i}.py": f"def f(): return {i + 100}\n" + ("undefined_name\n" if i == 7 else "") for i in range(8)},
    check="[m0.f(), m3.f(), m7.f()] == [0, 3, 7]",
    back="[m0.f(), m3.f(), m7.f()] == [0, 3, 7]",
    calls=("[m0.f(), m3.f(), m7.f()]", [0, 3, 7], [0, 3, 7]),
    fails="NameError",
)

add(
    "twenty modules at once",
    {f"m{i:02}.py": f"def f(x): return x + {i}\nclass C:\n    def g(self): return {i}\n" for i in range(20)}
    | {"m.py": "".join(f"import m{i:02}\n" for i in range(20)) + "def f(): return m19.C().g()\n"},
    {
        f"m{i:02}.py": f"def f(x): return x * {i}\nclass C:\n    def g(self): return {i} * 2\n"
        for i in range(20)
    },
    setup="every = [(sys.modules[f'm{i:02}'].f, sys.modules[f'm{i:02}'].C()) for i in range(20)]",
    check="[(f(3), c.g()) for f, c in every] == [(3 * i, 2 * i) for i in range(20)]",
    back="[(f(3), c.g()) for f, c in every] == [(3 + i, i) for i in range(20)]",
    calls=("m.f()", 19, 38),
)

add(
    "one version for both: a writer and a reader of one format, declared together",
    {
        "write.py": "def pack(x): return f'{x}'\n",
        "read.py": "def unpack(s): return int(s)\n",
        "m.py": "import read, write\ndef both(x): return read.unpack(write.pack(x))\n",
    },
    {
        "write.py": "def pack(x): return f'v2:{x}'\n",
        "read.py": "def unpack(s):\n    tag, _, x = s.partition(':')\n    assert tag == 'v2', s\n    return int(x)\n",
    },
    support="""
        import podus

        podus.together("write:pack", "read:unpack", "m:both")
    """,
    check="m.both(7) == 7 and write.pack(1) == 'v2:1'",
    back="m.both(7) == 7 and write.pack(1) == '1'",
    calls=("m.both(7)", 7, 7),
)

add(
    "a helper is extracted into a base class of two",
    {
        "m.py": "class A:\n    def __init__(self): self.n = 1\n    def f(self): return self.n + 1\n"
        "class B:\n    def __init__(self): self.n = 2\n    def f(self): return self.n + 1\n",
    },
    {
        "base.py": "class Base:\n    def f(self): return self.n + self.step()\n    def step(self): return 10\n",
        "m.py": "from base import Base\nclass A(Base):\n    def __init__(self): self.n = 1\nclass B(Base):\n    def __init__(self): self.n = 2\n    def step(self): return 20\n",
    },
    setup="a, b = m.A(), m.B(); held = a.f",
    check="a.f() == 11 and b.f() == 22 and isinstance(a, sys.modules['base'].Base)",
    back="a.f() == held() == 2 and b.f() == 3",
    calls=("b.f()", 3, 22),
)

add(
    "functions become a class, and the functions stay as a façade",
    {"m.py": "_store = {}\ndef put(k, v): _store[k] = v\ndef get(k): return _store.get(k)\n"},
    {
        "m.py": """
            class Store:
                def __init__(self, data): self.data = data
                def put(self, k, v): self.data[k] = v
                def get(self, k, default='none'): return self.data.get(k, default)
            _store = {}
            _default = Store(_store)
            def put(k, v): _default.put(k, v)
            def get(k): return _default.get(k)
            """,
    },
    setup="m.put('a', 1); get = m.get",
    check="get('a') == 1 and get('b') == 'none' and m.Store({}).get('x', 3) == 3",
    back="get('a') == 1 and get('b') is None and not hasattr(m, 'Store')",
    calls=("get('a')", 1, 1),
)

add(
    "plugins: a registry by subclass, in modules of their own",
    {
        "core.py": "PLUGINS = {}\nclass Plugin:\n    def __init_subclass__(cls): PLUGINS[cls.__name__.lower()] = cls\ndef run(name, x): return PLUGINS[name]().do(x)\n",
        "one.py": "from core import Plugin\nclass Twice(Plugin):\n    def do(self, x): return 2 * x\n",
        "m.py": "import core, one\n",
    },
    {
        "core.py": "PLUGINS = {}\nclass Plugin:\n    before = 0\n    def __init_subclass__(cls): PLUGINS[cls.__name__.lower()] = cls\ndef run(name, x): return PLUGINS[name]().do(x + PLUGINS[name].before)\n",
        "one.py": "from core import Plugin\nclass Twice(Plugin):\n    before = 1\n    def do(self, x): return 2 * x\n",
        "two.py": "from core import Plugin\nclass Square(Plugin):\n    def do(self, x): return x * x\n",
        "m.py": "import core, one, two\n",
    },
    setup="run, Twice = core.run, one.Twice",
    check="run('twice', 3) == 8 and run('square', 3) == 9 and one.Twice is Twice and sorted(core.PLUGINS) == ['square', 'twice']",
    back="run('twice', 3) == 6 and sorted(core.PLUGINS) == ['twice']",
    calls=("run('twice', 3)", 6, 8),
)

add(
    "dataclasses through two modules: a field is added and used",
    {
        "model.py": "from dataclasses import dataclass\n@dataclass\nclass Order:\n    item: str\n    number: int\n",
        "service.py": "from model import Order\nORDERS = []\ndef order(item):\n    ORDERS.append(Order(item, 1))\n    return len(ORDERS)\ndef total(): return sum(o.number for o in ORDERS)\n",
    },
    {
        "model.py": "from dataclasses import dataclass\n@dataclass\nclass Order:\n    item: str\n    number: int\n    price: int = 10\n    def amount(self): return self.number * self.price\n",
        "service.py": "from model import Order\nORDERS = []\ndef order(item, price=10):\n    ORDERS.append(Order(item, 1, price))\n    return len(ORDERS)\ndef total(): return sum(o.amount() for o in ORDERS)\n",
    },
    setup="service.order('tea'); service.order('cup'); orders = service.ORDERS",
    check="service.total() == 20 and service.ORDERS is orders and orders[0] == model.Order('tea', 1, 10)",
    back="service.total() == 2 and vars(orders[0]) == {'item': 'tea', 'number': 1}",
    calls=("service.total()", 2, 20),
)

add(
    "logging: a name, a level and a wrapper in every module",
    {
        "log.py": "LINES = []\ndef log(text): LINES.append(text)\n",
        "a.py": "from log import log\ndef f(x):\n    log('f')\n    return x + 1\n",
        "b.py": "from log import log\nfrom a import f\ndef g(x):\n    log('g')\n    return f(x)\n",
    },
    {
        "log.py": "import functools\nLINES = []\ndef log(text, level='info'): LINES.append((level, text))\ndef logged(f):\n    @functools.wraps(f)\n    def w(*a):\n        log(f.__name__, 'debug')\n        return f(*a)\n    return w\n",
        "a.py": "from log import logged\n@logged\ndef f(x): return x + 1\n",
        "b.py": "from log import logged\nfrom a import f\n@logged\ndef g(x): return f(x) * 10\n",
    },
    setup="f, g = a.f, b.g; g(1)",
    check="g(1) == 20 and log.LINES[-2:] == [('debug', 'g'), ('debug', 'f')] and f(1) == 2",
    back="g(1) == 2 and log.LINES[-1] == 'f' and a.f is f",
    calls=("g(1)", 2, 20),
    identity=False,
)

add(
    "a server's handlers: sync to async through two modules",
    {
        "store.py": "ROWS = {1: 'one'}\ndef fetch(k): return ROWS[k]\n",
        "app.py": "import asyncio, store\nasync def handle(k): return store.fetch(k)\ndef serve(k): return asyncio.run(handle(k))\n",
    },
    {
        "store.py": "import asyncio\nROWS = {1: 'one'}\nasync def fetch(k):\n    await asyncio.sleep(0)\n    return ROWS[k].upper()\n",
        "app.py": "import asyncio, store\nasync def handle(k): return await store.fetch(k)\ndef serve(k): return asyncio.run(handle(k))\n",
    },
    setup="serve, rows = app.serve, store.ROWS",
    check="serve(1) == 'ONE' and store.ROWS is rows",
    back="serve(1) == 'one' and store.ROWS is rows",
    calls=("serve(1)", "one", "ONE"),
)

add(
    "a constant becomes a setting that is looked up, and its importers with it",
    {
        "conf.py": "TIMEOUT = 5\n",
        "client.py": "from conf import TIMEOUT\ndef ask(t=TIMEOUT): return t\n",
        "m.py": "import client\ndef f(): return client.ask()\n",
    },
    {
        "conf.py": "import os\nclass Settings:\n    @property\n    def timeout(self): return 7\nsettings = Settings()\n",
        "client.py": "from conf import settings\ndef ask(t=None): return settings.timeout if t is None else t\n",
    },
    setup="ask = client.ask",
    check="m.f() == ask() == 7 and ask(1) == 1 and not hasattr(client, 'TIMEOUT')",
    back="m.f() == ask() == 5 and client.TIMEOUT == 5",
    calls=("m.f()", 5, 7),
)

add(
    "a big rename: a package, its modules and its names",
    {
        "oldname/__init__.py": "from oldname.core import run\n",
        "oldname/core.py": "def run(): return step() + 1\ndef step(): return 1\n",
        "m.py": "import oldname\ndef f(): return oldname.run()\n",
    },
    {
        "oldname/__init__.py": None,
        "oldname/core.py": None,
        "newname/__init__.py": "from newname.engine import execute\n",
        "newname/engine.py": "def execute(): return step() + 10\ndef step(): return 1\n",
        "m.py": "import newname\ndef f(): return newname.execute()\n",
    },
    setup="held = m.f",
    check="held() == 11 and 'oldname' not in sys.modules and 'oldname.core' not in sys.modules",
    back="held() == 2 and 'newname' not in sys.modules and sys.modules['oldname.core'].run() == 2",
    calls=("held()", 2, 11),
)

add(
    "an update on top of what the program has done meanwhile",
    {
        "bank.py": "ACCOUNTS = {}\nclass Account:\n    def __init__(self, owner):\n        self.owner, self.cents = owner, 0\n    def pay(self, cents):\n        self.cents += cents\n        return self.cents\n"
        "def open_(owner):\n    ACCOUNTS[owner] = Account(owner)\n    return ACCOUNTS[owner]\n",
        "report.py": "import bank\ndef total(): return sum(a.cents for a in bank.ACCOUNTS.values())\n",
    },
    {
        "bank.py": "ACCOUNTS = {}\nclass Account:\n    fee = 1\n    def __init__(self, owner):\n        self.owner, self.cents = owner, 0\n    def pay(self, cents):\n        self.cents += cents - self.fee\n        return self.cents\n"
        "def open_(owner):\n    ACCOUNTS[owner] = Account(owner)\n    return ACCOUNTS[owner]\n",
        "report.py": "import bank\ndef total(): return {'cents': sum(a.cents for a in bank.ACCOUNTS.values())}\n",
    },
    setup="a = bank.open_('ann'); a.pay(100); accounts, pay = bank.ACCOUNTS, a.pay",
    check="report.total() == {'cents': 100} and pay(10) == 109 and bank.ACCOUNTS is accounts and type(a) is bank.Account",
    back="report.total() == 109 and pay(1) == 110",
    calls=("type(report.total()).__name__", "int", "dict"),
)
