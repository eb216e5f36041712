"""A critic on the stair: what is read from it while it learns, against the truth (lab 02)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.figures import style
from labkit.figures.curve import Curve, decimate
from labkit.figures.mutual_information import HIGH, LOW, NAMES
from labkit.training.estimation import STAGES

SMOOTH = 100  # a drawn line is the mean over a hundredth of the run
POINTS = 400  # a trace


def staircase(
    curves: Sequence[Curve], *, reference: Mapping[str, Sequence[float]] | None = None
) -> go.Figure:
    """Estimates in nats over the stages; the newest run in front, thin its single batches.

    The curves' terms are bounds by name (as in `mutual_information.NAMES`) and "truth".
    `reference` holds recorded means by bound, evenly spaced over the whole stair.
    """
    newest = curves[-1] if curves else None
    traces = [_truth(newest)]
    for name, values in (reference or {}).items():
        traces.append(_recorded(name, values, len(STAGES)))
    for curve in curves:
        traces += _estimates(curve, newest=curve is newest)
    truth = _stages(newest)
    who = f"A critic, {newest.label}," if newest else "A critic"
    ticks: dict[str, Any] = {"tickvals": [0.5 + i for i in range(len(truth))]}
    ticks |= {
        "ticktext": [f"{nats:g} nats" for nats in truth],
        "title": "true information, a stage",
    }
    return style.figure(
        traces,
        title=f"{who} climbs the stair (lines: means over a hundredth of the run)",
        x=ticks | {"range": [0, len(truth)]},
        y={"title": "nats", "range": [LOW, HIGH]},
        height=440,
        margin={"l": 64, "r": 20, "t": 92, "b": 52},
        showlegend=True,
        shapes=[line for line, _ in _moves(newest)],
        annotations=[label for _, label in _moves(newest)],
        caption=describe(newest) if newest else "No run yet: press Start.",
    )


def describe(curve: Curve) -> str:
    """One sentence on what the critic says now."""
    steps = len(curve.terms.get("truth", ()))
    if not steps:
        return f"{curve.name}: no step yet."
    width = _width(curve)
    said = ", ".join(
        f"{name} {np.mean(values[-width:]):.2f}"
        for name, values in list(curve.terms.items())
        if name != "truth"
    )
    return (
        f"{curve.name}: step {steps:,} of {curve.steps:,}, the truth is "
        f"{curve.terms['truth'][-1]:g} nats; mean of the last {min(width, steps)} batches: {said}."
    )


def _width(curve: Curve) -> int:
    return max(1, curve.steps // SMOOTH)


def _truth(curve: Curve | None) -> dict[str, Any]:
    stages = _stages(curve)
    edges = [edge for i in range(len(stages)) for edge in (i, i + 1)]
    heights = [height for height in stages for _ in range(2)]
    line = {"color": style.COLOURS["black"], "dash": "solid", "width": 3}
    return style.line(6, x=edges, y=heights, name="truth", line=line)


def _stages(curve: Curve | None) -> list[float]:
    """Those of the run's settings, or the published ones."""
    return list(curve.config.get("stages", STAGES)) if curve else list(STAGES)


def _recorded(name: str, values: Sequence[float], stages: int) -> dict[str, Any]:
    x = (np.arange(len(values), dtype=np.float32) + 0.5) * stages / len(values)
    line = {"color": style.series(NAMES.index(name))["color"], "dash": "dot", "width": 1.5}
    label = f"{name}, recorded"
    return style.line(0, x=x, y=np.clip(values, LOW, HIGH), name=label, line=line)


def _estimates(curve: Curve, *, newest: bool) -> list[dict[str, Any]]:
    """Each bound's running mean; of the newest run also the single batches."""
    traces = []
    for name, log in list(curve.terms.items()):
        if name == "truth":
            continue
        values = np.array(log, dtype=np.float32)  # a copy: the training goes on adding
        stage = np.array(curve.epoch[: len(values)], dtype=np.float32)
        line = {"color": style.series(NAMES.index(name))["color"], "width": 1}
        if newest:
            x, y = decimate(stage, values[: len(stage)], POINTS)
            thin = {"line": line, "opacity": 0.3, "showlegend": False, "hoverinfo": "skip"}
            traces.append(style.line(0, x=x, y=np.clip(y, LOW, HIGH), name=name, **thin))
        x, y = decimate(stage, _running(values[: len(stage)], _width(curve)), POINTS)
        look = line | {"width": 2.5, "dash": style.series(NAMES.index(name))["dash"]}
        shown = {"opacity": 1.0 if newest else 0.4, "showlegend": newest}
        label = name if newest else f"{name}, {curve.name}"
        traces.append(style.line(0, x=x, y=np.clip(y, LOW, HIGH), name=label, line=look, **shown))
    return traces


def _running(values: np.ndarray, width: int) -> np.ndarray:
    """Means over the last `width` values, or over as many as there are."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    first = np.maximum(np.arange(1, len(total)) - width, 0)
    count = np.arange(1, len(total)) - first
    return ((total[1:] - total[first]) / count).astype(np.float32)


def _moves(curve: Curve | None) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """A vertical line and its label for each of the newest run's last knob moves."""
    found = []
    for place, (stage, change) in enumerate(curve.changes[-6:] if curve else []):
        look = {"color": style.COLOURS["grey"], "width": 1, "dash": "dot"}
        line = {"type": "line", "x0": stage, "x1": stage, "yref": "y domain", "y0": 0, "y1": 1}
        text = f"{change.name} {change.old:.3g} → {change.new:.3g}"
        side = "right" if stage > 3 else "left"
        label = {"text": text, "x": stage, "yref": "y domain", "y": 0.98 - 0.08 * (place % 4)}
        found.append((line | {"line": look}, label | {"xanchor": side, "yanchor": "top"}))
    return found
