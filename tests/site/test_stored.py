"""Figures as JSON: what differs brings one into the other, rounding keeps what can be seen."""

import base64
import io
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from labkit.widgets.stored import apply, array, difference, plain, simple, text

LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "</script>"])
VALUES = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inside),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_difference_brings_one_to_the_other(old: Any, new: Any) -> None:
    change = json.loads(text(difference(old, new)))
    made = apply(old, change)
    assert json.dumps(made, sort_keys=True) == json.dumps(new, sort_keys=True)  # 1 is not true


@given(VALUES)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert difference(value, value) == {}


def test_a_small_change_is_stored_small() -> None:
    old = {"data": [{"y": list(range(1000)), "name": "a"}]}
    new = {"data": [{"y": list(range(1000)), "name": "b"}]}
    assert len(text(difference(old, new))) < 50


def test_no_text_can_end_the_script_element() -> None:
    assert "</script" not in text({"a": "</script><b>"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.23456, 0.000123456], [1.235, 0.0001235]),
        ([1000.01, 1000.02, 1000.03], [1000.01, 1000.02, 1000.03]),  # near to each other
        ([1.0, float("nan"), float("inf")], [1, None, None]),
    ],
)
def test_numbers_keep_what_can_be_seen(values: list[float], expected: list[Any]) -> None:
    assert simple(values) == pytest.approx(expected) if None not in expected else expected
    assert simple(np.array(values)) == simple(values)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float32", "float64"])
def test_large_arrays_come_as_plotly_reads_them(kind: str) -> None:
    values = (np.random.default_rng(0).random((40, 50)) * 250).astype(kind)
    stored = array(values)
    assert set(stored) == {"dtype", "bdata", "shape"} and stored["shape"] == "40, 50"
    flat = np.frombuffer(base64.b64decode(stored["bdata"]), stored["dtype"])
    assert flat.reshape(40, 50) == pytest.approx(values, rel=1e-6)


def test_a_figure_is_plain_json() -> None:
    figure = go.Figure([{"type": "heatmap", "z": np.eye(3), "x": ("a", "b", "c")}])
    stored = plain(figure)
    assert json.loads(text(stored)) == stored
    assert stored["data"][0]["z"][0][0] == 1


def test_a_large_png_becomes_a_smaller_picture_of_the_same_size() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    stored = simple({"source": source})["source"]
    assert stored.startswith("data:image/webp") and len(stored) < len(source) / 2
    assert Image.open(io.BytesIO(base64.b64decode(stored.split(",")[1]))).size == (96, 64)
