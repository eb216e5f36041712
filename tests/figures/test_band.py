"""The band of recorded runs, and what is said of a run that leaves it."""

import numpy as np
import pytest

from labkit.figures import band
from labkit.figures.curve import Curve
from labkit.training import Evaluation, KnobChange, Start, Step

RECORDED = {"epoch": [1, 2, 4], "mean": [0.1, 0.2, 0.4], "std": [0.01, 0.02, 0.03]}


def run(value, *, epoch=4.0, metric="accuracy", config=None, knobs=None):
    made = Curve("run 1", knobs or {})
    made.add(Start(4, 4, config or {}))
    made.add(Step(4, epoch, {"kd": 1.0}, 0.01))
    made.add(Evaluation(4, epoch, {metric: value}))
    return made


@pytest.mark.parametrize(
    ("value", "epoch", "told"),
    [(0.45, 4.0, False), (0.47, 4.0, True), (0.33, 4.0, True), (0.35, 3.0, False), (0.36, 3, True)],
)
def test_two_standard_deviations_are_the_border(value, epoch, told):
    assert bool(band.outside(run(value, epoch=epoch), {"accuracy": RECORDED})) == told


def test_nothing_is_said_where_nothing_is_known():
    assert band.outside(run(0.9), None) == ""
    assert band.outside(Curve("run 1"), {"accuracy": RECORDED}) == ""
    assert band.outside(run(0.9, epoch=5.0), {"accuracy": RECORDED}) == ""  # nothing recorded there
    one_run = RECORDED | {"std": [float("nan")] * 3}
    assert band.outside(run(0.9), {"accuracy": one_run}) == ""
    assert band.outside(run(0.9, metric="probe"), {"accuracy": RECORDED}) == ""


def test_causes_go_from_the_most_specific_to_chance():
    config = {
        "epochs": 2, "batch_size": 64, "learning_rate": 0.3, "seed": 7, "student": "resnet8",
        "data": {"name": "motif100", "train": 1000}, "knobs": {"temperature": 4.0},
    }  # fmt: skip
    recorded = {
        "label": "kd", "seed": 0, "temperature": 4, "epochs": 12, "batch_size": 64,
        "learning_rate": 0.3, "student": "convnet", "data": {"name": "motif100", "train": 5000},
        "test_accuracy": {"mean": 0.4, "n": 5},
    }  # fmt: skip
    leaving = run(0.05, epoch=1.0, config=config, knobs={"temperature": 4.0})
    leaving.add(KnobChange(4, "temperature", 4.0, 16.0))
    assert band.outside(leaving, {"accuracy": RECORDED, "run": recorded}) == (
        "Outside the band of 5 recorded runs at epoch 1 (5.0% vs 10.0% ± 1.0%). Likely causes: "
        "epochs is 2, recorded 12; student is resnet8, recorded convnet; train is 1000, recorded "
        "5000; temperature was moved to 16 at epoch 1.0; another seed (about 1 run in 20 lies "
        "outside); too early to tell (epoch 1 of 4)."
    )


def test_a_knob_that_differs_from_the_start_is_the_first_cause():
    told = band.outside(
        run(0.9, config={"epochs": 4}, knobs={"temperature": 8.0}),
        {"accuracy": RECORDED, "run": {"epochs": 12, "temperature": 4}},
    )
    assert "of the recorded runs at" in told
    assert "causes: temperature is 8, recorded 4; epochs is 4, recorded 12; another seed" in told


def test_a_band_of_probe_scores_is_held_against_probe_scores():
    reference = {"probe": RECORDED, "n": 3}
    assert "3 recorded runs" in band.outside(run(0.9, metric="probe"), reference)
    low, high = band.traces(reference)[1], band.traces(reference)[0]
    assert np.allclose(high["y"] - low["y"], 2 * np.array(RECORDED["std"]))
