"""Figures of lab 01, Dark knowledge (Hinton et al. 2015)."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.evaluation import gradient, rank_agreement
from labkit.figures import style

_STOPS = [0.25, 1, 4, 16, 64]
LOG_T = {"title": "temperature T", "type": "log", "tickvals": _STOPS, "range": [-0.65, 2.05]}


def puzzle(
    teacher_row: Tensor, names: Sequence[str], label: int, picture: Tensor, top: int = 10
) -> go.Figure:
    """One image and the `top` largest of its class probabilities at T = 1, the label's in blue.

    teacher_row: logits [C]; picture: uint8 [3, H, W].
    """
    p, order = teacher_row.softmax(0).sort(descending=True)
    colours = [style.COLOURS["blue" if i == label else "grey"] for i in order[:top].tolist()]
    bars: dict[str, Any] = {"type": "bar", "y": p[:top].numpy(), "marker": {"color": colours}}
    bars |= {"x": [names[i] for i in order[:top].tolist()], "showlegend": False}
    rest = 1 - p[order == label].sum().item()
    return style.figure(
        [bars],
        title="The teacher's answer for one image (T = 1; the true class in blue)",
        x={"tickangle": -30},
        y={"title": "probability", "range": [0, 1]},
        caption=f"The teacher gives {1 - rest:.1%} to the true class, {names[label]}; "
        f"the {len(names) - 1} wrong classes share {rest:.1%}.",
        margin={"l": 64, "r": 20, "t": 56, "b": 110},
        images=[style.picture(picture, x=1, y=1)],
    )


def softened(
    teacher_row: Tensor,
    names: Sequence[str],
    label: int,
    temperature: float,
    *,
    picture: Tensor,
    nearness: Tensor | None = None,
    log_axis: bool = False,
) -> go.Figure:
    """One image's softened class probabilities; classes ordered by their true nearness to its own.

    teacher_row: logits [C]; nearness: [C] in 0..1 (1 = the class itself), None where no truth is
    known: then the teacher's own order is kept and the ten it likes best are marked.
    """
    p = (teacher_row / temperature).softmax(0)
    order = (teacher_row if nearness is None else nearness + (nearness == 1)).argsort(
        descending=True, stable=True
    )
    order = torch.cat([torch.tensor([label]), order[order != label]])
    near = max(1, min(10, len(names) // 3))
    groups = (
        ("true class", 0, 1),
        (f"{near} nearest", 1, 1 + near),
        ("all others", 1 + near, None),
    )
    ticks = torch.arange(len(order))
    ranked = "nearest to the true class" if nearness is not None else "likeliest to the teacher"
    axis: dict[str, Any] = {"title": f"classes, {ranked} first", "range": [-1, len(order)]}
    if len(names) <= 25:
        axis |= {"tickvals": ticks.tolist(), "ticktext": [names[i] for i in order.tolist()]}
    traces = [
        {
            "type": "bar",
            "name": name,
            "x": ticks[low:high].numpy(),
            "y": p[order[low:high]].numpy(),
            "hovertext": [names[i] for i in order[low:high].tolist()],
            "marker": {"color": style.COLOURS[colour], "line": {"width": 0}},
        }
        for (name, low, high), colour in zip(groups, ("blue", "vermilion", "grey"), strict=True)
    ]
    wrong = 1 - p[label].item()
    share = p[order[1 : 1 + near]].sum().item() / max(wrong, 1e-12)
    known = "truly nearest" if nearness is not None else "that the teacher ranks next"
    return style.figure(
        traces,
        title=f"Softened at T = {temperature:.2f}",
        x=axis,
        y={"title": "probability", "type": "log", "range": [-5, 0.05], "exponentformat": "power"}
        if log_axis
        else {"title": "probability", "type": "linear", "range": [0, 1.02]},
        bargap=0.1,
        images=[style.picture(picture, x=1, y=1)],
        caption=f"At T = {temperature:.2f} the true class ({names[label]}) keeps {p[label]:.1%}; "
        f"of the {wrong:.1%} on wrong classes, {share:.0%} sits on the {near} {known} "
        f"(evenly spread it would be {near / (len(names) - 1):.0%}).",
    )


def similarity(
    ours: Tensor,
    names: Sequence[str],
    temperature: float,
    truth: Tensor | None = None,
    *,
    source: str = "the truth",
) -> go.Figure:
    """The teacher's class similarity at T, beside the true one where it is known; [G, G] each.

    `source` says what `truth` is. Off-diagonal entries only, each matrix scaled to its own
    largest: how alike is what counts, not how probable.
    """
    shown = {f"the teacher at T = {temperature:.2f}": ours, source: truth}
    parts: list[dict[str, Any]] = []
    for title, matrix in shown.items():
        if matrix is None:
            continue
        z = matrix.clone().float().fill_diagonal_(0)
        rows_of_z: list[list[float | None]] = (z / z.max().clamp_min(1e-12)).tolist()
        for i, values in enumerate(rows_of_z):
            values[i] = None  # no class is compared with itself: left blank
        heat = style.heat(z=rows_of_z, x=list(names), y=list(names), zmin=0, zmax=1)
        axis = {"showgrid": False, "showticklabels": len(names) <= 25, "tickfont": {"size": 10}}
        rows = axis | {"autorange": "reversed", "showticklabels": len(names) <= 25 and not parts}
        heat["showscale"] = False
        parts.append({"traces": [heat], "title": title, "x": axis | {"tickangle": -60}, "y": rows})
    said = "Where the truth is unknown there is nothing to compare with."
    if truth is not None:
        said = (
            f"Its ranking of wrong classes agrees with {source} with a rank correlation of "
            f"{rank_agreement(ours, truth):.2f} (0 is chance, 1 is perfect)."
        )
    return style.panels(
        parts,
        title="Which classes are alike? (bright: alike; a row: one true class)",
        height=480,
        gap=0.04,
        margin={"l": 120, "r": 20, "t": 80, "b": 110},
        caption=f"The teacher's mean answers at T = {temperature:.2f}. {said}",
    )


def gradient_sizes(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float
) -> go.Figure:
    """Where the gradient goes as T moves, with and without T^2; logits [B, C], labels [B]."""
    temperatures = torch.logspace(-0.6, 2, 24)
    split = [_split(student, teacher, labels, t) for t in [*temperatures.tolist(), temperature]]
    on_label, on_wrong, plain = torch.tensor(split).T
    t = temperatures.numpy()
    share = on_wrong.square() / (on_label.square() + on_wrong.square())
    curves = torch.cat([part[:-1] for part in (on_label, on_wrong, plain)]).log10()
    span = [curves.min().item() - 0.2, curves.max().item() + 0.2]  # fixed: only the dots move
    here = "current T"
    size = [
        style.line(0, x=t, y=on_label[:-1].numpy(), name="on the true class"),
        style.line(1, x=t, y=on_wrong[:-1].numpy(), name="on the wrong classes"),
        style.line(6, x=t, y=plain[:-1].numpy(), name="all of it, without T²"),
        _dot(temperature, on_wrong[-1], here),
    ]
    parts = [
        {
            "traces": size,
            "title": "gradient size per example (log)",
            "x": LOG_T,
            "y": {"title": "L2 norm", "type": "log", "range": span, "exponentformat": "power"},
        },
        {
            "traces": [
                style.line(1, x=t, y=share[:-1].numpy(), name="share", showlegend=False),
                _dot(temperature, share[-1], here),
            ],
            "title": "share that falls on wrong classes",
            "x": LOG_T,
            "y": {"title": "share of squared gradient", "range": [0, 1.02]},
        },
    ]
    return style.panels(
        parts,
        title="What the student is told: right answer or dark knowledge?",
        height=400,
        caption=f"At T = {temperature:.2f}, {share[-1]:.0%} of the squared gradient falls on wrong "
        f"classes; without the factor T² the gradient would be {_factor(temperature**2)}.",
    )


def _factor(ratio: float) -> str:
    return f"{ratio:,.3g} times smaller" if ratio >= 1 else f"{1 / ratio:,.3g} times larger"


def _split(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float
) -> tuple[float, float, float]:
    """Root mean square gradient on the label, on wrong classes, and in all without T^2."""
    slope = gradient(student, teacher, temperature=temperature)
    whole = slope.square().sum(1).mean()
    on_label = slope.gather(1, labels[:, None]).square().mean()
    parts = (on_label, whole - on_label, whole / temperature**4)
    return tuple(part.sqrt().item() for part in parts)  # type: ignore[return-value]


def _dot(x: float, y: Tensor, name: str) -> dict[str, Any]:
    marker = {"size": 11, "color": style.COLOURS["black"], "symbol": "diamond"}
    trace = {"type": "scatter", "mode": "markers", "x": [x], "y": [y.item()], "marker": marker}
    return trace | {"name": name, "showlegend": False}


def limit(student: Tensor, teacher: Tensor, temperature: float, points: int = 600) -> go.Figure:
    """Each logit's gradient against (z - v) / C with centred logits; logits [B, C]."""
    z, v = (x - x.mean(1, keepdim=True) for x in (student, teacher))
    slope, line = gradient(student, teacher, temperature=temperature), (z - v) / z.shape[1]
    error = ((slope - line).norm() / line.norm()).item()
    reach = line.abs().max().item() * 1.05
    some = torch.linspace(0, line.numel() - 1, min(points, line.numel())).long()
    dots = {"type": "scatter", "mode": "markers", "x": line.flatten()[some].numpy()}
    dots |= {"y": slope.flatten()[some].numpy(), "name": "one class of one example"}
    dots |= {"marker": {"size": 5, "color": style.COLOURS["blue"], "opacity": 0.6}}
    diagonal = style.line(1, x=[-reach, reach], y=[-reach, reach], name="gradient = (z - v) / C")
    return style.figure(
        [dots, diagonal],
        title=f"High temperature is logit matching (T = {temperature:.2f})",
        x={"title": "(z - v) / C, centred logits", "range": [-reach, reach]},
        y={"title": "gradient of T² KL", "range": [-2.5 * reach, 2.5 * reach]},
        height=420,
        caption=f"At T = {temperature:.2f} the gradient differs from (z - v) / C by {error:.1%} "
        "of its length.",
    )


def reduction_bug(alpha: float, classes: int) -> go.Figure:
    """The weights of the two loss terms, as meant and with reduction="mean"."""
    kinds, quiet = ["batchmean", "mean"], alpha / classes
    traces = [
        style.bars(number, x=kinds, y=weights, name=name)
        for number, (name, weights) in enumerate(
            {"labels": [1 - alpha, 1 - alpha], "teacher": [alpha, quiet]}.items()
        )
    ]
    return style.figure(
        traces,
        title=f"Weights at alpha = {alpha:.2f}, C = {classes}",
        x="reduction of the KL",
        y={"title": "weight in the loss", "range": [0, 1.05]},
        barmode="stack",
        caption=f"With reduction='mean' and {classes} classes the teacher's weight is {quiet:.3g} "
        f"instead of {alpha:.2f}, and the whole loss {_factor(1 / (1 - alpha + quiet))}.",
    )
