"""Seed by seed and as two groups: intervals against scipy, lines where both have a run."""

import numpy as np
import pytest
from pytest import approx
from scipy import stats

from labkit.figures import style
from labkit.figures.bakeoff_paired import paired, welch

A, B = [0.80, 0.84, 0.79, 0.90], [0.70, 0.75, 0.68, 0.82]


def found(**lists):
    return {m: {("a-b", seed): v for seed, v in enumerate(of)} for m, of in lists.items()}


def test_both_intervals_are_those_of_scipy():
    fig = paired(found(kd=A, labels=B), "kd", "labels")
    by_seed, apart = (trace.error_x.array[0] for trace in fig.data[-2:])
    ours = stats.ttest_rel(A, B).confidence_interval()
    theirs = stats.ttest_ind(A, B, equal_var=False).confidence_interval()
    assert by_seed == approx(50 * (ours.high - ours.low))
    assert apart == approx(50 * (theirs.high - theirs.low))
    assert fig.data[-1].x[0] == approx(100 * (np.mean(A) - np.mean(B)))


def test_runs_that_rise_and_fall_together_gain_by_pairing():
    told = style.caption(paired(found(kd=A, labels=B), "kd", "labels"))
    assert "times as wide" in told
    assert "No difference shown as two groups" in told


def test_pairing_runs_that_have_nothing_in_common_gains_nothing():
    told = style.caption(paired(found(kd=A, labels=[0.82, 0.68, 0.75, 0.70]), "kd", "labels"))
    assert "no wider" in told


def test_only_common_seeds_are_lines():
    fig = paired(found(kd=A, labels=B[:2]), "kd", "labels")
    assert [trace.name for trace in fig.data[:-2]] == ["seed 0", "seed 1"]


@pytest.mark.parametrize("second", ["kd", "unknown"])
def test_without_two_common_seeds_it_is_empty_and_says_why(second):
    fig = paired(found(kd=A, labels=B), "kd", second)
    assert not fig.data
    assert "two seeds in common" in style.caption(fig)


def test_two_groups_without_spread_have_no_interval():
    assert welch([1.0, 1.0], [2.0, 2.0]) == 0
