"""Figure of lab 09, as measured: four losses over the batch size, under one budget of pictures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style

LABELS = {
    "clip": "CLIP",
    "siglip": "SigLIP",
    "clip_lite": "CLIP-Lite, K = 1",
    "clip_lite, all negatives": "CLIP-Lite, K = B - 1",
}
METRICS = {
    "test_accuracy": "zero-shot",
    "test_held_out": "zero-shot, never seen",
    "test_text_to_image": "R@1, picture for caption",
}


def batches(
    rows: Sequence[Mapping[str, Any]],
    labels: Mapping[str, str] = LABELS,
    metrics: Mapping[str, str] = METRICS,
) -> go.Figure:
    """Each metric over the batch size, a line for each loss, mean ± std over seeds.

    rows: of a reference record, {"label", "batch_size", metric: {"mean", "std", "n"}, ...}, shares
    0..1; those of other labels are left out, and what no row has is not drawn
    labels, metrics: what to draw -> what to print
    Raises ValueError if no row has one of the labels and metrics.
    """
    found = {label: [row for row in rows if row["label"] == label] for label in labels}
    drawn = [m for m in metrics if any(m in row for mine in found.values() for row in mine)]
    if not drawn:
        raise ValueError(
            f"rows has none of the labels {list(labels)} with one of {list(metrics)}: "
            "nothing is recorded"
        )
    sizes = sorted({row["batch_size"] for mine in found.values() for row in mine})
    edges = [math.log10(sizes[0]) - 0.12, math.log10(sizes[-1]) + 0.12]
    axis = {"title": "batch B", "type": "log", "tickvals": sizes, "range": edges}
    parts = [
        {
            "traces": [
                _line(number, found[label], metric, name, shown=place == 0)
                for number, (label, name) in enumerate(labels.items())
            ],
            "title": metrics[metric],
            "x": axis,
            "y": {"title": "%" if place == 0 else "", "rangemode": "tozero"},
        }
        for place, metric in enumerate(drawn)
    ]
    return style.panels(
        parts,
        gap=0.075,
        height=400,
        margin={"l": 64, "r": 20, "t": 46, "b": 112},
        caption=_told(found, labels, drawn[0], metrics[drawn[0]], sizes),
        alt="Accuracy over the batch size for each loss, equal budgets of pictures",
    )


def _line(
    number: int, rows: Sequence[Mapping[str, Any]], metric: str, name: str, *, shown: bool
) -> dict[str, Any]:
    mine = sorted((row for row in rows if metric in row), key=lambda row: int(row["batch_size"]))
    look = style.series(number)
    bars = {"array": [_points(row[metric]["std"]) for row in mine], "thickness": 1.5}
    line = style.line(
        number,
        x=[row["batch_size"] for row in mine],
        y=[_points(row[metric]["mean"]) for row in mine],
        error_y=bars,
        name=name,
        legendgroup=name,
        showlegend=shown,
    )
    marker = {"symbol": look["symbol"], "size": 9, "color": look["color"]}
    return line | {"mode": "lines+markers", "marker": marker}


def _points(share: float) -> float:
    """Percent; 0 where one seed knows no spread: the browser takes no infinity."""
    return 100 * share if math.isfinite(share) else 0.0


def _told(
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: Mapping[str, str],
    metric: str,
    printed: str,
    sizes: Sequence[int],
) -> str:
    ends = []
    for size in dict.fromkeys((sizes[0], sizes[-1])):
        cells = [
            f"{labels[label]} {_points(row[metric]['mean']):.1f}"
            for label, mine in found.items()
            for row in mine
            if row["batch_size"] == size and metric in row
        ]
        ends.append(f"at B = {size} {', '.join(cells)}")
    return f"{printed[0].upper()}{printed[1:]}, %: " + "; ".join(ends) + "."
