"""How likely a few seeds are to show a true difference, and how many it takes.

A paired t test of n differences that are normal about the truth: its statistic is Student's t,
moved from 0 by truth / (spread / sqrt n). Source: Cohen (1988), Statistical Power Analysis, ch. 2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labkit.errors import between, positive, whole
from labkit.evaluation.comparison import LEVEL


def powers(
    difference: float, spread: float, seeds: ArrayLike, *, level: float = LEVEL
) -> NDArray[np.float64]:
    """`power` for each number of seeds of an array; nothing is checked."""
    from scipy.special import nctdtr, stdtrit  # t moved from 0, and Student's t

    n = np.asarray(seeds, dtype=np.float64)
    moved = abs(difference) / spread * np.sqrt(n)
    edge = stdtrit(n - 1, 1 - level / 2)
    # nctdtr is NaN here and there, but only where it differs from its limit by less than 1e-15.
    above = 1 - np.nan_to_num(nctdtr(n - 1, moved, edge), nan=0.0)
    below = 1 - np.nan_to_num(nctdtr(n - 1, -moved, edge), nan=1.0)
    return above + below


def power(difference: float, spread: float, seeds: int, *, level: float = LEVEL) -> float:
    """How often a paired t test of `seeds` differences is significant, on either side.

    difference: the true mean, in the unit of spread; spread: standard deviation of a difference
    from seed to seed, above 0; seeds: 2 or more. `level` where the true difference is 0.
    """
    between("level", level, 0, 1)
    n = whole("seeds", seeds, 2)
    return float(powers(difference, positive("spread", spread), n, level=level))


def needed(
    difference: float, spread: float, power: float = 0.8, *, level: float = LEVEL, most: int = 10**6
) -> int:
    """The smallest number of seeds, 2 or more, that shows the difference at least so often.

    ValueError for a difference of 0, which no number of seeds shows more often than `level`, for a
    power outside level..0.999, and where `most` seeds do not reach it.
    """
    size = positive("the size of difference", abs(difference))
    positive("spread", spread), between("level", level, 0, 1), between("power", power, level, 0.999)
    if powers(size, spread, most, level=level) < power:
        raise ValueError(f"difference {difference!r} is too small: not shown by {most:,} seeds")
    low, high = 1, most  # power grows with n: low is too few, high is enough
    while high - low > 1:
        middle = (low + high) // 2
        enough = powers(size, spread, middle, level=level) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high
