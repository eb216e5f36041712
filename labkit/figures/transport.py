"""Figures of lab 06, optimal transport by itself: heaps, holes, plans, three ways to find one."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit import losses
from labkit.errors import unknown
from labkit.figures import style
from labkit.figures.transport_exact import exact

PLACES = ("line", "plane")
SOLVERS = ("exact", "Sinkhorn", "IPOT")
EPSILONS = torch.logspace(-2.5, 1, 12).tolist()
FLOOR = 1e-9  # of errors shown: smaller is rounding
ITERATIONS = 50  # of the iterative solvers, as published code of WCoRD's first author has it
Swept = Mapping[str, Sequence[tuple[float, float]]]
SHADES = 6  # widths of arrows: an arrow's width says how much it carries


def points(where: str, apart: float, spread: float, number: int = 7) -> tuple[Tensor, Tensor]:
    """Heaps and holes, [number, 2] each, float64; on a "line" all second coordinates are 0.

    apart: how far the holes are moved to the right; spread: how wide they are, the heaps being 1.
    Raises ValueError for another place.
    """
    if where not in PLACES:
        raise unknown("where", where, PLACES)
    draw = torch.Generator().manual_seed(366)  # no two points on the line too near to be told apart
    heaps, holes = torch.randn(2, number, 2, generator=draw, dtype=torch.float64)
    holes = spread * (holes - holes.mean(0)) + torch.tensor([apart, 0.0])
    heaps = heaps - heaps.mean(0)
    flat = torch.tensor([1.0, 0.0 if where == "line" else 1.0])
    return heaps * flat, holes * flat


def distances(a: Tensor, b: Tensor) -> Tensor:
    """How far it is from every a_i to every b_j: a [N, D], b [M, D] give [N, M]."""
    return (a[:, None] - b[None]).norm(dim=2)


def solve(cost: Tensor, solver: str, epsilon: float, iterations: int = ITERATIONS) -> Tensor:
    """The plan of one of `SOLVERS` for cost [N, N]: [N, N]; `exact` has no use for epsilon.

    Raises ValueError for another solver and what the solvers raise.
    """
    if solver not in SOLVERS:
        raise unknown("solver", solver, SOLVERS)
    if solver == "exact":
        return exact(cost)
    if solver == "Sinkhorn":
        return losses.sinkhorn(cost, epsilon=epsilon, iterations=iterations)
    return losses.ipot(cost, beta=epsilon, iterations=iterations)


def mover(where: str, apart: float, spread: float, solver: str, epsilon: float) -> go.Figure:
    """Heaps to be carried into holes: the plan as arrows and as a heat map, and what it costs."""
    a, b = points(where, apart, spread)
    cost = distances(a, b)
    best = exact(cost + 1e-6 * cost**2)  # of plans that cost the same, the one without long ways
    plan = best if solver == "exact" else solve(cost, solver, epsilon)
    paid, least = (plan * cost).sum().item(), (best * cost).sum().item()
    paired = cost.diagonal().mean().item()
    low, high = (-0.35, 1.35) if where == "line" else (-3.2, 3.2)
    off = losses.marginal_error(plan) * len(plan)
    full = "one heap" if off < 5e-3 else f"one heap within {off:.0%} (not finished)"
    return style.panels(
        [
            {"traces": arrows(*_drawn(where, a, b), plan), "title": _heading(solver, epsilon),
             "x": {"title": "place", "range": [-4.2, 7.2]},
             "y": {"title": "" if where == "line" else "place", "range": [low, high],
                   "showticklabels": where != "line"}},
            heat_of(plan, "the plan P, in heaps"),
        ],
        widths=[1.5, 1],
        height=430,
        gap=0.12,
        alt="Heaps and holes with arrows for the plan, and the plan as a heat map",
        caption=f"{solver} pays {paid:.3f} (heap i into hole i: {paired:.3f}; the least possible: "
        f"{least:.3f}). Each hole gets {full}, from {_spread(plan):.1f} heaps on average.",
    )  # fmt: skip


def arrows(a: Tensor, b: Tensor, plan: Tensor) -> list[dict[str, Any]]:
    """Lines from a_i to b_j, a line's width saying how much goes there; then heaps and holes.

    a, b: places [N, 2]; plan [N, N]. The number of traces never changes, so that a slider redraws
    in place; less than 2 % of a heap is not drawn.
    """
    share = plan * len(plan)  # in heaps
    level = (share * SHADES).ceil().clamp(max=SHADES)
    traces: list[dict[str, Any]] = []
    for step in range(1, SHADES + 1):
        rows, columns = ((level == step) & (share > 0.02)).nonzero(as_tuple=True)
        gap = torch.full((len(rows), 1), torch.nan, dtype=a.dtype)
        x, y = (
            torch.cat([a[rows, axis, None], b[columns, axis, None], gap], 1).flatten().tolist()
            for axis in (0, 1)
        )
        line = {"color": style.COLOURS["grey"], "width": 0.6 * step}
        traces.append({"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line,
                       "showlegend": False, "hoverinfo": "skip"})  # fmt: skip
    return [*traces, _dots("heaps", a, "blue", "circle"), _dots("holes", b, "vermilion", "square")]


def heat_of(plan: Tensor, title: str) -> dict[str, Any]:
    """The part of a figure that shows a plan [N, N], in heaps: 1 is all that a row has."""
    axis = {"showgrid": False, "zeroline": False}
    shown = (plan * len(plan)).numpy()
    return {
        "traces": [style.heat(z=shown, zmin=0, zmax=1)],
        "title": title,
        "x": axis | {"title": "hole j"},
        "y": axis | {"title": "heap i", "autorange": "reversed"},
    }


def swept(cost: Tensor, iterations: int = ITERATIONS) -> Swept:
    """Solver -> (cost, error of the marginals) at each of `EPSILONS`, for cost [N, N]."""
    return {
        name: [_judged(solve(cost, name, epsilon, iterations), cost) for epsilon in EPSILONS]
        for name in SOLVERS[1:]
    }


def ways(cost: Tensor, curves: Swept, epsilon: float, iterations: int = ITERATIONS) -> go.Figure:
    """What each solver pays for cost [N, N] over epsilon, and how far its sums are off.

    curves: `swept(cost, iterations)`, which takes longer than a redraw may.
    """
    least = _judged(exact(cost), cost)[0]
    now = {name: _judged(solve(cost, name, epsilon, iterations), cost) for name in curves}
    axis = {"title": "epsilon", "type": "log", "range": [-2.6, 1.1], "dtick": 1}
    paid, off = [], []
    for number, (name, rows) in enumerate(curves.items()):
        costs, errors = ([pair[which] for pair in rows] for which in (0, 1))
        paid += [style.line(number, x=EPSILONS, y=costs, name=name), _now(epsilon, now[name][0])]
        errors = [max(error, FLOOR) for error in errors]
        off += [style.line(number, x=EPSILONS, y=errors, name=name, showlegend=False),
                _now(epsilon, max(now[name][1], FLOOR))]  # fmt: skip
    flat = style.line(6, x=[EPSILONS[0], EPSILONS[-1]], y=[least, least], name="exact")
    return style.panels(
        [
            {"traces": [*paid, flat], "title": "what the plan costs", "x": axis,
             "y": {"title": "cost", "rangemode": "tozero"}},
            {"traces": off, "title": "largest error of a row's or a column's sum", "x": axis,
             "y": {"type": "log", "range": [-9.3, 0], "exponentformat": "power"}},
        ],
        height=400,
        gap=0.12,
        alt="Cost of the plans, and the error of their sums, over epsilon",
        caption=f"After {iterations} rounds at epsilon = {epsilon:.3f} Sinkhorn pays "
        f"{now['Sinkhorn'][0]:.3f} and IPOT {now['IPOT'][0]:.3f}; the exact plan costs "
        f"{least:.3f}, no plan at all (every heap to all holes alike) {cost.mean().item():.3f}.",
    )  # fmt: skip


def _judged(plan: Tensor, cost: Tensor) -> tuple[float, float]:
    """What a plan costs, and how far its sums are off."""
    return (plan * cost).sum().item(), losses.marginal_error(plan)


def _drawn(where: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Where points are drawn: on a line, heaps above holes, or nothing could be told apart."""
    lift = torch.tensor([0.0, 1.0 if where == "line" else 0.0])
    return a + lift, b


def _spread(plan: Tensor) -> float:
    """From how many heaps a hole is filled: exp of the entropy of its column; 1 for exact plans."""
    share = plan / plan.sum(0)
    return torch.special.entr(share).sum(0).exp().mean().item()


def _heading(solver: str, epsilon: float) -> str:
    return "exact" if solver == "exact" else f"{solver}, epsilon = {epsilon:.3f}"


def _dots(name: str, places: Tensor, colour: str, symbol: str) -> dict[str, Any]:
    marker = {"size": 13, "color": style.COLOURS[colour], "symbol": symbol}
    return {"type": "scatter", "mode": "markers+text", "name": name, "marker": marker,
            "x": places[:, 0].tolist(), "y": places[:, 1].tolist(),
            "text": [str(i) for i in range(len(places))],
            "textfont": {"color": "#FFFFFF", "size": 9}}  # fmt: skip


def _now(x: float, y: float) -> dict[str, Any]:
    marker = {"size": 10, "color": style.COLOURS["black"], "symbol": "diamond"}
    return {"type": "scatter", "mode": "markers", "x": [x], "y": [y], "marker": marker,
            "name": "now", "showlegend": False}  # fmt: skip
