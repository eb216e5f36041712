"""Figures of lab 08: what a student is like beyond its accuracy (`training.inside`)."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from labkit.errors import unknown
from labkit.evaluation.comparison import Scores, differences, scores
from labkit.figures import style
from labkit.figures.bakeoff import nothing

Records = Iterable[Mapping[str, Any]]


def fidelity(records: Records, *, teacher: float | None = None) -> go.Figure:
    """Test accuracy over agreement with the teacher, a point a method, bars one std over runs.

    records: of one pair, those without an "inside" are passed over; teacher: its test accuracy,
    0..1, drawn as a line. The caption gives Kendall's rank correlation over the methods, and says
    so where it may be chance.
    """
    known = [record for record in records if "inside" in record]
    if not known:
        return nothing("No run shown was looked into.")
    agreement, accuracy = scores(known, "agreement"), scores(known)
    spots = {m: (_percent(agreement[m].values()), _percent(accuracy[m].values())) for m in accuracy}
    traces = [_spot(n, m, spots[m], len(accuracy[m])) for n, m in enumerate(spots)]
    if teacher is not None:
        ends = [min(x for (x, _), _ in spots.values()), max(x for (x, _), _ in spots.values())]
        grey = {"color": style.COLOURS["grey"], "dash": "dash", "width": 2}
        flat = {"x": ends, "y": [100 * teacher] * 2, "line": grey, "name": "the teacher"}
        traces.append({"type": "scatter", "mode": "lines"} | flat)
    alike = max(spots, key=lambda m: spots[m][0])
    best = max(spots, key=lambda m: spots[m][1])
    said = f"{alike} agrees with the teacher most, {spots[alike][0][0]:.1f} %"
    said += ", and is the most accurate" if best == alike else f"; {best} is the most accurate"
    return style.figure(
        traces,
        title="Does the student that imitates best know most?",
        x="agreement with the teacher on test pictures (%)",
        y="test accuracy (%)",
        height=430,
        legend={"y": -0.2, "x": 0, "xanchor": "left", "yanchor": "top"},
        margin={"l": 64, "r": 20, "t": 56, "b": 150},
        caption=f"{said}, {spots[best][1][0]:.1f} %. {_related(spots)}",
    )


def reliability(records: Records, labels: Sequence[str]) -> go.Figure:
    """Accuracy by confidence of the methods named, their runs together, and where confidences lie.

    The calibration error is the mean of the runs' own. ValueError for a label that no record has.
    """
    curves, shares, said = [], [], []
    for number, label in enumerate(labels):
        inside = _of(records := list(records), label)
        count, sure, right = _together([part["bins"] for part in inside])
        error, spread = _percent(part["calibration"] for part in inside)
        full = [n for n, c in enumerate(count) if c]
        x = [100 * (n + 0.5) / len(count) for n in range(len(count))]
        share = [100 * c / sum(count) for c in count]
        look = style.series(number)
        dots = {"marker": {"symbol": look["symbol"], "size": 8, "color": look["color"]}}
        curve = style.line(
            number, x=[100 * sure[n] for n in full], y=[100 * right[n] for n in full], name=label
        )
        curves.append(curve | dots | {"mode": "lines+markers"})
        shares.append(style.line(number, x=x, y=share, name=label, showlegend=False))
        gap = sum(c * (s - r) for c, s, r in zip(count, sure, right, strict=True)) / sum(count)
        side = "surer than right" if gap > 0 else "less sure than right"
        said.append(f"{label}: calibration error {error:.1f}{_spread(spread, len(inside))} points, "
                    f"on average {abs(100 * gap):.1f} points {side}")  # fmt: skip
    grey = {"color": style.COLOURS["grey"], "dash": "dash", "width": 1}
    ideal = {"type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "line": grey,
             "name": "calibrated"}  # fmt: skip
    x_axis = {"title": "confidence (%)", "range": [0, 101]}
    return style.panels(
        [
            {"traces": [ideal, *curves], "title": "right as often as sure?", "x": x_axis,
             "y": "test accuracy (%)"},
            {"traces": shares, "title": "how many pictures", "x": x_axis, "y": "share (%)"},
        ],
        widths=[1.2, 1],
        gap=0.12,
        height=400,
        caption=f"{'; '.join(said)}.",
        alt="Reliability diagram",
    )  # fmt: skip


def alignment(records: Records, label: str) -> go.Figure:
    """CKA of every layer of the student with every one of the teacher's, the mean over runs.

    records: of one pair. ValueError for a label that no record has.
    """
    found = [part["alignment"] for part in _of(records, label)]
    z = [[statistics.fmean(cell) for cell in zip(*rows, strict=True)]
         for rows in zip(*found, strict=True)]  # fmt: skip
    ours, theirs = ([*(f"map {n + 1}" for n in range(size - 1)), "pooled"]
                    for size in (len(z), len(z[0])))  # fmt: skip
    nearest = max(range(len(theirs)), key=lambda n: z[-1][n])
    runs = "one seed" if len(found) == 1 else f"mean of {len(found)} runs"
    down = z[::-1]  # the first layer on top; a turned axis would stay turned for the next view
    heat = style.heat(z=down, zmin=0, zmax=1, text=[[f"{v:.2f}" for v in row] for row in down])
    return style.figure(
        [heat | {"texttemplate": "%{text}", "hoverinfo": "skip"}],
        title=f"CKA of {label}'s layers with the teacher's",
        x={"title": "the teacher's layer", "tickvals": [*range(len(theirs))], "ticktext": theirs},
        y={"title": "the student's layer", "tickvals": [*range(len(ours))],
           "ticktext": ours[::-1]},
        height=150 + 46 * len(ours),
        margin={"l": 90, "r": 20, "t": 56, "b": 52},
        caption=f"The student's pooled vectors are most like the teacher's {theirs[nearest]}, "
        f"CKA {z[-1][nearest]:.2f} ({runs}); with its pooled vectors {z[-1][-1]:.2f}.",
    )  # fmt: skip


def probes(records: Records, chance: Mapping[str, float]) -> go.Figure:
    """Accuracy of a linear rule that reads factors no class tells off each method's vectors.

    records: of one pair; chance: factor -> accuracy of guessing, 0..1, in the order drawn. Bars are
    means over runs, with one std. Empty, with the reason, where no run has such a factor.
    """
    probed = [r for r in records if set(chance) <= set(r.get("inside", {}).get("probes", {}))]
    if not probed or not chance:
        return nothing("No run shown was probed for these factors.")
    read = {factor: scores(_flat(probed, factor), factor) for factor in chance}
    traces = []
    for number, label in enumerate(next(iter(read.values()))):
        both = [_percent(read[factor][label].values()) for factor in chance]
        n = len(read[next(iter(chance))][label])
        spread = {"array": [s for _, s in both], "thickness": 1}
        bars = {"x": list(chance), "y": [mean for mean, _ in both], "error_y": spread}
        name = f"{label} (n = {n})" if n > 1 else f"{label} (one seed)"
        traces.append(style.bars(number, name=name, **bars))
    marks = {"symbol": "line-ew-open", "size": 26, "color": "#222222", "line": {"width": 2}}
    guess = {
        "x": list(chance),
        "y": [100 * c for c in chance.values()],
        "marker": marks,
        "name": "chance",
    }
    traces.append({"type": "scatter", "mode": "markers"} | guess)
    return style.figure(
        traces,
        title="What else the features tell: linear probes of factors no class depends on",
        x={"type": "category"},
        y="accuracy (%)",
        height=430,
        legend={"y": -0.12, "x": 0, "xanchor": "left", "yanchor": "top"},
        margin={"l": 64, "r": 20, "t": 56, "b": 110},
        caption=_read_best(read, chance),
    )


def _spot(
    number: int, label: str, at: tuple[tuple[float, float], tuple[float, float]], n: int
) -> dict[str, Any]:
    look = style.series(number)
    (x, dx), (y, dy) = at
    said = f"{label}: agrees {x:.1f}{_spread(dx, n)} %, accuracy {y:.1f}{_spread(dy, n)} %"
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": label,
        "marker": {"color": look["color"], "symbol": look["symbol"], "size": 10},
        "error_x": {"array": [dx]}, "error_y": {"array": [dy]},
        "hovertemplate": said + "<extra></extra>",
    }  # fmt: skip


def _percent(values: Iterable[float]) -> tuple[float, float]:
    """Mean and standard deviation in points; 0 for one value, which knows none."""
    numbers = [100 * value for value in values]
    return statistics.fmean(numbers), statistics.stdev(numbers) if len(numbers) > 1 else 0.0


def _spread(spread: float, n: int) -> str:
    return f" ± {spread:.1f}" if n > 1 else " (one seed)"


def _related(spots: Mapping[str, tuple[tuple[float, float], tuple[float, float]]]) -> str:
    """Kendall's correlation of agreement and accuracy over the methods' means."""
    from scipy.stats import kendalltau

    if len(spots) < 3:
        return "Fewer than three methods show no relation."
    x, y = ([spot[side][0] for spot in spots.values()] for side in (0, 1))
    found = kendalltau(x, y)
    tau, p = float(found.statistic), float(found.pvalue)
    if math.isnan(tau):
        return "All agree alike: no relation shown."
    told = f"rank correlation {tau:.2f}, p = {p:.2g} (Kendall, {len(spots)} methods)"
    if p >= 0.05:
        return f"No relation shown: {told}."
    return f"They go {'together' if tau > 0 else 'against each other'}: {told}."


def _of(records: Records, label: str) -> list[Mapping[str, Any]]:
    """What was found inside the runs of a label."""
    known = [record for record in records if "inside" in record]
    found = [record["inside"] for record in known if record["run"]["label"] == label]
    if not found:
        raise unknown("label", label, sorted({record["run"]["label"] for record in known}))
    return found


def _together(
    runs: Sequence[Sequence[Sequence[float]]],
) -> tuple[list[float], list[float], list[float]]:
    """Count, mean confidence and accuracy of each bin, the pictures of all runs in one."""
    count, sure, right = [], [], []
    for rows in zip(*runs, strict=True):  # one bin of every run
        total = sum(n for n, _, _ in rows)
        count.append(total)
        sure.append(sum(n * c for n, c, _ in rows) / (total or 1))
        right.append(sum(n * a for n, _, a in rows) / (total or 1))
    return count, sure, right


def _flat(records: Records, factor: str) -> list[Mapping[str, Any]]:
    """Records whose result is what the probe of a factor found."""
    return [{"run": r["run"], "result": {factor: r["inside"]["probes"][factor]}} for r in records]


def _read_best(read: Mapping[str, Scores], chance: Mapping[str, float]) -> str:
    """Of the two factors on which methods are furthest apart, who reads them best, who worst."""
    mean = {f: {m: _percent(of.values())[0] for m, of in read[f].items()} for f in chance}
    spread = {f: max(mean[f].values()) - min(mean[f].values()) for f in chance}
    said = []
    for factor in sorted(chance, key=lambda f: -spread[f])[:2]:
        high, low = (pick(mean[factor], key=mean[factor].__getitem__) for pick in (max, min))
        told = {frozenset(d[:2]): d.said for d in differences(read[factor])}
        silent = "no difference shown" if len(mean[factor]) > 1 else "one method"
        verdict = told.get(frozenset((high, low)), silent)
        said.append(
            f"{factor} (chance {100 * chance[factor]:.1f} %): highest {high}, "
            f"{mean[factor][high]:.1f} %, lowest {low}, {mean[factor][low]:.1f} %: {verdict}"
        )
    return f"{'; '.join(said)}."
