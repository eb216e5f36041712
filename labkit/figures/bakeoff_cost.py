"""Figure of lab 08: what a method costs, and what it brings."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go

from labkit.evaluation.comparison import Scores, differences, only, pareto
from labkit.figures import style
from labkit.figures.bakeoff import PANELS, Timings, middle, nothing, pairs_of


def cost(found: Scores, ms: Mapping[str, Timings]) -> go.Figure:
    """Test accuracy over extra milliseconds a step, one panel a pair, and those that none beats.

    found: of `comparison.scores`; ms: pair -> method -> timings, several give bars from fastest to
    slowest about their median. The line joins the ringed methods, those with no other as cheap and
    as accurate, by their means; the caption says whether neighbours on it are told apart over their
    seeds (Holm for all methods of the pair). Empty, with the reason, without a timing or above four
    pairs.
    """
    here = {pair: _timed(only(found, pair), ms.get(pair, {})) for pair in pairs_of(found)}
    here = {pair: of for pair, of in here.items() if of}
    if not here:
        return nothing("No method shown has both a recorded run and a timing.")
    if len(here) > PANELS:
        return nothing(f"{len(here)} pairs are too many side by side: choose at most {PANELS}.")
    order = [method for method in found if any(method in of for of in here.values())]
    parts: list[dict[str, Any]] = []
    said, named = [], set[str]()
    for pair, of in here.items():
        front = pareto(
            {method: middle(ms[pair][method]) for method in of},
            {method: statistics.fmean(values.values()) for method, values in of.items()},
        )
        dots = [
            _dot(order.index(m), m, values, ms[pair][m], m in front, m not in named)
            for m, values in of.items()
        ]
        named |= set(of)
        parts.append(
            {"traces": [_stairs(dots, front), *dots], "title": pair,
             "x": "extra ms a step", "y": "test accuracy (%)" if not parts else ""}
        )  # fmt: skip
        said.append(f"{pair}: beaten by none (ringed), cheapest first: {_told(of, front)}.")
    return style.panels(
        parts,
        height=430,
        margin={"l": 64, "r": 20, "t": 50, "b": 150},
        caption=" ".join(said),
        alt="Test accuracy over extra milliseconds a step",
    )


def _timed(found: Scores, timings: Timings) -> Scores:
    return {method: of for method, of in found.items() if method in timings}


def _dot(
    number: int,
    method: str,
    of: Mapping[Any, float],
    timings: float | Sequence[float],
    unbeaten: bool,
    listed: bool,
) -> dict[str, Any]:
    """One method's point: median cost, mean accuracy, and the spread of both."""
    look = style.series(number)
    times = list(timings) if isinstance(timings, Sequence) else [timings]
    values = [100 * value for value in of.values()]
    x, y = statistics.median(times), statistics.fmean(values)
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    seeds = f"± {spread:.1f}, n = {len(values)}" if len(values) > 1 else "(one seed)"
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": method,
        "marker": {"color": look["color"], "symbol": look["symbol"], "size": 10,
                   "line": {"color": style.COLOURS["black"], "width": 2 if unbeaten else 0}},
        "error_y": {"array": [spread]},
        "error_x": {"array": [max(times) - x], "arrayminus": [x - min(times)]},
        "hovertemplate": f"{method}: {x:+.1f} ms, {y:.1f} % {seeds}<extra></extra>",
        "showlegend": listed, "legendgroup": method,
    }  # fmt: skip


def _stairs(dots: Sequence[Mapping[str, Any]], front: Sequence[str]) -> dict[str, Any]:
    at = {dot["name"]: (dot["x"][0], dot["y"][0]) for dot in dots}
    x, y = zip(*(at[method] for method in front), strict=True)
    look = {"color": style.COLOURS["grey"], "dash": "dot", "width": 2, "shape": "hv"}
    fixed = {"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "skip"}
    return fixed | {"x": list(x), "y": list(y), "line": look}


def _told(found: Scores, front: Sequence[str]) -> str:
    """The methods of the front, each with what may be said of it and the one before."""
    said = {frozenset(d[:2]): d.said for d in differences(found)}
    steps = [f"{dear} ({said[frozenset((cheap, dear))]})" for cheap, dear in pairwise(front)]
    return ", ".join([front[0], *steps])
