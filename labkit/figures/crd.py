"""Figures of lab 05, CRD (Tian et al. 2020): pairs told apart, and what the loss is at the start.

`log_mean` stands for log(Z / n), the logarithm of the mean score by which Z divides: only this part
of Z enters the loss, since CRD compares a score / Z with K / n.
"""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.figures import style
from labkit.losses import crd_chance

KS = [1, 4, 16, 64, 256, 1024, 4096, 16384]
_BINS = 50


def embed(features: Tensor, dim: int = 128, seed: int = 0) -> Tensor:
    """Features [N, D] through a linear head made without training: unit rows [N, dim].

    The head centres, uses all directions equally (features of a ReLU network point into one corner
    and use few) and turns them at random, as two networks' heads know nothing of each other.
    """
    centred = features - features.mean(0)
    _, sizes, directions = torch.linalg.svd(centred, full_matrices=False)
    even = centred @ (directions.T / (sizes + 0.05 * sizes.max()))  # [N, min(N, D)]
    draw = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(max(dim, even.shape[1]), dim, generator=draw)).Q
    return F.normalize(even @ turn[: even.shape[1]])


def first_log_mean(temperature: float, dim: int = 128) -> float:
    """log(Z / n) as the first batch finds it: of noise, whose cosines have variance 1 / dim."""
    return 1 / (2 * dim * temperature**2)


def threshold(temperature: float, negatives: int, log_mean: float) -> float:
    """The cosine above which h > 1/2, so that a pair counts as congruent; above 1 none can."""
    return temperature * (math.log(negatives) + log_mean)


def parts(
    own: Tensor, others: Tensor, temperature: float, negatives: int, log_mean: float
) -> tuple[float, float]:
    """One side of CRD in nats: -log h of congruent pairs, and K times -log(1 - h) of the others.

    own, others: cosines of congruent and of incongruent pairs. The code's 1e-7 is left out.
    """
    shift = log_mean + math.log(negatives)
    congruent = F.softplus(shift - own / temperature).mean()
    return congruent.item(), negatives * F.softplus(others / temperature - shift).mean().item()


def pairs(student: Tensor, teacher: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Cosines of congruent pairs [N] and of incongruent ones; with labels [N] of other classes."""
    cosines = F.normalize(student) @ F.normalize(teacher).T  # [N, N]
    kept = ~torch.eye(len(cosines), dtype=torch.bool)
    if labels is not None:
        kept &= labels[:, None] != labels
    return cosines.diagonal(), cosines[kept]


def puzzle(found: Sequence[tuple[int, float]], labels: float) -> go.Figure:
    """(K, CRD of an untrained student in nats) beside chance; `labels` is its cross-entropy."""
    ks = [k for k, _ in found]
    chance = [crd_chance(k) for k in ks]
    measured = style.line(1, x=ks, y=[value for _, value in found], name="measured, nothing learnt")
    lines = [
        style.line(6, x=ks, y=chance, name="knowing nothing: every score equal"),
        measured | {"mode": "lines+markers"},
        style.line(2, x=ks, y=[labels] * len(ks), name="the labels' cross-entropy"),
    ]
    above = [value - least for (_, value), least in zip(found, chance, strict=True)]
    return style.figure(
        lines,
        title="CRD of an untrained student: the same two networks, the same pictures",
        x=negatives_axis(ks),
        y={"title": "nats", "rangemode": "tozero"},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"From {ks[0]:,} to {ks[-1]:,} negatives the loss rises from {found[0][1]:.1f} to "
        f"{found[-1][1]:.1f} nats, and it lies {min(above):.1f} to {max(above):.1f} above what a "
        "student would pay that knows nothing at all.",
    )


def classify(
    student: Tensor,
    teacher: Tensor,
    temperature: float,
    negatives: int,
    log_mean: float,
    *,
    labels: Tensor | None = None,
    heading: str = "",
) -> go.Figure:
    """Cosines of congruent and incongruent pairs with the classifier's curve h, and what both pay.

    student, teacher: embeddings [N, D] of the same N pictures; labels [N]: other classes only.
    """
    own, others = pairs(student, teacher, labels)
    cut = threshold(temperature, negatives, log_mean)
    paid = parts(own, others, temperature, negatives, log_mean)
    chance = math.log(negatives + 1), negatives * math.log1p(1 / negatives)
    x = torch.linspace(-1, 1, 81)
    h = torch.sigmoid((x - cut) / temperature)
    looks = ((others, "incongruent", "vermilion"), (own, "congruent", "blue"))
    bars = [histogram(values, f"{name} pairs", colour) for values, name, colour in looks]
    line = style.line(6, x=x.numpy(), y=h.numpy(), name="h: believed congruent")
    names = ["congruent", f"{negatives:,} negatives"]
    costs = [  # 2 and 6: colours that the left panel does not use
        style.bars(n, x=names, y=list(y), text=[f"{v:.2f}" for v in y], textposition="outside",
                   name=name)
        for n, name, y in ((2, "paid", paid), (6, "knowing nothing", chance))
    ]  # fmt: skip
    hits = [(values > cut).float().mean().item() for values in (own, others)]
    top = max(*paid, *chance)
    return style.panels(
        [
            {"traces": [*bars, line], "title": f"cosines and h at tau = {temperature:.3f}",
             "x": {"title": "cosine of e and v", "range": [-1.03, 1.03]},
             "y": {"title": "share of pairs; h", "range": [0, 1.03]}},
            {"traces": costs, "title": "what an anchor pays", "x": {"showgrid": False},
             "y": {"title": "nats", "range": [0, 1.2 * top]}},
        ],
        title=heading,
        widths=(1.7, 1),
        height=430,
        barmode="group",
        bargap=0.05,
        caption=_said(cut, hits, paid, chance),
    )  # fmt: skip


def _said(cut: float, hits: Sequence[float], paid: Sequence[float], chance: Sequence[float]) -> str:
    text = f"A pair counts as congruent above the cosine {cut:.2f}"
    if cut > 1:
        text += ", which no pair can reach"
    return (
        f"{text}: {hits[0]:.0%} of the congruent pairs do and {hits[1]:.2%} of the incongruent. "
        f"An anchor pays {paid[0]:.2f} nats for its own pair and {paid[1]:.2f} for its negatives, "
        f"{sum(paid):.2f} together; knowing nothing {sum(chance):.2f}."
    )


def negatives_axis(ks: Sequence[int]) -> dict[str, Any]:
    """A logarithmic axis over K with these numbers on it."""
    words = [f"{k:,}" for k in ks]
    return {"title": "negatives K", "type": "log", "tickvals": list(ks), "ticktext": words}


def histogram(values: Tensor, name: str, colour: str) -> dict[str, Any]:
    """Bars of the share of cosines in each of 50 bins over -1..1, to lie over one another."""
    counts = torch.histc(values.clamp(-1, 1), bins=_BINS, min=-1.0, max=1.0)
    width = 2 / _BINS
    look = {"color": style.COLOURS[colour], "line": {"width": 0}}
    return {
        "type": "bar",
        "name": name,
        "x": [round(-1 + n * width, 3) for n in range(_BINS)],
        "y": (counts / max(values.numel(), 1)).tolist(),
        "width": width,
        "offset": 0,
        "marker": look,
        "opacity": 0.7,
    }
