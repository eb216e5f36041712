"""Figures of lab 05, what bounds CRD: the band, gradient noise, leaked labels, a wrong Z."""

import math
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.figures import crd, style
from labkit.figures.ckd import dot
from labkit.losses import crd_chance, crd_floor

KS = crd.KS
TAUS = [0.02, 0.04, 0.07, 0.1, 0.15, 0.3, 0.6, 1.0]
_K = crd.negatives_axis([1, 16, 256, 4096])
_TAU: dict[str, Any] = {"title": "temperature tau", "type": "log",
                        "tickvals": [0.02, 0.07, 0.2, 0.5, 1]}  # fmt: skip


def start(negatives: int, temperature: float, dim: int = 128) -> float:
    """CRD, both sides, of banks that are noise: cosines of variance 1 / dim, Z of the first batch.

    The expected value over a normal distribution, by the trapezoid rule; nats.
    """
    log_mean = crd.first_log_mean(temperature, dim)
    z = torch.linspace(-8, 8, 401, dtype=torch.float64)
    weight = (-z * z / 2).exp()
    cosines, shift = z / dim**0.5, log_mean + math.log(negatives)
    own = F.softplus(shift - cosines / temperature)
    others = F.softplus(cosines / temperature - shift)
    return float(2 * ((own + negatives * others) * weight).sum() / weight.sum())


@lru_cache(maxsize=4096)
def floor(negatives: int, temperature: float, samples: int, log_mean: float) -> float:
    """`losses.crd_floor` with the same Z on both sides, remembered: a slider asks again."""
    log_z = math.log(samples) + log_mean
    return crd_floor(negatives, samples=samples, temperature=temperature, log_z=[log_z, log_z])


def band(temperature: float, negatives: int, samples: int, factor: float = 1.0) -> go.Figure:
    """Chance, the start and the least possible loss, over K and over tau.

    Z is what the first batch finds, times `factor`.
    """
    off = math.log(factor)

    def least(k: int, tau: float) -> float:
        return floor(k, tau, samples, crd.first_log_mean(tau) + off)

    k, tau = negatives, temperature
    axes = ((KS, [(one, tau) for one in KS], k), (TAUS, [(k, one) for one in TAUS], tau))
    here = crd_chance(k), start(k, tau), least(k, tau)
    parts = []
    for number, (x, settings, at) in enumerate(axes):
        shown = {"showlegend": not number}
        lines = [
            style.line(1, x=x, y=[start(*s) for s in settings], name="the start, Z right", **shown),
            style.line(6, x=x, y=[crd_chance(s[0]) for s in settings], name="knowing nothing",
                       **shown),
            style.line(0, x=x, y=[least(*s) for s in settings], name="the least possible", **shown),
            dot(at, here[2]),
        ]  # fmt: skip
        top = max(26.0, 1.1 * here[2]) if number == 0 else 1.35 * max(here)
        parts.append({"traces": lines, "x": (_K, _TAU)[number],
                      "title": (f"tau = {tau:.3f}", f"K = {k:,}")[number],
                      "y": {"title": "" if number else "nats", "range": [0, top]}})  # fmt: skip
    return style.panels(
        parts,
        height=400,
        caption=f"K = {k:,}, tau = {tau:.3f}: knowing nothing {here[0]:.2f} nats, at the start "
        f"{here[1]:.2f} ({here[1] - here[0]:.2f} above it), the least possible {here[2]:.2f}; "
        f"{here[0] - here[2]:.2f} nats can be gained"
        + (f" with a Z {factor:.3g} times the first batch's." if factor != 1 else "."),
    )


