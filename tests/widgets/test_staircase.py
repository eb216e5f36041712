"""The stair's panel without a front end: it trains, follows its knobs, stops and goes on."""

import json
from functools import partial

import torch

from labkit import data, training, widgets
from labkit.figures.staircase import staircase
from labkit.losses import mutual_information as mi


def begin(control):
    def sample(nats, generator):
        batch = int(control.knobs["negatives"]) + 1
        return data.gaussians.correlated(batch, 3, nats, generator=generator)

    torch.manual_seed(0)
    critic = torch.nn.Bilinear(3, 3, 1)

    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = critic.weight

        def forward(self, x, y):
            return x @ self.weight[0] @ y.T

    return training.estimate(
        mi.jsd, {"InfoNCE": mi.info_nce}, critic=Scores(), sample=sample, stages=(1.0, 2.0),
        steps=8, dim=3, control=control,
    )  # fmt: skip


def panel():
    knobs = {"negatives": widgets.negatives(7, [7, 15])}
    recorded = {"InfoNCE": [0.5, 1.0]}
    draw = partial(staircase, reference=recorded)
    return widgets.TrainingPanel("stair", begin, knobs=knobs, driver="blocking", draw=draw)


def test_it_waits_with_the_truth_and_what_was_recorded():
    stair = panel()
    assert [trace.name for trace in stair.figure.data] == ["truth", "InfoNCE, recorded"]
    assert stair.figure in stair.box.children
    assert stair.caption == "No run yet: press Start."


def test_a_run_is_drawn_against_the_truth_and_its_knobs_reach_it():
    stair = panel()
    stair.step()
    assert "step 1 of 16, the truth is 1 nats" in stair.caption
    stair.widgets["negatives"].value = 15
    stair.resume()
    assert stair.state == "done"
    names = [trace.name for trace in stair.figure.data]
    assert names == ["truth", "InfoNCE, recorded", "InfoNCE", "InfoNCE"]
    assert stair.figure.layout.annotations[0].text == "negatives 7 → 15"
    record = stair.result()
    assert len(record["result"]["InfoNCE"]["mean"]) == 2
    assert record["config"]["knobs"] == {"negatives": 7.0}
    assert record["knob_changes"] == [{"step": 1, "name": "negatives", "new": 15.0}]
    assert "step 16 of 16" in stair.line.value
    assert max(stair.curves[0].terms["InfoNCE"]) < torch.tensor(16.0).log()


def test_a_failure_is_shown():
    def broken(control):
        yield training.Start(1, 1.0, {})
        raise FloatingPointError("the objective is nan")

    stair = widgets.TrainingPanel("stair", broken, knobs={}, driver="blocking", draw=staircase)
    stair.start()
    assert stair.state == "failed"
    assert "the objective is nan" in stair.line.value


def test_a_finished_run_leaves_its_record(tmp_path, monkeypatch):
    monkeypatch.setenv("LABKIT_RUNS", str(tmp_path))
    stair = panel()
    stair.start()
    path, code = stair.export()
    assert json.loads(path.read_text())["result"] == stair.result()["result"]
    assert code is None
    assert f"Saved: the record in {path}." in stair.line.value
