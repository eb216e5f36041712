"""Figures of lab 10, as measured: betas, four backbones, what the layer adds, what edges carry."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style

Row = Mapping[str, Any]
METRICS = {
    "test_accuracy": ("test accuracy", "%", 100.0),
    "val_accuracy": ("validation accuracy", "%", 100.0),
    "edge_precision": ("edge average precision", "", 1.0),
}
ORDERS = {  # a recorded number -> who ordered the pairs of words
    "edge_precision": ("by the graph's edges", "blue", "circle"),
    "edge_pmi": ("by PMI", "vermilion", "line-ew"),
    "edge_random": ("at random", "black", "line-ew"),
}

GAINS = "Accuracy with the layer minus without, same seeds"


def surface(
    rows: Sequence[Row], metric: str = "test_accuracy", *, yours: Mapping[str, float] | None = None
) -> go.Figure:
    """One recorded number over beta graph (down) and beta sparsity (across), yours framed.

    rows: of a reference record, with both betas and the metric; metric: any recorded number, such
    as those of METRICS; yours: {"beta_graph", "beta_sparsity"}, the nearest cell is framed.
    Raises ValueError if no row has them.
    """
    cell = {(row["beta_graph"], _sparse(row)): row[metric] for row in rows if _has(row, metric)}
    if not cell:
        raise ValueError(f"rows has none with beta_graph, beta_sparsity and {metric}")
    name, unit, times = METRICS.get(metric, (metric.replace("_", " "), "", 1.0))
    graphs, sparses = (sorted({place[n] for place in cell}) for n in (0, 1))
    z = [[_maybe(cell.get((g, s)), times) for s in sparses] for g in graphs]
    form = "{:.1f}" if times == 100 else "{:.2f}"
    text = [["" if v is None else form.format(v) for v in line] for line in z]
    heat = style.heat(z=z, text=text, texttemplate="%{text}", hoverongaps=False)
    heat["colorbar"] = {"title": {"text": unit}, "thickness": 12}
    best = max(cell, key=lambda place: _mean(cell[place]))
    said = f"Best {name}: {form.format(times * _mean(cell[best]))} {unit}".rstrip()
    said += f" at beta graph = {best[0]:g}, beta sparsity = {best[1]:g}."
    frame = []
    if yours is not None:
        g, s = _nearest(graphs, yours["beta_graph"]), _nearest(sparses, _sparse(yours))
        frame = [_frame(sparses.index(s), graphs.index(g))]
        if (g, s) in cell:
            said += f" Nearest to yours: {form.format(times * _mean(cell[g, s]))} {unit}".rstrip()
            said += f" at {g:g} and {s:g}."
    return style.figure(
        [heat],
        shapes=frame,
        title=f"Measured: {name}{f', {unit}' if unit else ''}",
        x=_ticks(sparses, "beta sparsity"),
        y=_ticks(graphs, "beta graph"),
        height=150 + 48 * len(graphs),
        caption=said,
        alt=f"Heat map of {name} over beta graph and beta sparsity",
    )


def backbones(rows: Sequence[Row], names: Mapping[str, str] | None = None) -> go.Figure:
    """Average precision of the edges by backbone, mean ± std over seeds, with PMI and chance.

    rows: of a reference record; those with "edge_precision", "edge_pmi" and "edge_random" are
    drawn. names: network -> what to print; without it as recorded.
    Raises ValueError if there is none.
    """
    found = [row for row in rows if all(_has(row, key, betas=False) for key in ORDERS)]
    if not found:
        raise ValueError(f"rows has none with {', '.join(ORDERS)}: nothing is recorded")
    ticks = [_name(row, names) for row in found]
    traces = [_order(found, ticks, key) for key in ORDERS]
    return style.figure(
        traces,
        title="Do the strongest edges join words that truly interact?",
        x=_ticks_of(ticks),
        y={"title": "average precision", "range": [0, 1.05]},
        height=400,
        margin={"l": 64, "r": 20, "t": 90, "b": 52},
        caption=" ".join(_judged(row, name) for row, name in zip(found, ticks, strict=True)),
        alt="Average precision of edges for each backbone, with two baselines",
    )


def _order(found: Sequence[Row], ticks: Sequence[str], key: str) -> dict[str, Any]:
    """A dot with its spread for the edges, a dash for what needs no training."""
    name, colour, symbol = ORDERS[key]
    trained, hue = key == "edge_precision", style.COLOURS[colour]
    marker: dict[str, Any] = {"symbol": symbol, "size": 10 if trained else 34, "color": hue}
    marker["line"] = {"width": {"edge_pmi": 3.0, "edge_random": 1.5}.get(key, 0), "color": hue}
    return {
        "type": "scatter", "mode": "markers", "name": name, "marker": marker, "text": [*ticks],
        "x": [*range(len(found))], "y": [_mean(row[key]) for row in found],
        "error_y": {"array": [_std(row[key]) for row in found], "visible": trained},
        "hovertemplate": "%{text}: %{y:.3f}<extra>" + name + "</extra>",
    }  # fmt: skip


def accuracy(
    rows: Sequence[Row], names: Mapping[str, str] | None = None, *, title: str = GAINS
) -> go.Figure:
    """What the layer adds: test accuracy with minus without it, seed by seed, 95 % intervals.

    rows: of a reference record; those whose recorded "difference" is to another row ("against")
    are drawn. names: network -> what to print. Raises ValueError if there is none.
    """
    found = [row for row in rows if row.get("difference") and row.get("against") != row["label"]]
    if not found:
        raise ValueError("rows has no difference to another row: nothing is recorded")
    ticks = [_name(row, names) for row in found]
    gaps = [row["difference"] for row in found]
    marker = {"symbol": "square", "size": 10, "color": style.COLOURS["blue"]}
    dots = {
        "type": "scatter", "mode": "markers", "y": [*range(len(found))], "marker": marker,
        "x": [100 * gap["mean"] for gap in gaps], "showlegend": False, "text": ticks,
        "error_x": {"array": [_half(gap) for gap in gaps], "thickness": 2},
        "hovertemplate": "%{text}: %{x:+.1f} points<extra></extra>",
    }  # fmt: skip
    return style.figure(
        [dots],
        title=title,
        x={"title": "points, 95 % interval", "zeroline": True, "zerolinewidth": 2},
        y=_ticks_of(ticks) | {"range": [len(found) - 0.5, -0.5]},
        height=150 + 44 * len(found),
        margin={"l": 150, "r": 20, "t": 56, "b": 52},
        caption=" ".join(_gained(gap, name) for gap, name in zip(gaps, ticks, strict=True)),
        alt="Paired differences in accuracy for each backbone",
    )


def kept(row: Row) -> tuple[list[int], list[float]]:
    """Edges left in each sentence, from 0, and the accuracy 0..1 with these strongest ones alone.

    row: of a reference record with "occlusion_none", "occlusion_1" and so on.
    """
    counts = sorted(
        int(key.removeprefix("occlusion_"))
        for key in row
        if key.startswith("occlusion_") and key.removeprefix("occlusion_").isdecimal()
    )
    if "occlusion_none" not in row:
        raise ValueError("row must have occlusion_none: it was recorded without a graph")
    values = [_mean(row["occlusion_none"]), *(_mean(row[f"occlusion_{k}"]) for k in counts)]
    return [0, *counts], values


def occlusion(
    curves: Mapping[str, Sequence[float]],
    *,
    counts: Sequence[int] | None = None,
    what: str = "edges removed",
    measured: str = "accuracy",
) -> go.Figure:
    """A share 0..1 against how many edges or words are gone (or left), a line for each order.

    curves: the order's name -> values, all of one length; those with "random" in their names are
    what the others are compared with. counts: how many, 0, 1, 2 .. unless given; what, measured:
    the axes' words. Raises ValueError for curves that do not fit.
    """
    lengths = {len(values) for values in curves.values()}
    x = [*range(max(lengths, default=0))] if counts is None else [*counts]
    if not curves or lengths != {len(x)} or not x:
        raise ValueError(f"curves must have {len(x)} values each, got {sorted(lengths)}")
    chance = {name for name in curves if "random" in name.lower()}
    places = [*range(len(x))]  # evenly: counts often double
    axis = {"title": what, "tickvals": places, "ticktext": [*map(str, x)]}
    lines = []
    for number, (name, values) in enumerate(curves.items()):
        look = style.series(number)
        y = [100 * float(value) for value in values]
        line = style.line(number, x=places, y=y, name=name) | {"mode": "lines+markers"}
        line |= {"text": [*map(str, x)], "hovertemplate": f"%{{text}} {what}: %{{y:.1f}} %"}
        colour = style.COLOURS["grey"] if name in chance else look["color"]
        line["line"] = line["line"] | {"color": colour}
        lines.append(line | {"marker": {"symbol": look["symbol"], "size": 8, "color": colour}})
    return style.figure(
        lines,
        title=f"{measured[0].upper()}{measured[1:]} as the number of {what} grows",
        x=axis,
        y={"title": f"{measured}, %", "range": [0, 103]},
        height=380,
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        caption=_followed(curves, chance, x, what, measured),
        alt=f"{measured} against the number of {what}",
    )


def _followed(
    curves: Mapping[str, Sequence[float]], chance: set[str], x: list[int], what: str, measured: str
) -> str:
    parts = [
        f"{name} from {100 * float(values[0]):.0f} to {100 * float(values[-1]):.0f} %"
        for name, values in curves.items()
    ]
    said = f"{measured[0].upper()}{measured[1:]}, {what} {x[0]} to {x[-1]}: {', '.join(parts)}."
    base = next((curves[name] for name in curves if name in chance), None)
    gaps = [
        f"{name} {100 * (_average(values) - _average(base)):+.1f}"
        for name, values in curves.items()
        if base is not None and name not in chance
    ]
    return said + (f" Mean gap to the random order, points: {', '.join(gaps)}." if gaps else "")


def _average(values: Sequence[float]) -> float:
    return sum(float(value) for value in values) / len(values)


def _judged(row: Row, name: str) -> str:
    found, pmi, chance = (_mean(row[key]) for key in ORDERS)
    least = found - _std(row["edge_precision"])
    verdict = (
        "above both" if least > max(pmi, chance)
        else "not clearly above chance" if least <= chance
        else "above chance, not clearly above PMI"
    )  # fmt: skip
    return f"{name}: {found:.2f}, {verdict} (PMI {pmi:.2f}, random {chance:.2f})."


def _gained(gap: Row, name: str) -> str:
    if not math.isfinite(gap["low"]):
        return f"{name}: {100 * gap['mean']:+.1f} points, one seed."
    shown = "" if gap["low"] > 0 or gap["high"] < 0 else ", no difference shown"
    return (
        f"{name}: {100 * gap['mean']:+.1f} points "
        f"({100 * gap['low']:+.1f} to {100 * gap['high']:+.1f}){shown}."
    )


def _name(row: Row, names: Mapping[str, str] | None) -> str:
    network = str(row.get("network", row["label"]))
    return (names or {}).get(network, network)


def _sparse(row: Row) -> float:
    return float(row["beta_sparsity"] if "beta_sparsity" in row else row["beta_sparse"])


def _has(row: Row, metric: str, *, betas: bool = True) -> bool:
    sparse = "beta_sparsity" in row or "beta_sparse" in row
    return metric in row and (not betas or ("beta_graph" in row and sparse))


def _mean(value: Any) -> float:
    """Of a summary over seeds, or of one number."""
    return float(value["mean"] if isinstance(value, Mapping) else value)


def _std(value: Any) -> float:
    """0 where one seed knows no spread: the browser takes no infinity."""
    std = float(value.get("std", 0.0)) if isinstance(value, Mapping) else 0.0
    return std if math.isfinite(std) else 0.0


def _half(gap: Row) -> float:
    half = 100 * (gap["high"] - gap["mean"])
    return half if math.isfinite(half) else 0.0


def _maybe(value: Any, times: float) -> float | None:
    return None if value is None else times * _mean(value)


def _nearest(values: Sequence[float], value: float) -> float:
    return min(values, key=lambda v: abs(v - value))


def _ticks(values: Sequence[float], title: str) -> dict[str, Any]:
    """An axis of a heat map by index: a category axis can lose its kind in a redraw."""
    return _ticks_of([f"{v:g}" for v in values]) | {"title": title}


def _ticks_of(names: Sequence[str]) -> dict[str, Any]:
    places = {"tickvals": [*range(len(names))], "ticktext": [*names]}
    return places | {"range": [-0.5, len(names) - 0.5], "showgrid": False}


def _frame(column: int, row: int) -> dict[str, Any]:
    place = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", **place, "line": {"color": style.COLOURS["vermilion"], "width": 4}}