def gradient(
    student: Tensor,
    teacher: Tensor,
    temperature: float,
    negatives: int,
    samples: int,
    log_mean: float,
    anchors: int = 64,
) -> tuple[float, float]:
    """Length of an anchor's mean gradient, and of what another draw of negatives adds to it.

    student, teacher: embeddings [N, D], which stand for all `samples` pictures. Drawn without
    replacement up to K = samples - 1, so that the noise ends there; with replacement above.
    """
    e, bank = F.normalize(student[:anchors]), F.normalize(teacher)
    logits = e @ bank.T / temperature - log_mean - math.log(negatives)  # [A, N]
    h = torch.sigmoid(logits)
    own = torch.eye(len(e), len(bank), dtype=torch.bool)
    others = h.masked_fill(own, 0.0)
    pool = len(bank) - 1
    mean = others @ bank / pool  # [A, D] of h_k v_k
    spread = others.square().sum(1) / pool - mean.square().sum(1)  # [A]
    left = 1 - negatives / (samples - 1)  # of the variance: drawing all leaves no chance
    variance = negatives * spread * (left if left >= 0 else 1.0)
    pull = (1 - h[own])[:, None] * bank[: len(e)]
    signal = (negatives * mean - pull).norm(dim=1)
    return signal.mean().item() / temperature, variance.clamp_min(0).sqrt().mean().item() / (
        temperature
    )


def noise(
    student: Tensor, teacher: Tensor, temperature: float, negatives: int, samples: int
) -> go.Figure:
    """The gradient at an anchor, and how much of it is the luck of the draw, over K."""
    log_mean = crd.first_log_mean(temperature)

    def both(k: int) -> tuple[float, float]:
        return gradient(student, teacher, temperature, k, samples, log_mean)

    found, (signal, luck) = [both(k) for k in KS], both(negatives)
    lines = [
        style.line(0, x=KS, y=[s for s, _ in found], name="the mean gradient"),
        style.line(1, x=KS, y=[n for _, n in found], name="what another draw changes"),
        dot(negatives, signal),
    ]
    highest = max(max(pair) for pair in found)
    shape = {"type": "line", "x0": samples - 1, "x1": samples - 1, "yref": "paper", "y0": 0,
             "y1": 1, "line": {"dash": "dot", "color": style.COLOURS["black"]}}  # fmt: skip
    repeats = " (some of them twice: there are no more)" if negatives >= samples else ""
    return style.figure(
        lines,
        shapes=[shape],
        title="Gradient at an anchor's embedding (dotted: all other pictures)",
        x=_K,
        y={"title": "length", "rangemode": "tozero", "range": [0, 1.1 * highest]},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"With K = {negatives:,} negatives{repeats} the gradient is {signal:.1f} long, and "
        f"another draw would change it by {luck:.2f}: {luck / signal:.0%} of it.",
    )


def class_only(
    negatives: int,
    classes: int,
    temperature: float,
    log_mean: float,
    samples: int,
    *,
    leaked: bool,
) -> float:
    """The least CRD, both sides, of networks that know the class and nothing else, in nats.

    Pictures of a class are one point, the classes as far apart as in `losses.crd_floor`. Unless
    the labels leak into the draw, negatives of the anchor's own class sit where the positive does.
    """
    w = torch.linspace(0, 1, 401, dtype=torch.float64)
    own, apart = 1 - 2 * w, -(w + (1 - w) / (classes - 1))
    same = 0.0 if leaked else (samples / classes - 1) / (samples - 1)
    shift = log_mean + math.log(negatives)
    pay = F.softplus(shift - own / temperature)
    push = (1 - same) * F.softplus(apart / temperature - shift)
    push = push + same * F.softplus(own / temperature - shift)
    return float(2 * (pay + negatives * push).min())


