"""Figure of lab 07, where the critic looks: its score over a picture's places, and the motif."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import torch.nn.functional as F
from torch import Tensor

from labkit.evaluation import Pointing
from labkit.figures import style
from labkit.figures.mimkd import heat, panel, pixels


def looking(
    picture: Tensor,
    values: Tensor,
    mask: Tensor | None,
    course: Sequence[tuple[int, Pointing]] = (),
    now: int = 0,
    rival: float | None = None,
    heading: str = "",
) -> go.Figure:
    """A picture, the critic's score at its places, and how often it points at the motif.

    picture: uint8 [3, 32, 32]; values: [h, w]; mask: bool [32, 32], outlined, None if unknown;
    course: (step, Pointing) of many pictures as the training went, `now` the index looked at;
    rival: the same share for the place where the student's map itself is largest.
    """
    outline = [] if mask is None else [_outline(mask)]
    size = max(1e-6, values.abs().max().item())
    scores = heat(values, zmin=-size, zmax=size, colorscale=style.DIVERGING, showscale=True)
    scores["colorbar"] = {"thickness": 10, "x": 0.585, "xanchor": "left"}  # in the gap
    parts = [
        panel([pixels(picture), *outline], "the picture (its motif outlined)"),
        panel([scores, *outline], "score of each place"),
    ]
    if course:
        parts.append(_over_time(course, now, rival))
    return style.panels(
        parts,
        widths=[1, 1, 1.3][: len(parts)],
        title=heading or "Where does the critic look?",
        gap=0.13,
        height=400,
        margin={"l": 20, "r": 20, "t": 78, "b": 104},
        caption=_said(values, mask, course, now, rival),
    )


def _over_time(
    course: Sequence[tuple[int, Pointing]], now: int, rival: float | None
) -> dict[str, Any]:
    """Share of motif in the best cell over the steps, and what others reach."""
    steps, all_found = [step for step, _ in course], [p.found for _, p in course]
    last = max(steps[-1], 1)
    fixed = course[0][1]
    flat = {"best cell of each picture": fixed.most, "always the same cell": fixed.fixed,
            "a cell at random": fixed.chance}  # fmt: skip
    lines = [
        style.line(n + 2, x=[0, last], y=[value, value], name=name)
        for n, (name, value) in enumerate(flat.items())
    ]
    if rival is not None:
        lines.append(style.line(5, x=[0, last], y=[rival, rival], name="student's largest place"))
    mark = {"type": "scatter", "mode": "markers", "x": [steps[now]], "y": [all_found[now]],
            "marker": {"size": 11, "color": style.COLOURS["vermilion"]},
            "showlegend": False}  # fmt: skip
    grown = style.line(0, x=steps, y=all_found, name="the critic's best cell")
    grown |= {"mode": "lines+markers"}
    return {
        "traces": [grown, *lines, mark],
        "title": "motif's share of the cell pointed at",
        "x": {"title": "step", "range": [-0.03 * last, 1.03 * last]},
        "y": {"range": [0, 1.02], "tickformat": ".0%"},
    }


def _said(
    values: Tensor,
    mask: Tensor | None,
    course: Sequence[tuple[int, Pointing]],
    now: int,
    rival: float | None,
) -> str:
    high, wide = values.shape
    best = int(values.argmax())
    said = f"Highest score of this picture: {values.max().item():+.2f}, row {best // wide + 1}, column {best % wide + 1} of {high} x {wide}"  # noqa: E501
    if mask is not None:
        cover = F.adaptive_avg_pool2d(mask[None, None].float(), (high, wide)).flatten()
        said += f"; {cover[best].item():.0%} of that cell is motif"
    if not course:
        return said + "."
    p = course[now][1]
    said += (
        f". Over all pictures looked at: {p.found:.0%}; a cell at random {p.chance:.0%}, always "
        f"the same cell {p.fixed:.0%}, the best possible {p.most:.0%}"
    )
    return said + ("." if rival is None else f", the student's largest place {rival:.0%}.")


def _outline(mask: Tensor) -> dict[str, Any]:
    """The motif's border, in pixels."""
    return {"type": "contour", "z": mask.float().cpu().tolist(), "showscale": False,
            "autocontour": False, "hoverinfo": "skip", "showlegend": False,
            "contours": {"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            "colorscale": [[0, style.COLOURS["black"]], [1, style.COLOURS["black"]]],
            "line": {"width": 3, "color": style.COLOURS["black"]}}  # fmt: skip
