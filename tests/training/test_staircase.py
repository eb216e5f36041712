"""The recorded stair: rows, resumption, summary, and the shipped numbers beside the published."""

import json

import pytest
import torch
from pytest import approx

from labkit.training import reference, staircase
from labkit.training.records import REFERENCE

SPEC = {
    "stages": [1, 2], "steps": 16, "batch_size": 8, "dim": 2, "learning_rate": 5e-4, "seeds": 2,
    "rows": {"ours": {"objective": "info_nce"}, "half": {"objective": "interpolated", "steps": 8},
             "read": {"objective": "jsd"}},
}  # fmt: skip


def test_every_row_and_seed_is_a_run():
    runs = list(staircase.expand(SPEC))
    assert [(run["label"], run["seed"]) for run in runs] == [
        (label, seed) for seed in (0, 1) for label in SPEC["rows"]
    ]
    assert [run["steps"] for run in runs] == [16, 8, 16, 16, 8, 16]


def test_a_climb_goes_on_where_it_was_cut_off(tmp_path):
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    records = staircase.climb(SPEC, whole)
    lines = whole.read_text().splitlines(keepends=True)
    assert len(lines) == 6
    cut.write_text("".join(lines[:3]) + lines[3][:40] + "\n")
    again = staircase.climb(SPEC, cut)
    assert [r["result"] for r in again] == [r["result"] for r in records]
    assert cut.read_text().startswith("".join(lines[:3]))


def test_the_summary_follows_from_the_runs(tmp_path):
    table = json.loads(staircase.main(tmp_path, SPEC).read_text())
    assert table["spec"] == SPEC and table["versions"]["torch"] == torch.__version__
    runs = staircase.read(tmp_path / "lab02.jsonl")
    two = [r["result"]["info_nce"]["mean"][1] for r in runs if r["run"]["label"] == "ours"]
    entry = table["rows"]["ours"]["readouts"]["info_nce"]["2"]
    assert entry["mean"] == approx(sum(two) / 2, abs=1e-4) and entry["seeds"] == 2
    assert entry["spread"] == approx(abs(two[0] - two[1]) / 2**0.5, abs=2e-4)
    curve = table["rows"]["ours"]["curve"]
    assert curve["every"] == 1 and len(curve["info_nce"]) == 32
    names = {"jsd", "jsd-nwj", "jsd-nwj-forgot-1", "smile-1", "smile-5", "smile-inf"}
    assert set(table["rows"]["read"]["readouts"]) == names


def test_one_critic_read_in_six_ways():
    scores = torch.randn(8, 8, generator=torch.Generator().manual_seed(0)) + torch.eye(8)
    trained, readouts = staircase.objective("jsd")
    values = {name: read(scores).item() for name, read in readouts.items()}
    assert trained(scores).item() == values["jsd"]
    assert values["smile-inf"] != approx(values["smile-1"])
    shifted = readouts["jsd-nwj-forgot-1"](scores + 1).item()
    assert shifted == approx(values["jsd-nwj"], abs=1e-6)


def test_mine_remembers_from_batch_to_batch():
    bound, _ = staircase.objective("mine")
    assert bound(torch.zeros(4, 4)).item() == approx(0, abs=1e-6) and bound.state == 1
    bound(torch.ones(4, 4))
    assert bound.state == approx(0.9 + 0.1 * 2.718281828)


def test_an_unknown_objective_is_named():
    with pytest.raises(ValueError, match=r"unknown objective 'infonce'.*Did you mean 'info_nce'"):
        staircase.objective("infonce")


def test_the_shipped_summary_is_that_of_the_shipped_runs():
    runs = {json.dumps(r["run"]): r for r in staircase.read(REFERENCE / "lab02.jsonl")}
    records = [runs[json.dumps(run)] for run in staircase.expand(staircase.SPEC)]
    shipped = reference("lab02")
    assert shipped["spec"] == staircase.SPEC
    assert shipped["rows"] == json.loads(json.dumps(staircase.summarise(records)["rows"]))


PUBLISHED_RECIPE = {  # nats at the truths 2, 4, 6, 8, 10, one seed: (row, what is read) -> means
    ("info_nce", "info_nce"): (1.64, 2.87, 3.59, 3.93, 4.06),
    ("jsd", "smile-inf"): (1.63, 3.30, 5.03, 6.85, 8.73),
    ("jsd", "smile-5"): (1.67, 3.64, 5.82, 8.07, 10.39),
    ("jsd", "smile-1"): (2.05, 4.18, 6.23, 8.22, 10.16),
    ("interpolated-0.0067", "interpolated"): (1.56, 3.02, 4.36, 5.57, 6.56),
    ("interpolated-0.5", "interpolated"): (1.69, 3.18, 4.25, 4.95, 5.35),
    ("interpolated-0.9933", "interpolated"): (1.63, 2.99, 3.90, 4.46, 4.77),
}


@pytest.mark.parametrize(("label", "name"), PUBLISHED_RECIPE)
def test_the_shipped_record_agrees_with_an_independent_run(label, name):
    row = reference("lab02")["rows"][label]["readouts"][name]
    for truth, expected in zip((2, 4, 6, 8, 10), PUBLISHED_RECIPE[label, name], strict=True):
        assert row[f"{truth}"]["seeds"] == 3
        assert row[f"{truth}"]["mean"] == approx(expected, abs=0.3), truth