def leak(
    teacher: Tensor,
    labels: Tensor,
    temperature: float,
    negatives: int,
    classes: int,
    samples: int,
    leaked: bool,
) -> go.Figure:
    """What knowing only the class pays, over tau, and the negatives' cosines by class.

    teacher: embeddings [N, D], labels [N]; leaked: negatives are drawn from other classes only.
    """
    log_mean, k = crd.first_log_mean(temperature), negatives

    def only(tau: float, told: bool) -> float:
        mean = crd.first_log_mean(tau)
        return class_only(k, classes, tau, mean, samples, leaked=told)

    here, lowest = only(temperature, leaked), floor(k, temperature, samples, log_mean)
    curve = [only(tau, leaked) for tau in TAUS]
    lines = [
        style.line(6, x=TAUS, y=[crd_chance(k)] * len(TAUS), name="knowing nothing"),
        style.line(2, x=TAUS, y=curve, name="knowing only the class"),
        style.line(0, x=TAUS, y=[floor(k, t, samples, crd.first_log_mean(t)) for t in TAUS],
                   name="knowing each picture"),
        dot(temperature, here),
    ]  # fmt: skip
    cosines = F.normalize(teacher) @ F.normalize(teacher).T
    itself = torch.eye(len(labels), dtype=torch.bool)
    same = (labels[:, None] == labels) & ~itself
    other = ~same & ~itself
    groups = [("other classes", other, "vermilion"), ("its own class", same, "green")]
    bars = [
        crd.histogram(cosines[which], name, colour)
        for name, which, colour in groups[: 1 if leaked else 2]
    ]
    h = torch.sigmoid(cosines / temperature - log_mean - math.log(k))
    push = (h * same).sum() / (h * ~itself).sum()
    told = (
        "no negative is of the anchor's class"
        if leaked
        else f"{same.float().sum() / (~itself).sum():.1%} of the negatives are of the anchor's "
        f"class and take {push:.0%} of the push"
    )
    return style.panels(
        [
            {"traces": lines, "title": f"the loss, K = {k:,}", "x": _TAU,
             "y": {"title": "nats", "range": [0, 1.5 * crd_chance(k)]}},
            {"traces": bars, "title": "negatives, to the teacher",
             "x": {"title": "cosine of two pictures", "range": [-1.03, 1.03]},
             "y": {"title": "share of each kind", "range": [0, 1.03]}},
        ],
        gap=0.12,
        height=430,
        caption=f"For a student that copies the teacher {told}. Knowing only which of {classes} "
        f"classes it is pays {here:.2f} nats, knowing each picture {lowest:.2f}.",
    )  # fmt: skip


def wrong_z(
    student: Tensor,
    teacher: Tensor,
    temperature: float,
    negatives: int,
    log_mean: float,
    factor: float,
) -> go.Figure:
    """Pull and push on an anchor, and the loss, over how many times too large Z is.

    student, teacher: embeddings [N, D]; log_mean: that of the right Z; factor: Z used / Z right.
    """
    own, others = crd.pairs(student, teacher)
    factors = [10.0**n for n in range(-4, 5)]

    def forces(by: float) -> tuple[float, float, float]:
        shift = log_mean + math.log(negatives) + math.log(by)
        pull = torch.sigmoid(shift - own / temperature).mean().item()
        push = negatives * torch.sigmoid(others / temperature - shift).mean().item()
        loss = sum(crd.parts(own, others, temperature, negatives, log_mean + math.log(by)))
        return pull, push, loss

    found = [forces(by) for by in factors]
    pull, push, loss = forces(factor)
    chance = crd_chance(negatives) / 2
    x: dict[str, Any] = {"title": "Z used / Z of these scores", "type": "log", "dtick": 2,
                         "exponentformat": "power"}  # fmt: skip
    left = [
        style.line(0, x=factors, y=[f[0] for f in found], name="pull of the own pair: 1 - h"),
        style.line(1, x=factors, y=[f[1] for f in found], name="push of the negatives: sum of h"),
        dot(factor, pull),
        dot(factor, push),
    ]
    right = [
        style.line(2, x=factors, y=[f[2] for f in found], name="the loss, one side"),
        style.line(6, x=factors, y=[chance] * len(factors), name="knowing nothing, Z right"),
        dot(factor, loss),
    ]
    up = {"type": "log", "exponentformat": "power", "dtick": 1}
    return style.panels(
        [
            {"traces": left, "title": "forces on an anchor (times 1 / tau)", "x": x, "y": up},
            {"traces": right, "title": "the loss", "x": x, "y": up | {"title": "nats"}},
        ],
        gap=0.12,
        height=430,
        caption=f"Z {factor:.3g} times what it should be: each anchor is pulled with {pull:.3f} "
        f"and pushed with {push:.3f}, and one side of the loss is {loss:.2f} nats.",
    )
