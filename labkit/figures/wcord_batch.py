"""Figures of lab 06, a batch's embeddings: the plan between them, and who is who."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from torch import Tensor

from labkit import losses
from labkit.errors import between
from labkit.figures import style
from labkit.figures.ckd import dot
from labkit.figures.transport import solve
from labkit.figures.transport_exact import exact


class Measured(NamedTuple):
    """What can be said of a batch's embeddings [B, D]; see `measure`."""

    local: float  # <P, C> of the exact plan, 0..2
    paired: float  # mean 1 - cosine of each picture's own two embeddings, 0..2
    dual: float  # L_g of the plain critic g = t's, -2..2
    own: float  # the share of the plan that joins a picture with itself, 0..1
    alike: float  # mean cosine between two pictures' teacher embeddings: 1 when all collapsed


def measure(student: Tensor, teacher: Tensor) -> Measured:
    """Both terms and what they leave open, of embeddings [B, D] in the same order, B >= 2."""
    s, t = F.normalize(student.double()), F.normalize(teacher.double())
    cost, off = 1 - t @ s.T, ~torch.eye(len(s), dtype=torch.bool)
    plan = exact(cost)
    return Measured(
        max(0.0, (plan * cost).sum().item()),  # a cosine may round to just above 1
        cost.diagonal().mean().item(),
        losses.wcord_global(1 - cost.diagonal(), 1 - cost[off]).item(),
        plan.diagonal().sum().item(),
        _alike(t),
    )


def swapped(embeddings: Tensor, share: float) -> Tensor:
    """The same rows [B, D], but the first `share` (0..1) each hold the next one's vector."""
    count = round(between("share", share, 0, 1) * len(embeddings))
    order = torch.arange(len(embeddings))
    order[:count] = order[:count].roll(-1)
    return embeddings[order]


def collapsed(embeddings: Tensor, share: float) -> Tensor:
    """Embeddings [B, D] moved `share` (0..1) of the way to one common arrow, of length 1."""
    one = F.normalize(embeddings.mean(0, keepdim=True))
    mixed = (1 - between("share", share, 0, 1)) * F.normalize(embeddings) + share * one
    return F.normalize(mixed)


def puzzle(students: Mapping[str, Tensor], teacher: Tensor) -> go.Figure:
    """Made-up students' embeddings [B, D]: who finds its own teacher, and the local term."""
    names, t = list(students), F.normalize(teacher)
    nearest = [(F.normalize(s) @ t.T).argmax(1) for s in students.values()]
    found = [(n == torch.arange(len(t))).double().mean().item() for n in nearest]
    paid = [measure(s, teacher).local for s in students.values()]
    low = min(range(len(names)), key=lambda i: paid[i])
    return style.panels(
        [
            _bars(0, names, [100 * f for f in found], "{:.0f} %", "nearest teacher is my own", "%"),
            _bars(1, names, paid, "{:.3f}", "the loss (earth mover's distance)", "cost"),
        ],
        height=350,
        alt="Bars for three students: who finds its own teacher embedding, and the loss",
        caption=f"The least loss, {paid[low]:.3f}, has the student “{names[low]}”, of whose "
        f"pictures {found[low]:.0%} are nearest to their own teacher embedding.",
    )


def plan(
    student: Tensor, teacher: Tensor, solver: str, epsilon: float, labels: Tensor, heading: str = ""
) -> go.Figure:
    """Cost and plan of a batch, teacher i to student j: embeddings [B, D], labels [B] in order."""
    s, t = F.normalize(student.double()), F.normalize(teacher.double())
    cost = 1 - t @ s.T  # [B, B]
    found = solve(cost, solver, epsilon)
    same = (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)
    own, kin = found.diagonal().sum().item(), found[same].sum().item()
    axis: dict[str, Any] = {"showgrid": False, "zeroline": False}
    parts = []
    shown: tuple[tuple[str, Tensor, dict[str, Any]], ...] = (
        ("cost 1 - cosine(t_i, s_j)", cost, {"zmin": 0, "zmax": max(0.05, cost.max().item())}),
        (_heading(solver, epsilon), found * len(found), {"zmin": 0, "zmax": 1}),
    )
    for number, (title, z, look) in enumerate(shown):
        bar = {"colorbar": {"thickness": 12, "x": (0.455, 1.0)[number]}}
        down = {"autorange": "reversed", "title": "" if number else "teacher's picture i"}
        parts.append({"traces": [style.heat(z=z.numpy()) | look | bar], "title": title,
                      "x": axis | {"title": "student's picture j"}, "y": axis | down})  # fmt: skip
    paid, paired = (max(0.0, x.item()) for x in ((found * cost).sum(), cost.diagonal().mean()))
    return style.panels(
        parts,
        title=heading or "The batch: what it costs to join them, and the plan",
        gap=0.14,
        height=430,
        margin={"l": 64, "r": 40, "t": 78, "b": 52},
        caption=f"The plan pays {paid:.3f} (each picture with itself: {paired:.3f}). It joins "
        f"{own:.0%} with their own picture, {kin:.0%} with another of the class; by chance "
        f"{1 / len(t):.0%} and {same.double().mean().item():.0%}. Two pictures' teacher embeddings "
        f"have a cosine of {_alike(t):.2f}.",
    )


