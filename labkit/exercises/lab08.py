"""Lab 08, the bake-off: the exercises and the mistakes their checks recognise."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from labkit.evaluation.comparison import differences
from labkit.evaluation.comparison import holm as adjusted
from labkit.exercises.bakeoff_flaws import FLAWS, flaw, tables
from labkit.exercises.bakeoff_runs import comparable, runs
from labkit.exercises.check import Exercise, mismatch

__all__ = [
    "EXERCISES",
    "FLAWS",
    "IN_WORDS",
    "comparable",
    "flaw",
    "holm",
    "interval",
    "runs",
    "tables",
]

Numbers = Sequence[float]


def _numbers(got: Any, expected: Tensor) -> str | None:
    """What differs between a list of numbers, or a tensor or array, and the expected tensor."""
    if isinstance(got, (list, tuple, np.ndarray)):
        try:
            got = torch.as_tensor(np.asarray(got, dtype=np.float64))
        except (TypeError, ValueError, RuntimeError):
            return f"expected {len(expected)} numbers, got {got!r}."
    return mismatch(got, expected)


# Inputs are tuples: a list that is sorted in place would be sorted for the reference, too.
def _twice() -> Sequence[tuple[Any, ...]]:
    """Two methods' accuracies in %, seed by seed: a good seed is good for both."""
    return [
        ((72.4, 73.9, 71.1, 73.0, 71.8), (71.0, 73.1, 70.4, 71.3, 70.9)),
        ((64.2, 66.9, 65.1), (65.6, 67.2, 67.0)),
    ]


def _around(mean: float, half: float) -> Tensor:
    return torch.tensor([mean, mean - half, mean + half], dtype=torch.float64)


def _paired(a: Numbers, b: Numbers) -> Tensor:
    found = {"a": a, "b": b}
    blocks = {name: {("", n): v for n, v in enumerate(values)} for name, values in found.items()}
    (made,) = differences(blocks, "b")
    return torch.tensor([made.mean, made.low, made.high], dtype=torch.float64)


def _quantile(df: float, share: float = 0.975) -> float:
    from scipy.special import stdtrit  # Student's t

    return float(stdtrit(df, share))


def _half(factor: Callable[[int], float], ddof: int = 1) -> Callable[[Numbers, Numbers], Tensor]:
    """An interval of the differences, `factor(n)` standard deviations to either side."""

    def interval(a: Numbers, b: Numbers) -> Tensor:
        d = np.subtract(a, b)
        return _around(float(d.mean()), factor(len(d)) * float(d.std(ddof=ddof)))

    return interval


def _groups(a: Numbers, b: Numbers, *, welch: bool = False) -> Tensor:
    n, one, other = len(a), float(np.var(a, ddof=1)), float(np.var(b, ddof=1))
    df = (n - 1) * ((one + other) ** 2 / (one**2 + other**2) if welch else 2)
    return _around(float(np.mean(a) - np.mean(b)), _quantile(df) * math.sqrt((one + other) / n))


def _one_list(a: Numbers, b: Numbers) -> Tensor:
    error = float(np.std(a, ddof=1)) / math.sqrt(len(a))
    return _around(float(np.mean(a) - np.mean(b)), _quantile(len(a) - 1) * error)


