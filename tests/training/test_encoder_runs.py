"""Lab 03's record: every row of its spec, run once, and a summary that follows from the runs."""

import copy
import json

import pytest

from labkit.training import encoder_runs, reference
from labkit.training.records import REFERENCE


def small():
    spec = copy.deepcopy(encoder_runs.SPEC)
    kept = ("contrastive", "labels", "untrained")
    rows = {label: spec["rows"][label] for label in kept}
    data = {"name": "motif100", "train": 128, "val": 100, "test": 100}
    grid = {"temperature": [0.2], "negatives": [4], "seeds": 1}
    return spec | {"rows": rows, "data": data, "epochs": 1, "seeds": 1, "surface": grid}


@pytest.mark.slow
def test_a_small_record_resumes_and_summarises(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    out = encoder_runs.main(tmp_path, small())
    first = json.loads(out.read_text())
    assert set(first["by_label"]) == {"contrastive", "labels", "untrained"}
    assert first["by_label"]["untrained"]["curve"]["epoch"] == []
    assert first["surface"][0]["negatives"] == 4
    row = first["by_label"]["contrastive"]
    assert set(row["factors"]) == {"label", *encoder_runs.FACTORS}
    assert row["probe"] == row["factors"]["label"]
    capsys.readouterr()
    lines = (tmp_path / "lab03.jsonl").read_text()
    encoder_runs.main(tmp_path, small())
    assert (tmp_path / "lab03.jsonl").read_text() == lines
    assert "seed" not in capsys.readouterr().err  # nothing was run again


def test_the_spec_has_three_seeds_a_row_and_a_surface_of_sixteen():
    runs = list(encoder_runs.expand(encoder_runs.SPEC))
    labels = [run["label"] for run in runs]
    rows = encoder_runs.SPEC["rows"]
    assert all(labels.count(label) == row.get("seeds", 3) for label, row in rows.items())
    assert [label for label, row in rows.items() if "seeds" in row] == [
        "contrastive-0.1",
        "triplet-0.1",
    ]
    cells = {tuple(r["knobs"].values()) for r in runs if r["label"] == "surface"}
    assert len(cells) == 16


def test_the_shipped_summary_is_of_the_shipped_runs():
    runs = {json.dumps(r["run"]): r for r in encoder_runs.read(REFERENCE / "lab03.jsonl")}
    records = [runs[json.dumps(run)] for run in encoder_runs.expand(encoder_runs.SPEC)]
    shipped = reference("lab03")
    made = json.loads(json.dumps(encoder_runs.summarise(records)))
    assert {k: shipped[k] for k in made} == made
    assert shipped["spec"] == encoder_runs.SPEC
