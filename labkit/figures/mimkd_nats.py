"""Figure of lab 07, the JSD loss beside nats: pairs whose information is known exactly."""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit import losses
from labkit.data import gaussians
from labkit.errors import between, positive, unknown
from labkit.figures import style

DIM = 20
MOST = 12  # nats
LEAST = -2 * math.log(2)
_BATCHES = 8
READOUTS = {"InfoNCE": "info_nce", "NWJ": "nwj", "DV": "dv"}


@lru_cache(maxsize=4)
def perfect(batch: int) -> tuple[tuple[float, Tensor], ...]:
    """(nats, the perfect critic's scores [batches, B, B]) for 0..12 nats in 20 dimensions."""
    found = []
    for nats in range(0, MOST + 1, 2):
        draw = torch.Generator().manual_seed(nats)
        rho = gaussians.rho_of(nats, DIM)
        pairs = (gaussians.correlated(batch, DIM, nats, generator=draw) for _ in range(_BATCHES))
        scores = [gaussians.optimal_scores(x, y, rho) for x, y in pairs]
        found.append((float(nats), torch.stack(scores)))
    return tuple(found)


def jsd(scores: Tensor) -> Tensor:
    """The loss of scores [B, B], pairs on the diagonal, all others as negatives."""
    others = ~torch.eye(len(scores), dtype=torch.bool)
    return losses.mimkd_jsd(scores.diagonal(), scores[others])


def puzzle(shared: Mapping[str, float]) -> go.Figure:
    """The least JSD loss of students that share so many nats (0..12) with the teacher, as bars."""
    names, paid = list(shared), [_paid(nats, 64) for nats in shared.values()]
    bars = style.bars(0, x=names, y=paid, text=[f"{v:+.3f}" for v in paid], showlegend=False)
    least = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": LEAST, "y1": LEAST,
             "line": {"color": style.COLOURS["black"], "dash": "dot"}}  # fmt: skip
    return style.figure(
        [bars],
        shapes=[least],
        title="The JSD loss of three students' best critics (dotted: the least there is)",
        x="student",
        y={"title": "L", "range": [-1.55, 0.1]},
        caption="; ".join(f"{n}: {v:+.3f}" for n, v in zip(names, paid, strict=True)) + ".",
    )


def _paid(nats: float, batch: int) -> float:
    """The perfect critic's JSD loss, by the line between the amounts that were drawn."""
    curve = [(true, jsd_mean(scores)) for true, scores in perfect(batch)]
    return _between([t for t, _ in curve], [v for _, v in curve], nats)


def jsd_mean(scores: Tensor, factor: float = 1.0) -> float:
    """The mean over batches [R, B, B] of the JSD loss of scores times `factor`."""
    return sum(jsd(factor * one).item() for one in scores) / len(scores)


def hidden(nats: float, readout: str, factor: float, batch: int) -> go.Figure:
    """The JSD loss and a readout in nats against the true information; both of one critic.

    nats: 0..10, marked together with 2 nats more; readout: a name of READOUTS; factor: the perfect
    critic's scores are multiplied by it, 1 leaves it perfect; batch: B, the number of pairs.
    """
    nats = between("nats", nats, 0, MOST - 2)
    factor = positive("factor", factor)
    if readout not in READOUTS:
        raise unknown("readout", readout, READOUTS)
    truth, paid, read, spread = [], [], [], []
    for true, scores in perfect(batch):
        truth.append(true)
        paid.append(jsd_mean(scores, factor))
        values = torch.stack(
            [losses.mimkd_nats(factor * one, readout=READOUTS[readout]) for one in scores]
        )
        read.append(values.mean().item())
        spread.append(values.std().item())
    marked = [nats, nats + 2]
    ends = [[_between(truth, ys, at) for at in marked] for ys in (paid, read)]
    return style.panels(
        [_loss(truth, paid, marked, ends[0]), _nats(truth, read, spread, marked, ends[1], batch)],
        title="One critic, two ways to read it",
        height=400,
        margin={"l": 64, "r": 20, "t": 78, "b": 104},
        caption=f"From {nats:g} to {nats + 2:g} nats the JSD loss goes from {ends[0][0]:+.3f} to "
        f"{ends[0][1]:+.3f}. {readout} reads {ends[1][0]:.1f} and {ends[1][1]:.1f} nats out of the "
        f"same scores (batches of {batch}, so at most {_log(batch):.2f} for InfoNCE).",
    )


def _loss(truth: list[float], paid: list[float], at: list[float], ends: list[float]) -> Any:
    least = style.line(5, x=[0, MOST], y=[LEAST] * 2, name="least: -2 log 2")
    return {
        "traces": [style.line(0, x=truth, y=paid, name="JSD loss"), least, _marks(at, ends)],
        "title": "the loss that is trained",
        "x": {"title": "true information, nats", "range": [-0.4, MOST + 0.4]},
        "y": {"title": "L", "range": [-1.5, 0.6]},
    }


def _nats(
    truth: list[float],
    read: list[float],
    spread: list[float],
    at: list[float],
    ends: list[float],
    batch: int,
) -> Any:
    bars = style.line(1, x=truth, y=read, name="readout, mean ± std of batches")
    bars |= {"error_y": {"array": spread}}
    return {
        "traces": [
            bars,
            style.line(6, x=[0, MOST], y=[0, MOST], name="the truth"),
            style.line(2, x=[0, MOST], y=[_log(batch)] * 2, name="log B"),
            _marks(at, ends),
        ],
        "title": "what is read out, nats",
        "x": {"title": "true information, nats", "range": [-0.4, MOST + 0.4]},
        "y": {"range": [-2, MOST + 2]},
    }


def _marks(at: list[float], heights: list[float]) -> dict[str, Any]:
    marker = {"size": 11, "symbol": "diamond", "color": style.COLOURS["vermilion"]}
    return {"type": "scatter", "mode": "markers", "x": at, "y": heights, "marker": marker,
            "showlegend": False}  # fmt: skip


def _between(xs: list[float], ys: list[float], at: float) -> float:
    """The line through the points (xs, ys), at `at`; xs are 0, 2, 4 .."""
    left = min(int(at // 2), len(xs) - 2)
    share = (at - xs[left]) / 2
    return (1 - share) * ys[left] + share * ys[left + 1]


def _log(batch: int) -> float:
    return math.log(batch)
