"""Lab 02's figures: what is drawn is what the numbers say, at every setting of the sliders."""

import json
import math

import numpy as np
import pytest
import torch

from labkit import data, figures
from labkit.figures import mutual_information as drawn
from labkit.figures import negatives, staircase
from labkit.figures.curve import Curve
from labkit.training import Done, KnobChange, Start, Step, reference

ESTIMATES = {
    "InfoNCE": torch.tensor([4.0, 4.1, 3.9]),
    "NWJ": torch.tensor([8.0, 9.0, -500.0]),
    "SMILE": torch.tensor([9.0, 9.5, 8.5]),
}
X, Y = data.gaussians.correlated(50, 20, 8.0, generator=torch.Generator().manual_seed(0))


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


@pytest.mark.parametrize(("truth", "k"), [(0.0, 1), (8.0, 63), (12.0, 4095)])
def test_bars_are_means_cut_at_the_axis_and_the_lines_truth_and_ceiling(truth, k):
    figure = drawn.bounds(X, Y, ESTIMATES, information=truth, negatives=k)
    bars = next(t for t in figure.data if t.type == "bar")
    assert list(bars.y) == pytest.approx([4.0, drawn.LOW, 9.0], abs=1e-6)
    assert "-161" in figure.layout.xaxis2.ticktext[1]  # the number itself is never cut
    heights = sorted(shape.y0 for shape in figure.layout.shapes)
    assert heights == pytest.approx(sorted([truth, math.log(k + 1)]))
    can = "cannot" if truth > math.log(k + 1) else "never could"
    assert f"{can} say more than log {k + 1} = {math.log(k + 1):.2f}" in figures.caption(figure)


def test_the_cloud_is_the_first_coordinate_and_its_correlation():
    figure = drawn.bounds(X, Y, ESTIMATES, information=8.0, negatives=63, points=20)
    assert list(trace(figure, "pairs").x) == pytest.approx(X[:20, 0].tolist())
    rho = data.gaussians.rho_of(8.0, 20)
    assert f"correlation {rho:.2f}" in figure.layout.annotations[0].text


def test_the_nearest_estimate_is_named_and_jsd_never_is():
    estimates = {**ESTIMATES, "JSD": torch.tensor([0.0, 0.0, 0.0])}

    def said(batches):
        drawn_of = {name: values.repeat(3)[:batches] for name, values in estimates.items()}
        figure = drawn.bounds(X, Y, drawn_of, information=0.5, negatives=63)
        return figures.caption(figure), "±" in figure.layout.xaxis2.ticktext[0]

    text, spread = said(9)
    assert "nearest mean is that of InfoNCE" in text and "from batch to batch" in text and spread
    text, spread = said(1)
    assert "from one batch: too few to show a spread" in text and not spread


def test_the_puzzle_gives_numbers_and_no_reasons():
    said = figures.caption(drawn.verdicts(ESTIMATES, 10.0, 63))
    assert said.startswith("The truth is 10.00 nats; of 3 batches on average InfoNCE says 4.00, ")
    assert "log" not in said


def test_the_stream_counts_bias_spread_and_what_lies_outside():
    figure = drawn.stream(ESTIMATES, 8.0, negatives=63, clip=5.0)
    ticks = figure.layout.xaxis.ticktext
    assert "bias -4.00" in ticks[0] and "std 0.10" in ticks[0]
    said = figures.caption(figure)
    assert "smallest for SMILE, 1.12 nats" in said  # sqrt(1 + 0.25)
    assert "largest for NWJ" in said and "1 of 9" in said
    assert min(trace(figure, "NWJ").y) == drawn.LOW


def test_the_stream_shows_what_was_seen():
    figure = drawn.stream(ESTIMATES, 8.0, negatives=63, clip=5.0, seen=2)
    assert [len(t.y) for t in figure.data[:3]] == [2, 2, 2]
    assert "After 2 batches" in figures.caption(figure)


@pytest.mark.parametrize(
    ("k", "summed", "bias"), [(1, True, False), (64, True, True), (4, True, False)]
)
def test_the_ratio_s_shift_is_measured(k, summed, bias):
    truth = torch.linspace(-3, 3, 41)
    estimate = truth - math.log(k) + (math.log(k) if bias else 0.0)
    figure = drawn.ratio(truth, estimate, negatives=k, summed=summed, bias=bias)
    shift = 0.0 if bias else -math.log(k)
    assert f"{shift:+.2f} nats from the truth".replace("-0.00", "+0.00") in figures.caption(
        figure
    ).replace("-0.00", "+0.00")
    assert figure.data[2].y[0] == pytest.approx(figure.data[1].y[0] - math.log(k))


def climb(steps=200):
    """A curve of a made-up run of two stages, with one knob moved in the second."""
    curve = Curve("run 1", {"clip": 5.0})
    curve.add(Start(2 * steps, 2, {"stages": [2.0, 4.0]}))
    for step in range(1, 2 * steps + 1):
        truth = 2.0 if step <= steps else 4.0
        curve.add(
            Step(step, step / steps, {"InfoNCE": truth - 1, "NWJ": 99.0, "truth": truth}, 0.0)
        )
        if step == 1.5 * steps:
            curve.add(KnobChange(step, "clip", 5.0, 1.0))
    curve.add(Done(2 * steps, {}))
    return curve


