"""attrs classes and pydantic models."""

from __future__ import annotations

from tests.conformance.scenario import group

add = group("class")
add_object = group("object")

ATTRS = "import attrs\n@attrs.define(slots=False)\nclass A:\n    x: int\n"
MODEL = "from pydantic import BaseModel, Field\nclass A(BaseModel):\n    x: int\n"

add(
    "attrs: a method",
    ATTRS + "    def f(self): return self.x\n",
    ATTRS + "    def f(self): return self.x * 10\n",
    setup="a, held = m.A(1), m.A(1).f",
    check="a.f() == held() == 10 and a == m.A(1)",
    back="a.f() == held() == 1",
    calls=("a.f()", 1, 10),
)

add(
    "attrs with slots: a method, and super() in it",
    "import attrs\nclass B:\n    __slots__ = ()\n    def f(self): return 1\n@attrs.define\nclass A(B):\n    x: int\n    def f(self): return self.x\n",
    "import attrs\nclass B:\n    __slots__ = ()\n    def f(self): return 1\n@attrs.define\nclass A(B):\n    x: int\n    def f(self): return super().f() + self.x * 10\n",
    setup="a = m.A(1); held = a.f",
    check="a.f() == held() == 11 and type(a) is m.A",
    back="a.f() == held() == 1",
    calls=("held()", 1, 11),
)

add_object(
    "attrs: a field with a default is added",
    ATTRS + "def f(a): return a.x\n",
    ATTRS + "    y: int = 5\ndef f(a): return a.x + a.y\n",
    setup="a, A = m.A(1), m.A",
    check="m.f(a) == 6 and a == m.A(1, 5) and m.A is A and [f.name for f in m.A.__attrs_attrs__] == ['x', 'y']",
    back="m.f(a) == 1 and a == m.A(1) and vars(a) == {'x': 1}",
    calls=("m.f(a)", 1, 6),
)

add_object(
    "attrs: a field with a factory is added",
    ATTRS + "def f(a): return [a.x]\n",
    ATTRS + "    ys: list = attrs.field(factory=list)\ndef f(a): return [a.x, *a.ys]\n",
    setup="a, b = m.A(1), m.A(2)",
    check="a.ys == [] and a.ys is not b.ys and m.f(a) == [1]",
    back="m.f(a) == [1] and vars(a) == {'x': 1}",
    calls=("m.f(a)", [1], [1]),
)

add_object(
    "attrs: a field is dropped",
    ATTRS + "    y: int = 5\ndef f(a): return a.x + a.y\n",
    ATTRS + "def f(a): return a.x\n",
    setup="a = m.A(1, 2)",
    check="m.f(a) == 1 and not hasattr(a, 'y') and a == m.A(1)",
    back="m.f(a) == 3 and a == m.A(1, 2)",
    calls=("m.f(a)", 3, 1),
)

add_object(
    "attrs with slots: a field is added",
    "import attrs\n@attrs.define\nclass A:\n    x: int\ndef f(a): return a.x\n",
    "import attrs\n@attrs.define\nclass A:\n    x: int\n    y: int = 5\ndef f(a): return a.x + a.y\n",
    setup="a = m.A(1); box = [a]",
    # Another layout: replaced with every reference that can be reached, or refused.
    check="m.f(box[0]) == 6 and type(box[0]) is m.A and box[0] == m.A(1)",
    back="m.f(box[0]) == 1",
    refused="A",
)

add(
    "attrs: a validator and a converter",
    ATTRS,
    "import attrs\n@attrs.define(slots=False)\nclass A:\n    x: int = attrs.field(converter=int, validator=attrs.validators.gt(0))\n",
    setup="a = m.A(-1)",
    check="m.A('3').x == 3 and raises(ValueError, lambda: m.A(0)) and a.x == -1",
    back="m.A('3').x == '3' and m.A(0).x == 0",
    calls=("m.A(3).x", 3, 3),
)

add(
    "pydantic: a method",
    MODEL + "    def f(self): return self.x\n",
    MODEL + "    def f(self): return self.x * 10\n",
    setup="a, held, A = m.A(x=1), m.A(x=1).f, m.A",
    check="a.f() == held() == 10 and m.A is A and a == m.A(x=1)",
    back="a.f() == held() == 1",
    calls=("a.f()", 1, 10),
)

add_object(
    "pydantic: a field with a default is added",
    MODEL + "def f(a): return a.x\n",
    MODEL + "    y: int = 5\ndef f(a): return a.x + a.y\n",
    setup="a, A = m.A(x=1), m.A",
    check="m.f(a) == 6 and m.A is A and m.A(x=1, y='7').y == 7 and a.model_dump() == {'x': 1, 'y': 5} and set(m.A.model_fields) == {'x', 'y'}",
    back="m.f(a) == 1 and a.model_dump() == {'x': 1} and set(m.A.model_fields) == {'x'}",
    calls=("m.f(a)", 1, 6),
)

