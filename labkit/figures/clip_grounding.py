"""Figures of lab 09: where a caption is seen in a picture, and how often that is the motif."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

from labkit.evaluation import Grounding
from labkit.figures import style
from labkit.figures.mimkd import panel, pixels

_OVER = 0.6  # how much of the heat map covers the picture


def where(picture: Tensor, heat: Tensor, mask: Tensor | None = None, words: str = "") -> go.Figure:
    """A picture, and the heat of some words laid over it, with its hottest place.

    picture: uint8 [3, H, W]; heat: [H, W], at least 0; mask: bool [H, W], outlined
    ValueError for another H, W.
    """
    if heat.shape != picture.shape[1:] or (mask is not None and mask.shape != heat.shape):
        raise ValueError(
            f"heat and mask must be [H, W] of the picture {list(picture.shape)}, got "
            f"{list(heat.shape)}" + ("" if mask is None else f" and {list(mask.shape)}")
        )
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    edge = [] if mask is None else [_outline(mask)]
    hot = style.heat(z=heat.cpu().tolist(), zmin=0, opacity=_OVER, showscale=False)
    hot["hovertemplate"] = "%{z:.3g}<extra></extra>"
    mark = {"type": "scatter", "mode": "markers", "x": [column], "y": [row], "showlegend": False,
            "marker": {"symbol": "x", "size": 13, "color": style.COLOURS["vermilion"],
                       "line": {"width": 2, "color": "#FFFFFF"}}, "hoverinfo": "skip"}  # fmt: skip
    said = f"row {row + 1}, column {column + 1}"
    if heat.max() <= 0:
        mark, said = mark | {"x": [None], "y": [None]}, "nowhere: no place speaks for these words"
    elif mask is not None:
        share = (heat * mask).sum().item() / heat.sum().item()
        said += (
            f", {'on' if mask[row, column] else 'beside'} the motif; {share:.0%} of the heat lies "
            f"on it, {mask.double().mean().item():.0%} of the picture is"
        )
    plain = panel([pixels(picture), *edge], "the picture" + (" (motif outlined)" if edge else ""))
    heated = panel([pixels(picture), hot, *edge, mark], "what speaks for the words (x: most)")
    heated["y"] |= {"scaleanchor": "x2"}  # its own, not the first panel's
    return style.panels(
        [plain, heated],
        title=f'"{words}"' if words else "Where does it look?",
        height=400,
        margin={"l": 20, "r": 20, "t": 78, "b": 20},
        caption=f"Hottest place: {said}.",
        alt="A picture and a heat map over it",
    )


def pointing(found: Mapping[str, Grounding]) -> go.Figure:
    """How often the hottest place is the motif's, beside what needs no look and no words.

    found: whose captions -> what `evaluation.grounding` gave, all of the same pictures
    ValueError for none.
    """
    if not found:
        raise ValueError("found must hold at least one Grounding, got none")
    blind = next(iter(found.values())).pointing
    cells = {name: each.pointing.found for name, each in found.items()}
    cells |= {"one pixel for all": blind.fixed, "a pixel at random": blind.chance}
    names, values = list(cells), [100 * value for value in cells.values()]
    looks = [style.series(n if n < len(found) else 4 + n - len(found)) for n in range(len(names))]
    bar = style.bars(0, x=names, y=values, text=[f"{v:.0f}" for v in values])
    bar |= {"textposition": "outside", "marker": {
        "color": [look["color"] for look in looks],
        "pattern": {"shape": [look["pattern"] for look in looks], "fillmode": "overlay"},
    }}  # fmt: skip
    said = ", ".join(f"{name} {value:.0f} %" for name, value in zip(names, values, strict=True))
    return style.figure(
        [bar],
        title="How often the hottest place lies on the motif",
        y={"title": "%", "range": [0, 112]},
        caption=f"On the motif: {said}.",
        alt="Bars of pointing accuracy",
    )


def _outline(mask: Tensor) -> dict[str, Any]:
    """The motif's border, in pixels: white, to be seen on any heat."""
    white = [[0, "#FFFFFF"], [1, "#FFFFFF"]]
    line = {"width": 3, "color": "#FFFFFF", "smoothing": 0}
    return {"type": "contour", "z": mask.float().cpu().tolist(), "showscale": False,
            "autocontour": False, "hoverinfo": "skip", "showlegend": False,
            "contours": {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            "colorscale": white, "line": line}  # fmt: skip
