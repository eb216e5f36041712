"""Figure of lab 08: which method, for which pair."""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.errors import unknown
from labkit.evaluation.comparison import Difference, Scores, differences, only, scores
from labkit.figures import style

SORTS = ("gain", "accuracy", "cost", "name")
PANELS = 4  # pairs side by side; more are too narrow to read
Gains = Mapping[str, Mapping[str, Difference]]  # pair -> method -> against the baseline
Timings = Mapping[str, float | Sequence[float]]  # method -> milliseconds, once or several times


def board(
    records: Iterable[Mapping[str, Any]],
    *,
    baseline: str,
    sort: str = "gain",
    ms: Timings | None = None,
    yours: Collection[str] = (),
) -> go.Figure:
    """Every method on every pair: test accuracy, and what it has above `baseline`, same seeds.

    records: as a sweep writes them, filtered by `comparison.select`; sort: "gain" and "accuracy",
    best on average over the pairs first, "cost", cheapest first, or "name"; ms: extra milliseconds
    a step of a method, written beside its name; yours: methods to be printed bold. Filled markers
    are told apart from the baseline after Holm's correction within the pair. No record gives an
    empty board that says so. ValueError for another sort, and for "cost" without ms.
    """
    if sort not in SORTS:
        raise unknown("sort", sort, SORTS)
    found = scores(records)
    if not found:
        return nothing("No recorded run passes the filters.")
    pairs = pairs_of(found)
    gains = {pair: _gains(only(found, pair), baseline) for pair in pairs}
    order = _order(found, gains, sort, ms)
    names = [_tick(method, found, ms, method in yours) for method in order]
    rows = {"tickvals": list(range(len(order))), "range": [len(order) - 0.4, -0.6]}
    left = [_accuracies(found, pair, n, pairs, order) for n, pair in enumerate(pairs)]
    right = [_above(gains[pair], pair, n, pairs, order) for n, pair in enumerate(pairs)]
    height = 150 + len(order) * max(26, 9 * len(pairs))
    return style.panels(
        [
            {"traces": left, "title": "test accuracy, mean ± std", "x": "%",
             "y": rows | {"ticktext": names}},
            {"traces": right, "title": f"minus {baseline}, same seeds",
             "x": {"title": "points, 95 % interval", "zeroline": True, "zerolinewidth": 2},
             "y": rows | {"showticklabels": False}},
        ],
        height=height,
        gap=0.04,
        margin={"l": 230, "r": 20, "t": 50, "b": 100},
        legend={"orientation": "h", "y": 0, "yref": "container", "yanchor": "bottom", "x": 0},
        caption=_told(found, gains, baseline),
        alt="Methods by test accuracy and by their gain over the baseline, for each pair",
    )  # fmt: skip


def nothing(why: str) -> go.Figure:
    """An empty figure that says why it is empty."""
    place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    hidden = {"visible": False}
    return style.figure(
        [], caption=why, x=hidden, y=hidden, height=160, annotations=[{"text": why, **place}]
    )


def pairs_of(found: Scores) -> list[str]:
    """The pairs that any method has, by name."""
    return sorted({pair for of in found.values() for pair, _ in of})


def points(difference: Difference) -> str:
    """The difference in points, with its interval where there is one."""
    if difference.n < 2:
        return f"{100 * difference.mean:+.1f} points ({difference.said})"
    low, high = 100 * difference.low, 100 * difference.high
    return f"{100 * difference.mean:+.1f} points ({low:+.1f} to {high:+.1f})"


def _gains(found: Scores, baseline: str) -> dict[str, Difference]:
    if baseline not in found:
        return {}
    return {d.first: d for d in differences(found, baseline) if d.n}


def _order(found: Scores, gains: Gains, sort: str, ms: Timings | None) -> list[str]:
    """Methods in the order asked for; those that the order cannot place come last, by name."""
    if sort == "name":
        return sorted(found)
    if sort == "cost":
        if ms is None:
            raise ValueError("sort='cost' needs ms, each method's extra milliseconds a step")
        key = {method: middle(ms[method]) for method in found if method in ms}
    elif sort == "accuracy":
        key = {m: -statistics.fmean(of.values()) for m, of in found.items()}
    else:
        known = {m: [of[m].mean for of in gains.values() if m in of] for m in found}
        rivals = {d.second for of in gains.values() for d in of.values()}
        key = {m: -statistics.fmean(values) for m, values in known.items() if values}
        key |= dict.fromkeys(rivals, 0.0)
    return sorted(found, key=lambda method: (key.get(method, math.inf), method))


