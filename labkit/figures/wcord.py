"""Figures of lab 06, the critic of WCoRD's global term: a surface, its slopes, its noise."""

import math
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit import losses
from labkit.errors import between, unknown, whole
from labkit.figures import style

KINDS = ("turned", "sign lost", "independent")
_ANGLES = torch.linspace(-math.pi, math.pi, 49, dtype=torch.float64)
_COUNTS = [2**i for i in range(11)]  # 1..1024 negatives
_ANCHORS = 16


def circle(angles: Tensor) -> Tensor:
    """Points of the unit circle, [N, 2], at angles [N] in radians."""
    return torch.stack([angles.cos(), angles.sin()], 1)


def pairs(kind: str, turn: float, number: int = 120) -> tuple[Tensor, Tensor]:
    """Angles of teacher and student, [N] each in -pi..pi, float64, that belong together.

    turn: by how much the student's differ, in degrees. "turned": s is t turned, with some noise;
    "sign lost": the same, but s points the other way for every second picture; "independent".
    Raises ValueError for another kind.
    """
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    draw = torch.Generator().manual_seed(2)
    t = torch.arange(number, dtype=torch.float64) / number * 2 * math.pi
    noise = 0.25 * torch.randn(number, generator=draw, dtype=torch.float64)
    s = t + math.radians(turn) + noise
    if kind == "sign lost":
        s = s + math.pi * (torch.arange(number) % 2)
    if kind == "independent":
        s = s[torch.randperm(number, generator=draw)]
    return _wrapped(t), _wrapped(s)


