"""Lab 08's figures: their numbers from the records, what they say, and how fast they are."""

import json
import random
import statistics
import time

import pytest
from pytest import approx, mark, raises

from labkit import figures
from labkit.evaluation.comparison import scores, select
from labkit.figures import bakeoff, bakeoff_apart, bakeoff_cost, bakeoff_inside

pytest.importorskip("scipy.stats", reason="intervals by scipy")


def record(label, seed, accuracy, pair="a-b", inside=None, **settings):
    run = {"label": label, "pair": pair, "seed": seed, "epochs": 12, **settings}
    made = {"run": run, "seconds": 100.0, "result": {"test_accuracy": accuracy}}
    return made | ({"inside": inside} if inside else {})


def runs(label, values, pair="a-b", **settings):
    return [record(label, seed, value, pair, **settings) for seed, value in enumerate(values)]


@pytest.fixture
def few():
    """crd is above kd, ckd is kd, rkd has one seed; all on one pair, kd and crd on another."""
    kd = [0.70, 0.72, 0.71]
    return [
        *runs("kd", kd), *runs("crd", [0.75, 0.775, 0.76]), *runs("ckd", kd), *runs("rkd", [0.5]),
        *runs("kd", [0.6, 0.62], "c-d"), *runs("crd", [0.62, 0.6], "c-d"),
    ]  # fmt: skip


def many(count=2000, methods=20, pairs=4):
    """Records as a long sweep leaves them, a curve in each."""
    draw = random.Random(0)
    curve = [
        {"epoch": n, "accuracy": 0.1, "loss": 1.0, "terms": {"labels": 1.0}} for n in range(12)
    ]
    return [
        record(f"m{n % methods}", n // (methods * pairs), draw.gauss(0.7, 0.02),
               f"p{n // methods % pairs}", temperature=4, alpha=0.9) | {"curve": curve}
        for n in range(count)
    ]  # fmt: skip


