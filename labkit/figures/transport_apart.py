"""Figure of lab 06: two densities pulled apart, and which distances still notice."""

import math

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.errors import positive, unknown
from labkit.figures import style
from labkit.figures.ckd import dot

SHAPES = ("box", "bell")
_GRID = torch.linspace(-6, 6, 601, dtype=torch.float64)
_Z = torch.linspace(-8, 8, 641, dtype=torch.float64)
_BELL = (-0.5 * _Z**2).exp() / (-0.5 * _Z**2).exp().sum()
_SHIFTS = torch.linspace(-4, 4, 81, dtype=torch.float64).tolist()


def kl(shape: str, shift: float, width: float) -> float:
    """KL(P || Q) in nats of a density and itself moved by `shift`; infinite for boxes moved at all.

    width: the standard deviation of a "bell" (normal), or a "box" of that total width.
    """
    if _known(shape) == "bell":
        return 0.5 * (shift / positive("width", width)) ** 2
    return 0.0 if shift == 0 else math.inf


def jsd(shape: str, shift: float, width: float) -> float:
    """The Jensen-Shannon divergence in nats of the same two, at most log 2."""
    positive("width", width)
    if _known(shape) == "box":  # where only one is, log 2; where both are, nothing
        return math.log(2) * min(1.0, abs(shift) / width)
    gap = (
        shift / width
    )  # between N(0, 1) and N(gap, 1): the log of their ratio is gap (z - gap / 2)
    mixed = torch.nn.functional.softplus(gap * (_Z - gap / 2)) - math.log(2)
    return max(0.0, -(mixed * _BELL).sum().item())


def wasserstein(shift: float) -> float:
    """The earth mover's distance of a density and itself moved: all mass walks the same way."""
    return abs(shift)


def apart(shape: str, shift: float, width: float) -> go.Figure:
    """Two densities, and KL, JSD and the earth mover's distance over how far they are apart."""
    p, q = (_density(shape, at, width) for at in (-shift / 2, shift / 2))
    left = [
        style.line(n, x=_GRID.tolist(), y=d.tolist(), name=name)
        for n, (d, name) in enumerate(((p, "P, the teacher"), (q, "Q, the student")))
    ]
    curves = {
        "KL(P || Q)": [kl(shape, d, width) for d in _SHIFTS],
        "Jensen-Shannon": [jsd(shape, d, width) for d in _SHIFTS],
        "earth mover's": [wasserstein(d) for d in _SHIFTS],
    }
    right = [
        style.line(n + 2, x=_SHIFTS, y=[v if v < 1e3 else None for v in values], name=name)
        for n, (name, values) in enumerate(curves.items())
    ]
    now = [kl(shape, shift, width), jsd(shape, shift, width), wasserstein(shift)]
    right += [dot(shift, y if y < 4.2 else math.nan) for y in now]
    slope = (jsd(shape, shift + 1e-3, width) - jsd(shape, shift - 1e-3, width)) / 2e-3
    return style.panels(
        [
            {"traces": left, "title": "two densities", "x": {"title": "place", "range": [-4, 4]},
             "y": {"title": "density", "rangemode": "tozero"}},
            {"traces": right, "title": "how different they are",
             "x": {"title": "how far Q is to the right of P", "range": [-4.1, 4.1]},
             "y": {"title": "nats; or units of place", "range": [-0.1, 4.3]}},
        ],
        height=410,
        alt="Two densities, and three distances between them over how far they are apart",
        gap=0.1,
        caption=f"{shift:+.2f} apart: KL is {_nats(now[0])}, Jensen-Shannon {now[1]:.3f} nats of "
        f"at most {math.log(2):.3f} with slope {slope + 0.0:.3f}, the earth mover's distance "
        f"{abs(shift):.2f} with slope {math.copysign(1, shift) if shift else 0:.0f}.",
    )  # fmt: skip


def _density(shape: str, centre: float, width: float) -> Tensor:
    if _known(shape) == "bell":
        return torch.distributions.Normal(centre, width).log_prob(_GRID).exp()
    return ((_GRID - centre).abs() <= width / 2).double() / width


def _known(shape: str) -> str:
    if shape not in SHAPES:
        raise unknown("shape", shape, SHAPES)
    return shape


def _nats(value: float) -> str:
    return "infinite" if math.isinf(value) else f"{value:.2f} nats"