def weights(turn: float, second: float) -> Tensor:
    """W [2, 2] that undoes a turn by `turn` degrees; its singular values are 1 and |second|."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    back = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    squeezed = [1.0, between("second", second, -1, 1)]
    return torch.tensor(squeezed, dtype=torch.float64)[:, None] * back


def critic(kind: str, student_turn: float, critic_turn: float, second: float) -> go.Figure:
    """g(t, s) = t' W s over both angles as a surface from above, and the pairs that lie on it.

    second: W's second singular value, the first is 1: the constraint is met.
    """
    t, s = pairs(kind, student_turn)
    w = weights(critic_turn, second)
    surface = circle(_ANGLES) @ w @ circle(_ANGLES).T  # [t, s]
    scores = circle(t) @ w @ circle(s).T  # [N, N]
    off = ~torch.eye(len(t), dtype=torch.bool)
    joint, product = scores.diagonal().mean().item(), scores[off].mean().item()
    most = losses.wcord_supremum(circle(s), circle(t)).item()
    degrees = _ANGLES.rad2deg().numpy()
    hills = {"type": "contour", "z": surface.numpy(), "x": degrees, "y": degrees, "zmin": -1,
             "zmax": 1, "colorscale": style.DIVERGING, "showlegend": False,
             "colorbar": {"thickness": 12, "title": {"text": "g"}},
             "contours": {"start": -1, "end": 1, "size": 0.25}}  # fmt: skip
    together = torch.randperm(len(t), generator=torch.Generator().manual_seed(3))
    axis = {"range": [-184, 184], "tickvals": [-180, -90, 0, 90, 180], "showgrid": False}
    return style.figure(
        [
            hills,
            _marks("put together at random", t, s[together], "grey", "circle-open"),
            _marks("belong together", t, s, "black", "circle"),
        ],
        title="The critic is a landscape: it wants the black pairs on its hills",
        x=axis | {"title": "angle of the student's arrow s, degrees"},
        y=axis | {"title": "angle of the teacher's arrow t, degrees"},
        height=470,
        margin={"l": 64, "r": 20, "t": 90, "b": 52},
        caption=f"Pairs stand {joint:+.3f} high on average, random ones {product:+.3f}: the term "
        f"L_g is {product - joint:+.3f}. The best critic of this kind would get {-most:+.3f}.",
    )  # fmt: skip


def slopes(scale: float, divided: bool, number: int = 1500) -> go.Figure:
    """How steep g is between points of the unit balls, by the sum of both ways and by Pythagoras.

    scale: W is `scale` times a turn of three dimensions; divided: by its norm, as WCoRD's is.
    """
    rise, ways = _walks(scale, divided, number)
    by = {"|t - t'| + |s - s'|": rise / (ways[0] + ways[1]),
          "Euclidean, of the pair": rise / torch.hypot(ways[0], ways[1])}  # fmt: skip
    top = 1.6 * max(1.0, 1.0 if divided else scale)
    at = torch.linspace(0, top, 65, dtype=torch.float64)
    traces = [
        style.line(n, x=at.tolist(), y=(v > at[:, None]).double().mean(1).tolist(), name=name)
        for n, (name, v) in enumerate(by.items())
    ]
    steepest = [v.max().item() for v in by.values()]
    edge = {"type": "line", "x0": 1, "x1": 1, "y0": 0, "y1": 1, "yref": "paper",
            "line": {"color": style.COLOURS["grey"], "dash": "dot"}}  # fmt: skip
    return style.figure(
        traces,
        shapes=[edge],
        title="How steep is the critic? (dotted: the slope 1)",
        x={"title": "rise of g / distance walked", "range": [0, top]},
        y={"title": "share that is steeper", "range": [0, 1]},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=370,
        caption=f"Steepest of {number:,}: {steepest[0]:.2f} by the sum of both distances, "
        f"{steepest[1]:.2f} by the Euclidean distance of the pair.",
    )


def noise(student: Tensor, teacher: Tensor, negatives: int, repeats: int = 24) -> go.Figure:
    """Estimates of L_g from K negatives per anchor, over K: mean and spread; embeddings [N, D].

    The critic is g = t's; 16 anchors, whose negatives are other pictures, drawn with replacement.
    """
    n = whole("number of embeddings", len(student), 2)
    scores = (teacher @ student.T).double()[:_ANCHORS]  # [A, N]
    own = scores.diagonal().mean()
    exactly = ((scores.sum(1) - scores.diagonal()).mean() / (n - 1) - own).item()
    means = _estimates(scores, max(*_COUNTS, whole("negatives", negatives)), repeats)
    found, here = [means[:, k - 1] for k in _COUNTS], means[:, negatives - 1]
    up = [e.std().item() for e in found]
    dots = {"type": "scatter", "mode": "markers", "x": _COUNTS, "name": "mean ± std of estimates",
            "y": [e.mean().item() for e in found], "error_y": {"array": up},
            "marker": {"color": style.COLOURS["blue"], "size": 8}}  # fmt: skip
    flat = style.line(6, x=[0.7, 1500], y=[exactly, exactly], name="all negatives there are")
    now = {"type": "scatter", "mode": "markers", "x": [negatives], "y": [here.mean().item()],
           "marker": {"size": 13, "symbol": "diamond", "color": style.COLOURS["vermilion"]},
           "name": "your K"}  # fmt: skip
    ceiling = math.log(negatives + 1)
    return style.figure(
        [dots, flat, now],
        title="The global term against the number of negatives: same value, less noise",
        x={"title": "negatives K per anchor", "type": "log", "dtick": 1, "range": [-0.2, 3.2]},
        y={"title": "L_g"},
        margin={"l": 78, "r": 20, "t": 84, "b": 52},
        height=370,
        caption=f"With K = {negatives} an estimate is {here.mean():+.4f} ± {here.std():.4f}; all "
        f"negatives give {exactly:+.4f}. A loss with a softmax would have moved to a chance value "
        f"of log(K + 1) = {ceiling:.2f}.",
    )


def _walks(scale: float, divided: bool, number: int) -> tuple[Tensor, list[Tensor]]:
    """From `number` pairs of points to others near by: how much g rises, and both ways gone."""
    draw = torch.Generator().manual_seed(4)
    critic = losses.LipschitzCritic(3, 3).double()
    turned = torch.linalg.qr(torch.randn(3, 3, generator=draw, dtype=torch.float64))[0]
    with torch.no_grad():
        critic.weight.copy_(scale * turned)
        w = critic.matrix() if divided else critic.weight
    t, s = (_ball(number, draw) for _ in range(2))
    s[: number // 2] = _pulled(t[: number // 2] @ w, s[: number // 2])  # near the steepest places
    step = 0.2 * torch.randn(2, number, 3, generator=draw, dtype=torch.float64)
    step[1, : number // 2] = step[0, : number // 2] @ turned
    t2, s2 = _inside(t + step[0]), _inside(s + step[1])
    rise = ((t @ w * s).sum(1) - (t2 @ w * s2).sum(1)).abs()
    ways = [(t - t2).norm(dim=1), (s - s2).norm(dim=1)]
    return rise, ways


def _estimates(scores: Tensor, most: int, repeats: int) -> Tensor:
    """Values of L_g from the first 1..most of an anchor's negatives, [repeats, most]."""
    draw = torch.Generator().manual_seed(1)
    anchors, n = torch.arange(len(scores))[:, None], scores.shape[1]
    steps = torch.randint(1, n, (repeats, len(scores), most), generator=draw)
    drawn = scores[anchors, (anchors + steps) % n].mean(1)  # [R, K], over anchors
    return drawn.cumsum(1) / torch.arange(1, most + 1) - scores.diagonal().mean()


def _marks(name: str, t: Tensor, s: Tensor, colour: str, symbol: str) -> dict[str, Any]:
    marker = {"size": 7, "color": style.COLOURS[colour], "symbol": symbol}
    return {"type": "scatter", "mode": "markers", "name": name, "marker": marker,
            "x": s.rad2deg().tolist(), "y": t.rad2deg().tolist()}  # fmt: skip


def _wrapped(angles: Tensor) -> Tensor:
    return (angles + math.pi) % (2 * math.pi) - math.pi


def _ball(number: int, draw: torch.Generator) -> Tensor:
    return _inside(torch.randn(number, 3, generator=draw, dtype=torch.float64))


def _inside(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True).clamp_min(1)


def _pulled(target: Tensor, start: Tensor) -> Tensor:
    return _inside(3 * target + 0.2 * start)
