"""Figures of lab 02, Mutual information and the price of negatives: estimates against the truth."""

import math
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from labkit.figures import style

NAMES = ("InfoNCE", "I_alpha", "NWJ", "DV", "SMILE", "JSD")
FEW = 8  # batches: of fewer the spread is not drawn
LOW, HIGH = -2.0, 15.0  # nats: the estimates' axis, the same in every figure
TRUTH, CEILING = style.COLOURS["black"], style.COLOURS["grey"]
_MARGIN = {"l": 64, "r": 120, "t": 56, "b": 76}  # on the right the names of both lines


def verdicts(estimates: Mapping[str, Tensor], information: float, negatives: int) -> go.Figure:
    """What each bound says of one truth: bars of mean ± std over batches; estimates [M] by name."""
    part = _bars(estimates, information, negatives)
    return style.figure(
        part["traces"],
        title="One perfect critic, and what each way of reading it says",
        x=part["x"],
        y=part["y"],
        shapes=_levels("", information, negatives),
        annotations=_labels("", information, negatives),
        height=400,
        margin=_MARGIN,
        caption=f"The truth is {information:.2f} nats; of {_batches(estimates)} on average "
        + ", ".join(f"{name} says {_nats(v.mean().item())}" for name, v in estimates.items())
        + ".",
    )


def bounds(
    x: Tensor,
    y: Tensor,
    estimates: Mapping[str, Tensor],
    *,
    information: float,
    negatives: int,
    temperature: float = 1.0,
    points: int = 300,
) -> go.Figure:
    """A cloud of pairs x, y [N, D] (first coordinate) and every bound [M] against the truth."""
    correlation = math.sqrt(-math.expm1(-2 * information / x.shape[1]))
    look = {"size": 4, "color": style.COLOURS["blue"], "opacity": 0.6}
    cloud = {"type": "scatter", "mode": "markers", "marker": look, "showlegend": False}
    cloud |= {"x": x[:points, 0].numpy(), "y": y[:points, 0].numpy(), "name": "pairs"}
    half = {"range": [-3.6, 3.6]}
    bars = _bars(estimates, information, negatives)
    parts = [
        {
            "traces": [cloud],
            "title": f"pairs, correlation {correlation:.2f}",
            "x": half | {"title": f"x, one of {x.shape[1]} coordinates"},
            "y": half | {"title": "y"},
        },
        {**bars, "title": f"estimates, {_what(estimates)} ({_batches(estimates)})"},
    ]
    scaled = "" if temperature == 1 else f"The critic's scores are divided by {temperature:.2f}. "
    return style.panels(
        parts,
        title=f"True information {information:.1f} nats, K = {negatives} negatives, "
        f"T = {temperature:.2f}",
        widths=[1, 2.2],
        height=430,
        margin=_MARGIN | {"t": 78},
        shapes=_levels("2", information, negatives),
        annotations=_labels("2", information, negatives),
        caption=scaled + _said(estimates, information, negatives),
    )


def stream(
    estimates: Mapping[str, Tensor],
    information: float,
    *,
    negatives: int,
    clip: float,
    seen: int | None = None,
) -> go.Figure:
    """One estimate a batch, [M] by name, from left to right in each bound's own lane.

    Of the M batches the first `seen` are drawn and counted (2 at least; None: all of them).
    """
    count = len(next(iter(estimates.values())))
    shown = {name: values[: max(2, seen or count)].float() for name, values in estimates.items()}
    seen = len(next(iter(shown.values())))
    traces = [_lane(i, name, v, count) for i, (name, v) in enumerate(shown.items())]
    bias = {name: (values.mean() - information).item() for name, values in shown.items()}
    spread = {name: values.std().item() for name, values in shown.items()}
    error = {name: math.hypot(bias[name], spread[name]) for name in shown}
    best, worst = min(error, key=error.__getitem__), max(error, key=error.__getitem__)
    ticks = [
        f"<b>{name}</b><br>bias {_nats(bias[name], sign=True)}<br>std {_nats(spread[name])}"
        for name in shown
    ]
    lanes = list(range(len(ticks)))
    x = {"tickvals": lanes, "ticktext": ticks, "range": [-0.5, len(ticks) - 0.5], "tickangle": 0}
    out = sum(int(((v < LOW) | (v > HIGH)).sum()) for v in shown.values())
    rail = f" Outside the axis, drawn at its edge: {out} of {seen * len(shown)}." if out else ""
    return style.figure(
        [*traces, _means(shown, bias, spread, information)],
        title=f"One perfect critic, {seen} batches: {information:g} nats, K = {negatives}, "
        f"clip {clip:.1f}",
        x=x | {"showgrid": False, "zeroline": False},
        y={"title": "nats", "range": [LOW - 0.8, HIGH + 0.8]},
        height=440,
        margin=_MARGIN,
        showlegend=False,
        shapes=_levels("", information, negatives),
        annotations=_labels("", information, negatives),
        caption=f"After {seen} batches the typical error, bias and spread together, is smallest "
        f"for {best}, {_nats(error[best])} nats, and largest for {worst}, "
        f"{_nats(error[worst])}.{rail}",
    )


