"""Figures of lab 08: which methods are told apart, two by two and all together."""

import statistics
from typing import Any

import plotly.graph_objects as go

from labkit.evaluation.comparison import LEVEL, Difference, Ranking, Scores, differences, ranking
from labkit.figures import style
from labkit.figures.bakeoff import nothing, points

PALE = "#DADADA"  # behind what is not told apart


def matrix(found: Scores, *, level: float = LEVEL) -> go.Figure:
    """Row minus column in points, for every two methods; grey where no difference is shown.

    found: of `comparison.scores`, one pair's (`comparison.only`) or several pairs' together. Holm's
    correction is for all cells, so a grey cell's own 95 % interval, shown at the pointer, may leave
    out 0. Cells of one seed are grey and say so; those without a common run are empty.
    """
    if len(found) < 2:
        return nothing("Two methods or more are needed for a difference.")
    order = sorted(found, key=lambda m: -statistics.fmean(found[m].values()))
    made = differences({method: found[method] for method in order}, level=level)
    cells = {(d.first, d.second): d for d in made if d.n}
    cells |= {(d.second, d.first): _turned(d) for d in cells.values()}
    largest = max((abs(100 * d.mean) for d in made if d.shown), default=1.0) or 1.0
    shown = {key: d for key, d in cells.items() if d.shown}
    grey = {key: d for key, d in cells.items() if not d.shown}
    colours = {"colorscale": style.DIVERGING, "zmin": -largest, "zmax": largest}
    pale = {"colorscale": [[0, PALE], [1, PALE]], "showscale": False}
    return style.figure(
        [
            _heat(order, grey, [f"{100 * d.mean:+.1f}" for d in grey.values()], pale),
            _heat(order, shown, [f"<b>{100 * d.mean:+.1f}</b>" for d in shown.values()],
                  colours | {"colorbar": {"thickness": 12, "title": {"text": "points"}}}),
        ],
        title="Row minus column, points (grey: not told apart)",
        x=_ticks(order) | {"tickangle": -45},
        y=_ticks(order) | {"autorange": "reversed"},
        margin={"l": 150, "r": 20, "t": 56, "b": 110},
        height=190 + 34 * len(order),
        caption=_counted(made, level),
    )  # fmt: skip


def critical(found: Scores, *, level: float = LEVEL) -> go.Figure:
    """Average rank of each method over blocks, and bars that join those not told apart.

    found: of `comparison.scores`; ranks only over blocks (a pair with a seed) that all methods
    have. Source: Demsar (2006), figure 1, drawn row by row. Empty, with the reason, where there
    are too few methods or blocks.
    """
    try:
        made = ranking(found, level=level)
    except ValueError as error:
        return nothing(f"{str(error)[0].upper()}{str(error)[1:]}.")
    k = len(made.methods)
    dots = {
        "type": "scatter", "mode": "markers", "x": list(made.ranks), "y": list(range(k)),
        "marker": {"color": style.COLOURS["blue"], "size": 10}, "showlegend": False,
        "hovertemplate": "average rank %{x:.2f}<extra></extra>",
    }  # fmt: skip
    ends = k + 0.25 * (len(made.groups) + 1)
    ruler = _bar([1, 1 + made.critical], [-0.8, -0.8], "black", "critical difference")
    return style.figure(
        [dots, *_brackets(made), ruler],
        title=f"Average rank over {made.blocks} blocks, 1 = best",
        x={"title": "average rank; bars at the right join what is not told apart",
           "range": [0.8, max(ends, 1.2 + made.critical)], "tickvals": list(range(1, k + 1))},
        y={"tickvals": list(range(k)), "ticktext": list(made.methods), "range": [k - 0.5, -1.3]},
        margin={"l": 150, "r": 20, "t": 56, "b": 52},
        height=170 + 30 * k,
        annotations=[{"text": f"critical difference {made.critical:.2f}", "x": 1, "y": -1.05,
                      "xanchor": "left"}],
        caption=_ranked(made),
        alt="Critical-difference diagram",
    )  # fmt: skip


