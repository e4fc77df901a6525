"""What pydantic has compiled elsewhere for a type that a model is in follows the model: ``TypeAdapter(list[Item])``, as web frameworks make them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from programs import Program

Start = Callable[..., Program]

MODELS = """
from pydantic import BaseModel
class Item(BaseModel):
    name: str
class Order(BaseModel):
    items: list[Item]
class Tree(BaseModel):
    item: Item
    below: list["Tree"] = []
"""
NEW = MODELS.replace("name: str", "name: str\n    tag: str = 't'")
# A type with a model in it, what is validated by it, and where the item is.
KINDS = {
    "list": ("list[Item]", [{"name": "n", "tag": "q"}], "made[0]"),
    "dictionary": ("dict[str, Item]", {"a": {"name": "n", "tag": "q"}}, "made['a']"),
    "or none": ("Item | None", {"name": "n", "tag": "q"}, "made"),
    "in another model": ("list[Order]", [{"items": [{"name": "n", "tag": "q"}]}], "made[0].items[0]"),
    "recursive": (
        "list[Tree]",
        [{"item": {"name": "m"}, "below": [{"item": {"name": "n", "tag": "q"}}]}],
        "made[0].below[0].item",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_follows_the_models_in_its_type(program: Start, kind: str) -> None:
    said, data, item = KINDS[kind]
    text = f"from pydantic import TypeAdapter\nfrom models import Item, Order, Tree\nclass Field:\n    def __init__(self): self.adapter = TypeAdapter({said})\nfield = Field()\n"
    app = program(models=MODELS, m=text)
    app.run(f"def of(make): made = make({data!r}); return {item}")
    assert app("vars(of(m.field.adapter.validate_python))") == {"name": "n"}
    app.edit(models=NEW).update()
    assert app("vars(of(m.field.adapter.validate_python))") == {"name": "n", "tag": "q"}
    assert app("type(of(m.field.adapter.validate_python)) is m.Item")
    # What a fresh adapter says it says as well.
    fresh = f"m.TypeAdapter(eval({said!r}, vars(m)))"
    assert app("str(m.field.adapter.json_schema())") == app(f"str({fresh}.json_schema())")
    app.update(back_out=True)
    assert app("vars(of(m.field.adapter.validate_python))") == {"name": "n"}
