"""Figures of recorded runs: which method, by how much, and over which knobs."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style


def comparison(
    rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], baseline: str
) -> go.Figure:
    """Test accuracy of recorded rows, and the paired difference to `baseline` with 95 % intervals.

    rows: of a reference record (label, test_accuracy, difference); names: label -> what to print.
    Raises ValueError for a row whose recorded difference is to another row.
    """
    chosen = [row for row in rows if row["label"] in names][::-1]
    for row in chosen:
        if row.get("against", baseline) != baseline:
            raise ValueError(f"{row['label']!r} is compared with {row['against']!r}: leave it out")
    alone = {True: " (one seed)", False: ""}  # no spread, no interval
    ticks = [names[row["label"]] + alone[row["test_accuracy"]["n"] == 1] for row in chosen]
    accuracy = [100 * row["test_accuracy"]["mean"] for row in chosen]
    spread = [_bar(row["test_accuracy"]["std"]) for row in chosen]
    gain = [100 * row["difference"]["mean"] for row in chosen]
    up = [_bar(row["difference"]["high"] - row["difference"]["mean"]) for row in chosen]
    look = {"type": "scatter", "mode": "markers", "y": ticks, "showlegend": False}
    left = look | {"x": accuracy, "error_x": {"array": spread}, "marker": _marker("blue", "circle")}
    right = look | {"x": gain, "error_x": {"array": up}, "marker": _marker("vermilion", "square")}
    best = max(chosen, key=lambda row: row["test_accuracy"]["mean"])
    n = best["test_accuracy"]["n"]
    return style.panels(
        [
            {"traces": [left], "title": "test accuracy, mean ± std", "x": "%"},
            {
                "traces": [right],
                "title": f"minus {names[baseline]}, same seeds",
                "x": {"title": "points, 95 % interval", "zeroline": True, "zerolinewidth": 2},
                "y": {"showticklabels": False},
            },
        ],
        height=120 + 34 * len(chosen),
        gap=0.05,
        margin={"l": 250, "r": 20, "t": 50, "b": 52},
        caption=f"Best of these: {names[best['label']]}, {accuracy[chosen.index(best)]:.1f} % "
        f"(n = {n} seeds), {gain[chosen.index(best)]:+.1f} points against {names[baseline]}.",
    )


def _bar(half: float) -> float:
    """Points; 0 where one seed knows none: the browser takes no infinity."""
    return 100 * half if math.isfinite(half) else 0.0


def _marker(colour: str, symbol: str) -> dict[str, Any]:
    return {"color": style.COLOURS[colour], "symbol": symbol, "size": 10}


def surface(
    rows: Sequence[Mapping[str, Any]], yours: Mapping[str, float] | None = None
) -> go.Figure:
    """Measured accuracy over temperature and alpha; `yours` (temperature, alpha) is marked.

    rows: those of a reference record with a temperature and an alpha, each setting once.
    """
    if not rows:
        raise ValueError("rows is empty: no recorded run has a temperature and an alpha")
    temperatures = sorted({row["temperature"] for row in rows})
    alphas = sorted({row["alpha"] for row in rows})
    cell = {(row["alpha"], row["temperature"]): row["test_accuracy"] for row in rows}
    z = [[100 * cell[a, t]["mean"] for t in temperatures] for a in alphas]
    text = [
        [f"{100 * cell[a, t]['mean']:.1f} ± {100 * cell[a, t]['std']:.1f}" for t in temperatures]
        for a in alphas
    ]
    heat = style.heat(z=z, x=[f"{t:g}" for t in temperatures], y=[f"{a:g}" for a in alphas])
    heat |= {"text": text, "texttemplate": "%{text}", "colorbar": {"title": {"text": "%"}}}
    best = max(rows, key=lambda row: row["test_accuracy"]["mean"])
    shapes: list[dict[str, Any]] = []
    mark = ""
    if yours:
        near_t = min(temperatures, key=lambda t: abs(t / yours["temperature"] - 1))
        near_a = min(alphas, key=lambda a: abs(a - yours["alpha"]))
        column, row = temperatures.index(near_t), alphas.index(near_a)
        frame = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
        look = {"line": {"color": style.COLOURS["vermilion"], "width": 4}}
        shapes = [{"type": "rect", **frame, **look}]
        mark = f" Nearest to your run: {100 * cell[near_a, near_t]['mean']:.1f} %."
    return style.figure(
        [heat],
        shapes=shapes,
        title="Measured: test accuracy (%), mean ± std over seeds",
        x={"title": "temperature T", "type": "category"},
        y={"title": "alpha", "type": "category"},
        height=80 + 70 * len(alphas),
        caption=f"Best measured setting: T = {best['temperature']:g}, alpha = {best['alpha']:g}, "
        f"{100 * best['test_accuracy']['mean']:.1f} %.{mark}",
    )