def _turned(d: Difference) -> Difference:
    return d._replace(first=d.second, second=d.first, mean=-d.mean, low=-d.high, high=-d.low)


def _heat(
    order: list[str],
    cells: dict[tuple[str, str], Difference],
    text: list[str],
    look: dict[str, Any],
) -> dict[str, Any]:
    """The cells given, the others left empty; by index, for a category axis sorts anew."""
    place = {method: n for n, method in enumerate(order)}
    z: list[list[float | None]] = [[None] * len(order) for _ in order]
    words = [["" for _ in order] for _ in order]
    hover = [["" for _ in order] for _ in order]
    for d, said in zip(cells.values(), text, strict=True):
        row, column = place[d.first], place[d.second]
        z[row][column], words[row][column] = 100 * d.mean, said
        p = f", p = {d.adjusted:.2g} by Holm" if d.n > 1 else ""
        hover[row][column] = f"{d.first} minus {d.second}: {points(d)}, n = {d.n}{p}: {d.said}"
    shown = {
        "text": words,
        "texttemplate": "%{text}",
        "textfont": {"size": 10},
        "customdata": hover,
    }
    return style.heat(
        z=z, hoverongaps=False, hovertemplate="%{customdata}<extra></extra>", **shown, **look
    )


def _ticks(order: list[str]) -> dict[str, Any]:
    return {"tickvals": list(range(len(order))), "ticktext": order, "showgrid": False}


def _counted(made: list[Difference], level: float) -> str:
    """How many are told apart, the widest of them, and what the others are."""
    shown = [d for d in made if d.shown]
    known, alone = [d for d in made if d.n > 1], sum(d.n == 1 for d in made)
    rest = f" {alone} rest on one seed." if alone else ""
    if not known:
        return f"No difference shown: no two methods have two seeds in common.{rest}"
    if not shown:
        return f"No difference shown between any two of {len(known)} (Holm, {level:.0%}).{rest}"
    widest = max(shown, key=lambda d: abs(d.mean))
    silent = len(known) - len(shown)
    return (
        f"{len(shown)} of {len(known)} comparisons are told apart (Holm, {level:.0%}); "
        f"{silent}: no difference shown. The widest: {widest.said}, {points(widest)}, "
        f"n = {widest.n}.{rest}"
    )


def _brackets(made: Ranking) -> list[dict[str, Any]]:
    """A bar right of the dots for each group, from its best to its worst method."""
    bars = []
    for number, group in enumerate(made.groups):
        rows = [made.methods.index(group[0]), made.methods.index(group[-1])]
        x = len(made.methods) + 0.25 * (number + 0.5)
        bars.append(_bar([x, x], [rows[0] - 0.2, rows[1] + 0.2], "vermilion", ", ".join(group)))
    return bars


def _bar(x: list[float], y: list[float], colour: str, name: str) -> dict[str, Any]:
    line = {"color": style.COLOURS[colour], "width": 5}
    fixed = {"type": "scatter", "mode": "lines", "showlegend": False, "hoverinfo": "name"}
    return fixed | {"x": x, "y": y, "line": line, "name": name}


def _ranked(made: Ranking) -> str:
    """Friedman's verdict, the best method's group, and how far the test reaches."""
    p = "p < 0.001" if made.p < 0.001 else f"p = {made.p:.2g}"
    left = f" {made.left_out} blocks that some method lacks are left out." if made.left_out else ""
    few = " With so few blocks, p is rough." if made.blocks < 10 else ""
    if not made.shown:
        return f"No difference shown among {len(made.methods)} methods (Friedman, {p}).{left}{few}"
    best = made.methods[0]
    group = next((g for g in made.groups if best in g), (best,))
    beside = ", ".join(group[1:])
    told = f"not told apart from {beside}" if beside else "told apart from all others"
    return (
        f"The methods differ (Friedman, {p}). {best} ranks best, {made.ranks[0]:.2f} on average, "
        f"{told}: ranks must be {made.critical:.2f} apart (Nemenyi).{left}{few}"
    )
