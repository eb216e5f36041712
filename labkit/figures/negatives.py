"""Figures of lab 02: what negatives buy, as measured, and where a number breaks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.figures import style

Cells = Mapping[str, Mapping[str, Mapping[str, Any]]]  # of a record: row -> column -> cell
_BLACK, _GREY = style.COLOURS["black"], style.COLOURS["grey"]


def signal(cells: Cells, *, temperature: float, negatives: int, shown: str = "snr") -> go.Figure:
    """A measured quantity of the gradient over temperature and K, and along one temperature.

    cells: of the record lab02-signal; `shown` is "snr" or "agreement". The cell nearest to
    (temperature, negatives) is framed.
    """
    names = {"snr": "signal over noise", "agreement": "cosine"}
    temperatures, ks, cell = _table(cells, shown)
    near_t = min(temperatures, key=lambda t: abs(math.log(t / temperature)))
    near_k = min(ks, key=lambda k: abs(math.log(k / negatives)))
    mean = [[cell[t, k]["mean"] for k in ks] for t in temperatures]
    colour = [[math.log10(v) for v in line] for line in mean] if shown == "snr" else mean
    heat = style.heat(z=colour)
    heat |= {"text": [[f"{v:.2g}" for v in line] for line in mean], "texttemplate": "%{text}"}
    heat |= {"showscale": False}
    column, row = ks.index(near_k), temperatures.index(near_t)
    along = [cell[near_t, k] for k in ks]
    first, last = along[0]["mean"], along[-1]["mean"]
    curve = style.line(0, x=ks, y=[one["mean"] for one in along], mode="lines+markers")
    curve |= {"error_y": {"array": [one["std"] for one in along]}, "name": f"at T = {near_t:g}"}
    law = style.line(6, x=ks, y=[first * math.sqrt(k / ks[0]) for k in ks], name="growing as √K")
    law |= {"line": {"color": _GREY, "dash": "dash", "width": 2}, "visible": shown == "snr"}
    grown = last / max(first, 1e-9)
    factor, best = ks[-1] // ks[0], math.sqrt(ks[-1] / ks[0])
    words = {
        "snr": f"{factor:,} times the negatives make the signal-to-noise ratio {grown:.0f} times "
        f"larger (√K would make it {best:.0f} times).",
        "agreement": "a gradient from one negative points along that of all of them with a cosine "
        f"of {first:.2f}, one from {ks[-1]:,} with {last:.2f}.",
    }
    log = {"range": [-1.15, 1.6], "type": "log", "dtick": 1}
    scale = log if shown == "snr" else {"range": [0, 1.05], "type": "linear", "dtick": 0.2}
    return style.panels(
        [
            {
                "traces": [heat],
                "title": f"{names[shown]}; framed: nearest to yours",
                "x": _ticks(ks, "negatives K"),
                "y": _ticks(temperatures, "temperature T"),
            },
            {
                "traces": [curve, law],
                "title": f"along T = {near_t:g}",
                "x": {"title": "negatives K", "type": "log", "tickvals": ks},
                "y": {"title": names[shown]} | scale,
            },
        ],
        title="One gradient of InfoNCE: how much of it is signal?",
        widths=[1.2, 1],
        gap=0.13,
        margin={"l": 72, "r": 20, "t": 78, "b": 92},
        height=430,
        shapes=[_frame(column, row)],
        caption=f"At T = {near_t:g}, {words[shown]}",
    )


def surface(
    cells: Cells, bound: str, shown: str, *, information: float, negatives: int
) -> go.Figure:
    """Bias or spread of one bound with the perfect critic, over the truth and K, in nats.

    cells: of the record lab02-surface; `shown` is "bias" or "spread". The cell nearest to
    (information, negatives) is framed.
    """
    truths, ks, cell = _table(cells, bound)

    def value(i: float, k: int) -> float:
        return cell[i, k]["mean"] - i if shown == "bias" else cell[i, k]["std"]

    z = [[value(i, k) for k in ks] for i in truths]
    text = [[f"{v:+.2f}" if shown == "bias" else f"{v:.2f}" for v in line] for line in z]
    if shown == "bias":
        look = {"colorscale": style.DIVERGING, "zmin": -6, "zmax": 6}
    else:
        look = {"colorscale": style.SEQUENTIAL, "zmin": 0, "zmax": 3}
    heat = style.heat(z=z) | look
    heat |= {"text": text, "texttemplate": "%{text}", "colorbar": {"title": {"text": "nats"}}}
    near_i = min(truths, key=lambda i: abs(i - information))
    near_k = min(ks, key=lambda k: abs(math.log(k / negatives)))
    here = cell[near_i, near_k]
    return style.figure(
        [heat],
        shapes=[_frame(ks.index(near_k), truths.index(near_i))],
        title=f"Measured: {'bias' if shown == 'bias' else 'spread over batches'} of {bound}, "
        "perfect critic (nats)",
        x=_ticks(ks, "negatives K = B - 1"),
        y=_ticks(truths, "true information (nats)"),
        height=420,
        caption=f"Framed, nearest to your run: at {near_i:g} nats with K = {near_k:,} negatives "
        f"{bound} reads {here['mean']:.2f} ± {here['std']:.2f} ({here['n']} batches).",
    )


def left_out(gaps: Tensor, values: Mapping[str, Tensor]) -> go.Figure:
    """log of a row's mean without its largest score, [G] by way of computing it, over the gap."""
    lines = [
        style.line(number, x=gaps.numpy(), y=v.numpy(), name=name)
        for number, (name, v) in enumerate(values.items())
    ]
    right, *_, wrong = values.values()
    off = (wrong - right).abs() > 0.1
    since = f"from a lead of {gaps[off][0]:.0f} nats on" if off.any() else "nowhere"
    return style.figure(
        lines,
        title="Leave one out: a difference of nearly equal numbers",
        x="how far the positive leads the sum of the others (nats)",
        y={"title": "log mean of the others", "range": [-2, 42]},
        height=380,
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        caption=f"In float32 the shortcut is more than 0.1 nats off {since}.",
    )


