"""Sweeps: what a spec means, resuming, the teacher's memory, and what the summary says."""

import json

import torch
from pytest import approx, fixture, raises

from labkit import data, models
from labkit.training import sweep as sweeps
from labkit.training import workers
from labkit.training.replay import Replay

SPEC = {
    "baseline": "kd",
    "data": {"name": "motif100", "train": 128, "val": 64, "test": 64, "difficulty": 0.1},
    "pairs": {
        "small": {"teacher": "resnet20", "student": "convnet", "learning_rate": 0.3},
        "other": {"teacher": "resnet20", "student": "resnet8", "learning_rate": 0.1},
    },
    "epochs": 1,
    "batch_size": 64,
    "precision": "fp32",
    "rows": {
        "labels": {"method": "cross-entropy", "seeds": 2},
        "kd": {"method": "kd", "seeds": 2},
        "at + kd": {"method": "at", "alpha": 1.0, "seeds": 1, "pairs": ["small"]},
        "rkd": {"method": "rkd", "beta": [0.5, 1.0], "seeds": 1, "pairs": ["small"]},
    },
}


@fixture(scope="module")
def records(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "runs.jsonl"
    return sweeps.sweep(SPEC, out, device="cpu"), out


def test_rows_run_for_every_pair_or_for_those_they_name():
    runs = list(sweeps.expand(SPEC))
    assert len(runs) == 2 * 2 + 2 * 2 + 1 + 2
    assert {r["pair"] for r in runs if r["label"] == "kd"} == {"small", "other"}
    assert {r["student"] for r in runs if r["pair"] == "other"} == {"resnet8"}
    assert all("pairs" not in r and "seeds" not in r for r in runs)
    assert {r.get("beta") for r in runs if r["label"] == "rkd"} == {0.5, 1.0}


def test_a_second_call_runs_nothing_and_a_cut_line_runs_again(records, monkeypatch):
    found, out = records
    ran = []
    one = workers.one
    monkeypatch.setattr(
        workers, "one", lambda *args, **more: ran.append(args[0]) or one(*args, **more)
    )
    assert sweeps.sweep(SPEC, out, device="cpu") == found
    assert ran == []
    whole = out.read_text()
    out.write_text(whole[:-40])
    again = sweeps.sweep(SPEC, out, device="cpu")
    assert len(ran) == 1
    out.write_text(whole)
    results = [[r["result"] for r in rows] for rows in (again, found)]
    assert results[0] == results[1]  # the run done again gave the same


def test_each_pair_is_compared_with_its_own_baseline(records):
    table = sweeps.summarise(records[0], "kd")
    by = {(r["run"]["pair"], r["run"]["label"], r["run"]["seed"]): r for r in records[0]}
    accuracy = {key: r["result"]["test_accuracy"] for key, r in by.items()}
    for pair in ("small", "other"):
        row = table["by_label"][f"{pair}/labels"]
        hand = [accuracy[pair, "labels", s] - accuracy[pair, "kd", s] for s in (0, 1)]
        assert row["difference"]["mean"] == approx(sum(hand) / 2)
        assert row["difference"]["n"] == 2
    assert "small/rkd" not in table["by_label"]  # two settings under one label
    json.dumps(table)


def test_the_knobs_are_the_methods_usual_ones_unless_the_row_says(records):
    terms = {r["run"]["label"]: r["curve"][0]["terms"] for r in records[0]}
    assert set(terms["at + kd"]) == {"labels", "at", "kd"}
    assert set(terms["rkd"]) == {"labels", "rkd"}


def test_replay_answers_as_the_teacher_and_asks_it_once():
    asked = []
    network = models.build("convnet", 10).eval()

    def teacher(images):
        asked.append(len(images))
        return network(images)

    images = torch.randn(4, 3, 32, 32)
    replay, whole = Replay(teacher), network(images)
    for stream in ("a", "a", "b"):
        said = replay.rewind(stream)(images)
        assert torch.equal(said.pooled, whole.pooled) and torch.equal(said.logits, whole.logits)
        assert said.maps == ()
    assert len(asked) == 2
    assert torch.equal(replay.rewind("b", "maps")(images).maps[-1], whole.maps[-1])


def test_replay_keeps_small_maps_where_asked():
    network = models.build("wrn_16_2", 10).eval()
    images = torch.randn(4, 3, 32, 32)
    asked, whole = [], network(images)

    def teacher(images):
        asked.append(len(images))
        return whole

    replay = Replay(teacher)
    assert replay.rewind("a")(images).maps == ()
    for _ in range(2):
        said = replay.rewind("a", "small maps")(images)
        assert [m.shape[2] for m in said.maps] == [8, 8, 8, 8]
        block = whole.maps[1].unflatten(2, (8, 4)).unflatten(4, (8, 4)).mean((3, 5))
        assert torch.allclose(said.maps[1].float(), block, atol=2e-3)
        assert torch.allclose(said.maps[3].float(), whole.maps[3], atol=5e-3)
    assert len(asked) == 2, "once without maps, once with"
    assert replay.rewind("a", "pooled")(images).maps != () and len(asked) == 2


def test_a_method_without_its_teacher_says_so(tmp_path):
    spec = {k: v for k, v in SPEC.items() if k != "pairs"} | {"student": "convnet"}
    spec["rows"] = {"kd": {"method": "kd", "seeds": 1}}
    with raises(ValueError, match="needs a teacher"):
        sweeps.sweep(spec, tmp_path / "runs.jsonl", device="cpu")
    spec["rows"] = {"kd": {"method": "kdd", "seeds": 1}}
    with raises(ValueError, match="unknown method"):
        sweeps.sweep(spec, tmp_path / "runs.jsonl", device="cpu")


def test_the_sweep_and_fit_alone_give_the_same_run(records):
    """Replay changes no number: the teacher asked live gives the record's curve."""
    from labkit import training

    dataset = data.load(**SPEC["data"])
    events = training.distill(
        "convnet", "resnet20", "kd", dataset, epochs=1, precision="fp32", device="cpu"
    )
    live = training.run(events, on_event=lambda event: None)
    stored = next(
        r for r in records[0]
        if (r["run"]["pair"], r["run"]["label"], r["run"]["seed"]) == ("small", "kd", 0)
    )  # fmt: skip
    assert live["result"] == stored["result"]