def _tick(method: str, found: Scores, ms: Timings | None, bold: bool) -> str:
    counts = [sum(b[0] == pair for b in found[method]) for pair in {b[0] for b in found[method]}]
    low, high = min(counts), max(counts)
    n = f"n = {low}" if low == high else f"n = {low}-{high}"
    beside = ["one seed" if high == 1 else n]
    if ms and method in ms:
        beside.append(f"{middle(ms[method]):+.1f} ms")
    return f"{f'<b>{method}</b>' if bold else method} ({', '.join(beside)})"


def middle(timings: float | Sequence[float]) -> float:
    return statistics.median(timings) if isinstance(timings, Sequence) else float(timings)


def _place(number: int, pairs: Sequence[str]) -> float:
    """Pairs one below the other within a method's row."""
    return (number - (len(pairs) - 1) / 2) * 0.7 / len(pairs)


def _dots(number: int, pair: str, solid: Sequence[bool], **trace: Any) -> dict[str, Any]:
    look = style.series(number)
    symbols = [look["symbol"] + ("" if full else "-open") for full in solid]
    marker = {"color": look["color"], "symbol": symbols, "size": 8}
    same = {"type": "scatter", "mode": "markers", "name": pair, "legendgroup": pair}
    return same | {"marker": marker, "hovertemplate": "%{text}<extra></extra>"} | trace


def _accuracies(
    found: Scores, pair: str, number: int, pairs: Sequence[str], order: Sequence[str]
) -> dict[str, Any]:
    of = only(found, pair)
    rows = [(row, method, list(of[method].values())) for row, method in enumerate(order)
            if method in of]  # fmt: skip
    means = [100 * statistics.fmean(values) for _, _, values in rows]
    spread = [100 * statistics.stdev(v) if len(v) > 1 else 0.0 for _, _, v in rows]
    text = [
        f"{method}, {pair}: {mean:.1f} %"
        + (f" ± {s:.1f}, n = {len(v)}" if len(v) > 1 else ", one seed")
        for (_, method, v), mean, s in zip(rows, means, spread, strict=True)
    ]
    y = [row + _place(number, pairs) for row, _, _ in rows]
    return _dots(
        number, pair, [True] * len(rows), x=means, y=y, error_x={"array": spread}, text=text
    )


def _above(
    gains: Mapping[str, Difference], pair: str, number: int, pairs: Sequence[str],
    order: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    rows = [(row, gains[method]) for row, method in enumerate(order) if method in gains]
    half = [100 * (d.high - d.mean) if d.n > 1 else 0.0 for _, d in rows]
    return _dots(
        number,
        pair,
        [d.shown for _, d in rows],
        x=[100 * d.mean for _, d in rows],
        y=[row + _place(number, pairs) for row, _ in rows],
        error_x={"array": half},
        text=[f"{d.first}, {pair}: {points(d)}, {d.said}" for _, d in rows],
        showlegend=False,
    )


def _told(found: Scores, gains: Gains, baseline: str) -> str:
    """The best of each pair, and how many comparisons show something."""
    said = []
    for pair, of in list(gains.items())[:PANELS]:
        here = only(found, pair)
        best = max(here, key=lambda method: statistics.fmean(here[method].values()))
        text = f"{pair}: {best} is highest, {100 * statistics.fmean(here[best].values()):.1f} %"
        if best in of:
            text += f", {points(of[best])} against {baseline}: {of[best].said}"
        said.append(text)
    made = [d for of in gains.values() for d in of.values()]
    if not made:
        return f"{'; '.join(said)}. No run shares a pair and seed with {baseline}: no differences."
    alone = sum(d.n < 2 for d in made)
    silent = sum(not d.shown for d in made) - alone
    more = f", {alone} rest on one seed" if alone else ""
    return (
        f"{'; '.join(said)}. Of {len(made)} comparisons with {baseline}, {silent} show no "
        f"difference{more} (open markers; Holm within each pair)."
    )
