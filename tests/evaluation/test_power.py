"""Power of the paired t test: against draws, at no difference, with many seeds, and its inverse."""

import math

import numpy as np
import pytest
from pytest import approx

from labkit.evaluation.power import needed, power, powers

pytest.importorskip("scipy.special", reason="Student's t, moved, by scipy")


@pytest.mark.parametrize(("difference", "n"), [(1, 5), (-1, 5), (0.5, 20), (2, 2), (0, 3)])
def test_it_is_how_often_drawn_experiments_are_significant(difference, n):
    from scipy.stats import ttest_1samp

    drawn = difference + np.random.default_rng(0).standard_normal((10_000, n))
    shown = (ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    assert power(difference, 1, n) == approx(shown, abs=0.015)  # 3 standard errors


@pytest.mark.parametrize("level", [0.05, 0.01])
@pytest.mark.parametrize("n", [2, 3, 20, 1000])
def test_no_difference_is_shown_as_often_as_the_level(n, level):
    assert power(0, 2.5, n, level=level) == approx(level, abs=1e-9)


def test_of_many_seeds_it_is_the_normal_s():
    n, truth = 10_000, 0.02  # 2 standard errors
    normal = 0.5 * math.erfc((1.959964 - 2) / math.sqrt(2))
    assert power(truth, 1, n) == approx(normal, abs=1e-3)
    assert power(0.5, 1, 10**5) == 1


def test_it_grows_with_the_seeds_and_with_the_difference_and_has_no_gaps():
    n = np.arange(2, 200)
    for ratio in np.arange(0.1, 30, 0.1):  # nctdtr has gaps at some of these
        curve = powers(ratio, 1, n)
        assert np.isfinite(curve).all() and (curve >= 0.05).all() and (curve <= 1).all()
        assert (np.diff(curve) > -1e-9).all()
    assert power(2, 2, 7) == approx(power(1, 1, 7)) and power(2, 1, 7) > power(1, 1, 7)


@pytest.mark.parametrize(("difference", "spread"), [(1, 1), (-0.25, 4), (5, 0.25), (0.5, 1.3)])
@pytest.mark.parametrize("asked", [0.5, 0.8, 0.95])
def test_needed_is_the_smallest_number_that_is_enough(difference, spread, asked):
    n = needed(difference, spread, asked)
    assert power(difference, spread, n) >= asked
    assert n == 2 or power(difference, spread, n - 1) < asked


def test_needed_gives_what_power_tables_give():
    """One sample, 5 % two-sided, 80 %: effects of 1, 0.5 (medium) and 0.2 (small)."""
    assert (needed(1, 1), needed(0.5, 1), needed(0.2, 1)) == (10, 34, 199)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: power(1, 0, 5), "spread"),
        (lambda: power(1, 1, 1), "seeds"),
        (lambda: power(1, 1, 5, level=2), "level"),
        (lambda: needed(0, 1), "difference"),
        (lambda: needed(1, 1, 0.01), "power"),
        (lambda: needed(1e-6, 1), "too small"),
    ],
)
def test_it_refuses(call, match):
    with pytest.raises(ValueError, match=match):
        call()
