"""Curves of trainings: what is drawn, how much of it, and the sentence."""

import numpy as np
import pytest

from labkit.figures.curve import Curve, decimate, describe
from labkit.figures.training import training
from labkit.training import Evaluation, KnobChange, Start, Step


def curve(label="run 1", *, steps=2, metrics=None, **more):
    """A run of `steps` steps in as many epochs, evaluated after each."""
    made = Curve(label, **more)
    made.add(Start(steps, steps, {"seed": 0}))
    for step in range(1, steps + 1):
        made.add(Step(step, float(step), {"kd": 1 / step}, 0.01))
        made.add(Evaluation(step, float(step), metrics or {"accuracy": step / 10}))
    return made


def names(figure):
    return [trace.name for trace in figure.data]


def test_decimation_keeps_the_spikes():
    y = np.zeros(20_000, np.float32)
    y[7_777], y[12_345] = 5, -5
    x, kept = decimate(np.arange(20_000), y)
    assert len(kept) <= 1000 and kept.max() == 5 and kept.min() == -5
    assert (np.diff(x) > 0).all() and kept.dtype == np.float32


def test_a_figure_of_a_long_run_has_at_most_1000_points_a_trace():
    long = Curve("run 1")
    long.add(Start(5000, 10))
    for step in range(1, 5001):
        long.add(Step(step, step / 500, {"kd": 1 / step}, 0.01))
    long.add(Evaluation(5000, 10.0, {"accuracy": 0.5}))
    figure = training([long])
    assert max(len(trace.y) for trace in figure.data) <= 1000
    assert figure.layout.meta["caption"].startswith(
        "run 1: after 10.0 of 10 epochs, loss: kd 0.000"
    )


def test_the_moves_of_one_drag_are_one_mark():
    moved = Curve("run 1", {"temperature": 4.0}, epochs=10)
    moved.add(Step(1, 1.0, {"kd": 1.0}, 0.01))
    for old, new in ((4.0, 5.0), (5.0, 6.0), (6.0, 7.0)):
        moved.add(KnobChange(1, "temperature", old, new))
    moved.add(Step(2, 5.0, {"kd": 1.0}, 0.01))
    moved.add(KnobChange(2, "temperature", 7.0, 4.0))
    assert [(at, c.old, c.new) for at, c in moved.changes] == [(1.0, 4.0, 7.0), (5.0, 7.0, 4.0)]
    assert moved.name == "run 1 (temperature 4), then temperature 4"
    notes = [note.text for note in training([moved]).layout.annotations]
    assert notes[-2:] == ["temperature 4 → 7", "temperature 7 → 4"]


def test_an_earlier_run_keeps_its_marks():
    first, second = Curve("run 1", epochs=10), Curve("run 2", epochs=10)
    for each in (first, second):
        each.add(Step(1, 1.0, {"kd": 1.0}, 0.01))
    first.add(KnobChange(1, "temperature", 4.0, 8.0))
    figure = training([first, second])
    assert [line.x0 for line in figure.layout.shapes] == [1.0, 1.0]  # in both parts
    assert not any("→" in (note.text or "") for note in figure.layout.annotations)


@pytest.mark.parametrize(("share", "side"), [(0.1, "left"), (0.5, "center"), (1.0, "right")])
def test_the_label_of_a_move_stands_inside_its_part(share, side):
    moved = Curve("run 1", epochs=10)
    moved.add(Step(1, 10 * share, {"kd": 1.0}, 0.01))
    moved.add(KnobChange(1, "temperature", 4.0, 8.0))
    assert training([moved]).layout.annotations[-1].xanchor == side


@pytest.mark.parametrize(
    ("metrics", "title", "drawn"),
    [
        ({"accuracy": 0.5}, "accuracy", ["accuracy, run 1"]),
        ({"probe": 0.5, "loss": 1.0}, "probe accuracy", ["probe accuracy, run 1"]),
        (
            {"accuracy": 0.5, "probe": 0.6},
            "accuracy and probe accuracy",
            ["accuracy, run 1", "probe accuracy, run 1"],
        ),
    ],
)
def test_the_score_that_is_there_is_drawn_under_its_name(metrics, title, drawn):
    run = curve(metrics=metrics)
    figure = training([run])
    assert figure.layout.annotations[1].text == f"validation<br>{title}"
    assert names(figure)[1:] == drawn
    for name in metrics.keys() - {"loss"}:
        called = {"accuracy": "accuracy", "probe": "probe accuracy"}[name]
        assert f"; validation {called} {metrics[name]:.1%}" in describe(run)


def test_the_loss_on_the_same_pictures_is_a_third_part():
    old, new = (curve(label, fixed={"T": 4.0}) for label in ("run 1", "run 2"))
    old.measured = [(0.0, 3.0, 2.0), (1.0, 2.5, 1.5)]
    new.measured = [(0.0, 9.0, 2.0)]
    third = [trace for trace in training([old, new]).data if trace.xaxis == "x3"]
    assert [trace.name for trace in third] == [
        *["same pictures: T 4"] * 2,
        "same pictures: knobs now",
    ]
    assert [list(trace.y) for trace in third] == [[2.0, 1.5], [2.0], [9.0]]
    assert [trace.showlegend for trace in third] == [False, True, True]
    assert "on the same pictures 9.000 nats at the knobs now, 2.000 at T 4 (fixed)" in describe(new)


def test_a_knob_move_is_marked_in_all_three_parts():
    moved = curve(fixed={"T": 4.0})
    moved.add(KnobChange(1, "T", 4.0, 8.0))
    assert [line.xref for line in training([moved]).layout.shapes] == ["x", "x2", "x3"]


def test_parts_stay_where_they_are_when_a_run_begins():
    before = training([], same_pictures=True).layout
    after = training([curve(fixed={"T": 4.0})]).layout
    assert before.xaxis3.domain == after.xaxis3.domain and before.height == after.height


def test_a_resumed_run_stands_where_it_was_before_its_first_step():
    resumed = Curve("run 1")
    resumed.add(Start(100, 10, {}, at=40))
    assert resumed.at == 4.0 and "no step yet" in describe(resumed)


def test_the_alternative_text_names_what_the_parts_show():
    alt = training([curve()]).layout.meta["alt"]
    assert alt.endswith("loss terms in training, nats, validation accuracy")
