"""Lab 03's circle: where the points are, what pulls and pushes one of them, and who is heard."""

import math
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.evaluation.hardness import effective_number, negative_weights
from labkit.figures import style

ANCHOR = 0  # the picture whose forces are drawn: its first view
ARROW = 0.9  # length of the largest force, in radii
TOPS = (0.25, 0.5, 1.05)  # where the axis of the weights may end: it should not move at each step


def points(
    places: Tensor,
    *,
    step: int,
    temperature: float,
    negatives: int | None = None,
    repulsion: float = 1.0,
    apart: float,
) -> go.Figure:
    """Two views of every picture on the circle, and the weight of each negative of one anchor.

    places: [2, P, 2], points of length 1; `apart`: mean angle between two views, in degrees.
    `negatives`: K of them are drawn, others at every step; None takes all 2P - 2.
    """
    pull, push, angles, weights = _forces(places, temperature, _draw(places, negatives, step))
    push = repulsion * push
    counted = effective_number(weights[None]).item()
    alike = 1 / len(weights)
    top = next(top for top in TOPS if max(weights.max().item(), alike) < top)
    stems = style.line(0, x=angles.numpy(), y=weights.numpy(), mode="markers", name="one negative")
    stems["marker"] = {"size": 8, "color": style.COLOURS["vermilion"], "symbol": "square"}
    even = style.line(6, x=[-180, 180], y=[alike, alike], name="if all were heard alike")
    even["line"] = {"color": style.COLOURS["grey"], "dash": "dot", "width": 2}
    ring = {"range": [-1.4, 1.4], "showticklabels": False, "ticks": "", "showgrid": False}
    ring |= {"showline": False}
    return style.panels(
        [
            {
                "traces": _drawn(places, pull, push),
                "title": f"step {step}",
                "x": ring,
                "y": ring | {"scaleanchor": "x"},
            },
            {
                "traces": [stems, even],
                "title": "how much of the push each of the K negatives makes",
                "x": {"title": "degrees from the anchor", "range": [-185, 185], "dtick": 90},
                "y": {"title": "weight", "range": [-0.03 * top, top]},
            },
        ],
        title=f"{places.shape[1]} pictures under the two forces of the loss, T = {temperature:.2f}",
        height=470,
        caption=_said(step, apart, counted, len(weights), repulsion),
        alt="Pairs of points on a circle with the forces on one of them, and the weights of its "
        "negatives over their angle",
    )


def _said(step: int, apart: float, counted: float, many: int, repulsion: float) -> str:
    text = f"After {step} steps the two views of a picture are {apart:.0f} degrees apart on average"
    if repulsion == 0:
        return f"{text}; nothing pushes: pictures that are together stay together."
    return (
        f"{text}; of the anchor's K = {many} negatives {counted:.1f} count (1 / sum of weights²)."
    )


def _draw(places: Tensor, negatives: int | None, step: int) -> Tensor:
    """Rows of the anchor's negatives among all 2P views: K at random, the same for one step."""
    pictures = places.shape[1]
    rows = [n for n in range(2 * pictures) if n % pictures != ANCHOR]
    if negatives is None or negatives >= len(rows):
        return torch.tensor(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(step))
    return torch.tensor(rows)[order[:negatives]]


def _forces(
    places: Tensor, temperature: float, others: Tensor
) -> tuple[float, float, Tensor, Tensor]:
    """On the anchor: pull and push along the circle (each -1..1, tau taken out), and of its
    negatives, the rows `others` [K], the angle in degrees and the weight, [K] each."""
    flat = places.flatten(0, 1)  # [2P, 2], the anchor first
    a, partner = flat[ANCHOR], flat[ANCHOR + places.shape[1]]
    tangent = torch.stack([-a[1], a[0]])
    every = torch.cat([partner[None], flat[others]])
    heard = (every @ a / temperature).softmax(0)  # the positive is in the sum as well
    pull = (partner @ tangent).item()
    push = -(heard @ (every @ tangent)).item()
    angles = torch.atan2(flat[others] @ tangent, flat[others] @ a).rad2deg()
    return pull, push, angles, negative_weights((flat[others] @ a)[None], temperature)[0]


def _drawn(places: Tensor, pull: float, push: float) -> list[dict[str, Any]]:
    turn = torch.linspace(0, math.tau, 73)
    rim = style.line(6, x=turn.cos().numpy(), y=turn.sin().numpy(), showlegend=False)
    rim["line"] = {"color": "#CFCFCF", "width": 1}
    first, second = places
    chord = torch.stack([first, second, torch.full_like(first, math.nan)], 1).flatten(0, 1)
    pairs = style.line(6, x=chord[:, 0].numpy(), y=chord[:, 1].numpy(), showlegend=False)
    pairs["line"] = {"color": style.COLOURS["sky"], "width": 1}
    dots = [
        _dots(first, "circle", "first view"),
        _dots(second, "circle-open", "second view"),
        _dots(first[ANCHOR : ANCHOR + 1], "diamond", "the anchor", "black", 13),
    ]
    arrows = [
        _arrow(first[ANCHOR], pull, "pull of its other view", "green", 0.9, 0.72),
        _arrow(first[ANCHOR], push, "push of the negatives", "vermilion", 1.1, 1.3),
    ]
    return [rim, pairs, *dots, *arrows]


def _dots(
    where: Tensor, symbol: str, name: str, colour: str = "blue", size: int = 9
) -> dict[str, Any]:
    marker = {"size": size, "color": style.COLOURS[colour], "symbol": symbol, "line": {"width": 2}}
    look = {"type": "scatter", "mode": "markers", "marker": marker, "name": name}
    return look | {"x": where[:, 0].numpy(), "y": where[:, 1].numpy()}


def _arrow(
    at: Tensor, force: float, name: str, colour: str, out: float, word: float
) -> dict[str, Any]:
    """An arrow along the circle from the anchor, `out` radii from the middle so that both can be
    seen; the first word of its name stands at `word` radii: even a small force has its label."""
    begin = math.atan2(at[1].item(), at[0].item())
    arc = begin + torch.linspace(0, 1, 12) * force * ARROW
    place = torch.cat([out * torch.stack([arc.cos(), arc.sin()]), torch.full((2, 1), math.nan)], 1)
    x, y = torch.cat([place, word * at[:, None]], 1).numpy()  # [14]: the arc, a gap, the word
    ink = style.COLOURS[colour]
    head: dict[str, Any] = {
        "symbol": "arrow",
        "angleref": "previous",
        "size": [0] * 11 + [15, 0, 0],
    }
    head |= {"color": ink, "opacity": 1, "line": {"width": 0}}
    label: dict[str, Any] = {"text": [""] * 13 + [name.split()[0]], "textposition": "middle center"}
    look: dict[str, Any] = {
        "mode": "lines+markers+text",
        "line": {"color": ink, "width": 4},
        "marker": head,
    }
    return style.line(0, name=name, x=x, y=y, textfont={"color": ink}, **look, **label)
