"""Sweeps of image-text pairs: one record a run, compared within a batch size."""

import json
import math

from pytest import approx, mark, raises

from labkit import data, models
from labkit.training import image_text_runs, sweep

SPEC = {
    "captions": "class",
    "baseline": "clip",
    "data": {"name": "motif100", "train": 200, "val": 100, "test": 100},
    "pairs": {"B = 10": {"batch_size": 10}, "B = 20": {"batch_size": 20}},
    "network": "linear",
    "pictures": 100,
    "evaluations": 1,
    "rows": {
        "clip": {"loss": "clip", "seeds": 2},
        "all": {"loss": "clip_lite", "negatives": 99, "seeds": 2, "pairs": ["B = 20"]},
    },
}


@mark.slow
def test_rows_are_compared_within_their_batch_size_and_resumed(tmp_path):
    records = sweep.sweep(SPEC, tmp_path / "s.jsonl", device="cpu")
    assert len(records) == 6
    table = sweep.summarise(records, "clip")["by_label"]
    row = table["B = 20/all"]
    assert row["difference"]["n"] == 2
    mean = {k: table[f"B = 20/{k}"]["test_accuracy"]["mean"] for k in ("clip", "all")}
    assert row["difference"]["mean"] == approx(mean["all"] - mean["clip"])
    assert {"test_image_to_text", "scale"} <= row.keys()
    before = (tmp_path / "s.jsonl").read_text()
    assert json.dumps(sweep.sweep(SPEC, tmp_path / "s.jsonl")) == json.dumps(records)
    assert (tmp_path / "s.jsonl").read_text() == before


def test_a_setting_and_a_result_of_one_name_both_stand_in_the_summary():
    result = {"test_accuracy": 0.5, "scale": 30.0}
    rows = {"clip": {}, "warm": {"scale": 5}}
    runs = [{"label": label, "seed": 0, **settings} for label, settings in rows.items()]
    records = [{"run": r, "result": result, "seconds": 1, "curve": []} for r in runs]
    table = sweep.summarise(records, "clip")["by_label"]
    assert table["warm"]["scale"] == 5 and "scale" not in table["clip"]
    assert table["clip"]["final_scale"]["mean"] == table["warm"]["final_scale"]["mean"] == 30.0


def test_scale_and_bias_start_as_their_papers_have_them():
    pictures = data.load("motif100", train=100, val=100, test=100, progress=False)
    clip = image_text_runs.built({"loss": "clip", "seed": 0}, pictures)
    assert clip.scale.item() == approx(1 / 0.07)
    siglip = image_text_runs.built({"loss": "siglip", "batch_size": 64, "seed": 0}, pictures)
    assert (siglip.scale.item(), siglip.bias.item()) == (approx(10), approx(-math.log(63)))
    mine = image_text_runs.built(
        {"loss": "siglip", "scale": 5.0, "bias": -1.0, "seed": 0}, pictures
    )
    assert (mine.scale.item(), mine.bias.item()) == (approx(5), approx(-1))


def test_a_wrong_loss_is_said(tmp_path):
    wrong = SPEC | {"rows": {"clip": {"loss": "nothing", "seeds": 1}}}
    with raises(ValueError, match="unknown loss 'nothing'"):
        sweep.sweep(wrong, tmp_path / "s.jsonl", device="cpu")


@mark.slow
def test_pictures_with_names_only_get_their_words_from_templates(tmp_path):
    rows = {
        "clip": {"loss": "clip", "seeds": 1, "templates": [["a photo of {}"]], "held_out": [[2, 7]]}
    }
    (record,) = sweep.sweep(
        SPEC | {"rows": rows, "pairs": {"B = 10": {"batch_size": 10}}},
        tmp_path / "s.jsonl",
        device="cpu",
    )
    assert record["run"]["templates"] == ["a photo of {}"]
    assert 0 <= record["result"]["test_held_out"] <= 1


@mark.slow
def test_a_row_can_ship_its_first_pair(tmp_path, monkeypatch):
    monkeypatch.setattr(models.teachers, "TEACHERS", tmp_path)
    rows = {"clip": {"loss": "clip_lite", "seeds": 2, "ship": "mine"}}
    enough = {**SPEC["data"], "train": 300}  # three of every class, one for each fold
    records = sweep.sweep(
        SPEC | {"data": enough, "rows": rows, "pairs": {"B = 10": {"batch_size": 10}}},
        tmp_path / "s.jsonl",
        device="cpu",
    )
    card = models.teacher_card("mine")
    assert card["result"] == records[0]["result"]
    assert card["config"]["seed"] == 0
    assert card["probe"]["pictures"] == 300
    assert models.load_image_text("mine").facts["network"] == "linear"
