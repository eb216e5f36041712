"""Figures of lab 04, what bounds CKD and what it costs: the band, the weight, the collisions."""

import math
from typing import Any

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.figures import style
from labkit.figures.ckd import dot
from labkit.losses import ckd_band

_TAUS = torch.logspace(math.log10(0.05), math.log10(8), 49)
_STOPS = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8]
TAU: dict[str, Any] = {"title": "temperature tau", "type": "log", "tickvals": _STOPS}
TAU["range"] = [math.log10(0.045), math.log10(9)]


def class_only(batch: int, classes: int, temperature: float) -> float:
    """The least loss of a student that knows the class and nothing else, in nats.

    All pictures of a class then give one answer, the C answers as far apart as C vectors can be;
    (B - 1) / C of a row's negatives are of its own class.
    """
    same = (batch - 1) / classes
    apart = math.exp(-(1 + 1 / (classes - 1)) / temperature)
    return math.log(1 + same + (batch - 1 - same) * apart)


def band(temperature: float, negatives: int, classes: int) -> go.Figure:
    """Where the loss can be, over tau: from `ckd_band`'s floor to log(K + 1); and how wide."""
    batch = negatives + 1
    floors = [ckd_band(batch, temperature=t)[0] for t in _TAUS.tolist()]
    low, chance = ckd_band(batch, temperature=temperature)
    known, top = class_only(batch, classes, temperature), 1.75 * math.log(batch) + 0.4
    only = [class_only(batch, classes, t) for t in _TAUS.tolist()]
    wrong = [math.log1p(negatives * math.exp(2 / t)) for t in _TAUS.tolist()]
    x = _TAUS.numpy()
    filled = style.line(0, x=x, y=floors, name="the least possible", fill="tonexty")
    filled |= {"fillcolor": "rgba(0,114,178,0.15)"}
    left = [
        style.line(6, x=x, y=[chance] * len(x), name="chance: log(K + 1)"),
        filled,
        style.line(2, x=x, y=only, name=f"knows only the class, C = {classes}"),
        style.line(1, x=x, y=wrong, name="mistaken ceiling: log(1 + K exp(2 / tau))"),
        dot(temperature, low),
    ]
    gained = style.line(0, x=x, y=_widths(negatives), name="what can be gained", showlegend=False)
    others = [_grey(x, k, dash) for k, dash in ((1, "dash"), (7, "dot"), (511, "dashdot"))]
    return style.panels(
        [
            {"traces": left, "title": f"the loss, K = {negatives}", "x": TAU,
             "y": {"title": "nats", "range": [-0.03 * top, top]}},
            {"traces": [*others, gained, dot(temperature, chance - low)],
             "title": f"the height of the blue band, K = {negatives}", "x": TAU,
             "y": {"title": "nats", "type": "log", "tickvals": [0.03, 0.1, 0.3, 1, 3]}},
        ],
        height=430,
        margin={"l": 64, "r": 20, "t": 46, "b": 112},
        caption=f"At tau = {temperature:.2f} with K = {negatives} negatives a student better than "
        f"chance lies between {low:.2f} and {chance:.2f}: {chance - low:.2f} nats can be gained. "
        f"One that knows only which of {classes} classes it sees stops at {known:.2f}.",
    )  # fmt: skip


def _widths(negatives: int) -> list[float]:
    bands = [ckd_band(negatives + 1, temperature=tau) for tau in _TAUS.tolist()]
    return [high - low for low, high in bands]


def _grey(x: Any, negatives: int, dash: str) -> dict[str, Any]:
    """The height of the band at another K, to compare with."""
    look = {"color": style.COLOURS["grey"], "dash": dash, "width": 2}
    return style.line(0, x=x, y=_widths(negatives), name=f"right: K = {negatives}", line=look)


