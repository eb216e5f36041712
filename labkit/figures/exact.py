"""Figures that hold a trained teacher against the exact posterior p(class | picture)."""

from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.figures import style

TEMPERATURES = torch.logspace(-3, 3, 49, base=2)  # 1/8 to 8, as the labs' slider


def answers(
    teacher_row: Tensor,
    exact_row: Tensor,
    names: Sequence[str],
    label: int,
    temperature: float,
    *,
    picture: Tensor,
    top: int = 8,
) -> go.Figure:
    """One picture: the likeliest classes in truth, and what the teacher says of them at T.

    teacher_row: logits [C]; exact_row: probabilities [C]; picture: uint8 [3, H, W], grey.
    """
    log_said = (teacher_row / temperature).log_softmax(0)  # finite where a softmax is 0
    said = log_said.exp()
    order = exact_row.argsort(descending=True)[:top]
    ticks = [names[i] + (" (drawn)" if i == label else "") for i in order.tolist()]
    traces = [
        style.bars(number, x=ticks, y=p[order].numpy(), name=name)
        for number, (name, p) in enumerate(
            {"exact posterior": exact_row, f"teacher at T = {temperature:.2f}": said}.items()
        )
    ]
    kl = _kl(exact_row[None], log_said[None]).item()
    shown = ((picture.float() - 128) * 1.5 + 128).clamp(0, 255).to(torch.uint8)
    return style.figure(
        traces,
        title="What is it? The exact answer, and the teacher's",
        x={"tickangle": -30},
        y={"title": "probability", "range": [0, 1.02]},
        margin={"l": 96, "r": 20, "t": 56, "b": 110},
        images=[style.picture(shown, x=1, y=0.98)],
        caption=f"A {names[label]} was drawn. Of this picture nobody can know more than the blue "
        f"bars; at T = {temperature:.2f} the teacher is {kl:.2f} nats away from them.",
    )


def softness(teacher: Tensor, exact: Tensor, temperature: float) -> go.Figure:
    """The teacher's distance from the exact posterior, and its entropy, over T.

    teacher: logits [N, C]; exact: probabilities [N, C].
    """
    curve = [distance(teacher, exact, t) for t in [*TEMPERATURES.tolist(), temperature]]
    away, entropy = torch.tensor(curve).T
    best = int(away[:-1].argmin())
    truth = -(exact * exact.clamp_min(1e-30).log()).sum(1).mean().item()
    t = TEMPERATURES.numpy()
    axis = {"title": "temperature T", "type": "log", "tickvals": [0.125, 0.25, 0.5, 1, 2, 4, 8]}
    here = {"type": "scatter", "mode": "markers", "showlegend": False, "name": "current T"}
    here |= {"marker": {"size": 11, "color": style.COLOURS["black"], "symbol": "diamond"}}
    near, far = away[:-1].min().item(), away[:-1].max().item()
    parts = [
        {
            "traces": [
                style.line(0, x=t, y=away[:-1].numpy(), name="KL(exact || teacher at T)"),
                here | {"x": [temperature], "y": [away[-1].item()]},
            ],
            "title": "distance from the truth",
            "x": axis,
            "y": {"title": "nats", "type": "log", "range": _log_range(near, far)}
            | {"tickvals": [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]},
        },
        {
            "traces": [
                style.line(0, x=t, y=entropy[:-1].numpy(), name="teacher", showlegend=False),
                style.line(1, x=t[[0, -1]], y=[truth, truth], name="exact posterior"),
                here | {"x": [temperature], "y": [entropy[-1].item()]},
            ],
            "title": "mean entropy",
            "x": axis,
            "y": {"title": "nats", "range": [0, 4.8]},
        },
    ]
    return style.panels(
        parts,
        title="How soft should the teacher be?",
        height=400,
        caption=f"At T = {temperature:.2f} the teacher is {away[-1]:.2f} nats from the exact "
        f"posterior, with entropy {entropy[-1]:.2f} against {truth:.2f}. It is nearest at "
        f"T = {TEMPERATURES[best]:.2f}, and still {near:.2f} nats away.",
    )


def distance(teacher: Tensor, exact: Tensor, temperature: float) -> tuple[float, float]:
    """Mean KL(exact || teacher at T) and the softened teacher's mean entropy, in nats."""
    log_q = (teacher / temperature).log_softmax(1)  # [N, C]
    entropy = -(log_q.exp() * log_q).sum(1).mean().item()
    return _kl(exact, log_q).mean().item(), entropy


def _kl(p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) [N], with 0 log 0 = 0."""
    return (p * (p.clamp_min(1e-30).log() - log_q)).sum(1)


def _log_range(low: float, high: float) -> list[float]:
    bounds = torch.tensor([max(low, 1e-3) / 1.5, high * 1.5]).log10()
    return bounds.tolist()