interval = Exercise(
    "the paired interval",
    _paired,
    _twice,
    {
        "the seeds are forgotten: this is the interval of two groups that have nothing to do with "
        "each other. Take the differences first.": _groups,
        "this is Welch's interval, of two unrelated groups: take the differences seed by seed.": (
            lambda a, b: _groups(a, b, welch=True)
        ),
        "1.96 is the normal's quantile: so few seeds need Student's t with n - 1 degrees.": _half(
            lambda n: 1.96 / math.sqrt(n)
        ),
        "this is the normal's quantile: so few seeds need Student's t with n - 1 degrees.": _half(
            lambda n: _quantile(math.inf) / math.sqrt(n)
        ),
        "the standard deviation divides by n: of a sample it divides by n - 1 (ddof=1).": _half(
            lambda n: _quantile(n - 1) / math.sqrt(n), ddof=0
        ),
        "the division by sqrt(n) is missing: this holds single differences, not their mean.": _half(
            lambda n: _quantile(n - 1)
        ),
        "two things: the normal's 1.96, and no division by sqrt(n).": _half(lambda n: 1.96),
        "this is the quantile at 0.95: 2.5 % are cut off at either side, so ask for 0.975.": _half(
            lambda n: _quantile(n - 1, 0.95) / math.sqrt(n)
        ),
        "t has n - 1 degrees of freedom, not n: the mean took one.": _half(
            lambda n: _quantile(n) / math.sqrt(n)
        ),
        "the sign is turned: ours minus theirs.": lambda a, b: _paired(b, a),
        "this is the spread of one list: take that of the differences.": _one_list,
        "low and high have changed places.": lambda a, b: _paired(a, b)[[0, 2, 1]],
    },
    "correct: a seed that is lucky for both is no difference.",
    _numbers,
)


def _p_values() -> Sequence[tuple[Any, ...]]:
    return [((0.03, 0.012, 0.6, 0.013, 0.2),), ((0.02, 0.55, 0.001, 0.021, 0.7, 0.022),)]


def _stepped(
    p: Numbers, factor: Callable[[int, int], float], *, climb: bool = True, cap: float = 1.0
) -> Tensor:
    """p-values times factor(m, how many are smaller), in the order given."""
    order = np.argsort(p, kind="stable")
    made = np.array([factor(len(p), done) * p[i] for done, i in enumerate(order)])
    made = np.minimum(np.maximum.accumulate(made) if climb else made, cap)
    return torch.from_numpy(made[np.argsort(order)])


def _left(m: int, done: int) -> float:
    return m - done


def _from_above(p: Numbers, factor: Callable[[int, int], float]) -> Tensor:
    """The same, stepping from the largest down: no value above one after it."""
    order = np.argsort(p, kind="stable")
    made = np.array([factor(len(p), done) * p[i] for done, i in enumerate(order)])
    lowest = np.minimum.accumulate(made[::-1])[::-1].clip(max=1.0)
    return torch.from_numpy(lowest[np.argsort(order)])


holm = Exercise(
    "Holm's correction",
    lambda p: torch.tensor(adjusted(p), dtype=torch.float64),
    _p_values,
    {
        "this is Bonferroni: only the smallest is multiplied by m, the next by m - 1 and so on.": (
            lambda p: _stepped(p, lambda m, done: m)
        ),
        "this is Bonferroni without its limit: the smallest times m, the next times m - 1, and "
        "nothing above 1.": lambda p: _stepped(p, lambda m, done: m, cap=math.inf),
        "the step-down maximum is missing: no adjusted value may be below that of a smaller p.": (
            lambda p: _stepped(p, _left, climb=False)
        ),
        "a probability is not above 1: cut there.": lambda p: _stepped(p, _left, cap=math.inf),
        "two things: no adjusted value may be below that of a smaller p, and none above 1.": (
            lambda p: _stepped(p, _left, climb=False, cap=math.inf)
        ),
        "this is in sorted order: return the values in the order that was given.": lambda p: (
            _stepped(p, _left).sort().values
        ),
        "this is Benjamini-Hochberg: it limits the share of false finds, Holm the chance of any.": (
            lambda p: _from_above(p, lambda m, done: m / (done + 1))
        ),
        "this is Hochberg's step-up: Holm starts at the smallest p and carries the maximum.": (
            lambda p: _from_above(p, _left)
        ),
        "the factors are turned round: the smallest p is multiplied by m, the largest by 1.": (
            lambda p: _stepped(p, lambda m, done: done + 1)
        ),
        "the factors start at m - 1: the smallest p is multiplied by m.": lambda p: _stepped(
            p, lambda m, done: m - done - 1
        ),
    },
    "correct: the chance of any false find stays at the level, whatever the number of methods.",
    _numbers,
)

EXERCISES = (interval, holm)  # answers are numbers
IN_WORDS = (*flaw.values(), comparable)  # answers are names
