"""Figures of lab 09: backgrounds taken out of the pictures, and words whose order is lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

from labkit.evaluation import Bias
from labkit.figures import style

_MEASURES = {
    "own": "right, on the shape's own ground",
    "other": "right, on another ground",
    "follows": "the other ground's own shape is the answer",
}


def removed(found: Mapping[int, Bias], shapes: int = 20) -> go.Figure:
    """What a zero-shot classifier says of twins on two grounds, n directions removed.

    found: n -> what `evaluation.background_bias` gave; shapes: whose inverse is chance of following
    ValueError for none.
    """
    if not found:
        raise ValueError("found must hold at least one Bias, got none")
    counts = sorted(found)
    ticks = ["as trained" if n == 0 else f"{n} removed" for n in counts]
    traces = []
    for number, (field, name) in enumerate(_MEASURES.items()):
        y = [100 * getattr(found[n], field) for n in counts]
        text = [f"{v:.0f}" for v in y]
        traces.append(
            style.bars(number, x=ticks, y=y, name=name, text=text, textposition="outside")
        )
    chance, look = 100 / shapes, {"dash": "dot", "color": style.COLOURS["black"]}
    level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": chance, "y1": chance}
    return style.figure(
        traces,
        shapes=[level | {"line": look}],
        title="The same pictures on two grounds (dotted: following by chance)",
        y={"title": "% of pictures", "range": [0, 112]},
        margin={"l": 64, "r": 20, "t": 56, "b": 84},
        legend={"x": 0, "xanchor": "left", "y": -0.12, "yanchor": "top"},
        height=400,
        caption=". ".join(_told(n, found[n]) for n in dict.fromkeys((counts[0], counts[-1]))) + ".",
        alt="Accuracy on two grounds before and after directions are removed",
    )


def _told(n: int, b: Bias) -> str:
    head = "As trained" if n == 0 else f"With {n} direction{'s' * (n != 1)} removed"
    return (
        f"{head}: {b.own:.0%} right on the shape's own ground, {b.other:.0%} on another; "
        f"{b.follows:.0%} follow the ground, {b.changed:.0%} change their answer with it"
    )


def order(
    scores: Mapping[str, Tensor], sentences: Sequence[str], pictures: Tensor | None = None
) -> go.Figure:
    """Two sentences with the same words in another order against two pictures.

    scores: text tower -> [2, 2] of sentences (down) and pictures, right ones on the diagonal
    pictures: uint8 [2, 3, H, W], shown below the columns
    ValueError for other shapes.
    """
    shapes = {name: list(table.shape) for name, table in scores.items()}
    if not scores or len(sentences) != 2 or any(shape != [2, 2] for shape in shapes.values()):
        raise ValueError(f"scores must be [2, 2] of two sentences, got {shapes}, {list(sentences)}")
    most = max(table.abs().max().item() for table in scores.values())
    look = {"zmin": -most, "zmax": most, "colorscale": style.DIVERGING, "showscale": False}
    flat: dict[str, Any] = {
        "showgrid": False,
        "showline": False,
        "ticks": "",
        "ticklabelstandoff": 6,
    }
    letters = ["A", "B"]
    parts = []
    for name, table in scores.items():
        cells = style.heat(z=table.tolist(), x=["picture 1", "picture 2"], y=letters, **look)
        cells |= {"text": [[f"{v:.2f}" for v in row] for row in table.tolist()],
                  "texttemplate": "%{text}", "textfont": {"size": 15}}  # fmt: skip
        parts.append({"traces": [cells], "title": name, "x": flat,
                      "y": flat | {"autorange": "reversed"}})  # fmt: skip
    figure = style.panels(
        parts,
        title="<br>".join(f'{n}: "{text}"' for n, text in zip(letters, sentences, strict=True)),
        height=380 if pictures is not None else 300,
        margin={"l": 40, "r": 20, "t": 104, "b": 120 if pictures is not None else 40},
        caption=" ".join(_ordered(name, table) for name, table in scores.items()),
        alt="Scores of two sentences and two pictures, for each text tower",
    )
    if pictures is not None:
        figure.layout.images = _below(figure, pictures)
    return figure


def _ordered(name: str, table: Tensor) -> str:
    """Which picture wins for each sentence, in words."""
    gaps = [(table[n, n] - table[n, 1 - n]).item() for n in range(2)]
    if (table[0] - table[1]).abs().max() < 1e-4:
        return f"{name}: both sentences score the same, so one order must be wrong."
    right = sum(gap > 0 for gap in gaps)
    return f"{name}: {right} of 2 sentences find their picture ({gaps[0]:+.2f}, {gaps[1]:+.2f})."


def _below(figure: go.Figure, pictures: Tensor) -> list[dict[str, Any]]:
    """Each picture under its column of each panel."""
    made = []
    plot = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    for axis in [a for a in figure.layout if a.startswith("xaxis")]:
        low, high = figure.layout[axis].domain
        for n, picture in enumerate(pictures):
            centre = low + (high - low) * (0.25 + 0.5 * n)
            place = style.picture(picture, x=centre, y=-28 / plot, size=84 / plot)
            made.append(place | {"xanchor": "center", "sizex": 1})
    return made
