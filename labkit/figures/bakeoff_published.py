"""Figure of lab 08: what others printed, and which of it may stand side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.errors import unknown
from labkit.figures import style
from labkit.figures.bakeoff import nothing

Row = Mapping[str, Any]
KINDS = ("last epoch", "best epoch", "not said")


def comparable(row: Row) -> bool:
    """Whether a printed row is of the common recipe: 240 epochs, the last one, first hand."""
    return row["printed"] == "last epoch" and row["epochs"] == 240 and not row["copied"]


def published(table: Mapping[str, Any], pair: str, *, alike: bool = False) -> go.Figure:
    """The printed CIFAR-100 accuracies of one pair, highest first, marked by what they are.

    table: {"pairs": {name: teacher_accuracy, student_accuracy}, "rows": [{method, source, printed,
    epochs, copied, values}]}; alike: only rows of one recipe (`comparable`). Markers tell which
    epoch was printed; open ones are copied from elsewhere. ValueError for an unknown pair.
    """
    if pair not in table["pairs"]:
        raise unknown("pair", pair, table["pairs"])
    known = [row for row in table["rows"] if pair in row["values"]]
    kept = [row for row in known if comparable(row) or not alike]
    if not kept:
        return nothing(f"No printed number for {pair}.")
    rows = sorted(kept, key=lambda row: -row["values"][pair])
    student, teacher = (table["pairs"][pair][f"{who}_accuracy"] for who in ("student", "teacher"))
    lines = [_line(x, len(rows), dash) for x, dash in ((student, "dot"), (teacher, "dash"))]
    ends = [student, teacher, *(row["values"][pair] for row in rows)]
    return style.figure(
        [*(_dots(n, kind, rows, pair) for n, kind in enumerate(KINDS)), *_legend()],
        title=f"{pair} (dotted: student alone, dashed: teacher)",
        shapes=lines,
        x={"title": "printed test accuracy, %", "range": [min(ends) - 0.6, max(ends) + 0.6]},
        y={"tickvals": list(range(len(rows))), "range": [len(rows) - 0.4, -0.6],
           "ticktext": [row["method"] for row in rows]},
        margin={"l": 190, "r": 20, "t": 56, "b": 90},
        height=190 + 24 * len(rows),
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0},
        caption=_told(rows, known, pair),
        alt=f"Published accuracies for {pair}",
    )  # fmt: skip


def _line(x: float, rows: int, dash: str) -> dict[str, Any]:
    look = {"color": style.COLOURS["black"], "dash": dash, "width": 1}
    return {"type": "line", "x0": x, "x1": x, "y0": -0.6, "y1": rows - 0.4, "line": look}


def _dots(number: int, kind: str, rows: Sequence[Row], pair: str) -> dict[str, Any]:
    """The rows that print this epoch, at their places."""
    here = [(n, row) for n, row in enumerate(rows) if row["printed"] == kind]
    look = style.series(number)
    symbols = [look["symbol"] + ("-open" if row["copied"] else "") for _, row in here]
    hover = [
        f"{row['method']}: {row['values'][pair]:.2f} %, {kind}, {row['epochs'] or 'unknown'} "
        f"epochs; {row['source']}{', copied' if row['copied'] else ''}"
        for _, row in here
    ]
    return {
        "type": "scatter", "mode": "markers", "name": kind, "showlegend": False,
        "x": [row["values"][pair] for _, row in here], "y": [n for n, _ in here],
        "marker": {"color": look["color"], "symbol": symbols or look["symbol"], "size": 9},
        "text": hover, "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _legend() -> list[dict[str, Any]]:
    """Entries without points: a legend takes the look of a trace's first point, copied or not."""
    looks = [style.series(n) for n in range(len(KINDS))]
    marks = {k: look | {"size": 9} for k, look in zip(KINDS, looks, strict=True)}
    marks["open: copied"] = {"color": "black", "symbol": "circle-open", "size": 9}
    return [
        {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": name,
         "marker": {k: v for k, v in mark.items() if k in ("color", "symbol", "size")}}
        for name, mark in marks.items()
    ]  # fmt: skip


def _told(rows: Sequence[Row], known: Sequence[Row], pair: str) -> str:
    best = rows[0]
    alike = [row for row in known if comparable(row)]
    kd = next((row["values"][pair] for row in alike if row["method"] == "KD"), None)
    below = "" if kd is None else (
        f" Plain KD, {kd:.2f} %, is above "
        f"{sum(row['values'][pair] < kd for row in alike)} of the {len(alike) - 1} others of them."
    )  # fmt: skip
    many = "1 is" if len(alike) == 1 else f"{len(alike)} are"
    return (
        f"{best['method']} is highest, {best['values'][pair]:.2f} % ({best['printed']}; "
        f"{best['source']}). Of {len(known)} printed numbers {many} of one recipe: 240 epochs, the "
        f"last one printed, not copied.{below}"
    )
