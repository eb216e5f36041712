"""Figure of lab 10, the word graph of one sentence: who tells whom, and what cutting edges does."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from torch import Tensor

from labkit.errors import between
from labkit.figures import style

Curve = NDArray[np.float32]
Prediction = Tensor | Sequence[Sequence[float]]

MOST = 100  # edges drawn: more are a thicket, and slow
ROOM = 95  # letters beside each other: longer sentences have their words turned by 90 degrees
_STEPS = 16  # pieces of an arc
# Probability from .. on: width in px and opacity. Few kinds of lines: each is one trace.
_LOOKS = ((0.0, 1.0, 0.3), (0.25, 1.5, 0.4), (0.5, 2.25, 0.55), (0.75, 3.5, 0.7), (0.9, 5.0, 0.9))


# Half of the words' room, and the room of all arcs; unit: the longest arc's height.
_GAP = {False: 0.11, True: 0.33}  # words upright, turned
_FREE = 1.08


class _Edge(NamedTuple):
    told: int  # place in the sentence
    telling: int
    p: float
    true: bool


def cut(probabilities: Tensor, threshold: float) -> Tensor:
    """The edges [..., L, L] of at least `threshold` (0..1) with their probabilities, 0 for others.

    The diagonal stays: a word keeps itself. Made for `TextClassifier.read(tokens, edges=...)`.
    """
    itself = torch.eye(probabilities.shape[-1], dtype=torch.bool, device=probabilities.device)
    kept = (probabilities >= between("threshold", threshold, 0, 1)) | itself
    return probabilities * kept


def graph(
    words: Sequence[str],
    probabilities: Tensor,
    *,
    threshold: float = 0.5,
    labels: Sequence[str] | None = None,
    prediction: Prediction | None = None,
    truth: Iterable[tuple[str, str]] | None = None,
) -> go.Figure:
    """The edges of a sentence from `threshold` on, as arcs, and what the classifier says of it.

    words: L of them; probabilities: [L, L], row told, column telling, 0..1; the diagonal is not
    drawn. Above the words arcs speak to the right, below them to the left; width is probability.
    prediction: two rows of C class probabilities, with all edges and without those under the
    threshold; labels: the C names. truth: pairs of words that interact, in any order; those not
    in the sentence do not matter.
    Raises ValueError for shapes that do not fit and values outside 0..1.
    """
    threshold = between("threshold", threshold, 0, 1)
    rows = _checked(words, probabilities)
    pairs = {frozenset(pair) for pair in truth or ()}
    edges = [
        _Edge(i, j, rows[i][j], frozenset((words[i], words[j])) in pairs)
        for i in range(len(words))
        for j in range(len(words))
        if i != j
    ]
    edges.sort(key=lambda edge: -edge.p)  # equal ones stay in the order of the words
    passed = [edge for edge in edges if edge.p >= threshold]
    under = _missed(edges, passed)
    shown = passed[:MOST]
    bars = [] if prediction is None else _bars(labels, prediction)
    right = 0.66 if bars else 1.0
    turned = _tight(words, ROOM * right)
    gap = _GAP[turned] * max(1, len(words) - 1)
    return style.figure(
        [*_arcs(shown, gap), _dotted(under, gap), *_tips(shown, under, words, gap), *bars],
        title="The word graph" + (" and what it decides" if bars else ""),
        x=_places(words, right, turned),
        y=_height(len(words), gap),
        **(_axes_of_bars() if bars else {}),
        height=430,
        margin={"l": 16, "r": 20, "t": 84, "b": 44},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.03, "yanchor": "bottom"},
        caption=" ".join(
            [
                _told(words, edges, passed, threshold),
                *([_of_truth(edges, passed)] if truth is not None else []),
                *([_of_prediction(labels, prediction)] if prediction is not None else []),
            ]
        ),
        alt="The words of a sentence on a line, arcs between them for the edges of its graph",
    )


def _checked(words: Sequence[str], probabilities: Tensor) -> list[list[float]]:
    if not words or probabilities.shape != (len(words), len(words)):
        raise ValueError(
            f"probabilities must be [L, L] of the {len(words)} words, at least one, got "
            f"{list(probabilities.shape)}"
        )
    found = probabilities.detach().cpu().double()
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("probabilities must be between 0 and 1: take the sigmoid of logits")
    return found.tolist()


def _missed(edges: Sequence[_Edge], passed: Sequence[_Edge]) -> list[_Edge]:
    """The stronger edge of each true pair neither of whose edges passed."""
    seen = {frozenset((e.told, e.telling)) for e in passed}
    found = []
    for edge in edges:  # strongest first
        pair = frozenset((edge.told, edge.telling))
        if edge.true and pair not in seen:
            seen.add(pair)
            found.append(edge)
    return found


def _arcs(edges: Sequence[_Edge], gap: float) -> list[dict[str, Any]]:
    """Always the same number of traces: one a look, of true pairs and of others."""
    thinner = min(1.0, math.sqrt(25 / max(1, len(edges))))
    traces = []
    for true, colour in ((False, "blue"), (True, "vermilion")):
        for number, (_, width, opacity) in enumerate(_LOOKS):
            own = [e for e in edges if e.true == true and _look(e.p) == number]
            wide = width if true else max(0.7, width * thinner)
            line = {"color": style.COLOURS[colour], "width": wide}
            traces.append(_lines(_curve(own, gap), line) | {"opacity": opacity})
    return traces


def _dotted(edges: Sequence[_Edge], gap: float) -> dict[str, Any]:
    """What ought to be there, above the words whichever edge it is."""
    line = {"color": style.COLOURS["black"], "width": 1.2, "dash": "dot"}
    return _lines(_curve(edges, gap, 1), line)


def _lines(curve: tuple[Curve, Curve], line: dict[str, Any]) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "x": curve[0], "y": curve[1], "line": line,
            "hoverinfo": "skip", "showlegend": False}  # fmt: skip


def _tips(
    shown: Sequence[_Edge], missed: Sequence[_Edge], words: Sequence[str], gap: float
) -> list[dict[str, Any]]:
    """A marker on top of each arc, pointing where it speaks to: this is what the mouse meets."""
    plain, true = ([e for e in shown if e.true == kind] for kind in (False, True))
    traces = []
    for some, name, colour in (
        (missed, "a true pair, missed", "black"), (plain, "an edge", "blue"),
        (true, "an edge of a true pair", "vermilion"),
    ):  # fmt: skip
        sides = [1 if some is missed else _side(e) for e in some]
        line = {"width": 1, "color": "#FFFFFF" if some is plain else style.COLOURS["black"]}
        marker = {"size": 9, "color": style.COLOURS[colour], "line": line}
        symbols = ["x" if some is missed else _SYMBOLS[side] for side in sides]
        traces.append({
            "type": "scatter", "mode": "markers", "marker": marker | {"symbol": symbols},
            "x": [(e.told + e.telling) / 2 for e in some], "name": name,
            "y": [s * (gap + abs(e.told - e.telling)) for e, s in zip(some, sides, strict=True)],
            "text": [_said(e, words) for e in some], "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return traces


_SYMBOLS = {1: "triangle-right", -1: "triangle-left"}


def _said(edge: _Edge, words: Sequence[str]) -> str:
    return f"{words[edge.telling]} -> {words[edge.told]}: {edge.p:.2f}"


def _side(edge: _Edge) -> int:
    return 1 if edge.telling < edge.told else -1


def _look(p: float) -> int:
    return max(n for n, (least, _, _) in enumerate(_LOOKS) if p >= least)


def _curve(edges: Sequence[_Edge], gap: float, side: int | None = None) -> tuple[Curve, Curve]:
    """Half ellipses over the two words, as high as they are apart, with a gap after each.

    As arrays: lists of thousands of numbers would be copied again and again.
    """
    if not edges:
        return _NOTHING, _NOTHING
    ends = np.array([(e.told, e.telling) for e in edges], np.float32)
    up = np.array([side or _side(e) for e in edges], np.float32)[:, None]
    middle, half = ends.mean(1)[:, None], np.abs(ends[:, :1] - ends[:, 1:]) / 2
    x = middle - half * np.cos(_HALF_TURN)
    y = up * (gap + 2 * half * np.sin(_HALF_TURN))
    return x.ravel(), y.ravel()


_NOTHING = np.array([np.nan], np.float32)  # a gap alone: no arc
# The angles of an arc's points, and one that is none: the gap.
_HALF_TURN = np.append(np.linspace(0, np.pi, _STEPS + 1), np.nan).astype(np.float32)


def _tight(words: Sequence[str], room: float) -> bool:
    """Whether two neighbours, with a space, need more than the letters there is room for."""
    return any(len(a) + len(b) + 2 > 2 * room / len(words) for a, b in pairwise(words))


def _places(words: Sequence[str], right: float, turned: bool) -> dict[str, Any]:
    """The words stand between the two sides, as ticks of an axis in the middle."""
    middle = 0.5 + _GAP[turned] / (2 * (_FREE + _GAP[turned]))
    return {
        "domain": [0.0, right], "anchor": "free", "position": middle,
        "range": [-0.7, len(words) - 0.3], "tickvals": [*range(len(words))], "ticktext": [*words],
        "tickangle": 90 if turned else 0, "tickfont": {"size": 11 if turned else 13},
        "showgrid": False, "showline": False, "ticks": "",
    }  # fmt: skip


def _height(count: int, gap: float) -> dict[str, Any]:
    """Room for the widest arc there can be: the scale stays while the threshold moves."""
    end = gap + _FREE * max(1, count - 1)
    return {"visible": False, "range": [-end, end]}


def _bars(labels: Sequence[str] | None, prediction: Prediction) -> list[dict[str, Any]]:
    before, after = _two(labels, prediction)
    names = _names(labels, len(before))
    return [
        style.bars(
            number, x=names, y=[100 * v for v in row], name=name, xaxis="x2", yaxis="y2",
            text=[f"{100 * v:.0f}" for v in row], textposition="outside", cliponaxis=False,
        )
        for number, (name, row) in enumerate((("all edges", before), ("after the cut", after)))
    ]  # fmt: skip


def _axes_of_bars() -> dict[str, Any]:
    return {
        "xaxis2": {"domain": [0.76, 1.0], "anchor": "y2", "showgrid": False},
        "yaxis2": {"domain": [0.0, 0.94], "anchor": "x2", "range": [0, 100],
                   "title": {"text": "probability, %"}},
    }  # fmt: skip


def _two(labels: Sequence[str] | None, prediction: Prediction) -> tuple[list[float], list[float]]:
    rows = [[float(value) for value in row] for row in prediction]
    fits = len(rows) == 2 and len(rows[0]) == len(rows[1]) > 0
    if not fits or (labels is not None and len(labels) != len(rows[0])):
        shape = [len(rows), len(rows[0]) if rows else 0]
        raise ValueError(f"prediction must be two rows, one value for each label, got {shape}")
    return rows[0], rows[1]


def _names(labels: Sequence[str] | None, count: int) -> list[str]:
    return [f"class {n}" for n in range(count)] if labels is None else list(labels)


def _told(
    words: Sequence[str], edges: Sequence[_Edge], passed: Sequence[_Edge], threshold: float
) -> str:
    if not edges:
        return "One word: there is nobody to tell."
    drawn = f" (the {MOST} strongest are drawn)" if len(passed) > MOST else ""
    return (
        f"{len(passed)} of {len(edges)} edges reach {threshold:.2f}{drawn}; the strongest is "
        f"{_said(edges[0], words)}."
    )


def _of_truth(edges: Sequence[_Edge], passed: Sequence[_Edge]) -> str:
    def pairs(some: Sequence[_Edge]) -> int:
        return len({frozenset((e.told, e.telling)) for e in some if e.true})

    count = pairs(edges)
    if not count:
        return "No two words of this sentence decide together."
    return f"Of {count} true pair{'s' * (count > 1)} {pairs(passed)} can be seen."


def _of_prediction(labels: Sequence[str] | None, prediction: Prediction) -> str:
    before, after = _two(labels, prediction)
    names = _names(labels, len(before))
    first, then = (max(range(len(row)), key=row.__getitem__) for row in (before, after))
    moves = f"from {100 * before[first]:.0f} % to {100 * after[first]:.0f} %"
    turned = "" if first == then else f", and the answer becomes {names[then]}"
    return f"Cutting the others takes {names[first]} {moves}{turned}."
