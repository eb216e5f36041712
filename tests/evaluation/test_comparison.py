"""Statistics over records against scipy, Demsar's tables and brute force; and what stays unsaid."""

import math
import random
from itertools import combinations

import pytest
from pytest import approx, mark, raises

from labkit.evaluation.comparison import (
    averaged,
    differences,
    holm,
    only,
    pareto,
    ranking,
    scores,
    select,
)

stats = pytest.importorskip("scipy.stats", reason="compared with scipy")


def record(label, seed, accuracy, pair="a-b", **settings):
    run = {"label": label, "pair": pair, "seed": seed, **settings}
    return {"run": run, "data": "motif100", "result": {"test_accuracy": accuracy}}


def blocks(values, pair="a-b"):
    return {(pair, seed): value for seed, value in enumerate(values)}


def drawn(methods, count, seed=0, digits=3, step=0.0):
    """Scores of `methods` methods on `count` blocks, each method `step` above the one before."""
    draw = random.Random(seed)
    return {
        f"m{n}": blocks([round(draw.gauss(0.7 + n * step, 0.02), digits) for _ in range(count)])
        for n in range(methods)
    }


def test_select_takes_a_value_several_or_anything():
    records = [record("kd", s, 0.5, pair, epochs=e) for s in (0, 1) for pair in ("a", "b")
               for e in (3, 12)]  # fmt: skip
    assert len(select(records, pair="a", epochs=12)) == 2
    assert len(select(records, pair=["a", "b"], epochs={12}, seed=None)) == 4
    assert len(select(records, data="motif100")) == 8 and not select(records, lacking=1)


def test_scores_by_block_and_a_run_in_two_files_counts_once():
    first = record("kd", 0, 0.5)
    assert scores([first, dict(first), record("kd", 1, 0.6)]) == {"kd": blocks([0.5, 0.6])}
    unnamed = {"run": {"label": "kd", "teacher": "t", "student": "s", "seed": 2},
               "result": {"test_accuracy": 0.4}, "inside": {"agreement": 0.9}}  # fmt: skip
    assert scores([unnamed], "agreement") == {"kd": {("t-s", 2): 0.9}}
    with raises(ValueError, match=r"kd.*a-b with seed 0.*epochs 3 and 12"):
        scores([record("kd", 0, 0.5, epochs=3), record("kd", 0, 0.6, epochs=12)])
    with raises(ValueError, match="metric 'accuracy'"):
        scores([first], "accuracy")


@mark.parametrize("count", [2, 5, 17])
def test_a_difference_is_scipy_s_paired_t_test(count):
    found = drawn(2, count)
    (d,) = differences(found)
    theirs = stats.ttest_rel(list(found["m0"].values()), list(found["m1"].values()))
    interval = theirs.confidence_interval(0.95)
    assert (d.p, d.low, d.high) == approx((theirs.pvalue, interval.low, interval.high))
    assert d.adjusted == d.p and d.n == count


def test_only_blocks_both_have_are_compared():
    ours, theirs = {**blocks([0.7, 0.8]), ("c-d", 0): 0.1}, blocks([0.5, 0.7, 0.9])
    (d,) = differences({"a": ours, "b": theirs})
    assert d.n == 2 and d.mean == approx(0.15)
    (none,) = differences({"a": blocks([1.0]), "b": blocks([1.0], "c-d")})
    assert none.n == 0 and none.said == "never run together" and not none.shown


def test_what_may_be_said():
    same = blocks([0.71, 0.69, 0.72])
    far = blocks([0.81, 0.795, 0.82])
    found = {"a": same, "b": dict(same), "c": far, "d": blocks([0.9])}
    said = {(d.first, d.second): d for d in differences(found)}
    alike = said["a", "b"]
    assert (alike.mean, alike.p, alike.adjusted, alike.shown) == (0, 1, 1, False)
    assert alike.said == "no difference shown"
    assert said["a", "c"].shown and said["a", "c"].said == "c above a"
    alone = said["a", "d"]
    assert alone.n == 1 and alone.said == "one seed" and not alone.shown
    assert math.isinf(alone.low) and math.isinf(alone.high) and math.isnan(alone.p)


def test_one_of_many_comparisons_is_not_enough():
    """By itself told apart, p = 0.02; beside four that are not, Holm does not show it."""
    gain = {"a": blocks([0.50, 0.60, 0.70]), "b": blocks([0.52, 0.625, 0.732])}
    noise = {f"m{n}": blocks(v) for n, v in enumerate(([0.6, 0.5, 0.7], [0.7, 0.6, 0.5]))}
    alone = differences(gain)[0]
    assert alone.p < 0.05 and alone.said == "b above a"
    among = differences(gain | noise)[0]
    assert among.p == alone.p and among.adjusted == approx(6 * alone.p) and among.adjusted > 0.05
    assert among.said == "no difference shown once all comparisons count"


def test_against_a_baseline_and_bad_input():
    found = drawn(4, 3)
    assert [(d.first, d.second) for d in differences(found, "m1")] == [
        ("m0", "m1"), ("m2", "m1"), ("m3", "m1")]  # fmt: skip
    with raises(ValueError, match="baseline 'm9'"):
        differences(found, "m9")
    with raises(ValueError, match="level"):
        differences(found, level=2)


