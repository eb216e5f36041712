"""What a sweep may tell of a trained student beyond its accuracy."""

import json

import torch
from pytest import approx, fixture, raises

from labkit import data, evaluation, models
from labkit.training import sweep as sweeps
from labkit.training.inside import UNSEEN, inside


@fixture(scope="module")
def pictures():
    return data.load("motif100", train=300, val=50, test=300, difficulty=0.1, progress=False)


@fixture(scope="module")
def found(pictures):
    student, teacher = models.build("convnet", 100, seed=0), models.load_teacher("wrn_16_2")
    return inside(student, teacher, pictures), student, teacher


def test_a_network_beside_itself_agrees_in_all(pictures):
    network = models.load_teacher("wrn_16_2")
    same = inside(network, network, pictures)
    assert same["agreement"] == 1 and same["divergence"] == approx(0, abs=1e-6)
    assert [row[n] for n, row in enumerate(same["alignment"])] == approx([1] * 5, abs=1e-4)
    json.dumps(same)


def test_likeness_by_hand(pictures, found):
    said, student, teacher = found
    p, q = (evaluation.predict(n, pictures).double().softmax(1) for n in (teacher, student))
    assert said["agreement"] == approx((p.argmax(1) == q.argmax(1)).double().mean().item())
    assert said["divergence"] == approx((p * (p / q).log()).sum(1).mean().item(), rel=1e-4)
    shape = len(said["alignment"]), len(said["alignment"][0])
    assert shape == (4, 5)  # three stages and the vectors; stem, three stages and the vectors


def test_the_bins_add_up_to_the_error(pictures):
    network = models.load_teacher("wrn_16_2")
    said = inside(network, network, pictures)
    count, sure, right = torch.tensor(said["bins"]).T
    assert count.sum() == 300
    error = (count / 300 * (sure - right).abs()).sum().item()
    assert said["calibration"] == approx(error, abs=2e-3)
    logits = evaluation.predict(network, pictures)
    accuracy = evaluation.accuracy(logits, pictures.test.labels)
    assert (count * right).sum().item() / 300 == approx(accuracy, abs=1e-3)


def test_probes_read_what_is_there(pictures, monkeypatch):
    """Vectors that hold a factor give it away, and nothing else does."""

    def vectors(student, dataset, split):
        part = dataset.split(split).factors
        return torch.cat(
            [torch.nn.functional.one_hot(part["color"], 20).float(), part["x"][:, None]], 1
        )

    monkeypatch.setattr(evaluation, "pooled", vectors)
    network = models.build("convnet", 100)
    said = inside(network, network, pictures)["probes"]
    assert set(said) == set(UNSEEN)
    assert said["color"] > 0.95 and said["x"] > 0.75
    assert said["rotation"] < 0.5 and said["y"] < 0.5  # thirds: 0.33 at chance


def test_a_sweep_keeps_it_where_the_spec_asks(tmp_path):
    spec = {
        "baseline": "labels", "teacher": "resnet20", "student": "convnet", "epochs": 1,
        "data": {"name": "motif100", "train": 128, "val": 64, "test": 64, "difficulty": 0.1},
        "rows": {"labels": {"method": "cross-entropy", "seeds": 1}}, "inside": True,
    }  # fmt: skip
    (record,) = sweeps.sweep(spec, tmp_path / "runs.jsonl", device="cpu")
    assert set(record["inside"]) >= {"agreement", "calibration", "alignment", "probes"}
    assert "inside" not in record["run"]
    with raises(ValueError, match="inside"):
        sweeps.sweep(spec | {"teacher": None}, tmp_path / "none.jsonl", device="cpu")