def weights(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float) -> go.Figure:
    """How hard each loss pulls at the logits, over tau; logits [B, C], labels [B]."""

    def size(loss: Any) -> float:
        with torch.enable_grad():
            z = student.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(loss(z), z)
        return float(slope.norm())

    def contrast(tau: float) -> float:
        return size(lambda z: losses.ckd(z, teacher, temperature=tau))

    taus = _TAUS[::2].tolist()
    label = size(lambda z: F.cross_entropy(z, labels))
    soft = size(lambda z: losses.kd(z, teacher, temperature=4.0))
    ours = contrast(temperature)
    flat = [0.05, 8.0]
    lines = [
        style.line(0, x=taus, y=[contrast(t) for t in taus], name="CKD, weight 1"),
        style.line(1, x=flat, y=[label, label], name="labels (cross-entropy)"),
        style.line(2, x=flat, y=[soft, soft], name="KD at T = 4"),
        dot(temperature, ours),
    ]
    return style.figure(
        lines,
        title="How hard each loss pulls at the student's logits",
        x=TAU,
        y={"title": "length of the gradient", "type": "log", "exponentformat": "power",
           "range": [-4, 1]},
        margin={"l": 72, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"At tau = {temperature:.2f} CKD needs the weight {_short(label / ours)} to pull "
        f"as hard as the labels and {_short(soft / ours)} to pull as hard as KD at T = 4.",
    )  # fmt: skip


def collisions(teacher: Tensor, labels: Tensor, temperature: float, negatives: int) -> go.Figure:
    """How often a negative is of the row's own class, and how much of the push it takes.

    teacher: logits [N, C]; labels [N]. The student is a perfect copy of the teacher.
    """
    v, itself = F.normalize(teacher), torch.eye(len(labels), dtype=torch.bool)
    cosines = v @ v.T  # [N, N]
    same = (labels[:, None] == labels) & ~itself
    push = (cosines / temperature).masked_fill(itself, -torch.inf).softmax(1)  # negatives only
    share = (push * same).sum(1).mean().item()
    frequent = same.float().mean().item() * len(labels) / (len(labels) - 1)
    classes = teacher.shape[1]
    ks = torch.logspace(0, 3, 40)
    curves = [
        style.line(n, x=ks.numpy(), y=(1 - (1 - 1 / c) ** ks).numpy(), name=f"C = {c}")
        for n, c in enumerate((10, 100, 1000))
    ]
    hit = 1 - (1 - 1 / classes) ** negatives
    bars = [
        {"type": "bar", "x": _centres(), "y": _histogram(cosines, push * which), "name": name}
        | {"marker": {"color": style.COLOURS[colour], "line": {"width": 0}}, "opacity": 0.75}
        for name, which, colour in (
            ("pictures of other classes", ~same & ~itself, "blue"),
            ("pictures of the same class", same, "vermilion"),
        )
    ]
    return style.panels(
        [
            {"traces": [*curves, dot(negatives, hit)], "title": "chance of a collision in a row",
             "x": {"title": "negatives K", "type": "log", "dtick": 1},
             "y": {"title": "probability", "range": [0, 1.03]}},
            {"traces": bars, "title": f"where the push goes at tau = {temperature:.2f}",
             "x": {"title": "cosine of the teacher's two answers", "range": [-1, 1.05]},
             "y": {"title": "share of the push"}},
        ],
        height=430,
        gap=0.12,
        barmode="stack",
        bargap=0.02,
        caption=f"With {classes} classes and K = {negatives}, {hit:.0%} of the rows hold a "
        f"negative of their own class. Such pairs are {frequent:.1%} of the negatives and take "
        f"{share:.1%} of the push at tau = {temperature:.2f}.",
    )  # fmt: skip


def _centres() -> list[float]:
    return [round(-0.975 + 0.05 * n, 3) for n in range(40)]


def _histogram(cosines: Tensor, weights: Tensor) -> list[float]:
    """The share of all rows' weights in each of the 40 bins of `_centres`."""
    bins = ((cosines + 1) * 20).long().clamp(0, 39).flatten()
    total = torch.zeros(40).index_add(0, bins, weights.flatten())
    return (total / len(cosines)).tolist()


def _short(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"
