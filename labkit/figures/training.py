"""Curves of trainings: loss terms, accuracy, the loss on the same pictures; earlier underneath."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import band, style
from labkit.figures.curve import SCORES, Curve, decimate, describe, named

CHANGES = 8  # labels of knob moves a run, so that they stay readable
PLOT, TOP, FOOT = 230, 60, 70  # pixels: the axes, the titles above, ticks and "epoch" below
FROM_ZERO: dict[str, Any] = {"rangemode": "tozero"}  # the title of a part names its unit
ROW, ROWS = 20, 3  # pixels of a legend row, rows there is always room for


def training(
    curves: Sequence[Curve],
    *,
    reference: Mapping[str, Any] | None = None,
    same_pictures: bool = False,
) -> go.Figure:
    """Loss terms and validation accuracy of runs over epochs; the last one in front.

    Dash tells the terms apart, colour and marker the runs. `reference` draws a recorded band:
    {"accuracy" or "probe": {"epoch", "mean", "std"}, "label"}. Where a run's loss was measured on
    the same pictures a third part shows it (`same_pictures`: it will be). At most 1,000 points a
    line.
    """
    parts = [_losses(curves), _scores(curves, reference)]
    if same_pictures or any(curve.fixed for curve in curves):
        parts.append(_same_pictures(curves))
    for part in parts:
        part["x"] = {"title": "epoch", "range": _range(curves, reference)}
        if not part["traces"]:  # plotly draws no axes without one
            part["traces"].append(style.line(0, x=[0], y=[None], showlegend=False))
    axes = ["", "2", "3"][: len(parts)]
    named_lines = sum(t.get("showlegend", True) for part in parts for t in part["traces"])
    below = FOOT + ROW * max(ROWS, -(-named_lines // 2))  # two entries a row on a usual page
    titles = ", ".join(part["title"].replace("<br>", " ") for part in parts)
    drawn = style.panels(
        parts,
        caption=describe(curves[-1]) if curves else "No run yet: press Start.",
        alt=f"Training curves over epochs: {titles}",
        height=TOP + PLOT + below,
        gap=0.07,
        showlegend=True,
        margin={"l": 48, "r": 20, "t": TOP, "b": below},
        shapes=[line for curve in curves for line in _lines(curve, axes)],
        annotations=_labels(curves[-1]) if curves else [],  # all runs' would cover each other
    )
    # a filled band would turn the order round; more rows than foreseen make the axes smaller
    drawn.layout.legend.update(traceorder="normal", y=-FOOT / PLOT)
    for title in drawn.layout.annotations[: len(parts)]:
        title.align = "left"
    return drawn


def _range(curves: Sequence[Curve], reference: Mapping[str, Any] | None) -> list[float]:
    """Epochs from 0 to the end of the longest run, with room to see markers whole."""
    recorded = [float(max(reference[band.score_of(reference)]["epoch"]))] if reference else []
    span = max([curve.epochs for curve in curves] or recorded or [1.0])
    return [-0.03 * span, 1.04 * span]


def _losses(curves: Sequence[Curve]) -> dict[str, Any]:
    """The loss terms; only the newest run's stand in the legend, which stays short."""
    traces = []
    for number, curve in enumerate(curves):
        colour = style.series(number)["color"]
        for index, (name, values) in enumerate(list(curve.terms.items())):
            known = len(values)  # the training may add to both while this is drawn
            x, y = decimate(curve.epoch[:known], values[:known])
            look = {"color": colour, "dash": style.DASHES[index % len(style.DASHES)], "width": 1.5}
            label = {"name": f"{name}, {curve.label}", "showlegend": curve is curves[-1]}
            traces.append(style.line(number, x=x, y=y, line=look, **label))
    return {"title": "loss terms<br>in training, nats", "traces": traces, "y": FROM_ZERO}


def _scores(curves: Sequence[Curve], reference: Mapping[str, Any] | None) -> dict[str, Any]:
    traces = band.traces(reference) if reference else []
    for number, curve in enumerate(curves):
        shown = [name for name in SCORES if name in curve.scores] or [curve.score]
        traces += [_score(curve, number, name) for name in shown]
    drawn = {name for curve in curves for name in curve.scores}
    drawn |= {band.score_of(reference)} if reference else set()
    title = " and ".join(SCORES[name] for name in SCORES if name in (drawn or {"accuracy"}))
    y = FROM_ZERO | {"tickformat": ".0%"}
    return {
        "title": f"validation<br>{title}",
        "traces": traces,
        "y": y if drawn else y | {"range": [0, 1]},
    }


def _score(curve: Curve, number: int, name: str) -> dict[str, Any]:
    look = style.series(number)
    hollow = "-open" if name == "probe" else ""
    marker = {"color": look["color"], "symbol": look["symbol"] + hollow, "size": 7}
    points = list(curve.scores.get(name, []))
    x, y = decimate([x for x, _ in points], [y for _, y in points])
    label = f"{SCORES[name]}, {curve.label}"
    return style.line(number, x=x, y=y, name=label, mode="lines+markers", marker=marker)


def _same_pictures(curves: Sequence[Curve]) -> dict[str, Any]:
    """Every run at the fixed knobs, which compares them; the newest also at its knobs now."""
    traces = []
    for number, curve in enumerate(curves):
        newest = curve is curves[-1]
        if curve.fixed:
            traces.append(_measured(curve, number, newest, 2, named(curve.fixed)))
        if curve.fixed and newest:
            traces.append(_measured(curve, number, newest, 1, "knobs now"))
    return {"title": "loss on the<br>same pictures, nats", "traces": traces, "y": FROM_ZERO}


def _measured(curve: Curve, number: int, newest: bool, which: int, label: str) -> dict[str, Any]:
    """One of the two losses (the place in a measured point); where they agree both are seen."""
    points = list(curve.measured)
    x, y = decimate([point[0] for point in points], [point[which] for point in points])
    colour = style.series(number)["color"]
    dash, symbol = ("solid", "circle") if which == 1 else ("dot", "square-open")
    look = {"line": {"color": colour, "dash": dash, "width": 2}, "mode": "lines+markers"}
    look["marker"] = {"color": colour, "symbol": symbol, "size": 8}
    name = f"same pictures: {label}"
    return style.line(number, x=x, y=y, name=name, showlegend=newest, **look)


def _lines(curve: Curve, axes: Sequence[str]) -> list[dict[str, Any]]:
    """A vertical line in every part for each knob move."""
    look = {"color": style.COLOURS["grey"], "width": 1, "dash": "dot"}
    return [
        {"type": "line", "xref": f"x{axis}", "yref": f"y{axis} domain", "line": look}
        | {"x0": epoch, "x1": epoch, "y0": 0, "y1": 1}
        for epoch, _ in curve.changes[-CHANGES:]
        for axis in axes
    ]


def _labels(curve: Curve) -> list[dict[str, Any]]:
    """What each knob move was, beside its line in the first part."""
    labels = []
    for row, (epoch, change) in enumerate(curve.changes[-CHANGES:]):
        text = f"{change.name} {change.old:.3g} → {change.new:.3g}"
        third = min(2, int(3 * epoch / curve.epochs))  # near an edge the label stands inside
        side = {"xanchor": ("left", "center", "right")[third], "xshift": (3, 0, -3)[third]}
        look = {"bgcolor": "rgba(255,255,255,0.6)", "yanchor": "top", "font": {"size": 11}}
        place = {"xref": "x", "yref": "y domain", "x": epoch, "y": 0.98 - 0.09 * (row % 4)}
        labels.append({"text": text} | place | side | look)
    return labels
