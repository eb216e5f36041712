"""Figures of lab 04, CKD (Zhu et al. 2024): the matrix, its two terms, what it cannot see."""

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.figures import style

_FAINT = 1e-3  # what gets less of a row than this is drawn as if it had this much


def imitate(untrained: Tensor, teacher: Tensor, share: float, length: float = 1.0) -> Tensor:
    """Made-up student logits [B, C], `length` long, `share` (0..1) of the way to the teacher's."""
    mixed = (1 - share) * F.normalize(untrained) + share * F.normalize(teacher)
    return length * F.normalize(mixed)


def puzzle(found: Mapping[str, tuple[float, float]]) -> go.Figure:
    """Loss -> (of an untrained student, of a perfect copy of the teacher), in nats."""
    names = list(found)
    traces = [
        style.bars(
            number,
            x=names,
            y=[100 * pair[number] / pair[0] for pair in found.values()],
            text=[f"{pair[number]:.2f}" for pair in found.values()],
            textposition="outside",
            name=name,
        )
        for number, name in enumerate(("an untrained student", "the teacher imitating itself"))
    ]
    last = names[-1]
    before, after = found[last]
    return style.figure(
        traces,
        title="What does a perfect copy of the teacher still pay? (on the bars: nats)",
        y={"title": "% of the untrained student's", "range": [0, 118]},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=370,
        caption=f"The teacher itself, asked to imitate itself, pays {after:.2f} nats of {last}: "
        f"{after / before:.0%} of what an untrained student pays ({before:.2f}).",
    )


def matrix(
    student: Tensor,
    teacher: Tensor,
    temperature: float,
    kept: Tensor | None = None,
    *,
    heading: str = "",
) -> go.Figure:
    """Cosines of teacher i and student j, and what a softmax over each row makes of them.

    student, teacher: logits [B, C]; kept: bool [B, B], the pairs that take part (all unless given).
    """
    cosines = F.normalize(teacher) @ F.normalize(student).T  # [B, B]
    kept = torch.ones_like(cosines, dtype=torch.bool) if kept is None else kept
    p = (cosines / temperature).masked_fill(~kept, -torch.inf).softmax(1)  # [B, B]
    loss = -p.diagonal().log().mean().item()
    powers = p.clamp(min=_FAINT).log10()  # equal ratios, equal steps of colour, at every tau
    shown = [x.masked_fill(~kept, torch.nan).numpy() for x in (cosines, powers)]
    looks: tuple[dict[str, Any], ...] = (
        {"colorscale": style.DIVERGING, "zmin": -1, "zmax": 1},
        {"zmin": math.log10(_FAINT), "zmax": 0},
    )
    marks: tuple[dict[str, Any], ...] = (
        {},
        {"tickvals": [-3, -2, -1, 0], "ticktext": ["0.1 %", "1 %", "10 %", "100 %"]},
    )
    titles = ("cosine of t_i and s_j", f"row i's softmax at tau = {temperature:.2f}")
    axis = {"showgrid": False, "zeroline": False}
    parts = []
    for number, (z, look, title) in enumerate(zip(shown, looks, titles, strict=True)):
        bar = {"thickness": 12, "x": (0.455, 1.0)[number]} | marks[number]
        heat = style.heat(z=z) | look | {"colorbar": bar}
        down = (
            axis | {"autorange": "reversed"} | ({} if number else {"title": "teacher's picture i"})
        )
        parts.append(
            {
                "traces": [heat],
                "title": title,
                "x": axis | {"title": "student's picture j"},
                "y": down,
            }
        )
    rivals = kept.sum(1).float().mean().item() - 1
    return style.panels(
        parts,
        title=heading or f"Which of the {rivals + 1:.0f} is the same picture?",
        gap=0.14,
        height=430,
        margin={"l": 64, "r": 40, "t": 78, "b": 52},
        caption=f"On average the right picture gets {p.diagonal().mean():.1%} of its row's "
        f"probability, among {rivals:.0f} negatives (chance {1 / (rivals + 1):.1%}): the loss is "
        f"{loss:.2f} nats, at chance {math.log(rivals + 1):.2f}.",
    )