def _lane(lane: int, name: str, values: Tensor, count: int) -> dict[str, Any]:
    """The estimates of one bound, the first of `count` at its lane's left end."""
    look = style.series(NAMES.index(name))
    marker = {"color": look["color"], "symbol": look["symbol"], "size": 4, "opacity": 0.7}
    where = lane - 0.42 + 0.66 * torch.arange(len(values)) / count
    dots = {"type": "scatter", "mode": "markers", "name": name, "marker": marker}
    return dots | {"x": where.numpy(), "y": values.clamp(LOW, HIGH).numpy()}


def _means(
    shown: Mapping[str, Tensor],
    bias: Mapping[str, float],
    spread: Mapping[str, float],
    information: float,
) -> dict[str, Any]:
    """Mean ± std of each lane, cut at the axis."""
    means = [min(max(information + bias[name], LOW), HIGH) for name in shown]
    bars = {"array": [min(spread[name], HIGH - LOW) for name in shown], "color": TRUTH, "width": 7}
    marker = {"color": TRUTH, "symbol": "line-ew-open", "size": 16, "line": {"width": 3}}
    dots = {"type": "scatter", "mode": "markers", "name": "mean ± std", "marker": marker}
    return dots | {"x": [lane + 0.36 for lane in range(len(means))], "y": means, "error_y": bars}


def ratio(
    truth: Tensor, estimate: Tensor, *, negatives: int, summed: bool, bias: bool = False
) -> go.Figure:
    """A critic's estimate of log p/q against the true one, [N] each, at the pairs of a test set.

    `summed`: it was trained on the sum over its K negatives, not their mean; `bias`: log K is
    added to what it says.
    """
    reach = [-8.0, 5.0]
    shift = (estimate - truth).median().item()
    off = (estimate - truth - shift).abs().median().item()
    marker = {"size": 4, "color": style.COLOURS["blue"], "opacity": 0.5}
    dots: dict[str, Any] = {"type": "scatter", "mode": "markers", "name": "a pair of the test set"}
    dots |= {"x": truth.numpy(), "y": estimate.numpy(), "marker": marker}
    k = math.log(negatives)
    kind = "summed" if summed else "averaged"
    added = " + log K" if bias else ""
    same = "" if k else ", here the same line"
    return style.figure(
        [
            dots,
            style.line(6, x=reach, y=reach, name="the truth, log p/q", line=_line(TRUTH, "solid")),
            style.line(
                1, x=reach, y=[v - k for v in reach], name=f"log p/q - log K{same}",
                line=_line(style.COLOURS["vermilion"], "dash"),
            ),
        ],
        title=f"K = {negatives} negatives, {kind}: the critic's score{added}",
        x={"title": "true log p/q (nats)", "range": reach},
        y={"title": f"estimated log p/q{added} (nats)", "range": [-12, 9]},
        height=440,
        margin={"l": 64, "r": 20, "t": 84, "b": 52},
        caption=f"With K = {negatives} negatives {kind}{' and log K added' if bias else ''} the "
        f"cloud lies {shift:+.2f} nats from the truth (log K = {k:.2f}); around its own line a "
        f"typical pair is {off:.2f} nats off.",
    )  # fmt: skip


