"""Figure of lab 10, two of the loss's terms over one edge's probability, prediction left out."""

import math
from typing import Any

import plotly.graph_objects as go

from labkit.errors import between
from labkit.figures import style

MOST = 10.0  # of either beta
_P = [0.001, *(n / 100 for n in range(1, 100)), 0.999]


def graph_term(p: float) -> float:
    """KL(p || 1/2) in nats, p 0..1: log 2 minus the entropy; 0 at 1/2, log 2 at both ends."""
    return math.log(2) + sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


def resting(beta_graph: float, beta_sparse: float) -> float | None:
    """The p where the two terms are least: sigmoid(-beta_sparse / beta_graph); None if both are 0.

    beta_graph log(p / (1 - p)) + beta_sparse, their slope, is 0 there. Without the graph term: 0.
    """
    if not beta_graph:
        return 0.0 if beta_sparse else None
    return 1 / (1 + math.exp(min(700.0, beta_sparse / beta_graph)))


def terms(probability: float, beta_graph: float, beta_sparse: float) -> go.Figure:
    """Graph term, sparsity and their weighted sum over p, and where an unneeded edge comes to rest.

    probability: 0..1, marked; both betas 0..10. Raises ValueError for values outside.
    """
    p = between("probability", probability, 0, 1)
    graph = between("beta_graph", beta_graph, 0, MOST)
    sparse = between("beta_sparse", beta_sparse, 0, MOST)
    rest = resting(graph, sparse)
    return style.panels(
        [_values(p, graph, sparse, rest), _rests(graph, sparse, rest)],
        title="What two terms do to an edge that the prediction does not need",
        gap=0.12,
        height=400,
        margin={"l": 64, "r": 20, "t": 78, "b": 104},
        caption=_told(p, graph, sparse, rest),
        alt="Graph and sparsity term over the probability of an edge, and where their sum is least",
    )


def _values(p: float, graph: float, sparse: float, rest: float | None) -> dict[str, Any]:
    first, second = [graph * graph_term(q) for q in _P], [sparse * q for q in _P]
    both = [a + b for a, b in zip(first, second, strict=True)]
    here = graph * graph_term(p) + sparse * p
    least = None if rest is None else graph * graph_term(rest) + sparse * rest
    thick = {"line": {"color": style.COLOURS["black"], "width": 3}}
    traces = [
        style.line(0, x=_P, y=first, name="graph term, weighted"),
        style.line(1, x=_P, y=second, name="sparsity, weighted"),
        style.line(6, x=_P, y=both, name="sum") | thick,
        _mark(p, here, "your p", "purple", "circle"),
        _mark(rest, least, "least", "vermilion", "diamond"),
    ]
    top = max(0.1, 1.08 * max(both))
    return {"traces": traces, "title": "what the edge costs",
            "x": {"title": "probability p of the edge", "range": [-0.02, 1.02]},
            "y": {"title": "nats", "range": [-0.04 * top, top]}}  # fmt: skip


def _rests(graph: float, sparse: float, rest: float | None) -> dict[str, Any]:
    ratios = [10 ** (k / 20 - 2) for k in range(81)]  # 0.01..100
    curve = style.line(2, x=ratios, y=[resting(1.0, r) for r in ratios], name="least, any betas")
    at = None if rest is None or not graph else min(max(sparse / graph, 0.01), 100.0)
    if at is None and rest is not None:
        at = 100.0  # no graph term: beyond the right end
    return {
        "traces": [curve, _mark(at, rest, "least", "vermilion", "diamond") | {"showlegend": False}],
        "title": "where it comes to rest",
        "x": {
            "title": "beta sparsity / beta graph",
            "type": "log",
            "dtick": 1,
            "range": [-2.1, 2.1],
        },
        "y": {"title": "p", "range": [-0.03, 0.6]},
    }


def _mark(x: float | None, y: float | None, name: str, colour: str, symbol: str) -> dict[str, Any]:
    marker = {"size": 12, "symbol": symbol, "color": style.COLOURS[colour]}
    return {"type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": name,
            "marker": marker}  # fmt: skip


def _told(p: float, graph: float, sparse: float, rest: float | None) -> str:
    if rest is None:
        return "Both betas are 0: nothing moves an edge that the prediction does not need."
    if not sparse:
        return (
            f"The graph term alone is least at p = 0.5: it pulls the edge from {p:.2f} there, away "
            "from certainty either way, and removes none."
        )
    if not graph:
        return f"Sparsity alone is least at p = 0: it takes the edge from {p:.2f} down and out."
    way = "stays" if abs(p - rest) < 0.005 else "falls" if p > rest else "rises"
    return (
        f"Together they are least at p = {rest:.3f}, sigmoid(-{sparse:g} / {graph:g}): from "
        f"{p:.2f} the edge {way}. Sparsity prunes, the graph term holds back."
    )
