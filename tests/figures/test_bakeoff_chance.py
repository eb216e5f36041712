"""Bake-offs of equal methods: one test in twenty, Holm keeps it there, the winner is lucky."""

import numpy as np
import pytest
from pytest import approx

from labkit.evaluation import comparison
from labkit.figures import style
from labkit.figures.bakeoff_chance import DRAWN, MOST, chance, drawn


@pytest.mark.parametrize("seeds", [2, 5])
def test_one_comparison_is_wrong_one_time_in_twenty(seeds):
    made = drawn(seeds)
    assert made.single[0] == approx(0.05, abs=0.015)  # 3 standard errors of 2,000 draws
    assert made.holm[0] == made.single[0]
    assert made.best[0] == approx(0, abs=0.05)


def test_holm_keeps_the_level_and_single_tests_do_not():
    made = drawn(5)
    assert made.single[12] > 0.3
    assert (made.holm < 0.07).all()
    assert (np.diff(made.best) > 0).all()


def test_the_shortcut_agrees_with_holm_in_full():
    from scipy.stats import ttest_rel

    scores = np.random.default_rng(0).standard_normal((DRAWN, MOST + 1, 4))[:200]
    shown = [
        min(comparison.holm([ttest_rel(s, one[0]).pvalue for s in one[1:6]])) < comparison.LEVEL
        for one in scores
    ]
    p = [min(ttest_rel(s, one[0]).pvalue for s in one[1:6]) * 5 < 0.05 for one in scores]
    assert shown == p


def test_the_sentence_has_the_settings():
    told = style.caption(chance(13, 5))
    assert told.startswith("13 methods")
    assert "5 seeds" in told


@pytest.mark.parametrize(("methods", "seeds"), [(0, 5), (31, 5), (3, 1)])
def test_outside_the_range_it_refuses(methods, seeds):
    with pytest.raises(ValueError, match=r"methods|seeds"):
        chance(methods, seeds)
