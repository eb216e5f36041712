"""Figures of lab 09, floors: what perfect models pay where a caption tells only the class."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go

from labkit.errors import between, unknown, whole
from labkit.evaluation import clip_floor, clip_lite_floor, siglip_floor
from labkit.figures import style
from labkit.figures.clip_scores import LOSSES, NAMES

MOST = 4096
BATCHES = [2**n for n in range(1, 13)]


@lru_cache(maxsize=4096)
def floor(loss: str, batch: int, classes: int, temperature: float | None = None) -> float:
    """The least expected loss of LOSSES, remembered: a slider asks again.

    SigLIP's bias is -log(B - 1), which matters only with a temperature. ValueError for others.
    """
    scale = None if temperature is None else 1 / temperature
    if loss == "clip":
        return clip_floor(batch, classes, scale=scale)
    if loss == "siglip":
        return siglip_floor(batch, classes, scale=scale, bias=-math.log(batch - 1))
    if loss == "clip_lite":
        return clip_lite_floor(classes, scale=scale)
    raise unknown("loss", loss, LOSSES)


def puzzle(batches: Sequence[int], classes: int = 10) -> go.Figure:
    """The CLIP loss of a perfect model at each batch size, one caption for each of C classes."""
    paid = [floor("clip", whole("batches", b, 2), whole("classes", classes, 2)) for b in batches]
    names = [f"model {letter}, B = {b}" for letter, b in zip("ABCDEFGH", batches, strict=False)]
    bar = style.bars(0, x=names, y=paid, text=[f"{v:.2f}" for v in paid], textposition="outside")
    said = ", ".join(f"{v:.2f} at B = {b}" for v, b in zip(paid, batches, strict=True))
    return style.figure(
        [bar],
        title="CLIP losses of perfect models",
        y={"title": "nats", "range": [0, 1.15 * max(paid)]},
        caption=f"{classes} captions, and nothing left to improve: {said}.",
    )


def floors(
    batch: int,
    classes: int,
    temperature: float | None = None,
    *,
    measured: Sequence[Mapping[str, Any]] = (),
) -> go.Figure:
    """The least losses over the batch size, and beside them log B less CLIP's, in nats.

    batch: 2..4096; classes: C, 2 or more; temperature: None leaves the scores unbounded
    measured: points laid over, {"batch", "loss_name" (of LOSSES), "value"} each
    ValueError outside.
    """
    here = int(between("batch", whole("batch", batch, 2), 2, MOST))
    xs = sorted({*BATCHES, here})
    curves = {loss: [floor(loss, b, classes, temperature) for b in xs] for loss in LOSSES}
    top = 1.1 * max(*(p["value"] for p in measured), *curves["siglip"], 2 * math.log(2))
    left = [style.line(n, x=xs, y=curves[loss], name=NAMES[loss]) for n, loss in enumerate(LOSSES)]
    left += [_here(here, floor(loss, here, classes, temperature)) for loss in LOSSES]
    told = [math.log(b) - y for b, y in zip(xs, curves["clip"], strict=True)]
    right = [
        style.line(0, x=xs, y=told, name="CLIP", showlegend=False),
        style.line(6, x=xs, y=[math.log(b) for b in xs], name="log B: no readout is higher"),
        style.line(3, x=[xs[0], xs[-1]], y=[math.log(classes)] * 2, name="log C: all there is"),
        _here(here, math.log(here) - floor("clip", here, classes, temperature)),
    ]
    for number, loss in enumerate(LOSSES):
        mine = [p for p in measured if p["loss_name"] == loss]
        if mine:
            left.append(_measured(number, mine, [p["value"] for p in mine]))
    mine = [p for p in measured if p["loss_name"] == "clip"]
    if mine:
        right.append(_measured(0, mine, [math.log(p["batch"]) - p["value"] for p in mine]))
    axis = {"title": "batch B", "type": "log", "tickvals": [2, 8, 32, 128, 512, 2048]}
    bound = "" if temperature is None else f", tau = {temperature:.3g}"
    return style.panels(
        [
            {"traces": left, "title": f"the least loss there can be, C = {classes}{bound}",
             "x": axis, "y": {"title": "loss", "range": [-0.02 * top, top]}},
            {"traces": right, "title": "log B - CLIP's least loss", "x": axis,
             "y": {"title": "nats", "range": [0, 1.25 * math.log(classes)]}},
        ],
        gap=0.1,
        height=420,
        margin={"l": 64, "r": 20, "t": 46, "b": 112},
        caption=_told(here, classes, temperature),
        alt="Floors of three losses over the batch size, and what CLIP's says in nats",
    )  # fmt: skip


def _told(batch: int, classes: int, temperature: float | None) -> str:
    clip, siglip, lite = (floor(loss, batch, classes, temperature) for loss in LOSSES)
    bound = "" if temperature is None else f" at tau = {temperature:.3g}"
    return (
        f"B = {batch}, {classes} captions{bound}: a perfect model pays {clip:.3f} of CLIP, "
        f"{siglip:.3f} of SigLIP and {lite:.3f} of CLIP-Lite, this at every B; log B - "
        f"{clip:.3f} = {math.log(batch) - clip:.3f} of log C = {math.log(classes):.3f} nats."
    )


def _here(x: int, y: float) -> dict[str, Any]:
    marker = {"size": 10, "color": style.COLOURS["black"], "symbol": "diamond"}
    return {"type": "scatter", "mode": "markers", "x": [x], "y": [y], "marker": marker,
            "showlegend": False, "hoverinfo": "x+y"}  # fmt: skip


def _measured(number: int, points: Sequence[Mapping[str, Any]], y: list[float]) -> dict[str, Any]:
    look = style.series(number)
    marker = {"size": 11, "color": look["color"], "symbol": look["symbol"] + "-open",
              "line": {"width": 2}}  # fmt: skip
    return {"type": "scatter", "mode": "markers", "x": [p["batch"] for p in points], "y": y,
            "marker": marker, "showlegend": False,
            "hovertemplate": "measured %{y:.3f} at B = %{x}<extra></extra>"}  # fmt: skip