def drawn_of(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def sent(figure):
    """What reaches the browser: strict JSON, so neither NaN nor infinity."""
    return json.loads(figure.to_json(), parse_constant=lambda word: pytest.fail(word))


def test_the_board_has_each_method_s_mean_and_gain(few):
    made = bakeoff.board(few, baseline="kd", yours=["crd"])
    ticks = list(made.layout.yaxis.ticktext)
    assert ticks[0] == "<b>crd</b> (n = 2-3)" and ticks[-1] == "rkd (one seed)"
    left, right = drawn_of(made, "a-b")
    crd, rkd = ticks.index("<b>crd</b> (n = 2-3)"), ticks.index("rkd (one seed)")
    assert left.x[crd] == approx(100 * (0.75 + 0.775 + 0.76) / 3)
    assert left.error_x.array[crd] == approx(100 * statistics.stdev([0.75, 0.775, 0.76]))
    assert left.error_x.array[rkd] == 0 and "one seed" in left.text[rkd]
    assert [round(y) for y in left.y] == list(range(4))
    symbols = dict(zip([t.split(",")[0] for t in right.text], right.marker.symbol, strict=True))
    assert symbols == {"crd": "circle", "ckd": "circle-open", "rkd": "circle-open"}
    assert "no difference shown" in right.text[[t[:3] for t in right.text].index("ckd")]
    said = figures.caption(made)
    assert (
        "a-b: crd is highest, 76.2 %" in said and "+5.2 points" in said and "crd above kd" in said
    )
    assert "Of 4 comparisons with kd, 2 show no difference, 1 rest on one seed" in said
    sent(made)


@mark.parametrize("sort, first", [("name", "ckd"), ("accuracy", "kd"), ("cost", "rkd"),
                                  ("gain", "crd")])  # fmt: skip
def test_the_board_is_sorted_as_asked(few, sort, first):
    few = [*select(few, pair="a-b"), *runs("crd", [0.1, 0.1], "c-d"), *runs("ckd", [0.1], "c-d")]
    ms = {"rkd": 0.5, "kd": [1.0, 1.2, 9.0], "crd": 20}
    made = bakeoff.board(few, baseline="kd", sort=sort, ms=ms)
    ticks = made.layout.yaxis.ticktext
    assert ticks[0].startswith(first)
    assert "kd (n = 3, +1.2 ms)" in ticks and any(t.startswith("ckd (n = 1-3)") for t in ticks)


def test_an_empty_board_and_one_without_its_baseline_say_so(few):
    assert "No recorded run passes" in figures.caption(bakeoff.board([], baseline="kd"))
    made = bakeoff.board(select(few, label="crd"), baseline="kd")
    assert "no differences" in figures.caption(made)
    with raises(ValueError, match="sort 'best'"):
        bakeoff.board(few, baseline="kd", sort="best")
    with raises(ValueError, match="needs ms"):
        bakeoff.board(few, baseline="kd", sort="cost")


def test_two_thousand_records_are_filtered_and_drawn_in_time():
    """100 ms on a quiet core; the bound leaves room for a busy one."""
    records = many()
    assert len(records) == 2000
    pairs = [f"p{n}" for n in range(4)]
    bakeoff.board(records[:99], baseline="m0")  # what is imported once
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        bakeoff.board(select(records, pair=pairs, epochs=12), baseline="m0").to_json()
        taken.append(time.perf_counter() - began)
    assert statistics.median(taken) < 0.4


def test_cost_joins_what_none_beats(few):
    found = scores(select(few, pair="a-b"))
    ms = {"a-b": {"kd": 1.0, "crd": [19.0, 20.0, 26.0], "ckd": 2.0, "rkd": 0.1}}
    made = bakeoff_cost.cost(found, ms)
    stairs = made.data[0]
    assert list(stairs.x) == [0.1, 1.0, 20.0] and stairs.line.shape == "hv"
    (crd,) = drawn_of(made, "crd")
    assert (crd.x[0], crd.error_x.array[0], crd.error_x.arrayminus[0]) == (20, 6, 1)
    assert crd.marker.line.width and not drawn_of(made, "ckd")[0].marker.line.width
    assert figures.caption(made) == (
        "a-b: beaten by none (ringed), cheapest first: rkd, kd (one seed), crd (crd above kd)."
    )
    sent(made)


def test_cost_has_a_panel_a_pair_and_one_legend(few):
    both = {"kd": 1.0, "crd": 20.0}
    made = bakeoff_cost.cost(scores(few), {"a-b": both, "c-d": both})
    assert [t.showlegend for t in drawn_of(made, "kd")] == [True, False]
    assert "c-d: beaten by none, cheapest first: kd, crd" not in figures.caption(
        made
    )  # equal means
    assert "c-d" in figures.caption(made)
    assert "timing" in figures.caption(bakeoff_cost.cost(scores(few), {}))
    wide = scores(many(100, 2, 5))
    assert "5 pairs" in figures.caption(
        bakeoff_cost.cost(wide, {f"p{n}": {"m0": 1} for n in range(5)})
    )


def test_the_matrix_greys_what_is_not_told_apart(few):
    found = scores(select(few, pair="a-b"))
    made = bakeoff_apart.matrix(found)
    order = list(made.layout.xaxis.ticktext)
    grey, shown = made.data
    crd, kd, ckd, rkd = (order.index(m) for m in ("crd", "kd", "ckd", "rkd"))
    assert shown.z[crd][kd] == approx(-shown.z[kd][crd]) and shown.z[crd][kd] == approx(
        5.17, abs=0.01
    )
    assert grey.z[crd][kd] is None and shown.z[kd][ckd] is None and grey.z[kd][ckd] == 0
    assert "no difference shown" in grey.customdata[kd][ckd]
    assert "one seed" in grey.customdata[kd][rkd] and "inf" not in grey.customdata[kd][rkd]
    assert grey.z[kd][kd] is None and shown.z[kd][kd] is None
    said = figures.caption(made)
    assert said.startswith("2 of 3 comparisons are told apart") and "1: no difference shown" in said
    assert "3 rest on one seed" in said
    sent(made)


def test_the_matrix_says_when_nothing_is_shown(few):
    same = scores([*runs("a", [0.5, 0.6]), *runs("b", [0.5, 0.6])])
    assert figures.caption(bakeoff_apart.matrix(same)).startswith("No difference shown between any")
    single = scores([*runs("a", [0.5]), *runs("b", [0.6])])
    made = bakeoff_apart.matrix(single)
    assert "no two methods have two seeds" in figures.caption(made)
    assert "Two methods or more" in figures.caption(bakeoff_apart.matrix({}))
    sent(made)


def ladder(step, count=12):
    draw = random.Random(4)
    made = []
    for n, label in enumerate("abcde"):
        made += runs(label, [draw.gauss(0.5 + n * step, 0.02) for _ in range(count)])
    return scores(made)


def test_the_critical_difference_joins_groups():
    from labkit.evaluation.comparison import ranking

    found = ladder(0.015)
    made, truth = bakeoff_apart.critical(found), ranking(found)
    dots, *brackets, ruler = made.data
    assert list(dots.x) == list(truth.ranks) and list(made.layout.yaxis.ticktext) == list(
        truth.methods
    )
    assert [b.name for b in brackets] == [", ".join(group) for group in truth.groups]
    assert len(brackets) > 1 and len({b.x[0] for b in brackets}) == len(brackets)
    assert ruler.x[1] - ruler.x[0] == approx(truth.critical)
    assert made.layout.xaxis.range[1] > max(b.x[0] for b in brackets)
    said = figures.caption(made)
    assert "The methods differ" in said and f"{truth.critical:.2f} apart" in said
    sent(made)


def test_the_critical_difference_says_when_nothing_is_shown():
    made = bakeoff_apart.critical(scores([r for m in "abc" for r in runs(m, [0.5, 0.6])]))
    assert figures.caption(made).startswith("No difference shown among 3 methods")
    assert "few blocks" in figures.caption(made)
    assert made.data[1].name == "a, b, c"
    assert "at least 3 methods" in figures.caption(bakeoff_apart.critical({}))


def look(agreement, shift=0.0, probe=0.4):
    """As `training.inside` returns it; two bins in use."""
    bins = [[0, 0.0, 0.0]] * 3 + [[30, 0.7, 0.7 - shift], [10, 0.9, 0.9 - shift]]
    return {
        "agreement": agreement, "divergence": 0.3, "calibration": abs(shift), "bins": bins,
        "alignment": [[0.9, 0.2, 0.1], [0.1, 0.8, 0.3 + probe / 10]],
        "probes": {"color": probe, "x": 0.5},
    }  # fmt: skip


@pytest.fixture
def looked():
    """Agreement grows with accuracy; only the last is sure of too much."""
    made = []
    for n, label in enumerate("abcdef"):
        for seed in range(3):
            inside = look(0.6 + n / 20 + seed / 500, 0.2 * (n == 5), 0.3 + n / 10 + seed / 100)
            made.append(record(label, seed, 0.5 + n / 20 + seed / 300, inside=inside))
    return made


def test_fidelity_beside_accuracy(looked):
    made = bakeoff_inside.fidelity([*looked, record("unseen", 0, 0.9)], teacher=0.95)
    assert [t.name for t in made.data] == [*"abcdef", "the teacher"]
    assert made.data[1].x[0] == approx(100 * (0.65 + 0.002)) and made.data[-1].y == (95, 95)
    said = figures.caption(made)
    assert said.startswith("f agrees with the teacher most, 85.2 %, and is the most accurate")
    assert "They go together" in said and "1.00" in said
    three = bakeoff_inside.fidelity([r for r in looked if r["run"]["label"] in "abc"])
    assert "No relation shown" in figures.caption(three)  # of 3 in order, p is 1/3
    assert "looked into" in figures.caption(bakeoff_inside.fidelity([record("a", 0, 0.5)]))
    sent(made)


def test_the_reliability_diagram_and_its_error(looked):
    made = bakeoff_inside.reliability(iter(looked), ["a", "f"])
    calibrated, a, f, shares, _ = made.data
    assert list(calibrated.x) == list(calibrated.y)
    assert list(a.x) == approx([70, 90]) and list(a.y) == approx(list(a.x))
    assert list(f.y) == approx([50, 70])
    assert list(shares.y) == approx([0, 0, 0, 75, 25]) and sum(shares.y) == approx(100)
    said = figures.caption(made)
    assert "f: calibration error 20.0 ± 0.0 points, on average 20.0 points surer than right" in said
    with raises(ValueError, match="label 'g'"):
        bakeoff_inside.reliability(looked, ["g"])


def test_runs_of_a_method_are_put_together_by_their_pictures():
    one, other = look(0.5), look(0.5)
    one["bins"], other["bins"] = [[10, 0.2, 0.0]], [[30, 0.6, 1.0]]
    records = [record("a", 0, 0.5, inside=one), record("a", 1, 0.5, inside=other)]
    curve = bakeoff_inside.reliability(records, ["a"]).data[1]
    assert (curve.x[0], curve.y[0]) == approx((50, 75))


def test_layers_side_by_side(looked):
    made = bakeoff_inside.alignment(looked, "a")
    assert made.data[0].z[-2][2] == approx(0.3 + 0.031)  # the first layer on top
    assert made.layout.yaxis.ticktext[-1] == "map 1"
    assert list(made.layout.xaxis.ticktext) == ["map 1", "map 2", "pooled"]
    assert "most like the teacher's map 2, CKA 0.80 (mean of 3 runs)" in figures.caption(made)
    with raises(ValueError, match="label"):
        bakeoff_inside.alignment([], "a")


def test_probes_of_what_no_class_tells(looked):
    made = bakeoff_inside.probes(looked, {"color": 0.05, "x": 1 / 3})
    assert [t.name for t in made.data[:2]] == ["a (n = 3)", "b (n = 3)"]
    assert list(made.data[0].y) == approx([31, 50]) and made.data[0].error_y.array[1] == 0
    assert list(made.data[-1].y) == approx([5, 100 / 3]) and made.data[-1].name == "chance"
    said = figures.caption(made)
    assert "color (chance 5.0 %): highest f, 81.0 %, lowest a, 31.0 %: f above a" in said
    assert "x (chance 33.3 %): highest a, 50.0 %" in said and said.endswith("no difference shown.")
    assert "probed" in figures.caption(bakeoff_inside.probes(looked, {"lacking": 0.5}))
    sent(made)
