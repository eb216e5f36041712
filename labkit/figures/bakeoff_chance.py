"""Figure of lab 08: what many comparisons show where there is nothing to show."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from labkit.errors import between, whole
from labkit.evaluation.comparison import LEVEL
from labkit.figures import style

MOST = 30  # methods
DRAWN = 2000  # bake-offs


class Drawn(NamedTuple):
    """Of bake-offs of methods that are all alike, for 1..MOST of them beside the baseline."""

    single: NDArray[np.float64]  # [MOST] share with a p below the level
    holm: NDArray[np.float64]  # [MOST] the same after Holm's correction
    best: NDArray[np.float64]  # [MOST] mean gain of the highest, in standard deviations of a run


@lru_cache(maxsize=8)
def drawn(seeds: int) -> Drawn:
    """Bake-offs in which every run is the same normal draw; always the same ones.

    Holm's smallest adjusted p is the smallest p times the number of comparisons.
    """
    from scipy.special import stdtr  # Student's t

    rng = np.random.default_rng(0)
    scores = rng.standard_normal((DRAWN, MOST + 1, seeds))
    gaps = scores[:, 1:] - scores[:, :1]  # [DRAWN, MOST, seeds] against the same baseline
    mean = gaps.mean(2)
    p = 2 * stdtr(seeds - 1, -np.abs(mean) / (gaps.std(2, ddof=1) / seeds**0.5))
    least = np.minimum.accumulate(p, axis=1)  # over the first 1, 2, ... methods
    count = np.arange(1, MOST + 1)
    highest = np.maximum.accumulate(mean, axis=1).mean(0)
    return Drawn((least < LEVEL).mean(0), (least * count < LEVEL).mean(0), highest)


def chance(methods: int, seeds: int) -> go.Figure:
    """How often a bake-off of equal methods shows a difference, and what its best one gains.

    methods: 1..30 beside the baseline; seeds: 2 or more. From 2,000 drawn bake-offs, paired t tests
    at 5 %. ValueError outside.
    """
    between("methods", whole("methods", methods), 1, MOST)
    made = drawn(whole("seeds", seeds, 2))
    x = list(range(1, MOST + 1))
    single, kept, best = (float(of[methods - 1]) for of in made)
    left = [
        style.line(0, x=x, y=list(100 * made.single), name="each test at 5 %"),
        style.line(1, x=x, y=list(100 * made.holm), name="Holm's correction"),
        _here(methods, 100 * single, 0),
        _here(methods, 100 * kept, 1),
    ]
    right = [
        style.line(2, x=x, y=list(made.best), showlegend=False),
        _here(methods, best, 2),
    ]
    return style.panels(
        [
            {"traces": left, "title": "bake-offs that show a difference",
             "x": "methods beside the baseline", "y": {"title": "%", "range": [0, 100]}},
            {"traces": right, "title": "gain of the best one", "x": "methods beside the baseline",
             "y": {"title": "in std of a run", "range": [-0.1, 2.2]}},
        ],
        gap=0.14,
        caption=(
            f"{methods} methods that are all as good as the baseline, {seeds} seeds: {single:.0%} "
            f"of such bake-offs show some difference, {kept:.0%} with Holm's correction; the best "
            f"one is {best:.2f} standard deviations of a run above the baseline, on average."
        ),
        alt="False finds and the winner's gain over the number of methods",
    )  # fmt: skip


def _here(methods: int, y: float, number: int) -> dict[str, object]:
    look = style.series(number)
    marker = {"color": look["color"], "size": 11, "line": {"color": "black", "width": 1}}
    return {"type": "scatter", "mode": "markers", "x": [methods], "y": [y], "marker": marker,
            "showlegend": False, "hoverinfo": "y"}  # fmt: skip
