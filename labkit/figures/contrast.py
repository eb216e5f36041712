"""Lab 03's figures: negatives that count, similarities, what survives an augmentation."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.data import motif
from labkit.evaluation.hardness import effective_number, hardest_share, negative_weights
from labkit.figures import style
from labkit.figures.motif import gallery
from labkit.losses import alignment, uniformity

FACTORS = {  # of Motif-100: what it is called, and its accuracy at chance
    "label": ("class", 1 / motif.CLASSES),
    "shape": ("shape", 1 / len(motif.SHAPES)),
    "texture": ("texture", 1 / len(motif.TEXTURES)),
    "color": ("object's colour", 1 / len(motif.COLOURS)),
    "background": ("ground's colour", 1 / len(motif.COLOURS)),
    "x": ("place, left to right", 1 / 4),
    "scale": ("size", 1 / 4),
}
ONE_HEAP = 0.95  # mean cosine of strangers from which on all answers are as good as one
SHARED = {  # what the two views of a picture change and share, by recipe
    "none": "nothing changes: any detail gives the partner away",
    "crop-flip": "place, side and black border change; colours, texture and size are shared",
    "crop-flip-cutout": "place and side change, a part is hidden; colours, texture and size are "
    "shared",
    "contrastive": "place, side, size, brightness and colours change, some views are grey; shape "
    "and texture are shared where the box holds the object, and something of the ground",
}
BINS = 50


def views(pictures: Tensor, first: Tensor, second: Tensor, recipe: str) -> go.Figure:
    """Pictures uint8 [N, 3, H, W] in the first row, two augmentations of each below."""
    texts = [f"picture {n}" for n in range(len(pictures))]
    texts += [
        f"{which} view of picture {n}"
        for which in ("first", "second")
        for n in range(len(pictures))
    ]
    return gallery(
        torch.cat([pictures, first, second]),
        texts,
        title=f"{recipe}: the pictures, and two views of each",
        caption=f"From view to view under {recipe!r}: {SHARED[recipe]}.",
        columns=len(pictures),
        height=320,
    )  # fmt: skip


def hardness(cosines: Tensor, temperature: float, same: Tensor | None = None) -> go.Figure:
    """How many of K negatives count and what the hardest weigh, over T: cosines [A, K].

    same [A, K], bool: which negatives have the anchor's class; the sentence then says their share.
    """
    grid = torch.logspace(-6, 2, 25, base=2.0)
    at = [*grid.tolist(), temperature]
    weights = [negative_weights(cosines, t) for t in at]
    count = torch.tensor([effective_number(w).mean() for w in weights])
    share = torch.tensor([hardest_share(w).mean() for w in weights])
    k = cosines.shape[1]
    even = max(1, math.ceil(0.05 * k - 1e-9)) / k
    log = {"title": "temperature T", "type": "log", "dtick": 1, "exponentformat": "power"}
    x = grid.numpy()
    return style.panels(
        [
            {
                "traces": [
                    style.line(0, x=x, y=count[:-1].numpy(), name="effective number"),
                    _level(x, k, f"all K = {k:,}"),
                    _dot(temperature, count[-1]),
                ],
                "title": "negatives that count, 1 / sum of weights² (log)",
                "x": log,
                "y": {"title": "number", "type": "log", "range": [-0.1, 3.2], "dtick": 1},
            },
            {
                "traces": [
                    style.line(1, x=x, y=share[:-1].numpy(), name="hardest 5 %"),
                    _level(x, even, "if all weighed alike"),
                    _dot(temperature, share[-1]),
                ],
                "title": "weight of the hardest 5 %",
                "x": log,
                "y": {"title": "share of the push", "range": [0, 1.03], "tickformat": ".0%"},
            },
        ],
        title="Temperature decides who is heard",
        height=400,
        caption=f"At T = {temperature:.2f}, {count[-1]:.1f} of {k:,} negatives count; the hardest "
        f"5 % make {share[-1]:.0%} of the push.{_own_class(weights[-1], same)}",
    )


def _own_class(weights: Tensor, same: Tensor | None) -> str:
    if same is None:
        return ""
    share = (weights * same).sum(1).mean()
    return f" The anchor's own class: {same.float().mean():.1%} of them, {share:.0%} of the push."


def _level(x: Any, value: float, name: str) -> dict[str, Any]:
    grey = {"color": style.COLOURS["grey"], "dash": "dot", "width": 2}
    return style.line(6, x=[x[0], x[-1]], y=[value, value], name=name, line=grey)


def _dot(x: float, y: Tensor) -> dict[str, Any]:
    marker = {"size": 11, "color": style.COLOURS["black"], "symbol": "diamond"}
    trace = {"type": "scatter", "mode": "markers", "x": [x], "y": [y.item()], "marker": marker}
    return trace | {"name": "now", "showlegend": False}


def similarities(
    z1: Tensor, z2: Tensor, *, title: str = "", past: Sequence[tuple[float, float]] = ()
) -> go.Figure:
    """Cosines of positives and negatives, and the place in the plane of alignment and uniformity.

    z1, z2 [N, D]: two views of the same pictures. past: (alignment, uniformity) of earlier times.
    """
    a, b = (torch.nn.functional.normalize(z.float(), dim=1) for z in (z1, z2))
    scores = a @ b.T  # [N, N]
    near, far = scores.diagonal(), scores[~torch.eye(len(a), dtype=torch.bool)]
    here = (alignment(a, b).item(), uniformity(a).item())
    way = [*past, here]
    trail = style.line(0, x=[p[0] for p in way], y=[p[1] for p in way], name="so far")
    trail |= {"mode": "lines+markers", "marker": {"size": 5}, "showlegend": False}
    heap = "One heap, as in an untrained or a collapsed network: strangers are as alike as views. "
    verdict = heap if far.mean() > ONE_HEAP else ""
    return style.panels(
        [
            {
                "traces": [_steps(0, near, "two views"), _steps(1, far, "strangers")],
                "title": "cosine of two embeddings",
                "x": {"title": "cosine", "range": [-1.02, 1.02]},
                "y": {"title": "share of pairs", "range": [0, 0.5]},
            },
            {
                "traces": [trail, _dot(here[0], torch.tensor(here[1]))],
                "title": "closeness of views, spread of all",
                "x": {"title": "alignment (0: views agree)", "range": [-0.1, 2.1]},
                "y": {"title": "uniformity (0: collapsed)", "range": [-4.2, 0.2]},
            },
        ],
        title=title,
        widths=[1.4, 1],
        height=390,
        caption=f"{verdict}Mean cosine of views {near.mean():.2f}, of strangers {far.mean():.2f}; "
        f"alignment {here[0]:.2f}, uniformity {here[1]:.2f}.",
        alt="Histograms of cosines, and alignment against uniformity",
    )  # fmt: skip


def _steps(number: int, values: Tensor, name: str) -> dict[str, Any]:
    counts = torch.histc(values, BINS, -1, 1) / len(values)
    middles = torch.linspace(-1, 1, 2 * BINS + 1)[1::2]
    look = {"fill": "tozeroy", "mode": "lines", "line_shape": "hvh"}
    trace = style.line(number, x=middles.numpy(), y=counts.clamp_max(0.5).numpy(), name=name)
    shape = {"line": trace["line"] | {"shape": "hvh"}}
    return trace | {k: v for k, v in look.items() if k != "line_shape"} | shape


def survivors(
    rows: Mapping[str, Mapping[str, Any]],
    names: Mapping[str, str],
    *,
    title: str,
    factors: Sequence[str] = tuple(FACTORS),
) -> go.Figure:
    """What a linear rule reads from recorded encoders: accuracy by factor, a bar for each row.

    rows: label -> {"factors": {factor: {"mean", "std", "n"}}}; names: label -> what to print.
    """
    places, called = list(range(len(factors))), [FACTORS[factor][0] for factor in factors]
    traces = []
    for number, (label, name) in enumerate(names.items()):
        found = [rows[label]["factors"][factor] for factor in factors]
        error = {"array": [100 * one["std"] if one["n"] > 1 else 0.0 for one in found]}
        y = [100 * one["mean"] for one in found]
        traces.append(style.bars(number, x=places, y=y, name=name, error_y=error))
    traces.append(_chance(factors))
    return style.figure(
        traces,
        title=title,
        x={"tickvals": places, "ticktext": called, "showgrid": False},
        y={"title": "accuracy of a linear rule, %", "range": [0, 103]},
        height=420,
        barmode="group",
        margin={"l": 64, "r": 20, "t": 96, "b": 52},
        caption=_survival(rows, names, factors),
    )


def _chance(factors: Sequence[str]) -> dict[str, Any]:
    """What guessing scores: a black stroke across all bars of a factor."""
    x: list[float | None] = []
    y: list[float | None] = []
    for place, factor in enumerate(factors):
        x += [place - 0.44, place + 0.44, None]
        y += [100 * FACTORS[factor][1]] * 2 + [None]
    line = {"width": 3, "color": style.COLOURS["black"]}
    return style.line(6, x=x, y=y, name="chance", line=line, hoverinfo="y")


def _survival(
    rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str], factors: Sequence[str]
) -> str:
    said = []
    for factor in factors:
        best = max(names, key=lambda label: rows[label]["factors"][factor]["mean"])
        value = rows[best]["factors"][factor]["mean"]
        said.append(f"{FACTORS[factor][0]} by {names[best]} ({value:.0%})")
    return "Read best: " + "; ".join(said) + "."


def surface(
    rows: Sequence[Mapping[str, Any]], *, temperature: float, negatives: int, chance: float
) -> go.Figure:
    """Recorded probe accuracy over temperature and K; the cell nearest to yours is framed.

    rows: of the record, each with temperature, negatives and probe {"mean", "std", "n"}.
    """
    ts = sorted({float(row["temperature"]) for row in rows})
    ks = sorted({int(row["negatives"]) for row in rows})
    cell = {(float(r["temperature"]), int(r["negatives"])): r["probe"] for r in rows}
    z = [[100 * cell[t, k]["mean"] for k in ks] for t in ts]
    heat = style.heat(z=z, text=[[f"{v:.1f}" for v in line] for line in z])
    heat |= {"texttemplate": "%{text}", "colorbar": {"title": {"text": "%"}, "thickness": 12}}
    near_t = min(ts, key=lambda t: abs(math.log(t / temperature)))
    near_k = min(ks, key=lambda k: abs(math.log(k / negatives)))
    here, (best_t, best_k) = cell[near_t, near_k], max(cell, key=lambda at: cell[at]["mean"])
    column, row = ks.index(near_k), ts.index(near_t)
    frame = {"type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5}
    frame |= {"y1": row + 0.5, "line": {"color": style.COLOURS["vermilion"], "width": 4}}
    return style.figure(
        [heat],
        shapes=[frame],
        title=f"Recorded: probe accuracy on the classes, % (chance {100 * chance:.0f})",
        x=_ticks(ks, "negatives K"),
        y=_ticks(ts, "temperature T"),
        height=400,
        caption=f"Framed, nearest to yours: T = {near_t:g}, K = {near_k}: {here['mean']:.1%}. "
        f"Best: T = {best_t:g}, K = {best_k}, {cell[best_t, best_k]['mean']:.1%} "
        f"(n = {here['n']} a cell).",
    )


def _ticks(values: Sequence[float], title: str) -> dict[str, Any]:
    places = {"tickvals": list(range(len(values))), "ticktext": [f"{v:g}" for v in values]}
    return {"title": title, **places, "range": [-0.5, len(values) - 0.5], "showgrid": False}


def triplets(gaps: Tensor, margin: float) -> go.Figure:
    """Two triplet losses and their slopes over |a - p| - |a - n|; `gaps` [N]: a network's."""
    x = torch.linspace(-4, 4, 161)
    share = torch.sigmoid(x)
    losses = {"ratio, d₊²": share.square(), f"margin m = {margin:.2g}": (x + margin).relu()}
    slopes = {
        "ratio, d₊²": 2 * share.square() * (1 - share),
        f"margin m = {margin:.2g}": (x > -margin).float(),
    }
    counts = torch.histc(gaps.float(), 40, -4, 4) / len(gaps)
    middles = torch.linspace(-4, 4, 81)[1::2].numpy()
    pale = {"color": style.COLOURS["grey"], "opacity": 0.4}
    bars: dict[str, Any] = {"type": "bar", "x": middles, "y": counts.numpy() * 4, "marker": pale}
    bars |= {"name": "triplets of the network (share, times 4)", "width": 0.2}
    silent, wrong = (gaps <= -margin).float().mean().item(), (gaps >= 0).float().mean().item()
    axis: dict[str, Any] = {"title": "gap |a - p| - |a - n|", "range": [-4, 4]}
    return style.panels(
        [
            {
                "traces": [bars, *_named(x, losses)],
                "title": "loss",
                "x": axis,
                "y": {"title": "loss", "range": [0, 2]},
            },
            {
                "traces": [t | {"showlegend": False} for t in _named(x, slopes)],
                "title": "slope: how hard it pulls",
                "x": axis,
                "y": {"title": "slope", "range": [-0.03, 1.1]},
            },
        ],
        title="Two ways to punish a triplet",
        height=400,
        caption=f"{wrong:.0%} of these triplets are wrong (the stranger is nearer); {silent:.0%} "
        f"keep the margin {margin:.2g} and give the margin loss no gradient at all.",
    )


def _named(x: Tensor, lines: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    return [
        style.line(number, x=x.numpy(), y=y.numpy(), name=name)
        for number, (name, y) in enumerate(lines.items())
    ]