def test_holm_by_its_steps():
    """Rejects at any level what the step-down procedure rejects."""
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert holm(p) == approx([0.04, 0.09, 0.09, 0.025, 0.5])
    draw = random.Random(1)
    for level in (0.01, 0.05, 0.2):
        p = [draw.random() ** 4 for _ in range(12)]
        rejected = set()
        for done, index in enumerate(sorted(range(12), key=p.__getitem__)):
            if p[index] > level / (12 - done):
                break
            rejected.add(index)
        assert {i for i, value in enumerate(holm(p)) if value <= level} == rejected
    assert holm([]) == [] and holm([0.9, 0.8]) == [1, 1]


def test_holm_keeps_false_alarms_rare():
    """Eight methods that are alike: one of 28 comparisons is shown in few of 60 tables."""
    tables = [differences(drawn(8, 6, seed=seed)) for seed in range(60)]
    plain = sum(any(d.p < 0.05 for d in table) for table in tables)
    assert sum(any(d.shown for d in table) for table in tables) <= 8 < plain


# Demsar (2006), table 5 (a): critical values of the two-tailed Nemenyi test at 0.05
NEMENYI = {3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@mark.parametrize("k", NEMENYI)
def test_the_critical_difference_is_demsar_s(k):
    found = ranking(drawn(k, 14))
    assert found.critical == approx(NEMENYI[k] * math.sqrt(k * (k + 1) / (6 * 14)), abs=1e-3)


def test_demsar_s_example():
    """Section 3.2.2: four methods on 14 data sets, critical difference 1.25."""
    assert ranking(drawn(4, 14)).critical == approx(1.25, abs=5e-3)


@mark.parametrize("digits", [2, 6])
def test_ranks_and_friedman_by_hand(digits):
    """Two digits give many ties: mean ranks, and the statistic's correction for them."""
    found = drawn(5, 9, seed=3, digits=digits)
    names, n, k = list(found), 9, 5
    total, ties = dict.fromkeys(names, 0.0), 0
    for block in found["m0"]:
        row = {m: found[m][block] for m in names}
        for m in names:
            above = sum(v > row[m] for v in row.values())
            equal = sum(v == row[m] for v in row.values())
            total[m] += above + (equal + 1) / 2
            ties += equal**2 - 1  # summed over a tie of t: t^3 - t
    plain = 12 / (n * k * (k + 1)) * sum(r * r for r in total.values()) - 3 * n * (k + 1)
    made = ranking(found)
    assert dict(zip(made.methods, made.ranks, strict=True)) == approx(
        {m: r / n for m, r in total.items()}
    )
    assert list(made.ranks) == sorted(made.ranks)
    assert made.chi2 == approx(plain / (1 - ties / (n * (k**3 - k))))
    assert made.p == approx(stats.chi2.sf(made.chi2, k - 1))


@mark.parametrize("seed", range(4))
def test_groups_by_brute_force(seed):
    """Two methods share a group where their ranks are near, and no group holds another."""
    made = ranking(drawn(8, 12, seed=seed, step=0.006))
    assert made.shown
    rank = dict(zip(made.methods, made.ranks, strict=True))
    near = {frozenset(two) for two in combinations(rank, 2)
            if abs(rank[two[0]] - rank[two[1]]) <= made.critical}  # fmt: skip
    joined = {frozenset(two) for group in made.groups for two in combinations(group, 2)}
    assert joined == near
    assert not any(set(a) < set(b) for a in made.groups for b in made.groups)


def test_alike_methods_are_one_group_and_blocks_must_be_complete():
    same = blocks([0.5, 0.6, 0.7])
    made = ranking({m: dict(same) for m in "abc"})
    assert made.p == 1 and not made.shown and made.groups == (("a", "b", "c"),)
    assert made.ranks == (2, 2, 2)
    lacking = drawn(3, 6) | {"short": blocks([0.5, 0.6])}
    made = ranking(lacking)
    assert (made.blocks, made.left_out) == (2, 4)
    with raises(ValueError, match=r"3 methods with 1 common.*'short' has 1"):
        ranking(drawn(2, 6) | {"short": blocks([0.5])})
    for few in ({}, drawn(2, 6)):
        with raises(ValueError, match="at least 3 methods"):
            ranking(few)


def test_one_pair_and_pairs_as_blocks():
    found = {"a": {**blocks([0.5, 0.7]), **blocks([0.1, 0.3], "c-d")}, "b": blocks([0.4])}
    assert only(found, "c-d") == {"a": blocks([0.1, 0.3], "c-d")}
    assert averaged(found)["a"] == approx({("a-b", 0): 0.6, ("c-d", 0): 0.2})


def test_the_front_by_brute_force():
    draw = random.Random(0)
    cost = {n: draw.randrange(8) for n in range(30)}
    score = {n: draw.randrange(8) for n in range(25)}
    front = pareto(cost, score)
    for n in score:
        beaten = any(
            cost[o] <= cost[n] and score[o] >= score[n]
            and (cost[o] < cost[n] or score[o] > score[n])
            for o in score
        )  # fmt: skip
        assert (n in front) != beaten
    assert [cost[n] for n in front] == sorted(cost[n] for n in front)
    assert pareto({}, {}) == []
