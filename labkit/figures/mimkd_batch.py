"""Figures of lab 07, one batch: negatives and the JSD loss, and what a temperature allows."""

import math

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.errors import between, positive, whole
from labkit.figures import style

LEAST = -2 * math.log(2)
_TEMPERATURES = [2 ** (n / 4) for n in range(-20, 13)]  # 0.03 to 8


def estimates(scores: Tensor, repeats: int = 200) -> Tensor:
    """The JSD loss with 1 .. B-1 negatives a row, drawn anew `repeats` times: [repeats, B-1].

    scores: [B, B, ...] as a critic gives them, pairs on the diagonal, B >= 2.
    """
    rows = whole("number of pictures", len(scores), 2)
    flat = scores.double().reshape(rows, rows, -1)  # [B, B, N]
    joint = F.softplus(-flat.diagonal()).mean()
    paid = F.softplus(flat).mean(2)  # [B, B] over places
    others = paid[~torch.eye(rows, dtype=torch.bool)].view(rows, rows - 1)
    draw = torch.Generator().manual_seed(1)
    order = torch.rand(repeats, rows, rows - 1, generator=draw).argsort(2)
    drawn = others.expand(repeats, -1, -1).gather(2, order).mean(1)  # [R, B-1] over rows
    count = torch.arange(1, rows, dtype=torch.float64)
    return joint + drawn.cumsum(1) / count + LEAST


def spread(scores: Tensor, negatives: int) -> go.Figure:
    """The JSD loss of one batch against the number of negatives K: mean and spread of the draw."""
    means = estimates(scores)
    most = means.shape[1]
    k = int(between("negatives", whole("negatives", negatives), 1, most))
    counts = sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | {most, k})
    found = [means[:, n - 1] for n in counts]
    here, one = means[:, k - 1], means[:, 0]
    dots = {"type": "scatter", "mode": "markers", "x": counts, "name": "mean ± std over draws",
            "y": [e.mean().item() for e in found],
            "error_y": {"array": [e.std().item() for e in found]},
            "marker": {"color": style.COLOURS["blue"], "size": 8}}  # fmt: skip
    all_of_them = means[:, -1].mean().item()
    flat = style.line(6, x=[0.8, 1.25 * most], y=[all_of_them] * 2, name="all negatives there are")
    now = {"type": "scatter", "mode": "markers", "x": [k], "y": [here.mean().item()],
           "marker": {"size": 13, "symbol": "diamond", "color": style.COLOURS["vermilion"]},
           "name": "your K"}  # fmt: skip
    return style.figure(
        [dots, flat, now],
        title="The JSD loss of one batch against the number of negatives",
        x={"title": "negatives K of each picture", "type": "log", "dtick": 1},
        y={"title": "L"},
        margin={"l": 78, "r": 20, "t": 84, "b": 52},
        height=370,
        caption=f"With K = {k}: {here.mean():+.4f} ± {here.std():.4f}; with K = 1: "
        f"{one.mean():+.4f} ± {one.std():.4f}; with all {most}: {all_of_them:+.4f}, and nothing is "
        "left to draw.",
    )


def floor(temperature: float) -> float:
    """The least JSD loss of scores within -1 / temperature .. 1 / temperature."""
    return 2 * math.log1p(math.exp(-1 / positive("temperature", temperature))) + LEAST


def reachable(temperature: float, batch: int) -> float:
    """The least JSD loss that `batch` pairs of arrows of length 1 can have, B >= 2.

    With own pairs at cosine a, the other pairs' mean cosine is at least
    -(B (1 - a) / 2 + a) / (B - 1); arrows x = c u + s v, y = -c u + s v reach it, v a simplex.
    """
    a = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    b = -(whole("batch", batch, 2) * (1 - a) / 2 + a) / (batch - 1)
    scale = 1 / positive("temperature", temperature)
    paid = F.softplus(-a * scale) + F.softplus(b * scale)
    return paid.min().item() + LEAST


def ceiling(temperature: float, batch: int) -> float:
    """The most nats that InfoNCE can read out of `batch` pairs at that temperature, below log B."""
    gap = (1 + 1 / (whole("batch", batch, 2) - 1)) / positive("temperature", temperature)
    return math.log(batch) - math.log1p((batch - 1) * math.exp(-gap))


def allowed(temperature: float, batch: int) -> go.Figure:
    """What the temperature lets the loss, and the readout in nats, reach in a batch of B."""
    lows = {"if each pair were free": [floor(t) for t in _TEMPERATURES],
            "arrows in one batch": [reachable(t, batch) for t in _TEMPERATURES]}  # fmt: skip
    most = [ceiling(t, batch) for t in _TEMPERATURES]
    low, high = reachable(temperature, batch), ceiling(temperature, batch)
    axis = {"title": "temperature", "type": "log", "dtick": 1}
    ends = [_TEMPERATURES[0], _TEMPERATURES[-1]]
    left = [style.line(n, x=_TEMPERATURES, y=y, name=name) for n, (name, y) in enumerate(lows.items())]  # fmt: skip # noqa: E501
    left += [style.line(6, x=ends, y=[0.0, 0.0], name="a critic that knows nothing"),
             style.line(5, x=ends, y=[LEAST, LEAST], name="-2 log 2")]  # fmt: skip
    right = [style.line(3, x=_TEMPERATURES, y=most, name="most nats"),
             style.line(2, x=ends, y=[math.log(batch)] * 2, name="log B")]  # fmt: skip
    mark = {"type": "scatter", "mode": "markers", "showlegend": False, "x": [temperature],
            "marker": {"size": 11, "symbol": "diamond",
                       "color": style.COLOURS["vermilion"]}}  # fmt: skip
    return style.panels(
        [
            {"traces": [*left, mark | {"y": [low]}], "title": "least JSD loss", "x": axis,
             "y": {"title": "L", "range": [-1.5, 0.1]}},
            {"traces": [*right, mark | {"y": [high]}], "title": "most that InfoNCE reads out",
             "x": axis, "y": {"title": "nats", "range": [0, 1.05 * math.log(batch)]}},
        ],
        title="What a temperature allows the critic",
        gap=0.12,
        height=400,
        margin={"l": 64, "r": 20, "t": 78, "b": 120},
        caption=f"At temperature {temperature:.3g} scores lie within ± {1 / temperature:.3g}. A "
        f"batch of {batch} can pay {low:+.3f} at least (each pair on its own "
        f"{floor(temperature):+.3f}), and {high:.2f} nats can be read out of it at most.",
    )  # fmt: skip
