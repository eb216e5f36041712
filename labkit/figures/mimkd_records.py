"""Figure of lab 07, as measured: students of several sizes, and how much they gain."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style

Row = Mapping[str, Any]


def ladder(
    rows: Mapping[str, Row],
    students: Mapping[str, int],
    shown: Mapping[str, str],
    gains: Sequence[str],
) -> go.Figure:
    """Test accuracy over the student's size, and what is gained, with 95 % intervals.

    rows: `by_label` of a record; students: a pair's name -> parameters of its student;
    shown: label -> what to print; gains: those labels whose recorded difference is drawn.
    Raises ValueError if no pair was recorded.
    """
    sizes = sorted(students.items(), key=lambda pair: pair[1])
    left, right, said = [], [], []
    for number, (label, name) in enumerate(shown.items()):
        found = [(n, rows[f"{pair}/{label}"]) for pair, n in sizes if f"{pair}/{label}" in rows]
        if not found:
            continue
        accuracy = [row["test_accuracy"] for _, row in found]
        bars = {"array": [_points(a["std"]) for a in accuracy]}
        y = [_points(a["mean"]) for a in accuracy]
        left.append(_dots(number, [n for n, _ in found], y, bars, name))
        if label in gains:
            both = [(n, row["difference"]) for n, row in found if row["difference"]]
            right.append(_gain(number, both, name))
            said += [f"{name}, {_short(n)} parameters: {_told(d)}" for n, d in both[:1]]
    if not left:
        raise ValueError(f"rows has none of the pairs {list(students)}: nothing is recorded")
    counts = [n for _, n in sizes]
    ticks = {"tickvals": counts, "ticktext": [_short(n) for n in counts]}
    axis = {"title": "parameters of the student", "type": "log", **ticks}
    zero = {"title": "points, 95 % interval", "zeroline": True, "zerolinewidth": 2}
    return style.panels(
        [
            {"traces": left, "title": "test accuracy, mean ± std", "x": axis, "y": "%"},
            {"traces": right, "title": "what is gained, same seeds", "x": axis, "y": zero},
        ],
        gap=0.12,
        height=400,
        margin={"l": 64, "r": 20, "t": 50, "b": 104},
        caption="Gain of the smallest student. " + "; ".join(said) + ".",
        alt="Test accuracy over the size of the student, and paired gains",
    )


def _dots(
    number: int, x: list[int], y: list[float], bars: dict[str, Any], name: str, hidden: bool = False
) -> dict[str, Any]:
    look = style.series(number)
    marker = {"symbol": look["symbol"], "size": 9, "color": look["color"]}
    line = style.line(number, x=x, y=y, name=name, error_y=bars, showlegend=not hidden)
    return line | {"mode": "lines+markers", "marker": marker, "legendgroup": name}


def _gain(number: int, both: list[tuple[int, Row]], name: str) -> dict[str, Any]:
    y = [_points(d["mean"]) for _, d in both]
    half = {"array": [_points(d["high"] - d["mean"]) for _, d in both]}
    return _dots(number, [n for n, _ in both], y, half, name, hidden=True)


def _told(d: Row) -> str:
    """The difference in points, with its interval where there is one."""
    if not math.isfinite(d["low"]):
        return f"{100 * d['mean']:+.1f} points (one seed)"
    return f"{100 * d['mean']:+.1f} points ({100 * d['low']:+.1f} to {100 * d['high']:+.1f})"


def _points(value: float) -> float:
    """Points; 0 where one seed knows none: the browser takes no infinity."""
    return 100 * value if math.isfinite(value) else 0.0


def _short(n: int) -> str:
    return f"{n:,}"
