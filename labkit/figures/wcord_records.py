"""Figure of lab 06, as measured: the surface over the weights of both terms."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style

Rows = Sequence[Mapping[str, Any]]


def surface(
    rows: Rows, *, yours: Mapping[str, float], rival: Mapping[str, Any] | None = None
) -> go.Figure:
    """Validation accuracy over lambda_global and lambda_local, yours framed.

    rows: of a reference record with both knobs, each setting once; rival: CRD's row, to compare.
    Raises ValueError if rows is empty.
    """
    if not rows:
        raise ValueError("rows is empty: no recorded run has a lambda_global and a lambda_local")
    across = sorted({row["lambda_global"] for row in rows})
    down = sorted({row["lambda_local"] for row in rows})
    cell = {(row["lambda_local"], row["lambda_global"]): row for row in rows}
    z = [[_points(cell.get((d, a))) for a in across] for d in down]
    heat = style.heat(z=z, text=[["" if v is None else f"{v:.1f}" for v in line] for line in z])
    heat |= {"texttemplate": "%{text}", "colorbar": {"title": {"text": "%"}}}
    best = max(rows, key=lambda row: row["val_accuracy"]["mean"])
    near = (
        min(down, key=lambda v: abs(v - yours["lambda_local"])),
        min(across, key=lambda v: abs(v - yours["lambda_global"])),
    )
    said = (
        f"Best on validation: lambda_global = {best['lambda_global']:g}, lambda_local = "
        f"{best['lambda_local']:g}; on the test set it reaches "
        f"{100 * best['test_accuracy']['mean']:.1f} %"
    )
    if rival:
        test = rival["test_accuracy"]
        said += f" (CRD {100 * test['mean']:.1f} %, {test['n']} seeds)"
    mine = _points(cell.get(near))
    return style.figure(
        [heat],
        shapes=[_frame(across.index(near[1]), down.index(near[0]))],
        title="Measured: validation accuracy (%), one seed",
        x=_ticks(across, "lambda_global"),
        y=_ticks(down, "lambda_local"),
        height=150 + 52 * len(down),
        caption=f"{said}. Nearest to yours: "
        f"{'not measured' if mine is None else f'{mine:.1f} % on validation'}.",
    )


def _points(row: Mapping[str, Any] | None) -> float | None:
    return None if row is None else 100 * row["val_accuracy"]["mean"]


def _ticks(values: Sequence[float], title: str) -> dict[str, Any]:
    """An axis of a heat map by index: a category axis can lose its kind in a redraw."""
    places = {"tickvals": list(range(len(values))), "ticktext": [f"{v:g}" for v in values]}
    return {"title": title, **places, "range": [-0.5, len(values) - 0.5], "showgrid": False}


def _frame(column: int, row: int) -> dict[str, Any]:
    place = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", **place, "line": {"color": style.COLOURS["vermilion"], "width": 4}}