def trap(student: Tensor, teacher: Tensor, share: float, collapse: float) -> go.Figure:
    """Both terms while pictures are swapped and everything collapses; embeddings [B, D]."""

    def at(swap: float, fall: float) -> Measured:
        return measure(*(collapsed(x, fall) for x in (swapped(student, swap), teacher)))

    steps = [i / 5 for i in range(6)]
    here = at(share, collapse)
    along = (
        ("share of pictures swapped", [at(x, collapse) for x in steps], share),
        ("how far collapsed", [at(share, x) for x in steps], collapse),
    )
    wanted = (("local term (plan)", "local"), ("each with its own", "paired"),
              ("global term", "dual"))  # fmt: skip
    parts = []
    for number, (title, values, now) in enumerate(along):
        lines = [
            style.line(n, x=steps, y=[getattr(v, key) for v in values], name=name,
                       showlegend=number == 0)
            for n, (name, key) in enumerate(wanted)
        ]  # fmt: skip
        lines += [dot(now, getattr(here, key)) for _, key in wanted]
        parts.append({"traces": lines, "x": {"title": title, "range": [-0.03, 1.03]},
                      "y": {"title": "" if number else "loss", "range": [-1.1, 1.1]}})  # fmt: skip
    return style.panels(
        parts,
        height=390,
        alt="Three losses over the share of pictures swapped, and over how far all collapsed",
        caption=f"{share:.0%} swapped, {collapse:.0%} collapsed: local {here.local:.3f}, each with "
        f"its own {here.paired:.3f}, global {here.dual:+.3f}. {here.own:.0%} of the plan joins a "
        f"picture with itself; two pictures' teacher arrows have a cosine of {here.alike:.2f}.",
    )


Moment = tuple[int, Tensor, Tensor]  # a step, the student's embeddings [B, D], the teacher's


def course(runs: Mapping[str, Sequence[Moment]]) -> go.Figure:
    """What is paid, and how alike all pictures have become, over the steps of some trainings.

    runs: name -> moments, in order of time.
    """
    paid, alike, said = [], [], []
    for number, (name, moments) in enumerate(runs.items()):
        steps = [step for step, _, _ in moments]
        cost = [measure(s, t).local for _, s, t in moments]
        own = [_alike(F.normalize(s.double())) for _, s, _ in moments]
        other = [_alike(F.normalize(t.double())) for _, _, t in moments]
        paid.append(style.line(number, x=steps, y=cost, name=name))
        alike += [
            style.line(number, x=steps, y=own, name=name, showlegend=False),
            style.line(number + 2, x=steps, y=other, name=f"{name}: the teacher's arrows"),
        ]
        said.append(
            f"{name}: {cost[-1]:.3f} paid; cosine of two pictures {own[-1]:.2f} for the student, "
            f"{other[-1]:.2f} for the teacher"
        )
    return style.panels(
        [
            {"traces": paid, "title": "local term (exact plan)", "x": "step", "y": "cost"},
            {"traces": alike, "title": "cosine of two pictures' arrows", "x": "step",
             "y": {"range": [0, 1.05]}},
        ],
        gap=0.12,
        height=400,
        margin={"l": 64, "r": 20, "t": 50, "b": 104},
        alt="Cost of the plan, and how alike all pictures' arrows are, over the steps",
        caption="At the end, " + "; ".join(said) + ".",
    )  # fmt: skip


def _alike(t: Tensor) -> float:
    """The mean cosine of two different rows of t [B, D], each of length 1."""
    return (((t @ t.T).sum() - len(t)) / (len(t) * (len(t) - 1))).item()


def _bars(
    number: int, names: list[str], values: list[float], form: str, title: str, unit: str
) -> dict[str, Any]:
    text = [form.format(v) for v in values]
    bars = style.bars(number, x=names, y=values, text=text, textposition="outside",
                      name=title, showlegend=False)  # fmt: skip
    return {"traces": [bars], "title": title,
            "y": {"title": unit, "range": [0, 1.18 * max(*values, 0.05)]}}  # fmt: skip


def _heading(solver: str, epsilon: float) -> str:
    return f"plan, {solver}" + ("" if solver == "exact" else f", epsilon = {epsilon:.3f}")
