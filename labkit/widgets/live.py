"""Figures that redraw in place: one copy of plotly's script a page, one message an update.

plotly 6 and later sends its whole browser script (5 MB) with every FigureWidget. `live` makes
figures that share one copy. plotly 5 (Colab) sends no script, so there the plain class serves.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.widgets import script

Path = str
Changes = dict[Path, Any]


def live(figure: go.Figure) -> go.FigureWidget:
    """A figure widget that starts as `figure` and follows `update`."""
    return script.LiveFigure(figure) if script.SHARED else go.FigureWidget(figure)


def update(widget: go.FigureWidget, figure: go.Figure) -> bool:
    """Bring `widget` to the state of `figure` in one message; False if nothing differed.

    Only data arrays and layout entries that differ are sent (never `meta`, which is not drawn).
    Traces are replaced where their number or kinds changed.
    """
    if [trace.type for trace in widget.data] != [trace.type for trace in figure.data]:
        _replace(widget, figure)
        return True
    edits = [
        (old, changes(old.to_plotly_json(), new.to_plotly_json()))
        for old, new in zip(widget.data, figure.data, strict=True)
    ]
    edits.append(
        (widget.layout, changes(widget.layout.to_plotly_json(), figure.layout.to_plotly_json()))
    )
    with widget.batch_update():
        for target, entries in edits:
            for path, value in entries.items():
                target[path] = value
    return any(entries for _, entries in edits)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Changes:
    """Dotted path -> new value of every entry that differs; None where `new` lacks it."""
    found: Changes = {}
    for key in old.keys() | new.keys():
        if prefix == "" and key in ("uid", "type", "meta"):  # a new meta redraws everything
            continue
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found.update(changes(before, after, f"{prefix}{key}."))
        elif not same(before, after):
            found[f"{prefix}{key}"] = after
    return found


def same(a: Any, b: Any) -> bool:
    """Whether two figure entries are equal; arrays elementwise, NaN equal to NaN."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if a is None or b is None:
            return False
        a, b = np.asarray(a), np.asarray(b)
        floats = a.dtype.kind == "f" and b.dtype.kind == "f"
        return np.array_equal(a, b, equal_nan=floats)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _replace(widget: go.FigureWidget, figure: go.Figure) -> None:
    widget.data = []
    widget.add_traces(list(figure.data))
    update(widget, figure)