def terms(untrained: Tensor, teacher: Tensor, share: float, temperature: float) -> go.Figure:
    """The loss in two parts along `imitate`: near to my own teacher, far from the others."""
    shares = [*torch.linspace(0, 1, 21).tolist(), share]
    intra, inter = torch.tensor(
        [parts(imitate(untrained, teacher, one), teacher, temperature) for one in shares]
    ).T
    lines = [
        style.line(0, x=shares[:-1], y=intra[:-1].numpy(), name="intra: (1 - t_i.s_i) / tau"),
        style.line(1, x=shares[:-1], y=inter[:-1].numpy(), name="inter: the others in the row"),
        style.line(6, x=shares[:-1], y=(intra + inter)[:-1].numpy(), name="the loss, their sum"),
        dot(share, (intra + inter)[-1].item()),
    ]
    both = torch.stack([intra, inter, intra + inter])
    low, high = min(0.0, both.min().item()), both.max().item()
    fell = intra[0] - intra[-1], inter[0] - inter[-1]
    return style.figure(
        lines,
        title=f"Two wishes in one loss (tau = {temperature:.2f})",
        x={"title": "how far the student is on its way to the teacher", "range": [-0.02, 1.02]},
        y={"title": "nats", "range": [low - 0.05 * (high - low), high + 0.05 * (high - low)]},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"After {share:.0%} of the way the intra-sample term has fallen by {fell[0]:.2f} "
        f"nats to {intra[-1]:.2f} and the inter-sample term {_moved(fell[1].item())} "
        f"{inter[-1]:.2f}.",
    )


def parts(student: Tensor, teacher: Tensor, temperature: float) -> tuple[float, float]:
    """The intra- and inter-sample term of CKD in nats, whose sum is the loss; logits [B, C].

    intra = mean (1 - t_i.s_i) / tau, 0 when every example agrees with its teacher.
    inter = mean log sum_j exp((t_i.s_j - 1) / tau): how much of the batch is near the teacher's i.
    """
    scores = F.normalize(teacher) @ F.normalize(student).T / temperature  # [B, B]
    intra = 1 / temperature - scores.diagonal().mean()
    inter = scores.logsumexp(1).mean() - 1 / temperature
    return max(0.0, intra.item()), inter.item()  # a cosine may round to just above 1


def mirror(student: Tensor, teacher: Tensor, scale: float, shift: float) -> go.Figure:
    """KD (T = 4) and CKD (tau = 1) of the logits scale * (student + shift); logits [B, C]."""

    def both(a: float, c: float) -> tuple[float, float]:
        z = a * (student + c)
        soft = losses.kd(z, teacher, temperature=4.0).item()
        return soft, losses.ckd(z, teacher, temperature=1.0).item()

    scales = torch.logspace(-2, 2, 41).tolist()
    shifts = torch.linspace(-20, 20, 41).tolist()
    before, here = both(1.0, 0.0), both(scale, shift)
    along = {
        "scale": (scales, [both(a, shift) for a in scales], scale),
        "shift": (shifts, [both(scale, c) for c in shifts], shift),
    }
    axes = {
        "scale": {"title": "scale", "type": "log", "range": [-2.1, 2.1], "dtick": 1},
        "shift": {"title": "shift of all logits", "range": [-21, 21]},
    }  # fmt: skip
    parts = []
    for which, name in enumerate(("KD", "CKD")):
        top = 1.25 * max(before[which], here[which], 5.0 if which else 1.0)
        for by, (x, values, at) in along.items():
            line = style.line(which, x=x, y=[v[which] for v in values], name=name, showlegend=False)
            parts.append(
                {"traces": [line, dot(at, here[which])], "title": f"{name} against {by}",
                 "x": axes[by], "y": {"title": "nats" if by == "scale" else "", "range": [0, top]}}
            )  # fmt: skip
    return style.panels(
        parts,
        gap=0.07,
        height=340,
        caption=f"Shifted by {shift:g} and scaled by {scale:.2f}: KD went from {before[0]:.2f} to "
        f"{here[0]:.2f} nats, CKD from {before[1]:.3f} to {here[1]:.3f}. The class that the "
        "student names is the same throughout.",
    )


def dot(x: float, y: float) -> dict[str, Any]:
    """The marker of the current setting."""
    marker = {"size": 11, "color": style.COLOURS["black"], "symbol": "diamond"}
    return {"type": "scatter", "mode": "markers", "x": [x], "y": [y], "marker": marker,
            "name": "now", "showlegend": False}  # fmt: skip


def _moved(fell: float) -> str:
    return f"{'fallen' if fell >= 0 else 'risen'} by {abs(fell):.2f} to"