def maximum(values: Tensor, information: float, *, bound: str, seen: int) -> go.Figure:
    """Estimates [M] of one bound at `seen` checkpoints: their mean, and the largest so far."""
    shown = values[: max(1, seen)].float()
    steps = torch.arange(1, len(shown) + 1)
    so_far, mean = shown.cummax(0).values, shown.cumsum(0) / steps
    low, high = min(0.0, information - 4), information + 8
    marker = {"size": 4, "color": _GREY, "opacity": 0.7}
    dots = {"type": "scatter", "mode": "markers", "name": "one checkpoint", "marker": marker}
    dots |= {"x": steps.numpy(), "y": shown.clamp(low, high).numpy()}
    truth = {"color": _BLACK, "dash": "solid", "width": 2}
    ends = [0, len(values) + 1]
    gap = (so_far[-1] - information).item()
    return style.figure(
        [
            dots,
            style.line(1, x=steps.numpy(), y=so_far.numpy(), name="largest so far"),
            style.line(0, x=steps.numpy(), y=mean.numpy(), name="mean so far"),
            style.line(6, x=ends, y=[information] * 2, name="truth", line=truth),
        ],
        title=f"{bound}, the same critic evaluated {len(shown)} times",
        x={"title": "checkpoint", "range": ends},
        y={"title": "nats", "range": [low, high]},
        height=400,
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        caption=f"After {len(shown)} checkpoints the largest estimate is {so_far[-1]:.2f} nats, "
        f"{abs(gap):.2f} {'above' if gap > 0 else 'below'} the truth; the mean is {mean[-1]:.2f}. "
        "Nothing was learnt in between.",
    )


def _table(
    cells: Cells, name: str
) -> tuple[list[float], list[int], dict[tuple[float, int], Mapping[str, Any]]]:
    """Row values, column values, and the quantity `name` of every cell."""
    rows, columns = [float(key) for key in cells], [int(key) for key in next(iter(cells.values()))]
    cell = {(float(r), int(c)): one[name] for r, row in cells.items() for c, one in row.items()}
    return rows, columns, cell


def _ticks(values: Sequence[float], title: str) -> dict[str, Any]:
    """An axis of a heat map by index: a category axis can lose its kind in a redraw."""
    places = {"tickvals": list(range(len(values))), "ticktext": [f"{v:g}" for v in values]}
    return {"title": title, **places, "range": [-0.5, len(values) - 0.5], "showgrid": False}


def _frame(column: int, row: int) -> dict[str, Any]:
    place = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", **place, "line": {"color": style.COLOURS["vermilion"], "width": 4}}
