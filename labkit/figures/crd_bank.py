"""Figures of lab 05, the memory bank: what a slot is made of, how old it is, how Z wanders."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.figures import style

_SHOWN = 300  # slots drawn as points


class Moment(NamedTuple):
    """A training at one step: what the heads say of N pictures now, and what the banks hold.

    student, teacher: embeddings [N, D]; student_bank, teacher_bank: slots [N, D] of the same
    pictures; age [N]: steps since a slot was written, -1 for never; log_z: of the student's side,
    not a number before it is known; samples: pictures in the whole bank
    """

    step: int
    student: Tensor
    teacher: Tensor
    student_bank: Tensor
    teacher_bank: Tensor
    age: Tensor
    log_z: float
    samples: int


def slot(momentum: float, visits: int) -> go.Figure:
    """What a slot holds after `visits` of its picture: weights of embeddings, newest first."""
    weights = [(1 - momentum) * momentum**back for back in range(visits)]
    first = momentum**visits
    ago = ["now", "1 epoch ago", *(f"{n} epochs ago" for n in range(2, visits))]
    names = [*ago[:visits], "the start"]
    bar = style.bars(0, x=names, y=[*weights, first], showlegend=False)
    return style.figure(
        [bar],
        title="What a slot of the bank is made of",
        x={"title": "the picture's embedding, by when it was seen"},
        y={"title": "weight", "range": [0, 1.03]},
        caption=f"After {visits} visits with momentum {momentum:.2f}: {(weights or [0.0])[0]:.0%} "
        f"is the newest embedding and {first:.1%} still what it began with (noise, unless the "
        "banks are filled).",
    )


def staleness(moment: Moment) -> go.Figure:
    """Cosine of each slot with what its network would say now, by the slot's age."""
    step, age = moment.step, moment.age
    names = ("the teacher's slots", "the student's slots")
    both = (moment.teacher_bank, moment.teacher), (moment.student_bank, moment.student)
    near = [F.cosine_similarity(bank, now) for bank, now in both]
    seen = age >= 0
    x = torch.where(seen, age, torch.full_like(age, step)).float()  # never written: since step 0
    traces = []
    for number, (name, y) in enumerate(zip(names, near, strict=True)):
        look = style.series(number)
        marker = {"color": look["color"], "symbol": look["symbol"], "size": 5, "opacity": 0.5}
        traces.append({"type": "scatter", "mode": "markers", "name": name, "marker": marker,
                       "x": x[:_SHOWN].numpy(), "y": y[:_SHOWN].numpy()})  # fmt: skip
        at, mean = _by_age(x, y)
        traces.append(style.line(number, x=at, y=mean, showlegend=False, name=name))
    means = [y.mean().item() for y in near]
    written = seen.float().mean().item()
    oldest = int(age.max()) if seen.any() else 0
    return style.figure(
        traces,
        title=f"After {step} steps: how true is what the bank remembers?",
        x={"title": "steps since the slot was written (never: since the start)", "zeroline": True},
        y={"title": "cosine with the embedding now", "range": [-0.55, 1.05]},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"After {step} steps {written:.0%} of the slots have been written, the oldest "
        f"{oldest} steps ago; their mean cosine with the embedding of now is {means[0]:.2f} for "
        f"the teacher's and {means[1]:.2f} for the student's.",
    )


def _by_age(x: Tensor, y: Tensor, bins: int = 8) -> tuple[list[float], list[float]]:
    """Mean of y in up to `bins` groups of x, oldest last."""
    order = x.argsort()
    groups = [g for g in order.chunk(bins) if len(g)]
    return [x[g].mean().item() for g in groups], [y[g].mean().item() for g in groups]


def scan(moment: Moment, temperature: float) -> dict[str, float]:
    """log(Z / n) on the student's side now: of all scores together, and the anchors' own sums.

    "batch" is what a first batch taken now would set; "low", "middle", "high": 10, 50 and 90 %
    of the anchors, each over its own scores, as the exact normaliser has it.
    """
    scores = moment.student @ moment.teacher_bank.T / temperature  # [N, N]
    each = scores.logsumexp(1) - math.log(scores.shape[1])
    low, middle, high = each.quantile(torch.tensor([0.1, 0.5, 0.9])).tolist()
    batch = each.logsumexp(0).item() - math.log(len(each))
    return {"batch": batch, "low": low, "middle": middle, "high": high}


def drift(moments: Sequence[Moment], temperature: float) -> go.Figure:
    """log(Z / n) along a training: the one in use, and what the scores of each moment give."""
    steps = [moment.step for moment in moments]
    found = [scan(moment, temperature) for moment in moments]
    used = [moment.log_z - math.log(moment.samples) for moment in moments]
    edge = style.line(2, x=steps, y=[f["high"] for f in found], showlegend=False, name="high")
    edge["line"] = edge["line"] | {"width": 0}
    fill = style.line(2, x=steps, y=[f["low"] for f in found], fill="tonexty",
                      name="each anchor's own (80 % of them)")  # fmt: skip
    fill |= {"fillcolor": "rgba(0,158,115,0.2)", "line": {"width": 0}}
    lines = [
        edge,
        fill,
        style.line(2, x=steps, y=[f["middle"] for f in found], name="each anchor's own, median"),
        style.line(1, x=steps, y=[f["batch"] for f in found], name="a first batch taken now"),
        style.line(0, x=steps, y=used, name="in use"),
    ]
    known = [value for value in used if not math.isnan(value)]
    said = "no Z is kept" if not known else _off(found[-1]["batch"] - known[-1])
    return style.figure(
        lines,
        title=f"log(Z / n) at tau = {temperature:.3f}, student anchors",
        x="step",
        y={"title": "nats"},
        margin={"l": 64, "r": 20, "t": 100, "b": 52},
        height=400,
        caption=f"After {steps[-1]} steps: {said}; between anchors it differs by "
        f"{found[-1]['high'] - found[-1]['low']:.2f} nats.",
    )


def _off(gap: float) -> str:
    way = "larger" if gap > 0 else "smaller"
    return f"the scores would give a Z {math.exp(abs(gap)):.1f} times {way} than the one in use"