def test_the_staircase_follows_the_run():
    figure = staircase.staircase([climb()])
    assert list(trace(figure, "truth").y) == [2, 2, 4, 4]
    lines = [t for t in figure.data if t.name == "InfoNCE"]
    assert [t.opacity for t in lines] == [0.3, 1.0]
    assert lines[1].y[0] == 1 and lines[1].y[-1] == 3
    assert max(trace(figure, "NWJ").y) == drawn.HIGH
    assert figure.layout.shapes[0].x0 == pytest.approx(1.5)
    assert figure.layout.annotations[0].text == "clip 5 → 1"
    said = figures.caption(figure)
    assert "the truth is 4 nats; mean of the last 4 batches: InfoNCE 3.00, NWJ 99.00" in said


def test_the_staircase_before_and_beside_other_runs():
    empty = staircase.staircase([], reference={"SMILE": [1.0, 2.0, 99.0]})
    assert "press Start" in figures.caption(empty)
    assert list(trace(empty, "SMILE, recorded").y) == [1.0, 2.0, drawn.HIGH]
    assert list(empty.layout.xaxis.ticktext) == [f"{n} nats" for n in (2, 4, 6, 8, 10)]
    both = staircase.staircase([climb(), climb(100)])
    assert sum(t.showlegend is not False for t in both.data) == 3  # truth, and the newest run's
    assert max(len(t.x) for t in staircase.staircase([climb(4000)]).data) <= 1000


def test_running_means_use_what_there_is():
    values = np.arange(6, dtype=np.float32)
    assert staircase._running(values, 3).tolist() == [0, 0.5, 1, 2, 3, 4]


CELLS = {
    f"{t}": {
        f"{k}": {name: {"mean": t * k**0.5, "std": 0.1, "n": 3} for name in ("snr", "agreement")}
        for k in (1, 4, 16)
    }
    for t in (0.1, 1.0)
}


def test_signal_frames_the_nearest_cell_and_compares_with_the_root():
    figure = negatives.signal(CELLS, temperature=0.12, negatives=5)
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, -0.5, 0.5)
    assert figure.data[0].text[1][2] == "4"
    assert list(figure.data[1].y) == pytest.approx(list(figure.data[2].y))  # here exactly √K
    assert "16 times the negatives make the signal-to-noise ratio 4 times" in figures.caption(
        figure
    )
    cosine = negatives.signal(CELLS, temperature=1.0, negatives=1, shown="agreement")
    assert cosine.data[2].visible is False and cosine.layout.yaxis2.type == "linear"
    assert [t.type for t in cosine.data] == [t.type for t in figure.data]  # redraws in place


def test_surface_shows_bias_and_spread():
    cells = {"2": {"1": {"DV": {"mean": 3.5, "std": 2.0, "n": 9}}}}
    cells["2"]["63"] = {"DV": {"mean": 2.1, "std": 0.2, "n": 9}}
    bias = negatives.surface(cells, "DV", "bias", information=2.0, negatives=50)
    assert bias.data[0].z[0] == pytest.approx((1.5, 0.1))
    assert "K = 63 negatives DV reads 2.10 ± 0.20 (9 batches)" in figures.caption(bias)
    spread = negatives.surface(cells, "DV", "spread", information=2.0, negatives=1)
    assert spread.data[0].z[0] == [2.0, 0.2]


def test_left_out_says_where_the_shortcut_fails():
    gaps = torch.arange(5.0)
    right = torch.zeros(5)
    figure = negatives.left_out(gaps, {"masked": right, "shortcut": right + (gaps >= 3)})
    assert "from a lead of 3 nats on" in figures.caption(figure)
    assert "nowhere" in figures.caption(negatives.left_out(gaps, {"a": right, "b": right}))


def test_maximum_is_the_running_maximum():
    values = torch.tensor([5.0, 7.0, 6.0, 90.0])
    figure = negatives.maximum(values, 6.0, bound="NWJ", seen=3)
    assert list(trace(figure, "largest so far").y) == [5, 7, 7]
    assert list(trace(figure, "mean so far").y) == pytest.approx([5, 6, 6])
    assert "7.00 nats, 1.00 above the truth; the mean is 6.00" in figures.caption(figure)


def test_every_figure_has_titles_a_caption_and_travels_as_json():
    values = torch.tensor([5.0, 7.0])
    made = [
        drawn.verdicts(ESTIMATES, 8.0, 63), drawn.stream(ESTIMATES, 8.0, negatives=63, clip=5.0),
        drawn.bounds(X, Y, ESTIMATES, information=8.0, negatives=63),
        drawn.ratio(values, values, negatives=4, summed=False), staircase.staircase([climb(50)]),
        negatives.signal(CELLS, temperature=1.0, negatives=1),
        negatives.maximum(values, 6.0, bound="DV", seen=9),
        negatives.left_out(values, {"masked": values, "shortcut": values}),
        negatives.surface(reference("lab02-surface")["cells"], "NWJ", "spread",
                          information=8.0, negatives=63),
    ]  # fmt: skip
    for figure in made:
        assert figure.layout.title.text and figures.caption(figure)
        assert figure.layout.xaxis.title.text or figure.layout.xaxis.ticktext
        assert figure.layout.yaxis.title.text
        json.loads(figure.to_json())
