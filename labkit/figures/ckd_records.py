"""Figures of lab 04, as measured: tau and weight, their ratio, few negatives, cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.figures import style

Rows = Sequence[Mapping[str, Any]]


def surface(
    rows: Rows, *, down: str, yours: Mapping[str, float], rival: Mapping[str, Any] | None = None
) -> go.Figure:
    """Validation accuracy over temperature and `down` (of `_WORDS`), yours framed.

    rows: of a reference record, with both knobs; rival: KD's row, to compare with.
    """
    taus = sorted({row["temperature"] for row in rows})
    knobs = sorted({row[down] for row in rows})
    cell = {(row[down], row["temperature"]): row for row in rows}
    z = [[100 * cell[k, t]["val_accuracy"]["mean"] for t in taus] for k in knobs]
    heat = style.heat(z=z, text=[[f"{v:.1f}" for v in line] for line in z])
    heat |= {"texttemplate": "%{text}", "colorbar": {"title": {"text": "%"}}}
    near_t = min(taus, key=lambda t: abs(t / yours["temperature"] - 1))
    near_k = min(knobs, key=lambda k: abs(k / yours[down] - 1))
    best = max(rows, key=lambda row: row["val_accuracy"]["mean"])
    said = (
        f"Best on validation: tau = {best['temperature']:g}, {_WORDS[down]} = {best[down]:g}; on "
    )
    said += f"the test set it reaches {_percent(best, 'test_accuracy')}"
    if rival:
        said += f" (KD {_percent(rival, 'test_accuracy')}, {rival['test_accuracy']['n']} seeds)"
    yours_row = cell[near_k, near_t]
    return style.figure(
        [heat],
        shapes=[_frame(taus.index(near_t), knobs.index(near_k))],
        title="Measured: validation accuracy (%)",
        x=_ticks(taus, "temperature tau"),
        y=_ticks(knobs, _WORDS[down]),
        height=150 + 52 * len(knobs),
        caption=f"{said}. Nearest to yours: {_percent(yours_row, 'val_accuracy')} on validation.",
    )


_WORDS = {"beta": "weight beta", "negatives": "negatives K", "weight": "all weights"}


def ratio(rows: Rows) -> go.Figure:
    """Validation accuracy against beta / tau, one line for each temperature.

    rows: of a reference record, with "temperature", "beta" and "val_accuracy".
    """
    taus = sorted({row["temperature"] for row in rows})
    lines = []
    for number, tau in enumerate(taus):
        mine = sorted((row for row in rows if row["temperature"] == tau), key=_over_tau)
        y = [100 * row["val_accuracy"]["mean"] for row in mine]
        line = style.line(number, x=[*map(_over_tau, mine)], y=y, name=f"tau = {tau:g}")
        marker = {"symbol": style.series(number)["symbol"], "size": 9}
        lines.append(line | {"mode": "lines+markers", "marker": marker})
    return style.figure(
        lines,
        title="The same cells against weight / temperature",
        x={"title": "beta / tau", "type": "log", "dtick": 1},
        y={"title": "validation accuracy (%)", "rangemode": "tozero"},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=360,
        caption=" ".join(_twins(rows)),
    )


def _over_tau(row: Mapping[str, Any]) -> float:
    """beta / tau, rounded: 1 / 0.1 and 10 / 1 must be one number."""
    return round(row["beta"] / row["temperature"], 6)


def _twins(rows: Rows) -> list[str]:
    """A sentence for each beta / tau that more than one cell has."""
    same: dict[float, list[Mapping[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row["temperature"]):
        same.setdefault(_over_tau(row), []).append(row)
    return [
        f"At beta / tau = {share:g}: "
        + ", ".join(
            f"{_percent(row, 'val_accuracy')} (tau = {row['temperature']:g})" for row in two
        )
        + "."
        for share, two in sorted(same.items())
        if len(two) > 1
    ]


def cost(rows: Rows, negatives: int, step_ms: float) -> go.Figure:
    """Milliseconds and megabytes of one loss against K: in-batch negatives beside a memory bank.

    rows: of the record lab04-cost ("negatives", "bank_ms", "ckd_ms", "bank_mb"); step_ms: the
    networks' part of a step.
    """
    ks = [row["negatives"] for row in rows]
    here = min(rows, key=lambda row: abs(row["negatives"] - negatives))
    lines = [
        style.line(1, x=ks, y=[row["bank_ms"] for row in rows], name="a memory bank, K fetched"),
        style.line(0, x=ks, y=[row["ckd_ms"] for row in rows], name="CKD, B - 1 = 63 in the batch"),
        style.line(6, x=ks, y=[step_ms] * len(ks), name="the two networks"),
    ]
    for line in lines[:2]:
        line["mode"] = "lines+markers"
    share = here["bank_ms"] / (here["bank_ms"] + step_ms)
    return style.figure(
        lines,
        title="What a step of the loss costs (forward and backward, one core)",
        x={
            "title": "negatives K of the bank",
            "type": "log",
            "tickvals": ks,
            "ticktext": [f"{k:,}" for k in ks],
        },
        y={"title": "ms", "type": "log", "dtick": 1},
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        height=380,
        caption=f"Fetching K = {here['negatives']:,} negatives for each of 64 pictures takes "
        f"{here['bank_ms']:.1f} ms, {share:.0%} of a step, and the bank {here['bank_mb']:.0f} MB; "
        f"CKD takes {here['ckd_ms']:.2f} ms and keeps nothing.",
    )


def _percent(row: Mapping[str, Any] | None, key: str) -> str:
    return "" if row is None else f"{100 * row[key]['mean']:.1f} %"


def _ticks(values: Sequence[float], title: str) -> dict[str, Any]:
    """An axis of a heat map by index: a category axis can lose its kind in a redraw."""
    places = {"tickvals": list(range(len(values))), "ticktext": [f"{v:g}" for v in values]}
    return {"title": title, **places, "range": [-0.5, len(values) - 0.5], "showgrid": False}


def _frame(column: int, row: int) -> dict[str, Any]:
    place = {"x0": column - 0.5, "x1": column + 0.5, "y0": row - 0.5, "y1": row + 0.5}
    return {"type": "rect", **place, "line": {"color": style.COLOURS["vermilion"], "width": 4}}