add_object(
    "pydantic: a field with a factory is added",
    MODEL + "def f(a): return [a.x]\n",
    MODEL + "    ys: list[int] = Field(default_factory=list)\ndef f(a): return [a.x, *a.ys]\n",
    setup="a, b = m.A(x=1), m.A(x=2)",
    check="m.f(a) == [1] and a.ys is not b.ys and a.model_dump() == {'x': 1, 'ys': []}",
    back="m.f(a) == [1] and a.model_dump() == {'x': 1}",
    calls=("m.f(a)", [1], [1]),
)

add_object(
    "pydantic: a field is dropped",
    MODEL + "    y: int = 5\ndef f(a): return a.x + a.y\n",
    MODEL + "def f(a): return a.x\n",
    setup="a = m.A(x=1, y=2)",
    check="m.f(a) == 1 and a.model_dump() == {'x': 1} and a == m.A(x=1)",
    back="m.f(a) == 3 and a.model_dump() == {'x': 1, 'y': 2}",
    calls=("m.f(a)", 3, 1),
)

add_object(
    "pydantic: a field is renamed",
    MODEL + "def f(a): return a.x\n",
    "from pydantic import BaseModel, Field\nclass A(BaseModel):\n    left: int\ndef f(a): return a.left\n",
    setup="a = m.A(x=1)",
    asks="left",
    support="""
        import podus

        def back(a):
            a.x = a.left

        @podus.mapper("m:A", reverse=back)
        def model(a):
            a.left = a.x
    """,
    check="m.f(a) == 1 and a.model_dump() == {'left': 1}",
    back="m.f(a) == 1 and a.model_dump() == {'x': 1}",
    calls=("m.f(a)", 1, 1),
)

add(
    "pydantic: a validator is added",
    MODEL,
    "from pydantic import BaseModel, Field, field_validator\nclass A(BaseModel):\n    x: int\n    @field_validator('x')\n    @classmethod\n"
    "    def positive(cls, v):\n        if v <= 0:\n            raise ValueError('positive')\n        return v\n",
    setup="a, A = m.A(x=-1), m.A",
    check="raises(ValueError, lambda: A(x=0)) and A(x=2).x == 2 and a.x == -1",
    back="A(x=0).x == 0",
    calls=("m.A(x=2).x", 2, 2),
)

add(
    "pydantic: a validator's body",
    "from pydantic import BaseModel, field_validator\nclass A(BaseModel):\n    x: int\n    @field_validator('x')\n    @classmethod\n    def v(cls, v): return v + 1\n",
    "from pydantic import BaseModel, field_validator\nclass A(BaseModel):\n    x: int\n    @field_validator('x')\n    @classmethod\n    def v(cls, v): return v * 10\n",
    setup="A = m.A",
    check="A(x=5).x == 50 and A.model_validate({'x': 2}).x == 20",
    back="A(x=5).x == 6 and A.model_validate({'x': 2}).x == 3",
    calls=("m.A(x=5).x", 6, 50),
)

add(
    "pydantic: a field's type",
    MODEL,
    "from pydantic import BaseModel, Field\nclass A(BaseModel):\n    x: float\n",
    setup="A = m.A",
    check="A(x='1.5').x == 1.5 and A.model_json_schema()['properties']['x']['type'] == 'number'",
    back="raises(ValueError, lambda: A(x='1.5')) and A.model_json_schema()['properties']['x']['type'] == 'integer'",
    calls=("m.A(x=1).x", 1, 1),
)

add_object(
    "pydantic: a model inside another model",
    MODEL + "class B(BaseModel):\n    a: A\ndef f(b): return b.a.x\n",
    MODEL + "    y: int = 5\nclass B(BaseModel):\n    a: A\ndef f(b): return b.a.x + b.a.y\n",
    setup="b, B = m.B(a=m.A(x=1)), m.B",
    check="m.f(b) == 6 and m.f(B.model_validate({'a': {'x': 1, 'y': 2}})) == 3 and b.model_dump() == {'a': {'x': 1, 'y': 5}}",
    back="m.f(b) == 1 and B.model_validate({'a': {'x': 1}}).model_dump() == {'a': {'x': 1}}",
    calls=("m.f(b)", 1, 6),
)

add(
    "pydantic: a TypeAdapter held elsewhere",
    MODEL + "def f(a): return a.x\n",
    MODEL + "    def g(self): return self.x * 10\ndef f(a): return a.g()\n",
    setup="import pydantic; ta = pydantic.TypeAdapter(list[m.A])",
    check="m.f(ta.validate_python([{'x': 1}])[0]) == 10 and type(ta.validate_python([{'x': 1}])[0]) is m.A",
    back="m.f(ta.validate_python([{'x': 1}])[0]) == 1",
    calls=("m.f(ta.validate_python([{'x': 1}])[0])", 1, 10),
)
