"""Figure of lab 08: what a few seeds can show, and how much they exaggerate what they show.

Source: Gelman & Carlin (2014), Beyond power calculations: errors of sign and of magnitude.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.errors import between, positive, whole
from labkit.evaluation.comparison import LEVEL
from labkit.evaluation.power import needed, powers
from labkit.figures import style

MOST = 20  # seeds
DRAWN = 2000  # experiments
PICTURED = 200  # of them
BESIDE = (0.5, 1.0, 2.0)  # points: true differences drawn beside the one asked for
ENOUGH = 0.8  # the power usually asked for
SEEDS = list(range(2, MOST + 1))


class Drawn(NamedTuple):
    """Experiments that might have been: their mean difference and its 95 % interval, in points."""

    mean: NDArray[np.float64]  # [DRAWN]
    half: NDArray[np.float64]  # [DRAWN] half the interval
    shown: NDArray[np.bool_]  # [DRAWN] 0 is outside
    wrong: NDArray[np.bool_]  # [DRAWN] shown, with the other sign than the truth; none at truth 0


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.float64]:
    """The luck of each seed of each experiment: the same at every setting, [DRAWN, MOST]."""
    return np.random.default_rng(0).standard_normal((DRAWN, MOST))


def drawn(difference: float, spread: float, seeds: int) -> Drawn:
    """Always the same experiments; more seeds are added to those that an experiment has."""
    from scipy.special import stdtrit  # Student's t

    gaps = difference + spread * _noise()[:, :seeds]  # [DRAWN, seeds]
    mean = gaps.mean(1)
    half = float(stdtrit(seeds - 1, 1 - LEVEL / 2)) * gaps.std(1, ddof=1) / seeds**0.5
    shown = np.abs(mean) > half
    return Drawn(mean, half, shown, shown & (mean * difference < 0))


def power(difference: float, spread: float, seeds: int) -> go.Figure:
    """How often a paired t test at 5 % shows a true difference, and 200 experiments that tried.

    What the caption says of exaggeration and of wrong signs is from 2,000 drawn experiments.

    difference: the truth in points, -100..100; spread: standard deviation from seed to seed of
    what one method has above the other, in points, above 0; seeds: 2..20. ValueError outside.
    """
    between("difference", difference, -100, 100), positive("spread", spread)
    between("seeds", whole("seeds", seeds, 2), 2, MOST)
    made = drawn(difference, spread, seeds)
    chance = float(powers(difference, spread, seeds))
    beyond = 4 * spread / seeds**0.5  # holds the means; the interval of few seeds is longer
    seen = [min(0, difference) - beyond, max(0, difference) + beyond]
    return style.panels(
        [
            {"traces": _curves(difference, spread, seeds, chance),
             "title": f"how often it is shown, std {spread:g}",
             "x": {"title": "seeds n", "range": [1.5, MOST + 0.5]},
             "y": {"title": "% of experiments", "range": [-2, 102]}},
            {"traces": _experiments(made, difference),
             "title": f"{PICTURED} experiments of {seeds} seeds, 95 % intervals",
             "x": {"title": "experiment", "range": [-2, PICTURED + 1]},
             "y": {"title": "difference found, points", "range": seen}},
        ],
        widths=[0.75, 1],
        gap=0.11,
        height=390,
        caption=_told(difference, spread, seeds, chance, made),
        alt="Power over the number of seeds, and simulated experiments with their intervals",
    )  # fmt: skip


def _curves(difference: float, spread: float, seeds: int, chance: float) -> list[dict[str, Any]]:
    curves = [
        style.line(n, x=SEEDS, y=_percent(d, spread), name=_points(d), hoverinfo="x+y")
        for n, d in enumerate(BESIDE)
    ]
    black = style.series(6)["color"]
    yours = {"color": black, "width": 3}
    mark = {"color": black, "size": 11, "symbol": "circle"}
    here = {"type": "scatter", "mode": "markers", "x": [seeds], "y": [100 * chance], "marker": mark}
    return [
        *curves,
        style.line(6, x=SEEDS, y=_percent(difference, spread), name=f"yours, {_points(difference)}",
                   hoverinfo="x+y", line=yours),
        here | {"showlegend": False, "hoverinfo": "x+y"},
        _level([SEEDS[0], SEEDS[-1]], 100 * ENOUGH),
    ]  # fmt: skip


def _percent(difference: float, spread: float) -> list[float]:
    return [100 * float(p) for p in powers(difference, spread, SEEDS)]


def _points(difference: float) -> str:
    return f"{difference:g} point" + ("" if abs(difference) == 1 else "s")


def _level(x: list[int], y: float, **trace: Any) -> dict[str, Any]:
    line = {"color": style.COLOURS["grey"], "width": 1, "dash": "dash"}
    fixed = {"type": "scatter", "mode": "lines", "x": x, "y": [y, y], "line": line}
    return fixed | {"showlegend": False, "hoverinfo": "skip"} | trace


def _experiments(made: Drawn, difference: float) -> list[dict[str, Any]]:
    shown, wrong = made.shown[:PICTURED], made.wrong[:PICTURED]
    kinds = (
        ("not shown", ~shown, "circle-open", "grey"),
        ("shown", shown & ~wrong, "circle", "blue"),
        ("shown, wrong sign", wrong, "x", "vermilion"),
    )
    ends = [-2, PICTURED + 1]
    return [
        _level(ends, 0.0, line={"color": "#222222", "width": 1.5}),
        *(_some(made, name, kept, symbol, style.COLOURS[c]) for name, kept, symbol, c in kinds),
        _level(ends, difference, name="the truth", showlegend=True,
               line={"color": style.COLOURS["green"], "width": 2, "dash": "dash"}),
    ]  # fmt: skip


def _some(
    made: Drawn, name: str, kept: NDArray[np.bool_], symbol: str, colour: str
) -> dict[str, Any]:
    size = {"circle-open": 4, "circle": 5, "x": 8}[symbol]
    bars = "rgba(140,140,140,0.3)" if symbol == "circle-open" else colour  # the grey, faint
    bar = {
        "array": made.half[:PICTURED][kept].tolist(),
        "thickness": 1,
        "width": 0,
        "color": bars,
    }
    x, y = np.flatnonzero(kept).tolist(), made.mean[:PICTURED][kept].tolist()
    return {
        "type": "scatter", "mode": "markers", "name": name, "error_y": bar,
        "x": x or [None], "y": y or [None],  # not empty: it would leave the legend, which jumps
        "marker": {"symbol": symbol, "size": size, "color": colour},
        "hovertemplate": "%{y:+.2f} points<extra></extra>",
    }  # fmt: skip


def _told(difference: float, spread: float, seeds: int, chance: float, made: Drawn) -> str:
    setting = f"{seeds} seeds, differences with a standard deviation of {_points(spread)}"
    count = int(made.shown[:PICTURED].sum())
    if difference == 0:
        return (
            f"{setting}, and no true difference: {chance:.0%} of experiments show one all the "
            f"same, {count} of the {PICTURED} here; more seeds do not change that."
        )
    n = needed(difference, spread, ENOUGH)
    return (
        f"{setting}, and a true difference of {_points(difference)}: {chance:.0%} of experiments "
        f"show it, {count} of the {PICTURED} here ({ENOUGH:.0%} takes {n:,} seeds); "
        f"{_exaggerated(made, difference)}."
    )


def _exaggerated(made: Drawn, difference: float) -> str:
    """What the experiments that show a difference make of it."""
    size = float(np.abs(made.mean[made.shown]).mean())  # some are shown: 5 % at the least
    times = size / abs(difference)
    much = "the true one" if abs(times - 1) < 0.05 else f"{times:.1f} times the true one"
    wrong = made.wrong.sum() / made.shown.sum()
    sign = f", and {wrong:.0%} of them have the wrong sign" if wrong >= 0.005 else ""
    return f"those shown are {size:.2f} points on average, {much}{sign}"
