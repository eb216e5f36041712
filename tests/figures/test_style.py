"""What every figure has in common."""

import math

import numpy as np
from pytest import mark

from labkit.figures import style


@mark.parametrize("kind", ["figure", "panels"])
def test_what_is_not_finite_is_a_gap(kind):
    """A list with NaN or infinity is no JSON: the browser would get a warning in place of it."""
    line = {"type": "scatter", "x": [0, 1, 2, 3], "y": (1.0, math.inf, math.nan, -math.inf)}
    sent = np.array([1.0, math.nan])  # arrays travel as bytes
    if kind == "figure":
        made = style.figure([line, {"type": "scatter", "y": sent}], caption="")
    else:
        made = style.panels([{"traces": [line, {"type": "scatter", "y": sent}]}], caption="")
    assert made.data[0].y == (1.0, None, None, None) and made.data[0].x == (0, 1, 2, 3)
    assert np.isnan(made.data[1].y[1])
