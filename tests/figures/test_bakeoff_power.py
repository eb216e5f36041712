"""Power and drawn experiments: their numbers, what the sentence says, and how fast they are."""

import json
import time

import numpy as np
import pytest
from pytest import approx, mark, raises

from labkit.evaluation import power as pure
from labkit.figures import bakeoff_power, style
from labkit.figures.bakeoff_power import DRAWN, MOST, PICTURED, drawn, power

pytest.importorskip("scipy.special", reason="Student's t by scipy")


def trace(figure, name):
    (found,) = (t for t in figure.data if t.name and t.name.startswith(name))
    return found


def drawn_points(figure, name):
    return [y for y in trace(figure, name).y if y is not None]


@mark.parametrize("setting", [(1, 1, 5), (0.25, 4, 3), (0, 1, 2), (-0.5, 1, 8)])
def test_experiments_are_paired_t_tests_and_as_many_are_shown_as_should_be(setting):
    from scipy.stats import ttest_1samp

    difference, spread, seeds = setting
    made = drawn(*setting)
    gaps = difference + spread * bakeoff_power._noise()[:, :seeds]
    test = ttest_1samp(gaps[:50], 0, axis=1)
    assert (made.shown[:50] == (test.pvalue < 0.05)).all()
    low, high = test.confidence_interval(0.95)
    assert made.half[:50] == approx((high - low) / 2) and made.mean[:50] == approx((high + low) / 2)
    assert made.shown.mean() == approx(pure.power(*setting), abs=4 * (0.25 / DRAWN) ** 0.5)
    other = np.sign(made.mean) == -np.sign(difference)
    assert (made.wrong == (made.shown & other & (difference != 0))).all()


def test_curves_are_the_power_and_the_mark_stands_on_yours():
    made = power(0.75, 1.5, 6)
    yours = trace(made, "yours, 0.75 points")
    assert list(yours.x) == list(range(2, MOST + 1))
    assert yours.y == approx([100 * pure.power(0.75, 1.5, n) for n in yours.x])
    assert trace(made, "2 points").y[3] == approx(100 * pure.power(2, 1.5, 5))
    (mark,) = (t for t in made.data if t.marker.size == 11)
    assert (mark.x[0], mark.y[0]) == (6, approx(100 * pure.power(0.75, 1.5, 6)))


def test_each_pictured_experiment_is_drawn_once_by_what_it_shows():
    made, kept = power(0.25, 4, 3), drawn(0.25, 4, 3)
    shown, wrong = kept.shown[:PICTURED], kept.wrong[:PICTURED]
    assert wrong.any()
    assert drawn_points(made, "shown, wrong sign") == approx(kept.mean[:PICTURED][wrong])
    assert all(y < 0 for y in drawn_points(made, "shown, wrong sign"))
    assert len(drawn_points(made, "not shown")) == PICTURED - shown.sum()
    found = [t for t in made.data if t.name == "shown"]
    assert found[0].y == approx(kept.mean[:PICTURED][shown & ~wrong])
    assert found[0].error_y.array == approx(kept.half[:PICTURED][shown & ~wrong])


def test_the_sentence_has_the_numbers():
    made = drawn(0.5, 1, 5)
    told = style.caption(power(0.5, 1, 5))
    size = np.abs(made.mean[made.shown]).mean()
    assert size > 0.9  # small differences are shown when luck enlarges them
    assert f"those shown are {size:.2f} points on average, {size / 0.5:.1f} times the true" in told
    assert f"{pure.power(0.5, 1, 5):.0%} of experiments show it" in told
    assert f"{made.shown[:PICTURED].sum()} of the 200 here (80% takes 34 seeds)" in told
    assert "on average, the true one." in style.caption(power(5, 0.25, 20))
    assert "a true difference of 1 point:" in style.caption(power(1, 1, 5))


def test_wrong_signs_are_told_and_no_difference_has_none():
    wrong = drawn(0.25, 4, 3)
    share = wrong.wrong.sum() / wrong.shown.sum()
    assert f"{share:.0%} of them have the wrong sign" in style.caption(power(0.25, 4, 3))
    told = style.caption(power(0, 1, 5))
    assert "no true difference: 5% of experiments show one all the same" in told
    assert "wrong" not in told and not drawn_points(power(0, 1, 5), "shown, wrong sign")


def test_it_is_always_the_same_and_its_traces_stay():
    """A slider updates traces in place, and a legend entry that comes and goes moves the panels."""
    assert power(1, 1, 5).to_json() == power(1, 1, 5).to_json()
    settings = [(0, 1, 2), (5, 0.25, 20), (0.25, 4, 3), (-2, 1, 7)]
    names = [[t.name for t in power(*s).data if t.showlegend is not False] for s in settings]
    assert len({len(each) for each in names}) == 1 and len(names[0]) == 8
    for setting in settings:
        sent = power(*setting).to_json()
        json.loads(sent, parse_constant=lambda word: pytest.fail(word))


def test_a_redraw_is_fast():
    power(1, 1, 5)
    taken = []
    for n in range(2, 12):
        start = time.perf_counter()
        power(1, 1, n)
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.05  # measured: 0.006 s


@mark.parametrize("setting", [(1, 1, 1), (1, 1, 21), (1, 0, 5), (1000, 1, 5), ("1", 1, 5)])
def test_outside_the_range_it_refuses(setting):
    with raises(ValueError, match=r"difference|spread|seeds"):
        power(*setting)
