"""Runs beside each other: a small table of what each was, reached, and how far that is apart."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.figures.band import recorded_at, score_of, settings
from labkit.figures.curve import SCORES, Curve

Cells = dict[str, str]  # heading -> text
NOTHING = "–"


def compare(curves: Sequence[Curve], reference: Mapping[str, Any] | None = None) -> list[Cells]:
    """One row a run: its knobs, how far it is, its score, and differences in points.

    Runs are compared at the last epoch at which both were evaluated. `reference` is that of
    `training`. A setting that was run with one seed says so: it decides nothing.
    """
    seeds: dict[str, set[Any]] = {}
    for curve in curves:
        seeds.setdefault(_setting(curve), set()).add(curve.config.get("seed"))
    return [_row(curve, curves[0], reference, len(seeds[_setting(curve)])) for curve in curves]


def _row(curve: Curve, first: Curve, reference: Mapping[str, Any] | None, seeds: int) -> Cells:
    scores = curve.scores.get(curve.score, [])
    epoch, value = scores[-1] if scores else (curve.at, None)
    ranks = score_of(reference) if reference and not first.scores else first.score
    row = {
        "run": curve.label,
        "knobs": _knobs(curve) or NOTHING,
        "epochs": f"{epoch:.3g} of {curve.epochs:g}",
        SCORES[ranks]: NOTHING if value is None else f"{value:.1%}",
        f"minus {first.label}": NOTHING if curve is first else _difference(curve, first),
    }
    if reference:
        row["minus recorded"] = _from_recorded(curve, reference)
    note = "one seed: no conclusion" if seeds == 1 else f"{seeds} seeds"
    return row | {"note": note}


def _difference(curve: Curve, first: Curve) -> str:
    """In points at the last epoch both were evaluated at, which is said where it is not the end."""
    theirs = {round(epoch, 3): value for epoch, value in first.scores.get(curve.score, [])}
    mine = {round(epoch, 3): value for epoch, value in curve.scores.get(curve.score, [])}
    common = max(theirs.keys() & mine.keys(), default=None)
    if common is None:
        return NOTHING
    last = common == max(mine) == max(theirs)
    where = "" if last else f" (both at epoch {common:g})"
    return f"{100 * (mine[common] - theirs[common]):+.1f} points{where}"


def _from_recorded(curve: Curve, reference: Mapping[str, Any]) -> str:
    scores = curve.scores.get(score_of(reference))
    recorded = recorded_at(reference, scores[-1][0]) if scores else None
    if not scores or recorded is None:
        return NOTHING
    return f"{100 * (scores[-1][1] - recorded[0]):+.1f} points"


def _knobs(curve: Curve) -> str:
    """Where each knob was and went: "temperature 4 → 16, alpha 0.9"."""
    stops = {name: [value] for name, value in curve.knobs.items()}
    for _, change in curve.changes:
        stops.setdefault(change.name, [change.old]).append(change.new)
    return ", ".join(
        f"{name} " + " → ".join(f"{value:.3g}" for value in values)
        for name, values in stops.items()
    )


def _setting(curve: Curve) -> str:
    """What two runs must share to be the same experiment with another seed."""
    config = {k: v for k, v in settings(curve.config).items() if k != "seed"}
    moves = [(change.step, change.name, change.new) for _, change in curve.changes]
    return json.dumps([config, dict(curve.knobs), moves], sort_keys=True, default=str)


def table(rows: Sequence[Cells]) -> str:
    """The rows as an HTML table that a screen reader can walk; "" without rows."""
    if not rows:
        return ""
    cell = "padding:2px 12px 2px 0;text-align:left;vertical-align:top"
    head = "".join(f"<th scope='col' style='{cell}'>{html.escape(k)}</th>" for k in rows[0])
    body = "".join(f"<tr>{_cells(row, cell)}</tr>" for row in rows)
    caption = "<caption style='text-align:left'>Runs compared</caption>"
    style = "border-collapse:collapse;line-height:1.4"
    inner = f"<table style='{style}'>{caption}<tr>{head}</tr>{body}</table>"
    return f"<div style='overflow-x:auto'>{inner}</div>"


def _cells(row: Cells, cell: str) -> str:
    first, *rest = (html.escape(text) for text in row.values())
    heading = f"<th scope='row' style='{cell};white-space:nowrap'>{first}</th>"
    return heading + "".join(f"<td style='{cell}'>{text}</td>" for text in rest)
