"""JSON in pieces is the same JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podus.pieces import decoded, encoded

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_encoded_is_what_json_writes(value):
    assert "".join(encoded(value, lambda: None)) == json.dumps(value)


@given(st.dictionaries(st.text(), values), st.sampled_from([None, 0, 2]))
def test_decoded_is_what_json_reads(value, indent):
    assert decoded(json.dumps(value, indent=indent), lambda: None) == value


def test_others_get_their_turn_between_the_items():
    breaths = []
    text = "".join(encoded({"rows": [{"n": n} for n in range(80)]}, lambda: breaths.append("out")))
    decoded(text, lambda: breaths.append("in"))
    assert breaths.count("out") == 10
    assert breaths.count("in") >= 80


@pytest.mark.parametrize("text", ['{"a": 1} x', '{"a": ', "[1", '{"a": [1, }'])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError):
        decoded(text, lambda: None)
