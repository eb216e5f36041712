"""Figures of lab 10, the draw: graphs that flicker, and the gradient that stands in for theirs."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Generator, Tensor

from labkit.errors import between, positive, whole
from labkit.figures import style
from labkit.models.wigraph import logistic_noise, straight_through

LOW, HIGH = 1 / 32, 8.0  # temperatures of `edge`
_BINS = 20
_NODES = 2000


def draws(logits: Tensor, *, temperature: float, words: Sequence[str], seed: int) -> go.Figure:
    """One draw of a sentence's graph: what may be, what the gradient sees, what the words see.

    logits: [L, L], row told, column telling; the diagonal is 1. `seed` gives the noise: the same
    at every temperature, so that only the relaxed values move with it.
    Raises ValueError for shapes that do not fit, temperature <= 0 and seed below 0.
    """
    tau, count = positive("temperature", temperature), len(words)
    if logits.shape != (count, count) or not count:
        raise ValueError(f"logits must be [L, L] of the {count} words, got {list(logits.shape)}")
    drawn = Generator().manual_seed(whole("seed", seed, minimum=0))
    logits, itself = logits.detach().cpu().float(), torch.eye(count, dtype=torch.bool)
    noise = logistic_noise(~itself, drawn)
    maps = {
        "probability p": torch.sigmoid(logits),
        "relaxed value": torch.sigmoid((logits + noise) / tau),
        "drawn: 0 or 1": straight_through(logits, noise, temperature=tau),
    }
    maps = {name: value.masked_fill(itself, 1) for name, value in maps.items()}
    p, relaxed, hard = (value[~itself] for value in maps.values())
    between_them = ((relaxed > 0.1) & (relaxed < 0.9)).double().mean().item() if count > 1 else 0.0
    return style.panels(
        [_map(name, value, words, first=n == 0) for n, (name, value) in enumerate(maps.items())],
        title="One draw of the graph",
        gap=0.03,
        height=400,
        margin={"l": 84, "r": 70, "t": 78, "b": 84},
        caption=f"Draw {seed} at tau = {tau:.3g}: {int(hard.sum())} of {len(hard)} edges, "
        f"{p.sum().item():.1f} expected; {between_them:.0%} of the relaxed values lie between 0.1 "
        "and 0.9.",
        alt="Three maps of a sentence's edges: probability, relaxed value, and the draw",
    )


def _map(name: str, value: Tensor, words: Sequence[str], *, first: bool) -> dict[str, Any]:
    each = -(-len(words) // 16)  # more names than that take long to draw, and overlap
    places: dict[str, Any] = {
        "tickvals": [*range(0, len(words), each)],
        "ticktext": [*words[::each]],
    }
    places |= {"showgrid": False, "tickfont": {"size": 11}, "ticks": ""}
    cells = style.heat(z=value.numpy().round(3), zmin=0, zmax=1, showscale=first)
    cells |= {"customdata": [[f"{a} -> {b}" for a in words] for b in words]}
    cells |= {"hovertemplate": "%{customdata}: %{z:.2f}<extra></extra>"}
    cells["colorbar"] = {"thickness": 12, "x": 1.01, "xanchor": "left"}
    down = places | {"autorange": "reversed", "showticklabels": first}
    down |= {"title": "told" if first else ""}
    return {"traces": [cells], "title": name, "x": places | {"title": "telling", "tickangle": 90},
            "y": down}  # fmt: skip


def edge(logit: float, temperature: float) -> go.Figure:
    """One edge: where its relaxed value falls, and what gradient reaches its logit on average.

    logit: -8..8; temperature: 1/32..8. Nothing is drawn: shares come from the logistic
    distribution, means over noise from quadrature.
    Raises ValueError for values outside.
    """
    g, tau = between("logit", logit, -8, 8), between("temperature", temperature, LOW, HIGH)
    p = torch.sigmoid(torch.tensor(g)).item()
    taus = torch.logspace(torch.tensor(LOW).log2(), torch.tensor(HIGH).log2(), 65, base=2).tolist()
    mean, std = zip(*(gradient(g, t) for t in taus), strict=True)
    here, spread = gradient(g, tau)
    shares = relaxed_shares(g, tau)
    undecided = sum(shares[2:-2])
    return style.panels(
        [_histogram(shares), _slopes(taus, mean, std, p * (1 - p), (tau, here, spread))],
        title="One edge, all its draws",
        gap=0.12,
        height=400,
        margin={"l": 64, "r": 20, "t": 78, "b": 104},
        caption=f"The chance of a 1 is {p:.2f} at any temperature. At tau = {tau:.3g}, "
        f"{undecided:.0%} of the relaxed values lie between 0.1 and 0.9; the gradient is "
        f"{here:.3f} on average, std {spread:.3f}, where the slope of p is {p * (1 - p):.3f}.",
        alt="Histogram of the relaxed value, and the gradient's mean and spread over temperature",
    )


def relaxed_shares(logit: float, temperature: float, bins: int = _BINS) -> list[float]:
    """The share of relaxed values in each of `bins` equal parts of 0..1, exactly.

    sigmoid((logit + noise) / T) <= r where noise <= T logit(r) - logit, and noise is logistic.
    """
    ends = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    below = torch.sigmoid(temperature * torch.logit(ends) - logit)
    return below.diff().tolist()


@lru_cache(maxsize=512)
def gradient(logit: float, temperature: float) -> tuple[float, float]:
    """Mean and standard deviation over noise of d relaxed / d logit = r (1 - r) / T.

    As integrals over r: its density is f(T logit(r) - logit) T / (r (1 - r)), f the logistic's.
    The mean goes to p (1 - p), the slope of p, as T goes to 0, and the deviation to infinity.
    """
    r = (torch.arange(_NODES, dtype=torch.float64) + 0.5) / _NODES
    below = torch.sigmoid(temperature * torch.logit(r) - logit)
    f = below * (1 - below)
    mean = f.mean().item()
    square = (f * r * (1 - r)).mean().item() / temperature
    return mean, max(square - mean**2, 0.0) ** 0.5


def _histogram(shares: Sequence[float]) -> dict[str, Any]:
    count = len(shares)
    middles = [(n + 0.5) / count for n in range(count)]
    parts = []
    for number, (name, side) in enumerate((("drawn as 0", False), ("drawn as 1", True))):
        own = [(m, 100 * s) for m, s in zip(middles, shares, strict=True) if (m > 0.5) == side]
        bar = style.bars(number, x=[m for m, _ in own], y=[s for _, s in own], name=name)
        parts.append(bar | {"width": 1 / count})
    return {"traces": parts, "title": "where the relaxed value falls",
            "x": {"title": "relaxed value", "range": [-0.02, 1.02]},
            "y": {"title": "% of draws", "range": [0, 100]}}  # fmt: skip


def _slopes(
    taus: Sequence[float],
    mean: Sequence[float],
    std: Sequence[float],
    slope: float,
    now: tuple[float, float, float],
) -> dict[str, Any]:
    tau, here, spread = now
    marker = {"size": 11, "symbol": ["circle", "square"], "color": style.COLOURS["black"]}
    at = {"type": "scatter", "mode": "markers", "x": [tau, tau], "y": [here, spread],
          "marker": marker, "showlegend": False}  # fmt: skip
    ticks = [1 / 32, 1 / 8, 1 / 2, 1, 2, 8]
    texts = ["1/32", "1/8", "1/2", "1", "2", "8"]
    return {
        "traces": [
            style.line(0, x=[*taus], y=[*mean], name="gradient, mean"),
            style.line(1, x=[*taus], y=[*std], name="gradient, std"),
            style.line(2, x=[LOW, HIGH], y=[slope, slope], name="slope of p: p (1 - p)"),
            at,
        ],
        "title": "d relaxed / d logit, over the noise",
        "x": {"title": "temperature tau", "type": "log", "tickvals": ticks, "ticktext": texts},
        "y": {"range": [0, 0.6]},
    }
