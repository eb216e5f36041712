"""Figure of lab 08: what comparing seed by seed is worth."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.evaluation.comparison import Scores, differences
from labkit.figures import style
from labkit.figures.bakeoff import nothing


def paired(found: Scores, first: str, second: str) -> go.Figure:
    """Two methods' runs joined where they share pictures, crops and start, and both intervals.

    found: of `comparison.scores`, one pair's (`comparison.only`). Left: a line for each seed both
    have. Right: first minus second with the 95 % interval of the differences, and with the one of
    two groups that have nothing to do with each other (Welch). Empty below two common seeds.
    """
    ours, theirs = found.get(first, {}), found.get(second, {})
    common = [block for block in ours if block in theirs]
    if len(common) < 2 or first == second:
        return nothing("Two different methods with two seeds in common are needed.")
    a, b = ([100 * of[block] for block in common] for of in (ours, theirs))
    (made,) = differences({first: ours, second: theirs}, second)
    halves = 100 * (made.high - made.mean), welch(a, b)
    lines = [_seed(block[1], x, y) for block, x, y in zip(common, a, b, strict=True)]
    gap = 100 * made.mean
    return style.panels(
        [
            {"traces": lines, "title": "a line for each seed",
             "x": {"tickvals": [0, 1], "ticktext": [second, first], "range": [-0.3, 1.3]},
             "y": "test accuracy, %"},
            {"traces": [_interval(n, gap, half) for n, half in enumerate(halves)],
             "title": f"{first} minus {second}",
             "x": {"title": "points, 95 % interval", "zeroline": True, "zerolinewidth": 2},
             "y": {"tickvals": [0, 1], "ticktext": ["seed by seed", "as two groups"],
                   "range": [1.6, -0.6]}},
        ],
        gap=0.2,
        height=300,
        caption=_told(first, second, gap, halves, len(common)),
        alt=f"{first} and {second}, paired and unpaired",
    )  # fmt: skip


def welch(a: Sequence[float], b: Sequence[float]) -> float:
    """Half the 95 % interval of mean(a) - mean(b) if the two are unrelated groups."""
    from scipy.special import stdtrit  # Student's t

    errors = [statistics.variance(x) / len(x) for x in (a, b)]
    if not sum(errors):
        return 0.0
    parts = sum(e**2 / (len(x) - 1) for e, x in zip(errors, (a, b), strict=True))
    return float(stdtrit(sum(errors) ** 2 / parts, 0.975)) * math.sqrt(sum(errors))


def _seed(seed: int, ours: float, theirs: float) -> dict[str, Any]:
    look = style.line(seed, x=[0, 1], y=[theirs, ours], name=f"seed {seed}")
    marker = {"symbol": style.series(seed)["symbol"], "size": 8}
    return look | {"mode": "lines+markers", "marker": marker}


def _interval(row: int, gap: float, half: float) -> dict[str, Any]:
    marker = {"color": style.series(row)["color"], "symbol": style.series(row)["symbol"], "size": 9}
    bar = {"array": [half], "thickness": 2}
    return {"type": "scatter", "mode": "markers", "x": [gap], "y": [row], "marker": marker,
            "error_x": bar, "showlegend": False,
            "hovertemplate": f"{gap:+.1f} points ± {half:.1f}<extra></extra>"}  # fmt: skip


def _told(first: str, second: str, gap: float, halves: Sequence[float], n: int) -> str:
    by_seed, apart = halves
    narrower = apart / by_seed if by_seed else math.inf
    what = f"{narrower:.1f} times as wide" if narrower >= 1.05 else "no wider"
    silent = [
        name
        for name, half in (("seed by seed", by_seed), ("as two groups", apart))
        if abs(gap) <= half
    ]
    verdict = f"No difference shown {' nor '.join(silent)}." if silent else "Both show it."
    return (
        f"{first} minus {second}: {gap:+.1f} points, ± {by_seed:.1f} seed by seed, ± {apart:.1f} "
        f"as two groups of {n}: {what}. {verdict}"
    )
