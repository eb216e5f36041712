"""Curves of trainings: loss terms on the left, accuracy on the right, earlier runs underneath."""

import itertools
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from labkit.figures import style
from labkit.training import Evaluation, Event, KnobChange, Start, Step

POINTS = 1000  # a trace: more are not seen, and every one is sent at each redraw
CHANGES = 8  # labels of knob moves a run, so that they stay readable


@dataclass
class Curve:
    """What a figure needs of a run's events; grows by `add`."""

    label: str
    epochs: float = 1.0
    steps: int = 0
    epoch: array = field(default_factory=lambda: array("f"))  # of each step
    terms: dict[str, array] = field(default_factory=dict)
    evaluated: array = field(default_factory=lambda: array("f"))  # epochs of evaluations
    accuracy: array = field(default_factory=lambda: array("f"))
    changes: list[tuple[float, KnobChange]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The label, and where each knob that was moved stands now."""
        now = {change.name: change.new for _, change in self.changes}
        moves = "".join(f", then {name} {value:.3g}" for name, value in now.items())
        return self.label + moves

    def add(self, event: Event) -> None:
        """Take in one event."""
        if isinstance(event, Start):
            self.epochs, self.steps = float(event.epochs), event.steps
        elif isinstance(event, Step):
            self.epoch.append(event.epoch)
            for name, value in event.terms.items():
                self.terms.setdefault(name, array("f")).append(value)
        elif isinstance(event, Evaluation):
            self.evaluated.append(event.epoch)
            self.accuracy.append(event.metrics.get("accuracy", float("nan")))
        elif isinstance(event, KnobChange):
            self._add_change(event)

    def _add_change(self, event: KnobChange) -> None:
        """Moves of one drag (within a fiftieth of the run) count as one."""
        now = self.epoch[-1] if self.epoch else 0.0
        if self.changes:
            epoch, last = self.changes[-1]
            if last.name == event.name and now - epoch < self.epochs / 50:
                self.changes.pop()
                event = KnobChange(event.step, event.name, last.old, event.new)
        self.changes.append((now, event))


def training(curves: Sequence[Curve], *, reference: Mapping[str, Any] | None = None) -> go.Figure:
    """Loss terms and validation accuracy of runs over epochs; the last one in front.

    Dash tells the terms apart, colour and marker the runs. `reference` draws a recorded band:
    {"accuracy": {"epoch", "mean", "std"}, "label"}. At most 1,000 points a line.
    """
    losses: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = _band(reference) if reference else []
    for number, curve in enumerate(curves):
        losses += _terms(curve, number, newest=curve is curves[-1])
        scores.append(_score(curve, number))
    recorded = [float(max(reference["accuracy"]["epoch"]))] if reference else []
    span = max([curve.epochs for curve in curves] or recorded or [1.0])
    x = {"title": "epoch", "range": [0, 1.02 * span]}  # the last point is seen whole
    for traces in (losses, scores):
        if not traces:  # plotly draws no axes without one
            traces.append(style.line(0, x=[0], y=[None], showlegend=False))
    parts = [
        {"title": "loss terms (training)", "traces": losses, "x": x},
        {"title": "accuracy (validation)", "traces": scores, "x": x},
    ]
    parts[0]["y"] = {"title": "nats", "rangemode": "tozero"}
    share: dict[str, Any] = {"title": "accuracy", "rangemode": "tozero", "tickformat": ".0%"}
    evaluated = reference or any(curve.accuracy for curve in curves)
    parts[1]["y"] = share if evaluated else share | {"range": [0, 1]}
    moves = [_moves(curve) for curve in curves]
    shapes = [line for lines, _ in moves for line in lines]
    labels = moves[-1][1] if moves else []  # of the newest run: all would cover each other
    return style.panels(
        parts,
        caption=describe(curves[-1]) if curves else "No run yet: press Start.",
        alt="Training curves: loss terms and validation accuracy over epochs",
        height=400,
        showlegend=True,
        margin={"l": 64, "r": 20, "t": 60, "b": 110},
        shapes=shapes,
        annotations=labels,
    )


def describe(curve: Curve) -> str:
    """One sentence on where the run stands."""
    if not curve.epoch:
        return f"{curve.name}: no step yet."
    terms = ", ".join(f"{name} {values[-1]:.3f}" for name, values in curve.terms.items())
    text = (
        f"{curve.name}: after {curve.epoch[-1]:.1f} of {curve.epochs:g} epochs, loss: {terms} nats"
    )
    if curve.accuracy:
        text += f"; validation accuracy {curve.accuracy[-1]:.1%}"
    return text + "."


def decimate(x: Any, y: Any, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `points` of a curve x, y [N]: the lowest and highest of each bucket, in order."""
    x, y = np.array(x, dtype=np.float32), np.array(y, dtype=np.float32)
    if len(x) <= points:
        return x, y
    edges = np.linspace(0, len(x), points // 2 + 1).astype(int)
    kept = []
    for low, high in itertools.pairwise(edges):
        part = y[low:high]
        kept += sorted({low + int(part.argmin()), low + int(part.argmax())})
    return x[kept], y[kept]


def _terms(curve: Curve, number: int, *, newest: bool) -> list[dict[str, Any]]:
    """The loss terms of one run; only the newest run's stand in the legend, which stays short."""
    colour = style.series(number)["color"]
    traces = []
    for index, (name, values) in enumerate(curve.terms.items()):
        x, y = decimate(curve.epoch[: len(values)], values)
        look = {"color": colour, "dash": style.DASHES[index % len(style.DASHES)], "width": 1.5}
        label = {"name": f"{name}, {curve.name}", "showlegend": newest}
        traces.append(style.line(number, x=x, y=y, line=look, **label))
    return traces


def _score(curve: Curve, number: int) -> dict[str, Any]:
    look = style.series(number)
    marker = {"color": look["color"], "symbol": look["symbol"], "size": 7}
    x, y = decimate(curve.evaluated[: len(curve.accuracy)], curve.accuracy)
    return style.line(
        number, x=x, y=y, name=f"accuracy, {curve.name}", mode="lines+markers", marker=marker
    )


def _band(reference: Mapping[str, Any]) -> list[dict[str, Any]]:
    recorded = reference["accuracy"]
    x, mean, std = (np.asarray(recorded[k], np.float32) for k in ("epoch", "mean", "std"))
    clear = {"width": 0}
    grey = {"color": style.COLOURS["grey"], "dash": "dot", "width": 2}
    common = {"type": "scatter", "mode": "lines", "x": x, "hoverinfo": "skip"}
    label = str(reference.get("label", "recorded runs"))
    return [
        common | {"y": mean + std, "line": clear, "showlegend": False},
        common
        | {"y": mean - std, "line": clear, "showlegend": False}
        | {"fill": "tonexty", "fillcolor": "rgba(140,140,140,0.25)"},
        common | {"y": mean, "line": grey, "name": f"{label}: mean ± std"},
    ]


def _moves(curve: Curve) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """A vertical line in both panels and a label in the left one for each knob move."""
    shapes, labels = [], []
    for row, (epoch, change) in enumerate(curve.changes[-CHANGES:]):
        for axis in ("", "2"):
            place = {"xref": f"x{axis}", "yref": f"y{axis} domain", "x0": epoch, "x1": epoch}
            look = {"color": style.COLOURS["grey"], "width": 1, "dash": "dot"}
            shapes.append({"type": "line", "y0": 0, "y1": 1, "line": look} | place)
        text = f"{change.name} {change.old:.3g} → {change.new:.3g}"
        late = epoch > curve.epochs / 2  # there the label stands left of its line
        side = {"xanchor": "right", "xshift": -3} if late else {"xanchor": "left", "xshift": 3}
        label = {"text": text, "xref": "x", "yref": "y domain", "x": epoch} | side
        labels.append(label | {"y": 0.98 - 0.09 * (row % 4), "yanchor": "top"})
    return shapes, labels