def _bars(estimates: Mapping[str, Tensor], information: float, negatives: int) -> dict[str, Any]:
    """Bars of mean ± std; what does not fit on the axis is cut there, its number written out."""
    means = {name: values.mean().item() for name, values in estimates.items()}
    spread = {name: _std(values) for name, values in estimates.items() if len(values) >= FEW}
    looks = [style.series(NAMES.index(name)) for name in means]
    shapes = {"shape": [look["pattern"] for look in looks], "fillmode": "overlay"}
    bars = {"type": "bar", "x": list(means), "showlegend": False, "cliponaxis": False}
    bars |= {"y": [min(max(value, LOW), HIGH) for value in means.values()]}
    bars |= {"marker": {"color": [look["color"] for look in looks], "pattern": shapes}}
    seen = [spread.get(name, 0.0) if LOW < mean < HIGH else 0.0 for name, mean in means.items()]
    bars |= {"error_y": {"array": seen, "color": TRUTH}}
    add = {name: f"<br>± {_nats(s)}" for name, s in spread.items()}
    ticks = [f"<b>{name}</b><br>{_nats(mean)}{add.get(name, '')}" for name, mean in means.items()]
    axis = {"tickvals": list(means), "ticktext": ticks, "type": "category", "tickangle": 0}
    scale = {"title": "nats", "range": [LOW - 0.3, HIGH + 0.3], "zeroline": True}
    return {"traces": [bars], "x": axis, "y": scale}


def _said(estimates: Mapping[str, Tensor], information: float, negatives: int) -> str:
    means = {name: v.mean().item() for name, v in estimates.items() if name != "JSD"}
    nearest = min(means, key=lambda name: abs(means[name] - information))
    ceiling = math.log(negatives + 1)
    text = f"The truth is {information:.2f} nats. "
    if "InfoNCE" in means:
        can = "cannot" if information > ceiling else "never could"
        text += (
            f"InfoNCE says {_nats(means['InfoNCE'])} and {can} say more than "
            f"log {negatives + 1} = {ceiling:.2f}; "
        )
    return (
        text
        + f"the nearest mean is that of {nearest}, {_nats(means[nearest])}"
        + (
            f", with a spread of {_nats(_std(estimates[nearest]))} from batch to batch."
            if len(estimates[nearest]) >= FEW
            else f", from {_batches(estimates)}: too few to show a spread."
        )
    )


def _std(values: Tensor) -> float:
    return values.std().item()


def _what(estimates: Mapping[str, Tensor]) -> str:
    return "mean ± std" if len(next(iter(estimates.values()))) >= FEW else "mean"


def _nats(value: float, *, sign: bool = False) -> str:
    """A number short enough for a tick: -0.43, 128, 3e+07."""
    digits = ".2f" if abs(value) < 99.5 else ".0f" if abs(value) < 9999.5 else ".0e"
    return format(value, f"{'+' * sign}{digits}")


def _batches(estimates: Mapping[str, Tensor]) -> str:
    count = len(next(iter(estimates.values())))
    return f"{count} batches" if count > 1 else "one batch"


def _line(colour: str, dash: str) -> dict[str, Any]:
    return {"color": colour, "dash": dash, "width": 2}


def _level(axis: str, height: float, colour: str, dash: str) -> dict[str, Any]:
    """A horizontal line across a panel."""
    place = {"xref": f"x{axis} domain", "yref": f"y{axis}", "x0": 0, "x1": 1}
    return {"type": "line", **place, "y0": height, "y1": height, "line": _line(colour, dash)}


def _levels(axis: str, information: float, negatives: int) -> list[dict[str, Any]]:
    ceiling = _level(axis, math.log(negatives + 1), CEILING, "dash")
    return [_level(axis, information, TRUTH, "solid"), ceiling]


def _labels(axis: str, information: float, negatives: int) -> list[dict[str, Any]]:
    """Names right of both lines; where the lines are close the names move apart."""
    ceiling = math.log(negatives + 1)
    high = information >= ceiling
    place = {"xref": f"x{axis} domain", "yref": f"y{axis}", "x": 1.01, "xanchor": "left"}
    truth = {"text": f"truth {information:.2f}", "y": information}
    most = {"text": f"log {negatives + 1} = {ceiling:.2f}", "y": ceiling}
    anchors = ("bottom", "top") if high else ("top", "bottom")
    anchors = anchors if abs(information - ceiling) < 1.5 else ("middle", "middle")
    pairs = zip((truth, most), anchors, strict=True)
    return [place | label | {"yanchor": anchor, "showarrow": False} for label, anchor in pairs]
