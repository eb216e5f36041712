"""Figure of lab 10, the bridge to pictures: concepts on a circle, learnt edges and the rule's."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go
from torch import Tensor

from labkit.errors import between
from labkit.figures import style

MOST = 60  # learnt pairs drawn
_WIDTHS = ((0.0, 1.0), (0.5, 2.0), (0.75, 3.5), (0.9, 5.0))  # probability from .. on, px


def concepts(
    probabilities: Tensor,
    true_edges: Iterable[tuple[str, str]],
    names: Sequence[str],
    *,
    threshold: float = 0.5,
) -> go.Figure:
    """Concepts on a circle, the pairs that learnt an edge of at least `threshold`, and the rule's.

    probabilities: [K, K], row told, column telling; a pair's strength is the larger of its two.
    true_edges: pairs of names, any order; names: K different ones.
    Raises ValueError for shapes that do not fit, unknown names, and a threshold outside 0..1.
    """
    threshold, count = between("threshold", threshold, 0, 1), len(names)
    if probabilities.shape != (count, count) or count < 2 or len(set(names)) < count:
        raise ValueError(
            f"probabilities must be [K, K] of K different names, got {list(probabilities.shape)} "
            f"and {count} names"
        )
    place = {name: n for n, name in enumerate(names)}
    rule_pairs = [tuple(pair) for pair in true_edges]
    lacking = sorted({name for pair in rule_pairs for name in pair} - set(names))
    if lacking:
        raise ValueError(f"true_edges names {', '.join(map(repr, lacking))}, which names lacks")
    truth = {(min(ends), max(ends)) for ends in ([place[n] for n in pair] for pair in rule_pairs)}
    p = probabilities.detach().cpu().double()
    both = p.maximum(p.T).tolist()
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    ranked = sorted(pairs, key=lambda ends: -both[ends[0]][ends[1]])
    passed = [(i, j) for i, j in ranked if both[i][j] >= threshold]
    rule = _chords("the rule's pair", sorted(truth), "vermilion", "dot", 3.0, count)
    return style.figure(
        [*_learnt(passed[:MOST], both, truth, count), rule, _tips(passed[:MOST], both, names),
         _nodes(names, {end for pair in truth for end in pair})],
        title="Which concepts learnt to talk, and which the rule needs",
        x=_AXIS,
        y=_AXIS | {"scaleanchor": "x"},
        height=480,
        margin={"l": 20, "r": 20, "t": 84, "b": 20},
        caption=_told(ranked, passed, both, truth, names, threshold),
        alt="Concepts on a circle with the edges learnt between them and those of the rule",
    )  # fmt: skip


_AXIS = {"visible": False, "range": [-1.45, 1.45]}


def _learnt(
    pairs: Sequence[tuple[int, int]],
    both: Sequence[Sequence[float]],
    truth: set[tuple[int, int]],
    count: int,
) -> list[dict[str, Any]]:
    """Always as many traces: a width for each range of probability, in the rule or not."""
    traces = []
    ends = [least for least, _ in _WIDTHS[1:]] + [2.0]
    for name, colour, inside in (
        ("learnt, not the rule's", "sky", False), ("learnt, the rule's", "blue", True),
    ):  # fmt: skip
        for (least, width), end in zip(_WIDTHS, ends, strict=True):
            own = [(i, j) for i, j in pairs
                   if ((i, j) in truth) == inside and least <= both[i][j] < end]  # fmt: skip
            chord = _chords(name, own, colour, "solid", width + 3 * inside, count)
            traces.append(chord | {"legendgroup": name})
    shown = [bool(trace["x"]) for trace in traces]
    for number, trace in enumerate(traces):  # one entry a kind
        kind = number // len(_WIDTHS) * len(_WIDTHS)
        trace["showlegend"] = shown[number] and not any(shown[kind:number])
    return traces


def _chords(
    name: str, pairs: Sequence[tuple[int, int]], colour: str, dash: str, width: float, count: int
) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for i, j in pairs:
        (x0, y0), (x1, y1) = _at(i, count), _at(j, count)
        x += [x0, x1, None]
        y += [y0, y1, None]
    line = {"color": style.COLOURS[colour], "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": line,
            "hoverinfo": "skip"}  # fmt: skip


def _tips(
    pairs: Sequence[tuple[int, int]], both: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, Any]:
    """Small dots in the middle of the learnt ones, for the mouse."""
    ends = [(_at(i, len(names)), _at(j, len(names))) for i, j in pairs]
    return {
        "type": "scatter", "mode": "markers", "showlegend": False,
        "x": [(a[0] + b[0]) / 2 for a, b in ends], "y": [(a[1] + b[1]) / 2 for a, b in ends],
        "marker": {"size": 7, "color": style.COLOURS["black"]},
        "text": [f"{names[i]} - {names[j]}: {both[i][j]:.2f}" for i, j in pairs],
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _nodes(names: Sequence[str], needed: set[int]) -> dict[str, Any]:
    count = len(names)
    points = [_at(n, count) for n in range(count)]
    sides = ["middle right" if x > 0.2 else "middle left" if x < -0.2
             else "top center" if y > 0 else "bottom center" for x, y in points]  # fmt: skip
    own = [n in needed for n in range(count)]
    return {
        "type": "scatter", "mode": "markers+text", "showlegend": False, "hoverinfo": "skip",
        "x": [x for x, _ in points], "y": [y for _, y in points], "textposition": sides,
        "text": [f"<b>{name}</b>" if mine else name for name, mine in zip(names, own, strict=True)],
        "marker": {"opacity": 1, "size": [13 if mine else 8 for mine in own],
                   "symbol": ["diamond" if mine else "circle" for mine in own],
                   "color": [style.COLOURS["vermilion" if mine else "grey"] for mine in own]},
    }  # fmt: skip


def _at(number: int, count: int) -> tuple[float, float]:
    """On the unit circle, clockwise from the top."""
    turn = math.tau * number / count
    return math.sin(turn), math.cos(turn)


def _told(
    ranked: Sequence[tuple[int, int]],
    passed: Sequence[tuple[int, int]],
    both: Sequence[Sequence[float]],
    truth: set[tuple[int, int]],
    names: Sequence[str],
    threshold: float,
) -> str:
    said = f"{len(passed)} of {len(ranked)} pairs reach {threshold:.2f}"
    said += f" (the {MOST} strongest are drawn)." if len(passed) > MOST else "."
    if not truth:
        return said
    of = [f"{names[i]} - {names[j]} {both[i][j]:.2f}, place {n}"
          for n, (i, j) in enumerate(ranked, 1) if (i, j) in truth]  # fmt: skip
    return f"{said} The rule's: {'; '.join(of)}."
